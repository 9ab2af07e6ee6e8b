/* The Neurons view: its screens, what it asks, the sliders, what is typed. */
#include "engine/base/memory.h"
#include "tests/support/requests.h"
#include "tests/support/unit.h"
#include "tests/support/view_fixture.h"
#include "tui/view/neurons/neurons_private.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct view_fixture f; /* too large for the stack */

/* ---- tables as the studies make them */
static struct table *columns(const char *name, enum mark mark, const char *const *text, int n_text,
                             const char *const *number, int n_number)
{
    struct table *t = table_new(name, "", mark);
    for (int i = 0; i < n_text; i++)
        table_column(t, text[i], "", "", COLUMN_STR, i ? COLUMN_SERIES : COLUMN_KEY);
    for (int i = 0; i < n_number; i++)
        table_column(t, number[i], "", "", COLUMN_F64, COLUMN_TEXT);
    return t;
}

static struct table_set *classified(const struct request *r)
{
    static const char *const text[] = {"unit"}, *const number[] = {"f1", "train_accuracy",
                                                                   "test_accuracy", "mean.da",
                                                                   "mean.en"};
    const struct unit_id *unit = units_asked(r);
    const int n = n_units_asked(r);
    struct table *t = columns("rows", MARK_LIST, text, 1, number, 5),
                 *h = table_new("histogram", "", MARK_HIST);
    table_column(h, "unit", "", "", COLUMN_STR, COLUMN_FACET);
    table_column(h, "class", "", "", COLUMN_STR, COLUMN_SERIES);
    table_column(h, "lo", "", "", COLUMN_F64, COLUMN_LO);
    table_column(h, "hi", "", "", COLUMN_F64, COLUMN_HI);
    table_column(h, "share", "share", "", COLUMN_F64, COLUMN_Y);
    for (int i = 0; i < n; i++) {
        char name[UNIT_NAME_MAX];
        const int64_t row = table_row(t);
        snprintf(name, sizeof name, "%d", (int)unit[i].index);
        table_set_str(t, row, 0, name);
        const double value[] = {.95 - .1 * i, .9, .9 - .1 * i, 4 - .5 * i, .1 * i};
        for (int c = 0; c < 5; c++)
            table_set_f64(t, row, 1 + c, value[c]);
        for (int b = 0; b < 20; b++) {
            const int64_t bin = table_row(h);
            table_set_str(h, bin, 0, name);
            table_set_str(h, bin, 1, b % 2 ? "en" : "da");
            table_set_f64(h, bin, 2, b / 2);
            table_set_f64(h, bin, 3, b / 2 + 1);
            table_set_f64(h, bin, 4, b % 2 ? .3 / (b + 1) : .1);
        }
    }
    struct table_set *s = set_of(t);
    table_set_add(s, h);
    return s;
}

static struct table_set *ablated(const struct request *r)
{
    static const char *const text[] = {"units", "class", "set"}, *const number[] = {"difference",
                                                                                    "percent"};
    struct table *t = columns("rows", MARK_BAR, text, 3, number, 2);
    for (int i = 0; i < 2 * n_units_asked(r); i++) {
        char name[UNIT_NAME_MAX];
        const int64_t row = table_row(t);
        snprintf(name, sizeof name, "%d", (int)units_asked(r)[i / 2].index);
        table_set_str(t, row, 0, name);
        table_set_str(t, row, 1, i % 2 ? "en" : "da");
        table_set_f64(t, row, 4, i % 2 ? -.01 : .6 - .1 * i);
    }
    return set_of(t);
}

static struct table *tokens_of(const char *name, int n, double sign)
{
    static const char *const text[] = {"text", "bytes"}, *const number[] = {"id", "boost"};
    struct table *t = columns(name, MARK_LIST, text, 2, number, 2);
    for (int i = 0; i < n; i++) {
        const int64_t row = table_row(t);
        table_set_str(t, row, 0, i ? " paa" : NULL);
        table_set_str(t, row, 1, i ? "20706161" : "c3"); /* a part of a character */
        table_set_f64(t, row, 2, i);
        table_set_f64(t, row, 3, sign * (20 - i));
    }
    return t;
}

static bool out_of_bounds; /* what units boost: no token is kept */

static struct table_set *boosts(void)
{
    const int n = out_of_bounds ? 0 : 9;
    struct table_set *s = set_of(tokens_of("boosted", n, 1));
    table_set_add(s, tokens_of("inhibited", n, -1));
    struct table *h = table_new("histogram", "", MARK_HIST);
    table_column(h, "lo", "", "", COLUMN_F64, COLUMN_LO);
    table_column(h, "hi", "", "", COLUMN_F64, COLUMN_HI);
    table_column(h, "tokens", "", "", COLUMN_I64, COLUMN_Y);
    table_set_add(s, h);
    return s;
}

/* ---- other studies */
static struct table_set *attributed(void)
{
    static const char *const text[] = {"point", "class"}, *const number[] = {"difference"};
    struct table *t = columns("rows", MARK_LINE, text, 2, number, 1);
    table_column(t, "layer", "", "", COLUMN_I64, COLUMN_X);
    t->cols[2].role = COLUMN_Y;
    for (int i = 0; i < 10; i++) {
        const int64_t row = table_row(t);
        table_set_str(t, row, 0, "layers.0.resid.pre");
        table_set_str(t, row, 1, i % 2 ? "en" : "da");
        table_set_f64(t, row, 2, i % 2 ? 0 : .2 * i);
        table_set_i64(t, row, 3, i / 2);
    }
    return set_of(t);
}

static struct table_set *effects(void)
{
    static const char *const text[] = {"class"}, *const number[] = {"total", "direct", "indirect"};
    struct table *t = columns("rows", MARK_BAR, text, 1, number, 3);
    for (int i = 0; i < 2; i++) {
        const int64_t row = table_row(t);
        table_set_str(t, row, 0, i ? "en" : "da");
        for (int c = 0; c < 3; c++)
            table_set_f64(t, row, 1 + c, .0123 * (3 - c) - .01 * i);
    }
    return set_of(t);
}

static struct table_set *patched(void)
{
    static const char *const text[] = {"component", "class"}, *const number[] = {
                                                                  "loss", "difference", "percent"};
    struct table *t = columns("rows", MARK_BAR, text, 2, number, 3);
    const int64_t row = table_row(t);
    table_set_str(t, row, 0, "layers.2.mlp.out");
    table_set_str(t, row, 1, "da");
    table_set_f64(t, row, 2, 3.5);
    table_set_f64(t, row, 3, .1);
    table_set_f64(t, row, 4, 7.93);
    return set_of(t);
}

static struct table_set *downstream(void)
{
    static const char *const text[] = {"unit"}, *const number[] = {"mean", "sd", "score"};
    struct table *t = columns("rows", MARK_BAR, text, 1, number, 3);
    for (int i = 0; i < 12; i++) {
        char name[16];
        const int64_t row = table_row(t);
        snprintf(name, sizeof name, "%d", 100 + i);
        table_set_str(t, row, 0, name);
        table_set_f64(t, row, 1, 1.5 - .2 * i);
        table_set_f64(t, row, 2, .4);
        table_set_f64(t, row, 3, 1.1 - .2 * i);
    }
    return set_of(t);
}

static struct table_set *shifted(void)
{
    static const char *const text[] = {"unit", "class"}, *const number[] = {"shift", "on", "off"};
    struct table *t = columns("rows", MARK_BAR, text, 2, number, 3);
    const int64_t row = table_row(t);
    table_set_str(t, row, 0, "102");
    table_set_str(t, row, 1, "da");
    table_set_f64(t, row, 2, -1.25);
    table_set_f64(t, row, 3, 1);
    table_set_f64(t, row, 4, -.25);
    return set_of(t);
}

static struct table_set *examples(void)
{
    static const char *const text[] = {"text", "bytes", "class"},
                             *const number[] = {"doc", "score", "difference"},
                             *const words[] = {"Hun", " cyklede", " hjem"};
    struct table *best = columns("examples", MARK_LIST, text, 3, number, 3),
                 *t = columns("rows", MARK_TEXT, text, 3, number, 3);
    table_column(t, "position", "", "", COLUMN_I64, COLUMN_TEXT);
    for (int i = 0; i < 12; i++) {
        const int64_t row = table_row(t);
        if (i % 3 == 0) {
            const int64_t of = table_row(best);
            table_set_f64(best, of, 3, i / 3);
            table_set_f64(best, of, 4, 2.4 - i);
        }
        table_set_str(t, row, 0, words[i % 3]);
        table_set_f64(t, row, 3, i / 3);
        if (i % 3)
            table_set_f64(t, row, 5, i % 3 == 1 ? 1 : -1);
    }
    struct table_set *s = set_of(best);
    table_set_add(s, t);
    return s;
}

static struct table_set *chained(void)
{
    static const char *const text[] = {"chain", "class"}, *const number[] = {"on", "off"},
                             *const chain[] = {"L2N1 → L3N7 → loss", "L2N1 → loss"};
    struct table *t = columns("rows", MARK_BAR, text, 2, number, 2);
    for (int i = 0; i < 2; i++) {
        const int64_t row = table_row(t);
        table_set_str(t, row, 0, chain[i]);
        table_set_str(t, row, 1, "da");
        table_set_f64(t, row, 2, .0123);
        table_set_f64(t, row, 3, -.004);
    }
    return set_of(t);
}

static struct table_set *alike(void)
{
    static const char *const text[] = {"unit", "other"}, *const number[] = {"cosine"};
    struct table *t = columns("rows", MARK_LIST, text, 2, number, 1);
    const int64_t row = table_row(t);
    table_set_str(t, row, 0, "100");
    table_set_str(t, row, 1, "L3N735");
    table_set_f64(t, row, 2, .591);
    return set_of(t);
}

static struct table_set *answer_to(const struct request *r)
{
    const struct query *q = r->query;
    return q == &classify_query          ? classified(r)
           : q == &ablate_query          ? ablated(r)
           : q == &attribution_query     ? attributed()
           : q == &effects_query         ? effects()
           : q == &patch_query           ? patched()
           : q == &downstream_query      ? downstream()
           : q == &shift_query           ? shifted()
           : q == &neuron_examples_query ? examples()
           : q == &chains_query          ? chained()
           : q == &similar_query         ? alike()
                                         : boosts();
}

static struct job *last_of(const struct query *q)
{
    for (int i = f.n_jobs; i-- > 0;)
        if (f.job[i].request.query == q)
            return &f.job[i];
    return NULL;
}

/* The worker's part too: what the view wishes comes as a snapshot. */
static void answer_all(void)
{
    for (int i = 0; i < f.n_jobs; i++) {
        struct job *j = &f.job[i];
        if (j->status == JOB_DONE)
            continue;
        j->status = JOB_DONE;
        j->version++;
        j->tables = answer_to(&j->request);
        view_fixture_news(&f);
    }
    fixture_settle(&f.around);
    f.ops->heard(f.view, &f.in, NEWS_SNAPSHOT);
}

static void open_sized(int w, int h)
{
    view_fixture_init(&f, &neurons_view, DEPTH_256, false, w, h);
    shared_replace_text(&f.around.shell.sh, "Hun cyklede hjem", 16);
    view_fixture_enter(&f);
}

static void open_full(int w, int h)
{
    open_sized(w, h);
    answer_all();
}

static void act(enum action_id a)
{
    assert_true(f.ops->act(f.view, &f.in, a, false));
    answer_all();
}

static int close_view(void **state)
{
    (void)state;
    view_fixture_release(&f);
    return 0;
}
#define TEST(t) cmocka_unit_test_teardown(t, close_view)

static void test_screens(void **state)
{
    (void)state;
    static const struct screen_size size[] = {{20, 5}, {40, 12}, {80, 21}, {120, 33}};
    view_fixture_screens(&f, "neurons", open_full, size, sizeof size / sizeof *size);
}

static void test_lists_without_a_token_say_so(void **state)
{
    (void)state;
    out_of_bounds = true;
    open_full(120, 33);
    out_of_bounds = false;
    view_fixture_expect(&f, "no token has norms within the bounds");
    ((struct neurons *)f.view)->listed.listed = true;
    for (int i = 0; i < N_LIKELY; i++)
        ((struct neurons *)f.view)->listed.n[i] = 0;
    view_fixture_expect(&f, "no token is likely in either run");
}

static void test_what_it_asks(void **state)
{
    (void)state;
    open_full(80, 21);
    assert_int_equal(n_units_asked(&last_of(&classify_query)->request), 6);
    assert_int_equal(n_units_asked(&last_of(&ablate_query)->request), 6);
    const struct pair *p = &f.around.shell.sh.pair;
    assert_true(p->wanted && fabsf(p->at[AT_ON] - 4) < 1e-6f && fabsf(p->at[AT_OFF]) < 1e-6f);
    assert_true(p->least < -6.9 && p->max_norm > 14.9 && p->min_embed > .39);
    assert_null(last_of(&position_query)); /* the worker does it, not a job */
    act(ACTION_VIEW_DOWN);                 /* the next unit, at its own means */
    assert_true(fabsf(p->at[AT_ON] - 3.5f) < 1e-6f);
    act(ACTION_VIEW_RIGHT); /* its slider */
    assert_true(fabsf(p->at[AT_ON] - 4) < 1e-6f);
    act(ACTION_NEURONS_MEANS);
    view_fixture_expect(&f, "on    3.50");
    f.ops->leave(f.view, &f.in);
    assert_false(p->wanted); /* nobody looks */
}

/* The command line of what is shown. */
static void test_what_reproduces_it(void **state)
{
    (void)state;
    const double *value;
    struct request r;
    struct table *t;
    open_full(80, 21);
    act(ACTION_PREVIOUS_PANE); /* the text */
    assert_true(f.ops->request(f.view, &f.in, &r));
    assert_ptr_equal(r.query, &position_query);
    assert_string_equal(params_text(&r.params, "text"), "Hun cyklede hjem");
    assert_int_equal(params_values(&r.params, "on-at", &value), 1);
    assert_true(fabs(value[0] - 4) < 1e-12);
    const struct options none = {.model = "tiny"};
    struct options said;
    request_options(&r, &none, &f.around.wb, &said); /* a command line of its own needs it said */
    assert_int_equal(said.bos, SAID_NO);
    request_release(&r);
    request_options(&last_of(&classify_query)->request, &none, NULL, &said);
    assert_int_equal(said.bos, UNSAID);
    assert_non_null(t = f.ops->make_table(f.view, &f.in));
    assert_int_equal(t->n_rows, 3);
    assert_true(fabs(table_f64(t, 1, table_find(t, "difference")) - 1) < 1e-6);
    assert_false(table_has(t, 0, table_find(t, "loss_a")));
    table_free(t);
    for (int i = 0; i < 4; i++)
        act(ACTION_NEXT_PANE); /* the lists */
    assert_non_null(t = f.ops->make_table(f.view, &f.in));
    assert_int_equal(t->n_rows, 20);
    assert_string_equal(table_str(t, 19, 0), "reduced");
    table_free(t);
}

static void test_order_and_class(void **state)
{
    (void)state;
    int x, y;
    open_full(120, 33);
    const struct neurons *v = f.view;
    struct neuron_row r;
    for (int i = 0; i < 4; i++) /* F1 upwards, mean of da down, up, of en down */
        act(ACTION_SORT);
    assert_true(neurons_row(v, &f.in, 0, &r));
    assert_true(v->sort == BY_MEAN_OFF && !v->ascending);
    const double most = r.mean[1];
    assert_true(neurons_row(v, &f.in, 1, &r) && r.mean[1] < most);
    assert_true(view_fixture_find(&f, "%da", &x, &y)); /* by a press on its head */
    view_fixture_mouse(&f, MOUSE_PRESS, x, y, 1);
    assert_int_equal(v->sort, BY_CHANGE_ON);
    assert_true(neurons_row(v, &f.in, 0, &r) && fabs(r.change[0] - .6) < 1e-12);
    const float on = f.around.shell.sh.pair.at[AT_ON];
    act(ACTION_TARGET);
    assert_string_equal(params_text(&last_of(&classify_query)->request.params, "target"), "en");
    view_fixture_expect(&f, "en against da");
    assert_true(fabsf(f.around.shell.sh.pair.at[AT_OFF] - on) < 1e-6f); /* the other way round */
    act(ACTION_TARGET);
    view_fixture_expect(&f, "da against en");
}

static void expect_study(enum action_id a, const struct query *q, const char *shown)
{
    act(a);
    assert_non_null(last_of(q));
    view_fixture_expect(&f, shown);
}

static void test_studies(void **state)
{
    (void)state;
    const double *value;
    int x, y;
    open_full(120, 33);
    expect_study(ACTION_NEURONS_ATTRIBUTION, &attribution_query, "next token's logit");
    expect_study(ACTION_NEURONS_EFFECTS, &effects_query, "+0.0369 +0.0246 +0.0123");
    expect_study(ACTION_NEURONS_PATCH, &patch_query, "layers.2.mlp.out da");
    expect_study(ACTION_NEURONS_EXAMPLES, &neuron_examples_query, "+2.4 Hun cyklede hjem");
    expect_study(ACTION_NEURONS_CHAINS, &chains_query, "da L3N7 ");
    view_fixture_expect(&f, "da direct ");
    view_fixture_expect(&f, "+0.0123 −0.0040");
    expect_study(ACTION_NEURONS_SIMILAR, &similar_query, "+0.591");
    act(ACTION_NEURONS_EXAMPLES);
    assert_true(view_fixture_find(&f, "+2.4 Hun", &x, &y)); /* coloured by what is lost */
    assert_int_equal(f.grid.cell[y * f.grid.w + x + 5].style.bg, COLOR_DEFAULT);
    assert_int_not_equal(f.grid.cell[y * f.grid.w + x + 9].style.bg, COLOR_DEFAULT);
    act(ACTION_NEURONS_SHIFT);
    assert_null(last_of(&shift_query));
    view_fixture_expect(&f, "of which later unit? d lists them");
    expect_study(ACTION_NEURONS_DOWNSTREAM, &downstream_query, "+1.50");
    act(ACTION_PREVIOUS_PANE); /* from the list round to the studies */
    act(ACTION_PREVIOUS_PANE);
    act(ACTION_VIEW_DOWN);
    act(ACTION_VIEW_DOWN);
    expect_study(ACTION_NEURONS_SHIFT, &shift_query, "−1.25");
    assert_string_equal(params_text(&last_of(&shift_query)->request.params, "later"), "102");
    assert_int_equal(params_values(&last_of(&shift_query)->request.params, "on-at", &value), 0);
    act(ACTION_NEXT_PANE);
    act(ACTION_NEXT_PANE);
    act(ACTION_VIEW_DOWN); /* another unit: what is there is not its own */
    act(ACTION_NEURONS_EFFECTS);
    act(ACTION_VIEW_DOWN);
    view_fixture_expect(&f, "not measured for this unit");
    act(ACTION_VIEW_RIGHT); /* other values are said */
    expect_study(ACTION_NEURONS_EFFECTS, &effects_query, "+0.0369");
    assert_int_equal(params_values(&last_of(&effects_query)->request.params, "off-at", &value), 1);
}

static void test_every_study_of_another_class(void **state)
{
    (void)state;
    open_full(120, 33);
    act(ACTION_TARGET);
    static const enum action_id all[] = {
        ACTION_NEURONS_BOOSTS,   ACTION_NEURONS_ATTRIBUTION, ACTION_NEURONS_PATCH,
        ACTION_NEURONS_EFFECTS,  ACTION_NEURONS_DOWNSTREAM,  ACTION_NEURONS_SHIFT,
        ACTION_NEURONS_EXAMPLES, ACTION_NEURONS_CHAINS,      ACTION_NEURONS_SIMILAR};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        act(all[i]);
    assert_string_equal(params_text(&last_of(&effects_query)->request.params, "target"), "en");
    assert_non_null(last_of(&similar_query)); /* which knows of no class */
}

static void test_what_is_typed(void **state)
{
    (void)state;
    int x, y;
    open_full(80, 21);
    assert_true(view_fixture_find(&f, "cyklede", &x, &y)); /* worse without it */
    assert_int_not_equal(f.grid.cell[y * f.grid.w + x].style.bg, COLOR_DEFAULT);
    act(ACTION_NEURONS_TYPE);
    assert_int_equal(f.ops->context(f.view), IN_TYPING);
    act(ACTION_EDIT_TEXT_END);
    view_fixture_type(&f, " nu");
    view_fixture_draw(&f); /* what was read before stays coloured */
    assert_int_not_equal(f.grid.cell[y * f.grid.w + x].style.bg, COLOR_DEFAULT);
    answer_all();
    assert_true(view_fixture_find(&f, " nu", &x, &y));
    assert_int_not_equal(f.grid.cell[y * f.grid.w + x + 1].style.bg, COLOR_DEFAULT);
    act(ACTION_EDIT_BACKSPACE);
    act(ACTION_LEAVE);
    assert_int_equal(f.ops->context(f.view), IN_NEURONS_VIEW);
}

static void test_the_mouse_drags(void **state)
{
    (void)state;
    int x, y;
    open_full(120, 33);
    const struct neurons *v = f.view;
    assert_true(view_fixture_find(&f, "off   ", &x, &y));
    view_fixture_mouse(&f, MOUSE_PRESS, x + 14, y, 1);
    assert_true(f.ops->grabs(f.view));
    const double pressed = v->at[AT_OFF];
    assert_true(pressed < -4);
    view_fixture_mouse(&f, MOUSE_MOVE, x + 40, y, 1);
    assert_true(v->at[AT_OFF] > pressed);
    view_fixture_mouse(&f, MOUSE_RELEASE, x + 40, y, 1);
    assert_false(f.ops->grabs(f.view));
    assert_true(fabs(v->at[AT_ON] - 4) < 1e-12);
}

static void test_nothing_there(void **state)
{
    (void)state;
    view_fixture_init(&f, &neurons_view, DEPTH_256, false, 80, 21);
    shared_replace_text(&f.around.shell.sh, "", 0);
    view_fixture_enter(&f);
    answer_all();
    view_fixture_expect(&f, "no text: i types one");
    view_fixture_release(&f);
    view_fixture_init(&f, &neurons_view, DEPTH_256, false, 80, 21);
    f.around.wb.dict = NULL;
    view_fixture_enter(&f);
    view_fixture_expect(&f, "no SAE: start with --sae");
}

static void test_every_size(void **state)
{
    (void)state;
    open_full(80, 21);
    view_fixture_every_size(&f);
}

/* Without a choice all neurons of the layer. */
static void test_a_whole_layer(void **state)
{
    (void)state;
    view_fixture_init(&f, &neurons_view, DEPTH_256, false, 80, 21);
    fixture_neurons(&f.around, true);
    f.around.shell.sh.sliders.n = 0;
    f.around.wb.n_chosen = 0;
    view_fixture_enter(&f);
    assert_non_null(last_of(&classify_query));
    const struct request *r = &last_of(&classify_query)->request;
    assert_int_equal(params_int(&r->params, "layer"), f.around.wb.dicts.place[0].at.layer);
    assert_true(params_flag(&r->params, "histograms"));
    assert_int_equal(n_units_asked(r), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_screens),
        TEST(test_lists_without_a_token_say_so),
        TEST(test_what_it_asks),
        TEST(test_every_study_of_another_class),
        TEST(test_what_is_typed),
        TEST(test_the_mouse_drags),
        TEST(test_nothing_there),
        TEST(test_every_size),
        TEST(test_what_reproduces_it),
        TEST(test_order_and_class),
        TEST(test_studies),
        TEST(test_a_whole_layer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

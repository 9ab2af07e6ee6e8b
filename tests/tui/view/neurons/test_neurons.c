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

static struct table_set *boosts(void)
{
    struct table_set *s = set_of(tokens_of("boosted", 9, 1));
    table_set_add(s, tokens_of("inhibited", 9, -1));
    struct table *h = table_new("histogram", "", MARK_HIST);
    table_column(h, "lo", "", "", COLUMN_F64, COLUMN_LO);
    table_column(h, "hi", "", "", COLUMN_F64, COLUMN_HI);
    table_column(h, "tokens", "", "", COLUMN_I64, COLUMN_Y);
    table_set_add(s, h);
    return s;
}

/* A token a word. */
static struct table_set *read_twice(const struct request *r)
{
    static const char *const list[] = {"list", "text", "bytes"},
                             *const number[] = {"id", "difference"}, *const none[] = {"text"},
                             *const of_token[] = {"position", "start",  "end",
                                                  "loss_a",   "loss_b", "difference"};
    const char *text = params_text(&r->params, "text");
    struct table *rows = columns("rows", MARK_LIST, list, 3, number, 2),
                 *t = columns("tokens", MARK_LIST, none, 1, of_token, 6);
    for (size_t at = 0, i = 0; text[at]; i++) {
        const size_t n = 1 + strcspn(text + at + 1, " ");
        const int64_t row = table_row(t);
        const double value[] = {(double)i, (double)at, (double)(at + n), 4, 4.5, i % 2 ? 1 : -.5};
        for (int c = 0; c < 6; c++)
            table_set_f64(t, row, 1 + c, value[c]);
        at += n;
    }
    for (int i = 0; i < 32; i++) {
        static const char *const name[] = {"a", "b", "boosted", "reduced"};
        const int64_t row = table_row(rows);
        table_set_str(rows, row, 0, name[i % 4]);
        table_set_str(rows, row, 1, " Hun");
        table_set_str(rows, row, 2, "2048756e");
        table_set_f64(rows, row, 4, 3 - i / 8.);
    }
    struct table_set *s = set_of(rows);
    table_set_add(s, t);
    return s;
}

static struct job *last_of(const struct query *q)
{
    for (int i = f.n_jobs; i-- > 0;)
        if (f.job[i].request.query == q)
            return &f.job[i];
    return NULL;
}

static void answer_all(void)
{
    for (int i = 0; i < f.n_jobs; i++) {
        struct job *j = &f.job[i];
        const struct query *q = j->request.query;
        if (j->status == JOB_DONE)
            continue;
        j->status = JOB_DONE;
        j->version++;
        j->tables = q == &classify_query ? classified(&j->request)
                    : q == &ablate_query ? ablated(&j->request)
                    : q == &boosts_query ? boosts()
                                         : read_twice(&j->request);
        view_fixture_news(&f);
    }
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

static void test_what_it_asks(void **state)
{
    (void)state;
    const double *value;
    open_full(80, 21);
    assert_int_equal(n_units_asked(&last_of(&classify_query)->request), 6);
    assert_int_equal(n_units_asked(&last_of(&ablate_query)->request), 6);
    const struct request *r = &last_of(&position_query)->request;
    assert_string_equal(params_text(&r->params, "text"), "Hun cyklede hjem");
    assert_int_equal(params_values(&r->params, "on-at", &value), 1);
    assert_true(fabs(value[0] - 4) < 1e-12);
    assert_int_equal(params_values(&r->params, "off-at", &value), 1);
    assert_true(fabs(value[0]) < 1e-12);
    assert_true(r->passing);
    const struct options none = {.model = "tiny"};
    struct options said;
    request_options(r, &none, &f.around.wb, &said); /* a command line of its own needs it said */
    assert_int_equal(said.bos, SAID_NO);
    request_options(&last_of(&classify_query)->request, &none, NULL, &said);
    assert_int_equal(said.bos, UNSAID);
    act(ACTION_VIEW_DOWN); /* the next unit, at its own means */
    r = &last_of(&position_query)->request;
    params_values(&r->params, "on-at", &value);
    assert_true(fabs(value[0] - 3.5) < 1e-12);
    act(ACTION_VIEW_RIGHT); /* its slider */
    r = &last_of(&position_query)->request;
    params_values(&r->params, "on-at", &value);
    assert_true(fabs(value[0] - 4) < 1e-12);
    act(ACTION_NEURONS_MEANS);
    view_fixture_expect(&f, "on    3.50");
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
    assert_non_null(strstr(params_text(&last_of(&position_query)->request.params, "text"), "nu"));
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
    assert_null(last_of(&position_query));
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_screens),         TEST(test_what_it_asks),  TEST(test_what_is_typed),
        TEST(test_the_mouse_drags), TEST(test_nothing_there), TEST(test_every_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

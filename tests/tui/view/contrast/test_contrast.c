/* The Contrast view: its screens, what it asks, the points under keys and mouse, a word typed. */
#include "engine/base/memory.h"
#include "tests/support/requests.h"
#include "tests/support/testdata.h"
#include "tests/support/unit.h"
#include "tests/support/view_fixture.h"
#include "tui/plot/plot.h"
#include "tui/view/contrast/contrast_private.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static struct view_fixture f; /* too large for the stack */

/* ---- tables as the studies make them, with numbers by rule */
enum { N_LATENTS = 24, N_NEURONS = 8, N_WORDS = 12 };

static const char *const class_name[] = {"da", "en", "sv"};
static int n_classes = 2;

/* cls[1] NULL: all others as one. */
static struct table *tested(const char *name, int n, int first, const char *const cls[2])
{
    char mean[2][32];
    struct table *t = table_new(name, "Units that part the classes", MARK_LIST);
    table_column(t, "unit", "", "", COLUMN_I64, COLUMN_KEY);
    table_column(t, "t", "", "", COLUMN_F64, COLUMN_Y);
    table_column(t, "df", "", "", COLUMN_F64, COLUMN_TEXT);
    table_column(t, "log_p", "", "", COLUMN_F64, COLUMN_TEXT);
    table_column(t, "p", "", "", COLUMN_F64, COLUMN_TEXT);
    for (int c = 0; c < 2; c++) {
        snprintf(mean[c], sizeof mean[c], cls[c] ? "mean.%s" : "mean_others", cls[c]);
        table_column(t, mean[c], "", "", COLUMN_F64, COLUMN_TEXT);
    }
    table_column(t, "significant", "", "", COLUMN_BOOL, COLUMN_TEXT);
    table_column(t, "bonferroni", "", "", COLUMN_BOOL, COLUMN_TEXT);
    table_column(t, "bh", "", "", COLUMN_BOOL, COLUMN_TEXT);
    for (int i = 0; i < n; i++) {
        const int64_t r = table_row(t);
        const double log_p = i == 0 ? -800 : i == 1 ? -14 : i == 2 ? -11 : -6 / (i - 2.);
        table_set_i64(t, r, 0, (first + 7 * i) % (n * 40));
        table_set_f64(t, r, 5, 4 - i * .25);
        table_set_f64(t, r, 6, 1 + (i % 3) * 1.5);
        if (i == n - 1) /* dead */
            continue;
        table_set_f64(t, r, 1, (i % 2 ? -1 : 1) * (6 - i * .2));
        table_set_f64(t, r, 2, N_WORDS - 2);
        table_set_f64(t, r, 3, log_p);
        table_set_f64(t, r, 4, exp(log_p));
        table_set_bool(t, r, 7, i < 2);
        table_set_bool(t, r, 8, i < 1);
        table_set_bool(t, r, 9, i < 3);
    }
    return t;
}

static struct table *sets(bool latents)
{
    static const char *const name[] = {"units", "count", "dead", "tested", "significant", "bh"};
    struct table *t = table_new("sets", "All units together", MARK_LIST);
    table_column(t, name[0], "", "", COLUMN_STR, COLUMN_SERIES);
    for (int i = 1; i < 6; i++)
        table_column(t, name[i], "", "", COLUMN_I64, COLUMN_TEXT);
    for (int u = latents ? 0 : 1; u < 2; u++) {
        const int n = u ? N_NEURONS : N_LATENTS, number[] = {n, 1, n - 1, 2, 3};
        const int64_t r = table_row(t);
        table_set_str(t, r, 0, u ? "neurons" : "latents");
        for (int i = 0; i < 5; i++)
            table_set_i64(t, r, i + 1, number[i]);
    }
    return t;
}

static struct table *histogram(void)
{
    struct table *t = table_new("histogram", "p of the units", MARK_HIST);
    table_column(t, "units", "", "", COLUMN_STR, COLUMN_SERIES);
    table_column(t, "lo", "", "", COLUMN_F64, COLUMN_LO);
    table_column(t, "hi", "", "", COLUMN_F64, COLUMN_HI);
    table_column(t, "count", "", "", COLUMN_I64, COLUMN_TEXT);
    table_column(t, "share", "share", "", COLUMN_F64, COLUMN_Y);
    for (int u = 0; u < 2; u++)
        for (int i = 0; i < 20; i++) {
            const int64_t r = table_row(t);
            table_set_str(t, r, 0, u ? "neurons" : "latents");
            table_set_f64(t, r, 1, i / 20.);
            table_set_f64(t, r, 2, (i + 1) / 20.);
            table_set_i64(t, r, 3, 20 - i);
            table_set_f64(t, r, 4, (20 - i) / 210.);
        }
    return t;
}

static struct table_set *test_tables(const struct request *r, bool latents)
{
    const char *target = params_text(&r->params, "target"),
               *against = params_text(&r->params, "against");
    const bool turned = target && strcmp(target, "en") == 0;
    const char *const cls[] = {target ? target : "da", against         ? against
                                                       : n_classes > 2 ? NULL
                                                       : turned        ? "da"
                                                                       : "en"};
    struct table_set *s = set_of(tested("rows", latents ? N_LATENTS : N_NEURONS, 418, cls));
    if (latents)
        table_set_add(s, tested("neurons", N_NEURONS, 3, cls));
    table_set_add(s, sets(latents));
    table_set_add(s, histogram());
    return s;
}

static const char *const word[N_WORDS] = {"mand",  "dreng", "hus",   "æble", "bjørn", "kat",
                                          "house", "apple", "horse", "girl", "man",   "cat"};

static struct table_set *point_tables(const struct request *r)
{
    const char *typed = params_text(&r->params, "word");
    const int x = (int)params_int(&r->params, "x"), y = (int)params_int(&r->params, "y");
    char name[2][32];
    struct table *t = table_new("rows", "Words on two latents", MARK_SCATTER);
    table_column(t, "word", "", "", COLUMN_STR, COLUMN_TEXT);
    table_column(t, "class", "", "", COLUMN_STR, COLUMN_SERIES);
    table_column(t, "kind", "", "", COLUMN_STR, COLUMN_TEXT);
    for (int i = 0; i < 2; i++) {
        snprintf(name[i], sizeof name[i], "value.%d", i ? y : x);
        table_column(t, name[i], "", "", COLUMN_F64, i ? COLUMN_Y : COLUMN_X);
    }
    for (int i = 0; i < N_WORDS + (typed != NULL); i++) {
        const int64_t row = table_row(t);
        table_set_str(t, row, 0, i < N_WORDS ? word[i] : typed);
        if (i < N_WORDS)
            table_set_str(t, row, 1, class_name[i * n_classes / N_WORDS]);
        table_set_f64(t, row, 3, i == N_WORDS ? 4 : i < N_WORDS / 2 ? 5 + i % 4 : i % 4);
        table_set_f64(t, row, 4, i == N_WORDS ? 2.5 : (i * 5 % 7) / 2.);
    }
    return set_of(t);
}

static struct table_set *kept_tables(void)
{
    struct table *t = table_new("rows", "Kept by the best units", MARK_LINE);
    table_column(t, "units", "", "", COLUMN_STR, COLUMN_SERIES);
    table_column(t, "s", "", "", COLUMN_I64, COLUMN_X);
    table_column(t, "accuracy", "share", "", COLUMN_F64, COLUMN_Y);
    table_column(t, "ci95.lo", "share", "", COLUMN_F64, COLUMN_LO);
    table_column(t, "ci95.hi", "share", "", COLUMN_F64, COLUMN_HI);
    table_column(t, "kept", "", "", COLUMN_F64, COLUMN_TEXT);
    for (int u = 0; u < 2; u++)
        for (int s = 1; s <= (u ? N_NEURONS : 2 * N_NEURONS); s *= 2) {
            const int64_t r = table_row(t);
            const double accuracy = .6 + .04 * log2(s) + .02 * u;
            table_set_str(t, r, 0, u ? "neurons" : "latents");
            table_set_i64(t, r, 1, s);
            table_set_f64(t, r, 2, accuracy);
            table_set_f64(t, r, 3, accuracy - .06);
            table_set_f64(t, r, 4, accuracy + .06);
            table_set_f64(t, r, 5, (accuracy - .5) / .24);
        }
    return set_of(t);
}

static struct table_set *compare_tables(const char *dict)
{
    static const struct {
        const char *name;
        double of[2];
    } col[] = {
        {"count", {N_LATENTS, N_NEURONS}}, {"significant", {2, 2}},    {"bh", {3, 3}},
        {"accuracy", {.69, .67}},          {"selectivity", {.18, .2}}, {"localisation", {4, 2}},
        {"information_loss", {-.12, 0}},   {"mse", {10.25, NAN}},      {"l0", {9.5, NAN}}};
    struct table *t = table_new("rows", "Neurons against latents", MARK_LIST);
    table_column(t, "units", "", "", COLUMN_STR, COLUMN_SERIES);
    for (int i = 0; i < 9; i++)
        table_column(t, col[i].name, "", "", COLUMN_F64, COLUMN_TEXT);
    table_column(t, "dict", "", "", COLUMN_STR, COLUMN_SERIES);
    for (int u = 0; u < (dict ? 2 : 4); u++) {
        const int64_t r = table_row(t);
        table_set_str(t, r, 0, u % 2 ? "neurons" : "latents");
        for (int i = 0; i < 9; i++)
            table_set_f64(t, r, i + 1, col[i].of[u % 2] + u / 2 * .01);
        table_set_str(t, r, 10, u < 2 ? "mlp_3" : "resid_5");
    }
    return set_of(t);
}

static bool in_a_set(void)
{
    return f.around.wb.dicts.n > 1;
}

/* ---- the host answers what is asked, until nothing new is */
static struct job *last_of(const struct query *q)
{
    for (int i = f.n_jobs; i-- > 0;)
        if (f.job[i].request.query == q)
            return &f.job[i];
    return NULL;
}

static void finish(struct job *j, struct table_set *tables)
{
    j->status = JOB_DONE;
    j->version++;
    table_set_unref(j->tables);
    j->tables = tables;
}

static void answer_all(bool latents)
{
    for (int done = 0; done < f.n_jobs;) {
        struct job *j = &f.job[done++];
        const struct query *q = j->request.query;
        if (j->status == JOB_DONE)
            continue;
        finish(j, q == &ttest_query    ? test_tables(&j->request, latents)
                  : q == &points_query ? point_tables(&j->request)
                  : q == &kept_query
                      ? kept_tables()
                      : compare_tables(in_a_set() ? params_text(&j->request.params, "dict") : ""));
        view_fixture_news(&f);
    }
}

static char *data; /* program data with the lists of words */

/* The fixture has data of its own. */
static void open_unasked(enum depth depth, bool ascii, int w, int h)
{
    view_fixture_init(&f, &contrast_view, depth, ascii, w, h);
    setenv("GLIMT_DATA", data, 1);
    contrast_view.release(f.view);
    contrast_view.init(f.view, &f.in);
    view_fixture_resize(&f, w, h);
}

static void open_sized(enum depth depth, bool ascii, int w, int h)
{
    open_unasked(depth, ascii, w, h);
    view_fixture_enter(&f);
}

static void open_full(int w, int h)
{
    open_sized(DEPTH_256, false, w, h);
    answer_all(true);
}

static void keys(const char *names)
{
    view_fixture_keys(&f, names);
    answer_all(true);
}

static int close_view(void **state)
{
    (void)state;
    view_fixture_release(&f);
    n_classes = 2;
    return 0;
}
#define TEST(t) cmocka_unit_test_teardown(t, close_view)

/* ---- screens */
static void test_screens(void **state)
{
    (void)state;
    static const struct screen_size size[] = {{20, 5},  {40, 12},  {60, 20},
                                              {80, 21}, {120, 33}, {200, 57}};
    view_fixture_screens(&f, "contrast", open_full, size, sizeof size / sizeof *size);
}

static void test_a_word_is_typed(void **state)
{
    (void)state;
    open_full(80, 21);
    keys("i");
    view_fixture_type(&f, "jordbær");
    answer_all(true);
    const struct request *asked = &last_of(&points_query)->request;
    assert_string_equal(params_text(&asked->params, "word"), "jordbær");
    assert_true(asked->passing);
    view_fixture_expect(&f, "◆ jordbær");
    view_fixture_expect(&f, "jordbær: 4.00, 2.50");
    view_fixture_compare(&f, "contrast-word-80x21");
    keys("Enter Tab Down"); /* it stays, whatever the axes are */
    view_fixture_expect(&f, "◆ jordbær");
    keys("Shift-Tab Esc");
    assert_false(view_fixture_find(&f, "jordbær", NULL, NULL));
    assert_null(params_text(&last_of(&points_query)->request.params, "word"));
}

/* Every letter asks; what nobody waits for any more is cancelled, and what was there stays until
 * the next is. */
static void test_while_one_types(void **state)
{
    (void)state;
    open_full(80, 21);
    view_fixture_keys(&f, "i");
    view_fixture_type(&f, "h");
    const uint64_t first = last_of(&points_query)->id;
    view_fixture_type(&f, "u");
    assert_int_equal(f.cancelled, first);
    view_fixture_expect(&f, "word hu");
    view_fixture_expect(&f, "latent 418");
    answer_all(true);
    view_fixture_expect(&f, "◆ hu");
}

static void test_without_colours(void **state)
{
    (void)state;
    open_sized(DEPTH_MONO, true, 80, 21);
    answer_all(true);
    keys("b Shift-Tab Right");
    view_fixture_compare(&f, "contrast-mono-80x21");
}

/* Signs and colours of the two classes; where they meet neither is hidden. */
static void test_points(void **state)
{
    (void)state;
    int x, y;
    open_full(120, 33);
    assert_true(view_fixture_find(&f, "●  da", &x, &y));
    const struct cell *c = &f.grid.cell[y * f.grid.w + x];
    assert_true(style_equal(c->style, theme_style(f.in.theme, ROLE_CLASS_1)));
    assert_true(view_fixture_find(&f, "○  en", &x, &y));
    c = &f.grid.cell[y * f.grid.w + x];
    assert_true(style_equal(c->style, theme_style(f.in.theme, ROLE_CLASS_2)));
    int signs[2] = {0};
    for (int row = y + 1; row < f.r.y + 18; row++)
        for (int col = f.r.x; col < f.r.x + 76; col++) {
            c = &f.grid.cell[row * f.grid.w + col];
            signs[0] += strcmp(c->glyph, "●") == 0;
            signs[1] += strcmp(c->glyph, "○") == 0;
        }
    assert_int_equal(signs[0], N_WORDS / 2);
    assert_int_equal(signs[1], N_WORDS / 2);
}

/* The words in the order of an axis, as an independent sort has them. */
static void test_steps(void **state)
{
    (void)state;
    double before = -INFINITY;
    open_full(120, 33);
    const struct contrast *v = f.view;
    keys("Shift-Tab Home");
    for (int i = 0; i < N_WORDS; i++) {
        view_fixture_keys(&f, "Right");
        const double x = contrast_value(&v->shown, v->at, false);
        assert_true(x >= before);
        before = x;
    }
    const int64_t last = v->at;
    view_fixture_keys(&f, "Right");
    assert_int_equal(v->at, last);
    view_fixture_keys(&f, "Up Up Up Up Up Up Up Up Up Up Up Up");
    for (int64_t i = 0; i < v->shown.n; i++)
        assert_true(contrast_value(&v->shown, i, true) <= contrast_value(&v->shown, v->at, true));
    view_fixture_expect(&f, word[v->at]);
    view_fixture_keys(&f, "Esc");
    assert_int_equal(v->at, -1);
}

static void test_mouse(void **state)
{
    (void)state;
    int x, y;
    open_full(120, 33);
    const struct contrast *v = f.view;
    assert_true(view_fixture_find(&f, "○  en", NULL, NULL));
    for (y = 6; y < 18; y++) /* a point, not the legend */
        for (x = 3; x < 70; x++)
            if (strcmp(f.grid.cell[y * f.grid.w + x].glyph, "○") == 0)
                goto found;
found:
    assert_true(view_fixture_mouse(&f, MOUSE_PRESS, x, y, 1));
    assert_true(v->at >= N_WORDS / 2);
    assert_true(f.ops->grabs(f.view));
    const int64_t pressed = v->at;
    view_fixture_mouse(&f, MOUSE_MOVE, 70, 4, 1); /* dragged to the upper right */
    assert_int_not_equal(v->at, pressed);
    view_fixture_mouse(&f, MOUSE_RELEASE, 70, 4, 1);
    assert_false(f.ops->grabs(f.view));
    assert_true(view_fixture_find(&f, "439", &x, &y)); /* a unit of the list */
    view_fixture_mouse(&f, MOUSE_PRESS, x, y, 1);
    answer_all(true);
    assert_int_equal(params_int(&last_of(&points_query)->request.params, "x"), 439);
    assert_int_equal(v->shown.x, 439);
    assert_true(view_fixture_find(&f, "p▴", &x, &y)); /* sorted by a head */
    view_fixture_mouse(&f, MOUSE_PRESS, x - 10, y, 1);
    view_fixture_expect(&f, "t▾");
    assert_true(view_fixture_find(&f, "Accuracy of the best", &x, &y));
    view_fixture_mouse(&f, MOUSE_PRESS, x + 34, y + 4, 1);
    view_fixture_mouse(&f, MOUSE_RELEASE, x + 34, y + 4, 1);
    view_fixture_expect(&f, "s 16: 76 % latents");
    view_fixture_mouse(&f, MOUSE_WHEEL_UP, x, y + 4, 1);
    view_fixture_expect(&f, "s 8: 72 % latents");
}

/* ---- what it asks */
static void test_what_it_asks(void **state)
{
    (void)state;
    struct request r;
    open_sized(DEPTH_256, false, 80, 21);
    const struct request *asked = &f.job[0].request;
    assert_int_equal(f.n_jobs, 1); /* the rest when the units are known */
    assert_ptr_equal(asked->query, &ttest_query);
    assert_true(asked->corpus.words);
    assert_non_null(strstr(asked->corpus.path, "language.tsv"));
    assert_true(params_flag(&asked->params, "space"));
    assert_true(f.ops->request(f.view, &f.in, &r));
    assert_true(request_equal(&r, asked));
    request_release(&r);
    answer_all(true);
    assert_int_equal(f.n_jobs, 4);
    assert_non_null(last_of(&kept_query));
    assert_non_null(last_of(&compare_query));
    asked = &last_of(&points_query)->request;
    assert_int_equal(params_int(&asked->params, "x"), 418);
    assert_int_equal(params_int(&asked->params, "y"), 425);
    keys("x");
    asked = &last_of(&points_query)->request;
    assert_int_equal(params_int(&asked->params, "x"), 425);
    keys("n");
    asked = &last_of(&points_query)->request;
    assert_true(params_flag(&asked->params, "hooked"));
    view_fixture_expect(&f, "Neurons · da against en");
    keys("n t");
    assert_string_equal(params_text(&last_of(&ttest_query)->request.params, "target"), "en");
    view_fixture_expect(&f, "en against da");
    keys("t e");
    asked = &last_of(&ttest_query)->request;
    assert_null(params_text(&asked->params, "target"));
    assert_int_equal(params_choice(&asked->params, "word-vector"), 1);
    keys("w");
    assert_non_null(strstr(last_of(&kept_query)->request.corpus.path, "gender-da.tsv"));
}

static void test_units_become_sliders_and_colours(void **state)
{
    (void)state;
    struct shared *sh = &f.around.shell.sh;
    open_full(80, 21);
    keys("f");
    assert_true(fabs(shared_fixed_value(sh, UNIT(418)) - 4) < 1e-6 ||
                sliders_find(&sh->sliders, UNIT(418)) >= 0);
    keys("Enter");
    assert_true(unit_same(sh->colour_unit, UNIT(418)));
    assert_int_equal(f.around.shell.views.now, VIEW_EXPLORE);
    keys("n Enter");
    assert_non_null(strstr(sh->message, "start with --neurons"));
}

static void test_commands(void **state)
{
    (void)state;
    open_full(80, 21);
    assert_true(contrast_commands[0].run(f.view, &f.in, "gender-en.tsv"));
    assert_non_null(strstr(last_of(&ttest_query)->request.corpus.path, "gender-en.tsv"));
    assert_true(contrast_commands[0].run(f.view, &f.in, "nosuch.tsv"));
    assert_string_equal(f.around.shell.sh.message, "words nosuch.tsv: No such file or directory");
    assert_non_null(strstr(last_of(&ttest_query)->request.corpus.path, "gender-en.tsv"));
    assert_true(contrast_commands[1].run(f.view, &f.in, "first"));
    assert_int_equal(params_choice(&last_of(&ttest_query)->request.params, "word-vector"), 2);
    assert_false(contrast_commands[1].run(f.view, &f.in, "middle"));
    assert_true(contrast_commands[2].run(f.view, &f.in, "off"));
    assert_false(params_flag(&last_of(&ttest_query)->request.params, "space"));
    answer_all(true);
}

/* ---- more than two classes */
static void test_three_classes(void **state)
{
    (void)state;
    n_classes = 3;
    open_full(120, 33);
    view_fixture_expect(&f, "Latents · da against others");
    view_fixture_expect(&f, "Best s units · 3 classes");
    view_fixture_compare(&f, "contrast-classes-120x33");
    assert_null(params_text(&last_of(&kept_query)->request.params, "target"));
    const int kept = f.n_jobs;
    keys("t"); /* the next: probes part all of them as before */
    view_fixture_expect(&f, "Latents · en against others");
    assert_string_equal(params_text(&last_of(&ttest_query)->request.params, "target"), "en");
    for (int i = kept; i < f.n_jobs; i++)
        assert_ptr_not_equal(f.job[i].request.query, &kept_query);
    keys("g"); /* one other alone, for all parts */
    view_fixture_expect(&f, "Latents · en against da");
    const struct params *asked = &last_of(&kept_query)->request.params;
    assert_string_equal(params_text(asked, "target"), "en");
    assert_string_equal(params_text(asked, "against"), "da");
    assert_string_equal(params_text(&last_of(&compare_query)->request.params, "against"), "da");
    keys("g");
    view_fixture_expect(&f, "Latents · en against sv");
    keys("t"); /* not against itself */
    view_fixture_expect(&f, "Latents · sv against others");
    keys("g g g");
    view_fixture_expect(&f, "Latents · sv against others");
    assert_true(contrast_commands[3].run(f.view, &f.in, "en"));
    answer_all(true);
    view_fixture_expect(&f, "Latents · sv against en");
    assert_false(contrast_commands[3].run(f.view, &f.in, "sv"));
    assert_false(contrast_commands[3].run(f.view, &f.in, "de"));
    assert_true(contrast_commands[3].run(f.view, &f.in, "others"));
    answer_all(true);
    keys("t");
    view_fixture_expect(&f, "Latents · da against others");
    n_classes = 2;
    keys("w");
    keys("g");
    assert_non_null(strstr(f.around.shell.sh.message, "there are two classes"));
}

/* ---- several dictionaries */
static void plan_a_set(void)
{
    struct workbench *wb = &f.around.wb;
    dict_set_release(&wb->dicts);
    assert_true(dict_set_plan(&wb->dicts, (struct point){3, SITE_MLP_ACT}, false));
    assert_true(dict_set_plan(&wb->dicts, (struct point){5, SITE_RESID_POST}, false));
    for (int32_t i = 0; i < 2; i++)
        wb->dicts.place[i].m = N_LATENTS * 40;
}

/* Names in place of numbers: of latents, and of coordinates of the hooked activation. */
static void name_units(struct table *t, bool coordinates)
{
    const int32_t col = table_column(t, "name", "", "", COLUMN_STR, COLUMN_KEY);
    for (int64_t i = 0; i < t->n_rows; i++) {
        char name[UNIT_NAME_MAX];
        const struct unit_id u = {0, (int32_t)table_i64(t, i, 0)};
        (coordinates ? unit_coordinate_name : unit_name)(&f.around.wb.dicts, u, name);
        table_set_str(t, i, col, name);
    }
    table_move_column(t, col, 0);
    table_drop_column(t, 1);
    free(t->cols[0].name);
    t->cols[0].name = xstrdup("unit");
}

static void test_a_set(void **state)
{
    (void)state;
    static const char *const cls[] = {"da", "en"};
    open_unasked(DEPTH_256, false, 120, 33);
    plan_a_set();
    view_fixture_enter(&f);
    struct table_set *s = set_of(tested("rows", N_LATENTS, 418, cls));
    table_set_add(s, tested("neurons", N_NEURONS, 3, cls));
    name_units(s->table[0], false);
    name_units(s->table[1], true);
    assert_string_equal(table_str(s->table[0], 0, 0), "mlp_3/418");
    assert_string_equal(table_str(s->table[1], 0, 0), "L3N3");
    f.job[0].dicts = &f.around.wb.dicts;
    finish(&f.job[0], s);
    view_fixture_news(&f);
    answer_all(true);
    view_fixture_expect(&f, "x   418");
    assert_string_equal(params_text(&last_of(&compare_query)->request.params, "dict"), "mlp_3");
    view_fixture_expect(&f, "localisation");
    keys("a"); /* of both */
    assert_null(params_text(&last_of(&compare_query)->request.params, "dict"));
    assert_string_equal(params_text(&last_of(&kept_query)->request.params, "dict"), "mlp_3");
    view_fixture_expect(&f, "resid_5 neurons");
    keys("z");
    view_fixture_compare(&f, "contrast-set-120x33");
    keys("z n"); /* coordinates are found by their names */
    view_fixture_expect(&f, "x     3");
    assert_int_equal(params_int(&last_of(&points_query)->request.params, "x"), 3);
    keys("o o o o o"); /* by number, as they are called */
    const struct contrast *v = f.view;
    assert_true(v->sort == BY_P || v->sort == BY_UNIT);
    for (int size = 0; size < 40; size += 7) {
        view_fixture_resize(&f, 20 + 3 * size, 4 + size);
        view_fixture_draw(&f);
    }
    dict_set_release(&f.around.wb.dicts);
}

static void test_one_dictionary(void **state)
{
    (void)state;
    open_full(80, 21);
    keys("a");
    assert_non_null(strstr(f.around.shell.sh.message, "there is one dictionary"));
}

/* ---- nothing there, and what went wrong */
static void test_nothing_there(void **state)
{
    (void)state;
    open_sized(DEPTH_256, false, 80, 21);
    view_fixture_expect(&f, "t-tests language.tsv waits");
    f.job[0].error =
        (struct error){ERROR_INPUT, "words.tsv: found 3 classes of words, expected two"};
    view_fixture_answer(&f, JOB_FAILED, NULL);
    view_fixture_expect(&f, "words.tsv: found 3 classes of");
    view_fixture_expect(&f, "expected two");
    view_fixture_release(&f);
    open_unasked(DEPTH_256, false, 80, 21);
    corpus_choice_release(&((struct contrast *)f.view)->words);
    view_fixture_enter(&f);
    assert_int_equal(f.n_jobs, 0);
    view_fixture_expect(&f, ":words FILE");
    view_fixture_keys(&f, "Down x n t Enter f i");
    view_fixture_release(&f);
    view_fixture_init(&f, &contrast_view, DEPTH_256, false, 80, 21);
    f.around.wb.dict = NULL;
    view_fixture_enter(&f);
    view_fixture_expect(&f, "no SAE: start with --sae, or with");
}

static void test_neurons_alone(void **state)
{
    (void)state;
    open_sized(DEPTH_256, false, 80, 21);
    answer_all(false);
    view_fixture_expect(&f, "Neurons · da against en");
    view_fixture_keys(&f, "n");
    assert_non_null(strstr(f.around.shell.sh.message, "there are no latents"));
}

/* Tables of a cache that somebody wrote into: other columns, none, no rows. */
static void test_strange_tables(void **state)
{
    (void)state;
    open_sized(DEPTH_256, false, 80, 21);
    struct table *t = table_new("rows", "", MARK_LIST);
    table_column(t, "unit", "", "", COLUMN_STR, COLUMN_KEY);
    table_column(t, "t", "", "", COLUMN_F64, COLUMN_Y);
    table_column(t, "p", "", "", COLUMN_F64, COLUMN_TEXT);
    table_set_str(t, table_row(t), 0, "no unit");
    view_fixture_answer(&f, JOB_DONE, set_of(t));
    view_fixture_draw(&f);
    view_fixture_keys(&f, "Down o o o o x n t Right i");
    view_fixture_draw(&f);
    view_fixture_release(&f);
    open_sized(DEPTH_256, false, 80, 21);
    view_fixture_answer(&f, JOB_DONE, set_of(table_new("rows", "", MARK_BAR)));
    view_fixture_draw(&f);
}

static void test_every_size(void **state)
{
    (void)state;
    open_full(80, 21);
    keys("i");
    view_fixture_type(&f, "hund");
    answer_all(true);
    view_fixture_every_size(&f);
}

static void test_p_is_written_short(void **state)
{
    (void)state;
    char s[32];
    p_text(-800 * log(10) + log(3), false, s, sizeof s);
    assert_string_equal(s, "3e-800");
    p_text(log(9.999e-6), false, s, sizeof s);
    assert_string_equal(s, "1.0e-5");
    p_text(log(.0123), false, s, sizeof s);
    assert_string_equal(s, ".012");
    p_text(0, false, s, sizeof s);
    assert_string_equal(s, "1.000");
    p_text(NAN, true, s, sizeof s);
    assert_string_equal(s, "-");
    open_sized(DEPTH_256, false, 20, 5);
}

static int set_up(void **state)
{
    (void)state;
    static const char *const part[][2] = {{"themes", "themes"}, {"demo", "store/demo"}};
    data = testdata_folder();
    for (size_t i = 0; i < 2; i++) {
        char *from = realpath(part[i][1], NULL), *to = xasprintf("%s/%s", data, part[i][0]);
        if (!from || symlink(from, to) != 0)
            return 1;
        free(from);
        free(to);
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    testdata_remove(data);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_screens),
        TEST(test_a_word_is_typed),
        TEST(test_while_one_types),
        TEST(test_without_colours),
        TEST(test_points),
        TEST(test_steps),
        TEST(test_mouse),
        TEST(test_what_it_asks),
        TEST(test_units_become_sliders_and_colours),
        TEST(test_commands),
        TEST(test_three_classes),
        TEST(test_a_set),
        TEST(test_one_dictionary),
        TEST(test_nothing_there),
        TEST(test_neurons_alone),
        TEST(test_strange_tables),
        TEST(test_every_size),
        TEST(test_p_is_written_short),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

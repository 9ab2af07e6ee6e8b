/* The Sweep view: its screens, the numbers it reads off, keys and mouse. */
#include "engine/base/memory.h"
#include "tests/support/requests.h"
#include "tests/support/unit.h"
#include "tests/support/view_fixture.h"
#include "tui/plot/plot.h"
#include "tui/view/sweep/table.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct view_fixture f; /* too large for the stack */

static void open_sized(enum depth depth, bool ascii, int w, int h)
{
    view_fixture_init(&f, &sweep_view, depth, ascii, w, h);
    view_fixture_enter(&f);
}

static void answer(enum job_status status, double share, bool pairs)
{
    const struct request *r = &f.job[0].request;
    view_fixture_answer(&f, status,
                        fixture_sweep_tables(units_asked(r), n_units_asked(r), share, pairs));
}

static int close_view(void **state)
{
    (void)state;
    view_fixture_release(&f);
    return 0;
}

static double fixed(int32_t unit)
{
    return shared_fixed_value(&f.around.shell.sh, UNIT(unit));
}

static bool is_free(int32_t unit)
{
    return isnan(fixed(unit));
}

static void screen(int w, int h)
{
    open_sized(DEPTH_256, false, w, h);
    answer(JOB_DONE, 1, true);
}

static void test_screens(void **state)
{
    (void)state;
    static const struct screen_size size[] = {{20, 5},  {40, 12},  {60, 20},
                                              {80, 22}, {120, 34}, {200, 58}};
    view_fixture_screens(&f, "sweep", screen, size, sizeof size / sizeof *size);
}

static void test_what_is_shown(void **state)
{
    (void)state;
    open_sized(DEPTH_256, false, 120, 30);
    answer(JOB_DONE, 1, true);
    view_fixture_keys(&f, "d e Down Down");
    view_fixture_compare(&f, "sweep-change-120x30");
    assert_string_equal(f.ops->table(f.view)->title, "Change of loss, 77 alone fixed, SAE + error");
    view_fixture_keys(&f, "d Home e");
    view_fixture_compare(&f, "sweep-paired-120x30");
    assert_int_equal(table_find(f.ops->table(f.view), "class"), -1);
    view_fixture_keys(&f, "d");
    view_fixture_expect(&f, "Loss of references, nats a token: all 6 fixed, SAE");
}

/* Answers with intervals of this half width in every table. */
static void answer_with_width(double half)
{
    const struct request *r = &f.job[0].request;
    struct table_set *set = fixture_sweep_tables(units_asked(r), n_units_asked(r), 1, true);
    for (int32_t i = 0; i < set->n; i++) {
        struct table *t = set->table[i];
        int32_t lo = table_find(t, "ci95.lo");
        for (int64_t row = 0; row < t->n_rows; row++) {
            double y = table_f64(t, row, lo - 1);
            table_set_f64(t, row, lo, y - half);
            table_set_f64(t, row, lo + 1, y + half);
        }
    }
    view_fixture_answer(&f, JOB_DONE, set);
}

static void test_an_interval_of_no_width_is_none(void **state)
{
    (void)state;
    open_sized(DEPTH_256, false, 120, 34);
    answer_with_width(1e-4);
    view_fixture_expect(&f, "±<.01");
    view_fixture_release(&f);
    open_sized(DEPTH_256, false, 120, 34);
    answer_with_width((double)NAN);
    view_fixture_expect(&f, "paired difference");
    assert_false(view_fixture_find(&f, "±", NULL, NULL));
    assert_false(view_fixture_find(&f, "…", NULL, NULL));
}

static void test_without_colours(void **state)
{
    (void)state;
    open_sized(DEPTH_MONO, true, 80, 22);
    answer(JOB_DONE, 1, false);
    view_fixture_compare(&f, "sweep-mono-80x22");
    view_fixture_keys(&f, "d d"); /* no pairs: loss again */
    view_fixture_expect(&f, "Loss of references: all 6 fixed");
}

static void test_while_it_runs(void **state)
{
    (void)state;
    open_sized(DEPTH_256, false, 80, 22);
    view_fixture_expect(&f, "sweep references waits");
    struct job *j = &f.job[0];
    strcpy(j->what, "sweep");
    j->progress = (struct study_progress){
        .done = 3, .total = 32, .share = .094, .tokens_per_s = 312, .left = 184};
    answer(JOB_RUNNING, 0, false);
    view_fixture_expect(&f, "sweep references 9 %");
    answer(JOB_RUNNING, .04, false); /* the first values */
    view_fixture_compare(&f, "sweep-running-80x22");
    assert_int_equal(f.ops->table(f.view)->n_rows, 2 * 4);
    j->error = (struct error){ERROR_SYSTEM, "no room left on the device"};
    view_fixture_answer(&f, JOB_FAILED, NULL); /* what was there stays, with the error below */
    assert_non_null(f.ops->table(f.view));
    view_fixture_expect(&f, "sweep references: no room left on the device");
}

static void test_what_it_asks(void **state)
{
    (void)state;
    struct request r;
    open_sized(DEPTH_256, false, 80, 22);
    const struct request *asked = &f.job[0].request;
    assert_ptr_equal(asked->query, &sweep_query);
    const double *value;
    assert_int_equal(n_units_asked(asked), 6);
    assert_int_equal(params_values(&asked->params, "values", &value), 9); /* −8 … 8 */
    const char *places;
    assert_int_equal(params_insert(&asked->params, "insert", &places),
                     1 << INSERT_SAE | 1 << INSERT_ERROR);
    assert_true(params_flag(&asked->params, "each"));
    assert_true(f.ops->request(f.view, &f.in, &r));
    assert_true(request_equal(&r, asked));
    request_release(&r);
}

/* The same numbers that the tables hold. */
static void test_numbers(void **state)
{
    (void)state;
    const struct unit_id unit[] = {UNIT(5), UNIT(9)};
    struct table_set *s = fixture_sweep_tables(unit, 2, 1, true);
    struct sweep_pick all = {.insert = "sae", .unit = UNIT_NONE},
                      nine = {.insert = "error", .unit = UNIT(9)},
                      other = {.insert = "sae", .unit = UNIT(6)};
    double value[STUDY_MAX_VALUES];
    struct sweep_number n = sweep_at(s, SWEEP_LOSS, all, 2, "da");
    assert_true(fabs(n.y - (3.02 + .06 + .021 * .25 - .05)) < 1e-9);
    assert_true(fabs(n.hi - n.y - .09) < 1e-9 && n.n == 250);
    n = sweep_at(s, SWEEP_LOSS, nine, NAN, "en");
    assert_true(fabs(n.y - 3.77) < 1e-9);
    n = sweep_at(s, SWEEP_CHANGE, nine, -4, "en");
    assert_true(fabs(n.y - .26 * (.0035 * 4.5 * 4.5 - .001)) < 1e-9);
    n = sweep_at(s, SWEEP_PAIRED, all, 8, NULL);
    assert_int_equal(n.n, 243);
    assert_true(isnan(sweep_at(s, SWEEP_LOSS, other, 2, "da").y));
    assert_true(isnan(sweep_at(s, SWEEP_LOSS, all, 1, "da").y));
    assert_true(isnan(sweep_at(s, SWEEP_LOSS, all, 2, "sv").y));
    assert_int_equal(sweep_values(s, value), 9);
    assert_true(value[0] < -7.9 && value[8] > 7.9 && value[4] < .1 && value[4] > -.1);
    struct table *t = sweep_curve(s, SWEEP_CHANGE, nine, "9 alone fixed");
    assert_int_equal(t->n_rows, 18);
    assert_true(fabs(table_f64(t, 0, table_find(t, "difference")) -
                     sweep_at(s, SWEEP_CHANGE, nine, -8, "da").y) < 1e-12);
    assert_string_equal(table_str(t, 1, table_find(t, "class")), "en");
    table_free(t);
    assert_null(sweep_curve(s, SWEEP_LOSS, other, ""));
    table_set_unref(s);
    open_sized(DEPTH_256, false, 20, 5);
}

/* Of several dictionaries rows name their unit: the same index at two places is two of them. */
static void test_numbers_of_a_set(void **state)
{
    (void)state;
    static const struct {
        const char *unit;
        double loss;
    } row[] = {{NULL, 1}, {"mlp_1/5", 2}, {"mlp_3/5", 3}};
    struct dict_set dicts = {0};
    dict_set_plan(&dicts, (struct point){1, SITE_MLP_OUT}, false);
    dict_set_plan(&dicts, (struct point){3, SITE_MLP_OUT}, false);
    struct table *t = table_new("rows", "Loss", MARK_LINE);
    table_column(t, "value", "", "", COLUMN_F64, COLUMN_X);
    table_column(t, "insert", "", "", COLUMN_STR, COLUMN_KEY);
    table_column(t, "unit", "", "", COLUMN_STR, COLUMN_KEY);
    table_column(t, "class", "", "", COLUMN_STR, COLUMN_SERIES);
    table_column(t, "loss_sentence_mean", "", "", COLUMN_F64, COLUMN_Y);
    for (size_t i = 0; i < 3; i++) {
        const int64_t r = table_row(t);
        table_set_f64(t, r, 0, 2);
        table_set_str(t, r, 1, "sae");
        if (row[i].unit)
            table_set_str(t, r, 2, row[i].unit);
        table_set_str(t, r, 3, "da");
        table_set_f64(t, r, 4, row[i].loss);
    }
    struct table_set *s = table_set_new();
    table_set_add(s, t);
    for (int32_t dict = -1; dict < 2; dict++) {
        const struct sweep_pick pick = {.insert = "sae",
                                        .unit = dict < 0 ? UNIT_NONE : (struct unit_id){dict, 5},
                                        .dicts = &dicts};
        assert_true(sweep_at(s, SWEEP_LOSS, pick, 2, "da").y == 2 + dict);
        struct table *curve = sweep_curve(s, SWEEP_LOSS, pick, "");
        assert_int_equal(curve->n_rows, 1);
        table_free(curve);
    }
    table_set_unref(s);
    dict_set_release(&dicts);
    open_sized(DEPTH_256, false, 20, 5);
}

static void test_values_and_sliders(void **state)
{
    (void)state;
    open_sized(DEPTH_256, false, 120, 34);
    answer(JOB_DONE, 1, true);
    view_fixture_expect(&f, "all 6 fixed at 2 ");
    view_fixture_keys(&f, "Right");
    view_fixture_expect(&f, "all 6 fixed at 4 ");
    assert_true(is_free(1482));
    view_fixture_keys(&f, "Enter");
    for (int i = 0; i < 6; i++)
        assert_true(fabs(fixed(units_asked(&f.job[0].request)[i].index) - 4) < 1e-9);
    view_fixture_keys(&f, "Down Down Left Left Left Left Left Left Left Left Left f");
    view_fixture_expect(&f, "77 alone fixed at −8");
    assert_true(fabs(fixed(77) + 8) < 1e-9);
    assert_true(fabs(fixed(1482) - 4) < 1e-9);
    /* entered again: the value that was chosen stays */
    view_fixture_enter(&f);
    view_fixture_expect(&f, "77 alone fixed at −8");
    view_fixture_keys(&f, "End");
    view_fixture_expect(&f, "2047 alone fixed at −8");
    view_fixture_keys(&f, "Tab");
    view_fixture_expect(&f, "all 6 fixed at −8");
}

/* It begins where the sliders are. */
static void test_begins_at_the_sliders(void **state)
{
    (void)state;
    view_fixture_init(&f, &sweep_view, DEPTH_256, false, 120, 34);
    shared_set_value(&f.around.shell.sh, UNIT(1482), -6);
    view_fixture_enter(&f);
    answer(JOB_DONE, 1, true);
    view_fixture_expect(&f, "all 6 fixed at −6");
}

static void test_mouse(void **state)
{
    (void)state;
    int x, y;
    open_sized(DEPTH_256, false, 120, 34);
    answer(JOB_DONE, 1, true);
    assert_true(view_fixture_find(&f, " 2310 ", &x, &y));
    assert_true(view_fixture_mouse(&f, MOUSE_PRESS, x + 2, y, 1));
    view_fixture_expect(&f, "2310 alone fixed at 2");
    view_fixture_mouse(&f, MOUSE_PRESS, 5, 12, 1); /* left of the data or nearly so */
    view_fixture_expect(&f, "2310 alone fixed at −8");
    view_fixture_mouse(&f, MOUSE_WHEEL_UP, 30, 12, 0);
    view_fixture_expect(&f, "2310 alone fixed at −6");
    view_fixture_mouse(&f, MOUSE_WHEEL_DOWN, x, y, 0);
    view_fixture_expect(&f, "904 alone fixed at −6");
    assert_true(is_free(904));
    view_fixture_mouse(&f, MOUSE_PRESS, 68, 12, 2); /* at the right edge, double */
    assert_true(fabs(fixed(904) - 8) < 1e-9);
    assert_true(is_free(2310));
}

static void test_nothing_there(void **state)
{
    (void)state;
    view_fixture_init(&f, &sweep_view, DEPTH_256, false, 90, 20);
    f.in.workbench = NULL;
    view_fixture_enter(&f);
    view_fixture_keys(&f, "Down Right Enter e d L z");
    view_fixture_expect(&f, "loading");
    view_fixture_mouse(&f, MOUSE_PRESS, 20, 8, 2);
    f.in.workbench = &f.around.wb;
    f.around.shell.sh.sliders.n = 1; /* one latent: all of them is it */
    view_fixture_enter(&f);
    struct table_set *s = fixture_sweep_tables(units_asked(&f.job[0].request), 1, 1, false);
    view_fixture_answer(&f, JOB_DONE, s);
    view_fixture_keys(&f, "z Esc");
    view_fixture_expect(&f, "1482 fixed at 2");
    view_fixture_keys(&f, "Enter");
    assert_true(fabs(fixed(1482) - 2) < 1e-9);
}

static void test_strange_tables(void **state)
{
    (void)state;
    open_sized(DEPTH_256, false, 120, 34);
    struct table *t = table_new("rows", "", MARK_LINE);
    table_column(t, "value", "", "", COLUMN_STR, COLUMN_X);
    table_column(t, "insert", "", "", COLUMN_I64, COLUMN_KEY);
    table_column(t, "class", "", "", COLUMN_BOOL, COLUMN_SERIES);
    table_row(t);
    struct table_set *s = set_of(t);
    table_set_add(s, table_new("differences", "", MARK_LINE));
    view_fixture_answer(&f, JOB_DONE, s);
    view_fixture_keys(&f, "Down d e Right Enter");
    view_fixture_draw(&f);
    t = table_new("rows", "", MARK_LINE); /* values but no numbers */
    table_column(t, "value", "", "", COLUMN_F64, COLUMN_X);
    for (int i = 0; i < 200; i++)
        table_set_f64(t, table_row(t), 0, i * 1e300);
    view_fixture_answer(&f, JOB_DONE, set_of(t));
    view_fixture_keys(&f, "Down d e Right Right Enter");
    view_fixture_mouse(&f, MOUSE_PRESS, 20, 8, 2);
    view_fixture_draw(&f);
    assert_null(f.ops->table(f.view));
}

static void test_every_size(void **state)
{
    (void)state;
    open_sized(DEPTH_DIRECT, false, 80, 22);
    view_fixture_every_size(&f);
    answer(JOB_RUNNING, .5, true);
    view_fixture_every_size(&f);
    view_fixture_keys(&f, "z");
    view_fixture_every_size(&f);
}

#define TEST(name) cmocka_unit_test_teardown(name, close_view)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_screens),
        TEST(test_what_is_shown),
        TEST(test_an_interval_of_no_width_is_none),
        TEST(test_without_colours),
        TEST(test_while_it_runs),
        TEST(test_what_it_asks),
        TEST(test_numbers),
        TEST(test_numbers_of_a_set),
        TEST(test_values_and_sliders),
        TEST(test_begins_at_the_sliders),
        TEST(test_mouse),
        TEST(test_nothing_there),
        TEST(test_strange_tables),
        TEST(test_every_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

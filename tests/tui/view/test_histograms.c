/* The Histograms view: its screens, what it asks, keys and mouse. */
#include "engine/base/memory.h"
#include "tests/support/requests.h"
#include "tests/support/unit.h"
#include "tests/support/view_fixture.h"
#include "tui/plot/plot.h"
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
    view_fixture_init(&f, &histograms_view, depth, ascii, w, h);
    view_fixture_enter(&f);
}

static void answer(void)
{
    const struct request *r = &f.job[f.n_jobs - 1].request;
    view_fixture_answer(&f, JOB_DONE, histogram_tables(units_asked(r), n_units_asked(r)));
}

static bool is_fixed(int32_t unit)
{
    return isfinite(shared_fixed_value(&f.around.shell.sh, UNIT(unit)));
}

static int close_view(void **state)
{
    (void)state;
    view_fixture_release(&f);
    return 0;
}

static void screen(int w, int h)
{
    open_sized(DEPTH_256, false, w, h);
    answer();
    shared_set_value(&f.around.shell.sh, UNIT(77), 2);
}

static void test_screens(void **state)
{
    (void)state;
    static const struct screen_size size[] = {{20, 5}, {40, 12}, {80, 22}, {120, 34}, {200, 58}};
    view_fixture_screens(&f, "histograms", screen, size, sizeof size / sizeof *size);
}

static void test_without_colours(void **state)
{
    (void)state;
    open_sized(DEPTH_MONO, true, 80, 22);
    answer();
    shared_set_value(&f.around.shell.sh, UNIT(1482), -1);
    assert_true(view_fixture_keys(&f, "b"));
    view_fixture_compare(&f, "histograms-mono-80x22");
}

static void test_zoom(void **state)
{
    (void)state;
    struct plot_options o;
    open_sized(DEPTH_256, false, 100, 24);
    answer();
    assert_false(view_fixture_keys(&f, "Esc"));
    assert_true(view_fixture_keys(&f, "Right z L"));
    view_fixture_compare(&f, "histograms-zoom-100x24");
    plot_options_init(&o);
    f.ops->plot(f.view, &o);
    assert_string_equal(o.facet, "77");
    assert_true(o.log_y && o.mirrored);
    assert_true(view_fixture_keys(&f, "Esc"));
    view_fixture_expect(&f, "1482 · overlap 0.08");
}

static void test_while_it_runs(void **state)
{
    (void)state;
    open_sized(DEPTH_256, false, 80, 22);
    view_fixture_expect(&f, "histograms references waits");
    struct job *j = &f.job[0];
    strcpy(j->what, "histogram");
    j->progress = (struct study_progress){
        .done = 34, .total = 79, .share = .434, .tokens_per_s = 12345, .left = 4.2};
    assert_true(view_fixture_answer(&f, JOB_RUNNING, NULL));
    view_fixture_compare(&f, "histograms-running-80x22");
    j->error = (struct error){ERROR_INPUT,
                              "a.tsv: line 3: found no label, expected TEXT<TAB>LABEL, or a file "
                              "of one class behind --class NAME=FILE"};
    assert_true(view_fixture_answer(&f, JOB_FAILED, NULL));
    view_fixture_expect(&f, "a.tsv: line 3: found no label");
    view_fixture_expect(&f, "NAME=FILE"); /* to its end, on as many lines as it needs */
    assert_false(view_fixture_news(&f));
}

static void test_what_it_asks(void **state)
{
    (void)state;
    struct corpus_choice corpus = {.path = (char *)"news.tsv"};
    struct request r;
    open_sized(DEPTH_256, false, 80, 22);
    assert_int_equal(f.n_jobs, 1);
    assert_ptr_equal(f.job[0].request.query, &histogram_query);
    assert_int_equal(n_units_asked(&f.job[0].request), 6);
    assert_unit(units_asked(&f.job[0].request)[1], 77);
    assert_null(f.job[0].request.corpus.path);
    answer();
    assert_ptr_equal(f.ops->table(f.view), table_set_find(f.job[0].tables, "rows"));
    view_fixture_enter(&f); /* nothing changed: the same job */
    assert_int_equal(f.n_jobs, 1);
    assert_non_null(f.ops->table(f.view));
    f.in.corpus = &corpus;
    shared_take(&f.around.shell.sh, UNIT(500), 1);
    view_fixture_enter(&f);
    assert_int_equal(f.n_jobs, 2);
    assert_string_equal(f.job[1].request.corpus.path, "news.tsv");
    assert_null(f.ops->table(f.view)); /* the numbers of another corpus are gone */
    assert_true(f.ops->request(f.view, &f.in, &r));
    assert_true(request_equal(&r, &f.job[1].request));
    request_release(&r);
    view_fixture_expect(&f, "histograms news.tsv waits");
}

static void test_class_asked_about(void **state)
{
    (void)state;
    open_sized(DEPTH_256, false, 80, 22);
    answer();
    assert_true(view_fixture_keys(&f, "t"));
    assert_int_equal(f.n_jobs, 2);
    assert_string_equal(target_asked(&f.job[1].request), "en");
    answer();
    assert_true(view_fixture_keys(&f, "t"));
    assert_string_equal(target_asked(&f.job[f.n_jobs - 1].request), "da");
}

static void test_keys(void **state)
{
    (void)state;
    open_sized(DEPTH_256, false, 120, 34); /* two rows of three */
    answer();
    view_fixture_keys(&f, "Down f");
    assert_true(is_fixed(904));
    view_fixture_keys(&f, "f");
    assert_false(is_fixed(904));
    view_fixture_keys(&f, "End f Home f Up Left f");
    assert_true(is_fixed(2047));
    assert_false(is_fixed(1482)); /* fixed, freed */
    shell_go(&f.around.shell, VIEW_HISTOGRAMS);
    view_fixture_keys(&f, "Tab Enter");
    assert_unit(f.around.shell.sh.colour_unit, 77);
    assert_int_equal(f.around.shell.views.now, VIEW_EXPLORE);
}

static void test_mouse(void **state)
{
    (void)state;
    int x, y, mark_x, mark_y;
    open_sized(DEPTH_256, false, 120, 34);
    answer();
    assert_true(view_fixture_find(&f, "2310 ·", &x, &y));
    view_fixture_mouse(&f, MOUSE_PRESS, x + 25, y + 5, 1); /* selects */
    assert_false(is_fixed(2310));
    view_fixture_mouse(&f, MOUSE_PRESS, x + 25, y + 5, 1); /* sets */
    double at = shared_fixed_value(&f.around.shell.sh, UNIT(2310));
    assert_true(at > -3 && at < 5.7);
    view_fixture_draw(&f);
    assert_true(view_fixture_find(&f, "● fixed ", NULL, NULL));
    for (mark_y = y; mark_y < y + 17; mark_y++) { /* the mark stands where the click was */
        for (mark_x = x; mark_x < x + 55; mark_x++)
            if (strcmp(f.grid.cell[mark_y * f.grid.w + mark_x].glyph, "●") == 0)
                goto found;
    }
    fail_msg("no ● in the panel");
found:
    assert_true(mark_x >= x + 24 && mark_x <= x + 26);
    view_fixture_mouse(&f, MOUSE_WHEEL_DOWN, x, y, 0);
    view_fixture_keys(&f, "f");
    assert_true(is_fixed(904));
}

/* Nothing chosen, nothing loaded, nobody to ask. */
static void test_nothing_there(void **state)
{
    (void)state;
    view_fixture_init(&f, &histograms_view, DEPTH_256, false, 60, 10);
    f.in.workbench = NULL;
    view_fixture_enter(&f);
    view_fixture_expect(&f, "loading");
    f.in.workbench = &f.around.wb;
    f.in.host = NULL;
    f.in.shared = NULL;
    view_fixture_enter(&f);
    view_fixture_keys(&f, "Down Enter f t z");
    view_fixture_draw(&f);
    f.in.host = &f.host;
    f.in.shared = &f.around.shell.sh;
    f.around.shell.sh.sliders.n = 0;
    view_fixture_enter(&f);
    assert_int_equal(f.n_jobs, 0);
    view_fixture_expect(&f, "no latent is chosen");
}

/* Without Explore the workbench's chosen latents are shown, and its keys do nothing. */
static void test_without_explore(void **state)
{
    (void)state;
    view_fixture_init(&f, &histograms_view, DEPTH_256, false, 80, 22);
    f.in.shared = NULL;
    view_fixture_enter(&f);
    assert_int_equal(n_units_asked(&f.job[0].request), 6);
    answer();
    view_fixture_keys(&f, "Right f Enter");
    view_fixture_mouse(&f, MOUSE_PRESS, 20, 5, 2);
    view_fixture_expect(&f, "77 · overlap");
}

/* A table that came from a file may have any columns. */
static void test_strange_tables(void **state)
{
    (void)state;
    open_sized(DEPTH_256, false, 80, 22);
    struct table *t = table_new("rows", "", MARK_HIST), *o = table_new("latents", "", MARK_LIST);
    table_column(t, "latent", "", "", COLUMN_STR, COLUMN_FACET);
    table_column(t, "class", "", "", COLUMN_F64, COLUMN_SERIES);
    table_column(t, "density", "", "", COLUMN_STR, COLUMN_Y);
    table_row(t);
    table_column(o, "latent", "", "", COLUMN_I64, COLUMN_KEY);
    table_column(o, "overlap", "", "", COLUMN_STR, COLUMN_TEXT);
    table_column(o, "higher", "", "", COLUMN_F64, COLUMN_TEXT);
    table_set_i64(o, table_row(o), 0, 1482);
    struct table_set *s = set_of(t);
    table_set_add(s, o);
    view_fixture_answer(&f, JOB_DONE, s);
    view_fixture_keys(&f, "t Right");
    view_fixture_mouse(&f, MOUSE_PRESS, 40, 5, 2);
    view_fixture_draw(&f);
    view_fixture_answer(&f, JOB_DONE, set_of(table_new("other", "", MARK_LIST)));
    view_fixture_draw(&f);
    assert_null(f.ops->table(f.view));
}

static void test_every_size(void **state)
{
    (void)state;
    open_sized(DEPTH_DIRECT, false, 80, 22);
    view_fixture_every_size(&f);
    f.job[0].status = JOB_RUNNING; /* the panels and the line of progress */
    answer();
    view_fixture_every_size(&f);
    view_fixture_keys(&f, "z");
    view_fixture_every_size(&f);
}

#define TEST(name) cmocka_unit_test_teardown(name, close_view)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_screens),        TEST(test_without_colours),
        TEST(test_zoom),           TEST(test_while_it_runs),
        TEST(test_what_it_asks),   TEST(test_class_asked_about),
        TEST(test_keys),           TEST(test_mouse),
        TEST(test_nothing_there),  TEST(test_without_explore),
        TEST(test_strange_tables), TEST(test_every_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

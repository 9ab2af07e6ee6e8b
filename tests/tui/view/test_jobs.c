/* The Jobs view and the line of a job. */
#include "engine/base/memory.h"
#include "engine/base/strbuf.h"
#include "tests/support/view_fixture.h"
#include "tui/view/job_line.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct view_fixture f; /* too large for the stack */

static struct job *add(const struct query *query, const char *path, int n_units)
{
    struct request r;
    request_init(&r, query);
    r.corpus.path = path ? xstrdup(path) : NULL;
    if (n_units > 0)
        request_set_units(&r, f.around.wb.chosen, n_units);
    struct job *j = view_fixture_job(&f, &r);
    request_release(&r);
    return j;
}

static void finish(struct job *j, enum job_status status, double seconds, bool cached)
{
    j->status = status;
    j->seconds = seconds;
    j->cached = cached;
    j->version++;
}

static void run(struct job *j, const char *what, double share, double rate, double left)
{
    j->status = JOB_RUNNING;
    snprintf(j->what, sizeof j->what, "%s", what);
    j->progress = (struct study_progress){.done = (int64_t)(share * 80),
                                          .total = 80,
                                          .share = share,
                                          .tokens = 51234,
                                          .tokens_per_s = rate,
                                          .left = left};
    j->seconds = 4.3;
}

/* One of each. */
static void open_full(enum depth depth, bool ascii, int w, int h)
{
    view_fixture_init(&f, &jobs_view, depth, ascii, w, h);
    finish(add(&harvest_query, NULL, 0), JOB_DONE, 61.2, false);
    finish(add(&latents_query, NULL, 0), JOB_DONE, .01, true);
    finish(add(&examples_query, NULL, 1), JOB_DONE, .21, false);
    finish(add(&lens_query, NULL, 1), JOB_DONE, .08, false);
    struct job *j = add(&histogram_query, "/corpora/it's mine/news.tsv", 6);
    finish(j, JOB_FAILED, .3, false);
    j->error = (struct error){
        ERROR_INPUT,
        "/corpora/it's mine/news.tsv: line 310: found no tab, expected TEXT<TAB>LABEL"};
    finish(add(&sweep_query, "elrc.tmx", 6), JOB_CANCELLED, 12, false);
    run(add(&sweep_query, NULL, 6), "sweep", .434, 12345, 4.2);
    add(&tokens_query, NULL, 6);
    view_fixture_enter(&f);
}

static int close_view(void **state)
{
    (void)state;
    view_fixture_release(&f);
    return 0;
}

static void screen(int w, int h)
{
    open_full(DEPTH_256, false, w, h);
    view_fixture_keys(&f, "Down Down Down");
}

static void test_screens(void **state)
{
    (void)state;
    static const struct screen_size size[] = {{20, 5}, {40, 12}, {80, 22}, {120, 34}};
    view_fixture_screens(&f, "jobs", screen, size, sizeof size / sizeof *size);
}

static void test_without_colours(void **state)
{
    (void)state;
    open_full(DEPTH_MONO, true, 80, 22);
    view_fixture_keys(&f, "Down");
    view_fixture_compare(&f, "jobs-mono-80x22");
}

static void test_commands(void **state)
{
    (void)state;
    struct request r;
    struct options o;
    open_full(DEPTH_256, false, 120, 34);
    view_fixture_keys(&f, "Down");
    view_fixture_expect(&f, "glimt sweep --latents 1482,77,2310,904,11,2047");
    assert_true(f.ops->request(f.view, &f.in, &r));
    assert_true(request_equal(&r, &f.job[6].request));
    request_release(&r);
    view_fixture_keys(&f, "Down Down");
    view_fixture_expect(&f, "line 310: found no tab");
    view_fixture_expect(&f, "'/corpora/it'\\''s mine/news.tsv'");
    options_init(&o);
    o.model = "other";
    f.in.options = &o;
    view_fixture_expect(&f, "--model other");
    options_release(&o);
    f.in.options = NULL;
}

static void test_cancel(void **state)
{
    (void)state;
    open_full(DEPTH_256, false, 80, 22);
    view_fixture_keys(&f, "End x");
    assert_int_equal(f.cancelled, 0); /* done long ago */
    view_fixture_keys(&f, "Home Down x");
    assert_int_equal(f.cancelled, 7);
    view_fixture_keys(&f, "Up x");
    assert_int_equal(f.cancelled, 8);
}

static void test_enter_goes_there(void **state)
{
    (void)state;
    static const enum view_id shows[] = {VIEW_CORPUS,  VIEW_SWEEP,   VIEW_SWEEP,   VIEW_HISTOGRAMS,
                                         VIEW_LATENTS, VIEW_LATENTS, VIEW_LATENTS, VIEW_LATENTS};
    open_full(DEPTH_256, false, 80, 22);
    for (size_t i = 0; i < sizeof shows / sizeof *shows; i++) {
        shell_go(&f.around.shell, VIEW_EXPLORE);
        view_fixture_keys(&f, "Enter");
        assert_int_equal(f.around.shell.views.now, shows[i]);
        view_fixture_keys(&f, "Down");
    }
    int x, y;
    assert_true(view_fixture_find(&f, "histograms of 6", &x, &y));
    view_fixture_mouse(&f, MOUSE_PRESS, x, y, 1);
    assert_int_equal(f.around.shell.views.now, VIEW_LATENTS);
    view_fixture_mouse(&f, MOUSE_PRESS, x, y, 2);
    assert_int_equal(f.around.shell.views.now, VIEW_HISTOGRAMS);
}

/* The selection stays with its job when others come; at the top it stays at the top. */
static void test_selection(void **state)
{
    (void)state;
    struct request r;
    open_full(DEPTH_256, false, 80, 22);
    view_fixture_keys(&f, "Down Down");
    add(&coactive_query, NULL, 1);
    assert_true(view_fixture_news(&f));
    assert_true(f.ops->request(f.view, &f.in, &r));
    assert_string_equal(r.corpus.path, "elrc.tmx");
    request_release(&r);
    view_fixture_keys(&f, "Home");
    add(&find_query, NULL, 0);
    assert_true(view_fixture_news(&f));
    assert_true(f.ops->request(f.view, &f.in, &r));
    assert_ptr_equal(r.query, &find_query);
    request_release(&r);
    assert_false(view_fixture_news(&f));
    f.job[6].progress.left = 3;
    assert_true(view_fixture_news(&f));
}

static void test_table(void **state)
{
    (void)state;
    open_full(DEPTH_256, false, 80, 22);
    const struct table *t = f.ops->table(f.view);
    assert_int_equal(t->n_rows, 8);
    assert_string_equal(table_str(t, 1, table_find(t, "status")), "runs");
    assert_string_equal(table_str(t, 3, table_find(t, "what")), "histograms of 6 latents");
    assert_string_equal(table_str(t, 7, table_find(t, "command")), "glimt harvest");
    assert_true(table_f64(t, 7, table_find(t, "share")) > .999);
}

static void test_many(void **state)
{
    (void)state;
    view_fixture_init(&f, &jobs_view, DEPTH_256, false, 80, 22);
    for (int i = 0; i < VIEW_FIXTURE_JOBS; i++)
        add(&examples_query, NULL, 1);
    view_fixture_enter(&f);
    view_fixture_expect(&f, "1–13 of 300");
    view_fixture_keys(&f, "PageDown PageDown PageUp End PageDown");
    view_fixture_expect(&f, "288–300 of 300");
    view_fixture_mouse(&f, MOUSE_WHEEL_UP, 5, 5, 0);
    view_fixture_draw(&f);
}

static void test_nothing_there(void **state)
{
    (void)state;
    view_fixture_init(&f, &jobs_view, DEPTH_256, false, 80, 22);
    f.in.host = NULL;
    view_fixture_enter(&f);
    f.in.host = &f.host;
    view_fixture_enter(&f);
    view_fixture_keys(&f, "Down End x Enter z");
    view_fixture_mouse(&f, MOUSE_PRESS, 5, 3, 2);
    struct request r;
    assert_false(f.ops->request(f.view, &f.in, &r));
    view_fixture_expect(&f, "nothing was asked yet");
    view_fixture_every_size(&f);
}

static void test_every_size(void **state)
{
    (void)state;
    open_full(DEPTH_DIRECT, false, 80, 22);
    view_fixture_every_size(&f);
}

/* ---- the line */
static void expect_line(const struct job *j, int columns, bool ascii, const char *says)
{
    char line[700];
    job_line_text(j, ascii, columns, line, sizeof line);
    assert_string_equal(line, says);
}

static void test_lines(void **state)
{
    (void)state;
    open_full(DEPTH_256, false, 80, 22);
    struct job *j = &f.job[0];
    strcpy(j->what, "harvest");
    run(j, "harvest", .43, 12345, 4.2);
    expect_line(j, 100, false,
                "harvest references 43 % ▕██████▉         ▏ 12,300 tokens/s, 4.2 s left");
    expect_line(j, 100, true,
                "harvest references 43 % [#######         ] 12,300 tokens/s, 4.2 s left");
    expect_line(j, 50, false, "harvest references 43 % ▕██▋   ▏ 12,300 tokens/s");
    expect_line(j, 36, false, "harvest references 43 % ▕██▋   ▏");
    expect_line(j, 24, false, "harvest references 43 %");
    run(j, "harvest", .999, 0, NAN);
    expect_line(j, 100, false, "harvest references 99 % ▕████████████████▏");
    run(j, "harvest", 7, 1e300, 1e300);
    expect_line(j, 40, false, "harvest references 100 % ▕██████▏");
    j->progress.total = 0;
    strcpy(j->what, "tokenising");
    expect_line(j, 100, false, "tokenising references …");
    expect_line(&f.job[1], 100, false, "latents references from the cache");
    expect_line(&f.job[2], 100, false, "examples references done in 0.2 s");
    expect_line(&f.job[3], 100, false, "logit lens done in 0.1 s");
    expect_line(&f.job[4], 100, false,
                "histograms news.tsv: /corpora/it's mine/news.tsv: line 310: found no tab, "
                "expected TEXT<TAB>LABEL");
    expect_line(&f.job[5], 100, false, "sweep elrc.tmx cancelled");
    expect_line(&f.job[7], 100, false, "running text references waits");
    char small[12];
    job_line_text(&f.job[4], false, 100, small, sizeof small);
    assert_string_equal(small, "histograms ");
}

static void test_pieces(void **state)
{
    (void)state;
    static const struct {
        double v;
        const char *count, *duration;
    } cases[] = {{0, "0", "0.0 s"},
                 {999, "999", "17 min"},
                 {1000, "1,000", "17 min"},
                 {1234567, "1,234,567", "342 h 56 min"},
                 {NAN, "", ""},
                 {-4200, "-4,200", ""},
                 {9.7, "10", "9.7 s"},
                 {59, "59", "59 s"},
                 {130, "130", "2 min"},
                 {4800, "4,800", "1 h 20 min"}};
    view_fixture_init(&f, &jobs_view, DEPTH_256, false, 80, 22);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char s[40];
        count_text(cases[i].v, s, sizeof s);
        assert_string_equal(s, cases[i].count);
        duration_text(cases[i].v, s, sizeof s);
        assert_string_equal(s, cases[i].duration);
    }
}

#define TEST(name) cmocka_unit_test_teardown(name, close_view)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_screens),
        TEST(test_without_colours),
        TEST(test_commands),
        TEST(test_cancel),
        TEST(test_enter_goes_there),
        TEST(test_selection),
        TEST(test_table),
        TEST(test_many),
        TEST(test_nothing_there),
        TEST(test_every_size),
        TEST(test_lines),
        TEST(test_pieces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

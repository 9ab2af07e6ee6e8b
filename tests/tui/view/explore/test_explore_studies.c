/* What studies bring into Explore: the histogram of the latent looked at, the sweep of the chosen
 * ones as tracks and as ≈ losses; the views beside it, and what is taken home. */
#include "engine/base/memory.h"
#include "engine/base/strbuf.h"
#include "tests/support/explore_fixture.h"
#include "tests/support/requests.h"
#include "tests/support/unit.h"
#include "tests/support/view_fixture.h"
#include "tui/plot/plot.h"
#include "tui/shell/export.h"
#include "tui/shell/shell_private.h"
#include "tui/view/explore/explore_private.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct explore_fixture f;

static void begin_as(const char *text, enum depth depth, bool ascii, bool hold, int w, int h)
{
    fixture_init(&f, text, depth, ascii, w, h);
    f.hold = hold;
    fixture_host(&f);
    fixture_settle(&f);
}

static void begin(const char *text, int w, int h)
{
    begin_as(text, DEPTH_256, false, false, w, h);
}

static int end(void **state)
{
    (void)state;
    fixture_release(&f);
    return 0;
}

/* ---- the histogram pane */
static void test_histogram_follows_what_is_looked_at(void **state)
{
    (void)state;
    begin_as("en to", DEPTH_256, false, true, 120, 36);
    struct job *j = fixture_job(&f, &bins_query);
    assert_non_null(j);
    assert_int_equal(n_units_asked(&j->request), 1);
    assert_unit(units_asked(&j->request)[0], 1482);
    struct unit_id unit = UNIT(1482);
    fixture_answer(&f, j, JOB_RUNNING, NULL);
    fixture_pane(&f, PANE_HISTOGRAM, "harvesting", true);
    fixture_answer(&f, j, JOB_DONE, histogram_tables(&unit, 1));
    fixture_pane(&f, PANE_HISTOGRAM, "▲", true);
    fixture_pane(&f, PANE_HISTOGRAM, "token", true);
    fixture_pane(&f, PANE_HISTOGRAM, "fixed", false);
    fixture_shows(&f, "Histogram 1482");
    shell_command(&f.shell, "fix 1482=2");
    fixture_pane(&f, PANE_HISTOGRAM, "fixed", true);
    int asked = f.n_jobs;
    shell_command(&f.shell, "unit 55"); /* as by a key, in scripts too */
    assert_int_equal(f.n_jobs, asked + 1);
    fixture_shows(&f, "Histogram 55");
    fixture_pane(&f, PANE_HISTOGRAM, "▲", false);
    fixture_answer(&f, fixture_job(&f, &bins_query), JOB_FAILED, NULL);
    fixture_pane(&f, PANE_HISTOGRAM, "not known", true);
    fixture_keys(&f, "Esc Left Right");
    assert_int_equal(f.n_jobs, asked + 1); /* asked once */
}

/* While it harvests the table of all latents is no histogram: a pane shows its own kind of result
 * or how far it is. */
static void test_another_result_is_no_histogram(void **state)
{
    (void)state;
    begin_as("en to", DEPTH_256, false, true, 120, 36);
    struct job *j = fixture_job(&f, &bins_query);
    struct table *t = table_new("rows", "Latents", MARK_LIST);
    table_column(t, "latent", "", "", COLUMN_I64, COLUMN_KEY);
    table_column(t, "fire_share.da", "share", "", COLUMN_F64, COLUMN_TEXT);
    table_set_i64(t, table_row(t), 0, 1482);
    j->progress = (struct study_progress){.done = 42, .total = 100, .share = .42, .left = NAN};
    fixture_answer(&f, j, JOB_RUNNING, set_of(t));
    fixture_pane(&f, PANE_HISTOGRAM, "fire_share", false);
    fixture_pane(&f, PANE_HISTOGRAM, "harvesting references … 42 %", true);
    assert_null(histogram_table(f.ex));
    fixture_keys(&f, "Esc s");
    t = table_new("rows", "Sweep", MARK_HIST);
    table_column(t, "value", "", "", COLUMN_F64, COLUMN_X);
    fixture_answer(&f, fixture_job(&f, &sweep_query), JOB_RUNNING, set_of(t));
    assert_int_equal(f.shell.sh.findings.n_curves, 0);
}

/* ---- how often each latent fires */
static struct table_set *latents_tables(double da, double en)
{
    static const int32_t unit[] = {1482, 77};
    struct table *t = table_new("rows", "Latents", MARK_LIST);
    table_column(t, "latent", "", "", COLUMN_I64, COLUMN_KEY);
    table_column(t, "fire_share.da", "share", "", COLUMN_F64, COLUMN_TEXT);
    table_column(t, "fire_share.en", "share", "", COLUMN_F64, COLUMN_TEXT);
    for (int i = 0; i < 2; i++) {
        int64_t row = table_row(t);
        table_set_i64(t, row, 0, unit[i]);
        table_set_f64(t, row, 1, da - i / 10.);
        table_set_f64(t, row, 2, en);
    }
    return set_of(t);
}

/* The numbers beside the latents are those of the Latents view, and say what they are of. */
static void test_shares_name_their_corpus(void **state)
{
    (void)state;
    begin_as("en to", DEPTH_256, false, true, 120, 36);
    fixture_shows(&f, "shares of the bundle");
    fixture_pane(&f, PANE_LATENTS, "da 72 %", true); /* 1482, as the bundle has it */
    struct unit_id unit = UNIT(1482);
    fixture_answer(&f, fixture_job(&f, &bins_query), JOB_DONE, histogram_tables(&unit, 1));
    struct job *j = fixture_job(&f, &latents_query);
    assert_non_null(j);
    assert_true(j->request.only_kept); /* nothing more is computed for it */
    fixture_answer(&f, j, JOB_DONE, latents_tables(.8, .07));
    fixture_shows(&f, "shares of references");
    fixture_hides(&f, "shares of the bundle");
    fixture_pane(&f, PANE_LATENTS, "da 80 %  en  7 %", true);
    fixture_pane(&f, PANE_LATENTS, "da 70 %  en  7 %", true);
    fixture_pane(&f, PANE_LATENTS, "da  0 %  en  0 %", true); /* never fired */
    fixture_shows(&f, "Histogram 1482 · references");
    shell_use_corpus(&f.shell, "/somewhere/news.tsv");
    fixture_shows(&f, "shares of the bundle");
    fixture_shows(&f, "Histogram 1482 · news.tsv");
    fixture_pane(&f, PANE_LATENTS, "da 80 %", false);
    fixture_pane(&f, PANE_HISTOGRAM, "▲", false); /* nor the picture of the one before */
}

static void test_harvest_is_asked_for(void **state)
{
    (void)state;
    begin_as("en to", DEPTH_256, false, true, 120, 36);
    f.wb.statistics[0] = NULL;
    f.wb.n_sets = f.wb.n_live = 2;
    fixture_answer(&f, fixture_job(&f, &bins_query), JOB_CANCELLED, NULL);
    fixture_shows(&f, "not harvested: H harvests");
    fixture_pane(&f, PANE_LATENTS, "da ", false);
    fixture_keys(&f, "Esc H");
    fixture_shows(&f, "harvesting references");
    struct job *j = fixture_job(&f, &latents_query);
    assert_non_null(j);
    assert_false(j->request.only_kept);
    j->progress = (struct study_progress){.done = 42, .total = 100, .share = .42, .left = NAN};
    fixture_answer(&f, j, JOB_RUNNING, latents_tables(.5, .5)); /* so far */
    f.shell.sh.message[0] = 0;
    fixture_shows(&f, "harvesting references … 42 %");
    fixture_pane(&f, PANE_LATENTS, "da 50 %", false);
    int asked = f.n_jobs;
    fixture_keys(&f, "H");
    assert_int_equal(f.n_jobs, asked);
    fixture_answer(&f, j, JOB_DONE, latents_tables(.8, .07));
    fixture_pane(&f, PANE_LATENTS, "da 80 %  en  7 %", true);
    fixture_shows(&f, "shares of references");
    fixture_keys(&f, "H");
    fixture_shows(&f, "references: harvested already");
    assert_true(shell_command(&f.shell, "harvest")); /* in the palette, too */
}

static void test_histogram_log_and_mirror(void **state)
{
    (void)state;
    begin("en to", 120, 36);
    fixture_keys(&f, "Esc Tab Tab Tab");
    assert_int_equal(f.ex->focus, PANE_HISTOGRAM);
    struct plot_options o;
    char *mirrored = fixture_pane_text(&f, PANE_HISTOGRAM);
    histogram_plot(f.ex, &o);
    assert_true(o.mirrored && !o.log_y);
    fixture_keys(&f, "L");
    char *logarithmic = fixture_pane_text(&f, PANE_HISTOGRAM);
    histogram_plot(f.ex, &o);
    assert_true(o.mirrored && o.log_y);
    fixture_keys(&f, "L b");
    char *overlaid = fixture_pane_text(&f, PANE_HISTOGRAM);
    histogram_plot(f.ex, &o);
    assert_true(!o.mirrored && !o.log_y);
    assert_string_not_equal(mirrored, logarithmic);
    assert_string_not_equal(mirrored, overlaid);
    fixture_keys(&f, "b");
    char *again = fixture_pane_text(&f, PANE_HISTOGRAM);
    assert_string_equal(mirrored, again);
    free(mirrored);
    free(logarithmic);
    free(overlaid);
    free(again);
}

/* A click sets the value under it: as ▲ then shows. */
static void test_click_on_a_column(void **state)
{
    (void)state;
    begin("en to", 120, 36);
    struct rect r = layout_inner(&f.ex->layout, PANE_HISTOGRAM);
    int x = r.x + r.w * 2 / 3, y = r.y + r.h / 2;
    double v;
    assert_true(histogram_value_at(f.ex, x, y, &v));
    fixture_mouse(&f, MOUSE_PRESS, 1, x, y, 0, 1);
    assert_true(f.shell.sh.sliders.unit[0].fixed);
    assert_true(fabs((double)f.shell.sh.sliders.unit[0].value - slider_snap(v)) < 1e-6);
    assert_int_equal(f.shell.sh.rows.selected, 1);
    fixture_draw(&f);
    bool marked = false;
    for (int row = y; row < r.y + r.h; row++)
        for (int d = -1; d <= 1; d++) /* within a tenth, so within a cell */
            marked = marked || strcmp(f.grid.cell[row * f.grid.w + x + d].glyph, "▲") == 0;
    assert_true(marked);
    fixture_keys(&f, "u");
    assert_false(f.shell.sh.sliders.unit[0].fixed);
    shell_command(&f.shell, "unit 55"); /* no slider */
    struct sliders before = f.shell.sh.sliders;
    fixture_mouse(&f, MOUSE_PRESS, 1, x, y, 0, 1);
    assert_true(sliders_equal(&before, &f.shell.sh.sliders));
    fixture_shows(&f, "latent 55 is no slider");
    fixture_mouse(&f, MOUSE_PRESS, 1, r.x, r.y + r.h - 1, 0, 1); /* the axis is no column */
    assert_true(sliders_equal(&before, &f.shell.sh.sliders));
}

/* ---- the sweep of the chosen ones */
static void test_sweep_is_asked_for(void **state)
{
    (void)state;
    begin_as("en to", DEPTH_256, false, true, 120, 36);
    fixture_keys(&f, "Esc s");
    struct job *j = fixture_job(&f, &sweep_query);
    assert_non_null(j);
    assert_int_equal(n_units_asked(&j->request), 6);
    assert_memory_equal(units_asked(&j->request), f.wb.chosen, 6 * sizeof(struct unit_id));
    assert_true(params_flag(&j->request.params, "each"));
    const char *places;
    assert_int_equal(params_insert(&j->request.params, "insert", &places),
                     1 << INSERT_SAE | 1 << INSERT_ERROR);
    fixture_keys(&f, "s");
    assert_int_equal(fixture_job(&f, &sweep_query)->id, j->id);
}

static double swept(const char *cls, const int32_t *unit, double v)
{
    struct table_set *s = fixture_sweep_tables(f.wb.chosen, 6, 1, false);
    const struct table *t = table_set_find(s, "rows");
    double loss = NAN;
    for (int64_t i = 0; i < t->n_rows; i++) {
        bool all = !table_has(t, i, table_find(t, "unit"));
        if (strcmp(table_str(t, i, table_find(t, "insert")), "sae") == 0 &&
            strcmp(table_str(t, i, table_find(t, "class")), cls) == 0 &&
            (unit ? !all && table_i64(t, i, table_find(t, "unit")) == *unit : all) &&
            table_f64(t, i, table_find(t, "value")) == v)
            loss = table_f64(t, i, table_find(t, "loss_sentence_mean"));
    }
    table_set_unref(s);
    return loss;
}

static void assert_about(double da, bool there)
{
    char text[40];
    snprintf(text, sizeof text, "≈ %.2f", da);
    fixture_pane(&f, PANE_LOSS, there ? text : "≈", there);
}

static void test_about_until_it_is_measured(void **state)
{
    (void)state;
    int32_t first = 1482;
    begin("en to", 120, 36);
    fixture_keys(&f, "Esc s");
    shell_news(&f.shell);
    assert_true(findings_apply(&f.shell.sh.findings, insertion_of(INSERT_SAE), f.wb.chosen, 6));
    /* nothing fixed: of each insertion its own */
    const struct findings *found = &f.shell.sh.findings;
    double base = findings_base(found, insertion_of(INSERT_SAE), "da");
    assert_true(fabs(base - 3.08) < 1e-9);
    base = findings_base(found, insertion_of(INSERT_ERROR), "da");
    assert_true(fabs(base - 3.02) < 1e-9);
    fixture_shows(&f, "Fixed values · loss of references");
    fixture_pane(&f, PANE_LOSS, "≈", false); /* what is measured stands there */
    shell_command(&f.shell, "fix 1482=2");   /* one alone */
    assert_about(swept("da", &first, 2), true);
    shell_command(&f.shell, "fix 1482=3"); /* between two: linear */
    double between = (swept("da", &first, 2) + swept("da", &first, 4)) / 2;
    assert_about(between, true);
    fixture_settle(&f);
    fixture_pane(&f, PANE_LOSS, "≈", false);
    shell_command(&f.shell, "fix 77=1"); /* two at different values: nobody measured that */
    fixture_pane(&f, PANE_LOSS, "≈", false);
    fixture_pane(&f, PANE_LOSS, "at ", true);
    shell_command(&f.shell, "fix 1482=4,77=4,2310=4,904=4,11=4,2047=4"); /* all of them at one */
    assert_about(swept("da", NULL, 4), true);
    shell_command(&f.shell, "fix 2047=5"); /* one of them elsewhere */
    fixture_pane(&f, PANE_LOSS, "≈", false);
    shell_command(&f.shell, "fix 1482=9,77=9,2310=9,904=9,11=9,2047=9"); /* beyond what was swept */
    fixture_pane(&f, PANE_LOSS, "≈", false);
    shell_command(&f.shell, "free all");
    shell_command(&f.shell, "fix 1482=2");
    assert_about(swept("da", &first, 2), true);
    fixture_keys(&f, "Space"); /* without the fixed values no such number */
    fixture_pane(&f, PANE_LOSS, "≈", false);
    fixture_keys(&f, "Space");
    shell_command(&f.shell, "insert error"); /* another insertion has curves of its own */
    char *text = fixture_pane_text(&f, PANE_LOSS);
    char sae[40];
    snprintf(sae, sizeof sae, "≈ %.2f", swept("da", &first, 2));
    assert_null(strstr(text, sae));
    assert_non_null(strstr(text, "≈"));
    free(text);
}

static void test_no_about_for_other_units(void **state)
{
    (void)state;
    begin("en to", 120, 36);
    fixture_keys(&f, "Esc s");
    shell_news(&f.shell);
    shell_command(&f.shell, "fix 1482=2");
    fixture_pane(&f, PANE_LOSS, "≈", true);
    fixture_settle(&f);
    fixture_keys(&f, "Tab Tab Tab Tab End x"); /* five are chosen now */
    shell_command(&f.shell, "fix 1482=4");
    fixture_pane(&f, PANE_LOSS, "≈", false);
    fixture_pane(&f, PANE_LOSS, "at 2.0", true);
    fixture_keys(&f, "u u");
    shell_command(&f.shell, "fix 1482=4");
    fixture_pane(&f, PANE_LOSS, "≈", true);
    shell_use_corpus(&f.shell, "other.tsv"); /* the loss shown is that of the references */
    fixture_keys(&f, "s");
    shell_news(&f.shell);
    assert_true(findings_apply(&f.shell.sh.findings, insertion_of(INSERT_SAE), f.wb.chosen, 6));
    fixture_pane(&f, PANE_LOSS, "≈", false);
}

static void test_ctrl_c_cancels_what_runs(void **state)
{
    (void)state;
    begin_as("en to", DEPTH_256, false, true, 120, 36);
    fixture_keys(&f, "Esc s");
    struct job *j = fixture_job(&f, &sweep_query);
    fixture_answer(&f, j, JOB_RUNNING, NULL);
    fixture_keys(&f, "Ctrl-C");
    assert_int_equal(j->status, JOB_CANCELLED);
    assert_int_equal(f.shell.overlay, OVERLAY_NONE);
    assert_non_null(strstr(f.shell.sh.message, "sweep cancelled"));
    fixture_keys(&f, "Ctrl-C"); /* nothing runs any more */
    assert_int_equal(f.shell.overlay, OVERLAY_ASK);
}

/* What an earlier session measured is there without being asked for. */
static void test_a_kept_sweep_is_recalled(void **state)
{
    (void)state;
    begin_as("en to", DEPTH_256, false, true, 120, 36);
    assert_null(watch_table(&f.shell.sh.findings.sweep, "rows"));
    f.hold = false;
    f.kept = true;
    fixture_keys(&f, "Esc 2 1"); /* back from another view: looked for again */
    shell_news(&f.shell);
    assert_true(findings_apply(&f.shell.sh.findings, insertion_of(INSERT_SAE), f.wb.chosen, 6));
    shell_command(&f.shell, "fix 1482=2");
    fixture_pane(&f, PANE_LOSS, "≈", true);
}

static void test_a_part_of_a_sweep(void **state)
{
    (void)state;
    begin_as("en to", DEPTH_256, false, true, 120, 36);
    fixture_keys(&f, "Esc s");
    struct job *j = fixture_job(&f, &sweep_query);
    fixture_answer(&f, j, JOB_RUNNING, fixture_sweep_tables(f.wb.chosen, 6, .05, false));
    shell_command(&f.shell, "fix 11=2"); /* its lane has no number yet */
    fixture_pane(&f, PANE_LOSS, "≈", false);
    fixture_answer(&f, j, JOB_DONE, fixture_sweep_tables(f.wb.chosen, 6, 1, false));
    fixture_pane(&f, PANE_LOSS, "≈", true);
}

static void test_tables_of_another_shape(void **state)
{
    (void)state;
    begin_as("en to", DEPTH_256, false, true, 120, 36);
    fixture_keys(&f, "Esc s");
    struct table *t = table_new("rows", "", MARK_LINE);
    table_column(t, "value", "", "", COLUMN_STR, COLUMN_X);
    table_column(t, "insert", "", "", COLUMN_I64, COLUMN_KEY);
    table_column(t, "unit", "", "", COLUMN_F64, COLUMN_KEY);
    table_column(t, "class", "", "", COLUMN_I64, COLUMN_SERIES);
    table_column(t, "loss_sentence_mean", "", "", COLUMN_STR, COLUMN_Y);
    table_row(t);
    fixture_answer(&f, fixture_job(&f, &sweep_query), JOB_DONE, set_of(t));
    assert_int_equal(f.shell.sh.findings.n_curves, 0);
    fixture_answer(&f, fixture_job(&f, &bins_query), JOB_DONE,
                   set_of(table_new("rows", "", MARK_HIST)));
    fixture_draw(&f);
}

/* The track is the curve: higher where the loss rises more, lowest near its minimum. */
static void test_tracks_are_curves(void **state)
{
    (void)state;
    for (int ascii = 0; ascii < 2; ascii++) {
        begin_as("en to", ascii ? DEPTH_MONO : DEPTH_256, ascii, false, 120, 36);
        struct slider_track t;
        int x, y;
        fixture_draw(&f);
        assert_true(shell_track(&f.shell, SLIDER_ALL, &t, &x, &y));
        const char *before = f.grid.cell[y * f.grid.w + x].glyph;
        assert_string_equal(before, ascii ? "-" : "─");
        fixture_keys(&f, "Esc s");
        shell_news(&f.shell);
        fixture_draw(&f);
        static const char *const block[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
        static const char *const plain[] = {"_", ".", "-", "~", "=", "+", "*", "#"};
        int height[3] = {-1, -1, -1}, at[3] = {0, 5, 8}; /* eighths: −8, 2, 8 */
        for (int i = 0; i < 3; i++) {
            const char *glyph = f.grid.cell[y * f.grid.w + x + at[i] * (t.w - 1) / 8].glyph;
            for (int k = 0; k < 8; k++)
                if (strcmp(glyph, ascii ? plain[k] : block[k]) == 0)
                    height[i] = k;
        }
        assert_int_equal(height[0], 7); /* −8 is the worst */
        assert_true(height[1] >= 0 && height[1] < height[2] && height[2] < height[0]);
        fixture_release(&f);
    }
}

/* ---- views */
static void test_tabs_and_keys_of_views(void **state)
{
    (void)state;
    begin("en to", 120, 36);
    fixture_keys(&f, "Esc");
    for (int i = N_VIEWS - 1; i >= 0; i--) {
        char key[2] = {(char)('1' + i), 0};
        struct tabs t;
        fixture_keys(&f, key);
        assert_int_equal(f.shell.views.now, i);
        fixture_draw(&f);
        fixture_keys(&f, "1");
        assert_true(tabs_place(&f.shell, &t));
        const int *x = t.tab_x, *w = t.tab_w;
        fixture_mouse(&f, MOUSE_PRESS, 1, x[i] + 2, 0, 0, 1);
        assert_int_equal(f.shell.views.now, i);
        fixture_keys(&f, "1");
        fixture_mouse(&f, MOUSE_PRESS, 1, x[i] + w[i] - 1, 0, 0, 1);
        assert_int_equal(f.shell.views.now, i);
        fixture_mouse(&f, MOUSE_PRESS, 1, x[0] - 2, 0, 0, 1); /* beside them */
        assert_int_equal(f.shell.views.now, i);
    }
    for (int i = 0; i < N_VIEWS; i++) {
        char line[40];
        snprintf(line, sizeof line, "view %s", view_table[i]->name);
        assert_true(shell_command(&f.shell, line));
        assert_int_equal(f.shell.views.now, i);
    }
    assert_false(shell_command(&f.shell, "view nowhere"));
    fixture_keys(&f, "Esc");
    assert_int_equal(f.shell.views.now, VIEW_EXPLORE);
}

/* The mouse in another view never reaches the panes behind it. */
static void test_the_mouse_stays_in_its_view(void **state)
{
    (void)state;
    begin("en to", 120, 36);
    fixture_keys(&f, "Esc 6");
    struct sliders before = f.shell.sh.sliders;
    for (int y = 1; y < 34; y += 2)
        for (int x = 0; x < 120; x += 5)
            for (int button = 1; button <= 3; button++) {
                fixture_mouse(&f, MOUSE_PRESS, button, x, y, 0, 1);
                fixture_mouse(&f, MOUSE_RELEASE, button, x, y, 0, 1);
                fixture_mouse(&f, MOUSE_WHEEL_UP, 0, x, y, 0, 1);
            }
    assert_true(sliders_equal(&before, &f.shell.sh.sliders));
    assert_false(f.ex->typing);
    assert_int_equal(f.ex->focus, PANE_TEXT);
}

/* The palette offers what can be done where one is, and does it there. */
static void test_the_palette_in_a_view(void **state)
{
    (void)state;
    begin("en to", 120, 36);
    fixture_keys(&f, "Esc : s w e e p - c h");
    fixture_hides(&f, "sweep-change");
    fixture_keys(&f, "Esc 4");
    shell_news(&f.shell);
    fixture_hides(&f, "Change of loss");
    fixture_keys(&f, ": s w e e p - c h");
    fixture_shows(&f, "sweep-change");
    shell_news(&f.shell);
    fixture_keys(&f, "Enter");
    fixture_shows(&f, "Change of loss"); /* as its key would do it there */
    fixture_keys(&f, ": t y p e Enter"); /* spelled out: goes where it can be done */
    assert_int_equal(f.shell.views.now, VIEW_EXPLORE);
    assert_true(f.ex->typing);
}

/* ---- taken home */
static void test_copy_menu(void **state)
{
    (void)state;
    static const struct {
        const char *keys;
        unsigned want;
    } cases[] = {{"y t", WANT_COPY},  {"y y", WANT_COPY}, {"y c", WANT_COMMAND},
                 {"y l", WANT_STATE}, {"y Esc", 0},       {"y q", 0}};
    begin("en to", 120, 36);
    fixture_keys(&f, "Esc");
    for (int view = 0; view < N_VIEWS; view++) {
        char key[2] = {(char)('1' + view), 0};
        fixture_keys(&f, key);
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            f.shell.wants = 0;
            fixture_keys(&f, "y");
            fixture_shows(&f, "Copy: t text");
            fixture_keys(&f, cases[i].keys + 2);
            assert_int_equal(f.shell.wants, cases[i].want);
            assert_int_equal(f.shell.overlay, OVERLAY_NONE);
        }
    }
}

static void test_write_wants(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        bool ok;
    } cases[] = {{"write a.svg", true},  {"write b.csv", true},   {"write c.json", true},
                 {"write d.png", false}, {"write noname", false}, {"write", false}};
    begin("en to", 120, 36);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        f.shell.wants = 0;
        assert_int_equal(shell_command(&f.shell, cases[i].line), cases[i].ok);
        assert_int_equal(f.shell.wants, cases[i].ok ? WANT_WRITE : 0);
        if (cases[i].ok)
            assert_string_equal(f.shell.want_arg, cases[i].line + strlen("write "));
    }
}

/* Each pane has a table, and the histogram is written as it is shown. */
static void test_tables_of_panes(void **state)
{
    (void)state;
    static const char *const names[N_PANES] = {"tokens", "active",  "next",
                                               "rows",   "sliders", "loss"};
    begin("en to tre", 120, 36);
    fixture_keys(&f, "Esc");
    for (int p = 0; p < N_PANES; p++) {
        struct plot_options o;
        assert_int_equal(f.ex->focus, p);
        struct table *own;
        const struct table *t = views_table(&f.shell, &o, &own);
        assert_non_null(t);
        assert_ptr_equal(t, own);
        assert_string_equal(t->name, names[p]);
        assert_true(t->n_rows > 0);
        table_free(own);
        assert_int_equal(o.mirrored, p == PANE_HISTOGRAM);
        fixture_keys(&f, "Tab");
    }
}

static void test_the_command_line(void **state)
{
    (void)state;
    struct options o = {0};
    struct strbuf out;
    strbuf_init(&out);
    begin("en to", 120, 36);
    shell_command(&f.shell, "fix 1482=2,77=-1.5");
    export_command(&f.shell, &o, &out);
    assert_string_equal(out.s, "glimt analyze 'en to' --latents 1482,77,2310,904,11,2047 --fix "
                               "1482=2,77=-1.5");
    strbuf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_histogram_follows_what_is_looked_at, end),
        cmocka_unit_test_teardown(test_another_result_is_no_histogram, end),
        cmocka_unit_test_teardown(test_shares_name_their_corpus, end),
        cmocka_unit_test_teardown(test_harvest_is_asked_for, end),
        cmocka_unit_test_teardown(test_histogram_log_and_mirror, end),
        cmocka_unit_test_teardown(test_click_on_a_column, end),
        cmocka_unit_test_teardown(test_sweep_is_asked_for, end),
        cmocka_unit_test_teardown(test_about_until_it_is_measured, end),
        cmocka_unit_test_teardown(test_no_about_for_other_units, end),
        cmocka_unit_test_teardown(test_ctrl_c_cancels_what_runs, end),
        cmocka_unit_test_teardown(test_a_kept_sweep_is_recalled, end),
        cmocka_unit_test_teardown(test_a_part_of_a_sweep, end),
        cmocka_unit_test_teardown(test_tables_of_another_shape, end),
        cmocka_unit_test(test_tracks_are_curves),
        cmocka_unit_test_teardown(test_tabs_and_keys_of_views, end),
        cmocka_unit_test_teardown(test_the_mouse_stays_in_its_view, end),
        cmocka_unit_test_teardown(test_the_palette_in_a_view, end),
        cmocka_unit_test_teardown(test_copy_menu, end),
        cmocka_unit_test_teardown(test_write_wants, end),
        cmocka_unit_test_teardown(test_tables_of_panes, end),
        cmocka_unit_test_teardown(test_the_command_line, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

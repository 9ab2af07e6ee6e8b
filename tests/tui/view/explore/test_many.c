/* More than the screen holds: sliders, classes, curves. Nothing is dropped in silence. */
#include "tests/support/explore_fixture.h"
#include "tests/support/unit.h"
#include "tests/support/view_fixture.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct explore_fixture f;

static void begin(int w, int h)
{
    fixture_init(&f, "en to tre", DEPTH_256, false, w, h);
    fixture_host(&f);
}

static void take_sliders(int n)
{
    f.shell.sh.sliders.n = 0;
    for (int i = 0; i < n; i++)
        sliders_take(&f.shell.sh.sliders, UNIT(500 + i), 0);
    f.shell.sh.wish_changed = true;
    fixture_settle(&f);
}

static void test_twenty_sliders(void **state)
{
    (void)state;
    char last[24];
    begin(80, 24);
    take_sliders(20);
    fixture_pane(&f, PANE_SLIDERS, "all", true);
    fixture_pane(&f, PANE_SLIDERS, "500 ", true);
    fixture_pane(&f, PANE_SLIDERS, "519 ", false);
    int shown = pane_rows(f.ex, PANE_SLIDERS).h;
    assert_in_range(shown, 2, 20); /* one for all of them */
    snprintf(last, sizeof last, "+%d more", 21 - shown);
    fixture_shows(&f, last);
    explore_focus(f.ex, PANE_SLIDERS, false);
    for (int i = 0; i < 20; i++) {
        char name[16];
        fixture_keys(&f, "Down");
        snprintf(name, sizeof name, "▸%d ", 500 + i);
        fixture_pane(&f, PANE_SLIDERS, name, true);
    }
    fixture_keys(&f, "]"); /* it is the one that moves */
    assert_true(f.shell.sh.sliders.unit[19].fixed);
    fixture_shows(&f, last);
    fixture_release(&f);
}

static void test_as_many_sliders_as_there_can_be(void **state)
{
    (void)state;
    begin(200, 50);
    take_sliders(UNITS_MAX - 1);
    shared_take(&f.shell.sh, UNIT(3000), 0);
    assert_int_equal(f.shell.sh.sliders.n, UNITS_MAX);
    struct sliders before = f.shell.sh.sliders;
    shared_take(&f.shell.sh, UNIT(3001), 0);
    assert_true(sliders_equal(&before, &f.shell.sh.sliders));
    fixture_shows(&f, "all 256 sliders are taken: x removes one");
    f.shell.sh.message[0] = '\0';
    shell_command(&f.shell, "fix 3002=1");
    assert_true(sliders_equal(&before, &f.shell.sh.sliders));
    fixture_shows(&f, "all 256 sliders are taken: x removes one");
    fixture_keys(&f, "Esc u");
    assert_int_equal(f.shell.sh.sliders.n, UNITS_MAX - 1);
    fixture_release(&f);
}

/* ---- classes */
static void many_refsets(int n)
{
    static char name[CORPUS_MAX_CLASSES][16];
    struct wish w;
    shell_wish(&f.shell, &w);
    struct snapshot *s = fixture_snapshot(&w);
    for (int i = 0; i < n; i++) {
        snprintf(name[i], sizeof name[i], "class %d", i);
        s->refset[i] = s->refset[0];
        s->refset[i].name = s->refset[i].label = name[i];
    }
    s->n_refsets = n;
    shell_snapshot(&f.shell, s);
    snapshot_unref(s);
}

static void classes_in_the_loss_pane(int w, int h, int n)
{
    begin(w, h);
    char last[24], more[24];
    many_refsets(n);
    int rows = layout_inner(&f.ex->layout, PANE_LOSS).h;
    snprintf(last, sizeof last, "class %d", n - 1);
    snprintf(more, sizeof more, "+%d more", n + 1 - rows);
    fixture_pane(&f, PANE_LOSS, last, n + 1 <= rows);
    if (n + 1 > rows)
        fixture_shows(&f, more);
    else
        fixture_hides(&f, " more");
    explore_focus(f.ex, PANE_LOSS, false);
    for (int i = 0; i < n; i++)
        fixture_keys(&f, "Down");
    fixture_pane(&f, PANE_LOSS, last, true);
    fixture_keys(&f, "Home");
    fixture_pane(&f, PANE_LOSS, "this text", true);
    fixture_release(&f);
}

static void test_many_classes(void **state)
{
    (void)state;
    classes_in_the_loss_pane(200, 50, 1);
    classes_in_the_loss_pane(200, 50, 5);
    classes_in_the_loss_pane(120, 36, 9);
    classes_in_the_loss_pane(200, 50, CORPUS_MAX_CLASSES);
}

/* Shares beside the active latents. */
static struct table_set *shares_of(int n)
{
    struct table *t = table_new("rows", "Latents", MARK_LIST);
    table_column(t, "latent", "", "", COLUMN_I64, COLUMN_KEY);
    for (int c = 0; c < n; c++) {
        char name[32];
        snprintf(name, sizeof name, "fire_share.%c%c", 'a' + c, 'a' + c);
        table_column(t, name, "share", "", COLUMN_F64, COLUMN_TEXT);
    }
    for (int id = 0; id < 3072; id++) {
        int64_t row = table_row(t);
        table_set_i64(t, row, 0, id);
        for (int c = 0; c < n; c++)
            table_set_f64(t, row, 1 + c, .01 * (c + 1));
    }
    return set_of(t);
}

static void test_shares_of_many_classes(void **state)
{
    (void)state;
    begin(160, 50);
    fixture_settle(&f);
    fixture_keys(&f, "Esc H");
    fixture_answer(&f, fixture_job(&f, &latents_query), JOB_DONE, shares_of(3));
    shell_news(&f.shell);
    fixture_pane(&f, PANE_LATENTS, "cc  3 %", true);
    fixture_hides(&f, " classes");
    fixture_release(&f);
    begin(160, 50);
    fixture_settle(&f);
    fixture_keys(&f, "Esc H");
    fixture_answer(&f, fixture_job(&f, &latents_query), JOB_DONE, shares_of(20));
    shell_news(&f.shell);
    fixture_pane(&f, PANE_LATENTS, "aa  1 %", true);
    fixture_shows(&f, " of 20 classes");
    fixture_release(&f);
}

/* ---- curves of a sweep */
static const char *class_name(int c)
{
    static char name[80];
    snprintf(name, sizeof name, "a class whose name is longer than most of them are %d", c);
    return name;
}

static void add_lane(struct table *t, const char *insert, double value, int32_t unit, int cls,
                     double loss)
{
    int64_t row = table_row(t);
    if (isfinite(value))
        table_set_f64(t, row, 0, value);
    table_set_str(t, row, 1, insert);
    if (unit >= 0)
        table_set_i64(t, row, 2, unit);
    table_set_str(t, row, 3, class_name(cls));
    table_set_f64(t, row, 4, loss);
}

static double loss_at(double value, int32_t unit, int cls)
{
    return 3 + .01 * cls + .001 * (unit % 100) + .0001 * value;
}

static struct table_set *swept(int n_units, int n_classes)
{
    struct table *t = table_new("rows", "rows", MARK_LINE);
    table_column(t, "value", "", "", COLUMN_F64, COLUMN_X);
    table_column(t, "insert", "", "", COLUMN_STR, COLUMN_KEY);
    table_column(t, "unit", "", "", COLUMN_I64, COLUMN_KEY);
    table_column(t, "class", "", "", COLUMN_STR, COLUMN_SERIES);
    table_column(t, "loss_sentence_mean", "nats", "", COLUMN_F64, COLUMN_Y);
    for (int c = 0; c < n_classes; c++) {
        add_lane(t, "none", NAN, -1, c, 3);
        for (int u = -1; u < n_units; u++)
            for (int v = -2; v <= 2; v += 2)
                add_lane(t, "sae", v, u < 0 ? -1 : 500 + u, c, loss_at(v, u < 0 ? -1 : 500 + u, c));
    }
    return set_of(t);
}

static void test_curves_of_many_classes_and_units(void **state)
{
    (void)state;
    enum { UNITS = 40, CLASSES = 9 };
    begin(120, 36);
    take_sliders(UNITS);
    f.hold = true;
    fixture_keys(&f, "Esc s");
    fixture_answer(&f, fixture_job(&f, &sweep_query), JOB_DONE, swept(UNITS, CLASSES));
    shell_news(&f.shell);
    const struct findings *found = &f.shell.sh.findings;
    assert_int_equal(found->n_curves, CLASSES * (UNITS + 2)); /* and the plain model's */
    for (int c = 0; c < CLASSES; c++)
        for (int u = -1; u < UNITS; u++) {
            struct unit_id unit = u < 0 ? UNIT_NONE : UNIT(500 + u);
            double loss = findings_loss(found, insertion_of(INSERT_SAE), unit, class_name(c), 1);
            assert_true(fabs(loss - loss_at(1, u < 0 ? -1 : 500 + u, c)) < 1e-12);
        }
    fixture_release(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_twenty_sliders),
        cmocka_unit_test(test_as_many_sliders_as_there_can_be),
        cmocka_unit_test(test_many_classes),
        cmocka_unit_test(test_shares_of_many_classes),
        cmocka_unit_test(test_curves_of_many_classes_and_units),
    };
    return cmocka_run_group_tests_name("more than the screen holds", tests, NULL, NULL);
}

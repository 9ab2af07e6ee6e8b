/* Comparing in Explore: with and without the fixed values, a line and its twin, a brushed phrase
 * and the rest; and the last change again. */
#include "engine/base/memory.h"
#include "engine/session/session_private.h"
#include "tests/support/explore_fixture.h"
#include "tests/support/unit.h"
#include "tui/view/explore/explore_private.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct explore_fixture f;

static void begin_as(const char *text, enum depth depth, bool ascii, int w, int h)
{
    fixture_init(&f, text, depth, ascii, w, h);
    fixture_settle(&f);
}

static void begin(const char *text, int w, int h)
{
    begin_as(text, DEPTH_256, false, w, h);
}

static int end(void **state)
{
    (void)state;
    fixture_release(&f);
    return 0;
}

static const struct cell *cell(int x, int y)
{
    return &f.grid.cell[y * f.grid.w + x];
}

static void assert_value(int row, double v)
{
    if (fabs(sliders_value(&f.shell.sh.sliders, row, NULL) - v) > 1e-5)
        fail_msg("slider %d: %g, expected %g", row, sliders_value(&f.shell.sh.sliders, row, NULL),
                 v);
}

/* ---- Space */
static void test_blink_lifts_and_puts_back(void **state)
{
    (void)state;
    begin("en to tre\nfire fem", 120, 36);
    shell_command(&f.shell, "fix 1482=2,77=-1.3");
    fixture_settle(&f);
    fixture_keys(&f, "Esc Space");
    struct sliders kept = f.shell.sh.sliders;
    struct wish w;
    assert_true(f.shell.sh.wish_changed);
    shell_wish(&f.shell, &w);
    assert_true(insertion_same(
        w.insert, insertion_of(INSERT_SAE))); /* the fixed values are all that changes */
    for (int i = 0; i < w.n_units; i++)
        assert_false(w.unit[i].fixed);
    assert_true(kept.unit[0].fixed && kept.unit[0].value == 2);
    f.shell.sh.wish_changed = true;
    fixture_settle(&f);
    fixture_shows(&f, "without the fixed values: Space puts them back");
    fixture_shows(&f, "without them: Space puts back");
    fixture_shows(&f, "free"); /* above the numbers that stood under "fixed" */
    fixture_hides(&f, "+0.07");
    fixture_keys(&f, "Tab"); /* looking round does not end it */
    assert_true(shared_lifted(&f.shell.sh));
    fixture_keys(&f, "Space");
    assert_false(shared_lifted(&f.shell.sh));
    assert_true(sliders_equal(&kept, &f.shell.sh.sliders));
    shell_wish(&f.shell, &w);
    assert_true(w.unit[0].fixed && w.unit[0].value == 2 && w.unit[1].fixed);
    f.shell.sh.wish_changed = true;
    fixture_settle(&f);
    fixture_shows(&f, "+0.07");
    fixture_hides(&f, "Space puts");
}

static void test_any_change_ends_the_blink(void **state)
{
    (void)state;
    static const char *const changes[] = {"]", "f", "0", "M", "= 3 Enter", "u", "I", "x"};
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        begin("en to", 120, 36);
        fixture_keys(&f, "Esc Tab Tab Tab Tab Down ] ] Space");
        assert_true(shared_lifted(&f.shell.sh));
        fixture_keys(&f, changes[i]);
        if (shared_lifted(&f.shell.sh))
            fail_msg("%s: still without the fixed values", changes[i]);
        fixture_keys(&f, "u Ctrl-R"); /* and it does not come back by undoing the change */
        assert_false(shared_lifted(&f.shell.sh));
        fixture_release(&f);
    }
    begin("en to", 120, 36); /* the mouse */
    struct slider_track t;
    int x, y;
    fixture_keys(&f, "Esc ] Space");
    fixture_draw(&f);
    assert_true(shell_track(&f.shell, 1, &t, &x, &y));
    fixture_mouse(&f, MOUSE_PRESS, 1, x + 2, y, 0, 1);
    assert_false(shared_lifted(&f.shell.sh));
    fixture_mouse(&f, MOUSE_RELEASE, 1, x + 2, y, 0, 1);
}

static void test_nothing_to_blink(void **state)
{
    (void)state;
    begin("en to", 120, 36);
    f.shell.sh.wish_changed = false;
    fixture_keys(&f, "Esc Space");
    assert_false(f.shell.sh.wish_changed);
    assert_false(shared_lifted(&f.shell.sh));
    fixture_shows(&f, "nothing is fixed");
}

/* Cells of the panes whose glyph or style is not what it was are marked, all others are not. */
static void check_marks(const struct grid *before, int *n_marked)
{
    struct grid plain;
    uint8_t *changed = f.ex->blink.changed;
    *n_marked = 0;
    assert_non_null(changed);
    f.ex->blink.changed = NULL;
    fixture_draw(&f);
    grid_init(&plain, f.grid.w, f.grid.h, theme_style(f.theme, ROLE_TEXT));
    memcpy(plain.cell, f.grid.cell, (size_t)plain.w * (size_t)plain.h * sizeof *plain.cell);
    f.ex->blink.changed = changed;
    fixture_draw(&f);
    for (int p = 0; p < N_PANES; p++) {
        struct rect r = layout_inner(&f.ex->layout, (enum pane)p);
        for (int y = r.y; y < r.y + r.h; y++)
            for (int x = r.x; x < r.x + r.w; x++) {
                int at = y * plain.w + x;
                const struct cell *a = &before->cell[at], *b = &plain.cell[at];
                bool differs = strcmp(a->glyph, b->glyph) != 0 || !style_equal(a->style, b->style);
                bool marked = !style_equal(b->style, cell(x, y)->style);
                if (p != PANE_SLIDERS && differs != marked)
                    fail_msg("cell %d,%d: %s but %s", x, y, differs ? "changed" : "as before",
                             marked ? "marked" : "not marked");
                *n_marked += marked;
            }
    }
    grid_release(&plain);
}

static void test_what_changed_is_marked_once(void **state)
{
    (void)state;
    static const struct {
        enum depth depth;
        bool ascii;
        int w, h;
    } cases[] = {
        {DEPTH_256, false, 120, 36}, {DEPTH_MONO, true, 80, 24}, {DEPTH_MONO, false, 200, 60}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct grid before;
        int n_marked;
        begin_as("en to tre\nfire fem", cases[i].depth, cases[i].ascii, cases[i].w, cases[i].h);
        shell_command(&f.shell, "fix 1482=2");
        shell_command(&f.shell, "colour loss");
        fixture_settle(&f);
        fixture_keys(&f, "Esc"); /* the picture as it stands in command state */
        fixture_draw(&f);
        grid_init(&before, f.grid.w, f.grid.h, theme_style(f.theme, ROLE_TEXT));
        memcpy(before.cell, f.grid.cell, (size_t)before.w * (size_t)before.h * sizeof *before.cell);
        fixture_keys(&f, "Space");
        assert_null(f.ex->blink.changed); /* not before the numbers have come */
        fixture_settle(&f);
        check_marks(&before, &n_marked);
        assert_true(n_marked > 3);
        fixture_keys(&f, "Right"); /* the next event takes the marks away */
        assert_null(f.ex->blink.changed);
        fixture_keys(&f, "Left Space");
        fixture_settle(&f);
        assert_non_null(f.ex->blink.changed);
        grid_release(&before);
        fixture_release(&f);
    }
}

static void test_marks_wait_for_all_numbers(void **state)
{
    (void)state;
    begin("en to tre", 120, 36);
    shell_command(&f.shell, "fix 1482=2");
    fixture_settle(&f);
    fixture_keys(&f, "Esc");
    fixture_settle(&f);
    fixture_keys(&f, "Space");
    struct snapshot *old = f.shell.sh.snapshot;
    snapshot_ref(old);
    shell_snapshot(&f.shell, old); /* one that was on its way */
    assert_null(f.ex->blink.changed);
    struct wish w;
    shell_wish(&f.shell, &w);
    shell_snapshot(&f.shell, old); /* one more, complete for what was asked before */
    snapshot_unref(old);
    assert_null(f.ex->blink.changed);
    for (int part = 0; part < 4; part++) {
        struct snapshot *s = fixture_snapshot(&w);
        *(part == 0   ? &s->latents.valid
          : part == 1 ? &s->loss.valid
          : part == 2 ? &s->refsets.valid
                      : &s->next.valid) = false;
        shell_snapshot(&f.shell, s);
        snapshot_unref(s);
        assert_null(f.ex->blink.changed);
    }
    struct snapshot *s = fixture_snapshot(&w);
    shell_snapshot(&f.shell, s);
    snapshot_unref(s);
    assert_non_null(f.ex->blink.changed);
    shell_resize(&f.shell, 100, 30);
    assert_null(f.ex->blink.changed);
}

static void test_a_full_block_is_shaded(void **state)
{
    (void)state;
    begin("en to tre", 200, 60);
    fixture_keys(&f, "Esc");
    shell_command(&f.shell, "fix 1482=2");
    fixture_settle(&f);
    fixture_keys(&f, "Space");
    fixture_settle(&f);
    fixture_keys(&f, "Space"); /* bars of the predictions grow where blanks were */
    fixture_settle(&f);
    f.ex->blink.changed[0] = 0;
    int n = f.ex->blink.w * f.ex->blink.h, blocks = 0;
    uint8_t *changed = f.ex->blink.changed;
    f.ex->blink.changed = NULL;
    fixture_draw(&f);
    for (int i = 0; i < n; i++) {
        bool block = strcmp(f.grid.cell[i].glyph, "█") == 0;
        changed[i] = block;
        blocks += block;
    }
    f.ex->blink.changed = changed;
    assert_true(blocks > 5);
    fixture_hides(&f, "█");
    fixture_shows(&f, "▓▓▓");
}

/* ---- twins */
static double mean_of_words(const char *line, double more)
{
    char *text = xstrdup(line);
    struct wish w = {.text = text, .n_text = strlen(text), .watch = UNIT_NONE};
    struct snapshot *s = fixture_snapshot(&w);
    const struct line_view *l = &s->line[0];
    double sum = 0;
    for (int32_t i = 1; i < l->tokens->n; i++)
        sum += (double)l->loss[LANE_PLAIN]->loss[i] + more * (i % 3);
    sum /= l->tokens->n - 1;
    snapshot_unref(s);
    free(text);
    return sum;
}

static void assert_mean(int i, enum lane_kind lane, double expected)
{
    assert_true(f.ex->pair.valid);
    if (fabs(f.ex->pair.mean[i][lane] - expected) > 1e-5)
        fail_msg("line %d lane %d: %g, expected %g", i, (int)lane, f.ex->pair.mean[i][lane],
                 expected);
}

static const char four_lines[] = "en to tre fire\none two three\nfem seks\nfive six seven";

static void test_a_line_and_its_twin(void **state)
{
    (void)state;
    begin(four_lines, 120, 36);
    fixture_keys(&f, "Esc T");
    assert_int_equal(f.ex->pair.n, 2);
    assert_int_equal(f.ex->pair.line[0], 2); /* the cursor is at the end */
    assert_mean(0, LANE_PLAIN, mean_of_words("fem seks", 0));
    assert_mean(1, LANE_PLAIN, mean_of_words("five six seven", 0));
    fixture_shows(&f, "line 3");
    fixture_shows(&f, "line 4");
    fixture_keys(&f, "Up Up"); /* into the other pair */
    assert_int_equal(f.ex->pair.line[0], 0);
    assert_mean(0, LANE_PLAIN, mean_of_words("en to tre fire", 0));
    shell_command(&f.shell, "fix 1482=2");
    fixture_hides(&f, "0.20");
    fixture_settle(&f); /* both move on one slider */
    assert_mean(0, LANE_BASE, mean_of_words("en to tre fire", 0));
    assert_mean(0, LANE_FIXED, mean_of_words("en to tre fire", .2));
    assert_mean(1, LANE_FIXED, mean_of_words("one two three", .2));
    int x, y;
    assert_true(fixture_find(&f, "line 1", &x, &y));
    char *row = fixture_row(&f, y), want[64];
    snprintf(want, sizeof want, "%.2f    %.2f   +%.2f", f.ex->pair.mean[0][LANE_BASE],
             f.ex->pair.mean[0][LANE_FIXED],
             f.ex->pair.mean[0][LANE_FIXED] - f.ex->pair.mean[0][LANE_BASE]);
    if (!strstr(row, want))
        fail_msg("found %s, expected %s", row, want);
    free(row);
    shell_command(&f.shell, "fix 1482=3"); /* until it is measured: of the old value */
    assert_true(fixture_find(&f, "line 2", NULL, &y));
    row = fixture_row(&f, y);
    assert_non_null(strstr(row, "at 2.0"));
    free(row);
    fixture_keys(&f, "T");
    fixture_hides(&f, "line 1");
}

static void test_twins_at_80_columns(void **state)
{
    (void)state;
    begin(four_lines, 80, 24);
    fixture_keys(&f, "Esc T");
    fixture_shows(&f, "line 4");
    fixture_shows(&f, "Danish");
    fixture_shows(&f, "English");
    int x, y;
    assert_true(fixture_find(&f, "five six", &x, &y));
    assert_string_equal(cell(x - 1, y)->glyph, "▸"); /* the cursor's */
    assert_string_equal(cell(x - 1, y - 1)->glyph, "▹");
    assert_string_equal(cell(x - 1, y - 2)->glyph, " ");
}

static void test_a_line_without_a_twin(void **state)
{
    (void)state;
    begin("en to\none two\ntre fire", 120, 36);
    fixture_keys(&f, "Esc T");
    assert_int_equal(f.ex->pair.n, 1);
    fixture_shows(&f, "line 3 has no twin: lines stand in pairs");
    fixture_keys(&f, "Home");
    fixture_shows(&f, "line 3 has no twin"); /* on the pane, as long as it is so */
    fixture_keys(&f, "Up");
    fixture_hides(&f, "has no twin");
    fixture_keys(&f, "Down i End");
    fixture_type(&f, "\n \nx");
    fixture_settle(&f);
    fixture_keys(&f, "Up Up");
    fixture_shows(&f, "line 3 has no twin"); /* a blank line is none */
}

static void test_twin_of_an_edited_line_is_stale(void **state)
{
    (void)state;
    begin("en to\none two", 120, 36);
    fixture_keys(&f, "Esc T i");
    fixture_type(&f, " three");
    assert_true(f.ex->pair.valid && f.ex->pair.other_text);
    fixture_settle(&f);
    assert_false(f.ex->pair.other_text);
    assert_mean(1, LANE_PLAIN, mean_of_words("one two three", 0));
    fixture_keys(&f, "Ctrl-Home"); /* other lines may change: a line is a sequence of its own */
    fixture_keys(&f, "End Enter x Enter y Up Up");
    fixture_settle(&f);
    assert_mean(0, LANE_PLAIN, mean_of_words("en to", 0));
}

/* Losses that are still those of other values are not taken for the new ones. */
static void test_twins_wait_for_their_lane(void **state)
{
    (void)state;
    begin("en to\none two", 120, 36);
    fixture_keys(&f, "Esc T");
    shell_command(&f.shell, "fix 1482=2");
    fixture_settle(&f);
    shell_command(&f.shell, "fix 1482=4");
    struct wish w;
    shell_wish(&f.shell, &w);
    struct snapshot *s = fixture_snapshot(&w);
    s->lane_key[LANE_FIXED]++;
    shell_snapshot(&f.shell, s);
    snapshot_unref(s);
    assert_mean(0, LANE_FIXED, mean_of_words("en to", .2));
    assert_true(f.ex->pair.of.unit[0].value == 2);
    fixture_shows(&f, "at 2.0");
    s = fixture_snapshot(&w);
    shell_snapshot(&f.shell, s);
    snapshot_unref(s);
    assert_mean(0, LANE_FIXED, mean_of_words("en to", .4));
}

static void test_reference_pairs(void **state)
{
    (void)state;
    begin("x", 120, 36);
    fixture_keys(&f, "Esc");
    assert_true(shell_command(&f.shell, "twin 2"));
    assert_string_equal(f.shell.sh.editor.text.s, "To.\nTo.");
    assert_true(f.ex->twin);
    assert_int_equal(f.ex->pair.line[0], 0);
    fixture_shows(&f, "reference pair 2 of 2: Danish, English");
    fixture_keys(&f, "u");
    assert_string_equal(f.shell.sh.editor.text.s, "x");
    assert_true(shell_command(&f.shell, "twin off"));
    assert_false(f.ex->twin);
    assert_false(shell_command(&f.shell, "twin 3"));
    fixture_shows(&f, "pair 3: expected 1 … 2");
    assert_false(shell_command(&f.shell, "twin 0"));
    assert_false(shell_command(&f.shell, "twin both"));
    assert_false(f.ex->twin);
    assert_true(shell_command(&f.shell, "twin"));
    assert_true(f.ex->twin);
}

/* ---- a brushed phrase */
static struct line_latents *latents_of_rows(int32_t n, int32_t k, const int32_t *id,
                                            const float *value)
{
    struct line_latents *l = line_latents_new(n, 0);
    l->complete = true;
    for (int32_t t = 0; t < n; t++) {
        struct active_latent active[8];
        int32_t n_active = 0;
        for (; n_active < k && id[t * k + n_active] >= 0; n_active++)
            active[n_active] =
                (struct active_latent){id[t * k + n_active], value[t * k + n_active]};
        line_latents_set(l, t, active, n_active);
    }
    return l;
}

/* Two lines, "a b c" and "d"; BOS before each, which counts for neither side. */
static struct snapshot *small_snapshot(void)
{
    static const int32_t id[] = {9, 8, /* BOS */ 1, 2, 1, 3, 4, -1};
    static const float value[] = {9, 9, 2, 1, 4, 1, 1, 0};
    static const int32_t id2[] = {9, 8, 2, 1};
    static const float value2[] = {9, 9, 5, 3};
    struct snapshot *s = xcalloc(1, sizeof *s);
    atomic_init(&s->refs, 1);
    s->text = xstrdup("a b c\nd");
    s->n_text = 7;
    s->n_lines = 2;
    s->line = xcalloc(2, sizeof *s->line);
    struct line_tokens *t = line_tokens_new(4, 1), *t2 = line_tokens_new(2, 1);
    for (int32_t i = 1; i < 4; i++)
        t->token[i] = (struct token){.id = i, .start = i == 1 ? 0 : 2 * i - 3, .end = 2 * i - 1};
    t2->token[1] = (struct token){.id = 4, .start = 0, .end = 1};
    s->line[0] = (struct line_view){
        .start = 0, .end = 5, .tokens = t, .latents = latents_of_rows(4, 2, id, value)};
    s->line[1] = (struct line_view){.start = 6,
                                    .end = 7,
                                    .first_token = 4,
                                    .tokens = t2,
                                    .latents = latents_of_rows(2, 2, id2, value2)};
    return s;
}

static void assert_row(const struct brush_row *r, int32_t latent, float inside, float rest,
                       float value)
{
    if (r->latent != latent || r->inside != inside || r->rest != rest || r->value != value)
        fail_msg("latent %d: %g %g %g, expected %d: %g %g %g", (int)r->latent, (double)r->inside,
                 (double)r->rest, (double)r->value, (int)latent, (double)inside, (double)rest,
                 (double)value);
}

static void test_brush_ranks_exactly(void **state)
{
    (void)state;
    struct snapshot *s = small_snapshot();
    struct brush b = {0};
    assert_true(brush_update(&b, s, 0, 3)); /* "a b" against "c" and "d" */
    assert_false(brush_update(&b, s, 0, 3));
    assert_int_equal(b.n_inside, 2);
    assert_int_equal(b.n_rest, 2);
    assert_int_equal(b.n, 3);
    assert_row(&b.row[0], 1, 1, .5f, 3); /* +½; ties: the larger value */
    assert_row(&b.row[1], 3, .5f, 0, 1);
    assert_row(&b.row[2], 2, .5f, .5f, 1);
    brush_update(&b, s, 4, 5); /* "c": one latent only, a −1 ends its list */
    assert_int_equal(b.n, 1);
    assert_row(&b.row[0], 4, 1, 0, 1);
    brush_update(&b, s, 0, 7); /* all of it: there is no rest */
    assert_int_equal(b.n_rest, 0);
    assert_row(&b.row[0], 1, .75f, 0, 3);
    brush_update(&b, s, 5, 6); /* the newline alone */
    assert_int_equal(b.n, 0);
    brush_update(&b, s, 2, 2);
    assert_int_equal(b.n, 0);
    brush_update(&b, NULL, 0, 3);
    assert_int_equal(b.n, 0);
    snapshot_unref(s);
}

static void test_brushing_with_the_mouse(void **state)
{
    (void)state;
    begin("en to tre fire", 120, 36);
    int x, y;
    assert_true(fixture_find(&f, "en to", &x, &y));
    fixture_shows(&f, "Latents at");
    fixture_mouse(&f, MOUSE_PRESS, 1, x, y, 0, 1);
    fixture_mouse(&f, MOUSE_MOVE, 1, x + 5, y, 0, 0);
    fixture_mouse(&f, MOUSE_RELEASE, 1, x + 5, y, 0, 0);
    fixture_shows(&f, "Latents of the selection: 2 tokens");
    fixture_shows(&f, "share here; of the other 2");
    assert_int_equal(f.ex->latents.n, f.ex->brush.n);
    int32_t first = f.ex->brush.row[0].latent;
    assert_true(f.ex->brush.row[0].inside > f.ex->brush.row[0].rest);
    fixture_keys(&f, "Esc Tab Home Enter"); /* rows are latents as ever */
    assert_unit(f.shell.sh.colour_unit, first);
    fixture_keys(&f, "Shift-Tab");
    fixture_mouse(&f, MOUSE_PRESS, 1, x, y, 0, 1);
    fixture_mouse(&f, MOUSE_RELEASE, 1, x, y, 0, 1);
    fixture_shows(&f, "Latents at");
}

/* ---- . */
static void test_repeating(void **state)
{
    (void)state;
    begin("en to", 120, 36);
    fixture_keys(&f, "Esc .");
    fixture_shows(&f, "nothing to repeat");
    fixture_keys(&f, "Tab Tab Tab Tab Down } .");
    assert_value(0, .2);
    fixture_keys(&f, "Down .");
    assert_value(1, .1);
    fixture_keys(&f, "= 2 Enter Down .");
    assert_value(2, 2);
    assert_true(f.shell.sh.sliders.unit[2].fixed);
    fixture_keys(&f, "f Up .");
    assert_false(f.shell.sh.sliders.unit[1].fixed);
    fixture_keys(&f, "0 Up .");
    assert_value(0, 0);
    struct slider_track t; /* what the mouse does counts too */
    int x, y;
    fixture_draw(&f);
    assert_true(shell_track(&f.shell, 3, &t, &x, &y));
    fixture_mouse(&f, MOUSE_PRESS, 1, x + 2, y, 0, 1);
    fixture_mouse(&f, MOUSE_RELEASE, 1, x + 2, y, 0, 1);
    double v = sliders_value(&f.shell.sh.sliders, 3, NULL);
    fixture_keys(&f, "Down .");
    assert_value(4, v);
    fixture_keys(&f, "u");
    assert_value(4, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_blink_lifts_and_puts_back, end),
        cmocka_unit_test_teardown(test_any_change_ends_the_blink, end),
        cmocka_unit_test_teardown(test_nothing_to_blink, end),
        cmocka_unit_test(test_what_changed_is_marked_once),
        cmocka_unit_test_teardown(test_marks_wait_for_all_numbers, end),
        cmocka_unit_test_teardown(test_a_full_block_is_shaded, end),
        cmocka_unit_test_teardown(test_a_line_and_its_twin, end),
        cmocka_unit_test_teardown(test_twins_at_80_columns, end),
        cmocka_unit_test_teardown(test_a_line_without_a_twin, end),
        cmocka_unit_test_teardown(test_twin_of_an_edited_line_is_stale, end),
        cmocka_unit_test_teardown(test_twins_wait_for_their_lane, end),
        cmocka_unit_test_teardown(test_reference_pairs, end),
        cmocka_unit_test(test_brush_ranks_exactly),
        cmocka_unit_test_teardown(test_brushing_with_the_mouse, end),
        cmocka_unit_test_teardown(test_repeating, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

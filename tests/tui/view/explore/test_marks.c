/* What is marked in coloured text (the selection, the token looked at, what a blink changed) is
 * seen at every level of every theme at every depth, by more than colour alone. */
#include "engine/base/memory.h"
#include "tests/support/explore_fixture.h"
#include "tui/view/explore/explore_private.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MAX_LEVELS 64
static const char *const themes[] = {"dark", "light", "paper", "terminal"};

static struct explore_fixture f;
static int n_words;

/* One word a level: −n … n by sign, then 1 … n of what has none. */
static void begin(const char *theme, enum depth depth)
{
    char text[8 * MAX_LEVELS] = "";
    struct error e = {0};
    struct theme *t;
    setenv("GLIMT_DATA", ".", 1);
    if (!theme_open(theme, depth, false, &t, &e))
        fail_msg("%s", e.text);
    n_words = 3 * theme_levels(t) + 1;
    for (int i = 0; i < n_words; i++)
        strcat(text, i ? " ab" : "ab");
    fixture_init(&f, text, depth, false, 140, 36);
    theme_free(f.theme);
    f.theme = t;
    shell_theme(&f.shell, t);
    f.ex->typing = false;
    fixture_settle(&f);
}

static int level_of(int word)
{
    int n = theme_levels(f.theme);
    return word <= 2 * n ? word - n : word - 2 * n;
}

/* The look of the last letter of each word, as the pane draws it. */
static void looks(struct style out[MAX_LEVELS])
{
    const struct editor *e = &f.shell.sh.editor;
    struct rect r = text_area(f.ex).rows;
    int n = theme_levels(f.theme);
    assert_int_equal(f.ex->paint.n, n_words);
    for (int i = 0; i < n_words; i++)
        f.ex->paint.token[i].level = level_of(i);
    for (int part = 0; part < 2; part++) {
        f.shell.sh.colouring = part ? COLOUR_LOSS : COLOUR_PRE;
        fixture_draw(&f);
        for (size_t i = part ? (size_t)(2 * n + 1) : 0; i < (size_t)n_words; i++) {
            int row = (int)wrap_row_of(&e->wrap, i * 3 + 1);
            int column = wrap_column(&e->wrap, &e->text, i * 3 + 1);
            out[i] = f.grid.cell[(r.y + row) * f.grid.w + r.x + column].style;
        }
    }
}

/* Told apart without colour. */
static bool apart(struct style a, struct style b)
{
    return ((a.attr ^ b.attr) & (ATTR_BOLD | ATTR_UNDERLINE | ATTR_REVERSE)) != 0;
}

/* Every word as it looks while it is the one looked at. */
static void looked_at(struct style out[MAX_LEVELS])
{
    for (int i = 0; i < n_words; i++) {
        struct style all[MAX_LEVELS];
        f.shell.sh.token_at = (size_t)i * 3 + 1;
        looks(all);
        out[i] = all[i];
    }
}

/* Every word as it looks while another is looked at. */
static void looked_past(struct style out[MAX_LEVELS])
{
    struct style all[MAX_LEVELS];
    f.shell.sh.token_at = 1;
    looks(out);
    f.shell.sh.token_at = 4;
    looks(all);
    out[0] = all[0];
}

static void everywhere(void (*check)(const char *theme, int depth))
{
    for (size_t i = 0; i < sizeof themes / sizeof *themes; i++)
        for (int d = DEPTH_MONO; d <= DEPTH_DIRECT; d++) {
            begin(themes[i], (enum depth)d);
            check(themes[i], d);
            fixture_release(&f);
        }
}

/* The selection against every level without it; the same of the token looked at, which may stand
 * in either. */
static void check_text(const char *theme, int depth)
{
    struct style plain[MAX_LEVELS], token[MAX_LEVELS], selected[MAX_LEVELS], both[MAX_LEVELS];
    looked_past(plain);
    looked_at(token);
    editor_do(&f.shell.sh.editor, EDIT_SELECT_ALL, false);
    looked_past(selected);
    looked_at(both);
    for (int i = 0; i < n_words; i++) {
        for (int k = 0; k < n_words; k++)
            if (!apart(plain[k], selected[i]) ||
                (plain[k].bg != COLOR_DEFAULT && plain[k].bg == selected[i].bg))
                fail_msg("%s, depth %d: level %d selected looks like level %d", theme, depth,
                         level_of(i), level_of(k));
        if (!apart(plain[i], token[i]))
            fail_msg("%s, depth %d: level %d looked at", theme, depth, level_of(i));
        if (!apart(selected[i], both[i]) || !apart(token[i], both[i]))
            fail_msg("%s, depth %d: level %d selected and looked at", theme, depth, level_of(i));
    }
}

/* What a blink changed is marked on all of them. */
static void check_blink(const char *theme, int depth)
{
    struct style before[MAX_LEVELS], after[MAX_LEVELS];
    size_t n = (size_t)f.grid.w * (size_t)f.grid.h;
    for (int selected = 0; selected < 2; selected++) {
        looked_past(before);
        f.ex->blink.w = f.grid.w;
        f.ex->blink.h = f.grid.h;
        f.ex->blink.changed = xcalloc(n, 1);
        memset(f.ex->blink.changed, 1, n);
        looked_past(after);
        free(f.ex->blink.changed);
        f.ex->blink.changed = NULL;
        for (int i = 0; i < n_words; i++)
            if (!apart(before[i], after[i]))
                fail_msg("%s, depth %d: level %d changed", theme, depth, level_of(i));
        editor_do(&f.shell.sh.editor, EDIT_SELECT_ALL, false);
    }
}

static void test_text(void **state)
{
    (void)state;
    everywhere(check_text);
}

static void test_what_a_blink_changed(void **state)
{
    (void)state;
    everywhere(check_blink);
}

/* The sides of the token are no characters of text, and take no room from it. */
static void test_the_sides_of_a_token(void **state)
{
    (void)state;
    for (int ascii = 0; ascii < 2; ascii++) {
        fixture_init(&f, "en holdning er", DEPTH_MONO, ascii, 120, 36);
        fixture_settle(&f);
        fixture_keys(&f, "Esc Left");
        f.shell.sh.token_at = 5;
        fixture_draw(&f);
        struct rect r = text_area(f.ex).rows;
        const struct cell *row = &f.grid.cell[r.y * f.grid.w];
        int x = r.x + 3;
        assert_string_equal(row[x - 1].glyph, ascii ? "[" : "▕");
        assert_string_equal(row[x + 8].glyph, ascii ? "]" : "▏");
        assert_string_equal(row[x + 9].glyph, "e");
        assert_string_equal(row[x - 2].glyph, "n");
        /* in ASCII no bracket that was typed looks like it */
        assert_true(!ascii || apart(row[x + 8].style, row[x + 9].style));
        fixture_release(&f);
    }
}

/* A block cursor turns its cell over: it stands beside what a slider shows. */
static void test_the_cursor_leaves_the_knob_alone(void **state)
{
    (void)state;
    for (int w = 40; w <= 200; w += 40) {
        fixture_init(&f, "x", DEPTH_256, false, w, 36);
        fixture_settle(&f);
        f.ex->focus = PANE_SLIDERS;
        f.ex->typing = false;
        shell_resize(&f.shell, w, 36);
        for (int row = 0; row < 4; row++) {
            struct slider_track t;
            int x, y;
            fixture_draw(&f);
            assert_true(shell_track(&f.shell, row - 1 < 0 ? SLIDER_ALL : row - 1, &t, &x, &y));
            assert_int_equal(f.grid.cursor_y, y);
            assert_true(f.grid.cursor_x >= 0 && f.grid.cursor_x < x);
            fixture_keys(&f, "Down");
        }
        fixture_release(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_what_a_blink_changed),
        cmocka_unit_test(test_the_sides_of_a_token),
        cmocka_unit_test(test_the_cursor_leaves_the_knob_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

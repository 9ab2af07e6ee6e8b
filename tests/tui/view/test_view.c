/* The Explore view drawn into cells at five sizes, compared with committed text, and with
 * their colours where those are the point.
 * GLIMT_GOLDEN_UPDATE=1 writes them. */
#include "engine/base/memory.h"
#include "engine/base/strbuf.h"
#include "tests/support/effort.h"
#include "tests/support/explore_fixture.h"
#include "tests/support/testdata.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void compare(struct explore_fixture *f, const char *name)
{
    char path[200];
    struct strbuf out;
    strbuf_init(&out);
    fixture_draw(f);
    grid_write_text(&f->grid, &out);
    snprintf(path, sizeof path, "view/%s.txt", name);
    golden_expect(path, out.s);
    strbuf_release(&out);
}

/* ---- cells with their colours, as grid_write_ansi writes them */
struct ansi_cell {
    int n_style, n_glyph, columns;
    const char *style, *glyph; /* the style's escape sequence; plain: none */
};

/* False at the end of the row. */
static bool next_cell(const char **p, struct ansi_cell *c)
{
    char drawn[GRID_GLYPH_MAX];
    for (; **p == '\033'; *p += c->n_style) {
        c->style = *p;
        c->n_style = (int)strcspn(*p, "m") + 1;
    }
    if (**p == '\n' || **p == 0)
        return false;
    c->glyph = *p;
    c->n_glyph = (int)text_cluster(*p, strlen(*p), &c->columns, drawn);
    *p += c->n_glyph;
    return true;
}

static bool same_bytes(const char *a, int n_a, const char *b, int n_b)
{
    return n_a == n_b && memcmp(a, b, (size_t)n_a) == 0;
}

static void compare_row(const char *path, int y, const char **golden, const char **drawn)
{
    struct ansi_cell want = {.style = "", .glyph = ""}, got = want;
    for (int x = 0;; x += want.columns) {
        bool more = next_cell(golden, &want);
        if (next_cell(drawn, &got) != more)
            fail_msg("%s: row %d ends at another column than %d", path, y, x);
        if (!more) {
            assert_int_equal(**golden, **drawn);
            return;
        }
        if (!same_bytes(want.glyph, want.n_glyph, got.glyph, got.n_glyph) ||
            !same_bytes(want.style, want.n_style, got.style, got.n_style))
            fail_msg("%s: row %d, column %d is %.*s in ESC%.*s, expected %.*s in ESC%.*s", path, y,
                     x, got.n_glyph, got.glyph, got.n_style ? got.n_style - 1 : 0,
                     got.style + (got.n_style > 0), want.n_glyph, want.glyph,
                     want.n_style ? want.n_style - 1 : 0, want.style + (want.n_style > 0));
    }
}

static void compare_colours(struct explore_fixture *f, const char *name)
{
    char path[200];
    struct strbuf out;
    strbuf_init(&out);
    fixture_draw(f);
    grid_write_ansi(&f->grid, &out);
    snprintf(path, sizeof path, "view/%s.ansi", name);
    char *whole = golden_of(path, out.s);
    const char *golden = whole, *drawn = out.s;
    for (int y = 0; *golden && *drawn; y++, golden++, drawn++)
        compare_row(path, y, &golden, &drawn);
    assert_int_equal(*golden, *drawn); /* as many rows */
    free(whole);
    strbuf_release(&out);
}

static const struct {
    const char *name;
    int w, h;
} sizes[] = {{"20x5", 20, 5},
             {"40x12", 40, 12},
             {"80x24", 80, 24},
             {"120x36", 120, 36},
             {"200x60", 200, 60}};

static void test_typing(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct explore_fixture f;
        char name[40];
        fixture_init(&f, NULL, DEPTH_256, false, sizes[i].w, sizes[i].h);
        fixture_host(&f);
        fixture_settle(&f);
        snprintf(name, sizeof name, "typing-%s", sizes[i].name);
        compare(&f, name);
        fixture_release(&f);
    }
}

static void test_fixed(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct explore_fixture f;
        char name[40];
        fixture_init(&f, NULL, DEPTH_256, false, sizes[i].w, sizes[i].h);
        fixture_host(&f);
        shell_command(&f.shell, "fix 1482=2,77=-1.3");
        fixture_settle(&f);
        fixture_keys(&f, "Tab Tab Tab Tab Down");
        fixture_settle(&f);
        snprintf(name, sizeof name, "fixed-%s", sizes[i].name);
        compare(&f, name);
        fixture_release(&f);
    }
}

static void test_fixed_in_colours(void **state)
{
    (void)state;
    static const char *const themes[] = {"dark", "light"};
    for (size_t i = 0; i < sizeof themes / sizeof *themes; i++) {
        struct explore_fixture f;
        char name[40];
        fixture_init(&f, NULL, DEPTH_256, false, 120, 36);
        fixture_theme(&f, themes[i]);
        fixture_host(&f);
        shell_command(&f.shell, "fix 1482=2,77=-1.3");
        fixture_settle(&f);
        fixture_keys(&f, "Tab Tab Tab Tab Down");
        fixture_settle(&f);
        snprintf(name, sizeof name, "fixed-%s-120x36", themes[i]);
        compare_colours(&f, name);
        fixture_release(&f);
    }
}

/* The sweep under the sliders, ≈ losses beside a value that is not measured yet, a line and its
 * twin. */
static void test_swept(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum depth depth;
        bool ascii;
        int w, h;
    } cases[] = {{"swept-80x24", DEPTH_256, false, 80, 24},
                 {"swept-120x36", DEPTH_256, false, 120, 36},
                 {"swept-200x60", DEPTH_256, false, 200, 60},
                 {"swept-mono-120x36", DEPTH_MONO, true, 120, 36}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct explore_fixture f;
        fixture_init(&f, NULL, cases[i].depth, cases[i].ascii, cases[i].w, cases[i].h);
        fixture_host(&f);
        fixture_settle(&f);
        fixture_keys(&f, "Esc s T Up Up");
        shell_command(&f.shell, "fix 1482=2");
        fixture_settle(&f);
        shell_command(&f.shell, "fix 1482=3");
        compare(&f, cases[i].name);
        fixture_release(&f);
    }
}

static void test_blinked(void **state)
{
    (void)state;
    for (size_t i = 2; i < 4; i++) {
        struct explore_fixture f;
        char name[40];
        fixture_init(&f, NULL, DEPTH_256, false, sizes[i].w, sizes[i].h);
        fixture_host(&f);
        shell_command(&f.shell, "fix 1482=2");
        fixture_settle(&f);
        fixture_keys(&f, "Esc Space");
        fixture_settle(&f);
        snprintf(name, sizeof name, "blinked-%s", sizes[i].name);
        compare(&f, name);
        fixture_release(&f);
    }
}

static void test_without_colours(void **state)
{
    (void)state;
    struct explore_fixture f;
    fixture_init(&f, NULL, DEPTH_MONO, true, 80, 24);
    fixture_host(&f);
    shell_command(&f.shell, "fix 1482=2");
    fixture_settle(&f);
    fixture_keys(&f, "Esc C");
    compare(&f, "mono-80x24");
    fixture_release(&f);
}

static void test_overlays(void **state)
{
    (void)state;
    static const struct {
        const char *keys, *name;
    } cases[] = {{"Esc ?", "help-80x24"},
                 {"Esc : c o", "palette-80x24"},
                 {"Esc Tab Tab Tab Tab Down =", "value-80x24"},
                 {"Esc C v", "legend-80x24"},
                 {"Esc Tab", "latents-80x24"},
                 {"Esc Tab Tab", "predictions-80x24"},
                 {"Esc Tab Tab Tab b L", "histogram-80x24"},
                 {"Shift-Home Shift-Up Esc", "brushed-80x24"},
                 {"Esc y", "copy-80x24"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct explore_fixture f;
        fixture_init(&f, NULL, DEPTH_256, false, 80, 24);
        fixture_host(&f);
        fixture_settle(&f);
        fixture_keys(&f, cases[i].keys);
        fixture_settle(&f);
        shell_news(&f.shell);
        compare(&f, cases[i].name);
        fixture_release(&f);
    }
}

static void test_loading(void **state)
{
    (void)state;
    struct explore_fixture f;
    fixture_init(&f, "Skriv straks", DEPTH_256, false, 80, 24);
    f.shell.sh.workbench = NULL;
    f.shell.title[0] = 0;
    f.shell.sh.sliders.n = 0;
    struct service_status loading = {.loading = true, .progress = .43, .what = "loading model"};
    shell_status(&f.shell, &loading);
    compare(&f, "loading-80x24");
    fixture_release(&f);
}

/* Drawing is a pure function: whatever the size and the state, it stays within the grid and leaves
 * the state alone. */
static void test_every_size_draws(void **state)
{
    (void)state;
    struct explore_fixture f;
    fixture_init(&f, "a\tb\x01 \n\n漢字漢字 👩‍👩‍👧 x", DEPTH_DIRECT, false, 80, 24);
    fixture_host(&f);
    shell_command(&f.shell, "fix 1482=2,77=-3");
    fixture_settle(&f);
    fixture_keys(&f, "Esc s T i");
    const int step = quick() ? 3 : 1;
    for (int w = 1; w <= 200; w += w < 45 ? step : 13 * step)
        for (int h = 1; h <= 60; h += h < 12 ? step : 7)
            for (int key = 0; key < 6; key++) {
                static const char *const keys[] = {"Tab", "Tab", "Tab", "Tab", "Tab", "v"};
                grid_resize(&f.grid, w, h, theme_style(f.theme, ROLE_TEXT));
                shell_resize(&f.shell, w, h);
                fixture_keys(&f, keys[key]);
                fixture_draw(&f);
                assert_true(f.grid.cursor_x < w && f.grid.cursor_y < h);
                assert_true(f.grid.cursor_x >= 0 &&
                            f.grid.cursor_y >= 0); /* a cursor always shows where the focus is */
            }
    fixture_release(&f);
}

/* Keys, mouse and sizes in any order, answers now and then: the cursor stays on the screen, what is
 * written stays in the grid (a sanitizer watches). */
static void test_whatever_is_done(void **state)
{
    (void)state;
    static const char *const keys[] = {
        "Esc",      "i",        "Tab",  "Shift-Tab", "Enter",  "Space",    "T",          "s",
        "]",        "[",        "f",    "0",         ".",      "=",        "2",          "c",
        "C",        "v",        "z",    "b",         "L",      "u",        "Ctrl-R",     "1",
        "2",        "3",        "4",    "5",         "6",      "y",        "t",          ":",
        "?",        "Up",       "Down", "Left",      "Right",  "Home",     "End",        "a",
        "x",        "I",        "J",    "M",         "Delete", "Shift-Up", "Shift-Left", "PageUp",
        "PageDown", "Backspace"};
    struct explore_fixture f;
    uint32_t r = 1;
    fixture_init(&f, "en to tre\none two\n\nfire", DEPTH_256, false, 100, 30);
    fixture_host(&f);
    for (int i = 0; i < 6000; i++) {
        r = r * 1664525u + 1013904223u;
        unsigned what = r >> 28, of = r >> 8 & 0xffff;
        int x = (int)(of % 130), y = (int)(of / 130 % 40);
        if (what < 9)
            fixture_keys(&f, keys[of % (sizeof keys / sizeof *keys)]);
        else if (what < 13)
            fixture_mouse(&f, (enum mouse_kind)(of % 5), 1 + (int)(of % 3), x, y, 0,
                          1 + (int)(of / 7 % 3));
        else if (what == 13)
            fixture_settle(&f);
        else if (what == 14)
            shell_news(&f.shell);
        else if (of % 4 == 0) {
            grid_resize(&f.grid, x + 1, y + 1, theme_style(f.theme, ROLE_TEXT));
            shell_resize(&f.shell, x + 1, y + 1);
        }
        fixture_draw(&f);
        if (f.grid.cursor_x >= f.grid.w || f.grid.cursor_y >= f.grid.h)
            fail_msg("step %d: cursor %d,%d in %d×%d, view %d, pane %d, overlay %d", i,
                     f.grid.cursor_x, f.grid.cursor_y, f.grid.w, f.grid.h, (int)f.shell.views.now,
                     (int)f.ex->focus, (int)f.shell.overlay);
        assert_true(f.shell.sh.sliders.n <= UNITS_MAX);
    }
    fixture_release(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_typing),           cmocka_unit_test(test_fixed),
        cmocka_unit_test(test_fixed_in_colours), cmocka_unit_test(test_without_colours),
        cmocka_unit_test(test_overlays),         cmocka_unit_test(test_swept),
        cmocka_unit_test(test_blinked),          cmocka_unit_test(test_loading),
        cmocka_unit_test(test_every_size_draws), cmocka_unit_test(test_whatever_is_done),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

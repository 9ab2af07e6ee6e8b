/* Labels of the value axis stand where their values are, at every height. */
#include "engine/base/memory.h"
#include "tests/support/plot_fixture.h"
#include "tui/plot/plot.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct picture {
    struct theme *theme;
    struct grid grid;
    struct plot_layout layout;
};

static void draw(struct picture *p, bool mirrored, int w, int h)
{
    struct error e = {0};
    struct table *t = fixture_histogram(1, false);
    struct plot_options o;
    setenv("GLIMT_DATA", ".", 1);
    unsetenv("XDG_CONFIG_HOME");
    unsetenv("HOME");
    if (!theme_open("dark", DEPTH_256, false, &p->theme, &e))
        fail_msg("%s", e.text);
    plot_options_init(&o);
    o.mirrored = mirrored;
    grid_init(&p->grid, w, h, theme_style(p->theme, ROLE_TEXT));
    plot_cells(t, &o, p->theme, &p->grid, (struct rect){0, 0, w, h}, &p->layout);
    table_free(t);
}

static void release(struct picture *p)
{
    grid_release(&p->grid);
    theme_free(p->theme);
}

static const char *glyph(const struct picture *p, int x, int y)
{
    return p->grid.cell[y * p->grid.w + x].glyph;
}

/* The number left of the panel in a row; −1: none. */
static double label(const struct picture *p, int y)
{
    char s[200] = "";
    for (int x = 0; x < p->layout.panel[0].inner.x - 1; x++)
        strcat(s, glyph(p, x, y));
    return strpbrk(s, "0123456789") ? strtod(s, NULL) : -1;
}

/* All of the row's cells in the panel are this line. */
static bool is_line(const struct picture *p, int y)
{
    struct rect in = p->layout.panel[0].inner;
    for (int x = in.x; x < in.x + in.w; x++)
        if (!strstr("─┬", glyph(p, x, y)))
            return false;
    return true;
}

/* Zero stands at a line, never beside one; values grow away from it, and none stands twice on a
 * side. */
static void check(bool mirrored, int h)
{
    struct picture p;
    draw(&p, mirrored, 60, h);
    struct rect in = p.layout.panel[0].inner;
    int zeros = 0, axis = -1, labels = 0;
    for (int y = in.y; y < in.y + in.h + !mirrored && y < h; y++)
        if (in.h > 0 && is_line(&p, y) && axis < 0)
            axis = y;
    for (int y = in.y; y <= in.y + in.h && y < h; y++) {
        double v = label(&p, y);
        if (v < 0)
            continue;
        labels++;
        zeros += v < 1e-9;
        if (axis >= 0 && v < 1e-9 && !is_line(&p, y))
            fail_msg("%s, %d rows: zero in a row of values", mirrored ? "mirrored" : "plain", h);
        for (int other = in.y; other < y; other++) {
            double w = label(&p, other);
            bool same_side = !mirrored || (axis >= 0 && (other - axis) * (y - axis) > 0);
            if (w >= 0 && same_side && (mirrored && y > axis ? w >= v : w <= v))
                fail_msg("%d rows: %g above %g", h, w, v);
        }
    }
    if (mirrored && in.h < 4 && labels > 0)
        fail_msg("%d rows: labels in halves of a row", h);
    assert_true(zeros <= 1);
    assert_true(!mirrored || in.h < 7 || zeros == 1);
    release(&p);
}

static void test_every_height(void **state)
{
    (void)state;
    for (int h = 5; h < 60; h++) {
        check(true, h);
        check(false, h);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_height)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

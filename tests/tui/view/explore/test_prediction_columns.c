/* Predictions can be read at every width: labels whole or with a mark that something is missing,
 * bars long enough to be seen or none. */
#include "engine/base/memory.h"
#include "tests/support/explore_fixture.h"
#include "tui/view/explore/explore_private.h"
#include "tui/view/label.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct explore_fixture f;

/* Columns x … x + w − 1 of a row as text, blanks at the end cut. */
static void cells(int x, int w, int y, char *out)
{
    out[0] = 0;
    for (int i = x; i < x + w; i++)
        strcat(out, f.grid.cell[y * f.grid.w + i].glyph);
    for (size_t n = strlen(out); n > 0 && out[n - 1] == ' '; n--)
        out[n - 1] = 0;
}

/* Cells of a row that a bar fills, wholly or in part. */
static int bar_cells(int x, int w, int y)
{
    int n = 0;
    for (int i = x; i < x + w; i++)
        n += strstr("█▉▊▋▌▍▎▏", f.grid.cell[y * f.grid.w + i].glyph) != NULL &&
             f.grid.cell[y * f.grid.w + i].glyph[0];
    return n;
}

static void check_column(struct rect r, const struct next_list *l)
{
    for (int i = 0; i < r.h && i < l->n; i++) {
        char label[LABEL_MAX], drawn[1024];
        size_t n;
        const char *bytes = tokenizer_bytes(f.wb.tokenizer, l->id[i], &n);
        cells(r.x, r.w - 4, r.y + i, drawn);
        if (!bytes)
            continue;
        token_label(bytes, n, false, label);
        if (l->id[i] < 8 && !strstr(drawn, label) && !strstr(drawn, "…"))
            fail_msg("%d columns: “%s” of “%s”", r.w, drawn, label);
    }
    int bar = bar_cells(r.x, r.w, r.y);
    if (bar != 0 && bar < 10)
        fail_msg("%d columns: the longest bar has %d", r.w, bar);
}

static void test_every_width(void **state)
{
    (void)state;
    bool bars = false;
    for (int two = 0; two < 2; two++) {
        fixture_init(&f, "en holdning", DEPTH_256, false, 80, 36);
        if (two)
            shell_command(&f.shell, "fix 1482=2");
        f.ex->typing = false;
        f.ex->focus = PANE_NEXT;
        for (int w = 40; w <= 300; w++) {
            shell_resize(&f.shell, w, 36);
            fixture_settle(&f);
            grid_resize(&f.grid, w, 36, theme_style(f.theme, ROLE_TEXT));
            fixture_draw(&f);
            struct rect r = pane_rows(f.ex, PANE_NEXT);
            int half = two ? (r.w - 1) / 2 : r.w;
            check_column((struct rect){r.x, r.y, half, r.h}, &f.shell.sh.snapshot->next_plain);
            bars = bars || bar_cells(r.x, half, r.y) > 0;
        }
        fixture_release(&f);
    }
    assert_true(bars);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_width)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

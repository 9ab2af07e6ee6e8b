/* Views come from a table: one more is one more row, and a dozen have room. */
#include "tests/support/explore_fixture.h"
#include "tests/support/plain_view.h"
#include "tui/shell/shell_private.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { N = 12 };
static struct explore_fixture f;
static struct view_ops more[N - N_VIEWS];
static const struct view_ops *table[N];

/* The views there are, then plain ones under names of their own. */
static void fill_table(void)
{
    static const char *const name[] = {"downstream", "probes",  "circuit",
                                       "components", "context", "training"};
    static const char *const title[] = {"Downstream", "Probes",  "Circuit",
                                        "Components", "Context", "Training"};
    for (int i = 0; i < N; i++) {
        table[i] = i < N_VIEWS ? view_table[i] : &more[i - N_VIEWS];
        if (i < N_VIEWS)
            continue;
        more[i - N_VIEWS] = plain_view;
        more[i - N_VIEWS].name = name[i - N_VIEWS];
        more[i - N_VIEWS].title = title[i - N_VIEWS];
    }
}

static void begin(int n, int w, int h)
{
    fill_table();
    fixture_init_views(&f, "en to", DEPTH_256, false, w, h, table, n);
    fixture_settle(&f);
    fixture_keys(&f, "Esc");
}

static int end(void **state)
{
    (void)state;
    fixture_release(&f);
    return 0;
}

static void go(const char *name)
{
    char line[40];
    snprintf(line, sizeof line, "view %s", name);
    assert_true(shell_command(&f.shell, line));
}

/* How many views there are, said in a format of our own. */
static const char *numbered(const char *format)
{
    static char text[80];
    const char *at = strstr(format, "%d");
    snprintf(text, sizeof text, "%.*s%d%s", (int)(at - format), format, f.shell.views.n, at + 2);
    return text;
}

static void press(int x)
{
    fixture_mouse(&f, MOUSE_PRESS, 1, x, 0, 0, 1);
}

static void test_one_row_is_a_view(void **state)
{
    (void)state;
    begin(N_VIEWS + 1, 160, 36);
    fixture_shows(&f, numbered("%d Downstream"));
    go("downstream");
    assert_int_equal(f.shell.views.now, N_VIEWS);
    fixture_shows(&f, "plain, row 0 of demo");
    fixture_keys(&f, "Down j Up Down"); /* its actions, by their keys */
    fixture_shows(&f, "plain, row 2 of demo");
    fixture_keys(&f, "Enter");
    fixture_shows(&f, "row 2");
    assert_int_equal(f.shell.sh.messages.n, 1);
    fixture_keys(&f, "?");
    fixture_shows(&f, "Keys: Downstream");
    fixture_keys(&f, "q 2");
    assert_int_equal(f.shell.views.now, VIEW_LATENTS);
    go("downstream");
    fixture_shows(&f, "plain, row 2 of demo"); /* its state stays */
    fixture_keys(&f, "Esc");
    assert_int_equal(f.shell.views.now, HOME);
}

static void test_the_palette_knows_it(void **state)
{
    (void)state;
    begin(N_VIEWS + 1, 80, 24);
    fixture_keys(&f, ":");
    fixture_type(&f, "view do");
    fixture_keys(&f, "Tab Enter");
    assert_int_equal(f.shell.views.now, N_VIEWS);
    fixture_shows(&f, numbered("Downstream · 1–%d"));
    fixture_keys(&f, ":");
    fixture_type(&f, "rail on"); /* the home view's commands are there */
    fixture_keys(&f, "Enter");
    assert_true(f.ex->rail);
    assert_int_equal(f.shell.views.now, N_VIEWS);
}

static void test_a_session_comes_back_to_it(void **state)
{
    (void)state;
    struct saved_state s;
    struct shell again;
    begin(N_VIEWS + 1, 80, 24);
    go("downstream");
    shell_save(&f.shell, &s);
    assert_string_equal(s.view, "downstream");
    shell_init_views(&again, &f.options, &s, table, N_VIEWS + 1);
    assert_int_equal(again.views.now, N_VIEWS);
    shell_release(&again);
    shell_init(&again, &f.options, &s); /* a program that has no such view */
    assert_int_equal(again.views.now, HOME);
    shell_release(&again);
    state_release(&s);
}

/* The one shown has a tab, whole, beside the name of what is open or over its end. */
static void check_tabs(int n)
{
    struct tabs t;
    assert_true(tabs_place(&f.shell, &t));
    int now = f.shell.views.now;
    assert_true(t.first >= 0 && t.first <= now && now < t.end && t.end <= n);
    assert_int_equal(t.before >= 0, t.first > 0);
    assert_int_equal(t.after >= 0, t.end < n);
    for (int i = t.first; i < t.end; i++) {
        assert_true(t.tab_x[i] >= (t.before >= 0 ? t.before + 1 : 8));
        assert_true(t.tab_x[i] + t.tab_w[i] <= (t.after >= 0 ? t.after : f.shell.bars.w));
        assert_true(i == t.first || t.tab_x[i] > t.tab_x[i - 1] + t.tab_w[i - 1]);
    }
    char *row;
    fixture_draw(&f);
    row = fixture_row(&f, 0);
    for (int i = t.first; i < t.end; i++)
        if (!strstr(row, table[i]->title))
            fail_msg("%s is not in: %s", table[i]->title, row);
    free(row);
}

static void test_twelve_have_room(void **state)
{
    (void)state;
    static const int widths[] = {80, 100, 110, 126, 200};
    for (size_t k = 0; k < sizeof widths / sizeof *widths; k++) {
        begin(N, widths[k], 24);
        for (int i = 0; i < N; i++) {
            go(table[i]->name);
            assert_int_equal(f.shell.views.now, i);
            check_tabs(N);
        }
        fixture_release(&f);
    }
    begin(N, 200, 24);
    struct tabs t;
    assert_true(tabs_place(&f.shell, &t));
    assert_int_equal(t.end - t.first, N); /* there all of them have */
}

/* A press on a tab shows its view; on a mark, the next view on that side. */
static void test_each_can_be_pressed(void **state)
{
    (void)state;
    struct tabs t;
    begin(N, 80, 24);
    fixture_hides(&f, "views · ? keys");
    for (int i = 1; i < N; i++) {
        assert_true(tabs_place(&f.shell, &t));
        assert_true(t.after >= 0 || t.end > i);
        press(t.end > i ? t.tab_x[i] : t.after);
        assert_int_equal(f.shell.views.now, i);
    }
    for (int i = N - 2; i >= 0; i--) {
        assert_true(tabs_place(&f.shell, &t));
        press(t.first <= i ? t.tab_x[i] + t.tab_w[i] - 1 : t.before);
        assert_int_equal(f.shell.views.now, i);
    }
    assert_true(tabs_place(&f.shell, &t));
    press(t.tab_x[0] + t.tab_w[0]); /* beside it */
    assert_int_equal(f.shell.views.now, HOME);
}

static void test_few_are_told_as_keys(void **state)
{
    (void)state;
    struct tabs t;
    begin(N_VIEWS, 80, 24);
    assert_false(tabs_place(&f.shell, &t));
    fixture_shows(&f, numbered("1–%d views · ? keys"));
    press(75);
    assert_int_equal(f.shell.views.now, HOME);
}

static void test_every_size(void **state)
{
    (void)state;
    static const int widths[] = {1, 2, 10, 20, 23, 24, 40, 60, 80, 126, 200},
                     heights[] = {1, 2, 3, 5, 6, 8, 14, 24, 36, 60};
    begin(N, 80, 24);
    for (int i = 0; i < N; i++) {
        go(table[i]->name);
        for (size_t x = 0; x < sizeof widths / sizeof *widths; x++)
            for (size_t y = 0; y < sizeof heights / sizeof *heights; y++) {
                grid_resize(&f.grid, widths[x], heights[y], theme_style(f.theme, ROLE_TEXT));
                shell_resize(&f.shell, widths[x], heights[y]);
                fixture_draw(&f);
                assert_in_range(f.grid.cursor_x, 0, widths[x] - 1);
                assert_in_range(f.grid.cursor_y, 0, heights[y] - 1);
            }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_one_row_is_a_view, end),
        cmocka_unit_test_teardown(test_the_palette_knows_it, end),
        cmocka_unit_test_teardown(test_a_session_comes_back_to_it, end),
        cmocka_unit_test_teardown(test_twelve_have_room, end),
        cmocka_unit_test_teardown(test_each_can_be_pressed, end),
        cmocka_unit_test_teardown(test_few_are_told_as_keys, end),
        cmocka_unit_test_teardown(test_every_size, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

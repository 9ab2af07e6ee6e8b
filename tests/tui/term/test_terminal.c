/* The harness itself: what it sends arrives as a terminal would send it, what it shows is what was
 * drawn. */
#include "tests/support/terminal.h"
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <vterm.h>

#include <cmocka.h>

static struct term *run_shell(const char *script, const char *const *env, int w, int h)
{
    const char *const argv[] = {"/bin/sh", "-c", script, NULL};
    return term_start(&(struct term_options){.argv = argv, .env = env, .w = w, .h = h});
}

static void assert_row(struct term *t, int y, const char *expected)
{
    char *row = term_row_text(t, y);
    assert_string_equal(row, expected);
    free(row);
}

static void test_screen_and_exit(void **state)
{
    (void)state;
    struct term *t =
        run_shell("printf 'plain \\033[1;4;38;5;214;48;2;1;2;3mBu\\033[0;7;3;32;104mr\\033[0m "
                  "漢é\\n'; stty size;"
                  "printf 'last'; exit 7",
                  NULL, 40, 10);
    assert_int_equal(term_wait_exit(t, TERM_DEADLINE_MS), 7);
    assert_row(t, 0, "plain Bur 漢é");
    assert_row(t, 1, "10 40");
    assert_row(t, 2, "last");
    struct style s = term_cell(t, 6, 0).style;
    assert_int_equal(s.fg, 214);
    assert_int_equal(s.bg, 0x1010203);
    assert_int_equal(s.attr, ATTR_BOLD | ATTR_UNDERLINE);
    s = term_cell(t, 8, 0).style;
    assert_int_equal(s.fg, 2);
    assert_int_equal(s.bg, 12);
    assert_int_equal(s.attr, ATTR_REVERSE | ATTR_ITALIC);
    assert_string_equal(term_cell(t, 10, 0).glyph, "漢");
    assert_string_equal(term_cell(t, 11, 0).glyph, "");
    assert_string_equal(term_cell(t, 30, 5).glyph, " ");
    assert_int_equal(term_cell(t, 30, 5).style.fg, COLOR_DEFAULT);
    int x, y;
    assert_true(term_find(t, "é", &x, &y));
    assert_int_equal(x * 100 + y, 1200);
    assert_false(term_find(t, "nowhere", &x, &y));
    bool visible;
    term_cursor(t, &x, &y, &visible);
    assert_true(visible && x == 4 && y == 2);
    size_t n;
    const char *output = term_output(t, &n);
    assert_non_null(memmem(output, n, "\033[1;4;", 6));
    term_free(t);
}

static void test_environment(void **state)
{
    (void)state;
    static const char *const env[] = {"TERM=vt100", "MINE=yes", "TZ", NULL};
    struct term *t = run_shell(
        "echo $TERM $MINE ${TZ-gone} $LC_ALL ${COLORTERM-none}; cd; pwd; echo $XDG_STATE_HOME;"
        "touch kept; echo $GLIMT_TEST_FD | grep -c '[0-9]'",
        env, 0, 0);
    char *home = strdup(term_home(t)), row[200];
    assert_int_equal(term_wait_exit(t, TERM_DEADLINE_MS), 0);
    assert_row(t, 0, "vt100 yes gone C.UTF-8 none");
    assert_row(t, 1, home);
    snprintf(row, sizeof row, "%s/state", home);
    assert_row(t, 2, row);
    assert_row(t, 3, "1");
    snprintf(row, sizeof row, "%s/kept", home);
    assert_int_equal(access(row, F_OK), 0);
    term_free(t);
    assert_int_equal(access(home, F_OK), -1);
    free(home);
}

/* Keys in xterm's encoding, as cat -v shows them. */
static void test_keys(void **state)
{
    (void)state;
    static const struct {
        const char *key, *seen;
    } row[] = {{"a", "a"},
               {"Ctrl-A", "^A"},
               {"Up", "^[[A"},
               {"Ctrl-Left", "^[[1;5D"},
               {"F1", "^[OP"},
               {"Shift-F5", "^[[15;2~"},
               {"PageDown", "^[[6~"},
               {"Alt-b", "^[b"},
               {"Shift-Tab", "^[[Z"},
               {"Esc", "^["},
               {"Backspace", "^?"},
               {"Space", " "},
               {"Ctrl-_", "^_"},
               {"Ctrl-Delete", "^[[3;5~"},
               {"Ctrl-Alt-X", "^[^X"}};
    struct term *t = run_shell("stty raw -echo; echo ready; exec cat -v", NULL, 200, 24);
    assert_true(term_wait_text(t, "ready", TERM_DEADLINE_MS));
    char expected[400] = "";
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        term_key(t, row[i].key);
        strcat(expected, row[i].seen);
    }
    term_mouse(t, MOUSE_PRESS, 1, 4, 5, 0);
    term_mouse(t, MOUSE_MOVE, 1, 4, 6, MOD_CTRL);
    term_mouse(t, MOUSE_RELEASE, 3, 4, 6, 0);
    term_mouse(t, MOUSE_WHEEL_DOWN, 0, 0, 0, 0);
    term_paste(t, "x");
    strcat(expected, "^[[<0;5;6M^[[<48;5;7M^[[<2;5;7m^[[<65;1;1M^[[200~x^[[201~");
    assert_true(term_wait_text(t, expected, TERM_DEADLINE_MS));
    term_free(t);
}

static void test_answers(void **state)
{
    (void)state;
    struct term *t =
        run_shell("stty raw -echo; printf '\\033[5n\\033[?1002h'; exec cat -v", NULL, 0, 0);
    assert_true(term_wait_text(t, "^[[0n", TERM_DEADLINE_MS));
    assert_int_equal(term_mouse_mode(t), VTERM_PROP_MOUSE_DRAG);
    term_free(t);
}

static void test_marks(void **state)
{
    (void)state;
    /* says that it is idle with too few bytes read or not all drawn, then with all: only the last
     * counts */
    struct term *t =
        run_shell("stty raw -echo; echo ready; head -c 3 >/dev/null;"
                  "echo 'frame 1 idle input 2 output 0' >&$GLIMT_TEST_FD;"
                  "echo 'frame 2 busy input 3 output 0' >&$GLIMT_TEST_FD;"
                  "printf drawn; echo 'frame 3 idle input 3 output 11' >&$GLIMT_TEST_FD; exec cat",
                  NULL, 0, 0);
    assert_true(term_wait_text(t, "ready", TERM_DEADLINE_MS));
    term_type(t, "abc");
    assert_true(term_wait_idle(t, TERM_DEADLINE_MS));
    assert_true(term_has(t, "drawn"));
    term_free(t);
}

static bool never(struct term *t, void *arg)
{
    (void)t;
    (void)arg;
    return false;
}

static void test_failure(void **state)
{
    (void)state;
    struct term *t = run_shell("exec cat", NULL, 0, 0);
    assert_false(term_wait(t, never, NULL, 30));
    term_signal(t, SIGKILL);
    assert_int_equal(term_wait_exit(t, TERM_DEADLINE_MS), -SIGKILL);
    term_free(t);
    static const char *const argv[] = {"/no/such/program", NULL};
    t = term_start(&(struct term_options){.argv = argv});
    assert_int_equal(term_wait_exit(t, TERM_DEADLINE_MS), 127);
    assert_true(term_has(t, "can't run /no/such/program"));
    term_free(t);
}

static void test_resize_and_hang_up(void **state)
{
    (void)state;
    struct term *t = run_shell(
        "trap 'stty size' WINCH; echo ready; while read line; do :; done; exit 5", NULL, 0, 0);
    assert_true(term_wait_text(t, "ready", TERM_DEADLINE_MS));
    term_resize(t, 100, 30);
    term_type(t, "\n");
    assert_true(term_wait_text(t, "30 100", TERM_DEADLINE_MS));
    int w, h;
    term_size(t, &w, &h);
    assert_int_equal(w * 1000 + h, 100030);
    term_hang_up(t);
    assert_int_not_equal(term_wait_exit(t, TERM_DEADLINE_MS), INT_MIN);
    term_free(t);
}

/* More than the line holds, both ways at once. */
static void test_much(void **state)
{
    (void)state;
    struct term *t =
        run_shell("stty raw -echo; echo ready; head -c 300000 | tr a b; echo done", NULL, 0, 0);
    assert_true(term_wait_text(t, "ready", TERM_DEADLINE_MS));
    char *much = malloc(300001);
    memset(much, 'a', 300000);
    much[300000] = 0;
    term_type(t, much);
    free(much);
    assert_int_equal(term_wait_exit(t, TERM_DEADLINE_MS), 0);
    size_t n;
    term_output(t, &n);
    assert_int_equal(n, 6 + 300000 + 5);
    assert_true(term_has(t, "done"));
    term_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_screen_and_exit),
        cmocka_unit_test(test_environment),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_marks),
        cmocka_unit_test(test_failure),
        cmocka_unit_test(test_resize_and_hang_up),
        cmocka_unit_test(test_much),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

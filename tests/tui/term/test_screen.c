/* The terminal layer on a real pseudo-terminal, judged by libvterm: colours, modes, input, bytes,
 * odd terminals. */
#include "engine/base/error.h"
#include "engine/base/memory.h"
#include "engine/base/strbuf.h"
#include "tests/support/show.h"
#include "tui/term/screen.h"
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* --- colours --- */

static const char *const no_reply_color[] = {"NO_COLOR=", NULL};

static void test_256(void **state)
{
    (void)state;
    struct show_how p = show_standard;
    p.options = (struct screen_options){DEPTH_256, false, true};
    struct term *t = show_start_idle(&p, no_reply_color);
    assert_true(term_alternate(t));
    assert_int_equal(term_mouse_mode(t), 2); /* drag */
    assert_row(t, 0, "xterm-256color --color utf8 1 ascii 0 bg 0 80x24");
    assert_row(t, 2, "-5-4-3-2-1+0+1+2+3+4+5");
    static const int negative[] = {81, 38, 31, 24, 17}, positive[] = {52, 94, 130, 172, 214};
    for (int i = 0; i < 5; i++) {
        assert_int_equal(term_cell(t, 2 * i, 2).style.bg, negative[i]);
        assert_int_equal(term_cell(t, 12 + 2 * i, 2).style.bg, positive[i]);
    }
    assert_style(t, 10, 2, COLOR_DEFAULT, COLOR_DEFAULT, 0);
    assert_style(t, 0, 2, 16, 81, 0);
    assert_style(t, 12, 2, 231, 52, 0);
    assert_row(t, 3, "漢é🙂å‹›│");
    assert_style(t, 10, 4, COLOR_DEFAULT, COLOR_DEFAULT, ATTR_BOLD | ATTR_UNDERLINE);
    assert_style(t, 20, 4, 1, 12, ATTR_ITALIC);
    assert_string_equal(term_cell(t, 79, 23).glyph, "#");
    show_quit(t);
}

static void test_direct(void **state)
{
    (void)state;
    static const char *const env[] = {"COLORTERM=truecolor", NULL};
    struct term *t = show_start_idle(&show_standard, env);
    assert_row(t, 0, "xterm-256color COLORTERM utf8 1 ascii 0 bg 0 80x24");
    assert_row(t, 2, "-10-9-8-7-6-5-4-3-2-1+0+1+2+3+4+5+6+7+8+9+10");
    assert_style(t, 0, 2, 16, 0x16fb6fe, 0); /* black is the palette's, below 256 */
    assert_style(t, 23, 2, 0x1ffffff, 0x13e2c20, 0);
    assert_style(t, 20, 4, 1, 12, ATTR_ITALIC);
    assert_style(t, 30, 4, 16, 0x1ffffff, 0);
    assert_style(t, 40, 4, 0x1010040, 0x1ff8800, 0);
    show_quit(t);
}

/* Without COLORTERM the terminal's own answer decides. */
static void test_direct_by_answer(void **state)
{
    (void)state;
    struct term *t = show_start_idle(&show_standard, NULL);
    char *row = term_row_text(t, 0);
    bool answered = strstr(row, "terminal's answer") != NULL;
    print_message("%s\n", row);
    assert_int_equal(term_cell(t, 0, 2).style.bg, answered ? 0x16fb6fe : 81);
    free(row);
    show_quit(t);
}

static void test_16(void **state)
{
    (void)state;
    struct show_how p = show_standard;
    p.options = (struct screen_options){DEPTH_16, false, true};
    struct term *t = show_start_idle(&p, NULL);
    assert_row(t, 2, "-3-2-1+0+1+2+3");
    static const int bg[] = {14, 12, 4, COLOR_DEFAULT, 1, 3, 11};
    for (int i = 0; i < 7; i++)
        assert_int_equal(term_cell(t, 2 * i, 2).style.bg, bg[i]);
    assert_style(t, 4, 2, 15, 4, 0);
    assert_style(t, 20, 4, 1, 12, ATTR_ITALIC);
    show_quit(t);
}

/* Eight colours: the brighter half becomes bold, nothing above is sent. */
static void test_8(void **state)
{
    (void)state;
    static const char *const env[] = {"TERM=xterm", NULL};
    struct show_how p = show_standard;
    p.options = (struct screen_options){DEPTH_16, false, true};
    struct term *t = show_start_idle(&p, env);
    assert_int_equal(term_cell(t, 0, 2).style.bg, 6);
    assert_style(t, 4, 2, 7, 4, ATTR_BOLD);
    assert_false(output_has(t, "38;5") || output_has(t, "48;5") || output_has(t, "[9") ||
                 output_has(t, "[10"));
    show_quit(t);
}

static void assert_no_color(struct term *t)
{
    int w, h;
    term_size(t, &w, &h);
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++) {
            struct style s = term_cell(t, x, y).style;
            assert_true(s.fg == COLOR_DEFAULT && s.bg == COLOR_DEFAULT);
        }
}

static void test_mono(void **state)
{
    (void)state;
    static const char *const env[] = {"NO_COLOR=1", "COLORTERM=truecolor", NULL};
    struct term *t = show_start_idle(&show_standard, env);
    assert_row(t, 0, "xterm-256color NO_COLOR utf8 1 ascii 0 bg 0 80x24");
    assert_row(t, 2, "-4-3-2-1+0+1+2+3+4");
    assert_no_color(t);
    static const int attr[] = {ATTR_REVERSE, ATTR_BOLD | ATTR_UNDERLINE, ATTR_BOLD, ATTR_UNDERLINE,
                               0};
    for (int i = 0; i < 5; i++)
        assert_int_equal(term_cell(t, 2 * i, 2).style.attr, attr[i]);
    show_quit(t);
    struct show_how p = show_standard; /* --color=256 is stronger than NO_COLOR */
    p.options.depth_auto = false;
    t = show_start_idle(&p, env);
    assert_int_equal(term_cell(t, 0, 2).style.bg, 81);
    show_quit(t);
}

/* --- odd terminals --- */

static void test_terminal_types(void **state)
{
    (void)state;
    static const struct {
        const char *env[3], *row, *picture;
    } row[] = {
        {{"TERM"}, "xterm-256color for an unknown type", "漢é🙂å‹›│"},
        {{"TERM=xterm-kitty"}, "xterm-256color for an unknown type", "漢é🙂å‹›│"},
        {{"TERM=no-such-terminal", "COLORTERM=24bit"},
         "xterm-256color for an unknown type COLORTERM",
         "漢é🙂å‹›│"},
        {{"TERM=vt100"}, "vt100 terminal type utf8 1 ascii 0", "漢é🙂å‹›│"},
        {{"TERM=linux"}, "linux terminal type utf8 1 ascii 1", "漢é🙂å‹›│"},
        {{"TERM=xterm"}, "xterm ", "漢é🙂å‹›│"},
        {{"TERM=tmux-256color", "TMUX=/tmp/nowhere,1,0"}, "tmux-256color ", "漢é🙂å‹›│"},
        {{"TERM=screen-256color", "COLORTERM=truecolor"},
         "screen-256color terminal type",
         "漢é🙂å‹›│"},
        {{"TERM=screen"}, "screen terminal type", "漢é🙂å‹›│"},
        {{"LC_ALL=C"}, "xterm-256color ", "? e? a<>|"},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        struct term *t = show_start_idle(&show_standard, row[i].env);
        char *first = term_row_text(t, 0);
        if (strncmp(first, row[i].row, strlen(row[i].row)))
            fail_msg("%s: “%s”, expected “%s”", row[i].env[0], first, row[i].row);
        if (!strcmp(row[i].env[0], "LC_ALL=C"))
            assert_non_null(strstr(first, "utf8 0 ascii 1"));
        free(first);
        assert_row(t, 3, row[i].picture);
        if (!strcmp(row[i].env[0], "TERM=vt100"))
            assert_no_color(t);
        /* keys and the mouse do not depend on the type */
        term_key(t, "Ctrl-Left");
        term_mouse(t, MOUSE_PRESS, 1, 70, 20, 0);
        assert_true(term_wait_text(t, "Ctrl-Left press1@70,20", TERM_DEADLINE_MS));
        show_quit(t);
    }
}

static void test_dumb(void **state)
{
    (void)state;
    static const char *const env[] = {"TERM=dumb", NULL};
    struct termios before = fresh_modes();
    struct term *t = show_start(&show_standard, env);
    assert_int_equal(term_wait_exit(t, TERM_DEADLINE_MS), 3);
    assert_row(t, 0, "refused: opening the screen: terminal type “dumb” can't place the cursor");
    assert_false(output_has(t, "\033"));
    assert_int_equal(term_modes(t).c_lflag, before.c_lflag);
    term_free(t);
}

/* A terminal that answers nothing: everything still comes, and no frame waits. */
static void test_mute(void **state)
{
    (void)state;
    struct show_how p = show_standard;
    p.replies = true;
    struct term *t = term_start(&(struct term_options){.child = show_run, .arg = &p, .mute = true});
    assert_true(term_wait_idle(t, TERM_DEADLINE_MS));
    for (int i = 0; i < 20; i++) {
        term_type(t, "+");
        assert_true(term_wait_idle(t, TERM_DEADLINE_MS));
    }
    assert_string_equal(term_cell(t, 20, 5).glyph, "●");
    /* the answers to the probe come minutes late, in pieces, in the middle of typing */
    static const char late[] =
        "a\033[?62;22cb\033]11;rgb:ffff/ffff/ffff\033\\d\033[?2026;2$y\033[0ne";
    for (size_t i = 0; i + 1 < sizeof late; i++)
        term_send(t, &late[i], 1);
    assert_true(term_wait_text(t, "a reply:0 b reply:1 d reply:2 e", TERM_DEADLINE_MS));
    assert_true(term_has(t, "bg 2"));
    show_quit(t);
}

/* An answer behind the user's Esc, whose own ESC comes long before its rest: two Escs, no key. */
static void test_late_answers_in_pieces(void **state)
{
    (void)state;
    static const char *const rest[] = {"[?62;22c", "]11;rgb:ffff/ffff/ffff\033\\",
                                       "P1$r0;48;2;1;2;3m\033\\", "[?2026;2$y", "[0n"};
    struct show_how p = show_standard;
    struct term *t = term_start(&(struct term_options){.child = show_run, .arg = &p, .mute = true});
    assert_true(term_wait_idle(t, TERM_DEADLINE_MS));
    for (size_t i = 0; i < sizeof rest / sizeof *rest; i++) {
        term_type(t, "X");
        assert_true(term_wait_idle(t, TERM_DEADLINE_MS));
        term_key(t, "Esc");
        assert_true(term_wait_text(t, " Esc", TERM_DEADLINE_MS));
        term_key(t, "Esc");
        assert_true(term_wait_text(t, " Esc Esc", TERM_DEADLINE_MS));
        term_type(t, rest[i]);
        term_type(t, "e");
        assert_true(term_wait_text(t, " Esc Esc e", TERM_DEADLINE_MS));
    }
    term_type(t, "X");
    assert_true(term_wait_idle(t, TERM_DEADLINE_MS));
    term_key(t, "Esc");
    assert_true(term_wait_text(t, " Esc", TERM_DEADLINE_MS));
    term_type(t, "["); /* the user's own */
    assert_true(term_wait_text(t, " Esc [", TERM_DEADLINE_MS));
    show_quit(t);
}

/* --- input --- */

static void test_input(void **state)
{
    (void)state;
    struct term *t = show_start_idle(&show_standard, NULL);
    term_key(t, "Esc");
    assert_true(term_wait_text(t, "Esc", TERM_DEADLINE_MS));
    term_type(t, "X");
    static const char *const key[] = {"a",      "å",  "Ctrl-C", "Ctrl-Z", "Ctrl-S",    "Ctrl-Q",
                                      "Ctrl-V", "F1", "F12",    "PageUp", "Shift-Tab", "Enter"};
    struct strbuf expected;
    strbuf_init(&expected);
    for (size_t i = 0; i < sizeof key / sizeof *key; i++) {
        term_key(t, key[i]);
        strbuf_addf(&expected, " %s", key[i]);
    }
    assert_true(term_wait_text(t, expected.s, TERM_DEADLINE_MS));
    strbuf_release(&expected);
    term_type(t, "X");
    term_paste(t, "to\nliniér");
    term_mouse(t, MOUSE_MOVE, 1, 79, 23, 0);
    term_mouse(t, MOUSE_RELEASE, 1, 0, 0, 0);
    term_mouse(t, MOUSE_WHEEL_UP, 0, 5, 6, MOD_CTRL);
    term_send(t, "\033[I\033[O", 6);
    assert_true(term_wait_text(t, " paste:to‹0A›liniér move1@79,23 release1@0,0 up0@5,6 in out",
                               TERM_DEADLINE_MS));
    term_type(t, "X");
    char *much = xmalloc(100001); /* 100 kB at once: one event, and nothing of it is typed */
    memset(much, 'q', 100000);
    much[100000] = 0;
    term_paste(t, much);
    free(much);
    assert_true(term_wait_text(t, " paste:qqqq", TERM_DEADLINE_MS));
    term_type(t, "Xm");
    assert_true(term_wait_idle(t, TERM_DEADLINE_MS));
    assert_int_equal(term_mouse_mode(t), 0);
    term_type(t, "M");
    assert_true(term_wait_idle(t, TERM_DEADLINE_MS));
    assert_int_equal(term_mouse_mode(t), 2);
    term_type(t, "Xy");
    assert_true(term_wait_text(t, "sent to the terminal (OSC 52, 6 bytes)", TERM_DEADLINE_MS));
    assert_true(output_has(t, "\033]52;c;Y29waWVk\033\\"));
    term_type(t, "C");
    assert_true(term_wait_idle(t, TERM_DEADLINE_MS));
    int x, y;
    bool visible;
    term_cursor(t, &x, &y, &visible);
    assert_true(visible && x == 3 && y == 5);
    term_type(t, "C");
    assert_true(term_wait_idle(t, TERM_DEADLINE_MS));
    term_cursor(t, &x, &y, &visible);
    assert_false(visible);
    show_quit(t);
}

/* --- bytes --- */

static size_t bytes_of(struct term *t, const char *key)
{
    term_forget(t);
    term_type(t, key);
    assert_true(term_wait_idle(t, TERM_DEADLINE_MS));
    size_t n;
    term_output(t, &n);
    return n;
}

static void test_bytes(void **state)
{
    (void)state;
    static const char *const env[] = {"COLORTERM=truecolor", NULL};
    struct term *t = show_start_idle(&show_standard, env);
    size_t n;
    term_output(t, &n);
    print_message("first screen %zu bytes", n);
    assert_true(n < 8192);
    size_t step = bytes_of(t, "+");
    assert_in_range(step, 1, 40);
    bytes_of(t, "L");
    assert_int_equal(bytes_of(t, "M"), 0); /* the mouse is on already: nothing to say */
    size_t rainbow = bytes_of(t, "r");
    print_message(", a step %zu, a rainbow %zu\n", step, rainbow);
    /* a large frame is one synchronized update, all of it, with the question behind */
    const char *out = term_output(t, &n);
    assert_true(n > 20000);
    assert_memory_equal(out, "\033[?2026h", 8);
    bool asks = !memcmp(out + n - 4, "\033[5n", 4); /* not where the answers are slow in coming */
    n -= asks ? 4 : 0;
    assert_memory_equal(out + n - 8, "\033[?2026l", 8);
    assert_null(memmem(out + 8, n - 16, "\033[?2026", 7));
    show_quit(t);
}

/* A terminal that takes nothing for a while: the program runs on and sends what is newest when it
 * can. */
static void test_stalled_line(void **state)
{
    (void)state;
    int report[2];
    assert_int_equal(pipe(report), 0);
    struct show_how p = show_standard;
    p.report = report[1];
    struct term *t = show_start_idle(&p, NULL);
    char sent[16] = "";
    /* written past the harness, which would take output in */
    term_type(t, "f");
    ssize_t n = read(report[0], sent, sizeof sent - 1);
    assert_true(n > 0);
    print_message("200 frames drawn, %d sent to a stalled terminal\n", atoi(sent));
    assert_in_range(atoi(sent), 1, 20);
    assert_true(term_wait_text(t, "flooded", TERM_DEADLINE_MS));
    close(report[0]);
    close(report[1]);
    show_quit(t);
}

static void piped(void *arg)
{
    (void)arg;
    int fd[2];
    struct error e = {0};
    if (pipe(fd) || dup2(fd[0], STDIN_FILENO) < 0 || screen_open(&show_standard.options, &e))
        _exit(9);
    printf("%s\n", e.text);
    fflush(stdout);
}

static void test_no_terminal(void **state)
{
    (void)state;
    struct term *t = term_start(&(struct term_options){.child = piped});
    assert_int_equal(term_wait_exit(t, TERM_DEADLINE_MS), 0);
    assert_row(t, 0, "opening the screen: standard input is no terminal");
    term_free(t);
}

/* Another emulator between: tmux has its own terminal type, mouse path and repertoire. */
static void test_under_tmux(void **state)
{
    (void)state;
    if (access("/usr/bin/tmux", X_OK) != 0) {
        print_message("no tmux\n");
        skip();
    }
    char *self = realpath("/proc/self/exe", NULL),
         *socket = xasprintf("%s/tmux", getenv("GLIMT_DATA"));
    char *command = xasprintf("%s --program", self);
    const char *const argv[] = {"/usr/bin/tmux",
                                "-S",
                                socket,
                                "-u",
                                "-f",
                                "/dev/null",
                                "new-session",
                                command,
                                ";",
                                "set",
                                "-g",
                                "destroy-unattached",
                                "on",
                                NULL};
    static const char *const env[] = {"GLIMT_TEST_FD", "COLORTERM=truecolor", "SHELL=/bin/sh",
                                      NULL};
    struct term *t = term_start(&(struct term_options){.argv = argv, .env = env});
    assert_true(term_wait_text(t, "COLORTERM utf8 1 ascii 0", TERM_DEADLINE_MS));
    assert_true(
        term_wait_text(t, "-10-9-8-7-6-5-4-3-2-1+0+1+2+3+4+5+6+7+8+9+10", TERM_DEADLINE_MS));
    assert_row(t, 3, "漢é🙂å‹›│");
    assert_int_not_equal(term_cell(t, 23, 2).style.bg, COLOR_DEFAULT);
    term_key(t, "Ctrl-Left");
    assert_true(term_wait_text(t, "Ctrl-Left", TERM_DEADLINE_MS));
    term_mouse(t, MOUSE_PRESS, 1, 70, 20, 0);
    term_mouse(t, MOUSE_MOVE, 1, 71, 20, 0);
    assert_true(term_wait_text(t, "press1@70,20 move1@71,20", TERM_DEADLINE_MS));
    term_key(t, "Esc");
    assert_true(term_wait_text(t, "Esc", TERM_DEADLINE_MS));
    term_type(t, "X");
    term_paste(t, "liniér");
    assert_true(term_wait_text(t, "paste:liniér", TERM_DEADLINE_MS));
    term_resize(t, 120, 40);
    assert_true(term_wait_text(t, "120x39", TERM_DEADLINE_MS)); /* less tmux's status line */
    term_type(t, "Xy");
    assert_true(term_wait_text(t, "sent to tmux (load-buffer -w, 6 bytes)", TERM_DEADLINE_MS));
    term_type(t, "q");
    assert_int_equal(term_wait_exit(t, TERM_DEADLINE_MS), 0);
    term_free(t);
    free(self);
    free(socket);
    free(command);
}

int main(int argc, char **argv)
{
    if (argc == 2 && !strcmp(argv[1], "--program")) {
        show_run((void *)(uintptr_t)&show_standard);
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_256),
        cmocka_unit_test(test_direct),
        cmocka_unit_test(test_direct_by_answer),
        cmocka_unit_test(test_16),
        cmocka_unit_test(test_8),
        cmocka_unit_test(test_mono),
        cmocka_unit_test(test_terminal_types),
        cmocka_unit_test(test_dumb),
        cmocka_unit_test(test_mute),
        cmocka_unit_test(test_late_answers_in_pieces),
        cmocka_unit_test(test_input),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_stalled_line),
        cmocka_unit_test(test_no_terminal),
        cmocka_unit_test(test_under_tmux),
    };
    return cmocka_run_group_tests(tests, show_begin, show_end);
}

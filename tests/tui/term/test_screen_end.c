/* How the terminal is left and come back to: ends, crashes, stops, another size. */
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

static void assert_end(int number, const char *key, int status)
{
    struct termios before = fresh_modes();
    struct term *t = show_start_idle(&show_standard, NULL);
    if (key)
        term_type(t, key);
    else
        term_signal(t, number);
    assert_int_equal(term_wait_exit(t, TERM_DEADLINE_MS), status);
    assert_restored(t, &before);
    term_free(t);
}

static void test_ends(void **state)
{
    (void)state;
    assert_end(SIGTERM, NULL, 0);
    assert_end(SIGHUP, NULL, 0);
    assert_end(SIGINT, NULL, 0);
}

static void test_crashes(void **state)
{
    (void)state;
    assert_end(0, "S", -SIGSEGV);
    assert_end(0, "A", -SIGABRT);
    assert_end(SIGBUS, NULL, -SIGBUS);
    assert_end(SIGFPE, NULL, -SIGFPE);
    struct termios before = fresh_modes();
    struct term *t = show_start_idle(&show_standard, NULL);
    term_type(t, "P");
    assert_int_equal(term_wait_exit(t, TERM_DEADLINE_MS), 1);
    assert_restored(t, &before);
    assert_true(term_has(t, "at the disco")); /* on the user's screen, not the one that vanished */
    term_free(t);
}

static void test_hang_up(void **state)
{
    (void)state;
    struct term *t = show_start_idle(&show_standard, NULL);
    term_hang_up(t);
    assert_int_equal(term_wait_exit(t, TERM_DEADLINE_MS), 0);
    term_free(t);
}

static void deaf_program(void *arg)
{
    signal(SIGHUP, SIG_IGN); /* as under nohup; the loop must end by itself */
    show_run(arg);
}

static void test_hang_up_ignored(void **state)
{
    (void)state;
    struct show_how p = show_standard;
    struct term *t = term_start(&(struct term_options){.child = deaf_program, .arg = &p});
    assert_true(term_wait_idle(t, TERM_DEADLINE_MS));
    term_hang_up(t);
    assert_int_equal(term_wait_exit(t, TERM_DEADLINE_MS), 0);
    term_free(t);
}

static void test_resize(void **state)
{
    (void)state;
    struct term *t = show_start_idle(&show_standard, NULL);
    static const int size[][2] = {{200, 60}, {40, 12}, {20, 5}, {1, 1}, {100, 30}};
    for (size_t i = 0; i < sizeof size / sizeof *size; i++) {
        int w = size[i][0], h = size[i][1];
        char text[32];
        snprintf(text, sizeof text, "%dx%d", w, h);
        term_resize(t, w, h);
        if (w >= 80)
            assert_true(term_wait_text(t, text, TERM_DEADLINE_MS));
        assert_true(term_wait_idle(t, TERM_DEADLINE_MS));
        assert_string_equal(term_cell(t, w - 1, h - 1).glyph, "#");
    }
    for (int i = 0; i < 200; i++)
        term_resize(t, 30 + i % 90, 8 + i % 40);
    term_resize(t, 90, 25);
    assert_true(term_wait_text(t, "90x25", TERM_DEADLINE_MS));
    assert_true(term_wait_idle(t, TERM_DEADLINE_MS));
    assert_row(t, 3, "漢é🙂å‹›│");
    assert_string_equal(term_cell(t, 89, 24).glyph, "#");
    show_quit(t);
}

/* A shell: runs the program as a job, says when it stops, and continues it at the next line. */
static void shell(void *arg)
{
    signal(SIGTTOU, SIG_IGN);
    pid_t job = fork();
    if (job == 0) {
        setpgid(0, 0);
        tcsetpgrp(STDIN_FILENO, getpid());
        signal(SIGTTOU, SIG_DFL);
        show_run(arg);
        _exit(0);
    }
    int status;
    while (waitpid(job, &status, WUNTRACED) == job && WIFSTOPPED(status)) {
        char line[16];
        tcsetpgrp(STDIN_FILENO, getpid());
        dprintf(STDOUT_FILENO, "[1]+ Stopped by %s\n",
                WSTOPSIG(status) == SIGTSTP ? "SIGTSTP" : "another");
        if (read(STDIN_FILENO, line, sizeof line) <= 0)
            break;
        tcsetpgrp(STDIN_FILENO, job);
        kill(-job, SIGCONT);
    }
    _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 99);
}

/* The text of an earlier stop is there before the modes are. */
static bool has_modes(struct term *t, void *arg)
{
    const struct termios *modes = arg, now = term_modes(t);
    return !term_alternate(t) && now.c_lflag == modes->c_lflag && now.c_iflag == modes->c_iflag;
}

/* What the shell's next line would stand on: nothing of ours, the cursor at its beginning. */
static bool is_wiped(struct term *t, int rows)
{
    int w, h, x, y;
    bool wiped = true, visible;
    term_size(t, &w, &h);
    for (int row = 0; row < rows; row++) {
        char *text = term_row_text(t, row);
        wiped = wiped && !*text;
        free(text);
    }
    term_cursor(t, &x, &y, &visible);
    return wiped && x == 0 && y == h - 1 && visible;
}

/* Without another screen to go back to, what was drawn goes: at the end, and at death. */
static void test_no_other_screen(void **state)
{
    (void)state;
    static const char *const type[][2] = {{"TERM=vt100"}, {"TERM=linux"}};
    static const struct {
        const char *key;
        int number, status;
    } end[] = {{"q", 0, 0}, {NULL, SIGTERM, 0}, {NULL, SIGHUP, 0}, {"S", 0, -SIGSEGV}};
    for (size_t i = 0; i < sizeof type / sizeof *type; i++)
        for (size_t k = 0; k < sizeof end / sizeof *end; k++) {
            struct term *t = show_start_idle(&show_standard, type[i]);
            if (end[k].key)
                term_type(t, end[k].key);
            else
                term_signal(t, end[k].number);
            assert_int_equal(term_wait_exit(t, TERM_DEADLINE_MS), end[k].status);
            int w, h;
            term_size(t, &w, &h);
            if (!is_wiped(t, h)) {
                term_dump(t, type[i][0]);
                fail_msg("%s: end %zu left something", type[i][0], k);
            }
            term_free(t);
        }
}

static void test_suspended_without_another_screen(void **state)
{
    (void)state;
    static const char *const env[] = {"TERM=vt100", NULL};
    struct show_how p = show_standard;
    struct term *t = term_start(&(struct term_options){.child = shell, .arg = &p, .env = env});
    assert_true(term_wait_idle(t, TERM_DEADLINE_MS));
    term_type(t, "z");
    assert_true(term_wait_text(t, "[1]+ Stopped", TERM_DEADLINE_MS));
    assert_true(is_wiped(t, 22));
    assert_row(t, 22, "[1]+ Stopped by SIGTSTP");
    term_type(t, "fg\n");
    term_read_by_other(t, 3);
    assert_true(term_wait_text(t, "vt100 terminal type", TERM_DEADLINE_MS));
    assert_true(term_wait_no_text(t, "Stopped", TERM_DEADLINE_MS));
    term_type(t, "q");
    assert_int_equal(term_wait_exit(t, TERM_DEADLINE_MS), 0);
    term_free(t);
}

/* The job behind hears nothing of a window that changes; stopped by itself, and by force. */
static void test_resized_while_stopped(void **state)
{
    (void)state;
    static const int size[][2] = {{100, 30}, {40, 12}, {90, 25}};
    struct show_how p = show_standard;
    struct term *t = term_start(&(struct term_options){.child = shell, .arg = &p});
    assert_true(term_wait_idle(t, TERM_DEADLINE_MS));
    for (size_t i = 0; i < sizeof size / sizeof *size; i++) {
        int w = size[i][0], h = size[i][1];
        term_type(t, i == 1 ? "Z" : "z");
        assert_true(term_wait_text(t, i == 1 ? "Stopped by another" : "Stopped by SIGTSTP",
                                   TERM_DEADLINE_MS));
        term_resize(t, w, h);
        term_type(t, "fg\n");
        term_read_by_other(t, 3);
        assert_true(term_wait_no_text(t, "Stopped", TERM_DEADLINE_MS));
        assert_true(term_wait_text(t, "#", TERM_DEADLINE_MS));
        assert_true(term_wait_idle(t, TERM_DEADLINE_MS));
        if (strcmp(term_cell(t, w - 1, h - 1).glyph, "#") != 0) {
            term_dump(t, "of another size");
            fail_msg("the screen is not drawn for %dx%d", w, h);
        }
    }
    term_type(t, "q");
    assert_int_equal(term_wait_exit(t, TERM_DEADLINE_MS), 0);
    term_free(t);
}

static void test_suspend(void **state)
{
    (void)state;
    struct termios before = fresh_modes();
    struct show_how p = show_standard;
    struct term *t = term_start(&(struct term_options){.child = shell, .arg = &p});
    assert_true(term_wait_idle(t, TERM_DEADLINE_MS));
    for (int round = 0; round < 2; round++) {
        term_type(t, "+z");
        assert_true(term_wait_text(t, "[1]+ Stopped by SIGTSTP", TERM_DEADLINE_MS));
        assert_true(term_wait(t, has_modes, &before, TERM_DEADLINE_MS));
        assert_restored(t, &before);
        term_type(t, "fg\n");
        term_read_by_other(t, 3);
        assert_true(term_wait_text(t, "-5", TERM_DEADLINE_MS));
        assert_true(term_wait_idle(t, TERM_DEADLINE_MS));
        assert_true(term_alternate(t));
        assert_int_equal(term_mouse_mode(t), 2);
        assert_false(term_has(t, "Stopped"));
        assert_string_equal(term_cell(t, round + 1, 5).glyph, "●");
    }
    term_type(t, "q");
    assert_int_equal(term_wait_exit(t, TERM_DEADLINE_MS), 0);
    assert_restored(t, &before);
    term_free(t);
}

/* Not on a terminal: said, not hidden. */
int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_crashes),
        cmocka_unit_test(test_hang_up),
        cmocka_unit_test(test_hang_up_ignored),
        cmocka_unit_test(test_resize),
        cmocka_unit_test(test_suspend),
        cmocka_unit_test(test_no_other_screen),
        cmocka_unit_test(test_suspended_without_another_screen),
        cmocka_unit_test(test_resized_while_stopped),
    };
    return cmocka_run_group_tests(tests, show_begin, show_end);
}

/* glimt doctor on a terminal: what it asks, what it says, and that it leaves nothing behind. */
#include "tests/support/journey.h"
#include "tests/support/terminal.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define WAIT TERM_DEADLINE_MS

/* Runs doctor, then shows what is left to read on the line. */
static struct term *start(bool mute, const char *const *env)
{
    static char script[4096];
    snprintf(script, sizeof script,
             "%s doctor; IFS= read -rs -t 1 -n 100 left; printf 'left<%%q>\\n' \"$left\"",
             glimt_binary());
    static const char *argv[] = {"/bin/bash", "--norc", "-c", script, NULL};
    return term_start(
        &(struct term_options){.argv = argv, .env = env, .w = 110, .h = 50, .mute = mute});
}

static void assert_shows(struct term *t, const char *text)
{
    if (!term_wait_text(t, text, WAIT))
        fail_msg("never on the screen: %s", text);
}

static void ends(struct term *t)
{
    assert_shows(t, "left<''>");
    assert_int_equal(term_wait_exit(t, WAIT), 0);
    struct termios modes = term_modes(t);
    assert_true(modes.c_lflag & ECHO && modes.c_lflag & ICANON);
    term_free(t);
}

static void test_the_terminal_is_asked(void **state)
{
    (void)state;
    static const char *const env[] = {"COLORTERM=truecolor", "COLORFGBG=0;15", NULL};
    struct term *t = start(false, NULL);
    assert_shows(t, "Hugging Face");
    static const char *const says[] = {"answers         in ",
                                       "frames          ",
                                       "mouse  ",
                                       "colours         direct (terminal's answer)",
                                       "copying         OSC 52",
                                       "Han 2, combining accent 1",
                                       "theme terminal (not told)"};
    for (size_t i = 0; i < sizeof says / sizeof *says; i++)
        assert_shows(t, says[i]);
    assert_false(term_has(t, "in tmux.conf"));
    ends(t);
    t = start(false, env);
    assert_shows(t, "colours         direct (COLORTERM)");
    assert_shows(t, "theme light (COLORFGBG)");
    ends(t);
}

static bool was_asked(struct term *t, void *arg)
{
    size_t n;
    const char *out = term_output(t, &n);
    (void)arg;
    return memmem(out, n, "\033[c", 3) != NULL;
}

static void test_answers_decide(void **state)
{
    (void)state;
    struct term *t = start(true, NULL);
    assert_true(term_wait(t, was_asked, NULL, WAIT));
    static const char answers[] = "\033[?2026;2$y\033]11;rgb:fafa/fafa/fafa\033\\\033[?1002;2$y"
                                  "\033[?1006;0$y\033P1$r48;2;1;2;3m\033\\\033[?62c";
    term_send(t, answers, sizeof answers - 1);
    assert_shows(t, "shown whole (mode 2026)");
    assert_shows(t, "drag (1002) yes, cells beyond 223 (1006) no");
    assert_shows(t, "colours         direct (terminal's answer)");
    assert_shows(t, "#fafafa: theme light (the terminal's answer)");
    ends(t);
}

/* No answer, or half of one: that takes its bounded time, and nothing is left to be typed. */
static void test_a_terminal_that_tells_nothing(void **state)
{
    (void)state;
    struct term *t = start(true, NULL);
    assert_true(term_wait(t, was_asked, NULL, WAIT));
    static const char half[] = "\033[?2026;2$y\033]11;rgb:fafa/";
    term_send(t, half, sizeof half - 1);
    assert_shows(t, "none: taken for a terminal that tells nothing");
    assert_shows(t, "widths          not told");
    ends(t);
}

static void test_in_tmux(void **state)
{
    (void)state;
    if (access("/usr/bin/tmux", X_OK) != 0) {
        print_message("tmux is not there\n");
        skip();
    }
    static const char script[] =
        "cd \"$1\"; unset TMUX; t=\"tmux -S $1/socket -f $1/conf\"; echo 'set -g set-clipboard "
        "off' "
        ">conf; $t new-session -d -x 110 -y 50 \"'$0' doctor; $t wait-for -S done; sleep 100\"; "
        "$t wait-for done; $t capture-pane -p; $t kill-server";
    char *bin = realpath(glimt_binary(), NULL);
    struct run_result r;
    const char *const argv[] = {"bash", "--norc", "-c", script, bin, scratch_path("."), NULL};
    const char *const env[] = {"LC_ALL=C.UTF-8", "TERM=xterm-256color", NULL};
    run_program(&r, &(struct run_how){.env = env}, argv);
    assert_int_equal(r.status, 0);
    assert_non_null(strstr(r.out, "copying         tmux load-buffer -w"));
    assert_non_null(strstr(r.out, "in tmux.conf    set -g set-clipboard on"));
    assert_non_null(strstr(r.out, "answers         in "));
    run_release(&r);
    free(bin);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_terminal_is_asked),
        cmocka_unit_test(test_answers_decide),
        cmocka_unit_test(test_a_terminal_that_tells_nothing),
        cmocka_unit_test(test_in_tmux),
    };
    return cmocka_run_group_tests_name("doctor on a terminal", tests, journey_begin, journey_end);
}

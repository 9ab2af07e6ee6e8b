/* Scripts: every line is checked before the first step, and steps go through the view as a
 * terminal's would. */
#include "tests/support/explore_fixture.h"
#include "tui/script.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct script *parsed(const char *text)
{
    struct error e = {0};
    struct script *s;
    if (!script_parse("test", text, strlen(text), &s, &e))
        fail_msg("%s", e.text);
    return s;
}

/* Plays to the end; the clock goes on 10 ms whenever the script waits. Returns the time it took. */
static int64_t play(struct script *s, struct explore_fixture *f)
{
    int64_t now = 0;
    for (int i = 0; i < 100000; i++) {
        enum script_state state = script_step(s, &f->shell, !f->shell.sh.wish_changed, now);
        if (state == SCRIPT_ENDED)
            return now;
        if (state == SCRIPT_WAITS) {
            int ms = script_wait_ms(s, now);
            now += ms > 0 ? ms : 10;
            fixture_settle(f);
        }
    }
    fail_msg("the script does not end");
    return now;
}

static void test_steps(void **state)
{
    (void)state;
    struct explore_fixture f;
    fixture_init(&f, "", DEPTH_256, false, 120, 36);
    fixture_settle(&f);
    struct script *s =
        parsed("# comment\n\n  type Børn æ: #ikke en kommentar\nwait idle\r\nkey Esc c c\n"
               ":fix 77=1\nsay hej\nmark her\n");
    play(s, &f);
    assert_string_equal(f.shell.sh.editor.text.s, "Børn æ: #ikke en kommentar");
    assert_false(f.ex->typing);
    assert_int_equal(f.shell.sh.colouring, COLOUR_LOSS);
    assert_true(f.shell.sh.sliders.unit[1].fixed);
    assert_string_equal(f.shell.sh.message, "hej");
    assert_int_equal(script_step(s, &f.shell, true, 0), SCRIPT_ENDED);
    script_free(s);
    fixture_release(&f);
}

static void test_wait_waits(void **state)
{
    (void)state;
    struct explore_fixture f;
    fixture_init(&f, "x", DEPTH_256, false, 120, 36);
    struct script *s = parsed("wait idle\nkey Esc\n");
    for (int i = 0; i < 5; i++)
        assert_int_equal(script_step(s, &f.shell, false, i), SCRIPT_WAITS);
    assert_true(f.ex->typing);
    assert_int_equal(script_step(s, &f.shell, true, 6), SCRIPT_RUNS);
    script_step(s, &f.shell, true, 6);
    assert_false(f.ex->typing);
    script_free(s);
    fixture_release(&f);
}

static void test_drags_reach_their_value(void **state)
{
    (void)state;
    static const struct {
        const char *script;
        int row;
        double value;
    } cases[] = {{"drag 1482 to 2.3", 0, 2.3},
                 {"drag 2047 to -8", 5, -8},
                 {"drag all to 1.7 in 0.5", SLIDER_ALL, 1.7},
                 {"drag 77 to 11.5", 1, 11.5},
                 {"drag 11 to 0", 4, 0},
                 {"drag 904 to -0.1 in 1s", 3, -.1}};
    static const int size[][2] = {{120, 36}, {80, 24}, {60, 20}, {30, 7}};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++)
        for (size_t k = 0; k < sizeof size / sizeof *size; k++) {
            struct explore_fixture f;
            fixture_init(&f, "x", DEPTH_256, false, size[k][0], size[k][1]);
            fixture_settle(&f);
            struct script *s = parsed(cases[c].script);
            int64_t took = play(s, &f);
            bool same;
            double v = sliders_value(&f.shell.sh.sliders, cases[c].row, &same);
            if (fabs(v - cases[c].value) > .01 || !same)
                fail_msg("%s at %d×%d: %g", cases[c].script, size[k][0], size[k][1], v);
            assert_true(sliders_any_fixed(&f.shell.sh.sliders));
            if (strstr(cases[c].script, "in 1s") && size[k][0] >= 60)
                assert_in_range(took, 960, 1040); /* of the script's clock, not the wall's */
            script_free(s);
            fixture_release(&f);
        }
}

static void test_no_such_slider(void **state)
{
    (void)state;
    struct explore_fixture f;
    fixture_init(&f, "x", DEPTH_256, false, 120, 36);
    struct script *s = parsed("drag 5 to 1\nkey i\n");
    play(s, &f);
    assert_true(f.shell.sh.message_is_error || f.ex->typing); /* said, and the script goes on */
    assert_true(f.ex->typing);
    assert_false(sliders_any_fixed(&f.shell.sh.sliders));
    script_free(s);
    fixture_release(&f);
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int line;
    } cases[] = {
        {"press a", 1},          {"key", 1},          {"key Esc Qrtl", 1},    {"wait", 1},
        {"\nwait for it", 2},    {"drag 5", 1},       {"drag x to 2", 1},     {"drag 5 to two", 1},
        {"drag 5 to 2 in x", 1}, {"drag -5 to 2", 1}, {"# a\n#b\nkeys a", 3}, {"drag 5 to nan", 1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error e = {0};
        struct script *s;
        char line[20];
        assert_false(script_parse("test", cases[i].text, strlen(cases[i].text), &s, &e));
        snprintf(line, sizeof line, "line %d:", cases[i].line);
        if (!strstr(e.text, line))
            fail_msg("%s: %s", cases[i].text, e.text);
    }
    struct error e = {0};
    struct script *s;
    assert_false(script_open("/nowhere", &s, &e));
    assert_int_equal(e.kind, ERROR_INPUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_steps),
        cmocka_unit_test(test_wait_waits),
        cmocka_unit_test(test_drags_reach_their_value),
        cmocka_unit_test(test_no_such_slider),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The predictions, wherever the cursor has come to and by whatever way: of the token looked at, or
 * what is missing; never an ellipsis that stays. */
#include "tests/support/explore_fixture.h"
#include "tui/view/explore/explore_private.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct explore_fixture f;

static void begin(const char *text)
{
    fixture_init(&f, text, DEPTH_256, false, 120, 36);
    fixture_settle(&f);
}

static int end(void **state)
{
    (void)state;
    fixture_release(&f);
    return 0;
}

/* One wish brings the predictions of the token that is looked at. */
static void assert_predicts(const char *label)
{
    char title[80];
    fixture_settle(&f);
    struct here h = shared_here(&f.shell.sh, f.shell.sh.snapshot);
    assert_true(h.valid && !h.stale);
    assert_int_equal(f.shell.sh.snapshot->next_token, h.token);
    fixture_pane(&f, PANE_NEXT, "%", true);
    fixture_pane(&f, PANE_NEXT, "…", false);
    fixture_pane(&f, PANE_LATENTS, "…", false);
    snprintf(title, sizeof title, "Next token after %s ", label);
    if (!fixture_find(&f, title, NULL, NULL))
        fail_msg("not on the screen: %s", title);
}

static void assert_lacks(const char *why)
{
    fixture_settle(&f);
    fixture_pane(&f, PANE_NEXT, why, true);
    fixture_pane(&f, PANE_NEXT, "%", false);
    fixture_pane(&f, PANE_NEXT, "…", false);
    fixture_pane(&f, PANE_LATENTS, why, true);
    fixture_pane(&f, PANE_LATENTS, "…", false);
}

static void test_another_text(void **state)
{
    (void)state;
    begin("one two\nthree four");
    shared_replace_text(&f.shell.sh, "en to\ntre fire\n", 15); /* as :open does */
    assert_predicts("en");
    shell_command(&f.shell, "twin 1");
    assert_predicts("En");
    fixture_keys(&f, "Esc u");
    fixture_settle(&f);
    fixture_pane(&f, PANE_NEXT, "…", false);
    fixture_keys(&f, "u");
    assert_predicts("·four");
    fixture_keys(&f, "Ctrl-R");
    fixture_settle(&f);
    shared_show_text(&f.shell.sh, "alpha beta gamma", 16, 6);
    assert_predicts("·beta");
}

static void test_where_the_cursor_stands(void **state)
{
    (void)state;
    begin("one two\nthree four");
    assert_predicts("·four");
    fixture_keys(&f, "Ctrl-A");
    assert_predicts("three");
    fixture_keys(&f, "Ctrl-Home");
    assert_predicts("one");
    fixture_keys(&f, "Right Right Right"); /* on the blank */
    assert_predicts("·two");
    fixture_type(&f, "s"); /* in the middle of a line */
    assert_predicts("·two");
    fixture_keys(&f, "End");
    assert_predicts("·two");
}

static void test_nothing_to_follow(void **state)
{
    (void)state;
    begin("");
    assert_lacks("no token yet");
    fixture_type(&f, "a");
    assert_predicts("a");
    fixture_keys(&f, "Enter"); /* the text ends in a newline */
    assert_lacks("no token in this line yet");
    fixture_keys(&f, "Enter Up"); /* an empty line between */
    fixture_type(&f, "");
    assert_lacks("no token in this line yet");
    shell_command(&f.shell, "clear");
    assert_lacks("no token yet");
    fixture_keys(&f, "Esc u");
    fixture_keys(&f, "Ctrl-Home");
    fixture_settle(&f);
    shell_command(&f.shell, "insert sae");
    fixture_settle(&f);
    fixture_pane(&f, PANE_NEXT, "…", false);
}

/* As one sequence an empty line is a part of it like any other. */
static void test_all_one_sequence(void **state)
{
    (void)state;
    begin("one two\n");
    shell_command(&f.shell, "context join");
    fixture_settle(&f);
    struct here h = shared_here(&f.shell.sh, f.shell.sh.snapshot);
    assert_true(h.valid);
    assert_int_equal(f.shell.sh.snapshot->next_token, h.token);
    fixture_pane(&f, PANE_NEXT, "%", true);
}

/* The worker gave up: the status line has the reason, the panes don't pretend. */
static void test_an_error_is_no_ellipsis(void **state)
{
    (void)state;
    begin("");
    fixture_type(&f, "a");
    f.shell.sh.snapshot->next.valid = false; /* nothing came after it */
    f.shell.sh.status.idle = true;
    error_set(&f.shell.sh.status.error, ERROR_SYSTEM, "the device is lost");
    fixture_pane(&f, PANE_NEXT, "not computed", true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_another_text, end),
        cmocka_unit_test_teardown(test_where_the_cursor_stands, end),
        cmocka_unit_test_teardown(test_nothing_to_follow, end),
        cmocka_unit_test_teardown(test_all_one_sequence, end),
        cmocka_unit_test_teardown(test_an_error_is_no_ellipsis, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

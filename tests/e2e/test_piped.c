/* Text that is piped in: opened in the explorer where there is a terminal for screen and keys, else
 * analysed. */
#include "engine/base/memory.h"
#include "tests/support/explorer.h"
#include "tests/support/journey.h"
#include "tests/support/run.h"
#include "tests/support/testdata.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
/* cmocka.h wants some of the headers above it. */
#include <cmocka.h>

/* A line for sh in which $G is glimt with the tiny bundle. */
static struct term *start_line(const char *line)
{
    char *whole =
        xasprintf("G='%s --bundle %s --theme dark --threads 1'; %s", glimt_binary(), bundle, line);
    const char *argv[] = {"/bin/sh", "-c", whole, NULL};
    struct term *t = term_start(&(struct term_options){.argv = argv, .w = 120, .h = 36});
    free(whole);
    return t;
}

static void test_in_the_explorer(void **state)
{
    (void)state;
    char *file = testdata_write(folder, "text.txt", "Blåbær på øen", strlen("Blåbær på øen"));
    char *lines[] = {xasprintf("printf 'Blåbær på øen' | $G"), xasprintf("$G <%s", file),
                     xasprintf("cat %s | $G", file)};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct term *t = start_line(lines[i]);
        assert_shows(t, "Blåbær på øen");
        assert_true(term_alternate(t));
        settle(t);
        term_type(t, "ja, "); /* the keys are the terminal's */
        assert_shows(t, "ja, Blåbær på øen");
        escape(t);
        term_type(t, "uu");
        settle(t);
        assert_false(term_has(t, "Blåbær på øen")); /* as it was before */
        quit(t);
        free(lines[i]);
    }
    free(file);
}

static void test_without_a_screen(void **state)
{
    (void)state;
    static const char text[] = "Blåbær på øen\nog én linje til";
    const struct run_how how = {.in = text, .n_in = sizeof text - 1};
    struct run_result piped, analysed;
    run_glimt(&piped, &how, "--bundle", bundle, (char *)NULL);
    run_glimt(&analysed, &how, "analyze", "-", "--bundle", bundle, (char *)NULL);
    assert_int_equal(piped.status, 0);
    assert_string_equal(piped.out, analysed.out);
    run_release(&piped);
    run_release(&analysed);
    run_glimt(&piped, &how, "--bundle", bundle, "--json", (char *)NULL);
    run_glimt(&analysed, &how, "analyze", "--bundle", bundle, "--json", (char *)NULL);
    assert_string_equal(piped.out, analysed.out);
    run_release(&piped);
    run_release(&analysed);
}

static void test_to_a_pipe(void **state)
{
    (void)state;
    struct term *t = start_line("printf 'Hej' | $G | cat");
    assert_int_equal(term_wait_exit(t, WAIT), 0);
    assert_false(term_alternate(t));
    assert_true(term_has(t, "FVU"));
    assert_false(term_has(t, "nu")); /* a word of the example */
    term_free(t);
}

/* Nothing is piped: the example of the demo, also where a terminal would be there; of another model
 * a line that says so. */
static void test_nothing(void **state)
{
    (void)state;
    static const char *const lines[] = {"$G </dev/null", "$G <&-", ": | $G"};
    struct run_result r;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct term *t = start_line(lines[i]);
        assert_int_equal(term_wait_exit(t, WAIT), 2);
        assert_true(term_has(t, "glimt: found no text, expected it on standard input"));
        term_free(t);
    }
    char *model = xasprintf("%s/model", folder);
    run_glimt(&r, NULL, "--model", model, (char *)NULL);
    expect_error(&r, 2, "found no text, expected it on standard input (glimt < FILE)");
    run_release(&r);
    free(model);
    need_demo();
    run_glimt(&r, NULL, "--threads", "1", (char *)NULL);
    assert_int_equal(r.status, 0);
    assert_non_null(strstr(r.out, "FVU"));
    run_release(&r);
}

static void test_no_controlling_terminal(void **state)
{
    (void)state;
    struct term *t = start_line("printf 'Hej' | setsid -w $G");
    assert_int_equal(term_wait_exit(t, WAIT), 0);
    assert_false(term_alternate(t));
    assert_true(term_has(t, "FVU"));
    term_free(t);
}

static void test_unreadable(void **state)
{
    (void)state;
    struct term *t = start_line("$G </");
    assert_int_equal(term_wait_exit(t, WAIT), 1);
    assert_true(term_has(t, "reading standard input"));
    term_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in_the_explorer), cmocka_unit_test(test_without_a_screen),
        cmocka_unit_test(test_to_a_pipe),       cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_unreadable),      cmocka_unit_test(test_no_controlling_terminal),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

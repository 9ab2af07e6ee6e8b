/* What panes of the real program show where there is nothing to be had yet, and which corpus their
 * numbers are of: a tiny random model and its bundle, which has no statistics. */
#include "engine/base/memory.h"
#include "tests/support/explorer.h"
#include "tests/support/testdata.h"
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
/* cmocka.h wants some of the headers above it. */
#include <cmocka.h>

static char *text_file, *corpus;

static int write_files(void **state)
{
    static const char text[] = "Hun gik hjem.\nHe went home.\n",
                      lines[] = "Vi ses i morgen.\tda\nSee you tomorrow.\ten\n";
    set_up(state);
    text_file = testdata_write(folder, "text.txt", text, sizeof text - 1);
    corpus = testdata_write(folder, "news.tsv", lines, sizeof lines - 1);
    return 0;
}

static int free_files(void **state)
{
    free(text_file);
    free(corpus);
    return tear_down(state);
}

static void command(struct term *t, const char *name, const char *arg)
{
    char *line = xasprintf(":%s%s%s", name, *arg ? " " : "", arg);
    term_type(t, line);
    term_key(t, "Enter");
    assert_true(term_wait_idle(t, WAIT));
    free(line);
}

/* The row below a pane's heading has a prediction with its probability. */
static bool predicts(struct term *t, void *title)
{
    int x, y;
    if (!term_find(t, title, &x, &y))
        return false;
    char *row = term_row_text(t, y + 2);
    bool yes = strchr(row, '%') != NULL;
    free(row);
    return yes;
}

static void assert_predicts(struct term *t, const char *title)
{
    char *wanted = xstrdup(title);
    if (!term_wait(t, predicts, wanted, WAIT))
        fail_msg("no predictions: %s", title);
    free(wanted);
}

static void test_predictions_are_there_or_say_why(void **state)
{
    (void)state;
    struct term *t = start(&(struct how){0});
    escape(t);
    command(t, "open", text_file);
    assert_predicts(t, "Next token after");
    command(t, "twin", "1");
    assert_predicts(t, "Next token after");
    command(t, "clear", "");
    assert_shows(t, "no token yet");
    term_type(t, "u");
    assert_predicts(t, "Next token after");
    command(t, "context", "join");
    assert_predicts(t, "Next token after");
    command(t, "context", "line");
    command(t, "open", text_file);
    term_type(t, "i");
    term_key(t, "Ctrl-End"); /* behind the last newline */
    assert_shows(t, "no token in this line yet");
    term_type(t, "x");
    assert_predicts(t, "Next token after x");
    term_free(t);
}

static void test_numbers_say_what_they_are_of(void **state)
{
    (void)state;
    struct term *t = start(&(struct how){.state = "{\"glimt_state\":1,\"text\":\"en bog\"}"});
    escape(t);
    assert_shows(t, "shares of references");
    assert_shows(t, "· references");
    command(t, "corpus", corpus);
    assert_shows(t, "shares of news.tsv");
    assert_shows(t, "· news.tsv");
    term_type(t, "H");
    assert_shows(t, "news.tsv: harvested already");
    term_type(t, "2");
    assert_shows(t, "Latents of news.tsv");
    command(t, "corpus", "references");
    assert_shows(t, "Latents of references");
    assert_true(term_wait_no_text(t, "news.tsv", WAIT));
    term_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_predictions_are_there_or_say_why),
        cmocka_unit_test(test_numbers_say_what_they_are_of),
    };
    return cmocka_run_group_tests(tests, write_files, free_files);
}

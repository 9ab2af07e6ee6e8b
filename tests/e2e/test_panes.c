/* What panes of the real program show where there is nothing to be had yet, and which corpus their
 * numbers are of: a tiny random model and its bundle, which has no statistics. */
#include "engine/base/memory.h"
#include "engine/base/strbuf.h"
#include "tests/support/explorer.h"
#include "tests/support/testdata.h"
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
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

/* A corpus of so many classes, two lines each; the caller frees the path. */
static char *corpus_of(int classes)
{
    static const char *const line[] = {"Hun gik hjem", "He went home"};
    struct strbuf all;
    char name[24];
    strbuf_init(&all);
    for (int i = 0; i < 2 * classes; i++)
        strbuf_addf(&all, "%s\tlang%02d\n", line[(i + i / 2) % 2], i / 2);
    snprintf(name, sizeof name, "many%d.tsv", classes);
    char *path = testdata_write(folder, name, all.s, all.len);
    strbuf_release(&all);
    return path;
}

/* Every class is named, or counted with those that have no room. */
static void test_many_classes(void **state)
{
    (void)state;
    static const int classes[] = {5, 12, 32};
    for (int i = 0; i < 3; i++) {
        char *path = corpus_of(classes[i]), *counted = xasprintf("of %d classes", classes[i]);
        struct term *t = start(&(struct how){.w = 80, .h = 24});
        escape(t);
        command(t, "corpus", path);
        term_type(t, "3");
        assert_shows(t, "lang00");
        if (classes[i] > 5)
            assert_shows(t, "+"); /* behind the legend's last */
        term_type(t, "4");
        assert_shows(t, "free lang00"); /* nothing fixed */
        assert_shows(t, counted);
        settle(t);
        term_resize(t, 120, 32);
        assert_shows(t, "nothing fixed  lang00");
        if (classes[i] == 12)
            assert_shows(t, "lang11");
        term_type(t, "2");
        assert_shows(t, "against the others");
        term_type(t, "1");
        assert_shows(t, "Histogram");
        settle(t);
        quit(t);
        free(path);
        free(counted);
    }
}

/* The demo's sentences are no other model's: nothing is compared with them. */
static void test_no_bundle_no_references(void **state)
{
    (void)state;
    static const int width[] = {120, 80};
    char *model = xasprintf("%s/model", folder);
    int x, y;
    for (int i = 0; i < 2; i++) {
        struct term *t = start(&(struct how){.model = model, .w = width[i], .h = i ? 24 : 36});
        assert_shows(t, "this text");
        if (i == 0)
            assert_shows(t, "no reference sentences:");
        escape(t);
        command(t, "twin", "1");
        assert_shows(t, "there are no reference sentences");
        command(t, "open", text_file);
        assert_false(term_find(t, "Danish", &x, &y) || term_find(t, "English", &x, &y));
        assert_false(term_find(t, "mean of means", &x, &y));
        quit(t);
    }
    free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_predictions_are_there_or_say_why),
        cmocka_unit_test(test_numbers_say_what_they_are_of),
        cmocka_unit_test(test_many_classes),
        cmocka_unit_test(test_no_bundle_no_references),
    };
    return cmocka_run_group_tests(tests, write_files, free_files);
}

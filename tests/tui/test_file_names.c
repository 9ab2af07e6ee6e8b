/* Names of files as people type them, and the lines they typed before. */
#include "engine/base/memory.h"
#include "tests/support/testdata.h"
#include "tui/file_names.h"
#include "tui/widget/recall.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char *in_folder(const char *name)
{
    static char path[4][4096];
    static int at;
    at = (at + 1) % 4;
    snprintf(path[at], sizeof path[at], "%s/%s", test_folder, name);
    return path[at];
}

static void make(const char *name)
{
    FILE *f = fopen(in_folder(name), "w");
    assert_non_null(f);
    fclose(f);
}

/* What is found, without the test_folder, between blanks; '|' behind the fitting ones. */
static char *found(const char *typed, const char *endings)
{
    static char out[1000];
    struct file_names f = {0};
    size_t n = 0;
    file_names_find(&f, in_folder(typed), endings, NULL);
    for (size_t i = 0; i <= f.n; i++) {
        n += (size_t)snprintf(out + n, sizeof out - n, "%s", i == f.n_fitting ? "|" : "");
        if (i < f.n)
            n += (size_t)snprintf(out + n, sizeof out - n, "<%s>",
                                  f.name[i] + strlen(test_folder) + 1);
    }
    file_names_release(&f);
    return out;
}

static void test_names(void **state)
{
    (void)state;
    static const char *const files[] = {"blå bær.tsv", "blåt.csv",     "æøå.svg", ".gemt",
                                        "bad\xff.svg", "ctrl\x01.svg", "b.svg"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        make(files[i]);
    assert_int_equal(mkdir(in_folder("bog"), 0700), 0);
    assert_int_equal(symlink("bog", in_folder("blink")), 0);
    assert_string_equal(found("", ".svg"),
                        "<b.svg><blink/><bog/><æøå.svg>|<blå bær.tsv><blåt.csv>");
    assert_string_equal(found("bl", ""), "<blink/><blå bær.tsv><blåt.csv>|");
    assert_string_equal(found(".g", ".svg"), "|<.gemt>");
    assert_string_equal(found("bog/", ""), "|");
    assert_string_equal(found("ingen/x", ""), "|");
    assert_string_equal(found("bad", ""), "|"); /* can't be typed */
}

static void test_what_they_share(void **state)
{
    (void)state;
    char *name[] = {"blå", "blæ", "blø"};
    struct file_names f = {.name = name, .n = 3};
    assert_int_equal(file_names_common(&f, 3), 2); /* not half an å */
    assert_int_equal(file_names_common(&f, 1), strlen("blå"));
    assert_int_equal(file_names_common(&f, 0), 0);
}

static void test_words_beside_files(void **state)
{
    (void)state;
    static const char *const words[] = {"references", "other", NULL};
    struct file_names f = {0};
    file_names_find(&f, "ref", ".tsv", words);
    assert_true(f.n >= 1 && f.n_fitting >= 1);
    assert_string_equal(f.name[0], "references");
    file_names_release(&f);
}

static void test_homes(void **state)
{
    (void)state;
    struct error e = {0};
    setenv("HOME", test_folder, 1);
    char *path = path_expanded("~/x y", &e);
    assert_string_equal(path, in_folder("x y"));
    free(path);
    path = path_expanded("~", &e);
    assert_string_equal(path, test_folder);
    free(path);
    path = path_expanded("a~b/~", &e);
    assert_string_equal(path, "a~b/~");
    free(path);
    path = path_expanded("~root/x", &e);
    assert_non_null(strstr(path, "root/x"));
    assert_int_equal(path[0], '/');
    free(path);
    assert_false(error_is_set(&e));
    assert_null(path_expanded("~no-such-user/x", &e));
    assert_non_null(strstr(e.text, "found no user no-such-user"));
    struct file_names f = {0};
    make("hjem.txt");
    file_names_find(&f, "~/hj", "", NULL);
    assert_int_equal(f.n, 1);
    assert_string_equal(f.name[0], "~/hjem.txt");
    file_names_find(&f, "~", "", NULL);
    assert_int_equal(f.n, 1);
    assert_string_equal(f.name[0], "~/");
    file_names_release(&f);
    unsetenv("HOME");
    e = (struct error){0};
    assert_null(path_expanded("~/x", &e));
    assert_non_null(strstr(e.text, "HOME"));
}

static void test_recall(void **state)
{
    (void)state;
    struct recall r = {0};
    struct prompt p;
    prompt_set(&p, "");
    recall_step(&r, &p, -1); /* nothing yet */
    assert_string_equal(p.s, "");
    recall_add(&r, "write a.csv");
    recall_add(&r, "zoom");
    recall_add(&r, "write b.csv");
    recall_add(&r, "zoom");
    assert_int_equal(r.n, 3);
    recall_step(&r, &p, -1);
    assert_string_equal(p.s, "zoom");
    recall_step(&r, &p, -1);
    assert_string_equal(p.s, "write b.csv");
    recall_step(&r, &p, -1);
    recall_step(&r, &p, -1); /* no further */
    assert_string_equal(p.s, "write a.csv");
    recall_step(&r, &p, 1);
    recall_step(&r, &p, 1);
    recall_step(&r, &p, 1);
    assert_string_equal(p.s, "");
    r.walking = false;
    prompt_set(&p, "write ");
    recall_step(&r, &p, -1);
    recall_step(&r, &p, -1);
    assert_string_equal(p.s, "write a.csv");
    recall_release(&r);
}

static void test_recall_over_sessions(void **state)
{
    (void)state;
    struct recall a = {0}, b = {0}, c = {0};
    struct error e = {0};
    const char *path = in_folder("commands");
    char line[40];
    recall_load(&a, path);
    assert_int_equal(a.n, 0);
    recall_add(&a, "open blå bær.txt");
    recall_add(&b, "zoom");
    assert_true(recall_keep(&a, path, &e) && recall_keep(&b, path, &e));
    assert_true(recall_keep(&a, path, &e)); /* nothing new: not twice */
    recall_load(&c, path);
    assert_int_equal(c.n, 2);
    assert_string_equal(c.line[0], "open blå bær.txt");
    for (int i = 0; i < 1500; i++) {
        snprintf(line, sizeof line, "free %d", i);
        recall_add(&c, line);
        assert_true(recall_keep(&c, path, &e));
    }
    assert_int_equal(c.n, RECALL_KEPT);
    FILE *f = fopen(path, "a");
    fputs("\xff\xfe no text\n\n", f);
    fclose(f);
    recall_release(&b);
    recall_load(&b, path); /* writes it anew */
    assert_int_equal(b.n, RECALL_KEPT);
    assert_string_equal(b.line[b.n - 1], "free 1499");
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_true(st.st_size < 200 * 12);
    recall_release(&a);
    recall_release(&b);
    recall_release(&c);
    assert_false(error_is_set(&e));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_what_they_share),
        cmocka_unit_test(test_words_beside_files),
        cmocka_unit_test(test_homes),
        cmocka_unit_test(test_recall),
        cmocka_unit_test(test_recall_over_sessions),
    };
    return cmocka_run_group_tests(tests, test_folder_make, test_folder_drop);
}

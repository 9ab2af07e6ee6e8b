/* Files named in the explorer's palette: completed, expanded, never replaced unasked. */
#include "engine/base/memory.h"
#include "tests/support/explorer.h"
#include "tests/support/testdata.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
/* cmocka.h wants some of the headers above it. */
#include <cmocka.h>

/* The session is kept: HOME is `home`, or a fresh folder. */
static struct term *start_in(const char *home, int w, int h)
{
    struct term *t = start(&(struct how){.home = home, .w = w, .h = h});
    escape(t);
    return t;
}

static void command(struct term *t, const char *line)
{
    term_type(t, line);
    term_key(t, "Enter");
    assert_true(term_wait_idle(t, WAIT));
}

static const char *at_home(struct term *t, const char *name)
{
    static char path[4][4096];
    static int at;
    at = (at + 1) % 4;
    snprintf(path[at], sizeof path[at], "%s/%s", term_home(t), name);
    return path[at];
}

static void put(const char *path, const char *text, size_t n)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fwrite(text, 1, n, f);
    fclose(f);
}

static void assert_holds(const char *path, const char *text, bool whole)
{
    char got[400] = "";
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    size_t n = fread(got, 1, sizeof got - 1, f);
    fclose(f);
    if (whole ? strcmp(got, text) != 0 : strncmp(got, text, strlen(text)) != 0)
        fail_msg("%s holds %zu bytes: %s", path, n, got);
}

static void test_nothing_is_replaced_unasked(void **state)
{
    (void)state;
    static const int widths[] = {120, 40};
    for (size_t i = 0; i < 2; i++) {
        struct term *t = start_in(NULL, widths[i], 24);
        const char *shot = at_home(t, "billede æøå.txt"), *table = at_home(t, "tal.csv");
        put(shot, "mine", 4);
        put(table, "mine", 4);
        command(t, ":shot ~/billede æøå.txt");
        assert_shows(t, "overwrite? y/n");
        term_type(t, "n");
        assert_shows(t, "is left as it is");
        assert_holds(shot, "mine", true);
        command(t, ":write ~/tal.csv");
        assert_shows(t, "overwrite? y/n");
        term_type(t, "x"); /* anything but yes */
        assert_true(term_wait_no_text(t, "y/n", WAIT));
        assert_holds(table, "mine", true);
        command(t, ":write ~/tal.csv");
        assert_shows(t, "overwrite? y/n");
        term_type(t, "y");
        assert_shows(t, "wrote ");
        assert_true(term_wait_idle(t, WAIT));
        assert_holds(table, "index,", false);
        put(table, "mine", 4);
        command(t, ":write! ~/tal.csv");
        assert_shows(t, "wrote ");
        assert_holds(table, "index,", false);
        command(t, ":shot ~/ny.txt"); /* nothing in the way: not asked */
        assert_shows(t, "wrote ");
        assert_holds(at_home(t, "ny.txt"), "", false);
        command(t, ":write ~nobody-of-this-name/x.csv");
        assert_shows(t, "user nobody-of-this-name");
        quit(t);
    }
}

static void test_tab_completes(void **state)
{
    (void)state;
    struct term *t = start_in(NULL, 40, 24);
    const char *text = "Rødgrød med fløde";
    mkdir(at_home(t, "mappe å"), 0700);
    put(at_home(t, "mappe å/tekst é.txt"), text, strlen(text));
    put(at_home(t, "mappe å/tekst é 2.txt"), "to", 2);
    put(at_home(t, "m\xff"), "", 0); /* no UTF-8 */
    term_type(t, ":open ~/m");
    term_key(t, "Tab"); /* the folder */
    assert_shows(t, "~/mappe å/");
    term_key(t, "Tab"); /* what both begin with, and both in a list */
    assert_shows(t, ":open ~/mappe å/tekst é");
    assert_shows(t, "tekst é 2.txt");
    term_key(t, "Tab");
    assert_shows(t, ":open ~/mappe å/tekst é 2.txt");
    term_key(t, "Tab");
    assert_shows(t, ":open ~/mappe å/tekst é.txt");
    term_key(t, "Enter");
    assert_shows(t, text);
    command(t, ":corpus ~/mappe å/nix.tsv");
    assert_shows(t, "No such file");
    command(t, ":open ~/mappe å");
    assert_shows(t, "a folder, expected a file");
    quit(t);
}

static void test_open_asks(void **state)
{
    (void)state;
    struct term *t = start_in(NULL, 120, 24);
    const char *big = at_home(t, "stor.txt"), *pipe = at_home(t, "fifo");
    put(at_home(t, "bin.dat"), "MZ\0\1binært", 10);
    put(big, "stort", 5);
    FILE *f = fopen(big, "w");
    char line[1001];
    memset(line, 'x', 999);
    line[999] = '\n';
    for (int i = 0; i < 10001; i++)
        fwrite(line, 1, 1000, f);
    fclose(f);
    assert_int_equal(mkfifo(pipe, 0600), 0);
    command(t, ":open ~/bin.dat");
    assert_shows(t, "is no text: open it? y/n");
    term_type(t, "n");
    assert_shows(t, "is not opened");
    assert_false(term_has(t, "MZ"));
    command(t, ":open ~/stor.txt");
    assert_shows(t, "more than 10 MB");
    term_type(t, "n");
    assert_shows(t, "is not opened");
    command(t, ":open ~/fifo");
    assert_shows(t, "found a device or pipe"); /* and does not wait for a writer */
    command(t, ":open! ~/bin.dat");
    assert_shows(t, "MZ");
    quit(t);
}

static void test_lines_come_again(void **state)
{
    (void)state;
    char *home = xasprintf("%s/home", folder);
    mkdir(home, 0700);
    struct term *t = start_in(home, 100, 24);
    command(t, ":colour loss");
    command(t, ":rail on");
    quit(t);
    t = start_in(home, 100, 24); /* another session */
    term_type(t, ":");
    term_key(t, "Up");
    assert_shows(t, ":rail on");
    term_key(t, "Up");
    assert_shows(t, ":colour loss");
    term_key(t, "Down");
    assert_shows(t, ":rail on");
    term_key(t, "Esc");
    assert_true(term_wait_idle(t, WAIT));
    term_type(t, ":colour ");
    term_key(t, "Up");
    assert_shows(t, ":colour loss");
    escape(t);
    quit(t);
    free(home);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_is_replaced_unasked),
        cmocka_unit_test(test_tab_completes),
        cmocka_unit_test(test_open_asks),
        cmocka_unit_test(test_lines_come_again),
    };
    return cmocka_run_group_tests_name("files of the palette", tests, set_up, tear_down);
}

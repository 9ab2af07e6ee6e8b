/* What was done is there again: after a kill, beside another glimt, on a full disk, from damaged
 * files. */
#include "engine/base/memory.h"
#include "engine/base/strbuf.h"
#include "tests/support/explorer.h"
#include "tests/support/run.h"
#include "tests/support/testdata.h"
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
/* cmocka.h wants some of the headers above it. */
#include <cmocka.h>

/* ---- helpers */
static void command(struct term *t, const char *line)
{
    escape(t);
    term_type(t, ":");
    term_type(t, line);
    term_key(t, "Enter");
    settle(t);
}

static void retype(struct term *t, const char *text)
{
    command(t, "clear");
    term_type(t, "i");
    term_type(t, text);
    assert_shows(t, text);
    settle(t);
}

static void kill_now(struct term *t)
{
    term_signal(t, SIGKILL);
    assert_int_equal(term_wait_exit(t, WAIT), -SIGKILL);
    term_free(t);
}

static char *file_in(const struct how *how, const char *name)
{
    return xasprintf("%s/state/glimt/%s", how->home, name);
}

static char *read_whole(const char *path)
{
    static char content[1 << 20];
    FILE *f = fopen(path, "r");
    if (!f)
        fail_msg("%s can't be read", path);
    content[fread(content, 1, sizeof content - 1, f)] = 0;
    fclose(f);
    return content;
}

static void write_whole(const char *path, const char *text, size_t n)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, n, f), n);
    fclose(f);
}

/* The row of all sliders has this value. */
static bool all_at(struct term *t, const char *value)
{
    int x, y;
    assert_true(term_find(t, "all 3   ", &x, &y));
    char *row = term_row_text(t, y);
    bool has = strstr(strstr(row, "all 3   "), value) != NULL;
    free(row);
    return has;
}

/* ---- kills */
static void test_a_kill_loses_nothing_drawn(void **state)
{
    (void)state;
    struct how how = {.home = testdata_folder()};
    struct term *t = start(&how);
    term_type(t, "Rådet skal nu");
    settle(t);
    retype(t, "gemt æble");
    escape(t);
    term_type(t, "=1.5");
    term_key(t, "Enter");
    settle(t);
    kill_now(t);
    for (int round = 0; round < 2; round++) { /* also what came on top of a restored journal */
        t = start(&how);
        assert_true(term_has(t, round ? "gemt æble og pære" : "gemt æble"));
        assert_true(all_at(t, "1.5"));
        if (round == 0) {
            term_type(t, " og pære");
            assert_shows(t, "gemt æble og pære");
            settle(t);
            kill_now(t);
        }
    }
    escape(t);
    term_type(t, "uuuu"); /* pære, og, a blank, the slider */
    settle(t);
    assert_true(term_has(t, "gemt æble"));
    assert_false(all_at(t, "1.5"));
    term_type(t, "uuu"); /* æble, gemt, the clearing */
    assert_shows(t, "Rådet skal nu");
    for (int i = 0; i < 7; i++)
        term_key(t, "Ctrl-R");
    assert_shows(t, "gemt æble og pære");
    settle(t);
    quit(t);
    testdata_remove((char *)how.home);
}

/* What stands in the pane of the sliders on a row. */
static void slider_cells(struct term *t, int y, char out[512])
{
    int x, top;
    assert_true(term_find(t, "Fixed values", &x, &top));
    for (int i = x; i < x + 35; i++)
        strcat(out, term_cell(t, i, y).glyph);
}

/* A slider held by the mouse is drawn: it is kept too. */
static void test_killed_while_dragging(void **state)
{
    (void)state;
    struct how how = {.home = testdata_folder()};
    struct term *t = start(&how);
    int x, y;
    assert_true(term_find(t, "all 3   ", &x, &y));
    while (strcmp(term_cell(t, x, y).glyph, "─") != 0)
        x++;
    term_mouse(t, MOUSE_PRESS, 1, x + 1, y, 0);
    settle(t);
    for (int i = 2; i < 5; i++)
        term_mouse(t, MOUSE_MOVE, 1, x + i, y, 0);
    settle(t);
    assert_shows(t, "dragging");
    char before[512] = "", after[512] = "";
    slider_cells(t, y + 1, before);
    assert_non_null(strstr(before, "−")); /* a value, to the left of 0 */
    kill_now(t);
    t = start(&how);
    slider_cells(t, y + 1, after);
    assert_string_equal(after, before);
    quit(t);
    testdata_remove((char *)how.home);
}

static void test_undo_of_an_opened_file(void **state)
{
    (void)state;
    struct how how = {.home = testdata_folder()};
    char *file = testdata_write(folder, "other.txt", "en anden tekst", 14),
         *line = xasprintf("open %s", file);
    struct term *t = start(&how);
    retype(t, "min egen tekst");
    command(t, line);
    assert_shows(t, "anden tekst");
    quit(t);
    t = start(&how);
    assert_true(term_has(t, "anden tekst"));
    escape(t);
    term_type(t, "u");
    assert_shows(t, "min egen tekst");
    settle(t);
    quit(t);
    t = start(&how); /* taken back, and can still be done again */
    assert_true(term_has(t, "min egen tekst"));
    escape(t);
    term_key(t, "Ctrl-R");
    assert_shows(t, "anden tekst");
    settle(t);
    quit(t);
    free(line);
    free(file);
    testdata_remove((char *)how.home);
}

/* ---- several at a time */
static void test_each_has_its_own(void **state)
{
    (void)state;
    struct how how = {.home = testdata_folder()};
    struct term *a = start(&how);
    retype(a, "den første");
    struct term *b = start(&how);
    assert_true(term_has(b, "session-2"));
    assert_false(term_has(b, "første"));
    term_type(b, "den anden");
    assert_shows(b, "den anden");
    settle(b);
    command(b, "sessions");
    assert_shows(b, "session-2 (here)");
    assert_true(term_has(b, "session (in use)"));
    escape(b);
    quit(b);
    term_type(a, "!");
    settle(a);
    quit(a);
    a = start(&how); /* used last */
    assert_true(term_has(a, "den første!"));
    b = start(&how);
    assert_true(term_has(b, "den anden"));
    quit(a);
    quit(b);
    a = start(&how);
    assert_true(term_has(a, "den anden"));
    quit(a);
    testdata_remove((char *)how.home);
}

static void test_by_name(void **state)
{
    (void)state;
    static const char *const notes[] = {"--session", "notes", NULL};
    static const char *const other[] = {"--session", "other", NULL};
    static const char *const bad[] = {"--session", "../notes", NULL};
    struct how how = {.home = testdata_folder(), .more = notes};
    struct term *t = start(&how);
    retype(t, "noter");
    quit(t);
    how.more = other;
    t = start(&how);
    retype(t, "resten");
    struct term *held = start(&(struct how){.home = how.home, .more = notes});
    assert_true(term_has(held, "noter"));
    const char *argv[] = {glimt_binary(), "--bundle", bundle, "--session", "notes", NULL};
    struct term *third = term_start(&(struct term_options){.argv = argv, .home = how.home});
    assert_int_equal(term_wait_exit(third, WAIT), 1);
    assert_true(term_has(third, "session notes is open in another glimt"));
    term_free(third);
    argv[4] = bad[1];
    third = term_start(&(struct term_options){.argv = argv, .home = how.home});
    assert_int_equal(term_wait_exit(third, WAIT), 2);
    term_free(third);
    quit(held);
    quit(t);
    testdata_remove((char *)how.home);
}

/* TransformerLens' weights are a session's, until the command line says otherwise. */
static void test_weights_of_a_session(void **state)
{
    (void)state;
    static const char *const tl[] = {"--tl-weights", NULL}, *const no[] = {"--no-tl-weights", NULL};
    struct how how = {.home = testdata_folder(), .more = tl};
    for (int i = 0; i < 4; i++) {
        struct term *t = start(&how);
        assert_int_equal(term_has(t, "TL weights"), i < 2);
        term_type(t, "x");
        settle(t);
        quit(t);
        how.more = i == 1 ? no : NULL;
    }
    testdata_remove((char *)how.home);
}

/* ---- what can't be saved */

/* The path behind `before` in what the program said at its end; the caller frees. */
static char *told_path(struct term *t, const char *before)
{
    struct strbuf all;
    int w, h;
    strbuf_init(&all);
    term_size(t, &w, &h);
    for (int y = 0; y < h; y++) {
        char *row = term_row_text(t, y);
        strbuf_adds(&all, row);
        if ((int)strlen(row) < w && row[0])
            strbuf_addc(&all, ' ');
        free(row);
    }
    const char *at = strstr(all.s, before);
    if (!at)
        fail_msg("“%s” was not said: %s", before, all.s);
    at += strlen(before);
    char *path = xstrndup(at, strcspn(at, " "));
    strbuf_release(&all);
    return path;
}

static void check_rescue(struct term *t, const char *text)
{
    escape(t);
    term_type(t, "q");
    assert_int_equal(term_wait_exit(t, WAIT), 1);
    char *path = told_path(t, "the text was put into ");
    char *json = xstrdup(read_whole(path));
    assert_non_null(strstr(json, text));
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    json[strcspn(json, "\n")] = 0;
    term_free(t);
    t = start(&(struct how){.state = json});
    assert_true(term_has(t, text));
    quit(t);
    unlink(path);
    free(path);
    free(json);
}

static void test_no_folder(void **state)
{
    (void)state;
    char *runtime = testdata_folder(), *where = xasprintf("XDG_RUNTIME_DIR=%s", runtime);
    const char *const env[] = {"XDG_STATE_HOME=/proc/nowhere", where, NULL};
    struct term *t = start(&(struct how){.env = env});
    retype(t, "hvor skal det hen");
    command(t, "messages");
    assert_shows(t, "saving the session: the folder /proc/nowhere/glimt can't be made");
    check_rescue(t, "hvor skal det hen");
    free(where);
    testdata_remove(runtime);
}

static void test_nothing_says_where(void **state)
{
    (void)state;
    static const char *const env[] = {"XDG_STATE_HOME", "HOME", "XDG_RUNTIME_DIR", NULL};
    struct term *t = start(&(struct how){.env = env});
    retype(t, "uden hjem");
    check_rescue(t, "uden hjem");
    t = start(&(struct how){.env = env}); /* nothing was done: nothing is lost */
    quit(t);
}

/* Files may not grow beyond a kilobyte; what is long goes nowhere but to standard error. */
static void test_full(void **state)
{
    (void)state;
    char *home = testdata_folder();
    char *line = xasprintf("ulimit -f 8; exec %s --bundle %s --theme dark --threads 1",
                           glimt_binary(), bundle);
    const char *argv[] = {"/bin/sh", "-c", line, NULL};
    struct term *t =
        term_start(&(struct term_options){.argv = argv, .home = home, .w = 120, .h = 36});
    settle(t);
    char *big = xmalloc(9000);
    memset(big, 'x', 8999);
    for (size_t i = 60; i < 8999; i += 60)
        big[i] = '\n';
    memcpy(big + 8999 - 4, "SLUT", 5);
    term_paste(t, big);
    assert_shows(t, "SLUT");
    settle(t);
    escape(t);
    term_type(t, "q");
    assert_int_equal(term_wait_exit(t, WAIT), 1);
    size_t n;
    const char *out = term_output(t, &n);
    assert_non_null(memmem(out, n, "File too large", strlen("File too large")));
    assert_non_null(memmem(out, n, "this is the text", strlen("this is the text")));
    assert_true(term_has(t, "SLUT"));
    term_free(t);
    t = start(&(struct how){.home = home}); /* what was there before is still good */
    quit(t);
    free(big);
    free(line);
    testdata_remove(home);
}

/* ---- files */
static void test_a_state_of_before(void **state)
{
    (void)state;
    static const char json[] = "{\"glimt_state\":1,\"text\":\"fra i går\",\"cursor\":3}\n";
    struct how how = {.home = testdata_folder()};
    free(testdata_write(how.home, "state/glimt/session.json", json, sizeof json - 1));
    struct term *t = start(&how);
    assert_true(term_has(t, "fra i går"));
    term_key(t, "End");
    term_type(t, " og i dag");
    assert_shows(t, "fra i går og i dag");
    settle(t);
    kill_now(t);
    t = start(&how);
    assert_true(term_has(t, "fra i går og i dag"));
    quit(t);
    /* written by someone else: it counts, whatever the journal says */
    char *path = file_in(&how, "session.json");
    write_whole(path, json, sizeof json - 1);
    t = start(&how);
    assert_true(term_has(t, "fra i går"));
    assert_false(term_has(t, "i dag"));
    quit(t);
    free(path);
    testdata_remove((char *)how.home);
}

static void test_damaged_files(void **state)
{
    (void)state;
    struct how how = {.home = testdata_folder()};
    struct term *t = start(&how);
    retype(t, "hel tekst");
    quit(t);
    char *json = file_in(&how, "session.json"), *journal = file_in(&how, "session.journal");
    write_whole(json, "{\"glimt_st", 10); /* the journal has it all */
    t = start(&how);
    assert_true(term_has(t, "hel tekst"));
    assert_true(term_has(t, "set aside"));
    term_type(t, "!");
    assert_shows(t, "hel tekst!");
    settle(t);
    quit(t);
    char *bytes = xstrdup(read_whole(journal));
    size_t n = strlen(bytes);
    bytes[n / 2] ^= 1;
    write_whole(journal, bytes, n);
    t = start(&how); /* known up to there, or the state file's */
    assert_true(term_has(t, "damaged"));
    term_type(t, "?");
    settle(t);
    quit(t);
    write_whole(journal, "\377\000\nnonsense\n", 12);
    t = start(&how);
    assert_true(term_has(t, "hel tekst") || term_has(t, "Rådet"));
    quit(t);
    free(bytes);
    free(json);
    free(journal);
    testdata_remove((char *)how.home);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_kill_loses_nothing_drawn),
        cmocka_unit_test(test_killed_while_dragging),
        cmocka_unit_test(test_undo_of_an_opened_file),
        cmocka_unit_test(test_each_has_its_own),
        cmocka_unit_test(test_by_name),
        cmocka_unit_test(test_weights_of_a_session),
        cmocka_unit_test(test_no_folder),
        cmocka_unit_test(test_nothing_says_where),
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_a_state_of_before),
        cmocka_unit_test(test_damaged_files),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

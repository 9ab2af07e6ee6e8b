/* Journeys through the explorer: the real binary on a pseudo-terminal, with a tiny random model and
 * its bundle. */
#include "engine/base/memory.h"
#include "engine/base/strbuf.h"
#include "tests/support/explorer.h"
#include "tests/support/run.h"
#include "tests/support/testdata.h"
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
/* cmocka.h wants some of the headers above it. */
#include <cmocka.h>

#define EMPTY "{\"glimt_state\":1,\"text\":\"\"}"
#define DANISH "{\"glimt_state\":1,\"text\":\"Rådet skal nu formelt godkende\"}"

/* ---- helpers */
/* Cells of the row of `text`, from its place on, that have a background of their own. */
static int coloured(struct term *t, const char *text, int columns)
{
    int x, y, n = 0;
    assert_true(term_find(t, text, &x, &y));
    for (int i = 0; i < columns; i++)
        n += term_cell(t, x + i, y).style.bg != COLOR_DEFAULT;
    return n;
}

/* The text of the row on which `name` stands, from there on. */
static char *row_from(struct term *t, const char *name)
{
    int x, y;
    assert_true(term_find(t, name, &x, &y));
    char *row = term_row_text(t, y), *from = xstrdup(strstr(row, name));
    free(row);
    return from;
}

static double fixed_loss(struct term *t)
{
    char *row = row_from(t, "this text");
    double without = 0, fixed = 0;
    int n = sscanf(row, "this text %lf %lf", &without, &fixed);
    free(row);
    return n == 2 ? fixed : 0;
}

/* ---- typing */
static void test_danish_is_typed_and_coloured(void **state)
{
    (void)state;
    static const char text[] = "Blåbærgrøden på øen ærgrer os.";
    struct term *t = start(&(struct how){.state = EMPTY});
    term_type(t, text);
    settle(t);
    int x, y, cx, cy;
    bool visible;
    assert_true(term_find(t, text, &x, &y));
    term_cursor(t, &cx, &cy, &visible);
    assert_true(visible);
    assert_int_equal(cx, x + 30); /* columns, not bytes */
    assert_int_equal(cy, y);
    assert_string_equal(term_cell(t, x + 2, y).glyph, "å");
    assert_in_range(coloured(t, text, 30), 5, 30);
    for (int i = 0; i < 30; i++) {
        struct style s = term_cell(t, x + i, y).style;
        if (s.bg != COLOR_DEFAULT)
            assert_true(s.bg >= 16); /* 0–15 are the user's own */
    }
    term_key(t, "Backspace");
    term_key(t, "Ctrl-_");
    settle(t);
    assert_true(term_has(t, text));
    quit(t);
}

static void test_a_big_paste(void **state)
{
    (void)state;
    struct term *t = start(&(struct how){.state = DANISH});
    size_t n = 100000;
    char *big = xmalloc(n + 8);
    for (size_t i = 0; i < n; i++)
        big[i] = i % 80 == 79 ? '\n' : i % 6 == 5 ? ' ' : (char)('a' + i % 26);
    strcpy(big + n, "SLUT");
    term_paste(t, big);
    assert_shows(t, "SLUT");
    term_type(t, "x"); /* the editor answers while the model works */
    assert_shows(t, "SLUTx");
    term_key(t, "Ctrl-_");
    term_key(t, "Ctrl-_");
    assert_true(term_wait_no_text(t, "SLUT", WAIT));
    assert_shows(t, "formelt godkende");
    settle(t);
    free(big);
    quit(t);
}

static void test_what_is_pasted_is_never_a_command(void **state)
{
    (void)state;
    struct term *t = start(&(struct how){.state = EMPTY});
    escape(t);
    term_paste(t, "q:quit\x1b[31m\x07 tegn");
    assert_shows(t, "tegn");
    settle(t);
    quit(t);
}

/* ---- sliders */
static void slider(struct term *t, int *x, int *y)
{
    assert_true(term_find(t, "all 3", x, y)); /* the tiny bundle has three */
    while (strcmp(term_cell(t, *x, *y).glyph, "─") != 0)
        ++*x;
}

static void test_dragging_changes_the_loss(void **state)
{
    (void)state;
    struct term *t = start(&(struct how){.state = DANISH});
    int x, y;
    slider(t, &x, &y);
    term_mouse(t, MOUSE_PRESS, 1, x + 1, y, 0);
    settle(t);
    double first = fixed_loss(t);
    assert_true(first > 0);
    for (int i = 2; i < 16; i++)
        term_mouse(t, MOUSE_MOVE, 1, x + i, y + (i > 8), 0);
    settle(t);
    assert_shows(t, "dragging");
    term_mouse(t, MOUSE_RELEASE, 1, x + 16, y, 0);
    settle(t);
    double second = fixed_loss(t);
    assert_true(second > 0 && second != first);
    assert_false(term_has(t, "dragging"));
    char *danish = row_from(t, "Danish");
    assert_non_null(strstr(danish, "±"));
    free(danish);
    term_type(t, "u"); /* one step back: free again */
    settle(t);
    assert_true(fixed_loss(t) == 0);
    assert_shows(t, "free");
    quit(t);
}

static void test_keys_and_palette(void **state)
{
    (void)state;
    struct term *t = start(&(struct how){.state = DANISH});
    escape(t);
    term_type(t, "]]]=2,5");
    term_key(t, "Enter");
    settle(t);
    assert_shows(t, "2.5");
    assert_true(fixed_loss(t) > 0);
    term_type(t, ":free all");
    term_key(t, "Enter");
    settle(t);
    assert_true(fixed_loss(t) == 0);
    term_type(t, ":colour loss");
    term_key(t, "Enter");
    assert_shows(t, "colour: loss");
    term_type(t, "?");
    assert_shows(t, "Keys:");
    escape(t);
    assert_true(term_wait_no_text(t, "Keys:", WAIT));
    int x, y;
    assert_true(term_find(t, "? help", &x, &y)); /* a label acts as its key */
    term_mouse(t, MOUSE_PRESS, 1, x, y, 0);
    term_mouse(t, MOUSE_RELEASE, 1, x, y, 0);
    assert_shows(t, "Keys:");
    term_type(t, "/blink");
    assert_shows(t, "/blink");
    term_key(t, "Enter");
    term_type(t, "q"); /* closes the help only */
    assert_true(term_wait_no_text(t, "Keys:", WAIT));
    term_type(t, "K");
    assert_shows(t, "K is not bound here");
    term_type(t, "q");
    assert_int_equal(term_wait_exit(t, WAIT), 0);
    term_free(t);
}

/* What a slow link has to carry (256 colours). */
static void test_few_bytes(void **state)
{
    (void)state;
    struct term *t = start(&(struct how){.state = DANISH, .w = 80, .h = 24});
    int x, y;
    size_t n;
    assert_true(term_find(t, "all  ", &x, &y));
    while (strcmp(term_cell(t, x, y).glyph, "─") != 0)
        x++;
    term_mouse(t, MOUSE_PRESS, 1, x + 1, y, 0);
    settle(t);
    for (int i = 2; i < 8; i++) {
        term_forget(t);
        term_mouse(t, MOUSE_MOVE, 1, x + i, y, 0);
        settle(t);
        term_output(t, &n);
        assert_in_range(n, 1,
                        3 * 900); /* the knob at once, then losses as they come: a few frames */
    }
    term_mouse(t, MOUSE_RELEASE, 1, x + 8, y, 0);
    settle(t);
    term_forget(t);
    term_key(t, "Ctrl-L");
    settle(t);
    term_output(t, &n);
    assert_in_range(n, 1000, 8000);
    term_forget(t);
    term_send(t, "\x1b[I", 3); /* the focus comes: nothing to show */
    settle(t);
    term_output(t, &n);
    assert_in_range(n, 0, 0);
    quit(t);
}

/* ---- the terminal */
static void test_resize(void **state)
{
    (void)state;
    struct term *t = start(&(struct how){.state = DANISH});
    term_resize(t, 20, 5);
    assert_shows(t, "loss ");
    settle(t);
    assert_true(term_has(t, "godkende"));
    term_type(t, "!");
    settle(t);
    for (int i = 0; i < 50; i++)
        term_resize(t, 10 + 3 * i, 3 + i);
    term_resize(t, 1, 1);
    settle(t);
    term_resize(t, 80, 24);
    assert_shows(t, "Fixed values");
    settle(t);
    assert_true(term_has(t, "godkende!"));
    assert_true(term_has(t, "English"));
    quit(t);
}

static void test_sixteen_colours(void **state)
{
    (void)state;
    static const char *const env[] = {"TERM=xterm-16color", NULL};
    struct term *t = start(&(struct how){.state = DANISH, .env = env});
    assert_shows(t, "16 colours");
    int w, h;
    term_size(t, &w, &h);
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++) {
            struct style s = term_cell(t, x, y).style;
            assert_true(s.fg < 16 && s.bg < 16);
        }
    assert_true(coloured(t, "Rådet", 30) > 0);
    quit(t);
}

static void test_no_colour(void **state)
{
    (void)state;
    static const char *const env[] = {"NO_COLOR=1", NULL};
    struct term *t = start(&(struct how){.state = DANISH, .env = env});
    int w, h, x, y, marks = 0;
    term_size(t, &w, &h);
    for (y = 0; y < h; y++)
        for (x = 0; x < w; x++) {
            struct style s = term_cell(t, x, y).style;
            assert_true(s.fg == COLOR_DEFAULT && s.bg == COLOR_DEFAULT);
        }
    assert_true(term_find(t, "Rådet", &x, &y)); /* the rail below says what the colours would */
    for (int i = 0; i < 30; i++)
        marks += strcmp(term_cell(t, x + i, y + 1).glyph, " ") != 0;
    assert_true(marks > 3);
    quit(t);
}

static void test_other_terminals(void **state)
{
    (void)state;
    static const char *const terms[][2] = {{"TERM=tmux-256color", NULL},
                                           {"TERM=screen", NULL},
                                           {"TERM=vt100", NULL},
                                           {"TERM=xterm-kitty", NULL},
                                           {"TERM=xterm-direct", NULL}};
    for (size_t i = 0; i < sizeof terms / sizeof *terms; i++) {
        struct term *t = start(&(struct how){.state = DANISH, .env = terms[i]});
        int x, y;
        term_type(t, " æ");
        settle(t);
        assert_true(term_has(t, "godkende æ"));
        slider(t, &x, &y);
        term_mouse(t, MOUSE_PRESS, 1, x + 1, y, 0);
        term_mouse(t, MOUSE_MOVE, 1, x + 3, y, 0);
        term_mouse(t, MOUSE_RELEASE, 1, x + 3, y, 0);
        settle(t);
        if (fixed_loss(t) <= 0)
            fail_msg("%s: the mouse moved no slider", terms[i][0]);
        quit(t);
    }
}

static void test_no_utf8(void **state)
{
    (void)state;
    static const char *const env[] = {"LC_ALL=C", NULL};
    struct term *t =
        start(&(struct how){.state = "{\"glimt_state\":1,\"text\":\"plain\"}", .env = env});
    size_t n;
    const char *bytes = term_output(t, &n);
    for (size_t i = 0; i < n; i++)
        assert_true((unsigned char)bytes[i] < 128);
    assert_true(term_has(t, "plain"));
    assert_true(term_has(t, "the locale C has no UTF-8"));
    quit(t);
}

/* A locale that only the other end of the line has. */
static void test_a_missing_locale(void **state)
{
    (void)state;
    static const struct {
        const char *env[4], *says; /* NULL: æøå are there */
    } row[] = {
        {{"LC_ALL", "LANG=xx_XX.UTF-8"}, NULL},
        {{"LC_ALL=", "LC_CTYPE=", "LANG=xx_XX.utf8@euro"}, NULL},
        {{"LC_ALL", "LC_CTYPE=UTF-8", "LANG=C"}, NULL},
        {{"LC_ALL=xx_XX.UTF-8", "LANG=xx_XX"}, NULL},
        {{"LC_ALL=xx_XX", "LANG=xx_XX.UTF-8"}, "the locale xx_XX is not installed"},
        {{"LC_ALL"}, "LANG names no locale"},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        struct term *t = start(&(struct how){.state = DANISH, .env = row[i].env});
        if (term_has(t, "Rådet") != !row[i].says)
            fail_msg("%s, %s", row[i].env[0], row[i].env[1]);
        if (row[i].says) {
            assert_shows(t, row[i].says);
            assert_shows(t, "LC_ALL=C.UTF-8 shows it");
        }
        quit(t);
    }
}

/* A cut in the middle of a word, and one at a newline of joined lines: no blank is free there. */
static void test_longer_than_the_context(void **state)
{
    (void)state;
    struct strbuf text;
    int x = 0, y = 0, marked = 0;
    strbuf_init(&text);
    strbuf_adds(&text, "{\"glimt_state\":1,\"text\":\"");
    for (int i = 0; i < 12; i++)
        strbuf_adds(&text, "qxzqxzqxzqxzqxz");
    strbuf_adds(&text, "\"}");
    struct term *t = start(&(struct how){.state = text.s});
    assert_shows(t, "longer than the model's context");
    assert_true(term_find(t, "qxzqxz", &x, &y));
    for (int i = 0; i < 200; i++) {
        struct style s = term_cell(t, x + i % 100, y + i / 100).style;
        marked += (s.attr & (ATTR_REVERSE | ATTR_UNDERLINE)) == (ATTR_REVERSE | ATTR_UNDERLINE);
    }
    assert_true(marked > 0);
    escape(t);
    assert_true(term_has(t, "token"));
    quit(t);
    strbuf_clear(&text);
    strbuf_adds(&text, "{\"glimt_state\":1,\"context\":\"join\",\"text\":\"");
    for (int i = 0; i < 200; i++)
        strbuf_adds(&text, "\\n");
    strbuf_adds(&text, "\",\"cursor\":0}");
    t = start(&(struct how){.state = text.s, .h = 120});
    assert_shows(t, "longer than the model's context");
    quit(t);
    strbuf_release(&text);
}

static void test_suspend(void **state)
{
    (void)state;
    const char *argv[] = {glimt_binary(), "--bundle", bundle, "--theme",
                          "dark",         "--state",  DANISH, NULL};
    struct term *t =
        term_start(&(struct term_options){.child = shell, .arg = (void *)argv, .w = 100, .h = 30});
    settle(t);
    term_type(t, " ja");
    settle(t);
    term_key(t, "Ctrl-Z");
    assert_shows(t, "[1]+ Stopped");
    assert_false(term_alternate(t));
    assert_int_equal(term_mouse_mode(t), 0);
    term_type(t, "fg\n");
    term_read_by_other(t, 3);
    assert_shows(t, "godkende ja");
    assert_true(term_wait_no_text(t, "Stopped", WAIT));
    assert_true(term_alternate(t));
    escape(t);
    term_type(t, "q");
    assert_int_equal(term_wait_exit(t, WAIT), 0);
    term_free(t);
}

/* ---- sessions */
static void start_session(struct how *how, struct term **t)
{
    *how = (struct how){.home = testdata_folder()};
    *t = start(how);
    escape(*t);
    term_type(*t, ":clear");
    term_key(*t, "Enter");
    term_type(*t, "i");
    term_type(*t, "gemt æble");
    escape(*t);
    term_type(*t, "=1.5");
    term_key(*t, "Enter");
    settle(*t);
}

static void check_restored(struct how *how)
{
    struct term *t = start(how);
    assert_true(term_has(t, "gemt æble"));
    assert_true(term_has(t, "1.5"));
    assert_true(fixed_loss(t) > 0);
    quit(t);
    testdata_remove((char *)how->home);
}

static void test_killed_and_restored(void **state)
{
    (void)state;
    struct how how;
    struct term *t;
    start_session(&how, &t);
    assert_true(term_wait(t, session_has, (void *)"gemt æble", WAIT));
    assert_true(term_wait(t, session_has, (void *)"1.5", WAIT));
    term_signal(t, SIGKILL);
    assert_int_equal(term_wait_exit(t, WAIT), -SIGKILL);
    term_free(t);
    check_restored(&how);
}

static void test_hung_up_and_restored(void **state)
{
    (void)state;
    struct how how;
    struct term *t;
    start_session(&how, &t);
    term_hang_up(t);
    assert_int_equal(term_wait_exit(t, WAIT), 0);
    term_free(t);
    check_restored(&how);
}

static void test_terminated(void **state)
{
    (void)state;
    struct how how;
    struct term *t;
    start_session(&how, &t);
    term_signal(t, SIGTERM);
    assert_int_equal(term_wait_exit(t, WAIT), 0);
    assert_false(term_alternate(t));
    assert_int_equal(term_mouse_mode(t), 0);
    term_free(t);
    check_restored(&how);
}

static void test_corrupt_session(void **state)
{
    (void)state;
    struct how how = {.home = testdata_folder()};
    struct term *t = start(&how);
    term_type(t, "som før"); /* something to save */
    settle(t);
    escape(t);
    term_type(t, "c");
    settle(t);
    assert_true(term_wait(t, session_has, (void *)"glimt_state", WAIT));
    char *path = session_file(t);
    quit(t);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs("{\"glimt_state\": what", f);
    fclose(f);
    t = start(&how);
    assert_shows(t, "set aside");
    assert_true(term_has(t, "som før")); /* the journal had it */
    quit(t);
    char *bad = xasprintf("%s.bad", path);
    assert_int_equal(access(bad, F_OK), 0);
    free(bad);
    free(path);
    testdata_remove((char *)how.home);
}

/* ---- scripts and usage */
static void test_script(void **state)
{
    (void)state;
    char *shot = xasprintf("%s/shot.txt", folder);
    char *script = xasprintf(
        "# a journey\nkey Esc\n:clear\nkey i\ntype Børnene legede.\nwait idle\n"
        "drag 17 to 2.3\nwait idle\nmark dragged\nsay og sådan\n:shot %s\nwait idle\n:quit\n",
        shot);
    char *path = testdata_write(folder, "journey.glimt-script", script, strlen(script)),
         text[65536];
    const char *argv[] = {glimt_binary(), "--bundle", bundle, "--play",
                          path,           "--theme",  "dark", NULL};
    struct term *t = term_start(&(struct term_options){.argv = argv, .w = 120, .h = 36});
    assert_int_equal(term_wait_exit(t, WAIT), 0);
    term_free(t);
    FILE *f = fopen(shot, "r");
    assert_non_null(f);
    text[fread(text, 1, sizeof text - 1, f)] = 0;
    fclose(f);
    assert_non_null(strstr(text, "Børnene legede."));
    assert_non_null(strstr(text, "2.3"));
    free(path);
    free(script);
    free(shot);
}

static void test_usage(void **state)
{
    (void)state;
    static const struct {
        const char *arg[2], *says;
    } cases[] = {{{"--plain", NULL}, "--plain"},
                 {{"--state", "{}"}, "glimt_state"},
                 {{"--state", "nonsense"}, "no JSON"},
                 {{"--theme", NULL}, "--theme"},
                 {{"--no-such-option", NULL}, "no-such-option"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct run_result r;
        run_glimt(&r, NULL, cases[i].arg[0], cases[i].arg[1], (char *)NULL);
        assert_int_equal(r.status, 2);
        assert_non_null(strstr(r.err, cases[i].says));
        assert_int_equal(r.n_out, 0);
        run_release(&r);
    }
}

static void test_a_bad_script_never_starts(void **state)
{
    (void)state;
    static const char script[] = "key Esc\nkey Qrtl\n";
    char *path = testdata_write(folder, "bad", script, sizeof script - 1);
    const char *argv[] = {glimt_binary(), "--bundle", bundle, "--play", path, NULL};
    struct term *t = term_start(&(struct term_options){.argv = argv});
    assert_int_equal(term_wait_exit(t, WAIT), 2);
    assert_true(term_has(t, "line 2"));
    assert_false(term_alternate(t));
    term_free(t);
    free(path);
}

static void test_no_terminal(void **state)
{
    (void)state;
    struct run_result r;
    const struct run_how how = {.in = "Hej", .n_in = 3};
    run_glimt(&r, &how, "--bundle", bundle, (char *)NULL);
    assert_int_equal(r.status, 0);
    assert_null(memchr(r.out, 27, r.n_out)); /* text, never escapes */
    assert_true(r.n_out > 100);
    run_release(&r);
}

/* Another model than the demo's begins without a text. */
static void test_another_model_begins_with_a_hint(void **state)
{
    (void)state;
    if (access("store/demo/demo.glimt", R_OK) != 0) {
        print_message("no demo bundle\n");
        skip();
    }
    static const char hint[] = "Type or paste a text: every token is";
    const char *argv[] = {glimt_binary(), "--model", "store/demo/model", "--theme", "dark", NULL};
    static const int size[][2] = {{80, 24}, {200, 50}, {40, 10}};
    for (size_t i = 0; i < sizeof size / sizeof *size; i++) {
        struct term *t =
            term_start(&(struct term_options){.argv = argv, .w = size[i][0], .h = size[i][1]});
        settle(t);
        assert_shows(t, hint);
        assert_false(term_has(t, "Rådet"));
        assert_false(term_has(t, "Danish or English"));
        term_type(t, "e");
        settle(t);
        assert_false(term_has(t, hint));
        term_type(t, "\x7f");
        settle(t);
        assert_false(term_has(t, hint)); /* it went for good */
        quit(t);
    }
    struct term *t = term_start(
        &(struct term_options){.argv = (const char *[]){argv[0], NULL}, .w = 80, .h = 24});
    settle(t);
    assert_shows(t, "Rådet"); /* the demo has a text of its own */
    assert_shows(t, "Danish or English");
    assert_false(term_has(t, hint));
    quit(t);
}

/* With an SAE of one's own and no latent chosen a text is coloured by what is strongest on it; the
 * first latent that is taken colours it from then on. */
static void test_a_text_has_colours_without_a_latent(void **state)
{
    (void)state;
    static const char *const more[] = {"--sae", "store/demo/sae.safetensors", NULL};
    struct term *t =
        start(&(struct how){.model = "store/demo/model", .more = more, .w = 120, .h = 36});
    assert_shows(t, "colour: strongest latent");
    term_type(t, "godkende den");
    assert_shows(t, "Latents at ");
    settle(t);
    assert_in_range(coloured(t, "godkende den", 12), 3, 12);
    escape(t);
    term_type(t, "\tf");
    assert_shows(t, "colour: pre-activation of ");
    assert_false(term_has(t, "strongest latent"));
    term_type(t, "q"); /* Ctrl-C would first stop its histogram */
    assert_int_equal(term_wait_exit(t, WAIT), 0);
    term_free(t);
}

static void test_a_missing_model_is_said(void **state)
{
    (void)state;
    const char *argv[] = {glimt_binary(), "--model", "/nowhere", "--theme", "dark", NULL};
    struct term *t = term_start(&(struct term_options){.argv = argv, .w = 120, .h = 36});
    assert_shows(t, "/nowhere");
    term_type(t, "stadig en editor");
    assert_shows(t, "stadig en editor");
    escape(t);
    term_type(t, "q");
    assert_int_equal(term_wait_exit(t, WAIT), 0);
    term_free(t);
}

/* ---- the bundled demo */
static void test_demo(void **state)
{
    (void)state;
    if (access("store/demo/demo.glimt", R_OK) != 0) {
        print_message("store/demo/demo.glimt is not there\n");
        skip();
    }
    const char *argv[] = {glimt_binary(), "--theme", "dark", NULL};
    struct term *t = term_start(&(struct term_options){.argv = argv, .w = 120, .h = 36});
    settle(t);
    assert_true(term_has(t, "Danish"));
    assert_in_range(coloured(t, "Rådet", 40), 3, 40);
    escape(t);
    term_type(t, "=-4");
    term_key(t, "Enter");
    settle(t);
    char *danish = row_from(t, "Danish"), *english = row_from(t, "English");
    double da[3], en[3];
    assert_int_equal(sscanf(danish, "Danish %lf %lf %lf", &da[0], &da[1], &da[2]), 3);
    assert_int_equal(sscanf(english, "English %lf %lf", &en[0], &en[1]), 2);
    assert_true(da[1] - da[0] >
                en[1] - en[0]); /* the six are Danish: without them Danish suffers more */
    free(danish);
    free(english);
    quit(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_danish_is_typed_and_coloured),
        cmocka_unit_test(test_a_big_paste),
        cmocka_unit_test(test_what_is_pasted_is_never_a_command),
        cmocka_unit_test(test_dragging_changes_the_loss),
        cmocka_unit_test(test_keys_and_palette),
        cmocka_unit_test(test_few_bytes),
        cmocka_unit_test(test_resize),
        cmocka_unit_test(test_sixteen_colours),
        cmocka_unit_test(test_no_colour),
        cmocka_unit_test(test_other_terminals),
        cmocka_unit_test(test_no_utf8),
        cmocka_unit_test(test_a_missing_locale),
        cmocka_unit_test(test_longer_than_the_context),
        cmocka_unit_test(test_suspend),
        cmocka_unit_test(test_killed_and_restored),
        cmocka_unit_test(test_hung_up_and_restored),
        cmocka_unit_test(test_terminated),
        cmocka_unit_test(test_corrupt_session),
        cmocka_unit_test(test_script),
        cmocka_unit_test(test_usage),
        cmocka_unit_test(test_a_bad_script_never_starts),
        cmocka_unit_test(test_no_terminal),
        cmocka_unit_test(test_another_model_begins_with_a_hint),
        cmocka_unit_test(test_a_text_has_colours_without_a_latent),
        cmocka_unit_test(test_a_missing_model_is_said),
        cmocka_unit_test(test_demo),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

/* The Corpus view: its screens and colours, scrolling, finding, and texts as no tokenizer should
 * make them. */
#include "engine/base/memory.h"
#include "tests/support/requests.h"
#include "tests/support/unit.h"
#include "tests/support/view_fixture.h"
#include "tui/view/corpus/corpus_private.h"
#include <limits.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct view_fixture f; /* too large for the stack */

static const char *const texts[] = {
    "Toget til Odense er forsinket, og perronen er fuld af folk med kufferter.",
    "The train to Odense is delayed, and the platform is full of people with suitcases.",
    "Ærø, Fanø og Læsø har færger; på øen bor der få.",
    "The islands have ferries.",
    "Min mormor bager brød hver lørdag, og hele huset dufter af rug og smør, så naboerne kommer.",
    "My grandmother bakes bread every Saturday, and the house smells of rye, butter and warm milk.",
    "Regnen holdt op.",
    "The rain stopped.",
};
enum { N_TEXTS = sizeof texts / sizeof *texts };

static struct corpus_view *view(void)
{
    return f.view;
}

static void open_with(const char *const *text, int64_t n, enum depth depth, bool ascii, int w,
                      int h)
{
    view_fixture_init(&f, &corpus_view, depth, ascii, w, h);
    view_fixture_enter(&f);
    const struct request *r = &f.job[0].request;
    view_fixture_answer(&f, JOB_DONE, token_tables(units_asked(r), n_units_asked(r), text, n));
}

static void open_sized(int w, int h)
{
    open_with(texts, N_TEXTS, DEPTH_256, false, w, h);
}

static int close_view(void **state)
{
    (void)state;
    view_fixture_release(&f);
    return 0;
}

static void test_screens(void **state)
{
    (void)state;
    static const struct screen_size size[] = {{20, 5}, {40, 12}, {80, 22}, {120, 34}};
    view_fixture_screens(&f, "corpus", open_sized, size, sizeof size / sizeof *size);
    view_fixture_keys(&f, "c Right Right Down t");
    view_fixture_compare(&f, "corpus-pre-120x34");
}

static void test_without_colours(void **state)
{
    (void)state;
    open_with(texts, N_TEXTS, DEPTH_MONO, true, 80, 22);
    view_fixture_keys(&f, "c Right");
    view_fixture_compare(&f, "corpus-mono-80x22");
}

static void test_while_it_runs(void **state)
{
    (void)state;
    view_fixture_init(&f, &corpus_view, DEPTH_256, false, 80, 22);
    view_fixture_enter(&f);
    assert_ptr_equal(f.job[0].request.query, &tokens_query);
    view_fixture_expect(&f, "running text references waits");
    strcpy(f.job[0].what, "reading values");
    f.job[0].progress = (struct study_progress){.done = 1, .total = 4, .share = .25, .left = NAN};
    const struct request *r = &f.job[0].request;
    view_fixture_answer(&f, JOB_RUNNING, token_tables(units_asked(r), n_units_asked(r), texts, 2));
    view_fixture_expect(&f, "reading values references 25 % ▕████");
    view_fixture_expect(&f, "2 documents");
    view_fixture_keys(&f, "End");
    view_fixture_answer(&f, JOB_DONE,
                        token_tables(units_asked(r), n_units_asked(r), texts, N_TEXTS));
    view_fixture_expect(&f, "8 documents");
    assert_int_equal(view()->at.doc, 1); /* where it was */
    assert_ptr_equal(f.ops->table(f.view), table_set_find(f.job[0].tables, "tokens"));
}

/* ---- colours */
static struct style style_of(const char *word)
{
    int x, y;
    assert_true(view_fixture_find(&f, word, &x, &y));
    return f.grid.cell[y * f.grid.w + x].style;
}

static void test_colours(void **state)
{
    (void)state;
    view_fixture_init(&f, &corpus_view, DEPTH_256, false, 80, 22);
    view_fixture_enter(&f);
    const struct request *r = &f.job[0].request;
    struct table *t = token_table_new(units_asked(r), n_units_asked(r));
    token_table_add(t, 0, "da", 0, 4, "halv", 2, 2);
    token_table_add(t, 0, "da", 4, 8, " fuld", 4, 4);
    token_table_add(t, 0, "da", 8, 12, " nul", 0, 0);
    token_table_add(t, 0, "da", 12, 18, " minus", -1, 0);
    token_table_add(t, 1, "en", 0, 5, "small", .5, 0);
    token_table_add(t, 1, "en", 5, 9, " low", -8, 0);
    token_table_add(t, 1, "en", 9, 14, " half", -4, -4); /* active below 0 */
    view_fixture_answer(&f, JOB_DONE, set_of(t));
    struct style plain = theme_style(f.in.theme, ROLE_TEXT);
    int n = theme_levels(f.in.theme);
    struct style full = theme_sequential(f.in.theme, n);
    assert_true(style_equal(style_of("halv"), full)); /* all six are active there */
    assert_true(style_equal(style_of("nul"), plain)); /* 0 is not active */
    assert_true(style_equal(style_of("half"), full));
    assert_true(style_equal(style_of("minus"), plain));
    assert_true(style_equal(style_of("small"), plain));
    view_fixture_keys(&f, "Right"); /* one latent: a mark of one strength */
    assert_true(style_equal(style_of("halv"), style_of("fuld")));
    assert_false(style_equal(style_of("halv"), plain));
    view_fixture_keys(&f, "c"); /* on the scale of the class */
    assert_true(style_equal(style_of("fuld"), theme_diverging(f.in.theme, n)));
    assert_true(style_equal(style_of("halv"),
                            theme_diverging(f.in.theme, theme_level(f.in.theme, .5, INT_MIN))));
    assert_true(style_equal(style_of("nul"), plain));
    assert_true(style_equal(style_of("minus"), theme_diverging(f.in.theme, -n)));
    assert_true(style_equal(style_of("small"), theme_diverging(f.in.theme, n)));
    assert_true(style_equal(style_of("low"), theme_diverging(f.in.theme, -n)));
    assert_true(style_equal(style_of("half"),
                            theme_diverging(f.in.theme, theme_level(f.in.theme, -.5, INT_MIN))));
    view_fixture_expect(&f, "da −1.00 -----0+++++ +4.00");
    view_fixture_expect(&f, "en −8.00 -----0+++++ +0.50");
}

static void test_subjects(void **state)
{
    (void)state;
    int x, y;
    open_sized(80, 22);
    assert_int_equal(view()->subject, 0);
    view_fixture_keys(&f, "Left");
    assert_int_equal(view()->subject, 6);
    view_fixture_keys(&f, "Tab Tab Tab Shift-Tab");
    assert_int_equal(view()->subject, 1);
    assert_true(view_fixture_find(&f, " 2310 ", &x, &y));
    view_fixture_mouse(&f, MOUSE_PRESS, x + 3, y, 1);
    assert_int_equal(view()->subject, 3);
    view_fixture_keys(&f, "f");
    assert_true(isfinite(shared_fixed_value(&f.around.shell.sh, UNIT(2310))));
    /* its share of active tokens is the one in the table */
    const struct table *t = f.ops->table(f.view);
    int64_t active = 0, all = 0;
    for (int64_t i = 0; i < t->n_rows; i++)
        if (strcmp(table_str(t, i, table_find(t, "class")), "da") == 0) {
            all++;
            active += table_f64(t, i, table_find(t, "act.2310")) > 0;
        }
    char says[80];
    double share = 100 * (double)active / (double)all;
    snprintf(says, sizeof says, share < 10 ? "da active on %.1f %%" : "da active on %.0f %%",
             share);
    view_fixture_expect(&f, says);
}

/* ---- moving */
static void test_scrolling(void **state)
{
    (void)state;
    open_sized(40, 12); /* eight rows of text */
    struct corpus_view *v = view();
    for (int i = 0; i < 9; i++)
        view_fixture_keys(&f, "Down");
    view_fixture_expect(&f, "▸");
    assert_true(v->top.doc > 0 || v->top.row > 0);
    for (int i = 0; i < 30; i++)
        view_fixture_keys(&f, "Up");
    assert_true(v->at.doc == 0 && v->at.row == 0 && v->top.doc == 0 && v->top.row == 0);
    view_fixture_keys(&f, "PageDown PageDown PageUp PageUp");
    assert_true(v->at.doc == 0 && v->at.row == 0);
    view_fixture_keys(&f, "End");
    assert_true(v->at.doc == N_TEXTS - 1);
    view_fixture_expect(&f, "rain stopped.");
    assert_int_equal(v->page.n_lines, corpus_areas(v, v->r).rows.h); /* no blank rows below */
    struct corpus_at end = v->top;
    view_fixture_mouse(&f, MOUSE_WHEEL_UP, 10, 5, 0);
    assert_true(v->top.doc < end.doc || v->top.row < end.row);
    view_fixture_mouse(&f, MOUSE_WHEEL_DOWN, 10, 5, 0);
    view_fixture_mouse(&f, MOUSE_WHEEL_DOWN, 10, 5, 0);
    assert_true(v->top.doc == end.doc && v->top.row == end.row);
    view_fixture_keys(&f, "Home");
    view_fixture_expect(&f, "Toget");
}

static void test_wide_and_narrow(void **state)
{
    (void)state;
    open_sized(80, 22);
    view_fixture_keys(&f, "Down Down Down Down Down Down");
    int64_t doc = view()->at.doc;
    view_fixture_resize(&f, 34, 9);
    assert_int_equal(view()->at.doc, doc); /* the same document, in sight */
    view_fixture_expect(&f, "▸");
    view_fixture_resize(&f, 120, 40);
    assert_int_equal(view()->at.doc, doc);
    view_fixture_expect(&f, "Toget"); /* all fits: from the beginning */
}

static void test_click_and_open(void **state)
{
    (void)state;
    int x, y;
    open_sized(80, 22);
    assert_true(view_fixture_find(&f, "ferries", &x, &y));
    assert_true(view_fixture_mouse(&f, MOUSE_PRESS, x + 2, y, 1));
    assert_int_equal(view()->at.doc, 3);
    view_fixture_expect(&f, "·ferries.  largest pre ");
    assert_true(style_of("ferries").attr & ATTR_UNDERLINE);
    view_fixture_keys(&f, "Right");
    view_fixture_expect(&f, "·ferries.  pre ");
    view_fixture_keys(&f, "Enter");
    assert_int_equal(f.around.shell.views.now, VIEW_EXPLORE);
    assert_string_equal(f.around.shell.sh.editor.text.s, texts[3]);
    assert_int_equal(f.around.shell.sh.editor.cursor, strlen("The islands have"));
}

static void test_one_class(void **state)
{
    (void)state;
    open_sized(80, 22);
    view_fixture_keys(&f, "Down Down Down Down t"); /* at document 3; from there the next Danish */
    assert_false(view_fixture_find(&f, "The islands", NULL, NULL));
    view_fixture_expect(&f, "only da");
    view_fixture_expect(&f, "4 documents");
    view_fixture_keys(&f, "t");
    view_fixture_expect(&f, "only en");
    assert_false(view_fixture_find(&f, "Toget", NULL, NULL));
    view_fixture_keys(&f, "Home Enter");
    assert_string_equal(f.around.shell.sh.editor.text.s, texts[1]);
    shell_go(&f.around.shell, VIEW_CORPUS);
    assert_true(view_fixture_keys(&f, "Esc"));
    view_fixture_expect(&f, "all classes");
    assert_false(view_fixture_keys(&f, "Esc")); /* out of the view */
}

/* ---- finding */
static void look_for(const char *words)
{
    view_fixture_keys(&f, "/");
    assert_true(f.ops->typing(f.view));
    view_fixture_keys(&f, "Ctrl-U");
    view_fixture_type(&f, words);
    view_fixture_keys(&f, "Enter");
    assert_false(f.ops->typing(f.view));
}

static void test_finding(void **state)
{
    (void)state;
    open_sized(60, 10);
    struct corpus_view *v = view();
    look_for("THE ");
    assert_int_equal(v->match_doc, 1);
    assert_int_equal(v->match_at, 0);
    view_fixture_keys(&f, "n"); /* in the same document: "and the platform" */
    assert_int_equal(v->match_doc, 1);
    assert_int_equal(v->match_at, (size_t)(strstr(texts[1], "the ") - texts[1]));
    view_fixture_keys(&f, "n n n n"); /* islands, whole, rain, round to the first */
    assert_int_equal(v->match_doc, 1);
    assert_int_equal(v->match_at, 0);
    view_fixture_keys(&f, "N");
    assert_int_equal(v->match_doc, 7);
    view_fixture_keys(&f, "N N N");
    assert_int_equal(v->match_doc, 1);
    assert_int_equal(v->match_at, (size_t)(strstr(texts[1], "the ") - texts[1]));
    struct style plain = theme_style(f.in.theme, ROLE_TEXT);
    assert_true(
        style_equal(style_of("the platform"), theme_marked(f.in.theme, plain, MARK_SELECTED)));
    look_for("æRØ"); /* beyond ASCII too */
    assert_int_equal(v->match_doc, 2);
    view_fixture_keys(&f, "n");
    assert_int_equal(v->match_doc, 2);
    assert_int_equal(v->match_at, 0);
    look_for("nowhere");
    view_fixture_expect(&f, "no nowhere");
    assert_int_equal(v->match_n, 0);
    assert_true(view_fixture_keys(&f, "Esc"));
    view_fixture_keys(&f, "/ x Esc");
    assert_false(f.ops->typing(f.view));
    view_fixture_keys(&f, "/ Backspace");
    assert_false(f.ops->typing(f.view));
}

static void test_typing_is_not_commands(void **state)
{
    (void)state;
    open_sized(60, 10);
    view_fixture_keys(&f, "/ t c n q");
    view_fixture_expect(&f, "/tcnq");
    assert_int_equal(view()->cls, -1);
    assert_false(view()->by_value);
}

/* ---- large and strange */
static void test_many_documents(void **state)
{
    (void)state;
    enum { N = 30000 };
    const char **text = xcalloc(N, sizeof *text);
    for (int i = 0; i < N; i++)
        text[i] = texts[i % N_TEXTS];
    text[N - 3] = "Nålen i høstakken";
    open_with(text, N, DEPTH_256, false, 80, 22);
    struct corpus_view *v = view();
    view_fixture_keys(&f, "End");
    assert_int_equal(v->at.doc, N - 1);
    view_fixture_keys(&f, "PageUp Home");
    look_for("nålen");
    assert_int_equal(v->at.doc, N - 3);
    view_fixture_expect(&f, "29997 Nålen i");
    /* what is held for drawing is what is in sight */
    assert_true(v->page.n_texts <= v->page.n_lines && v->page.n_lines <= 22);
    free(text);
}

static void test_split_characters(void **state)
{
    (void)state;
    view_fixture_init(&f, &corpus_view, DEPTH_256, false, 60, 12);
    view_fixture_enter(&f);
    const struct request *r = &f.job[0].request;
    struct table *t = token_table_new(units_asked(r), n_units_asked(r));
    token_table_add(t, 7, "da", 0, 2, "r\xc3", 1, 1); /* a token ends inside å */
    token_table_add(t, 7, "da", 2, 4, "\xa5t", 1, 1);
    token_table_add(t, 7, "da", 2, 4, "\xa5t", 1, 1);    /* the same bytes once more */
    token_table_add(t, 7, "da", 6, 9, "\x1b[31m", 1, 1); /* a gap, a control character */
    token_table_add(t, 7, "da", 9, 12, "a\nb", 1, 1);
    token_table_add(t, 8, "en", -5, INT64_MIN, "odd", NAN, INFINITY);
    token_table_add(t, 8, "en", INT64_MAX, 3, "odder", INFINITY, NAN);
    token_table_add(t, 8, "en", 0, 0, "", 1, 1);
    token_table_add(t, 9, "", 0, 3, "\xe2\x80\xae", 1, 0); /* a bidi override, no class */
    view_fixture_answer(&f, JOB_DONE, set_of(t));
    view_fixture_expect(&f, "7 råt ");
    assert_false(view_fixture_find(&f, "råt\xa5", NULL, NULL));
    for (int i = 0; i < f.grid.w * f.grid.h; i++)
        assert_true((unsigned char)f.grid.cell[i].glyph[0] >= 32 || !f.grid.cell[i].glyph[0]);
    view_fixture_keys(&f, "c Right Down Down");
    view_fixture_expect(&f, "odd odder");
    view_fixture_mouse(&f, MOUSE_PRESS, 12, 4, 1);
    view_fixture_draw(&f);
    view_fixture_keys(&f, "End Enter");
    assert_string_equal(f.around.shell.sh.editor.text.s, "\xe2\x80\xae");
}

static void test_strange_tables(void **state)
{
    (void)state;
    view_fixture_init(&f, &corpus_view, DEPTH_256, false, 60, 12);
    view_fixture_enter(&f);
    struct table *t = table_new("tokens", "", MARK_LIST);
    table_column(t, "doc", "", "", COLUMN_I64, COLUMN_KEY); /* no text, no class, no values */
    for (int i = 0; i < 100; i++)
        table_set_i64(t, table_row(t), 0, INT64_MIN + i);
    view_fixture_answer(&f, JOB_DONE, set_of(t));
    view_fixture_keys(&f, "Down t c Right n N End PageUp Enter f");
    look_for("x");
    view_fixture_draw(&f);
    t = table_new("tokens", "", MARK_LIST);
    table_column(t, "doc", "", "", COLUMN_STR, COLUMN_KEY);
    table_column(t, "text", "", "", COLUMN_F64, COLUMN_KEY);
    table_row(t);
    view_fixture_answer(&f, JOB_DONE, set_of(t));
    view_fixture_keys(&f, "Down t c Right n N End PageUp Enter f");
    view_fixture_draw(&f);
    view_fixture_answer(&f, JOB_DONE, set_of(table_new("other", "", MARK_LIST)));
    view_fixture_draw(&f);
}

static void test_nothing_there(void **state)
{
    (void)state;
    view_fixture_init(&f, &corpus_view, DEPTH_256, false, 60, 12);
    f.in.workbench = NULL;
    f.in.shared = NULL;
    view_fixture_enter(&f);
    view_fixture_keys(&f, "Down Right c t n N Enter End PageUp f");
    look_for("x");
    view_fixture_expect(&f, "loading");
    view_fixture_mouse(&f, MOUSE_PRESS, 20, 4, 1);
    view_fixture_every_size(&f);
}

static void test_every_size(void **state)
{
    (void)state;
    open_with(texts, N_TEXTS, DEPTH_DIRECT, false, 80, 22);
    view_fixture_every_size(&f);
    view_fixture_keys(&f, "c Right t");
    view_fixture_every_size(&f);
    view_fixture_keys(&f, "/ a");
    view_fixture_every_size(&f);
    /* drawn at a size it was not told of */
    f.r = (struct rect){1, 1, 33, 9};
    grid_resize(&f.grid, 35, 11, theme_style(f.in.theme, ROLE_TEXT));
    view_fixture_draw(&f);
}

#define TEST(name) cmocka_unit_test_teardown(name, close_view)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_screens),
        TEST(test_without_colours),
        TEST(test_while_it_runs),
        TEST(test_colours),
        TEST(test_subjects),
        TEST(test_scrolling),
        TEST(test_wide_and_narrow),
        TEST(test_click_and_open),
        TEST(test_one_class),
        TEST(test_finding),
        TEST(test_typing_is_not_commands),
        TEST(test_many_documents),
        TEST(test_split_characters),
        TEST(test_strange_tables),
        TEST(test_nothing_there),
        TEST(test_every_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

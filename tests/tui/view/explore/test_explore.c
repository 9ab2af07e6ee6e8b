/* The Explore view under keys and mouse: what is done to text, sliders, colours and panes, and what
 * is then shown. */
#include "engine/base/memory.h"
#include "tests/support/explore_fixture.h"
#include "tests/support/unit.h"
#include <limits.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct explore_fixture f;

static void begin(const char *text, int w, int h)
{
    fixture_init(&f, text, DEPTH_256, false, w, h);
    fixture_settle(&f);
}

static int end(void **state)
{
    (void)state;
    fixture_release(&f);
    return 0;
}

static const struct cell *cell(int x, int y)
{
    return &f.grid.cell[y * f.grid.w + x];
}

/* ---- states and panes */
static void test_starts_in_text(void **state)
{
    (void)state;
    begin("", 120, 36);
    fixture_type(&f, "æ?q:");
    assert_string_equal(f.shell.sh.editor.text.s, "æ?q:");
    fixture_keys(&f, "Esc");
    fixture_keys(&f, "q");
    assert_true(f.shell.wants & WANT_QUIT);
    assert_string_equal(f.shell.sh.editor.text.s, "æ?q:");
    fixture_keys(&f, "i x");
    assert_string_equal(f.shell.sh.editor.text.s, "æ?q:x");
}

static void test_tab_goes_round(void **state)
{
    (void)state;
    begin("x", 120, 36);
    for (int i = 1; i <= N_PANES; i++) {
        fixture_keys(&f, "Tab");
        assert_int_equal(f.ex->focus, i % N_PANES);
        assert_false(f.ex->typing);
    }
    fixture_keys(&f, "Shift-Tab");
    assert_int_equal(f.ex->focus, PANE_LOSS);
}

static void test_tiny_keeps_the_text(void **state)
{
    (void)state;
    begin("x", 20, 5);
    fixture_keys(&f, "Tab");
    assert_int_equal(f.ex->focus, PANE_TEXT);
    fixture_keys(&f, "f"); /* the slider is not drawn, yet its value can be fixed from the text: it
                              shows in the loss */
    shell_resize(&f.shell, 120, 36);
    fixture_keys(&f, "Tab Tab");
    shell_resize(&f.shell, 20, 5);
    assert_int_equal(f.ex->focus, PANE_TEXT);
}

static void test_accordion_unfolds_by_a_click(void **state)
{
    (void)state;
    begin("x", 60, 20);
    int x, y;
    assert_true(fixture_find(&f, "Fixed values", &x, &y));
    double before = sliders_value(&f.shell.sh.sliders, 0, NULL);
    fixture_mouse(&f, MOUSE_PRESS, 1, x, y, 0, 1);
    assert_int_equal(f.ex->focus, PANE_SLIDERS);
    assert_true(sliders_value(&f.shell.sh.sliders, 0, NULL) == before);
}

static void test_the_cursor_sits_on_the_focus(void **state)
{
    (void)state;
    begin("to ord", 120, 36);
    for (int p = 0; p < N_PANES; p++) {
        fixture_draw(&f);
        assert_true(rect_has(f.ex->layout.pane[f.ex->focus], f.grid.cursor_x, f.grid.cursor_y));
        fixture_keys(&f, "Tab");
    }
}

/* ---- text and colours */
static void test_click_places_the_cursor(void **state)
{
    (void)state;
    begin("Rådet skal", 120, 36);
    int x, y;
    assert_true(fixture_find(&f, "Rådet skal", &x, &y));
    x += 6;
    fixture_keys(&f, "Tab");
    fixture_mouse(&f, MOUSE_PRESS, 1, x + 1, y, 0, 1);
    fixture_mouse(&f, MOUSE_RELEASE, 1, x + 1, y, 0, 0);
    assert_true(f.ex->typing);
    assert_int_equal(f.shell.sh.editor.cursor, strlen("Rådet s"));
    fixture_mouse(&f, MOUSE_PRESS, 1, x, y, 0, 2);
    fixture_type(&f, "X");
    assert_string_equal(f.shell.sh.editor.text.s, "Rådet X");
}

static void test_dragging_selects(void **state)
{
    (void)state;
    begin("Rådet skal", 120, 36);
    int x, y;
    assert_true(fixture_find(&f, "Rådet", &x, &y));
    fixture_mouse(&f, MOUSE_PRESS, 1, x, y, 0, 1);
    fixture_mouse(&f, MOUSE_MOVE, 1, x + 4, y, 0, 0);
    fixture_mouse(&f, MOUSE_RELEASE, 1, x + 6, y, 0, 0);
    fixture_mouse(&f, MOUSE_MOVE, 0, x + 9, y, 0, 0);
    size_t from, to;
    assert_true(editor_selection(&f.shell.sh.editor, &from, &to));
    assert_int_equal(from, 0);
    assert_int_equal(to, strlen("Råde"));
    fixture_draw(&f);
    assert_int_equal(cell(x + 1, y)->style.bg, theme_style(f.theme, ROLE_SELECTION).bg);
}

static void test_tokens_have_their_levels(void **state)
{
    (void)state;
    begin("Rådet skal nu formelt", 120, 36);
    int x, y;
    assert_true(fixture_find(&f, "nu formelt", &x, &y));
    x += 3;
    fixture_keys(&f, "Esc Home"); /* the cursor's token looks otherwise */
    for (int c = 0; c < 2; c++) {
        fixture_draw(&f);
        const struct line_latents *l = f.shell.sh.snapshot->line[0].latents;
        float v = c ? l->act[3 * l->n_watch] : l->pre[3 * l->n_watch];
        int level = theme_level(f.theme, (double)v / 4, INT_MIN);
        struct style s =
            c && level > 0 ? theme_sequential(f.theme, level) : theme_diverging(f.theme, level);
        assert_int_equal(cell(x + 2, y)->style.bg, s.bg);
        fixture_keys(&f, "c");
        fixture_settle(&f);
    }
}

static void test_an_edit_dims_what_follows_in_its_line(void **state)
{
    (void)state;
    begin("en to tre\nfire fem", 120, 36);
    fixture_keys(&f, "Up Home Right Right Right x");
    assert_string_equal(f.shell.sh.editor.text.s, "en xto tre\nfire fem");
    const struct paint *p = &f.ex->paint;
    assert_false(p->token[0].stale); /* "en" */
    bool stale_tre = false;
    for (size_t i = 0; i < p->n; i++) {
        if (p->token[i].start == strlen("en xto"))
            stale_tre = p->token[i].stale;
        if (p->token[i].start >= strlen("en xto tre\n"))
            assert_false(p->token[i].stale); /* another line is another sequence */
    }
    assert_true(stale_tre);
    fixture_settle(&f);
    for (size_t i = 0; i < f.ex->paint.n; i++)
        assert_false(f.ex->paint.token[i].stale);
    assert_int_equal(f.ex->paint.n, 5);
}

static void test_a_late_snapshot_is_mapped(void **state)
{
    (void)state;
    begin("", 120, 36);
    fixture_type(&f, "en to");
    struct wish w;
    shell_wish(&f.shell, &w);
    struct snapshot *s = fixture_snapshot(&w);
    fixture_type(&f, " tre");
    fixture_keys(&f, "Home");
    fixture_type(&f, "og ");
    shell_snapshot(&f.shell, s); /* of "en to" while "og en to tre" is shown */
    snapshot_unref(s);
    assert_string_equal(f.shell.sh.editor.text.s, "og en to tre");
    for (size_t i = 0; i < f.ex->paint.n; i++)
        assert_true(f.ex->paint.token[i].end <= f.shell.sh.editor.text.n);
    assert_true(f.shell.sh.loss.version !=
                f.shell.sh.editor.version); /* its loss is another text's */
}

static void test_token_steps_and_info(void **state)
{
    (void)state;
    begin("en to tre", 120, 36);
    fixture_keys(&f, "Esc Home");
    fixture_settle(&f);
    fixture_shows(&f, "Latents at en");
    fixture_keys(&f, "Right");
    fixture_settle(&f);
    fixture_shows(&f, "Latents at ·to");
    fixture_shows(&f, "▕to▏");
    fixture_shows(&f, "token 2 of 3");
    fixture_keys(&f, "Right Right Right Right");
    fixture_shows(&f, "Latents at ·tre");
    fixture_keys(&f, "h");
    fixture_shows(&f, "Latents at ·to");
}

static void test_rail_and_legend(void **state)
{
    (void)state;
    begin("en to tre", 120, 36);
    fixture_keys(&f, "Esc C");
    fixture_shows(&f, "p99 of |pre|, the bundle's");
    fixture_shows(&f, "+4.00");
    int x, y;
    fixture_keys(&f, "v Home");
    assert_true(fixture_find(&f, "en▏to", &x, &y));
    assert_true(f.ex->rail);
    float v = f.ex->paint.token[1].value;
    const char *glyph = cell(x + 3, y + 1)->glyph;
    if (fabsf(v) >= .04f)
        assert_string_not_equal(glyph, " ");
    bool reversed = cell(x + 3, y + 1)->style.attr & ATTR_REVERSE;
    assert_int_equal(reversed, v < 0);
}

static void cut_shows(enum depth depth, bool ascii, const char *row)
{
    fixture_init(&f, "en to tre fire fem", depth, ascii, 120, 36);
    fixture_context(2);
    fixture_settle(&f);
    fixture_shows(&f, row);
    fixture_shows(&f, "longer than the model's context");
    fixture_release(&f);
}

static void test_where_the_context_is_full(void **state)
{
    (void)state;
    cut_shows(DEPTH_MONO, false, "en to│tre fire│fem");
    cut_shows(DEPTH_16, true, "en to|tre fire|fem");
    fixture_init(&f, "en to tre fire fem", DEPTH_256, false, 120, 36);
    fixture_settle(&f);
    int x, y;
    assert_true(fixture_find(&f, "en to│tre", &x, &y));
    assert_int_equal(cell(x + 5, y)->style.fg, theme_style(f.theme, ROLE_WARNING).fg);
    fixture_keys(&f, "Esc C Home");
    fixture_settle(&f);
    fixture_hides(&f, "longer than the model's context"); /* said once */
    fixture_shows(&f, "│ a new context begins");
    fixture_shows(&f, "no loss: nothing before it");
    fixture_keys(&f, "Right");
    fixture_settle(&f);
    fixture_shows(&f, "to│tre");
    fixture_hides(&f, "no loss");
    fixture_keys(&f, "Right");
    fixture_settle(&f);
    fixture_shows(&f, "Latents at ·tre");
    fixture_shows(&f, "no loss: a new context");
    fixture_shows(&f, "to│tre▏fire│fem"); /* no bracket over the mark */
    fixture_keys(&f, "i Backspace");      /* an edit moves it along until the next snapshot */
    fixture_draw(&f);
    fixture_shows(&f, "en t│tre");
    fixture_context(0);
    fixture_settle(&f);
    fixture_hides(&f, "│tre");
    fixture_hides(&f, "│ a new context begins");
}

static void test_paste_is_one_step_and_enters_text(void **state)
{
    (void)state;
    begin("x", 120, 36);
    fixture_keys(&f, "Tab");
    struct event e = {.kind = EVENT_PASTE, .paste = " indsat\ntekst", .n_paste = 13};
    shell_event(&f.shell, &e);
    assert_string_equal(f.shell.sh.editor.text.s, "x indsat\ntekst");
    assert_true(f.ex->typing && f.ex->focus == PANE_TEXT);
    fixture_keys(&f, "Ctrl-_");
    assert_string_equal(f.shell.sh.editor.text.s, "x");
}

/* ---- latents */
static void test_taking_and_colouring(void **state)
{
    (void)state;
    begin("en to tre", 120, 36);
    fixture_keys(&f, "Esc Tab End");
    struct list *l = &f.ex->latents;
    assert_int_equal(l->selected, l->n - 1);
    fixture_keys(&f, "f");
    struct unit_id taken = f.shell.sh.sliders.unit[6].id; /* one more */
    assert_int_equal(f.shell.sh.sliders.unit[5].id.index, 2047);
    assert_int_equal(f.shell.sh.rows.selected, 7);
    assert_false(f.shell.sh.sliders.unit[6].fixed);
    fixture_keys(&f, "f");
    assert_true(f.shell.sh.sliders.unit[6].fixed);
    fixture_keys(&f, "Enter");
    assert_true(unit_same(f.shell.sh.colour_unit, taken));
    fixture_keys(&f, "u u");
    assert_int_equal(f.shell.sh.sliders.n, 6);
    fixture_keys(&f, "a");
    assert_true(unit_same(f.shell.sh.colour_unit, UNIT_ALL));
}

static void test_of_what_the_colours_are(void **state)
{
    (void)state;
    begin("en to tre", 120, 36);
    f.shell.sh.colour_unit = UNIT_ALL;
    fixture_shows(&f, "colour: pre-activation of all 6");
    f.shell.sh.sliders.n = 1;
    f.shell.sh.sliders.unit[0].id = (struct unit_id){0, 77};
    fixture_shows(&f, "colour: pre-activation of 77");
    f.shell.sh.sliders.n = 0;
    fixture_shows(&f, "colour: strongest latent (Tab, f takes one)");
}

static void test_watching_another_latent(void **state)
{
    (void)state;
    begin("en to tre", 120, 36);
    assert_true(shell_command(&f.shell, "unit 55"));
    struct wish w;
    shell_wish(&f.shell, &w);
    assert_unit(w.watch, 55);
    assert_false(shell_command(&f.shell, "unit x"));
    shell_command(&f.shell, "unit 99999");
    assert_unit(f.shell.sh.colour_unit, 55);
}

/* ---- sliders */
static void slider_at(int row, struct slider_track *t, int *x, int *y)
{
    fixture_draw(&f);
    assert_true(shell_track(&f.shell, row, t, x, y));
}

static void test_drag_is_one_undo_step(void **state)
{
    (void)state;
    begin("en to", 120, 36);
    struct slider_track t;
    int x, y;
    slider_at(1, &t, &x, &y);
    int at = x + track_cell(t, 0);
    fixture_mouse(&f, MOUSE_PRESS, 1, at, y, 0, 1);
    for (int i = 1; i <= 4; i++)
        fixture_mouse(&f, MOUSE_MOVE, 1, at + i, y, 0, 0);
    assert_true(f.shell.sh.wish_changed);
    fixture_mouse(&f, MOUSE_RELEASE, 1, at + 4, y, 0, 0);
    double v = sliders_value(&f.shell.sh.sliders, 1, NULL);
    assert_true(v > 1 && f.shell.sh.sliders.unit[1].fixed);
    assert_false(f.ex->drag.active);
    fixture_keys(&f, "u");
    assert_true(sliders_value(&f.shell.sh.sliders, 1, NULL) == 0 &&
                !f.shell.sh.sliders.unit[1].fixed);
    fixture_keys(&f, "Ctrl-R");
    assert_true(sliders_value(&f.shell.sh.sliders, 1, NULL) == v);
}

static void test_drag_ends(void **state)
{
    (void)state;
    begin("en to", 120, 36);
    struct slider_track t;
    int x, y;
    slider_at(0, &t, &x, &y);
    int at = x + track_cell(t, 0);
    fixture_mouse(&f, MOUSE_PRESS, 1, at, y, 0, 1); /* Esc puts back */
    fixture_mouse(&f, MOUSE_MOVE, 1, at + 3, y, 0, 0);
    fixture_keys(&f, "Esc");
    assert_true(sliders_value(&f.shell.sh.sliders, 0, NULL) == 0);
    assert_int_equal(f.shell.sh.history.n, 0);
    fixture_mouse(&f, MOUSE_PRESS, 1, at, y, 0, 1); /* so does the right button */
    fixture_mouse(&f, MOUSE_MOVE, 1, at + 3, y, 0, 0);
    fixture_mouse(&f, MOUSE_PRESS, 3, at + 3, y, 0, 1);
    assert_true(sliders_value(&f.shell.sh.sliders, 0, NULL) == 0 &&
                !f.shell.sh.sliders.unit[0].fixed);
    fixture_mouse(&f, MOUSE_PRESS, 1, at, y, 0,
                  1); /* a motion without button ends it, the value stays */
    fixture_mouse(&f, MOUSE_MOVE, 1, at + 3, y, 0, 0);
    double v = sliders_value(&f.shell.sh.sliders, 0, NULL);
    fixture_mouse(&f, MOUSE_MOVE, 0, at + 9, y, 0, 0);
    assert_false(f.ex->drag.active);
    assert_true(v > 0 && sliders_value(&f.shell.sh.sliders, 0, NULL) == v);
    struct event out = {.kind = EVENT_FOCUS_OUT};
    fixture_mouse(&f, MOUSE_PRESS, 1, x + track_cell(t, v), y, 0, 1); /* losing the focus too */
    shell_event(&f.shell, &out);
    assert_false(f.ex->drag.active);
}

static void test_other_buttons(void **state)
{
    (void)state;
    begin("en to", 120, 36);
    struct slider_track t;
    int x, y;
    slider_at(0, &t, &x, &y);
    fixture_mouse(&f, MOUSE_PRESS, 2, x, y, 0, 1);
    assert_true(fabs(sliders_value(&f.shell.sh.sliders, 0, NULL) - 1.5) < 1e-6); /* the median */
    fixture_mouse(&f, MOUSE_PRESS, 3, x, y, 0, 1);
    assert_false(f.shell.sh.sliders.unit[0].fixed);
    fixture_mouse(&f, MOUSE_WHEEL_UP, 0, x, y, 0, 0);
    assert_true(fabs(sliders_value(&f.shell.sh.sliders, 0, NULL) - 2) < 1e-6);
    fixture_mouse(&f, MOUSE_WHEEL_DOWN, 0, x, y, MOD_CTRL, 0);
    assert_true(fabs(sliders_value(&f.shell.sh.sliders, 0, NULL) - 1.9) < 1e-5);
}

static void test_double_click_types_a_number(void **state)
{
    (void)state;
    begin("en to", 120, 36);
    struct slider_track t;
    int x, y;
    slider_at(2, &t, &x, &y);
    fixture_mouse(&f, MOUSE_PRESS, 1, x + 2, y, 0, 1);
    fixture_mouse(&f, MOUSE_RELEASE, 1, x + 2, y, 0, 0);
    fixture_mouse(&f, MOUSE_PRESS, 1, x + 2, y, 0, 2);
    fixture_mouse(&f, MOUSE_RELEASE, 1, x + 2, y, 0, 0);
    assert_int_equal(f.shell.overlay, OVERLAY_VALUE);
    assert_true(sliders_value(&f.shell.sh.sliders, 2, NULL) ==
                0); /* the first click's jump is taken back */
    fixture_type(&f, "-2,5");
    fixture_keys(&f, "Enter");
    assert_int_equal(f.shell.overlay, OVERLAY_NONE);
    assert_true(sliders_value(&f.shell.sh.sliders, 2, NULL) == -2.5);
    fixture_keys(&f, "= x Enter");
    assert_true(sliders_value(&f.shell.sh.sliders, 2, NULL) == -2.5);
    assert_true(f.shell.sh.message_is_error);
    fixture_keys(&f, "= 1 2 Enter");
    slider_at(2, &t, &x, &y);
    assert_true(t.range == 12);
}

static void test_keys_of_sliders(void **state)
{
    (void)state;
    begin("en to", 120, 36);
    fixture_keys(&f, "Esc Tab Tab Tab Tab Down ] ] }");
    assert_true(fabs(sliders_value(&f.shell.sh.sliders, 0, NULL) - 1.1) < 1e-6);
    fixture_keys(&f, "Left Shift-Right");
    assert_true(fabs(sliders_value(&f.shell.sh.sliders, 0, NULL) - .7) < 1e-6);
    fixture_keys(&f, "f");
    assert_false(f.shell.sh.sliders.unit[0].fixed);
    fixture_keys(&f, "f 0");
    assert_true(sliders_value(&f.shell.sh.sliders, 0, NULL) == 0 &&
                !f.shell.sh.sliders.unit[0].fixed);
    fixture_keys(&f, "Home ]");
    for (int i = 0; i < 6; i++)
        assert_true(f.shell.sh.sliders.unit[i].fixed && f.shell.sh.sliders.unit[i].value == .5f);
    fixture_keys(&f, "End x");
    assert_int_equal(f.shell.sh.sliders.n, 5);
    fixture_keys(&f, "I");
    struct wish w;
    shell_wish(&f.shell, &w);
    assert_true(insertion_same(w.insert, insertion_of(INSERT_SAE)));
    assert_int_equal(w.n_units, 5);
}

/* ---- numbers and the knobs they belong to */
static void test_a_number_names_its_knob(void **state)
{
    (void)state;
    begin("en to", 120, 36);
    shell_command(&f.shell, "fix 1482=1.8");
    fixture_settle(&f);
    fixture_shows(&f, "3.14"); /* 2.96 + 0.18 */
    fixture_hides(&f, "at 1.8");
    shell_command(&f.shell, "fix 1482=3");
    fixture_shows(&f, "3.14 at 1.8");
    fixture_hides(&f, "+0.18");
    fixture_settle(&f);
    fixture_hides(&f, "at 1.8");
    fixture_shows(&f, "3.26");
    shell_command(&f.shell, "free all");
    fixture_shows(&f, "at 3.0");
    fixture_settle(&f);
    fixture_hides(&f, "at 3.0");
    fixture_hides(&f, "3.26");
}

static void test_a_count_while_measuring(void **state)
{
    (void)state;
    begin("en to", 200, 60);
    shell_command(&f.shell, "fix 1482=1");
    fixture_settle(&f);
    fixture_shows(&f, "80/120");
    fixture_shows(&f, "± 0.01");
}

static void test_no_uncertainty_shows_as_zero(void **state)
{
    (void)state;
    begin("en to", 200, 60);
    shell_command(&f.shell, "fix 1482=1");
    fixture_settle(&f);
    for (int i = 0; i < 2; i++)
        f.shell.sh.refset[i].view.diff.half = .003;
    fixture_shows(&f, "± <.01");
    fixture_hides(&f, "± 0.0");
    for (int i = 0; i < 2; i++)
        f.shell.sh.refset[i].view.diff.half = (double)NAN; /* no two sentences differ */
    fixture_hides(&f, "±");
}

/* ---- predictions */
static void test_accepting_a_prediction(void **state)
{
    (void)state;
    begin("Parlamentets", 200, 60);
    fixture_shows(&f, "·holdning");
    fixture_shows(&f, "‹C3›");
    fixture_shows(&f, "⏎");
    fixture_keys(&f, "Esc Tab Tab Enter");
    assert_string_equal(f.shell.sh.editor.text.s, "Parlamentets holdning");
    fixture_settle(&f);
    f.ex->next.selected = 5; /* a byte of a character */
    fixture_keys(&f, "Enter");
    assert_string_equal(f.shell.sh.editor.text.s, "Parlamentets holdning");
    assert_true(f.shell.sh.message_is_error);
}

/* ---- commands */
static void test_commands(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        bool ok;
    } cases[] = {{"colour loss", true},
                 {"colour", false},
                 {"colour red", false},
                 {"insert error", true},
                 {"insert both", false},
                 {"context join", true},
                 {"context", false},
                 {"fix 5=1,6=2", true},
                 {"fix 5", false},
                 {"fix 5=x", false},
                 {"fix", false},
                 {"free 5", true},
                 {"free", false},
                 {"rail on", true},
                 {"rail maybe", false},
                 {"shot a.png", false},
                 {"shot a.svg", true},
                 {"theme light", true},
                 {"theme", false},
                 {"open x.txt", true},
                 {"special on", true},
                 {"special maybe", false},
                 {"encoding latin-1", true},
                 {"encoding", false},
                 {"encoding klingon", false},
                 {"header on", true},
                 {"header x", false},
                 {"mouse off", true},
                 {"clear", true},
                 {"clear now", false},
                 {"nothing", false},
                 {"help", true},
                 {"next-pane", true},
                 {"quit", true},
                 {"quit now", false}};
    begin("en to", 120, 36);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (shell_command(&f.shell, cases[i].line) != cases[i].ok)
            fail_msg(":%s: expected %s", cases[i].line, cases[i].ok ? "sense" : "nonsense");
    assert_int_equal(f.shell.sh.colouring, COLOUR_LOSS);
    assert_true(insertion_same(f.shell.sh.sliders.insert, insertion_of(INSERT_ERROR)));
    assert_true(f.shell.sh.sliders.join && f.shell.sh.sliders.special && f.shell.header);
    assert_string_equal(f.shell.encoding, "latin-1");
    assert_true(f.shell.wants & WANT_QUIT && f.shell.wants & WANT_SHOT &&
                f.shell.wants & WANT_THEME && f.shell.wants & WANT_MOUSE);
    assert_int_equal(f.shell.sh.editor.text.n, 0);
}

/* How a corpus is read is asked with it; changed, it is asked anew, and undo takes that back. */
static void test_how_a_corpus_is_read(void **state)
{
    (void)state;
    begin("en to", 120, 36);
    fixture_host(&f);
    shell_command(&f.shell, "encoding latin1");
    shell_command(&f.shell, "corpus tests/golden/text/small.txt"); /* some file */
    shell_go(&f.shell, VIEW_LATENTS);
    const struct corpus_choice *c = &fixture_job(&f, &latents_query)->request.corpus;
    assert_string_equal(c->path, "tests/golden/text/small.txt");
    assert_string_equal(c->encoding, "latin1");
    assert_false(c->header || c->special);
    shell_command(&f.shell, "header on");
    c = &fixture_job(&f, &latents_query)->request.corpus;
    assert_true(c->header && !c->special);
    shell_command(&f.shell, "special on");
    c = &fixture_job(&f, &latents_query)->request.corpus;
    assert_true(c->header && c->special);
    struct wish w;
    shell_wish(&f.shell, &w);
    assert_true(w.special);
    shell_go(&f.shell, VIEW_EXPLORE);
    fixture_keys(&f, "u");
    assert_false(f.shell.sh.sliders.special || f.shell.sh.corpus.special);
    shell_command(&f.shell, "corpus references");
    assert_true(!f.shell.sh.corpus.encoding && !f.shell.sh.corpus.header);
}

static void test_palette(void **state)
{
    (void)state;
    begin("en to", 120, 36);
    fixture_keys(&f, "Esc :");
    assert_int_equal(f.shell.overlay, OVERLAY_PALETTE);
    fixture_type(&f, "cnt");
    fixture_shows(&f, "context line|join");
    fixture_keys(&f, "Tab");
    assert_string_equal(f.shell.prompt.s, "context ");
    fixture_keys(&f, "Tab Tab");
    assert_string_equal(f.shell.prompt.s, "context join");
    fixture_keys(&f, "Enter");
    assert_int_equal(f.shell.overlay, OVERLAY_NONE);
    assert_true(f.shell.sh.sliders.join);
    fixture_keys(&f, ": z o o Enter"); /* an action by its name */
    assert_true(f.ex->zoom);
    fixture_keys(&f, ": Backspace");
    assert_int_equal(f.shell.overlay, OVERLAY_NONE);
    fixture_keys(&f, ": Enter"); /* nothing is chosen: not what stands first, which deletes */
    assert_int_equal(f.shell.overlay, OVERLAY_NONE);
    assert_string_equal(f.shell.sh.editor.text.s, "en to");
    fixture_keys(&f, ": c l e a r Enter");
    assert_int_equal(f.shell.sh.editor.text.n, 0);
    fixture_keys(&f, "= Enter"); /* nor is it a number */
    fixture_hides(&f, "is no number");
    fixture_keys(&f, "= x Enter");
    fixture_shows(&f, "x is no number");
    assert_false(shell_command(&f.shell, "words list.tsv"));
    fixture_shows(&f, ":words is a command of the view Contrast (7)");
}

static void test_every_action_can_be_found(void **state)
{
    (void)state;
    begin("en to", 120, 36);
    fixture_keys(&f, "Esc ?");
    fixture_shows(&f, "Keys: the text");
    fixture_keys(&f, "Down Down Esc");
    assert_int_equal(f.shell.overlay, OVERLAY_NONE);
    assert_false(f.ex->typing);
}

static void test_cancel_then_ask(void **state)
{
    (void)state;
    begin("en to", 120, 36);
    f.shell.sh.status.idle = false;
    fixture_keys(&f, "Ctrl-C");
    struct wish w;
    shell_wish(&f.shell, &w);
    assert_false(w.refsets);
    fixture_keys(&f, "Ctrl-C");
    assert_int_equal(f.shell.overlay, OVERLAY_ASK);
    fixture_keys(&f, "n");
    assert_false(f.shell.wants & WANT_QUIT);
    fixture_keys(&f, "x"); /* work goes on */
    shell_wish(&f.shell, &w);
    assert_true(w.refsets);
    f.shell.sh.status.idle = true;
    fixture_keys(&f, "Ctrl-C y");
    assert_true(f.shell.wants & WANT_QUIT);
}

static void test_wish(void **state)
{
    (void)state;
    begin("en to", 120, 36);
    struct wish w;
    shell_wish(&f.shell, &w);
    uint64_t generation = w.generation;
    assert_true(insertion_same(w.insert, insertion_of(INSERT_NONE)));
    assert_int_equal(w.n_units, 6);
    assert_int_equal(w.watch.dict, -1); /* the coloured one is among the sliders */
    assert_true(w.losses && w.refsets);
    assert_int_equal(w.cursor, 5);
    fixture_keys(&f, "Home");
    assert_true(f.shell.sh.wish_changed);
    shell_wish(&f.shell, &w);
    assert_true(w.generation > generation);
    assert_int_equal(w.cursor, 1); /* behind a byte of the token looked at */
}

static void test_save_and_restore(void **state)
{
    (void)state;
    begin("en to", 120, 36);
    shell_command(&f.shell, "fix 1482=2");
    shell_command(&f.shell, "colour delta");
    struct saved_state s;
    struct options o = {0};
    shell_go(&f.shell, VIEW_SWEEP);
    shell_save(&f.shell, &s);
    assert_string_equal(s.view, "sweep");
    struct shell again;
    shell_init(&again, &o, &s);
    shell_loaded(&again, &f.wb);
    assert_string_equal(again.sh.editor.text.s, "en to");
    assert_true(sliders_equal(&again.sh.sliders, &f.shell.sh.sliders));
    assert_int_equal(again.sh.colouring, COLOUR_DELTA);
    assert_unit(again.sh.colour_unit, 1482);
    assert_int_equal(again.views.now, VIEW_SWEEP);
    shell_release(&again);
    snprintf(s.view, sizeof s.view, "circuits"); /* of a later version */
    s.sliders.unit[1].id.index = 100000;         /* of a larger SAE */
    shell_init(&again, &o, &s);
    shell_loaded(&again, &f.wb);
    assert_int_equal(again.sh.sliders.n, 5);
    assert_int_equal(again.views.now, VIEW_EXPLORE);
    assert_true(again.sh.message_is_error);
    shell_release(&again);
    state_release(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_starts_in_text, end),
        cmocka_unit_test_teardown(test_tab_goes_round, end),
        cmocka_unit_test_teardown(test_tiny_keeps_the_text, end),
        cmocka_unit_test_teardown(test_accordion_unfolds_by_a_click, end),
        cmocka_unit_test_teardown(test_the_cursor_sits_on_the_focus, end),
        cmocka_unit_test_teardown(test_click_places_the_cursor, end),
        cmocka_unit_test_teardown(test_dragging_selects, end),
        cmocka_unit_test_teardown(test_tokens_have_their_levels, end),
        cmocka_unit_test_teardown(test_an_edit_dims_what_follows_in_its_line, end),
        cmocka_unit_test_teardown(test_a_late_snapshot_is_mapped, end),
        cmocka_unit_test_teardown(test_token_steps_and_info, end),
        cmocka_unit_test_teardown(test_rail_and_legend, end),
        cmocka_unit_test_teardown(test_where_the_context_is_full, end),
        cmocka_unit_test_teardown(test_paste_is_one_step_and_enters_text, end),
        cmocka_unit_test_teardown(test_taking_and_colouring, end),
        cmocka_unit_test_teardown(test_of_what_the_colours_are, end),
        cmocka_unit_test_teardown(test_watching_another_latent, end),
        cmocka_unit_test_teardown(test_drag_is_one_undo_step, end),
        cmocka_unit_test_teardown(test_drag_ends, end),
        cmocka_unit_test_teardown(test_other_buttons, end),
        cmocka_unit_test_teardown(test_double_click_types_a_number, end),
        cmocka_unit_test_teardown(test_keys_of_sliders, end),
        cmocka_unit_test_teardown(test_a_number_names_its_knob, end),
        cmocka_unit_test_teardown(test_a_count_while_measuring, end),
        cmocka_unit_test_teardown(test_no_uncertainty_shows_as_zero, end),
        cmocka_unit_test_teardown(test_accepting_a_prediction, end),
        cmocka_unit_test_teardown(test_commands, end),
        cmocka_unit_test_teardown(test_how_a_corpus_is_read, end),
        cmocka_unit_test_teardown(test_palette, end),
        cmocka_unit_test_teardown(test_every_action_can_be_found, end),
        cmocka_unit_test_teardown(test_cancel_then_ask, end),
        cmocka_unit_test_teardown(test_wish, end),
        cmocka_unit_test_teardown(test_save_and_restore, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

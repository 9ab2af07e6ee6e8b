/* Sliders: the arithmetic of tracks, the gestures, and one history with the text. */
#include "tests/support/unit.h"
#include "tui/history.h"
#include "tui/widget/list.h"
#include "tui/widget/prompt.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct sliders six(void)
{
    struct sliders s = {.n = 6};
    for (int i = 0; i < 6; i++)
        s.unit[i].id.index = 100 + i;
    return s;
}

static void assert_value(const struct sliders *s, int row, double v)
{
    double found = sliders_value(s, row, NULL);
    if (fabs(found - v) > 1e-5)
        fail_msg("row %d: %g, expected %g", row, found, v);
}

static void test_values_snap(void **state)
{
    (void)state;
    static const struct {
        double v, snapped;
    } cases[] = {{1.04, 1.0}, {1.05, 1.0},         {1.06, 1.1}, {-0.04, 0},
                 {-7.99, -8}, {1e9, SLIDER_LIMIT}, {NAN, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_true(fabs(slider_snap(cases[i].v) - cases[i].snapped) < 1e-9);
    assert_false(signbit(slider_snap(-0.01)));
}

static void test_track_is_monotonic_and_symmetric(void **state)
{
    (void)state;
    for (int w = 1; w < 200; w++) {
        struct slider_track t = {w, SLIDER_RANGE};
        int last = -1;
        for (int v = -90; v <= 90; v++) {
            int e = track_eighths(t, v / 10.0);
            assert_in_range(e, 0, w > 1 ? 8 * (w - 1) : 0);
            assert_true(e >= last);
            last = e;
            assert_in_range(track_cell(t, v / 10.0), 0, w - 1);
        }
        for (int c = 0; c < w && w > 1; c++)
            assert_int_equal(track_eighths(t, track_value(t, c)), 8 * c);
    }
    struct slider_track fine = {
        21, SLIDER_RANGE}; /* 160 eighths for 160 tenths: every value has its place */
    for (int v = -80; v < 80; v++)
        assert_int_equal(track_eighths(fine, (v + 1) / 10.0) - track_eighths(fine, v / 10.0), 1);
}

static void test_press_on_the_knob_moves_nothing(void **state)
{
    (void)state;
    struct sliders s = six();
    struct slider_track t = {17, SLIDER_RANGE}; /* a cell a unit */
    struct drag d;
    drag_begin(&d, &s, 2, t, 8, 5);
    assert_true(d.active);
    assert_false(s.unit[2].fixed);
    assert_true(drag_move(&d, &s, 10, 5, false));
    assert_value(&s, 2, 2);
    assert_true(s.unit[2].fixed);
    assert_value(&s, 1, 0);
}

static void test_press_on_the_track_jumps(void **state)
{
    (void)state;
    struct sliders s = six();
    struct slider_track t = {17, SLIDER_RANGE};
    struct drag d;
    drag_begin(&d, &s, 0, t, 12, 5);
    assert_value(&s, 0, 4);
    drag_move(&d, &s, 13, 5, false);
    assert_value(&s, 0, 5);
    drag_cancel(&d, &s);
    assert_value(&s, 0, 0);
    assert_false(s.unit[0].fixed);
    assert_false(d.active);
}

static void test_the_grab_holds_outside(void **state)
{
    (void)state;
    struct sliders s = six();
    struct slider_track t = {17, SLIDER_RANGE};
    struct drag d;
    drag_begin(&d, &s, 0, t, 8, 5);
    drag_move(&d, &s, 30, 5, false);
    assert_value(&s, 0, 8);
    drag_move(&d, &s, 18, 5, false); /* still beyond the end: the knob waits for the pointer */
    assert_value(&s, 0, 8);
    drag_move(&d, &s, 14, 5, false);
    assert_value(&s, 0, 6);
    drag_move(&d, &s, -40, 5, false);
    assert_value(&s, 0, -8);
}

static void test_distance_and_ctrl_make_it_finer(void **state)
{
    (void)state;
    static const struct {
        int away;
        bool ctrl;
        double gain;
    } cases[] = {{0, false, 1},      {1, false, 1},   {-1, false, 1},
                 {2, false, .25},    {3, false, .25}, {4, false, .0625},
                 {-9, false, .0625}, {0, true, .25},  {5, true, .0625}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_true(drag_gain(cases[i].away, cases[i].ctrl) == cases[i].gain);
    struct sliders s = six();
    struct slider_track t = {17, SLIDER_RANGE};
    struct drag d;
    drag_begin(&d, &s, 0, t, 8, 5);
    drag_move(&d, &s, 10, 8, false);
    assert_value(&s, 0, .5);
    assert_true(d.fine);
    drag_move(&d, &s, 26, 20, false);
    assert_value(&s, 0, 1.5);
}

static void test_all_move_together(void **state)
{
    (void)state;
    struct sliders s = six();
    struct slider_track t = {17, SLIDER_RANGE};
    struct drag d;
    bool same;
    drag_begin(&d, &s, SLIDER_ALL, t, 8, 0);
    drag_move(&d, &s, 10, 0, false);
    for (int i = 0; i < 6; i++)
        assert_value(&s, i, 2);
    sliders_value(&s, SLIDER_ALL, &same);
    assert_true(same);
    sliders_set(&s, 3, 5);
    sliders_value(&s, SLIDER_ALL, &same);
    assert_false(same);
    sliders_toggle(&s, SLIDER_ALL);
    assert_false(sliders_any_fixed(&s));
    sliders_toggle(&s, 4);
    sliders_toggle(&s, SLIDER_ALL); /* some are free: fixes the rest */
    for (int i = 0; i < 6; i++)
        assert_true(s.unit[i].fixed);
}

static void test_range_widens(void **state)
{
    (void)state;
    struct sliders s = six();
    assert_true(sliders_range(&s) == 8);
    sliders_set(&s, 1, -12.3);
    assert_true(sliders_range(&s) == 13);
    sliders_set(&s, 1, 8);
    assert_true(sliders_range(&s) == 8);
}

static void test_taking_latents(void **state)
{
    (void)state;
    struct sliders s = six();
    assert_int_equal(sliders_take(&s, UNIT(103), 9), 3); /* there already, untouched */
    assert_value(&s, 3, 0);
    sliders_set(&s, 5, 1);
    assert_int_equal(sliders_take(&s, UNIT(7), 1.23), 6); /* none goes for it */
    assert_int_equal(s.n, 7);
    assert_value(&s, 6, 1.2);
    assert_false(s.unit[6].fixed);
    sliders_set(&s, SLIDER_ALL, 1);
    for (int i = 7; i < UNITS_MAX; i++) {
        assert_int_equal(sliders_take(&s, UNIT(200 + i), 0), i);
        sliders_set(&s, i, 1);
    }
    assert_int_equal(sliders_take(&s, UNIT(999), 0), -1);
    sliders_remove(&s, 0);
    assert_int_equal(s.n, UNITS_MAX - 1);
    assert_int_equal(s.unit[0].id.index, 101);
}

static void test_fixing_inserts(void **state)
{
    (void)state;
    struct sliders s = six();
    assert_true(insertion_same(sliders_insert(&s), insertion_of(INSERT_NONE)));
    sliders_set(&s, 0, 1);
    assert_true(insertion_same(sliders_insert(&s), insertion_of(INSERT_SAE)));
    s.insert = insertion_of(INSERT_ERROR);
    assert_true(insertion_same(sliders_insert(&s), insertion_of(INSERT_ERROR)));
}

static void test_history_of_sliders(void **state)
{
    (void)state;
    struct history h;
    struct sliders a = six(), b = a, c = a;
    history_init(&h);
    sliders_set(&b, 0, .5);
    sliders_set(&c, 0, 1);
    history_sliders(&h, &a, &b, true);
    history_sliders(&h, &b, &c, true); /* a held key: the same step */
    assert_int_equal(h.n, 1);
    struct edit e = {.at = 0, .n_inserted = 1, .inserted = (char *)"x", .removed = (char *)""};
    history_edit(&h, &e, true);
    struct sliders d = c;
    sliders_set(&d, 1, 1);
    history_sliders(&h, &c, &d, false);
    history_sliders(&h, &d, &d, false); /* nothing */
    assert_int_equal(h.n, 3);
    const struct change *u = history_undo(&h);
    assert_int_equal(u->kind, CHANGE_SLIDERS);
    assert_true(sliders_equal(&u->sliders->before, &c));
    assert_int_equal(history_undo(&h)->kind, CHANGE_TEXT);
    u = history_undo(&h);
    assert_true(sliders_equal(&u->sliders->before, &a));
    assert_true(sliders_equal(&u->sliders->after, &c));
    assert_null(history_undo(&h));
    assert_int_equal(history_redo(&h)->kind, CHANGE_SLIDERS);
    history_release(&h);
}

static void test_lists(void **state)
{
    (void)state;
    struct list l = {0};
    list_resize(&l, 10, 3);
    list_select(&l, 9);
    assert_int_equal(l.top, 7);
    list_scroll(&l, -3);
    assert_int_equal(l.top, 4);
    assert_int_equal(l.selected, 6);
    list_resize(&l, 5, 3);
    assert_int_equal(l.selected, 4);
    assert_int_equal(l.top, 2);
    list_resize(&l, 0, 3);
    assert_int_equal(l.selected, 0);
    assert_int_equal(l.top, 0);
    assert_false(list_select(&l, 5));
}

static void press(struct prompt *p, const char *name)
{
    struct event e;
    assert_true(event_parse(name, &e));
    assert_true(prompt_event(p, &e));
}

static void test_prompt(void **state)
{
    (void)state;
    struct prompt p;
    prompt_set(&p, "fix å");
    press(&p, "Backspace");
    press(&p, "7");
    assert_string_equal(p.s, "fix 7");
    press(&p, "Home");
    press(&p, "Ctrl-F");
    press(&p, "Ctrl-K");
    assert_string_equal(p.s, "f");
    struct event paste = {.kind = EVENT_PASTE, .paste = "a\nb", .n_paste = 3};
    assert_true(prompt_event(&p, &paste));
    assert_string_equal(p.s, "fa b");
    press(&p, "Ctrl-W");
    assert_string_equal(p.s, "fa ");
    char big[2 * PROMPT_MAX];
    memset(big, 'x', sizeof big);
    paste.paste = big;
    paste.n_paste = sizeof big;
    prompt_event(&p, &paste);
    assert_true(p.n < PROMPT_MAX);
    assert_int_equal(strlen(p.s), p.n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_snap),
        cmocka_unit_test(test_track_is_monotonic_and_symmetric),
        cmocka_unit_test(test_press_on_the_knob_moves_nothing),
        cmocka_unit_test(test_press_on_the_track_jumps),
        cmocka_unit_test(test_the_grab_holds_outside),
        cmocka_unit_test(test_distance_and_ctrl_make_it_finer),
        cmocka_unit_test(test_all_move_together),
        cmocka_unit_test(test_range_widens),
        cmocka_unit_test(test_taking_latents),
        cmocka_unit_test(test_fixing_inserts),
        cmocka_unit_test(test_history_of_sliders),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_prompt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

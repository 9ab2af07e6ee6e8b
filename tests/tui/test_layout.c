/* The layout for every size from 1×1 to 500×200, every focus, zoomed or not. */
#include "tui/layout.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static bool inside(struct rect r, int w, int h)
{
    return r.x >= 0 && r.y >= 0 && r.w > 0 && r.h > 0 && r.x + r.w <= w && r.y + r.h <= h;
}

static bool overlap(struct rect a, struct rect b)
{
    return a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;
}

static void check(const struct layout *l, int w, int h, enum pane focus)
{
    struct rect all[N_PANES + 3];
    int n = 0, open = 0, area = 0;
    for (int p = 0; p < N_PANES; p++) {
        if (l->pane[p].h > 0)
            all[n++] = l->pane[p];
        open += layout_open(l, (enum pane)p);
        struct rect in = layout_inner(l, (enum pane)p);
        if (layout_open(l, (enum pane)p))
            assert_true(inside(in, w, h));
        else
            assert_true(in.w <= 0 || in.h <= 0);
        if (l->folded[p])
            assert_int_equal(l->pane[p].h, 1);
    }
    if (l->title.h > 0)
        all[n++] = l->title;
    if (l->status.h > 0)
        all[n++] = l->status;
    if (l->keys.h > 0)
        all[n++] = l->keys;
    for (int i = 0; i < n; i++) {
        if (!inside(all[i], w, h))
            fail_msg("%d×%d focus %d: rect %d is outside", w, h, focus, i);
        area += all[i].w * all[i].h;
        for (int j = 0; j < i; j++)
            if (overlap(all[i], all[j]))
                fail_msg("%d×%d focus %d: rects %d and %d overlap", w, h, focus, i, j);
    }
    assert_true(open >= 1);
    assert_int_equal(area, w * h); /* nothing is left blank */
    if (layout_reachable(l, focus))
        assert_true(layout_open(l, focus));
}

static void test_every_size(void **state)
{
    (void)state;
    for (int w = 1; w <= 500; w += w < 130 ? 1 : 7)
        for (int h = 1; h <= 200; h += h < 60 ? 1 : 9)
            for (int f = 0; f < N_PANES; f++)
                for (int zoom = 0; zoom < 4; zoom++) {
                    static const struct layout_rows rows[2] = {{0, 0, 0}, {10, 20, 17}};
                    struct layout l;
                    layout_compute(&l, w, h, (enum pane)f, zoom % 2, rows[zoom / 2]);
                    check(&l, w, h, (enum pane)f);
                }
}

static void test_what_is_not_drawn_takes_no_keys(void **state)
{
    (void)state;
    struct layout l;
    layout_compute(&l, 20, 5, PANE_LATENTS, false, (struct layout_rows){0});
    assert_int_equal(l.mode, LAYOUT_TINY);
    assert_true(layout_open(&l, PANE_TEXT));
    assert_false(layout_reachable(&l, PANE_LATENTS));
    assert_int_equal(l.status.h, 1);
    layout_compute(&l, 60, 20, PANE_SLIDERS, false, (struct layout_rows){0});
    assert_int_equal(l.mode, LAYOUT_ACCORDION);
    for (int p = 0; p < N_PANES; p++)
        assert_int_equal(layout_open(&l, (enum pane)p), p == PANE_SLIDERS);
}

static void test_named_sizes(void **state)
{
    (void)state;
    static const struct {
        int w, h;
        enum layout_mode mode;
        int open;
    } cases[] = {
        {120, 36, LAYOUT_FULL, 6},     {80, 24, LAYOUT_FULL, 5},     {79, 24, LAYOUT_ACCORDION, 1},
        {80, 23, LAYOUT_ACCORDION, 1}, {40, 8, LAYOUT_ACCORDION, 1}, {39, 8, LAYOUT_SINGLE, 1},
        {40, 7, LAYOUT_SINGLE, 1},     {20, 5, LAYOUT_TINY, 1},      {1, 1, LAYOUT_TINY, 1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct layout l;
        int open = 0;
        layout_compute(&l, cases[i].w, cases[i].h, PANE_TEXT, false, (struct layout_rows){0});
        for (int p = 0; p < N_PANES; p++)
            open += layout_open(&l, (enum pane)p);
        assert_int_equal(l.mode, cases[i].mode);
        assert_int_equal(open, cases[i].open);
    }
    struct layout l;
    layout_compute(&l, 80, 24, PANE_TEXT, false, (struct layout_rows){0});
    assert_true(layout_inner(&l, PANE_SLIDERS).h >= 7); /* six and all of them */
}

static void test_pane_at(void **state)
{
    (void)state;
    struct layout l;
    layout_compute(&l, 100, 30, PANE_TEXT, false, (struct layout_rows){0});
    assert_int_equal(layout_pane_at(&l, 0, 0), -1);
    for (int p = 0; p < N_PANES; p++)
        if (p != PANE_NEXT)
            assert_int_equal(layout_pane_at(&l, l.pane[p].x, l.pane[p].y), p);
    assert_int_equal(l.pane[PANE_NEXT].h, 0);
}

/* Predictions stand there from 120 columns or about 40 rows, else in the histogram's place when
 * focused. */
static void test_predictions(void **state)
{
    (void)state;
    for (int w = 80; w < 200; w++)
        for (int h = 24; h < 70; h++) {
            struct layout l, focused;
            layout_compute(&l, w, h, PANE_TEXT, false, (struct layout_rows){0});
            layout_compute(&focused, w, h, PANE_NEXT, false, (struct layout_rows){0});
            bool placed = layout_open(&l, PANE_NEXT);
            assert_true(placed || w < 120);
            assert_true(placed || h < 45);
            assert_false(placed && w < 120 && h < 36);
            assert_true(layout_open(&l, PANE_HISTOGRAM));
            assert_true(layout_reachable(&l, PANE_NEXT));
            assert_true(layout_open(&focused, PANE_NEXT));
            assert_int_equal(layout_open(&focused, PANE_HISTOGRAM), placed);
            assert_true(layout_inner(&focused, PANE_NEXT).w >= 20);
            if (!placed)
                assert_memory_equal(&focused.pane[PANE_NEXT], &l.pane[PANE_HISTOGRAM],
                                    sizeof(struct rect));
        }
}

/* Rows seen of each list; predictions have a heading. */
static struct layout_rows rows_seen(const struct layout *l)
{
    return (struct layout_rows){layout_inner(l, PANE_LATENTS).h, layout_inner(l, PANE_NEXT).h - 1,
                                layout_inner(l, PANE_SLIDERS).h};
}

/* On a large screen no list is cut while another pane of the column has rows to spare. */
static void test_room_is_used(void **state)
{
    (void)state;
    static const int latents[] = {4, 10, 32, 64}, sliders[] = {2, 7, 17};
    for (int w = 120; w <= 500; w += 20)
        for (int h = 50; h <= 200; h++)
            for (int i = 0; i < 12; i++) {
                struct layout_rows want = {latents[i % 4], 20, sliders[i / 4]}, seen;
                struct layout l;
                layout_compute(&l, w, h, PANE_TEXT, false, want);
                seen = rows_seen(&l);
                bool cut = seen.latents < want.latents || seen.next < want.next;
                bool spare = seen.latents > want.latents || seen.next > want.next ||
                             seen.sliders > want.sliders;
                if (cut && w >= 160 && spare)
                    fail_msg("%d×%d: %d latents, %d predictions, %d sliders of %d, 20, %d", w, h,
                             seen.latents, seen.next, seen.sliders, want.latents, want.sliders);
                int third = (h - 3) / 3 - 2;
                assert_true(w < 160 ||
                            seen.sliders == (want.sliders < third ? want.sliders : third));
                assert_true(w < 160 || layout_inner(&l, PANE_HISTOGRAM).w * 5 >= w * 2 - 20);
            }
    struct layout l;
    layout_compute(&l, 200, 60, PANE_TEXT, false, (struct layout_rows){10, 20, 7});
    assert_int_equal(rows_seen(&l).latents, 10);
    assert_int_equal(rows_seen(&l).next, 20);
    assert_true(layout_inner(&l, PANE_HISTOGRAM).w > 100);
    assert_true(layout_inner(&l, PANE_HISTOGRAM).h >= 20);
    layout_compute(&l, 200, 60, PANE_TEXT, false, (struct layout_rows){32, 20, 7});
    assert_true(rows_seen(&l).latents >= 20);
    assert_true(rows_seen(&l).next >= 8);
    layout_compute(&l, 300, 80, PANE_TEXT, false, (struct layout_rows){32, 20, 7});
    assert_true(rows_seen(&l).latents >= 32);
    assert_true(rows_seen(&l).next >= 18);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_size),  cmocka_unit_test(test_what_is_not_drawn_takes_no_keys),
        cmocka_unit_test(test_named_sizes), cmocka_unit_test(test_pane_at),
        cmocka_unit_test(test_predictions), cmocka_unit_test(test_room_is_used),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The Latents view: what it asks, what it shows. GLIMT_GOLDEN_UPDATE=1 writes the screens. */
#include "engine/base/memory.h"
#include "engine/base/strbuf.h"
#include "tests/support/effort.h"
#include "tests/support/latents_scene.h"
#include "tests/support/requests.h"
#include "tests/support/testdata.h"
#include "tests/support/unit.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- screens */
static void compare(struct scene *s, const char *name)
{
    char path[200], *now = scene_screen(s);
    snprintf(path, sizeof path, "view/latents-view-%s.txt", name);
    golden_expect(path, now);
    free(now);
}

static void test_screens(void **state)
{
    (void)state;
    static const struct {
        const char *name, *keys;
        int w, h;
    } cases[] = {
        {"20x3", "", 20, 3},
        {"40x9", "Down", 40, 9},
        {"60x40", "Down", 60, 40},
        {"80x21", "", 80, 21},
        {"80x21-lens", "Down Shift-Tab Right Right Down", 80, 21},
        {"120x33", "Tab Tab Down Down", 120, 33},
        {"200x57", "Down Down", 200, 57},
        {"120x33-zoom", "Tab Tab z", 120, 33},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct scene s;
        scene_open(&s, false, false, cases[i].w, cases[i].h);
        scene_keys(&s, cases[i].keys);
        compare(&s, cases[i].name);
        scene_close(&s);
    }
}

static void test_without_colours(void **state)
{
    (void)state;
    struct scene s;
    scene_open(&s, false, true, 100, 30);
    scene_keys(&s, "f /");
    scene_type(&s, "da>0.05 en<,1");
    compare(&s, "mono-100x30");
    scene_close(&s);
}

static void test_while_it_runs(void **state)
{
    (void)state;
    struct scene s;
    scene_open(&s, true, false, 80, 21);
    struct job *j = &s.a.job[0];
    scene_assert_shows(&s, "references waits for what runs");
    j->status = JOB_RUNNING;
    j->version++;
    strcpy(j->what, "harvest");
    j->progress = (struct study_progress){
        .done = 43, .total = 100, .share = .43, .tokens_per_s = 12345, .left = 4.2};
    assert_true(latents_view.update(&s.v, &s.in));
    assert_false(latents_view.update(&s.v, &s.in));
    compare(&s, "harvesting-80x21");
    j->tables = scene_set(scene_rows(5, 2, 0)); /* what there is so far */
    j->version++;
    assert_true(latents_view.update(&s.v, &s.in));
    compare(&s, "growing-80x21");
    assert_int_equal(s.a.asks, 1); /* nothing about a latent while the table grows */
    scene_finish(&s.a, j);
    assert_true(latents_view.update(&s.v, &s.in));
    assert_int_equal(s.a.n, 3); /* histogram and examples; the lens is folded */
    scene_close(&s);
}

static void test_failure(void **state)
{
    (void)state;
    struct scene s;
    scene_open(&s, true, false, 80, 21);
    s.a.job[0].status = JOB_FAILED;
    s.a.job[0].version++;
    error_set(&s.a.job[0].error, ERROR_INPUT, "reading corpus.tsv: line 3 has no label");
    latents_view.update(&s.v, &s.in);
    scene_assert_shows(&s, "corpus.tsv: line 3 has no");
    scene_close(&s);

    scene_open(&s, true, false, 80, 21);
    struct dict *dict = s.f.wb.dict;
    s.f.wb.dict = NULL;
    latents_view.release(&s.v);
    latents_view.init(&s.v, &s.in);
    scene_place(&s, 80, 21);
    latents_view.enter(&s.v, &s.in);
    scene_assert_shows(&s, "no SAE");
    struct request r;
    assert_false(latents_view.request(&s.v, &s.in, &r));
    assert_null(latents_view.table(&s.v));
    s.in.workbench = NULL;
    latents_view.enter(&s.v, &s.in);
    scene_assert_shows(&s, "loading");
    s.f.wb.dict = dict;
    scene_close(&s);
}

/* ---- order and filter */
static void assert_sorted(const struct scene *s, int32_t col, bool descending)
{
    for (int i = 1; i < s->v.n_shown; i++) {
        const struct table *t = s->v.rows;
        int64_t a = latents_row(&s->v, i - 1), b = latents_row(&s->v, i);
        if (!table_has(t, b, col))
            continue;
        assert_true(table_has(t, a, col));
        int order;
        if (t->cols[col].type == COLUMN_STR)
            order = strcmp(table_str(t, a, col), table_str(t, b, col));
        else
            order = (table_f64(t, a, col) > table_f64(t, b, col)) -
                    (table_f64(t, a, col) < table_f64(t, b, col));
        assert_true(descending ? order >= 0 : order <= 0);
    }
}

static void test_every_column_sorts(void **state)
{
    (void)state;
    struct scene s;
    scene_open(&s, false, false, 80, 21);
    assert_sorted(&s, table_find(s.v.rows, "difference"), true);
    assert_int_equal(scene_selected(&s), 1482);
    for (int i = 0; i < s.v.rows->n_cols; i++)
        scene_keys(&s, "Left");
    assert_int_equal(s.v.column, 0);
    for (int32_t c = 0; c < s.v.rows->n_cols; c++, scene_keys(&s, "Right")) {
        assert_int_equal(s.v.column, c);
        if (s.v.sort_col == c)
            scene_keys(&s, "o");
        scene_keys(&s, "o");
        bool descending = s.v.descending;
        assert_int_equal(s.v.sort_col, c);
        assert_sorted(&s, c, descending);
        scene_assert_shows(&s, descending ? "▼" : "▲"); /* the column is in sight */
        scene_keys(&s, "o");
        assert_int_equal(s.v.descending, !descending);
        assert_sorted(&s, c, !descending);
        scene_assert_shows(&s, descending ? "▲" : "▼");
        assert_int_equal(s.v.n_shown, SCENE_UNITS);
    }
    scene_close(&s);
}

static void test_filter(void **state)
{
    (void)state;
    struct scene s;
    scene_open(&s, false, false, 80, 21);
    scene_keys(&s, "/");
    assert_true(latents_view.typing(&s.v));
    scene_type(&s, "da>.6 en<.01 xyz");
    assert_int_equal(s.v.n_shown, 6);
    scene_assert_shows(&s, "/ da>.6 en<.01 xyz");
    scene_assert_shows(&s, "6 of 60");
    scene_keys(&s, "Down Down");
    assert_int_equal(scene_selected(&s), 2310);
    scene_keys(&s, "Ctrl-W");
    scene_keys(&s, "Enter");
    assert_false(latents_view.typing(&s.v));
    assert_int_equal(s.v.n_shown, 6);
    assert_int_equal(scene_selected(&s), 2310); /* keeps the latent */
    const struct table *t = latents_view.table(&s.v);
    assert_int_equal(t->n_rows, 6);
    assert_int_equal(table_i64(t, 2, 0), 2310);
    assert_ptr_equal(t, latents_view.table(&s.v));
    scene_keys(&s, "o o");
    assert_int_equal(table_i64(latents_view.table(&s.v), 0, 0), scene_unit(5));
    scene_keys(&s, "Esc");
    assert_int_equal(s.v.n_shown, SCENE_UNITS);
    assert_int_equal(s.f.shell.views.now, VIEW_EXPLORE);
    scene_keys(&s, "/");
    scene_type(&s, "zzz");
    assert_int_equal(s.v.n_shown, SCENE_UNITS); /* nonsense is ignored */
    scene_keys(&s, "Ctrl-U");
    scene_type(&s, "da>2%");
    assert_true(s.v.n_shown < SCENE_UNITS);
    scene_type(&s, " 99999");
    assert_int_equal(s.v.n_shown, 0);
    scene_assert_shows(&s, "no latent is left");
    assert_int_equal(scene_selected(&s), -1);
    assert_int_equal(latents_view.table(&s.v)->n_rows, 0);
    scene_keys(&s, "Esc");
    assert_false(latents_view.typing(&s.v));
    assert_int_equal(s.v.n_shown, SCENE_UNITS);
    scene_close(&s);
}

/* ---- what is asked */
static int asked_units(const struct scene *s, const struct query *query)
{
    int n = 0;
    for (int i = 0; i < s->a.n; i++)
        n += s->a.job[i].request.query == query;
    return n;
}

static void test_asks_for_the_newest(void **state)
{
    (void)state;
    struct scene s;
    scene_open(&s, false, false, 120, 33);
    assert_int_equal(s.a.n, 4); /* the table, and three about the first */
    s.a.hold = true;
    scene_keys(&s, "Down Down Down Down Down");
    assert_int_equal(s.a.n, 7); /* only about the first that was passed */
    assert_unit(units_asked(&s.a.job[4].request)[0], 77);
    assert_int_equal(scene_selected(&s), 2047);
    scene_finish_all(&s.a);
    latents_view.update(&s.v, &s.in);
    assert_int_equal(s.a.n, 10);
    assert_unit(units_asked(&s.a.job[7].request)[0], 2047); /* where one stopped */
    scene_finish_all(&s.a);
    assert_true(latents_view.update(&s.v, &s.in));
    scene_assert_shows(&s, "What 2047 writes");
    scene_assert_shows(&s, "·ikke");
    int asks = s.a.asks;
    scene_keys(&s, "Home");
    assert_int_equal(s.a.asks, asks); /* is there already */
    scene_assert_shows(&s, "1482 in context");
    assert_int_equal(asked_units(&s, &lens_query), 3);
    scene_close(&s);
}

static void test_many_selections(void **state)
{
    (void)state;
    struct scene s;
    scene_open(&s, false, false, 120, 33);
    for (int i = 0; i < 2; i++)
        scene_keys(&s, "End PageUp PageUp Home PageDown Down Down Up");
    scene_keys(&s, "Home");
    for (int i = 0; i < SCENE_UNITS + 5; i++)
        scene_keys(&s, "Down");
    assert_int_equal(s.v.list.selected, SCENE_UNITS - 1);
    assert_int_equal(asked_units(&s, &bins_query), SCENE_UNITS);
    int asks = s.a.asks;
    for (int i = 0; i < SCENE_UNITS + 5; i++)
        scene_keys(&s, "k");
    assert_int_equal(s.a.asks, asks);
    assert_non_null(latents_detail_table(&s.v, DETAIL_BINS, "rows"));
    scene_close(&s);
}

static void test_zoomed_table_asks_nothing(void **state)
{
    (void)state;
    struct scene s;
    scene_open(&s, false, false, 30, 5);
    assert_int_equal(s.a.n, 1);
    scene_place(&s, 120, 33);
    assert_int_equal(s.a.n, 4);
    scene_keys(&s, "z Down");
    assert_int_equal(s.a.n, 4);
    scene_keys(&s, "Tab");
    assert_int_equal(s.a.n, 5);
    assert_int_equal(s.a.job[4].request.query, &bins_query);
    scene_close(&s);
}

static void test_growing_table(void **state)
{
    (void)state;
    struct scene s;
    scene_open(&s, true, false, 80, 21);
    struct job *j = &s.a.job[0];
    j->status = JOB_RUNNING;
    for (int n = 3; n < 40; n += 9) {
        table_set_unref(j->tables);
        j->tables = scene_set(scene_rows(n, 2, 0));
        j->version++;
        latents_view.update(&s.v, &s.in);
        assert_int_equal(s.v.n_shown, n);
        if (n == 3)
            assert_int_equal(scene_selected(&s), 1482);
        if (n == 12)
            scene_keys(&s, "Down Down Down Down");
        if (n >= 12)
            assert_int_equal(scene_selected(&s), 11); /* stays with its latent */
    }
    scene_close(&s);
}

static void test_target(void **state)
{
    (void)state;
    struct scene s;
    struct request r;
    scene_open(&s, false, false, 80, 21);
    scene_assert_shows(&s, "da against en");
    assert_int_equal(scene_selected(&s), 1482);
    s.a.hold = true;
    scene_keys(&s, "t");
    assert_true(latents_view.request(&s.v, &s.in, &r));
    assert_ptr_equal(r.query, &latents_query);
    assert_string_equal(target_asked(&r), "en");
    request_release(&r);
    assert_true(s.v.stale); /* the other class's rows, and told so */
    scene_draw(&s);
    assert_true(style_equal(s.f.grid.cell[80 * 3 + 8].style, theme_style(s.f.theme, ROLE_STALE)));
    scene_finish_all(&s.a);
    assert_true(latents_view.update(&s.v, &s.in));
    assert_false(s.v.stale);
    assert_sorted(&s, table_find(s.v.rows, "difference"), true);
    assert_int_not_equal(scene_selected(&s), 1482);
    int n = s.a.n;
    scene_keys(&s, "t");
    assert_true(latents_view.request(&s.v, &s.in, &r));
    assert_null(target_asked(&r));
    request_release(&r);
    scene_finish_all(&s.a);
    latents_view.update(&s.v, &s.in);
    assert_true(asked_units(&s, &latents_query) == 2 && s.a.n >= n);
    assert_int_equal(scene_selected(&s), 1482);
    /* another corpus has classes of its own */
    scene_keys(&s, "t");
    s.corpus.path = xstrdup("other.tsv");
    latents_view.enter(&s.v, &s.in);
    assert_true(latents_view.request(&s.v, &s.in, &r));
    assert_null(target_asked(&r));
    assert_string_equal(r.corpus.path, "other.tsv");
    request_release(&r);
    corpus_choice_release(&s.corpus);
    scene_close(&s);
}

static void assert_stale(struct scene *s, int x, int y)
{
    uint8_t others = (uint8_t)~ATTR_REVERSE;
    struct style a = s->f.grid.cell[80 * y + x].style, b = theme_style(s->f.theme, ROLE_STALE);
    a.attr = a.attr & others; /* the selected row */
    assert_true(style_equal(a, b));
}

/* Numbers stand with the corpus that they are of: the one before's are dimmed and named as such
 * until the next one's are there. */
static void test_numbers_of_another_corpus(void **state)
{
    (void)state;
    struct scene s;
    scene_open(&s, false, false, 80, 21);
    scene_assert_shows(&s, "Latents of references");
    s.a.hold = true;
    s.corpus.path = xstrdup("/somewhere/big.tsv");
    latents_view.enter(&s.v, &s.in);
    latents_view.update(&s.v, &s.in);
    scene_assert_shows(&s, "Latents of references");
    scene_assert_shows(&s, "big.tsv waits for what runs");
    for (int y = 2; y < 6; y++) /* the selected row and others */
        for (int x = 4; x < 12; x++)
            if (strcmp(s.f.grid.cell[80 * y + x].glyph, " ") != 0)
                assert_stale(&s, x, y);
    assert_null(latents_view.table(&s.v)); /* nothing to take home as big.tsv's */
    struct job *j = &s.a.job[s.a.n - 1];
    j->status = JOB_RUNNING;
    j->progress = (struct study_progress){.done = 42, .total = 100, .share = .42, .left = NAN};
    latents_view.update(&s.v, &s.in);
    scene_assert_shows(&s, "harvesting big.tsv … 42 %");
    scene_assert_shows(&s, "Latents of references");
    j->status = JOB_CANCELLED;
    j->version++;
    latents_view.update(&s.v, &s.in);
    scene_assert_shows(&s, "big.tsv: cancelled");
    scene_assert_shows(&s, "Latents of references");
    scene_finish(&s.a, j);
    latents_view.update(&s.v, &s.in);
    scene_assert_shows(&s, "Latents of big.tsv");
    assert_false(scene_shows(&s, "references"));
    assert_non_null(latents_view.table(&s.v));
    scene_finish_all(&s.a);
    latents_view.update(&s.v, &s.in);
    scene_assert_shows(&s, "· big.tsv"); /* the details */
    corpus_choice_release(&s.corpus);
    scene_close(&s);
}

static void test_requests_and_tables(void **state)
{
    (void)state;
    static const struct query *const query[] = {&latents_query, &bins_query, &examples_query,
                                                &lens_query};
    struct scene s;
    struct plot_options o;
    scene_open(&s, false, false, 120, 33);
    for (int i = 0; i < 4; i++, scene_keys(&s, "Tab")) {
        struct request r;
        assert_true(latents_view.request(&s.v, &s.in, &r));
        assert_ptr_equal(r.query, query[i]);
        assert_int_equal(n_units_asked(&r), i > 0);
        assert_true(i == 0 || units_asked(&r)[0].index == 1482);
        request_release(&r);
        assert_non_null(latents_view.table(&s.v));
    }
    scene_keys(&s, "Shift-Tab Right");
    assert_string_equal(latents_view.table(&s.v)->name, "suppressed");
    latents_view.plot(&s.v, &o);
    assert_true(o.mirrored && !o.log_y);
    scene_keys(&s, "L b");
    latents_view.plot(&s.v, &o);
    assert_true(!o.mirrored && o.log_y);
    scene_close(&s);
}

/* ---- what it does to Explore */
static void test_explore(void **state)
{
    (void)state;
    struct scene s;
    scene_open(&s, false, false, 120, 33);
    scene_keys(&s, "End f");
    int32_t unit = scene_selected(&s);
    int row = sliders_find(&s.f.shell.sh.sliders, UNIT(unit));
    assert_true(row >= 0);
    assert_true(fabs((double)s.f.shell.sh.sliders.unit[row].value - latents_value(&s.v, unit)) <
                .051);
    scene_keys(&s, "f");
    assert_true(s.f.shell.sh.sliders.unit[row].fixed);
    scene_assert_shows(&s, "●");
    scene_keys(&s, "Home Enter");
    assert_unit(s.f.shell.sh.colour_unit, 1482);
    assert_int_equal(s.f.shell.views.now, VIEW_EXPLORE);
    scene_keys(&s, "Tab Tab Down Enter");
    size_t n = s.f.shell.sh.editor.text.n;
    char *text = xstrndup(s.f.shell.sh.editor.text.s, n);
    assert_non_null(strstr(text, "Mange unge mennesker flytter til de store byer, fordi"));
    free(text);
    /* a neighbour */
    scene_keys(&s, "Tab Right Right Down Enter");
    assert_int_equal(scene_selected(&s), scene_unit(4));
    scene_close(&s);
}

static void test_mouse(void **state)
{
    (void)state;
    struct scene s;
    int x, y;
    scene_open(&s, false, false, 120, 33);
    scene_find(&s, "overlap", &x, &y);
    scene_click(&s, 1, x, y, 1);
    int32_t col = table_find(s.v.rows, "overlap");
    assert_int_equal(s.v.sort_col, col);
    assert_sorted(&s, col, false);
    scene_click(&s, 1, x, y, 1);
    assert_sorted(&s, col, true);
    scene_click(&s, 1, 4, 2 + 5, 1);
    assert_int_equal(s.v.list.selected, 5);
    scene_wheel(&s, false, 4, 7);
    assert_int_equal(s.v.list.top, 3);
    scene_wheel(&s, true, 4, 7);
    scene_wheel(&s, true, 4, 7);
    assert_int_equal(s.v.list.top, 0);
    scene_find(&s, "neighbours", &x, &y);
    scene_click(&s, 1, x + 1, y + 2, 1);
    assert_int_equal(s.v.focus, PART_LENS);
    assert_int_equal(s.v.lens_column, 2);
    assert_int_equal(s.v.lens.selected, 1);
    scene_click(&s, 1, x + 1, y + 2, 2);
    assert_int_equal(scene_selected(&s), scene_unit(4));
    int64_t top = latents_row(&s.v, s.v.list.top);
    scene_click(&s, 3, 4, 2, 1);
    assert_int_equal(scene_selected(&s), table_i64(s.v.rows, top, 0));
    int n = sliders_find(&s.f.shell.sh.sliders, UNIT(scene_selected(&s)));
    assert_true(n >= 0);
    scene_find(&s, "Pre-activations", &x, &y);
    scene_click(&s, 1, x + 20, y + 4, 1);
    assert_int_equal(s.v.focus, PART_HISTOGRAM);
    assert_false(s.f.shell.sh.sliders.unit[n].fixed);
    scene_click(&s, 1, x + 20, y + 4, 1);
    assert_true(s.f.shell.sh.sliders.unit[n].fixed); /* the value that stands below the pointer */
    scene_close(&s);
}

/* ---- robustness */
static bool inside(struct rect a, struct rect r)
{
    return a.w <= 0 || a.h <= 0 ||
           (a.x >= r.x && a.y >= r.y && a.x + a.w <= r.x + r.w && a.y + a.h <= r.y + r.h);
}

static bool apart(struct rect a, struct rect b)
{
    return a.w <= 0 || a.h <= 0 || b.w <= 0 || b.h <= 0 || a.x + a.w <= b.x || b.x + b.w <= a.x ||
           a.y + a.h <= b.y || b.y + b.h <= a.y;
}

static void test_layout(void **state)
{
    (void)state;
    for (int w = 0; w <= 500; w += w < 130 ? 1 : 23)
        for (int h = 0; h <= 200; h += h < 50 ? 1 : 17)
            for (int k = 0; k < 2 * N_PARTS * N_PARTS; k++) {
                struct latents_layout l;
                struct rect r = {3, 2, w, h};
                int focus = k / 2 % N_PARTS, cells = 0;
                latents_layout(r, (enum latents_part)focus, (enum latents_part)(k / 2 / N_PARTS),
                               k % 2, 95, &l);
                for (int p = 0; p < N_PARTS; p++) {
                    assert_true(inside(l.part[p], r));
                    cells += l.part[p].w * l.part[p].h;
                    for (int q = 0; q < p; q++)
                        assert_true(apart(l.part[p], l.part[q]));
                }
                assert_int_equal(cells, w * h);
                if (w > 0 && h > 0)
                    assert_true(latents_open(&l, (enum latents_part)focus));
            }
}

static void test_every_size_draws(void **state)
{
    (void)state;
    struct scene s;
    scene_open(&s, false, false, 80, 21);
    s.v.log = true;
    const int step = quick() ? 3 : 1;
    for (int w = 0; w <= 500; w += w < 45 ? step : w < 130 ? 9 * step : 123)
        for (int h = 0; h <= 200; h += h < 12 ? step : h < 50 ? 7 : 75)
            for (int k = 0; k < 6; k++) {
                static const char *const press[] = {"Tab", "Tab", "Tab", "Tab", "Right", "End"};
                scene_place(&s, w, h);
                scene_keys(&s, press[k]);
                struct latents before = s.v;
                scene_draw(&s);
                assert_memory_equal(&before, &s.v, sizeof before); /* drawing changes nothing */
                assert_true(s.f.grid.cursor_x < w || w == 0);
                assert_true(s.f.grid.cursor_y < h || h == 0);
                assert_true(w == 0 || h == 0 || s.f.grid.cursor_x >= 0);
            }
    /* drawn into another rect than the last resize said */
    scene_place(&s, 80, 21);
    s.r = (struct rect){-5, 3, 40, 300};
    scene_draw(&s);
    scene_close(&s);
}

static void test_many_classes(void **state)
{
    (void)state;
    struct scene s;
    scene_open(&s, true, false, 60, 14);
    s.a.classes = 6;
    scene_finish_all(&s.a);
    latents_view.update(&s.v, &s.in);
    assert_int_equal(s.v.n_classes, 6);
    scene_assert_shows(&s, "against the others");
    for (int i = 0; i < s.v.rows->n_cols + 2; i++) {
        scene_keys(&s, "Right");
        free(scene_screen(&s));
    }
    scene_assert_shows(&s, "density");
    char *all = scene_screen(&s);
    assert_null(strchr(all, '\x1b'));
    free(all);
    for (int i = 0; i < s.v.rows->n_cols + 2; i++)
        scene_keys(&s, "Left");
    assert_int_equal(s.v.left, 0);
    scene_assert_shows(&s, "da %");
    scene_close(&s);
}

static void test_strange_tables(void **state)
{
    (void)state;
    struct scene s;
    scene_open(&s, true, false, 120, 40);
    s.a.strange = true;
    s.a.hold = false;
    scene_finish_all(&s.a);
    latents_view.update(&s.v, &s.in);
    for (int i = 0; i < 5; i++) {
        static const char *const press[] = {"Down o Right o Right o Right o", "Tab", "Tab Down",
                                            "Tab Right Right", "/"};
        scene_keys(&s, press[i]);
        free(scene_screen(&s));
    }
    scene_type(&s, "latent=3 text>1 fire_share.=x 4 class<2");
    free(scene_screen(&s));
    scene_keys(&s, "Esc t");
    free(scene_screen(&s));
    scene_close(&s);

    scene_open(&s, false, false, 120, 40); /* texts that are not where they should be */
    struct table *t = scene_examples(1);
    for (int64_t r = 0; r < t->n_rows; r++) {
        table_set_i64(t, r, 7, r % 2 ? -5 : 1 << 30);
        table_set_i64(t, r, 8, r % 3 ? INT64_MAX : INT64_MIN);
        if (r % 4 == 0)
            t->cols[6].valid[r] = 0;
    }
    struct job *examples = &s.v.detail[DETAIL_EXAMPLES];
    table_set_unref(examples->tables);
    examples->tables = scene_set(t);
    scene_keys(&s, "Tab Tab Down Down Down");
    free(scene_screen(&s));
    scene_keys(&s, "Enter");
    scene_close(&s);
}

static void test_alone(void **state)
{
    (void)state;
    struct scene s;
    scene_open(&s, false, false, 120, 33);
    s.in.shared = NULL;
    scene_assert_shows(&s, "1482");
    scene_keys(&s, "f Enter Down Esc Tab f Enter Tab Enter Tab Enter");
    s.in.host = NULL;
    scene_keys(&s, "t Down");
    latents_view.enter(&s.v, &s.in);
    scene_assert_shows(&s, "1482");
    scene_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_screens),
        cmocka_unit_test(test_without_colours),
        cmocka_unit_test(test_while_it_runs),
        cmocka_unit_test(test_failure),
        cmocka_unit_test(test_every_column_sorts),
        cmocka_unit_test(test_filter),
        cmocka_unit_test(test_asks_for_the_newest),
        cmocka_unit_test(test_many_selections),
        cmocka_unit_test(test_zoomed_table_asks_nothing),
        cmocka_unit_test(test_growing_table),
        cmocka_unit_test(test_target),
        cmocka_unit_test(test_numbers_of_another_corpus),
        cmocka_unit_test(test_requests_and_tables),
        cmocka_unit_test(test_explore),
        cmocka_unit_test(test_mouse),
        cmocka_unit_test(test_layout),
        cmocka_unit_test(test_every_size_draws),
        cmocka_unit_test(test_many_classes),
        cmocka_unit_test(test_strange_tables),
        cmocka_unit_test(test_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

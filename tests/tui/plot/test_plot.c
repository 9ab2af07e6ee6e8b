/* Plots: scales and their text, pictures compared with committed ones (GLIMT_GOLDEN_UPDATE=1 writes
 * them), and what holds for any table in any rect. */
#include "engine/base/memory.h"
#include "engine/base/rng.h"
#include "engine/text/utf8.h"
#include "tests/support/plot_fixture.h"
#include "tests/support/testdata.h"
#include "tui/plot/data.h"
#include "tui/plot/plot.h"
#include "tui/plot/scale.h"
#include <ctype.h>
#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- driving */
static struct theme *open_theme(enum depth depth, bool ascii)
{
    struct theme *theme = NULL;
    struct error e = {0};
    setenv("GLIMT_DATA", ".", 1); /* themes of the tree */
    unsetenv("XDG_CONFIG_HOME");
    unsetenv("HOME");
    if (!theme_open("dark", depth, ascii, &theme, &e))
        fail_msg("%s", e.text);
    return theme;
}

struct drawn {
    struct theme *theme;
    struct grid grid;
    struct plot_layout layout;
};

static void draw(struct drawn *d, const struct table *t, const struct plot_options *o, int w, int h)
{
    d->theme = open_theme(DEPTH_256, false);
    grid_init(&d->grid, w, h, theme_style(d->theme, ROLE_TEXT));
    plot_cells(t, o, d->theme, &d->grid, (struct rect){0, 0, w, h}, &d->layout);
}

static void release(struct drawn *d)
{
    grid_release(&d->grid);
    theme_free(d->theme);
}

static char *text_of(const struct drawn *d)
{
    struct strbuf out;
    strbuf_init(&out);
    grid_write_text(&d->grid, &out);
    return strbuf_detach(&out);
}

static char *cells_text(const struct table *t, const struct plot_options *o, int w, int h)
{
    struct drawn d;
    draw(&d, t, o, w, h);
    char *s = text_of(&d);
    release(&d);
    return s;
}

static char *svg_text(const struct table *t, const struct plot_options *o)
{
    struct strbuf out;
    strbuf_init(&out);
    plot_svg(t, o, 0, 0, &out);
    return strbuf_detach(&out);
}

static struct plot_options plain(void)
{
    struct plot_options o;
    plot_options_init(&o);
    return o;
}

static int count(const char *s, const char *what)
{
    int n = 0;
    while ((s = strstr(s, what))) {
        n++;
        s += strlen(what);
    }
    return n;
}

/* Frees s. */
static void compare(char *s, const char *name)
{
    char path[200];
    snprintf(path, sizeof path, "plot/%s", name);
    golden_expect(path, s);
    free(s);
}

/* ---- numbers */
static void test_number_text(void **state)
{
    (void)state;
    static const struct {
        double v;
        int digits;
        const char *text;
    } text[] = {{0, 4, "0"},
                {-0.0, 4, "0"},
                {2.94, 4, "2.94"},
                {-3.77, 4, "−3.77"},
                {1234567, 4, "1234567"},
                {12345, 9, "12345"},
                {9.9996, 4, "10"},
                {1e-7, 4, "1e−7"},
                {9.99999e-7, 4, "1e−6"},
                {1e300, 4, "1e300"},
                {5e-324, 3, "4.94e−324"},
                {-1e16, 4, "−1e16"},
                {.1, 9, "0.1"},
                {1. / 3, 9, "0.333333333"},
                {INFINITY, 4, "∞"},
                {100, 2, "100"},
                {NAN, 4, ""}};
    char out[NUMBER_MAX];
    for (size_t i = 0; i < sizeof text / sizeof *text; i++) {
        size_t n = number_text(text[i].v, text[i].digits, false, out);
        assert_string_equal(out, text[i].text);
        assert_int_equal(n, strlen(out));
    }
    number_fixed(-2.345, 2, true, out);
    assert_true(strcmp(out, "-2.35") == 0 || strcmp(out, "-2.34") == 0);
    number_fixed(-.0004, 2, true, out);
    assert_string_equal(out, "0.00");
    number_fixed(1e13, 2, true, out);
    assert_string_equal(out, "1e13");
}

static void ticks_text(double lo, double hi, bool log, int want, bool percent, char *out)
{
    struct scale s;
    struct extent e;
    struct ticks t;
    extent_init(&e);
    extent_add(&e, lo);
    extent_add(&e, hi);
    if (log)
        scale_fit_log(&s, &e);
    else
        scale_fit(&s, &e, 0);
    ticks_make(&t, &s, want, percent);
    out[0] = 0;
    for (int i = 0; i < t.n; i++) {
        char one[NUMBER_MAX];
        tick_text(&t, t.at[i], true, one);
        strcat(out, i ? " " : "");
        strcat(out, one);
    }
}

static void test_ticks(void **state)
{
    (void)state;
    static const struct {
        double lo, hi;
        bool log, percent;
        int want;
        const char *text;
    } cases[] = {
        {-8, 8, false, false, 8, "-8 -6 -4 -2 0 2 4 6 8"},
        {2.83, 4.31, false, false, 3, "3.0 3.5 4.0"},
        {0, .004, false, false, 4, "0.000 0.001 0.002 0.003 0.004"},
        {0, 1, false, true, 5, "0% 20% 40% 60% 80% 100%"},
        {0, 20000, false, false, 4, "0 5k 10k 15k 20k"},
        {0, 2e7, false, false, 4, "0 5M 10M 15M 20M"},
        {1, 1e4, true, false, 8, "1 10 100 1k 10k"},
        {1e-9, 2e-9, false, false, 2, "1e-9 1.5e-9 2e-9"},
        {3, 3, false, false, 2, "2.8 3.0 3.2"},
        {0, 0, false, false, 2, "-1 0 1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char out[TICKS_MAX * NUMBER_MAX];
        ticks_text(cases[i].lo, cases[i].hi, cases[i].log, cases[i].want, cases[i].percent, out);
        assert_string_equal(out, cases[i].text);
    }
}

static void test_scale_any(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 1);
    for (int i = 0; i < 20000; i++) {
        double v[2];
        for (int k = 0; k < 2; k++)
            v[k] = pow(10, rng_unit(&rng) * 640 - 330) * (rng_below(&rng, 2) ? 1 : -1);
        if (rng_below(&rng, 4) == 0)
            v[1] = v[0] * (1 + 1e-12 * rng_unit(&rng));
        struct extent e;
        struct scale s;
        struct ticks t;
        extent_init(&e);
        extent_add(&e, v[0]);
        extent_add(&e, v[1]);
        bool log = rng_below(&rng, 2);
        if (log)
            scale_fit_log(&s, &e);
        else
            scale_fit(&s, &e, .05);
        assert_true(isfinite(s.lo) && isfinite(s.hi) && s.lo < s.hi && (!log || s.lo > 0));
        for (int k = 0; k < 2; k++)
            assert_true(scale_share(&s, v[k]) >= 0 && scale_share(&s, v[k]) <= 1);
        ticks_make(&t, &s, 1 + (int)rng_below(&rng, 40), rng_below(&rng, 2));
        assert_in_range(t.n, 1, TICKS_MAX);
        for (int k = 0; k < t.n; k++) {
            char out[NUMBER_MAX];
            assert_true(tick_text(&t, t.at[k], rng_below(&rng, 2), out) < NUMBER_MAX);
            assert_true(isfinite(t.at[k]) && (!k || t.at[k] > t.at[k - 1]));
        }
    }
}

/* ---- pictures */
enum what { SWEEP, SWEEP_INSERTS, HISTOGRAM, HISTOGRAMS, FINE, BARS, GROUPS, HEAT, CLOUD, LIST };

static struct table *make(enum what what)
{
    switch (what) {
    case SWEEP: return fixture_sweep(false);
    case SWEEP_INSERTS: return fixture_sweep(true);
    case HISTOGRAM: return fixture_histogram(1, false);
    case HISTOGRAMS: return fixture_histogram(6, false);
    case FINE: return fixture_histogram(1, true);
    case BARS: return fixture_bars(8, false);
    case GROUPS: return fixture_bars(6, true);
    case HEAT: return fixture_heat(6, 9, true);
    case CLOUD: return fixture_scatter(120);
    default: return fixture_list(80);
    }
}

enum { MIRRORED = 1, LOG = 2, BARE = 4, ASCII = 8, BLOCKS = 16, MARKED = 32, COUNTS = 64 };

static struct plot_options options_of(int flags)
{
    struct plot_options o = plain();
    o.mirrored = flags & MIRRORED;
    o.log_y = flags & LOG;
    o.bare = flags & BARE;
    o.glyphs = flags & ASCII ? PLOT_ASCII : flags & BLOCKS ? PLOT_BLOCKS : PLOT_BRAILLE;
    o.y = flags & COUNTS ? "count" : NULL;
    if (flags & MARKED) {
        o.n_at = 2;
        o.at[0] = -2;
        o.at[1] = 1.9;
        o.at_label[1] = "·holdning";
    }
    return o;
}

static void test_cells(void **state)
{
    (void)state;
    static const struct {
        enum what what;
        int flags, w, h;
        const char *name;
    } cases[] = {
        {SWEEP, 0, 40, 12, "sweep-40x12.txt"},
        {SWEEP, 0, 80, 24, "sweep-80x24.txt"},
        {SWEEP, ASCII, 60, 16, "sweep-ascii-60x16.txt"},
        {SWEEP, BLOCKS, 40, 12, "sweep-blocks-40x12.txt"},
        {SWEEP, BARE, 24, 3, "sweep-bare-24x3.txt"},
        {SWEEP_INSERTS, 0, 80, 20, "sweep-inserts-80x20.txt"},
        {HISTOGRAM, MARKED, 40, 12, "hist-40x12.txt"},
        {HISTOGRAM, MIRRORED | MARKED, 80, 20, "hist-mirrored-80x20.txt"},
        {HISTOGRAM, MIRRORED | MARKED | ASCII, 60, 14, "hist-ascii-60x14.txt"},
        {HISTOGRAM, BARE, 30, 2, "hist-bare-30x2.txt"},
        {FINE, LOG | COUNTS, 80, 16, "hist-log-80x16.txt"},
        {HISTOGRAMS, MIRRORED, 100, 30, "facets-100x30.txt"},
        {HISTOGRAMS, 0, 40, 14, "facets-40x14.txt"},
        {BARS, 0, 60, 12, "bars-60x12.txt"},
        {GROUPS, 0, 60, 14, "groups-60x14.txt"},
        {GROUPS, ASCII, 40, 8, "groups-ascii-40x8.txt"},
        {HEAT, 0, 60, 10, "heat-60x10.txt"},
        {HEAT, 0, 24, 8, "heat-24x8.txt"},
        {HEAT, ASCII, 24, 8, "heat-ascii-24x8.txt"},
        {CLOUD, 0, 60, 16, "scatter-60x16.txt"},
        {LIST, 0, 40, 10, "list-40x10.txt"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct table *t = make(cases[i].what);
        struct plot_options o = options_of(cases[i].flags);
        compare(cells_text(t, &o, cases[i].w, cases[i].h), cases[i].name);
        table_free(t);
    }
}

static void test_svg(void **state)
{
    (void)state;
    static const struct {
        enum what what;
        int flags;
        const char *name;
    } cases[] = {
        {SWEEP, 0, "sweep.svg"},
        {HISTOGRAM, MARKED, "hist.svg"},
        {HISTOGRAMS, MIRRORED, "facets.svg"},
        {GROUPS, 0, "groups.svg"},
        {HEAT, 0, "heat.svg"},
        {CLOUD, 0, "scatter.svg"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct table *t = make(cases[i].what);
        struct plot_options o = options_of(cases[i].flags);
        compare(svg_text(t, &o), cases[i].name);
        table_free(t);
    }
}

/* ---- what the marks mean */
static struct table *series_table(const double *x, const double *y, int n)
{
    struct table *t = table_new("rows", "", MARK_LINE);
    table_column(t, "x", "", "", COLUMN_F64, COLUMN_X);
    table_column(t, "y", "", "", COLUMN_F64, COLUMN_Y);
    for (int i = 0; i < n; i++) {
        table_row(t);
        if (!isnan(x[i]))
            table_set_f64(t, i, 0, x[i]);
        table_set_f64(t, i, 1, y[i]);
    }
    return t;
}

/* How many of the columns of a bare plot show anything. */
static int inked(const struct drawn *d, int x0, int x1)
{
    int n = 0;
    for (int x = x0; x < x1; x++) {
        bool ink = false;
        for (int y = 0; y < d->grid.h; y++)
            ink = ink || strcmp(d->grid.cell[y * d->grid.w + x].glyph, " ") != 0;
        n += ink;
    }
    return n;
}

static struct table *many_classes(enum mark mark, int n)
{
    struct table *t = table_new("many", "", mark);
    char name[24];
    bool hist = mark == MARK_HIST;
    table_column(t, "class", "", "", COLUMN_STR, COLUMN_SERIES);
    table_column(t, hist ? "lo" : "value", "", "", COLUMN_F64, hist ? COLUMN_LO : COLUMN_X);
    table_column(t, hist ? "hi" : "loss", "", "", COLUMN_F64, hist ? COLUMN_HI : COLUMN_Y);
    if (hist)
        table_column(t, "density", "", "", COLUMN_F64, COLUMN_Y);
    for (int c = 0; c < n; c++)
        for (int i = 0; i < 3; i++) {
            int64_t row = table_row(t);
            snprintf(name, sizeof name, "lang%02d", c);
            table_set_str(t, row, 0, name);
            table_set_f64(t, row, 1, i);
            table_set_f64(t, row, 2, hist ? i + 1 : 1 + (c + i) % 3);
            if (hist)
                table_set_f64(t, row, 3, 1 + (c + i) % 3);
        }
    return t;
}

/* The legend names as many classes as have room, from the first on, and counts the others. */
static void test_many_classes(void **state)
{
    (void)state;
    static const enum mark marks[] = {MARK_LINE, MARK_HIST};
    static const int classes[] = {5, 12, 32, 64},
                     sizes[][2] = {{23, 8}, {40, 8}, {78, 18}, {118, 28}};
    for (size_t m = 0; m < 2; m++)
        for (size_t c = 0; c < 4; c++)
            for (size_t k = 0; k < 4; k++) {
                struct table *t = many_classes(marks[m], classes[c]);
                struct plot_options o = options_of(marks[m] == MARK_HIST ? MIRRORED : 0);
                char *text = cells_text(t, &o, sizes[k][0], sizes[k][1]), name[24];
                int named = 0, left = 0;
                while (snprintf(name, sizeof name, "lang%02d", named), strstr(text, name))
                    named++;
                const char *plus = strchr(text, '+');
                if (plus)
                    left = atoi(plus + 1);
                if (named < 1 || named + left != classes[c])
                    fail_msg("%d of %d classes named, %d counted:\n%s", named, classes[c], left,
                             text);
                free(text);
                table_free(t);
            }
    struct table *t = many_classes(MARK_LINE, 32); /* a picture has room */
    struct plot_options o = options_of(0);
    struct strbuf svg;
    strbuf_init(&svg);
    plot_svg(t, &o, 0, 0, &svg);
    assert_non_null(strstr(svg.s, ">lang31<"));
    strbuf_release(&svg);
    table_free(t);
}

/* No two of 16 classes look alike: by colour, by dash. */
static void test_many_looks(void **state)
{
    (void)state;
    struct table *t = many_classes(MARK_LINE, 16);
    struct plot_options o = options_of(0);
    struct plot_data d;
    plot_data_init(&d, t, &o);
    for (int i = 0; i < 16; i++)
        for (int j = 0; j < i; j++)
            assert_false(d.look[i].color == d.look[j].color && d.look[i].dash == d.look[j].dash);
    plot_data_release(&d);
    table_free(t);
}

static void test_missing_breaks_lines(void **state)
{
    (void)state;
    static const double x[] = {0, 1, 2, 3, 4}, whole[] = {1, 2, 3, 2, 1},
                        broken[] = {1, 2, NAN, 2, 1}, endless[] = {1, 2, INFINITY, 2, 1};
    const double *const y[] = {whole, broken, endless};
    struct plot_options o = options_of(BARE);
    for (int i = 0; i < 3; i++) {
        struct drawn d;
        struct table *t = series_table(x, y[i], 5);
        draw(&d, t, &o, 40, 8);
        assert_int_equal(inked(&d, 0, 10), 10);
        assert_int_equal(inked(&d, 12, 28), i ? 0 : 16);
        assert_int_equal(inked(&d, 30, 40), 10);
        release(&d);
        table_free(t);
    }
}

/* Rows of a sweep may come in any order; the line goes by x. */
static void test_lines_go_by_x(void **state)
{
    (void)state;
    static const double x[] = {0, 1, 2, 3, 4}, y[] = {0, 1, 2, 3, 4}, xs[] = {3, 0, 4, 2, 1},
                        ys[] = {3, 0, 4, 2, 1};
    struct plot_options o = plain();
    struct table *a = series_table(x, y, 5), *b = series_table(xs, ys, 5);
    char *s = cells_text(a, &o, 40, 12), *shuffled = cells_text(b, &o, 40, 12);
    assert_string_equal(s, shuffled);
    free(s);
    free(shuffled);
    table_free(a);
    table_free(b);
}

static void test_references(void **state)
{
    (void)state;
    struct table *t = fixture_sweep(false);
    struct plot_options o = plain();
    char *s = cells_text(t, &o, 100, 24);
    assert_non_null(strstr(s, "da unmodified"));
    assert_non_null(strstr(s, "en unmodified"));
    free(s);
    s = cells_text(t, &o, 40, 12); /* no room for both */
    assert_int_equal(count(s, "unmodified"), 1);
    free(s);
    s = svg_text(t, &o);
    assert_int_equal(count(s, "<title>da · unmodified: 2.94 nats [2.87, 3.017]</title>"), 1);
    assert_int_equal(count(s, "<title>da · value −8: 4.24 nats [4.17, 4.317]</title>"), 1);
    assert_int_equal(count(s, "class=\"band "), 2);
    free(s);
    table_free(t);
}

static void test_filters(void **state)
{
    (void)state;
    struct table *t = fixture_sweep(true);
    struct plot_options o = plain();
    o.only_key = "insert";
    o.only_value = "sae";
    char *s = cells_text(t, &o, 100, 24);
    assert_non_null(strstr(s, " da  "));
    assert_null(strstr(s, "da sae")); /* what all lines share names none of them */
    assert_null(strstr(s, "error"));
    free(s);
    table_free(t);
    t = fixture_histogram(6, false);
    o = plain();
    o.facet = "92";
    struct drawn d;
    draw(&d, t, &o, 80, 24);
    s = text_of(&d);
    assert_non_null(strstr(s, "latent 92"));
    assert_null(strstr(s, "latent 418"));
    assert_int_equal(d.layout.n_panels, 1);
    free(s);
    release(&d);
    o.facet = "no such";
    s = cells_text(t, &o, 80, 24);
    assert_non_null(strstr(s, "no values yet"));
    free(s);
    table_free(t);
}

static void test_layout_finds_values(void **state)
{
    (void)state;
    struct table *t = fixture_histogram(6, false);
    struct plot_options o = options_of(MIRRORED);
    struct drawn d;
    draw(&d, t, &o, 120, 36);
    assert_int_equal(d.layout.n_panels, 6);
    for (int i = 0; i < 6; i++) {
        const struct plot_area *a = &d.layout.panel[i];
        double half = (a->x1 - a->x0) / a->inner.w / 2;
        assert_true(fabs(a->x0 + 3) < 1e-9 && fabs(a->x1 - 7) < 1e-9);
        assert_true(fabs(plot_value_at(a, a->inner.x) - (a->x0 + half)) < 1e-9);
        assert_true(fabs(plot_value_at(a, a->inner.x + a->inner.w - 1) - (a->x1 - half)) < 1e-9);
        assert_true(a->y0 == -a->y1);
    }
    release(&d);
    table_free(t);
}

static void test_zeros_at_the_floor(void **state)
{
    (void)state;
    static const double x[] = {0, .5, 1, 1.5, 2, 2.5, 3},
                        y[] = {0, NAN, 10, NAN, 1000, NAN, 100000}; /* no lines between */
    struct table *t = series_table(x, y, 7);
    struct plot_options o = options_of(BARE | LOG | ASCII);
    struct drawn d;
    draw(&d, t, &o, 31, 9);
    assert_string_equal(d.grid.cell[8 * 31].glyph, "*");
    assert_string_equal(d.grid.cell[30].glyph, "*");
    /* Equal ratios, equal steps. */
    int row[4];
    for (int i = 0; i < 4; i++) {
        row[i] = -1;
        for (int r = 0; r < 9; r++)
            if (strcmp(d.grid.cell[r * 31 + (i < 3 ? i * 31 / 3 : 30)].glyph, "*") == 0)
                row[i] = r;
        assert_true(row[i] >= 0);
    }
    assert_true(abs((row[1] - row[2]) - (row[2] - row[3])) <= 1);
    release(&d);
    table_free(t);
}

/* Columns of the first class above the axis, of the second below it. */
static void test_mirrored(void **state)
{
    (void)state;
    struct table *t = fixture_histogram(1, false);
    struct plot_options o = options_of(MIRRORED | BARE | ASCII);
    struct drawn d;
    draw(&d, t, &o, 58, 12);
    for (int y = 0; y < 12; y++)
        for (int x = 0; x < 58; x++) {
            const char *g = d.grid.cell[y * 58 + x].glyph;
            assert_false(y < 6 ? *g == '=' : *g == '#');
        }
    assert_string_equal(d.grid.cell[11 * 58 + 17].glyph, "="); /* English peaks at 0 */
    assert_string_equal(d.grid.cell[5 * 58 + 34].glyph, "#");
    release(&d);
    table_free(t);
}

static void test_svg_set(void **state)
{
    (void)state;
    struct table_set *set = table_set_new();
    table_set_add(set, fixture_sweep(false));
    table_set_add(set, fixture_list(80));
    struct plot_options o = plain();
    struct strbuf out;
    strbuf_init(&out);
    plot_svg_set(set, &o, &out);
    assert_int_equal(count(out.s, "<svg "), 1);
    assert_int_equal(count(out.s, "</svg>"), 1);
    assert_non_null(strstr(out.s, "20 more"));
    assert_non_null(strstr(out.s, "&lt;b&gt;&amp;&quot;"));
    assert_non_null(strstr(out.s, "ø‹01›"));
    assert_null(strchr(out.s, 1));
    strbuf_release(&out);
    table_set_unref(set);
}

/* A decimal comma in the locale changes nothing. */
static void test_locale(void **state)
{
    (void)state;
    static const char *const names[] = {"da_DK.UTF-8", "da_DK.utf8", "de_DE.UTF-8", "fr_FR.UTF-8"};
    struct table *t = fixture_sweep(false);
    struct plot_options o = plain();
    char *s = svg_text(t, &o), *danish = NULL;
    const char *set = NULL;
    for (size_t i = 0; i < sizeof names / sizeof *names && !set; i++)
        set = setlocale(LC_NUMERIC, names[i]);
    danish = svg_text(t, &o);
    setlocale(LC_NUMERIC, "C");
    assert_string_equal(s, danish);
    free(s);
    free(danish);
    table_free(t);
    if (!set) {
        print_message("no locale with a decimal comma is installed\n");
        skip();
    }
}

/* ---- any table, any rect */
static bool is_ascii(const char *s)
{
    for (; *s; s++)
        if ((unsigned char)*s >= 0x80)
            return false;
    return true;
}

static struct plot_options random_options(struct rng *rng)
{
    struct plot_options o = plain();
    o.glyphs = (enum plot_glyphs)rng_below(rng, 3);
    o.mirrored = rng_below(rng, 2);
    o.log_y = rng_below(rng, 2);
    o.bare = rng_below(rng, 3) == 0;
    o.x = rng_below(rng, 8) ? NULL : "b";
    o.y = rng_below(rng, 8) ? NULL : "c";
    o.facet = rng_below(rng, 8) ? NULL : "da";
    o.only_key = rng_below(rng, 8) ? NULL : "a";
    o.only_value = rng_below(rng, 2) ? NULL : "en";
    o.n_at = (int)rng_below(rng, 4);
    for (int i = 0; i < o.n_at; i++) {
        o.at[i] = i == 2 ? NAN : rng_unit(rng) * 4 - 2;
        o.at_label[i] = i ? "·漢字 label" : NULL;
    }
    return o;
}

static struct rect random_rect(struct rng *rng)
{
    static const int size[] = {0, 1, 2, 3, 4, 5, 8, 13, 21, 40, 80};
    return (struct rect){(int)rng_below(rng, 14) - 4, (int)rng_below(rng, 14) - 4,
                         size[rng_below(rng, 11)], size[rng_below(rng, 11)]};
}

/* Nothing outside of the rect has changed, and what is inside can be shown. */
static void check_cells(const struct grid *g, struct rect r, bool ascii)
{
    for (int y = 0; y < g->h; y++)
        for (int x = 0; x < g->w; x++) {
            const char *glyph = g->cell[y * g->w + x].glyph;
            if (!rect_has(r, x, y))
                assert_string_equal(glyph, "~");
            else
                assert_true(utf8_is_valid(glyph, strlen(glyph)) && (!ascii || is_ascii(glyph)));
        }
}

static void check_layout(const struct plot_layout *l, struct rect r)
{
    assert_in_range(l->n_panels, 0, PLOT_MAX_PANELS);
    for (int i = 0; i < l->n_panels; i++) {
        struct rect in = l->panel[i].inner;
        if (in.w <= 0 || in.h <= 0)
            continue;
        assert_true(in.x >= r.x && in.y >= r.y && in.x + in.w <= r.x + r.w &&
                    in.y + in.h <= r.y + r.h);
        assert_true(isfinite(plot_value_at(&l->panel[i], in.x)));
    }
}

static void test_any_table_in_any_rect(void **state)
{
    (void)state;
    struct rng rng;
    struct theme *themes[] = {open_theme(DEPTH_DIRECT, false), open_theme(DEPTH_256, true),
                              open_theme(DEPTH_MONO, false)};
    struct grid g;
    rng_seed(&rng, 11);
    grid_init(&g, 60, 30, (struct style){0});
    for (int i = 0; i < 3000; i++) {
        struct table *t = fixture_random(&rng);
        struct plot_options o = random_options(&rng);
        struct rect r = random_rect(&rng);
        struct plot_layout layout;
        const struct theme *theme = themes[rng_below(&rng, 3)];
        for (int k = 0; k < g.w * g.h; k++)
            memcpy(g.cell[k].glyph, "~", 2);
        if (r.w > 0 && r.h > 0)
            grid_fill(&g, r, (struct style){0});
        plot_cells(t, &o, theme, &g, r, &layout);
        check_cells(&g, r, theme_ascii(theme) || o.glyphs == PLOT_ASCII);
        check_layout(&layout, r);
        table_free(t);
    }
    grid_release(&g);
    for (int i = 0; i < 3; i++)
        theme_free(themes[i]);
}

static void test_sizes(void **state)
{
    (void)state;
    static const struct rect size[] = {{0, 0, 1, 1},   {0, 0, 500, 200}, {0, 0, 500, 1},
                                       {0, 0, 1, 200}, {-3, -3, 500, 9}, {2, 2, 1 << 30, 1 << 30},
                                       {0, 0, 20, 5}};
    struct theme *theme = open_theme(DEPTH_256, false);
    struct grid g;
    grid_init(&g, 500, 200, (struct style){0});
    for (int what = SWEEP; what <= LIST; what++)
        for (size_t i = 0; i < sizeof size / sizeof *size; i++) {
            struct table *t = make((enum what)what);
            struct plot_options o = options_of(what % 2 ? MIRRORED | MARKED : LOG);
            plot_cells(t, &o, theme, &g, size[i], NULL);
            table_free(t);
        }
    grid_release(&g);
    theme_free(theme);
}

/* Tags that close, attributes in quotes, entities that XML knows, nothing raw. */
static void check_xml(const char *s)
{
    const char *open[16];
    size_t depth = 0, n = strlen(s);
    assert_true(utf8_is_valid(s, n));
    for (const char *p = s; *p; p++) {
        assert_true(*p == '\n' || (unsigned char)*p >= ' ');
        if (*p == '&')
            assert_true(!strncmp(p, "&amp;", 5) || !strncmp(p, "&lt;", 4) ||
                        !strncmp(p, "&gt;", 4) || !strncmp(p, "&quot;", 6));
        assert_int_not_equal(*p, '>'); /* only tags end, below */
        if (*p != '<')
            continue;
        bool closing = p[1] == '/', quoted = false;
        const char *name = p + 1 + closing;
        size_t length = strcspn(name, " />");
        for (p++; *p && (quoted || *p != '>'); p++) {
            assert_int_not_equal(*p, '<');
            quoted ^= *p == '"';
        }
        assert_int_equal(*p, '>');
        if (closing) {
            assert_true(depth > 0);
            depth--;
            assert_true(!strncmp(open[depth], name, length) && !isalpha(open[depth][length]));
        } else if (p[-1] != '/') {
            assert_true(depth < 16);
            open[depth++] = name;
        }
    }
    assert_int_equal(depth, 0);
}

static void test_any_table_as_svg(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 12);
    for (int i = 0; i < 600; i++) {
        static const int px[] = {0, 1, 9, 100, 400, 20000};
        struct plot_options o = random_options(&rng);
        struct table_set *set = table_set_new();
        struct strbuf out, again;
        strbuf_init(&out);
        strbuf_init(&again);
        table_set_add(set, fixture_random(&rng));
        table_set_add(set, fixture_random(&rng));
        int w = px[rng_below(&rng, 6)], h = px[rng_below(&rng, 6)];
        plot_svg(set->table[0], &o, w, h, &out);
        plot_svg(set->table[0], &o, w, h, &again);
        check_xml(out.s);
        assert_string_equal(out.s, again.s);
        assert_null(strstr(out.s, "nan"));
        assert_null(strstr(out.s, "=\"inf"));
        strbuf_clear(&out);
        plot_svg_set(set, &o, &out);
        check_xml(out.s);
        strbuf_release(&out);
        strbuf_release(&again);
        table_set_unref(set);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_number_text),
        cmocka_unit_test(test_ticks),
        cmocka_unit_test(test_scale_any),
        cmocka_unit_test(test_cells),
        cmocka_unit_test(test_svg),
        cmocka_unit_test(test_many_classes),
        cmocka_unit_test(test_many_looks),
        cmocka_unit_test(test_missing_breaks_lines),
        cmocka_unit_test(test_lines_go_by_x),
        cmocka_unit_test(test_references),
        cmocka_unit_test(test_filters),
        cmocka_unit_test(test_layout_finds_values),
        cmocka_unit_test(test_zeros_at_the_floor),
        cmocka_unit_test(test_mirrored),
        cmocka_unit_test(test_svg_set),
        cmocka_unit_test(test_locale),
        cmocka_unit_test(test_any_table_in_any_rect),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_any_table_as_svg),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

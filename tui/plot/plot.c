#include "tui/plot/plot.h"
#include "engine/base/memory.h"
#include "tui/plot/panels.h"
#include "tui/plot/tokens.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LARGEST_SIDE 4096 /* cells */

void plot_options_init(struct plot_options *o)
{
    *o = (struct plot_options){0};
}

double plot_value_at(const struct plot_area *a, int x)
{
    if (a->inner.w <= 0)
        return a->x0;
    const double share = (x - a->inner.x + .5) / a->inner.w;
    return a->log_x ? a->x0 * pow(a->x1 / a->x0, share) : a->x0 + share * (a->x1 - a->x0);
}

double plot_value_up(const struct plot_area *a, int y)
{
    if (a->inner.h <= 0)
        return a->y0;
    return a->y1 - (y - a->inner.y + .5) / a->inner.h * (a->y1 - a->y0);
}

static int within(double v, int from, int n)
{
    return v < from ? from : v >= from + n ? from + n - 1 : (int)v;
}

void plot_cell_of(const struct plot_area *a, double x, double y, int *cell_x, int *cell_y)
{
    const struct rect r = a->inner;
    *cell_x = within(floor(r.x + (x - a->x0) / (a->x1 - a->x0) * r.w), r.x, r.w);
    *cell_y = within(floor(r.y + (a->y1 - y) / (a->y1 - a->y0) * r.h), r.y, r.h);
}

/* ---- panels */
typedef void draw_fn(const struct plot *, int32_t panel, struct rect, struct plot_area *);
static draw_fn *const draw_mark[] = {
    [MARK_LINE] = line_draw, [MARK_BAR] = bar_draw,         [MARK_HIST] = hist_draw,
    [MARK_HEAT] = heat_draw, [MARK_SCATTER] = scatter_draw,
};
bool mark_is_text(enum mark mark)
{
    const int drawn = sizeof draw_mark / sizeof *draw_mark;
    return (int)mark < 0 || (int)mark >= drawn || !draw_mark[mark];
}

/* Panels side by side: the number of columns that makes them look best, about three cells wide to
 * one high. */
static int columns_for(int n, struct rect r)
{
    int best = 1;
    double best_score = -1;
    for (int columns = 1; columns <= n; columns++) {
        int rows = (n + columns - 1) / columns, w = r.w / columns, h = r.h / rows;
        if (w < PANEL_MIN_W || h < PANEL_MIN_H)
            continue;
        double aspect = (double)w / h / 3.2, score = aspect < 1 ? aspect : 1 / aspect;
        score *= (double)n / (rows * columns); /* no holes */
        if (score > best_score) {
            best_score = score;
            best = columns;
        }
    }
    if (best_score < 0) {
        best = r.w / PANEL_MIN_W;
        best = best < 1 ? 1 : best > n ? n : best;
    }
    return best;
}

static void draw_panel(const struct plot *p, int32_t panel, struct rect r)
{
    struct plot_area area = {0};
    const char *name = p->data->panels.s[panel];
    bool named_around = p->o->title && p->data->panels.n == 1; /* the caller's title says it */
    if (!p->o->bare && name[0] && r.h >= 4 && !named_around) {
        char *s = xasprintf("%s%s%s", p->data->facet_name, p->data->facet_name[0] ? " " : "", name);
        put_text(p, (struct rect){r.x, r.y, r.w, 1}, r.x, r.y, ANCHOR_LEFT, INK_TITLE, s);
        free(s);
        r.y++;
        r.h--;
    }
    if (r.w <= 0 || r.h <= 0)
        return;
    draw_mark[p->data->mark](p, panel, r, &area);
    if (p->layout && p->layout->n_panels < PLOT_MAX_PANELS)
        p->layout->panel[p->layout->n_panels++] = area;
}

static void draw_panels(const struct plot *p, struct rect r)
{
    int n = p->data->panels.n < PLOT_MAX_PANELS ? p->data->panels.n : PLOT_MAX_PANELS;
    if (!n)
        return;
    int columns = columns_for(n, r), rows = (n + columns - 1) / columns;
    int fit = r.h / PANEL_MIN_H > 1 ? r.h / PANEL_MIN_H : 1;
    rows = rows < fit ? rows : fit;
    int shown = rows * columns < n ? rows * columns : n;
    bool more = shown < p->data->panels.n && r.h > PANEL_MIN_H && !p->o->bare;
    if (more)
        more_text(p, r, r.y + r.h - 1, p->data->panels.n - shown);
    int h = r.h - more, gap = columns > 1 ? 2 : 0, below = p->c->exact && rows > 1;
    for (int i = 0; i < shown; i++) {
        int x0 = r.w * (i % columns) / columns, x1 = r.w * (i % columns + 1) / columns;
        int y0 = h * (i / columns) / rows, y1 = h * (i / columns + 1) / rows;
        draw_panel(p, i,
                   (struct rect){r.x + x0, r.y + y0,
                                 x1 - x0 - (i % columns < columns - 1 ? gap : 0),
                                 y1 - y0 - (below && i / columns < rows - 1)});
    }
}

/* ---- heading */
static void take_rows(struct rect *r, int n)
{
    r->y += n;
    r->h -= n;
}

/* Title, then the name of y beside the legend; the legend beside the title when rows are few. */
static void draw_heading(const struct plot *p, struct rect *r)
{
    const char *title = p->data->title;
    int legend = legend_columns(p, r->w - 1), w = text_columns(title, strlen(title));
    bool roomy = p->c->exact || r->h >= 10;
    if (p->o->bare || r->h < (p->data->mark == MARK_BAR || p->data->mark == MARK_HEAT ? 4 : 6))
        return;
    if (title[0])
        put_text(p, (struct rect){r->x, r->y, r->w, 1}, r->x, r->y, ANCHOR_LEFT, INK_TITLE, title);
    if (!roomy && legend && (!title[0] || w + 3 + legend <= r->w)) {
        /* the first swatch can be cut off: a name can't */
        const int wide = legend <= r->w + SWATCH + 1 ? legend : r->w;
        legend_lay(p, (struct rect){r->x + r->w - wide, r->y, wide, 1}, true);
        legend = 0;
        take_rows(r, 1);
        return;
    }
    if (title[0])
        take_rows(r, 1);
    struct strbuf y;
    strbuf_init(&y);
    if (roomy)
        axis_words(p->data->y_name, p->data->y_unit, !p->c->exact && r->w < 60, &y);
    int y_w = text_columns(y.s, y.len), gap = y_w ? 3 : 0;
    if (y_w + gap + legend > r->w && y_w + gap + 12 > r->w)
        y_w = gap = 0;
    if (y_w)
        put_text(p, (struct rect){r->x, r->y, y_w, 1}, r->x, r->y, ANCHOR_LEFT, INK_DIM, y.s);
    int from = y_w + gap;
    if (from + legend < r->w && !p->c->exact)
        from = r->w - legend; /* to the right edge */
    int limit = p->c->exact ? 12 : roomy ? 3 : 1;
    int rows = legend ? legend_lay(p, (struct rect){r->x + from, r->y, r->w - from, limit}, true)
                      : y_w > 0;
    take_rows(r, rows + p->c->exact);
    strbuf_release(&y);
}

static void draw_note(const struct plot *p, struct rect *r)
{
    if (!p->data->note[0] || p->o->bare || (!p->c->exact && r->h < 16))
        return;
    put_text(p, *r, r->x, r->y + r->h - 1, ANCHOR_LEFT, INK_DIM, p->data->note);
    r->h -= 1 + p->c->exact;
}

void panels_draw(const struct plot *p, struct rect r)
{
    draw_heading(p, &r);
    draw_note(p, &r);
    if (r.w <= 0 || r.h <= 0)
        return;
    if (!p->data->n)
        put_text(p, r, r.x, r.y, ANCHOR_LEFT, INK_DIM,
                 p->o->bare    ? ""
                 : p->c->ascii ? "(no values)"
                               : "no values yet");
    else
        draw_panels(p, r);
}

/* ---- cells */
struct pen text_line_pen(int line, int n_titles)
{
    return (struct pen){.ink = line < n_titles ? INK_TITLE : line == n_titles ? INK_DIM : INK_TEXT};
}

static void draw_text_table(const struct table *t, struct canvas *c, struct rect r)
{
    struct strbuf text;
    strbuf_init(&text);
    struct table_text how = {.columns = r.w, .rows = r.h > 4 ? r.h - 3 : 1, .ascii = c->ascii};
    table_write_text(t, &how, &text);
    int title = t->title && t->title[0]; /* written as the first line */
    const char *s = text.s;
    for (int row = r.y; row < r.y + r.h && *s; row++) {
        size_t n = strcspn(s, "\n");
        c->ops->text(c, r, r.x, row, ANCHOR_LEFT, text_line_pen(row - r.y, title), s, n);
        s += n + (s[n] != 0);
    }
    strbuf_release(&text);
}

void plot_cells(const struct table *t, const struct plot_options *o, const struct theme *theme,
                struct grid *g, struct rect r, struct plot_layout *layout)
{
    if (layout)
        *layout = (struct plot_layout){0};
    if (r.w <= 0 || r.h <= 0 || abs(r.x) > LARGEST_SIDE || abs(r.y) > LARGEST_SIDE)
        return;
    r.w = r.w < LARGEST_SIDE ? r.w : LARGEST_SIDE;
    r.h = r.h < LARGEST_SIDE ? r.h : LARGEST_SIDE;
    struct canvas_cells *cells =
        canvas_cells_new(g, r, theme, theme_ascii(theme) ? PLOT_ASCII : o->glyphs);
    if (t->mark == MARK_TEXT) {
        tokens_draw(t, o->title ? o->title : t->title, canvas_of_cells(cells), r);
    } else if (mark_is_text(t->mark)) {
        draw_text_table(t, canvas_of_cells(cells), r);
    } else {
        struct plot_data data;
        plot_data_init(&data, t, o);
        struct plot p = {&data, o, canvas_of_cells(cells), layout};
        panels_draw(&p, r);
        plot_data_release(&data);
    }
    canvas_cells_free(cells);
}

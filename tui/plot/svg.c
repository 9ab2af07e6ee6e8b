/* Pictures: sizes, one plot, a set of tables below each other. */
#include "engine/base/memory.h"
#include "tui/plot/panels.h"
#include "tui/plot/tokens.h"
#include <stdlib.h>
#include <string.h>

#define MARGIN 14 /* px */
#define LIST_ROWS 60
#define MAX_PX 20000
#define MAX_PANEL_COLUMNS 3
#define TOKENS_COLUMNS 90

/* Cells that a table would like, its heading included. */
static struct rect cells_for(const struct plot_data *d)
{
    int n = d->panels.n < PLOT_MAX_PANELS ? d->panels.n : PLOT_MAX_PANELS;
    int columns = n < MAX_PANEL_COLUMNS ? n : MAX_PANEL_COLUMNS;
    columns = columns > 0 ? columns : 1;
    int rows = n > 0 ? (n + columns - 1) / columns : 1, facet = n > 1;
    struct rect wish = {0, 0, 90, 24};
    if (d->mark == MARK_HEAT)
        wish = heat_wish(d);
    else if (d->mark == MARK_BAR && n > 0)
        wish = bar_wish(d, 0);
    if (d->mark == MARK_HEAT || d->mark == MARK_BAR)
        return (struct rect){0, 0, wish.w, (wish.h + facet) * rows + 4};
    if (n > 1)
        return (struct rect){0, 0, columns * 40, rows * 13 + 4};
    wish.h += d->note[0] ? 2 : 0;
    return wish;
}

static int px_of(int cells, int cell)
{
    return cells * cell + 2 * MARGIN;
}

static int bounded(int v)
{
    return v < 1 ? 1 : v > MAX_PX ? MAX_PX : v;
}

static void draw_plot(const struct plot_data *data, const struct plot_options *o, int left, int top,
                      int w, int h, struct strbuf *out)
{
    struct canvas_svg c;
    canvas_svg_init(&c, out, left + MARGIN, top + MARGIN);
    struct plot p = {data, o, &c.canvas, NULL};
    panels_draw(&p, (struct rect){0, 0, (w - 2 * MARGIN) / CANVAS_CELL_W,
                                  (h - 2 * MARGIN) / CANVAS_CELL_H});
}

/* ---- tables as text */
struct page {
    struct strbuf text;
    const char *title;
    int n_titles, lines, columns;
};

static void page_init(struct page *g, const struct table *t, const struct plot_options *o)
{
    struct table_text how = {.rows = LIST_ROWS};
    *g = (struct page){0};
    strbuf_init(&g->text);
    table_write_text(t, &how, &g->text);
    g->title = o->title ? o->title : t->title ? t->title : "";
    g->n_titles = t->title && t->title[0]; /* written as the first line */
    for (const char *s = g->text.s; *s;) {
        size_t n = strcspn(s, "\n");
        int w = text_columns(s, n);
        g->columns = w > g->columns ? w : g->columns;
        g->lines++;
        s += n + (s[n] != 0);
    }
}

static void page_draw(const struct page *g, int left, int top, struct strbuf *out)
{
    struct canvas_svg c;
    canvas_svg_init(&c, out, left + MARGIN, top + MARGIN);
    struct rect r = {0, 0, g->columns, g->lines};
    int row = 0;
    for (const char *s = g->text.s; *s; row++) {
        size_t n = strcspn(s, "\n");
        c.canvas.ops->text(&c.canvas, r, 0, row, ANCHOR_LEFT, text_line_pen(row, g->n_titles), s,
                           n);
        s += n + (s[n] != 0);
    }
}

/* ---- one table: measured, then drawn at a place */
struct part {
    const struct table *table;
    const char *title; /* of tokens */
    bool is_text;
    struct page page;
    struct plot_data data;
    int w, h; /* px that it would like */
};

static bool is_tokens(const struct part *part)
{
    return part->table->mark == MARK_TEXT;
}

static void part_init(struct part *part, const struct table *t, const struct plot_options *o)
{
    *part = (struct part){.table = t, .title = o->title ? o->title : t->title ? t->title : ""};
    part->is_text = mark_is_text(t->mark) && !is_tokens(part);
    if (is_tokens(part)) {
        const struct rect r = {0, 0, TOKENS_COLUMNS, 0};
        part->w = px_of(r.w, CANVAS_CELL_W);
        part->h = px_of(tokens_draw(t, part->title, NULL, r), CANVAS_CELL_H);
    } else if (part->is_text) {
        page_init(&part->page, t, o);
        part->w = px_of(part->page.columns, CANVAS_CELL_W);
        part->h = px_of(part->page.lines, CANVAS_CELL_H);
    } else {
        plot_data_init(&part->data, t, o);
        struct rect cells = cells_for(&part->data);
        part->w = px_of(cells.w, CANVAS_CELL_W);
        part->h = px_of(cells.h, CANVAS_CELL_H);
    }
    part->w = bounded(part->w);
    part->h = bounded(part->h);
}

static void draw_tokens(const struct part *part, int top, int w, int h, struct strbuf *out)
{
    struct canvas_svg c;
    canvas_svg_init(&c, out, MARGIN, top + MARGIN);
    tokens_draw(
        part->table, part->title, &c.canvas,
        (struct rect){0, 0, (w - 2 * MARGIN) / CANVAS_CELL_W, (h - 2 * MARGIN) / CANVAS_CELL_H});
}

static void part_draw(const struct part *part, const struct plot_options *o, int top, int w, int h,
                      struct strbuf *out)
{
    if (is_tokens(part))
        draw_tokens(part, top, w, h, out);
    else if (part->is_text)
        page_draw(&part->page, 0, top, out);
    else
        draw_plot(&part->data, o, 0, top, w, h, out);
}

static void part_release(struct part *part)
{
    if (part->is_text)
        strbuf_release(&part->page.text);
    else if (!is_tokens(part))
        plot_data_release(&part->data);
}

static const char *part_title(const struct part *part)
{
    return is_tokens(part) ? part->title : part->is_text ? part->page.title : part->data.title;
}

void plot_svg(const struct table *t, const struct plot_options *o, int w, int h, struct strbuf *out)
{
    struct part part;
    part_init(&part, t, o);
    w = w > 0 ? bounded(w) : part.w;
    h = h > 0 ? bounded(h) : part.h;
    svg_begin(out, w, h, part_title(&part));
    part_draw(&part, o, 0, w, h, out);
    svg_end(out);
    part_release(&part);
}

void plot_svg_set(const struct table_set *set, const struct plot_options *o, struct strbuf *out)
{
    struct part *part = xcalloc((size_t)set->n + 1, sizeof *part);
    struct plot_options own = *o;
    int w = 1, h = 0, top = 0;
    own.title = NULL; /* each table's own; the picture takes the given one */
    for (int32_t i = 0; i < set->n; i++) {
        part_init(&part[i], set->table[i], &own);
        w = part[i].w > w ? part[i].w : w;
        h += part[i].h;
    }
    svg_begin(out, w, h > 0 ? h : 1, o->title ? o->title : set->n ? part_title(&part[0]) : "");
    for (int32_t i = 0; i < set->n; i++) {
        part_draw(&part[i], &own, top, part[i].w, part[i].h, out);
        top += part[i].h;
        part_release(&part[i]);
    }
    svg_end(out);
    free(part);
}

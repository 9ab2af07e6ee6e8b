/* Histograms: one panel a chosen latent, its pre-activations by class. */
#include "engine/base/memory.h"
#include "tui/plot/plot.h"
#include "tui/unit_words.h"
#include "tui/view/label.h"
#include "tui/view/pane.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    PANEL_MIN_W = 24,
    PANEL_MIN_H = 7,
    FOOTER_FROM = 16 /* rows; with fewer the corpus stands in the panels' notes */
};

struct histograms {
    struct watch watch;
    char target[64];           /* class asked about; "": the first */
    char facet[UNIT_NAME_MAX]; /* the selected latent as the table prints it */
    int selected;
    bool zoom, log, overlaid;
    struct table *panel[UNITS_MAX]; /* rows of each latent; NULL: none yet */
    struct rect r;
};

static void init(void *view, const struct view_in *in)
{
    (void)in;
    struct histograms *v = view;
    *v = (struct histograms){0};
}

static void forget_panels(struct histograms *v)
{
    for (int i = 0; i < UNITS_MAX; i++) {
        table_free(v->panel[i]);
        v->panel[i] = NULL;
    }
}

static void release(void *view)
{
    struct histograms *v = view;
    watch_release(&v->watch);
    forget_panels(v);
}

/* ---- what is there */
static int n_panels(const struct histograms *v)
{
    const struct unit_id *unit;
    return v->watch.asked ? request_units(&v->watch.request, &unit) : 0;
}

static struct unit_id unit_of(const struct histograms *v, int panel)
{
    const struct unit_id *unit;
    request_units(&v->watch.request, &unit);
    return unit[panel];
}

static void select_panel(struct histograms *v, int panel)
{
    int n = n_panels(v);
    v->selected = panel >= n ? (n > 0 ? n - 1 : 0) : panel < 0 ? 0 : panel;
    if (n > 0)
        unit_name(v->watch.job.dicts, unit_of(v, v->selected), v->facet);
    else
        v->facet[0] = 0;
}

/* ---- a table for each panel: a plot of one latent needs no heading that names it */
struct bin_columns {
    int32_t unit, cls, lo, hi, density, count;
};

static struct table *panel_new(const char *title)
{
    struct table *t = table_new("rows", title, MARK_HIST);
    table_column(t, "class", "", "class of the sentences", COLUMN_STR, COLUMN_SERIES);
    table_column(t, "lo", "", "pre-activation from", COLUMN_F64, COLUMN_LO);
    table_column(t, "hi", "", "to", COLUMN_F64, COLUMN_HI);
    table_column(t, "density", "", "", COLUMN_F64, COLUMN_Y);
    table_column(t, "count", "", "tokens", COLUMN_I64, COLUMN_TEXT);
    return t;
}

static void add_bin(struct table **panel, const char *name, const struct table *from,
                    const struct bin_columns *c, int64_t i)
{
    double lo = column_f64(from, i, c->lo), hi = column_f64(from, i, c->hi),
           density = column_f64(from, i, c->density), count = column_f64(from, i, c->count);
    if (!isfinite(lo) || !isfinite(hi) || !isfinite(density))
        return;
    if (!*panel)
        *panel = panel_new(name);
    int64_t row = table_row(*panel);
    table_set_str(*panel, row, 0, column_str(from, i, c->cls));
    table_set_f64(*panel, row, 1, lo);
    table_set_f64(*panel, row, 2, hi);
    table_set_f64(*panel, row, 3, density);
    if (fabs(count) < 1e15)
        table_set_i64(*panel, row, 4, (int64_t)count);
}

static void derive(struct histograms *v)
{
    const struct table *t = watch_table(&v->watch, "rows");
    struct bin_columns c = {
        column_unit(t),         column_text(t, "class"),     column_number(t, "lo"),
        column_number(t, "hi"), column_number(t, "density"), column_number(t, "count")};
    forget_panels(v);
    for (int64_t i = 0; c.unit >= 0 && i < t->n_rows; i++) {
        const struct unit_id unit = unit_in(v->watch.job.dicts, t, i, c.unit);
        char name[UNIT_NAME_MAX];
        unit_name(v->watch.job.dicts, unit, name);
        for (int u = 0; u < n_panels(v); u++)
            if (unit_same(unit, unit_of(v, u)))
                add_bin(&v->panel[u], name, t, &c, i);
    }
    select_panel(v, v->selected); /* its name is known now */
}

static void enter(void *view, const struct view_in *in)
{
    struct histograms *v = view;
    struct request r;
    if (pane_request(in, &histogram_query, v->target[0] ? v->target : NULL, &r))
        watch_ask(&v->watch, in->host, &r);
    else if (in->workbench)
        watch_release(&v->watch);
    select_panel(v, v->selected);
    derive(v);
}

static bool update(void *view, const struct view_in *in)
{
    struct histograms *v = view;
    if (!watch_update(&v->watch, in->host))
        return false;
    derive(v);
    return true;
}

/* ---- geometry */
struct grid_of {            /* panels on the screen */
    int columns, rows, top; /* first row of panels shown */
    int shown;              /* rows that fit */
    struct rect r;
};

/* Rows of panels that fit below each other. */
static int rows_shown(struct rect r, int rows)
{
    int fit = r.h / PANEL_MIN_H;
    return fit < 1 ? 1 : fit < rows ? fit : rows;
}

/* As many panels as can be, then the shape nearest to what a histogram is good at. */
static int fitness(struct rect r, int columns, int n)
{
    int rows = (n + columns - 1) / columns, shown = rows_shown(r, rows);
    int wide = r.w / columns * 10, high = r.h / shown * 34;
    return (columns * shown < n ? columns * shown : n) * 10000 + (wide < high ? wide : high);
}

static struct grid_of panels(const struct histograms *v, struct rect r)
{
    struct grid_of g = {.columns = 1, .rows = 1, .shown = 1, .r = r};
    int n = n_panels(v);
    if (r.h > 1 && n > 0 && (watch_shows_line(&v->watch) || r.h >= FOOTER_FROM))
        g.r.h--;
    if (v->zoom || n <= 1 || g.r.h <= 0 || r.w <= 0) {
        g.rows = n > 0 ? n : 1;
        g.top = v->selected;
        return g;
    }
    for (int c = 2; c <= n && r.w / c >= PANEL_MIN_W; c++)
        if (fitness(g.r, c, n) > fitness(g.r, g.columns, n))
            g.columns = c;
    g.rows = (n + g.columns - 1) / g.columns;
    g.shown = rows_shown(g.r, g.rows);
    g.top = v->selected / g.columns - g.shown / 2;
    if (g.top > g.rows - g.shown)
        g.top = g.rows - g.shown;
    if (g.top < 0)
        g.top = 0;
    return g;
}

/* Edges are rounded so that panels fill the area without a rest at the end. */
static struct rect panel_rect(const struct grid_of *g, int panel)
{
    int row = panel / g->columns - g->top, column = panel % g->columns;
    if (row < 0 || row >= g->shown || g->r.w <= 0 || g->r.h <= 0)
        return (struct rect){0};
    int x0 = g->r.w * column / g->columns, x1 = g->r.w * (column + 1) / g->columns;
    int y0 = g->r.h * row / g->shown, y1 = g->r.h * (row + 1) / g->shown;
    return (struct rect){g->r.x + x0, g->r.y + y0, x1 - x0, y1 - y0};
}

static struct rect inside(struct rect panel)
{
    return panel.h < 3 || panel.w < 6 ? panel : rect_inner(panel, 1, 1);
}

/* ---- drawing */
static void panel_title(const struct histograms *v, const struct view_in *in, int panel, int w,
                        char *out, size_t n)
{
    const struct table *t = watch_table(&v->watch, "latents");
    struct unit_id unit = unit_of(v, panel);
    const int32_t col = column_unit(t);
    const char *dot = in->ascii ? "-" : "·";
    char name[UNIT_NAME_MAX];
    int at = snprintf(out, n, "%s", unit_label(in->workbench, unit, name));
    for (int64_t i = 0; col >= 0 && i < t->n_rows; i++) {
        if (!unit_same(unit_in(v->watch.job.dicts, t, i, col), unit))
            continue;
        double overlap = column_f64(t, i, column_number(t, "overlap"));
        const char *higher = column_str(t, i, column_text(t, "higher"));
        if (isfinite(overlap))
            at += snprintf(out + at, n - (size_t)at, " %s overlap %.2f", dot, overlap);
        if (*higher && w >= 30)
            snprintf(out + at, n - (size_t)at, " %s %.20s higher", dot, higher);
        return;
    }
}

struct values { /* of a latent on its x axis; NaN: none */
    double here, fixed;
};

static struct values values_of(const struct view_in *in, struct unit_id unit)
{
    struct values v = {NAN, NAN};
    if (in->shared) {
        v.here = shared_value_here(in->shared, unit);
        v.fixed = shared_fixed_value(in->shared, unit);
    }
    return v;
}

static void set_options(const struct histograms *v, struct plot_options *o)
{
    o->mirrored = !v->overlaid;
    o->log_y = v->log;
}

static void panel_options(const struct histograms *v, const struct view_in *in, struct unit_id unit,
                          struct rect room, struct plot_options *o)
{
    struct values at = values_of(in, unit);
    plot_options_init(o);
    set_options(v, o);
    o->glyphs = in->ascii ? PLOT_ASCII : PLOT_BRAILLE;
    o->title = "";
    o->bare = room.h < 4 || room.w < 14;
    if (isfinite(at.here) || isfinite(at.fixed)) /* a row for both, even where one is not there */
        o->at[o->n_at++] = at.here;
}

/* ● beside the ▲ of the plot, in its row. */
static void draw_fixed(const struct view_in *in, struct grid *g, const struct plot_layout *l,
                       struct rect r, double fixed)
{
    const struct plot_area *a = &l->panel[0];
    if (l->n_panels < 1 || a->inner.w <= 0 || !(a->x1 > a->x0) || !(fixed >= a->x0) ||
        !(fixed <= a->x1))
        return;
    int x = (int)floor((fixed - a->x0) / (a->x1 - a->x0) * a->inner.w);
    int y = a->inner.y + a->inner.h + (r.h >= 6), bottom = r.y + r.h - 1;
    grid_put(g, r, a->inner.x + (x < a->inner.w ? x : a->inner.w - 1), y < bottom ? y : bottom,
             theme_style(in->theme, ROLE_FIXED), in->ascii ? "O" : "●", 1);
}

static void panel_note(const struct histograms *v, const struct view_in *in, int panel, int w,
                       char *out, size_t n)
{
    struct values at = values_of(in, unit_of(v, panel));
    const char *here = w >= 34 ? " here " : " ", *fixed = w >= 34 ? " fixed " : " ";
    char number[32];
    int k = 0;
    out[0] = 0;
    if (isfinite(at.here)) {
        signed_number(at.here, 2, in->ascii, number, sizeof number);
        k = snprintf(out, n, "%s%s%s", in->ascii ? "^" : "▲", here, number);
    }
    if (isfinite(at.fixed)) {
        plain_number(at.fixed, 1, in->ascii, number, sizeof number);
        snprintf(out + k, n - (size_t)k, "%s%s%s%s", k ? "  " : "", in->ascii ? "O" : "●", fixed,
                 number);
    }
}

/* Where there is no footer that says it. */
static void add_corpus(const struct histograms *v, const struct view_in *in, int w, char *note,
                       size_t n)
{
    char corpus[96];
    size_t at = strlen(note);
    int room = w - 6 - (at > 0 ? text_width(note) + 3 : 0);
    corpus_label(&v->watch.request.corpus, in->ascii, room, corpus, sizeof corpus);
    if (room >= 10)
        snprintf(note + at, n - at, "%s%s", at == 0 ? "" : in->ascii ? " - " : " · ", corpus);
}

static void draw_panel(const struct histograms *v, const struct view_in *in, struct grid *g,
                       struct rect r, int panel)
{
    char title[96], note[240];
    bool selected = panel == v->selected;
    struct rect room = inside(r);
    if (r.w <= 0 || r.h <= 0)
        return;
    panel_title(v, in, panel, r.w, title, sizeof title);
    if (r.h < 3 || r.w < 6) {
        grid_text(g, r, r.x, r.y, theme_style(in->theme, selected ? ROLE_FOCUS : ROLE_TEXT), title,
                  strlen(title));
        return;
    }
    grid_box(g, r, title, selected, in->theme);
    if (v->panel[panel]) {
        struct plot_options o;
        struct plot_layout l = {0};
        panel_options(v, in, unit_of(v, panel), room, &o);
        plot_cells(v->panel[panel], &o, in->theme, g, room, &l);
        draw_fixed(in, g, &l, room, values_of(in, unit_of(v, panel)).fixed);
    } else {
        grid_printf(g, room, room.x + 1, room.y, theme_style(in->theme, ROLE_DIM), "%s",
                    !job_is_pending(&v->watch.job) ? "not known"
                    : in->ascii                    ? "..."
                                                   : "…");
    }
    panel_note(v, in, panel, r.w, note, sizeof note);
    if (v->r.h < FOOTER_FROM)
        add_corpus(v, in, r.w, note, sizeof note);
    pane_edge(g, in->theme, r, note);
}

/* How far it is; then what it is of. */
static void draw_footer(const struct histograms *v, const struct view_in *in, struct grid *g,
                        struct rect line)
{
    char corpus[96];
    if (watch_shows_line(&v->watch)) {
        pane_progress(in, &v->watch, g, line);
        return;
    }
    corpus_label(&v->watch.request.corpus, in->ascii, line.w - 18, corpus, sizeof corpus);
    grid_printf(g, line, line.x + 1, line.y, theme_style(in->theme, ROLE_DIM),
                "%s: pre-activations", corpus);
}

static void draw(const void *view, const struct view_in *in, struct grid *g, struct rect r)
{
    const struct histograms *v = view;
    int n = n_panels(v);
    if (r.w <= 0 || r.h <= 0)
        return;
    if (n == 0 || !v->watch.job.tables) {
        struct rect room = r.h < 3 || r.w < 6
                               ? r
                               : rect_inner(grid_box(g, r, "Histograms", true, in->theme), 1, 0);
        pane_waiting(in, &v->watch, g, room);
        g->cursor_x = room.x;
        g->cursor_y = room.y;
        return;
    }
    struct grid_of p = panels(v, r);
    for (int i = 0; i < n; i++)
        draw_panel(v, in, g, panel_rect(&p, i), i);
    struct rect at = inside(panel_rect(&p, v->selected));
    g->cursor_x = at.x;
    g->cursor_y = at.y;
    if (p.r.h < r.h)
        draw_footer(v, in, g, (struct rect){r.x, r.y + p.r.h, r.w, 1});
}

static void arrange(void *view, const struct view_in *in, struct rect r)
{
    struct histograms *v = view;
    (void)in;
    v->r = r;
}

/* ---- events */
static void next_target(struct histograms *v, const struct view_in *in)
{
    struct names cls;
    names_of(watch_table(&v->watch, "rows"), "class", &cls);
    if (cls.n == 0)
        return;
    int now = v->target[0] ? names_find(&cls, v->target) : 0;
    snprintf(v->target, sizeof v->target, "%s", cls.name[(now + 1) % cls.n]);
    enter(v, in);
}

/* The value under a cell of a panel; NaN: no data there. Where the data lie is found by drawing
 * again: clicks are rare. */
static double value_at(const struct histograms *v, const struct view_in *in, struct rect r,
                       int panel, int x, int y)
{
    struct grid scratch;
    struct plot_options o;
    struct plot_layout l = {0};
    struct rect room = inside(r);
    if (!v->panel[panel] || room.h == r.h)
        return (double)NAN;
    grid_init(&scratch, r.x + r.w, r.y + r.h, theme_style(in->theme, ROLE_TEXT));
    panel_options(v, in, unit_of(v, panel), room, &o);
    plot_cells(v->panel[panel], &o, in->theme, &scratch, room, &l);
    grid_release(&scratch);
    struct rect data = l.panel[0].inner;
    data.h = room.y + room.h - data.y; /* the axis too */
    return l.n_panels > 0 && rect_has(data, x, y) ? plot_value_at(&l.panel[0], x) : (double)NAN;
}

static bool mouse(struct histograms *v, const struct view_in *in, const struct event *e)
{
    struct grid_of p = panels(v, v->r);
    if (e->mouse == MOUSE_WHEEL_UP || e->mouse == MOUSE_WHEEL_DOWN) {
        select_panel(v, v->selected + (e->mouse == MOUSE_WHEEL_UP ? -1 : 1));
        return true;
    }
    if (e->mouse != MOUSE_PRESS || e->button != 1)
        return false;
    for (int i = 0; i < n_panels(v); i++) {
        struct rect r = panel_rect(&p, i);
        if (!rect_has(r, e->x, e->y))
            continue;
        double value = value_at(v, in, r, i, e->x, e->y);
        if ((i == v->selected || e->clicks >= 2) && isfinite(value) && in->shared)
            shared_set_value(in->shared, unit_of(v, i), round(value * 10) / 10);
        select_panel(v, i);
        return true;
    }
    return false;
}

static void colour_by(struct histograms *v, const struct view_in *in)
{
    if (!in->shared || n_panels(v) == 0)
        return;
    shared_colour_by(in->shared, unit_of(v, v->selected));
    shared_go(in->shared, VIEW_EXPLORE);
}

static void take(struct histograms *v, const struct view_in *in)
{
    if (!in->shared || n_panels(v) == 0)
        return;
    double here = shared_value_here(in->shared, unit_of(v, v->selected));
    shared_take(in->shared, unit_of(v, v->selected), isfinite(here) ? here : 0);
}

static bool event(void *view, const struct view_in *in, const struct event *e)
{
    return e->kind == EVENT_MOUSE && mouse(view, in, e);
}

static bool act(void *view, const struct view_in *in, enum action_id action, bool extend)
{
    struct histograms *v = view;
    struct grid_of p = panels(v, v->r);
    int step = v->zoom ? 1 : p.columns;
    (void)extend;
    switch (action) {
    case ACTION_NEXT_PANE:
        select_panel(v, v->selected + 1 < n_panels(v) ? v->selected + 1 : 0);
        break;
    case ACTION_PREVIOUS_PANE:
        select_panel(v, v->selected > 0 ? v->selected - 1 : n_panels(v) - 1);
        break;
    case ACTION_VIEW_LEFT: select_panel(v, v->selected - 1); break;
    case ACTION_VIEW_RIGHT: select_panel(v, v->selected + 1); break;
    case ACTION_VIEW_UP:
        if (v->selected >= step)
            select_panel(v, v->selected - step);
        break;
    case ACTION_VIEW_DOWN:
        if (v->selected + step < n_panels(v))
            select_panel(v, v->selected + step);
        break;
    case ACTION_VIEW_PAGE_UP: select_panel(v, v->selected - step * p.shown); break;
    case ACTION_VIEW_PAGE_DOWN: select_panel(v, v->selected + step * p.shown); break;
    case ACTION_VIEW_HOME: select_panel(v, 0); break;
    case ACTION_VIEW_END: select_panel(v, n_panels(v) - 1); break;
    case ACTION_VIEW_ENTER: colour_by(v, in); break;
    case ACTION_VIEW_TAKE: take(v, in); break;
    case ACTION_TARGET: next_target(v, in); break;
    case ACTION_LOG: v->log = !v->log; break;
    case ACTION_MIRROR: v->overlaid = !v->overlaid; break;
    case ACTION_ZOOM: v->zoom = !v->zoom; break;
    case ACTION_VIEW_BACK:
        if (!v->zoom)
            return false;
        v->zoom = false;
        break;
    default: return false;
    }
    return true;
}

static const struct table *table(const void *view)
{
    const struct histograms *v = view;
    return watch_table(&v->watch, "rows");
}

static void plot(const void *view, struct plot_options *o)
{
    const struct histograms *v = view;
    set_options(v, o);
    if (v->zoom)
        o->facet = v->facet;
}

static bool request(const void *view, const struct view_in *in, struct request *out)
{
    const struct histograms *v = view;
    (void)in;
    return watch_request(&v->watch, out);
}

const struct view_ops histograms_view = {.name = "histograms",
                                         .title = "Histograms",
                                         .where = IN_HISTOGRAMS_VIEW,
                                         .size = sizeof(struct histograms),
                                         .init = init,
                                         .release = release,
                                         .enter = enter,
                                         .update = update,
                                         .draw = draw,
                                         .arrange = arrange,
                                         .act = act,
                                         .event = event,
                                         .table = table,
                                         .plot = plot,
                                         .request = request};

/* Histograms: one panel a chosen latent, its pre-activations by class (methods: Fig. 5). */
#include "engine/base/memory.h"
#include "tui/plot/plot.h"
#include "tui/view/label.h"
#include "tui/view/pane_parts.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PANEL_MIN_W = 24, PANEL_MIN_H = 7 };

struct histograms {
    struct watch watch;
    char target[64]; /* class asked about; "": the first */
    char facet[16];  /* the selected latent as the table prints it */
    int selected;
    bool zoom, log, overlaid;
    struct rect r;
};

static void init(void *view)
{
    struct histograms *v = view;
    *v = (struct histograms){0};
}

static void release(void *view)
{
    struct histograms *v = view;
    watch_release(&v->watch);
}

/* ---- what is there */
static int n_panels(const struct histograms *v)
{
    return v->watch.asked ? v->watch.request.n_units : 0;
}

static int32_t unit_of(const struct histograms *v, int panel)
{
    return v->watch.request.unit[panel];
}

static void select_panel(struct histograms *v, int panel)
{
    int n = n_panels(v);
    v->selected = panel >= n ? (n > 0 ? n - 1 : 0) : panel < 0 ? 0 : panel;
    if (n > 0)
        snprintf(v->facet, sizeof v->facet, "%d", (int)unit_of(v, v->selected));
    else
        v->facet[0] = 0;
}

static void enter(void *view, const struct view_in *in)
{
    struct histograms *v = view;
    struct request r;
    if (pane_request(in, REQUEST_HISTOGRAM, v->target[0] ? v->target : NULL, &r))
        watch_ask(&v->watch, in->host, &r);
    else if (in->workbench)
        watch_release(&v->watch);
    select_panel(v, v->selected);
}

static bool update(void *view, const struct view_in *in)
{
    struct histograms *v = view;
    return watch_update(&v->watch, in->host);
}

/* Some row of the histogram is the latent's. */
static bool has_rows(const struct table *t, int32_t unit)
{
    int32_t c = t ? table_with_role(t, COLUMN_FACET) : -1;
    char name[16];
    snprintf(name, sizeof name, "%d", (int)unit);
    for (int64_t i = 0; c >= 0 && i < t->n_rows; i++)
        if (t->cols[c].type == COLUMN_STR ? strcmp(cell_text(t, i, c), name) == 0
                                          : table_i64(t, i, c) == unit)
            return true;
    return false;
}

/* ---- geometry */
struct grid_of {            /* panels on the screen */
    int columns, rows, top; /* first row of panels shown */
    int shown;              /* rows that fit */
    struct rect r;
};

static int fitness(struct rect r, int columns, int n)
{
    int rows = (n + columns - 1) / columns, w = r.w / columns, h = r.h / rows;
    int wide = w * 10, high = h * 34; /* a histogram is good at about 3.4 : 1 cells */
    return (w < PANEL_MIN_W ? w - 1000 : 0) + (h < PANEL_MIN_H ? 10 * h - 500 : 0) +
           (wide < high ? wide : high);
}

static struct grid_of panels(const struct histograms *v, struct rect r)
{
    struct grid_of g = {.columns = 1, .rows = 1, .shown = 1, .r = r};
    int n = n_panels(v);
    if (r.h > 1 && n > 0 && watch_shows_line(&v->watch))
        g.r.h--;
    if (v->zoom || n <= 1 || g.r.h <= 0 || r.w <= 0) {
        g.rows = n > 0 ? n : 1;
        g.top = v->selected;
        return g;
    }
    for (int c = 2; c <= n; c++)
        if (fitness(g.r, c, n) > fitness(g.r, g.columns, n))
            g.columns = c;
    g.rows = (n + g.columns - 1) / g.columns;
    g.shown = g.r.h / g.rows >= PANEL_MIN_H ? g.rows : g.r.h / PANEL_MIN_H;
    g.shown = g.shown < 1 ? 1 : g.shown > g.rows ? g.rows : g.shown;
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
    int32_t unit = unit_of(v, panel), latent = column_number(t, "latent");
    const char *dot = in->ascii ? "-" : "·";
    int at = snprintf(out, n, "%d", (int)unit);
    for (int64_t i = 0; latent >= 0 && i < t->n_rows; i++) {
        if (table_i64(t, i, latent) != unit)
            continue;
        double overlap = cell_number(t, i, column_number(t, "overlap"));
        const char *higher = cell_text(t, i, column_text(t, "higher"));
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

static struct values values_of(const struct view_in *in, int32_t unit)
{
    struct values v = {NAN, NAN};
    if (in->explore) {
        v.here = explore_value_here(in->explore, unit);
        v.fixed = explore_fixed_value(in->explore, unit);
    }
    return v;
}

static void set_options(const struct histograms *v, struct plot_options *o)
{
    o->mirrored = !v->overlaid;
    o->log_y = v->log;
}

static void panel_options(const struct histograms *v, const struct view_in *in, int32_t unit,
                          char facet[16], struct plot_options *o)
{
    struct values at = values_of(in, unit);
    plot_options_init(o);
    set_options(v, o);
    o->glyphs = in->ascii ? PLOT_ASCII : PLOT_BRAILLE;
    snprintf(facet, 16, "%d", (int)unit);
    o->facet = facet;
    o->title = "";
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

static void panel_note(const struct histograms *v, const struct view_in *in, int panel, char *out,
                       size_t n)
{
    struct values at = values_of(in, unit_of(v, panel));
    char number[32];
    int k = 0;
    out[0] = 0;
    if (isfinite(at.here)) {
        signed_number(at.here, 2, in->ascii, number, sizeof number);
        k = snprintf(out, n, "%s here %s", in->ascii ? "^" : "▲", number);
    }
    if (isfinite(at.fixed)) {
        plain_number(at.fixed, 1, in->ascii, number, sizeof number);
        snprintf(out + k, n - (size_t)k, "%s%s fixed %s", k ? "  " : "", in->ascii ? "O" : "●",
                 number);
    }
}

static void draw_panel(const struct histograms *v, const struct view_in *in, struct grid *g,
                       struct rect r, int panel)
{
    const struct table *t = watch_table(&v->watch, "rows");
    char title[96], note[96], facet[16];
    bool selected = panel == v->selected;
    panel_title(v, in, panel, r.w, title, sizeof title);
    if (r.w <= 0 || r.h <= 0)
        return;
    if (r.h < 3 || r.w < 6) {
        grid_text(g, r, r.x, r.y, theme_style(in->theme, selected ? ROLE_FOCUS : ROLE_TEXT), title,
                  strlen(title));
        return;
    }
    grid_box(g, r, title, selected, in->theme);
    if (!has_rows(t, unit_of(v, panel))) {
        grid_text(g, inside(r), r.x + 2, r.y + 1, theme_style(in->theme, ROLE_DIM),
                  in->ascii ? "..." : "…", in->ascii ? 3 : strlen("…"));
    } else {
        struct plot_options o;
        struct plot_layout l = {0};
        panel_options(v, in, unit_of(v, panel), facet, &o);
        o.bare = inside(r).h < 4 || inside(r).w < 14;
        plot_cells(t, &o, in->theme, g, inside(r), &l);
        draw_fixed(in, g, &l, inside(r), values_of(in, unit_of(v, panel)).fixed);
    }
    panel_note(v, in, panel, note, sizeof note);
    pane_edge(g, in->theme, r, note);
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
        pane_progress(in, &v->watch, g, (struct rect){r.x, r.y + p.r.h, r.w, 1});
}

static void resize(void *view, const struct view_in *in, struct rect r)
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

/* The value under a cell of a panel; NaN: no data there. The layout is drawn's, found by drawing
 * again: clicks are rare. */
static double value_at(const struct histograms *v, const struct view_in *in, struct rect panel,
                       int unit_index, int x, int y)
{
    const struct table *t = watch_table(&v->watch, "rows");
    struct grid scratch;
    struct plot_options o;
    struct plot_layout l = {0};
    char facet[16];
    double value = NAN;
    if (!t || panel.h < 3 || panel.w < 6 || !has_rows(t, unit_of(v, unit_index)))
        return value;
    grid_init(&scratch, panel.x + panel.w, panel.y + panel.h, theme_style(in->theme, ROLE_TEXT));
    panel_options(v, in, unit_of(v, unit_index), facet, &o);
    o.bare = inside(panel).h < 4 || inside(panel).w < 14;
    plot_cells(t, &o, in->theme, &scratch, inside(panel), &l);
    struct rect data = l.panel[0].inner;
    data.h += inside(panel).y + inside(panel).h - (data.y + data.h); /* the axis too */
    if (l.n_panels > 0 && rect_has(data, x, y))
        value = plot_value_at(&l.panel[0], x);
    grid_release(&scratch);
    return value;
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
        if ((i == v->selected || e->clicks >= 2) && isfinite(value) && in->explore)
            explore_set_value(in->explore, unit_of(v, i), round(value * 10) / 10);
        select_panel(v, i);
        return true;
    }
    return false;
}

static void colour_by(struct histograms *v, const struct view_in *in)
{
    if (!in->explore || n_panels(v) == 0)
        return;
    explore_colour_by(in->explore, unit_of(v, v->selected));
    explore_go(in->explore, VIEW_EXPLORE);
}

static void take(struct histograms *v, const struct view_in *in)
{
    if (!in->explore || n_panels(v) == 0)
        return;
    double here = explore_value_here(in->explore, unit_of(v, v->selected));
    explore_take(in->explore, unit_of(v, v->selected), isfinite(here) ? here : 0);
}

static bool event(void *view, const struct view_in *in, const struct event *e,
                  enum action_id action)
{
    struct histograms *v = view;
    struct grid_of p = panels(v, v->r);
    int step = v->zoom ? 1 : p.columns;
    if (e->kind == EVENT_MOUSE)
        return mouse(v, in, e);
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

static bool typing(const void *view)
{
    (void)view;
    return false;
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
    if (!v->watch.asked)
        return false;
    request_copy(out, &v->watch.request);
    return true;
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
                                         .resize = resize,
                                         .event = event,
                                         .typing = typing,
                                         .table = table,
                                         .plot = plot,
                                         .request = request};

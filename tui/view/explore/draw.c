/* The Explore view drawn: the parts that panes share. */
#include "tui/view/explore/explore.h"
#include "tui/view/label.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

struct style draw_style(const struct drawing *d, enum theme_role role)
{
    return theme_style(d->theme, role);
}

struct rect draw_frame(const struct drawing *d, enum pane p, const char *title)
{
    const struct layout *l = &d->ex->layout;
    struct rect r = l->pane[p];
    bool focused = d->ex->focus == p && d->ex->overlay == OVERLAY_NONE;
    if (r.h <= 0 || r.w <= 0)
        return (struct rect){r.x, r.y, 0, 0};
    if (l->folded[p]) {
        int x = grid_text(d->grid, r, r.x, r.y, draw_style(d, ROLE_FRAME), d->ascii ? "> " : "▸ ",
                          d->ascii ? 2 : 4);
        grid_text(d->grid, r, x, r.y, draw_style(d, ROLE_DIM), title, strlen(title));
        return (struct rect){r.x, r.y, 0, 0};
    }
    if (l->frame)
        grid_box(d->grid, r, title, focused, d->theme);
    return layout_inner(l, p);
}

void draw_edge(const struct drawing *d, enum pane p, const char *text)
{
    struct rect r = d->ex->layout.pane[p];
    if (!d->ex->layout.frame || !layout_open(&d->ex->layout, p) || r.h < 3 || r.w < 12 || !*text)
        return;
    struct rect edge = {r.x + 2, r.y + r.h - 1, r.w - 4, 1};
    int w = text_columns(text, strlen(text));
    grid_text(d->grid, edge, edge.x, edge.y, draw_style(d, ROLE_DIM), " ", 1);
    grid_text(d->grid, edge, edge.x + 1, edge.y, draw_style(d, ROLE_DIM), text, strlen(text));
    if (w + 1 < edge.w)
        grid_text(d->grid, edge, edge.x + 1 + w, edge.y, draw_style(d, ROLE_DIM), " ", 1);
}

void edge_add(const struct drawing *d, enum pane p, char *edge, size_t n, const char *part)
{
    const char *dot = !*edge ? "" : d->ascii ? " - " : " · ";
    size_t at = strlen(edge);
    int w =
        text_columns(edge, at) + text_columns(dot, strlen(dot)) + text_columns(part, strlen(part));
    if (*part && w + 6 <= d->ex->layout.pane[p].w && at + strlen(dot) + strlen(part) < n)
        snprintf(edge + at, n - at, "%s%s", dot, part);
}

void draw_bar(const struct drawing *d, struct rect clip, int x, int y, int w, double share,
              struct style style)
{
    static const char *const eighth[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    share = !(share > 0) ? 0 : share > 1 ? 1 : share;
    int n = (int)lround(share * w * 8);
    if (n == 0 && share > 0)
        n = 1; /* a little is not nothing */
    for (int i = 0; i < n / 8; i++)
        grid_put(d->grid, clip, x + i, y, style, d->ascii ? "#" : "█", 1);
    if (n % 8 && d->ascii)
        grid_put(d->grid, clip, x + n / 8, y, style, n % 8 >= 4 ? "=" : "-", 1);
    else if (n % 8)
        grid_put(d->grid, clip, x + n / 8, y, style, eighth[n % 8], 1);
}

const char *waiting(const struct drawing *d)
{
    return d->ex->status.failed ? "not loaded" : "loading";
}

const char *missing(const struct drawing *d, bool no_token)
{
    const struct textbuf *t = &d->ex->editor.text;
    if (!d->wb)
        return waiting(d);
    if (no_token)
        return t->n == 0 || d->ex->sliders.join ? "no token yet" : "no token in this line yet";
    if (d->ex->status.idle && error_is_set(&d->ex->status.error))
        return "not computed"; /* the status line says why */
    return d->ascii ? "..." : "…";
}

void here_label(const struct drawing *d, char out[])
{
    const struct here *h = &d->here;
    snprintf(out, LABEL_MAX, "%s", d->ascii ? "-" : "–");
    if (!h->valid)
        return;
    if (h->end > h->start && h->end <= d->snap->n_text)
        token_label(d->snap->text + h->start, h->end - h->start, d->ascii, out);
    else
        snprintf(out, LABEL_MAX, "BOS");
}

void explore_draw(const struct explore *ex, const struct snapshot *snap, const struct workbench *wb,
                  const struct theme *theme, struct grid *g)
{
    struct drawing d = {
        .ex = ex, .snap = snap, .wb = wb, .theme = theme, .grid = g, .ascii = theme_ascii(theme)};
    d.here = explore_here(ex, snap);
    d.in_force = explore_in_force(ex);
    d.lifted = explore_lifted(ex);
    grid_fill(g, (struct rect){0, 0, g->w, g->h}, draw_style(&d, ROLE_TEXT));
    g->cursor_x = g->cursor_y = -1;
    if (ex->views.now == VIEW_EXPLORE) {
        draw_text_pane(&d);
        draw_latents_pane(&d);
        draw_next_pane(&d);
        draw_sliders_pane(&d);
        draw_histogram_pane(&d);
        draw_loss_pane(&d);
        draw_changes(&d);
    } else {
        views_draw(ex, wb, theme, g);
    }
    draw_bars(&d);
    draw_overlay(&d);
}

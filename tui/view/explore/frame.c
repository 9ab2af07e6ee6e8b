/* What panes are drawn with: frames, edges, what stands where something is missing. */
#include "tui/view/explore/explore_private.h"
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
    bool focused = d->ex->focus == p && !d->covered;
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
    share_bar(d->grid, clip, x, y, w, share, style, d->ascii);
}

const char *waiting(const struct drawing *d)
{
    return d->ex->sh->status.failed ? "not loaded" : "loading";
}

const char *missing(const struct drawing *d, bool no_token)
{
    const struct textbuf *t = &d->ex->sh->editor.text;
    if (!d->wb)
        return waiting(d);
    if (no_token)
        return t->n == 0 || d->ex->sh->sliders.join ? "no token yet" : "no token in this line yet";
    if (d->ex->sh->status.idle && error_is_set(&d->ex->sh->status.error))
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

/* Where things stand in the Explore view, for drawing and for the mouse alike. */
#include "tui/view/explore/explore_private.h"

struct text_area text_area(const struct explore *ex)
{
    struct rect r = layout_inner(&ex->layout, PANE_TEXT);
    struct text_area a = {.step = ex->rail ? 2 : 1};
    int legend = ex->legend && r.h >= 7 ? 2 : 0, info = r.h >= 5 ? 1 : 0, pad = r.w >= 40 ? 1 : 0;
    if (r.h < 2)
        a.step = 1;
    a.rows = (struct rect){r.x + pad, r.y, r.w - 2 * pad, r.h - legend - info};
    a.legend = (struct rect){r.x + pad, r.y + a.rows.h, r.w - 2 * pad, legend};
    a.info = (struct rect){r.x + pad, r.y + a.rows.h + legend, r.w - 2 * pad, info};
    return a;
}

struct slider_columns slider_columns(const struct explore *ex)
{
    struct rect r = layout_inner(&ex->layout, PANE_SLIDERS);
    struct slider_columns c = {.rows = r};
    int label = r.w >= 30 ? 9 : 7, value = r.w >= 18 ? 6 : 0;
    c.label_x = r.x;
    c.mark_x = r.x + label;
    c.track_x = c.mark_x + 2;
    c.track_w = r.w - label - 2 - value;
    if (c.track_w > 161) /* a tenth an eighth is as fine as values are */
        c.track_w = 161;
    if (c.track_w < 4)
        c.track_w = 0;
    c.value_x = c.track_x + c.track_w + 1;
    return c;
}

int slider_of_row(int row)
{
    return row <= 0 ? SLIDER_ALL : row - 1;
}

struct rect pane_rows(const struct explore *ex, enum pane p)
{
    struct rect r = layout_inner(&ex->layout, p);
    if (p == PANE_NEXT && r.h > 2) { /* the heading */
        r.y++;
        r.h--;
    }
    return r;
}

bool explore_track(const void *view, int row, struct slider_track *t, int *x, int *y)
{
    const struct explore *ex = view;
    struct slider_columns c = slider_columns(ex);
    int at = (row == SLIDER_ALL ? 0 : row + 1) - ex->sh->rows.top;
    if (!layout_open(&ex->layout, PANE_SLIDERS) || at < 0 || at >= c.rows.h || c.track_w == 0)
        return false;
    *t = ex->drag.active ? ex->drag.track
                         : (struct slider_track){c.track_w, sliders_range(&ex->sh->sliders)};
    *x = c.track_x;
    *y = c.rows.y + at;
    return true;
}

static int next_n(const struct explore *ex)
{
    int32_t id;
    int n = 0;
    while (explore_next_item(ex, n, &id))
        n++;
    return n;
}

/* What is selected, in the text that the snapshot knows. */
static void update_brush(struct explore *ex)
{
    size_t from = 0, to = 0;
    bool exact_from = true, exact_to = true;
    const struct snapshot *s = ex->sh->snapshot;
    if (s && editor_selection(&ex->sh->editor, &from, &to)) {
        from = map_to_old(&ex->sh->map, from, &exact_from);
        to = map_to_old(&ex->sh->map, to, &exact_to);
    }
    brush_update(&ex->brush, exact_from && exact_to ? s : NULL, from, to);
}

/* Of the dictionary, not of the token looked at: nothing moves while one types. */
static struct layout_rows rows_of(const struct explore *ex)
{
    const struct dict *d = ex->sh->workbench ? ex->sh->workbench->dict : NULL;
    return (struct layout_rows){d ? dict_spec(d)->k : 0, SESSION_MAX_NEXT, ex->sh->sliders.n + 1};
}

void explore_arrange(struct explore *ex)
{
    layout_compute(&ex->layout, ex->layout.w, ex->layout.h, ex->focus, ex->zoom, rows_of(ex));
    struct text_area a = text_area(ex);
    if (layout_open(&ex->layout, PANE_TEXT)) /* one column is the cursor's, behind a full row */
        editor_resize(&ex->sh->editor, a.rows.w - 1, a.rows.h / a.step);
    if (ex->sh->follow)
        editor_show_cursor(&ex->sh->editor);
    struct here h = shared_here(ex->sh, ex->sh->snapshot);
    update_brush(ex);
    twin_update(ex);
    list_resize(&ex->latents, explore_n_latents(ex, &h), pane_rows(ex, PANE_LATENTS).h);
    list_resize(&ex->sh->rows, ex->sh->sliders.n + 1, pane_rows(ex, PANE_SLIDERS).h);
    list_resize(&ex->next, next_n(ex), pane_rows(ex, PANE_NEXT).h);
}

void explore_resize(struct explore *ex, int w, int h)
{
    ex->layout.w = w;
    ex->layout.h = h;
    if (w < 24 || h < 6)
        ex->focus = PANE_TEXT;
    blink_forget(ex);
    ex->sh->follow = ex->sh->redraw = true;
}

void explore_focus(struct explore *ex, enum pane p, bool typing)
{
    if (!layout_reachable(&ex->layout, p))
        return;
    ex->focus = p;
    ex->typing = typing && p == PANE_TEXT;
    ex->sh->follow = true;
    ex->sh->redraw = true;
    explore_arrange(ex);
}

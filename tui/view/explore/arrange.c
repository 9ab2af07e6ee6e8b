/* What follows when something has moved: sizes, scrolling, the brushed phrase. */
#include "tui/view/explore/explore_private.h"

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
    const struct dict *d = shared_listed(ex->sh);
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
    list_resize(&ex->losses, loss_rows(ex), layout_inner(&ex->layout, PANE_LOSS).h);
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

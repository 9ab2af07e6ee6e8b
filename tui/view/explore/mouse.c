/* The mouse in the Explore view. */
#include "tui/unit_words.h"
#include "tui/view/explore/explore_private.h"

/* ---- sliders */
static void double_click(struct explore *ex)
{
    const struct history *h = &ex->sh->history;
    if (h->done > 0 && h->done == h->n && h->change[h->done - 1].kind == CHANGE_SLIDERS &&
        sliders_equal(&h->change[h->done - 1].sliders->before, &ex->before_click))
        shared_undo(ex->sh); /* the first click's jump was not meant */
    ex->sh->then = ACTION_VALUE;
}

static void press_slider(struct explore *ex, const struct event *e)
{
    struct slider_columns c = slider_columns(ex);
    int at = e->y - c.rows.y + ex->sh->rows.top;
    if (at < 0 || at > ex->sh->sliders.n || ex->sh->sliders.n == 0)
        return;
    list_select(&ex->sh->rows, at);
    int row = slider_of_row(at);
    struct slider_track track;
    int x, y;
    bool on_track = explore_track(ex, row, &track, &x, &y) && e->x >= x && e->x < x + track.w;
    if (e->button == 2)
        explore_do(ex, ACTION_MEDIAN);
    else if (e->button == 3 || (e->button == 1 && e->x >= c.mark_x && e->x < c.track_x))
        explore_do(ex, ACTION_FIX);
    else if (e->button == 1 && e->clicks == 2)
        double_click(ex);
    else if (e->button == 1 && on_track) {
        ex->before_click = ex->sh->sliders;
        drag_begin(&ex->drag, &ex->sh->sliders, row, track, e->x - x, y);
        ex->sh->wish_changed = true;
    }
}

static void wheel_slider(struct explore *ex, const struct event *e)
{
    struct slider_columns c = slider_columns(ex);
    int at = e->y - c.rows.y + ex->sh->rows.top;
    if (at < 0 || at > ex->sh->sliders.n || ex->sh->sliders.n == 0)
        return;
    list_select(&ex->sh->rows, at);
    bool up = e->mouse == MOUSE_WHEEL_UP, fine = e->mods & MOD_CTRL;
    explore_do(ex,
               up ? (fine ? ACTION_UP_FINE : ACTION_UP) : (fine ? ACTION_DOWN_FINE : ACTION_DOWN));
}

static void drag_event(struct explore *ex, const struct event *e)
{
    struct slider_columns c = slider_columns(ex);
    if (e->mouse == MOUSE_PRESS && e->button == 3) {
        drag_cancel(&ex->drag, &ex->sh->sliders);
        ex->sh->wish_changed = true;
    } else if (e->mouse == MOUSE_MOVE && e->button == 1) {
        if (drag_move(&ex->drag, &ex->sh->sliders, e->x - c.track_x, e->y, e->mods & MOD_CTRL))
            ex->sh->wish_changed = true;
    } else if (e->mouse == MOUSE_RELEASE) {
        if (drag_move(&ex->drag, &ex->sh->sliders, e->x - c.track_x, e->y, e->mods & MOD_CTRL))
            ex->sh->wish_changed = true;
        explore_end_drag(ex);
    } else if (e->mouse == MOUSE_MOVE || e->mouse == MOUSE_PRESS) { /* the release was not seen */
        explore_end_drag(ex);
    }
}

/* ---- text */
static size_t text_at(const struct explore *ex, const struct event *e)
{
    struct text_area a = text_area(ex);
    int y = e->y - a.rows.y, row = y < 0 ? -1 : y / a.step;
    return editor_at_cell(&ex->sh->editor, e->x - a.rows.x,
                          row < ex->sh->editor.height ? row : ex->sh->editor.height);
}

static void press_text(struct explore *ex, const struct event *e)
{
    struct text_area a = text_area(ex);
    if (e->button != 1 || (!rect_has(a.rows, e->x, e->y) && ex->typing))
        return;
    size_t at = text_at(ex, e);
    ex->typing = true;
    if (e->clicks == 2)
        editor_select_word(&ex->sh->editor, at);
    else if (e->clicks >= 3)
        editor_select_line(&ex->sh->editor, at);
    else
        editor_goto(&ex->sh->editor, at, e->mods & MOD_SHIFT);
    ex->selecting = e->clicks < 2;
    shared_moved(ex->sh);
}

static bool select_event(struct explore *ex, const struct event *e)
{
    if (!ex->selecting)
        return false;
    if (e->mouse == MOUSE_MOVE && e->button == 1) {
        size_t at = text_at(ex, e);
        if (at != ex->sh->editor.cursor) {
            editor_goto(&ex->sh->editor, at, true);
            shared_moved(ex->sh);
        }
        return true;
    }
    ex->selecting = false;
    return e->mouse == MOUSE_RELEASE;
}

/* ---- histogram */
static void press_histogram(struct explore *ex, const struct event *e)
{
    struct unit_id unit = histogram_unit(ex);
    char name[UNIT_NAME_MAX];
    double v;
    if (e->button != 1 || !histogram_value_at(ex, e->x, e->y, &v))
        return;
    int row = sliders_find(&ex->sh->sliders, unit);
    if (row < 0) {
        shared_message(ex->sh, false, "%s %s is no slider: take it in its pane with f",
                       unit_words_of(ex->sh->workbench, unit.dict)->one,
                       unit_label(ex->sh->workbench, unit, name));
        return;
    }
    list_select(&ex->sh->rows, row + 1);
    shared_set_value(ex->sh, unit, v);
    shared_repeatable(ex->sh, ACTION_VALUE, slider_snap(v));
}

/* ---- all */
static void press(struct explore *ex, enum pane p, const struct event *e)
{
    bool was_open = layout_open(&ex->layout, p);
    if (ex->focus != p)
        explore_focus(ex, p, false);
    struct rect r = pane_rows(ex, p);
    if (!was_open)
        return; /* the click unfolded it */
    if (p == PANE_TEXT)
        press_text(ex, e);
    else if (p == PANE_SLIDERS)
        press_slider(ex, e);
    else if (p == PANE_HISTOGRAM)
        press_histogram(ex, e);
    else if ((p == PANE_LATENTS || p == PANE_NEXT) && rect_has(r, e->x, e->y)) {
        struct list *l = p == PANE_LATENTS ? &ex->latents : &ex->next;
        if (l->top + e->y - r.y >= l->n)
            return;
        list_select(l, l->top + e->y - r.y);
        if (e->button == 3 && p == PANE_LATENTS)
            explore_do(ex, ACTION_TAKE);
        else if (e->button == 1 && e->clicks == 2)
            explore_do(ex, p == PANE_LATENTS ? ACTION_COLOUR_BY : ACTION_ACCEPT);
    }
}

static void wheel(struct explore *ex, enum pane p, const struct event *e)
{
    int rows = e->mouse == MOUSE_WHEEL_UP ? -3 : 3;
    if (!layout_open(&ex->layout, p))
        return;
    if (p == PANE_TEXT) {
        editor_scroll(&ex->sh->editor, rows);
        ex->sh->follow = false;
    } else if (p == PANE_SLIDERS) {
        wheel_slider(ex, e);
    } else if (p != PANE_HISTOGRAM) {
        list_scroll(p == PANE_LATENTS ? &ex->latents
                    : p == PANE_NEXT  ? &ex->next
                                      : &ex->losses,
                    rows);
    }
}

void explore_mouse(struct explore *ex, const struct event *e)
{
    if (ex->drag.active) {
        bool ends = e->mouse == MOUSE_PRESS && e->button != 3;
        drag_event(ex, e);
        if (!ends)
            return;
    }
    if (select_event(ex, e))
        return;
    int p = layout_pane_at(&ex->layout, e->x, e->y);
    if (p < 0)
        return;
    if (e->mouse == MOUSE_PRESS) {
        ex->sh->message[0] = 0;
        press(ex, (enum pane)p, e);
    } else if (e->mouse == MOUSE_WHEEL_UP || e->mouse == MOUSE_WHEEL_DOWN) {
        wheel(ex, (enum pane)p, e);
    }
}

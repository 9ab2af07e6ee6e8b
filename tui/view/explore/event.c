/* The mouse, keys that stand for no action, pasted text. */
#include "engine/text/utf8.h"
#include "tui/view/explore/explore_private.h"

static bool key(struct explore *ex, const struct event *e)
{
    if (ex->drag.active && e->kind == EVENT_KEY && e->key == KEYS_ESC) {
        drag_cancel(&ex->drag, &ex->sh->sliders);
        ex->sh->wish_changed = true;
        return true;
    }
    explore_end_drag(ex);
    if (!ex->typing || e->kind != EVENT_TEXT)
        return false;
    char s[4];
    ex->sh->message[0] = 0;
    shared_insert(ex->sh, s, utf8_encode(e->code, s), true);
    return true;
}

static void paste(struct explore *ex, const struct event *e)
{
    explore_end_drag(ex);
    if (ex->focus != PANE_TEXT || !ex->typing)
        explore_focus(ex, PANE_TEXT, true);
    shared_insert(ex->sh, e->paste, e->n_paste, false);
}

bool explore_event(void *view, const struct view_in *in, const struct event *e)
{
    struct explore *ex = view;
    (void)in;
    if (e->kind == EVENT_KEY || e->kind == EVENT_TEXT)
        return key(ex, e);
    if (e->kind == EVENT_PASTE)
        paste(ex, e);
    else if (e->kind == EVENT_MOUSE)
        explore_mouse(ex, e);
    return true;
}

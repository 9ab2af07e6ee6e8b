/* Keys and mouse: whose they are. */
#include "tui/shell/shell_private.h"
#include <stdio.h>
#include <string.h>

static bool is_ctrl(const struct event *e, uint32_t c)
{
    return e->kind == EVENT_KEY && e->key == KEYS_CHAR && e->mods == MOD_CTRL && e->code == c;
}

/* Esc is pressed to be on the safe side; what has no name is the terminal's noise. */
static void say_unbound(struct shell *shell, const struct event *e)
{
    char name[32];
    event_name(e, name, sizeof name);
    if (name[0] && e->key != KEYS_ESC)
        shared_hint(&shell->sh, "%s is not bound here; %s shows the keys", name,
                    shell_where(shell) == IN_TYPING ? "F1" : "?");
}

static void key_event(struct shell *shell, const struct event *e)
{
    bool typing = views_typing(shell);
    enum action_id a = typing ? ACTION_NONE : action_for(e, shell_where(shell));
    if (shell->sh.refsets_paused && !is_ctrl(e, 'c')) {
        shell->sh.refsets_paused = false;
        shell->sh.wish_changed = true;
    }
    bool done =
        a == ACTION_NONE ? views_event(shell, e) : views_act(shell, a, (e->mods & MOD_SHIFT) != 0);
    if (done || typing)
        return;
    shell->sh.message[0] = 0;
    if (a != ACTION_NONE)
        shell_act(shell, a);
    else
        say_unbound(shell, e);
}

static void mouse_event(struct shell *shell, const struct event *e)
{
    if (tabs_press(shell, e))
        shell->sh.message[0] = 0;
    else if (views_grabs(shell) || !key_bar_press(shell, e))
        views_event(shell, e);
}

void shell_event(struct shell *shell, const struct event *e)
{
    if (e->kind == EVENT_FOCUS_IN)
        return; /* changes nothing, so nothing is sent */
    shell->sh.redraw = true;
    shell->sh.n_events++;
    shell->sh.hint = shell->sh.hint && e->kind == EVENT_FOCUS_OUT;
    if (e->kind == EVENT_FOCUS_OUT)
        views_let_go(shell);
    else if (shell->overlay != OVERLAY_NONE && (e->kind == EVENT_KEY || e->kind == EVENT_TEXT ||
                                                e->kind == EVENT_PASTE || e->kind == EVENT_MOUSE))
        overlay_event(shell, e);
    else if (e->kind == EVENT_MOUSE)
        mouse_event(shell, e);
    else if (e->kind == EVENT_PASTE)
        views_event(shell, e);
    else if (e->kind == EVENT_KEY || e->kind == EVENT_TEXT)
        key_event(shell, e);
    shell_arrange(shell);
    shell_sync(shell);
}

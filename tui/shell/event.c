/* Keys, mouse and actions: the view's, or the shell's own. */
#include "tui/shell/shell_private.h"
#include <stdio.h>
#include <string.h>

/* What runs longest goes first: a study. What it has done is kept. */
static bool cancel_job(struct shell *shell)
{
    const struct job_host *host = &shell->sh.host;
    uint64_t id[32];
    bool cancelled = false;
    int n = host->jobs ? host->jobs(host->arg, id, 32) : 0;
    for (int i = 0; i < n && i < 32 && !cancelled; i++) {
        struct job job;
        if (!host->job(host->arg, id[i], &job))
            continue;
        cancelled = job.status == JOB_RUNNING;
        if (cancelled) {
            host->cancel(host->arg, id[i]);
            shared_message(&shell->sh, false, "%s cancelled; what it has done is kept",
                           job.request.query->command);
        }
        job_release(&job);
    }
    return cancelled;
}

static void cancel(struct shell *shell)
{
    bool running = shell->sh.workbench && !shell->sh.status.idle && !shell->sh.refsets_paused;
    if (cancel_job(shell))
        return;
    if (running) {
        shell->sh.refsets_paused = true;
        shell->sh.wish_changed = true;
        shared_message(&shell->sh, false,
                       "stopped; the next change goes on. Ctrl-C again asks to quit");
    } else {
        shell_ask(shell, &(struct question){.wants = WANT_QUIT,
                                            .text = "Quit? Text and sliders are there next time.",
                                            .narrow = "Quit?"});
    }
}

/* ---- actions */
static void switch_mouse(struct shell *shell)
{
    shell->mouse = !shell->mouse;
    shell->wants |= WANT_MOUSE;
    shared_message(&shell->sh, false,
                   shell->mouse ? "mouse on"
                                : "mouse off: the terminal selects text; m takes it back");
}

static void harvest(struct shell *shell)
{
    shared_harvest(&shell->sh);
    if (shell->views.now != HOME)
        shell->views.entered = false; /* a view whose job was cancelled asks again */
}

static void type_value(struct shell *shell)
{
    if (shared_sliders_known(&shell->sh))
        shell_prompt(shell, OVERLAY_VALUE, "");
}

static bool going(struct shell *shell, enum action_id a)
{
    if (a == ACTION_VIEW_BACK)
        views_go(shell, HOME);
    else if (a >= ACTION_VIEW_EXPLORE && a < ACTION_VIEW_EXPLORE + N_VIEWS &&
             a - ACTION_VIEW_EXPLORE < shell->views.n)
        views_go(shell, a - ACTION_VIEW_EXPLORE);
    else
        return false;
    return true;
}

/* False: not the shell's. */
static bool own_act(struct shell *shell, enum action_id a)
{
    switch (a) {
    case ACTION_MOUSE: switch_mouse(shell); break;
    case ACTION_HELP: page_open(shell, OVERLAY_HELP); break;
    case ACTION_MESSAGES: page_open(shell, OVERLAY_MESSAGES); break;
    case ACTION_PROOF: page_prove(shell); break;
    case ACTION_PALETTE: shell_prompt(shell, OVERLAY_PALETTE, ""); break;
    case ACTION_COPY: shell_prompt(shell, OVERLAY_COPY, ""); break;
    case ACTION_VALUE: type_value(shell); break;
    case ACTION_QUIT: shell->wants |= WANT_QUIT; break;
    case ACTION_SUSPEND: shell->wants |= WANT_SUSPEND; break;
    case ACTION_REPAINT: shell->wants |= WANT_REPAINT; break;
    case ACTION_CANCEL: cancel(shell); break;
    case ACTION_HARVEST: harvest(shell); break;
    case ACTION_UNDO: shared_undo(&shell->sh); break;
    case ACTION_REDO: shared_redo(&shell->sh); break;
    default: return going(shell, a);
    }
    return true;
}

static void other_act(struct shell *shell, enum action_id a)
{
    shell->sh.redraw = true;
    shell->sh.message[0] = 0;
    if (own_act(shell, a))
        return;
    if (a == ACTION_TYPE && shell->views.now != HOME) { /* by its name */
        views_go(shell, HOME);
        views_act(shell, a, false);
    } else {
        views_home_act(shell, a);
    }
}

void shell_do(struct shell *shell, enum action_id a)
{
    if (!views_act(shell, a, false))
        other_act(shell, a);
}

/* ---- events */
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
        other_act(shell, a);
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
    views_sync(shell);
}

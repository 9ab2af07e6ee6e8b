/* Actions: the view's, or the shell's own. */
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

static void next_dict(struct shell *shell)
{
    struct shared *sh = &shell->sh;
    char name[UNIT_NAME_MAX + 24];
    if (!sh->workbench || !shared_dict_known(sh))
        return;
    if (sh->workbench->dicts.n > 1)
        shared_show_dict(sh, (shared_dict(sh) + 1) % sh->workbench->dicts.n);
    shell_dict_name(shell, name, sizeof name);
    shared_hint(sh, sh->workbench->dicts.n > 1 ? "%s" : "%s is the only dictionary", name);
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
    case ACTION_DICT: next_dict(shell); break;
    case ACTION_UNDO: shared_undo(&shell->sh); break;
    case ACTION_REDO: shared_redo(&shell->sh); break;
    default: return going(shell, a);
    }
    return true;
}

void shell_act(struct shell *shell, enum action_id a)
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
        shell_act(shell, a);
}

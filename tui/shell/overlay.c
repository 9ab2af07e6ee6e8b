/* What lies over a view: who has the keys. */
#include "tui/shell/shell_private.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void set_typed_value(struct shell *shell)
{
    char *end, *p = shell->prompt.s;
    for (char *c = p; *c; c++)
        *c = *c == ',' ? '.' : *c;
    if (strncmp(p, "−", strlen("−")) == 0) { /* as the screen shows it */
        p += strlen("−") - 1;
        *p = '-';
    }
    double v = strtod(p, &end);
    shell->overlay = OVERLAY_NONE;
    if (!*p)
        return;
    if (end == p || *end || !isfinite(v)) {
        shared_message(&shell->sh, true, "%s is no number", shell->prompt.s);
        return;
    }
    shared_set_selected(&shell->sh, v);
}

static bool is_ctrl(const struct event *e, uint32_t c)
{
    return e->kind == EVENT_KEY && e->key == KEYS_CHAR && e->mods == MOD_CTRL && e->code == c;
}

static void copy_event(struct shell *shell, const struct event *e)
{
    if (e->kind != EVENT_TEXT && e->kind != EVENT_KEY)
        return;
    shell->overlay = OVERLAY_NONE;
    if (e->kind == EVENT_TEXT && (e->code == 'y' || e->code == 't'))
        shell->wants |= WANT_COPY;
    else if (e->kind == EVENT_TEXT && e->code == 'c')
        shell->wants |= WANT_COMMAND;
    else if (e->kind == EVENT_TEXT && e->code == 'l')
        shell->wants |= WANT_STATE;
}

/* A value is typed. */
static void value_event(struct shell *shell, const struct event *e)
{
    if (e->kind == EVENT_KEY && e->key == KEYS_ENTER)
        set_typed_value(shell);
    else
        prompt_event(&shell->prompt, e);
}

static bool ends_prompt(const struct shell *shell, const struct event *e)
{
    bool erases_nothing = e->kind == EVENT_KEY && e->key == KEYS_BACKSPACE && shell->prompt.n == 0;
    return (e->kind == EVENT_KEY && e->key == KEYS_ESC) || is_ctrl(e, 'c') || erases_nothing;
}

static void prompt_keys(struct shell *shell, const struct event *e)
{
    if (ends_prompt(shell, e))
        shell->overlay = OVERLAY_NONE;
    else if (shell->overlay == OVERLAY_PALETTE)
        palette_event(shell, e);
    else
        value_event(shell, e);
}

bool overlay_event(struct shell *shell, const struct event *e)
{
    if (is_ctrl(e, 'z') || is_ctrl(e, 'l')) {
        shell->wants |= is_ctrl(e, 'z') ? WANT_SUSPEND : WANT_REPAINT;
        return true;
    }
    switch (shell->overlay) {
    case OVERLAY_NONE: return false;
    case OVERLAY_ASK: question_event(shell, e); break;
    case OVERLAY_COPY: copy_event(shell, e); break;
    case OVERLAY_HELP:
    case OVERLAY_MESSAGES:
    case OVERLAY_PROOF: page_event(shell, e); break;
    default: prompt_keys(shell, e); break;
    }
    return true;
}

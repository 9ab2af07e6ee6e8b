/* What follows from an event or a command: what views wish, what moves, what is asked anew. */
#include "engine/base/memory.h"
#include "tui/shell/shell_private.h"
#include <stdlib.h>
#include <string.h>

void shell_arrange(struct shell *shell)
{
    struct shared *sh = &shell->sh;
    if (sh->lift.off && !shared_lifted(sh))
        sh->lift.off = false;
    if (shell->overlay == OVERLAY_HELP || shell->overlay == OVERLAY_MESSAGES ||
        shell->overlay == OVERLAY_PROOF)
        page_arrange(shell);
    if (sh->workbench && shell->titled != shared_dict(sh))
        shell_entitle(shell);
}

/* What the view wants of the shell. */
static void take_wishes(struct shell *shell)
{
    struct shared *sh = &shell->sh;
    while (sh->go >= 0 || sh->then != ACTION_NONE) {
        int go = sh->go;
        enum action_id then = sh->then;
        sh->go = -1;
        sh->then = ACTION_NONE;
        if (go >= 0 && go < shell->views.n)
            views_go(shell, go);
        if (then != ACTION_NONE)
            shell_do(shell, then);
    }
}

void shell_sync(struct shell *shell)
{
    take_wishes(shell);
    views_sync(shell);
}

bool shell_use_corpus(struct shell *shell, const char *path)
{
    struct corpus_choice *c = &shell->sh.corpus;
    char *kept = xstrdup(path); /* it may be the one that goes */
    corpus_choice_release(c);
    c->special = shell->sh.sliders.special;
    if (*kept && strcmp(kept, "references") != 0) {
        c->path = kept;
        c->encoding = shell->encoding[0] ? xstrdup(shell->encoding) : NULL;
        c->header = shell->header;
    } else {
        free(kept);
    }
    views_ask_anew(shell);
    shell_sync(shell);
    return true;
}

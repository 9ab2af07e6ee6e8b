/* Questions that are answered with y or n, at the bottom of the screen. */
#include "tui/shell/shell_private.h"
#include <stdio.h>
#include <string.h>

void shell_ask(struct shell *shell, const struct question *q)
{
    shell_prompt(shell, OVERLAY_ASK, "");
    shell->question = *q;
}

/* The end of a name matters more than where it lies. */
static void shortened(const char *name, int w, char *out, size_t n)
{
    const char *from = name;
    int columns;
    char glyph[GRID_GLYPH_MAX];
    while (*from && text_columns(from, strlen(from)) > w - 1)
        from += text_cluster(from, strlen(from), &columns, glyph);
    snprintf(out, n, from > name ? "…%s" : "%s", from);
}

void question_label(const struct shell *shell, int w, bool ascii, char *out, size_t n)
{
    const struct question *q = &shell->question;
    char name[sizeof q->name + 8];
    const char *blank = q->name[0] ? " " : "";
    for (int narrow = 0; narrow < 2; narrow++) {
        const char *text = narrow ? q->narrow : q->text;
        snprintf(out, n, "%s%s%s y/n ", q->name, blank, text);
        if (text_columns(out, strlen(out)) < w)
            return;
    }
    int rest = text_columns(q->narrow, strlen(q->narrow)) + 7; /* with "y/n" and the cursor */
    shortened(q->name, w - rest, name, sizeof name);
    if (ascii && strncmp(name, "…", strlen("…")) == 0)
        memmove(name, "~..", 3);
    snprintf(out, n, "%s%s%s y/n ", name, blank, q->narrow);
}

void question_event(struct shell *shell, const struct event *e)
{
    if (e->kind != EVENT_TEXT && e->kind != EVENT_KEY)
        return;
    const struct question *q = &shell->question;
    char key[32];
    event_name(e, key, sizeof key);
    bool yes = strcmp(key, "y") == 0 || strcmp(key, "j") == 0 ||
               (q->wants & WANT_QUIT && (strcmp(key, "q") == 0 || strcmp(key, "Ctrl-C") == 0));
    shell->overlay = OVERLAY_NONE;
    if (yes) {
        shell->wants |= q->wants;
        shell->want_asks = false;
        snprintf(shell->want_arg, sizeof shell->want_arg, "%s", q->name);
    } else if (q->refused) {
        shared_message(&shell->sh, false, "%s %s", q->name, q->refused);
    }
}

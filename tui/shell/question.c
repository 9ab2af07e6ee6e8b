/* Questions that are answered with y or n, at the bottom of the screen. */
#include "tui/view/explore/explore.h"
#include <stdio.h>
#include <string.h>

void explore_ask(struct explore *ex, const struct question *q)
{
    explore_prompt(ex, OVERLAY_ASK, "");
    ex->question = *q;
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

void question_label(const struct explore *ex, int w, bool ascii, char *out, size_t n)
{
    const struct question *q = &ex->question;
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

void question_event(struct explore *ex, const struct event *e)
{
    if (e->kind != EVENT_TEXT && e->kind != EVENT_KEY)
        return;
    const struct question *q = &ex->question;
    char key[32];
    event_name(e, key, sizeof key);
    bool yes = strcmp(key, "y") == 0 || strcmp(key, "j") == 0 ||
               (q->wants & WANT_QUIT && (strcmp(key, "q") == 0 || strcmp(key, "Ctrl-C") == 0));
    ex->overlay = OVERLAY_NONE;
    if (yes) {
        ex->wants |= q->wants;
        ex->want_asks = false;
        snprintf(ex->want_arg, sizeof ex->want_arg, "%s", q->name);
    } else if (q->refused) {
        explore_message(ex, false, "%s %s", q->name, q->refused);
    }
}

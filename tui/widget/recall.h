/* Lines typed before, to be had again; kept in a file over sessions. */
#ifndef GLIMT_WIDGET_RECALL_H
#define GLIMT_WIDGET_RECALL_H
#include "engine/base/error.h"
#include "tui/widget/prompt.h"

#define RECALL_KEPT 200

struct recall {
    char *line[RECALL_KEPT]; /* the oldest first, each once; owned */
    int n, n_new;            /* n_new: the last ones, not in the file yet */
    bool walking;
    int at;                 /* while walking; n: what was typed */
    char typed[PROMPT_MAX]; /* when the walk began: only lines that begin so are met */
};

void recall_release(struct recall *);
void recall_add(struct recall *, const char *line); /* ends a walk */
/* Puts the line before (by −1) or after (1) into the prompt; at the newest end what was typed. */
void recall_step(struct recall *, struct prompt *, int by);
/* The file's last lines; none without a file. A file grown long is written anew. */
void recall_load(struct recall *, const char *path);
/* Adds the new lines at the file's end: other sessions do the same. */
bool recall_keep(struct recall *, const char *path, struct error *e);
#endif

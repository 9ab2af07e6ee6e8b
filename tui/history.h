/* Undo of anything: edits of the text and changes of the sliders, in the one order in which they
 * happened. */
#ifndef GLIMT_TUI_HISTORY_H
#define GLIMT_TUI_HISTORY_H
#include "tui/widget/sliders.h"
#include <stddef.h>

struct edit { /* n_removed bytes at `at` became n_inserted ones */
    size_t at, n_removed, n_inserted;
    char *removed, *inserted;
    size_t cursor_before, cursor_after;
};
struct change {
    enum { CHANGE_TEXT, CHANGE_SLIDERS } kind;
    bool open; /* more typing may join it */
    struct edit edit;
    struct {
        struct sliders before, after;
    } sliders;
};

struct history {
    struct change *change;
    size_t n, cap, done; /* changes before `done` are in force, later ones can be redone */
    size_t n_bytes;      /* of text kept; the oldest changes go when it is too much */
};

void history_init(struct history *);
void history_release(struct history *);
/* Notes an edit (bytes are copied). typing: may join the edit before it, a word at a time. */
void history_edit(struct history *, const struct edit *, bool typing);
/* more: the next change may join this one if it too may (steps by a held key are one). */
void history_sliders(struct history *, const struct sliders *before, const struct sliders *after,
                     bool more);
void history_break(struct history *); /* what comes next is a step of its own */
/* The change to take back, or to do again; NULL: none. Borrowed until the next call. */
const struct change *history_undo(struct history *);
const struct change *history_redo(struct history *);
#endif

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
    struct slider_change { /* NULL of a text; owned */
        struct sliders before, after;
    } * sliders;
};

struct history_note { /* what was done with it: a journal can do the same again */
    enum { NOTE_EDIT, NOTE_SLIDERS, NOTE_BREAK, NOTE_UNDO, NOTE_REDO, NOTE_DROP } kind;
    bool joins;                   /* EDIT: by typing; SLIDERS: by steps */
    const struct edit *edit;      /* EDIT; borrowed */
    const struct sliders *before; /* SLIDERS; borrowed */
    const struct sliders *after;  /* the sliders that it brings; NULL: it is about the text */
    const int32_t *limit;         /* DROP: units of each dictionary; borrowed */
    int32_t n_limits;
};

struct history {
    struct change *change;
    size_t n, cap, done; /* changes before `done` are in force, later ones can be redone */
    size_t n_bytes;      /* kept; the oldest changes go when it is too much */
    void (*note)(void *arg, const struct history_note *); /* hears of everything; NULL: nobody */
    void *note_arg;
};

void history_init(struct history *);
void history_release(struct history *);
/* Notes an edit (bytes are copied). typing: may join the edit before it, a word at a time. */
void history_edit(struct history *, const struct edit *, bool typing);
/* more: the next change may join this one if it too may (steps by a held key are one). */
void history_sliders(struct history *, const struct sliders *before, const struct sliders *after,
                     bool more);
void history_break(struct history *); /* what comes next is a step of its own */
/* Puts a change that was kept somewhere behind the others, which are all in force; takes over its
 * strings. Nobody hears of it. */
void history_push(struct history *, const struct change *);
/* Forgets changes of sliders with units that are not there: dictionary i has limit[i] units; none
 * (n_limits 0): all changes with units. */
void history_drop_sliders(struct history *, const int32_t *limit, int32_t n_limits);
/* Place i of the dictionaries becomes place[i] (−1: gone) in all changes. Nobody hears of it. */
void history_move_units(struct history *, const int32_t *place, int32_t n);
/* The unit in the set that has place i as place[i]; a gone one: of no place, its index kept. */
struct unit_id unit_moved(struct unit_id, const int32_t *place, int32_t n);
/* All of them, what is inserted where, and which dictionary is listed: of a gone one the first. */
void sliders_move(struct sliders *, const int32_t *place, int32_t n);
/* The part around `done` whose text is at most max_bytes: changes *from … *to − 1. What is in force
 * goes before what can be done again. */
void history_window(const struct history *, size_t max_bytes, size_t *from, size_t *to);
/* The change to take back, or to do again; NULL: none. Borrowed until the next call. */
const struct change *history_undo(struct history *);
const struct change *history_redo(struct history *);
#endif

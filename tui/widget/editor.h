/* A multi-line editor: text, cursor, selection, kill buffer; no drawing, no keys.
 *
 * Invariants: cursor and anchor are cluster boundaries of their line; the text is valid UTF-8
 * without '\r'. Positions are byte offsets. Every change of the text, undo too, passes through one
 * function and is told to `changed`. */
#ifndef GLIMT_WIDGET_EDITOR_H
#define GLIMT_WIDGET_EDITOR_H
#include "tui/history.h"
#include "tui/widget/wrap.h"
#include <stdint.h>

#define EDITOR_MAX_BYTES (2u << 20)

enum editor_op {
    EDIT_LEFT,
    EDIT_RIGHT,
    EDIT_UP,
    EDIT_DOWN,
    EDIT_WORD_LEFT,
    EDIT_WORD_RIGHT,
    EDIT_ROW_START,
    EDIT_ROW_END,
    EDIT_LINE_START,
    EDIT_LINE_END,
    EDIT_TEXT_START,
    EDIT_TEXT_END,
    EDIT_PAGE_UP,
    EDIT_PAGE_DOWN, /* motions */
    EDIT_BACKSPACE,
    EDIT_DELETE,
    EDIT_KILL_WORD_LEFT,
    EDIT_KILL_WORD_RIGHT,
    EDIT_KILL_TO_START,
    EDIT_KILL_TO_END,
    EDIT_KILL_SELECTION,
    EDIT_YANK,
    EDIT_SELECT_ALL
};

struct editor {
    struct textbuf text;
    struct wrap wrap;
    size_t cursor, anchor; /* the selection lies between them */
    int goal;              /* column that up and down keep to, −1: the cursor's */
    size_t top;            /* first visual row shown */
    int height;            /* visual rows shown, ≥ 1 */
    char *kill;
    size_t n_kill;
    bool killing;            /* the last operation killed: the next one adds */
    struct history *history; /* borrowed; NULL: no undo */
    uint64_t version;        /* grows with each change of the text */
    void (*changed)(void *, size_t at, size_t n_removed, size_t n_inserted); /* may be NULL */
    void *changed_arg;
};

void editor_init(struct editor *, struct history *);
void editor_release(struct editor *);
/* Replaces the whole text without undo; the cursor goes to the nearest boundary at or before
 * `cursor`. */
void editor_set(struct editor *, const char *s, size_t n, size_t cursor);
/* Columns and rows it is shown in. */
void editor_resize(struct editor *, int width, int height);
/* Moves or changes; select: a motion keeps the anchor. False when nothing happened. */
bool editor_do(struct editor *, enum editor_op, bool select);
/* Puts bytes in place of the selection; cleaned first. typed: by hand (joins the undo step before),
 * else one step. Returns the bytes that did not fit into EDITOR_MAX_BYTES. */
size_t editor_insert(struct editor *, const char *s, size_t n, bool typed);
/* The cursor to a byte offset (its cluster's start). */
void editor_goto(struct editor *, size_t at, bool select);
/* The byte offset of the cluster at a cell: row counted from `top`, column from 0; clamped into the
 * text. */
size_t editor_at_cell(const struct editor *, int column, int row);
void editor_cursor_cell(const struct editor *, int *column,
                        int *row);             /* row may lie outside 0 … height − 1 */
void editor_scroll(struct editor *, int rows); /* moves what is shown, not the cursor */
void editor_show_cursor(struct editor *);      /* scrolls so that the cursor's row is shown */
void editor_select_word(struct editor *, size_t at);
void editor_select_line(struct editor *, size_t at);
bool editor_selection(const struct editor *, size_t *from, size_t *to); /* false: empty */
/* The cluster boundaries around a position: the last one ≤ at; the next one after at (n at the
 * end). */
size_t editor_snap(const struct editor *, size_t at);
size_t editor_next(const struct editor *, size_t at);
/* Takes a change of the history back or does it again. */
void editor_apply(struct editor *, const struct edit *, bool undo);
#endif

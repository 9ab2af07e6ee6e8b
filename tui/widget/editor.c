#include "tui/widget/editor.h"
#include "engine/base/memory.h"
#include "engine/text/utf8.h"
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

void editor_init(struct editor *e, struct history *h)
{
    *e = (struct editor){.goal = -1, .height = 1, .history = h};
    textbuf_init(&e->text);
    wrap_init(&e->wrap, &e->text, 80);
}

void editor_release(struct editor *e)
{
    textbuf_release(&e->text);
    wrap_release(&e->wrap);
    free(e->kill);
    e->kill = NULL;
}

/* ---- positions */
size_t editor_snap(const struct editor *e, size_t at)
{
    if (at >= e->text.n)
        return e->text.n;
    size_t row = wrap_row_of(&e->wrap, at), end = wrap_row_end(&e->wrap, &e->text, row),
           i = e->wrap.row[row].start;
    if (at >= end)
        return end; /* on the newline */
    int columns;
    for (size_t k; (k = cluster_at(e->text.s, end, i, &columns)) <= at - i; i += k) {
    }
    return i;
}

size_t editor_next(const struct editor *e, size_t at)
{
    if (at >= e->text.n)
        return e->text.n;
    size_t i = editor_snap(e, at), row = wrap_row_of(&e->wrap, i),
           end = wrap_row_end(&e->wrap, &e->text, row);
    int columns;
    return i >= end ? i + 1 : i + cluster_at(e->text.s, end, i, &columns);
}

static size_t previous(const struct editor *e, size_t at)
{
    return at > 0 ? editor_snap(e, at - 1) : 0;
}

static bool is_word(const struct editor *e, size_t at)
{
    size_t k;
    uint32_t c = utf8_decode(e->text.s + at, e->text.n - at, &k, NULL);
    if (c < 128)
        return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
               c == '_';
    switch (utf8proc_category((utf8proc_int32_t)c)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL: return true;
    default: return false;
    }
}

static size_t word_left(const struct editor *e, size_t at)
{
    while (at > 0 && !is_word(e, previous(e, at)))
        at = previous(e, at);
    while (at > 0 && is_word(e, previous(e, at)))
        at = previous(e, at);
    return at;
}

static size_t word_right(const struct editor *e, size_t at)
{
    while (at < e->text.n && !is_word(e, at))
        at = editor_next(e, at);
    while (at < e->text.n && is_word(e, at))
        at = editor_next(e, at);
    return at;
}

static size_t line_start(const struct editor *e, size_t at)
{
    return e->text.line[textbuf_line_of(&e->text, at)];
}

static size_t line_end(const struct editor *e, size_t at)
{
    return textbuf_line_end(&e->text, textbuf_line_of(&e->text, at));
}

static size_t rows_away(struct editor *e, long rows)
{
    size_t row = wrap_row_of(&e->wrap, e->cursor);
    if (e->goal < 0)
        e->goal = wrap_column(&e->wrap, &e->text, e->cursor);
    long to = (long)row + rows;
    if (to < 0)
        return 0;
    if (to >= (long)e->wrap.n_rows)
        return e->text.n;
    return wrap_at_column(&e->wrap, &e->text, (size_t)to, e->goal);
}

/* ---- change */
static void change(struct editor *e, size_t at, size_t n_removed, const char *s, size_t n)
{
    size_t first = textbuf_line_of(&e->text, at);
    size_t n_old = textbuf_line_of(&e->text, at + n_removed) - first + 1;
    textbuf_replace(&e->text, at, n_removed, s, n);
    size_t n_new = textbuf_line_of(&e->text, at + n) - first + 1;
    wrap_edit(&e->wrap, &e->text, first, n_old, n_new, n - n_removed);
    e->version++;
    if (e->changed)
        e->changed(e->changed_arg, at, n_removed, n);
}

/* The cursor to the end of what came; marks joining what stands behind it move it past them. */
static void settle(struct editor *e, size_t at)
{
    size_t snapped = editor_snap(e, at);
    e->cursor = e->anchor = snapped < at ? editor_next(e, snapped) : snapped;
    e->goal = -1;
}

static void replace(struct editor *e, size_t at, size_t n_removed, const char *s, size_t n,
                    bool typing)
{
    if (n_removed == 0 && n == 0)
        return;
    struct edit edit = {
        .at = at, .n_removed = n_removed, .n_inserted = n, .cursor_before = e->cursor};
    edit.removed = xmemdup(e->text.s + at, n_removed > 0 ? n_removed : 1);
    edit.inserted = xmemdup(n > 0 ? s : "", n > 0 ? n : 1);
    change(e, at, n_removed, edit.inserted, n);
    settle(e, at + n);
    edit.cursor_after = e->cursor;
    if (e->history)
        history_edit(e->history, &edit, typing);
    free(edit.removed);
    free(edit.inserted);
}

void editor_apply(struct editor *e, const struct edit *edit, bool undo)
{
    size_t n_old = undo ? edit->n_inserted : edit->n_removed;
    change(e, edit->at, n_old, undo ? edit->removed : edit->inserted,
           undo ? edit->n_removed : edit->n_inserted);
    e->cursor = e->anchor = editor_snap(e, undo ? edit->cursor_before : edit->cursor_after);
    e->goal = -1;
}

void editor_set(struct editor *e, const char *s, size_t n, size_t cursor)
{
    size_t n_clean;
    char *clean = textbuf_clean(s, n, &n_clean);
    if (n_clean > EDITOR_MAX_BYTES)
        for (n_clean = EDITOR_MAX_BYTES;
             n_clean > 0 && ((unsigned char)clean[n_clean] & 0xc0) == 0x80;)
            n_clean--;
    change(e, 0, e->text.n, clean, n_clean);
    free(clean);
    e->cursor = e->anchor = editor_snap(e, cursor);
    e->goal = -1;
    e->top = 0;
}

bool editor_selection(const struct editor *e, size_t *from, size_t *to)
{
    *from = e->cursor < e->anchor ? e->cursor : e->anchor;
    *to = e->cursor < e->anchor ? e->anchor : e->cursor;
    return *from < *to;
}

size_t editor_insert(struct editor *e, const char *s, size_t n, bool typed)
{
    size_t from, to, m;
    editor_selection(e, &from, &to);
    char *clean = textbuf_clean(s, n, &m);
    size_t room = EDITOR_MAX_BYTES - (e->text.n - (to - from)), lost = 0;
    if (m > room) {
        size_t fits = room;
        while (fits > 0 && ((unsigned char)clean[fits] & 0xc0) == 0x80)
            fits--;
        lost = m - fits;
        m = fits;
    }
    if (!typed && e->history)
        history_break(e->history);
    replace(e, from, to - from, clean, m, typed);
    free(clean);
    e->killing = false;
    return lost;
}

static void kill_range(struct editor *e, size_t from, size_t to)
{
    size_t n = to - from;
    bool before = to == e->cursor, adds = e->killing;
    char *kill = xmalloc(n + (adds ? e->n_kill : 0) + 1);
    size_t k = 0;
    if (adds && !before) {
        memcpy(kill, e->kill, e->n_kill);
        k = e->n_kill;
    }
    memcpy(kill + k, e->text.s + from, n);
    k += n;
    if (adds && before) {
        memcpy(kill + k, e->kill, e->n_kill);
        k += e->n_kill;
    }
    free(e->kill);
    e->kill = kill;
    e->n_kill = k;
    replace(e, from, n, NULL, 0, false);
    e->killing = true;
}

static bool is_motion(enum editor_op op)
{
    return op <= EDIT_PAGE_DOWN;
}

static size_t motion(struct editor *e, enum editor_op op)
{
    size_t row;
    switch (op) {
    case EDIT_LEFT: return previous(e, e->cursor);
    case EDIT_RIGHT: return editor_next(e, e->cursor);
    case EDIT_UP: return rows_away(e, -1);
    case EDIT_DOWN: return rows_away(e, 1);
    case EDIT_PAGE_UP: return rows_away(e, -(e->height > 1 ? e->height - 1 : 1));
    case EDIT_PAGE_DOWN: return rows_away(e, e->height > 1 ? e->height - 1 : 1);
    case EDIT_WORD_LEFT: return word_left(e, e->cursor);
    case EDIT_WORD_RIGHT: return word_right(e, e->cursor);
    case EDIT_ROW_START: return e->wrap.row[wrap_row_of(&e->wrap, e->cursor)].start;
    case EDIT_ROW_END:
        row = wrap_row_of(&e->wrap, e->cursor);
        return wrap_at_column(&e->wrap, &e->text, row, 1 << 28);
    case EDIT_LINE_START: return line_start(e, e->cursor);
    case EDIT_LINE_END: return line_end(e, e->cursor);
    case EDIT_TEXT_START: return 0;
    default: return e->text.n;
    }
}

static bool move(struct editor *e, enum editor_op op, bool select)
{
    size_t from, to, at;
    bool vertical = op == EDIT_UP || op == EDIT_DOWN || op == EDIT_PAGE_UP || op == EDIT_PAGE_DOWN;
    if (!vertical)
        e->goal = -1;
    if (!select && editor_selection(e, &from, &to) && (op == EDIT_LEFT || op == EDIT_RIGHT))
        at = op == EDIT_LEFT ? from : to;
    else
        at = motion(e, op);
    bool moved = at != e->cursor || (!select && e->anchor != e->cursor);
    e->cursor = at;
    if (!select)
        e->anchor = at;
    if (e->history)
        history_break(e->history);
    e->killing = false;
    return moved;
}

/* What an operation that deletes takes away when nothing is selected. */
static void reach(struct editor *e, enum editor_op op, size_t *from, size_t *to)
{
    *from = *to = e->cursor;
    switch (op) {
    case EDIT_BACKSPACE: *from = previous(e, e->cursor); break;
    case EDIT_DELETE: *to = editor_next(e, e->cursor); break;
    case EDIT_KILL_WORD_LEFT: *from = word_left(e, e->cursor); break;
    case EDIT_KILL_WORD_RIGHT: *to = word_right(e, e->cursor); break;
    case EDIT_KILL_TO_START: *from = line_start(e, e->cursor); break;
    case EDIT_KILL_TO_END:
        *to = line_end(e, e->cursor);
        if (*to == e->cursor && *to < e->text.n)
            ++*to; /* at the end of a line: the newline */
        break;
    default: break;
    }
}

bool editor_do(struct editor *e, enum editor_op op, bool select)
{
    if (is_motion(op))
        return move(e, op, select);
    if (op == EDIT_SELECT_ALL) {
        e->anchor = 0;
        e->cursor = e->text.n;
        e->goal = -1;
        return e->text.n > 0;
    }
    if (op == EDIT_YANK) {
        if (e->n_kill == 0)
            return false;
        editor_insert(e, e->kill, e->n_kill, false);
        return true;
    }
    size_t from, to;
    bool selected = editor_selection(e, &from, &to);
    if (!selected)
        reach(e, op, &from, &to);
    if (from == to)
        return false;
    if (op == EDIT_BACKSPACE || op == EDIT_DELETE) {
        replace(e, from, to - from, NULL, 0, !selected);
        e->killing = false;
    } else {
        kill_range(e, from, to);
    }
    return true;
}

void editor_goto(struct editor *e, size_t at, bool select)
{
    e->cursor = editor_snap(e, at);
    if (!select)
        e->anchor = e->cursor;
    e->goal = -1;
    e->killing = false;
    if (e->history)
        history_break(e->history);
}

/* ---- cells */
void editor_resize(struct editor *e, int width, int height)
{
    size_t shown = e->top < e->wrap.n_rows ? e->wrap.row[e->top].start : 0;
    if (width != e->wrap.width) {
        wrap_resize(&e->wrap, &e->text, width);
        e->top = wrap_row_of(&e->wrap, shown);
        e->goal = -1;
    }
    e->height = height < 1 ? 1 : height;
    editor_scroll(e, 0);
}

size_t editor_at_cell(const struct editor *e, int column, int row)
{
    long r = (long)e->top + row;
    if (r < 0)
        return 0;
    if (r >= (long)e->wrap.n_rows)
        return e->text.n;
    return wrap_at_column(&e->wrap, &e->text, (size_t)r, column < 0 ? 0 : column);
}

void editor_cursor_cell(const struct editor *e, int *column, int *row)
{
    *column = wrap_column(&e->wrap, &e->text, e->cursor);
    *row = (int)((long)wrap_row_of(&e->wrap, e->cursor) - (long)e->top);
}

void editor_scroll(struct editor *e, int rows)
{
    long top = (long)e->top + rows, last = (long)e->wrap.n_rows - e->height;
    top = top > last ? last : top;
    e->top = top < 0 ? 0 : (size_t)top;
}

void editor_show_cursor(struct editor *e)
{
    size_t row = wrap_row_of(&e->wrap, e->cursor), height = (size_t)e->height;
    if (row < e->top)
        e->top = row;
    else if (row >= e->top + height)
        e->top = row - height + 1;
    editor_scroll(e, 0);
}

void editor_select_word(struct editor *e, size_t at)
{
    at = editor_snap(e, at);
    size_t from = at, to = at;
    while (from > 0 && is_word(e, previous(e, from)))
        from = previous(e, from);
    while (to < e->text.n && is_word(e, to))
        to = editor_next(e, to);
    editor_goto(e, from, false);
    editor_goto(e, to == from ? editor_next(e, from) : to, true);
}

void editor_select_line(struct editor *e, size_t at)
{
    editor_goto(e, line_start(e, at), false);
    editor_goto(e, line_end(e, at), true);
}

#include "tui/widget/wrap.h"
#include "engine/base/memory.h"
#include "tui/term/grid.h"
#include <stdlib.h>
#include <string.h>

static bool is_plain(char c)
{
    return c >= ' ' && c <= '~';
}

size_t cluster_at(const char *s, size_t n, size_t i, int *columns)
{
    if (is_plain(s[i]) &&
        (i + 1 == n || is_plain(s[i + 1]) || s[i + 1] == '\n')) { /* most text: nothing can join */
        *columns = 1;
        return 1;
    }
    if (s[i] == '\n') {
        *columns = 0;
        return 1;
    }
    char glyph[GRID_GLYPH_MAX];
    size_t k = text_cluster(s + i, n - i, columns, glyph);
    return k > 0 ? k : 1;
}

struct rows { /* rows of some lines, being made */
    struct wrap_row *row;
    size_t n, cap;
};

static void rows_add(struct rows *r, size_t start, size_t line)
{
    r->row = grow(r->row, &r->cap, r->n + 1, sizeof *r->row);
    r->row[r->n++] = (struct wrap_row){start, line};
}

static void wrap_line(struct rows *out, const struct textbuf *t, size_t line, int width)
{
    size_t end = textbuf_line_end(t, line), start = t->line[line], after_blank = start;
    int column = 0, column_at_blank = 0;
    rows_add(out, start, line);
    for (size_t i = start; i < end;) {
        int columns;
        size_t k = cluster_at(t->s, end, i, &columns);
        bool blank = t->s[i] == ' ' || t->s[i] == '\t';
        if (!blank && column + columns > width && i > start) {
            if (after_blank > start) { /* the word moves down whole */
                start = after_blank;
                column -= column_at_blank;
                rows_add(out, start, line);
            }
            if (column + columns > width && i > start) {
                start = i;
                column = 0;
                rows_add(out, start, line);
            }
            after_blank = start;
            column_at_blank = 0;
        }
        i += k;
        column += columns;
        if (blank) {
            after_blank = i;
            column_at_blank = column;
        }
    }
}

static void rows_of_lines(struct rows *r, const struct textbuf *t, size_t first, size_t n,
                          int width)
{
    for (size_t i = first; i < first + n; i++)
        wrap_line(r, t, i, width);
}

void wrap_init(struct wrap *w, const struct textbuf *t, int width)
{
    *w = (struct wrap){0};
    wrap_resize(w, t, width);
}

void wrap_release(struct wrap *w)
{
    free(w->row);
    *w = (struct wrap){0};
}

void wrap_resize(struct wrap *w, const struct textbuf *t, int width)
{
    width = width < 1 ? 1 : width;
    if (width == w->width)
        return;
    struct rows r = {w->row, 0, w->cap};
    rows_of_lines(&r, t, 0, t->n_lines, width);
    *w = (struct wrap){width, r.row, r.n, r.cap};
}

static size_t first_row_of_line(const struct wrap *w, size_t line)
{
    size_t lo = 0, hi = w->n_rows;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (w->row[mid].line < line)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

void wrap_edit(struct wrap *w, const struct textbuf *t, size_t first, size_t n_old, size_t n_new,
               size_t n_moved)
{
    size_t a = first_row_of_line(w, first), b = first_row_of_line(w, first + n_old),
           tail = w->n_rows - b;
    struct rows r = {0};
    rows_of_lines(&r, t, first, n_new, w->width);
    w->row = grow(w->row, &w->cap, a + r.n + tail, sizeof *w->row);
    memmove(w->row + a + r.n, w->row + b, tail * sizeof *w->row);
    if (r.n > 0)
        memcpy(w->row + a, r.row, r.n * sizeof *w->row);
    free(r.row);
    w->n_rows = a + r.n + tail;
    for (size_t i = a + r.n; i < w->n_rows; i++) {
        w->row[i].start += n_moved;
        w->row[i].line += n_new - n_old;
    }
}

size_t wrap_row_of(const struct wrap *w, size_t at)
{
    size_t lo = 0, hi = w->n_rows;
    while (hi - lo > 1) {
        size_t mid = lo + (hi - lo) / 2;
        if (w->row[mid].start <= at)
            lo = mid;
        else
            hi = mid;
    }
    return lo;
}

size_t wrap_row_end(const struct wrap *w, const struct textbuf *t, size_t row)
{
    if (row + 1 < w->n_rows && w->row[row + 1].line == w->row[row].line)
        return w->row[row + 1].start;
    return textbuf_line_end(t, w->row[row].line);
}

int wrap_column(const struct wrap *w, const struct textbuf *t, size_t at)
{
    size_t row = wrap_row_of(w, at), end = wrap_row_end(w, t, row);
    int column = 0, columns;
    for (size_t i = w->row[row].start; i < at && i < end; column += columns)
        i += cluster_at(t->s, end, i, &columns);
    return column;
}

size_t wrap_at_column(const struct wrap *w, const struct textbuf *t, size_t row, int column)
{
    size_t end = wrap_row_end(w, t, row), i = w->row[row].start, last = i;
    bool goes_on = row + 1 < w->n_rows && w->row[row + 1].line == w->row[row].line;
    int at = 0, columns;
    while (i < end) {
        size_t k = cluster_at(t->s, end, i, &columns);
        if (at + (columns > 0 ? columns : 1) > column)
            return i;
        at += columns;
        last = i;
        i += k;
    }
    return goes_on ? last : end;
}

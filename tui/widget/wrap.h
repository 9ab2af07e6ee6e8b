/* Soft wrapping: which bytes stand on which visual row, for one width.
 *
 * Rows break after blanks where a word fits, else between grapheme clusters; blanks beyond the edge
 * hang. Every row starts at a cluster boundary, so clusters are found by walking from a row's
 * start. An edit rewraps its lines only. */
#ifndef GLIMT_WIDGET_WRAP_H
#define GLIMT_WIDGET_WRAP_H
#include "tui/widget/textbuf.h"

struct wrap_row {
    size_t start, line;
};
struct wrap {
    int width; /* ≥ 1 columns; a wider cluster has a row for itself */
    struct wrap_row *row;
    size_t n_rows, cap;
};

void wrap_init(struct wrap *, const struct textbuf *, int width);
void wrap_release(struct wrap *);
void wrap_resize(struct wrap *, const struct textbuf *, int width);
/* After an edit: lines first … first + n_old − 1 became first … first + n_new − 1, later bytes
 * moved by n_moved. */
void wrap_edit(struct wrap *, const struct textbuf *, size_t first, size_t n_old, size_t n_new,
               size_t n_moved);
/* The row that shows position `at`: the later one at a break. */
size_t wrap_row_of(const struct wrap *, size_t at);
/* One past the row's last byte; a newline is not on the row. */
size_t wrap_row_end(const struct wrap *, const struct textbuf *, size_t row);
/* The column of `at` on its row, and the position on a row nearest to a column (a cluster start;
 * the row's last cluster start where the row goes on in the next one, else its end). */
int wrap_column(const struct wrap *, const struct textbuf *, size_t at);
size_t wrap_at_column(const struct wrap *, const struct textbuf *, size_t row, int column);
/* The cluster at byte i of a text of n bytes: its length and its columns. */
size_t cluster_at(const char *s, size_t n, size_t i, int *columns);
#endif

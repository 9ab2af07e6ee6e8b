/* A text that is only read, as rows of a width. */
#ifndef GLIMT_WIDGET_TEXT_ROWS_H
#define GLIMT_WIDGET_TEXT_ROWS_H
#include <stddef.h>
#include <stdint.h>

struct text_row {
    size_t start, end; /* bytes; a newline between two rows belongs to neither */
};
/* Rows of at most `width` columns, at least one; the caller frees. Breaks as tui/widget/wrap.h
 * does. */
struct text_row *text_rows(const char *text, size_t n, int width, int32_t *n_rows);
#endif

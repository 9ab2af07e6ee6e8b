/* Editable UTF-8 and where its lines begin.
 *
 * The bytes lie in one piece, because every wish of the worker and every row drawn reads them so;
 * an insertion into a megabyte is one memmove (some 20 µs), less than a gap buffer costs to close
 * its gap for each reader. Invariants: s[n] == 0; valid UTF-8; no '\r'; line[0] == 0, line[i] is
 * the byte after the i-th '\n'. */
#ifndef GLIMT_WIDGET_TEXTBUF_H
#define GLIMT_WIDGET_TEXTBUF_H
#include <stdbool.h>
#include <stddef.h>

struct textbuf {
    char *s;
    size_t n, cap;
    size_t *line; /* n_lines ≥ 1 */
    size_t n_lines, cap_lines;
};

void textbuf_init(struct textbuf *);
void textbuf_release(struct textbuf *);
/* Puts n_new bytes in place of the n_old at `at` (within the text). Keeps the invariants if s is
 * valid UTF-8 without
 * '\r' and the range begins and ends between characters. s may not lie in the buffer. */
void textbuf_replace(struct textbuf *, size_t at, size_t n_old, const char *s, size_t n_new);
/* The n bytes of s stand at `at`, and begin and end between characters: they can be replaced. */
bool textbuf_has(const struct textbuf *, size_t at, const char *s, size_t n);
/* The line that holds byte `at` (a '\n' belongs to the line it ends; n to the last). */
size_t textbuf_line_of(const struct textbuf *, size_t at);
/* One past the line's last byte, before its '\n'. */
size_t textbuf_line_end(const struct textbuf *, size_t line);
/* A copy of n bytes fit for the buffer: repaired UTF-8, CR LF and CR as LF. Caller frees. */
char *textbuf_clean(const char *s, size_t n, size_t *n_out);
#endif

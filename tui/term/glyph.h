/* How text becomes cells: which code points a terminal may see, how wide they are, what stands for
 * the others.
 *
 * Escapes: ‹0A› a control or a byte that is no UTF-8, ‹U+200E› a code point without a safe picture,
 * ‹U+1F468…› a cluster whose width terminals disagree about (emoji sequences, flags, variation
 * selectors, five marks on one base).
 */
#ifndef GLIMT_TERM_GLYPH_H
#define GLIMT_TERM_GLYPH_H
#include <stddef.h>
#include <stdint.h>

#define GRID_GLYPH_MAX 24 /* bytes of a cell's cluster, its NUL among them */

/* Columns of a code point drawn raw: 1 or 2, 0 for a mark that joins the one before; −1: never draw
 * it raw. */
int glyph_code_width(uint32_t code);

/* The ASCII stand-in for a cell's glyph on a terminal without UTF-8: as many columns as the glyph,
 * '?' when nothing resembles it. Returns its first character; a wide glyph's second column is a
 * space. */
char glyph_ascii(const char *glyph);
/* Columns that n bytes of UTF-8 take when drawn by grid_text. */
int text_columns(const char *utf8, size_t n);
/* The cluster at s: its length in bytes (≥ 1 for n ≥ 1), columns when drawn, and what is drawn
 * (escaped) in out. */
size_t text_cluster(const char *utf8, size_t n, int *columns, char out[GRID_GLYPH_MAX]);
#endif

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

/* Columns of a code point drawn raw: 1 or 2, 0 for a mark that joins the one before; −1: never draw
 * it raw. */
int glyph_code_width(uint32_t code);

/* The ASCII stand-in for a cell's glyph on a terminal without UTF-8: as many columns as the glyph,
 * '?' when nothing resembles it. Returns its first character; a wide glyph's second column is a
 * space. */
char glyph_ascii(const char *glyph);
#endif

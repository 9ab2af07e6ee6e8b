/* Blocks and lines of the terminal's drawing characters as rectangles: fonts leave gaps between the
 * rows of a picture where a terminal has none. Private to tui/term. */
#ifndef GLIMT_TERM_SHAPES_H
#define GLIMT_TERM_SHAPES_H
#include <stdbool.h>

struct shape_rect {
    double x, y, w, h;
};
enum { SHAPE_MAX = 4 };
/* The rectangles of a glyph in a cell of w × h at (x, y); how many, 0: it is no such glyph. */
int shape_rects(const char *glyph, double x, double y, double w, double h,
                struct shape_rect out[SHAPE_MAX]);
#endif

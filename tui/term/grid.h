/* A rectangle of cells: what a view draws and what a terminal, a test, an SVG or a text file gets.
 *
 * Pure data. A cell holds one grapheme cluster (UTF-8, at most GRID_GLYPH_MAX − 1 bytes; longer
 * clusters and everything that a terminal must not see raw arrive as an escape, see glyph.h) and a
 * style. A cluster two columns wide occupies its cell and the next, whose glyph is empty. Drawing
 * clips at the grid and at the rect; nothing is drawn outside. */
#ifndef GLIMT_TERM_GRID_H
#define GLIMT_TERM_GRID_H
#include "tui/term/glyph.h"
#include "tui/term/theme.h"
#include <stddef.h>
#include <stdint.h>

struct cell {
    char glyph[GRID_GLYPH_MAX]; /* NUL-terminated; "" is the right half of a wide one */
    struct style style;
};

struct rect {
    int x, y, w, h;
}; /* w or h ≤ 0: nothing */

struct grid {
    int w, h;
    struct cell *cell;      /* [h, w] */
    int cursor_x, cursor_y; /* −1: hidden */
};

void grid_init(struct grid *, int w, int h, struct style);
void grid_release(struct grid *);
void grid_resize(struct grid *, int w, int h, struct style); /* contents are cleared */
void grid_fill(struct grid *, struct rect, struct style);    /* blanks */
/* Draws n bytes of UTF-8 from column x of row y within clip; returns the column after the last one
 * drawn. Untrusted text: controls, bidi controls and invalid bytes are shown as escapes, tabs as
 * one space. */
int grid_text(struct grid *, struct rect clip, int x, int y, struct style, const char *utf8,
              size_t n);
/* The same; what clip is too narrow for ends in … (ASCII: ..), so that nobody takes a part for the
 * whole. */
int grid_text_cut(struct grid *, struct rect clip, int x, int y, struct style, const char *utf8,
                  size_t n, bool ascii);
int grid_printf(struct grid *, struct rect clip, int x, int y, struct style, const char *format,
                ...) __attribute__((format(printf, 6, 7)));
/* One cluster known to be `width` columns wide. */
void grid_put(struct grid *, struct rect clip, int x, int y, struct style, const char *glyph,
              int width);
/* Changes only the style of cells. */
void grid_style(struct grid *, struct rect, struct style);
/* A frame with a title in its upper edge; `heavy` for the focused pane (more than colour tells it).
 * ASCII when the style table says so. Returns the inner rect. */
struct rect grid_box(struct grid *, struct rect, const char *title, bool focused,
                     const struct theme *);
struct rect rect_inner(struct rect, int dx, int dy);
bool rect_has(struct rect, int x, int y);

/* Writers: plain text (rows joined by \n, trailing blanks cut), ANSI (SGR, theme's depth), SVG
 * (text selectable, byte-stable, no fonts embedded). */
struct strbuf;
void grid_write_text(const struct grid *, struct strbuf *);
void grid_write_ansi(const struct grid *, struct strbuf *);
void grid_write_svg(const struct grid *, const struct theme *, const char *title, struct strbuf *);
#endif

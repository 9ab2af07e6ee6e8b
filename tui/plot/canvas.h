/* What a plot is drawn on: cells of a grid, or SVG. A mark is drawn by one code for both.
 *
 * Coordinates are in cells, x to the right and y downwards, with fractions: a dot of braille is ½ ×
 * ¼, and SVG takes them as they are (a cell of CANVAS_CELL_W × CANVAS_CELL_H px). Text stands in a
 * row of cells. What reaches beyond a clip rect is not drawn. */
#ifndef GLIMT_PLOT_CANVAS_H
#define GLIMT_PLOT_CANVAS_H
#include "engine/base/strbuf.h"
#include "tui/plot/options.h"

#define CANVAS_CELL_W 8
#define CANVAS_CELL_H 17
#define CANVAS_COLORS 4

enum ink { INK_TEXT, INK_TITLE, INK_DIM, INK_AXIS, INK_MARKER, INK_SERIES };
enum dash { DASH_SOLID, DASH_DOTTED, DASH_DASHED, DASH_DASHDOT, DASH_REFERENCE, N_DASHES };
struct pen {
    enum ink ink;
    int color; /* INK_SERIES: 0 … CANVAS_COLORS − 1 */
    enum dash dash;
};
enum side { SIDE_UP, SIDE_DOWN, SIDE_RIGHT, SIDE_LEFT }; /* where a bar grows to */
enum anchor { ANCHOR_LEFT, ANCHOR_MIDDLE, ANCHOR_RIGHT };
enum dot {
    DOT_VERTEX, /* of a line: cells show the line alone */
    DOT_ALONE,  /* a vertex without a line */
    DOT_SMALL,  /* one of a cloud */
    DOT_SIGN,   /* the same, a cell with the sign of its series */
};
struct xy {
    double x, y;
};
struct box {
    double x0, y0, x1, y1; /* x0 ≤ x1, y0 ≤ y1 */
};
struct tile {         /* a cell of a heat map */
    double share;     /* value over scale, −1 … 1; NaN: missing */
    bool diverging;   /* else sequential from 0 */
    const char *text; /* the number; NULL: no room */
};

struct canvas {
    const struct canvas_ops *ops;
    bool ascii; /* text of our own shall be ASCII */
    bool exact; /* no rounding to cells; marks say their value (title) */
};

/* title: what a mark says when pointed at; NULL: nothing. */
struct canvas_ops {
    /* n bytes of UTF-8 within the columns of clip; x is where the anchor stands, row the upper edge
     * (cells: the row that it lies in). */
    void (*text)(struct canvas *, struct rect clip, double x, double row, enum anchor, struct pen,
                 const char *utf8, size_t n);
    void (*line)(struct canvas *, struct rect clip, const struct xy *, size_t n, struct pen,
                 const char *title);
    /* Interval around a line: hi[i].x = lo[i].x. */
    void (*band)(struct canvas *, struct rect clip, const struct xy *lo, const struct xy *hi,
                 size_t n, struct pen);
    void (*dot)(struct canvas *, struct rect clip, struct xy, enum dot, struct pen,
                const char *title);
    /* A filled bar; faint: more will be drawn over it. */
    void (*bar)(struct canvas *, struct rect clip, struct box, enum side, bool faint, struct pen,
                const char *title);
    /* Interval along a horizontal bar, in a row. */
    void (*whisker)(struct canvas *, struct rect clip, double x0, double x1, int row, struct pen);
    void (*tile)(struct canvas *, struct rect, const struct tile *, const char *title);
    /* Frame of a panel: left and lower edge (outside of inner) with ticks, in cells; a line along
     * the row `middle` (−1: none). */
    void (*axes)(struct canvas *, struct rect inner, const double *x_tick, int n_x,
                 const double *y_tick, int n_y, bool left, bool below, int middle);
    /* ▲ in a row below, at a column; over: the panel that it points into. */
    void (*marker)(struct canvas *, struct rect clip, double x, double row, struct rect over);
};

struct canvas_cells;
/* Borrowed until canvas_cells_free, which draws what was collected as dots. */
struct canvas_cells *canvas_cells_new(struct grid *, struct rect, const struct theme *,
                                      enum plot_glyphs);
struct canvas *canvas_of_cells(struct canvas_cells *);
void canvas_cells_free(struct canvas_cells *);

struct canvas_svg {
    struct canvas canvas;
    struct strbuf *out;
    double left, top; /* px */
};
void canvas_svg_init(struct canvas_svg *, struct strbuf *out, double left, double top);
/* <svg …> with title, style and background; then </svg>. */
void svg_begin(struct strbuf *, int w, int h, const char *title);
void svg_end(struct strbuf *);
/* Text as XML: safe clusters only, specials escaped. */
void svg_escape(struct strbuf *, const char *utf8, size_t n);

/* Bytes of the text that fit into so many columns; *columns: how many they take. */
size_t text_fit(const char *utf8, size_t n, int limit, int *columns);
#endif

/* One plot module: a table drawn as its mark says, to cells or to SVG.
 *
 * Columns by role: X (numbers), Y, LO and HI (interval of Y; of a HIST: bounds of the bin are the
 * LO and HI columns and Y its height), SERIES (one line, bar group or histogram a value), FACET
 * (one panel a value), KEY (labels of bars; rows of a HEAT, whose columns are X and colours Y).
 * Marks: LINE (with intervals), BAR, HIST, HEAT, SCATTER; LIST and GRAPH are written as text.
 *
 * Pure functions of their arguments. Series colours are the theme's class.1 … class.4 with a glyph
 * or dash pattern of their own: colour is never the only carrier. */
#ifndef GLIMT_PLOT_PLOT_H
#define GLIMT_PLOT_PLOT_H
#include "engine/base/table.h"
#include "tui/term/grid.h"

enum plot_glyphs { PLOT_BRAILLE, PLOT_BLOCKS /* SCATTER: a sign of its series each */, PLOT_ASCII };

#define PLOT_MAX_MARKS 8
struct plot_options {
    enum plot_glyphs glyphs;
    bool mirrored;   /* HIST: the second series downwards; else overlaid */
    bool log_y;      /* log10, zeros at the floor */
    bool log_x;      /* LINE whose x are all > 0 */
    int first_color; /* of the series: 2: class.3, then class.4 … */
    bool bare;       /* no axes, no legend: a sparkline */
    const char *x;   /* NULL: the X column; else its name */
    const char *y;   /* NULL: the Y column */
    const char
        *facet; /* NULL: all panels side by side; else the one with this value (as printed) */
    const char *only_key,
        *only_value; /* rows whose column only_key prints as only_value; NULL: all */
    int n_at;        /* marked values of x: ▲ below the axis */
    double at[PLOT_MAX_MARKS];
    const char *at_label[PLOT_MAX_MARKS]; /* may be NULL */
    const char *title;                    /* NULL: the table's */
};
void plot_options_init(struct plot_options *);

struct plot_area {     /* where a panel landed, for the mouse */
    struct rect inner; /* cells of the data */
    double x0, x1, y0, y1;
    bool log_x;
};
#define PLOT_MAX_PANELS 256
struct plot_layout {
    int n_panels;
    struct plot_area panel[PLOT_MAX_PANELS];
};

/* Draws into r of the grid; layout may be NULL. Too small a rect: the title, or nothing. */
void plot_cells(const struct table *, const struct plot_options *, const struct theme *,
                struct grid *, struct rect, struct plot_layout *layout);
/* The same picture as SVG of w × h px (0: default), text selectable, no fonts embedded,
 * byte-stable, readable on light and dark (colours by CSS media query, a <title> with the value on
 * each mark). */
void plot_svg(const struct table *, const struct plot_options *, int w, int h, struct strbuf *);
/* All tables of a set below each other; LISTs as text. */
void plot_svg_set(const struct table_set *, const struct plot_options *, struct strbuf *);
/* Value of x in a panel at a column of cells, and of y at a row. */
double plot_value_at(const struct plot_area *, int x);
double plot_value_up(const struct plot_area *, int y);
/* The cell that values stand in (a linear panel); clamped to it. */
void plot_cell_of(const struct plot_area *, double x, double y, int *cell_x, int *cell_y);
#endif

/* One plot module: a table drawn as its mark says, to cells or to SVG.
 *
 * Columns by role: X (numbers), Y, LO and HI (interval of Y; of a HIST: bounds of the bin are the
 * LO and HI columns and Y its height), SERIES (one line, bar group or histogram a value), FACET
 * (one panel a value), KEY (labels of bars; rows of a HEAT, whose columns are X and colours Y).
 * Marks: LINE (with intervals), BAR, HIST, HEAT, SCATTER; LIST and GRAPH are written as text;
 * TOKENS are running text, a text each "doc", on the colour of Y (full at ±1).
 *
 * Pure functions of their arguments. Series colours are the theme's class.1 … class.4 with a glyph
 * or dash pattern of their own: colour is never the only carrier. */
#ifndef GLIMT_PLOT_PLOT_H
#define GLIMT_PLOT_PLOT_H
#include "tui/plot/options.h"

void plot_options_init(struct plot_options *);

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

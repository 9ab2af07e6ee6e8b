/* What a plot is asked to look like, and where it landed. */
#ifndef GLIMT_PLOT_OPTIONS_H
#define GLIMT_PLOT_OPTIONS_H
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
#endif

/* What the marks share: the plot being drawn, the frame of a panel, words. */
#ifndef GLIMT_PLOT_DRAW_H
#define GLIMT_PLOT_DRAW_H
#include "tui/plot/canvas.h"
#include "tui/plot/data.h"

struct plot { /* borrowed parts */
    const struct plot_data *data;
    const struct plot_options *o;
    struct canvas *c;
    struct plot_layout *layout;
};

/* A panel with numbers on both axes. */
struct frame {
    struct rect room, inner;
    struct scale x, y; /* mirrored: y of one half */
    struct ticks x_ticks, y_ticks;
    bool mirrored, left, below; /* edges drawn */
    int axis;                   /* rows of the line between two halves: 0 or 1 */
    int marker_row, tick_row;   /* −1: none */
    int name_row;               /* of x; −1: none */
    double grain;
};
struct frame_wish {
    struct scale x, y;
    bool mirrored;
    int n_bins;   /* equal bins over x: cells give each as many columns; 0: any */
    double grain; /* x comes in multiples of it, and so do its ticks; 0: any */
};
void frame_lay(struct frame *, const struct plot *, struct rect, const struct frame_wish *);
void frame_draw(const struct frame *, const struct plot *); /* edges, ticks, names, markers */
double frame_x(const struct frame *, double v);
double frame_y(const struct frame *, double v, bool down); /* down: the lower half of a mirrored */
double frame_base(const struct frame *, bool down);        /* where bars stand */
struct plot_area frame_area(const struct frame *);

/* Each draws the rows of a panel into a rect. */
void line_draw(const struct plot *, int32_t panel, struct rect, struct plot_area *);
void hist_draw(const struct plot *, int32_t panel, struct rect, struct plot_area *);
void bar_draw(const struct plot *, int32_t panel, struct rect, struct plot_area *);
void heat_draw(const struct plot *, int32_t panel, struct rect, struct plot_area *);
void scatter_draw(const struct plot *, int32_t panel, struct rect, struct plot_area *);
/* Cells that a panel would like, for the size of a picture. */
struct rect bar_wish(const struct plot_data *, int32_t panel);
struct rect heat_wish(const struct plot_data *);

enum { SWATCH = 3 }; /* columns of what stands before a name of the legend */
/* The legend in a rectangle: rows it takes; draws when asked to. What has no room there is counted
 * behind the last ("+3"). */
int legend_lay(const struct plot *, struct rect, bool draw);
/* In one row, the short form when the long one is wider than a limit; 0: there is none. */
int legend_columns(const struct plot *, int limit);

enum dot cloud_dot(const struct plot *); /* of a point among many */
struct pen series_pen(const struct plot *, int32_t series);
struct pen hist_pen(const struct plot *, int32_t series);
void put_text(const struct plot *, struct rect clip, double x, double row, enum anchor, enum ink,
              const char *);
/* "loss sentence mean (nats)"; brief: the unit alone where there is one. */
void axis_words(const char *name, const char *unit, bool brief, struct strbuf *out);
/* A value with its unit, or in per cent. */
void value_words(const struct plot *, double v, bool is_x, struct strbuf *out);
/* What a row says when pointed at: series, place, value, interval. The caller's strbuf is cleared.
 * NULL on a canvas without titles. */
const char *row_title(const struct plot *, const struct datum *, struct strbuf *out);
void more_text(const struct plot *, struct rect clip, int row, int64_t n);
#endif

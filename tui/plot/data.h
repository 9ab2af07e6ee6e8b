/* A table read as its mark needs it: rows as numbers, strings as indices. */
#ifndef GLIMT_PLOT_DATA_H
#define GLIMT_PLOT_DATA_H
#include "tui/plot/options.h"
#include "tui/plot/scale.h"

struct names { /* distinct strings in the order of their first appearance; owned */
    char **s;
    int32_t n;
    size_t cap;
    int32_t *slot; /* [n_slots] index + 1; 0: free */
    size_t n_slots;
};
int32_t names_add(struct names *, const char *);
void names_release(struct names *);

struct datum {
    double x, y, lo, hi; /* NaN: missing. lo, hi: of y, or of the bin; HEAT: x is unused */
    int32_t panel, series, key, column;
    bool reference; /* LINE without x */
    int64_t row;
};
struct series_look {
    int color, dash;
};

struct plot_data {
    enum mark mark;
    const char *title, *note;                                   /* never NULL */
    const char *x_name, *x_unit, *y_name, *y_unit, *facet_name; /* never NULL */
    bool percent_x, percent_y;
    struct names panels, series, keys, columns;
    struct series_look *look; /* [series.n] */
    struct datum *d;          /* [n], by panel, series, x (BAR, HEAT: row order within a panel) */
    int64_t n;
    bool references;
};

void plot_data_init(struct plot_data *, const struct table *, const struct plot_options *);
void plot_data_release(struct plot_data *);
/* Rows of a panel, or of one series in it (series −1: all): d[*first … *first + n); n. BAR and HEAT
 * know whole panels only. */
int64_t plot_data_rows(const struct plot_data *, int32_t panel, int32_t series, int64_t *first);
/* A cell as text ("" missing), to as many digits as a CSV. */
size_t cell_text(const struct table *, int64_t row, int32_t col, struct strbuf *out);
#endif

/* What the Sweep view reads off a sweep's tables (engine/study/sweep.h): one curve of them as a
 * table of its own, and single numbers. The tables may be partial or come from a file. */
#ifndef GLIMT_VIEW_SWEEP_TABLE_H
#define GLIMT_VIEW_SWEEP_TABLE_H
#include "tui/view/pane.h"

enum sweep_shows { SWEEP_LOSS, SWEEP_CHANGE, SWEEP_PAIRED, N_SWEEP_SHOWS };

struct sweep_pick {               /* which lanes */
    const char *insert;           /* as the tables have it: "sae" */
    struct unit_id unit;          /* UNIT_NONE: all of them */
    const struct dict_set *dicts; /* that it is of; NULL: one dictionary */
};
struct sweep_number {
    double y, lo, hi; /* NaN: not there */
    int64_t n;        /* sentences or pairs; 0: not told */
};

/* The table a kind of numbers stands in, NULL: not there, or no curves. */
const struct table *sweep_source(const struct table_set *, enum sweep_shows);
/* The rows of a pick that have a value: value (X), class (SERIES; not when paired), the number (Y)
 * with its interval. `what` ends its title ("all 6 fixed"). NULL: there are none. The caller's. */
struct table *sweep_curve(const struct table_set *, enum sweep_shows, struct sweep_pick,
                          const char *what);
/* A number; value NaN: nothing fixed (and then any unit); cls NULL: paired. */
struct sweep_number sweep_at(const struct table_set *, enum sweep_shows, struct sweep_pick,
                             double value, const char *cls);
/* Without anything inserted. */
struct sweep_number sweep_plain(const struct table_set *, const char *cls);
/* The values there are, ascending; how many. */
int sweep_values(const struct table_set *, double out[STUDY_MAX_VALUES]);
#endif

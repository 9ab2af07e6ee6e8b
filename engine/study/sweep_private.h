/* What the files of the sweep share. */
#ifndef GLIMT_SWEEP_PRIVATE_H
#define GLIMT_SWEEP_PRIVATE_H
#include "engine/base/statistics.h"
#include "engine/lane/lane.h"
#include "engine/study/sweep.h"
#include "engine/study/units.h"

struct swept {
    struct sweep_lane is;
    struct lane lane; /* units in study.fixed */
    int32_t same_as;  /* an earlier lane with the same losses; −1: none */
    int32_t base;     /* the same insertion, unmodified */
};

struct study {
    struct study_in in;
    struct dict_place one;    /* where there is no set */
    struct dict_set set;      /* borrowed: what takes part; the lanes part at its first place */
    int32_t n_units, n_first; /* all; those of the first place, which come first */
    struct unit_id unit[UNITS_MAX]; /* by place */
    int32_t first[UNITS_MAX];       /* [n_first] their indices */
    int32_t n_values;
    double value[STUDY_MAX_VALUES];
    bool insert[INSERT_ERROR + 1]; /* by enum insert */
    bool each;                     /* also each unit alone */
    uint64_t seed;
    int32_t n_lanes;
    struct swept *lane;
    struct unit *fixed; /* [n_values, n_units] */
    struct lane_place place;
    struct directions directions; /* of the units of the first place */
    int64_t docs_from, docs_done; /* measured are those from … to before … */
    double *loss;                 /* [n_docs, n_lanes] means; NaN: no loss */
    int32_t *n_loss;              /* [n_docs] losses of the sentence, alike in every lane */
};

/* Percentile intervals of the means of the columns of x [n, L]: out[l] is what bootstrap_ratio
 * gives for column l with the same seed, but the resamples are drawn once for many columns. */
void sweep_bootstrap(const double *x, int64_t n, int32_t L, int32_t draws, uint64_t seed,
                     struct interval *out);
struct table_set *sweep_tables(struct study *);
#endif

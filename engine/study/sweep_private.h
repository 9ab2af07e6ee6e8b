/* What the files of the sweep share. */
#ifndef GLIMT_SWEEP_PRIVATE_H
#define GLIMT_SWEEP_PRIVATE_H
#include "engine/study/laned.h"
#include "engine/study/sweep.h"

struct study {
    struct laned by;
    struct sweep_lane *is; /* [by.n_lanes] */
    int32_t n_units;
    struct unit_id unit[UNITS_MAX]; /* by place */
    int32_t n_values;
    double value[STUDY_MAX_VALUES];
    int32_t n_inserts; /* 1 or 2 */
    struct sweep_insert {
        struct insertion at;
        char *name; /* owned */
    } insert[2];
    bool each; /* also each unit alone */
    uint64_t seed;
    struct unit *fixed; /* [n_values, n_units] */
};
DOC_MEANS_FIRST(by);

struct table_set *sweep_tables(struct study *);
#endif

/* Two runs of the same texts that differ in what units do: what is measured of a context neuron.
 *
 * In both, units may be held at fixed values, and SAEs inserted. The units that are asked about are
 * in the first run at their values `at` (absent: as they are), in the second at `off-at`. Later
 * units may be shifted in the second: a neuron of mlp.act in its pre-activation, any other unit in
 * its activation; with `shifted-at` they are at a value in the first run, and at that plus the
 * shift in the second. Latents of SAEs that are not inserted change with the reconstruction's error
 * kept. */
#ifndef GLIMT_STUDY_RUNS_H
#define GLIMT_STUDY_RUNS_H
#include "engine/lane/lane.h"
#include "engine/study/units.h"

/* Rows of a study of two runs; lists that belong together are of one length. */
#define STUDY_RUNS_ROWS                                                                            \
    STUDY_UNITS_ROW,                                                                               \
        {"at", "LIST", "what each unit is held at in the first run", PARAM_VALUES,                 \
         .in_key = true},                                                                          \
        {"off-at", "LIST", "and in the second", PARAM_VALUES, .in_key = true},                     \
        {"shifted", "ID…", "later units", PARAM_UNITS, .in_key = true},                            \
        {"shift", "LIST", "what they gain in the second run", PARAM_VALUES, .in_key = true},       \
        {"shifted-at", "LIST", "what they are at in the first", PARAM_VALUES, .in_key = true},     \
        STUDY_HELD_ROWS

enum { RUN_A, RUN_B, TWO_RUNS };

struct two_runs {
    struct dict_place one; /* where there is no set */
    struct dict_set set;   /* borrowed */
    dict_places inserted;  /* places, a bit each */
    struct point first;    /* up to it, itself before its hooks, the runs are the same */
    int32_t n_units;       /* of those asked about */
    struct unit_id unit[STUDY_MAX_VALUES];
    struct run_changes {
        struct unit *unit;       /* by place; owned */
        struct lane_hooks hooks; /* of them, in the order of execution within a point */
    } run[TWO_RUNS];
};
/* study_ops.places: of all units that the rows name. */
dict_places two_runs_places(const struct dict_set *, const struct params *);
/* Of the study `name`: checks units and values. False and *e; nothing to release then. */
bool two_runs_take(struct two_runs *, const char *name, const struct study_in *,
                   const struct params *, struct error *e);
void two_runs_release(struct two_runs *);
/* One of the runs, from a state (NULL: the ids) to a point; `more` hooks act behind those of the
 * run. */
void two_runs_forward(const struct two_runs *, int which, struct run *, const struct study_in *,
                      const struct batch *, const struct state *from, struct point to,
                      const struct hook *more, int32_t n_more, struct state *out);
/* Where a unit of a place is shifted before its activation, and where it is read so. */
struct point pre_activation(const struct dict_place *);
struct point pre_activation_read(const struct dict_place *);
#endif

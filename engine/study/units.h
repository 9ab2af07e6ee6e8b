/* The units that a study was asked for, and their activations on the rows of a batch. For the files
 * of engine/study.
 *
 * A study of one dictionary takes its units by units_init. One of several has study_ops.places
 * (units_places, and what else takes part), takes them by units_take, and names them in its tables
 * by units_column and units_cell. */
#ifndef GLIMT_STUDY_UNITS_H
#define GLIMT_STUDY_UNITS_H
#include "engine/study/study.h"

struct units {
    int32_t n, id[UNITS_MAX];
    int32_t *column; /* [m] index in id, −1: not asked for; owned */
    bool identity;   /* neurons: only what is > 0 is active */
};

/* Rows of studies whose runs have SAEs inserted (at places of the set; where the error is kept
 * nothing is) and hold units. */
#define STUDY_HELD_ROWS                                                                            \
    {"insert", "none|sae|error|NAME=MODE[,…]", "SAEs in the activation's place in every run",      \
     PARAM_INSERT, .in_key = true},                                                                \
        {"held", "ID…", "units held at fixed values", PARAM_UNITS, .in_key = true},                \
    {                                                                                              \
        "held-at", "LIST", "their values", PARAM_VALUES, .in_key = true                            \
    }

/* The row of studies of units. */
#define STUDY_UNITS_ROW                                                                            \
    {                                                                                              \
        "units", "ID…", "the latents; default: the chosen ones", PARAM_UNITS, .in_key = true       \
    }

/* The dictionaries of the inputs; `one` is where that of `dict` alone is made. */
struct dict_set units_set(const struct study_in *, struct dict_place *one);
/* study_ops.places: those of the units. */
dict_places units_places(const struct dict_set *, const struct params *);
/* Those of another parameter's units. */
dict_places units_places_of(const struct dict_set *, const struct params *, const char *param);
/* Those of what STUDY_HELD_ROWS say. */
dict_places units_places_held(const struct dict_set *, const struct params *);
/* The units of the parameters, in the set of the inputs: each there, and none twice; how many, or
 * −1 and *e. */
int32_t units_take(const char *name, const struct study_in *, const struct params *,
                   struct unit_id unit[UNITS_MAX], struct error *e);
/* What "held" and "held-at" say, by place as a lane wants it: each there, none twice, a value for
 * each, at most STUDY_MAX_VALUES; how many, or −1 and *e. */
int32_t units_take_held(const char *name, const struct dict_set *, const struct params *,
                        struct unit held[STUDY_MAX_VALUES], struct error *e);
/* What "insert" says: the places whose SAE's reconstruction stands in the activation's place, a bit
 * each. False and *e: it says two things, or of a place that is not there. */
bool units_take_inserted(const struct dict_set *, const struct params *, dict_places *inserted,
                         struct error *e);
/* A column that says a unit: its number, or of several dictionaries its name (unit_name). */
int32_t units_column(struct table *, const struct study_in *, const char *name, const char *doc,
                     enum column_role);
void units_cell(struct table *, int64_t row, int32_t col, const struct study_in *, struct unit_id);

/* Checks the inputs of the study `name`: a corpus and a dictionary that fits the hook. */
bool units_check_in(const char *name, const struct study_in *, struct error *e);
/* The same but for the corpus. */
bool units_check_places(const char *name, const struct study_in *, struct error *e);
/* Checks inputs and units for the study `name`: a corpus and a dictionary that fits the hook, units
 * in range and different from each other. False and *e otherwise; nothing to release then. */
bool units_init(struct units *, const char *name, const struct study_in *, const struct params *,
                struct error *e);
void units_release(struct units *);
/* Activations [T, n] to the host; 0 where a latent is not active. f: dict_encode of the rows.
 * Neurons: the values as they are. */
void units_act(struct run *, const struct units *, const struct study_in *, const struct code *f,
               float *act);
/* Whether a value of units_act belongs to an active unit. */
bool units_active(const struct units *, float act);
#endif

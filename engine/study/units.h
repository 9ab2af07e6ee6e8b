/* The units that a study was asked for, and their activations on the rows of a batch. For the files
 * of engine/study. */
#ifndef GLIMT_STUDY_UNITS_H
#define GLIMT_STUDY_UNITS_H
#include "engine/study/study.h"

struct units {
    int32_t n, id[UNITS_MAX];
    int32_t *column; /* [m] index in id, −1: not asked for; owned */
    bool identity;   /* neurons: only what is > 0 is active */
};

/* The row of studies of units. */
#define STUDY_UNITS_ROW                                                                            \
    {                                                                                              \
        "units", "ID…", "the latents; default: the chosen ones", PARAM_UNITS, .in_key = true       \
    }

/* Checks the inputs of the study `name`: a corpus and a dictionary that fits the hook. */
bool units_check_in(const char *name, const struct study_in *, struct error *e);
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

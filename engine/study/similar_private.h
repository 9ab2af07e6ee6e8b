/* What units write to the residual stream, for the files that compare it. */
#ifndef GLIMT_SIMILAR_PRIVATE_H
#define GLIMT_SIMILAR_PRIVATE_H
#include "engine/study/similar.h"

enum { SIMILAR_AT_ONCE = 256 }; /* units between two polls */
/* False and *e: what a unit that takes part writes depends on the text. */
bool similar_check(const struct study_in *, const struct similar_in *, struct error *e);
/* What n units of a place write, each of length 1 (or 0), to `to` [n, d_model]. */
bool similar_written(struct run *, const struct study_in *, bool centred, int32_t place,
                     const int32_t *index, int32_t n, double *to);
#endif

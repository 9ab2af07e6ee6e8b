/* Units that write alike: what they write to the residual stream (a neuron's row of W_out, a
 * latent's decoder row, through what lies behind its hook), compared by cosine. With `centred` the
 * rows are as of weights centred over the width, where the model's norms take that mean off. */
#ifndef GLIMT_STUDY_SIMILAR_H
#define GLIMT_STUDY_SIMILAR_H
#include "engine/study/study.h"

struct similar_in {
    int32_t n;
    const struct unit_id *unit; /* in study_in.dicts */
    dict_places among;          /* places whose units they are compared with, a bit each */
    bool centred;
    int32_t top; /* others of a unit */
};
/* Adds "rows": unit (KEY), other, cosine (Y), of each unit those with the greatest cosine first;
 * and "pairs" of the units themselves: unit, other, cosine. A row of zeros has none. False and *e:
 * what a place's units write depends on the text, or what the run says. */
bool similar_run(const struct study_in *, const struct similar_in *, const struct study_loop *,
                 struct table_set *, struct error *e);

/* Groups among all units of the places and those n that are of others: two units are in one where a
 * chain of units leads from the one to the other, each with a cosine of at least `least` with the
 * next (connected components). Of n > 0 units those groups that hold one of them, else all, the
 * largest first. Adds "groups": group (KEY, from 1), units (how many), cosine (Y; mean of the units
 * with the group's mean direction), members (the first few of "rows"); "rows": group (KEY), unit,
 * other (the nearest in the group), cosine (Y; with that), with_group (with the mean direction),
 * the nearest to the group first. Products in double of pairs that may be near enough by products
 * in floats on the device, a few of them a chunk: the loop hears of each. False and *e: as above,
 * or more units than fit (`least` is in 0.05 … 1). */
bool similar_groups(const struct study_in *, const struct similar_in *, double least,
                    const struct study_loop *, struct table_set *, struct error *e);
#endif

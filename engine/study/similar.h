/* Units that write alike: what they write to the residual stream (a neuron's row of W_out, a
 * latent's decoder row, through what lies behind its hook), compared by cosine. With `centred` the
 * rows are as of weights centred over the width, where the model's norms take that mean off. */
#ifndef GLIMT_STUDY_SIMILAR_H
#define GLIMT_STUDY_SIMILAR_H
#include "engine/study/study.h"

struct similar_in {
    int32_t n;
    const struct unit_id *unit; /* in study_in.dicts */
    uint32_t among;             /* places whose units they are compared with, a bit each */
    bool centred;
    int32_t top; /* others of a unit */
};
/* Adds "rows": unit (KEY), other, cosine (Y), of each unit those with the greatest cosine first;
 * and "pairs" of the units themselves: unit, other, cosine. A row of zeros has none. False and *e:
 * what a place's units write depends on the text, or what the run says. */
bool similar_run(const struct study_in *, const struct similar_in *, const struct study_loop *,
                 struct table_set *, struct error *e);
#endif

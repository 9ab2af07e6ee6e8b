/* Sweep: loss of a corpus with units fixed at one value after the other.
 *
 * Lanes: plain (nothing inserted), for each insertion the unmodified reconstruction, and for each
 * value all units fixed at it; with `each` also each unit alone. Uses the landing of the hook:
 * r′ = B + Σ c·u (engine/session/session.h), so only the layers behind it run for each lane.
 * Over several dictionaries (study_in.dicts) lanes part at the first of them; SAEs without a unit
 * that is fixed are inserted all the same, unless the insertion names its places
 * (engine/lane/insertion.h); neurons without one do nothing (engine/lane/lane.h).
 *
 * A sentence of one token (without BOS) has no loss and is left out.
 *
 * study_ops: sweep_study.
 * tables: "rows": value (X; missing: unmodified), insert (KEY: none, sae, error, or what is
 * inserted by places), unit
 * (units_column; missing: all of them), class (SERIES), loss_sentence_mean (Y), ci95.lo, ci95.hi
 * (LO, HI; percentile bootstrap over sentences, 2,000 draws), loss_token_mean, sentences, tokens.
 * mark LINE. "differences": the same keys, difference (Y; mean over sentences of ℓ(value) − ℓ(same
 * insertion, unmodified)), ci95.lo, ci95.hi (bootstrap of the paired differences). "pairs" (paired
 * corpora, two classes): value, insert, unit, difference (of differences: first class − second,
 * pair by pair), ci95.lo, ci95.hi, pairs. */
#ifndef GLIMT_STUDY_SWEEP_H
#define GLIMT_STUDY_SWEEP_H
#include "engine/study/study.h"

struct sweep_lane {
    const char *insert; /* as "rows" has it: "none": plain; borrowed */
    int32_t unit; /* −1: all units; else the index of the only one fixed, in the order of places */
    double value; /* NaN: nothing fixed */
};
int32_t sweep_n_lanes(const struct study *);
struct sweep_lane sweep_lane(const struct study *, int32_t lane);
/* Mean loss of a document under a lane (nats a token); NaN: not yet, or no loss. */
double sweep_loss(const struct study *, int32_t lane, int64_t doc);
#endif

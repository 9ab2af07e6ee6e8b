/* Values: pre-activation and activation of a few latents on every token of a corpus: exact
 * histograms and overlaps, verification by sentence, running text.
 *
 * Pre-activations come from dict_encode_units, activations from the k active (0: not active).
 * study_ops: values_study . tables: "values" (doc, class, pos, start, end, then pre.ID
 * and act.ID of each unit), only when asked for by values_table. */
#ifndef GLIMT_STUDY_VALUES_H
#define GLIMT_STUDY_VALUES_H
#include "engine/study/harvest.h"

enum { HISTOGRAM_EDGES = 30 }; /* 29 bins */

/* Of a study of values_study; rows are tokens in corpus order. */
int64_t values_n(const struct study *);
const float *values_pre(const struct study *, int32_t unit_index); /* [n] */
const float *values_act(const struct study *, int32_t unit_index); /* [n] 0: not active */
bool values_row(const struct study *, int64_t row, int32_t *doc, int32_t *pos, int32_t *start,
                int32_t *end);

/* Exact: 29 bins over the joint range of all classes (each class's own range with own_range, 30
 * bins, as the seeds' figure does): latent (FACET), class (SERIES), lo, hi, density (Y), count;
 * name "rows", mark HIST. */
struct table *values_histogram(const struct study *, bool own_range);
/* latent, overlap (29 bins, target against all others pooled), higher (class). name "latents". */
struct table *values_overlap(const struct study *, int32_t target);
/* Running text: name "tokens": doc, class, pos, start, end, text (of the token), pre.ID …, act.ID …
 * .
 */
struct table *values_tokens(const struct study *);

/* ---- verification of found latents on held-out documents */
struct verify_in {
    const struct harvest_view *found_on; /* shares of the finding half */
    const struct rule *rule;
    int32_t target, m; /* m: latents tested (all of the dictionary): the correction's factor */
    uint64_t seed;
};
/* Columns latent, fire_share.CLASS … (finding half), verified_share.CLASS … (share of tokens on the
 * other half), ci95.lo, ci95.hi (of the target's share: bootstrap over sentences, 2,000 draws,
 * ratio of sums), t, p, p_adjusted (min(1, p·m); Welch on the sentences' shares, target against the
 * others; two-sided, 1 when the difference points the other way), verified (rule holds again and
 * p_adjusted < .05). name "rows". */
struct table *values_verify(const struct study *, const struct verify_in *);
/* The same without a row: nothing was found. */
struct table *values_verified_none(const struct corpus *);
#endif

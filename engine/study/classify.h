/* Classification of tokens by the activation of one unit alone: how well a threshold on it tells
 * the target's tokens from the others'.
 *
 * Logistic regression with an unpenalised bias, minimising ½w² + Σ log(1 + e^(−y(wx + b))) to
 * convergence (scikit-learn's LogisticRegression with C = 1), on 80 % of the tokens drawn at
 * random; F1 and accuracy on the other 20 %. Tokens are the first that a study of activity kept, as
 * many of the others' as of the target's. The same tokens for every unit. */
#ifndef GLIMT_STUDY_CLASSIFY_H
#define GLIMT_STUDY_CLASSIFY_H
#include "engine/study/activity.h"

/* "rows", the best first: unit (KEY), f1 (Y; of the target), train_accuracy, test_accuracy,
 * mean.CLASS … (of all tokens of the study, not of those that are kept). NULL and *e: a side has no
 * token, or the loop (may be NULL) was cancelled. */
struct table *classify_rows(const struct study *activity, int32_t target, uint64_t seed,
                            const struct study_loop *loop, struct error *e);
/* "histogram": unit (FACET), class (SERIES), lo, hi, share (Y; of the class's kept tokens), count:
 * 30 bins over the joint range. Of the first `most` units in the study's order. mark HIST. */
struct table *classify_histogram(const struct study *activity, int32_t most);
#endif

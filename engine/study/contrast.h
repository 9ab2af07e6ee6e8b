/* Classes of words, contrasted: what is made of their vectors (engine/study/words.h). */
#ifndef GLIMT_STUDY_CONTRAST_H
#define GLIMT_STUDY_CONTRAST_H
#include "engine/base/statistics.h"
#include "engine/study/words.h"

struct ttest_in {
    struct word_question of; /* target −1: the first class */
    double alpha;
    bool welch;
};
/* Of each unit Student's t (pooled variance) or Welch's, of the target's words against the others'.
 * Significant: p < α; Bonferroni: p < α/M; Benjamini & Hochberg 1995: p up to the largest p_(i) ≤
 * iα/M; M: units with a p.
 * "rows": unit (KEY), t (Y), df, log_p (natural), p, mean.CLASS of the target and of each class
 * that it is held against, mean_others where several are taken as one, significant, bonferroni, bh,
 * of the dictionary's units, smallest p first, dead ones (alike on all words: t and what follows
 * from it missing) last. "neurons": the same of the hooked activation, where the units are latents.
 * "sets": units (SERIES), count, dead, tested, significant, bonferroni, bh, expected (α·tested),
 * confidence_published ((1 − α)^count, as the gender study gives it), confidence ((1 − α)^tested,
 * for independent units), confidence_least (1 − α·tested, whatever depends on what).
 * "histogram": units (SERIES), lo, hi, count, share (Y; of those tested): 20 bins of p. */
void contrast_ttest(const struct study *words, const struct ttest_in *, struct table_set *out);

/* Words as points on two units of a set: "rows": word, class (SERIES), kind (missing: none
 * said), value.X (X), value.Y (Y), of the words that count in the order of the list; last, without
 * a class, the first word of `one`, a study of the same parameters (NULL: none). x, y: different
 * columns of the set. mark SCATTER. */
struct table *contrast_points(const struct study *words, enum word_units, int32_t x, int32_t y,
                              const struct study *one);

/* study_ops: probe_study (linear probes with control tasks), kept_study (how few units carry the
 * contrast), regress_study (logistic regression with its coefficients); each needs words_study and
 * has STUDY_QUESTION_ROWS. A probe is a logistic regression with an L2 penalty
 * (engine/base/logistic.h), of more than two classes by the softmax; columns are standardised on
 * the training words, accuracy is of test words; latents stand before neurons.
 * probe: "rows": units (SERIES), control (X), accuracy, control_accuracy, selectivity (Y); "sets":
 * units, tested, accuracy with ci95, chance, selectivity (mean), sd, wins.
 * kept: "rows": units (SERIES), s (X), accuracy (Y) with ci95, kept; "sets": units, tested,
 * accuracy, chance, localisation, information_loss.
 * regress: "rows": units, columns, trained, tested, accuracy with ci95, train_accuracy, chance,
 * iterations, gradient_norm, converged, nonzero, carry; "coefficients": units, unit, class, weight,
 * those that are not 0, heaviest first; of two classes for the first (the target) alone. */

/* "rows": units, count, significant, bh (of contrast_ttest), accuracy, selectivity (of
 * probe_study), delta_selectivity (the neurons' less that of these latents), localisation,
 * information_loss (of kept_study), mse, l0, l1 (of the words' tokens), one row a set of units. */
struct table *contrast_compare(const struct study *words, const struct table_set *tested,
                               const struct table_set *probed, const struct table_set *kept);
#endif

/* Two classes of words, contrasted: what is made of their vectors (engine/study/words.h). */
#ifndef GLIMT_STUDY_CONTRAST_H
#define GLIMT_STUDY_CONTRAST_H
#include "engine/base/statistics.h"
#include "engine/study/words.h"

/* Of each column Student's t (pooled variance) or Welch's, of the target's words against the
 * others: out [n_cols]. A column without variance is dead: t NaN. */
void contrast_t(const struct word_columns *, const struct word_list *, bool welch,
                struct t_test *out);

struct ttest_in {
    int32_t target; /* class */
    double alpha;
    bool welch;
};
/* Significant: p < α; Bonferroni: p < α/M; Benjamini & Hochberg 1995: p up to the largest p_(i) ≤
 * iα/M; M: units with a p.
 * "rows": unit (KEY), t (Y), df, log_p (natural), p, mean.TARGET, mean.OTHER, significant,
 * bonferroni, bh, of the dictionary's units, smallest p first, dead ones (t and what follows from
 * it missing) last. "neurons": the same of the hooked activation, where the units are latents.
 * "sets": units (SERIES), count, dead, tested, significant, bonferroni, bh, expected (α·tested),
 * confidence_published ((1 − α)^count, as the gender study gives it), confidence ((1 − α)^tested,
 * for independent units), confidence_least (1 − α·tested, whatever depends on what).
 * "histogram": units (SERIES), lo, hi, count, share (Y; of those tested): 20 bins of p. */
void contrast_ttest(const struct study *words, const struct ttest_in *, struct table_set *out);
#endif

/* Losses: that of every token of a corpus's texts in two runs (engine/study/runs.h). A text is its
 * first window; a token without one before it, the BOS or another, has no loss.
 *
 * study_ops: losses_study. tables: "rows": class (KEY), loss_a, loss_b (mean over texts of each
 * text's mean), difference (Y; b − a), ci95.lo, ci95.hi (paired, bootstrap over texts), tokens,
 * texts. */
#ifndef GLIMT_STUDY_LOSSES_H
#define GLIMT_STUDY_LOSSES_H
#include "engine/study/study.h"

/* The texts of a class in which some token gains most by the first run: by the largest
 * (loss_b − loss_a) + weight · max(logp_a, logp_b) of their tokens, `most` texts, best first.
 * Adds "examples" (KEY doc; a text each): class, doc (its number), score, position, id, text, bytes
 * (of that token), difference, logp_a, logp_b, before, after (the text around it), and "rows"
 * (their tokens): class, doc, score (of the text), position, id, text, bytes, difference (missing:
 * no loss), logp_a, logp_b. */
void losses_examples(const struct study *, int32_t cls, double weight, int32_t most,
                     struct table_set *);
extern const struct study_ops losses_study;
#endif

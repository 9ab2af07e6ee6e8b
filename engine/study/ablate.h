/* Ablation: the loss of each class with units, one by one and in sets, held at given values (their
 * means on the other class) at every position.
 *
 * A text is its first window; a loss is the mean over texts of the text's mean. Latents are held
 * with the reconstruction's error kept, so nothing else changes, unless their SAE is inserted. What
 * is inserted and held all the time is so in every lane, also in the one that differences are
 * against.
 *
 * study_ops: ablate_study. tables:
 * "rows": units (KEY; names with commas), set (one, all, pair, "all but L3N669"), class (SERIES),
 * loss, loss_ablated, difference (Y), ci95.lo, ci95.hi (LO, HI; paired, bootstrap over texts, 2,000
 * draws), percent (100 · difference / loss), texts. mark BAR.
 * "backup" (with pairs): unit, by, class, backup: (Δ(AB) − Δ(A) − Δ(B))/Δ(B) for A backed up by B,
 * Δ: differences. */
#ifndef GLIMT_STUDY_ABLATE_H
#define GLIMT_STUDY_ABLATE_H
#include "engine/study/study.h"

/* `sets`, shared with the query: units by themselves always are. */
#define ABLATE_SETS_ROW                                                                            \
    {                                                                                              \
        "sets", "all|all-but-one|pairs", "sets of the units beside each alone", PARAM_SET, "all",  \
            .choices = ablate_sets, .in_key = true                                                 \
    }
extern const char *const ablate_sets[];
#endif

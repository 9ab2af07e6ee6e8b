/* Hidden: how far holding units at one value rather than another moves what a layer would say: the
 * final norm of the residual stream behind it, mean over the positions of a text (its first window,
 * with the BOS), mean over the texts of each class. SAEs that are inserted behind the layer play no
 * part.
 *
 * study_ops: hidden_study. tables: "rows": class, dimension, change. */
#ifndef GLIMT_STUDY_HIDDEN_H
#define GLIMT_STUDY_HIDDEN_H
#include "engine/study/study.h"

/* [d_model] behind the final norm: units at `at` minus units at `off`; NULL: no text of the class.
 * Borrowed. */
const double *hidden_change(const struct study *, int32_t cls, int64_t *texts);
#endif

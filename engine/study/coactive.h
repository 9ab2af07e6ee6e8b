/* Co-activation: tokens with both latents among the k over tokens with either (Jaccard).
 *
 * study_ops: coactive_study (uses units). */
#ifndef GLIMT_STUDY_COACTIVE_H
#define GLIMT_STUDY_COACTIVE_H
#include "engine/study/study.h"

/* latent, other, tokens (with both), jaccard; the `rows` others with the largest jaccard for each
 * unit (ties: lower latent); name "rows". */
struct table *coactive_table(const struct study *, int32_t rows);
#endif

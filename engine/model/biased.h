/* An unembedding with a bias, as a matrix of one column more, which rows with a 1 behind them read:
 * no operation has a bias of the vocabulary. Private to engine/model. */
#ifndef GLIMT_BIASED_H
#define GLIMT_BIASED_H
#include "engine/formats/tensors.h"

/* NAME.weight [n, d] and NAME.bias [n], of one dtype as in the file, else in float32: [n, d + 1],
 * new, and *type. NULL and *e. */
void *biased_unembed(const struct tensors *, const char *weight, int32_t n, int32_t d,
                     enum dtype *type, struct error *e);
/* The bias of the file behind rows w [n, d] of one's own, less its mean over the first `tokens` (0:
 * as it is). New; NULL and *e. */
float *biased_own(const struct tensors *, const char *weight, const float *w, int32_t n, int32_t d,
                  int32_t tokens, struct error *e);
#endif

/* The encoder's bias with b_p folded in: b_e − W_e·b_p, so that encoding needs no pass over x.
 * Private to engine/dict. */
#ifndef GLIMT_DICT_FOLD_H
#define GLIMT_DICT_FOLD_H
#include "engine/formats/tensors.h"

/* bias [out] −= W·bp; sums in double, each in an order of its own element alone, on all cores. */
void fold_bias(const struct named_tensor *W, enum order, const float *bp, float *bias);
#endif

/* The steps of tl_weights.c on host memory. Private to engine/model. */
#ifndef GLIMT_TL_WEIGHTS_H
#define GLIMT_TL_WEIGHTS_H
#include "engine/arch.h"
#include "engine/formats/tensors.h"

struct tl_norm {
    float *gamma, *beta; /* [n]; beta NULL: none */
};
/* W [out, in] in float32, its rows in the order asked for. New. */
float *tl_matrix(const struct named_tensor *, enum order, const int32_t *rows, int32_t out,
                 int32_t in);
/* The norm's gain goes into w [out, in], W·β into the bias (NULL: nowhere); centre: each row of w
 * is then less its mean, which what LayerNorm gives does not see. */
void tl_fold(const struct tl_norm *, float *w, float *bias, int32_t out, int32_t in, bool centre);
/* What w [out, in] and bias [out] write has a mean of 0. */
void tl_centre_written(float *w, float *bias, int32_t out, int32_t in);
/* Rows [rows, n] of the stream, each less its mean. */
void tl_centre_rows(float *w, int32_t rows, int32_t n);
/* The unembedding [n_rows, n] less its mean over the tokenizer's tokens. */
void tl_centre_vocabulary(float *w, int32_t n_rows, int32_t n, int32_t n_tokens);
/* The attention's bias [d_model] takes up the values' biases [kv heads · head width] through proj
 * [d_model, heads · head width]. */
void tl_fold_values(const struct model_config *, const float *proj, float *bias,
                    const float *value);
#endif

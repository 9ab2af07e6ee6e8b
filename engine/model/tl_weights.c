/* TransformerLens' weights (its HookedTransformer.from_pretrained with nothing said): the norms'
 * gains and biases in the matrices that read from them, what is written to the residual stream
 * centred over its width (LayerNorm only), the unembedding centred over the vocabulary (but for
 * models that cap logits), the values' biases in the attention's. Computed in double, kept in
 * float. */
#include "engine/model/tl_weights.h"
#include "engine/base/memory.h"
#include <stdlib.h>
#include <string.h>

float *tl_matrix(const struct named_tensor *t, enum order order, const int32_t *rows, int32_t out,
                 int32_t in)
{
    const size_t n = (size_t)out * (size_t)in;
    float *as_is = xreallocarray(NULL, n, sizeof *as_is);
    tensor_to_f32(as_is, t->data, (enum dtype)t->type, n);
    if (order == ORDER_OUT_IN && !rows)
        return as_is;
    float *w = xreallocarray(NULL, n, sizeof *w);
    for (int32_t o = 0; o < out; o++) {
        const size_t from = (size_t)(rows ? rows[o] : o);
        for (int32_t i = 0; i < in; i++)
            w[(size_t)o * (size_t)in + (size_t)i] =
                as_is[order == ORDER_OUT_IN ? from * (size_t)in + (size_t)i
                                            : (size_t)i * (size_t)out + from];
    }
    free(as_is);
    return w;
}

void tl_fold(const struct tl_norm *norm, float *w, float *bias, int32_t out, int32_t in,
             bool centre)
{
    for (int32_t o = 0; o < out; o++) {
        float *row = w + (size_t)o * (size_t)in;
        double b = bias ? (double)bias[o] : 0, mean = 0;
        for (int32_t i = 0; i < in; i++) {
            b += norm->beta ? (double)row[i] * (double)norm->beta[i] : 0;
            mean += (double)row[i] * (double)norm->gamma[i] / in;
        }
        for (int32_t i = 0; i < in; i++)
            row[i] = (float)((double)row[i] * (double)norm->gamma[i] - (centre ? mean : 0));
        if (bias)
            bias[o] = (float)b;
    }
}

/* Every column of w [out, in] less its mean over the first n rows. */
static void centre_columns(float *w, int32_t out, int32_t in, int32_t n)
{
    double *mean = xcalloc((size_t)in, sizeof *mean);
    for (int32_t o = 0; o < n; o++)
        for (int32_t i = 0; i < in; i++)
            mean[i] += (double)w[(size_t)o * (size_t)in + (size_t)i] / n;
    for (int32_t o = 0; o < out; o++)
        for (int32_t i = 0; i < in; i++) {
            float *x = w + (size_t)o * (size_t)in + (size_t)i;
            *x = (float)((double)*x - mean[i]);
        }
    free(mean);
}

void tl_centre_written(float *w, float *bias, int32_t out, int32_t in)
{
    centre_columns(w, out, in, out);
    centre_columns(bias, out, 1, out);
}

void tl_centre_rows(float *w, int32_t rows, int32_t n)
{
    for (int32_t r = 0; r < rows; r++)
        centre_columns(w + (size_t)r * (size_t)n, n, 1, n);
}

void tl_centre_vocabulary(float *w, int32_t n_rows, int32_t n, int32_t n_tokens)
{
    centre_columns(w, n_rows, n, n_tokens);
}

void tl_fold_values(const struct model_config *c, const float *proj, float *bias,
                    const float *value)
{
    const int32_t in = c->n_heads * c->head_dim, shared = c->n_heads / c->n_kv_heads;
    for (int32_t o = 0; o < c->d_model; o++) {
        double b = (double)bias[o];
        for (int32_t i = 0; i < in; i++)
            b += (double)proj[(size_t)o * (size_t)in + (size_t)i] *
                 (double)value[i / c->head_dim / shared * c->head_dim + i % c->head_dim];
        bias[o] = (float)b;
    }
}

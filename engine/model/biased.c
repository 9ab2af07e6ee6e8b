#include "engine/model/biased.h"
#include "engine/base/memory.h"
#include "engine/model/tl_weights.h"
#include <stdlib.h>
#include <string.h>

/* Of `size` bytes an element. */
static void *side_by_side(const void *w, const void *bias, int32_t n, int32_t d, size_t size)
{
    const size_t row = (size_t)d * size;
    char *out = xreallocarray(NULL, (size_t)n, row + size);
    for (size_t i = 0; i < (size_t)n; i++) {
        memcpy(out + i * (row + size), (const char *)w + i * row, row);
        memcpy(out + i * (row + size) + row, (const char *)bias + i * size, size);
    }
    return out;
}

static const struct named_tensor *bias_of(const struct tensors *ts, const char *weight, int32_t n,
                                          struct error *e)
{
    char *name = xasprintf("%.*s.bias", (int)(strlen(weight) - strlen(".weight")), weight);
    const struct named_tensor *t = tensors_need(ts, name, 1, (const int64_t[]){n}, e);
    free(name);
    return t && tensor_check_finite(t, e) ? t : NULL;
}

static float *floats(const struct named_tensor *t, size_t n)
{
    float *x = xreallocarray(NULL, n, sizeof *x);
    tensor_to_f32(x, t->data, (enum dtype)t->type, n);
    return x;
}

void *biased_unembed(const struct tensors *ts, const char *weight, int32_t n, int32_t d,
                     enum dtype *type, struct error *e)
{
    const struct named_tensor *w = tensors_need(ts, weight, 2, (const int64_t[]){n, d}, e),
                              *b = w ? bias_of(ts, weight, n, e) : NULL;
    if (!b)
        return NULL;
    *type = b->type == w->type ? (enum dtype)w->type : DTYPE_F32;
    if (b->type == w->type)
        return side_by_side(w->data, b->data, n, d, dtype_size(*type));
    float *wide = floats(w, (size_t)n * (size_t)d), *bias = floats(b, (size_t)n);
    void *out = side_by_side(wide, bias, n, d, sizeof *wide);
    free(wide);
    free(bias);
    return out;
}

float *biased_own(const struct tensors *ts, const char *weight, const float *w, int32_t n,
                  int32_t d, int32_t tokens, struct error *e)
{
    const struct named_tensor *b = bias_of(ts, weight, n, e);
    if (!b)
        return NULL;
    float *bias = floats(b, (size_t)n);
    if (tokens > 0)
        tl_centre_vocabulary(bias, n, 1, tokens);
    float *out = side_by_side(w, bias, n, d, sizeof *w);
    free(bias);
    return out;
}

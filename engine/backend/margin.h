/* How far the product of rounded numbers may be from the exact one: what tells which of many
 * pre-activations can be among the largest.
 *
 * With x̂ and ŵ the rounded x and w, |x̂·ŵ − x·w| ≤ ‖x̂ − x‖·‖ŵ‖ + ‖x‖·‖ŵ − w‖ (Cauchy, Schwarz);
 * both sums are of floats, n of them one after the other lose n·u·‖·‖·‖·‖ at most (Higham 2002,
 * §3.1), where u is 2⁻²⁴, or 2⁻²³ on units that cut rather than round; then the bias. Whoever is
 * among the k largest is, as rounded numbers have it, less than the k-th of them by two margins at
 * most. */
#ifndef GLIMT_ENGINE_BACKEND_MARGIN_H
#define GLIMT_ENGINE_BACKEND_MARGIN_H
#include <math.h>
#include <stdint.h>
#ifdef __CUDACC__
#define MARGIN_FN __host__ __device__ static inline
#else
#define MARGIN_FN static inline
#endif

struct rounded_rows { /* of all rows w of a weight */
    float norm;       /* the greatest ‖ŵ‖ */
    float error;      /* the greatest ‖ŵ − w‖; 0: nothing was rounded */
};

/* Of a row x of n elements. INFINITY: nothing can be said. bias: the greatest one's size. */
MARGIN_FN float rounded_margin(struct rounded_rows w, float x_norm, float x_error, float bias,
                               int32_t n)
{
    const float u = 0x1p-24f, steps = (float)n + 64, w_norm = w.norm + w.error,
                largest = (x_norm + x_error) * w_norm;
    const float rounding = x_error * w.norm + x_norm * w.error,
                sums = 3 * steps * u * largest, /* of the rounded ones, and of the exact ones */
        end = 2 * u * (largest + bias), tiny = steps * 0x1p-120f;
    const float margin = 1.001f * (rounding + sums + end) + tiny;
    return largest + bias < 1e37f && margin < 1e37f ? margin : INFINITY;
}
/* The same row by row of w, where sizes differ: of row j the margin is each·s_j + all, where s_j is
 * ‖ŵ_j‖ + ‖ŵ_j − w_j‖ (but for elements below TINY_SIZE, whose squares no float holds) and `share`
 * the greatest of the latter's parts of it. each INFINITY: nothing can be said; largest: the
 * greatest s_j. */
#define TINY_SIZE 1e-18f
struct row_margin {
    float each, all;
};
MARGIN_FN struct row_margin rounded_row_margin(float share, float largest, float x_norm,
                                               float x_error, float bias, int32_t n)
{
    const float u = 0x1p-24f, steps = (float)n + 64, x = x_norm + x_error;
    struct row_margin m = {1.001f * (x_error + x_norm * share + (3 * steps + 2) * u * x),
                           2.002f * u * bias + steps * (x * TINY_SIZE + 0x1p-120f)};
    if (!(x * largest + bias < 1e37f && m.each * largest < 1e37f))
        m.each = INFINITY;
    return m;
}
/* The least rounded value of one that may be among the largest; kth: the k-th rounded one. */
MARGIN_FN float rounded_least(float kth, float margin)
{
    return kth - 2.001f * margin - 0x1p-22f * fabsf(kth);
}
#endif

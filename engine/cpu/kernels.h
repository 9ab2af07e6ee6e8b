/* The inner loops, once for each instruction set: kernels_avx512.c, kernels_avx2.c and
 * kernels_portable.c compile the same source (kernel_*.h) for vectors of 16, 8 and 4 floats.
 * Everything here works on one thread and trusts its arguments: shapes are checked by the
 * operations that call it.
 *
 * Every sum runs in an order that depends only on the column: neither on the number of rows, nor on
 * a row's place among them, nor on the number of threads. So results are the same to the bit
 * however a batch is put together. */
#ifndef GLIMT_ENGINE_CPU_KERNELS_H
#define GLIMT_ENGINE_CPU_KERNELS_H
#include "engine/backend.h"
#include "engine/cpu/isa.h"

/* C [rows, panels·width] = (first ? 0 : C) + X [rows, depth] · W, where W is `panels` packed panels
 * [depth, width] of `type`, one every `stride` bytes.
 *
 * A panel of floats may also lie in two planes, its depth even: of each w the nearest bf16 (of two
 * the one farther from 0), and what is left of w's bits, so that bits of w = (near << 16) + left.
 * Both are [depth/2, width, 2]: two of one column side by side, as instructions for dot products
 * of bf16 take them. */
struct product {
    enum dtype type;
    int32_t rows, panels, depth;
    const float *x;
    size_t ldx;
    const char *w;
    size_t stride;
    float *c;
    size_t ldc;
    bool first;
    /* What will be read next is fetched meanwhile, of each width·2 bytes a step; NULL: the panels'
     * own next. F32 and one panel at a time. */
    const char *ahead[2];
};

/* Attention of `rows` consecutive queries of one head. Keys lie in blocks of `lanes` positions,
 * [block][dim][lane]; values row by row, [position][dim], followed by at least `lanes` readable
 * floats. Row i sees positions 0 … pos+i, with a window that is not 0 the last `window` of them.
 * q [rows, dim] is rotated already; y [rows, dim] with stride ldy; scores: room for rows × (pos +
 * rows + 4·lanes). */
struct attend {
    int32_t rows, dim, pos, window;
    const float *q, *keys, *values;
    float *scores, *y;
    size_t ldy;
    float scale, soft_cap; /* as in struct attn_shape */
};
#define ATTEND_ROWS 4 /* most rows of one call */

/* The bin of v; 2^−exponent is exact, so is the product, and its floor is the bin. */
static inline int32_t bin_of(float v, float scale)
{
    float x = v * scale;
    int32_t i = (int32_t)x;
    /* truncated towards 0; a tiny negative may have become −0 */
    return i - ((x < (float)i) | ((v < 0.0f) & (i == 0))) + HIST_BINS / 2;
}

struct norm_row { /* backend.h, norm */
    enum norm_kind kind;
    int32_t n;
    float eps;
    const float *gamma, *beta; /* [n]; NULL: ones, zeros */
};

struct kernels {
    const char *name;
    int32_t lanes;
    int32_t width;    /* columns of a packed panel */
    int32_t max_rows; /* rows of the largest register tile */

    void (*product)(const struct product *);
    /* The same with the nearest bf16 of W alone (`type` is not read), x as floats or, with `dots`,
     * as the nearest bf16 in pairs: x, ldx and depth are of such pairs, in the place of floats.
     * NULL: the compiler knows no such instructions; isa_has_dots() says whether the machine does.
     */
    void (*rough)(const struct product *);
    void (*dots)(const struct product *);
    /* A panel of floats [depth, width] into two planes, and the other way round (fetch: with what
     * follows, in time). square [width]:
     * Σ near² of each column, square_left: Σ (w − near)², but for what is too
     * small to have a square. */
    void (*split)(void *near, void *left, const float *x, int32_t depth, double *square,
                  double *square_left);
    void (*join)(float *x, const void *near, const void *left, int32_t depth, bool fetch);
    /* Floats of a panel of bf16; from so many rows on the product with those is quicker (f16 has an
     * instruction that is as quick at any number). */
    void (*spread)(float *x, const void *w, int32_t depth);
    int32_t spread_rows;
    /* y = epilogue(c + bias, y), n columns; bias may be NULL. */
    void (*epilogue)(float *y, const float *c, const float *bias, int32_t n, enum epilogue);
    /* *max = max x, *sum = Σ exp(x − max); n > 0. */
    void (*exp_sum)(const float *x, int32_t n, float *max, float *sum);
    /* Writes to `at` the indices i in [from, to) with x[i] > limit, at most `room` of them; returns
     * their number and puts into *next where to go on. */
    int32_t (*above)(const float *x, int32_t from, int32_t to, float limit, int32_t *at,
                     int32_t room, int32_t *next);
    /* at[j] = max x[i] over i = j, j + n, j + 2n … below m − m % n; n a multiple of `lanes`, n ≤ m.
     * NaNs don't count.
     */
    void (*group_max)(const float *x, int32_t m, float *at, int32_t n);
    /* False, and y is nothing, where x is not finite or its sum of squares overflows. frozen: what
     * stands in for s; scale ← s; either may be NULL. */
    bool (*norm)(float *y, const float *x, const struct norm_row *, const float *frozen,
                 float *scale);
    bool (*all_finite)(const void *x, enum dtype, size_t n); /* no NaN and no infinity */
    /* y = f(x), ⊙ mul unless it is NULL. */
    void (*act)(float *y, const float *x, const float *mul, int32_t n, enum activation);
    void (*soft_cap)(float *x, int32_t n, float cap);          /* x = cap·tanh(x/cap) */
    void (*add)(float *y, const float *x, float a, int32_t n); /* y += a·x */
    void (*times)(float *y, float a, int32_t n);               /* y = a·y */
    void (*widen)(float *y, const void *x, enum dtype, int32_t n);
    /* y = bias + Σ_i vals[i]·(row ids[i] of w, of n elements); bias NULL: 0. */
    void (*gather_sum)(float *y, const float *bias, const void *w, enum dtype, const int32_t *ids,
                       const float *vals, int32_t k, int32_t n);
    /* dst = src [dim], the first 2·half dimensions rotated: pair i of the style by the angle with
     * that cosine and sine. */
    void (*head_copy)(float *dst, const float *src, int32_t dim, const float *cosine,
                      const float *sine, int32_t half, enum rope_style);
    void (*attend)(const struct attend *);
    /* One row more of n columns: Σ x, Σ x², smallest, largest; then its bins (struct hist), which
     * it must lie in: scale[j] = 2^−exponent[j], bin [n, ld]. */
    void (*moments)(const float *x, int32_t n, double *sum, double *sum_sq, float *min, float *max);
    void (*count_bins)(const float *x, int32_t n, const float *scale, uint32_t *bin, size_t ld);
};

extern const struct kernels kernels_avx512, kernels_avx2, kernels_portable;
const struct kernels *kernels_for(enum isa);
void dots_avx512(const struct product *);
#endif

/* Histograms and moments of columns. A column is one thread's while rows are added, so sums run in
 * the order of the rows; a warp's when two are put together. */
#include "gpu/launch.cuh"
#include <math.h>

enum { HALF = HIST_BINS / 2, LANES = 32 };

__device__ __forceinline__ bool fits(float v, int32_t e)
{
    const float at = ldexpf(v, -e);
    return at >= (float)-HALF && at < (float)HALF;
}
/* The smallest exponent ≥ e at which v is inside. */
__device__ int32_t exponent_of(int32_t e, float v)
{
    while (e < HIST_MOST && !fits(v, e))
        e++;
    return e;
}

/* floor((i − 32)/2^shift) + 32, without shifting what is negative. */
__device__ __forceinline__ int32_t wider_bin(int32_t i, int32_t shift)
{
    return HALF + (i >= HALF ? (i - HALF) >> shift : -1 - ((HALF - 1 - i) >> shift));
}
__device__ __forceinline__ int32_t shift_to(int32_t from, int32_t to)
{
    return to - from < 31 ? to - from : 31;
}

/* In place: from the middle outwards nothing is overwritten that is still to be read. */
__device__ void widen_bins(int32_t *bin, int32_t shift)
{
    for (int32_t i = HALF; i < HIST_BINS; i++) {
        const int32_t n = bin[i];
        bin[i] = 0;
        bin[wider_bin(i, shift)] += n;
    }
    for (int32_t i = HALF - 1; i >= 0; i--) {
        const int32_t n = bin[i];
        bin[i] = 0;
        bin[wider_bin(i, shift)] += n;
    }
}

__device__ __forceinline__ int32_t *bins_of(const hist_kernel &h, int32_t c, int32_t j)
{
    return h.bin + ((size_t)c * (size_t)h.m + (size_t)j) * h.ld_bin;
}

/* What class c of column j gains by the rows; the exponent that its values need. */
__device__ int32_t add_moments(const hist_kernel &h, int32_t c, int32_t j, mat pre, ints cls,
                               int32_t e, faults f)
{
    double *at_sum = h.sum + (size_t)c * h.ld_sum + j,
           *at_sq = at_sum + (size_t)h.n_classes * h.ld_sum, sum = *at_sum, sq = *at_sq;
    float *at_min = h.range + (size_t)c * h.ld_range + j,
          *at_max = at_min + (size_t)h.n_classes * h.ld_range, min = *at_min, max = *at_max;
    for (int32_t t = 0; t < pre.rows; t++) {
        if (cls.at[(size_t)t * cls.ld] != c)
            continue;
        const float v = pre.at[(size_t)t * pre.ld + (size_t)j];
        const double wide = (double)v;
        sum += wide, sq += wide * wide;
        min = v < min ? v : min, max = v > max ? v : max;
    }
    *at_sum = sum, *at_sq = sq, *at_min = min, *at_max = max;
    if (!isfinite(sq))
        report(f, FAULT_VALUE, j, 0, 0);
    return isfinite(sq) && min <= max ? exponent_of(exponent_of(e, min), max) : e;
}

/* 64 counters a thread, side by side, so that a warp's never meet in a bank. */
__device__ void add_bins(const hist_kernel &h, int32_t c, int32_t j, mat pre, ints cls, int32_t e,
                         uint32_t *count)
{
    const float scale = ldexpf(1.0f, -e);
    bool any = false;
    for (int32_t i = 0; i < HIST_BINS; i++)
        count[i * LANES] = 0;
    for (int32_t t = 0; t < pre.rows; t++) {
        if (cls.at[(size_t)t * cls.ld] != c)
            continue;
        const float v = pre.at[(size_t)t * pre.ld + (size_t)j];
        /* A tiny negative may have become −0. */
        int32_t i = (int32_t)floorf(v * scale);
        i = HALF + (v < 0.0f && i >= 0 ? -1 : i);
        if (i >= 0 && i < HIST_BINS) /* else it is not finite, and told */
            count[i * LANES]++;
        any = true;
    }
    int32_t *bin = bins_of(h, c, j);
    for (int32_t i = 0; i < HIST_BINS && any; i++)
        if (count[i * LANES] > 0)
            bin[i] += (int32_t)count[i * LANES];
}

__global__ void __launch_bounds__(LANES, 8) hist_columns(hist_kernel h, mat pre, ints cls, faults f)
{
    SHARED(uint32_t, count, HIST_BINS * LANES);
    const int32_t j = (int32_t)(blockIdx.x * LANES + threadIdx.x);
    if (j >= h.m)
        return;
    for (int32_t t = 0; t < pre.rows && j == 0; t++)
        if (cls.at[(size_t)t * cls.ld] < -1 || cls.at[(size_t)t * cls.ld] >= h.n_classes)
            report(f, FAULT_ID, cls.at[(size_t)t * cls.ld], h.n_classes, 0);
    const int32_t was = h.exponent[j];
    int32_t e = was;
    for (int32_t c = 0; c < h.n_classes; c++)
        e = add_moments(h, c, j, pre, cls, e, f);
    for (int32_t c = 0; c < h.n_classes && e > was; c++)
        widen_bins(bins_of(h, c, j), shift_to(was, e));
    h.exponent[j] = e;
    for (int32_t c = 0; c < h.n_classes; c++)
        add_bins(h, c, j, pre, cls, e, count + threadIdx.x);
}
void gpu_hist(const hist_kernel *h, mat pre, ints cls, faults f, stream *s)
{
    if (h->m > 0 && pre.rows > 0)
        launch(hist_columns, ((unsigned)h->m + LANES - 1) / LANES, LANES, 0, s, *h, pre, cls, f);
}

/* What falls into bin i when bins are merged: of `bin`, shared by a warp. */
__device__ int32_t merged(const int32_t *bin, int32_t i, int32_t shift)
{
    const bool up = i >= HALF;
    const int32_t k = up ? i - HALF : HALF - 1 - i, most = shift < 6 ? shift : 6;
    int32_t sum = 0;
    for (int32_t from = k << most; from < (k + 1) << most && from < HALF; from++)
        sum += bin[up ? HALF + from : HALF - 1 - from];
    return sum;
}

/* A warp a column. */
__global__ void __launch_bounds__(LANES) move_column(hist_kernel to, hist_kernel from)
{
    SHARED(int32_t, bin, 2 * HIST_BINS);
    const int32_t j = (int32_t)blockIdx.x, lane = (int32_t)threadIdx.x;
    const int32_t e_to = to.exponent[j], e_from = from.exponent[j],
                  e = e_to > e_from ? e_to : e_from;
    __syncwarp();
    for (int32_t c = 0; c < to.n_classes; c++) {
        int32_t *a = bins_of(to, c, j), *b = bins_of(from, c, j);
        for (int32_t i = lane; i < HIST_BINS; i += LANES)
            bin[i] = a[i], bin[HIST_BINS + i] = b[i], b[i] = 0;
        __syncwarp();
        for (int32_t i = lane; i < HIST_BINS; i += LANES)
            a[i] =
                merged(bin, i, shift_to(e_to, e)) + merged(bin + HIST_BINS, i, shift_to(e_from, e));
        __syncwarp();
    }
    for (int32_t c = lane; c < 2 * to.n_classes; c += LANES) {
        double *sum = from.sum + (size_t)c * from.ld_sum + j;
        float *v = from.range + (size_t)c * from.ld_range + j,
              *w = to.range + (size_t)c * to.ld_range + j;
        to.sum[(size_t)c * to.ld_sum + (size_t)j] += *sum;
        *w = (c < to.n_classes ? *v < *w : *v > *w) ? *v : *w;
        *sum = 0;
        *v = c < to.n_classes ? INFINITY : -INFINITY;
    }
    if (lane == 0)
        to.exponent[j] = e, from.exponent[j] = HIST_LEAST;
}
void gpu_hist_move(const hist_kernel *to, const hist_kernel *from, stream *s)
{
    if (to->m > 0)
        launch(move_column, (unsigned)to->m, LANES, 0, s, *to, *from);
}

__global__ void clear_bins(hist_kernel h)
{
    EACH_ELEMENT(r, i, h.n_classes * h.m, HIST_BINS)
    h.bin[(size_t)r * h.ld_bin + (size_t)i] = 0;
}
__global__ void clear_moments(hist_kernel h)
{
    EACH_ELEMENT(c, j, 2 * h.n_classes, h.m)
    {
        h.sum[(size_t)c * h.ld_sum + (size_t)j] = 0;
        h.range[(size_t)c * h.ld_range + (size_t)j] = c < h.n_classes ? INFINITY : -INFINITY;
        if (c == 0)
            h.exponent[j] = HIST_LEAST;
    }
}
void gpu_hist_clear(const hist_kernel *h, stream *s)
{
    over_elements(clear_bins, h->n_classes * h->m, HIST_BINS, s, *h);
    over_elements(clear_moments, 2 * h->n_classes, h->m, s, *h);
}

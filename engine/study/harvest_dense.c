/* Histograms and moments of pre-activations, exact and independent of order.
 *
 * A bin's width is a power of two, so v·2^−e is exact and its floor is the bin. Values of a block
 * go row by row through counters that stay in the cache; first the moments, whose extremes say how
 * wide the bins must be, then the bins, without a look at the range. */
#include "engine/base/memory.h"
#include "engine/study/harvest_private.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { HALF = HARVEST_BINS / 2, LANES = 16 };

void dense_init(struct dense *d, int32_t m, int32_t n_classes)
{
    size_t cells = (size_t)m * (size_t)n_classes;
    *d = (struct dense){.m = m, .n_classes = n_classes};
    d->exponent = xreallocarray(NULL, (size_t)m, sizeof *d->exponent);
    d->scale = xreallocarray(NULL, (size_t)m, sizeof *d->scale);
    d->used = xcalloc((size_t)m, sizeof *d->used);
    d->sum = xcalloc(cells, sizeof *d->sum);
    d->sum_sq = xcalloc(cells, sizeof *d->sum_sq);
    d->min = xreallocarray(NULL, cells, sizeof *d->min);
    d->max = xreallocarray(NULL, cells, sizeof *d->max);
    d->bin = xcalloc(cells, HARVEST_BINS * sizeof *d->bin);
    for (int32_t j = 0; j < m; j++) {
        d->exponent[j] = HARVEST_E0;
        d->scale[j] = ldexpf(1.0f, -HARVEST_E0);
    }
    for (size_t i = 0; i < cells; i++) {
        d->min[i] = INFINITY;
        d->max[i] = -INFINITY;
    }
}

void dense_release(struct dense *d)
{
    free(d->exponent);
    free(d->scale);
    free(d->used);
    free(d->sum);
    free(d->sum_sq);
    free(d->min);
    free(d->max);
    free(d->bin);
    *d = (struct dense){0};
}

static int32_t bin_of(float v, float scale)
{
    float x = v * scale;
    int32_t i = (int32_t)x;
    /* truncated towards 0; a tiny negative may have become −0 */
    return i - ((x < (float)i) | ((v < 0.0f) & (i == 0))) + HALF;
}

/* First and last bin in use. */
static void span(const struct dense *d, size_t cell, int32_t latent, int32_t *lo, int32_t *hi)
{
    *lo = bin_of(d->min[cell], d->scale[latent]);
    *hi = bin_of(d->max[cell], d->scale[latent]);
}

void dense_clear(struct dense *d)
{
    for (int32_t c = 0; c < d->n_classes; c++) {
        for (int32_t j = 0; j < d->m && d->n[c] > 0; j++) {
            size_t cell = dense_at(d, c, j);
            int32_t lo, hi;
            if (!(d->min[cell] <= d->max[cell]))
                continue;
            span(d, cell, j, &lo, &hi);
            memset(d->bin + cell * HARVEST_BINS + lo, 0, (size_t)(hi - lo + 1) * sizeof *d->bin);
            d->sum[cell] = d->sum_sq[cell] = 0;
            d->min[cell] = INFINITY;
            d->max[cell] = -INFINITY;
        }
        d->n[c] = 0;
    }
    memset(d->used, false, (size_t)d->m * sizeof *d->used);
    for (int32_t j = 0; j < d->m; j++) {
        d->exponent[j] = HARVEST_E0;
        d->scale[j] = ldexpf(1.0f, -HARVEST_E0);
    }
}

/* ---- widths */
int32_t bins_exponent(int32_t e, float v)
{
    while (e < HARVEST_E_MAX) {
        float x = ldexpf(v, -e);
        if (x >= (float)-HALF && x < (float)HALF)
            break;
        e++;
    }
    return e;
}

/* floor((i − 32)/2^shift) + 32, without shifting what is negative. */
static int32_t wider_bin(int32_t i, int32_t shift)
{
    shift = shift < 31 ? shift : 31;
    return HALF + (i >= HALF ? (i - HALF) >> shift : -1 - ((HALF - 1 - i) >> shift));
}

void bins_widen(uint32_t bin[HARVEST_BINS], int32_t e, int32_t to)
{
    uint32_t wide[HARVEST_BINS] = {0};
    for (int32_t i = 0; i < HARVEST_BINS; i++)
        wide[wider_bin(i, to - e)] += bin[i];
    memcpy(bin, wide, sizeof wide);
}

static void widen(struct dense *d, int32_t latent, int32_t to)
{
    int32_t e = d->exponent[latent];
    if (to <= e)
        return;
    for (int32_t c = 0; c < d->n_classes && d->used[latent]; c++)
        bins_widen(d->bin + dense_at(d, c, latent) * HARVEST_BINS, e, to);
    d->exponent[latent] = (int16_t)to;
    d->scale[latent] = ldexpf(1.0f, -to);
}

/* ---- a block */
/* Loops of fixed length over one kind of thing are what the compiler makes vectors of. */
static void moments16(const float *restrict v, double *restrict sum, double *restrict sq,
                      float *restrict min, float *restrict max)
{
    double x[LANES];
    for (int k = 0; k < LANES; k++)
        x[k] = (double)v[k];
    for (int k = 0; k < LANES; k++)
        sum[k] += x[k];
    for (int k = 0; k < LANES; k++)
        sq[k] += x[k] * x[k];
    for (int k = 0; k < LANES; k++)
        min[k] = v[k] < min[k] ? v[k] : min[k];
    for (int k = 0; k < LANES; k++)
        max[k] = v[k] > max[k] ? v[k] : max[k];
}

static void moments(const float *restrict v, int32_t n, double *restrict sum, double *restrict sq,
                    float *restrict min, float *restrict max)
{
    int32_t j = 0;
    for (; j + LANES <= n; j += LANES)
        moments16(v + j, sum + j, sq + j, min + j, max + j);
    for (; j < n; j++) {
        double x = (double)v[j];
        sum[j] += x;
        sq[j] += x * x;
        min[j] = v[j] < min[j] ? v[j] : min[j];
        max[j] = v[j] > max[j] ? v[j] : max[j];
    }
}

static void count(const float *restrict v, int32_t n, const float *restrict scale,
                  uint32_t *restrict bin)
{
    int32_t j = 0, at[LANES];
    for (; j + LANES <= n; j += LANES) {
        for (int32_t k = 0; k < LANES; k++)
            at[k] = bin_of(v[j + k], scale[j + k]);
        for (int32_t k = 0; k < LANES; k++)
            bin[(size_t)(j + k) * HARVEST_BINS + (size_t)at[k]]++;
    }
    for (; j < n; j++)
        bin[(size_t)j * HARVEST_BINS + (size_t)bin_of(v[j], scale[j])]++;
}

/* Makes room for the extremes; the first latent with a value that is no finite number, or −1. */
static int32_t fit(struct dense *d, const struct dense_block *b)
{
    for (int32_t c = 0; c < d->n_classes; c++) {
        for (int32_t j = b->first; j < b->first + b->n; j++) {
            size_t cell = dense_at(d, c, j);
            float lo = d->min[cell] * d->scale[j], hi = d->max[cell] * d->scale[j];
            if (!isfinite(d->sum_sq[cell]))
                return j;
            if (d->min[cell] <= d->max[cell] && !(lo >= (float)-HALF && hi < (float)HALF))
                widen(d, j,
                      bins_exponent(bins_exponent(d->exponent[j], d->min[cell]), d->max[cell]));
        }
    }
    return -1;
}

int32_t dense_add(struct dense *d, const struct dense_block *b)
{
    for (int32_t r = 0; r < b->n_rows; r++) {
        if (b->cls[r] < 0)
            continue;
        size_t at = dense_at(d, b->cls[r], b->first);
        moments(b->v + (size_t)r * b->ld, b->n, d->sum + at, d->sum_sq + at, d->min + at,
                d->max + at);
    }
    int32_t bad = fit(d, b);
    for (int32_t r = 0; r < b->n_rows && bad < 0; r++)
        if (b->cls[r] >= 0)
            count(b->v + (size_t)r * b->ld, b->n, d->scale + b->first,
                  d->bin + dense_at(d, b->cls[r], b->first) * HARVEST_BINS);
    memset(d->used + b->first, true, (size_t)b->n * sizeof *d->used);
    return bad;
}

/* ---- chunks into one */
static void fold_bins(struct dense *d, const struct dense *from, int32_t cls, int32_t j)
{
    size_t cell = dense_at(d, cls, j);
    uint32_t *to = d->bin + cell * HARVEST_BINS;
    const uint32_t *bin = from->bin + cell * HARVEST_BINS;
    int32_t lo, hi;
    widen(d, j, from->exponent[j]);
    d->used[j] = true;
    span(from, cell, j, &lo, &hi);
    int32_t shift = d->exponent[j] - from->exponent[j];
    for (int32_t i = lo; i <= hi; i++)
        to[shift > 0 ? wider_bin(i, shift) : i] += bin[i];
}

void dense_fold(struct dense *d, const struct dense *from, int32_t cls)
{
    for (int32_t j = 0; j < d->m && from->n[cls] > 0; j++) {
        size_t cell = dense_at(d, cls, j);
        fold_bins(d, from, cls, j);
        d->sum[cell] += from->sum[cell];
        d->sum_sq[cell] += from->sum_sq[cell];
        d->min[cell] = from->min[cell] < d->min[cell] ? from->min[cell] : d->min[cell];
        d->max[cell] = from->max[cell] > d->max[cell] ? from->max[cell] : d->max[cell];
    }
    d->n[cls] += from->n[cls];
}

/* Histograms and moments of columns: struct hist.
 *
 * A block of columns at a time, whose counters stay in the cache; row by row, first the moments,
 * whose extremes say how wide the bins must be, then the bins, without a look at the range. */
#include "engine/cpu/device.h"
#include <math.h>
#include <string.h>

enum { HALF = HIST_BINS / 2, BLOCK = 256 /* columns */ };

struct view { /* struct hist */
    int32_t m, n_classes;
    uint32_t *bin;
    int32_t *exponent;
    double *sum;
    float *range;
    size_t ld_bin, ld_sum, ld_range;
};

static bool view_of(struct queue *q, const char *op, const struct hist *h, int32_t m,
                    struct view *v)
{
    const int32_t n = h->n_classes;
    *v = (struct view){.m = h->exponent.cols,
                       .n_classes = n,
                       .ld_bin = (size_t)h->bins.ld,
                       .ld_sum = (size_t)h->sums.ld,
                       .ld_range = (size_t)h->range.ld};
    return (v->exponent = cpu_view(q, op, "exponent", h->exponent, DTYPE_I32, 1, m)) &&
           (v->bin = cpu_view(q, op, "bins", h->bins, DTYPE_I32, n * v->m, HIST_BINS)) &&
           (v->sum = cpu_view(q, op, "sums", h->sums, DTYPE_F64, 2 * n, v->m)) &&
           (v->range = cpu_f32(q, op, "range", h->range, 2 * n, v->m));
}

static uint32_t *bins_of(const struct view *v, int32_t cls, int32_t j)
{
    return v->bin + ((size_t)cls * (size_t)v->m + (size_t)j) * v->ld_bin;
}
static double *sum_of(const struct view *v, int32_t cls, int32_t j)
{
    return v->sum + (size_t)cls * v->ld_sum + (size_t)j;
}
static double *sum_sq_of(const struct view *v, int32_t cls, int32_t j)
{
    return sum_of(v, v->n_classes + cls, j);
}
static float *min_of(const struct view *v, int32_t cls, int32_t j)
{
    return v->range + (size_t)cls * v->ld_range + (size_t)j;
}
static float *max_of(const struct view *v, int32_t cls, int32_t j)
{
    return min_of(v, v->n_classes + cls, j);
}
static bool is_empty(const struct view *v, int32_t cls, int32_t j)
{
    return !(*min_of(v, cls, j) <= *max_of(v, cls, j));
}

/* First and last bin in use. */
static void span(const struct view *v, int32_t cls, int32_t j, int32_t *lo, int32_t *hi)
{
    const float scale = ldexpf(1.0f, -v->exponent[j]);
    *lo = bin_of(*min_of(v, cls, j), scale);
    *hi = bin_of(*max_of(v, cls, j), scale);
}

/* ---- widths */
/* The smallest exponent ≥ e at which x is inside. */
static int32_t exponent_of(int32_t e, float x)
{
    while (e < HIST_MOST) {
        const float at = ldexpf(x, -e);
        if (at >= (float)-HALF && at < (float)HALF)
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

static void widen_bins(uint32_t bin[HIST_BINS], int32_t shift)
{
    uint32_t wide[HIST_BINS] = {0};
    for (int32_t i = 0; i < HIST_BINS; i++)
        wide[wider_bin(i, shift)] += bin[i];
    memcpy(bin, wide, sizeof wide);
}

static void widen(const struct view *v, int32_t j, int32_t to)
{
    for (int32_t c = 0; c < v->n_classes && to > v->exponent[j]; c++)
        widen_bins(bins_of(v, c, j), to - v->exponent[j]);
    v->exponent[j] = to;
}

/* ---- rows */
struct hist_job {
    const struct kernels *k;
    struct view v;
    const float *pre;
    const int32_t *cls;
    size_t ld, ld_cls;
    int32_t rows;
    atomic_int *bad; /* the first column with a value that is not finite */
};

static int32_t class_of(const struct hist_job *h, int32_t t)
{
    return h->cls[(size_t)t * h->ld_cls];
}

static void block_moments(const struct hist_job *h, int32_t first, int32_t n)
{
    for (int32_t t = 0; t < h->rows; t++) {
        const int32_t c = class_of(h, t);
        if (c >= 0)
            h->k->moments(h->pre + (size_t)t * h->ld + first, n, sum_of(&h->v, c, first),
                          sum_sq_of(&h->v, c, first), min_of(&h->v, c, first),
                          max_of(&h->v, c, first));
    }
}

/* Makes room for the extremes; false: a value is not finite. */
static bool block_fits(const struct hist_job *h, int32_t first, int32_t n, float *scale)
{
    for (int32_t j = first; j < first + n; j++) {
        int32_t e = h->v.exponent[j];
        for (int32_t c = 0; c < h->v.n_classes; c++) {
            if (!isfinite(*sum_sq_of(&h->v, c, j))) {
                row_is_bad(h->bad, j);
                return false;
            }
            if (!is_empty(&h->v, c, j))
                e = exponent_of(exponent_of(e, *min_of(&h->v, c, j)), *max_of(&h->v, c, j));
        }
        widen(&h->v, j, e);
        scale[j - first] = ldexpf(1.0f, -e);
    }
    return true;
}

static void hist_blocks(void *arg, int thread, int32_t first, int32_t n)
{
    (void)thread;
    const struct hist_job *h = arg;
    float scale[BLOCK];
    for (int32_t b = first; b < first + n; b++) {
        const int32_t j = b * BLOCK, left = h->v.m - j, cols = left < BLOCK ? left : BLOCK;
        block_moments(h, j, cols);
        if (!block_fits(h, j, cols, scale))
            continue;
        for (int32_t t = 0; t < h->rows; t++)
            if (class_of(h, t) >= 0)
                h->k->count_bins(h->pre + (size_t)t * h->ld + j, cols, scale,
                                 bins_of(&h->v, class_of(h, t), j), h->v.ld_bin);
    }
}

static bool classes_are(struct queue *q, const struct hist_job *h)
{
    for (int32_t t = 0; t < h->rows; t++)
        if (class_of(h, t) < -1 || class_of(h, t) >= h->v.n_classes)
            return error_set(&q->err, ERROR_SYSTEM, "cpu hist: row %d is of class %d of %d", t,
                             class_of(h, t), h->v.n_classes);
    return true;
}

void cpu_hist(struct queue *q, const struct hist *to, struct tensor pre, struct tensor cls)
{
    atomic_int bad = INT32_MAX;
    struct hist_job h = {.k = cpu_of(q)->k,
                         .rows = pre.rows,
                         .ld = (size_t)pre.ld,
                         .ld_cls = (size_t)cls.ld,
                         .bad = &bad};
    if (cpu_failed(q) || pre.rows == 0 || !view_of(q, "hist", to, pre.cols, &h.v) ||
        !(h.pre = cpu_f32(q, "hist", "pre", pre, -1, -1)) ||
        !(h.cls = cpu_view(q, "hist", "cls", cls, DTYPE_I32, pre.rows, 1)) || !classes_are(q, &h))
        return;
    cpu_for_rows(q, (h.v.m + BLOCK - 1) / BLOCK, (int64_t)h.rows * BLOCK, hist_blocks, &h);
    if (bad != INT32_MAX)
        error_set(&q->err, ERROR_INPUT,
                  "%s %d has a value that is no finite number, or too large for float32",
                  to->what ? to->what : "column", bad);
}

/* ---- one to another */
struct move_job {
    struct view to, from;
};

/* Empties a class of a column, of which only the bins of its span are not 0. */
static void clear_class(const struct view *v, int32_t c, int32_t j, int32_t lo, int32_t hi)
{
    memset(bins_of(v, c, j) + lo, 0, (size_t)(hi - lo + 1) * sizeof(uint32_t));
    *sum_of(v, c, j) = *sum_sq_of(v, c, j) = 0;
    *min_of(v, c, j) = INFINITY;
    *max_of(v, c, j) = -INFINITY;
}

static void move_class(const struct move_job *w, int32_t c, int32_t j)
{
    const struct view *to = &w->to, *from = &w->from;
    const int32_t shift = to->exponent[j] - from->exponent[j];
    uint32_t *sum = bins_of(to, c, j);
    const uint32_t *bin = bins_of(from, c, j);
    const float min = *min_of(from, c, j), max = *max_of(from, c, j);
    int32_t lo, hi;
    span(from, c, j, &lo, &hi);
    for (int32_t i = lo; i <= hi; i++)
        sum[shift > 0 ? wider_bin(i, shift) : i] += bin[i];
    *sum_of(to, c, j) += *sum_of(from, c, j);
    *sum_sq_of(to, c, j) += *sum_sq_of(from, c, j);
    *min_of(to, c, j) = min < *min_of(to, c, j) ? min : *min_of(to, c, j);
    *max_of(to, c, j) = max > *max_of(to, c, j) ? max : *max_of(to, c, j);
    clear_class(from, c, j, lo, hi);
}

static void move_columns(void *arg, int thread, int32_t first, int32_t n)
{
    (void)thread;
    const struct move_job *w = arg;
    for (int32_t j = first; j < first + n; j++) {
        if (w->from.exponent[j] > w->to.exponent[j])
            widen(&w->to, j, w->from.exponent[j]);
        for (int32_t c = 0; c < w->to.n_classes; c++)
            if (!is_empty(&w->from, c, j))
                move_class(w, c, j);
        w->from.exponent[j] = HIST_LEAST;
    }
}

void cpu_hist_move(struct queue *q, const struct hist *to, const struct hist *from)
{
    struct move_job w;
    if (cpu_failed(q) || !view_of(q, "hist_move", to, -1, &w.to) ||
        !view_of(q, "hist_move", from, w.to.m, &w.from))
        return;
    if (to->n_classes != from->n_classes)
        error_set(&q->err, ERROR_SYSTEM, "cpu hist_move: %d classes to %d", from->n_classes,
                  to->n_classes);
    else
        cpu_for_rows(q, w.to.m, (int64_t)HIST_BINS * w.to.n_classes, move_columns, &w);
}

static void clear_columns(void *arg, int thread, int32_t first, int32_t n)
{
    (void)thread;
    const struct view *v = arg;
    for (int32_t j = first; j < first + n; j++)
        v->exponent[j] = HIST_LEAST;
    for (int32_t c = 0; c < v->n_classes; c++)
        for (int32_t j = first; j < first + n; j++)
            clear_class(v, c, j, 0, HIST_BINS - 1);
}

void cpu_hist_clear(struct queue *q, const struct hist *h)
{
    struct view v;
    if (!cpu_failed(q) && view_of(q, "hist_clear", h, -1, &v))
        cpu_for_rows(q, v.m, (int64_t)HIST_BINS * v.n_classes, clear_columns, &v);
}

/* Histograms and moments of columns. Part of ops.h. */

struct hist_view { /* struct hist; rows apart by ld elements */
    int32_t m, n_classes;
    int32_t *exponent, *bin;
    double *sum;
    real *range;
    size_t ld_bin, ld_sum, ld_range;
};

static bool hist_view(struct queue *q, const char *op, const struct hist *h, int32_t m,
                      struct hist_view *v)
{
    const int32_t n = h->n_classes;
    *v = (struct hist_view){.m = h->exponent.cols,
                            .n_classes = n,
                            .ld_bin = (size_t)h->bins.ld,
                            .ld_sum = (size_t)h->sums.ld,
                            .ld_range = (size_t)h->range.ld};
    return (v->exponent = reference_view(q, op, h->exponent, DTYPE_I32, 1, m)) &&
           (v->bin = reference_view(q, op, h->bins, DTYPE_I32, n * v->m, HIST_BINS)) &&
           (v->sum = reference_view(q, op, h->sums, DTYPE_F64, 2 * n, v->m)) &&
           (v->range = reference_view(q, op, h->range, REAL, 2 * n, v->m));
}

static int32_t *hist_bins(const struct hist_view *v, int32_t c, int32_t j)
{
    return v->bin + ((size_t)c * (size_t)v->m + (size_t)j) * v->ld_bin;
}

/* Half as many bins, twice as wide, until the exponent is `to`. */
static void hist_widen(const struct hist_view *v, int32_t j, int32_t to)
{
    for (; v->exponent[j] < to; v->exponent[j]++)
        for (int32_t c = 0; c < v->n_classes; c++) {
            int32_t *bin = hist_bins(v, c, j), wide[HIST_BINS] = {0};
            for (int32_t i = 0; i < HIST_BINS; i++)
                wide[(i + HIST_BINS / 2) / 2] += bin[i];
            memcpy(bin, wide, sizeof wide);
        }
}

static void hist_add_value(const struct hist_view *v, int32_t c, int32_t j, real x)
{
    const int32_t n = v->n_classes, half = HIST_BINS / 2;
    const size_t sum = (size_t)c * v->ld_sum + (size_t)j, sq = sum + (size_t)n * v->ld_sum;
    real *min = v->range + (size_t)c * v->ld_range + j, *max = min + (size_t)n * v->ld_range;
    int32_t e = v->exponent[j];
    double at;
    while ((at = floor(ldexp((double)x, -e))) < -half || at >= half)
        e++;
    hist_widen(v, j, e);
    hist_bins(v, c, j)[(int32_t)at + half]++;
    v->sum[sum] += (double)x;
    v->sum[sq] += (double)x * (double)x;
    *min = x < *min ? x : *min;
    *max = x > *max ? x : *max;
}

static void hist(struct queue *q, const struct hist *to, struct tensor pre, struct tensor cls)
{
    struct hist_view v;
    struct view x;
    if (pre.rows == 0 || !hist_view(q, "hist", to, pre.cols, &v) ||
        !view(q, "hist", pre, -1, -1, &x) ||
        !reference_view(q, "hist", cls, DTYPE_I32, pre.rows, 1) ||
        !reference_ids(q, "hist", cls, -1, to->n_classes))
        return;
    for (int32_t j = 0; j < v.m; j++)
        for (int32_t t = 0; t < pre.rows; t++) {
            const int32_t c = *ids_row(cls, t);
            if (c >= 0 && !isfinite(row(&x, t)[j])) {
                error_set(&q->err, ERROR_INPUT,
                          "%s %d has a value that is no finite number, or too large for float32",
                          to->what ? to->what : "column", j);
                return;
            }
            if (c >= 0)
                hist_add_value(&v, c, j, row(&x, t)[j]);
        }
}

static void hist_empty(const struct hist_view *v)
{
    for (int32_t j = 0; j < v->m; j++)
        v->exponent[j] = HIST_LEAST;
    for (int32_t c = 0; c < v->n_classes; c++)
        for (int32_t j = 0; j < v->m; j++) {
            memset(hist_bins(v, c, j), 0, HIST_BINS * sizeof *v->bin);
            for (int32_t of = c; of <= c + v->n_classes; of += v->n_classes) {
                v->sum[(size_t)of * v->ld_sum + (size_t)j] = 0;
                v->range[(size_t)of * v->ld_range + (size_t)j] =
                    of < v->n_classes ? (real)INFINITY : (real)-INFINITY;
            }
        }
}

static void hist_move(struct queue *q, const struct hist *to, const struct hist *from)
{
    struct hist_view v, w;
    if (!hist_view(q, "hist_move", to, -1, &v) || !hist_view(q, "hist_move", from, v.m, &w))
        return;
    if (v.n_classes != w.n_classes) {
        error_set(&q->err, ERROR_SYSTEM, "reference hist_move: %d classes to %d", w.n_classes,
                  v.n_classes);
        return;
    }
    for (int32_t j = 0; j < v.m; j++) {
        hist_widen(&v, j, w.exponent[j]);
        hist_widen(&w, j, v.exponent[j]);
        for (int32_t c = 0; c < v.n_classes; c++)
            for (int32_t i = 0; i < HIST_BINS; i++)
                hist_bins(&v, c, j)[i] += hist_bins(&w, c, j)[i];
        for (int32_t c = 0; c < 2 * v.n_classes; c++) {
            const real x = w.range[(size_t)c * w.ld_range + (size_t)j];
            real *y = v.range + (size_t)c * v.ld_range + j;
            v.sum[(size_t)c * v.ld_sum + (size_t)j] += w.sum[(size_t)c * w.ld_sum + (size_t)j];
            if (c < v.n_classes ? x < *y : x > *y)
                *y = x;
        }
    }
    hist_empty(&w);
}

static void hist_clear(struct queue *q, const struct hist *h)
{
    struct hist_view v;
    if (hist_view(q, "hist_clear", h, -1, &v))
        hist_empty(&v);
}

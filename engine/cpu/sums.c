/* Sums in double. */
#include "engine/cpu/device.h"

enum { LANES = 8 }; /* partial sums side by side */

struct values { /* of F32 or F64 */
    const float *f;
    const double *d;
    size_t ld;
};

static bool values(struct queue *q, const char *op, const char *arg, struct tensor t, int32_t rows,
                   int32_t cols, struct values *v)
{
    const void *p =
        cpu_view(q, op, arg, t, t.dtype == DTYPE_F64 ? DTYPE_F64 : DTYPE_F32, rows, cols);
    *v = (struct values){.ld = (size_t)t.ld};
    if (t.dtype == DTYPE_F64)
        v->d = p;
    else
        v->f = p;
    return p != NULL;
}

static double at(const struct values *v, int32_t row, int32_t i)
{
    size_t k = (size_t)row * v->ld + (size_t)i;
    return v->d ? v->d[k] : (double)v->f[k];
}

struct stats_job {
    struct values x, z;
    double *y;
    size_t ldy;
    int32_t n;
    bool both; /* x and z are F32 */
};

static double total(const double s[LANES])
{
    double sum = 0;
    for (int j = 0; j < LANES; j++)
        sum += s[j];
    return sum;
}

static void stats_row(const float *restrict x, const float *restrict z, int32_t n,
                      double *restrict y)
{
    double sq[LANES] = {0}, se[LANES] = {0};
    int32_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (int j = 0; j < LANES; j++) {
            double v = (double)x[i + j], e = v - (double)z[i + j];
            sq[j] += v * v;
            se[j] += e * e;
        }
    for (; i < n; i++) {
        double v = (double)x[i], e = v - (double)z[i];
        sq[0] += v * v;
        se[0] += e * e;
    }
    y[0] = total(sq), y[1] = total(se);
}

static void stats_rows(void *arg, int thread, int32_t first, int32_t n)
{
    (void)thread;
    const struct stats_job *j = arg;
    for (int32_t t = first; t < first + n; t++) {
        double *y = j->y + (size_t)t * j->ldy;
        if (j->both) {
            stats_row(j->x.f + (size_t)t * j->x.ld, j->z.f + (size_t)t * j->z.ld, j->n, y);
            continue;
        }
        y[0] = y[1] = 0;
        for (int32_t i = 0; i < j->n; i++) {
            double v = at(&j->x, t, i), e = j->z.ld ? v - at(&j->z, t, i) : 0;
            y[0] += v * v;
            y[1] += e * e;
        }
    }
}

void cpu_row_stats(struct queue *q, struct tensor y, struct tensor x, struct tensor z)
{
    struct stats_job j = {.ldy = (size_t)y.ld, .n = x.cols};
    if (cpu_failed(q) || x.rows == 0 || !values(q, "row_stats", "x", x, -1, -1, &j.x) ||
        (z.buf && !values(q, "row_stats", "z", z, x.rows, x.cols, &j.z)) ||
        !(j.y = cpu_view(q, "row_stats", "y", y, DTYPE_F64, x.rows, 2)))
        return;
    j.both = j.x.f && j.z.f;
    cpu_for_rows(q, x.rows, x.cols, stats_rows, &j);
}

void cpu_col_sums(struct queue *q, struct tensor y, struct tensor x, double a)
{
    struct values v;
    double *sum;
    if (cpu_failed(q) || x.rows == 0 || !values(q, "col_sums", "x", x, -1, -1, &v) ||
        !(sum = cpu_view(q, "col_sums", "y", y, DTYPE_F64, 1, x.cols)))
        return;
    for (int32_t t = 0; t < x.rows; t++)
        for (int32_t i = 0; i < x.cols; i++)
            sum[i] += a * at(&v, t, i);
}

void cpu_fetch_f64(struct queue *q, double *dst, struct tensor src)
{
    struct values v;
    if (cpu_failed(q) || !values(q, "fetch_f64", "src", src, -1, -1, &v))
        return;
    for (int32_t t = 0; t < src.rows; t++)
        for (int32_t i = 0; i < src.cols; i++)
            dst[(size_t)t * (size_t)src.cols + (size_t)i] = at(&v, t, i);
}

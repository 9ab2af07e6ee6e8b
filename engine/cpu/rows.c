/* Operations that go row by row. */
#include "engine/cpu/device.h"
#include <string.h>

struct rows_job {
    const struct kernels *k;
    float *y, *scale_out;
    const float *x, *u, *scale_in;
    const int32_t *rows;
    size_t ldy, ldx, ldu, ld_rows, ld_in, ld_out;
    size_t size; /* bytes of an element, of what only moves */
    int32_t n, m;
    float a;
    struct norm_row norm;
    enum activation act;
    atomic_int *bad;
};

static void norm_rows(void *arg, int thread, int32_t first, int32_t n)
{
    (void)thread;
    const struct rows_job *j = arg;
    for (int32_t t = first; t < first + n; t++)
        if (!j->k->norm(j->y + (size_t)t * j->ldy, j->x + (size_t)t * j->ldx, &j->norm,
                        j->scale_in ? j->scale_in + (size_t)t * j->ld_in : NULL,
                        j->scale_out ? j->scale_out + (size_t)t * j->ld_out : NULL))
            row_is_bad(j->bad, t);
}

/* An argument that may be absent: *p is NULL then. */
static bool optional(struct queue *q, const char *op, const char *arg, struct tensor t,
                     int32_t rows, int32_t cols, const float **p)
{
    *p = NULL;
    return !t.buf || (*p = cpu_f32(q, op, arg, t, rows, cols)) != NULL;
}

void cpu_norm(struct queue *q, struct tensor y, struct tensor x, struct tensor gamma,
              struct tensor beta, float eps, enum norm_kind kind, struct tensor scale_out,
              struct tensor scale_in)
{
    static const char *const name[] = {"a LayerNorm", "an RMSNorm", "a centred row",
                                       "the norm of an input"};
    if (cpu_failed(q) || x.rows == 0)
        return;
    atomic_int bad = INT32_MAX;
    struct rows_job j = {.k = cpu_of(q)->k, .ldy = (size_t)y.ld, .ldx = (size_t)x.ld, .bad = &bad};
    j.norm = (struct norm_row){.kind = kind, .n = x.cols, .eps = eps};
    j.ld_in = (size_t)scale_in.ld, j.ld_out = (size_t)scale_out.ld;
    if (!(j.x = cpu_f32(q, "norm", "x", x, -1, -1)) ||
        !(j.y = cpu_f32(q, "norm", "y", y, x.rows, x.cols)) ||
        !optional(q, "norm", "gamma", gamma, 1, x.cols, &j.norm.gamma) ||
        !optional(q, "norm", "beta", beta, 1, x.cols, &j.norm.beta) ||
        !optional(q, "norm", "scale_in", scale_in, x.rows, 1, &j.scale_in) ||
        (scale_out.buf && !(j.scale_out = cpu_f32(q, "norm", "scale_out", scale_out, x.rows, 1))))
        return;
    cpu_for_rows(q, x.rows, (int64_t)x.cols * 2, norm_rows, &j);
    if (bad != INT32_MAX)
        error_set(&q->err, ERROR_INPUT,
                  "a value is no finite number, or too large for %s in float32", name[kind]);
}

static void unscale_rows(void *arg, int thread, int32_t first, int32_t n)
{
    (void)thread;
    const struct rows_job *j = arg;
    for (int32_t t = first; t < first + n; t++)
        j->k->times(j->y + (size_t)t * j->ldy, 1.0f / j->scale_in[(size_t)t * j->ld_in] - j->a,
                    j->n);
}

void cpu_rows_unscale(struct queue *q, struct tensor y, struct tensor scale, float eps)
{
    if (cpu_failed(q) || y.rows == 0)
        return;
    struct rows_job j = {
        .k = cpu_of(q)->k, .ldy = (size_t)y.ld, .ld_in = (size_t)scale.ld, .n = y.cols, .a = eps};
    if ((j.y = cpu_f32(q, "rows_unscale", "y", y, -1, -1)) &&
        (j.scale_in = cpu_f32(q, "rows_unscale", "scale", scale, y.rows, 1)))
        cpu_for_rows(q, y.rows, y.cols, unscale_rows, &j);
}

static void act_rows(void *arg, int thread, int32_t first, int32_t n)
{
    (void)thread;
    const struct rows_job *j = arg;
    for (int32_t t = first; t < first + n; t++)
        j->k->act(j->y + (size_t)t * j->ldy, j->x + (size_t)t * j->ldx,
                  j->u ? j->u + (size_t)t * j->ldu : NULL, j->n, j->act);
}

void cpu_act(struct queue *q, struct tensor y, struct tensor x, struct tensor mul,
             enum activation act)
{
    if (cpu_failed(q) || x.rows == 0)
        return;
    struct rows_job j = {.k = cpu_of(q)->k, .ldy = (size_t)y.ld, .ldx = (size_t)x.ld, .n = x.cols};
    j.act = act, j.ldu = (size_t)mul.ld;
    if ((j.x = cpu_f32(q, "act", "x", x, -1, -1)) &&
        optional(q, "act", "mul", mul, x.rows, x.cols, &j.u) &&
        (j.y = cpu_f32(q, "act", "y", y, x.rows, x.cols)))
        cpu_for_rows(q, x.rows, (int64_t)x.cols * 4, act_rows, &j);
}

static void add_rows(void *arg, int thread, int32_t first, int32_t n)
{
    (void)thread;
    const struct rows_job *j = arg;
    for (int32_t t = first; t < first + n; t++)
        j->k->add(j->y + (size_t)t * j->ldy, j->x + (size_t)t * j->ldx, j->a, j->n);
}

void cpu_add(struct queue *q, struct tensor y, struct tensor x, float a)
{
    if (cpu_failed(q) || y.rows == 0)
        return;
    struct rows_job j = {.k = cpu_of(q)->k,
                         .ldy = (size_t)y.ld,
                         .ldx = x.rows == 1 ? 0 : (size_t)x.ld,
                         .n = y.cols,
                         .a = a};
    if ((j.y = cpu_f32(q, "add", "y", y, -1, -1)) &&
        (j.x = cpu_f32(q, "add", "x", x, x.rows == 1 ? 1 : y.rows, y.cols)))
        cpu_for_rows(q, y.rows, y.cols, add_rows, &j);
}

static void outer_rows(void *arg, int thread, int32_t first, int32_t n)
{
    (void)thread;
    const struct rows_job *j = arg;
    for (int32_t t = first; t < first + n; t++)
        for (int32_t i = 0; i < j->m; i++)
            j->k->add(j->y + (size_t)t * j->ldy, j->u + (size_t)i * j->ldu,
                      j->x[(size_t)t * j->ldx + (size_t)i], j->n);
}

void cpu_add_outer(struct queue *q, struct tensor y, struct tensor C, struct tensor U)
{
    if (cpu_failed(q) || y.rows == 0 || C.cols == 0)
        return;
    struct rows_job j = {.k = cpu_of(q)->k,
                         .ldy = (size_t)y.ld,
                         .ldx = (size_t)C.ld,
                         .ldu = (size_t)U.ld,
                         .n = y.cols};
    j.m = C.cols;
    if ((j.y = cpu_f32(q, "add_outer", "y", y, -1, -1)) &&
        (j.x = cpu_f32(q, "add_outer", "C", C, y.rows, -1)) &&
        (j.u = cpu_f32(q, "add_outer", "U", U, C.cols, y.cols)))
        cpu_for_rows(q, y.rows, (int64_t)y.cols * j.m, outer_rows, &j);
}

static void move_row(const struct rows_job *j, size_t to, size_t from)
{
    memcpy((char *)(void *)j->y + to * j->ldy * j->size,
           (const char *)(const void *)j->x + from * j->ldx * j->size, (size_t)j->n * j->size);
}

static void get_rows(void *arg, int thread, int32_t first, int32_t n)
{
    (void)thread;
    const struct rows_job *j = arg;
    for (int32_t t = first; t < first + n; t++)
        move_row(j, (size_t)t, (size_t)j->rows[(size_t)t * j->ld_rows]);
}

static bool check_rows(struct queue *q, const char *op, const struct rows_job *j, int32_t n,
                       int32_t limit)
{
    for (int32_t i = 0; i < n; i++) {
        int32_t row = j->rows[(size_t)i * j->ld_rows];
        if (row < 0 || row >= limit)
            return error_set(&q->err, ERROR_SYSTEM, "cpu %s: row %d asked of %d", op, row, limit);
    }
    return true;
}

void cpu_rows_get(struct queue *q, struct tensor y, struct tensor x, struct tensor rows)
{
    if (cpu_failed(q) || rows.rows == 0)
        return;
    struct rows_job j = {.ldy = (size_t)y.ld,
                         .ldx = (size_t)x.ld,
                         .ld_rows = (size_t)rows.ld,
                         .n = x.cols,
                         .size = dtype_size(y.dtype)};
    if ((j.rows = cpu_view(q, "rows_get", "rows", rows, DTYPE_I32, -1, 1)) &&
        (j.x = cpu_view(q, "rows_get", "x", x, y.dtype, -1, -1)) &&
        (j.y = cpu_view(q, "rows_get", "y", y, y.dtype, rows.rows, x.cols)) &&
        check_rows(q, "rows_get", &j, rows.rows, x.rows))
        cpu_for_rows(q, rows.rows, x.cols / 2, get_rows, &j);
}

/* On one thread: a row may be named twice, and the last one stays. */
void cpu_rows_set(struct queue *q, struct tensor y, struct tensor x, struct tensor rows)
{
    if (cpu_failed(q) || rows.rows == 0)
        return;
    struct rows_job j = {.ldy = (size_t)y.ld,
                         .ldx = (size_t)x.ld,
                         .ld_rows = (size_t)rows.ld,
                         .n = x.cols,
                         .size = dtype_size(y.dtype)};
    if ((j.rows = cpu_view(q, "rows_set", "rows", rows, DTYPE_I32, -1, 1)) &&
        (j.x = cpu_view(q, "rows_set", "x", x, y.dtype, rows.rows, -1)) &&
        (j.y = cpu_view(q, "rows_set", "y", y, y.dtype, -1, x.cols)) &&
        check_rows(q, "rows_set", &j, rows.rows, y.rows))
        for (int32_t i = 0; i < rows.rows; i++)
            move_row(&j, (size_t)j.rows[(size_t)i * j.ld_rows], (size_t)i);
}

/* On one thread, as above. */
void cpu_rows_add(struct queue *q, struct tensor y, struct tensor x, struct tensor rows)
{
    if (cpu_failed(q) || rows.rows == 0)
        return;
    struct rows_job j = {.ldy = (size_t)y.ld,
                         .ldx = (size_t)x.ld,
                         .ld_rows = (size_t)rows.ld,
                         .n = x.cols,
                         .size = dtype_size(y.dtype)};
    if ((j.rows = cpu_view(q, "rows_add", "rows", rows, DTYPE_I32, -1, 1)) &&
        (j.x = cpu_f32(q, "rows_add", "x", x, rows.rows, -1)) &&
        (j.y = cpu_f32(q, "rows_add", "y", y, -1, x.cols)) &&
        check_rows(q, "rows_add", &j, rows.rows, y.rows))
        for (int32_t i = 0; i < rows.rows; i++)
            cpu_of(q)->k->add(j.y + (size_t)j.rows[(size_t)i * j.ld_rows] * j.ldy,
                              j.x + (size_t)i * j.ldx, 1.0f, j.n);
}

static void get_cols(void *arg, int thread, int32_t first, int32_t n)
{
    (void)thread;
    const struct rows_job *j = arg;
    for (int32_t t = first; t < first + n; t++)
        for (int32_t i = 0; i < j->n; i++)
            j->y[(size_t)t * j->ldy + (size_t)i] =
                j->x[(size_t)t * j->ldx + (size_t)j->rows[(size_t)i * j->ld_rows]];
}

void cpu_cols_get(struct queue *q, struct tensor y, struct tensor x, struct tensor cols)
{
    if (cpu_failed(q) || x.rows == 0 || cols.rows == 0)
        return;
    struct rows_job j = {
        .ldy = (size_t)y.ld, .ldx = (size_t)x.ld, .ld_rows = (size_t)cols.ld, .n = cols.rows};
    if ((j.rows = cpu_view(q, "cols_get", "cols", cols, DTYPE_I32, -1, 1)) &&
        (j.x = cpu_f32(q, "cols_get", "x", x, -1, -1)) &&
        (j.y = cpu_f32(q, "cols_get", "y", y, x.rows, cols.rows)) &&
        check_rows(q, "cols_get", &j, cols.rows, x.cols))
        cpu_for_rows(q, x.rows, cols.rows, get_cols, &j);
}

void cpu_unit_change(struct queue *q, struct tensor change, struct tensor f, struct tensor value,
                     struct tensor mode)
{
    const float *v;
    struct rows_job j = {.ldy = (size_t)change.ld, .ldx = (size_t)f.ld, .n = f.cols};
    if (cpu_failed(q) || f.rows == 0 || f.cols == 0 ||
        !(j.x = cpu_f32(q, "unit_change", "f", f, -1, -1)) ||
        !(j.y = cpu_f32(q, "unit_change", "c", change, f.rows, f.cols)) ||
        !(v = cpu_f32(q, "unit_change", "value", value, 1, f.cols)) ||
        !(j.rows = cpu_view(q, "unit_change", "mode", mode, DTYPE_I32, 1, f.cols)))
        return;
    for (int32_t t = 0; t < f.rows; t++)
        for (int32_t i = 0; i < f.cols; i++) {
            float x = j.x[(size_t)t * j.ldx + (size_t)i], *y = j.y + (size_t)t * j.ldy + i;
            switch ((enum unit_mode)j.rows[i]) {
            case UNIT_FIX: *y = v[i] - x; break;
            case UNIT_SCALE: *y = (v[i] - 1.0f) * x; break;
            case UNIT_ADD: *y = v[i]; break;
            default: *y = -x;
            }
        }
}

static void copy_rows(void *arg, int thread, int32_t first, int32_t n)
{
    (void)thread;
    const struct rows_job *j = arg;
    for (int32_t t = first; t < first + n; t++)
        move_row(j, (size_t)t, (size_t)t);
}

void cpu_copy(struct queue *q, struct tensor y, struct tensor x)
{
    if (cpu_failed(q) || x.rows == 0)
        return;
    struct rows_job j = {
        .ldy = (size_t)y.ld, .ldx = (size_t)x.ld, .n = x.cols, .size = dtype_size(y.dtype)};
    if ((j.x = cpu_view(q, "copy", "x", x, y.dtype, -1, -1)) &&
        (j.y = cpu_view(q, "copy", "y", y, y.dtype, x.rows, x.cols)))
        cpu_for_rows(q, x.rows, x.cols / 2, copy_rows, &j);
}

/* Sparse codes: selection by kind, and what is read from them.
 *
 * Kinds with at most k entries a row are selected at places k apart and moved together; the others
 * are counted first, then written. */
#include "engine/cpu/codes.h"
#include "engine/cpu/select.h"
#include <math.h>
#include <string.h>

bool codes_view(struct queue *q, const char *op, const struct csr *f, struct codes *v)
{
    *v = (struct codes){.n_rows = f->n_rows, .capacity = f->ids.rows};
    v->start = cpu_view(q, op, "start", f->start, DTYPE_I32, f->n_rows + 1, 1);
    if (!v->start || !(v->ids = cpu_view(q, op, "ids", f->ids, DTYPE_I32, -1, 1)) ||
        !(v->vals = cpu_f32(q, op, "vals", f->vals, f->ids.rows, 1)))
        return false;
    if (f->start.ld == 1 && f->ids.ld == 1 && f->vals.ld == 1)
        return true;
    return error_set(&q->err, ERROR_SYSTEM, "cpu %s: codes must be contiguous", op);
}

struct select_job {
    struct queue *q;
    struct select by;
    const float *pre, *threshold, *scale, *shift;
    size_t ld, each_threshold, bytes;
    int32_t m, first;
    struct codes to;
    atomic_int *bad;
};

/* ---- kinds with at most k a row */
int32_t codes_keep(const struct select *by, int32_t id, float v, int32_t *ids, float *vals,
                   int32_t n)
{
    if (v == 0.0f || (by->relu && v < 0.0f))
        return n;
    ids[n] = id, vals[n] = v;
    return n + 1;
}

static int32_t row_top(const struct select_job *s, const float *x, void *memory, int32_t *ids,
                       float *vals, bool *finite)
{
    float *size = memory;
    int32_t n = 0;
    if (s->by.kind == SELECT_ABSTOPK) {
        for (int32_t i = 0; i < s->m; i++)
            size[i] = fabsf(x[i]);
        memory = size + (s->m + 15) / 16 * 16;
    }
    const uint64_t *key =
        select_top(cpu_of(s->q)->k, s->by.kind == SELECT_ABSTOPK ? size : x, s->m, s->by.k, memory);
    for (int32_t i = 0; i < s->by.k; i++) {
        int32_t id = select_index(key[i]);
        *finite &= isfinite(x[id]) != 0;
        n = codes_keep(&s->by, id, x[id], ids, vals, n);
    }
    return n;
}

static int32_t row_groups(const struct select_job *s, const float *x, int32_t *ids, float *vals,
                          bool *finite)
{
    int32_t width = s->m / s->by.k, n = 0;
    *finite = cpu_of(s->q)->k->all_finite(x, DTYPE_F32, (size_t)s->m);
    for (int32_t g = 0; g < s->by.k; g++) {
        int32_t best = g * width;
        for (int32_t i = best + 1; i < (g + 1) * width; i++)
            best = x[i] > x[best] ? i : best;
        n = codes_keep(&s->by, best, x[best], ids, vals, n);
    }
    return n;
}

static void bounded_rows(void *arg, int thread, int32_t first, int32_t n)
{
    const struct select_job *s = arg;
    void *memory = cpu_scratch_of(cpu_of(s->q), thread, s->bytes);
    for (int32_t t = first; t < first + n; t++) {
        const float *x = s->pre + (size_t)t * s->ld;
        size_t at = (size_t)s->to.start[s->first] + (size_t)t * (size_t)s->by.k;
        bool finite = true;
        s->to.start[s->first + 1 + t] =
            s->by.kind == SELECT_GROUPMAX
                ? row_groups(s, x, s->to.ids + at, s->to.vals + at, &finite)
                : row_top(s, x, memory, s->to.ids + at, s->to.vals + at, &finite);
        if (!finite)
            row_is_bad(s->bad, t);
    }
}

static void move_together(const struct select_job *s, int32_t rows)
{
    int32_t *start = s->to.start + s->first, at = start[0];
    for (int32_t t = 0; t < rows; t++) {
        size_t from = (size_t)start[0] + (size_t)t * (size_t)s->by.k;
        int32_t n = start[t + 1];
        if (from != (size_t)at && n > 0) {
            memmove(s->to.ids + at, s->to.ids + from, (size_t)n * sizeof *s->to.ids);
            memmove(s->to.vals + at, s->to.vals + from, (size_t)n * sizeof *s->to.vals);
        }
        start[t + 1] = at += n;
    }
}

/* ---- any number a row */
static inline float value_at(const struct select_job *s, enum select_kind kind, const float *x,
                             int32_t i)
{
    float v = x[i];
    if (kind == SELECT_THRESHOLD)
        v = v > s->threshold[(size_t)i * s->each_threshold] ? v : 0.0f;
    if (kind == SELECT_GATED) {
        float a = s->scale[i] * v + s->shift[i];
        v = v > 0.0f && a > 0.0f ? a : 0.0f;
    }
    return s->by.relu && v < 0.0f ? 0.0f : v;
}

/* Entries of a row, written where ids is not NULL. */
static inline int32_t row_of_kind(const struct select_job *s, enum select_kind kind, const float *x,
                                  int32_t *ids, float *vals)
{
    int32_t n = 0;
    for (int32_t i = 0; i < s->m && !ids; i++)
        n += value_at(s, kind, x, i) != 0.0f;
    for (int32_t i = 0; i < s->m && ids; i++) {
        float v = value_at(s, kind, x, i);
        if (v != 0.0f)
            ids[n] = i, vals[n++] = v;
    }
    return n;
}

static int32_t row_any(const struct select_job *s, const float *x, int32_t *ids, float *vals)
{
    switch (s->by.kind) {
    case SELECT_THRESHOLD: return row_of_kind(s, SELECT_THRESHOLD, x, ids, vals);
    case SELECT_GATED: return row_of_kind(s, SELECT_GATED, x, ids, vals);
    default: return row_of_kind(s, SELECT_ALL, x, ids, vals);
    }
}

static bool row_is_finite(const struct select_job *s, const float *x)
{
    if (!cpu_of(s->q)->k->all_finite(x, DTYPE_F32, (size_t)s->m))
        return false;
    for (int32_t i = 0; i < s->m && s->by.kind == SELECT_GATED; i++)
        if (!isfinite(value_at(s, SELECT_GATED, x, i)))
            return false;
    return true;
}

static void count_rows(void *arg, int thread, int32_t first, int32_t n)
{
    (void)thread;
    const struct select_job *s = arg;
    for (int32_t t = first; t < first + n; t++) {
        const float *x = s->pre + (size_t)t * s->ld;
        if (!row_is_finite(s, x))
            row_is_bad(s->bad, t);
        s->to.start[s->first + 1 + t] = row_any(s, x, NULL, NULL);
    }
}

static void write_rows(void *arg, int thread, int32_t first, int32_t n)
{
    (void)thread;
    const struct select_job *s = arg;
    const int32_t *start = s->to.start + s->first;
    for (int32_t t = first; t < first + n; t++)
        if (start[t + 1] <= s->to.capacity && start[t + 1] > start[t])
            row_any(s, s->pre + (size_t)t * s->ld, s->to.ids + start[t], s->to.vals + start[t]);
}

static void select_any(struct select_job *s, int32_t rows)
{
    int32_t *start = s->to.start + s->first;
    cpu_for_rows(s->q, rows, s->m, count_rows, s);
    for (int32_t t = 0; t < rows; t++) {
        int64_t end = (int64_t)start[t] + start[t + 1];
        if (end > INT32_MAX) {
            error_set(&s->q->err, ERROR_INPUT, "cpu select: %lld entries are too many",
                      (long long)end);
            return;
        }
        start[t + 1] = (int32_t)end;
    }
    cpu_for_rows(s->q, rows, s->m, write_rows, s);
}

/* ---- the operation */
bool codes_have_rows(struct queue *q, const char *op, const struct codes *f, int32_t first,
                     int32_t rows)
{
    if (first < 0 || first > f->n_rows || rows > f->n_rows - first)
        return error_set(&q->err, ERROR_SYSTEM, "cpu %s: %d rows from %d of %d", op, rows, first,
                         f->n_rows);
    if (first == 0)
        f->start[0] = 0;
    return true;
}

bool codes_bounded(struct queue *q, const char *op, const struct codes *f, int32_t first,
                   int32_t rows, int32_t k, int32_t m)
{
    const int64_t need = (int64_t)f->start[first] + (int64_t)rows * k;
    if (k < 1 || k > m)
        return error_set(&q->err, ERROR_INPUT, "cpu %s: %d of %d values asked", op, k, m);
    return need <= f->capacity ||
           error_set(&q->err, ERROR_SYSTEM, "cpu %s: room for %d entries, expected %lld", op,
                     f->capacity, (long long)need);
}

static bool check_kind(struct select_job *s, int32_t rows)
{
    struct queue *q = s->q;
    const struct select *by = &s->by;
    if (select_is_bounded(by) && !codes_bounded(q, "select", &s->to, s->first, rows, by->k, s->m))
        return false;
    if (by->kind == SELECT_GROUPMAX && s->m % by->k != 0)
        return error_set(&q->err, ERROR_INPUT, "cpu select: %d groups of %d values", by->k, s->m);
    if (by->kind == SELECT_THRESHOLD) {
        s->each_threshold = by->threshold.cols > 1;
        return (s->threshold = cpu_f32(q, "select", "threshold", by->threshold, 1,
                                       by->threshold.cols == 1 ? 1 : s->m)) != NULL;
    }
    return by->kind != SELECT_GATED ||
           ((s->scale = cpu_f32(q, "select", "scale", by->scale, 1, s->m)) &&
            (s->shift = cpu_f32(q, "select", "shift", by->shift, 1, s->m)));
}

/* The first bad value of a row: of those selected, or of all. */
static void tell_bad_value(struct select_job *s, int32_t t)
{
    const float *x = s->pre + (size_t)t * s->ld;
    int32_t id = 0;
    if (s->by.kind == SELECT_TOPK || s->by.kind == SELECT_ABSTOPK) {
        size_t at = (size_t)s->to.start[s->first] + (size_t)t * (size_t)s->by.k;
        int32_t n = s->to.start[s->first + 1 + t];
        while (id < n && isfinite(s->to.vals[at + (size_t)id]))
            id++;
        id = id < n ? s->to.ids[at + (size_t)id] : -1; /* −∞ that a ReLU has dropped */
    } else {
        while (id < s->m && isfinite(x[id]) && isfinite(value_at(s, s->by.kind, x, id)))
            id++;
    }
    for (int32_t i = 0; id < 0 && i < s->m; i++)
        id = isfinite(x[i]) ? id : i;
    error_set(&s->q->err, ERROR_INPUT,
              "%s %d has a value that is no finite number, or too large for float32",
              s->by.what ? s->by.what : "column", id);
}

void cpu_select(struct queue *q, struct csr *f, int32_t first, struct tensor pre,
                const struct select *by)
{
    atomic_int bad = INT32_MAX;
    struct select_job s = {
        .q = q, .by = *by, .m = pre.cols, .ld = (size_t)pre.ld, .first = first, .bad = &bad};
    if (cpu_failed(q) || !codes_view(q, "select", f, &s.to) ||
        !(s.pre = cpu_f32(q, "select", "pre", pre, -1, -1)))
        return;
    if (!codes_have_rows(q, "select", &s.to, first, pre.rows) || pre.rows == 0 ||
        !check_kind(&s, pre.rows))
        return;
    if (!select_is_bounded(by)) {
        select_any(&s, pre.rows);
    } else {
        s.bytes = (select_bytes(s.m, by->k) + (size_t)s.m * sizeof(float) + 127) / 64 * 64;
        if (!cpu_scratch(q, SCRATCH_THREADS, s.bytes * (size_t)pool_threads(cpu_of(q)->pool)))
            return;
        cpu_for_rows(q, pre.rows, s.m, bounded_rows, &s);
    }
    if (bad != INT32_MAX)
        tell_bad_value(&s, bad);
    else if (select_is_bounded(by))
        move_together(&s, pre.rows);
}

/* ---- what is read from codes */
struct get_job {
    struct codes f;
    const int32_t *ids;
    size_t ld_ids, ldy;
    float *y;
    int32_t n;
};

static void get_rows(void *arg, int thread, int32_t first, int32_t n)
{
    (void)thread;
    const struct get_job *g = arg;
    for (int32_t t = first; t < first + n; t++)
        for (int32_t j = 0; j < g->n; j++) {
            float v = 0.0f;
            for (int32_t i = g->f.start[t]; i < g->f.start[t + 1]; i++)
                if (g->f.ids[i] == g->ids[(size_t)j * g->ld_ids])
                    v = g->f.vals[i];
            g->y[(size_t)t * g->ldy + (size_t)j] = v;
        }
}

/* Entries lie where there is room for them, in order. */
static bool check_starts(struct queue *q, const char *op, const struct codes *f)
{
    for (int32_t t = 0; t < f->n_rows; t++)
        if (f->start[t] < 0 || f->start[t + 1] < f->start[t] || f->start[t + 1] > f->capacity)
            return error_set(&q->err, ERROR_SYSTEM, "cpu %s: row %d has the entries %d to %d of %d",
                             op, t, f->start[t], f->start[t + 1], f->capacity);
    return true;
}

void cpu_csr_get(struct queue *q, struct tensor y, const struct csr *f, struct tensor ids)
{
    struct get_job g = {.ld_ids = (size_t)ids.ld, .ldy = (size_t)y.ld, .n = ids.rows};
    if (cpu_failed(q) || f->n_rows == 0 || ids.rows == 0 || !codes_view(q, "csr_get", f, &g.f) ||
        !check_starts(q, "csr_get", &g.f) ||
        !(g.ids = cpu_view(q, "csr_get", "ids", ids, DTYPE_I32, -1, 1)) ||
        !(g.y = cpu_f32(q, "csr_get", "y", y, f->n_rows, ids.rows)))
        return;
    int32_t entries = g.f.start[f->n_rows] - g.f.start[0];
    cpu_for_rows(q, f->n_rows, (int64_t)entries / f->n_rows * g.n / 4, get_rows, &g);
}

bool cpu_codes(struct queue *q, const char *op, const struct csr *f, int32_t out,
               const int32_t **start, const int32_t **ids, const float **vals)
{
    struct codes v;
    if (!codes_view(q, op, f, &v) || !check_starts(q, op, &v))
        return false;
    for (int32_t i = v.start[0]; i < v.start[f->n_rows]; i++)
        if (v.ids[i] < 0 || v.ids[i] >= out)
            return error_set(&q->err, ERROR_INPUT, "cpu %s: row %d asked of %d", op, v.ids[i], out);
    *start = v.start, *ids = v.ids, *vals = v.vals;
    return true;
}

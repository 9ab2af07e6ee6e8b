/* The operations over `real` (dtype REAL), sums in double; included once for float and once for
 * double. What each computes stands in engine/backend.h. */
#include "engine/base/memory.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A checked argument: rows of reals. */
struct view {
    real *at;
    size_t ld;
    int32_t rows, cols;
};

static bool view(struct queue *q, const char *op, struct tensor t, int32_t rows, int32_t cols,
                 struct view *v)
{
    *v = (struct view){reference_view(q, op, t, REAL, rows, cols), (size_t)t.ld, t.rows, t.cols};
    return v->at != NULL;
}

static real *row(const struct view *v, int32_t t)
{
    return v->at + (size_t)t * v->ld;
}

static const int32_t *ids_row(struct tensor ids, int32_t t)
{
    return (const int32_t *)(const void *)(ids.buf->bytes + ids.off) + (size_t)t * (size_t)ids.ld;
}

static double dot(const struct weight *w, int32_t out, const real *x)
{
    const double *r = w->w + (size_t)out * (size_t)w->in;
    double sum = 0;
    for (int32_t i = 0; i < w->in; i++)
        sum += r[i] * (double)x[i];
    return sum;
}

static double activate(double x, enum activation f)
{
    if (f == ACT_RELU)
        return x > 0 ? x : isnan(x) ? x : 0;
    if (f == ACT_GELU)
        return 0.5 * x * erfc(-x * sqrt(0.5));
    if (f == ACT_SILU)
        return x / (1 + exp(-x));
    return 0.5 * x * (1 + tanh(sqrt(2 / acos(-1.0)) * (x + 0.044715 * x * x * x)));
}

static double end_of_product(enum epilogue e, double v, double y)
{
    switch (e) {
    case EPILOGUE_NONE: break;
    case EPILOGUE_ADD: return y + v;
    case EPILOGUE_GELU: return activate(v, ACT_GELU);
    case EPILOGUE_GELU_TANH: return activate(v, ACT_GELU_TANH);
    case EPILOGUE_SILU_MUL: return activate(v, ACT_SILU) * y;
    case EPILOGUE_GELU_MUL: return activate(v, ACT_GELU) * y;
    case EPILOGUE_GELU_TANH_MUL: return activate(v, ACT_GELU_TANH) * y;
    }
    return v;
}

static void linear(struct queue *q, struct tensor y, struct tensor x, const struct weight *w,
                   struct tensor bias, enum epilogue e)
{
    struct view vy, vx, vb = {0};
    if (!view(q, "linear", x, -1, w->in, &vx) || !view(q, "linear", y, x.rows, w->out, &vy) ||
        (bias.buf && !view(q, "linear", bias, 1, w->out, &vb)))
        return;
    for (int32_t t = 0; t < x.rows; t++)
        for (int32_t o = 0; o < w->out; o++) {
            double v = dot(w, o, row(&vx, t)) + (vb.at ? (double)vb.at[o] : 0);
            real *at = row(&vy, t) + o;
            *at = (real)end_of_product(e, v, (double)*at);
        }
}

static void weight_rows(struct queue *q, struct tensor y, const struct weight *w, struct tensor ids)
{
    struct view vy;
    if (!reference_ids(q, "weight_rows", ids, 0, w->out) ||
        !view(q, "weight_rows", y, ids.rows, w->in, &vy))
        return;
    for (int32_t t = 0; t < ids.rows; t++)
        for (int32_t i = 0; i < w->in; i++)
            row(&vy, t)[i] = (real)w->w[(size_t)ids_row(ids, t)[0] * (size_t)w->in + (size_t)i];
    for (int32_t t = 0; t < ids.rows; t++)
        if (!reference_row_is_finite(w, ids_row(ids, t)[0], &q->err))
            return;
}

/* Argument of a norm or an activation that may be absent. */
static bool optional(struct queue *q, const char *op, struct tensor t, int32_t rows, int32_t cols,
                     struct view *v)
{
    *v = (struct view){0};
    return !t.buf || view(q, op, t, rows, cols, v);
}

static void norm(struct queue *q, struct tensor y, struct tensor x, struct tensor gamma,
                 struct tensor beta, float eps, enum norm_kind kind, struct tensor scale_out,
                 struct tensor scale_in)
{
    static const char *const name[] = {"a LayerNorm", "an RMSNorm", "a centred row",
                                       "the norm of an input"};
    struct view vy, vx, vg, vb, out, in;
    if (!view(q, "norm", x, -1, -1, &vx) || !view(q, "norm", y, x.rows, x.cols, &vy) ||
        !optional(q, "norm", gamma, 1, x.cols, &vg) || !optional(q, "norm", beta, 1, x.cols, &vb) ||
        !optional(q, "norm", scale_out, x.rows, 1, &out) ||
        !optional(q, "norm", scale_in, x.rows, 1, &in))
        return;
    for (int32_t t = 0; t < x.rows; t++) {
        const real *at = row(&vx, t);
        double mean = 0, var = 0;
        for (int32_t i = 0; kind != NORM_RMS && i < x.cols; i++)
            mean += (double)at[i] / x.cols;
        for (int32_t i = 0; i < x.cols; i++)
            var += ((double)at[i] - mean) * ((double)at[i] - mean) / x.cols;
        if (!isfinite((real)(var * x.cols))) { /* the sum of squares, as a device would form it */
            error_set(&q->err, ERROR_INPUT,
                      "a value is no finite number, or too large for %s in float32", name[kind]);
            return;
        }
        double scale = in.at                 ? (double)*row(&in, t)
                       : kind == NORM_CENTRE ? 1
                       : kind == NORM_SAMPLE
                           ? 1 / (sqrt(x.cols > 1 ? var * x.cols / (x.cols - 1) : 0) + (double)eps)
                           : 1 / sqrt(var + (double)eps);
        for (int32_t i = 0; i < x.cols; i++)
            row(&vy, t)[i] =
                (real)(((double)at[i] - mean) * scale * (vg.at ? (double)vg.at[i] : 1) +
                       (vb.at ? (double)vb.at[i] : 0));
        if (out.at)
            *row(&out, t) = (real)scale;
    }
}

static void rows_unscale(struct queue *q, struct tensor y, struct tensor scale, float eps)
{
    struct view vy, vs;
    if (!view(q, "rows_unscale", y, -1, -1, &vy) || !view(q, "rows_unscale", scale, y.rows, 1, &vs))
        return;
    for (int32_t t = 0; t < y.rows; t++)
        for (int32_t i = 0; i < y.cols; i++)
            row(&vy, t)[i] =
                (real)((double)row(&vy, t)[i] * (1 / (double)*row(&vs, t) - (double)eps));
}

static void act(struct queue *q, struct tensor y, struct tensor x, struct tensor mul,
                enum activation f)
{
    struct view vy, vx, vm;
    if (!view(q, "act", x, -1, -1, &vx) || !view(q, "act", y, x.rows, x.cols, &vy) ||
        !optional(q, "act", mul, x.rows, x.cols, &vm))
        return;
    for (int32_t t = 0; t < x.rows; t++)
        for (int32_t i = 0; i < x.cols; i++)
            row(&vy, t)[i] =
                (real)(activate((double)row(&vx, t)[i], f) * (vm.at ? (double)row(&vm, t)[i] : 1));
}

/* ---- attention */

static double capped(double x, float cap)
{
    return cap > 0 ? (double)cap * tanh(x / (double)cap) : x;
}

/* The angle is a float's product, as in the models' own code. */
static void rotated(const struct attn_shape *a, const struct view *inv_freq, const real *x,
                    int32_t pos, double *out)
{
    const int32_t half = a->rope.rot / 2;
    const double length = a->rope.length > 0 ? (double)a->rope.length : 1;
    for (int32_t i = 0; i < a->head_dim; i++)
        out[i] = (double)x[i];
    for (int32_t i = 0; i < half; i++) {
        const bool apart = a->rope.style == ROPE_NEOX;
        const int32_t u = apart ? i : 2 * i, v = apart ? i + half : 2 * i + 1;
        double angle = (double)((float)pos * (float)inv_freq->at[i]);
        out[u] = length * ((double)x[u] * cos(angle) - (double)x[v] * sin(angle));
        out[v] = length * ((double)x[v] * cos(angle) + (double)x[u] * sin(angle));
    }
}

/* One query at position n − 1 over one head of keys and values [position, width]. */
static void attend(const struct attn_shape *a, const double *q, const double *keys,
                   const double *values, int32_t n, real *y)
{
    const size_t width = (size_t)a->n_kv_heads * (size_t)a->head_dim;
    const int32_t first = a->window > 0 && n > a->window ? n - a->window : 0;
    double *p = xmalloc((size_t)n * sizeof *p), max = -INFINITY, sum = 0;
    for (int32_t s = first; s < n; s++) {
        p[s] = 0;
        for (int32_t i = 0; i < a->head_dim; i++)
            p[s] += q[i] * keys[(size_t)s * width + (size_t)i];
        p[s] = capped(p[s] * (double)a->scale, a->soft_cap);
        max = p[s] > max ? p[s] : max;
    }
    for (int32_t s = first; s < n; s++)
        sum += p[s] = exp(p[s] - max);
    for (int32_t i = 0; i < a->head_dim; i++) {
        double v = 0;
        for (int32_t s = first; s < n; s++)
            v += p[s] / sum * values[(size_t)s * width + (size_t)i];
        y[i] = (real)v;
    }
    free(p);
}

struct attn_args {
    const struct attn_shape *shape;
    struct view y, q, k, v, inv_freq;
};

/* One sequence: rows first … end − 1 behind `past` kept positions of keys and values [cap, width].
 */
static void attend_sequence(const struct attn_args *a, int32_t first, int32_t end, int32_t past,
                            double *keys, double *values)
{
    const struct attn_shape *s = a->shape;
    const size_t dim = (size_t)s->head_dim, width = (size_t)s->n_kv_heads * dim;
    const int32_t group = s->n_heads / s->n_kv_heads;
    double *q = xmalloc(dim * sizeof *q);
    for (int32_t t = first; t < end; t++) {
        const int32_t pos = past + t - first;
        for (size_t i = 0; i < width; i++)
            values[(size_t)pos * width + i] = (double)row(&a->v, t)[i];
        for (size_t k = 0; k < (size_t)s->n_kv_heads; k++)
            rotated(s, &a->inv_freq, row(&a->k, t) + k * dim, pos,
                    keys + (size_t)pos * width + k * dim);
        for (int32_t h = 0; h < s->n_heads; h++) {
            const size_t kv = (size_t)(h / group) * dim;
            rotated(s, &a->inv_freq, row(&a->q, t) + (size_t)h * dim, pos, q);
            attend(s, q, keys + kv, values + kv, pos + 1, row(&a->y, t) + (size_t)h * dim);
        }
    }
    free(q);
}

static bool kv_fits(struct queue *q, const struct kv *kv, int32_t layer, int32_t end, int32_t width)
{
    if (kv == NULL || (layer >= kv->first_layer && layer - kv->first_layer < kv->n_layers &&
                       end <= kv->cap && kv->width == width))
        return true;
    return error_set(&q->err, ERROR_SYSTEM,
                     "reference attn: layer %d up to position %d, kept are %d layers from %d and "
                     "%d positions",
                     layer, end, kv->n_layers, kv->first_layer, kv->cap);
}

static void attn(struct queue *q, struct tensor y, struct tensor Q, struct tensor K,
                 struct tensor V, const struct attn_shape *shape, int32_t layer,
                 const struct seqs *s)
{
    struct attn_args a = {.shape = shape};
    const int32_t width = shape->n_kv_heads * shape->head_dim,
                  q_width = shape->n_heads * shape->head_dim;
    if (!view(q, "attn", Q, -1, q_width, &a.q) || !view(q, "attn", K, Q.rows, width, &a.k) ||
        !view(q, "attn", V, Q.rows, width, &a.v) || !view(q, "attn", y, Q.rows, q_width, &a.y) ||
        (shape->rope.rot > 0 &&
         !view(q, "attn", shape->rope.inv_freq, 1, shape->rope.rot / 2, &a.inv_freq)))
        return;
    for (int32_t i = 0; i < s->n; i++) {
        int32_t past = s->past ? s->past[i] : 0, n = s->start[i + 1] - s->start[i];
        struct kv *kv = s->kv ? s->kv[i] : NULL;
        if (!kv_fits(q, kv, layer, past + n, width) || (kv == NULL && past != 0))
            return;
        size_t side = (size_t)(kv ? kv->cap : n) * (size_t)width;
        double *own = kv ? NULL : xmalloc((2 * side + 1) * sizeof *own);
        double *keys = kv ? kv->data + (size_t)(layer - kv->first_layer) * 2 * side : own;
        attend_sequence(&a, s->start[i], s->start[i + 1], past, keys, keys + side);
        free(own);
    }
}

/* ---- the vocabulary */

static double log_sum_exp(const double *x, int32_t n)
{
    double max = -INFINITY, sum = 0;
    for (int32_t i = 0; i < n; i++)
        max = x[i] > max ? x[i] : max;
    for (int32_t i = 0; i < n; i++)
        sum += exp(x[i] - max);
    return max + log(sum);
}

static double *logits(const struct view *h, int32_t t, const struct weight *u, float soft_cap)
{
    double *x = xmalloc((size_t)u->out * sizeof *x);
    for (int32_t o = 0; o < u->out; o++)
        x[o] = capped(dot(u, o, row(h, t)), soft_cap);
    return x;
}

static void xent(struct queue *q, struct tensor loss, struct tensor h, const struct weight *u,
                 struct tensor target, float soft_cap)
{
    struct view vh, vl;
    if (!view(q, "xent", h, -1, u->in, &vh) || !view(q, "xent", loss, h.rows, 1, &vl) ||
        !reference_ids(q, "xent", target, INT32_MIN, u->out))
        return;
    for (int32_t t = 0; t < h.rows; t++) {
        double *x = logits(&vh, t, u, soft_cap);
        int32_t id = ids_row(target, t)[0];
        *row(&vl, t) = id < 0 ? (real)NAN : (real)(log_sum_exp(x, u->out) - x[id]);
        free(x);
    }
}

static void topn(struct queue *q, struct tensor ids, struct tensor logp, struct tensor h,
                 const struct weight *u, float soft_cap)
{
    struct view vh, vp;
    int32_t *out = reference_view(q, "topn", ids, DTYPE_I32, h.rows, -1);
    if (!out || !view(q, "topn", h, -1, u->in, &vh) ||
        !view(q, "topn", logp, h.rows, ids.cols, &vp))
        return;
    for (int32_t t = 0; t < h.rows; t++, out += ids.ld) {
        double *x = logits(&vh, t, u, soft_cap), total = log_sum_exp(x, u->out);
        reference_best(x, u->out, ids.cols, out);
        for (int32_t i = 0; i < ids.cols; i++)
            row(&vp, t)[i] = (real)(x[out[i]] - total);
        free(x);
    }
}

/* ---- codes */

struct codes {
    int32_t *start, *ids;
    real *vals;
};

static bool codes(struct queue *q, const char *op, const struct csr *f, struct codes *c)
{
    c->start = reference_view(q, op, f->start, DTYPE_I32, f->n_rows + 1, 1);
    c->ids = reference_view(q, op, f->ids, DTYPE_I32, -1, 1);
    c->vals = reference_view(q, op, f->vals, REAL, f->ids.rows, 1);
    if (!c->start || !c->ids || !c->vals)
        return false;
    if (f->start.ld == 1 && f->ids.ld == 1 && f->vals.ld == 1)
        return true;
    return error_set(&q->err, ERROR_SYSTEM, "reference %s: codes must be contiguous", op);
}

/* Codes that are read: entries where there is room for them, ids below `out`. */
static bool read_codes(struct queue *q, const char *op, const struct csr *f, int32_t out,
                       struct codes *c)
{
    struct error *e = &q->err;
    if (!codes(q, op, f, c))
        return false;
    for (int32_t t = 0; t < f->n_rows; t++) {
        if (c->start[t] < 0 || c->start[t + 1] < c->start[t] || c->start[t + 1] > f->ids.rows)
            return error_set(e, ERROR_SYSTEM, "reference %s: row %d has the entries %d to %d of %d",
                             op, t, c->start[t], c->start[t + 1], f->ids.rows);
        for (int32_t i = c->start[t]; i < c->start[t + 1]; i++)
            if (c->ids[i] < 0 || c->ids[i] >= out)
                return error_set(e, ERROR_INPUT, "reference %s: %d asked of %d", op, c->ids[i],
                                 out);
    }
    return true;
}

struct selection {
    const struct select *by;
    struct view threshold, scale, shift;
    int32_t m;
    double *value; /* [m] of the row */
    int32_t *id;   /* [m] in the order of the kind */
};

/* The row's values by the definition of the kind (0: not active), and the order in which they are
 * listed; returns the column with a value that is no finite number, or −1. */
static int32_t select_row(struct selection *s, const real *x)
{
    const struct select *by = s->by;
    int32_t m = s->m, bad = -1;
    bool top = by->kind == SELECT_TOPK || by->kind == SELECT_ABSTOPK;
    for (int32_t i = 0; i < m; i++) {
        double p = (double)x[i], v = p;
        if (by->kind == SELECT_THRESHOLD)
            v = p > (double)s->threshold.at[s->threshold.cols > 1 ? i : 0] ? p : 0;
        if (by->kind == SELECT_GATED)
            v = p > 0 ? fmax(0, (double)s->scale.at[i] * p + (double)s->shift.at[i]) : 0;
        if (by->kind == SELECT_GROUPMAX)
            for (int32_t j = i - i % (m / by->k); j < i - i % (m / by->k) + m / by->k; j++)
                if (x[j] > x[i] || (j < i && x[j] >= x[i]))
                    v = 0;
        s->value[i] = by->kind == SELECT_ABSTOPK ? fabs(v) : v;
        s->id[i] = i;
        if (!top && bad < 0 && !(isfinite((real)p) && isfinite((real)v)))
            bad = i;
    }
    if (top)
        reference_best(s->value, m, by->k, s->id);
    for (int32_t i = 0; i < by->k && top; i++)
        bad = bad < 0 && !isfinite(x[s->id[i]]) ? s->id[i] : bad;
    if (by->kind == SELECT_ABSTOPK)
        for (int32_t i = 0; i < m; i++)
            s->value[i] = (double)x[i];
    return bad;
}

/* Entries of a row from `at` on where they all fit; returns their number. */
static int32_t write_row(const struct selection *s, const struct codes *c, int32_t at, int32_t room)
{
    bool top = s->by->kind == SELECT_TOPK || s->by->kind == SELECT_ABSTOPK;
    int32_t n = 0, listed = top ? s->by->k : s->m;
    for (int pass = 0; pass < 2; pass++) {
        if (pass == 1 && n > room - at)
            break;
        n = 0;
        for (int32_t i = 0; i < listed; i++) {
            double v = s->value[s->id[i]];
            if (v == 0 || (s->by->relu && v < 0))
                continue;
            if (pass == 1)
                c->ids[at + n] = s->id[i], c->vals[at + n] = (real)v;
            n++;
        }
    }
    return n;
}

static bool check_select(struct queue *q, const struct csr *f, int32_t first, int32_t rows,
                         struct selection *s)
{
    struct error *e = &q->err;
    const struct select *by = s->by;
    int32_t m = s->m;
    if (first < 0 || first > f->n_rows || rows > f->n_rows - first)
        return error_set(e, ERROR_SYSTEM, "reference select: %d rows from %d of %d", rows, first,
                         f->n_rows);
    if (select_is_bounded(by) &&
        (by->k < 1 || by->k > m || (by->kind == SELECT_GROUPMAX && m % by->k != 0)))
        return error_set(e, ERROR_INPUT, "reference select: %d of %d values asked", by->k, m);
    if (by->kind == SELECT_THRESHOLD)
        return view(q, "select", by->threshold, 1, by->threshold.cols == 1 ? 1 : m, &s->threshold);
    return by->kind != SELECT_GATED || (view(q, "select", by->scale, 1, m, &s->scale) &&
                                        view(q, "select", by->shift, 1, m, &s->shift));
}

static void select_codes(struct queue *q, struct csr *f, int32_t first, struct tensor pre,
                         const struct select *by)
{
    struct view vx;
    struct codes c;
    struct selection s = {.by = by, .m = pre.cols};
    struct error *e = &q->err;
    if (!codes(q, "select", f, &c) || !view(q, "select", pre, -1, -1, &vx) ||
        !check_select(q, f, first, pre.rows, &s))
        return;
    s.value = xmalloc((size_t)(s.m + 1) * sizeof *s.value);
    s.id = xmalloc((size_t)(s.m + 1) * sizeof *s.id);
    if (first == 0)
        c.start[0] = 0;
    if (select_is_bounded(by) && (int64_t)c.start[first] + (int64_t)pre.rows * by->k > f->ids.rows)
        error_set(e, ERROR_SYSTEM, "reference select: room for %d entries, too few", f->ids.rows);
    for (int32_t t = 0; t < pre.rows && !error_is_set(e); t++) {
        int32_t bad = select_row(&s, row(&vx, t)), at = c.start[first + t];
        c.start[first + t + 1] = at + write_row(&s, &c, at, f->ids.rows);
        if (bad >= 0)
            error_set(e, ERROR_INPUT,
                      "%s %d has a value that is no finite number, or too large for float32",
                      by->what ? by->what : "column", bad);
    }
    free(s.value);
    free(s.id);
}

static void decode(struct queue *q, struct tensor y, const struct csr *f, const struct weight *w,
                   struct tensor bias)
{
    struct view vy, vb = {0};
    struct codes c;
    struct error *e = &q->err;
    if (!read_codes(q, "decode", f, w->out, &c) || !view(q, "decode", y, f->n_rows, w->in, &vy) ||
        (bias.buf && !view(q, "decode", bias, 1, w->in, &vb)))
        return;
    for (int32_t t = 0; t < f->n_rows && !error_is_set(e); t++) {
        bool finite = true;
        for (int32_t i = 0; i < w->in; i++) {
            double sum = vb.at ? (double)vb.at[i] : 0;
            for (int32_t j = c.start[t]; j < c.start[t + 1]; j++)
                sum += (double)c.vals[j] * w->w[(size_t)c.ids[j] * (size_t)w->in + (size_t)i];
            row(&vy, t)[i] = (real)sum;
            finite = finite && isfinite((real)sum);
        }
        for (int32_t j = c.start[t]; j < c.start[t + 1] && !finite; j++)
            if (!reference_row_is_finite(w, c.ids[j], e))
                return;
        if (!finite)
            error_set(e, ERROR_INPUT, "a sum of rows is too large for float32");
    }
}

static void csr_get(struct queue *q, struct tensor y, const struct csr *f, struct tensor ids)
{
    struct view vy;
    struct codes c;
    if (!read_codes(q, "csr_get", f, INT32_MAX, &c) ||
        !view(q, "csr_get", y, f->n_rows, ids.rows, &vy) ||
        !reference_ids(q, "csr_get", ids, INT32_MIN, INT32_MAX))
        return;
    for (int32_t t = 0; t < f->n_rows; t++)
        for (int32_t j = 0; j < ids.rows; j++) {
            row(&vy, t)[j] = 0;
            for (int32_t i = c.start[t]; i < c.start[t + 1]; i++)
                if (c.ids[i] == ids_row(ids, j)[0])
                    row(&vy, t)[j] = c.vals[i];
        }
}

static void dot_rows(struct queue *q, struct tensor y, struct tensor x, const struct weight *w,
                     struct tensor ids, struct tensor bias)
{
    struct view vy, vx, vb = {0};
    if (!view(q, "dot_rows", x, -1, w->in, &vx) || !view(q, "dot_rows", y, x.rows, ids.rows, &vy) ||
        !reference_ids(q, "dot_rows", ids, 0, w->out) ||
        (bias.buf && !view(q, "dot_rows", bias, 1, w->out, &vb)))
        return;
    for (int32_t t = 0; t < x.rows; t++)
        for (int32_t j = 0; j < ids.rows; j++) {
            int32_t id = ids_row(ids, j)[0];
            row(&vy, t)[j] = (real)(dot(w, id, row(&vx, t)) + (vb.at ? (double)vb.at[id] : 0));
        }
}

static void unit_change(struct queue *q, struct tensor c, struct tensor f, struct tensor value,
                        struct tensor mode)
{
    struct view vc, vf, vv;
    const int32_t *how = reference_view(q, "unit_change", mode, DTYPE_I32, 1, f.cols);
    if (!how || !view(q, "unit_change", f, -1, -1, &vf) ||
        !view(q, "unit_change", c, f.rows, f.cols, &vc) ||
        !view(q, "unit_change", value, 1, f.cols, &vv))
        return;
    for (int32_t t = 0; t < f.rows; t++)
        for (int32_t j = 0; j < f.cols; j++) {
            double x = (double)row(&vf, t)[j], v = (double)vv.at[j];
            row(&vc, t)[j] = (real)(how[j] == UNIT_FIX     ? v - x
                                    : how[j] == UNIT_SCALE ? (v - 1) * x
                                    : how[j] == UNIT_ADD   ? v
                                                           : -x);
        }
}

/* ---- sums and rows */

static void add(struct queue *q, struct tensor y, struct tensor x, float a)
{
    struct view vy, vx;
    if (!view(q, "add", y, -1, -1, &vy) ||
        !view(q, "add", x, x.rows == 1 ? 1 : y.rows, y.cols, &vx))
        return;
    for (int32_t t = 0; t < y.rows; t++)
        for (int32_t i = 0; i < y.cols; i++)
            row(&vy, t)[i] = (real)((double)row(&vy, t)[i] +
                                    (double)a * (double)row(&vx, x.rows == 1 ? 0 : t)[i]);
}

static void add_outer(struct queue *q, struct tensor y, struct tensor c, struct tensor u)
{
    struct view vy, vc, vu;
    if (!view(q, "add_outer", y, -1, -1, &vy) || !view(q, "add_outer", c, y.rows, -1, &vc) ||
        !view(q, "add_outer", u, c.cols, y.cols, &vu))
        return;
    for (int32_t t = 0; t < y.rows; t++)
        for (int32_t i = 0; i < y.cols; i++) {
            double sum = (double)row(&vy, t)[i];
            for (int32_t j = 0; j < c.cols; j++)
                sum += (double)row(&vc, t)[j] * (double)row(&vu, j)[i];
            row(&vy, t)[i] = (real)sum;
        }
}

/* Rows of any type: y[to[i]] = x[from[i]]; NULL: i. */
static void move_rows(struct queue *q, const char *op, struct tensor y, const struct tensor *to,
                      struct tensor x, const struct tensor *from, int32_t n)
{
    char *out = reference_view(q, op, y, x.dtype, to ? -1 : n, x.cols);
    const char *in = reference_view(q, op, x, x.dtype, from ? -1 : n, y.cols);
    size_t size = dtype_size(x.dtype);
    if (!out || !in || (to && !reference_ids(q, op, *to, 0, y.rows)) ||
        (from && !reference_ids(q, op, *from, 0, x.rows)))
        return;
    for (int32_t i = 0; i < n; i++)
        memmove(out + (size_t)(to ? ids_row(*to, i)[0] : i) * (size_t)y.ld * size,
                in + (size_t)(from ? ids_row(*from, i)[0] : i) * (size_t)x.ld * size,
                (size_t)x.cols * size);
}

static void rows_get(struct queue *q, struct tensor y, struct tensor x, struct tensor rows)
{
    move_rows(q, "rows_get", y, NULL, x, &rows, rows.rows);
}

static void rows_set(struct queue *q, struct tensor y, struct tensor x, struct tensor rows)
{
    move_rows(q, "rows_set", y, &rows, x, NULL, rows.rows);
}

static void rows_add(struct queue *q, struct tensor y, struct tensor x, struct tensor rows)
{
    struct view vy, vx;
    if (!view(q, "rows_add", x, rows.rows, -1, &vx) || !view(q, "rows_add", y, -1, x.cols, &vy) ||
        !reference_ids(q, "rows_add", rows, 0, y.rows))
        return;
    for (int32_t i = 0; i < rows.rows; i++)
        for (int32_t j = 0; j < x.cols; j++)
            row(&vy, ids_row(rows, i)[0])[j] += row(&vx, i)[j];
}

static void cols_get(struct queue *q, struct tensor y, struct tensor x, struct tensor cols)
{
    struct view vy, vx;
    if (!view(q, "cols_get", x, -1, -1, &vx) || !view(q, "cols_get", y, x.rows, cols.rows, &vy) ||
        !reference_ids(q, "cols_get", cols, 0, x.cols))
        return;
    for (int32_t t = 0; t < x.rows; t++)
        for (int32_t j = 0; j < cols.rows; j++)
            row(&vy, t)[j] = row(&vx, t)[ids_row(cols, j)[0]];
}

static void copy(struct queue *q, struct tensor y, struct tensor x)
{
    move_rows(q, "copy", y, NULL, x, NULL, x.rows);
}

/* ---- sums in double */

static double value_of(struct tensor x, int32_t t, int32_t i)
{
    size_t at = (size_t)t * (size_t)x.ld + (size_t)i;
    const char *p = x.buf->bytes + x.off;
    return x.dtype == DTYPE_F64 ? ((const double *)(const void *)p)[at]
                                : (double)((const float *)(const void *)p)[at];
}

static void row_stats(struct queue *q, struct tensor y, struct tensor x, struct tensor z)
{
    enum dtype type = x.dtype == DTYPE_F64 ? DTYPE_F64 : REAL;
    double *out = reference_view(q, "row_stats", y, DTYPE_F64, x.rows, 2);
    if (!out || !reference_view(q, "row_stats", x, type, -1, -1) ||
        (z.buf && !reference_view(q, "row_stats", z, type, x.rows, x.cols)))
        return;
    for (int32_t t = 0; t < x.rows; t++, out += y.ld) {
        out[0] = out[1] = 0;
        for (int32_t i = 0; i < x.cols; i++) {
            double v = value_of(x, t, i), e = z.buf ? v - value_of(z, t, i) : 0;
            out[0] += v * v;
            out[1] += e * e;
        }
    }
}

static void col_sums(struct queue *q, struct tensor y, struct tensor x, double a)
{
    double *out = reference_view(q, "col_sums", y, DTYPE_F64, 1, x.cols);
    if (!out || !reference_view(q, "col_sums", x, x.dtype == DTYPE_F64 ? DTYPE_F64 : REAL, -1, -1))
        return;
    for (int32_t t = 0; t < x.rows; t++)
        for (int32_t i = 0; i < x.cols; i++)
            out[i] += a * value_of(x, t, i);
}

#include "engine/reference/ops_hist.h"

void OPS(struct backend *b)
{
    b->linear = linear;
    b->weight_rows = weight_rows;
    b->norm = norm;
    b->rows_unscale = rows_unscale;
    b->act = act;
    b->attn = attn;
    b->xent = xent;
    b->topn = topn;
    b->select = select_codes;
    b->decode = decode;
    b->csr_get = csr_get;
    b->dot_rows = dot_rows;
    b->unit_change = unit_change;
    b->add = add;
    b->add_outer = add_outer;
    b->rows_get = rows_get;
    b->rows_set = rows_set;
    b->rows_add = rows_add;
    b->cols_get = cols_get;
    b->copy = copy;
    b->row_stats = row_stats;
    b->col_sums = col_sums;
    b->hist = hist;
    b->hist_move = hist_move;
    b->hist_clear = hist_clear;
}

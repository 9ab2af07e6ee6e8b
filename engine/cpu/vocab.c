/* Cross-entropy and the most likely tokens: logits exist a block at a time. The vocabulary is cut
 * into the same groups of columns for every batch, and their sums are put together in order, in
 * double: a row's result is its own. */
#include "engine/cpu/product.h"
#include "engine/cpu/select.h"
#include <math.h>
#include <string.h>

#define TOPN_ROWS 128 /* rows whose candidates are held at a time */

struct part {
    float max, sum; /* of exp(logit − max) over a group of columns */
};

static double log_sum(const struct part *p, int32_t n)
{
    double max = -INFINITY, sum = 0;
    for (int32_t i = 0; i < n; i++)
        max = (double)p[i].max > max ? (double)p[i].max : max;
    for (int32_t i = 0; i < n; i++)
        sum += (double)p[i].sum * exp((double)p[i].max - max);
    return max + log(sum);
}

struct xent {
    const struct kernels *k;
    struct sweep *sweep;
    struct part *part; /* [rows, n_groups] */
    float *at_target;
    const int32_t *target;
    size_t ld_target, ld_loss;
    float *loss;
    float soft_cap;
};

static float *capped(const struct kernels *k, const struct block *b, int32_t row, float cap)
{
    float *logit = b->c + (size_t)row * b->ldc;
    if (cap > 0)
        k->soft_cap(logit, b->cols, cap);
    return logit;
}

static void xent_sink(void *arg, int thread, const struct block *b)
{
    (void)thread;
    const struct xent *x = arg;
    int32_t group = b->col / (x->sweep->group * x->sweep->w->width);
    for (int32_t r = 0; r < b->rows; r++) {
        const float *logit = capped(x->k, b, r, x->soft_cap);
        struct part *p =
            x->part + (size_t)(b->row + r) * (size_t)x->sweep->n_groups + (size_t)group;
        int32_t target = x->target[(size_t)(b->row + r) * x->ld_target];
        x->k->exp_sum(logit, b->cols, &p->max, &p->sum);
        if (target >= b->col && target - b->col < b->cols)
            x->at_target[b->row + r] = logit[target - b->col];
    }
}

static void xent_finish(void *arg, int thread, int32_t first, int32_t n)
{
    (void)thread;
    const struct xent *x = arg;
    for (int32_t t = first; t < first + n; t++) {
        int32_t n_groups = x->sweep->n_groups;
        bool known = x->target[(size_t)t * x->ld_target] >= 0;
        double loss = known ? log_sum(x->part + (size_t)t * (size_t)n_groups, n_groups) -
                                  (double)x->at_target[t]
                            : NAN;
        x->loss[(size_t)t * x->ld_loss] = (float)loss;
    }
}

static bool check_targets(struct queue *q, const struct xent *x, int32_t rows, int32_t out)
{
    for (int32_t t = 0; t < rows; t++)
        if (x->target[(size_t)t * x->ld_target] >= out)
            return error_set(&q->err, ERROR_INPUT, "cpu xent: target %d of a vocabulary of %d",
                             x->target[(size_t)t * x->ld_target], out);
    return true;
}

void cpu_xent(struct queue *q, struct tensor loss, struct tensor h, const struct weight *U,
              struct tensor target, float soft_cap)
{
    if (cpu_failed(q) || h.rows == 0 || !sweep_check(q, "xent", U, h.cols))
        return;
    struct xent x = {.k = cpu_of(q)->k, .ld_target = (size_t)target.ld, .ld_loss = (size_t)loss.ld};
    x.soft_cap = soft_cap;
    struct sweep s = {.q = q, .w = U, .ldx = (size_t)h.ld, .rows = h.rows, .group = SWEEP_GROUP};
    s.sink = xent_sink, s.arg = &x, x.sweep = &s;
    if (!(s.x = cpu_f32(q, "xent", "h", h, -1, U->in)) ||
        !(x.loss = cpu_f32(q, "xent", "loss", loss, h.rows, 1)) ||
        !(x.target = cpu_view(q, "xent", "target", target, DTYPE_I32, h.rows, 1)) ||
        !check_targets(q, &x, h.rows, U->out) || !sweep_plan(&s))
        return;
    size_t n_parts = (size_t)h.rows * (size_t)s.n_groups;
    x.part =
        cpu_scratch(q, SCRATCH_PARTS, n_parts * sizeof *x.part + (size_t)h.rows * sizeof(float));
    if (x.part == NULL)
        return;
    x.at_target = (float *)(void *)(x.part + n_parts);
    sweep_run(&s);
    cpu_for_rows(q, h.rows, (int64_t)s.n_groups * 32, xent_finish, &x);
}

struct topn {
    const struct kernels *k;
    struct sweep *sweep;
    struct part *part; /* [rows, n_groups] */
    uint64_t *key;     /* [rows, n_groups·n], 0 where a group has fewer than n columns */
    int32_t n;
    int32_t *ids;
    float *logp;
    size_t ld_ids, ld_logp;
    float soft_cap;
};

static void topn_sink(void *arg, int thread, const struct block *b)
{
    const struct topn *x = arg;
    size_t group = (size_t)(b->col / (x->sweep->group * x->sweep->w->width)),
           n_groups = (size_t)x->sweep->n_groups;
    int32_t n = x->n < b->cols ? x->n : b->cols;
    for (int32_t r = 0; r < b->rows; r++) {
        const float *logit = capped(x->k, b, r, x->soft_cap);
        size_t at = (size_t)(b->row + r) * n_groups + group;
        uint64_t *key = x->key + at * (size_t)x->n;
        x->k->exp_sum(logit, b->cols, &x->part[at].max, &x->part[at].sum);
        const uint64_t *best = select_top(x->k, logit, b->cols, n, sweep_extra(x->sweep, thread));
        for (int32_t i = 0; i < n; i++)
            key[i] = select_key(select_value(best[i]), select_index(best[i]) + b->col);
        memset(key + n, 0, (size_t)(x->n - n) * sizeof *key);
    }
}

static void topn_finish(void *arg, int thread, int32_t first, int32_t n)
{
    (void)thread;
    const struct topn *x = arg;
    size_t n_groups = (size_t)x->sweep->n_groups;
    for (int32_t t = first; t < first + n; t++) {
        uint64_t *key = x->key + (size_t)t * n_groups * (size_t)x->n;
        double all = log_sum(x->part + (size_t)t * n_groups, (int32_t)n_groups);
        select_sort(key, (int32_t)n_groups * x->n);
        for (int32_t i = 0; i < x->n; i++) {
            x->ids[(size_t)t * x->ld_ids + (size_t)i] = select_index(key[i]);
            x->logp[(size_t)t * x->ld_logp + (size_t)i] =
                (float)((double)select_value(key[i]) - all);
        }
    }
}

static void topn_rows(struct queue *q, struct topn *x, struct sweep *s)
{
    if (!sweep_plan(s))
        return;
    size_t n_parts = (size_t)s->rows * (size_t)s->n_groups;
    x->key =
        cpu_scratch(q, SCRATCH_PARTS, n_parts * ((size_t)x->n * sizeof *x->key + sizeof *x->part));
    if (x->key == NULL)
        return;
    x->part = (struct part *)(void *)(x->key + n_parts * (size_t)x->n);
    sweep_run(s);
    cpu_for_rows(q, s->rows, (int64_t)s->n_groups * x->n * 32, topn_finish, x);
}

void cpu_topn(struct queue *q, struct tensor ids, struct tensor logp, struct tensor h,
              const struct weight *U, float soft_cap)
{
    if (cpu_failed(q) || h.rows == 0 || ids.cols == 0 || !sweep_check(q, "topn", U, h.cols))
        return;
    struct topn x = {
        .k = cpu_of(q)->k, .n = ids.cols, .ld_ids = (size_t)ids.ld, .ld_logp = (size_t)logp.ld};
    struct sweep s = {.q = q, .w = U, .ldx = (size_t)h.ld, .sink = topn_sink, .arg = &x};
    x.sweep = &s, x.soft_cap = soft_cap;
    const float *first = cpu_f32(q, "topn", "h", h, -1, U->in);
    int32_t *to_ids = cpu_view(q, "topn", "ids", ids, DTYPE_I32, h.rows, -1);
    float *to_logp = cpu_f32(q, "topn", "logp", logp, h.rows, ids.cols);
    if (!first || !to_ids || !to_logp)
        return;
    if (x.n > U->out) {
        error_set(&q->err, ERROR_INPUT, "cpu topn: %d of %d tokens asked", x.n, U->out);
        return;
    }
    int32_t cols = SWEEP_GROUP * U->width;
    s.extra = select_bytes(cols, x.n < cols ? x.n : cols);
    for (int32_t t = 0; t < h.rows && !cpu_failed(q); t += TOPN_ROWS) {
        s.group = SWEEP_GROUP;
        s.rows = h.rows - t < TOPN_ROWS ? h.rows - t : TOPN_ROWS;
        s.x = first + (size_t)t * s.ldx;
        x.ids = to_ids + (size_t)t * x.ld_ids, x.logp = to_logp + (size_t)t * x.ld_logp;
        topn_rows(q, &x, &s);
    }
}

/* From the final norm to losses, predictions and logits. */
#include "engine/base/memory.h"
#include "engine/model/model_private.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool check_hidden(struct run *run, const struct model *m, struct tensor h)
{
    return run_ok(run) &&
           (h.cols == m->config.d_model ||
            error_set(&run->err, ERROR_INPUT, "unembedding: rows have width %d, expected %d",
                      h.cols, m->config.d_model));
}

/* What no norm has looked at: rows set at the final norm, logits beyond float32. */
static bool check_values(struct run *run, const float *v, size_t n, const char *what)
{
    for (size_t i = 0; run_ok(run) && i < n; i++)
        if (!isfinite(v[i]))
            return error_set(&run->err, ERROR_INPUT,
                             "%s: a value is no finite number, or too large for float32", what);
    return run_ok(run);
}

static void fetch_losses(struct run *run, struct tensor of, const int32_t *target, float *loss)
{
    run_get(run, loss, of);
    for (int32_t i = 0; i < of.rows; i++)
        if (target[i] >= 0)
            check_values(run, loss + i, 1, "losses");
}

/* Rows of h with `one` behind each, for the column of the bias. */
static struct tensor with_one(struct run *run, const struct model *m, struct tensor h, float one)
{
    if (!m->unembed_bias)
        return h;
    struct tensor y = run_tensor(run, h.rows, h.cols + 1);
    float *ones = xreallocarray(NULL, (size_t)h.rows + 1, sizeof *ones);
    for (int32_t i = 0; i < h.rows; i++)
        ones[i] = one;
    op_copy_to(run, tensor_cols(y, 0, h.cols), h);
    op_copy_to(run, tensor_cols(y, h.cols, 1), run_put(run, h.rows, 1, ones));
    free(ones);
    return y;
}

/* What the unembedding reads of rows at final_norm. */
static struct tensor shifted(struct run *run, const struct model *m, struct tensor h)
{
    if (!m->head_shift.buf)
        return with_one(run, m, h, 1);
    struct tensor y = op_copy(run, h);
    op_add(run, y, m->head_shift, 1.0f);
    return with_one(run, m, y, 1);
}

struct tensor model_loss(struct run *run, const struct model *m, struct tensor h,
                         const int32_t *target, float *loss)
{
    struct tensor none = {.rows = h.rows, .cols = 1, .ld = 1};
    if (!check_hidden(run, m, h))
        return none;
    for (int32_t i = 0; i < h.rows; i++)
        if (target[i] < -1 || target[i] >= m->config.n_vocab) {
            error_set(&run->err, ERROR_INPUT,
                      "loss: target %d at row %d, the model's vocabulary is 0 to %d", target[i], i,
                      m->config.n_vocab - 1);
            return none;
        }
    struct tensor of = op_xent(run, op_as(run, shifted(run, m, h), m->unembed_reads), m->unembed,
                               run_put_ids(run, h.rows, 1, target), m->config.logit_cap);
    if (loss)
        fetch_losses(run, of, target, loss);
    return of;
}

void model_topn(struct run *run, const struct model *m, struct tensor h, int32_t n, int32_t *ids,
                float *logp)
{
    if (!check_hidden(run, m, h))
        return;
    if (n < 1 || n > m->config.n_vocab) {
        error_set(&run->err, ERROR_INPUT, "predictions: %d asked for, expected 1 to %d", n,
                  m->config.n_vocab);
        return;
    }
    struct arena_mark mark = arena_mark(run->arena);
    struct tensor best = run_ids(run, h.rows, n), p = run_tensor(run, h.rows, n);
    op_topn(run, op_as(run, shifted(run, m, h), m->unembed_reads), m->unembed, m->config.logit_cap,
            best, p);
    run_fetch(run, ids, best);
    run_get(run, logp, p);
    check_values(run, logp, (size_t)h.rows * (size_t)n, "predictions");
    if (!run->tape)
        arena_reset(run->arena, mark);
}

/* Rows of h through the unembedding, which reads them rounded to `as`, to host memory, capped with
 * a cap that is not 0. */
static void logits_of(struct run *run, const struct model *m, struct tensor h, enum dtype as,
                      float cap, float *logits)
{
    enum { CHUNK = 64 }; /* rows at a time: 13 MB of logits at 50,304 tokens */
    struct linear unembed = {.w = m->unembed, .out = m->config.n_vocab, .in = h.cols, .reads = as};
    for (int32_t i = 0; i < h.rows; i += CHUNK) {
        struct arena_mark mark = arena_mark(run->arena);
        int32_t n = h.rows - i < CHUNK ? h.rows - i : CHUNK;
        struct tensor y = op_linear(run, tensor_rows(h, i, n), &unembed, EPILOGUE_NONE);
        const size_t at = (size_t)i * (size_t)m->config.n_vocab,
                     count = (size_t)n * (size_t)m->config.n_vocab;
        run_get(run, logits + at, y);
        if (check_values(run, logits + at, count, "logits") && cap > 0)
            for (size_t j = at; j < at + count; j++)
                logits[j] = cap * tanhf(logits[j] / cap);
        if (!run->tape)
            arena_reset(run->arena, mark);
    }
}

void model_logits(struct run *run, const struct model *m, struct tensor h, float *logits)
{
    if (check_hidden(run, m, h))
        logits_of(run, m, shifted(run, m, h), m->unembed_reads, m->config.logit_cap, logits);
}

struct tensor model_direct_hidden(struct run *run, const struct model *m, struct tensor u)
{
    struct norm norm = {.kind = NORM_CENTRE, .gamma = m->final_norm.gamma};
    struct tensor one = {0};
    if (m->final_norm.kind == NORM_RMS) { /* nothing is subtracted; a scale of 1 stands for all */
        float *ones = xreallocarray(NULL, (size_t)u.rows + 1, sizeof *ones);
        for (int32_t i = 0; i < u.rows; i++)
            ones[i] = 1;
        norm.kind = NORM_RMS;
        one = run_put(run, u.rows, 1, ones);
        free(ones);
    }
    return op_norm(run, u, &norm, one);
}

void model_direct_logits(struct run *run, const struct model *m, struct tensor u, float *logits)
{
    if (!check_hidden(run, m, u))
        return;
    struct arena_mark mark = arena_mark(run->arena);
    logits_of(run, m, with_one(run, m, model_direct_hidden(run, m, u), 0), DTYPE_F32, 0, logits);
    arena_reset(run->arena, mark);
}

const struct norm *model_final_norm(const struct model *m)
{
    return &m->final_norm;
}

struct tensor model_unembed_rows(struct run *run, const struct model *m, const int32_t *id,
                                 int32_t n)
{
    struct tensor rows = op_rows(run, m->unembed, run_put_ids(run, n, 1, id));
    return m->unembed_bias ? op_copy(run, tensor_cols(rows, 0, m->config.d_model)) : rows;
}

struct tensor model_embed_rows(struct run *run, const struct model *m, const int32_t *id, int32_t n)
{
    return op_rows(run, m->embed, run_put_ids(run, n, 1, id));
}

/* ---- row by row */
bool model_each_row(struct run *run, const struct model *m, const struct model_rows *r)
{
    enum { AT_ONCE = 512 };
    const size_t cells = (size_t)AT_ONCE * (size_t)m->config.d_model;
    float *unembed = xcalloc(2 * cells, sizeof *unembed), *embed = unembed + cells;
    int32_t id[AT_ONCE];
    for (int32_t first = 0; first < r->n && run_ok(run); first += AT_ONCE) {
        const int32_t n = r->n - first < AT_ONCE ? r->n - first : (int32_t)AT_ONCE;
        struct arena_mark mark = arena_mark(run->arena);
        for (int32_t i = 0; i < n; i++)
            id[i] = first + i;
        run_get(run, unembed, model_unembed_rows(run, m, id, n));
        if (r->embedding)
            run_get(run, embed, model_embed_rows(run, m, id, n));
        arena_reset(run->arena, mark);
        if (run_ok(run))
            r->each(r->arg, first, n, unembed, embed);
    }
    free(unembed);
    return run_ok(run);
}

struct tl_vocabulary {
    const struct model *m;
    int32_t n;
    double *mean, *norms;
    float *gamma;
};

static void add_mean(void *arg, int32_t first, int32_t n, const float *unembed, const float *embed)
{
    struct tl_vocabulary *v = arg;
    const int32_t d = v->m->config.d_model;
    (void)first, (void)embed;
    for (int32_t i = 0; i < n; i++)
        for (int32_t k = 0; k < d; k++)
            v->mean[k] += (double)unembed[(size_t)i * (size_t)d + (size_t)k] / v->n;
}

void model_tl_row(const struct model *m, double *x)
{
    const int32_t d = m->config.d_model;
    double mean = 0;
    for (int32_t k = 0; k < d; k++)
        mean += x[k] / d;
    for (int32_t k = 0; k < d && m->config.arch->norm != NORM_RMS; k++)
        x[k] -= mean;
}

static double norm_of(const struct model *m, double *x)
{
    double sq = 0;
    model_tl_row(m, x);
    for (int32_t k = 0; k < m->config.d_model; k++)
        sq += x[k] * x[k];
    return sqrt(sq);
}

static void add_norms(void *arg, int32_t first, int32_t n, const float *unembed, const float *embed)
{
    struct tl_vocabulary *v = arg;
    const int32_t d = v->m->config.d_model;
    double *x = xcalloc((size_t)d, sizeof *x);
    for (int32_t i = 0; i < n; i++) {
        const float *u = unembed + (size_t)i * (size_t)d, *e = embed + (size_t)i * (size_t)d;
        for (int32_t k = 0; k < d; k++)
            x[k] = (double)v->gamma[k] * ((double)u[k] - v->mean[k]);
        v->norms[first + i] = norm_of(v->m, x);
        for (int32_t k = 0; k < d; k++)
            x[k] = (double)e[k];
        v->norms[v->n + first + i] = norm_of(v->m, x);
    }
    free(x);
}

bool model_tl_vocabulary(struct run *run, const struct model *m, int32_t n, double *mean,
                         double *norms)
{
    const size_t d = (size_t)m->config.d_model;
    struct tl_vocabulary v = {m, n, mean, norms, NULL};
    struct model_rows rows = {n, false, add_mean, &v};
    memset(mean, 0, d * sizeof *mean);
    if (!model_each_row(run, m, &rows) || !norms)
        return run_ok(run);
    v.gamma = xcalloc(d, sizeof *v.gamma);
    run_get(run, v.gamma, m->final_norm.gamma);
    rows.each = add_norms, rows.embedding = true;
    const bool ok = run_ok(run) && model_each_row(run, m, &rows);
    free(v.gamma);
    return ok;
}

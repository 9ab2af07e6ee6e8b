/* From the final norm to losses, predictions and logits. */
#include "engine/base/memory.h"
#include "engine/model/model_private.h"
#include <math.h>
#include <stdlib.h>

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

/* What the unembedding reads of rows at final_norm. */
static struct tensor shifted(struct run *run, const struct model *m, struct tensor h)
{
    if (!m->head_shift.buf)
        return h;
    struct tensor y = op_copy(run, h);
    op_add(run, y, m->head_shift, 1.0f);
    return y;
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
    struct tensor of = op_xent(run, shifted(run, m, h), m->unembed,
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
    op_topn(run, shifted(run, m, h), m->unembed, m->config.logit_cap, best, p);
    run_get(run, ids, best);
    run_get(run, logp, p);
    check_values(run, logp, (size_t)h.rows * (size_t)n, "predictions");
    if (!run->tape)
        arena_reset(run->arena, mark);
}

/* Rows of h through the unembedding to host memory, capped with a cap that is not 0. */
static void logits_of(struct run *run, const struct model *m, struct tensor h, float cap,
                      float *logits)
{
    enum { CHUNK = 64 }; /* rows at a time: 13 MB of logits at 50,304 tokens */
    struct linear unembed = {.w = m->unembed, .out = m->config.n_vocab, .in = m->config.d_model};
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
        logits_of(run, m, shifted(run, m, h), m->config.logit_cap, logits);
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
    logits_of(run, m, model_direct_hidden(run, m, u), 0, logits);
    arena_reset(run->arena, mark);
}

const struct norm *model_final_norm(const struct model *m)
{
    return &m->final_norm;
}

struct tensor model_unembed_rows(struct run *run, const struct model *m, const int32_t *id,
                                 int32_t n)
{
    return op_rows(run, m->unembed, run_put_ids(run, n, 1, id));
}

struct tensor model_embed_rows(struct run *run, const struct model *m, const int32_t *id, int32_t n)
{
    return op_rows(run, m->embed, run_put_ids(run, n, 1, id));
}

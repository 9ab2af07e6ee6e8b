/* A text's tokens in two runs, and four lists at one of them. */
#include "engine/study/position.h"
#include "engine/base/memory.h"
#include "engine/lane/likely.h"
#include "engine/study/runs.h"
#include "engine/text/utf8.h"
#include <math.h>
#include <stdlib.h>

const struct param position_runs[] = {
    STUDY_RUNS_ROWS,
    {.name = NULL},
};

struct looking {
    struct run run;
    const struct study_in *in;
    const struct position_in *of;
    struct two_runs runs;
    struct token *token;
    size_t n_tokens;
    struct sequences seq;
    int32_t bos, at, n_vocab;
    float *loss[TWO_RUNS]; /* [rows] of the token there; the first has none */
    float *logp[TWO_RUNS]; /* [n_vocab] at the position */
};

/* ---- the text */
static bool take_text(struct looking *q, struct error *e)
{
    const struct study_in *in = q->in;
    const struct cut cut = model_cut(in->model, in->tokenizer, in->bos);
    const int32_t room = cut_room(cut);
    size_t cap = 0;
    tokenizer_encode(in->tokenizer, q->of->text, q->of->n, in->special, &q->token, &q->n_tokens,
                     &cap);
    if (q->n_tokens == 0)
        return error_set(e, ERROR_INPUT, "position: found a text without a token, expected some");
    const int32_t n = q->n_tokens < (size_t)room ? (int32_t)q->n_tokens : room;
    lane_sequences(&q->seq, q->token, n, cut);
    q->bos = cut.bos >= 0;
    const int64_t at = q->of->at < 0 ? q->of->at + q->seq.n_rows : q->of->at;
    if (at < 0 || at >= q->seq.n_rows)
        return error_set(e, ERROR_INPUT, "position: found %lld, expected %d to %d",
                         (long long)q->of->at, -q->seq.n_rows, q->seq.n_rows - 1);
    q->at = (int32_t)at;
    return true;
}

/* ---- a run */
static void look_at(struct looking *q, int which, const struct batch *batch,
                    const struct state *from)
{
    const struct model *m = q->in->model;
    const int32_t n_logits = model_config(m)->n_vocab;
    const size_t n = (size_t)q->seq.n_rows;
    struct arena_mark mark = arena_mark(q->run.arena);
    struct state end = {0};
    q->loss[which] = xcalloc(n, sizeof *q->loss[which]);
    q->logp[which] = xcalloc((size_t)n_logits, sizeof *q->logp[which]);
    two_runs_forward(&q->runs, which, &q->run, q->in, batch, from, model_end(m), NULL, 0, &end);
    if (n > 1)
        model_loss(&q->run, m, tensor_rows(end.value, 0, q->seq.n_rows - 1), q->seq.target,
                   q->loss[which] + 1);
    q->loss[which][0] = NAN;
    model_logits(&q->run, m, tensor_rows(end.value, q->at, 1), q->logp[which]);
    arena_reset(q->run.arena, mark);
    if (run_ok(&q->run))
        likely_logp(q->logp[which], n_logits);
}

static bool look(struct looking *q, struct error *e)
{
    struct batch batch = sequences_batch(&q->seq);
    struct state same;
    model_forward(&q->run, q->in->model, &batch, NULL, q->runs.first, NULL, 0, &same);
    look_at(q, RUN_A, &batch, &same);
    look_at(q, RUN_B, &batch, &same);
    return run_well(&q->run) || error_set(e, q->run.err.kind, "%s", q->run.err.text);
}

/* ---- tables */
/* " w → obe", as a note has it. */
static void name_step(const struct looking *q, struct strbuf *out)
{
    const int32_t id[2] = {q->seq.ids[q->at], q->seq.target[q->at]};
    for (int i = 0; i < 2; i++) {
        size_t n = 0;
        const char *bytes = id[i] < 0 ? NULL : tokenizer_bytes(q->in->tokenizer, id[i], &n);
        strbuf_adds(out, i ? " → " : "");
        if (i == 0 && q->seq.pos[q->at] < 0)
            strbuf_adds(out, "BOS");
        else if (id[i] < 0)
            strbuf_adds(out, "what comes next");
        else
            strbuf_addf(out, "“%.*s”", utf8_is_valid(bytes, n) ? (int)n : 0, bytes);
    }
}

struct table *position_rows(const struct tokenizer *tokenizer, const struct likely_token *token,
                            int32_t top, const int32_t n[N_LIKELY])
{
    enum { LIST, ID, DIFFERENCE = 4, A, B };
    struct table *t = table_new("rows", "Likely and changed tokens", MARK_LIST);
    table_column(t, "list", "", "a, b: most likely; boosted, reduced: by the difference",
                 COLUMN_STR, COLUMN_SERIES);
    token_columns(t);
    table_column(t, "difference", "nats", "logp_a minus logp_b", COLUMN_F64, COLUMN_Y);
    table_column(t, "logp_a", "nats", "log-probability in the first run", COLUMN_F64, COLUMN_TEXT);
    table_column(t, "logp_b", "nats", "in the second", COLUMN_F64, COLUMN_TEXT);
    for (int l = 0; l < N_LIKELY; l++)
        for (int32_t i = 0; i < n[l]; i++) {
            const struct likely_token *of = &token[(int64_t)l * top + i];
            const int64_t row = table_row(t);
            table_set_str(t, row, LIST, likely_names[l]);
            token_cells(t, row, ID, tokenizer, of->id);
            table_set_f64(t, row, DIFFERENCE, (double)of->a - (double)of->b);
            table_set_f64(t, row, A, (double)of->a);
            table_set_f64(t, row, B, (double)of->b);
        }
    return t;
}

static struct table *rows_table(const struct looking *q, const struct vocabulary *v)
{
    const struct position_in *of = q->of;
    const struct likely_in in = {.n = q->n_vocab,
                                 .top = of->top < q->n_vocab ? of->top : q->n_vocab,
                                 .least = of->least,
                                 .max_norm = of->max_norm,
                                 .min_embed = of->min_embed,
                                 .norms = v ? v->norms : NULL};
    struct likely_token *token = xcalloc(N_LIKELY * (size_t)in.top + 1, sizeof *token);
    struct strbuf step;
    int32_t n[N_LIKELY];
    const int32_t left_out = likely_lists(&in, q->logp[RUN_A], q->logp[RUN_B], token, n);
    struct table *t = position_rows(q->in->tokenizer, token, in.top, n);
    free(token);
    strbuf_init(&step);
    name_step(q, &step);
    table_note(t, "position %d, %s; %d of %d tokens are left out", (int)q->at, step.s, left_out,
               q->n_vocab);
    strbuf_release(&step);
    return t;
}

struct table *position_tokens(const struct tokenizer *tokenizer, const struct token *token,
                              int32_t n, int32_t first, const float *loss_a, const float *loss_b)
{
    enum { POSITION, ID, START = 4, END, LOSS_A, LOSS_B, DIFFERENCE };
    struct table *t = table_new("tokens", "Losses in the two runs", MARK_LIST);
    table_column(t, "position", "", "in the sequence; the BOS is 0", COLUMN_I64, COLUMN_KEY);
    token_columns(t);
    table_column(t, "start", "", "first byte in the text", COLUMN_I64, COLUMN_TEXT);
    table_column(t, "end", "", "behind the last", COLUMN_I64, COLUMN_TEXT);
    table_column(t, "loss_a", "nats", "of the token in the first run", COLUMN_F64, COLUMN_TEXT);
    table_column(t, "loss_b", "nats", "in the second", COLUMN_F64, COLUMN_TEXT);
    table_column(t, "difference", "nats", "loss_b minus loss_a", COLUMN_F64, COLUMN_Y);
    for (int32_t i = 0; i < n; i++) {
        const int64_t row = table_row(t);
        table_set_i64(t, row, POSITION, first + i);
        token_cells(t, row, ID, tokenizer, token[i].id);
        table_set_i64(t, row, START, token[i].start);
        table_set_i64(t, row, END, token[i].end);
        if (isnan(loss_a[i]) || isnan(loss_b[i]))
            continue;
        const double a = (double)loss_a[i], b = (double)loss_b[i];
        table_set_f64(t, row, LOSS_A, a);
        table_set_f64(t, row, LOSS_B, b);
        table_set_f64(t, row, DIFFERENCE, b - a);
    }
    return t;
}

static struct table *tokens_table(const struct looking *q)
{
    const int32_t n = q->seq.n_rows - q->bos;
    struct table *t = position_tokens(q->in->tokenizer, q->token, n, q->bos,
                                      q->loss[RUN_A] + q->bos, q->loss[RUN_B] + q->bos);
    if (q->n_tokens > (size_t)n)
        table_note(t, "the first %d of %zu tokens, as many as the context has", n, q->n_tokens);
    return t;
}

/* ---- all of it */
static void looking_release(struct looking *q)
{
    for (int i = 0; i < TWO_RUNS; i++) {
        free(q->loss[i]);
        free(q->logp[i]);
    }
    two_runs_release(&q->runs);
    sequences_release(&q->seq);
    free(q->token);
    if (q->run.arena)
        arena_free(q->run.arena);
}

bool position_run(const struct study_in *in, const struct params *runs,
                  const struct position_in *of, const struct vocabulary *v,
                  const struct study_loop *loop, struct table_set *set, struct error *e)
{
    struct looking q = {.run = {.queue = in->queue}, .in = in, .of = of};
    const int32_t n_tokens = tokenizer_n_vocab(in->tokenizer),
                  n_logits = model_config(in->model)->n_vocab;
    q.n_vocab = n_tokens < n_logits ? n_tokens : n_logits;
    if (!units_check_places("position", in, e) || !two_runs_take(&q.runs, "position", in, runs, e))
        return false;
    q.run.arena = arena_new(in->queue);
    if (loop)
        q.run.cancel = loop->cancel, q.run.poll = loop->poll, q.run.poll_arg = loop->poll_arg;
    const bool ok = take_text(&q, e) && look(&q, e);
    if (ok) {
        table_set_add(set, rows_table(&q, v));
        table_set_add(set, tokens_table(&q));
    }
    looking_release(&q);
    return ok;
}

/* A text's tokens in two runs, and four lists at one of them. */
#include "engine/study/position.h"
#include "engine/base/best.h"
#include "engine/base/memory.h"
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
    float *loss[TWO_RUNS]; /* [rows with a target], in their order */
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
static void to_log_probabilities(float *z, int32_t n)
{
    double most = -(double)INFINITY, sum = 0;
    for (int32_t i = 0; i < n; i++)
        most = fmax(most, (double)z[i]);
    for (int32_t i = 0; i < n; i++)
        sum += exp((double)z[i] - most);
    for (int32_t i = 0; i < n; i++)
        z[i] = (float)((double)z[i] - most - log(sum));
}

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
                   q->loss[which]);
    model_logits(&q->run, m, tensor_rows(end.value, q->at, 1), q->logp[which]);
    arena_reset(q->run.arena, mark);
    if (run_ok(&q->run))
        to_log_probabilities(q->logp[which], n_logits);
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
static double difference(const struct looking *q, int32_t id)
{
    return (double)q->logp[RUN_A][id] - (double)q->logp[RUN_B][id];
}

static double a_of(const struct looking *q, int32_t id)
{
    return (double)q->logp[RUN_A][id];
}

static double b_of(const struct looking *q, int32_t id)
{
    return (double)q->logp[RUN_B][id];
}

static double less(const struct looking *q, int32_t id)
{
    return -difference(q, id);
}

static bool is_kept(const struct looking *q, const struct vocabulary *v, int32_t id)
{
    const struct position_in *of = q->of;
    return !(a_of(q, id) <= of->least && b_of(q, id) <= of->least) &&
           !(v && of->max_norm > 0 && v->norms[id] > of->max_norm) &&
           !(v && of->min_embed > 0 && v->norms[v->n + id] < of->min_embed);
}

static void add_list(struct table *t, const struct looking *q, const struct vocabulary *v,
                     const char *name, double (*by)(const struct looking *, int32_t id))
{
    struct best best;
    best_init(&best, q->of->top < q->n_vocab ? q->of->top : q->n_vocab);
    for (int32_t id = 0; id < q->n_vocab; id++)
        if (is_kept(q, v, id))
            best_offer(&best, by(q, id), id);
    best_sort(&best);
    for (int32_t i = 0; i < best.n; i++) {
        const int32_t id = best.item[i].id;
        const int64_t row = table_row(t);
        table_set_str(t, row, 0, name);
        token_cells(t, row, 1, q->in->tokenizer, id);
        table_set_f64(t, row, 4, difference(q, id));
        table_set_f64(t, row, 5, a_of(q, id));
        table_set_f64(t, row, 6, b_of(q, id));
    }
    best_release(&best);
}

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

static struct table *rows_table(const struct looking *q, const struct vocabulary *v)
{
    struct table *t = table_new("rows", "Likely and changed tokens", MARK_LIST);
    struct strbuf step;
    int32_t left_out = 0;
    table_column(t, "list", "", "a, b: most likely; boosted, reduced: by the difference",
                 COLUMN_STR, COLUMN_SERIES);
    token_columns(t);
    table_column(t, "difference", "nats", "logp_a minus logp_b", COLUMN_F64, COLUMN_Y);
    table_column(t, "logp_a", "nats", "log-probability in the first run", COLUMN_F64, COLUMN_TEXT);
    table_column(t, "logp_b", "nats", "in the second", COLUMN_F64, COLUMN_TEXT);
    add_list(t, q, v, "a", a_of);
    add_list(t, q, v, "b", b_of);
    add_list(t, q, v, "boosted", difference);
    add_list(t, q, v, "reduced", less);
    for (int32_t id = 0; id < q->n_vocab; id++)
        left_out += !is_kept(q, v, id);
    strbuf_init(&step);
    name_step(q, &step);
    table_note(t, "position %d, %s; %d of %d tokens are left out", (int)q->at, step.s, left_out,
               q->n_vocab);
    strbuf_release(&step);
    return t;
}

static struct table *tokens_table(const struct looking *q)
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
    for (int32_t i = q->bos; i < q->seq.n_rows; i++) {
        const struct token *token = &q->token[q->seq.pos[i]];
        const int64_t row = table_row(t);
        table_set_i64(t, row, POSITION, i);
        token_cells(t, row, ID, q->in->tokenizer, token->id);
        table_set_i64(t, row, START, token->start);
        table_set_i64(t, row, END, token->end);
        if (i == 0)
            continue;
        const double a = (double)q->loss[RUN_A][i - 1], b = (double)q->loss[RUN_B][i - 1];
        table_set_f64(t, row, LOSS_A, a);
        table_set_f64(t, row, LOSS_B, b);
        table_set_f64(t, row, DIFFERENCE, b - a);
    }
    if (q->n_tokens > (size_t)(q->seq.n_rows - q->bos))
        table_note(t, "the first %d of %zu tokens, as many as the context has",
                   q->seq.n_rows - q->bos, q->n_tokens);
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

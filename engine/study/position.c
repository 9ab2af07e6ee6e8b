/* A text's tokens in two runs, and four lists at one of them. */
#include "engine/study/position.h"
#include "engine/base/memory.h"
#include "engine/study/runs.h"
#include "engine/text/utf8.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct param params[] = {
    STUDY_RUNS_ROWS,
    POSITION_ROWS("position"),
    NORM_BOUNDS_ROWS,
    {.name = NULL},
};

struct lists {
    int32_t n[N_LIKELY], left_out;
    struct likely_token *token; /* [N_LIKELY · top] */
};

struct study {
    struct study_in in;
    struct two_runs runs;
    struct likely_in likely; /* without norms */
    struct token *token;
    size_t n_tokens;
    struct sequences seq;
    int32_t bos, at;
    bool done;
    float *loss[TWO_RUNS]; /* [rows] of the token there; the first has none */
    struct lists lists;
};

struct partial {
    int64_t tokens;
    float *loss[TWO_RUNS], *logp[TWO_RUNS]; /* logp [n_vocab] at the position */
    struct lists lists;
};

/* ---- opening */
static void position_free(struct study *s)
{
    if (!s)
        return;
    for (int i = 0; i < TWO_RUNS; i++)
        free(s->loss[i]);
    free(s->lists.token);
    two_runs_release(&s->runs);
    sequences_release(&s->seq);
    free(s->token);
    free(s);
}

static bool take_text(struct study *s, const struct params *p, struct error *e)
{
    const struct study_in *in = &s->in;
    const struct cut cut = model_cut(in->model, in->tokenizer, in->bos);
    const int32_t room = cut_room(cut);
    const char *text = params_text(p, "text");
    const int64_t asked = params_int(p, "position");
    size_t cap = 0;
    if (text)
        tokenizer_encode(in->tokenizer, text, strlen(text), in->special, &s->token, &s->n_tokens,
                         &cap);
    if (s->n_tokens == 0)
        return error_set(e, ERROR_INPUT, "position: found a text without a token, expected some");
    const int32_t n = s->n_tokens < (size_t)room ? (int32_t)s->n_tokens : room;
    lane_sequences(&s->seq, s->token, n, cut);
    s->bos = cut.bos >= 0;
    const int64_t at = asked < 0 ? asked + s->seq.n_rows : asked;
    if (at < 0 || at >= s->seq.n_rows)
        return error_set(e, ERROR_INPUT, "position: found %lld, expected %d to %d",
                         (long long)asked, -s->seq.n_rows, s->seq.n_rows - 1);
    s->at = (int32_t)at;
    return true;
}

static void take_bounds(struct study *s, const struct params *p)
{
    const int32_t n_tokens = tokenizer_n_vocab(s->in.tokenizer),
                  n_logits = model_config(s->in.model)->n_vocab,
                  n = n_tokens < n_logits ? n_tokens : n_logits;
    const int64_t top = params_int(p, "top");
    s->likely = (struct likely_in){.n = n,
                                   .top = top < n ? (int32_t)top : n,
                                   .least = params_real(p, "min-logp"),
                                   .max_norm = params_real(p, "max-norm"),
                                   .min_embed = params_real(p, "min-embed")};
}

static bool position_open(const struct study_in *in, const struct params *p, struct study **out,
                          struct error *e)
{
    if (!units_check_places("position", in, e))
        return false;
    struct study *s = xcalloc(1, sizeof *s);
    s->in = *in;
    take_bounds(s, p);
    if (!two_runs_take(&s->runs, "position", &s->in, p, e) || !take_text(s, p, e)) {
        position_free(s);
        return false;
    }
    for (int i = 0; i < TWO_RUNS; i++)
        s->loss[i] = xcalloc((size_t)s->seq.n_rows, sizeof *s->loss[i]);
    s->lists.token = xcalloc(N_LIKELY * (size_t)s->likely.top + 1, sizeof *s->lists.token);
    *out = s;
    return true;
}

static int64_t position_chunks(const struct study *s)
{
    (void)s;
    return 1;
}

/* ---- the two runs */
static void look_at(const struct study *s, int which, struct run *run, const struct batch *batch,
                    const struct state *from, struct partial *p)
{
    const struct model *m = s->in.model;
    const int32_t n_logits = model_config(m)->n_vocab;
    const size_t n = (size_t)s->seq.n_rows;
    struct arena_mark mark = arena_mark(run->arena);
    struct state end = {0};
    p->loss[which] = xcalloc(n, sizeof *p->loss[which]);
    p->logp[which] = xcalloc((size_t)n_logits, sizeof *p->logp[which]);
    two_runs_forward(&s->runs, which, run, &s->in, batch, from, model_end(m), NULL, 0, &end);
    if (n > 1)
        model_loss(run, m, tensor_rows(end.value, 0, s->seq.n_rows - 1), s->seq.target,
                   p->loss[which] + 1);
    p->loss[which][0] = NAN;
    model_logits(run, m, tensor_rows(end.value, s->at, 1), p->logp[which]);
    arena_reset(run->arena, mark);
    if (run_ok(run))
        likely_logp(p->logp[which], n_logits);
}

static void make_lists(const struct study *s, struct run *run, struct partial *p)
{
    struct vocabulary v = {0};
    struct likely_in in = s->likely;
    const bool bounds = in.max_norm > 0 || in.min_embed > 0;
    if (bounds && !vocabulary_init(&v, run, &s->in, true))
        return;
    in.norms = v.norms;
    p->lists.token = xcalloc(N_LIKELY * (size_t)in.top + 1, sizeof *p->lists.token);
    p->lists.left_out =
        likely_lists(&in, p->logp[RUN_A], p->logp[RUN_B], p->lists.token, p->lists.n);
    if (bounds)
        vocabulary_release(&v);
}

static void position_partial_free(struct partial *p)
{
    if (!p)
        return;
    for (int i = 0; i < TWO_RUNS; i++) {
        free(p->loss[i]);
        free(p->logp[i]);
    }
    free(p->lists.token);
    free(p);
}

static int64_t position_partial_tokens(const struct partial *p)
{
    return p->tokens;
}

static struct partial *position_chunk(struct study *s, int64_t i, struct run *run)
{
    struct partial *p = xcalloc(1, sizeof *p);
    struct batch batch = sequences_batch(&s->seq);
    struct state same;
    (void)i;
    p->tokens = s->seq.n_rows - s->bos;
    model_forward(run, s->in.model, &batch, NULL, s->runs.first, NULL, 0, &same);
    look_at(s, RUN_A, run, &batch, &same, p);
    look_at(s, RUN_B, run, &batch, &same, p);
    if (run_well(run))
        make_lists(s, run, p);
    if (run_ok(run))
        return p;
    position_partial_free(p);
    return NULL;
}

static void position_fold(struct study *s, int64_t i, const struct partial *p)
{
    (void)i;
    for (int which = 0; which < TWO_RUNS; which++)
        memcpy(s->loss[which], p->loss[which], (size_t)s->seq.n_rows * sizeof(float));
    memcpy(s->lists.token, p->lists.token,
           N_LIKELY * (size_t)s->likely.top * sizeof *s->lists.token);
    memcpy(s->lists.n, p->lists.n, sizeof s->lists.n);
    s->lists.left_out = p->lists.left_out;
    s->done = true;
}

/* ---- checkpoints */
static void save_float(struct blob_writer *b, float x)
{
    uint32_t u;
    memcpy(&u, &x, sizeof u);
    blob_add_u32(b, u);
}

static float load_float(struct blob_reader *r)
{
    const uint32_t u = blob_u32(r);
    float x;
    memcpy(&x, &u, sizeof x);
    return x;
}

static void position_save(const struct study *s, struct blob_writer *b)
{
    blob_add_i64(b, s->seq.n_rows);
    blob_add_i64(b, s->done);
    for (int which = 0; which < TWO_RUNS && s->done; which++)
        for (int32_t row = 0; row < s->seq.n_rows; row++)
            save_float(b, s->loss[which][row]);
    if (s->done)
        blob_add_u32(b, (uint32_t)s->lists.left_out);
    for (int l = 0; l < N_LIKELY && s->done; l++) {
        blob_add_u32(b, (uint32_t)s->lists.n[l]);
        for (int32_t i = 0; i < s->lists.n[l]; i++) {
            const struct likely_token *t = &s->lists.token[l * s->likely.top + i];
            blob_add_u32(b, (uint32_t)t->id);
            save_float(b, t->a);
            save_float(b, t->b);
        }
    }
}

static bool load_lists(struct study *s, struct blob_reader *r)
{
    const uint32_t left_out = blob_u32(r);
    if (r->bad || left_out > (uint32_t)s->likely.n)
        return false;
    s->lists.left_out = (int32_t)left_out;
    for (int l = 0; l < N_LIKELY; l++) {
        const uint32_t n = blob_u32(r);
        if (r->bad || n > (uint32_t)s->likely.top || n > r->left / 12)
            return false;
        s->lists.n[l] = (int32_t)n;
        for (uint32_t i = 0; i < n; i++) {
            const uint32_t id = blob_u32(r);
            const float a = load_float(r), b = load_float(r);
            if (id >= (uint32_t)s->likely.n)
                return false;
            s->lists.token[(uint32_t)(l * s->likely.top) + i] =
                (struct likely_token){(int32_t)id, a, b};
        }
    }
    return true;
}

static bool position_load(struct study *s, struct blob_reader *r, struct error *e)
{
    const unsigned long long bytes = r->left;
    const int64_t rows = blob_i64(r), done = blob_i64(r);
    bool ok = !r->bad && rows == s->seq.n_rows && (done == 0 || done == 1);
    s->done = false;
    ok = ok && (done == 0 || (uint64_t)rows <= r->left / (4 * TWO_RUNS));
    for (int which = 0; which < TWO_RUNS && ok && done; which++)
        for (int64_t row = 0; row < rows; row++)
            s->loss[which][row] = load_float(r);
    ok = ok && (done == 0 || load_lists(s, r)) && blob_end(r);
    s->done = ok && done;
    return ok || error_set(e, ERROR_INPUT,
                           "position: a checkpoint of %llu bytes does not hold %d tokens in two "
                           "runs",
                           bytes, (int)s->seq.n_rows);
}

/* ---- tables */
/* " w → obe", as a note has it. */
static void name_step(const struct study *q, struct strbuf *out)
{
    const int32_t id[2] = {q->seq.ids[q->at], q->seq.target[q->at]};
    for (int i = 0; i < 2; i++) {
        size_t n = 0;
        const char *bytes = id[i] < 0 ? NULL : tokenizer_bytes(q->in.tokenizer, id[i], &n);
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

static struct table *rows_table(const struct study *q)
{
    struct table *t = position_rows(q->in.tokenizer, q->lists.token, q->likely.top, q->lists.n);
    struct strbuf step;
    strbuf_init(&step);
    name_step(q, &step);
    table_note(t, "position %d, %s; %d of %d tokens are left out", (int)q->at, step.s,
               q->lists.left_out, q->likely.n);
    strbuf_release(&step);
    return t;
}

struct table *position_tokens(const struct tokenizer *tokenizer, const struct token *token,
                              int32_t n, int32_t first, const float *loss_a, const float *loss_b)
{
    enum { POSITION, ID, START = 4, END, LOSS_A, LOSS_B, DIFFERENCE };
    struct table *t = table_new("tokens", "Losses in the two runs", MARK_TEXT);
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

static struct table *tokens_table(const struct study *q)
{
    const int32_t n = q->seq.n_rows - q->bos;
    struct table *t = position_tokens(q->in.tokenizer, q->token, n, q->bos, q->loss[RUN_A] + q->bos,
                                      q->loss[RUN_B] + q->bos);
    if (q->n_tokens > (size_t)n)
        table_note(t, "the first %d of %zu tokens, as many as the context has", n, q->n_tokens);
    return t;
}

static struct table_set *position_tables(struct study *s)
{
    struct table_set *set = table_set_new();
    table_set_add(set, rows_table(s));
    table_set_add(set, tokens_table(s));
    return set;
}

const struct study_ops position_study = {.name = "position",
                                         .params = params,
                                         .places = two_runs_places,
                                         .open = position_open,
                                         .free = position_free,
                                         .n_chunks = position_chunks,
                                         .chunk = position_chunk,
                                         .partial_free = position_partial_free,
                                         .partial_tokens = position_partial_tokens,
                                         .fold = position_fold,
                                         .save = position_save,
                                         .load = position_load,
                                         .tables = position_tables};

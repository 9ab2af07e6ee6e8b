/* Losses of tokens in two runs. */
#include "engine/study/losses.h"
#include "engine/base/best.h"
#include "engine/base/memory.h"
#include "engine/study/doc_means.h"
#include "engine/study/runs.h"
#include "engine/study/vocabulary.h"
#include "engine/text/utf8.h"
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAX_TOKENS (INT64_C(1) << 27) /* 1 GiB */

struct tokens { /* in the order of the documents */
    int64_t n;
    size_t cap[TWO_RUNS];
    float *loss[TWO_RUNS]; /* [n] */
};

struct study {
    struct study_in in;
    struct two_runs runs;
    struct doc_means docs; /* a column each run; counts are those of the documents' tokens */
    struct tokens tokens;
    bool bos;
    uint64_t seed;
};

struct partial {
    struct doc_part docs;
    struct tokens tokens;
};

static void tokens_add(struct tokens *to, const struct tokens *from)
{
    const size_t n = (size_t)to->n, more = (size_t)from->n;
    for (int i = 0; i < TWO_RUNS && more > 0; i++) {
        to->loss[i] = grow(to->loss[i], &to->cap[i], n + more, sizeof(float));
        memcpy(to->loss[i] + n, from->loss[i], more * sizeof(float));
    }
    to->n += from->n;
}

static void tokens_release(struct tokens *t)
{
    for (int i = 0; i < TWO_RUNS; i++)
        free(t->loss[i]);
}

/* ---- opening */
static void losses_free(struct study *s)
{
    if (!s)
        return;
    two_runs_release(&s->runs);
    doc_means_release(&s->docs);
    tokens_release(&s->tokens);
    free(s);
}

static const struct param params[] = {
    STUDY_RUNS_ROWS,
    {"seed", "N", "of the intervals", PARAM_SEED, "0", .in_key = true},
    {.name = NULL},
};

static bool losses_open(const struct study_in *in, const struct params *p, struct study **out,
                        struct error *e)
{
    if (!units_check_in("losses", in, e))
        return false;
    struct study *s = xcalloc(1, sizeof *s);
    s->in = *in;
    s->bos = model_cut(in->model, in->tokenizer, in->bos).bos >= 0;
    s->seed = params_seed(p, "seed");
    if (!two_runs_take(&s->runs, "losses", &s->in, p, e) ||
        !doc_means_init(&s->docs, "losses", "runs", in->corpus, TWO_RUNS, e)) {
        losses_free(s);
        return false;
    }
    *out = s;
    return true;
}

static int64_t losses_chunks(const struct study *s)
{
    return pass_chunks(&s->in);
}

/* ---- a chunk */
struct work {
    struct study *s;
    struct partial *p;
};

static void take_batch(void *arg, struct run *run, const struct pass_batch *b)
{
    struct work *w = arg;
    const struct study *s = w->s;
    struct doc_part *docs = &w->p->docs;
    const struct batch batch = sequences_batch(b->seq);
    const int32_t n = sequences_losses(b->seq);
    struct tokens here = {.n = n};
    for (int i = 0; i < TWO_RUNS; i++) {
        struct arena_mark mark = arena_mark(run->arena);
        struct state end;
        here.loss[i] = xcalloc((size_t)n + 1, sizeof(float));
        two_runs_forward(&s->runs, i, run, &s->in, &batch, &b->state, model_end(s->in.model), NULL,
                         0, &end);
        lane_losses(run, s->in.model, b->seq, &end, NULL, here.loss[i]);
        arena_reset(run->arena, mark);
    }
    for (int32_t row = 0, at = 0; row < b->n_rows && run_ok(run); row++) {
        const int64_t doc = b->row[row].doc - docs->first;
        docs->tokens += b->row[row].pos >= 0;
        if (b->seq->target[row] < 0)
            continue;
        docs->count[doc]++;
        for (int i = 0; i < TWO_RUNS; i++)
            docs->sum[doc * TWO_RUNS + i] += (double)here.loss[i][at];
        at++;
    }
    if (run_ok(run))
        tokens_add(&w->p->tokens, &here);
    tokens_release(&here);
}

static void losses_partial_free(struct partial *p)
{
    if (!p)
        return;
    doc_part_release(&p->docs);
    tokens_release(&p->tokens);
    free(p);
}

static int64_t losses_partial_tokens(const struct partial *p)
{
    return p->docs.tokens;
}

static struct partial *losses_chunk(struct study *s, int64_t i, struct run *run)
{
    struct partial *p = xcalloc(1, sizeof *p);
    struct work w = {s, p};
    const struct pass_how how = {.to = s->runs.first, .most = INT_MAX};
    doc_part_init(&p->docs, pass_range(&s->in, i), TWO_RUNS);
    pass_chunk_how(run, &s->in, i, &how, take_batch, &w);
    if (run_ok(run) && s->tokens.n + p->tokens.n > MAX_TOKENS)
        error_set(&run->err, ERROR_INPUT, "losses: found more than %lld tokens, expected fewer",
                  (long long)MAX_TOKENS);
    if (!run_ok(run)) {
        losses_partial_free(p);
        return NULL;
    }
    doc_part_means(&p->docs);
    return p;
}

static void losses_fold(struct study *s, int64_t i, const struct partial *p)
{
    (void)i;
    doc_means_fold(&s->docs, &p->docs);
    tokens_add(&s->tokens, &p->tokens);
}

static void losses_merge(struct study *to, const struct study *from)
{
    doc_means_merge(&to->docs, &from->docs);
    tokens_add(&to->tokens, &from->tokens);
}

/* ---- checkpoints */
static void losses_save(const struct study *s, struct blob_writer *b)
{
    blob_add_i64(b, s->tokens.n);
    blob_add_i64(b, s->docs.done);
    for (int i = 0; i < TWO_RUNS; i++)
        for (int64_t k = 0; k < s->tokens.n; k++) {
            uint32_t u;
            memcpy(&u, &s->tokens.loss[i][k], sizeof u);
            blob_add_u32(b, u);
        }
    doc_means_save(&s->docs, b);
}

static bool load_tokens(struct tokens *t, struct blob_reader *r, int64_t *docs_done)
{
    const int64_t n = blob_i64(r);
    *docs_done = blob_i64(r);
    if (r->bad || n < 0 || n > MAX_TOKENS || (uint64_t)n > r->left / (4 * TWO_RUNS))
        return false;
    t->n = n;
    for (int i = 0; i < TWO_RUNS && n > 0; i++) {
        t->loss[i] = grow(t->loss[i], &t->cap[i], (size_t)n, sizeof(float));
        for (int64_t k = 0; k < n; k++) {
            const uint32_t u = blob_u32(r);
            memcpy(&t->loss[i][k], &u, sizeof u);
        }
    }
    return true;
}

/* The documents have as many tokens as there are. */
static bool counts_agree(const struct study *s)
{
    int64_t n = 0;
    for (int64_t d = s->docs.from; d < s->docs.done; d++)
        n += s->docs.count[d];
    return n == s->tokens.n;
}

static bool losses_load(struct study *s, struct blob_reader *r, struct error *e)
{
    const unsigned long long n = r->left;
    int64_t done;
    const bool there = load_tokens(&s->tokens, r, &done);
    if (there && !doc_means_load(&s->docs, r, e)) {
        s->tokens.n = 0;
        return false;
    }
    if (there && done == s->docs.done && counts_agree(s))
        return true;
    s->tokens.n = s->docs.from = s->docs.done = 0;
    return error_set(e, ERROR_INPUT,
                     "losses: a checkpoint of %llu bytes does not hold losses of tokens", n);
}

/* ---- tables */
static struct table_set *losses_tables(struct study *s)
{
    enum { CLASS, LOSS_A, LOSS_B, DIFFERENCE, LO, HI, TOKENS, TEXTS };
    static const int32_t less[TWO_RUNS] = {RUN_A, RUN_A};
    struct table_set *set = table_set_new();
    struct table *t = table_new("rows", "Losses in two runs", MARK_BAR);
    table_column(t, "class", "", "class of the texts", COLUMN_STR, COLUMN_KEY);
    table_column(t, "loss_a", "nats", "first run: mean over texts of each text's mean", COLUMN_F64,
                 COLUMN_TEXT);
    table_column(t, "loss_b", "nats", "second run", COLUMN_F64, COLUMN_TEXT);
    table_column(t, "difference", "nats", "second minus first", COLUMN_F64, COLUMN_Y);
    table_column(t, "ci95.lo", "nats", "bootstrap of the paired differences", COLUMN_F64,
                 COLUMN_LO);
    table_column(t, "ci95.hi", "nats", "its upper end", COLUMN_F64, COLUMN_HI);
    table_column(t, "tokens", "", "with a loss", COLUMN_I64, COLUMN_TEXT);
    table_column(t, "texts", "", "with a loss", COLUMN_I64, COLUMN_TEXT);
    for (int32_t c = 0; c < s->in.corpus->n_classes; c++) {
        struct sample mean, difference;
        int64_t tokens = 0;
        const int64_t row = table_row(t);
        sample_of_class(&mean, &s->docs, c, NULL, s->seed);
        sample_of_class(&difference, &s->docs, c, less, s->seed);
        for (int64_t d = s->docs.from; d < s->docs.done; d++)
            tokens += doc_counts(&s->docs, d, c) ? s->docs.count[d] : 0;
        table_set_str(t, row, CLASS, s->in.corpus->cls[c].name);
        table_set_f64(t, row, LOSS_A, sample_mean(&mean, RUN_A));
        table_set_f64(t, row, LOSS_B, sample_mean(&mean, RUN_B));
        table_set_f64(t, row, DIFFERENCE, sample_mean(&difference, RUN_B));
        table_set_f64(t, row, LO, difference.ci[RUN_B].lo);
        table_set_f64(t, row, HI, difference.ci[RUN_B].hi);
        table_set_i64(t, row, TOKENS, tokens);
        table_set_i64(t, row, TEXTS, mean.n);
        sample_release(&mean);
        sample_release(&difference);
    }
    table_set_add(set, t);
    return set;
}

/* ---- examples */
struct example {
    const struct study *s;
    int64_t doc, first; /* its tokens with a loss begin at `first` */
    double weight, score;
    int32_t best; /* token with a loss, from 0 */
};

static double difference_of(const struct example *x, int32_t i)
{
    return (double)x->s->tokens.loss[RUN_B][x->first + i] -
           (double)x->s->tokens.loss[RUN_A][x->first + i];
}

static double logp_of(const struct example *x, int which, int32_t i)
{
    return -(double)x->s->tokens.loss[which][x->first + i];
}

static void find_best(struct example *x)
{
    x->score = -(double)INFINITY;
    for (int32_t i = 0; i < x->s->docs.count[x->doc]; i++) {
        const double score =
            difference_of(x, i) + x->weight * fmax(logp_of(x, RUN_A, i), logp_of(x, RUN_B, i));
        if (score > x->score)
            x->score = score, x->best = i;
    }
}

enum { CLASS, DOC, SCORE, POSITION, ID, DIFFERENCE = 7, LOGP_A, LOGP_B, BEFORE, AFTER };

static struct table *tokens_new(const char *name, const char *title, enum mark mark)
{
    struct table *t = table_new(name, title, mark);
    table_column(t, "class", "", "class of the text", COLUMN_STR, COLUMN_TEXT);
    table_column(t, "doc", "", "its number, from 0", COLUMN_I64, COLUMN_KEY);
    table_column(t, "score", "nats", "of its best token", COLUMN_F64, COLUMN_TEXT);
    table_column(t, "position", "", "in the text; the BOS is 0", COLUMN_I64, COLUMN_TEXT);
    token_columns(t);
    table_column(t, "difference", "nats", "loss in the second run minus the first", COLUMN_F64,
                 COLUMN_Y);
    table_column(t, "logp_a", "nats", "log-probability in the first run", COLUMN_F64, COLUMN_TEXT);
    table_column(t, "logp_b", "nats", "in the second", COLUMN_F64, COLUMN_TEXT);
    return t;
}

/* i: of the tokens with a loss; −1: one without. */
static int64_t add_token(struct table *t, const struct example *x, int32_t token_id, int32_t pos,
                         int32_t i)
{
    const struct corpus *c = x->s->in.corpus;
    const int64_t row = table_row(t);
    table_set_str(t, row, CLASS, c->cls[c->doc[x->doc].cls].name);
    table_set_i64(t, row, DOC, corpus_doc_number(&c->doc[x->doc]));
    table_set_f64(t, row, SCORE, x->score);
    table_set_i64(t, row, POSITION, pos);
    token_cells(t, row, ID, x->s->in.tokenizer, token_id);
    if (i >= 0) {
        table_set_f64(t, row, DIFFERENCE, difference_of(x, i));
        table_set_f64(t, row, LOGP_A, logp_of(x, RUN_A, i));
        table_set_f64(t, row, LOGP_B, logp_of(x, RUN_B, i));
    }
    return row;
}

/* So many characters of a text before or behind a byte of it. */
static void set_around(struct table *t, int64_t row, const struct corpus_doc *d, int32_t start,
                       int32_t end)
{
    enum { AROUND = 40 };
    size_t from = start > AROUND ? (size_t)(start - AROUND) : 0,
           to = (size_t)end + AROUND < d->n ? (size_t)end + AROUND : d->n;
    while (from > 0 && from < d->n && ((unsigned char)d->text[from] & 0xc0) == 0x80)
        from--;
    while (to < d->n && ((unsigned char)d->text[to] & 0xc0) == 0x80)
        to++;
    if (utf8_is_valid(d->text + from, (size_t)start - from))
        table_set_strn(t, row, BEFORE, d->text + from, (size_t)start - from);
    if (utf8_is_valid(d->text + end, to - (size_t)end))
        table_set_strn(t, row, AFTER, d->text + end, to - (size_t)end);
}

static void add_example(const struct example *x, struct table *examples, struct table *rows)
{
    const struct study *s = x->s;
    struct pass_doc *d = pass_docs(&s->in, x->doc, 1);
    const int32_t without = !s->bos, n = s->docs.count[x->doc] + without;
    for (int32_t i = 0; i < n && i < d->n; i++)
        add_token(rows, x, d->token[i].id, i + s->bos, i - without);
    if (x->best + without < d->n) {
        const struct token *best = &d->token[x->best + without];
        const int64_t row = add_token(examples, x, best->id, x->best + without + s->bos, x->best);
        if (!s->in.space)
            set_around(examples, row, &s->in.corpus->doc[x->doc], best->start, best->end);
    }
    pass_docs_free(d, 1);
}

void losses_examples(const struct study *s, int32_t cls, double weight, int32_t most,
                     struct table_set *set)
{
    struct table *examples =
                     tokens_new("examples", "Texts that the first run is best at", MARK_LIST),
                 *rows = tokens_new("rows", "Their tokens", MARK_TEXT);
    const int64_t docs = s->docs.done - s->docs.from;
    struct example *all = xcalloc((size_t)docs + 1, sizeof *all);
    struct best best;
    int64_t first = 0;
    table_column(examples, "before", "", "the text before the token", COLUMN_STR, COLUMN_TEXT);
    table_column(examples, "after", "", "behind it", COLUMN_STR, COLUMN_TEXT);
    best_init(&best, most);
    for (int64_t i = 0; i < docs; i++) {
        struct example *x = &all[i];
        *x = (struct example){.s = s, .doc = s->docs.from + i, .first = first, .weight = weight};
        first += s->docs.count[x->doc];
        if (!doc_counts(&s->docs, x->doc, cls))
            continue;
        find_best(x);
        best_offer(&best, x->score, (int32_t)i);
    }
    best_sort(&best);
    for (int32_t i = 0; i < best.n; i++)
        add_example(&all[best.item[i].id], examples, rows);
    table_set_add(set, examples);
    table_set_add(set, rows);
    best_release(&best);
    free(all);
}

const struct study_ops losses_study = {.name = "losses",
                                       .params = params,
                                       .places = two_runs_places,
                                       .open = losses_open,
                                       .free = losses_free,
                                       .n_chunks = losses_chunks,
                                       .chunk = losses_chunk,
                                       .partial_free = losses_partial_free,
                                       .partial_tokens = losses_partial_tokens,
                                       .fold = losses_fold,
                                       .segment = STUDY_SEGMENT,
                                       .merge = losses_merge,
                                       .save = losses_save,
                                       .load = losses_load,
                                       .tables = losses_tables};

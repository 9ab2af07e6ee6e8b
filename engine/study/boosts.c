/* Tokens that are boosted and inhibited. */
#include "engine/study/boosts.h"
#include "engine/base/best.h"
#include "engine/base/memory.h"
#include "engine/study/pass.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BINS = 60 };

static bool is_kept(const struct vocabulary *v, const struct boosts_in *b, int32_t id)
{
    return !(b->max_norm > 0 && v->norms[id] > b->max_norm) &&
           !(b->min_embed > 0 && v->norms[v->n + id] < b->min_embed);
}

static struct table *tokens_new(const char *name, const char *title)
{
    struct table *t = table_new(name, title, MARK_LIST);
    token_columns(t);
    table_column(t, "boost", "", "what is added to the logit", COLUMN_F64, COLUMN_Y);
    table_column(t, "norm_unembed", "", "norm of its unembedding, folded and centred", COLUMN_F64,
                 COLUMN_TEXT);
    table_column(t, "norm_embed", "", "norm of its embedding, centred", COLUMN_F64, COLUMN_TEXT);
    table_column(t, "kept", "", "within the bounds on norms", COLUMN_BOOL, COLUMN_TEXT);
    return t;
}

static void add_token(struct table *t, const struct study_in *in, const struct vocabulary *v,
                      const struct boosts_in *b, const double *boost, int32_t id)
{
    enum { BOOST = 3, UNEMBED, EMBED, KEPT };
    const int64_t row = table_row(t);
    token_cells(t, row, 0, in->tokenizer, id);
    table_set_f64(t, row, BOOST, boost[id]);
    table_set_f64(t, row, UNEMBED, v->norms[id]);
    table_set_f64(t, row, EMBED, v->norms[v->n + id]);
    table_set_bool(t, row, KEPT, is_kept(v, b, id));
}

static struct table *best_table(const struct study_in *in, const struct vocabulary *v,
                                const struct boosts_in *b, const double *boost, const char *name,
                                const char *title, double sign)
{
    struct table *t = tokens_new(name, title);
    struct best best;
    int32_t left_out = 0;
    best_init(&best, b->top < v->n ? b->top : v->n);
    for (int32_t i = 0; i < v->n; i++) {
        const bool kept = is_kept(v, b, i);
        left_out += !kept;
        if (kept && !token_is_garbled(in->tokenizer, i))
            best_offer(&best, sign * boost[i], i);
    }
    best_sort(&best);
    for (int32_t i = 0; i < best.n; i++)
        add_token(t, in, v, b, boost, best.item[i].id);
    best_release(&best);
    table_note(t, "%d of %d tokens are left out by their norms, and blank or garbled ones",
               left_out, v->n);
    return t;
}

static struct table *rows_table(const struct study_in *in, const struct vocabulary *v,
                                const struct boosts_in *b, const double *boost)
{
    struct table *t = tokens_new("rows", "All tokens");
    table_reserve(t, v->n);
    for (int32_t i = 0; i < v->n; i++)
        add_token(t, in, v, b, boost, i);
    int64_t *order = xcalloc((size_t)v->n, sizeof *order);
    table_sort(t, table_find(t, "boost"), true, order);
    struct table *sorted = table_select(t, order, v->n);
    free(order);
    table_free(t);
    return sorted;
}

static struct table *histogram_table(const struct vocabulary *v, const double *boost)
{
    struct table *t = table_new("histogram", "Boosts of all tokens", MARK_HIST);
    double lo = (double)INFINITY, hi = -(double)INFINITY;
    int64_t count[BINS] = {0};
    table_column(t, "lo", "", "lower bound of the bin", COLUMN_F64, COLUMN_LO);
    table_column(t, "hi", "", "upper bound of the bin", COLUMN_F64, COLUMN_HI);
    table_column(t, "tokens", "", "of the vocabulary", COLUMN_I64, COLUMN_Y);
    for (int32_t i = 0; i < v->n; i++)
        lo = fmin(lo, boost[i]), hi = fmax(hi, boost[i]);
    if (!(lo < hi))
        lo -= 0.5, hi += 0.5;
    for (int32_t i = 0; i < v->n; i++) {
        const int32_t bin = (int32_t)((boost[i] - lo) / (hi - lo) * BINS);
        count[bin < BINS ? bin : BINS - 1]++;
    }
    for (int32_t i = 0; i < BINS; i++) {
        const int64_t row = table_row(t);
        table_set_f64(t, row, 0, lo + (hi - lo) / BINS * i);
        table_set_f64(t, row, 1, i + 1 == BINS ? hi : lo + (hi - lo) / BINS * (i + 1));
        table_set_i64(t, row, 2, count[i]);
    }
    return t;
}

/* ---- what boosts */
struct boosting {
    struct run run;
    struct vocabulary v;
    double *boost;
};

/* What the units write, behind the final norm's weight. */
static void add_units(struct run *run, const struct study_in *in, const struct boosts_in *b,
                      double *w)
{
    const int32_t d = model_config(in->model)->d_model;
    float *u = xcalloc((size_t)d, sizeof *u);
    for (int32_t i = 0; i < b->n; i++) {
        const struct dict_place *place = &in->dicts->place[b->unit[i].dict];
        struct arena_mark mark = arena_mark(run->arena);
        const struct linear *behind = model_linear_behind(in->model, place->at);
        vocabulary_direct(run, in, dict_push(run, place->dict, behind, &b->unit[i].index, 1), u);
        arena_reset(run->arena, mark);
        for (int32_t k = 0; k < d && run_ok(run); k++)
            w[k] += b->change[i] * (double)u[k];
    }
    free(u);
}

static bool check(const struct study_in *in, const struct boosts_in *b, struct error *e)
{
    char name[POINT_NAME_MAX];
    for (int32_t i = 0; i < b->n; i++) {
        const struct point at = in->dicts->place[b->unit[i].dict].at;
        point_name(at, name);
        if (!model_writes_stream(in->model, at))
            return error_set(e, ERROR_INPUT,
                             "boosts: what %s writes to the residual stream depends on the text, "
                             "expected another hook point",
                             name);
    }
    return true;
}

static bool boosting_init(struct boosting *q, const struct study_in *in, const struct boosts_in *b,
                          bool norms, const struct study_loop *loop, struct error *e)
{
    const size_t d = (size_t)model_config(in->model)->d_model;
    *q = (struct boosting){.run = {.queue = in->queue}};
    if (!check(in, b, e))
        return false;
    q->run.arena = arena_new(in->queue);
    if (loop)
        q->run.cancel = loop->cancel, q->run.poll = loop->poll, q->run.poll_arg = loop->poll_arg;
    double *w = xcalloc(d, sizeof *w);
    if (b->n == 0)
        memcpy(w, b->hidden, d * sizeof *w);
    add_units(&q->run, in, b, w);
    bool ok = vocabulary_init(&q->v, &q->run, in, norms);
    if (ok) {
        q->boost = xcalloc((size_t)q->v.n, sizeof *q->boost);
        ok = vocabulary_logits(&q->v, &q->run, in, w, b->centred, q->boost);
    }
    free(w);
    return ok || error_set(e, q->run.err.kind, "%s", q->run.err.text);
}

static void boosting_release(struct boosting *q)
{
    vocabulary_release(&q->v);
    free(q->boost);
    if (q->run.arena)
        arena_free(q->run.arena);
}

bool boosts_run(const struct study_in *in, const struct boosts_in *b, const struct study_loop *loop,
                struct table_set *set, struct error *e)
{
    struct boosting q;
    const bool ok = boosting_init(&q, in, b, true, loop, e);
    if (ok) {
        table_set_add(set, best_table(in, &q.v, b, q.boost, "boosted", "Tokens most boosted", 1));
        table_set_add(set,
                      best_table(in, &q.v, b, q.boost, "inhibited", "Tokens most inhibited", -1));
        table_set_add(set, rows_table(in, &q.v, b, q.boost));
        table_set_add(set, histogram_table(&q.v, q.boost));
    }
    boosting_release(&q);
    return ok;
}

/* ---- frequent tokens */
struct counting {
    int32_t n;
    int64_t *texts, *tokens; /* [classes, n] */
    int64_t *last;           /* [n] the text that had it last, from 1 */
};

static void count_text(struct counting *q, int32_t cls, int64_t doc, const struct pass_doc *d)
{
    for (int32_t i = 0; i < d->n; i++) {
        const int32_t id = d->token[i].id;
        const size_t at = (size_t)cls * (size_t)q->n + (size_t)id;
        if (id < 0 || id >= q->n)
            continue;
        q->tokens[at]++;
        q->texts[at] += q->last[id] != doc + 1;
        q->last[id] = doc + 1;
    }
}

static bool count_all(struct counting *q, const struct study_in *in, const struct study_loop *loop,
                      struct error *e)
{
    for (int64_t i = 0; i < in->corpus->n_docs; i++) {
        struct pass_doc *d = pass_docs(in, i, 1);
        count_text(q, in->corpus->doc[i].cls, i, d);
        pass_docs_free(d, 1);
        if (loop && loop->poll)
            loop->poll(loop->poll_arg);
        if (loop && loop->cancel && atomic_load(loop->cancel))
            return error_set(e, ERROR_CANCELLED, "interrupted");
    }
    return true;
}

static void add_class(const struct study_in *in, const struct counting *q, const double *boost,
                      int32_t cls, int32_t top, bool by_tokens, struct table *rows,
                      struct table *classes)
{
    const int64_t *texts = q->texts + (size_t)cls * (size_t)q->n,
                  *tokens = q->tokens + (size_t)cls * (size_t)q->n;
    struct best best;
    double sum = 0;
    best_init(&best, top < q->n ? top : q->n);
    for (int32_t i = 0; i < q->n; i++)
        if (tokens[i] > 0)
            best_offer(&best, (double)(by_tokens ? tokens[i] : texts[i]), i);
    best_sort(&best);
    for (int32_t i = 0; i < best.n; i++) {
        const int32_t id = best.item[i].id;
        const int64_t row = table_row(rows);
        table_set_str(rows, row, 0, in->corpus->cls[cls].name);
        token_cells(rows, row, 1, in->tokenizer, id);
        table_set_i64(rows, row, 4, texts[id]);
        table_set_i64(rows, row, 5, tokens[id]);
        table_set_f64(rows, row, 6, boost[id]);
        sum += boost[id];
    }
    const int64_t row = table_row(classes);
    table_set_str(classes, row, 0, in->corpus->cls[cls].name);
    if (best.n > 0)
        table_set_f64(classes, row, 1, sum / best.n);
    best_release(&best);
}

bool unigrams_run(const struct study_in *in, const struct boosts_in *b, bool by_tokens,
                  const struct study_loop *loop, struct table_set *set, struct error *e)
{
    struct boosting how;
    struct counting q = {0};
    bool ok = boosting_init(&how, in, b, false, loop, e);
    if (ok) {
        const size_t cells = (size_t)in->corpus->n_classes * (size_t)how.v.n;
        q = (struct counting){.n = how.v.n,
                              .texts = xcalloc(cells, sizeof *q.texts),
                              .tokens = xcalloc(cells, sizeof *q.tokens),
                              .last = xcalloc((size_t)how.v.n, sizeof *q.last)};
        ok = count_all(&q, in, loop, e);
    }
    if (ok) {
        struct table *rows = table_new("rows", "Frequent tokens", MARK_LIST),
                     *classes = table_new("classes", "Mean boost of these", MARK_BAR);
        table_column(rows, "class", "", "class of the texts", COLUMN_STR, COLUMN_SERIES);
        token_columns(rows);
        table_column(rows, "texts", "", "that have it", COLUMN_I64, COLUMN_TEXT);
        table_column(rows, "tokens", "", "how often it occurs", COLUMN_I64, COLUMN_TEXT);
        table_column(rows, "boost", "", "what is added to the logit", COLUMN_F64, COLUMN_Y);
        table_column(classes, "class", "", "class of the texts", COLUMN_STR, COLUMN_KEY);
        table_column(classes, "boost", "", "mean over its frequent tokens", COLUMN_F64, COLUMN_Y);
        for (int32_t c = 0; c < in->corpus->n_classes; c++)
            add_class(in, &q, how.boost, c, b->top, by_tokens, rows, classes);
        table_set_add(set, rows);
        table_set_add(set, classes);
    }
    free(q.texts);
    free(q.tokens);
    free(q.last);
    boosting_release(&how);
    return ok;
}

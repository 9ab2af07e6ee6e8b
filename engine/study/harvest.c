/* Harvest: a chunk's statistics, and the fold. */
#include "engine/base/memory.h"
#include "engine/base/rng.h"
#include "engine/device.h"
#include "engine/study/harvest_private.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    FETCH = 1 << 18,         /* neurons looked at at a time: about a millisecond's work */
    MEASURE = 2 << 20,       /* bytes of a class that are tokenised to know its tokens */
    SURE_BYTES_PER_TOKEN = 3 /* an invalid byte is three bytes of U+FFFD, at most a token each */
};
#define SAMPLE_KEY UINT64_C(0x68617276657374)
#define MEASURE_KEY UINT64_C(0x6d656173757265)

/* ---- opening */
static void partial_release(struct partial *p)
{
    if (!p)
        return;
    free(p->tally);
    pool_release(&p->pool);
    free(p->postings.token);
    free(p->postings.id);
    free(p->postings.value);
    free(p);
}

static void release_spare(struct study *s)
{
    for (struct partial *p = s->spare, *next; p; p = next) {
        next = p->next;
        partial_release(p);
    }
    s->spare = NULL;
}

static void harvest_free(struct study *s)
{
    if (!s)
        return;
    release_spare(s);
    dense_free(s->dense);
    pool_release(&s->pool);
    free(s->postings.token);
    free(s->postings.id);
    free(s->postings.value);
    for (int i = 0; i < 2; i++) {
        csr_host_release(&s->batch[i].codes);
        free(s->batch[i].row);
        free(s->batch[i].cls);
    }
    free(s);
}

static bool check_inputs(const struct study_in *in, struct error *e)
{
    if (!in->dict)
        return error_set(e, ERROR_INPUT,
                         "harvest: found no dictionary, expected an SAE or --neurons");
    if (!in->corpus || in->corpus->n_docs < 1)
        return error_set(e, ERROR_INPUT, "harvest: found no text, expected a corpus");
    if (in->corpus->n_docs > INT32_MAX)
        return error_set(e, ERROR_INPUT, "harvest: found %lld sentences, expected at most %d",
                         (long long)in->corpus->n_docs, INT32_MAX);
    const struct dict_spec *d = dict_spec(in->dict);
    if (!model_check_dict(in->model, in->dict, in->at, e))
        return error_prefix(e, "harvest");
    if ((int64_t)d->m * in->corpus->n_classes > INT64_C(1) << 24)
        return error_set(e, ERROR_INPUT,
                         "harvest: %d latents and %d classes are too many to keep, expected a "
                         "product of at most %d",
                         d->m, in->corpus->n_classes, 1 << 24);
    return true;
}

static bool harvest_open(const struct study_in *in, const struct params *params, struct study **out,
                         struct error *e)
{
    if (!check_inputs(in, e))
        return false;
    struct study *s = xcalloc(1, sizeof *s);
    s->in = *in;
    s->keep = params_flag(params, "keep-activations");
    s->m = dict_spec(in->dict)->m;
    s->n_classes = in->corpus->n_classes;
    s->dense = dense_new(in->queue, s->m, s->n_classes);
    pool_init(&s->pool, s->m, s->n_classes);
    *out = s;
    return true;
}

static int64_t harvest_chunks(const struct study *s)
{
    return pass_chunks(&s->in);
}

/* ---- the sample of tokens */
/* Goes on where a live request has overtaken; false: stop. */
static bool breathe(struct run *run)
{
    if (!run_ok(run))
        return false;
    if (run->poll)
        run->poll(run->poll_arg);
    return run_ok(run);
}

/* Tokens of a class: counted in documents drawn at random, about MEASURE bytes of them (all, when
 * there are no more), and taken to be as many a byte in the others. */
static double count_tokens(struct study *s, int32_t cls, struct run *run)
{
    const struct corpus *c = s->in.corpus;
    double part = (double)MEASURE / (double)c->cls[cls].n_bytes, bytes = 0, tokens = 0;
    for (int64_t i = 0; i < c->n_docs; i++) {
        bool drawn = part >= 1 || (double)(rng_at(MEASURE_KEY, (uint64_t)i) >> 11) * 0x1p-53 < part;
        if (c->doc[i].cls != cls || !drawn)
            continue;
        struct pass_doc *d = pass_docs(&s->in, i, 1);
        tokens += d->n;
        bytes += (double)c->doc[i].n;
        pass_docs_free(d, 1);
        if (!breathe(run))
            return 0;
    }
    return bytes > 0 ? tokens / bytes * (double)c->cls[cls].n_bytes : 0;
}

/* Five standard deviations below HARVEST_SAMPLE, so that a draw does not go beyond it, as far as
 * the tokens of the class are known. */
static bool measure(struct study *s, struct run *run)
{
    const double most = HARVEST_SAMPLE, aim = most - 5 * sqrt(most);
    for (int32_t c = 0; c < s->n_classes && !s->measured; c++) {
        s->share[c] = 1;
        if (s->in.corpus->cls[c].n_bytes <= HARVEST_SAMPLE / SURE_BYTES_PER_TOKEN)
            continue;
        double tokens = count_tokens(s, c, run);
        if (!run_ok(run))
            return false;
        s->share[c] = tokens <= most ? 1 : aim / tokens;
    }
    s->measured = true;
    return run_ok(run);
}

static bool sampled(const struct study *s, int32_t cls, const struct pass_row *r)
{
    uint64_t h = rng_at(rng_at(SAMPLE_KEY, (uint64_t)r->doc), (uint64_t)r->pos);
    return s->share[cls] >= 1 || (double)(h >> 11) * 0x1p-53 < s->share[cls];
}

/* ---- a sub-batch */
struct batch_work {
    struct study *s;
    struct partial *p;
    struct run *run;
    int32_t n_rows;
    const struct pass_row *row;
    int32_t *cls; /* [n_rows] of every row; −1: BOS */
    int32_t n_sampled;
    int32_t *sample_cls; /* [n_rows] of the rows of the sample; −1: another */
};

static void classify(struct batch_work *w)
{
    for (int32_t r = 0; r < w->n_rows; r++) {
        const struct pass_row *row = &w->row[r];
        int32_t cls = w->s->in.corpus->doc[row->doc].cls;
        w->cls[r] = row->pos < 0 ? -1 : cls;
        w->sample_cls[r] = -1;
        if (row->pos < 0)
            continue;
        w->p->count[cls].tokens++;
        if (!sampled(w->s, cls, row))
            continue;
        w->sample_cls[r] = cls;
        w->n_sampled++;
        w->p->count[cls].sampled++;
    }
}

static void post(struct postings *q, int32_t id, float value)
{
    q->id = grow(q->id, &q->cap_pairs, q->n_pairs + 1, sizeof *q->id);
    q->value = grow(q->value, &q->cap_values, q->n_pairs + 1, sizeof *q->value);
    q->id[q->n_pairs] = id;
    q->value[q->n_pairs++] = value;
    q->token[q->n - 1].n++;
}

static void post_token(struct postings *q, int32_t doc, int32_t pos)
{
    q->token = grow(q->token, &q->cap, q->n + 1, sizeof *q->token);
    q->token[q->n++] = (struct posting){doc, pos, 0};
}

/* A latent was active on a row. */
static void fired(struct batch_work *w, int32_t row, int32_t latent, float value)
{
    struct example_pool *pool = &w->p->pool;
    struct examples *x = pool_take(pool, pool_cell(pool, latent, w->cls[row]));
    x->fired++;
    examples_add(x, latent, (struct example){(int32_t)w->row[row].doc, w->row[row].pos, value});
}

/* Of rows first … */
static void active_rows(struct batch_work *w, const struct csr_host *c, int32_t first)
{
    enum { BREATH = 128 }; /* rows: a fifth of a millisecond */
    for (int32_t t = 0; t < c->n_rows; t++) {
        int32_t r = first + t;
        if (t % BREATH == BREATH - 1 && !breathe(w->run))
            return;
        if (w->cls[r] < 0)
            continue;
        if (w->s->keep)
            post_token(&w->p->postings, (int32_t)w->row[r].doc, w->row[r].pos);
        for (int32_t i = c->start[t]; i < c->start[t + 1]; i++) {
            fired(w, r, c->ids[i], c->vals[i]);
            if (w->s->keep)
                post(&w->p->postings, c->ids[i], c->vals[i]);
        }
    }
}

/* Neurons, of which about half are active: a few rows at a time. */
static void active_neurons(struct batch_work *w, struct csr_host *codes, struct tensor dense)
{
    int32_t step = FETCH / (dense.cols > 0 ? dense.cols : 1) + 1;
    for (int32_t first = 0; first < dense.rows && breathe(w->run); first += step) {
        struct arena_mark mark = arena_mark(w->run->arena);
        int32_t n = dense.rows - first < step ? dense.rows - first : step;
        struct code few = {.dense = tensor_rows(dense, first, n)};
        struct csr f = dict_active(w->run, w->s->in.dict, &few, 0);
        if (run_get_csr(w->run, codes, &f))
            active_rows(w, codes, first);
        arena_reset(w->run->arena, mark);
    }
}

static void statistics(struct batch_work *w, struct tensor pre)
{
    w->p->tally->filled = true;
    op_hist(w->run, &w->p->tally->hist, pre, run_put_ids(w->run, pre.rows, 1, w->sample_cls));
}

struct chunk_work {
    struct study *s;
    struct partial *p;
};

/* Takes in the sub-batch before the one at hand, once its codes are here. */
static void land(struct study *s, struct run *run)
{
    struct sub_batch *b = &s->batch[s->turn ^ 1];
    struct batch_work w = {
        .s = s, .p = b->to, .run = run, .n_rows = b->n_rows, .row = b->row, .cls = b->cls};
    if (!b->to)
        return;
    if (run_reach(run, b->mark))
        active_rows(&w, &b->codes, 0);
    else
        run_wait(run); /* they may still come */
    b->to = NULL;
}

/* Leaves the codes on their way while the next sub-batch is computed: rows and classes are kept. */
static void leave(struct batch_work *w, struct sub_batch *b, uint64_t mark)
{
    const size_t n = (size_t)w->n_rows;
    b->row = grow(b->row, &b->cap_rows, n, sizeof *b->row);
    b->cls = grow(b->cls, &b->cap_cls, n, sizeof *b->cls);
    memcpy(b->row, w->row, n * sizeof *b->row);
    memcpy(b->cls, w->cls, n * sizeof *b->cls);
    b->n_rows = w->n_rows, b->mark = mark;
    b->to = w->p;
    w->s->turn ^= 1;
}

/* In order, whatever is on its way; where the device is done when it is asked, nothing ever is. */
static void take_codes(struct batch_work *w, const struct code *f)
{
    struct study *s = w->s;
    struct sub_batch *b = &s->batch[s->turn];
    const bool fetched = !f->dense.buf && run_fetch_csr(w->run, &b->codes, &f->sparse);
    const uint64_t mark = run_mark(w->run);
    land(s, w->run);
    if (f->dense.buf)
        active_neurons(w, &b->codes, f->dense);
    else if (fetched && device_pending(w->run->queue, mark))
        leave(w, b, mark);
    else if (fetched ? run_ok(w->run) : run_get_csr(w->run, &b->codes, &f->sparse))
        active_rows(w, &b->codes, 0);
}

static void take_batch(void *arg, struct run *run, const struct pass_batch *b)
{
    struct chunk_work *c = arg;
    struct batch_work w = {.s = c->s, .p = c->p, .run = run, .n_rows = b->n_rows, .row = b->row};
    size_t rows = (size_t)b->n_rows;
    struct code f;
    struct tensor pre;
    w.cls = xreallocarray(NULL, rows, 2 * sizeof *w.cls);
    w.sample_cls = w.cls + rows;
    classify(&w);
    dict_encode(run, c->s->in.dict, b->state.value, &f, w.n_sampled > 0 ? &pre : NULL);
    if (w.n_sampled > 0)
        statistics(&w, pre);
    take_codes(&w, &f);
    free(w.cls);
}

/* ---- a chunk */
static struct partial *partial_take(struct study *s)
{
    struct partial *p = s->spare;
    if (p) {
        s->spare = p->next;
        return p;
    }
    p = xcalloc(1, sizeof *p);
    p->study = s;
    p->tally = xcalloc(1, sizeof *p->tally);
    p->tally->hist = dense_part(s->dense);
    pool_init(&p->pool, s->m, s->n_classes);
    return p;
}

static bool on_its_way(const struct study *s, const struct partial *p)
{
    return s->batch[0].to == p || s->batch[1].to == p;
}

/* Nobody takes in what is on its way to p. */
static void forget(struct study *s, const struct partial *p)
{
    if (on_its_way(s, p))
        device_sync(s->in.queue); /* it is written to memory that may go */
    for (int i = 0; i < 2; i++)
        if (s->batch[i].to == p)
            s->batch[i].to = NULL;
}

static void partial_free(struct partial *p)
{
    if (!p)
        return;
    forget(p->study, p);
    if (p->tally->filled) /* and not folded */
        dense_clear(p->study->dense, &p->tally->hist);
    p->tally->filled = false;
    pool_clear(&p->pool);
    p->postings.n = p->postings.n_pairs = 0;
    memset(p->count, 0, sizeof p->count);
    p->next = p->study->spare;
    p->study->spare = p;
}

static int64_t partial_tokens(const struct partial *p)
{
    int64_t n = 0;
    for (int32_t c = 0; c < CORPUS_MAX_CLASSES; c++)
        n += p->count[c].tokens;
    return n;
}

/* What went wrong where chunks are put together. */
static bool device_is_well(const struct study *s, struct error *e)
{
    const struct error *of = &s->dense->run.err;
    return !error_is_set(of) || error_set(e, of->kind, "%s", of->text);
}

static struct partial *harvest_chunk(struct study *s, int64_t i, struct run *run)
{
    if (!measure(s, run) || !device_is_well(s, &run->err))
        return NULL;
    struct chunk_work c = {s, partial_take(s)};
    const struct corpus *corpus = s->in.corpus;
    pass_chunk(run, &s->in, i, take_batch, &c);
    const struct pass_range of = pass_range(&s->in, i);
    for (int64_t d = of.first; d < of.first + of.n; d++) {
        struct harvest_class *n = &c.p->count[corpus->doc[d].cls];
        n->sentences++;
        n->words += corpus_words(&corpus->doc[d]);
    }
    if (run_ok(run))
        return c.p;
    partial_free(c.p);
    return NULL;
}

/* ---- fold */
static void fold_postings(struct postings *to, const struct postings *from)
{
    to->token = grow(to->token, &to->cap, to->n + from->n, sizeof *to->token);
    to->id = grow(to->id, &to->cap_pairs, to->n_pairs + from->n_pairs, sizeof *to->id);
    to->value = grow(to->value, &to->cap_values, to->n_pairs + from->n_pairs, sizeof *to->value);
    if (from->n > 0)
        memcpy(to->token + to->n, from->token, from->n * sizeof *to->token);
    if (from->n_pairs > 0) {
        memcpy(to->id + to->n_pairs, from->id, from->n_pairs * sizeof *to->id);
        memcpy(to->value + to->n_pairs, from->value, from->n_pairs * sizeof *to->value);
    }
    to->n += from->n;
    to->n_pairs += from->n_pairs;
}

static void harvest_fold(struct study *s, int64_t i, const struct partial *p)
{
    (void)i;
    for (int32_t c = 0; c < s->n_classes; c++) {
        s->count[c].sentences += p->count[c].sentences;
        s->count[c].tokens += p->count[c].tokens;
        s->count[c].words += p->count[c].words;
        s->count[c].sampled += p->count[c].sampled;
        s->dense->n[c] += p->count[c].sampled;
    }
    if (p->tally->filled)
        dense_take(s->dense, &p->tally->hist);
    p->tally->filled = false;
    pool_fold(&s->pool, &p->pool);
    if (s->keep)
        fold_postings(&s->postings, &p->postings);
}

static void harvest_end_segment(struct study *s)
{
    dense_end_segment(s->dense);
}

static bool harvest_collect(struct study *s, struct error *e)
{
    int64_t folded = 0;
    dense_read(s->dense);
    for (int32_t c = 0; c < s->n_classes; c++)
        folded += s->count[c].sentences;
    if (!device_is_well(s, e))
        return false;
    if (folded == s->in.corpus->n_docs) { /* no chunk is left */
        release_spare(s);
        dense_leave(s->dense);
    }
    return true;
}

static void harvest_merge(struct study *to, const struct study *from)
{
    dense_read(from->dense);
    dense_merge(to->dense, from->dense);
    for (int32_t c = 0; c < to->n_classes; c++) {
        to->count[c].sentences += from->count[c].sentences;
        to->count[c].tokens += from->count[c].tokens;
        to->count[c].words += from->count[c].words;
        to->count[c].sampled += from->count[c].sampled;
    }
    pool_fold(&to->pool, &from->pool);
    if (to->keep)
        fold_postings(&to->postings, &from->postings);
}

/* ---- results */
int32_t harvest_n_classes(const struct study *s)
{
    return s->n_classes;
}

int32_t harvest_n_latents(const struct study *s)
{
    return s->m;
}

const struct harvest_class *harvest_class(const struct study *s, int32_t cls)
{
    return &s->count[cls];
}

static int by_value(const void *a, const void *b)
{
    const struct example *x = a, *y = b;
    return example_better(*x, *y) ? -1 : example_better(*y, *x);
}

static void class_detail(const struct study *s, int32_t latent, int32_t c, struct latent_class *out)
{
    const struct dense *d = s->dense;
    size_t cell = dense_at(d, c, latent);
    const struct examples *x = pool_find(&s->pool, pool_cell(&s->pool, latent, c));
    out->n = d->n[c];
    out->sum = d->closed[cell] + d->sum[cell];
    out->sum_sq = d->closed_sq[cell] + d->sum_sq[cell];
    out->min = out->n > 0 ? d->min[cell] : NAN;
    out->max = out->n > 0 ? d->max[cell] : NAN;
    memcpy(out->bin, d->bin + cell * HARVEST_BINS, sizeof out->bin);
    if (!x)
        return;
    out->fired = x->fired;
    out->n_top = x->n_top;
    out->n_sample = x->n_sample;
    memcpy(out->top, x->top, x->n_top * sizeof *x->top);
    memcpy(out->sample, x->sample, x->n_sample * sizeof *x->sample);
    if (x->fired > HARVEST_TOP)
        out->levels = x->levels;
    qsort(out->sample, x->n_sample, sizeof *out->sample, by_value);
}

static void fill_detail(const struct study *s, int32_t latent, struct latent_detail *d)
{
    memset(d, 0, sizeof *d + (size_t)s->n_classes * sizeof *d->cls);
    dense_read(s->dense);
    d->latent = latent;
    d->exponent = s->dense->exponent[latent];
    d->n_classes = s->n_classes;
    for (int32_t c = 0; c < s->n_classes; c++)
        class_detail(s, latent, c, &d->cls[c]);
}

static struct latent_detail *new_detail(const struct study *s)
{
    struct latent_detail *d = NULL;
    return xmalloc(sizeof *d + (size_t)s->n_classes * sizeof *d->cls);
}

struct latent_detail *harvest_detail(const struct study *s, int32_t latent)
{
    struct latent_detail *d = new_detail(s);
    fill_detail(s, latent, d);
    return d;
}

void harvest_postings(const struct study *s, posting_sink *sink, void *arg)
{
    const struct postings *q = &s->postings;
    size_t at = 0;
    for (size_t i = 0; i < q->n; i++) {
        sink(arg, q->token[i].doc, q->token[i].pos, q->token[i].n, q->id + at, q->value + at);
        at += (size_t)q->token[i].n;
    }
}

struct viewed { /* what a view of a running study borrows from */
    const struct study *s;
    struct latent_detail *d;
};

static const struct latent_detail *view_detail(void *arg, int32_t latent)
{
    struct viewed *v = arg;
    fill_detail(v->s, latent, v->d);
    return v->d;
}

void harvest_view_of(struct study *s, const char *const *cls, struct harvest_view *out)
{
    struct viewed *v = xmalloc(sizeof *v);
    *v = (struct viewed){s, new_detail(s)};
    *out = (struct harvest_view){.cls = cls,
                                 .n_classes = s->n_classes,
                                 .n_latents = s->m,
                                 .counts = s->count,
                                 .detail = view_detail,
                                 .arg = v};
}

void harvest_view_release(struct harvest_view *h)
{
    struct viewed *v = h->arg;
    if (v)
        free(v->d);
    free(v);
    *h = (struct harvest_view){0};
}

static struct table_set *harvest_tables(struct study *s)
{
    struct table_set *set = table_set_new();
    struct table *t = table_new("classes", "The corpus", MARK_LIST);
    int32_t cls = table_column(t, "class", "", "class of the corpus", COLUMN_STR, COLUMN_KEY);
    int32_t sentences = table_column(t, "sentences", "", "documents", COLUMN_I64, COLUMN_TEXT);
    int32_t tokens = table_column(t, "tokens", "", "tokens without BOS", COLUMN_I64, COLUMN_TEXT);
    int32_t words =
        table_column(t, "words", "", "separated by whitespace", COLUMN_I64, COLUMN_TEXT);
    int32_t per_word =
        table_column(t, "tokens_per_word", "", "tokens over words", COLUMN_F64, COLUMN_TEXT);
    for (int32_t c = 0; c < s->n_classes; c++) {
        const struct harvest_class *n = &s->count[c];
        int64_t row = table_row(t);
        table_set_str(t, row, cls, s->in.corpus->cls[c].name);
        table_set_i64(t, row, sentences, n->sentences);
        table_set_i64(t, row, tokens, n->tokens);
        table_set_i64(t, row, words, n->words);
        if (n->words > 0)
            table_set_f64(t, row, per_word, (double)n->tokens / (double)n->words);
    }
    table_set_add(set, t);
    return set;
}

static const struct param params[] = {
    {"keep-activations", NULL, "also keep every activation", PARAM_FLAG, .in_key = true},
    {.name = NULL},
};

const struct study_ops harvest_study = {.name = "harvest",
                                        .params = params,
                                        .open = harvest_open,
                                        .free = harvest_free,
                                        .n_chunks = harvest_chunks,
                                        .chunk = harvest_chunk,
                                        .partial_free = partial_free,
                                        .on_its_way = on_its_way,
                                        .land = land,
                                        .partial_tokens = partial_tokens,
                                        .fold = harvest_fold,
                                        .segment = STUDY_SEGMENT,
                                        .end_segment = harvest_end_segment,
                                        .collect = harvest_collect,
                                        .merge = harvest_merge,
                                        .save = harvest_save,
                                        .load = harvest_load,
                                        .tables = harvest_tables};

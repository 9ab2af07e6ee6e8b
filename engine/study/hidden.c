/* The final norm behind a layer, with units at one value minus with them at another. */
#include "engine/study/hidden.h"
#include "engine/base/memory.h"
#include "engine/study/pass.h"
#include "engine/study/runs.h"
#include <limits.h>
#include <stdlib.h>
#include <string.h>

struct sums { /* of classes */
    int64_t texts[CORPUS_MAX_CLASSES];
    double *x; /* [n_classes, d] */
};

struct study {
    struct study_in in;
    struct two_runs runs; /* on, off */
    int32_t n_classes, d;
    struct point to;
    struct sums done, open; /* of segments that are whole, and of the one at hand */
    double *mean;           /* [d] what was asked for last */
};

struct partial {
    int64_t n_tokens;
    struct sums sum;
};

static struct sums sums_new(const struct study *s)
{
    return (struct sums){.x = xcalloc((size_t)s->n_classes * (size_t)s->d, sizeof(double))};
}

static void sums_add(struct sums *to, const struct sums *from, const struct study *s)
{
    for (size_t i = 0; i < (size_t)s->n_classes * (size_t)s->d; i++)
        to->x[i] += from->x[i];
    for (int32_t c = 0; c < s->n_classes; c++)
        to->texts[c] += from->texts[c];
}

/* ---- opening */
static void hidden_free(struct study *s)
{
    if (!s)
        return;
    two_runs_release(&s->runs);
    free(s->done.x);
    free(s->open.x);
    free(s->mean);
    free(s);
}

static const struct param params[] = {
    STUDY_RUNS_ROWS,
    {"layer", "L", "behind this layer; -1: the first with a unit", PARAM_INT, "-1", .min = -1,
     .max = INT16_MAX, .in_key = true},
    {.name = NULL},
};

static bool take_layer(struct study *s, const struct params *p, struct error *e)
{
    const int32_t n_layers = model_config(s->in.model)->n_layers;
    int64_t layer = params_int(p, "layer");
    int32_t first = n_layers;
    for (int32_t i = 0; i < s->runs.n_units; i++) {
        const int32_t own = s->runs.set.place[s->runs.unit[i].dict].at.layer;
        first = own < first ? own : first;
    }
    if (layer < 0)
        layer = first;
    if (layer < first || layer < 0 || layer >= n_layers)
        return error_set(e, ERROR_INPUT, "hidden: found layer %lld, expected %d to %d",
                         (long long)layer, first < 0 ? 0 : first, n_layers - 1);
    s->to = (struct point){(int16_t)layer, SITE_RESID_POST};
    return true;
}

static bool hidden_open(const struct study_in *in, const struct params *p, struct study **out,
                        struct error *e)
{
    if (!units_check_in("hidden", in, e))
        return false;
    struct study *s = xcalloc(1, sizeof *s);
    s->in = *in;
    s->n_classes = in->corpus->n_classes;
    s->d = model_config(in->model)->d_model;
    if (!two_runs_take(&s->runs, "hidden", &s->in, p, e) || !take_layer(s, p, e)) {
        hidden_free(s);
        return false;
    }
    s->done = sums_new(s);
    s->open = sums_new(s);
    s->mean = xcalloc((size_t)s->d, sizeof *s->mean);
    *out = s;
    return true;
}

static int64_t hidden_chunks(const struct study *s)
{
    return pass_chunks(&s->in);
}

/* ---- a chunk */
struct work {
    struct study *s;
    struct partial *p;
};

static void add_final(struct work *w, struct run *run, const struct pass_batch *b,
                      const struct state *at, double sign)
{
    const struct study *s = w->s;
    const size_t d = (size_t)s->d;
    struct batch batch = sequences_batch(b->seq);
    struct state end;
    float *h = xcalloc((size_t)b->n_rows * d, sizeof *h);
    /* what the layer would say: the final norm right behind it */
    struct state last = *at;
    last.at = (struct point){(int16_t)(model_config(s->in.model)->n_layers - 1), SITE_RESID_POST};
    model_forward(run, s->in.model, &batch, &last, model_end(s->in.model), NULL, 0, &end);
    run_get(run, h, end.value);
    for (int32_t q = 0; q < b->seq->n && run_ok(run); q++) {
        const int32_t from = b->seq->start[q], n = b->seq->start[q + 1] - from;
        double *x = w->p->sum.x + (size_t)s->in.corpus->doc[b->row[from].doc].cls * d;
        for (int32_t t = from; t < from + n; t++)
            for (size_t k = 0; k < d; k++)
                x[k] += sign * (double)h[(size_t)t * d + k] / n;
    }
    free(h);
}

static void take_batch(void *arg, struct run *run, const struct pass_batch *b)
{
    struct work *w = arg;
    const struct study *s = w->s;
    struct batch batch = sequences_batch(b->seq);
    for (int which = 0; which < TWO_RUNS; which++) {
        struct state at;
        two_runs_forward(&s->runs, which, run, &s->in, &batch, &b->state, s->to, NULL, 0, &at);
        add_final(w, run, b, &at, which == RUN_A ? 1 : -1);
    }
    for (int32_t q = 0; q < b->seq->n; q++)
        w->p->sum.texts[s->in.corpus->doc[b->row[b->seq->start[q]].doc].cls]++;
    w->p->n_tokens += b->n_rows;
}

static void partial_free(struct partial *p)
{
    if (!p)
        return;
    free(p->sum.x);
    free(p);
}

static int64_t partial_tokens(const struct partial *p)
{
    return p->n_tokens;
}

static struct partial *hidden_chunk(struct study *s, int64_t i, struct run *run)
{
    struct partial *p = xcalloc(1, sizeof *p);
    struct work w = {s, p};
    const struct pass_how how = {.to = s->runs.first, .most = INT_MAX};
    p->sum = sums_new(s);
    pass_chunk_how(run, &s->in, i, &how, take_batch, &w);
    if (run_ok(run))
        return p;
    partial_free(p);
    return NULL;
}

/* ---- folding */
static void hidden_fold(struct study *s, int64_t i, const struct partial *p)
{
    (void)i;
    sums_add(&s->open, &p->sum, s);
}

static void hidden_end_segment(struct study *s)
{
    sums_add(&s->done, &s->open, s);
    free(s->open.x);
    s->open = sums_new(s);
}

static void hidden_merge(struct study *to, const struct study *from)
{
    hidden_end_segment(to);
    sums_add(&to->open, &from->open, to);
}

static void hidden_save(const struct study *s, struct blob_writer *b)
{
    const struct sums *const part[] = {&s->done, &s->open};
    blob_add_i64(b, s->d);
    blob_add_i64(b, s->n_classes);
    for (int i = 0; i < 2; i++) {
        for (int32_t c = 0; c < s->n_classes; c++)
            blob_add_i64(b, part[i]->texts[c]);
        for (size_t k = 0; k < (size_t)s->n_classes * (size_t)s->d; k++)
            blob_add_f64(b, part[i]->x[k]);
    }
}

static bool hidden_load(struct study *s, struct blob_reader *r, struct error *e)
{
    const unsigned long long n = r->left;
    const uint64_t cells = (uint64_t)s->n_classes * (uint64_t)s->d;
    struct sums *const part[] = {&s->done, &s->open};
    bool ok = blob_i64(r) == s->d && blob_i64(r) == s->n_classes &&
              r->left == 2 * (cells + (uint64_t)s->n_classes) * 8;
    for (int i = 0; ok && i < 2; i++) {
        for (int32_t c = 0; c < s->n_classes; c++) {
            part[i]->texts[c] = blob_i64(r);
            ok = ok && part[i]->texts[c] >= 0 && part[i]->texts[c] <= s->in.corpus->n_docs;
        }
        for (uint64_t k = 0; k < cells; k++)
            part[i]->x[k] = blob_f64(r);
    }
    return (ok && blob_end(r)) ||
           error_set(e, ERROR_INPUT,
                     "hidden: a checkpoint of %llu bytes does not hold %d values of %d classes", n,
                     s->d, s->n_classes);
}

/* ---- looking */
static const double *mean_of(struct study *s, int32_t cls, int64_t *texts)
{
    const size_t d = (size_t)s->d, at = (size_t)cls * d;
    *texts = s->done.texts[cls] + s->open.texts[cls];
    for (size_t k = 0; k<d && * texts> 0; k++)
        s->mean[k] = (s->done.x[at + k] + s->open.x[at + k]) / (double)*texts;
    return *texts > 0 ? s->mean : NULL;
}

const double *hidden_change(const struct study *s, int32_t cls, int64_t *texts)
{
    return mean_of((struct study *)s, cls, texts);
}

static struct table_set *hidden_tables(struct study *s)
{
    struct table_set *set = table_set_new();
    struct table *t = table_new("rows", "Change behind the final norm", MARK_LIST);
    table_column(t, "class", "", "class of the texts", COLUMN_STR, COLUMN_SERIES);
    table_column(t, "dimension", "", "of the residual stream", COLUMN_I64, COLUMN_KEY);
    table_column(t, "change", "", "mean over texts of the mean over positions", COLUMN_F64,
                 COLUMN_Y);
    for (int32_t c = 0; c < s->n_classes; c++) {
        int64_t texts;
        const double *x = hidden_change(s, c, &texts);
        for (int32_t k = 0; x && k < s->d; k++) {
            const int64_t row = table_row(t);
            table_set_str(t, row, 0, s->in.corpus->cls[c].name);
            table_set_i64(t, row, 1, k);
            table_set_f64(t, row, 2, x[k]);
        }
    }
    table_set_add(set, t);
    return set;
}

const struct study_ops hidden_study = {.name = "hidden",
                                       .params = params,
                                       .places = two_runs_places,
                                       .open = hidden_open,
                                       .free = hidden_free,
                                       .n_chunks = hidden_chunks,
                                       .chunk = hidden_chunk,
                                       .partial_free = partial_free,
                                       .partial_tokens = partial_tokens,
                                       .fold = hidden_fold,
                                       .segment = STUDY_SEGMENT,
                                       .end_segment = hidden_end_segment,
                                       .merge = hidden_merge,
                                       .save = hidden_save,
                                       .load = hidden_load,
                                       .tables = hidden_tables};

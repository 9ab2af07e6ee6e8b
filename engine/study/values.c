/* Values: the rows, chunk by chunk. What is made of them: values_tables.c. */
#include "engine/base/memory.h"
#include "engine/study/pass.h"
#include "engine/study/values_private.h"
#include <stdlib.h>
#include <string.h>

struct partial { /* rows of one chunk, in corpus order */
    int64_t n;
    int32_t *doc, *pos, *start, *end;
    float *pre, *act; /* [n, n_units] */
};

/* ---- opening */
static void values_free(struct study *s)
{
    if (!s)
        return;
    for (int32_t j = 0; j < s->units.n; j++) {
        free(s->pre[j]);
        free(s->act[j]);
    }
    free(s->doc);
    free(s->pos);
    free(s->start);
    free(s->end);
    units_release(&s->units);
    free(s);
}

static bool values_open(const struct study_in *in, const struct params *params, struct study **out,
                        struct error *e)
{
    if (!params_has(params, "units"))
        return error_set(e, ERROR_INPUT, "values: no unit is given, expected 1 to %d", UNITS_MAX);
    struct study *s = xcalloc(1, sizeof *s);
    s->in = *in;
    if (!units_init(&s->units, "values", in, params, e)) {
        free(s);
        return false;
    }
    *out = s;
    return true;
}

static int64_t values_chunks(const struct study *s)
{
    return pass_chunks(&s->in);
}

/* ---- a chunk */
static void partial_free(struct partial *p)
{
    if (!p)
        return;
    free(p->doc);
    free(p->pos);
    free(p->start);
    free(p->end);
    free(p->pre);
    free(p->act);
    free(p);
}

static int64_t partial_tokens(const struct partial *p)
{
    return p->n;
}

static struct partial *partial_new(int64_t n, int32_t n_units)
{
    struct partial *p = xcalloc(1, sizeof *p);
    size_t rows = (size_t)n + 1;
    p->n = n;
    p->doc = xcalloc(rows, sizeof *p->doc);
    p->pos = xcalloc(rows, sizeof *p->pos);
    p->start = xcalloc(rows, sizeof *p->start);
    p->end = xcalloc(rows, sizeof *p->end);
    p->pre = xcalloc(rows * (size_t)n_units, sizeof *p->pre);
    p->act = xcalloc(rows * (size_t)n_units, sizeof *p->act);
    return p;
}

struct work {
    struct study *s;
    struct partial *p;
    int64_t first, *row_of;
};

static void take_batch(void *arg, struct run *run, const struct pass_batch *b)
{
    struct work *w = arg;
    const struct units *u = &w->s->units;
    const struct study_in *in = &w->s->in;
    size_t J = (size_t)u->n, T = (size_t)b->n_rows;
    float *pre = xcalloc(T * J + 1, sizeof *pre), *act = xcalloc(T * J + 1, sizeof *act);
    struct code f = {0};
    run_get(run, pre, dict_encode_units(run, in->dict, b->state.value, u->id, u->n));
    dict_check_values(run, in->dict, pre, b->n_rows, u->id, u->n);
    if (u->identity) {
        memcpy(act, pre, T * J * sizeof *act);
    } else {
        dict_encode(run, in->dict, b->state.value, &f, NULL);
        units_act(run, u, in, &f, act);
    }
    for (size_t t = 0; t < T && run_ok(run); t++) {
        if (b->row[t].pos < 0)
            continue;
        size_t at = (size_t)(w->row_of[b->row[t].doc - w->first] + b->row[t].pos);
        memcpy(w->p->pre + at * J, pre + t * J, J * sizeof *pre);
        memcpy(w->p->act + at * J, act + t * J, J * sizeof *act);
    }
    free(pre);
    free(act);
}

static struct partial *values_chunk(struct study *s, int64_t i, struct run *run)
{
    const struct pass_range of = pass_range(&s->in, i);
    struct work w = {.s = s, .first = of.first};
    int64_t n = 0;
    const int32_t n_docs = of.n;
    w.row_of = xcalloc((size_t)n_docs + 1, sizeof *w.row_of);
    struct pass_doc *docs = pass_docs(&s->in, w.first, n_docs);
    for (int32_t d = 0; d < n_docs; d++) {
        w.row_of[d] = n;
        n += docs[d].n;
    }
    w.p = partial_new(n, s->units.n);
    for (int32_t d = 0; d < n_docs; d++)
        for (int32_t t = 0; t < docs[d].n; t++) {
            int64_t at = w.row_of[d] + t;
            w.p->doc[at] = (int32_t)docs[d].doc, w.p->pos[at] = t;
            w.p->start[at] = docs[d].token[t].start, w.p->end[at] = docs[d].token[t].end;
        }
    pass_docs_free(docs, n_docs);
    pass_chunk(run, &s->in, i, take_batch, &w);
    free(w.row_of);
    if (run_ok(run))
        return w.p;
    partial_free(w.p);
    return NULL;
}

/* ---- folding */
static void reserve(struct study *s, size_t need)
{
    if (need <= s->cap)
        return;
    size_t cap = s->cap * 2 > need ? s->cap * 2 : need;
    s->doc = xreallocarray(s->doc, cap, sizeof *s->doc);
    s->pos = xreallocarray(s->pos, cap, sizeof *s->pos);
    s->start = xreallocarray(s->start, cap, sizeof *s->start);
    s->end = xreallocarray(s->end, cap, sizeof *s->end);
    for (int32_t j = 0; j < s->units.n; j++) {
        s->pre[j] = xreallocarray(s->pre[j], cap, sizeof(float));
        s->act[j] = xreallocarray(s->act[j], cap, sizeof(float));
    }
    s->cap = cap;
}

static void values_fold(struct study *s, int64_t i, const struct partial *p)
{
    (void)i;
    size_t J = (size_t)s->units.n, n = (size_t)p->n, at = (size_t)s->n;
    reserve(s, at + n);
    if (n == 0)
        return;
    memcpy(s->doc + at, p->doc, n * sizeof *s->doc);
    memcpy(s->pos + at, p->pos, n * sizeof *s->pos);
    memcpy(s->start + at, p->start, n * sizeof *s->start);
    memcpy(s->end + at, p->end, n * sizeof *s->end);
    for (size_t j = 0; j < J; j++)
        for (size_t t = 0; t < n; t++) {
            s->pre[j][at + t] = p->pre[t * J + j];
            s->act[j][at + t] = p->act[t * J + j];
        }
    s->n += p->n;
}

static void values_merge(struct study *to, const struct study *from)
{
    size_t n = (size_t)from->n, at = (size_t)to->n;
    if (n == 0)
        return;
    reserve(to, at + n);
    memcpy(to->doc + at, from->doc, n * sizeof *to->doc);
    memcpy(to->pos + at, from->pos, n * sizeof *to->pos);
    memcpy(to->start + at, from->start, n * sizeof *to->start);
    memcpy(to->end + at, from->end, n * sizeof *to->end);
    for (int32_t j = 0; j < to->units.n; j++) {
        memcpy(to->pre[j] + at, from->pre[j], n * sizeof(float));
        memcpy(to->act[j] + at, from->act[j], n * sizeof(float));
    }
    to->n += from->n;
}

/* ---- checkpoints */
static void add_f32(struct blob_writer *b, float f)
{
    uint32_t u;
    memcpy(&u, &f, sizeof u);
    blob_add_u32(b, u);
}

static float get_f32(struct blob_reader *r)
{
    uint32_t u = blob_u32(r);
    float f;
    memcpy(&f, &u, sizeof f);
    return f;
}

static void values_save(const struct study *s, struct blob_writer *b)
{
    blob_add_i64(b, s->units.n);
    blob_add_i64(b, s->n);
    for (int64_t t = 0; t < s->n; t++) {
        blob_add_u32(b, (uint32_t)s->doc[t]);
        blob_add_u32(b, (uint32_t)s->pos[t]);
        blob_add_u32(b, (uint32_t)s->start[t]);
        blob_add_u32(b, (uint32_t)s->end[t]);
        for (int32_t j = 0; j < s->units.n; j++) {
            add_f32(b, s->pre[j][t]);
            add_f32(b, s->act[j][t]);
        }
    }
}

static bool read_row(struct study *s, struct blob_reader *r, int64_t t)
{
    uint32_t doc = blob_u32(r), pos = blob_u32(r), start = blob_u32(r), end = blob_u32(r);
    if (r->bad || doc >= (uint64_t)s->in.corpus->n_docs || pos > INT32_MAX || start > end ||
        end > s->in.corpus->doc[doc].n || end > INT32_MAX ||
        (t > 0 && (int32_t)doc < s->doc[t - 1]))
        return false;
    s->doc[t] = (int32_t)doc, s->pos[t] = (int32_t)pos;
    s->start[t] = (int32_t)start, s->end[t] = (int32_t)end;
    for (int32_t j = 0; j < s->units.n; j++) {
        s->pre[j][t] = get_f32(r);
        s->act[j][t] = get_f32(r);
    }
    return !r->bad;
}

static bool values_load(struct study *s, struct blob_reader *r, struct error *e)
{
    const unsigned long long n = r->left;
    int64_t n_units = blob_i64(r), rows = blob_i64(r);
    size_t row = 16 + 8 * (size_t)s->units.n;
    if (r->bad || n_units != s->units.n || rows < 0 || r->left % row != 0 ||
        (uint64_t)rows != r->left / row)
        return error_set(e, ERROR_INPUT,
                         "values: a checkpoint of %llu bytes does not hold whole rows of %d units",
                         n, s->units.n);
    reserve(s, (size_t)rows);
    s->n = 0;
    for (int64_t t = 0; t < rows; t++)
        if (!read_row(s, r, t))
            return error_set(e, ERROR_INPUT,
                             "values: row %lld of the checkpoint is no token of the corpus",
                             (long long)t);
    s->n = rows;
    return true;
}

/* ---- looking */
int64_t values_n(const struct study *s)
{
    return s->n;
}

const float *values_pre(const struct study *s, int32_t j)
{
    return j >= 0 && j < s->units.n ? s->pre[j] : NULL;
}

const float *values_act(const struct study *s, int32_t j)
{
    return j >= 0 && j < s->units.n ? s->act[j] : NULL;
}

bool values_row(const struct study *s, int64_t row, int32_t *doc, int32_t *pos, int32_t *start,
                int32_t *end)
{
    if (row < 0 || row >= s->n)
        return false;
    *doc = s->doc[row], *pos = s->pos[row], *start = s->start[row], *end = s->end[row];
    return true;
}

static struct table_set *values_tables(struct study *s)
{
    struct table_set *set = table_set_new();
    table_set_add(set, values_histogram(s, false));
    table_set_add(set, values_overlap(s, 0));
    return set;
}

static const struct param params[] = {STUDY_UNITS_ROW, {.name = NULL}};

const struct study_ops values_study = {.name = "values",
                                       .params = params,
                                       .open = values_open,
                                       .free = values_free,
                                       .n_chunks = values_chunks,
                                       .chunk = values_chunk,
                                       .partial_free = partial_free,
                                       .partial_tokens = partial_tokens,
                                       .fold = values_fold,
                                       .segment = STUDY_SEGMENT,
                                       .merge = values_merge,
                                       .save = values_save,
                                       .load = values_load,
                                       .tables = values_tables};

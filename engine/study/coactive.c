/* Co-activation: how often each unit fires together with every latent: tokens with both among the k
 * over tokens with either (Jaccard).
 *
 * Table "rows": latent, other, tokens (with both), jaccard; the `rows` others with the largest
 * jaccard for each unit (ties: lower latent). Of a token only its active units come from the
 * device, k ids: counting pairs of them there would save nothing. */
#include "engine/base/memory.h"
#include "engine/study/pass.h"
#include "engine/study/units.h"
#include <stdlib.h>
#include <string.h>

struct study {
    struct study_in in;
    struct units units;
    int32_t m, rows;
    uint32_t *fired; /* [m] tokens */
    uint32_t *both;  /* [n_units, m] tokens */
};

struct partial { /* the active latents of every token, one token after the other */
    int64_t tokens;
    size_t n, cap_id, n_end, cap_end;
    int32_t *id;
    size_t *end; /* [tokens] where a token's latents end in id */
};

/* ---- opening */
static void coactive_free(struct study *s)
{
    if (!s)
        return;
    units_release(&s->units);
    free(s->fired);
    free(s->both);
    free(s);
}

static bool coactive_open(const struct study_in *in, const struct params *params,
                          struct study **out, struct error *e)
{
    if (!params_has(params, "units"))
        return error_set(e, ERROR_INPUT, "co-activation: no latent is given, expected 1 to %d",
                         UNITS_MAX);
    if (in->dict && dict_spec(in->dict)->identity)
        return error_set(
            e, ERROR_INPUT,
            "co-activation: found neurons, of which about half are active at every token; "
            "expected an SAE");
    struct study *s = xcalloc(1, sizeof *s);
    s->in = *in;
    s->rows = (int32_t)params_int(params, "rows");
    if (!units_init(&s->units, "co-activation", in, params, e))
        goto fail;
    s->m = dict_spec(in->dict)->m;
    s->fired = calloc((size_t)s->m, sizeof *s->fired);
    s->both = calloc((size_t)s->m * (size_t)s->units.n, sizeof *s->both);
    if (!s->fired || !s->both) {
        error_set(e, ERROR_SYSTEM, "co-activation: no memory for %d × %d counts", s->units.n, s->m);
        goto fail;
    }
    *out = s;
    return true;
fail:
    coactive_free(s);
    return false;
}

static int64_t coactive_chunks(const struct study *s)
{
    return pass_chunks(&s->in);
}

/* ---- a chunk */
static void partial_free(struct partial *p)
{
    if (!p)
        return;
    free(p->id);
    free(p->end);
    free(p);
}

static int64_t partial_tokens(const struct partial *p)
{
    return p->tokens;
}

static void take_row(struct partial *p, const int32_t *id, size_t n)
{
    p->id = grow(p->id, &p->cap_id, p->n + n, sizeof *p->id);
    p->end = grow(p->end, &p->cap_end, p->n_end + 1, sizeof *p->end);
    if (n > 0)
        memcpy(p->id + p->n, id, n * sizeof *id);
    p->n += n;
    p->end[p->n_end++] = p->n;
    p->tokens++;
}

struct work {
    struct study *s;
    struct partial *p;
};

static void take_batch(void *arg, struct run *run, const struct pass_batch *b)
{
    struct work *w = arg;
    struct code f = {0};
    struct csr_host c = {0};
    dict_encode(run, w->s->in.dict, b->state.value, &f, NULL);
    bool ok = run_get_csr(run, &c, &f.sparse);
    for (int32_t t = 0; ok && t < b->n_rows; t++)
        if (b->row[t].pos >= 0)
            take_row(w->p, c.ids + c.start[t], (size_t)(c.start[t + 1] - c.start[t]));
    csr_host_release(&c);
}

static struct partial *coactive_chunk(struct study *s, int64_t i, struct run *run)
{
    struct work w = {s, xcalloc(1, sizeof *w.p)};
    pass_chunk(run, &s->in, i, take_batch, &w);
    if (run_ok(run))
        return w.p;
    partial_free(w.p);
    return NULL;
}

static void coactive_fold(struct study *s, int64_t i, const struct partial *p)
{
    (void)i;
    for (size_t t = 0, first = 0; t < p->n_end; first = p->end[t++])
        for (size_t a = first; a < p->end[t]; a++) {
            int32_t unit = s->units.column[p->id[a]];
            s->fired[p->id[a]]++;
            for (size_t b = first; b < p->end[t] && unit >= 0; b++)
                s->both[(size_t)unit * (size_t)s->m + (size_t)p->id[b]]++;
        }
}

static void coactive_merge(struct study *to, const struct study *from)
{
    for (int32_t i = 0; i < to->m; i++)
        to->fired[i] += from->fired[i];
    for (size_t i = 0; i < (size_t)to->m * (size_t)to->units.n; i++)
        to->both[i] += from->both[i];
}

/* ---- checkpoints */
static void coactive_save(const struct study *s, struct blob_writer *b)
{
    blob_add_i64(b, s->units.n);
    blob_add_i64(b, s->m);
    for (int32_t i = 0; i < s->m; i++)
        blob_add_u32(b, s->fired[i]);
    for (size_t i = 0; i < (size_t)s->m * (size_t)s->units.n; i++)
        blob_add_u32(b, s->both[i]);
}

static bool coactive_load(struct study *s, struct blob_reader *r, struct error *e)
{
    const unsigned long long n = r->left;
    int64_t n_units = blob_i64(r), m = blob_i64(r);
    size_t counts = (size_t)s->m * ((size_t)s->units.n + 1);
    if (r->bad || n_units != s->units.n || m != s->m || r->left != counts * 4)
        return error_set(
            e, ERROR_INPUT,
            "co-activation: a checkpoint of %llu bytes does not hold the counts of %d × %d latents",
            n, s->units.n, s->m);
    for (int32_t i = 0; i < s->m; i++)
        s->fired[i] = blob_u32(r);
    for (size_t i = 0; i < (size_t)s->m * (size_t)s->units.n; i++)
        s->both[i] = blob_u32(r);
    return blob_end(r) || error_set(e, ERROR_INPUT, "co-activation: a checkpoint can't be read");
}

/* ---- the table */
struct other {
    int32_t id;
    uint32_t both;
    double jaccard;
};

static int by_jaccard(const void *a, const void *b)
{
    const struct other *x = a, *y = b;
    if (x->jaccard != y->jaccard)
        return x->jaccard < y->jaccard ? 1 : -1;
    return (x->id > y->id) - (x->id < y->id);
}

/* Those that ever fire together with the unit. */
static int32_t others_of(const struct study *s, int32_t unit, struct other *out)
{
    int32_t n = 0, id = s->units.id[unit];
    const uint32_t *both = s->both + (size_t)unit * (size_t)s->m;
    for (int32_t i = 0; i < s->m; i++)
        if (i != id && both[i] > 0) {
            double either = (double)s->fired[id] + (double)s->fired[i] - (double)both[i];
            out[n++] = (struct other){i, both[i], (double)both[i] / either};
        }
    qsort(out, (size_t)n, sizeof *out, by_jaccard);
    return n;
}

static struct table *coactive_table(const struct study *s)
{
    struct table *t = table_new("rows", "Latents active together", MARK_LIST);
    table_column(t, "latent", "", "the latent asked about", COLUMN_I64, COLUMN_KEY);
    table_column(t, "other", "", "active together with it", COLUMN_I64, COLUMN_KEY);
    table_column(t, "tokens", "", "tokens with both", COLUMN_I64, COLUMN_TEXT);
    table_column(t, "jaccard", "", "tokens with both over tokens with either", COLUMN_F64,
                 COLUMN_Y);
    struct other *other = xcalloc((size_t)s->m, sizeof *other);
    for (int32_t j = 0; j < s->units.n; j++) {
        int32_t n = others_of(s, j, other);
        for (int32_t i = 0; i < n && i < s->rows; i++) {
            int64_t row = table_row(t);
            table_set_i64(t, row, 0, s->units.id[j]);
            table_set_i64(t, row, 1, other[i].id);
            table_set_i64(t, row, 2, other[i].both);
            table_set_f64(t, row, 3, other[i].jaccard);
        }
    }
    free(other);
    return t;
}

static struct table_set *coactive_tables(struct study *s)
{
    struct table_set *set = table_set_new();
    table_set_add(set, coactive_table(s));
    return set;
}

static const struct param params[] = {
    STUDY_UNITS_ROW,
    {"rows", "N", "others of each latent", PARAM_INT, "10", .min = 1, .max = INT32_MAX},
    {.name = NULL},
};

const struct study_ops coactive_study = {.name = "coactive",
                                         .params = params,
                                         .open = coactive_open,
                                         .free = coactive_free,
                                         .n_chunks = coactive_chunks,
                                         .chunk = coactive_chunk,
                                         .partial_free = partial_free,
                                         .partial_tokens = partial_tokens,
                                         .fold = coactive_fold,
                                         .segment = STUDY_SEGMENT,
                                         .merge = coactive_merge,
                                         .save = coactive_save,
                                         .load = coactive_load,
                                         .tables = coactive_tables};

/* The state of a harvest as bytes: for each latent its bins in use, moments and examples. What
 * never fired and was never sampled takes one byte. */
#include "engine/base/memory.h"
#include "engine/study/harvest_private.h"
#include <float.h>
#include <math.h>
#include <string.h>

#define STATE_MAGIC UINT32_C(0x33766168) /* "hav3" */

/* ---- writing */
/* Seven bits a byte, least significant first. */
static size_t varint(uint8_t *p, uint64_t v)
{
    size_t n = 0;
    for (; v >= 0x80; v >>= 7)
        p[n++] = (uint8_t)(v | 0x80);
    p[n++] = (uint8_t)v;
    return n;
}

static void put_varint(struct blob_writer *b, uint64_t v)
{
    uint8_t p[10];
    blob_add(b, p, varint(p, v));
}

static uint32_t float_bits(float v)
{
    uint32_t u;
    memcpy(&u, &v, sizeof u);
    return u;
}

_Static_assert(HARVEST_LEVELS == HARVEST_BINS, "both are written by put_bins");
static void put_bins(struct blob_writer *b, const uint32_t *bin)
{
    int32_t lo = 0, hi = HARVEST_BINS;
    while (lo < hi && bin[lo] == 0)
        lo++;
    while (hi > lo && bin[hi - 1] == 0)
        hi--;
    uint8_t p[2 + 5 * HARVEST_BINS];
    size_t n = 0;
    p[n++] = (uint8_t)lo;
    p[n++] = (uint8_t)(hi - lo);
    for (int32_t i = lo; i < hi; i++)
        n += varint(p + n, bin[i]);
    blob_add(b, p, n);
}

static void put_examples(struct blob_writer *b, const struct example *x, uint16_t n_examples)
{
    uint8_t p[2 + 14 * HARVEST_TOP];
    size_t n = 0;
    p[n++] = (uint8_t)n_examples;
    for (uint16_t i = 0; i < n_examples; i++) {
        uint32_t bits = float_bits(x[i].value);
        n += varint(p + n, (uint64_t)x[i].doc);
        n += varint(p + n, (uint64_t)x[i].pos);
        for (int k = 0; k < 4; k++)
            p[n++] = (uint8_t)(bits >> (8 * k));
    }
    blob_add(b, p, n);
}

static void put_moments(const struct study *s, size_t cell, struct blob_writer *b)
{
    blob_add_f64(b, s->dense->closed[cell]);
    blob_add_f64(b, s->dense->closed_sq[cell]);
    blob_add_f64(b, s->dense->sum[cell]);
    blob_add_f64(b, s->dense->sum_sq[cell]);
    blob_add_u32(b, float_bits(s->dense->min[cell]));
    blob_add_u32(b, float_bits(s->dense->max[cell]));
    put_bins(b, s->dense->bin + cell * HARVEST_BINS);
}

static void put_latent(const struct study *s, int32_t latent, bool sampled, struct blob_writer *b)
{
    bool any = sampled;
    for (int32_t c = 0; c < s->n_classes && !any; c++)
        any = pool_find(&s->pool, pool_cell(&s->pool, latent, c)) != NULL;
    uint8_t head[2] = {any, (uint8_t)(s->dense->exponent[latent] - HIST_LEAST)};
    blob_add(b, head, any ? 2 : 1);
    for (int32_t c = 0; c < s->n_classes && any; c++) {
        const struct examples *x = pool_find(&s->pool, pool_cell(&s->pool, latent, c));
        if (s->dense->n[c] > 0)
            put_moments(s, dense_at(s->dense, c, latent), b);
        put_varint(b, x ? (uint64_t)x->fired : 0);
        if (x) {
            put_examples(b, x->top, x->n_top);
            if (x->fired > HARVEST_TOP) { /* else top holds all there are */
                put_examples(b, x->sample, x->n_sample);
                blob_add_u32(b, (uint32_t)x->levels.largest);
                put_bins(b, x->levels.n);
            }
        }
    }
}

/* Documents as differences; then the pairs of all tokens. */
static void put_postings(const struct postings *q, struct blob_writer *b)
{
    int32_t doc = 0;
    blob_add_i64(b, (int64_t)q->n);
    blob_add_i64(b, (int64_t)q->n_pairs);
    for (size_t i = 0; i < q->n; i++) {
        put_varint(b, (uint64_t)(q->token[i].doc - doc));
        put_varint(b, (uint64_t)q->token[i].pos);
        put_varint(b, (uint64_t)q->token[i].n);
        doc = q->token[i].doc;
    }
    for (size_t i = 0; i < q->n_pairs; i++) {
        put_varint(b, (uint64_t)q->id[i]);
        blob_add_u32(b, float_bits(q->value[i]));
    }
}

void harvest_save(const struct study *s, struct blob_writer *b)
{
    bool sampled = false;
    dense_read(s->dense);
    blob_add_u32(b, STATE_MAGIC);
    blob_add_u32(b, (uint32_t)s->m);
    blob_add_u32(b, (uint32_t)s->n_classes);
    for (int32_t c = 0; c < s->n_classes; c++) {
        blob_add_i64(b, s->count[c].sentences);
        blob_add_i64(b, s->count[c].tokens);
        blob_add_i64(b, s->count[c].words);
        blob_add_i64(b, s->count[c].sampled);
        sampled |= s->count[c].sampled > 0;
    }
    for (int32_t j = 0; j < s->m; j++)
        put_latent(s, j, sampled, b);
    if (s->keep)
        put_postings(&s->postings, b);
}

/* ---- reading */
static uint64_t get_varint(struct blob_reader *r, uint64_t most)
{
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 63; shift += 7) {
        uint8_t p = 0;
        blob_bytes(r, &p, 1);
        v |= (uint64_t)(p & 0x7f) << shift;
        if (p < 0x80) {
            r->bad |= v > most;
            return r->bad ? 0 : v;
        }
    }
    r->bad = true;
    return 0;
}

static uint8_t get_byte(struct blob_reader *r, uint8_t most)
{
    uint8_t p = 0;
    blob_bytes(r, &p, 1);
    r->bad |= p > most;
    return r->bad ? 0 : p;
}

static float get_float(struct blob_reader *r)
{
    uint32_t u = blob_u32(r);
    float v;
    memcpy(&v, &u, sizeof v);
    r->bad |= !isfinite(v);
    return r->bad ? 0 : v;
}

/* Their sum. */
static int64_t get_bins(struct blob_reader *r, uint64_t most, uint32_t *bin)
{
    int64_t total = 0;
    int32_t first = get_byte(r, HARVEST_BINS), n = get_byte(r, (uint8_t)(HARVEST_BINS - first));
    for (int32_t i = first; i < first + n; i++) {
        bin[i] = (uint32_t)get_varint(r, most);
        total += bin[i];
    }
    return total;
}

static void get_levels(struct blob_reader *r, int64_t fired, struct levels *q)
{
    levels_clear(q);
    q->largest = (int32_t)blob_u32(r);
    r->bad |= q->largest < level_of(-FLT_MAX) || q->largest > level_of(FLT_MAX) ||
              get_bins(r, UINT32_MAX, q->n) != fired || q->n[HARVEST_LEVELS - 1] == 0;
}

static void get_moments(struct study *s, int32_t latent, int32_t c, struct blob_reader *r)
{
    size_t cell = dense_at(s->dense, c, latent);
    uint32_t *bin = s->dense->bin + cell * HARVEST_BINS;
    int32_t e = s->dense->exponent[latent];
    s->dense->closed[cell] = blob_f64(r);
    s->dense->closed_sq[cell] = blob_f64(r);
    r->bad |= !isfinite(s->dense->closed[cell]) || !isfinite(s->dense->closed_sq[cell]);
    s->dense->sum[cell] = blob_f64(r);
    s->dense->sum_sq[cell] = blob_f64(r);
    float lo = s->dense->min[cell] = get_float(r), hi = s->dense->max[cell] = get_float(r);
    r->bad |= !isfinite(s->dense->sum[cell]) || !isfinite(s->dense->sum_sq[cell]) || lo > hi ||
              bins_exponent(e, lo) != e || bins_exponent(e, hi) != e;
    r->bad |= get_bins(r, UINT32_MAX, bin) != s->dense->n[c];
}

struct reader_of { /* of one cell */
    struct study *s;
    struct blob_reader *r;
    int32_t latent, cls;
};

static struct example get_example(const struct reader_of *o)
{
    const struct corpus *c = o->s->in.corpus;
    struct example x = {0};
    x.doc = (int32_t)get_varint(o->r, (uint64_t)c->n_docs - 1);
    x.pos = (int32_t)get_varint(o->r, INT32_MAX);
    x.value = get_float(o->r);
    o->r->bad |= !o->r->bad && c->doc[x.doc].cls != o->cls;
    return x;
}

/* Examples are taken in as if they were new: their order is never believed. */
static void get_examples(const struct reader_of *o, int64_t fired)
{
    struct example_pool *pool = &o->s->pool;
    struct examples *x = pool_take(pool, pool_cell(pool, o->latent, o->cls));
    uint16_t most = fired < HARVEST_TOP ? (uint16_t)fired : HARVEST_TOP;
    x->fired = fired;
    uint16_t n = get_byte(o->r, HARVEST_TOP);
    o->r->bad |= n != most;
    for (uint16_t i = 0; i < n && !o->r->bad; i++)
        examples_add(x, o->latent, get_example(o));
    if (fired <= HARVEST_TOP || o->r->bad)
        return;
    struct examples sample = {.cell = x->cell};
    n = get_byte(o->r, HARVEST_TOP);
    o->r->bad |= n != most;
    for (uint16_t i = 0; i < n && !o->r->bad; i++)
        examples_add(&sample, o->latent, get_example(o));
    x->n_sample = sample.n_sample;
    x->last_hash = sample.last_hash;
    memcpy(x->sample, sample.sample, sizeof x->sample);
    get_levels(o->r, fired, &x->levels);
}

static void get_latent(struct study *s, int32_t latent, struct blob_reader *r)
{
    if (!get_byte(r, 1))
        return;
    int32_t e = HIST_LEAST + get_byte(r, HIST_MOST - HIST_LEAST);
    s->dense->exponent[latent] = e;
    for (int32_t c = 0; c < s->n_classes && !r->bad; c++) {
        struct reader_of o = {s, r, latent, c};
        if (s->dense->n[c] > 0)
            get_moments(s, latent, c, r);
        int64_t fired = (int64_t)get_varint(r, (uint64_t)s->count[c].tokens);
        if (fired > 0 && !r->bad)
            get_examples(&o, fired);
    }
}

static void get_counts(struct study *s, struct blob_reader *r)
{
    for (int32_t c = 0; c < s->n_classes; c++) {
        struct harvest_class *n = &s->count[c];
        n->sentences = blob_i64(r);
        n->tokens = blob_i64(r);
        n->words = blob_i64(r);
        n->sampled = blob_i64(r);
        r->bad |= n->sentences < 0 || n->sentences > s->in.corpus->cls[c].n_docs || n->tokens < 0 ||
                  n->words < 0 || n->sampled < 0 || n->sampled > n->tokens;
        s->dense->n[c] = n->sampled;
    }
}

/* What a number of things with at least `size` bytes each can be. */
static size_t get_number(struct blob_reader *r, size_t size)
{
    int64_t n = blob_i64(r);
    r->bad |= n < 0 || (uint64_t)n > r->left / size;
    return r->bad ? 0 : (size_t)n;
}

static void get_tokens(struct study *s, size_t n, size_t n_pairs, struct blob_reader *r)
{
    struct postings *q = &s->postings;
    int64_t doc = 0, last = s->in.corpus->n_docs - 1;
    size_t pairs = 0;
    for (size_t i = 0; i < n && !r->bad; i++) {
        struct posting *t = &q->token[i];
        int64_t step = (int64_t)get_varint(r, (uint64_t)(last - doc));
        doc += step;
        t->doc = (int32_t)doc;
        t->pos = (int32_t)get_varint(r, INT32_MAX);
        t->n = (int32_t)get_varint(r, (uint64_t)s->m);
        pairs += (size_t)t->n;
        r->bad |= i > 0 && step == 0 && t->pos <= q->token[i - 1].pos;
    }
    r->bad |= pairs != n_pairs;
}

static void get_postings(struct study *s, struct blob_reader *r)
{
    enum { TOKEN_BYTES = 3, PAIR_BYTES = 5 }; /* at least */
    struct postings *q = &s->postings;
    size_t n = get_number(r, TOKEN_BYTES), n_pairs = get_number(r, PAIR_BYTES);
    int64_t tokens = 0;
    for (int32_t c = 0; c < s->n_classes; c++)
        tokens += s->count[c].tokens;
    r->bad |= (int64_t)n != tokens;
    if (r->bad)
        return;
    q->token = grow(q->token, &q->cap, n, sizeof *q->token);
    q->id = grow(q->id, &q->cap_pairs, n_pairs, sizeof *q->id);
    q->value = grow(q->value, &q->cap_values, n_pairs, sizeof *q->value);
    get_tokens(s, n, n_pairs, r);
    for (size_t i = 0; i < n_pairs && !r->bad; i++) {
        q->id[i] = (int32_t)get_varint(r, (uint64_t)s->m - 1);
        q->value[i] = get_float(r);
    }
    q->n = n;
    q->n_pairs = n_pairs;
}

static void forget_sums(struct study *s)
{
    dense_forget(s->dense);
    pool_clear(&s->pool);
}

bool harvest_load(struct study *s, struct blob_reader *r, struct error *e)
{
    const unsigned long long n = r->left;
    uint32_t magic = blob_u32(r), m = blob_u32(r), classes = blob_u32(r);
    if (r->bad || magic != STATE_MAGIC || m != (uint32_t)s->m || classes != (uint32_t)s->n_classes)
        return error_set(e, ERROR_INPUT,
                         "harvest: a kept state is of %u latents and %u classes, expected %d and "
                         "%d",
                         m, classes, s->m, s->n_classes);
    forget_sums(s);
    get_counts(s, r);
    for (int32_t j = 0; j < s->m && !r->bad; j++)
        get_latent(s, j, r);
    s->postings.n = s->postings.n_pairs = 0;
    if (s->keep && !r->bad)
        get_postings(s, r);
    if (blob_end(r))
        return true;
    forget_sums(s);
    s->postings.n = s->postings.n_pairs = 0;
    memset(s->count, 0, sizeof s->count);
    return error_set(e, ERROR_INPUT, "harvest: a kept state of %llu bytes is damaged", n);
}

/* Causal attention over packed sequences, with or without kept keys and values. First all keys and
 * values go to where they are kept (or to working space of the same layout), then queries run in
 * chunks of rows, head by head. */
#include "engine/base/memory.h"
#include "engine/cpu/device.h"
#include <math.h>
#include <stdlib.h>

#define WHOLE 128    /* up to here a sequence's head is one task */
#define CHUNK 32     /* rows of one task */
#define MAX_LANES 16 /* of any instruction set: how far blocks of keys are padded */
#define ALONE 16384  /* elements of q, k, v below which one thread does it all */

static int32_t padded(int32_t n)
{
    return (n + MAX_LANES - 1) / MAX_LANES * MAX_LANES;
}

struct kv *cpu_kv_new(struct backend *b, int32_t first_layer, int32_t n_layers, int32_t width,
                      int32_t cap, struct error *e)
{
    (void)b;
    size_t n = 0;
    struct kv *kv = NULL;
    if (n_layers < 0 || width <= 0 || cap <= 0 || cap > INT32_MAX - MAX_LANES) {
        error_set(e, ERROR_SYSTEM, "cpu: keys and values of %d layers × %d positions × %d",
                  n_layers, cap, width);
        return NULL;
    }
    kv = xcalloc(1, sizeof *kv);
    kv->first_layer = first_layer, kv->n_layers = n_layers, kv->width = width, kv->cap = cap;
    kv->side = (size_t)padded(cap) * (size_t)width;
    /* calloc: pages that no position has reached cost nothing. */
    if (!size_mul(kv->side, 2 * (size_t)n_layers * sizeof(float), &n) || !size_add(n, 2 * 64, &n) ||
        !(kv->memory = calloc(n, 1))) {
        error_set(e, ERROR_SYSTEM,
                  "cpu: no memory for keys and values of %d layers × %d positions × %d", n_layers,
                  cap, width);
        free(kv);
        return NULL;
    }
    kv->data = (float *)(void *)((char *)kv->memory + (64 - (uintptr_t)kv->memory % 64) % 64);
    return kv;
}

void cpu_kv_free(struct backend *b, struct kv *kv)
{
    (void)b;
    if (kv)
        free(kv->memory);
    free(kv);
}

struct place {                   /* of one sequence */
    int32_t row, n, past, chunk; /* chunk: number of the first of its chunks */
    int32_t cap;
    float *keys, *values; /* all heads; NULL: nothing is kept, each thread has room for a head */
};

struct attn {
    struct cpu *cpu;
    const float *qkv;
    float *y;
    size_t ld, ldy;
    int32_t heads, dim, n_seqs, n_chunks;
    int32_t longest, most; /* rows of the longest sequence; positions with its past */
    struct place *seq;
    const float *cos, *sin; /* [position, rot/2] */
    int32_t half;
    float scale;
    size_t thread_bytes;
};

struct head { /* of one sequence, as in struct attend */
    int32_t number;
    float *q, *keys, *values, *scores;
};

static size_t q_floats(const struct attn *a)
{
    return (size_t)ATTEND_ROWS * (size_t)padded(a->dim);
}
static size_t score_floats(const struct attn *a)
{
    return (size_t)ATTEND_ROWS * ((size_t)padded(a->most) + 4 * MAX_LANES);
}

static struct head head_of(const struct attn *a, const struct place *p, int32_t number, int thread)
{
    struct head h = {.number = number, .q = cpu_scratch_of(a->cpu, thread, a->thread_bytes)};
    size_t side = (size_t)padded(p->keys ? p->cap : p->n) * (size_t)a->dim;
    h.scores = h.q + q_floats(a);
    h.keys = p->keys ? p->keys + (size_t)number * side : h.scores + score_floats(a);
    h.values = p->keys ? p->values + (size_t)number * side : h.keys + side;
    return h;
}

static void copy_rotated(const struct attn *a, float *dst, const float *src, int32_t pos)
{
    size_t at = (size_t)pos * (size_t)a->half;
    a->cpu->k->head_copy(dst, src, a->dim, a->cos + at, a->sin + at, a->half);
}

static void append(const struct attn *a, const struct place *p, const struct head *h)
{
    const size_t dim = (size_t)a->dim, lanes = (size_t)a->cpu->k->lanes;
    for (int32_t t = 0; t < p->n; t++) {
        const float *src = a->qkv + (size_t)(p->row + t) * a->ld + (size_t)h->number * 3 * dim;
        size_t pos = (size_t)p->past + (size_t)t;
        float *to = h->keys + pos / lanes * lanes * dim + pos % lanes;
        copy_rotated(a, h->q, src + dim, p->past + t);
        for (size_t d = 0; d < dim; d++)
            to[d * lanes] = h->q[d];
        a->cpu->k->head_copy(h->values + pos * dim, src + 2 * dim, a->dim, a->cos, a->sin, 0);
    }
}

/* Rows first … end−1 of the sequence. */
static void attend_rows(const struct attn *a, const struct place *p, const struct head *h,
                        int32_t first, int32_t end)
{
    const size_t dim = (size_t)a->dim;
    struct attend g = {
        .dim = a->dim, .q = h->q, .keys = h->keys, .values = h->values, .scores = h->scores};
    g.ldy = a->ldy, g.scale = a->scale;
    for (int32_t t = first; t < end; t += ATTEND_ROWS) {
        g.rows = end - t < ATTEND_ROWS ? end - t : ATTEND_ROWS;
        g.pos = p->past + t;
        for (int32_t r = 0; r < g.rows; r++)
            copy_rotated(a, h->q + (size_t)r * dim,
                         a->qkv + (size_t)(p->row + t + r) * a->ld + (size_t)h->number * 3 * dim,
                         g.pos + r);
        g.y = a->y + (size_t)(p->row + t) * a->ldy + (size_t)h->number * dim;
        a->cpu->k->attend(&g);
    }
}

/* One head of one sequence: its keys and values, then all its rows while they are near. */
static void whole_task(void *arg, int thread, int64_t i)
{
    const struct attn *a = arg;
    const struct place *p = &a->seq[i / a->heads];
    struct head h = head_of(a, p, (int32_t)(i % a->heads), thread);
    append(a, p, &h);
    attend_rows(a, p, &h, 0, p->n);
}

static void append_task(void *arg, int thread, int64_t i)
{
    const struct attn *a = arg;
    const struct place *p = &a->seq[i / a->heads];
    struct head h = head_of(a, p, (int32_t)(i % a->heads), thread);
    append(a, p, &h);
}

static const struct place *place_of_chunk(const struct attn *a, int32_t chunk)
{
    int32_t lo = 0, hi = a->n_seqs;
    while (hi - lo > 1) {
        int32_t mid = lo + (hi - lo) / 2;
        if (a->seq[mid].chunk <= chunk)
            lo = mid;
        else
            hi = mid;
    }
    return &a->seq[lo];
}

static void chunk_task(void *arg, int thread, int64_t i)
{
    const struct attn *a = arg;
    const int32_t chunk = (int32_t)(i / a->heads);
    const struct place *p = place_of_chunk(a, chunk);
    struct head h = head_of(a, p, (int32_t)(i % a->heads), thread);
    int32_t first = (chunk - p->chunk) * CHUNK;
    attend_rows(a, p, &h, first, p->n - first < CHUNK ? p->n : first + CHUNK);
}

/* cos and sin of pos·base^(−2i/rot); the angle is a float's product, as in the models' own code. */
static bool rope_table(struct cpu *c, struct attn *a, struct rope rope, int32_t n)
{
    static const float none[1];
    a->half = rope.rot / 2;
    a->cos = a->sin = none;
    if (a->half == 0)
        return true;
    bool same = c->rope.rope.rot == rope.rot && !(c->rope.rope.base < rope.base) &&
                !(c->rope.rope.base > rope.base);
    if (!same || c->rope.n < n) {
        int32_t want = n < INT32_MAX / 2 ? 2 * n : n;
        float *t = cpu_scratch(c, SCRATCH_ROPE, (size_t)want * (size_t)a->half * 2 * sizeof *t);
        if (t == NULL)
            return false;
        for (int32_t i = 0; i < a->half; i++) {
            float inv_freq = (float)(1.0 / pow((double)rope.base, 2.0 * i / rope.rot));
            for (int32_t pos = 0; pos < want; pos++) {
                double angle = (double)((float)pos * inv_freq);
                t[(size_t)pos * (size_t)a->half + (size_t)i] = (float)cos(angle);
                t[((size_t)want + (size_t)pos) * (size_t)a->half + (size_t)i] = (float)sin(angle);
            }
        }
        c->rope.rope = rope, c->rope.n = want;
    }
    a->cos = (const float *)(void *)c->scratch[SCRATCH_ROPE].bytes;
    a->sin = a->cos + (size_t)c->rope.n * (size_t)a->half;
    return true;
}

static bool check_kv(struct cpu *c, const struct attn *a, struct kv *kv, int32_t layer, int32_t end)
{
    if (layer < kv->first_layer || layer - kv->first_layer >= kv->n_layers ||
        kv->width != a->heads * a->dim)
        return error_set(&c->err, ERROR_SYSTEM,
                         "cpu attn: layer %d of width %d, kept are %d from %d of width %d", layer,
                         a->heads * a->dim, kv->n_layers, kv->first_layer, kv->width);
    if (end > kv->cap)
        return error_set(&c->err, ERROR_SYSTEM, "cpu attn: %d positions, kept are %d at most", end,
                         kv->cap);
    if (kv->heads != 0 && kv->heads != a->heads)
        return error_set(&c->err, ERROR_SYSTEM, "cpu attn: %d heads, kept were %d", a->heads,
                         kv->heads);
    kv->heads = a->heads;
    return true;
}

static bool check_seqs(struct cpu *c, struct attn *a, const struct seqs *seqs, int32_t rows)
{
    for (int32_t i = 0; i < seqs->n; i++) {
        int32_t first = seqs->start[i], end = seqs->start[i + 1],
                past = seqs->past ? seqs->past[i] : 0;
        if (first < 0 || end < first || end > rows)
            return error_set(&c->err, ERROR_SYSTEM, "cpu attn: sequence %d is rows %d to %d of %d",
                             i, first, end, rows);
        if (past < 0 || (past > 0 && !(seqs->kv && seqs->kv[i])) ||
            past > INT32_MAX - MAX_LANES - (end - first))
            return error_set(
                &c->err, ERROR_SYSTEM,
                "cpu attn: sequence %d goes on from %d positions of which none is kept", i, past);
        a->longest = end - first > a->longest ? end - first : a->longest;
        a->most = past + end - first > a->most ? past + end - first : a->most;
    }
    return true;
}

/* Where each sequence's keys and values are. Short sequences that keep none use each thread's own
 * room. */
static bool place_seqs(struct cpu *c, struct attn *a, const struct seqs *seqs, int32_t layer)
{
    const size_t width = (size_t)a->heads * (size_t)a->dim;
    size_t want = 0, table = ((size_t)seqs->n * sizeof *a->seq + 63) / 64 * 64;
    for (int32_t i = 0; i < seqs->n && a->longest > WHOLE; i++)
        if (!seqs->kv || !seqs->kv[i])
            want += (size_t)padded(seqs->start[i + 1] - seqs->start[i]) * width * 2;
    char *memory = cpu_scratch(c, SCRATCH_SEQS, table + (want + MAX_LANES) * sizeof(float));
    if (memory == NULL)
        return false;
    a->seq = (struct place *)(void *)memory;
    float *spare = (float *)(void *)(memory + table);
    for (int32_t i = 0; i < seqs->n; i++) {
        struct kv *kv = seqs->kv ? seqs->kv[i] : NULL;
        struct place p = {
            .row = seqs->start[i], .n = seqs->start[i + 1] - seqs->start[i], .chunk = a->n_chunks};
        p.past = seqs->past ? seqs->past[i] : 0;
        if (kv) {
            if (!check_kv(c, a, kv, layer, p.past + p.n))
                return false;
            p.cap = kv->cap;
            p.keys = kv->data + 2 * (size_t)(layer - kv->first_layer) * kv->side;
            p.values = p.keys + kv->side;
        } else if (a->longest > WHOLE) {
            p.cap = p.n;
            p.keys = spare, p.values = spare + (size_t)padded(p.n) * width;
            spare += (size_t)padded(p.n) * width * 2;
        }
        a->n_chunks += (p.n + CHUNK - 1) / CHUNK;
        a->seq[i] = p;
    }
    return true;
}

static void run_tasks(const struct attn *a, int64_t n, pool_task *task, bool alone)
{
    if (!alone)
        pool_run(a->cpu->pool, n, task, (void *)(uintptr_t)a);
    else
        for (int64_t i = 0; i < n; i++)
            task((void *)(uintptr_t)a, 0, i);
}

void cpu_attn(struct backend *b, struct tensor y, struct tensor qkv, int32_t heads, float scale,
              int32_t layer, const struct seqs *seqs, struct rope rope)
{
    struct cpu *c = cpu_of(b);
    if (cpu_failed(c) || qkv.rows == 0 || seqs->n == 0)
        return;
    if (heads <= 0 || qkv.cols % (3 * heads) != 0 || rope.rot < 0 || rope.rot % 2 != 0 ||
        rope.rot > qkv.cols / (3 * heads)) {
        error_set(&c->err, ERROR_SYSTEM, "cpu attn: %d columns for %d heads, %d rotated", qkv.cols,
                  heads, rope.rot);
        return;
    }
    struct attn a = {
        .cpu = c, .ld = (size_t)qkv.ld, .ldy = (size_t)y.ld, .heads = heads, .scale = scale};
    a.dim = qkv.cols / (3 * heads), a.n_seqs = seqs->n;
    if (!(a.qkv = cpu_f32(c, "attn", "qkv", qkv, -1, -1)) ||
        !(a.y = cpu_f32(c, "attn", "y", y, qkv.rows, heads * a.dim)) ||
        !check_seqs(c, &a, seqs, qkv.rows) || !place_seqs(c, &a, seqs, layer) ||
        !rope_table(c, &a, rope, a.most))
        return;
    size_t sides =
        a.longest > WHOLE ? 0 : 2 * (size_t)padded(a.longest) * (size_t)a.dim + MAX_LANES;
    a.thread_bytes = ((q_floats(&a) + score_floats(&a) + sides) * sizeof(float) + 63) / 64 * 64;
    if (!cpu_scratch(c, SCRATCH_THREADS, a.thread_bytes * (size_t)pool_threads(c->pool)))
        return;
    if (a.longest > WHOLE) {
        run_tasks(&a, (int64_t)a.n_seqs * heads, append_task, false);
        run_tasks(&a, (int64_t)a.n_chunks * heads, chunk_task, false);
    } else {
        bool alone = (int64_t)qkv.rows * qkv.cols < ALONE && a.most < 256;
        run_tasks(&a, (int64_t)a.n_seqs * heads, whole_task, alone);
    }
}

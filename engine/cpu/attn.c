/* Causal attention over packed sequences, with or without kept keys and values. First all keys and values go to where
 * they are kept (or to working space of the same layout), then queries run in chunks of rows, head by head. */
#include "engine/base/memory.h"
#include "engine/cpu/device.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK 32     /* rows of one task */
#define MAX_LANES 16 /* of any instruction set: how far blocks of keys are padded */
#define ALONE 16384  /* elements of q, k, v below which one thread does it all */

static int32_t padded(int32_t n)
{
    return (n + MAX_LANES - 1) / MAX_LANES * MAX_LANES;
}

struct kv *cpu_kv_new(struct backend *b, int32_t first_layer, int32_t n_layers, int32_t width, int32_t cap,
                      struct error *e)
{
    (void)b;
    size_t n = 0;
    struct kv *kv = NULL;
    if (n_layers < 0 || width <= 0 || cap <= 0 || cap > INT32_MAX - MAX_LANES) {
        error_set(e, ERROR_SYSTEM, "cpu: keys and values of %d layers × %d positions × %d", n_layers, cap, width);
        return NULL;
    }
    kv = xcalloc(1, sizeof *kv);
    kv->first_layer = first_layer, kv->n_layers = n_layers, kv->width = width, kv->cap = cap;
    kv->side = (size_t)padded(cap) * (size_t)width;
    /* calloc: pages that no position has reached cost nothing. */
    if (!size_mul(kv->side, 2 * (size_t)n_layers * sizeof(float), &n) || !size_add(n, 2 * 64, &n) ||
        !(kv->memory = calloc(n, 1))) {
        error_set(e, ERROR_SYSTEM, "cpu: no memory for keys and values of %d layers × %d positions × %d", n_layers, cap,
                  width);
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
    float *keys, *values;
};

struct attn {
    struct cpu *cpu;
    const float *qkv;
    float *y;
    size_t ld, ldy;
    int32_t heads, dim, n_seqs, n_chunks;
    struct place *seq;
    const float *cos, *sin; /* [position, rot/2] */
    int32_t half;
    float scale;
    size_t thread_bytes;
};

static void rotate(const struct attn *a, float *x, int32_t pos)
{
    const float *c = a->cos + (size_t)pos * (size_t)a->half, *s = a->sin + (size_t)pos * (size_t)a->half;
    for (int32_t i = 0; i < a->half; i++) {
        float u = x[i], v = x[i + a->half];
        x[i] = u * c[i] - v * s[i];
        x[i + a->half] = v * c[i] + u * s[i];
    }
}

static float *head_of(const struct attn *a, float *side, int32_t cap, int32_t head)
{
    return side + (size_t)head * (size_t)padded(cap) * (size_t)a->dim;
}

/* Keys and values of one sequence and head. */
static void append_task(void *arg, int thread, int64_t i)
{
    const struct attn *a = arg;
    const struct place *p = &a->seq[i / a->heads];
    const int32_t head = (int32_t)(i % a->heads), lanes = a->cpu->k->lanes;
    const size_t dim = (size_t)a->dim;
    float *keys = head_of(a, p->keys, p->cap, head), *values = head_of(a, p->values, p->cap, head);
    float *k = cpu_scratch_of(a->cpu, thread, a->thread_bytes);
    for (int32_t t = 0; t < p->n; t++) {
        const float *src = a->qkv + (size_t)(p->row + t) * a->ld + (size_t)head * 3 * dim;
        int32_t pos = p->past + t;
        float *to = keys + (size_t)(pos / lanes) * dim * (size_t)lanes + (size_t)(pos % lanes);
        memcpy(k, src + dim, dim * sizeof *k);
        rotate(a, k, pos);
        for (size_t d = 0; d < dim; d++)
            to[d * (size_t)lanes] = k[d];
        memcpy(values + (size_t)pos * dim, src + 2 * dim, dim * sizeof *values);
    }
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

static void attend_task(void *arg, int thread, int64_t i)
{
    const struct attn *a = arg;
    const int32_t head = (int32_t)(i % a->heads), chunk = (int32_t)(i / a->heads);
    const struct place *p = place_of_chunk(a, chunk);
    const size_t dim = (size_t)a->dim;
    float *q = cpu_scratch_of(a->cpu, thread, a->thread_bytes);
    struct attend g = {.dim = a->dim, .q = q, .ldy = a->ldy, .scale = a->scale};
    g.keys = head_of(a, p->keys, p->cap, head), g.values = head_of(a, p->values, p->cap, head);
    g.scores = q + (size_t)ATTEND_ROWS * (size_t)padded(a->dim);
    int32_t first = (chunk - p->chunk) * CHUNK, end = p->n - first < CHUNK ? p->n : first + CHUNK;
    for (int32_t t = first; t < end; t += ATTEND_ROWS) {
        g.rows = end - t < ATTEND_ROWS ? end - t : ATTEND_ROWS;
        g.pos = p->past + t;
        for (int32_t r = 0; r < g.rows; r++) {
            memcpy(q + (size_t)r * dim, a->qkv + (size_t)(p->row + t + r) * a->ld + (size_t)head * 3 * dim,
                   dim * sizeof *q);
            rotate(a, q + (size_t)r * dim, g.pos + r);
        }
        g.y = a->y + (size_t)(p->row + t) * a->ldy + (size_t)head * dim;
        a->cpu->k->attend(&g);
    }
}

/* cos and sin of pos·base^(−2i/rot); the angle is a float's product, as in the models' own code. */
static bool rope_table(struct cpu *c, struct attn *a, struct rope rope, int32_t n)
{
    a->half = rope.rot / 2;
    if (a->half == 0)
        return true;
    bool same = c->rope.rope.rot == rope.rot && !(c->rope.rope.base < rope.base) && !(c->rope.rope.base > rope.base);
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
    if (layer < kv->first_layer || layer - kv->first_layer >= kv->n_layers || kv->width != a->heads * a->dim)
        return error_set(&c->err, ERROR_SYSTEM, "cpu attn: layer %d of width %d, kept are %d from %d of width %d",
                         layer, a->heads * a->dim, kv->n_layers, kv->first_layer, kv->width);
    if (end > kv->cap)
        return error_set(&c->err, ERROR_SYSTEM, "cpu attn: %d positions, kept are %d at most", end, kv->cap);
    if (kv->heads != 0 && kv->heads != a->heads)
        return error_set(&c->err, ERROR_SYSTEM, "cpu attn: %d heads, kept were %d", a->heads, kv->heads);
    kv->heads = a->heads;
    return true;
}

/* Where each sequence's keys and values are; *most: positions of the longest. */
static bool place_seqs(struct cpu *c, struct attn *a, const struct seqs *seqs, int32_t rows, int32_t layer,
                       int32_t *most)
{
    const size_t width = (size_t)a->heads * (size_t)a->dim;
    size_t want = 0, table = ((size_t)seqs->n * sizeof *a->seq + 63) / 64 * 64;
    for (int32_t i = 0; i < seqs->n; i++) {
        int32_t n = seqs->start[i + 1] - seqs->start[i];
        if (seqs->start[i] < 0 || n < 0 || seqs->start[i + 1] > rows)
            return error_set(&c->err, ERROR_SYSTEM, "cpu attn: sequence %d is rows %d to %d of %d", i, seqs->start[i],
                             seqs->start[i + 1], rows);
        if (!seqs->kv || !seqs->kv[i])
            want += (size_t)padded(n) * width * 2;
    }
    char *memory = cpu_scratch(c, SCRATCH_SEQS, table + (want + MAX_LANES) * sizeof(float));
    if (memory == NULL)
        return false;
    a->seq = (struct place *)(void *)memory;
    float *spare = (float *)(void *)(memory + table);
    *most = 0;
    for (int32_t i = 0; i < seqs->n; i++) {
        struct kv *kv = seqs->kv ? seqs->kv[i] : NULL;
        struct place p = {.row = seqs->start[i], .n = seqs->start[i + 1] - seqs->start[i], .chunk = a->n_chunks};
        p.past = seqs->past ? seqs->past[i] : 0;
        if (p.past < 0 || (p.past > 0 && !kv) || p.past > INT32_MAX - MAX_LANES - p.n)
            return error_set(&c->err, ERROR_SYSTEM,
                             "cpu attn: sequence %d goes on from %d positions of which none is kept", i, p.past);
        if (kv) {
            if (!check_kv(c, a, kv, layer, p.past + p.n))
                return false;
            p.cap = kv->cap;
            p.keys = kv->data + 2 * (size_t)(layer - kv->first_layer) * kv->side;
            p.values = p.keys + kv->side;
        } else {
            p.cap = p.n;
            p.keys = spare, p.values = spare + (size_t)padded(p.n) * width;
            spare += (size_t)padded(p.n) * width * 2;
        }
        a->n_chunks += (p.n + CHUNK - 1) / CHUNK;
        *most = p.past + p.n > *most ? p.past + p.n : *most;
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

void cpu_attn(struct backend *b, struct tensor y, struct tensor qkv, int32_t heads, float scale, int32_t layer,
              const struct seqs *seqs, struct rope rope)
{
    struct cpu *c = cpu_of(b);
    if (cpu_failed(c) || qkv.rows == 0 || seqs->n == 0)
        return;
    if (heads <= 0 || qkv.cols % (3 * heads) != 0 || rope.rot < 0 || rope.rot % 2 != 0 ||
        rope.rot > qkv.cols / (3 * heads)) {
        error_set(&c->err, ERROR_SYSTEM, "cpu attn: %d columns for %d heads, %d rotated", qkv.cols, heads, rope.rot);
        return;
    }
    struct attn a = {.cpu = c, .ld = (size_t)qkv.ld, .ldy = (size_t)y.ld, .heads = heads, .scale = scale};
    a.dim = qkv.cols / (3 * heads), a.n_seqs = seqs->n;
    int32_t most = 0;
    if (!(a.qkv = cpu_f32(c, "attn", "qkv", qkv, -1, -1)) ||
        !(a.y = cpu_f32(c, "attn", "y", y, qkv.rows, heads * a.dim)) ||
        !place_seqs(c, &a, seqs, qkv.rows, layer, &most) || !rope_table(c, &a, rope, most))
        return;
    a.thread_bytes = ((size_t)padded(a.dim) + (size_t)padded(most) + 4 * MAX_LANES) * ATTEND_ROWS * sizeof(float);
    if (!cpu_scratch(c, SCRATCH_THREADS, (a.thread_bytes + 63) / 64 * 64 * (size_t)pool_threads(c->pool)))
        return;
    bool alone = (int64_t)qkv.rows * qkv.cols < ALONE;
    run_tasks(&a, (int64_t)a.n_seqs * heads, append_task, alone);
    run_tasks(&a, (int64_t)a.n_chunks * heads, attend_task, alone && most < 256);
}

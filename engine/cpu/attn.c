/* Causal attention over packed sequences, with or without kept keys and values. First all keys and
 * values go to where they are kept (or to working space of the same layout), then queries run in
 * chunks of rows, head by head. */
#include "engine/base/memory.h"
#include "engine/cpu/device.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define WHOLE 128    /* up to here a sequence's head is one task */
#define CHUNK 32     /* rows of one task */
#define MAX_LANES 16 /* of any instruction set: how far blocks of keys are padded */
#define ALONE 16384  /* elements of q, k, v below which one thread does it all */

static int32_t padded(int32_t n)
{
    return (n + MAX_LANES - 1) / MAX_LANES * MAX_LANES;
}

struct kv *cpu_kv_new(struct queue *q, int32_t first_layer, int32_t n_layers, int32_t width,
                      int32_t cap, enum dtype as, struct error *e)
{
    (void)q, (void)as; /* results are floats here */
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
        error_set(e, ERROR_MEMORY,
                  "cpu: no memory for keys and values of %d layers × %d positions × %d", n_layers,
                  cap, width);
        free(kv);
        return NULL;
    }
    kv->data = (float *)(void *)((char *)kv->memory + (64 - (uintptr_t)kv->memory % 64) % 64);
    return kv;
}

void cpu_kv_free(struct queue *q, struct kv *kv)
{
    (void)q;
    if (kv)
        free(kv->memory);
    free(kv);
}

/* Of each head so many blocks of keys as hold n positions. */
void cpu_kv_copy(struct queue *q, struct kv *to, const struct kv *from, int32_t n)
{
    if (cpu_failed(q))
        return;
    if (to->first_layer != from->first_layer || to->n_layers != from->n_layers ||
        to->width != from->width || n < 0 || n > to->cap || n > from->cap) {
        error_set(&q->err, ERROR_SYSTEM,
                  "cpu kv_copy: %d of %d positions of %d layers from %d to %d of %d from %d", n,
                  from->cap, from->n_layers, from->first_layer, to->cap, to->n_layers,
                  to->first_layer);
        return;
    }
    const size_t heads = (size_t)from->n_kv_heads;
    to->n_kv_heads = from->n_kv_heads;
    for (size_t i = 0; i < 2 * (size_t)to->n_layers * heads; i++)
        memcpy(to->data + i * (to->side / heads), from->data + i * (from->side / heads),
               (size_t)padded(n) * ((size_t)to->width / heads) * sizeof *to->data);
}

struct place {                   /* of one sequence */
    int32_t row, n, past, chunk; /* chunk: number of the first of its chunks */
    int32_t cap;
    float *keys, *values; /* all heads; NULL: nothing is kept, each thread has room for a head */
};

struct attn {
    struct cpu *cpu;
    const struct attn_shape *shape;
    const float *q, *k, *v;
    float *y;
    size_t ldq, ldk, ldv, ldy;
    int32_t dim, group; /* query heads that share keys and values */
    int32_t n_seqs, n_chunks;
    int32_t longest, most; /* rows of the longest sequence; positions with its past */
    struct place *seq;
    const float *cos, *sin; /* [position, rot/2] */
    int32_t half;
    size_t thread_bytes;
};

struct head { /* keys and values of one sequence, as in struct attend */
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
    a->cpu->k->head_copy(dst, src, a->dim, a->cos + at, a->sin + at, a->half, a->shape->rope.style);
}

/* Keys and values of row t of the sequence. */
static void append(const struct attn *a, const struct place *p, const struct head *h, int32_t t)
{
    const size_t dim = (size_t)a->dim, lanes = (size_t)a->cpu->k->lanes;
    const size_t row = (size_t)(p->row + t), column = (size_t)h->number * dim,
                 pos = (size_t)p->past + (size_t)t;
    float *to = h->keys + pos / lanes * lanes * dim + pos % lanes;
    copy_rotated(a, h->q, a->k + row * a->ldk + column, p->past + t);
    for (size_t d = 0; d < dim; d++)
        to[d * lanes] = h->q[d];
    a->cpu->k->head_copy(h->values + pos * dim, a->v + row * a->ldv + column, a->dim, a->cos,
                         a->sin, 0, ROPE_NEOX);
}

/* Rows first … end−1 of the sequence, one query head. */
static void attend_rows(const struct attn *a, const struct place *p, const struct head *h,
                        int32_t query_head, int32_t first, int32_t end)
{
    const size_t dim = (size_t)a->dim, column = (size_t)query_head * dim;
    struct attend g = {
        .dim = a->dim, .q = h->q, .keys = h->keys, .values = h->values, .scores = h->scores};
    g.ldy = a->ldy, g.scale = a->shape->scale;
    g.window = a->shape->window, g.soft_cap = a->shape->soft_cap;
    for (int32_t t = first; t < end; t += ATTEND_ROWS) {
        g.rows = end - t < ATTEND_ROWS ? end - t : ATTEND_ROWS;
        g.pos = p->past + t;
        for (int32_t r = 0; r < g.rows; r++)
            copy_rotated(a, h->q + (size_t)r * dim,
                         a->q + (size_t)(p->row + t + r) * a->ldq + column, g.pos + r);
        g.y = a->y + (size_t)(p->row + t) * a->ldy + column;
        a->cpu->k->attend(&g);
    }
}

/* One head of keys and values of one sequence, then all its queries while they are near. */
static void whole_task(void *arg, int thread, int64_t i)
{
    const struct attn *a = arg;
    const struct place *p = &a->seq[i / a->shape->n_kv_heads];
    struct head h = head_of(a, p, (int32_t)(i % a->shape->n_kv_heads), thread);
    for (int32_t t = 0; t < p->n; t++)
        append(a, p, &h, t);
    for (int32_t j = 0; j < a->group; j++)
        attend_rows(a, p, &h, h.number * a->group + j, 0, p->n);
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

/* Row by row, as they lie in K and V: those of a long batch are far away. */
static void append_task(void *arg, int thread, int64_t chunk)
{
    const struct attn *a = arg;
    const struct place *p = place_of_chunk(a, (int32_t)chunk);
    const int32_t first = ((int32_t)chunk - p->chunk) * CHUNK,
                  end = p->n - first < CHUNK ? p->n : first + CHUNK;
    for (int32_t t = first; t < end; t++)
        for (int32_t i = 0; i < a->shape->n_kv_heads; i++) {
            struct head h = head_of(a, p, i, thread);
            append(a, p, &h, t);
        }
}

static void chunk_task(void *arg, int thread, int64_t i)
{
    const struct attn *a = arg;
    const int32_t chunk = (int32_t)(i / a->shape->n_heads),
                  query_head = (int32_t)(i % a->shape->n_heads);
    const struct place *p = place_of_chunk(a, chunk);
    struct head h = head_of(a, p, query_head / a->group, thread);
    int32_t first = (chunk - p->chunk) * CHUNK;
    attend_rows(a, p, &h, query_head, first, p->n - first < CHUNK ? p->n : first + CHUNK);
}

/* ---- angles */
void cpu_rope_free(struct cpu *c)
{
    for (int i = 0; i < ROPE_TABLES; i++) {
        free(c->rope[i].inv_freq);
        free(c->rope[i].angle);
    }
}

/* The table of these frequencies, or the one that was asked for longest ago. */
static struct rope_table *find_table(struct cpu *c, const float *inv_freq, int32_t half,
                                     float length)
{
    struct rope_table *oldest = &c->rope[0];
    for (int i = 0; i < ROPE_TABLES; i++) {
        struct rope_table *t = &c->rope[i];
        if (t->half == half && !(t->length < length) && !(t->length > length) &&
            memcmp(t->inv_freq, inv_freq, (size_t)half * sizeof *inv_freq) == 0)
            return t;
        if (t->used < oldest->used)
            oldest = t;
    }
    oldest->n = 0;
    return oldest;
}

/* The angle is a float's product, as in the models' own code. */
static bool fill_table(struct queue *q, struct rope_table *t, const float *inv_freq, int32_t half,
                       float length, int32_t n)
{
    const size_t side = (size_t)n * (size_t)half;
    float *angle = malloc(2 * side * sizeof *angle);
    if (angle == NULL)
        return error_set(&q->err, ERROR_MEMORY, "cpu attn: no memory for %d angles at %d positions",
                         half, n);
    for (int32_t pos = 0; pos < n; pos++)
        for (int32_t i = 0; i < half; i++) {
            double a = (double)((float)pos * inv_freq[i]);
            size_t at = (size_t)pos * (size_t)half + (size_t)i;
            angle[at] = (float)((double)length * cos(a));
            angle[side + at] = (float)((double)length * sin(a));
        }
    float *copy = xmemdup(inv_freq, (size_t)half * sizeof *copy);
    free(t->angle);
    free(t->inv_freq);
    *t = (struct rope_table){
        .inv_freq = copy, .angle = angle, .length = length, .half = half, .n = n};
    return true;
}

static bool rope_table(struct queue *q, struct attn *a)
{
    static const float none[1];
    const struct rope *rope = &a->shape->rope;
    a->half = rope->rot / 2;
    a->cos = a->sin = none;
    if (a->half == 0)
        return true;
    const float *inv_freq = cpu_f32(q, "attn", "inv_freq", rope->inv_freq, 1, a->half);
    if (inv_freq == NULL)
        return false;
    const float length = rope->length > 0 ? rope->length : 1;
    struct rope_table *t = find_table(cpu_of(q), inv_freq, a->half, length);
    if (t->n < a->most && !fill_table(q, t, inv_freq, a->half, length,
                                      a->most < INT32_MAX / 2 ? 2 * a->most : a->most))
        return false;
    t->used = ++cpu_of(q)->n_attns;
    a->cos = t->angle;
    a->sin = a->cos + (size_t)t->n * (size_t)a->half;
    return true;
}

static bool check_kv(struct queue *q, const struct attn *a, struct kv *kv, int32_t layer,
                     int32_t end)
{
    const int32_t heads = a->shape->n_kv_heads;
    if (layer < kv->first_layer || layer - kv->first_layer >= kv->n_layers ||
        kv->width != heads * a->dim)
        return error_set(&q->err, ERROR_SYSTEM,
                         "cpu attn: layer %d of width %d, kept are %d from %d of width %d", layer,
                         heads * a->dim, kv->n_layers, kv->first_layer, kv->width);
    if (end > kv->cap)
        return error_set(&q->err, ERROR_SYSTEM, "cpu attn: %d positions, kept are %d at most", end,
                         kv->cap);
    if (kv->n_kv_heads != 0 && kv->n_kv_heads != heads)
        return error_set(&q->err, ERROR_SYSTEM, "cpu attn: %d heads, kept were %d", heads,
                         kv->n_kv_heads);
    kv->n_kv_heads = heads;
    return true;
}

static bool check_seqs(struct queue *q, struct attn *a, const struct seqs *seqs, int32_t rows)
{
    for (int32_t i = 0; i < seqs->n; i++) {
        int32_t first = seqs->start[i], end = seqs->start[i + 1],
                past = seqs->past ? seqs->past[i] : 0;
        if (first < 0 || end < first || end > rows)
            return error_set(&q->err, ERROR_SYSTEM, "cpu attn: sequence %d is rows %d to %d of %d",
                             i, first, end, rows);
        if (past < 0 || (past > 0 && !(seqs->kv && seqs->kv[i])) ||
            past > INT32_MAX - MAX_LANES - (end - first))
            return error_set(
                &q->err, ERROR_SYSTEM,
                "cpu attn: sequence %d goes on from %d positions of which none is kept", i, past);
        a->longest = end - first > a->longest ? end - first : a->longest;
        a->most = past + end - first > a->most ? past + end - first : a->most;
    }
    return true;
}

/* Where each sequence's keys and values are. Short sequences that keep none use each thread's own
 * room. */
static bool place_seqs(struct queue *q, struct attn *a, const struct seqs *seqs, int32_t layer)
{
    const size_t width = (size_t)a->shape->n_kv_heads * (size_t)a->dim;
    size_t want = 0, table = ((size_t)seqs->n * sizeof *a->seq + 63) / 64 * 64;
    for (int32_t i = 0; i < seqs->n && a->longest > WHOLE; i++)
        if (!seqs->kv || !seqs->kv[i])
            want += (size_t)padded(seqs->start[i + 1] - seqs->start[i]) * width * 2;
    char *memory = cpu_scratch(q, SCRATCH_SEQS, table + (want + MAX_LANES) * sizeof(float));
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
            if (!check_kv(q, a, kv, layer, p.past + p.n))
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

static bool check_shape(struct queue *q, const struct attn_shape *s)
{
    if (s->n_heads < 1 || s->n_kv_heads < 1 || s->head_dim < 1 || s->n_heads % s->n_kv_heads != 0 ||
        s->head_dim > INT32_MAX / s->n_heads)
        return error_set(&q->err, ERROR_SYSTEM, "cpu attn: %d heads on %d of keys, of width %d",
                         s->n_heads, s->n_kv_heads, s->head_dim);
    if (s->rope.rot < 0 || s->rope.rot % 2 != 0 || s->rope.rot > s->head_dim || s->window < 0)
        return error_set(&q->err, ERROR_SYSTEM,
                         "cpu attn: heads of width %d, %d rotated, a window of %d", s->head_dim,
                         s->rope.rot, s->window);
    return true;
}

/* Room for each thread; then all tasks. */
static void run_attn(struct queue *q, struct attn *a, int32_t rows)
{
    const int32_t kv_heads = a->shape->n_kv_heads;
    size_t sides =
        a->longest > WHOLE ? 0 : 2 * (size_t)padded(a->longest) * (size_t)a->dim + MAX_LANES;
    a->thread_bytes = ((q_floats(a) + score_floats(a) + sides) * sizeof(float) + 63) / 64 * 64;
    if (!cpu_scratch(q, SCRATCH_THREADS, a->thread_bytes * (size_t)pool_threads(cpu_of(q)->pool)))
        return;
    if (a->longest > WHOLE) {
        run_tasks(a, a->n_chunks, append_task, false);
        run_tasks(a, (int64_t)a->n_chunks * a->shape->n_heads, chunk_task, false);
    } else {
        int64_t columns = ((int64_t)a->shape->n_heads + 2 * kv_heads) * a->dim;
        run_tasks(a, (int64_t)a->n_seqs * kv_heads, whole_task,
                  rows * columns < ALONE && a->most < 256);
    }
}

void cpu_attn(struct queue *q, struct tensor y, struct tensor Q, struct tensor K, struct tensor V,
              const struct attn_shape *shape, int32_t layer, const struct seqs *seqs)
{
    if (cpu_failed(q) || Q.rows == 0 || seqs->n == 0 || !check_shape(q, shape))
        return;
    const int32_t width = shape->n_heads * shape->head_dim,
                  kv_width = shape->n_kv_heads * shape->head_dim;
    struct attn a = {.cpu = cpu_of(q), .shape = shape, .dim = shape->head_dim, .n_seqs = seqs->n};
    a.group = shape->n_heads / shape->n_kv_heads;
    a.ldq = (size_t)Q.ld, a.ldk = (size_t)K.ld, a.ldv = (size_t)V.ld, a.ldy = (size_t)y.ld;
    if (!(a.q = cpu_f32(q, "attn", "Q", Q, -1, width)) ||
        !(a.k = cpu_f32(q, "attn", "K", K, Q.rows, kv_width)) ||
        !(a.v = cpu_f32(q, "attn", "V", V, Q.rows, kv_width)) ||
        !(a.y = cpu_f32(q, "attn", "y", y, Q.rows, width)) || !check_seqs(q, &a, seqs, Q.rows) ||
        !place_seqs(q, &a, seqs, layer) || !rope_table(q, &a))
        return;
    run_attn(q, &a, Q.rows);
}

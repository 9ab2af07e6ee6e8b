/* Attention: who attends to what becomes a table on the device. */
#include "gpu/gpu_private.h"
#include <stdlib.h>

enum { SPLIT_FROM = 512 }; /* positions behind which few queries' keys are split */

struct kv *cuda_kv_new(struct queue *on, int32_t first_layer, int32_t n_layers, int32_t width,
                       int32_t cap, enum dtype as, struct error *e)
{
    const enum dtype type = as == DTYPE_F16 || as == DTYPE_BF16 ? as : DTYPE_F32;
    const size_t layers = n_layers > 0 ? 2 * (size_t)n_layers * dtype_size(type) : 1;
    struct kv *kv = calloc(1, sizeof *kv);
    if (!kv || n_layers < 0 || width <= 0 || cap <= 0 ||
        (size_t)width * (size_t)cap > PTRDIFF_MAX / layers) {
        error_set(e, ERROR_SYSTEM, "cuda: keys and values of %d layers × %d positions × %d",
                  n_layers, cap, width);
        free(kv);
        return NULL;
    }
    kv->first_layer = first_layer, kv->n_layers = n_layers, kv->width = width, kv->cap = cap;
    kv->side = (size_t)width * (size_t)cap, kv->type = type;
    struct buf *buf = cuda_alloc(on, kv->side * layers, e);
    if (buf)
        kv->at = buf->at;
    else
        error_prefix(e, "keys and values of %d layers × %d positions × %d", n_layers, cap, width);
    const bool ok = buf != NULL;
    free(buf);
    if (ok)
        return kv;
    free(kv);
    return NULL;
}

void cuda_kv_free(struct queue *on, struct kv *kv)
{
    struct gpu_queue *q = queue_of(on);
    if (kv)
        queue_give_back(q, kv->at);
    free(kv);
}

void cuda_kv_copy(struct queue *on, struct kv *to, const struct kv *from, int32_t n)
{
    struct gpu_queue *q = queue_of(on);
    if (queue_failed(q))
        return;
    if (to->first_layer != from->first_layer || to->n_layers != from->n_layers ||
        to->width != from->width || to->type != from->type || n < 0 || n > to->cap ||
        n > from->cap) {
        error_set(&q->base.err, ERROR_SYSTEM,
                  "cuda kv_copy: %d of %d positions of %d layers from %d to %d of %d from %d", n,
                  from->cap, from->n_layers, from->first_layer, to->cap, to->n_layers,
                  to->first_layer);
        return;
    }
    const size_t size = dtype_size(to->type), bytes = (size_t)n * (size_t)to->width * size;
    if (bytes > 0 && to->n_layers > 0)
        queue_copy(q, to->at, to->side * size, from->at, from->side * size, bytes,
                   2 * (size_t)to->n_layers, cudaMemcpyDeviceToDevice);
}

static bool check_shape(struct gpu_queue *q, const struct attn_shape *s)
{
    if (s->n_heads < 1 || s->n_kv_heads < 1 || s->head_dim < 1 || s->n_heads % s->n_kv_heads != 0 ||
        s->head_dim > INT32_MAX / s->n_heads)
        return error_set(&q->base.err, ERROR_SYSTEM,
                         "cuda attn: %d heads on %d of keys, of width %d", s->n_heads,
                         s->n_kv_heads, s->head_dim);
    if (s->rope.rot < 0 || s->rope.rot % 2 != 0 || s->rope.rot > s->head_dim || s->window < 0)
        return error_set(&q->base.err, ERROR_SYSTEM,
                         "cuda attn: heads of width %d, %d rotated, a window of %d", s->head_dim,
                         s->rope.rot, s->window);
    return s->head_dim <= ATTN_DIM || error_set(&q->base.err, ERROR_SYSTEM,
                                                "cuda attn: heads of width %d, expected at most %d",
                                                s->head_dim, (int)ATTN_DIM);
}

static bool check_kv(struct gpu_queue *q, const struct attn_kernel *a, const struct kv *kv,
                     int32_t end)
{
    const int32_t width = a->n_kv_heads * a->dim;
    if (a->layer < kv->first_layer || a->layer - kv->first_layer >= kv->n_layers ||
        kv->width != width)
        return error_set(&q->base.err, ERROR_SYSTEM,
                         "cuda attn: layer %d of width %d, kept are %d from %d of width %d",
                         a->layer, width, kv->n_layers, kv->first_layer, kv->width);
    if (kv->type != a->kept)
        return error_set(&q->base.err, ERROR_SYSTEM,
                         "cuda attn: keys and values of dtype %d are kept, expected %d",
                         (int)kv->type, (int)a->kept);
    return end <= kv->cap ||
           error_set(&q->base.err, ERROR_SYSTEM, "cuda attn: %d positions, kept are %d at most",
                     end, kv->cap);
}

/* As what is kept is; nothing: as the result is. */
static enum dtype kept_as(const struct attn_kernel *a, const struct seqs *s)
{
    enum dtype type = a->y.type;
    for (int32_t i = s->n - 1; s->kv && i >= 0; i--)
        type = s->kv[i] ? s->kv[i]->type : type;
    return type;
}

static bool check_seqs(struct gpu_queue *q, const struct attn_kernel *a, const struct seqs *s)
{
    for (int32_t i = 0; i < s->n; i++) {
        const int32_t first = s->start[i], end = s->start[i + 1], past = s->past ? s->past[i] : 0;
        const struct kv *kv = s->kv ? s->kv[i] : NULL;
        if (first < 0 || end < first || end > a->q.rows)
            return error_set(&q->base.err, ERROR_SYSTEM,
                             "cuda attn: sequence %d is rows %d to %d of %d", i, first, end,
                             a->q.rows);
        if (past < 0 || (past > 0 && !kv) || past > INT32_MAX - (end - first))
            return error_set(
                &q->base.err, ERROR_SYSTEM,
                "cuda attn: sequence %d goes on from %d positions of which none is kept", i, past);
        if (kv && !check_kv(q, a, kv, past + end - first))
            return false;
    }
    return true;
}

struct plan_of_tasks { /* counts first, then the table itself */
    struct attn_seq *seq;
    struct attn_task *task;
    struct attn_whole *whole;
    int32_t n_tasks, n_wholes, n_parts;
};

static void add_task(struct plan_of_tasks *p, struct attn_task t)
{
    if (p->task)
        p->task[p->n_tasks] = t;
    p->n_tasks++;
}

/* Rows first … first + n − 1 of a sequence: one task, or one for each ATTN_SPLIT of the keys. What
 * a sequence is cut into does not depend on the others. */
static void add_rows(struct plan_of_tasks *p, const struct attn_kernel *a, int32_t seq, int32_t row,
                     int32_t first, int32_t n, int32_t past, bool few)
{
    struct attn_task t = {.seq = seq, .first = first, .n = n, .end = past + first + n, .part = -1};
    const int32_t lowest = a->window > 0 ? past + first - a->window + 1 : 0;
    t.begin = lowest > 0 ? lowest / ATTN_KEYS * ATTN_KEYS : 0;
    if (!few || t.end - t.begin <= SPLIT_FROM) {
        add_task(p, t);
        return;
    }
    const int32_t end = t.end;
    struct attn_whole w = {.row = row + first, .n = n, .part = p->n_parts};
    for (int32_t at = t.begin; at < end; at += ATTN_SPLIT) {
        t.begin = at, t.end = end - at < ATTN_SPLIT ? end : at + ATTN_SPLIT, t.part = p->n_parts++;
        add_task(p, t);
        w.n_parts++;
    }
    if (p->whole)
        p->whole[p->n_wholes] = w;
    p->n_wholes++;
}

static void plan_tasks(struct plan_of_tasks *p, const struct attn_kernel *a, const struct seqs *s)
{
    p->n_tasks = p->n_wholes = p->n_parts = 0;
    for (int32_t i = 0; i < s->n; i++) {
        const int32_t row = s->start[i], n = s->start[i + 1] - row, past = s->past ? s->past[i] : 0;
        for (int32_t t = 0; t < n; t += ATTN_ROWS)
            add_rows(p, a, i, row, t, n - t < ATTN_ROWS ? n - t : ATTN_ROWS, past, n <= ATTN_ROWS);
    }
}

/* keys, values: room [T, width] each for the sequences that keep nothing. */
static void plan_seqs(struct plan_of_tasks *p, const struct attn_kernel *a, const struct seqs *s,
                      char *keys, char *values)
{
    const size_t size = dtype_size(a->kept), width = (size_t)a->n_kv_heads * (size_t)a->dim * size;
    for (int32_t i = 0; i < s->n; i++) {
        const struct kv *kv = s->kv ? s->kv[i] : NULL;
        struct attn_seq q = {.row = s->start[i], .n = s->start[i + 1] - s->start[i]};
        q.past = s->past ? s->past[i] : 0;
        if (kv) {
            q.keys = kv->at, q.values = kv->at + kv->side * size;
            q.layer_step = 2 * kv->side, q.first_layer = kv->first_layer;
        } else {
            q.keys = keys + (size_t)q.row * width, q.values = values + (size_t)q.row * width;
        }
        p->seq[i] = q;
    }
}

/* The table of before, when it is the same: all layers of a forward pass share one. */
static char *upload_table(struct gpu_queue *q, void *table, size_t n)
{
    if (q->table.n == n && q->table.host && memcmp(q->table.host, table, n) == 0) {
        free(table);
        return q->table.at;
    }
    if (n > q->table.room) {
        void *p = NULL;
        if (!queue_check(q, "memory", cudaMallocFromPoolAsync(&p, n, q->pool, q->stream.at))) {
            free(table);
            return NULL;
        }
        if (q->table.at)
            queue_give_back(q, q->table.at);
        q->table.at = p, q->table.room = n;
    }
    free(q->table.host);
    q->table.host = table, q->table.n = n;
    if (queue_upload(q, q->table.at, table, n))
        return q->table.at;
    q->table.n = 0;
    return NULL;
}

static void attend(struct gpu_queue *q, struct attn_kernel *a, const struct seqs *s)
{
    struct plan_of_tasks p = {0};
    const size_t rows = (size_t)a->q.rows, width = (size_t)a->n_kv_heads * (size_t)a->dim,
                 turned = rows * (size_t)a->n_heads * (size_t)a->dim;
    plan_tasks(&p, a, s);
    const size_t parts = (size_t)p.n_parts * (size_t)a->n_heads * ATTN_ROWS * ((size_t)a->dim + 2);
    const size_t seqs = (size_t)s->n * sizeof *p.seq, tasks = (size_t)p.n_tasks * sizeof *p.task,
                 wholes = (size_t)p.n_wholes * sizeof *p.whole;
    float *room = queue_room(q, ROOM_OP, (turned + 2 * rows * width + parts) * sizeof(float));
    char *table = calloc(1, seqs + tasks + wholes + 1);
    if (!room || !table) {
        error_set(&q->base.err, ERROR_MEMORY, "cuda attn: no memory for a table of %d sequences",
                  s->n);
        free(table);
        return;
    }
    p.seq = (struct attn_seq *)(void *)table;
    p.task = (struct attn_task *)(void *)(table + seqs);
    p.whole = (struct attn_whole *)(void *)(table + seqs + tasks);
    plan_tasks(&p, a, s);
    plan_seqs(&p, a, s, (char *)(room + turned), (char *)(room + turned + rows * width));
    if (!(table = upload_table(q, table, seqs + tasks + wholes)))
        return;
    a->turned = room, a->part = room + turned + 2 * rows * width;
    a->seq = (const struct attn_seq *)(const void *)table;
    a->task = (const struct attn_task *)(const void *)(table + seqs);
    a->whole = (const struct attn_whole *)(const void *)(table + seqs + tasks);
    a->n_seqs = s->n, a->n_tasks = p.n_tasks, a->n_wholes = p.n_wholes;
    gpu_attn(a, &q->stream);
}

static void attend_to(struct gpu_queue *q, struct attn_kernel *a, const struct seqs *s)
{
    a->kept = kept_as(a, s);
    if (check_seqs(q, a, s))
        attend(q, a, s);
}

void cuda_attn(struct queue *on, struct tensor y, struct tensor Q, struct tensor K, struct tensor V,
               const struct attn_shape *shape, int32_t layer, const struct seqs *s)
{
    struct gpu_queue *q = queue_of(on);
    if (queue_failed(q) || Q.rows == 0 || s->n == 0 || !check_shape(q, shape))
        return;
    const int32_t width = shape->n_heads * shape->head_dim,
                  kv_width = shape->n_kv_heads * shape->head_dim;
    struct attn_kernel a = {.n_heads = shape->n_heads,
                            .n_kv_heads = shape->n_kv_heads,
                            .dim = shape->head_dim,
                            .window = shape->window,
                            .scale = shape->scale,
                            .soft_cap = shape->soft_cap,
                            .layer = layer,
                            .rot = shape->rope.rot,
                            .length = shape->rope.length > 0 ? shape->rope.length : 1,
                            .neighbours = shape->rope.style == ROPE_GPTJ};
    if (arg_mat(q, "attn", "Q", Q, -1, width, &a.q) &&
        arg_mat(q, "attn", "K", K, Q.rows, kv_width, &a.k) &&
        arg_mat(q, "attn", "V", V, Q.rows, kv_width, &a.v) &&
        arg_acts(q, "attn", "y", y, Q.rows, width, &a.y) &&
        (a.rot == 0 || (a.inv_freq = arg_view(q, "attn", "inv_freq", shape->rope.inv_freq,
                                              DTYPE_F32, 1, a.rot / 2))))
        attend_to(q, &a, s);
}

/* What is asked of a device outside of a run's operations (engine/run.h): weights, buffers, keys
 * and values, and the few products and copies that no tape records. Each is the function of that
 * name in engine/backend.h; nobody else calls its pointers. */
#ifndef GLIMT_ENGINE_DEVICE_H
#define GLIMT_ENGINE_DEVICE_H
#include "engine/backend.h"

static inline struct queue *device_queue(struct backend *b, enum queue_kind kind, struct error *e)
{
    return b->queue_new(b, kind, e);
}
static inline void device_queue_free(struct queue *q) /* NULL: nothing */
{
    if (q)
        q->backend->queue_free(q);
}
static inline bool device_status(struct queue *q, struct error *e) /* as far as it is known */
{
    return q->backend->queue_status(q, e);
}
static inline void device_sync(struct queue *q)
{
    q->backend->queue_sync(q);
}
/* Waits for all that is queued; false and *e when something of it failed. */
static inline bool device_well(struct queue *q, struct error *e)
{
    device_sync(q);
    return device_status(q, e);
}
static inline uint64_t device_mark(struct queue *q)
{
    return q->backend->queue_mark(q);
}
static inline bool device_pending(struct queue *q, uint64_t mark)
{
    return q->backend->queue_pending(q, mark);
}
static inline void device_wait(struct queue *q, struct queue *other, uint64_t mark)
{
    q->backend->queue_wait(q, other, mark);
}

static inline struct device_memory device_memory(const struct backend *b)
{
    return b->memory(b);
}
/* False and *e (ERROR_MEMORY) when the device has no room for weights of `need` bytes and for what
 * is computed with them, as far as it knows: "cuda: 5.4 GB needed, 3.1 free of 16". */
bool device_room(const struct backend *, uint64_t need, struct error *e);
/* The same memory in words: "3.1 GB free of 16"; "": not known. */
void device_memory_text(const struct device_memory *, char *to, size_t n);

static inline struct buf *device_alloc(struct queue *q, size_t n, struct error *e)
{
    return q->backend->alloc(q, n, e);
}
static inline void device_buf_free(struct queue *q, struct buf *buf)
{
    q->backend->buf_free(q, buf);
}
static inline void device_put(struct queue *q, struct tensor dst, const void *src)
{
    q->backend->put(q, dst, src);
}
/* fetch, and waits: dst is filled when it returns, unless the queue has failed. */
static inline void device_get(struct queue *q, void *dst, struct tensor src)
{
    q->backend->fetch(q, dst, src);
    q->backend->queue_sync(q);
}
static inline void device_get_f64(struct queue *q, double *dst, struct tensor src)
{
    q->backend->fetch_f64(q, dst, src);
    q->backend->queue_sync(q);
}
static inline void device_copy(struct queue *q, struct tensor y, struct tensor x)
{
    q->backend->copy(q, y, x);
}

static inline void device_hear(struct backend *b, void (*loaded)(void *, uint64_t n), void *arg)
{
    b->loaded = loaded, b->loaded_arg = arg;
}
static inline struct weight *device_weight_new(struct backend *b, const struct weight_source *src,
                                               unsigned uses, struct error *e)
{
    return b->weight_new(b, src, uses, e);
}
static inline struct weight *device_weight_take(struct backend *b, const struct weight_source *src,
                                                unsigned uses, const void *packed, size_t n,
                                                struct error *e)
{
    return b->weight_take(b, src, uses, packed, n, e);
}
static inline const void *device_weight_packed(const struct backend *b, const struct weight *w,
                                               size_t *n)
{
    return b->weight_packed(w, n);
}
static inline void device_weight_free(struct backend *b, struct weight *w)
{
    b->weight_free(b, w);
}
static inline size_t device_weight_bytes(const struct backend *b, const struct weight *w)
{
    return b->weight_bytes(w);
}
static inline uint64_t device_weight_need(const struct backend *b, const struct weight_source *src,
                                          unsigned uses)
{
    return b->weight_need(b, src, uses);
}
static inline enum dtype device_weight_reads(const struct backend *b, const struct weight *w)
{
    return b->weight_reads(w);
}
static inline void device_linear(struct queue *q, struct tensor y, struct tensor x,
                                 const struct weight *w, struct tensor bias, enum epilogue epilogue)
{
    q->backend->linear(q, y, x, w, bias, epilogue);
}

static inline struct kv *device_kv_new(struct queue *q, int32_t first_layer, int32_t n_layers,
                                       int32_t width, int32_t cap, enum dtype as, struct error *e)
{
    return q->backend->kv_new(q, first_layer, n_layers, width, cap, as, e);
}
static inline void device_kv_free(struct queue *q, struct kv *kv)
{
    q->backend->kv_free(q, kv);
}
static inline void device_kv_copy(struct queue *q, struct kv *to, const struct kv *from, int32_t n)
{
    q->backend->kv_copy(q, to, from, n);
}
#endif

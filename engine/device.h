/* What is asked of a device outside of a run's operations (engine/run.h): weights, buffers, keys
 * and values, and the few products and copies that no tape records. Each is the function of that
 * name in engine/backend.h; nobody else calls its pointers. */
#ifndef GLIMT_ENGINE_DEVICE_H
#define GLIMT_ENGINE_DEVICE_H
#include "engine/backend.h"

static inline bool device_status(struct backend *b, struct error *e)
{
    return b->status(b, e);
}
static inline void device_sync(struct backend *b)
{
    b->sync(b);
}

static inline struct buf *device_alloc(struct backend *b, size_t n, struct error *e)
{
    return b->alloc(b, n, e);
}
static inline void device_buf_free(struct backend *b, struct buf *buf)
{
    b->buf_free(b, buf);
}
static inline void device_put(struct backend *b, struct tensor dst, const void *src)
{
    b->put(b, dst, src);
}
static inline void device_copy(struct backend *b, struct tensor y, struct tensor x)
{
    b->copy(b, y, x);
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
static inline void device_linear(struct backend *b, struct tensor y, struct tensor x,
                                 const struct weight *w, struct tensor bias, enum epilogue epilogue)
{
    b->linear(b, y, x, w, bias, epilogue);
}

static inline struct kv *device_kv_new(struct backend *b, int32_t first_layer, int32_t n_layers,
                                       int32_t width, int32_t cap, struct error *e)
{
    return b->kv_new(b, first_layer, n_layers, width, cap, e);
}
static inline void device_kv_free(struct backend *b, struct kv *kv)
{
    b->kv_free(b, kv);
}
#endif

#include "engine/dict/pack.h"
#include "engine/base/memory.h"
#include "engine/device.h"
#include <stdio.h>
#include <stdlib.h>

/* All that the packed form depends on beside the file; the caller frees. */
static char *packed_as(const struct backend *b, const struct named_tensor *t,
                       const struct weight_source *s, unsigned uses)
{
    char rows[65] = "all";
    if (s->rows) {
        struct sha256 h = sha256_bytes(s->rows, (size_t)s->out * sizeof *s->rows);
        sha256_hex(&h, rows);
    }
    return xasprintf("%s%s: %s [%d, %d] of dtype %d, order %d, rows %s", b->caps.layout,
                     uses & USE_ENCODE ? ", for codes" : "", t->name, s->out, s->in, (int)s->type,
                     (int)s->order, rows);
}

static struct weight *take(struct backend *b, const struct named_tensor *t,
                           const struct weight_source *s, unsigned uses, const char *what,
                           struct packs *packs)
{
    size_t n;
    const void *packed = packs_find(packs, t->file, what, &n);
    struct weight *w = packed ? device_weight_take(b, s, uses, packed, n, NULL) : NULL;
    if (packed && !w)
        packs_distrust(packs, t->file, what);
    return w;
}

/* Pages of the source leave memory while the rest of it is packed; whoever listened goes on. */
struct leaving {
    const struct tensors *ts;
    struct named_tensor rest;
    void (*loaded)(void *, uint64_t n);
    void *loaded_arg;
};

static void leave(void *arg, uint64_t n)
{
    struct leaving *l = arg;
    if (l->loaded)
        l->loaded(l->loaded_arg, n);
    if (n > l->rest.n_bytes)
        return;
    struct named_tensor gone = l->rest;
    gone.n_bytes = (size_t)n;
    tensors_done(l->ts, &gone);
    l->rest.data = (const char *)l->rest.data + n, l->rest.n_bytes -= (size_t)n;
}

static struct weight *pack_leaving(struct backend *b, const struct tensors *ts,
                                   const struct named_tensor *t, const struct weight_source *s,
                                   unsigned uses, struct error *e)
{
    struct leaving l = {.ts = ts, .rest = *t, .loaded = b->loaded, .loaded_arg = b->loaded_arg};
    device_hear(b, leave, &l);
    struct weight *w = device_weight_new(b, s, uses, e);
    device_hear(b, l.loaded, l.loaded_arg);
    return w;
}

static struct weight *take_or_pack(struct backend *b, const struct tensors *ts,
                                   const struct named_tensor *t, const struct weight_source *s,
                                   unsigned uses, struct packs *packs, struct error *e)
{
    if (!packs || !b->caps.layout || !(uses & USE_PRODUCT))
        return pack_leaving(b, ts, t, s, uses, e);
    char *what = packed_as(b, t, s, uses);
    struct weight *w = take(b, t, s, uses, what, packs);
    if (!w && (w = pack_leaving(b, ts, t, s, uses, e)) != NULL) {
        size_t n;
        const void *packed = device_weight_packed(b, w, &n);
        packs_put(packs, t->file, what, packed, n);
    }
    free(what);
    return w;
}

uint64_t pack_need(struct backend *b, const struct named_tensor *t, enum order order,
                   const int32_t *rows, unsigned uses, struct packs *packs)
{
    const int64_t out = t->dim[order == ORDER_IN_OUT], in = t->dim[order == ORDER_OUT_IN];
    if (out < 1 || in < 1 || out > INT32_MAX || in > INT32_MAX)
        return 0; /* refused when it is packed */
    const struct weight_source s = {.type = (enum dtype)t->type,
                                    .out = (int32_t)out,
                                    .in = (int32_t)in,
                                    .order = order,
                                    .data = t->data,
                                    .rows = rows};
    const uint64_t need = device_weight_need(b, &s, uses);
    size_t n = 0;
    if (need == 0 || !packs || !b->caps.layout || !(uses & USE_PRODUCT))
        return need;
    char *what = packed_as(b, t, &s, uses);
    const bool kept = packs_find(packs, t->file, what, &n) != NULL;
    free(what);
    return kept ? 0 : need;
}

bool pack_may_fit(struct backend *b, uint64_t need, const struct packs *packs)
{
    const uint64_t kept = packs_kept(packs);
    return device_room(b, need > kept ? need - kept : 0, NULL);
}

struct weight *pack_weight(struct backend *b, const struct tensors *ts,
                           const struct named_tensor *t, enum order order, const int32_t *rows,
                           unsigned uses, struct packs *packs, struct error *e)
{
    int64_t out = t->dim[order == ORDER_OUT_IN ? 0 : 1], in = t->dim[order == ORDER_OUT_IN ? 1 : 0];
    if (out < 1 || in < 1 || out > INT32_MAX || in > INT32_MAX) {
        error_set(e, ERROR_INPUT, "%s: %s has shape [%lld, %lld], each must be between 1 and %d",
                  t->file, t->name, (long long)t->dim[0], (long long)t->dim[1], INT32_MAX);
        return NULL;
    }
    struct weight *w = take_or_pack(b, ts, t,
                                    &(struct weight_source){.type = (enum dtype)t->type,
                                                            .out = (int32_t)out,
                                                            .in = (int32_t)in,
                                                            .order = order,
                                                            .data = t->data,
                                                            .rows = rows},
                                    uses, packs, e);
    if (!w)
        error_prefix(e, "%s: %s", t->file, t->name);
    tensors_done(ts, t);
    return w;
}

bool pack_vector(struct queue *q, const struct tensors *ts, const char *name, int32_t n,
                 const int32_t *order, float plus, struct tensor *out, struct error *e)
{
    const struct named_tensor *t = tensors_need(ts, name, 1, (const int64_t[]){n}, e);
    if (!t || !tensor_check_finite(t, e))
        return false;
    *out = tensor_new(q, 1, n, q->backend->caps.real, e);
    if (!out->buf)
        return error_prefix(e, "%s: %s", t->file, name);
    float *host = xreallocarray(NULL, (size_t)n, sizeof *host);
    tensor_to_f32(host, t->data, (enum dtype)t->type, (size_t)n);
    for (int32_t i = 0; plus != 0 && i < n; i++)
        host[i] += plus;
    float *in_order = host;
    if (order) {
        in_order = xreallocarray(NULL, (size_t)n, sizeof *in_order);
        for (int32_t i = 0; i < n; i++)
            in_order[i] = host[order[i]];
    }
    device_put(q, *out, in_order);
    if (order)
        free(in_order);
    free(host);
    tensors_done(ts, t);
    return true;
}

void pack_name(const void *tensor, int64_t a, int64_t b, char *to, size_t n)
{
    const struct named_tensor *t = tensor;
    (void)a, (void)b;
    snprintf(to, n, "%s: %s", t->file, t->name);
}

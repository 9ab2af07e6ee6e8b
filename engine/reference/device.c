/* Memory, weights and checks of the reference device: the same for float and double. */
#include "engine/backend/synchronous.h"
#include "engine/base/memory.h"
#include "engine/reference/reference_private.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

void *reference_view(struct queue *q, const char *op, struct tensor t, enum dtype type,
                     int32_t rows, int32_t cols)
{
    if (error_is_set(&q->err))
        return NULL;
    if (t.buf == NULL || t.dtype != type || t.rows < 0 || t.cols < 0 ||
        (rows >= 0 && t.rows != rows) || (cols >= 0 && t.cols != cols) ||
        (t.rows > 1 && t.ld < t.cols)) {
        error_set(&q->err, ERROR_SYSTEM,
                  "reference %s: found [%d, %d] (ld %d, dtype %d%s), expected [%d, %d] of dtype %d",
                  op, t.rows, t.cols, t.ld, (int)t.dtype, t.buf ? "" : ", absent", rows, cols,
                  (int)type);
        return NULL;
    }
    size_t last = t.rows == 0 || t.cols == 0
                      ? 0
                      : ((size_t)(t.rows - 1) * (size_t)t.ld + (size_t)t.cols) * dtype_size(type);
    if (t.off > t.buf->n || last > t.buf->n - t.off || t.off % dtype_size(type) != 0) {
        error_set(&q->err, ERROR_SYSTEM, "reference %s: %zu bytes at offset %zu of a buffer of %zu",
                  op, last, t.off, t.buf->n);
        return NULL;
    }
    return t.buf->bytes + t.off;
}

bool reference_ids(struct queue *q, const char *op, struct tensor ids, int32_t least, int32_t out)
{
    const int32_t *p = reference_view(q, op, ids, DTYPE_I32, -1, -1);
    for (int32_t t = 0; p && t < ids.rows; t++)
        for (int32_t i = 0; i < ids.cols; i++) {
            int32_t id = p[(size_t)t * (size_t)ids.ld + (size_t)i];
            if (id < least || id >= out)
                return error_set(&q->err, ERROR_INPUT, "reference %s: %d asked of %d", op, id, out);
        }
    return p != NULL;
}

struct entry {
    double value;
    int32_t index;
};

static int better(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    if (x->value > y->value || x->value < y->value)
        return x->value > y->value ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

void reference_best(const double *x, int32_t m, int32_t n, int32_t *ids)
{
    struct entry *e = xmalloc((size_t)(m > 0 ? m : 1) * sizeof *e);
    for (int32_t i = 0; i < m; i++)
        e[i] = (struct entry){isnan(x[i]) ? -INFINITY : x[i], i};
    qsort(e, (size_t)m, sizeof *e, better);
    for (int32_t i = 0; i < n; i++)
        ids[i] = e[i].index;
    free(e);
}

/* ---- memory */
static struct buf *buf_new(struct queue *q, size_t n, struct error *e)
{
    (void)q;
    size_t whole;
    struct buf *buf = xcalloc(1, sizeof *buf);
    if (!size_add(n, 64, &whole) || whole > PTRDIFF_MAX ||
        !(buf->bytes = aligned_alloc(64, whole / 64 * 64))) {
        error_set(e, ERROR_MEMORY, "reference: no memory for %zu bytes", n);
        free(buf);
        return NULL;
    }
    buf->n = n > 0 ? n : 1;
    return buf;
}

static void buf_free(struct queue *q, struct buf *buf)
{
    (void)q;
    if (buf)
        free(buf->bytes);
    free(buf);
}

/* Host memory holds floats whatever the device computes in. */
static void put(struct queue *q, struct tensor dst, const void *src)
{
    char *p = reference_view(q, "put", dst, dst.dtype, -1, -1);
    for (int32_t r = 0; p && r < dst.rows; r++)
        for (int32_t c = 0; c < dst.cols; c++) {
            size_t from = (size_t)r * (size_t)dst.cols + (size_t)c,
                   to = (size_t)r * (size_t)dst.ld + (size_t)c;
            if (dst.dtype == DTYPE_F64)
                ((double *)(void *)p)[to] = (double)((const float *)src)[from];
            else
                memcpy(p + 4 * to, (const char *)src + 4 * from, 4);
        }
}

static void fetch(struct queue *q, void *dst, struct tensor src)
{
    const char *p = reference_view(q, "fetch", src, src.dtype, -1, -1);
    for (int32_t r = 0; p && r < src.rows; r++)
        for (int32_t c = 0; c < src.cols; c++) {
            size_t to = (size_t)r * (size_t)src.cols + (size_t)c,
                   from = (size_t)r * (size_t)src.ld + (size_t)c;
            if (src.dtype == DTYPE_F64)
                ((float *)dst)[to] = (float)((const double *)(const void *)p)[from];
            else
                memcpy((char *)dst + 4 * to, p + 4 * from, 4);
        }
}

static void fetch_f64(struct queue *q, double *dst, struct tensor src)
{
    if (reference_view(q, "fetch_f64", src, src.dtype, -1, -1))
        reference_values(src, dst);
}

void reference_values(struct tensor t, double *out)
{
    const char *p = t.buf->bytes + t.off;
    for (int32_t r = 0; r < t.rows; r++)
        for (int32_t c = 0; c < t.cols; c++) {
            size_t from = (size_t)r * (size_t)t.ld + (size_t)c;
            out[(size_t)r * (size_t)t.cols + (size_t)c] =
                t.dtype == DTYPE_F64 ? ((const double *)(const void *)p)[from]
                                     : (double)((const float *)(const void *)p)[from];
        }
}

/* ---- weights */

static double half_value(uint16_t h)
{
    int e = h >> 10 & 31, m = h & 1023;
    double v = e == 0 ? ldexp(m, -24) : e == 31 ? (m ? NAN : INFINITY) : ldexp(1024 + m, e - 25);
    return h >> 15 ? -v : v;
}

static double source_value(const char *src, enum dtype type, size_t i)
{
    if (type == DTYPE_F32) {
        float f;
        memcpy(&f, src + 4 * i, sizeof f);
        return (double)f;
    }
    uint16_t h;
    memcpy(&h, src + 2 * i, sizeof h);
    if (type == DTYPE_F16)
        return half_value(h);
    uint32_t bits = (uint32_t)h << 16;
    float f;
    memcpy(&f, &bits, sizeof f);
    return (double)f;
}

static void weight_free(struct backend *b, struct weight *w)
{
    (void)b;
    if (w)
        free(w->w);
    free(w);
}

#define NOT_FINITE                                                                                 \
    "the value at [%d, %d] is no finite number, expected weights without NaNs and infinities"

bool reference_row_is_finite(const struct weight *w, int32_t row, struct error *e)
{
    for (int32_t i = 0; i < w->in; i++)
        if (!isfinite(w->w[(size_t)row * (size_t)w->in + (size_t)i]))
            return error_set(e, ERROR_INPUT, NOT_FINITE, row, i);
    return true;
}

/* In the order of the source. */
static bool is_finite(const struct weight *w, const struct weight_source *src, struct error *e)
{
    const bool by_row = src->order == ORDER_OUT_IN;
    for (int32_t i = 0; i < (by_row ? w->out : w->in); i++)
        for (int32_t j = 0; j < (by_row ? w->in : w->out); j++) {
            const int32_t o = by_row ? i : j, at = src->rows ? src->rows[o] : o;
            if (!isfinite(w->w[(size_t)o * (size_t)w->in + (size_t)(by_row ? j : i)]))
                return error_set(e, ERROR_INPUT, NOT_FINITE, by_row ? at : i, by_row ? j : at);
        }
    return true;
}

static struct weight *weight_new(struct backend *b, const struct weight_source *src, unsigned uses,
                                 struct error *e)
{
    const enum dtype type = src->type;
    const int32_t out = src->out, in = src->in;
    size_t n;
    if (out <= 0 || in <= 0 || dtype_size(type) > 4 || type == DTYPE_I32 || src->data == NULL ||
        uses == 0 || (src->rows && uses != USE_PRODUCT) || !size_mul((size_t)out, (size_t)in, &n) ||
        n > PTRDIFF_MAX / sizeof(double)) {
        error_set(e, ERROR_INPUT, "reference: a weight [%d, %d] of dtype %d can't be used", out, in,
                  (int)type);
        return NULL;
    }
    struct weight *w = xcalloc(1, sizeof *w);
    *w = (struct weight){.out = out, .in = in, .uses = uses, .w = malloc(n * sizeof *w->w)};
    if (w->w == NULL) {
        error_set(e, ERROR_MEMORY, "reference: no memory for a weight [%d, %d]", out, in);
        weight_free(b, w);
        return NULL;
    }
    for (size_t o = 0; o < (size_t)out; o++) {
        const size_t from = src->rows ? (size_t)src->rows[o] : o;
        for (size_t i = 0; i < (size_t)in; i++)
            w->w[o * (size_t)in + i] = source_value(
                src->data, type,
                src->order == ORDER_OUT_IN ? from * (size_t)in + i : i * (size_t)out + from);
    }
    if ((uses & USE_PRODUCT) && !is_finite(w, src, e)) {
        weight_free(b, w);
        return NULL;
    }
    return w;
}

static size_t weight_bytes(const struct weight *w)
{
    return (size_t)w->out * (size_t)w->in * sizeof *w->w;
}

static uint64_t weight_need(const struct backend *b, const struct weight_source *src, unsigned uses)
{
    (void)b, (void)uses;
    return (uint64_t)src->out * (uint64_t)src->in * sizeof(double);
}

static int32_t weight_in(const struct weight *w)
{
    return w->in;
}

static enum dtype weight_reads(const struct weight *w)
{
    (void)w;
    return DTYPE_F32;
}

/* ---- keys and values */

static void kv_free(struct queue *q, struct kv *kv)
{
    (void)q;
    if (kv)
        free(kv->data);
    free(kv);
}

static struct kv *kv_new(struct queue *q, int32_t first_layer, int32_t n_layers, int32_t width,
                         int32_t cap, enum dtype as, struct error *e)
{
    (void)as;
    struct kv *kv = xcalloc(1, sizeof *kv);
    size_t n = 0;
    *kv = (struct kv){first_layer, n_layers, width, cap, NULL};
    if (n_layers < 0 || width <= 0 || cap <= 0 || !size_mul((size_t)cap, 2 * (size_t)width, &n) ||
        !size_mul(n, (size_t)n_layers, &n) || !(kv->data = calloc(n + 1, sizeof *kv->data))) {
        error_set(e, ERROR_MEMORY,
                  "reference: no room for keys and values of %d layers × %d positions × %d",
                  n_layers, cap, width);
        kv_free(q, kv);
        return NULL;
    }
    return kv;
}

static void kv_copy(struct queue *q, struct kv *to, const struct kv *from, int32_t n)
{
    if (error_is_set(&q->err))
        return;
    if (to->first_layer != from->first_layer || to->n_layers != from->n_layers ||
        to->width != from->width || n < 0 || n > to->cap || n > from->cap) {
        error_set(&q->err, ERROR_SYSTEM, "reference kv_copy: %d of %d positions to %d", n,
                  from->cap, to->cap);
        return;
    }
    const size_t width = (size_t)to->width, bytes = (size_t)n * width * sizeof *to->data;
    for (size_t i = 0; i < 2 * (size_t)to->n_layers; i++)
        memcpy(to->data + i * (size_t)to->cap * width, from->data + i * (size_t)from->cap * width,
               bytes);
}

static void device_free(struct backend *b)
{
    free(b);
}

struct backend *reference_backend_new(enum dtype real, struct error *e)
{
    if (real != DTYPE_F32 && real != DTYPE_F64) {
        error_set(e, ERROR_INPUT, "reference: computes in f32 or f64, not in dtype %d", (int)real);
        return NULL;
    }
    struct backend *b = xcalloc(1, sizeof *b);
    *b = (struct backend){
        .abi = BACKEND_ABI,
        .size = sizeof(struct backend),
        .name = "reference",
        .caps = {.device = real == DTYPE_F64 ? "reference, double" : "reference, float",
                 .kind = "reference",
                 .precision = real == DTYPE_F64 ? "f64" : "f32",
                 .real = real,
                 .rows_per_job = 64,
                 .chunk_docs = 16},
        .free = device_free,
        .memory = machine_memory,
        .queue_new = synchronous_queue_new,
        .queue_free = synchronous_queue_free,
        .queue_status = synchronous_queue_status,
        .queue_sync = synchronous_queue_sync,
        .queue_mark = synchronous_queue_mark,
        .queue_pending = synchronous_queue_pending,
        .queue_wait = synchronous_queue_wait,
        .alloc = buf_new,
        .buf_free = buf_free,
        .put = put,
        .fetch = fetch,
        .fetch_f64 = fetch_f64,
        .weight_new = weight_new,
        .weight_free = weight_free,
        .weight_bytes = weight_bytes,
        .weight_need = weight_need,
        .weight_in = weight_in,
        .weight_reads = weight_reads,
        .kv_new = kv_new,
        .kv_free = kv_free,
        .kv_copy = kv_copy,
    };
    (real == DTYPE_F64 ? reference_ops_f64 : reference_ops_f32)(b);
    return b;
}

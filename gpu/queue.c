/* The queue: its stream, the first error, memory, and the ways to and from the host. */
#include "gpu/gpu_private.h"
#include <stdlib.h>

#define NOT_FINITE                                                                                 \
    "the value at [%d, %d] is no finite number, expected weights without NaNs and infinities"

static bool check(struct error *e, const char *what, cudaError_t code)
{
    return code == cudaSuccess ||
           error_set(e, ERROR_SYSTEM, "cuda: %s: %s", what, cudaGetErrorString(code));
}

bool queue_check(struct queue *q, const char *what, cudaError_t code)
{
    return check(&q->err, what, code);
}

bool queue_failed(struct queue *q)
{
    if (error_is_set(&q->err))
        return true;
    return !queue_check(q, "choosing the device", cudaSetDevice(q->gpu->ordinal));
}

bool queue_open(struct queue *q, struct gpu *g, struct error *e)
{
    int least = 0, greatest = 0;
    uint64_t keep = UINT64_MAX;
    int reuse = 0;
    struct cudaMemPoolProps props = {0};
    props.allocType = cudaMemAllocationTypePinned;
    props.location.type = cudaMemLocationTypeDevice;
    props.location.id = g->ordinal;
    q->gpu = g;
    if (!check(e, "choosing the device", cudaSetDevice(g->ordinal)) ||
        !check(e, "a stream", cudaDeviceGetStreamPriorityRange(&least, &greatest)) ||
        !check(e, "a stream",
               cudaStreamCreateWithPriority(&q->stream, cudaStreamNonBlocking, greatest)) ||
        !check(e, "a memory pool", cudaMemPoolCreate(&q->pool, &props)) ||
        !check(e, "a memory pool",
               cudaMemPoolSetAttribute(q->pool, cudaMemPoolAttrReleaseThreshold, &keep)) ||
        !check(e, "a memory pool",
               cudaMemPoolSetAttribute(q->pool, cudaMemPoolReuseAllowInternalDependencies, &reuse)))
        return false;
    if (!check(e, "pinned memory", cudaMallocHost((void **)&q->ring, (size_t)RING * RING_BYTES)) ||
        !check(e, "pinned memory", cudaMallocHost((void **)&q->down, DOWN_BYTES)) ||
        !check(e, "pinned memory", cudaMallocHost((void **)&q->faulted, sizeof *q->faulted)) ||
        !check(e, "memory", cudaMalloc((void **)&q->fault, sizeof *q->fault)) ||
        !check(e, "memory", cudaMalloc(&q->lt_memory, LT_BYTES)) ||
        !check(e, "memory", cudaMemsetAsync(q->fault, 0, sizeof *q->fault, q->stream)))
        return false;
    for (int i = 0; i < RING; i++)
        if (!check(e, "an event",
                   cudaEventCreateWithFlags(&q->ring_free[i], cudaEventDisableTiming)))
            return false;
    return true;
}

void queue_close(struct queue *q)
{
    if (q->stream)
        cudaStreamSynchronize(q->stream);
    for (int i = 0; i < ROOM_N && q->stream; i++)
        if (q->room[i].at)
            cudaFreeAsync(q->room[i].at, q->stream);
    if (q->table.at)
        cudaFreeAsync(q->table.at, q->stream);
    free(q->table.host);
    for (int i = 0; i < RING; i++)
        if (q->ring_free[i])
            cudaEventDestroy(q->ring_free[i]);
    if (q->stream)
        cudaStreamSynchronize(q->stream);
    cudaFree(q->lt_memory);
    cudaFree(q->fault);
    cudaFreeHost(q->faulted);
    cudaFreeHost(q->down);
    cudaFreeHost(q->ring);
    if (q->stream)
        cudaStreamDestroy(q->stream);
    if (q->pool)
        cudaMemPoolDestroy(q->pool);
    *q = (struct queue){0};
}

/* ---- errors */
static const char *const op_name[] = {
    "a LayerNorm", "an RMSNorm", "a centred row", "weight_rows", "decode",   "dot_rows", "csr_get",
    "select",      "xent",       "rows_get",      "rows_set",    "rows_add", "cols_get", "hist",
};

void fault_tell(const struct fault *f, const char *what, struct error *e)
{
    const char *op = op_name[f->op];
    const bool of_weight = f->op == OP_WEIGHT_ROWS || f->op == OP_DECODE || f->op == OP_DOT_ROWS;
    switch ((enum fault_kind)f->kind) {
    case FAULT_NONE: return;
    case FAULT_NORM:
        error_set(e, ERROR_INPUT, "a value is no finite number, or too large for %s in float32",
                  op);
        return;
    case FAULT_ID:
        if (f->op == OP_XENT)
            error_set(e, ERROR_INPUT, "cuda xent: target %d of a vocabulary of %d", f->a, f->b);
        error_set(e, of_weight ? ERROR_INPUT : ERROR_SYSTEM, "cuda %s: row %d asked of %d", op,
                  f->a, f->b);
        return;
    case FAULT_WEIGHT: error_set(e, ERROR_INPUT, NOT_FINITE, f->a, f->b); return;
    case FAULT_SUM: error_set(e, ERROR_INPUT, "a sum of rows is too large for float32"); return;
    case FAULT_VALUE:
        error_set(e, ERROR_INPUT,
                  "%s %d has a value that is no finite number, or too large for float32",
                  what ? what : "column", f->a);
        return;
    case FAULT_STARTS:
        error_set(e, ERROR_SYSTEM, "cuda %s: row %d has the entries %d to %d", op, f->a, f->b,
                  f->c);
        return;
    case FAULT_CAPACITY:
        error_set(e, ERROR_INPUT, "cuda select: more than %d entries are too many", INT32_MAX);
        return;
    }
}

/* Waits, and learns what the kernels found. */
static void wait(struct queue *q)
{
    const bool look = q->may_fault;
    if (look && !queue_check(q, "a copy",
                             cudaMemcpyAsync(q->faulted, q->fault, sizeof *q->fault,
                                             cudaMemcpyDeviceToHost, q->stream)))
        return;
    if (!queue_check(q, "waiting", cudaStreamSynchronize(q->stream)) || !look)
        return;
    q->may_fault = false;
    if (q->faulted->kind == FAULT_NONE)
        return;
    fault_tell(q->faulted, q->what, &q->err);
    cudaMemsetAsync(q->fault, 0, sizeof *q->fault, q->stream);
}

bool cuda_status(struct backend *b, struct error *e)
{
    struct queue *q = queue_of(b);
    struct error later = q->err;
    /* What a kernel found was queued before what the host refused. */
    q->err = (struct error){0};
    queue_check(q, "a launch", cudaGetLastError());
    if (q->may_fault && !error_is_set(&q->err))
        wait(q);
    if (!error_is_set(&q->err))
        q->err = later;
    if (!error_is_set(&q->err))
        return true;
    error_set(e, q->err.kind, "%s", q->err.text);
    q->err = (struct error){0};
    return false;
}

void cuda_sync(struct backend *b)
{
    struct queue *q = queue_of(b);
    if (!queue_failed(q))
        wait(q);
}

/* ---- memory */
static void *take(struct queue *q, size_t n, struct error *e)
{
    void *p = NULL;
    const cudaError_t code = cudaMallocFromPoolAsync(&p, n > 0 ? n : 1, q->pool, q->stream);
    if (code == cudaSuccess)
        return p;
    cudaGetLastError();
    if (code == cudaErrorMemoryAllocation)
        error_set(e, ERROR_SYSTEM, "cuda: no memory for %zu bytes", n);
    check(e, "memory", code);
    return NULL;
}

void *queue_room(struct queue *q, enum room r, size_t n)
{
    if (n <= q->room[r].n)
        return q->room[r].at;
    const size_t grown = q->room[r].n + q->room[r].n / 2, want = n > grown ? n : grown;
    void *p = take(q, want, &q->err);
    if (!p)
        return NULL;
    if (q->room[r].at)
        cudaFreeAsync(q->room[r].at, q->stream);
    q->room[r].at = p, q->room[r].n = want;
    return p;
}

struct buf *cuda_alloc(struct backend *b, size_t n, struct error *e)
{
    struct queue *q = queue_of(b);
    struct buf *buf = malloc(sizeof *buf);
    if (!buf || !check(e, "choosing the device", cudaSetDevice(q->gpu->ordinal)) ||
        !(buf->at = take(q, n, e))) {
        error_set(e, ERROR_SYSTEM, "cuda: no memory for %zu bytes", n);
        free(buf);
        return NULL;
    }
    buf->n = n > 0 ? n : 1;
    return buf;
}

void cuda_buf_free(struct backend *b, struct buf *buf)
{
    struct queue *q = queue_of(b);
    if (buf) {
        cudaSetDevice(q->gpu->ordinal);
        cudaFreeAsync(buf->at, q->stream);
    }
    free(buf);
}

/* A piece of the ring, when it is free again. */
static char *piece(struct queue *q)
{
    return queue_check(q, "waiting", cudaEventSynchronize(q->ring_free[q->ring_at % RING]))
               ? q->ring + (size_t)(q->ring_at % RING) * RING_BYTES
               : NULL;
}
static bool piece_done(struct queue *q)
{
    return queue_check(q, "an event",
                       cudaEventRecord(q->ring_free[q->ring_at++ % RING], q->stream));
}

/* Rows of n bytes, of which none is longer than a piece. */
static bool put_rows(struct queue *q, char *to, size_t step, const char *from, size_t n,
                     int32_t rows)
{
    const int32_t at_once = (int32_t)(RING_BYTES / n);
    for (int32_t t = 0; t < rows; t += at_once) {
        const int32_t count = rows - t < at_once ? rows - t : at_once;
        char *p = piece(q);
        if (!p)
            return false;
        memcpy(p, from + (size_t)t * n, (size_t)count * n);
        if (!queue_check(q, "a copy",
                         cudaMemcpy2DAsync(to + (size_t)t * step, step, p, n, n, (size_t)count,
                                           cudaMemcpyHostToDevice, q->stream)) ||
            !piece_done(q))
            return false;
    }
    return true;
}

bool queue_upload(struct queue *q, void *to, const void *from, size_t n)
{
    for (size_t at = 0; at < n; at += RING_BYTES) {
        const size_t count = n - at < RING_BYTES ? n - at : RING_BYTES;
        if (!put_rows(q, (char *)to + at, count, (const char *)from + at, count, 1))
            return false;
    }
    return true;
}

void cuda_put(struct backend *b, struct tensor dst, const void *src)
{
    struct queue *q = queue_of(b);
    char *to = queue_failed(q) ? NULL : arg_view(q, "put", "dst", dst, dst.dtype, -1, -1);
    const size_t size = dtype_size(dst.dtype), n = (size_t)dst.cols * size;
    if (!to || n == 0 || dst.rows == 0)
        return;
    if (n <= RING_BYTES)
        put_rows(q, to, (size_t)dst.ld * size, src, n, dst.rows);
    else
        for (int32_t t = 0; t < dst.rows; t++)
            if (!queue_upload(q, to + (size_t)t * (size_t)dst.ld * size,
                              (const char *)src + (size_t)t * n, n))
                return;
}

static bool get_rows(struct queue *q, char *to, const char *from, size_t step, size_t n,
                     int32_t rows)
{
    const int32_t at_once = (int32_t)(DOWN_BYTES / n);
    for (int32_t t = 0; t < rows; t += at_once) {
        const int32_t count = rows - t < at_once ? rows - t : at_once;
        if (!queue_check(q, "a copy",
                         cudaMemcpy2DAsync(q->down, n, from + (size_t)t * step, step, n,
                                           (size_t)count, cudaMemcpyDeviceToHost, q->stream)))
            return false;
        wait(q);
        if (error_is_set(&q->err))
            return false;
        memcpy(to + (size_t)t * n, q->down, (size_t)count * n);
    }
    return true;
}

void cuda_get(struct backend *b, void *dst, struct tensor src)
{
    struct queue *q = queue_of(b);
    const char *from = queue_failed(q) ? NULL : arg_view(q, "get", "src", src, src.dtype, -1, -1);
    const size_t size = dtype_size(src.dtype), n = (size_t)src.cols * size,
                 step = (size_t)src.ld * size;
    if (!from || n == 0 || src.rows == 0)
        return;
    if (n <= DOWN_BYTES) {
        get_rows(q, dst, from, step, n, src.rows);
        return;
    }
    for (int32_t t = 0; t < src.rows; t++)
        for (size_t at = 0; at < n; at += DOWN_BYTES) {
            const size_t count = n - at < DOWN_BYTES ? n - at : DOWN_BYTES;
            if (!get_rows(q, (char *)dst + (size_t)t * n + at, from + (size_t)t * step + at, count,
                          count, 1))
                return;
        }
}

/* Floats are fetched to the end of where their doubles go, and widened from the front. */
void cuda_get_f64(struct backend *b, double *dst, struct tensor src)
{
    struct queue *q = queue_of(b);
    const size_t n = (size_t)(src.rows > 0 ? src.rows : 0) * (size_t)(src.cols > 0 ? src.cols : 0);
    if (src.dtype == DTYPE_F64) {
        cuda_get(b, dst, src);
        return;
    }
    float *half = (float *)(void *)dst + n, v;
    if (queue_failed(q) || !arg_view(q, "get_f64", "src", src, DTYPE_F32, -1, -1))
        return;
    cuda_get(b, half, src);
    for (size_t i = 0; i < n && !error_is_set(&q->err); i++) {
        memcpy(&v, half + i, sizeof v);
        const double d = (double)v;
        memcpy(dst + i, &d, sizeof d);
    }
}

/* ---- arguments */
void *arg_view(struct queue *q, const char *op, const char *arg, struct tensor t, enum dtype type,
               int32_t rows, int32_t cols)
{
    if (t.buf == NULL || t.dtype != type || t.rows < 0 || t.cols < 0 ||
        (rows >= 0 && t.rows != rows) || (cols >= 0 && t.cols != cols) ||
        (t.rows > 1 && t.ld < t.cols)) {
        error_set(&q->err, ERROR_SYSTEM,
                  "cuda %s: %s is [%d, %d] (ld %d, dtype %d%s), expected [%d, %d] of dtype %d", op,
                  arg, t.rows, t.cols, t.ld, (int)t.dtype, t.buf ? "" : ", absent", rows, cols,
                  (int)type);
        return NULL;
    }
    if (t.rows == 0 || t.cols == 0)
        return t.buf->at;
    const size_t size = dtype_size(type), ld = t.ld > 0 ? (size_t)t.ld : 0,
                 last = ((size_t)(t.rows - 1) * ld + (size_t)t.cols) * size;
    if (t.off > t.buf->n || last > t.buf->n - t.off || t.off % size != 0) {
        error_set(&q->err, ERROR_SYSTEM,
                  "cuda %s: %s needs %zu bytes at offset %zu of a buffer of %zu", op, arg, last,
                  t.off, t.buf->n);
        return NULL;
    }
    return t.buf->at + t.off;
}

bool arg_mat(struct queue *q, const char *op, const char *arg, struct tensor t, int32_t rows,
             int32_t cols, struct mat *m)
{
    *m = (struct mat){arg_view(q, op, arg, t, DTYPE_F32, rows, cols), (size_t)(t.ld > 0 ? t.ld : 0),
                      t.rows, t.cols};
    return m->at != NULL;
}

bool arg_ints(struct queue *q, const char *op, const char *arg, struct tensor t, int32_t rows,
              struct ints *v)
{
    *v = (struct ints){arg_view(q, op, arg, t, DTYPE_I32, rows, 1), (size_t)(t.ld > 0 ? t.ld : 0),
                       t.rows};
    return v->at != NULL;
}

bool arg_vector(struct queue *q, const char *op, const char *arg, struct tensor t, int32_t cols,
                const float **v)
{
    *v = NULL;
    return !t.buf || (*v = arg_view(q, op, arg, t, DTYPE_F32, 1, cols)) != NULL;
}

bool arg_codes(struct queue *q, const char *op, const struct csr *f, struct codes *c)
{
    *c = (struct codes){.n_rows = f->n_rows, .capacity = f->ids.rows};
    if (!(c->start = arg_view(q, op, "start", f->start, DTYPE_I32, f->n_rows + 1, 1)) ||
        !(c->ids = arg_view(q, op, "ids", f->ids, DTYPE_I32, -1, 1)) ||
        !(c->vals = arg_view(q, op, "vals", f->vals, DTYPE_F32, f->ids.rows, 1)))
        return false;
    if (f->start.ld == 1 && f->ids.ld == 1 && f->vals.ld == 1)
        return true;
    return error_set(&q->err, ERROR_SYSTEM, "cuda %s: codes must be contiguous", op);
}

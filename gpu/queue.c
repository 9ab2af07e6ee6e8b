/* The queue: its stream, the first error, memory, and the ways to and from the host. */
#include "gpu/gpu_private.h"
#include <stdlib.h>

#define NOT_FINITE                                                                                 \
    "the value at [%d, %d] is no finite number, expected weights without NaNs and infinities"

bool queue_failed(struct gpu_queue *q)
{
    struct gpu *g = q->gpu;
    if (gpu_lost(g, &q->base.err))
        return true;
    if (g->last && g->last != q)
        queue_check(g->last, "a launch", cudaGetLastError());
    g->last = q;
    if (error_is_set(&q->base.err))
        return true;
    return !gpu_begin(g, &q->base.err);
}

static bool open_stream(struct gpu_queue *q, struct error *e)
{
    struct gpu *g = q->gpu;
    int least = 0, greatest = 0, reuse = 0;
    uint64_t keep = UINT64_MAX;
    struct cudaMemPoolProps props = {0};
    props.allocType = cudaMemAllocationTypePinned;
    props.location.type = cudaMemLocationTypeDevice;
    props.location.id = g->ordinal;
    return gpu_begin(g, e) &&
           gpu_check(g, e, "a stream", cudaDeviceGetStreamPriorityRange(&least, &greatest)) &&
           gpu_check(g, e, "a stream",
                     cudaStreamCreateWithPriority(&q->stream.at, cudaStreamNonBlocking,
                                                  q->base.kind == QUEUE_LIVE ? greatest : least)) &&
           gpu_check(g, e, "a memory pool", cudaMemPoolCreate(&q->pool, &props)) &&
           gpu_check(g, e, "a memory pool",
                     cudaMemPoolSetAttribute(q->pool, cudaMemPoolAttrReleaseThreshold, &keep)) &&
           gpu_check(
               g, e, "a memory pool",
               cudaMemPoolSetAttribute(q->pool, cudaMemPoolReuseAllowInternalDependencies, &reuse));
}

static bool open_events(struct gpu *g, cudaEvent_t *event, int n, struct error *e)
{
    for (int i = 0; i < n; i++)
        if (!gpu_check(g, e, "an event",
                       cudaEventCreateWithFlags(&event[i], cudaEventDisableTiming)))
            return false;
    return true;
}

struct queue *cuda_queue_new(struct backend *b, enum queue_kind kind, struct error *e)
{
    struct gpu_queue *q = calloc(1, sizeof *q);
    if (!q) {
        error_set(e, ERROR_MEMORY, "cuda: no memory for a queue");
        return NULL;
    }
    struct gpu *g = q->gpu = gpu_of(b);
    q->base = (struct queue){.backend = b, .kind = kind};
    q->down_bytes = kind == QUEUE_JOB ? JOB_DOWN_BYTES : DOWN_BYTES;
    if (open_stream(q, e) && open_events(g, q->ring_free, RING, e) &&
        open_events(g, q->marked, MARKS, e) &&
        gpu_check(g, e, "pinned memory",
                  cudaMallocHost((void **)&q->known, (MARKS + 1) * sizeof *q->known)) &&
        gpu_check(g, e, "memory", cudaMalloc((void **)&q->fault, sizeof *q->fault)) &&
        gpu_check(g, e, "memory", cudaMemsetAsync(q->fault, 0, sizeof *q->fault, q->stream.at))) {
        q->stream.replay = kind == QUEUE_LIVE ? replay_new(q) : NULL;
        return &q->base;
    }
    cuda_queue_free(&q->base);
    return NULL;
}

/* The first time that something is put or fetched. */
bool queue_ring(struct gpu_queue *q)
{
    return (q->ring || queue_check(q, "pinned memory",
                                   cudaMallocHost((void **)&q->ring, (size_t)RING * RING_BYTES))) &&
           (q->down ||
            queue_check(q, "pinned memory", cudaMallocHost((void **)&q->down, q->down_bytes)));
}

static void close_events(cudaEvent_t *event, int n)
{
    for (int i = 0; i < n; i++)
        if (event[i])
            cudaEventDestroy(event[i]);
}

static void close_stream(struct gpu_queue *q)
{
    cudaSetDevice(q->gpu->ordinal);
    if (q->stream.at)
        cudaStreamSynchronize(q->stream.at);
    for (int i = 0; i < ROOM_N && q->stream.at; i++)
        if (q->room[i].at)
            cudaFreeAsync(q->room[i].at, q->stream.at);
    if (q->table.at)
        cudaFreeAsync(q->table.at, q->stream.at);
    close_events(q->ring_free, RING);
    close_events(q->marked, MARKS);
    if (q->stream.at)
        cudaStreamSynchronize(q->stream.at);
    cudaFree(q->lt_memory);
    cudaFree(q->fault);
    cudaFreeHost(q->known);
    cudaFreeHost(q->down);
    cudaFreeHost(q->ring);
    if (q->stream.at)
        cudaStreamDestroy(q->stream.at);
    if (q->pool)
        cudaMemPoolDestroy(q->pool);
}

void cuda_queue_free(struct queue *on)
{
    struct gpu_queue *q = queue_of(on);
    if (!q)
        return;
    replay_end(q->stream.replay);
    if (!gpu_lost(q->gpu, NULL))
        close_stream(q);
    replay_free(q->stream.replay);
    if (q->gpu->last == q) {
        if (!gpu_lost(q->gpu, NULL))
            cudaGetLastError();
        q->gpu->last = NULL;
    }
    free(q->table.host);
    free(q);
}

/* ---- errors */
static const char *const op_name[] = {
    "a LayerNorm", "an RMSNorm", "a centred row", "the norm of an input",
    "weight_rows", "decode",     "dot_rows",      "csr_get",
    "select",      "xent",       "rows_get",      "rows_set",
    "rows_add",    "cols_get",   "hist",
};

static void tell(struct gpu_queue *q, const struct fault *f)
{
    struct error *e = &q->base.err;
    const char *op = op_name[f->op], *what = f->what < 0 ? "column" : q->word[f->what];
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
                  "%s %d has a value that is no finite number, or too large for float32", what,
                  f->a);
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

/* What was fetched up to a mark goes where it was asked for. */
static void deliver(struct gpu_queue *q, uint64_t mark)
{
    int n = 0;
    for (int i = 0; i < q->n_deliveries; i++) {
        const struct delivery *d = &q->delivery[i];
        if (d->mark > mark) {
            q->delivery[n++] = *d;
            continue;
        }
        if (!d->widen)
            memcpy(d->to, q->down + d->from, d->n);
        for (size_t at = 0; d->widen && at < d->n / sizeof(float); at++) {
            float v;
            memcpy(&v, q->down + d->from + at * sizeof v, sizeof v);
            ((double *)d->to)[at] = (double)v;
        }
    }
    q->n_deliveries = n;
}

/* Asks for what the kernels have found so far. */
static bool ask(struct gpu_queue *q, struct fault *to)
{
    return queue_copy(q, to, 0, q->fault, 0, sizeof *to, 1, cudaMemcpyDeviceToHost);
}

/* The answer at a mark (UINT64_MAX: at a wait) that was reached, and what was fetched before it.
 * Behind a fault all that is queued counts for nothing, and so do the marks made since. */
static void learn(struct gpu_queue *q, const struct fault *known, uint64_t mark)
{
    if (known->saturated > q->base.saturated)
        q->base.saturated = known->saturated;
    if (known->redone > q->base.redone)
        q->base.redone = known->redone;
    if (known->kind != FAULT_NONE && mark > q->settled) {
        tell(q, known);
        q->failed = known->number > 0 ? q->number_from + known->number : 0;
        q->settled = q->marks;
        q->base.unsure = false;
        replay_end(q->stream.replay);
        cudaMemsetAsync(q->fault, 0, offsetof(struct fault, saturated), q->stream.at);
        q->n_deliveries = 0; /* nobody reads what comes of a failed queue */
    } else {
        q->base.unsure = q->base.unsure && mark < q->suspect;
        deliver(q, mark);
    }
}

static void wait(struct gpu_queue *q)
{
    static const struct fault none;
    const bool look = q->base.unsure;
    if (!look || ask(q, &q->known[MARKS]))
        replay_end(q->stream.replay);
    if (!error_is_set(&q->base.err) &&
        queue_check(q, "waiting", cudaStreamSynchronize(q->stream.at))) {
        learn(q, look ? &q->known[MARKS] : &none, UINT64_MAX);
        q->ring_at = 0, q->ring_used = 0;
        q->number_from = q->base.number;
    } else {
        q->n_deliveries = 0;
    }
}

/* What is queued now may leave word in q->fault. */
static void watch(struct gpu_queue *q)
{
    q->base.unsure = true;
    q->suspect = q->marks + 1;
}

struct faults queue_faults(struct gpu_queue *q, enum op op, const char *what)
{
    struct faults f = {q->fault, (int32_t)op, -1, q->base.number - q->number_from};
    watch(q);
    for (int i = 0; what && i < WORDS && f.what < 0; i++)
        if (strncmp(q->word[i], what, WORD_BYTES - 1) == 0)
            f.what = i;
    if (what && f.what < 0) {
        f.what = q->n_words++ % WORDS;
        snprintf(q->word[f.what], WORD_BYTES, "%s", what);
    }
    return f;
}

bool cuda_queue_status(struct queue *on, struct error *e)
{
    struct gpu_queue *q = queue_of(on);
    if (!gpu_lost(q->gpu, NULL) && (!q->gpu->last || q->gpu->last == q))
        queue_check(q, "a launch", cudaGetLastError());
    if (gpu_lost(q->gpu, NULL)) { /* whatever else went wrong */
        q->base.err = (struct error){0};
        gpu_lost(q->gpu, &q->base.err);
        q->base.unsure = false;
    }
    if (!error_is_set(&q->base.err))
        return true;
    const struct error refused = q->base.err;
    if (q->base.unsure) { /* what a kernel finds was queued before what the host refused */
        q->base.err = (struct error){0};
        wait(q);
        if (!error_is_set(&q->base.err))
            q->base.err = refused;
    }
    error_set(e, q->base.err.kind, "%s", q->base.err.text);
    q->base.err = (struct error){0};
    q->base.failed = q->failed > 0 ? q->failed : q->base.number;
    q->failed = 0;
    return false;
}

/* What came with weights is there: no more will, and as many dictionaries as may be open, none of
 * them keeps pinned memory for it. The plugin's own queue serves all weights. */
static void unpin(struct gpu_queue *q)
{
    if (q->base.kind != QUEUE_LOAD || q == q->gpu->load || error_is_set(&q->base.err))
        return;
    cudaFreeHost(q->ring);
    cudaFreeHost(q->down);
    q->ring = q->down = NULL;
}

void cuda_queue_sync(struct queue *on)
{
    struct gpu_queue *q = queue_of(on);
    if (!queue_failed(q)) {
        wait(q);
        unpin(q);
    }
}

/* ---- marks */
uint64_t cuda_queue_mark(struct queue *on)
{
    struct gpu_queue *q = queue_of(on);
    if (!queue_failed(q)) {
        const uint64_t at = ++q->marks % MARKS;
        ask(q, &q->known[at]);
        replay_end(q->stream.replay);
        queue_check(q, "an event", cudaEventRecord(q->marked[at], q->stream.at));
    }
    return q->marks;
}

/* The event of a mark, or of the oldest that still has one. */
static cudaEvent_t event_of(const struct gpu_queue *q, uint64_t *mark)
{
    if (*mark + MARKS <= q->marks)
        *mark = q->marks - MARKS + 1;
    return q->marked[*mark % MARKS];
}

bool cuda_queue_pending(struct queue *on, uint64_t mark)
{
    struct gpu_queue *q = queue_of(on);
    if (mark == 0 || queue_failed(q))
        return false;
    const cudaError_t code = cudaEventQuery(event_of(q, &mark));
    if (code == cudaErrorNotReady) {
        cudaGetLastError(); /* no failure, but it would be taken for a launch's */
        return true;
    }
    if (queue_check(q, "waiting", code))
        learn(q, &q->known[mark % MARKS], mark);
    return false;
}

void cuda_queue_wait(struct queue *on, struct queue *other, uint64_t mark)
{
    struct gpu_queue *q = queue_of(on);
    if (mark == 0 || queue_failed(q))
        return;
    replay_end(q->stream.replay);
    queue_check(q, "an event",
                cudaStreamWaitEvent(q->stream.at, event_of(queue_of(other), &mark), 0));
}

/* ---- memory */
static void *take(struct gpu_queue *q, size_t n, struct error *e)
{
    void *p = NULL;
    const cudaError_t code = cudaMallocFromPoolAsync(&p, n > 0 ? n : 1, q->pool, q->stream.at);
    if (code == cudaErrorMemoryAllocation)
        error_set(e, ERROR_MEMORY, "cuda: no memory for %zu bytes", n);
    return gpu_check(q->gpu, e, "memory", code) ? p : NULL;
}

void queue_give_back(struct gpu_queue *q, void *p)
{
    replay_end(q->stream.replay);
    if (!gpu_lost(q->gpu, NULL) && cudaSetDevice(q->gpu->ordinal) == cudaSuccess)
        cudaFreeAsync(p, q->stream.at);
}

void *queue_room(struct gpu_queue *q, enum room r, size_t n)
{
    if (n <= q->room[r].n)
        return q->room[r].at;
    const size_t grown = q->room[r].n + q->room[r].n / 2, want = n > grown ? n : grown;
    void *p = take(q, want, &q->base.err);
    if (!p)
        return NULL;
    if (q->room[r].at)
        queue_give_back(q, q->room[r].at);
    q->room[r].at = p, q->room[r].n = want;
    return p;
}

struct buf *cuda_alloc(struct queue *on, size_t n, struct error *e)
{
    struct gpu_queue *q = queue_of(on);
    struct buf *buf = malloc(sizeof *buf);
    if (!buf || !gpu_begin(q->gpu, e) || !(buf->at = take(q, n, e))) {
        error_set(e, ERROR_MEMORY, "cuda: no memory for %zu bytes", n);
        free(buf);
        return NULL;
    }
    buf->n = n > 0 ? n : 1;
    return buf;
}

void cuda_buf_free(struct queue *on, struct buf *buf)
{
    struct gpu_queue *q = queue_of(on);
    if (buf)
        queue_give_back(q, buf->at);
    free(buf);
}

/* ---- copies, which are calls like a kernel's */
struct copy_call {
    struct call call;
    void *to;
    const void *from;
    size_t to_step, from_step, width, height;
    enum cudaMemcpyKind kind;
    int32_t unused[3];
};
static void issue_copy(const struct call *call, struct gpu_queue *q, cudaStream_t s)
{
    const struct copy_call *c = (const struct copy_call *)(const void *)call;
    if (c->to_step == c->width && c->from_step == c->width)
        queue_check(q, "a copy", cudaMemcpyAsync(c->to, c->from, c->width * c->height, c->kind, s));
    else
        queue_check(q, "a copy",
                    cudaMemcpy2DAsync(c->to, c->to_step, c->from, c->from_step, c->width, c->height,
                                      c->kind, s));
}
bool queue_copy(struct gpu_queue *q, void *to, size_t to_step, const void *from, size_t from_step,
                size_t width, size_t height, enum cudaMemcpyKind kind)
{
    struct copy_call c = {{issue_copy, sizeof c},
                          to,
                          from,
                          height > 1 ? to_step : width,
                          height > 1 ? from_step : width,
                          width,
                          height,
                          kind,
                          {0}};
    stream_call(&q->stream, q, &c.call);
    return !error_is_set(&q->base.err);
}

struct fill_call {
    struct call call;
    void *to;
    size_t n;
    int32_t byte, unused[3];
};
static void issue_fill(const struct call *call, struct gpu_queue *q, cudaStream_t s)
{
    const struct fill_call *c = (const struct fill_call *)(const void *)call;
    queue_check(q, "a copy", cudaMemsetAsync(c->to, c->byte, c->n, s));
}
bool queue_fill(struct gpu_queue *q, void *to, int byte, size_t n)
{
    struct fill_call c = {{issue_fill, sizeof c}, to, n, byte, {0}};
    stream_call(&q->stream, q, &c.call);
    return !error_is_set(&q->base.err);
}

/* ---- to the device */
/* n bytes of the ring, at most a piece. What is put goes in order, so that a piece is free again
 * when the last that was put from it is done; and after a wait all of them are. */
static char *ring_room(struct gpu_queue *q, size_t n)
{
    if (n > RING_BYTES - q->ring_used) {
        replay_end(q->stream.replay);
        if (!queue_check(q, "an event",
                         cudaEventRecord(q->ring_free[q->ring_at++ % RING], q->stream.at)) ||
            !queue_check(q, "waiting", cudaEventSynchronize(q->ring_free[q->ring_at % RING])))
            return NULL;
        q->ring_used = 0;
    }
    char *p = q->ring + (size_t)(q->ring_at % RING) * RING_BYTES + q->ring_used;
    q->ring_used += (n + 15) / 16 * 16;
    return p;
}

/* Rows of n bytes, of which none is longer than a piece. */
static bool put_rows(struct gpu_queue *q, char *to, size_t step, const char *from, size_t n,
                     int32_t rows)
{
    const int32_t at_once = (int32_t)(RING_BYTES / n);
    for (int32_t t = 0; t < rows; t += at_once) {
        const int32_t count = rows - t < at_once ? rows - t : at_once;
        char *p = ring_room(q, (size_t)count * n);
        if (!p)
            return false;
        memcpy(p, from + (size_t)t * n, (size_t)count * n);
        if (!queue_copy(q, to + (size_t)t * step, step, p, n, n, (size_t)count,
                        cudaMemcpyHostToDevice))
            return false;
    }
    return true;
}

bool queue_upload(struct gpu_queue *q, void *to, const void *from, size_t n)
{
    if (!queue_ring(q))
        return false;
    for (size_t at = 0; at < n; at += RING_BYTES) {
        const size_t count = n - at < RING_BYTES ? n - at : RING_BYTES;
        if (!put_rows(q, (char *)to + at, count, (const char *)from + at, count, 1))
            return false;
    }
    return true;
}

void cuda_put(struct queue *on, struct tensor dst, const void *src)
{
    struct gpu_queue *q = queue_of(on);
    char *to = queue_failed(q) ? NULL : arg_view(q, "put", "dst", dst, dst.dtype, -1, -1);
    const size_t size = dtype_size(dst.dtype), n = (size_t)dst.cols * size;
    if (!to || n == 0 || dst.rows == 0 || !queue_ring(q))
        return;
    if (n <= RING_BYTES)
        put_rows(q, to, (size_t)dst.ld * size, src, n, dst.rows);
    else
        for (int32_t t = 0; t < dst.rows; t++)
            if (!queue_upload(q, to + (size_t)t * (size_t)dst.ld * size,
                              (const char *)src + (size_t)t * n, n))
                return;
}

/* n bytes of `down`, which goes round; what is not delivered yet lies in one stretch of it, that
 * may begin behind its end. False: there is none. */
static bool down_room(struct gpu_queue *q, size_t n, size_t *at)
{
    const size_t room = q->down_bytes;
    if (q->n_deliveries == DELIVERIES)
        return false;
    if (q->n_deliveries == 0)
        q->down_at = 0;
    const size_t oldest = q->n_deliveries > 0 ? q->delivery[0].from : 0;
    const bool round = q->n_deliveries > 0 && q->down_at <= oldest;
    if (round ? n > oldest - q->down_at : n > room - q->down_at) {
        if (round || n > oldest)
            return false;
        q->down_at = 0;
    }
    *at = q->down_at;
    q->down_at += (n + 15) / 16 * 16;
    q->down_at = q->down_at < room ? q->down_at : room;
    return true;
}

/* Rows of n bytes, of which none is longer than `down`, on their way to `to`. */
static bool fetch_rows(struct gpu_queue *q, char *to, const char *from, size_t step, size_t n,
                       int32_t rows, bool widen)
{
    const int32_t at_once = (int32_t)(q->down_bytes / n);
    for (int32_t t = 0; t < rows; t += at_once) {
        const int32_t count = rows - t < at_once ? rows - t : at_once;
        const size_t bytes = (size_t)count * n;
        size_t at = 0;
        if (!down_room(q, bytes, &at)) {
            wait(q);
            down_room(q, bytes, &at);
        }
        if (error_is_set(&q->base.err) ||
            !queue_copy(q, q->down + at, n, from + (size_t)t * step, step, n, (size_t)count,
                        cudaMemcpyDeviceToHost))
            return false;
        q->delivery[q->n_deliveries++] =
            (struct delivery){to + (size_t)t * n * (widen ? 2 : 1), at, bytes, widen, q->marks + 1};
    }
    return true;
}

static void fetch(struct gpu_queue *q, const char *op, void *dst, struct tensor src, bool widen)
{
    const char *from = queue_failed(q) ? NULL : arg_view(q, op, "src", src, src.dtype, -1, -1);
    const size_t size = dtype_size(src.dtype), n = (size_t)src.cols * size,
                 step = (size_t)src.ld * size, wide = widen ? 2 : 1;
    if (!from || n == 0 || src.rows == 0 || !queue_ring(q))
        return;
    if (n <= q->down_bytes) {
        fetch_rows(q, dst, from, step, n, src.rows, widen);
        return;
    }
    for (int32_t t = 0; t < src.rows; t++)
        for (size_t at = 0; at < n; at += q->down_bytes) {
            const size_t count = n - at < q->down_bytes ? n - at : q->down_bytes;
            if (!fetch_rows(q, (char *)dst + ((size_t)t * n + at) * wide,
                            from + (size_t)t * step + at, count, count, 1, widen))
                return;
        }
}

void cuda_fetch(struct queue *on, void *dst, struct tensor src)
{
    fetch(queue_of(on), "fetch", dst, src, false);
}

void cuda_fetch_f64(struct queue *on, double *dst, struct tensor src)
{
    struct gpu_queue *q = queue_of(on);
    if (src.dtype == DTYPE_F64 ||
        (!queue_failed(q) && arg_view(q, "fetch_f64", "src", src, DTYPE_F32, -1, -1)))
        fetch(q, "fetch_f64", dst, src, src.dtype != DTYPE_F64);
}

/* ---- arguments */
void *arg_view(struct gpu_queue *q, const char *op, const char *arg, struct tensor t,
               enum dtype type, int32_t rows, int32_t cols)
{
    if (t.buf == NULL || t.dtype != type || t.rows < 0 || t.cols < 0 ||
        (rows >= 0 && t.rows != rows) || (cols >= 0 && t.cols != cols) ||
        (t.rows > 1 && t.ld < t.cols)) {
        error_set(&q->base.err, ERROR_SYSTEM,
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
        error_set(&q->base.err, ERROR_SYSTEM,
                  "cuda %s: %s needs %zu bytes at offset %zu of a buffer of %zu", op, arg, last,
                  t.off, t.buf->n);
        return NULL;
    }
    return t.buf->at + t.off;
}

bool arg_mat(struct gpu_queue *q, const char *op, const char *arg, struct tensor t, int32_t rows,
             int32_t cols, struct mat *m)
{
    *m = (struct mat){arg_view(q, op, arg, t, DTYPE_F32, rows, cols), (size_t)(t.ld > 0 ? t.ld : 0),
                      t.rows, t.cols};
    return m->at != NULL;
}

bool arg_acts(struct gpu_queue *q, const char *op, const char *arg, struct tensor t, int32_t rows,
              int32_t cols, struct acts *h)
{
    const enum dtype type = t.dtype == DTYPE_F16 || t.dtype == DTYPE_BF16 ? t.dtype : DTYPE_F32;
    *h = (struct acts){.at = arg_view(q, op, arg, t, type, rows, cols),
                       .ld = (size_t)(t.ld > 0 ? t.ld : 0),
                       .saturated = &q->fault->saturated,
                       .rows = t.rows,
                       .cols = t.cols,
                       .type = type};
    if (type != DTYPE_F32)
        watch(q);
    return h->at != NULL;
}

bool arg_ints(struct gpu_queue *q, const char *op, const char *arg, struct tensor t, int32_t rows,
              struct ints *v)
{
    *v = (struct ints){.at = arg_view(q, op, arg, t, DTYPE_I32, rows, 1),
                       .ld = (size_t)(t.ld > 0 ? t.ld : 0),
                       .n = t.rows};
    return v->at != NULL;
}

bool arg_vector(struct gpu_queue *q, const char *op, const char *arg, struct tensor t, int32_t cols,
                const float **v)
{
    *v = NULL;
    return !t.buf || (*v = arg_view(q, op, arg, t, DTYPE_F32, 1, cols)) != NULL;
}

bool arg_codes(struct gpu_queue *q, const char *op, const struct csr *f, struct codes *c)
{
    *c = (struct codes){.n_rows = f->n_rows, .capacity = f->ids.rows};
    if (!(c->start = arg_view(q, op, "start", f->start, DTYPE_I32, f->n_rows + 1, 1)) ||
        !(c->ids = arg_view(q, op, "ids", f->ids, DTYPE_I32, -1, 1)) ||
        !(c->vals = arg_view(q, op, "vals", f->vals, DTYPE_F32, f->ids.rows, 1)))
        return false;
    if (f->start.ld == 1 && f->ids.ld == 1 && f->vals.ld == 1)
        return true;
    return error_set(&q->base.err, ERROR_SYSTEM, "cuda %s: codes must be contiguous", op);
}

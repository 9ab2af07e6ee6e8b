/* Weights on their way: one row-major copy [out, in] serves products and rows. */
#include "gpu/gpu_private.h"
#include <stdlib.h>

enum { STAGE_BYTES = 8 << 20, LD_STEP = 8 };

static bool failed(struct gpu *g, struct error *e, const char *what, cudaError_t code)
{
    return !gpu_check(g, e, what, code);
}

void stage_close(struct gpu *g)
{
    for (int i = 0; i < 2; i++) {
        if (g->staged[i])
            cudaEventDestroy(g->staged[i]);
        cudaFreeHost(g->stage[i]);
        g->stage[i] = NULL, g->staged[i] = NULL;
    }
    g->stage_bytes = 0;
}

static bool stage_open(struct gpu *g, size_t n, struct error *e)
{
    if (n <= g->stage_bytes)
        return true;
    stage_close(g);
    for (int i = 0; i < 2; i++)
        if (failed(g, e, "pinned memory", cudaMallocHost((void **)&g->stage[i], n)) ||
            failed(g, e, "an event",
                   cudaEventCreateWithFlags(&g->staged[i], cudaEventDisableTiming))) {
            stage_close(g);
            return false;
        }
    g->stage_bytes = n;
    return true;
}

struct load { /* of one weight */
    struct gpu *g;
    cudaStream_t stream;
    const struct weight_source *src;
    struct wmat w;
    size_t size;
    struct error *e;
};

static void hear(const struct load *l, uint64_t n)
{
    if (l->g->backend.loaded)
        l->g->backend.loaded(l->g->backend.loaded_arg, n);
}

/* Row by row through pinned memory, two pieces in turn; row o of W is `row(o)` of the source. */
static bool load_rows(const struct load *l)
{
    const size_t row = (size_t)l->w.in * l->size, step = l->w.ld * l->size;
    const int32_t at_once = (int32_t)(l->g->stage_bytes / step);
    int turn = 0;
    for (int32_t first = 0; first < l->w.out; first += at_once, turn ^= 1) {
        const int32_t n = l->w.out - first < at_once ? l->w.out - first : at_once;
        char *to = l->g->stage[turn];
        if (failed(l->g, l->e, "waiting", cudaEventSynchronize(l->g->staged[turn])))
            return false;
        for (int32_t o = 0; o < n; o++) {
            const int32_t from = l->src->rows ? l->src->rows[first + o] : first + o;
            memcpy(to + (size_t)o * step, (const char *)l->src->data + (size_t)from * row, row);
            memset(to + (size_t)o * step + row, 0, step - row);
        }
        if (failed(l->g, l->e, "a copy",
                   cudaMemcpyAsync((char *)(uintptr_t)l->w.at + (size_t)first * step, to,
                                   (size_t)n * step, cudaMemcpyHostToDevice, l->stream)) ||
            failed(l->g, l->e, "an event", cudaEventRecord(l->g->staged[turn], l->stream)))
            return false;
        hear(l, (uint64_t)n * row);
    }
    return true;
}

/* Columns of the source, some of its rows at a time, turned on the device. */
static bool load_turned(const struct load *l, char *piece, const int32_t *map)
{
    const size_t row = (size_t)l->w.out * l->size;
    const int32_t at_once = (int32_t)(l->g->stage_bytes / row);
    int turn = 0;
    if (failed(l->g, l->e, "a copy",
               cudaMemsetAsync((void *)(uintptr_t)l->w.at, 0, (size_t)l->w.out * l->w.ld * l->size,
                               l->stream)))
        return false;
    for (int32_t first = 0; first < l->w.in; first += at_once, turn ^= 1) {
        const int32_t n = l->w.in - first < at_once ? l->w.in - first : at_once;
        if (failed(l->g, l->e, "waiting", cudaEventSynchronize(l->g->staged[turn])))
            return false;
        memcpy(l->g->stage[turn], (const char *)l->src->data + (size_t)first * row,
               (size_t)n * row);
        if (failed(l->g, l->e, "a copy",
                   cudaMemcpyAsync(piece, l->g->stage[turn], (size_t)n * row,
                                   cudaMemcpyHostToDevice, l->stream)) ||
            failed(l->g, l->e, "an event", cudaEventRecord(l->g->staged[turn], l->stream)))
            return false;
        gpu_transpose(l->w, piece, (size_t)l->w.out, first, n, map, &l->g->load->stream);
        hear(l, (uint64_t)n * row);
    }
    return true;
}

static bool load(struct load *l)
{
    const bool turned = l->src->order == ORDER_IN_OUT;
    const size_t row = (size_t)(turned ? (size_t)l->w.out : l->w.ld) * l->size;
    struct gpu_queue *q = l->g->load;
    if (!stage_open(l->g, row > STAGE_BYTES ? row : STAGE_BYTES, l->e))
        return false;
    if (!turned)
        return load_rows(l);
    const size_t table = l->src->rows ? (size_t)l->w.out * sizeof(int32_t) : 0;
    char *piece = queue_room(q, ROOM_OP, l->g->stage_bytes + table);
    if (!piece || (table && !queue_upload(q, piece + l->g->stage_bytes, l->src->rows, table))) {
        error_set(l->e, q->base.err.kind, "%s", q->base.err.text);
        q->base.err = (struct error){0};
        return false;
    }
    return load_turned(l, piece, table ? (int32_t *)(void *)(piece + l->g->stage_bytes) : NULL);
}

/* Where in the source w[o, i] stands: word of a value that can't be used. */
static bool refuse(const struct load *l, uint64_t least, const char *what)
{
    const int32_t o = (int32_t)(least / (uint64_t)l->w.in),
                  i = (int32_t)(least % (uint64_t)l->w.in),
                  row = l->src->rows ? l->src->rows[o] : o;
    const bool turned = l->src->order == ORDER_IN_OUT;
    return error_set(l->e, ERROR_INPUT, "the value at [%d, %d] is %s", turned ? i : row,
                     turned ? row : i, what);
}

/* *least ← the first of what a kernel found, UINT64_MAX: nothing. */
static bool found(const struct load *l, const uint64_t *where, uint64_t *least)
{
    struct gpu_queue *q = l->g->load;
    if (failed(l->g, l->e, "a copy",
               cudaMemcpyAsync(q->down, where, sizeof *least, cudaMemcpyDeviceToHost, l->stream)) ||
        failed(l->g, l->e, "loading a weight", cudaStreamSynchronize(l->stream)))
        return false;
    memcpy(least, q->down, sizeof *least);
    return true;
}

/* Room for a kernel to say where it found something; NULL and the error. */
static uint64_t *nowhere(const struct load *l)
{
    struct gpu_queue *q = l->g->load;
    uint64_t *where = queue_room(q, ROOM_OP, sizeof *where);
    if (where && queue_ring(q))
        return failed(l->g, l->e, "a copy", cudaMemsetAsync(where, 0xff, sizeof *where, l->stream))
                   ? NULL
                   : where;
    error_set(l->e, q->base.err.kind, "%s", q->base.err.text);
    q->base.err = (struct error){0};
    return NULL;
}

/* A value that is not finite is named by its place in the source. */
static bool look(const struct load *l)
{
    uint64_t *where = nowhere(l), least = UINT64_MAX;
    if (!where)
        return false;
    gpu_find_bad(l->w, where, &l->g->load->stream);
    return found(l, where, &least) &&
           (least == UINT64_MAX ||
            refuse(l, least, "no finite number, expected weights without NaNs and infinities"));
}

/* What the weight becomes: the source's own type, or the one that was asked for. */
static enum dtype kept_as(const struct gpu *g, enum dtype type)
{
    return g->precision == PRECISION_F16    ? DTYPE_F16
           : g->precision == PRECISION_BF16 ? DTYPE_BF16
                                            : type;
}

/* The values of l->w in another type, in its place; l->w goes. */
static bool convert(struct load *l, struct weight *w, enum dtype type)
{
    uint64_t *where = nowhere(l), least = UINT64_MAX;
    struct wmat to = {.ld = l->w.ld, .out = l->w.out, .in = l->w.in, .type = type};
    void *at = NULL;
    const size_t n = (size_t)to.out * to.ld * dtype_size(type);
    if (!where || failed(l->g, l->e, "memory for a weight", cudaMalloc(&at, n)))
        return false;
    to.at = at;
    gpu_convert(to, l->w, where, &l->g->load->stream);
    const bool ok = found(l, where, &least);
    if (!gpu_lost(l->g, NULL))
        cudaFree((void *)(uintptr_t)l->w.at);
    w->w = l->w = to;
    return ok && (least == UINT64_MAX ||
                  refuse(l, least,
                         type == DTYPE_F16 ? "too large for f16, expected --dtype bf16 or auto"
                                           : "too large for bf16, expected --dtype auto"));
}

static void round_release(struct gpu *g, struct weight *w)
{
    if (w->rounded.at != w->w.at && !gpu_lost(g, NULL))
        cudaFree((void *)(uintptr_t)w->rounded.at);
    w->rounded.at = NULL;
}

/* What encode needs: the weight as 16 bits, and how far those are from it. One that 16 bits can't
 * hold goes without. */
static bool round_weight(const struct load *l, struct weight *w)
{
    uint64_t *where = nowhere(l), least = UINT64_MAX, found_norms = 0;
    struct wmat to = w->w;
    void *at = NULL;
    if (!where)
        return false;
    if (w->w.type == DTYPE_F32) {
        to.type = DTYPE_F16;
        if (failed(l->g, l->e, "memory for a weight", cudaMalloc(&at, (size_t)to.out * to.ld * 2)))
            return false;
        to.at = at;
        w->rounded = to;
        gpu_convert(to, w->w, where, &l->g->load->stream);
        if (!found(l, where, &least) ||
            failed(l->g, l->e, "a copy", cudaMemsetAsync(where, 0, sizeof *where, l->stream)))
            return false;
    } else if (failed(l->g, l->e, "a copy", cudaMemsetAsync(where, 0, sizeof *where, l->stream))) {
        return false;
    }
    w->rounded = to;
    gpu_row_norms((uint32_t *)where, to, w->w, &l->g->load->stream);
    if (!found(l, where, &found_norms))
        return false;
    memcpy(&w->of, &found_norms, sizeof found_norms);
    if (least != UINT64_MAX)
        round_release(l->g, w);
    return true;
}

static bool check_source(const struct weight_source *src, unsigned uses, struct error *e)
{
    if (src->out <= 0 || src->in <= 0 || src->type == DTYPE_I32 || src->type == DTYPE_F64 ||
        src->data == NULL || uses == 0 || (src->rows && uses != USE_PRODUCT))
        return error_set(e, ERROR_INPUT, "cuda: a weight [%d, %d] of dtype %d can't be used",
                         src->out, src->in, (int)src->type);
    for (int32_t i = 0; src->rows && i < src->out; i++)
        if (src->rows[i] < 0 || src->rows[i] >= src->out)
            return error_set(e, ERROR_SYSTEM, "cuda: row %d of a weight is row %d of %d", i,
                             src->rows[i], src->out);
    return true;
}

static size_t row_elements(int32_t in)
{
    return ((size_t)in + LD_STEP - 1) / LD_STEP * LD_STEP;
}

struct weight *cuda_weight_new(struct backend *b, const struct weight_source *src, unsigned uses,
                               struct error *e)
{
    struct gpu *g = gpu_of(b);
    if (!check_source(src, uses, e) || !gpu_begin(g, e))
        return NULL;
    queue_failed(g->load); /* what another one's launch went wrong with is not this one's */
    struct weight *w = calloc(1, sizeof *w);
    if (!w) {
        error_set(e, ERROR_MEMORY, "cuda: no memory for a weight");
        return NULL;
    }
    const size_t ld = row_elements(src->in), size = dtype_size(src->type);
    void *at = NULL;
    w->uses = uses;
    w->w = (struct wmat){.ld = ld, .out = src->out, .in = src->in, .type = src->type};
    const cudaError_t code = cudaMalloc(&at, (size_t)src->out * ld * size);
    w->w.at = at;
    struct load l = {g, g->load->stream.at, src, w->w, size, e};
    const enum dtype kept = kept_as(g, src->type);
    w->reads = g->precision == PRECISION_F32 ? DTYPE_F32 : kept;
    if (code == cudaErrorMemoryAllocation)
        error_set(e, ERROR_MEMORY, "cuda: no memory for a weight [%d, %d], %zu bytes", src->out,
                  src->in, (size_t)src->out * ld * size);
    if (failed(g, e, "memory for a weight", code) || !load(&l) ||
        ((uses & USE_PRODUCT) && !look(&l)) || (kept != src->type && !convert(&l, w, kept)) ||
        ((uses & USE_ENCODE) && !round_weight(&l, w)) ||
        failed(g, e, "loading a weight", cudaStreamSynchronize(l.stream)) ||
        failed(g, e, "loading a weight", cudaGetLastError())) {
        if (!gpu_lost(g, NULL))
            cudaStreamSynchronize(l.stream); /* what was queued reads the source's copy */
        cuda_weight_free(b, w);
        return NULL;
    }
    return w;
}

void cuda_weight_free(struct backend *b, struct weight *w)
{
    if (w && !gpu_lost(gpu_of(b), NULL) && cudaSetDevice(gpu_of(b)->ordinal) == cudaSuccess) {
        round_release(gpu_of(b), w);
        cudaFree((void *)(uintptr_t)w->w.at);
    }
    free(w);
}

uint64_t cuda_weight_need(const struct backend *b, const struct weight_source *src, unsigned uses)
{
    const enum dtype kept = kept_as((const struct gpu *)b, src->type);
    const size_t rounded = (uses & USE_ENCODE) && kept == DTYPE_F32 ? 2 : 0;
    return (uint64_t)src->out * row_elements(src->in) * (dtype_size(kept) + rounded);
}

size_t cuda_weight_bytes(const struct weight *w)
{
    const size_t rounded = w->rounded.at && w->rounded.at != w->w.at ? 2 : 0;
    return (size_t)w->w.out * w->w.ld * (dtype_size(w->w.type) + rounded);
}
int32_t cuda_weight_in(const struct weight *w)
{
    return w->w.in;
}
enum dtype cuda_weight_reads(const struct weight *w)
{
    return w->reads;
}

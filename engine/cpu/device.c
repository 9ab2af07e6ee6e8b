#include "engine/cpu/device.h"
#include "engine/backend/synchronous.h"
#include "engine/base/memory.h"
#include "engine/cpu/cpu.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define HUGE_PAGE ((size_t)2 << 20)
#define LEAST_PLANES ((size_t)8 << 20) /* bytes: what is smaller is in a cache */
#define ROWS_PER_JOB 64
#define CHUNK_DOCS 16
#define MIN_TASK 16384 /* elements: less is done before another thread has woken */

void *cpu_alloc(size_t n)
{
    size_t align = n >= 2 * HUGE_PAGE ? HUGE_PAGE : 64, whole;
    if (!size_add(n > 0 ? n : 1, align - 1, &whole) || whole > PTRDIFF_MAX)
        return NULL;
    whole -= whole % align;
    void *p = aligned_alloc(align, whole);
    if (p && align == HUGE_PAGE)
        madvise(p, whole, MADV_HUGEPAGE);
    return p;
}

void *cpu_scratch(struct queue *q, enum scratch s, size_t n)
{
    struct cpu *c = cpu_of(q);
    if (n <= c->scratch[s].n)
        return c->scratch[s].bytes;
    size_t want =
        n > c->scratch[s].n + c->scratch[s].n / 2 ? n : c->scratch[s].n + c->scratch[s].n / 2;
    char *p = cpu_alloc(want);
    if (p == NULL) {
        error_set(&q->err, ERROR_MEMORY, "cpu: no memory for %zu bytes of working space", want);
        return NULL;
    }
    free(c->scratch[s].bytes);
    c->scratch[s].bytes = p, c->scratch[s].n = want;
    return p;
}

void *cpu_scratch_of(struct cpu *c, int thread, size_t n)
{
    return c->scratch[SCRATCH_THREADS].bytes + (size_t)thread * ((n + 63) / 64 * 64);
}

void *cpu_view(struct queue *q, const char *op, const char *arg, struct tensor t, enum dtype type,
               int32_t rows, int32_t cols)
{
    if (t.buf == NULL || t.dtype != type || t.rows < 0 || t.cols < 0 ||
        (rows >= 0 && t.rows != rows) || (cols >= 0 && t.cols != cols) ||
        (t.rows > 1 && t.ld < t.cols)) {
        error_set(&q->err, ERROR_SYSTEM,
                  "cpu %s: %s is [%d, %d] (ld %d, dtype %d%s), expected [%d, %d] of dtype %d", op,
                  arg, t.rows, t.cols, t.ld, (int)t.dtype, t.buf ? "" : ", absent", rows, cols,
                  (int)type);
        return NULL;
    }
    if (t.rows == 0 || t.cols == 0)
        return t.buf->bytes;
    size_t last =
        ((size_t)(t.rows - 1) * (size_t)(t.ld > 0 ? t.ld : 0) + (size_t)t.cols) * dtype_size(type);
    if (t.off > t.buf->n || last > t.buf->n - t.off || t.off % dtype_size(type) != 0) {
        error_set(&q->err, ERROR_SYSTEM,
                  "cpu %s: %s needs %zu bytes at offset %zu of a buffer of %zu", op, arg, last,
                  t.off, t.buf->n);
        return NULL;
    }
    return t.buf->bytes + t.off;
}

struct row_loop {
    rows_fn *fn;
    void *arg;
    int32_t rows, step;
};

static void row_task(void *arg, int thread, int64_t i)
{
    const struct row_loop *l = arg;
    int32_t first = (int32_t)i * l->step, left = l->rows - first;
    l->fn(l->arg, thread, first, left < l->step ? left : l->step);
}

void cpu_for_rows(struct queue *q, int32_t rows, int64_t cost, rows_fn *fn, void *arg)
{
    int64_t threads = pool_threads(cpu_of(q)->pool), step = MIN_TASK / (cost > 0 ? cost : 1) + 1;
    int64_t fair = (rows + 4 * threads - 1) / (4 * threads);
    if (threads == 1 || rows * cost < 2 * MIN_TASK)
        step = rows;
    else if (step < fair)
        step = fair;
    if (step < 1)
        return;
    struct row_loop l = {fn, arg, rows, (int32_t)(step < rows ? step : rows)};
    pool_run(cpu_of(q)->pool, (rows + l.step - 1) / l.step, row_task, &l);
}

static struct buf *cpu_buf_new(struct queue *q, size_t n, struct error *e)
{
    (void)q;
    struct buf *buf = xmalloc(sizeof *buf);
    buf->n = n > 0 ? n : 1;
    buf->bytes = cpu_alloc(buf->n);
    if (buf->bytes == NULL) {
        error_set(e, ERROR_MEMORY, "cpu: no memory for %zu bytes", n);
        free(buf);
        return NULL;
    }
    return buf;
}

static void cpu_buf_free(struct queue *q, struct buf *buf)
{
    (void)q;
    if (buf)
        free(buf->bytes);
    free(buf);
}

static void copy_rows(char *dst, size_t dst_step, const char *src, size_t src_step, size_t n,
                      int32_t rows)
{
    if (dst_step == n && src_step == n)
        memcpy(dst, src, n * (size_t)rows);
    else
        for (int32_t i = 0; i < rows; i++)
            memcpy(dst + (size_t)i * dst_step, src + (size_t)i * src_step, n);
}

static void cpu_put(struct queue *q, struct tensor dst, const void *src)
{
    char *p = cpu_failed(q) ? NULL : cpu_view(q, "put", "dst", dst, dst.dtype, -1, -1);
    size_t size = dtype_size(dst.dtype), n = (size_t)dst.cols * size;
    if (p && n > 0 && dst.rows > 0)
        copy_rows(p, (size_t)dst.ld * size, src, n, n, dst.rows);
}

static void cpu_fetch(struct queue *q, void *dst, struct tensor src)
{
    const char *p = cpu_failed(q) ? NULL : cpu_view(q, "fetch", "src", src, src.dtype, -1, -1);
    size_t size = dtype_size(src.dtype), n = (size_t)src.cols * size;
    if (p && n > 0 && src.rows > 0)
        copy_rows(dst, n, p, (size_t)src.ld * size, n, src.rows);
}

static void cpu_free(struct backend *b)
{
    struct cpu *c = (struct cpu *)b;
    if (c == NULL)
        return;
    pool_free(c->pool);
    for (int i = 0; i < SCRATCH_N; i++)
        free(c->scratch[i].bytes);
    cpu_rope_free(c);
    free(c);
}

static const struct backend vtable = {
    .abi = BACKEND_ABI,
    .size = sizeof(struct backend),
    .name = "cpu",
    .caps = {.kind = "cpu",
             .precision = "f32",
             .encodes = ENCODES_TOP | ENCODES_SOME,
             .real = DTYPE_F32,
             .rows_per_job = ROWS_PER_JOB,
             .chunk_docs = CHUNK_DOCS},
    .free = cpu_free,
    .memory = machine_memory,
    .queue_new = synchronous_queue_new,
    .queue_free = synchronous_queue_free,
    .queue_status = synchronous_queue_status,
    .queue_sync = synchronous_queue_sync,
    .queue_mark = synchronous_queue_mark,
    .queue_pending = synchronous_queue_pending,
    .queue_wait = synchronous_queue_wait,
    .alloc = cpu_buf_new,
    .buf_free = cpu_buf_free,
    .put = cpu_put,
    .fetch = cpu_fetch,
    .fetch_f64 = cpu_fetch_f64,
    .weight_new = cpu_weight_new,
    .weight_take = cpu_weight_take,
    .weight_packed = cpu_weight_packed,
    .weight_free = cpu_weight_free,
    .weight_bytes = cpu_weight_bytes,
    .weight_need = cpu_weight_need,
    .weight_in = cpu_weight_in,
    .weight_reads = cpu_weight_reads,
    .kv_new = cpu_kv_new,
    .kv_free = cpu_kv_free,
    .kv_copy = cpu_kv_copy,
    .linear = cpu_linear,
    .weight_rows = cpu_weight_rows,
    .norm = cpu_norm,
    .rows_unscale = cpu_rows_unscale,
    .act = cpu_act,
    .attn = cpu_attn,
    .xent = cpu_xent,
    .topn = cpu_topn,
    .select = cpu_select,
    .encode = cpu_encode,
    .decode = cpu_decode,
    .csr_get = cpu_csr_get,
    .dot_rows = cpu_dot_rows,
    .unit_change = cpu_unit_change,
    .add = cpu_add,
    .add_outer = cpu_add_outer,
    .rows_get = cpu_rows_get,
    .rows_set = cpu_rows_set,
    .rows_add = cpu_rows_add,
    .cols_get = cpu_cols_get,
    .copy = cpu_copy,
    .row_stats = cpu_row_stats,
    .col_sums = cpu_col_sums,
    .hist = cpu_hist,
    .hist_move = cpu_hist_move,
    .hist_clear = cpu_hist_clear,
};

struct backend *cpu_backend_new_isa(int n_threads, enum isa isa, struct error *e)
{
    struct cpu *c = xcalloc(1, sizeof *c);
    c->backend = vtable;
    c->k = kernels_for(isa);
    c->dots = c->k->dots && isa_has_dots();
    c->least_planes = LEAST_PLANES;
    c->pool = pool_new(n_threads);
    if (c->pool == NULL) {
        error_set(e, ERROR_MEMORY, "cpu: no memory for the thread pool");
        free(c);
        return NULL;
    }
    int n = pool_threads(c->pool);
    snprintf(c->device, sizeof c->device, "cpu %s, %d thread%s", c->k->name, n, n == 1 ? "" : "s");
    c->backend.caps.device = c->device;
    snprintf(c->layout, sizeof c->layout, "cpu %d, panels of %d", PANELS_VERSION, c->k->width);
    c->backend.caps.layout = c->layout;
    return &c->backend;
}

void cpu_encode_from(struct backend *b, size_t bytes)
{
    ((struct cpu *)b)->least_planes = bytes;
}

struct backend *cpu_backend_new(int n_threads, struct error *e)
{
    return cpu_backend_new_isa(n_threads, isa_best(), e);
}

const char *cpu_product_library(void)
{
    return "glimt kernels";
}

#include "tests/support/counting.h"
#include "engine/base/memory.h"
#include <stdlib.h>

static struct backend real;
static struct counted counted;
static struct held { /* buffers */
    struct buf *buf;
    size_t n;
} * held;
static size_t n_held, cap_held;

static int64_t host_bytes(struct tensor t) /* a device in double takes and gives floats */
{
    return (int64_t)t.rows * t.cols * (int64_t)(t.dtype == DTYPE_F64 ? 4 : dtype_size(t.dtype));
}

static struct buf *counting_alloc(struct queue *q, size_t n, struct error *e)
{
    counted.allocs++;
    struct buf *buf = real.alloc(q, n, e);
    if (buf) {
        held = grow(held, &cap_held, n_held + 1, sizeof *held);
        held[n_held++] = (struct held){buf, n};
    }
    return buf;
}

static void counting_buf_free(struct queue *q, struct buf *buf)
{
    size_t i = 0;
    while (i < n_held && held[i].buf != buf)
        i++;
    if (i < n_held)
        held[i] = held[--n_held];
    real.buf_free(q, buf);
}

static struct kv *counting_kv_new(struct queue *q, int32_t first_layer, int32_t n_layers,
                                  int32_t width, int32_t cap, enum dtype as, struct error *e)
{
    counted.allocs++;
    return real.kv_new(q, first_layer, n_layers, width, cap, as, e);
}

static void counting_put(struct queue *q, struct tensor dst, const void *src)
{
    counted.put += host_bytes(dst);
    real.put(q, dst, src);
}

static void counting_fetch(struct queue *q, void *dst, struct tensor src)
{
    counted.got += host_bytes(src);
    real.fetch(q, dst, src);
}

static void counting_fetch_f64(struct queue *q, double *dst, struct tensor src)
{
    counted.got += (int64_t)src.rows * src.cols * (int64_t)sizeof *dst;
    real.fetch_f64(q, dst, src);
}

void counting_install(struct backend *b)
{
    real = *b, counted = (struct counted){0};
    free(held);
    held = NULL, n_held = cap_held = 0;
    b->alloc = counting_alloc, b->buf_free = counting_buf_free, b->kv_new = counting_kv_new;
    b->put = counting_put, b->fetch = counting_fetch;
    b->fetch_f64 = counting_fetch_f64;
}

struct counted counting_take(void)
{
    struct counted c = counted;
    counted = (struct counted){0};
    return c;
}

int64_t counting_held(void)
{
    int64_t n = 0;
    for (size_t i = 0; i < n_held; i++)
        n += (int64_t)held[i].n;
    return n;
}

#include "tests/support/counting.h"

static struct backend real;
static struct counted counted;

static int64_t host_bytes(struct tensor t) /* a device in double takes and gives floats */
{
    return (int64_t)t.rows * t.cols * (int64_t)(t.dtype == DTYPE_F64 ? 4 : dtype_size(t.dtype));
}

static struct buf *counting_alloc(struct queue *q, size_t n, struct error *e)
{
    counted.allocs++;
    return real.alloc(q, n, e);
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
    b->alloc = counting_alloc, b->kv_new = counting_kv_new;
    b->put = counting_put, b->fetch = counting_fetch;
    b->fetch_f64 = counting_fetch_f64;
}

struct counted counting_take(void)
{
    struct counted c = counted;
    counted = (struct counted){0};
    return c;
}

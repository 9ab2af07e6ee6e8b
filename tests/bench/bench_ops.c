/* What the products reach: GFLOP/s of `linear` over rows and shapes, beside what the cores do on
 * registers alone ("peak", at their clock of that moment) and the rate at which they read memory:
 * few rows can't be faster than the weights arrive. Best of several runs; weights f16. Then the
 * codes of an SAE in f32: what the product and its selection take, and `encode`, beside the time in
 * which all digits of the weights can be read or multiplied. Usage: bench_ops [threads [portable |
 * AVX2 | AVX-512]] */
#include "engine/base/memory.h"
#include "engine/base/rng.h"
#include "engine/cpu/cpu.h"
#include "engine/cpu/kernels.h"
#include "tests/support/machine.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define READ_BYTES ((size_t)256 << 20)

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- products */

static double best_time(struct backend *b, struct queue *q, struct tensor y, struct tensor x,
                        const struct weight *w)
{
    double best = 1e9, start = now();
    for (int i = 0; i < 5 || (now() - start < 0.15 && i < 2000); i++) {
        double t = now();
        b->linear(q, y, x, w, (struct tensor){0}, EPILOGUE_NONE);
        b->queue_sync(q);
        t = now() - t;
        best = t < best ? t : best;
    }
    return best;
}

static void bench_shape(struct backend *b, int32_t in, int32_t out, double peak)
{
    static const int32_t rows[] = {1, 2, 4, 8, 16, 32, 64, 128, 256, 576};
    struct error e = {0};
    size_t n = (size_t)in * (size_t)out;
    uint16_t *src = xmalloc(n * sizeof *src);
    for (size_t i = 0; i < n; i++)
        src[i] = (uint16_t)(rng_at(1, i) & 0xb3ff);
    struct weight *w = b->weight_new(
        b, &(struct weight_source){DTYPE_F16, out, in, ORDER_OUT_IN, src, NULL}, USE_PRODUCT, &e);
    free(src);
    struct queue *q = b->queue_new(b, QUEUE_LIVE, &e);
    for (size_t i = 0; w && q && i < sizeof rows / sizeof *rows; i++) {
        struct tensor x = tensor_new(q, rows[i], in, DTYPE_F32, &e),
                      y = tensor_new(q, rows[i], out, DTYPE_F32, &e);
        float *v = xcalloc((size_t)rows[i] * (size_t)in, sizeof *v);
        for (size_t k = 0; k < (size_t)rows[i] * (size_t)in; k++)
            v[k] = (float)(rng_at(2, k) % 1000) * 1e-3f;
        b->put(q, x, v);
        double t = best_time(b, q, y, x, w), f = 2.0 * rows[i] * (double)n / t;
        printf(
            "%5d x %-5d %5d rows %9.1f us %8.1f GFLOP/s %4.0f %% of peak %7.1f GB/s of weights\n",
            in, out, rows[i], t * 1e6, f * 1e-9, 100 * f / peak,
            (double)b->weight_bytes(w) / t * 1e-9);
        free(v);
        b->buf_free(q, x.buf);
        b->buf_free(q, y.buf);
    }
    b->queue_free(q);
    b->weight_free(b, w);
}

/* ---- codes */
struct codes_case {
    struct backend *b;
    struct queue *q;
    int32_t in, out, rows;
    struct tensor x, pre;
    struct csr f;
    const struct weight *plain, *planes;
    struct select by;
};

static void both_steps(const struct codes_case *c)
{
    c->b->linear(c->q, c->pre, c->x, c->plain, (struct tensor){0}, EPILOGUE_NONE);
    c->b->select(c->q, (struct csr *)(uintptr_t)&c->f, 0, c->pre, &c->by);
}
static void in_one(const struct codes_case *c)
{
    c->b->encode(c->q, (struct csr *)(uintptr_t)&c->f, 0, c->x, c->planes, (struct tensor){0},
                 &c->by);
}
static void product_alone(const struct codes_case *c)
{
    c->b->linear(c->q, c->pre, c->x, c->planes, (struct tensor){0}, EPILOGUE_NONE);
}
static double best_of(const struct codes_case *c, void (*way)(const struct codes_case *))
{
    double best = 1e9, start = now();
    for (int i = 0; i < 3 || (now() - start < 0.15 && i < 2000); i++) {
        double t = now();
        way(c);
        c->b->queue_sync(c->q);
        t = now() - t;
        best = t < best ? t : best;
    }
    return best;
}

static void random_rows(float *v, size_t n, uint64_t seed)
{
    for (size_t i = 0; i < n; i++) {
        uint64_t bits = rng_at(seed, i);
        v[i] = (float)((int)(bits & 0xffff) + (int)(bits >> 16 & 0xffff) +
                       (int)(bits >> 32 & 0xffff) - 98302) *
               1e-5f;
    }
}

static void bench_codes(struct backend *b, int32_t in, int32_t out, double peak, double memory)
{
    static const int32_t rows[] = {1, 2, 4, 8, 16, 32, 96, 256};
    struct error e = {0};
    const size_t n = (size_t)in * (size_t)out;
    float *src = xmalloc(n * sizeof *src);
    random_rows(src, n, 3);
    const struct weight_source source = {DTYPE_F32, out, in, ORDER_OUT_IN, src, NULL};
    struct weight *plain = b->weight_new(b, &source, USE_PRODUCT, &e),
                  *planes = b->weight_new(b, &source, USE_PRODUCT | USE_ENCODE, &e);
    struct queue *q = b->queue_new(b, QUEUE_LIVE, &e);
    free(src);
    for (size_t i = 0; plain && planes && q && i < sizeof rows / sizeof *rows; i++) {
        struct codes_case c = {b, q, in, out, rows[i], .plain = plain, .planes = planes};
        c.by = (struct select){.kind = SELECT_TOPK, .relu = true, .k = 32, .what = "latent"};
        c.x = tensor_new(q, rows[i], in, DTYPE_F32, &e);
        c.pre = tensor_new(q, rows[i], out, DTYPE_F32, &e);
        c.f = (struct csr){.n_rows = rows[i],
                           .start = tensor_new(q, rows[i] + 1, 1, DTYPE_I32, &e),
                           .ids = tensor_new(q, rows[i] * 32, 1, DTYPE_I32, &e),
                           .vals = tensor_new(q, rows[i] * 32, 1, DTYPE_F32, &e)};
        float *v = xmalloc((size_t)rows[i] * (size_t)in * sizeof *v);
        random_rows(v, (size_t)rows[i] * (size_t)in, 4);
        b->put(q, c.x, v);
        const double read = 4.0 * (double)n / memory, compute = 2.0 * rows[i] * (double)n / peak,
                     two = best_of(&c, both_steps), one = best_of(&c, in_one);
        printf("%5d x %-5d %5d rows: product and selection %9.1f us, encode %9.1f us (%.2f x); "
               "floor of the product %9.1f us; it alone, in planes %9.1f us\n",
               in, out, rows[i], two * 1e6, one * 1e6, one / two,
               1e6 * (read > compute ? read : compute), 1e6 * best_of(&c, product_alone));
        free(v);
        b->buf_free(q, c.x.buf);
        b->buf_free(q, c.pre.buf);
        b->buf_free(q, c.f.start.buf);
        b->buf_free(q, c.f.ids.buf);
        b->buf_free(q, c.f.vals.buf);
    }
    if (q && q->redone > 0)
        printf("      rows in full: %llu\n", (unsigned long long)q->redone);
    b->queue_free(q);
    b->weight_free(b, plain);
    b->weight_free(b, planes);
}

static struct backend *open_device(int argc, char **argv, struct error *e)
{
    const int threads = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 0;
    for (enum isa isa = 0; argc > 2 && isa < ISA_N; isa++)
        if (isa_available(isa) && strcmp(kernels_for(isa)->name, argv[2]) == 0)
            return cpu_backend_new_isa(threads, isa, e);
    return cpu_backend_new(threads, e);
}

int main(int argc, char **argv)
{
    static const int32_t shape[][2] = {
        {256, 768}, {256, 1024}, {1024, 256}, {256, 6144}, {2048, 8192}};
    struct error e = {0};
    struct backend *b = open_device(argc, argv, &e);
    if (b == NULL) {
        fprintf(stderr, "%s\n", e.text);
        return 1;
    }
    int threads = machine_threads(b);
    double peak = machine_peak(threads), memory = machine_read_rate(READ_BYTES, threads);
    printf("%s, %s: peak %.1f GFLOP/s, memory %.1f GB/s\n", b->caps.device, cpu_product_library(),
           peak * 1e-9, memory * 1e-9);
    for (size_t i = 0; i < sizeof shape / sizeof *shape; i++)
        bench_shape(b, shape[i][0], shape[i][1], peak);
    bench_codes(b, 512, 16384, peak, memory);
    bench_codes(b, 2048, 16384, peak, memory);
    b->free(b);
    return 0;
}

/* What the products reach: GFLOP/s of `linear` over rows and shapes, beside what the cores do on
 * registers alone ("peak", at their clock of that moment) and the rate at which they read memory:
 * few rows can't be faster than the weights arrive. Best of several runs; weights f16. Usage:
 * bench_ops [threads] */
#include "engine/base/memory.h"
#include "engine/base/rng.h"
#include "engine/cpu/cpu.h"
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

int main(int argc, char **argv)
{
    static const int32_t shape[][2] = {
        {256, 768}, {256, 1024}, {1024, 256}, {256, 6144}, {2048, 8192}};
    struct error e = {0};
    struct backend *b = cpu_backend_new(argc > 1 ? (int)strtol(argv[1], NULL, 10) : 0, &e);
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
    b->free(b);
    return 0;
}

/* What the products reach: GFLOP/s of `linear` over rows and shapes, beside what the cores do on
 * registers alone
 * ("peak", at their clock of that moment) and the rate at which they read memory: few rows can't be
 * faster than the weights arrive. Best of several runs; weights f16. Usage: bench_ops [threads] */
#include "engine/base/memory.h"
#include "engine/base/rng.h"
#include "engine/cpu/cpu.h"
#include "engine/cpu/isa.h"
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MAX_THREADS 256
#define READ_BYTES ((size_t)256 << 20)

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- ceilings */

#define STEPS 4000000L
#define CHAIN(i) a##i = FMA(a##i);
#define ALL_CHAINS                                                                                 \
    CHAIN(0) CHAIN(1) CHAIN(2) CHAIN(3) CHAIN(4) CHAIN(5) CHAIN(6) CHAIN(7) CHAIN(8) CHAIN(9)
/* Ten chains hide the latency of an addition; `keep` keeps the compiler from folding the loop. */
#define FMA_LOOP(NAME, TARGET, LANES)                                                              \
    TARGET static double NAME(void)                                                                \
    {                                                                                              \
        typedef float v __attribute__((vector_size(4 * (LANES))));                                 \
        v m = (v){0} + 0.999f, c = (v){0} + 1e-3f;                                                 \
        v a0 = c, a1 = c, a2 = c, a3 = c, a4 = c, a5 = c, a6 = c, a7 = c, a8 = c, a9 = c;          \
        for (long k = 0; k < STEPS; k++) {                                                         \
            ALL_CHAINS                                                                             \
        }                                                                                          \
        volatile v keep = a0 + a1 + a2 + a3 + a4 + a5 + a6 + a7 + a8 + a9;                         \
        (void)keep;                                                                                \
        return 2.0 * (LANES)*10 * (double)STEPS;                                                   \
    }
#if defined(__x86_64__)
#include <immintrin.h>
#define FMA(x) ((v)_mm512_fmadd_ps((__m512)(x), (__m512)m, (__m512)c))
FMA_LOOP(fma_avx512, __attribute__((target("avx512f"))), 16)
#undef FMA
#define FMA(x) ((v)_mm256_fmadd_ps((__m256)(x), (__m256)m, (__m256)c))
FMA_LOOP(fma_avx2, __attribute__((target("avx2,fma"))), 8)
#undef FMA
#endif
#define FMA(x) ((x)*m + c)
FMA_LOOP(fma_portable, , 4)

static double flops(void)
{
#if defined(__x86_64__)
    if (isa_best() == ISA_AVX512)
        return fma_avx512();
    if (isa_best() == ISA_AVX2)
        return fma_avx2();
#endif
    return fma_portable();
}

static double read_memory(void)
{
    static _Thread_local uint64_t *p;
    const size_t n = READ_BYTES / sizeof *p;
    if (p == NULL) {
        p = xmalloc(READ_BYTES);
        memset(p, 1, READ_BYTES);
    }
    uint64_t s[8] = {0};
    for (size_t i = 0; i < n; i += 8)
        for (int j = 0; j < 8; j++)
            s[j] += p[i + (size_t)j];
    volatile uint64_t keep = s[0] + s[1] + s[2] + s[3] + s[4] + s[5] + s[6] + s[7];
    (void)keep;
    return (double)READ_BYTES;
}

struct ceiling {
    double (*work)(void);
    double rate;
};

static void *ceiling_thread(void *arg)
{
    struct ceiling *c = arg;
    double start = now(), done = 0;
    while (now() - start < 0.3)
        done += c->work();
    c->rate = done / (now() - start);
    return NULL;
}

/* Sum over threads running at the same time. */
static double measure_ceiling(double (*work)(void), int n_threads)
{
    pthread_t thread[MAX_THREADS];
    struct ceiling c[MAX_THREADS];
    double sum = 0;
    for (int i = 0; i < n_threads; i++) {
        c[i] = (struct ceiling){work, 0};
        if (pthread_create(&thread[i], NULL, ceiling_thread, &c[i]) != 0)
            return 0;
    }
    for (int i = 0; i < n_threads; i++) {
        pthread_join(thread[i], NULL);
        sum += c[i].rate;
    }
    return sum;
}

/* ---- products */

static double best_time(struct backend *b, struct tensor y, struct tensor x, const struct weight *w)
{
    double best = 1e9, start = now();
    for (int i = 0; i < 5 || (now() - start < 0.15 && i < 2000); i++) {
        double t = now();
        b->linear(b, y, x, w, (struct tensor){0}, EPILOGUE_NONE);
        b->sync(b);
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
    struct weight *w = b->weight_new(b, DTYPE_F16, out, in, ORDER_OUT_IN, src, USE_PRODUCT, &e);
    free(src);
    for (size_t i = 0; w && i < sizeof rows / sizeof *rows; i++) {
        struct tensor x = tensor_new(b, rows[i], in, DTYPE_F32, &e),
                      y = tensor_new(b, rows[i], out, DTYPE_F32, &e);
        float *v = xcalloc((size_t)rows[i] * (size_t)in, sizeof *v);
        for (size_t k = 0; k < (size_t)rows[i] * (size_t)in; k++)
            v[k] = (float)(rng_at(2, k) % 1000) * 1e-3f;
        b->put(b, x, v);
        double t = best_time(b, y, x, w), f = 2.0 * rows[i] * (double)n / t;
        printf(
            "%5d x %-5d %5d rows %9.1f us %8.1f GFLOP/s %4.0f %% of peak %7.1f GB/s of weights\n",
            in, out, rows[i], t * 1e6, f * 1e-9, 100 * f / peak,
            (double)b->weight_bytes(w) / t * 1e-9);
        free(v);
        b->buf_free(b, x.buf);
        b->buf_free(b, y.buf);
    }
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
    const char *comma = strrchr(b->caps.device, ',');
    int threads = comma ? (int)strtol(comma + 1, NULL, 10) : 1;
    threads = threads < 1 ? 1 : threads > MAX_THREADS ? MAX_THREADS : threads;
    double peak = measure_ceiling(flops, threads), memory = measure_ceiling(read_memory, threads);
    printf("%s, %s: peak %.1f GFLOP/s, memory %.1f GB/s\n", b->caps.device, cpu_product_library(),
           peak * 1e-9, memory * 1e-9);
    for (size_t i = 0; i < sizeof shape / sizeof *shape; i++)
        bench_shape(b, shape[i][0], shape[i][1], peak);
    b->free(b);
    return 0;
}

#include "tests/support/machine.h"
#include "engine/base/memory.h"
#include "engine/base/rng.h"
#include "engine/cpu/isa.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MAX_THREADS 256

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

int machine_threads(const struct backend *b)
{
    const char *comma = strrchr(b->caps.device, ',');
    long n = comma ? strtol(comma + 1, NULL, 10) : 1;
    return n < 1 ? 1 : n > MAX_THREADS ? MAX_THREADS : (int)n;
}

/* ---- n threads do the same piece of work at the same time, pass after pass */

struct team {
    void (*work)(struct team *, int thread);
    int n_threads, passes;
    atomic_int arrived, pass;
    const char *data;
    size_t bytes; /* a thread's */
    double best;  /* seconds of the best pass */
};

struct member {
    struct team *team;
    int thread;
};

/* A sleeping barrier would put the time of waking into every pass. */
static void meet(struct team *t, int pass)
{
    if (atomic_fetch_add(&t->arrived, 1) + 1 == t->n_threads) {
        atomic_store(&t->arrived, 0);
        atomic_store(&t->pass, pass + 1);
    }
    while (atomic_load(&t->pass) <= pass)
        ;
}

static void *member_run(void *arg)
{
    struct member *m = arg;
    struct team *t = m->team;
    meet(t, 0);
    for (int i = 1; i <= t->passes; i++) {
        double start = now();
        t->work(t, m->thread);
        meet(t, i);
        double took = now() - start;
        if (m->thread == 0 && took < t->best)
            t->best = took;
    }
    return NULL;
}

/* Seconds of the best of `passes`. */
static double team_run(struct team *t)
{
    pthread_t thread[MAX_THREADS];
    struct member member[MAX_THREADS];
    int started = 1;
    t->best = 1e30;
    for (int i = 0; i < t->n_threads; i++)
        member[i] = (struct member){t, i};
    for (; started < t->n_threads; started++)
        if (pthread_create(&thread[started], NULL, member_run, &member[started]) != 0)
            abort();
    member_run(&member[0]);
    for (int i = 1; i < started; i++)
        pthread_join(thread[i], NULL);
    return t->best;
}

/* ---- multiply-adds */

#define STEPS 1000000L
#define CHAINS 10 /* hide the latency of an addition */
/* Chains that begin alike would be one to the compiler: each is hidden from it. */
#define FMA_LOOP(NAME, TARGET, LANES, REGISTER)                                                    \
    TARGET static void NAME(struct team *t, int thread)                                            \
    {                                                                                              \
        typedef float v __attribute__((vector_size(4 * (LANES))));                                 \
        v m = (v){0} + 0.999f, c = (v){0} + 1e-3f, a[CHAINS];                                      \
        (void)t, (void)thread;                                                                     \
        _Pragma("GCC unroll 10") for (int i = 0; i < CHAINS; i++)                                  \
        {                                                                                          \
            a[i] = c * (float)(i + 1);                                                             \
            __asm__("" : "+" REGISTER(a[i]));                                                      \
        }                                                                                          \
        for (long k = 0; k < STEPS; k++) {                                                         \
            _Pragma("GCC unroll 10") for (int i = 0; i < CHAINS; i++) a[i] = FMA(a[i]);            \
        }                                                                                          \
        _Pragma("GCC unroll 10") for (int i = 0; i < CHAINS;                                       \
                                      i++) __asm__ volatile("" : : REGISTER(a[i]));                \
    }
#if defined(__x86_64__)
#include <immintrin.h>
#define FMA(x) ((v)_mm512_fmadd_ps((__m512)(x), (__m512)m, (__m512)c))
FMA_LOOP(fma_avx512, __attribute__((target("avx512f"))), 16, "v")
#undef FMA
#define FMA(x) ((v)_mm256_fmadd_ps((__m256)(x), (__m256)m, (__m256)c))
FMA_LOOP(fma_avx2, __attribute__((target("avx2,fma"))), 8, "x")
#undef FMA
#define VECTOR_REGISTER "x"
#else
#define VECTOR_REGISTER "w"
#endif
#define FMA(x) ((x)*m + c)
FMA_LOOP(fma_portable, , 4, VECTOR_REGISTER)
#undef FMA

double machine_peak(int n_threads)
{
    struct team t = {.work = fma_portable, .n_threads = n_threads, .passes = 40};
    int lanes = 4;
#if defined(__x86_64__)
    if (isa_best() == ISA_AVX512)
        t.work = fma_avx512, lanes = 16;
    else if (isa_best() == ISA_AVX2)
        t.work = fma_avx2, lanes = 8;
#endif
    return 2.0 * lanes * CHAINS * (double)STEPS * n_threads / team_run(&t);
}

/* ---- reading */

#define READ_LOOP(NAME, TARGET, LANES, REGISTER)                                                   \
    TARGET static void NAME(struct team *t, int thread)                                            \
    {                                                                                              \
        typedef uint64_t v __attribute__((vector_size(8 * (LANES))));                              \
        const v *p = (const void *)(t->data + (size_t)thread * t->bytes);                          \
        v s0 = {0}, s1 = {0}, s2 = {0}, s3 = {0};                                                  \
        for (size_t n = t->bytes / sizeof(v) / 4; n > 0; n--, p += 4)                              \
            s0 += p[0], s1 += p[1], s2 += p[2], s3 += p[3];                                        \
        s0 += s1 + s2 + s3;                                                                        \
        __asm__ volatile("" : : REGISTER(s0));                                                     \
    }
#if defined(__x86_64__)
READ_LOOP(read_avx512, __attribute__((target("avx512f"))), 8, "v")
READ_LOOP(read_avx2, __attribute__((target("avx2"))), 4, "x")
#endif
READ_LOOP(read_portable, , 2, VECTOR_REGISTER)

double machine_read_rate(size_t bytes, int n_threads)
{
    struct team t = {.work = read_portable, .n_threads = n_threads, .passes = 30};
#if defined(__x86_64__)
    if (isa_best() == ISA_AVX512)
        t.work = read_avx512;
    else if (isa_best() == ISA_AVX2)
        t.work = read_avx2;
#endif
    t.bytes = bytes / (size_t)n_threads / 4096 * 4096;
    t.bytes = t.bytes > 0 ? t.bytes : 4096;
    char *data = aligned_alloc(4096, t.bytes * (size_t)n_threads);
    if (data == NULL)
        return 0;
    memset(data, 1, t.bytes * (size_t)n_threads);
    t.data = data;
    double rate = (double)t.bytes * n_threads / team_run(&t);
    free(data);
    return rate;
}

static double device_copy_rate(struct backend *b, size_t bytes)
{
    enum { COLS = 1 << 14 };
    struct error e = {0};
    struct queue *q = b->queue_new(b, QUEUE_JOB, &e);
    const int32_t rows = 1 + (int32_t)(bytes / 2 / sizeof(float) / COLS);
    struct tensor x = tensor_new(q, rows, COLS, DTYPE_F32, &e),
                  y = tensor_new(q, rows, COLS, DTYPE_F32, &e);
    double best = 1e30;
    for (int i = 0; x.buf && y.buf && i < 30; i++) {
        double t = now();
        b->copy(q, y, x);
        b->queue_sync(q);
        t = now() - t;
        best = t < best ? t : best;
    }
    if (x.buf)
        b->buf_free(q, x.buf);
    if (y.buf)
        b->buf_free(q, y.buf);
    b->queue_free(q);
    return 2.0 * rows * COLS * sizeof(float) / best;
}

double machine_memory_rate(struct backend *b, size_t bytes)
{
    return strcmp(b->name, "cpu") == 0 ? machine_read_rate(bytes, machine_threads(b))
                                       : device_copy_rate(b, bytes);
}

/* ---- the backend's product */

double machine_product_rate(struct backend *b, int32_t out, int32_t in)
{
    enum { ROWS = 256 };
    struct error e = {0};
    size_t n = (size_t)out * (size_t)in;
    float *w = xcalloc(n, sizeof *w), *host = xcalloc((size_t)ROWS * (size_t)in, sizeof *host);
    struct rng r;
    rng_seed(&r, 1);
    for (size_t i = 0; i < n; i++)
        w[i] = (float)rng_unit(&r) - 0.5f;
    struct weight *packed = b->weight_new(
        b, &(struct weight_source){DTYPE_F32, out, in, ORDER_OUT_IN, w, NULL}, USE_PRODUCT, &e);
    struct queue *q = b->queue_new(b, QUEUE_JOB, &e);
    struct tensor x = tensor_new(q, ROWS, in, DTYPE_F32, &e),
                  y = tensor_new(q, ROWS, out, DTYPE_F32, &e);
    double best = 1e30;
    b->put(q, x, host);
    for (int i = 0; i < 30; i++) {
        double t = now();
        b->linear(q, y, x, packed, (struct tensor){0}, EPILOGUE_NONE);
        b->queue_sync(q);
        t = now() - t;
        best = t < best ? t : best;
    }
    b->buf_free(q, x.buf);
    b->buf_free(q, y.buf);
    b->queue_free(q);
    b->weight_free(b, packed);
    free(host);
    free(w);
    return 2.0 * ROWS * (double)n / best;
}

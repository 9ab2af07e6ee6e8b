/* What the tests of operations share: matrices at odd places of larger buffers, sources at odd
 * addresses, every device there is (the CPU with each instruction set of this machine, the
 * reference in float and in double), and plain loops in double to compare with. */
#ifndef GLIMT_TESTS_BACKEND_LAB_H
#define GLIMT_TESTS_BACKEND_LAB_H
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/base/memory.h"
#include "engine/base/rng.h"
#include "engine/cpu/cpu.h"
#include "engine/cpu/isa.h"
#include "engine/device.h"
#include "engine/reference/reference.h"
#ifdef __x86_64__ /* where the shim's fibers are */
#include "gpu/cuda.h"
#endif
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct lab {
    struct backend *b;
    struct queue *q; /* of jobs */
    struct rng rng;
    struct buf *buf[128];
    void *host[128];
    int n_bufs, n_hosts;
};

/* Takes the device over; lab_release frees it. */
static inline void lab_init(struct lab *l, struct backend *b, uint64_t seed)
{
    assert_non_null(b);
    struct error e = {0};
    *l = (struct lab){.b = b, .q = b->queue_new(b, QUEUE_JOB, &e)};
    assert_non_null(l->q);
    rng_seed(&l->rng, seed);
}

/* Gives back all buffers and host memory of the case just done. */
static inline void lab_clear(struct lab *l)
{
    for (int i = 0; i < l->n_bufs; i++)
        l->b->buf_free(l->q, l->buf[i]);
    for (int i = 0; i < l->n_hosts; i++)
        free(l->host[i]);
    l->n_bufs = l->n_hosts = 0;
}

static inline void lab_release(struct lab *l)
{
    lab_clear(l);
    l->b->queue_free(l->q);
    l->b->free(l->b);
}

static inline int32_t below(struct lab *l, int32_t n)
{
    return (int32_t)rng_below(&l->rng, (uint64_t)n);
}

static inline void *lab_host(struct lab *l, size_t n)
{
    assert_in_range(l->n_hosts, 0, 127);
    return l->host[l->n_hosts++] = xmalloc(n + 1);
}

/* Sum of uniform numbers: roughly normal, variance 1. */
static inline float normal(struct lab *l)
{
    double s = 0;
    for (int i = 0; i < 12; i++)
        s += rng_unit(&l->rng);
    return (float)(s - 6.0);
}

static inline float *lab_random(struct lab *l, size_t n)
{
    float *v = lab_host(l, n * sizeof *v);
    for (size_t i = 0; i < n; i++)
        v[i] = normal(l);
    return v;
}

static inline bool inside(const struct tensor *t, size_t i)
{
    size_t first = t->off / dtype_size(t->dtype), ld = (size_t)t->ld;
    if (i < first || t->cols == 0)
        return false;
    return (i - first) % ld < (size_t)t->cols && (i - first) / ld < (size_t)t->rows;
}

#define GUARD -12345.0f

/* Guard values around a tensor, in it what is neither a number nor an index: whoever reads a result
 * before it is written is found, and whoever leaves a part of it unwritten. Around doubles they are
 * no numbers either: as floats, or pairs of them, they are put as they are. */
static inline void lab_poison(struct lab *l, const struct tensor *t, size_t n)
{
    float *all = xmalloc(2 * n * sizeof *all);
    const size_t size = t->dtype == DTYPE_F16 || t->dtype == DTYPE_BF16 ? 2 : 4;
    for (size_t i = 0; i < 2 * n; i++)
        all[i] = GUARD;
    for (size_t i = 0; i < n; i++)
        if (inside(t, i))
            memset((char *)all + i * size, 0xff, size);
    if (t->dtype == DTYPE_F64)
        memset(all, 0xff, 2 * n * sizeof *all);
    l->b->put(
        l->q,
        (struct tensor){
            .buf = t->buf, .rows = 1, .cols = (int32_t)n, .ld = (int32_t)n, .dtype = t->dtype},
        all);
    free(all);
}

/* A tensor somewhere inside a buffer of guard values, rows apart by more than their length. */
static inline struct tensor lab_tensor(struct lab *l, int32_t rows, int32_t cols, enum dtype type,
                                       const void *v)
{
    struct error e = {0};
    int32_t ld = cols + below(l, 5) * below(l, 9), lead = below(l, 37);
    size_t n = (size_t)rows * (size_t)ld + (size_t)lead + 16, size = dtype_size(type);
    assert_in_range(l->n_bufs, 0, 127);
    struct buf *buf = l->buf[l->n_bufs++] = l->b->alloc(l->q, n * size, &e);
    assert_non_null(buf);
    struct tensor t = {.buf = buf,
                       .off = (size_t)lead * size,
                       .rows = rows,
                       .cols = cols,
                       .ld = ld,
                       .dtype = type};
    lab_poison(l, &t, n);
    if (v)
        l->b->put(l->q, t, v);
    return t;
}
static inline struct tensor lab_put(struct lab *l, int32_t rows, int32_t cols, const float *v)
{
    return lab_tensor(l, rows, cols, l->b->caps.real, v);
}
static inline struct tensor lab_put_i32(struct lab *l, int32_t rows, int32_t cols, const int32_t *v)
{
    return lab_tensor(l, rows, cols, DTYPE_I32, v);
}

static inline struct tensor lab_column(struct lab *l, int32_t rows, enum dtype type)
{
    struct tensor t = lab_tensor(l, rows, 1, type, NULL);
    const size_t n = (size_t)rows * (size_t)t.ld + t.off / dtype_size(type) + 16;
    t.ld = 1;
    lab_poison(l, &t, n);
    return t;
}
static inline struct csr lab_csr(struct lab *l, int32_t rows, int32_t capacity)
{
    struct csr f = {.n_rows = rows};
    f.start = lab_column(l, rows + 1, DTYPE_I32);
    f.ids = lab_column(l, capacity, DTYPE_I32);
    f.vals = lab_column(l, capacity, l->b->caps.real);
    return f;
}
/* Codes of rows with the entries start[t] … start[t+1] − 1. */
static inline struct csr lab_put_csr(struct lab *l, int32_t rows, const int32_t *start,
                                     const int32_t *ids, const float *vals)
{
    struct csr f = lab_csr(l, rows, start[rows]);
    l->b->put(l->q, f.start, start);
    l->b->put(l->q, f.ids, ids);
    l->b->put(l->q, f.vals, vals);
    return f;
}
/* k entries on every row. */
static inline struct csr lab_put_codes(struct lab *l, int32_t rows, int32_t k, const int32_t *ids,
                                       const float *vals)
{
    int32_t *start = lab_host(l, ((size_t)rows + 1) * sizeof *start);
    for (int32_t t = 0; t <= rows; t++)
        start[t] = t * k;
    return lab_put_csr(l, rows, start, ids, vals);
}

/* The values of a tensor; fails when anything around it was written. */
static inline void *lab_get(struct lab *l, struct tensor t)
{
    struct error e = {0};
    void *v = lab_host(l, (size_t)t.rows * (size_t)t.cols * 4);
    device_get(l->q, v, t);
    if (!l->b->queue_status(l->q, &e))
        fail_msg("%s", e.text);
    size_t n = t.off / dtype_size(t.dtype) + (size_t)t.rows * (size_t)t.ld + 16;
    float *all = xmalloc(n * sizeof *all);
    device_get(
        l->q, all,
        (struct tensor){
            .buf = t.buf, .rows = 1, .cols = (int32_t)n, .ld = (int32_t)n, .dtype = t.dtype});
    for (size_t i = 0; i < n; i++)
        if (!inside(&t, i) && (all[i] < GUARD || all[i] > GUARD))
            fail_msg("element %zu outside the result was written: %g", i, (double)all[i]);
    free(all);
    return v;
}

static inline double *lab_get_f64(struct lab *l, struct tensor t)
{
    struct error e = {0};
    double *v = lab_host(l, (size_t)t.rows * (size_t)t.cols * sizeof *v);
    device_get_f64(l->q, v, t);
    if (!l->b->queue_status(l->q, &e))
        fail_msg("%s", e.text);
    const size_t n = t.off / sizeof(double) + (size_t)t.rows * (size_t)t.ld + 16;
    double *all = xmalloc(n * sizeof *all);
    device_get_f64(
        l->q, all,
        (struct tensor){
            .buf = t.buf, .rows = 1, .cols = (int32_t)n, .ld = (int32_t)n, .dtype = DTYPE_F64});
    for (size_t i = 0; i < n; i++)
        if (!inside(&t, i) && !isnan(all[i]))
            fail_msg("double %zu outside the result was written: %g", i, all[i]);
    free(all);
    return v;
}

static inline double half_value(uint16_t h)
{
    int e = h >> 10 & 31, m = h & 1023;
    double v = e == 0 ? ldexp(m, -24) : e == 31 ? (m ? NAN : INFINITY) : ldexp(1024 + m, e - 25);
    return h >> 15 ? -v : v;
}
static inline double bf16_value(uint16_t h)
{
    uint32_t bits = (uint32_t)h << 16;
    float v;
    memcpy(&v, &bits, sizeof v);
    return (double)v;
}

/* n random elements of the type as bytes at an odd address (what a mapping of a file may give),
 * their values beside. */
static inline const void *lab_source(struct lab *l, enum dtype type, size_t n, double **values)
{
    char *p = (char *)lab_host(l, n * 4 + 1) + 1;
    *values = lab_host(l, n * sizeof(double));
    for (size_t i = 0; i < n; i++) {
        float f = normal(l);
        uint16_t h = (uint16_t)(rng_u64(&l->rng) & 0xbfff); /* below 2 in size */
        if (type == DTYPE_BF16) {
            uint32_t bits;
            memcpy(&bits, &f, sizeof bits);
            h = (uint16_t)(bits >> 16);
        }
        if (type == DTYPE_F32)
            memcpy(p + i * 4, &f, 4);
        else
            memcpy(p + i * 2, &h, 2);
        (*values)[i] = type == DTYPE_F32   ? (double)f
                       : type == DTYPE_F16 ? half_value(h)
                                           : bf16_value(h);
    }
    return p;
}

static inline size_t at(int32_t row, int32_t col, int32_t cols)
{
    return (size_t)row * (size_t)cols + (size_t)col;
}

/* W[o, i] of a source in either order. */
static inline double element_of(const double *w, enum order order, int32_t out, int32_t in,
                                int32_t o, int32_t i)
{
    return order == ORDER_OUT_IN ? w[at(o, i, in)] : w[at(i, o, out)];
}

static inline double gelu_exact(double x)
{
    return 0.5 * x * erfc(-x / sqrt(2.0));
}

#define assert_near(got, want, tolerance)                                                          \
    do {                                                                                           \
        double g_ = (double)(got), w_ = (double)(want), t_ = (double)(tolerance);                  \
        if (!(fabs(g_ - w_) <= t_))                                                                \
            fail_msg("%s: %.9g, expected %.9g ± %.3g", #got, g_, w_, t_);                          \
    } while (0)

/* Whether a row's last bits may depend on what else is in the batch: there products of few rows and
 * of many are different code. */
static inline bool lab_batch_matters(const struct lab *l)
{
    return strncmp(l->b->name, "cuda", 4) == 0;
}
/* Rows that stood in two batches. */
static inline void lab_same_rows(const struct lab *l, const float *a, const float *b, size_t n)
{
    if (!lab_batch_matters(l))
        assert_memory_equal(a, b, n * sizeof *a);
    for (size_t i = 0; i < n; i++)
        if (!isnan(a[i]) || !isnan(b[i]))
            assert_near(a[i], b[i], 1e-5 * (1 + fabs((double)b[i])));
}

/* Runs `body` on the CPU with each instruction set of this machine, 1 and 2 threads, on both
 * references, and on the CUDA plugin on the shim. */
typedef void lab_case(struct lab *);
static inline void lab_on(lab_case *body, struct backend *b, uint64_t seed)
{
    struct lab l;
    lab_init(&l, b, seed);
    body(&l);
    lab_release(&l);
}
static inline void lab_everywhere(lab_case *body, uint64_t seed)
{
    struct error e = {0};
    for (enum isa isa = ISA_PORTABLE; isa < ISA_N; isa++)
        for (int threads = 1; isa_available(isa) && threads <= 2; threads++)
            lab_on(body, cpu_backend_new_isa(threads, isa, &e), seed);
    lab_on(body, reference_backend_new(DTYPE_F32, &e), seed);
    lab_on(body, reference_backend_new(DTYPE_F64, &e), seed);
#ifdef __x86_64__
    shim_seed(seed);
    const size_t before = shim_bytes();
    lab_on(body, glimt_backend_new(&(struct backend_want){0}, &e), seed);
    assert_int_equal(shim_bytes(), before);
#endif
}
#endif

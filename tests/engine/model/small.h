/* Small models in hash weights, as in tests/reference/model.py, opened from a folder of their own.
 */
#ifndef GLIMT_TEST_MODEL_SMALL_H
#define GLIMT_TEST_MODEL_SMALL_H
#include "engine/cpu/cpu.h"
#include "engine/device.h"
#include "engine/model/model.h"
#include "engine/reference/reference.h"
#include "tests/engine/numbers.h"
#include "tests/support/hash_archs.h"
#include <string.h>

static const struct hash_model small_model[] = {
    {"parallel", 3, 32, 80, 4, 101, 32, 0.25, .type = DTYPE_F32, .exponent = 2},
    {"sequential", 2, 48, 192, 3, 90, 32, 0.5, .type = DTYPE_F16, .exponent = 2, .sequential = true,
     .shards = 2},
    {"tied", 2, 40, 96, 5, 77, 24, 1.0, .type = DTYPE_BF16, .exponent = 2, .tied = true,
     .new_config = true},
    {"bare", 2, 32, 64, 2, 65, 24, 0.25, .type = DTYPE_F32, .exponent = 2, .sequential = true,
     .tied = true, .no_attention_bias = true, .no_prefix = true, .buffers = true},
    {"one-head", 2, 24, 96, 1, 64, 16, 0.5, .type = DTYPE_F16, .exponent = 1, .shards = 3,
     .buffers = true, .new_config = true},
    {"published", 2, 64, 256, 2, 120, 64, 0.25, .type = DTYPE_F16, .exponent = 2, .buffers = true},
};
enum {
    N_SMALL = sizeof small_model / sizeof small_model[0],
    N_ALL = N_SMALL + N_HASH_ARCHS /* those, then the other architectures */
};

struct fixture {
    struct backend *b;
    struct queue *q;
    struct model *m;
    struct arena *arena;
    struct run run;
    const char *name;
    char dir[64];
    float tolerance; /* share of the CPU's */
};

/* Devices that compute the same: within `tolerance` of the CPU's. IN_HALVES: products of 16-bit
 * weights by activations of the same. */
enum { ON_CPU, IN_DOUBLE, ON_CUDA /* on the shim */, IN_HALVES /* there, too */, N_DEVICES };

static inline void fixture_folder(struct fixture *f, const char *name)
{
    memset(f, 0, sizeof *f);
    f->name = name;
    test_dir_new(f->dir);
}

/* What lies in the fixture's folder. */
static inline void fixture_open_folder(struct fixture *f, int device)
{
    struct error e = {0};
    f->b = device == IN_DOUBLE   ? reference_backend_new(DTYPE_F64, &e)
           : device == ON_CUDA   ? glimt_backend_new(&(struct backend_want){0, PRECISION_F32}, &e)
           : device == IN_HALVES ? glimt_backend_new(&(struct backend_want){0, PRECISION_FILE}, &e)
                                 : cpu_backend_new(2, &e);
    f->tolerance = device == IN_DOUBLE ? 0.05f : 1.0f;
    assert_no_error(&e);
    f->q = f->b->queue_new(f->b, QUEUE_JOB, &e);
    bool ok = model_open(f->b, f->dir, NULL, &f->m, &e);
    assert_no_error(&e);
    assert_true(ok);
    if (device == IN_HALVES && strcmp(model_precision(f->m), "f32") != 0)
        f->tolerance = strcmp(model_precision(f->m), "f16") == 0 ? 800.0f : 2000.0f;
    f->arena = arena_new(f->q);
    f->run = (struct run){.queue = f->q, .arena = f->arena};
}

static inline void fixture_open_on(struct fixture *f, int device, const struct hash_model *config)
{
    fixture_folder(f, config->name);
    hash_model_write(f->dir, config);
    fixture_open_folder(f, device);
}

static inline void fixture_open_arch(struct fixture *f, int device, const struct hash_arch *config)
{
    fixture_folder(f, config->name);
    hash_arch_write(f->dir, config);
    fixture_open_folder(f, device);
}

/* One of N_ALL, on the CPU. */
static inline void fixture_open_any(struct fixture *f, int i)
{
    if (i < N_SMALL)
        fixture_open_on(f, ON_CPU, &small_model[i]);
    else
        fixture_open_arch(f, ON_CPU, &hash_archs[i - N_SMALL]);
}

static inline void fixture_open(struct fixture *f, const struct hash_model *config)
{
    fixture_open_on(f, ON_CPU, config);
}

static inline void fixture_close(struct fixture *f)
{
    struct error e = {0};
    assert_no_error(&f->run.err);
    device_well(f->q, &e);
    assert_no_error(&e);
    arena_free(f->arena);
    model_free(f->m);
    f->b->queue_free(f->q);
    f->b->free(f->b);
    test_dir_remove(f->dir);
}

static inline void assert_tensors_close(struct run *run, const char *what, struct tensor a,
                                        struct tensor b, float tolerance)
{
    assert_int_equal(a.rows, b.rows);
    assert_int_equal(a.cols, b.cols);
    float *x = to_host(run, a), *y = to_host(run, b);
    assert_close(what, x, y, (size_t)a.rows * (size_t)a.cols, tolerance);
    free(x);
    free(y);
}

/* All hook points in order; at most 11 a layer and two. */
static inline int32_t all_points(const struct model *m, struct point *p)
{
    int32_t n = 0, layers = model_config(m)->n_layers;
    p[n++] = (struct point){-1, SITE_EMBED};
    for (int16_t l = 0; l < layers; l++)
        for (uint8_t s = SITE_RESID_PRE; s <= SITE_RESID_POST; s++)
            if (model_check_point(m, (struct point){l, s}, NULL))
                p[n++] = (struct point){l, s};
    p[n++] = model_end(m);
    return n;
}
#endif

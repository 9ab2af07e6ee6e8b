/* Panels that were packed before are the weight; a source that lies transposed is packed into the
 * same ones, whatever the number of panels. */
#include "engine/base/rng.h"
#include "engine/cpu/cpu.h"
#include "engine/device.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
/* after its prerequisites */
#include <cmocka.h>

/* [out, in], finite in every type. */
static char *source(enum dtype type, int32_t out, int32_t in)
{
    const size_t n = (size_t)out * (size_t)in, size = dtype_size(type);
    char *p = malloc(n * size);
    for (size_t i = 0; i < n; i++) {
        const uint64_t r = rng_at(3, i);
        const float f = (float)(r % 2001) * 1e-3f - 1;
        const uint16_t h = (uint16_t)(r & 0xb3ff);
        memcpy(p + i * size, size == 4 ? (const void *)&f : (const void *)&h, size);
    }
    return p;
}

static char *transposed(const char *p, size_t size, int32_t out, int32_t in)
{
    char *t = malloc((size_t)out * (size_t)in * size);
    for (size_t r = 0; r < (size_t)out; r++)
        for (size_t c = 0; c < (size_t)in; c++)
            memcpy(t + (c * (size_t)out + r) * size, p + (r * (size_t)in + c) * size, size);
    return t;
}

static const void *packed(struct backend *b, const struct weight *w, size_t *n)
{
    const void *p = b->weight_packed(w, n);
    assert_non_null(p);
    assert_int_equal(*n, b->weight_bytes(w));
    return p;
}

static void same_panels_from_either_side(void **state)
{
    (void)state;
    static const int32_t shape[][2] = {{1, 1}, {5, 3}, {16, 40}, {255, 7}, {513, 70}, {1100, 33}};
    static const enum dtype type[] = {DTYPE_F32, DTYPE_F16, DTYPE_BF16};
    struct error e = {0};
    struct backend *b = cpu_backend_new(2, &e);
    for (size_t i = 0; i < sizeof shape / sizeof *shape; i++)
        for (size_t j = 0; j < 6; j++) {
            const int32_t out = shape[i][0], in = shape[i][1];
            const enum dtype t = type[j % 3];
            char *plain = source(t, out, in), *turned = transposed(plain, dtype_size(t), out, in);
            int32_t *rows = NULL;
            if (j >= 3) {
                rows = malloc((size_t)out * sizeof *rows);
                for (int32_t r = 0; r < out; r++)
                    rows[r] = out - 1 - r;
            }
            struct weight *v = b->weight_new(
                b, &(struct weight_source){t, out, in, ORDER_OUT_IN, plain, rows}, USE_PRODUCT, &e);
            struct weight *w =
                b->weight_new(b, &(struct weight_source){t, out, in, ORDER_IN_OUT, turned, rows},
                              USE_PRODUCT, &e);
            size_t n, m;
            const void *p = packed(b, v, &n), *q = packed(b, w, &m);
            assert_int_equal(n, m);
            assert_memory_equal(p, q, n);
            b->weight_free(b, v);
            b->weight_free(b, w);
            free(rows);
            free(turned);
            free(plain);
        }
    b->free(b);
}

static void taken_panels_are_the_weight(void **state)
{
    (void)state;
    enum { OUT = 300, IN = 90, T = 5 };
    struct error e = {0};
    struct backend *b = cpu_backend_new(2, &e);
    struct queue *q = b->queue_new(b, QUEUE_JOB, &e);
    char *src = source(DTYPE_F16, OUT, IN);
    const struct weight_source s = {DTYPE_F16, OUT, IN, ORDER_OUT_IN, src, NULL};
    const unsigned uses = USE_PRODUCT | USE_ROWS;
    struct weight *v = b->weight_new(b, &s, uses, &e);
    size_t n;
    const void *p = packed(b, v, &n);
    char *copy = aligned_alloc(64, (n + 127) / 64 * 64);
    memcpy(copy, p, n);
    assert_non_null(b->caps.layout);
    assert_null(b->weight_take(b, &s, uses, copy, n - 1, &e));
    assert_int_equal(e.kind, ERROR_INPUT);
    assert_null(b->weight_take(b, &s, uses, copy + 1, n, NULL));
    e = (struct error){0};
    struct weight *w = b->weight_take(b, &s, uses, copy, n, &e);
    assert_non_null(w);
    size_t again;
    assert_ptr_equal(b->weight_packed(w, &again), copy); /* borrowed */
    struct tensor x = tensor_new(q, T, IN, DTYPE_F32, &e), y = tensor_new(q, T, OUT, DTYPE_F32, &e),
                  z = tensor_new(q, T, OUT, DTYPE_F32, &e);
    float in[T * IN], a[T * OUT], c[T * OUT];
    for (size_t i = 0; i < T * IN; i++)
        in[i] = (float)(rng_at(5, i) % 100) * 0.01f;
    b->put(q, x, in);
    b->linear(q, y, x, v, (struct tensor){0}, EPILOGUE_NONE);
    b->linear(q, z, x, w, (struct tensor){0}, EPILOGUE_NONE);
    device_get(q, a, y);
    device_get(q, c, z);
    assert_memory_equal(a, c, sizeof a);
    b->weight_free(b, v);
    b->weight_free(b, w);
    struct tensor t[] = {x, y, z};
    for (int i = 0; i < 3; i++)
        b->buf_free(q, t[i].buf);
    free(copy); /* nobody else did */
    free(src);
    b->queue_free(q);
    b->free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_panels_from_either_side),
        cmocka_unit_test(taken_panels_are_the_weight),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The device itself: memory, refusals, the state of errors, threads. */
#include "engine/cpu/cpu.h"
#include "engine/cpu/pool.h"
#include "tests/engine/backend/lab.h"
#include <sched.h>
#include <stdatomic.h>
#include <time.h>

static void test_names(void **state)
{
    (void)state;
    struct error e = {0};
    struct backend *b = cpu_backend_new(2, &e);
    char want[64];
    assert_non_null(b);
    snprintf(want, sizeof want, "cpu %s, 2 threads", cpu_isa());
    assert_string_equal(b->caps.device, want);
    assert_string_equal(b->name, "cpu");
    assert_int_equal(b->abi, BACKEND_ABI);
    assert_int_equal(b->size, sizeof *b);
    assert_true(b->caps.rows_per_job > 0 && b->caps.chunk_docs > 0);
    assert_non_null(strstr(cpu_product_library(), "glimt"));
    for (void (*const *op)(void) = (void (*const *)(void))(uintptr_t)&b->free;
         (const char *)op < (const char *)b + sizeof *b; op++)
        if ((const void *)op == (const void *)&b->encode)
            continue; /* a device may leave it to products and select */
        else if ((const char *)op < (const char *)&b->linear_dx)
            assert_non_null(*op);
        else
            assert_int_equal(*op != NULL, b->caps.backward);
    b->free(b);
}

static void test_memory(void **state)
{
    (void)state;
    struct lab l;
    struct error e = {0};
    lab_init(&l, cpu_backend_new(1, NULL), 1);
    float in[12], out[12];
    for (int i = 0; i < 12; i++)
        in[i] = (float)i;
    struct tensor t = tensor_new(l.q, 4, 10, DTYPE_F32, &e),
                  part = tensor_cols(tensor_rows(t, 1, 3), 5, 4);
    assert_non_null(t.buf);
    assert_int_equal(part.off, (10 + 5) * sizeof(float));
    l.b->put(l.q, part, in);
    device_get(l.q, out, part);
    assert_memory_equal(in, out, sizeof in);
    device_get(l.q, out, tensor_cols(tensor_rows(t, 2, 1), 6, 2));
    assert_true(out[0] > 4.5f && out[0] < 5.5f && out[1] > 5.5f && out[1] < 6.5f);
    l.b->queue_sync(l.q);
    assert_true(l.b->queue_status(l.q, &e));
    l.b->buf_free(l.q, t.buf);
    assert_null(l.b->alloc(l.q, SIZE_MAX / 2, &e));
    assert_int_equal(e.kind, ERROR_MEMORY);
    e = (struct error){0};
    assert_null(l.b->alloc(l.q, SIZE_MAX, &e));
    assert_int_equal(e.kind, ERROR_MEMORY);
    lab_release(&l);
}

static void expect_failure(struct lab *l, const char *word)
{
    struct error e = {0};
    assert_false(l->b->queue_status(l->q, &e));
    if (!strstr(e.text, word))
        fail_msg("'%s' does not say '%s'", e.text, word);
    e = (struct error){0};
    assert_true(l->b->queue_status(l->q, &e));
    assert_false(error_is_set(&e));
}

static void test_refusals(void **state)
{
    (void)state;
    struct lab l;
    struct error e = {0};
    lab_init(&l, cpu_backend_new(2, NULL), 2);
    struct queue *q = l.q;
    struct backend *b = l.b;
    const float *src = lab_random(&l, 64);
    const int32_t bad[] = {0, 8}, good[] = {0, 7};
    struct weight *w =
        b->weight_new(b, &(struct weight_source){DTYPE_F32, 8, 8, ORDER_OUT_IN, src, NULL},
                      USE_PRODUCT | USE_ROWS, &e);
    struct weight *rows = b->weight_new(
        b, &(struct weight_source){DTYPE_F32, 8, 8, ORDER_OUT_IN, src, NULL}, USE_ROWS, &e);
    struct weight *product = b->weight_new(
        b, &(struct weight_source){DTYPE_F32, 8, 8, ORDER_OUT_IN, src, NULL}, USE_PRODUCT, &e);
    assert_int_equal(b->weight_bytes(rows), 0);
    struct tensor x = lab_put(&l, 2, 8, src), y = lab_put(&l, 2, 8, NULL),
                  row = lab_put(&l, 1, 8, src), none = {0};
    struct tensor ids = lab_put_i32(&l, 2, 1, bad), column = lab_put(&l, 2, 1, NULL);
    b->linear(q, y, x, rows, none, EPILOGUE_NONE);
    expect_failure(&l, "not packed for products");
    b->linear(q, y, tensor_cols(x, 0, 7), w, none, EPILOGUE_NONE);
    expect_failure(&l, "x has 7 columns");
    b->linear(q, tensor_cols(y, 0, 7), x, w, none, EPILOGUE_NONE);
    expect_failure(&l, "y is [2, 7]");
    b->linear(q, y, x, w, tensor_cols(row, 0, 3), EPILOGUE_NONE);
    expect_failure(&l, "bias is [1, 3]");
    b->linear(q, y, (struct tensor){.rows = 2, .cols = 8, .ld = 8}, w, none, EPILOGUE_NONE);
    expect_failure(&l, "absent");
    struct tensor far = y;
    far.off += 1 << 20;
    b->linear(q, far, x, w, none, EPILOGUE_NONE);
    expect_failure(&l, "of a buffer of");
    b->weight_rows(q, y, w, ids);
    expect_failure(&l, "row 8 asked of 8");
    b->weight_rows(q, y, product, lab_put_i32(&l, 2, 1, good));
    expect_failure(&l, "not opened for its rows");
    struct csr f = lab_put_codes(&l, 2, 1, bad, src);
    b->decode(q, y, &f, w, none);
    expect_failure(&l, "row 8 asked of 8");
    b->dot_rows(q, lab_put(&l, 2, 2, NULL), x, w, ids, none);
    expect_failure(&l, "row 8 asked of 8");
    b->dot_rows(q, lab_put(&l, 2, 2, NULL), x, product, lab_put_i32(&l, 2, 1, good), none);
    expect_failure(&l, "not opened for its rows");
    struct csr odd = f, wide = lab_csr(&l, 2, 16);
    odd.ids = odd.vals;
    b->decode(q, y, &odd, w, none);
    expect_failure(&l, "dtype 0");
    odd = lab_put_csr(&l, 2, (const int32_t[]){0, 2, 2}, good, src);
    odd.ids.rows = odd.vals.rows = 1;
    b->csr_get(q, column, &odd, lab_put_i32(&l, 1, 1, good));
    expect_failure(&l, "entries 0 to 2 of 1");
    b->xent(q, column, x, w, ids, 0);
    expect_failure(&l, "target 8");
    b->rows_get(q, y, x, ids);
    expect_failure(&l, "row 8 asked of 2");
    b->rows_set(q, y, x, ids);
    expect_failure(&l, "row 8 asked of 2");
    b->rows_add(q, y, x, ids);
    expect_failure(&l, "row 8 asked of 2");
    b->cols_get(q, column, x, lab_put_i32(&l, 1, 1, bad + 1));
    expect_failure(&l, "row 8 asked of 8");
    b->unit_change(q, y, x, tensor_cols(row, 0, 7), ids);
    expect_failure(&l, "value is [1, 7]");
    b->select(q, &wide, 0, x, &(struct select){.kind = SELECT_TOPK, .k = 9});
    expect_failure(&l, "9 of 8");
    b->select(q, &wide, 0, x, &(struct select){.kind = SELECT_GROUPMAX, .k = 3});
    expect_failure(&l, "3 groups of 8");
    b->select(q, &wide, 1, x, &(struct select){.kind = SELECT_ALL});
    expect_failure(&l, "2 rows from 1 of 2");
    b->select(q, &f, 0, x, &(struct select){.kind = SELECT_TOPK, .k = 2});
    expect_failure(&l, "room for 2 entries, expected 4");
    b->select(q, &wide, 0, x, &(struct select){.kind = SELECT_THRESHOLD, .threshold = column});
    expect_failure(&l, "threshold is [2, 1]");
    b->topn(q, lab_put_i32(&l, 2, 9, NULL), lab_put(&l, 2, 9, NULL), x, w, 0);
    expect_failure(&l, "9 of 8");
    b->norm(q, y, x, row, tensor_cols(row, 0, 7), 1e-5f, NORM_LAYER, none, none);
    expect_failure(&l, "beta");
    b->norm(q, y, x, row, row, 1e-5f, NORM_RMS, row, none);
    expect_failure(&l, "scale_out");
    b->act(q, y, x, row, ACT_SILU);
    expect_failure(&l, "mul");
    b->add(q, y, tensor_cols(x, 0, 5), 1.0f);
    expect_failure(&l, "x is [2, 5]");
    b->copy(q, y, ids);
    expect_failure(&l, "x is");
    b->weight_free(b, w);
    b->weight_free(b, rows);
    b->weight_free(b, product);
    lab_release(&l);
}

/* The first error stays, and nothing is computed until it has been taken. */
static void test_errors_stay(void **state)
{
    (void)state;
    struct lab l;
    lab_init(&l, cpu_backend_new(1, NULL), 3);
    const float one[] = {1.0f, 1.0f}, two[] = {2.0f, 2.0f};
    const int32_t bad[] = {77};
    struct tensor x = lab_put(&l, 1, 2, one), y = lab_put(&l, 1, 2, two);
    l.b->rows_get(l.q, y, x, lab_put_i32(&l, 1, 1, bad));
    l.b->add(l.q, y, x, 1.0f);
    l.b->copy(l.q, tensor_cols(y, 0, 1), x);
    expect_failure(&l, "rows_get: row 77");
    const float *v = lab_get(&l, y);
    assert_memory_equal(v, two, sizeof two);
    l.b->add(l.q, y, x, 1.0f);
    v = lab_get(&l, y);
    assert_true(v[0] > 2.5f && v[0] < 3.5f);
    lab_release(&l);
}

static void test_weights_refused(void **state)
{
    (void)state;
    static const int32_t shape[][2] = {{0, 4}, {4, 0}, {-1, 4}, {4, INT32_MIN}};
    struct lab l;
    lab_init(&l, cpu_backend_new(1, NULL), 4);
    const float src[16] = {0};
    for (size_t i = 0; i < 4; i++) {
        struct error e = {0};
        assert_null(l.b->weight_new(
            l.b,
            &(struct weight_source){DTYPE_F32, shape[i][0], shape[i][1], ORDER_OUT_IN, src, NULL},
            USE_PRODUCT, &e));
        assert_int_equal(e.kind, ERROR_INPUT);
    }
    struct error e = {0};
    assert_null(l.b->weight_new(
        l.b, &(struct weight_source){DTYPE_I32, 4, 4, ORDER_OUT_IN, src, NULL}, USE_PRODUCT, &e));
    assert_int_equal(e.kind, ERROR_INPUT);
    e = (struct error){0};
    assert_null(l.b->weight_new(
        l.b, &(struct weight_source){DTYPE_F32, INT32_MAX, INT32_MAX, ORDER_OUT_IN, src, NULL},
        USE_PRODUCT, &e));
    assert_true(error_is_set(&e));
    lab_release(&l);
}

/* No rows is nothing to do, never an error. */
static void test_no_rows(void **state)
{
    (void)state;
    struct lab l;
    struct error e = {0};
    lab_init(&l, cpu_backend_new(2, NULL), 5);
    struct queue *q = l.q;
    struct backend *b = l.b;
    const float *src = lab_random(&l, 48);
    const int32_t start[] = {0, 0};
    const struct seqs seqs = {.n = 1, .start = start}, no_seqs = {.n = 0, .start = start};
    struct weight *w =
        b->weight_new(b, &(struct weight_source){DTYPE_F32, 4, 12, ORDER_OUT_IN, src, NULL},
                      USE_PRODUCT | USE_ROWS, &e);
    struct tensor x = lab_put(&l, 0, 12, src), y = lab_put(&l, 0, 4, NULL),
                  ids = lab_put_i32(&l, 0, 1, NULL);
    const struct attn_shape shape = {.n_heads = 1, .n_kv_heads = 1, .head_dim = 4, .scale = 1.0f};
    struct tensor row = lab_put(&l, 1, 12, src), vals = lab_put(&l, 0, 1, NULL),
                  four = lab_put(&l, 1, 4, src);
    b->linear(q, y, x, w, (struct tensor){0}, EPILOGUE_NONE);
    b->weight_rows(q, x, w, ids);
    const int32_t none = 0;
    struct csr f = lab_put_csr(&l, 0, &none, &none, src);
    b->decode(q, x, &f, w, row);
    b->csr_get(q, y, &f, lab_put_i32(&l, 4, 1, (const int32_t[]){0, 1, 2, 3}));
    b->dot_rows(q, y, x, w, lab_put_i32(&l, 4, 1, (const int32_t[]){0, 1, 2, 3}),
                (struct tensor){0});
    b->norm(q, x, x, row, row, 1e-5f, NORM_LAYER, vals, vals);
    b->act(q, x, x, x, ACT_GELU);
    b->attn(q, y, y, y, y, &shape, 0, &no_seqs);
    b->attn(q, four, four, four, four, &shape, 0, &seqs);
    b->xent(q, vals, x, w, ids, 0);
    b->topn(q, ids, vals, x, w, 0);
    b->select(q, &f, 0, y, &(struct select){.kind = SELECT_TOPK, .k = 2});
    b->rows_add(q, row, x, ids);
    b->cols_get(q, vals, x, lab_put_i32(&l, 1, 1, &none));
    b->unit_change(q, y, y, tensor_cols(row, 0, 4), lab_put_i32(&l, 1, 4, (const int32_t[4]){0}));
    b->add(q, x, x, 1.0f);
    b->add_outer(q, x, vals, row);
    b->rows_get(q, x, row, ids);
    b->rows_set(q, row, x, ids);
    b->copy(q, x, x);
    if (!b->queue_status(q, &e))
        fail_msg("%s", e.text);
    b->weight_free(b, w);
    lab_release(&l);
}

struct counting {
    atomic_int seen[5000];
    atomic_int threads[8];
};

static void count(void *arg, int thread, int64_t i)
{
    struct counting *c = arg;
    atomic_fetch_add(&c->seen[i], 1);
    atomic_fetch_add(&c->threads[thread], 1);
}

/* Every task once, whatever the numbers of threads and tasks; more threads than cores too. */
static void test_pool(void **state)
{
    (void)state;
    struct counting *c = xcalloc(1, sizeof *c);
    for (int threads = 1; threads <= 8; threads += threads < 3 ? 1 : 5) {
        struct pool *p = pool_new(threads);
        assert_int_equal(pool_threads(p), threads);
        for (int loop = 0; loop < 400; loop++) {
            int64_t n = loop % 50 == 0 ? 5000 : loop % 7;
            memset(c, 0, sizeof *c);
            pool_run(p, n, count, c);
            for (int64_t i = 0; i < 5000; i++)
                assert_int_equal(atomic_load(&c->seen[i]), i < n);
        }
        pool_free(p);
    }
    free(c);
}

static void nap(void *arg, int thread, int64_t i)
{
    (void)thread;
    (void)i;
    struct timespec t = {.tv_nsec =
                             300000}; /* longer than anyone spins, so that both sides go to sleep */
    nanosleep(&t, NULL);
    atomic_fetch_add((atomic_int *)arg, 1);
}

static void test_pool_sleeps_and_wakes(void **state)
{
    (void)state;
    struct pool *p = pool_new(3);
    atomic_int done = 0;
    for (int loop = 0; loop < 60; loop++) {
        pool_run(p, 1 + loop % 5, nap, &done);
        struct timespec t = {.tv_nsec = loop % 3 * 60000};
        nanosleep(&t, NULL);
    }
    assert_int_equal(atomic_load(&done), 60 / 5 * 15);
    pool_free(p);
}

struct placing {
    cpu_set_t allowed;
    atomic_int outside, worked, naps;
};

static void look_where(void *arg, int thread, int64_t i)
{
    struct placing *p = arg;
    cpu_set_t mine;
    assert_int_equal(sched_getaffinity(0, sizeof mine, &mine), 0);
    for (size_t c = 0; c < CPU_SETSIZE; c++)
        if (CPU_ISSET(c, &mine) && !CPU_ISSET(c, &p->allowed))
            atomic_fetch_add(&p->outside, 1);
    if (thread > 0)
        atomic_fetch_add(&p->worked, 1);
    nap(&p->naps, thread, i);
}

/* Workers are moved after pauses, but never to a core that the process may not use, and with one
 * core for all of them they work on it. */
static void test_pool_stays_on_allowed_cores(void **state)
{
    (void)state;
    cpu_set_t before, one;
    assert_int_equal(sched_getaffinity(0, sizeof before, &before), 0);
    CPU_ZERO(&one);
    CPU_SET((size_t)sched_getcpu(), &one);
    for (int limited = 0; limited < 2; limited++) {
        struct placing at = {.allowed = limited ? one : before};
        assert_int_equal(sched_setaffinity(0, sizeof at.allowed, &at.allowed), 0);
        struct pool *p = pool_new(3);
        for (int loop = 0; loop < 20; loop++) {
            struct timespec pause = {.tv_nsec = 2000000};
            nanosleep(&pause, NULL);
            pool_run(p, 6, look_where, &at);
        }
        pool_free(p);
        assert_int_equal(atomic_load(&at.outside), 0);
        assert_true(atomic_load(&at.worked) > 0);
    }
    assert_int_equal(sched_setaffinity(0, sizeof before, &before), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_errors_stay),
        cmocka_unit_test(test_weights_refused),
        cmocka_unit_test(test_no_rows),
        cmocka_unit_test(test_pool),
        cmocka_unit_test(test_pool_sleeps_and_wakes),
        cmocka_unit_test(test_pool_stays_on_allowed_cores),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

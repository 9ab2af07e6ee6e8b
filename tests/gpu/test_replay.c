/* What is asked of a live queue again begins as one thing: the numbers are those of calls one by
 * one, whatever is asked in between, and whichever call of the runtime fails. */
#include "gpu/gpu_private.h"
#include "tests/engine/backend/lab.h"
#include "tests/support/effort.h"

enum { T = 9, N = 24, V = 90, POSITIONS = 64, ROUNDS = 4 };

struct bench {
    struct backend *b;
    struct queue *q;
    struct weight *w, *u;
    struct tensor x, y, z, f, ids, loss, logp, best, sums;
    struct csr codes;
    struct kv *kv;
    bool ok;
};

static struct tensor made(struct bench *m, int32_t rows, int32_t cols, enum dtype type,
                          struct error *e)
{
    struct tensor t = {0};
    if (m->ok)
        t = tensor_new(m->q, rows, cols, type, e);
    m->ok = m->ok && t.buf;
    return t;
}

static void bench_open(struct bench *m, bool graphs, struct error *e)
{
    static uint16_t w[V * N];
    for (int i = 0; i < V * N; i++)
        w[i] = (uint16_t)(0x2c00 + i * 37 % 1500 + (i % 3 ? 0x8000 : 0));
    setenv("GLIMT_GRAPHS", graphs ? "1" : "0", 1);
    *m = (struct bench){.b = glimt_backend_new(&(struct backend_want){0}, e)};
    m->q = m->b ? m->b->queue_new(m->b, QUEUE_LIVE, e) : NULL;
    const struct weight_source of = {DTYPE_F16, V, N, ORDER_OUT_IN, w, NULL},
                               square = {DTYPE_F16, N, N, ORDER_OUT_IN, w, NULL};
    m->w = m->q ? m->b->weight_new(m->b, &square, USE_PRODUCT, e) : NULL;
    m->u = m->w ? m->b->weight_new(m->b, &of, USE_PRODUCT | USE_ROWS, e) : NULL;
    m->ok = m->u != NULL;
    m->x = made(m, T, N, DTYPE_F32, e);
    m->y = made(m, T, N, DTYPE_F32, e);
    m->z = made(m, T, V, DTYPE_F32, e);
    m->f = made(m, T, N, DTYPE_F16, e);
    m->ids = made(m, T, 1, DTYPE_I32, e);
    m->loss = made(m, T, 1, DTYPE_F32, e);
    m->logp = made(m, T, 3, DTYPE_F32, e);
    m->best = made(m, T, 3, DTYPE_I32, e);
    m->sums = made(m, 1, N, DTYPE_F64, e);
    m->codes = (struct csr){T, made(m, T + 1, 1, DTYPE_I32, e), made(m, 4 * T, 1, DTYPE_I32, e),
                            made(m, 4 * T, 1, DTYPE_F32, e)};
    m->kv = m->ok ? m->b->kv_new(m->q, 0, 1, N, POSITIONS, DTYPE_F32, e) : NULL;
    m->ok = m->kv != NULL;
}

static void bench_close(struct bench *m)
{
    struct tensor all[] = {m->x,    m->y,    m->z,    m->f,           m->ids,       m->loss,
                           m->logp, m->best, m->sums, m->codes.start, m->codes.ids, m->codes.vals};
    for (size_t i = 0; m->q && i < sizeof all / sizeof *all; i++)
        m->b->buf_free(m->q, all[i].buf);
    if (m->q)
        m->b->kv_free(m->q, m->kv);
    if (m->q)
        m->b->queue_free(m->q);
    if (m->u)
        m->b->weight_free(m->b, m->u);
    if (m->w)
        m->b->weight_free(m->b, m->w);
    if (m->b)
        m->b->free(m->b);
}

struct results {
    float loss[T], logp[3 * T], vals[4 * T], y[T * N];
    int32_t best[3 * T], ids[4 * T], start[T + 1];
    double sums[N];
};

/* A step like the text's: what a key changes is put, most of it comes of what lies on the device.
 * rows: how many of T; more: something that other steps have not. */
static bool step(struct bench *m, int round, int32_t rows, bool more, struct results *r,
                 struct error *e)
{
    const struct backend *b = m->b;
    struct queue *q = m->q;
    const struct tensor none = {0};
    float x[T * N];
    int32_t ids[T];
    const int32_t start[] = {0, rows}, past[] = {(round * 4) % 40};
    const struct attn_shape shape = {2, 2, N / 2, 0, 0.3f, 0, {0}};
    for (int i = 0; i < T * N; i++)
        x[i] = (float)((i * 31 + round * 17) % 29) / 13.0f - 1.0f;
    for (int i = 0; i < T; i++)
        ids[i] = (i * 7 + round) % V;
    const struct tensor X = tensor_rows(m->x, 0, rows), Y = tensor_rows(m->y, 0, rows),
                        Z = tensor_rows(m->z, 0, rows), F = tensor_rows(m->f, 0, rows),
                        I = tensor_rows(m->ids, 0, rows);
    b->put(q, X, x);
    memset(x, 0, sizeof x);
    b->put(q, I, ids);
    memset(ids, 0, sizeof ids);
    b->norm(q, F, X, none, none, 1e-5f, NORM_RMS, none, none);
    b->linear(q, Y, F, m->w, none, EPILOGUE_NONE);
    b->linear(q, Y, X, m->w, none, EPILOGUE_ADD);
    b->attn(q, X, Y, Y, Y, &shape, 0, &(struct seqs){1, start, past, &m->kv});
    if (more)
        b->add(q, X, Y, 0.25f);
    b->weight_rows(q, Y, m->u, I);
    b->add(q, Y, X, 1);
    b->linear(q, Z, X, m->u, none, EPILOGUE_NONE);
    const struct select by = {.kind = SELECT_TOPK, .k = 4, .what = "latent"};
    struct csr codes = m->codes;
    codes.n_rows = rows, codes.start.rows = rows + 1;
    b->select(q, &codes, 0, Z, &by);
    b->xent(q, tensor_rows(m->loss, 0, rows), X, m->u, I, 0);
    b->topn(q, tensor_rows(m->best, 0, rows), tensor_rows(m->logp, 0, rows), X, m->u, 0);
    b->col_sums(q, m->sums, Y, 1);
    memset(r, 0, sizeof *r);
    b->fetch(q, r->loss, tensor_rows(m->loss, 0, rows));
    b->fetch(q, r->start, codes.start);
    b->fetch(q, r->ids, tensor_rows(codes.ids, 0, 4 * rows));
    b->fetch(q, r->vals, tensor_rows(codes.vals, 0, 4 * rows));
    b->fetch(q, r->y, Y);
    b->fetch(q, r->best, tensor_rows(m->best, 0, rows));
    b->fetch(q, r->logp, tensor_rows(m->logp, 0, rows));
    b->fetch_f64(q, r->sums, m->sums);
    b->queue_sync(q);
    return b->queue_status(q, e);
}

static void clear_sums(struct bench *m)
{
    static const double zero[N];
    m->b->put(m->q, m->sums, zero);
}

/* Steps of two lengths, of which some have an operation more in their middle. */
static int32_t rows_of(int round)
{
    return round % 5 == 4 ? 1 : T;
}
static bool has_more(int round)
{
    return round % 7 == 3;
}

static void check_rounds(int n, uint64_t seed)
{
    struct bench with, without;
    struct results a, b;
    struct error e = {0};
    shim_seed(seed);
    bench_open(&with, true, &e);
    bench_open(&without, false, &e);
    assert_true(with.ok && without.ok);
    clear_sums(&with);
    clear_sums(&without);
    for (int i = 0; i < n; i++) {
        assert_true(step(&with, i, rows_of(i), has_more(i), &a, &e));
        assert_true(step(&without, i, rows_of(i), has_more(i), &b, &e));
        assert_memory_equal(&a, &b, sizeof a);
        assert_true(a.loss[0] > 0 && a.vals[0] != 0 && a.start[1] > 0);
    }
    bench_close(&with);
    bench_close(&without);
    unsetenv("GLIMT_GRAPHS");
}

static void test_same_numbers(void **state)
{
    (void)state;
    const struct shim_traffic from = shim_traffic;
    const int rounds = 12;
    for (uint64_t seed = 0; seed < (quick() ? 1 : 2); seed++)
        check_rounds(rounds, seed);
    const int n = shim_traffic.graphs - from.graphs;
    assert_in_range(n, 2, 3 * rounds);
    assert_in_range(shim_traffic.captured - from.captured, 20 * n, 60 * n);
}

/* ---- how much is asked for */
static void test_a_step_that_comes_again_is_one_call(void **state)
{
    (void)state;
    struct bench m;
    struct results r;
    struct error e = {0};
    bench_open(&m, true, &e);
    clear_sums(&m);
    m.b->queue_sync(m.q);
    for (int i = 0; i < ROUNDS; i++) {
        const struct shim_traffic from = shim_traffic;
        assert_true(step(&m, i, T, false, &r, &e));
        /* working space is made in the first */
        assert_int_equal(shim_traffic.graphs - from.graphs, i > 1);
        assert_int_equal(shim_traffic.asked - from.asked == 0, i > 1);
        assert_int_equal(shim_traffic.waits - from.waits, 1);
    }
    bench_close(&m);
    assert_int_equal(shim_bytes(), 0);
}

/* What another queue, or whoever looks at a mark, has to see is not held back. */
static void test_nothing_is_held_back(void **state)
{
    (void)state;
    struct bench m;
    struct results r;
    struct error e = {0};
    float x[T * N], got[T * N];
    bench_open(&m, true, &e);
    clear_sums(&m);
    for (int i = 0; i < 3; i++)
        assert_true(step(&m, i, T, false, &r, &e));
    struct queue *job = m.b->queue_new(m.b, QUEUE_JOB, &e);
    struct tensor copy = tensor_new(job, T, N, DTYPE_F32, &e);
    for (int i = 0; i < T * N; i++)
        x[i] = (float)i;
    m.b->put(m.q, m.x, x); /* as the step begins */
    m.b->queue_wait(job, m.q, m.b->queue_mark(m.q));
    m.b->copy(job, copy, m.x);
    device_get(job, got, copy);
    assert_memory_equal(got, x, sizeof x);
    for (int i = 0; i < T * N; i++)
        x[i] = (float)-i;
    m.b->put(m.q, m.x, x);
    const uint64_t mark = m.b->queue_mark(m.q);
    while (m.b->queue_pending(m.q, mark))
        ;
    device_get(m.q, got, m.x);
    assert_memory_equal(got, x, sizeof x);
    /* a buffer that goes while the beginning of the step was asked for, and what takes its place */
    struct tensor other = tensor_new(m.q, T, N, DTYPE_F32, &e);
    m.b->put(m.q, m.x, x);
    m.b->copy(m.q, other, m.x);
    m.b->buf_free(m.q, other.buf);
    assert_true(step(&m, 3, T, false, &r, &e));
    m.b->buf_free(job, copy.buf);
    m.b->queue_free(job);
    bench_close(&m);
}

/* Faults name the operation that they are of, counted from where the caller began. */
static void test_faults_are_told(void **state)
{
    (void)state;
    struct bench m;
    struct results r;
    struct error e = {0};
    const float nan[N] = {NAN};
    const struct tensor none = {0};
    bench_open(&m, true, &e);
    clear_sums(&m);
    for (int i = 0; i < 4; i++) {
        m.q->number += 10;
        assert_true(step(&m, i, T, false, &r, &e));
    }
    for (int i = 0; i < 4; i++) {
        m.q->number += 5;
        m.b->put(m.q, tensor_rows(m.x, 0, 1), nan);
        for (int k = 0; k < 8; k++)
            m.b->copy(m.q, m.y, m.x);
        m.q->number++;
        m.b->norm(m.q, m.y, m.x, none, none, 1e-5f, NORM_RMS, none, none);
        m.q->number++;
        m.b->add(m.q, m.y, m.x, 1);
        m.b->queue_sync(m.q);
        assert_false(m.b->queue_status(m.q, &e));
        assert_int_equal(e.kind, ERROR_INPUT);
        assert_int_equal(m.q->failed, m.q->number - 1);
        e = (struct error){0};
    }
    assert_true(step(&m, 1, T, false, &r, &e));
    bench_close(&m);
}

/* ---- calls that fail */
/* True: all rounds went well, with the numbers that they have. */
static bool rounds(const struct results *right, int *last, struct error *e)
{
    struct bench m;
    struct results r;
    bench_open(&m, true, e);
    bool ok = m.ok;
    if (ok)
        clear_sums(&m);
    for (int i = 0; i < ROUNDS && ok; i++) {
        *last = i;
        ok = step(&m, i, T, false, &r, e);
        if (ok)
            assert_memory_equal(&r, &right[i], sizeof r);
    }
    bench_close(&m);
    return ok;
}

static void fail_each(cudaError_t code)
{
    static struct results right[ROUNDS];
    struct bench m;
    struct error e = {0};
    int last = 0, went_on = 0;
    bench_open(&m, false, &e);
    clear_sums(&m);
    for (int i = 0; i < ROUNDS; i++)
        assert_true(step(&m, i, T, false, &right[i], &e));
    bench_close(&m);
    const int from = shim_calls();
    assert_true(rounds(right, &last, &e));
    const int calls = shim_calls() - from, by = quick() ? 31 : lengthy() ? 1 : 11;
    for (int n = 1; n <= calls; n += by) {
        e = (struct error){0};
        shim_fail(n, code);
        const bool ok = rounds(right, &last, &e);
        shim_fail(0, cudaSuccess);
        assert_true(ok || error_is_set(&e));
        went_on += ok;
        if (!ok && e.kind == ERROR_LOST)
            shim_reset();
        assert_int_equal(shim_bytes(), 0);
    }
    /* of what fails while a list is made a graph, or one is begun, nobody hears */
    if (code == cudaErrorMemoryAllocation)
        assert_true(quick() || went_on > 1);
    assert_true(rounds(right, &last, &e));
    unsetenv("GLIMT_GRAPHS");
}
static void test_each_call_fails(void **state)
{
    (void)state;
    fail_each(cudaErrorMemoryAllocation);
}
static void test_the_device_is_lost_at_each_call(void **state)
{
    (void)state;
    fail_each(cudaErrorIllegalAddress);
}

/* More lists than are kept: those that come again soon are graphs, the others are asked one by one.
 */
static void test_many_lists(void **state)
{
    (void)state;
    struct bench with, without;
    struct results a, b;
    struct error e = {0};
    bench_open(&with, true, &e);
    bench_open(&without, false, &e);
    clear_sums(&with);
    clear_sums(&without);
    const struct shim_traffic from = shim_traffic;
    for (int i = 0; i < 30; i++) {
        struct tensor more = tensor_new(with.q, 1, 1 + i % 28, DTYPE_F32, &e);
        const float v[30] = {1};
        for (int k = 0; k < 9; k++)
            with.b->put(with.q, tensor_cols(more, 0, 1 + i % 28), v);
        with.b->queue_sync(with.q);
        assert_true(step(&with, i, T, false, &a, &e) && step(&without, i, T, false, &b, &e));
        assert_memory_equal(&a, &b, sizeof a);
        with.b->buf_free(with.q, more.buf);
    }
    assert_in_range(shim_traffic.graphs - from.graphs, 20, 40);
    bench_close(&with);
    bench_close(&without);
    assert_int_equal(shim_bytes(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_numbers),
        cmocka_unit_test(test_a_step_that_comes_again_is_one_call),
        cmocka_unit_test(test_nothing_is_held_back),
        cmocka_unit_test(test_faults_are_told),
        cmocka_unit_test(test_each_call_fails),
        cmocka_unit_test(test_the_device_is_lost_at_each_call),
        cmocka_unit_test(test_many_lists),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

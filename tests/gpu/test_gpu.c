/* The CUDA backend on the shim, where it differs from other devices: what is on its way while the
 * host goes on, work that is cut into pieces, calls of the runtime that fail. The operations
 * themselves are tested with every device's (tests/engine/backend). */
#include "gpu/gpu_private.h"
#include "tests/engine/backend/lab.h"

enum { SEEDS = 4 };

static void on_seeds(lab_case *body)
{
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        const size_t before = shim_bytes();
        struct error e = {0};
        shim_seed(seed);
        lab_on(body, glimt_backend_new(&(struct backend_want){0}, &e), seed + 1);
        assert_int_equal(shim_bytes(), before);
    }
}

/* ---- on the way */
/* What is put may go at once, also while the ring goes round, and rows longer than a piece of it.
 */
static void put_and_go(struct lab *l)
{
    enum { ROWS = 300, COLS = 5000, LONG = 100003 };
    struct error e = {0};
    float *x = lab_host(l, (size_t)ROWS * COLS * sizeof *x),
          *back = lab_host(l, (size_t)ROWS * COLS * sizeof *x);
    struct tensor t = tensor_new(l->q, ROWS, COLS, DTYPE_F32, &e), s = tensor_cols(t, 3, COLS - 5);
    struct tensor row = tensor_new(l->q, 2, LONG, DTYPE_F32, &e);
    for (int round = 0; round < 2; round++) {
        struct tensor to = round ? s : t;
        const size_t n = (size_t)to.rows * (size_t)to.cols;
        for (size_t i = 0; i < n; i++)
            x[i] = (float)i;
        l->b->put(l->q, to, x);
        memset(x, 0, n * sizeof *x);
        device_get(l->q, back, to);
        for (size_t i = 0; i < n; i++)
            assert_near(back[i], i, 0);
    }
    for (size_t i = 0; i < 2 * (size_t)LONG; i++)
        x[i] = (float)i;
    l->b->put(l->q, row, x);
    memset(x, 0, 2 * LONG * sizeof *x);
    device_get(l->q, back, row);
    for (size_t i = 0; i < 2 * (size_t)LONG; i++)
        assert_near(back[i], i, 0);
    l->b->buf_free(l->q, t.buf);
    l->b->buf_free(l->q, row.buf);
    lab_clear(l);
}
static void test_puts(void **state)
{
    (void)state;
    on_seeds(put_and_go);
}

/* A buffer that is given back while work with it is queued, and one that takes its place. */
static void reuse(struct lab *l)
{
    struct error e = {0};
    for (int i = 0; i < 20; i++) {
        const float v[4] = {(float)i, 2, 3, 4};
        struct tensor a = tensor_new(l->q, 1, 4, DTYPE_F32, &e),
                      b = tensor_new(l->q, 1, 4, DTYPE_F32, &e);
        float back[4];
        l->b->put(l->q, a, v);
        l->b->copy(l->q, b, a);
        l->b->buf_free(l->q, a.buf);
        a = tensor_new(l->q, 1, 4, DTYPE_F32, &e);
        l->b->put(l->q, a, (float[4]){-1, -1, -1, -1});
        l->b->add(l->q, b, a, 1);
        device_get(l->q, back, b);
        assert_near(back[0], i - 1, 0);
        assert_near(back[3], 3, 0);
        l->b->buf_free(l->q, a.buf);
        l->b->buf_free(l->q, b.buf);
    }
}
static void test_reuse(void **state)
{
    (void)state;
    on_seeds(reuse);
}

/* What a kernel finds belongs before what the host refuses later, and both are told once. */
static void errors(struct lab *l)
{
    const float bad[4] = {1, NAN, 2, 3};
    const struct tensor none = {0};
    struct tensor x = lab_put(l, 1, 4, bad), y = lab_put(l, 1, 4, NULL),
                  wide = lab_put(l, 1, 5, NULL);
    struct error e = {0};
    l->b->norm(l->q, y, x, none, none, 1e-5f, NORM_LAYER, none, none);
    assert_true(l->b->queue_status(l->q, &e) && l->q->unsure); /* it has not begun */
    l->b->add(l->q, y, wide, 1);
    assert_false(l->b->queue_status(l->q, &e));
    assert_int_equal(e.kind, ERROR_INPUT);
    assert_non_null(strstr(e.text, "LayerNorm"));
    e = (struct error){0};
    assert_true(l->b->queue_status(l->q, &e));
    l->b->add(l->q, y, wide, 1);
    assert_false(l->b->queue_status(l->q, &e));
    assert_non_null(strstr(e.text, "cuda add: x is [1, 5]"));
    lab_clear(l);
}
static void test_errors(void **state)
{
    (void)state;
    on_seeds(errors);
}

/* ---- in pieces */
/* Few queries behind a long past are split by keys: as when all are looked at in one. */
static void long_past(struct lab *l)
{
    enum { PAST = 600, N = 5, T = PAST + N, HEADS = 4, KV_HEADS = 2, DIM = 24 };
    struct error e = {0};
    const float freq[4] = {1, 0.3f, 0.1f, 0.03f};
    struct attn_shape s = {
        HEADS, KV_HEADS, DIM, 0, 0.3f, 0, {8, ROPE_NEOX, lab_put(l, 1, 4, freq), 0}};
    const float *q = lab_random(l, (size_t)T * HEADS * DIM),
                *k = lab_random(l, (size_t)T * KV_HEADS * DIM),
                *v = lab_random(l, (size_t)T * KV_HEADS * DIM);
    struct tensor Q = lab_put(l, T, HEADS * DIM, q), K = lab_put(l, T, KV_HEADS * DIM, k),
                  V = lab_put(l, T, KV_HEADS * DIM, v), whole = lab_put(l, T, HEADS * DIM, NULL),
                  parts = lab_put(l, T, HEADS * DIM, NULL);
    for (int i = 0; i < 2; i++) {
        s.window = i ? 550 : 0, s.soft_cap = i ? 3.0f : 0.0f;
        struct kv *kv = l->b->kv_new(l->q, 3, 2, KV_HEADS * DIM, T + 7, DTYPE_F32, &e);
        const int32_t all[] = {0, T}, past[] = {0, PAST}, first[] = {0, PAST}, rest[] = {0, N};
        l->b->attn(l->q, whole, Q, K, V, &s, 4, &(struct seqs){1, all, NULL, NULL});
        l->b->attn(l->q, tensor_rows(parts, 0, PAST), tensor_rows(Q, 0, PAST),
                   tensor_rows(K, 0, PAST), tensor_rows(V, 0, PAST), &s, 4,
                   &(struct seqs){1, first, past, &kv});
        l->b->attn(l->q, tensor_rows(parts, PAST, N), tensor_rows(Q, PAST, N),
                   tensor_rows(K, PAST, N), tensor_rows(V, PAST, N), &s, 4,
                   &(struct seqs){1, rest, past + 1, &kv});
        const float *a = lab_get(l, whole), *b = lab_get(l, parts);
        for (int32_t j = 0; j < T * HEADS * DIM; j++)
            assert_near(a[j], b[j], 2e-6 * (1 + fabs((double)a[j])));
        l->b->kv_free(l->q, kv);
    }
    assert_memory_equal(lab_get(l, Q), q, (size_t)T * HEADS * DIM * sizeof *q);
    lab_clear(l);
}
static void test_long_past(void **state)
{
    (void)state;
    struct lab l;
    struct error e = {0};
    shim_seed(3);
    lab_init(&l, glimt_backend_new(&(struct backend_want){0}, &e), 1);
    long_past(&l);
    lab_release(&l);
}

/* Floats of any size times 16-bit weights: as near as the same product of floats would be. */
static void sizes(struct lab *l)
{
    enum { ROWS = 24, IN = 70, OUT = 33 };
    for (int i = 0; i < 4; i++) {
        const enum dtype type = i % 2 ? DTYPE_BF16 : DTYPE_F16;
        struct error e = {0};
        double *w;
        const void *src = lab_source(l, type, (size_t)OUT * IN, &w);
        float *x = lab_host(l, (size_t)ROWS * IN * sizeof *x);
        for (int32_t t = 0; t < ROWS; t++)
            for (int32_t j = 0; j < IN; j++)
                x[at(t, j, IN)] =
                    normal(l) * powf(10, (float)(3 * t - 36)) * (j == 7 ? 1000.0f : 1.0f);
        memset(x + at(5, 0, IN), 0, IN * sizeof *x);
        struct weight *W = l->b->weight_new(
            l->b, &(struct weight_source){type, OUT, IN, ORDER_OUT_IN, src, NULL}, USE_PRODUCT, &e);
        struct tensor y = lab_put(l, ROWS, OUT, NULL);
        l->b->linear(l->q, y, lab_put(l, ROWS, IN, x), W, (struct tensor){0}, EPILOGUE_NONE);
        const float *got = lab_get(l, y);
        for (int32_t t = 0; t < ROWS; t++)
            for (int32_t o = 0; o < OUT; o++) {
                double sum = 0, size = 0;
                for (int32_t j = 0; j < IN; j++) {
                    const double v = (double)x[at(t, j, IN)] * w[at(o, j, IN)];
                    sum += v, size += fabs(v);
                }
                assert_near(got[at(t, o, OUT)], sum, 5e-7 * size + 1e-37);
            }
        l->b->weight_free(l->b, W);
        lab_clear(l);
    }
}
static void test_sizes(void **state)
{
    (void)state;
    on_seeds(sizes);
}

/* More rows than the room for parts takes at once. */
static void many_rows(struct lab *l)
{
    enum { ROWS = 700, IN = 3, OUT = 12000 };
    struct error e = {0};
    double *w;
    const void *src = lab_source(l, DTYPE_F16, (size_t)OUT * IN, &w);
    const float *x = lab_random(l, (size_t)ROWS * IN);
    struct weight *W =
        l->b->weight_new(l->b, &(struct weight_source){DTYPE_F16, OUT, IN, ORDER_OUT_IN, src, NULL},
                         USE_PRODUCT, &e);
    struct tensor y = lab_put(l, ROWS, OUT, NULL);
    l->b->linear(l->q, y, lab_put(l, ROWS, IN, x), W, (struct tensor){0}, EPILOGUE_NONE);
    const float *got = lab_get(l, y);
    for (int32_t t = 0; t < ROWS; t++)
        for (int32_t o = 0; o < OUT; o += 997) {
            double sum = 0;
            for (int32_t j = 0; j < IN; j++)
                sum += (double)x[at(t, j, IN)] * w[at(o, j, IN)];
            assert_near(got[at(t, o, OUT)], sum, 1e-5);
        }
    l->b->weight_free(l->b, W);
    lab_clear(l);
}
static void test_many_rows(void **state)
{
    (void)state;
    struct lab l;
    struct error e = {0};
    lab_init(&l, glimt_backend_new(&(struct backend_want){0}, &e), 1);
    many_rows(&l);
    lab_release(&l);
}

/* A job's product goes a slice of its columns at a time, with the same numbers; what is live goes
 * in one. */
static int n_products;
static __typeof__(cublasLtMatmul) *real_matmul;
static cublasStatus_t counting_matmul(cublasLtHandle_t h, cublasLtMatmulDesc_t d, const void *alpha,
                                      const void *A, cublasLtMatrixLayout_t a, const void *B,
                                      cublasLtMatrixLayout_t b, const void *beta, const void *C,
                                      cublasLtMatrixLayout_t c, void *D, cublasLtMatrixLayout_t d2,
                                      const cublasLtMatmulAlgo_t *algo, void *room, size_t n,
                                      cudaStream_t s)
{
    n_products++;
    return real_matmul(h, d, alpha, A, a, B, b, beta, C, c, D, d2, algo, room, n, s);
}
static void slices(struct lab *l)
{
    enum { ROWS = 20, IN = 30, OUT = 1000 };
    struct error e = {0};
    double *w;
    const void *src = lab_source(l, DTYPE_F32, (size_t)OUT * IN, &w);
    struct gpu *g = gpu_of(l->b);
    struct weight *W =
        l->b->weight_new(l->b, &(struct weight_source){DTYPE_F32, OUT, IN, ORDER_OUT_IN, src, NULL},
                         USE_PRODUCT, &e);
    const struct tensor x = lab_put(l, ROWS, IN, lab_random(l, (size_t)ROWS * IN)),
                        bias = tensor_new(l->q, 1, OUT, DTYPE_F32, &e);
    l->b->put(l->q, bias, lab_random(l, OUT));
    const float *whole = NULL;
    real_matmul = g->lt.Matmul, g->lt.Matmul = counting_matmul;
    for (int sliced = 0; sliced < 2; sliced++) {
        struct tensor y = lab_put(l, ROWS, OUT, NULL);
        n_products = 0;
        g->job_flop = sliced ? 2 * ROWS * IN * 300 : INT64_MAX; /* 256 columns: a multiple of it */
        l->b->linear(l->q, y, x, W, bias, EPILOGUE_NONE);
        assert_int_equal(n_products, sliced ? 4 : 1);
        const float *got = lab_get(l, y);
        for (size_t i = 0; sliced && i < (size_t)ROWS * OUT; i++)
            assert_near(got[i], whole[i], 0);
        whole = got;
    }
    struct queue *live = l->b->queue_new(l->b, QUEUE_LIVE, &e);
    struct tensor y = tensor_new(live, ROWS, OUT, DTYPE_F32, &e);
    l->b->queue_wait(live, l->q, l->b->queue_mark(l->q));
    n_products = 0;
    l->b->linear(live, y, x, W, bias, EPILOGUE_NONE);
    assert_int_equal(n_products, 1);
    l->b->buf_free(live, y.buf);
    l->b->queue_free(live);
    l->b->buf_free(l->q, bias.buf);
    l->b->weight_free(l->b, W);
    lab_clear(l);
}
static void test_slices(void **state)
{
    (void)state;
    on_seeds(slices);
}

/* ---- calls that fail */
/* A little of everything, as far as it goes; true when all of it went. */
static bool some_work(struct backend *b, struct error *e)
{
    enum { T = 20, N = 24, V = 300 };
    float w[V * N], x[T * N];
    int32_t ids[T];
    for (int i = 0; i < V * N; i++)
        w[i] = (float)(i % 17) / 17.0f - 0.4f;
    for (int i = 0; i < T * N; i++)
        x[i] = (float)(i % 13) / 13.0f - 0.3f;
    for (int i = 0; i < T; i++)
        ids[i] = i;
    const struct weight_source source = {DTYPE_F32, V, N, ORDER_OUT_IN, w, NULL},
                               turned = {DTYPE_F32, V, N, ORDER_IN_OUT, w, NULL};
    struct weight *W = b->weight_new(b, &source, USE_PRODUCT | USE_ROWS, e),
                  *U = W ? b->weight_new(b, &turned, USE_PRODUCT, e) : NULL;
    struct queue *q = U ? b->queue_new(b, QUEUE_LIVE, e) : NULL;
    struct kv *kv = q ? b->kv_new(q, 0, 1, N, 40, DTYPE_F32, e) : NULL;
    struct tensor tx = kv ? tensor_new(q, T, N, DTYPE_F32, e) : (struct tensor){0},
                  ty = tx.buf ? tensor_new(q, T, N, DTYPE_F32, e) : (struct tensor){0},
                  ti = ty.buf ? tensor_new(q, T, 1, DTYPE_I32, e) : (struct tensor){0},
                  loss = ti.buf ? tensor_new(q, T, 1, DTYPE_F32, e) : (struct tensor){0};
    bool ok = loss.buf != NULL;
    if (ok) {
        const struct attn_shape s = {2, 2, N / 2, 0, 0.3f, 0, {0}};
        const struct tensor none = {0};
        const int32_t start[] = {0, T}, past[] = {0};
        float got[T];
        b->put(q, tx, x);
        b->put(q, ti, ids);
        b->norm(q, ty, tx, none, none, 1e-5f, NORM_RMS, none, none);
        b->attn(q, ty, tx, tx, tx, &s, 0, &(struct seqs){1, start, past, &kv});
        b->xent(q, loss, ty, W, ti, 0);
        b->xent(q, loss, ty, U, ti, 0);
        device_get(q, got, loss);
        ok = b->queue_status(q, e);
        for (int i = 0; i < T && ok; i++)
            assert_true(got[i] > 0 && got[i] < 100);
    }
    struct tensor all[] = {tx, ty, ti, loss};
    for (int i = 0; i < 4 && q; i++)
        b->buf_free(q, all[i].buf);
    if (q) {
        b->kv_free(q, kv);
        b->queue_free(q);
    }
    if (U)
        b->weight_free(b, U);
    if (W)
        b->weight_free(b, W);
    return ok;
}

static bool opened_and_worked(enum precision precision, struct error *e)
{
    struct backend *b = glimt_backend_new(&(struct backend_want){0, precision}, e);
    bool ok = b && some_work(b, e);
    if (b)
        b->free(b);
    return ok;
}

/* Whatever call it is: an error of the right kind, no memory that stays, and all is well after. */
static void fail_each(cudaError_t code, enum error_kind kind, enum precision precision)
{
    struct error e = {0};
    const size_t before = shim_bytes();
    const int from = shim_calls();
    assert_true(opened_and_worked(precision, &e));
    const int calls = shim_calls() - from;
    assert_in_range(calls, 50, 1000);
    for (int n = 1; n <= calls; n++) {
        e = (struct error){0};
        shim_fail(n, code);
        const bool ok = opened_and_worked(precision, &e);
        shim_fail(0, cudaSuccess);
        assert_true(ok || error_is_set(&e));
        if (kind == ERROR_LOST) {
            if (!ok && !strstr(e.text, "cuda: ")) /* before there is a device to lose */
                assert_non_null(strstr(e.text, "cuda:0 lost (an illegal memory access"));
            assert_true(ok || e.kind == kind || n < 4);
            shim_reset();
        } else {
            assert_true(ok || strncmp(e.text, "cuda: ", 6) == 0 || strstr(e.text, ": cuda: "));
        }
        assert_int_equal(shim_bytes(), before);
    }
    e = (struct error){0};
    assert_true(opened_and_worked(precision, &e));
}
static void test_each_call_fails(void **state)
{
    (void)state;
    fail_each(cudaErrorMemoryAllocation, ERROR_MEMORY, PRECISION_FILE);
    fail_each(cudaErrorMemoryAllocation, ERROR_MEMORY, PRECISION_BF16);
}
static void test_the_device_is_lost_at_each_call(void **state)
{
    (void)state;
    fail_each(cudaErrorIllegalAddress, ERROR_LOST, PRECISION_FILE);
    fail_each(cudaErrorIllegalAddress, ERROR_LOST, PRECISION_BF16);
}

/* Once it is known nothing is asked of the device, whatever is asked of the plugin. */
static void test_what_is_lost_stays_lost(void **state)
{
    (void)state;
    struct error e = {0};
    struct backend *b = glimt_backend_new(&(struct backend_want){0}, &e);
    struct queue *live = b->queue_new(b, QUEUE_LIVE, &e), *job = b->queue_new(b, QUEUE_JOB, &e);
    struct tensor x = tensor_new(live, 4, 4, DTYPE_F32, &e),
                  y = tensor_new(job, 4, 4, DTYPE_F32, &e);
    struct kv *kv = b->kv_new(live, 0, 1, 4, 8, DTYPE_F32, &e);
    const float v[16] = {0};
    float got[16] = {7};
    struct weight *w = b->weight_new(
        b, &(struct weight_source){DTYPE_F32, 4, 4, ORDER_OUT_IN, v, NULL}, USE_PRODUCT, &e);
    assert_false(error_is_set(&e));
    shim_fail(1, cudaErrorLaunchFailure);
    b->put(live, x, v);
    assert_false(b->queue_status(live, &e));
    assert_int_equal(e.kind, ERROR_LOST);
    assert_string_equal(e.text, "cuda:0 lost (unspecified launch failure)");
    const int calls = shim_calls();
    shim_fail(0, cudaSuccess);
    for (int i = 0; i < 2; i++) {
        struct queue *q = i ? job : live;
        struct tensor t = i ? y : x;
        e = (struct error){0};
        b->put(q, t, v);
        b->linear(q, t, t, w, (struct tensor){0}, EPILOGUE_NONE);
        b->fetch(q, got, t);
        b->queue_sync(q);
        assert_false(b->queue_pending(q, b->queue_mark(q)));
        assert_false(b->queue_status(q, &e) || b->queue_status(q, &e));
        assert_int_equal(e.kind, ERROR_LOST);
        assert_null(b->alloc(q, 8, &e));
        assert_null(b->kv_new(q, 0, 1, 4, 8, DTYPE_F32, &e));
    }
    assert_null(b->queue_new(b, QUEUE_LOAD, &e));
    assert_null(b->weight_new(b, &(struct weight_source){DTYPE_F32, 4, 4, ORDER_OUT_IN, v, NULL},
                              USE_PRODUCT, &e));
    assert_int_equal(b->memory(b).total, 0);
    assert_true(got[0] > 6);
    b->weight_free(b, w);
    b->kv_free(live, kv);
    b->buf_free(live, x.buf);
    b->buf_free(job, y.buf);
    b->queue_free(live);
    b->queue_free(job);
    b->free(b);
    assert_int_equal(shim_calls(), calls);
    shim_reset();
}

/* A trap in a kernel, an assertion, a card that falls off the bus: whatever ends the context is the
 * device's end, told by whichever call hears of it first; what does not is an error of its own. */
static void test_what_ends_a_context(void **state)
{
    (void)state;
    static const struct {
        cudaError_t code;
        enum error_kind kind;
    } of[] = {
        {cudaErrorECCUncorrectable, ERROR_LOST},
        {cudaErrorNvlinkUncorrectable, ERROR_LOST},
        {cudaErrorIllegalAddress, ERROR_LOST},
        {cudaErrorLaunchTimeout, ERROR_LOST},
        {cudaErrorContextIsDestroyed, ERROR_LOST},
        {cudaErrorAssert, ERROR_LOST},
        {cudaErrorHardwareStackError, ERROR_LOST},
        {cudaErrorIllegalInstruction, ERROR_LOST},
        {cudaErrorMisalignedAddress, ERROR_LOST},
        {cudaErrorInvalidAddressSpace, ERROR_LOST},
        {cudaErrorInvalidPc, ERROR_LOST},
        {cudaErrorLaunchFailure, ERROR_LOST},
        {cudaErrorUnknown, ERROR_LOST},
        {cudaErrorInvalidValue, ERROR_SYSTEM},
        {cudaErrorMemoryAllocation, ERROR_MEMORY},
    };
    for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
        struct error e = {0};
        struct backend *b = glimt_backend_new(&(struct backend_want){0}, &e);
        struct queue *q = b->queue_new(b, QUEUE_LIVE, &e), *job = b->queue_new(b, QUEUE_JOB, &e);
        struct tensor x = tensor_new(q, 2, 3, DTYPE_F32, &e);
        const float v[6] = {0};
        shim_fail(1, of[i].code);
        b->put(q, x, v);
        b->queue_sync(q);
        const bool lost = of[i].kind == ERROR_LOST;
        if (!lost)
            shim_fail(0, cudaSuccess);
        assert_false(b->queue_status(q, &e));
        if (e.kind != of[i].kind)
            fail_msg("code %d: %s", (int)of[i].code, e.text);
        assert_int_equal(strncmp(e.text, "cuda:0 lost (", 13) == 0, lost);
        e = (struct error){0};
        assert_int_equal(b->queue_status(job, &e), !lost); /* a job's queue learns of it, too */
        assert_int_equal(e.kind, lost ? ERROR_LOST : ERROR_NONE);
        b->buf_free(q, x.buf);
        b->queue_free(q);
        b->queue_free(job);
        b->free(b);
        shim_reset();
    }
}

/* ---- what is here */
static void refused(int ordinal, int score, const char *text)
{
    char why[200];
    struct error e = {0};
    assert_int_equal(glimt_backend_score(ordinal, why, sizeof why), score);
    assert_string_equal(why, text);
    assert_null(glimt_backend_new(&(struct backend_want){.ordinal = ordinal}, &e));
    assert_string_equal(e.text, text);
}

static void test_what_is_here(void **state)
{
    (void)state;
    char why[200];
    const struct shim_machine usual = shim_machine;
    assert_int_equal(glimt_backend_abi(), BACKEND_ABI);
    assert_int_equal(glimt_backend_score(0, why, sizeof why), 900);
    assert_string_equal(why, "");
    refused(1, -1, "cuda: no GPU 1, there is 1");
    shim_machine.n_devices = 2, shim_machine.major[1] = 7, shim_machine.minor = 5;
    assert_int_equal(glimt_backend_score(0, why, sizeof why), 905);
    refused(1, 0, "cuda: GPU 1 is 7.5, needs 8.0");
    refused(2, -1, "cuda: no GPU 2, there are 2");
    shim_machine.n_devices = 0;
    refused(0, -1, "cuda: no GPU here");
    shim_machine.driver = 12040; /* there may be one */
    refused(0, 0,
            "cuda: driver for CUDA 12.4, the plugin needs 13.0 (driver 580); update, or make gpu "
            "with CUDA 12");
    shim_machine.driver = 0;
    refused(0, -1, "cuda: no NVIDIA driver");
    shim_machine = usual;
    shim_machine.no_lt = 1;
    struct error e = {0};
    assert_null(glimt_backend_new(&(struct backend_want){0}, &e));
    assert_string_equal(e.text, "cuda: libcublasLt.so.13 not found");
    shim_machine = usual;
    assert_int_equal(shim_bytes(), 0);
}

static void test_room(void **state)
{
    (void)state;
    const struct shim_machine usual = shim_machine;
    shim_machine.memory = 16000000000;
    struct error e = {0};
    struct backend *b = glimt_backend_new(&(struct backend_want){0}, &e);
    const struct weight_source s = {DTYPE_F16, 65536, 8190, ORDER_OUT_IN, NULL, NULL};
    assert_int_equal(b->weight_need(b, &s, USE_PRODUCT), (uint64_t)65536 * 8192 * 2);
    const struct weight_source floats = {DTYPE_F32, 65536, 8190, ORDER_OUT_IN, NULL, NULL};
    assert_int_equal(b->weight_need(b, &floats, USE_PRODUCT), (uint64_t)65536 * 8192 * 4);
    assert_int_equal(b->weight_need(b, &floats, USE_PRODUCT | USE_ENCODE),
                     (uint64_t)65536 * 8192 * 6); /* 16 bits beside them */
    struct backend *halves = glimt_backend_new(&(struct backend_want){0, PRECISION_BF16}, &e);
    assert_int_equal(halves->weight_need(halves, &floats, USE_PRODUCT), (uint64_t)65536 * 8192 * 2);
    assert_string_equal(b->caps.precision, "auto");
    assert_string_equal(halves->caps.precision, "bf16");
    halves->free(halves);
    assert_string_equal(b->caps.device, "cuda:0 shim");
    assert_string_equal(b->caps.kind, "cuda shim");
    assert_string_equal(b->caps.capability, "9.0");
    assert_true(device_room(b, 14000000000, &e));
    assert_false(device_room(b, 15000000000, &e));
    assert_int_equal(e.kind, ERROR_MEMORY);
    assert_string_equal(e.text, "cuda: 16.074 GB needed, 16.000 free of 16");
    shim_machine.memory = 3100000000, e = (struct error){0};
    assert_false(device_room(b, 4326258176, &e));
    assert_string_equal(e.text, "cuda: 5.4 GB needed, 3.1 free of 3.1");
    b->free(b);
    shim_machine = usual;
}

/* Of a weight that goes up in pieces each is heard of, whichever way it lies in its file. */
struct heard {
    int times;
    uint64_t bytes;
};
static void hear(void *arg, uint64_t n)
{
    struct heard *h = arg;
    h->times++, h->bytes += n;
}
static void test_what_goes_up_is_heard_of(void **state)
{
    (void)state;
    enum { OUT = 2500, IN = 1001 }; /* 10 MB */
    struct error e = {0};
    struct backend *b = glimt_backend_new(&(struct backend_want){0}, &e);
    float *v = calloc((size_t)OUT * IN, sizeof *v);
    for (int turned = 0; turned < 2; turned++) {
        struct heard h = {0};
        const struct weight_source source = {
            DTYPE_F32, OUT, IN, turned ? ORDER_IN_OUT : ORDER_OUT_IN, v, NULL};
        device_hear(b, hear, &h);
        struct weight *w = b->weight_new(b, &source, USE_ROWS, &e);
        device_hear(b, NULL, NULL);
        assert_non_null(w);
        assert_int_equal(h.times, 2);
        assert_int_equal(h.bytes, (uint64_t)OUT * IN * sizeof *v);
        b->weight_free(b, w);
    }
    free(v);
    b->free(b);
}

/* However many dictionaries are open, none of them keeps pinned memory. */
static void test_what_is_loaded_is_not_pinned(void **state)
{
    (void)state;
    enum { N = 1000 };
    struct error e = {0};
    float v[N], got[N];
    struct backend *b = glimt_backend_new(&(struct backend_want){0}, &e);
    const size_t before = shim_bytes();
    struct queue *q = b->queue_new(b, QUEUE_LOAD, &e);
    struct tensor x = tensor_new(q, 1, N, DTYPE_F32, &e);
    for (int i = 0; i < N; i++)
        v[i] = (float)i;
    for (int i = 0; i < 2; i++) {
        b->put(q, x, v);
        assert_true(shim_bytes() > before + (1 << 20));
        b->queue_sync(q);
        assert_true(shim_bytes() < before + 2 * sizeof v);
    }
    b->fetch(q, got, x);
    b->queue_sync(q);
    assert_true(b->queue_status(q, &e));
    assert_memory_equal(got, v, sizeof v);
    b->buf_free(q, x.buf);
    b->queue_free(q);
    b->free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_puts),
        cmocka_unit_test(test_reuse),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_long_past),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_many_rows),
        cmocka_unit_test(test_slices),
        cmocka_unit_test(test_each_call_fails),
        cmocka_unit_test(test_the_device_is_lost_at_each_call),
        cmocka_unit_test(test_what_is_lost_stays_lost),
        cmocka_unit_test(test_what_ends_a_context),
        cmocka_unit_test(test_what_is_here),
        cmocka_unit_test(test_room),
        cmocka_unit_test(test_what_is_loaded_is_not_pinned),
        cmocka_unit_test(test_what_goes_up_is_heard_of),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Queues: errors of their own, what may go when a call returns, marks and waiting. */
#include "tests/engine/backend/lab.h"

static struct queue *queue_of(struct lab *l, enum queue_kind kind)
{
    struct error e = {0};
    struct queue *q = l->b->queue_new(l->b, kind, &e);
    assert_non_null(q);
    assert_ptr_equal(q->backend, l->b);
    assert_int_equal(q->kind, kind);
    return q;
}

static struct tensor row_on(struct queue *q, const float *v, int32_t n)
{
    struct error e = {0};
    struct tensor t = tensor_new(q, 1, n, q->backend->caps.real, &e);
    assert_non_null(t.buf);
    q->backend->put(q, t, v);
    return t;
}

static void must_be_well(struct queue *q)
{
    struct error e = {0};
    if (!q->backend->queue_status(q, &e))
        fail_msg("%s", e.text);
}

/* What a job does wrong, on the host or in a kernel, stops the job alone: work of the live queue
 * before, between and after it comes out, and its error stays to be told. */
static void errors_are_a_queues_own(struct lab *l)
{
    struct backend *b = l->b;
    struct queue *live = queue_of(l, QUEUE_LIVE), *job = queue_of(l, QUEUE_JOB);
    const float one[4] = {1, 2, 3, 4}, bad[4] = {1, NAN, 3, 4};
    const struct tensor none = {0};
    for (int in_kernel = 0; in_kernel < 2; in_kernel++) {
        struct tensor x = row_on(live, one, 4), y = row_on(live, one, 4), jx = row_on(job, bad, 4),
                      jy = row_on(job, one, 4);
        struct error e = {0};
        float got[4] = {0}, kept[4] = {-7, -7, -7, -7};
        b->add(live, y, x, 1);
        if (in_kernel)
            b->norm(job, jy, jx, none, none, 1e-5f, NORM_LAYER, none, none);
        else
            b->add(job, jy, tensor_cols(jx, 0, 3), 1);
        b->add(live, y, x, 1);
        must_be_well(live);
        device_get(live, got, y);
        for (int i = 0; i < 4; i++)
            assert_near(got[i], 3 * one[i], 0);
        device_sync(job);
        b->add(job, jy, jy, 1); /* does nothing */
        device_get(job, kept, jy);
        assert_near(kept[0], -7, 0);
        must_be_well(live);
        assert_false(b->queue_status(job, &e));
        assert_non_null(strstr(e.text, in_kernel ? "LayerNorm" : "add: "));
        must_be_well(job);
        b->put(job, jy, one);
        b->add(job, jy, jy, 1);
        device_get(job, kept, jy);
        assert_near(kept[3], 8, 0);
        struct buf *of_live[] = {x.buf, y.buf}, *of_job[] = {jx.buf, jy.buf};
        for (int i = 0; i < 2; i++) {
            b->buf_free(live, of_live[i]);
            b->buf_free(job, of_job[i]);
        }
    }
    b->queue_free(live);
    b->queue_free(job);
}

/* What a device finds in the values is known without a wait once a mark behind it is reached, with
 * the number of the operation, and told once: marks that were made before it was told don't tell it
 * again, and a later error is found anew. */
static void errors_are_known_at_marks(struct lab *l)
{
    struct backend *b = l->b;
    const float one[4] = {1, 2, 3, 4}, bad[4] = {1, NAN, 3, 4};
    const struct tensor none = {0};
    struct tensor x = row_on(l->q, one, 4), y = row_on(l->q, one, 4), z = row_on(l->q, bad, 4);
    uint64_t mark[40], n = 0;
    for (int round = 0; round < 2; round++) {
        struct error e = {0};
        uint64_t wrong = 0;
        for (int i = 0; i < 40; i++) {
            l->q->number = ++n;
            if (i == 7)
                wrong = n;
            b->norm(l->q, y, i == 7 ? z : x, none, none, 1e-5f, NORM_LAYER, none, none);
            mark[i] = b->queue_mark(l->q);
            if (!l->q->unsure && i < 7)
                must_be_well(l->q);
            if (!l->q->unsure && i >= 7)
                break;
        }
        for (int i = 0; i < 40 && l->q->unsure; i++)
            while (b->queue_pending(l->q, mark[i]))
                ;
        assert_false(l->q->unsure);
        assert_false(b->queue_status(l->q, &e));
        assert_non_null(strstr(e.text, "LayerNorm"));
        assert_int_equal(l->q->failed, wrong);
        const uint64_t last = b->queue_mark(l->q);
        while (b->queue_pending(l->q, last))
            ;
        must_be_well(l->q);
        assert_false(b->queue_pending(l->q, mark[7]));
        must_be_well(l->q);
    }
    float got[4];
    b->norm(l->q, y, x, none, none, 1e-5f, NORM_LAYER, none, none);
    device_get(l->q, got, y);
    must_be_well(l->q);
    assert_near(got[0], -got[3], 1e-6);
    struct buf *all[] = {x.buf, y.buf, z.buf};
    for (int i = 0; i < 3; i++)
        b->buf_free(l->q, all[i]);
}

/* What a device has, and what is taken of it. */
static void memory_is_told(struct lab *l)
{
    enum { BYTES = 64 << 20 };
    struct error e = {0};
    const struct device_memory before = l->b->memory(l->b);
    assert_true(before.total > BYTES && before.free > 0 && before.free <= 4 * before.total);
    if (strncmp(l->b->name, "cuda", 4) != 0)
        return; /* a machine's memory is others' too */
    struct buf *buf = l->b->alloc(l->q, BYTES, &e);
    assert_true(l->b->memory(l->b).free <= before.free - BYTES);
    l->b->buf_free(l->q, buf);
}

/* A failed allocation is its caller's error, and no queue's. */
static void an_allocation_that_fails_is_no_queues_error(struct lab *l)
{
    struct error e = {0};
    assert_null(l->b->alloc(l->q, SIZE_MAX / 2, &e));
    assert_int_equal(e.kind, ERROR_MEMORY);
    must_be_well(l->q);
}

/* The source of put, and every array of a call, may be written over when it returns; a buffer may
 * be given back behind operations with it; what is fetched is there after a sync. */
static void what_is_handed_over_may_go(struct lab *l)
{
    enum { T = 6, N = 8 };
    struct backend *b = l->b;
    struct error e = {0};
    float *x = lab_random(l, (size_t)T * N), a[T * N], c[T * N];
    const float freq[2] = {1, 0.25f};
    struct attn_shape shape = {2, 2, N / 2, 0, 0.4f, 0, {4, ROPE_NEOX, lab_put(l, 1, 2, freq), 0}};
    for (int spoil = 0; spoil < 2; spoil++) {
        struct tensor t = tensor_new(l->q, T, N, b->caps.real, &e),
                      y = tensor_new(l->q, T, N, b->caps.real, &e);
        struct kv *kv[2] = {b->kv_new(l->q, 0, 1, N, 8, DTYPE_F32, &e),
                            b->kv_new(l->q, 0, 1, N, 8, DTYPE_F32, &e)},
                  *kept[2] = {kv[0], kv[1]};
        float copy[T * N];
        int32_t start[3] = {0, 2, 4}, past[2] = {0, 0}, rows[2] = {4, 5};
        memcpy(copy, x, sizeof copy);
        b->put(l->q, t, copy);
        if (spoil)
            memset(copy, 0, sizeof copy);
        struct seqs s = {2, start, past, kv};
        b->attn(l->q, y, t, t, t, &shape, 0, &s);
        if (spoil)
            start[1] = 9, start[2] = -3, past[0] = past[1] = 77, kv[0] = kv[1] = NULL, s.n = 5;
        start[0] = 0, start[1] = 1, start[2] = 2, past[0] = past[1] = 2;
        kv[0] = kept[0], kv[1] = kept[1], s.n = 2;
        b->attn(l->q, tensor_rows(y, 4, 2), tensor_rows(t, 4, 2), tensor_rows(t, 4, 2),
                tensor_rows(t, 4, 2), &shape, 0, &s);
        if (spoil)
            start[1] = 9, past[0] = 77, kv[0] = NULL;
        struct tensor ids = tensor_new(l->q, 2, 1, DTYPE_I32, &e);
        b->put(l->q, ids, rows);
        if (spoil)
            rows[0] = rows[1] = 1000;
        b->rows_add(l->q, y, tensor_rows(t, 0, 2), ids);
        b->buf_free(l->q, ids.buf);
        b->buf_free(l->q, t.buf);
        b->kv_free(l->q, kept[0]);
        b->kv_free(l->q, kept[1]);
        b->fetch(l->q, spoil ? c : a, y);
        b->buf_free(l->q, y.buf);
        b->queue_sync(l->q);
        must_be_well(l->q);
    }
    assert_memory_equal(a, c, sizeof a);
}

/* Without waiting: asked often enough, a mark is reached, and what was fetched before it is there.
 * More marks and fetches than a device may keep of them. */
static void marks_are_reached(struct lab *l)
{
    enum { TIMES = 70 };
    struct backend *b = l->b;
    const float one[4] = {1, 1, 1, 1};
    struct tensor x = row_on(l->q, one, 4), y = row_on(l->q, one, 4);
    float got[TIMES][4];
    double wide[TIMES][4];
    uint64_t mark[TIMES];
    assert_false(b->queue_pending(l->q, 0));
    for (int i = 0; i < TIMES; i++) {
        b->add(l->q, y, x, 1);
        b->fetch(l->q, got[i], y);
        b->fetch_f64(l->q, wide[i], y);
        mark[i] = b->queue_mark(l->q);
    }
    for (int i = TIMES - 1; i >= 0; i -= 23)
        while (b->queue_pending(l->q, mark[i]))
            ;
    for (int i = 0; i < TIMES; i++) {
        assert_false(b->queue_pending(l->q, mark[i]));
        assert_near(got[i][3], i + 2, 0);
        assert_near(wide[i][0], i + 2, 0);
    }
    must_be_well(l->q);
    b->buf_free(l->q, x.buf);
    b->buf_free(l->q, y.buf);
}

/* What one queue makes, another reads when it has waited for the mark. */
static void a_queue_waits_for_another(struct lab *l)
{
    struct backend *b = l->b;
    struct queue *load = queue_of(l, QUEUE_LOAD), *live = queue_of(l, QUEUE_LIVE);
    for (int i = 0; i < 20; i++) {
        const float v[4] = {(float)i, 1, 2, 3}, zero[4] = {0};
        float got[4];
        struct tensor made = row_on(load, v, 4), sum = row_on(live, zero, 4);
        b->add(load, made, made, 1);
        b->queue_wait(live, load, b->queue_mark(load));
        b->add(live, sum, made, 1);
        device_get(live, got, sum);
        assert_near(got[0], 2 * i, 0);
        assert_near(got[3], 6, 0);
        b->buf_free(load, made.buf);
        b->buf_free(live, sum.buf);
    }
    must_be_well(load);
    must_be_well(live);
    b->queue_free(live);
    b->queue_free(load);
}

/* ---- the same work again and again, as keys and sliders ask for it */
enum { ROWS = 6, WIDE = 16, HEADS = 2, KEPT = 64 };
struct step { /* what it works on */
    struct tensor x, y, kept, numbers, loss;
    struct kv *kv;
};

static struct step step_on(struct queue *q)
{
    struct error e = {0};
    const enum dtype real = q->backend->caps.real;
    struct step s = {.x = tensor_new(q, ROWS, WIDE, real, &e),
                     .y = tensor_new(q, ROWS, WIDE, real, &e),
                     .kept = tensor_new(q, KEPT, WIDE, real, &e),
                     .numbers = tensor_new(q, ROWS, 1, DTYPE_I32, &e),
                     .loss = tensor_new(q, ROWS, 1, real, &e),
                     .kv = q->backend->kv_new(q, 0, 1, WIDE, KEPT, DTYPE_F32, &e)};
    assert_false(error_is_set(&e));
    return s;
}

static void step_done(struct queue *q, struct step *s)
{
    const struct tensor all[] = {s->x, s->y, s->kept, s->numbers, s->loss};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        q->backend->buf_free(q, all[i].buf);
    q->backend->kv_free(q, s->kv);
}

/* Other values, rows and positions each time. */
static void take_step(struct queue *q, const struct step *s, const struct weight *w, int i,
                      float loss[ROWS], float y[ROWS * WIDE])
{
    const struct backend *b = q->backend;
    const struct tensor none = {0};
    const struct attn_shape shape = {HEADS, HEADS, WIDE / HEADS, 0, 0.3f, 0, {0}};
    const int32_t start[] = {0, ROWS}, past[] = {i % 10 * ROWS};
    float x[ROWS * WIDE];
    int32_t number[ROWS];
    for (int k = 0; k < ROWS * WIDE; k++)
        x[k] = (float)((k * 29 + i * 13) % 31) / 11.0f - 1.2f;
    for (int k = 0; k < ROWS; k++)
        number[k] = (k * 5 + i) % WIDE;
    b->put(q, s->x, x);
    b->put(q, s->numbers, number);
    b->rows_set(q, s->kept, s->x, s->numbers);
    b->norm(q, s->y, s->x, none, none, 1e-5f, NORM_LAYER, none, none);
    b->linear(q, s->x, s->y, w, none, EPILOGUE_GELU);
    b->attn(q, s->y, s->x, s->x, s->x, &shape, 0, &(struct seqs){1, start, past, &s->kv});
    if (i % 6 == 4)
        b->add(q, s->y, s->x, 0.5f);
    b->rows_get(q, s->x, s->kept, s->numbers);
    b->linear(q, s->y, s->x, w, none, EPILOGUE_ADD);
    b->xent(q, s->loss, s->y, w, s->numbers, 0);
    memset(x, 0, sizeof x);
    memset(number, 0, sizeof number);
    b->fetch(q, loss, s->loss);
    b->fetch(q, y, s->y);
    b->queue_sync(q);
    must_be_well(q);
}

/* A live queue may know a step that it has seen: its numbers are a job's, to the bit. */
static void steps_come_again(struct lab *l)
{
    struct error e = {0};
    struct queue *live = queue_of(l, QUEUE_LIVE), *job = queue_of(l, QUEUE_JOB);
    struct step on_live = step_on(live), on_job = step_on(job);
    const float *v = lab_random(l, (size_t)WIDE * WIDE);
    struct weight *w = l->b->weight_new(
        l->b, &(struct weight_source){DTYPE_F32, WIDE, WIDE, ORDER_OUT_IN, v, NULL}, USE_PRODUCT,
        &e);
    assert_non_null(w);
    for (int i = 0; i < 12; i++) {
        float a[ROWS], b[ROWS], x[ROWS * WIDE], y[ROWS * WIDE];
        take_step(live, &on_live, w, i, a, x);
        take_step(job, &on_job, w, i, b, y);
        assert_memory_equal(a, b, sizeof a);
        assert_memory_equal(x, y, sizeof x);
        assert_true(isfinite(a[0]) && isfinite(x[0]));
    }
    step_done(live, &on_live);
    step_done(job, &on_job);
    l->b->weight_free(l->b, w);
    l->b->queue_free(live);
    l->b->queue_free(job);
    lab_clear(l);
}

static void everywhere(lab_case *body)
{
    for (uint64_t seed = 1; seed < 5; seed++)
        lab_everywhere(body, seed);
}
#define TEST(name)                                                                                 \
    static void test_##name(void **state)                                                          \
    {                                                                                              \
        (void)state;                                                                               \
        everywhere(name);                                                                          \
    }
TEST(errors_are_a_queues_own)
TEST(errors_are_known_at_marks)
TEST(memory_is_told)
TEST(an_allocation_that_fails_is_no_queues_error)
TEST(what_is_handed_over_may_go)
TEST(marks_are_reached)
TEST(a_queue_waits_for_another)
TEST(steps_come_again)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_errors_are_a_queues_own),
        cmocka_unit_test(test_errors_are_known_at_marks),
        cmocka_unit_test(test_memory_is_told),
        cmocka_unit_test(test_an_allocation_that_fails_is_no_queues_error),
        cmocka_unit_test(test_what_is_handed_over_may_go),
        cmocka_unit_test(test_marks_are_reached),
        cmocka_unit_test(test_a_queue_waits_for_another),
        cmocka_unit_test(test_steps_come_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

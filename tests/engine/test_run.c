/* A run: its arena, sticky errors, cancelling, polling, and the tape. */
#include "engine/run.h"
#include "tests/engine/backend/lab.h"

struct desk {
    struct lab l;
    struct run run;
    struct weight *w; /* [6, 4] */
    struct linear linear;
};

static void desk_init(struct desk *d)
{
    struct error e = {0};
    memset(d, 0, sizeof *d);
    lab_init(&d->l, cpu_backend_new(1, NULL), 1);
    d->run = (struct run){.queue = d->l.q, .arena = arena_new(d->l.q)};
    d->w = d->l.b->weight_new(
        d->l.b, &(struct weight_source){DTYPE_F32, 6, 4, ORDER_OUT_IN, lab_random(&d->l, 24), NULL},
        USE_PRODUCT | USE_ROWS, &e);
    d->linear = (struct linear){
        .w = d->w, .bias = lab_put(&d->l, 1, 6, lab_random(&d->l, 6)), .out = 6, .in = 4};
}

static void desk_release(struct desk *d)
{
    tape_free(d->run.tape);
    arena_free(d->run.arena);
    d->l.b->weight_free(d->l.b, d->w);
    lab_release(&d->l);
}

static struct tensor input(struct desk *d, int32_t rows, int32_t cols)
{
    return run_put(&d->run, rows, cols, lab_random(&d->l, (size_t)rows * (size_t)cols));
}

static void test_arena(void **state)
{
    (void)state;
    struct desk d;
    desk_init(&d);
    struct arena_mark start = arena_mark(d.run.arena);
    size_t peak = 0;
    for (int round = 0; round < 5; round++) {
        struct tensor t[40];
        for (int i = 0; i < 40; i++) {
            t[i] = run_tensor(&d.run, 1 + i, (i * 7919) % 60000);
            assert_non_null(t[i].buf);
            assert_int_equal(t[i].off % 64, 0);
            for (int j = 0; j < i; j++) {
                size_t n = (size_t)t[j].rows * (size_t)t[j].cols * 4,
                       m = (size_t)t[i].rows * (size_t)t[i].cols * 4;
                assert_true(t[i].buf != t[j].buf || n == 0 || m == 0 || t[i].off >= t[j].off + n ||
                            t[j].off >= t[i].off + m);
            }
        }
        assert_true(round == 0 || arena_peak(d.run.arena) == peak);
        peak = arena_peak(d.run.arena);
        arena_reset(d.run.arena, start);
    }
    struct tensor first = run_tensor(&d.run, 3, 3);
    struct arena_mark between = arena_mark(d.run.arena);
    struct tensor second = run_tensor(&d.run, 3, 3);
    arena_reset(d.run.arena, between);
    struct tensor third = run_tensor(&d.run, 3, 3);
    assert_true(first.off != second.off && second.off == third.off && second.buf == third.buf);
    desk_release(&d);
}

static const struct attn_shape heads_of_2 = {
    .n_heads = 1, .n_kv_heads = 1, .head_dim = 2, .scale = 1.0f};

static void test_operations(void **state)
{
    (void)state;
    struct desk d;
    desk_init(&d);
    struct run *r = &d.run;
    const int32_t ids[] = {5, 0, 3}, target[] = {2, -1, 5}, start[] = {0, 3};
    const struct seqs seqs = {.n = 1, .start = start};
    struct tensor x = input(&d, 3, 4), none = {0}, row = input(&d, 1, 6);
    struct tensor y = op_linear(r, x, &d.linear, EPILOGUE_GELU), at = run_put_ids(r, 3, 1, ids);
    struct tensor loss = op_xent(r, x, d.w, run_put_ids(r, 3, 1, target), 0);
    struct tensor rows = op_rows(r, d.w, at), back = op_copy(r, y);
    struct tensor best = run_ids(r, 3, 2), p = run_tensor(r, 3, 2);
    struct tensor attn = op_attn(r, tensor_cols(y, 0, 2), tensor_cols(y, 2, 2),
                                 tensor_cols(y, 4, 2), &heads_of_2, 0, &seqs, DTYPE_F32);
    op_topn(r, x, d.w, 0, best, p);
    op_linear_add(r, back, x, &d.linear);
    op_add(r, y, row, 1.0f);
    op_add_outer(r, y,
                 op_rows_get(r, tensor_cols(x, 0, 1), run_put_ids(r, 3, 1, (int32_t[]){0, 1, 2})),
                 row);
    const struct norm norm = {.eps = 1e-5f, .gamma = row, .beta = row};
    struct tensor normed = op_norm(r, y, &norm, none),
                  relu = op_act(r, y, none, ACT_RELU, DTYPE_F32);
    struct tensor up = op_linear(r, x, &d.linear, EPILOGUE_NONE),
                  gated = op_linear_mul(r, up, x, &d.linear, EPILOGUE_SILU_MUL);
    op_rows_set(r, y, row, run_put_ids(r, 1, 1, (int32_t[]){1}));
    struct csr f = run_csr(r, 3, 6);
    op_select(r, &f, 0, y, &(struct select){.kind = SELECT_TOPK, .k = 2});
    struct tensor xhat = op_decode(r, &f, d.w, none, 4), two = run_put_ids(r, 2, 1, ids + 1);
    struct tensor units = op_csr_get(r, &f, two), columns = op_cols_get(r, y, two);
    struct tensor few = op_dot_rows(r, x, d.w, two, none);
    struct tensor change = op_unit_change(r, units, run_put(r, 1, 2, (const float[]){1, 2}),
                                          run_put_ids(r, 1, 2, (const int32_t[]){0, 1}));
    op_rows_add(r, y, row, run_put_ids(r, 1, 1, (int32_t[]){1}));
    if (!run_ok(r))
        fail_msg("%s", r->err.text);
    assert_int_equal(y.rows * 100 + y.cols, 306);
    assert_int_equal(loss.rows * 100 + loss.cols, 301);
    assert_int_equal(rows.rows * 100 + rows.cols, 304);
    assert_int_equal(attn.rows * 100 + attn.cols, 302);
    assert_int_equal(normed.cols + relu.cols, 12);
    assert_true(gated.buf == up.buf && gated.off == up.off);
    assert_int_equal(xhat.rows * 100 + xhat.cols, 304);
    assert_int_equal(units.cols + columns.cols + few.cols + change.cols, 8);
    struct csr_host host = {0};
    assert_true(run_get_csr(r, &host, &f));
    struct csr again = run_put_csr(r, 3, host.start, host.ids, host.vals);
    float both[2][12];
    run_get(r, both[0], xhat);
    run_get(r, both[1], op_decode(r, &again, d.w, none, 4));
    assert_memory_equal(both[0], both[1], sizeof both[0]);
    csr_host_release(&host);
    float l[3];
    run_get(r, l, loss);
    assert_true(isnan(l[1]) && l[0] > 0 && l[2] > 0);
    desk_release(&d);
}

/* After an error nothing runs, shapes stay right, and the first error is the one that is told. */
static void test_errors_stick(void **state)
{
    (void)state;
    struct desk d;
    desk_init(&d);
    struct run *r = &d.run;
    const int32_t bad[] = {99, 0};
    struct tensor x = input(&d, 2, 4), keep = op_copy(r, x);
    float before[8], after[8] = {0};
    run_get(r, before, keep);
    struct tensor rows = op_rows(r, d.w, run_put_ids(r, 2, 1, bad));
    assert_int_equal(rows.rows * 100 + rows.cols, 204);
    op_add(r, keep, x, 1.0f);
    struct tensor y = op_linear(r, x, &d.linear, EPILOGUE_NONE);
    assert_null(y.buf);
    assert_int_equal(y.rows * 100 + y.cols, 206);
    struct tensor z = op_norm(r, y, &(struct norm){.gamma = y, .beta = y}, (struct tensor){0});
    assert_int_equal(z.rows * 100 + z.cols, 206);
    assert_null(run_put_ids(r, 1, 1, bad).buf);
    assert_false(run_ok(r));
    assert_non_null(strstr(r->err.text, "row 99"));
    run_get(r, after, keep);
    assert_true(after[0] >= 0 && after[0] <= 0);
    r->err = (struct error){0};
    run_get(r, after, keep);
    assert_memory_equal(before, after, sizeof before);
    desk_release(&d);
}

static void test_too_large(void **state)
{
    (void)state;
    struct desk d;
    desk_init(&d);
    struct tensor t = run_tensor(&d.run, INT32_MAX, INT32_MAX);
    assert_null(t.buf);
    assert_int_equal(t.rows, INT32_MAX);
    assert_false(run_ok(&d.run));
    assert_int_equal(d.run.err.kind, ERROR_MEMORY);
    d.run.err = (struct error){0};
    assert_null(run_tensor(&d.run, -1, 4).buf);
    assert_false(run_ok(&d.run));
    desk_release(&d);
}

struct poller {
    int calls, cancel_at;
    atomic_bool cancel;
};

static void poll(void *arg)
{
    struct poller *p = arg;
    if (++p->calls == p->cancel_at)
        atomic_store(&p->cancel, true);
}

/* The poll comes before each operation; a cancel in it keeps that operation from running. */
static void test_poll_and_cancel(void **state)
{
    (void)state;
    struct desk d;
    desk_init(&d);
    struct run *r = &d.run;
    struct poller p = {.cancel_at = 4};
    r->cancel = &p.cancel, r->poll = poll, r->poll_arg = &p;
    const float one[] = {1.0f};
    float sum = 0;
    struct tensor x = run_put(r, 1, 1, one), y = run_put(r, 1, 1, one);
    assert_int_equal(p.calls, 0);
    for (int i = 0; i < 10; i++)
        op_add(r, y, x, 1.0f);
    assert_int_equal(p.calls, 4);
    assert_false(run_ok(r));
    assert_int_equal(r->err.kind, ERROR_CANCELLED);
    atomic_store(&p.cancel, false);
    assert_false(run_ok(r));
    r->err = (struct error){0};
    run_get(r, &sum, y);
    assert_true(sum > 3.5f && sum < 4.5f);
    desk_release(&d);
}

static void test_tape(void **state)
{
    (void)state;
    struct desk d;
    desk_init(&d);
    struct run *r = &d.run;
    r->tape = tape_new();
    int32_t start[] = {0, 2, 3};
    const int32_t ids[] = {4, 0, 1};
    const struct seqs seqs = {.n = 2, .start = start};
    const struct tensor none = {0};
    struct tensor x = op_rows(r, d.w, run_put_ids(r, 3, 1, ids));
    struct tensor y = op_linear(r, x, &d.linear, EPILOGUE_GELU);
    struct tensor a = op_attn(r, tensor_cols(y, 0, 2), tensor_cols(y, 2, 2), tensor_cols(y, 4, 2),
                              &heads_of_2, 7, &seqs, DTYPE_F32);
    op_linear_add(r, y, x, &d.linear);
    op_add(r, y, y, 0.25f);
    struct tensor z = op_act(r, a, none, ACT_GELU_TANH, DTYPE_F32);
    start[1] = 1; /* the record keeps its own */
    assert_true(run_ok(r));
    static const enum op_kind kind[] = {OP_ROWS,   OP_LINEAR, OP_ACT, OP_ATTN,
                                        OP_LINEAR, OP_ADD,    OP_ACT};
    assert_int_equal(tape_length(r->tape), 7);
    for (size_t i = 0; i < 7; i++)
        assert_int_equal(tape_at(r->tape, i)->kind, kind[i]);
    const struct op_record *linear = tape_at(r->tape, 1), *gelu = tape_at(r->tape, 2),
                           *attn = tape_at(r->tape, 3), *more = tape_at(r->tape, 4);
    assert_true(linear->w == d.w && linear->in[0].off == x.off);
    assert_true(linear->in[1].buf == d.linear.bias.buf && linear->in[2].buf == NULL);
    assert_int_equal(linear->p.epilogue, EPILOGUE_NONE); /* the pre-activation stays */
    assert_true(gelu->in[0].off == linear->out.off && gelu->out.off == y.off);
    assert_int_equal(gelu->p.act, ACT_GELU);
    assert_int_equal(more->p.epilogue, EPILOGUE_ADD);
    assert_true(more->out.off == y.off && more->in[0].off == x.off);
    assert_int_equal(attn->p.attn.shape.head_dim, 2);
    assert_int_equal(attn->p.attn.layer, 7);
    assert_int_equal(attn->p.attn.n_seqs, 2);
    assert_int_equal(attn->p.attn.start[1], 2);
    assert_true(attn->in[2].off == y.off + 4 * sizeof(float));
    assert_true(tape_at(r->tape, 5)->p.a > 0.2f && tape_at(r->tape, 5)->p.a < 0.3f);
    assert_true(tape_at(r->tape, 6)->out.off == z.off &&
                tape_at(r->tape, 6)->p.act == ACT_GELU_TANH);
    desk_release(&d);
}

/* Under a tape the same numbers, but nothing that a backward pass reads is gone: what a gate
 * multiplies, a norm's scale. */
static void test_tape_keeps(void **state)
{
    (void)state;
    struct desk d;
    desk_init(&d);
    struct run *r = &d.run;
    const struct tensor none = {0};
    float fused[18], kept[18], up_before[18], up_after[18], scale[3], frozen[12], normed[12];
    struct tensor x = input(&d, 3, 4), up = input(&d, 3, 6), row = input(&d, 1, 4);
    const struct norm norm = {.kind = NORM_RMS, .eps = 1e-5f, .gamma = row};
    run_get(r, up_before, up);
    run_get(r, fused, op_linear_mul(r, op_copy(r, up), x, &d.linear, EPILOGUE_GELU_MUL));
    r->tape = tape_new();
    run_get(r, kept, op_linear_mul(r, up, x, &d.linear, EPILOGUE_GELU_MUL));
    run_get(r, up_after, up);
    assert_memory_equal(fused, kept, sizeof fused);
    assert_memory_equal(up_before, up_after, sizeof up_after);
    assert_true(tape_at(r->tape, 1)->in[1].off == up.off);
    run_get(r, normed, op_norm(r, x, &norm, none));
    const struct op_record computed = *tape_at(r->tape, 2);
    assert_false(computed.p.norm.frozen);
    assert_int_equal(computed.p.norm.kind, NORM_RMS);
    run_get(r, scale, computed.in[3]);
    run_get(r, frozen, op_norm(r, x, &norm, run_put(r, 3, 1, scale)));
    assert_memory_equal(normed, frozen, sizeof normed);
    assert_true(tape_at(r->tape, 3)->p.norm.frozen);
    assert_true(run_ok(r));
    desk_release(&d);
}

/* Gradients need whole sequences: nothing that goes on from kept keys is recorded. */
static void test_tape_refuses_a_past(void **state)
{
    (void)state;
    struct desk d;
    desk_init(&d);
    struct run *r = &d.run;
    struct error e = {0};
    struct kv *kv = d.l.b->kv_new(d.l.q, 0, 1, 2, 8, DTYPE_F32, &e);
    const int32_t start[] = {0, 2}, none[] = {0}, past[] = {2};
    struct tensor x = input(&d, 2, 2);
    op_attn(r, x, x, x, &heads_of_2, 0, &(struct seqs){1, start, none, (struct kv *const[]){kv}},
            DTYPE_F32);
    r->tape = tape_new();
    struct tensor y = op_attn(r, x, x, x, &heads_of_2, 0,
                              &(struct seqs){1, start, past, (struct kv *const[]){kv}}, DTYPE_F32);
    assert_int_equal(y.rows * 100 + y.cols, 202);
    assert_false(run_ok(r));
    assert_non_null(strstr(r->err.text, "2 kept positions"));
    assert_int_equal(tape_length(r->tape), 0);
    d.l.b->kv_free(d.l.q, kv);
    desk_release(&d);
}

/* A run that ends in the middle of something wrong leaves nothing to the next one. */
static void test_a_cancelled_run_leaves_no_error(void **state)
{
    (void)state;
    struct desk d;
    desk_init(&d);
    atomic_bool cancel = false;
    d.run.cancel = &cancel;
    struct tensor x = input(&d, 2, 4);
    struct tensor bad = run_put_ids(&d.run, 1, 1, (const int32_t[]){99});
    op_rows_set(&d.run, x, tensor_rows(x, 0, 1), bad);
    atomic_store(&cancel, true);
    assert_false(run_ok(&d.run));
    assert_int_equal(d.run.err.kind, ERROR_CANCELLED);
    d.run.err = (struct error){0}, d.run.cancel = NULL;
    if (!run_ok(&d.run))
        fail_msg("%s", d.run.err.text);
    desk_release(&d);
}

/* What a job does wrong is not found by what gets in between two of its operations. */
struct between {
    struct desk *d;
    struct run live;
    int polls;
};
static void serve(void *arg)
{
    struct between *b = arg;
    op_copy(&b->live, run_tensor(&b->live, 1, 1));
    if (!run_ok(&b->live))
        fail_msg("%s", b->live.err.text);
    b->polls++;
}
static void test_an_error_is_not_found_between(void **state)
{
    (void)state;
    struct desk d;
    desk_init(&d);
    struct error e = {0};
    struct queue *live = d.l.b->queue_new(d.l.b, QUEUE_LIVE, &e);
    struct between b = {&d, {.queue = live, .arena = arena_new(live)}, 0};
    struct tensor x = input(&d, 2, 4);
    struct tensor bad = run_put_ids(&d.run, 1, 1, (const int32_t[]){99});
    d.run.poll = serve, d.run.poll_arg = &b;
    op_rows_set(&d.run, x, tensor_rows(x, 0, 1), bad);
    op_add(&d.run, x, x, 1);
    assert_int_equal(b.polls, 2);
    assert_false(run_ok(&d.run));
    assert_non_null(strstr(d.run.err.text, "row 99 asked of 2"));
    arena_free(b.live.arena);
    d.l.b->queue_free(live);
    desk_release(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arena),
        cmocka_unit_test(test_operations),
        cmocka_unit_test(test_errors_stick),
        cmocka_unit_test(test_too_large),
        cmocka_unit_test(test_poll_and_cancel),
        cmocka_unit_test(test_tape),
        cmocka_unit_test(test_tape_keeps),
        cmocka_unit_test(test_tape_refuses_a_past),
        cmocka_unit_test(test_a_cancelled_run_leaves_no_error),
        cmocka_unit_test(test_an_error_is_not_found_between),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

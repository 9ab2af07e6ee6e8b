/* The largest pre-activations of few of which all digits are computed: to the bit what linear, a
 * row at a time, and select have of them. */
#include "tests/engine/backend/lab.h"
#include "tests/support/effort.h"

enum row_kind { NORMAL, SMALL_STEPS, ZEROS, HUGE_ONES, TINY_ONES, ONE_VALUE, N_ROW_KINDS };
enum weight_kind { RANDOM, TWINS, STEPS, SAME, LOUD };

static float x_value(struct lab *l, enum row_kind kind)
{
    switch (kind) {
    case SMALL_STEPS: return 1 + ldexpf((float)below(l, 64), -20); /* the same in 16 bits */
    case ZEROS: return 0;
    case HUGE_ONES: return normal(l) * 1e30f;
    case TINY_ONES: return normal(l) * 1e-36f;
    case ONE_VALUE: return 0.25f;
    default: return normal(l);
    }
}

static float *weight_values(struct lab *l, enum weight_kind kind, int32_t m, int32_t n)
{
    float *w = lab_random(l, (size_t)m * (size_t)n);
    for (int32_t o = 0; o < m; o++)
        for (int32_t i = 0; i < n; i++) {
            float *v = &w[at(o, i, n)];
            if (kind == TWINS && o % 4 != 0)
                *v = w[at(o / 4 * 4, i, n)];
            if (kind == STEPS) /* rows that are alike, as 16 bits have them, all positive */
                *v = i == o % n ? 1 + ldexpf((float)(o * 37 % m), -18) : 1;
            if (kind == SAME)
                *v = 0.25f;
            if (kind == LOUD && o % 90 == 0)
                *v *= 1000;
        }
    return w;
}

static char *as_type(struct lab *l, enum dtype type, const float *v, size_t n)
{
    char *to = lab_host(l, n * dtype_size(type));
    if (type == DTYPE_F32)
        return memcpy(to, v, n * sizeof *v);
    for (size_t i = 0; type == DTYPE_BF16 && i < n; i++)
        memcpy(to + 2 * i, (const char *)&v[i] + 2, 2);
    if (type == DTYPE_BF16)
        return to;
    struct tensor x = lab_put(l, 1, (int32_t)n, v), y = lab_tensor(l, 1, (int32_t)n, type, NULL);
    l->b->copy(l->q, y, x);
    device_get(l->q, to, y);
    return to;
}

struct encode_case {
    enum dtype type;
    enum weight_kind weights;
    struct select by;
    int32_t rows, m, n;
    bool biased;
};

static int32_t most_entries(const struct encode_case *c)
{
    return c->rows * (select_is_bounded(&c->by) ? c->by.k : c->m);
}

/* The same by products of one row. */
static struct csr one_by_one(struct lab *l, const struct encode_case *c, struct tensor x,
                             const struct weight *w, struct tensor bias)
{
    struct csr f = lab_csr(l, c->rows, most_entries(c));
    struct tensor pre = lab_put(l, 1, c->m, NULL);
    for (int32_t t = 0; t < c->rows; t++) {
        l->b->linear(l->q, pre, tensor_rows(x, t, 1), w, bias, EPILOGUE_NONE);
        l->b->select(l->q, &f, t, pre, &c->by);
    }
    return f;
}

static void same_codes(struct lab *l, const struct csr *f, const struct csr *want)
{
    const int32_t *a = lab_get(l, f->start), *b = lab_get(l, want->start), n = b[f->n_rows];
    assert_memory_equal(a, b, ((size_t)f->n_rows + 1) * sizeof *a);
    assert_memory_equal(lab_get(l, f->ids), lab_get(l, want->ids), (size_t)n * sizeof *a);
    assert_memory_equal(lab_get(l, f->vals), lab_get(l, want->vals), (size_t)n * sizeof(float));
}

static struct weight *weight_for(struct lab *l, const struct encode_case *c)
{
    struct error e = {0};
    const float *v = weight_values(l, c->weights, c->m, c->n);
    const size_t n = (size_t)c->m * (size_t)c->n;
    struct weight *w = l->b->weight_new(
        l->b,
        &(struct weight_source){c->type, c->m, c->n, ORDER_OUT_IN, as_type(l, c->type, v, n), NULL},
        USE_PRODUCT | USE_ENCODE, &e);
    assert_non_null(w);
    return w;
}

/* How many rows had to be computed in full; only: all rows are of that kind. */
static uint64_t check_encode(struct lab *l, const struct encode_case *c, int only)
{
    const uint64_t before = l->q->redone;
    float *v = lab_host(l, (size_t)c->rows * (size_t)c->n * sizeof *v);
    for (int32_t t = 0; t < c->rows; t++)
        for (int32_t i = 0; i < c->n; i++)
            v[at(t, i, c->n)] =
                x_value(l, only < 0 ? (enum row_kind)(t % N_ROW_KINDS) : (enum row_kind)only);
    struct weight *w = weight_for(l, c);
    struct tensor x = lab_put(l, c->rows, c->n, v), bias = {0};
    if (c->biased)
        bias = lab_put(l, 1, c->m, lab_random(l, (size_t)c->m));
    struct csr f = lab_csr(l, c->rows, most_entries(c));
    l->b->encode(l->q, &f, 0, x, w, bias, &c->by);
    const struct csr want = one_by_one(l, c, x, w, bias);
    same_codes(l, &f, &want);
    l->b->weight_free(l->b, w);
    lab_clear(l);
    return l->q->redone - before;
}

/* The devices that have such an operation. */
static void on_shim(lab_case *body)
{
#ifdef __x86_64__
    struct error e = {0};
    shim_seed(3);
    lab_on(body, glimt_backend_new(&(struct backend_want){0}, &e), 3);
#else
    (void)body;
#endif
}
static void on_each(lab_case *body)
{
    struct error e = {0};
    for (enum isa isa = ISA_PORTABLE; isa < ISA_N; isa++)
        for (int threads = 1; isa_available(isa) && threads <= 2; threads++) {
            struct backend *b = cpu_backend_new_isa(threads, isa, &e);
            cpu_encode_from(b, 0);
            lab_on(body, b, 3);
        }
    on_shim(body);
}
static bool on_cpu(const struct lab *l)
{
    return strcmp(l->b->name, "cpu") == 0;
}

static const enum dtype types[] = {DTYPE_F32, DTYPE_F16, DTYPE_BF16};

static void all_shapes(struct lab *l)
{
    static const struct {
        enum weight_kind weights;
        enum dtype type;
        int32_t rows;
    } all[] = {{RANDOM, DTYPE_F32, 2}, {STEPS, DTYPE_F32, 2},  {STEPS, DTYPE_F16, 9},
               {TWINS, DTYPE_BF16, 9}, {TWINS, DTYPE_F32, 1},  {RANDOM, DTYPE_F16, 1},
               {STEPS, DTYPE_F32, 13}, {RANDOM, DTYPE_F32, 1}, {TWINS, DTYPE_F32, 70}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i += quick() ? 3 : 1) {
        if (on_cpu(l) && all[i].type == DTYPE_F16) /* which nothing makes of floats there */
            continue;
        struct encode_case c = {all[i].type,
                                all[i].weights,
                                {.kind = i % 3 == 0 ? SELECT_ABSTOPK : SELECT_TOPK,
                                 .relu = below(l, 2) == 0,
                                 .k = 1 + below(l, 9),
                                 .what = "latent"},
                                all[i].rows,
                                257 + below(l, 40),
                                30 + 2 * below(l, 5) + (i % 5 == 0), /* even, for two planes */
                                below(l, 2) == 0};
        check_encode(l, &c, -1);
    }
}
static void test_codes_are_those_of_the_exact_way(void **state)
{
    (void)state;
    on_each(all_shapes);
}

/* The same where the library's sums are as far off as sums of floats can be: of numbers that lose
 * nothing as 16 bits, equal ones, of which those of the lower index are taken, come out larger and
 * smaller. */
#ifdef __x86_64__
static void all_sums(struct lab *l)
{
    for (int type = 1; type < 3; type++) {
        struct encode_case c = {types[type], TWINS, {.kind = SELECT_TOPK, .k = 6}, 9, 260,
                                41,          false};
        c.by.what = "latent";
        assert_int_equal(check_encode(l, &c, ONE_VALUE), 0);
    }
}
#endif
static void test_sums_that_lose_much(void **state)
{
    (void)state;
#ifdef __x86_64__
    shim_machine.lt_error = 2; /* units that cut rather than round */
    on_shim(all_sums);
    shim_machine.lt_error = 0;
#else
    skip();
#endif
}

/* Of usual rows the candidates are enough, even where only digits beyond 16 bits tell them apart;
 * of masses of equal ones they are not. */
static void all_ways(struct lab *l)
{
    for (int type = 0; type < (on_cpu(l) ? 1 : 3); type += quick() ? 2 : 1) {
        const int32_t rows = types[type] == DTYPE_F32 ? 2 : 9;
        struct encode_case c = {types[type], RANDOM, {.kind = SELECT_TOPK, .k = 16}, rows, 300,
                                40,          false};
        c.by.what = "latent";
        assert_int_equal(check_encode(l, &c, NORMAL), 0);
        if (types[type] != DTYPE_BF16)
            assert_int_equal(check_encode(l, &c, TINY_ONES), rows);
        c.weights = SAME;
        if (types[type] != DTYPE_F16)
            assert_int_equal(check_encode(l, &c, ONE_VALUE), rows);
        c.m = 250, c.weights = STEPS;
        assert_int_equal(check_encode(l, &c, SMALL_STEPS), 0);
    }
}
static void test_candidates_are_enough(void **state)
{
    (void)state;
    on_each(all_ways);
}

/* What is no number is told as select tells it. */
static void all_bad(struct lab *l)
{
    enum { N = 24, M = 90 };
    const float bad[] = {NAN, INFINITY, 3e38f};
    for (int type = 0; type < (on_cpu(l) ? 1 : 3); type++) {
        struct error e = {0};
        const int32_t rows = types[type] == DTYPE_F32 ? 2 : 9;
        struct encode_case c = {types[type], RANDOM, {.kind = SELECT_TOPK, .k = 5}, rows, M,
                                N,           false};
        c.by.what = "latent";
        float *v = lab_random(l, (size_t)rows * N);
        for (int j = 0; j < N; j++)
            v[N + j] = bad[type];
        struct weight *w = weight_for(l, &c);
        struct csr f = lab_csr(l, rows, 5 * rows);
        l->b->encode(l->q, &f, 0, lab_put(l, rows, N, v), w, (struct tensor){0}, &c.by);
        l->b->queue_sync(l->q);
        assert_false(l->b->queue_status(l->q, &e));
        assert_non_null(strstr(e.text, "has a value that is no finite number"));
        l->b->weight_free(l->b, w);
        lab_clear(l);
    }
}
static void test_what_is_no_number(void **state)
{
    (void)state;
    on_each(all_bad);
}

/* Some rows of a batch are computed in full, between others that are not, and behind codes that are
 * there already. */
static void mixed_rows(struct lab *l)
{
    enum { ROWS = 3, M = 400, N = 64, K = 7 };
    struct encode_case c = {DTYPE_F32, RANDOM, {.kind = SELECT_TOPK, .k = K}, ROWS, M, N, true};
    float *v = lab_random(l, ROWS * N);
    for (int i = 0; i < N; i++)
        v[2 * N + i] *= 1e-37f;
    struct weight *w = weight_for(l, &c);
    struct tensor x = lab_put(l, ROWS, N, v), bias = {0};
    const struct csr want = one_by_one(l, &c, x, w, bias);
    struct csr f = lab_csr(l, ROWS, ROWS * K);
    const uint64_t before = l->q->redone;
    l->b->encode(l->q, &f, 0, tensor_rows(x, 0, 1), w, bias, &c.by);
    l->b->encode(l->q, &f, 1, tensor_rows(x, 1, ROWS - 1), w, bias, &c.by);
    same_codes(l, &f, &want);
    assert_int_equal(l->q->redone - before, 1);
    l->b->weight_free(l->b, w);
}
static void test_a_row_in_full_between_others(void **state)
{
    (void)state;
    on_each(mixed_rows);
}

/* Those above a threshold: one for all, one each, or 0. Where there is no room for all rows the
 * starts say how much there should be, and the rows that have room are there. */
static void all_thresholds(struct lab *l)
{
    enum { M = 300, N = 40 };
    if (!on_cpu(l))
        return;
    for (int i = 0; i < 6; i++) {
        const int32_t rows = i % 2 ? 67 : 1 + below(l, 2);
        struct encode_case c = {DTYPE_F32, i == 5 ? LOUD : RANDOM, {.what = "latent"}, rows, M, N,
                                i % 2 == 0};
        float *thresholds = lab_host(l, M * sizeof *thresholds);
        for (int32_t o = 0; o < M; o++)
            thresholds[o] = i == 3 ? -1 : 8 + 2 * normal(l); /* of some that a ReLU drops */
        c.by.kind = i < 4 ? SELECT_THRESHOLD : SELECT_ALL;
        c.by.relu = i != 1;
        c.by.threshold = i < 2 ? lab_put(l, 1, 1, thresholds) : lab_put(l, 1, M, thresholds);
        const uint64_t redone = check_encode(l, &c, NORMAL);
        assert_true(i < 3 ? redone == 0 : redone <= (uint64_t)rows);
    }
}
static void test_those_above_a_threshold(void **state)
{
    (void)state;
    on_each(all_thresholds);
}

static void too_little_room(struct lab *l)
{
    enum { ROWS = 2, M = 300, N = 40 };
    struct encode_case c = {DTYPE_F32, RANDOM, {.kind = SELECT_THRESHOLD}, ROWS, M, N, false};
    const float threshold = 9;
    if (!on_cpu(l))
        return;
    c.by.threshold = lab_put(l, 1, 1, &threshold);
    struct weight *w = weight_for(l, &c);
    struct tensor x = lab_put(l, ROWS, N, lab_random(l, ROWS * N)), none = {0};
    const struct csr want = one_by_one(l, &c, x, w, none);
    const int32_t *start = lab_get(l, want.start), *ids = lab_get(l, want.ids);
    assert_in_range(start[1], 1, start[ROWS] - 1);
    struct csr f = lab_csr(l, ROWS, start[1]);
    l->b->encode(l->q, &f, 0, x, w, none, &c.by);
    assert_memory_equal(lab_get(l, f.start), start, (ROWS + 1) * sizeof *start);
    assert_memory_equal(lab_get(l, f.ids), ids, (size_t)start[1] * sizeof *ids);
    l->b->weight_free(l->b, w);
}
static void test_too_little_room(void **state)
{
    (void)state;
    on_each(too_little_room);
}

/* A few rows of W that are far larger than the others say nothing of those; and where candidates
 * are too many time after time, they are no longer looked for. */
static void all_doubts(struct lab *l)
{
    enum { ROWS = 2, M = 900, N = 64, K = 9, CALLS = 8 };
    struct encode_case c = {DTYPE_F32, LOUD, {.kind = SELECT_TOPK, .k = K}, ROWS, M, N, false};
    if (!on_cpu(l))
        return;
    assert_int_equal(check_encode(l, &c, NORMAL), 0);
    c.by.kind = SELECT_ABSTOPK;
    assert_int_equal(check_encode(l, &c, NORMAL), 0);
    c.weights = SAME;
    struct weight *w = weight_for(l, &c);
    struct tensor x = lab_put(l, ROWS, N, lab_random(l, ROWS * N)), none = {0};
    struct csr f = lab_csr(l, ROWS, ROWS * K);
    const uint64_t before = l->q->redone;
    for (int i = 0; i < CALLS; i++)
        l->b->encode(l->q, &f, 0, x, w, none, &c.by);
    assert_in_range(l->q->redone - before, ROWS, ROWS * (CALLS - 1));
    const struct csr want = one_by_one(l, &c, x, w, none);
    same_codes(l, &f, &want);
    l->b->weight_free(l->b, w);
}
static void test_large_rows_and_many_alike(void **state)
{
    (void)state;
    on_each(all_doubts);
}

/* What is packed for codes can be taken by another of the same layout, with what it is off; damaged
 * there it is refused. */
static void all_takes(struct lab *l)
{
    enum { M = 70, N = 32 };
    struct encode_case c = {DTYPE_F32, RANDOM, {.kind = SELECT_TOPK, .k = 5}, 3, M, N, false};
    struct error e = {0};
    if (!on_cpu(l))
        return;
    const float *v = weight_values(l, RANDOM, M, N);
    const struct weight_source source = {DTYPE_F32, M, N, ORDER_OUT_IN, v, NULL};
    struct weight *w = l->b->weight_new(l->b, &source, USE_PRODUCT | USE_ENCODE, &e);
    size_t n;
    const void *packed = l->b->weight_packed(w, &n);
    assert_int_equal(n, l->b->weight_need(l->b, &source, USE_PRODUCT | USE_ENCODE));
    char *kept = aligned_alloc(64, (n + 63) / 64 * 64);
    memcpy(kept, packed, n);
    struct weight *taken = l->b->weight_take(l->b, &source, USE_PRODUCT | USE_ENCODE, kept, n, &e);
    struct tensor x = lab_put(l, 3, N, lab_random(l, 3 * N)), none = {0};
    struct csr f = lab_csr(l, 3, 15);
    l->b->encode(l->q, &f, 0, x, taken, none, &c.by);
    const struct csr want = one_by_one(l, &c, x, w, none);
    same_codes(l, &f, &want);
    l->b->weight_free(l->b, taken);
    l->b->weight_free(l->b, w);
    memset(kept + n - 64, 0xff, 4);
    assert_null(l->b->weight_take(l->b, &source, USE_PRODUCT | USE_ENCODE, kept, n, &e));
    assert_non_null(strstr(e.text, "rows is wrong"));
    assert_null(l->b->weight_take(l->b, &source, USE_PRODUCT, kept, n, &e));
    free(kept);
}
static void test_packed_for_codes_can_be_taken(void **state)
{
    (void)state;
    on_each(all_takes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_codes_are_those_of_the_exact_way),
        cmocka_unit_test(test_sums_that_lose_much),
        cmocka_unit_test(test_candidates_are_enough),
        cmocka_unit_test(test_what_is_no_number),
        cmocka_unit_test(test_a_row_in_full_between_others),
        cmocka_unit_test(test_those_above_a_threshold),
        cmocka_unit_test(test_too_little_room),
        cmocka_unit_test(test_large_rows_and_many_alike),
        cmocka_unit_test(test_packed_for_codes_can_be_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

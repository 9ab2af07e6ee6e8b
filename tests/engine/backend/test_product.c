/* Products against plain loops in double; a row's result does not depend on its batch. */
#include "tests/engine/backend/lab.h"

static const enum dtype types[] = {DTYPE_F32, DTYPE_F16, DTYPE_BF16};

struct product_case {
    int32_t rows, out, in;
    enum dtype type;
    enum order order;
    enum epilogue epilogue;
    bool bias;
};

static double gelu_tanh(double x)
{
    return 0.5 * x * (1 + tanh(sqrt(2 / acos(-1.0)) * (x + 0.044715 * x * x * x)));
}

static double ended(enum epilogue e, double v, double was)
{
    switch (e) {
    case EPILOGUE_NONE: break;
    case EPILOGUE_GELU: return gelu_exact(v);
    case EPILOGUE_GELU_TANH: return gelu_tanh(v);
    case EPILOGUE_ADD: return was + v;
    case EPILOGUE_SILU_MUL: return v / (1 + exp(-v)) * was;
    case EPILOGUE_GELU_MUL: return gelu_exact(v) * was;
    case EPILOGUE_GELU_TANH_MUL: return gelu_tanh(v) * was;
    }
    return v;
}

static void check_product(struct lab *l, struct product_case p)
{
    struct error e = {0};
    double *w;
    const void *src = lab_source(l, p.type, (size_t)p.out * (size_t)p.in, &w);
    const float *x = lab_random(l, (size_t)p.rows * (size_t)p.in),
                *before = lab_random(l, (size_t)p.rows * (size_t)p.out);
    const float *bias = lab_random(l, (size_t)p.out);
    struct weight *weight = l->b->weight_new(
        l->b, &(struct weight_source){p.type, p.out, p.in, p.order, src, NULL}, USE_PRODUCT, &e);
    assert_non_null(weight);
    assert_true(l->b->weight_bytes(weight) >= (size_t)p.out * (size_t)p.in * dtype_size(p.type));
    assert_int_equal(l->b->weight_in(weight), p.in);
    struct tensor ty = lab_put(l, p.rows, p.out, before), tx = lab_put(l, p.rows, p.in, x);
    struct tensor tb = p.bias ? lab_put(l, 1, p.out, bias) : (struct tensor){0};
    l->b->linear(l->q, ty, tx, weight, tb, p.epilogue);
    const float *y = lab_get(l, ty);
    for (int32_t t = 0; t < p.rows; t++)
        for (int32_t o = 0; o < p.out; o++) {
            double sum = p.bias ? (double)bias[o] : 0, size = fabs(sum);
            for (int32_t i = 0; i < p.in; i++) {
                double v = (double)x[at(t, i, p.in)] * element_of(w, p.order, p.out, p.in, o, i);
                sum += v, size += fabs(v);
            }
            double was = (double)before[at(t, o, p.out)];
            assert_near(y[at(t, o, p.out)], ended(p.epilogue, sum, was),
                        (1e-6 * size + 2e-7) * (1 + fabs(was)));
        }
    l->b->weight_free(l->b, weight);
    lab_clear(l);
}

static void random_shapes(struct lab *l)
{
    for (int i = 0; i < 84; i++)
        check_product(l, (struct product_case){.rows = 1 + below(l, 70),
                                               .out = 1 + below(l, i % 4 == 0 ? 300 : 70),
                                               .in = 1 + below(l, 90),
                                               .type = types[i % 3],
                                               .order = i / 3 % 2 ? ORDER_IN_OUT : ORDER_OUT_IN,
                                               .epilogue = (enum epilogue)(i % 7),
                                               .bias = i % 5 != 0});
}
static void test_random_shapes(void **state)
{
    (void)state;
    lab_everywhere(random_shapes, 1);
}

struct taken {
    uint64_t bytes;
    int n;
};

static void taken_in(void *arg, uint64_t n)
{
    struct taken *t = arg;
    t->bytes += n;
    t->n++;
}

/* A source that is packed in steps: each is told of, together all of it. */
static void large_source(struct lab *l)
{
    enum { OUT = 1021, IN = 17000 }; /* 34 MB */
    for (enum order order = ORDER_OUT_IN; order <= ORDER_IN_OUT; order++) {
        struct taken taken = {0};
        l->b->loaded = taken_in, l->b->loaded_arg = &taken;
        check_product(l, (struct product_case){
                             .rows = 2, .out = OUT, .in = IN, .type = DTYPE_F16, .order = order});
        l->b->loaded = NULL;
        assert_int_equal(taken.bytes, 2 * OUT * IN);
        assert_int_equal(taken.n, 2);
    }
}
static void test_large_source(void **state)
{
    (void)state;
    struct error e = {0};
    lab_on(large_source, cpu_backend_new(2, &e), 3);
}

/* Every number of rows up to two of the largest tiles, and depths around the blocks'. */
static void every_tile(struct lab *l)
{
    for (int32_t rows = 1; rows <= 26; rows++)
        check_product(
            l, (struct product_case){
                   .rows = rows, .out = 161, .in = 19, .type = types[rows % 3], .bias = true});
    for (int32_t in = 511; in <= 514; in++)
        check_product(l, (struct product_case){
                             .rows = 5, .out = 33, .in = in, .type = DTYPE_F16, .bias = true});
    check_product(l, (struct product_case){.rows = 200, .out = 65, .in = 40, .type = DTYPE_F32});
    check_product(l, (struct product_case){
                         .rows = 3, .out = 40, .in = 1500, .epilogue = EPILOGUE_ADD, .bias = true});
}
static void test_every_tile(void **state)
{
    (void)state;
    lab_everywhere(every_tile, 2);
}

struct batch_case {
    struct weight *w;
    struct tensor x, bias;
    int32_t rows, out;
    enum epilogue epilogue;
};

/* Rows from `first` on in a batch of n. */
static const float *rows_of(struct lab *l, const struct batch_case *c, int32_t first, int32_t n)
{
    float *zero = lab_host(l, (size_t)n * (size_t)c->out * sizeof *zero);
    memset(zero, 0, (size_t)n * (size_t)c->out * sizeof *zero);
    struct tensor y = lab_put(l, n, c->out, zero);
    l->b->linear(l->q, y, tensor_rows(c->x, first, n), c->w, c->bias, c->epilogue);
    return lab_get(l, y);
}

static void rows_alone(struct lab *l)
{
    static const int32_t shape[][2] = {{161, 19}, {96, 700}, {768, 256}};
    for (size_t s = 0; s < sizeof shape / sizeof *shape; s++) {
        struct error e = {0};
        struct batch_case c = {
            .rows = 150, .out = shape[s][0], .epilogue = s == 1 ? EPILOGUE_GELU : EPILOGUE_NONE};
        double *values;
        const void *src = lab_source(l, types[s], (size_t)c.out * (size_t)shape[s][1], &values);
        c.w = l->b->weight_new(
            l->b, &(struct weight_source){types[s], c.out, shape[s][1], ORDER_OUT_IN, src, NULL},
            USE_PRODUCT, &e);
        c.x = lab_put(l, c.rows, shape[s][1], lab_random(l, (size_t)c.rows * (size_t)shape[s][1]));
        c.bias = lab_put(l, 1, c.out, lab_random(l, (size_t)c.out));
        const float *all = rows_of(l, &c, 0, c.rows);
        for (int i = 0; i < 25; i++) {
            int32_t n = 1 + below(l, i < 12 ? 12 : 100), first = below(l, c.rows - n);
            lab_same_rows(l, rows_of(l, &c, first, n), all + (size_t)first * (size_t)c.out,
                          (size_t)n * (size_t)c.out);
        }
        l->b->weight_free(l->b, c.w);
        lab_clear(l);
    }
}
static void test_rows_do_not_depend_on_their_batch(void **state)
{
    (void)state;
    lab_everywhere(rows_alone, 3);
}

/* The same numbers whatever the number of threads. */
static void test_threads_agree(void **state)
{
    (void)state;
    float *first = NULL;
    const size_t n = (size_t)130 * 700;
    for (int threads = 1; threads <= 3; threads++) {
        struct lab l;
        struct error e = {0};
        double *values;
        lab_init(&l, cpu_backend_new(threads, NULL), 4);
        const void *src = lab_source(&l, DTYPE_F16, (size_t)700 * 600, &values);
        struct weight *w = l.b->weight_new(
            l.b, &(struct weight_source){DTYPE_F16, 700, 600, ORDER_OUT_IN, src, NULL}, USE_PRODUCT,
            &e);
        struct tensor x = lab_put(&l, 130, 600, lab_random(&l, (size_t)130 * 600));
        struct tensor y = lab_put(&l, 130, 700, NULL);
        l.b->linear(l.q, y, x, w, (struct tensor){0}, EPILOGUE_NONE);
        const float *got = lab_get(&l, y);
        if (first)
            assert_memory_equal(got, first, n * sizeof *got);
        else
            first = xmemdup(got, n * sizeof *got);
        l.b->weight_free(l.b, w);
        lab_release(&l);
    }
    free(first);
}

/* f16 and bf16 hold more than ordinary numbers. */
static void odd_halves(struct lab *l)
{
    static const uint16_t half[] = {0x0000, 0x8000, 0x0001, 0x83ff, 0x0400, 0x7bff, 0xfbff, 0x3c00};
    enum { N = sizeof half / sizeof *half };
    struct error e = {0};
    const float one = 1.0f;
    struct weight *w =
        l->b->weight_new(l->b, &(struct weight_source){DTYPE_F16, N, 1, ORDER_OUT_IN, half, NULL},
                         USE_PRODUCT | USE_ROWS, &e);
    struct tensor y = lab_put(l, 1, N, NULL), x = lab_put(l, 1, 1, &one);
    l->b->linear(l->q, y, x, w, (struct tensor){0}, EPILOGUE_NONE);
    const float *v = lab_get(l, y);
    int32_t id[N];
    for (int i = 0; i < N; i++) {
        id[i] = i;
        assert_true((double)v[i] >= half_value(half[i]) && (double)v[i] <= half_value(half[i]));
    }
    struct tensor rows = lab_put(l, N, 1, NULL);
    l->b->weight_rows(l->q, rows, w, lab_put_i32(l, N, 1, id));
    const float *r = lab_get(l, rows);
    for (int i = 0; i < N; i++)
        assert_true((double)r[i] >= half_value(half[i]) && (double)r[i] <= half_value(half[i]));
    l->b->weight_free(l->b, w);
    lab_clear(l);
}

/* ---- what is no finite number is refused, by its place: packed at once, gathered when it is */
static void spoil(void *v, enum dtype type, size_t i, bool infinite)
{
    const uint32_t word = infinite ? 0xff800000 : 0x7fc00123;
    const uint16_t bf16 = infinite ? 0x7f80 : 0xffc1, f16 = infinite ? 0xfc00 : 0x7c01;
    if (type == DTYPE_F32)
        memcpy((char *)v + i * sizeof word, &word, sizeof word);
    else
        memcpy((char *)v + i * sizeof f16, type == DTYPE_F16 ? &f16 : &bf16, sizeof f16);
}

static void check_spoilt(struct lab *l, int32_t m, int32_t n, enum dtype type, enum order order,
                         bool infinite)
{
    struct error e = {0}, gathered = {0};
    double *values;
    size_t bytes = (size_t)m * (size_t)n * dtype_size(type);
    char *src = (char *)lab_host(l, bytes + 1) + 1;
    memcpy(src, lab_source(l, type, (size_t)m * (size_t)n, &values), bytes);
    int32_t row = below(l, m), column = below(l, n), other = (row + 1) % m;
    char place[40];
    bool turned = order == ORDER_IN_OUT;
    spoil(src, type, turned ? at(column, row, m) : at(row, column, n), infinite);
    snprintf(place, sizeof place, "[%d, %d] is no finite", turned ? column : row,
             turned ? row : column);
    assert_null(l->b->weight_new(l->b, &(struct weight_source){type, m, n, order, src, NULL},
                                 USE_PRODUCT, &e));
    assert_int_equal(e.kind, ERROR_INPUT);
    if (!strstr(e.text, place))
        fail_msg("'%s' does not say '%s'", e.text, place);
    e = (struct error){0};
    int32_t *backwards = lab_host(l, (size_t)m * sizeof *backwards);
    for (int32_t i = 0; i < m; i++)
        backwards[i] = m - 1 - i;
    assert_null(l->b->weight_new(l->b, &(struct weight_source){type, m, n, order, src, backwards},
                                 USE_PRODUCT, &e));
    assert_non_null(strstr(e.text, place)); /* the source's, not the packed row's */
    e = (struct error){0};
    struct weight *w =
        l->b->weight_new(l->b, &(struct weight_source){type, m, n, order, src, NULL}, USE_ROWS, &e);
    assert_non_null(w);
    const int32_t both[2] = {other, row};
    const float one[2] = {1, 1};
    struct tensor y = lab_put(l, 1, n, NULL), two = lab_put(l, 2, n, NULL);
    l->b->weight_rows(l->q, y, w, lab_put_i32(l, 1, 1, both));
    struct csr f = lab_put_codes(l, 1, 1, both, one), g = lab_put_codes(l, 1, 2, both, one);
    l->b->decode(l->q, y, &f, w, (struct tensor){0});
    assert_int_equal(device_well(l->q, &e), m > 1);
    l->b->weight_rows(l->q, two, w, lab_put_i32(l, 2, 1, both));
    assert_false(device_well(l->q, &gathered));
    snprintf(place, sizeof place, "[%d, %d] is no finite", row, column);
    assert_non_null(strstr(gathered.text, place));
    gathered = (struct error){0};
    l->b->decode(l->q, y, &g, w, (struct tensor){0});
    assert_false(device_well(l->q, &gathered));
    assert_non_null(strstr(gathered.text, place));
    l->b->weight_free(l->b, w);
    lab_clear(l);
}

static void spoilt(struct lab *l)
{
    static const enum dtype type[] = {DTYPE_F32, DTYPE_F16, DTYPE_BF16};
    for (int i = 0; i < 60; i++)
        check_spoilt(l, 1 + below(l, 90), 1 + below(l, 70), type[i % 3],
                     i / 3 % 2 ? ORDER_IN_OUT : ORDER_OUT_IN, i / 6 % 2);
}
static void test_spoilt(void **state)
{
    (void)state;
    lab_everywhere(spoilt, 8);
}

/* Rows of the source in another order, each product exactly that of its row. */
static void check_reordered(struct lab *l, int32_t out, int32_t in, enum dtype type,
                            enum order order)
{
    struct error e = {0};
    double *w;
    const int32_t n = 5;
    const void *src = lab_source(l, type, (size_t)out * (size_t)in, &w);
    int32_t *rows = lab_host(l, (size_t)out * sizeof *rows);
    for (int32_t i = 0; i < out; i++) {
        const int32_t j = below(l, i + 1);
        rows[i] = rows[j], rows[j] = i;
    }
    struct weight *plain = l->b->weight_new(
        l->b, &(struct weight_source){type, out, in, order, src, NULL}, USE_PRODUCT, &e);
    struct weight *moved = l->b->weight_new(
        l->b, &(struct weight_source){type, out, in, order, src, rows}, USE_PRODUCT, &e);
    assert_true(plain && moved);
    assert_null(l->b->weight_new(l->b, &(struct weight_source){type, out, in, order, src, rows},
                                 USE_PRODUCT | USE_ROWS, &e));
    struct tensor x = lab_put(l, n, in, lab_random(l, (size_t)n * (size_t)in)),
                  y = lab_put(l, n, out, NULL), z = lab_put(l, n, out, NULL);
    l->b->linear(l->q, y, x, plain, (struct tensor){0}, EPILOGUE_NONE);
    l->b->linear(l->q, z, x, moved, (struct tensor){0}, EPILOGUE_NONE);
    const float *a = lab_get(l, y), *b = lab_get(l, z);
    for (int32_t t = 0; t < n; t++)
        for (int32_t o = 0; o < out; o++)
            assert_memory_equal(b + at(t, o, out), a + at(t, rows[o], out), sizeof *a);
    l->b->weight_free(l->b, plain);
    l->b->weight_free(l->b, moved);
    lab_clear(l);
}

static void reordered(struct lab *l)
{
    for (int i = 0; i < 24; i++)
        check_reordered(l, 1 + below(l, 130), 1 + below(l, 90), types[i % 3],
                        i / 3 % 2 ? ORDER_IN_OUT : ORDER_OUT_IN);
}
static void test_reordered(void **state)
{
    (void)state;
    lab_everywhere(reordered, 9);
}

static void test_odd_halves(void **state)
{
    (void)state;
    lab_everywhere(odd_halves, 5);
}

static void check_gathered(struct lab *l, int32_t m, int32_t n, int32_t rows, int32_t k,
                           enum dtype type, enum order order)
{
    struct error e = {0};
    double *w;
    const void *src = lab_source(l, type, (size_t)m * (size_t)n, &w);
    struct weight *weight =
        l->b->weight_new(l->b, &(struct weight_source){type, m, n, order, src, NULL}, USE_ROWS, &e);
    const float *bias = lab_random(l, (size_t)n), *vals = lab_random(l, (size_t)rows * (size_t)k);
    int32_t *ids = lab_host(l, ((size_t)rows * (size_t)k + (size_t)rows) * sizeof *ids);
    int32_t *start = lab_host(l, ((size_t)rows + 1) * sizeof *start);
    start[0] = 0;
    for (int32_t t = 0; t < rows; t++)
        start[t + 1] = start[t] + below(l, k + 1);
    for (int32_t i = 0; i < rows * k; i++)
        ids[i] = below(l, m);
    bool with_bias = below(l, 2) == 0;
    struct tensor y = lab_put(l, rows, n, NULL),
                  tb = with_bias ? lab_put(l, 1, n, bias) : (struct tensor){0};
    struct csr f = lab_put_csr(l, rows, start, ids, vals);
    l->b->decode(l->q, y, &f, weight, tb);
    const float *got = lab_get(l, y);
    for (int32_t t = 0; t < rows; t++)
        for (int32_t j = 0; j < n; j++) {
            double sum = with_bias ? (double)bias[j] : 0, size = fabs(sum);
            for (int32_t i = start[t]; i < start[t + 1]; i++) {
                double v = (double)vals[i] * element_of(w, order, m, n, ids[i], j);
                sum += v, size += fabs(v);
            }
            assert_near(got[at(t, j, n)], sum, 1e-6 * size);
        }
    for (int32_t t = 0; t < rows; t++)
        ids[t] = below(l, m);
    struct tensor z = lab_put(l, rows, n, NULL);
    l->b->weight_rows(l->q, z, weight, lab_put_i32(l, rows, 1, ids));
    got = lab_get(l, z);
    for (int32_t t = 0; t < rows; t++)
        for (int32_t j = 0; j < n; j++)
            assert_near(got[at(t, j, n)], element_of(w, order, m, n, ids[t], j), 0);
    l->b->weight_free(l->b, weight);
    lab_clear(l);
}

static void gathered_rows(struct lab *l)
{
    for (int i = 0; i < 40; i++)
        check_gathered(l, 1 + below(l, 50), 1 + below(l, i % 2 ? 400 : 40), 1 + below(l, 40),
                       1 + below(l, 33), types[i % 3], i % 5 == 0 ? ORDER_IN_OUT : ORDER_OUT_IN);
}
static void test_gathered_rows(void **state)
{
    (void)state;
    lab_everywhere(gathered_rows, 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_shapes),
        cmocka_unit_test(test_every_tile),
        cmocka_unit_test(test_large_source),
        cmocka_unit_test(test_rows_do_not_depend_on_their_batch),
        cmocka_unit_test(test_threads_agree),
        cmocka_unit_test(test_odd_halves),
        cmocka_unit_test(test_spoilt),
        cmocka_unit_test(test_reordered),
        cmocka_unit_test(test_gathered_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

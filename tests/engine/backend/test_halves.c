/* What only products read, of 16 bits: a device that keeps it so against the reference in double on
 * the same rounded values. */
#include "tests/engine/backend/lab.h"

static const enum dtype types[] = {DTYPE_F16, DTYPE_BF16};

struct both {        /* devices side by side */
    struct lab l, r; /* the one tested; the reference in double */
    enum dtype type;
};

/* ---- 16-bit values */
/* Between neighbours: the nearer, of two as near the even one. */
static double rounded(enum dtype type, double v)
{
    const int digits = type == DTYPE_F16 ? 11 : 8, least = type == DTYPE_F16 ? -14 : -126;
    if (v == 0 || type == DTYPE_F32)
        return v;
    const int e = ilogb(v) > least ? ilogb(v) : least;
    return ldexp(nearbyint(ldexp(v, digits - 1 - e)), e - digits + 1);
}
static double unit_of(enum dtype type) /* half the last bit of 1 */
{
    return type == DTYPE_F16 ? 0x1p-11 : type == DTYPE_BF16 ? 0x1p-8 : 0;
}
static float *rounded_random(struct lab *l, size_t n, enum dtype type)
{
    float *v = lab_random(l, n);
    for (size_t i = 0; i < n; i++)
        v[i] = (float)rounded(type, (double)v[i]);
    return v;
}

/* A tensor of the type with these values, or of whatever is there. */
static struct tensor half_tensor(struct lab *l, int32_t rows, int32_t cols, enum dtype type,
                                 const float *v)
{
    struct tensor t = lab_tensor(l, rows, cols, type, NULL);
    if (v)
        l->b->copy(l->q, t, lab_put(l, rows, cols, v));
    return t;
}

/* Whatever the type, as floats; fails where the tensor's surroundings were written. */
static const float *half_get(struct lab *l, struct tensor t)
{
    struct tensor y = lab_put(l, t.rows, t.cols, NULL);
    if (t.dtype == DTYPE_F32)
        return lab_get(l, t);
    const int32_t n = (int32_t)(t.off / 2) + t.rows * t.ld + 16;
    uint16_t *all = lab_host(l, (size_t)n * sizeof *all);
    device_get(l->q, all,
               (struct tensor){.buf = t.buf, .rows = 1, .cols = n, .ld = n, .dtype = t.dtype});
    const float guard = -12345.0f;
    for (int32_t i = 0; i < n; i++)
        if (!inside(&t, (size_t)i))
            assert_memory_equal(&all[i], (const char *)&guard + (i % 2 ? 2 : 0), 2);
    l->b->copy(l->q, y, t);
    return lab_get(l, y);
}

/* Within the type's last bit of the reference, beside what sums of floats lose. */
static void compare(struct both *b, struct tensor got, struct tensor want, double size)
{
    const float *v = half_get(&b->l, got), *w = lab_get(&b->r, want);
    const double tiny = got.dtype == DTYPE_F16 ? 0x1p-25 : 0;
    for (int32_t i = 0; i < got.rows * got.cols; i++)
        assert_near(v[i], w[i],
                    (unit_of(got.dtype) + 1e-6) * fabs((double)w[i]) + 2e-6 * size + tiny);
}

static void on_halves(void (*body)(struct both *))
{
#ifdef __x86_64__
    for (int i = 0; i < 2; i++) {
        struct error e = {0};
        struct both b = {.type = types[i]};
        shim_seed((uint64_t)i);
        lab_init(&b.l, glimt_backend_new(&(struct backend_want){0}, &e), 11);
        lab_init(&b.r, reference_backend_new(DTYPE_F64, &e), 11);
        body(&b);
        lab_release(&b.l);
        lab_release(&b.r);
    }
#else
    (void)body;
    skip();
#endif
}

/* ---- products */
struct product_case {
    int32_t rows, out, in;
    enum epilogue epilogue;
    enum dtype x, y; /* F32, or both's type */
};

static void check_product(struct both *b, struct product_case p)
{
    struct lab *l = &b->l, *r = &b->r;
    struct error e = {0};
    double *values;
    const size_t n_x = (size_t)p.rows * (size_t)p.in, n_y = (size_t)p.rows * (size_t)p.out;
    const struct weight_source src = {b->type,
                                      p.out,
                                      p.in,
                                      ORDER_OUT_IN,
                                      lab_source(l, b->type, (size_t)p.out * (size_t)p.in, &values),
                                      NULL};
    const float *x = rounded_random(l, n_x, p.x), *was = rounded_random(l, n_y, p.y),
                *bias = lab_random(l, (size_t)p.out);
    struct weight *w = l->b->weight_new(l->b, &src, USE_PRODUCT, &e),
                  *ref = r->b->weight_new(r->b, &src, USE_PRODUCT, &e);
    assert_true(w && ref);
    assert_int_equal(l->b->weight_reads(w), b->type);
    assert_int_equal(r->b->weight_reads(ref), DTYPE_F32);
    struct tensor y = half_tensor(l, p.rows, p.out, p.y, was), z = lab_put(r, p.rows, p.out, was);
    l->b->linear(l->q, y, half_tensor(l, p.rows, p.in, p.x, x), w, lab_put(l, 1, p.out, bias),
                 p.epilogue);
    r->b->linear(r->q, z, lab_put(r, p.rows, p.in, x), ref, lab_put(r, 1, p.out, bias), p.epilogue);
    compare(b, y, z, sqrt((double)p.in) * 3);
    l->b->weight_free(l->b, w);
    r->b->weight_free(r->b, ref);
    lab_clear(l);
    lab_clear(r);
}

static void products(struct both *b)
{
    static const int32_t rows[] = {1, 3, 8, 9, 40};
    for (int i = 0; i < 70; i++) {
        const enum epilogue e = (enum epilogue)(i % 7);
        check_product(
            b, (struct product_case){.rows = rows[i % 5],
                                     .out = 1 + below(&b->l, 90),
                                     .in = 1 + below(&b->l, 120),
                                     .epilogue = e,
                                     .x = i / 7 % 3 ? b->type : DTYPE_F32,
                                     .y = e != EPILOGUE_ADD && i / 7 % 2 ? b->type : DTYPE_F32});
    }
}
static void test_products(void **state)
{
    (void)state;
    on_halves(products);
}

/* x of a type that the weight does not read is refused, and said so. */
static void other_types(struct both *b)
{
    struct lab *l = &b->l;
    struct error e = {0};
    double *values;
    const enum dtype other = b->type == DTYPE_F16 ? DTYPE_BF16 : DTYPE_F16;
    for (int i = 0; i < 2; i++) {
        const enum dtype type = i ? DTYPE_F32 : other;
        struct weight *w =
            l->b->weight_new(l->b,
                             &(struct weight_source){type, 4, 4, ORDER_OUT_IN,
                                                     lab_source(l, type, 16, &values), NULL},
                             USE_PRODUCT, &e);
        assert_int_equal(l->b->weight_reads(w), type);
        l->b->linear(l->q, lab_put(l, 1, 4, NULL), half_tensor(l, 1, 4, b->type, lab_random(l, 4)),
                     w, (struct tensor){0}, EPILOGUE_NONE);
        assert_false(device_well(l->q, &e));
        assert_int_equal(e.kind, ERROR_SYSTEM);
        assert_non_null(strstr(e.text, "the weight reads floats or"));
        e = (struct error){0};
        l->b->weight_free(l->b, w);
    }
    lab_clear(l);
}
static void test_other_types(void **state)
{
    (void)state;
    on_halves(other_types);
}

/* ---- rows */
static void rows(struct both *b)
{
    struct lab *l = &b->l, *r = &b->r;
    const struct tensor none = {0};
    for (int i = 0; i < 12; i++) {
        const int32_t T = 1 + below(l, 9), n = 1 + below(l, 300);
        const float *x = lab_random(l, (size_t)T * (size_t)n), *gamma = lab_random(l, (size_t)n),
                    *mul = rounded_random(l, (size_t)T * (size_t)n, b->type);
        struct tensor y = half_tensor(l, T, n, b->type, NULL), z = lab_put(r, T, n, NULL);
        const enum norm_kind kind = i % 2 ? NORM_LAYER : NORM_RMS;
        l->b->norm(l->q, y, lab_put(l, T, n, x), lab_put(l, 1, n, gamma), none, 1e-5f, kind, none,
                   none);
        r->b->norm(r->q, z, lab_put(r, T, n, x), lab_put(r, 1, n, gamma), none, 1e-5f, kind, none,
                   none);
        compare(b, y, z, 1);
        struct tensor at = half_tensor(l, T, n, b->type, mul);
        const bool times = i % 3 != 0;
        const enum activation f = (enum activation)(i % 4);
        l->b->act(l->q, i % 2 ? at : y, lab_put(l, T, n, x), times ? at : none, f);
        r->b->act(r->q, z, lab_put(r, T, n, x), times ? lab_put(r, T, n, mul) : none, f);
        compare(b, i % 2 ? at : y, z, 1);
        lab_clear(l);
        lab_clear(r);
    }
}
static void test_rows(void **state)
{
    (void)state;
    on_halves(rows);
}

static void attention(struct both *b)
{
    enum { T = 23, HEADS = 4, KV_HEADS = 2, DIM = 8 };
    struct lab *l = &b->l, *r = &b->r;
    const struct attn_shape s = {HEADS, KV_HEADS, DIM, 0, 0.4f, 0, {0}};
    const int32_t start[] = {0, 4, T};
    const struct seqs seqs = {2, start, NULL, NULL};
    const float *q = lab_random(l, (size_t)T * HEADS * DIM),
                *k = lab_random(l, (size_t)T * KV_HEADS * DIM),
                *v = lab_random(l, (size_t)T * KV_HEADS * DIM);
    struct tensor y = half_tensor(l, T, HEADS * DIM, b->type, NULL),
                  z = lab_put(r, T, HEADS * DIM, NULL), Q = lab_put(l, T, HEADS * DIM, q),
                  K = lab_put(l, T, KV_HEADS * DIM, k), V = lab_put(l, T, KV_HEADS * DIM, v);
    l->b->attn(l->q, y, Q, K, V, &s, 0, &seqs);
    /* to keys and values as they are rounded */
    k = half_get(l, half_tensor(l, T, KV_HEADS * DIM, b->type, k));
    v = half_get(l, half_tensor(l, T, KV_HEADS * DIM, b->type, v));
    r->b->attn(r->q, z, lab_put(r, T, HEADS * DIM, q), lab_put(r, T, KV_HEADS * DIM, k),
               lab_put(r, T, KV_HEADS * DIM, v), &s, 0, &seqs);
    compare(b, y, z, 1);
    /* the same where they are kept: of what comes in two parts, and of what was copied between */
    struct error e = {0};
    struct kv *kv[2];
    for (int i = 0; i < 2; i++)
        assert_non_null(kv[i] = l->b->kv_new(l->q, 0, 1, KV_HEADS * DIM, T, b->type, &e));
    struct tensor w = half_tensor(l, T, HEADS * DIM, b->type, NULL);
    for (int i = 0; i < 3; i++) { /* rows 0 to 3 are a sequence of their own */
        const int32_t from = i < 2 ? 4 * i : 9,
                      end = i == 0   ? 4
                            : i == 1 ? 9
                                     : T,
                      part[] = {0, end - from}, past[] = {i == 2 ? 5 : 0};
        l->b->attn(l->q, tensor_rows(w, from, end - from), tensor_rows(Q, from, end - from),
                   tensor_rows(K, from, end - from), tensor_rows(V, from, end - from), &s, 0,
                   &(struct seqs){1, part, past, &kv[i == 2]});
        if (i == 1)
            l->b->kv_copy(l->q, kv[1], kv[0], 5);
    }
    compare(b, w, z, 1);
    struct kv *floats = l->b->kv_new(l->q, 0, 1, KV_HEADS * DIM, T, DTYPE_F32, &e);
    l->b->kv_copy(l->q, floats, kv[0], 1);
    assert_false(l->b->queue_status(l->q, &e));
    l->b->kv_free(l->q, floats);
    for (int i = 0; i < 2; i++)
        l->b->kv_free(l->q, kv[i]);
    lab_clear(l);
    lab_clear(r);
}
static void test_attention(void **state)
{
    (void)state;
    on_halves(attention);
}

/* ---- the vocabulary */
static void vocabulary(struct both *b)
{
    enum { T = 14, N = 40, V = 333, BEST = 3 };
    struct lab *l = &b->l, *r = &b->r;
    struct error e = {0};
    double *values;
    const struct weight_source src = {
        b->type, V, N, ORDER_OUT_IN, lab_source(l, b->type, (size_t)V * N, &values), NULL};
    struct weight *w = l->b->weight_new(l->b, &src, USE_PRODUCT, &e),
                  *ref = r->b->weight_new(r->b, &src, USE_PRODUCT, &e);
    for (int32_t few = 0; few < 2; few++) {
        const int32_t rows = few ? 5 : T;
        const float *h = rounded_random(l, (size_t)rows * N, b->type);
        int32_t *target = lab_host(l, T * sizeof *target);
        for (int32_t t = 0; t < rows; t++)
            target[t] = below(l, V);
        struct tensor x = half_tensor(l, rows, N, b->type, h), z = lab_put(r, rows, N, h);
        struct tensor loss = lab_put(l, rows, 1, NULL), expected = lab_put(r, rows, 1, NULL);
        l->b->xent(l->q, loss, x, w, lab_put_i32(l, rows, 1, target), 0);
        r->b->xent(r->q, expected, z, ref, lab_put_i32(r, rows, 1, target), 0);
        compare(b, loss, expected, 10);
        struct tensor id = lab_put_i32(l, rows, BEST, NULL),
                      other = lab_put_i32(r, rows, BEST, NULL), p = lab_put(l, rows, BEST, NULL),
                      q = lab_put(r, rows, BEST, NULL);
        l->b->topn(l->q, id, p, x, w, 0);
        r->b->topn(r->q, other, q, z, ref, 0);
        compare(b, p, q, 10);
        assert_memory_equal(lab_get(l, id), lab_get(r, other),
                            (size_t)rows * BEST * sizeof(int32_t));
        lab_clear(r);
    }
    l->b->weight_free(l->b, w);
    r->b->weight_free(r->b, ref);
    lab_clear(l);
}
static void test_vocabulary(void **state)
{
    (void)state;
    on_halves(vocabulary);
}

/* ---- rounding */
/* To the nearest, there and back; what is too large becomes the largest and is counted, what is no
 * number stays so. */
static void rounding(struct both *b)
{
    enum { N = 500, EDGES = 8 };
    struct lab *l = &b->l;
    const bool f16 = b->type == DTYPE_F16;
    const float most = f16 ? 65504.0f : 0x1.fep127f;
    float *v = lab_random(l, N), edge[EDGES] = {most,
                                                -most,
                                                f16 ? 65519.9f : most,
                                                f16 ? 65520.0f : 0x1.ffp127f,
                                                f16 ? -1e9f : -0x1.fffffep127f,
                                                INFINITY,
                                                -INFINITY,
                                                NAN};
    for (int i = 0; i < N; i++)
        v[i] *= ldexpf(1, below(l, 40) - 25);
    const float *got = half_get(l, half_tensor(l, 1, N, b->type, v));
    for (int i = 0; i < N; i++)
        assert_near(got[i], rounded(b->type, (double)v[i]), 0);
    const uint64_t before = l->q->saturated;
    got = half_get(l, half_tensor(l, 1, EDGES, b->type, edge));
    assert_int_equal(l->q->saturated - before, 2);
    for (int i = 0; i < 5; i++)
        assert_near(fabsf(got[i]), most, 0);
    assert_true(got[4] < 0 && isinf(got[5]) && got[6] < -most && isnan(got[7]));
    lab_clear(l);
}
static void test_rounding(void **state)
{
    (void)state;
    on_halves(rounding);
}

/* Weights of a file in another type: as rounding has them; out of its range they are refused. */
static void convert_weights(enum precision precision, enum dtype to, enum dtype from)
{
#ifdef __x86_64__
    enum { M = 7, N = 13 };
    struct error e = {0};
    struct lab l;
    double *values;
    int32_t id[M];
    lab_init(&l, glimt_backend_new(&(struct backend_want){0, precision}, &e), 5);
    const char *src = lab_source(&l, from, (size_t)M * N, &values);
    const struct weight_source source = {from, M, N, ORDER_OUT_IN, src, NULL};
    struct weight *w = l.b->weight_new(l.b, &source, USE_PRODUCT | USE_ROWS, &e);
    assert_non_null(w);
    assert_int_equal(l.b->weight_reads(w), to);
    for (int32_t i = 0; i < M; i++)
        id[i] = i;
    struct tensor rows = lab_put(&l, M, N, NULL);
    l.b->weight_rows(l.q, rows, w, lab_put_i32(&l, M, 1, id));
    const float *got = lab_get(&l, rows);
    for (int32_t i = 0; i < M * N; i++)
        assert_near(got[i], to == DTYPE_F32 ? values[i] : rounded(to, values[i]), 0);
    l.b->weight_free(l.b, w);
    if (to == DTYPE_F16 && from != DTYPE_F16) {
        const uint16_t bf16 = 0x4780; /* 65,536 */
        const float large = -65536;
        memcpy((char *)(uintptr_t)src + 29 * dtype_size(from),
               from == DTYPE_F32 ? (const void *)&large : &bf16, dtype_size(from));
        assert_null(l.b->weight_new(l.b, &source, USE_PRODUCT, &e));
        assert_int_equal(e.kind, ERROR_INPUT);
        assert_string_equal(
            e.text, "the value at [2, 3] is too large for f16, expected --dtype bf16 or auto");
    }
    lab_release(&l);
#else
    (void)precision, (void)to, (void)from;
#endif
}
static void test_weights(void **state)
{
    (void)state;
    static const enum dtype from[] = {DTYPE_F32, DTYPE_F16, DTYPE_BF16};
    for (int i = 0; i < 3; i++) {
        convert_weights(PRECISION_FILE, from[i], from[i]);
        convert_weights(PRECISION_F16, DTYPE_F16, from[i]);
        convert_weights(PRECISION_BF16, DTYPE_BF16, from[i]);
    }
    convert_weights(PRECISION_F32, DTYPE_F32, DTYPE_F16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_products),   cmocka_unit_test(test_other_types),
        cmocka_unit_test(test_rows),       cmocka_unit_test(test_attention),
        cmocka_unit_test(test_vocabulary), cmocka_unit_test(test_rounding),
        cmocka_unit_test(test_weights),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

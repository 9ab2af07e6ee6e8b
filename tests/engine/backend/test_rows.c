/* Operations that go row by row, against plain loops in double. */
#include "tests/engine/backend/lab.h"

static float *plus(struct lab *l, const float *x, size_t n, float a, float b)
{
    float *v = lab_host(l, n * sizeof *v);
    for (size_t i = 0; i < n; i++)
        v[i] = a * x[i] + b;
    return v;
}

struct norm_case {
    enum norm_kind kind;
    bool in_place, frozen, gamma, beta;
};

static void check_norm(struct lab *l, int32_t rows, int32_t n, float size, float offset,
                       struct norm_case c)
{
    const float *x =
        plus(l, lab_random(l, (size_t)rows * (size_t)n), (size_t)rows * (size_t)n, size, offset);
    const float *gamma = lab_random(l, (size_t)n), *beta = lab_random(l, (size_t)n),
                *given = lab_random(l, (size_t)rows);
    const struct tensor none = {0};
    struct tensor tx = lab_put(l, rows, n, x), ty = c.in_place ? tx : lab_put(l, rows, n, NULL),
                  scales = lab_put(l, rows, 1, NULL);
    l->b->norm(l->q, ty, tx, c.gamma ? lab_put(l, 1, n, gamma) : none,
               c.beta ? lab_put(l, 1, n, beta) : none, 1e-5f, c.kind, scales,
               c.frozen ? lab_put(l, rows, 1, given) : none);
    const float *y = lab_get(l, ty), *s = lab_get(l, scales);
    for (int32_t t = 0; t < rows; t++) {
        double mean = 0, squares = 0;
        for (int32_t i = 0; c.kind != NORM_RMS && i < n; i++)
            mean += (double)x[at(t, i, n)] / n;
        for (int32_t i = 0; i < n; i++)
            squares += pow((double)x[at(t, i, n)] - mean, 2) / n;
        double scale = c.frozen                ? (double)given[t]
                       : c.kind == NORM_CENTRE ? 1
                       : c.kind == NORM_SAMPLE ? 1 / (sqrt(squares * n / (n - 1)) + 1e-5)
                                               : 1 / sqrt(squares + 1e-5);
        assert_near(s[t], scale, 2e-6 * fabs(scale) + 1e-30);
        /* What is left of a small spread around a large mean is known as well as the floats hold
         * it. */
        double loss = 3e-7 * (1 + fabs((double)offset) * fabs(scale));
        for (int32_t i = 0; i < n; i++) {
            double v = ((double)x[at(t, i, n)] - mean) * scale, g = c.gamma ? (double)gamma[i] : 1;
            assert_near(y[at(t, i, n)], v * g + (c.beta ? (double)beta[i] : 0),
                        loss * (1 + fabs(v)) * (1 + fabs(g)) + 1e-6);
        }
    }
    lab_clear(l);
}

static void norms(struct lab *l)
{
    for (int i = 0; i < 60; i++)
        check_norm(l, 1 + below(l, 70), 2 + below(l, 300), i % 3 ? 1.0f : 30.0f,
                   i % 4 ? 0.0f : 8.0f,
                   (struct norm_case){(enum norm_kind)below(l, 4), i % 2 == 0, below(l, 4) == 0,
                                      below(l, 3) > 0, below(l, 3) > 0});
    static const enum norm_kind scales[] = {NORM_LAYER, NORM_RMS, NORM_SAMPLE};
    for (size_t i = 0; i < sizeof scales / sizeof *scales; i++) {
        const struct norm_case c = {scales[i], true, false, true, true};
        check_norm(l, 600, 256, 1.0f, 0.0f, c);
        check_norm(l, 3, 256, 1e17f, 0.0f, c); /* large, and right */
    }
}

/* What float32 can't normalise is an error, wherever it stands: never a row of plain beta. */
static void bad_norms(struct lab *l)
{
    static const float bad[] = {NAN, INFINITY, -INFINITY, 3e20f, -2e38f, 3.4e38f};
    const int n_bad = l->b->caps.real == DTYPE_F64 ? 3 : 6; /* a double carries the others */
    for (int i = 0; i < 60; i++) {
        int32_t rows = 1 + below(l, 70), n = 2 + below(l, 300);
        size_t all = (size_t)rows * (size_t)n;
        float *x = plus(l, lab_random(l, all), all, 1, 0);
        const float *gamma = lab_random(l, (size_t)n);
        struct tensor w = lab_put(l, 1, n, gamma), y = lab_put(l, rows, n, NULL);
        struct error e = {0};
        const enum norm_kind kind = (enum norm_kind)(i / n_bad % 4);
        const struct tensor none = {0};
        l->b->norm(l->q, y, lab_put(l, rows, n, x), w, w, 1e-5f, kind, none, none);
        assert_true(device_well(l->q, &e));
        x[at(below(l, rows), below(l, n), n)] = bad[i % n_bad];
        l->b->norm(l->q, y, lab_put(l, rows, n, x), w, w, 1e-5f, kind, none, none);
        assert_false(device_well(l->q, &e));
        assert_int_equal(e.kind, ERROR_INPUT);
        lab_clear(l);
    }
}
static void test_bad_norm(void **state)
{
    (void)state;
    lab_everywhere(bad_norms, 3);
}
static void test_norm(void **state)
{
    (void)state;
    lab_everywhere(norms, 1);
}

/* A row whose values are all alike is 0 before gamma and beta, whatever is said of its scale; and
 * times what the scale stands for a row is again what it was. */
static void check_unscaled(struct lab *l, int32_t rows, int32_t n)
{
    float *x = lab_random(l, (size_t)rows * (size_t)n);
    for (int32_t i = 0; i < n; i++)
        x[at(rows - 1, i, n)] = 0.75f;
    const struct tensor none = {0};
    struct tensor tx = lab_put(l, rows, n, x), ty = lab_put(l, rows, n, NULL),
                  scale = lab_put(l, rows, 1, NULL);
    l->b->norm(l->q, ty, tx, none, none, 1e-5f, NORM_SAMPLE, scale, none);
    const float *z = lab_get(l, ty), *s = lab_get(l, scale);
    for (int32_t i = 0; i < n; i++)
        assert_near(z[at(rows - 1, i, n)], 0, 1e-2); /* the mean is rounded, s is 1e5 */
    l->b->rows_unscale(l->q, ty, scale, 1e-5f);
    const float *back = lab_get(l, ty);
    for (int32_t t = 0; t < rows; t++)
        for (int32_t i = 0; i < n; i++) {
            const double want = (double)z[at(t, i, n)] * (1 / (double)s[t] - 1e-5);
            assert_near(back[at(t, i, n)], want, 1e-6 * fabs(want) + 1e-9);
        }
    lab_clear(l);
}
static void unscaled(struct lab *l)
{
    for (int i = 0; i < 30; i++)
        check_unscaled(l, 1 + below(l, 70), 1 + below(l, 300));
}
static void test_unscaled(void **state)
{
    (void)state;
    lab_everywhere(unscaled, 6);
}

static double act_exact(double x, enum activation f)
{
    if (f == ACT_GELU)
        return gelu_exact(x);
    if (f == ACT_RELU)
        return x > 0 ? x : 0;
    if (f == ACT_SILU)
        return x / (1 + exp(-x));
    return 0.5 * x * (1 + tanh(sqrt(2 / acos(-1.0)) * (x + 0.044715 * x * x * x)));
}

/* A fine grid over where the functions bend, and the ends of the floats. */
static void activations(struct lab *l)
{
    static const float ends[] = {0.0f,   -0.0f, 1e-30f, -1e-30f, 1e-6f, 50.0f,
                                 -50.0f, 1e4f,  -1e4f,  1e18f,   -1e18f};
    enum { HALF = 20000, N = 2 * HALF + 1, ENDS = sizeof ends / sizeof *ends };
    float *x = lab_host(l, (N + ENDS) * sizeof *x);
    for (int i = 0; i < N; i++)
        x[i] = (float)(i - HALF) * (1.0f / 2000.0f);
    memcpy(x + N, ends, sizeof ends);
    for (enum activation f = ACT_GELU; f <= ACT_SILU; f++) {
        struct tensor tx = lab_put(l, 1, N + ENDS, x),
                      ty = f == ACT_RELU ? tx : lab_put(l, 1, N + ENDS, NULL);
        l->b->act(l->q, ty, tx, (struct tensor){0}, f);
        const float *y = lab_get(l, ty);
        for (int i = 0; i < N + ENDS; i++)
            assert_near(y[i], act_exact((double)x[i], f), 2e-7 + 2e-7 * fabs((double)x[i]));
    }
    lab_clear(l);
    const float odd[] = {NAN, INFINITY};
    for (enum activation f = ACT_GELU; f <= ACT_SILU; f++) {
        struct tensor t = lab_put(l, 1, 2, odd);
        l->b->act(l->q, t, t, (struct tensor){0}, f);
        const float *y = lab_get(l, t);
        assert_true(isnan(y[0]) && isinf(y[1]) && y[1] > 0);
    }
    lab_clear(l);
}
static void test_activations(void **state)
{
    (void)state;
    lab_everywhere(activations, 2);
}

/* Gates: halves of one matrix, in place, or each by itself. */
static void check_gate(struct lab *l, int32_t rows, int32_t n, enum activation f, bool halves)
{
    const float *x = lab_random(l, (size_t)rows * (size_t)n),
                *up = lab_random(l, (size_t)rows * (size_t)n);
    struct tensor both = lab_put(l, rows, 2 * n, NULL),
                  gate = halves ? tensor_cols(both, 0, n) : lab_put(l, rows, n, NULL),
                  mul = halves ? tensor_cols(both, n, n) : lab_put(l, rows, n, NULL);
    l->b->put(l->q, gate, x);
    l->b->put(l->q, mul, up);
    struct tensor y = !halves ? lab_put(l, rows, n, NULL) : below(l, 2) ? gate : mul;
    l->b->act(l->q, y, gate, mul, f);
    if (halves) { /* what stands around the half that was written is the other one */
        float *got = lab_host(l, (size_t)rows * (size_t)n * sizeof *got), *all = lab_get(l, both);
        device_get(l->q, got, y);
        for (int32_t t = 0; t < rows; t++)
            for (int32_t i = 0; i < n; i++) {
                const bool first = y.off == gate.off;
                assert_near(got[at(t, i, n)],
                            act_exact((double)x[at(t, i, n)], f) * (double)up[at(t, i, n)], 3e-6);
                assert_near(all[at(t, first ? n + i : i, 2 * n)], (first ? up : x)[at(t, i, n)], 0);
            }
        return lab_clear(l);
    }
    const float *got = lab_get(l, y);
    for (int32_t i = 0; i < rows * n; i++)
        assert_near(got[i], act_exact((double)x[i], f) * (double)up[i], 3e-6);
    lab_clear(l);
}

static void gates(struct lab *l)
{
    for (int i = 0; i < 40; i++)
        check_gate(l, 1 + below(l, 70), 1 + below(l, 130), (enum activation)(i % 4), i / 4 % 2);
}
static void test_gates(void **state)
{
    (void)state;
    lab_everywhere(gates, 5);
}

static void check_sums(struct lab *l, int32_t rows, int32_t n, int32_t m)
{
    const float *y = lab_random(l, (size_t)rows * (size_t)n),
                *x = lab_random(l, (size_t)rows * (size_t)n);
    const float *c = lab_random(l, (size_t)rows * (size_t)m),
                *u = lab_random(l, (size_t)m * (size_t)n);
    struct tensor ty = lab_put(l, rows, n, y), tx = lab_put(l, rows, n, x),
                  row = lab_put(l, 1, n, x);
    struct tensor tz = lab_put(l, rows, n, y), tw = lab_put(l, rows, n, y);
    l->b->add(l->q, ty, tx, -0.75f);
    l->b->add(l->q, tz, row, 2.0f);
    l->b->add_outer(l->q, tw, lab_put(l, rows, m, c), lab_put(l, m, n, u));
    const float *a = lab_get(l, ty), *b = lab_get(l, tz), *o = lab_get(l, tw);
    for (int32_t t = 0; t < rows; t++)
        for (int32_t i = 0; i < n; i++) {
            double was = (double)y[at(t, i, n)], sum = was;
            assert_near(a[at(t, i, n)], was - 0.75 * (double)x[at(t, i, n)], 1e-6);
            assert_near(b[at(t, i, n)], was + 2 * (double)x[i], 2e-6);
            for (int32_t j = 0; j < m; j++)
                sum += (double)c[at(t, j, m)] * (double)u[at(j, i, n)];
            assert_near(o[at(t, i, n)], sum, 1e-5);
        }
    lab_clear(l);
}

static void sums(struct lab *l)
{
    for (int i = 0; i < 30; i++)
        check_sums(l, 1 + below(l, 70), 1 + below(l, 130), 1 + below(l, 7));
}
static void test_sums(void **state)
{
    (void)state;
    lab_everywhere(sums, 3);
}

static void check_moves(struct lab *l, int32_t rows, int32_t n, int32_t picked)
{
    const float *x = lab_random(l, (size_t)rows * (size_t)n),
                *z = lab_random(l, (size_t)picked * (size_t)n);
    int32_t *id = lab_host(l, (size_t)picked * sizeof *id),
            *last = lab_host(l, (size_t)rows * sizeof *last);
    for (int32_t i = 0; i < rows; i++)
        last[i] = -1;
    for (int32_t i = 0; i < picked; i++)
        last[id[i] = below(l, rows)] = i;
    struct tensor tx = lab_put(l, rows, n, x), ids = lab_put_i32(l, picked, 1, id);
    struct tensor ty = lab_put(l, picked, n, NULL), copy = lab_put(l, rows, n, NULL);
    l->b->rows_get(l->q, ty, tx, ids);
    l->b->copy(l->q, copy, tx);
    l->b->rows_set(l->q, tx, lab_put(l, picked, n, z), ids);
    const float *y = lab_get(l, ty), *set = lab_get(l, tx);
    for (int32_t i = 0; i < picked; i++)
        assert_memory_equal(y + at(i, 0, n), x + at(id[i], 0, n), (size_t)n * sizeof *y);
    for (int32_t t = 0; t < rows; t++)
        assert_memory_equal(set + at(t, 0, n),
                            last[t] < 0 ? x + at(t, 0, n) : z + at(last[t], 0, n),
                            (size_t)n * sizeof *y);
    assert_memory_equal(lab_get(l, copy), x, (size_t)rows * (size_t)n * sizeof *x);
    lab_clear(l);
}

static void moves(struct lab *l)
{
    for (int i = 0; i < 30; i++)
        check_moves(l, 1 + below(l, 70), 1 + below(l, 130), 1 + below(l, 90));
    const int32_t v[] = {5, -7, INT32_MAX, 0}, id[] = {3, 1};
    struct tensor whole = lab_put_i32(l, 4, 1, v), two = lab_put_i32(l, 2, 1, NULL);
    l->b->rows_get(l->q, two, whole, lab_put_i32(l, 2, 1, id));
    const int32_t *got = lab_get(l, two);
    assert_int_equal(got[0], 0);
    assert_int_equal(got[1], -7);
    lab_clear(l);
}
static void test_moves(void **state)
{
    (void)state;
    lab_everywhere(moves, 4);
}

/* Sums in double; columns are added to what is there. */
static void check_double_sums(struct lab *l, int32_t rows, int32_t n)
{
    const float *x = lab_random(l, (size_t)rows * (size_t)n),
                *z = lab_random(l, (size_t)rows * (size_t)n);
    const float zeros[2 * 130] = {0};
    struct tensor tx = lab_put(l, rows, n, x), tz = lab_put(l, rows, n, z), none = {0};
    struct tensor both = lab_tensor(l, rows, 2, DTYPE_F64, NULL),
                  one = lab_tensor(l, rows, 2, DTYPE_F64, NULL),
                  sum = lab_tensor(l, 1, n, DTYPE_F64, zeros),
                  of_sum = lab_tensor(l, 1, 2, DTYPE_F64, NULL);
    l->b->row_stats(l->q, both, tx, tz);
    l->b->row_stats(l->q, one, tx, none);
    l->b->col_sums(l->q, sum, tx, 1);
    l->b->col_sums(l->q, sum, tensor_rows(tz, 0, rows), -1);
    l->b->col_sums(l->q, sum, sum, 1); /* of doubles, and in place: twice as much */
    l->b->row_stats(l->q, of_sum, sum, none);
    struct tensor moved = lab_tensor(l, rows, 2, DTYPE_F64, NULL), /* elements of any size move */
        back_row = lab_tensor(l, 1, 2, DTYPE_F64, NULL);
    const int32_t last[] = {rows - 1};
    l->b->copy(l->q, moved, one);
    l->b->rows_set(l->q, moved, tensor_rows(both, 0, 1), lab_put_i32(l, 1, 1, last));
    l->b->rows_get(l->q, back_row, moved, lab_put_i32(l, 1, 1, last));
    const double *got = lab_get_f64(l, both), *alone = lab_get_f64(l, one),
                 *column = lab_get_f64(l, sum), *square = lab_get_f64(l, of_sum);
    double want = 0;
    assert_memory_equal(lab_get_f64(l, back_row), got, 2 * sizeof *got);
    if (rows > 1)
        assert_memory_equal(lab_get_f64(l, moved), alone, 2 * sizeof *alone);
    double *back = lab_host(l, (size_t)rows * (size_t)n * sizeof *back);
    device_get_f64(l->q, back, tx);
    for (int32_t t = 0; t < rows; t++) {
        double sq = 0, se = 0;
        for (int32_t i = 0; i < n; i++) {
            double v = (double)x[at(t, i, n)], e = v - (double)z[at(t, i, n)];
            sq += v * v, se += e * e;
            assert_near(back[at(t, i, n)], v, 0);
        }
        assert_near(got[t * 2], sq, 1e-13 * sq);
        assert_near(got[t * 2 + 1], se, 1e-13 * se);
        assert_near(alone[t * 2], sq, 1e-13 * sq);
        assert_near(alone[t * 2 + 1], 0, 0);
    }
    for (int32_t i = 0; i < n; i++) {
        double s = 0;
        for (int32_t t = 0; t < rows; t++)
            s += 2 * ((double)x[at(t, i, n)] - (double)z[at(t, i, n)]);
        assert_near(column[i], s, 1e-12);
        want += s * s;
    }
    assert_near(square[0], want, 1e-11 * (1 + want));
    lab_clear(l);
}

static void double_sums(struct lab *l)
{
    for (int i = 0; i < 30; i++)
        check_double_sums(l, 1 + below(l, 70), 1 + below(l, 130));
}
static void test_double_sums(void **state)
{
    (void)state;
    lab_everywhere(double_sums, 5);
}

/* Rows that are added where several may fall on one, and columns by number. */
static void check_rows_add(struct lab *l, int32_t rows, int32_t n, int32_t picked)
{
    const float *y = lab_random(l, (size_t)rows * (size_t)n),
                *x = lab_random(l, (size_t)picked * (size_t)n);
    int32_t *id = lab_host(l, (size_t)picked * sizeof *id),
            *col = lab_host(l, (size_t)picked * sizeof *col);
    for (int32_t i = 0; i < picked; i++)
        id[i] = below(l, rows), col[i] = below(l, n);
    struct tensor ty = lab_put(l, rows, n, y), few = lab_put(l, rows, picked, NULL);
    l->b->cols_get(l->q, few, ty, lab_put_i32(l, picked, 1, col));
    l->b->rows_add(l->q, ty, lab_put(l, picked, n, x), lab_put_i32(l, picked, 1, id));
    const float *got = lab_get(l, ty), *columns = lab_get(l, few);
    for (int32_t t = 0; t < rows; t++) {
        for (int32_t i = 0; i < n; i++) {
            double sum = (double)y[at(t, i, n)];
            for (int32_t j = 0; j < picked; j++)
                sum += id[j] == t ? (double)x[at(j, i, n)] : 0;
            assert_near(got[at(t, i, n)], sum, 2e-5);
        }
        for (int32_t j = 0; j < picked; j++)
            assert_near(columns[at(t, j, picked)], y[at(t, col[j], n)], 0);
    }
    lab_clear(l);
}

static void rows_added(struct lab *l)
{
    for (int i = 0; i < 30; i++)
        check_rows_add(l, 1 + below(l, 40), 1 + below(l, 130), 1 + below(l, 60));
}
static void test_rows_add(void **state)
{
    (void)state;
    lab_everywhere(rows_added, 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_norm),     cmocka_unit_test(test_unscaled),
        cmocka_unit_test(test_bad_norm), cmocka_unit_test(test_activations),
        cmocka_unit_test(test_gates),    cmocka_unit_test(test_sums),
        cmocka_unit_test(test_moves),    cmocka_unit_test(test_double_sums),
        cmocka_unit_test(test_rows_add),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

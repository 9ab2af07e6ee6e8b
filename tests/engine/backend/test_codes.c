/* Sparse codes: selection of every kind, and what is read from them, against plain loops. */
#include "tests/engine/backend/lab.h"
#include "tests/support/effort.h"

struct entry {
    double key, value;
    int32_t i;
};

/* Random shapes to try: fewer where they are slow. */
static int cases(int n)
{
    return quick() ? n / 4 : n;
}

static int by_key(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    if (x->key > y->key || x->key < y->key)
        return x->key > y->key ? -1 : 1;
    return x->i < y->i ? -1 : x->i > y->i;
}

enum row_kind { RANDOM, RISING, FALLING, EQUAL, FEW_VALUES, MINUS_ZERO, TOWERS, NEGATIVE, N_KINDS };

static float row_value(struct lab *l, enum row_kind kind, int32_t i)
{
    switch (kind) {
    case RISING: return (float)i;
    case FALLING: return (float)-i;
    case EQUAL: return 1.5f;
    case FEW_VALUES: return (float)(below(l, 5) - 2);
    case MINUS_ZERO: return below(l, 2) ? 0.0f : -0.0f;
    case TOWERS: return i % 2 ? (float)i : (float)-i;
    case NEGATIVE: return -1.0f - (float)below(l, 9);
    default: return normal(l);
    }
}

struct problem {
    struct select by;
    int32_t rows, m;
    float *x, *threshold, *scale, *shift;
};

static struct problem random_problem(struct lab *l, enum select_kind kind, int32_t rows, int32_t m,
                                     int32_t k)
{
    struct problem p = {.rows = rows, .m = m};
    p.by = (struct select){.kind = kind, .relu = below(l, 2) == 0, .k = k, .what = "latent"};
    p.x = lab_host(l, (size_t)rows * (size_t)m * sizeof *p.x);
    for (int32_t t = 0; t < rows; t++) {
        enum row_kind row = (enum row_kind)((t + below(l, N_KINDS)) % N_KINDS);
        for (int32_t i = 0; i < m; i++)
            p.x[at(t, i, m)] = row_value(l, row, i);
    }
    if (kind == SELECT_THRESHOLD) {
        int32_t n = below(l, 2) ? 1 : m;
        p.threshold = lab_random(l, (size_t)n);
        p.by.threshold = lab_put(l, 1, n, p.threshold);
    }
    if (kind == SELECT_GATED) {
        p.scale = lab_random(l, (size_t)m);
        p.shift = lab_random(l, (size_t)m);
        p.by.scale = lab_put(l, 1, m, p.scale);
        p.by.shift = lab_put(l, 1, m, p.shift);
    }
    return p;
}

/* The active values of a row in their order, by the definitions; their number. */
static int32_t wanted(const struct problem *p, int32_t t, struct entry *out)
{
    const float *x = p->x + at(t, 0, p->m);
    struct entry *all = xcalloc((size_t)p->m, sizeof *all);
    int32_t n = p->m, active = 0;
    for (int32_t i = 0; i < p->m; i++) {
        double v = (double)x[i];
        if (p->by.kind == SELECT_THRESHOLD)
            v = v > (double)p->threshold[p->by.threshold.cols == 1 ? 0 : i] ? v : 0;
        if (p->by.kind == SELECT_GATED)
            v = v > 0 ? fmax(0, (double)p->scale[i] * v + (double)p->shift[i]) : 0;
        all[i] = (struct entry){.value = v, .i = i, .key = -i};
        if (p->by.kind == SELECT_TOPK)
            all[i].key = v;
        if (p->by.kind == SELECT_ABSTOPK)
            all[i].key = fabs(v);
    }
    if (p->by.kind == SELECT_GROUPMAX) {
        int32_t width = p->m / p->by.k;
        for (int32_t g = 0; g < p->by.k; g++) {
            struct entry best = all[g * width];
            for (int32_t i = g * width; i < (g + 1) * width; i++)
                best = all[i].value > best.value ? all[i] : best;
            all[g] = best;
        }
        n = p->by.k;
    }
    qsort(all, (size_t)n, sizeof *all, by_key);
    if (p->by.kind == SELECT_TOPK || p->by.kind == SELECT_ABSTOPK)
        n = p->by.k;
    for (int32_t i = 0; i < n; i++)
        if (all[i].value > 0 || (all[i].value < 0 && !p->by.relu))
            out[active++] = all[i];
    free(all);
    return active;
}

static void same_row(const struct problem *p, int32_t t, const int32_t *id, const float *v,
                     int32_t n)
{
    struct entry *want = xcalloc((size_t)p->m + 1, sizeof *want);
    int32_t n_want = wanted(p, t, want);
    assert_int_equal(n, n_want);
    for (int32_t i = 0; i < n; i++) {
        assert_int_equal(id[i], want[i].i);
        assert_near(v[i], want[i].value,
                    p->by.kind == SELECT_GATED ? 1e-6 * (1 + fabs(want[i].value)) : 0);
    }
    free(want);
}

/* In two calls, as a long batch is selected in pieces. */
static void select_in_two(struct lab *l, struct csr *f, const struct problem *p, int32_t first)
{
    struct tensor pre = lab_put(l, p->rows, p->m, p->x);
    l->b->select(l->q, f, 0, tensor_rows(pre, 0, first), &p->by);
    l->b->select(l->q, f, first, tensor_rows(pre, first, p->rows - first), &p->by);
}

static void check_select(struct lab *l, enum select_kind kind, int32_t rows, int32_t m, int32_t k)
{
    struct problem p = random_problem(l, kind, rows, m, k);
    int32_t first = below(l, rows + 1), total = 0, fit = 0;
    int32_t room = select_is_bounded(&p.by) ? rows * k : rows * m;
    struct csr f = lab_csr(l, rows, room);
    select_in_two(l, &f, &p, first);
    const int32_t *start = lab_get(l, f.start), *id = lab_get(l, f.ids);
    const float *v = lab_get(l, f.vals);
    assert_int_equal(start[0], 0);
    for (int32_t t = 0; t < rows; t++)
        same_row(&p, t, id + start[t], v + start[t], start[t + 1] - start[t]);
    total = start[rows];
    if (select_is_bounded(&p.by) || total < 2) {
        lab_clear(l);
        return;
    }
    /* where there is too little room, the starts say how much is missing */
    int32_t less = 1 + below(l, total - 1);
    struct csr g = lab_csr(l, rows, less);
    l->b->select(l->q, &g, 0, lab_put(l, rows, m, p.x), &p.by);
    const int32_t *start_g = lab_get(l, g.start), *id_g = lab_get(l, g.ids);
    assert_memory_equal(start_g, start, ((size_t)rows + 1) * sizeof *start);
    while (fit < rows && start[fit + 1] <= less)
        fit++;
    assert_memory_equal(id_g, id, (size_t)start[fit] * sizeof *id);
    lab_clear(l);
}

static void selections(struct lab *l)
{
    for (int i = 0; i < cases(40); i++) {
        int32_t m = 1 + below(l, i % 4 == 0 ? 5000 : 300), k = 1 + below(l, i % 3 == 0 ? m
                                                                            : m < 33   ? m
                                                                                       : 33);
        check_select(l, SELECT_TOPK, 1 + below(l, 12), m, k);
        check_select(l, SELECT_ABSTOPK, 1 + below(l, 12), m, k);
    }
    for (int i = 0; i < cases(20); i++) {
        int32_t k = 1 + below(l, 20);
        check_select(l, SELECT_GROUPMAX, 1 + below(l, 12), k * (1 + below(l, 20)), k);
        check_select(l, SELECT_ALL, 1 + below(l, 12), 1 + below(l, 300), 0);
        check_select(l, SELECT_THRESHOLD, 1 + below(l, 12), 1 + below(l, 300), 0);
        check_select(l, SELECT_GATED, 1 + below(l, 12), 1 + below(l, 300), 0);
    }
    check_select(l, SELECT_TOPK, 9, 65536, 32);
    check_select(l, SELECT_TOPK, 3, 4097, 4097);
    check_select(l, SELECT_ALL, 70, 4097, 0);
    check_select(l, SELECT_GROUPMAX, 5, 65536, 32);
}
static void test_select(void **state)
{
    (void)state;
    lab_everywhere(selections, 1);
}

/* A value that is no number never passes in silence. */
static void bad_values(struct lab *l)
{
    static const float bad[] = {NAN, INFINITY, -INFINITY};
    for (int i = 0; i < cases(90); i++) {
        enum select_kind kind = (enum select_kind)(i % (SELECT_ALL + 1));
        int32_t k = 1 + below(l, 5), m = k * (1 + below(l, 40)), rows = 1 + below(l, 9);
        struct problem p = random_problem(l, kind, rows, m, k);
        int32_t t = below(l, rows), column = below(l, m);
        float value = bad[i / 6 % 3];
        for (int32_t j = 0; j < rows * m; j++)
            p.x[j] = 1 + normal(l) * 0.125f;
        p.x[at(t, column, m)] = value;
        /* of the largest an infinity is one; NaN and −∞ are when all are asked for */
        bool largest = value > 0 || (kind == SELECT_ABSTOPK && value < 0);
        if (kind == SELECT_TOPK || kind == SELECT_ABSTOPK)
            p.by.k = largest ? p.by.k : m;
        struct csr f = lab_csr(l, rows, rows * m);
        l->b->select(l->q, &f, 0, lab_put(l, rows, m, p.x), &p.by);
        struct error e = {0};
        char says[80];
        assert_false(device_well(l->q, &e));
        assert_int_equal(e.kind, ERROR_INPUT);
        snprintf(says, sizeof says, "latent %d has a value that is no finite number", column);
        assert_non_null(strstr(e.text, says));
        if (kind == SELECT_TOPK && !largest && k < m) { /* not selected: nobody looks at it */
            p.by.k = k;
            l->b->select(l->q, &f, 0, lab_put(l, rows, m, p.x), &p.by);
            assert_true(device_well(l->q, &e));
        }
        lab_clear(l);
    }
}
static void test_bad_values(void **state)
{
    (void)state;
    lab_everywhere(bad_values, 2);
}

static void check_get(struct lab *l, int32_t rows, int32_t m, int32_t n)
{
    int32_t *start = lab_host(l, ((size_t)rows + 1) * sizeof *start);
    int32_t *id = lab_host(l, (size_t)rows * (size_t)m * sizeof *id),
            *unit = lab_host(l, (size_t)n * sizeof *unit);
    float *v = lab_random(l, (size_t)rows * (size_t)m);
    start[0] = 0;
    for (int32_t t = 0; t < rows; t++) {
        start[t + 1] = start[t];
        for (int32_t i = 0; i < m; i++)
            if (below(l, 3) == 0)
                id[start[t + 1]++] = i;
    }
    for (int32_t j = 0; j < n; j++)
        unit[j] = below(l, m);
    struct csr f = lab_put_csr(l, rows, start, id, v);
    struct tensor y = lab_put(l, rows, n, NULL);
    l->b->csr_get(l->q, y, &f, lab_put_i32(l, n, 1, unit));
    const float *got = lab_get(l, y);
    for (int32_t t = 0; t < rows; t++)
        for (int32_t j = 0; j < n; j++) {
            float want = 0;
            for (int32_t i = start[t]; i < start[t + 1]; i++)
                want = id[i] == unit[j] ? v[i] : want;
            assert_near(got[at(t, j, n)], want, 0);
        }
    lab_clear(l);
}

static void gets(struct lab *l)
{
    for (int i = 0; i < cases(30); i++)
        check_get(l, 1 + below(l, 80), 1 + below(l, 90), 1 + below(l, 17));
}
static void test_csr_get(void **state)
{
    (void)state;
    lab_everywhere(gets, 3);
}

static void check_dot(struct lab *l, int32_t rows, int32_t m, int32_t n, int32_t few,
                      enum dtype type, enum order order)
{
    struct error e = {0};
    double *w;
    const void *src = lab_source(l, type, (size_t)m * (size_t)n, &w);
    struct weight *weight = l->b->weight_new(
        l->b, &(struct weight_source){type, m, n, order, src, NULL}, USE_ROWS | USE_PRODUCT, &e);
    assert_non_null(weight);
    const float *x = lab_random(l, (size_t)rows * (size_t)n), *bias = lab_random(l, (size_t)m);
    int32_t *id = lab_host(l, (size_t)few * sizeof *id);
    for (int32_t j = 0; j < few; j++)
        id[j] = below(l, m);
    struct tensor tb = below(l, 2) ? lab_put(l, 1, m, bias) : (struct tensor){0}, none = {0};
    struct tensor tx = lab_put(l, rows, n, x), y = lab_put(l, rows, few, NULL),
                  all = lab_put(l, rows, m, NULL);
    l->b->dot_rows(l->q, y, tx, weight, lab_put_i32(l, few, 1, id), tb);
    l->b->linear(l->q, all, tx, weight, tb.buf ? tb : none, EPILOGUE_NONE);
    const float *got = lab_get(l, y), *product = lab_get(l, all);
    for (int32_t t = 0; t < rows; t++)
        for (int32_t j = 0; j < few; j++) {
            double sum = tb.buf ? (double)bias[id[j]] : 0, size = fabs(sum);
            for (int32_t i = 0; i < n; i++) {
                double v = (double)x[at(t, i, n)] * element_of(w, order, m, n, id[j], i);
                sum += v, size += fabs(v);
            }
            assert_near(got[at(t, j, few)], sum, 1e-6 * size);
            assert_near(got[at(t, j, few)], product[at(t, id[j], m)],
                        lab_batch_matters(l) ? 1e-6 * size : 0); /* the same bits */
        }
    l->b->weight_free(l->b, weight);
    lab_clear(l);
}

static void dots(struct lab *l)
{
    static const enum dtype type[] = {DTYPE_F32, DTYPE_F16, DTYPE_BF16};
    for (int i = 0; i < cases(40); i++)
        check_dot(l, 1 + below(l, 70), 1 + below(l, 90), 1 + below(l, 300), 1 + below(l, 70),
                  type[i % 3], i % 5 == 0 ? ORDER_IN_OUT : ORDER_OUT_IN);
}
static void test_dot_rows(void **state)
{
    (void)state;
    lab_everywhere(dots, 4);
}

static void changes(struct lab *l)
{
    for (int i = 0; i < cases(30); i++) {
        int32_t rows = 1 + below(l, 50), n = 1 + below(l, 17);
        const float *f = lab_random(l, (size_t)rows * (size_t)n), *v = lab_random(l, (size_t)n);
        int32_t *mode = lab_host(l, (size_t)n * sizeof *mode);
        for (int32_t j = 0; j < n; j++)
            mode[j] = below(l, UNIT_ZERO + 1);
        struct tensor tf = lab_put(l, rows, n, f), c = i % 2 ? tf : lab_put(l, rows, n, NULL);
        l->b->unit_change(l->q, c, tf, lab_put(l, 1, n, v), lab_put_i32(l, 1, n, mode));
        const float *got = lab_get(l, c);
        for (int32_t t = 0; t < rows; t++)
            for (int32_t j = 0; j < n; j++) {
                double was = (double)f[at(t, j, n)], to = (double)v[j];
                double is = mode[j] == UNIT_FIX     ? to
                            : mode[j] == UNIT_SCALE ? to * was
                            : mode[j] == UNIT_ADD   ? was + to
                                                    : 0;
                assert_near(got[at(t, j, n)], is - was, 2e-6);
            }
        lab_clear(l);
    }
}
static void test_unit_change(void **state)
{
    (void)state;
    lab_everywhere(changes, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_select),      cmocka_unit_test(test_bad_values),
        cmocka_unit_test(test_csr_get),     cmocka_unit_test(test_dot_rows),
        cmocka_unit_test(test_unit_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Histograms and moments of columns on every device, held against a count of all values in the end.
 */
#include "tests/engine/backend/lab.h"

enum { HALF = HIST_BINS / 2 };

static struct hist lab_hist(struct lab *l, int32_t m, int32_t n_classes)
{
    struct hist h = {.n_classes = n_classes,
                     .bins = lab_put_i32(l, n_classes * m, HIST_BINS, NULL),
                     .exponent = lab_put_i32(l, 1, m, NULL),
                     .sums = lab_tensor(l, 2 * n_classes, m, DTYPE_F64, NULL),
                     .range = lab_put(l, 2 * n_classes, m, NULL),
                     .what = "latent"};
    l->b->hist_clear(l->q, &h);
    return h;
}

struct rows { /* all that was added, in order */
    int32_t n, m, n_classes;
    const float *v;
    const int32_t *cls;
};

static int32_t exponent_of(const struct rows *r, int32_t j)
{
    int32_t e = HIST_LEAST;
    for (int32_t t = 0; t < r->n; t++)
        while (r->cls[t] >= 0 && (floor(ldexp((double)r->v[at(t, j, r->m)], -e)) < -HALF ||
                                  floor(ldexp((double)r->v[at(t, j, r->m)], -e)) >= HALF))
            e++;
    return e;
}

/* Sums of one batch run in the order of its rows; over several, of what each has. */
static void check_class(const struct rows *r, int32_t c, int32_t j, int32_t e, const int32_t *bin,
                        const double *sums, const float *range)
{
    int32_t want[HIST_BINS] = {0};
    double sum = 0, sq = 0;
    float min = INFINITY, max = -INFINITY;
    for (int32_t t = 0; t < r->n; t++) {
        const float v = r->v[at(t, j, r->m)];
        if (r->cls[t] != c)
            continue;
        want[(int32_t)floor(ldexp((double)v, -e)) + HALF]++;
        sum += (double)v, sq += (double)v * (double)v;
        min = v < min ? v : min, max = v > max ? v : max;
    }
    assert_memory_equal(bin + at(c * r->m + j, 0, HIST_BINS), want, sizeof want);
    assert_near(sums[at(c, j, r->m)], sum, 1e-12 * sqrt(sq * (r->n + 1)));
    assert_near(sums[at(r->n_classes + c, j, r->m)], sq, 1e-12 * sq);
    assert_true(range[at(c, j, r->m)] >= min && range[at(c, j, r->m)] <= min);
    assert_true(range[at(r->n_classes + c, j, r->m)] >= max &&
                range[at(r->n_classes + c, j, r->m)] <= max);
}

static void check_hist(struct lab *l, const struct hist *h, const struct rows *r)
{
    const int32_t *bin = lab_get(l, h->bins), *exponent = lab_get(l, h->exponent);
    const float *range = lab_get(l, h->range);
    const double *sums = lab_get_f64(l, h->sums);
    for (int32_t j = 0; j < r->m; j++) {
        const int32_t e = exponent_of(r, j);
        assert_int_equal(exponent[j], e);
        for (int32_t c = 0; c < r->n_classes; c++)
            check_class(r, c, j, e, bin, sums, range);
    }
}

/* Of every size, also where bins begin: powers of two, tiny ones, zeros of both signs. */
static float value(struct lab *l)
{
    static const float odd[] = {0.0f,    -0.0f, 1e-44f, -1e-44f, -1e-30f,  0.125f,
                                -0.125f, 4.0f,  -4.0f,  0x1p-8f, -0x1p-8f, 0x1.fffffep-4f};
    if (below(l, 8) == 0)
        return odd[below(l, (int32_t)(sizeof odd / sizeof *odd))];
    return ldexpf(normal(l), below(l, 24) == 0 ? below(l, 90) : below(l, 5) - 6);
}

static struct rows more(struct lab *l, int32_t n, int32_t m, int32_t n_classes)
{
    float *v = lab_host(l, (size_t)n * (size_t)m * sizeof *v);
    int32_t *cls = lab_host(l, (size_t)n * sizeof *cls);
    for (int32_t t = 0; t < n; t++)
        cls[t] = below(l, n_classes + 1) - 1;
    for (size_t i = 0; i < (size_t)n * (size_t)m; i++)
        v[i] = value(l);
    return (struct rows){n, m, n_classes, v, cls};
}

/* Batches added to one of two histograms, which are put together now and then. */
static void check(struct lab *l, int32_t m, int32_t n_classes, int32_t batches)
{
    enum { ROWS = 40 };
    const struct hist sum = lab_hist(l, m, n_classes), part = lab_hist(l, m, n_classes);
    const struct rows all = more(l, batches * ROWS, m, n_classes),
                      none = {.m = m, .n_classes = n_classes};
    struct rows seen = all;
    int32_t first = 0;
    for (int32_t i = 0; i < batches; i++) {
        const int32_t n = i == 0 ? 0 : below(l, ROWS);
        struct tensor pre = lab_put(l, n, m, all.v + at(first, 0, m));
        struct tensor cls = lab_put_i32(l, n, 1, all.cls + first);
        l->b->hist(l->q, &part, pre, cls);
        first += n;
        if (i % 2 == 1)
            l->b->hist_move(l->q, &sum, &part);
    }
    l->b->hist_move(l->q, &sum, &part);
    seen.n = first;
    check_hist(l, &sum, &seen);
    check_hist(l, &part, &none);
    l->b->hist_move(l->q, &part, &sum); /* into an empty one */
    check_hist(l, &part, &seen);
    l->b->hist_clear(l->q, &part);
    check_hist(l, &part, &none);
    lab_clear(l);
}

static void hists(struct lab *l)
{
    for (int i = 0; i < 12; i++)
        check(l, 1 + below(l, 70), 1 + below(l, 4), 1 + below(l, 6));
    check(l, 1, 32, 3);
    check(l, 523, 2, 3);
}
static void test_hists(void **state)
{
    (void)state;
    lab_everywhere(hists, 31);
}

/* All values of a float, from one exponent to the last. */
static void widest(struct lab *l)
{
    const float v[] = {3.4e38f, -3.4e38f, 1e-3f, -1e-3f};
    const int32_t cls[] = {0, 0, 0, 0};
    const struct hist h = lab_hist(l, 1, 1);
    for (int32_t t = 3; t >= 0; t--)
        l->b->hist(l->q, &h, lab_put(l, 1, 1, v + t), lab_put_i32(l, 1, 1, cls));
    check_hist(l, &h, &(struct rows){4, 1, 1, v, cls});
    assert_int_equal(*(const int32_t *)lab_get(l, h.exponent), HIST_MOST);
    lab_clear(l);
}
static void test_widest(void **state)
{
    (void)state;
    lab_everywhere(widest, 32);
}

static enum error_kind says(struct lab *l, const char *what)
{
    struct error e = {0};
    assert_false(device_well(l->q, &e));
    if (!strstr(e.text, what))
        fail_msg("error \"%s\", expected \"%s\" in it", e.text, what);
    return e.kind;
}

/* What is not counted may be anything; a counted NaN is told by its column, as is a class that is
 * not there; afterwards a cleared histogram counts again. */
static void bad(struct lab *l)
{
    float v[2 * 300] = {0};
    int32_t cls[] = {-1, 1};
    const struct hist h = lab_hist(l, 300, 2), other = lab_hist(l, 300, 1);
    for (int i = 0; i < 2; i++) {
        v[7] = v[300 + 270] = i == 0 ? NAN : INFINITY;
        struct tensor pre = lab_put(l, 2, 300, v), of = lab_put_i32(l, 2, 1, cls);
        l->b->hist(l->q, &h, tensor_rows(pre, 0, 1), tensor_rows(of, 0, 1));
        check_hist(l, &h, &(struct rows){1, 300, 2, v, cls});
        l->b->hist(l->q, &h, pre, of);
        assert_true(says(l, "latent 270 has a value that is no finite number") == ERROR_INPUT);
        l->b->hist_clear(l->q, &h);
        v[300 + 270] = 2;
        l->b->hist(l->q, &h, lab_put(l, 2, 300, v), of);
        check_hist(l, &h, &(struct rows){2, 300, 2, v, cls});
        l->b->hist_clear(l->q, &h);
    }
    cls[0] = 2;
    l->b->hist(l->q, &h, lab_put(l, 2, 300, v), lab_put_i32(l, 2, 1, cls));
    says(l, "2");
    l->b->hist_move(l->q, &h, &other);
    says(l, "1");
    l->b->hist(l->q, &h, lab_put(l, 1, 299, v), lab_put_i32(l, 1, 1, cls));
    says(l, "299");
    lab_clear(l);
}
static void test_bad(void **state)
{
    (void)state;
    lab_everywhere(bad, 33);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hists),
        cmocka_unit_test(test_widest),
        cmocka_unit_test(test_bad),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Cross-entropy and the most likely tokens. */
#include "tests/engine/backend/lab.h"

struct head {
    int32_t rows, in, vocab;
    double *logit; /* [rows, vocab] */
    struct tensor h;
    struct weight *U;
};

static struct head random_head(struct lab *l, int32_t rows, int32_t in, int32_t vocab,
                               enum dtype type, float size, float soft_cap)
{
    struct error e = {0};
    struct head d = {.rows = rows, .in = in, .vocab = vocab};
    double *w;
    const void *src = lab_source(l, type, (size_t)vocab * (size_t)in, &w);
    float *h = lab_random(l, (size_t)rows * (size_t)in);
    d.logit = lab_host(l, (size_t)rows * (size_t)vocab * sizeof *d.logit);
    for (int32_t i = 0; i < rows * in; i++)
        h[i] *= size;
    for (int32_t t = 0; t < rows; t++)
        for (int32_t o = 0; o < vocab; o++) {
            double sum = 0;
            for (int32_t i = 0; i < in; i++)
                sum += (double)h[at(t, i, in)] * w[at(o, i, in)];
            d.logit[at(t, o, vocab)] =
                soft_cap > 0 ? (double)soft_cap * tanh(sum / (double)soft_cap) : sum;
        }
    d.h = lab_put(l, rows, in, h);
    d.U = l->b->weight_new(l->b, &(struct weight_source){type, vocab, in, ORDER_OUT_IN, src, NULL},
                           USE_PRODUCT, &e);
    assert_non_null(d.U);
    return d;
}

static double log_sum(const double *x, int32_t n)
{
    double max = -INFINITY, sum = 0;
    for (int32_t i = 0; i < n; i++)
        max = x[i] > max ? x[i] : max;
    for (int32_t i = 0; i < n; i++)
        sum += exp(x[i] - max);
    return max + log(sum);
}

static void check_xent(struct lab *l, int32_t rows, int32_t in, int32_t vocab, enum dtype type,
                       float size, float soft_cap)
{
    struct head d = random_head(l, rows, in, vocab, type, size, soft_cap);
    int32_t *target = lab_host(l, (size_t)rows * sizeof *target);
    for (int32_t t = 0; t < rows; t++)
        target[t] = t % 5 == 3 ? -1 : t % 5 == 1 ? vocab - 1 : below(l, vocab);
    struct tensor loss = lab_put(l, rows, 1, NULL), targets = lab_put_i32(l, rows, 1, target);
    l->b->xent(l->q, loss, d.h, d.U, targets, soft_cap);
    const float *got = lab_get(l, loss);
    for (int32_t t = 0; t < rows; t++) {
        const double *logit = d.logit + at(t, 0, vocab);
        if (target[t] < 0)
            assert_true(isnan(got[t]));
        else
            assert_near(got[t], log_sum(logit, vocab) - logit[target[t]],
                        2e-6 * (4 + in * (double)size));
    }
    int32_t first = below(l, rows), n = 1 + below(l, rows - first);
    struct tensor part = lab_put(l, n, 1, NULL);
    l->b->xent(l->q, part, tensor_rows(d.h, first, n), d.U, tensor_rows(targets, first, n),
               soft_cap);
    lab_same_rows(l, lab_get(l, part), got + first, (size_t)n);
    l->b->weight_free(l->b, d.U);
    lab_clear(l);
}

static void losses(struct lab *l)
{
    static const enum dtype types[] = {DTYPE_F32, DTYPE_F16, DTYPE_BF16};
    for (int i = 0; i < 10; i++)
        check_xent(l, 1 + below(l, 70), 1 + below(l, 40), 1 + below(l, i % 2 ? 1500 : 60),
                   types[i % 3], 0.5f, i % 3 == 1 ? 4.0f : 0);
    check_xent(l, 7, 16, 1024, DTYPE_F16, 20.0f, 0); /* e^logit beyond the floats */
}
static void test_xent(void **state)
{
    (void)state;
    lab_everywhere(losses, 2);
}

static void check_topn(struct lab *l, int32_t rows, int32_t in, int32_t vocab, int32_t n,
                       float soft_cap)
{
    struct head d = random_head(l, rows, in, vocab, DTYPE_F16, 0.5f, soft_cap);
    struct tensor ids = lab_put_i32(l, rows, n, NULL), logp = lab_put(l, rows, n, NULL);
    l->b->topn(l->q, ids, logp, d.h, d.U, soft_cap);
    const int32_t *id = lab_get(l, ids);
    const float *p = lab_get(l, logp);
    bool *seen = lab_host(l, (size_t)vocab * sizeof *seen);
    for (int32_t t = 0; t < rows; t++) {
        const double *logit = d.logit + at(t, 0, vocab);
        double all = log_sum(logit, vocab);
        memset(seen, 0, (size_t)vocab * sizeof *seen);
        for (int32_t i = 0; i < n; i++) {
            int32_t v = id[at(t, i, n)];
            assert_in_range(v, 0, vocab - 1);
            assert_false(seen[v]);
            seen[v] = true;
            assert_near(p[at(t, i, n)], logit[v] - all, 2e-6 * (4 + in));
            assert_true(i == 0 || p[at(t, i, n)] <= p[at(t, i - 1, n)]);
        }
        for (int32_t v = 0; v < vocab; v++)
            assert_true(seen[v] || logit[v] - all <= (double)p[at(t, n - 1, n)] + 2e-6 * (4 + in));
    }
    l->b->weight_free(l->b, d.U);
    lab_clear(l);
}

static void likely(struct lab *l)
{
    for (int i = 0; i < 8; i++) {
        int32_t vocab = 1 + below(l, i % 2 ? 1500 : 60);
        check_topn(l, 1 + below(l, 20), 1 + below(l, 40), vocab,
                   1 + below(l, vocab < 12 ? vocab : 12), i % 3 == 1 ? 4.0f : 0);
    }
    check_topn(l, 300, 3, 40, 5, 30.0f);
    check_topn(l, 2, 3, 700, 700, 0);
}
static void test_topn(void **state)
{
    (void)state;
    lab_everywhere(likely, 3);
}

/* Equal logits: the lower id first, also across the blocks of the vocabulary. */
static void equal_logits(struct lab *l)
{
    struct error e = {0};
    enum { VOCAB = 1300, N = 6 };
    float *w = lab_host(l, VOCAB * sizeof *w);
    const float one = 1.0f;
    for (int i = 0; i < VOCAB; i++)
        w[i] = i % 260 == 255 ? 2.0f : 1.0f;
    struct weight *U = l->b->weight_new(
        l->b, &(struct weight_source){DTYPE_F32, VOCAB, 1, ORDER_OUT_IN, w, NULL}, USE_PRODUCT, &e);
    struct tensor ids = lab_put_i32(l, 1, N, NULL), logp = lab_put(l, 1, N, NULL);
    l->b->topn(l->q, ids, logp, lab_put(l, 1, 1, &one), U, 0);
    const int32_t *id = lab_get(l, ids), want[N] = {255, 515, 775, 1035, 1295, 0};
    assert_memory_equal(id, want, sizeof want);
    l->b->weight_free(l->b, U);
    lab_clear(l);
}
static void test_equal_logits(void **state)
{
    (void)state;
    lab_everywhere(equal_logits, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_xent),
        cmocka_unit_test(test_topn),
        cmocka_unit_test(test_equal_logits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

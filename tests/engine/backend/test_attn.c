/* Causal attention against plain loops in double; going on from kept keys gives the same bits. */
#include "tests/engine/backend/lab.h"

struct attn_case {
    int32_t heads, dim, rot, n_seqs, rows;
    int32_t start[8];
    float scale, base;
    const float *qkv;
};

static struct attn_case random_case(struct lab *l, int32_t longest)
{
    struct attn_case c = {.heads = 1 + below(l, 4),
                          .dim = 2 + below(l, 70),
                          .n_seqs = 1 + below(l, 6),
                          .base = 10000.0f};
    c.rot = 2 * below(l, c.dim / 2 + 1);
    c.scale = 1.0f / sqrtf((float)c.dim);
    for (int32_t i = 0; i < c.n_seqs; i++)
        c.start[i + 1] = c.start[i] + below(l, longest);
    c.rows = c.start[c.n_seqs] + 1; /* one row that is part of no sequence */
    c.qkv = lab_random(l, (size_t)c.rows * (size_t)(3 * c.heads * c.dim));
    return c;
}

/* which 0: q, 1: k, 2: v; rotated by the position `pos` of the row. */
static void head_row(const struct attn_case *c, int32_t row, int32_t head, int which, int32_t pos,
                     double *out)
{
    const float *x = c->qkv + at(row, (head * 3 + which) * c->dim, 3 * c->heads * c->dim);
    for (int32_t d = 0; d < c->dim; d++)
        out[d] = (double)x[d];
    for (int32_t i = 0; which < 2 && i < c->rot / 2; i++) {
        double angle = (double)((float)pos * (float)pow((double)c->base, -2.0 * i / c->rot));
        double u = (double)x[i], v = (double)x[i + c->rot / 2];
        out[i] = u * cos(angle) - v * sin(angle);
        out[i + c->rot / 2] = v * cos(angle) + u * sin(angle);
    }
}

static void naive_row(const struct attn_case *c, int32_t first, int32_t row, int32_t head,
                      double *y)
{
    double q[80], k[80], p[512], sum = 0, max = -INFINITY;
    head_row(c, row, head, 0, row - first, q);
    for (int32_t s = first; s <= row; s++) {
        head_row(c, s, head, 1, s - first, k);
        double dot = 0;
        for (int32_t d = 0; d < c->dim; d++)
            dot += q[d] * k[d];
        p[s - first] = dot * (double)c->scale;
        max = p[s - first] > max ? p[s - first] : max;
    }
    memset(y, 0, (size_t)c->dim * sizeof *y);
    for (int32_t s = first; s <= row; s++)
        sum += p[s - first] = exp(p[s - first] - max);
    for (int32_t s = first; s <= row; s++) {
        head_row(c, s, head, 2, s - first, k);
        for (int32_t d = 0; d < c->dim; d++)
            y[d] += p[s - first] / sum * k[d];
    }
}

static const float *run_case(struct lab *l, const struct attn_case *c, struct seqs seqs,
                             int32_t first, int32_t n)
{
    int32_t width = c->heads * c->dim;
    struct tensor y = lab_put(l, n, width, NULL);
    struct tensor x = lab_put(l, n, 3 * width, c->qkv + at(first, 0, 3 * width));
    l->b->attn(l->b, y, x, c->heads, c->scale, 2, &seqs, (struct rope){c->rot, c->base});
    return lab_get(l, y);
}

static void against_loops(struct lab *l)
{
    for (int i = 0; i < 12; i++) {
        struct attn_case c = random_case(l, i < 8 ? 40 : 120);
        const float *y = run_case(l, &c, (struct seqs){.n = c.n_seqs, .start = c.start}, 0, c.rows);
        for (int32_t s = 0; s < c.n_seqs; s++)
            for (int32_t t = c.start[s]; t < c.start[s + 1]; t++)
                for (int32_t h = 0; h < c.heads; h++) {
                    double want[80];
                    naive_row(&c, c.start[s], t, h, want);
                    for (int32_t d = 0; d < c.dim; d++)
                        assert_near(y[at(t, h * c.dim + d, c.heads * c.dim)], want[d], 2e-5);
                }
        lab_clear(l);
    }
}
static void test_against_loops(void **state)
{
    (void)state;
    lab_everywhere(against_loops, 1);
}

/* One sequence in random pieces, beside others, with its keys kept: the same bits as in one go. */
static void in_pieces(struct lab *l)
{
    for (int i = 0; i < 8; i++) {
        struct error e = {0};
        struct attn_case c = random_case(l, 100);
        int32_t width = c.heads * c.dim, n = c.start[1] + 1;
        c.start[1] = n;
        c.qkv = lab_random(l, (size_t)(n + 1) * (size_t)(3 * width));
        const float *whole = run_case(l, &c, (struct seqs){.n = 1, .start = c.start}, 0, n);
        struct kv *kv = l->b->kv_new(l->b, 1, 3, width, n + below(l, 20), &e);
        assert_non_null(kv);
        for (int32_t done = 0, step; done < n; done += step) {
            step = 1 + below(l, n - done);
            int32_t start[] = {0, step}, past[] = {done};
            struct kv *const kvs[] = {kv};
            /* Something else was there once: positions at and beyond `past` are forgotten. */
            const struct seqs seqs = {.n = 1, .start = start, .past = past, .kv = kvs};
            if (done + step + 1 < n)
                run_case(l, &c, (struct seqs){1, (int32_t[]){0, step + 1}, past, kvs}, 0, step + 1);
            const float *y = run_case(l, &c, seqs, done, step);
            assert_memory_equal(y, whole + at(done, 0, width),
                                (size_t)step * (size_t)width * sizeof *y);
        }
        l->b->kv_free(l->b, kv);
        lab_clear(l);
    }
}
static void test_in_pieces(void **state)
{
    (void)state;
    lab_everywhere(in_pieces, 2);
}

static uint32_t bits_of(float v)
{
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits;
}

/* A sequence's result does not depend on what else is in the batch, not even on NaNs there. */
static void apart(struct lab *l)
{
    struct attn_case c = {.heads = 3,
                          .dim = 40,
                          .rot = 10,
                          .n_seqs = 4,
                          .rows = 150,
                          .scale = 0.2f,
                          .base = 10000.0f};
    const int32_t start[] = {0, 31, 31, 90, 150};
    int32_t width = c.heads * c.dim;
    memcpy(c.start, start, sizeof start);
    float *qkv = lab_random(l, (size_t)c.rows * (size_t)(3 * width));
    for (int32_t i = 0; i < 3 * width; i++)
        qkv[at(60, i, 3 * width)] = NAN;
    c.qkv = qkv;
    const float *all = run_case(l, &c, (struct seqs){.n = 4, .start = c.start}, 0, c.rows);
    for (int32_t s = 0; s < 4; s++) {
        int32_t n = start[s + 1] - start[s];
        if (n == 0)
            continue;
        const float *alone =
            run_case(l, &c, (struct seqs){.n = 1, .start = (int32_t[]){0, n}}, start[s], n);
        for (int32_t t = 0; t < n; t++)
            for (int32_t i = 0; i < width; i++) {
                float a = alone[at(t, i, width)], b = all[at(start[s] + t, i, width)];
                assert_int_equal(isnan(a) != 0, start[s] + t >= 60 && s == 2);
                assert_int_equal(isnan(b) != 0, isnan(a) != 0);
                assert_true(isnan(a) || bits_of(a) == bits_of(b));
            }
    }
    lab_clear(l);
}
static void test_apart(void **state)
{
    (void)state;
    lab_everywhere(apart, 3);
}

static void expect_refusal(struct lab *l, const struct attn_case *c, struct seqs seqs,
                           const char *word)
{
    struct error e = {0};
    int32_t width = c->heads * c->dim;
    struct tensor y = lab_put(l, c->rows, width, NULL), x = lab_put(l, c->rows, 3 * width, c->qkv);
    l->b->attn(l->b, y, x, c->heads, c->scale, 2, &seqs, (struct rope){c->rot, c->base});
    assert_false(l->b->status(l->b, &e));
    if (!strstr(e.text, word))
        fail_msg("'%s' does not say '%s'", e.text, word);
    assert_true(l->b->status(l->b, &e));
}

static void test_refusals(void **state)
{
    (void)state;
    struct lab l;
    struct error e = {0};
    lab_init(&l, cpu_backend_new(1, NULL), 4);
    struct attn_case c = {
        .heads = 2, .dim = 8, .rot = 4, .rows = 10, .scale = 1.0f, .base = 10000.0f};
    c.qkv = lab_random(&l, (size_t)10 * 48);
    struct kv *small = l.b->kv_new(l.b, 2, 1, 16, 4, &e),
              *other = l.b->kv_new(l.b, 3, 1, 16, 40, &e);
    struct kv *wide = l.b->kv_new(l.b, 2, 1, 32, 40, &e);
    const int32_t good[] = {0, 10}, beyond[] = {0, 11}, back[] = {5, 2}, past[] = {3}, none[] = {0};
    expect_refusal(&l, &c, (struct seqs){1, beyond, none, NULL}, "rows 0 to 11 of 10");
    expect_refusal(&l, &c, (struct seqs){1, back, none, NULL}, "rows 5 to 2");
    expect_refusal(&l, &c, (struct seqs){1, good, past, NULL}, "from 3 positions");
    expect_refusal(&l, &c, (struct seqs){1, good, past, (struct kv *const[]){small}},
                   "13 positions");
    expect_refusal(&l, &c, (struct seqs){1, good, none, (struct kv *const[]){other}}, "layer 2");
    expect_refusal(&l, &c, (struct seqs){1, good, none, (struct kv *const[]){wide}}, "width 16");
    c.rot = 10;
    expect_refusal(&l, &c, (struct seqs){1, good, none, NULL}, "10 rotated");
    assert_null(l.b->kv_new(l.b, 0, 1 << 30, 1 << 30, 1 << 30, &e));
    assert_int_equal(e.kind, ERROR_SYSTEM);
    l.b->kv_free(l.b, small);
    l.b->kv_free(l.b, other);
    l.b->kv_free(l.b, wide);
    lab_release(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_loops),
        cmocka_unit_test(test_in_pieces),
        cmocka_unit_test(test_apart),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

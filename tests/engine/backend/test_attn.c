/* Causal attention against plain loops in double: grouped heads, windows, caps, both rotations;
 * going on from kept keys gives the same bits. */
#include "tests/engine/backend/lab.h"

struct attn_case {
    struct attn_shape shape; /* its inv_freq is put where it is run */
    int32_t n_seqs, rows;
    int32_t start[8];
    const float *q, *k, *v, *inv_freq;
};

static int32_t q_width(const struct attn_case *c)
{
    return c->shape.n_heads * c->shape.head_dim;
}
static int32_t kv_width(const struct attn_case *c)
{
    return c->shape.n_kv_heads * c->shape.head_dim;
}

static void random_values(struct lab *l, struct attn_case *c, int32_t rows)
{
    const int32_t half = c->shape.rope.rot / 2;
    float *f = lab_host(l, (size_t)(half + 1) * sizeof *f);
    for (int32_t i = 0; i < half; i++)
        f[i] = (float)pow(10000.0, -2.0 * i / c->shape.rope.rot);
    c->rows = rows, c->inv_freq = f;
    c->q = lab_random(l, (size_t)rows * (size_t)q_width(c));
    c->k = lab_random(l, (size_t)rows * (size_t)kv_width(c));
    c->v = lab_random(l, (size_t)rows * (size_t)kv_width(c));
}

static struct attn_case random_case(struct lab *l, int32_t longest)
{
    struct attn_case c = {.n_seqs = 1 + below(l, 6)};
    struct attn_shape *s = &c.shape;
    s->n_kv_heads = 1 + below(l, 3);
    s->n_heads = s->n_kv_heads * (1 + below(l, 3));
    s->head_dim = 2 + below(l, 70);
    s->scale = 1.0f / sqrtf((float)s->head_dim);
    s->window = below(l, 2) ? 0 : 1 + below(l, below(l, 2) ? 5 : 60);
    s->soft_cap = below(l, 3) ? 0 : 0.3f + (float)below(l, 30);
    s->rope.rot = 2 * below(l, s->head_dim / 2 + 1);
    s->rope.style = below(l, 2) ? ROPE_NEOX : ROPE_GPTJ;
    s->rope.length = below(l, 2) ? 0 : 0.7f + (float)below(l, 9) / 10;
    for (int32_t i = 0; i < c.n_seqs; i++)
        c.start[i + 1] = c.start[i] + below(l, longest);
    random_values(l, &c, c.start[c.n_seqs] + 1); /* one row that is part of no sequence */
    return c;
}

/* dim numbers of a query or key, rotated by the angles of position `pos`. */
static void turned(const struct attn_case *c, const float *x, int32_t pos, double *out)
{
    const int32_t half = c->shape.rope.rot / 2;
    const double length = c->shape.rope.length > 0 ? (double)c->shape.rope.length : 1;
    for (int32_t d = 0; d < c->shape.head_dim; d++)
        out[d] = (double)x[d];
    for (int32_t i = 0; i < half; i++) {
        const int32_t u = c->shape.rope.style == ROPE_GPTJ ? 2 * i : i,
                      v = c->shape.rope.style == ROPE_GPTJ ? 2 * i + 1 : i + half;
        double angle = (double)((float)pos * c->inv_freq[i]);
        out[u] = length * ((double)x[u] * cos(angle) - (double)x[v] * sin(angle));
        out[v] = length * ((double)x[v] * cos(angle) + (double)x[u] * sin(angle));
    }
}

static void naive_row(const struct attn_case *c, int32_t first, int32_t row, int32_t head,
                      double *y)
{
    const struct attn_shape *s = &c->shape;
    const int32_t dim = s->head_dim, kv = head / (s->n_heads / s->n_kv_heads);
    double q[80], k[80], p[512], sum = 0;
    turned(c, c->q + at(row, head * dim, q_width(c)), row - first, q);
    memset(y, 0, (size_t)dim * sizeof *y);
    for (int32_t t = first; t <= row; t++) {
        if (s->window > 0 && t <= row - s->window)
            continue;
        turned(c, c->k + at(t, kv * dim, kv_width(c)), t - first, k);
        double score = 0;
        for (int32_t d = 0; d < dim; d++)
            score += q[d] * k[d] * (double)s->scale;
        if (s->soft_cap > 0)
            score = (double)s->soft_cap * tanh(score / (double)s->soft_cap);
        sum += p[t - first] = exp(score);
        for (int32_t d = 0; d < dim; d++)
            y[d] += p[t - first] * (double)c->v[at(t, kv * dim + d, kv_width(c))];
    }
    for (int32_t d = 0; d < dim; d++)
        y[d] /= sum;
}

/* Q, K and V as views of one matrix, or each somewhere else. */
static void put_views(struct lab *l, const struct attn_case *c, int32_t first, int32_t n,
                      struct tensor view[3])
{
    const int32_t width[3] = {q_width(c), kv_width(c), kv_width(c)};
    const float *from[3] = {c->q, c->k, c->v};
    struct tensor all = lab_put(l, n, width[0] + 2 * width[1], NULL);
    const bool together = below(l, 2);
    for (int32_t i = 0, column = 0; i < 3; column += width[i++]) {
        const float *values = from[i] + at(first, 0, width[i]);
        view[i] = together ? tensor_cols(all, column, width[i]) : lab_put(l, n, width[i], values);
        if (together)
            l->b->put(l->q, view[i], values);
    }
}

static const float *run_case(struct lab *l, const struct attn_case *c, struct seqs seqs,
                             int32_t first, int32_t n)
{
    struct attn_shape shape = c->shape;
    struct tensor y = lab_put(l, n, q_width(c), NULL), view[3];
    put_views(l, c, first, n, view);
    if (shape.rope.rot > 0)
        shape.rope.inv_freq = lab_put(l, 1, shape.rope.rot / 2, c->inv_freq);
    l->b->attn(l->q, y, view[0], view[1], view[2], &shape, 2, &seqs);
    return lab_get(l, y);
}

static void check_loops(struct lab *l, const struct attn_case *c)
{
    const int32_t dim = c->shape.head_dim;
    const float *y = run_case(l, c, (struct seqs){.n = c->n_seqs, .start = c->start}, 0, c->rows);
    for (int32_t s = 0; s < c->n_seqs; s++)
        for (int32_t t = c->start[s]; t < c->start[s + 1]; t++)
            for (int32_t h = 0; h < c->shape.n_heads; h++) {
                double want[80];
                naive_row(c, c->start[s], t, h, want);
                for (int32_t d = 0; d < dim; d++)
                    assert_near(y[at(t, h * dim + d, q_width(c))], want[d], 2e-5);
            }
    lab_clear(l);
}

static void against_loops(struct lab *l)
{
    for (int i = 0; i < 30; i++) {
        struct attn_case c = random_case(l, i < 24 ? 40 : 120);
        check_loops(l, &c);
    }
    /* one long sequence, split among threads, with and without a window */
    for (int32_t window = 0; window <= 21; window += 21) {
        struct attn_case c = {.shape = {4, 2, 16, window, 0.25f, 20.0f, {8, ROPE_NEOX, {0}, 0}},
                              .n_seqs = 1,
                              .start = {0, 230}};
        random_values(l, &c, 230);
        check_loops(l, &c);
    }
}
static void test_against_loops(void **state)
{
    (void)state;
    lab_everywhere(against_loops, 1);
}

/* Keys and values at another place with other room. */
static void move(struct lab *l, const struct attn_case *c, struct kv **kv, int32_t n, int32_t done)
{
    struct error e = {0};
    struct kv *to = l->b->kv_new(l->q, 1, 3, kv_width(c), n + below(l, 40), DTYPE_F32, &e);
    l->b->kv_copy(l->q, to, *kv, done);
    l->b->kv_free(l->q, *kv);
    *kv = to;
}

/* One sequence in random pieces, beside others, with its keys kept: the same bits as in one go. */
static void in_pieces(struct lab *l)
{
    for (int i = 0; i < 16; i++) {
        struct error e = {0};
        struct attn_case c = random_case(l, 100);
        int32_t width = q_width(&c), n = c.start[1] + 1;
        c.start[1] = n;
        random_values(l, &c, n + 1);
        const float *whole = run_case(l, &c, (struct seqs){.n = 1, .start = c.start}, 0, n);
        struct kv *kv = l->b->kv_new(l->q, 1, 3, kv_width(&c), n + below(l, 20), DTYPE_F32, &e);
        assert_non_null(kv);
        for (int32_t done = 0, step; done < n; done += step) {
            step = 1 + below(l, n - done);
            int32_t start[] = {0, step}, past[] = {done};
            if (below(l, 3) == 0)
                move(l, &c, &kv, n, done);
            struct kv *const kvs[] = {kv};
            /* Something else was there once: positions at and beyond `past` are forgotten. */
            const struct seqs seqs = {.n = 1, .start = start, .past = past, .kv = kvs};
            if (done + step + 1 < n)
                run_case(l, &c, (struct seqs){1, (int32_t[]){0, step + 1}, past, kvs}, 0, step + 1);
            const float *y = run_case(l, &c, seqs, done, step);
            assert_memory_equal(y, whole + at(done, 0, width),
                                (size_t)step * (size_t)width * sizeof *y);
        }
        l->b->kv_free(l->q, kv);
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

static const struct attn_shape plain = {3, 3, 40, 0, 0.2f, 0, {10, ROPE_NEOX, {0}, 0}};

/* A row's result depends neither on what else is in the batch nor on rows that it doesn't see, not
 * even on NaNs there. */
static void check_apart(struct lab *l, int32_t window)
{
    struct attn_case c = {.shape = plain, .n_seqs = 4, .start = {0, 31, 31, 90, 150}};
    int32_t width = q_width(&c);
    c.shape.window = window;
    random_values(l, &c, 150);
    for (int32_t i = 0; i < width; i++)
        ((float *)(uintptr_t)c.v)[at(60, i, width)] = NAN;
    const float *all = run_case(l, &c, (struct seqs){.n = 4, .start = c.start}, 0, c.rows);
    for (int32_t s = 0; s < 4; s++) {
        int32_t first = c.start[s], n = c.start[s + 1] - first;
        if (n == 0)
            continue;
        const float *alone =
            run_case(l, &c, (struct seqs){.n = 1, .start = (int32_t[]){0, n}}, first, n);
        for (int32_t t = first; t < first + n; t++)
            for (int32_t i = 0; i < width; i++) {
                float a = alone[at(t - first, i, width)], b = all[at(t, i, width)];
                bool seen = s == 2 && t >= 60 && (window == 0 || t < 60 + window);
                assert_int_equal(isnan(a) != 0, seen);
                assert_int_equal(isnan(b) != 0, seen);
                assert_true(isnan(a) || bits_of(a) == bits_of(b));
            }
    }
    lab_clear(l);
}

static void apart(struct lab *l)
{
    for (int32_t window = 0; window < 20; window += window < 6 ? 1 : 5)
        check_apart(l, window);
}
static void test_apart(void **state)
{
    (void)state;
    lab_everywhere(apart, 3);
}

/* A model with two rotations (local and global layers), and more than the device remembers: of
 * other frequencies or another length. */
static void many_rotations(struct lab *l)
{
    struct attn_case c = {.shape = plain, .n_seqs = 1, .start = {0, 12}};
    const float *first[6];
    float freq[6][5];
    random_values(l, &c, 12);
    c.inv_freq = NULL;
    for (int round = 0; round < 3; round++)
        for (int i = 0; i < 6; i++) {
            for (int j = 0; j < 5; j++)
                freq[i][j] = 1.0f / (1.0f + (float)(i / 2 + 2 * j));
            c.inv_freq = freq[i];
            c.shape.rope.length = i % 2 ? 1.5f : 0;
            const float *y = run_case(l, &c, (struct seqs){.n = 1, .start = c.start}, 0, 12);
            if (round == 0)
                first[i] = y;
            assert_memory_equal(y, first[i], (size_t)12 * 120 * sizeof *y);
            assert_true(i == 0 || memcmp(y, first[i - 1], (size_t)12 * 120 * sizeof *y) != 0);
        }
    lab_clear(l);
}
static void test_many_rotations(void **state)
{
    (void)state;
    lab_everywhere(many_rotations, 5);
}

static void expect_refusal(struct lab *l, struct attn_shape shape, struct seqs seqs,
                           const char *word)
{
    struct error e = {0};
    struct tensor y = lab_put(l, 10, 16, NULL), x = lab_put(l, 10, 16, lab_random(l, 160));
    l->b->attn(l->q, y, x, x, x, &shape, 2, &seqs);
    assert_false(device_well(l->q, &e));
    if (!strstr(e.text, word))
        fail_msg("'%s' does not say '%s'", e.text, word);
    assert_true(device_well(l->q, &e));
}

static void test_refusals(void **state)
{
    (void)state;
    struct lab l;
    struct error e = {0};
    lab_init(&l, cpu_backend_new(1, NULL), 4);
    struct attn_shape shape = {2, 2, 8, 0, 1.0f, 0, {0}}, bad = shape;
    struct kv *small = l.b->kv_new(l.q, 2, 1, 16, 4, DTYPE_F32, &e),
              *other = l.b->kv_new(l.q, 3, 1, 16, 40, DTYPE_F32, &e);
    struct kv *wide = l.b->kv_new(l.q, 2, 1, 32, 40, DTYPE_F32, &e);
    const int32_t good[] = {0, 10}, beyond[] = {0, 11}, back[] = {5, 2}, past[] = {3}, none[] = {0};
    expect_refusal(&l, shape, (struct seqs){1, beyond, none, NULL}, "rows 0 to 11 of 10");
    expect_refusal(&l, shape, (struct seqs){1, back, none, NULL}, "rows 5 to 2");
    expect_refusal(&l, shape, (struct seqs){1, good, past, NULL}, "from 3 positions");
    expect_refusal(&l, shape, (struct seqs){1, good, past, (struct kv *const[]){small}},
                   "13 positions");
    expect_refusal(&l, shape, (struct seqs){1, good, none, (struct kv *const[]){other}}, "layer 2");
    expect_refusal(&l, shape, (struct seqs){1, good, none, (struct kv *const[]){wide}}, "width 16");
    bad.rope.rot = 10;
    expect_refusal(&l, bad, (struct seqs){1, good, none, NULL}, "10 rotated");
    bad.rope.rot = 4;
    expect_refusal(&l, bad, (struct seqs){1, good, none, NULL}, "inv_freq");
    bad = shape, bad.n_kv_heads = 3;
    expect_refusal(&l, bad, (struct seqs){1, good, none, NULL}, "2 heads on 3");
    bad = shape, bad.n_kv_heads = 1;
    expect_refusal(&l, bad, (struct seqs){1, good, none, NULL}, "K is");
    bad = shape, bad.window = -1;
    expect_refusal(&l, bad, (struct seqs){1, good, none, NULL}, "window of -1");
    l.b->kv_copy(l.q, small, wide, 4);
    assert_false(device_well(l.q, &e));
    assert_non_null(strstr(e.text, "kv_copy"));
    e = (struct error){0};
    assert_null(l.b->kv_new(l.q, 0, 1 << 30, 1 << 30, 1 << 30, DTYPE_F32, &e));
    assert_int_equal(e.kind, ERROR_MEMORY);
    l.b->kv_free(l.q, small);
    l.b->kv_free(l.q, other);
    l.b->kv_free(l.q, wide);
    lab_release(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_loops), cmocka_unit_test(test_in_pieces),
        cmocka_unit_test(test_apart),         cmocka_unit_test(test_many_rotations),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

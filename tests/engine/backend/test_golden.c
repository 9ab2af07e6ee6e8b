/* Every operation against PyTorch in float64: tests/reference/ops.py. */
#include "tests/engine/backend/lab.h"
#include "tests/support/testdata.h"

struct golden {
    struct lab *lab;
    const char *text;
};

struct array {
    int32_t rows, cols;
    char type[8];
    double *v;
};

static struct array find(const struct golden *g, const char *name)
{
    struct array a = {0};
    size_t n = strlen(name);
    for (const char *line = g->text; line;
         line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
        if (strncmp(line, name, n) != 0 || line[n] != ' ')
            continue;
        int at_end = 0;
        assert_int_equal(sscanf(line + n, "%7s %d %d%n", a.type, &a.rows, &a.cols, &at_end), 3);
        a.v = lab_host(g->lab, (size_t)a.rows * (size_t)a.cols * sizeof *a.v);
        char *p = (char *)(uintptr_t)line + n + at_end;
        for (size_t i = 0; i < (size_t)a.rows * (size_t)a.cols; i++)
            a.v[i] = strtod(p, &p);
        return a;
    }
    fail_msg("%s is not in the golden file", name);
    return a;
}

static struct tensor floats(const struct golden *g, const char *name)
{
    struct array a = find(g, name);
    float *v = lab_host(g->lab, (size_t)a.rows * (size_t)a.cols * sizeof *v);
    for (size_t i = 0; i < (size_t)a.rows * (size_t)a.cols; i++)
        v[i] = (float)a.v[i];
    return lab_put(g->lab, a.rows, a.cols, v);
}

static struct tensor integers(const struct golden *g, const char *name)
{
    struct array a = find(g, name);
    int32_t *v = lab_host(g->lab, (size_t)a.rows * (size_t)a.cols * sizeof *v);
    for (size_t i = 0; i < (size_t)a.rows * (size_t)a.cols; i++)
        v[i] = (int32_t)a.v[i];
    return lab_put_i32(g->lab, a.rows, a.cols, v);
}

/* The f16 of a number that is one (normal, or a multiple of 2^-24). */
static uint16_t half_of(double v)
{
    int e = 0;
    double size = fabs(v), m = frexp(size, &e);
    uint16_t sign = v < 0 ? 0x8000 : 0;
    if (size < 0x1p-14)
        return (uint16_t)(sign | (uint16_t)lrint(size * 0x1p24));
    return (uint16_t)(sign |
                      (uint16_t)((unsigned)(e + 14) << 10 | ((unsigned)lrint(m * 2048) & 1023)));
}

static struct weight *halves(const struct golden *g, const char *name, unsigned uses)
{
    struct array a = find(g, name);
    struct error e = {0};
    size_t n = (size_t)a.rows * (size_t)a.cols;
    uint16_t *v = lab_host(g->lab, n * sizeof *v);
    assert_string_equal(a.type, "f16");
    for (size_t i = 0; i < n; i++) {
        v[i] = half_of(a.v[i]);
        assert_near(half_value(v[i]), a.v[i], 1e-8 * fabs(a.v[i]));
    }
    struct weight *w = g->lab->b->weight_new(
        g->lab->b, &(struct weight_source){DTYPE_F16, a.rows, a.cols, ORDER_OUT_IN, v, NULL}, uses,
        &e);
    assert_non_null(w);
    return w;
}

static void expect(const struct golden *g, struct tensor t, const char *name, double tolerance)
{
    struct array a = find(g, name);
    assert_int_equal(t.rows, a.rows);
    assert_int_equal(t.cols, a.cols);
    const float *v = lab_get(g->lab, t);
    for (size_t i = 0; i < (size_t)a.rows * (size_t)a.cols; i++)
        if (!(fabs((double)v[i] - a.v[i]) <= tolerance * (1 + fabs(a.v[i]))))
            fail_msg("%s[%zu]: %.9g, expected %.9g", name, i, (double)v[i], a.v[i]);
}

static void expect_ids(const struct golden *g, struct tensor t, const char *name)
{
    struct array a = find(g, name);
    const int32_t *v = lab_get(g->lab, t);
    for (size_t i = 0; i < (size_t)a.rows * (size_t)a.cols; i++)
        assert_int_equal(v[i], (int32_t)a.v[i]);
}

static void linear(const struct golden *g)
{
    struct backend *b = g->lab->b;
    struct queue *q = g->lab->q;
    struct tensor x = floats(g, "linear.x"), bias = floats(g, "linear.bias"),
                  sum = floats(g, "linear.y");
    struct tensor y = lab_put(g->lab, x.rows, bias.cols, NULL);
    struct weight *w = halves(g, "linear.w", USE_PRODUCT);
    b->linear(q, y, x, w, bias, EPILOGUE_NONE);
    expect(g, y, "linear.none", 1e-6);
    b->linear(q, y, x, w, bias, EPILOGUE_GELU);
    expect(g, y, "linear.gelu", 1e-6);
    b->linear(q, sum, x, w, bias, EPILOGUE_ADD);
    expect(g, sum, "linear.add", 1e-6);
    b->weight_free(b, w);
}

static void rows(const struct golden *g)
{
    static const char *const acts[] = {"act.gelu", "act.tanh", "act.relu"};
    struct backend *b = g->lab->b;
    struct queue *q = g->lab->q;
    struct tensor x = floats(g, "act.x"), y = lab_put(g->lab, x.rows, x.cols, NULL),
                  z = floats(g, "norm.x");
    for (int i = 0; i < 3; i++) {
        b->act(q, y, x, (struct tensor){0}, (enum activation)i);
        expect(g, y, acts[i], 5e-7);
    }
    b->norm(q, z, z, floats(g, "norm.gamma"), floats(g, "norm.beta"), 1e-5f, NORM_LAYER,
            (struct tensor){0}, (struct tensor){0});
    expect(g, z, "norm.y", 1e-6);
    struct tensor sum = floats(g, "outer.y");
    b->add_outer(q, sum, floats(g, "outer.c"), floats(g, "outer.u"));
    expect(g, sum, "outer.sum", 1e-6);
}

static void attention(const struct golden *g)
{
    static const int32_t start[] = {0, 11, 17};
    struct backend *b = g->lab->b;
    struct queue *q = g->lab->q;
    /* heads of GPT-NeoX: each one's q, k and v beside each other */
    struct array qkv = find(g, "attn.qkv");
    float part[3][17 * 36], inv_freq[3];
    for (int i = 0; i < 17 * 108; i++)
        part[i % 36 / 12][i / 108 * 36 + i % 108 / 36 * 12 + i % 12] = (float)qkv.v[i];
    for (int i = 0; i < 3; i++)
        inv_freq[i] = (float)pow(10000.0, -2.0 * i / 6);
    const struct seqs seqs = {.n = 2, .start = start};
    const struct attn_shape shape = {
        3, 3, 12, 0, 1.0f / sqrtf(12.0f), 0, {6, ROPE_NEOX, lab_put(g->lab, 1, 3, inv_freq), 0}};
    struct tensor y = lab_put(g->lab, 17, 36, NULL);
    b->attn(q, y, lab_put(g->lab, 17, 36, part[0]), lab_put(g->lab, 17, 36, part[1]),
            lab_put(g->lab, 17, 36, part[2]), &shape, 0, &seqs);
    expect(g, y, "attn.y", 1e-6);
}

static void vocabulary(const struct golden *g)
{
    struct backend *b = g->lab->b;
    struct queue *q = g->lab->q;
    struct tensor h = floats(g, "vocab.h"), loss = lab_put(g->lab, 1, 6, NULL);
    struct tensor ids = lab_put_i32(g->lab, 6, 7, NULL), logp = lab_put(g->lab, 6, 7, NULL);
    struct weight *u = halves(g, "vocab.u", USE_PRODUCT);
    struct tensor target = integers(g, "vocab.target"), column = loss;
    target.rows = column.rows = 6, target.cols = column.cols = target.ld = column.ld = 1;
    b->xent(q, column, h, u, target, 0);
    expect(g, loss, "vocab.loss", 1e-6);
    b->topn(q, ids, logp, h, u, 0);
    expect_ids(g, ids, "vocab.ids");
    expect(g, logp, "vocab.logp", 1e-6);
    b->weight_free(b, u);
}

static void sparse(const struct golden *g)
{
    struct backend *b = g->lab->b;
    struct queue *q = g->lab->q;
    struct tensor pre = floats(g, "select.pre"), y = lab_put(g->lab, 5, 18, NULL);
    struct csr f = lab_csr(g->lab, 4, 36);
    b->select(q, &f, 0, pre, &(struct select){.kind = SELECT_TOPK, .k = 9});
    struct tensor ids = f.ids, vals = f.vals;
    ids.rows = vals.rows = 4, ids.cols = ids.ld = vals.cols = vals.ld = 9;
    expect_ids(g, ids, "select.ids");
    expect(g, vals, "select.vals", 1e-8);
    struct weight *w = halves(g, "decode.w", USE_ROWS);
    struct tensor active = integers(g, "decode.ids");
    struct array id = find(g, "decode.ids"), val = find(g, "decode.vals");
    int32_t ids_of[5 * 8];
    float vals_of[5 * 8];
    for (int i = 0; i < 5 * 8; i++)
        ids_of[i] = (int32_t)id.v[i], vals_of[i] = (float)val.v[i];
    f = lab_put_codes(g->lab, 5, 8, ids_of, vals_of);
    b->decode(q, y, &f, w, floats(g, "decode.bias"));
    expect(g, y, "decode.y", 1e-6);
    b->weight_rows(q, y, w, tensor_cols(active, 0, 1));
    expect(g, y, "decode.rows", 1e-8);
    b->weight_free(b, w);
}

static void all_operations(struct lab *l)
{
    static void (*const part[])(const struct golden *) = {linear, rows, attention, vocabulary,
                                                          sparse};
    char *text = golden_read("ops/ops.txt", NULL);
    for (size_t i = 0; i < sizeof part / sizeof *part; i++) {
        part[i](&(struct golden){l, text});
        lab_clear(l);
    }
    free(text);
}

static void test_all_operations(void **state)
{
    (void)state;
    lab_everywhere(all_operations, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_all_operations)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

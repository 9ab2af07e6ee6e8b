/* SAEs against the formulas in float64 (tests/reference/dict.py): both formats, every fact. */
#include "tests/engine/dict/sae.h"
#include "tests/support/golden_tensors.h"
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

enum { T = 9, N = 40, M = 96, J = 5 };
static const struct sae_case cases[] = {
    {"never-centred", N, M, 5, "never", true, true, DTYPE_F32, NULL, 0},
    {"never", N, M, 7, "never", false, true, DTYPE_F16, NULL, 0},
    {"no-bias", N, M, 1, "never", false, false, DTYPE_BF16, NULL, 0},
    {"before", N, M, 60, "before", true, true, DTYPE_F32, NULL, 0},
    {"after", N, M, 60, "after", false, true, DTYPE_F16, NULL, 0},
    {"all-of-them", N, M, 96, "never", true, true, DTYPE_BF16, NULL, 0},
    {"abs-never", N, M, 9, "never", true, true, DTYPE_F32, "abstopk", 0},
    {"abs-after", N, M, 9, "after", false, true, DTYPE_F16, "abstopk", 0},
    {"abs-before", N, M, 9, "before", true, true, DTYPE_F32, "abstopk", 0},
    {"jump", N, M, 0, "after", true, true, DTYPE_F32, "threshold", M},
    {"jump-signed", N, M, 0, "never", false, true, DTYPE_F16, "threshold", M},
    {"one-threshold", N, M, 0, "before", true, true, DTYPE_F32, "threshold", 1},
    {"gated", N, M, 0, "before", true, true, DTYPE_F32, "gated", 0},
    {"gated-half", N, M, 0, "before", false, false, DTYPE_F16, "gated", 0},
    {"groups", N, M, 12, "before", true, true, DTYPE_F32, "groupmax", 0},
    {"groups-signed", N, M, 12, "never", false, true, DTYPE_BF16, "groupmax", 0},
    {"relu", N, M, 0, "before", true, true, DTYPE_F16, "all", 0},
    {"linear", N, M, 0, "never", false, true, DTYPE_F32, "all", 0},
};
static const struct unit units[J] = {{{0, 3}, 2.5f, UNIT_FIX},
                                     {{0, 17}, 3.0f, UNIT_SCALE},
                                     {{0, 8}, 0.0f, UNIT_ZERO},
                                     {{0, 21}, 0.75f, UNIT_ADD},
                                     {{0, 95}, -4.0f, UNIT_FIX}};

static const void *gold(const char *name, const char *what, size_t n)
{
    const struct named_tensor *t = golden_tensor("%s/%s", name, what);
    assert_int_equal(t->n_bytes, n * 4);
    return t->data;
}

static void check(struct run *run, const char *name, const char *what, struct tensor got)
{
    size_t n = (size_t)got.rows * (size_t)got.cols;
    float *v = to_host(run, got), *want = malloc(n * sizeof *want);
    memcpy(want, gold(name, what, n), n * sizeof *want);
    char label[128];
    snprintf(label, sizeof label, "%s/%s", name, what);
    assert_close(label, v, want, n, 1e-5f);
    free(v);
    free(want);
}

/* Same latents in the same order, but values equal to 1e-5 may swap. */
static void check_codes(struct run *run, const char *name, const struct csr *f)
{
    const struct named_tensor *gold_ids = golden_tensor("%s/ids", name);
    size_t longest = (size_t)gold_ids->dim[1];
    const int32_t *want = gold_ids->data;
    const float *want_val = gold(name, "vals", (size_t)f->n_rows * longest);
    struct csr_host c = {0};
    assert_true(run_get_csr(run, &c, f));
    for (int32_t t = 0; t < f->n_rows; t++, want += longest, want_val += longest) {
        int32_t n = 0, first = c.start[t];
        while ((size_t)n < longest && want[n] >= 0)
            n++;
        assert_int_equal(c.start[t + 1] - first, n);
        assert_close(name, c.vals + first, want_val, (size_t)n, 1e-5f);
        for (int32_t i = 0; i < n; i++) {
            bool tie = (i > 0 && fabsf(want_val[i - 1] - want_val[i]) < 1e-5f) ||
                       (i < n - 1 && fabsf(want_val[i] - want_val[i + 1]) < 1e-5f);
            if (c.ids[first + i] != want[i] && !tie)
                fail_msg("%s: latent %d of row %d is %d, expected %d", name, i, t, c.ids[first + i],
                         want[i]);
        }
    }
    csr_host_release(&c);
}

/* Activations of single units: the value in the code, or 0. */
static void check_values(struct run *run, const struct dict *d, const struct code *f)
{
    const int32_t some[] = {21, 3, 21, 8};
    struct csr_host c = {0};
    float *v = to_host(run, dict_values(run, d, f, some, 4));
    assert_true(run_get_csr(run, &c, &f->sparse));
    for (int32_t t = 0; t < c.n_rows; t++)
        for (int j = 0; j < 4; j++) {
            float want = 0;
            for (int32_t i = c.start[t]; i < c.start[t + 1]; i++)
                want = c.ids[i] == some[j] ? c.vals[i] : want;
            assert_true(v[t * 4 + j] == want);
        }
    free(v);
    csr_host_release(&c);
}

static void check_all(struct run *run, const struct dict *d, const char *name, struct tensor x,
                      int32_t n_units)
{
    struct code f, g;
    struct tensor pre;
    dict_encode(run, d, x, &f, &pre);
    check(run, name, "pre", pre);
    check_codes(run, name, &f.sparse);
    dict_encode(run, d, x, &g, NULL); /* in chunks, without all pre-activations */
    check_codes(run, name, &g.sparse);
    check_values(run, d, &f);
    check(run, name, "x_hat", dict_decode(run, d, &f));
    if (n_units == J)
        check(run, name, "change", dict_unit_change(run, d, &f, units, J));
    check(run, name, "insert", dict_insert(run, d, x, x, false, units, n_units));
    check(run, name, "insert_error", dict_insert(run, d, x, x, true, units, n_units));
    check(run, name, "x_hat", dict_insert(run, d, x, x, false, NULL, 0));
    const int32_t some[] = {21, 3, 21, 8};
    float *few = to_host(run, dict_encode_units(run, d, x, some, 4)), *all = to_host(run, pre);
    for (int32_t t = 0; t < x.rows; t++)
        for (int32_t i = 0; i < 4; i++)
            assert_close(name, &few[t * 4 + i], &all[t * dict_spec(d)->m + some[i]], 1, 1e-5f);
    free(few);
    free(all);
}

static void test_own_format(void **state)
{
    (void)state;
    char dir[64], path[96];
    test_dir_new(dir);
    snprintf(path, sizeof path, "%s/sae.safetensors", dir);
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        struct device dev;
        device_open(&dev);
        sae_write(path, &cases[c], NULL, NULL);
        struct dict *d = NULL;
        struct error e = {0};
        assert_true(dict_open(dev.b, c % 2 ? path : dir, NULL, &d,
                              &e)); /* the file, or the folder it is alone in */
        const struct dict_spec *s = dict_spec(d);
        assert_int_equal(s->n, N);
        assert_int_equal(s->m, M);
        assert_int_equal(s->k, cases[c].k);
        assert_int_equal(s->centre, cases[c].centre);
        assert_false(s->identity);
        assert_int_equal(s->at.layer, 3);
        assert_int_equal(s->at.site, SITE_MLP_ACT);
        assert_string_equal(s->format, "glimt-sae 1");
        assert_string_equal(dict_path(d), path);
        for (int i = 0; i < DICT_N_FACTS; i++)
            assert_string_equal(s->source[i], i == DICT_FACT_BOS ? "default" : "metadata");
        check_all(&dev.run, d, cases[c].name, hash_input(&dev.run, "x", T, N), J);
        dict_free(d);
        device_close(&dev);
    }
    test_dir_remove(dir);
}

static void test_push(void **state)
{
    (void)state;
    char dir[64], path[96];
    test_dir_new(dir);
    snprintf(path, sizeof path, "%s/sae.safetensors", dir);
    struct device dev;
    device_open(&dev);
    struct error e = {0};
    struct dict *d = NULL;
    sae_write(path, &cases[0], NULL, NULL);
    assert_true(dict_open(dev.b, path, NULL, &d, &e));
    float w[24 * N], *want = malloc(sizeof(float) * 24 * J);
    hash_fill(w, DTYPE_F32, "behind", HASH_UNIFORM, 1, 0, 24 * N);
    struct weight *behind_w = dev.b->weight_new(
        dev.b, &(struct weight_source){DTYPE_F32, 24, N, ORDER_OUT_IN, w, NULL}, USE_PRODUCT, &e);
    assert_no_error(&e);
    struct linear behind = {.w = behind_w, .out = 24, .in = N};
    behind.bias = hash_input(&dev.run, "x", 1, 24); /* must not be added */
    int32_t index[J];
    for (int i = 0; i < J; i++)
        index[i] = units[i].id.index;
    const struct named_tensor *rows = golden_tensor("push"), *pushed = golden_tensor("pushed");
    float *got = to_host(&dev.run, dict_push(&dev.run, d, NULL, index, J));
    assert_memory_equal(got, rows->data, sizeof(float) * N * J);
    free(got);
    got = to_host(&dev.run, dict_push(&dev.run, d, &behind, index, J));
    memcpy(want, pushed->data, sizeof(float) * 24 * J);
    assert_close("pushed", got, want, 24 * J, 1e-5f);
    free(got);
    free(want);
    /* a neuron is pushed to its column of the linear */
    struct dict *neurons = dict_neurons((struct point){0, SITE_MLP_ACT}, N);
    const int32_t two[] = {39, 7};
    got = to_host(&dev.run, dict_push(&dev.run, neurons, &behind, two, 2));
    for (int i = 0; i < 2; i++)
        for (int o = 0; o < 24; o++)
            assert_close("column", &got[i * 24 + o], &w[o * N + two[i]], 1, 1e-6f);
    free(got);
    dict_free(neurons);
    dict_free(d);
    dev.b->weight_free(dev.b, behind_w);
    device_close(&dev);
    test_dir_remove(dir);
}

/* Neurons above 0: all of them in rising index, or the largest first. */
static void check_neurons(struct run *run, const struct dict *d, const struct code *f,
                          const float *x)
{
    struct csr all = dict_active(run, d, f, 0), top = dict_active(run, d, f, 3);
    struct csr_host a = {0}, b = {0};
    assert_true(run_get_csr(run, &a, &all) && run_get_csr(run, &b, &top));
    for (int32_t t = 0; t < T; t++) {
        int32_t at = a.start[t];
        for (int32_t i = 0; i < N; i++)
            if (x[t * N + i] > 0) {
                assert_true(a.ids[at] == i && a.vals[at] == x[t * N + i]);
                at++;
            }
        assert_int_equal(at, a.start[t + 1]);
        assert_int_equal(b.start[t + 1] - b.start[t], at - a.start[t] < 3 ? at - a.start[t] : 3);
        float least = INFINITY;
        for (int32_t i = b.start[t]; i < b.start[t + 1]; i++) {
            assert_true(b.vals[i] == x[t * N + b.ids[i]] && b.vals[i] <= least);
            least = b.vals[i];
        }
        for (int32_t i = a.start[t], above = 0; i < at; i++)
            assert_true((above += a.vals[i] > least) < 3);
    }
    csr_host_release(&a);
    csr_host_release(&b);
}

static void test_neurons(void **state)
{
    (void)state;
    struct device dev;
    device_open(&dev);
    struct dict *d = dict_neurons((struct point){2, SITE_MLP_OUT}, N);
    assert_true(dict_spec(d)->identity);
    assert_int_equal(dict_spec(d)->m, N);
    assert_int_equal(dict_spec(d)->at.layer, 2);
    assert_null(dict_path(d));
    assert_int_equal(dict_bytes(d), 0);
    struct tensor x = hash_input(&dev.run, "x", T, N), pre;
    struct code f;
    float *want = to_host(&dev.run, x);
    dict_encode(&dev.run, d, x, &f, &pre);
    assert_null(f.sparse.ids.buf);
    check_neurons(&dev.run, d, &f, want);
    float *v[] = {to_host(&dev.run, f.dense), to_host(&dev.run, pre),
                  to_host(&dev.run, dict_decode(&dev.run, d, &f)),
                  to_host(&dev.run, dict_insert(&dev.run, d, x, x, false, NULL, 0))};
    for (int i = 0; i < 4; i++) {
        assert_memory_equal(v[i], want, sizeof(float) * T * N);
        free(v[i]);
    }
    const struct unit u[] = {{{0, 39}, 1.5f, UNIT_FIX}, {{0, 0}, 2.0f, UNIT_SCALE}};
    const int32_t index[] = {39, 0};
    float *few = to_host(&dev.run, dict_encode_units(&dev.run, d, x, index, 2));
    float *c = to_host(&dev.run, dict_unit_change(&dev.run, d, &f, u, 2));
    float *y = to_host(&dev.run, dict_insert(&dev.run, d, x, x, false, u, 2));
    float *still = to_host(&dev.run, x);
    assert_memory_equal(still, want, sizeof(float) * T * N);
    for (int t = 0; t < T; t++) {
        const float *row = want + t * N;
        assert_true(few[t * 2] == row[39] && few[t * 2 + 1] == row[0]);
        assert_true(c[t * 2] == 1.5f - row[39] && c[t * 2 + 1] == row[0]);
        assert_true(fabsf(y[t * N + 39] - 1.5f) < 1e-6f && y[t * N] == 2 * row[0] &&
                    y[t * N + 1] == row[1]);
    }
    free(few);
    free(c);
    free(y);
    free(still);
    free(want);
    dict_free(d);
    device_close(&dev);
}

/* No two specs that differ in a fact share a key. */
static void test_facts_are_told_apart(void **state)
{
    (void)state;
    struct dict_spec all[16];
    int n = 0;
    const struct dict_spec first = {
        .at = {3, SITE_MLP_ACT}, .n = 24, .m = 48, .k = 4, .format = "glimt-sae 1"};
#define OTHER(field, value) all[n] = first, all[n++].field = value
    all[n++] = first;
    OTHER(identity, true);
    OTHER(at.layer, 2);
    OTHER(at.site, SITE_MLP_OUT);
    OTHER(n, 25);
    OTHER(m, 49);
    OTHER(k, 5);
    OTHER(n_thresholds, 1);
    OTHER(select, SELECT_ABSTOPK);
    OTHER(select, SELECT_ALL);
    OTHER(relu, RELU_BEFORE);
    OTHER(relu, RELU_AFTER);
    OTHER(centre, true);
    OTHER(norm_rescale, true);
    OTHER(skip, true);
    OTHER(format, "sibbesen .pt");
#undef OTHER
    struct strbuf facts[16];
    for (int i = 0; i < n; i++) {
        strbuf_init(&facts[i]);
        dict_spec_facts(&all[i], &facts[i]);
        for (int j = 0; j < i; j++)
            assert_string_not_equal(facts[i].s, facts[j].s);
    }
    struct dict_spec again = first; /* from elsewhere, the same */
    again.source[DICT_FACT_K] = "option";
    struct strbuf same;
    strbuf_init(&same);
    dict_spec_facts(&again, &same);
    assert_string_equal(same.s, facts[0].s);
    strbuf_release(&same);
    /* what caches of before were asked by, whatever sites have come between */
    assert_string_equal(facts[0].s, "glimt-sae 1 at 3.4 identity 0 n 24 m 48 k 4 thresholds 0 "
                                    "select topk relu 0 centre 0");
    while (n > 0)
        strbuf_release(&facts[--n]);
}

struct author_case {
    const char *path, *name, *hook, *centre, *k_from;
    int32_t n, m, k, n_units;
};
static const struct author_case author_cases[] = {
    {"topk4/gpt_neox.layers.1.mlp.act.pt", "gpt_neox.layers.1.mlp.act", "layers.1.mlp.act",
     "tensor pre_encode_b", "file name", 20, 48, 4, 4},
    {"k3_topk3_activation_function_topk_pre_encoder_bias_False.pt",
     "k3_topk3_activation_function_topk_pre_encoder_bias_False", "layers.3.mlp.act",
     "no tensor pre_encode_b", "file name", 16, 40, 3, 4},
    {"old.layers.2.pt", "old.layers.2", "layers.2.mlp.out", "tensor b2", "config", 16, 32, 6, 4},
};

static void test_authors_format(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof author_cases / sizeof author_cases[0]; i++) {
        const struct author_case *c = &author_cases[i];
        struct device dev;
        device_open(&dev);
        struct error e = {0};
        struct dict *d = NULL;
        char path[160], hook[POINT_NAME_MAX];
        snprintf(path, sizeof path, "tests/golden/dict/%s", c->path);
        dict_open(dev.b, path, NULL, &d, &e);
        assert_no_error(&e);
        const struct dict_spec *s = dict_spec(d);
        assert_int_equal(s->n, c->n);
        assert_int_equal(s->m, c->m);
        assert_int_equal(s->k, c->k);
        assert_int_equal(s->relu, RELU_NEVER);
        point_name(s->at, hook);
        assert_string_equal(hook, c->hook);
        assert_string_equal(s->source[DICT_FACT_CENTRE], c->centre);
        assert_string_equal(s->source[DICT_FACT_K], c->k_from);
        assert_string_equal(s->format, "sibbesen .pt");
        check_all(&dev.run, d, c->name, hash_input(&dev.run, "x", T, c->n), c->n_units);
        dict_free(d);
        device_close(&dev);
    }
}

static void copy_file(const char *from, const char *to)
{
    char bytes[1 << 16];
    FILE *in = fopen(from, "rb"), *out = fopen(to, "wb");
    assert_non_null(in);
    assert_non_null(out);
    for (size_t n; (n = fread(bytes, 1, sizeof bytes, in)) > 0;)
        assert_int_equal(fwrite(bytes, 1, n, out), n);
    fclose(in);
    assert_int_equal(fclose(out), 0);
}

static void write_text(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

/* What torch.save wrote is told by its bytes, whatever it is called; the .json beside it may be
 * Python's. */
static void test_other_names_and_texts_beside(void **state)
{
    (void)state;
    static const struct {
        const char *name, *json, *says; /* says NULL: it opens */
    } named[] = {
        {"topk4.layers.1.mlp.act.pth", NULL, NULL},
        {"topk4.layers.1.mlp.act.bin", NULL, NULL},
        {"topk4", NULL, NULL},
        {"topk4.pt", "{\"loss\": NaN, \"best\": -Infinity}", NULL},
        {"topk4.pt", "no JSON", "topk4.json: not valid JSON"},
        {"topk4.pt", "{\"input_size\": 21}", "topk4.json: 'input_size' is 21, expected 20 inputs"},
        {"topk4.pt", "{\"hidden_size\": 47}", "'hidden_size' is 47, expected 48 latents"},
        {"topk4.pt", "{\"hidden_size\": \"48\"}", "'hidden_size' is a string, expected a count"},
        {"topk4.pt", "{\"k\": -3}", "'k' is out of range, expected a count"},
        {"topk4.pt", "{\"k\": 49}", "'k' is 49, expected 1 to 48"},
        {"topk4.pt", "{\"same_W\": 1}", "'same_W' is an integer, expected true or false"},
        {"topk4.pt", "{\"hookpoint\": \"layers.nine\"}", "topk4.json: "},
        {"topk4.pt", "{\"anything\": [1], \"same_W\": true, \"k\": 9}", NULL},
        {"sae.pt", "{\"k\": 4, \"loss\": NaN}", NULL},
        {"sae.pt", "{\"k\": NaN}", "says k"},
        {"sae.pt", "no JSON", "sae.json: not valid JSON"},
        {"sae.pth", NULL, "says k"},
    };
    struct device dev;
    device_open(&dev);
    for (size_t i = 0; i < sizeof named / sizeof *named; i++) {
        struct error e = {0};
        struct dict *d = NULL;
        char dir[64], path[160], json[160];
        test_dir_new(dir);
        snprintf(path, sizeof path, "%s/%s", dir, named[i].name);
        snprintf(json, sizeof json, "%s/%.*s.json", dir, (int)strcspn(named[i].name, "."),
                 named[i].name);
        copy_file("tests/golden/dict/topk4/gpt_neox.layers.1.mlp.act.pt", path);
        if (named[i].json)
            write_text(json, named[i].json);
        bool ok = dict_open(dev.b, path, NULL, &d, &e);
        if (ok != !named[i].says || (!ok && !strstr(e.text, named[i].says)))
            fail_msg("%s: %s", named[i].name, ok ? "opened" : e.text);
        if (ok)
            assert_int_equal(dict_spec(d)->k, 4);
        dict_free(d);
        test_dir_remove(dir);
    }
    char dir[64], path[160];
    struct error e = {0};
    struct dict *d = NULL;
    test_dir_new(dir);
    snprintf(path, sizeof path, "%s/topk4.pt", dir); /* by its name alone, a pickle */
    sae_write(path, &(struct sae_case){"x", 6, 12, 3, "never", true, true, DTYPE_F32, NULL, 0},
              NULL, NULL);
    dict_open(dev.b, path, NULL, &d, &e);
    assert_no_error(&e);
    assert_string_equal(dict_spec(d)->format, "glimt-sae 1");
    dict_free(d);
    test_dir_remove(dir);
    device_close(&dev);
}

static void test_hints(void **state)
{
    (void)state;
    struct device dev;
    device_open(&dev);
    struct error e = {0};
    struct dict *d = NULL;
    const char *path = "tests/golden/dict/topk4/gpt_neox.layers.1.mlp.act.pt";
    const struct point at = {5, SITE_MLP_OUT};
    const struct dict_hint hint = {.hook = &at, .k = 9}, bad_k = {.k = 49};
    assert_true(dict_open(dev.b, path, &hint, &d, &e));
    assert_int_equal(dict_spec(d)->k, 9);
    assert_int_equal(dict_spec(d)->at.layer, 5);
    assert_int_equal(dict_spec(d)->at.site, SITE_MLP_OUT);
    assert_string_equal(dict_spec(d)->source[DICT_FACT_K], "option");
    dict_free(d);
    d = NULL;
    assert_false(dict_open(dev.b, path, &bad_k, &d, &e));
    assert_non_null(strstr(e.text, "k is 49"));
    assert_int_equal(e.kind, ERROR_INPUT);
    assert_null(d);
    device_close(&dev);
}

/* All of the matrices' bytes, in steps, whether the device tells of parts or not. */
struct loading {
    uint64_t done, total;
    int times;
};
static void loaded(void *arg, uint64_t done, uint64_t total)
{
    struct loading *l = arg;
    assert_true(done >= l->done && done <= total && (l->times == 0 || total == l->total));
    l->done = done, l->total = total;
    l->times++;
}
static struct weight *(*real_weight_new)(struct backend *, const struct weight_source *, unsigned,
                                         struct error *);
static struct weight *in_halves(struct backend *b, const struct weight_source *s, unsigned uses,
                                struct error *e)
{
    const uint64_t n = (uint64_t)s->out * (uint64_t)s->in * dtype_size(s->type);
    b->loaded(b->loaded_arg, n / 2);
    b->loaded(b->loaded_arg, n - n / 2);
    b->loaded = NULL; /* told already */
    return real_weight_new(b, s, uses, e);
}
static void test_loading_is_heard_of(void **state)
{
    (void)state;
    struct device dev;
    device_open(&dev);
    real_weight_new = dev.b->weight_new;
    for (int halves = 0; halves < 2; halves++) {
        struct error e = {0};
        struct dict *d = NULL;
        struct loading l = {0};
        const struct dict_hint hint = {.progress = loaded, .progress_arg = &l};
        const char *path = "tests/golden/dict/topk4/gpt_neox.layers.1.mlp.act.pt";
        dev.b->weight_new = halves ? in_halves : real_weight_new;
        assert_true(dict_open(dev.b, path, &hint, &d, &e));
        const struct dict_spec *s = dict_spec(d);
        assert_int_equal(l.total, 2 * (uint64_t)s->n * (uint64_t)s->m * sizeof(float));
        assert_int_equal(l.done, l.total);
        assert_int_equal(l.times, halves ? 6 : 3); /* the encoder is packed in one step */
        assert_null(dev.b->loaded);
        dict_free(d);
    }
    dev.b->weight_new = real_weight_new;
    device_close(&dev);
}

static void refuses_k(struct device *dev, const char *path, const char *says)
{
    const struct point at = {1, SITE_MLP_ACT};
    const struct dict_hint hint = {.hook = &at, .k = 9}, no_k = {.hook = &at};
    struct error e = {0};
    struct dict *d = NULL;
    assert_false(dict_open(dev->b, path, &hint, &d, &e));
    assert_int_equal(e.kind, ERROR_INPUT);
    if (!strstr(e.text, says))
        fail_msg("%s, expected %s", e.text, says);
    e = (struct error){0};
    assert_true(dict_open(dev->b, path, &no_k, &d, &e));
    assert_int_equal(dict_spec(d)->k, 0);
    dict_free(d);
}

static void test_k_of_kinds_without_k(void **state)
{
    (void)state;
    struct device dev;
    char dir[64], path[160], from[PATH_MAX];
    device_open(&dev);
    test_dir_new(dir);
    snprintf(path, sizeof path, "%s/jump.safetensors", dir);
    sae_write(path,
              &(struct sae_case){"jump", 6, 12, 0, "after", true, true, DTYPE_F32, "threshold", 12},
              NULL, NULL);
    refuses_k(&dev, path, "k is 9 (from the option), expected none: select 'threshold' has no k");
    assert_non_null(realpath("tests/golden/dict/topk4/gpt_neox.layers.1.mlp.act.pt", from));
    snprintf(path, sizeof path, "%s/k1_activation_function_relu.pt", dir);
    assert_int_equal(symlink(from, path), 0);
    refuses_k(&dev, path, "k is 9 (from the option), expected none: select 'all' has no k");
    test_dir_remove(dir);
    device_close(&dev);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_facts_are_told_apart),
        cmocka_unit_test(test_own_format),
        cmocka_unit_test(test_push),
        cmocka_unit_test(test_neurons),
        cmocka_unit_test(test_authors_format),
        cmocka_unit_test(test_other_names_and_texts_beside),
        cmocka_unit_test(test_hints),
        cmocka_unit_test(test_loading_is_heard_of),
        cmocka_unit_test(test_k_of_kinds_without_k),
    };
    golden_tensors = "dict/results.safetensors";
    return cmocka_run_group_tests(tests, golden_open, golden_close);
}

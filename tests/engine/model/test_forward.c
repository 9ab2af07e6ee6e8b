/* The forward against transformers: every hook point, logits, losses, interventions
 * (tests/reference/model.py). */
#include "tests/engine/model/golden.h"
#include <stdio.h>

enum { N_KEPT = 4 };
static const int32_t kept[N_KEPT] = {1, 6, 7, 10};

/* The kept rows of x [N_ROWS, cols] against the golden. */
static void check_rows(struct run *run, const char *config, const char *name, struct tensor x,
                       float tolerance)
{
    size_t cols = (size_t)x.cols;
    assert_int_equal(x.rows, N_ROWS);
    float *v = to_host(run, x), *g = golden_values(config, name, N_KEPT * cols);
    char what[160];
    snprintf(what, sizeof what, "%s/%s", config, name);
    for (size_t i = 0; i < N_KEPT; i++)
        assert_close(what, v + (size_t)kept[i] * cols, g + i * cols, cols, tolerance);
    free(v);
    free(g);
}

static int32_t argmax(const float *v, int32_t n)
{
    int32_t best = 0;
    for (int32_t i = 1; i < n; i++)
        best = v[i] > v[best] ? i : best;
    return best;
}

static void check_logits(struct fixture *f, const char *config, const char *name, struct tensor h)
{
    int32_t V = model_config(f->m)->n_vocab;
    float *v = calloc((size_t)N_ROWS * (size_t)V, sizeof *v),
          *g = golden_values(config, name, N_KEPT * (size_t)V);
    model_logits(&f->run, f->m, h, v);
    assert_no_error(&f->run.err);
    char what[160];
    snprintf(what, sizeof what, "%s/%s", config, name);
    for (size_t i = 0; i < N_KEPT; i++) {
        const float *row = v + (size_t)kept[i] * (size_t)V, *want = g + i * (size_t)V;
        assert_close(what, row, want, (size_t)V, 1e-4f * f->tolerance);
        assert_int_equal(argmax(row, V), argmax(want, V));
    }
    free(v);
    free(g);
}

static void targets_of(const struct batch *b, int32_t *target)
{
    for (int32_t s = 0; s < b->seqs.n; s++)
        for (int32_t i = b->seqs.start[s]; i < b->seqs.start[s + 1]; i++)
            target[i] = i + 1 < b->seqs.start[s + 1] ? b->ids[i + 1] : -1;
}

static void check_points(struct fixture *f, const char *config, const struct batch *b)
{
    struct point p[64];
    struct tensor io[64];
    struct hook hook[64];
    int32_t n = all_points(f->m, p);
    for (int32_t i = 0; i < n; i++)
        hook[i] = (struct hook){.at = p[i], .op = HOOK_GET, .io = &io[i]};
    model_forward(&f->run, f->m, b, NULL, model_end(f->m), hook, n, NULL);
    for (int32_t i = 0; i < n; i++) {
        char name[POINT_NAME_MAX];
        point_name(p[i], name);
        assert_int_equal(io[i].cols, model_width(f->m, p[i]));
        check_rows(&f->run, config, name, io[i], 2e-5f * f->tolerance);
    }
}

static void golden_of(int device, const struct hash_model *config)
{
    const char *name = config->name;
    struct fixture f;
    fixture_open_on(&f, device, config);
    assert_int_equal(model_file_dtype(f.m), config->type);
    assert_string_equal(model_dir(f.m), f.dir);
    assert_true(model_bytes(f.m) > 0);
    int32_t ids[N_ROWS], target[N_ROWS];
    struct batch b = golden_batch(name, ids);
    struct state end;
    model_forward(&f.run, f.m, &b, NULL, model_end(f.m), NULL, 0, &end);
    check_rows(&f.run, name, "final_norm", end.value, 2e-5f * f.tolerance);
    check_logits(&f, name, "logits", end.value);
    targets_of(&b, target);
    float fetched[N_ROWS],
        *loss = to_host(&f.run, model_loss(&f.run, f.m, end.value, target, fetched));
    assert_memory_equal(loss, fetched, sizeof fetched);
    float *want = golden_values(name, "loss", N_ROWS);
    assert_close(name, loss, want, N_ROWS, 2e-5f * f.tolerance);
    assert_true(isnan(loss[6]) && isnan(loss[10]) && !isnan(loss[5]));
    free(loss);
    free(want);
    check_points(&f, name, &b);
    fixture_close(&f);
}

static void test_golden(void **state)
{
    (void)state;
    for (int device = 0; device < N_DEVICES; device++)
        for (int c = 0; c < N_SMALL; c++)
            golden_of(device, &small_model[c]);
}

/* ---- interventions, the same list as in the script */
static struct tensor hash_rows(struct run *run, const char *key, int32_t rows, int32_t cols)
{
    float *v = malloc((size_t)rows * (size_t)cols * sizeof *v);
    hash_fill(v, DTYPE_F32, key, HASH_UNIFORM, 0, 0, (size_t)rows * (size_t)cols);
    struct tensor t = run_put(run, rows, cols, v);
    free(v);
    return t;
}

static struct dict *open_sae(struct fixture *f, int32_t n)
{
    static const char *const metadata[] = {
        "format", "glimt-sae", "version", "1",    "hook",         "layers.1.mlp.act",
        "k",      "4",         "select",  "topk", "relu",         "never",
        "norm",   "none",      "centre",  "true", "norm_rescale", "false",
        "skip",   "false",     NULL};
    const struct hash_tensor t[] = {
        {"encoder.weight", "sae.encoder.weight", HASH_UNIFORM, 1, 2, {64, n}, DTYPE_F32, NULL},
        {"encoder.bias", "sae.encoder.bias", HASH_UNIFORM, 3, 1, {64}, DTYPE_F32, NULL},
        {"W_dec", "sae.W_dec", HASH_UNIFORM, 1, 2, {64, n}, DTYPE_F32, NULL},
        {"b_dec", "sae.b_dec", HASH_UNIFORM, 3, 1, {n}, DTYPE_F32, NULL},
    };
    char path[96];
    snprintf(path, sizeof path, "%s/sae.safetensors", f->dir);
    hash_file_write(path, t, 4, metadata);
    struct dict *d = NULL;
    struct error e = {0};
    dict_open(f->b, path, NULL, &d, &e);
    assert_no_error(&e);
    return d;
}

static const struct unit units[] = {{{0, 3}, 2.5f, UNIT_FIX},
                                    {{0, 17}, -1.0f, UNIT_FIX},
                                    {{0, 8}, 3.0f, UNIT_SCALE},
                                    {{0, 21}, 0.75f, UNIT_ADD},
                                    {{0, 40}, 0.0f, UNIT_ZERO}};

static void intervene(struct fixture *f, const char *config, const char *name,
                      const struct batch *b, const struct hook *hook, int32_t n)
{
    struct state end;
    model_forward(&f->run, f->m, b, NULL, model_end(f->m), hook, n, &end);
    check_logits(f, config, name, end.value);
}

static void interventions_of(int device, const struct hash_model *config)
{
    const char *name = config->name;
    struct fixture f;
    fixture_open_on(&f, device, config);
    int32_t ids[N_ROWS], d = config->d_model, mlp = config->d_mlp;
    struct batch b = golden_batch(name, ids);
    struct dict *sae = open_sae(&f, mlp);
    struct tensor act = hash_rows(&f.run, "io.act", N_ROWS, mlp),
                  attn = hash_rows(&f.run, "io.attn", N_ROWS, d);
    struct tensor one = hash_rows(&f.run, "io.row", 1, d);
    struct point act1 = {1, SITE_MLP_ACT};
    intervene(&f, name, "set-act", &b, &(struct hook){.at = act1, .op = HOOK_SET, .io = &act}, 1);
    intervene(&f, name, "set-pre", &b,
              &(struct hook){.at = {0, SITE_MLP_PRE}, .op = HOOK_SET, .io = &act}, 1);
    intervene(&f, name, "set-attn", &b,
              &(struct hook){.at = {0, SITE_ATTN_OUT}, .op = HOOK_SET, .io = &attn}, 1);
    const struct hook add[] = {{.at = {0, SITE_RESID_POST}, .op = HOOK_ADD, .io = &one},
                               {.at = {1, SITE_ATTN_OUT}, .op = HOOK_ADD, .io = &attn},
                               {.at = {1, SITE_MLP_OUT}, .op = HOOK_ADD, .io = &one}};
    intervene(&f, name, "add", &b, add, 3);
    struct hook in = {.at = act1, .op = HOOK_INSERT, .dict = sae, .units = units, .n_units = 5};
    intervene(&f, name, "insert", &b, &in, 1);
    in.keep_error = true;
    intervene(&f, name, "insert-error", &b, &in, 1);
    in.n_units = 0;
    intervene(&f, name, "logits", &b, &in,
              1); /* the error kept and nothing changed: the model itself */
    in.keep_error = false;
    intervene(&f, name, "insert-plain", &b, &in, 1);
    dict_free(sae);
    fixture_close(&f);
}

static void test_interventions(void **state)
{
    (void)state;
    for (int device = 0; device < N_DEVICES; device++)
        for (int c = 0; c < N_SMALL; c++)
            interventions_of(device, &small_model[c]);
}

static void test_topn(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f, &small_model[0]);
    int32_t ids[N_ROWS], best[N_ROWS * 5];
    float logp[N_ROWS * 5];
    struct batch b = golden_batch("parallel", ids);
    struct state end;
    model_forward(&f.run, f.m, &b, NULL, model_end(f.m), NULL, 0, &end);
    model_topn(&f.run, f.m, end.value, 5, best, logp);
    int32_t V = small_model[0].n_vocab;
    float *g = golden_values("parallel", "logits", N_KEPT * (size_t)V);
    for (int i = 0; i < N_KEPT; i++) {
        const float *row = g + i * V;
        double sum = 0;
        for (int32_t v = 0; v < V; v++)
            sum += exp((double)row[v]);
        const int32_t *id = best + kept[i] * 5;
        const float *lp = logp + kept[i] * 5;
        assert_int_equal(id[0], argmax(row, V));
        for (int j = 0; j < 5; j++) {
            assert_true(fabs((double)lp[j] - ((double)row[id[j]] - log(sum))) < 1e-4);
            assert_true(j == 0 || lp[j] <= lp[j - 1]);
        }
    }
    free(g);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_interventions),
        cmocka_unit_test(test_topn),
    };
    golden_tensors = "model/small.safetensors";
    return cmocka_run_group_tests(tests, golden_open, golden_close);
}

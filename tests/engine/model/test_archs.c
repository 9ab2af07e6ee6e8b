/* Every architecture but GPT-NeoX (test_forward) against transformers: every hook point, logits,
 * losses, interventions (tests/reference/model.py), on every device. */
#include "tests/engine/model/golden.h"
#include "tests/support/testdata.h"
#include <stdio.h>

enum { N_KEPT = 3, N_VOCAB = 50 };
static const int32_t kept[N_KEPT] = {4, 6, 10};

/* The kept rows of v [N_ROWS, cols] against the golden. */
static void check_rows(const struct fixture *f, const char *name, const float *v, int32_t n,
                       float tolerance)
{
    const size_t cols = (size_t)n;
    float *g = golden_values(f->name, name, N_KEPT * cols);
    char what[160];
    snprintf(what, sizeof what, "%s/%s", f->name, name);
    for (size_t i = 0; i < N_KEPT; i++)
        assert_close(what, v + (size_t)kept[i] * cols, g + i * cols, cols,
                     tolerance * f->tolerance);
    free(g);
}

static void check_points(struct fixture *f, const struct batch *b)
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
        float *v = to_host(&f->run, io[i]);
        check_rows(f, name, v, io[i].cols, 4e-5f);
        free(v);
    }
}

static void check_logits(struct fixture *f, const char *name, const struct batch *b,
                         const struct hook *hook, int32_t n)
{
    struct state end;
    float v[N_ROWS * N_VOCAB];
    model_forward(&f->run, f->m, b, NULL, model_end(f->m), hook, n, &end);
    model_logits(&f->run, f->m, end.value, v);
    assert_no_error(&f->run.err);
    check_rows(f, name, v, N_VOCAB, 1e-4f);
}

static void check_losses(struct fixture *f, const struct batch *b)
{
    int32_t target[N_ROWS];
    float loss[N_ROWS], *want = golden_values(f->name, "loss", N_ROWS), logits[N_ROWS * N_VOCAB];
    struct state end;
    for (int32_t s = 0; s < b->seqs.n; s++)
        for (int32_t i = starts[s]; i < starts[s + 1]; i++)
            target[i] = i + 1 < starts[s + 1] ? b->ids[i + 1] : -1;
    model_forward(&f->run, f->m, b, NULL, model_end(f->m), NULL, 0, &end);
    model_loss(&f->run, f->m, end.value, target, loss);
    assert_close(f->name, loss, want, N_ROWS, 2e-5f * f->tolerance);
    free(want);
    /* the most likely token and how likely it is, beside the logits */
    int32_t best[N_ROWS];
    float logp[N_ROWS];
    model_topn(&f->run, f->m, end.value, 1, best, logp);
    model_logits(&f->run, f->m, end.value, logits);
    for (int i = 0; i < N_ROWS; i++) {
        const float *row = logits + i * N_VOCAB;
        double sum = 0;
        for (int v = 0; v < N_VOCAB; v++) {
            sum += exp((double)row[v]);
            assert_true(row[v] <= row[best[i]]);
        }
        assert_true(fabs((double)logp[i] - ((double)row[best[i]] - log(sum))) < 1e-4);
    }
}

static struct tensor hash_rows(struct run *run, const char *key, int32_t rows, int32_t cols)
{
    float *v = malloc((size_t)rows * (size_t)cols * sizeof *v);
    hash_fill(v, DTYPE_F32, key, HASH_UNIFORM, 0, 0, (size_t)rows * (size_t)cols);
    struct tensor t = run_put(run, rows, cols, v);
    free(v);
    return t;
}

/* The same list as in the script. */
static void check_interventions(struct fixture *f, const struct batch *b)
{
    const struct model_config *c = model_config(f->m);
    struct tensor act = hash_rows(&f->run, "io.act", N_ROWS, c->d_mlp),
                  z = hash_rows(&f->run, "io.z", N_ROWS, c->n_heads * c->head_dim),
                  attn = hash_rows(&f->run, "io.attn", N_ROWS, c->d_model),
                  one = hash_rows(&f->run, "io.row", 1, c->d_model);
    check_logits(f, "set-z", b, &(struct hook){.at = {0, SITE_ATTN_Z}, .op = HOOK_SET, .io = &z},
                 1);
    check_logits(f, "set-in", b,
                 &(struct hook){.at = {1, SITE_MLP_IN}, .op = HOOK_SET, .io = &attn}, 1);
    check_logits(f, "set-pre", b,
                 &(struct hook){.at = {0, SITE_MLP_PRE}, .op = HOOK_SET, .io = &act}, 1);
    struct hook add[] = {{.at = {0, SITE_RESID_POST}, .op = HOOK_ADD, .io = &one},
                         {.at = {1, SITE_ATTN_OUT}, .op = HOOK_ADD, .io = &attn},
                         {.at = {1, SITE_MLP_OUT}, .op = HOOK_ADD, .io = &one}};
    check_logits(f, "add", b, add, 3);
    add[1].at.site = SITE_RESID_MID; /* the same stream */
    if (!c->parallel_residual)
        check_logits(f, "add", b, add, 3);
    const struct hook module[] = {{.at = {0, SITE_ATTN_MODULE}, .op = HOOK_ADD, .io = &one},
                                  {.at = {1, SITE_MLP_MODULE}, .op = HOOK_SET, .io = &attn}};
    if (c->arch->post_norms)
        check_logits(f, "module", b, module, 2);
}

static void arch_golden(int device, const struct hash_arch *config)
{
    struct fixture f;
    fixture_open_arch(&f, device, config);
    assert_int_equal(model_file_dtype(f.m), config->type);
    int32_t ids[N_ROWS];
    struct batch b = golden_batch(config->name, ids);
    check_logits(&f, "logits", &b, NULL, 0);
    check_losses(&f, &b);
    check_points(&f, &b);
    check_interventions(&f, &b);
    fixture_close(&f);
}

static void test_golden(void **state)
{
    (void)state;
    for (int device = 0; device < N_DEVICES; device++)
        for (int c = 0; c < N_HASH_ARCHS; c++)
            arch_golden(device, &hash_archs[c]);
}

/* Folders with pytorch_model.bin, whole or in shards. */
static void test_pickled(void **state)
{
    (void)state;
    static const char *const folder[] = {"model/bin", "model/bin-shards"};
    for (int i = 0; i < 2; i++) {
        char *dir = golden_path(folder[i]);
        struct error e = {0};
        struct fixture f = {.name = folder[i], .tolerance = 1};
        struct tensors *expected = NULL;
        char path[512];
        snprintf(path, sizeof path, "%s/expected.safetensors", dir);
        f.b = cpu_backend_new(1, &e);
        f.q = f.b->queue_new(f.b, QUEUE_JOB, &e);
        tensors_open(path, &expected, &e);
        model_open(f.b, dir, NULL, &f.m, &e);
        assert_no_error(&e);
        f.arena = arena_new(f.q);
        f.run = (struct run){.queue = f.q, .arena = f.arena};
        const struct named_tensor *ids = tensors_find(expected, "ids"),
                                  *logits = tensors_find(expected, "logits");
        float v[8 * 20], want[8 * 20];
        int32_t id[8];
        const int32_t start[] = {0, 8};
        memcpy(id, ids->data, sizeof id);
        memcpy(want, logits->data, sizeof want);
        struct batch b = {.n_rows = 8, .ids = id, .seqs = {.n = 1, .start = start}};
        struct state end;
        model_forward(&f.run, f.m, &b, NULL, model_end(f.m), NULL, 0, &end);
        model_logits(&f.run, f.m, end.value, v);
        assert_close(folder[i], v, want, 8 * 20, 1e-4f);
        assert_int_equal(model_file_dtype(f.m), DTYPE_F16);
        tensors_close(expected);
        arena_free(f.arena);
        model_free(f.m);
        f.b->queue_free(f.q);
        f.b->free(f.b);
        free(dir);
    }
}

/* The unembedding stands in the file with other values than the embedding that it is said to be. */
static void test_refuses_a_tie_that_is_none(void **state)
{
    (void)state;
    struct error e = {0};
    struct backend *b = cpu_backend_new(1, &e);
    struct hash_arch other = *hash_arch_named("qwen2");
    struct model *m = NULL;
    char dir[64], word[256];
    other.untied = true;
    test_dir_new(dir);
    hash_arch_write(dir, &other);
    assert_false(model_open(b, dir, NULL, &m, &e));
    snprintf(word, sizeof word,
             "lm_head.weight differs from model.embed_tokens.weight, expected the same since "
             "%s/config.json says tie_word_embeddings",
             dir);
    if (!strstr(e.text, word))
        fail_msg("expected '%s' in: %s", word, e.text);
    test_dir_remove(dir);
    b->free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_pickled),
        cmocka_unit_test(test_refuses_a_tie_that_is_none),
    };
    golden_tensors = "model/archs.safetensors";
    return cmocka_run_group_tests(tests, golden_open, golden_close);
}

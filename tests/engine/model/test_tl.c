/* TransformerLens' weights: what its formulas make of the plain model's values at every hook point,
 * losses that stay, an unembedding whose columns have a mean of 0; and the package's own numbers
 * (tests/reference/tl.py). */
#include "engine/formats/tensors.h"
#include "tests/engine/model/small.h"
#include "tests/support/golden_tensors.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const int32_t starts[] = {0, 7, 11};
enum { N_ROWS = 11 };

struct both {
    struct fixture f;
    struct model *tl;
    struct tensors *file;
    struct batch batch;
    int32_t ids[N_ROWS], target[N_ROWS];
    int32_t tokens; /* of the tokenizer */
};

static void both_open_of(struct both *t, int which, int32_t padding)
{
    struct error e = {0};
    fixture_open_any(&t->f, which);
    const int32_t n = model_config(t->f.m)->n_vocab;
    t->tokens = n - padding;
    for (int32_t i = 0; i < N_ROWS; i++) {
        t->ids[i] = (i * 37 + 5) % n;
        t->target[i] = (i * 11 + 2) % n;
    }
    t->batch = (struct batch){.n_rows = N_ROWS, .ids = t->ids, .seqs = {.n = 2, .start = starts}};
    if (!model_open(t->f.b, t->f.dir, &(struct model_how){.tl_tokens = t->tokens}, &t->tl, &e) ||
        !tensors_open(t->f.dir, &t->file, &e))
        fail_msg("%s: %s", t->f.name, e.text);
}

static void both_open(struct both *t, int which)
{
    both_open_of(t, which, 5);
}

static void both_close(struct both *t)
{
    tensors_close(t->file);
    model_free(t->tl);
    fixture_close(&t->f);
}

/* A vector of the file; NULL: none. */
static float *vector(const struct both *t, int32_t layer, const char *part, const char *kind)
{
    const struct model_config *c = model_config(t->f.m);
    for (int prefix = 0; prefix < 2; prefix++) {
        char name[128], at[64] = "";
        if (layer >= 0)
            snprintf(at, sizeof at, "%s.%d.", c->arch->names.layers, (int)layer);
        snprintf(name, sizeof name, "%s%s%s.%s", prefix ? c->arch->names.prefix : "", at, part,
                 kind);
        const struct named_tensor *x = tensors_find(t->file, name);
        if (!x)
            continue;
        float *v = calloc((size_t)c->d_model, sizeof *v);
        tensor_to_f32(v, x->data, (enum dtype)x->type, (size_t)c->d_model);
        return v;
    }
    return NULL;
}

/* What a norm gave, without its gain and bias. */
static void bare(const struct both *t, int32_t layer, const char *part, float *x, int32_t rows)
{
    const struct model_config *c = model_config(t->f.m);
    float *gamma = vector(t, layer, part, "weight"), *beta = vector(t, layer, part, "bias");
    assert_non_null(gamma);
    for (int32_t r = 0; r < rows; r++)
        for (int32_t i = 0; i < c->d_model; i++) {
            float *v = x + r * c->d_model + i;
            *v = (*v - (beta ? beta[i] : 0)) / (gamma[i] + (c->arch->gain_is_1_plus ? 1 : 0));
        }
    free(gamma);
    free(beta);
}

static void centre(float *x, int32_t rows, int32_t cols)
{
    for (int32_t r = 0; r < rows; r++) {
        double mean = 0;
        for (int32_t i = 0; i < cols; i++)
            mean += (double)x[r * cols + i] / cols;
        for (int32_t i = 0; i < cols; i++)
            x[r * cols + i] = (float)((double)x[r * cols + i] - mean);
    }
}

/* The same in every row of a line: what an attention that sums to 1 makes of a bias. */
static void take_first_row(float *x, const float *from, int32_t rows, int32_t cols)
{
    for (int32_t r = rows; r-- > 0;)
        for (int32_t i = 0; i < cols; i++)
            x[r * cols + i] -= x[i] - from[i];
}

static void compare(const char *what, const float *a, const float *b, int32_t n)
{
    float most = 1;
    for (int32_t i = 0; i < n; i++)
        most = fmaxf(most, fabsf(b[i]));
    for (int32_t i = 0; i < n; i++)
        if (!(fabsf(a[i] - b[i]) <= 2e-5f * most))
            fail_msg("%s: %g at %d, expected %g", what, (double)a[i], (int)i, (double)b[i]);
}

static void compare_point(struct both *t, struct point p, const struct state *s)
{
    const struct model_config *c = model_config(t->f.m);
    const bool layer_norm = c->arch->norm != NORM_RMS;
    float *plain = to_host(&t->f.run, s[0].value), *tl = to_host(&t->f.run, s[1].value);
    const int32_t rows = s[0].value.rows, cols = s[0].value.cols;
    char name[POINT_NAME_MAX], what[128];
    point_name(p, name);
    snprintf(what, sizeof what, "%s at %s", t->f.name, name);
    switch ((enum site)p.site) {
    case SITE_MLP_IN: bare(t, p.layer, c->arch->names.mlp_norm, plain, rows); break;
    case SITE_FINAL_NORM: bare(t, -1, c->arch->names.final_norm, plain, rows); break;
    case SITE_ATTN_Z:
        assert_true(!layer_norm || fabsf(plain[0] - tl[0]) > 1e-6f); /* β alone makes a bias */
        take_first_row(plain, tl, rows, cols);
        break;
    case SITE_MLP_NORMALIZED:
    case SITE_MLP_PRE:
    case SITE_MLP_ACT: break;
    default:
        if (layer_norm)
            centre(plain, rows, cols);
    }
    compare(what, tl, plain, rows * cols);
    free(plain);
    free(tl);
}

static void test_values_at_every_point(void **state)
{
    (void)state;
    for (int c = 0; c < N_ALL; c++) {
        struct both t;
        struct point p[64];
        both_open(&t, c);
        const int32_t n = all_points(t.f.m, p);
        for (int32_t i = 0; i < n; i++) {
            struct state s[2];
            model_forward(&t.f.run, t.f.m, &t.batch, NULL, p[i], NULL, 0, &s[0]);
            model_forward(&t.f.run, t.tl, &t.batch, NULL, p[i], NULL, 0, &s[1]);
            compare_point(&t, p[i], s);
        }
        both_close(&t);
    }
}

static void hidden(struct both *t, struct state s[2])
{
    model_forward(&t->f.run, t->f.m, &t->batch, NULL, model_end(t->f.m), NULL, 0, &s[0]);
    model_forward(&t->f.run, t->tl, &t->batch, NULL, model_end(t->f.m), NULL, 0, &s[1]);
}

static void test_losses_stay_and_logits_move_by_a_constant(void **state)
{
    (void)state;
    for (int c = 0; c < N_ALL; c++) {
        struct both t;
        struct state s[2];
        float loss[2][N_ROWS];
        both_open(&t, c);
        const int32_t n = model_config(t.f.m)->n_vocab;
        float *logits[2] = {calloc((size_t)n * N_ROWS, sizeof(float)),
                            calloc((size_t)n * N_ROWS, sizeof(float))};
        hidden(&t, s);
        for (int k = 0; k < 2; k++) {
            const struct model *m = k ? t.tl : t.f.m;
            model_loss(&t.f.run, m, s[k].value, t.target, loss[k]);
            model_logits(&t.f.run, m, s[k].value, logits[k]);
        }
        for (int32_t r = 0; r < N_ROWS; r++)
            if (!(fabsf(loss[0][r] - loss[1][r]) <= 1e-5f * fmaxf(1, loss[0][r])))
                fail_msg("%s: loss %.8f, expected %.8f", t.f.name, (double)loss[1][r],
                         (double)loss[0][r]);
        for (int32_t r = 0; r < N_ROWS && model_config(t.f.m)->logit_cap == 0; r++) {
            centre(logits[0] + r * n, 1, t.tokens);
            double mean = 0;
            for (int32_t v = 0; v < t.tokens; v++)
                mean += (double)logits[1][r * n + v] / t.tokens;
            assert_true(fabs(mean) < 1e-4);
            compare(t.f.name, logits[1] + r * n, logits[0] + r * n, t.tokens);
        }
        free(logits[0]);
        free(logits[1]);
        both_close(&t);
    }
}

static void test_columns_of_the_unembedding_have_a_mean_of_0(void **state)
{
    (void)state;
    for (int c = 0; c < N_ALL; c++) {
        struct both t;
        both_open(&t, c);
        const int32_t d = model_config(t.f.m)->d_model;
        int32_t *id = calloc((size_t)t.tokens, sizeof *id);
        for (int32_t i = 0; i < t.tokens; i++)
            id[i] = i;
        float *u = to_host(&t.f.run, model_unembed_rows(&t.f.run, t.tl, id, t.tokens));
        for (int32_t i = 0; i < d && model_config(t.f.m)->logit_cap == 0; i++) {
            double mean = 0;
            for (int32_t v = 0; v < t.tokens; v++)
                mean += (double)u[v * d + i] / t.tokens;
            if (fabs(mean) > 1e-6)
                fail_msg("%s: column %d has a mean of %g", t.f.name, (int)i, mean);
        }
        free(u);
        free(id);
        both_close(&t);
    }
}

/* ---- the package's */
static const int32_t golden_rows[] = {3, 6, 10}, golden_tokens[] = {0, 7, 40};

static void check_golden(struct both *t, const char *name, const float *v, const int32_t *rows,
                         int32_t n, int32_t cols, float tolerance)
{
    const struct named_tensor *g = golden_tensor("%s/%s", t->f.name, name);
    char what[128];
    assert_int_equal(g->n_bytes, (size_t)n * (size_t)cols * sizeof(float));
    snprintf(what, sizeof what, "%s at %s", t->f.name, name);
    for (int32_t r = 0; r < n; r++)
        assert_close(what, v + (size_t)(rows ? rows[r] : r) * (size_t)cols,
                     (const float *)(const void *)g->data + (size_t)r * (size_t)cols, (size_t)cols,
                     tolerance);
}

static void check_golden_rows(struct both *t, const char *name, struct tensor of)
{
    float *v = to_host(&t->f.run, of);
    centre(v, 3, of.cols); /* nothing sees it of the unembedding: model.c does without */
    check_golden(t, name, v, NULL, 3, of.cols, 1e-6f);
    free(v);
}

static void check_golden_norms(struct both *t)
{
    const int32_t n = t->tokens, d = model_config(t->tl)->d_model;
    double *norms = calloc(2 * (size_t)n, sizeof *norms), *mean = calloc((size_t)d, sizeof *mean);
    float *v = calloc(2 * (size_t)n, sizeof *v);
    for (int k = 0; k < 2; k++) {
        assert_true(model_tl_vocabulary(&t->f.run, k ? t->tl : t->f.m, n, mean, norms));
        for (int32_t i = 0; i < 2 * n; i++)
            v[i] = (float)norms[i];
        check_golden(t, "norms", v, NULL, 1, 2 * n, 2e-6f);
    }
    free(norms);
    free(mean);
    free(v);
}

static void check_golden_points(struct both *t)
{
    struct point p[64];
    const int32_t n = all_points(t->tl, p);
    for (int32_t i = 0; i < n; i++) {
        struct state s;
        char name[POINT_NAME_MAX];
        struct point called = p[i]; /* folded, the norm has no gain to lie in front of */
        if (called.site == SITE_MLP_NORMALIZED)
            called.site = SITE_MLP_IN;
        point_name(called, name);
        model_forward(&t->f.run, t->tl, &t->batch, NULL, p[i], NULL, 0, &s);
        float *v = to_host(&t->f.run, s.value);
        check_golden(t, name, v, golden_rows, 3, s.value.cols, 2e-5f);
        free(v);
    }
}

static void check_golden_losses(struct both *t)
{
    const int32_t n = model_config(t->tl)->n_vocab;
    float loss[N_ROWS], *logits = calloc((size_t)n * N_ROWS, sizeof *logits);
    struct state s;
    for (int32_t i = 0; i < N_ROWS; i++)
        t->target[i] = i + 1 == starts[1] || i + 1 == N_ROWS ? -1 : t->ids[i + 1];
    model_forward(&t->f.run, t->tl, &t->batch, NULL, model_end(t->tl), NULL, 0, &s);
    model_loss(&t->f.run, t->tl, s.value, t->target, loss);
    check_golden(t, "loss", loss, NULL, 1, N_ROWS, 2e-5f);
    model_logits(&t->f.run, t->tl, s.value, logits);
    check_golden(t, "logits", logits, golden_rows, 3, n, 1e-4f);
    free(logits);
}

static void test_numbers_of_transformerlens(void **state)
{
    (void)state;
    int found = 0;
    for (int c = 0; c < N_ALL; c++) {
        const char *name = c < N_SMALL ? small_model[c].name : hash_archs[c - N_SMALL].name;
        struct both t;
        if (strcmp(name, "parallel") != 0 && strcmp(name, "sequential") != 0 &&
            strcmp(name, "gpt2") != 0)
            continue;
        found++;
        both_open_of(&t, c, 0);
        memcpy(t.ids, golden_tensor("%s/ids", name)->data, sizeof t.ids);
        check_golden_points(&t);
        check_golden_losses(&t);
        check_golden_norms(&t);
        check_golden_rows(&t, "W_U", model_unembed_rows(&t.f.run, t.tl, golden_tokens, 3));
        check_golden_rows(&t, "W_E", model_embed_rows(&t.f.run, t.tl, golden_tokens, 3));
        both_close(&t);
    }
    assert_int_equal(found, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_at_every_point),
        cmocka_unit_test(test_losses_stay_and_logits_move_by_a_constant),
        cmocka_unit_test(test_columns_of_the_unembedding_have_a_mean_of_0),
        cmocka_unit_test(test_numbers_of_transformerlens),
    };
    golden_tensors = "model/tl.safetensors";
    return cmocka_run_group_tests(tests, golden_open, golden_close);
}

/* TransformerLens' weights: what its formulas make of the plain model's values at every hook point,
 * losses that stay, an unembedding whose columns have a mean of 0. */
#include "engine/formats/tensors.h"
#include "tests/engine/model/small.h"
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

static void both_open(struct both *t, int which)
{
    struct error e = {0};
    fixture_open_any(&t->f, which);
    const int32_t n = model_config(t->f.m)->n_vocab;
    t->tokens = n - 5;
    for (int32_t i = 0; i < N_ROWS; i++) {
        t->ids[i] = (i * 37 + 5) % n;
        t->target[i] = (i * 11 + 2) % n;
    }
    t->batch = (struct batch){.n_rows = N_ROWS, .ids = t->ids, .seqs = {.n = 2, .start = starts}};
    if (!model_open(t->f.b, t->f.dir, &(struct model_how){.tl_tokens = t->tokens}, &t->tl, &e) ||
        !tensors_open(t->f.dir, &t->file, &e))
        fail_msg("%s: %s", t->f.name, e.text);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_at_every_point),
        cmocka_unit_test(test_losses_stay_and_logits_move_by_a_constant),
        cmocka_unit_test(test_columns_of_the_unembedding_have_a_mean_of_0),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Files that are not what they say, and what the forward refuses. */
#include "engine/formats/tensors.h"
#include "tests/engine/model/small.h"
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct hash_model base = {"base",       2, 32, 64, 4, 50, 16, 0.25, .type = DTYPE_F32,
                                       .exponent = 2};

static void must_refuse(const char *dir, struct backend *b, const char *word)
{
    struct model *m = NULL;
    struct error e = {0};
    assert_false(model_open(b, dir, NULL, &m, &e));
    assert_null(m);
    assert_int_equal(e.kind, ERROR_INPUT);
    if (!strstr(e.text, word))
        fail_msg("expected '%s' in: %s", word, e.text);
}

/* Weights of one configuration beside the config.json of another. */
static void refuse_mixed(struct backend *b, const struct hash_model *config,
                         const struct hash_model *weights, const char *word)
{
    char dir[64], other[64], from[128], to[128];
    test_dir_new(dir);
    test_dir_new(other);
    hash_model_write(dir, weights);
    hash_model_write(other, config);
    snprintf(from, sizeof from, "%s/config.json", other);
    snprintf(to, sizeof to, "%s/config.json", dir);
    assert_int_equal(rename(from, to), 0);
    must_refuse(dir, b, word);
    test_dir_remove(dir);
    test_dir_remove(other);
}

static void test_refuses_files(void **state)
{
    (void)state;
    struct error e = {0};
    struct backend *b = cpu_backend_new(1, &e);
    assert_no_error(&e);
    must_refuse("/nonexistent", b, "/nonexistent");
    struct hash_model other = base;
    other.n_layers = 3;
    refuse_mixed(b, &other, &base, "gpt_neox.layers.2.input_layernorm.weight");
    other = base, other.d_mlp = 72;
    refuse_mixed(b, &other, &base, "mlp.dense_h_to_4h.weight");
    other = base, other.n_vocab = 51;
    refuse_mixed(b, &other, &base, "embed_out.weight");
    other = base, other.tied = true;
    refuse_mixed(b, &base, &other, "embed_out.weight"); /* untied, but no unembedding in the file */
    other = base, other.no_attention_bias = true;
    refuse_mixed(b, &base, &other, "attention.query_key_value.bias");
    b->free(b);
}

static struct device_memory little(const struct backend *b)
{
    (void)b;
    return (struct device_memory){.total = 16000, .free = 12000};
}

/* What a model takes is known before anything is packed; what is kept of it is not counted. */
static void test_refuses_what_does_not_fit(void **state)
{
    (void)state;
    struct error e = {0};
    struct backend *b = cpu_backend_new(1, &e);
    struct device_memory (*all)(const struct backend *) = b->memory;
    struct model *m = NULL;
    char dir[64];
    test_dir_new(dir);
    hash_model_write(dir, &base);
    b->memory = little;
    assert_false(model_open(b, dir, NULL, &m, &e));
    assert_null(m);
    assert_int_equal(e.kind, ERROR_MEMORY);
    if (!strstr(e.text, " GB needed, 1.2e-05 free of 1.6e-05; weights of 1.2e-05 GB would fit, 0.0 "
                        "billion numbers of 16 bits"))
        fail_msg("%s", e.text);
    b->memory = all, e = (struct error){0};
    assert_true(model_open(b, dir, NULL, &m, &e));
    assert_in_range(model_bytes(m), 60000, 130000);
    model_free(m);
    b->free(b);
    test_dir_remove(dir);
}

static void test_truncated(void **state)
{
    (void)state;
    struct error e = {0};
    struct backend *b = cpu_backend_new(1, &e);
    char dir[64], path[96];
    test_dir_new(dir);
    hash_model_write(dir, &base);
    snprintf(path, sizeof path, "%s/model.safetensors", dir);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    for (off_t n = st.st_size - 1; n > 0; n /= 3) {
        assert_int_equal(truncate(path, n), 0);
        must_refuse(dir, b, "model.safetensors");
    }
    test_dir_remove(dir);
    b->free(b);
}

static void heard(void *arg, uint64_t done, uint64_t total)
{
    uint64_t *last = arg;
    assert_true(total == last[1] || last[1] == 0);
    assert_true(done > last[0] && done <= total);
    last[0] = done, last[1] = total;
}

static void test_progress(void **state)
{
    (void)state;
    struct error e = {0};
    struct backend *b = cpu_backend_new(1, &e);
    char dir[64];
    test_dir_new(dir);
    hash_model_write(dir, &base);
    struct model *m = NULL;
    uint64_t last[2] = {0};
    assert_true(
        model_open(b, dir, &(struct model_how){.progress = heard, .progress_arg = last}, &m, &e));
    assert_true(last[0] == last[1] && last[1] == model_bytes(m));
    assert_int_equal(model_config(m)->n_ctx, 16);
    model_free(m);
    test_dir_remove(dir);
    b->free(b);
}

/* ---- what is opened beside it */
struct beside {
    uint64_t need;
    bool refuses;
    int32_t n_layers;
};
static bool beside(void *arg, const struct model_config *c, uint64_t *need, struct error *e)
{
    struct beside *b = arg;
    b->n_layers = c->n_layers, *need += b->need;
    return !b->refuses || error_set(e, ERROR_INPUT, "an SAE of its own kind");
}

static void heard_nothing(void *arg, uint64_t done, uint64_t total)
{
    (void)arg, (void)done, (void)total;
    fail_msg("something was loaded");
}

/* Nothing is loaded where there is no room for both, or what is beside can't be. */
static void test_beside(void **state)
{
    (void)state;
    struct error e = {0};
    struct backend *b = cpu_backend_new(1, &e);
    struct beside of[] = {{.need = (uint64_t)1 << 50}, {.refuses = true}, {.need = 1000}};
    char dir[64];
    test_dir_new(dir);
    hash_model_write(dir, &base);
    struct model *m = NULL;
    for (int i = 0; i < 3; i++) {
        e = (struct error){0};
        const bool ok = model_open(b, dir,
                                   &(struct model_how){.progress = i < 2 ? heard_nothing : NULL,
                                                       .beside = beside,
                                                       .beside_arg = &of[i]},
                                   &m, &e);
        assert_int_equal(ok, i == 2);
        assert_int_equal(of[i].n_layers, base.n_layers);
        assert_int_equal(e.kind, i == 0 ? ERROR_MEMORY : i == 1 ? ERROR_INPUT : ERROR_NONE);
        if (i == 0)
            assert_non_null(strstr(e.text, "cpu: 1125900 GB needed"));
        if (i == 1)
            assert_string_equal(e.text, "an SAE of its own kind");
    }
    model_free(m);
    test_dir_remove(dir);
    b->free(b);
}

/* The error must name `word`, and everything after it must do nothing. */
static void must_fail(struct fixture *f, const struct batch *b, const struct state *from,
                      struct point to, const struct hook *hook, const char *word)
{
    struct state out;
    model_forward(&f->run, f->m, b, from, to, hook, hook ? 1 : 0, &out);
    assert_int_equal(f->run.err.kind, ERROR_INPUT);
    if (!strstr(f->run.err.text, word))
        fail_msg("expected '%s' in: %s", word, f->run.err.text);
    assert_null(out.value.buf);
    assert_int_equal(out.value.rows, b->n_rows);
    assert_int_equal(out.value.cols, model_width(f->m, to));
    int32_t target[4] = {0}, id[4] = {7, 7, 7, 7};
    float logp[4] = {7, 7, 7, 7};
    struct tensor h = {.rows = 4, .cols = 32, .ld = 32};
    struct tensor loss = model_loss(&f->run, f->m, h, target, logp);
    assert_null(loss.buf);
    assert_true(logp[0] == 7 && logp[3] == 7);
    model_topn(&f->run, f->m, h, 1, id, logp);
    assert_int_equal(id[0], 7);
    f->run.err = (struct error){0};
}

static void test_refuses_input(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f, &base);
    struct point end = model_end(f.m), act = {1, SITE_MLP_ACT};
    int32_t ids[20] = {1, 2, 3, 4};
    const int32_t start[] = {0, 4}, long_start[] = {0, 17}, past[] = {2};
    struct batch b = {.n_rows = 4, .ids = ids, .seqs = {.n = 1, .start = start}};
    struct state mid, other;
    model_forward(&f.run, f.m, &b, NULL, act, NULL, 0, &mid);
    assert_no_error(&f.run.err);
    ids[2] = 50;
    must_fail(&f, &b, NULL, end, NULL, "token id 50 at row 2");
    ids[2] = -1;
    must_fail(&f, &b, NULL, end, NULL, "token id -1");
    ids[2] = 3;
    must_fail(&f, &b, NULL, (struct point){2, SITE_MLP_ACT}, NULL, "layers.2.mlp.act");
    must_fail(&f, &b, &mid, (struct point){1, SITE_RESID_PRE}, NULL,
              "the end comes before the start");
    other = mid;
    other.at.site = SITE_MLP_OUT;
    must_fail(&f, &b, &other, end, NULL, "layers.1.mlp.out");
    other = mid, other.base = (struct tensor){0};
    must_fail(&f, &b, &other, end, NULL, "layers.1.mlp.act");
    struct hook set = {.at = {0, SITE_MLP_OUT}, .op = HOOK_SET, .io = &mid.value};
    must_fail(&f, &b, NULL, end, &set, "intervention at layers.0.mlp.out");
    struct dict *narrow = dict_neurons(act, 32);
    struct hook insert = {.at = act, .op = HOOK_INSERT, .dict = narrow};
    must_fail(&f, &b, NULL, end, &insert, "width 32");
    dict_free(narrow);
    struct batch gone = b;
    gone.ids = NULL;
    must_fail(&f, &gone, NULL, end, NULL, "neither token ids nor a state");
    struct batch deep = {.n_rows = 17, .ids = ids, .seqs = {.n = 1, .start = long_start}};
    must_fail(&f, &deep, NULL, end, NULL, "context is 16");
    struct batch later = b;
    later.seqs.past = past;
    must_fail(&f, &later, NULL, end, NULL, "keys and values");
    struct batch empty = b;
    empty.n_rows = 0;
    must_fail(&f, &empty, NULL, end, NULL, "0 rows");
    fixture_close(&f);
}

static void test_cancel(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f, &base);
    atomic_bool cancel = true;
    f.run.cancel = &cancel;
    const int32_t ids[] = {1, 2}, start[] = {0, 2};
    struct batch b = {.n_rows = 2, .ids = ids, .seqs = {.n = 1, .start = start}};
    struct state out;
    model_forward(&f.run, f.m, &b, NULL, model_end(f.m), NULL, 0, &out);
    assert_int_equal(f.run.err.kind, ERROR_CANCELLED);
    assert_null(out.value.buf);
    f.run.cancel = NULL;
    f.run.err = (struct error){0};
    model_forward(&f.run, f.m, &b, NULL, model_end(f.m), NULL, 0, &out);
    assert_non_null(out.value.buf);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refuses_files), cmocka_unit_test(test_refuses_what_does_not_fit),
        cmocka_unit_test(test_truncated),     cmocka_unit_test(test_progress),
        cmocka_unit_test(test_beside),        cmocka_unit_test(test_refuses_input),
        cmocka_unit_test(test_cancel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

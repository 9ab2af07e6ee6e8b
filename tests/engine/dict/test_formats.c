/* Other people's checkpoints, written by their own packages, against what these packages encode and
 * decode (tests/reference/dict_formats.py): the same latents active, values and reconstructions to
 * 1e-5; what is read of each fact, and where from; and what is refused, in which words. */
#include "engine/base/file.h"
#include "engine/dict/convert.h"
#include "engine/formats/mapping.h"
#include "tests/engine/dict/sae.h"
#include "tests/support/golden_tensors.h"
#include "tests/support/spoil.h"
#include <stdlib.h>

#define FILES "tests/golden/dict/formats/"
enum { T = 9 };

/* facts: value/source of centre, relu, select, k, norm_rescale, skip, hook, bos. */
static const struct format_case {
    const char *path; /* below FILES */
    const char *name; /* of its numbers; NULL: path */
    const char *format, *facts;
} cases[] = {
#define AT " layers.3.mlp.out/config no/config"
    {"saelens/standard", NULL, "sae-lens standard",
     "yes/config before/config all/config 0/default no/default no/default" AT},
    {"saelens/standard/sae_weights.safetensors", "saelens/standard", "sae-lens standard",
     "yes/config before/config all/config 0/default no/default no/default" AT},
    {"saelens/jumprelu", NULL, "sae-lens jumprelu",
     "no/config before/config threshold/config 0/default no/default no/default" AT},
    {"saelens/topk", NULL, "sae-lens topk",
     "yes/config after/config topk/config 20/config no/config no/default" AT},
    {"saelens/topk-rescaled", NULL, "sae-lens topk",
     "yes/config after/config topk/config 5/config yes/config no/default" AT},
    {"saelens/abstopk", NULL, "sae-lens abstopk",
     "yes/config never/config abstopk/config 6/config no/config no/default" AT},
    {"saelens/gated", NULL, "sae-lens gated",
     "yes/config before/config gated/config 0/default no/default no/default" AT},
    {"saelens/old-standard", NULL, "sae-lens standard",
     "yes/default before/config all/config 0/default no/default no/default "
     "layers.2.resid.pre/config yes/default"},
    {"saelens/old-topk", NULL, "sae-lens topk",
     "yes/config after/config topk/config 5/config no/default no/default "
     "layers.2.resid.pre/config no/config"},
    {"saelens/jumprelu-trained", NULL, "sae-lens jumprelu",
     "yes/config before/config threshold/config 0/default no/default no/default" AT},
    {"saelens/jumprelu-log", NULL, "sae-lens jumprelu",
     "yes/config before/config threshold/config 0/default no/default no/default" AT},
    {"saelens/batchtopk", NULL, "sae-lens jumprelu",
     "yes/config before/config threshold/config 0/default no/default no/default" AT},
    {"saelens/batchtopk-checkpoint", NULL, "sae-lens batchtopk",
     "yes/config before/config threshold/config 0/default no/config no/default" AT},
    {"saelens/batchtopk-rescaled", NULL, "sae-lens jumprelu",
     "yes/config before/config threshold/config 0/default no/default no/default" AT},
    {"saelens/batchtopk-rescaled-checkpoint", NULL, "sae-lens batchtopk",
     "yes/config before/config threshold/config 0/default yes/config no/default" AT},
    {"saelens/matryoshka", NULL, "sae-lens jumprelu",
     "yes/config before/config threshold/config 0/default no/default no/default" AT},
    {"saelens/matryoshka-checkpoint", NULL, "sae-lens matryoshka_batchtopk",
     "yes/config before/config threshold/config 0/default yes/config no/default" AT},
    {"saelens/topk-trained", NULL, "sae-lens topk",
     "yes/config after/config topk/config 5/config yes/config no/default" AT},
    {"saelens/topk-trained-checkpoint", NULL, "sae-lens topk",
     "yes/config after/config topk/config 5/config yes/config no/default" AT},
    {"saelens/scaled-checkpoint", NULL, "sae-lens standard",
     "yes/config before/config all/config 0/default no/default no/default" AT},
    {"saelens/layer-norm", NULL, "sae-lens standard",
     "yes/config before/config all/config 0/default no/default no/default" AT},
    {"saelens/length-norm", NULL, "sae-lens jumprelu",
     "yes/config before/config threshold/config 0/default no/default no/default" AT},
    {"saelens/whitened-checkpoint", NULL, "sae-lens gated",
     "no/config before/config gated/config 0/default no/default no/default" AT},
    {"saelens/whitened-topk-checkpoint", NULL, "sae-lens topk",
     "yes/config after/config topk/config 5/config no/config no/default" AT},
    {"saelens/transcoder", NULL, "sae-lens transcoder",
     "no/config before/config all/config 0/default no/default no/default" AT},
    {"saelens/skip-transcoder", NULL, "sae-lens skip_transcoder",
     "no/config before/config all/config 0/default no/default yes/config" AT},
    {"saelens/jumprelu-skip-transcoder", NULL, "sae-lens jumprelu_skip_transcoder",
     "no/config before/config threshold/config 0/default no/default yes/config" AT},
    {"llama/Llama3_1-8B-Base-L3R-8x", "llama", "llama-scope",
     "no/default before/config threshold/config 0/default no/default no/default "
     "layers.3.resid.post/config yes/default"},
    {"llama/Llama3_1-8B-Base-L3TC-8x", "llama-transcoder", "llama-scope",
     "no/default before/config threshold/config 0/default no/default no/default "
     "layers.3.mlp.out/config yes/default"},
    {"llama/800M-Slimpajama-0-OpenR1-Math-220k/L3R", "llama-later", "llama-scope",
     "no/default before/config threshold/config 0/default no/default no/default "
     "layers.3.resid.post/config yes/default"},
#undef AT
#define TENSOR " no/default no/no tensor W_skip"
    {"sparsify/layers.3.mlp", "sparsify/topk", "sparsify",
     "yes/default before/config topk/config 20/config" TENSOR
     " layers.3.mlp.out/file name unsaid/default"},
    {"sparsify/seeds/layers.2/seed1/sae.safetensors", "sparsify/multi", "sparsify",
     "yes/default before/config topk/config 4/config" TENSOR
     " layers.2.resid.post/file name unsaid/default"},
    {"sparsify/groupmax/embed_in", "sparsify/groupmax", "sparsify",
     "yes/default before/config groupmax/config 9/config" TENSOR " embed/file name unsaid/default"},
    {"sparsify/skip/layers.1", "sparsify/skip", "sparsify",
     "yes/default before/config topk/config 6/config no/default yes/tensor W_skip"
     " layers.1.resid.post/file name unsaid/default"},
    {"sparsify/transcode/layers.2.mlp", "sparsify/transcode", "sparsify",
     "no/default before/config topk/config 6/config no/default yes/tensor W_skip"
     " layers.2.mlp.out/file name unsaid/default"},
#undef TENSOR
#define LEARNT(name, class, facts)                                                                 \
    {                                                                                              \
        "dictionary_learning/" name, NULL, "dictionary_learning " class,                           \
            facts " no/default no/default layers.3.resid.post/config unsaid/default"               \
    }
    LEARNT("relu", "AutoEncoder", "yes/config before/config all/config 0/default"),
    LEARNT("new", "AutoEncoderNew", "no/config before/config all/config 0/default"),
    LEARNT("gated", "GatedAutoEncoder", "yes/config before/config gated/config 0/default"),
    LEARNT("topk", "AutoEncoderTopK", "yes/config before/config topk/config 5/tensor k"),
    LEARNT("batchtopk", "BatchTopKSAE", "yes/config before/config threshold/config 0/default"),
    LEARNT("matryoshka", "MatryoshkaBatchTopKSAE",
           "yes/config before/config threshold/config 0/default"),
    LEARNT("jumprelu", "JumpReluAutoEncoder", "no/config before/config threshold/config 0/default"),
#undef LEARNT
    {"dictionary_learning/batchtopk-unset/checkpoints/ae_100.pt",
     "dictionary_learning/batchtopk-unset", "dictionary_learning BatchTopKSAE",
     "yes/config before/config all/tensor threshold 0/default no/default no/default "
     "layers.3.resid.post/config unsaid/default"},
    {"dictionary_learning/backup", NULL, "dictionary_learning BatchTopKSAE",
     "yes/config before/config threshold/config 0/default no/default no/default "
     "layers.3.mlp.out/config unsaid/default"},
    {"dictionary_learning/flat/mlp_out_layer2/10_40", "dictionary_learning/flat",
     "dictionary_learning AutoEncoder",
     "yes/names of tensors before/names of tensors all/names of tensors 0/default no/default "
     "no/default layers.2.mlp.out/file name unsaid/default"},
#define GEMMA(name, hook)                                                                          \
    {                                                                                              \
        "gemma/" name, NULL, "gemma-scope",                                                        \
            "no/default before/default threshold/default 0/default no/default no/default " hook    \
            "/file name yes/default"                                                               \
    }
    GEMMA("gemma-scope-2b-pt-mlp/layer_3/width_16k/average_l0_7", "layers.3.mlp.out"),
    GEMMA("gemma-scope-2b-pt-res/layer_2/width_16k/average_l0_9", "layers.2.resid.post"),
    GEMMA("gemma-scope-2b-pt-res/embedding/width_4k/average_l0_6", "embed"),
#undef GEMMA
    {"gemma/gemma-scope-2/layer_5_width_16k", "gemma/gemma-scope-2", "gemma-scope 2",
     "no/default before/default threshold/default 0/default no/default no/default "
     "layers.5.resid.post/config yes/default"},
    {"gemma/gemma-scope-2/transcoder/layer_5_width_16k", "gemma/transcoder", "gemma-scope 2",
     "no/default before/default threshold/default 0/default no/default "
     "yes/tensor affine_skip_connection layers.5.mlp.out/config yes/default"},
    {"gemma/gemma-scope-2/transcoder_all/layer_5_width_16k_l0_small", "gemma/transcoder-alone",
     "gemma-scope 2",
     "no/default before/default threshold/default 0/default no/default no/default "
     "layers.5.mlp.out/file name yes/default"},
    {"gemma/gemma-scope-2b-pt-transcoders/layer_4/width_16k/average_l0_8", NULL, "gemma-scope",
     "no/default before/default threshold/default 0/default no/default no/default "
     "layers.4.mlp.out/file name yes/default"},
    {"tracer/layer_3.safetensors", "tracer", "circuit-tracer",
     "no/default before/default all/default 0/default no/default no/no tensor W_skip "
     "layers.3.mlp.out/file name unsaid/default"},
    {"openai/topk.pt", NULL, "openai",
     "yes/tensor pre_bias never/entry postact_fn topk/entry activation 25/entry k no/default "
     "no/default none/default unsaid/default"},
    {"openai/topk-relu.pt", NULL, "openai",
     "yes/tensor pre_bias after/entry postact_fn topk/entry activation 25/entry k no/default "
     "no/default none/default unsaid/default"},
    {"openai/relu.pt", NULL, "openai",
     "yes/tensor pre_bias before/entry activation all/entry activation 0/default no/default "
     "no/default none/default unsaid/default"},
    {"openai/tied.pt", NULL, "openai",
     "yes/tensor pre_bias before/entry activation all/entry activation 0/default no/default "
     "no/default none/default unsaid/default"},
    {"qwen/SAE-Res-Qwen3-1.7B-Base-W32K-L0_6/layer3.sae.pt", "qwen", "qwen-scope",
     "no/default after/shapes of tensors topk/shapes of tensors 6/file name no/default no/default "
     "layers.3.resid.post/file name yes/default"},
    {"heindrich/relu.pt", "heindrich", "heindrich .pt",
     "yes/default before/default all/default 0/default no/default no/default none/default "
     "unsaid/default"},
    {"heindrich/gpt2-small_L2_Hcat_z_v4.pt", "heindrich/z", "heindrich .pt",
     "yes/default before/default all/default 0/default no/default no/default "
     "layers.2.attn.z/config unsaid/default"},
    {"goodfire/Llama-3.1-8B-Instruct-SAE-l19.pth", "goodfire", "goodfire",
     "no/default before/default all/default 0/default no/default no/default "
     "layers.19.resid.post/file name unsaid/default"},
};

/* Transcoders that read elsewhere than at mlp.in, and the architecture that says where. */
static const struct elsewhere {
    const char *path, *reads, *arch;
} elsewhere[] = {
    {"llama/Llama3_1-8B-Base-L3TC-8x", "layers.3.mlp.normalized", "llama"},
    {"gemma/gemma-scope-2b-pt-transcoders/layer_4/width_16k/average_l0_8",
     "layers.4.mlp.normalized", "gemma2"},
};

static const struct elsewhere *is_elsewhere(const struct format_case *c)
{
    for (size_t i = 0; i < sizeof elsewhere / sizeof *elsewhere; i++)
        if (strcmp(elsewhere[i].path, c->path) == 0)
            return &elsewhere[i];
    return NULL;
}

/* The hint that the case needs. */
static struct dict_hint hint_of(const struct format_case *c)
{
    static struct model_config model;
    const struct elsewhere *e = is_elsewhere(c);
    model = (struct model_config){.arch = e ? arch_find(e->arch) : NULL, .n_layers = 6};
    return (struct dict_hint){.model = e ? &model : NULL};
}

static const float *gold(const char *name, const char *what, int64_t rows, int64_t cols)
{
    const struct named_tensor *t = golden_tensor("%s/%s", name, what);
    assert_true(t->n_dims == 2 && t->dim[0] == rows && t->dim[1] == cols && t->type == DTYPE_F32);
    float *v = malloc(t->n_bytes);
    memcpy(v, t->data, t->n_bytes);
    return v;
}

static void check_facts(const char *what, const struct dict_spec *s, const char *expected)
{
    static const char *const relu[] = {"never", "before", "after"};
    static const char *const bos[] = {"unsaid", "no", "yes"};
    char text[400], hook[POINT_NAME_MAX] = "none";
    if (s->at.layer != -2)
        point_name(s->at, hook);
    snprintf(text, sizeof text, "%s/%s %s/%s %s/%s %d/%s %s/%s %s/%s %s/%s %s/%s",
             s->centre ? "yes" : "no", s->source[DICT_FACT_CENTRE], relu[s->relu],
             s->source[DICT_FACT_RELU], select_name(s->select), s->source[DICT_FACT_SELECT], s->k,
             s->source[DICT_FACT_K], s->norm_rescale ? "yes" : "no", s->source[DICT_FACT_RESCALE],
             s->skip ? "yes" : "no", s->source[DICT_FACT_SKIP], hook, s->source[DICT_FACT_HOOK],
             bos[s->bos], s->source[DICT_FACT_BOS]);
    if (strcmp(text, expected) != 0)
        fail_msg("%s: %s, expected %s", what, text, expected);
}

static void check_reads(const struct format_case *c, const struct dict_spec *s)
{
    char name[POINT_NAME_MAX], in[POINT_NAME_MAX];
    snprintf(in, sizeof in, "layers.%d.mlp.in", s->at.layer);
    point_name(s->in, name);
    if (s->transcodes)
        assert_string_equal(name, is_elsewhere(c) ? is_elsewhere(c)->reads : in);
    else
        assert_null(is_elsewhere(c));
}

static void check_acts(struct run *run, const char *name, const struct csr *f, int32_t m)
{
    const float *want = gold(name, "acts", T, m);
    float *got = calloc((size_t)T * (size_t)m, sizeof *got);
    struct csr_host c = {0};
    assert_true(run_get_csr(run, &c, f));
    for (int32_t t = 0; t < T; t++)
        for (int32_t i = c.start[t]; i < c.start[t + 1]; i++)
            got[t * m + c.ids[i]] = c.vals[i];
    for (int32_t i = 0, active = 0; i < T * m; i++) {
        active += got[i] != 0.0f;
        if ((got[i] != 0.0f) != (want[i] != 0.0f))
            fail_msg("%s: latent %d of row %d is %g, expected %g", name, i % m, i / m,
                     (double)got[i], (double)want[i]);
        if (i == T * m - 1)
            assert_true(active > T && active < T * m); /* the case says something */
    }
    assert_close(name, got, want, (size_t)T * (size_t)m, 1e-5f);
    csr_host_release(&c);
    free(got);
    free((void *)(uintptr_t)want);
}

/* What the SAE at `path` encodes and decodes, against the case's numbers; its facts, too, unless it
 * was converted. */
static void check_numbers(const char *path, const struct format_case *c, bool converted)
{
    const char *name = c->name ? c->name : c->path;
    const struct dict_hint hint = hint_of(c);
    struct device dev;
    struct dict *d = NULL;
    struct error e = {0};
    device_open(&dev);
    dict_open(dev.b, path, &hint, &d, &e);
    assert_no_error(&e);
    const struct dict_spec *s = dict_spec(d);
    if (s->at.layer >= 0)
        check_reads(c, s);
    if (!converted) {
        check_facts(c->path, s, c->facts);
        assert_string_equal(s->format, c->format);
    }
    struct tensor x = hash_input(&dev.run, "x", T, s->n), pre;
    struct code f, g;
    dict_encode(&dev.run, d, x, &f, &pre);
    check_acts(&dev.run, name, &f.sparse, s->m);
    dict_encode(&dev.run, d, x, &g, NULL);
    check_acts(&dev.run, name, &g.sparse, s->m);
    const float *want = gold(name, "x_hat", T, s->n_out);
    float *got = to_host(&dev.run, dict_decode(&dev.run, d, &f));
    assert_close(name, got, want, (size_t)T * (size_t)s->n_out, 1e-5f);
    free(got);
    free((void *)(uintptr_t)want);
    dict_free(d);
    device_close(&dev);
}

static void check_case(const struct format_case *c)
{
    char path[200];
    snprintf(path, sizeof path, FILES "%s", c->path);
    check_numbers(path, c, false);
}

static void test_parity(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_case(&cases[i]);
}

/* ---- refused */
static void copy_file(const char *from, const char *to)
{
    char *bytes = NULL;
    size_t n = 0;
    struct error e = {0};
    assert_true(file_read(from, 1 << 20, &bytes, &n, &e) && file_write(to, bytes, n, &e));
    free(bytes);
}

/* The file with the first `from` in it replaced; NULL: as it is. */
static void edit(const char *path, const char *from, const char *to)
{
    char *text = NULL, *at = NULL, *out = NULL;
    size_t n = 0;
    struct error e = {0};
    if (!from)
        return;
    assert_true(file_read(path, 1 << 20, &text, &n, &e));
    at = strstr(text, from);
    if (!at)
        fail_msg("%s: found no '%s'", path, from);
    assert_true(asprintf(&out, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from)) >= 0);
    assert_true(file_write(path, out, strlen(out), &e));
    free(out);
    free(text);
}

static void refuses(struct backend *b, const char *path, const char *says)
{
    struct error e = {0};
    struct dict *d = NULL;
    if (dict_open(b, path, NULL, &d, &e))
        fail_msg("%s was opened, expected: %s", path, says);
    assert_null(d);
    assert_int_equal(e.kind, ERROR_INPUT);
    if (!strstr(e.text, says))
        fail_msg("%s, expected '%s'", e.text, says);
}

static void test_refused_configurations(void **state)
{
    (void)state;
    static const struct {
        const char *of, *weights, *config, *from, *to, *says;
    } bad[] = {
#define SAELENS(of, from, to, says)                                                                \
    {"saelens/" of, "sae_weights.safetensors", "cfg.json", from, to, "cfg.json: " says}
#define SAELENS_TENSOR(of, from, to, says)                                                         \
    {                                                                                              \
        "saelens/" of, "sae_weights.safetensors", "cfg.json", from, to,                            \
            "sae_weights.safetensors: " says                                                       \
    }
        SAELENS("standard", "\"standard\"", "\"sparse\"", "architecture 'sparse' is not known"),
        SAELENS("transcoder", "\"d_out\": 10", "\"d_out\": 11",
                "d_out is 11, expected W_dec's width of 10"),
        SAELENS("transcoder", "\"apply_b_dec_to_input\": false", "\"apply_b_dec_to_input\": true",
                "apply_b_dec_to_input is true of architecture 'transcoder'"),
        SAELENS_TENSOR("transcoder", "blocks.3.hook_mlp_out", "blocks.3.hook_resid_mid",
                       "a transcoder from layers.3.mlp.in to layers.3.resid.mid is not supported"),
        SAELENS_TENSOR("transcoder", "blocks.3.mlp.hook_in", "blocks.2.mlp.hook_in",
                       "a transcoder from layers.2.mlp.in to layers.3.mlp.out is not"),
        SAELENS_TENSOR("transcoder", "blocks.3.mlp.hook_in", "blocks.3.ln2.hook_normalized",
                       "what the transcoder reads: hook point 'blocks.3.ln2.hook_normalized': "
                       "what it means depends on the model"),
        SAELENS("standard", "\"standard\"", "\"crosscoder\"",
                "architecture 'crosscoder', which reads several layers"),
        SAELENS("standard", "\"standard\"", "\"temporal\"",
                "architecture 'temporal', which attends over earlier tokens"),
        SAELENS("standard", "\"standard\"", "\"matching_pursuit\"",
                "architecture 'matching_pursuit', which encodes step by step"),
        SAELENS("standard", "\"standard\"", "7", "'architecture' is an integer, expected a string"),
        SAELENS("standard", "\"none\"", "\"covariance\"",
                "normalize_activations 'covariance' is not known"),
        SAELENS("standard", "\"hook_head_index\": null", "\"hook_head_index\": 3",
                "hook_head_index is 3"),
        SAELENS("old-standard", "\"hook_point_head_index\": null", "\"hook_point_head_index\": 2",
                "hook_head_index is 2"),
        SAELENS("transcoder", "\"hook_head_index\": null", "\"hook_head_index_out\": 1",
                "hook_head_index is 1"),
        SAELENS("standard", "\"d_in\": 12", "\"d_in\": -12", "d_in is -12 and d_sae 40"),
        SAELENS("standard", "\"apply_b_dec_to_input\": true", "\"apply_b_dec_to_input\": 1",
                "'apply_b_dec_to_input' is an integer, expected true or false"),
        SAELENS("topk", "\"k\": 20", "\"K\": 20", "found no 'k', which architecture 'topk' has"),
        SAELENS("topk", "\"k\": 20", "\"k\": 20.5", "'k' is a number, expected a whole number"),
        SAELENS("old-topk", "\"topk\"", "\"tanh-relu\"", "activation_fn is 'tanh-relu'"),
        SAELENS_TENSOR("topk", "\"k\": 20", "\"k\": 41",
                       "k is 41 (from the config), expected 1 to 40"),
        SAELENS_TENSOR("standard", "\"d_sae\": 40", "\"d_sae\": 41",
                       "tensor 'W_enc' is [12, 40], expected [12, 41]"),
        SAELENS_TENSOR("standard", "\"standard\"", "\"jumprelu\"",
                       "found no tensor 'threshold' [40]"),
        SAELENS_TENSOR("standard", "\"standard\"", "\"batchtopk\"",
                       "found no tensor 'topk_threshold' []"),
        SAELENS_TENSOR("gated", "\"gated\"", "\"standard\"", "found no tensor 'b_enc' [40]"),
        SAELENS_TENSOR("standard", "blocks.3.hook_mlp_out", "blocks.3.hook_elsewhere",
                       "hook: hook point 'blocks.3.hook_elsewhere'"),
        SAELENS("standard", "{", "[", "not valid JSON"),
#define SPARSIFY(from, to, says)                                                                   \
    {"sparsify/layers.3.mlp", "sae.safetensors", "cfg.json", from, to, says}
        SPARSIFY("\"transcode\": false", "\"signed\": true", "signed is true"),
        SPARSIFY("\"topk\"", "\"relu\"", "activation is 'relu', expected topk or groupmax"),
        SPARSIFY("\"num_latents\": 40", "\"num_latents\": 0",
                 "tensor 'encoder.weight' is [40, 12], expected [384, 12]"),
        SPARSIFY("\"num_latents\": 40", "\"num_latents\": -1", "num_latents -1"),
        SPARSIFY("\"k\": 20", "\"k\": null", "k is -1 (from the config), expected 1 to 40"),
        {"sparsify/groupmax/embed_in", "sae.safetensors", "cfg.json", "\"k\": 9", "\"k\": 7",
         "expected a divisor of the 36 latents"},
#undef SPARSIFY
#define LEARNT(of, from, to, says)                                                                 \
    {"dictionary_learning/" of, "ae.pt", "config.json", from, to, says}
        LEARNT("relu", "\"AutoEncoder\"", "\"CrossCoder\"", "dict_class 'CrossCoder' is not"),
        LEARNT("relu", "\"AutoEncoder\"", "\"JumpReluAutoEncoder\"", "found no tensor 'W_enc'"),
        LEARNT("relu", "\"layer\": 3", "\"layer\": \"3\"", "'layer' is a string, expected a whole"),
        LEARNT("relu", "\"layer\": 3", "\"layer\": -3", "'layer' is -3, expected 0 to 1023"),
        LEARNT("relu", "\"layer\": 3", "\"layer\": 1024", "'layer' is 1024, expected 0 to"),
        LEARNT("relu", "\"activation_dim\": 12", "\"activation_dim\": 13",
               "config.json: 'activation_dim' is 13, expected 12 inputs of the weights"),
        LEARNT("relu", "\"dict_size\": 40", "\"dict_size\": 41",
               "'dict_size' is 41, expected 40 latents of the weights"),
        LEARNT("relu", "\"dict_size\": 40", "\"dict_size\": 0.5",
               "'dict_size' is a number, expected a count"),
        LEARNT("topk", "\"k\": 7", "\"k\": -7", "'k' is out of range, expected a count"),
        LEARNT("topk", "\"k\": 7", "\"k\": 41", "'k' is 41, expected 1 to 40"),
        LEARNT("topk", "\"lm_name\": \"Eleu", "\"lm_name\": 7, \"x\": \"Eleu",
               "'lm_name' is an integer, expected a string"),
        LEARNT("topk", "\"ctx_len\": 128", "\"ctx_len\": [128]",
               "'ctx_len' is a list, expected a count"),
        LEARNT("topk", "\"buffer\": {", "\"buffer\": 3, \"x\": {",
               "'buffer' is an integer, expected an object"),
        LEARNT("matryoshka", "\"k\": 5", "\"k\": 5, \"group_sizes\": [10, 31]",
               "'group_sizes' sum to 41, expected the 40 latents"),
        LEARNT("topk", "\"dict_class\"", "\"class\"", "which says which"),
#undef LEARNT
        {"gemma/gemma-scope-2/layer_5_width_16k", "params.safetensors", "config.json",
         "\"hf_hook_point_out\": \"model.layers.5.output\"",
         "\"hf_hook_point_out\": \"model.layers.6.output\"",
         "a transcoder from layers.5.resid.post to layers.6.resid.post is not supported"},
        {"gemma/gemma-scope-2/layer_5_width_16k", "params.safetensors", "config.json",
         "model.layers.5.output", "model.layers.5.q_proj.input", "are not both known"},
        {"gemma/gemma-scope-2/layer_5_width_16k", "params.safetensors", "config.json", "jump_relu",
         "topk", "architecture 'topk' is not known, expected jump_relu"},
        {"gemma/gemma-scope-2/layer_5_width_16k", "params.safetensors", "config.json", "false", "7",
         "config.json: 'affine_connection' is an integer, expected true or false"},
        {"gemma/gemma-scope-2/layer_5_width_16k", "params.safetensors", "config.json", "false",
         "true", "found no tensor 'affine_skip_connection' [12, 12]"},
        {"gemma/gemma-scope-2/layer_5_width_16k", "params.safetensors", "config.json", "{", "[",
         "config.json: not valid JSON"},
        {"saelens/scaled-checkpoint", "sae_weights.safetensors", "activation_scaler.json", NULL,
         NULL, "no configuration beside them"},
        {"heindrich", "gpt2-small_L2_Hcat_z_v4.pt", "gpt2-small_L2_Hcat_z_v4_cfg.json",
         "\"dict_size\": 40", "\"dict_size\": 41",
         "'dict_size' is 41, expected 40 latents of the weights"},
        {"heindrich", "gpt2-small_L2_Hcat_z_v4.pt", "gpt2-small_L2_Hcat_z_v4_cfg.json",
         "\"blocks.2.attn.hook_z\"", "7", "'act_name' is an integer, expected a string"},
        {"heindrich", "gpt2-small_L2_Hcat_z_v4.pt", "gpt2-small_L2_Hcat_z_v4_cfg.json", "{", "[",
         "_cfg.json: not valid JSON"},
#undef SAELENS
#undef SAELENS_TENSOR
    };
    struct device dev;
    char dir[64], from[200], to[160];
    device_open(&dev);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        test_dir_new(dir);
        snprintf(from, sizeof from, FILES "%s/%s", bad[i].of, bad[i].weights);
        snprintf(to, sizeof to, "%s/%s", dir, bad[i].weights);
        copy_file(from, to);
        snprintf(from, sizeof from, FILES "%s/%s", bad[i].of, bad[i].config);
        snprintf(to, sizeof to, "%s/%s", dir, bad[i].config);
        copy_file(from, to);
        edit(to, bad[i].from, bad[i].to);
        refuses(dev.b, dir, bad[i].says);
        test_dir_remove(dir);
    }
    device_close(&dev);
}

static void test_refused_tensors(void **state)
{
    (void)state;
    static const struct {
        const char *of, *tensor;
        size_t at;
        float value;
        const char *says;
    } bad[] = {
        {"saelens/standard", "b_enc", 7, NAN, "b_enc: the value at [7] is no finite number"},
        {"saelens/standard", "b_dec", 3, INFINITY, "b_dec: the value at [3] is no finite number"},
        {"saelens/standard", "W_enc", 81, NAN, "W_enc: the value at [2, 1] is no finite number"},
        {"saelens/jumprelu", "threshold", 0, NAN, "threshold: the value at [0] is no finite"},
        {"saelens/topk-rescaled", "W_enc", 81, NAN, "W_enc: the value at [1, 2] is no finite"},
        {"saelens/old-standard", "scaling_factor", 5, 1.5f, "'scaling_factor' is not 1 everywhere"},
    };
    struct device dev;
    char dir[64], from[200], to[160];
    device_open(&dev);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        test_dir_new(dir);
        snprintf(from, sizeof from, FILES "%s/cfg.json", bad[i].of);
        snprintf(to, sizeof to, "%s/cfg.json", dir);
        copy_file(from, to);
        snprintf(from, sizeof from, FILES "%s/sae_weights.safetensors", bad[i].of);
        snprintf(to, sizeof to, "%s/sae_weights.safetensors", dir);
        copy_file(from, to);
        spoil(to, bad[i].tensor, bad[i].at, bad[i].value);
        refuses(dev.b, dir, bad[i].says);
        test_dir_remove(dir);
    }
    device_close(&dev);
}

/* What is said beside the numbers; sparsify's files hold neither BOS nor, but in the folder's name,
 * a hook. */
static void check_said(const char *path, const struct dict_spec *was, bool sparsify)
{
    struct dict_spec is;
    struct error e = {0};
    if (!dict_look(path, &(struct dict_hint){0}, &is, &e))
        fail_msg("%s", e.text);
    assert_true(is.transcodes == was->transcodes && is.skip == was->skip && is.n_out == was->n_out);
    if (sparsify)
        return;
    assert_int_equal(is.bos, was->bos);
    assert_true(is.at.layer == was->at.layer && is.at.site == was->at.site);
}

/* Every format into every other that can say the same, read back; what can't be said is refused. */
static void test_converted(void **state)
{
    (void)state;
    char dir[64], from[200], to[160];
    int written[3] = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int target = CONVERT_GLIMT; target <= CONVERT_SPARSIFY; target++) {
            struct dict_spec s;
            struct error e = {0};
            test_dir_new(dir);
            snprintf(from, sizeof from, FILES "%s", cases[i].path);
            snprintf(to, sizeof to, "%s/%s", dir, target == CONVERT_SPARSIFY ? "out" : "layers.3");
            const struct dict_hint hint = hint_of(&cases[i]);
            if (dict_convert(from, &hint, (enum convert_target)target, to, &s, &e)) {
                check_numbers(to, &cases[i], true);
                if (!is_elsewhere(&cases[i]))
                    check_said(to, &s, target == CONVERT_SPARSIFY);
                written[target]++;
                test_dir_remove(to);
            } else {
                assert_true(target != CONVERT_GLIMT && strstr(e.text, "can't express"));
                assert_int_equal(e.kind, ERROR_INPUT);
            }
            test_dir_remove(dir);
        }
    assert_int_equal(written[CONVERT_GLIMT], sizeof cases / sizeof *cases);
    assert_true(written[CONVERT_SAELENS] >= 36 && written[CONVERT_SPARSIFY] >= 8);
}

static void test_hints(void **state)
{
    (void)state;
    const struct point at = {5, SITE_MLP_ACT};
    const struct dict_hint hint = {.hook = &at, .k = 9};
    struct device dev;
    struct error e = {0};
    struct dict *d = NULL;
    device_open(&dev);
    assert_true(dict_open(dev.b, FILES "saelens/topk", &hint, &d, &e));
    assert_int_equal(dict_spec(d)->k, 9);
    assert_int_equal(dict_spec(d)->at.layer, 5);
    assert_string_equal(dict_spec(d)->source[DICT_FACT_K], "option");
    assert_string_equal(dict_spec(d)->source[DICT_FACT_HOOK], "option");
    dict_free(d);
    device_close(&dev);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parity),          cmocka_unit_test(test_refused_configurations),
        cmocka_unit_test(test_refused_tensors), cmocka_unit_test(test_converted),
        cmocka_unit_test(test_hints),
    };
    golden_tensors = "dict/formats/formats.safetensors";
    return cmocka_run_group_tests(tests, golden_open, golden_close);
}

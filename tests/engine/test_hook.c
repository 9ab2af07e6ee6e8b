/* Names of hook points in three spellings, and their order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/hook.h"
#include <string.h>

static const struct {
    const char *name, *ours;
    int16_t layer;
    enum site site;
} good[] = {
    {"embed", "embed", -1, SITE_EMBED},
    {"gpt_neox.embed_in", "embed", -1, SITE_EMBED},
    {"embed_in", "embed", -1, SITE_EMBED},
    {"hook_embed", "embed", -1, SITE_EMBED},
    {"layers.3.resid.pre", "layers.3.resid.pre", 3, SITE_RESID_PRE},
    {"blocks.3.hook_resid_pre", "layers.3.resid.pre", 3, SITE_RESID_PRE},
    {"layers.3.attn.z", "layers.3.attn.z", 3, SITE_ATTN_Z},
    {"blocks.3.attn.hook_z", "layers.3.attn.z", 3, SITE_ATTN_Z},
    {"layers.3.resid.mid", "layers.3.resid.mid", 3, SITE_RESID_MID},
    {"blocks.3.hook_resid_mid", "layers.3.resid.mid", 3, SITE_RESID_MID},
    {"layers.3.mlp.in", "layers.3.mlp.in", 3, SITE_MLP_IN},
    {"gpt_neox.layers.3.post_attention_layernorm", "layers.3.mlp.in", 3, SITE_MLP_IN},
    {"blocks.3.mlp.hook_in", "layers.3.mlp.in", 3, SITE_MLP_IN},
    {"layers.3.mlp.normalized", "layers.3.mlp.normalized", 3, SITE_MLP_NORMALIZED},
    {"blocks.3.ln2.hook_normalized", "layers.3.mlp.in", 3, SITE_MLP_IN},
    {"layers.0.attn.out", "layers.0.attn.out", 0, SITE_ATTN_OUT},
    {"layers.0.attention", "layers.0.attn.out", 0, SITE_ATTN_OUT},
    {"gpt_neox.layers.0.attention", "layers.0.attn.out", 0, SITE_ATTN_OUT},
    {"gpt_neox.layers.0.attention.dense", "layers.0.attn.out", 0, SITE_ATTN_OUT},
    {"blocks.0.hook_attn_out", "layers.0.attn.out", 0, SITE_ATTN_OUT},
    {"layers.5.mlp.pre", "layers.5.mlp.pre", 5, SITE_MLP_PRE},
    {"gpt_neox.layers.5.mlp.dense_h_to_4h", "layers.5.mlp.pre", 5, SITE_MLP_PRE},
    {"blocks.5.mlp.hook_pre", "layers.5.mlp.pre", 5, SITE_MLP_PRE},
    {"layers.3.mlp.act", "layers.3.mlp.act", 3, SITE_MLP_ACT},
    {"gpt_neox.layers.3.mlp.act", "layers.3.mlp.act", 3, SITE_MLP_ACT},
    {"blocks.3.mlp.hook_post", "layers.3.mlp.act", 3, SITE_MLP_ACT},
    {"layers.3.mlp.out", "layers.3.mlp.out", 3, SITE_MLP_OUT},
    {"layers.3.mlp", "layers.3.mlp.out", 3, SITE_MLP_OUT},
    {"gpt_neox.layers.3.mlp", "layers.3.mlp.out", 3, SITE_MLP_OUT},
    {"layers.3.mlp.dense_4h_to_h", "layers.3.mlp.out", 3, SITE_MLP_OUT},
    {"blocks.3.hook_mlp_out", "layers.3.mlp.out", 3, SITE_MLP_OUT},
    {"layers.5.resid.post", "layers.5.resid.post", 5, SITE_RESID_POST},
    {"layers.5", "layers.5.resid.post", 5, SITE_RESID_POST},
    {"gpt_neox.layers.5", "layers.5.resid.post", 5, SITE_RESID_POST},
    {"blocks.5.hook_resid_post", "layers.5.resid.post", 5, SITE_RESID_POST},
    {"final_norm", "final_norm", 6, SITE_FINAL_NORM},
    {"gpt_neox.final_layer_norm", "final_norm", 6, SITE_FINAL_NORM},
    {"final_layer_norm", "final_norm", 6, SITE_FINAL_NORM},
    {"ln_final.hook_normalized", "final_norm", 6, SITE_FINAL_NORM},
};

static void test_spellings(void **state)
{
    (void)state;
    const struct model_config neox = {.arch = arch_find("gpt_neox"), .n_layers = 6};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct error e = {0};
        struct point p = {0}, again = {0};
        char name[POINT_NAME_MAX];
        if (!point_parse(good[i].name, &neox, &p, &e))
            fail_msg("%s: %s", good[i].name, e.text);
        assert_int_equal(p.layer, good[i].layer);
        assert_int_equal(p.site, good[i].site);
        point_name(p, name);
        assert_string_equal(name, good[i].ours);
        assert_true(point_parse(name, &neox, &again, &e));
        assert_int_equal(point_compare(p, again), 0);
    }
}

/* The same of other architectures: their modules' paths, with and without the first part, and the
 * names that move. ours NULL: refused, in words that hold `word`. */
static const struct {
    const char *model_type;
    bool parallel;
    const char *name, *ours, *word;
} moving[] = {
    {"gpt2", false, "transformer.wte", "embed", NULL},
    {"gpt2", false, "wte", "embed", NULL},
    {"gpt2", false, "ln_f", "final_norm", NULL},
    {"gpt2", false, "transformer.h.3.mlp", "layers.3.mlp.out", NULL},
    {"gpt2", false, "h.3", "layers.3.resid.post", NULL},
    {"gpt2", false, "h.3.attn", "layers.3.attn.out", NULL},
    {"gpt2", false, "h.3.attn.c_proj", "layers.3.attn.out", NULL},
    {"gpt2", false, "h.3.ln_2", "layers.3.mlp.in", NULL},
    {"gpt2", false, "h.3.mlp.c_fc", "layers.3.mlp.pre", NULL},
    {"gpt2", false, "h.3.mlp.act", "layers.3.mlp.act", NULL},
    {"gpt2", false, "h.3.mlp.c_proj", "layers.3.mlp.out", NULL},
    {"gpt2", false, "layers.3.mlp.act", "layers.3.mlp.act", NULL},
    {"gpt2", false, "blocks.3.mlp.hook_post", "layers.3.mlp.act", NULL},
    {"gpt2", false, "blocks.3.ln2.hook_normalized", "layers.3.mlp.in", NULL},
    {"gpt2", false, "ln_final.hook_normalized", "final_norm", NULL},
    {"gpt2", false, "blocks.3.hook_mlp_in", "layers.3.resid.mid", NULL},
    {"gpt2", false, "wpe", NULL, "not known"},
    {"gpt2", false, "h.3.attn.attention", NULL, "no part of a layer"},
    {"gpt2", false, "gpt_neox.layers.3.mlp", NULL, "transformer.h.3.mlp"},
    {"gpt_neo", false, "transformer.h.3.attn", "layers.3.attn.out", NULL},
    {"gpt_neo", false, "h.3.attn.attention", "layers.3.attn.out", NULL},
    {"gpt_neo", false, "h.3.attn.attention.out_proj", "layers.3.attn.out", NULL},
    {"gpt_neox", true, "blocks.3.hook_mlp_in", "layers.3.resid.pre", NULL},
    {"gpt_neox", false, "blocks.3.hook_mlp_in", "layers.3.resid.mid", NULL},
    {"gpt_neox", true, "h.3.mlp", NULL, "gpt_neox.layers.3.mlp"},
    {"llama", false, "model.embed_tokens", "embed", NULL},
    {"llama", false, "norm", "final_norm", NULL},
    {"llama", false, "model.layers.3", "layers.3.resid.post", NULL},
    {"llama", false, "layers.3.self_attn", "layers.3.attn.out", NULL},
    {"llama", false, "layers.3.self_attn.o_proj", "layers.3.attn.out", NULL},
    {"llama", false, "layers.3.post_attention_layernorm", "layers.3.mlp.in", NULL},
    {"llama", false, "model.layers.3.mlp", "layers.3.mlp.out", NULL},
    {"llama", false, "layers.3.mlp.gate_proj", "layers.3.mlp.pre", NULL},
    {"llama", false, "layers.3.mlp.down_proj", "layers.3.mlp.out", NULL},
    {"llama", false, "layers.3.mlp.up_proj", NULL, "no part of a layer"},
    {"llama", false, "layers.3.mlp.act_fn", NULL, "the gate alone"},
    {"llama", false, "blocks.3.ln2.hook_normalized", "layers.3.mlp.normalized", NULL},
    {"gemma2", false, "blocks.3.ln2.hook_normalized", "layers.3.mlp.normalized", NULL},
    {"llama", false, "ln_final.hook_normalized", NULL, "before the gain"},
    {"qwen2", false, "blocks.3.hook_mlp_in", "layers.3.resid.mid", NULL},
    {"gemma2", false, "model.layers.3.self_attn", "model.layers.3.self_attn", NULL},
    {"gemma2", false, "layers.3.self_attn.o_proj", "model.layers.3.self_attn", NULL},
    {"gemma2", false, "layers.3.mlp", "model.layers.3.mlp", NULL},
    {"gemma2", false, "model.layers.3.mlp.down_proj", "model.layers.3.mlp", NULL},
    {"gemma2", false, "layers.3.post_attention_layernorm", "layers.3.attn.out", NULL},
    {"gemma2", false, "layers.3.pre_feedforward_layernorm", "layers.3.mlp.in", NULL},
    {"gemma2", false, "layers.3.post_feedforward_layernorm", "layers.3.mlp.out", NULL},
    {"gemma2", false, "blocks.3.hook_attn_out", "layers.3.attn.out", NULL},
    {"gemma2", false, "blocks.3.hook_mlp_out", "layers.3.mlp.out", NULL},
    {"gemma2", false, "model.layers.6.mlp", NULL, "layers 0 to 5"},
    {NULL, false, "transformer.h.3.mlp", "layers.3.mlp.out", NULL},
    {NULL, false, "layers.3.self_attn", "layers.3.attn.out", NULL},
    {NULL, false, "layers.3.mlp", "layers.3.mlp.out", NULL},
    {NULL, false, "model.layers.3.mlp", "model.layers.3.mlp", NULL}, /* as point_name has it */
    {NULL, false, "model.layers.3.self_attn", "model.layers.3.self_attn", NULL},
    {NULL, false, "blocks.3.hook_mlp_in", NULL, "depends on the model"},
    {NULL, false, "blocks.3.ln2.hook_normalized", NULL, "depends on the model"},
};

static void test_architectures(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof moving / sizeof *moving; i++) {
        const struct model_config m = {
            .arch = moving[i].model_type ? arch_find(moving[i].model_type) : NULL,
            .n_layers = 6,
            .parallel_residual = moving[i].parallel};
        struct error e = {0};
        struct point p = {0}, again;
        char name[POINT_NAME_MAX];
        const bool ok = point_parse(moving[i].name, m.arch ? &m : NULL, &p, &e);
        if (ok != (moving[i].ours != NULL))
            fail_msg("%s: %s", moving[i].name, ok ? "taken" : e.text);
        if (!ok) {
            if (!strstr(e.text, moving[i].word) || !strstr(e.text, moving[i].name))
                fail_msg("'%s' does not say %s", e.text, moving[i].word);
            continue;
        }
        point_name(p, name);
        assert_string_equal(name, moving[i].ours);
        assert_true(point_parse(name, m.arch ? &m : NULL, &again, &e));
        assert_int_equal(point_compare(p, again), 0);
    }
}

/* What modules read. */
static void test_readers(void **state)
{
    (void)state;
    static const struct {
        const char *model_type;
        bool parallel;
        const char *name, *ours, *word;
    } of[] = {
        {"gpt_neox", true, "layers.3", "layers.3.resid.pre", NULL},
        {"gpt_neox", true, "gpt_neox.layers.3.mlp", "layers.3.mlp.in", NULL},
        {"gpt_neox", true, "layers.3.post_attention_layernorm", "layers.3.resid.pre", NULL},
        {"gpt_neox", false, "layers.3.post_attention_layernorm", "layers.3.resid.mid", NULL},
        {"gpt_neox", true, "layers.3.mlp.act", "layers.3.mlp.pre", NULL},
        {"gpt_neox", true, "layers.3.mlp.dense_4h_to_h", "layers.3.mlp.act", NULL},
        {"gpt_neox", true, "layers.3.attention.dense", "layers.3.attn.z", NULL},
        {"gpt_neox", true, "layers.3.attention", NULL, "is no hook point"},
        {"gpt_neox", true, "layers.6.mlp", NULL, "layers 0 to 5"},
        {"gpt_neox", true, "layers.3.mlp.out", NULL, "no part of a layer"},
        {"gpt_neox", true, "embed_in", NULL, "not known"},
        {"gemma2", false, "model.layers.3.post_feedforward_layernorm", "model.layers.3.mlp", NULL},
        {"gpt2", false, "h.3.mlp", "layers.3.mlp.in", NULL}};
    for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
        const struct model_config m = {.arch = arch_find(of[i].model_type),
                                       .n_layers = 6,
                                       .parallel_residual = of[i].parallel};
        struct error e = {0};
        struct point p;
        char name[POINT_NAME_MAX] = "";
        const bool ok = point_read_by(of[i].name, &m, &p, &e);
        if (ok != (of[i].ours != NULL) || (!ok && !strstr(e.text, of[i].word)))
            fail_msg("%s: %s", of[i].name, ok ? "taken" : e.text);
        if (ok)
            point_name(p, name);
        assert_string_equal(name, of[i].ours ? of[i].ours : "");
    }
}

static const char *const bad[] = {
    "",
    "mlp",
    "layers",
    "layers.",
    "layers.x.mlp",
    "layers.-1.mlp",
    "layers.+1.mlp",
    "layers.01.mlp",
    "layers.3.",
    "layers.3x",
    "layers.3..mlp",
    "layers.3.mlp.",
    "layers.3.mlp.act ",
    " layers.3.mlp.act",
    "Layers.3.mlp.act",
    "layers.6.mlp.act",
    "layers.99999.mlp.act",
    "layers.99999999999999999999.mlp.act",
    "layers.3.hook_mlp_out",
    "layers.3.mlp.hook_post",
    "blocks.3",
    "blocks.3.",
    "blocks.3.mlp.act",
    "blocks.3.attn.out",
    "blocks.6.hook_mlp_out",
    "gpt_neox.",
    "gpt_neox.embed",
    "gpt_neox.final_norm",
    "gpt_neox.hook_embed",
    "gpt_neox.blocks.3.hook_mlp_out",
    "gpt_neox.layers.3.mlp.out",
    "gpt_neox.layers.3.resid.post",
    "transformer.h.3.mlp",
};

static void test_other_names(void **state)
{
    (void)state;
    const struct model_config neox = {.arch = arch_find("gpt_neox"), .n_layers = 6};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct error e = {0};
        struct point p = {77, 77};
        if (point_parse(bad[i], &neox, &p, &e))
            fail_msg("'%s' was taken", bad[i]);
        assert_int_equal(e.kind, ERROR_INPUT);
        assert_int_equal(p.layer, 77);
        if (!strstr(e.text, bad[i]))
            fail_msg("'%s' does not name what was found: %s", bad[i], e.text);
        assert_true(strstr(e.text, "layers.3.mlp.act") || strstr(e.text, "layers 0 to 5"));
    }
    struct error e = {0};
    struct point p;
    char long_name[3000];
    memset(long_name, 'x', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = '\0';
    assert_false(point_parse(long_name, &neox, &p, &e));
    assert_true(strstr(e.text, "final_norm"));
}

/* Without a number of layers every layer is a layer, and final_norm comes after all of them. */
static void test_unknown_depth(void **state)
{
    (void)state;
    struct error e = {0};
    struct point last, end;
    assert_true(point_parse("layers.999.resid.post", NULL, &last, &e));
    assert_int_equal(last.layer, 999);
    assert_true(point_parse("final_norm", NULL, &end, &e));
    assert_true(point_compare(last, end) < 0);
}

static void test_order(void **state)
{
    (void)state;
    static const char *const order[] = {"embed",
                                        "layers.0.resid.pre",
                                        "layers.0.attn.z",
                                        "model.layers.0.self_attn",
                                        "layers.0.attn.out",
                                        "layers.0.resid.mid",
                                        "layers.0.mlp.normalized",
                                        "layers.0.mlp.in",
                                        "layers.0.mlp.pre",
                                        "layers.0.mlp.act",
                                        "model.layers.0.mlp",
                                        "layers.0.mlp.out",
                                        "layers.0.resid.post",
                                        "layers.1.resid.pre",
                                        "layers.1.resid.post",
                                        "layers.11.resid.pre",
                                        "final_norm"};
    enum { N = sizeof order / sizeof *order };
    struct point p[N];
    struct error e = {0};
    for (int i = 0; i < N; i++)
        assert_true(point_parse(order[i], &(struct model_config){.n_layers = 12}, &p[i], &e));
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++)
            assert_int_equal((point_compare(p[i], p[j]) > 0) - (point_compare(p[i], p[j]) < 0),
                             (i > j) - (i < j));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spellings),     cmocka_unit_test(test_other_names),
        cmocka_unit_test(test_architectures), cmocka_unit_test(test_unknown_depth),
        cmocka_unit_test(test_order),         cmocka_unit_test(test_readers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

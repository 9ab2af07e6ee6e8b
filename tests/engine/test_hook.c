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
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct error e = {0};
        struct point p = {0}, again = {0};
        char name[POINT_NAME_MAX];
        if (!point_parse(good[i].name, 6, &p, &e))
            fail_msg("%s: %s", good[i].name, e.text);
        assert_int_equal(p.layer, good[i].layer);
        assert_int_equal(p.site, good[i].site);
        point_name(p, name);
        assert_string_equal(name, good[i].ours);
        assert_true(point_parse(name, 6, &again, &e));
        assert_int_equal(point_compare(p, again), 0);
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
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct error e = {0};
        struct point p = {77, 77};
        if (point_parse(bad[i], 6, &p, &e))
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
    assert_false(point_parse(long_name, 6, &p, &e));
    assert_true(strstr(e.text, "final_norm"));
}

/* Without a number of layers every layer is a layer, and final_norm comes after all of them. */
static void test_unknown_depth(void **state)
{
    (void)state;
    struct error e = {0};
    struct point last, end;
    assert_true(point_parse("layers.999.resid.post", 0, &last, &e));
    assert_int_equal(last.layer, 999);
    assert_true(point_parse("final_norm", 0, &end, &e));
    assert_true(point_compare(last, end) < 0);
}

static void test_order(void **state)
{
    (void)state;
    static const char *const order[] = {"embed",
                                        "layers.0.resid.pre",
                                        "layers.0.attn.out",
                                        "layers.0.mlp.pre",
                                        "layers.0.mlp.act",
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
        assert_true(point_parse(order[i], 12, &p[i], &e));
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++)
            assert_int_equal((point_compare(p[i], p[j]) > 0) - (point_compare(p[i], p[j]) < 0),
                             (i > j) - (i < j));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spellings),
        cmocka_unit_test(test_other_names),
        cmocka_unit_test(test_unknown_depth),
        cmocka_unit_test(test_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

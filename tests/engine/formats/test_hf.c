#include "engine/formats/hf.h"
#include "tests/support/testdata.h"
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/base/memory.h"

/* As pythia-70m's config.json has it. */
static const char pythia[] = "{\"architectures\":[\"GPTNeoXForCausalLM\"],\"bos_token_id\":0,\"eos_"
                             "token_id\":0,\"hidden_act\":\"gelu\","
                             "\"hidden_size\":512,\"initializer_range\":0.02,\"intermediate_size\":"
                             "2048,\"layer_norm_eps\":1e-05,"
                             "\"max_position_embeddings\":2048,\"model_type\":\"gpt_neox\",\"num_"
                             "attention_heads\":8,\"num_hidden_layers\":6,"
                             "\"rotary_emb_base\":10000,\"rotary_pct\":0.25,\"tie_word_"
                             "embeddings\":false,\"torch_dtype\":\"float16\","
                             "\"transformers_version\":\"4.24.0\",\"use_cache\":true,\"use_"
                             "parallel_residual\":true,\"vocab_size\":50304}";

/* Reads `base` after the change: "key": value pairs of a JSON object; null with `drop` removes. */
static bool read_changed(const char *change, const char *drop, struct model_config *c,
                         struct error *e)
{
    json_t *j = json_loads(pythia, 0, NULL), *patch = json_loads(change, 0, NULL);
    assert_non_null(j);
    assert_non_null(patch);
    json_object_update(j, patch);
    for (const char *s = drop; *s != '\0';) {
        char key[64];
        const size_t n = strcspn(s, " ");
        snprintf(key, sizeof key, "%.*s", (int)n, s);
        assert_int_equal(json_object_del(j, key), 0);
        s += n + (s[n] == ' ');
    }
    char *text = json_dumps(j, 0);
    free(testdata_write(test_folder, "config.json", text, strlen(text)));
    free(text);
    json_decref(j);
    json_decref(patch);
    return hf_config_read(test_folder, c, e);
}

static void pythia_config(void **state)
{
    (void)state;
    struct model_config c;
    struct error e = {0};
    if (!read_changed("{}", "", &c, &e))
        fail_msg("%s", e.text);
    assert_int_equal(c.n_layers, 6);
    assert_int_equal(c.d_model, 512);
    assert_int_equal(c.d_mlp, 2048);
    assert_int_equal(c.n_heads, 8);
    assert_int_equal(c.n_vocab, 50304);
    assert_int_equal(c.n_ctx, 2048);
    assert_true(c.rotary_pct == 0.25F && c.rotary_base == 10000.0F && c.norm_eps == 1e-5F);
    assert_true(c.parallel_residual && !c.tied && c.qkv_bias && c.proj_bias);
    assert_int_equal(c.act, ACT_GELU);
    assert_int_equal(c.bos_id, 0);
}

static void documented_defaults(void **state)
{
    (void)state;
    struct model_config c;
    struct error e = {0};
    if (!read_changed("{}", "tie_word_embeddings use_parallel_residual bos_token_id", &c, &e))
        fail_msg("%s", e.text);
    assert_true(c.parallel_residual && !c.tied && c.qkv_bias && c.proj_bias);
    assert_int_equal(c.bos_id, -1);
    assert_true(read_changed(
        "{\"tie_word_embeddings\":true,\"use_parallel_residual\":false,\"attention_bias\":false,"
        "\"bos_token_id\":null}",
        "", &c, &e));
    assert_true(!c.parallel_residual && c.tied && !c.qkv_bias && !c.proj_bias);
    assert_int_equal(c.bos_id, -1);
}

/* Defaults of another vocabulary: wrong only for who wants a BOS. */
static void a_bos_outside_the_vocabulary(void **state)
{
    (void)state;
    static const char *const outside[] = {"{\"bos_token_id\":50304}", "{\"bos_token_id\":-1}",
                                          "{\"bos_token_id\":9223372036854775807}"};
    struct model_config c;
    struct error e = {0};
    for (size_t i = 0; i < sizeof outside / sizeof *outside; i++) {
        if (!read_changed(outside[i], "", &c, &e))
            fail_msg("%s", e.text);
        assert_int_equal(c.bos_id, BOS_OUTSIDE);
    }
    assert_true(read_changed("{\"bos_token_id\":50303}", "", &c, &e));
    assert_int_equal(c.bos_id, 50303);
}

static void both_spellings_of_the_rotation(void **state)
{
    (void)state;
    static const struct {
        const char *change, *drop;
        float pct, base;
    } cases[] = {
        {"{\"rope_parameters\":{\"partial_rotary_factor\":0.5,\"rope_theta\":20000.0,\"rope_type\":"
         "\"default\"}}",
         "rotary_pct rotary_emb_base", 0.5F, 20000},
        {"{\"rope_parameters\":{\"partial_rotary_factor\":1.0,\"rope_theta\":500}}",
         "rotary_pct rotary_emb_base", 1, 500},
        {"{\"rope_parameters\":{\"partial_rotary_factor\":0.25,\"rope_theta\":10000.0}}", "", 0.25F,
         10000},
        {"{\"rope_parameters\":null,\"rope_scaling\":null}", "", 0.25F, 10000},
        {"{\"rope_parameters\":{\"rope_theta\":10000}}", "rotary_emb_base", 0.25F, 10000},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct model_config c;
        struct error e = {0};
        if (!read_changed(cases[i].change, cases[i].drop, &c, &e))
            fail_msg("case %zu: %s", i, e.text);
        assert_true(c.rotary_pct == cases[i].pct && c.rotary_base == cases[i].base);
    }
}

/* Shares that are no binary fraction: multiplied by the head in float or double and truncated, they
 * must give what the exact product gives. */
static void rotated_dimensions_survive_rounding(void **state)
{
    (void)state;
    for (int head = 2; head <= 256; head += 2)
        for (int rot = 2; rot <= head; rot += 2) {
            struct model_config c;
            struct error e = {0};
            char change[128];
            snprintf(change, sizeof change,
                     "{\"hidden_size\":%d,\"num_attention_heads\":2,\"rotary_pct\":%.17g}",
                     2 * head, (double)rot / head);
            const int exact = (int)(head * ((double)rot / head));
            if (head % 16 != 0 || exact != rot)
                continue;
            if (!read_changed(change, "", &c, &e))
                fail_msg("%s", e.text);
            assert_int_equal((int)((float)head * c.rotary_pct), rot);
            assert_int_equal((int)((double)head * (double)c.rotary_pct), rot);
        }
    struct model_config c;
    struct error e = {0};
    assert_true(read_changed("{\"hidden_size\":640,\"rotary_pct\":0.35}", "", &c, &e));
    assert_int_equal((int)(80 * (double)c.rotary_pct), 28);
}

static void activations(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum activation act;
    } cases[] = {{"gelu", ACT_GELU},
                 {"gelu_python", ACT_GELU},
                 {"gelu_new", ACT_GELU_TANH},
                 {"gelu_fast", ACT_GELU_TANH},
                 {"gelu_pytorch_tanh", ACT_GELU_TANH},
                 {"relu", ACT_RELU}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char change[64];
        struct model_config c;
        struct error e = {0};
        snprintf(change, sizeof change, "{\"hidden_act\":\"%s\"}", cases[i].name);
        assert_true(read_changed(change, "", &c, &e));
        assert_int_equal(c.act, cases[i].act);
    }
}

static void impossible_configs_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *change, *drop, *word;
    } cases[] = {
        {"{\"model_type\":\"phi4\"}", "", "'phi4' is not supported, expected gpt_neox, gpt2,"},
        {"{\"model_type\":\"gpt_neox_japanese\"}", "", "'gpt_neox_japanese'"},
        {"{\"model_type\":\"a\\u001b[31m\"}", "", "'a?[31m'"},
        {"{}", "model_type", "model_type is nothing"},
        {"{\"model_type\":7}", "", "model_type is an integer"},
        {"{\"hidden_act\":\"quick_gelu\"}", "", "'quick_gelu' is not supported"},
        {"{\"hidden_act\":\"gelu_10\"}", "", "'gelu_10' is not supported"},
        {"{}", "hidden_act", "hidden_act is nothing"},
        {"{}", "rotary_pct", "neither rotary_pct nor rope_parameters.partial_rotary_factor"},
        {"{}", "rotary_emb_base", "neither rotary_emb_base nor rope_parameters.rope_theta"},
        {"{\"rope_parameters\":{}}", "rotary_pct rotary_emb_base", "neither rotary_pct"},
        {"{\"rope_parameters\":{\"partial_rotary_factor\":0.5}}", "", "expected the same"},
        {"{\"rope_parameters\":{\"rope_theta\":5}}", "", "expected the same"},
        {"{\"rope_parameters\":{\"rope_type\":\"ntk\"}}", "", "'ntk'"},
        {"{\"rope_parameters\":{\"rope_type\":5}}", "", "rope_type"},
        {"{\"rope_parameters\":[]}", "", "rope_parameters is a list"},
        {"{\"rope_scaling\":{\"type\":\"alibi\",\"factor\":2}}", "", "'alibi' of rope_scaling"},
        {"{\"rotary_pct\":0}", "", "rotary_pct is 0"},
        {"{\"rotary_pct\":-0.25}", "", "rotary_pct is -0.25"},
        {"{\"rotary_pct\":1.5}", "", "rotary_pct is 1.5"},
        {"{\"rotary_pct\":\"0.25\"}", "", "rotary_pct is a string"},
        {"{\"rotary_pct\":0.01}", "", "0 rotated dimensions"},
        {"{\"rotary_pct\":0.4}", "", "25 rotated dimensions"},
        {"{\"rotary_emb_base\":0}", "", "rotary_emb_base is 0"},
        {"{\"rotary_emb_base\":1e300}", "", "rotary_emb_base is 1e+300"},
        {"{\"num_attention_heads\":7}", "", "no multiple of num_attention_heads 7"},
        {"{\"num_attention_heads\":0}", "", "num_attention_heads is 0"},
        {"{\"num_hidden_layers\":0}", "", "num_hidden_layers is 0"},
        {"{\"num_hidden_layers\":-6}", "", "num_hidden_layers is -6"},
        {"{\"num_hidden_layers\":9223372036854775807}", "",
         "num_hidden_layers is 9223372036854775807"},
        {"{\"hidden_size\":512.0}", "", "hidden_size is a number"},
        {"{\"hidden_size\":1073741824}", "", "hidden_size is 1073741824"},
        {"{\"intermediate_size\":null}", "", "intermediate_size is null"},
        {"{}", "intermediate_size", "intermediate_size is nothing"},
        {"{\"vocab_size\":0}", "", "vocab_size is 0"},
        {"{\"max_position_embeddings\":0}", "", "max_position_embeddings is 0"},
        {"{\"layer_norm_eps\":0}", "", "layer_norm_eps is 0"},
        {"{\"layer_norm_eps\":1}", "", "layer_norm_eps is 1"},
        {"{}", "layer_norm_eps", "layer_norm_eps is nothing"},
        {"{\"bos_token_id\":[0]}", "", "bos_token_id is a list"},
        {"{\"use_parallel_residual\":1}", "", "use_parallel_residual is an integer"},
        {"{\"tie_word_embeddings\":\"yes\"}", "", "tie_word_embeddings is a string"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct model_config c = {.n_layers = 77};
        struct error e = {0};
        if (read_changed(cases[i].change, cases[i].drop, &c, &e))
            fail_msg("case %zu was not refused, expected '%s'", i, cases[i].word);
        assert_int_equal(c.n_layers, 77);
        assert_int_equal(e.kind, ERROR_INPUT);
        if (strstr(e.text, cases[i].word) == NULL || strstr(e.text, "/config.json: ") == NULL)
            fail_msg("'%s' does not say '%s'", e.text, cases[i].word);
    }
}

static void broken_files_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *word;
    } cases[] = {
        {"", "not valid JSON"},
        {"[]", "found a list"},
        {"{\"model_type\":\"gpt_neox\",\"model_type\":\"gpt_neox\"}", "not valid JSON"},
        {"{\"model_type\":\"\xff\"}", "not valid JSON"},
    };
    struct model_config c;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error e = {0};
        free(testdata_write(test_folder, "config.json", cases[i].text, strlen(cases[i].text)));
        assert_false(hf_config_read(test_folder, &c, &e));
        assert_int_equal(e.kind, ERROR_INPUT);
        if (strstr(e.text, cases[i].word) == NULL)
            fail_msg("'%s' does not say '%s'", e.text, cases[i].word);
    }
    for (size_t n = 0; n < sizeof pythia - 1; n++) {
        struct error e = {0};
        free(testdata_write(test_folder, "config.json", pythia, n));
        assert_false(hf_config_read(test_folder, &c, &e));
        assert_int_equal(e.kind, ERROR_INPUT);
    }
    struct error e = {0};
    assert_false(hf_config_read("/nowhere", &c, &e));
    assert_int_equal(e.kind, ERROR_INPUT);
    assert_non_null(strstr(e.text, "/nowhere/config.json"));
}

/* Python writes NaN; only a fact that is needed is asked for. */
static void numbers_that_json_has_not(void **state)
{
    (void)state;
    struct model_config c;
    struct error e = {0};
    char text[2000];
    snprintf(text, sizeof text, "{\"a\":NaN,\"b\":[Infinity,-Infinity],\"NaN\":\"a \\\" NaN\",%s",
             pythia + 1);
    free(testdata_write(test_folder, "config.json", text, strlen(text)));
    if (!hf_config_read(test_folder, &c, &e))
        fail_msg("%s", e.text);
    assert_int_equal(c.d_model, 512);
    char *needed = strstr(text, "\"hidden_size\":512");
    memcpy(needed + 14, "NaN", 3);
    free(testdata_write(test_folder, "config.json", text, strlen(text)));
    assert_false(hf_config_read(test_folder, &c, &e));
    assert_non_null(strstr(e.text, "hidden_size"));
}

/* What a download that was broken off leaves. */
static void links_to_nothing(void **state)
{
    (void)state;
    struct model_config c;
    struct error e = {0};
    char *folder = xasprintf("%s/broken", test_folder), *link = xasprintf("%s/config.json", folder);
    assert_int_equal(mkdir(folder, 0700), 0);
    assert_int_equal(symlink("../../blobs/0123abcd", link), 0);
    assert_false(hf_config_read(folder, &c, &e));
    assert_non_null(strstr(e.text, link));
    assert_non_null(strstr(e.text, "it links to ../../blobs/0123abcd, which is not there"));
    free(link);
    free(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pythia_config),
        cmocka_unit_test(documented_defaults),
        cmocka_unit_test(a_bos_outside_the_vocabulary),
        cmocka_unit_test(both_spellings_of_the_rotation),
        cmocka_unit_test(rotated_dimensions_survive_rounding),
        cmocka_unit_test(activations),
        cmocka_unit_test(impossible_configs_are_refused),
        cmocka_unit_test(broken_files_are_refused),
        cmocka_unit_test(numbers_that_json_has_not),
        cmocka_unit_test(links_to_nothing),
    };
    return cmocka_run_group_tests(tests, test_folder_make, test_folder_drop);
}

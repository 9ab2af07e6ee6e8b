/* config.json of the architectures beside GPT-NeoX (test_hf): what published files and those of
 * transformers 5 say, and what is refused by name. */
#include "engine/formats/hf.h"
#include "tests/support/testdata.h"
#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char gpt2[] =
    "{\"activation_function\":\"gelu_new\",\"architectures\":[\"GPT2LMHeadModel\"],\"bos_token_"
    "id\":"
    "50256,\"layer_norm_epsilon\":1e-05,\"model_type\":\"gpt2\",\"n_ctx\":1024,\"n_embd\":768,\"n_"
    "head\":12,\"n_layer\":12,\"n_positions\":1024,\"vocab_size\":50257}";
static const char neo[] =
    "{\"activation_function\":\"gelu_new\",\"attention_layers\":[\"global\",\"local\",\"global\","
    "\"local\"],\"attention_types\":[[[\"global\",\"local\"],2]],\"bos_token_id\":50256,\"hidden_"
    "size\":64,\"intermediate_size\":null,\"layer_norm_epsilon\":1e-05,\"max_position_embeddings\":"
    "2048,\"model_type\":\"gpt_neo\",\"num_heads\":16,\"num_layers\":4,\"vocab_size\":50257,"
    "\"window_size\":256}";
static const char llama[] =
    "{\"bos_token_id\":128000,\"head_dim\":64,\"hidden_act\":\"silu\",\"hidden_size\":2048,"
    "\"intermediate_size\":8192,\"max_position_embeddings\":131072,\"mlp_bias\":false,\"model_"
    "type\""
    ":\"llama\",\"num_attention_heads\":32,\"num_hidden_layers\":16,\"num_key_value_heads\":8,"
    "\"rms_"
    "norm_eps\":1e-05,\"rope_scaling\":{\"factor\":32.0,\"high_freq_factor\":4.0,\"low_freq_"
    "factor\""
    ":1.0,\"original_max_position_embeddings\":8192,\"rope_type\":\"llama3\"},\"rope_theta\":"
    "500000.0,\"tie_word_embeddings\":true,\"vocab_size\":128256}";
static const char mistral[] =
    "{\"bos_token_id\":1,\"hidden_act\":\"silu\",\"hidden_size\":64,\"intermediate_size\":128,"
    "\"max_"
    "position_embeddings\":32768,\"model_type\":\"mistral\",\"num_attention_heads\":8,\"num_hidden_"
    "layers\":3,\"num_key_value_heads\":2,\"rms_norm_eps\":1e-05,\"rope_theta\":10000.0,\"sliding_"
    "window\":4096,\"tie_word_embeddings\":false,\"vocab_size\":32000}";
static const char qwen2[] =
    "{\"bos_token_id\":null,\"hidden_act\":\"silu\",\"hidden_size\":64,\"intermediate_size\":128,"
    "\"max_position_embeddings\":32768,\"max_window_layers\":2,\"model_type\":\"qwen2\",\"num_"
    "attention_heads\":8,\"num_hidden_layers\":3,\"num_key_value_heads\":2,\"rms_norm_eps\":1e-06,"
    "\"rope_theta\":1000000.0,\"sliding_window\":16,\"tie_word_embeddings\":true,\"use_sliding_"
    "window\":false,\"vocab_size\":151936}";
static const char gemma2[] =
    "{\"attention_bias\":false,\"attn_logit_softcapping\":50.0,\"bos_token_id\":2,\"final_logit_"
    "softcapping\":30.0,\"head_dim\":256,\"hidden_act\":\"gelu_pytorch_tanh\",\"hidden_"
    "activation\":"
    "\"gelu_pytorch_tanh\",\"hidden_size\":2304,\"intermediate_size\":9216,\"max_position_"
    "embeddings\":8192,\"model_type\":\"gemma2\",\"num_attention_heads\":8,\"num_hidden_layers\":"
    "26,"
    "\"num_key_value_heads\":4,\"query_pre_attn_scalar\":256,\"rms_norm_eps\":1e-06,\"rope_theta\":"
    "10000.0,\"sliding_window\":4096,\"vocab_size\":256000}";

static const char qwen3[] =
    "{\"attention_bias\":false,\"bos_token_id\":151643,\"head_dim\":128,\"hidden_act\":\"silu\","
    "\"hidden_size\":1024,\"intermediate_size\":3072,\"max_position_embeddings\":40960,\"max_"
    "window_layers\":28,\"model_type\":\"qwen3\",\"num_attention_heads\":16,\"num_hidden_"
    "layers\":28,\"num_key_value_heads\":8,\"rms_norm_eps\":1e-06,\"rope_scaling\":null,\"rope_"
    "theta\":1000000,\"sliding_window\":null,\"tie_word_embeddings\":true,\"use_sliding_window\":"
    "false,\"vocab_size\":151936}";
static const char gemma[] =
    "{\"attention_bias\":false,\"bos_token_id\":2,\"head_dim\":256,\"hidden_act\":\"gelu\","
    "\"hidden_size\":2048,\"intermediate_size\":16384,\"max_position_embeddings\":8192,\"model_"
    "type\":\"gemma\",\"num_attention_heads\":8,\"num_hidden_layers\":18,\"num_key_value_heads\":"
    "1,\"rms_norm_eps\":1e-06,\"rope_scaling\":null,\"rope_theta\":10000.0,\"vocab_size\":256000}";
static const char gemma3[] =
    "{\"attention_bias\":false,\"attn_logit_softcapping\":null,\"bos_token_id\":2,\"final_logit_"
    "softcapping\":null,\"head_dim\":256,\"hidden_activation\":\"gelu_pytorch_tanh\",\"hidden_"
    "size\":1152,\"intermediate_size\":6912,\"max_position_embeddings\":32768,\"model_type\":"
    "\"gemma3_text\",\"num_attention_heads\":4,\"num_hidden_layers\":26,\"num_key_value_heads\":1,"
    "\"query_pre_attn_scalar\":256,\"rms_norm_eps\":1e-06,\"rope_local_base_freq\":10000,\"rope_"
    "scaling\":null,\"rope_theta\":1000000,\"sliding_window\":512,\"sliding_window_pattern\":6,"
    "\"vocab_size\":262144}";
static const char phi[] =
    "{\"bos_token_id\":50256,\"hidden_act\":\"gelu_new\",\"hidden_size\":2560,\"intermediate_"
    "size\":10240,\"layer_norm_eps\":1e-05,\"max_position_embeddings\":2048,\"model_type\":\"phi\","
    "\"num_attention_heads\":32,\"num_hidden_layers\":32,\"num_key_value_heads\":32,\"partial_"
    "rotary_factor\":0.4,\"qk_layernorm\":false,\"rope_scaling\":null,\"rope_theta\":10000.0,"
    "\"tie_word_embeddings\":false,\"vocab_size\":51200}";
static const char gptj[] =
    "{\"activation_function\":\"gelu_new\",\"bos_token_id\":50256,\"layer_norm_epsilon\":1e-05,"
    "\"model_type\":\"gptj\",\"n_embd\":4096,\"n_head\":16,\"n_inner\":null,\"n_layer\":28,\"n_"
    "positions\":2048,\"rotary_dim\":64,\"tie_word_embeddings\":false,\"vocab_size\":50400}";

/* `base` after the change: pairs of a JSON object; of `drop` (a word) nothing is left. */
static const char phi3[] =
    "{\"architectures\":[\"Phi3ForCausalLM\"],\"attention_bias\":false,\"attention_dropout\":0.0,"
    "\"bos_token_id\":1,\"embd_pdrop\":0.0,\"eos_token_id\":32000,\"hidden_act\":\"silu\","
    "\"hidden_size\":3072,\"initializer_range\":0.02,\"intermediate_size\":8192,\"max_position_"
    "embeddings\":4096,\"model_type\":\"phi3\",\"num_attention_heads\":32,\"num_hidden_layers\":"
    "32,\"num_key_value_heads\":32,\"original_max_position_embeddings\":4096,\"pad_token_id\":"
    "32000,\"resid_pdrop\":0.0,\"rms_norm_eps\":1e-05,\"rope_scaling\":null,\"rope_theta\":"
    "10000.0,\"sliding_window\":2047,\"tie_word_embeddings\":false,\"torch_dtype\":\"bfloat16\","
    "\"use_cache\":true,\"vocab_size\":32064}";

static bool read_changed(const char *base, const char *change, const char *drop,
                         struct model_config *c, struct error *e)
{
    json_t *j = json_loads(base, 0, NULL), *patch = json_loads(change, 0, NULL);
    assert_non_null(j);
    assert_non_null(patch);
    json_object_update(j, patch);
    if (*drop)
        assert_int_equal(json_object_del(j, drop), 0);
    char *text = json_dumps(j, 0);
    free(testdata_write(test_folder, "config.json", text, strlen(text)));
    free(text);
    json_decref(j);
    json_decref(patch);
    return hf_config_read(test_folder, c, e);
}

static struct model_config read(const char *base, const char *change, const char *drop)
{
    struct model_config c = {0};
    struct error e = {0};
    if (!read_changed(base, change, drop, &c, &e))
        fail_msg("%s", e.text);
    return c;
}

static void published_files(void **state)
{
    (void)state;
    struct model_config c = read(gpt2, "{}", "");
    assert_string_equal(c.arch->model_type, "gpt2");
    assert_true(c.n_layers == 12 && c.d_model == 768 && c.d_mlp == 3072 && c.n_ctx == 1024);
    assert_true(c.n_heads == 12 && c.n_kv_heads == 12 && c.head_dim == 64 && c.n_vocab == 50257);
    assert_true(c.tied && c.qkv_bias && c.proj_bias && c.mlp_bias && !c.parallel_residual);
    assert_true(c.act == ACT_GELU_TANH && c.bos_id == 50256 && c.attn_scale == 0.125F);
    assert_true(c.window == 0 && c.attn_cap == 0 && c.logit_cap == 0 && !c.scale_by_layer);

    c = read(neo, "{}", "");
    assert_true(c.n_layers == 4 && c.d_mlp == 256 && c.head_dim == 4 && c.attn_scale == 1);
    assert_true(c.window == 256 && c.local[0] == 0xa && c.tied && !c.qkv_bias && c.proj_bias);

    c = read(llama, "{}", "");
    assert_true(c.n_heads == 32 && c.n_kv_heads == 8 && c.head_dim == 64 && c.act == ACT_SILU);
    assert_true(c.rope.kind == ROPE_LLAMA3 && c.rope.factor == 32 && c.rope.low == 1 &&
                c.rope.high == 4 && c.rope.context == 8192 && c.rotary_base == 500000);
    assert_true(c.tied && !c.qkv_bias && !c.mlp_bias && c.norm_eps == 1e-5F && c.rotary_pct == 1);

    c = read(mistral, "{}", "");
    assert_true(c.window == 4096 && c.local[0] == 7 && c.n_kv_heads == 2 && c.head_dim == 8);

    c = read(qwen2, "{}", "");
    assert_true(c.window == 0 && c.local[0] == 0 && c.qkv_bias && !c.proj_bias && c.bos_id == -1);

    c = read(gemma2, "{}", "");
    assert_true(c.head_dim == 256 && c.window == 4096 && c.local[0] == 0x1555555);
    assert_true(c.attn_cap == 50 && c.logit_cap == 30 && c.attn_scale == 0.0625F && c.tied);
    assert_true(c.arch->embed_scaled && c.arch->post_norms && c.arch->gain_is_1_plus);
}

static void published_files_of_more(void **state)
{
    (void)state;
    struct model_config c = read(qwen3, "{}", "");
    assert_true(c.head_dim == 128 && c.n_kv_heads == 8 && !c.qkv_bias && c.window == 0);
    assert_non_null(c.arch->names.q_norm);
    assert_true(c.rotary_base == 1e6F && c.rotary_local_base == 0);
    c = read(phi3, "{}", "");
    assert_true(c.n_layers == 32 && c.d_mlp == 8192 && c.head_dim == 96 && c.n_kv_heads == 32);
    assert_true(c.window == 2047 && c.local[0] == UINT32_MAX && !c.qkv_bias && !c.proj_bias);
    assert_true(c.rotary_pct == 1 && c.rotary_base == 1e4F && !c.tied && c.bos_id == 1);
    c = read(phi3, "{\"partial_rotary_factor\":0.75}", "sliding_window");
    assert_true(c.window == 0 && c.local[0] == 0 && c.rotary_pct == 0.75F);
    c = read(gemma, "{}", "");
    assert_true(c.act == ACT_GELU_TANH && c.tied && c.attn_scale == 0.0625F && c.n_kv_heads == 1);
    assert_true(c.arch->embed_scaled && c.arch->needs_bos && !c.arch->post_norms);
    c = read(gemma3, "{}", "");
    assert_true(c.window == 512 && c.local[0] == 0x37df7df && c.attn_cap == 0 && c.logit_cap == 0);
    assert_true(c.rotary_base == 1e6F && c.rotary_local_base == 1e4F && c.rope.kind == ROPE_PLAIN);
    c = read(gemma3,
             "{\"rope_parameters\":{\"full_attention\":{\"rope_type\":\"linear\",\"factor\":8,"
             "\"rope_theta\":5e5},\"sliding_attention\":{\"rope_type\":\"default\",\"rope_theta\":"
             "7e3}},\"rope_theta\":5e5,\"rope_local_base_freq\":7e3}",
             "rope_scaling");
    assert_true(c.rotary_base == 5e5F && c.rotary_local_base == 7e3F && c.rope.factor == 8);
    c = read(phi, "{}", "");
    assert_true(c.parallel_residual && c.qkv_bias && c.proj_bias && c.mlp_bias && !c.tied);
    assert_true(c.arch->unembed_bias && (int)(c.rotary_pct * (float)c.head_dim) == 32);
    c = read(gptj, "{}", "");
    assert_true(c.parallel_residual && !c.qkv_bias && !c.proj_bias && c.mlp_bias && !c.tied);
    assert_true(c.d_mlp == 16384 && c.rotary_pct == 0.25F && c.arch->rope_style == ROPE_GPTJ);
    c = read(gptj, "{\"rotary_dim\":null}", "");
    assert_true(c.rotary_pct == 1);
}

static void options(void **state)
{
    (void)state;
    struct model_config c = read(gpt2,
                                 "{\"n_inner\":100,\"scale_attn_weights\":false,\"scale_attn_by_"
                                 "inverse_layer_idx\":true,\"tie_word_embeddings\":false}",
                                 "");
    assert_true(c.d_mlp == 100 && c.attn_scale == 1 && c.scale_by_layer && !c.tied);
    c = read(neo, "{\"attention_types\":[[[\"local\"],3],[[\"global\"],1]]}", "attention_layers");
    assert_int_equal(c.local[0], 7);
    c = read(neo, "{}", "attention_types");
    assert_int_equal(c.local[0], 0xa);
    c = read(llama, "{\"rope_scaling\":null}", "num_key_value_heads");
    assert_true(c.n_kv_heads == 32 && c.rope.kind == ROPE_PLAIN);
    c = read(llama, "{\"rope_scaling\":null}", "rope_theta"); /* Llama 1 and 2 */
    assert_true(c.rotary_base == 10000);
    c = read(llama, "{\"attention_bias\":true,\"mlp_bias\":true,\"head_dim\":null}", "");
    assert_true(c.qkv_bias && c.proj_bias && c.mlp_bias && c.head_dim == 64);
    c = read(llama,
             "{\"rope_scaling\":null,\"rope_theta\":5e5,\"rope_parameters\":{\"rope_theta\":5e5,"
             "\"rope_type\":\"linear\",\"factor\":8}}",
             "");
    assert_true(c.rope.kind == ROPE_LINEAR && c.rope.factor == 8 && c.rotary_base == 500000);
    c = read(mistral, "{\"sliding_window\":null}", "");
    assert_true(c.window == 0 && c.local[0] == 0);
    c = read(qwen2, "{\"use_sliding_window\":true}", "");
    assert_true(c.window == 16 && c.local[0] == 4);
    c = read(
        qwen2,
        "{\"use_sliding_window\":true,\"layer_types\":[\"sliding_attention\",\"full_attention\","
        "\"full_attention\"]}",
        "max_window_layers");
    assert_true(c.window == 16 && c.local[0] == 1);
    c = read(gemma2,
             "{\"num_hidden_layers\":2,\"layer_types\":[\"full_attention\",\"sliding_attention\"],"
             "\"attn_logit_softcapping\":null,\"final_logit_softcapping\":null}",
             "");
    assert_true(c.local[0] == 2 && c.attn_cap == 0 && c.logit_cap == 0);
    c = read(gemma2, "{\"rope_parameters\":{\"rope_theta\":10000.0,\"rope_type\":\"default\"}}",
             "rope_theta");
    assert_true(c.rotary_base == 10000);
}

/* As Qwen's cards say to, and as Phi-3's files for long texts have it. */
static void scaled_rotations(void **state)
{
    (void)state;
    struct model_config c =
        read(qwen2,
             "{\"max_position_embeddings\":32768,\"rope_scaling\":{\"factor\":4.0,"
             "\"original_max_position_embeddings\":32768,\"type\":\"yarn\"}}",
             "");
    assert_true(c.rope.kind == ROPE_YARN && c.rope.factor == 4 && c.rope.context == 32768);
    assert_true(c.rope.low == 1 && c.rope.high == 32 && c.rope.whole && c.n_ctx == 32768);
    assert_true(fabsf(c.rope.length - 1.1386294f) < 1e-6f); /* 0.1 ln 4 + 1 */
    c = read(qwen2,
             "{\"rope_parameters\":{\"rope_type\":\"yarn\",\"factor\":4,\"beta_fast\":16,\"beta_"
             "slow\":2,\"truncate\":false,\"attention_factor\":1.5,\"rope_theta\":1e6}}",
             "rope_theta");
    assert_true(c.rope.low == 2 && c.rope.high == 16 && !c.rope.whole && c.rope.length == 1.5f);
    assert_int_equal(c.rope.context, c.n_ctx);
    c = read(llama, "{\"rope_scaling\":{\"type\":\"dynamic\",\"factor\":4}}", "");
    assert_true(c.rope.kind == ROPE_PLAIN && c.rope.length == 0);
    c = read(llama,
             "{\"rope_scaling\":{\"rope_type\":\"llama3\",\"factor\":8,\"low_freq_factor\":1,"
             "\"high_freq_factor\":4}}",
             "");
    assert_int_equal(c.rope.context, c.n_ctx);
    char change[4096], list[1024];
    size_t n = 0;
    for (int i = 0; i < 48; i++)
        n += (size_t)snprintf(list + n, sizeof list - n, "%s%d.25", i ? "," : "", 1 + i);
    static const char *const names[] = {"longrope", "su", "yarn"};
    for (int i = 0; i < 3; i++) {
        snprintf(change, sizeof change,
                 "{\"max_position_embeddings\":131072,\"rope_scaling\":{\"type\":\"%s\",\"long_"
                 "factor\":[%s],\"short_factor\":[%s]}}",
                 names[i], list, list);
        c = read(phi3, change, i ? "original_max_position_embeddings" : "");
        assert_true(c.rope.kind == ROPE_FACTORS && c.rope.factor == 32 && c.rope.by[47] == 48.25f);
        assert_true(fabsf(c.rope.length - 1.1902381f) < 1e-6f); /* √(1 + ln 32/ln 4096) */
        assert_true(c.n_ctx == 4096 && c.rope.context == 4096);
    }
}

static void refused(void **state)
{
    (void)state;
    static const struct {
        const char *base, *change, *drop, *word;
    } cases[] = {
        {gpt2, "{\"add_cross_attention\":true}", "", "add_cross_attention is not supported"},
        {gpt2, "{\"activation_function\":\"quick_gelu\"}", "", "activation_function 'quick_gelu'"},
        {gpt2, "{\"n_head\":7}", "", "n_embd 768 is no multiple of n_head 7"},
        {gpt2, "{}", "n_positions", "n_positions is nothing"},
        {gpt2, "{\"scale_attn_weights\":1}", "", "scale_attn_weights is an integer"},
        {neo, "{\"attention_types\":[[[\"global\",\"sparse\"],2]]}", "",
         "'sparse' is not supported"},
        {neo, "{\"attention_types\":[[[\"global\"],3]]}", "", "has 3 layers, expected 4"},
        {neo, "{\"attention_types\":[[[\"global\"],1000000000]]}", "", "has 5 layers, expected 4"},
        {neo, "{\"attention_types\":[[\"global\",4]]}", "", "something else than [kinds, count]"},
        {neo, "{\"attention_types\":null,\"attention_layers\":[\"global\"]}", "",
         "has 1 layers, expected 4"},
        {neo, "{\"attention_types\":null}", "attention_layers", "attention_layers is nothing"},
        {neo, "{}", "window_size", "window_size is nothing"},
        {llama, "{\"rope_scaling\":{\"rope_type\":\"proportional\",\"factor\":4}}", "",
         "'proportional' of rope_scaling is not supported, expected default, linear, dynamic, "
         "yarn, "
         "longrope or llama3"},
        {llama, "{\"rope_scaling\":{\"type\":\"dynamic\"}}", "", "factor is nothing"},
        {llama, "{\"rope_scaling\":{\"type\":\"yarn\",\"factor\":-4}}", "", "factor is -4"},
        {llama, "{\"rope_scaling\":{\"type\":\"yarn\",\"factor\":4,\"truncate\":1}}", "",
         "truncate is an integer"},
        {llama, "{\"rope_theta\":1,\"rope_scaling\":{\"type\":\"yarn\",\"factor\":4}}", "",
         "rope_theta is 1, expected more than 1"},
        {llama,
         "{\"original_max_position_embeddings\":8192,\"rope_scaling\":{\"type\":\"yarn\","
         "\"factor\":4,\"original_max_position_embeddings\":4096}}",
         "",
         "original_max_position_embeddings is 8192 and rope_scaling.original_max_position_"
         "embeddings is 4096, expected the same"},
        {llama, "{\"rope_scaling\":{\"rope_type\":\"longrope\"}}", "", "short_factor is nothing"},
        {llama, "{\"rope_scaling\":{\"rope_type\":\"linear\"}}", "", "factor is nothing"},
        {llama, "{\"rope_scaling\":{\"rope_type\":\"llama3\",\"factor\":8}}", "",
         "low_freq_factor is nothing"},
        {llama,
         "{\"rope_scaling\":{\"rope_type\":\"llama3\",\"factor\":8,\"low_freq_factor\":4,\"high_"
         "freq_factor\":1,\"original_max_position_embeddings\":8192}}",
         "", "high_freq_factor is 1"},
        {llama, "{\"rope_parameters\":{\"rope_type\":\"linear\",\"factor\":8,\"rope_theta\":5e5}}",
         "", "rope_scaling and rope_parameters differ"},
        {llama, "{\"partial_rotary_factor\":0.5}", "", "partial_rotary_factor 0.5"},
        {llama, "{\"num_key_value_heads\":5}", "", "no multiple of num_key_value_heads 5"},
        {llama, "{\"head_dim\":63}", "", "63 rotated dimensions"},
        {llama, "{\"quantization_config\":{\"quant_method\":\"awq\"}}", "", "quantization_config"},
        {llama, "{\"hidden_act\":\"gelu_10\"}", "", "hidden_act 'gelu_10'"},
        {mistral, "{}", "sliding_window", "sliding_window is nothing"},
        {mistral, "{}", "num_key_value_heads", "num_key_value_heads is nothing"},
        {qwen2, "{\"use_sliding_window\":true}", "max_window_layers",
         "max_window_layers is nothing"},
        {qwen2, "{\"use_sliding_window\":true,\"layer_types\":[\"chunked_attention\"]}", "",
         "has 1 layers"},
        {qwen2,
         "{\"num_hidden_layers\":1,\"use_sliding_window\":true,\"layer_types\":[\"chunked_"
         "attention\""
         "]}",
         "", "'chunked_attention' is not supported"},
        {gemma2, "{\"use_bidirectional_attention\":true}", "", "use_bidirectional_attention"},
        {gemma2, "{}", "query_pre_attn_scalar", "query_pre_attn_scalar is nothing"},
        {gemma2, "{}", "attn_logit_softcapping", "attn_logit_softcapping is nothing"},
        {gemma2, "{}", "head_dim", "head_dim is nothing"},
        {gemma2, "{\"final_logit_softcapping\":0}", "", "final_logit_softcapping is 0"},
        {gemma2, "{\"layer_types\":\"full\"}", "", "layer_types is a string"},
        {gemma2, "{\"model_type\":\"gemma3\"}", "",
         "'gemma3' is not supported, expected gpt_neox, gpt2, gpt_neo, llama, mistral, qwen2, "
         "qwen3, gemma, gemma2, gemma3_text, phi, phi3 or gptj"},
        {qwen2, "{\"model_type\":\"qwen3_moe\"}", "", "'qwen3_moe' is not supported"},
        {phi, "{\"model_type\":\"phi4\"}", "", "'phi4' is not supported"},
        {phi3, "{\"rope_scaling\":{\"type\":\"longrope\",\"short_factor\":[1,2]}}", "",
         "short_factor has 2 numbers, expected 48"},
        {phi3, "{\"rope_scaling\":{\"type\":\"su\"}}", "", "short_factor is nothing"},
        {phi3, "{\"rope_scaling\":{\"type\":\"linear\",\"factor\":2}}", "",
         "'linear' of rope_scaling is not supported, expected default or longrope"},
        {phi3, "{\"sliding_window\":0}", "", "sliding_window is 0"},
        {phi3, "{}", "rms_norm_eps", "rms_norm_eps is nothing"},
        {phi, "{\"qk_layernorm\":true}", "", "qk_layernorm is not supported"},
        {phi, "{}", "partial_rotary_factor", "found neither partial_rotary_factor nor"},
        {gptj, "{\"rotary_dim\":63}", "", "rotary_dim is 63, expected an even count"},
        {gptj, "{\"rotary_dim\":512}", "", "rotary_dim is 512, expected 1 to 256"},
        {gptj, "{}", "rotary_dim", "rotary_dim is nothing"},
        {gemma3, "{\"sliding_window_pattern\":0}", "", "sliding_window_pattern is 0"},
        {gemma3, "{\"rope_local_base_freq\":\"x\"}", "", "rope_local_base_freq is a string"},
        {gemma3,
         "{\"rope_parameters\":{\"sliding_attention\":{\"rope_type\":\"linear\",\"factor\":2}}}",
         "", "sliding_attention is scaled"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct model_config c = {.n_layers = 77};
        struct error e = {0};
        if (read_changed(cases[i].base, cases[i].change, cases[i].drop, &c, &e))
            fail_msg("case %zu was not refused, expected '%s'", i, cases[i].word);
        assert_int_equal(c.n_layers, 77);
        assert_int_equal(e.kind, ERROR_INPUT);
        if (strstr(e.text, cases[i].word) == NULL || strstr(e.text, "/config.json: ") == NULL)
            fail_msg("'%s' does not say '%s'", e.text, cases[i].word);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_files), cmocka_unit_test(published_files_of_more),
        cmocka_unit_test(options),         cmocka_unit_test(scaled_rotations),
        cmocka_unit_test(refused),
    };
    return cmocka_run_group_tests(tests, test_folder_make, test_folder_drop);
}

#include "tests/support/hash_archs.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Published spellings and those of transformers 5 by turns. */
const struct hash_arch hash_archs[N_HASH_ARCHS] = {
    {"gpt2", FAMILY_GPT2, 2, 24, 96, 3, 3, 8, 50, 16, .attn_bias = true, .proj_bias = true,
     .mlp_bias = true, .type = DTYPE_F32, .exponent = 2, .no_prefix = true, .buffers = true,
     .config = "{\"model_type\":\"gpt2\",\"activation_function\":\"gelu_new\",\"n_layer\":2,\"n_"
               "embd\":24,\"n_head\":3,\"n_inner\":null,\"vocab_size\":50,\"n_positions\":16,\"n_"
               "ctx\":16,\"layer_norm_epsilon\":1e-05,\"bos_token_id\":49,\"eos_token_id\":49}"},
    {"gpt2-untied", FAMILY_GPT2, 2, 24, 40, 2, 2, 12, 50, 16, .untied = true, .attn_bias = true,
     .proj_bias = true, .mlp_bias = true, .type = DTYPE_F16, .exponent = 2, .shards = 2,
     .config =
         "{\"model_type\":\"gpt2\",\"activation_function\":\"gelu\",\"n_layer\":2,\"n_embd\":24,"
         "\"n_head\":2,\"n_inner\":40,\"vocab_size\":50,\"n_positions\":16,\"layer_norm_epsilon\":"
         "1e-05,\"add_cross_attention\":false,\"scale_attn_weights\":true,\"scale_attn_by_inverse_"
         "layer_idx\":true,\"tie_word_embeddings\":false,\"bos_token_id\":0}"},
    {"gpt_neo", FAMILY_GPT_NEO, 2, 24, 96, 3, 3, 8, 50, 16, .proj_bias = true, .mlp_bias = true,
     .type = DTYPE_F32, .exponent = 3, .buffers = true,
     .config =
         "{\"model_type\":\"gpt_neo\",\"activation_function\":\"gelu_new\",\"attention_layers\":["
         "\"local\",\"global\"],\"attention_types\":[[[\"local\",\"global\"],1]],\"num_layers\":2,"
         "\"hidden_size\":24,\"num_heads\":3,\"intermediate_size\":null,\"vocab_size\":50,\"max_"
         "position_embeddings\":16,\"window_size\":3,\"layer_norm_epsilon\":1e-05,\"bos_token_id\":"
         "0}"},
    {"llama", FAMILY_LLAMA, 2, 24, 40, 4, 2, 8, 50, 64, .untied = true, .attn_bias = true,
     .proj_bias = true, .mlp_bias = true, .type = DTYPE_F32, .exponent = 2,
     .config =
         "{\"model_type\":\"llama\",\"hidden_act\":\"silu\",\"num_hidden_layers\":2,\"hidden_"
         "size\":24,\"num_attention_heads\":4,\"num_key_value_heads\":2,\"head_dim\":8,"
         "\"intermediate_size\":40,\"vocab_size\":50,\"max_position_embeddings\":64,\"attention_"
         "bias\":true,\"mlp_bias\":true,\"rms_norm_eps\":1e-06,\"tie_word_embeddings\":false,"
         "\"rope_parameters\":{\"rope_type\":\"llama3\",\"rope_theta\":500.0,\"factor\":4.0,\"low_"
         "freq_factor\":1.0,\"high_freq_factor\":4.0,\"original_max_position_embeddings\":32},"
         "\"bos_token_id\":1}"},
    {"llama-tied", FAMILY_LLAMA, 2, 24, 40, 3, 3, 8, 50, 16, .type = DTYPE_BF16, .exponent = 2,
     .buffers = true,
     .config = "{\"model_type\":\"llama\",\"hidden_act\":\"silu\",\"num_hidden_layers\":2,\"hidden_"
               "size\":24,\"num_attention_heads\":3,\"intermediate_size\":40,\"vocab_size\":50,"
               "\"max_position_embeddings\":16,\"rms_norm_eps\":1e-05,\"tie_word_embeddings\":true,"
               "\"rope_theta\":10000.0,\"rope_scaling\":{\"type\":\"linear\",\"factor\":2.0},\"bos_"
               "token_id\":1}"},
    {"mistral", FAMILY_LLAMA, 2, 24, 40, 4, 1, 6, 50, 16, .untied = true, .type = DTYPE_F16,
     .exponent = 2, .shards = 3,
     .config =
         "{\"model_type\":\"mistral\",\"hidden_act\":\"relu\",\"num_hidden_layers\":2,\"hidden_"
         "size\":24,\"num_attention_heads\":4,\"num_key_value_heads\":1,\"intermediate_size\":40,"
         "\"vocab_size\":50,\"max_position_embeddings\":16,\"rms_norm_eps\":1e-06,\"sliding_"
         "window\":3,\"rope_theta\":1000.0,\"tie_word_embeddings\":false,\"bos_token_id\":1}"},
    {"qwen2", FAMILY_LLAMA, 2, 24, 40, 4, 2, 6, 50, 16, .attn_bias = true, .type = DTYPE_F32,
     .exponent = 2,
     .config =
         "{\"model_type\":\"qwen2\",\"hidden_act\":\"silu\",\"num_hidden_layers\":2,\"hidden_"
         "size\":24,\"num_attention_heads\":4,\"num_key_value_heads\":2,\"intermediate_size\":40,"
         "\"vocab_size\":50,\"max_position_embeddings\":16,\"rms_norm_eps\":1e-06,\"use_sliding_"
         "window\":true,\"sliding_window\":3,\"max_window_layers\":1,\"rope_theta\":1000000.0,"
         "\"tie_word_embeddings\":true}"},
    {"gemma2", FAMILY_LLAMA, 2, 24, 40, 4, 2, 8, 50, 16, .attn_bias = true, .proj_bias = true,
     .post_norms = true, .gain_plus_1 = true, .type = DTYPE_BF16, .exponent = 2,
     .config =
         "{\"model_type\":\"gemma2\",\"hidden_act\":\"gelu_pytorch_tanh\",\"hidden_activation\":"
         "\"gelu_pytorch_tanh\",\"num_hidden_layers\":2,\"hidden_size\":24,\"num_attention_heads\":"
         "4,\"num_key_value_heads\":2,\"head_dim\":8,\"intermediate_size\":40,\"vocab_size\":50,"
         "\"max_position_embeddings\":16,\"rms_norm_eps\":1e-06,\"sliding_window\":3,\"query_pre_"
         "attn_scalar\":20,\"attn_logit_softcapping\":2.0,\"final_logit_softcapping\":3.0,"
         "\"attention_bias\":true,\"rope_theta\":10000.0,\"bos_token_id\":2}"},
    {"qwen3", FAMILY_LLAMA, 2, 24, 40, 4, 2, 8, 50, 16, .attn_bias = true, .proj_bias = true,
     .head_norms = true, .type = DTYPE_F32, .exponent = 2,
     .config =
         "{\"model_type\":\"qwen3\",\"hidden_act\":\"silu\",\"num_hidden_layers\":2,\"hidden_"
         "size\":24,\"num_attention_heads\":4,\"num_key_value_heads\":2,\"head_dim\":8,"
         "\"intermediate_size\":40,\"vocab_size\":50,\"max_position_embeddings\":16,\"attention_"
         "bias\":true,\"rms_norm_eps\":1e-06,\"use_sliding_window\":true,\"sliding_window\":3,"
         "\"max_window_layers\":1,\"rope_theta\":1000000.0,\"tie_word_embeddings\":true}"},
    {"gemma", FAMILY_LLAMA, 2, 24, 40, 4, 1, 8, 50, 16, .gain_plus_1 = true, .type = DTYPE_BF16,
     .exponent = 2,
     .config = "{\"model_type\":\"gemma\",\"hidden_act\":\"gelu\",\"num_hidden_layers\":2,"
               "\"hidden_size\":24,\"num_attention_heads\":4,\"num_key_value_heads\":1,\"head_"
               "dim\":8,\"intermediate_size\":40,\"vocab_size\":50,\"max_position_embeddings\":"
               "16,\"rms_norm_eps\":1e-06,\"rope_theta\":10000.0,\"bos_token_id\":2}"},
    {"gemma3", FAMILY_LLAMA, 2, 24, 40, 4, 2, 8, 50, 16, .post_norms = true, .head_norms = true,
     .gain_plus_1 = true, .type = DTYPE_BF16, .exponent = 2,
     .config =
         "{\"model_type\":\"gemma3_text\",\"hidden_activation\":\"gelu_pytorch_tanh\",\"num_"
         "hidden_layers\":2,\"hidden_size\":24,\"num_attention_heads\":4,\"num_key_value_"
         "heads\":2,\"head_dim\":8,\"intermediate_size\":40,\"vocab_size\":50,\"max_position_"
         "embeddings\":16,\"rms_norm_eps\":1e-06,\"sliding_window\":3,\"sliding_window_pattern\":"
         "2,\"query_pre_attn_scalar\":20,\"attn_logit_softcapping\":null,\"final_logit_"
         "softcapping\":null,\"rope_theta\":500.0,\"rope_local_base_freq\":50.0,\"rope_"
         "scaling\":{\"rope_type\":\"linear\",\"factor\":4.0},\"bos_token_id\":2}"},
    {"phi", FAMILY_PHI, 2, 24, 40, 4, 2, 6, 50, 16, .untied = true, .attn_bias = true,
     .proj_bias = true, .mlp_bias = true, .type = DTYPE_F16, .exponent = 2, .shards = 2,
     .config = "{\"model_type\":\"phi\",\"hidden_act\":\"gelu_new\",\"num_hidden_layers\":2,"
               "\"hidden_size\":24,\"num_attention_heads\":4,\"num_key_value_heads\":2,"
               "\"intermediate_size\":40,\"vocab_size\":50,\"max_position_embeddings\":16,"
               "\"layer_norm_eps\":1e-05,\"partial_rotary_factor\":0.67,\"rope_theta\":10000.0,"
               "\"qk_layernorm\":false,\"tie_word_embeddings\":false,\"bos_token_id\":1}"},
    {"phi3", FAMILY_PHI3, 2, 24, 40, 4, 2, 6, 50, 16, .untied = true, .type = DTYPE_F32,
     .exponent = 2, .shards = 2,
     .config = "{\"model_type\":\"phi3\",\"hidden_act\":\"silu\",\"num_hidden_layers\":2,"
               "\"hidden_size\":24,\"num_attention_heads\":4,\"num_key_value_heads\":2,"
               "\"intermediate_size\":40,\"vocab_size\":50,\"max_position_embeddings\":16,"
               "\"original_max_position_embeddings\":16,\"rms_norm_eps\":1e-05,\"partial_rotary_"
               "factor\":0.67,\"rope_theta\":10000.0,\"rope_scaling\":null,\"sliding_window\":3,"
               "\"attention_bias\":false,\"tie_word_embeddings\":false,\"bos_token_id\":1}"},
    {"phi3-tied", FAMILY_PHI3, 2, 24, 40, 3, 3, 8, 50, 16, .type = DTYPE_BF16, .exponent = 2,
     .config = "{\"model_type\":\"phi3\",\"hidden_act\":\"silu\",\"num_hidden_layers\":2,"
               "\"hidden_size\":24,\"num_attention_heads\":3,\"intermediate_size\":40,"
               "\"vocab_size\":50,\"max_position_embeddings\":16,\"rms_norm_eps\":1e-05,"
               "\"rope_parameters\":{\"rope_type\":\"default\",\"rope_theta\":500.0,\"partial_"
               "rotary_factor\":1.0},\"sliding_window\":null,\"tie_word_embeddings\":true}"},
    {"yarn", FAMILY_LLAMA, 2, 24, 40, 3, 1, 16, 50, 16, .head_norms = true, .type = DTYPE_F32,
     .exponent = 2,
     .config = "{\"model_type\":\"qwen3\",\"hidden_act\":\"silu\",\"num_hidden_layers\":2,\"hidden_"
               "size\":24,\"num_attention_heads\":3,\"num_key_value_heads\":1,\"head_dim\":16,"
               "\"intermediate_size\":40,\"vocab_size\":50,\"max_position_embeddings\":16,\"rms_"
               "norm_eps\":1e-06,\"rope_theta\":100.0,\"rope_scaling\":{\"type\":\"yarn\","
               "\"factor\":4.0,\"original_max_position_embeddings\":4,\"beta_fast\":0.5,\"beta_"
               "slow\":0.05},\"tie_word_embeddings\":true}"},
    {"yarn-mscale", FAMILY_LLAMA, 2, 24, 40, 2, 2, 12, 50, 20, .type = DTYPE_F32, .exponent = 2,
     .config = "{\"model_type\":\"llama\",\"hidden_act\":\"silu\",\"num_hidden_layers\":2,\"hidden_"
               "size\":24,\"num_attention_heads\":2,\"intermediate_size\":40,\"vocab_size\":50,"
               "\"max_position_embeddings\":20,\"rms_norm_eps\":1e-06,\"tie_word_embeddings\":true,"
               "\"rope_parameters\":{\"rope_type\":\"yarn\",\"rope_theta\":100.0,\"factor\":null,"
               "\"original_max_position_embeddings\":4,\"beta_fast\":0.4,\"beta_slow\":0.03,"
               "\"mscale\":2.0,\"mscale_all_dim\":0.5,\"truncate\":false}}"},
    {"longrope", FAMILY_PHI3, 2, 24, 40, 3, 3, 8, 50, 8, .type = DTYPE_F32, .exponent = 2,
     .config = "{\"model_type\":\"phi3\",\"hidden_act\":\"silu\",\"num_hidden_layers\":2,\"hidden_"
               "size\":24,\"num_attention_heads\":3,\"intermediate_size\":40,\"vocab_size\":50,"
               "\"max_position_embeddings\":64,\"original_max_position_embeddings\":8,\"rms_norm_"
               "eps\":1e-05,\"rope_theta\":100.0,\"partial_rotary_factor\":0.75,\"rope_scaling\":{"
               "\"type\":\"longrope\",\"short_factor\":[1.1,0.9,1.5],\"long_factor\":[1.0,7.0,9.0]}"
               ",\"sliding_window\":null,\"tie_word_embeddings\":true}"},
    {"dynamic", FAMILY_LLAMA, 2, 24, 40, 3, 3, 8, 50, 8, .type = DTYPE_F32, .exponent = 2,
     .config = "{\"model_type\":\"llama\",\"hidden_act\":\"silu\",\"num_hidden_layers\":2,\"hidden_"
               "size\":24,\"num_attention_heads\":3,\"intermediate_size\":40,\"vocab_size\":50,"
               "\"max_position_embeddings\":8,\"rms_norm_eps\":1e-06,\"tie_word_embeddings\":true,"
               "\"rope_theta\":100.0,\"rope_scaling\":{\"rope_type\":\"dynamic\",\"factor\":4.0}}"},
    {"gptj", FAMILY_GPTJ, 2, 24, 96, 3, 3, 8, 50, 16, .untied = true, .mlp_bias = true,
     .type = DTYPE_F32, .exponent = 2, .buffers = true,
     .config = "{\"model_type\":\"gptj\",\"activation_function\":\"gelu_new\",\"n_layer\":2,"
               "\"n_embd\":24,\"n_head\":3,\"n_inner\":null,\"rotary_dim\":4,\"vocab_size\":50,"
               "\"n_positions\":16,\"layer_norm_epsilon\":1e-05,\"tie_word_embeddings\":false,"
               "\"bos_token_id\":0}"},
};

const struct hash_arch *hash_arch_named(const char *name)
{
    for (int i = 0; i < N_HASH_ARCHS; i++)
        if (strcmp(hash_archs[i].name, name) == 0)
            return &hash_archs[i];
    abort();
}

static bool is_llama(const struct hash_arch *m)
{
    return m->family == FAMILY_LLAMA || m->family == FAMILY_PHI || m->family == FAMILY_PHI3;
}

/* Attention and MLP read one norm, the unembedding has a bias. */
static bool is_parallel(const struct hash_arch *m)
{
    return m->family == FAMILY_GPTJ || m->family == FAMILY_PHI;
}

struct list {
    const struct hash_arch *m;
    struct hash_tensor t[64];
    char key[64][96];
    size_t n;
};

/* Hashed under the full name however it is spelled in the file. */
static struct hash_tensor *add(struct list *l, int32_t layer, const char *name, int64_t rows,
                               int64_t cols)
{
    const bool llama = is_llama(l->m);
    const char *prefix = strncmp(name, "lm_head.", 8) == 0 ? "" : llama ? "model." : "transformer.";
    if (l->n == 64)
        abort();
    struct hash_tensor *t = &l->t[l->n];
    char *key = l->key[l->n++];
    *t = (struct hash_tensor){.type = l->m->type, .dim = {rows, cols}, .n_dims = cols ? 2 : 1};
    if (layer < 0)
        snprintf(key, 96, "%s%s", prefix, name);
    else
        snprintf(key, 96, "%s%s.%d.%s", prefix, llama ? "layers" : "h", (int)layer, name);
    snprintf(t->name, sizeof t->name, "%s", key + (l->m->no_prefix ? strlen(prefix) : 0));
    t->key = key;
    const bool norm = cols == 0 && strstr(name, "bias") == NULL;
    t->kind = norm && !l->m->gain_plus_1 ? HASH_GAMMA : HASH_UNIFORM;
    t->exponent = cols ? l->m->exponent : norm ? 2 : 3;
    return t;
}

static void add_linear(struct list *l, int32_t layer, const char *part, int64_t rows, int64_t cols,
                       int64_t bias)
{
    char name[64];
    snprintf(name, sizeof name, "%s.weight", part);
    add(l, layer, name, rows, cols);
    snprintf(name, sizeof name, "%s.bias", part);
    if (bias)
        add(l, layer, name, bias, 0);
}

static void add_layer_norm(struct list *l, int32_t layer, const char *part)
{
    char name[64];
    snprintf(name, sizeof name, "%s.weight", part);
    add(l, layer, name, l->m->d_model, 0);
    snprintf(name, sizeof name, "%s.bias", part);
    add(l, layer, name, l->m->d_model, 0);
}

/* GPT-2's matrices are stored [in, out]. */
static void add_gpt_layer(struct list *l, int32_t i)
{
    const struct hash_arch *m = l->m;
    const int64_t d = m->d_model, f = m->d_mlp;
    const bool two = m->family == FAMILY_GPT2;
    add_layer_norm(l, i, "ln_1");
    if (m->buffers)
        add(l, i, two ? "attn.bias" : "attn.attention.bias", m->n_ctx, m->n_ctx)->raw = "BOOL";
    if (two) {
        add_linear(l, i, "attn.c_attn", d, 3 * d, 3 * d);
        add_linear(l, i, "attn.c_proj", d, d, d);
    } else {
        add_linear(l, i, "attn.attention.q_proj", d, d, 0);
        add_linear(l, i, "attn.attention.k_proj", d, d, 0);
        add_linear(l, i, "attn.attention.v_proj", d, d, 0);
        add_linear(l, i, "attn.attention.out_proj", d, d, d);
    }
    add_layer_norm(l, i, "ln_2");
    add_linear(l, i, "mlp.c_fc", two ? d : f, two ? f : d, f);
    add_linear(l, i, "mlp.c_proj", two ? f : d, two ? d : f, d);
}

static void add_phi3_layer(struct list *l, int32_t i)
{
    const struct hash_arch *m = l->m;
    const int64_t d = m->d_model, f = m->d_mlp, q = m->n_heads * m->head_dim,
                  kv = m->n_kv_heads * m->head_dim;
    add(l, i, "input_layernorm.weight", d, 0);
    add(l, i, "post_attention_layernorm.weight", d, 0);
    add_linear(l, i, "self_attn.qkv_proj", q + 2 * kv, d, 0);
    add_linear(l, i, "self_attn.o_proj", d, q, 0);
    add_linear(l, i, "mlp.gate_up_proj", 2 * f, d, 0);
    add_linear(l, i, "mlp.down_proj", d, f, 0);
}

static void add_llama_layer(struct list *l, int32_t i)
{
    const struct hash_arch *m = l->m;
    const int64_t d = m->d_model, f = m->d_mlp, q = m->n_heads * m->head_dim,
                  kv = m->n_kv_heads * m->head_dim;
    add(l, i, "input_layernorm.weight", d, 0);
    add(l, i, "post_attention_layernorm.weight", d, 0);
    if (m->post_norms) {
        add(l, i, "pre_feedforward_layernorm.weight", d, 0);
        add(l, i, "post_feedforward_layernorm.weight", d, 0);
    }
    if (m->buffers)
        add(l, i, "self_attn.rotary_emb.inv_freq", 4, 0)->raw = "F32";
    if (m->head_norms) {
        add(l, i, "self_attn.q_norm.weight", m->head_dim, 0);
        add(l, i, "self_attn.k_norm.weight", m->head_dim, 0);
    }
    add_linear(l, i, "self_attn.q_proj", q, d, m->attn_bias ? q : 0);
    add_linear(l, i, "self_attn.k_proj", kv, d, m->attn_bias ? kv : 0);
    add_linear(l, i, "self_attn.v_proj", kv, d, m->attn_bias ? kv : 0);
    add_linear(l, i, "self_attn.o_proj", d, q, m->proj_bias ? d : 0);
    add_linear(l, i, "mlp.gate_proj", f, d, m->mlp_bias ? f : 0);
    add_linear(l, i, "mlp.up_proj", f, d, m->mlp_bias ? f : 0);
    add_linear(l, i, "mlp.down_proj", d, f, m->mlp_bias ? d : 0);
}

static void add_parallel_layer(struct list *l, int32_t i)
{
    const struct hash_arch *m = l->m;
    const bool phi = m->family == FAMILY_PHI;
    const int64_t d = m->d_model, f = m->d_mlp, q = m->n_heads * m->head_dim,
                  kv = m->n_kv_heads * m->head_dim;
    add_layer_norm(l, i, phi ? "input_layernorm" : "ln_1");
    if (m->buffers) {
        add(l, i, "attn.bias", m->n_ctx, m->n_ctx)->raw = "BOOL";
        add(l, i, "attn.embed_positions", m->n_ctx, 4)->raw = "F32";
    }
    add_linear(l, i, phi ? "self_attn.q_proj" : "attn.q_proj", q, d, m->attn_bias ? q : 0);
    add_linear(l, i, phi ? "self_attn.k_proj" : "attn.k_proj", kv, d, m->attn_bias ? kv : 0);
    add_linear(l, i, phi ? "self_attn.v_proj" : "attn.v_proj", kv, d, m->attn_bias ? kv : 0);
    add_linear(l, i, phi ? "self_attn.dense" : "attn.out_proj", d, q, m->proj_bias ? d : 0);
    add_linear(l, i, phi ? "mlp.fc1" : "mlp.fc_in", f, d, f);
    add_linear(l, i, phi ? "mlp.fc2" : "mlp.fc_out", d, f, d);
}

static void add_layer(struct list *l, int32_t i)
{
    if (is_parallel(l->m))
        add_parallel_layer(l, i);
    else if (l->m->family == FAMILY_PHI3)
        add_phi3_layer(l, i);
    else if (is_llama(l->m))
        add_llama_layer(l, i);
    else
        add_gpt_layer(l, i);
}

static void write_text(const char *dir, const char *name, const char *text)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "w");
    if (!f || fputs(text, f) < 0 || fclose(f) != 0)
        abort();
}

void hash_arch_write(const char *dir, const struct hash_arch *m)
{
    struct list *l = calloc(1, sizeof *l);
    l->m = m;
    const bool llama = is_llama(m);
    add(l, -1, llama ? "embed_tokens.weight" : "wte.weight", m->n_vocab, m->d_model);
    if (!llama && !is_parallel(m))
        add(l, -1, "wpe.weight", m->n_ctx, m->d_model);
    for (int32_t i = 0; i < m->n_layers; i++)
        add_layer(l, i);
    if (m->family == FAMILY_LLAMA || m->family == FAMILY_PHI3)
        add(l, -1, "norm.weight", m->d_model, 0);
    else
        add_layer_norm(l, -1, llama ? "final_layernorm" : "ln_f");
    if (m->untied)
        add(l, -1, "lm_head.weight", m->n_vocab, m->d_model);
    if (is_parallel(m))
        add(l, -1, "lm_head.bias", m->n_vocab, 0);
    write_text(dir, "config.json", m->config);
    hash_tensors_write(dir, l->t, l->n, m->shards);
    free(l);
}

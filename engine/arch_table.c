#include "engine/arch.h"
#include <string.h>

#define LLAMA_NAMES                                                                     \
    .prefix = "model.", .layers = "layers", .embed = "embed_tokens",                    \
    .final_norm = "norm", .unembed = {"lm_head"}, .attn_norm = "input_layernorm",       \
    .attn = "self_attn", .q = "self_attn.q_proj", .k = "self_attn.k_proj",              \
    .v = "self_attn.v_proj", .proj = "self_attn.o_proj", .mlp = "mlp",                  \
    .act = "mlp.act_fn", .gate = "mlp.gate_proj", .up = "mlp.up_proj",                  \
    .down = "mlp.down_proj"
#define HEAD_NORMS .q_norm = "self_attn.q_norm", .k_norm = "self_attn.k_norm"
#define GEMMA_NORMS                                                                     \
    .attn_post_norm = "post_attention_layernorm", .mlp_norm = "pre_feedforward_layernorm", \
    .mlp_post_norm = "post_feedforward_layernorm"
#define LLAMA(type, name)                                                               \
    {.model_type = type, .title = name, .norm = NORM_RMS, .gated = true,                \
     .names = {LLAMA_NAMES, .mlp_norm = "post_attention_layernorm"}}

static const struct arch table[] = {
    {.model_type = "gpt_neox", .title = "GPT-NeoX (Pythia)", .qkv_order = QKV_HEADS,
     .names = {.prefix = "gpt_neox.", .layers = "layers", .embed = "embed_in",
               .final_norm = "final_layer_norm",
               .unembed = {"embed_out", "lm_head" /* transformers 5, in memory */},
               .attn_norm = "input_layernorm", .mlp_norm = "post_attention_layernorm",
               .attn = "attention", .qkv = "attention.query_key_value",
               .proj = "attention.dense", .mlp = "mlp", .act = "mlp.act",
               .up = "mlp.dense_h_to_4h", .down = "mlp.dense_4h_to_h"}},
    {.model_type = "gpt2", .title = "GPT-2", .learned_positions = true,
     .qkv_order = QKV_PARTS, .order = ORDER_IN_OUT,
     .names = {.prefix = "transformer.", .layers = "h", .embed = "wte", .positions = "wpe",
               .final_norm = "ln_f", .unembed = {"lm_head"}, .attn_norm = "ln_1",
               .mlp_norm = "ln_2", .attn = "attn", .qkv = "attn.c_attn",
               .proj = "attn.c_proj", .mlp = "mlp", .act = "mlp.act", .up = "mlp.c_fc",
               .down = "mlp.c_proj"}},
    {.model_type = "gpt_neo", .title = "GPT-Neo", .learned_positions = true,
     .names = {.prefix = "transformer.", .layers = "h", .embed = "wte", .positions = "wpe",
               .final_norm = "ln_f", .unembed = {"lm_head"}, .attn_norm = "ln_1",
               .mlp_norm = "ln_2", .attn = "attn", .attn_inner = "attn.attention",
               .q = "attn.attention.q_proj", .k = "attn.attention.k_proj",
               .v = "attn.attention.v_proj", .proj = "attn.attention.out_proj", .mlp = "mlp",
               .act = "mlp.act", .up = "mlp.c_fc", .down = "mlp.c_proj"}},
    LLAMA("llama", "Llama"),
    LLAMA("mistral", "Mistral"),
    LLAMA("qwen2", "Qwen2"),
    {.model_type = "qwen3", .title = "Qwen3", .norm = NORM_RMS, .gated = true,
     .names = {LLAMA_NAMES, HEAD_NORMS, .mlp_norm = "post_attention_layernorm"}},
    {.model_type = "gemma", .title = "Gemma", .norm = NORM_RMS, .gain_is_1_plus = true,
     .gated = true, .embed_scaled = true, .needs_bos = true,
     .names = {LLAMA_NAMES, .mlp_norm = "post_attention_layernorm"}},
    {.model_type = "gemma2", .title = "Gemma 2", .norm = NORM_RMS, .gain_is_1_plus = true,
     .gated = true, .post_norms = true, .embed_scaled = true, .needs_bos = true,
     .names = {LLAMA_NAMES, GEMMA_NORMS}},
    {.model_type = "gemma3_text", .title = "Gemma 3", .norm = NORM_RMS, .gain_is_1_plus = true,
     .gated = true, .post_norms = true, .embed_scaled = true, .needs_bos = true,
     .names = {LLAMA_NAMES, GEMMA_NORMS, HEAD_NORMS}},
    {.model_type = "phi", .title = "Phi", .unembed_bias = true,
     .names = {.prefix = "model.", .layers = "layers", .embed = "embed_tokens",
               .final_norm = "final_layernorm", .unembed = {"lm_head"},
               .attn_norm = "input_layernorm", .mlp_norm = "input_layernorm",
               .attn = "self_attn", .q = "self_attn.q_proj", .k = "self_attn.k_proj",
               .v = "self_attn.v_proj", .proj = "self_attn.dense", .mlp = "mlp",
               .act = "mlp.activation_fn", .up = "mlp.fc1", .down = "mlp.fc2"}},
    {.model_type = "phi3", .title = "Phi-3", .norm = NORM_RMS, .gated = true,
     .qkv_order = QKV_PARTS,
     .names = {.prefix = "model.", .layers = "layers", .embed = "embed_tokens",
               .final_norm = "norm", .unembed = {"lm_head"}, .attn_norm = "input_layernorm",
               .mlp_norm = "post_attention_layernorm", .attn = "self_attn",
               .qkv = "self_attn.qkv_proj", .proj = "self_attn.o_proj", .mlp = "mlp",
               .act = "mlp.activation_fn", .gate = "mlp.gate_up_proj[0]",
               .up = "mlp.gate_up_proj[1]", .down = "mlp.down_proj"}},
    {.model_type = "gptj", .title = "GPT-J", .unembed_bias = true, .rope_style = ROPE_GPTJ,
     .names = {.prefix = "transformer.", .layers = "h", .embed = "wte", .final_norm = "ln_f",
               .unembed = {"lm_head"}, .attn_norm = "ln_1", .mlp_norm = "ln_1", .attn = "attn",
               .q = "attn.q_proj", .k = "attn.k_proj", .v = "attn.v_proj",
               .proj = "attn.out_proj", .mlp = "mlp", .act = "mlp.act", .up = "mlp.fc_in",
               .down = "mlp.fc_out"}},
};
enum { N = sizeof table / sizeof *table };

const struct arch *arch_at(size_t i)
{
    return i < N ? &table[i] : NULL;
}

const struct arch *arch_find(const char *model_type)
{
    for (size_t i = 0; i < N; i++)
        if (strcmp(table[i].model_type, model_type) == 0)
            return &table[i];
    return NULL;
}

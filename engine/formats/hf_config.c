#include "engine/base/memory.h"
#include "engine/base/strbuf.h"
#include "engine/formats/hf_private.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define CONFIG_MAX ((size_t)4 << 20)

/* Where an architecture's config.json holds what. */
struct rules {
    const char *model_type;
    const char *n_layers, *d_model, *d_mlp, *n_heads, *n_ctx, *eps, *act;
    struct hf_rotation_rules rotation;
    bool mlp_is_4;                  /* no d_mlp: four times the width */
    bool grouped;                   /* heads may share keys and values */
    bool kv_may_be_all;             /* no num_key_value_heads: as many as heads */
    bool head_dim_given;            /* head_dim must stand there */
    bool tied;                      /* where the file is silent */
    bool rotary_dim, two_rotations; /* how the rotation is said: a count; of windows by itself */
    bool (*attention)(const struct hf_source *, struct model_config *);
};

static bool read_activation(const struct hf_source *s, const char *key, enum activation *out)
{
    /* transformers' names; gelu_fast is the tanh formula with its constant rounded to ten digits.
     */
    static const struct {
        const char *name;
        enum activation act;
    } known[] = {{"gelu", ACT_GELU},
                 {"gelu_python", ACT_GELU},
                 {"gelu_new", ACT_GELU_TANH},
                 {"gelu_fast", ACT_GELU_TANH},
                 {"gelu_pytorch_tanh", ACT_GELU_TANH},
                 {"relu", ACT_RELU},
                 {"silu", ACT_SILU},
                 {"swish", ACT_SILU}};
    const json_t *v = json_object_get(s->j, key);
    if (!json_is_string(v))
        return error_set(s->e, ERROR_INPUT, "%s: %s is %s, expected the name of an activation",
                         s->path, key, json_kind(v));
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(known[i].name, json_string_value(v)) == 0) {
            *out = known[i].act;
            return true;
        }
    return error_set(s->e, ERROR_INPUT,
                     "%s: %s '%s' is not supported, expected gelu, gelu_new, gelu_fast, "
                     "gelu_pytorch_tanh, relu or silu",
                     s->path, key, json_string_value(v));
}

/* An id outside the vocabulary is a default that came along (GPT-2's 50256 with a small
 * vocabulary): it is wrong only where a BOS is wanted (config_bos_check). */
static bool read_bos(const struct hf_source *s, struct model_config *c)
{
    const json_t *v = json_object_get(s->j, "bos_token_id");
    c->bos_id = -1;
    if (v == NULL || json_is_null(v))
        return true;
    if (!json_is_integer(v))
        return error_set(s->e, ERROR_INPUT,
                         "%s: bos_token_id is %s, expected an id below vocab_size %d", s->path,
                         json_kind(v), c->n_vocab);
    const json_int_t id = json_integer_value(v);
    c->bos_id = id >= 0 && id < c->n_vocab ? (int32_t)id : BOS_OUTSIDE;
    return true;
}

/* ---- attention */
static void set_local(struct model_config *c, int32_t layer)
{
    c->local[layer / 64] |= UINT64_C(1) << layer % 64;
}

/* One layer's kind, by the words of the architecture. */
static bool read_kind(const struct hf_source *s, const char *key, const json_t *v, const char *all,
                      const char *window, struct model_config *c, int32_t layer)
{
    const char *kind = json_string_value(v);
    if (kind != NULL && strcmp(kind, window) == 0)
        set_local(c, layer);
    else if (kind == NULL || strcmp(kind, all) != 0)
        return error_set(s->e, ERROR_INPUT,
                         "%s: %s: attention '%s' is not supported, expected %s or %s", s->path, key,
                         kind != NULL ? kind : json_kind(v), all, window);
    return true;
}

static bool wrong_layers(const struct hf_source *s, const char *key, size_t n,
                         const struct model_config *c)
{
    return error_set(s->e, ERROR_INPUT, "%s: %s has %zu layers, expected %d", s->path, key, n,
                     c->n_layers);
}

/* A list of kinds, one a layer: layer_types (transformers 5), attention_layers (GPT-Neo). */
static bool read_kinds(const struct hf_source *s, const char *key, const char *all,
                       const char *window, struct model_config *c)
{
    const json_t *list = json_object_get(s->j, key), *v;
    size_t i;
    if (!json_is_array(list))
        return error_set(s->e, ERROR_INPUT, "%s: %s is %s, expected a list", s->path, key,
                         json_kind(list));
    if (json_array_size(list) != (size_t)c->n_layers)
        return wrong_layers(s, key, json_array_size(list), c);
    json_array_foreach(list, i,
                       v) if (!read_kind(s, key, v, all, window, c, (int32_t)i)) return false;
    return true;
}

/* [[["global", "local"], 6]]: a pattern and how often it comes. */
static bool read_neo_types(const struct hf_source *s, const json_t *list, struct model_config *c)
{
    const char *key = "attention_types";
    const json_t *pair, *v;
    size_t i, j, n = 0;
    json_array_foreach(list, i, pair)
    {
        const json_t *kinds = json_array_get(pair, 0), *times = json_array_get(pair, 1);
        const json_int_t most = json_integer_value(times);
        if (!json_is_array(kinds) || json_array_size(kinds) == 0 || most < 1)
            return error_set(s->e, ERROR_INPUT, "%s: %s holds something else than [kinds, count]",
                             s->path, key);
        for (json_int_t k = 0; k < most; k++)
            json_array_foreach(kinds, j, v)
            {
                if (n >= (size_t)c->n_layers)
                    return wrong_layers(s, key, n + 1, c);
                if (!read_kind(s, key, v, "global", "local", c, (int32_t)n++))
                    return false;
            }
    }
    return n == (size_t)c->n_layers || wrong_layers(s, key, n, c);
}

static bool read_neo_attention(const struct hf_source *s, struct model_config *c)
{
    const json_t *types = json_object_get(s->j, "attention_types");
    c->attn_scale = 1; /* the scores are not scaled at all */
    c->proj_bias = c->mlp_bias = true;
    return (json_is_array(types) ? read_neo_types(s, types, c)
                                 : read_kinds(s, "attention_layers", "global", "local", c)) &&
           hf_count(s, "window_size", 1 << 24, &c->window);
}

static bool read_gpt2_attention(const struct hf_source *s, struct model_config *c)
{
    bool scaled = true, across = false;
    if (!hf_flag(s, "scale_attn_weights", true, &scaled) ||
        !hf_flag(s, "scale_attn_by_inverse_layer_idx", false, &c->scale_by_layer) ||
        !hf_flag(s, "add_cross_attention", false, &across))
        return false;
    if (!scaled)
        c->attn_scale = 1;
    c->qkv_bias = c->proj_bias = c->mlp_bias = true;
    return !across ||
           error_set(s->e, ERROR_INPUT, "%s: add_cross_attention is not supported, expected false",
                     s->path);
}

static bool read_neox_attention(const struct hf_source *s, struct model_config *c)
{
    c->mlp_bias = true;
    if (!hf_flag(s, "attention_bias", true, &c->qkv_bias) ||
        !hf_flag(s, "use_parallel_residual", true, &c->parallel_residual))
        return false;
    c->proj_bias = c->qkv_bias;
    return true;
}

static bool read_llama_attention(const struct hf_source *s, struct model_config *c)
{
    if (!hf_flag(s, "attention_bias", false, &c->qkv_bias) ||
        !hf_flag(s, "mlp_bias", false, &c->mlp_bias))
        return false;
    c->proj_bias = c->qkv_bias;
    return true;
}

#define FULL "full_attention"
#define SLIDING "sliding_attention"

static bool read_mistral_attention(const struct hf_source *s, struct model_config *c)
{
    const json_t *v = json_object_get(s->j, "sliding_window");
    if (json_is_null(v))
        return true;
    for (int32_t i = 0; i < c->n_layers; i++)
        set_local(c, i);
    return hf_count(s, "sliding_window", 1 << 24, &c->window);
}

/* No window where the file is silent. Its attention_bias is said and not read. */
static bool read_phi3_attention(const struct hf_source *s, struct model_config *c)
{
    const json_t *v = json_object_get(s->j, "sliding_window");
    return v == NULL || read_mistral_attention(s, c);
}

/* A window in the layers from max_window_layers on, or as layer_types says. */
static bool read_qwen_windows(const struct hf_source *s, struct model_config *c)
{
    bool sliding = false;
    int32_t first = 0;
    if (!hf_flag(s, "use_sliding_window", false, &sliding))
        return false;
    if (!sliding)
        return true;
    if (json_object_get(s->j, "layer_types") != NULL) {
        if (!read_kinds(s, "layer_types", FULL, SLIDING, c))
            return false;
    } else {
        const json_t *v = json_object_get(s->j, "max_window_layers");
        if (!json_is_integer(v) || json_integer_value(v) < 0)
            return error_set(s->e, ERROR_INPUT, "%s: max_window_layers is %s, expected a count",
                             s->path, json_kind(v));
        first = json_integer_value(v) < c->n_layers ? (int32_t)json_integer_value(v) : c->n_layers;
        for (int32_t i = first; i < c->n_layers; i++)
            set_local(c, i);
    }
    return hf_count(s, "sliding_window", 1 << 24, &c->window);
}

static bool read_qwen2_attention(const struct hf_source *s, struct model_config *c)
{
    c->qkv_bias = true;
    return read_qwen_windows(s, c);
}

static bool read_qwen3_attention(const struct hf_source *s, struct model_config *c)
{
    return read_llama_attention(s, c) && read_qwen_windows(s, c);
}

/* The first releases said "gelu" and meant the tanh formula. */
static bool read_gemma_attention(const struct hf_source *s, struct model_config *c)
{
    if (c->act == ACT_GELU)
        c->act = ACT_GELU_TANH;
    return read_llama_attention(s, c);
}

static bool read_phi_attention(const struct hf_source *s, struct model_config *c)
{
    bool normed = false;
    c->parallel_residual = c->qkv_bias = c->proj_bias = c->mlp_bias = true;
    return hf_flag(s, "qk_layernorm", false, &normed) &&
           (!normed || error_set(s->e, ERROR_INPUT,
                                 "%s: qk_layernorm is not supported, expected false", s->path));
}

static bool read_gptj_attention(const struct hf_source *s, struct model_config *c)
{
    (void)s;
    c->parallel_residual = c->mlp_bias = true;
    return true;
}

/* A number, or null for 0. */
static bool read_cap(const struct hf_source *s, const char *key, float *out)
{
    const json_t *v = json_object_get(s->j, key);
    double x = 0;
    if (!json_is_null(v) && !hf_number(s, v, key, 0, 1e6, &x))
        return false;
    *out = (float)x;
    return true;
}

static bool read_gemma_scale(const struct hf_source *s, struct model_config *c)
{
    double scalar = 0;
    bool both_ways = false;
    if (!hf_number(s, json_object_get(s->j, "query_pre_attn_scalar"), "query_pre_attn_scalar", 0,
                   1e6, &scalar) ||
        !hf_flag(s, "attention_bias", false, &c->qkv_bias) ||
        !hf_flag(s, "use_bidirectional_attention", false, &both_ways))
        return false;
    c->proj_bias = c->qkv_bias;
    c->attn_scale = (float)(1 / sqrt(scalar));
    return !both_ways ||
           error_set(s->e, ERROR_INPUT,
                     "%s: use_bidirectional_attention is not supported, expected false", s->path);
}

/* As layer_types says; before transformers 5 did, all layers but each `pattern`-th. */
static bool read_gemma_windows(const struct hf_source *s, int32_t pattern, struct model_config *c)
{
    const json_t *types = json_object_get(s->j, "layer_types");
    if (types != NULL && !json_is_null(types)) {
        if (!read_kinds(s, "layer_types", FULL, SLIDING, c))
            return false;
    } else
        for (int32_t i = 0; i < c->n_layers; i++)
            if ((i + 1) % pattern != 0)
                set_local(c, i);
    return hf_count(s, "sliding_window", 1 << 24, &c->window);
}

static bool read_gemma2_attention(const struct hf_source *s, struct model_config *c)
{
    return read_gemma_scale(s, c) && read_cap(s, "attn_logit_softcapping", &c->attn_cap) &&
           read_cap(s, "final_logit_softcapping", &c->logit_cap) && read_gemma_windows(s, 2, c);
}

/* Caps may be absent, and are null where they are there. */
static bool read_gemma3_attention(const struct hf_source *s, struct model_config *c)
{
    int32_t pattern = 6;
    return read_gemma_scale(s, c) &&
           (!json_object_get(s->j, "attn_logit_softcapping") ||
            read_cap(s, "attn_logit_softcapping", &c->attn_cap)) &&
           (!json_object_get(s->j, "final_logit_softcapping") ||
            read_cap(s, "final_logit_softcapping", &c->logit_cap)) &&
           hf_count_or(s, "sliding_window_pattern", 1 << 12, 6, &pattern) &&
           read_gemma_windows(s, pattern, c);
}

/* ---- architectures */
static const struct rules rules[] = {
    {"gpt_neox", "num_hidden_layers", "hidden_size", "intermediate_size", "num_attention_heads",
     "max_position_embeddings", "layer_norm_eps", "hidden_act", .rotation.share = "rotary_pct",
     .rotation.base = "rotary_emb_base", .attention = read_neox_attention},
    {"gpt2", "n_layer", "n_embd", "n_inner", "n_head", "n_positions", "layer_norm_epsilon",
     "activation_function", .mlp_is_4 = true, .tied = true, .attention = read_gpt2_attention},
    {"gpt_neo", "num_layers", "hidden_size", "intermediate_size", "num_heads",
     "max_position_embeddings", "layer_norm_epsilon", "activation_function", .mlp_is_4 = true,
     .tied = true, .attention = read_neo_attention},
#define LLAMA                                                                                      \
    "num_hidden_layers", "hidden_size", "intermediate_size", "num_attention_heads",                \
        "max_position_embeddings", "rms_norm_eps"
#define TURNED                                                                                     \
    .rotation.share = "partial_rotary_factor", .rotation.base = "rope_theta", .rotation.whole = 1, \
    .rotation.base_default = 1e4, .grouped = true
    {"llama", LLAMA, "hidden_act", TURNED, .kv_may_be_all = true,
     .attention = read_llama_attention},
    {"mistral", LLAMA, "hidden_act", TURNED, .attention = read_mistral_attention},
    {"qwen2", LLAMA, "hidden_act", TURNED, .attention = read_qwen2_attention},
    {"qwen3", LLAMA, "hidden_act", TURNED, .head_dim_given = true,
     .attention = read_qwen3_attention},
    {"gemma", LLAMA, "hidden_act", TURNED, .head_dim_given = true, .tied = true,
     .attention = read_gemma_attention},
    {"gemma2", LLAMA, "hidden_activation", TURNED, .head_dim_given = true, .tied = true,
     .attention = read_gemma2_attention},
    {"gemma3_text", LLAMA, "hidden_activation", .rotation.share = "partial_rotary_factor",
     .rotation.base = "rope_theta", .rotation.whole = 1, .rotation.base_default = 1e6,
     .grouped = true, .head_dim_given = true, .tied = true, .two_rotations = true,
     .attention = read_gemma3_attention},
    {"phi", "num_hidden_layers", "hidden_size", "intermediate_size", "num_attention_heads",
     "max_position_embeddings", "layer_norm_eps", "hidden_act",
     .rotation.share = "partial_rotary_factor", .rotation.base = "rope_theta",
     .rotation.base_default = 1e4, .grouped = true, .kv_may_be_all = true,
     .attention = read_phi_attention},
    {"phi3", LLAMA, "hidden_act", TURNED, .rotation.part = true, .rotation.long_only = true,
     .rotation.context = 4096, .kv_may_be_all = true, .attention = read_phi3_attention},
    {"gptj", "n_layer", "n_embd", "n_inner", "n_head", "n_positions", "layer_norm_epsilon",
     "activation_function", .mlp_is_4 = true, .rotary_dim = true, .attention = read_gptj_attention},
};

static const struct rules *find_rules(const struct arch *a)
{
    for (size_t i = 0; a != NULL && i < sizeof rules / sizeof *rules; i++)
        if (strcmp(rules[i].model_type, a->model_type) == 0)
            return &rules[i];
    return NULL;
}

/* The architecture by name, or an error that lists those that are known. */
static bool read_architecture(const struct hf_source *s, struct model_config *c)
{
    const json_t *v = json_object_get(s->j, "model_type");
    const char *type = json_string_value(v);
    struct strbuf known;
    const struct arch *a;
    if (type != NULL && find_rules(c->arch = arch_find(type)) != NULL)
        return true;
    strbuf_init(&known);
    for (size_t i = 0; (a = arch_at(i)) != NULL; i++)
        strbuf_addf(&known, "%s%s",
                    i == 0                   ? ""
                    : arch_at(i + 1) != NULL ? ", "
                                             : " or ",
                    a->model_type);
    if (type == NULL)
        error_set(s->e, ERROR_INPUT, "%s: model_type is %s, expected %s", s->path, json_kind(v),
                  known.s);
    else
        error_set(s->e, ERROR_INPUT, "%s: architecture '%s' is not supported, expected %s", s->path,
                  type, known.s);
    strbuf_release(&known);
    return false;
}

static bool read_sizes(const struct hf_source *s, const struct rules *r, struct model_config *c)
{
    return hf_count(s, r->n_layers, MODEL_LAYERS_MAX, &c->n_layers) &&
           hf_count(s, r->d_model, 1 << 18, &c->d_model) &&
           (r->mlp_is_4 ? hf_count_or(s, r->d_mlp, 1 << 20, 4 * c->d_model, &c->d_mlp)
                        : hf_count(s, r->d_mlp, 1 << 20, &c->d_mlp)) &&
           hf_count(s, r->n_heads, 1 << 12, &c->n_heads) &&
           hf_count(s, "vocab_size", 1 << 24, &c->n_vocab) &&
           hf_count(s, r->n_ctx, 1 << 24, &c->n_ctx);
}

static bool read_heads(const struct hf_source *s, const struct rules *r, struct model_config *c)
{
    const json_t *given = json_object_get(s->j, "head_dim");
    c->n_kv_heads = c->n_heads;
    if (r->grouped &&
        !(r->kv_may_be_all
              ? hf_count_or(s, "num_key_value_heads", 1 << 12, c->n_heads, &c->n_kv_heads)
              : hf_count(s, "num_key_value_heads", 1 << 12, &c->n_kv_heads)))
        return false;
    if (c->n_heads % c->n_kv_heads != 0)
        return error_set(s->e, ERROR_INPUT,
                         "%s: num_attention_heads %d is no multiple of num_key_value_heads %d",
                         s->path, c->n_heads, c->n_kv_heads);
    if (r->head_dim_given || (r->grouped && given != NULL && !json_is_null(given)))
        return hf_count(s, "head_dim", 1 << 12, &c->head_dim);
    if (c->d_model % c->n_heads != 0)
        return error_set(s->e, ERROR_INPUT, "%s: %s %d is no multiple of %s %d", s->path,
                         r->d_model, c->d_model, r->n_heads, c->n_heads);
    c->head_dim = c->d_model / c->n_heads;
    return true;
}

static bool read_config(const struct hf_source *s, struct model_config *c)
{
    double eps = 0;
    if (!read_architecture(s, c))
        return false;
    const struct rules *r = find_rules(c->arch);
    const json_t *quantized = json_object_get(s->j, "quantization_config");
    if (quantized != NULL && !json_is_null(quantized))
        return error_set(s->e, ERROR_INPUT,
                         "%s: quantization_config is not supported, expected weights in F32, F16 "
                         "or BF16",
                         s->path);
    if (!read_sizes(s, r, c) || !read_heads(s, r, c) ||
        !hf_number(s, json_object_get(s->j, r->eps), r->eps, 0, 0.1, &eps))
        return false;
    c->norm_eps = (float)eps;
    c->attn_scale = 1.0f / sqrtf((float)c->head_dim);
    return (c->arch->learned_positions || (r->rotary_dim      ? hf_rotary_dim(s, c)
                                           : r->two_rotations ? hf_two_rotations(s, &r->rotation, c)
                                                              : hf_rotation(s, &r->rotation, c))) &&
           read_activation(s, r->act, &c->act) && read_bos(s, c) &&
           hf_flag(s, "tie_word_embeddings", r->tied, &c->tied) && r->attention(s, c);
}

bool hf_config_read(const char *dir, struct model_config *out, struct error *e)
{
    char *path = xasprintf("%s/config.json", dir);
    json_t *j = json_read_object(path, CONFIG_MAX, e);
    struct model_config c = {0};
    const bool ok = j != NULL && read_config(&(struct hf_source){.j = j, .path = path, .e = e}, &c);
    if (ok)
        *out = c;
    json_decref(j);
    free(path);
    return ok;
}

#include "engine/base/memory.h"
#include "engine/base/strbuf.h"
#include "engine/formats/hf.h"
#include "engine/formats/json.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define CONFIG_MAX ((size_t)4 << 20)

/* The object being read and where it lies, for messages. */
struct source {
    const json_t *j;
    const char *path;
    struct error *e;
};

/* Where an architecture's config.json holds what. */
struct rules {
    const char *model_type;
    const char *n_layers, *d_model, *d_mlp, *n_heads, *n_ctx, *eps, *act;
    const char *rotary_share, *rotary_base;
    double rotary_whole, rotary_base_default; /* where the file may be silent: as the architecture
                                                 documents it; 0: it may not */
    bool mlp_is_4;                            /* no d_mlp: four times the width */
    bool grouped;                             /* heads may share keys and values */
    bool kv_may_be_all;                       /* no num_key_value_heads: as many as heads */
    bool head_dim_given;                      /* head_dim must stand there */
    bool tied;                                /* where the file is silent */
    bool rotary_dim, two_rotations; /* how the rotation is said: a count; of windows by itself */
    bool rotary_part;               /* a share of less than the whole is computed, too */
    bool (*attention)(const struct source *, struct model_config *);
};

static bool read_count(const struct source *s, const char *key, int32_t most, int32_t *out)
{
    const json_t *v = json_object_get(s->j, key);
    const json_int_t n = json_integer_value(v);
    if (json_is_integer(v) && n >= 1 && n <= most) {
        *out = (int32_t)n;
        return true;
    }
    if (json_is_integer(v))
        error_set(s->e, ERROR_INPUT, "%s: %s is %" JSON_INTEGER_FORMAT ", expected 1 to %d",
                  s->path, key, n, most);
    else
        error_set(s->e, ERROR_INPUT, "%s: %s is %s, expected a count", s->path, key, json_kind(v));
    return false;
}

/* A count that may be absent or null. */
static bool read_count_or(const struct source *s, const char *key, int32_t most, int32_t otherwise,
                          int32_t *out)
{
    const json_t *v = json_object_get(s->j, key);
    *out = otherwise;
    return v == NULL || json_is_null(v) || read_count(s, key, most, out);
}

/* A number with low < it ≤ high. */
static bool read_number(const struct source *s, const json_t *v, const char *key, double low,
                        double high, double *out)
{
    if (!json_is_number(v))
        return error_set(s->e, ERROR_INPUT, "%s: %s is %s, expected a number", s->path, key,
                         json_kind(v));
    const double x = json_number_value(v);
    if (!(x > low && x <= high))
        return error_set(s->e, ERROR_INPUT, "%s: %s is %g, expected more than %g and at most %g",
                         s->path, key, x, low, high);
    *out = x;
    return true;
}

/* Absent or null: the default that the architecture documents. */
static bool read_flag(const struct source *s, const char *key, bool otherwise, bool *out)
{
    const json_t *v = json_object_get(s->j, key);
    if (v != NULL && !json_is_null(v) && !json_is_boolean(v))
        return error_set(s->e, ERROR_INPUT, "%s: %s is %s, expected true or false", s->path, key,
                         json_kind(v));
    *out = json_is_boolean(v) ? json_is_true(v) : otherwise;
    return true;
}

static bool read_activation(const struct source *s, const char *key, enum activation *out)
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

/* ---- rotation */
/* One fact under its older and its newer name. Both may stand there if they agree; with neither it
 * is what the architecture documents (0: nothing). */
static bool read_either(const struct source *s, const char *old, const char *parameter, double high,
                        double otherwise, double *out)
{
    const json_t *a = json_object_get(s->j, old);
    const json_t *b = json_object_get(json_object_get(s->j, "rope_parameters"), parameter);
    char *key = xasprintf("rope_parameters.%s", parameter);
    double x = 0, y = 0;
    bool ok = false;
    if (a == NULL && b == NULL && otherwise <= 0)
        error_set(s->e, ERROR_INPUT, "%s: found neither %s nor %s, expected one of them", s->path,
                  old, key);
    else
        ok = (a == NULL || read_number(s, a, old, 0, high, &x)) &&
             (b == NULL || read_number(s, b, key, 0, high, &y));
    free(key);
    if (!ok)
        return false;
    if (a != NULL && b != NULL && (x < y || x > y))
        return error_set(s->e, ERROR_INPUT,
                         "%s: %s is %g and rope_parameters.%s is %g, expected the same", s->path,
                         old, x, parameter, y);
    *out = a != NULL ? x : b != NULL ? y : otherwise;
    return true;
}

static bool read_llama3(const struct source *s, const struct source *top, struct rope_scaling *out)
{
    double low = 0, high = 0;
    if (!read_number(top, json_object_get(s->j, "low_freq_factor"), "low_freq_factor", 0, 1e6,
                     &low) ||
        !read_number(top, json_object_get(s->j, "high_freq_factor"), "high_freq_factor", low, 1e6,
                     &high))
        return false;
    out->low = (float)low, out->high = (float)high;
    return read_count(s, "original_max_position_embeddings", 1 << 24, &out->context);
}

/* rope_parameters (transformers 5) or rope_scaling (before). Those that are not computed (dynamic,
 * yarn …) change every position: refused by name. */
static bool read_scaling(const struct source *top, const char *key, struct rope_scaling *out)
{
    const struct source s = {json_object_get(top->j, key), top->path, top->e};
    double factor = 0;
    *out = (struct rope_scaling){.kind = ROPE_PLAIN};
    if (s.j == NULL || json_is_null(s.j))
        return true;
    if (!json_is_object(s.j))
        return error_set(s.e, ERROR_INPUT, "%s: %s is %s, expected an object", s.path, key,
                         json_kind(s.j));
    const json_t *type = json_object_get(s.j, "rope_type");
    if (type == NULL)
        type = json_object_get(s.j, "type");
    const char *name = type != NULL ? json_string_value(type) : "default";
    if (name != NULL && strcmp(name, "default") == 0)
        return true;
    if (name != NULL && strcmp(name, "linear") == 0)
        out->kind = ROPE_LINEAR;
    else if (name != NULL && strcmp(name, "llama3") == 0)
        out->kind = ROPE_LLAMA3;
    else
        return error_set(s.e, ERROR_INPUT,
                         "%s: rope_type '%s' of %s is not supported, expected default, linear or "
                         "llama3",
                         s.path, name != NULL ? name : json_kind(type), key);
    if (!read_number(&s, json_object_get(s.j, "factor"), "factor", 0, 1e6, &factor))
        return false;
    out->factor = (float)factor;
    return out->kind == ROPE_LINEAR || read_llama3(&s, top, out);
}

static bool same_scaling(const struct rope_scaling *a, const struct rope_scaling *b)
{
    return a->kind == b->kind && a->context == b->context && !(a->factor < b->factor) &&
           !(a->factor > b->factor) && !(a->low < b->low) && !(a->low > b->low) &&
           !(a->high < b->high) && !(a->high > b->high);
}

static bool read_both_scalings(const struct source *s, struct rope_scaling *out)
{
    const json_t *old = json_object_get(s->j, "rope_scaling");
    struct rope_scaling before;
    if (!read_scaling(s, "rope_parameters", out) || !read_scaling(s, "rope_scaling", &before))
        return false;
    if (old == NULL || json_is_null(old))
        return true;
    const json_t *now = json_object_get(s->j, "rope_parameters");
    if (now != NULL && !json_is_null(now) && !same_scaling(out, &before))
        return error_set(s->e, ERROR_INPUT,
                         "%s: rope_scaling and rope_parameters differ, expected the same", s->path);
    *out = before;
    return true;
}

static bool read_rotation(const struct source *s, const struct rules *r, struct model_config *c)
{
    double pct = 0, base = 0;
    if (!read_both_scalings(s, &c->rope) ||
        !read_either(s, r->rotary_share, "partial_rotary_factor", 1, r->rotary_whole, &pct) ||
        !read_either(s, r->rotary_base, "rope_theta", 1e12, r->rotary_base_default, &base))
        return false;
    const int32_t head = c->head_dim, rot = (int32_t)(head * pct);
    if (rot < 2 || rot % 2 != 0)
        return error_set(
            s->e, ERROR_INPUT,
            "%s: %g of a head of %d makes %d rotated dimensions, expected an even count", s->path,
            pct, head, rot);
    if (r->rotary_whole > 0 && rot != head && !r->rotary_part)
        return error_set(s->e, ERROR_INPUT,
                         "%s: partial_rotary_factor %g is not supported of %s, expected 1", s->path,
                         pct, c->arch->title);
    c->rotary_base = (float)base;
    c->rotary_pct = (float)pct;
    /* Rounded to float the share may fall just short (0.35 of 80): whoever multiplies and truncates
     * must get rot. */
    if ((double)c->rotary_pct * head < rot)
        c->rotary_pct = nextafterf(c->rotary_pct, 1);
    return true;
}

/* Of layers with a window another base, and no scaling (Gemma 3). transformers 5 has an object each
 * within rope_parameters. */
static bool read_two_rotations(const struct source *s, const struct rules *r,
                               struct model_config *c)
{
    json_t *parameters = json_object_get(s->j, "rope_parameters"),
           *all = json_object_get(parameters, "full_attention"),
           *local = json_object_get(parameters, "sliding_attention"),
           *old = json_object_get(s->j, "rope_local_base_freq");
    json_t *flat = json_object(), *of = json_object();
    const struct source whole = {flat, s->path, s->e}, windows = {of, s->path, s->e};
    struct rope_scaling scaling;
    double base = 0;
    json_object_update(flat, (json_t *)(uintptr_t)s->j);
    if (all)
        json_object_set(flat, "rope_parameters", all);
    if (local)
        json_object_set(of, "rope_parameters", local);
    if (old)
        json_object_set(of, "rope_local_base_freq", old);
    bool ok = read_rotation(&whole, r, c) && read_scaling(&windows, "rope_parameters", &scaling) &&
              read_either(&windows, "rope_local_base_freq", "rope_theta", 1e12, 1e4, &base);
    if (ok && scaling.kind != ROPE_PLAIN)
        ok = error_set(
            s->e, ERROR_INPUT,
            "%s: rope_parameters.sliding_attention is scaled, expected rope_type default", s->path);
    c->rotary_local_base = (float)base;
    json_decref(flat);
    json_decref(of);
    return ok;
}

/* So many dimensions of a head turn; null: all (GPT-J). */
static bool read_rotary_dim(const struct source *s, struct model_config *c)
{
    const json_t *v = json_object_get(s->j, "rotary_dim");
    int32_t n = c->head_dim;
    if (!json_is_null(v) && !read_count(s, "rotary_dim", c->head_dim, &n))
        return false;
    c->rotary_base = 1e4F;
    c->rotary_pct = (float)n / (float)c->head_dim;
    if ((double)c->rotary_pct * c->head_dim < n)
        c->rotary_pct = nextafterf(c->rotary_pct, 1);
    return n % 2 == 0 ||
           error_set(s->e, ERROR_INPUT, "%s: rotary_dim is %d, expected an even count", s->path, n);
}

static bool read_bos(const struct source *s, struct model_config *c)
{
    const json_t *v = json_object_get(s->j, "bos_token_id");
    c->bos_id = -1;
    if (v == NULL || json_is_null(v))
        return true;
    if (!json_is_integer(v) || json_integer_value(v) < 0 || json_integer_value(v) >= c->n_vocab)
        return error_set(s->e, ERROR_INPUT,
                         "%s: bos_token_id is %s, expected an id below vocab_size %d", s->path,
                         json_is_integer(v) ? "outside the vocabulary" : json_kind(v), c->n_vocab);
    c->bos_id = (int32_t)json_integer_value(v);
    return true;
}

/* ---- attention */
static void set_local(struct model_config *c, int32_t layer)
{
    c->local[layer / 64] |= UINT64_C(1) << layer % 64;
}

/* One layer's kind, by the words of the architecture. */
static bool read_kind(const struct source *s, const char *key, const json_t *v, const char *all,
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

static bool wrong_layers(const struct source *s, const char *key, size_t n,
                         const struct model_config *c)
{
    return error_set(s->e, ERROR_INPUT, "%s: %s has %zu layers, expected %d", s->path, key, n,
                     c->n_layers);
}

/* A list of kinds, one a layer: layer_types (transformers 5), attention_layers (GPT-Neo). */
static bool read_kinds(const struct source *s, const char *key, const char *all, const char *window,
                       struct model_config *c)
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
static bool read_neo_types(const struct source *s, const json_t *list, struct model_config *c)
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

static bool read_neo_attention(const struct source *s, struct model_config *c)
{
    const json_t *types = json_object_get(s->j, "attention_types");
    c->attn_scale = 1; /* the scores are not scaled at all */
    c->proj_bias = c->mlp_bias = true;
    return (json_is_array(types) ? read_neo_types(s, types, c)
                                 : read_kinds(s, "attention_layers", "global", "local", c)) &&
           read_count(s, "window_size", 1 << 24, &c->window);
}

static bool read_gpt2_attention(const struct source *s, struct model_config *c)
{
    bool scaled = true, across = false;
    if (!read_flag(s, "scale_attn_weights", true, &scaled) ||
        !read_flag(s, "scale_attn_by_inverse_layer_idx", false, &c->scale_by_layer) ||
        !read_flag(s, "add_cross_attention", false, &across))
        return false;
    if (!scaled)
        c->attn_scale = 1;
    c->qkv_bias = c->proj_bias = c->mlp_bias = true;
    return !across ||
           error_set(s->e, ERROR_INPUT, "%s: add_cross_attention is not supported, expected false",
                     s->path);
}

static bool read_neox_attention(const struct source *s, struct model_config *c)
{
    c->mlp_bias = true;
    if (!read_flag(s, "attention_bias", true, &c->qkv_bias) ||
        !read_flag(s, "use_parallel_residual", true, &c->parallel_residual))
        return false;
    c->proj_bias = c->qkv_bias;
    return true;
}

static bool read_llama_attention(const struct source *s, struct model_config *c)
{
    if (!read_flag(s, "attention_bias", false, &c->qkv_bias) ||
        !read_flag(s, "mlp_bias", false, &c->mlp_bias))
        return false;
    c->proj_bias = c->qkv_bias;
    return true;
}

#define FULL "full_attention"
#define SLIDING "sliding_attention"

static bool read_mistral_attention(const struct source *s, struct model_config *c)
{
    const json_t *v = json_object_get(s->j, "sliding_window");
    if (json_is_null(v))
        return true;
    for (int32_t i = 0; i < c->n_layers; i++)
        set_local(c, i);
    return read_count(s, "sliding_window", 1 << 24, &c->window);
}

/* No window where the file is silent. Its attention_bias is said and not read. */
static bool read_phi3_attention(const struct source *s, struct model_config *c)
{
    const json_t *v = json_object_get(s->j, "sliding_window");
    return v == NULL || read_mistral_attention(s, c);
}

/* A window in the layers from max_window_layers on, or as layer_types says. */
static bool read_qwen_windows(const struct source *s, struct model_config *c)
{
    bool sliding = false;
    int32_t first = 0;
    if (!read_flag(s, "use_sliding_window", false, &sliding))
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
    return read_count(s, "sliding_window", 1 << 24, &c->window);
}

static bool read_qwen2_attention(const struct source *s, struct model_config *c)
{
    c->qkv_bias = true;
    return read_qwen_windows(s, c);
}

static bool read_qwen3_attention(const struct source *s, struct model_config *c)
{
    return read_llama_attention(s, c) && read_qwen_windows(s, c);
}

/* The first releases said "gelu" and meant the tanh formula. */
static bool read_gemma_attention(const struct source *s, struct model_config *c)
{
    if (c->act == ACT_GELU)
        c->act = ACT_GELU_TANH;
    return read_llama_attention(s, c);
}

static bool read_phi_attention(const struct source *s, struct model_config *c)
{
    bool normed = false;
    c->parallel_residual = c->qkv_bias = c->proj_bias = c->mlp_bias = true;
    return read_flag(s, "qk_layernorm", false, &normed) &&
           (!normed || error_set(s->e, ERROR_INPUT,
                                 "%s: qk_layernorm is not supported, expected false", s->path));
}

static bool read_gptj_attention(const struct source *s, struct model_config *c)
{
    (void)s;
    c->parallel_residual = c->mlp_bias = true;
    return true;
}

/* A number, or null for 0. */
static bool read_cap(const struct source *s, const char *key, float *out)
{
    const json_t *v = json_object_get(s->j, key);
    double x = 0;
    if (!json_is_null(v) && !read_number(s, v, key, 0, 1e6, &x))
        return false;
    *out = (float)x;
    return true;
}

static bool read_gemma_scale(const struct source *s, struct model_config *c)
{
    double scalar = 0;
    bool both_ways = false;
    if (!read_number(s, json_object_get(s->j, "query_pre_attn_scalar"), "query_pre_attn_scalar", 0,
                     1e6, &scalar) ||
        !read_flag(s, "attention_bias", false, &c->qkv_bias) ||
        !read_flag(s, "use_bidirectional_attention", false, &both_ways))
        return false;
    c->proj_bias = c->qkv_bias;
    c->attn_scale = (float)(1 / sqrt(scalar));
    return !both_ways ||
           error_set(s->e, ERROR_INPUT,
                     "%s: use_bidirectional_attention is not supported, expected false", s->path);
}

/* As layer_types says; before transformers 5 did, all layers but each `pattern`-th. */
static bool read_gemma_windows(const struct source *s, int32_t pattern, struct model_config *c)
{
    const json_t *types = json_object_get(s->j, "layer_types");
    if (types != NULL && !json_is_null(types)) {
        if (!read_kinds(s, "layer_types", FULL, SLIDING, c))
            return false;
    } else
        for (int32_t i = 0; i < c->n_layers; i++)
            if ((i + 1) % pattern != 0)
                set_local(c, i);
    return read_count(s, "sliding_window", 1 << 24, &c->window);
}

static bool read_gemma2_attention(const struct source *s, struct model_config *c)
{
    return read_gemma_scale(s, c) && read_cap(s, "attn_logit_softcapping", &c->attn_cap) &&
           read_cap(s, "final_logit_softcapping", &c->logit_cap) && read_gemma_windows(s, 2, c);
}

/* Caps may be absent, and are null where they are there. */
static bool read_gemma3_attention(const struct source *s, struct model_config *c)
{
    int32_t pattern = 6;
    return read_gemma_scale(s, c) &&
           (!json_object_get(s->j, "attn_logit_softcapping") ||
            read_cap(s, "attn_logit_softcapping", &c->attn_cap)) &&
           (!json_object_get(s->j, "final_logit_softcapping") ||
            read_cap(s, "final_logit_softcapping", &c->logit_cap)) &&
           read_count_or(s, "sliding_window_pattern", 1 << 12, 6, &pattern) &&
           read_gemma_windows(s, pattern, c);
}

/* ---- architectures */
static const struct rules rules[] = {
    {"gpt_neox", "num_hidden_layers", "hidden_size", "intermediate_size", "num_attention_heads",
     "max_position_embeddings", "layer_norm_eps", "hidden_act", .rotary_share = "rotary_pct",
     .rotary_base = "rotary_emb_base", .attention = read_neox_attention},
    {"gpt2", "n_layer", "n_embd", "n_inner", "n_head", "n_positions", "layer_norm_epsilon",
     "activation_function", .mlp_is_4 = true, .tied = true, .attention = read_gpt2_attention},
    {"gpt_neo", "num_layers", "hidden_size", "intermediate_size", "num_heads",
     "max_position_embeddings", "layer_norm_epsilon", "activation_function", .mlp_is_4 = true,
     .tied = true, .attention = read_neo_attention},
#define LLAMA                                                                                      \
    "num_hidden_layers", "hidden_size", "intermediate_size", "num_attention_heads",                \
        "max_position_embeddings", "rms_norm_eps"
#define TURNED                                                                                     \
    .rotary_share = "partial_rotary_factor", .rotary_base = "rope_theta", .rotary_whole = 1,       \
    .rotary_base_default = 1e4, .grouped = true
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
    {"gemma3_text", LLAMA, "hidden_activation", .rotary_share = "partial_rotary_factor",
     .rotary_base = "rope_theta", .rotary_whole = 1, .rotary_base_default = 1e6, .grouped = true,
     .head_dim_given = true, .tied = true, .two_rotations = true,
     .attention = read_gemma3_attention},
    {"phi", "num_hidden_layers", "hidden_size", "intermediate_size", "num_attention_heads",
     "max_position_embeddings", "layer_norm_eps", "hidden_act",
     .rotary_share = "partial_rotary_factor", .rotary_base = "rope_theta",
     .rotary_base_default = 1e4, .grouped = true, .kv_may_be_all = true,
     .attention = read_phi_attention},
    {"phi3", LLAMA, "hidden_act", TURNED, .rotary_part = true, .kv_may_be_all = true,
     .attention = read_phi3_attention},
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
static bool read_architecture(const struct source *s, struct model_config *c)
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

static bool read_sizes(const struct source *s, const struct rules *r, struct model_config *c)
{
    return read_count(s, r->n_layers, MODEL_LAYERS_MAX, &c->n_layers) &&
           read_count(s, r->d_model, 1 << 18, &c->d_model) &&
           (r->mlp_is_4 ? read_count_or(s, r->d_mlp, 1 << 20, 4 * c->d_model, &c->d_mlp)
                        : read_count(s, r->d_mlp, 1 << 20, &c->d_mlp)) &&
           read_count(s, r->n_heads, 1 << 12, &c->n_heads) &&
           read_count(s, "vocab_size", 1 << 24, &c->n_vocab) &&
           read_count(s, r->n_ctx, 1 << 24, &c->n_ctx);
}

static bool read_heads(const struct source *s, const struct rules *r, struct model_config *c)
{
    const json_t *given = json_object_get(s->j, "head_dim");
    c->n_kv_heads = c->n_heads;
    if (r->grouped &&
        !(r->kv_may_be_all
              ? read_count_or(s, "num_key_value_heads", 1 << 12, c->n_heads, &c->n_kv_heads)
              : read_count(s, "num_key_value_heads", 1 << 12, &c->n_kv_heads)))
        return false;
    if (c->n_heads % c->n_kv_heads != 0)
        return error_set(s->e, ERROR_INPUT,
                         "%s: num_attention_heads %d is no multiple of num_key_value_heads %d",
                         s->path, c->n_heads, c->n_kv_heads);
    if (r->head_dim_given || (r->grouped && given != NULL && !json_is_null(given)))
        return read_count(s, "head_dim", 1 << 12, &c->head_dim);
    if (c->d_model % c->n_heads != 0)
        return error_set(s->e, ERROR_INPUT, "%s: %s %d is no multiple of %s %d", s->path,
                         r->d_model, c->d_model, r->n_heads, c->n_heads);
    c->head_dim = c->d_model / c->n_heads;
    return true;
}

static bool read_config(const struct source *s, struct model_config *c)
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
        !read_number(s, json_object_get(s->j, r->eps), r->eps, 0, 0.1, &eps))
        return false;
    c->norm_eps = (float)eps;
    c->attn_scale = 1.0f / sqrtf((float)c->head_dim);
    return (c->arch->learned_positions || (r->rotary_dim      ? read_rotary_dim(s, c)
                                           : r->two_rotations ? read_two_rotations(s, r, c)
                                                              : read_rotation(s, r, c))) &&
           read_activation(s, r->act, &c->act) && read_bos(s, c) &&
           read_flag(s, "tie_word_embeddings", r->tied, &c->tied) && r->attention(s, c);
}

bool hf_config_read(const char *dir, struct model_config *out, struct error *e)
{
    char *path = xasprintf("%s/config.json", dir);
    json_t *j = json_read_object(path, CONFIG_MAX, e);
    struct model_config c = {0};
    const bool ok = j != NULL && read_config(&(struct source){.j = j, .path = path, .e = e}, &c);
    if (ok)
        *out = c;
    json_decref(j);
    free(path);
    return ok;
}

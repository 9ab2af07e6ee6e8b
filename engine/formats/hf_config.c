#include "engine/base/memory.h"
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

static bool read_activation(const struct source *s, enum activation *out)
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
                 {"relu", ACT_RELU}};
    const json_t *v = json_object_get(s->j, "hidden_act");
    if (!json_is_string(v))
        return error_set(s->e, ERROR_INPUT,
                         "%s: hidden_act is %s, expected the name of an activation", s->path,
                         json_kind(v));
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(known[i].name, json_string_value(v)) == 0) {
            *out = known[i].act;
            return true;
        }
    return error_set(s->e, ERROR_INPUT,
                     "%s: hidden_act '%s' is not supported, expected gelu, gelu_new, gelu_fast, "
                     "gelu_pytorch_tanh or "
                     "relu",
                     s->path, json_string_value(v));
}

/* One fact under its older and its newer name. Both may stand there if they agree. */
static bool read_either(const struct source *s, const char *old, const char *parameter, double high,
                        double *out)
{
    const json_t *a = json_object_get(s->j, old);
    const json_t *b = json_object_get(json_object_get(s->j, "rope_parameters"), parameter);
    char *key = xasprintf("rope_parameters.%s", parameter);
    double x = 0, y = 0;
    bool ok = false;
    if (a == NULL && b == NULL)
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
    *out = a != NULL ? x : y;
    return true;
}

/* Scaled rotations (linear, dynamic, yarn …) change every position: refused, not ignored. */
static bool check_rope_type(const struct source *s)
{
    const json_t *rope = json_object_get(s->j, "rope_parameters"),
                 *scaling = json_object_get(s->j, "rope_scaling");
    if (scaling != NULL && !json_is_null(scaling))
        return error_set(s->e, ERROR_INPUT, "%s: rope_scaling is not supported, expected null",
                         s->path);
    if (rope == NULL || json_is_null(rope))
        return true;
    if (!json_is_object(rope))
        return error_set(s->e, ERROR_INPUT, "%s: rope_parameters is %s, expected an object",
                         s->path, json_kind(rope));
    const json_t *type = json_object_get(rope, "rope_type");
    if (type != NULL && (!json_is_string(type) || strcmp(json_string_value(type), "default") != 0))
        return error_set(s->e, ERROR_INPUT, "%s: rope_type '%s' is not supported, expected default",
                         s->path, json_is_string(type) ? json_string_value(type) : json_kind(type));
    return true;
}

static bool read_rotation(const struct source *s, struct model_config *c)
{
    double pct = 0, base = 0;
    if (!check_rope_type(s) || !read_either(s, "rotary_pct", "partial_rotary_factor", 1, &pct) ||
        !read_either(s, "rotary_emb_base", "rope_theta", 1e12, &base))
        return false;
    const int32_t head = c->d_model / c->n_heads, rot = (int32_t)(head * pct);
    if (rot < 2 || rot % 2 != 0)
        return error_set(
            s->e, ERROR_INPUT,
            "%s: %g of a head of %d makes %d rotated dimensions, expected an even count", s->path,
            pct, head, rot);
    c->rotary_base = (float)base;
    c->rotary_pct = (float)pct;
    /* Rounded to float the share may fall just short (0.35 of 80): whoever multiplies and truncates
     * must get rot. */
    if ((double)c->rotary_pct * head < rot)
        c->rotary_pct = nextafterf(c->rotary_pct, 1);
    return true;
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

static bool check_architecture(const struct source *s)
{
    const json_t *v = json_object_get(s->j, "model_type");
    if (!json_is_string(v))
        return error_set(s->e, ERROR_INPUT,
                         "%s: model_type is %s, expected gpt_neox (Pythia, GPT-NeoX)", s->path,
                         json_kind(v));
    if (strcmp(json_string_value(v), "gpt_neox") != 0)
        return error_set(
            s->e, ERROR_INPUT,
            "%s: architecture '%s' is not supported, expected gpt_neox (Pythia, GPT-NeoX)", s->path,
            json_string_value(v));
    return true;
}

static bool read_config(const struct source *s, struct model_config *c)
{
    double eps = 0;
    if (!check_architecture(s) || !read_count(s, "num_hidden_layers", 1024, &c->n_layers) ||
        !read_count(s, "hidden_size", 1 << 18, &c->d_model) ||
        !read_count(s, "intermediate_size", 1 << 20, &c->d_mlp) ||
        !read_count(s, "num_attention_heads", 1 << 12, &c->n_heads) ||
        !read_count(s, "vocab_size", 1 << 24, &c->n_vocab) ||
        !read_count(s, "max_position_embeddings", 1 << 24, &c->n_ctx))
        return false;
    if (c->d_model % c->n_heads != 0)
        return error_set(s->e, ERROR_INPUT,
                         "%s: hidden_size %d is no multiple of num_attention_heads %d", s->path,
                         c->d_model, c->n_heads);
    if (!read_number(s, json_object_get(s->j, "layer_norm_eps"), "layer_norm_eps", 0, 0.1, &eps))
        return false;
    c->norm_eps = (float)eps;
    return read_rotation(s, c) && read_activation(s, &c->act) && read_bos(s, c) &&
           read_flag(s, "attention_bias", true, &c->attention_bias) &&
           read_flag(s, "tie_word_embeddings", false, &c->tied) &&
           read_flag(s, "use_parallel_residual", true, &c->parallel_residual);
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

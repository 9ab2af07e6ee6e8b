/* How a model's heads are rotated, and what long contexts make of it, from config.json; what is
 * computed is transformers' (modeling_rope_utils). */
#include "engine/base/memory.h"
#include "engine/formats/hf_private.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* One fact under its older and its newer name. Both may stand there if they agree; with neither it
 * is what the architecture documents (0: nothing). */
static bool read_either(const struct hf_source *s, const char *old, const char *parameter,
                        double high, double otherwise, double *out)
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
        ok = (a == NULL || hf_number(s, a, old, 0, high, &x)) &&
             (b == NULL || hf_number(s, b, key, 0, high, &y));
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

/* ---- scaling */
/* What one scaling is read from, and what is known of the model beside it. */
struct scaled {
    struct hf_source s, top; /* the object; config.json */
    const char *key;         /* of the object */
    const struct hf_rotation_rules *rules;
    int32_t n_ctx, pairs; /* max_position_embeddings; rotated ones of a head */
    double base;
};

/* A number above 0; null, nothing and 0 are the preset, as in transformers. */
static bool read_number_or(const struct hf_source *s, const char *key, double otherwise,
                           double *out)
{
    const json_t *v = json_object_get(s->j, key);
    *out = otherwise;
    return v == NULL || json_is_null(v) || (json_is_number(v) && fabs(json_number_value(v)) <= 0) ||
           hf_number(s, v, key, 0, 1e6, out);
}

/* original_max_position_embeddings, within or beside the object. */
static bool read_context(const struct scaled *r, struct rope_scaling *out)
{
    static const char key[] = "original_max_position_embeddings";
    const int32_t silent = r->rules->context > 0 ? r->rules->context : r->n_ctx;
    int32_t beside = 0, within = 0;
    if (!hf_count_or(&r->top, key, 1 << 24, 0, &beside) ||
        !hf_count_or(&r->s, key, 1 << 24, 0, &within))
        return false;
    if (within > 0 && beside > 0 && within != beside)
        return error_set(r->s.e, ERROR_INPUT, "%s: %s is %d and %s.%s is %d, expected the same",
                         r->s.path, key, beside, r->key, key, within);
    out->context = within > 0 ? within : beside > 0 ? beside : silent;
    return true;
}

/* The factor, or how much longer the context has become. */
static bool read_ratio(const struct scaled *r, struct rope_scaling *out)
{
    double factor = 0;
    if (!read_context(r, out) ||
        !read_number_or(&r->s, "factor", (double)r->n_ctx / out->context, &factor))
        return false;
    out->factor = (float)factor;
    return true;
}

static bool read_llama3(const struct scaled *r, struct rope_scaling *out)
{
    double low = 0, high = 0;
    if (!hf_number(&r->s, json_object_get(r->s.j, "low_freq_factor"), "low_freq_factor", 0, 1e6,
                   &low) ||
        !hf_number(&r->s, json_object_get(r->s.j, "high_freq_factor"), "high_freq_factor", low, 1e6,
                   &high))
        return false;
    out->low = (float)low, out->high = (float)high;
    return read_context(r, out);
}

static double yarn_length(double factor, double by)
{
    return factor <= 1 ? 1 : 0.1 * by * log(factor) + 1;
}

static bool read_yarn(const struct scaled *r, struct rope_scaling *out)
{
    double fast = 0, slow = 0, by = 0, by_all = 0, length = 0;
    bool truncate = true;
    if (!read_ratio(r, out) || !read_number_or(&r->s, "beta_fast", 32, &fast) ||
        !read_number_or(&r->s, "beta_slow", 1, &slow) || !read_number_or(&r->s, "mscale", 0, &by) ||
        !read_number_or(&r->s, "mscale_all_dim", 0, &by_all) ||
        !hf_flag(&r->s, "truncate", true, &truncate))
        return false;
    const double factor = (double)out->factor;
    length = by > 0 && by_all > 0 ? yarn_length(factor, by) / yarn_length(factor, by_all)
                                  : yarn_length(factor, 1);
    if (!read_number_or(&r->s, "attention_factor", length, &length))
        return false;
    out->low = (float)slow, out->high = (float)fast;
    out->whole = truncate, out->length = (float)length;
    return r->base > 1 || error_set(r->s.e, ERROR_INPUT,
                                    "%s: rope_theta is %g, expected more than 1 of rope_type yarn",
                                    r->s.path, r->base);
}

/* Those of text within the context before; of longer text all positions turn otherwise, the first
 * ones too, so that none is read (hf_rotation). */
static bool read_longrope(const struct scaled *r, struct rope_scaling *out)
{
    const json_t *list = json_object_get(r->s.j, "short_factor"), *v;
    double length = 1, by = 0;
    size_t i;
    if (!json_is_array(list))
        return error_set(r->s.e, ERROR_INPUT, "%s: short_factor is %s, expected a list", r->s.path,
                         json_kind(list));
    if (json_array_size(list) != (size_t)r->pairs || r->pairs > ROPE_PAIRS_MAX)
        return error_set(r->s.e, ERROR_INPUT,
                         "%s: short_factor has %zu numbers, expected %d, half of the rotated "
                         "dimensions, at most %d",
                         r->s.path, json_array_size(list), r->pairs, ROPE_PAIRS_MAX);
    json_array_foreach(list, i, v)
    {
        if (!hf_number(&r->s, v, "short_factor", 0, 1e6, &by))
            return false;
        out->by[i] = (float)by;
    }
    if (!read_ratio(r, out))
        return false;
    if (out->factor > 1)
        length = sqrt(1 + log((double)out->factor) / log((double)out->context));
    if (!read_number_or(&r->s, "attention_factor", length, &length))
        return false;
    out->length = (float)length;
    return out->context > 1 ||
           error_set(r->s.e, ERROR_INPUT,
                     "%s: original_max_position_embeddings is 1, expected more of longrope",
                     r->s.path);
}

static bool read_factor(const struct scaled *r, struct rope_scaling *out)
{
    double factor = 0;
    if (!hf_number(&r->s, json_object_get(r->s.j, "factor"), "factor", 0, 1e6, &factor))
        return false;
    out->factor = (float)factor;
    return out->kind != ROPE_LLAMA3 || read_llama3(r, out);
}

/* Up to max_position_embeddings, beyond which no text is read, dynamic scaling changes nothing. */
static bool read_kind(const struct scaled *r, const char *name, struct rope_scaling *out)
{
    static const struct {
        const char *name;
        enum rope_scaling_kind kind;
        bool (*read)(const struct scaled *, struct rope_scaling *);
    } kinds[] = {{"dynamic", ROPE_PLAIN, read_factor},
                 {"linear", ROPE_LINEAR, read_factor},
                 {"llama3", ROPE_LLAMA3, read_factor},
                 {"yarn", ROPE_YARN, read_yarn},
                 {"longrope", ROPE_FACTORS, read_longrope}};
    const bool only = r->rules->long_only;
    if (only && (strcmp(name, "su") == 0 || strcmp(name, "yarn") == 0))
        name = "longrope"; /* as their first releases called it */
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(name, kinds[i].name) == 0 && (!only || kinds[i].kind == ROPE_FACTORS)) {
            out->kind = kinds[i].kind;
            return kinds[i].read(r, out);
        }
    return error_set(r->s.e, ERROR_INPUT,
                     "%s: rope_type '%s' of %s is not supported, expected default%s or %s",
                     r->s.path, name, r->key, only ? "" : ", linear, dynamic, yarn, longrope",
                     only ? "longrope" : "llama3");
}

/* rope_parameters (transformers 5) or rope_scaling (before). */
static bool read_scaling(struct scaled r, const char *key, struct rope_scaling *out)
{
    r.key = key;
    r.s = r.top, r.s.j = json_object_get(r.top.j, key);
    *out = (struct rope_scaling){.kind = ROPE_PLAIN};
    if (r.s.j == NULL || json_is_null(r.s.j))
        return true;
    if (!json_is_object(r.s.j))
        return error_set(r.s.e, ERROR_INPUT, "%s: %s is %s, expected an object", r.s.path, key,
                         json_kind(r.s.j));
    const json_t *type = json_object_get(r.s.j, "rope_type");
    if (type == NULL)
        type = json_object_get(r.s.j, "type");
    const char *name = type != NULL ? json_string_value(type) : "default";
    if (name == NULL)
        return error_set(r.s.e, ERROR_INPUT, "%s: rope_type of %s is %s, expected a name", r.s.path,
                         key, json_kind(type));
    if (strcmp(name, "default") == 0 || !read_kind(&r, name, out))
        return strcmp(name, "default") == 0;
    if (out->kind == ROPE_PLAIN)
        *out = (struct rope_scaling){.kind = ROPE_PLAIN};
    return true;
}

static bool same(float a, float b)
{
    return !(a < b) && !(a > b);
}

static bool same_scaling(const struct rope_scaling *a, const struct rope_scaling *b)
{
    bool all = a->kind == b->kind && a->context == b->context && a->whole == b->whole &&
               same(a->factor, b->factor) && same(a->low, b->low) && same(a->high, b->high) &&
               same(a->length, b->length);
    for (int32_t i = 0; i < ROPE_PAIRS_MAX; i++)
        all = all && same(a->by[i], b->by[i]);
    return all;
}

static bool read_both_scalings(const struct scaled *r, struct rope_scaling *out)
{
    const json_t *old = json_object_get(r->top.j, "rope_scaling");
    struct rope_scaling before;
    if (!read_scaling(*r, "rope_parameters", out) || !read_scaling(*r, "rope_scaling", &before))
        return false;
    if (old == NULL || json_is_null(old))
        return true;
    const json_t *now = json_object_get(r->top.j, "rope_parameters");
    if (now != NULL && !json_is_null(now) && !same_scaling(out, &before))
        return error_set(r->top.e, ERROR_INPUT,
                         "%s: rope_scaling and rope_parameters differ, expected the same",
                         r->top.path);
    *out = before;
    return true;
}

bool hf_rotation(const struct hf_source *s, const struct hf_rotation_rules *r,
                 struct model_config *c)
{
    double pct = 0, base = 0;
    if (!read_either(s, r->share, "partial_rotary_factor", 1, r->whole, &pct) ||
        !read_either(s, r->base, "rope_theta", 1e12, r->base_default, &base))
        return false;
    const int32_t head = c->head_dim, rot = (int32_t)(head * pct);
    if (rot < 2 || rot % 2 != 0)
        return error_set(
            s->e, ERROR_INPUT,
            "%s: %g of a head of %d makes %d rotated dimensions, expected an even count", s->path,
            pct, head, rot);
    if (r->whole > 0 && rot != head && !r->part)
        return error_set(s->e, ERROR_INPUT,
                         "%s: partial_rotary_factor %g is not supported of %s, expected 1", s->path,
                         pct, c->arch->title);
    c->rotary_base = (float)base;
    c->rotary_pct = (float)pct;
    /* Rounded to float the share may fall just short (0.35 of 80): whoever multiplies and truncates
     * must get rot. */
    if ((double)c->rotary_pct * head < rot)
        c->rotary_pct = nextafterf(c->rotary_pct, 1);
    const struct scaled scaled = {
        .top = *s, .rules = r, .n_ctx = c->n_ctx, .pairs = rot / 2, .base = base};
    if (!read_both_scalings(&scaled, &c->rope))
        return false;
    if (c->rope.kind == ROPE_FACTORS && c->rope.context < c->n_ctx)
        c->n_ctx = c->rope.context;
    return true;
}

/* transformers 5 has an object each within rope_parameters. */
bool hf_two_rotations(const struct hf_source *s, const struct hf_rotation_rules *r,
                      struct model_config *c)
{
    json_t *parameters = json_object_get(s->j, "rope_parameters"),
           *all = json_object_get(parameters, "full_attention"),
           *local = json_object_get(parameters, "sliding_attention"),
           *old = json_object_get(s->j, "rope_local_base_freq");
    json_t *flat = json_object(), *of = json_object();
    const struct hf_source whole = {flat, s->path, s->e}, windows = {of, s->path, s->e};
    struct rope_scaling scaling;
    double base = 0;
    json_object_update(flat, (json_t *)(uintptr_t)s->j);
    if (all)
        json_object_set(flat, "rope_parameters", all);
    if (local)
        json_object_set(of, "rope_parameters", local);
    if (old)
        json_object_set(of, "rope_local_base_freq", old);
    bool ok = hf_rotation(&whole, r, c) &&
              read_scaling((struct scaled){.top = windows, .rules = r, .n_ctx = c->n_ctx},
                           "rope_parameters", &scaling) &&
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

bool hf_rotary_dim(const struct hf_source *s, struct model_config *c)
{
    const json_t *v = json_object_get(s->j, "rotary_dim");
    int32_t n = c->head_dim;
    if (!json_is_null(v) && !hf_count(s, "rotary_dim", c->head_dim, &n))
        return false;
    c->rotary_base = 1e4F;
    c->rotary_pct = (float)n / (float)c->head_dim;
    if ((double)c->rotary_pct * c->head_dim < n)
        c->rotary_pct = nextafterf(c->rotary_pct, 1);
    return n % 2 == 0 ||
           error_set(s->e, ERROR_INPUT, "%s: rotary_dim is %d, expected an even count", s->path, n);
}

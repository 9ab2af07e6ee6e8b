/* SAELens' folders: sae_weights.safetensors and cfg.json, of release 6 and before
 * (sae_lens/saes/, sae_lens/loading/pretrained_sae_loaders.py). What an architecture computes is
 * its own rows' business; names of entries moved into "metadata" with release 6. */
#include "engine/base/file.h"
#include "engine/base/memory.h"
#include "engine/dict/dict_private.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What an architecture is; refused ones say why in a few words. */
static const struct architecture {
    const char *name, *format;
    enum select_kind select;
    enum relu_kind relu;
    bool transcodes, skip, one_threshold;
    const char *refused;
} architectures[] = {
    {"standard", "sae-lens standard", SELECT_ALL, RELU_BEFORE, .refused = NULL},
    {"gated", "sae-lens gated", SELECT_GATED, RELU_BEFORE, .refused = NULL},
    {"jumprelu", "sae-lens jumprelu", SELECT_THRESHOLD, RELU_BEFORE, .refused = NULL},
    {"topk", "sae-lens topk", SELECT_TOPK, RELU_AFTER, .refused = NULL},
    {"abstopk", "sae-lens abstopk", SELECT_ABSTOPK, RELU_NEVER, .refused = NULL},
    {"batchtopk", "sae-lens batchtopk", SELECT_THRESHOLD, RELU_BEFORE, .one_threshold = true},
    {"matryoshka_batchtopk", "sae-lens matryoshka_batchtopk", SELECT_THRESHOLD, RELU_BEFORE,
     .one_threshold = true},
    {"transcoder", "sae-lens transcoder", SELECT_ALL, RELU_BEFORE, .transcodes = true},
    {"skip_transcoder", "sae-lens skip_transcoder", SELECT_ALL, RELU_BEFORE, .transcodes = true,
     .skip = true},
    {"jumprelu_transcoder", "sae-lens jumprelu_transcoder", SELECT_THRESHOLD, RELU_BEFORE,
     .transcodes = true},
    {"jumprelu_skip_transcoder", "sae-lens jumprelu_skip_transcoder", SELECT_THRESHOLD, RELU_BEFORE,
     .transcodes = true, .skip = true},
    {"matching_pursuit", .refused = "which encodes step by step"},
    {"temporal", .refused = "which attends over earlier tokens"},
    {"crosscoder", .refused = "which reads several layers"},
    {"clt", .refused = "a cross-layer transcoder"},
};

struct cfg {
    const struct dict_file *f;
    const json_t *meta; /* where the model's side is: "metadata", before 6 the whole */
    bool old;           /* of a release before 6 */
    const struct architecture *architecture;
    struct error *e;
};

/* ---- which architecture */
static const struct architecture *architecture_named(const char *name)
{
    for (size_t i = 0; i < sizeof architectures / sizeof *architectures; i++)
        if (strcmp(architectures[i].name, name) == 0)
            return &architectures[i];
    return NULL;
}

/* Before release 6 a top k was an activation function of the standard architecture. */
static bool old_activation(const struct cfg *c, const char **name)
{
    const char *act = "relu";
    if (!config_string(c->f, c->f->config, "activation_fn", &act, c->e) ||
        !config_string(c->f, c->f->config, "activation_fn_str", &act, c->e))
        return false;
    if (strcmp(act, "topk") == 0)
        *name = "topk";
    return strcmp(act, "topk") == 0 || strcmp(act, "relu") == 0 ||
           error_set(c->e, ERROR_INPUT, "%s: activation_fn is '%s', expected relu or topk",
                     c->f->config_path, act);
}

static bool find_architecture(struct cfg *c)
{
    const char *name = "standard";
    if (!config_string(c->f, c->f->config, "architecture", &name, c->e) ||
        (c->old && !old_activation(c, &name)))
        return false;
    c->architecture = architecture_named(name);
    if (c->architecture && !c->architecture->refused)
        return true;
    if (c->architecture)
        return error_set(c->e, ERROR_INPUT, "%s: architecture '%s', %s, is not supported",
                         c->f->config_path, name, c->architecture->refused);
    return error_set(
        c->e, ERROR_INPUT,
        "%s: architecture '%s' is not known, expected standard, gated, jumprelu, topk, "
        "abstopk, batchtopk, matryoshka_batchtopk or a transcoder of theirs",
        c->f->config_path, name);
}

static bool is_old(const struct dict_file *f, const json_t *meta)
{
    const char *version = json_string_value(json_object_get(f->config, "sae_lens_version"));
    if (!version)
        version = json_string_value(json_object_get(meta, "sae_lens_version"));
    return version ? strtol(version, NULL, 10) < 6 : !json_is_object(meta);
}

/* ---- facts of the configuration */
/* NULL of both names: null, or not there. */
static bool either(const struct cfg *c, const char *name, const char *older, const char **out)
{
    return config_string(c->f, c->meta, older, out, c->e) &&
           config_string(c->f, c->meta, name, out, c->e);
}

/* Of one of the two points: what transformers calls it decides, where that is there. */
static bool point_of(const struct cfg *c, const char *name, const char *older, const char *hf,
                     char room[POINT_NAME_MAX], const char **out)
{
    const char *module = NULL;
    if (!either(c, name, older, out) || !config_string(c->f, c->meta, hf, &module, c->e))
        return false;
    if (module && *module)
        *out = hook_of_module(module, room) ? room : module;
    return true;
}

static bool read_place(const struct cfg *c, struct dict_spec *s)
{
    const char *hook = NULL, *out = NULL;
    char room[2][POINT_NAME_MAX];
    const bool transcodes = c->architecture->transcodes;
    int64_t head = -1, out_head = -1;
    bool bos = true, said = json_is_boolean(json_object_get(c->meta, "prepend_bos"));
    if (!point_of(c, "hook_name", "hook_point", "hf_hook_name", room[0], &hook) ||
        !point_of(c, "hook_name_out", "hook_point_out", "hf_hook_name_out", room[1], &out) ||
        !config_int(c->f, c->meta, "hook_point_head_index", &head, c->e) ||
        !config_int(c->f, c->meta, "hook_head_index", &head, c->e) ||
        !config_int(c->f, c->meta, "hook_head_index_out", &out_head, c->e) ||
        !config_bool(c->f, c->meta, "prepend_bos", &bos, c->e) ||
        !read_hook(c->f, transcodes ? out : hook, "config", s, c->e) ||
        (transcodes && !read_transcodes(c->f, hook, "config", s, c->e)))
        return false;
    if (head >= 0 || out_head >= 0)
        return error_set(c->e, ERROR_INPUT,
                         "%s: hook_head_index is %lld: an SAE of one attention head is not "
                         "supported",
                         c->f->config_path, (long long)(head >= 0 ? head : out_head));
    if (said || c->old)
        s->bos = bos ? DICT_BOS_YES : DICT_BOS_NO;
    s->source[DICT_FACT_BOS] = said ? "config" : "default";
    return true;
}

static bool is_folded(const char *norm)
{
    return strcmp(norm, "expected_average_only_in") == 0 ||
           strcmp(norm, "covariance_whitening") == 0;
}

/* Before release 6 it may be a truth: of expected_average_only_in, which is folded into the weights
 * when training ends, as a whitening is. Of a checkpoint what is folded in is in files of its own;
 * without these SAELens takes the norm as none. */
static bool read_norm(const struct cfg *c, struct dict_spec *s)
{
    const char *norm = "none";
    const json_t *v = json_object_get(c->f->config, "normalize_activations");
    if (v)
        s->source[DICT_FACT_NORM] = "config";
    if (json_is_boolean(v))
        return true;
    if (!config_string(c->f, c->f->config, "normalize_activations", &norm, c->e))
        return false;
    bool known;
    s->norm = norm_in_named(norm, &known);
    return known || is_folded(norm) ||
           error_set(c->e, ERROR_INPUT,
                     "%s: normalize_activations '%s' is not known, expected none, layer_norm, "
                     "constant_norm_rescale, expected_average_only_in or covariance_whitening",
                     c->f->config_path, norm);
}

static bool read_top(const struct cfg *c, struct dict_spec *s)
{
    int64_t k = -1;
    const json_t *from = c->f->config;
    if (c->old && !json_object_get(from, "k"))
        from = json_object_get(from, "activation_fn_kwargs");
    if (!wants_k(s))
        return check_k(c->f, s, c->e);
    return config_int(c->f, from, "k", &k, c->e) &&
           (k >= 0 || c->f->hint->k > 0 ||
            error_set(c->e, ERROR_INPUT, "%s: found no 'k', which architecture '%s' has",
                      c->f->config_path, c->architecture->name)) &&
           read_k(c->f, k, "config", s, c->e);
}

static bool read_facts(const struct cfg *c, struct dict_spec *s)
{
    static const enum select_kind rescales[] = {SELECT_TOPK, SELECT_ABSTOPK, SELECT_THRESHOLD};
    s->format = c->architecture->format;
    s->select = c->architecture->select;
    s->relu = c->architecture->relu;
    s->source[DICT_FACT_SELECT] = s->source[DICT_FACT_RELU] = "config";
    s->centre = !c->architecture->transcodes;
    s->skip = c->architecture->skip;
    if (s->skip)
        s->source[DICT_FACT_SKIP] = "config";
    if (json_object_get(c->f->config, "apply_b_dec_to_input"))
        s->source[DICT_FACT_CENTRE] = "config";
    if (!config_bool(c->f, c->f->config, "apply_b_dec_to_input", &s->centre, c->e))
        return false;
    if (s->centre && c->architecture->transcodes)
        return error_set(c->e, ERROR_INPUT,
                         "%s: apply_b_dec_to_input is true of architecture '%s', which can't",
                         c->f->config_path, c->architecture->name);
    for (size_t i = 0; i < sizeof rescales / sizeof *rescales; i++)
        if (rescales[i] == s->select &&
            (s->select != SELECT_THRESHOLD || c->architecture->one_threshold) &&
            !config_bool(c->f, c->f->config, "rescale_acts_by_decoder_norm", &s->norm_rescale,
                         c->e))
            return false;
    if (json_object_get(c->f->config, "rescale_acts_by_decoder_norm"))
        s->source[DICT_FACT_RESCALE] = "config";
    return read_norm(c, s) && read_place(c, s);
}

/* ---- tensors */
/* d_in and d_sae of the configuration, against which W_enc is held. */
static bool read_widths(const struct cfg *c, int64_t *n, int64_t *m)
{
    *n = *m = -1;
    if (!config_int(c->f, c->f->config, "d_in", n, c->e) ||
        !config_int(c->f, c->f->config, "d_sae", m, c->e))
        return false;
    if (*n < 1 || *m < 1 || *n > INT32_MAX || *m > INT32_MAX)
        return error_set(c->e, ERROR_INPUT,
                         "%s: d_in is %lld and d_sae %lld, each must be between 1 and %d",
                         c->f->config_path, (long long)*n, (long long)*m, INT32_MAX);
    return true;
}

static bool check_d_out(const struct cfg *c, const struct dict_spec *s)
{
    int64_t d_out = s->n_out;
    if (!s->transcodes)
        return true;
    return config_int(c->f, c->f->config, "d_out", &d_out, c->e) &&
           (d_out == s->n_out ||
            error_set(c->e, ERROR_INPUT, "%s: d_out is %lld, expected W_dec's width of %d",
                      c->f->config_path, (long long)d_out, s->n_out));
}

/* The factor that fine-tuning learnt for each latent: SAELens reads it no more. */
static bool check_factor(const struct cfg *c, const struct dict_spec *s)
{
    struct dict_vector factor = {0};
    bool ones = true;
    if (!has_tensor(c->f, "scaling_factor"))
        return true;
    if (!read_vector(c->f, "scaling_factor", s->m, &factor, c->e))
        return false;
    for (int32_t i = 0; i < s->m; i++)
        ones = ones && fabsf(factor.v[i] - 1) <= 0;
    free(factor.v);
    return ones || error_set(c->e, ERROR_INPUT,
                             "%s: tensor 'scaling_factor' is not 1 everywhere: a fine-tuned SAE of "
                             "this kind is not supported",
                             c->f->path);
}

/* jumprelu: threshold, or of training its logarithm; batch top k: one for all. */
static bool read_thresholds(const struct cfg *c, struct dict_spec *s, struct dict_parts *p)
{
    const bool one = c->architecture->one_threshold,
               log = !one && !has_tensor(c->f, "threshold") && has_tensor(c->f, "log_threshold");
    s->n_thresholds = one ? 1 : s->m;
    if (one)
        return read_scalar(c->f, "topk_threshold", &p->threshold, c->e);
    if (!read_vector(c->f, log ? "log_threshold" : "threshold", s->m, &p->threshold, c->e))
        return false;
    for (int32_t i = 0; log && i < s->m; i++)
        p->threshold.v[i] = (float)exp((double)p->threshold.v[i]);
    p->threshold.changed = log;
    return true;
}

static bool read_tensors(const struct cfg *c, struct dict_spec *s, struct dict_parts *p)
{
    const struct dict_file *f = c->f;
    int64_t n, m;
    if (!read_widths(c, &n, &m) ||
        !read_matrix(f, "W_enc", n, m, ORDER_IN_OUT, &p->encoder, c->e) ||
        !read_sizes(&p->encoder, s, c->e) || !read_decoder(f, "W_dec", ORDER_OUT_IN, s, p, c->e) ||
        !check_d_out(c, s) || !read_vector(f, "b_dec", s->n_out, &p->decoder_bias, c->e) ||
        !check_factor(c, s) ||
        (s->skip && !read_matrix(f, "W_skip", s->n_out, s->n, ORDER_OUT_IN, &p->skip, c->e)))
        return false;
    if (s->select == SELECT_GATED)
        return read_vector(f, "b_gate", s->m, &p->encoder_bias, c->e) &&
               read_vector(f, "b_mag", s->m, &p->value_bias, c->e) &&
               read_vector(f, "r_mag", s->m, &p->log_scale, c->e);
    return read_vector(f, "b_enc", s->m, &p->encoder_bias, c->e) &&
           (s->select != SELECT_THRESHOLD || read_thresholds(c, s, p));
}

static char *beside(const struct cfg *c, const char *name)
{
    const char *slash = strrchr(c->f->path, '/');
    return xasprintf("%.*s%s", slash ? (int)(slash - c->f->path) + 1 : 0, c->f->path, name);
}

/* The factor of a checkpoint: a threshold that is held against p·‖W_dec row‖ is divided by it, too.
 */
static bool scale(const struct cfg *c, const char *path, const json_t *factor, struct dict_spec *s,
                  struct dict_parts *p)
{
    const double by = json_number_value(factor);
    if (!factor || json_is_null(factor))
        return true;
    if (!json_is_number(factor) || !(by > 1e-30) || !(by < 1e30))
        return error_set(c->e, ERROR_INPUT, "%s: 'scaling_factor' is %s, expected a number above 0",
                         path, json_kind(factor));
    if (s->norm_rescale && p->threshold.v)
        p->threshold.v[0] = (float)((double)p->threshold.v[0] / by);
    s->source[DICT_FACT_NORM] = "activation_scaler.json";
    return fold_scale(s, p, by, by, c->e);
}

static bool whiten(const struct cfg *c, struct dict_spec *s, struct dict_parts *p)
{
    struct whitening w = {0};
    char *path = beside(c, "activation_whitening.safetensors");
    bool ok = !file_is_named(path) ||
              (whitening_open(path, s->n, &w, c->e) && fold_whitening(s, p, &w, c->e));
    if (w.inverse)
        s->source[DICT_FACT_NORM] = "activation_whitening.safetensors";
    whitening_release(&w);
    free(path);
    return ok;
}

/* What a checkpoint has still to fold in: activation_scaler.json beside it says. */
static bool fold(const struct cfg *c, struct dict_spec *s, struct dict_parts *p)
{
    const json_t *norm = json_object_get(c->f->config, "normalize_activations");
    if (!json_is_true(norm) && (!json_is_string(norm) || !is_folded(json_string_value(norm))))
        return true;
    char *path = beside(c, "activation_scaler.json");
    bool ok = true;
    if (file_is_named(path)) {
        json_t *scaler = json_read_object(path, 1 << 20, c->e);
        const json_t *has = json_object_get(scaler, "has_whitening");
        if (scaler && s->transcodes)
            ok = error_set(c->e, ERROR_INPUT, "%s: of a transcoder is not supported", path);
        else
            ok = scaler && scale(c, path, json_object_get(scaler, "scaling_factor"), s, p) &&
                 (json_is_false(has) || whiten(c, s, p));
        json_decref(scaler);
    }
    free(path);
    return ok;
}

static bool knows(const struct dict_file *f)
{
    return json_object_get(f->config, "d_in") && json_object_get(f->config, "d_sae") &&
           (has_tensor(f, "W_enc") || has_tensor(f, "W_dec") ||
            json_object_get(f->config, "architecture"));
}

static bool read(const struct dict_file *f, struct dict_spec *s, struct dict_parts *p,
                 struct error *e)
{
    const json_t *meta = json_object_get(f->config, "metadata");
    struct cfg c = {.f = f, .old = is_old(f, meta), .e = e};
    c.meta = json_is_object(meta) ? meta : f->config;
    return find_architecture(&c) && read_facts(&c, s) && read_tensors(&c, s, p) && fold(&c, s, p) &&
           read_top(&c, s);
}

const struct dict_reader dict_reader_saelens = {knows, read};

/* Gemma Scope: params.npz without a configuration (the hook is in the names of repository and
 * folder), and Gemma Scope 2: params.safetensors with config.json. JumpReLU, not centred. */
#include "engine/base/memory.h"
#include "engine/dict/dict_private.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool ends_with(const char *s, const char *end)
{
    size_t n = strlen(s), k = strlen(end);
    return n >= k && strcmp(s + n - k, end) == 0;
}

/* ---- where it is hooked */
/* Behind `part` in the path; NULL: it is not there. */
static const char *behind(const char *path, const char *part)
{
    const char *at = strstr(path, part);
    return at ? at + strlen(part) : NULL;
}

/* "…gemma-scope-2b-pt-res/…/layer_20/width_16k/average_l0_71/params.npz" */
static bool hook_of_path(const char *path, char out[POINT_NAME_MAX])
{
    static const char *const site[][2] = {
        {"-res/", "resid.post"}, {"-mlp/", "mlp.out"}, {"-att/", "attn.z"}};
    const char *layer = behind(path, "/layer_"), *end = "";
    int32_t l = layer ? small_number(layer, &end) : -1;
    if (behind(path, "/embedding/")) {
        snprintf(out, POINT_NAME_MAX, "embed");
        return true;
    }
    for (size_t i = 0; i < sizeof site / sizeof *site; i++)
        if (l >= 0 && *end == '/' && behind(path, site[i][0])) {
            snprintf(out, POINT_NAME_MAX, "layers.%d.%s", l, site[i][1]);
            return true;
        }
    return false;
}

/* A path of transformers with ".output" or ".input" behind it; false: none that we know. */
static bool hook_of_module(const char *name, char out[POINT_NAME_MAX])
{
    const char *layer = behind(name, "layers."), *end = "";
    int32_t l = layer ? small_number(layer, &end) : -1;
    const char *site = l < 0                                                    ? NULL
                       : strcmp(end, ".output") == 0                            ? "resid.post"
                       : strcmp(end, ".post_feedforward_layernorm.output") == 0 ? "mlp.out"
                       : strcmp(end, ".self_attn.o_proj.input") == 0            ? "attn.z"
                       : strcmp(end, ".pre_feedforward_layernorm.output") == 0  ? "mlp.in"
                                                                                : NULL;
    if (site)
        snprintf(out, POINT_NAME_MAX, "layers.%d.%s", l, site);
    return site != NULL;
}

static bool choose_hook(const struct dict_file *f, bool second, struct dict_spec *s,
                        struct error *e)
{
    char hook[POINT_NAME_MAX];
    const char *in = NULL, *out = NULL;
    if (!second) {
        const bool found = hook_of_path(f->path, hook);
        return read_hook(f, found ? hook : NULL, "file name", s, e);
    }
    if (!config_string(f, f->config, "hf_hook_point_in", &in, e) ||
        !config_string(f, f->config, "hf_hook_point_out", &out, e))
        return false;
    if (in && out && strcmp(in, out) != 0)
        return error_set(e, ERROR_INPUT,
                         "%s: hf_hook_point_in is '%.60s' and hf_hook_point_out '%.60s': a "
                         "transcoder is not supported",
                         f->config_path, in, out);
    if (in && !hook_of_module(in, hook) && !f->hint->hook)
        return error_set(e, ERROR_INPUT, "%s: hf_hook_point_in '%.80s' is not known",
                         f->config_path, in);
    return read_hook(f, in ? hook : NULL, "config", s, e);
}

/* ---- tensors */
/* The table of embeddings was read before the factor √d that models put on it. */
static bool fold_embedding(struct dict_spec *s, struct dict_parts *p, struct error *e)
{
    s->fold = 1 / sqrt((double)s->n);
    return scale_matrix(&p->encoder, s->fold, e) && scale_matrix(&p->decoder, 1 / s->fold, e);
}

static bool read_tensors(const struct dict_file *f, struct dict_spec *s, struct dict_parts *p,
                         struct error *e)
{
    if (!read_matrix(f, "w_enc", -1, -1, ORDER_IN_OUT, &p->encoder, e) ||
        !read_sizes(&p->encoder, s, e) ||
        !read_matrix(f, "w_dec", s->m, s->n, ORDER_OUT_IN, &p->decoder, e))
        return false;
    s->n_thresholds = s->m;
    return read_vector(f, "b_enc", s->m, &p->encoder_bias, e) &&
           read_vector(f, "b_dec", s->n, &p->decoder_bias, e) &&
           read_vector(f, "threshold", s->m, &p->threshold, e);
}

static bool refused(const struct dict_file *f, struct error *e)
{
    if (behind(f->path, "-transcoders/") || behind(f->path, "/transcoder"))
        error_set(e, ERROR_INPUT, "%s: a transcoder of Gemma Scope is not supported", f->path);
    else if (behind(f->path, "/clt") || behind(f->path, "/crosscoder"))
        error_set(e, ERROR_INPUT, "%s: cross-layer dictionaries are not supported", f->path);
    else if (has_tensor(f, "affine_skip_connection"))
        error_set(e, ERROR_INPUT,
                  "%s: has a tensor 'affine_skip_connection': a transcoder is not supported",
                  f->path);
    return e && error_is_set(e);
}

static bool knows(const struct dict_file *f)
{
    return has_tensor(f, "w_enc") && has_tensor(f, "w_dec");
}

static bool read(const struct dict_file *f, struct dict_spec *s, struct dict_parts *p,
                 struct error *e)
{
    const char *architecture = NULL;
    const bool second = json_object_get(f->config, "hf_hook_point_in") != NULL;
    s->format = second ? "gemma-scope 2" : "gemma-scope";
    s->select = SELECT_THRESHOLD;
    s->relu = RELU_BEFORE;
    s->bos = DICT_BOS_YES;
    if (refused(f, e) || (second && !config_string(f, f->config, "architecture", &architecture, e)))
        return false;
    if (architecture && strcmp(architecture, "jump_relu") != 0)
        return error_set(e, ERROR_INPUT, "%s: architecture '%s' is not known, expected jump_relu",
                         f->config_path, architecture);
    return read_tensors(f, s, p, e) && check_k(f, s, e) && choose_hook(f, second, s, e) &&
           (second || !ends_with(f->path, ".npz") || !behind(f->path, "/embedding/") ||
            fold_embedding(s, p, e));
}

const struct dict_reader dict_reader_gemma_scope = {knows, read};

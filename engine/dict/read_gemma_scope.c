/* Gemma Scope: params.npz without a configuration (the hook is in the names of repository and
 * folder), and Gemma Scope 2: params.safetensors with config.json, or with a folder's name.
 * JumpReLU, not centred. The first one's transcoders read in front of the norm's gain, the second
 * one's behind it (sae_lens/loading/pretrained_sae_loaders.py). */
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

/* Below which part of a path what is hooked where; `reads` of transcoders. */
static const struct place {
    const char *part, *at, *reads;
} first_places[] = {{"-res/", "resid.post", NULL},
                    {"-mlp/", "mlp.out", NULL},
                    {"-att/", "attn.z", NULL},
                    {"-transcoders/", "mlp.out", "mlp.normalized"},
                    {"/transcoders/", "mlp.out", "mlp.normalized"},
                    {NULL, NULL, NULL}},
  second_places[] = {{"/resid_post", "resid.post", NULL},
                     {"/mlp_out", "mlp.out", NULL},
                     {"/attn_out", "attn.z", NULL},
                     {"/transcoder", "mlp.out", "mlp.in"},
                     {NULL, NULL, NULL}};

/* "…gemma-scope-2b-pt-res/…/layer_20/width_16k/average_l0_71/params.npz", and of the second
 * "…/transcoder_all/layer_0_width_16k_l0_big/params.safetensors". */
static bool hook_of_path(const char *path, const struct place *p, char at[POINT_NAME_MAX],
                         char reads[POINT_NAME_MAX])
{
    const char *layer = behind(path, "/layer_"), *end = "";
    const int32_t l = layer ? small_number(layer, &end) : -1;
    if (p == first_places && behind(path, "/embedding/")) {
        snprintf(at, POINT_NAME_MAX, "embed");
        return true;
    }
    for (; p->part; p++)
        if (l >= 0 && (*end == '/' || *end == '_') && behind(path, p->part)) {
            snprintf(at, POINT_NAME_MAX, "layers.%d.%s", l, p->at);
            if (p->reads)
                snprintf(reads, POINT_NAME_MAX, "layers.%d.%s", l, p->reads);
            return true;
        }
    return false;
}

static bool choose_hook_by_path(const struct dict_file *f, const struct place *places,
                                struct dict_spec *s, struct error *e)
{
    char hook[POINT_NAME_MAX], reads[POINT_NAME_MAX] = "";
    const bool found = hook_of_path(f->path, places, hook, reads);
    return read_hook(f, found ? hook : NULL, "file name", s, e) &&
           (!*reads || read_transcodes(f, reads, "file name", s, e));
}

static bool choose_hook_by_config(const struct dict_file *f, struct dict_spec *s, struct error *e)
{
    char hook[POINT_NAME_MAX], reads[POINT_NAME_MAX];
    const char *in = NULL, *out = NULL;
    if (!config_string(f, f->config, "hf_hook_point_in", &in, e) ||
        !config_string(f, f->config, "hf_hook_point_out", &out, e))
        return false;
    const bool transcodes = in && out && strcmp(in, out) != 0;
    const char *replaced = transcodes ? out : in;
    if ((in && !hook_of_module(in, reads) && !f->hint->hook) ||
        (replaced && !hook_of_module(replaced, hook) && !f->hint->hook))
        return error_set(e, ERROR_INPUT,
                         "%s: hf_hook_point_in '%.60s' and _out '%.60s' are not "
                         "both known",
                         f->config_path, in, out ? out : in);
    return read_hook(f, replaced ? hook : NULL, "config", s, e) &&
           (!transcodes || read_transcodes(f, reads, "config", s, e));
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
        !read_sizes(&p->encoder, s, e) || !read_decoder(f, "w_dec", ORDER_OUT_IN, s, p, e))
        return false;
    s->n_thresholds = s->m;
    bool affine = false;
    if (!config_bool(f, f->config, "affine_connection", &affine, e))
        return false;
    s->skip = affine || has_tensor(f, "affine_skip_connection");
    if (s->skip)
        s->source[DICT_FACT_SKIP] = "tensor affine_skip_connection";
    if (s->skip &&
        !read_matrix(f, "affine_skip_connection", s->n, s->n_out, ORDER_IN_OUT, &p->skip, e))
        return false;
    return read_vector(f, "b_enc", s->m, &p->encoder_bias, e) &&
           read_vector(f, "b_dec", s->n_out, &p->decoder_bias, e) &&
           read_vector(f, "threshold", s->m, &p->threshold, e);
}

static bool is_refused(const struct dict_file *f, struct error *e)
{
    const bool crossing = behind(f->path, "/clt") || behind(f->path, "/crosscoder");
    if (crossing)
        error_set(e, ERROR_INPUT, "%s: cross-layer transcoders and crosscoders are not supported",
                  f->path);
    return crossing;
}

static bool knows(const struct dict_file *f)
{
    return has_tensor(f, "w_enc") && has_tensor(f, "w_dec");
}

static bool read(const struct dict_file *f, struct dict_spec *s, struct dict_parts *p,
                 struct error *e)
{
    static const struct config_entry entries[] = {
        {"model_name", CONFIG_TEXT},         {"architecture", CONFIG_TEXT},
        {"affine_connection", CONFIG_TRUTH}, {"hf_hook_point_in", CONFIG_TEXT},
        {"hf_hook_point_out", CONFIG_TEXT},  {NULL, CONFIG_TEXT}};
    const char *architecture = NULL;
    const bool config = json_object_get(f->config, "hf_hook_point_in") != NULL,
               second = config || ends_with(f->path, "/params.safetensors");
    s->format = second ? "gemma-scope 2" : "gemma-scope";
    s->select = SELECT_THRESHOLD;
    s->relu = RELU_BEFORE;
    s->bos = DICT_BOS_YES;
    if (is_refused(f, e) || (config && !config_check(f->config_path, f->config, entries, e)) ||
        (config && !config_string(f, f->config, "architecture", &architecture, e)))
        return false;
    if (architecture && strcmp(architecture, "jump_relu") != 0)
        return error_set(e, ERROR_INPUT, "%s: architecture '%s' is not known, expected jump_relu",
                         f->config_path, architecture);
    return (config ? choose_hook_by_config(f, s, e)
                   : choose_hook_by_path(f, second ? second_places : first_places, s, e)) &&
           read_tensors(f, s, p, e) && check_k(f, s, e) &&
           (second || !ends_with(f->path, ".npz") || !behind(f->path, "/embedding/") ||
            fold_embedding(s, p, e));
}

const struct dict_reader dict_reader_gemma_scope = {knows, read};

/* EleutherAI's sparsify (package eai-sparsify, sparsify/sparse_coder.py): a folder a hook point,
 * sae.safetensors and cfg.json. ReLU, then the k largest; with groupmax the largest of each of k
 * groups. An SAE always centres, a transcoder (of the module's input to its output) never;
 * multi_topk concerns the training loss alone. */
#include "engine/base/memory.h"
#include "engine/dict/dict_private.h"
#include <stdlib.h>
#include <string.h>

/* The innermost folder that is not "seedN" is the module's path; NULL: there is none. The caller
 * frees. */
static char *module_of(const char *path)
{
    const char *end = strrchr(path, '/');
    while (end && end > path) {
        const char *from = end;
        while (from > path && from[-1] != '/')
            from--;
        const char *digits = "";
        const bool seed = end - from > 4 && strncmp(from, "seed", 4) == 0 &&
                          small_number(from + 4, &digits) >= 0 && digits == end;
        if (!seed)
            return end > from ? xstrndup(from, (size_t)(end - from)) : NULL;
        end = from > path ? from - 1 : NULL;
    }
    return NULL;
}

static bool choose_hook(const struct dict_file *f, struct dict_spec *s, struct error *e)
{
    char *module = module_of(f->path);
    struct point any;
    struct error not_a_point = {0};
    const bool named = module && point_parse(module, NULL, &any, &not_a_point);
    char reads[POINT_NAME_MAX] = "";
    bool ok = read_hook(f, named ? module : NULL, "file name", s, e);
    if (f->hint->hook && s->at.site == SITE_RESID_POST) /* of a block; else it is an MLP's */
        snprintf(reads, sizeof reads, "layers.%d.resid.pre", s->at.layer);
    if (ok && s->transcodes)
        ok = named && !f->hint->hook ? read_transcoded_module(f, module, "config", s, e)
                                     : read_transcodes(f, *reads ? reads : NULL, "config", s, e);
    free(module);
    return ok;
}

static bool read_activation(const struct dict_file *f, struct dict_spec *s, struct error *e)
{
    const char *activation = "topk";
    bool signed_ = false, transcode = false;
    if (json_object_get(f->config, "activation"))
        s->source[DICT_FACT_SELECT] = s->source[DICT_FACT_RELU] = "config";
    if (!config_string(f, f->config, "activation", &activation, e) ||
        !config_bool(f, f->config, "signed", &signed_, e) ||
        !config_bool(f, f->config, "transcode", &transcode, e))
        return false;
    s->transcodes = transcode;
    if (signed_)
        return error_set(e, ERROR_INPUT,
                         "%s: signed is true: an SAE of before release 1 without a ReLU is not "
                         "supported",
                         f->config_path);
    s->select = strcmp(activation, "groupmax") == 0 ? SELECT_GROUPMAX : SELECT_TOPK;
    s->relu = RELU_BEFORE;
    s->centre = !transcode; /* every release of the package leaves transcoders as they are */
    return s->select == SELECT_GROUPMAX || strcmp(activation, "topk") == 0 ||
           error_set(e, ERROR_INPUT, "%s: activation is '%s', expected topk or groupmax",
                     f->config_path, activation);
}

/* num_latents, where it is not 0, else d_in times the expansion. */
static bool read_shape(const struct dict_file *f, int64_t *n, int64_t *m, struct error *e)
{
    int64_t latents = 0, expansion = 0;
    *n = -1;
    if (!config_int(f, f->config, "d_in", n, e) ||
        !config_int(f, f->config, "num_latents", &latents, e) ||
        !config_int(f, f->config, "expansion_factor", &expansion, e))
        return false;
    if (*n < 1 || *n > INT32_MAX || latents < 0 || latents > INT32_MAX || expansion < 0 ||
        expansion > INT32_MAX)
        return error_set(e, ERROR_INPUT,
                         "%s: d_in is %lld, num_latents %lld and expansion_factor %lld, expected "
                         "1 to %d",
                         f->config_path, (long long)*n, (long long)latents, (long long)expansion,
                         INT32_MAX);
    *m = latents > 0 ? latents : *n * expansion;
    return true;
}

static bool read_tensors(const struct dict_file *f, struct dict_spec *s, struct dict_parts *p,
                         struct error *e)
{
    int64_t n = -1, m = -1;
    if (!read_shape(f, &n, &m, e) ||
        !read_matrix(f, "encoder.weight", m, n, ORDER_OUT_IN, &p->encoder, e) ||
        !read_sizes(&p->encoder, s, e) ||
        !read_matrix(f, "W_dec", m, n, ORDER_OUT_IN, &p->decoder, e) ||
        !read_vector(f, "encoder.bias", s->m, &p->encoder_bias, e) ||
        !read_vector(f, "b_dec", s->n, &p->decoder_bias, e))
        return false;
    s->skip = has_tensor(f, "W_skip");
    s->source[DICT_FACT_SKIP] = s->skip ? "tensor W_skip" : "no tensor W_skip";
    return !s->skip || read_matrix(f, "W_skip", n, n, ORDER_OUT_IN, &p->skip, e);
}

static bool knows(const struct dict_file *f)
{
    return json_object_get(f->config, "d_in") && has_tensor(f, "encoder.weight") &&
           has_tensor(f, "W_dec") &&
           (json_object_get(f->config, "num_latents") ||
            json_object_get(f->config, "expansion_factor"));
}

static bool read(const struct dict_file *f, struct dict_spec *s, struct dict_parts *p,
                 struct error *e)
{
    int64_t k = -1;
    s->format = "sparsify";
    return read_activation(f, s, e) && read_tensors(f, s, p, e) &&
           config_int(f, f->config, "k", &k, e) && read_k(f, k, "config", s, e) &&
           choose_hook(f, s, e);
}

const struct dict_reader dict_reader_sparsify = {knows, read};

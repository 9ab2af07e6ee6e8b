/* State dicts of W_enc, W_dec, b_enc and b_dec alone, which say of themselves only which way they
 * lie: Qwen Scope's layerL.sae.pt ([m, n] and [n, m]; top k of the repository's name, not centred),
 * lovis-heindrich's and Kissane's ([n, m] and [m, n]; ReLU, centred), and circuit-tracer's
 * transcoders layer_L.safetensors ([m, n] both; ReLU, not centred, from the MLP's input behind its
 * norm to its output, as sae_lens/loading/pretrained_sae_loaders.py reads those of mwhanna). */
#include "engine/base/file.h"
#include "engine/base/memory.h"
#include "engine/dict/dict_private.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int64_t length(const struct dict_file *f, const char *name)
{
    const struct named_tensor *t = tensors_find(f->tensors, name);
    return t && t->n_dims == 1 ? t->dim[0] : -1;
}

/* "layer7.sae.pt"; −1: another name. */
static int32_t qwen_layer(const char *path)
{
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path, *end = "";
    int32_t layer = strncmp(base, "layer", 5) == 0 ? small_number(base + 5, &end) : -1;
    return strcmp(end, ".sae.pt") == 0 ? layer : -1;
}

/* "layer_7.safetensors"; −1: another name. */
static int32_t tracer_layer(const char *path)
{
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path, *end = "";
    int32_t layer = strncmp(base, "layer_", 6) == 0 ? small_number(base + 6, &end) : -1;
    return strcmp(end, ".safetensors") == 0 ? layer : -1;
}

static bool read_tracer(const struct dict_file *f, struct dict_spec *s, struct error *e)
{
    char hook[POINT_NAME_MAX], reads[POINT_NAME_MAX];
    const int32_t layer = tracer_layer(f->path);
    s->format = "circuit-tracer";
    s->select = SELECT_ALL;
    s->relu = RELU_BEFORE;
    snprintf(hook, sizeof hook, "layers.%d.mlp.out", layer);
    snprintf(reads, sizeof reads, "layers.%d.mlp.in", layer);
    return check_k(f, s, e) && read_hook(f, layer >= 0 ? hook : NULL, "file name", s, e) &&
           read_transcodes(f, layer >= 0 && !f->hint->hook ? reads : NULL, "shapes of tensors", s,
                           e);
}

/* K of "…-W32K-L0_50/": −1: not said. */
static int32_t qwen_k(const char *path)
{
    const char *at = strstr(path, "-L0_"), *end = "";
    return at ? small_number(at + 4, &end) : -1;
}

static bool read_qwen(const struct dict_file *f, struct dict_spec *s, struct error *e)
{
    char hook[POINT_NAME_MAX];
    int32_t layer = qwen_layer(f->path), k = qwen_k(f->path);
    s->format = "qwen-scope";
    s->select = SELECT_TOPK;
    s->relu = RELU_AFTER;
    s->source[DICT_FACT_SELECT] = s->source[DICT_FACT_RELU] = "shapes of tensors";
    s->bos = DICT_BOS_YES;
    snprintf(hook, sizeof hook, "layers.%d.resid.post", layer);
    if (k < 0 && f->hint->k <= 0)
        return error_set(e, ERROR_INPUT,
                         "%s: no folder's name (…-L0_50) says k, which a Qwen Scope SAE has",
                         f->path);
    return read_k(f, k, "file name", s, e) &&
           read_hook(f, layer >= 0 ? hook : NULL, "file name", s, e);
}

/* NAME_cfg.json beside NAME.pt, as the trainers of that line write it (those of attention's z,
 * too): the point, and sizes, which must be so. NULL without error: there is none. */
static json_t *config_of(const char *path, char **config_path, struct error *e)
{
    const char *dot = strrchr(path, '.');
    *config_path =
        xasprintf("%.*s_cfg.json", (int)(dot ? (size_t)(dot - path) : strlen(path)), path);
    return file_is_named(*config_path) ? json_read_object(*config_path, 1 << 20, e) : NULL;
}

static bool read_beside(const struct dict_file *f, struct dict_spec *s, struct error *e)
{
    static const struct config_entry entries[] = {{"act_name", CONFIG_TEXT},
                                                  {"act_size", CONFIG_COUNT},
                                                  {"dict_size", CONFIG_COUNT},
                                                  {NULL, CONFIG_TEXT}};
    char *path = NULL;
    struct error unread = {0};
    json_t *j = config_of(f->path, &path, &unread);
    const char *hook = json_string_value(json_object_get(j, "act_name"));
    bool ok = *unread.text
                  ? (*e = unread, false)
                  : config_check(path, j, entries, e) &&
                        config_agrees(path, j, "act_size", s->n, "inputs of the weights", e) &&
                        config_agrees(path, j, "dict_size", s->m, "latents of the weights", e) &&
                        read_hook(f, hook, hook ? "config" : "default", s, e);
    json_decref(j);
    free(path);
    return ok;
}

static bool read_heindrich(const struct dict_file *f, struct dict_spec *s, struct error *e)
{
    s->format = "heindrich .pt";
    s->select = SELECT_ALL;
    s->relu = RELU_BEFORE;
    s->centre = true;
    return check_k(f, s, e) && read_beside(f, s, e);
}

static bool knows(const struct dict_file *f)
{
    return (tensors_are_pickled(f->tensors) || tracer_layer(f->path) >= 0) &&
           has_tensor(f, "W_enc") && has_tensor(f, "W_dec") && has_tensor(f, "b_enc") &&
           has_tensor(f, "b_dec") && !has_tensor(f, "threshold");
}

static bool read_transcoder(const struct dict_file *f, struct dict_spec *s, struct dict_parts *p,
                            struct error *e)
{
    s->skip = has_tensor(f, "W_skip");
    s->source[DICT_FACT_SKIP] = s->skip ? "tensor W_skip" : "no tensor W_skip";
    return read_matrix(f, "W_enc", -1, -1, ORDER_OUT_IN, &p->encoder, e) &&
           read_sizes(&p->encoder, s, e) && read_tracer(f, s, e) &&
           read_decoder(f, "W_dec", ORDER_OUT_IN, s, p, e) &&
           read_vector(f, "b_enc", s->m, &p->encoder_bias, e) &&
           read_vector(f, "b_dec", s->n_out, &p->decoder_bias, e) &&
           (!s->skip || read_matrix(f, "W_skip", s->n_out, s->n, ORDER_OUT_IN, &p->skip, e));
}

static bool read(const struct dict_file *f, struct dict_spec *s, struct dict_parts *p,
                 struct error *e)
{
    const int64_t m = length(f, "b_enc"), n = length(f, "b_dec"); /* n: of a transcoder n_out */
    const struct named_tensor *w = tensors_find(f->tensors, "W_enc"),
                              *d = tensors_find(f->tensors, "W_dec");
    if (m == n)
        return error_set(e, ERROR_INPUT,
                         "%s: as many latents as inputs, %lld: nothing says which way W_enc lies",
                         f->path, (long long)m);
    const bool turned = w->n_dims == 2 && w->dim[0] == m && w->dim[1] == n;
    if (turned && d->n_dims == 2 && d->dim[0] == m)
        return read_transcoder(f, s, p, e);
    if (!(turned ? read_matrix(f, "W_enc", m, n, ORDER_OUT_IN, &p->encoder, e)
                 : read_matrix(f, "W_enc", n, m, ORDER_IN_OUT, &p->encoder, e)) ||
        !read_sizes(&p->encoder, s, e))
        return false;
    return (turned ? read_matrix(f, "W_dec", n, m, ORDER_IN_OUT, &p->decoder, e)
                   : read_matrix(f, "W_dec", m, n, ORDER_OUT_IN, &p->decoder, e)) &&
           read_vector(f, "b_enc", s->m, &p->encoder_bias, e) &&
           read_vector(f, "b_dec", s->n, &p->decoder_bias, e) &&
           (turned ? read_qwen(f, s, e) : read_heindrich(f, s, e));
}

const struct dict_reader dict_reader_w_enc = {knows, read};

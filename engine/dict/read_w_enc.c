/* State dicts of W_enc, W_dec, b_enc and b_dec alone, which say of themselves only which way they
 * lie: Qwen Scope's layerL.sae.pt ([m, n] and [n, m]; top k of the repository's name, not centred),
 * lovis-heindrich's ([n, m] and [m, n]; ReLU, centred). */
#include "engine/dict/dict_private.h"
#include <stdio.h>
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

static bool read_heindrich(const struct dict_file *f, struct dict_spec *s, struct error *e)
{
    s->format = "heindrich .pt";
    s->select = SELECT_ALL;
    s->relu = RELU_BEFORE;
    s->centre = true;
    return check_k(f, s, e) && read_hook(f, NULL, "default", s, e);
}

static bool knows(const struct dict_file *f)
{
    return tensors_are_pickled(f->tensors) && has_tensor(f, "W_enc") && has_tensor(f, "W_dec") &&
           has_tensor(f, "b_enc") && has_tensor(f, "b_dec") && !has_tensor(f, "threshold");
}

static bool read(const struct dict_file *f, struct dict_spec *s, struct dict_parts *p,
                 struct error *e)
{
    const int64_t m = length(f, "b_enc"), n = length(f, "b_dec");
    const struct named_tensor *w = tensors_find(f->tensors, "W_enc"),
                              *d = tensors_find(f->tensors, "W_dec");
    if (m == n)
        return error_set(e, ERROR_INPUT,
                         "%s: as many latents as inputs, %lld: nothing says which way W_enc lies",
                         f->path, (long long)m);
    const bool turned = w->n_dims == 2 && w->dim[0] == m && w->dim[1] == n;
    if (turned && d->n_dims == 2 && d->dim[0] == m)
        return error_set(e, ERROR_INPUT,
                         "%s: W_enc and W_dec are both [%lld, %lld], as in transcoders, which are "
                         "not supported",
                         f->path, (long long)m, (long long)n);
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

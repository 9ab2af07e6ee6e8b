/* Goodfire's (NAME-SAE-l19.pth of a Llama): two nn.Linear, encoder_linear and decoder_linear, ReLU,
 * not centred; the layer whose output it reads is in the file's name
 * (sae_lens/loading/pretrained_sae_loaders.py). */
#include "engine/dict/dict_private.h"
#include <stdio.h>
#include <string.h>

/* "…-l19.pth"; −1: another name. */
static int32_t layer_of(const char *path)
{
    const char *slash = strrchr(path, '/'), *at = NULL, *end = "";
    for (const char *l = slash ? slash : path; (l = strstr(l, "-l")); l += 2)
        at = l + 2;
    const int32_t layer = at ? small_number(at, &end) : -1;
    return *end == '.' ? layer : -1;
}

static bool knows(const struct dict_file *f)
{
    return has_tensor(f, "encoder_linear.weight") && has_tensor(f, "decoder_linear.weight");
}

static bool read(const struct dict_file *f, struct dict_spec *s, struct dict_parts *p,
                 struct error *e)
{
    char hook[POINT_NAME_MAX];
    const int32_t layer = layer_of(f->path);
    s->format = "goodfire";
    s->select = SELECT_ALL;
    s->relu = RELU_BEFORE;
    snprintf(hook, sizeof hook, "layers.%d.resid.post", layer);
    return check_k(f, s, e) && read_hook(f, layer >= 0 ? hook : NULL, "file name", s, e) &&
           read_matrix(f, "encoder_linear.weight", -1, -1, ORDER_OUT_IN, &p->encoder, e) &&
           read_sizes(&p->encoder, s, e) &&
           read_matrix(f, "decoder_linear.weight", s->n, s->m, ORDER_IN_OUT, &p->decoder, e) &&
           read_vector(f, "encoder_linear.bias", s->m, &p->encoder_bias, e) &&
           read_vector(f, "decoder_linear.bias", s->n, &p->decoder_bias, e);
}

const struct dict_reader dict_reader_goodfire = {knows, read};

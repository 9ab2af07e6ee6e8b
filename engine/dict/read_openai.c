/* OpenAI's sparse_autoencoder (sparse_autoencoder/model.py): a state dict with the activation's
 * name beside the tensors; tied where there is no decoder of its own. */
#include "engine/dict/dict_private.h"
#include <string.h>

static bool knows(const struct dict_file *f)
{
    return has_tensor(f, "pre_bias") && has_tensor(f, "latent_bias") &&
           has_tensor(f, "encoder.weight");
}

static bool read_activation(const struct dict_file *f, struct dict_spec *s, struct error *e)
{
    const char *name = tensors_metadata(f->tensors, "activation");
    s->select = SELECT_ALL;
    s->relu = !name || strcmp(name, "ReLU") == 0 ? RELU_BEFORE : RELU_NEVER;
    if (name)
        s->source[DICT_FACT_SELECT] = s->source[DICT_FACT_RELU] = "entry activation";
    if (!name || strcmp(name, "ReLU") == 0 || strcmp(name, "Identity") == 0)
        return true;
    return error_set(e, ERROR_INPUT,
                     strcmp(name, "TopK") == 0
                         ? "%s: activation is '%s', whose layer norm of the input is not supported"
                         : "%s: activation is '%s', expected ReLU or Identity",
                     f->path, name);
}

static bool read(const struct dict_file *f, struct dict_spec *s, struct dict_parts *p,
                 struct error *e)
{
    s->format = "openai";
    s->centre = true;
    s->source[DICT_FACT_CENTRE] = "tensor pre_bias";
    if (!read_activation(f, s, e) ||
        !read_matrix(f, "encoder.weight", -1, -1, ORDER_OUT_IN, &p->encoder, e) ||
        !read_sizes(&p->encoder, s, e))
        return false;
    if (has_tensor(f, "decoder.weight") &&
        !read_matrix(f, "decoder.weight", s->n, s->m, ORDER_IN_OUT, &p->decoder, e))
        return false;
    return read_vector(f, "latent_bias", s->m, &p->encoder_bias, e) &&
           read_vector(f, "pre_bias", s->n, &p->decoder_bias, e) && check_k(f, s, e) &&
           read_hook(f, NULL, "default", s, e);
}

const struct dict_reader dict_reader_openai = {knows, read};

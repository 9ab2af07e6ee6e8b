/* OpenAI's sparse_autoencoder (sparse_autoencoder/model.py): a state dict with the activation's
 * name beside the tensors; tied where there is no decoder of its own. */
#include "engine/dict/dict_private.h"
#include <string.h>

static bool knows(const struct dict_file *f)
{
    return has_tensor(f, "pre_bias") && has_tensor(f, "latent_bias") &&
           has_tensor(f, "encoder.weight");
}

/* Such an SAE reads its input layer-normed. */
static bool read_topk(const struct dict_file *f, struct dict_spec *s, struct error *e)
{
    const char *act = tensors_metadata(f->tensors, "activation_state_dict.postact_fn");
    s->select = SELECT_TOPK;
    s->relu = !act || strcmp(act, "ReLU") == 0 ? RELU_AFTER : RELU_NEVER;
    s->norm = NORM_IN_LAYER;
    s->source[DICT_FACT_NORM] = "entry activation";
    if (act)
        s->source[DICT_FACT_RELU] = "entry postact_fn";
    return !act || strcmp(act, "ReLU") == 0 || strcmp(act, "Identity") == 0 ||
           error_set(e, ERROR_INPUT, "%s: postact_fn is '%s', expected ReLU or Identity", f->path,
                     act);
}

static bool choose_k(const struct dict_file *f, struct dict_spec *s, struct error *e)
{
    const char *k = tensors_metadata(f->tensors, "activation_state_dict.k"), *end = "";
    const int32_t v = k ? small_number(k, &end) : -1;
    return read_k(f, *end ? -1 : v, "entry k", s, e);
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
    if (strcmp(name, "TopK") == 0)
        return read_topk(f, s, e);
    return error_set(e, ERROR_INPUT, "%s: activation is '%s', expected ReLU, TopK or Identity",
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
           read_vector(f, "pre_bias", s->n, &p->decoder_bias, e) && choose_k(f, s, e) &&
           read_hook(f, NULL, "default", s, e);
}

const struct dict_reader dict_reader_openai = {knows, read};

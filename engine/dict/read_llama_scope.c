/* Llama Scope (He et al. 2024; OpenMOSS): a folder a point, hyperparams.json and
 * checkpoints/final.safetensors; later ones config.json and sae_weights.safetensors. JumpReLU, not
 * centred, of activations scaled to an average length of √n, as sae-lens reads them
 * (sae_lens/loading/pretrained_sae_loaders.py): one threshold, of the activations as they are. A
 * transcoder reads another point than it gives, and each has an average length of its own
 * (lm_saes/sae.py, standardize_parameters_of_dataset_norm). */
#include "engine/base/memory.h"
#include "engine/dict/dict_private.h"
#include <math.h>
#include <string.h>

static bool knows(const struct dict_file *f)
{
    return json_object_get(f->config, "hook_point_in") && json_object_get(f->config, "d_model") &&
           has_tensor(f, "encoder.weight") && has_tensor(f, "decoder.weight");
}

/* A number above 0 of the configuration; *out stays where it is not there. */
static bool number(const struct dict_file *f, const json_t *o, const char *key, double *out,
                   struct error *e)
{
    const json_t *v = json_object_get(o, key);
    if (!v || json_is_null(v))
        return true;
    *out = json_number_value(v);
    return (json_is_number(v) && *out > 1e-30 && *out < 1e30) ||
           error_set(e, ERROR_INPUT, "%s: '%s' is %s, expected a number above 0", f->config_path,
                     key, json_is_number(v) ? "out of range" : json_kind(v));
}

static bool read_place(const struct dict_file *f, struct dict_spec *s, struct error *e)
{
    const char *in = NULL, *out = NULL, *act = "jumprelu";
    if (!config_string(f, f->config, "hook_point_in", &in, e) ||
        !config_string(f, f->config, "hook_point_out", &out, e) ||
        !config_string(f, f->config, "act_fn", &act, e))
        return false;
    if (strcmp(act, "jumprelu") != 0 && strcmp(act, "relu") != 0)
        return error_set(e, ERROR_INPUT, "%s: act_fn is '%s', expected jumprelu or relu",
                         f->config_path, act);
    s->source[DICT_FACT_SELECT] = s->source[DICT_FACT_RELU] = "config";
    s->select = strcmp(act, "relu") == 0 ? SELECT_ALL : SELECT_THRESHOLD;
    if (!in || !out || strcmp(in, out) == 0)
        return read_hook(f, in, "config", s, e);
    return read_hook(f, out, "config", s, e) && read_transcodes(f, in, "config", s, e);
}

/* The tensor of logarithms where there is one; else the configuration's number, which is held
 * against what is not scaled. */
static bool read_threshold(const struct dict_file *f, double scale, struct dict_spec *s,
                           struct dict_parts *p, struct error *e)
{
    double one = 0;
    float *v;
    if (s->select != SELECT_THRESHOLD)
        return true;
    if (has_tensor(f, "log_jumprelu_threshold")) {
        s->n_thresholds = s->m;
        if (!read_vector(f, "log_jumprelu_threshold", s->m, &p->threshold, e))
            return false;
        for (int32_t i = 0; i < s->m; i++)
            p->threshold.v[i] = (float)exp((double)p->threshold.v[i]);
        p->threshold.changed = true;
        return true;
    }
    if (!number(f, f->config, "jump_relu_threshold", &one, e))
        return false;
    s->n_thresholds = 1;
    v = xcalloc(1, sizeof *v);
    *v = (float)(one * scale);
    p->threshold = (struct dict_vector){.name = "jump_relu_threshold", .v = v, .changed = true};
    return true;
}

static bool read(const struct dict_file *f, struct dict_spec *s, struct dict_parts *p,
                 struct error *e)
{
    const json_t *norms = json_object_get(f->config, "dataset_average_activation_norm");
    double length = 0, given = 0;
    s->format = "llama-scope";
    s->relu = RELU_BEFORE;
    s->bos = DICT_BOS_YES;
    if (!read_place(f, s, e) || !number(f, norms, "in", &length, e) ||
        !number(f, norms, "out", &given, e) ||
        !read_matrix(f, "encoder.weight", -1, -1, ORDER_OUT_IN, &p->encoder, e) ||
        !read_sizes(&p->encoder, s, e) ||
        !read_decoder(f, "decoder.weight", ORDER_IN_OUT, s, p, e) ||
        !read_vector(f, "encoder.bias", s->m, &p->encoder_bias, e) ||
        !read_vector(f, "decoder.bias", s->n_out, &p->decoder_bias, e))
        return false;
    const double scale = length > 0 ? sqrt((double)s->n) / length : 1,
                 back = !s->transcodes ? scale
                        : given > 0    ? sqrt((double)s->n_out) / given
                                       : 1;
    s->source[DICT_FACT_NORM] = length > 0 ? "config" : "no norm in the config";
    return read_threshold(f, scale, s, p, e) && check_k(f, s, e) &&
           (!(length > 0 || (s->transcodes && given > 0)) || fold_scale(s, p, scale, back, e));
}

const struct dict_reader dict_reader_llama_scope = {knows, read};

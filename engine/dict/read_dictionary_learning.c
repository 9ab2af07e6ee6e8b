/* dictionary_learning (package of that name, dictionary_learning/dictionary.py): ae.pt, ae_STEP.pt
 * and config.json, whose dict_class names one of seven classes; feature-circuits' folders have no
 * configuration, only names. A backup that training left holds the state below "ae." in normalised
 * units, with the factor beside it. */
#include "engine/base/memory.h"
#include "engine/dict/dict_private.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum class {
    AUTO_ENCODER,
    AUTO_ENCODER_NEW,
    GATED,
    TOP_K,
    BATCH_TOP_K,
    MATRYOSHKA,
    JUMP_RELU,
    N_CLASSES
};
static const struct {
    const char *name, *format;
    enum select_kind select;
    bool linear, centre; /* linear: encoder.weight and decoder.weight of nn.Linear; else W_enc … */
    const char *encoder_bias, *decoder_bias;
} classes[N_CLASSES] = {
    {"AutoEncoder", "dictionary_learning AutoEncoder", SELECT_ALL, true, true, "encoder.bias",
     "bias"},
    {"AutoEncoderNew", "dictionary_learning AutoEncoderNew", SELECT_ALL, true, false,
     "encoder.bias", "decoder.bias"},
    {"GatedAutoEncoder", "dictionary_learning GatedAutoEncoder", SELECT_GATED, true, true,
     "gate_bias", "decoder_bias"},
    {"AutoEncoderTopK", "dictionary_learning AutoEncoderTopK", SELECT_TOPK, true, true,
     "encoder.bias", "b_dec"},
    {"BatchTopKSAE", "dictionary_learning BatchTopKSAE", SELECT_THRESHOLD, true, true,
     "encoder.bias", "b_dec"},
    {"MatryoshkaBatchTopKSAE", "dictionary_learning MatryoshkaBatchTopKSAE", SELECT_THRESHOLD,
     false, true, "b_enc", "b_dec"},
    {"JumpReluAutoEncoder", "dictionary_learning JumpReluAutoEncoder", SELECT_THRESHOLD, false,
     false, "b_enc", "b_dec"},
};

struct state {
    const struct dict_file *f;
    const json_t *trainer; /* of the configuration; NULL: there is none */
    enum class class;
    const char *prefix; /* "ae." of a backup, or "" */
    double factor;      /* of biases and thresholds; 1 but for a backup */
    char name[80];
    struct error *e;
};

static const char *named(struct state *st, const char *tensor)
{
    snprintf(st->name, sizeof st->name, "%s%s", st->prefix, tensor);
    return st->name;
}

static bool has(const struct dict_file *f, const char *prefix, const char *tensor)
{
    char name[80];
    snprintf(name, sizeof name, "%s%s", prefix, tensor);
    return has_tensor(f, name);
}

/* ---- what else the configuration says */
static bool check_config(const struct state *st)
{
    static const struct config_entry
        of_trainer[] = {{"trainer_class", CONFIG_TEXT},
                        {"lm_name", CONFIG_TEXT},
                        {"wandb_name", CONFIG_TEXT},
                        {"device", CONFIG_TEXT},
                        {"activation_dim", CONFIG_COUNT},
                        {"dict_size", CONFIG_COUNT},
                        {"k", CONFIG_COUNT},
                        {"steps", CONFIG_COUNT},
                        {"lr", CONFIG_NUMBER},
                        {"group_sizes", CONFIG_LIST},
                        {"group_fractions", CONFIG_LIST},
                        {NULL, CONFIG_TEXT}},
        of_buffer[] = {{"d_submodule", CONFIG_COUNT},    {"ctx_len", CONFIG_COUNT},
                       {"n_ctxs", CONFIG_COUNT},         {"refresh_batch_size", CONFIG_COUNT},
                       {"out_batch_size", CONFIG_COUNT}, {"io", CONFIG_TEXT},
                       {"device", CONFIG_TEXT},          {NULL, CONFIG_TEXT}},
        of_all[] = {{"trainer", CONFIG_OBJECT}, {"buffer", CONFIG_OBJECT}, {NULL, CONFIG_TEXT}};
    const struct dict_file *f = st->f;
    return !f->config ||
           (config_check(f->config_path, f->config, of_all, st->e) &&
            config_check(f->config_path, st->trainer, of_trainer, st->e) &&
            config_check(f->config_path, json_object_get(f->config, "buffer"), of_buffer, st->e));
}

/* Sizes, once the weights have said theirs. */
static bool check_sizes(const struct state *st, const struct dict_spec *s)
{
    const char *path = st->f->config_path;
    const json_t *groups = json_object_get(st->trainer, "group_sizes"), *v;
    json_int_t sum = 0;
    size_t i;
    json_array_foreach(groups, i, v) sum += json_integer_value(v);
    if (json_array_size(groups) > 0 && sum != s->m)
        return error_set(st->e, ERROR_INPUT,
                         "%s: 'group_sizes' sum to %" JSON_INTEGER_FORMAT
                         ", expected the %d latents of the weights",
                         path, sum, s->m);
    return config_agrees(path, st->trainer, "activation_dim", s->n, "inputs of the weights",
                         st->e) &&
           config_agrees(path, st->trainer, "dict_size", s->m, "latents of the weights", st->e) &&
           config_within(path, st->trainer, "k", s->m, st->e);
}

/* ---- which class */
/* By the tensors alone; N_CLASSES: none of them. TopK and BatchTopK are alike, but for what
 * the configuration says. */
static enum class class_by_tensors(const struct dict_file *f, const char *p) {
    if (has(f, p, "encoder.weight") && has(f, p, "decoder.weight")){
        if (has(f, p, "r_mag") && has(f, p, "decoder_bias")) return GATED;
        if (has(f, p, "bias")) return AUTO_ENCODER;
        if (has(f, p, "b_dec") && has(f, p, "k")) return TOP_K;
        return has(f, p, "decoder.bias") ? AUTO_ENCODER_NEW : N_CLASSES;}
if (has(f, p, "W_enc") && has(f, p, "W_dec") && has(f, p, "threshold")) return has(f, p,
                                                                                   "group_sizes")
    ? MATRYOSHKA
    : JUMP_RELU;
return N_CLASSES;
}

static bool find_class(struct state *st)
{
    const char *name = NULL;
    st->class = class_by_tensors(st->f, st->prefix);
    if (!config_string(st->f, st->trainer, "dict_class", &name, st->e))
        return false;
    if (!name && st->class == TOP_K)
        return error_set(st->e, ERROR_INPUT,
                         "%s: an AutoEncoderTopK and a BatchTopKSAE have these tensors, expected "
                         "config.json beside it, which says which",
                         st->f->path);
    if (!name)
        return true;
    for (st->class = 0; st->class < N_CLASSES; st->class ++)
        if (strcmp(classes[st->class].name, name) == 0)
            return true;
    return error_set(st->e, ERROR_INPUT, "%s: dict_class '%s' is not supported", st->f->config_path,
                     name);
}

/* ---- where it is hooked */
/* "resid_post_layer_3", "mlp_out_layer0", "embed": the layer is the name's own, else `layer`. */
static bool hook_of(const char *name, int64_t layer, char out[POINT_NAME_MAX])
{
    static const char *const site[][2] = {{"resid_post", "resid.post"},
                                          {"resid_out", "resid.post"},
                                          {"resid_pre", "resid.pre"},
                                          {"mlp_out", "mlp.out"},
                                          {"attn_out", "attn.out"}};
    if (strcmp(name, "embed") == 0) {
        snprintf(out, POINT_NAME_MAX, "embed");
        return true;
    }
    for (size_t i = 0; i < sizeof site / sizeof *site; i++) {
        const size_t n = strlen(site[i][0]);
        const char *at = name + n, *end = at;
        if (strncmp(name, site[i][0], n) != 0 || (*at != 0 && strncmp(at, "_layer", 6) != 0))
            continue;
        at += *at ? 6 : 0;
        at += *at == '_';
        int32_t own = small_number(at, &end);
        if (*end != 0 || (own < 0 && layer < 0))
            return false;
        snprintf(out, POINT_NAME_MAX, "layers.%d.%s", own >= 0 ? own : (int)layer, site[i][1]);
        return true;
    }
    return false;
}

/* The innermost folder of the path that names a point. */
static bool hook_of_path(const char *path, char out[POINT_NAME_MAX])
{
    bool found = false;
    char *copy = xstrdup(path);
    for (char *end; !found && (end = strrchr(copy, '/'));) {
        *end = '\0';
        const char *slash = strrchr(copy, '/');
        found = hook_of(slash ? slash + 1 : copy, -1, out);
    }
    free(copy);
    return found;
}

static bool names_point(const struct state *st, const char *name)
{
    struct model_config of_any_depth = {0};
    struct error not_a_point = {0};
    struct point any;
    if (st->f->hint->model)
        of_any_depth = *st->f->hint->model;
    of_any_depth.n_layers = 0;
    return point_parse(name, &of_any_depth, &any, &not_a_point);
}

static bool choose_hook(const struct state *st, struct dict_spec *s)
{
    char hook[POINT_NAME_MAX];
    const char *name = NULL;
    int64_t layer = -1;
    if (!config_string(st->f, st->trainer, "submodule_name", &name, st->e) ||
        !config_int(st->f, st->trainer, "layer", &layer, st->e))
        return false;
    if (layer < -1 || layer >= MODEL_LAYERS_MAX)
        return error_set(st->e, ERROR_INPUT, "%s: 'layer' is %lld, expected 0 to %d",
                         st->f->config_path, (long long)layer, MODEL_LAYERS_MAX - 1);
    const bool known = name && hook_of(name, layer, hook);
    if (known || (name && names_point(st, name)))
        return read_hook(st->f, known ? hook : name, "config", s, st->e);
    const bool of_path = hook_of_path(st->f->path, hook);
    return read_hook(st->f, of_path ? hook : NULL, "file name", s, st->e);
}

/* ---- tensors */
static void times(struct dict_vector *v, int32_t n, double by)
{
    for (int32_t i = 0; v->v && i < n; i++)
        v->v[i] = (float)((double)v->v[i] * by);
    v->changed = v->changed || by < 1 || by > 1;
}

static bool read_weights(struct state *st, struct dict_spec *s, struct dict_parts *p)
{
    const struct dict_file *f = st->f;
    if (classes[st->class].linear)
        return read_matrix(f, named(st, "encoder.weight"), -1, -1, ORDER_OUT_IN, &p->encoder,
                           st->e) &&
               read_sizes(&p->encoder, s, st->e) &&
               read_matrix(f, named(st, "decoder.weight"), s->n, s->m, ORDER_IN_OUT, &p->decoder,
                           st->e);
    return read_matrix(f, named(st, "W_enc"), -1, -1, ORDER_IN_OUT, &p->encoder, st->e) &&
           read_sizes(&p->encoder, s, st->e) &&
           read_matrix(f, named(st, "W_dec"), s->m, s->n, ORDER_OUT_IN, &p->decoder, st->e);
}

static bool read_biases(struct state *st, struct dict_spec *s, struct dict_parts *p)
{
    const struct dict_file *f = st->f;
    if (!read_vector(f, named(st, classes[st->class].encoder_bias), s->m, &p->encoder_bias,
                     st->e) ||
        !read_vector(f, named(st, classes[st->class].decoder_bias), s->n, &p->decoder_bias, st->e))
        return false;
    if (st->class == GATED && (!read_vector(f, named(st, "r_mag"), s->m, &p->log_scale, st->e) ||
                               !read_vector(f, named(st, "mag_bias"), s->m, &p->value_bias, st->e)))
        return false;
    times(&p->encoder_bias, s->m, st->factor);
    times(&p->decoder_bias, s->n, st->factor);
    times(&p->value_bias, s->m, st->factor);
    return true;
}

/* One for all latents: below 0 it has not been set, and every positive value counts. */
static bool read_threshold(struct state *st, struct dict_spec *s, struct dict_parts *p)
{
    const bool each = st->class == JUMP_RELU;
    s->n_thresholds = each ? s->m : 1;
    if (each ? !read_vector(st->f, named(st, "threshold"), s->m, &p->threshold, st->e)
             : !read_scalar(st->f, named(st, "threshold"), &p->threshold, st->e))
        return false;
    if (each || p->threshold.v[0] >= 0) {
        times(&p->threshold, s->n_thresholds, st->factor);
        return true;
    }
    s->select = SELECT_ALL;
    s->n_thresholds = 0;
    s->source[DICT_FACT_SELECT] = "tensor threshold";
    return true;
}

/* The file's own wins over the configuration's: training may have lowered it meanwhile. */
static bool choose_k(struct state *st, struct dict_spec *s)
{
    int64_t k = -1;
    const char *source = "config";
    const bool own = wants_k(s) && has(st->f, st->prefix, "k");
    if (own) {
        source = "tensor k";
        if (!read_whole(st->f, named(st, "k"), &k, st->e))
            return false;
    } else if (!config_int(st->f, st->trainer, "k", &k, st->e))
        return false;
    return read_k(st->f, k, source, s, st->e);
}

/* AutoEncoder.from_pretrained makes decoder columns of length 1, where they are not so nearly. */
#define LENGTH_TOLERANCE 1.001e-5

static bool read_tensors(struct state *st, struct dict_spec *s, struct dict_parts *p)
{
    if (!read_weights(st, s, p) || !read_biases(st, s, p))
        return false;
    if (s->select == SELECT_THRESHOLD && !read_threshold(st, s, p))
        return false;
    return st->class != AUTO_ENCODER || unit_decoder(p, LENGTH_TOLERANCE, st->e);
}

/* The factor is a number of the pickle or a tensor. */
static bool read_backup(struct state *st)
{
    const char *text = tensors_metadata(st->f->tensors, "norm_factor");
    struct dict_vector v = {0};
    char *end = "";
    if (!has_tensor(st->f, "ae.encoder.weight") && !has_tensor(st->f, "ae.W_enc"))
        return true;
    st->prefix = "ae.";
    if (text)
        st->factor = strtod(text, &end);
    else if (has_tensor(st->f, "norm_factor")) {
        if (!read_scalar(st->f, "norm_factor", &v, st->e))
            return false;
        st->factor = (double)v.v[0];
        free(v.v);
    }
    return (*end == 0 && isfinite(st->factor) && st->factor > 0) ||
           error_set(st->e, ERROR_INPUT, "%s: norm_factor is '%s', expected a number above 0",
                     st->f->path, text ? text : "no such number");
}

static bool knows(const struct dict_file *f)
{
    const json_t *trainer = json_object_get(f->config, "trainer");
    return json_is_string(json_object_get(trainer, "dict_class")) ||
           (tensors_are_pickled(f->tensors) &&
            (class_by_tensors(f, "") != N_CLASSES || class_by_tensors(f, "ae.") != N_CLASSES));
}

static bool read(const struct dict_file *f, struct dict_spec *s, struct dict_parts *p,
                 struct error *e)
{
    struct state st = {.f = f,
                       .trainer = json_object_get(f->config, "trainer"),
                       .prefix = "",
                       .factor = 1,
                       .e = e};
    if (!check_config(&st) || !read_backup(&st) || !find_class(&st))
        return false;
    const bool config = json_object_get(st.trainer, "dict_class") != NULL;
    s->format = classes[st.class].format;
    s->select = classes[st.class].select;
    s->relu = RELU_BEFORE;
    s->centre = classes[st.class].centre;
    s->source[DICT_FACT_SELECT] = s->source[DICT_FACT_RELU] = s->source[DICT_FACT_CENTRE] =
        config ? "config" : "names of tensors";
    return read_tensors(&st, s, p) && check_sizes(&st, s) && choose_k(&st, s) &&
           choose_hook(&st, s);
}

const struct dict_reader dict_reader_dictionary_learning = {knows, read};

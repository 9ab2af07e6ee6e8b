#include "engine/dict/convert.h"
#include "engine/base/file.h"
#include "engine/base/memory.h"
#include "engine/dict/dict_private.h"
#include "engine/formats/mapping.h"
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct conversion {
    const char *path, *dir;
    const struct model_config *model; /* NULL: not known */
    struct dict_spec spec;
    struct dict_parts parts;
    struct tensor_out out[12];
    size_t n;
    float *own[4];
    size_t n_own;
    struct error *e;
};

static const char *const relu_name[] = {
    [RELU_NEVER] = "never", [RELU_BEFORE] = "before", [RELU_AFTER] = "after"};

static bool refuse(struct conversion *c, const char *target, const char *what)
{
    return error_set(c->e, ERROR_INPUT, "%s: %s, which %s can't express", c->path, what, target);
}

static bool refuse_selection(struct conversion *c, const char *target)
{
    char what[96];
    snprintf(what, sizeof what, "select %s with relu %s%s", select_name(c->spec.select),
             relu_name[c->spec.relu], c->spec.transcodes ? " of a transcoder" : "");
    return refuse(c, target, what);
}

/* ---- tensors */
static void add(struct conversion *c, const char *name, const void *data, int32_t n_dims,
                int64_t rows, int64_t cols)
{
    c->out[c->n++] = (struct tensor_out){
        .name = name, .type = DTYPE_F32, .n_dims = n_dims, .dim = {rows, cols}, .data = data};
}

static void add_vector(struct conversion *c, const char *name, const struct dict_vector *v,
                       int32_t n)
{
    if (v->v)
        add(c, name, v->v, 1, n, 0);
}

static float *own(struct conversion *c, size_t n)
{
    return c->own[c->n_own++] = xcalloc(n, sizeof(float));
}

/* [m, n] of any matrix in float32, one of its own from then on. */
static bool add_rows(struct conversion *c, const char *name, struct dict_matrix *a)
{
    if (!scale_matrix(a, 1, c->e))
        return false;
    add(c, name, a->t.data, 2, a->t.dim[0], a->t.dim[1]);
    return true;
}

static bool add_turned(struct conversion *c, const char *name, struct dict_matrix *a)
{
    if (!scale_matrix(a, 1, c->e))
        return false;
    const size_t rows = (size_t)a->t.dim[0], cols = (size_t)a->t.dim[1];
    const float *from = a->t.data;
    float *to = own(c, rows * cols);
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < cols; j++)
            to[j * rows + i] = from[i * cols + j];
    add(c, name, to, 2, (int64_t)cols, (int64_t)rows);
    return true;
}

/* Zeros where the file has no decoder bias. */
static void add_decoder_bias(struct conversion *c)
{
    add(c, "b_dec",
        c->parts.decoder_bias.v ? c->parts.decoder_bias.v : own(c, (size_t)c->spec.n_out), 1,
        c->spec.n_out, 0);
}

static bool write_tensors(struct conversion *c, const char *name, const char *const *metadata)
{
    if (!file_make_folders(c->dir) && errno != EEXIST)
        return file_fail(c->e, ERROR_SYSTEM, "making", c->dir);
    char *path = xasprintf("%s/%s", c->dir, name);
    bool ok = tensors_save_safetensors(path, c->out, c->n, metadata, c->e);
    free(path);
    return ok;
}

static bool write_config(struct conversion *c, json_t *config)
{
    char *path = xasprintf("%s/cfg.json", c->dir), *text = json_dumps(config, JSON_INDENT(1));
    bool ok = text && file_write(path, text, strlen(text), c->e);
    free(text);
    free(path);
    json_decref(config);
    return ok;
}

static struct point read_at(const struct dict_spec *s)
{
    return s->transcodes ? s->in : s->at;
}

/* ---- glimt's own: says everything */
static bool to_glimt(struct conversion *c)
{
    const struct dict_spec *s = &c->spec;
    const bool gated = s->select == SELECT_GATED, said = s->at.layer != -2;
    char hook[POINT_NAME_MAX], out[POINT_NAME_MAX], k[16];
    point_name(read_at(s), hook);
    point_name(s->at, out);
    snprintf(k, sizeof k, "%d", s->k);
    if (s->transcodes && !said)
        return error_set(c->e, ERROR_INPUT,
                         "%s: does not say where it is hooked, expected --hook NAME", c->path);
    const struct {
        bool there;
        const char *key, *value;
    } facts[] = {
        {true, "format", "glimt-sae"},
        {true, "version", "1"},
        {true, "select", select_name(s->select)},
        {true, "relu", relu_name[s->relu]},
        {true, "norm", norm_in_name(s->norm)},
        {true, "centre", s->centre ? "true" : "false"},
        {true, "norm_rescale", s->norm_rescale ? "true" : "false"},
        {true, "skip", s->skip ? "true" : "false"},
        {true, "k", k},
        {said, "hook", hook},
        {s->transcodes, "out", out},
        {s->bos != DICT_BOS_UNSAID, "prepend_bos", s->bos == DICT_BOS_YES ? "true" : "false"}};
    enum { N_FACTS = sizeof facts / sizeof *facts };
    const char *metadata[2 * N_FACTS + 1] = {NULL};
    for (size_t i = 0, n = 0; i < N_FACTS; i++)
        if (facts[i].there)
            metadata[n++] = facts[i].key, metadata[n++] = facts[i].value;
    if (!add_rows(c, "encoder.weight", &c->parts.encoder) ||
        !add_rows(c, "W_dec", &c->parts.decoder) ||
        (s->skip && !add_rows(c, "W_skip", &c->parts.skip)))
        return false;
    add_vector(c, gated ? "gate_bias" : "encoder.bias", &c->parts.encoder_bias, s->m);
    add_vector(c, "b_dec", &c->parts.decoder_bias, s->n_out);
    if (s->select == SELECT_THRESHOLD)
        add_vector(c, "threshold", &c->parts.threshold, s->n_thresholds);
    add_vector(c, "r_mag", &c->parts.log_scale, s->m);
    add_vector(c, "mag_bias", &c->parts.value_bias, s->m);
    return write_tensors(c, "sae.safetensors", metadata);
}

/* ---- SAELens */
static const char *architecture(const struct dict_spec *s)
{
    const bool relu = s->relu != RELU_NEVER;
    if (s->transcodes)
        return s->select == SELECT_THRESHOLD && relu
                   ? (s->skip ? "jumprelu_skip_transcoder" : "jumprelu_transcoder")
               : s->select == SELECT_ALL && relu ? (s->skip ? "skip_transcoder" : "transcoder")
                                                 : NULL;
    switch (s->select) {
    case SELECT_TOPK: return relu ? "topk" : NULL;
    case SELECT_ABSTOPK: return relu ? NULL : "abstopk";
    case SELECT_THRESHOLD: return relu ? "jumprelu" : NULL;
    case SELECT_GATED: return "gated";
    case SELECT_ALL: return relu ? "standard" : NULL;
    case SELECT_GROUPMAX: break;
    }
    return NULL;
}

/* TransformerLens' name; false: it has none. */
static bool lens_name(struct point p, char out[POINT_NAME_MAX])
{
    static const char *const name[] = {[SITE_RESID_PRE] = "hook_resid_pre",
                                       [SITE_ATTN_Z] = "attn.hook_z",
                                       [SITE_ATTN_OUT] = "hook_attn_out",
                                       [SITE_RESID_MID] = "hook_resid_mid",
                                       [SITE_MLP_NORMALIZED] = "ln2.hook_normalized",
                                       [SITE_MLP_IN] = "mlp.hook_in",
                                       [SITE_MLP_PRE] = "mlp.hook_pre",
                                       [SITE_MLP_ACT] = "mlp.hook_post",
                                       [SITE_MLP_OUT] = "hook_mlp_out",
                                       [SITE_RESID_POST] = "hook_resid_post"};
    if (p.site == SITE_EMBED || p.site == SITE_FINAL_NORM)
        snprintf(out, POINT_NAME_MAX,
                 p.site == SITE_EMBED ? "hook_embed" : "ln_final.hook_normalized");
    else if (p.site < sizeof name / sizeof *name && name[p.site])
        snprintf(out, POINT_NAME_MAX, "blocks.%d.%s", p.layer, name[p.site]);
    else
        return false;
    return true;
}

static json_t *saelens_config(const struct conversion *c, const char *kind, const char *hook)
{
    const struct dict_spec *s = &c->spec;
    json_t *meta = json_pack("{s:s, s:s?}", "sae_lens_version", "6.0.0", "hook_name", hook);
    char out[POINT_NAME_MAX];
    if (s->transcodes && hook && lens_name(s->at, out))
        json_object_set_new(meta, "hook_name_out", json_string(out));
    if (s->bos != DICT_BOS_UNSAID)
        json_object_set_new(meta, "prepend_bos", json_boolean(s->bos == DICT_BOS_YES));
    json_t *config = json_pack(
        "{s:s, s:i, s:i, s:s, s:s, s:b, s:s, s:s, s:o}", "architecture", kind, "d_in", s->n,
        "d_sae", s->m, "dtype", "float32", "device", "cpu", "apply_b_dec_to_input", s->centre,
        "normalize_activations", norm_in_name(s->norm), "reshape_activations",
        s->at.site == SITE_ATTN_Z && s->at.layer != -2 ? "hook_z" : "none", "metadata", meta);
    if (s->transcodes)
        json_object_set_new(config, "d_out", json_integer(s->n_out));
    if (s->k > 0) {
        json_object_set_new(config, "k", json_integer(s->k));
        json_object_set_new(config, "rescale_acts_by_decoder_norm", json_boolean(s->norm_rescale));
    }
    return config;
}

/* A threshold each, whatever the file has. */
static void add_thresholds(struct conversion *c)
{
    float *all = own(c, (size_t)c->spec.m);
    for (int32_t i = 0; i < c->spec.m; i++)
        all[i] = c->parts.threshold.v[c->spec.n_thresholds == 1 ? 0 : i];
    add(c, "threshold", all, 1, c->spec.m, 0);
}

static bool to_saelens(struct conversion *c)
{
    const struct dict_spec *s = &c->spec;
    const char *kind = architecture(s);
    const bool gated = s->select == SELECT_GATED, said = s->at.layer != -2;
    char hook[POINT_NAME_MAX], reads[POINT_NAME_MAX];
    if (!kind)
        return refuse_selection(c, "SAELens");
    if (s->skip && !s->transcodes)
        return refuse(c, "SAELens", "a skip connection of an SAE");
    /* what it calls normalized lies behind the gain where norms are layer norms */
    const bool moves = s->transcodes && s->in.site == SITE_MLP_NORMALIZED && c->model &&
                       c->model->arch->norm != NORM_RMS;
    if (said && (!lens_name(s->at, hook) || !lens_name(read_at(s), reads) || moves))
        return refuse(c, "SAELens", "a hook point without a name in TransformerLens");
    /* only its top k knows the decoder's lengths */
    if (s->norm_rescale && s->k == 0 && !unit_decoder(&c->parts, 0, c->e))
        return false;
    if (!add_turned(c, "W_enc", &c->parts.encoder) || !add_rows(c, "W_dec", &c->parts.decoder))
        return false;
    add_vector(c, gated ? "b_gate" : "b_enc", &c->parts.encoder_bias, s->m);
    add_decoder_bias(c);
    add_vector(c, "r_mag", &c->parts.log_scale, s->m);
    add_vector(c, "b_mag", &c->parts.value_bias, s->m);
    if (s->select == SELECT_THRESHOLD)
        add_thresholds(c);
    if (s->skip && !add_rows(c, "W_skip", &c->parts.skip))
        return false;
    return write_tensors(c, "sae_weights.safetensors", NULL) &&
           write_config(c, saelens_config(c, kind, said ? reads : NULL));
}

/* ---- sparsify: always centred, ReLU first */
/* The same values: a stream behind a layer is what the next one reads; a module's output is the
 * layer's, where no norm follows. */
static bool same_place(struct point a, struct point b)
{
    struct point p[2] = {a, b};
    for (int i = 0; i < 2; i++) {
        if (p[i].site == SITE_RESID_PRE && p[i].layer > 0)
            p[i] = (struct point){p[i].layer - 1, SITE_RESID_POST};
        p[i].site = p[i].site == SITE_MLP_MODULE    ? SITE_MLP_OUT
                    : p[i].site == SITE_ATTN_MODULE ? SITE_ATTN_OUT
                                                    : p[i].site;
    }
    return p[0].layer == p[1].layer && p[0].site == p[1].site;
}

/* Its readers take the hook from the folder's name: one that says another point would lie. */
static bool check_folder(struct conversion *c)
{
    size_t end = strlen(c->dir), from;
    while (end > 1 && c->dir[end - 1] == '/')
        end--;
    for (from = end; from > 0 && c->dir[from - 1] != '/';)
        from--;
    char *name = xstrndup(c->dir + from, end - from), is[POINT_NAME_MAX], says[POINT_NAME_MAX];
    struct point named;
    struct error no_point = {0};
    bool ok = c->spec.at.layer == -2 || !point_parse(name, c->model, &named, &no_point) ||
              same_place(named, c->spec.at);
    if (!ok) {
        point_name(c->spec.at, is);
        point_name(named, says);
        error_set(c->e, ERROR_INPUT,
                  "%s: sparsify takes this name for hook point %s, expected that of a module for "
                  "%s, or none",
                  c->dir, says, is);
    }
    free(name);
    return ok;
}

static bool to_sparsify(struct conversion *c)
{
    const struct dict_spec *s = &c->spec;
    const bool groups = s->select == SELECT_GROUPMAX;
    if ((!groups && s->select != SELECT_TOPK) || s->relu == RELU_NEVER ||
        (groups && s->relu != RELU_BEFORE))
        return refuse_selection(c, "sparsify");
    if (s->norm != NORM_IN_NONE || s->n_out != s->n)
        return refuse(c, "sparsify",
                      s->norm != NORM_IN_NONE ? "a norm of the input"
                                              : "another width of what it gives");
    if (!s->centre && !s->transcodes && c->parts.decoder_bias.v)
        return refuse(c, "sparsify", "a decoder bias that is not subtracted before encoding");
    const enum site from = (enum site)s->in.site, to = (enum site)s->at.site;
    if (s->transcodes && s->at.layer != -2 &&
        !(from == SITE_MLP_IN && (to == SITE_MLP_OUT || to == SITE_MLP_MODULE)) &&
        !(from == SITE_RESID_PRE && to == SITE_RESID_POST))
        return refuse(c, "sparsify", "a transcoder that reads no module's input");
    if (!check_folder(c))
        return false;
    if (s->norm_rescale && !unit_decoder(&c->parts, 0, c->e))
        return false;
    if (!add_rows(c, "encoder.weight", &c->parts.encoder) ||
        !add_rows(c, "W_dec", &c->parts.decoder) ||
        (s->skip && !add_rows(c, "W_skip", &c->parts.skip)))
        return false;
    add_vector(c, "encoder.bias", &c->parts.encoder_bias, s->m);
    add_decoder_bias(c);
    return write_tensors(c, "sae.safetensors", NULL) &&
           write_config(c, json_pack("{s:s, s:i, s:i, s:i, s:i, s:b, s:b, s:b, s:b}", "activation",
                                     groups ? "groupmax" : "topk", "d_in", s->n, "num_latents",
                                     s->m, "expansion_factor", 0, "k", s->k, "multi_topk", 0,
                                     "skip_connection", s->skip, "normalize_decoder", 0,
                                     "transcode", s->transcodes));
}

/* ---- all */
static bool write_all(struct conversion *c, enum convert_target target)
{
    part_decoder(&c->parts);
    return target == CONVERT_GLIMT     ? to_glimt(c)
           : target == CONVERT_SAELENS ? to_saelens(c)
                                       : to_sparsify(c);
}

bool dict_convert(const char *path, const struct dict_hint *hint, enum convert_target target,
                  const char *dir, struct dict_spec *spec, struct error *e)
{
    static const struct dict_hint nothing = {0};
    struct conversion c = {.path = path, .dir = dir, .model = hint ? hint->model : NULL, .e = e};
    struct tensors *ts = NULL;
    struct stat st;
    const bool folder = stat(path, &st) == 0 && S_ISDIR(st.st_mode);
    char *file = folder ? dict_file_in(path, e) : xstrdup(path);
    bool ok = file && tensors_open(file, &ts, e) &&
              dict_read(file, ts, hint ? hint : &nothing, &c.spec, &c.parts, e) &&
              write_all(&c, target);
    if (spec)
        *spec = c.spec;
    for (size_t i = 0; i < c.n_own; i++)
        free(c.own[i]);
    dict_parts_release(&c.parts);
    tensors_close(ts);
    free(file);
    return ok || error_prefix(e, "converting SAE %s", path);
}

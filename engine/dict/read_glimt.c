/* glimt-sae, glimt's own safetensors: every fact is in __metadata__, none is guessed. */
#include "engine/dict/dict_private.h"
#include <string.h>

struct facts {
    const struct dict_file *f;
    struct error *e;
};

static const char *fact(const struct facts *f, const char *key)
{
    const char *v = tensors_metadata(f->f->tensors, key);
    if (!v)
        error_set(f->e, ERROR_INPUT, "%s: metadata has no '%s', which an SAE file must state",
                  f->f->path, key);
    return v;
}

/* The fact's index among `allowed` (NULL-terminated), −1 and the error when it is another. */
static int fact_among(const struct facts *f, const char *key, const char *const *allowed)
{
    const char *v = fact(f, key);
    for (int i = 0; v && allowed[i]; i++)
        if (strcmp(v, allowed[i]) == 0)
            return i;
    if (v)
        error_set(f->e, ERROR_INPUT, "%s: metadata '%s' is '%s', this version supports '%s'%s",
                  f->f->path, key, v, allowed[0], allowed[1] ? " and its like" : "");
    return -1;
}

static bool truth(const struct facts *f, const char *key, bool *out)
{
    static const char *const values[] = {"false", "true", "False", "True", "0",
                                         "1",     "no",   "yes",   "none", NULL};
    int i = fact_among(f, key, values);
    *out = i % 2 == 1;
    return i >= 0;
}

static bool read_own_k(const struct facts *f, struct dict_spec *s)
{
    const bool from_file = wants_k(s) && f->f->hint->k <= 0;
    const char *k = from_file ? fact(f, "k") : "0", *end = "";
    if (!k)
        return false;
    int32_t v = small_number(k, &end);
    if (*end != 0)
        return error_set(f->e, ERROR_INPUT, "%s: metadata 'k' is '%s', expected a number",
                         f->f->path, k);
    return read_k(f->f, v, "metadata", s, f->e);
}

static bool read_facts(const struct facts *f, struct dict_spec *s)
{
    static const char *const kinds[] = {
        [SELECT_TOPK] = "topk",   [SELECT_ABSTOPK] = "abstopk",   [SELECT_THRESHOLD] = "threshold",
        [SELECT_GATED] = "gated", [SELECT_GROUPMAX] = "groupmax", [SELECT_ALL] = "all",
        [SELECT_ALL + 1] = NULL};
    static const char *const relus[] = {"never", "before", "after", NULL};
    static const char *const norms[] = {"none", "layer_norm", "constant_norm_rescale", NULL};
    for (int i = 0; i < DICT_FACT_HOOK; i++)
        s->source[i] = "metadata";
    if (fact_among(f, "format", (const char *const[]){"glimt-sae", NULL}) < 0 ||
        fact_among(f, "version", (const char *const[]){"1", NULL}) < 0 ||
        !truth(f, "norm_rescale", &s->norm_rescale) || !truth(f, "skip", &s->skip))
        return false;
    int norm = fact_among(f, "norm", norms),
        select = norm < 0 ? -1 : fact_among(f, "select", kinds);
    int relu = select < 0 ? -1 : fact_among(f, "relu", relus);
    if (relu < 0 || !truth(f, "centre", &s->centre))
        return false;
    s->norm = (enum norm_in)norm;
    s->select = (enum select_kind)select;
    s->relu = (enum relu_kind)relu;
    if (s->select == SELECT_GATED && (s->relu != RELU_BEFORE || s->norm_rescale))
        return error_set(f->e, ERROR_INPUT,
                         "%s: metadata says select 'gated', relu '%s' and norm_rescale '%s', "
                         "expected 'before' and 'false'",
                         f->f->path, relus[relu], s->norm_rescale ? "true" : "false");
    return true;
}

/* What belongs to another kind of selection would mean that the metadata are wrong. */
static bool check_tensors(const struct dict_file *f, const struct dict_spec *s, struct error *e)
{
    static const struct {
        const char *tensor;
        enum select_kind of;
    } own[] = {{"threshold", SELECT_THRESHOLD},
               {"gate_bias", SELECT_GATED},
               {"mag_bias", SELECT_GATED},
               {"r_mag", SELECT_GATED}};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (has_tensor(f, own[i].tensor) && own[i].of != s->select)
            return error_set(e, ERROR_INPUT,
                             "%s: has a tensor '%s' although its metadata says select '%s'",
                             f->path, own[i].tensor, select_name(s->select));
    if (s->select == SELECT_GATED && has_tensor(f, "encoder.bias"))
        return error_set(e, ERROR_INPUT,
                         "%s: has a tensor 'encoder.bias' although its metadata says select "
                         "'gated', whose bias is gate_bias",
                         f->path);
    return s->skip == has_tensor(f, "W_skip") ||
           error_set(e, ERROR_INPUT,
                     "%s: has %s tensor 'W_skip' although its metadata says skip '%s'", f->path,
                     s->skip ? "no" : "a", s->skip ? "true" : "false");
}

static bool read_threshold(const struct dict_file *f, struct dict_spec *s, struct dict_parts *p,
                           struct error *e)
{
    const struct named_tensor *t =
        tensors_need(f->tensors, "threshold", 1, (const int64_t[]){-1}, e);
    if (!t)
        return false;
    if (t->dim[0] != 1 && t->dim[0] != s->m)
        return error_set(e, ERROR_INPUT, "%s: threshold has %lld values, expected 1 or %d", f->path,
                         (long long)t->dim[0], s->m);
    s->n_thresholds = (int32_t)t->dim[0];
    return read_vector(f, "threshold", s->n_thresholds, &p->threshold, e);
}

static bool read_selection(const struct dict_file *f, struct dict_spec *s, struct dict_parts *p,
                           struct error *e)
{
    if (s->select == SELECT_GATED)
        return read_vector(f, "gate_bias", s->m, &p->encoder_bias, e) &&
               read_vector(f, "r_mag", s->m, &p->log_scale, e) &&
               read_vector(f, "mag_bias", s->m, &p->value_bias, e);
    return read_vector(f, "encoder.bias", s->m, &p->encoder_bias, e) &&
           (s->select != SELECT_THRESHOLD || read_threshold(f, s, p, e));
}

static bool read_tensors(const struct dict_file *f, struct dict_spec *s, struct dict_parts *p,
                         struct error *e)
{
    const bool bias = has_tensor(f, "b_dec");
    if (s->centre && !bias)
        return error_set(e, ERROR_INPUT, "%s: metadata says that it centres, but there is no b_dec",
                         f->path);
    if (s->centre && s->transcodes)
        return error_set(e, ERROR_INPUT,
                         "%s: metadata says that a transcoder centres, which none does", f->path);
    return read_decoder(f, "W_dec", ORDER_OUT_IN, s, p, e) && check_tensors(f, s, e) &&
           read_selection(f, s, p, e) &&
           (!bias || read_vector(f, "b_dec", s->n_out, &p->decoder_bias, e)) &&
           (!s->skip || read_matrix(f, "W_skip", s->n_out, s->n, ORDER_OUT_IN, &p->skip, e));
}

/* A safetensors file that states a format, or that no other reader can know without its
 * configuration: what it lacks is then said. */
static bool knows(const struct dict_file *f)
{
    return tensors_metadata(f->tensors, "format") != NULL ||
           (!tensors_are_pickled(f->tensors) && !f->config && has_tensor(f, "encoder.weight") &&
            has_tensor(f, "W_dec"));
}

/* May be absent. */
static bool read_bos(const struct facts *f, struct dict_spec *s)
{
    bool yes = false;
    if (!tensors_metadata(f->f->tensors, "prepend_bos"))
        return true;
    if (!truth(f, "prepend_bos", &yes))
        return false;
    s->bos = yes ? DICT_BOS_YES : DICT_BOS_NO;
    s->source[DICT_FACT_BOS] = "metadata";
    return true;
}

static bool read(const struct dict_file *file, struct dict_spec *s, struct dict_parts *p,
                 struct error *e)
{
    const struct facts f = {file, e};
    const char *hook = tensors_metadata(file->tensors, "hook"),
               *out = tensors_metadata(file->tensors, "out");
    s->format = "glimt-sae 1";
    return read_facts(&f, s) && read_bos(&f, s) &&
           read_hook(file, out ? out : hook, "metadata", s, e) &&
           (!out || read_transcodes(file, hook, "metadata", s, e)) &&
           read_matrix(file, "encoder.weight", -1, -1, ORDER_OUT_IN, &p->encoder, e) &&
           read_sizes(&p->encoder, s, e) && read_own_k(&f, s) && read_tensors(file, s, p, e);
}

const struct dict_reader dict_reader_glimt = {knows, read};

/* The SAE formats: glimt's own safetensors, and the .pt state dicts of the Danish paper's authors.
 */
#include "engine/base/file.h"
#include "engine/base/memory.h"
#include "engine/dict/dict_private.h"
#include "engine/formats/json.h"
#include <stdlib.h>
#include <string.h>

/* ---- common */
static bool set_hook(struct dict_spec *s, const char *path, const char *name,
                     const struct model_config *model, struct error *e)
{
    return point_parse(name, model, &s->at, e) || error_prefix(e, "%s: hook", path);
}

static bool set_sizes(struct dict_spec *s,
                      const struct named_tensor *rows /* [m, n] or, turned, [n, m] */, bool turned,
                      struct error *e)
{
    int64_t m = rows->dim[turned], n = rows->dim[!turned];
    if (m < 1 || n < 1 || m > INT32_MAX || n > INT32_MAX)
        return error_set(e, ERROR_INPUT,
                         "%s: %s has shape [%lld, %lld], each must be between 1 and %d", rows->file,
                         rows->name, (long long)rows->dim[0], (long long)rows->dim[1], INT32_MAX);
    s->m = (int32_t)m, s->n = (int32_t)n;
    return true;
}

static bool wants_k(const struct dict_spec *s)
{
    return s->select == SELECT_TOPK || s->select == SELECT_ABSTOPK || s->select == SELECT_GROUPMAX;
}

static bool check_k(const struct dict_spec *s, const struct dict_hint *hint, const char *path,
                    struct error *e)
{
    if (!wants_k(s))
        return hint->k <= 0 ||
               error_set(e, ERROR_INPUT,
                         "%s: k is %d (from the option), expected none: select '%s' has no k", path,
                         hint->k, select_name(s->select));
    if (s->k < 1 || s->k > s->m)
        return error_set(e, ERROR_INPUT, "%s: k is %d (from the %s), expected 1 to %d", path, s->k,
                         s->source[DICT_FACT_K], s->m);
    return s->select != SELECT_GROUPMAX || s->m % s->k == 0 ||
           error_set(
               e, ERROR_INPUT,
               "%s: k is %d (from the %s), expected a divisor of the %d latents, which are in "
               "k groups",
               path, s->k, s->source[DICT_FACT_K], s->m);
}

/* Digits only, at most nine: −1 otherwise. */
static int32_t small_number(const char *s, const char **end)
{
    int32_t v = 0;
    int n = 0;
    for (; s[n] >= '0' && s[n] <= '9'; n++) {
        if (n == 9)
            return -1;
        v = v * 10 + (s[n] - '0');
    }
    *end = s + n;
    return n ? v : -1;
}

/* ---- glimt-sae: every fact is in __metadata__ */
struct fact {
    const struct tensors *ts;
    const char *path;
    struct error *e;
};

static const char *fact(const struct fact *f, const char *key)
{
    const char *v = tensors_metadata(f->ts, key);
    if (!v)
        error_set(f->e, ERROR_INPUT, "%s: metadata has no '%s', which an SAE file must state",
                  f->path, key);
    return v;
}

/* The fact's index among `allowed` (NULL-terminated), −1 and the error when it is another. */
static int fact_among(const struct fact *f, const char *key, const char *const *allowed)
{
    const char *v = fact(f, key);
    for (int i = 0; v && allowed[i]; i++)
        if (strcmp(v, allowed[i]) == 0)
            return i;
    if (v)
        error_set(f->e, ERROR_INPUT, "%s: metadata '%s' is '%s', this version supports '%s'%s",
                  f->path, key, v, allowed[0], allowed[1] ? " and its like" : "");
    return -1;
}

static bool read_k(const struct fact *f, const struct dict_hint *hint, struct dict_spec *s)
{
    s->k = wants_k(s) ? hint->k : 0;
    if (s->k > 0)
        s->source[DICT_FACT_K] = "option";
    if (s->k > 0 || !wants_k(s))
        return true;
    const char *k = fact(f, "k"), *end = "";
    if (!k)
        return false;
    s->k = small_number(k, &end);
    return *end == 0 ? true
                     : error_set(f->e, ERROR_INPUT, "%s: metadata 'k' is '%s', expected a number",
                                 f->path, k);
}

static const char *const kinds[] = {
    [SELECT_TOPK] = "topk",   [SELECT_ABSTOPK] = "abstopk",   [SELECT_THRESHOLD] = "threshold",
    [SELECT_GATED] = "gated", [SELECT_GROUPMAX] = "groupmax", [SELECT_ALL] = "all",
    [SELECT_ALL + 1] = NULL};

const char *select_name(enum select_kind k)
{
    return kinds[k];
}

static bool read_facts(const struct fact *f, const struct dict_hint *hint, struct dict_spec *s)
{
    static const char *const is_false[] = {"false", "none", "no", "0", "False", NULL};
    static const char *const boolean[] = {"false", "true", "False", "True", "0", "1", NULL};
    static const char *const relus[] = {"never", "before", "after", NULL};
    if (fact_among(f, "format", (const char *const[]){"glimt-sae", NULL}) < 0 ||
        fact_among(f, "version", (const char *const[]){"1", NULL}) < 0 ||
        fact_among(f, "norm", (const char *const[]){"none", NULL}) < 0 ||
        fact_among(f, "norm_rescale", is_false) < 0 || fact_among(f, "skip", is_false) < 0)
        return false;
    int select = fact_among(f, "select", kinds);
    int relu = select < 0 ? -1 : fact_among(f, "relu", relus);
    int centre = relu < 0 ? -1 : fact_among(f, "centre", boolean);
    if (centre < 0)
        return false;
    s->select = (enum select_kind)select;
    s->relu = (enum relu_kind)relu;
    s->centre = centre % 2 == 1;
    for (int i = 0; i < DICT_N_FACTS; i++)
        s->source[i] = "metadata";
    if (s->select == SELECT_GATED && s->relu != RELU_BEFORE)
        return error_set(f->e, ERROR_INPUT,
                         "%s: metadata says select 'gated' and relu '%s', expected 'before'",
                         f->path, relus[relu]);
    return read_k(f, hint, s);
}

/* What the kind of selection needs beside the encoder. */
static bool read_selection(const struct tensors *ts, const char *path, struct dict_spec *s,
                           struct dict_parts *p, struct error *e)
{
    static const struct {
        const char *tensor;
        enum select_kind of;
    } own[] = {{"threshold", SELECT_THRESHOLD},
               {"gate_bias", SELECT_GATED},
               {"mag_bias", SELECT_GATED},
               {"r_mag", SELECT_GATED}};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (tensors_find(ts, own[i].tensor) && own[i].of != s->select)
            return error_set(e, ERROR_INPUT,
                             "%s: has a tensor '%s' although its metadata says select '%s'", path,
                             own[i].tensor, tensors_metadata(ts, "select"));
    bool gated = s->select == SELECT_GATED;
    if (gated && tensors_find(ts, "encoder.bias"))
        return error_set(e, ERROR_INPUT,
                         "%s: has a tensor 'encoder.bias' although its metadata says select "
                         "'gated', whose bias is gate_bias",
                         path);
    p->encoder_bias = gated ? "gate_bias" : "encoder.bias";
    p->log_scale = "r_mag";
    p->value_bias = "mag_bias";
    p->threshold = "threshold";
    if (s->select != SELECT_THRESHOLD)
        return true;
    const struct named_tensor *t = tensors_need(ts, p->threshold, 1, (const int64_t[]){-1}, e);
    if (!t)
        return false;
    if (t->dim[0] != 1 && t->dim[0] != s->m)
        return error_set(e, ERROR_INPUT, "%s: threshold has %lld values, expected 1 or %d", path,
                         (long long)t->dim[0], s->m);
    s->n_thresholds = (int32_t)t->dim[0];
    return true;
}

bool dict_read_glimt(const struct tensors *ts, const char *path, const struct dict_hint *hint,
                     struct dict_spec *s, struct dict_parts *p, struct error *e)
{
    struct fact f = {ts, path, e};
    s->format = "glimt-sae 1";
    s->at = (struct point){-2, 0};
    if (!read_facts(&f, hint, s))
        return false;
    const char *hook = hint->hook ? hint->hook : tensors_metadata(ts, "hook");
    if (hook && !set_hook(s, path, hook, hint->model, e))
        return false;
    p->encoder = tensors_need(ts, "encoder.weight", 2, (const int64_t[]){-1, -1}, e);
    if (!p->encoder || !set_sizes(s, p->encoder, false, e) || !check_k(s, hint, path, e))
        return false;
    p->order = ORDER_OUT_IN;
    p->decoder = tensors_need(ts, "W_dec", 2, (const int64_t[]){s->m, s->n}, e);
    p->decoder_bias = tensors_find(ts, "b_dec") ? "b_dec" : NULL;
    if (s->centre && !p->decoder_bias)
        return error_set(e, ERROR_INPUT, "%s: metadata says that it centres, but there is no b_dec",
                         path);
    return p->decoder != NULL && read_selection(ts, path, s, p, e);
}

/* ---- the authors' .pt: tensors, then the file's name, then the .json beside it, which is often
 * wrong */
/* Where the ending of the file's name begins; the whole of it when it has none. */
static size_t without_ending(const char *path)
{
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
    const char *dot = strrchr(base, '.');
    return dot && dot != base ? (size_t)(dot - path) : strlen(path);
}

/* An empty object where there is none, or none that can be read (*bad): it may say nothing that the
 * name or an option could not. */
static json_t *beside(const char *path, struct error *bad)
{
    char *name = xasprintf("%.*s.json", (int)without_ending(path), path);
    json_t *root = file_is_named(name) ? json_read_object(name, 1 << 20, bad) : NULL;
    free(name);
    return root ? root : json_object();
}

/* The last part of the path, without its ending; the caller frees. */
static char *stem_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *base = slash ? slash + 1 : path;
    return xstrndup(base, without_ending(path) - (size_t)(base - path));
}

/* k of "topk32" in the file's name or that of its folder (…/topk32/HOOK.pt); −1: not said. */
static int32_t k_of_path(const char *path)
{
    const char *from = path;
    int slashes = 0;
    for (const char *c = path + strlen(path); c > path; c--)
        if (c[-1] == '/' && ++slashes == 2) {
            from = c;
            break;
        }
    int32_t k = -1;
    for (const char *at = from; (at = strstr(at, "topk")); at += 4) {
        const char *end;
        int32_t v = small_number(at + 4, &end);
        k = v > 0 ? v : k; /* the file's own name comes last and wins */
    }
    return k;
}

/* bad: why the .json beside it can't be read, if it can't. */
static bool choose_k(const char *path, const json_t *json, const struct error *bad,
                     const struct dict_hint *hint, struct dict_spec *s, struct error *e)
{
    const json_t *k = json_object_get(json, "k");
    int32_t named = k_of_path(path);
    const char **source = &s->source[DICT_FACT_K];
    if (hint->k > 0)
        s->k = hint->k, *source = "option";
    else if (named > 0)
        s->k = named, *source = "file name";
    else if (json_is_integer(k))
        s->k = json_integer_value(k) > 0 && json_integer_value(k) <= INT32_MAX
                   ? (int32_t)json_integer_value(k)
                   : -1,
        *source = "config";
    else if (error_is_set(bad))
        return error_set(e, bad->kind, "%s: the name (…topk32…) does not say k, and %s", path,
                         bad->text);
    else
        return error_set(e, ERROR_INPUT,
                         "%s: neither the name (…topk32…) nor the .json beside it says k", path);
    return check_k(s, hint, path, e);
}

static bool choose_hook(const char *path, const json_t *json, const struct dict_hint *hint,
                        struct dict_spec *s, struct error *e)
{
    const char *config = json_string_value(json_object_get(json, "hookpoint"));
    s->at = (struct point){-2, 0};
    if (hint->hook || config)
        return set_hook(s, path, hint->hook ? hint->hook : config, hint->model, e);
    struct error not_a_point = {0};
    struct point any;
    char *stem = stem_of(path);
    struct model_config of_any_depth = {0};
    if (hint->model)
        of_any_depth = *hint->model;
    of_any_depth.n_layers = 0;
    bool ok = !point_parse(stem, &of_any_depth, &any, &not_a_point) ||
              set_hook(s, path, stem, hint->model, e);
    free(stem);
    return ok;
}

static bool read_shapes(const struct tensors *ts, struct dict_spec *s, struct dict_parts *p,
                        struct error *e)
{
    const struct named_tensor *w = tensors_need(ts, "W", 2, (const int64_t[]){-1, -1}, e);
    if (!w || !set_sizes(s, w, false, e))
        return false;
    p->encoder = w;
    p->order = ORDER_OUT_IN;
    if (tensors_find(ts, "WT")) {
        p->encoder = tensors_need(ts, "WT", 2, (const int64_t[]){s->n, s->m}, e);
        p->order = ORDER_IN_OUT;
        p->decoder = w;
    }
    p->encoder_bias = "b1";
    bool centre = tensors_find(ts, "pre_encode_b") != NULL, b2 = tensors_find(ts, "b2") != NULL;
    if (centre && b2)
        return error_set(e, ERROR_INPUT,
                         "%s: has both pre_encode_b and b2, expected one decoder bias at most",
                         w->file);
    s->centre = centre;
    p->decoder_bias = centre ? "pre_encode_b" : b2 ? "b2" : NULL;
    s->source[DICT_FACT_CENTRE] = centre ? "tensor pre_encode_b"
                                  : b2   ? "tensor b2"
                                         : "no tensor pre_encode_b";
    return p->encoder != NULL;
}

bool dict_read_sibbesen(const struct tensors *ts, const char *path, const struct dict_hint *hint,
                        struct dict_spec *s, struct dict_parts *p, struct error *e)
{
    s->format = "sibbesen .pt";
    for (int i = 0; i < DICT_N_FACTS; i++)
        s->source[i] = "default"; /* what the authors' code does and the file does not say */
    s->select = SELECT_TOPK;
    s->relu = RELU_NEVER;
    char *stem = stem_of(path);
    bool relu = strstr(stem, "activation_function_relu") != NULL;
    if (strstr(stem, "topk"))
        s->source[DICT_FACT_SELECT] = s->source[DICT_FACT_RELU] = "file name";
    free(stem);
    if (relu) { /* in place of topk */
        s->select = SELECT_ALL;
        s->relu = RELU_AFTER;
        s->source[DICT_FACT_SELECT] = s->source[DICT_FACT_RELU] = "file name";
    }
    if (!read_shapes(ts, s, p, e))
        return false;
    struct error bad = {0};
    json_t *json = beside(path, &bad);
    bool ok = (relu ? check_k(s, hint, path, e) : choose_k(path, json, &bad, hint, s, e)) &&
              choose_hook(path, json, hint, s, e);
    json_decref(json);
    return ok;
}

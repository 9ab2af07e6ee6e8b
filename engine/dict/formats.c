/* The SAE formats: a reader each, told apart by tensors and configuration; which file of a folder
 * holds the weights; and what several readers need. */
#include "engine/base/file.h"
#include "engine/base/memory.h"
#include "engine/dict/dict_private.h"
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define CONFIG_MAX ((size_t)4 << 20)

/* In the order in which they are asked: those that a configuration or a tensor's name leaves no
 * doubt about come first. */
static const struct dict_reader *const readers[] = {
    &dict_reader_glimt,       &dict_reader_saelens,
    &dict_reader_sparsify,    &dict_reader_gemma_scope,
    &dict_reader_llama_scope, &dict_reader_openai,
    &dict_reader_goodfire,    &dict_reader_dictionary_learning,
    &dict_reader_w_enc,       &dict_reader_sibbesen};

/* ---- the configuration beside it */
static const char *const config_name[] = {"cfg.json", "config.json", "hyperparams.json", NULL};

static char *config_in(const char *dir)
{
    for (int i = 0; config_name[i]; i++) {
        char *path = xasprintf("%s/%s", dir, config_name[i]);
        if (file_is_named(path))
            return path;
        free(path);
    }
    return NULL;
}

static char *config_beside(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *dir = slash ? xstrndup(path, (size_t)(slash - path)) : xstrdup("."),
         *found = config_in(dir), *last = strrchr(dir, '/');
    /* of a checkpoint it lies beside the folder of the checkpoints */
    if (!found && last && strcmp(last, "/checkpoints") == 0) {
        *last = '\0';
        found = config_in(dir);
    }
    free(dir);
    return found;
}

/* ---- which file */
/* What the formats call the weights, where a configuration and other tensors lie beside them. */
static const char *const weights_name[] = {"sae_weights.safetensors",
                                           "sae.safetensors",
                                           "ae.pt",
                                           "params.safetensors",
                                           "checkpoints/final.safetensors",
                                           NULL};

static bool ends_with(const char *s, const char *end)
{
    size_t n = strlen(s), k = strlen(end);
    return n >= k && strcmp(s + n - k, end) == 0;
}

static bool is_weights(const char *name)
{
    return ends_with(name, ".safetensors") || ends_with(name, ".pt") || ends_with(name, ".pth") ||
           ends_with(name, ".bin") || ends_with(name, ".npz");
}

static char *named_in(const char *dir)
{
    char *config = config_in(dir);
    const bool there = config != NULL;
    free(config);
    for (int i = 0; there && weights_name[i]; i++) {
        char *path = xasprintf("%s/%s", dir, weights_name[i]);
        if (file_is_named(path))
            return path;
        free(path);
    }
    return NULL;
}

char *dict_file_in(const char *dir, struct error *e)
{
    char *found = named_in(dir);
    DIR *stream = found ? NULL : opendir(dir);
    if (found)
        return found;
    if (!stream) {
        error_set(e, ERROR_INPUT, "%s: can't read the folder", dir);
        return NULL;
    }
    int n = 0;
    for (struct dirent *f; (f = readdir(stream));) {
        if (!is_weights(f->d_name))
            continue;
        n++;
        free(found);
        found = xasprintf("%s/%s", dir, f->d_name);
    }
    closedir(stream);
    if (n == 1)
        return found;
    free(found);
    error_set(e, ERROR_INPUT,
              "%s: %d files end in .safetensors, .pt, .pth, .bin or .npz, expected one; name the "
              "file",
              dir, n);
    return NULL;
}

/* ---- reading */
static bool refuse(const struct dict_file *f, struct error *e)
{
    char names[200] = "";
    size_t n = 0;
    for (size_t i = 0; i < tensors_count(f->tensors) && n < 120; i++) {
        int k = snprintf(names + n, sizeof names - n, "%s%.40s", i ? ", " : "",
                         tensors_at(f->tensors, i)->name);
        n += k > 0 ? (size_t)k : 0;
    }
    return error_set(e, ERROR_INPUT, "%s: no SAE format is known that has the tensors %s%s and %s",
                     f->path, names, n >= 120 ? " …" : "",
                     f->config ? "such a configuration" : "no configuration beside them");
}

bool dict_read(const char *path, const struct tensors *ts, const struct dict_hint *hint,
               struct dict_spec *s, struct dict_parts *p, struct error *e)
{
    char *config_path = config_beside(path);
    json_t *config = config_path ? json_read_object(config_path, CONFIG_MAX, e) : NULL;
    if (config_path && !config) {
        free(config_path);
        return false;
    }
    const struct dict_file f = {
        .path = path, .tensors = ts, .config = config, .config_path = config_path, .hint = hint};
    const struct dict_reader *reader = NULL;
    for (size_t i = 0; !reader && i < sizeof readers / sizeof *readers; i++)
        reader = readers[i]->knows(&f) ? readers[i] : NULL;
    s->at = (struct point){-2, 0};
    for (int i = 0; i < DICT_N_FACTS; i++)
        s->source[i] = "default";
    bool ok = reader ? reader->read(&f, s, p, e) : refuse(&f, e);
    json_decref(config);
    free(config_path);
    return ok;
}

bool dict_look(const char *path, const struct dict_hint *hint, struct dict_spec *out,
               struct error *e)
{
    struct stat st;
    const bool folder = stat(path, &st) == 0 && S_ISDIR(st.st_mode);
    char *file = folder ? dict_file_in(path, e) : xstrdup(path);
    struct tensors *ts = NULL;
    struct dict_parts parts = {0};
    *out = (struct dict_spec){0};
    const bool ok =
        file != NULL && tensors_open(file, &ts, e) && dict_read(file, ts, hint, out, &parts, e);
    dict_parts_release(&parts);
    tensors_close(ts);
    free(file);
    return ok;
}

/* ---- facts that several formats have */
bool read_hook(const struct dict_file *f, const char *name, const char *source, struct dict_spec *s,
               struct error *e)
{
    if (!f->hint->hook && !name)
        return true;
    s->source[DICT_FACT_HOOK] = f->hint->hook ? "option" : source;
    if (f->hint->hook) {
        s->at = *f->hint->hook;
        return true;
    }
    return point_parse(name, f->hint->model, &s->at, e) || error_prefix(e, "%s: hook", f->path);
}

bool hook_of_module(const char *name, char out[POINT_NAME_MAX])
{
    static const char *const site[][2] = {{".output", "resid.post"},
                                          {".input", "resid.pre"},
                                          {".post_feedforward_layernorm.output", "mlp.out"},
                                          {".self_attn.o_proj.input", "attn.z"},
                                          {".pre_feedforward_layernorm.output", "mlp.in"},
                                          {".post_attention_layernorm.input", "resid.mid"},
                                          {".attention.dense.input", "attn.z"},
                                          {".mlp.input", "mlp.in"},
                                          {".mlp.down_proj.input", "mlp.act"},
                                          {".mlp.dense_4h_to_h.input", "mlp.act"}};
    const char *at = strstr(name, "layers."), *end = "";
    const int32_t layer = at ? small_number(at + 7, &end) : -1;
    const size_t n = strlen(name);
    for (size_t i = 0; layer >= 0 && i < sizeof site / sizeof *site; i++)
        if (strcmp(end, site[i][0]) == 0) {
            snprintf(out, POINT_NAME_MAX, "layers.%d.%s", layer, site[i][1]);
            return true;
        }
    /* a module's path means its output */
    if (n < 8 || strcmp(name + n - 7, ".output") != 0 || n - 7 >= POINT_NAME_MAX)
        return false;
    snprintf(out, POINT_NAME_MAX, "%.*s", (int)n - 7, name);
    return true;
}

/* spec.in is read, its layer where that is `said`. */
static bool set_transcodes(const struct dict_file *f, bool said, const char *source,
                           struct dict_spec *s, struct error *e)
{
    char from[POINT_NAME_MAX], to[POINT_NAME_MAX];
    s->transcodes = true;
    s->source[DICT_FACT_TRANSCODES] = source;
    if (!said || s->at.layer == -2)
        s->in.layer = s->at.layer; /* whoever says where it is hooked is asked then */
    point_name(s->in, from);
    point_name(s->at, to);
    return s->at.layer == -2 || (s->in.layer == s->at.layer && point_compare(s->in, s->at) < 0) ||
           error_set(e, ERROR_INPUT,
                     "%s: a transcoder from %s to %s is not supported, expected one to a later "
                     "point of the same layer",
                     f->path, from, to);
}

bool read_transcodes(const struct dict_file *f, const char *from, const char *source,
                     struct dict_spec *s, struct error *e)
{
    s->in.site = SITE_MLP_IN;
    if (from && !point_parse(from, f->hint->model, &s->in, e))
        return error_prefix(e, "%s: what the transcoder reads", f->path);
    return set_transcodes(f, from != NULL, source, s, e);
}

bool read_transcoded_module(const struct dict_file *f, const char *module, const char *source,
                            struct dict_spec *s, struct error *e)
{
    s->in.site = SITE_MLP_IN;
    if (module && !point_read_by(module, f->hint->model, &s->in, e))
        return error_prefix(e, "%s: what the transcoder reads", f->path);
    return set_transcodes(f, module != NULL, source, s, e);
}

enum norm_in norm_in_named(const char *name, bool *known)
{
    for (enum norm_in n = NORM_IN_NONE; n <= NORM_IN_LENGTH; n++)
        if (strcmp(name, norm_in_name(n)) == 0) {
            *known = true;
            return n;
        }
    *known = false;
    return NORM_IN_NONE;
}

const char *norm_in_name(enum norm_in n)
{
    static const char *const name[] = {[NORM_IN_NONE] = "none",
                                       [NORM_IN_LAYER] = "layer_norm",
                                       [NORM_IN_LENGTH] = "constant_norm_rescale"};
    return name[n];
}

bool wants_k(const struct dict_spec *s)
{
    return s->select == SELECT_TOPK || s->select == SELECT_ABSTOPK || s->select == SELECT_GROUPMAX;
}

bool check_k(const struct dict_file *f, const struct dict_spec *s, struct error *e)
{
    if (!wants_k(s))
        return f->hint->k <= 0 ||
               error_set(e, ERROR_INPUT,
                         "%s: k is %d (from the option), expected none: select '%s' has no k",
                         f->path, f->hint->k, select_name(s->select));
    if (s->k < 1 || s->k > s->m)
        return error_set(e, ERROR_INPUT, "%s: k is %d (from the %s), expected 1 to %d", f->path,
                         s->k, s->source[DICT_FACT_K], s->m);
    return s->select != SELECT_GROUPMAX || s->m % s->k == 0 ||
           error_set(
               e, ERROR_INPUT,
               "%s: k is %d (from the %s), expected a divisor of the %d latents, which are in "
               "k groups",
               f->path, s->k, s->source[DICT_FACT_K], s->m);
}

bool read_k(const struct dict_file *f, int64_t k, const char *source, struct dict_spec *s,
            struct error *e)
{
    if (wants_k(s)) {
        bool option = f->hint->k > 0;
        s->k = option ? f->hint->k : k > 0 && k <= INT32_MAX ? (int32_t)k : -1;
        s->source[DICT_FACT_K] = option ? "option" : source;
    }
    return check_k(f, s, e);
}

int32_t small_number(const char *s, const char **end)
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

const char *select_name(enum select_kind k)
{
    static const char *const name[] = {
        [SELECT_TOPK] = "topk",   [SELECT_ABSTOPK] = "abstopk",   [SELECT_THRESHOLD] = "threshold",
        [SELECT_GATED] = "gated", [SELECT_GROUPMAX] = "groupmax", [SELECT_ALL] = "all"};
    return name[k];
}

/* ---- entries of a configuration */
static bool is_there(const json_t *v)
{
    return v && !json_is_null(v);
}

static bool wrong(const struct dict_file *f, const char *key, const json_t *v, const char *expected,
                  struct error *e)
{
    return error_set(e, ERROR_INPUT, "%s: '%s' is %s, expected %s", f->config_path, key,
                     json_kind(v), expected);
}

bool config_bool(const struct dict_file *f, const json_t *o, const char *key, bool *out,
                 struct error *e)
{
    const json_t *v = json_object_get(o, key);
    if (!is_there(v))
        return true;
    *out = json_is_true(v);
    return json_is_boolean(v) || wrong(f, key, v, "true or false", e);
}

bool config_int(const struct dict_file *f, const json_t *o, const char *key, int64_t *out,
                struct error *e)
{
    const json_t *v = json_object_get(o, key);
    if (!is_there(v))
        return true;
    *out = json_integer_value(v);
    return json_is_integer(v) || wrong(f, key, v, "a whole number", e);
}

bool config_string(const struct dict_file *f, const json_t *o, const char *key, const char **out,
                   struct error *e)
{
    const json_t *v = json_object_get(o, key);
    if (!is_there(v))
        return true;
    *out = json_string_value(v);
    return json_is_string(v) || wrong(f, key, v, "a string", e);
}

/* ---- what else a configuration says */
static bool is_kind(const json_t *v, enum config_kind kind)
{
    const json_int_t n = json_integer_value(v);
    switch (kind) {
    case CONFIG_TRUTH: return json_is_boolean(v);
    case CONFIG_COUNT: return json_is_integer(v) && n >= 0 && n <= INT32_MAX;
    case CONFIG_NUMBER: return json_is_number(v);
    case CONFIG_TEXT: return json_is_string(v);
    case CONFIG_LIST: return json_is_array(v);
    case CONFIG_OBJECT: return json_is_object(v);
    }
    return false;
}

bool config_check(const char *path, const json_t *o, const struct config_entry *entry,
                  struct error *e)
{
    static const char *const expected[] = {
        [CONFIG_TRUTH] = "true or false", [CONFIG_COUNT] = "a count",
        [CONFIG_NUMBER] = "a number",     [CONFIG_TEXT] = "a string",
        [CONFIG_LIST] = "a list",         [CONFIG_OBJECT] = "an object"};
    for (; entry->key; entry++) {
        const json_t *v = json_object_get(o, entry->key);
        if (is_there(v) && !is_kind(v, entry->kind))
            return error_set(e, ERROR_INPUT, "%s: '%s' is %s, expected %s", path, entry->key,
                             json_is_integer(v) && entry->kind == CONFIG_COUNT ? "out of range"
                                                                               : json_kind(v),
                             expected[entry->kind]);
    }
    return true;
}

bool config_agrees(const char *path, const json_t *o, const char *key, int32_t found,
                   const char *of_what, struct error *e)
{
    const json_t *v = json_object_get(o, key);
    return !is_there(v) || (json_is_integer(v) && json_integer_value(v) == found) ||
           error_set(e, ERROR_INPUT, "%s: '%s' is %" JSON_INTEGER_FORMAT ", expected %d %s", path,
                     key, json_integer_value(v), found, of_what);
}

bool config_within(const char *path, const json_t *o, const char *key, int32_t most,
                   struct error *e)
{
    const json_t *v = json_object_get(o, key);
    return !is_there(v) ||
           (json_is_integer(v) && json_integer_value(v) >= 1 && json_integer_value(v) <= most) ||
           error_set(e, ERROR_INPUT, "%s: '%s' is %s%" JSON_INTEGER_FORMAT ", expected 1 to %d",
                     path, key,
                     json_is_integer(v) ? "" : "no whole number: ", json_integer_value(v), most);
}

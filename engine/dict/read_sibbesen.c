/* The .pt of the Danish paper's authors: tensors, then the file's name, then the .json beside it,
 * which is often wrong. */
#include "engine/base/file.h"
#include "engine/base/memory.h"
#include "engine/dict/dict_private.h"
#include <stdlib.h>
#include <string.h>

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
static bool choose_k(const struct dict_file *f, const json_t *json, const struct error *bad,
                     struct dict_spec *s, struct error *e)
{
    const json_t *k = json_object_get(json, "k");
    int32_t named = k_of_path(f->path);
    if (f->hint->k > 0 || named > 0)
        return read_k(f, named, "file name", s, e);
    if (json_is_integer(k))
        return read_k(f, json_integer_value(k), "config", s, e);
    if (error_is_set(bad))
        return error_set(e, bad->kind, "%s: the name (…topk32…) does not say k, and %s", f->path,
                         bad->text);
    return error_set(e, ERROR_INPUT,
                     "%s: neither the name (…topk32…) nor the .json beside it says k", f->path);
}

static bool choose_hook(const struct dict_file *f, const json_t *json, struct dict_spec *s,
                        struct error *e)
{
    const char *config = json_string_value(json_object_get(json, "hookpoint"));
    if (f->hint->hook || config)
        return read_hook(f, config, "config", s, e);
    struct error not_a_point = {0};
    struct point any;
    struct model_config of_any_depth = {0};
    if (f->hint->model)
        of_any_depth = *f->hint->model;
    of_any_depth.n_layers = 0;
    char *stem = stem_of(f->path);
    bool ok = !point_parse(stem, &of_any_depth, &any, &not_a_point) ||
              read_hook(f, stem, "file name", s, e);
    free(stem);
    return ok;
}

static bool read_tensors(const struct dict_file *f, struct dict_spec *s, struct dict_parts *p,
                         struct error *e)
{
    struct dict_matrix w;
    if (!read_matrix(f, "W", -1, -1, ORDER_OUT_IN, &w, e) || !read_sizes(&w, s, e))
        return false;
    p->encoder = w;
    if (has_tensor(f, "WT")) {
        p->decoder = w;
        if (!read_matrix(f, "WT", s->n, s->m, ORDER_IN_OUT, &p->encoder, e))
            return false;
    }
    bool centre = has_tensor(f, "pre_encode_b"), b2 = has_tensor(f, "b2");
    if (centre && b2)
        return error_set(e, ERROR_INPUT,
                         "%s: has both pre_encode_b and b2, expected one decoder bias at most",
                         w.t.file);
    s->centre = centre;
    s->source[DICT_FACT_CENTRE] = centre ? "tensor pre_encode_b"
                                  : b2   ? "tensor b2"
                                         : "no tensor pre_encode_b";
    return read_vector(f, "b1", s->m, &p->encoder_bias, e) &&
           ((!centre && !b2) ||
            read_vector(f, centre ? "pre_encode_b" : "b2", s->n, &p->decoder_bias, e));
}

static bool knows(const struct dict_file *f)
{
    return tensors_are_pickled(f->tensors) && has_tensor(f, "W") && has_tensor(f, "b1");
}

static bool read(const struct dict_file *f, struct dict_spec *s, struct dict_parts *p,
                 struct error *e)
{
    s->format = "sibbesen .pt";
    s->select = SELECT_TOPK;
    s->relu = RELU_NEVER;
    char *stem = stem_of(f->path);
    bool relu = strstr(stem, "activation_function_relu") != NULL;
    if (strstr(stem, "topk"))
        s->source[DICT_FACT_SELECT] = s->source[DICT_FACT_RELU] = "file name";
    free(stem);
    if (relu) { /* in place of topk */
        s->select = SELECT_ALL;
        s->relu = RELU_AFTER;
        s->source[DICT_FACT_SELECT] = s->source[DICT_FACT_RELU] = "file name";
    }
    if (!read_tensors(f, s, p, e))
        return false;
    struct error bad = {0};
    json_t *json = beside(f->path, &bad);
    bool ok =
        (relu ? check_k(f, s, e) : choose_k(f, json, &bad, s, e)) && choose_hook(f, json, s, e);
    json_decref(json);
    return ok;
}

const struct dict_reader dict_reader_sibbesen = {knows, read};

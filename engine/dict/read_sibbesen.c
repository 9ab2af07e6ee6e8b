/* The .pt of the Danish paper's authors: tensors, then the file's name, then the .json beside it,
 * which is often wrong about the activation, about what is tied and about k; what it says of sizes
 * must be so, and of the right kind. */
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

struct beside { /* the .json; an empty object where there is none */
    char *path;
    json_t *j;
};

static bool open_beside(const char *path, struct beside *b, struct error *e)
{
    b->path = xasprintf("%.*s.json", (int)without_ending(path), path);
    b->j = file_is_named(b->path) ? json_read_object(b->path, 1 << 20, e) : json_object();
    return b->j != NULL;
}

static void release_beside(struct beside *b)
{
    json_decref(b->j);
    free(b->path);
}

static bool check_beside(const struct beside *b, const struct dict_spec *s, struct error *e)
{
    static const struct config_entry entries[] = {{"input_size", CONFIG_COUNT},
                                                  {"hidden_size", CONFIG_COUNT},
                                                  {"k", CONFIG_COUNT},
                                                  {"batch_size", CONFIG_COUNT},
                                                  {"num_batches_trained_on", CONFIG_COUNT},
                                                  {"hookpoint", CONFIG_TEXT},
                                                  {"learning_rate", CONFIG_NUMBER},
                                                  {"lambda_l1", CONFIG_NUMBER},
                                                  {"pre_encoder_bias", CONFIG_TRUTH},
                                                  {"same_W", CONFIG_TRUTH},
                                                  {"activation_function", CONFIG_TEXT},
                                                  {NULL, CONFIG_TEXT}};
    return config_check(b->path, b->j, entries, e) &&
           config_agrees(b->path, b->j, "input_size", s->n, "inputs of the weights", e) &&
           config_agrees(b->path, b->j, "hidden_size", s->m, "latents of the weights", e) &&
           config_within(b->path, b->j, "k", s->m, e);
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

static bool choose_k(const struct dict_file *f, const json_t *json, struct dict_spec *s,
                     struct error *e)
{
    const json_t *k = json_object_get(json, "k");
    int32_t named = k_of_path(f->path);
    if (f->hint->k > 0 || named > 0)
        return read_k(f, named, "file name", s, e);
    if (json_is_integer(k))
        return read_k(f, json_integer_value(k), "config", s, e);
    return error_set(e, ERROR_INPUT,
                     "%s: neither the name (…topk32…) nor the .json beside it says k", f->path);
}

static bool choose_hook(const struct dict_file *f, const struct beside *b, struct dict_spec *s,
                        struct error *e)
{
    const char *config = json_string_value(json_object_get(b->j, "hookpoint"));
    if (f->hint->hook || config)
        return read_hook(f, config, "config", s, e) ||
               (!f->hint->hook && error_prefix(e, "%s", b->path));
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
    struct beside b;
    bool ok = open_beside(f->path, &b, e) && check_beside(&b, s, e) &&
              (relu ? check_k(f, s, e) : choose_k(f, b.j, s, e)) && choose_hook(f, &b, s, e);
    release_beside(&b);
    return ok;
}

const struct dict_reader dict_reader_sibbesen = {knows, read};

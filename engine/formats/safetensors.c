/* The safetensors format (github.com/huggingface/safetensors, README "Format"): 8 bytes length N
 * little-endian, N bytes of JSON {"name": {"dtype", "shape", "data_offsets": [begin, end]},
 * "__metadata__": {string: string}}, then the data, covered by the tensors without holes or
 * overlaps. */
#include "engine/base/memory.h"
#include "engine/formats/file_out.h"
#include "engine/formats/json.h"
#include "engine/formats/tensors_private.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* The format allows 100 MB; a header of 16 MiB already describes some 150,000 tensors, and parsed
 * JSON takes many times its text. */
#define HEADER_MAX ((size_t)16 << 20)

static const struct element_type element_types[] = {
    {"F32", DTYPE_F32, 4}, {"F16", DTYPE_F16, 2}, {"BF16", DTYPE_BF16, 2}, {"I32", DTYPE_I32, 4},
    {"F64", -1, 8},        {"I64", -1, 8},        {"U64", -1, 8},          {"C64", -1, 8},
    {"U32", -1, 4},        {"I16", -1, 2},        {"U16", -1, 2},          {"I8", -1, 1},
    {"U8", -1, 1},         {"BOOL", -1, 1},       {"F8_E4M3", -1, 1},      {"F8_E5M2", -1, 1},
    {"F8_E8M0", -1, 1},    {"F6_E2M3", -1, 0},    {"F6_E3M2", -1, 0},      {"F4", -1, 0},
    {"C128", -1, 16},
};

const struct element_type *element_type_find(const char *name)
{
    for (size_t i = 0; i < sizeof element_types / sizeof *element_types; i++)
        if (strcmp(element_types[i].name, name) == 0)
            return &element_types[i];
    return NULL;
}

static bool read_shape(struct named_tensor *t, const json_t *shape, struct error *e)
{
    if (!json_is_array(shape))
        return error_set(e, ERROR_INPUT, "%s: tensor '%s' has %s for a shape, expected a list",
                         t->file, t->name, json_kind(shape));
    if (json_array_size(shape) > TENSOR_MAX_DIMS)
        return error_set(e, ERROR_INPUT, "%s: tensor '%s' has %zu dimensions, expected at most %d",
                         t->file, t->name, json_array_size(shape), TENSOR_MAX_DIMS);
    t->n_dims = (int32_t)json_array_size(shape);
    for (size_t i = 0; i < json_array_size(shape); i++) {
        const json_t *d = json_array_get(shape, i);
        if (!json_is_integer(d) || json_integer_value(d) < 0)
            return error_set(e, ERROR_INPUT,
                             "%s: dimension %zu of tensor '%s' is %s, expected a count", t->file, i,
                             t->name, json_is_integer(d) ? "negative" : json_kind(d));
        t->dim[i] = json_integer_value(d);
    }
    return true;
}

/* data_offsets into t->data and n_bytes, inside the n bytes at base. */
static bool read_offsets(struct named_tensor *t, const json_t *offsets, const uint8_t *base,
                         size_t n, struct error *e)
{
    const json_t *from = json_array_get(offsets, 0), *to = json_array_get(offsets, 1);
    if (json_array_size(offsets) != 2 || !json_is_integer(from) || !json_is_integer(to))
        return error_set(e, ERROR_INPUT, "%s: data_offsets of tensor '%s' are not two integers",
                         t->file, t->name);
    const json_int_t a = json_integer_value(from), b = json_integer_value(to);
    if (a < 0 || b < a || (uint64_t)b > n)
        return error_set(e, ERROR_INPUT,
                         "%s: tensor '%s' lies at bytes %" JSON_INTEGER_FORMAT
                         " to %" JSON_INTEGER_FORMAT " of %zu bytes of data (is the file cut off?)",
                         t->file, t->name, a, b, n);
    t->data = base + a;
    t->n_bytes = (size_t)(b - a);
    return true;
}

static bool read_tensor(struct tensors *ts, const char *name, const json_t *j, const uint8_t *base,
                        size_t n, struct error *e)
{
    const char *file = ts->file[ts->n_files - 1].path;
    struct named_tensor t = {.name = name, .type = -1, .file = file};
    const json_t *dtype = json_object_get(j, "dtype");
    if (!json_is_string(dtype))
        return error_set(e, ERROR_INPUT, "%s: tensor '%s' has %s for a dtype, expected a string",
                         file, name, json_kind(dtype));
    if (!read_shape(&t, json_object_get(j, "shape"), e) ||
        !read_offsets(&t, json_object_get(j, "data_offsets"), base, n, e))
        return false;
    const struct element_type *type = element_type_find(json_string_value(dtype));
    if (type != NULL && type->n_bytes > 0) {
        size_t need = 0;
        char shape[128];
        shape_text(shape, sizeof shape, t.n_dims, t.dim);
        if (!shape_bytes(t.n_dims, t.dim, type->n_bytes, &need) || need != t.n_bytes)
            return error_set(e, ERROR_INPUT,
                             "%s: tensor '%s' has %zu bytes, which %s %s does not take", file, name,
                             t.n_bytes, type->name, shape);
    }
    t.name = tensors_own(ts, xstrdup(name));
    t.type_name = type != NULL ? type->name : tensors_own(ts, xstrdup(json_string_value(dtype)));
    t.type = type != NULL ? type->type : -1;
    tensors_add(ts, &t);
    return true;
}

static bool read_facts(struct tensors *ts, json_t *metadata, struct error *e)
{
    const char *file = ts->file[ts->n_files - 1].path, *key;
    json_t *value;
    if (!json_is_object(metadata))
        return error_set(e, ERROR_INPUT, "%s: __metadata__ is %s, expected an object", file,
                         json_kind(metadata));
    json_object_foreach(metadata, key, value)
    {
        if (!json_is_string(value))
            return error_set(e, ERROR_INPUT, "%s: '%s' of __metadata__ is %s, expected a string",
                             file, key, json_kind(value));
        tensors_add_fact(ts, key, json_string_value(value));
    }
    return true;
}

static int by_place(const void *a, const void *b)
{
    const struct named_tensor *s = a, *t = b;
    if (s->data != t->data)
        return (const uint8_t *)s->data < (const uint8_t *)t->data ? -1 : 1;
    return s->n_bytes < t->n_bytes ? -1 : s->n_bytes > t->n_bytes;
}

/* The format wants every byte of the data in exactly one tensor. */
static bool check_cover(struct named_tensor *t, size_t n_tensors, const char *file,
                        const uint8_t *base, size_t n, struct error *e)
{
    qsort(t, n_tensors, sizeof *t, by_place);
    size_t at = 0;
    for (size_t i = 0; i < n_tensors; i++) {
        const size_t from = (size_t)((const uint8_t *)t[i].data - base);
        if (from != at)
            return error_set(
                e, ERROR_INPUT, "%s: tensor '%s' begins at byte %zu of the data, expected %zu (%s)",
                file, t[i].name, from, at, from < at ? "it overlaps another" : "a hole");
        at += t[i].n_bytes;
    }
    if (at != n)
        return error_set(e, ERROR_INPUT, "%s: %zu bytes of data, of which the tensors cover %zu",
                         file, n, at);
    return true;
}

static uint64_t read_u64(const uint8_t *p)
{
    uint64_t n = 0;
    for (int i = 7; i >= 0; i--)
        n = n << 8 | p[i];
    return n;
}

bool safetensors_read(struct tensors *ts, struct error *e)
{
    const struct tensor_file *f = &ts->file[ts->n_files - 1];
    if (f->map.n < 8)
        return error_set(e, ERROR_INPUT, "%s: %zu bytes, too few for a safetensors file", f->path,
                         f->map.n);
    const uint64_t n_header = read_u64(f->map.p);
    if (n_header > f->map.n - 8 || n_header > HEADER_MAX)
        return error_set(e, ERROR_INPUT,
                         "%s: a header of %" PRIu64
                         " bytes in a file of %zu, no safetensors file or cut off",
                         f->path, n_header, f->map.n);
    const uint8_t *base = f->map.p + 8 + n_header;
    const size_t n_data = f->map.n - 8 - (size_t)n_header, first = ts->n;
    json_t *header = json_parse_object((const char *)f->map.p + 8, (size_t)n_header, f->path, e);
    if (header == NULL)
        return false;
    bool ok = false;
    const char *name;
    json_t *j;
    json_object_foreach(header, name, j)
    {
        if (strcmp(name, "__metadata__") == 0 ? !read_facts(ts, j, e)
                                              : !read_tensor(ts, name, j, base, n_data, e))
            goto cleanup;
    }
    ok = ts->n > first
             ? check_cover(ts->t + first, ts->n - first, f->path, base, n_data, e)
             : n_data == 0 || error_set(e, ERROR_INPUT, "%s: data without a tensor", f->path);
cleanup:
    json_decref(header);
    return ok;
}

static bool describe(json_t *header, const struct tensor_out *t, size_t *at, struct error *e)
{
    static const char *const spelling[] = {
        [DTYPE_F32] = "F32", [DTYPE_F16] = "F16", [DTYPE_BF16] = "BF16", [DTYPE_I32] = "I32"};
    size_t n = 0;
    if (t->n_dims < 0 || t->n_dims > TENSOR_MAX_DIMS ||
        !shape_bytes(t->n_dims, t->dim, dtype_size(t->type), &n))
        return error_set(e, ERROR_INPUT, "tensor '%s' has an impossible shape", t->name);
    json_t *shape = json_array();
    for (int32_t i = 0; i < t->n_dims; i++)
        json_array_append_new(shape, json_integer(t->dim[i]));
    const json_int_t from = (json_int_t)*at, to = from + (json_int_t)n;
    json_t *entry = json_pack("{s:s, s:o, s:[I, I]}", "dtype", spelling[t->type], "shape", shape,
                              "data_offsets", from, to);
    if (json_object_get(header, t->name) != NULL) {
        json_decref(entry);
        return error_set(e, ERROR_INPUT, "tensor '%s' is there twice", t->name);
    }
    if (json_object_set_new(header, t->name, entry) != 0)
        return error_set(e, ERROR_INPUT, "the name of tensor '%s' is no UTF-8", t->name);
    *at += n;
    return true;
}

/* Length and JSON, padded with spaces so that the data begin at a multiple of 8. */
static bool write_header(struct file_out *f, const struct tensor_out *t, size_t n,
                         const char *const *metadata, struct error *e)
{
    bool ok = false;
    char *text = NULL;
    size_t at = 0;
    json_t *header = json_object(), *facts = NULL;
    if (metadata != NULL && metadata[0] != NULL) {
        facts = json_object();
        for (size_t i = 0; metadata[i] != NULL; i += 2)
            if (json_object_set_new(facts, metadata[i], json_string(metadata[i + 1])) != 0) {
                error_set(e, ERROR_INPUT, "metadata '%s' is no UTF-8", metadata[i]);
                goto cleanup;
            }
        json_object_set(header, "__metadata__", facts);
    }
    for (size_t i = 0; i < n; i++)
        if (!describe(header, &t[i], &at, e))
            goto cleanup;
    text = json_dumps(header, JSON_COMPACT);
    if (text == NULL) {
        error_set(e, ERROR_SYSTEM, "out of memory for a header");
        goto cleanup;
    }
    const size_t len = strlen(text), padded = (len + 7) / 8 * 8;
    uint8_t count[8];
    for (int i = 0; i < 8; i++)
        count[i] = (uint8_t)(padded >> 8 * i);
    ok = file_out_write(f, count, sizeof count, e) && file_out_write(f, text, len, e) &&
         file_out_write(f, "        ", padded - len, e);
cleanup:
    free(text);
    json_decref(facts);
    json_decref(header);
    return ok;
}

bool tensors_save_safetensors(const char *path, const struct tensor_out *t, size_t n,
                              const char *const *metadata, struct error *e)
{
    struct file_out f;
    if (!file_out_open(&f, path, e))
        return false;
    bool ok = write_header(&f, t, n, metadata, e) || error_prefix(e, "writing %s", path);
    for (size_t i = 0; ok && i < n; i++) {
        size_t bytes = 0;
        ok = shape_bytes(t[i].n_dims, t[i].dim, dtype_size(t[i].type), &bytes) &&
             file_out_write(&f, t[i].data, bytes, e);
    }
    if (ok)
        return file_out_commit(&f, e);
    file_out_abort(&f);
    return false;
}

/* PyTorch's .pt: a zip of PREFIX/data.pkl and PREFIX/data/KEY, one entry a storage
 * (torch/serialization.py, caffe2/serialize). Dicts within dicts and lists become names with dots.
 */
#include "engine/base/memory.h"
#include "engine/formats/pickle.h"
#include "engine/formats/tensors_private.h"
#include "engine/formats/zip.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 16
/* Of names and metadata together. Containers and strings may be shared, so that a short pickle
 * could spell out an exponential number of them. */
#define WALK_MAX ((size_t)64 << 20)

struct reader {
    struct tensors *ts;
    const char *path;
    size_t n_file;
    struct zip zip;
    const char *prefix; /* of every entry, with its '/'; n_prefix bytes, no NUL */
    size_t n_prefix;
    size_t n_copied; /* bytes of transposed copies made so far */
    size_t n_walked; /* bytes of names and metadata so far */
    struct error *e;
};

static const struct zip_entry *find_entry(const struct reader *r, const char *name)
{
    char *full = xasprintf("%.*s%s", (int)r->n_prefix, r->prefix, name);
    const struct zip_entry *entry = zip_find(&r->zip, full, strlen(full));
    free(full);
    return entry;
}

/* The one NAME/data.pkl (or data.pkl) of the archive sets the prefix. */
static bool find_prefix(struct reader *r)
{
    static const char pickle[] = "data.pkl";
    const size_t n = sizeof pickle - 1;
    bool found = false;
    for (size_t i = 0; i < r->zip.n; i++) {
        const struct zip_entry *entry = &r->zip.entry[i];
        if (entry->n_name < n || memcmp(entry->name + entry->n_name - n, pickle, n) != 0)
            continue;
        const char *slash = memchr(entry->name, '/', entry->n_name);
        const size_t n_prefix = entry->n_name - n;
        if (slash == NULL ? n_prefix != 0 : (size_t)(slash - entry->name) + 1 != n_prefix)
            continue;
        if (found)
            return error_set(r->e, ERROR_INPUT,
                             "%s: found two data.pkl in the archive, expected one", r->path);
        if (memchr(entry->name, 0, n_prefix) != NULL)
            return error_set(r->e, ERROR_INPUT,
                             "%s: the folder of data.pkl has a NUL byte in its name", r->path);
        found = true;
        r->prefix = entry->name;
        r->n_prefix = n_prefix;
    }
    return found ||
           error_set(r->e, ERROR_INPUT,
                     "%s: a zip archive without data.pkl, not what torch.save writes", r->path);
}

static bool check_byteorder(const struct reader *r)
{
    const struct zip_entry *order = find_entry(r, "byteorder");
    if (order == NULL || (order->n == 6 && memcmp(order->p, "little", 6) == 0))
        return true;
    return error_set(r->e, ERROR_INPUT, "%s: byte order '%.*s', expected little", r->path,
                     order->n < 16 ? (int)order->n : 16, (const char *)order->p);
}

/* Row-major without gaps; dimensions of 1 may have any stride, an empty tensor any at all. */
static bool is_contiguous(const struct named_tensor *t, const int64_t *stride)
{
    uint64_t want = 1;
    for (int32_t i = 0; i < t->n_dims; i++)
        if (t->dim[i] == 0)
            return true;
    for (int32_t i = t->n_dims - 1; i >= 0; i--) {
        if (t->dim[i] != 1 && (uint64_t)stride[i] != want)
            return false;
        want *= (uint64_t)t->dim[i]; /* fits: the caller has checked the product */
    }
    return true;
}

static bool is_transposed(const struct named_tensor *t, const int64_t *stride)
{
    return t->n_dims == 2 && stride[0] == 1 && stride[1] == t->dim[0];
}

/* src holds the transpose [cols, rows]; in blocks, because one of the two is walked in large
 * strides. */
static void transpose(uint8_t *dst, const uint8_t *src, size_t rows, size_t cols, size_t element)
{
    const size_t block = 32;
    for (size_t r0 = 0; r0 < rows; r0 += block)
        for (size_t c0 = 0; c0 < cols; c0 += block)
            for (size_t r = r0; r < rows && r < r0 + block; r++)
                for (size_t c = c0; c < cols && c < c0 + block; c++)
                    memcpy(dst + (r * cols + c) * element, src + (c * rows + r) * element, element);
}

static bool copy_transposed(struct reader *r, struct named_tensor *t, size_t element)
{
    /* Each storage is copied at most once in an honest file; views of one storage must not multiply
     * it. */
    if (t->n_bytes > r->n_file - r->n_copied)
        return error_set(r->e, ERROR_INPUT,
                         "%s: tensor '%s' is one of too many transposed views of the same data",
                         r->path, t->name);
    uint8_t *copy = malloc(t->n_bytes > 0 ? t->n_bytes : 1);
    if (copy == NULL)
        return error_set(r->e, ERROR_SYSTEM,
                         "%s: out of memory: %zu bytes to transpose tensor '%s'", r->path,
                         t->n_bytes, t->name);
    r->n_copied += t->n_bytes;
    tensors_own(r->ts, copy);
    transpose(copy, t->data, (size_t)t->dim[0], (size_t)t->dim[1], element);
    t->data = copy;
    return true;
}

/* The bytes of the tensor's storage, as many as its count of elements says. */
static bool find_storage(struct reader *r, const char *name, const struct pickle_value *s,
                         size_t element, const uint8_t **p, size_t *n)
{
    char *key = xasprintf("data/%s", s->storage.key);
    const struct zip_entry *entry = find_entry(r, key);
    free(key);
    if (entry == NULL)
        return error_set(r->e, ERROR_INPUT, "%s: tensor '%s': the archive has no entry data/%s",
                         r->path, name, s->storage.key);
    if (!size_mul((size_t)s->storage.n, element, n) || *n > entry->n)
        return error_set(r->e, ERROR_INPUT,
                         "%s: tensor '%s': data/%s has %zu bytes, expected %" PRId64 " of %zu",
                         r->path, name, s->storage.key, entry->n, s->storage.n, element);
    *p = entry->p;
    return true;
}

/* Shape and strides into *t and stride; every count checked, so that their product fits. */
static bool read_layout(struct reader *r, struct named_tensor *t, const struct pickle_value *v,
                        size_t element, int64_t *stride)
{
    const size_t n_dims = v->tensor.size->items.n;
    if (n_dims > TENSOR_MAX_DIMS)
        return error_set(r->e, ERROR_INPUT,
                         "%s: tensor '%s' has %zu dimensions, expected at most %d", r->path,
                         t->name, n_dims, TENSOR_MAX_DIMS);
    t->n_dims = (int32_t)n_dims;
    for (size_t i = 0; i < n_dims; i++) {
        t->dim[i] = v->tensor.size->items.v[i]->integer;
        stride[i] = v->tensor.stride->items.v[i]->integer;
    }
    if (!shape_bytes(t->n_dims, t->dim, element, &t->n_bytes))
        return error_set(r->e, ERROR_INPUT, "%s: tensor '%s' has an impossible shape", r->path,
                         t->name);
    return true;
}

static bool read_tensor(struct reader *r, const char *name, const struct pickle_value *v)
{
    const struct pickle_value *s = v->tensor.storage;
    const struct element_type *type = element_type_find(s->storage.type->element);
    struct named_tensor t = {.name = tensors_own(r->ts, xstrdup(name)),
                             .type = type->type,
                             .type_name = type->name,
                             .file = r->path};
    int64_t stride[TENSOR_MAX_DIMS];
    const uint8_t *p = NULL;
    size_t n = 0, skip = 0;
    if (!find_storage(r, name, s, type->n_bytes, &p, &n) ||
        !read_layout(r, &t, v, type->n_bytes, stride))
        return false;
    const bool transposed = !is_contiguous(&t, stride);
    if (transposed && !is_transposed(&t, stride))
        return error_set(r->e, ERROR_INPUT,
                         "%s: tensor '%s' is a strided view, expected a contiguous or transposed "
                         "one (save it with "
                         ".contiguous())",
                         r->path, name);
    if (v->tensor.offset < 0 || !size_mul((size_t)v->tensor.offset, type->n_bytes, &skip) ||
        skip > n || t.n_bytes > n - skip)
        return error_set(r->e, ERROR_INPUT, "%s: tensor '%s' lies outside its storage of %zu bytes",
                         r->path, name, n);
    t.data = p + skip;
    if (transposed && !copy_transposed(r, &t, type->n_bytes))
        return false;
    tensors_add(r->ts, &t);
    return true;
}

static void add_scalar(struct reader *r, const char *name, const struct pickle_value *v)
{
    char text[40];
    switch (v->kind) {
    case PICKLE_STRING: tensors_add_fact(r->ts, name, v->string.s); return;
    case PICKLE_BOOL: tensors_add_fact(r->ts, name, v->truth ? "true" : "false"); return;
    case PICKLE_INT: snprintf(text, sizeof text, "%" PRId64, v->integer); break;
    case PICKLE_FLOAT: /* 0.9, not 0.90000000000000002 */
        for (int digits = 15; digits <= 17; digits++) {
            snprintf(text, sizeof text, "%.*g", digits, v->number);
            const double back = strtod(text, NULL);
            if (back >= v->number && back <= v->number)
                break;
        }
        break;
    default: return; /* None says nothing; names and storages by themselves are no values */
    }
    tensors_add_fact(r->ts, name, text);
}

static bool walk(struct reader *r, const char *name, const struct pickle_value *v, int depth);

static bool walk_item(struct reader *r, const char *name, const char *key,
                      const struct pickle_value *v, int depth)
{
    char *full = name[0] != '\0' ? xasprintf("%s.%s", name, key) : xstrdup(key);
    const bool ok = walk(r, full, v, depth + 1);
    free(full);
    return ok;
}

static bool walk_dict(struct reader *r, const char *name, const struct pickle_value *v, int depth)
{
    for (size_t i = 0; i < v->items.n; i += 2) {
        const struct pickle_value *key = v->items.v[i];
        char number[24];
        if (key->kind == PICKLE_INT)
            snprintf(number, sizeof number, "%" PRId64, key->integer);
        else if (key->kind != PICKLE_STRING)
            return error_set(r->e, ERROR_INPUT,
                             "%s: a key of '%s' is neither a string nor an integer", r->path, name);
        if (!walk_item(r, name, key->kind == PICKLE_INT ? number : key->string.s, v->items.v[i + 1],
                       depth))
            return false;
    }
    return true;
}

static bool walk(struct reader *r, const char *name, const struct pickle_value *v, int depth)
{
    r->n_walked += strlen(name) + (v->kind == PICKLE_STRING ? strlen(v->string.s) : 0) +
                   sizeof(struct named_tensor);
    if (r->n_walked > WALK_MAX)
        return error_set(r->e, ERROR_INPUT, "%s: the pickle describes more than %zu bytes of names",
                         r->path, WALK_MAX);
    if (v->kind == PICKLE_TENSOR)
        return read_tensor(r, name, v);
    if (v->kind != PICKLE_DICT && v->kind != PICKLE_LIST && v->kind != PICKLE_TUPLE) {
        add_scalar(r, name, v);
        return true;
    }
    if (depth > DEPTH_MAX)
        return error_set(r->e, ERROR_INPUT, "%s: '%.100s' is nested too deeply", r->path, name);
    if (v->kind == PICKLE_DICT)
        return walk_dict(r, name, v, depth);
    for (size_t i = 0; i < v->items.n; i++) {
        char key[24];
        snprintf(key, sizeof key, "%zu", i);
        if (!walk_item(r, name, key, v->items.v[i], depth))
            return false;
    }
    return true;
}

bool pt_read(struct tensors *ts, struct error *e)
{
    const struct tensor_file *f = &ts->file[ts->n_files - 1];
    struct reader r = {.ts = ts, .path = f->path, .n_file = f->map.n, .e = e};
    struct pickle *pickle = NULL;
    bool ok = false;
    if (!zip_read(&r.zip, f->map.p, f->map.n, f->path, e) || !zip_all_stored(&r.zip, f->path, e) ||
        !find_prefix(&r) || !check_byteorder(&r))
        goto cleanup;
    const struct zip_entry *entry = find_entry(&r, "data.pkl");
    pickle = pickle_read(entry->p, entry->n, f->path, e);
    if (pickle == NULL)
        goto cleanup;
    const struct pickle_value *root = pickle_root(pickle);
    if (root->kind != PICKLE_DICT) {
        error_set(e, ERROR_INPUT,
                  "%s: the archive holds something else than a state dict of named tensors",
                  f->path);
        goto cleanup;
    }
    ok = walk(&r, "", root, 0);
cleanup:
    pickle_free(pickle);
    zip_release(&r.zip);
    return ok;
}

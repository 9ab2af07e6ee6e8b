/* PyTorch's .pt: a zip of PREFIX/data.pkl and PREFIX/data/KEY, one entry a storage
 * (torch/serialization.py, caffe2/serialize). Dicts within dicts and lists become names with dots.
 * Views with gaps or turned dimensions are copied into their order. torch.save deflates nothing,
 * but archives are packed again by others. */
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
    struct zip zip;
    const char *prefix; /* of every entry, with its '/'; n_prefix bytes, no NUL */
    size_t n_prefix;
    size_t n_data;            /* bytes of the file, with all of it inflated */
    const uint8_t **inflated; /* by entry; NULL: not yet, or stored */
    size_t n_copied;          /* bytes of copied views made so far */
    size_t n_walked;          /* bytes of names and metadata so far */
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

/* An entry's bytes, inflated once. */
static bool entry_bytes(struct reader *r, const struct zip_entry *entry, const uint8_t **p,
                        size_t *n)
{
    const size_t i = (size_t)(entry - r->zip.entry);
    *p = entry->p, *n = entry->n;
    if (entry->n_inflated == 0)
        return true;
    if (!r->inflated[i]) {
        uint8_t *own = zip_inflate(entry, r->path, r->e);
        if (!own)
            return false;
        r->inflated[i] = tensors_own(r->ts, own);
    }
    *p = r->inflated[i], *n = entry->n_inflated;
    return true;
}

static bool check_byteorder(struct reader *r)
{
    const struct zip_entry *order = find_entry(r, "byteorder");
    const uint8_t *p;
    size_t n;
    if (order == NULL)
        return true;
    if (!entry_bytes(r, order, &p, &n))
        return false;
    return (n == 6 && memcmp(p, "little", 6) == 0) ||
           error_set(r->e, ERROR_INPUT, "%s: byte order '%.*s', expected little", r->path,
                     n < 16 ? (int)n : 16, (const char *)p);
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

/* In blocks of the last two dimensions, because one of the two may be walked in large strides. */
static void gather(uint8_t *dst, const uint8_t *src, const struct named_tensor *t,
                   const int64_t *stride, size_t element)
{
    enum { BLOCK = 32 };
    size_t dim[TENSOR_MAX_DIMS], step[TENSOR_MAX_DIMS];
    for (int i = 0; i < TENSOR_MAX_DIMS; i++) {
        const int from = i - (TENSOR_MAX_DIMS - t->n_dims);
        dim[i] = from < 0 ? 1 : (size_t)t->dim[from];
        step[i] = from < 0 ? 0 : (size_t)stride[from] * element;
    }
    const size_t rows = dim[2], cols = dim[3];
    for (size_t i = 0; i < dim[0] * dim[1]; i++, dst += rows * cols * element) {
        const uint8_t *from = src + i / dim[1] * step[0] + i % dim[1] * step[1];
        for (size_t r0 = 0; r0 < rows; r0 += BLOCK)
            for (size_t c0 = 0; c0 < cols; c0 += BLOCK)
                for (size_t r = r0; r < rows && r < r0 + BLOCK; r++)
                    for (size_t c = c0; c < cols && c < c0 + BLOCK; c++)
                        memcpy(dst + (r * cols + c) * element, from + r * step[2] + c * step[3],
                               element);
    }
}

static bool copy_view(struct reader *r, struct named_tensor *t, const int64_t *stride,
                      size_t element)
{
    /* Each storage is copied at most once in an honest file; views of one storage must not multiply
     * it. */
    if (t->n_bytes > r->n_data - r->n_copied)
        return error_set(r->e, ERROR_INPUT,
                         "%s: tensor '%s' is one of too many strided views of the same data",
                         r->path, t->name);
    uint8_t *copy = malloc(t->n_bytes > 0 ? t->n_bytes : 1);
    if (copy == NULL)
        return error_set(r->e, ERROR_SYSTEM, "%s: out of memory: %zu bytes to copy tensor '%s'",
                         r->path, t->n_bytes, t->name);
    r->n_copied += t->n_bytes;
    tensors_own(r->ts, copy);
    gather(copy, t->data, t, stride, element);
    t->data = copy;
    return true;
}

/* From its first byte to behind its last, in the storage; false: a stride that leads back, or
 * beyond all counting. */
static bool view_span(const struct named_tensor *t, const int64_t *stride, size_t element,
                      size_t *out)
{
    size_t last = 0, step;
    for (int32_t i = 0; i < t->n_dims; i++)
        if (stride[i] < 0)
            return false;
    *out = 0;
    if (t->n_bytes == 0)
        return true;
    for (int32_t i = 0; i < t->n_dims; i++) {
        if (!size_mul((size_t)t->dim[i] - 1, (size_t)stride[i], &step) ||
            step > SIZE_MAX / 2 - last)
            return false;
        last += step;
    }
    return size_mul(last + 1, element, out);
}

/* The bytes of the tensor's storage, as many as its count of elements says. */
static bool find_storage(struct reader *r, const char *name, const struct pickle_value *s,
                         size_t element, const uint8_t **p, size_t *n)
{
    char *key = xasprintf("data/%s", s->storage.key);
    const struct zip_entry *entry = find_entry(r, key);
    free(key);
    size_t there;
    if (entry == NULL)
        return error_set(r->e, ERROR_INPUT, "%s: tensor '%s': the archive has no entry data/%s",
                         r->path, name, s->storage.key);
    if (!entry_bytes(r, entry, p, &there))
        return false;
    if (!size_mul((size_t)s->storage.n, element, n) || *n > there)
        return error_set(r->e, ERROR_INPUT,
                         "%s: tensor '%s': data/%s has %zu bytes, expected %" PRId64 " of %zu",
                         r->path, name, s->storage.key, there, s->storage.n, element);
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
    size_t span;
    if (!view_span(&t, stride, type->n_bytes, &span))
        return error_set(r->e, ERROR_INPUT, "%s: tensor '%s' has impossible strides", r->path,
                         name);
    if (v->tensor.offset < 0 || !size_mul((size_t)v->tensor.offset, type->n_bytes, &skip) ||
        skip > n || span > n - skip)
        return error_set(r->e, ERROR_INPUT, "%s: tensor '%s' lies outside its storage of %zu bytes",
                         r->path, name, n);
    t.data = p + skip;
    if (!is_contiguous(&t, stride) && !copy_view(r, &t, stride, type->n_bytes))
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

/* Before it is inflated. */
static bool check_pickle_size(const struct reader *r, const struct zip_entry *entry)
{
    return entry->n_inflated <= PICKLE_MAX ||
           error_set(r->e, ERROR_INPUT, "%s: a pickle of %zu bytes, expected at most %zu", r->path,
                     entry->n_inflated, PICKLE_MAX);
}

static bool read_archive(struct reader *r)
{
    const uint8_t *p;
    size_t n;
    for (size_t i = 0; i < r->zip.n; i++) {
        const struct zip_entry *entry = &r->zip.entry[i];
        if (entry->n_inflated > entry->n && entry->n_inflated < SIZE_MAX / 2 - r->n_data)
            r->n_data += entry->n_inflated - entry->n;
    }
    r->inflated = xcalloc(r->zip.n + 1, sizeof *r->inflated);
    if (!find_prefix(r) || !check_byteorder(r))
        return false;
    const struct zip_entry *entry = find_entry(r, "data.pkl");
    if (!check_pickle_size(r, entry) || !entry_bytes(r, entry, &p, &n))
        return false;
    struct pickle *pickle = pickle_read(p, n, r->path, r->e);
    if (pickle == NULL)
        return false;
    const struct pickle_value *root = pickle_root(pickle);
    const bool ok =
        root->kind == PICKLE_DICT
            ? walk(r, "", root, 0)
            : error_set(r->e, ERROR_INPUT,
                        "%s: the archive holds something else than a state dict of named tensors",
                        r->path);
    pickle_free(pickle);
    return ok;
}

bool pt_read(struct tensors *ts, struct error *e)
{
    const struct tensor_file *f = &ts->file[ts->n_files - 1];
    struct reader r = {.ts = ts, .path = f->path, .n_data = f->map.n, .e = e};
    const bool ok = zip_read(&r.zip, f->map.p, f->map.n, f->path, e) && read_archive(&r);
    zip_release(&r.zip);
    free(r.inflated);
    return ok;
}

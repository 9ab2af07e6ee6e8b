/* NumPy's .npz: a zip of arrays NAME.npy, stored or deflated (numpy/lib/format.py, versions 1 to
 * 3). The header is a Python literal of three entries; nothing else is accepted of it, and nothing
 * is evaluated. */
#include "engine/base/memory.h"
#include "engine/formats/tensors_private.h"
#include "engine/formats/zip.h"
#include <stdlib.h>
#include <string.h>

enum { LOCAL_SIZE = 30, MAGIC_SIZE = 8, HEADER_MAX = 1 << 16 };

static const struct {
    const char *descr, *element; /* NumPy's spelling, safetensors' */
} types[] = {{"<f4", "F32"}, {"<f2", "F16"}, {"<f8", "F64"}, {"<i4", "I32"},
             {"<i8", "I64"}, {"<u4", "U32"}, {"<u8", "U64"}, {"<i2", "I16"},
             {"<u2", "U16"}, {"|i1", "I8"},  {"|u1", "U8"},  {"|b1", "BOOL"}};

bool npz_is(const uint8_t *p, size_t n)
{
    if (n < LOCAL_SIZE)
        return false;
    const size_t n_name = (size_t)p[26] | (size_t)p[27] << 8;
    return n_name >= 4 && n_name <= n - LOCAL_SIZE &&
           memcmp(p + LOCAL_SIZE + n_name - 4, ".npy", 4) == 0;
}

struct header { /* text of the literal, read from the left */
    const char *p, *end;
    const char *path;
    const struct zip_entry *entry;
    struct error *e;
};

static bool refuse(const struct header *h, const char *why)
{
    return error_set(h->e, ERROR_INPUT, "%s: array '%.*s': %s", h->path, (int)h->entry->n_name,
                     h->entry->name, why);
}

static bool take(struct header *h, const char *text)
{
    while (h->p < h->end && (*h->p == ' ' || *h->p == '\n'))
        h->p++;
    const size_t n = strlen(text);
    if ((size_t)(h->end - h->p) < n || memcmp(h->p, text, n) != 0)
        return false;
    h->p += n;
    return true;
}

/* 'text' in quotes of one kind, without escapes. */
static bool take_string(struct header *h, char *out, size_t n)
{
    if (!take(h, "'"))
        return false;
    const char *end = memchr(h->p, '\'', (size_t)(h->end - h->p));
    if (!end || (size_t)(end - h->p) >= n)
        return false;
    memcpy(out, h->p, (size_t)(end - h->p));
    out[end - h->p] = '\0';
    h->p = end + 1;
    return true;
}

static bool take_count(struct header *h, int64_t *out)
{
    int digits = 0;
    take(h, "");
    for (*out = 0; h->p < h->end && *h->p >= '0' && *h->p <= '9' && digits < 18; digits++)
        *out = *out * 10 + (*h->p++ - '0');
    return digits > 0 && (h->p == h->end || *h->p < '0' || *h->p > '9');
}

/* "(2304, 16384)", "(40,)", "()" */
static bool take_shape(struct header *h, struct named_tensor *t)
{
    if (!take(h, "("))
        return refuse(h, "found no shape in its header");
    while (!take(h, ")")) {
        if (t->n_dims == TENSOR_MAX_DIMS)
            return refuse(h, "more than 4 dimensions");
        if (!take_count(h, &t->dim[t->n_dims++]))
            return refuse(h, "its shape is no list of counts");
        if (take(h, ","))
            continue;
        return take(h, ")") || refuse(h, "its shape is no list of counts");
    }
    return true;
}

static bool set_type(const struct header *h, const char *descr, struct named_tensor *t)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(types[i].descr, descr) == 0) {
            t->type_name = types[i].element;
            t->type = element_type_find(t->type_name)->type;
            return true;
        }
    return error_set(h->e, ERROR_INPUT,
                     "%s: array '%.*s' has dtype '%s', expected little-endian numbers", h->path,
                     (int)h->entry->n_name, h->entry->name, descr);
}

/* Each of the three entries once, in any order. */
static bool read_literal(struct header *h, struct named_tensor *t)
{
    enum { DESCR = 1, ORDER = 2, SHAPE = 4 };
    unsigned seen = 0;
    char key[16], descr[16];
    if (!take(h, "{"))
        return refuse(h, "its header is no dict");
    while (!take(h, "}")) {
        if (!take_string(h, key, sizeof key) || !take(h, ":"))
            return refuse(h, "its header is no dict of names");
        unsigned what = strcmp(key, "descr") == 0           ? DESCR
                        : strcmp(key, "fortran_order") == 0 ? ORDER
                        : strcmp(key, "shape") == 0         ? SHAPE
                                                            : 0;
        if (what == 0 || (seen & what))
            return refuse(h, "its header has an entry twice, or one that is not known");
        seen |= what;
        if (what == DESCR && (!take_string(h, descr, sizeof descr) || !set_type(h, descr, t)))
            return refuse(h, "its dtype is no plain one");
        if (what == SHAPE && !take_shape(h, t))
            return false;
        if (what == ORDER && !take(h, "False"))
            return refuse(h, "in Fortran's order, expected C's (numpy.ascontiguousarray)");
        if (!take(h, ",") && !(take(h, "}") && (h->p--, true)))
            return refuse(h, "its header is no dict of names");
    }
    return seen == (DESCR | ORDER | SHAPE) || refuse(h, "its header lacks dtype, order or shape");
}

static bool read_array(struct tensors *ts, const struct zip_entry *entry, const uint8_t *p,
                       size_t n, struct error *e)
{
    const char *path = ts->file[ts->n_files - 1].path;
    struct header h = {.path = path, .entry = entry, .e = e};
    struct named_tensor t = {.type = -1, .file = path};
    if (n < MAGIC_SIZE + 4 || memcmp(p, "\x93NUMPY", 6) != 0 || p[6] < 1 || p[6] > 3)
        return refuse(&h, "no .npy of version 1 to 3");
    const size_t wide = p[6] == 1 ? 2 : 4;
    size_t n_header = 0, need = 0;
    for (size_t i = wide; i > 0; i--)
        n_header = n_header << 8 | p[MAGIC_SIZE + i - 1];
    if (n_header > HEADER_MAX || n_header > n - MAGIC_SIZE - wide)
        return refuse(&h, "its header lies outside");
    h.p = (const char *)p + MAGIC_SIZE + wide;
    h.end = h.p + n_header;
    const uint8_t *data = (const uint8_t *)h.end;
    if (!read_literal(&h, &t))
        return false;
    const size_t left = n - MAGIC_SIZE - wide - n_header;
    if (!shape_bytes(t.n_dims, t.dim, element_type_find(t.type_name)->n_bytes, &need) ||
        need != left)
        return refuse(&h, "its shape does not take as many bytes as there are");
    t.name = tensors_own(ts, xstrndup(entry->name, entry->n_name - 4));
    t.data = data;
    t.n_bytes = need;
    tensors_add(ts, &t);
    return true;
}

static bool read_entry(struct tensors *ts, const struct zip_entry *entry, struct error *e)
{
    const uint8_t *p = entry->p;
    size_t n = entry->n;
    if (entry->n_name < 5 || memcmp(entry->name + entry->n_name - 4, ".npy", 4) != 0 ||
        memchr(entry->name, 0, entry->n_name))
        return error_set(e, ERROR_INPUT, "%s: entry '%.*s' is no array NAME.npy",
                         ts->file[ts->n_files - 1].path, (int)entry->n_name, entry->name);
    if (entry->n_inflated > 0) {
        uint8_t *own = zip_inflate(entry, ts->file[ts->n_files - 1].path, e);
        if (!own)
            return false;
        p = tensors_own(ts, own);
        n = entry->n_inflated;
    }
    return read_array(ts, entry, p, n, e);
}

bool npz_read(struct tensors *ts, struct error *e)
{
    const struct tensor_file *f = &ts->file[ts->n_files - 1];
    struct zip zip = {0};
    bool ok = zip_read(&zip, f->map.p, f->map.n, f->path, e);
    for (size_t i = 0; ok && i < zip.n; i++)
        ok = read_entry(ts, &zip.entry[i], e);
    zip_release(&zip);
    return ok;
}

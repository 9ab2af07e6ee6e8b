#include "engine/formats/tensors.h"
#include "engine/base/file.h"
#include "engine/base/memory.h"
#include "engine/formats/json.h"
#include "engine/formats/tensors_private.h"
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Data are handed out as they lie in the file, and all formats read here are little-endian. */
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "big-endian hosts are not supported");

#define INDEX_MAX ((size_t)64 << 20)

static void add_file(struct tensors *ts, const char *path, struct mapping map, bool borrowed)
{
    ts->file = grow(ts->file, &ts->files_cap, ts->n_files + 1, sizeof *ts->file);
    ts->file[ts->n_files++] =
        (struct tensor_file){.path = xstrdup(path), .map = map, .borrowed = borrowed};
}

bool tensors_map(struct tensors *ts, const char *path, struct error *e)
{
    struct mapping map;
    if (!mapping_open(&map, path, e))
        return false;
    add_file(ts, path, map, false);
    return true;
}

void *tensors_own(struct tensors *ts, void *p)
{
    ts->owned = grow(ts->owned, &ts->owned_cap, ts->n_owned + 1, sizeof *ts->owned);
    ts->owned[ts->n_owned++] = p;
    return p;
}

void tensors_add(struct tensors *ts, const struct named_tensor *t)
{
    ts->t = grow(ts->t, &ts->cap, ts->n + 1, sizeof *ts->t);
    ts->t[ts->n++] = *t;
}

void tensors_add_fact(struct tensors *ts, const char *key, const char *value)
{
    ts->fact = grow(ts->fact, &ts->facts_cap, ts->n_facts + 1, sizeof *ts->fact);
    ts->fact[ts->n_facts++] = (struct tensor_fact){.key = xstrdup(key), .value = xstrdup(value)};
}

void shape_text(char *out, size_t n, int32_t n_dims, const int64_t *dim)
{
    size_t at = 0;
    out[0] = '\0';
    for (int32_t i = 0; i < n_dims && at < n; i++) {
        const char *before = i == 0 ? "[" : ", ";
        const int k = dim[i] < 0 ? snprintf(out + at, n - at, "%sany", before)
                                 : snprintf(out + at, n - at, "%s%lld", before, (long long)dim[i]);
        at += k > 0 ? (size_t)k : 0;
    }
    if (at < n)
        snprintf(out + at, n - at, n_dims > 0 ? "]" : "[]");
}

bool shape_bytes(int32_t n_dims, const int64_t *dim, size_t element, size_t *out)
{
    size_t n = element;
    /* A dimension of 0 makes the whole 0, whatever the others would overflow to. */
    for (int32_t i = 0; i < n_dims; i++)
        if (dim[i] == 0)
            n = 0;
    for (int32_t i = 0; i < n_dims; i++)
        if (dim[i] < 0 || !size_mul(n, (size_t)dim[i], &n))
            return false;
    *out = n;
    return true;
}

/* "PK\3\4" tells a zip, so that a wrong ending of the name does no harm. A pickle that begins with
 * LONG1 of ten bytes is the number with which torch.save began before its release 1.6. */
static bool read_any(struct tensors *ts, struct error *e)
{
    const char *path = ts->file[ts->n_files - 1].path;
    const struct mapping *m = &ts->file[ts->n_files - 1].map;
    if (m->n >= 4 && memcmp(m->p, "PK\3\4", 4) == 0) {
        if (npz_is(m->p, m->n))
            return npz_read(ts, e);
        ts->pickled = true;
        return pt_read(ts, e);
    }
    if (m->n >= 4 && m->p[0] == 0x80 && m->p[2] == 0x8a && m->p[3] == 0x0a)
        return error_set(e, ERROR_INPUT,
                         "%s: found PyTorch's format from before release 1.6, expected its zip "
                         "format or safetensors "
                         "(load it in PyTorch and torch.save it again)",
                         path);
    const char *dot = strrchr(path, '.');
    const bool safetensors = m->n > 8 && m->p[8] == '{';
    if (!safetensors && dot != NULL &&
        (strcmp(dot, ".pt") == 0 || strcmp(dot, ".pth") == 0 || strcmp(dot, ".bin") == 0))
        return error_set(e, ERROR_INPUT,
                         "%s: found no zip archive, expected what torch.save writes", path);
    return safetensors_read(ts, e);
}

static bool is_plain_name(const char *s)
{
    return s[0] != '\0' && s[0] != '.' && strchr(s, '/') == NULL;
}

/* One of a folder's files: the last. */
typedef bool read_file(struct tensors *, struct error *);

/* The shard named in the index, mapped at first sight. */
static bool read_shard(struct tensors *ts, const char *dir, const char *index, const char *name,
                       read_file *read_one, struct error *e)
{
    if (!is_plain_name(name))
        return error_set(e, ERROR_INPUT,
                         "%s: found shard '%s', expected the name of a file beside it", index,
                         name);
    char *path = xasprintf("%s/%s", dir, name);
    bool seen = false;
    for (size_t i = 0; i < ts->n_files && !seen; i++)
        seen = strcmp(ts->file[i].path, path) == 0;
    const bool ok = seen || (tensors_map(ts, path, e) && read_one(ts, e));
    free(path);
    return ok;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct named_tensor *)a)->name, ((const struct named_tensor *)b)->name);
}

static bool sort_by_name(struct tensors *ts, struct error *e)
{
    if (ts->n > 0)
        qsort(ts->t, ts->n, sizeof *ts->t, by_name);
    for (size_t i = 1; i < ts->n; i++)
        if (strcmp(ts->t[i - 1].name, ts->t[i].name) == 0)
            return error_set(e, ERROR_INPUT, "%s: tensor '%s' is there twice%s%s", ts->t[i].file,
                             ts->t[i].name, ts->t[i - 1].file == ts->t[i].file ? "" : ", also in ",
                             ts->t[i - 1].file == ts->t[i].file ? "" : ts->t[i - 1].file);
    return true;
}

/* Every tensor of the index must lie in the shard that it says. */
static bool check_index(struct tensors *ts, const char *index, json_t *map, struct error *e)
{
    const char *name;
    json_t *j;
    json_object_foreach(map, name, j)
    {
        const struct named_tensor *t = tensors_find(ts, name);
        const char *shard = json_string_value(j);
        if (t == NULL || strcmp(strrchr(t->file, '/') + 1, shard) != 0)
            return error_set(e, ERROR_INPUT, "%s: tensor '%s' should lie in %s and does not", index,
                             name, shard);
    }
    return true;
}

static bool read_index(struct tensors *ts, const char *dir, const char *index, read_file *read_one,
                       struct error *e)
{
    json_t *j = json_read_object(index, INDEX_MAX, e);
    if (j == NULL)
        return false;
    bool ok = false;
    json_t *map = json_object_get(j, "weight_map"), *shard;
    const char *name;
    if (!json_is_object(map) || json_object_size(map) == 0) {
        error_set(e, ERROR_INPUT,
                  "%s: weight_map is %s, expected an object that names the shard of each tensor",
                  index, json_is_object(map) ? "empty" : json_kind(map));
        goto cleanup;
    }
    json_object_foreach(map, name, shard)
    {
        if (!json_is_string(shard)) {
            error_set(e, ERROR_INPUT, "%s: the shard of '%s' is %s, expected a string", index, name,
                      json_kind(shard));
            goto cleanup;
        }
        if (!read_shard(ts, dir, index, json_string_value(shard), read_one, e))
            goto cleanup;
    }
    ok = sort_by_name(ts, e) && check_index(ts, index, map, e);
cleanup:
    json_decref(j);
    return ok;
}

/* The forms that a folder may have, in the order in which they are looked for. */
static const struct form {
    const char *one, *index;
    read_file *read;
} forms[] = {
    {"model.safetensors", "model.safetensors.index.json", safetensors_read},
    {"pytorch_model.bin", "pytorch_model.bin.index.json", read_any},
};

static bool read_form(struct tensors *ts, const char *dir, const struct form *f, bool *there,
                      struct error *e)
{
    char *one = xasprintf("%s/%s", dir, f->one), *index = xasprintf("%s/%s", dir, f->index);
    const bool is_one = file_is_named(one), is_many = !is_one && file_is_named(index);
    const bool ok = is_one ? tensors_map(ts, one, e) && f->read(ts, e) && sort_by_name(ts, e)
                           : is_many && read_index(ts, dir, index, f->read, e);
    *there = is_one || is_many;
    free(one);
    free(index);
    return ok;
}

static bool read_folder(struct tensors *ts, const char *dir, struct error *e)
{
    bool there = false, ok = false;
    for (size_t i = 0; i < sizeof forms / sizeof *forms && !there; i++)
        ok = read_form(ts, dir, &forms[i], &there, e);
    return there ? ok
                 : error_set(e, ERROR_INPUT,
                             "%s: found neither model.safetensors nor pytorch_model.bin, nor the "
                             "index of their shards (….index.json)",
                             dir);
}

static bool finish(struct tensors *ts, bool ok, struct tensors **out)
{
    if (!ok)
        tensors_close(ts);
    *out = ok ? ts : NULL;
    return ok;
}

bool tensors_open(const char *path, struct tensors **out, struct error *e)
{
    struct tensors *ts = xcalloc(1, sizeof *ts);
    struct stat st;
    const bool folder = stat(path, &st) == 0 && S_ISDIR(st.st_mode);
    const bool ok = folder ? read_folder(ts, path, e)
                           : tensors_map(ts, path, e) && read_any(ts, e) && sort_by_name(ts, e);
    return finish(ts, ok, out);
}

bool tensors_open_bytes(const char *path, const uint8_t *p, size_t n, struct tensors **out,
                        struct error *e)
{
    struct tensors *ts = xcalloc(1, sizeof *ts);
    add_file(ts, path, (struct mapping){.p = p, .n = n}, true);
    return finish(ts, read_any(ts, e) && sort_by_name(ts, e), out);
}

void tensors_close(struct tensors *ts)
{
    if (ts == NULL)
        return;
    for (size_t i = 0; i < ts->n_files; i++) {
        if (!ts->file[i].borrowed)
            mapping_close(&ts->file[i].map);
        free(ts->file[i].path);
    }
    for (size_t i = 0; i < ts->n_facts; i++) {
        free(ts->fact[i].key);
        free(ts->fact[i].value);
    }
    for (size_t i = 0; i < ts->n_owned; i++)
        free(ts->owned[i]);
    free(ts->t);
    free(ts->file);
    free(ts->fact);
    free(ts->owned);
    free(ts);
}

size_t tensors_files(const struct tensors *ts)
{
    return ts->n_files;
}

const char *tensors_file(const struct tensors *ts, size_t i)
{
    return ts->file[i].path;
}

size_t tensors_count(const struct tensors *ts)
{
    return ts->n;
}

const struct named_tensor *tensors_at(const struct tensors *ts, size_t i)
{
    return &ts->t[i];
}

const struct named_tensor *tensors_find(const struct tensors *ts, const char *name)
{
    const struct named_tensor key = {.name = name};
    return ts->n > 0 ? bsearch(&key, ts->t, ts->n, sizeof *ts->t, by_name) : NULL;
}

const struct named_tensor *tensors_need(const struct tensors *ts, const char *name, int32_t n_dims,
                                        const int64_t *dim, struct error *e)
{
    const struct named_tensor *t = tensors_find(ts, name);
    char want[128], found[128];
    shape_text(want, sizeof want, n_dims, dim);
    if (t == NULL) {
        error_set(e, ERROR_INPUT, "%s: found no tensor '%s' %s",
                  ts->n_files > 0 ? ts->file[0].path : "", name, want);
        return NULL;
    }
    bool fits = t->n_dims == n_dims;
    for (int32_t i = 0; fits && i < n_dims; i++)
        fits = (dim[i] < 0 || dim[i] == t->dim[i]) && t->dim[i] <= INT32_MAX;
    shape_text(found, sizeof found, t->n_dims, t->dim);
    if (!fits) {
        error_set(e, ERROR_INPUT, "%s: tensor '%s' is %s, expected %s", t->file, name, found, want);
        return NULL;
    }
    if (t->type != DTYPE_F32 && t->type != DTYPE_F16 && t->type != DTYPE_BF16) {
        error_set(e, ERROR_INPUT, "%s: tensor '%s' has dtype %s, expected F32, F16 or BF16",
                  t->file, name, t->type_name);
        return NULL;
    }
    return t;
}

bool tensors_are_pickled(const struct tensors *ts)
{
    return ts->pickled;
}

const char *tensors_metadata(const struct tensors *ts, const char *key)
{
    for (size_t i = 0; i < ts->n_facts; i++)
        if (strcmp(ts->fact[i].key, key) == 0)
            return ts->fact[i].value;
    return NULL;
}

void tensors_done(const struct tensors *ts, const struct named_tensor *t)
{
    for (size_t i = 0; i < ts->n_files; i++)
        if (ts->file[i].path == t->file && !ts->file[i].borrowed)
            mapping_done(&ts->file[i].map, t->data, t->n_bytes);
}

static float from_bits(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* No step has a subnormal float operand, so that the result does not depend on the processor's
 * flush-to-zero mode. */
static float half_to_f32(uint16_t h)
{
    const uint32_t sign = (uint32_t)(h & 0x8000) << 16, rest = h & 0x7fff;
    if (rest < 0x0400) {
        const float x = from_bits((rest << 13) + (UINT32_C(113) << 23)) - 0x1p-14f;
        return sign != 0 ? -x : x;
    }
    return from_bits(sign |
                     ((rest << 13) + (rest >= 0x7c00 ? UINT32_C(224) << 23 : UINT32_C(112) << 23)));
}

void tensor_to_f32(float *dst, const void *src, enum dtype type, size_t n)
{
    if (n == 0)
        return;
    if (type == DTYPE_F32) {
        memcpy(dst, src, n * sizeof *dst);
        return;
    }
    const uint8_t *p = src;
    if (type == DTYPE_I32)
        for (size_t i = 0; i < n; i++) {
            int32_t x;
            memcpy(&x, p + 4 * i, sizeof x);
            dst[i] = (float)x;
        }
    else
        for (size_t i = 0; i < n; i++) {
            uint16_t h;
            memcpy(&h, p + 2 * i, sizeof h);
            dst[i] = type == DTYPE_BF16 ? from_bits((uint32_t)h << 16) : half_to_f32(h);
        }
}

bool tensor_check_finite(const struct named_tensor *t, struct error *e)
{
    const size_t size = dtype_size((enum dtype)t->type);
    for (int64_t i = 0; i < t->dim[0]; i++) {
        float v;
        tensor_to_f32(&v, (const char *)t->data + (size_t)i * size, (enum dtype)t->type, 1);
        if (!isfinite(v))
            return error_set(e, ERROR_INPUT,
                             "%s: %s: the value at [%lld] is no finite number, expected weights "
                             "without NaNs and infinities",
                             t->file, t->name, (long long)i);
    }
    return true;
}

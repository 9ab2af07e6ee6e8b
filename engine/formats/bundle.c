#include "engine/formats/bundle.h"
#include "engine/base/memory.h"
#include "engine/formats/corpus.h"
#include "engine/formats/json.h"
#include "engine/formats/mapping.h"
#include "engine/formats/tensors.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#define VERSION 1
#define BUNDLE_MAX ((size_t)4 << 20)
#define REFERENCE_MAX ((size_t)16 << 20)

struct reader {
    struct bundle *b;
    const json_t *j;
    const char *path;
    struct error *e;
};

/* ---- paths */

/* Relative, and no component leads upward. */
static bool stays_inside(const char *s)
{
    if (s[0] == '\0' || s[0] == '/')
        return false;
    for (;;) {
        const size_t n = strcspn(s, "/");
        if (n == 2 && memcmp(s, "..", 2) == 0)
            return false;
        if (s[n] == '\0')
            return true;
        s += n + 1;
    }
}

/* Beside the bundle; the caller frees. */
static char *resolve(const char *bundle, const char *relative)
{
    const char *slash = strrchr(bundle, '/');
    return slash == NULL ? xstrdup(relative)
                         : xasprintf("%.*s/%s", (int)(slash - bundle), bundle, relative);
}

static bool read_path(const struct reader *r, const char *key, const json_t *v, char **out)
{
    const char *s = json_string_value(v);
    if (s == NULL)
        return error_set(r->e, ERROR_INPUT, "%s: %s is %s, expected a path", r->path, key,
                         json_kind(v));
    if (!stays_inside(s))
        return error_set(r->e, ERROR_INPUT,
                         "%s: %s is '%s', expected a path relative to the bundle and not upward",
                         r->path, key, s);
    *out = resolve(r->path, s);
    return true;
}

/* ---- facts */

static bool read_version(const struct reader *r)
{
    const json_t *v = json_object_get(r->j, "glimt_bundle");
    if (!json_is_integer(v) || json_integer_value(v) < 1)
        return error_set(r->e, ERROR_INPUT, "%s: no bundle: glimt_bundle is %s, expected %d",
                         r->path, json_is_integer(v) ? "less than 1" : json_kind(v), VERSION);
    if (json_integer_value(v) > VERSION)
        return error_set(r->e, ERROR_INPUT,
                         "%s: made for a newer glimt: glimt_bundle is %" JSON_INTEGER_FORMAT
                         ", expected %d",
                         r->path, json_integer_value(v), VERSION);
    return true;
}

/* Absent or null: *out stays NULL. */
static bool read_string(const struct reader *r, const json_t *of, const char *key, char **out)
{
    const json_t *v = json_object_get(of, key);
    if (v == NULL || json_is_null(v))
        return true;
    if (!json_is_string(v))
        return error_set(r->e, ERROR_INPUT, "%s: %s is %s, expected a string", r->path, key,
                         json_kind(v));
    *out = xstrdup(json_string_value(v));
    return true;
}

/* A path, or OWNER/NAME@REV for the Hugging Face cache: the '@' tells them apart. */
static bool read_model(const struct reader *r)
{
    const json_t *v = json_object_get(r->j, "model");
    const char *s = json_string_value(v), *at = s != NULL ? strchr(s, '@') : NULL;
    const char *slash = s != NULL ? strchr(s, '/') : NULL;
    if (at == NULL || slash == NULL || slash > at)
        return read_path(r, "model", v, &r->b->model);
    if (slash == s || slash + 1 == at || at[1] == '\0' ||
        memchr(slash + 1, '/', (size_t)(at - slash - 1)) != NULL)
        return error_set(r->e, ERROR_INPUT, "%s: model is '%s', expected a path or OWNER/NAME@REV",
                         r->path, s);
    r->b->model = xstrdup(s);
    return true;
}

static int by_value(const void *a, const void *b)
{
    const int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return x < y ? -1 : x > y;
}

/* Order is the bundle's to choose, so that the check for duplicates sorts a copy. */
static bool check_distinct(const struct reader *r)
{
    const struct bundle *b = r->b;
    int32_t *sorted = xmemdup(b->chosen, (size_t)b->n_chosen * sizeof *sorted);
    qsort(sorted, (size_t)b->n_chosen, sizeof *sorted, by_value);
    int32_t twice = -1;
    for (int32_t i = 1; i < b->n_chosen; i++)
        if (sorted[i] == sorted[i - 1])
            twice = sorted[i];
    free(sorted);
    return twice < 0 || error_set(r->e, ERROR_INPUT, "%s: chosen names %d twice", r->path, twice);
}

static bool read_chosen(const struct reader *r)
{
    const json_t *v = json_object_get(r->j, "chosen");
    if (v == NULL || json_is_null(v))
        return true;
    if (!json_is_array(v) || json_array_size(v) > INT32_MAX)
        return error_set(r->e, ERROR_INPUT, "%s: chosen is %s, expected a list of latents", r->path,
                         json_kind(v));
    struct bundle *b = r->b;
    b->n_chosen = (int32_t)json_array_size(v);
    b->chosen = xcalloc((size_t)b->n_chosen, sizeof *b->chosen);
    for (int32_t i = 0; i < b->n_chosen; i++) {
        const json_t *id = json_array_get(v, (size_t)i);
        const json_int_t x = json_integer_value(id);
        if (!json_is_integer(id) || x < 0 || x > INT32_MAX ||
            (b->n_latents > 0 && x >= b->n_latents))
            return error_set(r->e, ERROR_INPUT, "%s: entry %d of chosen is %s, expected a latent%s",
                             r->path, i, json_is_integer(id) ? "out of range" : json_kind(id),
                             b->n_latents > 0 ? " that the statistics have" : "");
        b->chosen[i] = (int32_t)x;
    }
    return b->n_chosen == 0 || check_distinct(r);
}

/* ---- reference sentences */

static bool is_text(const char *s, size_t n)
{
    while (n > 0) {
        utf8proc_int32_t cp = 0;
        const utf8proc_ssize_t k =
            utf8proc_iterate((const utf8proc_uint8_t *)s, (utf8proc_ssize_t)n, &cp);
        if (k <= 0 || cp == 0)
            return false;
        s += k, n -= (size_t)k;
    }
    return true;
}

/* One sentence a line; a line ends at \n or \r\n, which are no part of it. */
static bool split_lines(const struct reader *r, const char *path, const char *s, size_t n,
                        struct bundle_class *c)
{
    size_t cap = 0;
    for (size_t at = 0; at < n;) {
        const char *end = memchr(s + at, '\n', n - at);
        const size_t next = end != NULL ? (size_t)(end - s) + 1 : n;
        size_t len = (end != NULL ? next - 1 : n) - at;
        if (len > 0 && end != NULL && s[at + len - 1] == '\r')
            len--;
        if (len == 0)
            return error_set(r->e, ERROR_INPUT, "%s: line %d is empty, expected a sentence", path,
                             c->n_sentences + 1);
        c->sentence = grow(c->sentence, &cap, (size_t)c->n_sentences + 1, sizeof *c->sentence);
        c->sentence[c->n_sentences++] = xstrndup(s + at, len);
        at = next;
    }
    return true;
}

static bool read_reference(const struct reader *r, const json_t *v, struct bundle_class *c)
{
    char *path = NULL, *text = NULL;
    size_t n = 0;
    bool ok = false;
    if (!read_path(r, "reference", v, &path))
        return false;
    if (!file_read(path, REFERENCE_MAX, &text, &n, r->e))
        goto cleanup;
    if (!is_text(text, n)) {
        error_set(r->e, ERROR_INPUT, "%s: reference sentences are no valid UTF-8", path);
        goto cleanup;
    }
    const size_t bom = n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    ok = split_lines(r, path, text + bom, n - bom, c);
    if (ok && c->n_sentences == 0)
        ok = error_set(r->e, ERROR_INPUT, "%s: found no sentence, expected one a line", path);
cleanup:
    free(text);
    free(path);
    return ok;
}

/* ---- classes */

static bool read_class(const struct reader *r, const json_t *j, struct bundle_class *c)
{
    if (!json_is_object(j))
        return error_set(r->e, ERROR_INPUT, "%s: a class is %s, expected an object", r->path,
                         json_kind(j));
    if (!read_string(r, j, "name", &c->name) || !read_string(r, j, "label", &c->label))
        return false;
    if (c->name == NULL || c->name[0] == '\0')
        return error_set(r->e, ERROR_INPUT, "%s: a class has no name", r->path);
    if (c->label == NULL)
        c->label = xstrdup(c->name);
    const json_t *reference = json_object_get(j, "reference");
    return reference == NULL || json_is_null(reference) || read_reference(r, reference, c);
}

/* Names tell classes apart, and line i of every reference says the same. */
static bool check_classes(const struct reader *r)
{
    const struct bundle_class *c = r->b->cls, *first = NULL;
    for (int32_t i = 0; i < r->b->n_classes; i++) {
        for (int32_t k = 0; k < i; k++)
            if (strcmp(c[i].name, c[k].name) == 0)
                return error_set(r->e, ERROR_INPUT, "%s: class '%s' is there twice", r->path,
                                 c[i].name);
        if (c[i].sentence == NULL)
            continue;
        if (first == NULL)
            first = &c[i];
        if (c[i].n_sentences != first->n_sentences)
            return error_set(r->e, ERROR_INPUT,
                             "%s: %d reference sentences of '%s' and %d of '%s', expected as many",
                             r->path, first->n_sentences, first->name, c[i].n_sentences, c[i].name);
    }
    return true;
}

static bool read_classes(const struct reader *r)
{
    const json_t *v = json_object_get(r->j, "classes");
    if (v == NULL || json_is_null(v))
        return true;
    if (!json_is_array(v) || json_array_size(v) > CORPUS_MAX_CLASSES)
        return error_set(r->e, ERROR_INPUT, "%s: classes is %s, expected a list of at most %d",
                         r->path, json_is_array(v) ? "longer" : json_kind(v), CORPUS_MAX_CLASSES);
    struct bundle *b = r->b;
    b->n_classes = (int32_t)json_array_size(v);
    b->cls = xcalloc((size_t)b->n_classes, sizeof *b->cls);
    for (int32_t i = 0; i < b->n_classes; i++)
        if (!read_class(r, json_array_get(v, (size_t)i), &b->cls[i]))
            return false;
    return check_classes(r);
}

/* ---- statistics */

/* A matrix [rows, n_latents] of finite numbers of at least `low` and at most `high`; rows 0: a
 * vector. */
static bool read_statistic(const struct reader *r, const struct tensors *ts, const char *name,
                           int32_t rows, float low, float high, float **out)
{
    struct bundle *b = r->b;
    const int64_t latents = b->n_latents > 0 ? b->n_latents : -1;
    const int64_t dim[2] = {rows > 0 ? rows : latents, latents};
    const struct named_tensor *t = tensors_need(ts, name, rows > 0 ? 2 : 1, dim, r->e);
    if (t == NULL)
        return false;
    if (t->type != DTYPE_F32)
        return error_set(r->e, ERROR_INPUT, "%s: tensor '%s' has dtype %s, expected F32", t->file,
                         name, t->type_name);
    if (t->n_bytes == 0)
        return error_set(r->e, ERROR_INPUT, "%s: tensor '%s' is empty", t->file, name);
    b->n_latents = (int32_t)t->dim[t->n_dims - 1];
    float *x = xmemdup(t->data, t->n_bytes);
    *out = x;
    for (size_t i = 0; i < t->n_bytes / sizeof *x; i++)
        if (!(x[i] >= low && x[i] <= high))
            return error_set(r->e, ERROR_INPUT,
                             "%s: value %zu of tensor '%s' is %g, expected %g to %g", t->file, i,
                             name, (double)x[i], (double)low, (double)high);
    return true;
}

static bool read_statistics(const struct reader *r)
{
    struct bundle *b = r->b;
    const json_t *v = json_object_get(r->j, "statistics");
    if (v == NULL || json_is_null(v))
        return true;
    if (b->n_classes == 0)
        return error_set(r->e, ERROR_INPUT, "%s: statistics without classes", r->path);
    const float most = 3.4028235e38F;
    char *path = NULL;
    struct tensors *ts = NULL;
    const bool ok = read_path(r, "statistics", v, &path) && tensors_open(path, &ts, r->e) &&
                    read_statistic(r, ts, "fire_share", b->n_classes, 0, 1, &b->fire_share) &&
                    read_statistic(r, ts, "mean_pre", b->n_classes, -most, most, &b->mean_pre) &&
                    read_statistic(r, ts, "pre_median", 0, -most, most, &b->pre_median) &&
                    read_statistic(r, ts, "abs_pre_p99", 0, 0, most, &b->abs_pre_p99);
    tensors_close(ts);
    free(path);
    return ok;
}

/* ---- the whole */

static bool read_bundle(const struct reader *r)
{
    struct bundle *b = r->b;
    const json_t *sae = json_object_get(r->j, "sae");
    return read_version(r) && read_string(r, r->j, "title", &b->title) && read_model(r) &&
           (sae == NULL || json_is_null(sae) || read_path(r, "sae", sae, &b->sae)) &&
           read_string(r, r->j, "hook", &b->hook) && read_classes(r) && read_statistics(r) &&
           read_chosen(r);
}

bool bundle_open(const char *path, struct bundle **out, struct error *e)
{
    *out = NULL;
    json_t *j = json_read_object(path, BUNDLE_MAX, e);
    if (j == NULL)
        return false;
    struct bundle *b = xcalloc(1, sizeof *b);
    b->path = xstrdup(path);
    const bool ok = read_bundle(&(struct reader){.b = b, .j = j, .path = path, .e = e});
    json_decref(j);
    if (ok) {
        if (b->title == NULL)
            b->title = xstrdup(path);
        *out = b;
    } else {
        bundle_free(b);
    }
    return ok;
}

void bundle_free(struct bundle *b)
{
    if (b == NULL)
        return;
    for (int32_t i = 0; i < b->n_classes; i++) {
        for (int32_t k = 0; k < b->cls[i].n_sentences; k++)
            free(b->cls[i].sentence[k]);
        free(b->cls[i].sentence);
        free(b->cls[i].name);
        free(b->cls[i].label);
    }
    free(b->cls);
    free(b->path);
    free(b->title);
    free(b->model);
    free(b->sae);
    free(b->hook);
    free(b->chosen);
    free(b->fire_share);
    free(b->mean_pre);
    free(b->pre_median);
    free(b->abs_pre_p99);
    free(b);
}

/* ---- its files' hashes */

struct listed { /* what the bundle says of its files */
    char **path;
    struct sha256 *want;
    size_t n;
};

static bool add_listed(const struct reader *r, const char *name, const json_t *v, struct listed *l)
{
    if (!json_is_string(v) || !sha256_from_hex(json_string_value(v), &l->want[l->n]))
        return error_set(r->e, ERROR_INPUT, "%s: the sha256 of '%s' is not 64 hexadecimal digits",
                         r->path, name);
    if (!stays_inside(name))
        return error_set(
            r->e, ERROR_INPUT,
            "%s: sha256 of '%s', expected a path relative to the bundle and not upward", r->path,
            name);
    l->path[l->n++] = resolve(r->path, name);
    return true;
}

static bool read_listed(const struct reader *r, struct listed *l)
{
    json_t *list = json_object_get(r->j, "sha256"), *v;
    const char *name;
    if (list == NULL || json_is_null(list))
        return true;
    if (!json_is_object(list))
        return error_set(r->e, ERROR_INPUT, "%s: sha256 is %s, expected an object", r->path,
                         json_kind(list));
    l->path = xcalloc(json_object_size(list), sizeof *l->path);
    l->want = xcalloc(json_object_size(list), sizeof *l->want);
    json_object_foreach(list, name, v)
    {
        if (!add_listed(r, name, v, l))
            return false;
    }
    return true;
}

static bool compare_listed(const struct listed *l, const struct sha256 *found, struct error *e)
{
    for (size_t i = 0; i < l->n; i++) {
        if (memcmp(&l->want[i], &found[i], sizeof *found) == 0)
            continue;
        char hex[2][65];
        sha256_hex(&l->want[i], hex[0]);
        sha256_hex(&found[i], hex[1]);
        return error_set(e, ERROR_INPUT,
                         "%s: SHA-256 is %.16s…, expected %.16s…: not the file of this bundle",
                         l->path[i], hex[1], hex[0]);
    }
    return true;
}

bool bundle_verify(const struct bundle *b, bundle_hash *hash, void *arg, struct error *e)
{
    json_t *j = json_read_object(b->path, BUNDLE_MAX, e);
    if (j == NULL)
        return false;
    struct listed l = {0};
    bool ok = read_listed(&(struct reader){.j = j, .path = b->path, .e = e}, &l);
    struct sha256 *found = xcalloc(l.n, sizeof *found);
    ok =
        ok && hash(arg, (const char *const *)l.path, l.n, found, e) && compare_listed(&l, found, e);
    for (size_t i = 0; i < l.n; i++)
        free(l.path[i]);
    free(l.path);
    free(l.want);
    free(found);
    json_decref(j);
    return ok;
}

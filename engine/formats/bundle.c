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

#define VERSION 2 /* 1: one SAE at most, and chosen units of it by number */
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

bool bundle_is_cache_name(const char *s)
{
    const char *slash = strchr(s, '/'), *at = strchr(s, '@');
    return slash && at && slash < at;
}

/* OWNER/NAME@REV, and of a file :FILE behind it. */
static bool is_well_formed(const char *s, bool file)
{
    const char *slash = strchr(s, '/'), *at = strchr(s, '@'), *colon = strchr(at, ':');
    return slash > s && slash + 1 < at && !memchr(slash + 1, '/', (size_t)(at - slash - 1)) &&
           at[1] && at[1] != ':' && (!colon || (file && stays_inside(colon + 1)));
}

/* A file or folder beside the bundle, or a name in the cache: the '@' behind a slash tells them
 * apart. */
static bool take_path(const struct reader *r, const char *key, const char *s, bool file, char **out)
{
    if (bundle_is_cache_name(s)) {
        if (!is_well_formed(s, file))
            return error_set(r->e, ERROR_INPUT,
                             "%s: %s is '%s', expected a path or OWNER/NAME@REV%s", r->path, key, s,
                             file ? ":FILE" : "");
        *out = xstrdup(s);
        return true;
    }
    if (!stays_inside(s))
        return error_set(r->e, ERROR_INPUT,
                         "%s: %s is '%s', expected a path relative to the bundle and not upward",
                         r->path, key, s);
    *out = resolve(r->path, s);
    return true;
}

static bool read_path(const struct reader *r, const char *key, const json_t *v, char **out)
{
    const char *s = json_string_value(v);
    return s ? take_path(r, key, s, strcmp(key, "model") != 0, out)
             : error_set(r->e, ERROR_INPUT, "%s: %s is %s, expected a path", r->path, key,
                         json_kind(v));
}

/* Of a file of our own, which lies beside the bundle. */
static bool read_own_path(const struct reader *r, const char *key, const json_t *v, char **out)
{
    if (json_is_string(v) && bundle_is_cache_name(json_string_value(v)))
        return error_set(r->e, ERROR_INPUT,
                         "%s: %s is '%s', expected a path relative to the bundle", r->path, key,
                         json_string_value(v));
    return read_path(r, key, v, out);
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

/* A name of a theme, which is looked up in two folders. */
static bool read_theme(const struct reader *r)
{
    if (!read_string(r, r->j, "theme", &r->b->theme))
        return false;
    const char *s = r->b->theme;
    return !s || (*s && !strchr(s, '/') && *s != '.') ||
           error_set(r->e, ERROR_INPUT, "%s: theme is '%s', expected a name", r->path, s);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Order is the bundle's to choose, so that the check for duplicates sorts a copy. */
static bool check_distinct(const struct reader *r)
{
    const struct bundle *b = r->b;
    char **sorted = xmemdup(b->chosen, (size_t)b->n_chosen * sizeof *sorted);
    qsort(sorted, (size_t)b->n_chosen, sizeof *sorted, by_name);
    const char *twice = NULL;
    for (int32_t i = 1; i < b->n_chosen; i++)
        if (strcmp(sorted[i], sorted[i - 1]) == 0)
            twice = sorted[i];
    free(sorted);
    return !twice || error_set(r->e, ERROR_INPUT, "%s: chosen names %s twice", r->path, twice);
}

/* A number in a bundle of one dictionary, else a name; what there is of them is known where
 * dictionaries are opened. */
static bool read_one_chosen(const struct reader *r, int32_t i, const json_t *v)
{
    struct bundle *b = r->b;
    const json_int_t x = json_integer_value(v);
    const int32_t most = b->n_dicts == 1 ? b->dict[0].is.n_units : 0;
    const char *s = json_string_value(v);
    if (s && *s && strlen(s) < 64) {
        b->chosen[i] = xstrdup(s);
        return true;
    }
    if (!json_is_integer(v) || x < 0 || x > INT32_MAX || (most > 0 && x >= most))
        return error_set(r->e, ERROR_INPUT, "%s: entry %d of chosen is %s, expected a unit%s",
                         r->path, i,
                         json_is_integer(v) ? "out of range"
                         : s                ? "no name"
                                            : json_kind(v),
                         most > 0 ? " that the statistics have" : "");
    b->chosen[i] = xasprintf("%" JSON_INTEGER_FORMAT, x);
    return true;
}

static bool read_chosen(const struct reader *r)
{
    const json_t *v = json_object_get(r->j, "chosen");
    if (v == NULL || json_is_null(v))
        return true;
    if (!json_is_array(v) || json_array_size(v) > BUNDLE_MAX_CHOSEN)
        return error_set(r->e, ERROR_INPUT, "%s: chosen is %s, expected a list of at most %d units",
                         r->path, json_is_array(v) ? "longer" : json_kind(v), BUNDLE_MAX_CHOSEN);
    struct bundle *b = r->b;
    const int32_t n = (int32_t)json_array_size(v);
    b->chosen = xcalloc((size_t)n, sizeof *b->chosen);
    for (; b->n_chosen < n; b->n_chosen++)
        if (!read_one_chosen(r, b->n_chosen, json_array_get(v, (size_t)b->n_chosen)))
            return false;
    return n == 0 || check_distinct(r);
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
    char *text = NULL;
    size_t n = 0;
    bool ok = false;
    if (!read_own_path(r, "reference", v, &c->reference))
        return false;
    const char *path = c->reference;
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

/* Names tell classes apart. */
static bool check_classes(const struct reader *r)
{
    const struct bundle_class *c = r->b->cls;
    for (int32_t i = 0; i < r->b->n_classes; i++)
        for (int32_t k = 0; k < i; k++)
            if (strcmp(c[i].name, c[k].name) == 0)
                return error_set(r->e, ERROR_INPUT, "%s: class '%s' is there twice", r->path,
                                 c[i].name);
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

/* A matrix [rows, n_units] of finite numbers of at least `low` and at most `high`; rows 0: a
 * vector. */
static bool read_statistic(const struct reader *r, const struct tensors *ts, const char *name,
                           int32_t rows, float low, float high, struct bundle_statistics *is,
                           float **out)
{
    const int64_t units = is->n_units > 0 ? is->n_units : -1;
    const int64_t dim[2] = {rows > 0 ? rows : units, units};
    const struct named_tensor *t = tensors_need(ts, name, rows > 0 ? 2 : 1, dim, r->e);
    if (t == NULL)
        return false;
    if (t->type != DTYPE_F32)
        return error_set(r->e, ERROR_INPUT, "%s: tensor '%s' has dtype %s, expected F32", t->file,
                         name, t->type_name);
    if (t->n_bytes == 0)
        return error_set(r->e, ERROR_INPUT, "%s: tensor '%s' is empty", t->file, name);
    is->n_units = (int32_t)t->dim[t->n_dims - 1];
    float *x = xmemdup(t->data, t->n_bytes);
    *out = x;
    for (size_t i = 0; i < t->n_bytes / sizeof *x; i++)
        if (!(x[i] >= low && x[i] <= high))
            return error_set(r->e, ERROR_INPUT,
                             "%s: value %zu of tensor '%s' is %g, expected %g to %g", t->file, i,
                             name, (double)x[i], (double)low, (double)high);
    return true;
}

static bool read_statistics(const struct reader *r, const json_t *v, struct bundle_statistics *is)
{
    const int32_t n = r->b->n_classes;
    if (v == NULL || json_is_null(v))
        return true;
    if (n == 0)
        return error_set(r->e, ERROR_INPUT, "%s: statistics without classes", r->path);
    const float most = 3.4028235e38F;
    char *path = NULL;
    struct tensors *ts = NULL;
    const bool ok = read_own_path(r, "statistics", v, &path) && tensors_open(path, &ts, r->e) &&
                    read_statistic(r, ts, "fire_share", n, 0, 1, is, &is->fire_share) &&
                    read_statistic(r, ts, "mean_pre", n, -most, most, is, &is->mean_pre) &&
                    read_statistic(r, ts, "pre_median", 0, -most, most, is, &is->pre_median) &&
                    read_statistic(r, ts, "abs_pre_p99", 0, 0, most, is, &is->abs_pre_p99);
    tensors_close(ts);
    free(path);
    return ok;
}

/* ---- dictionaries */
static bool is_there(const json_t *v)
{
    return v && !json_is_null(v);
}

/* {"sae": …, "hook": …, "statistics": …} or {"neurons": POINT, "statistics": …}. */
static bool read_dict(const struct reader *r, const json_t *j, struct bundle_dict *d)
{
    const json_t *sae = json_object_get(j, "sae");
    if (!json_is_object(j) || is_there(sae) == is_there(json_object_get(j, "neurons")))
        return error_set(r->e, ERROR_INPUT, "%s: a dictionary is %s, expected an SAE or neurons",
                         r->path, json_is_object(j) ? "neither or both" : json_kind(j));
    return (is_there(sae) ? read_path(r, "sae", sae, &d->sae) && read_string(r, j, "hook", &d->hook)
                          : read_string(r, j, "neurons", &d->hook)) &&
           read_statistics(r, json_object_get(j, "statistics"), &d->is);
}

/* One SAE by itself; what is said of its hook stands also for a bundle without one. */
static bool read_one_sae(const struct reader *r, const json_t *sae)
{
    struct bundle *b = r->b;
    const json_t *statistics = json_object_get(r->j, "statistics");
    if (!is_there(sae))
        return !is_there(statistics) ||
               error_set(r->e, ERROR_INPUT, "%s: statistics without an SAE", r->path);
    b->dict = xcalloc(1, sizeof *b->dict);
    b->n_dicts = 1;
    if (b->hook)
        b->dict->hook = xstrdup(b->hook);
    return read_path(r, "sae", sae, &b->dict->sae) && read_statistics(r, statistics, &b->dict->is);
}

static bool read_dicts(const struct reader *r)
{
    struct bundle *b = r->b;
    const json_t *list = json_object_get(r->j, "dictionaries"), *sae = json_object_get(r->j, "sae");
    if (!read_string(r, r->j, "hook", &b->hook))
        return false;
    if (!is_there(list))
        return read_one_sae(r, sae);
    if (is_there(sae))
        return error_set(r->e, ERROR_INPUT, "%s: found sae beside dictionaries, expected one",
                         r->path);
    if (!json_is_array(list) || json_array_size(list) > BUNDLE_MAX_DICTS)
        return error_set(r->e, ERROR_INPUT, "%s: dictionaries is %s, expected a list of at most %d",
                         r->path, json_is_array(list) ? "longer" : json_kind(list),
                         BUNDLE_MAX_DICTS);
    b->n_dicts = (int32_t)json_array_size(list);
    b->dict = xcalloc((size_t)b->n_dicts, sizeof *b->dict);
    for (int32_t i = 0; i < b->n_dicts; i++)
        if (!read_dict(r, json_array_get(list, (size_t)i), &b->dict[i]))
            return false;
    return true;
}

/* ---- its files' hashes */
static bool add_listed(const struct reader *r, const char *name, const json_t *v)
{
    struct bundle *b = r->b;
    struct bundle_file *f = &b->file[b->n_files];
    if (!json_is_string(v) || !sha256_from_hex(json_string_value(v), &f->hash))
        return error_set(r->e, ERROR_INPUT, "%s: the sha256 of '%s' is not 64 hexadecimal digits",
                         r->path, name);
    b->n_files++;
    return take_path(r, "a file of sha256", name, true, &f->path);
}

static bool read_listed(const struct reader *r)
{
    json_t *list = json_object_get(r->j, "sha256"), *v;
    const char *name;
    if (!is_there(list))
        return true;
    if (!json_is_object(list))
        return error_set(r->e, ERROR_INPUT, "%s: sha256 is %s, expected an object", r->path,
                         json_kind(list));
    r->b->file = xcalloc(json_object_size(list), sizeof *r->b->file);
    json_object_foreach(list, name, v)
    {
        if (!add_listed(r, name, v))
            return false;
    }
    return true;
}

/* ---- the whole */

static bool read_bundle(const struct reader *r)
{
    struct bundle *b = r->b;
    return read_version(r) && read_string(r, r->j, "title", &b->title) &&
           read_path(r, "model", json_object_get(r->j, "model"), &b->model) && read_theme(r) &&
           read_classes(r) && read_dicts(r) && read_chosen(r) && read_listed(r);
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

static void free_statistics(struct bundle_statistics *is)
{
    free(is->fire_share);
    free(is->mean_pre);
    free(is->pre_median);
    free(is->abs_pre_p99);
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
        free(b->cls[i].reference);
    }
    for (int32_t i = 0; i < b->n_dicts; i++) {
        free(b->dict[i].sae);
        free(b->dict[i].hook);
        free_statistics(&b->dict[i].is);
    }
    for (int32_t i = 0; i < b->n_chosen; i++)
        free(b->chosen[i]);
    for (size_t i = 0; i < b->n_files; i++)
        free(b->file[i].path);
    free(b->cls);
    free(b->dict);
    free(b->chosen);
    free(b->file);
    free(b->path);
    free(b->title);
    free(b->model);
    free(b->theme);
    free(b->hook);
    free(b);
}

static bool compare_listed(const struct bundle *b, const struct sha256 *found, struct error *e)
{
    for (size_t i = 0; i < b->n_files; i++) {
        if (memcmp(&b->file[i].hash, &found[i], sizeof *found) == 0)
            continue;
        char hex[2][65];
        sha256_hex(&b->file[i].hash, hex[0]);
        sha256_hex(&found[i], hex[1]);
        return error_set(e, ERROR_INPUT,
                         "%s: SHA-256 is %.16s…, expected %.16s…: not the file of this bundle",
                         b->file[i].path, hex[1], hex[0]);
    }
    return true;
}

bool bundle_verify(const struct bundle *b, bundle_hash *hash, void *arg, struct error *e)
{
    struct sha256 *found = xcalloc(b->n_files, sizeof *found);
    const char **path = xcalloc(b->n_files, sizeof *path);
    for (size_t i = 0; i < b->n_files; i++)
        path[i] = b->file[i].path;
    const bool ok =
        b->n_files == 0 || (hash(arg, path, b->n_files, found, e) && compare_listed(b, found, e));
    free(path);
    free(found);
    return ok;
}

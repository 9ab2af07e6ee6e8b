/* A bundle as a file, with what it says of units and classes beside it. */
#include "engine/base/file.h"
#include "engine/base/memory.h"
#include "engine/base/strbuf.h"
#include "engine/formats/bundle.h"
#include "engine/formats/json.h"
#include "engine/formats/mapping.h"
#include "engine/formats/tensors.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct writer {
    struct bundle *b;
    char *folder; /* of the bundle, absolute */
    char *real;   /* with its links resolved */
    char *stem;   /* "demo" of .../demo.glimt */
    size_t cap_files;
    bool replace;
    struct error *e;
};

/* ---- names */

/* Absolute, without "." and "..", links as they are. */
static char *absolute(const char *path)
{
    char *cwd = path[0] == '/' ? NULL : getcwd(NULL, 0);
    char *all = cwd ? xasprintf("%s/%s", cwd, path) : xstrdup(path);
    struct strbuf out;
    strbuf_init(&out);
    for (const char *s = all; *s;) {
        s += strspn(s, "/");
        const size_t n = strcspn(s, "/");
        if (n == 2 && memcmp(s, "..", 2) == 0) {
            while (out.len > 0 && out.s[--out.len] != '/')
                continue;
            out.s[out.len] = '\0';
        } else if (n > 0 && !(n == 1 && *s == '.')) {
            strbuf_addc(&out, '/');
            strbuf_add(&out, s, n);
        }
        s += n;
    }
    char *clean = xstrdup(out.len > 0 ? out.s : "/");
    strbuf_release(&out);
    free(all);
    free(cwd);
    return clean;
}

/* What is left of an absolute path behind the folder; NULL: it does not lie there. */
static char *behind(const char *folder, const char *path)
{
    const size_t n = strcmp(folder, "/") == 0 ? 0 : strlen(folder);
    return strncmp(path, folder, n) == 0 && path[n] == '/' && path[n + 1] ? xstrdup(path + n + 1)
                                                                          : NULL;
}

/* As the bundle names it; NULL and the error: it lies elsewhere. */
static char *name_of(const struct writer *w, const char *path)
{
    if (bundle_is_cache_name(path) && access(path, F_OK) != 0)
        return xstrdup(path);
    char *clean = absolute(path), *name = behind(w->folder, clean);
    char *real = name ? NULL : realpath(path, NULL);
    if (real && w->real)
        name = behind(w->real, real);
    if (!name)
        error_set(w->e, ERROR_INPUT,
                  "%s: found %s, which is not in the bundle's folder %s, expected it there: move, "
                  "copy or link it",
                  w->b->path, path, w->folder);
    free(clean);
    free(real);
    return name;
}

/* The folder of a path that is absolute and clean. */
static void find_folder(struct writer *w, const char *path)
{
    const char *slash = strrchr(path, '/');
    w->folder = slash == path ? xstrdup("/") : xstrndup(path, (size_t)(slash - path));
    w->real = realpath(w->folder, NULL);
}

bool bundle_can_name(const struct bundle *b, const char *path, struct error *e)
{
    struct bundle of = {.path = b->path};
    struct writer w = {.b = &of, .e = e};
    char *own = absolute(b->path), *clean = absolute(path), *name = NULL;
    find_folder(&w, own);
    bool ok = w.real || error_set(e, ERROR_INPUT,
                                  "%s: found no folder %s to write it to, expected one that is "
                                  "there",
                                  b->path, w.folder);
    if (ok && strcmp(clean, w.folder) != 0) { /* of the folder itself its files are named */
        name = name_of(&w, path);
        ok = name != NULL;
    }
    free(name);
    free(clean);
    free(own);
    free(w.folder);
    free(w.real);
    return ok;
}

static void add_file(struct writer *w, const char *path)
{
    struct bundle *b = w->b;
    b->file = grow(b->file, &w->cap_files, b->n_files + 1, sizeof *b->file);
    b->file[b->n_files++] = (struct bundle_file){.path = xstrdup(path)};
}

/* ---- what lies beside it */

/* A name goes into a file's name when it is plain. */
static char *reference_path(const struct writer *w, int32_t cls)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
    const char *name = w->b->cls[cls].name;
    return name[strspn(name, plain)] ? xasprintf("%s/%s-%d.txt", w->folder, w->stem, cls + 1)
                                     : xasprintf("%s/%s-%s.txt", w->folder, w->stem, name);
}

/* Does the file stand there as it would be written? */
static bool holds(const char *path, const struct strbuf *text)
{
    char *there = NULL;
    size_t n = 0;
    const bool same = file_read(path, text->len + 1, &there, &n, NULL) &&
                      (n == text->len || n + 1 == text->len) && memcmp(there, text->s, n) == 0;
    free(there);
    return same;
}

static bool may_write(const struct writer *w, const char *path)
{
    return w->replace || !file_is_named(path) ||
           error_set(w->e, ERROR_INPUT,
                     "%s is already there, expected a new name, or --force, which replaces it",
                     path);
}

/* One sentence a line: in the file that they came from, when that has just them and lies in the
 * folder. */
static bool write_reference(struct writer *w, int32_t cls)
{
    struct bundle_class *c = &w->b->cls[cls];
    struct strbuf text;
    bool ok = true;
    strbuf_init(&text);
    for (int32_t i = 0; ok && i < c->n_sentences; i++) {
        ok = c->sentence[i][0] && !strchr(c->sentence[i], '\n') &&
             c->sentence[i][strlen(c->sentence[i]) - 1] != '\r';
        if (!ok)
            error_set(w->e, ERROR_INPUT,
                      "%s: sentence %d of '%s' has a line break or is empty, expected one line",
                      w->b->path, i + 1, c->name);
        strbuf_addf(&text, "%s\n", c->sentence[i]);
    }
    char *here = c->reference ? absolute(c->reference) : NULL,
         *inside = here ? behind(w->folder, here) : NULL;
    if (ok && !(inside && holds(here, &text))) {
        free(c->reference);
        c->reference = reference_path(w, cls);
        ok = may_write(w, c->reference) && file_write(c->reference, text.s, text.len, w->e);
    }
    if (ok)
        add_file(w, c->reference);
    free(inside);
    free(here);
    strbuf_release(&text);
    return ok;
}

static char *statistics_path(const struct writer *w, int32_t dict)
{
    return w->b->n_dicts == 1
               ? xasprintf("%s/%s-statistics.safetensors", w->folder, w->stem)
               : xasprintf("%s/%s-statistics-%d.safetensors", w->folder, w->stem, dict + 1);
}

static bool write_statistics(struct writer *w, int32_t dict)
{
    const struct bundle_statistics *is = &w->b->dict[dict].is;
    const int64_t n = w->b->n_classes, m = is->n_units;
    const struct tensor_out out[] = {{"fire_share", DTYPE_F32, 2, {n, m}, is->fire_share},
                                     {"mean_pre", DTYPE_F32, 2, {n, m}, is->mean_pre},
                                     {"pre_median", DTYPE_F32, 1, {m}, is->pre_median},
                                     {"abs_pre_p99", DTYPE_F32, 1, {m}, is->abs_pre_p99}};
    if (m == 0)
        return true;
    char *path = statistics_path(w, dict);
    const bool ok = may_write(w, path) && tensors_save_safetensors(path, out, 4, NULL, w->e);
    if (ok)
        add_file(w, path);
    free(path);
    return ok;
}

/* ---- its text */
static void set_text(json_t *o, const char *key, const char *s)
{
    if (s)
        json_object_set_new(o, key, json_string(s));
}

static bool set_path(struct writer *w, json_t *o, const char *key, const char *path)
{
    char *name = name_of(w, path);
    set_text(o, key, name);
    free(name);
    return name != NULL;
}

static json_t *classes_json(struct writer *w)
{
    json_t *list = json_array();
    for (int32_t i = 0; i < w->b->n_classes; i++) {
        const struct bundle_class *c = &w->b->cls[i];
        json_t *o = json_object();
        set_text(o, "name", c->name);
        set_text(o, "label", c->label);
        if (c->n_sentences > 0)
            set_path(w, o, "reference", c->reference);
        json_array_append_new(list, o);
    }
    return list;
}

static bool set_dict(struct writer *w, json_t *o, int32_t dict)
{
    const struct bundle_dict *d = &w->b->dict[dict];
    bool ok = true;
    if (d->sae) {
        ok = set_path(w, o, "sae", d->sae);
        set_text(o, "hook", d->hook);
    } else {
        set_text(o, "neurons", d->hook);
    }
    if (ok && d->is.n_units > 0) {
        char *path = statistics_path(w, dict);
        ok = set_path(w, o, "statistics", path);
        free(path);
    }
    return ok;
}

static bool is_number(const char *s)
{
    return *s && strlen(s) < 10 && s[strspn(s, "0123456789")] == '\0';
}

static json_t *chosen_json(const struct bundle *b)
{
    json_t *list = json_array();
    for (int32_t i = 0; i < b->n_chosen; i++)
        json_array_append_new(list, is_number(b->chosen[i]) ? json_integer(atol(b->chosen[i]))
                                                            : json_string(b->chosen[i]));
    return list;
}

/* The first version, where it can say it all: who reads only that reads the bundle then. */
static bool is_first_version(const struct bundle *b)
{
    bool first = b->n_dicts == 0 ||
                 (b->n_dicts == 1 && b->dict[0].sae && !bundle_is_cache_name(b->dict[0].sae));
    for (int32_t i = 0; i < b->n_chosen; i++)
        first = first && is_number(b->chosen[i]);
    for (int32_t i = 0, n = 0; i < b->n_classes; i++) { /* in which they are parallel */
        first = first && (n == 0 || b->cls[i].n_sentences == 0 || b->cls[i].n_sentences == n);
        n = n == 0 ? b->cls[i].n_sentences : n;
    }
    return first;
}

static bool set_dicts(struct writer *w, json_t *root)
{
    const struct bundle *b = w->b;
    if (b->n_dicts == 1 && b->dict[0].sae)
        return set_dict(w, root, 0);
    json_t *list = json_array();
    bool ok = true;
    if (b->n_dicts == 0)
        set_text(root, "hook", b->hook);
    for (int32_t i = 0; ok && i < b->n_dicts; i++) {
        json_t *o = json_object();
        ok = set_dict(w, o, i);
        json_array_append_new(list, o);
    }
    if (b->n_dicts > 0)
        json_object_set(root, "dictionaries", list);
    json_decref(list);
    return ok;
}

static bool set_hashes(struct writer *w, json_t *root)
{
    json_t *o = json_object();
    bool ok = true;
    for (size_t i = 0; ok && i < w->b->n_files; i++) {
        char hex[65];
        sha256_hex(&w->b->file[i].hash, hex);
        char *name = name_of(w, w->b->file[i].path);
        ok = name != NULL;
        set_text(o, name ? name : "", hex);
        free(name);
    }
    json_object_set_new(root, "sha256", o);
    return ok;
}

static bool make_text(struct writer *w, json_t *root)
{
    const struct bundle *b = w->b;
    json_object_set_new(root, "glimt_bundle", json_integer(is_first_version(b) ? 1 : 2));
    set_text(root, "title", b->title);
    if (!set_path(w, root, "model", b->model) || !set_dicts(w, root))
        return false;
    json_object_set_new(root, "classes", classes_json(w));
    json_object_set_new(root, "chosen", chosen_json(b));
    set_text(root, "theme", b->theme);
    return set_hashes(w, root);
}

static bool hash_files(struct writer *w, bundle_hash *hash, void *arg)
{
    struct bundle *b = w->b;
    const char **path = xcalloc(b->n_files + 1, sizeof *path);
    struct sha256 *found = xcalloc(b->n_files + 1, sizeof *found);
    for (size_t i = 0; i < b->n_files; i++)
        path[i] = b->file[i].path;
    const bool ok = hash(arg, path, b->n_files, found, w->e);
    for (size_t i = 0; ok && i < b->n_files; i++)
        b->file[i].hash = found[i];
    free(path);
    free(found);
    return ok;
}

static bool write_text(struct writer *w, json_t *root)
{
    char *text = json_dumps(root, JSON_INDENT(1));
    if (!text)
        return error_set(w->e, ERROR_INPUT, "%s: a name in it is no UTF-8", w->b->path);
    char *line = xasprintf("%s\n", text);
    const bool ok = file_write(w->b->path, line, strlen(line), w->e);
    free(line);
    free(text);
    return ok;
}

bool bundle_write(struct bundle *b, bool replace, bundle_hash *hash, void *arg, struct error *e)
{
    char *path = absolute(b->path), *slash = strrchr(path, '/');
    const char *dot = strrchr(slash + 1, '.');
    const size_t n_stem = dot ? (size_t)(dot - slash - 1) : strlen(slash + 1);
    struct writer w = {.b = b, .e = e, .replace = replace, .cap_files = b->n_files};
    find_folder(&w, path);
    w.stem = xstrndup(slash + 1, n_stem);
    json_t *root = json_object();
    bool ok = may_write(&w, b->path);
    for (int32_t i = 0; ok && i < b->n_dicts; i++) /* before anything is written */
        if (b->dict[i].sae) {
            char *name = name_of(&w, b->dict[i].sae);
            ok = name != NULL;
            free(name);
        }
    for (int32_t i = 0; ok && i < b->n_classes; i++)
        ok = b->cls[i].n_sentences == 0 || write_reference(&w, i);
    for (int32_t i = 0; ok && i < b->n_dicts; i++)
        ok = write_statistics(&w, i);
    ok = ok && hash_files(&w, hash, arg) && make_text(&w, root) && write_text(&w, root);
    json_decref(root);
    free(w.folder);
    free(w.real);
    free(w.stem);
    free(path);
    return ok;
}

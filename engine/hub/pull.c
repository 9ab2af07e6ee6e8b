#include "engine/hub/pull.h"
#include "engine/base/file.h"
#include "engine/base/memory.h"
#include "engine/base/strbuf.h"
#include "engine/formats/json.h"
#include "engine/hub/cache.h"
#include "engine/hub/hub_private.h"
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#define LISTING_MAX ((size_t)64 << 20)

const char *hub_library(struct error *e)
{
    const struct curl_api *api = curl_load(e);
    return api != NULL ? api->version() : NULL;
}

struct pull {
    const struct hub_pull *how;
    struct http http;
    struct hub_name name;
    char *endpoint, *folder, *locks; /* of the repository */
    struct hub_pulled *out;
    struct progress {
        struct hub_progress told;
        int64_t before;  /* bytes of the files that are through */
        int64_t resumed; /* of the file that comes: was there when it began; −1: not known yet */
        int64_t came;    /* bytes in this call, before this file */
        bool sized;      /* the list tells the bytes of every file */
        double began, last; /* told */
        int percent;
    } progress;
    struct error *e;
};

/* ---- progress */
static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void on_bytes(void *arg, int64_t done, int64_t size, bool checking)
{
    struct pull *p = arg;
    struct progress *g = &p->progress;
    const double t = now(), elapsed = t - g->began;
    if (g->resumed < 0)
        g->resumed = done;
    if (!g->sized) /* the list told no sizes */
        g->told.total = size >= 0 ? g->before + size : 0;
    const int64_t whole = checking ? size : done, came = g->came + whole - g->resumed;
    const int percent =
        g->told.total > 0 ? (int)(100 * (double)(g->before + whole) / (double)g->told.total) : 0;
    if (p->how->progress == NULL || (t - g->last < 0.1 && percent == g->percent))
        return;
    g->last = t;
    g->percent = percent;
    g->told.checking = checking;
    g->told.done = g->before + whole;
    g->told.bytes_per_s = elapsed > 0.5 ? (double)came / elapsed : 0;
    g->told.left = g->told.total > 0 && g->told.bytes_per_s > 0
                       ? (double)(g->told.total - g->told.done) / g->told.bytes_per_s
                       : NAN;
    p->how->progress(p->how->arg, &g->told);
}

/* ---- what there is */
struct text_sink {
    struct strbuf text;
};

static bool begin_text(void *arg, const struct http_answer *a, struct error *e)
{
    struct text_sink *s = arg;
    (void)a, (void)e;
    strbuf_clear(&s->text);
    return true;
}

static bool add_text(void *arg, const void *p, size_t n, struct error *e)
{
    struct text_sink *s = arg;
    strbuf_add(&s->text, p, n);
    return s->text.len <= LISTING_MAX ||
           error_set(e, ERROR_SYSTEM, "the list of files has more than %zu bytes", LISTING_MAX);
}

/* Percent-encoded; '/' stays where `path`. */
static void add_escaped(struct strbuf *out, const char *s, bool path)
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-~";
    for (; *s != '\0'; s++)
        if (strchr(plain, *s) != NULL || (path && *s == '/'))
            strbuf_addc(out, *s);
        else
            strbuf_addf(out, "%%%02X", (unsigned)(unsigned char)*s);
}

static json_t *get_listing(struct pull *p)
{
    struct text_sink s;
    struct strbuf url;
    struct http_answer a;
    bool again = false, ok = false;
    strbuf_init(&s.text);
    strbuf_init(&url);
    strbuf_addf(&url, "%s/api/models/%s/revision/", p->endpoint, p->name.repo);
    add_escaped(&url, p->name.rev, false);
    strbuf_adds(&url, "?blobs=true");
    const struct http_sink sink = {.begin = begin_text, .data = add_text, .arg = &s};
    char *what = xasprintf("%s@%s at %s", p->name.repo, p->name.rev, p->endpoint);
    ok = http_follow(&p->http, url.s, 0, &sink, &a, &again, p->e);
    ok = ok && (a.status == 200 || http_refuse(&p->http, &a, what, p->e));
    json_t *j = ok ? json_parse_object(s.text.s, s.text.len, what, p->e) : NULL;
    http_answer_release(&a);
    free(what);
    strbuf_release(&url);
    strbuf_release(&s.text);
    return j;
}

/* A file's name that stays within the snapshot. */
static bool is_file_name(const char *s)
{
    if (s[0] == '\0' || strlen(s) > 1000)
        return false;
    for (;;) {
        const size_t n = strcspn(s, "/");
        if (n == 0 || (n <= 2 && strspn(s, ".") == n) || memchr(s, '\\', n) != NULL)
            return false;
        for (size_t i = 0; i < n; i++)
            if ((unsigned char)s[i] < 0x20 || s[i] == 0x7f)
                return false;
        if (s[n] == '\0')
            return true;
        s += n + 1;
    }
}

/* ---- which of it */
static bool is_any(const char *name, const char *const *patterns)
{
    for (; *patterns != NULL; patterns++)
        if (fnmatch(*patterns, name, FNM_PERIOD) == 0)
            return true;
    return false;
}

static const char *const safetensors[] = {"model.safetensors", "model-*-of-*.safetensors",
                                          "model.safetensors.index.json", NULL},
                         *const pickled[] = {"pytorch_model.bin", "pytorch_model-*-of-*.bin",
                                             "pytorch_model.bin.index.json", NULL},
                         *const beside[] = {"config.json",
                                            "generation_config.json",
                                            "tokenizer.json",
                                            "tokenizer_config.json",
                                            "special_tokens_map.json",
                                            "added_tokens.json",
                                            "vocab.json",
                                            "merges.txt",
                                            NULL},
                         *const of_saes[] = {"*.safetensors", "*.pt",   "*.pth", "*.npz",
                                             "*.json",        "*.yaml", "*.yml", NULL};

/* Is one of the files at the top one of these? */
static bool has(const struct hub_pulled *l, const char *const *patterns)
{
    for (size_t i = 0; i < l->n_files; i++)
        if (strchr(l->file[i].name, '/') == NULL && is_any(l->file[i].name, patterns))
            return true;
    return false;
}

static bool is_asked(const struct hub_pull *how, const char *name)
{
    for (int i = 0; i < how->n_paths; i++) {
        size_t n = strlen(how->path[i]);
        while (n > 1 && how->path[i][n - 1] == '/')
            n--;
        if (fnmatch(how->path[i], name, 0) == 0 ||
            (strncmp(name, how->path[i], n) == 0 && (name[n] == '/' || name[n] == '\0')))
            return true;
    }
    return false;
}

/* Keeps what is to be fetched. */
static void choose(struct pull *p)
{
    struct hub_pulled *l = p->out;
    static const char *const config[] = {"config.json", NULL};
    const bool weights = has(l, safetensors), bin = has(l, pickled),
               model = has(l, config) && (weights || bin);
    size_t kept = 0;
    for (size_t i = 0; i < l->n_files; i++) {
        const char *name = l->file[i].name;
        const bool top = strchr(name, '/') == NULL;
        const bool wanted =
            p->how->all           ? true
            : p->how->n_paths > 0 ? is_asked(p->how, name)
            : model ? top && (is_any(name, beside) || is_any(name, weights ? safetensors : pickled))
                    : is_any(name, of_saes);
        if (wanted)
            l->file[kept++] = l->file[i];
        else
            free(l->file[i].name);
    }
    l->n_files = kept;
}

static bool read_listing(struct pull *p, const json_t *j)
{
    const json_t *files = json_object_get(j, "siblings"), *file;
    const char *commit = json_string_value(json_object_get(j, "sha"));
    struct hub_pulled *l = p->out;
    size_t i;
    struct hub_name checked;
    char *spec = xasprintf("a/b@%s", commit != NULL ? commit : "");
    const bool named = hub_name_parse(spec, &checked, NULL) && strchr(commit, '/') == NULL;
    hub_name_release(&checked);
    free(spec);
    if (!named || !json_is_array(files))
        return error_set(p->e, ERROR_SYSTEM,
                         "%s@%s at %s: the answer names no commit (sha) or no files (siblings)",
                         p->name.repo, p->name.rev, p->endpoint);
    l->commit = xstrdup(commit);
    l->dir = xasprintf("%s/snapshots/%s", p->folder, commit);
    l->file = xcalloc(json_array_size(files) + 1, sizeof *l->file);
    json_array_foreach(files, i, file)
    {
        const char *name = json_string_value(json_object_get(file, "rfilename"));
        if (name == NULL || !is_file_name(name))
            return error_set(p->e, ERROR_SYSTEM, "%s: the list of files has '%.200s' in it",
                             p->name.repo, name != NULL ? name : "");
        const json_t *size = json_object_get(file, "size");
        l->file[l->n_files++] = (struct hub_file){
            .name = xstrdup(name), .bytes = json_is_integer(size) ? json_integer_value(size) : -1};
    }
    choose(p);
    return l->n_files > 0 ||
           error_set(p->e, ERROR_INPUT,
                     "%s@%s: none of its %zu files is one that a model or an SAE needs; --all or "
                     "names fetch others",
                     p->name.repo, p->name.rev, json_array_size(files));
}

/* ---- fetching */

/* The bytes that are to come: told by the list, of files that the snapshot lacks. */
static bool check_room(struct pull *p)
{
    struct statvfs fs;
    int64_t missing = 0;
    p->progress.sized = true;
    for (size_t i = 0; i < p->out->n_files; i++) {
        char *path = xasprintf("%s/%s", p->out->dir, p->out->file[i].name);
        struct stat st;
        p->progress.sized = p->progress.sized && p->out->file[i].bytes >= 0;
        if (p->out->file[i].bytes > 0)
            p->progress.told.total += p->out->file[i].bytes;
        if (stat(path, &st) != 0 && p->out->file[i].bytes > 0)
            missing += p->out->file[i].bytes;
        free(path);
    }
    if (!hub_make_folders(p->folder, p->e))
        return false;
    const int64_t room =
        statvfs(p->folder, &fs) == 0 ? (int64_t)fs.f_bavail * (int64_t)fs.f_frsize : INT64_MAX;
    return missing <= room ||
           error_set(p->e, ERROR_SYSTEM,
                     "%s: %.1f GB are to be fetched and %s has room for %.1f GB", p->name.repo,
                     (double)missing * 1e-9, p->folder, (double)room * 1e-9);
}

/* snapshots/COMMIT/a/b → ../../../blobs/ETAG */
static bool link_file(struct pull *p, const char *name, const char *etag)
{
    char *path = xasprintf("%s/%s", p->out->dir, name), *folder = xstrdup(path);
    struct strbuf to;
    strbuf_init(&to);
    strbuf_adds(&to, "../../");
    for (const char *s = name; (s = strchr(s, '/')) != NULL; s++)
        strbuf_adds(&to, "../");
    strbuf_addf(&to, "blobs/%s", etag);
    *strrchr(folder, '/') = '\0';
    bool ok = hub_make_folders(folder, p->e);
    if (ok && symlink(to.s, path) != 0 &&
        (errno != EEXIST || unlink(path) != 0 || symlink(to.s, path) != 0))
        ok = file_fail(p->e, ERROR_SYSTEM, "linking", path);
    strbuf_release(&to);
    free(folder);
    free(path);
    return ok;
}

static bool fetch_file(struct pull *p, struct hub_file *f)
{
    struct stat st;
    char *path = xasprintf("%s/%s", p->out->dir, f->name);
    const bool there = stat(path, &st) == 0;
    bool ok = true;
    free(path);
    p->progress.told.file = f->name;
    p->progress.resumed = -1;
    if (there) {
        f->bytes = st.st_size;
    } else {
        struct strbuf url;
        strbuf_init(&url);
        strbuf_addf(&url, "%s/%s/resolve/%s/", p->endpoint, p->name.repo, p->out->commit);
        add_escaped(&url, f->name, true);
        struct blob b = {.url = url.s,
                         .name = f->name,
                         .folder = p->folder,
                         .locks = p->locks,
                         .on_bytes = on_bytes,
                         .arg = p,
                         .size = -1};
        ok = blob_fetch(&p->http, &b, p->e) && link_file(p, f->name, b.etag);
        f->fetched = b.fetched;
        f->bytes = b.size;
        if (b.fetched)
            p->progress.came += b.size - (p->progress.resumed > 0 ? p->progress.resumed : 0);
        if (b.fetched)
            p->out->fetched += b.size;
        free(b.etag);
        strbuf_release(&url);
    }
    p->progress.before += f->bytes > 0 ? f->bytes : 0;
    return ok;
}

/* refs/REV, beside and renamed; a commit has none. */
static bool write_ref(struct pull *p)
{
    if (strcmp(p->name.rev, p->out->commit) == 0)
        return true;
    char *path = xasprintf("%s/refs/%s", p->folder, p->name.rev), *folder = xstrdup(path),
         *new = xasprintf("%s.new", path);
    *strrchr(folder, '/') = '\0';
    bool ok = hub_make_folders(folder, p->e);
    FILE *f = ok ? fopen(new, "we") : NULL;
    if (ok &&
        (f == NULL || fputs(p->out->commit, f) == EOF || fclose(f) != 0 || rename(new, path) != 0))
        ok = file_fail(p->e, ERROR_SYSTEM, "writing", path);
    free(new);
    free(folder);
    free(path);
    return ok;
}

static bool pull_all(struct pull *p)
{
    json_t *listing = get_listing(p);
    bool ok = listing != NULL && read_listing(p, listing) && check_room(p);
    json_decref(listing);
    for (size_t i = 0; ok && i < p->out->n_files; i++)
        ok = fetch_file(p, &p->out->file[i]);
    return ok && write_ref(p);
}

/* ---- where to */
static const char *environment(const char *name)
{
    const char *s = getenv(name);
    return s != NULL && s[0] != '\0' ? s : NULL;
}

static bool set_places(struct pull *p)
{
    const struct hub_pull *how = p->how;
    const char *endpoint = how->endpoint != NULL ? how->endpoint : environment("HF_ENDPOINT");
    char *hub = how->hub != NULL ? xstrdup(how->hub) : hub_folder();
    p->endpoint = xstrdup(endpoint != NULL ? endpoint : "https://huggingface.co");
    for (size_t n = strlen(p->endpoint); n > 0 && p->endpoint[n - 1] == '/'; n--)
        p->endpoint[n - 1] = '\0';
    if (hub == NULL)
        return error_set(p->e, ERROR_INPUT,
                         "no place for the Hugging Face cache: HF_HOME and HOME are not set");
    p->folder = hub_repo_folder(hub, p->name.repo);
    char *locks = xasprintf("%s/.locks", hub);
    p->locks = hub_repo_folder(locks, p->name.repo);
    free(locks);
    free(hub);
    return true;
}

bool hub_pull(const struct hub_pull *how, struct hub_pulled *out, struct error *e)
{
    struct pull p = {.how = how, .out = out, .e = e};
    *out = (struct hub_pulled){0};
    p.progress.began = now();
    bool ok = hub_name_parse(how->spec, &p.name, e) && set_places(&p) &&
              http_open(&p.http, p.endpoint,
                        how->token != NULL ? how->token : environment("HF_TOKEN"), e);
    if (ok) {
        p.http.go_on = how->go_on;
        p.http.arg = how->arg;
        ok = pull_all(&p);
        http_close(&p.http);
    }
    if (!ok && e->kind == ERROR_CANCELLED) {
        *e = (struct error){0};
        error_set(e, ERROR_CANCELLED, "interrupted; what came is kept, and glimt pull %s goes on",
                  how->spec);
    }
    hub_name_release(&p.name);
    free(p.endpoint);
    free(p.folder);
    free(p.locks);
    return ok;
}

void hub_pulled_release(struct hub_pulled *p)
{
    for (size_t i = 0; i < p->n_files; i++)
        free(p->file[i].name);
    free(p->file);
    free(p->dir);
    free(p->commit);
    *p = (struct hub_pulled){0};
}

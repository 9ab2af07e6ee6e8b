#include "tui/lab/content.h"
#include "engine/base/memory.h"
#include "engine/base/parallel.h"
#include "engine/formats/tensors.h"
#include "engine/hub/cache.h"
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define GRAIN_NS INT64_C(2000000000)

static bool blob_hash(const char *path, struct sha256 *out)
{
    char *real = realpath(path, NULL);
    char *name = real ? strrchr(real, '/') : NULL;
    bool found = name && name - real >= 6 && strncmp(name - 6, "/blobs", 6) == 0 &&
                 strlen(name + 1) == 64 && sha256_from_hex(name + 1, out);
    free(real);
    return found;
}

static int64_t nanoseconds(const struct timespec *t)
{
    return t->tv_sec * INT64_C(1000000000) + t->tv_nsec;
}

static bool identify(const char *path, struct store_file *out)
{
    struct stat s;
    if (stat(path, &s) != 0)
        return false;
    *out = (struct store_file){s.st_dev, s.st_ino, s.st_size, nanoseconds(&s.st_mtim),
                               nanoseconds(&s.st_ctim)};
    return true;
}

/* What changed just now may change again before its clock ticks. */
static bool is_settled(const struct store_file *f)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    const int64_t age = nanoseconds(&now) - f->ctime_ns;
    return age < 0 || age > GRAIN_NS;
}

void hash_memory_close(struct hash_memory *m)
{
    if (m->ours)
        store_close(m->store);
    free(m->dir);
    m->store = NULL, m->dir = NULL, m->ours = false;
}

/* ---- several files side by side */
struct file_job {
    const char *path;
    struct store_file file;
    bool known;   /* by its name or the memory: nothing is read */
    bool keep;    /* the memory has to hear of it */
    int64_t done; /* bytes */
    struct sha256 *out;
};

struct hashing {
    struct file_job *job;
    size_t n;
    const atomic_bool *cancel;
    atomic_size_t next;
    atomic_llong done; /* bytes */
    atomic_bool stop;
    pthread_mutex_t lock;
    struct error error; /* the first */
    int64_t total;      /* bytes */
    const struct lab_loop *loop;
};

struct reading { /* one file */
    struct hashing *h;
    int64_t told;
};

static bool go_on(void *arg, int64_t done)
{
    struct reading *r = arg;
    atomic_fetch_add(&r->h->done, done - r->told);
    r->told = done;
    return !atomic_load(&r->h->stop) && !(r->h->cancel && atomic_load(r->h->cancel));
}

static void hash_files(void *arg)
{
    struct hashing *h = arg;
    for (size_t i; (i = atomic_fetch_add(&h->next, 1)) < h->n && !atomic_load(&h->stop);) {
        struct file_job *j = &h->job[i];
        struct reading r = {.h = h};
        struct error e = {0};
        if (j->known || sha256_file_in_pieces(j->path, go_on, &r, j->out, &e))
            continue;
        pthread_mutex_lock(&h->lock);
        if (!error_is_set(&h->error))
            h->error = e;
        pthread_mutex_unlock(&h->lock);
        atomic_store(&h->stop, true); /* now, so that nobody's "interrupted" comes first */
    }
}

static void tell(void *arg)
{
    const struct hashing *h = arg;
    const struct lab_loop *l = h->loop;
    struct study_progress p = {.total = h->total, .left = NAN, .done = atomic_load(&h->done)};
    p.share = p.total > 0 ? (double)p.done / (double)p.total : 0;
    if (l->progress && p.done > 0)
        l->progress(l->progress_arg, &p, "hashing weights");
    if (l->poll)
        l->poll(l->poll_arg);
}

static int larger_first(const void *a, const void *b)
{
    const int64_t x = ((const struct file_job *)a)->file.size,
                  y = ((const struct file_job *)b)->file.size;
    return (x < y) - (x > y);
}

/* The largest first, so that no thread is left alone with it at the end. */
static bool read_files(struct file_job *job, size_t n, size_t n_unknown, int64_t total,
                       const struct lab_loop *loop, struct error *e)
{
    struct hashing h = {
        .job = job, .n = n, .cancel = loop ? loop->cancel : NULL, .total = total, .loop = loop};
    const int n_threads = n_unknown < (size_t)parallel_cores() ? (int)n_unknown : parallel_cores();
    qsort(job, n, sizeof *job, larger_first);
    pthread_mutex_init(&h.lock, NULL);
    parallel_beside(n_threads, hash_files, &h, loop ? tell : NULL, &h);
    pthread_mutex_destroy(&h.lock);
    if (error_is_set(&h.error) && e)
        *e = h.error;
    return !error_is_set(&h.error);
}

static void open_memory(struct hash_memory *m)
{
    if (m->store || !m->dir)
        return;
    m->ours = store_open(m->dir, &m->store, m->said, sizeof m->said, NULL);
    if (!m->ours) { /* losing it costs only time */
        free(m->dir);
        m->dir = NULL;
    }
}

bool files_hash(const char *const *path, size_t n, struct hash_memory *m,
                const struct lab_loop *loop, struct sha256 *out, struct error *e)
{
    struct file_job *job = xcalloc(n, sizeof *job);
    int64_t total = 0;
    size_t n_unknown = 0;
    for (size_t i = 0; i < n; i++) {
        job[i] = (struct file_job){.path = path[i], .out = &out[i]};
        job[i].known = blob_hash(path[i], &out[i]);
        job[i].keep = !job[i].known && identify(path[i], &job[i].file);
        total += job[i].keep ? job[i].file.size : 0;
    }
    if (m && total >= HASH_WORTH)
        open_memory(m);
    for (size_t i = 0; i < n; i++) {
        struct file_job *j = &job[i];
        if (m && m->store && j->keep && store_file_hash(m->store, &j->file, j->out))
            j->known = true, j->keep = false, total -= j->file.size;
        n_unknown += !j->known;
    }
    const bool ok = n_unknown == 0 || read_files(job, n, n_unknown, total, loop, e);
    for (size_t i = 0; ok && m && m->store && i < n; i++)
        if (job[i].keep && is_settled(&job[i].file))
            store_file_remember(m->store, &job[i].file, job[i].out, NULL);
    free(job);
    return ok;
}

bool named_files_hash(const char *const *name, size_t n, struct hash_memory *m,
                      const struct lab_loop *loop, struct sha256 *out, struct error *e)
{
    char **path = xcalloc(n + 1, sizeof *path);
    bool ok = true;
    for (size_t i = 0; ok && i < n; i++)
        ok = hub_resolve_file(name[i], &path[i], e);
    ok = ok && files_hash((const char *const *)path, n, m, loop, out, e);
    for (size_t i = 0; i < n; i++)
        free(path[i]);
    free(path);
    return ok;
}

/* ---- weights */
static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

struct file_list {
    char **path;
    size_t n, cap;
};

/* The files of the weights at path, in name order, at the end of the list. */
static bool add_weights(struct file_list *l, const char *path, struct error *e)
{
    struct tensors *t = NULL;
    const size_t first = l->n;
    if (!tensors_open(path, &t, e))
        return false;
    for (size_t i = 0; i < tensors_count(t); i++) {
        const char *name = tensors_at(t, i)->file;
        bool known = false;
        for (size_t j = first; j < l->n && !known; j++)
            known = strcmp(l->path[j], name) == 0;
        if (known)
            continue;
        l->path = grow(l->path, &l->cap, l->n + 1, sizeof *l->path);
        l->path[l->n++] = xstrdup(name);
    }
    tensors_close(t);
    if (l->n == first)
        return error_set(e, ERROR_INPUT, "hashing %s: found no tensors, expected some", path);
    qsort(l->path + first, l->n - first, sizeof *l->path, by_name);
    return true;
}

static struct sha256 hash_of_all(const struct file_list *l, const struct sha256 *hash, size_t first,
                                 size_t end)
{
    struct strbuf lines;
    if (end == first + 1)
        return hash[first];
    strbuf_init(&lines);
    for (size_t i = first; i < end; i++) {
        char hex[65];
        sha256_hex(&hash[i], hex);
        const char *slash = strrchr(l->path[i], '/');
        strbuf_addf(&lines, "%s  %s\n", hex, slash ? slash + 1 : l->path[i]);
    }
    struct sha256 all = sha256_bytes(lines.s, lines.len);
    strbuf_release(&lines);
    return all;
}

bool weights_hash(const char *const *path, size_t n, struct hash_memory *m,
                  const struct lab_loop *loop, struct sha256 *out, struct error *e)
{
    struct file_list l = {0};
    size_t *end = xcalloc(n, sizeof *end);
    struct sha256 *hash = NULL;
    bool ok = true;
    for (size_t i = 0; ok && i < n; i++) {
        ok = !path[i] || add_weights(&l, path[i], e);
        end[i] = l.n;
    }
    hash = xcalloc(l.n, sizeof *hash);
    ok = ok && files_hash((const char *const *)l.path, l.n, m, loop, hash, e);
    for (size_t i = 0, first = 0; ok && i < n; first = end[i++])
        if (path[i])
            out[i] = hash_of_all(&l, hash, first, end[i]);
    for (size_t i = 0; i < l.n; i++)
        free(l.path[i]);
    free(l.path);
    free(hash);
    free(end);
    return ok;
}

bool folder_hash(const char *dir, const char *const *name, struct sha256 *out, struct error *e)
{
    struct strbuf lines;
    bool ok = true;
    strbuf_init(&lines);
    for (; ok && *name; name++) {
        char *path = xasprintf("%s/%s", dir, *name), hex[65];
        struct stat s;
        struct sha256 h;
        if (stat(path, &s) == 0) {
            ok = sha256_file(path, &h, e);
            sha256_hex(&h, hex);
            strbuf_addf(&lines, "%s  %s\n", hex, *name);
        }
        free(path);
    }
    *out = sha256_bytes(lines.s, lines.len);
    strbuf_release(&lines);
    return ok;
}

char *cache_folder(const struct options *o)
{
    const char *given = o->cache ? o->cache : getenv("GLIMT_CACHE");
    if (given && *given)
        return strcmp(given, "none") == 0 ? NULL : xstrdup(given);
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    if (cache && cache[0] == '/')
        return xasprintf("%s/glimt", cache);
    return home && *home ? xasprintf("%s/.cache/glimt", home) : NULL;
}

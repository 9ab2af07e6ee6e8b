#include "tui/lab/content.h"
#include "engine/base/memory.h"
#include "engine/formats/tensors.h"
#include <math.h>
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

struct hashing {
    const struct lab_loop *loop;
    struct study_progress progress;
};

static bool go_on(void *arg, int64_t done)
{
    struct hashing *h = arg;
    const struct lab_loop *l = h->loop;
    h->progress.done = done;
    h->progress.share = h->progress.total > 0 ? (double)done / (double)h->progress.total : 0;
    if (l->progress)
        l->progress(l->progress_arg, &h->progress, "hashing weights");
    if (l->poll)
        l->poll(l->poll_arg);
    return !l->cancel || !atomic_load(l->cancel);
}

static bool one_hash(const char *path, struct store *store, const struct lab_loop *loop,
                     struct sha256 *out, struct error *e)
{
    struct store_file file = {0};
    if (blob_hash(path, out))
        return true;
    bool known = identify(path, &file) && store;
    if (known && store_file_hash(store, &file, out))
        return true;
    struct hashing h = {loop, {.total = file.size, .left = NAN}};
    if (!sha256_file_in_pieces(path, loop ? go_on : NULL, &h, out, e))
        return false;
    if (known && is_settled(&file))
        store_file_remember(store, &file, out, NULL); /* losing it costs only time */
    return true;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

bool weights_hash(const char *path, struct store *store, const struct lab_loop *loop,
                  struct sha256 *out, struct error *e)
{
    struct tensors *t = NULL;
    const char **file = NULL;
    size_t n = 0, cap = 0;
    struct strbuf lines;
    bool ok = false;
    strbuf_init(&lines);
    if (!tensors_open(path, &t, e))
        goto cleanup;
    for (size_t i = 0; i < tensors_count(t); i++) {
        const char *name = tensors_at(t, i)->file;
        bool known = false;
        for (size_t j = 0; j < n && !known; j++)
            known = strcmp(file[j], name) == 0;
        if (known)
            continue;
        file = grow(file, &cap, n + 1, sizeof *file);
        file[n++] = name;
    }
    if (n == 0) {
        error_set(e, ERROR_INPUT, "hashing %s: found no tensors, expected some", path);
        goto cleanup;
    }
    qsort(file, n, sizeof *file, by_name);
    for (size_t i = 0; i < n; i++) {
        char hex[65];
        if (!one_hash(file[i], store, loop, out, e))
            goto cleanup;
        sha256_hex(out, hex);
        const char *slash = strrchr(file[i], '/');
        strbuf_addf(&lines, "%s  %s\n", hex, slash ? slash + 1 : file[i]);
    }
    if (n > 1)
        *out = sha256_bytes(lines.s, lines.len);
    ok = true;
cleanup:
    strbuf_release(&lines);
    free(file);
    tensors_close(t);
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

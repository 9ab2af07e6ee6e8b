#include "engine/base/file.h"
#include "engine/base/hash.h"
#include "engine/base/memory.h"
#include "engine/hub/hub_private.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <nettle/sha1.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { TRIES = 5 };

bool hub_make_folders(const char *path, struct error *e)
{
    char *part = xstrdup(path);
    bool ok = true;
    for (char *s = part + 1; ok && s != NULL;) {
        s = strchr(s, '/');
        if (s != NULL)
            *s = '\0';
        struct stat st;
        ok = mkdir(part, 0777) == 0 || (stat(part, &st) == 0 && S_ISDIR(st.st_mode));
        if (!ok)
            file_fail(e, ERROR_SYSTEM, "making the folder", part);
        if (s != NULL)
            *s++ = '/';
    }
    free(part);
    return ok;
}

/* The file that comes. */
struct coming {
    struct http *h;
    struct blob *b;
    char *path; /* ETAG.incomplete */
    int fd;
    int64_t done;
    struct error *e;
};

/* ---- checking */
static bool go_on_checking(void *arg, int64_t done)
{
    const struct coming *c = arg;
    c->b->on_bytes(c->b->arg, done, c->b->size, true);
    return c->h->go_on == NULL || c->h->go_on(c->h->arg);
}

/* git's hash of a file: SHA-1 of "blob SIZE", a NUL and the file. These files are small. */
static bool git_hash(struct coming *c, char hex[41])
{
    struct sha1_ctx ctx;
    uint8_t part[1 << 14], digest[SHA1_DIGEST_SIZE];
    char head[40];
    const int n_head = snprintf(head, sizeof head, "blob %" PRId64, c->done);
    sha1_init(&ctx);
    sha1_update(&ctx, (size_t)n_head + 1, (const uint8_t *)head);
    int64_t at = 0;
    ssize_t n;
    while ((n = pread(c->fd, part, sizeof part, at)) > 0) {
        sha1_update(&ctx, (size_t)n, part);
        at += n;
    }
    if (n < 0)
        return file_fail(c->e, ERROR_SYSTEM, "hashing", c->path);
    sha1_digest(&ctx, sizeof digest, digest);
    for (size_t i = 0; i < sizeof digest; i++)
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    return true;
}

/* A wrong file is of no use to go on with. */
static bool drop(struct coming *c, const char *kind, const char *found)
{
    unlink(c->path);
    return error_set(c->e, ERROR_SYSTEM,
                     "fetching %s: its %s is %s, expected %s; what came was removed", c->b->name,
                     kind, found, c->b->etag);
}

static bool check(struct coming *c)
{
    char hex[65];
    const size_t n = strlen(c->b->etag);
    if (strspn(c->b->etag, "0123456789abcdef") != n)
        return true; /* a server of another kind: its etag is a name and no more */
    if (n == 64) {
        struct sha256 sum;
        if (!sha256_file_in_pieces(c->path, go_on_checking, c, &sum, c->e))
            return false;
        sha256_hex(&sum, hex);
        return strcmp(hex, c->b->etag) == 0 || drop(c, "SHA-256", hex);
    }
    return n != 40 ||
           (git_hash(c, hex) && (strcmp(hex, c->b->etag) == 0 || drop(c, "SHA-1 (of git)", hex)));
}

/* ---- fetching */
static bool begin(void *arg, const struct http_answer *a, struct error *e)
{
    struct coming *c = arg;
    const int64_t from = a->status == 206 ? a->from : 0;
    if (a->status == 206 && from != c->done)
        return error_set(e, ERROR_SYSTEM,
                         "fetching %s: asked for bytes from %" PRId64
                         " on, got those from %" PRId64,
                         c->b->name, c->done, from);
    const bool shorter = from < c->done;
    c->done = from;
    if ((shorter && ftruncate(c->fd, from) != 0) || lseek(c->fd, from, SEEK_SET) < 0)
        return file_fail(e, ERROR_SYSTEM, "writing", c->path);
    return true;
}

static bool data(void *arg, const void *p, size_t n, struct error *e)
{
    struct coming *c = arg;
    for (const char *s = p; n > 0;) {
        const ssize_t k = write(c->fd, s, n);
        if (k < 0 && errno == EINTR)
            continue;
        if (k < 0)
            return file_fail(e, ERROR_SYSTEM, "writing", c->path);
        s += k;
        n -= (size_t)k;
        c->done += k;
    }
    c->b->on_bytes(c->b->arg, c->done, c->b->size, false);
    return true;
}

/* Before the next try: nothing, then 1, 2, 4 seconds; false: asked to stop. */
static bool wait_for_try(const struct http *h, int tries)
{
    const int tenths = tries < 2 ? 0 : 10 << (tries - 2);
    for (int i = 0; i < tenths; i++) {
        if (h->go_on != NULL && !h->go_on(h->arg))
            return false;
        nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
    }
    return true;
}

static bool is_whole(const struct coming *c)
{
    return c->b->size < 0 || c->done == c->b->size;
}

/* One request for the rest; *again: the connection broke off. */
static bool fetch_rest(struct coming *c, bool *again)
{
    const struct http_sink sink = {.begin = begin, .data = data, .arg = c};
    struct http_answer a;
    const int64_t before = c->done;
    bool ok = http_follow(c->h, c->b->url, c->done, &sink, &a, again, c->e);
    if (ok && (a.status == 416 || c->done > c->b->size) && c->b->size >= 0 && !is_whole(c)) {
        c->done = 0; /* more than there is */
        *again = before > 0;
        ok = ftruncate(c->fd, 0) == 0 &&
             (*again ||
              error_set(c->e, ERROR_SYSTEM, "fetching %s: more bytes came than its %" PRId64,
                        c->b->name, c->b->size));
    } else if (ok && a.status != 200 && a.status != 206) {
        ok = http_refuse(c->h, &a, c->b->name, c->e);
    } else if (ok && !is_whole(c)) {
        *again = true;
        ok = error_set(c->e, ERROR_SYSTEM, "fetching %s: %" PRId64 " bytes of %" PRId64 " came",
                       c->b->name, c->done, c->b->size);
    }
    http_answer_release(&a);
    return ok;
}

static bool fetch_all(struct coming *c)
{
    if (c->b->size >= 0 && c->done > c->b->size) {
        c->done = 0;
        if (ftruncate(c->fd, 0) != 0)
            return file_fail(c->e, ERROR_SYSTEM, "writing", c->path);
    }
    for (int tries = 0; c->b->size < 0 || c->done < c->b->size;) {
        const int64_t before = c->done;
        bool again = false;
        const bool ok = fetch_rest(c, &again);
        if (ok && !again)
            break;
        tries = c->done > before ? 1 : tries + 1;
        if (!again || tries > TRIES || c->e->kind == ERROR_CANCELLED)
            return false;
        *c->e = (struct error){0};
        if (!wait_for_try(c->h, tries))
            return error_set(c->e, ERROR_CANCELLED, "interrupted");
    }
    return true;
}

/* ---- the whole */

/* An etag names a file. */
static bool is_name(const char *s)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    const size_t n = strlen(s);
    return n > 0 && n <= 128 && strspn(s, allowed) == n && s[0] != '.';
}

static bool ask_etag(struct http *h, struct blob *b, struct error *e)
{
    struct http_answer a;
    bool again = false, ok = false;
    for (int tries = 1; tries <= TRIES; tries++) {
        ok = http_follow(h, b->url, 0, NULL, &a, &again, e);
        if (!again || tries == TRIES || !wait_for_try(h, tries))
            break;
        http_answer_release(&a);
        *e = (struct error){0};
    }
    if (ok && a.etag == NULL && a.status >= 400)
        ok = http_refuse(h, &a, b->name, e);
    else if (ok && (a.etag == NULL || !is_name(a.etag)))
        ok = error_set(e, ERROR_SYSTEM, "%s: the server names no ETag of it that a file can have",
                       b->name);
    if (ok) {
        b->etag = xstrdup(a.etag);
        b->size = a.linked >= 0 ? a.linked : a.status == 200 ? a.length : -1;
    }
    http_answer_release(&a);
    return ok;
}

/* huggingface_hub's own lock of this blob; −1 and *e. */
static int lock(const struct blob *b, struct error *e)
{
    if (!hub_make_folders(b->locks, e))
        return -1;
    char *path = xasprintf("%s/%s.lock", b->locks, b->etag);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0) {
        file_fail(e, ERROR_SYSTEM, "opening", path);
    } else if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        error_set(e, ERROR_SYSTEM, "fetching %s: another program is fetching it (%s is locked)",
                  b->name, path);
        close(fd);
        fd = -1;
    }
    free(path);
    return fd;
}

static bool fetch_into(struct coming *c, const char *blob)
{
    struct stat st;
    c->fd = open(c->path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (c->fd < 0 || fstat(c->fd, &st) != 0)
        return file_fail(c->e, ERROR_SYSTEM, "opening", c->path);
    c->done = st.st_size;
    bool ok = fetch_all(c) && check(c);
    if (ok && (fsync(c->fd) != 0 || rename(c->path, blob) != 0))
        ok = file_fail(c->e, ERROR_SYSTEM, "writing", blob);
    c->b->size = ok ? c->done : c->b->size;
    return ok;
}

bool blob_fetch(struct http *h, struct blob *b, struct error *e)
{
    struct stat st;
    if (!ask_etag(h, b, e))
        return false;
    char *folder = xasprintf("%s/blobs", b->folder), *path = xasprintf("%s/%s", folder, b->etag);
    struct coming c = {.h = h, .b = b, .path = xasprintf("%s.incomplete", path), .fd = -1, .e = e};
    bool ok = true;
    if (stat(path, &st) == 0) {
        b->size = st.st_size;
    } else {
        const int locked = hub_make_folders(folder, e) ? lock(b, e) : -1;
        ok = locked >= 0 && fetch_into(&c, path);
        b->fetched = ok;
        if (locked >= 0)
            close(locked);
    }
    if (c.fd >= 0)
        close(c.fd);
    free(c.path);
    free(path);
    free(folder);
    return ok;
}

#include "engine/formats/packs.h"
#include "engine/base/file.h"
#include "engine/base/memory.h"
#include "engine/base/parallel.h"
#include "engine/formats/mapping.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#define MAGIC "glimtpak"
#define VERSION 1
#define HEAD 4096               /* bytes before the contents, which begin a page */
#define EDGE 4096               /* bytes at either end whose hash is in the head */
#define PIECE ((size_t)8 << 20) /* written and brought to the disk at a time */
#define NAME_DIGITS 40
#define TOUCH_S 3600
#define DAMAGED ".damaged"
#define PART ".part"
#define PART_S 86400 /* one that nobody goes on with */

struct head {
    char magic[8];
    uint32_t version, zero;
    uint64_t n;
    struct sha256 key, edges;
    char text[HEAD - 88]; /* for people */
};
_Static_assert(sizeof(struct head) == HEAD, "the head is a page");

struct known_file {
    char *path;
    struct sha256 hash;
};
struct found {
    char *name;
    struct mapping map;
};
struct put {
    char *name, *text;
    struct sha256 key;
    const void *p;
    size_t n;
};

struct packs {
    char *dir;
    int64_t worth;
    packs_hash *hash;
    void *arg;
    struct known_file *file;
    size_t n_files, cap_files;
    struct found *found;
    size_t n_found, cap_found;
    struct put *put;
    size_t n_puts, cap_puts;
    pthread_t writer;
    bool writing;
    atomic_bool stop;
    atomic_size_t written;
    int n_aside;
    char said[400];
};

struct packs *packs_new(const char *dir, int64_t worth, packs_hash *hash, void *arg)
{
    struct packs *p = xcalloc(1, sizeof *p);
    p->dir = xstrdup(dir);
    p->worth = worth, p->hash = hash, p->arg = arg;
    return p;
}

void packs_free(struct packs *p)
{
    if (!p)
        return;
    packs_stop(p);
    for (size_t i = 0; i < p->n_files; i++)
        free(p->file[i].path);
    for (size_t i = 0; i < p->n_found; i++) {
        mapping_close(&p->found[i].map);
        free(p->found[i].name);
    }
    for (size_t i = 0; i < p->n_puts; i++) {
        free(p->put[i].name);
        free(p->put[i].text);
    }
    free(p->file);
    free(p->found);
    free(p->put);
    free(p->dir);
    free(p);
}

/* ---- contents and keys */
static const struct sha256 *hash_of(const struct packs *p, const char *file)
{
    for (size_t i = 0; i < p->n_files; i++)
        if (strcmp(p->file[i].path, file) == 0)
            return &p->file[i].hash;
    return NULL;
}

static bool is_worth_it(const struct packs *p, const char *file)
{
    struct stat st;
    return !hash_of(p, file) && stat(file, &st) == 0 && S_ISREG(st.st_mode) &&
           st.st_size >= p->worth;
}

bool packs_add(struct packs *p, const struct tensors *ts, struct error *e)
{
    const size_t n = tensors_files(ts);
    const char **path = xcalloc(n, sizeof *path);
    struct sha256 *hash = xcalloc(n, sizeof *hash);
    struct error why = {0};
    size_t n_new = 0;
    for (size_t i = 0; i < n; i++)
        if (is_worth_it(p, tensors_file(ts, i)))
            path[n_new++] = tensors_file(ts, i);
    const bool ok = n_new == 0 || p->hash(p->arg, path, n_new, hash, &why);
    for (size_t i = 0; ok && i < n_new; i++) {
        p->file = grow(p->file, &p->cap_files, p->n_files + 1, sizeof *p->file);
        p->file[p->n_files++] = (struct known_file){xstrdup(path[i]), hash[i]};
    }
    free(path);
    free(hash);
    return why.kind != ERROR_CANCELLED || error_set(e, why.kind, "%s", why.text);
}

/* Of what lies in the file and its place; NULL: nothing is kept of it. */
static char *name_of(const struct packs *p, const char *file, const char *what, struct sha256 *key)
{
    const struct sha256 *content = hash_of(p, file);
    char hex[65];
    if (!content)
        return NULL;
    sha256_hex(content, hex);
    char *text = xasprintf("glimt packed %d %s %s", VERSION, hex, what);
    *key = sha256_bytes(text, strlen(text));
    free(text);
    sha256_hex(key, hex);
    return xasprintf("%s/%.*s", p->dir, NAME_DIGITS, hex);
}

static struct sha256 hash_edges(const void *p, size_t n)
{
    const size_t edge = n < EDGE ? n : EDGE;
    char both[2 * EDGE];
    memcpy(both, p, edge);
    memcpy(both + edge, (const char *)p + n - edge, edge);
    return sha256_bytes(both, 2 * edge);
}

/* ---- reading */
static bool is_sound(const struct mapping *m, const struct sha256 *key)
{
    struct head h;
    if (m->n <= HEAD)
        return false;
    memcpy(&h, m->p, sizeof h);
    if (memcmp(h.magic, MAGIC, sizeof h.magic) != 0 || h.version != VERSION || h.zero != 0 ||
        h.n != m->n - HEAD || memcmp(&h.key, key, sizeof *key) != 0)
        return false;
    const struct sha256 edges = hash_edges(m->p + HEAD, m->n - HEAD);
    return memcmp(&edges, &h.edges, sizeof edges) == 0;
}

/* A model has a hundred matrices: their files are told of in one line. */
static void set_aside(struct packs *p, const char *name)
{
    char *aside = xasprintf("%s" DAMAGED, name);
    const bool gone = rename(name, aside) == 0 || unlink(name) == 0;
    p->n_aside += gone;
    if (!gone)
        snprintf(p->said, sizeof p->said,
                 "The packed weights %.280s are damaged, and can't be set aside: %s", name,
                 strerror(errno));
    else if (p->n_aside == 1)
        snprintf(p->said, sizeof p->said,
                 "The packed weights %.280s are damaged: set aside as NAME" DAMAGED ", packed anew",
                 name);
    else
        snprintf(p->said, sizeof p->said,
                 "%d files of packed weights in %.280s are damaged: set aside as NAME" DAMAGED
                 ", packed anew",
                 p->n_aside, p->dir);
    free(aside);
}

const char *packs_said(const struct packs *p)
{
    return p ? p->said : "";
}

/* When it was used last, to the hour. */
static void touch(const char *name)
{
    struct stat st;
    const time_t now = time(NULL);
    if (stat(name, &st) == 0 && (st.st_mtime < now - TOUCH_S || st.st_mtime > now))
        utimensat(AT_FDCWD, name, NULL, 0);
}

const void *packs_find(struct packs *p, const char *file, const char *what, size_t *n)
{
    struct sha256 key;
    struct mapping map;
    char *name = name_of(p, file, what, &key);
    if (!name || !mapping_open(&map, name, NULL)) {
        free(name);
        return NULL;
    }
    if (!is_sound(&map, &key)) {
        mapping_close(&map);
        set_aside(p, name);
        free(name);
        return NULL;
    }
    touch(name);
    p->found = grow(p->found, &p->cap_found, p->n_found + 1, sizeof *p->found);
    p->found[p->n_found++] = (struct found){name, map};
    *n = map.n - HEAD;
    return map.p + HEAD;
}

void packs_distrust(struct packs *p, const char *file, const char *what)
{
    struct sha256 key;
    char *name = name_of(p, file, what, &key);
    if (name)
        set_aside(p, name);
    free(name);
}

/* ---- writing */
void packs_put(struct packs *p, const char *file, const char *what, const void *bytes, size_t n)
{
    struct put put = {.p = bytes, .n = n};
    if (p->writing || n == 0 || !(put.name = name_of(p, file, what, &put.key)))
        return;
    put.text = xasprintf("%s\n%s\n", file, what);
    p->put = grow(p->put, &p->cap_puts, p->n_puts + 1, sizeof *p->put);
    p->put[p->n_puts++] = put;
}

static bool is_stopped(struct packs *p)
{
    return atomic_load(&p->stop);
}

static struct head head_of(const struct put *put)
{
    struct head h = {.magic = MAGIC, .version = VERSION, .n = put->n, .key = put->key};
    h.edges = hash_edges(put->p, put->n);
    snprintf(h.text, sizeof h.text, "\n%s", put->text);
    return h;
}

static bool write_at(int fd, const void *p, size_t n, size_t at)
{
    const char *from = p;
    while (n > 0) {
        const ssize_t k = pwrite(fd, from, n, (off_t)at);
        if (k < 0 && errno == EINTR)
            continue;
        if (k <= 0)
            return false;
        from += k, at += (size_t)k, n -= (size_t)k;
    }
    return true;
}

/* How many bytes of it an earlier run brought to the disk, in whole pieces; −1: none of it, not
 * even the head. A file grows on the disk only once its bytes are there. */
static int64_t done_before(int fd, const struct head *h, size_t n)
{
    struct head found;
    struct stat st;
    if (fstat(fd, &st) != 0 || pread(fd, &found, sizeof found, 0) != sizeof found ||
        memcmp(&found, h, sizeof found) != 0 || (uint64_t)st.st_size > HEAD + n)
        return -1;
    const size_t have = (size_t)st.st_size - HEAD;
    return (int64_t)(have == n ? n : have / PIECE * PIECE);
}

/* Piece by piece to the disk itself, so that no queue of it holds up others, or the end. One piece
 * at least, so that many short runs get there too. False: not all of it yet, *failed: and never. */
static bool write_pieces(struct packs *p, const struct put *put, int fd, bool *failed)
{
    const struct head h = head_of(put);
    const int64_t before = done_before(fd, &h, put->n);
    size_t at = before > 0 ? (size_t)before : 0;
    bool ok = ftruncate(fd, before < 0 ? 0 : (off_t)(HEAD + at)) == 0 &&
              (before >= 0 || write_at(fd, &h, sizeof h, 0));
    while (ok && at < put->n) {
        const size_t left = put->n - at, piece = left < PIECE ? left : PIECE;
        ok = write_at(fd, (const char *)put->p + at, piece, HEAD + at) && fdatasync(fd) == 0;
        at += piece;
        if (ok && at < put->n && is_stopped(p))
            return false;
    }
    *failed = !ok;
    return ok;
}

/* Ours alone, and still the file of that name: another's may have become what was waited for. */
static bool hold(int fd, const char *part, const char *name)
{
    struct stat held, there;
    return flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, &held) == 0 && stat(part, &there) == 0 &&
           held.st_ino == there.st_ino && held.st_dev == there.st_dev && access(name, F_OK) != 0;
}

static bool write_one(struct packs *p, const struct put *put)
{
    char *part = xasprintf("%s" PART, put->name);
    const int fd = open(part, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    bool ok = false, failed = false;
    if (fd >= 0 && hold(fd, part, put->name)) {
        ok = write_pieces(p, put, fd, &failed) && rename(part, put->name) == 0;
        if (failed)
            unlink(part);
    }
    if (fd >= 0)
        close(fd);
    free(part);
    return ok;
}

static bool has_room(const struct packs *p)
{
    struct statvfs fs;
    uint64_t need = 0;
    for (size_t i = 0; i < p->n_puts; i++)
        need += p->put[i].n;
    return statvfs(p->dir, &fs) == 0 && need <= (uint64_t)fs.f_bavail * fs.f_frsize / 4;
}

static void *write_all(void *arg)
{
    struct packs *p = arg;
    setpriority(PRIO_PROCESS, (id_t)gettid(), 19);
    packs_prune(p->dir, -1, -1); /* what is of no use to anybody */
    if (!file_make_folders(p->dir) || !has_room(p))
        return NULL;
    for (size_t i = 0; i < p->n_puts && (i == 0 || !is_stopped(p)); i++)
        atomic_fetch_add(&p->written, write_one(p, &p->put[i]));
    return NULL;
}

void packs_write(struct packs *p)
{
    if (p->n_puts > 0 && p->said[0] == '\0' && access(p->dir, W_OK) != 0 && errno != ENOENT)
        snprintf(p->said, sizeof p->said,
                 "The packed weights can't be kept in %.280s: %s; --cache DIR takes another place",
                 p->dir, strerror(errno));
    else if (!p->writing && p->n_puts > 0 && !is_stopped(p))
        p->writing = thread_start(&p->writer, write_all, p) == 0;
}

bool packs_wait(struct packs *p)
{
    if (p->writing)
        pthread_join(p->writer, NULL);
    p->writing = false;
    return atomic_load(&p->written) == p->n_puts;
}

void packs_stop(struct packs *p)
{
    if (!p)
        return;
    atomic_store(&p->stop, true);
    packs_wait(p);
}

/* ---- housekeeping */
struct kept_file {
    char *path;
    int64_t bytes, used;
    bool whole, useless;
};
struct kept_files {
    struct kept_file *file;
    size_t n, cap;
};

/* NAME, NAME.damaged, or NAME.part, with which the next run goes on. */
static bool is_ours(const char *name, const struct stat *st, struct kept_file *f)
{
    if (strspn(name, "0123456789abcdef") != NAME_DIGITS || !S_ISREG(st->st_mode))
        return false;
    const char *end = name + NAME_DIGITS;
    const bool part = strcmp(end, PART) == 0;
    f->whole = *end == '\0';
    f->useless = strcmp(end, DAMAGED) == 0 || (part && st->st_mtime < time(NULL) - PART_S);
    f->bytes = st->st_size, f->used = st->st_mtime;
    return f->whole || f->useless || part;
}

static struct kept_files list_files(const char *dir)
{
    struct kept_files l = {0};
    DIR *d = opendir(dir);
    for (struct dirent *f; d && (f = readdir(d));) {
        struct stat st;
        struct kept_file file;
        if (fstatat(dirfd(d), f->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
            !is_ours(f->d_name, &st, &file))
            continue;
        l.file = grow(l.file, &l.cap, l.n + 1, sizeof *l.file);
        file.path = xasprintf("%s/%s", dir, f->d_name);
        l.file[l.n++] = file;
    }
    if (d)
        closedir(d);
    return l;
}

static void free_files(struct kept_files *l)
{
    for (size_t i = 0; i < l->n; i++)
        free(l->file[i].path);
    free(l->file);
}

static struct packs_size sum(const struct kept_files *l)
{
    struct packs_size s = {0};
    for (size_t i = 0; i < l->n; i++) {
        s.files += l->file[i].whole;
        s.bytes += l->file[i].bytes;
    }
    return s;
}

uint64_t packs_kept(const struct packs *p)
{
    return (uint64_t)packs_count(p->dir).bytes;
}

struct packs_size packs_count(const char *dir)
{
    struct kept_files l = list_files(dir);
    struct packs_size s = sum(&l);
    free_files(&l);
    return s;
}

static int longest_unused_first(const void *a, const void *b)
{
    const struct kept_file *x = a, *y = b;
    return x->used != y->used ? (x->used > y->used) - (x->used < y->used)
                              : strcmp(x->path, y->path);
}

struct packs_size packs_prune(const char *dir, double days, int64_t bytes)
{
    struct kept_files l = list_files(dir);
    struct packs_size removed = {0}, all = sum(&l);
    const double now = (double)time(NULL);
    if (l.n > 0)
        qsort(l.file, l.n, sizeof *l.file, longest_unused_first);
    for (size_t i = 0; i < l.n; i++) {
        const struct kept_file *f = &l.file[i];
        const bool goes = f->useless || (days >= 0 && now - (double)f->used > days * 86400) ||
                          (bytes >= 0 && all.bytes - removed.bytes > bytes);
        if (!goes || unlink(f->path) != 0)
            continue;
        removed.files++;
        removed.bytes += f->bytes;
    }
    free_files(&l);
    return removed;
}

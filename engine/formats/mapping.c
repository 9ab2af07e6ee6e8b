#include "engine/formats/mapping.h"
#include "engine/base/file.h"
#include "engine/base/memory.h"
#include "engine/formats/file_out.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* A wrong name is the user's to mend; a failing disk is not. */
static enum error_kind kind_of(int why)
{
    switch (why) {
    case ENOENT:
    case ENOTDIR:
    case EISDIR:
    case EACCES:
    case EPERM:
    case ELOOP:
    case ENAMETOOLONG: return ERROR_INPUT;
    default: return ERROR_SYSTEM;
    }
}

bool mapping_open(struct mapping *m, const char *path, struct error *e)
{
    *m = (struct mapping){0};
    /* O_NONBLOCK: opening a pipe must not wait for its writer; it has no meaning for a regular
     * file. */
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return file_fail(e, kind_of(errno), "opening", path);
    bool ok = false;
    struct stat st;
    if (fstat(fd, &st) != 0) {
        error_set(e, ERROR_SYSTEM, "opening %s: %s", path, strerror(errno));
        goto cleanup;
    }
    if (!S_ISREG(st.st_mode)) {
        error_set(e, ERROR_INPUT, "opening %s: found %s, expected a file", path,
                  S_ISDIR(st.st_mode) ? "a folder" : "a device or pipe");
        goto cleanup;
    }
    if (st.st_size > 0) {
        void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (p == MAP_FAILED) {
            error_set(e, ERROR_SYSTEM, "mapping %s (%lld bytes): %s", path, (long long)st.st_size,
                      strerror(errno));
            goto cleanup;
        }
        *m = (struct mapping){.p = p, .n = (size_t)st.st_size};
    }
    ok = true;
cleanup:
    close(fd);
    return ok;
}

void mapping_close(struct mapping *m)
{
    if (m->p != NULL)
        munmap((void *)(uintptr_t)m->p, m->n);
    *m = (struct mapping){0};
}

void mapping_done(const struct mapping *m, const void *p, size_t n)
{
    const uintptr_t start = (uintptr_t)m->p, from = (uintptr_t)p;
    if (m->p == NULL || from < start || from - start > m->n || n > m->n - (from - start))
        return;
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    /* Whole pages only: what shares a page with the neighbours may still be needed. The end of the
     * file is its own. */
    const uintptr_t first = (from + page - 1) / page * page;
    uintptr_t last = (from + n) / page * page;
    if (from + n == start + m->n)
        last = (from + n + page - 1) / page * page;
    if (last > first)
        madvise((void *)first, last - first, MADV_DONTNEED);
}

bool file_read(const char *path, size_t limit, char **out, size_t *n, struct error *e)
{
    *out = NULL;
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return file_fail(e, kind_of(errno), "reading", path);
    bool ok = false;
    char *text = NULL;
    size_t len = 0, cap = 0;
    for (;;) {
        text = grow(text, &cap, len + 4096, 1);
        const ssize_t k = read(fd, text + len, cap - len - 1);
        if (k < 0 && errno == EINTR)
            continue;
        if (k < 0) {
            error_set(e, kind_of(errno), "reading %s: %s", path, strerror(errno));
            goto cleanup;
        }
        if (k == 0)
            break;
        len += (size_t)k;
        if (len > limit) {
            error_set(e, ERROR_INPUT,
                      "reading %s: found more than %zu bytes, the most that is expected of it",
                      path, limit);
            goto cleanup;
        }
    }
    text[len] = '\0';
    *out = text;
    text = NULL;
    if (n != NULL)
        *n = len;
    ok = true;
cleanup:
    free(text);
    close(fd);
    return ok;
}

bool file_write(const char *path, const void *p, size_t n, struct error *e)
{
    struct file_out f;
    if (!file_out_open(&f, path, e))
        return false;
    if (!file_out_write(&f, p, n, e)) {
        file_out_abort(&f);
        return false;
    }
    return file_out_commit(&f, e);
}

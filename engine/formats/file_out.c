#include "engine/formats/file_out.h"
#include "engine/base/memory.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int open_beside(struct file_out *f)
{
    for (unsigned i = 0; i < 100; i++) {
        free(f->beside);
        f->beside = xasprintf("%s.%ld-%u.part", f->path, (long)getpid(), i);
        f->fd = open(f->beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (f->fd >= 0 || errno != EEXIST)
            break;
    }
    return f->fd;
}

static void forget(struct file_out *f)
{
    free(f->path);
    free(f->beside);
    *f = (struct file_out){.fd = -1};
}

bool file_out_open(struct file_out *f, const char *path, struct error *e)
{
    *f = (struct file_out){.fd = -1};
    /* A symbolic link stays one: what it points to is replaced. */
    f->path = realpath(path, NULL);
    if (f->path == NULL)
        f->path = xstrdup(path);
    struct stat st;
    if (stat(f->path, &st) == 0 && !S_ISREG(st.st_mode))
        f->fd = open(f->path, O_WRONLY | O_CLOEXEC);
    else
        f->fd = open_beside(f);
    if (f->fd >= 0)
        return true;
    error_set(e, ERROR_SYSTEM, "writing %s: %s", path, strerror(errno));
    forget(f);
    return false;
}

bool file_out_write(struct file_out *f, const void *p, size_t n, struct error *e)
{
    const char *s = p;
    while (n > 0) {
        const ssize_t k = write(f->fd, s, n < (1U << 30) ? n : 1U << 30);
        if (k < 0 && errno == EINTR)
            continue;
        if (k < 0)
            return error_set(e, ERROR_SYSTEM, "writing %s: %s", f->path, strerror(errno));
        s += k, n -= (size_t)k;
    }
    return true;
}

bool file_out_commit(struct file_out *f, struct error *e)
{
    /* Without fsync some file systems may hold the new name with none of the bytes after a crash.
     */
    bool ok = f->beside == NULL || fsync(f->fd) == 0;
    int why = ok ? 0 : errno;
    if (close(f->fd) != 0 && ok)
        ok = false, why = errno;
    if (ok && f->beside != NULL && rename(f->beside, f->path) != 0)
        ok = false, why = errno;
    if (!ok) {
        error_set(e, ERROR_SYSTEM, "writing %s: %s", f->path, strerror(why));
        if (f->beside != NULL)
            unlink(f->beside);
    }
    forget(f);
    return ok;
}

void file_out_abort(struct file_out *f)
{
    if (f->fd >= 0)
        close(f->fd);
    if (f->beside != NULL)
        unlink(f->beside);
    forget(f);
}

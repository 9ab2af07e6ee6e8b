#include "engine/base/file.h"
#include "engine/base/memory.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool file_is_named(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0;
}

bool file_fail(struct error *e, enum error_kind kind, const char *doing, const char *path)
{
    const int why = errno;
    char target[512];
    const ssize_t n = why == ENOENT ? readlink(path, target, sizeof target - 1) : -1;
    if (n < 0)
        return error_set(e, kind, "%s %s: %s", doing, path, strerror(why));
    target[n] = '\0';
    return error_set(e, kind, "%s %s: it links to %s, which is not there", doing, path, target);
}

bool file_make_folders(const char *path)
{
    char *part = xstrdup(path);
    bool ok = true;
    for (char *s = part + 1; ok && *part != '\0' && (s = strchr(s, '/')) != NULL; s++) {
        *s = '\0';
        const int made = mkdir(part, 0700);
        const int why = errno;
        ok = made == 0 || why == EEXIST || why == EISDIR || access(part, F_OK) == 0;
        errno = why;
        *s = '/';
    }
    ok = ok && (mkdir(part, 0700) == 0 || errno == EEXIST);
    const int why = errno;
    free(part);
    errno = why;
    return ok;
}

char *file_program_folder(void)
{
    char path[4096];
    const ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    if (n <= 0)
        return NULL;
    path[n] = '\0';
    char *slash = strrchr(path, '/');
    return slash ? xstrndup(path, (size_t)(slash - path)) : NULL;
}

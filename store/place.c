/* The folder of the cache and the files in it, as the file system sees them. */
#include "engine/base/file.h"
#include "engine/base/memory.h"
#include "store/store_private.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

char *store_folder(const char *dir, struct error *e)
{
    if (dir == NULL || dir[0] == '\0') {
        error_set(e, ERROR_INPUT, "the cache: no folder given");
        return NULL;
    }
    char *real = NULL, *path = xasprintf("%s/" STORE_FILE, dir);
    struct stat st;
    if (!file_make_folders(dir) || stat(dir, &st) != 0)
        error_set(e, ERROR_SYSTEM, "cache: the folder %s can't be made: %s", dir, strerror(errno));
    else if (!S_ISDIR(st.st_mode))
        error_set(e, ERROR_INPUT, "cache: %s is a file, expected a folder", dir);
    else if (access(path, F_OK) != 0 && access(dir, W_OK | X_OK) != 0)
        error_set(e, ERROR_SYSTEM,
                  "cache: the folder %s can't be written: %s; --cache DIR takes another place, "
                  "--cache none goes without",
                  dir, strerror(errno));
    else if ((real = realpath(dir, NULL)) == NULL)
        error_set(e, ERROR_SYSTEM, "cache: the folder %s: %s", dir, strerror(errno));
    free(path);
    return real;
}

int store_unwritable(const char *path)
{
    char *dir = xstrndup(path, (size_t)(strrchr(path, '/') - path));
    const bool may = access(dir, W_OK | X_OK) == 0 &&
                     (access(path, W_OK) == 0 || errno == ENOENT || errno == EISDIR);
    const int why = may ? 0 : errno;
    free(dir);
    return why;
}

bool store_type_is_network(uint32_t f_type)
{
    static const uint32_t network[] = {
        0x00006969, /* NFS */
        0x0000517b, /* SMB */
        0xff534d42, /* CIFS */
        0xfe534d42, /* SMB 2 and 3 */
        0x0bd00bd0, /* Lustre */
        0x47504653, /* GPFS, Storage Scale */
        0x19830326, /* BeeGFS */
        0x01021997, /* 9p */
        0x65735546, /* FUSE: sshfs, s3fs, glusterfs, virtiofs … */
        0x00c36400, /* Ceph */
        0x5346414f, /* AFS */
        0x6b414653, /* AFS of the kernel */
        0x73757245, /* Coda */
        0x20030528, /* OrangeFS */
        0xaad7aaea, /* PanFS */
        0x01161970, /* GFS2 */
        0x7461636f, /* OCFS2 */
        0x786f4256, /* VirtualBox shared folders */
    };
    for (size_t i = 0; i < sizeof network / sizeof *network; i++)
        if (network[i] == f_type)
            return true;
    return false;
}

bool store_on_network(const char *dir)
{
    struct statfs fs;
    return statfs(dir, &fs) == 0 && store_type_is_network((uint32_t)fs.f_type);
}

int store_lock_folder(const char *dir)
{
    const int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    /* Polled, so that one that was stopped in the middle of opening stops nobody for ever. */
    for (int ms = 0; ms < STORE_BUSY_MS; ms += 10) {
        if (flock(fd, LOCK_EX | LOCK_NB) == 0)
            return fd;
        if (errno != EWOULDBLOCK && errno != EINTR)
            break;
        sqlite3_sleep(10);
    }
    close(fd);
    return -1;
}

void store_unlock_folder(int lock)
{
    if (lock >= 0)
        close(lock);
}

/* The main file last: until it is gone, its journals are never left to a new one. */
static const char *const suffix[] = {"-wal", "-shm", "-journal", ""};
#define N_SUFFIX (sizeof suffix / sizeof *suffix)

static bool is_free(const char *aside)
{
    struct stat st;
    for (size_t i = 0; i < N_SUFFIX; i++) {
        char *path = xasprintf("%s%s", aside, suffix[i]);
        const bool there = lstat(path, &st) == 0;
        free(path);
        if (there)
            return false;
    }
    return true;
}

bool store_set_aside(const char *path, const char *what, char *aside, size_t n_aside,
                     struct error *e)
{
    char *to = NULL;
    for (int i = 1; to == NULL && i < 1000; i++) {
        to = xasprintf("%s.%s-%d", path, what, i);
        if (is_free(to))
            break;
        free(to);
        to = NULL;
    }
    if (to == NULL)
        return error_set(e, ERROR_SYSTEM, "cache %s: can't be set aside: 999 others already are",
                         path);
    bool ok = true;
    for (size_t i = 0; i < N_SUFFIX && ok; i++) {
        char *from_i = xasprintf("%s%s", path, suffix[i]), *to_i = xasprintf("%s%s", to, suffix[i]);
        ok =
            rename(from_i, to_i) == 0 || errno == ENOENT ||
            error_set(e, ERROR_SYSTEM, "cache %s: can't be set aside: %s", from_i, strerror(errno));
        free(from_i);
        free(to_i);
    }
    const char *slash = strrchr(to, '/');
    snprintf(aside, n_aside, "%s", slash != NULL ? slash + 1 : to);
    free(to);
    return ok;
}

int64_t store_file_size(const char *path, const char *what)
{
    char *name = xasprintf("%s%s", path, what);
    struct stat st;
    const int64_t size = stat(name, &st) == 0 ? (int64_t)st.st_size : 0;
    free(name);
    return size;
}

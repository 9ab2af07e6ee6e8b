#include "tui/lab/content.h"
#include "engine/base/memory.h"
#include "engine/formats/tensors.h"
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static bool blob_hash(const char *path, struct sha256 *out)
{
    char *real = realpath(path, NULL);
    char *name = real ? strrchr(real, '/') : NULL;
    bool found = name && name - real >= 6 && strncmp(name - 6, "/blobs", 6) == 0 &&
                 strlen(name + 1) == 64 && sha256_from_hex(name + 1, out);
    free(real);
    return found;
}

static bool identify(const char *path, struct store_file *out)
{
    struct stat s;
    if (stat(path, &s) != 0)
        return false;
    *out = (struct store_file){s.st_dev, s.st_ino, s.st_size,
                               s.st_mtim.tv_sec * INT64_C(1000000000) + s.st_mtim.tv_nsec};
    return true;
}

static bool one_hash(const char *path, struct store *store, struct sha256 *out, struct error *e)
{
    struct store_file file;
    if (blob_hash(path, out))
        return true;
    bool known = store && identify(path, &file);
    if (known && store_file_hash(store, &file, out))
        return true;
    if (!sha256_file(path, out, e))
        return false;
    if (known)
        store_file_remember(store, &file, out, NULL); /* losing it costs only time */
    return true;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

bool weights_hash(const char *path, struct store *store, struct sha256 *out, struct error *e)
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
        if (!one_hash(file[i], store, out, e))
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

#include "tui/packing.h"
#include "engine/base/memory.h"
#include "tui/lab/content.h"
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

char *packing_folder(const char *cache)
{
    return xasprintf("%s/packed", cache);
}

static void tell(void *arg, const struct study_progress *p, const char *what)
{
    const struct packing *k = arg;
    k->progress(k->progress_arg, p->share, what);
}

static bool is_worth_it(const char *path)
{
    struct stat st;
    return path && stat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_size >= PACKING_WORTH;
}

/* The SAE's file is hashed beside the model's: one file alone keeps one core busy. */
static bool hash(void *arg, const char *const *path, size_t n, struct sha256 *out, struct error *e)
{
    struct packing *k = arg;
    if (n == 1 && k->sae_hashed && strcmp(path[0], k->sae) == 0) {
        out[0] = k->sae_hash;
        return true;
    }
    const struct lab_loop loop = {
        .cancel = k->cancel, .progress = k->progress ? tell : NULL, .progress_arg = k};
    struct hash_memory memory = {.dir = cache_folder(k->options)};
    const bool both = !k->sae_hashed && is_worth_it(k->sae);
    const char **all = xcalloc(n + 1, sizeof *all);
    struct sha256 *hashes = xcalloc(n + 1, sizeof *hashes);
    memcpy(all, path, n * sizeof *all);
    all[n] = k->sae;
    const bool ok = files_hash(all, n + both, &memory, &loop, hashes, e);
    if (ok) {
        memcpy(out, hashes, n * sizeof *out);
        k->sae_hashed = k->sae_hashed || both;
        if (both)
            k->sae_hash = hashes[n];
    }
    hash_memory_close(&memory);
    free(all);
    free(hashes);
    return ok;
}

/* Of the folder, or of the nearest one above it that is there. */
static bool on_network(const char *dir)
{
    char *at = xstrdup(dir), *slash;
    struct stat st;
    while (stat(at, &st) != 0 && (slash = strrchr(at, '/')) != NULL && slash != at)
        *slash = '\0';
    const bool network = store_on_network(at);
    free(at);
    return network;
}

struct packs *packing_begin(struct packing *k)
{
    char *cache = cache_folder(k->options);
    if (!cache || on_network(cache)) {
        free(cache);
        return NULL;
    }
    char *dir = packing_folder(cache);
    struct packs *p = packs_new(dir, PACKING_WORTH, hash, k);
    free(dir);
    free(cache);
    return p;
}

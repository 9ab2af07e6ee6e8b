/* Any bytes as a bundle; what follows \1 are the reference sentences r.txt. s.safetensors holds
 * statistics of two classes and four latents. The first two lie in memory: a disk is too slow. */
#include "engine/base/memory.h"
#include "engine/formats/bundle.h"
#include "engine/formats/tensors.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char folder[] = "/tmp/glimt-fuzz-bundle-XXXXXX";
static char *bundle, *reference, *statistics;
static int bundle_file, reference_file;

static void clear(void)
{
    unlink(bundle);
    unlink(reference);
    unlink(statistics);
    rmdir(folder);
    free(bundle);
    free(reference);
    free(statistics);
}

static int file_in_memory(const char *path)
{
    char target[64];
    const int file = memfd_create("fuzz", 0);
    snprintf(target, sizeof target, "/proc/self/fd/%d", file);
    if (file < 0 || symlink(target, path) != 0)
        abort();
    return file;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    if (mkdtemp(folder) == NULL)
        abort();
    bundle = xasprintf("%s/b.glimt", folder);
    reference = xasprintf("%s/r.txt", folder);
    statistics = xasprintf("%s/s.safetensors", folder);
    bundle_file = file_in_memory(bundle);
    reference_file = file_in_memory(reference);
    static const float zero[8];
    const struct tensor_out t[] = {{"fire_share", DTYPE_F32, 2, {2, 4}, zero},
                                   {"mean_pre", DTYPE_F32, 2, {2, 4}, zero},
                                   {"pre_median", DTYPE_F32, 1, {4}, zero},
                                   {"abs_pre_p99", DTYPE_F32, 1, {4}, zero}};
    struct error e = {0};
    if (!tensors_save_safetensors(statistics, t, 4, NULL, &e))
        abort();
    return atexit(clear);
}

static void write_file(int file, const uint8_t *p, size_t n)
{
    if (ftruncate(file, 0) != 0 || (n > 0 && pwrite(file, p, n, 0) != (ssize_t)n))
        abort();
}

static bool hash_each(void *arg, const char *const *path, size_t n, struct sha256 *out,
                      struct error *e)
{
    (void)arg;
    for (size_t i = 0; i < n; i++)
        if (!sha256_file(path[i], &out[i], e))
            return false;
    return true;
}

static void use(const struct bundle *b)
{
    for (int32_t i = 0; i < b->n_classes; i++) {
        if (strlen(b->cls[i].name) == 0 || b->cls[i].label == NULL)
            abort();
        for (int32_t k = 0; k < b->cls[i].n_sentences; k++)
            if (strlen(b->cls[i].sentence[k]) == 0)
                abort();
    }
    for (int32_t i = 0; i < b->n_chosen; i++)
        if (strlen(b->chosen[i]) == 0 || strlen(b->chosen[i]) >= 64)
            abort();
    for (int32_t i = 0; i < b->n_dicts; i++) {
        const struct bundle_statistics *is = &b->dict[i].is;
        if (is->n_units > 0 && (is->fire_share[b->n_classes * is->n_units - 1] > 1 ||
                                is->abs_pre_p99[is->n_units - 1] < 0))
            abort();
    }
    struct error e = {0};
    if (bundle_verify(b, hash_each, NULL, &e) == error_is_set(&e))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *cut = size > 0 ? memchr(data, 1, size) : NULL;
    const size_t n = cut != NULL ? (size_t)(cut - data) : size;
    write_file(bundle_file, data, n);
    write_file(reference_file, cut != NULL ? cut + 1 : NULL, cut != NULL ? size - n - 1 : 0);
    struct bundle *b = NULL;
    struct error e = {0};
    const bool ok = bundle_open(bundle, &b, &e);
    if (ok == error_is_set(&e) || ok != (b != NULL))
        abort();
    if (ok)
        use(b);
    bundle_free(b);
    return 0;
}

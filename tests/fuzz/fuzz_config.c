/* Any bytes as a model's config.json, or, unless they begin with '{', as the name of a model. The
 * file lies in memory: a disk is too slow. */
#include "engine/base/memory.h"
#include "engine/formats/hf.h"
#include "engine/hub/cache.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char folder[] = "/tmp/glimt-fuzz-config-XXXXXX", config[64];
static int file;

static void clear(void)
{
    unlink(config);
    rmdir(folder);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    if (mkdtemp(folder) == NULL)
        abort();
    char target[64];
    file = memfd_create("config", 0);
    snprintf(config, sizeof config, "%s/config.json", folder);
    snprintf(target, sizeof target, "/proc/self/fd/%d", file);
    if (file < 0 || symlink(target, config) != 0)
        abort();
    setenv("HOME", folder, 1);
    return atexit(clear);
}

static void read_config(const uint8_t *data, size_t size)
{
    if (ftruncate(file, 0) != 0 || pwrite(file, data, size, 0) != (ssize_t)size)
        abort();
    struct model_config c = {0};
    struct error e = {0};
    const bool ok = hf_config_read(folder, &c, &e);
    if (ok == error_is_set(&e))
        abort();
    if (!ok)
        return;
    const int32_t rot = (int32_t)((float)c.head_dim * c.rotary_pct);
    if (c.arch == NULL || c.n_layers < 1 || c.n_layers > MODEL_LAYERS_MAX || c.head_dim < 1 ||
        c.n_heads % c.n_kv_heads != 0 || c.window < 0 || c.bos_id >= c.n_vocab || rot % 2 != 0 ||
        rot > c.head_dim || (rot < 2) != c.arch->learned_positions)
        abort();
}

static void resolve_name(const uint8_t *data, size_t size)
{
    char *spec = xstrndup((const char *)data, size), *dir = NULL;
    struct error e = {0};
    if (hub_resolve(spec, &dir, &e) == error_is_set(&e))
        abort();
    free(dir);
    free(spec);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 0 && data[0] == '{')
        read_config(data, size);
    else if (size > 0)
        resolve_name(data, size);
    return 0;
}

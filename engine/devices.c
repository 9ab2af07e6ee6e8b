#include "engine/devices.h"
#include "engine/base/file.h"
#include "engine/base/memory.h"
#include "engine/cpu/cpu.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void describe_cpu(int n_threads, struct device_info *d)
{
    struct backend *b = cpu_backend_new(n_threads, &d->why_not);
    if (!b)
        return;
    snprintf(d->description, sizeof d->description, "%s", b->caps.device);
    d->isa = cpu_isa();
    d->library = cpu_product_library();
    device_close(b);
}

/* Why there is no CUDA: what was looked for, and where. */
static bool no_cuda(struct error *e)
{
    static const char plugin[] = "glimt-cuda.so";
    char *dir = file_program_folder();
    if (!dir)
        return error_set(e, ERROR_INPUT,
                         "cuda: the folder of the program is not known, so %s "
                         "can't be found",
                         plugin);
    char *place[] = {xasprintf("%s/%s", dir, plugin), xasprintf("%s/../lib/glimt/%s", dir, plugin)};
    for (int i = 0; i < 2; i++) {
        if (file_is_named(place[i]))
            error_set(e, ERROR_INPUT, "cuda: %s is there, but this version can't load a plugin",
                      place[i]);
    }
    error_set(e, ERROR_INPUT, "cuda: no plugin at %s/%s or %s/../lib/glimt/ (make gpu)", dir,
              plugin, dir);
    free(place[0]);
    free(place[1]);
    free(dir);
    return false;
}

static void describe_cuda(int n_threads, struct device_info *d)
{
    (void)n_threads;
    no_cuda(&d->why_not);
}

static struct backend *open_cuda(int n_threads, struct error *e)
{
    (void)n_threads;
    no_cuda(e);
    return NULL;
}

static const struct device {
    const char *name;
    bool numbered; /* there may be several: NAME:N */
    void (*describe)(int n_threads, struct device_info *);
    struct backend *(*open)(int n_threads, struct error *);
} devices[] = {
    {"cpu", false, describe_cpu, cpu_backend_new},
    {"cuda", true, describe_cuda, open_cuda},
};
#define N_DEVICES ((int)(sizeof devices / sizeof *devices))
_Static_assert(sizeof devices / sizeof *devices <= DEVICES_MAX, "devices_list's callers have room");

int devices_list(int n_threads, struct device_info out[], int max)
{
    for (int i = 0; i < N_DEVICES && i < max; i++) {
        out[i] = (struct device_info){.name = devices[i].name};
        devices[i].describe(n_threads, &out[i]);
    }
    return N_DEVICES;
}

/* NAME, or NAME:N with N of a few digits. */
static bool is_called(const struct device *d, const char *spec)
{
    const size_t n = strlen(d->name);
    if (strncmp(spec, d->name, n) != 0)
        return false;
    if (spec[n] == '\0')
        return true;
    const char *ordinal = spec + n + 1;
    const size_t digits = strspn(ordinal, "0123456789");
    return d->numbered && spec[n] == ':' && digits > 0 && digits < 5 && ordinal[digits] == '\0';
}

struct backend *device_open(const char *spec, int n_threads, struct error *e)
{
    if (!spec || strcmp(spec, "auto") == 0)
        spec = "cpu"; /* the one that is always there */
    for (int i = 0; i < N_DEVICES; i++)
        if (is_called(&devices[i], spec))
            return devices[i].open(n_threads, e);
    error_set(e, ERROR_INPUT, "found %s, expected auto, cpu or cuda[:N]", spec);
    return NULL;
}

void device_close(struct backend *b)
{
    if (b)
        b->free(b);
}

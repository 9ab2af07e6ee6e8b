#include "engine/devices.h"
#include "engine/base/file.h"
#include "engine/base/memory.h"
#include "engine/cpu/cpu.h"
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

/* ---- the CUDA plugin: opened when a device is asked for, and never closed */
struct plugin {
    char *path;                                           /* where it lies */
    uint32_t (*abi)(void);                                /* glimt_backend_abi: of its build */
    int (*score)(int ordinal, char *why, size_t n);       /* …_score: 0: it can't, and why */
    struct backend *(*open)(int ordinal, struct error *); /* …_new */
};

/* Somebody else's code must not come in by a file that anybody may write. */
static bool trust(const char *path, struct error *e)
{
    struct stat s;
    if (stat(path, &s) != 0)
        return file_fail(e, ERROR_INPUT, "cuda: opening", path);
    if ((s.st_mode & S_IWOTH) || (s.st_uid != 0 && s.st_uid != geteuid()))
        return error_set(e, ERROR_INPUT,
                         "cuda: %s may be written by others, expected a file of yours or of root's",
                         path);
    return true;
}

static bool load_plugin(struct plugin *p, struct error *e)
{
    if (!trust(p->path, e))
        return false;
    void *library = dlopen(p->path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (!library)
        return error_set(e, ERROR_INPUT, "cuda: %s", dlerror());
    *(void **)&p->abi = dlsym(library, "glimt_backend_abi");
    *(void **)&p->score = dlsym(library, "glimt_backend_score");
    *(void **)&p->open = dlsym(library, "glimt_backend_new");
    if (!p->abi || !p->score || !p->open)
        return error_set(e, ERROR_INPUT, "cuda: %s is no plugin of glimt's", p->path);
    return p->abi() == BACKEND_ABI ||
           error_set(e, ERROR_INPUT,
                     "cuda: %s is of another version (ABI %u, expected %d); make gpu", p->path,
                     p->abi(), BACKEND_ABI);
}

/* Beside the program, or where it is installed. The caller frees p->path. */
static bool find_plugin(struct plugin *p, struct error *e)
{
    static const char plugin[] = "glimt-cuda.so";
    char *dir = file_program_folder();
    *p = (struct plugin){0};
    if (!dir)
        return error_set(e, ERROR_INPUT,
                         "cuda: the folder of the program is not known, so %s "
                         "can't be found",
                         plugin);
    char *place[] = {xasprintf("%s/%s", dir, plugin), xasprintf("%s/../lib/glimt/%s", dir, plugin)};
    for (int i = 0; i < 2; i++) {
        if (!p->path && file_is_named(place[i]))
            p->path = place[i];
        else
            free(place[i]);
    }
    if (!p->path)
        error_set(e, ERROR_INPUT, "cuda: no plugin at %s/%s or %s/../lib/glimt/ (make gpu)", dir,
                  plugin, dir);
    free(dir);
    return p->path && load_plugin(p, e);
}

static void describe_cuda(int n_threads, struct device_info *d)
{
    (void)n_threads;
    struct plugin p;
    char why[sizeof d->why_not.text] = "";
    if (find_plugin(&p, &d->why_not) && p.score(0, why, sizeof why) <= 0)
        error_set(&d->why_not, ERROR_INPUT, "%s", why);
    if (!error_is_set(&d->why_not)) {
        struct backend *b = p.open(0, &d->why_not);
        if (b)
            snprintf(d->description, sizeof d->description, "%s", b->caps.device);
        device_close(b);
        d->library = "cuBLASLt";
    }
    free(p.path);
}

static struct backend *open_cuda(int ordinal, int n_threads, struct error *e)
{
    (void)n_threads;
    struct plugin p;
    struct backend *b = find_plugin(&p, e) ? p.open(ordinal, e) : NULL;
    free(p.path);
    return b;
}

static struct backend *open_cpu(int ordinal, int n_threads, struct error *e)
{
    (void)ordinal;
    return cpu_backend_new(n_threads, e);
}

static const struct device {
    const char *name;
    bool numbered; /* there may be several: NAME:N */
    void (*describe)(int n_threads, struct device_info *);
    struct backend *(*open)(int ordinal, int n_threads, struct error *);
} devices[] = {
    {"cpu", false, describe_cpu, open_cpu},
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
static bool is_called(const struct device *d, const char *spec, int *ordinal)
{
    const size_t n = strlen(d->name);
    if (strncmp(spec, d->name, n) != 0)
        return false;
    *ordinal = 0;
    if (spec[n] == '\0')
        return true;
    if (!d->numbered || spec[n] != ':')
        return false;
    const size_t digits = strspn(spec + n + 1, "0123456789");
    *ordinal = atoi(spec + n + 1);
    return digits > 0 && digits < 5 && spec[n + 1 + digits] == '\0';
}

struct backend *device_open(const char *spec, int n_threads, struct error *e)
{
    if (!spec || strcmp(spec, "auto") == 0)
        spec = "cpu"; /* the one that is always there */
    int ordinal;
    for (int i = 0; i < N_DEVICES; i++)
        if (is_called(&devices[i], spec, &ordinal))
            return devices[i].open(ordinal, n_threads, e);
    error_set(e, ERROR_INPUT, "found %s, expected auto, cpu or cuda[:N]", spec);
    return NULL;
}

void device_close(struct backend *b)
{
    if (b)
        b->free(b);
}

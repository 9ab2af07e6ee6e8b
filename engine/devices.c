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

/* Of an open device, which is closed. */
static void describe(struct backend *b, struct device_info *d)
{
    if (!b)
        return;
    snprintf(d->description, sizeof d->description, "%s", b->caps.device);
    snprintf(d->capability, sizeof d->capability, "%s",
             b->caps.capability ? b->caps.capability : "");
    d->memory = b->memory(b);
    device_close(b);
}

static int list_cpu(int n_threads, struct device_info out[], int max)
{
    if (max < 1)
        return 1;
    out[0] =
        (struct device_info){.name = "cpu", .isa = cpu_isa(), .library = cpu_product_library()};
    describe(cpu_backend_new(n_threads, &out[0].why_not), &out[0]);
    return 1;
}

/* ---- the CUDA plugin: opened when a device is asked for, and never closed */
struct plugin {
    char *path;                                     /* where it lies */
    uint32_t (*abi)(void);                          /* glimt_backend_abi: of its build */
    int (*score)(int ordinal, char *why, size_t n); /* …_score: ≤ 0: it can't, and why */
    struct backend *(*open)(const struct backend_want *, struct error *); /* …_new */
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

static void list_card(const struct plugin *p, int ordinal, struct device_info *d)
{
    char why[sizeof d->why_not.text] = "";
    *d = (struct device_info){.library = "cuBLASLt"};
    snprintf(d->name, sizeof d->name, "cuda:%d", ordinal);
    if (p->score(ordinal, why, sizeof why) > 0)
        describe(p->open(&(struct backend_want){.ordinal = ordinal}, &d->why_not), d);
    else
        error_set(&d->why_not, ERROR_SYSTEM, "%s", why);
}

/* Each card, or what there is instead of one. */
static int list_cuda(int n_threads, struct device_info out[], int max)
{
    (void)n_threads;
    struct plugin p;
    struct error e = {0};
    char why[sizeof e.text] = "";
    int n = 0;
    if (find_plugin(&p, &e) && p.score(0, why, sizeof why) < 0)
        error_set(&e, ERROR_SYSTEM, "%s", why);
    while (!error_is_set(&e) && n < DEVICES_MAX && (n == 0 || p.score(n, why, sizeof why) >= 0)) {
        if (n < max)
            list_card(&p, n, &out[n]);
        n++;
    }
    if (n == 0 && max > 0)
        out[0] = (struct device_info){.name = "cuda", .why_not = e};
    free(p.path);
    return n > 0 ? n : 1;
}

static struct backend *open_cuda(const struct backend_want *want, int n_threads, struct error *e)
{
    (void)n_threads;
    struct plugin p;
    struct backend *b = find_plugin(&p, e) ? p.open(want, e) : NULL;
    free(p.path);
    return b;
}

static struct backend *open_cpu(const struct backend_want *want, int n_threads, struct error *e)
{
    (void)want;
    return cpu_backend_new(n_threads, e);
}

/* The card that would serve best; NULL: none does, and *passed where that is not because there is
 * no card or no plugin. */
static struct backend *open_best_card(enum precision precision, struct error *passed)
{
    struct plugin p;
    struct error e = {0};
    char why[sizeof e.text];
    int best = -1, most = 0;
    if (find_plugin(&p, &e))
        for (int i = 0, score; i < DEVICES_MAX && (score = p.score(i, why, sizeof why)) >= 0; i++) {
            if (score > most)
                best = i, most = score;
            else if (score == 0)
                error_set(&e, ERROR_SYSTEM, "%s", why);
        }
    if (best >= 0)
        e = (struct error){0};
    struct backend *b = best >= 0 ? p.open(&(struct backend_want){best, precision}, &e) : NULL;
    if (!b && p.path && passed)
        *passed = e;
    free(p.path);
    return b;
}

static const struct device {
    const char *name;
    bool numbered; /* there may be several: NAME:N */
    int (*list)(int n_threads, struct device_info[], int max);
    struct backend *(*open)(const struct backend_want *, int n_threads, struct error *);
} devices[] = {
    {"cpu", false, list_cpu, open_cpu},
    {"cuda", true, list_cuda, open_cuda},
};
#define N_DEVICES ((int)(sizeof devices / sizeof *devices))

int devices_list(int n_threads, struct device_info out[], int max)
{
    int n = 0;
    for (int i = 0; i < N_DEVICES; i++)
        n += devices[i].list(n_threads, n < max ? out + n : NULL, max - n);
    return n;
}

/* NAME, or NAME:N with N of a few digits. */
static bool is_called(const struct device *d, const char *spec, int32_t *ordinal)
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

bool device_is_free_choice(const char *spec)
{
    return !spec || strcmp(spec, "auto") == 0;
}

struct backend *device_open(const char *spec, enum precision precision, int n_threads,
                            struct error *passed, struct error *e)
{
    int32_t ordinal;
    if (device_is_free_choice(spec)) {
        struct backend *b = open_best_card(precision, passed);
        return b ? b : cpu_backend_new(n_threads, e);
    }
    for (int i = 0; i < N_DEVICES; i++)
        if (is_called(&devices[i], spec, &ordinal))
            return devices[i].open(&(struct backend_want){ordinal, precision}, n_threads, e);
    error_set(e, ERROR_INPUT, "found %s, expected auto, cpu or cuda[:N]", spec);
    return NULL;
}

void device_close(struct backend *b)
{
    if (b)
        b->free(b);
}

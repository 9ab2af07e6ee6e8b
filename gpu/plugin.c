/* The plugin's door: what is here, and opening a device. */
#include "gpu/gpu_private.h"
#include <dlfcn.h>
#include <stdlib.h>

/* About 0.4 ms of an H100: so long a live request waits at most. */
#define JOB_FLOP INT64_C(300000000000)
enum { ROWS_PER_JOB = 1024, CHUNK_DOCS = 128, LEAST_MAJOR = 8, LEAST_LT = 120000 };
#define WORK_BYTES ((uint64_t)1 << 30) /* arenas, keys and values, rows, cuBLASLt's room */

uint32_t glimt_backend_abi(void)
{
    return BACKEND_ABI;
}

/* CUDA's version number as people write it. */
#define MAJOR(v) ((v) / 1000), ((v) % 1000 / 10)

#ifdef GLIMT_CUDA
enum { BUILT_WITH = CUDART_VERSION };
/* The library of the toolkit that this was built with, or the one that the loader finds. */
static void *lt_symbol(const char *name, struct error *e)
{
    static void *library;
    static const char *const places[] = {GLIMT_CUBLASLT_DIR "/libcublasLt.so.13",
                                         "libcublasLt.so.13"};
    for (size_t i = 0; i < sizeof places / sizeof *places && !library; i++)
        library = dlopen(places[i], RTLD_NOW | RTLD_LOCAL);
    void *p = library ? dlsym(library, name) : NULL;
    if (!library)
        error_set(e, ERROR_INPUT, "cuda: libcublasLt.so.13 not found");
    else if (!p)
        error_set(e, ERROR_INPUT, "cuda: libcublasLt.so.13 has no %s", name);
    return p;
}
#else
enum { BUILT_WITH = 13000 };
static void *lt_symbol(const char *name, struct error *e)
{
    static const struct {
        const char *name;
        void *at;
    } table[] = {
#define ROW(f) {"cublasLt" #f, (void *)(uintptr_t)cublasLt##f},
        LT_FUNCTIONS(ROW)
#undef ROW
    };
    for (size_t i = 0; i < sizeof table / sizeof *table && !shim_machine.no_lt; i++)
        if (strcmp(table[i].name, name) == 0)
            return table[i].at;
    error_set(e, ERROR_INPUT, "cuda: libcublasLt.so.13 not found");
    return NULL;
}
#endif

bool lt_load(struct lt *lt, struct error *e)
{
    void *p;
#define LOAD(f)                                                                                    \
    if (!(p = lt_symbol("cublasLt" #f, e)))                                                        \
        return false;                                                                              \
    memcpy(&lt->f, &p, sizeof p);
    LT_FUNCTIONS(LOAD)
#undef LOAD
    return lt->GetVersion() >= LEAST_LT ||
           error_set(e, ERROR_INPUT, "cuda: cuBLASLt is %zu, expected at least %d",
                     lt->GetVersion(), (int)LEAST_LT);
}

static bool look(int ordinal, struct cudaDeviceProp *p, struct error *e)
{
    int n = 0, driver = 0;
    const cudaError_t code = cudaGetDeviceCount(&n);
    cudaGetLastError();
    if (code == cudaErrorInsufficientDriver) {
        cudaDriverGetVersion(&driver);
        if (driver == 0)
            return error_set(e, ERROR_INPUT, "cuda: no NVIDIA driver");
        return error_set(e, ERROR_INPUT,
                         "cuda: driver for CUDA %d.%d, the plugin needs %d.%d%s; update, or make "
                         "gpu with CUDA %d",
                         MAJOR(driver), MAJOR(BUILT_WITH),
                         BUILT_WITH / 1000 == 13 ? " (driver 580)" : "", driver / 1000);
    }
    if (code != cudaSuccess && code != cudaErrorNoDevice)
        return error_set(e, ERROR_SYSTEM, "cuda: %s", cudaGetErrorString(code));
    if (n < 1)
        return error_set(e, ERROR_INPUT, "cuda: no GPU here");
    if (ordinal < 0 || ordinal >= n)
        return error_set(e, ERROR_INPUT, "cuda: no GPU %d, there %s %d", ordinal,
                         n == 1 ? "is" : "are", n);
    const cudaError_t told = cudaGetDeviceProperties(p, ordinal);
    if (told != cudaSuccess)
        return error_set(e, ERROR_SYSTEM, "cuda: GPU %d: %s", ordinal, cudaGetErrorString(told));
    return p->major >= LEAST_MAJOR || error_set(e, ERROR_INPUT, "cuda: GPU %d is %d.%d, needs %d.0",
                                                ordinal, p->major, p->minor, (int)LEAST_MAJOR);
}

/* What can't be reached, by an old driver or because something is wrong, counts as one. */
static bool is_there(int ordinal)
{
    int n = 0, driver = 0;
    const cudaError_t code = cudaGetDeviceCount(&n);
    cudaGetLastError();
    if (code == cudaErrorInsufficientDriver)
        cudaDriverGetVersion(&driver);
    switch (code) {
    case cudaSuccess: return ordinal >= 0 && ordinal < n;
    case cudaErrorNoDevice: return false;
    case cudaErrorInsufficientDriver: return ordinal == 0 && driver > 0;
    default: return ordinal == 0;
    }
}

int glimt_backend_score(int ordinal, char *why, size_t n)
{
    struct cudaDeviceProp p;
    struct error e = {0};
    memset(&p, 0, sizeof p);
    const bool ok = look(ordinal, &p, &e);
    snprintf(why, n, "%s", ok ? "" : e.text);
    return ok ? 100 * p.major + p.minor : is_there(ordinal) ? 0 : -1;
}

static struct device_memory memory(const struct backend *b)
{
    const struct gpu *g = (const struct gpu *)(const void *)b;
    size_t left = 0, total = 0;
    if (gpu_lost(g, NULL) || cudaSetDevice(g->ordinal) != cudaSuccess ||
        cudaMemGetInfo(&left, &total) != cudaSuccess) {
        cudaGetLastError();
        return (struct device_memory){0};
    }
    return (struct device_memory){total, left, WORK_BYTES};
}

static void close_gpu(struct backend *b)
{
    if (!b)
        return;
    struct gpu *g = gpu_of(b);
    if (!gpu_lost(g, NULL)) {
        cudaSetDevice(g->ordinal);
        stage_close(g);
    }
    if (g->load)
        cuda_queue_free(&g->load->base);
    if (g->lt.Create && !gpu_lost(g, NULL))
        plans_free(g);
    if (g->handle && !gpu_lost(g, NULL))
        g->lt.Destroy(g->handle);
    free(g);
}

static const char *const precision_name[] = {"auto", "f32", "f16", "bf16"};

struct backend *glimt_backend_new(const struct backend_want *want, struct error *e)
{
    const int ordinal = want->ordinal;
    struct cudaDeviceProp p;
    memset(&p, 0, sizeof p);
    if (!look(ordinal, &p, e))
        return NULL;
    struct gpu *g = calloc(1, sizeof *g);
    if (!g) {
        error_set(e, ERROR_MEMORY, "cuda: no memory for a device");
        return NULL;
    }
    g->ordinal = ordinal, g->precision = want->precision, g->job_flop = JOB_FLOP;
    g->backend.abi = BACKEND_ABI, g->backend.size = sizeof g->backend;
    snprintf(g->name, sizeof g->name, "cuda:%d", ordinal);
    snprintf(g->device, sizeof g->device, "cuda:%d %s", ordinal, p.name);
    g->backend.name = g->name;
    snprintf(g->kind, sizeof g->kind, "cuda %s", p.name);
    snprintf(g->capability, sizeof g->capability, "%d.%d", p.major, p.minor);
    g->backend.caps = (struct backend_caps){.device = g->device,
                                            .encodes = ENCODES_TOP,
                                            .kind = g->kind,
                                            .precision = precision_name[want->precision],
                                            .capability = g->capability,
                                            .real = DTYPE_F32,
                                            .rows_per_job = ROWS_PER_JOB,
                                            .chunk_docs = CHUNK_DOCS};
    ops_fill(&g->backend);
    g->backend.free = close_gpu;
    g->backend.memory = memory;
    if (lt_load(&g->lt, e) && (g->load = queue_of(cuda_queue_new(&g->backend, QUEUE_LOAD, e)))) {
        if (queue_lt_check(g->load, "to be opened", g->lt.Create(&g->handle)))
            return &g->backend;
        g->handle = NULL;
        cuda_queue_status(&g->load->base, e);
    }
    close_gpu(&g->backend);
    return NULL;
}

/* Memory, lazy streams and events. */
#include "gpu/shim/device.h"
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <map>
#include <string>
#include <unistd.h>
#include <vector>

struct shim_event {
    uint64_t asked, done; /* how often it was recorded, and how often that came to be */
};
typedef std::function<bool(void)> work_item; /* false: waits for another stream */
struct shim_graph {
    std::vector<work_item> work;
    struct shim_traffic traffic;
};
struct shim_stream {
    std::deque<work_item> work;
    shim_graph *graph; /* what is asked for goes there */
};
struct shim_pool {
    int none;
};

static std::vector<shim_stream *> streams;
static std::map<void *, size_t> held;
static size_t n_held, n_pinned; /* pinned memory is among what is held, but none of the device's */
static std::map<void *, void (*)(void *)> kept;
static uint64_t seed = 1;
static int calls, fails;
static cudaError_t failure, last;
void shim_run(dim3 grid, dim3 block, size_t bytes, const std::function<void()> &kernel);

uint64_t shim_random(void) /* xorshift64*, Vigna 2016 */
{
    seed ^= seed >> 12, seed ^= seed << 25, seed ^= seed >> 27;
    return seed * 0x2545f4914f6cdd1dULL >> 16;
}
void shim_seed(uint64_t s)
{
    seed = s * 2 + 1;
}
void shim_fail(int n, cudaError_t e)
{
    fails = n, failure = e, last = cudaSuccess;
}
int shim_calls(void)
{
    return calls;
}
size_t shim_bytes(void)
{
    return n_held;
}
size_t shim_device_bytes(void)
{
    return n_held - n_pinned;
}

void shim_keep(void *p, void (*end)(void *))
{
    kept[p] = end;
}
void shim_end(void *p)
{
    if (!p)
        return;
    void (*end)(void *) = kept.at(p);
    kept.erase(p);
    end(p);
}
void shim_reset(void)
{
    shim_fail(0, cudaSuccess);
    streams.clear();
    while (!kept.empty())
        shim_end(kept.begin()->first);
    for (const auto &p : held)
        free(p.first);
    held.clear();
    n_held = n_pinned = 0;
}

static void lose(void);
bool shim_fails(void)
{
    calls++;
    lose();
    const bool sticky = failure >= cudaErrorECCUncorrectable && fails < 0;
    if (!sticky && (fails <= 0 || --fails > 0))
        return false;
    fails = -1, last = failure;
    return true;
}
#define MAY_FAIL()                                                                                 \
    if (shim_fails())                                                                              \
    return failure

struct shim_traffic shim_traffic;

/* ---- streams */
static bool step(shim_stream *s)
{
    if (s->work.empty())
        return false;
    work_item work = std::move(s->work.front());
    s->work.pop_front();
    if (work())
        return true;
    s->work.push_front(std::move(work));
    return false;
}

static bool step_any(void)
{
    const size_t from = shim_random();
    for (size_t i = 0; i < streams.size(); i++)
        if (step(streams[(from + i) % streams.size()]))
            return true;
    return false;
}

template <class F> static void run_until(shim_stream *s, F finished)
{
    while (!finished())
        if (!(s && shim_random() % 4 != 0 && step(s)) && !step_any()) {
            fprintf(stderr, "shim: streams wait for each other\n");
            abort();
        }
}
static void run_all(void)
{
    run_until(nullptr, [] {
        for (shim_stream *s : streams)
            if (!s->work.empty())
                return false;
        return true;
    });
}
void shim_later(cudaStream_t s, std::function<void()> f)
{
    const work_item work = [f = std::move(f)] {
        f();
        return true;
    };
    if (s->graph)
        s->graph->work.push_back(work);
    else
        s->work.push_back(work), shim_traffic.asked++;
}
/* What a graph can't hold of what is asked of a stream. */
#define NOT_CAPTURED(s)                                                                            \
    if ((s)->graph)                                                                                \
    return last = cudaErrorStreamCaptureUnsupported

void shim_launch(dim3 grid, dim3 block, size_t bytes, cudaStream_t s, std::function<void()> kernel)
{
    const uint64_t threads = (uint64_t)block.x * block.y * block.z;
    if (last != cudaSuccess || shim_fails())
        return;
    if (threads < 1 || threads > 1024 || grid.x < 1 || grid.y < 1 || grid.z < 1 ||
        grid.x > INT32_MAX || grid.y > 65535 || grid.z > 65535 || bytes > 227 << 10)
        last = cudaErrorInvalidValue;
    else
        shim_later(s, [=] { shim_run(grid, block, bytes, kernel); });
}

cudaError_t cudaStreamCreateWithPriority(cudaStream_t *s, unsigned, int)
{
    MAY_FAIL();
    streams.push_back(*s = shim_new(shim_stream{}));
    return cudaSuccess;
}
cudaError_t cudaStreamSynchronize(cudaStream_t s)
{
    MAY_FAIL();
    NOT_CAPTURED(s);
    shim_traffic.waits++;
    run_until(s, [s] { return s->work.empty(); });
    return cudaSuccess;
}
cudaError_t cudaStreamDestroy(cudaStream_t s)
{
    run_until(s, [s] { return s->work.empty(); });
    for (size_t i = 0; i < streams.size(); i++)
        if (streams[i] == s)
            streams.erase(streams.begin() + (long)i);
    shim_end(s);
    return cudaSuccess;
}
cudaError_t cudaStreamWaitEvent(cudaStream_t s, cudaEvent_t e, unsigned)
{
    MAY_FAIL();
    NOT_CAPTURED(s);
    const uint64_t n = e->asked;
    s->work.push_back([e, n] { return e->done >= n; });
    return cudaSuccess;
}
cudaError_t cudaEventCreateWithFlags(cudaEvent_t *e, unsigned)
{
    MAY_FAIL();
    *e = shim_new(shim_event{});
    return cudaSuccess;
}
cudaError_t cudaEventDestroy(cudaEvent_t e)
{
    run_until(nullptr, [e] { return e->done >= e->asked; });
    shim_end(e);
    return cudaSuccess;
}
cudaError_t cudaEventRecord(cudaEvent_t e, cudaStream_t s)
{
    MAY_FAIL();
    NOT_CAPTURED(s);
    const uint64_t n = ++e->asked;
    shim_later(s, [e, n] { e->done = n; });
    shim_traffic.asked--;
    return cudaSuccess;
}
cudaError_t cudaEventQuery(cudaEvent_t e)
{
    MAY_FAIL();
    if (e->done < e->asked && shim_random() % 4 == 0)
        step_any();
    return e->done >= e->asked ? cudaSuccess : last = cudaErrorNotReady; /* the real one keeps it */
}
cudaError_t cudaEventSynchronize(cudaEvent_t e)
{
    MAY_FAIL();
    run_until(nullptr, [e] { return e->done >= e->asked; });
    return cudaSuccess;
}

/* ---- memory: as NaN, of exactly the size */
static cudaError_t hold(void **p, size_t n)
{
    *p = nullptr;
    MAY_FAIL();
    if (n > (size_t)1 << 36 || shim_device_bytes() + n > shim_machine.memory || posix_memalign(p, 256, n) != 0)
        return last = cudaErrorMemoryAllocation;
    memset(*p, 0xff, n < 1 << 22 ? n : 1 << 22);
    held[*p] = n, n_held += n;
    return cudaSuccess;
}
static void drop(void *p)
{
    if (!p)
        return;
    n_held -= held.at(p);
    held.erase(p);
    free(p);
}
cudaError_t cudaMalloc(void **p, size_t n)
{
    run_all();
    return hold(p, n);
}
cudaError_t cudaFree(void *p)
{
    run_all();
    drop(p);
    return cudaSuccess;
}
cudaError_t cudaMallocHost(void **p, size_t n)
{
    const cudaError_t e = hold(p, n);
    n_pinned += e == cudaSuccess ? n : 0;
    return e;
}
cudaError_t cudaFreeHost(void *p)
{
    n_pinned -= p ? held.at(p) : 0;
    return cudaFree(p);
}
cudaError_t cudaMemPoolCreate(cudaMemPool_t *p, const struct cudaMemPoolProps *)
{
    MAY_FAIL();
    *p = shim_new(shim_pool{});
    return cudaSuccess;
}
cudaError_t cudaMemPoolDestroy(cudaMemPool_t p)
{
    shim_end(p);
    return cudaSuccess;
}
cudaError_t cudaMemPoolSetAttribute(cudaMemPool_t, enum cudaMemPoolAttr, void *)
{
    return cudaSuccess;
}
cudaError_t cudaMallocFromPoolAsync(void **p, size_t n, cudaMemPool_t, cudaStream_t s)
{
    NOT_CAPTURED(s);
    return hold(p, n);
}
cudaError_t cudaFreeAsync(void *p, cudaStream_t s)
{
    NOT_CAPTURED(s);
    shim_later(s, [p] { drop(p); });
    shim_traffic.asked--;
    return cudaSuccess;
}
cudaError_t cudaMemcpy2DAsync(void *d, size_t to, const void *s, size_t from, size_t width,
                              size_t height, enum cudaMemcpyKind k, cudaStream_t q)
{
    MAY_FAIL();
    struct shim_traffic *t = q->graph ? &q->graph->traffic : &shim_traffic;
    t->copies += k != cudaMemcpyDeviceToDevice;
    t->up += k == cudaMemcpyHostToDevice ? width * height : 0;
    t->down += k == cudaMemcpyDeviceToHost ? width * height : 0;
    shim_later(q, [=] {
        for (size_t i = 0; i < height; i++)
            memmove(static_cast<char *>(d) + i * to, static_cast<const char *>(s) + i * from,
                    width);
    });
    return cudaSuccess;
}
cudaError_t cudaMemcpyAsync(void *d, const void *s, size_t n, enum cudaMemcpyKind k, cudaStream_t q)
{
    return cudaMemcpy2DAsync(d, n, s, n, n, 1, k, q);
}
cudaError_t cudaMemsetAsync(void *d, int v, size_t n, cudaStream_t q)
{
    MAY_FAIL();
    shim_later(q, [=] { memset(d, v, n); });
    return cudaSuccess;
}

/* ---- graphs */
cudaError_t cudaStreamBeginCapture(cudaStream_t s, enum cudaStreamCaptureMode)
{
    MAY_FAIL();
    s->graph = shim_new(shim_graph{});
    return cudaSuccess;
}
cudaError_t cudaStreamEndCapture(cudaStream_t s, cudaGraph_t *g)
{
    shim_graph *made = s->graph;
    s->graph = nullptr;
    if (shim_fails())
        return shim_end(made), *g = nullptr, failure;
    *g = made;
    return cudaSuccess;
}
cudaError_t cudaGraphInstantiate(cudaGraphExec_t *exec, cudaGraph_t g, unsigned long long)
{
    MAY_FAIL();
    *exec = shim_new(shim_graph{*g});
    return cudaSuccess;
}
cudaError_t cudaGraphLaunch(cudaGraphExec_t g, cudaStream_t s)
{
    MAY_FAIL();
    NOT_CAPTURED(s);
    s->work.insert(s->work.end(), g->work.begin(), g->work.end());
    shim_traffic.up += g->traffic.up, shim_traffic.down += g->traffic.down;
    shim_traffic.copies += g->traffic.copies;
    shim_traffic.graphs++, shim_traffic.captured += (int)g->work.size();
    return cudaSuccess;
}
cudaError_t cudaGraphDestroy(cudaGraph_t g)
{
    return shim_end(g), cudaSuccess;
}
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t g)
{
    return shim_end(g), cudaSuccess;
}

/* ---- the device */
cudaError_t cudaGetLastError(void)
{
    const cudaError_t e = last;
    last = cudaSuccess;
    return e;
}
cudaError_t cudaPeekAtLastError(void)
{
    return last;
}
const char *cudaGetErrorString(cudaError_t e)
{
    return e == cudaErrorMemoryAllocation     ? "out of memory"
           : e == cudaErrorInvalidValue       ? "invalid argument"
           : e == cudaErrorIllegalAddress     ? "an illegal memory access was encountered"
           : e == cudaErrorInsufficientDriver ? "driver insufficient"
           : e == cudaErrorLaunchFailure      ? "unspecified launch failure"
           : e == cudaErrorAssert             ? "device-side assert triggered"
                                              : "an error of the shim";
}
struct shim_machine shim_machine = {13000, 1, {9, 9}, 0, (size_t)8 << 30, 0, 0};

/* What the environment asks for, when the first question comes. */
static const char *loser;
static void set_up(void)
{
    static bool done;
    const char *memory = getenv("SHIM_MEMORY"), *driver = getenv("SHIM_DRIVER"),
               *devices = getenv("SHIM_DEVICES");
    if (done)
        return;
    done = true;
    loser = getenv("SHIM_LOSE");
    if (memory)
        shim_machine.memory = strtoull(memory, nullptr, 10);
    if (driver)
        shim_machine.driver = atoi(driver);
    if (devices)
        shim_machine.n_devices = atoi(devices);
}

/* The file is looked for at every call: whoever makes it decides when. */
static void lose(void)
{
    const char *colon = loser ? strrchr(loser, ':') : nullptr;
    if (!colon || access(std::string(loser, (size_t)(colon - loser)).c_str(), F_OK) != 0)
        return;
    shim_fail(1, (cudaError_t)atoi(colon + 1));
    loser = nullptr;
}

cudaError_t cudaDriverGetVersion(int *v)
{
    set_up();
    *v = shim_machine.driver;
    return cudaSuccess;
}
cudaError_t cudaGetDeviceCount(int *n)
{
    set_up();
    MAY_FAIL();
    *n = shim_machine.n_devices;
    return last = shim_machine.driver < 13000 ? cudaErrorInsufficientDriver
                  : *n < 1                    ? cudaErrorNoDevice
                                              : cudaSuccess;
}
cudaError_t cudaGetDeviceProperties(struct cudaDeviceProp *p, int device)
{
    MAY_FAIL();
    *p = cudaDeviceProp{"shim", shim_machine.major[device > 0], shim_machine.minor,
                        shim_machine.memory};
    return cudaSuccess;
}
cudaError_t cudaSetDevice(int)
{
    return cudaSuccess;
}
cudaError_t cudaMemGetInfo(size_t *free_bytes, size_t *total)
{
    const size_t used = shim_device_bytes();
    *total = shim_machine.memory, *free_bytes = *total > used ? *total - used : 0;
    return cudaSuccess;
}
cudaError_t cudaDeviceGetStreamPriorityRange(int *least, int *greatest)
{
    *least = 0, *greatest = -5;
    return cudaSuccess;
}

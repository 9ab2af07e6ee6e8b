/* Kernels on the CPU: a thread is a fiber, a warp runs as far as it can, then the next, in seeded
 * order; shared memory has exactly its size and starts as NaN. What CUDA leaves undefined is not
 * smoothed over: a missing barrier gives wrong numbers, one that not all threads reach ends the
 * program. Not seen: races between blocks, the memory model, registers, time. */
#ifndef GLIMT_GPU_SHIM_DEVICE_H
#define GLIMT_GPU_SHIM_DEVICE_H
#include "gpu/shim/cuda_api.h"
#include <cmath>
#include <cstring>
#include <functional>
#include <tuple>

#define __global__
#define __device__
#define __host__
#define __launch_bounds__(...)
#define __forceinline__ inline __attribute__((always_inline))

struct dim3 {
    unsigned x, y, z;
    constexpr dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
};
struct alignas(16) uint4 {
    unsigned x, y, z, w;
};

struct shim_thread { /* what a kernel may ask of itself */
    dim3 thread, block, block_dim, grid_dim;
};
extern shim_thread *shim_self;
#define threadIdx (shim_self->thread)
#define blockIdx (shim_self->block)
#define blockDim (shim_self->block_dim)
#define gridDim (shim_self->grid_dim)

void shim_launch(dim3 grid, dim3 block, size_t shared, cudaStream_t, std::function<void()>);
void shim_later(cudaStream_t, std::function<void()>); /* work of the stream */
bool shim_fails(void);                                /* it is this call's turn */
/* What a handle of the interface stands for. */
void shim_keep(void *, void (*end)(void *));
void shim_end(void *); /* NULL: nothing */
template <class T> T *shim_new(const T &v)
{
    T *p = new T(v);
    shim_keep(p, [](void *q) { delete static_cast<T *>(q); });
    return p;
}
void shim_barrier(int line);
/* Of each lane of the mask, when all have come: the bits that it brought. */
const uint64_t *shim_exchange(unsigned mask, uint64_t bits);
void *shim_shared(const void *site, size_t bytes); /* the block's, the same for all its threads */
void *shim_dynamic(void);

#define SHARED(T, name, n)                                                                         \
    static const char name##_site = 0;                                                             \
    T *const name = static_cast<T *>(shim_shared(&name##_site, sizeof(T) * (n)))
#define DYNAMIC_SHARED(T, name) T *const name = static_cast<T *>(shim_dynamic())
#define __syncthreads() shim_barrier(__LINE__)
#define __syncwarp() ((void)shim_exchange(~0U, 0))

template <class T> T shim_shuffle(unsigned mask, T v, unsigned lane)
{
    static_assert(sizeof(T) <= 8, "one register pair");
    uint64_t bits = 0;
    memcpy(&bits, &v, sizeof v);
    bits = shim_exchange(mask, bits)[lane & 31];
    memcpy(&v, &bits, sizeof v);
    return v;
}
#define __shfl_xor_sync(mask, v, by) shim_shuffle(mask, v, (threadIdx.x & 31) ^ (unsigned)(by))
template <class T> T shim_shuffle_up(unsigned mask, T v, unsigned by)
{
    const unsigned lane = threadIdx.x & 31;
    return shim_shuffle(mask, v, lane < by ? lane : lane - by);
}
#define __shfl_up_sync(mask, v, by) shim_shuffle_up(mask, v, by)
/* One thread of the host runs all: plain reads and writes. */
template <class T> T atomicAdd(T *p, T v)
{
    const T was = *p;
    *p = (T)(was + v);
    return was;
}
template <class T> void atomicMin(T *p, T v)
{
    *p = v < *p ? v : *p;
}
template <class T> void atomicMax(T *p, T v)
{
    *p = v > *p ? v : *p;
}
template <class T> T atomicCAS(T *p, T old, T v)
{
    const T was = *p;
    *p = was == old ? v : was;
    return was;
}

template <class... P, class... A>
void launch(void (*kernel)(P...), dim3 grid, dim3 block, size_t shared, cudaStream_t s, A... a)
{
    std::tuple<P...> arguments((P)a...);
    shim_launch(grid, block, shared, s, [=] { std::apply(kernel, arguments); });
}
#endif

/* What the files of kernels share. */
#ifndef GLIMT_GPU_LAUNCH_CUH
#define GLIMT_GPU_LAUNCH_CUH
#include "gpu/kernels.h"
#include "gpu/types.cuh"
#include <tuple>

/* ---- a launch that may be kept: its arguments lie behind it, each at a multiple of 16 bytes */
struct kernel_call {
    call head;
    void (*kernel)(void);
    uint32_t grid[3], block[3];
    size_t shared, unused;
};
constexpr size_t in_sixteens(size_t n)
{
    return (n + 15) / 16 * 16;
}
template <class P> void keep_argument(char *&to, P v)
{
    memcpy(to, &v, sizeof v);
    to += in_sixteens(sizeof v);
}
template <class P> P kept_argument(const char *&from)
{
    P v;
    memcpy(&v, from, sizeof v);
    from += in_sixteens(sizeof v);
    return v;
}
template <class... P> void issue_kernel(const call *c, gpu_queue *, cudaStream_t s)
{
    const kernel_call *k = reinterpret_cast<const kernel_call *>(c);
    const char *from = reinterpret_cast<const char *>(k + 1);
    const std::tuple<P...> arguments{kept_argument<P>(from)...}; /* braces: from left to right */
    (void)from;
    std::apply(
        [=](P... a) {
            launch(reinterpret_cast<void (*)(P...)>(k->kernel),
                   dim3(k->grid[0], k->grid[1], k->grid[2]),
                   dim3(k->block[0], k->block[1], k->block[2]), k->shared, s, a...);
        },
        arguments);
}
template <class... P, class... A>
void launch(void (*kernel)(P...), dim3 grid, dim3 block, size_t shared, stream *s, A... a)
{
    if (!s->replay) {
        launch(kernel, grid, block, shared, s->at, (P)a...);
        return;
    }
    constexpr size_t n = sizeof(kernel_call) + (in_sixteens(sizeof(P)) + ... + 0);
    static_assert(sizeof(kernel_call) % 16 == 0, "what follows is aligned");
    alignas(16) char room[n];
    memset(room, 0, n);
    kernel_call *k = reinterpret_cast<kernel_call *>(room);
    k->head.issue = issue_kernel<P...>, k->head.n = n;
    k->kernel = reinterpret_cast<void (*)(void)>(kernel);
    k->grid[0] = grid.x, k->grid[1] = grid.y, k->grid[2] = grid.z;
    k->block[0] = block.x, k->block[1] = block.y, k->block[2] = block.z;
    k->shared = shared;
    char *to = room + sizeof *k;
    (keep_argument<P>(to, (P)a), ...);
    replay_add(s->replay, &k->head);
}

/* The first fault stays. */
__device__ __forceinline__ void report(faults f, fault_kind kind, int32_t a, int32_t b, int32_t c)
{
    fault *to = f.to;
    if (atomicCAS(&to->kind, (int32_t)FAULT_NONE, (int32_t)kind) == FAULT_NONE)
        to->a = a, to->b = b, to->c = c, to->op = f.op, to->what = f.what, to->number = f.number;
}

/* ---- what may be of 16 bits */
__device__ __forceinline__ float value_of(const acts &x, int32_t t, int32_t i)
{
    const size_t at = (size_t)t * x.ld + (size_t)i;
    return x.type == DTYPE_F16    ? widen(static_cast<const f16 *>(x.at)[at])
           : x.type == DTYPE_BF16 ? widen(static_cast<const bf16 *>(x.at)[at])
                                  : static_cast<const float *>(x.at)[at];
}
/* True where a finite value was beyond the type, and became its largest; what is no number stays so
 * and is found. `beyond`: the least that would round to infinity. */
template <class T> __device__ __forceinline__ bool keep(T *to, float v, float largest, float beyond)
{
    const bool over = fabsf(v) >= beyond && is_finite(v);
    narrow(to, over ? copysignf(largest, v) : v);
    return over;
}
__device__ __forceinline__ bool store(f16 *to, float v)
{
    return keep(to, v, 65504.0f, 65520.0f);
}
__device__ __forceinline__ bool store(bf16 *to, float v)
{
    return keep(to, v, bits_float(0x7f7f0000), bits_float(0x7f7f8000));
}
__device__ __forceinline__ bool store(float *to, float v)
{
    *to = v;
    return false;
}
__device__ __forceinline__ void set_value(const acts &y, int32_t t, int32_t i, float v)
{
    const size_t at = (size_t)t * y.ld + (size_t)i;
    if (y.type == DTYPE_F16    ? store(static_cast<f16 *>(y.at) + at, v)
        : y.type == DTYPE_BF16 ? store(static_cast<bf16 *>(y.at) + at, v)
                               : store(static_cast<float *>(y.at) + at, v))
        atomicAdd(y.saturated, 1U);
}

__device__ __forceinline__ float activate(float x, activation f)
{
    switch (f) {
    case ACT_RELU: return x > 0.0f || x != x ? x : 0.0f;
    case ACT_GELU: return 0.5f * x * erfcf(-x * 0.70710678118654752f);
    case ACT_SILU: return x / (1.0f + expf(-x));
    case ACT_GELU_TANH: break;
    }
    return 0.5f * x * (1.0f + tanhf(0.79788456080286536f * (x + 0.044715f * x * x * x)));
}

/* Elements [t, i] of a matrix, dealt to the threads of a grid of over_elements. */
#define EACH_ELEMENT(t, i, rows, cols)                                                             \
    for (int32_t t = (int32_t)blockIdx.y; t < (rows); t += (int32_t)gridDim.y)                     \
        for (int32_t i = (int32_t)(blockIdx.x * blockDim.x + threadIdx.x); i < (cols);             \
             i += (int32_t)(gridDim.x * blockDim.x))

template <class... P, class... A>
void over_elements(void (*kernel)(P...), int32_t rows, int32_t cols, stream *s, A... a)
{
    constexpr unsigned THREADS = 256, MOST_ROWS = 65535;
    const unsigned threads = (unsigned)cols < THREADS ? ((unsigned)cols + 31) / 32 * 32 : THREADS;
    if (rows > 0 && cols > 0)
        launch(kernel,
               dim3(((unsigned)cols + threads - 1) / threads,
                    (unsigned)rows < MOST_ROWS ? (unsigned)rows : MOST_ROWS),
               threads, 0, s, a...);
}

#define OF_TYPE(kernel, type)                                                                      \
    ((type) == DTYPE_F16 ? kernel<f16> : (type) == DTYPE_BF16 ? kernel<bf16> : kernel<float>)
#endif

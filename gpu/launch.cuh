/* What the files of kernels share. */
#ifndef GLIMT_GPU_LAUNCH_CUH
#define GLIMT_GPU_LAUNCH_CUH
#include "gpu/kernels.h"
#include "gpu/types.cuh"

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
void over_elements(void (*kernel)(P...), int32_t rows, int32_t cols, cudaStream_t s, A... a)
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

/* 16-bit floats as they are stored, and what every kernel includes: CUDA's language, or the shim's
 * words for it. */
#ifndef GLIMT_GPU_TYPES_CUH
#define GLIMT_GPU_TYPES_CUH
#ifdef GLIMT_CUDA
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>
#define SHARED(T, name, n) __shared__ T name[n]
#define DYNAMIC_SHARED(T, name)                                                                    \
    extern __shared__ uint4 name##_words[];                                                        \
    T *const name = reinterpret_cast<T *>(name##_words)

/* As <<<>>>, with more shared memory than the 48 KiB that need no leave. Behind a launch that
 * failed nothing is launched until it was told: it would read what was never written. */
template <class... P, class... A>
void launch(void (*kernel)(P...), dim3 grid, dim3 block, size_t shared, cudaStream_t s, A... a)
{
    if (cudaPeekAtLastError() != cudaSuccess)
        return;
    if (shared > 48 << 10)
        cudaFuncSetAttribute(reinterpret_cast<const void *>(kernel),
                             cudaFuncAttributeMaxDynamicSharedMemorySize, (int)shared);
    kernel<<<grid, block, shared, s>>>((P)a...);
}
#else
#include "gpu/shim/device.h"
#endif
#include <stdint.h>

struct f16 {
    uint16_t bits;
};
struct bf16 {
    uint16_t bits;
};

__device__ __forceinline__ uint32_t float_bits(float v)
{
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits;
}
__device__ __forceinline__ float bits_float(uint32_t bits)
{
    float v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

__device__ __forceinline__ float widen(float v)
{
    return v;
}
__device__ __forceinline__ float widen(bf16 v)
{
    return bits_float((uint32_t)v.bits << 16);
}
/* Round to nearest, ties to even; a NaN stays one. */
__device__ __forceinline__ void narrow(bf16 *to, float v)
{
    const uint32_t bits = float_bits(v), odd = bits >> 16 & 1;
    to->bits = v != v ? 0x7fff : (uint16_t)((bits + 0x7fff + odd) >> 16);
}
#ifdef GLIMT_CUDA
__device__ __forceinline__ float widen(f16 v)
{
    return __half2float(__ushort_as_half(v.bits));
}
__device__ __forceinline__ void narrow(f16 *to, float v)
{
    to->bits = __half_as_ushort(__float2half_rn(v));
}
#else
inline float widen(f16 v)
{
    const uint32_t sign = (uint32_t)(v.bits & 0x8000) << 16, magnitude = v.bits & 0x7fff;
    if (magnitude >= 0x7c00)
        return bits_float(sign | 0x7f800000 | (magnitude & 0x3ff) << 13);
    const float scaled =
        bits_float(magnitude << 13) * 0x1p112f; /* the exponents' biases: 127 − 15 */
    return bits_float(sign | float_bits(scaled));
}
inline void narrow(f16 *to, float v)
{
    const uint32_t sign = float_bits(v) >> 16 & 0x8000;
    float a = fabsf(v);
    uint32_t bits = 0x7e00;
    if (a >= 65520.0f) {
        bits = 0x7c00;
    } else if (a < 0x1p-14f) { /* below the normal numbers: the sum's last bit is 2⁻²⁴ */
        bits = float_bits(a + 0.5f) - float_bits(0.5f);
    } else if (a == a) {
        const uint32_t b = float_bits(a), odd = b >> 13 & 1;
        bits = ((b + 0xfff + odd) >> 13) - (112 << 10);
    }
    to->bits = (uint16_t)(sign | bits);
}
#endif

/* Four neighbours, aligned to their size: one load. */
template <class T> struct alignas(4 * sizeof(T)) four {
    T at[4];
};
template <class T> __device__ __forceinline__ four<T> load4(const T *p)
{
    return *reinterpret_cast<const four<T> *>(p);
}

#define ALL_LANES 0xffffffffU
template <class T> __device__ __forceinline__ T warp_sum(T v)
{
    for (int by = 16; by > 0; by /= 2)
        v += __shfl_xor_sync(ALL_LANES, v, by);
    return v;
}
template <class T> __device__ __forceinline__ T warp_max(T v)
{
    for (int by = 16; by > 0; by /= 2) {
        const T other = __shfl_xor_sync(ALL_LANES, v, by);
        v = other > v ? other : v;
    }
    return v;
}
/* Of a block of whole warps, in a fixed order, for all threads. `part`: 32 numbers of shared
 * memory; barriers before and after, so that it may be used again at once. */
template <class T, class Fold>
__device__ __forceinline__ T block_fold(T of_warp, T *part, Fold fold)
{
    __syncthreads();
    if (threadIdx.x % 32 == 0)
        part[threadIdx.x / 32] = of_warp;
    __syncthreads();
    T v = part[0];
    for (unsigned i = 1; i < blockDim.x / 32; i++)
        v = fold(v, part[i]);
    return v;
}
template <class T> __device__ T block_sum(T v, T *part)
{
    return block_fold(warp_sum(v), part, [](T a, T b) { return a + b; });
}
template <class T> __device__ T block_max(T v, T *part)
{
    return block_fold(warp_max(v), part, [](T a, T b) { return b > a ? b : a; });
}
__device__ __forceinline__ bool is_finite(float v)
{
    return fabsf(v) <= 3.402823466e38f;
}
#endif

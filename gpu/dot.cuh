/* A row of a weight, and its product with a row of floats by one warp: the order of the sums of all
 * products of few rows. */
#ifndef GLIMT_GPU_DOT_CUH
#define GLIMT_GPU_DOT_CUH
#include "gpu/launch.cuh"

template <class T> __device__ __forceinline__ const T *weight_row(const wmat &w, int32_t row)
{
    return static_cast<const T *>(w.at) + (size_t)row * w.ld;
}

__device__ __forceinline__ float power_of_two(int e)
{
    return bits_float((uint32_t)(127 + e) << 23);
}
/* That of the power of two which brings v to [1, 2) when divided by; 0 of 0. */
__device__ __forceinline__ int exponent_of(float v)
{
    const int e = (int)(float_bits(v) >> 23) - 127;
    return !(v > 0.0f) ? 0 : e < -126 ? -126 : e > 126 ? 126 : e;
}

/* x·w, n values; w has zeros up to a multiple of 4. */
template <class T>
__device__ __forceinline__ float dot_of_row(const T *w, const float *x, int32_t n)
{
    float sum = 0;
    for (int32_t c = 4 * ((int32_t)threadIdx.x % 32); c < n; c += 128) {
        const four<T> v = load4(w + c);
        for (int j = 0; j < 4; j++)
            sum = fmaf(widen(v.at[j]), c + j < n ? x[c + j] : 0.0f, sum);
    }
    return warp_sum(sum);
}
#endif

/* The largest of a row, by radix: what blocks of SELECT_THREADS share. */
#ifndef GLIMT_GPU_TOP_CUH
#define GLIMT_GPU_TOP_CUH
#include "gpu/launch.cuh"
#include <math.h>

enum { SELECT_THREADS = 512, DIGIT = 11, BINS = 1 << DIGIT, HELD = 2048 };

/* Of equal values the lower index is the larger key; −0 is 0, NaN is −∞: as on the CPU. */
__device__ __forceinline__ uint32_t order_of(float v)
{
    const uint32_t bits = float_bits(v != v ? -INFINITY : v + 0.0f);
    return bits ^ (bits >> 31 ? UINT32_MAX : 0x80000000U);
}
__device__ __forceinline__ uint32_t order_of(float v, bool by_size)
{
    return order_of(by_size && v == v ? fabsf(v) : v);
}
__device__ __forceinline__ uint64_t key_of(uint32_t order, int32_t index)
{
    return (uint64_t)order << 32 | (uint32_t) ~(uint32_t)index;
}

/* Sums of the threads before this one, in order, and of all. `part`: 33 numbers. */
__device__ inline int32_t scan_before(int32_t v, int32_t *part, int32_t *all)
{
    const int32_t lane = threadIdx.x % 32, warp = (int32_t)threadIdx.x / 32,
                  warps = (int32_t)blockDim.x / 32;
    int32_t sum = v;
    for (int by = 1; by < 32; by *= 2) {
        const int32_t other = __shfl_up_sync(ALL_LANES, sum, by);
        sum += lane >= by ? other : 0;
    }
    __syncthreads();
    if (lane == 31)
        part[warp] = sum;
    __syncthreads();
    int32_t before = 0, total = 0;
    for (int32_t i = 0; i < warps; i++) {
        before += i < warp ? part[i] : 0;
        total += part[i];
    }
    *all = total;
    return before + sum - v;
}

struct cut { /* what is known of the k-th largest: the leading bits of its order */
    uint32_t prefix;
    int32_t bits, above, inside; /* values over the prefix; with it */
};

/* Finds digit by digit what the k-th largest begins with, until what begins so fits `room`. */
template <class Row>
__device__ cut find_cut(Row x, int32_t m, int32_t k, bool by_size, int32_t room, uint32_t *bins,
                        int32_t *part, cut *shared)
{
    if (threadIdx.x == 0)
        *shared = cut{0, 0, 0, m};
    __syncthreads();
    for (cut c = *shared; c.bits < 32 && c.above + c.inside > room; c = *shared) {
        const int32_t digit = 32 - c.bits < DIGIT ? 32 - c.bits : DIGIT,
                      shift = 32 - c.bits - digit, n_bins = 1 << digit;
        for (int32_t i = (int32_t)threadIdx.x; i < BINS; i += SELECT_THREADS)
            bins[i] = 0;
        __syncthreads();
        for (int32_t i = (int32_t)threadIdx.x; i < m; i += SELECT_THREADS) {
            const uint32_t o = order_of(x[i], by_size);
            if (c.bits == 0 || o >> (32 - c.bits) == c.prefix)
                atomicAdd(&bins[o >> shift & (uint32_t)(n_bins - 1)], 1U);
        }
        __syncthreads();
        /* From the top bin down: each thread sums a run of them. */
        const int32_t run = BINS / SELECT_THREADS, top = n_bins - 1 - (int32_t)threadIdx.x * run;
        int32_t mine = 0, all;
        for (int32_t j = 0; j < run; j++)
            mine += top - j >= 0 ? (int32_t)bins[top - j] : 0;
        int32_t above = c.above + scan_before(mine, part, &all);
        for (int32_t j = 0; j < run && top - j >= 0; j++) {
            const int32_t n = (int32_t)bins[top - j];
            if (above < k && k <= above + n)
                *shared = cut{c.prefix << digit | (uint32_t)(top - j), c.bits + digit, above, n};
            above += n;
        }
        __syncthreads();
    }
    const cut c = *shared;
    __syncthreads();
    return c;
}

/* Largest first; n a power of two. */
__device__ inline void sort_keys(uint64_t *key, int32_t n)
{
    for (int32_t size = 2; size <= n; size *= 2)
        for (int32_t step = size / 2; step > 0; step /= 2) {
            __syncthreads();
            for (int32_t i = (int32_t)threadIdx.x; i < n / 2; i += SELECT_THREADS) {
                const int32_t a = i / step * 2 * step + i % step, b = a + step;
                const uint64_t u = key[a], v = key[b];
                if ((u < v) == ((a & size) == 0))
                    key[a] = v, key[b] = u;
            }
        }
    __syncthreads();
}

__device__ inline int32_t power_over(int32_t n)
{
    int32_t p = 1;
    while (p < n)
        p *= 2;
    return p;
}

/* The keys of the k largest of a row (x[i]: its values) to the start of `key`, sorted, by one
 * block. key: room for the power of two over max(k, HELD). */
template <class Row>
__device__ void row_top(Row x, int32_t m, int32_t k, bool by_size, uint64_t *key)
{
    SHARED(uint32_t, bins, BINS);
    SHARED(int32_t, part, 33);
    SHARED(cut, shared, 1);
    SHARED(int32_t, n_kept, 1);
    const int32_t room = k > HELD ? k : HELD;
    const cut c = find_cut(x, m, k, by_size, room, bins, part, shared);
    const bool fits = c.above + c.inside <= room;
    if (threadIdx.x == 0)
        *n_kept = 0;
    __syncthreads();
    for (int32_t i = (int32_t)threadIdx.x; i < m; i += SELECT_THREADS) {
        const uint32_t o = order_of(x[i], by_size),
                       head = c.bits == 0 ? c.prefix : o >> (32 - c.bits);
        if (head > c.prefix || (fits && head == c.prefix))
            key[atomicAdd(n_kept, 1)] = key_of(o, i);
    }
    __syncthreads();
    int32_t n = *n_kept;
    /* More equal values than there is room for: the first in the order of their indices. */
    for (int32_t from = 0; from < m && !fits && n < k; from += SELECT_THREADS) {
        const int32_t i = from + (int32_t)threadIdx.x;
        const uint32_t o = i < m ? order_of(x[i], by_size) : 0;
        const bool is = i < m && o == c.prefix;
        int32_t all;
        const int32_t at = n + scan_before(is, part, &all);
        if (is && at < k)
            key[at] = key_of(o, i);
        n += all;
    }
    n = n < k || fits ? n : k;
    const int32_t whole = power_over(n);
    __syncthreads();
    for (int32_t i = n + (int32_t)threadIdx.x; i < whole; i += SELECT_THREADS)
        key[i] = 0;
    sort_keys(key, whole);
}
#endif

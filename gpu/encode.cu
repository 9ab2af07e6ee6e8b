/* Codes of the largest pre-activations: found among products of rounded numbers, then computed as
 * they are. */
#include "gpu/dot.cuh"
#include "gpu/top.cuh"

enum { ENCODE_THREADS = 256 };

/* ---- weights, at opening */
template <class Rounded, class Exact>
__global__ void norms_of_rows(uint32_t *to, wmat rounded, wmat exact)
{
    SHARED(double, part, 32);
    const int32_t o = (int32_t)blockIdx.x;
    const Rounded *r = weight_row<Rounded>(rounded, o);
    const Exact *w = weight_row<Exact>(exact, o);
    double norm = 0, off = 0;
    for (int32_t i = (int32_t)threadIdx.x; i < exact.in; i += ENCODE_THREADS) {
        const double v = (double)widen(r[i]), d = v - (double)widen(w[i]);
        norm += v * v, off += d * d;
    }
    norm = block_sum(norm, part), off = block_sum(off, part);
    if (threadIdx.x == 0) { /* bits of floats that are not negative are in their order */
        atomicMax(&to[0], float_bits((float)(sqrt(norm) * (1 + 1e-6))));
        atomicMax(&to[1], float_bits((float)(sqrt(off) * (1 + 1e-6))));
    }
}
void gpu_row_norms(uint32_t *to, wmat rounded, wmat exact, stream *s)
{
    launch(exact.type == DTYPE_F32     ? norms_of_rows<f16, float>
           : rounded.type == DTYPE_F16 ? norms_of_rows<f16, f16>
                                       : norms_of_rows<bf16, bf16>,
           (unsigned)exact.out, ENCODE_THREADS, 0, s, to, rounded, exact);
}

/* ---- x */
__global__ void most_of_bias(float *most, const float *bias, int32_t n)
{
    SHARED(float, part, 32);
    float v = 0;
    for (int32_t i = (int32_t)threadIdx.x; bias && i < n; i += (int32_t)blockDim.x)
        v = fmaxf(v, fabsf(bias[i]));
    v = block_max(v, part);
    if (threadIdx.x == 0)
        *most = v;
}

/* x as 16 bits, F16 by a power of two that brings the row's largest to [1, 2), and what is known of
 * what that loses. Sums are of numbers of that size: none of them overflows or vanishes. */
template <class T> __global__ void round_rows(encode_kernel k)
{
    SHARED(float, part, 32);
    const int32_t t = (int32_t)blockIdx.x;
    const float *row = k.x.at + (size_t)t * k.x.ld;
    T *to = static_cast<T *>(k.rounded) + (size_t)t * k.w.ld;
    float size = 0, norm = 0, off = 0;
    bool all = true;
    for (int32_t i = (int32_t)threadIdx.x; i < k.x.cols; i += ENCODE_THREADS) {
        size = fmaxf(size, fabsf(row[i]));
        all = all && is_finite(row[i]);
    }
    size = block_max(all ? size : INFINITY, part);
    const bool fine = is_finite(size);
    const int e = fine ? exponent_of(size) : 0;
    const float down = power_of_two(-e), up = power_of_two(e);
    const bool scaled = sizeof(T) == 2 && k.type == DTYPE_F16;
    for (int32_t i = (int32_t)threadIdx.x; i < (int32_t)k.w.ld; i += ENCODE_THREADS) {
        const float v = i < k.x.cols && fine ? row[i] * down : 0.0f;
        float is = v;
        if (k.type != DTYPE_F32) {
            narrow(&to[i], scaled ? v : v * up);
            is = scaled ? widen(to[i]) : widen(to[i]) * down;
        }
        norm += v * v, off += (v - is) * (v - is);
    }
    norm = block_sum(norm, part), off = block_sum(off, part);
    if (threadIdx.x == 0) {
        k.scale[t] = scaled ? up : 1.0f;
        k.margin[t] = fine ? rounded_margin(k.of, sqrtf(norm) * up * 1.0001f,
                                            sqrtf(off) * up * 1.0001f, *k.most_bias, k.x.cols)
                           : INFINITY;
    }
}
void gpu_encode_round(const encode_kernel *k, stream *s)
{
    launch(most_of_bias, 1, 1024, 0, s, k->most_bias, k->bias, k->w.out);
    launch(k->type == DTYPE_BF16 ? round_rows<bf16> : round_rows<f16>, (unsigned)k->x.rows,
           ENCODE_THREADS, 0, s, *k);
}

/* ---- candidates */
struct scaled_row { /* the pre-activations that products of rounded numbers give */
    const float *at, *bias;
    float by;
    __device__ float operator[](int32_t i) const { return fmaf(at[i], by, bias ? bias[i] : 0.0f); }
};

__global__ void __launch_bounds__(SELECT_THREADS) find_candidates(encode_kernel k)
{
    SHARED(uint64_t, key, HELD);
    SHARED(int32_t, n, 1);
    const int32_t t = (int32_t)blockIdx.x;
    const scaled_row row = {k.pre.at + (size_t)t * k.pre.ld, k.bias, k.scale[t]};
    const float margin = k.margin[t];
    if (threadIdx.x == 0)
        *n = is_finite(margin) ? 0 : k.room + 1;
    __syncthreads();
    if (*n == 0) {
        row_top(row, k.pre.cols, k.k, k.by_size, key);
        const float last = row[(int32_t) ~(uint32_t)key[k.k - 1]],
                    least = rounded_least(k.by_size ? fabsf(last) : last, margin);
        for (int32_t i = (int32_t)threadIdx.x; i < k.pre.cols; i += SELECT_THREADS) {
            const float v = row[i];
            if ((k.by_size ? fabsf(v) : v) < least)
                continue;
            const int32_t at = atomicAdd(n, 1);
            if (at < k.room)
                k.ids[(size_t)t * (size_t)k.room + (size_t)at] = i;
        }
    }
    __syncthreads();
    if (threadIdx.x != 0)
        return;
    k.n_ids[t] = *n > k.room ? -1 : *n;
    if (*n > k.room) {
        k.again[atomicAdd(k.n_again, 1)] = t;
        atomicAdd(k.redone, 1U);
    }
}

/* Warps share a row's candidates. */
enum { VALUE_BLOCKS = 4 };
template <class T> __global__ void values_of_candidates(encode_kernel k)
{
    const int32_t t = (int32_t)blockIdx.x, lane = (int32_t)threadIdx.x % 32,
                  warp = ((int32_t)blockIdx.y * ENCODE_THREADS + (int32_t)threadIdx.x) / 32;
    for (int32_t c = warp; c < k.n_ids[t]; c += VALUE_BLOCKS * ENCODE_THREADS / 32) {
        const int32_t id = k.ids[(size_t)t * (size_t)k.room + (size_t)c];
        const float v = dot_of_row(weight_row<T>(k.w, id), k.x.at + (size_t)t * k.x.ld, k.x.cols);
        if (lane == 0)
            k.pre.at[(size_t)t * k.pre.ld + (size_t)id] = v + (k.bias ? k.bias[id] : 0.0f);
    }
}
void gpu_encode_candidates(const encode_kernel *k, stream *s)
{
    launch(find_candidates, (unsigned)k->pre.rows, SELECT_THREADS, 0, s, *k);
    launch(OF_TYPE(values_of_candidates, k->w.type), dim3((unsigned)k->pre.rows, VALUE_BLOCKS),
           ENCODE_THREADS, 0, s, *k);
}

/* A warp a column, for each of the rows: as many reads of W as there are of them, but of what the
 * cache still has. */
template <class T> __global__ void all_of_rows(encode_kernel k, int32_t first, int32_t end)
{
    const int32_t lane = (int32_t)threadIdx.x % 32,
                  o = first + (int32_t)(blockIdx.x * ENCODE_THREADS + threadIdx.x) / 32,
                  n = *k.n_again;
    for (int32_t j = 0; j < n && o < end; j++) {
        const int32_t t = k.again[j];
        const float v = dot_of_row(weight_row<T>(k.w, o), k.x.at + (size_t)t * k.x.ld, k.x.cols);
        if (lane == 0)
            k.pre.at[(size_t)t * k.pre.ld + (size_t)o] = v + (k.bias ? k.bias[o] : 0.0f);
    }
}
void gpu_encode_again(const encode_kernel *k, int32_t first, int32_t n, stream *s)
{
    const int32_t each = ENCODE_THREADS / 32;
    launch(OF_TYPE(all_of_rows, k->w.type), (unsigned)((n + each - 1) / each), ENCODE_THREADS, 0, s,
           *k, first, first + n);
}

__global__ void __launch_bounds__(SELECT_THREADS) top_of_candidates(int32_t *top, encode_kernel k)
{
    SHARED(uint64_t, key, HELD);
    const int32_t t = (int32_t)blockIdx.x, n = k.n_ids[t];
    const float *row = k.pre.at + (size_t)t * k.pre.ld;
    if (n < 0) {
        row_top(row, k.pre.cols, k.k, k.by_size, key);
    } else {
        const int32_t whole = power_over(n);
        for (int32_t i = (int32_t)threadIdx.x; i < whole; i += SELECT_THREADS) {
            const int32_t id = i < n ? k.ids[(size_t)t * (size_t)k.room + (size_t)i] : 0;
            key[i] = i < n ? key_of(order_of(row[id], k.by_size), id) : 0;
        }
        sort_keys(key, whole);
    }
    for (int32_t i = (int32_t)threadIdx.x; i < k.k; i += SELECT_THREADS)
        top[(size_t)t * (size_t)k.k + (size_t)i] = (int32_t) ~(uint32_t)key[i];
}
void gpu_encode_top(int32_t *top, const encode_kernel *k, stream *s)
{
    launch(top_of_candidates, (unsigned)k->pre.rows, SELECT_THREADS, 0, s, top, *k);
}

/* Causal attention: queries and keys are rotated, keys and values go to where they are kept, then
 * blocks of 16 queries of a head look at 64 keys at a time with a running softmax (Milakov,
 * Gimelshein 2018; Dao et al. 2022). Few queries behind a long past are split by keys. */
#include "gpu/launch.cuh"
#include <math.h>

constexpr int THREADS = 256, QUERY_THREADS = THREADS / ATTN_ROWS,
              KEYS_A_THREAD = ATTN_KEYS / QUERY_THREADS;

template <class T> __device__ T *of_layer(void *first, const attn_kernel &a, const attn_seq &q)
{
    return static_cast<T *>(first) +
           (q.layer_step ? (size_t)(a.layer - q.first_layer) * q.layer_step : 0);
}
template <class T> __device__ __forceinline__ void put(const attn_kernel &a, T *to, float v)
{
    if (store(to, v))
        atomicAdd(a.y.saturated, 1U);
}

/* A block: one row of a sequence. Angles are a float's product, as in the models' own code. */
template <class T> __global__ void rotate_and_keep(attn_kernel a)
{
    DYNAMIC_SHARED(float, turn);
    const int32_t row = (int32_t)blockIdx.x, half = a.rot / 2, width = a.n_kv_heads * a.dim;
    int32_t lo = 0, hi = a.n_seqs;
    while (hi - lo > 1) {
        const int32_t mid = lo + (hi - lo) / 2;
        if (a.seq[mid].row <= row)
            lo = mid;
        else
            hi = mid;
    }
    /* Empty sequences share their row with the one behind them. */
    const attn_seq q = a.seq[lo];
    if (row < q.row || row >= q.row + q.n)
        return;
    const int32_t pos = q.past + row - q.row;
    for (int32_t i = (int32_t)threadIdx.x; i < half; i += (int32_t)blockDim.x) {
        const double angle = (double)((float)pos * a.inv_freq[i]);
        turn[i] = (float)((double)a.length * cos(angle));
        turn[half + i] = (float)((double)a.length * sin(angle));
    }
    __syncthreads();
    const int32_t q_width = a.n_heads * a.dim;
    float *turned = a.turned + (size_t)row * (size_t)q_width;
    T *keys = of_layer<T>(q.keys, a, q) + (size_t)pos * (size_t)width,
      *values = of_layer<T>(q.values, a, q) + (size_t)pos * (size_t)width;
    const float *qs = a.q.at + (size_t)row * a.q.ld, *k = a.k.at + (size_t)row * a.k.ld,
                *v = a.v.at + (size_t)row * a.v.ld;
    for (int32_t j = (int32_t)threadIdx.x; j < width; j += (int32_t)blockDim.x)
        put(a, values + j, v[j]);
    const int32_t n_heads = a.n_heads + a.n_kv_heads;
    for (int32_t j = (int32_t)threadIdx.x; j < n_heads * half; j += (int32_t)blockDim.x) {
        const int32_t head = j / half, i = j % half;
        const bool query = head < a.n_heads;
        const size_t at = (size_t)(query ? head : head - a.n_heads) * (size_t)a.dim;
        const size_t u = at + (size_t)(a.neighbours ? 2 * i : i),
                     w = at + (size_t)(a.neighbours ? 2 * i + 1 : i + half);
        const float *from = query ? qs : k, low = from[u], high = from[w], c = turn[i],
                    s = turn[half + i];
        const float first = low * c - high * s, second = high * c + low * s;
        if (query)
            turned[u] = first, turned[w] = second;
        else
            put(a, keys + u, first), put(a, keys + w, second);
    }
    for (int32_t j = (int32_t)threadIdx.x; j < width; j += (int32_t)blockDim.x)
        if (j % a.dim >= a.rot)
            put(a, keys + j, k[j]);
    for (int32_t j = (int32_t)threadIdx.x; j < q_width; j += (int32_t)blockDim.x)
        if (j % a.dim >= a.rot)
            turned[j] = qs[j];
}

/* A block: a task's queries and one head. DIMS: of 16 columns a thread, and so its sums. */
template <int DIMS, class T> __global__ void __launch_bounds__(THREADS, 2) attend(attn_kernel a)
{
    DYNAMIC_SHARED(float, memory);
    const attn_task task = a.task[blockIdx.x];
    const attn_seq q = a.seq[task.seq];
    const int32_t head = (int32_t)blockIdx.y, dim = a.dim, stride = dim + 1,
                  width = a.n_kv_heads * dim, r = (int32_t)threadIdx.x / QUERY_THREADS,
                  lane = (int32_t)threadIdx.x % QUERY_THREADS;
    float *qs = memory, *tile = qs + ATTN_ROWS * stride, *p = tile + ATTN_KEYS * stride;
    const size_t at = (size_t)(head / (a.n_heads / a.n_kv_heads)) * (size_t)dim;
    const T *keys = of_layer<T>(q.keys, a, q) + at, *values = of_layer<T>(q.values, a, q) + at;
    const int32_t pos = q.past + task.first + r;
    for (int32_t i = (int32_t)threadIdx.x; i < ATTN_ROWS * dim; i += THREADS)
        qs[i / dim * stride + i % dim] =
            i / dim < task.n
                ? a.turned[((size_t)(q.row + task.first + i / dim) * (size_t)a.n_heads +
                            (size_t)head) *
                               (size_t)dim +
                           (size_t)(i % dim)]
                : 0.0f;
    float max = -INFINITY, sum = 0, acc[DIMS];
    for (int j = 0; j < DIMS; j++)
        acc[j] = 0;
    for (int32_t from = task.begin; from < task.end; from += ATTN_KEYS) {
        const int32_t n = task.end - from < ATTN_KEYS ? task.end - from : ATTN_KEYS;
        __syncthreads();
        for (int32_t i = (int32_t)threadIdx.x; i < n * dim; i += THREADS)
            tile[i / dim * stride + i % dim] =
                widen(keys[(size_t)(from + i / dim) * (size_t)width + (size_t)(i % dim)]);
        __syncthreads();
        float score[KEYS_A_THREAD], most = max;
        bool seen[KEYS_A_THREAD];
        for (int j = 0; j < KEYS_A_THREAD; j++) {
            const int32_t key = lane + j * QUERY_THREADS, where = from + key;
            float dot = 0;
            seen[j] = key < n && where <= pos && (a.window == 0 || pos - where < a.window);
            for (int32_t i = 0; i < dim && seen[j]; i++)
                dot = fmaf(qs[r * stride + i], tile[key * stride + i], dot);
            dot *= a.scale;
            if (a.soft_cap > 0)
                dot = a.soft_cap * tanhf(dot / a.soft_cap);
            score[j] = seen[j] ? dot : -INFINITY;
            most = score[j] > most ? score[j] : most;
        }
        for (int by = QUERY_THREADS / 2; by > 0; by /= 2) {
            const float other = __shfl_xor_sync(ALL_LANES, most, by);
            most = other > most ? other : most;
        }
        const float keep = most > -INFINITY ? expf(max - most) : 1.0f;
        float part = 0;
        for (int j = 0; j < KEYS_A_THREAD; j++) {
            /* What is not seen stays out, even a NaN: its weight is −1. */
            const float e = score[j] == -INFINITY ? 0.0f : expf(score[j] - most);
            p[r * ATTN_KEYS + lane + j * QUERY_THREADS] = seen[j] ? e : -1.0f;
            part += e;
        }
        for (int by = QUERY_THREADS / 2; by > 0; by /= 2)
            part += __shfl_xor_sync(ALL_LANES, part, by);
        max = most, sum = sum * keep + part;
        __syncthreads();
        for (int32_t i = (int32_t)threadIdx.x; i < n * dim; i += THREADS)
            tile[i / dim * stride + i % dim] =
                widen(values[(size_t)(from + i / dim) * (size_t)width + (size_t)(i % dim)]);
        __syncthreads();
        for (int j = 0; j < DIMS; j++) {
            const int32_t c = lane + j * QUERY_THREADS;
            acc[j] *= keep;
            for (int32_t key = 0; key < n && c < dim; key++) {
                const float weight = p[r * ATTN_KEYS + key];
                acc[j] = weight < 0.0f ? acc[j] : fmaf(weight, tile[key * stride + c], acc[j]);
            }
        }
    }
    if (r >= task.n)
        return;
    if (task.part < 0) {
        for (int j = 0; j < DIMS; j++)
            if (lane + j * QUERY_THREADS < dim)
                set_value(a.y, q.row + task.first + r, head * dim + lane + j * QUERY_THREADS,
                          acc[j] / sum);
        return;
    }
    float *out =
        a.part + (((size_t)task.part * (size_t)a.n_heads + (size_t)head) * ATTN_ROWS + (size_t)r) *
                     (size_t)(dim + 2);
    if (lane == 0)
        out[0] = max, out[1] = sum;
    for (int j = 0; j < DIMS; j++)
        if (lane + j * QUERY_THREADS < dim)
            out[2 + lane + j * QUERY_THREADS] = acc[j];
}

/* Parts of one row and head put together in order; a block: a row and head. */
__global__ void put_together(attn_kernel a)
{
    const attn_whole w = a.whole[blockIdx.x];
    const int32_t head = (int32_t)blockIdx.y, r = (int32_t)blockIdx.z, size = a.dim + 2;
    if (r >= w.n)
        return;
    const size_t step = (size_t)a.n_heads * ATTN_ROWS * (size_t)size;
    const float *part =
        a.part + (size_t)w.part * step + ((size_t)head * ATTN_ROWS + (size_t)r) * (size_t)size;
    float max = -INFINITY, sum = 0;
    for (int32_t i = 0; i < w.n_parts; i++)
        max = part[(size_t)i * step] > max ? part[(size_t)i * step] : max;
    for (int32_t i = 0; i < w.n_parts; i++)
        sum += part[(size_t)i * step + 1] * expf(part[(size_t)i * step] - max);
    for (int32_t c = (int32_t)threadIdx.x; c < a.dim; c += (int32_t)blockDim.x) {
        float v = 0;
        for (int32_t i = 0; i < w.n_parts; i++)
            v += part[(size_t)i * step + 2 + (size_t)c] * expf(part[(size_t)i * step] - max);
        set_value(a.y, w.row + r, head * a.dim + c, v / sum);
    }
}

template <class T> void attend_as(const attn_kernel *a, stream *s)
{
    const size_t shared =
        ((size_t)(ATTN_ROWS + ATTN_KEYS) * (size_t)(a->dim + 1) + ATTN_ROWS * ATTN_KEYS) *
        sizeof(float);
    const dim3 grid((unsigned)a->n_tasks, (unsigned)a->n_heads);
    if (a->n_tasks == 0)
        return;
    launch(rotate_and_keep<T>, (unsigned)a->q.rows, 128, (size_t)(a->rot + 1) * sizeof(float), s, *a);
    launch(a->dim <= 64    ? attend<64 / QUERY_THREADS, T>
           : a->dim <= 128 ? attend<128 / QUERY_THREADS, T>
                           : attend<256 / QUERY_THREADS, T>,
           grid, THREADS, shared, s, *a);
    if (a->n_wholes > 0)
        launch(put_together, dim3((unsigned)a->n_wholes, (unsigned)a->n_heads, ATTN_ROWS), 64, 0, s,
               *a);
}

void gpu_attn(const attn_kernel *a, stream *s)
{
    a->kept == DTYPE_F16    ? attend_as<f16>(a, s)
    : a->kept == DTYPE_BF16 ? attend_as<bf16>(a, s)
                            : attend_as<float>(a, s);
}

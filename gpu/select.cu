/* Selection: the largest of a row by radix, or all that pass a condition, and their way into sparse
 * codes. */
#include "gpu/top.cuh"

static __host__ __device__ size_t keys_of(int32_t k)
{
    size_t n = HELD;
    while (n < (size_t)k)
        n *= 2;
    return n;
}
size_t gpu_top_bytes(int32_t rows, int32_t k)
{
    return k > HELD ? (size_t)rows * keys_of(k) * sizeof(uint64_t) : 0;
}

__global__ void __launch_bounds__(SELECT_THREADS)
    top_of_rows(int32_t *ids, size_t ld_ids, float *vals, size_t ld_vals, mat x, int32_t k,
                bool by_size, uint64_t *memory)
{
    SHARED(uint64_t, held, HELD);
    const int32_t t = (int32_t)blockIdx.x;
    const float *row = x.at + (size_t)t * x.ld;
    uint64_t *key = k > HELD ? memory + (size_t)t * keys_of(k) : held;
    row_top(row, x.cols, k, by_size, key);
    for (int32_t i = (int32_t)threadIdx.x; i < k; i += SELECT_THREADS) {
        const int32_t id = (int32_t) ~(uint32_t)key[i];
        ids[(size_t)t * ld_ids + (size_t)i] = id;
        vals[(size_t)t * ld_vals + (size_t)i] = row[id] != row[id] ? -INFINITY : row[id];
    }
}
void gpu_top(int32_t *ids, size_t ld_ids, float *vals, size_t ld_vals, mat x, int32_t k,
             bool by_size, void *memory, stream *s)
{
    if (x.rows > 0)
        launch(top_of_rows, (unsigned)x.rows, SELECT_THREADS, 0, s, ids, ld_ids, vals, ld_vals, x,
               k, by_size, static_cast<uint64_t *>(memory));
}

/* ---- into codes: each row's number of entries, then where they begin, then the entries */
__device__ __forceinline__ float value_at(const select_kernel &k, float v, int32_t i)
{
    if (k.kind == SELECT_THRESHOLD)
        v = v > k.threshold[k.each_threshold ? i : 0] ? v : 0.0f;
    if (k.kind == SELECT_GATED) {
        const float a = fmaf(k.scale[i], v, k.shift[i]);
        v = v > 0.0f && a > 0.0f ? a : 0.0f;
    }
    return k.relu && v < 0.0f ? 0.0f : v;
}

/* Bounded kinds: k places a row, ids −1 where nothing is. */
__device__ void check_value(float v, int32_t id, faults f)
{
    if (!is_finite(v))
        report(f, FAULT_VALUE, id, 0, 0);
}
__global__ void __launch_bounds__(SELECT_THREADS)
    count_top(int32_t *count, int32_t *ids, mat x, select_kernel k, faults f)
{
    SHARED(int32_t, n, 1);
    const int32_t t = (int32_t)blockIdx.x;
    const float *row = x.at + (size_t)t * x.ld;
    if (threadIdx.x == 0)
        *n = 0;
    __syncthreads();
    for (int32_t i = (int32_t)threadIdx.x; i < k.k; i += SELECT_THREADS) {
        int32_t *id = ids + (size_t)t * (size_t)k.k + (size_t)i;
        const float v = row[*id];
        check_value(v, *id, f);
        if (v == 0.0f || (k.relu && v < 0.0f))
            *id = -1;
        else
            atomicAdd(n, 1);
    }
    __syncthreads();
    if (threadIdx.x == 0)
        count[t] = *n;
}
__global__ void best_of_groups(int32_t *ids, mat x, int32_t k, faults f)
{
    const int32_t width = x.cols / k, lane = threadIdx.x % 32;
    const int64_t at = ((int64_t)blockIdx.x * blockDim.x + threadIdx.x) / 32;
    if (at >= (int64_t)x.rows * k)
        return;
    const int32_t first = (int32_t)(at % k) * width;
    const float *row = x.at + (size_t)(at / k) * x.ld;
    uint64_t best = 0;
    for (int32_t i = first + lane; i < first + width; i += 32) {
        const uint64_t key = key_of(order_of(row[i]), i);
        check_value(row[i], i, f);
        best = key > best ? key : best;
    }
    best = warp_max(best);
    if (lane == 0)
        ids[at] = (int32_t) ~(uint32_t)best;
}
__global__ void __launch_bounds__(SELECT_THREADS)
    count_passing(int32_t *count, mat x, select_kernel k, faults f)
{
    SHARED(int32_t, part, 32);
    const int32_t t = (int32_t)blockIdx.x;
    int32_t n = 0;
    for (int32_t i = (int32_t)threadIdx.x; i < x.cols; i += SELECT_THREADS) {
        const float v = x.at[(size_t)t * x.ld + (size_t)i], kept = value_at(k, v, i);
        check_value(v, i, f);
        check_value(kept, i, f);
        n += kept != 0.0f;
    }
    n = block_sum(n, part);
    if (threadIdx.x == 0)
        count[t] = n;
}

__global__ void __launch_bounds__(SELECT_THREADS)
    starts_of_rows(codes c, int32_t first, const int32_t *count, int32_t rows, faults f)
{
    SHARED(int32_t, part, 33);
    int64_t at = first == 0 ? 0 : c.start[first];
    for (int32_t from = 0; from < rows; from += SELECT_THREADS) {
        const int32_t t = from + (int32_t)threadIdx.x;
        int32_t all;
        /* A row has at most 2¹⁷ entries or so, 512 of them fit. */
        const int32_t n = t < rows ? count[t] : 0, before = scan_before(n, part, &all);
        if (t < rows && at + before + n <= INT32_MAX)
            c.start[first + 1 + t] = (int32_t)(at + before + n);
        else if (t < rows)
            report(f, FAULT_CAPACITY, t, 0, 0);
        at += all;
    }
    if (first == 0 && threadIdx.x == 0)
        c.start[0] = 0;
}

/* ids NULL: what passes of each row; else what of its k places is taken. In order. */
__global__ void __launch_bounds__(SELECT_THREADS)
    write_rows(codes c, int32_t first, mat x, select_kernel k, const int32_t *ids)
{
    SHARED(int32_t, part, 33);
    const int32_t t = (int32_t)blockIdx.x, end = c.start[first + t + 1], n = ids ? k.k : x.cols;
    const float *row = x.at + (size_t)t * x.ld;
    int32_t at = c.start[first + t];
    for (int32_t from = 0; from < n && at < end && end <= c.capacity; from += SELECT_THREADS) {
        const int32_t i = from + (int32_t)threadIdx.x,
                      id = i >= n ? -1
                           : ids  ? ids[(size_t)t * (size_t)k.k + (size_t)i]
                                  : i;
        const float v = id < 0 ? 0.0f : ids ? row[id] : value_at(k, row[id], id);
        const bool kept = v != 0.0f;
        int32_t all;
        const int32_t to = at + scan_before(kept, part, &all);
        if (kept && to < end)
            c.ids[to] = id, c.vals[to] = v;
        at += all;
    }
}

void gpu_select_ids(codes c, int32_t first, mat x, const select_kernel *k, int32_t *count,
                    int32_t *ids, faults f, stream *s)
{
    const unsigned rows = (unsigned)x.rows;
    if (ids)
        launch(count_top, rows, SELECT_THREADS, 0, s, count, ids, x, *k, f);
    else
        launch(count_passing, rows, SELECT_THREADS, 0, s, count, x, *k, f);
    launch(starts_of_rows, 1, SELECT_THREADS, 0, s, c, first, count, x.rows, f);
    launch(write_rows, rows, SELECT_THREADS, 0, s, c, first, x, *k, ids);
}

size_t gpu_select_bytes(const select_kernel *k, int32_t rows, int32_t)
{
    size_t n = (size_t)rows * sizeof(int32_t);
    if (k->kind == SELECT_TOPK || k->kind == SELECT_ABSTOPK || k->kind == SELECT_GROUPMAX)
        n += (size_t)rows * (size_t)k->k * (sizeof(int32_t) + sizeof(float));
    return (n + 255) / 256 * 256 + gpu_top_bytes(rows, k->k);
}
void gpu_select(codes c, int32_t first, mat x, const select_kernel *k, void *memory, faults f,
                stream *s)
{
    const unsigned rows = (unsigned)x.rows;
    int32_t *count = static_cast<int32_t *>(memory), *ids = nullptr;
    if (rows == 0)
        return;
    if (k->kind == SELECT_TOPK || k->kind == SELECT_ABSTOPK || k->kind == SELECT_GROUPMAX) {
        const size_t places = (size_t)rows * (size_t)k->k;
        ids = count + rows;
        if (k->kind == SELECT_GROUPMAX) {
            launch(best_of_groups, (unsigned)((places + 7) / 8), 256, 0, s, ids, x, k->k, f);
        } else {
            char *rest = static_cast<char *>(memory) + gpu_select_bytes(k, x.rows, x.cols) -
                         gpu_top_bytes(x.rows, k->k);
            gpu_top(ids, (size_t)k->k, reinterpret_cast<float *>(ids + places), (size_t)k->k, x,
                    k->k, k->kind == SELECT_ABSTOPK, rest, s);
        }
    }
    gpu_select_ids(c, first, x, k, count, ids, f, s);
}

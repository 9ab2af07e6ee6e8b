/* Rows of weights, and products that need no library. */
#include "gpu/dot.cuh"

/* ---- rows */
template <class T> __global__ void widen_rows(mat y, wmat w, ints ids, faults f)
{
    const int32_t t = (int32_t)blockIdx.x, id = ids.at[(size_t)t * ids.ld];
    if (id < 0 || id >= w.out) {
        if (threadIdx.x == 0)
            report(f, FAULT_ID, id, w.out, 0);
        return;
    }
    for (int32_t i = (int32_t)threadIdx.x; i < w.in; i += (int32_t)blockDim.x) {
        const float v = widen(weight_row<T>(w, id)[i]);
        y.at[(size_t)t * y.ld + (size_t)i] = v;
        if (!is_finite(v))
            report(f, FAULT_WEIGHT, id, i, 0);
    }
}
void gpu_weight_rows(mat y, wmat w, ints ids, faults f, stream *s)
{
    if (ids.n > 0)
        launch(OF_TYPE(widen_rows, w.type), (unsigned)ids.n, 256, 0, s, y, w, ids, f);
}

/* The value of a sum that came out wrong tells why: a weight, or their number. */
template <class T>
__device__ void explain(const codes &c, const wmat &w, int32_t t, int32_t i, faults f)
{
    for (int32_t e = c.start[t]; e < c.start[t + 1]; e++)
        if (!is_finite(widen(weight_row<T>(w, c.ids[e])[i]))) {
            report(f, FAULT_WEIGHT, c.ids[e], i, 0);
            return;
        }
    report(f, FAULT_SUM, t, 0, 0);
}

__device__ bool row_of_codes(const codes &c, int32_t t, faults f)
{
    const int32_t from = c.start[t], to = c.start[t + 1];
    if (from >= 0 && from <= to && to <= c.capacity)
        return true;
    if (threadIdx.x == 0)
        report(f, FAULT_STARTS, t, from, to);
    return false;
}

/* A block: one row, 4 · DECODE_THREADS columns; ids and values come through shared memory. */
enum { DECODE_THREADS = 256 };
template <class T> __global__ void decode_row(mat y, codes c, wmat w, const float *bias, faults f)
{
    SHARED(int32_t, id, DECODE_THREADS);
    SHARED(float, value, DECODE_THREADS);
    const int32_t t = (int32_t)blockIdx.y,
                  col = 4 * (int32_t)(blockIdx.x * DECODE_THREADS + threadIdx.x);
    float sum[4] = {0, 0, 0, 0};
    if (!row_of_codes(c, t, f))
        return;
    for (int j = 0; j < 4; j++)
        sum[j] = bias && col + j < w.in ? bias[col + j] : 0.0f;
    const int32_t end = c.start[t + 1];
    for (int32_t from = c.start[t]; from < end; from += DECODE_THREADS) {
        const int32_t n = end - from < DECODE_THREADS ? end - from : DECODE_THREADS;
        __syncthreads();
        if ((int32_t)threadIdx.x < n) {
            const int32_t row = c.ids[from + (int32_t)threadIdx.x];
            const bool good = row >= 0 && row < w.out;
            if (!good)
                report(f, FAULT_ID, row, w.out, 0);
            id[threadIdx.x] = good ? row : 0;
            value[threadIdx.x] = c.vals[from + (int32_t)threadIdx.x];
        }
        __syncthreads();
        for (int32_t e = 0; e < n && col < w.in; e++) {
            const four<T> v = load4(weight_row<T>(w, id[e]) + col);
            for (int j = 0; j < 4; j++)
                sum[j] = fmaf(value[e], widen(v.at[j]), sum[j]);
        }
    }
    for (int j = 0; j < 4; j++)
        if (col + j < w.in) {
            y.at[(size_t)t * y.ld + (size_t)(col + j)] = sum[j];
            if (!is_finite(sum[j]) && f.to->kind == FAULT_NONE)
                explain<T>(c, w, t, col + j, f);
        }
}
void gpu_decode(mat y, codes c, wmat w, const float *bias, faults f, stream *s)
{
    const unsigned columns = ((unsigned)w.in + 4 * DECODE_THREADS - 1) / (4 * DECODE_THREADS);
    for (int32_t first = 0; first < c.n_rows; first += 65535) {
        codes part = c;
        part.start += first, part.n_rows -= first;
        mat to = y;
        to.at += (size_t)first * y.ld;
        launch(OF_TYPE(decode_row, w.type),
               dim3(columns, (unsigned)(part.n_rows < 65535 ? part.n_rows : 65535)), DECODE_THREADS,
               0, s, to, part, w, bias, f);
    }
}

__global__ void get_codes(mat y, codes c, ints ids, faults f)
{
    EACH_ELEMENT(t, j, c.n_rows, ids.n)
    {
        const int32_t from = c.start[t], to = c.start[t + 1];
        float v = 0;
        if (from < 0 || to < from || to > c.capacity)
            report(f, FAULT_STARTS, t, from, to);
        else
            for (int32_t e = from; e < to; e++)
                v = c.ids[e] == ids.at[(size_t)j * ids.ld] ? c.vals[e] : v;
        y.at[(size_t)t * y.ld + (size_t)j] = v;
    }
}
void gpu_csr_get(mat y, codes c, ints ids, faults f, stream *s)
{
    over_elements(get_codes, c.n_rows, ids.n, s, y, c, ids, f);
}

/* A warp an element. */
template <class T>
__global__ void dots_of_rows(mat y, mat x, wmat w, ints ids, const float *bias, faults f)
{
    const int64_t at = ((int64_t)blockIdx.x * blockDim.x + threadIdx.x) / 32;
    if (at >= (int64_t)x.rows * ids.n)
        return;
    const int32_t t = (int32_t)(at / ids.n), j = (int32_t)(at % ids.n), lane = threadIdx.x % 32,
                  id = ids.at[(size_t)j * ids.ld];
    if (id < 0 || id >= w.out) {
        if (lane == 0)
            report(f, FAULT_ID, id, w.out, 0);
        return;
    }
    float sum = 0;
    for (int32_t i = lane; i < w.in; i += 32)
        sum = fmaf(x.at[(size_t)t * x.ld + (size_t)i], widen(weight_row<T>(w, id)[i]), sum);
    sum = warp_sum(sum);
    if (lane == 0)
        y.at[(size_t)t * y.ld + (size_t)j] = sum + (bias ? bias[id] : 0.0f);
}
void gpu_dot_rows(mat y, mat x, wmat w, ints ids, const float *bias, faults f, stream *s)
{
    const int64_t warps = (int64_t)x.rows * ids.n;
    if (warps > 0)
        launch(OF_TYPE(dots_of_rows, w.type), (unsigned)((warps + 7) / 8), 256, 0, s, y, x, w, ids,
               bias, f);
}

/* ---- at opening */
template <class T>
__global__ void transpose_tile(wmat to, const T *src, size_t ld, int32_t first, int32_t n,
                               const int32_t *map)
{
    SHARED(T, tile, 32 * 33);
    const int32_t x = (int32_t)threadIdx.x, o = (int32_t)blockIdx.x * 32,
                  c = (int32_t)blockIdx.y * 32;
    for (int32_t y = (int32_t)threadIdx.y; y < 32; y += (int32_t)blockDim.y)
        if (c + y < n && o + x < to.out)
            tile[y * 33 + x] = src[(size_t)(c + y) * ld + (size_t)(map ? map[o + x] : o + x)];
    __syncthreads();
    T *w = static_cast<T *>(const_cast<void *>(to.at));
    for (int32_t y = (int32_t)threadIdx.y; y < 32; y += (int32_t)blockDim.y)
        if (o + y < to.out && c + x < n)
            w[(size_t)(o + y) * to.ld + (size_t)(first + c + x)] = tile[x * 33 + y];
}
void gpu_transpose(wmat to, const void *src, size_t ld, int32_t first, int32_t n,
                   const int32_t *map, stream *s)
{
    const dim3 grid(((unsigned)to.out + 31) / 32, ((unsigned)n + 31) / 32), block(32, 8);
    if (dtype_size(to.type) == 2)
        launch(transpose_tile<uint16_t>, grid, block, 0, s, to, static_cast<const uint16_t *>(src),
               ld, first, n, map);
    else
        launch(transpose_tile<uint32_t>, grid, block, 0, s, to, static_cast<const uint32_t *>(src),
               ld, first, n, map);
}

template <class T> __global__ void find_not_finite(wmat w, uint64_t *where)
{
    EACH_ELEMENT(o, i, w.out, w.in)
    if (!is_finite(widen(weight_row<T>(w, o)[i])))
        atomicMin(reinterpret_cast<unsigned long long *>(where),
                  (unsigned long long)o * (unsigned long long)w.in + (unsigned long long)i);
}
void gpu_find_bad(wmat w, uint64_t *where, stream *s)
{
    over_elements(OF_TYPE(find_not_finite, w.type), w.out, w.in, s, w, where);
}

template <class To, class From>
__global__ void convert_elements(wmat to, wmat from, uint64_t *where)
{
    To *out = static_cast<To *>(const_cast<void *>(to.at));
    EACH_ELEMENT(o, i, to.out, (int32_t)to.ld)
    {
        const float v = i < from.in ? widen(weight_row<From>(from, o)[i]) : 0.0f;
        narrow(&out[(size_t)o * to.ld + (size_t)i], v);
        if (is_finite(v) && !is_finite(widen(out[(size_t)o * to.ld + (size_t)i])))
            atomicMin(reinterpret_cast<unsigned long long *>(where),
                      (unsigned long long)o * (unsigned long long)to.in + (unsigned long long)i);
    }
}
void gpu_convert(wmat to, wmat from, uint64_t *where, stream *s)
{
    over_elements(to.type == DTYPE_F16     ? from.type == DTYPE_F32 ? convert_elements<f16, float>
                                                                    : convert_elements<f16, bf16>
                      : from.type == DTYPE_F32 ? convert_elements<bf16, float>
                                           : convert_elements<bf16, f16>,
                  to.out, (int32_t)to.ld, s, to, from, where);
}

/* ---- products of few rows: a warp a row of W, T sums; x in shared memory, a part at a time */
enum { GEMV_PART = 1024, GEMV_WARPS = 8 };

__device__ __forceinline__ float finish(float v, int32_t o, const product_end &end, float was)
{
    v += end.bias ? end.bias[o] : 0.0f;
    switch (end.epilogue) {
    case EPILOGUE_NONE: break;
    case EPILOGUE_GELU: return activate(v, ACT_GELU);
    case EPILOGUE_GELU_TANH: return activate(v, ACT_GELU_TANH);
    case EPILOGUE_ADD: return was + v;
    case EPILOGUE_SILU_MUL: return activate(v, ACT_SILU) * was;
    case EPILOGUE_GELU_MUL: return activate(v, ACT_GELU) * was;
    case EPILOGUE_GELU_TANH_MUL: return activate(v, ACT_GELU_TANH) * was;
    }
    return v;
}
__device__ __forceinline__ bool reads_old(epilogue e)
{
    return e != EPILOGUE_NONE && e != EPILOGUE_GELU && e != EPILOGUE_GELU_TANH;
}

template <class T, int R> __global__ void few_rows(acts y, acts x, wmat w, product_end end)
{
    SHARED(float, part, R *GEMV_PART);
    const int32_t lane = threadIdx.x % 32,
                  o = (int32_t)(blockIdx.x * GEMV_WARPS + threadIdx.x / 32);
    float sum[R];
    for (int r = 0; r < R; r++)
        sum[r] = 0;
    for (int32_t from = 0; from < w.in; from += GEMV_PART) {
        __syncthreads();
        for (int32_t i = (int32_t)threadIdx.x; i < R * GEMV_PART; i += (int32_t)blockDim.x) {
            const int32_t r = i / GEMV_PART, c = from + i % GEMV_PART;
            part[i] = r < x.rows && c < w.in ? value_of(x, r, c) : 0.0f;
        }
        __syncthreads();
        const int32_t left = w.in - from < GEMV_PART ? w.in - from : GEMV_PART;
        for (int32_t c = 4 * lane; c < left && o < w.out; c += 128) {
            const four<T> v = load4(weight_row<T>(w, o) + from + c);
#pragma unroll
            for (int r = 0; r < R; r++) {
                const four<float> u = load4(part + r * GEMV_PART + c);
                for (int j = 0; j < 4; j++)
                    sum[r] = fmaf(widen(v.at[j]), u.at[j], sum[r]);
            }
        }
    }
#pragma unroll
    for (int r = 0; r < R; r++) {
        const float v = warp_sum(sum[r]);
        if (lane == 0 && r < x.rows && o < w.out)
            set_value(y, r, o,
                      finish(v, o, end, reads_old(end.epilogue) ? value_of(y, r, o) : 0.0f));
    }
}
void gpu_gemv(acts y, acts x, wmat w, product_end end, stream *s)
{
    const unsigned grid = ((unsigned)w.out + GEMV_WARPS - 1) / GEMV_WARPS;
#define OF_ROWS(T)                                                                                 \
    (x.rows > 4   ? few_rows<T, 8>                                                                 \
     : x.rows > 2 ? few_rows<T, 4>                                                                 \
     : x.rows > 1 ? few_rows<T, 2>                                                                 \
                  : few_rows<T, 1>)
    launch(w.type == DTYPE_F16    ? OF_ROWS(f16)
           : w.type == DTYPE_BF16 ? OF_ROWS(bf16)
                                  : OF_ROWS(float),
           grid, 32 * GEMV_WARPS, 0, s, y, x, w, end);
}

/* ---- floats as sums of 16-bit ones (Ootomo, Yokota 2022: an F16 and the rest as another, larger
 * by 2¹¹) */
__global__ void split_f16(f16 *parts, size_t ld, float *scale, mat x)
{
    SHARED(float, most, 32);
    const int32_t t = (int32_t)blockIdx.x;
    const float *row = x.at + (size_t)t * x.ld;
    float size = 0;
    for (int32_t i = (int32_t)threadIdx.x; i < x.cols; i += (int32_t)blockDim.x)
        size = fmaxf(size, fabsf(row[i]));
    size = block_max(size, most);
    /* The row's largest comes to [1, 2); of a row of zeros, or not of numbers, nothing changes. */
    const int e = is_finite(size) ? exponent_of(size) : 0;
    const float down = power_of_two(-e);
    if (threadIdx.x == 0)
        scale[t] = power_of_two(e);
    f16 *high = parts + (size_t)t * ld, *low = high + (size_t)x.rows * ld;
    for (int32_t i = (int32_t)threadIdx.x; i < (int32_t)ld; i += (int32_t)blockDim.x) {
        const float v = i < x.cols ? row[i] * down : 0.0f;
        narrow(&high[i], v);
        narrow(&low[i], is_finite(v) ? (v - widen(high[i])) * 2048.0f : 0.0f);
    }
}
__global__ void split_bf16(bf16 *parts, size_t ld, mat x)
{
    const int32_t t = (int32_t)blockIdx.x;
    bf16 *at = parts + (size_t)t * ld;
    const size_t step = (size_t)x.rows * ld;
    for (int32_t i = (int32_t)threadIdx.x; i < (int32_t)ld; i += (int32_t)blockDim.x) {
        float v = i < x.cols ? x.at[(size_t)t * x.ld + (size_t)i] : 0.0f;
        for (int p = 0; p < 3; p++) {
            narrow(&at[(size_t)p * step + (size_t)i], v);
            v = is_finite(v) ? v - widen(at[(size_t)p * step + (size_t)i]) : 0.0f;
        }
    }
}
void gpu_split(void *parts, size_t ld, float *scale, dtype type, mat x, stream *s)
{
    if (type == DTYPE_F16)
        launch(split_f16, (unsigned)x.rows, 256, 0, s, static_cast<f16 *>(parts), ld, scale, x);
    else
        launch(split_bf16, (unsigned)x.rows, 256, 0, s, static_cast<bf16 *>(parts), ld, x);
}

__global__ void join_parts(acts y, const float *parts, const float *scale, dtype type,
                           product_end end)
{
    const size_t step = (size_t)y.rows * (size_t)y.cols;
    EACH_ELEMENT(t, o, y.rows, y.cols)
    {
        const float *p = parts + (size_t)t * (size_t)y.cols + (size_t)o;
        const float v = type == DTYPE_F16    ? fmaf(p[step], 1.0f / 2048.0f, p[0]) * scale[t]
                        : type == DTYPE_BF16 ? p[2 * step] + p[step] + p[0]
                                             : p[0];
        set_value(y, t, o, finish(v, o, end, reads_old(end.epilogue) ? value_of(y, t, o) : 0.0f));
    }
}
void gpu_join(acts y, const float *parts, const float *scale, dtype type, product_end end,
              stream *s)
{
    over_elements(join_parts, y.rows, y.cols, s, y, parts, scale, type, end);
}

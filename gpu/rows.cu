/* Operations that go row by row. */
#include "gpu/launch.cuh"

/* ---- norms: a block a row, which stays in registers up to IN_REGISTERS values a thread */
enum { IN_REGISTERS = 16 };

template <class T, bool held>
__global__ void __launch_bounds__(512) norm_row(acts y, mat x, norm_kernel k, faults f)
{
    SHARED(float, part, 32);
    const int32_t n = x.cols, step = (int32_t)blockDim.x, t = (int32_t)blockIdx.x;
    const float *in = x.at + (size_t)t * x.ld;
    T *out = static_cast<T *>(y.at) + (size_t)t * y.ld;
    float v[IN_REGISTERS], sum = 0;
    unsigned over = 0;
    if (held) {
#pragma unroll
        for (int j = 0; j < IN_REGISTERS; j++) {
            const int32_t i = (int32_t)threadIdx.x + j * step;
            v[j] = i < n ? in[i] : 0.0f;
            sum += v[j];
        }
    } else {
        for (int32_t i = (int32_t)threadIdx.x; i < n; i += step)
            sum += in[i];
    }
    const float mean = k.centre ? block_sum(sum, part) / (float)n : 0.0f;
    sum = 0;
    if (held) {
#pragma unroll
        for (int j = 0; j < IN_REGISTERS; j++) {
            v[j] -= mean;
            if ((int32_t)threadIdx.x + j * step < n)
                sum += v[j] * v[j];
        }
    } else {
        for (int32_t i = (int32_t)threadIdx.x; i < n; i += step)
            sum += (in[i] - mean) * (in[i] - mean);
    }
    sum = block_sum(sum, part);
    if (!is_finite(sum) && threadIdx.x == 0)
        report(f, FAULT_NORM, t, 0, 0);
    const float s = k.scale_in ? k.scale_in[(size_t)t * k.ld_scale_in]
                    : k.sample ? 1.0f / (sqrtf(n > 1 ? sum / (float)(n - 1) : 0.0f) + k.eps)
                    : k.scale  ? 1.0f / sqrtf(sum / (float)n + k.eps)
                               : 1.0f;
    if (k.scale_out && threadIdx.x == 0)
        k.scale_out[(size_t)t * k.ld_scale_out] = s;
#pragma unroll
    for (int j = 0; j < (held ? IN_REGISTERS : 1); j++)
        for (int32_t i = (int32_t)threadIdx.x + j * step; i < n; i += held ? n : step) {
            const float u = (held ? v[j] : in[i] - mean) * s;
            over += store(&out[i], (k.gamma ? k.gamma[i] : 1.0f) * u + (k.beta ? k.beta[i] : 0.0f));
        }
    if (over > 0)
        atomicAdd(y.saturated, over);
}

template <class T> static void norm_as(acts y, mat x, const norm_kernel *k, faults f, stream *s)
{
    const int32_t wanted = (x.cols + IN_REGISTERS - 1) / IN_REGISTERS;
    const unsigned threads = wanted > 512 ? 512 : ((unsigned)wanted + 31) / 32 * 32;
    launch(wanted > 512 ? norm_row<T, false> : norm_row<T, true>, (unsigned)x.rows, threads, 0, s,
           y, x, *k, f);
}
void gpu_norm(acts y, mat x, const norm_kernel *k, faults f, stream *s)
{
    if (x.rows > 0 && x.cols > 0)
        OF_TYPE(norm_as, y.type)(y, x, k, f, s);
}

/* ---- element by element: blocks over columns and rows */
__global__ void act_elements(acts y, mat x, acts mul, activation f)
{
    EACH_ELEMENT(t, i, x.rows, x.cols)
    {
        const float v = activate(x.at[(size_t)t * x.ld + (size_t)i], f);
        set_value(y, t, i, mul.at ? v * value_of(mul, t, i) : v);
    }
}
void gpu_act(acts y, mat x, acts mul, activation f, stream *s)
{
    over_elements(act_elements, x.rows, x.cols, s, y, x, mul, f);
}

__global__ void unscale_elements(mat y, mat scale, float eps)
{
    EACH_ELEMENT(t, i, y.rows, y.cols)
    y.at[(size_t)t * y.ld + (size_t)i] *= 1.0f / scale.at[(size_t)t * scale.ld] - eps;
}
void gpu_rows_unscale(mat y, mat scale, float eps, stream *s)
{
    over_elements(unscale_elements, y.rows, y.cols, s, y, scale, eps);
}

__global__ void round_elements(acts y, acts x)
{
    EACH_ELEMENT(t, i, y.rows, y.cols)
    set_value(y, t, i, value_of(x, t, i));
}
void gpu_round(acts y, acts x, stream *s)
{
    over_elements(round_elements, y.rows, y.cols, s, y, x);
}

__global__ void add_elements(mat y, mat x, float a)
{
    EACH_ELEMENT(t, i, y.rows, y.cols)
    y.at[(size_t)t * y.ld + (size_t)i] +=
        a * x.at[(x.rows == 1 ? 0 : (size_t)t * x.ld) + (size_t)i];
}
void gpu_add(mat y, mat x, float a, stream *s)
{
    over_elements(add_elements, y.rows, y.cols, s, y, x, a);
}

__global__ void add_outer_elements(mat y, mat c, mat u)
{
    EACH_ELEMENT(t, i, y.rows, y.cols)
    {
        float sum = y.at[(size_t)t * y.ld + (size_t)i];
        for (int32_t j = 0; j < c.cols; j++)
            sum = fmaf(c.at[(size_t)t * c.ld + (size_t)j], u.at[(size_t)j * u.ld + (size_t)i], sum);
        y.at[(size_t)t * y.ld + (size_t)i] = sum;
    }
}
void gpu_add_outer(mat y, mat c, mat u, stream *s)
{
    over_elements(add_outer_elements, y.rows, y.cols, s, y, c, u);
}

__global__ void unit_change_elements(mat c, mat f, const float *value, const int32_t *mode)
{
    EACH_ELEMENT(t, j, f.rows, f.cols)
    {
        const float was = f.at[(size_t)t * f.ld + (size_t)j], v = value[j];
        c.at[(size_t)t * c.ld + (size_t)j] = mode[j] == UNIT_FIX     ? v - was
                                             : mode[j] == UNIT_SCALE ? (v - 1.0f) * was
                                             : mode[j] == UNIT_ADD   ? v
                                                                     : -was;
    }
}
void gpu_unit_change(mat c, mat f, const float *value, const int32_t *mode, stream *s)
{
    over_elements(unit_change_elements, f.rows, f.cols, s, c, f, value, mode);
}

/* ---- moving rows and columns */
template <class T> __device__ T *row_of(void *p, size_t ld, int32_t row)
{
    return static_cast<T *>(p) + (size_t)row * ld;
}
template <class T> __device__ const T *row_of(const void *p, size_t ld, int32_t row)
{
    return static_cast<const T *>(p) + (size_t)row * ld;
}
__device__ bool row_in(int32_t row, int32_t of, faults f)
{
    if (row >= 0 && row < of)
        return true;
    if (threadIdx.x == 0)
        report(f, FAULT_ID, row, of, 0);
    return false;
}

template <class T> __global__ void copy_elements(move m)
{
    EACH_ELEMENT(t, i, m.y_rows, m.cols)
    row_of<T>(m.y, m.ldy, t)[i] = row_of<T>(m.x, m.ldx, t)[i];
}
template <class T> __global__ void get_rows(move m, ints rows, faults f)
{
    for (int32_t i = (int32_t)blockIdx.x; i < rows.n; i += (int32_t)gridDim.x) {
        const int32_t from = rows.at[(size_t)i * rows.ld];
        if (!row_in(from, m.x_rows, f))
            continue;
        for (int32_t c = (int32_t)threadIdx.x; c < m.cols; c += (int32_t)blockDim.x)
            row_of<T>(m.y, m.ldy, i)[c] = row_of<T>(m.x, m.ldx, from)[c];
    }
}
/* A row that is named twice: the last one stays, so the earlier ones write nothing. */
template <class T> __global__ void set_rows(move m, ints rows, faults f)
{
    const int32_t i = (int32_t)blockIdx.x, to = rows.at[(size_t)i * rows.ld];
    bool last = row_in(to, m.y_rows, f);
    for (int32_t j = i + 1; j < rows.n && last; j++)
        last = rows.at[(size_t)j * rows.ld] != to;
    for (int32_t c = (int32_t)threadIdx.x; c < m.cols && last; c += (int32_t)blockDim.x)
        row_of<T>(m.y, m.ldy, to)[c] = row_of<T>(m.x, m.ldx, i)[c];
}
/* The first that names a row adds all that do, in order. */
__global__ void add_rows(mat y, mat x, ints rows, faults f)
{
    const int32_t i = (int32_t)blockIdx.x, to = rows.at[(size_t)i * rows.ld];
    bool first = row_in(to, y.rows, f);
    for (int32_t j = 0; j < i && first; j++)
        first = rows.at[(size_t)j * rows.ld] != to;
    for (int32_t j = i; j < rows.n && first; j++)
        if (rows.at[(size_t)j * rows.ld] == to)
            for (int32_t c = (int32_t)threadIdx.x; c < x.cols; c += (int32_t)blockDim.x)
                y.at[(size_t)to * y.ld + (size_t)c] += x.at[(size_t)j * x.ld + (size_t)c];
}
__global__ void get_cols(mat y, mat x, ints cols, faults f)
{
    EACH_ELEMENT(t, j, y.rows, cols.n)
    {
        const int32_t from = cols.at[(size_t)j * cols.ld];
        if (from >= 0 && from < x.cols)
            y.at[(size_t)t * y.ld + (size_t)j] = x.at[(size_t)t * x.ld + (size_t)from];
        else
            report(f, FAULT_ID, from, x.cols, 0);
    }
}

#define OF_SIZE(kernel, size)                                                                      \
    ((size) == 2 ? kernel<uint16_t> : (size) == 8 ? kernel<uint64_t> : kernel<uint32_t>)
enum { ROW_THREADS = 256 };
void gpu_copy(const move *m, stream *s)
{
    over_elements(OF_SIZE(copy_elements, m->size), m->y_rows, m->cols, s, *m);
}
void gpu_rows_get(const move *m, ints rows, faults f, stream *s)
{
    if (rows.n > 0)
        launch(OF_SIZE(get_rows, m->size), (unsigned)rows.n, ROW_THREADS, 0, s, *m, rows, f);
}
void gpu_rows_set(const move *m, ints rows, faults f, stream *s)
{
    if (rows.n > 0)
        launch(OF_SIZE(set_rows, m->size), (unsigned)rows.n, ROW_THREADS, 0, s, *m, rows, f);
}
void gpu_rows_add(mat y, mat x, ints rows, faults f, stream *s)
{
    if (rows.n > 0)
        launch(add_rows, (unsigned)rows.n, ROW_THREADS, 0, s, y, x, rows, f);
}
void gpu_cols_get(mat y, mat x, ints cols, faults f, stream *s)
{
    over_elements(get_cols, y.rows, cols.n, s, y, x, cols, f);
}

/* ---- sums, in double */
__device__ __forceinline__ double real_at(const reals &x, int32_t t, int32_t i)
{
    const size_t at = (size_t)t * x.ld + (size_t)i;
    return x.wide ? static_cast<const double *>(x.at)[at]
                  : (double)static_cast<const float *>(x.at)[at];
}

__global__ void stats_of_rows(double *stats, size_t ld, reals x, reals z)
{
    SHARED(double, part, 32);
    const int32_t t = (int32_t)blockIdx.x;
    double size = 0, rest = 0;
    for (int32_t i = (int32_t)threadIdx.x; i < x.cols; i += (int32_t)blockDim.x) {
        const double v = real_at(x, t, i), d = z.at ? v - real_at(z, t, i) : 0;
        size += v * v, rest += d * d;
    }
    size = block_sum(size, part);
    rest = block_sum(rest, part);
    if (threadIdx.x == 0)
        stats[(size_t)t * ld] = size, stats[(size_t)t * ld + 1] = rest;
}
void gpu_row_stats(double *stats, size_t ld, reals x, reals z, stream *s)
{
    if (x.rows > 0)
        launch(stats_of_rows, (unsigned)x.rows, ROW_THREADS, 0, s, stats, ld, x, z);
}

__global__ void sums_of_cols(double *sums, reals x, double a)
{
    const int32_t i = (int32_t)(blockIdx.x * blockDim.x + threadIdx.x);
    if (i >= x.cols)
        return;
    double sum = 0;
    for (int32_t t = 0; t < x.rows; t++)
        sum += real_at(x, t, i);
    sums[i] += a * sum;
}
void gpu_col_sums(double *sums, reals x, double a, stream *s)
{
    if (x.cols > 0)
        launch(sums_of_cols, ((unsigned)x.cols + 31) / 32, 32, 0, s, sums, x, a);
}

/* Row by row: epilogues, LayerNorm, activations, softmax sums, selection, gathered rows. Part of
 * kernel_all.h. */

ALWAYS void epilogue_as(const enum epilogue e, float *y, const float *c, const float *bias,
                        int32_t n)
{
    for (int32_t j = 0; j < n; j += LANES) {
        bool whole = n - j >= LANES;
        vf v = whole ? load(c + j) : load_tail(c + j, n - j, 0.0f);
        if (bias)
            v += whole ? load(bias + j) : load_tail(bias + j, n - j, 0.0f);
        if (e == EPILOGUE_GELU)
            v = vgelu(v);
        if (e == EPILOGUE_ADD)
            v += whole ? load(y + j) : load_tail(y + j, n - j, 0.0f);
        if (whole)
            store(y + j, v);
        else
            store_tail(y + j, v, n - j);
    }
}

TARGET static void epilogue(float *y, const float *c, const float *bias, int32_t n, enum epilogue e)
{
    if (e == EPILOGUE_GELU)
        epilogue_as(EPILOGUE_GELU, y, c, bias, n);
    else if (e == EPILOGUE_ADD)
        epilogue_as(EPILOGUE_ADD, y, c, bias, n);
    else
        epilogue_as(EPILOGUE_NONE, y, c, bias, n);
}

TARGET static void exp_sum(const float *x, int32_t n, float *max, float *sum)
{
    vf top = splat(-INFINITY), total = splat(0.0f);
    int32_t whole = n - n % LANES;
    for (int32_t j = 0; j < whole; j += LANES)
        top = vmax(load(x + j), top);
    if (whole < n)
        top = vmax(load_tail(x + whole, n - whole, -INFINITY), top);
    vf m = splat(max_lanes(top));
    for (int32_t j = 0; j < whole; j += LANES)
        total += vexp(load(x + j) - m);
    if (whole < n)
        total += vexp(load_tail(x + whole, n - whole, -INFINITY) - m);
    *max = m[0];
    *sum = sum_lanes(total);
}

TARGET static int32_t above(const float *x, int32_t from, int32_t to, float limit, int32_t *at,
                            int32_t room, int32_t *next)
{
    int32_t n = 0, i = from;
    vf l = splat(limit);
    for (; i + LANES <= to && n + LANES <= room; i += LANES)
        for (unsigned m = above_mask(load(x + i), l); m; m &= m - 1)
            at[n++] = i + __builtin_ctz(m);
    for (; i < to && n < room && (to - i < LANES || room - n < LANES); i++)
        if (x[i] > limit)
            at[n++] = i;
    *next = i;
    return n;
}

TARGET static void group_max(const float *x, int32_t m, float *at, int32_t n)
{
    for (int32_t j = 0; j < n; j += LANES) {
        vf top = splat(-INFINITY);
        for (int32_t i = j; i + n - j <= m; i += n)
            top = vmax(load(x + i), top);
        store(at + j, top);
    }
}

/* 0 times what is not finite is a NaN, which stays. */
ALWAYS bool finite_as(const enum dtype type, const char *p, size_t n)
{
    const size_t size = dtype_size(type);
    vf s = splat(0.0f);
    size_t j = 0;
    for (; j + LANES <= n; j += LANES)
        s = fma_(load_as(type, p + j * size), splat(0.0f), s);
    if (j < n)
        s = fma_(load_as_tail(type, p + j * size, (int32_t)(n - j)), splat(0.0f), s);
    return !isnan(sum_lanes(s));
}

TARGET static bool all_finite(const void *x, enum dtype type, size_t n)
{
    return type == DTYPE_F32   ? finite_as(DTYPE_F32, x, n)
           : type == DTYPE_F16 ? finite_as(DTYPE_F16, x, n)
                               : finite_as(DTYPE_BF16, x, n);
}

TARGET static bool norm(float *y, const float *x, const float *gamma, const float *beta, int32_t n,
                        float eps)
{
    int32_t whole = n - n % LANES, tail = n - whole;
    vf s = splat(0.0f);
    for (int32_t j = 0; j < whole; j += LANES)
        s += load(x + j);
    if (tail)
        s += load_tail(x + whole, tail, 0.0f);
    float mean = sum_lanes(s) / (float)n;
    s = splat(0.0f);
    for (int32_t j = 0; j < whole; j += LANES) {
        vf d = load(x + j) - mean;
        s = fma_(d, d, s);
    }
    if (tail) {
        vf d = load_tail(x + whole, tail, mean) - mean;
        s = fma_(d, d, s);
    }
    float var = sum_lanes(s) / (float)n, inv = 1.0f / sqrtf(var + eps);
    for (int32_t j = 0; j < whole; j += LANES)
        store(y + j, fma_((load(x + j) - mean) * inv, load(gamma + j), load(beta + j)));
    if (tail)
        store_tail(y + whole,
                   fma_((load_tail(x + whole, tail, mean) - mean) * inv,
                        load_tail(gamma + whole, tail, 0.0f), load_tail(beta + whole, tail, 0.0f)),
                   tail);
    return isfinite(var);
}

ALWAYS void act_as(const enum activation f, float *y, const float *x, int32_t n)
{
    int32_t j = 0;
    for (; j + LANES <= n; j += LANES)
        store(y + j, vact(load(x + j), f));
    if (j < n)
        store_tail(y + j, vact(load_tail(x + j, n - j, 0.0f), f), n - j);
}

TARGET static void act(float *y, const float *x, int32_t n, enum activation f)
{
    if (f == ACT_GELU)
        act_as(ACT_GELU, y, x, n);
    else if (f == ACT_GELU_TANH)
        act_as(ACT_GELU_TANH, y, x, n);
    else
        act_as(ACT_RELU, y, x, n);
}

TARGET static void add(float *y, const float *x, float a, int32_t n)
{
    int32_t j = 0;
    for (; j + LANES <= n; j += LANES)
        store(y + j, fma_(splat(a), load(x + j), load(y + j)));
    if (j < n)
        store_tail(y + j,
                   fma_(splat(a), load_tail(x + j, n - j, 0.0f), load_tail(y + j, n - j, 0.0f)),
                   n - j);
}

TARGET static void widen(float *y, const void *x, enum dtype type, int32_t n)
{
    const char *p = x;
    int32_t j = 0;
    for (; j + LANES <= n; j += LANES)
        store(y + j, load_as(type, p + (size_t)j * dtype_size(type)));
    if (j < n)
        store_tail(y + j, load_as_tail(type, p + (size_t)j * dtype_size(type), n - j), n - j);
}

#define GATHER_VECTORS 8

ALWAYS void gather_as(const enum dtype type, float *y, const float *bias, const char *w,
                      const int32_t *ids, const float *vals, int32_t k, int32_t n)
{
    const size_t size = dtype_size(type), row = (size_t)n * size;
    int32_t j = 0;
    for (; j + GATHER_VECTORS * LANES <= n; j += GATHER_VECTORS * LANES) {
        vf acc[GATHER_VECTORS];
        UNROLL for (int v = 0; v < GATHER_VECTORS; v++) acc[v] =
            bias ? load(bias + j + v * LANES) : splat(0.0f);
        for (int32_t i = 0; i < k; i++) {
            const char *p = w + (size_t)ids[i] * row + (size_t)j * size;
            UNROLL for (int v = 0; v < GATHER_VECTORS; v++) acc[v] =
                fma_(splat(vals[i]), load_as(type, p + (size_t)(v * LANES) * size), acc[v]);
        }
        UNROLL for (int v = 0; v < GATHER_VECTORS; v++) store(y + j + v * LANES, acc[v]);
    }
    for (; j < n; j += LANES) {
        int32_t m = n - j < LANES ? n - j : LANES;
        vf acc = bias ? load_tail(bias + j, m, 0.0f) : splat(0.0f);
        for (int32_t i = 0; i < k; i++)
            acc = fma_(splat(vals[i]),
                       load_as_tail(type, w + (size_t)ids[i] * row + (size_t)j * size, m), acc);
        store_tail(y + j, acc, m);
    }
}

TARGET static void gather_sum(float *y, const float *bias, const void *w, enum dtype type,
                              const int32_t *ids, const float *vals, int32_t k, int32_t n)
{
    if (type == DTYPE_F32)
        gather_as(DTYPE_F32, y, bias, w, ids, vals, k, n);
    else if (type == DTYPE_F16)
        gather_as(DTYPE_F16, y, bias, w, ids, vals, k, n);
    else
        gather_as(DTYPE_BF16, y, bias, w, ids, vals, k, n);
}

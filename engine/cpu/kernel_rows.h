/* Row by row: epilogues, LayerNorm, activations, softmax sums, selection, gathered rows. Part of
 * kernel_all.h. */

ALWAYS vf end_of_product(const enum epilogue e, vf v, vf y)
{
    return e == EPILOGUE_ADD             ? v + y
           : e == EPILOGUE_GELU          ? vgelu(v)
           : e == EPILOGUE_GELU_TANH     ? vgelu_tanh(v)
           : e == EPILOGUE_SILU_MUL      ? vact(v, ACT_SILU) * y
           : e == EPILOGUE_GELU_MUL      ? vgelu(v) * y
           : e == EPILOGUE_GELU_TANH_MUL ? vgelu_tanh(v) * y
                                         : v;
}

ALWAYS void epilogue_as(const enum epilogue e, float *y, const float *c, const float *bias,
                        int32_t n)
{
    const bool onto = e != EPILOGUE_NONE && e != EPILOGUE_GELU && e != EPILOGUE_GELU_TANH;
    for (int32_t j = 0; j < n; j += LANES) {
        bool whole = n - j >= LANES;
        vf v = whole ? load(c + j) : load_tail(c + j, n - j, 0.0f);
        if (bias)
            v += whole ? load(bias + j) : load_tail(bias + j, n - j, 0.0f);
        v = end_of_product(e, v,
                           !onto   ? splat(0.0f)
                           : whole ? load(y + j)
                                   : load_tail(y + j, n - j, 0.0f));
        if (whole)
            store(y + j, v);
        else
            store_tail(y + j, v, n - j);
    }
}

TARGET static void epilogue(float *y, const float *c, const float *bias, int32_t n, enum epilogue e)
{
    switch (e) {
    case EPILOGUE_NONE: epilogue_as(EPILOGUE_NONE, y, c, bias, n); break;
    case EPILOGUE_GELU: epilogue_as(EPILOGUE_GELU, y, c, bias, n); break;
    case EPILOGUE_GELU_TANH: epilogue_as(EPILOGUE_GELU_TANH, y, c, bias, n); break;
    case EPILOGUE_ADD: epilogue_as(EPILOGUE_ADD, y, c, bias, n); break;
    case EPILOGUE_SILU_MUL: epilogue_as(EPILOGUE_SILU_MUL, y, c, bias, n); break;
    case EPILOGUE_GELU_MUL: epilogue_as(EPILOGUE_GELU_MUL, y, c, bias, n); break;
    case EPILOGUE_GELU_TANH_MUL: epilogue_as(EPILOGUE_GELU_TANH_MUL, y, c, bias, n); break;
    }
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

/* LANES of a row from column j on, or its last `tail` columns; `otherwise` where there are none. */
ALWAYS vf row_part(const float *p, int32_t j, int32_t tail, float otherwise)
{
    return !p ? splat(otherwise) : tail == 0 ? load(p + j) : load_tail(p + j, tail, otherwise);
}

ALWAYS vf norm_part(const struct norm_row *r, const float *x, int32_t j, int32_t tail, float mean,
                    float inv)
{
    return fma_((row_part(x, j, tail, mean) - mean) * inv, row_part(r->gamma, j, tail, 1.0f),
                row_part(r->beta, j, tail, 0.0f));
}

/* Sums and their order are the same for all kinds; those that don't centre subtract a mean of 0. */
ALWAYS bool norm_as(const bool centred, float *y, const float *x, const struct norm_row *r,
                    const float *frozen, float *scale)
{
    const int32_t n = r->n, tail = n % LANES, whole = n - tail;
    float mean = 0.0f;
    vf s = splat(0.0f);
    for (int32_t j = 0; centred && j < whole; j += LANES)
        s += load(x + j);
    if (centred && tail)
        s += load_tail(x + whole, tail, 0.0f);
    if (centred)
        mean = sum_lanes(s) / (float)n;
    s = splat(0.0f);
    for (int32_t j = 0; j < whole; j += LANES) {
        vf d = load(x + j) - mean;
        s = fma_(d, d, s);
    }
    if (tail) {
        vf d = load_tail(x + whole, tail, mean) - mean;
        s = fma_(d, d, s);
    }
    float var = sum_lanes(s) / (float)n;
    float inv = frozen                   ? *frozen
                : r->kind == NORM_CENTRE ? 1.0f
                : r->kind == NORM_SAMPLE
                    ? 1.0f / (sqrtf(n > 1 ? var * (float)n / (float)(n - 1) : 0.0f) + r->eps)
                    : 1.0f / sqrtf(var + r->eps);
    if (r->gamma && r->beta)
        for (int32_t j = 0; j < whole; j += LANES)
            store(y + j, fma_((load(x + j) - mean) * inv, load(r->gamma + j), load(r->beta + j)));
    else
        for (int32_t j = 0; j < whole; j += LANES)
            store(y + j, norm_part(r, x, j, 0, mean, inv));
    if (tail)
        store_tail(y + whole, norm_part(r, x, whole, tail, mean, inv), tail);
    if (scale)
        *scale = inv;
    return isfinite(var) && isfinite(inv);
}

TARGET static bool norm(float *y, const float *x, const struct norm_row *r, const float *frozen,
                        float *scale)
{
    return r->kind == NORM_RMS ? norm_as(false, y, x, r, frozen, scale)
                               : norm_as(true, y, x, r, frozen, scale);
}

ALWAYS void act_as(const enum activation f, float *y, const float *x, const float *mul, int32_t n)
{
    const int32_t tail = n % LANES, whole = n - tail;
    if (mul)
        for (int32_t j = 0; j < whole; j += LANES)
            store(y + j, vact(load(x + j), f) * load(mul + j));
    else
        for (int32_t j = 0; j < whole; j += LANES)
            store(y + j, vact(load(x + j), f));
    if (tail)
        store_tail(y + whole,
                   vact(load_tail(x + whole, tail, 0.0f), f) *
                       (mul ? load_tail(mul + whole, tail, 0.0f) : splat(1.0f)),
                   tail);
}

TARGET static void act(float *y, const float *x, const float *mul, int32_t n, enum activation f)
{
    switch (f) {
    case ACT_GELU: act_as(ACT_GELU, y, x, mul, n); break;
    case ACT_GELU_TANH: act_as(ACT_GELU_TANH, y, x, mul, n); break;
    case ACT_RELU: act_as(ACT_RELU, y, x, mul, n); break;
    case ACT_SILU: act_as(ACT_SILU, y, x, mul, n); break;
    }
}

TARGET static void soft_cap(float *x, int32_t n, float cap)
{
    int32_t j = 0;
    for (; j + LANES <= n; j += LANES)
        store(x + j, cap * vtanh(load(x + j) / cap));
    if (j < n)
        store_tail(x + j, cap * vtanh(load_tail(x + j, n - j, 0.0f) / cap), n - j);
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

TARGET static void times(float *y, float a, int32_t n)
{
    int32_t j = 0;
    for (; j + LANES <= n; j += LANES)
        store(y + j, a * load(y + j));
    if (j < n)
        store_tail(y + j, a * load_tail(y + j, n - j, 0.0f), n - j);
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

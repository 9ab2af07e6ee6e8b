/* Vectors of LANES floats and the few operations that differ between instruction sets. Part of
 * kernel_all.h: included once for each set, after LANES, TARGET and SIMD_… are defined. */
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define ALWAYS static inline __attribute__((always_inline)) TARGET
#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

typedef float vf __attribute__((vector_size(4 * LANES)));
typedef int32_t vi __attribute__((vector_size(4 * LANES)));
typedef uint32_t vu __attribute__((vector_size(4 * LANES)));
typedef uint16_t vh __attribute__((vector_size(2 * LANES)));

ALWAYS vf load(const float *p)
{
    vf v;
    memcpy(&v, p, sizeof v);
    return v;
}
ALWAYS void store(float *p, vf v)
{
    memcpy(p, &v, sizeof v);
}
ALWAYS vf pick(vi mask, vf yes, vf no)
{
    return (vf)((mask & (vi)yes) | (~mask & (vi)no));
}
ALWAYS vf vabs(vf x)
{
    return (vf)((vi)x & INT32_MAX);
}

ALWAYS vi widen_half(const void *p)
{
    vh h;
    memcpy(&h, p, sizeof h);
    return __builtin_convertvector(h, vi);
}
ALWAYS vf load_bf16(const void *p)
{
    return (vf)(widen_half(p) << 16);
}

/* Exponent and mantissa moved into place are the value times 2^-112, subnormals too; infinities and
 * NaNs need their exponent back. */
ALWAYS vf half_bits(vi h)
{
    vi rest = h & 0x7fff;
    vf scaled = (vf)(rest << 13) * 0x1p112f;
    return (vf)((vi)scaled | ((rest >= 0x7c00) & 0x7f800000) | ((h & 0x8000) << 16));
}

#if defined(SIMD_AVX512)
ALWAYS vf splat(float x)
{
    return (vf)_mm512_set1_ps(x);
}
ALWAYS vf fma_(vf a, vf b, vf c)
{
    return (vf)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
}
ALWAYS vf vmax(vf a, vf b)
{
    return (vf)_mm512_max_ps((__m512)a, (__m512)b);
}
ALWAYS vf vmin(vf a, vf b)
{
    return (vf)_mm512_min_ps((__m512)a, (__m512)b);
}
ALWAYS unsigned above_mask(vf a, vf b)
{
    return _mm512_cmp_ps_mask((__m512)a, (__m512)b, _CMP_GT_OQ);
}
ALWAYS vf load_f16(const void *p)
{
    return (vf)_mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p));
}
#elif defined(SIMD_AVX2)
ALWAYS vf splat(float x)
{
    return (vf)_mm256_set1_ps(x);
}
ALWAYS vf fma_(vf a, vf b, vf c)
{
    return (vf)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
}
ALWAYS vf vmax(vf a, vf b)
{
    return (vf)_mm256_max_ps((__m256)a, (__m256)b);
}
ALWAYS vf vmin(vf a, vf b)
{
    return (vf)_mm256_min_ps((__m256)a, (__m256)b);
}
ALWAYS unsigned above_mask(vf a, vf b)
{
    return (unsigned)_mm256_movemask_ps(_mm256_cmp_ps((__m256)a, (__m256)b, _CMP_GT_OQ));
}
ALWAYS vf load_f16(const void *p)
{
    return (vf)_mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p));
}
#else
ALWAYS vf splat(float x)
{
    return (vf){x, x, x, x};
}
ALWAYS vf fma_(vf a, vf b, vf c)
{
    return a * b + c;
}
ALWAYS vf vmax(vf a, vf b)
{
    return pick(a > b, a, b);
}
ALWAYS vf vmin(vf a, vf b)
{
    return pick(a < b, a, b);
}
ALWAYS unsigned above_mask(vf a, vf b)
{
    vi m = a > b;
    unsigned bits = 0;
    for (int i = 0; i < LANES; i++)
        bits |= (unsigned)(m[i] & 1) << i;
    return bits;
}
ALWAYS vf load_f16(const void *p)
{
    return half_bits(widen_half(p));
}
#endif

/* Σ of each pair's products, added to c. */
ALWAYS vf dots(vf a, vf b, vf c)
{
#if defined(SIMD_DOTS)
    return (vf)_mm512_dpbf16_ps((__m512)c, (__m512bh)a, (__m512bh)b);
#else
    (void)a, (void)b;
    return c;
#endif
}

ALWAYS vf load_as(enum dtype type, const char *p)
{
    return type == DTYPE_F32   ? load((const float *)(const void *)p)
           : type == DTYPE_F16 ? load_f16(p)
                               : load_bf16(p);
}

/* The last n < LANES elements: the lanes beyond are `fill`. */
ALWAYS vf load_tail(const float *p, int32_t n, float fill)
{
    float t[LANES];
    for (int i = 0; i < LANES; i++)
        t[i] = i < n ? p[i] : fill;
    return load(t);
}
ALWAYS void store_tail(float *p, vf v, int32_t n)
{
    float t[LANES];
    store(t, v);
    memcpy(p, t, (size_t)n * sizeof *p);
}
ALWAYS vf load_as_tail(enum dtype type, const char *p, int32_t n)
{
    char t[4 * LANES] = {0};
    memcpy(t, p, (size_t)n * dtype_size(type));
    return load_as(type, t);
}

/* Halves are added to halves, in every instruction set. */
#if defined(SIMD_AVX512)
ALWAYS float sum_lanes(vf v)
{
    return _mm512_reduce_add_ps((__m512)v);
}
ALWAYS float max_lanes(vf v)
{
    return _mm512_reduce_max_ps((__m512)v);
}
#elif defined(SIMD_AVX2)
ALWAYS float sum_lanes(vf v)
{
    __m128 h = _mm_add_ps(_mm256_castps256_ps128((__m256)v), _mm256_extractf128_ps((__m256)v, 1));
    h = _mm_add_ps(h, _mm_movehl_ps(h, h));
    return _mm_cvtss_f32(_mm_add_ss(h, _mm_movehdup_ps(h)));
}
ALWAYS float max_lanes(vf v)
{
    __m128 h = _mm_max_ps(_mm256_castps256_ps128((__m256)v), _mm256_extractf128_ps((__m256)v, 1));
    h = _mm_max_ps(h, _mm_movehl_ps(h, h));
    return _mm_cvtss_f32(_mm_max_ss(h, _mm_movehdup_ps(h)));
}
#else
ALWAYS float sum_lanes(vf v)
{
    return (v[0] + v[2]) + (v[1] + v[3]);
}
ALWAYS float max_lanes(vf v)
{
    float a = v[0] > v[2] ? v[0] : v[2], b = v[1] > v[3] ? v[1] : v[3];
    return a > b ? a : b;
}
#endif

/* The first n lanes of v, the others `fill`. */
ALWAYS vf first_lanes(vf v, int32_t n, float fill)
{
    vi lane;
    for (int i = 0; i < LANES; i++)
        lane[i] = i;
    return pick(lane < n, v, splat(fill));
}

/* e^x: 2^n · p(r), r = x − n·ln 2, p a minimax polynomial of degree 6 (relative error 2e-9 before
 * rounding); 0 below the smallest normal number. x up to 88. */
ALWAYS vf vexp(vf x)
{
    const float magic = 0x1.8p23f;
    vf n = fma_(x, splat(1.44269504f), splat(magic));
    vu shift = ((vu)n - (vu)splat(magic)) << 23;
    n -= magic;
    vf r = fma_(n, splat(-0.693145752f), x);
    r = fma_(n, splat(-1.42860677e-6f), r);
    vf p = splat(0.001383683984f);
    p = fma_(p, r, splat(0.008374815757f));
    p = fma_(p, r, splat(0.0416682257f));
    p = fma_(p, r, splat(0.1666642017f));
    p = fma_(p, r, splat(0.4999999208f));
    p = fma_(p, r, splat(1.000000036f));
    p = fma_(p, r, splat(1.0f));
    return pick(x < -87.3f, splat(0.0f), (vf)((vu)p + shift));
}

/* x·Φ(x) = max(x, 0) − |x|·Φ(−|x|). The logarithm of Φ(−a) is nearly a parabola: one minimax
 * polynomial of degree 11 gives it on [0, 6], beyond which |x|·Φ(−|x|) < 6e-9. */
ALWAYS vf vgelu(vf x)
{
    vf a = vmin(vabs(x), splat(6.0f));
    vf p = splat(2.30123064e-9f);
    p = fma_(p, a, splat(-8.14613246e-8f));
    p = fma_(p, a, splat(1.28472632e-6f));
    p = fma_(p, a, splat(-1.18195947e-5f));
    p = fma_(p, a, splat(6.8309914e-5f));
    p = fma_(p, a, splat(-0.000227512657f));
    p = fma_(p, a, splat(4.38474587e-5f));
    p = fma_(p, a, splat(0.00478355632f));
    p = fma_(p, a, splat(-0.0363386234f));
    p = fma_(p, a, splat(-0.318308725f));
    p = fma_(p, a, splat(-0.797884704f));
    p = fma_(p, a, splat(-0.693147178f));
    return fma_(-a, vexp(p), 0.5f * (x + vabs(x)));
}

/* x·(1 + tanh u)/2 = x/(1 + e^(−2u)), u = √(2/π)·(x + 0.044715·x³). */
ALWAYS vf vgelu_tanh(vf x)
{
    vf u2 = x * fma_(splat(0.0713548163f), x * x, splat(1.59576912f));
    vf e = vexp(vmin(-u2, splat(88.0f)));
    return x / (1.0f + e);
}

ALWAYS vf vact(vf x, enum activation f)
{
    return f == ACT_GELU        ? vgelu(x)
           : f == ACT_GELU_TANH ? vgelu_tanh(x)
           : f == ACT_SILU      ? x / (1.0f + vexp(vmin(-x, splat(88.0f))))
                                : pick(x < 0, splat(0.0f), x);
}

/* The polynomial is that of tanhf in S. L. Moshier's Cephes library; beyond it 1 − 2/(e^(2|x|) + 1)
 * loses nothing. */
ALWAYS vf vtanh(vf x)
{
    vf z = x * x, a = vabs(x);
    vf p = splat(-5.70498872745e-3f);
    p = fma_(p, z, splat(2.06390887954e-2f));
    p = fma_(p, z, splat(-5.37397155531e-2f));
    p = fma_(p, z, splat(1.33314422036e-1f));
    p = fma_(p, z, splat(-3.33332819422e-1f));
    vf big = 1.0f - 2.0f / (vexp(vmin(a + a, splat(88.0f))) + 1.0f);
    big = (vf)((vi)big | ((vi)x & INT32_MIN));
    return pick(a < 0.625f, fma_(p * z, x, x), pick(x == x, big, x));
}

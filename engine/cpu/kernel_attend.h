/* Attention of a few queries of one head over all the keys they see. Part of kernel_all.h. */
#define KEY_BLOCKS 4

/* Scores of R rows for `blocks` blocks of keys from block b on. */
ALWAYS void score_blocks(const int R, const int B, const struct attend *a, int32_t b, size_t ld)
{
    vf acc[ATTEND_ROWS][KEY_BLOCKS];
    const size_t block = (size_t)a->dim * LANES;
    const float *keys = a->keys + (size_t)b * block;
    UNROLL for (int r = 0; r < R; r++)
    {
        UNROLL for (int i = 0; i < B; i++) acc[r][i] = splat(0.0f);
    }
    for (int32_t d = 0; d < a->dim; d++) {
        vf k[KEY_BLOCKS];
        UNROLL for (int i = 0; i < B; i++) k[i] =
            load(keys + (size_t)i * block + (size_t)d * LANES);
        UNROLL for (int r = 0; r < R; r++)
        {
            vf q = splat(a->q[(size_t)r * (size_t)a->dim + (size_t)d]);
            UNROLL for (int i = 0; i < B; i++) acc[r][i] = fma_(q, k[i], acc[r][i]);
        }
    }
    UNROLL for (int r = 0; r < R; r++)
    {
        UNROLL for (int i = 0; i < B; i++)
            store(a->scores + (size_t)r * ld + (size_t)(b + i) * LANES, acc[r][i] * a->scale);
    }
}

ALWAYS void score_rows(const int R, const struct attend *a, int32_t n_blocks, size_t ld)
{
    int32_t b = 0;
    for (; b + KEY_BLOCKS <= n_blocks; b += KEY_BLOCKS)
        score_blocks(R, KEY_BLOCKS, a, b, ld);
    switch (n_blocks - b) {
    case 3: score_blocks(R, 3, a, b, ld); break;
    case 2: score_blocks(R, 2, a, b, ld); break;
    case 1: score_blocks(R, 1, a, b, ld); break;
    }
}

/* The first position that row r sees. */
ALWAYS int32_t first_seen(const struct attend *a, int32_t r)
{
    return a->window > 0 && a->pos + r >= a->window ? a->pos + r - a->window + 1 : 0;
}

/* e^(s − max s) in place over scores `from` … n − 1, 0 before and up to the end of the block;
 * returns their sum. */
ALWAYS float soften(float *s, int32_t from, int32_t n)
{
    for (int32_t i = 0; i < from; i++)
        s[i] = -INFINITY;
    int32_t last = (n - 1) / LANES * LANES;
    store(s + last, first_lanes(load(s + last), n - last, -INFINITY));
    vf top = load(s), total = splat(0.0f);
    for (int32_t i = LANES; i <= last; i += LANES)
        top = vmax(load(s + i), top);
    vf m = splat(max_lanes(top));
    for (int32_t i = 0; i <= last; i += LANES) {
        vf p = vexp(load(s + i) - m);
        store(s + i, p);
        total += p;
    }
    return sum_lanes(total);
}

/* acc += p·v over row r's positions from … to. */
ALWAYS void mix_own(const int V, const struct attend *a, const float *v0, int r, int32_t from,
                    int32_t to, size_t ld, vf acc[4])
{
    for (int32_t s = from; s <= to; s++) {
        vf p = splat(a->scores[(size_t)r * ld + (size_t)s]);
        UNROLL for (int i = 0; i < V; i++) acc[i] =
            fma_(p, load(v0 + (size_t)s * (size_t)a->dim + i * LANES), acc[i]);
    }
}

/* y = Σ p·v for V vectors of columns from column j on; m of the columns are stored. Each row's sum
 * runs in the order of its positions, and only over those it sees: first what only rows before the
 * last one see, then what all see, then its own. */
ALWAYS void mix(const int R, const int V, const struct attend *a, const float *inv, int32_t j,
                int32_t m, size_t ld)
{
    vf acc[ATTEND_ROWS][4];
    const size_t dim = (size_t)a->dim;
    const float *v0 = a->values + j;
    const int32_t all = first_seen(a, R - 1);
    UNROLL for (int r = 0; r < R; r++)
    {
        UNROLL for (int i = 0; i < V; i++) acc[r][i] = splat(0.0f);
        if (all > 0)
            mix_own(V, a, v0, r, first_seen(a, r), all <= a->pos + r ? all - 1 : a->pos + r, ld,
                    acc[r]);
    }
    for (int32_t s = all; s <= a->pos; s++) {
        const float *v = v0 + (size_t)s * dim;
        UNROLL for (int r = 0; r < R; r++)
        {
            vf p = splat(a->scores[(size_t)r * ld + (size_t)s]);
            UNROLL for (int i = 0; i < V; i++) acc[r][i] = fma_(p, load(v + i * LANES), acc[r][i]);
        }
    }
    UNROLL for (int r = 0; r < R; r++)
    {
        mix_own(V, a, v0, r, all > a->pos ? all : a->pos + 1, a->pos + r, ld, acc[r]);
        float *y = a->y + (size_t)r * a->ldy + (size_t)j;
        UNROLL for (int i = 0; i < V; i++)
        {
            int32_t left = m - i * LANES;
            if (left >= LANES)
                store(y + i * LANES, acc[r][i] * inv[r]);
            else if (left > 0)
                store_tail(y + i * LANES, acc[r][i] * inv[r], left);
        }
    }
}

ALWAYS void attend_rows(const int R, const struct attend *a)
{
    int32_t n_blocks = (a->pos + R + LANES - 1) / LANES;
    size_t ld = (size_t)n_blocks * LANES;
    float inv[ATTEND_ROWS];
    score_rows(R, a, n_blocks, ld);
    if (a->soft_cap > 0)
        soft_cap(a->scores, R * (int32_t)ld, a->soft_cap);
    for (int r = 0; r < R; r++)
        inv[r] = 1.0f / soften(a->scores + (size_t)r * ld, first_seen(a, r), a->pos + 1 + r);
    int32_t j = 0;
    for (; j + 3 * LANES < a->dim; j += 4 * LANES)
        mix(R, 4, a, inv, j, a->dim - j, ld);
    for (; j + LANES < a->dim; j += 2 * LANES)
        mix(R, 2, a, inv, j, a->dim - j, ld);
    if (j < a->dim)
        mix(R, 1, a, inv, j, a->dim - j, ld);
}

ALWAYS void rotate(float *dst, const float *src, int32_t u, int32_t v, float cosine, float sine)
{
    dst[u] = src[u] * cosine - src[v] * sine;
    dst[v] = src[v] * cosine + src[u] * sine;
}

TARGET static void head_copy(float *dst, const float *src, int32_t dim, const float *cosine,
                             const float *sine, int32_t half, enum rope_style style)
{
    int32_t d = 0;
    for (; d + LANES <= dim; d += LANES)
        store(dst + d, load(src + d));
    for (; d < dim; d++)
        dst[d] = src[d];
    if (style == ROPE_NEOX)
        for (int32_t i = 0; i < half; i++)
            rotate(dst, src, i, i + half, cosine[i], sine[i]);
    else
        for (int32_t i = 0; i < half; i++)
            rotate(dst, src, 2 * i, 2 * i + 1, cosine[i], sine[i]);
}

/* Blocks of keys that no row sees are left out; sums begin as if they had been there. */
TARGET static void attend(const struct attend *whole)
{
    struct attend a = *whole;
    const int32_t skip = first_seen(whole, 0) / LANES * LANES;
    a.pos -= skip;
    a.keys += (size_t)skip * (size_t)a.dim, a.values += (size_t)skip * (size_t)a.dim;
    switch (a.rows) {
    case 1: attend_rows(1, &a); break;
    case 2: attend_rows(2, &a); break;
    case 3: attend_rows(3, &a); break;
    default: attend_rows(4, &a); break;
    }
}

/* The matrix product on registers: R rows × P panels of two vectors each. One chain of additions an
 * element, over the whole depth, whatever the tile: see kernels.h. Part of kernel_all.h. */
#define WIDTH (2 * LANES)

/* What a panel is of: numbers one below the other, or pairs of bf16 (kernels.h), which x meets as
 * floats or, where there are instructions for it, as pairs itself. */
enum operand { OPERAND_F32, OPERAND_F16, OPERAND_BF16, OPERAND_PAIRS, OPERAND_DOTS };

/* How far ahead of its use a panel is fetched. The hardware follows a stream only to the end of its
 * page. Measured: 2048 × 8192 f16, 8 rows, 133 → 200 GFLOP/s on AVX-512. One or two rows are done
 * with a page so soon that AVX-512 wants a closer one (FETCH_FEW, of each instruction set), and
 * AVX2 none (0): without it 256 × 6144 f16 takes 14 % less for one row, 512 × 50304 8 %. */
#define FETCH 4096

ALWAYS size_t bytes_of(const enum operand type)
{
    return type == OPERAND_F16 || type == OPERAND_BF16 ? 2 : 4;
}
ALWAYS vf load_operand(const enum operand type, const char *p)
{
    return type == OPERAND_F16    ? load_f16(p)
           : type == OPERAND_BF16 ? load_bf16(p)
                                  : load((const float *)(const void *)p);
}
/* The first and the second of pairs. */
ALWAYS vf even(vf pairs)
{
    return (vf)((vu)pairs << 16);
}
ALWAYS vf odd(vf pairs)
{
    return (vf)((vu)pairs & UINT32_C(0xffff0000));
}

/* R and P are constants at every call, so the loops over them vanish and the accumulators live in
 * registers. */
ALWAYS void tile(const int R, const int P, const enum operand type, const struct product *g,
                 const float *x, const char *w, float *c)
{
    const int V = 2 * P, each = type == OPERAND_PAIRS ? 2 : 1;
    const size_t step = LANES * bytes_of(type), ldx = g->ldx;
    const float *rows[(MAX_ROWS + 2) / 3];
    vf acc[MAX_ROWS][8];
    UNROLL for (int r = 0; r < R; r += 3) rows[r / 3] = x + (size_t)r * ldx;
    UNROLL for (int r = 0; r < R; r++)
    {
        UNROLL for (int v = 0; v < V; v++) acc[r][v] =
            g->first ? splat(0.0f) : load(c + (size_t)r * g->ldc + (size_t)v * LANES);
    }
    for (int32_t k = 0; k < g->depth; k += each, w += 2 * step) {
        vf b[8];
        UNROLL for (int v = 0; v < V; v++) b[v] =
            load_operand(type, w + (size_t)(v / 2) * g->stride + (size_t)(v % 2) * step);
        if (type == OPERAND_F32 && P == 1 && g->ahead[0]) {
            __builtin_prefetch(g->ahead[0] + (size_t)k * WIDTH * 2);
            __builtin_prefetch(g->ahead[1] + (size_t)k * WIDTH * 2);
        } else if (R > 2 || (FETCH_FEW > 0 && type != OPERAND_F32)) {
            UNROLL for (int p = 0; p < P; p++) for (size_t line = 0; line < 2 * step; line += 64)
                __builtin_prefetch((const void *)((uintptr_t)w + (size_t)p * g->stride + line +
                                                  (R > 2 ? FETCH : FETCH_FEW)));
        }
        UNROLL for (int r = 0; r < R; r++)
        {
            const float *at = rows[r / 3] + (size_t)(r % 3) * ldx + (size_t)k;
            vf a = splat(at[0]);
            UNROLL for (int v = 0; v < V; v++) acc[r][v] =
                type == OPERAND_DOTS    ? dots(a, b[v], acc[r][v])
                : type == OPERAND_PAIRS ? fma_(a, even(b[v]), acc[r][v])
                                        : fma_(a, b[v], acc[r][v]);
            if (type == OPERAND_PAIRS) {
                a = splat(at[1]);
                UNROLL for (int v = 0; v < V; v++) acc[r][v] = fma_(a, odd(b[v]), acc[r][v]);
            }
        }
    }
    UNROLL for (int r = 0; r < R; r++)
    {
        UNROLL for (int v = 0; v < V; v++)
            store(c + (size_t)r * g->ldc + (size_t)v * LANES, acc[r][v]);
    }
}

#define TILE(R, P)                                                                                 \
    case R: tile(R, P, type, g, x, w, c); break

ALWAYS void tile_rows(const enum operand type, const struct product *g, int32_t rows,
                      const float *x, const char *w, float *c)
{
    switch (rows) {
        TILE(1, 1);
        TILE(2, 1);
        TILE(3, 1);
        TILE(4, 1);
        TILE(5, 1);
        TILE(6, 1);
#if MAX_ROWS > 6
        TILE(7, 1);
        TILE(8, 1);
        TILE(9, 1);
        TILE(10, 1);
        TILE(11, 1);
        TILE(12, 1);
#endif
    }
}

/* Few rows have few accumulators: several panels at once hide the latency of the additions. */
ALWAYS int32_t tile_panels(const enum operand type, const struct product *g, int32_t left,
                           const float *x, const char *w, float *c)
{
    if (g->rows == 1 && left >= 4) {
        tile(1, 4, type, g, x, w, c);
        return 4;
    }
#if MAX_ROWS > 6
    if (g->rows == 2 && left >= 4) {
        tile(2, 4, type, g, x, w, c);
        return 4;
    }
#endif
    if (left >= 2 && g->rows <= 3) {
        if (g->rows == 1)
            tile(1, 2, type, g, x, w, c);
        else if (g->rows == 2)
            tile(2, 2, type, g, x, w, c);
        else
            tile(3, 2, type, g, x, w, c);
        return 2;
    }
#if MAX_ROWS > 6
    if (left >= 2 && g->rows <= 6) {
        if (g->rows == 4)
            tile(4, 2, type, g, x, w, c);
        else if (g->rows == 5)
            tile(5, 2, type, g, x, w, c);
        else
            tile(6, 2, type, g, x, w, c);
        return 2;
    }
#endif
    return 0;
}

ALWAYS void product_as(const enum operand type, const struct product *g)
{
    int32_t n_tiles = (g->rows + MAX_ROWS - 1) / MAX_ROWS;
    for (int32_t p = 0; p < g->panels;) {
        const char *w = g->w + (size_t)p * g->stride;
        float *c = g->c + (size_t)p * WIDTH;
        int32_t done = tile_panels(type, g, g->panels - p, g->x, w, c);
        if (done == 0) {
            struct product t = *g;
            for (int32_t i = 0, r = 0; i < n_tiles; i++) {
                int32_t n = (g->rows - r) / (n_tiles - i);
                tile_rows(type, &t, n, g->x + (size_t)r * g->ldx, w, c + (size_t)r * g->ldc);
                t.ahead[0] = t.ahead[1] = t.ahead[0] ? w : NULL; /* once is enough */
                r += n;
            }
            done = 1;
        }
        p += done;
    }
}

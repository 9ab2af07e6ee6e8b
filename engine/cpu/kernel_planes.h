/* Floats in two planes of 16 bits: see kernels.h. Part of kernel_all.h. */

TARGET static void product(const struct product *g)
{
    if (g->type == DTYPE_F32)
        product_as(OPERAND_F32, g);
    else if (g->type == DTYPE_F16)
        product_as(OPERAND_F16, g);
    else
        product_as(OPERAND_BF16, g);
}

TARGET static void rough(const struct product *g)
{
    product_as(OPERAND_PAIRS, g);
}

ALWAYS vu load_bits(const void *p)
{
    return (vu)load(p);
}
ALWAYS void store_bits(void *p, vu v)
{
    store(p, (vf)v);
}

/* The nearest bf16 of a finite float, in the upper half. */
ALWAYS vu nearest(vu bits)
{
    return (bits + 0x8000) & UINT32_C(0xffff0000);
}

ALWAYS void add_squares(double *sum, vf v)
{
    for (int i = 0; i < LANES; i++)
        sum[i] += (double)v[i] * (double)v[i];
}

TARGET static void split(void *near, void *left, const float *x, int32_t depth, double *square,
                         double *square_left)
{
    char *to = near, *to_left = left;
    for (int j = 0; j < WIDTH; j++)
        square[j] = square_left[j] = 0;
    for (int32_t k = 0; k < depth; k += 2, x += 2 * WIDTH)
        for (int j = 0; j < WIDTH; j += LANES, to += 4 * LANES, to_left += 4 * LANES) {
            const vu a = load_bits(x + j), b = load_bits(x + WIDTH + j), of_a = nearest(a),
                     of_b = nearest(b);
            store_bits(to, of_a >> 16 | of_b);
            store_bits(to_left, ((a - of_a) & 0xffff) | (b - of_b) << 16);
            add_squares(square + j, (vf)of_a);
            add_squares(square + j, (vf)of_b);
            add_squares(square_left + j, (vf)a - (vf)of_a);
            add_squares(square_left + j, (vf)b - (vf)of_b);
        }
}

ALWAYS void fetch(const void *p)
{
    __builtin_prefetch((const void *)((uintptr_t)p + FETCH));
}

TARGET static void join(float *x, const void *near, const void *left, int32_t depth, bool ahead)
{
    const char *from = near, *from_left = left;
    for (int32_t k = 0; k < depth; k += 2, x += 2 * WIDTH)
        for (int j = 0; j < WIDTH; j += LANES, from += 4 * LANES, from_left += 4 * LANES) {
            if (ahead && j * 4 % 64 == 0) {
                fetch(from);
                fetch(from_left);
            }
            const vu a = load_bits(from);
            const vi b = (vi)load_bits(from_left);
            store_bits(x + j, (a << 16) + (vu)(b << 16 >> 16));
            store_bits(x + WIDTH + j, (a & UINT32_C(0xffff0000)) + (vu)(b >> 16));
        }
}

TARGET static void spread(float *x, const void *w, int32_t depth)
{
    const char *from = w;
    for (int32_t k = 0; k < depth; k++, x += WIDTH, from += 2 * WIDTH) {
        store(x, load_bf16(from));
        store(x + LANES, load_bf16(from + 2 * LANES));
    }
}

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

#define SQUARES 64 /* rows whose squares are summed as floats */

ALWAYS void add_part(double *sum, vf *part)
{
    for (int i = 0; i < LANES; i++)
        sum[i] += (double)(*part)[i];
    *part = splat(0);
}

TARGET static void split(void *near, void *left, const float *x, int32_t depth, double *square,
                         double *square_left)
{
    char *to = near, *to_left = left;
    vf part[2] = {splat(0), splat(0)}, part_left[2] = {splat(0), splat(0)};
    for (int j = 0; j < WIDTH; j++)
        square[j] = square_left[j] = 0;
    for (int32_t k = 0; k < depth; k += 2, x += 2 * WIDTH) {
        for (int v = 0; v < 2; v++, to += 4 * LANES, to_left += 4 * LANES) {
            const vu a = load_bits(x + v * LANES), b = load_bits(x + WIDTH + v * LANES),
                     of_a = nearest(a), of_b = nearest(b);
            const vf left_a = (vf)a - (vf)of_a, left_b = (vf)b - (vf)of_b;
            store_bits(to, of_a >> 16 | of_b);
            store_bits(to_left, ((a - of_a) & 0xffff) | (b - of_b) << 16);
            part[v] = fma_((vf)of_b, (vf)of_b, fma_((vf)of_a, (vf)of_a, part[v]));
            part_left[v] = fma_(left_b, left_b, fma_(left_a, left_a, part_left[v]));
        }
        if (k % SQUARES == SQUARES - 2 || k + 2 >= depth)
            for (int v = 0; v < 2; v++) {
                add_part(square + v * LANES, &part[v]);
                add_part(square_left + v * LANES, &part_left[v]);
            }
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

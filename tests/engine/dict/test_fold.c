/* b_e − W_e·b_p against plain sums in long double: both ways a weight can lie, every type, at any
 * address, in sizes of one range and of many. */
#include "engine/dict/fold.h"
#include "tests/support/hash_weights.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
/* after its prerequisites */
#include <cmocka.h>

static void check(int64_t out, int64_t in, enum dtype type, enum order order, size_t shift)
{
    const size_t n = (size_t)(out * in), size = dtype_size(type);
    char *memory = malloc(n * size + shift), *aligned = malloc(n * size);
    float *w = malloc(n * sizeof *w), *bp = malloc((size_t)in * sizeof *bp),
          *bias = malloc((size_t)out * sizeof *bias), *before = malloc((size_t)out * sizeof *bias);
    hash_fill(aligned, type, "W", HASH_UNIFORM, 0, 0, n);
    memcpy(memory + shift, aligned, n * size);
    hash_fill(bp, DTYPE_F32, "bp", HASH_UNIFORM, 0, 0, (size_t)in);
    hash_fill(before, DTYPE_F32, "b", HASH_UNIFORM, 0, 0, (size_t)out);
    memcpy(bias, before, (size_t)out * sizeof *bias);
    tensor_to_f32(w, aligned, type, n);
    free(aligned);
    const bool turned = order == ORDER_IN_OUT;
    const struct named_tensor t = {.type = (int)type,
                                   .n_dims = 2,
                                   .dim = {turned ? in : out, turned ? out : in},
                                   .data = memory + shift};
    fold_bias(&t, order, bp, bias);
    for (int64_t r = 0; r < out; r++) {
        long double sum = (long double)before[r];
        for (int64_t k = 0; k < in; k++)
            sum -= (long double)w[turned ? k * out + r : r * in + k] * (long double)bp[k];
        if (fabsl((long double)bias[r] - sum) > 1e-6L * (1 + fabsl(sum)))
            fail_msg("[%lld, %lld] type %d order %d: row %lld is %.9g, expected %.9Lg",
                     (long long)out, (long long)in, (int)type, (int)order, (long long)r,
                     (double)bias[r], sum);
    }
    free(before);
    free(bias);
    free(bp);
    free(w);
    free(memory);
}

static void against_plain_sums(void **state)
{
    (void)state;
    static const int64_t shape[][2] = {{1, 1}, {3, 5}, {1025, 7}, {40, 9000}, {2500, 130}};
    static const enum dtype type[] = {DTYPE_F32, DTYPE_F16, DTYPE_BF16};
    for (size_t i = 0; i < sizeof shape / sizeof *shape; i++)
        for (size_t j = 0; j < sizeof type / sizeof *type; j++)
            for (size_t shift = 0; shift < 3; shift++) {
                check(shape[i][0], shape[i][1], type[j], ORDER_OUT_IN, shift);
                check(shape[i][0], shape[i][1], type[j], ORDER_IN_OUT, shift);
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(against_plain_sums)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

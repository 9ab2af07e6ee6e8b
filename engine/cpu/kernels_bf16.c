/* Products of pairs of bf16: of AVX-512's kernels the one that wants more than its instructions. */
#if defined(__x86_64__)
#define LANES 16
#define MAX_ROWS 12
#define FETCH_FEW 2048
#define TARGET                                                                                     \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c,avx512bf16")))
#define SIMD_AVX512
#define SIMD_DOTS
#include "engine/cpu/kernels.h"
#include <string.h>

#include "engine/cpu/simd.h"

#include "engine/cpu/kernel_product.h"

TARGET void dots_avx512(const struct product *g)
{
    product_as(OPERAND_DOTS, g);
}
#else
typedef int kernels_bf16_not_built;
#endif

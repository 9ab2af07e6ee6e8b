#if defined(__x86_64__)
#define LANES 8
#define MAX_ROWS 6
#define SPREAD_ROWS 16
#define FETCH_FEW 0
#define TARGET __attribute__((target("avx2,fma,f16c")))
#define KERNELS kernels_avx2
#define KERNELS_NAME "AVX2"
#define SIMD_AVX2
#define DOTS NULL
#include "engine/cpu/kernel_all.h"
#else
typedef int kernels_avx2_not_built;
#endif

#if defined(__x86_64__)
#define LANES 16
#define MAX_ROWS 12
#define SPREAD_ROWS 32
#define FETCH_FEW 2048
#define TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c")))
#define KERNELS kernels_avx512
#define KERNELS_NAME "AVX-512"
#define SIMD_AVX512
#define DOTS dots_avx512
#include "engine/cpu/kernel_all.h"
#else
typedef int kernels_avx512_not_built;
#endif

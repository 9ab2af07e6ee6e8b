#define LANES 4
#define MAX_ROWS 6
#define SPREAD_ROWS 16
#define FETCH_FEW 2048
#define TARGET
#define KERNELS kernels_portable
#define KERNELS_NAME "portable"
#define DOTS NULL
#include "engine/cpu/kernel_all.h"

#define LANES 4
#define MAX_ROWS 6
#define FETCH_FEW 2048
#define TARGET
#define KERNELS kernels_portable
#define KERNELS_NAME "portable"
#include "engine/cpu/kernel_all.h"

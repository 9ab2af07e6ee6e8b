/* The kernels of one instruction set. */
#include "engine/cpu/kernels.h"
#include <math.h>
#include <string.h>

#include "engine/cpu/simd.h"

#include "engine/cpu/kernel_product.h"

#include "engine/cpu/kernel_planes.h"
#include "engine/cpu/kernel_rows.h"

#include "engine/cpu/kernel_attend.h"

#include "engine/cpu/kernel_hist.h"

const struct kernels KERNELS = {
    .name = KERNELS_NAME,
    .lanes = LANES,
    .width = WIDTH,
    .max_rows = MAX_ROWS,
    .product = product,
    .rough = rough,
    .split = split,
    .join = join,
    .spread = spread,
    .spread_rows = SPREAD_ROWS,
    .dots = DOTS,
    .epilogue = epilogue,
    .exp_sum = exp_sum,
    .above = above,
    .norm = norm,
    .all_finite = all_finite,
    .act = act,
    .soft_cap = soft_cap,
    .add = add,
    .times = times,
    .widen = widen,
    .gather_sum = gather_sum,
    .group_max = group_max,
    .head_copy = head_copy,
    .attend = attend,
    .moments = moments,
    .count_bins = count_bins,
};

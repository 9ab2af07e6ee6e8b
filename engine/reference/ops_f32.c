#include "engine/reference/reference_private.h"
typedef float real;
#define REAL DTYPE_F32
#define OPS reference_ops_f32
#include "engine/reference/ops.h"

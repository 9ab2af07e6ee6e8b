#include "engine/reference/reference_private.h"
typedef double real;
#define REAL DTYPE_F64
#define OPS reference_ops_f64
#include "engine/reference/ops.h"

/* The device that others are compared with: every operation of engine/backend.h by the plainest
 * loops, its sums in double. One source makes two of them: with DTYPE_F32 each result is rounded to
 * float, as on the other devices; with DTYPE_F64 nothing is, so that a whole model runs in double
 * and numeric derivatives mean something. Slow, single-threaded, nothing borrowed: weights are
 * copied in the device's own type. */
#ifndef GLIMT_ENGINE_REFERENCE_H
#define GLIMT_ENGINE_REFERENCE_H
#include "engine/backend.h"

/* real: DTYPE_F32 or DTYPE_F64 (its `caps.real`). NULL and *e for anything else. Freed by its own
 * `free`. */
struct backend *reference_backend_new(enum dtype real, struct error *e);

/* All values of a tensor of such a device in double (`get` gives floats): out has room for rows ×
 * cols. */
void reference_values(struct tensor, double *out);
#endif

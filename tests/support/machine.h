/* What the cores of this machine can do at most, measured in the same run as what they did: the
 * benchmarks print their figures beside floors made of these rates. */
#pragma once
#include "engine/backend.h"
#include <stddef.h>

/* Threads a backend's device line names, at least 1. */
int machine_threads(const struct backend *);

/* Fused multiply-adds on registers alone, in the widest vectors of the processor, by n_threads at
 * the same time: FLOP/s. */
double machine_peak(int n_threads);

/* n_threads reading `bytes` of memory, each its own part, again and again: bytes/s of the best
 * pass. What fits into the caches is read from them, as weights of that size are. */
double machine_read_rate(size_t bytes, int n_threads);
/* The same of the memory that a backend's weights lie in: on a device of its own by copying half of
 * the bytes to the other half there. */
double machine_memory_rate(struct backend *, size_t bytes);

/* The backend's own product of 256 rows with a weight [out, in] in f32: FLOP/s of the best of 30.
 */
double machine_product_rate(struct backend *, int32_t out, int32_t in);

/* The backend that is always there: fp32 on the CPU, weights packed once, in the file's dtype, for
 * our own kernels. n_threads 0: the machine's cores (affinity respected). The caller frees with
 * b->free(b). */
#ifndef GLIMT_ENGINE_CPU_H
#define GLIMT_ENGINE_CPU_H
#include "engine/backend.h"

struct backend *cpu_backend_new(int n_threads, struct error *e);
/* "AVX-512" | "AVX2" | "portable": what run-time dispatch chose. */
const char *cpu_isa(void);
/* What serves the products, for doctor. */
const char *cpu_product_library(void);
#endif

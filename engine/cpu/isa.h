/* Which vector instructions the machine has; chosen at run time, so one binary serves all (valgrind
 * knows no AVX-512). Private to engine/cpu and its tests. */
#ifndef GLIMT_ENGINE_CPU_ISA_H
#define GLIMT_ENGINE_CPU_ISA_H
#include "engine/backend.h"

enum isa { ISA_PORTABLE, ISA_AVX2, ISA_AVX512, ISA_N };

/* The best that this machine runs. */
enum isa isa_best(void);
bool isa_available(enum isa);
/* Whether it has AVX-512's dot products of bf16. */
bool isa_has_dots(void);

/* As cpu_backend_new, on a chosen path; the path must be available. */
struct backend *cpu_backend_new_isa(int n_threads, enum isa, struct error *e);
/* From how many bytes on a weight of floats is packed so that `encode` need not read all of them
 * (8 MiB unless it is told: smaller ones are near anyway). */
void cpu_encode_from(struct backend *, size_t bytes);
#endif

/* Which of the inner loops the machine runs. */
#include "engine/cpu/kernels.h"
#include "engine/cpu/cpu.h"

const struct kernels *kernels_for(enum isa isa)
{
#if defined(__x86_64__)
    if (isa == ISA_AVX512)
        return &kernels_avx512;
    if (isa == ISA_AVX2)
        return &kernels_avx2;
#endif
    (void)isa;
    return &kernels_portable;
}

const char *cpu_isa(void)
{
    return kernels_for(isa_best())->name;
}

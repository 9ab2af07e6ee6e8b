#include "engine/cpu/isa.h"

#if defined(__x86_64__)
#include <cpuid.h>

/* clang 14 has no name for it in __builtin_cpu_supports. */
static bool has_f16c(void)
{
    unsigned a, b, c, d;
    return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_F16C);
}

/* Nor for this. */
bool isa_has_dots(void)
{
    unsigned a, b, c, d;
    return isa_available(ISA_AVX512) && __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a & 1u << 5);
}
#else
bool isa_has_dots(void)
{
    return false;
}
#endif

bool isa_available(enum isa isa)
{
    switch (isa) {
#if defined(__x86_64__)
    case ISA_AVX512:
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
               __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    case ISA_AVX2:
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && has_f16c();
#endif
    case ISA_PORTABLE: return true;
    default: return false;
    }
}

enum isa isa_best(void)
{
    enum isa isa = ISA_AVX512;
    while (!isa_available(isa))
        isa--;
    return isa;
}

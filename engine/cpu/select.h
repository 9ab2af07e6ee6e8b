/* The largest values of a row. Private to engine/cpu. */
#ifndef GLIMT_ENGINE_CPU_SELECT_H
#define GLIMT_ENGINE_CPU_SELECT_H
#include "engine/cpu/kernels.h"

/* A value and its index in one number: larger values are larger, of equal values the lower index;
 * −0 is 0 and NaN is −∞. */
uint64_t select_key(float value, int32_t index);
static inline int32_t select_index(uint64_t key)
{
    return (int32_t) ~(uint32_t)key;
}
float select_value(uint64_t key);

/* Bytes of memory that select_top wants for k of m values. */
size_t select_bytes(int32_t m, int32_t k);
/* The k ≤ m largest of x [m] as keys, largest first, at the start of `memory` (which it returns).
 */
uint64_t *select_top(const struct kernels *, const float *x, int32_t m, int32_t k, void *memory);
/* The k largest of n keys, largest first, at their start. */
void select_keys(uint64_t *key, int32_t n, int32_t k);
/* Sorts largest first. */
void select_sort(uint64_t *a, int32_t n);
#endif

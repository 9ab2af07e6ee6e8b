/* How many activations of a latent lie at which size, independent of order.
 *
 * The bits of a float, read as an integer, grow with it; without the lowest LEVEL_SHIFT of them an
 * octave has eight levels. */
#include "engine/study/harvest_private.h"
#include <string.h>

enum { LEVEL_SHIFT = 20 }; /* of 23 bits of mantissa */

int32_t level_of(float v)
{
    int32_t i;
    memcpy(&i, &v, sizeof i);
    if (i < 0) /* sign and magnitude, to two's complement */
        i ^= INT32_MAX;
    return i >= 0 ? i >> LEVEL_SHIFT : -1 - ((-1 - i) >> LEVEL_SHIFT);
}

float level_from(int32_t level)
{
    int32_t i = level * (1 << LEVEL_SHIFT);
    float v;
    if (i < 0)
        i ^= INT32_MAX;
    memcpy(&v, &i, sizeof v);
    return v;
}

void levels_clear(struct levels *q)
{
    memset(q, 0, sizeof *q);
    q->largest = LEVEL_NONE;
}

/* Makes room for a larger one: what falls below the smallest level joins it. */
static void rise(struct levels *q, int32_t largest)
{
    int64_t by = q->largest == LEVEL_NONE ? 0 : (int64_t)largest - q->largest;
    int32_t step = by < HARVEST_LEVELS ? (int32_t)by : HARVEST_LEVELS;
    uint32_t below = 0;
    q->largest = largest;
    if (step == 0)
        return;
    for (int32_t i = 0; i < step; i++)
        below += q->n[i];
    memmove(q->n, q->n + step, (size_t)(HARVEST_LEVELS - step) * sizeof *q->n);
    memset(q->n + HARVEST_LEVELS - step, 0, (size_t)step * sizeof *q->n);
    q->n[0] += below;
}

int32_t level_index(const struct levels *q, int32_t level)
{
    int64_t at = (int64_t)level - q->largest + HARVEST_LEVELS - 1;
    return at < 0 ? 0 : at < HARVEST_LEVELS ? (int32_t)at : HARVEST_LEVELS - 1;
}

void levels_add(struct levels *q, float v)
{
    int32_t level = level_of(v);
    if (level > q->largest)
        rise(q, level);
    q->n[level_index(q, level)]++;
}

void levels_fold(struct levels *q, const struct levels *from)
{
    if (from->largest == LEVEL_NONE)
        return;
    if (from->largest > q->largest)
        rise(q, from->largest);
    const int64_t by = (int64_t)q->largest - from->largest;
    const int32_t step = by < HARVEST_LEVELS ? (int32_t)by : HARVEST_LEVELS;
    for (int32_t i = 0; i < step; i++)
        q->n[0] += from->n[i];
    for (int32_t i = step; i < HARVEST_LEVELS; i++)
        q->n[i - step] += from->n[i];
}

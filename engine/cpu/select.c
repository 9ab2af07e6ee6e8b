/* Selection by a threshold that the row's own groups give; rows that defeat it (many equal values,
 * NaNs, large k) in one pass: values above the k-th largest so far are collected, and when there
 * are too many, the k largest remain and the threshold rises. */
#include "engine/cpu/select.h"
#include <math.h>
#include <string.h>

#define SLACK 256 /* values collected beyond k before the next thinning */

uint64_t select_key(float value, int32_t index)
{
    float v = isnan(value) ? -INFINITY : value + 0.0f;
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    bits ^= bits >> 31 ? UINT32_MAX : UINT32_C(0x80000000);
    return (uint64_t)bits << 32 | (uint32_t) ~(uint32_t)index;
}

float select_value(uint64_t key)
{
    uint32_t bits = (uint32_t)(key >> 32);
    bits ^= bits >> 31 ? UINT32_C(0x80000000) : UINT32_MAX;
    float v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

/* Shell's sort with Ciura's gaps: no recursion, no memory, fast for the few hundred that come here.
 */
void select_sort(uint64_t *a, int32_t n)
{
    static const int32_t gap[] = {3548, 1577, 701, 301, 132, 57, 23, 10, 4, 1};
    for (size_t g = 0; g < sizeof gap / sizeof *gap; g++)
        for (int32_t i = gap[g]; i < n; i++) {
            uint64_t v = a[i];
            int32_t j = i;
            for (; j >= gap[g] && a[j - gap[g]] < v; j -= gap[g])
                a[j] = a[j - gap[g]];
            a[j] = v;
        }
}

static uint64_t median(uint64_t a, uint64_t b, uint64_t c)
{
    uint64_t low = a < b ? a : b, high = a < b ? b : a;
    return c < low ? low : c > high ? high : c;
}

/* Hoare's quickselect: brings the k largest of a to its start. */
static void keep_largest(uint64_t *a, int32_t n, int32_t k)
{
    int32_t lo = 0, hi = n - 1;
    for (int round = 0; lo < hi; round++) {
        if (round > 48) {
            select_sort(a + lo, hi - lo + 1);
            return;
        }
        uint64_t pivot = median(a[lo], a[lo + (hi - lo) / 2], a[hi]);
        int32_t i = lo, j = hi;
        while (i <= j) {
            while (a[i] > pivot)
                i++;
            while (a[j] < pivot)
                j--;
            if (i <= j) {
                uint64_t t = a[i];
                a[i++] = a[j], a[j--] = t;
            }
        }
        if (k - 1 <= j)
            hi = j;
        else if (k - 1 >= i)
            lo = i;
        else
            return;
    }
}

void select_keys(uint64_t *key, int32_t n, int32_t k)
{
    keep_largest(key, n, k);
    select_sort(key, k);
}

static int32_t room_for(int32_t m, int32_t k)
{
    int64_t room = 2 * (int64_t)k > (int64_t)k + SLACK ? 2 * (int64_t)k : (int64_t)k + SLACK;
    return room < m ? (int32_t)room : m;
}

/* Groups of a row for its first threshold: about 4·k, and at least two values in each; 0: not worth
 * it. */
static int32_t groups_for(const struct kernels *kernels, int32_t m, int32_t k)
{
    if (k > m / 16)
        return 0;
    int32_t n = (4 * k + kernels->lanes - 1) / kernels->lanes * kernels->lanes;
    return n <= m / 2 ? n : 0;
}

size_t select_bytes(int32_t m, int32_t k)
{
    size_t groups = 4 * (size_t)k + 16;
    return (size_t)room_for(m, k) * (sizeof(uint64_t) + sizeof(int32_t)) +
           groups * (sizeof(uint64_t) + sizeof(float));
}

static uint64_t least_of(const uint64_t *key, int32_t n)
{
    uint64_t least = key[0];
    for (int32_t j = 1; j < n; j++)
        least = key[j] < least ? key[j] : least;
    return least;
}

/* A row in groups: the k-th largest of their maxima has k values at or above it, and on random rows
 * few more. Collects those as keys; returns their number, or −1 where there are more than `room`.
 */
static int32_t collect(const struct kernels *kernels, const float *x, int32_t m, int32_t k,
                       uint64_t *key, int32_t *at, int32_t room)
{
    int32_t n = groups_for(kernels, m, k), next = 0;
    uint64_t *top = (uint64_t *)(void *)(at + room + room % 2);
    float *max = (float *)(void *)(top + n);
    if (n == 0)
        return -1;
    kernels->group_max(x, m, max, n);
    for (int32_t j = 0; j < n; j++)
        top[j] = select_key(max[j], j);
    keep_largest(top, n, k);
    float limit = select_value(least_of(top, k));
    if (isinf(limit))
        return -1;
    int32_t found = kernels->above(x, 0, m, nextafterf(limit, -INFINITY), at, room, &next);
    if (next < m)
        return -1;
    for (int32_t j = 0; j < found; j++)
        key[j] = select_key(x[at[j]], at[j]);
    return found;
}

uint64_t *select_top(const struct kernels *kernels, const float *x, int32_t m, int32_t k,
                     void *memory)
{
    int32_t room = room_for(m, k), i = 0;
    uint64_t *key = memory;
    int32_t *at = (int32_t *)(void *)(key + room), n = collect(kernels, x, m, k, key, at, room);
    if (n < 0) {
        for (n = 0; i < room; i++)
            key[n++] = select_key(x[i], i);
        while (i < m) {
            keep_largest(key, n, k);
            n = k;
            int32_t found =
                kernels->above(x, i, m, select_value(least_of(key, k)), at, room - k, &i);
            for (int32_t j = 0; j < found; j++)
                key[n++] = select_key(x[at[j]], at[j]);
        }
    }
    select_keys(key, n, k);
    return key;
}

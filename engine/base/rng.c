#include "engine/base/rng.h"

#define GOLDEN UINT64_C(0x9e3779b97f4a7c15)

static uint64_t mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static uint64_t rotl(uint64_t x, int k)
{
    return x << k | x >> (64 - k);
}

uint64_t rng_at(uint64_t key, uint64_t index)
{
    return mix(key + index * GOLDEN);
}

void rng_seed(struct rng *r, uint64_t seed)
{
    for (uint64_t i = 0; i < 4; i++)
        r->s[i] = rng_at(seed, i + 1);
}

uint64_t rng_u64(struct rng *r)
{
    uint64_t *s = r->s;
    const uint64_t out = rotl(s[1] * 5, 7) * 9, t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotl(s[3], 45);
    return out;
}

uint64_t rng_below(struct rng *r, uint64_t n)
{
    /* 2^64 mod n values at the bottom would be drawn once too often. */
    const uint64_t reject = (0 - n) % n;
    uint64_t x = rng_u64(r);
    while (x < reject)
        x = rng_u64(r);
    return x % n;
}

double rng_unit(struct rng *r)
{
    return (double)(rng_u64(r) >> 11) * 0x1p-53;
}

void rng_shuffle(struct rng *r, int32_t *a, size_t n)
{
    for (size_t i = n; i > 1; i--) {
        const size_t j = (size_t)rng_below(r, i);
        const int32_t t = a[i - 1];
        a[i - 1] = a[j], a[j] = t;
    }
}

/* Random numbers that are the same everywhere: splitmix64 to seed, xoshiro256** to draw (Blackman &
 * Vigna 2018), and a counter-based hash for weights that must agree bit for bit between a test and
 * its reference script. */
#ifndef GLIMT_BASE_RNG_H
#define GLIMT_BASE_RNG_H
#include <stddef.h>
#include <stdint.h>

struct rng {
    uint64_t s[4];
};

void rng_seed(struct rng *r, uint64_t seed);
uint64_t rng_u64(struct rng *r);
uint64_t rng_below(struct rng *r, uint64_t n); /* uniform in [0, n), n > 0, unbiased */
double rng_unit(struct rng *r);                /* uniform in [0, 1), 53 bits */
void rng_shuffle(struct rng *r, int32_t *a, size_t n);

/* splitmix64's finaliser of key + index·golden: a counter-based generator. */
uint64_t rng_at(uint64_t key, uint64_t index);
#endif

/* Files that are nearly right: a seeded change of one, of its bytes or of what it says. */
#ifndef GLIMT_TESTS_MUTATE_H
#define GLIMT_TESTS_MUTATE_H
#include <stddef.h>
#include <stdint.h>

struct mutated {
    uint8_t *p; /* new; exactly n bytes, so that the sanitizers see a step beyond */
    size_t n;
};
/* One to four changes of bytes: flipped, replaced, left out, doubled, numbers that are too large,
 * cut off; half of them where heads and directories lie. The same seed, the same change. */
struct mutated mutate_bytes(const uint8_t *p, size_t n, uint64_t seed);
/* One value of a JSON text taken away, renamed, or replaced by one of another kind or size. */
struct mutated mutate_json(const uint8_t *p, size_t n, uint64_t seed);
#endif

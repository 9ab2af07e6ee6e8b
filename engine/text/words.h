/* The tokens of a vocabulary by their bytes. Constant after building; any thread. */
#ifndef GLIMT_TEXT_WORDS_H
#define GLIMT_TEXT_WORDS_H
#include <stddef.h>
#include <stdint.h>

struct words {
    struct words_slot {
        uint64_t hash;
        size_t at; /* its bytes in the pool */
        uint32_t n;
        int32_t id; /* < 0: free */
    } * slot;
    size_t mask; /* n_slots − 1; slot NULL: empty */
};

/* For at most n tokens. */
void words_init(struct words *, size_t n);
void words_release(struct words *);
/* Bytes [at, at + n) of the pool, n > 0; of two with the same bytes the later one counts. */
void words_add(struct words *, const char *pool, size_t at, size_t n, int32_t id);
/* −1: none. */
int32_t words_find(const struct words *, const char *pool, const char *s, size_t n);
#endif

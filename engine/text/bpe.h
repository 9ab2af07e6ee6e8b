/* Byte-pair encoding by merge rank (Sennrich et al. 2016): of all neighbouring pairs the one that
 * was learned first is merged, the leftmost of equals, until none is left. Constant after building;
 * any thread. */
#ifndef GLIMT_TEXT_BPE_H
#define GLIMT_TEXT_BPE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bpe_slot {
    int32_t left, right, rank, result; /* left < 0: free */
};

struct bpe {
    int32_t byte_id[256]; /* −1: the vocabulary lacks this byte; it is left out of the result, as
                             the library does */
    struct bpe_slot *slot;
    size_t mask; /* n_slots − 1, a power of two at least twice the merges */
};

/* A piece of a word: `len` bytes from `at`. */
struct bpe_piece {
    int32_t id;
    uint32_t at, len;
};

/* Memory for words, reused from one to the next; zero-initialise. */
struct bpe_scratch {
    struct bpe_piece *piece;
    uint32_t *previous, *next, *rank;
    uint64_t *heap;
    size_t cap, cap_heap;
};

void bpe_init(struct bpe *, size_t n_merges);
void bpe_release(struct bpe *);
/* Ids are ≥ 0; a pair given again takes the later rank. At most n_merges calls. */
void bpe_add(struct bpe *, int32_t left, int32_t right, int32_t rank, int32_t result);

/* Encodes a word of n < 2³¹ bytes by its bytes; the pieces are in scratch->piece, in order, their
 * number is returned. O(n log n) for any word. */
size_t bpe_encode(const struct bpe *, const char *word, size_t n, struct bpe_scratch *);
/* The same for who has other pieces to begin with than bytes: room for n of them in
 * scratch->piece; then the first n there, in order and side by side, are merged. */
void bpe_reserve(struct bpe_scratch *, size_t n);
size_t bpe_merge(const struct bpe *, struct bpe_scratch *, size_t n);
void bpe_scratch_release(struct bpe_scratch *);
#endif

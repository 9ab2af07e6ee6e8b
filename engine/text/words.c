#include "engine/text/words.h"
#include "engine/base/hash.h"
#include "engine/base/memory.h"
#include <stdlib.h>
#include <string.h>

void words_init(struct words *w, size_t n_words)
{
    size_t n = 16;
    while (n < 2 * n_words)
        n *= 2;
    w->mask = n - 1;
    w->slot = xreallocarray(NULL, n, sizeof *w->slot);
    for (size_t i = 0; i < n; i++)
        w->slot[i].id = -1;
}

void words_release(struct words *w)
{
    free(w->slot);
    *w = (struct words){0};
}

static struct words_slot *find(const struct words *w, const char *pool, uint64_t hash,
                               const char *s, size_t n)
{
    size_t i = (size_t)(hash ^ hash >> 32) & w->mask;
    for (;; i = (i + 1) & w->mask) {
        struct words_slot *slot = &w->slot[i];
        if (slot->id < 0 ||
            (slot->hash == hash && slot->n == n && memcmp(pool + slot->at, s, n) == 0))
            return slot;
    }
}

void words_add(struct words *w, const char *pool, size_t at, size_t n, int32_t id)
{
    const uint64_t hash = hash_bytes(HASH_SEED, pool + at, n);
    *find(w, pool, hash, pool + at, n) =
        (struct words_slot){.hash = hash, .at = at, .n = (uint32_t)n, .id = id};
}

int32_t words_find(const struct words *w, const char *pool, const char *s, size_t n)
{
    return w->slot == NULL || n == 0 ? -1 : find(w, pool, hash_bytes(HASH_SEED, s, n), s, n)->id;
}

#include "engine/text/bpe.h"
#include "engine/base/memory.h"
#include <stdlib.h>
#include <string.h>

enum {
    LINEAR_MAX = 40, /* up to here looking at every pair beats a heap */
    NEVER = INT32_MAX,
};
static const uint32_t NONE = UINT32_MAX;

void bpe_init(struct bpe *b, size_t n_merges)
{
    for (int i = 0; i < 256; i++)
        b->byte_id[i] = -1;
    size_t n = 16;
    while (n < 2 * n_merges)
        n *= 2;
    b->mask = n - 1;
    b->slot = xreallocarray(NULL, n, sizeof *b->slot);
    for (size_t i = 0; i < n; i++)
        b->slot[i].left = -1;
}

void bpe_release(struct bpe *b)
{
    free(b->slot);
    b->slot = NULL;
}

static struct bpe_slot *find(const struct bpe *b, int32_t left, int32_t right)
{
    uint64_t h = ((uint64_t)(uint32_t)left << 32 | (uint32_t)right) * UINT64_C(0x9E3779B97F4A7C15);
    h ^= h >> 32;
    size_t i = (size_t)h & b->mask;
    while (b->slot[i].left >= 0 && (b->slot[i].left != left || b->slot[i].right != right))
        i = (i + 1) & b->mask;
    return &b->slot[i];
}

void bpe_add(struct bpe *b, int32_t left, int32_t right, int32_t rank, int32_t result)
{
    *find(b, left, right) = (struct bpe_slot){left, right, rank, result};
}

static int32_t rank_of(const struct bpe *b, int32_t left, int32_t right)
{
    const struct bpe_slot *s = find(b, left, right);
    return s->left >= 0 ? s->rank : NEVER;
}

/* Merges piece i with its right neighbour j. */
static void join(const struct bpe *b, struct bpe_piece *left, const struct bpe_piece *right)
{
    left->id = find(b, left->id, right->id)->result;
    left->len = right->at + right->len - left->at;
}

static size_t merge_short(const struct bpe *b, struct bpe_piece *p, size_t n)
{
    int32_t rank[LINEAR_MAX];
    for (size_t i = 0; i + 1 < n; i++)
        rank[i] = rank_of(b, p[i].id, p[i + 1].id);
    while (n > 1) {
        size_t best = 0;
        for (size_t i = 1; i + 1 < n; i++)
            if (rank[i] < rank[best])
                best = i;
        if (rank[best] == NEVER)
            break;
        join(b, &p[best], &p[best + 1]);
        n--;
        memmove(p + best + 1, p + best + 2, (n - best - 1) * sizeof *p);
        memmove(rank + best, rank + best + 1, (n - best - 1) * sizeof *rank);
        if (best > 0)
            rank[best - 1] = rank_of(b, p[best - 1].id, p[best].id);
        if (best + 1 < n)
            rank[best] = rank_of(b, p[best].id, p[best + 1].id);
    }
    return n;
}

/* A binary heap of rank << 32 | place: the lowest rank first, the leftmost of equals. */
static void heap_push(struct bpe_scratch *t, size_t *n, uint64_t v)
{
    t->heap = grow(t->heap, &t->cap_heap, *n + 1, sizeof *t->heap);
    size_t i = (*n)++;
    for (; i > 0 && t->heap[(i - 1) / 2] > v; i = (i - 1) / 2)
        t->heap[i] = t->heap[(i - 1) / 2];
    t->heap[i] = v;
}

static uint64_t heap_pop(struct bpe_scratch *t, size_t *n)
{
    const uint64_t top = t->heap[0], v = t->heap[--*n];
    size_t i = 0;
    for (size_t child = 1; child < *n; child = 2 * i + 1) {
        if (child + 1 < *n && t->heap[child + 1] < t->heap[child])
            child++;
        if (v <= t->heap[child])
            break;
        t->heap[i] = t->heap[child];
        i = child;
    }
    t->heap[i] = v;
    return top;
}

/* Notes the pair that begins at i; an older entry of the heap for i is void when its rank is
 * another. */
static void note_pair(const struct bpe *b, struct bpe_scratch *t, size_t *n_heap, uint32_t i)
{
    const uint32_t j = t->next[i];
    const int32_t rank = j == NONE ? NEVER : rank_of(b, t->piece[i].id, t->piece[j].id);
    t->rank[i] = (uint32_t)rank;
    if (rank != NEVER)
        heap_push(t, n_heap, (uint64_t)(uint32_t)rank << 32 | i);
}

static size_t merge_long(const struct bpe *b, struct bpe_scratch *t, size_t n)
{
    size_t n_heap = 0;
    for (uint32_t i = 0; i < n; i++) {
        t->previous[i] = i == 0 ? NONE : i - 1;
        t->next[i] = i + 1 < n ? i + 1 : NONE;
    }
    for (uint32_t i = 0; i < n; i++)
        note_pair(b, t, &n_heap, i);
    while (n_heap > 0) {
        const uint64_t top = heap_pop(t, &n_heap);
        const uint32_t i = (uint32_t)top, j = t->next[i];
        if (t->rank[i] != top >> 32 || j == NONE)
            continue;
        join(b, &t->piece[i], &t->piece[j]);
        t->rank[j] = NEVER;
        t->next[i] = t->next[j];
        if (t->next[i] != NONE)
            t->previous[t->next[i]] = i;
        note_pair(b, t, &n_heap, i);
        if (t->previous[i] != NONE)
            note_pair(b, t, &n_heap, t->previous[i]);
    }
    size_t k = 0;
    for (uint32_t i = 0; i != NONE; i = t->next[i])
        t->piece[k++] = t->piece[i];
    return k;
}

void bpe_reserve(struct bpe_scratch *t, size_t n)
{
    if (n <= t->cap)
        return;
    t->piece = grow(t->piece, &t->cap, n, sizeof *t->piece);
    t->previous = xreallocarray(t->previous, t->cap, sizeof *t->previous);
    t->next = xreallocarray(t->next, t->cap, sizeof *t->next);
    t->rank = xreallocarray(t->rank, t->cap, sizeof *t->rank);
}

size_t bpe_merge(const struct bpe *b, struct bpe_scratch *t, size_t n)
{
    if (n < 2)
        return n;
    return n <= LINEAR_MAX ? merge_short(b, t->piece, n) : merge_long(b, t, n);
}

size_t bpe_encode(const struct bpe *b, const char *word, size_t n, struct bpe_scratch *t)
{
    bpe_reserve(t, n);
    size_t k = 0;
    for (size_t i = 0; i < n; i++) {
        const int32_t id = b->byte_id[(unsigned char)word[i]];
        if (id >= 0)
            t->piece[k++] = (struct bpe_piece){.id = id, .at = (uint32_t)i, .len = 1};
    }
    return bpe_merge(b, t, k);
}

void bpe_scratch_release(struct bpe_scratch *t)
{
    free(t->piece);
    free(t->previous);
    free(t->next);
    free(t->rank);
    free(t->heap);
    *t = (struct bpe_scratch){0};
}

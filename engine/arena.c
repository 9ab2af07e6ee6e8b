/* The arena of a run: blocks of device memory, filled one after the other. */
#include "engine/arena.h"
#include "engine/base/memory.h"
#include "engine/device.h"
#include <stdlib.h>

#define ALIGN 64
#define MIN_BLOCK ((size_t)1 << 20)
#define MAX_BLOCK ((size_t)64 << 20)

struct arena_block {
    struct buf *buf;
    size_t n;
};

struct arena {
    struct queue *queue;
    struct arena_block *block;
    size_t n_blocks, cap;
    size_t at, used; /* the block being filled and how far */
    size_t held;
};

struct arena *arena_new(struct queue *q)
{
    struct arena *a = xcalloc(1, sizeof *a);
    a->queue = q;
    return a;
}

void arena_free(struct arena *a)
{
    if (a == NULL)
        return;
    for (size_t i = 0; i < a->n_blocks; i++)
        device_buf_free(a->queue, a->block[i].buf);
    free(a->block);
    free(a);
}

struct arena_mark arena_mark(const struct arena *a)
{
    return (struct arena_mark){a->at, a->used};
}

void arena_reset(struct arena *a, struct arena_mark m)
{
    a->at = m.block;
    a->used = m.used;
}

size_t arena_peak(const struct arena *a)
{
    return a->held;
}

static void swap_blocks(struct arena *a, size_t i, size_t j)
{
    struct arena_block t = a->block[i];
    a->block[i] = a->block[j];
    a->block[j] = t;
}

/* Puts a block of at least n bytes at place i: one from further on, or a new one. */
static bool bring_block(struct arena *a, size_t i, size_t n, struct error *e)
{
    for (size_t j = i; j < a->n_blocks; j++)
        if (a->block[j].n >= n) {
            swap_blocks(a, i, j);
            return true;
        }
    size_t size = a->held < MIN_BLOCK ? MIN_BLOCK : a->held < MAX_BLOCK ? a->held : MAX_BLOCK;
    size = size > n ? size : n;
    struct buf *buf = device_alloc(a->queue, size, e);
    if (buf == NULL)
        return false;
    a->block = grow(a->block, &a->cap, a->n_blocks + 1, sizeof *a->block);
    a->block[a->n_blocks] = (struct arena_block){buf, size};
    a->held += size;
    swap_blocks(a, i, a->n_blocks++);
    return true;
}

bool arena_take(struct arena *a, size_t n, struct buf **buf, size_t *off, struct error *e)
{
    size_t need = 0;
    if (!size_add(n, ALIGN - 1, &need))
        return error_set(e, ERROR_SYSTEM, "run: a result of %zu bytes is too large", n);
    need -= need % ALIGN;
    if (a->at >= a->n_blocks || need > a->block[a->at].n - a->used) {
        size_t next = a->used == 0 ? a->at : a->at + 1;
        if (!bring_block(a, next, need, e))
            return false;
        a->at = next, a->used = 0;
    }
    *buf = a->block[a->at].buf;
    *off = a->used;
    a->used += need;
    return true;
}

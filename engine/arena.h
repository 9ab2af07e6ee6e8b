/* The arena of a run: a bump allocator over device buffers. Blocks stay when it is reset, so a warm
 * run allocates nothing. */
#ifndef GLIMT_ENGINE_ARENA_H
#define GLIMT_ENGINE_ARENA_H
#include "engine/backend.h"

struct arena;
struct arena *arena_new(struct queue *); /* freed before the queue */
void arena_free(struct arena *);
struct arena_mark {
    size_t block, used;
};
struct arena_mark arena_mark(const struct arena *);
void arena_reset(struct arena *, struct arena_mark); /* releases what came after the mark */
size_t arena_peak(const struct arena *);             /* bytes held */
/* For run.c: n bytes at *off of *buf, 64-byte aligned, until the arena is reset to before them. */
bool arena_take(struct arena *, size_t n, struct buf **buf, size_t *off, struct error *);
#endif

/* The arena's room, for run.c. */
#ifndef GLIMT_ENGINE_ARENA_H
#define GLIMT_ENGINE_ARENA_H
#include "engine/run.h"

/* n bytes at *off of *buf, 64-byte aligned, until the arena is reset to before them. */
bool arena_take(struct arena *, size_t n, struct buf **buf, size_t *off, struct error *);
#endif

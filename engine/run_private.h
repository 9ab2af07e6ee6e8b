/* What run.c, arena.c and tape.c share. */
#ifndef GLIMT_ENGINE_RUN_PRIVATE_H
#define GLIMT_ENGINE_RUN_PRIVATE_H
#include "engine/run.h"

/* n bytes, 64-byte aligned, until the arena is reset to before them. */
bool arena_take(struct arena *, size_t n, struct buf **, size_t *off, struct error *);

void tape_add(struct tape *, const struct op_record *);
/* A copy of n numbers that lives as long as the tape. */
const int32_t *tape_keep(struct tape *, const int32_t *, size_t n);
#endif

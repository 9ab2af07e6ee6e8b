/* Writing a tape, for run.c; reading it: run.h. */
#ifndef GLIMT_ENGINE_TAPE_H
#define GLIMT_ENGINE_TAPE_H
#include "engine/run.h"

void tape_add(struct tape *, const struct op_record *);
/* A copy of n numbers that lives as long as the tape. */
const int32_t *tape_keep(struct tape *, const int32_t *, size_t n);
#endif

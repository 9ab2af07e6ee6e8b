/* Independent ranges of one loop on all cores, for what is computed on the host once, at opening.
 * (What a device computes runs on its own threads.) */
#ifndef GLIMT_BASE_PARALLEL_H
#define GLIMT_BASE_PARALLEL_H
#include <stdint.h>

/* Calls fn(arg, first, end) for ranges that together are 0 … n−1, each of at most `grain`, in any
 * order and from several threads; returns when all are done. */
void parallel_for(int64_t n, int64_t grain, void (*fn)(void *arg, int64_t first, int64_t end),
                  void *arg);
/* Cores that this process may use. */
int parallel_cores(void);
#endif

/* Threads of the host: ranges of one loop on all cores, for what is computed once, at opening; and
 * work beside a caller whose own loop goes on. (What a device computes runs on its own threads.) */
#ifndef GLIMT_BASE_PARALLEL_H
#define GLIMT_BASE_PARALLEL_H
#include <pthread.h>
#include <stdint.h>

/* Calls fn(arg, first, end) for ranges that together are 0 … n−1, each of at most `grain`, in any
 * order and from several threads; returns when all are done. */
void parallel_for(int64_t n, int64_t grain, void (*fn)(void *arg, int64_t first, int64_t end),
                  void *arg);
/* In so many threads at most from now on (--threads); 0: as many as there are cores. */
void parallel_limit(int n);
/* fn(arg) in n threads at once, n ≥ 1; returns when all have ended. Meanwhile the calling thread
 * calls `between` (may be NULL) about every 5 ms. Where no thread can be had fn runs in the calling
 * one, once. */
void parallel_beside(int n, void (*fn)(void *arg), void *arg, void (*between)(void *arg),
                     void *between_arg);
/* Cores that this process may use. */
int parallel_cores(void);
/* pthread_create for a thread that hears no signals: they are for those that were there. 0, or the
 * error's number. */
int thread_start(pthread_t *, void *(*fn)(void *), void *arg);
#endif

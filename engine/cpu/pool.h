/* A pool of threads for loops of independent tasks. One loop at a time, started by one thread,
 * which works along. Workers spin for a few microseconds after a loop, then sleep; they are a
 * little nicer than the caller, take no signals, and after a pause begin on other cores than the
 * caller's. */
#ifndef GLIMT_ENGINE_CPU_POOL_H
#define GLIMT_ENGINE_CPU_POOL_H
#include <stdint.h>

struct pool;
/* Runs task `i`; `thread` is in [0, pool_threads): for scratch memory. */
typedef void pool_task(void *arg, int thread, int64_t i);

/* n_threads 0: the cores this process may use. Fewer threads when the system gives no more. */
struct pool *pool_new(int n_threads);
void pool_free(struct pool *);
int pool_threads(const struct pool *);
/* Runs tasks 0 … n−1 in any order and returns when all are done. */
void pool_run(struct pool *, int64_t n, pool_task *, void *arg);
#endif

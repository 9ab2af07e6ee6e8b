#include "engine/base/parallel.h"
#include "engine/base/memory.h"
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

int parallel_cores(void)
{
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
}

struct loop {
    int64_t n, grain;
    void (*fn)(void *arg, int64_t first, int64_t end);
    void *arg;
    atomic_llong next;
};

static void *work(void *arg)
{
    struct loop *l = arg;
    for (int64_t i; (i = atomic_fetch_add(&l->next, l->grain)) < l->n;)
        l->fn(l->arg, i, l->n - i < l->grain ? l->n : i + l->grain);
    return NULL;
}

void parallel_for(int64_t n, int64_t grain, void (*fn)(void *arg, int64_t first, int64_t end),
                  void *arg)
{
    struct loop l = {.n = n, .grain = grain, .fn = fn, .arg = arg};
    const int64_t ranges = (n + grain - 1) / grain;
    const int most = ranges < parallel_cores() ? (int)ranges : parallel_cores();
    pthread_t *thread = xcalloc((size_t)most + 1, sizeof *thread);
    int started = 0;
    sigset_t all, old; /* signals are for the threads that were there */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    while (started < most - 1 && pthread_create(&thread[started], NULL, work, &l) == 0)
        started++;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    work(&l);
    for (int i = 0; i < started; i++)
        pthread_join(thread[i], NULL);
    free(thread);
}

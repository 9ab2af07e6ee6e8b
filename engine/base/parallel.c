#include "engine/base/parallel.h"
#include "engine/base/memory.h"
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define BETWEEN_NS 5000000

int parallel_cores(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0)
        return CPU_COUNT(&set);
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 ? (int)n : 1;
}

int thread_start(pthread_t *thread, void *(*fn)(void *), void *arg)
{
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    const int failed = pthread_create(thread, NULL, fn, arg);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return failed;
}

static atomic_int limit;

void parallel_limit(int n)
{
    atomic_store(&limit, n);
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
    const int asked = atomic_load(&limit), threads = asked > 0 ? asked : parallel_cores();
    const int most = ranges < threads ? (int)ranges : threads;
    pthread_t *thread = xcalloc((size_t)most + 1, sizeof *thread);
    int started = 0;
    while (started < most - 1 && thread_start(&thread[started], work, &l) == 0)
        started++;
    work(&l);
    for (int i = 0; i < started; i++)
        pthread_join(thread[i], NULL);
    free(thread);
}

/* ---- beside the caller */
struct beside {
    void (*fn)(void *arg);
    void *arg;
    pthread_mutex_t lock;
    pthread_cond_t ended;
    int running; /* threads */
};

static void *run_beside(void *arg)
{
    struct beside *b = arg;
    b->fn(b->arg);
    pthread_mutex_lock(&b->lock);
    b->running--;
    pthread_cond_signal(&b->ended);
    pthread_mutex_unlock(&b->lock);
    return NULL;
}

/* False: all have ended. */
static bool wait_a_moment(struct beside *b)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += BETWEEN_NS;
    if (until.tv_nsec >= 1000000000)
        until.tv_sec++, until.tv_nsec -= 1000000000;
    pthread_mutex_lock(&b->lock);
    while (b->running > 0 && pthread_cond_timedwait(&b->ended, &b->lock, &until) != ETIMEDOUT)
        ;
    const bool running = b->running > 0;
    pthread_mutex_unlock(&b->lock);
    return running;
}

static void beside_init(struct beside *b, int n)
{
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&b->ended, &attr);
    pthread_condattr_destroy(&attr);
    pthread_mutex_init(&b->lock, NULL);
    b->running = n;
}

void parallel_beside(int n, void (*fn)(void *arg), void *arg, void (*between)(void *arg),
                     void *between_arg)
{
    struct beside b = {.fn = fn, .arg = arg};
    pthread_t *thread = xcalloc((size_t)n, sizeof *thread);
    int started = 0;
    beside_init(&b, n);
    while (started < n && thread_start(&thread[started], run_beside, &b) == 0)
        started++;
    pthread_mutex_lock(&b.lock);
    b.running -= n - started;
    pthread_mutex_unlock(&b.lock);
    if (started == 0)
        fn(arg);
    while (between && wait_a_moment(&b))
        between(between_arg);
    for (int i = 0; i < started; i++)
        pthread_join(thread[i], NULL);
    pthread_cond_destroy(&b.ended);
    pthread_mutex_destroy(&b.lock);
    free(thread);
}

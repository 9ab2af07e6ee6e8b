#include "engine/cpu/pool.h"
#include "engine/base/memory.h"
#include "engine/base/parallel.h"
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define SPIN_NS 30000
#define PAUSE_NS 1000000
#define CLOSED (-1)

struct pool {
    _Alignas(64) atomic_llong next;        /* task */
    char apart[64 - sizeof(atomic_llong)]; /* every task writes `next`: what others read is in other
                                              lines */
    atomic_int users;                      /* workers inside the loop, or CLOSED */
    atomic_uint loop;                      /* number of loops started */
    atomic_int sleepers;
    atomic_bool stop, caller_waits;
    int n_threads;
    int kept_off;      /* the core where no worker runs; −1: they run anywhere */
    int64_t ended;     /* the last loop */
    cpu_set_t allowed; /* when the pool began */
    pool_task *task;
    void *arg;
    int64_t n;
    pthread_t *thread;
    struct pool_slot {
        struct pool *pool;
        int index;
    } * slot;
    pthread_mutex_t lock;
    pthread_cond_t start, done;
};

static void relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* Waits a little without sleeping; true when another loop began (or the pool ends). */
static bool spin(struct pool *p, unsigned seen)
{
    int64_t end = now_ns() + SPIN_NS;
    do {
        for (int i = 0; i < 32; i++) {
            if (atomic_load(&p->loop) != seen)
                return true;
            relax();
        }
    } while (now_ns() < end);
    return false;
}

static void sleep_until_start(struct pool *p, unsigned seen)
{
    pthread_mutex_lock(&p->lock);
    atomic_fetch_add(&p->sleepers, 1);
    while (atomic_load(&p->loop) == seen)
        pthread_cond_wait(&p->start, &p->lock);
    atomic_fetch_sub(&p->sleepers, 1);
    pthread_mutex_unlock(&p->lock);
}

static void work(struct pool *p, int thread)
{
    for (int64_t i; (i = atomic_fetch_add_explicit(&p->next, 1, memory_order_relaxed)) < p->n;)
        p->task(p->arg, thread, i);
}

/* A loop may be over before a worker wakes: only an open one is entered, so the caller waits for
 * nobody who has not begun. */
static bool enter(struct pool *p)
{
    int users = atomic_load(&p->users);
    while (users != CLOSED)
        if (atomic_compare_exchange_weak(&p->users, &users, users + 1))
            return true;
    return false;
}

static void leave(struct pool *p)
{
    if (atomic_fetch_sub(&p->users, 1) != 1 || !atomic_load(&p->caller_waits))
        return;
    pthread_mutex_lock(&p->lock);
    pthread_cond_signal(&p->done);
    pthread_mutex_unlock(&p->lock);
}

static void *worker(void *arg)
{
    struct pool_slot *slot = arg;
    struct pool *p = slot->pool;
    setpriority(PRIO_PROCESS, (id_t)gettid(), getpriority(PRIO_PROCESS, (id_t)gettid()) + 1);
    for (unsigned seen = 0;;) {
        if (!spin(p, seen))
            sleep_until_start(p, seen);
        seen = atomic_load(&p->loop);
        if (atomic_load(&p->stop))
            return NULL;
        if (enter(p)) {
            work(p, slot->index);
            leave(p);
        }
    }
}

static void wake(struct pool *p)
{
    atomic_fetch_add(&p->loop, 1);
    if (atomic_load(&p->sleepers) == 0)
        return;
    pthread_mutex_lock(&p->lock);
    pthread_cond_broadcast(&p->start);
    pthread_mutex_unlock(&p->lock);
}

static bool try_close(struct pool *p)
{
    int none = 0;
    return atomic_compare_exchange_strong(&p->users, &none, CLOSED);
}

static void allow_workers(struct pool *p, const cpu_set_t *cpus)
{
    for (int i = 1; i < p->n_threads; i++)
        pthread_setaffinity_np(p->thread[i], sizeof *cpus, cpus);
}

/* After some idle milliseconds the kernel likes to wake a worker on the caller's own core, where
 * the two then take turns for the first dozens of loops. So after a pause workers are kept off it.
 */
static void keep_workers_off_the_caller(struct pool *p)
{
    int cpu = atomic_load(&p->sleepers) == 0 ? -1 : sched_getcpu();
    if (cpu < 0 || cpu >= CPU_SETSIZE || cpu == p->kept_off || now_ns() - p->ended < PAUSE_NS)
        return;
    cpu_set_t others = p->allowed;
    CPU_CLR((size_t)cpu, &others);
    if (CPU_COUNT(&others) < p->n_threads - 1)
        return;
    allow_workers(p, &others);
    p->kept_off = cpu;
}

/* Others compete for the cores that are left: a worker that waits for its turn there could go on
 * where the caller now only waits. */
static void let_workers_go(struct pool *p)
{
    if (p->kept_off < 0)
        return;
    allow_workers(p, &p->allowed);
    p->kept_off = -1;
}

static void wait_for_workers(struct pool *p)
{
    int64_t end = now_ns() + SPIN_NS;
    do {
        for (int i = 0; i < 32; i++) {
            if (try_close(p))
                return;
            relax();
        }
    } while (now_ns() < end);
    let_workers_go(p);
    pthread_mutex_lock(&p->lock);
    atomic_store(&p->caller_waits, true);
    while (!try_close(p))
        pthread_cond_wait(&p->done, &p->lock);
    atomic_store(&p->caller_waits, false);
    pthread_mutex_unlock(&p->lock);
}

void pool_run(struct pool *p, int64_t n, pool_task *task, void *arg)
{
    if (n <= 1 || p->n_threads == 1) {
        for (int64_t i = 0; i < n; i++)
            task(arg, 0, i);
        return;
    }
    p->task = task, p->arg = arg, p->n = n;
    atomic_store_explicit(&p->next, 0, memory_order_relaxed);
    atomic_store(&p->users, 0);
    keep_workers_off_the_caller(p);
    wake(p);
    work(p, 0);
    if (!try_close(p))
        wait_for_workers(p);
    p->ended = now_ns();
}

static void start_workers(struct pool *p, int n)
{
    for (; p->n_threads < n; p->n_threads++) {
        int i = p->n_threads;
        p->slot[i] = (struct pool_slot){p, i};
        if (thread_start(&p->thread[i], worker, &p->slot[i]) != 0)
            break;
    }
}

struct pool *pool_new(int n_threads)
{
    int n = n_threads > 0 ? n_threads : parallel_cores();
    struct pool *p = aligned_alloc(64, sizeof *p);
    if (p == NULL)
        return NULL;
    *p = (struct pool){.n_threads = 1, .kept_off = -1};
    if (sched_getaffinity(0, sizeof p->allowed, &p->allowed) != 0)
        CPU_ZERO(&p->allowed);
    p->thread = xcalloc((size_t)n, sizeof *p->thread);
    p->slot = xcalloc((size_t)n, sizeof *p->slot);
    atomic_init(&p->users, CLOSED);
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->start, NULL);
    pthread_cond_init(&p->done, NULL);
    start_workers(p, n);
    return p;
}

void pool_free(struct pool *p)
{
    if (p == NULL)
        return;
    atomic_store(&p->stop, true);
    wake(p);
    for (int i = 1; i < p->n_threads; i++)
        pthread_join(p->thread[i], NULL);
    pthread_cond_destroy(&p->done);
    pthread_cond_destroy(&p->start);
    pthread_mutex_destroy(&p->lock);
    free(p->slot);
    free(p->thread);
    free(p);
}

int pool_threads(const struct pool *p)
{
    return p->n_threads;
}

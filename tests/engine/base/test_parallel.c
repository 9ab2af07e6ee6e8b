/* Every index once, whatever the ranges. */
#include "engine/base/parallel.h"
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
/* after its prerequisites */
#include <cmocka.h>

enum { MOST = 3000 };
struct seen {
    int64_t n, grain;
    atomic_int times[MOST];
    atomic_int wrong;
};

static void see(void *arg, int64_t first, int64_t end)
{
    struct seen *s = arg;
    if (first < 0 || end > s->n || end <= first || end - first > s->grain)
        atomic_fetch_add(&s->wrong, 1);
    else
        for (int64_t i = first; i < end; i++)
            atomic_fetch_add(&s->times[i], 1);
}

static void every_index_once(void **state)
{
    (void)state;
    static const int64_t n[] = {0, 1, 2, 7, 64, 1000, MOST}, grain[] = {1, 3, 64, 999, 100000};
    for (size_t i = 0; i < sizeof n / sizeof *n; i++)
        for (size_t j = 0; j < sizeof grain / sizeof *grain; j++) {
            struct seen s = {.n = n[i], .grain = grain[j]};
            parallel_for(n[i], grain[j], see, &s);
            assert_int_equal(s.wrong, 0);
            for (int64_t k = 0; k < MOST; k++)
                assert_int_equal(s.times[k], k < n[i]);
        }
    assert_true(parallel_cores() >= 1);
}

struct threads {
    pthread_t caller;
    atomic_int at_once, elsewhere;
};

static void with_two_others(void *arg, int64_t first, int64_t end)
{
    struct threads *t = arg;
    (void)first, (void)end;
    atomic_fetch_add(&t->at_once, 1);
    while (atomic_load(&t->at_once) < 3) /* each in a thread of its own */
        sched_yield();
}

static void where(void *arg, int64_t first, int64_t end)
{
    struct threads *t = arg;
    (void)first, (void)end;
    if (!pthread_equal(pthread_self(), t->caller))
        atomic_fetch_add(&t->elsewhere, 1);
}

static void so_many_threads_as_asked(void **state)
{
    (void)state;
    struct threads t = {.caller = pthread_self()};
    parallel_limit(3);
    parallel_for(3, 1, with_two_others, &t);
    assert_int_equal(t.at_once, 3);
    parallel_limit(1);
    parallel_for(100, 1, where, &t);
    assert_int_equal(t.elsewhere, 0);
    parallel_limit(0);
}

struct together {
    atomic_int started, between;
};

/* Each waits for all the others, and for the caller: none of them is called after the other. */
static void wait_for_all(void *arg)
{
    struct together *t = arg;
    atomic_fetch_add(&t->started, 1);
    while (atomic_load(&t->started) < 3 || atomic_load(&t->between) == 0)
        sched_yield();
}

static void between(void *arg)
{
    atomic_fetch_add(&((struct together *)arg)->between, 1);
}

static void count_start(void *arg)
{
    atomic_fetch_add(&((struct together *)arg)->started, 1);
}

static void beside_the_caller(void **state)
{
    (void)state;
    struct together t = {0}, alone = {0};
    parallel_beside(3, wait_for_all, &t, between, &t);
    assert_int_equal(t.started, 3);
    assert_true(t.between > 0);
    parallel_beside(2, count_start, &alone, NULL, NULL);
    assert_int_equal(alone.started, 2);
}

static void *mask_there(void *arg)
{
    sigset_t *mask = arg;
    pthread_sigmask(SIG_SETMASK, NULL, mask);
    return NULL;
}

static void no_signals_there(void **state)
{
    (void)state;
    sigset_t there, before, after;
    pthread_t thread;
    sigemptyset(&there);
    pthread_sigmask(SIG_SETMASK, NULL, &before);
    assert_int_equal(thread_start(&thread, mask_there, &there), 0);
    pthread_join(thread, NULL);
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    assert_true(sigismember(&there, SIGINT) && sigismember(&there, SIGWINCH));
    assert_int_equal(sigismember(&after, SIGINT), sigismember(&before, SIGINT));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_index_once), cmocka_unit_test(so_many_threads_as_asked),
        cmocka_unit_test(beside_the_caller), cmocka_unit_test(no_signals_there)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

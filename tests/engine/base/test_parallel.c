/* Every index once, whatever the ranges. */
#include "engine/base/parallel.h"
#include <setjmp.h>
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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_index_once)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

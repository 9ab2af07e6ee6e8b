#include "engine/base/best.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static void best_of_many(void **state)
{
    (void)state;
    struct best b;
    for (int32_t cap = 0; cap < 20; cap++) {
        best_init(&b, cap);
        for (int round = 0; round < 2; round++) {
            best_clear(&b);
            for (int32_t i = 0; i < 15; i++) /* 0 7 4 1 8 5 2 9 6 3 0 7 4 1 8 */
                best_offer(&b, i * 7 % 10, i);
            best_offer(&b, (double)NAN, 99);
            best_sort(&b);
            static const int32_t order[15] = {7, 4, 14, 1, 11, 8, 5, 2, 12, 9, 6, 3, 13, 0, 10};
            assert_int_equal(b.n, cap < 15 ? cap : 15);
            for (int32_t i = 0; i < b.n; i++)
                assert_int_equal(b.item[i].id, order[i]);
        }
        best_release(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(best_of_many)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Numbers as people read them in narrow columns: no uncertainty shows as 0. */
#include "tui/view/label.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_half_width(void **state)
{
    char out[32];
    (void)state;
    half_width(0.453, 2, out, sizeof out);
    assert_string_equal(out, "0.45");
    half_width(0.0051, 2, out, sizeof out);
    assert_string_equal(out, "0.01");
    half_width(0.0049, 2, out, sizeof out);
    assert_string_equal(out, "<.01");
    half_width(1e-9, 3, out, sizeof out);
    assert_string_equal(out, "<.001");
}

static const char *label(double lo, double hi, bool sign, bool ascii)
{
    static char out[64];
    interval_label(lo, hi, 2, sign, ascii, out, sizeof out);
    return out;
}

static void test_interval(void **state)
{
    (void)state;
    assert_string_equal(label(2.871, 2.949, false, false), "2.87…2.95");
    assert_string_equal(label(-0.02, 0.1, true, false), "−0.02…+0.10");
    assert_string_equal(label(-0.02, 0.1, true, true), "-0.02..+0.10");
    assert_string_equal(label(2.871, 2.873, false, false), "±<.01");
    assert_string_equal(label(-0.001, 0.001, true, true), "+-<.01");
    assert_string_equal(label((double)NAN, (double)NAN, true, false), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_half_width),
        cmocka_unit_test(test_interval),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

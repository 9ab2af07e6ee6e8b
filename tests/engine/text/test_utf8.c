#include "engine/text/utf8.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void round_trip(void **state)
{
    (void)state;
    for (uint32_t c = 0; c < 0x110000; c++) {
        char s[4];
        size_t len = 9;
        bool valid = false;
        const size_t n = utf8_encode(c, s);
        const uint32_t back = utf8_decode(s, n, &len, &valid);
        const bool surrogate = c >= 0xD800 && c < 0xE000;
        if (back != (surrogate ? 0xFFFD : c) || len != n || !valid)
            fail_msg("U+%04X came back as U+%04X, %zu of %zu bytes", (unsigned)c, (unsigned)back,
                     len, n);
        for (size_t cut = 1; cut < n && c % 97 == 0;
             cut++) { /* cut short: all that is left is one bad part */
            assert_int_equal(utf8_decode(s, cut, &len, &valid), 0xFFFD);
            assert_int_equal(len, cut);
            assert_false(valid);
        }
    }
    char s[4];
    assert_int_equal(utf8_encode(0x110000, s), 3);
}

/* The examples of Unicode 15, 3.9, tables 3-8 to 3-11: one replacement for each maximal subpart. */
static void maximal_subparts(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
        size_t bad;
    } cases[] = {
        {"\xC0\xAF\xE0\x80\xBF\xF0\x81\x82\x41",
         "\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFDA", 8},
        {"\xED\xA0\x80\xED\xBF\xBF\xED\xAF\x41",
         "\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFDA", 8},
        {"\xF4\x91\x92\x93\xFF\x41\x80\xBF\x42", "\uFFFD\uFFFD\uFFFD\uFFFD\uFFFDA\uFFFD\uFFFDB", 7},
        {"\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41", "\uFFFD\uFFFD\uFFFD\uFFFDA", 4},
        {"r\xC3\xB8", "rø", 0},
        {"", "", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t n, bad;
        char *s = utf8_repair(cases[i].in, strlen(cases[i].in), &n, &bad);
        assert_string_equal(s, cases[i].out);
        assert_int_equal(n, strlen(cases[i].out));
        assert_int_equal(bad, cases[i].bad);
        assert_int_equal(utf8_is_valid(cases[i].in, strlen(cases[i].in)), bad == 0);
        free(s);
    }
    char *s = utf8_repair("a\0b", 3, NULL, NULL);
    assert_memory_equal(s, "a\0b", 4);
    free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(round_trip),
                                       cmocka_unit_test(maximal_subparts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

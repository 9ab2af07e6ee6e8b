/* Rows of a text: nothing is lost, nothing is wider than it may be. */
#include "tui/term/grid.h"
#include "tui/widget/text_rows.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Rows: nothing lost, nothing twice, none too wide, words whole where they fit. */
static void test_rows(void **state)
{
    (void)state;
    static const char *const s[] = {"",
                                    " ",
                                    "en to tre fire",
                                    "a\n\nb\n",
                                    "漢字漢字漢字 ab",
                                    "Donaudampfschiffahrtsgesellschaft x",
                                    "\n"};
    for (size_t i = 0; i < sizeof s / sizeof *s; i++)
        for (int width = 1; width < 20; width++) {
            int32_t n;
            struct text_row *row = text_rows(s[i], strlen(s[i]), width, &n);
            assert_true(n >= 1 && row[0].start == 0 && row[n - 1].end == strlen(s[i]));
            for (int32_t k = 0; k < n; k++) {
                size_t end = row[k].end;
                assert_true(k == 0 || row[k].start == row[k - 1].end ||
                            (row[k].start == row[k - 1].end + 1 && s[i][row[k - 1].end] == '\n'));
                while (end > row[k].start && s[i][end - 1] == ' ')
                    end--; /* blanks hang */
                int w = text_columns(s[i] + row[k].start, end - row[k].start);
                assert_true(w <= width || (width == 1 && w == 2));
            }
            free(row);
        }
    int32_t n;
    struct text_row *row = text_rows(s[2], strlen(s[2]), 7, &n);
    assert_int_equal(n, 3);
    assert_int_equal(row[1].start, 6);
    assert_int_equal(row[2].start, 10);
    free(row);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

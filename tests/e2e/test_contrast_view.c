/* A journey through the Contrast view: the real binary on the bundled demo, its numbers against
 * those of the command line. */
#include "engine/base/memory.h"
#include "tests/support/explorer.h"
#include "tests/support/journey.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct term *begin(int w, int h)
{
    const char *argv[] = {glimt_binary(), "--theme", "dark", "--color", "256", NULL};
    struct term *t = term_start(&(struct term_options){.argv = argv, .w = w, .h = h});
    settle(t);
    escape(t);
    term_type(t, "7");
    settle(t);
    return t;
}

/* Signs in the plot, above the row that the axis stands in, and all of them in the colour. */
static int signs(struct term *t, const char *sign, enum theme_role role, int bottom)
{
    struct theme *theme;
    struct error e = {0};
    int n = 0;
    setenv("GLIMT_DATA", ".", 1); /* themes of the tree */
    assert_true(theme_open("dark", DEPTH_256, false, &theme, &e));
    unsetenv("GLIMT_DATA");
    for (int y = 3; y < bottom; y++)
        for (int x = 2; x < 70; x++) {
            const struct term_cell c = term_cell(t, x, y);
            if (strcmp(c.glyph, sign) != 0)
                continue;
            assert_int_equal(c.style.fg, theme_style(theme, role).fg);
            n++;
        }
    theme_free(theme);
    return n;
}

static void test_words_of_two_languages(void **state)
{
    (void)state;
    need_demo();
    char text[80];
    int x, y, bottom;
    json_t *root = JSON_OF(&with_cache, "contrast", "ttest", "language.tsv", "--space");
    const int best = get_whole(json_array_get(get_list(root, "rows"), 0), "unit"),
              next = get_whole(json_array_get(get_list(root, "rows"), 1), "unit");
    json_decref(root);
    struct term *t = begin(120, 36);
    snprintf(text, sizeof text, "latent %d", best); /* across; the next best upwards */
    assert_shows(t, text);
    assert_true(term_find(t, text, &x, &bottom));
    snprintf(text, sizeof text, "latent %d", next);
    assert_shows(t, text);
    assert_shows(t, "localisation");
    assert_in_range(signs(t, "●", ROLE_CLASS_1, bottom), 10, 72);
    assert_in_range(signs(t, "○", ROLE_CLASS_2, bottom), 10, 72);

    term_type(t, "i"); /* a word of one's own */
    term_type(t, "jordbær");
    settle(t);
    assert_true(term_has(t, "◆"));
    char of_x[32], of_y[32];
    snprintf(of_x, sizeof of_x, "%d", best);
    snprintf(of_y, sizeof of_y, "%d", next);
    root = JSON_OF(&with_cache, "contrast", "points", "language.tsv", "--space", "--x", of_x, "--y",
                   of_y, "--word", "jordbær");
    const json_t *rows = get_list(root, "rows"),
                 *row = json_array_get(rows, json_array_size(rows) - 1),
                 *value = json_object_get(row, "value");
    assert_true(json_is_null(json_object_get(row, "class")));
    snprintf(text, sizeof text, "jordbær: %.2f, %.2f", get_number(value, of_x),
             get_number(value, of_y));
    assert_shows(t, text);
    json_decref(root);

    term_resize(t, 80, 24); /* it stays, whatever the size */
    settle(t);
    assert_shows(t, "word jordbær");
    term_resize(t, 40, 12);
    settle(t);
    assert_shows(t, "word jordbær");
    term_resize(t, 120, 36);
    settle(t);
    assert_shows(t, "localisation");
    escape(t); /* of the word */
    assert_true(term_wait_no_text(t, "word jordbær", WAIT));

    snprintf(text, sizeof text, "y   %d", next); /* a unit under the mouse */
    assert_true(term_find(t, text, &x, &y));
    term_mouse(t, MOUSE_PRESS, 1, x + 4, y, 0);
    term_mouse(t, MOUSE_RELEASE, 1, x + 4, y, 0);
    snprintf(text, sizeof text, "x   %d", next);
    assert_shows(t, text);
    term_type(t, "n"); /* neurons */
    settle(t);
    assert_shows(t, "Neurons · da against en");
    quit(t);
}

static void test_another_list(void **state)
{
    (void)state;
    need_demo();
    struct term *t = begin(100, 30);
    term_type(t, "w");
    settle(t);
    assert_shows(t, "male against female");
    term_type(t, ":words nosuch.tsv");
    term_key(t, "Enter");
    settle(t);
    assert_shows(t, "words nosuch.tsv: No such file or directory");
    term_type(t, ":words gender-en.tsv");
    term_key(t, "Enter");
    settle(t);
    assert_shows(t, "gender-en.tsv");
    term_type(t, "6"); /* what one waits for is a job; what comes as one types is none */
    settle(t);
    assert_shows(t, "neurons against latents");
    assert_false(term_has(t, "points"));
    quit(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words_of_two_languages),
        cmocka_unit_test(test_another_list),
    };
    return cmocka_run_group_tests_name("the Contrast view", tests, journey_begin_with_cache,
                                       journey_end);
}

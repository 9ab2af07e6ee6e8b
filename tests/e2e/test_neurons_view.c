/* A journey through the Neurons view: the real binary on the bundled demo, its numbers against
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

static struct term *begin_with(int w, int h, const char *option, const char *value)
{
    const char *argv[] = {glimt_binary(), "--theme", "dark", "--color", "256", option, value, NULL};
    struct term *t = term_start(&(struct term_options){.argv = argv, .w = w, .h = h});
    settle(t);
    escape(t);
    term_type(t, "8");
    settle(t);
    return t;
}

static struct term *begin(int w, int h)
{
    return begin_with(w, h, NULL, NULL);
}

/* Cells of a row that are coloured by what is lost there. */
static int coloured(struct term *t, int y, int w)
{
    int n = 0;
    for (int x = 1; x < w - 1; x++)
        n += term_cell(t, x, y).style.bg != COLOR_DEFAULT;
    return n;
}

/* "loss on 4.57, off 4.59": what the screen says. */
static void losses(struct term *t, double *on, double *off)
{
    int x, y;
    assert_true(term_find(t, "loss on ", &x, &y));
    char *row = term_row_text(t, y), *at = strstr(row, "loss on ");
    assert_int_equal(sscanf(at, "loss on %lf, off %lf", on, off), 2);
    free(row);
}

static void test_a_text_on_and_off(void **state)
{
    (void)state;
    need_demo();
    char text[120], on_at[40], off_at[40];
    double on, off, sum[2] = {0}, before;
    int x, y;
    size_t i, n = 0;
    json_t *row, *root = JSON_OF(&with_cache, "neuron", "classify", "--no-bos");
    json_t *best = json_array_get(get_list(root, "rows"), 0), *mean = json_object_get(best, "mean");
    assert_string_equal(get_string(best, "unit"), "attn_1/418");
    struct term *t = begin(120, 36);
    snprintf(text, sizeof text, "418 %16.2f %7.2f", get_number(best, "f1"), get_number(mean, "da"));
    assert_shows(t, text);
    snprintf(on_at, sizeof on_at, "--on-at=%.9g", get_number(mean, "da"));
    snprintf(off_at, sizeof off_at, "--off-at=%.9g", get_number(mean, "en"));
    json_decref(root);

    term_type(t, ":clear");
    term_key(t, "Enter");
    settle(t);
    assert_shows(t, "no text: i types one");
    term_type(t, "i");
    term_type(t, "Rådet skal godkende det.");
    settle(t);
    losses(t, &on, &off);
    root = JSON_OF(&with_cache, "neuron", "position", "418", "--no-bos", on_at, off_at, "--text",
                   "Rådet skal godkende det.");
    json_array_foreach(get_list(root, "tokens"), i, row)
    {
        if (json_is_null(json_object_get(row, "loss_a")))
            continue;
        sum[0] += get_number(row, "loss_a");
        sum[1] += get_number(row, "loss_b");
        n++;
    }
    expect_close(on, sum[0] / (double)n, .0051);
    expect_close(off, sum[1] / (double)n, .0051);
    json_decref(root);
    assert_true(term_find(t, "Rådet", &x, &y));
    assert_in_range(coloured(t, y, 120), 3, 30);

    term_resize(t, 80, 24); /* the text stays, and what is typed goes on */
    settle(t);
    term_type(t, " Ja");
    settle(t);
    assert_shows(t, "Rådet skal godkende det. Ja");
    term_resize(t, 40, 12);
    settle(t);
    assert_shows(t, "det. Ja");
    term_resize(t, 120, 36);
    settle(t);
    escape(t);

    losses(t, &on, &before);
    assert_true(term_find(t, "off   ", &x, &y)); /* the slider of off, dragged to the left */
    term_mouse(t, MOUSE_PRESS, 1, x + 30, y, 0);
    term_mouse(t, MOUSE_MOVE, 1, x + 12, y, 0);
    term_mouse(t, MOUSE_RELEASE, 1, x + 12, y, 0);
    settle(t);
    losses(t, &on, &off);
    assert_true(off > before); /* a Danish text without what is Danish in it */
    term_type(t, "0");
    settle(t);
    losses(t, &on, &off);
    expect_close(off, before, .0051);
    term_key(t, "Tab"); /* the next unit of the list has values of its own */
    term_key(t, "Shift-Tab");
    quit(t);
}

static void shows_signed(struct term *t, double v, int digits)
{
    char text[40];
    snprintf(text, sizeof text, "%s%.*f", v < 0 ? "−" : "+", digits, v < 0 ? -v : v);
    assert_shows(t, text);
}

/* Behind the latent's SAE are the neurons of all later layers, though none are open; a shift is of
 * the one that is selected. */
static void test_behind_a_latent(void **state)
{
    (void)state;
    need_demo();
    char text[120], later[60];
    json_t *root = JSON_OF(&with_cache, "neuron", "downstream", "418", "--no-bos"),
           *best = json_array_get(get_list(root, "rows"), 0);
    const double mean = get_number(best, "mean");
    struct term *t = begin(150, 45);
    term_type(t, "d");
    settle(t);
    assert_shows(t, "Later units with 418 on, less off");
    snprintf(text, sizeof text, "%s%.2f%8.2f", mean < 0 ? "−" : "+", mean < 0 ? -mean : mean,
             get_number(best, "sd"));
    assert_shows(t, get_string(best, "unit"));
    assert_shows(t, text);
    snprintf(later, sizeof later, "--later=%s", get_string(best, "unit"));
    json_decref(root);
    root = JSON_OF(&with_cache, "neuron", "shift", "418", "--no-bos", later);
    term_type(t, "S");
    settle(t);
    const double shift = get_number(json_array_get(get_list(root, "rows"), 0), "shift");
    shows_signed(t, shift, 2);
    json_decref(root);
    root = JSON_OF(&with_cache, "neuron", "chains", "418", "--no-bos");
    term_type(t, "c");
    settle(t);
    const double direct = get_number(json_array_get(get_list(root, "rows"), 0), "on");
    shows_signed(t, direct, 4);
    json_decref(root);
    quit(t);
}

/* All neurons of a layer, of a set of layers: by the layer that is listed, with the losses of those
 * at hand. */
static void test_a_whole_layer(void **state)
{
    (void)state;
    need_demo();
    char text[120];
    json_t *root = JSON_OF(&with_cache, "neuron", "classify", "--layer", "2", "--no-bos"),
           *best = json_array_get(get_list(root, "rows"), 0),
           *lost = JSON_OF(&with_cache, "neuron", "ablate", get_string(best, "unit"), "--no-bos");
    const double percent = get_number(json_array_get(get_list(lost, "rows"), 0), "percent");
    struct term *t = begin_with(120, 36, "--neurons", "L3N991,L2N442");
    assert_shows(t, "L3N991");
    term_type(t, "n");
    settle(t);
    snprintf(text, sizeof text, "%s %13.2f %7.2f %7.2f   %s%.2f", get_string(best, "unit"),
             get_number(best, "f1"), get_number(json_object_get(best, "mean"), "da"),
             get_number(json_object_get(best, "mean"), "en"), percent < 0 ? "−" : "+",
             percent < 0 ? -percent : percent);
    assert_shows(t, text);
    snprintf(text, sizeof text, "Activation of %s", get_string(best, "unit"));
    assert_shows(t, text);
    assert_shows(t, "da ↑");
    term_type(t, "d"); /* a later layer is open */
    settle(t);
    assert_shows(t, "L3N");
    json_decref(root);
    json_decref(lost);
    quit(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_text_on_and_off),
        cmocka_unit_test(test_behind_a_latent),
        cmocka_unit_test(test_a_whole_layer),
    };
    return cmocka_run_group_tests_name("the Neurons view", tests, journey_begin_with_cache,
                                       journey_end);
}

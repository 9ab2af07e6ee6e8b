/* What is inserted where: reading and printing it, of every set what it comes to, at places that
 * move. */
#include "engine/lane/insertion.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* SAEs at the first and the last place, neurons between them. */
static struct dict_place place[] = {{.at = {1, SITE_MLP_OUT}, .m = 8},
                                    {.at = {3, SITE_MLP_ACT}, .neurons = true, .m = 8},
                                    {.at = {5, SITE_RESID_POST}, .m = 8}};
static const struct dict_set three = {.n = 3, .place = place}, one = {.n = 1, .place = place},
                             neurons = {.n = 1, .place = place + 1}, none;

static void expect(const struct dict_set *set, const char *written, struct insertion want,
                   const char *printed)
{
    struct insertion in = {1, 2};
    struct error e = {0};
    struct strbuf text;
    strbuf_init(&text);
    if (!insertion_parse(set, written, &in, &e))
        fail_msg("%s: %s", written, e.text);
    assert_true(insertion_same(in, want));
    insertion_print(set, in, &text);
    assert_string_equal(text.s, printed);
    strbuf_clear(&text);
    assert_true(insertion_parse(set, printed, &in, &e));
    assert_true(insertion_same(in, want));
    strbuf_release(&text);
}

static void refused(const struct dict_set *set, const char *written, const char *why)
{
    struct insertion in;
    struct error e = {0};
    assert_false(insertion_parse(set, written, &in, &e));
    assert_int_equal(e.kind, ERROR_INPUT);
    assert_string_equal(e.text, why);
}

static void test_one_word_is_everywhere(void **state)
{
    (void)state;
    for (enum insert how = INSERT_NONE; how <= INSERT_ERROR; how++) {
        const struct dict_set *const set[] = {&three, &one, &neurons, &none};
        enum insert found = INSERT_NONE;
        for (int i = 0; i < 4; i++)
            expect(set[i], insert_name[how], insertion_of(how), insert_name[how]);
        assert_true(insertion_everywhere(insertion_of(how), &found));
        assert_int_equal(found, how);
    }
    assert_false(insertion_any(insertion_of(INSERT_NONE)));
    assert_true(insertion_any(insertion_of(INSERT_ERROR)));
}

static void test_names(void **state)
{
    (void)state;
    const struct insertion apart = {.sae = 1, .error = 4};
    expect(&three, "layers.5.resid.post=error,mlp_1=sae", apart, "mlp_1=sae,resid_5=error");
    expect(&three, "resid_5=sae", (struct insertion){.sae = 4}, "resid_5=sae");
    expect(&three, "resid_5=error,mlp_1=none", (struct insertion){.error = 4}, "resid_5=error");
    /* alike at all SAEs there are: one word */
    expect(&three, "mlp_1=error,resid_5=error", insertion_of(INSERT_ERROR), "error");
    expect(&three, "mlp_1=none", insertion_of(INSERT_NONE), "none");
    expect(&one, "mlp_1=sae", insertion_of(INSERT_SAE), "sae");
    assert_int_equal(insertion_at(apart, 0), INSERT_SAE);
    assert_int_equal(insertion_at(apart, 1), INSERT_NONE);
    assert_int_equal(insertion_at(apart, 2), INSERT_ERROR);
    assert_false(insertion_everywhere(apart, NULL));
}

static void test_what_makes_no_sense(void **state)
{
    (void)state;
#define EXPECTED ", expected none, sae or error, for all, or NAME=MODE[,NAME=MODE…]"
    static const char *const form[] = {
        "",     "SAE",        "sae,error",  "mlp_1",           "mlp_1=",        "mlp_1=both",
        "=sae", "mlp_1=sae,", ",mlp_1=sae", "mlp_1=sae,error", "sae,mlp_1=none"};
    char why[200], endless[300];
    for (size_t i = 0; i < sizeof form / sizeof *form; i++) {
        snprintf(why, sizeof why, "found %s" EXPECTED, form[i]);
        refused(&three, form[i], why);
    }
    memset(endless, 'm', sizeof endless);
    snprintf(endless + 200, 90, "=sae");
    assert_int_equal(insert_words_read(endless, (struct insert_word[DICT_SET_MAX]){0}, NULL), -1);
    refused(&three, "mlp_1=sae,mlp_1=error", "found mlp_1 twice, expected each place once");
    refused(&three, "mlp_1=sae,layers.1.mlp.out=error",
            "found layers.1.mlp.out twice, expected each place once");
    refused(&three, "mlp_3=sae", "found mlp_3, which are neurons, expected the place of an SAE");
    refused(&three, "mlp_7=sae",
            "found mlp_7, expected a dictionary that there is: mlp_1, mlp_3, resid_5");
    refused(&none, "mlp_1=sae", "found mlp_1, but there is no SAE");
}

static void test_more_places_than_there_can_be(void **state)
{
    (void)state;
    struct insert_word word[DICT_SET_MAX];
    char text[16 * (DICT_SET_MAX + 1)] = "";
    for (int i = 0; i <= DICT_SET_MAX; i++) {
        if (i == DICT_SET_MAX)
            assert_int_equal(insert_words_read(text, word, NULL), DICT_SET_MAX);
        snprintf(text + strlen(text), sizeof text - strlen(text), "%smlp_%d=sae", i ? "," : "", i);
    }
    assert_int_equal(insert_words_read(text, word, NULL), -1);
}

/* The last place is a place as any other. */
static void test_last_place(void **state)
{
    (void)state;
    struct insertion in = {0};
    enum insert how;
    insertion_put(&in, DICT_SET_MAX - 1, INSERT_ERROR);
    for (int32_t i = 0; i < DICT_SET_MAX; i++)
        assert_int_equal(insertion_at(in, i), i + 1 < DICT_SET_MAX ? INSERT_NONE : INSERT_ERROR);
    for (int32_t i = 0; i < DICT_SET_MAX; i++) {
        assert_int_equal(insertion_everywhere(in, NULL), false);
        insertion_put(&in, i, INSERT_SAE);
    }
    assert_true(insertion_everywhere(in, &how));
    assert_int_equal(how, INSERT_SAE);
}

static void test_a_fixed_latent_needs_it(void **state)
{
    (void)state;
    const struct insertion in = {.error = 4};
    struct error e = {0};
    assert_true(insertion_holds(&three, in, (struct unit_id){2, 5}, &e));
    assert_true(insertion_holds(&three, in, (struct unit_id){1, 5}, &e)); /* a neuron */
    assert_false(insertion_holds(&three, in, (struct unit_id){0, 5}, &e));
    assert_string_equal(
        e.text, "found nothing inserted at mlp_1, where mlp_1/5 is fixed, expected sae or error");
}

static void test_places_that_move(void **state)
{
    (void)state;
    static const int32_t to[] = {2, -1, 0};
    const struct insertion moved = insertion_moved((struct insertion){.sae = 1, .error = 4}, to, 3);
    assert_true(insertion_same(moved, (struct insertion){.sae = 4, .error = 1}));
    assert_false(insertion_any(insertion_moved((struct insertion){.sae = 2}, to, 3)));
    for (enum insert how = INSERT_NONE; how <= INSERT_ERROR; how++)
        assert_true(insertion_same(insertion_moved(insertion_of(how), to, 3), insertion_of(how)));
}

/* Of neurons it doesn't matter what is said; where there is nothing else, the word does. */
static void test_alike(void **state)
{
    (void)state;
    const struct insertion sae = insertion_of(INSERT_SAE), error = insertion_of(INSERT_ERROR);
    assert_true(insertion_alike(&three, sae, (struct insertion){.sae = 5}));
    assert_true(insertion_alike(&three, sae, (struct insertion){.sae = 5, .error = 2}));
    assert_false(insertion_alike(&three, sae, (struct insertion){.sae = 4}));
    assert_false(insertion_alike(&three, error, (struct insertion){.sae = 4, .error = 1}));
    assert_false(insertion_alike(&neurons, sae, error));
    assert_true(insertion_alike(NULL, sae, sae));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_word_is_everywhere),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_what_makes_no_sense),
        cmocka_unit_test(test_more_places_than_there_can_be),
        cmocka_unit_test(test_last_place),
        cmocka_unit_test(test_a_fixed_latent_needs_it),
        cmocka_unit_test(test_places_that_move),
        cmocka_unit_test(test_alike),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

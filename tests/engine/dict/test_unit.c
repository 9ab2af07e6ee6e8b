/* Names of units: read and printed the same, in sets of one and of several, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/unit.h"
#include <string.h>

static const struct dict_set *set_of(struct dict_set *s, bool neurons, const char *const *point)
{
    *s = (struct dict_set){0};
    for (; *point; point++) {
        struct point at;
        assert_true(point_parse(*point, &(struct model_config){.n_layers = 12}, &at, NULL));
        assert_true(dict_set_plan(s, at, neurons));
    }
    return s;
}

static void same(const struct dict_set *s, struct unit_id u, const char *name)
{
    char printed[UNIT_NAME_MAX];
    struct unit_id read;
    struct error e = {0};
    unit_name(s, u, printed);
    assert_string_equal(printed, name);
    if (!unit_parse(s, name, &read, &e))
        fail_msg("%s: %s", name, e.text);
    assert_true(unit_same(read, u));
}

static void refused(const struct dict_set *s, const char *name, const char *because)
{
    struct unit_id u;
    struct error e = {0};
    assert_false(unit_parse(s, name, &u, &e));
    if (!strstr(e.text, because))
        fail_msg("%s: found '%s', expected '%s'", name, e.text, because);
    assert_int_equal(e.kind, ERROR_INPUT);
}

/* Every site that there is in one set, beside another layer of it: each place has its own name. */
static void test_all_sites(void **state)
{
    (void)state;
    static const struct {
        const char *point, *first;
    } site[] = {{"embed", "embed/7"},
                {"layers.2.resid.pre", "layers.2.resid.pre/7"},
                {"layers.2.attn.out", "attn_2/7"},
                {"layers.2.mlp.act", "mlp_2/7"},
                {"layers.2.resid.post", "resid_2/7"},
                {"layers.3.mlp.pre", "mlp_3/7"},
                {"layers.4.mlp.out", "mlp_4/7"},
                {"final_norm", "final_norm/7"}};
    const char *point[sizeof site / sizeof *site + 1] = {0};
    struct dict_set s;
    for (size_t i = 0; i < sizeof site / sizeof *site; i++)
        point[i] = site[i].point;
    set_of(&s, false, point);
    assert_int_equal(s.n, sizeof site / sizeof *site);
    for (int32_t i = 0; i < s.n; i++) {
        struct unit_id by_point;
        char name[UNIT_NAME_MAX], own[POINT_NAME_MAX];
        same(&s, (struct unit_id){i, 7}, site[i].first);
        unit_place_name(&s, i, name);
        assert_int_equal(unit_place_find(&s, name, NULL), i);
        strcat(name, "/ε");
        same(&s, (struct unit_id){i, -1}, name);
        point_name(s.place[i].at, own);
        strcat(own, "/7");
        assert_true(unit_parse(&s, own, &by_point, NULL));
        assert_true(unit_same(by_point, (struct unit_id){i, 7}));
    }
    struct unit_id u;
    assert_true(unit_parse(&s, "gpt_neox.layers.2.mlp.act/0", &u, NULL));
    assert_true(unit_same(u, (struct unit_id){3, 0}));
    assert_true(unit_parse(&s, "blocks.2.hook_attn_out/error", &u, NULL));
    assert_true(unit_same(u, (struct unit_id){2, -1}));
    dict_set_release(&s);
}

/* Two dictionaries in one MLP: the short name would be either's. */
static void test_shared_short_name(void **state)
{
    (void)state;
    struct dict_set s;
    set_of(&s, false, (const char *const[]){"layers.3.mlp.out", "layers.3.mlp.act", NULL});
    same(&s, (struct unit_id){0, 1}, "layers.3.mlp.act/1");
    same(&s, (struct unit_id){1, 1}, "layers.3.mlp.out/1");
    refused(&s, "mlp_3/1", "which dictionary of several");
    dict_set_release(&s);
}

static void test_one(void **state)
{
    (void)state;
    struct dict_set s;
    struct unit_id u;
    set_of(&s, false, (const char *const[]){"layers.3.mlp.act", NULL});
    s.place[0].m = 3072;
    same(&s, (struct unit_id){0, 418}, "418");
    same(&s, (struct unit_id){0, -1}, "ε");
    same(NULL, (struct unit_id){0, INT32_MAX}, "2147483647");
    assert_true(unit_parse(&s, "mlp_3/418", &u, NULL)); /* the long name of the only one */
    assert_unit(u, 418);
    refused(&s, "3072", "expected 0 to 3071");
    refused(&s, "mlp_4/1", "a dictionary that there is: mlp_3");
    refused(&s, "L3N5", "a dictionary that there is"); /* no neurons */
    refused(NULL, "mlp_3/1", "before any dictionary is there");
    dict_set_release(&s);
    refused(&s, "418", "there is no SAE");
}

/* A number alone is the SAE's where there is one; beside two it may be either's. */
static void test_one_beside_neurons(void **state)
{
    (void)state;
    struct dict_set s;
    struct unit_id u;
    set_of(
        &s, false,
        (const char *const[]){"layers.1.attn.out", "layers.2.mlp.act", "layers.3.mlp.act", NULL});
    s.place[1].neurons = s.place[2].neurons = true;
    assert_true(unit_parse(&s, "418", &u, NULL));
    assert_true(unit_same(u, (struct unit_id){0, 418}));
    same(&s, (struct unit_id){0, 418}, "attn_1/418");
    same(&s, (struct unit_id){2, 5}, "L3N5");
    s.place[1].neurons = false;
    refused(&s, "418", "which dictionary of several");
    dict_set_release(&s);
}

static void test_neurons(void **state)
{
    (void)state;
    struct dict_set s;
    set_of(&s, true,
           (const char *const[]){"layers.4.mlp.act", "layers.3.mlp.act", "layers.4.mlp.out", NULL});
    same(&s, (struct unit_id){0, 669}, "L3N669");
    same(&s, (struct unit_id){1, 482}, "L4N482");
    same(&s, (struct unit_id){2, 5}, "layers.4.mlp.out/5");
    refused(&s, "L5N1", "a dictionary that there is");
    refused(&s, "669", "which dictionary of several");
    dict_set_release(&s);
    set_of(&s, true, (const char *const[]){"layers.3.mlp.act", NULL});
    struct unit_id u;
    same(&s, (struct unit_id){0, 669}, "669"); /* a set of one: as it always was */
    assert_true(unit_parse(&s, "L3N669", &u, NULL));
    assert_unit(u, 669);
    dict_set_release(&s);
}

/* What is read at a place, and is no unit of its dictionary. */
static void test_coordinates(void **state)
{
    (void)state;
    static const char *const name[] = {"L3N17", "resid_5[17]", "layers.6.mlp.out[17]"};
    struct dict_set s;
    char out[UNIT_NAME_MAX];
    set_of(&s, false,
           (const char *const[]){"layers.3.mlp.act", "layers.5", "layers.6.mlp.out",
                                 "layers.6.mlp.act", NULL});
    for (int32_t i = 0; i < 3; i++) {
        const int32_t at = i < 2 ? i : s.place[2].at.site == SITE_MLP_OUT ? 2 : 3;
        unit_coordinate_name(&s, (struct unit_id){at, 17}, out);
        assert_string_equal(out, name[i]);
        assert_int_equal(unit_coordinate_parse(out), 17);
    }
    static const char *const none[] = {"",       "17",         "mlp_3/17",      "resid_5[]",
                                       "L3",     "resid_5[x]", "resid_5[17",    "]",
                                       "L3N17]", "mlp_3/ε",    "x[99999999999]"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        assert_int_equal(unit_coordinate_parse(none[i]), -1);
    dict_set_release(&s);
}

static void test_bad_words(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "-1",
                                      "+4",
                                      " 4",
                                      "4x",
                                      "L3",
                                      "L3N",
                                      "LN4",
                                      "N4",
                                      "mlp_3/",
                                      "/4",
                                      "mlp_3/-1",
                                      "L3N-1",
                                      "mlp_3/x",
                                      "4,5",
                                      "4=1",
                                      "L40000N1",
                                      "99999999999",
                                      "mlp_3/99999999999"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        refused(NULL, bad[i], "expected");
    char longest[200];
    memset(longest, 'a', sizeof longest);
    strcpy(longest + 150, "/1");
    refused(NULL, longest, "expected a unit");
}

static void test_lists(void **state)
{
    (void)state;
    const struct model_config deep = {.n_layers = 12};
    const char *s = "L3N669,mlp_3/418=2.5";
    struct unit_word w, v;
    struct point p;
    char name[UNIT_NAME_MAX];
    assert_true(unit_word_read(&s, &w, NULL));
    assert_string_equal(s, ",mlp_3/418=2.5");
    assert_false(unit_word_alone(&w));
    assert_true(unit_word_point(&w, &deep, &p, NULL));
    assert_int_equal(p.layer, 3);
    assert_int_equal(p.site, SITE_MLP_ACT);
    assert_false(
        unit_word_point(&w, &(struct model_config){.n_layers = 3}, &p, NULL)); /* layers 0 to 2 */
    unit_word_name(&w, name);
    assert_string_equal(name, "L3N669");
    s++;
    assert_true(unit_word_read(&s, &v, NULL));
    assert_string_equal(s, "=2.5");
    assert_false(unit_word_same(&w, &v));
    unit_word_name(&v, name);
    assert_string_equal(name, "mlp_3/418");
    assert_false(unit_word_point(&v, &deep, &p, NULL)); /* one of several points of the MLP */
}

/* Places are kept in order of execution, one a point. */
static void test_set(void **state)
{
    (void)state;
    struct dict_set s = {0}, plan;
    struct error e = {0};
    struct point three = {3, SITE_MLP_ACT}, one = {1, SITE_RESID_POST};
    assert_true(dict_set_add(&s, dict_neurons(three, 8), three, &e));
    assert_true(dict_set_add(&s, dict_neurons(one, 4), one, &e));
    assert_int_equal(s.place[0].m, 4);
    assert_int_equal(s.place[1].m, 8);
    assert_false(dict_set_add(&s, dict_neurons(three, 8), three, &e));
    assert_non_null(strstr(e.text, "two dictionaries at layers.3.mlp.act"));
    dict_set_copy_plan(&s, &plan);
    assert_true(dict_set_same(&s, &plan));
    assert_null(plan.place[0].dict);
    refused(&s, "layers.3.mlp.act/8", "expected 0 to 7");
    dict_set_release(&s);
    assert_false(dict_set_same(&s, &plan));
    dict_set_release(&plan);
}

/* As many as there can be, and some of them. */
static void test_full_set(void **state)
{
    (void)state;
    struct dict_set s = {0}, some;
    for (int16_t layer = 0; layer < DICT_SET_MAX; layer++)
        assert_true(dict_set_plan(&s, (struct point){layer, SITE_MLP_ACT}, true));
    assert_false(dict_set_plan(&s, (struct point){DICT_SET_MAX, SITE_MLP_ACT}, true));
    const dict_places all = dict_set_all(&s), few = dict_bit(0) | dict_bit(31) | dict_bit(32) |
                                                    dict_bit(100) | dict_bit(DICT_SET_MAX - 1);
    static const int32_t place[] = {0, 31, 32, 100, DICT_SET_MAX - 1};
    for (int32_t i = 0; i < DICT_SET_MAX; i++) {
        assert_int_equal(dict_set_within(&s, all, i), i);
        assert_int_equal(dict_set_outside(&s, all, i), i);
    }
    dict_set_some(&s, few, &some);
    assert_int_equal(some.n, 5);
    for (int32_t i = 0; i < some.n; i++) {
        assert_int_equal(some.place[i].at.layer, place[i]);
        assert_int_equal(dict_set_within(&s, few, place[i]), i);
        assert_int_equal(dict_set_outside(&s, few, i), place[i]);
    }
    assert_int_equal(dict_set_within(&s, few, 99), -1);
    assert_int_equal(dict_set_outside(&s, few, 5), -1);
    dict_set_forget(&some);
    dict_set_release(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_sites),   cmocka_unit_test(test_shared_short_name),
        cmocka_unit_test(test_one),         cmocka_unit_test(test_neurons),
        cmocka_unit_test(test_bad_words),   cmocka_unit_test(test_lists),
        cmocka_unit_test(test_set),         cmocka_unit_test(test_full_set),
        cmocka_unit_test(test_coordinates), cmocka_unit_test(test_one_beside_neurons),
    };
    return cmocka_run_group_tests_name("unit names", tests, NULL, NULL);
}

/* Units that write alike, against an independent script. */
#include "engine/study/similar.h"
#include "tests/engine/study/runs_golden.h"

static struct table_set *compared(const struct places *x, const struct similar_in *of)
{
    struct error e = {0};
    struct table_set *set = table_set_new();
    if (!similar_run(&x->in, of, NULL, set, &e))
        fail_msg("%s", e.text);
    return set;
}

static void check_rows(const struct table *t, int64_t row, const json_t *g, const char *unit)
{
    const json_t *list = json_object_get(g, unit), *v;
    for (size_t i = 0; i < json_array_size(list); i++, row++) {
        v = json_array_get(list, i);
        assert_string_equal(table_str(t, row, 0), unit);
        assert_string_equal(table_str(t, row, 1), json_string_value(json_array_get(v, 0)));
        near(cell(t, row, "cosine"), item_of(v, 1), 1e-6, unit, (long)i, 0);
    }
}

static void test_golden(void **state)
{
    struct places x;
    (void)state;
    skip_when_quick();
    runs_golden_open(&x, 1);
    const json_t *g = json_object_get(x.golden, "similar");
    const struct unit_id unit[2] = {unit_of(&x, "L2N442"), unit_of(&x, "attn_1/418")};
    struct similar_in of = {.n = 2,
                            .unit = unit,
                            .among = 1u << unit[0].dict | 1u << unit_of(&x, "L3N0").dict,
                            .centred = true,
                            .top = 6};
    struct table_set *set = compared(&x, &of);
    const struct table *rows = table_set_find(set, "rows"), *pairs = table_set_find(set, "pairs");
    assert_int_equal(rows->n_rows, 12);
    check_rows(rows, 0, g, "L2N442");
    assert_int_equal(pairs->n_rows, 1);
    near(cell(pairs, 0, "cosine"), real_of(g, "across"), 1e-6, "across", 0, 0);
    table_set_unref(set);
    of.unit = unit + 1, of.n = 1, of.among = 1u << unit[1].dict;
    set = compared(&x, &of);
    check_rows(table_set_find(set, "rows"), 0, g, "attn_1/418");
    table_set_unref(set);
    places_close(&x);
}

static void test_refused(void **state)
{
    struct tiny_model t;
    struct error e = {0};
    (void)state;
    tiny_open(&t, &(struct tiny_spec){.hook = "layers.1.mlp.pre"});
    struct study_in in = tiny_in(&t, NULL);
    const struct unit_id unit = {0, 3};
    const struct similar_in of = {.n = 1, .unit = &unit, .among = 1, .top = 3};
    struct table_set *set = table_set_new();
    in.dicts = &t.set;
    assert_false(similar_run(&in, &of, NULL, set, &e));
    assert_non_null(strstr(e.text, "depends on the text"));
    table_set_unref(set);
    tiny_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Later units that change when others are switched, against an independent script. */
#include "engine/study/classify.h"
#include "engine/study/shift.h"
#include "tests/engine/study/runs_golden.h"

static struct study *of_later(const struct places *x, struct params *p, const char *at)
{
    const struct unit_id unit = unit_of(x, name_of(x->golden, "unit"));
    const double value = real_of(x->golden, at);
    params_set_units(p, "held", &unit, 1);
    params_set_values(p, "held-at", &value, 1);
    return study_done(&activity_study, &x->in, p);
}

/* All neurons of a layer, at every position, on minus off. */
static void check_downstream(const struct places *x)
{
    struct params p;
    struct unit_id unit = {unit_of(x, "L3N0").dict, 0};
    const double off = real_of(x->golden, "off");
    const json_t *g = json_object_get(x->golden, "downstream");
    double sum = 0, sd = 0;
    params_init(&p, activity_study.params);
    params_set_units(&p, "units", &unit, 1);
    params_set_flag(&p, "whole", true);
    params_set_flag(&p, "pre", true);
    params_set_int(&p, "from", 0);
    params_set_int(&p, "to", 1000);
    params_set_values(&p, "minus-at", &off, 1);
    struct study *s = of_later(x, &p, "on");
    struct table *t = downstream_rows(s, 0);
    assert_int_equal(t->n_rows, 1024);
    for (int64_t row = 0; row < t->n_rows; row++) {
        sum += fabs(cell(t, row, "mean")), sd += cell(t, row, "sd");
        near(cell(t, row, "score"), fabs(cell(t, row, "mean")) - cell(t, row, "sd"), 1e-12, "score",
             row, 0);
        near(cell(t, row, "range.hi") - cell(t, row, "range.lo"), 2 * cell(t, row, "sd"), 1e-12,
             "range", row, 0);
    }
    near(sum, real_of(g, "sum_abs"), 1e-5, "sum", 0, 0);
    near(sd, real_of(g, "sum_sd"), 1e-5, "sd", 0, 0);
    for (size_t i = 0; i < 20; i++) {
        char name[UNIT_NAME_MAX];
        const json_t *v = json_array_get(json_object_get(g, "top"), i);
        snprintf(name, sizeof name, "L3N%d", (int)item_of(v, 0));
        assert_string_equal(table_str(t, (int64_t)i, 0), name);
        near(cell(t, (int64_t)i, "mean"), item_of(v, 1), 1e-5, "mean", (long)i, 0);
        near(cell(t, (int64_t)i, "sd"), item_of(v, 2), 1e-5, "sd", (long)i, 0);
    }
    struct table *few = downstream_rows(s, 7);
    assert_int_equal(few->n_rows, 7);
    assert_string_equal(table_str(few, 6, 0), table_str(t, 6, 0));
    table_free(few);
    table_free(t);
    assert_int_equal(activity_others(s, 0, -1).tokens, (int64_t)real_of(g, "tokens"));
    activity_study.free(s);
    params_release(&p);
}

static void check_shift(const struct places *x)
{
    struct params p;
    struct unit_id unit[2];
    const json_t *g = json_object_get(x->golden, "shift"),
                 *later = json_object_get(x->golden, "later");
    for (size_t i = 0; i < 2; i++)
        unit[i] = unit_of(x, json_string_value(json_array_get(later, i)));
    params_init(&p, activity_study.params);
    params_set_units(&p, "units", unit, 2);
    params_set_flag(&p, "pre", true);
    params_set_int(&p, "from", 3);
    params_set_int(&p, "to", 20);
    params_set_int(&p, "tokens", 50);
    struct study *on = of_later(x, &p, "on"), *off = of_later(x, &p, "off");
    struct table *t = shift_rows(on, off), *h = shift_histogram(on, off, 1);
    assert_int_equal(t->n_rows, 2 * 3);
    for (int64_t row = 0; row < t->n_rows; row++) {
        const char *name = json_string_value(json_array_get(later, (size_t)row / 3)),
                   *cls = table_str(t, row, 1);
        const json_t *of = json_object_get(g, name);
        assert_string_equal(table_str(t, row, 0), name);
        near(cell(t, row, "shift"), real_of(of, cls ? cls : "all"), 1e-5, "shift", row, 0);
        near(cell(t, row, "shift"), cell(t, row, "off") - cell(t, row, "on"), 1e-12, "off", row, 0);
        if (cls)
            assert_int_equal(table_i64(t, row, table_find(t, "tokens")),
                             (int64_t)real_of(json_object_get(of, "tokens"), cls));
    }
    assert_int_equal(h->n_rows, 2 * 30);
    for (int run = 0; run < 2; run++) {
        int64_t count = 0;
        double share = 0;
        for (int64_t row = 30 * run; row < 30 * (run + 1); row++) {
            assert_string_equal(table_str(h, row, 1), run ? "off" : "on");
            count += table_i64(h, row, table_find(h, "count"));
            share += cell(h, row, "share");
        }
        assert_int_equal(count, 2 * 50);
        near(share, 1, 1e-12, "share", run, 0);
    }
    table_free(t);
    table_free(h);
    activity_study.free(on);
    activity_study.free(off);
    params_release(&p);
}

static void test_golden(void **state)
{
    struct places x;
    (void)state;
    skip_when_quick();
    runs_golden_open(&x, 16);
    check_downstream(&x);
    check_shift(&x);
    places_close(&x);
}

/* A difference of two runs is that of their means; with nothing to differ in it is 0. */
static void test_differences(void **state)
{
    struct tiny_model t;
    (void)state;
    tiny_open(&t, &(struct tiny_spec){.hook = "layers.1.attn.out"});
    struct corpus *c = tiny_corpus(4, true);
    const struct study_in in = tiny_in(&t, c);
#define OF "units=3,5 from=0 held=7,2 "
    struct study *d = study_done(&activity_study, &in,
                                 given(&activity_study, OF "held-at=2,1 minus-at=-1,.5")),
                 *a = study_done(&activity_study, &in, given(&activity_study, OF "held-at=2,1")),
                 *b = study_done(&activity_study, &in, given(&activity_study, OF "held-at=-1,.5")),
                 *none = study_done(&activity_study, &in,
                                    given(&activity_study, OF "held-at=2,1 minus-at=2,1"));
    for (int32_t j = 0; j < 2; j++)
        for (int32_t cls = 0; cls < 2; cls++) {
            near(activity_of(d, j, cls).mean,
                 activity_of(a, j, cls).mean - activity_of(b, j, cls).mean, 1e-6, "difference", j,
                 cls);
            near(activity_of(none, j, cls).mean, 0, 0, "none", j, cls);
        }
    activity_study.free(d);
    activity_study.free(a);
    activity_study.free(b);
    activity_study.free(none);
    check_refused(&activity_study, &in, given(&activity_study, OF "held-at=2,1 minus-at=1"),
                  "as many values in place");
    corpus_free(c);
    tiny_close(&t);
}

static void test_going_on(void **state)
{
    (void)state;
    check_going_on(
        &activity_study, "layers.2.mlp.act",
        given(&activity_study, "units=3 whole=true pre=true from=0 held=7 held-at=1 minus-at=0"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_differences),
        cmocka_unit_test(test_going_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

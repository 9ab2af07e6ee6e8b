/* Parameters: what is written, read and written again; presets; equality. */
#include "engine/base/memory.h"
#include "engine/study/study.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
/* cmocka.h wants the headers above it. */
#include <cmocka.h>

static const char *const colours[] = {"red", "green", "blue", NULL};
static const struct param table[] = {
    {"count", "N", "", .type = PARAM_INT, .preset = "10", .min = 1, .max = 20},
    {"share", "SHARE", "", .type = PARAM_REAL, .min = 0, .max = 1},
    {"word", "WORD", "", .type = PARAM_TEXT},
    {"flag", NULL, "", .type = PARAM_FLAG},
    {"colours", "LIST", "", .type = PARAM_SET, .preset = "red", .choices = colours},
    {"shade", "NAME", "", .type = PARAM_CHOICE, .preset = "blue", .choices = colours},
    {"values", "LIST", "", .type = PARAM_VALUES, .preset = "-8:8:2"},
    {"units", "ID…", "", .type = PARAM_UNITS},
    {"target", "NAME", "", .type = PARAM_CLASS},
    {"seed", "N", "", .type = PARAM_SEED, .preset = "0"},
    {.name = NULL},
};

static char *printed(const struct params *p, const char *name)
{
    struct strbuf b;
    strbuf_init(&b);
    for (int i = 0; i < p->n; i++)
        if (strcmp(p->value[i].of->name, name) == 0)
            param_value_print(&p->value[i], &b);
    return strbuf_detach(&b);
}

static void test_written_and_read(void **state)
{
    static const struct {
        const char *name, *given, *printed;
    } row[] = {{"count", "20", "20"},        {"share", ".25", "0.25"},
               {"word", "some word", NULL},  {"flag", "true", "true"},
               {"flag", "false", ""},        {"colours", "blue,red", "red,blue"},
               {"shade", "red", NULL},       {"values", "0:1:.5", "0,0.5,1"},
               {"values", "-2,0,2.5", NULL}, {"units", "418,0,418", NULL},
               {"target", "da", NULL},       {"seed", "18446744073709551615", NULL},
               {"count", NULL, ""}};
    (void)state;
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        struct params p, again;
        struct error e = {0};
        params_init(&p, table);
        params_init(&again, table);
        if (!params_parse(&p, row[i].name, row[i].given, &e))
            fail_msg("%s %s: %s", row[i].name, row[i].given, e.text);
        char *s = printed(&p, row[i].name);
        assert_string_equal(s, row[i].printed ? row[i].printed : row[i].given);
        assert_true(params_parse(&again, row[i].name, *s ? s : NULL, NULL));
        assert_true(params_equal(&p, &again));
        free(s);
        params_release(&p);
        params_release(&again);
    }
}

static void test_nonsense(void **state)
{
    static const char *const row[][2] = {{"count", "0"},
                                         {"count", "21"},
                                         {"count", "1.5"},
                                         {"count", ""},
                                         {"share", "1.01"},
                                         {"share", "nan"},
                                         {"share", "x"},
                                         {"word", ""},
                                         {"flag", "maybe"},
                                         {"colours", "pink"},
                                         {"colours", ""},
                                         {"colours", "red,"},
                                         {"shade", "red,blue"},
                                         {"shade", ""},
                                         {"values", ""},
                                         {"values", "x"},
                                         {"values", "1,"},
                                         {"values", "1,,2"},
                                         {"values", "1:2"},
                                         {"values", "2:1:1"},
                                         {"values", "1:2:0"},
                                         {"values", "nan"},
                                         {"values", "1e9"},
                                         {"values", "0:9:1:2"},
                                         {"values", "-8:8:0.001"},
                                         {"values", "1 2"},
                                         {"units", "-1"},
                                         {"units", "1,"},
                                         {"units", "1 2"},
                                         {"units", "3000000000"},
                                         {"seed", "-1"},
                                         {"seed", "1x"},
                                         {"target", ""}};
    (void)state;
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        struct params p, before;
        struct error e = {0};
        params_init(&p, table);
        params_init(&before, table);
        if (params_parse(&p, row[i][0], row[i][1], &e))
            fail_msg("%s '%s' was taken", row[i][0], row[i][1]);
        assert_int_equal(e.kind, ERROR_INPUT);
        assert_non_null(strstr(e.text, "expected"));
        assert_true(params_equal(&p, &before));
        params_release(&p);
        params_release(&before);
    }
}

static void test_presets_and_equality(void **state)
{
    static const struct unit_id units[] = {{0, 3}, {0, 17}};
    struct params p, q;
    const double *value;
    const struct unit_id *unit;
    (void)state;
    params_init(&p, table);
    assert_int_equal(params_int(&p, "count"), 10);
    assert_int_equal(params_values(&p, "values", &value), 9);
    assert_true(fabs(value[0] + 8) < 1e-12 && fabs(value[8] - 8) < 1e-12);
    assert_int_equal(params_set(&p, "colours"), 1);
    assert_int_equal(params_units(&p, "units", &unit), 0);
    assert_false(params_has(&p, "share") || params_has(&p, "units") || params_flag(&p, "flag"));
    assert_null(params_text(&p, "target"));
    for (int i = 0; i < p.n; i++)
        assert_true(param_is_preset(&p.value[i]));
    params_copy(&q, &p);
    assert_true(params_parse(&q, "values", "-8,-6,-4,-2,0,2,4,6,8", NULL));
    assert_true(params_equal(&p, &q)); /* the same values, otherwise written */
    params_set_units(&q, "units", units, 2);
    assert_false(params_equal(&p, &q));
    params_take(&p, &q);
    assert_true(params_equal(&p, &q));
    assert_int_equal(params_units(&p, "units", &unit), 2);
    assert_memory_equal(unit, units, sizeof units);
    params_set_text(&q, "target", "da");
    assert_false(params_equal(&p, &q));
    params_set_text(&q, "target", NULL);
    assert_true(params_equal(&p, &q));
    params_release(&p);
    params_release(&q);
}

/* A parameter at its preset is no part of the cache's key: with another preset an old key would
 * find the numbers of the old one. Who changes a line here counts STUDY_VERSION up. */
static void test_presets_that_keys_rely_on(void **state)
{
    static const struct study_ops *const study[] = {&harvest_study, &values_study, &sweep_study,
                                                    &coactive_study};
    static const char expected[] = "3 harvest.keep-activations= values.units= sweep.values=-8:8:2 "
                                   "sweep.insert=sae sweep.each= sweep.seed=0 sweep.units= "
                                   "coactive.units=";
    struct strbuf b;
    (void)state;
    strbuf_init(&b);
    strbuf_addf(&b, "%d", STUDY_VERSION);
    for (size_t i = 0; i < sizeof study / sizeof *study; i++)
        for (const struct param *row = study[i]->params; row->name; row++)
            if (row->in_key)
                strbuf_addf(&b, " %s.%s=%s", study[i]->name, row->name,
                            row->preset ? row->preset : "");
    assert_string_equal(b.s, expected);
    strbuf_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_written_and_read),
        cmocka_unit_test(test_nonsense),
        cmocka_unit_test(test_presets_and_equality),
        cmocka_unit_test(test_presets_that_keys_rely_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

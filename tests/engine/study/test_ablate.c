/* Ablation against an independent script (a plain forward in float64) and plain loops. */
#include "engine/study/ablate.h"
#include "engine/study/sweep.h"
#include "tests/engine/study/places.h"

/* ---- against the script */
enum { TEXTS = 12 };

static double mean(const json_t *list)
{
    double sum = 0;
    size_t i;
    json_t *v;
    assert_int_equal(json_array_size(list), TEXTS);
    json_array_foreach(list, i, v)
    {
        sum += json_number_value(v);
    }
    return sum / TEXTS;
}

static int64_t row_of(const struct table *t, const json_t *units, const char *set, const char *cls)
{
    struct strbuf names;
    size_t i;
    json_t *v;
    int64_t row = 0;
    strbuf_init(&names);
    json_array_foreach(units, i, v)
    {
        strbuf_addf(&names, "%s%s", i ? "," : "", json_string_value(v));
    }
    while (strcmp(table_str(t, row, 0), names.s) != 0 || strcmp(table_str(t, row, 1), set) != 0 ||
           strcmp(table_str(t, row, 2), cls) != 0)
        if (++row == t->n_rows)
            fail_msg("no row %s %s %s", names.s, set, cls);
    strbuf_release(&names);
    return row;
}

static double loss_of(const json_t *of, const char *cls)
{
    return mean(json_object_get(json_object_get(of, "loss"), cls));
}

static void check_row(const struct table *t, int64_t row, double plain, double ablated)
{
    const double d = ablated - plain;
    near(cell(t, row, "loss"), plain, 2e-5, "loss", (long)row, 0);
    near(cell(t, row, "loss_ablated"), ablated, 2e-5, "ablated", (long)row, 0);
    near(cell(t, row, "difference"), d, 2e-5, "difference", (long)row, 0);
    near(cell(t, row, "percent"), 100 * d / plain, 2e-3, "percent", (long)row, 0);
    assert_true(cell(t, row, "ci95.lo") <= cell(t, row, "difference") &&
                cell(t, row, "ci95.hi") >= cell(t, row, "difference"));
    assert_int_equal(table_i64(t, row, table_find(t, "texts")), TEXTS);
}

/* (Δ(AB) − Δ(A) − Δ(B))/Δ(B) of what the other table says. */
static void check_backup(const struct table_set *set)
{
    const struct table *rows = table_set_find(set, "rows"), *t = table_set_find(set, "backup");
    assert_int_equal(t->n_rows, 6 * 2 * 2);
    for (int64_t i = 0; i < t->n_rows; i++) {
        const char *a = table_str(t, i, 0), *b = table_str(t, i, 1), *cls = table_str(t, i, 2);
        double both = 0, alone[2] = {0};
        for (int64_t row = 0; row < rows->n_rows; row++) {
            const char *units = table_str(rows, row, 0), *kind = table_str(rows, row, 1);
            const double d = cell(rows, row, "difference");
            if (strcmp(table_str(rows, row, 2), cls) != 0)
                continue;
            if (strcmp(kind, "pair") == 0 && strstr(units, a) && strstr(units, b))
                both = d;
            if (strcmp(kind, "one") == 0 && strcmp(units, a) == 0)
                alone[0] = d;
            if (strcmp(kind, "one") == 0 && strcmp(units, b) == 0)
                alone[1] = d;
        }
        near(cell(t, i, "backup"), (both - alone[0] - alone[1]) / alone[1], 1e-9, "backup", (long)i,
             0);
    }
}

static void set_units(const struct places *x, struct params *p, const json_t *units)
{
    struct unit_id unit[8];
    int32_t n = 0;
    size_t i;
    json_t *v;
    json_array_foreach(units, i, v)
    {
        unit[n++] = unit_of(x, json_string_value(v));
    }
    params_set_units(p, "units", unit, n);
}

static void test_golden(void **state)
{
    struct places x;
    struct params p;
    double at[8];
    size_t i;
    int32_t n = 0;
    const char *name;
    json_t *v;
    (void)state;
    skip_when_quick();
    places_open_first(&x, TEXTS);
    const json_t *g = json_object_get(x.golden, "ablate"), *plain = json_object_get(g, "plain");
    params_init(&p, ablate_study.params);
    assert_true(params_parse(&p, "sets", "all,all-but-one,pairs", NULL));
    json_object_foreach(json_object_get(g, "at"), name, v)
    {
        at[n++] = json_real_value(v);
    }
    params_set_values(&p, "at", at, n);
    set_units(&x, &p, json_object_get(json_array_get(json_object_get(g, "sets"), 4), "units"));
    struct study *s = study_done(&ablate_study, &x.in, &p);
    struct table_set *set = ablate_study.tables(s);
    const struct table *t = table_set_find(set, "rows");
    assert_int_equal(t->n_rows, (4 + 1 + 4 + 6) * 2);
    json_array_foreach(json_object_get(g, "sets"), i, v)
    {
        for (int cls = 0; cls < 2; cls++) {
            const char *const class_name = cls ? "en" : "da";
            check_row(t,
                      row_of(t, json_object_get(v, "units"),
                             json_string_value(json_object_get(v, "set")), class_name),
                      mean(json_object_get(plain, class_name)), loss_of(v, class_name));
        }
    }
    check_backup(set);
    table_set_unref(set);
    ablate_study.free(s);
    params_release(&p);
    places_close(&x);
}

/* The published sets: the indices of all units at every layer of the set, at one value a layer. */
static void test_as_published(void **state)
{
    struct places x;
    struct params p;
    double at[3] = {0, 0, 0}, crossed[4 * 3] = {0};
    (void)state;
    skip_when_quick();
    places_open_first(&x, TEXTS);
    const json_t *g = json_object_get(x.golden, "crossed"),
                 *plain = json_object_get(json_object_get(x.golden, "ablate"), "plain");
    params_init(&p, ablate_study.params);
    for (int32_t place = 1; place < 4; place++)
        for (size_t i = 0; i < 3; i++) {
            const char layer[2] = {(char)('0' + place), '\0'};
            crossed[place * 3 + (int32_t)i] = json_real_value(
                json_array_get(json_object_get(json_object_get(g, "values"), layer), i));
        }
    params_set_values(&p, "at", at, 3);
    params_set_values(&p, "crossed", crossed, 12);
    set_units(&x, &p, json_object_get(g, "units"));
    struct study *s = study_done(&ablate_study, &x.in, &p);
    struct table_set *set = ablate_study.tables(s);
    const struct table *t = table_set_find(set, "rows");
    for (int cls = 0; cls < 2; cls++) {
        const char *const class_name = cls ? "en" : "da";
        check_row(t, row_of(t, json_object_get(g, "units"), "all", class_name),
                  mean(json_object_get(plain, class_name)), loss_of(g, class_name));
    }
    assert_non_null(strstr(t->note, "as published"));
    table_set_unref(set);
    ablate_study.free(s);
    params_release(&p);
    places_close(&x);
}

/* ---- on the tiny model */
/* What is held all the time is in the loss that differences are against: the sweep measures both.
 */
static void test_held(void **state)
{
    struct tiny_model t;
    (void)state;
    tiny_open(&t, &(struct tiny_spec){.hook = "layers.1.mlp.act"});
    struct corpus *c = tiny_corpus(6, true);
    const struct study_in in = tiny_in(&t, c);
    struct study *s = study_done(&ablate_study, &in,
                                 given(&ablate_study, "units=3,17 at=2,2 held=40 held-at=2")),
                 *one = study_done(&sweep_study, &in,
                                   given(&sweep_study, "units=40 values=2 insert=error")),
                 *all = study_done(&sweep_study, &in,
                                   given(&sweep_study, "units=3,17,40 values=2 insert=error"));
    struct table_set *set = ablate_study.tables(s);
    const struct table *rows = table_set_find(set, "rows");
    int64_t seen = 0;
    for (int64_t row = 0; row < rows->n_rows; row++) {
        const int32_t cls = strcmp(table_str(rows, row, 2), "da") != 0;
        double held = 0, both = 0;
        int64_t n = 0;
        if (strcmp(table_str(rows, row, 1), "all") != 0)
            continue;
        for (int64_t d = 0; d < c->n_docs; d++) {
            if (c->doc[d].cls != cls || isnan(sweep_loss(one, 2, d)))
                continue;
            held += sweep_loss(one, 2, d), both += sweep_loss(all, 2, d);
            n++;
        }
        near(cell(rows, row, "loss"), held / (double)n, 2e-6, "held", cls, 0);
        near(cell(rows, row, "loss_ablated"), both / (double)n, 2e-6, "all", cls, 0);
        assert_int_equal(table_i64(rows, row, table_find(rows, "texts")), n);
        seen++;
    }
    assert_int_equal(seen, 2);
    table_set_unref(set);
    ablate_study.free(s);
    sweep_study.free(one);
    sweep_study.free(all);
    corpus_free(c);
    tiny_close(&t);
}

static void test_going_on(void **state)
{
    (void)state;
    check_going_on(&ablate_study, "layers.1.mlp.act",
                   given(&ablate_study, "units=3,17,40 at=1,-2,.5 held=5 held-at=1 "
                                        "sets=all,all-but-one,pairs"));
}

static void test_refused(void **state)
{
    const char *const wrong[][2] = {
        {"units=3,17 at=1", "a value for each"},
        {"units=3 at=1 held=3 held-at=1", "held all the time"},
        {"units=3,17 at=1,2 crossed=1,2,3", "expected one of each"},
        {"units=3 at=1 held=5,5 held-at=1,2", "held twice"},
    };
    struct tiny_model t;
    (void)state;
    tiny_open(&t, &(struct tiny_spec){.hook = "layers.1.attn.out"});
    struct corpus *c = tiny_corpus(2, true);
    const struct study_in in = tiny_in(&t, c);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        check_refused(&ablate_study, &in, given(&ablate_study, wrong[i][0]), wrong[i][1]);
    corpus_free(c);
    tiny_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),  cmocka_unit_test(test_as_published),
        cmocka_unit_test(test_held),    cmocka_unit_test(test_going_on),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

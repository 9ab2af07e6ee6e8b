/* What units boost, against an independent script (a plain forward in float64). */
#include "engine/study/boosts.h"
#include "engine/study/hidden.h"
#include "tests/engine/study/places.h"

static void boosts_open(struct places *x, int64_t texts)
{
    places_open_first(x, texts);
    json_decref(x->golden);
    x->golden = golden_json("study/neuron_boosts.json");
}

static double real(const struct places *x, const char *name)
{
    return json_real_value(json_object_get(x->golden, name));
}

/* Both ends of the list of all tokens, and the sum. Tokens that are as good as equal may change
 * places. */
static void check_ends(const struct table *t, const json_t *g)
{
    double sum = 0;
    size_t i;
    json_t *v;
    for (int64_t row = 0; row < t->n_rows; row++) {
        sum += fabs(cell(t, row, "boost"));
        assert_true(row == 0 || cell(t, row, "boost") <= cell(t, row - 1, "boost"));
    }
    near(sum, json_real_value(json_object_get(g, "sum_abs")), 2e-5, "sum", 0, 0);
    json_array_foreach(json_object_get(g, "top"), i, v)
    {
        near(cell(t, (int64_t)i, "boost"), json_real_value(json_array_get(v, 1)), 2e-5, "top",
             (long)i, 0);
        assert_int_equal(table_i64(t, (int64_t)i, 0), json_integer_value(json_array_get(v, 0)));
    }
    json_array_foreach(json_object_get(g, "bottom"), i, v)
    {
        near(cell(t, t->n_rows - 1 - (int64_t)i, "boost"), json_real_value(json_array_get(v, 1)),
             2e-5, "bottom", (long)i, 0);
    }
}

static struct table_set *boosted(const struct places *x, const struct boosts_in *in)
{
    struct error e = {0};
    struct table_set *set = table_set_new();
    if (!boosts_run(&x->in, in, NULL, set, &e))
        fail_msg("%s", e.text);
    return set;
}

static void check_norms(const struct places *x, const struct table *t)
{
    for (int64_t row = 0; row < t->n_rows; row++) {
        const int64_t id = table_i64(t, row, 0);
        if (id >= 40)
            continue;
        near(
            cell(t, row, "norm_unembed"),
            json_real_value(json_array_get(json_object_get(x->golden, "norm_unembed"), (size_t)id)),
            1e-6, "norm", (long)id, 0);
        near(cell(t, row, "norm_embed"),
             json_real_value(json_array_get(json_object_get(x->golden, "norm_embed"), (size_t)id)),
             1e-6, "norm", (long)id, 1);
    }
}

/* Lists leave out what is not kept, and what can't be read; the histogram has every token. */
static void check_lists(const struct places *x, const struct table_set *set, double max_norm)
{
    const struct table *up = table_set_find(set, "boosted"), *all = table_set_find(set, "rows"),
                       *h = table_set_find(set, "histogram");
    int64_t row = 0, count = 0, kept = 0;
    assert_int_equal(up->n_rows, 30);
    for (int64_t i = 0; i < all->n_rows; i++) {
        const bool is_kept = table_i64(all, i, table_find(all, "kept")) != 0;
        assert_true(is_kept == !(cell(all, i, "norm_unembed") > max_norm));
        kept += is_kept;
        if (row < up->n_rows && is_kept &&
            !token_is_garbled(x->in.tokenizer, (int32_t)table_i64(all, i, 0)))
            assert_int_equal(table_i64(up, row++, 0), table_i64(all, i, 0));
    }
    assert_true(row == 30 && kept > 0 && kept < all->n_rows);
    for (int64_t i = 0; i < h->n_rows; i++)
        count += table_i64(h, i, 2);
    assert_int_equal(count, all->n_rows);
}

static void test_direct(void **state)
{
    struct places x;
    (void)state;
    skip_when_quick();
    boosts_open(&x, 2);
    const struct unit_id unit = unit_of(&x, json_string_value(json_object_get(x.golden, "unit")));
    const double change = real(&x, "on") - real(&x, "off");
    struct boosts_in in = {
        .n = 1, .unit = &unit, .change = &change, .centred = true, .max_norm = 1e9, .top = 30};
    struct table_set *set = boosted(&x, &in);
    const struct table *rows = table_set_find(set, "rows");
    double median = cell(rows, rows->n_rows / 2, "norm_unembed"), shift = 0;
    check_ends(rows, json_object_get(x.golden, "direct"));
    check_norms(&x, rows);
    /* without the centring every boost is another by the same */
    in.centred = false, in.max_norm = median;
    struct table_set *raw = boosted(&x, &in);
    for (int64_t i = 0; i < rows->n_rows; i++) {
        const struct table *t = table_set_find(raw, "rows");
        const double d = cell(t, i, "boost") - cell(rows, i, "boost");
        shift = i == 0 ? d : shift;
        near(d, shift, 1e-9, "shift", (long)i, 0);
    }
    check_lists(&x, raw, median);
    table_set_unref(set);
    table_set_unref(raw);
    places_close(&x);
}

static void check_lens(const struct places *x, const char *layer, const char *name)
{
    struct params p;
    struct unit_id unit = unit_of(x, json_string_value(json_object_get(x->golden, "unit")));
    const double on = real(x, "on"), off = real(x, "off");
    int64_t texts;
    params_init(&p, hidden_study.params);
    params_set_units(&p, "units", &unit, 1);
    params_set_values(&p, "at", &on, 1);
    params_set_values(&p, "off-at", &off, 1);
    assert_true(params_parse(&p, "layer", layer, NULL));
    struct study *s = study_done(&hidden_study, &x->in, &p);
    const struct boosts_in in = {.hidden = hidden_change(s, 0, &texts), .centred = true, .top = 30};
    struct table_set *set = boosted(x, &in);
    check_ends(table_set_find(set, "rows"), json_object_get(x->golden, name));
    assert_int_equal(texts, json_integer_value(json_object_get(x->golden, "lens_texts")));
    table_set_unref(set);
    hidden_study.free(s);
    params_release(&p);
}

/* Of the last layer the lens is the logits. */
static void test_lens(void **state)
{
    struct places x;
    (void)state;
    skip_when_quick();
    boosts_open(&x, 5);
    check_lens(&x, "-1", "lens");
    check_lens(&x, "3", "lens_last");
    places_close(&x);
}

static void check_unigrams(const struct places *x, bool by_tokens, const char *name)
{
    struct error e = {0};
    const struct unit_id unit = unit_of(x, json_string_value(json_object_get(x->golden, "unit")));
    const double change = real(x, "on") - real(x, "off");
    const struct boosts_in in = {
        .n = 1, .unit = &unit, .change = &change, .centred = true, .top = 12};
    struct table_set *set = table_set_new();
    if (!unigrams_run(&x->in, &in, by_tokens, NULL, set, &e))
        fail_msg("%s", e.text);
    const struct table *t = table_set_find(set, "rows"), *classes = table_set_find(set, "classes");
    assert_int_equal(t->n_rows, 24);
    for (int32_t c = 0; c < 2; c++) {
        const json_t *g = json_object_get(json_object_get(x->golden, name), c ? "en" : "da");
        double sum = 0;
        for (int64_t i = 0; i < 12; i++) {
            const int64_t row = 12 * c + i;
            const json_t *v = json_array_get(g, (size_t)i);
            assert_int_equal(table_i64(t, row, table_find(t, by_tokens ? "tokens" : "texts")),
                             json_integer_value(json_array_get(v, by_tokens ? 2 : 1)));
            assert_int_equal(table_i64(t, row, table_find(t, "id")),
                             json_integer_value(json_array_get(v, 0)));
            near(cell(t, row, "boost"), json_real_value(json_array_get(v, 3)), 2e-5, "boost",
                 (long)row, 0);
            sum += cell(t, row, "boost");
        }
        near(cell(classes, c, "boost"), sum / 12, 1e-9, "mean", c, 0);
    }
    table_set_unref(set);
}

static void test_unigrams(void **state)
{
    struct places x;
    (void)state;
    skip_when_quick();
    boosts_open(&x, 16);
    check_unigrams(&x, false, "unigrams");
    check_unigrams(&x, true, "by_tokens");
    places_close(&x);
}

static void test_going_on(void **state)
{
    (void)state;
    check_going_on(&hidden_study, "layers.1.mlp.act",
                   given(&hidden_study, "units=3,17 at=1,2 off-at=0,-1 layer=2"));
}

static void test_refused(void **state)
{
    struct tiny_model t;
    struct error e = {0};
    (void)state;
    tiny_open(&t, &(struct tiny_spec){.hook = "layers.1.mlp.pre"});
    struct corpus *c = tiny_corpus(2, true);
    struct study_in in = tiny_in(&t, c);
    const struct unit_id unit = {0, 3};
    const double change = 1;
    const struct boosts_in b = {.n = 1, .unit = &unit, .change = &change, .top = 3};
    struct table_set *set = table_set_new();
    in.dicts = &t.set;
    check_refused(&hidden_study, &in, given(&hidden_study, "units=3 at=1"), "two values for each");
    check_refused(&hidden_study, &in, given(&hidden_study, "units=3 at=1 off-at=0 layer=0"),
                  "found layer 0, expected 1 to 2");
    assert_false(boosts_run(&in, &b, NULL, set, &e));
    assert_non_null(strstr(e.text, "depends on the text"));
    table_set_unref(set);
    corpus_free(c);
    tiny_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_direct),   cmocka_unit_test(test_lens),
        cmocka_unit_test(test_unigrams), cmocka_unit_test(test_going_on),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

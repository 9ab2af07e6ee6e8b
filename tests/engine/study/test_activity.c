/* Activity of units and classification by one of them, against an independent script (a plain
 * forward in float64, scikit-learn) and plain loops. */
#include "engine/study/classify.h"
#include "engine/study/values.h"
#include "tests/engine/study/places.h"

static struct study *activity_done(const struct places *x, bool held, bool whole)
{
    struct params p;
    struct unit_id unit[8];
    double value[8];
    int32_t n = 0;
    size_t i;
    json_t *v;
    const char *name;
    params_init(&p, activity_study.params);
    params_set_int(&p, "from", number(x, "from"));
    params_set_int(&p, "to", number(x, "to"));
    params_set_int(&p, "tokens", number(x, "kept"));
    if (held) {
        json_object_foreach(json_object_get(x->golden, "held"), name, v)
        {
            unit[n] = unit_of(x, name);
            value[n++] = json_real_value(v);
        }
        params_set_units(&p, "held", unit, n);
        params_set_values(&p, "held-at", value, n);
    }
    n = 0;
    json_array_foreach(json_object_get(x->golden, "units"), i, v)
    {
        unit[n++] = unit_of(x, json_string_value(v));
    }
    if (whole)
        unit[0] = (struct unit_id){unit_of(x, "L2N0").dict, 0}, n = 1;
    params_set_units(&p, "units", unit, n);
    params_set_flag(&p, "whole", whole);
    struct study *s = study_done(&activity_study, &x->in, &p);
    params_release(&p);
    return s;
}

static void check_means(const struct places *x, struct study *s, const char *name)
{
    struct table_set *set = activity_study.tables(s);
    const struct table *t = table_set_find(set, "rows");
    size_t i;
    json_t *v;
    assert_int_equal(t->n_rows, json_array_size(json_object_get(x->golden, name)));
    json_array_foreach(json_object_get(x->golden, name), i, v)
    {
        const int64_t row = (int64_t)i;
        assert_string_equal(table_str(t, row, 0), json_string_value(json_object_get(v, "unit")));
        assert_string_equal(table_str(t, row, 1), json_string_value(json_object_get(v, "class")));
        static const char *const columns[] = {"mean", "sd", "tokens", "texts"};
        for (int c = 0; c < 4; c++)
            near(cell(t, row, columns[c]), json_number_value(json_object_get(v, columns[c])), 2e-5,
                 columns[c], (long)i, 0);
    }
    table_set_unref(set);
}

/* Of a value that lies at the threshold rounding may decide: how many units of the layer that is
 * true of, and by no more than one token. */
static void check_scores(const struct places *x, const struct study *s, const char *name,
                         int32_t most_off)
{
    struct error e = {0};
    struct table *t = classify_rows(s, 0, (uint64_t)number(x, "seed"), &(struct study_loop){0}, &e);
    const json_t *g = json_object_get(x->golden, name);
    const double train = json_number_value(json_object_get(g, "train_tokens")),
                 test = json_number_value(json_object_get(g, "test_tokens"));
    int32_t off = 0;
    if (!t)
        fail_msg("%s", e.text);
    assert_int_equal(t->n_rows, activity_n_units(s));
    for (int64_t row = 0; row < t->n_rows; row++) {
        char unit[UNIT_NAME_MAX];
        int32_t j = 0;
        for (activity_name(s, 0, unit); strcmp(unit, table_str(t, row, 0)) != 0;)
            activity_name(s, ++j, unit);
        const size_t at = (size_t)j;
        const double right[2] = {json_number_value(json_array_get(json_object_get(g, "train"), at)),
                                 json_number_value(json_array_get(json_object_get(g, "test"), at))};
        const double d[2] = {cell(t, row, "train_accuracy") * train - right[0],
                             cell(t, row, "test_accuracy") * test - right[1]};
        if (!(fabs(d[0]) < 1.001 && fabs(d[1]) < 1.001))
            fail_msg("%s: %s: %g and %g tokens more are right", name, unit, d[0], d[1]);
        off += fabs(d[0]) > 1e-6 || fabs(d[1]) > 1e-6;
        if (fabs(d[1]) < 1e-6)
            near(cell(t, row, "f1"),
                 json_number_value(json_array_get(json_object_get(g, "f1"), at)), 0.02, "f1", j, 0);
        near(cell(t, row, "mean.da"), activity_of(s, j, 0).mean, 0, "mean", j, 0);
        assert_true(row == 0 || !(cell(t, row, "f1") > cell(t, row - 1, "f1")));
    }
    if (off > most_off)
        fail_msg("%s: %d units differ by a token", name, off);
    table_free(t);
}

static void test_golden(void **state)
{
    struct places x;
    (void)state;
    skip_when_quick();
    places_open(&x);
    struct study *s = activity_done(&x, false, false);
    check_means(&x, s, "means");
    check_scores(&x, s, "classify", 0);
    activity_study.free(s);
    s = activity_done(&x, true, false);
    check_means(&x, s, "means_held");
    check_scores(&x, s, "classify_held", 0);
    assert_true(activity_of(s, 0, 0).sd < 1e-6); /* it is held: x + (v − x) */
    activity_study.free(s);
    s = activity_done(&x, false, true);
    assert_int_equal(activity_n_units(s), 1024);
    check_scores(&x, s, "classify_whole", 3);
    activity_study.free(s);
    places_close(&x);
}

/* ---- positions, on the tiny model, against the values of every token */
static void check_positions(bool bos, int32_t from, int32_t to)
{
    struct tiny_model t;
    tiny_open(&t, &(struct tiny_spec){.hook = "layers.1.mlp.act", .neurons = true, .n_ctx = 12});
    struct corpus *c = tiny_corpus(6, true);
    struct study_in in = tiny_in(&t, c);
    char words[80];
    in.bos = bos;
    snprintf(words, sizeof words, "units=5 from=%d to=%d tokens=1000", (int)from, (int)to);
    struct study *s = study_done(&activity_study, &in, given(&activity_study, words)),
                 *v = study_done(&values_study, &in, given(&values_study, "units=5"));
    int64_t total = 0;
    for (int32_t cls = 0; cls < 2; cls++) {
        int64_t n = 0, texts = 0, n_kept;
        int32_t doc, pos, start, end, last = -1;
        double sum = 0, sq = 0;
        const float *kept = activity_values(s, cls, &n_kept);
        for (int64_t row = 0; values_row(v, row, &doc, &pos, &start, &end); row++) {
            const int32_t at = pos + bos;
            const double x = (double)values_act(v, 0)[row];
            if (c->doc[doc].cls != cls || at < from || at > to || at >= 12)
                continue;
            near((double)kept[n++], x, 1e-6, "value", row, cls);
            sum += x, sq += x * x;
            texts += doc != last, last = doc;
        }
        const struct activity a = activity_of(s, 0, cls), b = activity_others(s, 0, !cls);
        assert_true(a.tokens == n && a.texts == texts && n_kept == n && b.tokens == n);
        near(a.mean, sum / (double)n, 1e-6, "mean", cls, 0);
        near(b.mean, sum / (double)n, 1e-6, "mean of the others", cls, 0);
        near(a.sd, sqrt((sq - sum * sum / (double)n) / (double)(n - 1)), 1e-5, "sd", cls, 0);
        total += n;
    }
    assert_true(total > 20);
    activity_study.free(s);
    values_study.free(v);
    corpus_free(c);
    tiny_close(&t);
}

static void test_positions(void **state)
{
    (void)state;
    check_positions(true, 3, 9);
    check_positions(false, 0, 399); /* beyond the context: the first window alone */
    check_positions(true, 1, 399);
}

/* The BOS is a position too, where there is one. */
static void test_bos(void **state)
{
    struct tiny_model t;
    (void)state;
    tiny_open(&t, &(struct tiny_spec){.hook = "layers.1.mlp.act", .neurons = true});
    struct corpus *c = tiny_corpus(6, true);
    struct study_in in = tiny_in(&t, c);
    in.bos = true;
    struct study *s =
        study_done(&activity_study, &in, given(&activity_study, "units=5 from=0 to=0"));
    assert_int_equal(activity_of(s, 0, 0).tokens, 6);
    assert_true(activity_of(s, 0, 0).sd == 0.0); /* alike in every text */
    activity_study.free(s);
    corpus_free(c);
    tiny_close(&t);
}

/* ---- going on, refusing */
static void test_going_on(void **state)
{
    (void)state;
    check_going_on(
        &activity_study, "layers.1.mlp.act",
        given(&activity_study, "units=3,17,40 held=5,17 held-at=1.5,-2 from=2 to=8 tokens=20"));
}

static void test_refused(void **state)
{
    const char *const wrong[][2] = {
        {"units=3,17 from=9 to=8", "9 to 8"},
        {"units=3 held=5,6 held-at=1", "a value for each"},
        {"units=3 held=5,5 held-at=1,2", "held twice"},
        {"units=3 held=80 held-at=1", "found unit 80"},
        {"units=3,4 whole=true", "one of each dictionary"},
        {"units=3 tokens=2000000000", "values, expected at most"},
    };
    struct tiny_model t;
    struct error e = {0};
    (void)state;
    check_units_refused(&activity_study, given(&activity_study, "units=3,17,40"));
    tiny_open(&t, &(struct tiny_spec){.hook = "layers.1.attn.out"});
    struct corpus *c = tiny_corpus(2, true);
    const struct study_in in = tiny_in(&t, c);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        check_refused(&activity_study, &in, given(&activity_study, wrong[i][0]), wrong[i][1]);
    struct study *s = study_done(&activity_study, &in, given(&activity_study, "units=3"));
    assert_null(classify_rows(s, 0, 0, NULL, &e)); /* no values were kept */
    assert_true(e.kind == ERROR_INPUT);
    activity_study.free(s);
    corpus_free(c);
    tiny_close(&t);
}

/* ---- histograms */
static void test_histogram(void **state)
{
    struct tiny_model t;
    (void)state;
    tiny_open(&t, &(struct tiny_spec){.hook = "layers.1.mlp.act", .neurons = true});
    struct corpus *c = tiny_corpus(8, true);
    const struct study_in in = tiny_in(&t, c);
    struct study *s = study_done(&activity_study, &in,
                                 given(&activity_study, "units=5,7,9 from=0 to=30 tokens=50"));
    struct table *h = classify_histogram(s, 2);
    assert_int_equal(h->n_rows, 2 * 2 * 30);
    for (int32_t j = 0; j < 2; j++)
        for (int32_t cls = 0; cls < 2; cls++) {
            int64_t n, count = 0;
            double share = 0;
            const float *v = activity_values(s, cls, &n);
            for (int64_t row = (2 * j + cls) * 30; row < (2 * j + cls + 1) * 30; row++) {
                const double lo = cell(h, row, "lo"), hi = cell(h, row, "hi");
                int64_t here = 0;
                for (int64_t i = 0; i < n; i++) {
                    const double x = (double)v[3 * i + j];
                    here += x >= lo && (x < hi || (row % 30 == 29 && x <= hi));
                }
                assert_int_equal(here, table_i64(h, row, table_find(h, "count")));
                count += here, share += cell(h, row, "share");
            }
            assert_int_equal(count, n);
            near(share, 1, 1e-12, "shares", j, cls);
        }
    table_free(h);
    activity_study.free(s);
    corpus_free(c);
    tiny_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),  cmocka_unit_test(test_positions),
        cmocka_unit_test(test_bos),     cmocka_unit_test(test_going_on),
        cmocka_unit_test(test_refused), cmocka_unit_test(test_histogram),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

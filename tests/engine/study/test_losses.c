/* Losses of tokens in two runs, and texts by their best token, against an independent script. */
#include "engine/study/losses.h"
#include "tests/engine/study/runs_golden.h"

static double score_at(const json_t *golden, const char *cls, int64_t doc, int64_t *position)
{
    const json_t *v = json_array_get(json_object_get(golden, cls), (size_t)doc);
    *position = (int64_t)item_of(v, 3);
    return item_of(v, 2);
}

/* The texts of a class, best first, each with its best token and all of its tokens. */
static void check_examples(const struct places *x, const struct study *s, int32_t cls)
{
    const json_t *g = json_object_get(x->golden, "runs");
    const char *name = cls ? "en" : "da";
    struct table_set *set = table_set_new();
    losses_examples(s, cls, real_of(x->golden, "weight"), 5, set);
    const struct table *t = table_set_find(set, "examples"), *rows = table_set_find(set, "rows");
    double last = HUGE_VAL;
    int64_t row = 0, better = 0, position;
    assert_int_equal(t->n_rows, 5);
    for (int64_t i = 0; i < t->n_rows; i++) {
        const int64_t doc = table_i64(t, i, table_find(t, "doc"));
        near(cell(t, i, "score"), score_at(g, name, doc, &position), 5e-5, "score", i, cls);
        assert_int_equal(table_i64(t, i, table_find(t, "position")), position);
        assert_true(cell(t, i, "score") <= last);
        last = cell(t, i, "score");
        double sum = 0;
        int64_t n = 0;
        for (; row < rows->n_rows && table_i64(rows, row, table_find(rows, "doc")) == doc; row++) {
            sum += cell(rows, row, "difference"), n++;
            if (table_i64(rows, row, table_find(rows, "position")) == position)
                near(cell(rows, row, "difference"), cell(t, i, "difference"), 0, "best", i, cls);
        }
        const json_t *v = json_array_get(json_object_get(g, name), (size_t)doc);
        near(sum / (double)n, item_of(v, 1) - item_of(v, 0), 2e-5, "tokens", i, cls);
        assert_string_equal(table_str(t, i, 0), name);
    }
    assert_int_equal(row, rows->n_rows);
    for (int64_t doc = 0; doc < number(x, "texts"); doc++)
        better += score_at(g, name, doc, &position) > last;
    assert_true(better == 4 || better == 5); /* as near as float32 tells */
    table_set_unref(set);
}

static void test_golden(void **state)
{
    struct places x;
    struct params p;
    (void)state;
    skip_when_quick();
    runs_golden_open(&x, 16);
    params_init(&p, losses_study.params);
    say_runs(&x, &p, true);
    struct study *s = study_done(&losses_study, &x.in, &p);
    struct table_set *set = losses_study.tables(s);
    const struct table *t = table_set_find(set, "rows");
    assert_int_equal(t->n_rows, 2);
    for (int64_t row = 0; row < 2; row++) {
        const json_t *g = json_object_get(json_object_get(x.golden, "runs"), row ? "en" : "da"), *v;
        double a = 0, b = 0;
        size_t i;
        json_array_foreach(g, i, v)
        {
            a += item_of(v, 0) / 16, b += item_of(v, 1) / 16;
        }
        near(cell(t, row, "loss_a"), a, 1e-5, "loss_a", row, 0);
        near(cell(t, row, "loss_b"), b, 1e-5, "loss_b", row, 0);
        near(cell(t, row, "difference"), b - a, 1e-5, "difference", row, 0);
        assert_int_equal(table_i64(t, row, table_find(t, "texts")), 16);
        assert_true(cell(t, row, "ci95.lo") <= cell(t, row, "difference") &&
                    cell(t, row, "ci95.hi") >= cell(t, row, "difference"));
        check_examples(&x, s, (int32_t)row);
    }
    table_set_unref(set);
    losses_study.free(s);
    params_release(&p);
    places_close(&x);
}

/* Without the BOS the first token of a text is there without a loss; the text around the best. */
static void test_text_around(void **state)
{
    struct tiny_model t;
    (void)state;
    tiny_open(&t, &(struct tiny_spec){.hook = "layers.1.attn.out"});
    struct corpus *c = tiny_corpus(3, true);
    const struct study_in in = tiny_in(&t, c);
    struct study *s = study_done(&losses_study, &in, given(&losses_study, "units=3 off-at=2"));
    struct table_set *set = table_set_new();
    losses_examples(s, 1, 0, 2, set);
    const struct table *e = table_set_find(set, "examples"), *rows = table_set_find(set, "rows");
    assert_int_equal(e->n_rows, 2);
    assert_int_equal(table_i64(rows, 0, table_find(rows, "position")), 0);
    assert_false(table_has(rows, 0, table_find(rows, "difference")));
    for (int64_t i = 0; i < 2; i++) {
        struct strbuf text;
        strbuf_init(&text);
        strbuf_addf(&text, "%s%s%s", table_str(e, i, table_find(e, "before")),
                    table_str(e, i, table_find(e, "text")),
                    table_str(e, i, table_find(e, "after")));
        const struct corpus_doc *d = &c->doc[doc_of_row(c, e, i)];
        assert_non_null(memmem(d->text, d->n, text.s, text.len));
        strbuf_release(&text);
    }
    table_set_unref(set);
    losses_study.free(s);
    corpus_free(c);
    tiny_close(&t);
}

static void test_going_on(void **state)
{
    (void)state;
    check_going_on(&losses_study, "layers.1.mlp.act",
                   given(&losses_study, "units=3 at=1 off-at=1 shifted=17 shift=2"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_text_around),
        cmocka_unit_test(test_going_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

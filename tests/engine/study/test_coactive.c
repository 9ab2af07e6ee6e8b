/* Co-activation against plain counting and an independent script. */
#include "tests/engine/study/chunks.h"

static const int32_t three_units[] = {3, 17, 40};
#define three given(&coactive_study, "units=3,17,40")

struct counted { /* which latents each token has, the direct way */
    bool on[2048][80];
    int32_t n;
};

static void count(struct counted *q, const struct study_in *in)
{
    for (int64_t d = 0; d < in->corpus->n_docs; d++) {
        const struct corpus_doc *doc = &in->corpus->doc[d];
        struct run run = {.queue = in->queue, .arena = arena_new(in->queue)};
        struct token *token = NULL;
        size_t n = 0, cap = 0;
        int32_t ids[128];
        struct csr_host c = {0};
        tokenizer_encode(in->tokenizer, doc->text, doc->n, false, &token, &n, &cap);
        for (size_t i = 0; i < n; i++)
            ids[i] = token[i].id;
        int32_t start[2] = {0, (int32_t)n};
        struct batch batch = {.n_rows = (int32_t)n, .ids = ids, .seqs = {.n = 1, .start = start}};
        struct state hook;
        struct code f;
        model_forward(&run, in->model, &batch, NULL, in->at, NULL, 0, &hook);
        dict_encode(&run, in->dict, hook.value, &f, NULL);
        assert_true(run_get_csr(&run, &c, &f.sparse));
        for (int32_t t = 0; t < (int32_t)n; t++) {
            assert_in_range(c.start[t + 1] - c.start[t], 0, 6);
            for (int32_t i = c.start[t]; i < c.start[t + 1]; i++)
                q->on[q->n + t][c.ids[i]] = true;
        }
        csr_host_release(&c);
        q->n += (int32_t)n;
        free(token);
        arena_free(run.arena);
    }
}

static int32_t together(const struct counted *q, int32_t a, int32_t b)
{
    int32_t n = 0;
    for (int32_t t = 0; t < q->n; t++)
        n += q->on[t][a] && q->on[t][b];
    return n;
}

static double jaccard(const struct counted *q, int32_t a, int32_t b)
{
    int32_t both = together(q, a, b);
    return (double)both / (together(q, a, a) + together(q, b, b) - both);
}

static void check_table(const struct counted *q, const struct table *t, int32_t rows)
{
    int64_t row = 0;
    for (int32_t j = 0; j < 3; j++) {
        int32_t unit = three_units[j];
        bool used[80] = {false};
        used[unit] = true;
        for (int32_t i = 0; i < rows; i++) { /* the next best, ties to the lower */
            int32_t best = -1;
            for (int32_t o = 0; o < 80; o++)
                if (!used[o] && together(q, unit, o) > 0 &&
                    (best < 0 || jaccard(q, unit, o) > jaccard(q, unit, best)))
                    best = o;
            if (best < 0)
                break;
            used[best] = true;
            assert_true(row < t->n_rows);
            assert_int_equal(table_i64(t, row, table_find(t, "latent")), unit);
            assert_int_equal(table_i64(t, row, table_find(t, "other")), best);
            assert_int_equal(table_i64(t, row, table_find(t, "tokens")), together(q, unit, best));
            near(table_f64(t, row++, table_find(t, "jaccard")), jaccard(q, unit, best), 1e-15,
                 "jaccard", unit, best);
        }
    }
    assert_int_equal(t->n_rows, row);
    assert_true(row >= 3);
}

static void test_counts(void **state)
{
    struct tiny_model t;
    (void)state;
    tiny_open(&t, &(struct tiny_spec){.hook = "layers.1.mlp.act"});
    struct corpus *c = tiny_corpus(quick() ? 12 : 20, true);
    struct study_in in = tiny_in(&t, c);
    struct counted *q = xcalloc(1, sizeof *q);
    count(q, &in);
    static const int32_t rows[] = {1, 5, 80};
    struct study *s;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct params *p = (struct params *)three;
        params_set_int(p, "rows", rows[i]);
        s = study_done(&coactive_study, &in, p);
        struct table_set *set = coactive_study.tables(s);
        check_table(q, table_set_find(set, "rows"), rows[i]);
        table_set_unref(set);
        coactive_study.free(s);
    }
    /* BOS is no token of the text */
    in.bos = true;
    struct run run = {.queue = t.queue, .arena = arena_new(t.queue)};
    s = study_new(&coactive_study, &in, three);
    int64_t tokens = 0;
    for (int64_t i = 0; i < coactive_study.n_chunks(s); i++) {
        struct partial *p = coactive_study.chunk(s, i, &run);
        assert_non_null(p);
        tokens += coactive_study.partial_tokens(p);
        coactive_study.partial_free(p);
    }
    assert_int_equal(tokens, q->n);
    coactive_study.free(s);
    arena_free(run.arena);
    free(q);
    corpus_free(c);
    tiny_close(&t);
}

static void test_golden(void **state)
{
    enum { N = 12 };
    struct on_demo on;
    (void)state;
    skip_when_quick();
    on_demo_open(&on, &coactive_study, given(&coactive_study, "units=" DEMO_CHOSEN " rows=12"),
                 CORPUS_ALL);
    struct table_set *set = coactive_study.tables(on.study);
    const struct table *t = table_set_find(set, "rows");
    json_t *golden = golden_json("study/values.json"),
           *latents = json_object_get(golden, "latents");
    assert_int_equal(t->n_rows, 6 * N);
    for (size_t i = 0; i < 6 * N; i++) {
        const json_t *g = json_array_get(latents, i / N);
        const json_t *o = json_array_get(json_object_get(g, "coactive"), i % N);
        int64_t row = (int64_t)i;
        assert_int_equal(table_i64(t, row, table_find(t, "latent")),
                         json_integer_value(json_object_get(g, "latent")));
        assert_int_equal(table_i64(t, row, table_find(t, "other")),
                         json_integer_value(json_array_get(o, 0)));
        assert_int_equal(table_i64(t, row, table_find(t, "tokens")),
                         json_integer_value(json_array_get(o, 1)));
        near(table_f64(t, row, table_find(t, "jaccard")), json_number_value(json_array_get(o, 2)),
             1e-12, "jaccard", (long)row, 0);
    }
    json_decref(golden);
    table_set_unref(set);
    on_demo_close(&on);
}

static void test_resume(void **state)
{
    (void)state;
    check_going_on(&coactive_study, "layers.2.attn.out", three);
}

static void test_refused(void **state)
{
    struct tiny_model t;
    (void)state;
    check_units_refused(&coactive_study, three);
    tiny_open(&t, &(struct tiny_spec){.hook = "layers.1.mlp.act", .neurons = true});
    struct corpus *c = tiny_corpus(2, true);
    struct study_in in = tiny_in(&t, c);
    check_refused(&coactive_study, &in, three, "expected an SAE");
    corpus_free(c);
    tiny_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_resume),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

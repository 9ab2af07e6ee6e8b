/* Vectors of words against a forward pass of their own, t-tests against an independent script. */
#include "engine/study/contrast.h"
#include "tests/engine/study/chunks.h"

static struct corpus *word_corpus(const char *const *a, int64_t na, const char *const *b,
                                  int64_t nb)
{
    struct error e = {0};
    struct corpus *c = NULL;
    struct corpus_list list[2] = {{"m", a, na}, {"f", b, nb}};
    if (!corpus_from_lists("words", list, 2, false, 0, CORPUS_ALL, &c, &e))
        fail_msg("corpus: %s", e.text);
    return c;
}

static const char *const some_m[] = {"konge", "far", "en lang sætning", "a", "drengen"},
                         *const some_f[] = {"dronning", "mor", "bb", "pigerne er her"};

/* ---- vectors */
enum { N_MAX = 128 };
struct expected { /* of one word */
    int32_t n_tokens, width;
    float x[64][N_MAX], f[64][N_MAX], pre[64][N_MAX];
    int32_t active;
    double error;
};

static void expect_word(struct expected *w, const struct study_in *in, const char *text)
{
    struct run run = {.queue = in->queue, .arena = arena_new(in->queue)};
    struct token *token = NULL;
    size_t n = 0, cap = 0;
    int32_t ids[64], begin = in->bos ? 1 : 0;
    struct csr_host c = {0};
    const int32_t width = dict_spec(in->dict)->n, m = dict_spec(in->dict)->m;
    tokenizer_encode(in->tokenizer, text, strlen(text), false, &token, &n, &cap);
    ids[0] = model_cut(in->model, in->tokenizer, in->bos).bos;
    for (size_t i = 0; i < n; i++)
        ids[begin + (int32_t)i] = token[i].id;
    const int32_t rows = begin + (int32_t)n, start[2] = {0, rows};
    struct batch batch = {.n_rows = rows, .ids = ids, .seqs = {.n = 1, .start = start}};
    struct state hook;
    struct code f;
    struct tensor pre;
    *w = (struct expected){.n_tokens = (int32_t)n, .width = width};
    assert_true(width <= N_MAX && m <= N_MAX && rows <= 64);
    model_forward(&run, in->model, &batch, NULL, in->at, NULL, 0, &hook);
    dict_encode(&run, in->dict, hook.value, &f, &pre);
    float *x = xcalloc((size_t)rows * (size_t)width, sizeof *x),
          *back = xcalloc((size_t)rows * (size_t)width, sizeof *x),
          *all = xcalloc((size_t)rows * (size_t)m, sizeof *all);
    run_get(&run, x, hook.value);
    run_get(&run, back, dict_decode(&run, in->dict, &f));
    run_get(&run, all, pre);
    assert_true(run_get_csr(&run, &c, &f.sparse));
    for (int32_t t = begin; t < rows; t++) {
        for (int32_t i = 0; i < width; i++) {
            const float v = x[t * width + i], d = v - back[t * width + i];
            w->x[t - begin][i] = v;
            w->error += (double)d * (double)d;
        }
        for (int32_t j = 0; j < m; j++)
            w->pre[t - begin][j] = all[t * m + j];
        for (int32_t i = c.start[t]; i < c.start[t + 1]; i++, w->active++)
            w->f[t - begin][c.ids[i]] = c.vals[i];
    }
    csr_host_release(&c);
    free(x);
    free(back);
    free(all);
    free(token);
    arena_free(run.arena);
}

static double of_vector(float v[64][N_MAX], const char *vector, int32_t n, int32_t i)
{
    double sum = 0;
    if (strcmp(vector, "mean") != 0)
        return (double)v[strcmp(vector, "first") == 0 ? 0 : n - 1][i];
    for (int32_t t = 0; t < n; t++)
        sum += (double)v[t][i];
    return sum / n;
}

static double value_of(const struct word_columns *c, int32_t word, int32_t id)
{
    for (int64_t i = c->start[word]; i < c->start[word + 1]; i++)
        if (c->id[i] == id)
            return (double)c->value[i];
    return 0;
}

static void check_vectors(const struct study_in *in, const char *vector, bool space, bool pre)
{
    char *args = xasprintf("word-vector=%s space=%s pre=%s", vector, space ? "true" : "false",
                           pre ? "true" : "false");
    struct study *s = study_done(&words_study, in, given(&words_study, args));
    struct expected *w = xcalloc(1, sizeof *w);
    double error = 0, active = 0, tokens = 0;
    for (int32_t d = 0; d < in->corpus->n_docs; d++) {
        char *text = xasprintf("%s%.*s", space ? " " : "", (int)in->corpus->doc[d].n,
                               in->corpus->doc[d].text);
        expect_word(w, in, text);
        for (int32_t i = 0; i < w->width; i++)
            near(value_of(words_columns(s, WORD_NEURONS), d, i),
                 of_vector(w->x, vector, w->n_tokens, i), 1e-6, "neuron", d, i);
        for (int32_t j = 0; j < dict_spec(in->dict)->m; j++)
            near(value_of(words_columns(s, WORD_LATENTS), d, j),
                 of_vector(pre ? w->pre : w->f, vector, w->n_tokens, j), 1e-6, "latent", d, j);
        error += w->error;
        active += w->active;
        tokens += w->n_tokens;
        free(text);
    }
    near(words_mse(s), error / tokens / w->width, 1e-6, "mse", 0, 0);
    near(words_l0(s), active / tokens, 1e-12, "l0", 0, 0);
    free(w);
    words_study.free(s);
    free(args);
}

static void test_vectors(void **state)
{
    struct tiny_model t;
    (void)state;
    tiny_open(&t, &(struct tiny_spec){.hook = "layers.1.mlp.out"});
    struct corpus *c = word_corpus(some_m, 5, some_f, 4);
    struct study_in in = tiny_in(&t, c);
    check_vectors(&in, "last", false, false);
    check_vectors(&in, "mean", true, false);
    check_vectors(&in, "first", false, true);
    in.bos = true;
    check_vectors(&in, "mean", false, true);
    check_vectors(&in, "last", true, false);
    corpus_free(c);
    tiny_close(&t);
}

/* The points are the vectors' values, a word that stands alone behind those of the list. */
static void test_points(void **state)
{
    struct tiny_model t;
    (void)state;
    tiny_open(&t, &(struct tiny_spec){.hook = "layers.1.mlp.out"});
    struct corpus *c = word_corpus(some_m, 5, some_f, 4),
                  *alone = word_corpus(some_f, 1, some_f, 1);
    struct study_in in = tiny_in(&t, c), of_one = tiny_in(&t, alone);
    struct study *s = study_done(&words_study, &in, given(&words_study, "")),
                 *one = study_done(&words_study, &of_one, given(&words_study, ""));
    struct word_list l;
    word_list_init(&l, c, (struct word_question){-1, -1});
    for (int u = 0; u < WORD_N_UNITS; u++) {
        const struct word_columns *of = words_columns(s, (enum word_units)u);
        struct table *p = contrast_points(s, (enum word_units)u, 3, 5, one);
        const int32_t x = table_find(p, "value.3"), y = table_find(p, "value.5");
        assert_int_equal(p->n_rows, l.n + 1);
        for (int32_t i = 0; i < l.n; i++) {
            near(table_f64(p, i, x), value_of(of, l.doc[i], 3), 0, "x", u, i);
            near(table_f64(p, i, y), value_of(of, l.doc[i], 5), 0, "y", u, i);
            assert_string_equal(table_str(p, i, table_find(p, "class")),
                                c->cls[c->doc[l.doc[i]].cls].name);
        }
        near(table_f64(p, l.n, x), value_of(words_columns(one, (enum word_units)u), 0, 3), 0,
             "alone", u, 3);
        assert_null(table_str(p, l.n, table_find(p, "class")));
        table_free(p);
    }
    word_list_release(&l);
    words_study.free(s);
    words_study.free(one);
    corpus_free(c);
    corpus_free(alone);
    tiny_close(&t);
}

static void test_neurons_alone(void **state)
{
    struct tiny_model t;
    (void)state;
    tiny_open(&t, &(struct tiny_spec){.hook = "layers.1.mlp.act", .neurons = true});
    struct corpus *c = word_corpus(some_m, 5, some_f, 4);
    const struct study_in in = tiny_in(&t, c);
    struct study *s = study_done(&words_study, &in, given(&words_study, ""));
    assert_null(words_columns(s, WORD_LATENTS));
    assert_true(words_main(s) == WORD_NEURONS && isnan(words_mse(s)) && isnan(words_l0(s)));
    assert_int_equal(words_columns(s, WORD_NEURONS)->n_cols, dict_spec(t.dict)->n);
    struct table_set *set = table_set_new();
    contrast_ttest(s, &(struct ttest_in){.of = {0, -1}, .alpha = .05}, set);
    assert_non_null(table_set_find(set, "rows"));
    assert_null(table_set_find(set, "neurons"));
    assert_int_equal(table_set_find(set, "sets")->n_rows, 1);
    table_set_unref(set);
    words_study.free(s);
    corpus_free(c);
    tiny_close(&t);
}

static void test_going_on(void **state)
{
    (void)state;
    check_going_on(&words_study, "layers.1.mlp.act", given(&words_study, "word-vector=mean"));
    if (!quick())
        check_going_on(&words_study, "layers.1.attn.out", given(&words_study, "pre=true"));
}

/* ---- which words count */
static void test_words_that_stand_again(void **state)
{
    (void)state;
    static const char *const m[] = {"mand", "Anne", "konge", "mand", "ko", "mand"}, *const f[] = {
                                                                                        "Anne",
                                                                                        "pige",
                                                                                        "Anne",
                                                                                        "pige"};
    static const int32_t left[] = {0, 2, 4, 7};
    struct corpus *c = word_corpus(m, 6, f, 4);
    struct word_list l;
    word_list_init(&l, c, (struct word_question){1, -1});
    assert_int_equal(l.n, 4);
    for (int32_t i = 0; i < l.n; i++) {
        assert_int_equal(l.doc[i], left[i]);
        assert_int_equal(l.label[i], i == 3);
    }
    assert_true(l.n_of[0] == 3 && l.n_of[1] == 1 && l.again == 3 && l.both == 3);
    word_list_release(&l);
    struct tiny_model t;
    tiny_open(&t, &(struct tiny_spec){.hook = "layers.1.mlp.act"});
    const struct study_in in = tiny_in(&t, c);
    struct study *s = study_done(&words_study, &in, given(&words_study, ""));
    struct table_set *set = words_study.tables(s);
    const struct table *words = table_set_find(set, "words");
    assert_string_equal(words->note, "left out: 3 that stand again, 3 that stand in both classes");
    assert_int_equal(words->n_rows, 2);
    assert_int_equal(table_i64(words, 0, table_find(words, "words")), 3);
    assert_false(table_has(words, 0, table_find(words, "kind")));
    table_set_unref(set);
    words_study.free(s);
    tiny_close(&t);
    corpus_free(c);
}

static void test_refused(void **state)
{
    struct tiny_model t;
    (void)state;
    tiny_open(&t, &(struct tiny_spec){.hook = "layers.1.attn.out"});
    struct corpus *c = tiny_corpus(2, true), *one = NULL;
    const struct params *p = given(&words_study, "");
    struct study_in in = tiny_in(&t, c);
    struct corpus_list list = {"m", some_m, 3};
    assert_true(corpus_from_lists("one", &list, 1, false, 0, CORPUS_ALL, &one, NULL));
    in.corpus = one;
    check_refused(&words_study, &in, p, "one: found one class of words (m), expected two or more");
    in.corpus = NULL;
    check_refused(&words_study, &in, p, "there is no text");
    in = tiny_in(&t, c), in.dict = NULL;
    check_refused(&words_study, &in, p, "there is no SAE");
    in = tiny_in(&t, c), in.at = (struct point){1, SITE_MLP_ACT};
    check_refused(&words_study, &in, p, "width");
    corpus_free(one);
    corpus_free(c);
    tiny_close(&t);
}

/* ---- t-tests */
static double number(const json_t *o, const char *key)
{
    return json_number_value(json_object_get(o, key));
}

static void check_rows(const struct table *t, const json_t *rows, double alpha)
{
    size_t i;
    json_t *r;
    json_array_foreach(rows, i, r)
    {
        /* latents that fire on one word each have the same t: in any order */
        int64_t row = 0;
        near(table_f64(t, (int64_t)i, table_find(t, "log_p")), number(r, "log_p"), 1e-4, "order",
             (long)i, 0);
        while (row < t->n_rows && table_i64(t, row, 0) != (int64_t)number(r, "unit"))
            row++;
        near(table_f64(t, row, table_find(t, "t")), number(r, "t"), 1e-4, "t", row, 0);
        near(table_f64(t, row, table_find(t, "df")), number(r, "df"), 1e-4, "df", row, 0);
        near(table_f64(t, row, table_find(t, "log_p")), number(r, "log_p"), 1e-4, "log p", row, 0);
        near(table_f64(t, row, table_find(t, "p")), exp(number(r, "log_p")), 1e-4, "p", row, 0);
        assert_true(table_i64(t, row, table_find(t, "significant")) ==
                    (number(r, "log_p") < log(alpha)));
        const json_t *mean = json_object_get(r, "mean");
        near(table_f64(t, row, table_find(t, "mean.da")),
             json_number_value(json_array_get(mean, 0)), 1e-4, "mean", row, 0);
        near(table_f64(t, row, table_find(t, "mean.en")),
             json_number_value(json_array_get(mean, 1)), 1e-4, "mean", row, 1);
    }
    assert_true(i > 20);
}

static void check_set(const struct table *t, const struct table *h, const char *units,
                      const json_t *o)
{
    static const char *const counts[] = {"dead", "tested", "significant", "bonferroni", "bh"},
                             *const reals[] = {"confidence_published", "confidence"};
    int64_t row = 0, bin = 0;
    while (strcmp(table_str(t, row, 0), units) != 0)
        row++;
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        near(table_f64(t, row, table_find(t, counts[i])), number(o, counts[i]), 0, counts[i], 0, 0);
    for (size_t i = 0; i < sizeof reals / sizeof *reals; i++)
        near(table_f64(t, row, table_find(t, reals[i])), number(o, reals[i]), 1e-12, reals[i], 0,
             0);
    while (strcmp(table_str(h, bin, 0), units) != 0)
        bin++;
    for (size_t i = 0; i < 20; i++, bin++) {
        const double n = json_number_value(json_array_get(json_object_get(o, "histogram"), i));
        near(table_f64(h, bin, table_find(h, "lo")), (double)i / 20, 1e-12, "lo", bin, 0);
        near(table_f64(h, bin, table_find(h, "count")), n, 0, units, bin, 0);
        near(table_f64(h, bin, table_find(h, "share")), n / number(o, "tested"), 1e-12, "share",
             bin, 0);
    }
}

static void check_test(const struct study_in *in, const json_t *o)
{
    struct study *s = study_done(
        &words_study, in, given(&words_study, json_string_value(json_object_get(o, "params"))));
    const json_t *latents = json_object_get(o, "latents"), *neurons = json_object_get(o, "neurons");
    const struct ttest_in how = {.of = {-1, -1},
                                 .alpha = number(latents, "alpha"),
                                 .welch = json_is_true(json_object_get(latents, "welch"))};
    struct table_set *set = table_set_new();
    contrast_ttest(s, &how, set);
    check_rows(table_set_find(set, "rows"), json_object_get(latents, "rows"), how.alpha);
    check_rows(table_set_find(set, "neurons"), json_object_get(neurons, "rows"), how.alpha);
    const struct table *sets = table_set_find(set, "sets"), *h = table_set_find(set, "histogram");
    check_set(sets, h, "latents", latents);
    check_set(sets, h, "neurons", neurons);
    near(words_mse(s), number(o, "mse"), 1e-5, "mse", 0, 0);
    near(words_l0(s), number(o, "l0"), 1e-12, "l0", 0, 0);
    table_set_unref(set);
    words_study.free(s);
}

static void test_golden(void **state)
{
    (void)state;
    skip_when_quick();
    struct demo demo;
    struct corpus *c = demo_words();
    size_t i;
    json_t *golden = golden_json("study/contrast.json"), *o;
    demo_open(&demo);
    assert_int_equal(c->n_docs, (int64_t)number(golden, "words"));
    const struct study_in in = demo_in(&demo, c);
    json_array_foreach(json_object_get(golden, "tests"), i, o) check_test(&in, o);
    assert_int_equal(i, 3);
    json_decref(golden);
    corpus_free(c);
    demo_close(&demo);
}

/* The other way round the signs turn, and nothing else. */
static void test_target(void **state)
{
    struct tiny_model t;
    (void)state;
    tiny_open(&t, &(struct tiny_spec){.hook = "layers.1.mlp.act"});
    struct corpus *c = word_corpus(some_m, 5, some_f, 4);
    const struct study_in in = tiny_in(&t, c);
    struct study *s = study_done(&words_study, &in, given(&words_study, ""));
    struct table_set *a = table_set_new(), *b = table_set_new();
    contrast_ttest(s, &(struct ttest_in){.of = {0, -1}, .alpha = .05}, a);
    contrast_ttest(s, &(struct ttest_in){.of = {1, -1}, .alpha = .05}, b);
    const struct table *x = table_set_find(a, "rows"), *y = table_set_find(b, "rows");
    int64_t dead = 0;
    for (int64_t i = 0; i < x->n_rows; i++) {
        assert_int_equal(table_i64(x, i, 0), table_i64(y, i, 0));
        near(table_f64(x, i, 1), -table_f64(y, i, 1), 1e-12, "t", i, 0);
        near(table_f64(x, i, 3), table_f64(y, i, 3), 1e-12, "log p", i, 0);
        dead += !table_has(x, i, 1);
        assert_true(dead == 0 || !table_has(x, i, 1)); /* dead ones stand last */
        assert_true(table_has(x, i, 1) == table_has(x, i, table_find(x, "significant")));
    }
    const struct table *sets = table_set_find(a, "sets");
    assert_int_equal(table_i64(sets, 0, table_find(sets, "dead")), dead);
    assert_true(dead > 0);
    table_set_unref(a);
    table_set_unref(b);
    words_study.free(s);
    corpus_free(c);
    tiny_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_points),
        cmocka_unit_test(test_neurons_alone),
        cmocka_unit_test(test_going_on),
        cmocka_unit_test(test_words_that_stand_again),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_target),
        cmocka_unit_test(test_golden),
    };
    return cmocka_run_group_tests_name("words", tests, NULL, NULL);
}

/* Probes, regressions and kept curves of words against scikit-learn, and of noise. */
#include "engine/base/rng.h"
#include "engine/study/contrast_private.h"
#include "tests/engine/study/chunks.h"

/* ---- words of a corpus, and a study that goes on from their vectors */
struct fixture {
    struct tiny_model t;
    struct corpus *c;
    struct study_in in;
    struct study *words;
};

static struct corpus *list_corpus(const char *const *text, int n)
{
    struct error e = {0};
    struct corpus *c = NULL;
    struct corpus_list list[2] = {{"m", text, n / 2}, {"f", text + n / 2, n - n / 2}};
    if (!corpus_from_lists("words", list, 2, false, 0, CORPUS_ALL, &c, &e))
        fail_msg("corpus: %s", e.text);
    return c;
}

enum { WORDS = 24 };
static const char *const text[WORDS] = {
    "ab", "ba", "hus", "mus",   "du",   "sø",   "kat", "ræv",  "abe",  "and", "gris", "fugl",
    "en", "et", "ned", "op ad", "frem", "over", "ude", "hjem", "nord", "syd", "øst",  "vest"};

static void fixture_open(struct fixture *f, bool neurons)
{
    tiny_open(&f->t, &(struct tiny_spec){.hook = "layers.1.mlp.act", .neurons = neurons});
    f->c = list_corpus(text, WORDS);
    f->in = tiny_in(&f->t, f->c);
    f->words = study_done(&words_study, &f->in, given(&words_study, ""));
    f->in.needed = f->words;
}

static void fixture_close(struct fixture *f)
{
    words_study.free(f->words);
    corpus_free(f->c);
    tiny_close(&f->t);
}

static void test_going_on(void **state)
{
    (void)state;
    static const struct {
        const struct study_ops *ops;
        const char *params;
    } studies[] = {{&probe_study, "folds=3 controls=2"},
                   {&kept_study, "folds=2"},
                   {&regress_study, "l1=true"},
                   {&regress_study, "top=4"}};
    for (int neurons = 0; neurons < 2; neurons++) {
        struct fixture f;
        fixture_open(&f, neurons);
        for (size_t i = 0; i < sizeof studies / sizeof *studies; i++) {
            const struct study_ops *ops = studies[i].ops;
            check_resume(ops, &f.in, given(ops, studies[i].params));
            check_bad_states(ops, &f.in, given(ops, studies[i].params));
            check_cancel(ops, &f.in, given(ops, studies[i].params), quick() ? 301 : 97);
        }
        fixture_close(&f);
    }
}

static void test_refused(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f, false);
    check_refused(&kept_study, &f.in, given(&kept_study, "folds=13"),
                  "words: found 12 words of class m, expected 13 or more");
    f.in.needed = NULL;
    check_refused(&probe_study, &f.in, given(&probe_study, ""), "there are no vectors of words");
    fixture_close(&f);
}

/* ---- matrices */
/* Turned, the rows have the products that they had among those that are trained on and with them.
 */
static void check_turning(const struct word_columns *c, const struct word_list *l)
{
    struct word_matrix x, y;
    uint8_t train[WORDS];
    int n_train = 0;
    for (int w = 0; w < WORDS; w++)
        n_train += train[w] = w % 3 != 1;
    word_matrix_init(&x, c, l, train, NULL, 0);
    word_matrix_turned(&y, c, l, train, NULL, 0, NULL, NULL);
    assert_true(y.p < x.p && y.p <= n_train);
    for (int32_t j = 0; j < x.p; j++) {
        double sum = 0, square = 0;
        for (int w = 0; w < WORDS; w++)
            if (train[w]) {
                sum += x.x[w * x.p + j];
                square += x.x[w * x.p + j] * x.x[w * x.p + j];
            }
        near(sum, 0, 1e-9, "mean", j, 0);
        near(square, n_train, 1e-9, "variance", j, 0);
    }
    for (int a = 0; a < WORDS; a++)
        for (int b = 0; b < WORDS; b++) {
            double before = 0, after = 0;
            for (int32_t j = 0; j < x.p; j++)
                before += x.x[a * x.p + j] * x.x[b * x.p + j];
            for (int32_t j = 0; j < y.p; j++)
                after += y.x[a * y.p + j] * y.x[b * y.p + j];
            if (train[a] || train[b])
                near(after, before, 1e-9, "product", a, b);
        }
    word_matrix_release(&x);
    word_matrix_release(&y);
}

/* Of neurons every value is there, of latents few. */
static void test_turning(void **state)
{
    (void)state;
    struct fixture f;
    struct word_list l;
    fixture_open(&f, false);
    word_list_init(&l, f.c, (struct word_question){-1, -1});
    assert_int_equal(l.n, WORDS);
    check_turning(words_columns(f.words, WORD_NEURONS), &l);
    check_turning(words_columns(f.words, WORD_LATENTS), &l);
    word_list_release(&l);
    fixture_close(&f);
}

static void test_intervals(void **state)
{
    (void)state; /* statsmodels' proportion_confint(…, method="wilson") */
    const struct interval a = share_interval(8, 10), b = share_interval(0, 20);
    near(a.lo, .4901625, 1e-6, "lo", 8, 10);
    near(a.hi, .9433178, 1e-6, "hi", 8, 10);
    near(b.lo, 0, 1e-12, "lo", 0, 20);
    near(b.hi, .1611252, 1e-6, "hi", 0, 20);
    assert_true(isnan(share_interval(0, 0).lo));
}

/* ---- against scikit-learn, on the demo */
static double number(const json_t *o, const char *key)
{
    return json_number_value(json_object_get(o, key));
}

static double item(const json_t *list, size_t i)
{
    return json_number_value(json_array_get(list, i));
}

static struct table_set *tables_of(const struct study_ops *ops, const struct study_in *in,
                                   const json_t *o)
{
    struct study *s =
        study_done(ops, in, given(ops, json_string_value(json_object_get(o, "params"))));
    struct table_set *set = ops->tables(s);
    ops->free(s);
    return set;
}

static int64_t first_of(const struct table *t, const char *units)
{
    int64_t row = 0;
    while (strcmp(table_str(t, row, 0), units) != 0)
        row++;
    return row;
}

static void check_probes(const struct study_in *in, const json_t *o, const char *units)
{
    struct table_set *set = tables_of(&probe_study, in, o);
    const struct table *t = table_set_find(set, "rows"), *sets = table_set_find(set, "sets");
    const json_t *hits = json_object_get(json_object_get(o, "hits"), units);
    const double n = number(o, "tested");
    int64_t row = first_of(t, units);
    double sum = 0;
    for (size_t c = 1; c < json_array_size(hits); c++, row++) {
        near(table_f64(t, row, table_find(t, "accuracy")), item(hits, 0) / n, 1e-12, units, row, 0);
        near(table_f64(t, row, table_find(t, "control_accuracy")), item(hits, c) / n, 1e-12, units,
             row, 1);
        near(table_f64(t, row, table_find(t, "selectivity")), (item(hits, 0) - item(hits, c)) / n,
             1e-12, units, row, 2);
        sum += (item(hits, 0) - item(hits, c)) / n;
    }
    row = first_of(sets, units);
    near(table_f64(sets, row, table_find(sets, "tested")), n, 0, "tested", 0, 0);
    near(table_f64(sets, row, table_find(sets, "selectivity")),
         sum / (double)(json_array_size(hits) - 1), 1e-12, "selectivity", 0, 0);
    table_set_unref(set);
}

static void check_kept(const struct study_in *in, const json_t *o, const char *units, double chance)
{
    struct table_set *set = tables_of(&kept_study, in, o);
    const struct table *t = table_set_find(set, "rows"), *sets = table_set_find(set, "sets");
    const json_t *s = json_object_get(json_object_get(o, units), "s"),
                 *hits = json_object_get(json_object_get(o, units), "hits"),
                 *neurons = json_object_get(json_object_get(o, "neurons"), "hits");
    const double n = number(o, "tested"),
                 all = item(neurons, json_array_size(neurons) - 1) / n - chance;
    int64_t row = first_of(t, units), localisation = 0;
    const bool knows = share_interval((int64_t)(n * (all + chance) + .5), (int64_t)n).lo > chance;
    for (size_t k = 0; k < json_array_size(s); k++, row++) {
        const double kept = (item(hits, k) / n - chance) / all;
        near(table_f64(t, row, table_find(t, "s")), item(s, k), 0, units, row, 0);
        near(table_f64(t, row, table_find(t, "accuracy")), item(hits, k) / n, 1e-12, units, row, 1);
        assert_true(table_has(t, row, table_find(t, "kept")) == knows);
        if (knows)
            near(table_f64(t, row, table_find(t, "kept")), kept, 1e-9, units, row, 2);
        if (knows && kept >= .9 && localisation == 0)
            localisation = (int64_t)item(s, k);
    }
    row = first_of(sets, units);
    assert_int_equal(table_i64(sets, row, table_find(sets, "localisation")), localisation);
    near(table_f64(sets, row, table_find(sets, "chance")), chance, 1e-12, "chance", 0, 0);
    assert_true(knows == !strstr(sets->note, "nothing to keep"));
    table_set_unref(set);
}

static void check_regression(const struct study_in *in, const json_t *o, const char *units)
{
    struct table_set *set = tables_of(&regress_study, in, o);
    const struct table *t = table_set_find(set, "rows"), *c = table_set_find(set, "coefficients");
    const json_t *of = json_object_get(o, units), *weights = json_object_get(of, "weights"), *w;
    const int64_t row = first_of(t, units);
    double norm = 0;
    size_t i;
    assert_true(table_i64(t, row, table_find(t, "converged")));
    near(table_f64(t, row, table_find(t, "columns")), number(of, "columns"), 0, "columns", 0, 0);
    near(table_f64(t, row, table_find(t, "nonzero")), number(of, "nonzero"), 0, "nonzero", 0, 0);
    near(table_f64(t, row, table_find(t, "accuracy")) * table_f64(t, row, table_find(t, "tested")),
         number(of, "hits"), 1e-9, "hits", 0, 0);
    near(table_f64(t, row, table_find(t, "train_accuracy")) *
             table_f64(t, row, table_find(t, "trained")),
         number(of, "train_hits"), 1e-9, "train hits", 0, 0);
    const int32_t unit = table_find(c, "unit"), cls = table_find(c, "class"),
                  weight = table_find(c, "weight");
    for (int64_t r = first_of(c, units); r < c->n_rows && strcmp(table_str(c, r, 0), units) == 0;
         r++)
        norm += fabs(table_f64(c, r, weight));
    near(norm, number(of, "norm"), 1e-4, "norm", 0, 0);
    json_array_foreach(weights, i, w)
    {
        /* of two classes the weights are the first's */
        const char *cls_name = in->corpus->cls[json_array_size(w) > 2 ? (int)item(w, 2) : 0].name;
        int64_t r = first_of(c, units);
        while (r < c->n_rows && (table_i64(c, r, unit) != (int64_t)item(w, 0) ||
                                 strcmp(table_str(c, r, cls), cls_name) != 0))
            r++;
        near(table_f64(c, r, weight), item(w, 1), 1e-4, units, (long)i, (long)item(w, 0));
    }
    assert_true(i > 0);
    table_set_unref(set);
}

static void test_golden(void **state)
{
    (void)state;
    skip_when_quick();
    static const char *const units[] = {"latents", "neurons"};
    struct demo demo;
    struct corpus *c = demo_words();
    size_t i;
    json_t *golden = golden_json("study/contrast.json"), *o;
    demo_open(&demo);
    struct study_in in = demo_in(&demo, c);
    struct study *words = study_done(&words_study, &in, given(&words_study, ""));
    in.needed = words;
    for (int u = 0; u < 2; u++) {
        json_array_foreach(json_object_get(golden, "probes"), i, o) check_probes(&in, o, units[u]);
        json_array_foreach(json_object_get(golden, "kept"), i, o) check_kept(&in, o, units[u], .5);
        json_array_foreach(json_object_get(golden, "regressions"), i, o)
            check_regression(&in, o, units[u]);
        assert_int_equal(i, 3);
    }
    words_study.free(words);
    json_decref(golden);
    corpus_free(c);
    demo_close(&demo);
}

/* ---- more than two classes */
/* English words by what they are: names, nouns, animals. */
static struct corpus *kinds_corpus(void)
{
    struct error e = {0};
    struct corpus *c = NULL;
    if (!corpus_open(&(struct corpus_spec){.path = "store/demo/words/gender-en.tsv", .words = true},
                     &c, &e))
        fail_msg("words: %s", e.text);
    for (int32_t i = 0; i < c->n_classes; i++)
        free(c->cls[i].name);
    c->n_classes = c->n_kinds;
    for (int32_t i = 0; i < c->n_classes; i++)
        c->cls[i].name = xstrdup(c->kind[i]);
    for (int64_t i = 0; i < c->n_docs; i++)
        c->doc[i].cls = c->doc[i].kind;
    return c;
}

static void check_means(const struct table *t, const json_t *rows, const struct corpus *c,
                        const json_t *test)
{
    const int32_t target = (int32_t)number(test, "target"),
                  against = (int32_t)number(test, "against");
    size_t i;
    json_t *r;
    json_array_foreach(rows, i, r)
    {
        const json_t *means = json_object_get(r, "means");
        int64_t row = 0;
        near(table_f64(t, (int64_t)i, table_find(t, "log_p")), number(r, "log_p"), 1e-4, "order",
             (long)i, 0);
        while (row < t->n_rows && table_i64(t, row, 0) != (int64_t)number(r, "unit"))
            row++;
        near(table_f64(t, row, table_find(t, "t")), number(r, "t"), 1e-4, "t", row, 0);
        near(table_f64(t, row, table_find(t, "log_p")), number(r, "log_p"), 1e-4, "log p", row, 0);
        for (int32_t k = 0; k < c->n_classes; k++) {
            char *name = xasprintf("mean.%s", c->cls[k].name);
            const int32_t col = table_find(t, name);
            if (against < 0 || k == against || k == target)
                near(table_f64(t, row, col), item(means, (size_t)k), 1e-4, name, row, k);
            else
                assert_int_equal(col, -1);
            free(name);
        }
        if (against < 0)
            near(table_f64(t, row, table_find(t, "mean_others")),
                 item(json_object_get(r, "mean"), 1), 1e-4, "others", row, 0);
        else
            assert_int_equal(table_find(t, "mean_others"), -1);
    }
    assert_true(i > 20);
    assert_true(strncmp(t->cols[table_find(t, "p") + 1].name, "mean.", 5) == 0);
    assert_string_equal(t->cols[table_find(t, "p") + 1].name + 5, c->cls[target].name);
}

static void check_class_tests(struct study *words, const struct corpus *c, const json_t *test)
{
    const struct ttest_in how = {
        .of = {(int32_t)number(test, "target"), (int32_t)number(test, "against")}, .alpha = .001};
    struct table_set *set = table_set_new();
    contrast_ttest(words, &how, set);
    const struct table *sets = table_set_find(set, "sets");
    for (int u = 0; u < 2; u++) {
        const json_t *of = json_object_get(test, u ? "neurons" : "latents");
        check_means(table_set_find(set, u ? "neurons" : "rows"), json_object_get(of, "rows"), c,
                    test);
        near(table_f64(sets, u, table_find(sets, "significant")), number(of, "significant"), 0,
             "significant", u, 0);
        near(table_f64(sets, u, table_find(sets, "bh")), number(of, "bh"), 0, "bh", u, 0);
        near(table_f64(sets, u, table_find(sets, "dead")), number(of, "dead"), 0, "dead", u, 0);
    }
    assert_string_equal(sets->note,
                        how.of.against < 0 ? "noun against the others" : "animal against name");
    table_set_unref(set);
}

static void test_classes(void **state)
{
    (void)state;
    skip_when_quick();
    static const char *const units[] = {"latents", "neurons"};
    struct demo demo;
    struct corpus *c = kinds_corpus();
    size_t i;
    json_t *all = golden_json("study/contrast.json"), *golden = json_object_get(all, "classes"), *o;
    demo_open(&demo);
    assert_int_equal(c->n_classes, 3);
    struct study_in in = demo_in(&demo, c);
    struct study *words = study_done(&words_study, &in, given(&words_study, "space=true"));
    in.needed = words;
    double largest = 0, n = 0;
    for (i = 0; i < 3; i++) {
        const double k = item(json_object_get(golden, "counts"), i);
        assert_string_equal(json_string_value(json_array_get(json_object_get(golden, "names"), i)),
                            c->cls[i].name);
        largest = fmax(largest, k), n += k;
    }
    json_array_foreach(json_object_get(golden, "tests"), i, o) check_class_tests(words, c, o);
    for (int u = 0; u < 2; u++) {
        json_array_foreach(json_object_get(golden, "probes"), i, o) check_probes(&in, o, units[u]);
        json_array_foreach(json_object_get(golden, "kept"), i, o)
            check_kept(&in, o, units[u], largest / n);
        json_array_foreach(json_object_get(golden, "regressions"), i, o)
            check_regression(&in, o, units[u]);
        assert_int_equal(i, 3);
    }
    words_study.free(words);
    json_decref(all);
    corpus_free(c);
    demo_close(&demo);
}

static void same_numbers(const struct table *a, const struct table *b)
{
    assert_int_equal(a->n_rows, b->n_rows);
    assert_int_equal(a->n_cols, b->n_cols);
    for (int64_t i = 0; i < a->n_rows; i++)
        for (int32_t c = 0; c < a->n_cols; c++)
            if (a->cols[c].type != COLUMN_STR)
                near(table_f64(a, i, c), table_f64(b, i, c), 0, a->cols[c].name, (long)i, c);
}

/* One class against another is the same as a list of these two; one against the others asks of two
 * labels. */
static void test_questions(void **state)
{
    (void)state;
    struct error e = {0};
    struct corpus *three = NULL, *two = NULL;
    struct corpus_list list[3] = {{"m", text, 8}, {"f", text + 8, 8}, {"n", text + 16, 8}};
    assert_true(corpus_from_lists("words", list, 3, false, 0, CORPUS_ALL, &three, &e));
    const struct corpus_list pair[2] = {list[0], list[2]};
    assert_true(corpus_from_lists("words", pair, 2, false, 0, CORPUS_ALL, &two, &e));
    struct tiny_model t;
    tiny_open(&t, &(struct tiny_spec){.hook = "layers.1.mlp.act"});
    struct study_in of_three = tiny_in(&t, three), of_two = tiny_in(&t, two);
    struct study *a = study_done(&words_study, &of_three, given(&words_study, "")),
                 *b = study_done(&words_study, &of_two, given(&words_study, ""));
    of_three.needed = a, of_two.needed = b;
    static const struct {
        const struct study_ops *ops;
        const char *params;
    } studies[] = {{&kept_study, "folds=2"}, {&regress_study, "C=.5"}};
    for (size_t i = 0; i < 2; i++) {
        const struct study_ops *ops = studies[i].ops;
        char *more = xasprintf("%s target=m against=n", studies[i].params);
        struct study *x = study_done(ops, &of_three, given(ops, more)),
                     *y = study_done(ops, &of_two, given(ops, studies[i].params));
        struct table_set *sx = ops->tables(x), *sy = ops->tables(y);
        for (int32_t k = 0; k < sx->n; k++)
            same_numbers(sx->table[k], sy->table[k]);
        assert_non_null(strstr(sx->table[ops == &kept_study]->note, "m against n"));
        ops->free(x);
        ops->free(y);
        table_set_unref(sx);
        table_set_unref(sy);
        free(more);
    }
    check_resume(&regress_study, &of_three, given(&regress_study, ""));
    check_bad_states(&regress_study, &of_three, given(&regress_study, "l1=true"));
    check_resume(&kept_study, &of_three, given(&kept_study, "folds=2"));
    struct study *s = study_done(&probe_study, &of_three, given(&probe_study, "target=f"));
    struct table_set *set = probe_study.tables(s);
    const struct table *sets = table_set_find(set, "sets");
    assert_string_equal(sets->note, "f against the others");
    near(table_f64(sets, 0, table_find(sets, "chance")), 4. / 6, 1e-12, "chance", 0, 0);
    table_set_unref(set);
    probe_study.free(s);
    check_refused(&probe_study, &of_three, given(&probe_study, "target=x"),
                  "--target: found x, expected a class of words: m, f, n");
    check_refused(&probe_study, &of_three, given(&probe_study, "against=m"),
                  "--against: found m, which is the target");
    words_study.free(a);
    words_study.free(b);
    corpus_free(three);
    corpus_free(two);
    tiny_close(&t);
}

/* ---- noise: vectors that know nothing of the class */
enum { NOISE = 80 };

/* The vectors of a study as they would be read from the cache: numbers that no model made. */
static void fill_with_noise(struct study *words, const struct study_in *in, uint64_t seed)
{
    struct strbuf state;
    struct blob_writer b;
    struct rng rng;
    struct error e = {0};
    const int64_t n = dict_spec(in->dict)->n, m = dict_spec(in->dict)->m;
    rng_seed(&rng, seed);
    strbuf_init(&state);
    blob_writer_init(&b, state_take, &state);
    const int64_t head[] = {NOISE, NOISE * n, NOISE * m, NOISE, 0};
    for (size_t i = 0; i < sizeof head / sizeof *head; i++)
        blob_add_i64(&b, head[i]);
    blob_add_f64(&b, 0);
    blob_add_f64(&b, 0);
    for (int w = 0; w < NOISE; w++) {
        blob_add_u32(&b, 1);
        blob_add_u32(&b, (uint32_t)n);
        blob_add_u32(&b, (uint32_t)m);
    }
    for (int64_t i = 0; i < NOISE * (n + m); i++) {
        const float v = (float)(rng_unit(&rng) - .5);
        uint32_t bits;
        memcpy(&bits, &v, sizeof bits);
        blob_add_u32(&b, (uint32_t)(i < NOISE * n ? i % n : (i - NOISE * n) % m));
        blob_add_u32(&b, bits);
    }
    if (!blob_writer_end(&b, &e) || !state_load(&words_study, words, state.s, state.len, &e))
        fail_msg("noise: %s", e.text);
    strbuf_release(&state);
}

/* What the study must not do: the best of all words, test words among them. Its accuracy. */
static struct interval with_a_leak(const struct word_columns *c, const struct corpus *corpus,
                                   const struct word_list *l, struct queue *q)
{
    enum { BEST = 16, FOLDS = 5 };
    struct run run = {.queue = q, .arena = arena_new(q)};
    uint8_t train[NOISE];
    int32_t *order = xcalloc((size_t)c->n_cols + 1, sizeof *order), hits = 0;
    memset(train, 1, sizeof train);
    rank_columns(c, corpus, l, train, order);
    for (int fold = 0; fold < FOLDS; fold++) {
        struct word_matrix x;
        struct prober p;
        for (int w = 0; w < NOISE; w++)
            train[w] = w % FOLDS != fold;
        word_matrix_init(&x, c, l, train, order, BEST);
        prober_init(&p, &run, &x, train, 2, 1);
        hits += prober_hits(&p, l->label);
        prober_release(&p);
        word_matrix_release(&x);
    }
    free(order);
    arena_free(run.arena);
    return share_interval(hits, NOISE);
}

static void test_noise_stays_at_chance(void **state)
{
    (void)state;
    enum { DRAWS = 10 };
    struct tiny_model t;
    struct word_list l;
    const char *names[NOISE];
    char name[NOISE][8];
    int above = 0, leaks = 0, rows = 0;
    double accuracy = 0;
    for (int i = 0; i < NOISE; i++) {
        snprintf(name[i], sizeof name[i], "w%d", i);
        names[i] = name[i];
    }
    tiny_open(&t, &(struct tiny_spec){.hook = "layers.1.mlp.act"});
    struct corpus *c = list_corpus(names, NOISE);
    struct study_in in = tiny_in(&t, c);
    word_list_init(&l, c, (struct word_question){-1, -1});
    for (uint64_t seed = 1; seed <= DRAWS; seed++) {
        struct study *words = study_new(&words_study, &in, given(&words_study, ""));
        fill_with_noise(words, &in, seed);
        in.needed = words;
        struct study *s = study_done(&kept_study, &in, given(&kept_study, ""));
        struct table_set *set = kept_study.tables(s);
        const struct table *r = table_set_find(set, "rows");
        for (int64_t row = 0; row < r->n_rows; row++, rows++) {
            above += table_f64(r, row, table_find(r, "ci95.lo")) > .5;
            accuracy += table_f64(r, row, table_find(r, "accuracy"));
        }
        leaks += with_a_leak(words_columns(words, WORD_NEURONS), c, &l, t.queue).lo > .5;
        table_set_unref(set);
        kept_study.free(s);
        words_study.free(words);
    }
    /* one in forty is by chance, and those of a draw depend on each other */
    accuracy /= rows;
    if (rows != DRAWS * (8 + 7) || above > rows / 10 || fabs(accuracy - .5) > .03)
        fail_msg("%d of %d rows lie above chance, the mean is %g", above, rows, accuracy);
    assert_true(leaks >= DRAWS - 2);
    word_list_release(&l);
    corpus_free(c);
    tiny_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_going_on), cmocka_unit_test(test_refused),
        cmocka_unit_test(test_turning),  cmocka_unit_test(test_intervals),
        cmocka_unit_test(test_golden),   cmocka_unit_test(test_noise_stays_at_chance),
        cmocka_unit_test(test_classes),  cmocka_unit_test(test_questions),
    };
    return cmocka_run_group_tests_name("contrast", tests, NULL, NULL);
}

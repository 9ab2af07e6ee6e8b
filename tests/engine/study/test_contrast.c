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
static void test_turning(void **state)
{
    (void)state;
    struct fixture f;
    struct word_list l;
    struct word_matrix x, y;
    uint8_t train[WORDS];
    fixture_open(&f, false);
    word_list_init(&l, f.c, 0);
    assert_int_equal(l.n, WORDS);
    for (int w = 0; w < WORDS; w++)
        train[w] = w % 3 != 1;
    const struct word_columns *c = words_columns(f.words, WORD_NEURONS);
    word_matrix_init(&x, c, &l, train, NULL, 0);
    word_matrix_init(&y, c, &l, train, NULL, 0);
    word_matrix_turn(&y, train, NULL, NULL);
    assert_true(y.p < x.p && y.p <= 16);
    for (int32_t j = 0; j < x.p; j++) {
        double sum = 0, square = 0;
        for (int w = 0; w < WORDS; w++)
            if (train[w]) {
                sum += x.x[w * x.p + j];
                square += x.x[w * x.p + j] * x.x[w * x.p + j];
            }
        near(sum, 0, 1e-9, "mean", j, 0);
        near(square, 16, 1e-9, "variance", j, 0);
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

static void check_kept(const struct study_in *in, const json_t *o, const char *units)
{
    struct table_set *set = tables_of(&kept_study, in, o);
    const struct table *t = table_set_find(set, "rows"), *sets = table_set_find(set, "sets");
    const json_t *s = json_object_get(json_object_get(o, units), "s"),
                 *hits = json_object_get(json_object_get(o, units), "hits"),
                 *neurons = json_object_get(json_object_get(o, "neurons"), "hits");
    const double n = number(o, "tested"),
                 all = item(neurons, json_array_size(neurons) - 1) / n - .5;
    int64_t row = first_of(t, units), localisation = 0;
    const bool knows = share_interval((int64_t)(n * (all + .5) + .5), (int64_t)n).lo > .5;
    for (size_t k = 0; k < json_array_size(s); k++, row++) {
        const double kept = (item(hits, k) / n - .5) / all;
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
    assert_true(knows == !*sets->note);
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
    for (int64_t r = first_of(c, units); r < c->n_rows && strcmp(table_str(c, r, 0), units) == 0;
         r++)
        norm += fabs(table_f64(c, r, 2));
    near(norm, number(of, "norm"), 1e-4, "norm", 0, 0);
    json_array_foreach(weights, i, w)
    {
        int64_t r = first_of(c, units);
        while (r < c->n_rows && table_i64(c, r, 1) != (int64_t)item(w, 0))
            r++;
        near(table_f64(c, r, 2), item(w, 1), 1e-4, units, (long)i, (long)item(w, 0));
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
        json_array_foreach(json_object_get(golden, "kept"), i, o) check_kept(&in, o, units[u]);
        json_array_foreach(json_object_get(golden, "regressions"), i, o)
            check_regression(&in, o, units[u]);
        assert_int_equal(i, 3);
    }
    words_study.free(words);
    json_decref(golden);
    corpus_free(c);
    demo_close(&demo);
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
static struct interval with_a_leak(const struct word_columns *c, const struct word_list *l,
                                   struct queue *q)
{
    enum { BEST = 16, FOLDS = 5 };
    struct run run = {.queue = q, .arena = arena_new(q)};
    uint8_t train[NOISE];
    int32_t *order = xcalloc((size_t)c->n_cols + 1, sizeof *order), hits = 0;
    memset(train, 1, sizeof train);
    rank_columns(c, l, train, order);
    for (int fold = 0; fold < FOLDS; fold++) {
        struct word_matrix x;
        struct prober p;
        for (int w = 0; w < NOISE; w++)
            train[w] = w % FOLDS != fold;
        word_matrix_init(&x, c, l, train, order, BEST);
        prober_init(&p, &run, &x, train, 1);
        hits += prober_hits(&p, l->target);
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
    word_list_init(&l, c, 0);
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
        leaks += with_a_leak(words_columns(words, WORD_NEURONS), &l, t.queue).lo > .5;
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
    };
    return cmocka_run_group_tests_name("contrast", tests, NULL, NULL);
}

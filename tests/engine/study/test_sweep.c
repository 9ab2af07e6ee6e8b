/* The sweep against the direct route (HOOK_INSERT through whole forwards), an independent script,
 * and its tables against its losses. */
#include "engine/base/statistics.h"
#include "engine/study/sweep.h"
#include "engine/study/sweep_private.h"
#include "tests/engine/study/chunks.h"
#include "tests/support/unit.h"

#define three given(&sweep_study, "units=3,17,40 values=-2,0,1.5 insert=sae,error each=true seed=7")

static const double three_values[] = {-2, 0, 1.5};

static int32_t unit_of(const struct params *a, int32_t j)
{
    const struct unit_id *unit;
    assert_true(j < params_units(a, "units", &unit));
    return unit[j].index;
}

static int32_t n_units_of(const struct params *a)
{
    const struct unit_id *unit;
    return params_units(a, "units", &unit);
}

/* The same without each unit alone. */
static const struct params *together(const struct params *a)
{
    struct params *p = (struct params *)given(&sweep_study, "");
    params_take(p, a);
    params_set_flag(p, "each", false);
    return p;
}

/* ---- the direct route */
static int32_t window_losses(const struct study_in *in, const struct params *a,
                             struct sweep_lane lane, const int32_t *ids, int32_t n, double *sum)
{
    struct run run = {.queue = in->queue, .arena = arena_new(in->queue)};
    struct unit units[UNITS_MAX];
    int32_t n_units = 0, start[2] = {0, n}, target[256], count = 0;
    float loss[256];
    for (int32_t j = 0; j < n_units_of(a) && !isnan(lane.value); j++)
        if (lane.unit < 0 || lane.unit == j)
            units[n_units++] = (struct unit){UNIT(unit_of(a, j)), (float)lane.value, UNIT_FIX};
    struct hook hook = {.at = in->at,
                        .op = HOOK_INSERT,
                        .dict = in->dict,
                        .keep_error = strcmp(lane.insert, "error") == 0,
                        .units = units,
                        .n_units = n_units};
    struct batch batch = {.n_rows = n, .ids = ids, .seqs = {.n = 1, .start = start}};
    struct state end;
    for (int32_t i = 0; i < n; i++)
        target[i] = i + 1 < n ? ids[i + 1] : -1;
    model_forward(&run, in->model, &batch, NULL, model_end(in->model), &hook,
                  strcmp(lane.insert, "none") == 0 ? 0 : 1, &end);
    model_loss(&run, in->model, end.value, target, loss);
    assert_true(run_ok(&run));
    for (int32_t i = 0; i + 1 < n; i++, count++)
        *sum += (double)loss[i];
    arena_free(run.arena);
    return count;
}

static double direct(const struct study_in *in, const struct params *a, struct sweep_lane lane,
                     int64_t doc, int32_t *n_loss)
{
    const struct corpus_doc *d = &in->corpus->doc[doc];
    const struct model_config *c = model_config(in->model);
    int32_t bos = c->bos_id >= 0 ? c->bos_id : tokenizer_eot(in->tokenizer);
    struct token *token = NULL;
    size_t n = 0, cap = 0;
    int32_t ids[256], first = in->bos ? 1 : 0, count = 0;
    double sum = 0;
    tokenizer_encode(in->tokenizer, d->text, d->n, false, &token, &n, &cap);
    ids[0] = bos;
    for (size_t at = 0; at < n;) {
        int32_t rows = first;
        while (rows < c->n_ctx && at < n)
            ids[rows++] = token[at++].id;
        count += window_losses(in, a, lane, ids, rows, &sum);
    }
    free(token);
    *n_loss = count;
    return count > 0 ? sum / count : (double)NAN;
}

static void check_direct(const struct tiny_spec *spec, const struct params *args, bool bos,
                         int32_t n)
{
    struct tiny_model t;
    const struct params *a = quick() && n_units_of(args) > 1 ? together(args) : args;
    tiny_open(&t, spec);
    struct corpus *c = tiny_corpus(quick() ? 2 : n, true);
    struct study_in in = tiny_in(&t, c);
    in.bos = bos;
    struct study *s = study_done(&sweep_study, &in, a);
    double moved = 0;
    int32_t most = 0;
    for (int64_t d = 0; d < c->n_docs; d++)
        for (int32_t l = 0; l < sweep_n_lanes(s); l++) {
            int32_t n_loss;
            double loss = direct(&in, a, sweep_lane(s, l), d, &n_loss);
            near(sweep_loss(s, l, d), loss, 1e-5, spec->hook, l, (long)d);
            assert_int_equal(s->by.docs.count[d], n_loss);
            moved = fmax(moved, fabs(loss - sweep_loss(s, 0, d)));
            most = n_loss > most ? n_loss : most;
        }
    assert_true(moved > 1e-3 && most > 2); /* the lanes are not all the same */
    sweep_study.free(s);
    corpus_free(c);
    tiny_close(&t);
}

static void test_direct(void **state)
{
    static const char *const hook[] = {"layers.0.mlp.act",
                                       "layers.2.mlp.act",
                                       "layers.1.attn.out",
                                       "layers.1.resid.post",
                                       "layers.2.mlp.out",
                                       "layers.1.mlp.pre",
                                       "layers.0.resid.pre",
                                       "layers.2.attn.out",
                                       "layers.2.mlp.pre",
                                       "layers.2.resid.post",
                                       "embed",
                                       "final_norm"};
    (void)state;
    for (size_t i = 0; i < sizeof hook / sizeof *hook; i += quick() ? 5 : 1)
        check_direct(&(struct tiny_spec){.hook = hook[i]}, three, i % 2 == 1, 10);
}

static void test_direct_sequential(void **state)
{
    (void)state;
    check_direct(&(struct tiny_spec){.hook = "layers.1.attn.out", .sequential = true}, three, false,
                 8);
    check_direct(&(struct tiny_spec){.hook = "layers.1.mlp.act", .sequential = true}, three, true,
                 8);
}

static void test_direct_windows(void **state)
{
    (void)state;
    check_direct(&(struct tiny_spec){.hook = "layers.1.mlp.act", .n_ctx = 8}, three, false, 10);
    check_direct(&(struct tiny_spec){.hook = "layers.1.attn.out", .n_ctx = 8}, three, true, 10);
    /* sub-batches of one window each, several lanes of one in a pack */
    check_direct(&(struct tiny_spec){.hook = "layers.1.mlp.act", .n_ctx = 8, .rows_per_job = 2},
                 three, false, 6);
}

/* Several lanes in one batch, the last one not full; with a residual beside the value (mlp.pre). */
static void test_direct_packs(void **state)
{
    static const char *const hook[] = {"layers.1.mlp.pre", "layers.1.mlp.act", "embed"};
    (void)state;
    for (size_t i = 0; i < 3; i++)
        check_direct(&(struct tiny_spec){.hook = hook[i], .rows_per_job = 400}, three, i == 1, 3);
}

static void test_direct_neurons(void **state)
{
    (void)state;
    check_direct(&(struct tiny_spec){.hook = "layers.1.mlp.act", .neurons = true}, three, false, 8);
    check_direct(&(struct tiny_spec){.hook = "layers.1.resid.post", .neurons = true},
                 given(&sweep_study, "units=5 values=-3,4 insert=error each=true"), false, 8);
}

/* ---- lanes */
static void test_lanes(void **state)
{
    struct tiny_model t;
    (void)state;
    tiny_open(&t, &(struct tiny_spec){.hook = "layers.1.resid.post"});
    struct corpus *c = tiny_corpus(4, true);
    struct study_in in = tiny_in(&t, c);
    struct study *s = study_new(&sweep_study, &in, three);
    assert_int_equal(sweep_n_lanes(s), 1 + 2 * (1 + 3 * 4));
    for (int32_t l = 0; l < sweep_n_lanes(s); l++) {
        struct sweep_lane lane = sweep_lane(s, l);
        int32_t in_insertion = (l - 1) % 13;
        assert_string_equal(lane.insert, l == 0 ? "none" : l < 14 ? "sae" : "error");
        assert_int_equal(lane.unit, l == 0 || in_insertion < 4 ? -1 : (in_insertion - 4) / 3);
        if (l == 0 || in_insertion == 0)
            assert_true(isnan(lane.value));
        else
            assert_true(lane.value == three_values[(in_insertion - 1) % 3]);
        assert_true(isnan(sweep_loss(s, l, 0)));
    }
    assert_true(isnan(sweep_loss(s, -1, 0)) && isnan(sweep_loss(s, 99, 0)));
    sweep_study.free(s);
    corpus_free(c);
    tiny_close(&t);
}

static int forwarded; /* rows through the last layer */
static void (*real_attn)(struct queue *, struct tensor, struct tensor, struct tensor, struct tensor,
                         const struct attn_shape *, int32_t, const struct seqs *);
static void counting_attn(struct queue *q, struct tensor y, struct tensor Q, struct tensor K,
                          struct tensor V, const struct attn_shape *shape, int32_t layer,
                          const struct seqs *s)
{
    if (layer == 2)
        forwarded += Q.rows;
    real_attn(q, y, Q, K, V, shape, layer, s);
}

/* The front is computed once for all lanes, and an unmodified lane with the error kept not at all.
 */
static void test_work(void **state)
{
    struct tiny_model t;
    (void)state;
    tiny_open(&t, &(struct tiny_spec){.hook = "layers.1.mlp.act"});
    real_attn = t.backend->attn;
    t.backend->attn = counting_attn;
    const char *one[] = {"Toget kører klokken otte."}, *two[] = {"The sun is shining."};
    struct corpus *c = corpus_of(one, 1, two, 1, true, CORPUS_ALL);
    struct study_in in = tiny_in(&t, c);
    int64_t tokens = 0;
    struct pass_doc *docs = pass_docs(&in, 0, 2);
    tokens = docs[0].n + docs[1].n;
    pass_docs_free(docs, 2);
    forwarded = 0;
    struct study *s = study_done(&sweep_study, &in, three);
    assert_int_equal(forwarded, tokens * (1 + 13 + 12));
    sweep_study.free(s);
    corpus_free(c);
    tiny_close(&t);
}

/* ---- an independent script */
static int32_t find_lane(const struct study *s, const json_t *row)
{
    const char *insert = json_string_value(json_object_get(row, "insert"));
    const json_t *value = json_object_get(row, "value");
    for (int32_t l = 0; l < sweep_n_lanes(s); l++) {
        struct sweep_lane lane = sweep_lane(s, l);
        bool same =
            json_is_null(value) ? isnan(lane.value) : lane.value == json_number_value(value);
        if (strcmp(insert, lane.insert) == 0 && lane.unit < 0 && same)
            return l;
    }
    fail_msg("no such lane");
    return -1;
}

static void test_golden(void **state)
{
    const struct params *args =
        given(&sweep_study, "units=" DEMO_CHOSEN " values=-8,-2,0,2,8 insert=sae,error");
    struct demo demo;
    (void)state;
    demo_open(&demo);
    json_t *golden = golden_json("study/sweep.json"), *lanes = json_object_get(golden, "lanes");
    int32_t n = quick() ? 1 : 24;
    struct corpus *c = corpus_of(demo.line[0], n, demo.line[1], n, true, CORPUS_ALL);
    struct study_in in = demo_in(&demo, c);
    struct study *s = study_done(&sweep_study, &in, args);
    assert_int_equal(sweep_n_lanes(s), json_array_size(lanes));
    int32_t seen[2] = {0};
    for (int64_t d = 0; d < c->n_docs; d++) {
        int32_t cls = c->doc[d].cls, i = seen[cls]++;
        json_t *g = json_object_get(json_object_get(golden, "classes"), c->cls[cls].name);
        assert_int_equal(s->by.docs.count[d] + 1, json_integer_value(json_array_get(
                                                      json_object_get(g, "tokens"), (size_t)i)));
        for (size_t l = 0; l < json_array_size(lanes); l++) {
            json_t *row = json_array_get(json_object_get(g, "loss"), l);
            near(sweep_loss(s, find_lane(s, json_array_get(lanes, l)), d),
                 json_number_value(json_array_get(row, (size_t)i)), 1e-4, "lane, sentence", (long)l,
                 (long)d);
        }
    }
    assert_int_equal(seen[0] + seen[1], 2 * n);
    json_decref(golden);
    sweep_study.free(s);
    corpus_free(c);
    demo_close(&demo);
}

/* ---- tables */
struct numbers { /* of the measured sentences of one class */
    double x[64];
    int32_t n_loss[64];
    int64_t n;
};

static struct numbers numbers_of(const struct study *s, const struct corpus *c, int32_t lane,
                                 int32_t base, int32_t cls)
{
    struct numbers q = {.n = 0};
    for (int64_t d = 0; d < c->n_docs; d++) {
        double x = sweep_loss(s, lane, d);
        if (c->doc[d].cls != cls || isnan(x))
            continue;
        q.n_loss[q.n] = s->by.docs.count[d];
        q.x[q.n++] = base < 0 ? x : x - sweep_loss(s, base, d);
    }
    return q;
}

static double mean(const double *x, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += x[i];
    return n > 0 ? sum / (double)n : (double)NAN;
}

static double cell(const struct table *t, int64_t row, const char *column)
{
    int32_t col = table_find(t, column);
    assert_true(col >= 0);
    return table_f64(t, row, col);
}

static void check_estimate(const struct table *t, int64_t row, const char *column, const double *x,
                           int64_t n, uint64_t seed)
{
    struct interval ci = bootstrap_ratio(x, NULL, n, 2000, seed);
    near(cell(t, row, column), mean(x, n), 1e-12, column, (long)row, 0);
    near(cell(t, row, "ci95.lo"), ci.lo, 0, "ci95.lo", (long)row, 0);
    near(cell(t, row, "ci95.hi"), ci.hi, 0, "ci95.hi", (long)row, 0);
}

static void check_keys(const struct table *t, int64_t row, struct sweep_lane lane, const char *cls,
                       const struct params *a)
{
    near(cell(t, row, "value"), lane.value, 0, "value", (long)row, 0);
    assert_string_equal(table_str(t, row, table_find(t, "insert")), lane.insert);
    near(cell(t, row, "unit"), lane.unit < 0 ? (double)NAN : unit_of(a, lane.unit), 0, "unit",
         (long)row, 0);
    if (cls)
        assert_string_equal(table_str(t, row, table_find(t, "class")), cls);
}

static int32_t base_lane(const struct study *s, int32_t lane)
{
    for (int32_t l = 0; l < sweep_n_lanes(s); l++)
        if (strcmp(sweep_lane(s, l).insert, sweep_lane(s, lane).insert) == 0 &&
            isnan(sweep_lane(s, l).value))
            return l;
    return -1;
}

static void check_rows(const struct study *s, const struct corpus *c, const struct table *t,
                       const struct table *diff, const struct params *a)
{
    int64_t row = 0, d_row = 0;
    for (int32_t l = 0; l < sweep_n_lanes(s); l++)
        for (int32_t cls = 0; cls < c->n_classes; cls++, row++) {
            struct sweep_lane lane = sweep_lane(s, l);
            struct numbers q = numbers_of(s, c, l, -1, cls);
            double sum = 0, tokens = 0;
            for (int64_t i = 0; i < q.n; i++)
                sum += q.x[i] * q.n_loss[i], tokens += q.n_loss[i];
            check_keys(t, row, lane, c->cls[cls].name, a);
            check_estimate(t, row, "loss_sentence_mean", q.x, q.n, params_seed(a, "seed"));
            near(cell(t, row, "loss_token_mean"), tokens > 0 ? sum / tokens : (double)NAN, 1e-12,
                 "token mean", (long)row, 0);
            assert_true(cell(t, row, "sentences") == (double)q.n);
            assert_true(cell(t, row, "tokens") == tokens);
            if (isnan(lane.value))
                continue;
            q = numbers_of(s, c, l, base_lane(s, l), cls);
            check_keys(diff, d_row, lane, c->cls[cls].name, a);
            check_estimate(diff, d_row++, "difference", q.x, q.n, params_seed(a, "seed"));
        }
    assert_int_equal(t->n_rows, row);
    assert_int_equal(diff->n_rows, d_row);
}

static void check_pairs(const struct study *s, const struct corpus *c, const struct table *t,
                        const struct params *a)
{
    int64_t row = 0;
    for (int32_t l = 0; l < sweep_n_lanes(s); l++) {
        double x[64];
        int64_t n = 0;
        int32_t base = base_lane(s, l);
        if (isnan(sweep_lane(s, l).value))
            continue;
        for (int32_t pair = 0; pair < 64; pair++) {
            double d[2] = {(double)NAN, (double)NAN};
            for (int64_t i = 0; i < c->n_docs; i++)
                if (c->doc[i].pair == pair)
                    d[c->doc[i].cls] = sweep_loss(s, l, i) - sweep_loss(s, base, i);
            if (!isnan(d[0]) && !isnan(d[1]))
                x[n++] = d[0] - d[1];
        }
        check_keys(t, row, sweep_lane(s, l), NULL, a);
        check_estimate(t, row, "difference", x, n, params_seed(a, "seed"));
        assert_true(cell(t, row++, "pairs") == (double)n);
    }
    assert_int_equal(t->n_rows, row);
}

/* After any number of chunks the tables are those of what has been measured. */
static void test_tables(void **state)
{
    struct tiny_model t;
    (void)state;
    tiny_open(&t, &(struct tiny_spec){.hook = "layers.1.mlp.act"});
    struct corpus *c = tiny_corpus(quick() ? 9 : 20, true);
    struct study_in in = tiny_in(&t, c);
    const struct params *a = quick() ? together(three) : three;
    struct study *s = study_new(&sweep_study, &in, a);
    struct run run = {.queue = t.queue, .arena = arena_new(t.queue)};
    int64_t n = sweep_study.n_chunks(s);
    assert_int_equal(n, quick() ? 2 : 3);
    for (int64_t i = 0; i <= n; i++) {
        struct table_set *set = sweep_study.tables(s);
        const struct table *rows = table_set_find(set, "rows"), *pairs;
        assert_int_equal(set->n, 3);
        assert_int_equal(rows->mark, MARK_LINE);
        check_rows(s, c, rows, table_set_find(set, "differences"), a);
        assert_non_null(pairs = table_set_find(set, "pairs"));
        check_pairs(s, c, pairs, a);
        if (i == 0)
            assert_false(table_has(rows, 0, table_find(rows, "loss_sentence_mean")));
        if (i == n) /* "Ja.", "å", "Ø" …: sentences of one token have no loss */
            assert_true(cell(rows, 0, "sentences") > 5 &&
                        cell(rows, 1, "sentences") < (double)(c->n_docs / 2));
        table_set_unref(set);
        if (i < n)
            assert_true(study_chunk(&sweep_study, s, i, &run));
    }
    arena_free(run.arena);
    sweep_study.free(s);
    corpus_free(c);
    c = tiny_corpus(3, false);
    in.corpus = c;
    s = study_new(&sweep_study, &in, three);
    struct table_set *set = sweep_study.tables(s);
    assert_null(table_set_find(set, "pairs"));
    table_set_unref(set);
    sweep_study.free(s);
    corpus_free(c);
    tiny_close(&t);
}

static void test_bootstrap(void **state)
{
    enum { N = 37, L = 300 };
    static double x[N * L];
    static struct interval ci[L];
    double column[N];
    struct rng r;
    (void)state;
    rng_seed(&r, 3);
    for (int i = 0; i < N * L; i++)
        x[i] = rng_unit(&r) * rng_unit(&r);
    x[4 * L + 2] = (double)NAN;
    sample_bootstrap(x, N, L, 200, 11, ci);
    for (int l = 0; l < L; l++) {
        for (int i = 0; i < N; i++)
            column[i] = x[i * L + l];
        struct interval one = bootstrap_ratio(column, NULL, N, 200, 11);
        near(ci[l].lo, one.lo, 0, "lo", l, 0);
        near(ci[l].hi, one.hi, 0, "hi", l, 0);
        assert_true(l == 2 || ci[l].lo < ci[l].hi);
    }
    sample_bootstrap(x, 0, 2, 200, 11, ci);
    assert_true(isnan(ci[0].lo) && isnan(ci[1].hi));
}

/* ---- going on, and what is refused */
static void test_resume(void **state)
{
    struct tiny_model t;
    (void)state;
    tiny_open(&t, &(struct tiny_spec){.hook = "layers.1.attn.out"});
    struct corpus *c = tiny_corpus(quick() ? 9 : 20, true);
    struct study_in in = tiny_in(&t, c);
    const struct params *a = together(three);
    check_resume(&sweep_study, &in, a);
    check_segments(&sweep_study, &in, a);
    check_bad_states(&sweep_study, &in, a);
    corpus_free(c);
    c = tiny_corpus(quick() ? 1 : 4, true);
    in.corpus = c;
    check_cancel(&sweep_study, &in, a, quick() ? 61 : 3);
    corpus_free(c);
    tiny_close(&t);
}

static void test_refused(void **state)
{
    struct tiny_model t;
    (void)state;
    tiny_open(&t, &(struct tiny_spec){.hook = "layers.1.resid.post"});
    struct corpus *c = tiny_corpus(2, true);
    struct study_in in = tiny_in(&t, c);
    check_units_refused(&sweep_study, three);
    struct params *a = (struct params *)given(&sweep_study, "units=3,17,40 insert");
    double values[STUDY_MAX_VALUES + 1] = {0, 1e300};
    check_refused(&sweep_study, &in, a, "insertion");
    params_parse(a, "insert", "sae", NULL);
    params_set_values(a, "values", values, 3);
    check_refused(&sweep_study, &in, a, "value 2");
    values[1] = (double)NAN;
    params_set_values(a, "values", values, 3);
    check_refused(&sweep_study, &in, a, "value 2");
    params_set_values(a, "values", values, STUDY_MAX_VALUES + 1);
    check_refused(&sweep_study, &in, a, "expected at most 64");
    check_refused(&sweep_study, &in, given(&sweep_study, ""), "no unit to fix");
    /* nothing fixed: plain and unmodified alone */
    struct study *s = study_done(&sweep_study, &in, given(&sweep_study, "values"));
    assert_int_equal(sweep_n_lanes(s), 2);
    assert_true(isfinite(sweep_loss(s, 1, 0)) && sweep_loss(s, 1, 0) != sweep_loss(s, 0, 0));
    sweep_study.free(s);
    corpus_free(c);
    tiny_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_direct),         cmocka_unit_test(test_direct_sequential),
        cmocka_unit_test(test_direct_windows), cmocka_unit_test(test_direct_neurons),
        cmocka_unit_test(test_direct_packs),   cmocka_unit_test(test_lanes),
        cmocka_unit_test(test_work),           cmocka_unit_test(test_golden),
        cmocka_unit_test(test_tables),         cmocka_unit_test(test_bootstrap),
        cmocka_unit_test(test_resume),         cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* What the residual stream is made of, against an independent script (a plain forward in float64),
 * and what must add up. */
#include "engine/study/stream.h"
#include "engine/study/vocabulary.h"
#include "tests/engine/study/runs_golden.h"

static void stream_open(struct places *x, struct params *p)
{
    struct unit_id unit[4];
    double off[4];
    int32_t n = 0;
    const char *name;
    json_t *v;
    runs_golden_open(x, 1);
    corpus_free(x->corpus);
    const int64_t few = number(x, "few");
    x->corpus = corpus_of(x->demo.line[0], few, x->demo.line[1], few, true, CORPUS_ALL);
    x->in.corpus = x->corpus;
    json_object_foreach(json_object_get(x->golden, "spread"), name, v)
    {
        unit[n] = unit_of(x, name);
        off[n++] = json_number_value(v);
    }
    params_init(p, stream_study.params);
    params_set_units(p, "units", unit, n);
    params_set_values(p, "off-at", off, n);
}

static const json_t *numbers(const struct places *x, int64_t cls, const char *name)
{
    return json_object_get(json_object_get(json_object_get(x->golden, "stream"), cls ? "en" : "da"),
                           name);
}

/* The rows come point by point, and of each the classes. */
static void check_attribution(const struct places *x, const struct params *p, bool frozen)
{
    struct study *s = study_done(&stream_study, &x->in, p);
    struct table_set *set = stream_study.tables(s);
    const struct table *t = table_set_find(set, "rows");
    const json_t *points = json_object_get(x->golden, "points");
    assert_int_equal(t->n_rows, 2 * json_array_size(points));
    for (int64_t row = 0; row < t->n_rows; row++) {
        const size_t i = (size_t)row / 2;
        const double on = item_of(numbers(x, row % 2, "plain"), i),
                     off = item_of(numbers(x, row % 2, frozen ? "frozen" : "off"), i);
        assert_string_equal(table_str(t, row, 0), json_string_value(json_array_get(points, i)));
        near(cell(t, row, "on"), on, 1e-5, "on", row, frozen);
        near(cell(t, row, "off"), off, 1e-5, "off", row, frozen);
        near(cell(t, row, "difference"), on - off, 2e-5, "difference", row, frozen);
        assert_true(!(cell(t, row, "ci95.lo") > cell(t, row, "difference")));
    }
    table_set_unref(set);
    stream_study.free(s);
}

static void check_patch(const struct places *x, const struct params *p)
{
    struct study *s = study_done(&stream_study, &x->in, p);
    struct table_set *set = stream_study.tables(s);
    const struct table *t = table_set_find(set, "rows");
    const json_t *names = json_object_get(x->golden, "patched");
    assert_int_equal(t->n_rows, 2 * json_array_size(names));
    for (int64_t row = 0; row < t->n_rows; row++) {
        const size_t i = (size_t)row / 2;
        const double plain = json_number_value(numbers(x, row % 2, "loss")),
                     loss = item_of(numbers(x, row % 2, "patched"), i);
        assert_string_equal(table_str(t, row, 0), json_string_value(json_array_get(names, i)));
        near(cell(t, row, "plain"), plain, 1e-5, "plain", row, 0);
        near(cell(t, row, "loss"), loss, 1e-5, "loss", row, 0);
        near(cell(t, row, "percent"), 100 * (loss - plain) / plain, 1e-3, "percent", row, 0);
    }
    table_set_unref(set);
    stream_study.free(s);
}

static void check_effects(const struct places *x, const struct params *p, const char *name)
{
    static const char *const column[] = {"plain", "total", "direct", "indirect"};
    struct study *s = study_done(&stream_study, &x->in, p);
    struct table_set *set = stream_study.tables(s);
    const struct table *t = table_set_find(set, "rows");
    assert_int_equal(t->n_rows, 2);
    for (int64_t row = 0; row < 2; row++) {
        const json_t *g = numbers(x, row, name);
        for (size_t i = 0; i < 4; i++)
            near(cell(t, row, column[i]), item_of(g, i) - (i > 0 ? item_of(g, 0) : 0), 2e-5,
                 column[i], row, 0);
        near(cell(t, row, "remainder"),
             cell(t, row, "total") - cell(t, row, "direct") - cell(t, row, "indirect"), 1e-12,
             "remainder", row, 0);
    }
    table_set_unref(set);
    stream_study.free(s);
}

static void say(struct params *p, const char *name, const char *value)
{
    struct error e = {0};
    if (!params_parse(p, name, value, &e))
        fail_msg("%s", e.text);
}

static void test_golden(void **state)
{
    struct places x;
    struct params p;
    (void)state;
    skip_when_quick();
    stream_open(&x, &p);
    check_attribution(&x, &p, false);
    params_set_flag(&p, "frozen-scale", true);
    check_attribution(&x, &p, true);
    say(&p, "measure", "patch");
    check_patch(&x, &p);
    say(&p, "measure", "effects");
    say(&p, "metric", "logit");
    check_effects(&x, &p, "effects_frozen");
    params_set_flag(&p, "frozen-scale", false);
    check_effects(&x, &p, "effects_logit");
    say(&p, "metric", "loss");
    check_effects(&x, &p, "effects");
    params_release(&p);
    places_close(&x);
}

/* ---- on tiny models of every kind */
static const struct table *only(struct table_set *set)
{
    return table_set_find(set, "rows");
}

/* At the last stream: the logit of the next token, less the mean logit and what the bias of the
 * norm gives both. */
static void check_last(const struct study_in *in, const struct table *t, bool centred)
{
    struct run run = {.queue = in->queue, .arena = arena_new(in->queue)};
    const struct model *m = in->model;
    const int32_t V = tokenizer_n_vocab(in->tokenizer), all = model_config(m)->n_vocab,
                  d = model_config(m)->d_model;
    const struct norm *norm = model_final_norm(m);
    float *bias = xcalloc(2 * (size_t)all, sizeof *bias), *logit = bias + all;
    if (norm->beta.buf) {
        float *beta = xcalloc((size_t)d, sizeof *beta);
        run_get(&run, beta, norm->beta);
        model_logits(&run, m, run_put(&run, 1, d, beta), bias);
        free(beta);
    }
    for (int cls = 0; cls < 2; cls++) {
        double mean = 0, texts = 0;
        for (int64_t doc = 0; doc < in->corpus->n_docs; doc++) {
            struct pass_doc *text = pass_docs(in, doc, 1);
            struct sequences seq = {0};
            struct state end;
            double sum = 0;
            lane_sequences(&seq, text->token, text->n, model_cut(m, in->tokenizer, in->bos));
            const struct batch batch = sequences_batch(&seq);
            model_forward(&run, m, &batch, NULL, model_end(m), NULL, 0, &end);
            for (int32_t i = 0; i + 1 < seq.n_rows; i++) {
                double average = 0;
                model_logits(&run, m, tensor_rows(end.value, i, 1), logit);
                for (int32_t k = 0; k < V && centred; k++)
                    average += ((double)logit[k] - (double)bias[k]) / V;
                const int32_t id = seq.target[i];
                sum += (double)logit[id] - (double)bias[id] - average;
            }
            if (in->corpus->doc[doc].cls == cls)
                mean += sum / (seq.n_rows - 1), texts++;
            sequences_release(&seq);
            pass_docs_free(text, 1);
        }
        near(cell(t, t->n_rows - 2 + cls, "on"), mean / texts, 2e-5, "logit", cls, centred);
    }
    assert_true(run_ok(&run));
    free(bias);
    arena_free(run.arena);
}

static void check_kind(const struct tiny_spec *spec)
{
    struct tiny_model t;
    tiny_open(&t, spec);
    struct corpus *c = tiny_corpus(quick() ? 2 : 4, true);
    struct study_in in = tiny_in(&t, c);
    in.bos = true;
    struct study *s = study_done(
        &stream_study, &in,
        given(&stream_study, "units=3,5 off-at=1,-2 measure=effects metric=logit frozen-scale="
                             "true"));
    struct table_set *set = stream_study.tables(s);
    for (int64_t row = 0; row < 2; row++) {
        const double total = cell(only(set), row, "total");
        assert_true(fabs(total) > 1e-4 && fabs(cell(only(set), row, "direct")) > 1e-4);
        near(cell(only(set), row, "remainder"), 0, 1e-5, "remainder", row, 0);
    }
    table_set_unref(set);
    stream_study.free(s);
    for (int centred = 0; centred < 2; centred++) {
        s = study_done(&stream_study, &in,
                       given(&stream_study, centred ? "units=3,5 off-at=1,-2"
                                                    : "units=3,5 off-at=1,-2 no-tl-weights=true"));
        set = stream_study.tables(s);
        if (!spec->arch || strcmp(spec->arch, "gemma2") != 0) /* whose logits are capped */
            check_last(&in, only(set), centred);
        table_set_unref(set);
        stream_study.free(s);
    }
    corpus_free(c);
    tiny_close(&t);
}

static void test_adds_up(void **state)
{
    static const struct tiny_spec kinds[] = {
        {.hook = "layers.1.mlp.act", .neurons = true},
        {.hook = "layers.0.attn.out"},
        {.hook = "layers.1.resid.pre"},
        {.hook = "layers.0.resid.mid", .sequential = true},
        {.hook = "embed"},
        {.hook = "layers.0.attn.z", .arch = "gpt2"},
        {.hook = "layers.1.mlp.act", .arch = "llama", .neurons = true},
        {.hook = "layers.1.mlp.pre", .arch = "llama", .neurons = true},
        {.hook = "layers.1.mlp.act", .arch = "gemma2", .neurons = true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        check_kind(&kinds[i]);
}

/* A patch of the only component that the units reach is the whole effect: those of the last layer.
 */
static void test_patch_of_the_last(void **state)
{
    struct tiny_model t;
    (void)state;
    tiny_open(&t, &(struct tiny_spec){.hook = "layers.2.mlp.act", .neurons = true});
    struct corpus *c = tiny_corpus(3, true);
    const struct study_in in = tiny_in(&t, c);
    struct study *patch = study_done(&stream_study, &in,
                                     given(&stream_study, "units=3 off-at=2 measure=patch")),
                 *effects = study_done(&stream_study, &in,
                                       given(&stream_study, "units=3 off-at=2 measure=effects"));
    struct table_set *a = stream_study.tables(patch), *b = stream_study.tables(effects);
    assert_int_equal(only(a)->n_rows, 2);
    for (int64_t row = 0; row < 2; row++) {
        assert_string_equal(table_str(only(a), row, 0), "layers.2.mlp.out");
        near(cell(only(a), row, "difference"), cell(only(b), row, "total"), 1e-6, "total", row, 0);
        near(cell(only(b), row, "direct"), cell(only(b), row, "total"), 1e-6, "direct", row, 0);
        near(cell(only(b), row, "indirect"), 0, 1e-6, "indirect", row, 0);
    }
    table_set_unref(a);
    table_set_unref(b);
    stream_study.free(patch);
    stream_study.free(effects);
    corpus_free(c);
    tiny_close(&t);
}

static void test_going_on(void **state)
{
    (void)state;
    check_going_on(&stream_study, "layers.1.mlp.act",
                   given(&stream_study, "units=3,17 off-at=1,2"));
    check_going_on(&stream_study, "layers.1.resid.pre",
                   given(&stream_study, "units=3 off-at=1 measure=patch held=5 held-at=1"));
    check_going_on(&stream_study, "layers.1.mlp.act",
                   given(&stream_study, "units=3 off-at=1 measure=effects metric=logit"));
}

static void test_refused(void **state)
{
    struct tiny_model t;
    (void)state;
    tiny_open(&t, &(struct tiny_spec){.hook = "final_norm", .neurons = true});
    struct corpus *c = tiny_corpus(2, true);
    const struct study_in in = tiny_in(&t, c);
    check_refused(&stream_study, &in, given(&stream_study, "units=3 off-at=1"),
                  "units at final_norm write nothing");
    check_refused(&stream_study, &in, given(&stream_study, "units=3"), "two values for each");
    corpus_free(c);
    tiny_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_adds_up),
        cmocka_unit_test(test_patch_of_the_last),
        cmocka_unit_test(test_going_on),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

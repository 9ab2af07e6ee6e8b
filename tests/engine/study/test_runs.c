/* Runs with SAEs inserted, against an independent script (a plain forward in float64): each study
 * of units that holds some. */
#include "engine/study/ablate.h"
#include "engine/study/activity.h"
#include "engine/study/hidden.h"
#include "engine/study/losses.h"
#include "engine/study/position.h"
#include "engine/study/stream.h"
#include "tests/engine/study/runs_golden.h"

static void inserted_open(struct places *x)
{
    places_open_inserted(x, 8);
    json_decref(x->golden);
    x->golden = golden_json("study/neuron_inserted.json");
    assert_int_equal(number(x, "texts"), 8);
}

static void say(struct params *p, const char *name, const char *value)
{
    struct error e = {0};
    if (!params_parse(p, name, value, &e))
        fail_msg("%s: %s", name, e.text);
}

static void begin(struct places *x, struct params *p, const struct study_ops *ops,
                  const char *insert)
{
    inserted_open(x);
    params_init(p, ops->params);
    say(p, "insert", insert);
}

/* The units of an object with their values. */
static int32_t units_of(const struct places *x, const char *of, struct unit_id *unit, double *value)
{
    const char *name;
    json_t *v;
    int32_t n = 0;
    json_object_foreach(json_object_get(x->golden, of), name, v)
    {
        unit[n] = unit_of(x, name);
        value[n++] = json_number_value(v);
    }
    return n;
}

static void hold(const struct places *x, struct params *p, const char *of)
{
    struct unit_id unit[8];
    double value[8];
    const int32_t n = units_of(x, of, unit, value);
    params_set_units(p, "held", unit, n);
    params_set_values(p, "held-at", value, n);
}

static void ask(const struct places *x, struct params *p, const char *const *name, int32_t n)
{
    struct unit_id unit[8];
    for (int32_t i = 0; i < n; i++)
        unit[i] = unit_of(x, name[i]);
    params_set_units(p, "units", unit, n);
    if (params_know(p, "from")) {
        params_set_int(p, "from", number(x, "from"));
        params_set_int(p, "to", number(x, "to"));
    }
}

/* ---- activity */
static void test_activity(void **state)
{
    static const char *const read[] = {"L2N442", "attn_1/418", "attn_1/92", "attn_3/390",
                                       "attn_3/967"};
    struct places x;
    struct params p;
    size_t i;
    json_t *v;
    (void)state;
    skip_when_quick();
    begin(&x, &p, &activity_study, "attn_1=sae");
    ask(&x, &p, read, 5);
    hold(&x, &p, "held");
    struct study *s = study_done(&activity_study, &x.in, &p);
    struct table_set *set = activity_study.tables(s);
    const struct table *t = table_set_find(set, "rows");
    assert_int_equal(t->n_rows, 10);
    json_array_foreach(json_object_get(x.golden, "activity"), i, v)
    {
        const int64_t row = (int64_t)i;
        assert_string_equal(table_str(t, row, 0), name_of(v, "unit"));
        assert_string_equal(table_str(t, row, 1), name_of(v, "class"));
        near(cell(t, row, "mean"), real_of(v, "mean"), 2e-5, "mean", row, 0);
        near(cell(t, row, "sd"), real_of(v, "sd"), 2e-5, "sd", row, 0);
    }
    table_set_unref(set);
    activity_study.free(s);
    params_release(&p);
    places_close(&x);
}

static void test_difference(void **state)
{
    static const char *const read[] = {"L3N909", "L3N12", "attn_3/390"};
    const double on = 1.5, off = -0.5;
    struct places x;
    struct params p;
    (void)state;
    skip_when_quick();
    begin(&x, &p, &activity_study, "sae");
    ask(&x, &p, read, 3);
    const struct unit_id held = unit_of(&x, "L1N75");
    params_set_units(&p, "held", &held, 1);
    params_set_values(&p, "held-at", &on, 1);
    params_set_values(&p, "minus-at", &off, 1);
    params_set_flag(&p, "pre", true);
    struct study *s = study_done(&activity_study, &x.in, &p);
    for (int32_t j = 0; j < 3; j++)
        near(activity_others(s, j, -1).mean,
             real_of(json_object_get(x.golden, "difference"), read[j]), 2e-5, read[j], j, 0);
    activity_study.free(s);
    params_release(&p);
    places_close(&x);
}

/* ---- ablation */
static double mean_of(const json_t *list, size_t column)
{
    double sum = 0;
    size_t i;
    json_t *v;
    json_array_foreach(list, i, v)
    {
        sum += json_is_array(v) ? item_of(v, column) : json_number_value(v);
    }
    return sum / (double)json_array_size(list);
}

static void test_ablate(void **state)
{
    struct unit_id unit[8];
    double value[8];
    struct places x;
    struct params p;
    (void)state;
    skip_when_quick();
    begin(&x, &p, &ablate_study, "attn_1=sae");
    const int32_t n = units_of(&x, "units", unit, value);
    params_set_units(&p, "units", unit, n);
    params_set_values(&p, "at", value, n);
    struct study *s = study_done(&ablate_study, &x.in, &p);
    struct table_set *set = ablate_study.tables(s);
    const struct table *t = table_set_find(set, "rows");
    const json_t *g = json_object_get(x.golden, "ablate");
    assert_int_equal(t->n_rows, 4 * 2);
    for (int64_t row = 0; row < t->n_rows; row++) {
        const char *cls = row % 2 ? "en" : "da";
        const json_t *of = json_array_get(json_object_get(g, "sets"), (size_t)row / 2);
        near(cell(t, row, "loss"), mean_of(json_object_get(json_object_get(g, "plain"), cls), 0),
             1e-5, "loss", row, 0);
        near(cell(t, row, "loss_ablated"), mean_of(json_object_get(of, cls), 0), 1e-5, "ablated",
             row, 0);
    }
    table_set_unref(set);
    ablate_study.free(s);
    params_release(&p);
    places_close(&x);
}

/* ---- two runs */
static void at_two_values(const struct places *x, struct params *p)
{
    static const char *const unit[] = {"L2N442"};
    const double on = 1, off = -1;
    ask(x, p, unit, 1);
    params_set_values(p, "at", &on, 1);
    params_set_values(p, "off-at", &off, 1);
}

static void test_losses(void **state)
{
    struct places x;
    struct params p;
    (void)state;
    skip_when_quick();
    begin(&x, &p, &losses_study, "sae");
    at_two_values(&x, &p);
    struct study *s = study_done(&losses_study, &x.in, &p);
    struct table_set *set = losses_study.tables(s);
    const struct table *t = table_set_find(set, "rows");
    for (int64_t row = 0; row < 2; row++) {
        const json_t *g = json_object_get(json_object_get(x.golden, "losses"), row ? "en" : "da");
        near(cell(t, row, "loss_a"), mean_of(g, 0), 1e-5, "a", row, 0);
        near(cell(t, row, "loss_b"), mean_of(g, 1), 1e-5, "b", row, 0);
    }
    table_set_unref(set);
    losses_study.free(s);
    params_release(&p);
    places_close(&x);
}

/* The layer that is meant is that of the unit, not that of an SAE before it. */
static void test_hidden(void **state)
{
    struct places x;
    struct params p;
    int64_t texts;
    (void)state;
    skip_when_quick();
    begin(&x, &p, &hidden_study, "attn_1=sae");
    at_two_values(&x, &p);
    struct study *s = study_done(&hidden_study, &x.in, &p);
    const double *change = hidden_change(s, 0, &texts);
    assert_int_equal(texts, 8);
    for (size_t i = 0; i < 8; i++)
        near(change[i], item_of(json_object_get(x.golden, "hidden"), i), 1e-5, "hidden", (long)i,
             0);
    hidden_study.free(s);
    params_release(&p);
    places_close(&x);
}

/* ---- what the stream is made of */
static struct table *stream_rows(const struct places *x, struct params *p, const char *measure)
{
    say(p, "measure", measure);
    struct study *s = study_done(&stream_study, &x->in, p);
    struct table_set *set = stream_study.tables(s);
    struct table *t = table_copy(table_set_find(set, "rows"));
    table_set_unref(set);
    stream_study.free(s);
    return t;
}

static void test_stream(void **state)
{
    struct unit_id unit[8];
    double value[8];
    struct places x;
    struct params p;
    (void)state;
    skip_when_quick();
    begin(&x, &p, &stream_study, "attn_1=sae,attn_3=sae");
    const int32_t n = units_of(&x, "units", unit, value);
    params_set_units(&p, "units", unit, n);
    params_set_values(&p, "off-at", value, n);
    struct table *of_stream = stream_rows(&x, &p, "attribution"),
                 *patched = stream_rows(&x, &p, "patch"), *effects = stream_rows(&x, &p, "effects");
    assert_int_equal(of_stream->n_rows, 2 * 5);
    assert_int_equal(patched->n_rows, 2 * 6);
    for (int64_t cls = 0; cls < 2; cls++) {
        static const char *const column[] = {"plain", "total", "direct", "indirect"};
        const json_t *g = json_object_get(json_object_get(x.golden, "stream"), cls ? "en" : "da");
        const json_t *ends = json_object_get(g, "effects");
        for (int64_t i = 0; i < 5; i++) {
            near(cell(of_stream, 2 * i + cls, "on"), item_of(json_object_get(g, "on"), (size_t)i),
                 2e-5, "on", i, cls);
            near(cell(of_stream, 2 * i + cls, "off"), item_of(json_object_get(g, "off"), (size_t)i),
                 2e-5, "off", i, cls);
        }
        for (int64_t i = 0; i < 6; i++)
            near(cell(patched, 2 * i + cls, "loss"),
                 item_of(json_object_get(g, "patched"), (size_t)i), 1e-5, "patched", i, cls);
        for (size_t i = 0; i < 4; i++)
            near(cell(effects, cls, column[i]), item_of(ends, i) - (i > 0 ? item_of(ends, 0) : 0),
                 2e-5, column[i], cls, 0);
    }
    table_free(of_stream);
    table_free(patched);
    table_free(effects);
    params_release(&p);
    places_close(&x);
}

/* ---- on the tiny model */
/* Nothing inserted, and the error kept, are what is without a word of it; a reconstruction is not.
 */
static void test_words(void **state)
{
    static const char *const insert[] = {"", " insert=none", " insert=error", " insert=sae"};
    double loss[4];
    struct tiny_model t;
    (void)state;
    tiny_open(&t, &(struct tiny_spec){.hook = "layers.1.attn.out"});
    struct corpus *c = tiny_corpus(3, true);
    const struct study_in in = tiny_in(&t, c);
    for (int i = 0; i < 4; i++) {
        char words[80];
        snprintf(words, sizeof words, "units=3 off-at=2%s", insert[i]);
        struct study *s = study_done(&losses_study, &in, given(&losses_study, words));
        struct table_set *set = losses_study.tables(s);
        loss[i] = cell(table_set_find(set, "rows"), 0, "loss_b");
        table_set_unref(set);
        losses_study.free(s);
    }
    assert_true(loss[1] == loss[0] && loss[2] == loss[0]);
    assert_true(fabs(loss[3] - loss[0]) > 1e-4);
    corpus_free(c);
    tiny_close(&t);
}

/* What a transcoder reads is before what it gives: its latents are the same whether it is inserted
 * or not, and one that is held is what it is held at. */
static void test_transcoder(void **state)
{
    static const char *const more[] = {"", " pre=true", " insert=sae", " held=5 held-at=1.5",
                                       " insert=sae held=5 held-at=1.5"};
    double mean[2] = {0};
    struct tiny_model t;
    (void)state;
    tiny_open(&t, &(struct tiny_spec){.hook = "layers.1.mlp.out", .transcodes = true});
    struct corpus *c = tiny_corpus(3, true);
    const struct study_in in = tiny_in(&t, c);
    for (int i = 0; i < 5; i++) {
        char words[80];
        snprintf(words, sizeof words, "units=3,5 from=0%s", more[i]);
        struct study *s = study_done(&activity_study, &in, given(&activity_study, words));
        for (int32_t j = 0; j < 2; j++) {
            const double is = activity_others(s, j, -1).mean;
            mean[j] = i == 0 ? is : mean[j];
            assert_true(is == (i > 2 && j == 1 ? 1.5 : mean[j]));
        }
        activity_study.free(s);
    }
    assert_true(fabs(mean[0]) > 1e-6 && fabs(mean[1]) > 1e-6);
    corpus_free(c);
    tiny_close(&t);
}

static void test_refused(void **state)
{
    static const struct {
        const char *hook, *words, *says;
    } wrong[] = {
        {"layers.1.attn.out", "units=3 off-at=1 insert=sae,error", "several ways to insert"},
        {"layers.1.attn.out", "units=3 off-at=1 insert=mlp_1=sae", "found mlp_1"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct tiny_model t;
        tiny_open(&t, &(struct tiny_spec){.hook = wrong[i].hook});
        struct corpus *c = tiny_corpus(2, true);
        const struct study_in in = tiny_in(&t, c);
        check_refused(&stream_study, &in, given(&stream_study, wrong[i].words), wrong[i].says);
        corpus_free(c);
        tiny_close(&t);
    }
}

/* What goes through an SAE in the stream does not add up behind it. */
static void test_in_the_stream(void **state)
{
    static const char *const measure[] = {"attribution", "patch", "effects"};
    const struct point neurons = {0, SITE_MLP_ACT};
    struct error e = {0};
    struct tiny_model t;
    (void)state;
    tiny_open(&t, &(struct tiny_spec){.hook = "layers.1.resid.post"});
    struct corpus *c = tiny_corpus(2, true);
    struct study_in in = tiny_in(&t, c);
    assert_true(
        dict_set_add(&t.set, dict_neurons(neurons, model_width(t.model, neurons)), neurons, &e));
    in.dicts = &t.set, in.dict = t.set.place[0].dict, in.at = neurons;
    for (int i = 0; i < 3; i++) {
        char words[80];
        snprintf(words, sizeof words, "units=3 off-at=1 insert=sae measure=%s", measure[i]);
        if (i > 0) {
            check_refused(&stream_study, &in, given(&stream_study, words), "does not add up");
            continue;
        }
        stream_study.free(study_done(&stream_study, &in, given(&stream_study, words)));
    }
    corpus_free(c);
    tiny_close(&t);
}

static void test_going_on(void **state)
{
    (void)state;
    check_going_on(&losses_study, "layers.1.attn.out",
                   given(&losses_study, "units=3 at=1 off-at=2 held=5 held-at=1 insert=sae"));
    check_going_on(&activity_study, "layers.1.attn.out",
                   given(&activity_study, "units=3,5 held=5 held-at=1 insert=sae from=0"));
    check_going_on(&ablate_study, "layers.1.attn.out",
                   given(&ablate_study, "units=3,17 at=1,-2 insert=sae"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_activity), cmocka_unit_test(test_difference),
        cmocka_unit_test(test_ablate),   cmocka_unit_test(test_losses),
        cmocka_unit_test(test_hidden),   cmocka_unit_test(test_stream),
        cmocka_unit_test(test_words),    cmocka_unit_test(test_transcoder),
        cmocka_unit_test(test_refused),  cmocka_unit_test(test_in_the_stream),
        cmocka_unit_test(test_going_on),
    };
    return cmocka_run_group_tests_name("runs with SAEs inserted", tests, NULL, NULL);
}

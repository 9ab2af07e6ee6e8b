/* Chains of units against an independent script (plain forwards in float64, direct effects by an
 * inverse), and what must add up. */
#include "engine/study/chains.h"
#include "tests/engine/study/runs_golden.h"

static const json_t *of_base(const struct places *x, int base, const char *name)
{
    return json_object_get(json_object_get(x->golden, base ? "off" : "on"), name);
}

static double mean_of(const json_t *list)
{
    double sum = 0;
    size_t i;
    json_t *v;
    json_array_foreach(list, i, v)
    {
        sum += json_number_value(v);
    }
    return sum / (double)json_array_size(list);
}

static const json_t *item(const json_t *list, size_t i)
{
    return json_array_get(list, i);
}

/* The units as the script has them; the later ones in reverse: the study puts them in order. */
static void say_chains(const struct places *x, struct params *p)
{
    const json_t *later = json_object_get(x->golden, "later");
    const struct unit_id n = unit_of(x, name_of(x->golden, "unit"));
    const double on = real_of(x->golden, "on_at"), off = real_of(x->golden, "off_at");
    const size_t size = json_array_size(later);
    struct unit_id unit[8];
    double shift[8];
    for (size_t i = 0; i < size; i++) {
        const size_t from = i < 2 ? 1 - i : i; /* of a step the order stays */
        unit[size - 1 - i] = unit_of(x, json_string_value(item(later, size - 1 - from)));
        shift[size - 1 - i] = item_of(json_object_get(x->golden, "shift"), size - 1 - from);
    }
    params_set_units(p, "units", &n, 1);
    params_set_values(p, "at", &on, 1);
    params_set_values(p, "off-at", &off, 1);
    params_set_units(p, "shifted", unit, (int32_t)size);
    params_set_values(p, "shift", shift, (int32_t)size);
    params_set_int(p, "from", 3);
    params_set_int(p, "to", 20);
    params_set_int(p, "top", 64);
}

static size_t index_of(const json_t *names, const char *name)
{
    size_t i = 0;
    while (i < json_array_size(names) && strcmp(json_string_value(item(names, i)), name) != 0)
        i++;
    return i;
}

static void check_links(const struct places *x, const struct table *t, int64_t links)
{
    const json_t *later = json_object_get(x->golden, "later"),
                 *whole = json_object_get(x->golden, "whole");
    const size_t n = json_array_size(later);
    for (int64_t row = 0; row < t->n_rows; row++) {
        const size_t i = index_of(later, table_str(t, row, table_find(t, "from"))),
                     k = index_of(later, table_str(t, row, table_find(t, "to")));
        const double all = item_of(whole, k);
        near(cell(t, row, "whole"), all, 2e-5, "whole", row, 0);
        for (int base = 0; base < 2; base++)
            near(cell(t, row, base ? "off" : "on"),
                 i == n ? all : item_of(item(of_base(x, base, "link"), i), k), 2e-5, "link", row,
                 base);
        near(cell(t, row, "share"), cell(t, row, "on") / cell(t, row, "whole"), 1e-9, "share", row,
             0);
    }
    assert_int_equal(t->n_rows, links);
}

static void check_losses(const struct places *x, const struct table *t)
{
    const json_t *later = json_object_get(x->golden, "later");
    assert_int_equal(t->n_rows, 2 * 5);
    for (int64_t row = 0; row < t->n_rows; row++) {
        const char *cls = table_str(t, row, table_find(t, "class"));
        const size_t i = index_of(later, table_str(t, row, table_find(t, "unit")));
        const json_t *whole = json_object_get(json_object_get(x->golden, "whole_loss"), cls);
        for (int base = 0; base < 2; base++) {
            const json_t *moved = json_object_get(of_base(x, base, "loss"), cls);
            near(cell(t, row, base ? "off" : "on"), mean_of(row < 2 ? whole : item(moved, i)), 2e-5,
                 "loss", row, base);
        }
        assert_true(cell(t, row, "ci95.lo") <= cell(t, row, "on") &&
                    cell(t, row, "ci95.hi") >= cell(t, row, "on"));
        assert_true(cell(t, row, "off_ci95.lo") <= cell(t, row, "off") &&
                    cell(t, row, "off_ci95.hi") >= cell(t, row, "off"));
        assert_int_equal(table_i64(t, row, table_find(t, "texts")), number(x, "texts"));
    }
}

/* Those with the largest part first, each as the script has it; all together are the whole. */
static void check_chains(const struct places *x, const struct table *t, const struct table *losses)
{
    const json_t *chains = of_base(x, 0, "chains");
    double sum[2][2] = {{0}}, last = HUGE_VAL;
    assert_int_equal(t->n_rows, 2 * json_array_size(chains));
    for (int64_t row = 0; row < t->n_rows; row++) {
        size_t i = 0;
        while (strcmp(json_string_value(item(item(chains, i), 0)), table_str(t, row, 0)) != 0)
            assert_true(++i < json_array_size(chains));
        for (int base = 0; base < 2; base++) {
            const json_t *v = item(item(of_base(x, base, "chains"), i), 1);
            const double part = cell(t, row, base ? "off" : "on");
            near(part, item_of(v, (size_t)row % 2), 2e-5, "chain", row, base);
            sum[base][row % 2] += part;
        }
        if (row % 2 == 0) {
            const double most = fmax(fabs(cell(t, row, "on")), fabs(cell(t, row + 1, "on")));
            assert_true(most <= last);
            last = most;
        }
    }
    for (int base = 0; base < 2; base++)
        for (int cls = 0; cls < 2; cls++)
            near(sum[base][cls], cell(losses, cls, base ? "off" : "on"), 1e-12, "sum", base, cls);
}

static void check_golden(struct places *x, const char *which, const char *insert, int64_t links)
{
    struct params p;
    struct error e = {0};
    json_decref(x->golden);
    json_t *golden = golden_json("study/neuron_chains.json");
    x->golden = json_incref(json_object_get(golden, which));
    json_decref(golden);
    params_init(&p, chains_study.params);
    assert_true(params_parse(&p, "insert", insert, &e));
    say_chains(x, &p);
    struct study *s = study_done(&chains_study, &x->in, &p);
    struct table_set *set = chains_study.tables(s);
    check_links(x, table_set_find(set, "links"), links);
    check_losses(x, table_set_find(set, "losses"));
    check_chains(x, table_set_find(set, "rows"), table_set_find(set, "losses"));
    table_set_unref(set);
    chains_study.free(s);
    params_release(&p);
    places_close(x);
}

static void test_golden(void **state)
{
    struct places x;
    (void)state;
    skip_when_quick();
    places_open_first(&x, 12);
    check_golden(&x, "plain", NULL, 4 + 2 * 2); /* two units of a layer, two of the next */
}

/* Through latents of SAEs that are inserted, too, between a neuron and one of the layer behind. */
static void test_inserted(void **state)
{
    struct places x;
    (void)state;
    skip_when_quick();
    places_open_inserted(&x, 12);
    check_golden(&x, "inserted", "sae", 4 + 3 + 2);
}

static void test_refused(void **state)
{
    struct places x;
    struct params p;
    (void)state;
    skip_when_quick();
    places_open_first(&x, 2);
    params_init(&p, chains_study.params);
    const struct unit_id n = unit_of(&x, "L2N442"), before = unit_of(&x, "L1N3"),
                         same = unit_of(&x, "L2N7");
    const double at = 1, shift[] = {.5, .25};
    params_set_units(&p, "units", &n, 1);
    params_set_values(&p, "off-at", &at, 1);
    check_refused(&chains_study, &x.in, &p, "no values of the units on");
    params_set_values(&p, "at", &at, 1);
    check_refused(&chains_study, &x.in, &p, "found 0 later units");
    params_set_units(&p, "shifted", &before, 1);
    check_refused(&chains_study, &x.in, &p, "found 1 later units");
    params_set_values(&p, "shift", shift, 1);
    check_refused(&chains_study, &x.in, &p, "found L1N3, expected units behind L2N442");
    params_set_units(&p, "shifted", &same, 1);
    check_refused(&chains_study, &x.in, &p, "found L2N7, expected units behind L2N442");
    params_release(&p);
    places_close(&x);
}

/* ---- three layers of random weights: neurons, neurons, latents or a transcoder's */
static void tiny_chain_open(struct tiny_model *t, struct study_in *in, struct params *p,
                            struct corpus **c, bool transcoder, const char *shift)
{
    const struct unit_id n = {0, 3}, later[] = {{2, 7}, {1, 5}, {1, 9}};
    tiny_open(t,
              &(struct tiny_spec){.hook = "layers.0.mlp.act",
                                  .neurons = true,
                                  .more = {{"layers.1.mlp.act", true}, {"layers.2.mlp.out", false}},
                                  .more_transcode = transcoder ? 2u : 0});
    *c = tiny_corpus(quick() ? 6 : 12, true);
    *in = tiny_in(t, *c);
    in->dicts = &t->set;
    params_copy(p, given(&chains_study, "at=2 off-at=-1 from=1 top=4096"));
    params_set_units(p, "units", &n, 1);
    params_set_units(p, "shifted", later, 3);
    struct error e = {0};
    assert_true(params_parse(p, "shift", shift, &e));
}

/* All chains together are the whole, also where a unit is not moved or nothing lies between. */
static void test_sums(void **state)
{
    static const char *const shifts[] = {".5,-.25,.125", ".5,0,.125", "0,0,0"};
    (void)state;
    for (size_t i = 0; i < 3 * 2; i++) {
        struct tiny_model t;
        struct study_in in;
        struct params p;
        struct corpus *c;
        tiny_chain_open(&t, &in, &p, &c, i % 2, shifts[i / 2]);
        struct study *s = study_done(&chains_study, &in, &p);
        struct table_set *set = chains_study.tables(s);
        const struct table *rows = table_set_find(set, "rows"),
                           *losses = table_set_find(set, "losses");
        double sum[2][2] = {{0}};
        assert_int_equal(rows->n_rows, 2 * (1 + 3 + 2)); /* the two of one layer are no chain */
        for (int64_t row = 0; row < rows->n_rows; row++)
            for (int base = 0; base < 2; base++)
                sum[base][row % 2] += cell(rows, row, base ? "off" : "on");
        for (int base = 0; base < 2; base++)
            for (int cls = 0; cls < 2; cls++)
                near(sum[base][cls], cell(losses, cls, "on"), 1e-12, "sum", base, cls);
        for (int64_t row = 2; row < losses->n_rows && i / 2 == 2; row++)
            near(cell(losses, row, "on"), 0, 0, "still", row, 0);
        table_set_unref(set);
        chains_study.free(s);
        params_release(&p);
        corpus_free(c);
        tiny_close(&t);
    }
}

static void test_going_on(void **state)
{
    struct tiny_model t;
    struct study_in in;
    struct params p;
    struct corpus *c;
    (void)state;
    tiny_chain_open(&t, &in, &p, &c, false, ".5,-.25,.125");
    check_resume(&chains_study, &in, &p);
    check_segments(&chains_study, &in, &p);
    check_bad_states(&chains_study, &in, &p);
    check_cancel(&chains_study, &in, &p, quick() ? 37 : 11);
    params_release(&p);
    corpus_free(c);
    tiny_close(&t);
}

static void hear_share(void *arg, double share)
{
    double *heard = arg; /* the last, and how often */
    assert_true(share >= heard[0] && share <= 1 + 1e-9);
    heard[0] = share, heard[1]++;
}

/* Of a chunk that is one sub-batch each run is told of, the units on or off and three moved. */
static void test_tells(void **state)
{
    struct tiny_model t;
    struct study_in in;
    struct params p;
    struct corpus *c;
    double heard[2] = {0};
    (void)state;
    tiny_chain_open(&t, &in, &p, &c, false, ".5,-.25,.125");
    struct study *s = study_new(&chains_study, &in, &p);
    struct run run = {
        .queue = in.queue, .arena = arena_new(in.queue), .told = hear_share, .told_arg = heard};
    assert_true(study_chunk(&chains_study, s, 0, &run));
    assert_true(heard[1] >= 2 * (1 + 3));
    assert_true(heard[0] > .9); /* of about as many rows as were counted */
    arena_free(run.arena);
    chains_study.free(s);
    params_release(&p);
    corpus_free(c);
    tiny_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),   cmocka_unit_test(test_inserted),
        cmocka_unit_test(test_refused),  cmocka_unit_test(test_sums),
        cmocka_unit_test(test_going_on), cmocka_unit_test(test_tells),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

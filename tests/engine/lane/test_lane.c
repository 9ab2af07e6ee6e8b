/* Lanes at the landing against the long way: the reconstruction inserted at the hook and all layers
 * run again. */
#include "engine/base/memory.h"
#include "engine/lane/lane.h"
#include "tests/support/tiny_model.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka.h wants the headers above it. */
#include <cmocka.h>

enum { J = 4, LANES = 5, ROWS_MAX = 128 };

struct fixture {
    struct tiny_model t;
    struct run run;
    struct sequences seq;
    int32_t n_losses;
    struct lane_place place;
    struct unit unit[J];
};

static void setup(struct fixture *f, const struct tiny_spec *spec)
{
    static const char *const text[] = {"Hun køber brød hver morgen.", "He goes home again, and",
                                       "a"};
    *f = (struct fixture){0};
    tiny_open(&f->t, spec);
    f->run = (struct run){.queue = f->t.queue, .arena = arena_new(f->t.queue)};
    for (size_t i = 0; i < sizeof text / sizeof *text; i++) {
        struct token *token = NULL;
        size_t n = 0, cap = 0;
        tokenizer_encode(f->t.tokenizer, text[i], strlen(text[i]), false, &token, &n, &cap);
        lane_sequences(&f->seq, token, (int32_t)n, model_cut(f->t.model, f->t.tokenizer, i == 1));
        free(token);
    }
    assert_in_range(f->seq.n_rows, 10, ROWS_MAX);
    for (int32_t i = 0; i < f->seq.n_rows; i++)
        f->n_losses += f->seq.target[i] >= 0;
    f->place = lane_place(f->t.model, f->t.dict, f->t.at);
    const struct unit unit[J] = {{{0, 3}, 2.5f, UNIT_FIX},
                                 {{0, 1}, 0.25f, UNIT_SCALE},
                                 {{0, 7}, -1.5f, UNIT_ADD},
                                 {{0, 5}, 99.0f, UNIT_ZERO}};
    memcpy(f->unit, unit, sizeof unit);
}

static void teardown(struct fixture *f)
{
    if (!run_ok(&f->run))
        fail_msg("%s", f->run.err.text);
    sequences_release(&f->seq);
    arena_free(f->run.arena);
    tiny_close(&f->t);
}

static void units_of(const struct unit *units, int32_t n, int32_t index[J])
{
    for (int32_t i = 0; i < n; i++)
        index[i] = units[i].id.index;
}

/* Every layer, the reconstruction at the hook. */
static void the_long_way(struct fixture *f, const struct lane *lane, float *loss)
{
    struct batch batch = sequences_batch(&f->seq);
    struct hook hook = {.at = f->t.at,
                        .op = HOOK_INSERT,
                        .dict = f->t.dict,
                        .keep_error = !lane->inserted,
                        .units = lane->units,
                        .n_units = lane->n_units};
    struct state end;
    float all[ROWS_MAX];
    model_forward(&f->run, f->t.model, &batch, NULL, model_end(f->t.model), &hook,
                  lane->inserted || lane->n_units > 0, &end);
    model_loss(&f->run, f->t.model, end.value, f->seq.target, all);
    for (int32_t i = 0; i < f->seq.n_rows; i++)
        if (f->seq.target[i] >= 0)
            *loss++ = all[i];
}

static struct tensor activations(struct fixture *f, const struct landed *landed,
                                 const struct lane *lane)
{
    int32_t index[J];
    units_of(lane->units, lane->n_units, index);
    return dict_values(&f->run, f->t.dict, &landed->codes, index, lane->n_units);
}

/* All lanes as one batch. */
static void at_the_landing(struct fixture *f, const struct lane *lane, float *loss)
{
    struct batch batch = sequences_batch(&f->seq);
    struct landed landed;
    struct lane_rows rows[LANES];
    struct sequences all = {0};
    struct directions d = {0};
    int32_t T = f->seq.n_rows;
    lane_front(&f->run, &f->place, &batch, NULL, LAND_INSERTED, &landed);
    for (int32_t l = 0; l < LANES; l++) {
        for (int32_t i = 0; i < f->seq.n; i++)
            sequences_add(&all, &f->seq, i);
        rows[l] = (struct lane_rows){.lane = &lane[l],
                                     .plain = landed.plain.value,
                                     .inserted = landed.inserted.value,
                                     .base = landed.plain.base};
    }
    struct state from = lane_pack(&f->run, &f->place, rows, LANES);
    for (int32_t l = 0; l < LANES; l++) {
        int32_t index[J];
        units_of(lane[l].units, lane[l].n_units, index);
        if (lane[l].n_units > 0 && directions_set(&f->run, &f->place, &d, index, lane[l].n_units))
            lane_change(&f->run, &f->place, &lane[l], tensor_rows(from.value, l * T, T),
                        activations(f, &landed, &lane[l]), landed.codes.scale, d.u);
    }
    lane_losses(&f->run, f->t.model, &all, &from, NULL, loss);
    directions_free(f->t.queue, &d);
    sequences_release(&all);
}

static void check(const struct tiny_spec *spec)
{
    struct fixture f;
    setup(&f, spec);
    const struct lane lane[LANES] = {
        {0, 0, NULL}, {1, 0, NULL}, {1, J, f.unit}, {0, 2, f.unit}, {0, 1, f.unit + 2}};
    float got[LANES * ROWS_MAX], want[ROWS_MAX], plain[ROWS_MAX];
    at_the_landing(&f, lane, got);
    for (int32_t l = 0; l < LANES; l++) {
        double apart = 0;
        the_long_way(&f, &lane[l], want);
        if (l == 0)
            memcpy(plain, want, sizeof plain);
        assert_true(run_ok(&f.run));
        for (int32_t i = 0; i < f.n_losses; i++) {
            double v = (double)got[l * f.n_losses + i];
            if (!(fabs(v - (double)want[i]) <= 3e-5 * (1 + fabs((double)want[i]))))
                fail_msg("%s, lane %d, loss %d: %.9g, expected %.9g", spec->hook, l, i, v,
                         (double)want[i]);
            apart = fmax(apart, fabs(v - (double)plain[i]));
        }
        /* what is changed changes something */
        bool same = lane[l].n_units == 0 && (!lane[l].inserted || spec->neurons);
        assert_true(same ? apart < 3e-4 : apart > 1e-3);
    }
    teardown(&f);
}

static void lanes_are_the_long_way(void **unused)
{
    (void)unused;
    static const char *const hook[] = {"embed",
                                       "layers.0.resid.pre",
                                       "layers.1.attn.out",
                                       "layers.1.mlp.pre",
                                       "layers.1.mlp.act",
                                       "layers.1.mlp.out",
                                       "layers.2.resid.post",
                                       "layers.2.mlp.act"};
    for (size_t i = 0; i < sizeof hook / sizeof *hook; i++) {
        check(&(struct tiny_spec){.hook = hook[i]});
        check(&(struct tiny_spec){.hook = hook[i], .sequential = true});
        check(&(struct tiny_spec){.hook = hook[i], .neurons = true});
    }
}

/* What is read where it is normed, and before what is replaced. */
static void of_normed_inputs_and_transcoders(void **unused)
{
    (void)unused;
    static const char *const norm[] = {"layer_norm", "constant_norm_rescale"};
    static const char *const hook[] = {"layers.1.mlp.act", "layers.1.attn.out",
                                       "layers.2.resid.post"};
    for (int n = 0; n < 2; n++)
        for (size_t i = 0; i < sizeof hook / sizeof *hook; i++)
            check(&(struct tiny_spec){.hook = hook[i], .norm = norm[n], .sequential = i == 1});
    for (int i = 0; i < 2; i++)
        check(&(struct tiny_spec){
            .hook = "layers.1.mlp.out", .transcodes = true, .sequential = i == 1});
    check(&(struct tiny_spec){.hook = "layers.1.mlp.out", .transcodes = true, .norm = norm[0]});
    check(&(struct tiny_spec){.hook = "layers.2.mlp.out", .transcodes = true, .arch = "llama"});
    check(&(struct tiny_spec){.hook = "layers.2.mlp.out", .transcodes = true, .arch = "gemma2"});
}

static void of_transcoders_between_other_points(void **unused)
{
    (void)unused;
    static const struct {
        const char *reads, *hook, *arch;
        bool sequential;
    } of[] = {{"resid.mid", "layers.1.mlp.out", "llama", false},
              {"resid.mid", "layers.1.mlp.out", NULL, true},
              {"resid.pre", "layers.1.mlp.out", NULL, false},
              {"mlp.normalized", "layers.1.mlp.out", "llama", false},
              {"mlp.normalized", "layers.2.mlp.out", "gemma2", false},
              {"mlp.normalized", "layers.1.mlp.out", NULL, false},
              {"resid.pre", "layers.1.resid.post", "gpt2", false},
              {"resid.pre", "layers.2.attn.out", NULL, false},
              {"attn.out", "layers.1.resid.mid", "gemma2", false},
              {"mlp.in", "layers.1.resid.post", NULL, true}};
    for (size_t i = 0; i < sizeof of / sizeof *of; i++)
        check(&(struct tiny_spec){.hook = of[i].hook,
                                  .transcodes = true,
                                  .reads = of[i].reads,
                                  .arch = of[i].arch,
                                  .sequential = of[i].sequential});
}

static void nothing_stands_within_a_transcoder(void **unused)
{
    (void)unused;
    struct tiny_model t;
    struct error e = {0};
    tiny_open(&t, &(struct tiny_spec){.hook = "layers.1.mlp.out", .transcodes = true});
    const struct point within = {1, SITE_MLP_ACT}, before = {1, SITE_MLP_IN};
    assert_false(dict_set_add(&t.set, dict_neurons(within, 48), within, &e));
    assert_non_null(strstr(e.text,
                           "found dictionaries at layers.1.mlp.out and at layers.1.mlp.act, "
                           "one of them a transcoder"));
    e = (struct error){0};
    assert_true(dict_set_add(&t.set, dict_neurons(before, 32), before, &e));
    assert_true(model_check_dict(t.model, t.dict, t.at, &e));
    assert_false(model_check_dict(t.model, t.dict, before, &e));
    assert_non_null(strstr(e.text, "reads layers.1.mlp.in and is hooked at layers.1.mlp.in, "
                                   "expected a later point"));
    tiny_close(&t);
}

static void a_change_is_its_sum(void **unused)
{
    (void)unused;
    struct fixture f;
    setup(&f, &(struct tiny_spec){.hook = "layers.1.mlp.act"});
    int32_t T = 3, width = f.place.width, index[J];
    float x[3 * 256], act[3 * J], u[J * 256], y[3 * 256];
    struct directions d = {0};
    assert_true(width <= 256);
    units_of(f.unit, J, index);
    for (int32_t i = 0; i < T * width; i++)
        x[i] = (float)(i % 13) - 6;
    for (int32_t i = 0; i < T * J; i++)
        act[i] = (float)i / 2 - 1;
    struct tensor value = run_put(&f.run, T, width, x);
    assert_true(directions_set(&f.run, &f.place, &d, index, J));
    run_get(&f.run, u, d.u);
    lane_change(&f.run, &f.place, &(struct lane){1, J, f.unit}, value, run_put(&f.run, T, J, act),
                (struct tensor){0}, d.u);
    run_get(&f.run, y, value);
    assert_true(run_ok(&f.run));
    for (int32_t t = 0; t < T; t++)
        for (int32_t i = 0; i < width; i++) {
            const float *a = act + t * J;
            double c[J] = {2.5 - (double)a[0], -0.75 * (double)a[1], -1.5, -(double)a[3]};
            double sum = (double)x[t * width + i];
            for (int32_t j = 0; j < J; j++)
                sum += c[j] * (double)u[j * width + i];
            assert_true(fabs((double)y[t * width + i] - sum) < 1e-5 * (1 + fabs(sum)));
        }
    directions_free(f.t.queue, &d);
    teardown(&f);
}

static void directions_stay_until_others_are_asked_for(void **unused)
{
    (void)unused;
    struct fixture f;
    setup(&f, &(struct tiny_spec){.hook = "layers.1.mlp.act"});
    const int32_t two[] = {4, 9}, other[] = {9, 4, 2}, none = f.t.m;
    float a[2 * 256], b[3 * 256];
    size_t row = (size_t)f.place.width;
    struct directions d = {0};
    assert_true(directions_set(&f.run, &f.place, &d, NULL, 0));
    assert_null(d.u.buf);
    assert_true(directions_set(&f.run, &f.place, &d, two, 2));
    run_get(&f.run, a, d.u);
    struct tensor kept = d.u;
    assert_true(directions_set(&f.run, &f.place, &d, two, 2));
    assert_true(d.u.buf == kept.buf && d.u.rows == 2);
    assert_true(directions_set(&f.run, &f.place, &d, other, 3));
    assert_int_equal(d.u.rows, 3);
    run_get(&f.run, b, d.u);
    assert_memory_equal(b, a + row, row * sizeof *a);
    assert_memory_equal(b + row, a, row * sizeof *a);
    assert_false(directions_set(&f.run, &f.place, &d, &none, 1)); /* no such unit */
    f.run.err = (struct error){0};
    assert_true(directions_set(&f.run, &f.place, &d, two, 2)); /* nothing of it is left */
    run_get(&f.run, b, d.u);
    assert_memory_equal(a, b, 2 * row * sizeof *a);
    directions_free(f.t.queue, &d);
    teardown(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lanes_are_the_long_way),
        cmocka_unit_test(of_normed_inputs_and_transcoders),
        cmocka_unit_test(of_transcoders_between_other_points),
        cmocka_unit_test(nothing_stands_within_a_transcoder),
        cmocka_unit_test(a_change_is_its_sum),
        cmocka_unit_test(directions_stay_until_others_are_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

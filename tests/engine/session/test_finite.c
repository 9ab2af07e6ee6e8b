/* What is no finite number never becomes a mean: the session says what and where. */
#include "engine/cpu/cpu.h"
#include "tests/support/spoil.h"
#include "tests/support/tiny_model.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka.h wants the headers above it. */
#include <cmocka.h>

static const char text[] = "Hun køber brød\nog læser en bog";

static struct session *session_of(struct tiny_model *t)
{
    struct error e = {0};
    struct session *s =
        session_new(t->backend, t->model, t->tokenizer, &t->set, t->at, tiny_sets, 2, &e);
    if (!s)
        fail_msg("%s", e.text);
    return s;
}

static struct snapshot *run_to_the_end(struct session *s, float value, bool refsets)
{
    static uint64_t generation;
    struct wish w = {.generation = ++generation,
                     .text = text,
                     .n_text = sizeof text - 1,
                     .insert = insertion_of(INSERT_SAE),
                     .n_units = 2,
                     .unit = {{.id = {0, 3}, .fixed = true, .value = value}, {.id = {0, 17}}},
                     .watch = UNIT_NONE,
                     .n_next = 3,
                     .losses = true,
                     .refsets = refsets};
    session_set(s, &w);
    while (session_step(s, NULL) != STAGE_IDLE)
        ;
    return session_snapshot(s);
}

static void must_say(const struct session *s, const char *what)
{
    const struct error *e = session_error(s);
    assert_int_equal(e->kind, ERROR_INPUT);
    if (!strstr(e->text, what))
        fail_msg("'%s' does not say '%s'", e->text, what);
}

static void assert_no_fixed_number(const struct snapshot *p)
{
    assert_true(isnan(p->loss_mean[LANE_FIXED]));
    for (int32_t c = 0; c < p->n_refsets; c++)
        assert_false(p->refset[c].fixed_valid && p->refset[c].key == p->lane_key[LANE_FIXED]);
}

/* The value is refused by what it is, the other lanes go on, and a smaller value works again. */
static void test_fixed_values(void **state)
{
    (void)state;
    struct tiny_model t;
    tiny_open(&t, &(struct tiny_spec){.hook = "layers.1.mlp.act"});
    struct session *s = session_of(&t);
    struct snapshot *p = run_to_the_end(s, 2, true), *again;
    assert_false(error_is_set(session_error(s)));
    assert_true(isfinite(p->loss_mean[LANE_FIXED]));
    for (int i = 0; i < 2; i++) {
        struct snapshot *bad = run_to_the_end(s, i ? -3e30f : 1e25f, true);
        must_say(s, i ? "float32 can't carry the fixed 3 = -3e+30 through the model: "
                      : "float32 can't carry the fixed 3 = 1e+25 through the model: ");
        must_say(s, "layers.1.resid.post: ");
        assert_no_fixed_number(bad);
        const struct line_losses *base = bad->line[0].loss[LANE_BASE];
        assert_non_null(base);
        assert_true(isfinite(base->loss[1]));
        snapshot_unref(bad);
    }
    again = run_to_the_end(s, 2, true);
    assert_false(error_is_set(session_error(s)));
    for (int lane = 0; lane < N_LANES; lane++)
        assert_memory_equal(&again->loss_mean[lane], &p->loss_mean[lane], sizeof(double));
    assert_memory_equal(&again->refset[0].fixed.mean, &p->refset[0].fixed.mean, sizeof(double));
    snapshot_unref(again);
    snapshot_unref(p);
    session_free(s);
    tiny_close(&t);
}

/* Nothing but the references: what the text has is no help. */
static void test_references(void **state)
{
    (void)state;
    struct tiny_model t;
    tiny_open(&t, &(struct tiny_spec){.hook = "layers.1.mlp.act"});
    struct session *s = session_of(&t);
    struct wish w = {.generation = 1,
                     .text = "",
                     .insert = insertion_of(INSERT_SAE),
                     .n_units = 1,
                     .unit = {{.id = {0, 3}, .fixed = true, .value = 1e25f}},
                     .watch = UNIT_NONE,
                     .losses = true,
                     .refsets = true};
    session_set(s, &w);
    while (session_step(s, NULL) != STAGE_IDLE)
        ;
    must_say(s, "the fixed 3 = 1e+25");
    struct snapshot *p = session_snapshot(s);
    assert_no_fixed_number(p);
    assert_true(isfinite(p->refset[0].base.mean));
    snapshot_unref(p);
    session_free(s);
    tiny_close(&t);
}

static void reopen_dict(struct tiny_model *t, const char *path)
{
    struct error e = {0};
    dict_set_release(&t->set);
    t->dict = NULL;
    if (!dict_open(t->backend, path, NULL, &t->dict, &e))
        fail_msg("%s", e.text);
    dict_set_add(&t->set, t->dict, t->at, &e);
}

/* Rows of the decoder are looked at when they are used. */
static void test_decoder_rows(void **state)
{
    (void)state;
    struct tiny_model t;
    char path[96];
    tiny_open(&t, &(struct tiny_spec){.hook = "layers.1.mlp.act"});
    snprintf(path, sizeof path, "%s/sae.safetensors", t.dir);
    for (size_t unit = 0; unit < 80; unit++)
        spoil(path, "W_dec", unit * 48 + 5, NAN);
    reopen_dict(&t, path);
    struct session *s = session_of(&t);
    struct snapshot *p = run_to_the_end(s, 2, true);
    must_say(s, path);
    must_say(s, "W_dec: the value at [");
    must_say(s, ", 5] is no finite number");
    for (int lane = 0; lane < N_LANES; lane++)
        assert_true(isnan(p->loss_mean[lane]));
    snapshot_unref(p);
    session_free(s);
    tiny_close(&t);
}

/* Neurons that are no numbers, where no norm comes before they are shown. */
static void test_neurons(void **state)
{
    (void)state;
    struct tiny_model t;
    char path[96];
    struct error e = {0};
    tiny_open(&t, &(struct tiny_spec){.hook = "layers.1.mlp.pre", .neurons = true});
    snprintf(path, sizeof path, "%s/model/model.safetensors", t.dir);
    spoil(path, "gpt_neox.layers.1.post_attention_layernorm.weight", 0, 3e38f);
    spoil(path, "gpt_neox.layers.1.mlp.dense_h_to_4h.weight", 0, 3e38f);
    model_free(t.model);
    snprintf(path, sizeof path, "%s/model", t.dir);
    assert_true(model_open(t.backend, path, NULL, &t.model, &e));
    struct session *s = session_of(&t);
    struct wish w = {.generation = 1, .text = text, .n_text = sizeof text - 1, .watch = UNIT_NONE};
    session_set(s, &w);
    while (session_step(s, NULL) != STAGE_IDLE)
        ;
    must_say(s, " has a value that is no finite number");
    session_free(s);
    tiny_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fixed_values),
        cmocka_unit_test(test_references),
        cmocka_unit_test(test_decoder_rows),
        cmocka_unit_test(test_neurons),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

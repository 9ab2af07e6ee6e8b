/* One text in two runs, against an independent script (a plain forward in float64). */
#include "engine/study/position.h"
#include "tests/engine/study/runs_golden.h"

static struct table_set *looked(const struct places *x, const struct params *p)
{
    struct study *s = study_done(&position_study, &x->in, p);
    struct table_set *set = position_study.tables(s);
    position_study.free(s);
    return set;
}

/* Without bounds by norms. */
static void say_text(const struct places *x, struct params *p)
{
    struct error e = {0};
    params_set_text(p, "text", name_of(x->golden, "text"));
    params_set_int(p, "position", number(x, "at"));
    params_set_int(p, "top", number(x, "top"));
    assert_true(params_parse(p, "max-norm", "0", &e) && params_parse(p, "min-embed", "0", &e));
}

/* The lists in the order of the table, then the losses. */
static void check_text(const struct places *x, const struct params *p, const char *name)
{
    static const char *const list[] = {"a", "b", "boosted", "reduced"};
    const int64_t top = params_int(p, "top");
    struct table_set *set = looked(x, p);
    const struct table *t = table_set_find(set, "rows"), *all = table_set_find(set, "tokens");
    const json_t *g = json_object_get(x->golden, name), *losses = json_object_get(g, "losses");
    int64_t row = 0;
    assert_int_equal(t->n_rows, 4 * top);
    for (int l = 0; l < 4; l++)
        for (size_t i = 0; i < (size_t)top; i++, row++) {
            const json_t *v = json_array_get(json_object_get(g, list[l]), i);
            assert_string_equal(table_str(t, row, 0), list[l]);
            assert_int_equal(table_i64(t, row, 1), (int64_t)item_of(v, 0));
            near(cell(t, row, "logp_a"), item_of(v, 1), 2e-5, "logp_a", row, l);
            near(cell(t, row, "logp_b"), item_of(v, 2), 2e-5, "logp_b", row, l);
            near(cell(t, row, "difference"), item_of(v, 1) - item_of(v, 2), 2e-5, "d", row, l);
        }
    assert_int_equal(all->n_rows, json_array_size(json_array_get(losses, 0)));
    for (row = 0; row < all->n_rows; row++) {
        const double a = item_of(json_array_get(losses, 0), (size_t)row),
                     b = item_of(json_array_get(losses, 1), (size_t)row);
        assert_int_equal(table_i64(all, row, 0), row + 1);
        near(cell(all, row, "loss_a"), a, 2e-5, "loss_a", row, 0);
        near(cell(all, row, "loss_b"), b, 2e-5, "loss_b", row, 0);
        near(cell(all, row, "difference"), b - a, 2e-5, "difference", row, 0);
    }
    table_set_unref(set);
}

static void test_golden(void **state)
{
    struct places x;
    struct params p;
    (void)state;
    skip_when_quick();
    runs_golden_open(&x, 1);
    params_init(&p, position_study.params);
    say_text(&x, &p);
    say_runs(&x, &p, false);
    check_text(&x, &p, "position");
    const struct unit_id held = unit_of(&x, name_of(x.golden, "held"));
    const double at = real_of(x.golden, "held_at");
    params_set_units(&p, "held", &held, 1);
    params_set_values(&p, "held-at", &at, 1);
    check_text(&x, &p, "position_held");
    params_release(&p);
    params_init(&p, position_study.params);
    say_text(&x, &p);
    say_runs(&x, &p, true);
    check_text(&x, &p, "position_shifted");
    const json_t *set_at = json_object_get(x.golden, "shifted_at");
    const double values[2] = {
        real_of(set_at, json_string_value(json_array_get(json_object_get(x.golden, "later"), 0))),
        real_of(set_at, json_string_value(json_array_get(json_object_get(x.golden, "later"), 1)))};
    params_set_values(&p, "shifted-at", values, 2);
    check_text(&x, &p, "position_at");
    params_release(&p);
    places_close(&x);
}

/* What is left out, and positions from the end. */
static void test_lists(void **state)
{
    struct places x;
    struct params p;
    struct vocabulary v;
    (void)state;
    skip_when_quick();
    runs_golden_open(&x, 1);
    params_init(&p, position_study.params);
    say_text(&x, &p);
    say_runs(&x, &p, false);
    struct run run = {.queue = x.in.queue, .arena = arena_new(x.in.queue)};
    struct error e = {0};
    char most[40];
    assert_true(vocabulary_init(&v, &run, &x.in, true));
    struct table_set *from_front = looked(&x, &p);
    const int64_t rows = table_set_find(from_front, "tokens")->n_rows + 1;
    params_set_int(&p, "position", number(&x, "at") - rows);
    struct table_set *from_end = looked(&x, &p);
    same_tables(from_front, from_end);
    snprintf(most, sizeof most, "%.17g", v.norms[4]);
    params_set_int(&p, "top", v.n);
    assert_true(params_parse(&p, "min-logp", "-1e9", &e) && params_parse(&p, "max-norm", most, &e));
    struct table_set *some = looked(&x, &p);
    const struct table *t = table_set_find(some, "rows");
    int64_t kept = 0;
    for (int32_t id = 0; id < v.n; id++)
        kept += !(v.norms[id] > v.norms[4]);
    assert_true(kept > 0 && kept < v.n);
    assert_int_equal(t->n_rows, 4 * kept);
    for (int64_t row = 0; row < t->n_rows; row++)
        assert_false(v.norms[table_i64(t, row, 1)] > v.norms[4]);
    table_set_unref(from_front);
    table_set_unref(from_end);
    table_set_unref(some);
    vocabulary_release(&v);
    arena_free(run.arena);
    params_release(&p);
    places_close(&x);
}

/* ---- on the tiny model */
/* A text of one word in a list of parameters. */
static const struct params *tiny_said(const char *runs, const char *text, int64_t at)
{
    struct params *p = (struct params *)given(&position_study, runs);
    static const char *const own[][2] = {
        {"top", "3"}, {"min-logp", "-100"}, {"max-norm", "0"}, {"min-embed", "0"}};
    struct error e = {0};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        assert_true(params_parse(p, own[i][0], own[i][1], &e));
    params_set_text(p, "text", *text ? text : NULL);
    params_set_int(p, "position", at);
    return p;
}

static struct table_set *tiny_looked(const struct study_in *in, const char *runs, const char *text,
                                     int64_t at)
{
    struct study *s = study_done(&position_study, in, tiny_said(runs, text, at));
    struct table_set *set = position_study.tables(s);
    position_study.free(s);
    return set;
}

/* A latent that is shifted from a value on is one that is held at two. Without the BOS the first
 * token has no loss. */
static void test_latents(void **state)
{
    struct tiny_model t;
    (void)state;
    tiny_open(&t, &(struct tiny_spec){.hook = "layers.1.attn.out"});
    const struct study_in in = tiny_in(&t, NULL);
    const char *text = tiny_sets[0].sentence[1];
    struct table_set *plain = tiny_looked(&in, "units=3 off-at=2", text, -1),
                     *held = tiny_looked(&in, "units=3 at=.5 off-at=2 held=7 held-at=1", text, -1),
                     *shifted = tiny_looked(
                         &in, "units=7 at=1 off-at=1 shifted=3 shifted-at=.5 shift=1.5", text, -1);
    const struct table *a = table_set_find(held, "tokens"), *b = table_set_find(shifted, "tokens"),
                       *c = table_set_find(plain, "tokens");
    assert_true(a->n_rows > 2 && !table_has(a, 0, table_find(a, "loss_a")));
    for (int64_t row = 1; row < a->n_rows; row++) {
        near(cell(a, row, "loss_a"), cell(b, row, "loss_a"), 1e-6, "loss_a", row, 0);
        near(cell(a, row, "loss_b"), cell(b, row, "loss_b"), 1e-6, "loss_b", row, 0);
        assert_true(fabs(cell(c, row, "difference")) > 1e-7);
        assert_true(fabs(cell(c, row, "loss_a") - cell(a, row, "loss_a")) > 1e-7);
    }
    table_set_unref(held);
    table_set_unref(shifted);
    table_set_unref(plain);
    tiny_close(&t);
}

static void test_refused(void **state)
{
    static const struct {
        const char *runs, *text;
        int64_t at;
        const char *says;
    } wrong[] = {
        {"units=3 at=1", "Hej", 0, "two values for each"},
        {"units=3,4 at=1 off-at=0,0", "Hej", 0, "two values for each"},
        {"units=3 off-at=1 held=3 held-at=2", "Hej", 0, "held all the time"},
        {"units=3 off-at=1 shifted=4", "Hej", 0, "a shift for each"},
        {"units=3 off-at=1 shifted=3 shift=1", "Hej", 0, "is shifted too"},
        {"units=3 off-at=1 shifted=4,4 shift=1,1", "Hej", 0, "given again"},
        {"units=3 off-at=1 shifted=900 shift=1", "Hej", 0, "found unit 900"},
        {"units=3 off-at=1", "", 0, "without a token"},
        {"units=3 off-at=1", "Hej", 40, "position: found 40, expected -"},
        {"units=3 off-at=1", "Hej", -41, "found -41"},
    };
    struct tiny_model t;
    (void)state;
    tiny_open(&t, &(struct tiny_spec){.hook = "layers.1.attn.out"});
    const struct study_in in = tiny_in(&t, NULL);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        check_refused(&position_study, &in, tiny_said(wrong[i].runs, wrong[i].text, wrong[i].at),
                      wrong[i].says);
    tiny_close(&t);
}

static void test_going_on(void **state)
{
    struct tiny_model t;
    (void)state;
    tiny_open(&t, &(struct tiny_spec){.hook = "layers.1.attn.out"});
    const struct study_in in = tiny_in(&t, NULL);
    const struct params *p =
        tiny_said("units=3 at=1 off-at=1 shifted=7 shift=2", tiny_sets[0].sentence[1], -2);
    check_resume(&position_study, &in, p);
    check_bad_states(&position_study, &in, p);
    check_cancel(&position_study, &in, p, quick() ? 7 : 1);
    tiny_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),   cmocka_unit_test(test_lists),
        cmocka_unit_test(test_latents),  cmocka_unit_test(test_refused),
        cmocka_unit_test(test_going_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* One text in two runs, against an independent script (a plain forward in float64). */
#include "engine/study/position.h"
#include "tests/engine/study/runs_golden.h"

static struct table_set *looked(const struct places *x, const struct params *p,
                                const struct position_in *of, const struct vocabulary *v)
{
    struct error e = {0};
    struct table_set *set = table_set_new();
    if (!position_run(&x->in, p, of, v, NULL, set, &e))
        fail_msg("%s", e.text);
    return set;
}

static struct position_in asked(const struct places *x)
{
    const char *text = name_of(x->golden, "text");
    return (struct position_in){.text = text,
                                .n = strlen(text),
                                .at = number(x, "at"),
                                .top = (int32_t)number(x, "top"),
                                .least = -7};
}

/* The lists in the order of the table, then the losses. */
static void check_text(const struct places *x, const struct params *p, const char *name)
{
    static const char *const list[] = {"a", "b", "boosted", "reduced"};
    const struct position_in of = asked(x);
    struct table_set *set = looked(x, p, &of, NULL);
    const struct table *t = table_set_find(set, "rows"), *all = table_set_find(set, "tokens");
    const json_t *g = json_object_get(x->golden, name), *losses = json_object_get(g, "losses");
    int64_t row = 0;
    assert_int_equal(t->n_rows, 4 * of.top);
    for (int l = 0; l < 4; l++)
        for (size_t i = 0; i < (size_t)of.top; i++, row++) {
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
    params_init(&p, position_runs);
    say_runs(&x, &p, false);
    check_text(&x, &p, "position");
    const struct unit_id held = unit_of(&x, name_of(x.golden, "held"));
    const double at = real_of(x.golden, "held_at");
    params_set_units(&p, "held", &held, 1);
    params_set_values(&p, "held-at", &at, 1);
    check_text(&x, &p, "position_held");
    params_release(&p);
    params_init(&p, position_runs);
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
    params_init(&p, position_runs);
    say_runs(&x, &p, false);
    struct run run = {.queue = x.in.queue, .arena = arena_new(x.in.queue)};
    assert_true(vocabulary_init(&v, &run, &x.in, true));
    struct position_in of = asked(&x);
    struct table_set *from_front = looked(&x, &p, &of, &v);
    const int64_t rows = table_set_find(from_front, "tokens")->n_rows + 1;
    of.at -= rows, of.max_norm = 0, of.min_embed = 0;
    struct table_set *from_end = looked(&x, &p, &of, NULL);
    same_tables(from_front, from_end);
    of.top = v.n, of.least = -1e9, of.max_norm = v.norms[4];
    struct table_set *some = looked(&x, &p, &of, &v);
    const struct table *t = table_set_find(some, "rows");
    int64_t kept = 0;
    for (int32_t id = 0; id < v.n; id++)
        kept += !(v.norms[id] > of.max_norm);
    assert_true(kept > 0 && kept < v.n);
    assert_int_equal(t->n_rows, 4 * kept);
    for (int64_t row = 0; row < t->n_rows; row++)
        assert_false(v.norms[table_i64(t, row, 1)] > of.max_norm);
    table_set_unref(from_front);
    table_set_unref(from_end);
    table_set_unref(some);
    vocabulary_release(&v);
    arena_free(run.arena);
    params_release(&p);
    places_close(&x);
}

/* ---- on the tiny model */
static struct table_set *tiny_looked(const struct study_in *in, const char *runs, const char *text,
                                     int64_t at)
{
    struct error e = {0};
    struct table_set *set = table_set_new();
    const struct study_ops ops = {.params = position_runs};
    const struct position_in of = {
        .text = text, .n = strlen(text), .at = at, .top = 3, .least = -100};
    if (!position_run(in, given(&ops, runs), &of, NULL, NULL, set, &e))
        fail_msg("%s", e.text);
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
    const struct study_ops ops = {.params = position_runs};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct error e = {0};
        struct table_set *set = table_set_new();
        const struct position_in of = {
            .text = wrong[i].text, .n = strlen(wrong[i].text), .at = wrong[i].at, .top = 3};
        assert_false(position_run(&in, given(&ops, wrong[i].runs), &of, NULL, NULL, set, &e));
        if (e.kind != ERROR_INPUT || !strstr(e.text, wrong[i].says))
            fail_msg("\"%s\", expected \"%s\"", e.text, wrong[i].says);
        assert_int_equal(set->n, 0);
        table_set_unref(set);
    }
    tiny_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_latents),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

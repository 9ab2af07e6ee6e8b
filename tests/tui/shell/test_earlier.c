/* Units of an earlier session in the dictionaries of today: what is still there moves to its place,
 * what is not goes and is said once; the text stays. */
#include "tests/support/explore_fixture.h"
#include "tests/support/testdata.h"
#include "tests/support/unit.h"
#include "tui/kept.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { M = 3072 };

static struct explore_fixture f;
static struct shell shell;
static struct workbench wb;

static void place(struct dict_set *set, int16_t layer, enum site site, bool neurons)
{
    assert_true(dict_set_plan(set, (struct point){layer, (uint8_t)site}, neurons));
}

/* Attention and MLP of layer 1, MLP and stream of layer 3. */
static void four_places(struct dict_set *set)
{
    *set = (struct dict_set){0};
    place(set, 1, SITE_ATTN_OUT, false);
    place(set, 1, SITE_MLP_ACT, true);
    place(set, 3, SITE_MLP_ACT, false);
    place(set, 3, SITE_RESID_POST, false);
}

static void state_of_four(struct saved_state *s)
{
    state_init(s);
    four_places(&s->dicts);
    s->text = strdup("en to tre");
    s->n_text = strlen(s->text);
    s->has_unit = s->has_units = true;
    s->unit = (struct unit_id){2, 9};
    const struct unit_id unit[] = {{3, 7}, {0, 8}, {2, 9}, {1, 5}};
    for (int i = 0; i < 4; i++)
        s->sliders.unit[s->sliders.n++] =
            (struct chosen_unit){unit[i], i % 2 == 0, i % 2 == 0 ? (float)i : 0};
}

/* A session with one step that only moves {2, 9} and one that also has {0, 8}. */
static void steps(struct history *h)
{
    struct sliders none = {0}, one = {.n = 1}, two = {.n = 2};
    history_init(h);
    one.unit[0] = (struct chosen_unit){{2, 9}, true, 1};
    two.unit[0] = one.unit[0];
    two.unit[1] = (struct chosen_unit){{0, 8}, true, 2};
    history_sliders(h, &none, &one, false);
    history_sliders(h, &one, &two, false);
}

static void note_into(void *arg, const struct history_note *n)
{
    kept_note(arg, n);
}

static void load(const struct saved_state *s, const struct dict_set *now)
{
    static const struct options options;
    struct history h;
    wb = f.wb;
    wb.dicts = *now;
    for (int32_t i = 0; i < wb.dicts.n; i++)
        wb.dicts.place[i].m = M;
    shell_init(&shell, &options, s);
    steps(&h);
    shell_take_history(&shell, &h);
    shell_loaded(&shell, &wb);
}

static void unload(void)
{
    shell_release(&shell);
    dict_set_release(&wb.dicts);
}

static void expect_slider(int row, int32_t dict, int32_t index)
{
    assert_in_range(row, 0, shell.sh.sliders.n - 1);
    assert_true(unit_same(shell.sh.sliders.unit[row].id, (struct unit_id){dict, index}));
}

static void test_the_same_set(void **state)
{
    (void)state;
    struct saved_state s, kept;
    struct dict_set now;
    state_of_four(&s);
    four_places(&now);
    load(&s, &now);
    assert_int_equal(shell.sh.sliders.n, 4);
    expect_slider(0, 3, 7);
    expect_slider(1, 0, 8);
    assert_false(shell.sh.state_changed);
    assert_string_equal(shell.sh.message, "");
    assert_int_equal(shell.sh.history.n, 2);
    shell_save(&shell, &kept); /* and it is kept with its places */
    char *json = state_print(&kept);
    assert_non_null(strstr(json, "\"dictionaries\":[\"layers.1.attn.out\","
                                 "{\"neurons\":\"layers.1.mlp.act\"},\"layers.3.mlp.act\","
                                 "\"layers.3.resid.post\"]"));
    assert_non_null(strstr(json, "\"latents\":[\"resid_3/7\",\"attn_1/8\",\"mlp_3/9\",\"L1N5\"]"));
    struct saved_state again;
    struct error e = {0};
    assert_true(state_parse(json, strlen(json), &again, &e));
    assert_true(dict_set_same(&kept.dicts, &again.dicts));
    assert_true(unit_same(again.unit, s.unit));
    assert_true(sliders_equal(&again.sliders, &s.sliders));
    free(json);
    state_release(&again);
    state_release(&kept);
    state_release(&s);
    unload();
}

static void test_some_are_elsewhere(void **state)
{
    (void)state;
    struct saved_state s, kept;
    struct dict_set now = {0};
    state_of_four(&s);
    place(&now, 3, SITE_MLP_ACT, false);
    place(&now, 3, SITE_RESID_POST, false);
    place(&now, 5, SITE_MLP_ACT, false);
    s.sliders.dict = 3;
    load(&s, &now);
    assert_int_equal(shell.sh.sliders.dict, 1); /* the stream of layer 3, as before */
    assert_int_equal(shell.sh.sliders.n, 2);
    expect_slider(0, 1, 7);
    expect_slider(1, 0, 9);
    assert_true(shell.sh.sliders.unit[0].fixed && shell.sh.sliders.unit[1].fixed);
    assert_true(unit_same(shell.sh.colour_unit, (struct unit_id){0, 9}));
    assert_string_equal(shell.sh.editor.text.s, "en to tre");
    assert_string_equal(shell.sh.message, "2 latents of dictionaries that are not open: left out");
    assert_int_equal(shell.sh.history.n, 1); /* the step with attn_1/8 is gone */
    assert_true(
        unit_same(shell.sh.history.change[0].sliders->after.unit[0].id, (struct unit_id){0, 9}));
    assert_true(shell.sh.state_changed);
    shell_look(&shell, &kept);
    assert_true(dict_set_same(&kept.dicts, &now));
    state_release(&kept);
    state_release(&s);
    unload();
}

static void test_one_of_several(void **state)
{
    (void)state;
    struct saved_state s, kept;
    struct dict_set now = {0};
    state_of_four(&s);
    place(&now, 3, SITE_MLP_ACT, false);
    s.sliders.dict = 1; /* which is gone */
    load(&s, &now);
    assert_int_equal(shell.sh.sliders.dict, 0);
    assert_int_equal(shell.sh.sliders.n, 1);
    expect_slider(0, 0, 9);
    assert_string_equal(shell.sh.message, "3 latents of dictionaries that are not open: left out");
    shell_look(&shell, &kept);
    assert_int_equal(kept.dicts.n, 0); /* of one, as ever */
    char *json = state_print(&kept);
    assert_non_null(strstr(json, "\"latents\":[9]"));
    assert_null(strstr(json, "dictionaries"));
    free(json);
    state_release(&kept);
    state_release(&s);
    unload();
}

/* Neurons at the point where an SAE was are others. */
static void test_another_kind(void **state)
{
    (void)state;
    struct saved_state s;
    struct dict_set now = {0};
    state_of_four(&s);
    place(&now, 1, SITE_MLP_ACT, false);
    place(&now, 3, SITE_MLP_ACT, true);
    load(&s, &now);
    assert_int_equal(shell.sh.sliders.n, 0);
    assert_string_equal(shell.sh.message, "4 latents of dictionaries that are not open: left out");
    assert_true(unit_same(shell.sh.colour_unit, UNIT_ALL));
    assert_int_equal(shell.sh.history.n, 0);
    state_release(&s);
    unload();
}

/* A session of one does not say where that was. */
static void test_several_after_one(void **state)
{
    (void)state;
    struct saved_state s;
    struct dict_set now;
    state_init(&s);
    s.has_units = true;
    s.sliders.unit[s.sliders.n++] = (struct chosen_unit){{0, 9}, true, 1};
    four_places(&now);
    load(&s, &now);
    assert_int_equal(shell.sh.sliders.n, 0);
    assert_string_equal(shell.sh.message, "1 latent of dictionaries that are not open: left out");
    state_release(&s);
    unload();
}

static void test_one_as_ever(void **state)
{
    (void)state;
    struct saved_state s, kept;
    struct dict_set now = {0};
    state_init(&s);
    s.has_units = true;
    s.sliders.unit[s.sliders.n++] = (struct chosen_unit){{0, 9}, true, 1};
    s.sliders.unit[s.sliders.n++] = (struct chosen_unit){{0, M}, true, 1};
    place(&now, 3, SITE_MLP_ACT, false);
    load(&s, &now);
    assert_int_equal(shell.sh.sliders.n, 1);
    expect_slider(0, 0, 9);
    assert_string_equal(shell.sh.message, "1 latent beyond the 3072 there are: left out");
    assert_false(shell.sh.state_changed);
    shell_look(&shell, &kept);
    assert_int_equal(kept.dicts.n, 0);
    state_release(&kept);
    state_release(&s);
    unload();
}

/* What was noted before means other places: the journal begins anew, and reads back. */
static void test_a_journal_of_other_places(void **state)
{
    (void)state;
    struct kept *k;
    struct kept_start start;
    struct error e = {0};
    struct saved_state s, now;
    struct history h;
    char *home = testdata_folder();
    setenv("XDG_STATE_HOME", home, 1);
    assert_true(kept_take(NULL, &k, &start, &e));
    state_of_four(&s);
    steps(&h);
    assert_true(kept_save(k, &s, &h, &e));
    state_copy_look(&s, &now);
    dict_set_release(&now.dicts);
    place(&now.dicts, 3, SITE_MLP_ACT, false);
    place(&now.dicts, 3, SITE_RESID_POST, false);
    now.sliders = (struct sliders){.n = 1};
    now.sliders.unit[0] = (struct chosen_unit){{1, 7}, true, 1};
    now.unit = UNIT_NONE;
    kept_look(k, &now);
    assert_false(kept_append(k)); /* not by adding */
    now.text = strdup("en to");
    now.n_text = strlen(now.text);
    history_move_units(&h, (const int32_t[]){-1, -1, 0, 1}, 4);
    history_drop_sliders(&h, (const int32_t[]){M, M}, 2);
    assert_true(kept_save(k, &now, &h, &e));
    struct sliders more = now.sliders;
    more.unit[0].value = 2;
    h.note = note_into;
    h.note_arg = k;
    history_sliders(&h, &now.sliders, &more, false);
    assert_true(kept_append(k));
    kept_release(k);
    history_release(&h);
    history_release(&start.history);
    state_release(&start.state);
    assert_true(kept_take(NULL, &k, &start, &e));
    assert_true(dict_set_same(&start.state.dicts, &now.dicts));
    assert_string_equal(start.state.text, "en to");
    assert_int_equal(start.history.n, 2);
    assert_true(sliders_equal(&start.state.sliders, &more));
    assert_true(
        unit_same(start.history.change[0].sliders->after.unit[0].id, (struct unit_id){0, 9}));
    kept_release(k);
    history_release(&start.history);
    state_release(&start.state);
    state_release(&now);
    state_release(&s);
    testdata_remove(home);
}

static int setup(void **state)
{
    (void)state;
    fixture_init(&f, "en", DEPTH_256, false, 80, 24);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fixture_release(&f);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_same_set),
        cmocka_unit_test(test_some_are_elsewhere),
        cmocka_unit_test(test_one_of_several),
        cmocka_unit_test(test_another_kind),
        cmocka_unit_test(test_several_after_one),
        cmocka_unit_test(test_one_as_ever),
        cmocka_unit_test(test_a_journal_of_other_places),
    };
    return cmocka_run_group_tests_name("units of an earlier session", tests, setup, teardown);
}

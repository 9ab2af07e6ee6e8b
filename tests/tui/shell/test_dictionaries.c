/* Which dictionary of several is listed: by key and by name, taken back, followed by the colour, by
 * what is asked, by numbers that name no place; kept in the session. */
#include "tests/support/explore_fixture.h"
#include "tests/support/testdata.h"
#include "tui/shell/export.h"
#include "tui/shell/shell_private.h"
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
static uint64_t n_asked;
static struct request asked;

static uint64_t ask(void *arg, const struct request *r)
{
    (void)arg;
    request_release(&asked);
    request_copy(&asked, r);
    return ++n_asked;
}

static bool no_job(void *arg, uint64_t id, struct job *out)
{
    (void)arg;
    (void)id;
    (void)out;
    return false;
}

/* Latents of the MLP of layer 1, neurons of layer 3's, latents of the stream behind layer 5. */
static void begin(const struct saved_state *s)
{
    static const struct {
        int16_t layer;
        enum site site;
        bool neurons;
    } of[] = {{1, SITE_MLP_ACT, false}, {3, SITE_MLP_ACT, true}, {5, SITE_RESID_POST, false}};
    static const struct options options;
    fixture_init(&f, "en to", DEPTH_256, false, 100, 30);
    wb = f.wb;
    wb.bundle_is_ours = false;
    wb.n_chosen = 0;
    wb.dicts = (struct dict_set){0};
    for (int i = 0; i < 3; i++) {
        struct point at = {of[i].layer, (uint8_t)of[i].site};
        struct dict *d = dict_neurons(at, M);
        struct error e = {0};
        assert_true(dict_set_add(&wb.dicts, d, at, &e));
        ((struct dict_spec *)(uintptr_t)dict_spec(d))->identity = of[i].neurons;
        wb.dicts.place[i].neurons = of[i].neurons;
    }
    wb.dict = wb.dicts.place[0].dict;
    n_asked = 0;
    request_init(&asked, &lens_query);
    shell_init(&shell, &options, s);
    shell_theme(&shell, f.theme);
    shell_resize(&shell, 100, 30);
    shell_host(&shell, &(struct job_host){.ask = ask, .job = no_job});
    shell_loaded(&shell, &wb);
}

static void end(void)
{
    shell_release(&shell);
    request_release(&asked);
    dict_set_release(&wb.dicts);
    fixture_release(&f);
}

static void key(const char *name)
{
    struct event e = {.kind = EVENT_TEXT, .code = (unsigned char)name[0]};
    if (strcmp(name, "Esc") == 0)
        e = (struct event){.kind = EVENT_KEY, .key = KEYS_ESC};
    shell_event(&shell, &e);
}

static void run(const char *line)
{
    assert_true(shell_command(&shell, line));
}

static int32_t wished(void)
{
    struct wish w;
    shell_wish(&shell, &w);
    return w.dict;
}

static void expect_title(const char *has)
{
    if (!strstr(shell.title, has))
        fail_msg("%s is not in the title: %s", has, shell.title);
}

static void test_by_key_and_back(void **state)
{
    (void)state;
    begin(NULL);
    expect_title("mlp_1 (1 of 3) · 3072 latents");
    assert_int_equal(wished(), 0);
    key("Esc");
    key("D");
    assert_int_equal(wished(), 1);
    assert_true(shell.sh.state_changed);
    expect_title("mlp_3 (2 of 3) · 3072 neurons");
    assert_string_equal(shell.sh.message, "mlp_3 (2 of 3)");
    key("D");
    key("D");
    assert_int_equal(wished(), 0);
    key("u");
    assert_int_equal(wished(), 2);
    expect_title("resid_5 (3 of 3)");
    key("u");
    assert_int_equal(wished(), 1);
    end();
}

static void test_by_name(void **state)
{
    (void)state;
    struct shell_command c;
    begin(NULL);
    run("dict resid_5");
    assert_int_equal(wished(), 2);
    run("dict layers.3.mlp.act");
    assert_int_equal(wished(), 1);
    run("dict attn_2");
    assert_int_equal(wished(), 1);
    assert_string_equal(shell.sh.message,
                        "found attn_2, expected a dictionary that there is: mlp_1, mlp_3, resid_5");
    assert_false(shell_command(&shell, "dict"));
    assert_true(shell_command_named(&shell, "dict", 4, &c)); /* Tab offers their names */
    assert_string_equal(c.values[0], "mlp_1");
    assert_string_equal(c.values[2], "resid_5");
    assert_null(c.values[3]);
    end();
}

/* A number alone is of the dictionary listed. */
static void test_numbers(void **state)
{
    (void)state;
    begin(NULL);
    run("dict resid_5");
    run("fix 418=2,mlp_1/418=-1");
    assert_int_equal(shell.sh.sliders.n, 2);
    assert_true(unit_same(shell.sh.sliders.unit[0].id, (struct unit_id){2, 418}));
    assert_true(unit_same(shell.sh.sliders.unit[1].id, (struct unit_id){0, 418}));
    run("unit 7");
    assert_true(unit_same(shell.sh.colour_unit, (struct unit_id){2, 7}));
    run("fix 3072=1");
    assert_string_equal(shell.sh.message, "found unit resid_5/3072, expected 0 to 3071");
    run("free 418");
    assert_false(shell.sh.sliders.unit[0].fixed);
    assert_true(shell.sh.sliders.unit[1].fixed);
    end();
}

/* What coloured the text while a dictionary was listed colours it again; the first time its first
 * slider does. All of them together, and units of a third one, stay. */
static void test_the_colour_follows(void **state)
{
    (void)state;
    begin(NULL);
    run("fix mlp_1/9=1,resid_5/4=1,resid_5/8=1");
    run("unit mlp_1/9");
    run("dict resid_5");
    assert_true(unit_same(shell.sh.colour_unit, (struct unit_id){2, 4}));
    run("unit 8");
    run("dict mlp_1");
    assert_true(unit_same(shell.sh.colour_unit, (struct unit_id){0, 9}));
    run("dict resid_5");
    assert_true(unit_same(shell.sh.colour_unit, (struct unit_id){2, 8}));
    run("dict mlp_3");
    assert_true(unit_same(shell.sh.colour_unit, (struct unit_id){2, 8})); /* it has no slider */
    run("unit all");
    run("dict mlp_1");
    assert_true(unit_same(shell.sh.colour_unit, UNIT_ALL));
    end();
}

static void expect_asked(const struct query *q, const char *dict)
{
    assert_ptr_equal(asked.query, q);
    assert_string_equal(params_text(&asked.params, "dict"), dict);
}

static void test_what_is_asked(void **state)
{
    (void)state;
    begin(NULL);
    key("Esc");
    expect_asked(&latents_query, "mlp_1"); /* their shares */
    assert_true(asked.only_kept);
    key("D");
    expect_asked(&latents_query, "mlp_3");
    key("H");
    expect_asked(&latents_query, "mlp_3");
    assert_false(asked.only_kept);
    key("2");
    key("D");
    expect_asked(&latents_query, "resid_5");
    key("P");
    expect_asked(&proof_query, "resid_5");
    end();
}

static void test_a_session_keeps_it(void **state)
{
    (void)state;
    struct saved_state s;
    struct error e = {0};
    begin(NULL);
    run("dict resid_5");
    shell_save(&shell, &s);
    end();
    char *json = state_print(&s);
    state_release(&s);
    assert_non_null(strstr(json, "\"dictionary\":\"layers.5.resid.post\""));
    assert_true(state_parse(json, strlen(json), &s, &e));
    begin(&s);
    assert_int_equal(wished(), 2);
    expect_title("resid_5 (3 of 3)");
    end();
    state_release(&s);
    free(json);
}

static struct insertion in_force(void)
{
    struct wish w;
    shell_wish(&shell, &w);
    return w.insert;
}

/* What is inserted, said of the places one by one. */
static void test_insertions(void **state)
{
    (void)state;
    struct strbuf line;
    strbuf_init(&line);
    begin(NULL);
    run("insert resid_5=error,mlp_1=sae");
    const struct insertion apart = {.sae = 1, .error = 4};
    assert_true(insertion_same(in_force(), apart));
    export_command(&shell, &(struct options){0}, &line);
    assert_non_null(strstr(line.s, " --insert mlp_1=sae,resid_5=error"));
    strbuf_release(&line);
    run("insert mlp_3=sae");
    assert_string_equal(shell.sh.message,
                        "found mlp_3, which are neurons, expected the place of an SAE");
    assert_false(shell_command(&shell, "insert resid_5"));
    assert_true(insertion_same(in_force(), apart));
    /* nothing can be fixed where nothing is inserted */
    run("insert resid_5=error");
    assert_true(insertion_same(in_force(), (struct insertion){.error = 4}));
    run("fix mlp_1/9=1,mlp_3/7=1");
    assert_int_equal(insertion_at(in_force(), 0), INSERT_SAE);
    assert_int_equal(insertion_at(in_force(), 2), INSERT_ERROR);
    run("free all");
    key("Esc");
    key("I");
    assert_true(insertion_same(in_force(), insertion_of(INSERT_NONE)));
    key("I");
    assert_true(insertion_same(in_force(), insertion_of(INSERT_SAE)));
    run("insert mlp_1=error,resid_5=error"); /* one word for both */
    assert_true(insertion_same(shell.sh.sliders.insert, insertion_of(INSERT_ERROR)));
    key("u");
    assert_true(insertion_same(in_force(), insertion_of(INSERT_SAE)));
    end();
}

/* It moves with its dictionary to where that is at the next start. */
static void test_insertions_of_a_session(void **state)
{
    (void)state;
    struct saved_state s;
    struct error e = {0};
    static const char json[] =
        "{\"glimt_state\":1,\"dictionaries\":[\"layers.0.mlp.out\",\"layers.1.mlp.act\","
        "\"layers.5.resid.post\"],\"insert\":{\"mlp_0\":\"sae\",\"resid_5\":\"error\"}}";
    assert_true(state_parse(json, strlen(json), &s, &e));
    begin(&s);
    assert_true(insertion_same(in_force(), (struct insertion){.error = 4}));
    state_release(&s);
    shell_save(&shell, &s);
    end();
    char *again = state_print(&s);
    assert_non_null(strstr(again, "\"insert\":{\"resid_5\":\"error\"}"));
    free(again);
    state_release(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_key_and_back), cmocka_unit_test(test_by_name),
        cmocka_unit_test(test_numbers),         cmocka_unit_test(test_the_colour_follows),
        cmocka_unit_test(test_what_is_asked),   cmocka_unit_test(test_a_session_keeps_it),
        cmocka_unit_test(test_insertions),      cmocka_unit_test(test_insertions_of_a_session),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The state of a session: printed, read back, refused, kept in its file. */
#include "engine/base/memory.h"
#include "tests/support/testdata.h"
#include "tests/support/unit.h"
#include "tui/kept.h"
#include "tui/state.h"
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static bool parse(const char *json, struct saved_state *s, struct error *e)
{
    *e = (struct error){0};
    return state_parse(json, strlen(json), s, e);
}

static void test_whole(void **state)
{
    (void)state;
    struct saved_state s;
    struct error e;
    assert_true(parse("{\"glimt_state\":1,\"model\":\"EleutherAI/"
                      "pythia-70m\",\"sae\":\"x.pt\",\"hook\":\"layers.3.mlp.act\","
                      "\"text\":\"R\\u00e5d\\nto\",\"cursor\":4,\"view\":\"explore\",\"colour\":"
                      "\"delta\",\"unit\":1482,"
                      "\"latents\":[1482,77],\"fixed\":{\"1482\":2.0,\"5\":-1.5},\"insert\":"
                      "\"error\",\"context\":\"join\","
                      "\"theme\":\"light\",\"special\":true,\"tl_weights\":true,\"unknown\":[1]}",
                      &s, &e));
    assert_string_equal(s.text, "Råd\nto");
    assert_int_equal(s.n_text, strlen("Råd\nto"));
    assert_int_equal(s.cursor, 4);
    assert_string_equal(s.colour, "delta");
    assert_true(s.has_unit && unit_same(s.unit, UNIT(1482)));
    assert_int_equal(s.sliders.n, 3);
    assert_int_equal(s.sliders.unit[1].id.index, 77);
    assert_false(s.sliders.unit[1].fixed);
    assert_true(s.sliders.unit[2].fixed && s.sliders.unit[2].value == -1.5f);
    assert_true(insertion_same(s.sliders.insert, insertion_of(INSERT_ERROR)));
    assert_true(s.sliders.join && s.sliders.special && s.has_insert && s.tl_weights);
    char *again = state_print(&s);
    struct saved_state t;
    assert_true(parse(again, &t, &e));
    char *third = state_print(&t);
    assert_string_equal(again, third);
    assert_null(strchr(again, '\n'));
    free(again);
    free(third);
    state_release(&s);
    state_release(&t);
}

/* Several SAEs; the hook of the first stands where it always stood. */
static void test_several_saes(void **state)
{
    (void)state;
    static const char json[] =
        "{\"glimt_state\":1,\"sae\":[\"a.pt\",{\"path\":\"b.pt\",\"hook\":\"layers.3.resid.post\"},"
        "\"c.pt\"],\"hook\":\"layers.1.mlp.act\",\"view\":\"explore\",\"dictionaries\":"
        "[\"layers.1.mlp.act\",{\"neurons\":\"layers.2.mlp.act\"},\"layers.3.resid.post\"],"
        "\"dictionary\":\"layers.3.resid.post\",\"latents\":null,\"fixed\":{},\"context\":"
        "\"line\"}";
    struct saved_state s, look;
    struct error e;
    assert_true(parse(json, &s, &e));
    assert_string_equal(s.sae, "a.pt");
    assert_string_equal(s.hook, "layers.1.mlp.act");
    assert_int_equal(s.n_more, 2);
    assert_string_equal(s.more[0].path, "b.pt");
    assert_string_equal(s.more[0].hook, "layers.3.resid.post");
    assert_string_equal(s.more[1].path, "c.pt");
    assert_null(s.more[1].hook);
    assert_int_equal(s.sliders.dict, 2);
    char *again = state_print(&s);
    assert_string_equal(again, json);
    free(again);
    state_copy_look(&s, &look);
    assert_true(state_same_look(&s, &look));
    look.more[1].path[0] = 'd';
    assert_false(state_same_look(&s, &look));
    state_release(&look);
    state_release(&s);
    assert_true(parse("{\"glimt_state\":1,\"sae\":[{\"path\":\"a\",\"hook\":\"h\"}]}", &s, &e));
    assert_string_equal(s.sae, "a");
    assert_string_equal(s.hook, "h");
    state_release(&s);
}

/* What is inserted at places one by one. */
static void test_insertions(void **state)
{
    (void)state;
#define SET                                                                                        \
    "{\"glimt_state\":1,\"view\":\"explore\",\"dictionaries\":[\"layers.1.mlp.act\","              \
    "{\"neurons\":\"layers.2.mlp.act\"},\"layers.3.resid.post\"],\"dictionary\":\"layers.1.mlp."   \
    "act"                                                                                          \
    "\",\"latents\":null,\"fixed\":{},\"insert\":"
    static const char *const wrong[] = {"{\"mlp_1\":1}",
                                        "{\"mlp_1\":\"both\"}",
                                        "{\"mlp_2\":\"sae\"}",
                                        "{\"mlp_7\":\"sae\"}",
                                        "\"mlp_1=sae\"",
                                        "[\"sae\"]",
                                        "{\"mlp_1\":\"mlp_1=sae\"}"};
    static const char json[] =
        SET "{\"mlp_1\":\"error\",\"resid_3\":\"sae\"},\"context\":\"line\"}";
    struct saved_state s;
    struct error e;
    assert_true(parse(json, &s, &e));
    assert_true(s.has_insert);
    assert_true(insertion_same(s.sliders.insert, (struct insertion){.sae = 4, .error = 1}));
    char *again = state_print(&s);
    assert_string_equal(again, json);
    free(again);
    state_release(&s);
    assert_true(parse(SET "{\"resid_3\":\"sae\",\"mlp_1\":\"sae\"}}", &s, &e));
    assert_true(insertion_same(s.sliders.insert, insertion_of(INSERT_SAE)));
    state_release(&s);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char text[400];
        snprintf(text, sizeof text, SET "%s}", wrong[i]);
        assert_false(parse(text, &s, &e));
        assert_non_null(strstr(e.text, "\"insert\" is not none, sae or error"));
        state_release(&s);
    }
#undef SET
}

static void test_absent_is_default(void **state)
{
    (void)state;
    struct saved_state s;
    struct error e;
    assert_true(parse("{\"glimt_state\":1}", &s, &e));
    assert_null(s.text);
    assert_null(s.model);
    assert_false(s.sliders.special || s.tl_weights);
    assert_false(parse("{\"glimt_state\":1,\"special\":\"on\"}", &s, &e));
    assert_false(parse("{\"glimt_state\":1,\"tl_weights\":1}", &s, &e));
    assert_non_null(strstr(e.text, "tl_weights"));
    assert_false(s.has_units || s.has_unit || s.has_insert);
    assert_int_equal(s.sliders.n, 0);
    state_release(&s);
    assert_true(parse("{\"glimt_state\":1,\"unit\":\"all\",\"neurons\":[3]}", &s, &e));
    assert_true(s.has_unit && unit_same(s.unit, UNIT_NONE) && s.neurons && s.has_units);
    state_release(&s);
}

static void test_at_most_so_many_units(void **state)
{
    (void)state;
    char json[8 * UNITS_MAX + 64];
    for (int n = UNITS_MAX; n <= UNITS_MAX + 1; n++) {
        struct saved_state s;
        struct error e = {0};
        size_t at = (size_t)snprintf(json, sizeof json, "{\"glimt_state\":1,\"latents\":[0");
        for (int i = 1; i < n; i++)
            at += (size_t)snprintf(json + at, sizeof json - at, ",%d", i);
        snprintf(json + at, sizeof json - at, "]}");
        assert_int_equal(parse(json, &s, &e), n == UNITS_MAX);
        if (n == UNITS_MAX)
            assert_int_equal(s.sliders.n, UNITS_MAX);
        else
            assert_string_equal(e.text,
                                "state: \"latents\" is no list, or one of more than 256 units");
        state_release(&s);
    }
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *json, *why;
    } cases[] = {
        {"", "no JSON"},
        {"[1]", "glimt_state"},
        {"{}", "glimt_state"},
        {"{\"glimt_state\":2}", "version 2"},
        {"{\"glimt_state\":0}", "version 0"},
        {"{\"glimt_state\":1,\"text\":5}", "text"},
        {"{\"glimt_state\":1,\"cursor\":-1}", "cursor"},
        {"{\"glimt_state\":1,\"unit\":\"most\"}", "unit"},
        {"{\"glimt_state\":1,\"latents\":[-1]}", "latents"},
        {"{\"glimt_state\":1,\"fixed\":{\"x\":1}}", "fixed"},
        {"{\"glimt_state\":1,\"fixed\":{\"1\":\"a\"}}", "fixed"},
        {"{\"glimt_state\":1,\"colour\":\"red\"}", "colour"},
        {"{\"glimt_state\":1,\"insert\":1}", "insert"},
        {"{\"glimt_state\":1,\"sae\":[1]}", "sae"},
        {"{\"glimt_state\":1,\"sae\":[\"a\",{\"hook\":\"x\"}]}", "sae"},
        {"{\"glimt_state\":1,\"dictionary\":\"layers.1.mlp.act\"}", "dictionary"},
        {"{\"glimt_state\":1", "no JSON"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct saved_state s;
        struct error e;
        assert_false(parse(cases[i].json, &s, &e));
        assert_int_equal(e.kind, ERROR_INPUT);
        if (!strstr(e.text, cases[i].why))
            fail_msg("%s: %s", cases[i].json, e.text);
        state_release(&s);
    }
}

static void test_file(void **state)
{
    (void)state;
    char *dir = testdata_folder(), path[512];
    snprintf(path, sizeof path, "%s/state/glimt/session.json", dir);
    struct saved_state s, t;
    struct error e = {0};
    state_init(&s);
    assert_false(state_load(path, &t, &e)); /* none yet: no error */
    assert_false(error_is_set(&e));
    s.text = strdup("æøå");
    s.n_text = strlen(s.text);
    assert_true(state_save(path, &s, &e));
    assert_true(state_load(path, &t, &e));
    assert_string_equal(t.text, "æøå");
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600); /* what was typed is nobody else's */
    state_release(&s);
    state_release(&t);
    testdata_remove(dir);
}

static void test_corrupt_file_is_set_aside(void **state)
{
    (void)state;
    char *dir = testdata_folder(), *path = testdata_write(dir, "session.json", "{\"glimt_st", 10),
         bad[512];
    struct saved_state s;
    struct error e = {0};
    assert_false(state_load(path, &s, &e));
    assert_non_null(strstr(e.text, "set aside"));
    snprintf(bad, sizeof bad, "%s.bad", path);
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(access(bad, F_OK), 0);
    free(path);
    testdata_remove(dir);
}

static void test_a_full_disk_leaves_the_old_file(void **state)
{
    (void)state;
    struct saved_state s;
    struct error e = {0};
    state_init(&s);
    assert_false(state_save("/proc/glimt/session.json", &s, &e));
    assert_int_equal(e.kind, ERROR_SYSTEM);
}

/* What is there is read; what can't be written says which folder, and that it is a permission. */
static void test_a_folder_that_can_not_be_written(void **state)
{
    (void)state;
    char *dir = testdata_folder(), *inside = xasprintf("%s/glimt", dir),
         *path = xasprintf("%s/session.json", inside), want[300];
    struct saved_state s, t;
    struct kept_start start;
    struct history h;
    struct kept *k;
    struct error e = {0};
    state_init(&s);
    s.text = xstrdup("før");
    s.n_text = strlen(s.text);
    assert_int_equal(chmod(dir, 0555), 0);
    testdata_as_nobody(true);
    assert_false(state_save(path, &s, &e));
    snprintf(want, sizeof want,
             "saving the session: the folder %s can't be made: Permission denied", inside);
    assert_string_equal(e.text, want);
    testdata_as_nobody(false);
    assert_int_equal(chmod(dir, 0755), 0);
    e = (struct error){0};
    assert_true(state_save(path, &s, &e));
    assert_int_equal(chmod(path, 0644), 0);
    assert_int_equal(chmod(inside, 0555), 0);
    setenv("XDG_STATE_HOME", dir, 1);
    testdata_as_nobody(true);
    assert_true(kept_take(NULL, &k, &start, &e));
    assert_true(start.restored);
    assert_string_equal(start.state.text, "før");
    state_copy_look(&start.state, &t);
    t.text = xstrdup("nu");
    t.n_text = 2;
    t.unit = (struct unit_id){0, 5};
    history_init(&h);
    kept_look(k, &t);
    assert_false(kept_save(k, &t, &h, &e));
    snprintf(want, sizeof want,
             "saving the session: the folder %s can't be written: Permission denied", inside);
    assert_string_equal(e.text, want);
    assert_true(kept_unsaved(k)); /* at the end it is put elsewhere */
    kept_release(k);
    testdata_as_nobody(false);
    assert_int_equal(chmod(inside, 0755), 0);
    history_release(&h);
    history_release(&start.history);
    state_release(&start.state);
    state_release(&s);
    state_release(&t);
    free(path);
    free(inside);
    testdata_remove(dir);
}

static void test_path(void **state)
{
    (void)state;
    setenv("XDG_STATE_HOME", "/x", 1);
    char *p = state_path();
    assert_string_equal(p, "/x/glimt/session.json");
    free(p);
    setenv("XDG_STATE_HOME", "relative", 1); /* the XDG specification: to be ignored */
    setenv("HOME", "/home/u", 1);
    p = state_path();
    assert_string_equal(p, "/home/u/.local/state/glimt/session.json");
    free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),
        cmocka_unit_test(test_several_saes),
        cmocka_unit_test(test_insertions),
        cmocka_unit_test(test_absent_is_default),
        cmocka_unit_test(test_at_most_so_many_units),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_file),
        cmocka_unit_test(test_corrupt_file_is_set_aside),
        cmocka_unit_test(test_a_full_disk_leaves_the_old_file),
        cmocka_unit_test(test_a_folder_that_can_not_be_written),
        cmocka_unit_test(test_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Models in the Hugging Face cache, found by name and listed. */
#include "engine/base/memory.h"
#include "tests/support/journey.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The demo's model as E/demo in two revisions, one of them without weights. */
static const char make_cache[] =
    "cd \"$1\"; here=$0; mkdir -p hf/hub/models--E--demo/{refs/refs/pr,blobs}; cd "
    "hf/hub/models--E--demo;"
    "for f in config.json tokenizer.json model.safetensors; do"
    "  cp \"$here/store/demo/model/$f\" blobs/b-$f;"
    "  for c in aaaa bbbb; do mkdir -p snapshots/$c; ln -s ../../blobs/b-$f snapshots/$c/$f; done;"
    "done; rm snapshots/bbbb/model.safetensors;"
    "printf aaaa >refs/main; printf bbbb >refs/refs/pr/1; printf aaaa >refs/step3000";

static char *home; /* for the life of the program */
static const char *env[] = {NULL, "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "XDG_CACHE_HOME", NULL};
static const struct run_how in_hub = {.env = env};

static void begin(void)
{
    if (home)
        return;
    need_demo();
    struct run_result r;
    char *cwd = realpath(".", NULL);
    const char *const argv[] = {"bash", "--norc", "-c", make_cache, cwd, scratch_path("."), NULL};
    run_program(&r, NULL, argv);
    expect_done(&r);
    run_release(&r);
    free(cwd);
    home = xasprintf("HF_HOME=%s", scratch_path("hf"));
    env[0] = home;
}

static void expect_row(const json_t *rows, size_t i, const char *model, bool opens, const char *why)
{
    const json_t *row = json_array_get(rows, i);
    assert_string_equal(get_string(row, "model"), model);
    assert_string_equal(get_string(row, "architecture"), "gpt_neox");
    assert_int_equal(get_whole(row, "layers"), 4);
    assert_int_equal(get_whole(row, "d_model"), 256);
    assert_int_equal(json_is_true(json_object_get(row, "opens")), opens);
    if (why)
        assert_non_null(strstr(get_string(row, "why"), why));
    else
        assert_true(json_is_null(json_object_get(row, "why")));
}

static void test_models_are_listed(void **state)
{
    (void)state;
    begin();
    json_t *root = JSON_OF(&in_hub, "models"), *rows = get_list(root, "rows");
    assert_int_equal(json_array_size(rows), 3);
    expect_row(rows, 0, "E/demo", true, NULL);
    expect_row(rows, 1, "E/demo@refs/pr/1", false, "model.safetensors");
    expect_row(rows, 2, "E/demo@step3000", true, NULL);
    assert_string_equal(get_string(json_array_get(rows, 2), "revision"), "step3000");
    assert_string_equal(get_string(json_array_get(rows, 2), "commit"), "aaaa");
    json_decref(root);
    struct run_result r;
    run_glimt(&r, &in_hub, "models", NULL);
    expect_done(&r);
    assert_non_null(strstr(r.out, "\nE/demo@step3000 "));
    run_release(&r);
    run_glimt(&r, &in_hub, "models", "--csv", NULL);
    expect_done(&r);
    assert_non_null(strstr(r.out, "\nE/demo@step3000,gpt_neox,4,256,"));
    run_release(&r);
    run_glimt(&r, NULL, "models", NULL);
    expect_done(&r);
    assert_int_equal(strncmp(r.out, "no models in the Hugging Face cache (", 37), 0);
    run_release(&r);
}

/* The ones that open do, under the name of the list. */
static void test_what_the_list_says_holds(void **state)
{
    (void)state;
    begin();
    struct run_result r;
    json_t *a = JSON_OF(&in_hub, "verify", "--model", "E/demo@step3000"),
           *b = JSON_OF(NULL, "verify", "--model", "store/demo/model");
    assert_true(json_equal(json_object_get(a, "lines"), json_object_get(b, "lines")));
    json_decref(a);
    json_decref(b);
    run_glimt(&r, &in_hub, "verify", "--model", "E/demo@refs/pr/1", NULL);
    expect_error(&r, 2, "found neither model.safetensors");
    run_release(&r);
    run_glimt(&r, &in_hub, "verify", "--model", "E/demo@v2", NULL);
    expect_error(&r, 2, "models--E--demo/snapshots/v2");
    run_release(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_models_are_listed),
        cmocka_unit_test(test_what_the_list_says_holds),
    };
    return cmocka_run_group_tests_name("hub", tests, journey_begin, journey_end);
}

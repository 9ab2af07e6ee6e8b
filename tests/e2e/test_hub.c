/* Models in the Hugging Face cache, found by name and listed. */
#include "engine/base/memory.h"
#include "tests/support/http_server.h"
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

/* ---- saes */

/* Two repositories of SAEs, of which the second names another model, and one that says which by its
 * name alone. */
static const char make_saes[] =
    "cd \"$1\"; from=$0/tests/golden/dict/formats/saelens/topk;"
    "for r in a:pythia-70m-deduped b:gpt2-small; do"
    "  d=hf/hub/models--S--${r%:*}/snapshots/cccc/layer_3; mkdir -p $d;"
    "  mkdir hf/hub/models--S--${r%:*}/refs; printf cccc >hf/hub/models--S--${r%:*}/refs/main;"
    "  cp \"$from\"/sae_weights.safetensors $d;"
    "  sed \"s/pythia-70m-deduped/${r#*:}/\" \"$from\"/cfg.json >$d/cfg.json;"
    "  cp \"$0\"/README.md $d/sparsity.safetensors; done;"
    "g=gemma-scope-2b-pt-res; d=hf/hub/models--google--$g; at=layer_2/width_16k/average_l0_9;"
    "mkdir -p $d/refs $d/snapshots/cccc/$at; printf cccc >$d/refs/main;"
    "cp \"$0\"/tests/golden/dict/formats/gemma/$g/$at/params.npz $d/snapshots/cccc/$at;"
    "cp \"$0\"/README.md $d/snapshots/cccc/of-no-sae.pt;"
    "mkdir own; cp \"$from\"/sae_weights.safetensors own/alone.safetensors;"
    "cp \"$0\"/store/demo/sae.safetensors own; cp \"$0\"/README.md own/model.safetensors";

static void expect_saes(const char *model, const char *folder, const char *const *ends)
{
    json_t *root = json_of(&in_hub, "saes", model, folder ? folder : "--json", "--json", NULL),
           *rows = get_list(root, "rows");
    size_t n = 0;
    for (; ends[n]; n++) {
        const char *path = get_string(json_array_get(rows, n), "sae");
        if (!path || !strstr(path, ends[n]))
            fail_msg("saes %s: row %zu is %s, expected …%s", model, n, path, ends[n]);
    }
    assert_int_equal(json_array_size(rows), n);
    json_decref(root);
}

static void test_saes_are_found(void **state)
{
    (void)state;
    begin();
    struct run_result r;
    char *cwd = realpath(".", NULL);
    const char *const argv[] = {"bash", "--norc", "-c", make_saes, cwd, scratch_path("."), NULL};
    run_program(&r, NULL, argv);
    expect_done(&r);
    run_release(&r);
    free(cwd);
    json_t *root = JSON_OF(&in_hub, "saes", "EleutherAI/pythia-70m-deduped@step3000");
    const json_t *row = json_array_get(get_list(root, "rows"), 0);
    assert_int_equal(json_array_size(get_list(root, "rows")), 1);
    assert_string_equal(get_string(row, "repository"), "S/a");
    assert_string_equal(get_string(row, "hook"), "layers.3.mlp.out");
    assert_string_equal(get_string(row, "select"), "topk");
    assert_int_equal(get_whole(row, "k"), 20);
    assert_int_equal(get_whole(row, "d_in"), 12);
    assert_int_equal(get_whole(row, "d_sae"), 40);
    assert_true(json_is_true(json_object_get(row, "opens")));
    json_decref(root);
    expect_saes("gpt2", NULL,
                (const char *const[]){"S--b/snapshots/cccc/layer_3/sae_weights.safetensors", NULL});
    expect_saes("E/demo", NULL, (const char *const[]){NULL});
    expect_saes("google/gemma-2-2b", NULL,
                (const char *const[]){
                    "-res/snapshots/cccc/layer_2/width_16k/average_l0_9/params.npz", NULL});
    expect_saes("google/gemma-2-2b-it", NULL, (const char *const[]){NULL});
    run_glimt(&r, &in_hub, "convert",
              "google/gemma-scope-2b-pt-res@main:layer_2/width_16k/average_l0_9/params.npz", "--to",
              "saelens", "--output", scratch_path("as-saelens"), NULL);
    expect_done(&r);
    assert_non_null(strstr(r.out, "40 latents of width 12, from gemma-scope to saelens"));
    run_release(&r);
    /* in a folder all of them, whether they open or not */
    expect_saes("E/demo", scratch_path("own"),
                (const char *const[]){"own/alone.safetensors", "own/sae.safetensors", NULL});
    run_glimt(&r, &in_hub, "saes", "E/demo", scratch_path("own"), "--csv", NULL);
    expect_done(&r);
    assert_non_null(strstr(r.out, "alone.safetensors,,,,,,,false,"));
    assert_non_null(
        strstr(r.out, "sae.safetensors,glimt-sae 1,layers.1.attn.out,topk,10,256,1024,true,,\n"));
    run_release(&r);
    run_glimt(&r, &in_hub, "saes", "E/demo", NULL);
    expect_done(&r);
    assert_string_equal(r.out, "no SAEs whose configuration or repository names E/demo\n");
    run_release(&r);
    run_glimt(&r, &in_hub, "saes", "E/demo", "/nowhere", NULL);
    expect_error(&r, 2, "reading the folder /nowhere: No such file");
    run_release(&r);
    /* what is told of it is what it is opened as */
    root = JSON_OF(&in_hub, "analyze", "--model", "E/demo", "--sae",
                   scratch_path("own/sae.safetensors"), "Hej");
    assert_int_equal(get_whole(json_object_get(root, "sae"), "d_sae"), 1024);
    json_decref(root);
}

/* ---- pull */
#define COMMIT "0123456789abcdef0123456789abcdef01234567"
#define FILES "/E/fetched/resolve/" COMMIT "/"

static char *read_demo(const char *name, size_t *n)
{
    char path[256], *p = NULL;
    snprintf(path, sizeof path, "store/demo/model/%s", name);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    fseek(f, 0, SEEK_END);
    *n = (size_t)ftell(f);
    rewind(f);
    p = malloc(*n + 1);
    assert_int_equal(fread(p, 1, *n, f), *n);
    fclose(f);
    return p;
}

/* Interrupted in the middle of the weights, taken up again, opened by its name. */
static void test_pull(void **state)
{
    (void)state;
    begin();
    static const char list[] =
        "{\"sha\":\"" COMMIT "\",\"siblings\":[{\"rfilename\":\"config.json\",\"size\":458},{"
        "\"rfilename\":\"tokenizer.json\",\"size\":405126},{\"rfilename\":\"model.safetensors\","
        "\"size\":12616304}]}";
    struct http_page page[] = {
        {.path = "/api/models/E/fetched/revision/v1", .body = list, .n = sizeof list - 1},
        {.path = FILES "config.json", .headers = "ETag: \"a-config\"\r\n"},
        {.path = FILES "tokenizer.json", .headers = "ETag: \"a-tokenizer\"\r\n"},
        {.path = FILES "model.safetensors",
         .headers = "ETag: \"weights\"\r\n",
         .cut = 5000000,
         .stall = 1}};
    char *body[] = {read_demo("config.json", &page[1].n), read_demo("tokenizer.json", &page[2].n),
                    read_demo("model.safetensors", &page[3].n)};
    for (size_t i = 0; i < 3; i++)
        page[i + 1].body = body[i];
    struct http_server *server = http_server_start(page, sizeof page / sizeof *page);
    char *endpoint = xasprintf("HF_ENDPOINT=%s/", http_server_url(server));
    const char *const with[] = {
        home, endpoint, "HF_TOKEN=s3cret", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", NULL};
    struct run_result r;
    /* 5.4 of 13.0 MB have come when the server pauses */
    run_glimt(&r, &(struct run_how){.env = with, .interrupt_on = "model.safetensors 40 %"}, "pull",
              "E/fetched@v1", "--progress", NULL);
    assert_int_equal(r.status, 1);
    assert_non_null(strstr(r.err, "glimt: interrupted; what came is kept, and glimt pull "
                                  "E/fetched@v1 goes on\n"));
    assert_null(strstr(r.err, "s3cret"));
    run_release(&r);
    run_glimt(&r, &(struct run_how){.env = with}, "verify", "--model", "E/fetched@v1", NULL);
    expect_error(&r, 2, "into which glimt pull fetches");
    run_release(&r);
    json_t *root = JSON_OF(&(struct run_how){.env = with}, "pull", "E/fetched@v1");
    assert_string_equal(get_string(root, "commit"), COMMIT);
    assert_int_equal(json_array_size(get_list(root, "files")), 3);
    json_decref(root);
    static const char whole[] = "GET " FILES "model.safetensors from -1 token Bearer s3cret\n";
    const char *first = strstr(http_server_log(server), whole);
    assert_non_null(first);
    assert_null(strstr(first + 1, whole)); /* the rest alone */
    json_t *a = JSON_OF(&(struct run_how){.env = with}, "verify", "--model", "E/fetched@v1"),
           *b = JSON_OF(NULL, "verify", "--model", "store/demo/model");
    assert_true(json_equal(json_object_get(a, "lines"), json_object_get(b, "lines")));
    json_decref(a);
    json_decref(b);
    run_glimt(&r, &(struct run_how){.env = with}, "pull", "E/fetched@v1", NULL);
    expect_done(&r);
    assert_non_null(strstr(r.out, "0 of 3 files fetched"));
    run_release(&r);
    http_server_stop(server);
    free(endpoint);
    for (size_t i = 0; i < 3; i++)
        free(body[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_models_are_listed),
        cmocka_unit_test(test_what_the_list_says_holds),
        cmocka_unit_test(test_saes_are_found),
        cmocka_unit_test(test_pull),
    };
    return cmocka_run_group_tests_name("hub", tests, journey_begin, journey_end);
}

/* glimt bundle new: what it writes opens in every command and in the explorer; what it can't write,
 * and what was changed behind it, is one line. */
#include "tests/support/explorer.h"
#include "tests/support/journey.h"
#include "tests/support/testdata.h"
#include "tests/support/tiny_model.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* In `folder`: the model, sae.safetensors and sae1.safetensors, texts of two classes. */
static char at[8][160];

static const char *in_folder(int slot, const char *name)
{
    snprintf(at[slot], sizeof at[slot], "%s/%s", folder, name);
    return at[slot];
}

static int make_files(void **state)
{
    (void)state;
    folder = testdata_folder();
    tiny_write(folder, &(struct tiny_spec){.hook = "layers.1.mlp.act",
                                           .more = {{.hook = "layers.2.attn.out"}}});
    free(testdata_write(folder, "sv.txt", "Hej på dig\nVi ses i morgon\nTack\n", 33));
    free(testdata_write(folder, "de.json", "[\"Guten Tag\", \"Bis morgen\"]", 27));
    bundle = strdup(in_folder(0, "both.glimt"));
    return journey_begin_with_cache(state);
}

static int remove_files(void **state)
{
    free(bundle);
    testdata_remove(folder);
    return journey_end(state);
}

#define MODEL "--model", in_folder(1, "model")
#define ONE "--sae", in_folder(2, "sae.safetensors")
#define TWO ONE, "--sae", in_folder(3, "sae1.safetensors")

static const char *class_of(int slot, const char *name, const char *file)
{
    snprintf(at[slot], sizeof at[slot], "%s=%s/%s", name, folder, file);
    return at[slot];
}

static json_t *read_json(const char *path)
{
    json_error_t e;
    json_t *j = json_load_file(path, 0, &e);
    if (!j)
        fail_msg("%s: %s", path, e.text);
    return j;
}

static void make_both(void)
{
    json_t *said =
        JSON_OF(&with_cache, "bundle", "new", bundle, "--force", MODEL, TWO,
                "--latents=mlp_1/3,attn_2/5", "--neurons=L0N2", "--class",
                class_of(4, "sv", "sv.txt"), "--class", class_of(5, "de", "de.json"),
                "--label=sv=svenska", "--title=Two of them", "--theme=light", "--statistics");
    assert_string_equal(get_string(said, "title"), "Two of them");
    assert_int_equal(json_array_size(get_list(said, "dictionaries")), 3);
    assert_int_equal(get_whole(said, "chosen"), 3);
    assert_true(json_is_false(json_object_get(said, "pairs"))); /* three sentences and two */
    json_decref(said);
}

/* Two SAEs and neurons, classes of any language, of unequal length, from files of any kind. */
static void test_what_is_written(void **state)
{
    (void)state;
    make_both();
    json_t *b = read_json(bundle), *dicts = get_list(b, "dictionaries"),
           *classes = get_list(b, "classes"), *chosen = get_list(b, "chosen");
    assert_int_equal(get_whole(b, "glimt_bundle"), 2);
    assert_string_equal(get_string(b, "model"), "model");
    assert_string_equal(get_string(b, "theme"), "light");
    assert_int_equal(json_array_size(dicts), 3);
    assert_string_equal(get_string(json_array_get(dicts, 0), "neurons"), "layers.0.mlp.act");
    assert_string_equal(get_string(json_array_get(dicts, 1), "sae"), "sae.safetensors");
    assert_string_equal(get_string(json_array_get(dicts, 2), "hook"), "layers.2.attn.out");
    assert_string_equal(get_string(json_array_get(dicts, 2), "statistics"),
                        "both-statistics-3.safetensors");
    assert_string_equal(get_string(json_array_get(classes, 0), "label"), "svenska");
    assert_string_equal(get_string(json_array_get(classes, 0), "reference"), "sv.txt");
    assert_string_equal(get_string(json_array_get(classes, 1), "reference"), "both-de.txt");
    assert_string_equal(json_string_value(json_array_get(chosen, 0)), "mlp_1/3");
    assert_int_equal(json_array_size(chosen), 3);
    assert_true(json_object_size(json_object_get(b, "sha256")) >= 10);
    json_decref(b);
}

/* With it a command prints what it prints with the options. */
static void test_commands_read_it(void **state)
{
    (void)state;
    json_t *by_bundle = JSON_OF(&with_cache, "analyze", "Hej på dig", "--bundle", bundle),
           *by_options = JSON_OF(&with_cache, "analyze", "Hej på dig", MODEL, TWO,
                                 "--latents=mlp_1/3,attn_2/5", "--neurons=L0N2");
    static const char *const same[] = {"tokens", "chosen", "loss_mean", "fvu", "saes"};
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        assert_non_null(json_object_get(by_bundle, same[i]));
        if (!json_equal(json_object_get(by_bundle, same[i]), json_object_get(by_options, same[i])))
            fail_msg("%s differs", same[i]);
    }
    json_decref(by_options);
    json_decref(by_bundle);
    json_t *sweep = JSON_OF(&with_cache, "sweep", "--bundle", bundle, "--values=0,2"),
           *latents = JSON_OF(&with_cache, "latents", "--bundle", bundle, "--dict=attn_2"),
           *verified = JSON_OF(&with_cache, "verify", "--bundle", bundle);
    assert_int_equal(json_array_size(get_list(sweep, "latents")), 3);
    assert_true(json_array_size(get_list(latents, "rows")) > 0);
    assert_true(json_is_true(json_object_get(verified, "bundle_verified")));
    json_decref(sweep);
    json_decref(latents);
    json_decref(verified);
}

static void test_the_explorer_reads_it(void **state)
{
    (void)state;
    struct term *t = term_start(&(struct term_options){
        .argv = (const char *const[]){glimt_binary(), "--bundle", bundle, "--threads=1", NULL},
        .w = 120,
        .h = 36});
    assert_true(term_wait_idle(t, WAIT));
    term_type(t, "Hej");
    settle(t);
    assert_shows(t, "mlp_1/3");
    assert_shows(t, "attn_2/5");
    assert_shows(t, "svenska");
    quit(t);
}

static char *drawn(const char *theme)
{
    struct run_result r;
    run_glimt(&r, NULL, "snapshot", "explore", "--bundle", bundle, "--cache=none", "--ansi", theme,
              NULL);
    expect_done(&r);
    char *out = strdup(r.out);
    run_release(&r);
    return out;
}

static void test_its_theme_is_used(void **state)
{
    (void)state;
    char *own = drawn(NULL), *light = drawn("--theme=light"), *dark = drawn("--theme=dark");
    assert_string_equal(own, light);
    assert_string_not_equal(own, dark);
    free(own);
    free(light);
    free(dark);
}

/* Neither dictionaries nor classes: the model. */
static void test_a_model_alone(void **state)
{
    (void)state;
    char *alone = strdup(in_folder(6, "alone.glimt"));
    struct run_result r;
    run_glimt(&r, NULL, "bundle", "new", alone, MODEL, NULL);
    expect_done(&r);
    run_release(&r);
    json_t *b = read_json(alone), *a = JSON_OF(NULL, "analyze", "Hej", "--bundle", alone);
    assert_int_equal(get_whole(b, "glimt_bundle"), 1);
    assert_string_equal(get_string(b, "title"), "alone");
    assert_int_equal(json_array_size(get_list(b, "classes")), 0);
    assert_true(json_is_null(json_object_get(a, "sae")));
    json_decref(a);
    json_decref(b);
    struct term *t = term_start(&(struct term_options){
        .argv = (const char *const[]){glimt_binary(), "--bundle", alone, "--threads=1", NULL}});
    assert_true(term_wait_idle(t, WAIT));
    term_type(t, "Hej");
    settle(t);
    assert_shows(t, "Hej");
    quit(t);
    free(alone);
}

/* The demo's own bundle, but for its statistics, which are of held-out lines. */
static void test_the_demo_again(void **state)
{
    (void)state;
    need_demo();
    struct run_result r;
    const char *const copy[] = {"sh", "-c", "cp -rL store/demo \"$0\" && chmod -R u+w \"$0\"",
                                scratch_path("demo"), NULL};
    run_program(&r, NULL, copy);
    expect_done(&r);
    run_release(&r);
    char model[400], sae[400], da[400], en[400], out[400];
    snprintf(model, sizeof model, "%s/model", scratch_path("demo"));
    snprintf(sae, sizeof sae, "%s/sae.safetensors", scratch_path("demo"));
    snprintf(da, sizeof da, "da=%s/reference-da.txt", scratch_path("demo"));
    snprintf(en, sizeof en, "en=%s/reference-en.txt", scratch_path("demo"));
    snprintf(out, sizeof out, "%s/again.glimt", scratch_path("demo"));
    run_glimt(&r, NULL, "bundle", "new", out, "--model", model, "--sae", sae,
              "--latents=418,390,92,527,559,348", "--class", da, "--class", en, "--label=da=Danish",
              "--label=en=English", "--title=demo", NULL);
    expect_done(&r);
    run_release(&r);
    static const char *const same[] = {"glimt_bundle", "title",   "model", "sae",
                                       "hook",         "classes", "chosen"};
    json_t *was = read_json("store/demo/demo.glimt"), *is = read_json(out), *hash;
    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        if (!json_equal(json_object_get(was, same[i]), json_object_get(is, same[i])))
            fail_msg("%s differs", same[i]);
    const char *name;
    json_object_foreach(
        json_object_get(is, "sha256"), name,
        hash) if (!json_equal(hash, json_object_get(json_object_get(was, "sha256"), name)))
        fail_msg("the hash of %s differs", name);
    assert_int_equal(json_object_size(json_object_get(is, "sha256")), 6);
    json_decref(was);
    json_decref(is);
}

static void refuses(const char *says, const char *const *more)
{
    struct run_result r;
    const char *a[12] = {NULL};
    for (int i = 0; more[i]; i++)
        a[i] = more[i];
    run_glimt(&r, NULL, "bundle", "new", a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7], a[8], a[9],
              NULL);
    expect_error(&r, 2, says);
    run_release(&r);
}

static void test_what_is_refused(void **state)
{
    (void)state;
    char *out = strdup(in_folder(6, "no.glimt"));
    free(testdata_write(folder, "broken.json", "[\"one\\ntwo\"]", 12));
#define REFUSES(says, ...) refuses(says, (const char *const[]){__VA_ARGS__, NULL})
    REFUSES("expected NAME.glimt", "x.json", MODEL);
    REFUSES("found no --model", out);
    REFUSES("is already there", bundle, MODEL);
    REFUSES("is not in the bundle's folder", scratch_path("no.glimt"), MODEL);
    /* before anything is opened: neither is a model or an SAE */
    REFUSES("is not in the bundle's folder", out, "--model", "/");
    REFUSES("is not in the bundle's folder", out, MODEL, "--sae", "/dev/null");
    REFUSES("found no folder", "/nosuch/no.glimt", "--model", "/");
    REFUSES("has a line break", out, MODEL, "--class", class_of(4, "x", "broken.json"));
    REFUSES("found x=y, expected a class that there is", out, MODEL, "--label=x=y");
    REFUSES("found sv twice", out, MODEL, "--class", class_of(4, "sv", "sv.txt"), "--class",
            class_of(5, "sv", "de.json"));
    REFUSES("found x, expected NAME=", out, MODEL, "--class=x");
    REFUSES("found no text", out, MODEL, ONE, "--statistics");
    REFUSES("expected units", out, MODEL, "--statistics", "--class", class_of(4, "sv", "sv.txt"));
    REFUSES("without --statistics", out, class_of(7, "x", "x.tsv"), MODEL);
    REFUSES("expected 0 to 79", out, MODEL, ONE, "--latents=9999");
    assert_int_equal(access(out, F_OK), -1);
    free(out);
}

/* What heads tell, before weights are read: of these nothing is heard. */
static void test_heads_are_looked_at_first(void **state)
{
    static const struct {
        const char *option, *says;
    } x[] = {{"--latents=9999", "--latents: found unit 9999, expected 0 to 79 (sae)"},
             {"--hook=layers.1.resid.post", "reads a width of"},
             {"--hook=layers.9.mlp.act", "layer 9 of a model"}};
    (void)state;
    char *out = strdup(in_folder(6, "no.glimt"));
    for (size_t i = 0; i < sizeof x / sizeof *x; i++) {
        struct run_result r;
        run_glimt(&r, NULL, "bundle", "new", out, MODEL, ONE, x[i].option, "--progress", NULL);
        if (r.status != 2 || !strstr(r.err, x[i].says) || !strstr(r.err, "device 0 %\nglimt: "))
            fail_msg("%s: status %d: %s", x[i].option, r.status, r.err);
        run_release(&r);
    }
    free(out);
}

static void opens_not(const char *text, const char *says)
{
    struct run_result r;
    char *path = testdata_write(folder, "bad.glimt", text, strlen(text));
    run_glimt(&r, NULL, "analyze", "Hej", "--bundle", path, NULL);
    expect_error(&r, 2, says);
    run_release(&r);
    free(path);
}

#define HEAD "{\"glimt_bundle\":2,\"model\":\"model\","
#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"

/* What only dictionaries and model can say. */
static void test_hostile_bundles(void **state)
{
    (void)state;
    opens_not(HEAD "\"dictionaries\":[{\"neurons\":\"layers.9.mlp.act\"}]}", "layers.9.mlp.act");
    opens_not(HEAD "\"dictionaries\":[{\"neurons\":\"embed\"},{\"neurons\":\"embed\"}]}", "embed");
    opens_not(HEAD "\"dictionaries\":[{\"sae\":\"nowhere\"}]}", "nowhere");
    opens_not(HEAD "\"dictionaries\":[{\"sae\":\"o/n@main:x\"}]}", "o/n@main");
    opens_not(HEAD "\"sae\":\"sae.safetensors\",\"chosen\":[\"mlp_1/x\"]}", "mlp_1/x");
    opens_not(HEAD "\"sae\":\"sae.safetensors\",\"chosen\":[\"attn_2/3\"]}", "attn_2");
    opens_not(HEAD "\"sae\":\"sae.safetensors\",\"chosen\":[3,\"mlp_1/3\"]}", "twice");
    opens_not(HEAD "\"sae\":\"sae.safetensors\",\"chosen\":[80]}", "expected 0 to 79");
    opens_not(HEAD "\"sae\":\"sae.safetensors\",\"chosen\":[\"3,4\"]}", "3,4");
    opens_not(HEAD "\"sha256\":{\"model/config.json\":\"" ZEROS "\"}}", "config.json: SHA-256 is");
    opens_not(HEAD "\"classes\":[{\"name\":\"a\"},{\"name\":\"b\"},{\"name\":\"c\"}],\"sae\":"
                   "\"sae.safetensors\",\"statistics\":\"both-statistics-2.safetensors\"}",
              "expected [3, any]");
    opens_not(HEAD "\"classes\":[{\"name\":\"a\"},{\"name\":\"b\"}],\"sae\":"
                   "\"sae.safetensors\",\"statistics\":\"both-statistics-1.safetensors\"}",
              "statistics of 48 units, expected 80");
}

/* More chosen units than there are sliders: the first of them, which is said. */
static void test_any_number_of_units(void **state)
{
    (void)state;
    enum { POINTS = 6, WIDTH = 48 };
    static const char *const part[2] = {"act", "pre"};
    json_t *b = json_pack("{s:i, s:s, s:[], s:[]}", "glimt_bundle", 2, "model", "model",
                          "dictionaries", "chosen");
    for (int i = 0; i < POINTS; i++) {
        char name[64];
        snprintf(name, sizeof name, "layers.%d.mlp.%s", i / 2, part[i % 2]);
        json_array_append_new(get_list(b, "dictionaries"), json_pack("{s:s}", "neurons", name));
        for (int unit = 0; unit < WIDTH; unit++) {
            snprintf(name, sizeof name, "layers.%d.mlp.%s/%d", i / 2, part[i % 2], unit);
            json_array_append_new(get_list(b, "chosen"), json_string(name));
        }
    }
    const char *path = in_folder(6, "many.glimt");
    assert_int_equal(json_dump_file(b, path, 0), 0);
    struct run_result r;
    run_glimt(&r, NULL, "analyze", "Hej", "--bundle", path, "--json", NULL);
    assert_int_equal(r.status, 0);
    assert_non_null(strstr(r.err, "names 288 chosen units: the first 256 have a slider"));
    json_t *a = json_loads(r.out, 0, NULL);
    assert_int_equal(json_array_size(get_list(a, "chosen")), 256);
    run_release(&r);
    json_decref(a);
    json_array_set_new(get_list(b, "chosen"), 270, json_string("L0N3"));
    assert_int_equal(json_dump_file(b, path, 0), 0);
    run_glimt(&r, NULL, "analyze", "Hej", "--bundle", path, NULL);
    expect_error(&r, 2, "many.glimt: chosen names");
    run_release(&r);
    json_decref(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_number_of_units),
        cmocka_unit_test(test_what_is_written),
        cmocka_unit_test(test_commands_read_it),
        cmocka_unit_test(test_the_explorer_reads_it),
        cmocka_unit_test(test_its_theme_is_used),
        cmocka_unit_test(test_a_model_alone),
        cmocka_unit_test(test_the_demo_again),
        cmocka_unit_test(test_what_is_refused),
        cmocka_unit_test(test_heads_are_looked_at_first),
        cmocka_unit_test(test_hostile_bundles),
    };
    return cmocka_run_group_tests(tests, make_files, remove_files);
}

/* glimt verify: numbers against analyze, a bundle that was changed, an SAE that is read the wrong
 * way. What needs the demo bundle skips while store/demo/demo.glimt is not there. */
#include "tests/support/journey.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_verify(void **state)
{
    (void)state;
    need_demo();
    json_t *root = JSON_OF(NULL, "verify"), *lines = get_list(root, "lines"),
           *proof = json_object_get(root, "proof");
    assert_int_equal(json_array_size(lines), 6);
    assert_true(json_array_size(get_list(root, "chosen")) > 0);
    for (size_t i = 0; i < 6; i += 3) {
        json_t *line = json_array_get(lines, i);
        json_t *analyzed = JSON_OF(NULL, "analyze", get_string(line, "text"));
        json_t *ids = get_list(line, "ids"), *tokens = get_list(analyzed, "tokens");
        expect_close(get_number(line, "loss_mean"), get_number(analyzed, "loss_mean"), 1e-4);
        assert_int_equal(json_array_size(ids), json_array_size(tokens));
        for (size_t j = 0; j < json_array_size(ids); j++)
            assert_int_equal(json_integer_value(json_array_get(ids, j)),
                             get_whole(json_array_get(tokens, j), "id"));
        json_decref(analyzed);
    }
    assert_true(json_is_true(json_object_get(root, "bundle_verified")));
    assert_int_equal(json_object_size(json_object_get(proof, "facts")), 10);
    assert_true(*get_string(json_object_get(json_object_get(proof, "facts"), "k"), "source"));
    assert_true(get_number(proof, "fvu") > 0 && get_number(proof, "fvu") < 1);
    assert_true(get_number(proof, "l0") > 0);
    assert_true(get_number(proof, "loss_plain") < get_number(proof, "loss_zero"));
    expect_close(get_number(json_object_get(proof, "fvu_readings"), "as_read"),
                 get_number(proof, "fvu"), 0);
    json_decref(root);
    struct run_result r;
    run_glimt(&r, NULL, "verify", NULL);
    expect_done(&r);
    assert_non_null(strstr(r.out, "every file as the bundle lists it"));
    assert_non_null(strstr(r.out, "recovered"));
    assert_non_null(strstr(r.out, "layers.1.attn.out  ("));
    run_release(&r);
}

static void same_numbers(const json_t *a, const json_t *b, const char *list, const char *key,
                         double within)
{
    assert_int_equal(json_array_size(get_list(a, list)), json_array_size(get_list(b, list)));
    for (size_t i = 0; i < json_array_size(get_list(a, list)); i++)
        expect_close(get_number(json_array_get(get_list(a, list), i), key),
                     get_number(json_array_get(get_list(b, list), i), key), within);
}

static bool is_kept(const char *option)
{
    json_t *root = JSON_OF(&with_cache, "harvest", "--limit=2", option);
    const bool cached = json_is_true(json_object_get(root, "cached"));
    json_decref(root);
    return cached;
}

/* TransformerLens' weights: the same losses, results of their own; what neurons boost is of them
 * anyhow. */
static void test_tl_weights(void **state)
{
    (void)state;
    need_demo();
    json_t *plain = JSON_OF(NULL, "verify"), *tl = JSON_OF(NULL, "verify", "--tl-weights");
    assert_true(json_is_false(json_object_get(plain, "tl_weights")));
    assert_true(json_is_true(json_object_get(tl, "tl_weights")));
    same_numbers(plain, tl, "lines", "loss_mean", 1e-5);
    json_decref(plain);
    json_decref(tl);
    assert_false(is_kept("--quiet"));
    assert_false(is_kept("--tl-weights"));
    assert_true(is_kept("--tl-weights"));
    assert_true(is_kept("--quiet"));
#define BOOSTS(...)                                                                                \
    JSON_OF(&with_cache, "neuron", "boosts", "L2N442", "--texts=2", "--limit=2",                   \
            "--class=da=store/demo/reference-da.txt", "--class=en=store/demo/reference-en.txt",    \
            "--top=20", __VA_ARGS__)
    plain = BOOSTS("--max-norm=0", "--min-embed=0");
    tl = BOOSTS("--max-norm=0", "--min-embed=0", "--tl-weights");
    same_numbers(plain, tl, "boosted", "boost", 2e-5);
    same_numbers(plain, tl, "boosted", "norm_unembed", 2e-5);
    same_numbers(plain, tl, "boosted", "norm_embed", 2e-5);
    same_numbers(plain, tl, "inhibited", "boost", 2e-5);
    json_decref(plain);
    plain = BOOSTS("--max-norm=0", "--min-embed=0", "--no-tl-weights");
    const double mean = get_number(json_array_get(get_list(tl, "boosted"), 0), "boost") -
                        get_number(json_array_get(get_list(plain, "boosted"), 0), "boost");
    assert_true(fabs(mean) > 0.01); /* of the vocabulary, the same everywhere */
    expect_close(get_number(json_array_get(get_list(tl, "inhibited"), 5), "boost"),
                 get_number(json_array_get(get_list(plain, "inhibited"), 5), "boost") + mean, 2e-5);
    json_decref(plain);
    json_decref(tl);
}

/* A bundle whose SAE was changed by one byte is refused by verify, which names the file. */
static void test_verify_refuses_a_changed_bundle(void **state)
{
    (void)state;
    need_demo();
    struct run_result r;
    const char *const copy[] = {
        "sh", "-c",
        "cp -rL store/demo \"$0/demo\" && cd \"$0/demo\" && chmod -R u+w . && "
        "f=$(ls *.safetensors | grep -i sae | head -1) && "
        "printf '\\125' | dd of=\"$f\" bs=1 seek=$(($(stat -c %s \"$f\") - 3)) conv=notrunc "
        "2>/dev/null",
        scratch_path("."), NULL};
    run_program(&r, NULL, copy);
    expect_done(&r);
    run_release(&r);
    run_glimt(&r, NULL, "verify", "--bundle", scratch_path("demo/demo.glimt"), NULL);
    expect_error(&r, 2, "safetensors");
    run_release(&r);
}

/* An SAE that rebuilds x exactly (identity, k = n) if it is read with centring and without ReLU;
 * its metadata may say otherwise. */
static void exact_sae_write(const char *path, const char *hook, int n, const char *centre,
                            const char *relu)
{
    size_t square = (size_t)n * (size_t)n * sizeof(float), vector = (size_t)n * sizeof(float);
    char header[1024];
    int length = snprintf(
        header, sizeof header,
        "{\"__metadata__\":{\"format\":\"glimt-sae\",\"version\":\"1\",\"hook\":\"%s\",\"k\":\"%"
        "d\","
        "\"select\":\"topk\","
        "\"relu\":\"%s\",\"norm\":\"none\",\"centre\":\"%s\",\"norm_rescale\":\"false\",\"skip\":"
        "\"false\"},"
        "\"encoder.weight\":{\"dtype\":\"F32\",\"shape\":[%d,%d],\"data_offsets\":[0,%zu]},"
        "\"W_dec\":{\"dtype\":\"F32\",\"shape\":[%d,%d],\"data_offsets\":[%zu,%zu]},"
        "\"encoder.bias\":{\"dtype\":\"F32\",\"shape\":[%d],\"data_offsets\":[%zu,%zu]},"
        "\"b_dec\":{\"dtype\":\"F32\",\"shape\":[%d],\"data_offsets\":[%zu,%zu]}}",
        hook, n, relu, centre, n, n, square, n, n, square, 2 * square, n, 2 * square,
        2 * square + vector, n, 2 * square + vector, 2 * square + 2 * vector);
    while (length % 8)
        header[length++] = ' ';
    float *data = calloc(2 * (size_t)n * (size_t)n + 2 * (size_t)n, sizeof *data),
          *b = data + 2 * (size_t)n * (size_t)n + n;
    for (int i = 0; i < n; i++) {
        data[(size_t)i * (size_t)n + (size_t)i] =
            data[((size_t)n + (size_t)i) * (size_t)n + (size_t)i] = 1;
        b[i] = i % 2 ? 4.0f : -8.0f; /* far from 0 whatever the width of x */
    }
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    uint64_t n_header = (uint64_t)length;
    assert_int_equal(fwrite(&n_header, 8, 1, f), 1);
    assert_int_equal(fwrite(header, 1, n_header, f), n_header);
    assert_int_equal(fwrite(data, 1, 2 * square + 2 * vector, f), 2 * square + 2 * vector);
    assert_int_equal(fclose(f), 0);
    free(data);
}

static void test_proof_finds_the_right_reading(void **state)
{
    (void)state;
    need_demo();
    static const struct {
        const char *centre, *relu, *better;
    } cases[] = {{"true", "never", NULL},
                 {"false", "never", "centre"},
                 {"true", "after", "relu"},
                 {"false", "after", "centre_and_relu"}};
    struct run_result r;
    const char *const copy[] = {"cp", "-rL", "store/demo", scratch_path("proof"), NULL};
    run_program(&r, NULL, copy);
    expect_done(&r);
    run_release(&r);
    json_t *analyzed = JSON_OF(NULL, "analyze", "h"),
           *bundle = json_load_file("store/demo/demo.glimt", 0, NULL);
    json_object_set_new(bundle, "sae", json_string("exact.safetensors"));
    json_object_set_new(bundle, "chosen", json_pack("[i]", 0));
    json_object_del(bundle, "statistics");
    json_object_del(bundle, "sha256");
    assert_int_equal(json_dump_file(bundle, scratch_path("proof/exact.glimt"), 0), 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        exact_sae_write(scratch_path("proof/exact.safetensors"), get_string(analyzed, "hook"),
                        get_whole(json_object_get(analyzed, "sae"), "d_in"), cases[i].centre,
                        cases[i].relu);
        json_t *root = JSON_OF(NULL, "verify", "--bundle", scratch_path("proof/exact.glimt"));
        json_t *proof = json_object_get(root, "proof");
        if (cases[i].better) {
            assert_string_equal(get_string(proof, "better_reading"), cases[i].better);
            assert_true(get_number(proof, "fvu") > 0.01);
            expect_close(get_number(json_object_get(proof, "fvu_readings"), cases[i].better), 0,
                         1e-5);
            run_glimt(&r, NULL, "verify", "--bundle", scratch_path("proof/exact.glimt"), NULL);
            expect_done(&r);
            assert_non_null(strstr(r.out, "warning: the file fits better"));
            run_release(&r);
        } else {
            assert_true(json_is_null(json_object_get(proof, "better_reading")));
            assert_true(
                json_is_null(/* nothing looks wrong: no other is tried */
                             json_object_get(json_object_get(proof, "fvu_readings"), "centre")));
            expect_close(get_number(proof, "fvu"), 0, 1e-5);
            expect_close(get_number(proof, "loss_recovered"), 1, 1e-3);
            expect_close(get_number(proof, "loss_sae"), get_number(proof, "loss_plain"), 1e-4);
        }
        json_decref(root);
    }
    json_decref(analyzed);
    json_decref(bundle);
}

/* Of a part of the dictionaries that are open, some of them inserted: what is computed anew is over
 * the same places. */
#define KEPT                                                                                       \
    "--sae=store/demo/sae.safetensors", "--sae=store/demo/sae.safetensors",                        \
        "--hook=layers.3.attn.out", "--cache", scratch_path("inserted"), "--limit=3"
static void test_insertions_are_verified(void **state)
{
    static const char *const asked[][4] = {
        {"neuron", "ablate", "L2N442", "--insert=attn_1=sae"},
        {"neuron", "effects", "attn_1/418", "--insert=attn_3=sae"},
        {"neuron", "examples", "L2N442", "--insert=sae"},
        {"neuron", "boosts", "L2N442", "--by=lens"},
        {"sweep", "--latents=attn_3/390", "--values=2", "--insert=attn_3=sae"},
        {"sweep", "--latents=attn_1/418", "--values=2", "--insert=attn_3=sae,attn_1=error"},
    };
    (void)state;
    need_demo();
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
        const char *more = i == 3 ? "--insert=attn_1=sae" : "--quiet",
                   *from = i < 4 ? "--from=3" : "--each";
        json_decref(
            JSON_OF(NULL, asked[i][0], asked[i][1], asked[i][2], asked[i][3], KEPT, more, from));
    }
    json_t *root = JSON_OF(NULL, "cache", "verify", "--sample=100", "--neurons=L2N442",
                           "--sae=store/demo/sae.safetensors", "--sae=store/demo/sae.safetensors",
                           "--hook=layers.3.attn.out", "--cache", scratch_path("inserted")),
           *row;
    bool seen[6] = {false};
    static const char *const study[] = {"ablate", "stream", "losses",
                                        "hidden", "sweep",  "activity"};
    size_t i;
    json_array_foreach(get_list(root, "rows"), i, row)
    {
        assert_true(json_is_true(json_object_get(row, "same")));
        for (int k = 0; k < 6; k++)
            seen[k] = seen[k] || strcmp(get_string(row, "study"), study[k]) == 0;
    }
    for (int k = 0; k < 6; k++)
        if (!seen[k])
            fail_msg("nothing is kept of %s", study[k]);
    assert_int_equal(get_whole(root, "not_compared"), 0);
    json_decref(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verify),
        cmocka_unit_test(test_tl_weights),
        cmocka_unit_test(test_verify_refuses_a_changed_bundle),
        cmocka_unit_test(test_proof_finds_the_right_reading),
        cmocka_unit_test(test_insertions_are_verified),
    };
    return cmocka_run_group_tests_name("verify", tests, journey_begin_with_cache, journey_end);
}

/* glimt contrast, as a user meets it. */
#include "engine/base/memory.h"
#include "tests/support/hash_archs.h"
#include "tests/support/journey.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void write_scratch(const char *name, const char *text)
{
    FILE *f = fopen(scratch_path(name), "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void test_a_group_and_its_parts(void **state)
{
    (void)state;
    struct run_result r;
    run_glimt(&r, NULL, "contrast", "--help", NULL);
    expect_done(&r);
    assert_non_null(strstr(r.out, "glimt contrast ttest"));
    run_release(&r);
    run_glimt(&r, NULL, "help", "contrast", "ttest", NULL);
    expect_done(&r);
    assert_non_null(strstr(r.out, "--alpha P"));
    run_release(&r);
    run_glimt(&r, NULL, "contrast", NULL);
    expect_error(&r, 2,
                 "contrast: found nothing, expected one of words, ttest, points, probe, regress, "
                 "kept, compare");
    run_release(&r);
    run_glimt(&r, NULL, "contrast", "tttest", NULL);
    expect_error(&r, 2, "contrast: found tttest, the nearest is ttest");
    run_release(&r);
    run_glimt(&r, NULL, "contrast", "--quiet", "--help", "ttest", NULL);
    expect_done(&r);
    assert_non_null(strstr(r.out, "glimt contrast COMMAND"));
    run_release(&r);
    run_glimt(&r, NULL, "contarst", NULL);
    expect_error(&r, 2, "unknown command contarst, the nearest is contrast");
    run_release(&r);
}

static void test_words(void **state)
{
    (void)state;
    need_demo();
    write_scratch("words.tsv", "word\tclass\tkind\n# men\nPeter\tm\tname\nkonge\tm\tnoun\n"
                               "Anna\tf\tname\nPeter\tm\tname\nlærer\tm\tnoun\nlærer\tf\tnoun\n"
                               "dronning\tf\tnoun\n");
    json_t *root = JSON_OF(&with_cache, "contrast", "words", scratch_path("words.tsv"));
    json_t *rows = json_object_get(root, "words");
    assert_int_equal(json_array_size(rows), 4);
    int words = 0;
    for (size_t i = 0; i < 4; i++)
        words += (int)get_whole(json_array_get(rows, i), "words");
    assert_int_equal(words, 4);
    json_decref(root);
    struct run_result r;
    run_glimt(&r, &with_cache, "contrast", "words", scratch_path("words.tsv"), NULL);
    expect_done(&r);
    assert_non_null(strstr(r.out, "left out: 1 that stand again, 2 that stand in both classes"));
    run_release(&r);
    write_scratch("few.tsv", "Peter\tm\nAnna\tf\nlærer\tm\nlærer\tf\n"); /* however few they are */
    run_glimt(&r, &with_cache, "contrast", "words", scratch_path("few.tsv"), NULL);
    expect_done(&r);
    assert_non_null(strstr(r.out, "left out: 2 that stand in both classes"));
    run_release(&r);
    run_glimt(&r, &with_cache, "contrast", "ttest", scratch_path("words.tsv"), "--csv", NULL);
    expect_done(&r);
    assert_int_equal(strncmp(r.out, "unit,t,df,log_p,p,mean.m,mean.f,significant,", 43), 0);
    run_release(&r);
}

static void test_ttest(void **state)
{
    (void)state;
    need_demo();
    json_t *root = JSON_OF(&with_cache, "contrast", "ttest", "language.tsv");
    json_t *first = json_array_get(json_object_get(root, "rows"), 0);
    assert_int_equal(json_array_size(json_object_get(root, "rows")), 1024);
    assert_int_equal(get_whole(first, "unit"), 418); /* tests/reference/contrast.py */
    assert_true(fabs(get_number(first, "t") - 4.284282519758434) < 1e-4);
    assert_true(fabs(get_number(first, "log_p") + 10.300719571684823) < 1e-4);
    json_t *last = json_array_get(json_object_get(root, "rows"), 1023);
    assert_true(json_is_null(json_object_get(last, "t")));
    json_t *sets = json_object_get(root, "sets");
    assert_string_equal(json_string_value(json_object_get(json_array_get(sets, 1), "units")),
                        "neurons");
    assert_int_equal(get_whole(json_array_get(sets, 1), "significant"), 4);
    assert_int_equal(json_array_size(json_object_get(root, "neurons")), 256);
    assert_int_equal(json_array_size(json_object_get(root, "histogram")), 40);
    json_decref(root);
    root = JSON_OF(&with_cache, "contrast", "ttest", "language.tsv", "--neurons", "all", "--welch");
    assert_int_equal(json_array_size(json_object_get(root, "rows")), 256);
    assert_null(json_object_get(root, "neurons"));
    json_decref(root);
    struct run_result r;
    run_glimt(&r, &with_cache, "contrast", "ttest", "language.tsv", "--svg", "-", NULL);
    expect_done(&r);
    assert_non_null(strstr(r.out, "<svg"));
    assert_non_null(strstr(r.out, "latents"));
    run_release(&r);
}

static void test_bad_words(void **state)
{
    (void)state;
    need_demo();
    struct run_result r;
    write_scratch("one.tsv", "a\tm\nb\tm\n");
    write_scratch("few.tsv", "a\tm\nb\tm\nc\tf\n");
    write_scratch("three.tsv", "a\tm\nb\tf\nc\tn\n");
    write_scratch("bad.tsv", "a\tm\nb\n");
    static const struct {
        const char *file, *says;
    } cases[] = {{"one.tsv", "one.tsv: found one class of words (m), expected two or more"},
                 {"few.tsv", "few.tsv: found 1 word of class f, expected 2 or more"},
                 {"three.tsv", "three.tsv: found 1 word of class m, expected 2 or more"},
                 {"bad.tsv", "bad.tsv:2: found a line without a tab"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        run_glimt(&r, &with_cache, "contrast", "ttest", scratch_path(cases[i].file), NULL);
        expect_error(&r, 2, cases[i].says);
        run_release(&r);
    }
    run_glimt(&r, &with_cache, "contrast", "ttest", NULL);
    expect_error(&r, 2, "found no words, expected WORDS");
    run_release(&r);
    run_glimt(&r, &with_cache, "contrast", "ttest", "nosuch.tsv", NULL);
    expect_error(&r, 2, "nosuch.tsv");
    run_release(&r);
    run_glimt(&r, &with_cache, "contrast", "ttest", "language.tsv", "--word-vector", "middle",
              NULL);
    expect_error(&r, 2, "--word-vector: found middle, expected one of last, mean, first");
    run_release(&r);
    run_glimt(&r, &with_cache, "contrast", "ttest", "language.tsv", "--target", "sv", NULL);
    expect_error(&r, 2, "--target: found sv, expected a class of language.tsv: da, en");
    run_release(&r);
}

static json_t *of_units(json_t *root, const char *table, const char *units)
{
    size_t i;
    json_t *r;
    json_array_foreach(get_list(root, table), i, r)
    {
        if (strcmp(get_string(r, "units"), units) == 0)
            return r;
    }
    fail_msg("%s has no row of %s", table, units);
    return NULL;
}

static void test_probes(void **state)
{
    (void)state;
    need_demo();
    /* tests/reference/contrast.py */
    json_t *root = JSON_OF(&with_cache, "contrast", "probe", "language.tsv");
    assert_int_equal(json_array_size(get_list(root, "rows")), 20);
    const double accuracy = get_number(of_units(root, "sets", "neurons"), "accuracy");
    assert_int_equal(get_whole(of_units(root, "sets", "neurons"), "tested"), 28);
    json_decref(root);
    root = JSON_OF(&with_cache, "contrast", "regress", "language.tsv");
    assert_true(json_is_true(json_object_get(of_units(root, "rows", "latents"), "converged")));
    /* the same split, the same probe */
    expect_close(get_number(of_units(root, "rows", "neurons"), "accuracy"), accuracy, 1e-12);
    assert_true(json_array_size(get_list(root, "coefficients")) > 400);
    json_decref(root);
    root = JSON_OF(&with_cache, "contrast", "kept", "language.tsv", "--neurons", "all");
    assert_int_equal(json_array_size(get_list(root, "rows")), 9);
    expect_close(get_number(of_units(root, "sets", "neurons"), "information_loss"), 0, 1e-12);
    json_decref(root);
    root = JSON_OF(&with_cache, "contrast", "compare", "language.tsv");
    json_t *latents = of_units(root, "rows", "latents");
    assert_int_equal(get_whole(latents, "count"), 1024);
    assert_true(get_number(latents, "mse") > 0);
    expect_close(get_number(latents, "l0"), 10, 1e-12);
    assert_true(json_is_null(json_object_get(of_units(root, "rows", "neurons"), "mse")));
    json_decref(root);
    struct run_result r;
    run_glimt(&r, &with_cache, "contrast", "kept", "language.tsv", "--svg", "-", NULL);
    expect_done(&r);
    assert_non_null(strstr(r.out, "<svg"));
    run_release(&r);
    run_glimt(&r, &with_cache, "contrast", "kept", "language.tsv", "--folds", "73", NULL);
    expect_error(&r, 2, "found 72 words of class da, expected 73 or more");
    run_release(&r);
}

/* The demo's SAE, hooked where it belongs and elsewhere. */
#define SAE "--sae=store/demo/sae.safetensors"
#define THREE SAE, "--hook=layers.3.attn.out"
#define TWO SAE, "--hook=layers.1.attn.out", THREE

/* Each dictionary's words on its own two best units, as it has them alone. */
static void check_points_of(json_t *both, const char *dict, size_t *at, const char *option,
                            const char *value)
{
    json_t *alone = JSON_OF(&with_cache, "contrast", "points", "language.tsv", "--word", "jordbær",
                            TWO, "--dict", dict, option, value),
           *row;
    size_t i;
    json_array_foreach(get_list(alone, "rows"), i, row)
    {
        json_t *is = json_array_get(get_list(both, "rows"), (*at)++),
               *of = json_object_get(row, "value");
        assert_string_equal(get_string(is, "dict"), dict);
        assert_string_equal(get_string(is, "word"), get_string(row, "word"));
        static const char *const axis[] = {"x", "y"}, *const whose[] = {"x_unit", "y_unit"};
        for (int k = 0; k < 2; k++) {
            const char *unit = get_string(is, whose[k]);
            assert_int_equal(strncmp(unit, dict, strlen(dict)), 0);
            char id[20];
            snprintf(id, sizeof id, "%d", atoi(unit + strlen(dict) + 1));
            expect_close(get_number(is, axis[k]), get_number(of, id), 0);
        }
    }
    json_decref(alone);
}

static void test_points_of_several(void **state)
{
    (void)state;
    need_demo();
    struct run_result r;
    for (int hooked = 0; hooked < 2; hooked++) {
        const char *option = hooked ? "--hooked" : "--word-vector",
                   *value = hooked ? "--pre" : "last";
        json_t *both = JSON_OF(&with_cache, "contrast", "points", "language.tsv", "--word",
                               "jordbær", TWO, option, value);
        size_t at = 0;
        check_points_of(both, "attn_1", &at, option, value);
        check_points_of(both, "attn_3", &at, option, value);
        assert_int_equal(json_array_size(get_list(both, "rows")), at);
        json_decref(both);
    }
    run_glimt(&r, &with_cache, "contrast", "points", "language.tsv", TWO, "--svg", "-", NULL);
    expect_done(&r);
    assert_non_null(strstr(r.out, "dict attn_1"));
    assert_non_null(strstr(r.out, "dict attn_3"));
    run_release(&r);
}

/* The two best units unless others are named; the means of the points are those of the t-tests. */
static void test_points(void **state)
{
    (void)state;
    need_demo();
    json_t *root = JSON_OF(&with_cache, "contrast", "ttest", "language.tsv"), *point;
    const json_t *best = json_array_get(get_list(root, "rows"), 0);
    const double da = get_number(json_object_get(best, "mean"), "da");
    assert_int_equal(get_whole(best, "unit"), 418);
    json_decref(root);
    root = JSON_OF(&with_cache, "contrast", "points", "language.tsv", "--word", "jordbær");
    double sum = 0;
    size_t i, n = json_array_size(get_list(root, "rows"));
    assert_int_equal(n, 144 + 1);
    json_array_foreach(get_list(root, "rows"), i, point)
    {
        const json_t *value = json_object_get(point, "value");
        get_number(value, "277");
        if (i + 1 < n && strcmp(get_string(point, "class"), "da") == 0)
            sum += get_number(value, "418");
    }
    expect_close(sum / 72, da, 1e-6);
    assert_string_equal(get_string(json_array_get(get_list(root, "rows"), n - 1), "word"),
                        "jordbær");
    json_decref(root);
    root = JSON_OF(&with_cache, "contrast", "points", "language.tsv", "--x", "7", "--hooked");
    get_number(json_object_get(json_array_get(get_list(root, "rows"), 0), "value"), "7");
    json_decref(root);
    struct run_result r;
    run_glimt(&r, &with_cache, "contrast", "points", "language.tsv", "--svg", "-", NULL);
    expect_done(&r);
    assert_non_null(strstr(r.out, "<svg"));
    run_release(&r);
    run_glimt(&r, &with_cache, "contrast", "points", "language.tsv", "--x", "1024", NULL);
    expect_error(&r, 2, "contrast points: --x: found 1024, expected 0 to 1023");
    run_release(&r);
    run_glimt(&r, &with_cache, "contrast", "points", "language.tsv", "--x", "4", "--y", "4", NULL);
    expect_error(&r, 2, "contrast points: found one unit, expected two");
    run_release(&r);
}

/* ---- more than two classes */
static void test_three_classes(void **state)
{
    (void)state;
    need_demo();
    write_scratch("kinds.tsv",
                  "Peter\tname\nAnna\tname\nLars\tname\nSofie\tname\nJens\tname\n"
                  "konge\tnoun\nskole\tnoun\nbord\tnoun\nbrev\tnoun\nvindue\tnoun\n"
                  "hund\tanimal\nkat\tanimal\nhest\tanimal\nsøløve\tanimal\nørn\tanimal\n");
    const char *kinds = scratch_path("kinds.tsv");
    json_t *root = JSON_OF(&with_cache, "contrast", "ttest", kinds, "--target", "animal");
    const json_t *row = json_array_get(get_list(root, "rows"), 0),
                 *mean = json_object_get(row, "mean");
    expect_close((get_number(mean, "name") + get_number(mean, "noun")) / 2,
                 get_number(row, "mean_others"), 1e-6);
    expect_close(get_number(row, "df"), 13, 0);
    json_decref(root);
    root = JSON_OF(&with_cache, "contrast", "ttest", kinds, "--against", "animal");
    row = json_array_get(get_list(root, "rows"), 0);
    assert_null(json_object_get(json_object_get(row, "mean"), "noun"));
    expect_close(get_number(row, "df"), 8, 0);
    json_decref(root);
    root = JSON_OF(&with_cache, "contrast", "probe", kinds, "--folds", "5", "--controls", "2");
    expect_close(get_number(of_units(root, "sets", "latents"), "chance"), 1. / 3, 1e-8);
    json_decref(root);
    root = JSON_OF(&with_cache, "contrast", "probe", kinds, "--folds", "5", "--controls", "2",
                   "--target", "noun");
    expect_close(get_number(of_units(root, "sets", "latents"), "chance"), 2. / 3, 1e-8);
    json_decref(root);
    struct run_result r;
    run_glimt(&r, &with_cache, "contrast", "compare", kinds, NULL);
    expect_done(&r);
    assert_non_null(strstr(r.out, "each of 3 classes against all; significant: name against the "
                                  "others"));
    run_release(&r);
    run_glimt(&r, &with_cache, "contrast", "regress", kinds, "--l1", NULL);
    expect_done(&r);
    assert_non_null(strstr(r.out, "animal"));
    run_release(&r);
    run_glimt(&r, &with_cache, "contrast", "kept", kinds, "--target", "noun", "--against", "noun",
              NULL);
    expect_error(&r, 2, "--against: found noun, which is the target, expected another class");
    run_release(&r);
    run_glimt(&r, &with_cache, "contrast", "ttest", kinds, "--against", "verb", NULL);
    expect_error(&r, 2, "--against: found verb, expected a class of kinds.tsv: name, noun, animal");
    run_release(&r);
}

/* ---- several dictionaries */

static json_t *row_of(json_t *root, const char *table, const char *dict, const char *units)
{
    size_t i;
    json_t *r;
    json_array_foreach(get_list(root, table), i, r)
    {
        if (strcmp(get_string(r, "dict"), dict) == 0 && strcmp(get_string(r, "units"), units) == 0)
            return r;
    }
    fail_msg("%s has no row of %s, %s", table, dict, units);
    return NULL;
}

/* One table of several: each as it is alone; units by their names. */
static void test_several_dictionaries(void **state)
{
    (void)state;
    need_demo();
    json_t *one = JSON_OF(&with_cache, "contrast", "compare", "language.tsv", THREE),
           *two = JSON_OF(&with_cache, "contrast", "compare", "language.tsv", TWO);
    assert_int_equal(json_array_size(get_list(two, "rows")), 4);
    for (int u = 0; u < 2; u++) {
        const char *units = u ? "neurons" : "latents";
        json_t *row = json_copy(row_of(two, "rows", "attn_3", units));
        json_object_del(row, "dict");
        assert_true(json_equal(row, of_units(one, "rows", units)));
        json_decref(row);
    }
    const json_t *latents = of_units(one, "rows", "latents");
    expect_close(get_number(latents, "delta_selectivity"),
                 get_number(of_units(one, "rows", "neurons"), "selectivity") -
                     get_number(latents, "selectivity"),
                 1e-6);
    assert_true(get_number(latents, "l1") > 0);
    json_decref(one);
    json_decref(two);

    two = JSON_OF(&with_cache, "contrast", "ttest", "language.tsv", TWO);
    double before = -INFINITY;
    bool seen[2] = {false, false};
    size_t i;
    json_t *r;
    assert_int_equal(json_array_size(get_list(two, "rows")), 2048);
    json_array_foreach(get_list(two, "neurons"), i, r)
    {
        const double log_p = get_number(r, "log_p");
        seen[0] = seen[0] || strncmp(get_string(r, "unit"), "attn_1[", 7) == 0;
        seen[1] = seen[1] || strncmp(get_string(r, "unit"), "attn_3[", 7) == 0;
        assert_true(log_p >= before);
        before = log_p;
    }
    assert_true(i == 512 && seen[0] && seen[1]);
    assert_int_equal(json_array_size(get_list(two, "histogram")), 80);
    assert_int_equal(json_array_size(get_list(two, "words")), 4);
    json_decref(two);

    two = JSON_OF(&with_cache, "contrast", "regress", "language.tsv", TWO, "--neurons", "L2N69",
                  "--dict", "attn_3");
    json_array_foreach(get_list(two, "coefficients"), i, r) assert_int_equal(
        strncmp(get_string(r, "unit"),
                strcmp(get_string(r, "units"), "neurons") == 0 ? "attn_3[" : "attn_3/", 7),
        0);
    assert_true(i > 400);
    json_decref(two);
    struct run_result p;
    run_glimt(&p, &with_cache, "contrast", "kept", "language.tsv", TWO, "--folds", "2", "--svg",
              "-", NULL);
    expect_done(&p);
    assert_non_null(strstr(p.out, "attn_1"));
    run_release(&p);
    run_glimt(&p, &with_cache, "contrast", "points", "language.tsv", TWO, "--x", "4", NULL);
    expect_error(&p, 2, "found 2 dictionaries (attn_1, attn_3), expected --dict NAME to say which");
    run_release(&p);
    run_glimt(&p, &with_cache, "snapshot", "contrast", TWO, "--dict=attn_3", "--size=120x36",
              "--text", NULL);
    expect_done(&p);
    assert_non_null(strstr(p.out, "localisation"));
    run_release(&p);
}

static const json_t *unit_row(json_t *root, int unit)
{
    size_t i;
    json_t *r;
    json_array_foreach(get_list(root, "rows"), i, r)
    {
        if (get_whole(r, "unit") == unit)
            return r;
    }
    fail_msg("no unit %d", unit);
    return NULL;
}

/* A GPT-Neo with the facts of TinyStories-1Layer-21M, smaller and in hash weights, against
 * transformers and scipy (tests/reference/contrast.py). */
static void test_gpt_neo(void **state)
{
    static const struct hash_arch neo = {
        "gpt_neo",
        FAMILY_GPT_NEO,
        1,
        64,
        256,
        16,
        16,
        4,
        648,
        64,
        .proj_bias = true,
        .mlp_bias = true,
        .type = DTYPE_F32,
        .exponent = 3,
        .buffers = true,
        .config =
            "{\"model_type\":\"gpt_neo\",\"activation_function\":\"gelu_new\",\"attention_layers\":"
            "[\"global\"],\"attention_types\":[[[\"global\"],1]],\"num_layers\":1,\"hidden_size\":"
            "64,\"num_heads\":16,\"intermediate_size\":null,\"vocab_size\":648,\"max_position_"
            "embeddings\":64,\"window_size\":256,\"layer_norm_epsilon\":1e-05,\"bos_token_id\":0}"};
    (void)state;
    need_demo();
    char dir[64], *tokenizer;
    test_dir_new(dir);
    hash_arch_write(dir, &neo);
    tokenizer = xasprintf("%s/tokenizer.json", dir);
    char *from = realpath("tests/golden/text/tokenizer.json", NULL);
    assert_int_equal(symlink(from, tokenizer), 0);
    json_t *golden = golden_json("study/contrast.json"), *of = json_object_get(golden, "neo"),
           *want;
    json_t *root = JSON_OF(&with_cache, "contrast", "ttest", "language.tsv", "--model", dir,
                           "--hook", "layers.0.mlp.out", "--neurons", "all", "--alpha", ".05");
    size_t i;
    json_array_foreach(get_list(of, "rows"), i, want)
    {
        const json_t *row = unit_row(root, get_whole(want, "unit"));
        expect_close(get_number(row, "t"), get_number(want, "t"), 1e-4);
        expect_close(get_number(row, "log_p"), get_number(want, "log_p"), 1e-4);
    }
    assert_true(i >= 20);
    const json_t *set = of_units(root, "sets", "neurons");
    assert_int_equal(get_whole(set, "count"), 64);
    assert_int_equal(get_whole(set, "significant"), get_whole(of, "significant"));
    json_decref(root);
    json_decref(golden);
    free(from);
    free(tokenizer);
    test_dir_remove(dir);
}

static void test_kept_and_verified(void **state)
{
    (void)state;
    need_demo();
    struct run_result r;
    run_glimt(&r, &with_cache, "contrast", "words", "gender-da.tsv", NULL);
    expect_done(&r);
    run_release(&r);
    run_glimt(&r, &with_cache, "contrast", "kept", "gender-da.tsv", NULL);
    expect_done(&r);
    run_release(&r);
    run_glimt(&r, &with_cache, "cache", "verify", NULL);
    expect_done(&r);
    assert_non_null(strstr(r.out, "words"));
    assert_non_null(strstr(r.out, "kept"));
    run_release(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_group_and_its_parts),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_ttest),
        cmocka_unit_test(test_bad_words),
        cmocka_unit_test(test_probes),
        cmocka_unit_test(test_points),
        cmocka_unit_test(test_points_of_several),
        cmocka_unit_test(test_three_classes),
        cmocka_unit_test(test_several_dictionaries),
        cmocka_unit_test(test_gpt_neo),
        cmocka_unit_test(test_kept_and_verified),
    };
    return cmocka_run_group_tests_name("glimt contrast", tests, journey_begin_with_cache,
                                       journey_end);
}

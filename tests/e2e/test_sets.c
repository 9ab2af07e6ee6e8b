/* Studies over several dictionaries: each takes the one that a unit's name or --dict says, a sweep
 * takes all of them at once, and the cache knows which took part. */
#include "tests/support/journey.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
/* cmocka.h wants the headers above it. */
#include <cmocka.h>

#define SAE "--sae=store/demo/sae.safetensors"
#define THREE SAE, "--hook=layers.3.attn.out"
#define TWO SAE, "--hook=layers.1.attn.out", THREE
static const char da[] = "Rådet skal nu formelt godkende Parlamentets holdning.";

static const char *corpus_of_one(void)
{
    const char *path = scratch_path("da.txt");
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fprintf(f, "%s\n", da) > 0);
    fclose(f);
    static char cls[4096];
    snprintf(cls, sizeof cls, "da=%s", path);
    return cls;
}

static bool same_value(const json_t *a, const json_t *b)
{
    return json_is_null(a) || json_is_null(b) ? json_is_null(a) && json_is_null(b)
           : json_is_string(a) ? strcmp(json_string_value(a), json_string_value(b)) == 0
                               : json_number_value(a) == json_number_value(b);
}

static const json_t *row_like(const json_t *rows, const json_t *like)
{
    static const char *const key[] = {"insert", "unit", "value"};
    size_t i;
    json_t *row;
    json_array_foreach(rows, i, row)
    {
        bool same = true;
        for (size_t k = 0; same && k < 3; k++)
            same = same_value(json_object_get(row, key[k]), json_object_get(like, key[k]));
        if (same)
            return row;
    }
    return NULL;
}

#define SWEPT(...)                                                                                 \
    JSON_OF(&with_cache, "sweep", "--class", corpus_of_one(), TWO,                                 \
            "--latents=attn_3/390,attn_1/418", "--neurons=L2N69", "--values=-2,3", "--each",       \
            __VA_ARGS__)

/* Losses against a plain float64 forward (tests/reference/several.py). */
static void test_a_sweep_over_three_points_is_that_of_the_reference(void **state)
{
    (void)state;
    need_demo();
    json_t *golden = golden_json("study/several.json"), *one;
    json_t *got[] = {SWEPT("--insert=sae,error"),
                     SWEPT("--insert=layers.3.attn.out=sae,attn_1=error")};
    size_t i;
    assert_int_equal(json_array_size(get_list(got[0], "latents")), 3);
    assert_string_equal(get_string(got[1], "insert"), "attn_1=error,attn_3=sae");
    assert_int_equal(json_array_size(get_list(golden, "swept")), 19 + 9);
    json_array_foreach(get_list(golden, "swept"), i, one)
    {
        const json_t *rows = get_list(got[strchr(get_string(one, "insert"), '=') != NULL], "rows");
        /* with the error kept the unmodified value is the plain model's */
        const json_t *row = row_like(rows, one);
        if (strcmp(get_string(one, "insert"), "error") == 0 &&
            json_is_null(json_object_get(one, "value")))
            row = json_array_get(rows, 0);
        assert_non_null(row);
        expect_close(get_number(row, "loss_sentence_mean"), get_number(one, "loss"), 2e-5);
        assert_int_equal(get_whole(row, "tokens"), 14);
    }
    json_decref(got[0]);
    json_decref(got[1]);
    json_decref(golden);
}

static void test_values_at_two_points_are_those_of_the_reference(void **state)
{
    static const char *const kind[] = {"pre", "act"}, *const unit[] = {"attn_3/967", "L2N69"};
    (void)state;
    need_demo();
    json_t *golden = golden_json("study/several.json");
    json_t *got = JSON_OF(NULL, "histogram", "attn_3/967", "L2N69", "--class", corpus_of_one(), TWO,
                          "--neurons", "L2N69", "--tokens");
    const json_t *tokens = get_list(got, "tokens");
    int active = 0;
    assert_int_equal(json_array_size(tokens), json_array_size(get_list(golden, "ids")));
    for (size_t t = 0; t < json_array_size(tokens); t++)
        for (int k = 0; k < 2; k++)
            for (int u = 0; u < 2; u++) {
                const json_t *is = json_object_get(json_array_get(tokens, t), kind[k]);
                const json_t *want = get_list(json_object_get(golden, kind[k]), unit[u]);
                expect_close(get_number(is, unit[u]), json_number_value(json_array_get(want, t)),
                             2e-5);
                active += k == 1 && u == 0 && get_number(is, unit[u]) != 0;
            }
    assert_int_equal(active, 8);
    json_decref(got);
    json_decref(golden);
}

/* The rows of a unit without its name. */
static json_t *rows_of(const json_t *root, const char *table, const char *unit)
{
    json_t *own = json_array(), *row;
    size_t i;
    json_array_foreach(get_list(root, table), i, row)
    {
        if (unit && strcmp(get_string(row, "unit"), unit) != 0)
            continue;
        json_t *copy = json_copy(row);
        json_object_del(copy, "unit");
        json_array_append_new(own, copy);
    }
    return own;
}

/* What a set says of its unit `name` is what the dictionary at layers.3.attn.out alone says. */
static void expect_same_rows(const json_t *set, const json_t *alone, const char *table,
                             const char *name)
{
    json_t *a = rows_of(set, table, name), *b = rows_of(alone, table, NULL);
    assert_true(json_array_size(b) > 0);
    if (!json_equal(a, b))
        fail_msg("%s of %s in a set: %s, alone: %s", table, name,
                 json_dumps(a, JSON_COMPACT | JSON_REAL_PRECISION(9)),
                 json_dumps(b, JSON_COMPACT | JSON_REAL_PRECISION(9)));
    json_decref(a);
    json_decref(b);
}

static void test_a_unit_s_name_chooses_its_dictionary(void **state)
{
    static const struct {
        const char *command, *table[3];
    } each[] = {{"histogram", {"rows", "latents"}},
                {"examples", {"rows"}},
                {"logit-lens", {"promoted", "suppressed", "neighbours"}},
                {"coactive", {"rows"}}};
    (void)state;
    need_demo();
    for (size_t i = 0; i < sizeof each / sizeof *each; i++) {
        const bool reads = strcmp(each[i].command, "logit-lens") != 0;
        const char *limit = reads ? "--limit" : NULL;
        json_t *set = json_of(&with_cache, each[i].command, "attn_1/92", "attn_3/967", "--json",
                              TWO, limit, "8", NULL);
        json_t *alone =
            json_of(&with_cache, each[i].command, "967", "--json", THREE, limit, "8", NULL);
        for (int k = 0; k < 3 && each[i].table[k]; k++)
            expect_same_rows(set, alone, each[i].table[k], "attn_3/967");
        const json_t *first = json_array_get(get_list(set, each[i].table[0]), 0);
        assert_string_equal(get_string(first, "unit"), "attn_1/92");
        assert_int_equal(get_whole(first, "latent"), 92);
        json_decref(set);
        json_decref(alone);
    }
}

/* Of one dictionary a study is the same whatever else is open: so is its place in the cache. */
static void test_dict_chooses_where_no_unit_does(void **state)
{
    static const char *const command[] = {"latents", "find", "harvest"};
    (void)state;
    need_demo();
    for (size_t i = 0; i < 3; i++) {
        const char *rule = i == 1 ? "--min-share=.2" : NULL,
                   *more = i == 1 ? "--max-other=.2" : NULL;
        json_t *alone =
            json_of(&with_cache, command[i], THREE, "--limit=8", "--json", rule, more, NULL);
        json_t *set = json_of(&with_cache, command[i], TWO, "--limit=8", "--dict=attn_3", "--json",
                              rule, more, NULL);
        if (i < 2)
            expect_same_rows(set, alone, "rows", NULL);
        else
            assert_true(json_is_true(json_object_get(set, "cached")));
        assert_string_equal(get_string(json_object_get(set, "parameters"), "dict"), "attn_3");
        json_decref(alone);
        json_decref(set);
    }
    struct run_result r;
    run_glimt(&r, NULL, "harvest", TWO, NULL);
    expect_error(&r, 2,
                 "harvest: found 2 dictionaries (attn_1, attn_3), expected --dict NAME to say "
                 "which");
    run_release(&r);
    run_glimt(&r, NULL, "find", TWO, "--dict", "mlp_2", NULL);
    expect_error(&r, 2, "--dict: found mlp_2, expected a dictionary that there is: attn_1, attn_3");
    run_release(&r);
    run_glimt(&r, NULL, "histogram", "attn_3/1024", TWO, NULL);
    expect_error(&r, 2, "histogram: found unit attn_3/1024, expected 0 to 1023");
    run_release(&r);
}

/* The views show the units of several dictionaries as the commands tell of them. */
static void test_views_of_a_set(void **state)
{
    static const char *const unit[] = {"attn_1/418", "attn_3/418"};
    (void)state;
    need_demo();
    json_t *told = JSON_OF(&with_cache, "histogram", unit[0], unit[1], TWO);
    struct run_result r;
    run_glimt(&r, &with_cache, "snapshot", "histograms", TWO, "--latents=attn_1/418,attn_3/418",
              "--size=120x24", "--text", NULL);
    expect_done(&r);
    for (size_t i = 0; i < 2; i++) {
        char title[64];
        const json_t *row = json_array_get(get_list(told, "latents"), i);
        snprintf(title, sizeof title, "%s · overlap %.2f", unit[i], get_number(row, "overlap"));
        if (!strstr(r.out, title))
            fail_msg("no \"%s\" in\n%s", title, r.out);
    }
    run_release(&r);
    run_glimt(&r, &with_cache, "snapshot", "corpus", TWO, "--latents=attn_1/418,attn_3/418",
              "--size=120x24", "--text", NULL);
    expect_done(&r);
    assert_non_null(strstr(r.out, "attn_1/418   attn_3/418"));
    assert_non_null(strstr(r.out, "da active on "));
    run_release(&r);
    run_glimt(&r, &with_cache, "snapshot", "latents", TWO, "--latents=attn_3/418", "--size=120x24",
              "--text", NULL);
    expect_done(&r);
    assert_non_null(strstr(r.out, "Latents of attn_1 · ")); /* of the first, as in Explore */
    assert_non_null(strstr(r.out, "▸    418 "));            /* no slider, and no name beside it */
    assert_null(strstr(r.out, "418  attn_1"));
    run_release(&r);
    run_glimt(&r, &with_cache, "snapshot", "latents", TWO, "--latents=attn_3/418", "--dict=attn_3",
              "--size=120x24", "--text", NULL);
    expect_done(&r);
    assert_non_null(strstr(r.out, "attn_3 (2 of 2)"));
    assert_non_null(strstr(r.out, "Latents of attn_3 · "));
    run_release(&r);
    run_glimt(&r, &with_cache, "snapshot", TWO, "--dict=attn_2", "--size=120x24", NULL);
    assert_int_equal(r.status, 2);
    assert_non_null(strstr(r.err, "--dict: found attn_2, expected a dictionary that there is"));
    run_release(&r);
    json_decref(told);
}

/* Each token that is written under fixed values at two places is the one that the analysis of the
 * whole text under the same values predicts: a session's rows beside a generation's steps. */
static void test_what_is_generated_over_a_set_is_what_is_predicted(void **state)
{
    static const char *const insert[] = {"error", "sae"}, prompt[] = "Regeringen har";
    (void)state;
    need_demo();
    for (int i = 0; i < 2; i++) {
        json_t *made = json_of(NULL, "generate", prompt, "--json", TWO, "--neurons=L2N69",
                               "--fix=attn_3/390=9,attn_1/418=-6,L2N69=4", "--insert", insert[i],
                               "--tokens=10", NULL);
        json_t *plain = json_of(NULL, "generate", prompt, "--json", "--tokens=10", NULL);
        json_t *given = JSON_OF(NULL, "tokenize", prompt);
        json_t *read = json_of(NULL, "analyze", get_string(made, "text"), "--json", TWO,
                               "--neurons=L2N69", "--fix=attn_3/390=9,attn_1/418=-6,L2N69=4",
                               "--insert", insert[i], "--predictions=1", NULL);
        const json_t *ids = get_list(made, "ids"), *tokens = get_list(read, "tokens");
        const size_t n = json_array_size(ids), n_given = json_array_size(get_list(given, "ids"));
        assert_true(n > n_given + 4);
        assert_int_equal(json_array_size(tokens), n);
        for (size_t t = n_given; t < n; t++) {
            const int id = (int)json_integer_value(json_array_get(ids, t));
            const json_t *next = get_list(json_array_get(tokens, t - 1), "next");
            assert_int_equal(get_whole(json_array_get(tokens, t), "id"), id);
            assert_int_equal(get_whole(json_array_get(next, 0), "id"), id);
        }
        assert_string_not_equal(get_string(made, "text"), get_string(plain, "text"));
        json_decref(given);
        json_decref(made);
        json_decref(plain);
        json_decref(read);
    }
}

/* Each SAE has its proof, the same as alone. */
static void test_every_sae_is_proved(void **state)
{
    static const char *const hook[] = {"layers.1.attn.out", "layers.3.attn.out"};
    (void)state;
    need_demo();
    json_t *two = JSON_OF(&with_cache, "verify", TWO, "--neurons", "L2N69"),
           *one = JSON_OF(&with_cache, "verify", THREE);
    json_t *proofs = get_list(two, "proofs"), *last = json_array_get(proofs, 1);
    assert_int_equal(json_array_size(proofs), 2);
    for (size_t i = 0; i < 2; i++)
        assert_string_equal(get_string(json_array_get(proofs, i), "hook"), hook[i]);
    json_object_del(last, "hook");
    assert_true(json_equal(last, json_object_get(one, "proof")));
    assert_false(json_equal(json_array_get(proofs, 0), last));
    json_decref(two);
    json_decref(one);
}

/* After the others: what they kept is computed anew over the same set, and but in part without. */
static void test_the_cache_is_verified_over_the_set(void **state)
{
    (void)state;
    need_demo();
    json_t *all =
        JSON_OF(&with_cache, "cache", "verify", "--sample", "100", TWO, "--neurons", "L2N69");
    json_t *one = JSON_OF(&with_cache, "cache", "verify", "--sample", "100", THREE);
    const int n = (int)json_array_size(get_list(all, "rows"));
    assert_true(n >= 8);
    assert_int_equal(get_whole(all, "compared"), n);
    assert_true(get_whole(one, "compared") > 0 && get_whole(one, "compared") < n);
    assert_int_equal(get_whole(one, "compared") + get_whole(one, "not_compared"), n);
    json_decref(all);
    json_decref(one);
}

/* Two SAEs may have files of one name: where each is tells them apart. */
static void test_the_cache_says_which(void **state)
{
    (void)state;
    need_demo();
    json_t *list = JSON_OF(&with_cache, "cache", "list"), *row;
    bool said = false;
    size_t i;
    json_array_foreach(get_list(list, "rows"), i, row)
    {
        const char *dict = get_string(row, "dict");
        said = said || strcmp(dict, "sae (attn_1) + neurons (mlp_2) + sae (attn_3)") == 0;
        assert_string_not_equal(dict, "sae + neurons + sae");
    }
    assert_true(said);
    json_decref(list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_sweep_over_three_points_is_that_of_the_reference),
        cmocka_unit_test(test_values_at_two_points_are_those_of_the_reference),
        cmocka_unit_test(test_a_unit_s_name_chooses_its_dictionary),
        cmocka_unit_test(test_dict_chooses_where_no_unit_does),
        cmocka_unit_test(test_what_is_generated_over_a_set_is_what_is_predicted),
        cmocka_unit_test(test_views_of_a_set),
        cmocka_unit_test(test_every_sae_is_proved),
        cmocka_unit_test(test_the_cache_is_verified_over_the_set),
        cmocka_unit_test(test_the_cache_says_which),
    };
    return cmocka_run_group_tests_name("sets", tests, journey_begin_with_cache, journey_end);
}

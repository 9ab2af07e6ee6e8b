/* glimt neuron, as a user meets it: numbers beside those of an independent script, every form of
 * output, bad input. */
#include "tests/support/journey.h"
#include "tests/support/testdata.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_means_of_the_reference(void **state)
{
    (void)state;
    need_demo();
    json_t *golden = golden_json("study/neuron.json"), *g;
    json_t *root = JSON_OF(&with_cache, "neuron", "means", "L1N75,L2N442", "L2N325", "L3N909",
                           "--from", "3", "--to", "20", "--off", "L1N75,L2N325");
    json_t *rows = get_list(root, "rows");
    size_t i;
    int compared = 0;
    json_array_foreach(json_object_get(golden, "means_held"), i, g)
    {
        if (i >= json_array_size(rows)) /* the latent */
            break;
        json_t *row = json_array_get(rows, i);
        assert_string_equal(get_string(row, "unit"), get_string(g, "unit"));
        assert_string_equal(get_string(row, "class"), get_string(g, "class"));
        expect_close(get_number(row, "mean"), get_number(g, "mean"), 1e-4);
        expect_close(get_number(row, "sd"), get_number(g, "sd"), 1e-4);
        assert_int_equal(get_whole(row, "tokens"), get_whole(g, "tokens"));
        assert_int_equal(get_whole(row, "texts"), get_whole(g, "texts"));
        compared++;
    }
    assert_int_equal(compared, 8);
    assert_string_equal(get_string(json_object_get(root, "parameters"), "off"), "L1N75,L2N325");
    json_decref(root);
    json_decref(golden);
}

static void test_classify_the_reference(void **state)
{
    (void)state;
    need_demo();
    json_t *all = golden_json("study/neuron.json"), *golden = json_object_get(all, "classify");
    json_t *root = JSON_OF(&with_cache, "neuron", "classify", "L1N75", "L2N442", "L2N325", "L3N909",
                           "--from=3", "--to=20", "--tokens=300", "--seed=7");
    static const char *const units[] = {"L1N75", "L2N442", "L2N325", "L3N909"};
    json_t *rows = get_list(root, "rows"), *row;
    size_t i;
    double last = 1;
    assert_int_equal(json_array_size(rows), 4);
    json_array_foreach(rows, i, row)
    {
        size_t j = 0;
        while (strcmp(get_string(row, "unit"), units[j]) != 0)
            assert_true(++j < 4);
        expect_close(get_number(row, "f1"),
                     json_number_value(json_array_get(json_object_get(golden, "f1"), j)), 1e-6);
        expect_close(get_number(row, "test_accuracy") * 120,
                     json_number_value(json_array_get(json_object_get(golden, "test"), j)), 1e-4);
        assert_true(get_number(row, "f1") <= last);
        last = get_number(row, "f1");
    }
    assert_int_equal(json_array_size(get_list(root, "histogram")), 4 * 2 * 30);
    json_decref(root);
    json_decref(all);
}

static void test_ablate_the_reference(void **state)
{
    (void)state;
    need_demo();
    json_t *all = golden_json("study/neuron.json"), *golden = json_object_get(all, "ablate");
    json_t *root = JSON_OF(&with_cache, "neuron", "ablate", "L1N75", "L2N442", "L3N909", "--from=3",
                           "--to=20", "--limit=12", "--texts=64", "--sets=pairs"),
           *rows = get_list(root, "rows"), *row, *g;
    size_t i, j, k;
    int compared = 0;
    json_array_foreach(rows, i, row)
    {
        const char *cls = get_string(row, "class");
        double loss = 0, plain = 0;
        json_array_foreach(json_object_get(golden, "sets"), j, g)
        {
            json_t *units = json_object_get(g, "units"), *v;
            char names[80] = "";
            json_array_foreach(units, k, v)
            {
                strcat(strcat(names, k ? "," : ""), json_string_value(v));
            }
            if (strcmp(names, get_string(row, "units")) != 0 ||
                strcmp(get_string(g, "set"), get_string(row, "set")) != 0)
                continue;
            json_array_foreach(json_object_get(json_object_get(g, "loss"), cls), k, v)
            {
                loss += json_number_value(v) / 12;
            }
            json_array_foreach(json_object_get(json_object_get(golden, "plain"), cls), k, v)
            {
                plain += json_number_value(v) / 12;
            }
            expect_close(get_number(row, "loss"), plain, 2e-5);
            expect_close(get_number(row, "percent"), 100 * (loss - plain) / plain, 2e-3);
            compared++;
        }
    }
    assert_int_equal(compared, 2 * (3 + 3));
    assert_int_equal(json_array_size(get_list(root, "backup")), 3 * 2 * 2);
    json_decref(root);
    json_decref(all);
    root = JSON_OF(&with_cache, "neuron", "ablate", "L1N75", "L2N442", "L3N909", "--from=3",
                   "--to=20", "--limit=12", "--as-published");
    assert_int_equal(json_array_size(get_list(root, "rows")), 2 * (3 + 1));
    json_decref(root);
}

static void test_boosts_of_the_reference(void **state)
{
    (void)state;
    need_demo();
    json_t *golden = golden_json("study/neuron_boosts.json"), *v,
           *root = JSON_OF(&with_cache, "neuron", "boosts", "L2N442", "--from=3", "--to=20",
                           "--texts=16", "--max-norm=0", "--min-embed=0"),
           *rows = get_list(root, "rows");
    size_t i;
    assert_int_equal(json_array_size(rows), 6144);
    assert_int_equal(json_array_size(get_list(root, "boosted")), 100);
    json_array_foreach(json_object_get(json_object_get(golden, "direct"), "top"), i, v)
    {
        expect_close(get_number(json_array_get(rows, i), "boost"),
                     json_number_value(json_array_get(v, 1)), 1e-4);
    }
    json_decref(root);
    /* a later unit by how it changes; the layer by what it would say */
    root = JSON_OF(&with_cache, "neuron", "boosts", "L2N442", "--from=3", "--to=20", "--texts=16",
                   "--later=L3N909");
    json_array_foreach(json_object_get(json_object_get(golden, "later_boost"), "top"), i, v)
    {
        expect_close(get_number(json_array_get(get_list(root, "rows"), i), "boost"),
                     json_number_value(json_array_get(v, 1)), 1e-4);
    }
    json_decref(root);
    root = JSON_OF(&with_cache, "neuron", "boosts", "L2N442", "--from=3", "--to=20", "--texts=16",
                   "--later=L3N909", "--as-published");
    json_array_foreach(json_object_get(json_object_get(golden, "later_published"), "top"), i, v)
    {
        expect_close(get_number(json_array_get(get_list(root, "rows"), i), "boost"),
                     json_number_value(json_array_get(v, 1)), 1e-4);
    }
    json_decref(root);
    for (int back = 0; back < 2; back++) {
        root =
            JSON_OF(&with_cache, "neuron", "boosts", "L2N442", "--from=3", "--to=20", "--texts=16",
                    "--by=lens", "--limit=5", back ? "--as-published" : "--max-norm=15");
        v = json_array_get(json_object_get(json_object_get(golden, "lens"), "top"), 0);
        expect_close(get_number(json_array_get(get_list(root, "rows"), back ? 6143 : 0), "boost"),
                     json_number_value(json_array_get(v, 1)) * (back ? -1 : 1), 1e-4);
        json_decref(root);
    }
    root = JSON_OF(&with_cache, "neuron", "unigrams", "L2N442", "--from=3", "--to=20", "--texts=16",
                   "--limit=16", "--top=12", "--by-tokens");
    v = json_array_get(json_object_get(json_object_get(golden, "by_tokens"), "en"), 2);
    expect_close(get_number(json_array_get(get_list(root, "rows"), 14), "boost"),
                 json_number_value(json_array_get(v, 3)), 1e-4);
    assert_int_equal(json_array_size(get_list(root, "classes")), 2);
    json_decref(root);
    json_decref(golden);
}

/* The means of 16 sentences of each class, as the script has them. */
#define AS_THE_SCRIPT "--from=3", "--to=20", "--texts=16", "--limit=16"

static void check_losses(json_t *root, json_t *golden)
{
    json_t *tokens = get_list(root, "tokens"), *losses = json_object_get(golden, "losses"), *row;
    size_t i;
    assert_int_equal(json_array_size(tokens), json_array_size(json_array_get(losses, 0)));
    json_array_foreach(tokens, i, row)
    {
        const double a = json_number_value(json_array_get(json_array_get(losses, 0), i)),
                     b = json_number_value(json_array_get(json_array_get(losses, 1), i));
        expect_close(get_number(row, "loss_a"), a, 1e-4);
        expect_close(get_number(row, "loss_b"), b, 1e-4);
        expect_close(get_number(row, "difference"), b - a, 1e-4);
    }
}

static void test_position_of_the_reference(void **state)
{
    (void)state;
    need_demo();
    json_t *golden = golden_json("study/neuron_runs.json"), *g, *rows;
    const char *text = get_string(golden, "text");
    json_t *root = JSON_OF(&with_cache, "neuron", "position", "L2N442", AS_THE_SCRIPT, "--at=4",
                           "--top=6", "--max-norm=0", "--min-embed=0", text);
    check_losses(root, json_object_get(golden, "position"));
    rows = get_list(root, "rows");
    assert_int_equal(json_array_size(rows), 24);
    g = json_array_get(json_object_get(json_object_get(golden, "position"), "reduced"), 2);
    assert_int_equal(get_whole(json_array_get(rows, 18 + 2), "id"),
                     json_integer_value(json_array_get(g, 0)));
    expect_close(get_number(json_array_get(rows, 18 + 2), "logp_b"),
                 json_number_value(json_array_get(g, 2)), 1e-4);
    json_decref(root);
    /* later neurons, shifted by what is measured; others held */
    root = JSON_OF(&with_cache, "neuron", "position", "L2N442", AS_THE_SCRIPT, "--at=4",
                   "--min-embed=0", "--later=L3N909,L3N12", "--text", text);
    check_losses(root, json_object_get(golden, "position_shifted"));
    json_decref(root);
    root = JSON_OF(&with_cache, "neuron", "position", "L2N442", AS_THE_SCRIPT, "--min-embed=0",
                   "--off=L1N75", text);
    check_losses(root, json_object_get(golden, "position_held"));
    json_decref(root);
    /* given values need no corpus */
    root = JSON_OF(&with_cache, "neuron", "position", "L2N442", "--on-at=2.5", "--off-at=0",
                   "--min-embed=0", "nothing/of/that/name.tsv", text);
    assert_int_equal(json_array_size(get_list(root, "tokens")), 8);
    json_decref(root);
    json_decref(golden);
}

/* The numbers themselves: tests/engine/study/test_stream.c; here that they are asked for as said.
 */
static void test_streams_of_the_reference(void **state)
{
    (void)state;
    need_demo();
    json_t *golden = golden_json("study/neuron_runs.json"),
           *spread = json_object_get(golden, "spread"), *rows;
    const char *const names[] = {"plain", "off", "frozen"};
    char off[100];
    json_t *da = json_object_get(json_object_get(golden, "stream"), "da");
    snprintf(off, sizeof off, "--off-at=%.9g,%.9g,%.9g", get_number(spread, "attn_1/418"),
             get_number(spread, "L1N75"), get_number(spread, "L2N442"));
#define SPREAD "attn_1/418", "L1N75", "L2N442", "--sae=store/demo/sae.safetensors", "--limit=5", off
    for (int frozen = 0; frozen < 2; frozen++) {
        json_t *root = JSON_OF(&with_cache, "neuron", "attribution", SPREAD,
                               frozen ? "--frozen-scale" : "--from=10");
        rows = get_list(root, "rows");
        assert_int_equal(json_array_size(rows), 10);
        for (size_t p = 0; p < 5; p++) {
            json_t *row = json_array_get(rows, 2 * p);
            expect_close(get_number(row, "on"),
                         json_number_value(json_array_get(json_object_get(da, names[0]), p)), 1e-4);
            expect_close(
                get_number(row, "off"),
                json_number_value(json_array_get(json_object_get(da, names[1 + frozen]), p)), 1e-4);
        }
        json_decref(root);
    }
    json_t *root = JSON_OF(&with_cache, "neuron", "patch", SPREAD);
    for (size_t p = 0; p < 6; p++)
        expect_close(get_number(json_array_get(get_list(root, "rows"), 2 * p), "loss"),
                     json_number_value(json_array_get(json_object_get(da, "patched"), p)), 1e-4);
    json_decref(root);
    root = JSON_OF(&with_cache, "neuron", "effects", SPREAD, "--metric=logit", "--frozen-scale");
    rows = json_array_get(get_list(root, "rows"), 0);
    json_t *g = json_object_get(da, "effects_frozen");
    expect_close(get_number(rows, "direct"),
                 json_number_value(json_array_get(g, 2)) - json_number_value(json_array_get(g, 0)),
                 1e-4);
    expect_close(get_number(rows, "remainder"), 0, 1e-5);
    json_decref(root);
    json_decref(golden);
}

/* In a model with SAEs inserted; the numbers of all its studies: tests/engine/study/test_runs.c. */
static void test_inserted(void **state)
{
    (void)state;
    need_demo();
    json_t *golden = golden_json("study/neuron_inserted.json"),
           *da = json_object_get(json_object_get(golden, "stream"), "da"), *row;
    static const char *const table[] = {"on", "off"};
#define SAE "--sae=store/demo/sae.safetensors"
#define INSERTED                                                                                   \
    "attn_1/418", "L1N75", "L2N442", SAE, SAE, "--hook=layers.3.attn.out", "--limit=8",            \
        "--off-at=3,-0.5,4", "--insert=attn_3=sae,layers.1.attn.out=sae"
    json_t *root = JSON_OF(&with_cache, "neuron", "attribution", INSERTED);
    for (size_t p = 0; p < 5; p++)
        for (int i = 0; i < 2; i++)
            expect_close(get_number(json_array_get(get_list(root, "rows"), 2 * p), table[i]),
                         json_number_value(json_array_get(json_object_get(da, table[i]), p)), 1e-4);
    assert_string_equal(get_string(json_object_get(root, "parameters"), "insert"), "sae");
    json_decref(root);
    root = JSON_OF(&with_cache, "neuron", "patch", INSERTED);
    for (size_t p = 0; p < 6; p++)
        expect_close(get_number(json_array_get(get_list(root, "rows"), 2 * p), "loss"),
                     json_number_value(json_array_get(json_object_get(da, "patched"), p)), 1e-4);
    json_decref(root);
    root = JSON_OF(&with_cache, "neuron", "effects", INSERTED);
    row = json_array_get(get_list(root, "rows"), 0);
    json_t *ends = json_object_get(da, "effects");
    expect_close(get_number(row, "plain"), json_number_value(json_array_get(ends, 0)), 1e-4);
    expect_close(get_number(row, "direct"),
                 json_number_value(json_array_get(ends, 2)) -
                     json_number_value(json_array_get(ends, 0)),
                 1e-4);
    json_decref(root);
    json_decref(golden);
    golden = golden_json("study/neuron_chains.json");
    root =
        JSON_OF(&with_cache, "neuron", "chains", "attn_1/418", SAE, SAE, "--hook=layers.3.attn.out",
                "--insert=sae", "--on-at=3", "--off-at=-0.5", "--from=3", "--to=20", "--limit=12",
                "--later=L2N442,attn_3/92,attn_3/219,L3N909", "--top=100");
    ends = json_object_get(json_object_get(golden, "inserted"), "on");
    row = json_array_get(get_list(root, "links"), 4);
    assert_string_equal(get_string(row, "from"), "L2N442");
    assert_string_equal(get_string(row, "to"), "attn_3/92");
    expect_close(
        get_number(row, "on"),
        json_number_value(json_array_get(json_array_get(json_object_get(ends, "link"), 0), 1)),
        1e-4);
    assert_int_equal(json_array_size(get_list(root, "rows")),
                     2 * json_array_size(json_object_get(ends, "chains")));
    json_decref(root);
    json_decref(golden);
    struct run_result r;
    run_glimt(&r, &with_cache, "neuron", "means", "L2N442", SAE, SAE, "--hook=layers.3.attn.out",
              "--insert=attn_1=sae", "--from=3", NULL);
    expect_done(&r);
    assert_non_null(strstr(r.out, "inserted: attn_1"));
    assert_null(strstr(r.out, "attn_3"));
    run_release(&r);
}

static double of_list(json_t *list, size_t i)
{
    return json_number_value(json_array_get(list, i));
}

static void test_later_of_the_reference(void **state)
{
    (void)state;
    need_demo();
    json_t *golden = golden_json("study/neuron_runs.json"), *g, *row;
    json_t *root =
        JSON_OF(&with_cache, "neuron", "downstream", "L2N442", AS_THE_SCRIPT, "--top=20");
    size_t i;
    assert_int_equal(json_array_size(get_list(root, "rows")), 20);
    json_array_foreach(get_list(root, "rows"), i, row)
    {
        char name[32];
        g = json_array_get(json_object_get(json_object_get(golden, "downstream"), "top"), i);
        snprintf(name, sizeof name, "L3N%d", (int)of_list(g, 0));
        assert_string_equal(get_string(row, "unit"), name);
        expect_close(get_number(row, "mean"), of_list(g, 1), 1e-4);
        expect_close(get_number(row, "sd"), of_list(g, 2), 1e-4);
    }
    json_decref(root);
    /* behind a latent of layer 1 are neurons of later layers, or of those that are asked for */
    for (int from = 1; from <= 3; from += 2) {
        root = from == 1 ? JSON_OF(&with_cache, "neuron", "downstream", "418", AS_THE_SCRIPT)
                         : JSON_OF(&with_cache, "neuron", "downstream", "418", AS_THE_SCRIPT,
                                   "--layers=3");
        bool layer[4] = {false};
        json_array_foreach(get_list(root, "rows"), i, row)
        {
            layer[get_string(row, "unit")[1] - '0'] = true;
        }
        assert_true(layer[2] == (from == 1) && layer[3] && !layer[0]);
        json_decref(root);
    }
    root = JSON_OF(&with_cache, "neuron", "shift", "L2N442", AS_THE_SCRIPT, "--later=L3N909,L3N12",
                   "--tokens=40", "--losses");
    row = json_array_get(get_list(root, "rows"), 5);
    g = json_object_get(json_object_get(golden, "shift"), "L3N12");
    assert_true(json_is_null(json_object_get(row, "class")));
    expect_close(get_number(row, "shift"), get_number(g, "all"), 1e-4);
    assert_int_equal(json_array_size(get_list(root, "histogram")), 2 * 2 * 30);
    assert_int_equal(json_array_size(get_list(root, "losses")), 4);
    json_decref(root);
    /* the text whose token has the best score of all */
    root = JSON_OF(&with_cache, "neuron", "examples", "L2N442", AS_THE_SCRIPT,
                   "--later=L3N909,L3N12", "--top=2", "--target=en");
    row = json_array_get(get_list(root, "examples"), 0);
    g = json_array_get(json_object_get(json_object_get(golden, "runs"), "en"),
                       (size_t)get_whole(row, "doc"));
    expect_close(get_number(row, "score"), of_list(g, 2), 1e-4);
    assert_int_equal(get_whole(row, "position"), (int)of_list(g, 3));
    json_decref(root);
    json_decref(golden);
}

/* Ways to the loss, with the shifts that are measured; without later units those that change most.
 */
static void test_chains_of_the_reference(void **state)
{
    (void)state;
    need_demo();
    json_t *golden = golden_json("study/neuron_chains.json"), *row,
           *on = json_object_get(json_object_get(golden, "plain"), "on");
    json_t *root = JSON_OF(&with_cache, "neuron", "chains", "attn_1/418",
                           "--sae=store/demo/sae.safetensors", "--from=3", "--to=20", "--texts=16",
                           "--limit=12", "--later=L2N442,L2N325,L3N909,L3N12", "--top=100");
    double sum = 0;
    size_t i;
    json_array_foreach(get_list(root, "rows"), i, row)
    {
        sum += i % 2 ? 0 : get_number(row, "on");
    }
    assert_int_equal(i, 2 * json_array_size(json_object_get(on, "chains")));
    expect_close(sum, get_number(json_array_get(get_list(root, "losses"), 0), "on"), 1e-9);
    row =
        json_array_get(get_list(root, "links"), 4); /* of the first later unit, in its layer none */
    assert_string_equal(get_string(row, "from"), "L2N442");
    assert_string_equal(get_string(row, "to"), "L3N909");
    expect_close(get_number(row, "on"), of_list(json_array_get(json_object_get(on, "link"), 0), 2),
                 1e-4);
    json_decref(root);
    root = JSON_OF(&with_cache, "neuron", "chains", "L1N75", "--from=3", "--limit=6", "--best=3");
    assert_int_equal(json_array_size(get_list(root, "losses")), 2 * (1 + 3));
    json_decref(root);
    root = JSON_OF(&with_cache, "neuron", "chains", "L1N75", "--from=3", "--limit=6", "--best=2",
                   "--off=L2N442"); /* which changes by nothing, always */
    assert_int_equal(json_array_size(get_list(root, "losses")), 2 * (1 + 2));
    json_decref(root);
    json_decref(golden);
}

static void fill(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

/* Wherever units are named, with others beside them; what is told is their names. */
static void check_lists_anywhere(const char *at)
{
    char off[220], other[220];
    snprintf(off, sizeof off, "--off=%s", at);
    snprintf(other, sizeof other, "L1N75,%s", at);
    json_t *root = JSON_OF(&with_cache, "neuron", "means", "L3N909", "--from=3", "--limit=4", off),
           *is = json_object_get(root, "parameters");
    assert_string_equal(get_string(is, "off"), "L2N325,L3N735");
    json_decref(root);
    root = JSON_OF(&with_cache, "neuron", "shift", "L1N75", "--later=L3N12,@demo-danish",
                   "--from=3", "--limit=4", "--texts=4");
    is = json_object_get(root, "parameters");
    assert_string_equal(get_string(is, "later"), "L3N12,L3N909,L3N991,L2N442,L3N735,L2N325");
    json_decref(root);
    root = JSON_OF(&with_cache, "logit-lens", "--neurons", other);
    assert_int_equal(json_array_size(get_list(json_object_get(root, "parameters"), "units")), 3);
    json_decref(root);
    root = JSON_OF(&with_cache, "logit-lens", at, "--neurons=@demo-danish");
    assert_int_equal(json_array_size(get_list(json_object_get(root, "parameters"), "units")), 2);
    json_decref(root);
}

/* Units that a file names, or a list that comes along. */
static void test_lists(void **state)
{
    (void)state;
    need_demo();
    struct run_result r;
    const char *own = scratch_path("mine.txt");
    fill(own, "# two of them\nL2N325, # this\n\tL3N735\n");
    char at[200];
    snprintf(at, sizeof at, "@%s", own);
    json_t *root = JSON_OF(&with_cache, "neuron", "means", at, "--from=3", "--limit=4"),
           *rows = get_list(root, "rows");
    assert_int_equal(json_array_size(rows), 2 * 2);
    assert_string_equal(get_string(json_array_get(rows, 2), "unit"), "L3N735");
    assert_int_equal(json_array_size(get_list(json_object_get(root, "parameters"), "units")), 2);
    json_decref(root);
    check_lists_anywhere(at);
    root = JSON_OF(&with_cache, "neuron", "means", "@demo-danish", "--from=3", "--limit=4");
    assert_int_equal(json_array_size(get_list(root, "rows")), 2 * 5);
    json_decref(root);
    run_glimt(&r, &with_cache, "neuron", "classify", "@pythia-70m-german", NULL);
    expect_error(&r, 2, "4 layers");
    run_release(&r);
    static const char *const nowhere[][3] = {{"means", "@nothing", NULL},
                                             {"means", "418", "--off=@nothing"},
                                             {"shift", "L1N75", "--later=L2N3,@nothing"},
                                             {"means", "--neurons=@nothing", NULL}};
    for (size_t i = 0; i < sizeof nowhere / sizeof *nowhere; i++) {
        run_glimt(&r, &with_cache, "neuron", nowhere[i][0], nowhere[i][1], nowhere[i][2], NULL);
        expect_error(&r, 2, "opening nothing");
        run_release(&r);
    }
    fill(own, "# none\n");
    run_glimt(&r, &with_cache, "neuron", "means", at, NULL);
    expect_error(&r, 2, "found no unit");
    run_release(&r);
    fill(own, "L2N3 Hansen\n");
    run_glimt(&r, &with_cache, "neuron", "means", at, NULL);
    expect_error(&r, 2, "found Hansen, expected names of units");
    run_release(&r);
}

/* What is read aloud in colour: the text behind the tables, red where it is worse without. */
static void test_colours(void **state)
{
    struct run_result r;
    (void)state;
    need_demo();
    run_glimt(&r, &with_cache, "neuron", "position", "L2N442", "--on-at=3", "--off-at=-6",
              "--color=256", "Regeringen har besluttet det.", NULL);
    assert_int_equal(r.status, 0);
    assert_non_null(strstr(r.out, "\033[0;"));
    assert_non_null(strstr(r.out, "colour: loss in the second run minus the first"));
    run_release(&r);
    run_glimt(&r, &with_cache, "neuron", "examples", "L2N442", "--on-at=3", "--off-at=-6",
              "--limit=6", "--top=2", "--from=3", NULL);
    assert_int_equal(r.status, 0);
    assert_null(strstr(r.out, "colour:")); /* no terminal */
    assert_null(strchr(r.out, 27));
    run_release(&r);
    run_glimt(&r, &with_cache, "neuron", "examples", "L2N442", "--on-at=3", "--off-at=-6",
              "--limit=6", "--top=2", "--from=3", "--svg", "-", NULL);
    assert_int_equal(r.status, 0);
    assert_non_null(strstr(r.out, "<title>difference"));
    assert_non_null(strstr(r.out, ", logp_a"));
    run_release(&r);
}

/* Of neurons of one layer: columns of the last matrix of the MLP. Both ways the same. */
static void test_similar(void **state)
{
    (void)state;
    need_demo();
    json_t *root = JSON_OF(&with_cache, "neuron", "similar", "L2N442,L3N909", "--layers=2,3",
                           "--top=1024"),
           *rows = get_list(root, "rows"), *row;
    double there = NAN, back = NAN;
    size_t i;
    assert_int_equal(json_array_size(rows), 2 * 1024);
    json_array_foreach(rows, i, row)
    {
        const double cosine = get_number(row, "cosine");
        assert_true(fabs(cosine) < 1 && strcmp(get_string(row, "unit"), get_string(row, "other")));
        assert_true(i % 1024 == 0 || cosine <= get_number(json_array_get(rows, i - 1), "cosine"));
        if (i < 1024 && strcmp(get_string(row, "other"), "L3N909") == 0)
            there = cosine;
        if (i >= 1024 && strcmp(get_string(row, "other"), "L2N442") == 0)
            back = cosine;
    }
    expect_close(there, back, 1e-12);
    row = json_array_get(get_list(root, "pairs"), 0);
    expect_close(get_number(row, "cosine"), there, 1e-12);
    json_decref(root);
}

static void test_groups(void **state)
{
    (void)state;
    need_demo();
    json_t *root = JSON_OF(&with_cache, "neuron", "groups", "L2N325", "--layers=2,3",
                           "--min-cosine=0.55"),
           *rows = get_list(root, "rows"), *row;
    size_t i;
    bool found = false;
    json_array_foreach(rows, i, row)
    {
        assert_int_equal(get_whole(row, "group"), 1);
        assert_true(get_number(row, "cosine") >= .55);
        found = found || strcmp(get_string(row, "unit"), "L3N735") == 0;
    }
    assert_true(found);
    assert_int_equal(get_whole(json_array_get(get_list(root, "groups"), 0), "units"), (int)i);
    json_decref(root);
}

/* Whatever is said of latents, a dictionary or an insertion is of the bundle's SAE, beside any
 * neurons that are named. */
static void test_beside_the_bundle(void **state)
{
    static const char *const asks[][5] = {
        {"groups", "418", "--layers=2,3"},
        {"similar", "418", "--layers=2,3"},
        {"similar", "L2N442", "--dict=attn_1"},
        {"similar", "--layers=3"}, /* the chosen ones */
        {"means", "attn_1/418", "L2N442", "--from=3"},
        {"means", "418", "--off=L2N442", "--from=3"},
        {"means", "L2N442", "--off=418", "--from=3"},
        {"means", "L2N442", "--insert=sae", "--from=3"},
        {"downstream", "--from=3", "--texts=4", "--limit=4"}, /* behind the chosen ones */
        {"chains", "418", "--best=1", "--limit=4"},
    };
    (void)state;
    need_demo();
    for (size_t i = 0; i < sizeof asks / sizeof *asks; i++) {
        struct run_result r;
        run_glimt(&r, &with_cache, "neuron", asks[i][0], asks[i][1], asks[i][2], asks[i][3],
                  asks[i][4], NULL);
        expect_done(&r);
        assert_non_null(strstr(r.out, "attn_1"));
        run_release(&r);
    }
    json_t *root = JSON_OF(&with_cache, "neuron", "groups", "418", "--layers=2,3"),
           *rows = get_list(root, "rows");
    assert_int_equal(json_array_size(rows), 2);
    assert_string_equal(get_string(json_array_get(rows, 0), "unit"), "L2N241");
    assert_string_equal(get_string(json_array_get(rows, 1), "unit"), "attn_1/418");
    json_decref(root);
}

/* Where whole layers are asked about, no unit is said to be. */
static void test_whole_layers(void **state)
{
    (void)state;
    need_demo();
    for (int i = 0; i < 3; i++) {
        json_t *root = i == 0 ? JSON_OF(&with_cache, "neuron", "classify", "--layer=3", "--from=3")
                       : i == 1 ? JSON_OF(&with_cache, "neuron", "groups", "--layers=2,3")
                                : JSON_OF(&with_cache, "neuron", "means", "--from=3"); /* chosen */
        const json_t *units = json_object_get(json_object_get(root, "parameters"), "units");
        assert_int_equal(json_array_size(units), i < 2 ? 0 : 6);
        json_decref(root);
    }
}

/* A layer's neurons, for people and in a table; latents of the bundle's SAE just as well. */
static void test_forms(void **state)
{
    struct run_result r;
    (void)state;
    need_demo();
    run_glimt(&r, &with_cache, "neuron", "classify", "--layer", "3", "--from", "3", NULL);
    assert_int_equal(r.status, 0);
    assert_non_null(strstr(r.out, "the best 20 of 1024"));
    run_release(&r);
    run_glimt(&r, &with_cache, "neuron", "classify", "--layer", "3", "--from", "3", "--rows", "2",
              "--csv", NULL);
    assert_int_equal(r.status, 0);
    assert_ptr_equal(strstr(r.out, "unit,f1,train_accuracy,test_accuracy,mean.da,mean.en\nL3N"),
                     r.out);
    run_release(&r);
    run_glimt(&r, &with_cache, "neuron", "means", "418", "--from", "3", "--no-bos", NULL);
    assert_int_equal(r.status, 0);
    assert_non_null(strstr(r.out, "attn_1/418"));
    assert_null(strstr(r.out, "BOS"));
    run_release(&r);
    run_glimt(&r, &with_cache, "neuron", "classify", "L2N325", "--svg", "-", NULL);
    assert_int_equal(r.status, 0);
    assert_non_null(strstr(r.out, "<svg"));
    run_release(&r);
}

static void test_refused(void **state)
{
    static const struct {
        const char *arg[4], *says;
    } wrong[] = {
        {{"means", "L9N3"}, "4 layers"},
        {{"means", "L2N3000"}, "expected 0 to 1023"},
        {{"means", "L2N3", "--off", "L2"}, "--off: found L2"},
        {{"means", "L2N3", "--to", "5"}, "expected the first before the last"},
        {{"classify", "L2N3", "--layer", "2"}, "expected one or the other"},
        {{"classify", "--layer", "7"}, "--layer: found no neurons of layer 7 here"},
        {{"classify", "L2N3", "--from", "200"}, "expected some of each"},
        {{"grow"},
         "expected one of means, classify, ablate, boosts, unigrams, attribution, "
         "patch, effects, downstream, shift, examples, chains, position, similar, groups"},
        {{"ablate", "L2N3", "--class", "x=store/demo/reference-da.txt"}, "found one class"},
        {{"boosts", "L2N3", "--by=direct,lens"}, "expected direct or lens"},
        {{"boosts", "L2N3", "--by=lens", "--later=L3N1"}, "expected --by direct"},
        {{"ablate", "L2N3", "--as-published", "--off=L1N3"}, "expected one of them"},
        {{"ablate", "418", "--as-published", "--insert=sae"}, "found --insert too"},
        {{"means", "L2N3", "--insert=sae", "--model=store/demo/model"},
         "found neurons alone, expected an SAE"},
        {{"classify", "--layer=2", "--insert=joy"}, "found joy"},
        {{"effects", "418", "--insert=mlp_2=sae"}, "--insert: found mlp_2"},
        {{"similar", "L2N3", "--insert=sae"}, "found --insert, expected none"},
        {{"position", "L2N3", "--text="}, "--text"},
        {{"attribution", "L2N3", "--off-at=1,2"}, "2 values of 1 units"},
        {{"patch", "L2N3", "--off=L2N3"}, "held all the time"},
        {{"effects", "L2N3", "--metric=joy"}, "found joy"},
        {{"downstream", "L3N3"}, "found no neurons behind these units"},
        {{"downstream", "L2N3", "--layers=9"}, "expected a layer of the model's 4"},
        {{"downstream", "L2N3", "--layers=1"}, "--layers: found mlp_1, expected what lies behind"},
        {{"downstream", "L2N3", "--layers=3,2"}, "found mlp_2, expected what lies behind mlp_2"},
        {{"downstream", "418", "--layers=0"}, "found mlp_0, expected what lies behind attn_1"},
        {{"downstream", "L1N3", "--layers=3", "--dict=mlp_1"}, "--layers: found --dict too"},
        {{"similar", "L1N3", "--layers=3", "--dict=mlp_1"}, "--layers: found --dict too"},
        {{"groups", "--layers=3", "--dict=mlp_3"}, "--layers: found --dict too"},
        {{"downstream", "L2N3", "--dict=mlp_1"}, "--dict"},
        {{"shift", "L2N3"}, "expected --later"},
        {{"examples", "L2N3", "--later=L3N3", "--later-at=1,2"}, "1 units with 2 values"},
        {{"similar", "L2N3", "--layers=1.5"}, "found no neurons of layer 1.5"},
        {{"groups", "L2N3", "--min-cosine=0"}, "--min-cosine"},
        {{"chains", "L2N3", "--later=L1N3"}, "expected units behind L2N3"},
        {{"chains", "L2N3", "--layers=1"}, "--layers: found mlp_1, expected what lies behind"},
        {{"chains", "L3N3"}, "found no neurons behind these units"},
        {{"chains", "L2N3", "--best=13"}, "--best"},
        {{"position", "L2N3", "--on-at=1,2", "Hej"}, "2 values of 1 units"},
        {{"position", "L2N3", "--at=9", "Hej"}, "position: found 9"},
    };
    (void)state;
    need_demo();
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct run_result r;
        run_glimt(&r, &with_cache, "neuron", wrong[i].arg[0], wrong[i].arg[1], wrong[i].arg[2],
                  wrong[i].arg[3], NULL);
        expect_error(&r, 2, wrong[i].says);
        run_release(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_means_of_the_reference),
        cmocka_unit_test(test_classify_the_reference),
        cmocka_unit_test(test_ablate_the_reference),
        cmocka_unit_test(test_boosts_of_the_reference),
        cmocka_unit_test(test_position_of_the_reference),
        cmocka_unit_test(test_streams_of_the_reference),
        cmocka_unit_test(test_inserted),
        cmocka_unit_test(test_later_of_the_reference),
        cmocka_unit_test(test_chains_of_the_reference),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_colours),
        cmocka_unit_test(test_similar),
        cmocka_unit_test(test_groups),
        cmocka_unit_test(test_beside_the_bundle),
        cmocka_unit_test(test_whole_layers),
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests_name("glimt neuron", tests, journey_begin_with_cache,
                                       journey_end);
}

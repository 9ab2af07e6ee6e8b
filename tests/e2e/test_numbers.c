/* A model without a dictionary, and numbers that are none: every command works, or says in one line
 * what is missing or broken. */
#include "engine/base/memory.h"
#include "tests/support/explorer.h"
#include "tests/support/journey.h"
#include "tests/support/run.h"
#include "tests/support/spoil.h"
#include "tests/support/testdata.h"
#include "tests/support/tiny_model.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
/* cmocka.h wants some of the headers above it. */
#include <cmocka.h>

enum { LATENTS = 80, D_MLP = 48 };

static const char text[] = "Hun læser";
static char *model, *alone; /* the model by itself; a bundle without an SAE */

static int begin(void **state)
{
    static const char json[] =
        "{\"glimt_bundle\":1,\"title\":\"alone\",\"model\":\"model\",\"classes\":["
        "{\"name\":\"da\",\"label\":\"Danish\",\"reference\":\"reference-da.txt\"},"
        "{\"name\":\"en\",\"label\":\"English\",\"reference\":\"reference-en.txt\"}]}\n";
    if (set_up(state) != 0)
        return -1;
    model = xasprintf("%s/model", folder);
    alone = testdata_write(folder, "alone.glimt", json, sizeof json - 1);
    return 0;
}

static int end(void **state)
{
    free(model);
    free(alone);
    return tear_down(state);
}

/* `line` split at spaces, with an option, without a cache. */
static void run_line(struct run_result *r, const char *line, const char *option, const char *value)
{
    const char *arg[16] = {NULL};
    char *words = xstrdup(line), *rest = NULL;
    int n = 0;
    for (char *w = strtok_r(words, " ", &rest); w; w = strtok_r(NULL, " ", &rest))
        arg[n++] = w;
    arg[n++] = option, arg[n++] = value, arg[n++] = "--cache", arg[n++] = "none";
    run_glimt(r, NULL, arg[0], arg[1], arg[2], arg[3], arg[4], arg[5], arg[6], arg[7], arg[8],
              arg[9], arg[10], (char *)NULL);
    free(words);
}

/* ---- no dictionary */
static void each_command_alone(const char *option, const char *value)
{
    static const char *const works[] = {"analyze Hej",
                                        "analyze Hej --csv",
                                        "analyze Hej --color always",
                                        "analyze Hej --predictions 2",
                                        "analyze Hej --predictions 2 --json",
                                        "generate Hej --tokens 8",
                                        "generate Hej --tokens 8 --json",
                                        "tokenize Hej",
                                        "verify",
                                        "verify --json",
                                        "doctor",
                                        "snapshot explore",
                                        "snapshot latents",
                                        "snapshot histograms",
                                        "snapshot sweep",
                                        "snapshot corpus",
                                        "snapshot jobs"};
    static const char *const refuses[] = {"analyze Hej --fix 3=1",
                                          "analyze Hej --insert sae",
                                          "analyze Hej --latents 3",
                                          "generate Hej --fix 3=1",
                                          "harvest",
                                          "latents",
                                          "find",
                                          "histogram 3",
                                          "examples 3",
                                          "sweep --latents 3",
                                          "sweep",
                                          "logit-lens 3",

                                          "coactive 3",
                                          "snapshot --fix 3=1",
                                          "snapshot --latents 3"};
    struct run_result r;
    for (size_t i = 0; i < sizeof works / sizeof *works; i++) {
        run_line(&r, works[i], option, value);
        if (r.status != 0 || r.n_err > 0 || r.n_out == 0)
            fail_msg("%s %s: status %d: %s", works[i], option, r.status, r.err);
        if (strstr(works[i], "snapshot") && !strstr(works[i], "jobs") && !strstr(r.out, "no SAE"))
            fail_msg("%s does not say that there is no SAE:\n%s", works[i], r.out);
        run_release(&r);
    }
    for (size_t i = 0; i < sizeof refuses / sizeof *refuses; i++) {
        run_line(&r, refuses[i], option, value);
        if (r.status != 2)
            fail_msg("%s %s: status %d: %s", refuses[i], option, r.status, r.err);
        expect_error(&r, 2, "no SAE");
        run_release(&r);
    }
}

static void test_every_command_without_a_dictionary(void **state)
{
    (void)state;
    each_command_alone("--model", model);
    each_command_alone("--bundle", alone);
}

static void test_analysis_without_a_dictionary(void **state)
{
    (void)state;
    json_t *root = JSON_OF(NULL, "analyze", text, "--model", model), *token;
    size_t i;
    assert_true(json_is_null(json_object_get(root, "sae")));
    assert_true(json_is_null(json_object_get(root, "fvu")));
    assert_int_equal(json_array_size(get_list(root, "chosen")), 0);
    assert_true(isfinite(get_number(root, "loss_mean")));
    assert_string_equal(get_string(root, "insert"), "none");
    json_array_foreach(get_list(root, "tokens"), i, token)
    {
        assert_int_equal(json_array_size(get_list(token, "top")), 0);
        assert_int_equal(json_array_size(get_list(token, "chosen")), 0);
        assert_int_equal(isnan(get_number(token, "loss")), i == 0);
    }
    assert_true(i > 1);
    json_t *with = JSON_OF(NULL, "analyze", text, "--bundle", bundle);
    expect_close(get_number(root, "loss_plain"), get_number(with, "loss_plain"), 0);
    json_decref(with);
    json_decref(root);
}

static void test_explorer_without_a_dictionary(void **state)
{
    (void)state;
    const char *const more[] = {"--model", model, NULL};
    struct term *t = start(&(struct how){.more = more, .w = 130, .h = 45});
    assert_shows(t, "no SAE");
    assert_shows(t, "this text");
    assert_shows(t, "Next"); /* losses and predictions are the model's own */
    settle(t);
    escape(t);
    static const char *const keys[] = {"f", "s", "=", "]", "0", "c", " "};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        term_type(t, keys[i]);
    static const char *const commands[] = {":fix 3=2\r", ":unit 3\r", ":insert sae\r",
                                           ":colour pre\r"};
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        term_type(t, ":free all\r");
        settle(t);
        term_type(t, commands[i]);
        assert_shows(t, "no SAE: start with --sae, or with --neurons");
    }
    for (int view = 2; view <= 6; view++) {
        term_type(t, (const char[]){(char)('0' + view), 0});
        settle(t);
        term_type(t, "fcd\r");
        settle(t);
    }
    term_type(t, "1");
    assert_shows(t, "this text");
    settle(t);
    quit(t);
}

/* ---- files with values that are no numbers */
/* `--limit` keeps it short. */
static const char *const reads_texts[] = {
    "analyze Hej",         "analyze Hej --predictions 2", "analyze Hej --json",
    "generate Hej",        "harvest --limit 3",           "latents --limit 3",
    "find --limit 4",      "histogram 3 --limit 3",       "examples 3 --limit 3",
    "sweep --limit 3",     "coactive 3 --limit 3",        "verify",
    "snapshot --latents 3"};
static const char *const opens[] = {"logit-lens 3", "snapshot"};

static void all_refuse(const char *const *line, size_t n, const char *says)
{
    struct run_result r;
    for (size_t i = 0; i < n; i++) {
        run_line(&r, line[i], "--bundle", bundle);
        if (r.status != 2 || !strstr(r.err, says))
            fail_msg("%s: status %d: %s", line[i], r.status, r.err);
        expect_error(&r, 2, says);
        run_release(&r);
    }
}
#define ALL_REFUSE(lines, says) all_refuse(lines, sizeof(lines) / sizeof *(lines), says)

static void test_weights_that_are_no_numbers(void **state)
{
    (void)state;
    static const char layer[] = "gpt_neox.layers.2.mlp.dense_4h_to_h.bias";
    char *file = xasprintf("%s/model.safetensors", model),
         *sae = xasprintf("%s/sae.safetensors", folder);
    float was = spoil(file, layer, 9, NAN);
    const char *says = "layers.2.mlp.dense_4h_to_h.bias: the value at [9] is no finite number";
    ALL_REFUSE(reads_texts, says);
    ALL_REFUSE(opens, says);
    spoil(file, layer, 9, 1e25f); /* finite, and too large */
    struct run_result r;
    run_line(&r, "analyze Hej", "--model", model);
    expect_error(&r, 2, "layers.2.resid.post: a value is no finite number, or too large");
    run_release(&r);
    run_line(&r, "generate Hej", "--model", model);
    expect_error(&r, 2, "layers.2.resid.post: ");
    run_release(&r);
    spoil(file, layer, 9, was);
    was = spoil(sae, "encoder.weight", 3 * D_MLP + 4, INFINITY);
    ALL_REFUSE(reads_texts, "encoder.weight: the value at [3, 4] is no finite number");
    ALL_REFUSE(opens, "encoder.weight: the value at [3, 4] is no finite number");
    spoil(sae, "encoder.weight", 3 * D_MLP + 4, was);
    free(file);
    free(sae);
}

/* Rows of the decoder and of the embedding are looked at when they are used. */
static void test_rows_that_are_no_numbers(void **state)
{
    (void)state;
    static const char *const decodes[] = {"analyze Hej",
                                          "analyze Hej --insert sae --json",
                                          "analyze Hej --fix 3=1",
                                          "generate Hej --insert sae",
                                          "sweep --limit 3 --values 1 --latents 3",
                                          "logit-lens 3",
                                          "snapshot",
                                          "verify"};
    static const char *const encodes[] = {"harvest --limit 3",     "latents --limit 3",
                                          "histogram 3 --limit 3", "examples 3 --limit 3",
                                          "coactive 3 --limit 3",  "generate Hej"};
    char *sae = xasprintf("%s/sae.safetensors", folder),
         *file = xasprintf("%s/model.safetensors", model);
    float was[LATENTS];
    struct run_result r;
    for (size_t i = 0; i < LATENTS; i++)
        was[i] = spoil(sae, "W_dec", i * D_MLP + 5, NAN);
    for (size_t i = 0; i < sizeof decodes / sizeof *decodes; i++) {
        run_line(&r, decodes[i], "--bundle", bundle);
        expect_error(&r, 2, "W_dec: the value at [");
        run_release(&r);
    }
    for (size_t i = 0; i < sizeof encodes / sizeof *encodes; i++) {
        run_line(&r, encodes[i], "--bundle", bundle);
        if (r.status != 0)
            fail_msg("%s: %s", encodes[i], r.err);
        run_release(&r);
    }
    struct term *t = start(&(struct how){.w = 130, .h = 40});
    assert_shows(t, "5] is no finite number"); /* the middle may be left out */
    quit(t);
    for (size_t i = 0; i < LATENTS; i++)
        spoil(sae, "W_dec", i * D_MLP + 5, was[i]);
    for (size_t i = 0; i < 704; i++)
        spoil(file, "gpt_neox.embed_in.weight", i * 32 + 1, INFINITY);
    ALL_REFUSE(reads_texts, "embed_in.weight: the value at [");
    remove(file);
    free(file);
    free(sae);
}

/* ---- fixed values that float32 or a slider can't carry */
static void test_fixed_values(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"analyze Hej --fix 3=1e25", "float32 can't carry the fixed 3 = 1e+25 through the model"},
        {"analyze Hej --fix 17=1,3=-1e30 --insert error", "the fixed 3 = -1e+30, 17 = 1"},
        {"generate Hej --fix 3=1e25", "with --fix: layers.1.resid.post: "},
        {"analyze Hej --fix 3=1e39", "--fix: found 3=1e39, expected "},
        {"sweep --values 1e25", "--values: found 1e25, expected "},
        {"snapshot --fix 3=1e9", "--fix: found 3 = 1e+09, expected "},
        {"snapshot --state {\"glimt_state\":1,\"fixed\":{\"3\":1e9}}", "state: \"fixed\" is not "},
    };
    struct run_result r;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        run_line(&r, cases[i][0], "--bundle", bundle);
        expect_error(&r, 2, cases[i][1]);
        run_release(&r);
    }
    run_line(&r, "analyze Hej --fix 3=1e9", "--bundle", bundle);
    expect_done(&r); /* large, and float32 carries it */
    run_release(&r);
}

static void test_a_slider_says_how_far_it_goes(void **state)
{
    (void)state;
    struct term *t = start(&(struct how){.w = 120, .h = 36});
    assert_shows(t, "−8 … 8");
    escape(t);
    term_type(t, ":fix 3=1e9\r");
    assert_shows(t, "3 = 1e+09: a slider goes from −1000 to 1000");
    assert_shows(t, "−8 … 8");
    term_type(t, ":fix 3=2\r");
    settle(t);
    term_type(t, "=-1000,5\r");
    assert_shows(t, "a slider goes from −1000 to 1000");
    assert_shows(t, "−8 … 8");
    settle(t);
    quit(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_command_without_a_dictionary),
        cmocka_unit_test(test_analysis_without_a_dictionary),
        cmocka_unit_test(test_explorer_without_a_dictionary),
        cmocka_unit_test(test_weights_that_are_no_numbers),
        cmocka_unit_test(test_fixed_values),
        cmocka_unit_test(test_a_slider_says_how_far_it_goes),
        cmocka_unit_test(test_rows_that_are_no_numbers), /* last: leaves the model broken */
    };
    return cmocka_run_group_tests(tests, begin, end);
}

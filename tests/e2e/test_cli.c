/* The command line as a user meets it: the real binary, pipes, JSON read back by jansson, statuses,
 * one-line errors. What needs the demo bundle skips while store/demo/demo.glimt is not there. */
#include "tests/support/journey.h"
#include "tui/cli/command.h"
#include "tui/cli/explorer_options.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static const char *const da = "Rådet skal nu formelt godkende Parlamentets holdning.";

static void test_help(void **state)
{
    (void)state;
    static const char *const commands[] = {
        "analyze",    "generate", "tokenize", "verify",    "doctor",   "harvest",
        "latents",    "find",     "sweep",    "histogram", "examples", "coactive",
        "logit-lens", "snapshot", "cache",    "models",    "pull",     "saes"};
    struct run_result r;
    for (int i = 0; i < 3; i++) {
        run_glimt(&r, NULL, i == 1 ? "-h" : "--help", NULL);
        if (i == 2) {
            run_release(&r);
            run_glimt(&r, NULL, "--model", "x", "--help", NULL);
        }
        expect_done(&r);
        for (size_t c = 0; c < sizeof commands / sizeof *commands; c++)
            assert_non_null(strstr(r.out, commands[c]));
        assert_null(strstr(r.out, "downstream")); /* nothing is promised that is not there */
        run_release(&r);
    }
    for (size_t c = 0; c < sizeof commands / sizeof *commands; c++) {
        run_glimt(&r, NULL, commands[c], "--help", NULL);
        expect_done(&r);
        assert_non_null(strstr(r.out, commands[c]));
        assert_non_null(strstr(r.out, "--model DIR|OWNER/NAME[@REV]"));
        run_release(&r);
    }
}

static void test_version(void **state)
{
    (void)state;
    struct run_result r;
    run_glimt(&r, NULL, "--version", NULL);
    expect_done(&r);
    assert_int_equal(strncmp(r.out, "glimt ", 6), 0);
    assert_ptr_equal(strchr(r.out, '\n'), r.out + r.n_out - 1);
    run_release(&r);
    run_glimt(&r, NULL, "--version", "-v", NULL);
    expect_done(&r);
    assert_non_null(strstr(r.out, "device cpu"));
    assert_non_null(strstr(r.out, "jansson"));
    run_release(&r);
}

static void test_bad_usage(void **state)
{
    (void)state;
    static const struct {
        const char *arg[5], *says;
    } cases[] = {
        {{"analyse", "x"}, "unknown command analyse, the nearest is analyze"},
        {{"train-sae"}, "unknown command train-sae"},
        {{"analyze", "--modle", "x", "y"}, "unknown option --modle, the nearest is --model"},
        {{"analyze", "--decode", "y"}, "--decode is no option here, but of tokenize"},
        {{"latents", ""}, "latents: found an empty argument, expected [CORPUS]"},
        {{"analyze", "a", "b"}, "analyze: found one more argument, b, expected [TEXT|-]"},
        {{"doctor", "a"}, "doctor: found one more argument, a, expected none"},
        {{"pull"}, "pull: found no argument, expected OWNER/NAME"},
        {{"pull", "a/b/c"}, "'a/b/c' is not of the form OWNER/NAME"},
        {{"models", "a"}, "models: found one more argument, a, expected none"},
        {{"analyze", "--fix", "3=1", "--insert=none", "x"}, "--fix: found --insert none"},
        {{"analyze", "--top", "-1", "x"}, "--top: found -1, expected a whole number from 0"},
        {{"generate", "--tokens", "0", "x"}, "--tokens: found 0"},
        {{"generate", "--csv", "x"}, "generate: found --csv"},
        {{"tokenize", "--model", "/nonexistent/model", "x"}, "/nonexistent/model"},
        {{"analyze", "--model", "nobody/nothing", "x"}, "nobody/nothing"},
        {{"analyze", "--bundle", "/nonexistent/b.glimt", "x"}, "/nonexistent/b.glimt"},
        {{"verify", "--fix", "1=1"}, "verify: found --fix"},
        {{"--completions"}, "--completions: found nothing"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *const *a = cases[i].arg;
        struct run_result r;
        run_glimt(&r, NULL, a[0], a[1], a[2], a[3], a[4], NULL);
        expect_error(&r, 2, cases[i].says);
        run_release(&r);
    }
}

static void test_configuration_is_read_and_its_errors_told(void **state)
{
    (void)state;
    struct run_result r;
    char env[160];
    mkdir(scratch_path("config"), 0700);
    mkdir(scratch_path("config/glimt"), 0700);
    FILE *f = fopen(scratch_path("config/glimt/config"), "w");
    fputs("json = true\nmodl = x\n", f);
    fclose(f);
    snprintf(env, sizeof env, "XDG_CONFIG_HOME=%s", scratch_path("config"));
    const char *const with[] = {env, NULL};
    const struct run_how how = {.env = with};
    run_glimt(&r, &how, "doctor", NULL);
    json_t *root = json_result(&r); /* JSON because the configuration says so */
    run_release(&r);
    json_t *missing = get_list(root, "missing");
    bool told = false;
    for (size_t i = 0; i < json_array_size(missing); i++)
        told |=
            strstr(get_string(json_array_get(missing, i), "what"), "an option called modl") != NULL;
    assert_true(told);
    json_decref(root);
    f = fopen(scratch_path("config/glimt/config"), "w");
    fputs("threads = many\n", f);
    fclose(f);
    run_glimt(&r, &how, "analyze", "x", NULL);
    expect_error(&r, 2, "glimt/config:1: threads: found many");
    run_release(&r);
    unlink(scratch_path("config/glimt/config"));
}

static void test_doctor(void **state)
{
    (void)state;
    static const char *const env[] = {"TERM=xterm-256color", "HOME=/tmp/some home",
                                      "GLIMT_CACHE=/tmp/some cache", NULL};
    struct run_result r;
    json_t *root = JSON_OF(&(struct run_how){.env = env}, "doctor");
    json_t *device = json_array_get(get_list(root, "devices"), 0);
    assert_string_equal(get_string(device, "name"), "cpu");
    assert_true(*get_string(device, "isa") && *get_string(device, "products"));
    assert_true(json_is_null(json_object_get(device, "error")));
    device = json_array_get(get_list(root, "devices"), 1);
    assert_string_equal(get_string(device, "name"), "cuda");
    assert_true(json_is_null(json_object_get(device, "description")));
    assert_true(json_is_null(json_object_get(device, "isa")));
    assert_non_null(strstr(get_string(device, "error"), "cuda: no "));
    assert_string_equal(get_string(json_object_get(root, "terminal"), "colors"), "256");
    assert_string_equal(get_string(json_object_get(root, "terminal"), "charset"), "UTF-8");
    assert_true(json_is_null(json_object_get(json_object_get(root, "terminal"), "probed")));
    assert_string_equal(get_string(json_object_get(root, "paths"), "cache"), "/tmp/some cache");
    assert_string_equal(get_string(json_object_get(root, "paths"), "hugging_face"),
                        "/tmp/some home/.cache/huggingface/hub");
    assert_true(json_object_size(json_object_get(root, "libraries")) >= 5);
    json_decref(root);
    static const char *const not_here[] = {"LC_ALL=xx_XX.UTF-8", NULL};
    root = JSON_OF(&(struct run_how){.env = not_here}, "doctor");
    assert_string_equal(get_string(json_object_get(root, "terminal"), "charset"), "UTF-8");
    json_decref(root);
    static const char *const without[] = {"LC_ALL=xx_XX", NULL};
    run_glimt(&r, &(struct run_how){.env = without}, "doctor", NULL);
    assert_non_null(strstr(r.out, "missing: a UTF-8 locale (the locale xx_XX is not installed"));
    run_release(&r);
    run_glimt(&r, NULL, "doctor", NULL);
    expect_done(&r);
    assert_non_null(strstr(r.out, "missing: a full-screen terminal (TERM is dumb)"));
    assert_non_null(strstr(r.out, "not a terminal: nothing was asked"));
    assert_non_null(strstr(r.out, "device          cuda: no "));
    run_release(&r);
    static const char *const nobodys[] = {"TERM=nobodys", NULL};
    run_glimt(&r, &(struct run_how){.env = nobodys}, "doctor", NULL);
    expect_done(&r);
    assert_non_null(strstr(r.out, "nobodys (unknown to terminfo: taken for xterm-256color)"));
    assert_null(strstr(r.out, "full-screen")); /* the explorer opens there */
    run_release(&r);
}

static void lists(const struct run_result *r)
{
    assert_int_equal(r->status, 0);
    assert_string_equal(r->err, "");
    assert_int_equal(strncmp(r->out, "cpu ", 4), 0);
    assert_non_null(strstr(r->out, "\ncuda: no "));
}

static void test_device_list(void **state)
{
    (void)state;
    struct run_result r;
    run_glimt(&r, NULL, "--device", "list", NULL);
    lists(&r);
    run_release(&r);
    run_glimt(&r, NULL, "--session", "x", "--device=list", NULL);
    lists(&r);
    run_release(&r);
    run_glimt(&r, NULL, "analyze", "--device", "list", "--top=2", "x", NULL);
    lists(&r);
    run_release(&r);
    run_glimt(&r, NULL, "--threads=1", "harvest", "--device", "list", NULL);
    lists(&r);
    assert_non_null(strstr(r.out, ", 1 thread, "));
    run_release(&r);
    json_t *root = JSON_OF(NULL, "--device", "list");
    assert_int_equal(json_array_size(get_list(root, "devices")), 2);
    assert_string_equal(get_string(json_array_get(get_list(root, "devices"), 0), "name"), "cpu");
    json_decref(root);
    run_glimt(&r, NULL, "--device", "list", "--nosuch", NULL);
    expect_error(&r, 2, "nosuch");
    run_release(&r);
}

static void test_results_that_can_not_be_written(void **state)
{
    (void)state;
    need_demo();
    struct run_result r;
    const char *const full[] = {"bash", "-c", "exec \"$0\" tokenize hus >/dev/full", glimt_binary(),
                                NULL};
    run_program(&r, NULL, full);
    expect_error(&r, 1, "writing to standard output: No space left on device");
    run_release(&r);
    run_glimt(&r, NULL, "tokenize", "hus", "--output", "/nonexistent/x", NULL);
    expect_error(&r, 1, "/nonexistent/x");
    run_release(&r);
    run_glimt(&r, NULL, "tokenize", "hus", "--output", scratch_path("ids"), NULL);
    expect_done(&r);
    assert_string_equal(r.out, "");
    assert_int_equal(access(scratch_path("ids"), R_OK), 0);
    run_release(&r);
}

static void test_interrupted(void **state)
{
    (void)state;
    need_demo();
    size_t n = 20000, length = strlen(da) + 1;
    char *text = malloc(n * length); /* hours of work: it can only end by the interruption */
    for (size_t i = 0; i < n; i++) {
        memcpy(text + i * length, da, length - 1);
        text[(i + 1) * length - 1] = '\n';
    }
    struct run_result r;
    struct run_how how = {.in = text, .n_in = n * length, .interrupt_on = "computing"};
    run_glimt(&r, &how, "analyze", "--progress", NULL);
    assert_int_equal(r.status, 1);
    assert_string_equal(r.out, "");
    const char *end = "\nglimt: interrupted\n";
    assert_true(r.n_err > strlen(end));
    assert_string_equal(r.err + r.n_err - strlen(end), end);
    run_release(&r);
    free(text);
}

static void test_tokenize(void **state)
{
    (void)state;
    need_demo();
    static const char text[] = "Blå bæ\xcc\x81r\t 🎉🇩🇰 <|endoftext|> I'll 1234";
    json_t *root = JSON_OF(NULL, "tokenize", text, "--quiet"),
           *analyzed = JSON_OF(NULL, "analyze", text, "--quiet"); /* of the special token */
    json_t *ids = get_list(root, "ids"), *tokens = get_list(root, "tokens");
    struct run_result r;
    struct run_how how = {0};
    assert_int_equal(json_array_size(ids), json_array_size(tokens));
    assert_int_equal(json_array_size(ids), json_array_size(get_list(analyzed, "tokens")));
    for (size_t i = 0; i < json_array_size(ids); i++) {
        json_t *t = json_array_get(tokens, i), *a = json_array_get(get_list(analyzed, "tokens"), i);
        assert_int_equal(json_integer_value(json_array_get(ids, i)), get_whole(t, "id"));
        static const char *const keys[] = {"index", "id", "text", "bytes", "start", "end"};
        for (size_t k = 0; k < 6; k++)
            assert_true(json_equal(json_object_get(t, keys[k]), json_object_get(a, keys[k])));
    }
    run_glimt(&r, NULL, "tokenize", text, "--ids-only", "--quiet", NULL);
    expect_done(&r);
    how.in = r.out, how.n_in = r.n_out;
    json_t *decoded = JSON_OF(&how, "tokenize", "--decode");
    assert_true(json_equal(get_list(decoded, "ids"), ids));
    /* the same text in NFC: é of æ + acute is one character */
    assert_string_equal(get_string(decoded, "text"),
                        "Blå b\xc7\xbdr\t 🎉🇩🇰 <|endoftext|> I'll 1234");
    json_decref(decoded);
    run_release(&r);
    json_decref(root);
    json_decref(analyzed);
    run_glimt(&r, NULL, "tokenize", "--decode", "5 six", NULL);
    expect_error(&r, 2, "found six, expected ids");
    run_release(&r);
    run_glimt(&r, NULL, "tokenize", "--decode", "1999999999", NULL);
    expect_error(&r, 2, "found the id 1999999999");
    run_release(&r);
}

static json_t *continuation_of(const char *text, const char *fix)
{
    json_t *root = fix ? JSON_OF(NULL, "analyze", text, "--predictions=1", "--context=join", fix)
                       : JSON_OF(NULL, "analyze", text, "--predictions=1", "--context=join");
    json_t *tokens = get_list(root, "tokens");
    json_t *last = json_array_get(tokens, json_array_size(tokens) - 1);
    json_t *pair = json_pack("{s:i, s:O}", "n", (int)json_array_size(tokens), "next",
                             json_array_get(get_list(last, "next"), 0));
    json_decref(root);
    return pair;
}

/* Keys and values kept from step to step give what a fresh pass over the text so far gives. */
static void generation_is_greedy(const char *fix)
{
    json_t *g = fix ? JSON_OF(NULL, "generate", "Der var", "--tokens=12", fix)
                    : JSON_OF(NULL, "generate", "Der var", "--tokens=12");
    json_t *ids = get_list(g, "ids");
    assert_int_equal(json_array_size(ids), 12);
    assert_string_equal(get_string(g, "prompt"), "Der var");
    assert_int_equal(strncmp(get_string(g, "text"), "Der var", 7), 0);
    char text[512] = "Der var";
    int compared = 0;
    for (;;) {
        json_t *next = continuation_of(text, fix);
        size_t n = (size_t)get_whole(next, "n");
        json_t *token = json_object_get(next, "next"), *piece = json_object_get(token, "text");
        bool more = n < 12 && json_is_string(piece);
        if (n < 12)
            assert_int_equal(get_whole(token, "id"), json_integer_value(json_array_get(ids, n)));
        if (more)
            strncat(text, json_string_value(piece), sizeof text - strlen(text) - 1);
        compared++;
        json_decref(next);
        if (!more)
            break;
    }
    assert_true(compared >= 3);
    json_decref(g);
}

static void test_generate(void **state)
{
    (void)state;
    need_demo();
    generation_is_greedy(NULL);
    generation_is_greedy("--fix=5=4");
    json_t *g = JSON_OF(NULL, "generate", "Der var", "--fix=5=4");
    assert_int_equal(json_array_size(get_list(g, "ids")), 20);
    expect_close(get_number(json_object_get(g, "fixed"), "5"), 4, 0);
    struct run_result r;
    run_glimt(&r, NULL, "generate", "Der var", "--fix=5=4", NULL);
    expect_done(&r);
    r.out[r.n_out - 1] = '\0'; /* the line end that text for people has */
    assert_string_equal(r.out, get_string(g, "text"));
    run_release(&r);
    json_decref(g);
}

static void test_generate_draws_by_seed(void **state)
{
    (void)state;
    need_demo();
    json_t *a = JSON_OF(NULL, "generate", "Der var", "--temperature=1.5", "--seed=1"),
           *b = JSON_OF(NULL, "generate", "Der var", "--temperature=1.5", "--seed=1"),
           *c = JSON_OF(NULL, "generate", "Der var", "--temperature=1.5", "--seed=2"),
           *cold = JSON_OF(NULL, "generate", "Der var", "--temperature=0.001"),
           *greedy = JSON_OF(NULL, "generate", "Der var");
    assert_true(json_equal(a, b));
    assert_false(json_equal(a, c));
    assert_true(json_equal(cold, greedy));
    json_decref(a);
    json_decref(b);
    json_decref(c);
    json_decref(cold);
    json_decref(greedy);
}

static void test_generate_bad_lengths(void **state)
{
    (void)state;
    need_demo();
    struct run_result r;
    run_glimt(&r, NULL, "generate", da, "--tokens=2", NULL);
    expect_error(&r, 2, "--tokens: found 2 for a prompt of");
    run_release(&r);
    run_glimt(&r, NULL, "generate", da, "--tokens=1000000", NULL);
    expect_error(&r, 2, "--tokens: found 1000000, expected at most");
    run_release(&r);
    run_glimt(&r, NULL, "generate", NULL);
    expect_error(&r, 2, "generate: found an empty prompt");
    run_release(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_help),
        cmocka_unit_test(test_version),
        cmocka_unit_test(test_bad_usage),
        cmocka_unit_test(test_configuration_is_read_and_its_errors_told),
        cmocka_unit_test(test_doctor),
        cmocka_unit_test(test_device_list),
        cmocka_unit_test(test_results_that_can_not_be_written),
        cmocka_unit_test(test_interrupted),
        cmocka_unit_test(test_tokenize),
        cmocka_unit_test(test_generate),
        cmocka_unit_test(test_generate_draws_by_seed),
        cmocka_unit_test(test_generate_bad_lengths),
    };
    return cmocka_run_group_tests_name("the command line", tests, journey_begin, journey_end);
}

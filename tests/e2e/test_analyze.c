/* glimt analyze: every field of its JSON, against the text, the logits and itself. What
 * needs the demo bundle skips while store/demo/demo.glimt is not there. */
#include "tests/support/journey.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *const da = "Rådet skal nu formelt godkende Parlamentets holdning.";
static const char *const en = "The Council has to formally approve Parliament's position.";

static void test_analyze_json(void **state)
{
    (void)state;
    need_demo();
    json_t *root = JSON_OF(NULL, "analyze", da);
    json_t *model = json_object_get(root, "model"), *sae = json_object_get(root, "sae");
    assert_int_equal(strlen(get_string(model, "hash")), 64);
    assert_int_equal(strlen(get_string(sae, "hash")), 64);
    assert_true(*get_string(model, "name") && *get_string(sae, "name") &&
                *get_string(sae, "format"));
    assert_true(get_whole(model, "n_layers") > 0 && get_whole(model, "d_model") > 0);
    int m = get_whole(sae, "d_sae"), k = get_whole(sae, "k");
    assert_true(get_whole(sae, "d_in") > 0 && m > 0 && k > 0);
    assert_int_equal(strncmp(get_string(root, "hook"), "layers.", 7), 0);
    assert_string_equal(get_string(root, "device"), "cpu");
    assert_string_equal(get_string(root, "dtype"), "f32");
    assert_string_equal(get_string(root, "insert"), "none");
    assert_int_equal(json_object_size(json_object_get(root, "fixed")), 0);
    json_t *tokens = get_list(root, "tokens");
    double sum = 0;
    int at = 0, n_losses = 0;
    for (size_t i = 0; i < json_array_size(tokens); i++) {
        json_t *t = json_array_get(tokens, i);
        assert_int_equal(get_whole(t, "index"), i);
        assert_int_equal(get_whole(t, "start"), at); /* tokens of plain text stand side by side */
        at = get_whole(t, "end");
        assert_int_equal(strlen(get_string(t, "bytes")), 2 * (at - get_whole(t, "start")));
        if (json_is_string(json_object_get(t, "text")))
            assert_memory_equal(get_string(t, "text"), da + get_whole(t, "start"),
                                (size_t)(at - get_whole(t, "start")));
        assert_int_equal(json_is_null(json_object_get(t, "loss")), i == 0);
        if (i > 0)
            sum += get_number(t, "loss"), n_losses++;
        json_t *top = get_list(t, "top");
        assert_int_equal(json_array_size(top), k);
        for (int j = 0; j < k; j++) {
            json_t *u = json_array_get(top, (size_t)j);
            assert_in_range(get_whole(u, "latent"), 0, m - 1);
            expect_close(get_number(u, "pre"), get_number(u, "act"), 0);
            if (j > 0)
                assert_true(get_number(u, "act") <=
                            get_number(json_array_get(top, (size_t)j - 1), "act"));
        }
    }
    assert_int_equal(at, strlen(da));
    expect_close(get_number(root, "loss_mean"), sum / n_losses, 1e-5);
    expect_close(get_number(root, "loss_plain"), get_number(root, "loss_mean"), 0);
    assert_true(get_number(root, "fvu") > 0 && get_number(root, "fvu") < 1);
    assert_true(json_array_size(get_list(root, "chosen")) > 0);
    json_decref(root);
}

static void test_analyze_reads_a_pipe(void **state)
{
    (void)state;
    need_demo();
    json_t *from_argument = JSON_OF(NULL, "analyze", da);
    struct run_how how = {.in = da, .n_in = strlen(da)};
    json_t *from_pipe = JSON_OF(&how, "analyze"), *from_dash = JSON_OF(&how, "analyze", "-");
    assert_true(json_equal(from_argument, from_pipe));
    assert_true(json_equal(from_argument, from_dash));
    json_decref(from_argument);
    json_decref(from_pipe);
    json_decref(from_dash);
}

/* Little-endian u64 length, JSON header, data: read by hand, for an independent look at the file.
 */
static float *logits_read(const char *path, size_t *n_tokens, size_t *n_vocab)
{
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    uint64_t length;
    assert_int_equal(fread(&length, 8, 1, f), 1);
    char *header = calloc(1, length + 1);
    assert_int_equal(fread(header, 1, length, f), length);
    json_t *root = json_loads(header, 0, NULL), *t = json_object_get(root, "logits");
    assert_string_equal(get_string(t, "dtype"), "F32");
    *n_tokens = (size_t)json_integer_value(json_array_get(get_list(t, "shape"), 0));
    *n_vocab = (size_t)json_integer_value(json_array_get(get_list(t, "shape"), 1));
    json_decref(root);
    free(header);
    float *logits = calloc(*n_tokens * *n_vocab, sizeof *logits);
    assert_int_equal(fread(logits, sizeof *logits, *n_tokens * *n_vocab, f), *n_tokens * *n_vocab);
    fclose(f);
    return logits;
}

static double cross_entropy(const float *row, size_t n, int target)
{
    double max = -INFINITY, sum = 0;
    for (size_t i = 0; i < n; i++)
        max = fmax(max, (double)row[i]);
    for (size_t i = 0; i < n; i++)
        sum += exp((double)row[i] - max);
    return max + log(sum) - (double)row[target];
}

/* The losses come from the session (lanes, kept rows), the logits from one whole forward pass: they
 * must agree, under every insertion and with fixed values. */
static void test_losses_are_those_of_the_logits(void **state)
{
    (void)state;
    need_demo();
    static const char *const lanes[][2] = {
        {"--insert=none", "--bos"},           {"--insert=sae", "--no-bos"},
        {"--insert=error", "--context=join"}, {"--fix=5=3,17=-2.5", "--quiet"},
        {"--fix=5=3", "--insert=error"},      {"--neurons=3,7", "--fix=3=1.5"}};
    char text[256], file[128];
    snprintf(text, sizeof text, "%s\n%s", da, en);
    snprintf(file, sizeof file, "%s", scratch_path("l.safetensors"));
    for (size_t l = 0; l < sizeof lanes / sizeof *lanes; l++) {
        size_t n_tokens, n_vocab;
        json_t *root = JSON_OF(NULL, "analyze", text, "--logits", file, "--predictions=3",
                               lanes[l][0], lanes[l][1]);
        float *logits = logits_read(file, &n_tokens, &n_vocab);
        json_t *tokens = get_list(root, "tokens");
        assert_int_equal(n_tokens, json_array_size(tokens));
        for (size_t i = 0; i < n_tokens; i++) {
            json_t *t = json_array_get(tokens, i);
            const float *row = logits + i * n_vocab;
            if (!json_is_null(json_object_get(t, "loss")))
                expect_close(get_number(t, "loss"),
                             cross_entropy(row - n_vocab, n_vocab, get_whole(t, "id")), 1e-5);
            else
                assert_true(get_whole(t, "start") == 0 || text[get_whole(t, "start") - 1] == '\n');
            json_t *next = get_list(t, "next");
            assert_int_equal(json_array_size(next), 3);
            for (size_t j = 0; j < 3; j++) {
                json_t *p = json_array_get(next, j);
                expect_close(-log(get_number(p, "p")),
                             cross_entropy(row, n_vocab, get_whole(p, "id")), 1e-3);
                if (j > 0)
                    assert_true(get_number(p, "p") <= get_number(json_array_get(next, j - 1), "p"));
            }
        }
        free(logits);
        json_decref(root);
    }
}

static void test_fixed_values_do_something(void **state)
{
    (void)state;
    need_demo();
    json_t *plain = JSON_OF(NULL, "analyze", da),
           *sae = JSON_OF(NULL, "analyze", da, "--insert", "sae"),
           *error = JSON_OF(NULL, "analyze", da, "--insert", "error"),
           *fixed = JSON_OF(NULL, "analyze", da, "--fix", "5=6");
    double loss = get_number(plain, "loss_plain");
    expect_close(get_number(sae, "loss_plain"), loss, 1e-6);
    expect_close(get_number(error, "loss_mean"), loss, 1e-4); /* x̂ + (x − x̂) */
    assert_true(fabs(get_number(sae, "loss_mean") - loss) > 1e-4);
    assert_true(fabs(get_number(fixed, "loss_mean") - get_number(sae, "loss_mean")) > 1e-4);
    assert_string_equal(get_string(fixed, "insert"), "sae");
    expect_close(get_number(json_object_get(fixed, "fixed"), "5"), 6, 0);
    /* what the latents are is always said of the unmodified text */
    json_t *a = json_array_get(get_list(plain, "tokens"), 3),
           *b = json_array_get(get_list(fixed, "tokens"), 3);
    assert_true(json_equal(get_list(a, "top"), get_list(b, "top")));
    json_decref(plain);
    json_decref(sae);
    json_decref(error);
    json_decref(fixed);
}

static void test_lines_and_joined_text(void **state)
{
    (void)state;
    need_demo();
    char text[256];
    int second = (int)strlen(da) + 2;
    snprintf(text, sizeof text, "%s\r\n%s\n", da, en);
    json_t *lines = JSON_OF(NULL, "analyze", text), *first = JSON_OF(NULL, "analyze", da),
           *joined = JSON_OF(NULL, "analyze", text, "--context=join"),
           *bos = JSON_OF(NULL, "analyze", text, "--bos");
    size_t n_first = json_array_size(get_list(first, "tokens")),
           n = json_array_size(get_list(lines, "tokens"));
    json_t *t = json_array_get(get_list(lines, "tokens"), n_first);
    assert_int_equal(get_whole(t, "start"), second);
    assert_true(json_is_null(json_object_get(t, "loss")));
    for (size_t i = 1; i < n_first; i++)
        expect_close(get_number(json_array_get(get_list(lines, "tokens"), i), "loss"),
                     get_number(json_array_get(get_list(first, "tokens"), i), "loss"), 1e-4);
    size_t n_null = 0;
    for (size_t i = 0; i < json_array_size(get_list(joined, "tokens")); i++)
        n_null +=
            json_is_null(json_object_get(json_array_get(get_list(joined, "tokens"), i), "loss"));
    assert_int_equal(n_null, 1);
    assert_true(json_array_size(get_list(joined, "tokens")) > n); /* the line ends are tokens too */
    assert_int_equal(json_array_size(get_list(bos, "tokens")), n + 2);
    json_t *b = json_array_get(get_list(bos, "tokens"), n_first + 1);
    assert_int_equal(get_whole(b, "id"), 0);
    assert_int_equal(get_whole(b, "start"), second);
    assert_int_equal(get_whole(b, "end"), second);
    assert_true(json_is_null(json_object_get(b, "loss")));
    assert_true(json_is_real(json_object_get(json_array_get(get_list(bos, "tokens"), 1), "loss")));
    json_decref(lines);
    json_decref(first);
    json_decref(joined);
    json_decref(bos);
}

static void test_invalid_utf8(void **state)
{
    (void)state;
    need_demo();
    struct run_result r;
    static const char text[] = "Hun \xff bor \xe2\x82 her.";
    run_glimt(&r, NULL, "analyze", text, "--json", NULL);
    assert_int_equal(r.status, 0);
    assert_string_equal(
        r.err, "glimt: note: 2 invalid UTF-8 sequences read as U+FFFD, the first at byte 4\n");
    json_t *root = json_loadb(r.out, r.n_out, 0, NULL);
    assert_non_null(root);
    json_t *tokens = get_list(root, "tokens");
    size_t n = json_array_size(tokens);
    assert_int_equal(get_whole(json_array_get(tokens, n - 1), "end"), sizeof text - 1);
    for (size_t i = 1; i < n; i++)
        assert_true(get_whole(json_array_get(tokens, i), "start") >=
                    get_whole(json_array_get(tokens, i - 1), "start"));
    json_decref(root);
    run_release(&r);
    root = JSON_OF(NULL, "analyze", text, "--quiet"); /* quiet: no word about it */
    json_decref(root);
    struct run_how how = {.in = text, .n_in = sizeof text - 1}; /* a file can be told apart */
    run_glimt(&r, &how, "analyze", "-", NULL);
    expect_error(&r, 2, "reading standard input:1: found 0xFF at byte 5 of the line");
    run_release(&r);
}

static void from_pipe(const char *in, size_t n, const char *encoding)
{
    struct run_how how = {.in = in, .n_in = n};
    json_t *piped = encoding ? JSON_OF(&how, "analyze", "-", "--encoding", encoding)
                             : JSON_OF(&how, "analyze", "-"),
           *typed = JSON_OF(NULL, "analyze", "Åse på Ærø"),
           *ids = JSON_OF(&how, "tokenize", "-", "--encoding", encoding ? encoding : "latin1");
    json_t *a = get_list(piped, "tokens"), *b = get_list(typed, "tokens");
    assert_int_equal(json_array_size(a), json_array_size(b));
    for (size_t i = 0; i < json_array_size(a); i++) {
        int id = get_whole(json_array_get(b, i), "id");
        assert_int_equal(get_whole(json_array_get(a, i), "id"), id);
        assert_int_equal(json_integer_value(json_array_get(get_list(ids, "ids"), i)), id);
    }
    json_decref(piped);
    json_decref(typed);
    json_decref(ids);
}

static void test_other_encodings(void **state)
{
    (void)state;
    need_demo();
    static const char latin1[] = "\xc5se p\xe5 \xc6r\xf8", marked[] = "\xef\xbb\xbfÅse på Ærø",
                      wide[] = "\xff\xfe\xc5\0s\0e\0 \0p\0\xe5\0 \0\xc6\0r\0\xf8";
    from_pipe(latin1, sizeof latin1 - 1, "latin1");
    from_pipe(marked, sizeof marked - 1, NULL);
    from_pipe(wide, sizeof wide, NULL);
    from_pipe(wide + 2, sizeof wide - 2, "utf-16le");
    /* offsets are those of the input, mark and all */
    struct run_how how = {.in = marked, .n_in = sizeof marked - 1};
    json_t *root = JSON_OF(&how, "analyze", "-");
    assert_int_equal(get_whole(json_array_get(get_list(root, "tokens"), 0), "start"), 3);
    json_decref(root);
    struct run_result r;
    run_glimt(&r, NULL, "analyze", "x", "--encoding", "klingon", NULL);
    expect_error(&r, 2, "--encoding: found klingon, expected an encoding that iconv knows");
    run_release(&r);
}

static void test_special_tokens(void **state)
{
    (void)state;
    need_demo();
    static const char text[] = "Hej <|endoftext|> du", *const commands[] = {"analyze", "tokenize"};
    struct run_result r;
    for (int i = 0; i < 2; i++) {
        run_glimt(&r, NULL, commands[i], text, "--json", NULL);
        assert_int_equal(r.status, 0);
        assert_string_equal(r.err, "glimt: note: <|endoftext|> is read as plain text; --special "
                                   "reads it as its token\n");
        assert_null(strstr(r.out, "\"id\":0,"));
        run_release(&r);
        json_t *root = JSON_OF(NULL, commands[i], text, "--special");
        json_t *tokens = get_list(root, "tokens");
        int found = 0;
        for (size_t t = 0; t < json_array_size(tokens); t++) {
            json_t *token = json_array_get(tokens, t);
            if (get_whole(token, "id") != 0)
                continue;
            found++;
            assert_int_equal(get_whole(token, "start"), 4);
            assert_int_equal(get_whole(token, "end"), 4 + 13);
        }
        assert_int_equal(found, 1);
        json_decref(root);
    }
    run_glimt(&r, NULL, "generate", text, "--tokens", "12", "--special", "--json", NULL);
    expect_done(&r);
    assert_non_null(strstr(r.out, ",0,"));
    run_release(&r);
}

static void test_top_and_chosen(void **state)
{
    (void)state;
    need_demo();
    json_t *all = JSON_OF(NULL, "analyze", da),
           *two = JSON_OF(NULL, "analyze", da, "--top=2", "--latents=9,4"),
           *none = JSON_OF(NULL, "analyze", da, "--top", "0");
    assert_int_equal(json_array_size(get_list(two, "chosen")), 2);
    assert_int_equal(json_integer_value(json_array_get(get_list(two, "chosen"), 0)), 9);
    for (size_t i = 0; i < json_array_size(get_list(all, "tokens")); i++) {
        json_t *a = get_list(json_array_get(get_list(all, "tokens"), i), "top");
        json_t *token = json_array_get(get_list(two, "tokens"), i), *b = get_list(token, "top");
        assert_int_equal(json_array_size(b), 2);
        assert_true(json_equal(json_array_get(a, 1), json_array_get(b, 1)));
        assert_int_equal(
            json_array_size(get_list(json_array_get(get_list(none, "tokens"), i), "top")), 0);
        /* a chosen latent's activation is its value in the whole list, or 0 */
        json_t *chosen = json_array_get(get_list(token, "chosen"), 0);
        double act = 0;
        for (size_t j = 0; j < json_array_size(a); j++)
            if (get_whole(json_array_get(a, j), "latent") == 9)
                act = get_number(json_array_get(a, j), "act");
        expect_close(get_number(chosen, "act"), act, 1e-5);
    }
    json_decref(all);
    json_decref(two);
    json_decref(none);
}

static void test_units_out_of_range(void **state)
{
    (void)state;
    need_demo();
    struct run_result r;
    run_glimt(&r, NULL, "analyze", "--latents", "2000000000", "x", NULL);
    expect_error(&r, 2, "--latents: found unit 2000000000, expected 0 to");
    run_release(&r);
    run_glimt(&r, NULL, "generate", "--fix", "2000000000=1", "x", NULL);
    expect_error(&r, 2, "--fix: found unit 2000000000, expected 0 to");
    run_release(&r);
    run_glimt(&r, NULL, "analyze", "--dtype", "bf16", "x", NULL);
    expect_error(&r, 2, "bf16");
    run_release(&r);
    run_glimt(&r, NULL, "analyze", "--device", "cuda:99", "x", NULL);
    expect_error(&r, 2, "--device: cuda: no ");
    run_release(&r);
}

static void test_csv_says_the_same(void **state)
{
    (void)state;
    need_demo();
    struct run_result r;
    json_t *root = JSON_OF(NULL, "analyze", da, "--latents=3,8");
    run_glimt(&r, NULL, "analyze", da, "--latents=3,8", "--csv", "--top=1", NULL);
    expect_done(&r);
    char *line = strtok(r.out, "\n");
    assert_string_equal(line,
                        "index,id,text,bytes,start,end,loss,pre.3,pre.8,top.0.latent,top.0.act");
    json_t *tokens = get_list(root, "tokens");
    for (size_t i = 0; i < json_array_size(tokens); i++) {
        json_t *t = json_array_get(tokens, i), *top = json_array_get(get_list(t, "top"), 0);
        line = strtok(NULL, "\n");
        assert_non_null(line);
        const char *numbers = line;
        for (int comma = 0; comma < 4; comma++) /* the demo's tokens of this text have no comma */
            numbers = strchr(numbers, ',') + 1;
        char loss[32] = "", expected[160];
        if (i > 0)
            snprintf(loss, sizeof loss, "%.9g", get_number(t, "loss"));
        snprintf(expected, sizeof expected, "%d,%d,%s,%.9g,%.9g,%d,%.9g", get_whole(t, "start"),
                 get_whole(t, "end"), loss,
                 get_number(json_array_get(get_list(t, "chosen"), 0), "pre"),
                 get_number(json_array_get(get_list(t, "chosen"), 1), "pre"),
                 get_whole(top, "latent"), get_number(top, "act"));
        assert_string_equal(numbers, expected);
    }
    assert_null(strtok(NULL, "\n"));
    json_decref(root);
    run_release(&r);
}

static void test_table_and_colours(void **state)
{
    (void)state;
    need_demo();
    struct run_result r;
    run_glimt(&r, NULL, "analyze", "Hun\033[31m bor.", NULL);
    expect_done(&r);
    assert_null(strchr(r.out, '\033'));
    assert_non_null(strstr(r.out, "mean loss"));
    assert_non_null(strstr(r.out, "Hun"));
    run_release(&r);
    run_glimt(&r, NULL, "analyze", "--color=256", da, NULL);
    expect_done(&r);
    assert_non_null(strstr(r.out, "\033[0"));
    assert_non_null(strstr(r.out, "48;5;"));
    run_release(&r);
    static const char *const no_color[] = {"NO_COLOR=1", "TERM=xterm-256color", NULL};
    run_glimt(&r, &(struct run_how){.env = no_color}, "analyze", da, NULL);
    assert_null(strchr(r.out, '\033'));
    run_release(&r);
    run_glimt(&r, NULL, "analyze", "--color=256", "--theme=no-such-theme", da, NULL);
    expect_error(&r, 2, "no-such-theme");
    run_release(&r);
}

static void test_a_danish_locale_puts_no_commas_into_numbers(void **state)
{
    (void)state;
    need_demo();
    static const char *const danish[] = {"LC_ALL", "LANG=da_DK.UTF-8", "LC_NUMERIC=da_DK.UTF-8",
                                         NULL};
    struct run_result a, b;
    run_glimt(&a, NULL, "analyze", da, "--csv", NULL);
    run_glimt(&b, &(struct run_how){.env = danish}, "analyze", da, "--csv", NULL);
    assert_string_equal(a.out, b.out);
    run_release(&a);
    run_release(&b);
}

static void test_empty_text(void **state)
{
    (void)state;
    need_demo();
    json_t *root = JSON_OF(NULL, "analyze");
    assert_int_equal(json_array_size(get_list(root, "tokens")), 0);
    assert_true(json_is_null(json_object_get(root, "loss_mean")));
    assert_true(json_is_null(json_object_get(root, "fvu")));
    json_decref(root);
    root = JSON_OF(NULL, "analyze", "h");
    assert_int_equal(json_array_size(get_list(root, "tokens")), 1);
    assert_true(json_is_null(json_object_get(root, "fvu")));
    json_decref(root);
}

/* The demo's SAE at its point and, for want of another, at one of layer 3 too, with neurons between
 * them. */
/* Losses with dictionaries at several points against a plain float64 forward
 * (tests/reference/several.py). */
static void test_several_points_are_those_of_the_reference(void **state)
{
    (void)state;
    need_demo();
    size_t i, t;
    json_t *golden = golden_json("study/several.json"), *one;
    assert_true(json_array_size(get_list(golden, "cases")) >= 9);
    json_array_foreach(get_list(golden, "cases"), i, one)
    {
        const char *a[13] = {0};
        const json_t *args = get_list(one, "args"), *want = get_list(one, "losses"), *tokens;
        assert_true(json_array_size(args) < 13);
        for (t = 0; t < json_array_size(args); t++)
            a[t] = json_string_value(json_array_get(args, t));
        json_t *got = json_of(NULL, "analyze", da, "--json", a[0], a[1], a[2], a[3], a[4], a[5],
                              a[6], a[7], a[8], a[9], a[10], a[11], NULL);
        tokens = get_list(got, "tokens");
        assert_int_equal(json_array_size(tokens), json_array_size(want) + 1);
        for (t = 0; t + 1 < json_array_size(tokens); t++) {
            assert_int_equal(get_whole(json_array_get(tokens, t), "id"),
                             json_integer_value(json_array_get(get_list(golden, "ids"), t)));
            expect_close(get_number(json_array_get(tokens, t + 1), "loss"),
                         json_number_value(json_array_get(want, t)), 2e-5);
        }
        json_decref(got);
    }
    json_decref(golden);
}

static void test_a_set_of_dictionaries(void **state)
{
    (void)state;
    need_demo();
#define SAE "--sae", "store/demo/sae.safetensors"
#define SET SAE, SAE, "--hook", "layers.3.attn.out", "--neurons", "L2N482"
    static const char *const hook[] = {"layers.1.attn.out", "layers.2.mlp.act",
                                       "layers.3.attn.out"};
    json_t *one = JSON_OF(NULL, "analyze", da), *set = JSON_OF(NULL, "analyze", da, SET);
    json_t *first =
        JSON_OF(NULL, "analyze", da, SET, "--fix", "attn_1/418=-4", "--insert", "error");
    json_t *both =
        JSON_OF(NULL, "analyze", da, SET, "--fix", "L2N482=3,attn_1/418=-4", "--insert", "error");
    json_t *alone = JSON_OF(NULL, "analyze", da, "--fix", "418=-4", "--insert", "error");
    assert_true(json_equal(json_object_get(one, "sae"), json_object_get(set, "sae")) ||
                strcmp(get_string(json_object_get(one, "sae"), "hash"),
                       get_string(json_object_get(set, "sae"), "hash")) == 0);
    for (size_t i = 0; i < 3; i++)
        assert_string_equal(get_string(json_array_get(get_list(set, "saes"), i), "hook"), hook[i]);
    expect_close(get_number(json_object_get(set, "fvu"), hook[0]), get_number(one, "fvu"), 0);
    assert_true(json_is_null(json_object_get(json_object_get(set, "fvu"), hook[1])));
    assert_true(get_number(json_object_get(set, "fvu"), hook[2]) > 0);
    for (size_t t = 0; t < json_array_size(get_list(one, "tokens")); t++) {
        json_t *a = get_list(json_array_get(get_list(one, "tokens"), t), "top");
        json_t *b = get_list(json_array_get(get_list(set, "tokens"), t), "top");
        const size_t k = json_array_size(a);
        assert_true(json_array_size(b) > 2 * k);
        for (size_t i = 0; i < k; i++)
            expect_close(get_number(json_array_get(b, i), "act"),
                         get_number(json_array_get(a, i), "act"), 0);
        assert_memory_equal(get_string(json_array_get(b, 0), "unit"), "attn_1/", 7);
        assert_memory_equal(get_string(json_array_get(b, k), "unit"), "L2N", 3);
    }
    /* one unit fixed in a set is that unit fixed alone; a second one at another point counts too */
    expect_close(get_number(first, "loss_mean"), get_number(alone, "loss_mean"), 0);
    assert_true(fabs(get_number(both, "loss_mean") - get_number(first, "loss_mean")) > 1e-4);
    json_decref(one);
    json_decref(set);
    json_decref(first);
    json_decref(both);
    json_decref(alone);
    struct run_result r;
    run_glimt(&r, NULL, "analyze", da, SAE, SAE, NULL);
    expect_error(&r, 2, "found two dictionaries at layers.1.attn.out, expected one a hook point");
    run_release(&r);
    run_glimt(&r, NULL, "analyze", da, SAE, "--neurons", "5", NULL);
    expect_error(&r, 2, "--neurons: found 5 beside --sae, expected its layer too: L3N669");
    run_release(&r);
#undef SET
#undef SAE
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_analyze_json),
        cmocka_unit_test(test_analyze_reads_a_pipe),
        cmocka_unit_test(test_losses_are_those_of_the_logits),
        cmocka_unit_test(test_fixed_values_do_something),
        cmocka_unit_test(test_lines_and_joined_text),
        cmocka_unit_test(test_invalid_utf8),
        cmocka_unit_test(test_other_encodings),
        cmocka_unit_test(test_special_tokens),
        cmocka_unit_test(test_top_and_chosen),
        cmocka_unit_test(test_units_out_of_range),
        cmocka_unit_test(test_csv_says_the_same),
        cmocka_unit_test(test_table_and_colours),
        cmocka_unit_test(test_a_danish_locale_puts_no_commas_into_numbers),
        cmocka_unit_test(test_empty_text),
        cmocka_unit_test(test_several_points_are_those_of_the_reference),
        cmocka_unit_test(test_a_set_of_dictionaries),
    };
    return cmocka_run_group_tests_name("analyze", tests, journey_begin, journey_end);
}

/* Texts longer than the model's context, and what joins or does not: the notes, the marks and what
 * is refused. */
#include "tests/support/journey.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

enum { CONTEXT = 256 };
static char config[160];

/* The sentence so often, on one line. */
static char *many(const char *sentence, int times)
{
    char *s = calloc((size_t)times + 1, strlen(sentence) + 2);
    assert_non_null(s);
    for (int i = 0; i < times; i++)
        strcat(strcat(s, sentence), " ");
    return s;
}

static const char *file_of(const char *name, const char *a, const char *b)
{
    const char *path = scratch_path(name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fprintf(f, "%s\n%s\n", a, b);
    fclose(f);
    return path;
}

static const char *const da = "Rådet skal nu formelt godkende Parlamentets holdning.";
static const char *const en = "The Council now has to formally approve the position.";

/* Windows that analyze marks, each of which begins without a loss. */
static int marked_windows(const char *text, const char *option, int every)
{
    json_t *root = JSON_OF(NULL, "analyze", text, "--quiet", "--top=0", option), *t;
    size_t i;
    int windows = 0;
    json_array_foreach(get_list(root, "tokens"), i, t)
    {
        json_t *mark = json_object_get(t, "window");
        bool begins = i > 0 && i % (size_t)every == 0;
        assert_true(begins ? json_is_true(mark) : mark == NULL);
        windows += begins;
        if (begins || i == 0)
            assert_true(json_is_null(json_object_get(t, "loss")));
        else
            assert_true(isfinite(get_number(t, "loss")));
    }
    json_decref(root);
    return windows;
}

static void test_analyze_marks_windows(void **state)
{
    (void)state;
    need_demo();
    char *text = many(da, 40);
    assert_true(marked_windows(text, "--context=line", CONTEXT) >= 1);
    assert_true(marked_windows(text, "--bos", CONTEXT) >= 1); /* a window has its own BOS */
    assert_int_equal(marked_windows(da, "--context=line", CONTEXT), 0);
    struct run_result r;
    run_glimt(&r, NULL, "analyze", "--json", text, NULL);
    assert_int_equal(r.status, 0);
    assert_non_null(strstr(r.err, "glimt: note: line 1 is longer than the context of 256 tokens"));
    assert_int_equal(strcspn(r.err, "\n") + 1, strlen(r.err)); /* one line */
    run_release(&r);
    run_glimt(&r, NULL, "analyze", "--quiet", text, NULL);
    expect_done(&r);
    run_release(&r);
    char *lines = calloc(1, 2 * strlen(text) + 200);
    snprintf(lines, 2 * strlen(text) + 200, "%s\n%s\n%s", en, text, text);
    run_glimt(&r, NULL, "analyze", "--csv", lines, NULL);
    assert_non_null(strstr(r.err, "2 lines, the first line 2, are longer"));
    run_release(&r);
    free(lines);
    free(text);
}

static void expect_note(const struct run_result *r, const char *says)
{
    assert_int_equal(r->status, 0);
    if (!strstr(r->err, says))
        fail_msg("no \"%s\" in: %s", says, r->err);
}

static void test_studies_say_what_was_cut(void **state)
{
    (void)state;
    need_demo();
    char *text = many(en, 40), a[300], b[300];
    snprintf(a, sizeof a, "--class=da=%s", file_of("long-da.txt", da, da));
    snprintf(b, sizeof b, "--class=en=%s", file_of("long-en.txt", en, text));
    struct run_result r;
    static const char *const says =
        "1 document is longer than the context of 256 tokens, cut into 2 windows that do not see "
        "each other; the first is line 2 (en)";
    for (int again = 0; again < 2; again++) { /* computed, then from the cache */
        run_glimt(&r, &with_cache, "harvest", a, b, "--json", NULL);
        expect_note(&r, says);
        json_t *root = json_loads(r.out, 0, NULL), *cut = json_object_get(root, "cut");
        assert_int_equal(get_whole(cut, "da"), 0);
        assert_int_equal(get_whole(cut, "en"), 1);
        assert_true(json_is_boolean(json_object_get(root, "cached")) &&
                    json_is_true(json_object_get(root, "cached")) == again);
        json_decref(root);
        run_release(&r);
    }
    run_glimt(&r, &with_cache, "sweep", a, b, "--values=0", NULL);
    expect_note(&r, says);
    run_release(&r);
    run_glimt(&r, &with_cache, "histogram", "418", a, b, NULL);
    expect_note(&r, says);
    run_release(&r);
    run_glimt(&r, &with_cache, "examples", "418", a, b, "--quiet", NULL);
    expect_done(&r);
    run_release(&r);
    run_glimt(&r, &with_cache, "harvest", a, b, "--limit=1", NULL); /* only the short ones */
    expect_done(&r);
    run_release(&r);
    free(text);
}

static void test_a_prompt_beyond_the_context(void **state)
{
    (void)state;
    need_demo();
    char *text = many(da, 40);
    struct run_result r;
    run_glimt(&r, NULL, "generate", text, NULL);
    expect_error(&r, 2, "expected at most 255: the context of demo has 256");
    run_release(&r);
    run_glimt(&r, NULL, "generate", da, "--tokens=300", NULL);
    expect_error(&r, 2, "--tokens: found 300, expected at most 256");
    run_release(&r);
    free(text);
}

static void test_a_corpus_is_not_joined(void **state)
{
    (void)state;
    need_demo();
    static const char *const commands[] = {"harvest",  "latents", "find",    "histogram",
                                           "examples", "sweep",   "coactive"};
    struct run_result r;
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        run_glimt(&r, NULL, commands[i], "--context=join", NULL);
        expect_error(&r, 2, "found --context join, expected none");
        run_release(&r);
    }
    /* a configuration says how text is analysed; corpora are read as ever */
    char path[300];
    snprintf(path, sizeof path, "%s", scratch_path("joined"));
    mkdir(path, 0700);
    strcat(path, "/glimt");
    mkdir(path, 0700);
    strcat(path, "/config");
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs("context = join\n", f);
    fclose(f);
    snprintf(config, sizeof config, "XDG_CONFIG_HOME=%s", scratch_path("joined"));
    const char *const both[] = {with_cache.env[0], config, NULL};
    run_glimt(&r, &(struct run_how){.env = both}, "harvest", "--limit=2", "--json", NULL);
    expect_done(&r);
    json_t *joined = json_loads(r.out, 0, NULL);
    json_t *plain = JSON_OF(&with_cache, "harvest", "--limit=2");
    assert_true(
        json_equal(json_object_get(joined, "sentences"), json_object_get(plain, "sentences")));
    json_decref(joined);
    json_decref(plain);
    run_release(&r);
}

/* One rule for a neuron: active above 0, in analyze as in what is counted of a corpus. */
static void test_neurons_are_active_above_zero(void **state)
{
    (void)state;
    need_demo();
    json_t *root = JSON_OF(NULL, "analyze", da, "--neurons=3,7"), *t, *u;
    size_t i, j;
    json_array_foreach(get_list(root, "tokens"), i, t)
    {
        double before = INFINITY;
        assert_int_equal(json_array_size(get_list(t, "top")), 32);
        json_array_foreach(get_list(t, "top"), j, u)
        {
            assert_true(get_number(u, "act") > 0 && get_number(u, "act") <= before);
            before = get_number(u, "act");
        }
    }
    json_decref(root);
    root = JSON_OF(&with_cache, "latents", "--neurons=3,7", "--limit=16");
    json_t *values =
        JSON_OF(&with_cache, "histogram", "3", "7", "--neurons=3,7", "--limit=16", "--tokens");
    json_array_foreach(get_list(root, "rows"), i, u)
    {
        int id = get_whole(u, "latent");
        double above = 0, n = 0;
        if (id != 3 && id != 7)
            continue;
        json_array_foreach(get_list(values, "tokens"), j, t)
        {
            if (strcmp(get_string(t, "class"), "da") != 0)
                continue;
            n++;
            above += get_number(json_object_get(t, "act"), id == 3 ? "3" : "7") > 0;
        }
        expect_close(get_number(json_object_get(u, "fire_share"), "da"), above / n, 1e-8);
    }
    json_decref(root);
    json_decref(values);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_analyze_marks_windows),
        cmocka_unit_test(test_studies_say_what_was_cut),
        cmocka_unit_test(test_a_prompt_beyond_the_context),
        cmocka_unit_test(test_a_corpus_is_not_joined),
        cmocka_unit_test(test_neurons_are_active_above_zero),
    };
    return cmocka_run_group_tests_name("the context", tests, journey_begin_with_cache, journey_end);
}

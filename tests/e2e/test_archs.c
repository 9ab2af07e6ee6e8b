/* Models of other architectures from the command line: losses, plain and with a fixed latent,
 * against whole forwards in the same folder; the BOS token that a model needs; what is refused. */
#include "engine/base/memory.h"
#include "tests/support/journey.h"
#include "tests/support/tiny_model.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { N_MAX = 64 };
static const char text[] = "Hun læser en bog om vejret, og han hører radio i køkkenet.";

struct folder {
    struct tiny_model t;
    char *model, *sae;
};

static void folder_open(struct folder *f, const char *arch, const char *hook)
{
    tiny_open(&f->t, &(struct tiny_spec){.hook = hook, .arch = arch});
    f->model = xasprintf("%s/model", f->t.dir);
    f->sae = xasprintf("%s/sae.safetensors", f->t.dir);
}

static void folder_close(struct folder *f)
{
    free(f->model);
    free(f->sae);
    tiny_close(&f->t);
}

/* Losses of ids in one forward, with a hook or without. */
static void direct(struct folder *f, const int32_t *ids, int32_t n, const struct hook *hook,
                   float *loss)
{
    const int32_t start[] = {0, n};
    int32_t target[N_MAX];
    struct arena *arena = arena_new(f->t.queue);
    struct run run = {.queue = f->t.queue, .arena = arena};
    struct batch b = {.n_rows = n, .ids = ids, .seqs = {.n = 1, .start = start}};
    struct state end;
    for (int32_t i = 0; i < n; i++)
        target[i] = i + 1 < n ? ids[i + 1] : -1;
    model_forward(&run, f->t.model, &b, NULL, model_end(f->t.model), hook, hook ? 1 : 0, &end);
    model_loss(&run, f->t.model, end.value, target, loss);
    if (error_is_set(&run.err))
        fail_msg("%s", run.err.text);
    arena_free(arena);
}

/* What the program said of every token against the forward. */
static void compare(struct folder *f, const char *fix, const struct hook *hook, bool bos)
{
    json_t *root =
        fix ? JSON_OF(NULL, "analyze", text, "--model", f->model, "--sae", f->sae, "--cache=none",
                      "--fix", fix)
            : JSON_OF(NULL, "analyze", text, "--model", f->model, "--sae", f->sae, "--cache=none");
    json_t *tokens = get_list(root, "tokens"), *t;
    int32_t ids[N_MAX], n = (int32_t)json_array_size(tokens);
    size_t i;
    float loss[N_MAX];
    assert_true(n > 20 && n <= N_MAX);
    json_array_foreach(tokens, i, t) ids[i] = get_whole(t, "id");
    t = json_array_get(tokens, 0);
    assert_int_equal(get_whole(t, "end") == get_whole(t, "start"), bos);
    direct(f, ids, n, hook, loss);
    json_array_foreach(tokens, i, t) if (i > 0)
        expect_close(get_number(t, "loss"), (double)loss[i - 1], 2e-4);
    json_decref(root);
}

static void analyze_agrees(const char *arch, const char *hook)
{
    struct folder f;
    folder_open(&f, arch, hook);
    const struct unit unit = {{0, 3}, 2.5f, UNIT_FIX};
    const struct hook insert = {
        .at = f.t.at, .op = HOOK_INSERT, .dict = f.t.dict, .units = &unit, .n_units = 1};
    const bool bos = strncmp(arch, "gemma", 5) == 0;
    compare(&f, NULL, NULL, bos);
    compare(&f, "3=2.5", &insert, bos);
    folder_close(&f);
}

static void test_analyze(void **state)
{
    (void)state;
    analyze_agrees("gpt2", "layers.1.mlp.act");
    analyze_agrees("gpt2", "layers.1.resid.mid");
    analyze_agrees("llama", "layers.1.mlp.act");
    analyze_agrees("llama", "layers.1.attn.z");
    analyze_agrees("gemma2", "layers.1.mlp.out");
    analyze_agrees("gemma3", "layers.1.mlp.out");
    analyze_agrees("gptj", "layers.1.attn.out");
}

static size_t tokens_with(const struct folder *f, const char *option)
{
    json_t *root = JSON_OF(NULL, "analyze", text, "--model", f->model, "--cache=none", option);
    const size_t n = json_array_size(get_list(root, "tokens"));
    json_decref(root);
    return n;
}

/* Gemma begins with a BOS token, unless it is told not to; Llama only when it is told to. */
static void test_bos(void **state)
{
    (void)state;
    struct folder f;
    folder_open(&f, "gemma2", "layers.1.mlp.act");
    const size_t n = tokens_with(&f, "--no-bos");
    assert_int_equal(tokens_with(&f, "--quiet"), n + 1);
    assert_int_equal(tokens_with(&f, "--bos"), n + 1);
    folder_close(&f);
    folder_open(&f, "llama", "layers.1.mlp.act");
    assert_int_equal(tokens_with(&f, "--quiet"), n);
    assert_int_equal(tokens_with(&f, "--bos"), n + 1);
    folder_close(&f);
}

/* The configuration's, which is not the tokenizer's end of text: one rule for every command. */
static void test_bos_of_the_configuration(void **state)
{
    (void)state;
    struct folder f;
    folder_open(&f, "llama", "layers.1.mlp.act");
    char *change =
        xasprintf("sed -i 's/\"bos_token_id\":0/\"bos_token_id\":77/' '%s/config.json'", f.model);
    assert_int_equal(system(change), 0);
    free(change);
    json_t *a = JSON_OF(NULL, "analyze", text, "--model", f.model, "--cache=none", "--bos"),
           *t = JSON_OF(NULL, "tokenize", text, "--model", f.model, "--bos");
    json_t *ids = get_list(t, "ids"), *tokens = get_list(a, "tokens");
    assert_int_equal(json_array_size(ids), json_array_size(tokens));
    assert_int_equal(json_integer_value(json_array_get(ids, 0)), 77);
    for (size_t i = 0; i < json_array_size(ids); i++)
        assert_int_equal(json_integer_value(json_array_get(ids, i)),
                         get_whole(json_array_get(tokens, i), "id"));
    json_decref(a);
    json_decref(t);
    folder_close(&f);
}

/* transformers' default, which a small vocabulary does not have: refused where it would be used. */
static void test_bos_outside_the_vocabulary(void **state)
{
    (void)state;
    static const char *const archs[] = {"gpt2", "gptj", NULL};
    for (size_t i = 0; i < sizeof archs / sizeof *archs; i++) {
        struct folder f;
        struct run_result r;
        folder_open(&f, archs[i], "layers.1.mlp.act");
        char *change = xasprintf(
            "sed -i 's/\"bos_token_id\": *[0-9]*/\"bos_token_id\":50256/' '%s/config.json' && "
            "grep -q 50256 '%s/config.json'",
            f.model, f.model);
        assert_int_equal(system(change), 0);
        free(change);
        assert_true(tokens_with(&f, "--quiet") > 0);
        const char *const commands[] = {"analyze", "tokenize"};
        for (int c = 0; c < 2; c++) {
            run_glimt(&r, NULL, commands[c], text, "--model", f.model, "--bos", NULL);
            expect_error(&r, 2, "bos_token_id is outside the vocabulary");
            assert_non_null(strstr(r.err, "--no-bos goes without"));
            run_release(&r);
        }
        folder_close(&f);
    }
}

static void test_lens(void **state)
{
    (void)state;
    static const struct {
        const char *arch, *hook, *word; /* refused with the word; NULL: done */
    } cases[] = {{"gpt2", "layers.1.attn.z", NULL},
                 {"llama", "layers.1.mlp.act", NULL},
                 {"llama", "layers.1.resid.mid", NULL},
                 {"llama", "layers.1.mlp.in", "a norm is between"},
                 {"gemma2", "layers.1.mlp.act", "a norm is between"},
                 {"gemma2", "layers.1.mlp.out", NULL},
                 {NULL, "layers.1.resid.mid", "run in parallel"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct folder f;
        struct run_result r;
        folder_open(&f, cases[i].arch, cases[i].hook);
        run_glimt(&r, NULL, "logit-lens", "3", "--model", f.model, "--sae", f.sae, "--cache=none",
                  "--json", NULL);
        if (cases[i].word)
            expect_error(&r, 2, cases[i].word);
        else
            expect_done(&r);
        run_release(&r);
        folder_close(&f);
    }
}

/* Studies run on them too: what a harvest counts is of all tokens. */
static void test_study(void **state)
{
    (void)state;
    struct folder f;
    struct run_result r;
    folder_open(&f, "llama", "layers.1.attn.z");
    char *bundle = xasprintf("%s/tiny.glimt", f.t.dir);
    tiny_write_bundle(f.t.dir, "layers.1.attn.z");
    run_glimt(&r, NULL, "sweep", "--bundle", bundle, "--latents", "3", "--values=0:2:2",
              "--limit=4", "--cache=none", "--quiet", "--json", NULL);
    expect_done(&r);
    run_release(&r);
    free(bundle);
    folder_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_analyze),
        cmocka_unit_test(test_bos),
        cmocka_unit_test(test_bos_of_the_configuration),
        cmocka_unit_test(test_bos_outside_the_vocabulary),
        cmocka_unit_test(test_lens),
        cmocka_unit_test(test_study),
    };
    return cmocka_run_group_tests(tests, journey_begin, journey_end);
}

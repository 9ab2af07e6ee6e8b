/* Completions as the shells give them: the files are those of the tables, and bash, zsh and fish
 * are asked. A shell that is not here is skipped. */
#include "engine/base/memory.h"
#include "tests/support/journey.h"
#include "tui/cli/command.h"
#include "tui/cli/explorer_options.h"
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static void expect_file(const char *path, const char *text, size_t n)
{
    FILE *f = fopen(path, "r");
    if (!f)
        fail_msg("no %s", path);
    char *file = calloc(1, n + 2);
    size_t got = fread(file, 1, n + 1, f);
    fclose(f);
    if (got != n || memcmp(file, text, n) != 0)
        fail_msg("%s differs from what glimt --completions prints: write it again", path);
    free(file);
}

static const char *const shells[] = {"bash", "zsh", "fish"};
#define N_SHELLS (sizeof shells / sizeof *shells)

static void test_completions_are_of_these_tables(void **state)
{
    (void)state;
    struct run_result r;
    char path[64];
    for (size_t i = 0; i < N_SHELLS; i++) {
        run_glimt(&r, NULL, "--completions", shells[i], NULL);
        expect_done(&r);
        snprintf(path, sizeof path, "completions/glimt.%s", shells[i]);
        expect_file(path, r.out, r.n_out);
        run_release(&r);
    }
    run_glimt(&r, NULL, "--completions", "tcsh", NULL);
    expect_error(&r, 2, "found tcsh, expected bash, zsh or fish");
    run_release(&r);
}

static bool names_option(const char *text, const char *before, const char *name)
{
    char word[64];
    size_t n = (size_t)snprintf(word, sizeof word, "%s%s", before, name);
    for (const char *at = text; (at = strstr(at, word)) != NULL; at += n)
        if (!strchr("abcdefghijklmnopqrstuvwxyz-", at[n]) || at[n] == '\0')
            return true;
    return false;
}

static void expect_options(const char *shell, const char *text, const struct option_row *table)
{
    const char *before = strcmp(shell, "fish") == 0 ? "-l " : "--";
    for (const struct option_row *r = table; r && r->name; r++)
        if (!names_option(text, before, r->name))
            fail_msg("completions/glimt.%s lacks --%s", shell, r->name);
}

static void test_completions_have_every_option(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_SHELLS; i++) {
        char path[64], *text = calloc(1, 1 << 17);
        snprintf(path, sizeof path, "completions/glimt.%s", shells[i]);
        FILE *f = fopen(path, "r");
        assert_non_null(f);
        assert_true(fread(text, 1, (1 << 17) - 1, f) > 1000);
        fclose(f);
        expect_options(shells[i], text, common_options);
        expect_options(shells[i], text, explorer_options);
        for (size_t c = 0; cli_commands[c]; c++) {
            expect_options(shells[i], text, command_options(cli_commands[c]));
            assert_non_null(strstr(text, command_last_word(cli_commands[c])));
        }
        free(text);
    }
}

/* What bash offers for the last word of a line, in a folder with some files. breaks: where bash
 * cuts words; the words are given as it cuts them. */
static void completed_with(const char *breaks, const char *words, const char *expected)
{
    static const char script[] =
        "source completions/glimt.bash; cd \"$1\"; COMP_WORDBREAKS=$2; eval \"COMP_WORDS=($3)\"; "
        "COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _glimt; for r in \"${COMPREPLY[@]}\"; do "
        "echo \"$r\"; done | LC_ALL=C sort | tr '\\n' '|'";
    struct run_result r;
    char *home = xasprintf("HOME=%s", scratch_path("."));
    const char *const env[] = {"LC_ALL=C.UTF-8",
                               home,
                               "XDG_CONFIG_HOME=/nonexistent",
                               "HF_HOME=~/hf",
                               "HF_HUB_CACHE",
                               "HUGGINGFACE_HUB_CACHE",
                               NULL};
    const char *const argv[] = {"bash", "--norc", "-c", script, "bash", scratch_path("offers"),
                                breaks, words,    NULL};
    run_program(&r, &(struct run_how){.env = env}, argv);
    expect_done(&r);
    if (strcmp(r.out, expected) != 0)
        fail_msg("%s: bash offers %s, expected %s", words, r.out, expected);
    free(home);
    run_release(&r);
}

static void completed(const char *words, const char *expected)
{
    completed_with(" \t\n\"'@><=;|&(:", words, expected);
}

/* A Hugging Face cache, which the environment of the shells names with a tilde. */
static void make_hub(void)
{
    static const char script[] =
        "cd \"$1\"; for r in E--pythia-70m/refs/main E--pythia-70m/refs/step3000 gpt2/refs/main; "
        "do "
        "mkdir -p hf/hub/models--${r%/*}; echo 0123 >hf/hub/models--$r; done; "
        "mkdir -p hf/hub/models--E--pythia-70m/refs/refs/pr";
    struct run_result r;
    const char *const argv[] = {"bash", "--norc", "-c", script, "bash", scratch_path("."), NULL};
    run_program(&r, NULL, argv);
    expect_done(&r);
    run_release(&r);
}

static void make_offers(void)
{
    static const char *const files[] = {"ord.tsv", "ord liste.txt", "blå.json"};
    make_hub();
    mkdir(scratch_path("offers"), 0700);
    mkdir(scratch_path("offers/model"), 0700);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char name[64];
        snprintf(name, sizeof name, "offers/%s", files[i]);
        FILE *f = fopen(scratch_path(name), "w");
        assert_non_null(f);
        fclose(f);
    }
}

static void test_bash_completes_values(void **state)
{
    (void)state;
    make_offers();
    completed("glimt analyze --insert e", "error|");
    completed("glimt sweep --insert sae", "sae|sae,error|");
    completed("glimt --theme d", "dark|");
    completed("glimt latents --sort d", "density|difference|");
    completed("glimt --device c", "cpu|cuda|");
    completed("glimt --dtype b", "bf16|");
    completed("glimt --color 2", "256|");
    completed("glimt --hook layers.3.m",
              "layers.3.mlp.act|layers.3.mlp.in|layers.3.mlp.normalized|layers.3.mlp.out|"
              "layers.3.mlp.pre|");
    completed("glimt --hook f", "final_norm|");
    completed("glimt --cache n", "none|");
    completed("glimt --model mo", "model|");
    completed("glimt --model E/", "E/pythia-70m|E/pythia-70m@step3000|");
    completed("glimt --model g", "gpt2|");
    completed("glimt --model E/pythia-70m @ st", "step3000|");
    completed("glimt verify E/", "E/pythia-70m|E/pythia-70m@step3000|");
    completed("glimt --state o", "");
    completed("glimt --play or", "ord liste.txt|ord.tsv|");
    completed("glimt analyze --top o", "");
    /* behind '=', as bash cuts it and as it does not */
    completed("glimt latents --class da = ord", "ord liste.txt|ord.tsv|");
    completed("glimt latents --class da =", "blå.json|model|ord liste.txt|ord.tsv|");
    completed("glimt latents --class da", "");
    completed("glimt --theme = l", "light|");
    completed("glimt latents --sort = o", "overlap|");
    completed("glimt latents --class = da = bl", "blå.json|");
    completed_with(" ", "glimt --theme=l", "--theme=light|");
    completed_with(" ", "glimt --model=E/pythia-70m@", "--model=E/pythia-70m@step3000|");
    completed_with(" ", "glimt latents --class da=bl", "da=blå.json|");
    completed_with(" ", "glimt latents --class=da=bl", "--class=da=blå.json|");
}

static void test_bash_completes(void **state)
{
    (void)state;
    make_offers();
    completed("glimt ana", "analyze|");
    completed("glimt analyze --pred", "--predictions|");
    completed("glimt generate --pred", "");
    completed("glimt contr", "contrast|");
    completed("glimt contrast tt", "ttest|");
    completed("glimt --theme dark contrast ttest --we", "--welch|");
    completed("glimt contrast words --we", "");
    completed("glimt contrast ttest --word-vector m", "mean|");
    completed("glimt contrast ttest or", "ord liste.txt|ord.tsv|");
    completed("glimt contrast words ttest --we", "");
    completed("glimt --co", "--color|--completions|--context|");
    completed("glimt analyze --co", "--color|--context|");
    completed("glimt latents or", "ord liste.txt|ord.tsv|");
    completed("glimt harvest --limit 4 bl", "blå.json|");
    completed("glimt histogram 418 bl", "blå.json|");
    completed("glimt snapshot l", "latents|");
    completed("glimt snapshot --theme dark j", "jobs|");
    completed("glimt cache v", "verify|");
    completed("glimt --theme dark ver", "verify|");
    completed("glimt analyze o", "");
    completed("glimt doctor o", "");
    completed("glimt latents -- or", "ord liste.txt|ord.tsv|");
}

/* ---- zsh and fish */
static bool is_here(const char *shell)
{
    struct run_result r;
    const char *const argv[] = {"sh", "-c", "command -v \"$1\" || exit 1", "sh", shell, NULL};
    run_program(&r, &(struct run_how){0}, argv);
    bool here = r.status == 0;
    run_release(&r);
    return here;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Lines "word<TAB>…" → "word|word|", sorted, without the slash of a folder. */
static char *words_of(char *lines)
{
    char *word[400], *out = calloc(1, strlen(lines) + 2);
    size_t n = 0;
    for (char *line = strtok(lines, "\n"); line && n < 400; line = strtok(NULL, "\n")) {
        line[strcspn(line, "\t")] = '\0';
        size_t len = strlen(line);
        if (len > 0 && line[len - 1] == '/')
            line[len - 1] = '\0';
        word[n++] = line;
    }
    qsort(word, n, sizeof *word, by_name);
    for (size_t i = 0; i < n; i++) {
        strcat(out, word[i]);
        strcat(out, "|");
    }
    return out;
}

/* What a shell offers for the last word of a line, in the folder of make_offers. */
static void offered(const char *const *argv, const char *line, const char *expected)
{
    struct run_result r;
    char *home = NULL;
    assert_true(asprintf(&home, "HOME=%s", scratch_path("shells")) > 0);
    const char *const env[] = {"LC_ALL=C.UTF-8",
                               home,
                               "XDG_CONFIG_HOME",
                               "XDG_DATA_HOME",
                               "ZDOTDIR",
                               "HF_HOME=~/../hf",
                               "HF_HUB_CACHE",
                               "HUGGINGFACE_HUB_CACHE",
                               NULL};
    run_program(&r, &(struct run_how){.env = env}, argv);
    expect_done(&r);
    char *words = words_of(r.out);
    if (strcmp(words, expected) != 0)
        fail_msg("%s: %s offers %s, expected %s", line, argv[0], words, expected);
    free(words);
    free(home);
    run_release(&r);
}

static void zsh_offers(const char *line, const char *expected)
{
    const char *const argv[] = {
        "zsh", "-f", "tests/support/offers.zsh", scratch_path("zsh"), scratch_path("offers"),
        line,  NULL};
    offered(argv, line, expected);
}

static void fish_offers(const char *line, const char *expected)
{
    static const char script[] =
        "source completions/glimt.fish; cd $argv[1]; complete -C $argv[2]; true";
    const char *const argv[] = {"fish", "--no-config", "-c", script, scratch_path("offers"),
                                line,   NULL};
    offered(argv, line, expected);
}

/* The same is offered by both. */
static void expect_offers(void (*offers)(const char *line, const char *expected))
{
    static const struct {
        const char *line, *words;
    } cases[] = {
        {"glimt --d", "--device|--dtype|"},
        {"glimt --co", "--color|--completions|--context|"},
        {"glimt --completions ", "bash|fish|zsh|"},
        {"glimt --sess", "--session|"},
        {"glimt ana", "analyze|"},
        {"glimt --theme dark ver", "verify|"},
        {"glimt analyze --co", "--color|--context|"},
        {"glimt analyze --sess", ""},
        {"glimt analyze --pred", "--predictions|"},
        {"glimt contr", "contrast|"},
        {"glimt contrast tt", "ttest|"},
        {"glimt --theme dark contrast ttest --we", "--welch|"},
        {"glimt contrast words --we", ""},
        {"glimt contrast ttest --word-vector m", "mean|"},
        {"glimt contrast ttest bl", "blå.json|"},
        {"glimt ttest --we", ""},
        {"glimt generate --pred", ""},
        {"glimt analyze o", ""},
        {"glimt sweep --va", "--values|"},
        {"glimt --theme dark sweep --ea", "--each|"},
        {"glimt sweep --in", "--insert|"},
        {"glimt sweep --insert ", "error|sae|sae,error|"},
        {"glimt analyze --insert ", "error|none|sae|"},
        {"glimt sweep --insert=sae", "--insert=sae|--insert=sae,error|"},
        {"glimt --theme d", "dark|"},
        {"glimt latents --sort d", "density|difference|"},
        {"glimt --hook f", "final_norm|"},
        {"glimt snapshot l", "latents|"},
        {"glimt cache v", "verify|"},
        {"glimt --cache n", "none|"},
        {"glimt --model mo", "model|"},
        {"glimt --model g", "gpt2|"},
        {"glimt --model E/", "E/pythia-70m|E/pythia-70m@step3000|"},
        {"glimt --state o", ""},
        {"glimt harvest --limit 4 bl", "blå.json|"},
        {"glimt latents --limit ", ""},
        {"glimt latents --class da", ""},
        {"glimt latents --class da=bl", "da=blå.json|"},
        {"glimt latents --class=da=bl", "--class=da=blå.json|"},
        {"glimt latents --class da=blå.json --cl", "--class|"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        offers(cases[i].line, cases[i].words);
}

static void test_zsh_completes(void **state)
{
    (void)state;
    if (!is_here("zsh")) {
        print_message("zsh is not here\n");
        skip();
    }
    char from[PATH_MAX];
    assert_non_null(realpath("completions/glimt.zsh", from));
    make_offers();
    mkdir(scratch_path("shells"), 0700);
    mkdir(scratch_path("zsh"), 0700); /* as it is installed */
    assert_int_equal(symlink(from, scratch_path("zsh/_glimt")), 0);
    expect_offers(zsh_offers);
}

static void test_fish_completes(void **state)
{
    (void)state;
    if (!is_here("fish")) {
        print_message("fish is not here\n");
        skip();
    }
    make_offers();
    mkdir(scratch_path("shells"), 0700);
    expect_offers(fish_offers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_completions_are_of_these_tables),
        cmocka_unit_test(test_completions_have_every_option),
        cmocka_unit_test(test_bash_completes),
        cmocka_unit_test(test_bash_completes_values),
        cmocka_unit_test(test_zsh_completes),
        cmocka_unit_test(test_fish_completes),
    };
    return cmocka_run_group_tests_name("completions", tests, journey_begin, journey_end);
}

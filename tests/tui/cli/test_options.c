/* Parsing of options: argv, configuration file, misspellings; nothing outside the struct is
 * touched. */
#include "engine/base/memory.h"
#include "tui/cli/option_table.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { ARGS_MAX = 40 };

struct parsed {
    struct options o;
    struct error e;
    int status, argc;
    char *argv[ARGS_MAX];
};

/* Words with blanks between them. */
static void parse_with(struct parsed *p, const struct option_row *own, void *values,
                       const char *words)
{
    static char copy[512];
    snprintf(copy, sizeof copy, "glimt %s", words);
    *p = (struct parsed){0};
    for (char *w = strtok(copy, " "); w; w = strtok(NULL, " "))
        p->argv[p->argc++] = w;
    p->status = options_parse_with(&p->o, own, values, &p->argc, p->argv, &p->e);
}

static void parse(struct parsed *p, const char *words)
{
    parse_with(p, NULL, NULL, words);
}

static void test_defaults(void **state)
{
    (void)state;
    struct parsed p;
    parse(&p, "");
    assert_int_equal(p.status, 0);
    assert_null(p.o.model);
    assert_string_equal(p.o.device, "auto");
    assert_string_equal(p.o.dtype, "auto");
    assert_int_equal(p.o.output, OUTPUT_TEXT);
    assert_false(options_inserts(&p.o));
    options_release(&p.o);
}

static void test_both_spellings(void **state)
{
    (void)state;
    struct parsed p;
    parse(&p, "--model=a/b=c --sae x.pt TEXT --latents=5,0,12 --fix 5=2,0=-1.5e1 --insert error "
              "--bos --context join "
              "--json --threads 3 --seed 18446744073709551615 --color 256 - rest");
    assert_int_equal(p.status, 0);
    assert_string_equal(p.o.model, "a/b=c");
    assert_string_equal(p.o.sae, "x.pt");
    assert_int_equal(p.o.n_units, 3);
    assert_int_equal(p.o.unit[0].index, 5);
    assert_int_equal(p.o.unit[1].index, 0);
    assert_int_equal(p.o.unit[2].index, 12);
    assert_false(p.o.neurons);
    assert_int_equal(p.o.n_fix, 2);
    assert_int_equal(p.o.fix[1].unit.index, 0);
    assert_float_equal(p.o.fix[1].value, -15.0, 0);
    assert_true(p.o.n_insert == 1 && p.o.insert[0].how == INSERT_ERROR);
    assert_int_equal(p.o.bos, SAID_YES);
    assert_true(p.o.join);
    assert_int_equal(p.o.output, OUTPUT_JSON);
    assert_int_equal(p.o.threads, 3);
    assert_true(p.o.seed == UINT64_MAX);
    assert_int_equal(p.o.color, COLOR_256);
    assert_int_equal(p.argc, 4);
    assert_string_equal(p.argv[1], "TEXT");
    assert_string_equal(p.argv[2], "-");
    assert_string_equal(p.argv[3], "rest");
    assert_null(p.argv[4]);
    options_release(&p.o);
}

static void test_double_dash_ends_options(void **state)
{
    (void)state;
    struct parsed p;
    parse(&p, "--json -- --model -x");
    assert_int_equal(p.status, 0);
    assert_null(p.o.model);
    assert_int_equal(p.argc, 3);
    assert_string_equal(p.argv[1], "--model");
    assert_string_equal(p.argv[2], "-x");
    options_release(&p.o);
}

static void test_neurons_take_the_place_of_latents(void **state)
{
    (void)state;
    struct parsed p;
    parse(&p, "--latents 1,2,3 --neurons 7 --fix 7=1");
    assert_int_equal(p.status, 0);
    assert_true(p.o.neurons);
    assert_int_equal(p.o.n_units, 1);
    assert_true(options_inserts(&p.o));
    options_release(&p.o);
}

/* A hook is of the SAE before it; before any, of the first. */
static void test_several_saes(void **state)
{
    (void)state;
    struct parsed p;
    parse(&p, "--hook resid_1 --sae a --sae b --hook resid_2 --sae c --neurons L3N7,L2N1 "
              "--latents resid_1/4");
    assert_int_equal(p.status, 0);
    assert_string_equal(p.o.sae, "a");
    assert_string_equal(p.o.hook, "resid_1");
    assert_int_equal(p.o.n_more, 2);
    assert_string_equal(p.o.more[0].path, "b");
    assert_string_equal(p.o.more[0].hook, "resid_2");
    assert_string_equal(p.o.more[1].path, "c");
    assert_null(p.o.more[1].hook);
    assert_true(p.o.neurons); /* beside the SAEs, behind the latents */
    assert_int_equal(p.o.n_units, 3);
    assert_int_equal(p.o.n_latents, 1);
    assert_string_equal(p.o.unit[0].place, "resid_1");
    assert_int_equal(p.o.unit[1].layer, 3);
    assert_int_equal(p.o.unit[2].layer, 2);
    options_release(&p.o);
    parse(&p, "--neurons 5 --latents 3"); /* without an SAE the last counts */
    assert_false(p.o.neurons);
    assert_int_equal(p.o.n_units, 1);
    assert_int_equal(p.o.unit[0].index, 3);
    options_release(&p.o);
    parse(&p, "--sae=");
    assert_int_equal(p.status, 2);
    options_release(&p.o);
}

static void test_bad_usage(void **state)
{
    (void)state;
    static const struct {
        const char *words, *says;
    } cases[] = {
        {"--modle x", "--modle, the nearest is --model"},
        {"--latent 3", "the nearest is --latents"},
        {"--zzzzzzzz", "unknown option --zzzzzzzz"},
        {"-j", "unknown option -j"},
        {"--model", "--model: found nothing after it"},
        {"--model=", "--model: found nothing"},
        {"--fix=", "--fix: found nothing, expected UNIT=V"},
        {"--threads=", "--threads: found nothing, expected N"},
        {"--rows 3", "--rows is no option here, but of latents, "},
        {"--temperature 1", "--temperature is no option here, but of generate"},
        {"--json --csv", "--csv: found beside --json"},
        {"--json=yes", "--json: found the value yes"},
        {"--fix 3", "--fix: found 3"},
        {"--fix 3=", "--fix: found 3="},
        {"--fix 3=nan", "--fix: found 3=nan"},
        {"--fix 3=1e99", "--fix: found 3=1e99"},
        {"--fix 3=1;4=1", "--fix: found 3=1;4=1"},
        {"--fix 3=1,3=2", "unit 3 twice"},
        {"--fix -3=1", "--fix: found -3=1"},
        {"--fix 3=1, ", "--fix: found"},
        {"--fix 3=1 --insert none", "--fix: found --insert none"},
        {"--latents 1,,2", "--latents: found"},
        {"--latents 1,x", "--latents: found x"},
        {"--latents 1,1", "unit 1 twice"},
        {"--latents 99999999999", "--latents: found 99999999999"},
        {"--insert maybe", "--insert: found maybe, expected none, sae or error"},
        {"--insert mlp_3=sae,mlp_3=none", "--insert: found mlp_3 twice"},
        {"--fix 3=1 --insert mlp_3=none", "--fix: found --insert none"},
        {"--context word", "--context: found word, expected one of line, join"},
        {"--dtype f8", "--dtype: found f8"},
        {"--threads 0", "--threads: found 0, expected a whole number from 1"},
        {"--threads 2x", "--threads: found 2x"},
        {"--seed -1", "--seed: found -1"},
        {"--seed 18446744073709551616", "--seed: found 18446744073709551616"},
        {"--color pink", "--color: found pink"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct parsed p;
        parse(&p, cases[i].words);
        if (p.status != 2 || !strstr(p.e.text, cases[i].says))
            fail_msg("%s: status %d, %s", cases[i].words, p.status, p.e.text);
        options_release(&p.o);
    }
}

/* ---- options of a program's own */

struct own_values {
    int top, kind;
    double temperature;
    bool loud;
};
static const char *const kinds[] = {"small", "large", NULL};
static const struct option_row own_rows[] = {
    {"top", "N", "", OPTION_INT, offsetof(struct own_values, top), .min = 0, .max = 9},
    {"kind", "WHICH", "", OPTION_CHOICE, offsetof(struct own_values, kind), .choices = kinds},
    {"temperature", "T", "", OPTION_REAL, offsetof(struct own_values, temperature), .min = 0,
     .max = 10},
    {"loud", NULL, "", OPTION_FLAG, .offset = offsetof(struct own_values, loud)},
    {.name = NULL},
};

static void test_own_options(void **state)
{
    (void)state;
    struct parsed p;
    struct own_values v = {.top = -1};
    parse_with(&p, own_rows, &v, "--kind large --temperature .5 --loud --json");
    assert_int_equal(p.status, 0);
    assert_int_equal(v.top, -1);
    assert_int_equal(v.kind, 1);
    assert_true(fabs(v.temperature - 0.5) < 1e-12);
    assert_true(v.loud);
    assert_int_equal(p.o.output, OUTPUT_JSON);
    options_release(&p.o);
    parse_with(&p, own_rows, &v, "--top 10");
    assert_int_equal(p.status, 2);
    assert_non_null(strstr(p.e.text, "--top: found 10, expected a whole number from 0 to 9"));
    options_release(&p.o);
    parse_with(&p, own_rows, &v, "--temperture 1");
    assert_non_null(strstr(p.e.text, "the nearest is --temperature"));
    options_release(&p.o);
}

/* ---- the configuration file */

struct place {
    char dir[64], file[128];
};

static void config_write(const struct place *c, const char *text)
{
    FILE *f = fopen(c->file, "w");
    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
}

static int config_setup(void **state)
{
    static struct place c;
    char folder[96];
    snprintf(c.dir, sizeof c.dir, "/tmp/glimt-options-XXXXXX");
    if (!mkdtemp(c.dir))
        return -1;
    snprintf(folder, sizeof folder, "%s/glimt", c.dir);
    snprintf(c.file, sizeof c.file, "%s/config", folder);
    setenv("XDG_CONFIG_HOME", c.dir, 1);
    *state = &c;
    return mkdir(folder, 0700);
}

static int config_teardown(void **state)
{
    struct place *c = *state;
    char folder[96];
    unlink(c->file);
    snprintf(folder, sizeof folder, "%s/glimt", c->dir);
    rmdir(folder);
    rmdir(c->dir);
    setenv("XDG_CONFIG_HOME", "/nonexistent", 1);
    return 0;
}

static void test_config(void **state)
{
    struct parsed p;
    struct own_values v = {0};
    config_write(
        *state,
        "# comment\n\nmodel = /some where/model \nbos=yes\r\n  color =  never\nfix = 3=1.5\n"
        "top = 4\nbind.quit = C-q\nbind.quit = C-x\nplot = braille\nno such key = 1\nthreads = 2");
    parse_with(&p, own_rows, &v, "--threads 5");
    assert_int_equal(p.status, 0);
    assert_string_equal(p.o.model, "/some where/model");
    assert_int_equal(p.o.bos, SAID_YES);
    assert_int_equal(p.o.color, COLOR_NEVER);
    assert_int_equal(p.o.n_fix, 1);
    assert_int_equal(p.o.fix[0].unit.index, 3);
    assert_int_equal(v.top, 4);
    assert_int_equal(p.o.threads, 5);
    assert_string_equal(options_config(&p.o, "bind.quit"), "C-x");
    assert_string_equal(options_config(&p.o, "plot"), "braille");
    assert_null(options_config(&p.o, "bind.other"));
    options_release(&p.o);
    parse(&p, "--no-bos");
    assert_int_equal(p.status, 0);
    assert_int_equal(p.o.bos, SAID_NO);
    options_release(&p.o);
}

static void test_config_errors_name_the_line(void **state)
{
    struct parsed p;
    config_write(*state, "\nbos = yes\ncolor = pink\n");
    parse(&p, "");
    assert_int_equal(p.status, 2);
    assert_non_null(strstr(p.e.text, "/glimt/config:3: color: found pink"));
    options_release(&p.o);
    config_write(*state, "nonsense\n");
    parse(&p, "");
    assert_int_equal(p.status, 2);
    assert_non_null(strstr(p.e.text, "/glimt/config:1: found nonsense, expected key = value"));
    options_release(&p.o);
    config_write(*state, "bos = perhaps\n");
    parse(&p, "");
    assert_int_equal(p.status, 2);
    options_release(&p.o);
}

/* ---- small parts */

static void test_distance(void **state)
{
    (void)state;
    assert_int_equal(edit_distance("", ""), 0);
    assert_int_equal(edit_distance("abc", ""), 3);
    assert_int_equal(edit_distance("", "abc"), 3);
    assert_int_equal(edit_distance("analyze", "analyse"), 1);
    assert_int_equal(edit_distance("modle", "model"), 1);
    assert_int_equal(edit_distance("kitten", "sitting"), 3);
    assert_int_equal(edit_distance("ab", "ba"), 1);
    char longest[200];
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    assert_int_equal(edit_distance(longest, "x"), 63);
    static const char *const names[] = {"analyze", "generate", "tokenize", "verify", "doctor"};
    assert_string_equal(nearest_name("analyse", names, 5), "analyze");
    assert_string_equal(nearest_name("gen", names, 5), "generate");
    assert_null(nearest_name("harvest", names, 5));
    assert_null(nearest_name("", names, 5));
}

static void test_first_operand(void **state)
{
    (void)state;
    static const struct {
        const char *words;
        int at;
    } cases[] = {
        {"", 0},        {"analyze", 1},        {"--model x analyze", 3}, {"--model=x analyze", 2},
        {"--json", 0},  {"--json analyze", 2}, {"--play x analyze", 0},  {"-- analyze", 0},
        {"--model", 0}, {"--bos -", 2}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char copy[64], *argv[8] = {0};
        int argc = 0;
        snprintf(copy, sizeof copy, "glimt %s", cases[i].words);
        for (char *w = strtok(copy, " "); w; w = strtok(NULL, " "))
            argv[argc++] = w;
        if (options_first_operand(argc, argv) != cases[i].at)
            fail_msg("%s: %d", cases[i].words, options_first_operand(argc, argv));
    }
}

/* A value that is too long for the error's text is cut, and controls in it never reach the
 * terminal. */
static void test_error_is_one_clean_line(void **state)
{
    (void)state;
    struct parsed p = {0};
    char word[2000] = "--mo\033[31m\n";
    memset(word + strlen(word), 'x', sizeof word - strlen(word) - 1);
    p.argv[0] = word;
    char *argv[] = {word, word, NULL};
    int argc = 2;
    p.status = options_parse(&p.o, &argc, argv, &p.e);
    assert_int_equal(p.status, 2);
    for (const char *c = p.e.text; *c; c++)
        assert_true((unsigned char)*c >= ' ');
    options_release(&p.o);
}

int main(void)
{
    setenv("XDG_CONFIG_HOME", "/nonexistent", 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_both_spellings),
        cmocka_unit_test(test_double_dash_ends_options),
        cmocka_unit_test(test_neurons_take_the_place_of_latents),
        cmocka_unit_test(test_bad_usage),
        cmocka_unit_test(test_own_options),
        cmocka_unit_test_setup_teardown(test_config, config_setup, config_teardown),
        cmocka_unit_test_setup_teardown(test_config_errors_name_the_line, config_setup,
                                        config_teardown),
        cmocka_unit_test(test_several_saes),
        cmocka_unit_test(test_distance),
        cmocka_unit_test(test_first_operand),
        cmocka_unit_test(test_error_is_one_clean_line),
    };
    return cmocka_run_group_tests_name("cli options", tests, NULL, NULL);
}

/* Where results go and what they are: standard output by name, pictures that are the same each
 * time, what no command can print, errors that every command tells alike. */
#include "engine/hook.h"
#include "tests/support/journey.h"
#include "tests/support/terminal.h"
#include "tui/term/grid.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static const char *const all_commands[] = {
    "analyze",  "harvest", "latents",  "find",     "histogram", "examples", "logit-lens",
    "coactive", "sweep",   "generate", "snapshot", "tokenize",  "verify",   "cache"};
#define N_COMMANDS (sizeof all_commands / sizeof *all_commands)

static void test_a_dash_is_standard_output(void **state)
{
    (void)state;
    need_demo();
    struct run_result plain, dash;
    run_glimt(&plain, NULL, "tokenize", "hus", "--json", NULL);
    run_glimt(&dash, NULL, "tokenize", "hus", "--json", "--output", "-", NULL);
    expect_done(&dash);
    assert_string_equal(dash.out, plain.out);
    assert_int_not_equal(access("-", F_OK), 0);
    run_release(&dash);
    run_release(&plain);
    run_glimt(&dash, NULL, "analyze", "hus", "--logits", "-", NULL);
    expect_error(&dash, 2, "--logits: found -");
    run_release(&dash);
    run_glimt(&dash, NULL, "logit-lens", "418", "--svg", "-", NULL);
    expect_done(&dash);
    assert_int_equal(strncmp(dash.out, "<svg", 4), 0);
    assert_int_not_equal(access("-", F_OK), 0);
    run_release(&dash);
    run_glimt(&dash, NULL, "logit-lens", "418", "--svg", "-", "--json", NULL);
    expect_error(&dash, 2, "--svg -");
    run_release(&dash);
    run_glimt(&dash, NULL, "logit-lens", "418", "--svg", "-", "--json", "--output",
              scratch_path("lens.json"), NULL);
    expect_done(&dash);
    assert_int_equal(strncmp(dash.out, "<svg", 4), 0);
    assert_int_equal(access(scratch_path("lens.json"), R_OK), 0);
    run_release(&dash);
}

static void test_a_picture_is_no_json(void **state)
{
    (void)state;
    struct run_result r;
    run_glimt(&r, NULL, "snapshot", "--json", NULL);
    expect_error(&r, 2, "snapshot: found --json");
    run_release(&r);
}

/* Of text and SVG together. */
static char *picture_of(const struct run_how *how, const char *view)
{
    struct run_result r;
    /* one latent: the sweep of six is most of a minute */
    run_glimt(&r, how, "snapshot", view, "--latents=418", "--text", "--svg",
              scratch_path("view.svg"), "--size", "130x40", NULL);
    expect_done(&r);
    FILE *f = fopen(scratch_path("view.svg"), "r");
    char *both = calloc(1, 1 << 20);
    assert_non_null(f);
    strcpy(both, r.out);
    assert_true(fread(both + r.n_out, 1, (1 << 20) - r.n_out - 1, f) > 1000);
    fclose(f);
    run_release(&r);
    return both;
}

static void test_pictures_are_the_same_whatever_is_kept(void **state)
{
    (void)state;
    need_demo();
    static const char *const views[] = {"explore", "latents", "histograms", "sweep", "jobs"};
    char cache[160];
    snprintf(cache, sizeof cache, "GLIMT_CACHE=%s", scratch_path("kept"));
    const char *const env[] = {cache, NULL};
    const struct run_how kept = {.env = env};
    struct run_result r;
    run_glimt(&r, &kept, "sweep", "--latents=418", "--insert=sae,error", "--each",
              NULL); /* what s in Explore asks */
    expect_done(&r);
    run_release(&r);
    for (size_t i = 0; i < sizeof views / sizeof *views; i++) {
        char *none = picture_of(NULL, views[i]);
        for (int k = 0; k < 2; k++) { /* computed, then read */
            char *with = picture_of(&kept, views[i]);
            if (strcmp(none, with) != 0)
                fail_msg("%s: another picture with a cache (time %d)", views[i], k);
            free(with);
        }
        free(none);
    }
}

/* What harvest is for is that it is kept. */
static void test_harvest_on_a_full_disk(void **state)
{
    (void)state;
    need_demo();
    char cache[160], script[200];
    snprintf(cache, sizeof cache, "GLIMT_CACHE=%s", scratch_path("full"));
    const char *const env[] = {cache, NULL};
    static const int blocks[] = {0, 1, 20, 100};
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) {
        struct run_result r;
        snprintf(script, sizeof script,
                 "trap '' XFSZ; ulimit -f %d; exec \"$0\" harvest --limit 8 | cat; "
                 "exit ${PIPESTATUS[0]}",
                 blocks[i]);
        const char *const argv[] = {"bash", "-c", script, glimt_binary(), NULL};
        run_program(&r, &(struct run_how){.env = env}, argv);
        expect_error(&r, 1, "cache");
        run_release(&r);
    }
}

/* ---- errors of what every command reads */
static void test_a_theme_that_is_not_there(void **state)
{
    (void)state;
    struct run_result r;
    for (size_t i = 0; i < N_COMMANDS; i++) {
        run_glimt(&r, NULL, all_commands[i], "--theme", "nosuch", NULL);
        expect_error(&r, 2, "nosuch.theme");
        run_release(&r);
    }
    run_glimt(&r, NULL, "--theme", "nosuch", NULL); /* the analysis without a terminal */
    expect_error(&r, 2, "nosuch.theme");
    run_release(&r);
    run_glimt(&r, NULL, "doctor", "--theme", "nosuch", NULL);
    expect_done(&r);
    assert_non_null(strstr(r.out, "nosuch.theme"));
    assert_non_null(strstr(r.out, "instructions"));
    run_release(&r);
}

static void write_configuration(const char *text)
{
    mkdir(scratch_path("config"), 0700);
    mkdir(scratch_path("config/glimt"), 0700);
    FILE *f = fopen(scratch_path("config/glimt/config"), "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void test_a_line_of_the_configuration_that_makes_no_sense(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "what is this\n",
        "threads = many\n",
        "sample = x\n", /* an option of cache alone */
        "theme = nosuch\n",
    };
    struct run_result r;
    char env[160];
    snprintf(env, sizeof env, "XDG_CONFIG_HOME=%s", scratch_path("config"));
    const char *const with[] = {env, NULL};
    const struct run_how how = {.env = with};
    for (size_t k = 0; k < sizeof lines / sizeof *lines; k++) {
        write_configuration(lines[k]);
        const char *says = k == 3 ? "nosuch.theme" : "glimt/config:1: ";
        for (size_t i = 0; i < N_COMMANDS; i++) {
            run_glimt(&r, &how, all_commands[i], NULL);
            expect_error(&r, 2, says);
            run_release(&r);
        }
        run_glimt(&r, &how, "doctor", NULL);
        expect_done(&r);
        assert_non_null(strstr(r.out, says));
        run_release(&r);
    }
    write_configuration(
        "nonsense\nlimit = x\njson = true\n"); /* all of it is told, the rest counts */
    json_t *root = json_of(&how, "doctor", NULL);
    size_t told = 0;
    json_t *missing = get_list(root, "missing");
    for (size_t i = 0; i < json_array_size(missing); i++)
        told += strstr(get_string(json_array_get(missing, i), "what"), "glimt/config:") != NULL;
    assert_int_equal(told, 2);
    json_decref(root);
}

static void test_too_many_units(void **state)
{
    (void)state;
    struct run_result r;
    char units[8 * UNITS_MAX];
    size_t n = (size_t)snprintf(units, sizeof units, "--latents=1");
    for (int i = 2; i <= UNITS_MAX + 1; i++)
        n += (size_t)snprintf(units + n, sizeof units - n, ",%d", i);
    run_glimt(&r, NULL, "analyze", "x", units, NULL);
    expect_error(&r, 2, "--latents: found 257 units, expected at most 256");
    run_release(&r);
    *strrchr(units, ',') = '\0'; /* all that go */
    json_t *root = json_of(NULL, "analyze", "x", units, "--json", NULL);
    assert_int_equal(json_array_size(get_list(root, "chosen")), UNITS_MAX);
    json_decref(root);
}

/* ---- tables as wide as the screen */
/* Of the tables: sentences wrap where they will. */
static int widest(const char *text)
{
    int most = 0;
    for (const char *s = text; *s;) {
        size_t n = strcspn(s, "\n");
        bool prose = strncmp(s, "not shown: ", 11) == 0 || strncmp(s, "glimt  ", 7) == 0;
        int w = prose ? 0 : text_columns(s, n);
        most = w > most ? w : most;
        s += n + (s[n] != 0);
    }
    return most;
}

static void test_tables_fit(void **state)
{
    (void)state;
    need_demo();
    static const char *const commands[][3] = {
        {"latents", "--limit=16", "--rows=5"},
        {"sweep", "--limit=4", "--values=2"},
        {"analyze", "Rådet skal.", "--predictions=2"},
        {"examples", "418", "--limit=16"},
        {"coactive", "418", "--limit=16"},
    };
    static const int widths[] = {80, 50};
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        struct run_result all, r;
        run_glimt(&all, NULL, commands[i][0], commands[i][1], commands[i][2], NULL);
        expect_done(&all);
        assert_null(strstr(all.out, "not shown: ")); /* no screen, nothing to fit */
        for (size_t k = 0; k < 2; k++) {
            char columns[24];
            snprintf(columns, sizeof columns, "COLUMNS=%d", widths[k]);
            const char *const env[] = {columns, NULL};
            run_glimt(&r, &(struct run_how){.env = env}, commands[i][0], commands[i][1],
                      commands[i][2], NULL);
            expect_done(&r);
            if (widest(r.out) > widths[k])
                fail_msg("%s in %d columns:\n%s", commands[i][0], widths[k], r.out);
            const char *left = strstr(r.out, "not shown: ");
            if (i < 3 && k == 1)
                assert_non_null(left);
            if (left)
                assert_non_null(strstr(left, " (wider terminal, --csv or --json)\n"));
            run_release(&r);
        }
        run_release(&all);
    }
}

/* A terminal that can show nothing but text, 60 columns wide. */
static void test_tables_fit_a_terminal(void **state)
{
    (void)state;
    need_demo();
    const char *const argv[] = {glimt_binary(), "latents", "--limit=16", "--rows=3", NULL};
    const char *const env[] = {"TERM=dumb", "GLIMT_CACHE=none", NULL};
    struct term *t = term_start(&(struct term_options){.argv = argv, .env = env, .w = 50, .h = 40});
    assert_int_equal(term_wait_exit(t, TERM_DEADLINE_MS), 0);
    assert_true(term_has(t, "not shown: "));
    assert_true(term_has(t, "3 of "));
    term_free(t);
}

/* ---- names that are no UTF-8 */
static void test_paths_that_are_no_utf8(void **state)
{
    (void)state;
    need_demo();
    char model[200], sae[200], corpus[200], bundle[200], cache[220], env[240];
    const char *dir = scratch_path("b\xe5"
                                   "d");
    assert_int_equal(mkdir(dir, 0700), 0);
    snprintf(model, sizeof model,
             "%s/m\xf8"
             "del",
             dir);
    snprintf(sae, sizeof sae, "%s/s\xe6.safetensors", dir);
    snprintf(corpus, sizeof corpus, "%s/k\xf8rpus.tsv", dir);
    snprintf(bundle, sizeof bundle, "%s/nothing\xff.glimt", dir);
    snprintf(cache, sizeof cache, "%s/cache", dir);
    snprintf(env, sizeof env, "GLIMT_CACHE=%s", cache);
    const char *const copy[] = {"bash",
                                "-c",
                                "cp -r store/demo/model \"$0\" && cp store/demo/sae.safetensors "
                                "\"$1\" && printf 'Et hus.\\tda\\nA house.\\ten\\n' >\"$2\"",
                                model,
                                sae,
                                corpus,
                                NULL};
    struct run_result r;
    run_program(&r, NULL, copy);
    assert_int_equal(r.status, 0);
    run_release(&r);
    const char *const commands[][4] = {
        {"analyze", "Et hus."},
        {"latents", corpus},
        {"sweep", corpus, "--values=1", "--latents=418"},
        {"examples", "418", corpus},
        {"cache"},
        {"cache", "verify"},
        {"generate", "Et"},
        {"verify"},
        {"doctor"},
        {"harvest", corpus},
    };
    const char *const with[] = {env, NULL};
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        const char *const *c = commands[i];
        run_glimt(&r, &(struct run_how){.env = with}, c[0], "--json", "--model", model, "--sae",
                  sae, c[1] ? c[1] : "--quiet", c[2] ? c[2] : "--quiet", c[3] ? c[3] : "--quiet",
                  NULL);
        if (r.status != 0)
            fail_msg("%s: %s", c[0], r.err);
        json_t *root = json_loads(r.out, 0, NULL); /* jansson takes nothing but UTF-8 */
        assert_non_null(root);
        json_decref(root);
        run_release(&r);
    }
    run_glimt(&r, &(struct run_how){.env = with}, "cache", "--json", NULL);
    assert_non_null(strstr(r.out, "k\xef\xbf\xbdrpus.tsv"));
    run_release(&r);
    run_glimt(&r, NULL, "analyze", "--json", "--bundle", bundle, "x", NULL);
    expect_error(&r, 2, "nothing");
    run_release(&r);
    run_glimt(&r, NULL, "harvest", "--json", "--class", "d\xe5=x.txt", NULL);
    expect_error(&r, 2, "which is no UTF-8");
    run_release(&r);
}

/* ---- asking */
static void test_help_and_version_by_other_names(void **state)
{
    (void)state;
    static const char *const same[][2][3] = {
        {{"--version"}, {"-V"}},
        {{"--help"}, {"help"}},
        {{"latents", "--help"}, {"help", "latents"}},
    };
    struct run_result r, other;
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        run_glimt(&r, NULL, same[i][0][0], same[i][0][1], NULL);
        run_glimt(&other, NULL, same[i][1][0], same[i][1][1], NULL);
        expect_done(&other);
        assert_string_equal(r.out, other.out);
        run_release(&r);
        run_release(&other);
    }
    run_glimt(&r, NULL, "help", "latnets", NULL);
    expect_error(&r, 2, "unknown command latnets, the nearest is latents");
    run_release(&r);
    run_glimt(&r, NULL, "help", "latents", "too", NULL);
    expect_error(&r, 2, "help: found one more argument, too");
    run_release(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_dash_is_standard_output),
        cmocka_unit_test(test_a_picture_is_no_json),
        cmocka_unit_test(test_pictures_are_the_same_whatever_is_kept),
        cmocka_unit_test(test_harvest_on_a_full_disk),
        cmocka_unit_test(test_a_theme_that_is_not_there),
        cmocka_unit_test(test_a_line_of_the_configuration_that_makes_no_sense),
        cmocka_unit_test(test_too_many_units),
        cmocka_unit_test(test_tables_fit),
        cmocka_unit_test(test_tables_fit_a_terminal),
        cmocka_unit_test(test_paths_that_are_no_utf8),
        cmocka_unit_test(test_help_and_version_by_other_names),
    };
    return cmocka_run_group_tests_name("where results go", tests, journey_begin, journey_end);
}

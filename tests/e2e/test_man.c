/* The manual: its examples run, and it names every command and option that the program has, and no
 * other. */
#include "engine/base/memory.h"
#include "tests/support/run.h"
#include "tui/cli/command.h"
#include "tui/cli/explorer_options.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* man/NAME without the roff escapes that matter here. */
static char *manual(const char *path)
{
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    char *text = calloc(1, 1 << 18), *to = text;
    size_t n = fread(text, 1, (1 << 18) - 1, f);
    fclose(f);
    assert_true(n > 1000);
    for (const char *from = text; *from; from++) {
        if (from[0] == '\\' && strchr("-|", from[1])) {
            if (from[1] == '-')
                *to++ = '-';
            from++;
        } else {
            *to++ = *from;
        }
    }
    *to = '\0';
    return text;
}

/* The corpora that the examples name. */
static void write_corpora(const char *dir)
{
    static const char script[] =
        "cd \"$1\"; cp \"$0\"/store/demo/reference-da.txt da.txt;"
        "cp \"$0\"/store/demo/reference-en.txt en.txt;"
        "printf 'Rådet ska nu godkänna förslaget.\\nHon bor i ett litet hus.\\n' >sv.txt;"
        "printf 'Hun bor i et hus.\\t0\\nShe lives in a house.\\t1\\n' >corpus.tsv";
    char here[4096];
    assert_non_null(getcwd(here, sizeof here));
    const char *const argv[] = {"bash", "--norc", "-c", script, here, dir, NULL};
    struct run_result r;
    run_program(&r, NULL, argv);
    assert_int_equal(r.status, 0);
    assert_string_equal(r.err, "");
    run_release(&r);
}

static void test_examples_run(void **state)
{
    (void)state;
    if (access("store/demo/demo.glimt", R_OK) != 0) {
        print_message("store/demo/demo.glimt is not there\n");
        skip();
    }
    char dir[] = "/tmp/glimt-man-XXXXXX", *bin = realpath(glimt_binary(), NULL), path[4096];
    char cache[64];
    assert_non_null(mkdtemp(dir));
    assert_non_null(bin);
    write_corpora(dir);
    snprintf(path, sizeof path, "GLIMT_UNDER_TEST=%s", bin);
    snprintf(cache, sizeof cache, "GLIMT_CACHE=%s/cache", dir);
    const char *const env[] = {"LC_ALL=C.UTF-8",
                               "TERM=dumb",
                               "HOME=/nonexistent",
                               "XDG_CONFIG_HOME=/nonexistent",
                               path,
                               cache,
                               NULL};
    char *text = manual("man/glimt.1"), *examples = strstr(text, "\n.SH EXAMPLES\n");
    assert_non_null(examples);
    examples++;
    *strstr(examples, "\n.SH SEE ALSO") = '\0';
    int n = 0;
    bool inside = false;
    for (char *line = strtok(examples, "\n"); line; line = strtok(NULL, "\n")) {
        if (strcmp(line, ".nf") == 0 || strcmp(line, ".fi") == 0) {
            inside = line[1] == 'n';
            continue;
        }
        if (!inside)
            continue;
        assert_non_null(strstr(line, "glimt "));
        char script[4096];
        snprintf(script, sizeof script,
                 "set -euo pipefail; cd %s; glimt() { \"$GLIMT_UNDER_TEST\" \"$@\"; }; %s", dir,
                 line);
        const char *const argv[] = {"bash", "--norc", "-c", script, NULL};
        struct run_result r;
        run_program(&r, &(struct run_how){.env = env}, argv);
        if (r.status != 0 || *r.err)
            fail_msg("%s: status %d, %s", line, r.status, r.err);
        if (!strstr(line, "--output"))
            assert_true(r.n_out > 0);
        run_release(&r);
        n++;
    }
    assert_true(n >= 25);
    const char *const rm[] = {"rm", "-rf", dir, NULL};
    struct run_result r;
    run_program(&r, NULL, rm);
    run_release(&r);
    free(text);
    free(bin);
}

static bool names(const char *text, const char *option)
{
    char word[64];
    size_t n = (size_t)snprintf(word, sizeof word, "--%s", option);
    for (const char *at = text; (at = strstr(at, word)) != NULL; at += n)
        if (!strchr("abcdefghijklmnopqrstuvwxyz-", at[n]))
            return true;
    return false;
}

static void test_every_option_is_in_the_manual(void **state)
{
    (void)state;
    char *text = manual("man/glimt.1");
    for (const struct option_row *r = common_options; r->name; r++)
        if (!names(text, r->name))
            fail_msg("man/glimt.1 does not name --%s", r->name);
    for (const struct option_row *r = explorer_options; r->name; r++)
        if (!names(text, r->name))
            fail_msg("man/glimt.1 does not name --%s", r->name);
    for (size_t i = 0; cli_commands[i]; i++) {
        char line[64];
        snprintf(line, sizeof line, "\n.B glimt %s\n", cli_commands[i]->name);
        if (!strstr(text, line))
            fail_msg("the synopsis of man/glimt.1 has no %s", cli_commands[i]->name);
        for (const struct option_row *r = command_options(cli_commands[i]); r && r->name; r++)
            if (!names(text, r->name))
                fail_msg("man/glimt.1 does not name --%s of %s", r->name, cli_commands[i]->name);
    }
    free(text);
}

/* What stands from `at` to the next line that begins with one of these. */
static char *until(const char *at, const char *const *ends)
{
    size_t n = strlen(at);
    for (int i = 0; ends[i]; i++) {
        const char *end = strstr(at + 1, ends[i]);
        n = end && (size_t)(end - at) < n ? (size_t)(end - at) : n;
    }
    return xstrndup(at, n);
}

/* Without changes of font and quotes. */
static void plain(char *s)
{
    char *to = s;
    for (; *s; s++) {
        if (s[0] == '\\' && s[1] == 'f' && s[2])
            s += 2;
        else if (*s != '"')
            *to++ = *s;
    }
    *to = '\0';
}

/* The paragraph of an option: its name with what stands for its value, then the text. */
static char *paragraph_of(const char *text, const struct option_row *r)
{
    static const char *const ends[] = {"\n.TP", "\n.RE", NULL};
    char *tag =
        xasprintf(r->arg ? "\n.BI --%s %s\n" : "\n.B --%s%s\n", r->name, r->arg ? r->arg : "");
    for (const char *at = strstr(text, "\n.TP"); at; at = strstr(at + 1, "\n.TP")) {
        char *p = until(at + 4, ends);
        plain(p);
        for (char *two = strstr(p, "  "); two; two = strstr(p, "  "))
            memmove(two, two + 1, strlen(two));
        if (strstr(p, tag)) {
            free(tag);
            return p;
        }
        free(p);
    }
    free(tag);
    return NULL;
}

static char *section_of(const char *text, const char *command)
{
    static const char *const ends[] = {"\n.TP\n.BR ", "\n.TP\n.B doctor", "\n.SH", NULL};
    char *tag =
        xasprintf(strchr(command, ' ') ? "\n.TP\n.BR \"%s\" \"" : "\n.TP\n.BR %s \"", command);
    const char *at = strstr(text, tag);
    if (!at)
        fail_msg("man/glimt.1 has no section %s", command);
    free(tag);
    return until(at, ends);
}

/* Parameters of studies: the value's name and what it is when nothing is given. */
static void test_parameters_are_told_as_they_are(void **state)
{
    (void)state;
    char *text = manual("man/glimt.1");
    int told = 0, presets = 0;
    for (size_t i = 0; cli_commands[i]; i++) {
        const struct command *c = cli_commands[i];
        char *section = c->query ? section_of(text, c->name) : NULL;
        for (const struct option_row *r = command_options(c); section && r->name; r++) {
            char *paragraph = paragraph_of(text, r);
            if (!paragraph)
                fail_msg("man/glimt.1 does not explain --%s %s", r->name, r->arg ? r->arg : "");
            told++;
            if (r->param && r->param->preset) {
                struct param_value v = {.of = r->param};
                struct strbuf written;
                strbuf_init(&written);
                assert_true(param_value_parse(&v, r->param->preset, NULL));
                if (v.of->type == PARAM_VALUES)
                    strbuf_adds(&written, r->param->preset);
                else
                    param_value_print(&v, &written);
                if (!strstr(paragraph, written.s) && !strstr(section, written.s))
                    fail_msg("man/glimt.1: --%s of %s is %s when nothing is given", r->name,
                             c->name, written.s);
                presets++;
                param_value_parse(&v, NULL, NULL);
                strbuf_release(&written);
            }
            free(paragraph);
        }
        free(section);
    }
    assert_true(told > 30 && presets >= 6);
    free(text);
}

/* Said alone, in no table. */
static bool is_said_alone(const char *name, size_t n)
{
    static const char *const alone[] = {"version", "completions"};
    for (size_t i = 0; i < sizeof alone / sizeof *alone; i++)
        if (strlen(alone[i]) == n && memcmp(alone[i], name, n) == 0)
            return true;
    return false;
}

static bool known(const char *name, size_t n)
{
    if (option_find(common_options, name, n) || option_find(explorer_options, name, n) ||
        is_said_alone(name, n))
        return true;
    for (size_t i = 0; cli_commands[i]; i++)
        if (option_find(command_options(cli_commands[i]), name, n))
            return true;
    return false;
}

static void test_the_manual_promises_nothing_else(void **state)
{
    (void)state;
    char *text = manual("man/glimt.1");
    for (const char *at = text; (at = strstr(at, "--")) != NULL;) {
        at += 2;
        size_t n = strspn(at, "abcdefghijklmnopqrstuvwxyz0123456789-");
        if (n > 0 && at[n] != '\n' && strncmp(at, "name", n) != 0 && !known(at, n))
            fail_msg("man/glimt.1 names --%.*s, which is no option", (int)n, at);
        at += n;
    }
    free(text);
}

static void test_pages_are_clean_roff(void **state)
{
    (void)state;
    static const char *const pages[] = {"man/glimt.1", "man/glimt.5"};
    if (access("/usr/bin/groff", X_OK) != 0) {
        print_message("groff is not there\n");
        skip();
    }
    for (int i = 0; i < 2; i++) {
        struct run_result r;
        const char *const argv[] = {"groff", "-man", "-Tutf8", "-k", "-ww", "-z", pages[i], NULL};
        run_program(&r, NULL, argv);
        assert_int_equal(r.status, 0);
        assert_string_equal(r.err, "");
        run_release(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_examples_run),
        cmocka_unit_test(test_every_option_is_in_the_manual),
        cmocka_unit_test(test_parameters_are_told_as_they_are),
        cmocka_unit_test(test_the_manual_promises_nothing_else),
        cmocka_unit_test(test_pages_are_clean_roff),
    };
    return cmocka_run_group_tests_name("the manual", tests, NULL, NULL);
}

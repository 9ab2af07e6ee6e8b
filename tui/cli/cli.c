/* Dispatch. */
#include "tui/cli/cli.h"
#include "engine/base/memory.h"
#include "tui/cli/command.h"
#include "tui/cli/devices.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { COMMANDS_MAX = 64 };

static bool says(const char *word, const char *a, const char *b)
{
    return strcmp(word, a) == 0 || (b && strcmp(word, b) == 0);
}

static bool is_said_alone(const char *word)
{
    return says(word, "--help", "-h") || says(word, "--version", "-V") ||
           says(word, "--completions", NULL);
}

static bool asks_for_help(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (says(argv[i], "--help", "-h"))
            return true;
    return false;
}

bool cli_is_command(int argc, char **argv)
{
    return (argc > 1 && is_said_alone(argv[1])) || asks_for_help(argc, argv) ||
           devices_asked(argc, argv) || options_first_operand(argc, argv) > 0;
}

static int fail(const struct error *e)
{
    fprintf(stderr, "glimt: %s\n", e->text);
    return error_exit_status(e);
}

static int say(struct strbuf *text)
{
    struct error e = {0};
    fwrite(text->s, 1, text->len, stdout);
    strbuf_release(text);
    return output_flush(&e) ? 0 : fail(&e);
}

static int said_alone(int argc, char **argv)
{
    struct strbuf text;
    struct error e = {0};
    strbuf_init(&text);
    if (says(argv[1], "--completions", NULL)) {
        if (argc == 3 && completions_add(&text, argv[2]))
            return say(&text);
        strbuf_release(&text);
        error_set(&e, ERROR_INPUT, "--completions: found %s, expected bash, zsh or fish",
                  argc > 2 ? argv[2] : "nothing");
        return fail(&e);
    }
    if (says(argv[1], "--version", "-V"))
        version_add(&text, argc > 2 && says(argv[2], "-v", "--verbose"));
    else
        help_add(&text, NULL);
    return say(&text);
}

static bool check_operands(const struct command *c, int argc, char **argv, struct error *e)
{
    if (argc - 1 > c->max_operands)
        return error_set(e, ERROR_INPUT, "%s: found one more argument, %s, expected %s", c->name,
                         argv[1 + c->max_operands], *c->operands ? c->operands : "none");
    if (argc - 1 < c->min_operands)
        return error_set(e, ERROR_INPUT, "%s: found no argument, expected %s", c->name,
                         c->operands);
    for (int i = 1; i < argc && !c->text; i++)
        if (!*argv[i])
            return error_set(e, ERROR_INPUT, "%s: found an empty argument, expected %s", c->name,
                             c->operands);
    return true;
}

static void progress_init(struct progress *p, const struct options *o)
{
    p->terminal = isatty(STDERR_FILENO);
    p->on = (p->terminal && !o->quiet) || o->progress;
}

static int run_command(const struct command *c, int argc, char **argv)
{
    struct cli cli = {.command = c};
    struct error e = {0};
    void *values = command_values(c);
    strbuf_init(&cli.out);
    int status = (c->tolerant ? options_parse_tolerant : options_parse_with)(
        &cli.opt, command_options(c), values, &argc, argv, &e);
    if (status == 0) {
        progress_init(&cli.progress, &cli.opt);
        bool ok = check_operands(c, argc, argv, &e);
        if (ok && cli.opt.output == OUTPUT_CSV && !c->csv)
            ok = error_set(&e, ERROR_INPUT, "%s: found --csv, expected --json or neither", c->name);
        if (ok && cli.opt.output == OUTPUT_JSON && c->no_json)
            ok = error_set(&e, ERROR_INPUT, "%s: found --json, expected none: it draws a picture",
                           c->name);
        if (ok && cli.opt.svg && !c->svg)
            ok = error_set(&e, ERROR_INPUT, "%s: found --svg, expected none: it has no picture",
                           c->name);
        ok = ok && (c->tolerant || cli_check_theme(&cli.opt, &e));
        ok = ok && c->run(&cli, values, argc - 1, argv + 1, &e);
        progress_clear(&cli.progress);
        ok = ok && output_write(&cli, &e);
        status = ok ? 0 : error_exit_status(&e);
    }
    strbuf_release(&cli.out);
    options_release(&cli.opt);
    free(values);
    return status ? fail(&e) : 0;
}

/* The words that may stand where one was not found: after `glimt`, or after a group's name. */
static size_t words_of(const struct command_group *g, char *words[COMMANDS_MAX])
{
    size_t n = 0;
    for (size_t i = 0; cli_commands[i]; i++) {
        const struct command *c = cli_commands[i];
        if (n == COMMANDS_MAX)
            panic("more than %d commands", COMMANDS_MAX);
        if (g && command_group(c) == g)
            words[n++] = xstrdup(command_last_word(c));
        else if (!g && command_begins(c))
            words[n++] = command_first_word(c);
    }
    return n;
}

static void parts_list(struct strbuf *out, char *const *words, size_t n)
{
    for (size_t i = 0; i < n; i++)
        strbuf_addf(out, "%s%s", i ? ", " : "", words[i]);
}

static int unknown_command(const struct command_group *g, const char *word)
{
    char *words[COMMANDS_MAX];
    struct error e = {0};
    struct strbuf list;
    strbuf_init(&list);
    size_t n = words_of(g, words);
    const char *near = word ? nearest_name(word, (const char *const *)words, n) : NULL;
    parts_list(&list, words, n);
    if (g && near)
        error_set(&e, ERROR_INPUT, "%s: found %s, the nearest is %s", g->name, word, near);
    else if (g)
        error_set(&e, ERROR_INPUT, "%s: found %s, expected one of %s", g->name,
                  word ? word : "nothing", list.s);
    else if (near)
        error_set(&e, ERROR_INPUT, "unknown command %s, the nearest is %s", word, near);
    else
        error_set(&e, ERROR_INPUT, "unknown command %s, glimt --help shows what there is", word);
    strbuf_release(&list);
    for (size_t i = 0; i < n; i++)
        free(words[i]);
    return fail(&e);
}

static int say_help(const struct command *c)
{
    struct strbuf text;
    strbuf_init(&text);
    help_add(&text, c);
    return say(&text);
}

static int say_help_of_group(const struct command_group *g)
{
    struct strbuf text;
    strbuf_init(&text);
    help_add_group(&text, g);
    return say(&text);
}

static const struct command *part_find(const struct command_group *g, const char *word)
{
    char *name = xasprintf("%s %s", g->name, word);
    const struct command *c = command_find(name);
    free(name);
    return c;
}

/* glimt help [COMMAND [PART]] */
static int help(int argc, char **argv)
{
    struct error e = {0};
    if (argc == 1)
        return say_help(NULL);
    const struct command_group *g = command_group_find(argv[1]);
    if (g && argc == 2)
        return say_help_of_group(g);
    const struct command *c = g ? part_find(g, argv[2]) : command_find(argv[1]);
    if (!c)
        return unknown_command(g, argv[g ? 2 : 1]);
    if (argc == (g ? 3 : 2))
        return say_help(c);
    error_set(&e, ERROR_INPUT, "help: found one more argument, %s, expected [COMMAND]",
              argv[g ? 3 : 2]);
    return fail(&e);
}

static int list_devices(const struct command *instead_of, int argc, char **argv)
{
    const struct command c = devices_command(instead_of);
    return run_command(&c, argc, argv);
}

/* What stood before a word that is understood stays, the word goes. */
static void take_out(int *argc, char **argv, int at)
{
    for (int i = at; i < *argc; i++)
        argv[i] = argv[i + 1];
    --*argc;
}

int cli_main(int argc, char **argv)
{
    if (argc > 1 && is_said_alone(argv[1]))
        return said_alone(argc, argv);
    int at = options_first_operand(argc, argv);
    if (at == 0)
        return asks_for_help(argc, argv) ? say_help(NULL) : list_devices(NULL, argc, argv);
    if (strcmp(argv[at], "help") == 0)
        return help(argc - at, argv + at);
    const struct command_group *g = command_group_find(argv[at]);
    const struct command *c = g ? NULL : command_find(argv[at]);
    if (g) {
        take_out(&argc, argv, at);
        at = options_first_operand(argc, argv);
        if (at == 0 && asks_for_help(argc, argv))
            return say_help_of_group(g);
        c = at > 0 ? part_find(g, argv[at]) : NULL;
    }
    if (!c)
        return unknown_command(g, argv[at > 0 ? at : 1]);
    take_out(&argc, argv, at);
    if (asks_for_help(argc, argv))
        return say_help(c);
    if (devices_asked(argc, argv))
        return list_devices(c, argc, argv);
    interrupt_install();
    return run_command(c, argc, argv);
}

/* Help, made from the tables of commands and options. */
#include "engine/base/memory.h"
#include "tui/cli/command.h"
#include "tui/term/grid.h"
#include <string.h>

static int option_columns(const struct option_row *r)
{
    return 2 + (int)strlen(r->name) + (r->arg ? 1 + text_columns(r->arg, strlen(r->arg)) : 0);
}

static void option_add(struct strbuf *out, const struct option_row *r)
{
    strbuf_addf(out, "--%s%s%s", r->name, r->arg ? " " : "", r->arg ? r->arg : "");
}

/* The rows of a table that `but` has not said already. */
static void options_list(struct strbuf *out, const struct option_row *table,
                         const struct option_row *but)
{
    enum { HELP_COLUMN = 30 };
    for (const struct option_row *r = table; r && r->name; r++) {
        if (but && option_find(but, r->name, strlen(r->name)))
            continue;
        int used = option_columns(r);
        strbuf_adds(out, "  ");
        option_add(out, r);
        strbuf_addf(out, "%*s%s\n", used < HELP_COLUMN ? HELP_COLUMN - used : 2, "", r->help);
    }
}

/* One screen: 24 lines of 80 columns. */
static void program_help(struct strbuf *out)
{
    strbuf_adds(out,
                "glimt [OPTION…]: what an SAE's latents do, live; --session NAME, --play FILE\n");
    for (size_t i = 0; cli_commands[i]; i++) {
        const struct command *c = cli_commands[i];
        const struct command_group *g = command_group(c);
        if (command_begins(c))
            strbuf_addf(out, "  glimt %-12s %s\n", g ? g->name : c->name,
                        g ? g->summary : c->summary);
    }
    strbuf_adds(out,
                "glimt COMMAND --help explains each. Exit status: 0 done, 1 failed, 2 bad input\n");
}

void help_add_group(struct strbuf *out, const struct command_group *g)
{
    strbuf_addf(out, "glimt %s COMMAND: %s\n\n", g->name, g->summary);
    for (size_t i = 0; cli_commands[i]; i++) {
        const struct command *c = cli_commands[i];
        if (command_group(c) == g)
            strbuf_addf(out, "  glimt %s %-12s %s\n", g->name, command_last_word(c), c->summary);
    }
    strbuf_addf(out, "\nglimt %s COMMAND --help explains each.\n", g->name);
}

void help_add(struct strbuf *out, const struct command *c)
{
    if (!c) {
        program_help(out);
        return;
    }
    strbuf_addf(out, "glimt %s [OPTION…]%s%s: %s\n", c->name, *c->operands ? " " : "", c->operands,
                c->summary);
    if (command_options(c)) {
        strbuf_adds(out, "\nOptions of its own:\n");
        options_list(out, command_options(c), NULL);
    }
    strbuf_adds(out, "\nCommon options:\n");
    options_list(out, common_options, command_options(c));
}

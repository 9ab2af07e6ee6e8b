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

static void options_list(struct strbuf *out, const struct option_row *table)
{
    enum { HELP_COLUMN = 30 };
    for (const struct option_row *r = table; r && r->name; r++) {
        int used = option_columns(r);
        strbuf_adds(out, "  ");
        option_add(out, r);
        strbuf_addf(out, "%*s%s\n", used < HELP_COLUMN ? HELP_COLUMN - used : 2, "", r->help);
    }
}

/* The names alone: what they take is said by each command's help. */
static void options_wrapped(struct strbuf *out, const struct option_row *table, int column)
{
    for (const struct option_row *r = table; r->name; r++) {
        int used = 3 + (int)strlen(r->name);
        if (column + used > 79) {
            strbuf_adds(out, "\n ");
            column = 1;
        }
        strbuf_addf(out, " --%s", r->name);
        column += used;
    }
    strbuf_addc(out, '\n');
}

/* One screen: 24 lines of 80 columns. */
static void program_help(struct strbuf *out)
{
    static const char common[] = "Common options:";
    strbuf_adds(out,
                "glimt: see what the latents of a language model's sparse autoencoder do\n"
                "  glimt [OPTION…]    the explorer; --session NAME, --state JSON, --play FILE\n");
    for (size_t i = 0; cli_commands[i]; i++)
        strbuf_addf(out, "  glimt %-12s %s\n", cli_commands[i]->name, cli_commands[i]->summary);
    strbuf_addf(out, "\n%s", common);
    options_wrapped(out, common_options, (int)strlen(common));
    strbuf_adds(out, "glimt COMMAND --help explains them. Exit status: 0 done, 1 could not, 2 bad\n"
                     "usage or input. Manual: man glimt; --version\n");
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
        options_list(out, command_options(c));
    }
    strbuf_adds(out, "\nCommon options:\n");
    options_list(out, common_options);
}

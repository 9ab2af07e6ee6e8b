/* Help and completions, made from the tables of commands and options. */
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
    if (c->options) {
        strbuf_adds(out, "\nOptions of its own:\n");
        options_list(out, c->options);
    }
    strbuf_adds(out, "\nCommon options:\n");
    options_list(out, common_options);
}

/* ---- completions: one function a shell, data from the tables */

static void names_add(struct strbuf *out, const struct option_row *table)
{
    for (const struct option_row *r = table; r && r->name; r++)
        strbuf_addf(out, " --%s", r->name);
}

static void bash_choices(struct strbuf *out, const struct option_row *table)
{
    for (const struct option_row *r = table; r && r->name; r++) {
        if (r->choices) {
            strbuf_addf(out, "    --%s) COMPREPLY=($(compgen -W \"", r->name);
            for (size_t i = 0; r->choices[i]; i++)
                strbuf_addf(out, "%s%s", i ? " " : "", r->choices[i]);
            strbuf_adds(out, "\" -- \"$cur\")); return ;;\n");
        } else if (r->arg &&
                   (strstr(r->arg, "FILE") || strstr(r->arg, "PATH") || strstr(r->arg, "DIR"))) {
            strbuf_addf(out, "    --%s) COMPREPLY=($(compgen -f -- \"$cur\")); return ;;\n",
                        r->name);
        } else if (r->arg) {
            strbuf_addf(out, "    --%s) return ;;\n", r->name);
        }
    }
}

static void bash_add(struct strbuf *out)
{
    strbuf_adds(out, "# bash completion of glimt, made by: glimt --completions bash\n_glimt() {\n"
                     "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} "
                     "word command= own=\n"
                     "    case $prev in\n");
    bash_choices(out, common_options);
    for (size_t i = 0; cli_commands[i]; i++)
        bash_choices(out, cli_commands[i]->options);
    strbuf_adds(out, "    esac\n    for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n        "
                     "case $word in\n");
    for (size_t i = 0; cli_commands[i]; i++) {
        strbuf_addf(out, "        %s) command=$word own=\"", cli_commands[i]->name);
        names_add(out, cli_commands[i]->options);
        strbuf_adds(out, "\" ;;\n");
    }
    strbuf_adds(out, "        esac\n    done\n    if [[ $cur == -* ]]; then\n        "
                     "COMPREPLY=($(compgen -W \"--help "
                     "--version");
    names_add(out, common_options);
    strbuf_adds(out, " $own\" -- \"$cur\"))\n    elif [[ -z $command ]]; then\n        "
                     "COMPREPLY=($(compgen -W \"");
    for (size_t i = 0; cli_commands[i]; i++)
        strbuf_addf(out, "%s%s", i ? " " : "", cli_commands[i]->name);
    strbuf_adds(out, "\" -- \"$cur\"))\n    fi\n}\ncomplete -F _glimt glimt\n");
}

static void zsh_quoted(struct strbuf *out, const char *s)
{
    for (; *s; s++) {
        if (strchr("[]:\\", *s))
            strbuf_addc(out, '\\');
        if (*s == '\'')
            strbuf_adds(out, "'\\''");
        else
            strbuf_addc(out, *s);
    }
}

static void zsh_options(struct strbuf *out, const struct option_row *table, const char *indent)
{
    for (const struct option_row *r = table; r && r->name; r++) {
        strbuf_addf(out, "%s'--%s%s[", indent, r->name, r->arg ? "=" : "");
        zsh_quoted(out, r->help);
        strbuf_addc(out, ']');
        if (r->choices) {
            strbuf_adds(out, ":value:(");
            for (size_t i = 0; r->choices[i]; i++)
                strbuf_addf(out, "%s%s", i ? " " : "", r->choices[i]);
            strbuf_addc(out, ')');
        } else if (r->arg) {
            bool file = strstr(r->arg, "FILE") || strstr(r->arg, "PATH") || strstr(r->arg, "DIR");
            strbuf_adds(out, file ? ":value:_files" : ":value: ");
        }
        strbuf_adds(out, "' \\\n");
    }
}

static void zsh_add(struct strbuf *out)
{
    strbuf_adds(
        out,
        "#compdef glimt\n# zsh completion of glimt, made by: glimt --completions zsh\n_glimt() {\n"
        "    local -a own\n    case ${words[(r)(");
    for (size_t i = 0; cli_commands[i]; i++)
        strbuf_addf(out, "%s%s", i ? "|" : "", cli_commands[i]->name);
    strbuf_adds(out, ")]} in\n");
    for (size_t i = 0; cli_commands[i]; i++)
        if (cli_commands[i]->options) {
            strbuf_addf(out, "    %s) own=( \\\n", cli_commands[i]->name);
            zsh_options(out, cli_commands[i]->options, "        ");
            strbuf_adds(out, "        ) ;;\n");
        }
    strbuf_adds(out, "    esac\n    _arguments $own \\\n        '--help[what there is]' \\\n"
                     "        '--version[version, with -v libraries]' \\\n");
    zsh_options(out, common_options, "        ");
    strbuf_adds(out, "        '1:command:((");
    for (size_t i = 0; cli_commands[i]; i++) {
        strbuf_addf(out, "%s%s\\:\"", i ? " " : "", cli_commands[i]->name);
        zsh_quoted(out, cli_commands[i]->summary);
        strbuf_addc(out, '"');
    }
    strbuf_adds(out, "))' \\\n        '2:text: '\n}\n_glimt \"$@\"\n");
}

bool completions_add(struct strbuf *out, const char *shell)
{
    if (strcmp(shell, "bash") == 0)
        bash_add(out);
    else if (strcmp(shell, "zsh") == 0)
        zsh_add(out);
    else
        return false;
    return true;
}

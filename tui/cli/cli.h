/* The command line: subcommands, --help and --version, from one const table.
 *
 * Everything here runs on the calling thread; results go to standard output (or --output), one line
 * of error to standard error. Exit status: 0 done, 1 could not, 2 bad usage or bad input. */
#ifndef GLIMT_TUI_CLI_H
#define GLIMT_TUI_CLI_H
#include "tui/options.h"

/* True when argv asks for a subcommand or for something said without the explorer (--help,
 * --version, --completions); a misspelt subcommand too, so that cli_main can name the nearest. */
bool cli_is_command(int argc, char **argv);
/* Runs it; the exit status. */
int cli_main(int argc, char **argv);
/* What was piped in, as UTF-8 (--encoding): all of standard input, which is no terminal; NULL when
 * that is empty. The
 * caller frees. */
bool cli_piped_text(const struct options *, char **text, size_t *n, struct error *e);
/* What `glimt` prints without a terminal: the analysis of n bytes of text, or (NULL) of the demo's
 * two example sentences, of another model that there is none; the exit status. */
int cli_analyze(const struct options *, const char *text, size_t n);
/* The theme that the options name, if they do; false and *e: there is none of that name. */
bool cli_check_theme(const struct options *, struct error *e);
#endif

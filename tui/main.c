/* glimt: the explorer on a terminal, one annotated analysis without one, or a subcommand. */
#include "tui/app.h"
#include "tui/cli/cli.h"
#include "tui/cli/explorer_options.h"
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

static bool can_show(void)
{
    const char *term = getenv("TERM");
    return isatty(STDOUT_FILENO) && !(term && strcmp(term, "dumb") == 0);
}

/* The keys of the terminal that the screen is on, in place of a pipe that has been read. */
static bool take_keys(void)
{
    int fd = tcgetsid(STDOUT_FILENO) == getsid(0) ? open("/dev/tty", O_RDWR | O_CLOEXEC) : -1;
    bool ok = fd >= 0 && dup2(fd, STDIN_FILENO) == STDIN_FILENO;
    if (fd > STDIN_FILENO)
        close(fd);
    return ok;
}

static int fail(const struct error *e)
{
    fprintf(stderr, "glimt: %s\n", e->text);
    return error_exit_status(e);
}

static int explore(const struct options *options, const struct explorer_values *values)
{
    struct error e = {0};
    struct saved_state state;
    state_init(&state);
    int status = 2;
    char *text = NULL;
    size_t n_text = 0;
    bool keys = isatty(STDIN_FILENO);
    if (values->state)
        state_parse(values->state, strlen(values->state), &state, &e);
    if (values->session && (values->state || values->play))
        error_set(&e, ERROR_INPUT,
                  "found --session and --%s, expected one of them: only a session "
                  "is kept",
                  values->state ? "state" : "play");
    if (!error_is_set(&e) && !keys)
        cli_piped_text(&text, &n_text, &e);
    if (error_is_set(&e)) {
        state_release(&state);
        return fail(&e);
    }
    bool no_terminal = !can_show() || !(keys || (text && take_keys()));
    if (!no_terminal) {
        struct app_options app = {.options = options,
                                  .state = values->state ? &state : NULL,
                                  .play = values->play,
                                  .text = text,
                                  .n_text = n_text,
                                  .session = values->session,
                                  .fresh = values->state || values->play};
        status = app_run(&app, &no_terminal);
    }
    state_release(&state);
    if (no_terminal)
        status = cli_analyze(options, text, n_text);
    free(text);
    return status;
}

int main(int argc, char **argv)
{
    signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is an error of the write */
    setlocale(LC_CTYPE, "");  /* nothing else: numbers have points everywhere */
    if (cli_is_command(argc, argv))
        return cli_main(argc, argv);
    struct options options;
    struct explorer_values values = {0};
    struct error e = {0};
    int status = options_parse_with(&options, explorer_options, &values, &argc, argv, &e);
    if (status == 0 && argc > 1) {
        error_set(&e, ERROR_INPUT,
                  "found %s, expected a subcommand or none; glimt --help shows what there is",
                  argv[1]);
        status = 2;
    }
    if (status == 0 && options.svg) {
        error_set(&e, ERROR_INPUT,
                  "found --svg, expected it with a command; the explorer has "
                  ":shot and :write");
        status = 2;
    }
    status = status ? fail(&e) : explore(&options, &values);
    options_release(&options);
    return status;
}

/* The explorer: terminal, service and view in one loop. */
#ifndef GLIMT_TUI_APP_H
#define GLIMT_TUI_APP_H
#include "tui/options.h"
#include "tui/state.h"

struct app_options {
    const struct options *options;   /* as given; what a restored session names fills the gaps */
    const struct saved_state *state; /* of --state; NULL: the session file's */
    const char *play;                /* a script; NULL: none */
    const char
        *text; /* to begin with in place of the session's, which undo brings back; NULL: none */
    size_t n_text;
    bool fresh;          /* neither restore nor save a session */
    const char *session; /* its name; NULL: the one used last that nobody holds */
};

/* Runs until the user quits or the terminal goes away; the exit status. *no_terminal: there is none
 * that can show it, nothing has been written. */
int app_run(const struct app_options *, bool *no_terminal);
#endif

/* Journeys through the explorer: the real binary on a pseudo-terminal, with a tiny random model and
 * its bundle. */
#ifndef GLIMT_TESTS_EXPLORER_H
#define GLIMT_TESTS_EXPLORER_H
#include "tests/support/terminal.h"

#define WAIT TERM_DEADLINE_MS

/* Group set-up and tear-down: the model and its bundle. */
extern char *folder, *bundle;
int set_up(void **state);
int tear_down(void **state);

struct how {
    const char *model; /* in place of the bundle */
    const char *state; /* NULL: the session */
    const char *play, *theme, *home;
    const char *const *env;
    const char *const *more; /* arguments */
    int w, h;
};
/* Starts it and waits until it has drawn everything. */
struct term *start(const struct how *);
void assert_shows(struct term *, const char *text);
void settle(struct term *);
/* Leaves the text; what is sent right behind an ESC would be taken for Alt. */
void escape(struct term *);
void quit(struct term *); /* whatever the state; the status is 0 */

/* Where the session is; the caller frees. */
char *session_file(struct term *);
bool session_has(struct term *, void *text);

/* For term_options.child: a shell with job control that stops and continues the program of `argv`.
 */
void shell(void *argv);
#endif

/* A small program on the terminal layer, which shows what it was told, and what a test asks of the
 * terminal that it runs on. */
#ifndef GLIMT_TESTS_SHOW_H
#define GLIMT_TESTS_SHOW_H
#include "tests/support/terminal.h"
#include "tui/term/screen.h"

struct show_how {
    struct screen_options options;
    const char *theme;
    int report;   /* a descriptor that hears when a flood is over */
    bool replies; /* show late answers too; under load the probe's may be */
};
extern const struct show_how show_standard;

/* Group set-up and tear-down: program data as installed. */
int show_begin(void **state);
int show_end(void **state);
/* The program (struct show_how), for term_options.child. */
void show_run(void *how);
struct term *show_start(const struct show_how *, const char *const *env);
struct term *show_start_idle(const struct show_how *, const char *const *env);
void show_quit(struct term *); /* and the terminal is as it was */

void assert_row(struct term *, int y, const char *expected);
void assert_style(struct term *, int x, int y, int32_t fg, int32_t bg, int attr);
bool output_has(struct term *, const char *bytes);
/* Nothing that we switched on is on any more, and the line is as we found it. */
void assert_restored(struct term *, const struct termios *before);
struct termios fresh_modes(void); /* of a pty before anything touched it */
#endif

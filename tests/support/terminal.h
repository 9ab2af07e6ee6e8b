/* A terminal for tests: a pseudo-terminal with a child on it and libvterm as the screen that it
 * draws on.
 *
 * The terminal answers what the child asks. Waiting is on meaning, never on time: term_wait_idle
 * reads the marks that the program writes to GLIMT_TEST_FD (screen_test_mark) until it has read all
 * that was sent, drawn, and waits again. Deadlines only bound a failure; then the screen is dumped.
 * The child's environment is pinned: LC_ALL=C.UTF-8, TZ=UTC, HOME and XDG_* in an own folder,
 * TERM=xterm-256color, no COLORTERM, NO_COLOR, TMUX. */
#ifndef GLIMT_TESTS_TERMINAL_H
#define GLIMT_TESTS_TERMINAL_H
#include "tui/term/event.h"
#include "tui/term/theme.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <termios.h>

#define TERM_DEADLINE_MS 20000

struct term_options {
    const char *const *argv;  /* NULL-terminated program and arguments; or */
    void (*child)(void *arg); /* run in the child, which then exits with 0 */
    void *arg;
    const char *const *env; /* NULL-terminated "NAME=VALUE" to set, "NAME" to unset; NULL: none */
    int w, h;               /* 0: 80 and 24 */
    const char
        *home; /* NULL: a fresh folder, removed by term_free; else an existing one that stays */
    bool mute; /* answer nothing that the child asks */
};

struct term;
/* Fails the running test when it can't. */
struct term *term_start(const struct term_options *);
/* Kills the child if it still runs, frees. */
void term_free(struct term *);
const char *term_home(const struct term *);
int term_pid(const struct term *);

/* Sending; bytes go out while output is taken in. */
void term_send(struct term *, const void *bytes, size_t n);
void term_type(struct term *, const char *utf8);
void term_key(struct term *, const char *name); /* as event_parse reads it, in xterm's encoding */
void term_mouse(struct term *, enum mouse_kind, int button, int x, int y,
                unsigned mods); /* cells from 0 */
void term_paste(struct term *, const char *utf8);
void term_resize(struct term *, int w, int h);
void term_signal(struct term *, int number);
void term_hang_up(struct term *); /* the line goes dead */
/* n bytes of what was sent were read by another program on the terminal (a shell), not by the one
 * that marks. */
void term_read_by_other(struct term *, size_t n);

/* Waiting: true when it came about; false (and a dump on stderr) at the deadline. */
bool term_wait_idle(struct term *, int deadline_ms);
bool term_wait_text(struct term *, const char *text, int deadline_ms);
bool term_wait_no_text(struct term *, const char *text, int deadline_ms);
bool term_wait(struct term *, bool (*is_so)(struct term *, void *), void *arg, int deadline_ms);
/* The exit status, or −signal; INT_MIN at the deadline. Takes in what is left of the output. */
int term_wait_exit(struct term *, int deadline_ms);

/* What the screen shows. */
struct term_cell {
    char glyph[32];     /* UTF-8; "" is the right half of a wide one, " " a blank */
    struct style style; /* as theme.h spells colours; no ATTR_DIM: libvterm does not know it */
};
struct term_cell term_cell(struct term *, int x, int y);
/* Row y as text without trailing blanks; caller frees. */
char *term_row_text(struct term *, int y);
/* The first place of `text` within one row, in columns. */
bool term_find(struct term *, const char *text, int *x, int *y);
bool term_has(struct term *, const char *text);
void term_size(const struct term *, int *w, int *h);
void term_cursor(struct term *, int *x, int *y, bool *visible);
bool term_alternate(const struct term *);
int term_mouse_mode(const struct term *); /* VTERM_PROP_MOUSE_… */
void term_dump(struct term *, const char *why);

/* What came over the wire. */
const char *term_output(const struct term *,
                        size_t *n); /* all bytes since the start or term_forget */
void term_forget(struct term *);
/* The line discipline, also after the child has ended. */
struct termios term_modes(const struct term *);
#endif

/* The terminal: ncursesw for output, our own decoder for input, modes, probe, resize, suspend,
 * restore.
 *
 * One at a time (curses is global). Everything the terminal was told is undone by screen_close, on
 * a fatal signal, and by panic. */
#ifndef GLIMT_TERM_SCREEN_H
#define GLIMT_TERM_SCREEN_H
#include "tui/term/event.h"
#include "tui/term/grid.h"

struct screen_options {
    enum depth depth; /* wished; DEPTH_DIRECT needs the shipped terminfo entry or RGB */
    bool depth_auto;
    bool mouse;
};

struct screen_info { /* what was found, for doctor and status line */
    char term[64];   /* TERM as used; another than $TERM when that is unknown */
    bool term_unknown;
    enum depth depth;
    bool utf8, sync, ascii;
    int background;           /* 1 dark, 2 light, 0 unknown */
    int rtt_ms;               /* −1: unknown */
    const char *depth_reason; /* "COLORTERM", "terminfo RGB", "terminal's answer", "NO_COLOR", … */
};

/* Opens the terminal on fds 0 and 1. false: no terminal, or one that can't (dumb): *e says so; the
 * caller falls back.
 */
bool screen_open(const struct screen_options *, struct error *e);
void screen_close(void);
const struct screen_info *screen_info(void);
void screen_size(int *w, int *h);
/* Draws what differs from the last frame: one doupdate, in a synchronized update when the frame is
 * large. Returns the bytes written. Does nothing (−1) while a frame is in flight. */
long screen_flush(const struct grid *);
/* Forgets what the terminal shows: the next flush draws all (Ctrl-L, after suspend). */
void screen_invalidate(void);
void screen_mouse(bool on);
/* Stops the process as Ctrl-Z should, returns when it goes on. */
void screen_suspend(void);
/* Puts text on the terminal's clipboard by OSC 52 (or tmux); returns what was done, for the status
 * line. */
const char *screen_copy(const char *text, size_t n);
void screen_bell(void);

/* Waits for input on the terminal, `fd` (−1: none), a signal or timeout_ms (−1: for ever), then
 * hands out what came. Returns also when a frame in flight has landed or 200 ms are over, so that a
 * refused flush can be tried again: drain the events, then flush what is newest. resized: also
 * after a suspend; all is to be drawn. SIGTSTP suspends here. Returns false when the terminal is
 * gone or SIGHUP/SIGTERM/SIGINT asks to end. */
struct screen_news {
    bool input, fd_ready, resized, timeout;
};
bool screen_wait(int fd, int timeout_ms, struct screen_news *);
/* The next event that the last wait brought; false: none left. */
bool screen_event(struct event *);

/* For tests: with $GLIMT_TEST_FD writes "frame N idle|busy input BYTES output BYTES\n" there, with
 * what was sent and read so far; nothing when that was the last line. Call once a turn of the loop,
 * right before screen_wait; idle: no job runs and the last flush was not refused. */
void screen_test_mark(bool idle);
#endif

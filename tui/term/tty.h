/* The terminal as a device: its line discipline, an output queue that never blocks the loop,
 * signals as bytes in a pipe, and the way back to a sane terminal whatever happens. One at a time.
 */
#ifndef GLIMT_TERM_TTY_H
#define GLIMT_TERM_TTY_H
#include "engine/base/error.h"
#include <stddef.h>

/* Takes fds 0 and 1 (terminals), raw mode, signal handlers. */
bool tty_open(struct error *e);
/* Puts everything back as it was. flush_input: what was typed or answered and not read is dropped.
 */
void tty_close(bool flush_input);
void tty_raw(void); /* again, after tty_cooked */
void tty_cooked(bool flush_input);

/* What returns a terminal to the shell; written by tty_close's caller, by a fatal signal and by
 * panic. */
void tty_set_reset(const char *bytes, size_t n);
/* Async-signal-safe: the reset bytes and the line discipline. */
void tty_reset(void);

/* Queues bytes and writes what the terminal takes now. */
void tty_write(const void *bytes, size_t n);
size_t tty_pending(void);
unsigned long long tty_written(void); /* bytes the terminal took so far */
/* Writes what is queued; waits at most timeout_ms for each bit of progress. */
void tty_drain(int timeout_ms);

/* Waits for input, room for queued output, `fd` (−1: none) or a signal. Fills *what; signals are in
 * `signals` as bits 1 << number. false: the terminal is gone. */
struct tty_news {
    bool input, fd_ready;
    unsigned long signals;
};
bool tty_wait(int fd, int timeout_ms, struct tty_news *what);
/* Puts signals (such bits) back for the next wait. */
void tty_signal_again(unsigned long signals);
/* Reads what is there: bytes, 0 for nothing now, −1: the terminal is gone. */
long tty_read(char *out, size_t n);
bool tty_has_input(void); /* a read would not wait */
void tty_size(int *w, int *h);
/* Stops the process as the terminal's Ctrl-Z would; returns when it continues. */
void tty_stop(void);
#endif

/* What went wrong, in one line a person can act on.
 *
 * A function that can fail takes a `struct error *`, returns false (or NULL) and fills it: what was
 * being done, to which file or tensor, what was found, what was expected. The first error stays:
 * setting a set error does nothing. The caller owns the struct; it holds no memory of its own. Any
 * thread, one struct a thread. Filling one needs no symbol of glimt's, so that a plugin can. */
#ifndef GLIMT_BASE_ERROR_H
#define GLIMT_BASE_ERROR_H
#include <stdbool.h>

enum error_kind {
    ERROR_NONE = 0,
    ERROR_INPUT,     /* bad usage or a bad file: exit status 2 */
    ERROR_SYSTEM,    /* disk, device, memory: exit status 1 */
    ERROR_CANCELLED, /* asked to stop: exit status 1 */
    ERROR_MEMORY,    /* the machine or the device has too little for this: exit status 1 */
    ERROR_LOST,      /* the device is gone, with all that was on it: exit status 1 */
};

struct error {
    enum error_kind kind;
    char text[480]; /* one line of UTF-8, no control characters, no final full stop */
};

/* Fills `e` (may be NULL) unless it is already set; control characters in the result become '?'.
 * Always returns false, so that `return error_set(…)` reads as a failure. */
static inline bool error_set(struct error *e, enum error_kind kind, const char *format, ...)
    __attribute__((format(printf, 3, 4), cold));

/* Puts "prefix: " before the text of a set error; a file or folder that both name is named once.
 * Always returns false. */
static inline bool error_prefix(struct error *e, const char *format, ...)
    __attribute__((format(printf, 2, 3), cold));

static inline bool error_is_set(const struct error *e)
{
    return e->kind != ERROR_NONE;
}

/* The exit status that belongs to the error: 0, 1 or 2. */
int error_exit_status(const struct error *e);

/* Ends the program for a broken invariant or a small allocation that failed. Calls the handler
 * first (it restores the terminal), then writes the line to stderr and exits with status 1. */
void panic(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn, cold));
void panic_set_handler(void (*handler)(void));

#include "engine/base/error_inline.h"
#endif

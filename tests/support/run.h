/* Runs a program to its end with given input and keeps what it printed. */
#ifndef GLIMT_TESTS_RUN_H
#define GLIMT_TESTS_RUN_H
#include <stdbool.h>
#include <stddef.h>

struct run_result {
    int status;      /* exit status; 128 + signal when a signal ended it */
    char *out, *err; /* NUL-terminated */
    size_t n_out, n_err;
};

struct run_how {    /* zero: no input, the caller's environment */
    const char *in; /* NULL: standard input is empty */
    size_t n_in;
    const char *const
        *env; /* "NAME=value" and "NAME" (unset) over the caller's environment; NULL-terminated */
    const char *interrupt_on; /* SIGINT is sent once standard error (or output) contains this */
};

/* argv[0] is the program, searched in PATH; NULL-terminated. Fails the cmocka test when it can't be
 * started. A program that hangs is killed by SIGALRM after some minutes. Call run_release. */
void run_program(struct run_result *, const struct run_how *, const char *const *argv);
void run_release(struct run_result *);

/* The binary under test: $GLIMT_BIN, else build/glimt. */
const char *glimt_binary(void);
/* run_program of it with arguments up to NULL, in a clean environment (C.UTF-8, TERM=dumb, HOME
 * nowhere, no colours asked for or refused); env of `how` comes on top. how may be NULL. */
void run_glimt(struct run_result *, const struct run_how *how, const char *arg, ...)
    __attribute__((sentinel));
#endif

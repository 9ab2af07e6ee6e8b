#include "engine/base/error.h"
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Main sets it once, before there are threads. */
static _Atomic(void (*)(void)) panic_handler;

int error_exit_status(const struct error *e)
{
    switch (e->kind) {
    case ERROR_NONE: return 0;
    case ERROR_INPUT: return 2;
    case ERROR_SYSTEM:
    case ERROR_MEMORY:
    case ERROR_LOST:
    case ERROR_CANCELLED: return 1;
    }
    return 1;
}

void panic_set_handler(void (*handler)(void))
{
    atomic_store(&panic_handler, handler);
}

void panic(const char *format, ...)
{
    /* Taken out, so that a handler that panics itself does not come back here. */
    void (*handler)(void) = atomic_exchange(&panic_handler, NULL);
    if (handler != NULL)
        handler();
    char line[512] = "glimt: ";
    const size_t start = strlen(line);
    va_list args;
    va_start(args, format);
    const int n = vsnprintf(line + start, sizeof line - start - 1, format, args);
    va_end(args);
    error_clean(line, n >= (int)(sizeof line - start - 1));
    const size_t len = strlen(line);
    line[len] = '\n';
    const ssize_t ignored = write(STDERR_FILENO, line, len + 1);
    (void)ignored;
    _exit(1);
}

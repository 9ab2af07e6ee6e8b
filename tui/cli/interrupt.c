/* SIGINT: a flag where work can stop in the middle, an end with a clean line where it can't. */
#include "tui/cli/command.h"
#include <signal.h>
#include <unistd.h>

/* A signal handler can reach nothing but objects of static storage. */
static atomic_bool interrupted;
static atomic_bool at_once;

static void handler(int signal)
{
    static const char line[] = "\nglimt: interrupted\n";
    (void)signal;
    if (atomic_exchange(&interrupted, true) || atomic_load(&at_once)) {
        ssize_t ignored = write(STDERR_FILENO, line, sizeof line - 1);
        (void)ignored;
        _exit(1);
    }
}

void interrupt_install(void)
{
    struct sigaction a = {.sa_handler = handler};
    sigemptyset(&a.sa_mask);
    /* No SA_RESTART: a read of standard input must come back. A parent that ignores SIGINT (nohup)
     * is respected. */
    struct sigaction old;
    if (sigaction(SIGINT, NULL, &old) == 0 && old.sa_handler != SIG_IGN)
        sigaction(SIGINT, &a, NULL);
}

const atomic_bool *interrupt_flag(void)
{
    return &interrupted;
}

bool interrupt_check(struct error *e)
{
    return !atomic_load(&interrupted) || error_set(e, ERROR_CANCELLED, "interrupted");
}

void interrupt_at_once(bool on)
{
    atomic_store(&at_once, on);
}

#include "tui/term/tty.h"
#include "engine/base/strbuf.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

static const int loop_signal[] = {SIGWINCH, SIGTERM, SIGHUP, SIGINT, SIGTSTP, SIGCONT};
static const int fatal_signal[] = {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGQUIT};
#define N_LOOP (sizeof loop_signal / sizeof *loop_signal)
#define N_FATAL (sizeof fatal_signal / sizeof *fatal_signal)

static struct {
    volatile sig_atomic_t open;
    struct termios saved, raw;
    int signal_read, signal_write;
    struct sigaction old_loop[N_LOOP], old_fatal[N_FATAL];
    int out; /* a description of our own, so that O_NONBLOCK is not the shell's too */
    bool own_out, gone;
    struct strbuf queue;
    size_t queue_at;
    unsigned long long n_written;
    char reset[256];
    size_t n_reset;
} tty;

static void on_loop_signal(int number)
{
    int saved = errno;
    unsigned char byte = (unsigned char)number;
    /* A full pipe already says that there is something to do. */
    ssize_t ignored = write(tty.signal_write, &byte, 1);
    (void)ignored;
    errno = saved;
}

void tty_reset(void)
{
    if (!tty.open)
        return;
    tty.open = 0;
    ssize_t ignored = write(STDOUT_FILENO, tty.reset, tty.n_reset);
    (void)ignored;
    tcsetattr(STDIN_FILENO, TCSANOW, &tty.saved);
}

static void on_fatal_signal(int number)
{
    tty_reset();
    signal(number, SIG_DFL);
    raise(number);
}

void tty_set_reset(const char *bytes, size_t n)
{
    tty.n_reset = n < sizeof tty.reset ? n : sizeof tty.reset;
    memcpy(tty.reset, bytes, tty.n_reset);
}

static void install_signals(void)
{
    struct sigaction loop = {.sa_handler = on_loop_signal, .sa_flags = SA_RESTART};
    struct sigaction fatal = {.sa_handler = on_fatal_signal,
                              .sa_flags = (int)SA_RESETHAND | SA_NODEFER};
    sigemptyset(&loop.sa_mask);
    sigemptyset(&fatal.sa_mask);
    for (size_t i = 0; i < N_LOOP; i++)
        sigaction(loop_signal[i], &loop, &tty.old_loop[i]);
    for (size_t i = 0; i < N_FATAL; i++)
        sigaction(fatal_signal[i], &fatal, &tty.old_fatal[i]);
}

static void restore_signals(void)
{
    for (size_t i = 0; i < N_LOOP; i++)
        sigaction(loop_signal[i], &tty.old_loop[i], NULL);
    for (size_t i = 0; i < N_FATAL; i++)
        sigaction(fatal_signal[i], &tty.old_fatal[i], NULL);
}

void tty_raw(void)
{
    tcsetattr(STDIN_FILENO, TCSADRAIN, &tty.raw);
}

void tty_cooked(bool flush_input)
{
    tcsetattr(STDIN_FILENO, flush_input ? TCSAFLUSH : TCSADRAIN, &tty.saved);
}

bool tty_open(struct error *e)
{
    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
        return error_set(e, ERROR_SYSTEM, "opening the screen: standard %s is no terminal",
                         isatty(STDIN_FILENO) ? "output" : "input");
    if (tcgetattr(STDIN_FILENO, &tty.saved) < 0)
        return error_set(e, ERROR_SYSTEM, "reading the terminal's modes: %s", strerror(errno));
    int fd[2];
    if (pipe2(fd, O_CLOEXEC | O_NONBLOCK) < 0)
        return error_set(e, ERROR_SYSTEM, "making a pipe for signals: %s", strerror(errno));
    tty.signal_read = fd[0];
    tty.signal_write = fd[1];
    tty.raw = tty.saved;
    tty.raw.c_iflag &= ~(tcflag_t)(BRKINT | ICRNL | INLCR | IGNCR | INPCK | ISTRIP | IXON);
    tty.raw.c_oflag &= ~(tcflag_t)OPOST;
    tty.raw.c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ICANON | IEXTEN | ISIG);
    tty.raw.c_cc[VMIN] = 1;
    tty.raw.c_cc[VTIME] = 0;
    tty.out = open("/proc/self/fd/1", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    tty.own_out = tty.out >= 0;
    if (!tty.own_out)
        tty.out = STDOUT_FILENO;
    tty.gone = false;
    tty.n_reset = 0;
    tty.queue_at = 0;
    tty.n_written = 0;
    strbuf_init(&tty.queue);
    install_signals();
    tty_raw();
    tty.open = 1;
    return true;
}

void tty_close(bool flush_input)
{
    if (tty.open) {
        tty.open = 0;
        tty_cooked(flush_input);
    }
    restore_signals();
    close(tty.signal_read);
    close(tty.signal_write);
    if (tty.own_out)
        close(tty.out);
    strbuf_release(&tty.queue);
}

size_t tty_pending(void)
{
    return tty.queue.len - tty.queue_at;
}

unsigned long long tty_written(void)
{
    return tty.n_written;
}

static void pump(void)
{
    while (tty_pending() && !tty.gone) {
        ssize_t n = write(tty.out, tty.queue.s + tty.queue_at, tty_pending());
        if (n > 0) {
            tty.queue_at += (size_t)n;
            tty.n_written += (unsigned long long)n;
        } else if (n < 0 && errno != EINTR && errno != EAGAIN)
            tty.gone = true;
        else if (n == 0 || errno == EAGAIN)
            break;
    }
    if (!tty_pending() || tty.gone) {
        strbuf_clear(&tty.queue);
        tty.queue_at = 0;
    }
}

void tty_write(const void *bytes, size_t n)
{
    if (tty.gone)
        return;
    strbuf_add(&tty.queue, bytes, n);
    pump();
}

void tty_drain(int timeout_ms)
{
    pump();
    while (tty_pending()) {
        struct pollfd p = {.fd = tty.out, .events = POLLOUT};
        int n = poll(&p, 1, timeout_ms);
        if (n == 0 || (n < 0 && errno != EINTR))
            break;
        pump();
    }
}

static unsigned long take_signals(void)
{
    unsigned char byte[64];
    unsigned long seen = 0;
    ssize_t n;
    while ((n = read(tty.signal_read, byte, sizeof byte)) > 0)
        for (ssize_t i = 0; i < n; i++)
            seen |= 1ul << byte[i];
    return seen;
}

void tty_signal_again(unsigned long signals)
{
    for (int s = 1; s < 64; s++)
        if (signals >> s & 1)
            on_loop_signal(s);
}

bool tty_wait(int fd, int timeout_ms, struct tty_news *what)
{
    *what = (struct tty_news){0};
    struct pollfd p[4] = {{.fd = STDIN_FILENO, .events = POLLIN},
                          {.fd = tty.signal_read, .events = POLLIN},
                          {.fd = fd, .events = POLLIN},
                          {.fd = tty_pending() ? tty.out : -1, .events = POLLOUT}};
    int n = poll(p, 4, timeout_ms);
    if (n < 0 && errno != EINTR)
        return false;
    /* A signal may have come with EINTR and no result: look always. */
    what->signals = take_signals();
    if (n > 0) {
        what->input = p[0].revents & (POLLIN | POLLHUP | POLLERR | POLLNVAL);
        what->fd_ready = p[2].revents != 0;
        if (p[3].revents)
            pump();
    }
    return !tty.gone;
}

bool tty_has_input(void)
{
    struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};
    return poll(&p, 1, 0) == 1 && p.revents & POLLIN;
}

long tty_read(char *out, size_t n)
{
    ssize_t got = read(STDIN_FILENO, out, n);
    if (got > 0)
        return (long)got;
    return got < 0 && (errno == EINTR || errno == EAGAIN) ? 0 : -1;
}

static int env_size(const char *name, int otherwise)
{
    const char *s = getenv(name);
    long n = s ? strtol(s, NULL, 10) : 0;
    return n > 0 && n <= 10000 ? (int)n : otherwise;
}

void tty_size(int *w, int *h)
{
    struct winsize size = {0};
    bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0;
    *w = known && size.ws_col ? size.ws_col : env_size("COLUMNS", 80);
    *h = known && size.ws_row ? size.ws_row : env_size("LINES", 24);
}

void tty_stop(void)
{
    struct sigaction standard = {.sa_handler = SIG_DFL}, ours;
    sigset_t set, old;
    sigemptyset(&standard.sa_mask);
    sigemptyset(&set);
    sigaddset(&set, SIGTSTP);
    sigaction(SIGTSTP, &standard, &ours);
    pthread_sigmask(SIG_UNBLOCK, &set, &old);
    kill(0, SIGTSTP); /* the whole job, as the terminal does it */
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    sigaction(SIGTSTP, &ours, NULL);
    /* Its own SIGCONT needs no second answer; anything else does. */
    tty_signal_again(take_signals() & ~(1ul << SIGCONT));
}

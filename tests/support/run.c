#include "tests/support/run.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { HANGS_AFTER_S = 400 };

static void set_environment(const char *const *env)
{
    setenv("CUDA_VISIBLE_DEVICES", "", 1); /* what is compared was computed on the CPU */
    for (size_t i = 0; env && env[i]; i++) {
        char *name = strdup(env[i]);
        char *equals = strchr(name, '=');
        if (equals) {
            *equals = '\0';
            setenv(name, equals + 1, 1);
        } else {
            unsetenv(name);
        }
        free(name);
    }
}

static void child(const int in[2], const int out[2], const int err[2], const struct run_how *how,
                  const char *const *argv)
{
    dup2(in[0], 0);
    dup2(out[1], 1);
    dup2(err[1], 2);
    for (int i = 0; i < 2; i++) {
        close(in[i]);
        close(out[i]);
        close(err[i]);
    }
    set_environment(how->env);
    signal(SIGPIPE, SIG_DFL);
    signal(SIGINT, SIG_DFL);
    alarm(HANGS_AFTER_S);
    execvp(argv[0], (char *const *)(uintptr_t)argv);
    _exit(127);
}

static void take(int *fd, char **text, size_t *n)
{
    char part[4096];
    ssize_t got = read(*fd, part, sizeof part);
    if (got < 0 && errno == EINTR)
        return;
    if (got <= 0) {
        close(*fd);
        *fd = -1;
        return;
    }
    *text = realloc(*text, *n + (size_t)got + 1);
    memcpy(*text + *n, part, (size_t)got);
    *n += (size_t)got;
    (*text)[*n] = '\0';
}

static void give(int *fd, const struct run_how *how, size_t *given)
{
    ssize_t got = *given < how->n_in ? write(*fd, how->in + *given, how->n_in - *given) : 0;
    if (got > 0)
        *given += (size_t)got;
    if (*given >= how->n_in || (got < 0 && errno != EINTR && errno != EAGAIN)) {
        close(*fd);
        *fd = -1;
    }
}

static bool said(const struct run_result *r, const char *what)
{
    return what && (strstr(r->err, what) || strstr(r->out, what));
}

void run_program(struct run_result *r, const struct run_how *how, const char *const *argv)
{
    static const struct run_how nothing;
    int in[2], out[2], err[2], status;
    size_t given = 0;
    bool interrupted = false;
    how = how ? how : &nothing;
    *r = (struct run_result){.out = calloc(1, 1), .err = calloc(1, 1)};
    assert_int_equal(pipe(in) | pipe(out) | pipe(err), 0);
    void (*pipe_handler)(int) =
        signal(SIGPIPE, SIG_IGN); /* a program may end without reading its input */
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        child(in, out, err, how, argv);
    close(in[0]);
    close(out[1]);
    close(err[1]);
    fcntl(in[1], F_SETFL, O_NONBLOCK);
    int to = in[1], from_out = out[0], from_err = err[0];
    while (from_out >= 0 || from_err >= 0) {
        struct pollfd p[3] = {{from_out, POLLIN, 0}, {from_err, POLLIN, 0}, {to, POLLOUT, 0}};
        if (poll(p, 3, -1) < 0)
            continue;
        if (p[0].revents)
            take(&from_out, &r->out, &r->n_out);
        if (p[1].revents)
            take(&from_err, &r->err, &r->n_err);
        if (p[2].revents)
            give(&to, how, &given);
        if (!interrupted && said(r, how->interrupt_on)) {
            kill(pid, SIGINT);
            interrupted = true;
        }
    }
    if (to >= 0)
        close(to);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    signal(SIGPIPE, pipe_handler);
    r->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    if (r->status == 127)
        fail_msg("%s could not be started", argv[0]);
}

void run_release(struct run_result *r)
{
    free(r->out);
    free(r->err);
    *r = (struct run_result){0};
}

const char *glimt_binary(void)
{
    const char *bin = getenv("GLIMT_BIN");
    return bin && *bin ? bin : "build/glimt";
}

void run_glimt(struct run_result *r, const struct run_how *how, const char *arg, ...)
{
    static const char *const clean[] = {"LC_ALL=C.UTF-8",    "TERM=dumb",
                                        "HOME=/nonexistent", "NO_COLOR",
                                        "COLORTERM",         "XDG_CONFIG_HOME=/nonexistent",
                                        "XDG_CACHE_HOME",    "XDG_STATE_HOME",
                                        "HF_HOME",           "HF_HUB_CACHE",
                                        "GLIMT_CACHE=none",  "GLIMT_DATA",
                                        "COLUMNS",           "HUGGINGFACE_HUB_CACHE"};
    const char *env[64], *argv[64];
    struct run_how with = how ? *how : (struct run_how){0};
    size_t n_env = 0, n = 0;
    for (; n_env < sizeof clean / sizeof *clean; n_env++)
        env[n_env] = clean[n_env];
    for (size_t i = 0; with.env && with.env[i] && n_env < 63; i++)
        env[n_env++] = with.env[i];
    env[n_env] = NULL;
    with.env = env;
    argv[n++] = glimt_binary();
    va_list ap;
    va_start(ap, arg);
    for (const char *a = arg; a && n < 63; a = va_arg(ap, const char *))
        argv[n++] = a;
    va_end(ap);
    argv[n] = NULL;
    run_program(r, &with, argv);
}

#include "tui/term/clipboard.h"
#include "engine/base/memory.h"
#include <fcntl.h>
#include <nettle/base64.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_BASE64                                                                                 \
    74994 /* what terminals take at least: 100,000 less the room others found to be safe */

extern char **environ;

static bool write_all(int fd, const char *s, size_t n)
{
    while (n) {
        ssize_t done = write(fd, s, n);
        if (done <= 0)
            return false;
        s += done;
        n -= (size_t)done;
    }
    return true;
}

/* tmux load-buffer -w - : into tmux's buffer and on to the outer terminal's clipboard (3.2 and
 * later). */
static bool tmux_load(const char *text, size_t n)
{
    int fd[2];
    if (pipe2(fd, O_CLOEXEC) < 0)
        return false;
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, fd[0], STDIN_FILENO);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    char *argv[] = {(char[]){"tmux"}, (char[]){"load-buffer"}, (char[]){"-w"}, (char[]){"-"}, NULL};
    pid_t child;
    bool ok = posix_spawnp(&child, "tmux", &actions, NULL, argv, environ) == 0;
    posix_spawn_file_actions_destroy(&actions);
    close(fd[0]);
    if (ok) {
        struct sigaction ignore = {.sa_handler = SIG_IGN}, old;
        sigemptyset(&ignore.sa_mask);
        sigaction(SIGPIPE, &ignore, &old);
        ok = write_all(fd[1], text, n);
        close(fd[1]);
        int status;
        ok = waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0 &&
             ok;
        sigaction(SIGPIPE, &old, NULL);
    } else {
        close(fd[1]);
    }
    return ok;
}

const char *clipboard_copy(const char *text, size_t n, struct strbuf *out)
{
    static char said[96];
    if (getenv("TMUX") && *getenv("TMUX") && tmux_load(text, n)) {
        snprintf(said, sizeof said, "sent to tmux (load-buffer -w, %zu bytes)", n);
        return said;
    }
    size_t room = BASE64_ENCODE_RAW_LENGTH(n);
    if (room > MAX_BASE64) {
        snprintf(said, sizeof said,
                 "too long for the terminal's clipboard (%zu bytes): :write FILE", n);
        return said;
    }
    char *code = xmalloc(room + 1);
    base64_encode_raw(code, n, (const uint8_t *)text);
    bool in_screen = getenv("STY") && *getenv("STY");
    strbuf_adds(out, in_screen ? "\033P\033]52;c;" : "\033]52;c;");
    strbuf_add(out, code, room);
    strbuf_adds(out, in_screen ? "\a\033\\" : "\033\\");
    free(code);
    snprintf(said, sizeof said, "sent to the terminal (OSC 52, %zu bytes)", n);
    return said;
}

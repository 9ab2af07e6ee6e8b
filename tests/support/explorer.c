#include "tests/support/explorer.h"
#include "engine/base/memory.h"
#include "tests/support/run.h"
#include "tests/support/testdata.h"
#include "tests/support/tiny_model.h"
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
/* cmocka.h wants some of the headers above it. */
#include <cmocka.h>

char *folder, *bundle;

int set_up(void **state)
{
    (void)state;
    folder = testdata_folder();
    tiny_write(folder, &(struct tiny_spec){.hook = "layers.1.mlp.act"});
    tiny_write_bundle(folder, "layers.1.mlp.act");
    bundle = xasprintf("%s/tiny.glimt", folder);
    return 0;
}

int tear_down(void **state)
{
    (void)state;
    free(bundle);
    testdata_remove(folder);
    return 0;
}

struct term *start(const struct how *how)
{
    const char *argv[16];
    int n = 0;
    argv[n++] = glimt_binary();
    argv[n++] = how->model ? "--model" : "--bundle";
    argv[n++] = how->model ? how->model : bundle;
    argv[n++] = "--theme";
    argv[n++] = how->theme ? how->theme : "dark";
    argv[n++] = "--threads";
    argv[n++] = "1";
    if (how->state) {
        argv[n++] = "--state";
        argv[n++] = how->state;
    }
    if (how->play) {
        argv[n++] = "--play";
        argv[n++] = how->play;
    }
    for (const char *const *more = how->more; more && *more; more++)
        argv[n++] = *more;
    argv[n] = NULL;
    struct term *t = term_start(&(struct term_options){.argv = argv,
                                                       .env = how->env,
                                                       .home = how->home,
                                                       .w = how->w ? how->w : 120,
                                                       .h = how->h ? how->h : 36});
    assert_true(term_wait_idle(t, WAIT));
    return t;
}

void assert_shows(struct term *t, const char *text)
{
    if (!term_wait_text(t, text, WAIT))
        fail_msg("never on the screen: %s", text);
}

void settle(struct term *t)
{
    assert_true(term_wait_idle(t, WAIT));
}

/* Leaves the text; what is sent right behind an ESC would be taken for Alt. */
void escape(struct term *t)
{
    settle(t);
    term_key(t, "Esc");
    settle(t);
}

void quit(struct term *t)
{
    term_key(t, "Ctrl-C"); /* whatever the state: ask, then yes */
    settle(t);
    term_type(t, "y");
    assert_int_equal(term_wait_exit(t, WAIT), 0);
    term_free(t);
}

char *session_file(struct term *t)
{
    char *path = xasprintf("%s/.local/state/glimt/session.json", term_home(t)), *xdg = NULL;
    if (access(path, R_OK) == 0)
        return path;
    free(path);
    FILE *f = popen((xdg = xasprintf("find %s -name session.json", term_home(t))), "r");
    char line[1024] = "";
    if (f && fgets(line, sizeof line, f))
        line[strcspn(line, "\n")] = 0;
    if (f)
        pclose(f);
    free(xdg);
    return xstrdup(line);
}

bool session_has(struct term *t, void *text)
{
    char *path = session_file(t), content[65536] = "";
    FILE *f = fopen(path, "r");
    if (f) {
        content[fread(content, 1, sizeof content - 1, f)] = 0;
        fclose(f);
    }
    free(path);
    return strstr(content, text) != NULL;
}

/* A shell with job control that stops and continues the explorer. */
void shell(void *arg)
{
    signal(SIGTTOU, SIG_IGN);
    pid_t job = fork();
    if (job == 0) {
        setpgid(0, 0);
        tcsetpgrp(STDIN_FILENO, getpid());
        signal(SIGTTOU, SIG_DFL);
        char *const *argv = arg;
        execv(argv[0], argv);
        _exit(99);
    }
    int status;
    while (waitpid(job, &status, WUNTRACED) == job && WIFSTOPPED(status)) {
        char line[16];
        tcsetpgrp(STDIN_FILENO, getpid());
        dprintf(STDOUT_FILENO, "[1]+ Stopped\n");
        if (read(STDIN_FILENO, line, sizeof line) <= 0)
            break;
        tcsetpgrp(STDIN_FILENO, job);
        kill(-job, SIGCONT);
    }
    _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 98);
}

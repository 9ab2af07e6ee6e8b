#include "tests/support/http_server.h"
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

struct http_server {
    pid_t pid;
    int log;
    char url[64], *text;
};

struct request {
    char method[8], path[1024], token[256];
    long from; /* −1: no range */
};

static void send_all(int fd, const char *p, size_t n)
{
    while (n > 0) {
        const ssize_t k = send(fd, p, n, MSG_NOSIGNAL);
        if (k <= 0)
            return;
        p += k;
        n -= (size_t)k;
    }
}

static bool read_request(int fd, struct request *r)
{
    char head[8192];
    size_t n = 0;
    *r = (struct request){.from = -1, .token = "-"};
    while (n < sizeof head - 1) {
        const ssize_t k = recv(fd, head + n, sizeof head - 1 - n, 0);
        if (k <= 0)
            return false;
        n += (size_t)k;
        head[n] = '\0';
        if (strstr(head, "\r\n\r\n") != NULL)
            break;
    }
    if (sscanf(head, "%7s %1023s", r->method, r->path) != 2)
        return false;
    r->path[strcspn(r->path, "?")] = '\0';
    const char *range = strcasestr(head, "\r\nRange: bytes="),
               *token = strcasestr(head, "\r\nAuthorization: ");
    if (range != NULL)
        r->from = atol(range + 15);
    if (token != NULL)
        snprintf(r->token, sizeof r->token, "%.*s", (int)strcspn(token + 17, "\r"), token + 17);
    return true;
}

static void answer(int fd, const struct request *r, const struct http_page *page, int *cuts)
{
    static const struct http_page missing = {.status = 404, .body = "no", .n = 2};
    const struct http_page *p = page != NULL ? page : &missing;
    const bool range = r->from >= 0 && p->status == 0 && !p->no_ranges;
    const bool beyond = range && (size_t)r->from >= p->n;
    const size_t from = beyond ? p->n : range ? (size_t)r->from : 0;
    const int status = p->status != 0 ? p->status : beyond ? 416 : range ? 206 : 200;
    char head[2048];
    int n = snprintf(head, sizeof head,
                     "HTTP/1.1 %d x\r\nContent-Length: %zu\r\nConnection: close\r\n%s", status,
                     p->n - from, p->headers != NULL ? p->headers : "");
    if (status == 206)
        n += snprintf(head + n, sizeof head - (size_t)n, "Content-Range: bytes %zu-%zu/%zu\r\n",
                      from, p->n - 1, p->n);
    n += snprintf(head + n, sizeof head - (size_t)n, "\r\n");
    send_all(fd, head, (size_t)n);
    if (strcmp(r->method, "HEAD") == 0)
        return;
    const bool cut = p->cut > 0 && *cuts <= p->cuts && from < p->cut;
    *cuts += cut;
    send_all(fd, p->body + from, (cut ? p->cut : p->n) - from);
    char unused;
    while (cut && p->stall && recv(fd, &unused, 1, 0) > 0)
        ;
}

static void serve(int listener, int log, const struct http_page *page, size_t n)
{
    int *cuts = calloc(n + 1, sizeof *cuts);
    for (;;) {
        const int fd = accept(listener, NULL, NULL);
        struct request r;
        if (fd < 0)
            _exit(1);
        if (read_request(fd, &r)) {
            size_t i = 0;
            while (i < n && strcmp(page[i].path, r.path) != 0)
                i++;
            dprintf(log, "%s %s from %ld token %s\n", r.method, r.path, r.from, r.token);
            answer(fd, &r, i < n ? &page[i] : NULL, &cuts[i]);
        }
        shutdown(fd, SHUT_WR);
        close(fd);
    }
}

struct http_server *http_server_start(const struct http_page *page, size_t n)
{
    struct http_server *s = calloc(1, sizeof *s);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof at;
    const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    s->log = memfd_create("log", MFD_CLOEXEC);
    if (listener < 0 || s->log < 0 || bind(listener, (struct sockaddr *)&at, sizeof at) != 0 ||
        listen(listener, 16) != 0 || getsockname(listener, (struct sockaddr *)&at, &len) != 0)
        fail_msg("no server: %s", strerror(errno));
    snprintf(s->url, sizeof s->url, "http://127.0.0.1:%d", ntohs(at.sin_port));
    s->pid = fork();
    if (s->pid < 0)
        fail_msg("fork: %s", strerror(errno));
    if (s->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        signal(SIGINT, SIG_IGN);
        serve(listener, s->log, page, n);
    }
    close(listener);
    return s;
}

const char *http_server_url(const struct http_server *s)
{
    return s->url;
}

const char *http_server_log(struct http_server *s)
{
    const off_t n = lseek(s->log, 0, SEEK_END);
    free(s->text);
    s->text = calloc(1, (size_t)n + 1);
    if (pread(s->log, s->text, (size_t)n, 0) != n)
        fail_msg("the server's log can't be read");
    return s->text;
}

void http_server_forget(struct http_server *s)
{
    if (ftruncate(s->log, 0) != 0 || lseek(s->log, 0, SEEK_SET) != 0)
        fail_msg("the server's log can't be emptied");
}

void http_server_stop(struct http_server *s)
{
    if (s == NULL)
        return;
    kill(s->pid, SIGKILL);
    waitpid(s->pid, NULL, 0);
    close(s->log);
    free(s->text);
    free(s);
}

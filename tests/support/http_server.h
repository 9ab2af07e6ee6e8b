/* A web server for tests, in a process of its own: pages of a table, one connection after another.
 * What it was asked is kept in a log, a line a request: "GET /path from 17 token Bearer abc". */
#ifndef GLIMT_TESTS_HTTP_SERVER_H
#define GLIMT_TESTS_HTTP_SERVER_H
#include <stddef.h>

struct http_page {
    const char *path;    /* without the query; others are 404 */
    int status;          /* 0: 200, or 206 and 416 where a range is asked for */
    const char *headers; /* lines that end in \r\n; NULL: none */
    const char *body;
    size_t n;
    size_t cut;    /* > 0: the first GET ends after so many bytes of the body … */
    int cuts;      /* … and so many after it do */
    int stall;     /* ends without closing: what is cut waits */
    int no_ranges; /* a range is not heard: all of it comes, with 200 */
};
struct http_server;

/* The pages are copied by the fork: change them before. */
struct http_server *http_server_start(const struct http_page *, size_t n);
const char *http_server_url(const struct http_server *); /* http://127.0.0.1:PORT */
/* The log so far; valid until the next call. */
const char *http_server_log(struct http_server *);
void http_server_forget(struct http_server *); /* begins the log anew */
void http_server_stop(struct http_server *);   /* NULL is fine */
#endif

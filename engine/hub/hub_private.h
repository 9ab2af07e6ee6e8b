/* What the files of engine/hub share: HTTP by libcurl, which is loaded when something is fetched
 * and not before (with it come some thirty libraries). */
#ifndef GLIMT_HUB_PRIVATE_H
#define GLIMT_HUB_PRIVATE_H
#include "engine/base/error.h"
#include <curl/curl.h>
#include <stdint.h>

struct curl_api {
    CURLcode (*global_init)(long flags);
    CURL *(*init)(void);
    CURLcode (*set)(CURL *, CURLoption, ...);
    CURLcode (*perform)(CURL *);
    CURLcode (*info)(CURL *, CURLINFO, ...);
    void (*reset)(CURL *);
    void (*cleanup)(CURL *);
    struct curl_slist *(*slist_append)(struct curl_slist *, const char *);
    void (*slist_free)(struct curl_slist *);
    const char *(*words)(CURLcode);
    char *(*version)(void);
};
/* Loaded once, any thread; NULL and *e: not here. */
const struct curl_api *curl_load(struct error *e);

/* One server's connection. */
struct http {
    const struct curl_api *api;
    CURL *easy;
    char *origin;          /* scheme://host:port of the endpoint: where the token may go */
    char *token;           /* NULL: none; never printed */
    bool (*go_on)(void *); /* asked several times a second; NULL: always */
    void *arg;
};
/* endpoint: http:// or https://; token may be NULL. */
bool http_open(struct http *, const char *endpoint, const char *token, struct error *e);
void http_close(struct http *);

struct http_answer {
    long status;
    int64_t length;       /* of the body; −1: not said */
    int64_t from, linked; /* Content-Range's first byte; X-Linked-Size; −1: not said */
    char *etag;           /* X-Linked-Etag, else ETag, without its quotes; NULL: none */
    char *commit;         /* X-Repo-Commit */
    char *location;       /* of a redirect, absolute */
    char *said;           /* X-Error-Message, else X-Error-Code */
};
void http_answer_release(struct http_answer *);

struct http_sink {
    /* Once, before the first bytes of a body with status 200 or 206: false stops with what it set.
     */
    bool (*begin)(void *arg, const struct http_answer *, struct error *e);
    bool (*data)(void *arg, const void *p, size_t n, struct error *e);
    void *arg;
};
/* One request, no redirect followed: GET into the sink, or HEAD where that is NULL; from > 0: only
 * the bytes from there on. False and *e: no answer (*transient: it may come when asked again), the
 * sink's failure, or ERROR_CANCELLED. An answer of any status is true; bodies of others than 200
 * and 206 are dropped. TLS is verified; the token goes to the origin of the endpoint alone. */
bool http_ask(struct http *, const char *url, int64_t from, const struct http_sink *,
              struct http_answer *out, bool *transient, struct error *e);

/* A file of a repository into blobs/. */
struct blob {
    const char *url;    /* …/resolve/COMMIT/FILE */
    const char *name;   /* for errors */
    const char *folder; /* HUB/models--OWNER--NAME */
    const char *locks;  /* HUB/.locks/models--OWNER--NAME */
    void (*on_bytes)(void *, int64_t done, int64_t size, bool checking); /* of this file */
    void *arg;
    /* results */
    char *etag; /* the name of the blob; the caller frees, also after a failure */
    int64_t size;
    bool fetched; /* false: it was there */
};
/* Asks for the file's etag, then fetches what blobs/ lacks of it: ETAG.incomplete goes on where it
 * ends, is checked (an etag of 64 hex digits is the SHA-256, one of 40 git's hash of a blob) and
 * renamed. A broken connection is taken up again. False: what came is kept, unless it is wrong. */
bool blob_fetch(struct http *, struct blob *, struct error *e);
/* What stands against an answer that is neither 200 nor 206; always false. */
bool http_refuse(const struct http *, const struct http_answer *, const char *what,
                 struct error *e);
/* http_ask, going where redirects lead; `out` is the last answer, its etag, size and commit the
 * first that were told. HEAD: of a file that lies elsewhere the redirect is the answer. */
bool http_follow(struct http *, const char *url, int64_t from, const struct http_sink *,
                 struct http_answer *out, bool *transient, struct error *e);
/* mkdir −p with the user's umask, as huggingface_hub makes them; false and *e. */
bool hub_make_folders(const char *path, struct error *e);
#endif

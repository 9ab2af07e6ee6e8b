#include "engine/base/memory.h"
#include "engine/hub/hub_private.h"
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* "https://host:port" of a URL; NULL: neither http nor https. */
static char *origin_of(const char *url)
{
    const size_t scheme = strncasecmp(url, "https://", 8) == 0  ? 8
                          : strncasecmp(url, "http://", 7) == 0 ? 7
                                                                : 0;
    const size_t host = scheme > 0 ? strcspn(url + scheme, "/?#") : 0;
    if (host == 0 || memchr(url + scheme, '@', host) != NULL)
        return NULL;
    const bool port = memchr(url + scheme, ':', host) != NULL;
    char *origin = xasprintf("%.*s%s", (int)(scheme + host), url,
                             port          ? ""
                             : scheme == 8 ? ":443"
                                           : ":80");
    for (char *s = origin; *s != '\0'; s++)
        *s = (char)(*s >= 'A' && *s <= 'Z' ? *s + ('a' - 'A') : *s);
    return origin;
}

bool http_open(struct http *h, const char *endpoint, const char *token, struct error *e)
{
    *h = (struct http){.api = curl_load(e), .origin = origin_of(endpoint)};
    if (h->api == NULL) {
        http_close(h);
        return false;
    }
    if (h->origin == NULL || (token != NULL && strpbrk(token, "\r\n") != NULL)) {
        const bool url = h->origin == NULL;
        http_close(h);
        return error_set(e, ERROR_INPUT,
                         url ? "the endpoint %s is no http:// or https:// address"
                             : "the token has more than one line",
                         endpoint);
    }
    h->token = token != NULL && token[0] != '\0' ? xstrdup(token) : NULL;
    h->easy = h->api->init();
    if (h->easy == NULL)
        panic("libcurl has no memory");
    return true;
}

void http_close(struct http *h)
{
    if (h->easy != NULL)
        h->api->cleanup(h->easy);
    if (h->token != NULL)
        explicit_bzero(h->token, strlen(h->token));
    free(h->token);
    free(h->origin);
    *h = (struct http){0};
}

void http_answer_release(struct http_answer *a)
{
    free(a->etag);
    free(a->commit);
    free(a->location);
    free(a->said);
    *a = (struct http_answer){0};
}

/* ---- one request */
struct asking {
    struct http *h;
    const struct http_sink *sink;
    struct http_answer *out;
    bool linked_etag, message, begun, failed, stopped;
    struct error *e;
};

/* The value of a header line "Name: value\r\n" of this name; NULL: another. The caller frees. */
static char *value_of(const char *line, size_t n, const char *name)
{
    const size_t len = strlen(name);
    if (n <= len || strncasecmp(line, name, len) != 0 || line[len] != ':')
        return NULL;
    const char *from = line + len + 1, *end = line + n;
    while (from < end && (*from == ' ' || *from == '\t'))
        from++;
    while (end > from && (end[-1] == '\r' || end[-1] == '\n' || end[-1] == ' '))
        end--;
    return xstrndup(from, (size_t)(end - from));
}

static void take(char **to, char *value)
{
    free(*to);
    *to = value;
}

/* W/"abc" and "abc" → abc */
static char *bare_etag(char *value)
{
    const char *from = strncmp(value, "W/", 2) == 0 ? value + 2 : value;
    size_t n = strlen(from);
    if (n >= 2 && from[0] == '"' && from[n - 1] == '"')
        from++, n -= 2;
    memmove(value, from, n);
    value[n] = '\0';
    return value;
}

/* Of a number in text: −1 where it is none. */
static int64_t number_of(const char *s)
{
    char *end;
    errno = 0;
    const long long v = strtoll(s, &end, 10);
    return end == s || errno != 0 || v < 0 ? -1 : v;
}

static void read_header(struct asking *a, const char *line, size_t n)
{
    struct http_answer *out = a->out;
    char *v;
    if (n >= 5 && memcmp(line, "HTTP/", 5) == 0) { /* an answer begins: 100 Continue has gone */
        http_answer_release(out);
        *out = (struct http_answer){.length = -1, .from = -1, .linked = -1};
        a->linked_etag = a->message = false;
    } else if ((v = value_of(line, n, "X-Linked-Etag")) != NULL) {
        take(&out->etag, bare_etag(v));
        a->linked_etag = true;
    } else if ((v = value_of(line, n, "ETag")) != NULL) {
        if (a->linked_etag)
            free(v);
        else
            take(&out->etag, bare_etag(v));
    } else if ((v = value_of(line, n, "X-Repo-Commit")) != NULL) {
        take(&out->commit, v);
    } else if ((v = value_of(line, n, "X-Error-Message")) != NULL) {
        take(&out->said, v);
        a->message = true;
    } else if ((v = value_of(line, n, "X-Error-Code")) != NULL) {
        if (a->message)
            free(v);
        else
            take(&out->said, v);
    } else if ((v = value_of(line, n, "X-Linked-Size")) != NULL) {
        out->linked = number_of(v);
        free(v);
    } else if ((v = value_of(line, n, "Content-Length")) != NULL) {
        out->length = number_of(v);
        free(v);
    } else if ((v = value_of(line, n, "Content-Range")) != NULL) {
        out->from = strncmp(v, "bytes ", 6) == 0 ? number_of(v + 6) : -1;
        free(v);
    }
}

static size_t on_header(char *line, size_t size, size_t n, void *arg)
{
    read_header(arg, line, size * n);
    return size * n;
}

static size_t on_data(char *p, size_t size, size_t n, void *arg)
{
    struct asking *a = arg;
    long status = 0;
    a->h->api->info(a->h->easy, CURLINFO_RESPONSE_CODE, &status);
    a->out->status = status;
    if (status != 200 && status != 206)
        return size * n;
    if ((!a->begun && !a->sink->begin(a->sink->arg, a->out, a->e)) ||
        !a->sink->data(a->sink->arg, p, size * n, a->e)) {
        a->failed = true;
        return 0;
    }
    a->begun = true;
    return size * n;
}

static int on_progress(void *arg, curl_off_t down, curl_off_t got, curl_off_t up, curl_off_t sent)
{
    struct asking *a = arg;
    (void)down, (void)got, (void)up, (void)sent;
    a->stopped = a->h->go_on != NULL && !a->h->go_on(a->h->arg);
    return a->stopped;
}

/* May it come when it is asked again? */
static bool is_transient(CURLcode code)
{
    switch (code) {
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM: return true;
    default: return false;
    }
}

static struct curl_slist *headers_of(const struct http *h, const char *url, int64_t from)
{
    struct curl_slist *list = h->api->slist_append(NULL, "Accept-Encoding: identity");
    if (from > 0) {
        char *range = xasprintf("Range: bytes=%" PRId64 "-", from);
        list = h->api->slist_append(list, range);
        free(range);
    }
    char *origin = origin_of(url);
    if (h->token != NULL && origin != NULL && strcmp(origin, h->origin) == 0) {
        char *line = xasprintf("Authorization: Bearer %s", h->token);
        list = h->api->slist_append(list, line);
        explicit_bzero(line, strlen(line));
        free(line);
    }
    free(origin);
    return list;
}

static void set_up(struct asking *a, const char *url, struct curl_slist *headers)
{
    const struct curl_api *c = a->h->api;
    CURL *easy = a->h->easy;
    c->reset(easy);
    c->set(easy, CURLOPT_URL, url);
    /* a server that says https is never followed to http */
    c->set(easy, CURLOPT_PROTOCOLS_STR,
           strncmp(a->h->origin, "https:", 6) == 0 ? "https" : "http,https");
    c->set(easy, CURLOPT_HTTPHEADER, headers);
    c->set(easy, CURLOPT_USERAGENT, "glimt/" GLIMT_VERSION);
    c->set(easy, CURLOPT_NOSIGNAL, 1L);
    c->set(easy, CURLOPT_CONNECTTIMEOUT, 30L);
    c->set(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
    c->set(easy, CURLOPT_LOW_SPEED_TIME, 60L);
    c->set(easy, CURLOPT_NOPROGRESS, 0L);
    c->set(easy, CURLOPT_XFERINFOFUNCTION, on_progress);
    c->set(easy, CURLOPT_XFERINFODATA, a);
    c->set(easy, CURLOPT_HEADERFUNCTION, on_header);
    c->set(easy, CURLOPT_HEADERDATA, a);
    c->set(easy, CURLOPT_WRITEFUNCTION, on_data);
    c->set(easy, CURLOPT_WRITEDATA, a);
    if (a->sink == NULL)
        c->set(easy, CURLOPT_NOBODY, 1L);
}

/* A name without its user, password and query, which may hold secrets. */
static char *plain_url(const char *url)
{
    return xstrndup(url, strcspn(url, "?#"));
}

bool http_ask(struct http *h, const char *url, int64_t from, const struct http_sink *sink,
              struct http_answer *out, bool *transient, struct error *e)
{
    struct asking a = {.h = h, .sink = sink, .out = out, .e = e};
    struct curl_slist *headers = headers_of(h, url, from);
    char *plain = plain_url(url), *location = NULL;
    *out = (struct http_answer){.length = -1, .from = -1, .linked = -1};
    *transient = false;
    set_up(&a, url, headers);
    const CURLcode code = h->api->perform(h->easy);
    h->api->info(h->easy, CURLINFO_RESPONSE_CODE, &out->status);
    h->api->info(h->easy, CURLINFO_REDIRECT_URL, &location);
    out->location = location != NULL ? xstrdup(location) : NULL;
    h->api->slist_free(headers);
    const bool answered = code == CURLE_OK;
    *transient = is_transient(code) || (answered && (out->status >= 500 || out->status == 429));
    if (a.stopped)
        error_set(e, ERROR_CANCELLED, "interrupted");
    else if (!answered && !a.failed)
        error_set(e, ERROR_SYSTEM, "%s: %s", plain, h->api->words(code));
    free(plain);
    return answered && !a.failed && !a.stopped;
}

/* What the first answer told of the file, the last one keeps. */
static void inherit(struct http_answer *out, struct http_answer *before)
{
    if (before->etag != NULL) {
        take(&out->etag, before->etag);
        before->etag = NULL;
    }
    if (before->commit != NULL) {
        take(&out->commit, before->commit);
        before->commit = NULL;
    }
    if (before->linked >= 0)
        out->linked = before->linked;
    http_answer_release(before);
}

static bool is_redirect(const struct http_answer *a)
{
    return a->status >= 300 && a->status < 400 && a->location != NULL;
}

bool http_follow(struct http *h, const char *url, int64_t from, const struct http_sink *sink,
                 struct http_answer *out, bool *transient, struct error *e)
{
    enum { HOPS = 8 };
    char *at = xstrdup(url);
    struct http_answer before = {.length = -1, .from = -1, .linked = -1};
    bool ok = true;
    for (int hop = 0;; hop++) {
        ok = http_ask(h, at, from, sink, out, transient, e);
        inherit(out, &before);
        if (!ok || !is_redirect(out) || (sink == NULL && out->etag != NULL && out->linked >= 0))
            break;
        if (hop == HOPS) {
            ok = error_set(e, ERROR_SYSTEM, "%s: more than %d redirects", url, HOPS);
            break;
        }
        take(&at, xstrdup(out->location));
        before = *out;
    }
    free(at);
    return ok;
}

bool http_refuse(const struct http *h, const struct http_answer *a, const char *what,
                 struct error *e)
{
    const char *said = a->said != NULL ? a->said : "";
    const char *open = a->said != NULL ? ": " : "";
    if (a->status == 401 || a->status == 403)
        return error_set(e, ERROR_INPUT, "%s: the server wants permission (status %ld%s%s); %s",
                         what, a->status, open, said,
                         h->token != NULL
                             ? "the token of HF_TOKEN does not give it"
                             : "is it private or gated, set HF_TOKEN; or it is not there");
    if (a->status == 404 || a->status == 410)
        return error_set(e, ERROR_INPUT, "%s: not there (status %ld%s%s)", what, a->status, open,
                         said);
    return error_set(e, ERROR_SYSTEM, "%s: the server answers with status %ld%s%s", what, a->status,
                     open, said);
}

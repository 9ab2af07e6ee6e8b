/* What is asked of a live queue between two waits is kept as a list of calls, with all that they
 * are given. One that comes again begins as one thing, a CUDA graph: of small work most of the time
 * is that of asking for it. What a key or a slider changes (rows, positions, values) lies in the
 * device's memory, where calls find it: so the list is the same as long as shapes and addresses
 * are.
 *
 * No number can depend on it. A graph is only begun in the place of calls that are to the byte
 * those it was made of; calls are held back only while they are the beginning of a list that is
 * known; a graph that can't be made or begun leaves them to be asked for one by one, as they are
 * where GLIMT_GRAPHS is 0. */
#include "gpu/gpu_private.h"
#include <stdlib.h>

enum { KNOWN = 24, GRAPHS = 16, TRIES = 3, LEAST_CALLS = 4, MOST_BYTES = 2 << 20 };

struct known { /* a list that was there */
    char *calls;
    size_t n, room;
    uint64_t used;
    cudaGraphExec_t graph; /* NULL: none yet */
    bool plain;            /* and none can be made */
};
struct replay {
    struct gpu_queue *queue;
    char *calls;           /* the list so far, n bytes; */
    size_t n, room, begun; /* so many were asked of the stream */
    int32_t n_calls;
    int like;  /* the one of `known` that begins so; −1: none, calls are not held back */
    bool lost; /* what came before is not in the list any more */
    int failures;
    uint64_t clock;
    struct known known[KNOWN];
};

struct replay *replay_new(struct gpu_queue *q)
{
    const char *wanted = getenv("GLIMT_GRAPHS");
    struct replay *r = wanted && strcmp(wanted, "0") == 0 ? NULL : calloc(1, sizeof *r);
    if (r)
        r->queue = q, r->like = -1;
    return r;
}

static void drop_graph(struct replay *r, struct known *k)
{
    if (k->graph && !gpu_lost(r->queue->gpu, NULL))
        cudaGraphExecDestroy(k->graph);
    k->graph = NULL;
}

void replay_free(struct replay *r)
{
    for (int i = 0; r && i < KNOWN; i++) {
        drop_graph(r, &r->known[i]);
        free(r->known[i].calls);
    }
    if (r)
        free(r->calls);
    free(r);
}

/* ---- one by one */
static bool ask(struct gpu_queue *q, const struct call *c)
{
    c->issue(c, q, q->stream.at);
    return !error_is_set(&q->base.err) && cudaPeekAtLastError() == cudaSuccess;
}

static void ask_from(struct replay *r, size_t at)
{
    struct gpu_queue *q = r->queue;
    bool ok = !gpu_lost(q->gpu, NULL) && !error_is_set(&q->base.err);
    while (ok && at < r->n) {
        const struct call *c = (const struct call *)(const void *)(r->calls + at);
        at += c->n;
        ok = ask(q, c);
    }
    r->begun = r->n;
    if (!ok)
        queue_check(q, "a launch", cudaGetLastError());
}

void stream_call(struct stream *s, struct gpu_queue *q, const struct call *c)
{
    if (s->replay)
        replay_add(s->replay, c);
    else
        c->issue(c, q, s->at);
}

/* ---- the list */
static bool begins_so(const struct replay *r, const struct known *k, size_t from)
{
    return k->n >= r->n && memcmp(k->calls + from, r->calls + from, r->n - from) == 0;
}

/* Keeps what went before in view: a list is right from its first call on, or not at all. */
void replay_add(struct replay *r, const struct call *c)
{
    const bool first = r->n == 0 && !r->lost, held = r->like >= 0 || first;
    if (!r->lost && r->n + c->n > r->room) {
        const size_t room = 2 * (r->n + c->n);
        char *calls = room <= MOST_BYTES ? realloc(r->calls, room) : NULL;
        if (calls)
            r->calls = calls, r->room = room;
        else
            ask_from(r, r->begun), r->lost = true, r->like = -1;
    }
    if (r->lost) {
        ask(r->queue, c);
        return;
    }
    const size_t from = r->n;
    memcpy(r->calls + from, c, c->n);
    r->n += c->n, r->n_calls++;
    if (held && (first || !begins_so(r, &r->known[r->like], from))) {
        r->like = -1;
        for (int i = 0; i < KNOWN && r->like < 0; i++)
            if (begins_so(r, &r->known[i], 0))
                r->like = i;
    }
    if (r->like < 0)
        ask_from(r, r->begun);
}

/* ---- lists that were there */
/* In the place of the one that was there longest ago, first of those without a graph. */
static void remember(struct replay *r)
{
    struct known *k = &r->known[0];
    for (int i = 1; i < KNOWN; i++) {
        struct known *x = &r->known[i];
        if (!x->graph == !k->graph ? x->used < k->used : !x->graph)
            k = x;
    }
    drop_graph(r, k);
    const struct known was = *k;
    *k = (struct known){.calls = r->calls, .n = r->n, .room = r->room, .used = ++r->clock};
    r->calls = was.calls, r->room = was.room;
}

/* Room for one more. */
static void keep_few(struct replay *r)
{
    struct known *oldest = NULL;
    int n = 0;
    for (int i = 0; i < KNOWN; i++)
        if (r->known[i].graph) {
            oldest = !oldest || r->known[i].used < oldest->used ? &r->known[i] : oldest;
            n++;
        }
    if (n >= GRAPHS)
        drop_graph(r, oldest);
}

/* Neither is it the queue's error that there is no graph, unless it is the device's end; the calls
 * are asked for themselves, and tell what is wrong with them. */
static bool without(struct replay *r, struct known *k, cudaError_t code)
{
    struct gpu_queue *q = r->queue;
    drop_graph(r, k);
    k->plain = true;
    r->failures++;
    queue_check(q, "a graph", code);
    cudaGetLastError();
    if (!gpu_lost(q->gpu, NULL))
        q->base.err = (struct error){0};
    return false;
}

static bool begin_graph(struct replay *r, struct known *k)
{
    const cudaError_t code = cudaGraphLaunch(k->graph, r->queue->stream.at);
    return code == cudaSuccess || without(r, k, code);
}

static bool capture(struct replay *r, struct known *k)
{
    struct gpu_queue *q = r->queue;
    cudaGraph_t graph = NULL;
    cudaError_t code = cudaStreamBeginCapture(q->stream.at, cudaStreamCaptureModeRelaxed);
    if (code != cudaSuccess)
        return without(r, k, code);
    ask_from(r, 0);
    code = cudaStreamEndCapture(q->stream.at, &graph);
    const bool whole = code == cudaSuccess && !error_is_set(&q->base.err);
    if (whole) {
        keep_few(r);
        code = cudaGraphInstantiate(&k->graph, graph, 0);
    }
    if (graph && !gpu_lost(q->gpu, NULL))
        cudaGraphDestroy(graph);
    if (!whole || code != cudaSuccess) {
        k->graph = NULL;
        return without(r, k, code);
    }
    return begin_graph(r, k);
}

static struct known *known_as(struct replay *r)
{
    for (int i = 0; r->like >= 0 && i < KNOWN; i++)
        if (r->known[i].n == r->n && begins_so(r, &r->known[i], 0))
            return &r->known[i];
    return NULL;
}

static void end_list(struct replay *r)
{
    struct known *k = known_as(r);
    bool begun = false;
    if (k) {
        k->used = ++r->clock;
        begun = k->graph                           ? begin_graph(r, k)
                : k->plain || r->failures >= TRIES ? false
                                                   : capture(r, k);
        r->begun = begun ? r->n : 0;
    }
    if (!begun)
        ask_from(r, r->begun);
    if (!k && !r->lost && r->n_calls >= LEAST_CALLS && !error_is_set(&r->queue->base.err))
        remember(r);
}

void replay_end(struct replay *r)
{
    if (!r || (r->n == 0 && !r->lost))
        return;
    struct gpu_queue *q = r->queue;
    const struct error refused = q->base.err;
    if (!gpu_lost(q->gpu, NULL)) {
        q->base.err = (struct error){0}; /* what is in the list was asked for before it */
        end_list(r);
    }
    if (error_is_set(&q->base.err))
        q->table.n = 0; /* it may not have been put */
    else
        q->base.err = refused;
    r->n = r->begun = 0, r->n_calls = 0;
    r->like = -1, r->lost = false;
}

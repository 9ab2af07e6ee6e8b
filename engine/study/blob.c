/* Little-endian numbers in saved states, gathered in pieces. */
#include "engine/study/blob.h"
#include "engine/base/memory.h"
#include <stdlib.h>
#include <string.h>

/* ---- writing */
void blob_writer_init(struct blob_writer *w,
                      bool (*take)(void *, const void *, size_t, struct error *), void *arg)
{
    *w = (struct blob_writer){.take = take, .arg = arg, .piece = xmalloc(BLOB_PIECE)};
}

static void hand_on(struct blob_writer *w)
{
    if (!error_is_set(&w->error) && !w->take(w->arg, w->piece, w->n, &w->error) &&
        !error_is_set(&w->error))
        error_set(&w->error, ERROR_SYSTEM, "a piece of a state could not be kept");
    w->n = 0;
}

bool blob_writer_end(struct blob_writer *w, struct error *e)
{
    if (w->n > 0)
        hand_on(w);
    free(w->piece);
    w->piece = NULL;
    return !error_is_set(&w->error) || error_set(e, w->error.kind, "%s", w->error.text);
}

void blob_add(struct blob_writer *w, const void *p, size_t n)
{
    const uint8_t *from = p;
    while (n > 0) {
        if (w->n == BLOB_PIECE)
            hand_on(w);
        const size_t room = BLOB_PIECE - w->n, part = n < room ? n : room;
        memcpy(w->piece + w->n, from, part);
        w->n += part;
        from += part;
        n -= part;
    }
}

static void add_u64(struct blob_writer *w, uint64_t v, size_t n)
{
    uint8_t p[8];
    for (size_t i = 0; i < n; i++)
        p[i] = (uint8_t)(v >> (8 * i));
    blob_add(w, p, n);
}

void blob_add_u32(struct blob_writer *w, uint32_t v)
{
    add_u64(w, v, 4);
}

void blob_add_i64(struct blob_writer *w, int64_t v)
{
    add_u64(w, (uint64_t)v, 8);
}

void blob_add_f64(struct blob_writer *w, double v)
{
    uint64_t u;
    memcpy(&u, &v, sizeof u);
    add_u64(w, u, 8);
}

/* ---- reading */
void blob_reader_init(struct blob_reader *r, const void *(*next)(void *, size_t *), void *arg,
                      uint64_t size)
{
    *r = (struct blob_reader){.next = next, .arg = arg, .left = size};
}

struct blob_reader blob_in_memory(const void *p, size_t n)
{
    return (struct blob_reader){.p = p, .n = n, .left = n};
}

bool blob_end(const struct blob_reader *r)
{
    return !r->bad && r->left == 0;
}

/* Nothing is taken where not all is there. */
void blob_bytes(struct blob_reader *r, void *out, size_t n)
{
    uint8_t *to = out;
    r->bad |= n > r->left;
    while (n > 0 && !r->bad) {
        if (r->n == 0) {
            r->p = r->next ? r->next(r->arg, &r->n) : NULL;
            r->bad |= !r->p || r->n == 0 || r->n > r->left;
            continue;
        }
        const size_t part = n < r->n ? n : r->n;
        memcpy(to, r->p, part);
        to += part;
        r->p += part;
        r->n -= part;
        r->left -= part;
        n -= part;
    }
    if (n > 0)
        memset(to, 0, n);
}

static uint64_t get_u64(struct blob_reader *r, size_t n)
{
    uint8_t p[8] = {0};
    uint64_t v = 0;
    blob_bytes(r, p, n);
    for (size_t i = 0; i < n && !r->bad; i++)
        v |= (uint64_t)p[i] << (8 * i);
    return v;
}

uint32_t blob_u32(struct blob_reader *r)
{
    return (uint32_t)get_u64(r, 4);
}

int64_t blob_i64(struct blob_reader *r)
{
    return (int64_t)get_u64(r, 8);
}

double blob_f64(struct blob_reader *r)
{
    uint64_t u = get_u64(r, 8);
    double v;
    memcpy(&v, &u, sizeof v);
    return v;
}

#include "engine/formats/unpack.h"
#include <lzma.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum {
    PIECE = 1 << 22,       /* between two steps; zlib counts bytes in 32 bits */
    XZ_MEMORY = 256 << 20, /* a file may ask for more than there is; xz -9 needs 65 MiB */
    FIRST_ROOM = 1 << 16
};
static const char *const packing_name[] = {
    [PACKING_NONE] = "plain", [PACKING_GZIP] = "gzip", [PACKING_XZ] = "xz"};

struct packed {
    const char *name;
    enum packing packing;
    const uint8_t *p;
    size_t n, at; /* at: taken so far */
    uint8_t *out;
    size_t n_out, cap, limit;
    const struct unpack_watch *watch;
    struct error *e;
};

enum packing packing_of(const void *p, size_t n)
{
    static const uint8_t gzip[] = {0x1f, 0x8b}, xz[] = {0xfd, '7', 'z', 'X', 'Z', 0};
    if (n >= sizeof gzip && memcmp(p, gzip, sizeof gzip) == 0)
        return PACKING_GZIP;
    return n >= sizeof xz && memcmp(p, xz, sizeof xz) == 0 ? PACKING_XZ : PACKING_NONE;
}

static bool damaged(struct packed *k, const char *why)
{
    return error_set(k->e, ERROR_INPUT, "reading %s: its %s data are damaged at byte %zu (%s)",
                     k->name, packing_name[k->packing], k->at, why);
}

static bool ends_early(struct packed *k)
{
    return error_set(k->e, ERROR_INPUT,
                     "reading %s: its %s data end too early, after %zu bytes of text: is the file "
                     "whole?",
                     k->name, packing_name[k->packing], k->n_out);
}

static bool no_memory(struct packed *k, size_t n)
{
    return error_set(k->e, ERROR_SYSTEM, "unpacking %s: no memory for %zu bytes", k->name, n);
}

/* Room for at least one byte more, unless the limit is passed. */
static bool make_room(struct packed *k)
{
    if (k->n_out > k->limit)
        return error_set(k->e, ERROR_INPUT,
                         "reading %s: found %zu packed bytes that unpack to more than %zu MiB, "
                         "expected text",
                         k->name, k->n, k->limit >> 20);
    if (k->n_out < k->cap)
        return true;
    size_t cap = k->cap > 0 ? 2 * k->cap : FIRST_ROOM;
    if (cap > k->limit)
        cap = k->limit + 1; /* one byte too much is how a bomb is known */
    void *more = realloc(k->out, cap);
    if (more == NULL)
        return no_memory(k, cap);
    k->out = more;
    k->cap = cap;
    return true;
}

static bool go_on(struct packed *k)
{
    if (!k->watch || k->watch->step(k->watch->arg, k->n > 0 ? (double)k->at / (double)k->n : 1))
        return true;
    return error_set(k->e, ERROR_CANCELLED, "interrupted");
}

static size_t piece(size_t n)
{
    return n < PIECE ? n : PIECE;
}

/* ---- gzip */
static bool inflate_all(struct packed *k, z_stream *z)
{
    for (;;) {
        if (!go_on(k) || !make_room(k))
            return false;
        const size_t in = piece(k->n - k->at), room = piece(k->cap - k->n_out);
        z->next_in = (Bytef *)(uintptr_t)(k->p + k->at);
        z->avail_in = (uInt)in;
        z->next_out = k->out + k->n_out;
        z->avail_out = (uInt)room;
        const int status = inflate(z, Z_NO_FLUSH);
        k->at += in - z->avail_in;
        k->n_out += room - z->avail_out;
        if (status == Z_BUF_ERROR)
            return ends_early(k);
        if (status == Z_MEM_ERROR)
            return no_memory(k, 1 << 15);
        if (status == Z_STREAM_END && packing_of(k->p + k->at, k->n - k->at) != PACKING_GZIP)
            return true;
        if (status == Z_STREAM_END)
            inflateReset(z);
        else if (status != Z_OK)
            return damaged(k, z->msg != NULL ? z->msg : "no deflated data");
    }
}

static bool unpack_gzip(struct packed *k)
{
    enum { WINDOW = 15, GZIP_ONLY = 16 };
    z_stream z = {0};
    if (inflateInit2(&z, WINDOW + GZIP_ONLY) != Z_OK)
        return no_memory(k, 1 << 15);
    const bool ok = inflate_all(k, &z);
    inflateEnd(&z);
    for (; ok && k->at < k->n; k->at++)
        if (k->p[k->at] != 0)
            return damaged(k, "other bytes behind them");
    return ok;
}

/* ---- xz */
static bool decode_all(struct packed *k, lzma_stream *x)
{
    for (;;) {
        if (!go_on(k) || !make_room(k))
            return false;
        const size_t in = piece(k->n - k->at), room = piece(k->cap - k->n_out);
        x->next_in = k->p + k->at;
        x->avail_in = in;
        x->next_out = k->out + k->n_out;
        x->avail_out = room;
        const lzma_ret status = lzma_code(x, k->at + in == k->n ? LZMA_FINISH : LZMA_RUN);
        k->at += in - x->avail_in;
        k->n_out += room - x->avail_out;
        switch (status) {
        case LZMA_OK: break;
        case LZMA_STREAM_END: return true;
        case LZMA_BUF_ERROR: return ends_early(k);
        case LZMA_MEM_ERROR: return no_memory(k, XZ_MEMORY);
        case LZMA_MEMLIMIT_ERROR:
            return error_set(k->e, ERROR_INPUT,
                             "reading %s: unpacking it takes more than %d MiB of memory; unpack it "
                             "with xz first",
                             k->name, XZ_MEMORY >> 20);
        case LZMA_FORMAT_ERROR: return damaged(k, "other bytes behind them");
        case LZMA_OPTIONS_ERROR: return damaged(k, "a kind of xz that is not known");
        default: return damaged(k, "corrupt");
        }
    }
}

static bool unpack_xz(struct packed *k)
{
    lzma_stream x = LZMA_STREAM_INIT;
    if (lzma_stream_decoder(&x, XZ_MEMORY, LZMA_CONCATENATED) != LZMA_OK)
        return no_memory(k, XZ_MEMORY);
    const bool ok = decode_all(k, &x);
    lzma_end(&x);
    return ok;
}

bool unpack(const char *name, enum packing packing, const void *p, size_t n, size_t limit,
            const struct unpack_watch *watch, char **out, size_t *n_out, struct error *e)
{
    struct packed k = {
        .name = name, .packing = packing, .p = p, .n = n, .limit = limit, .watch = watch, .e = e};
    *out = NULL;
    *n_out = 0;
    if (!(packing == PACKING_XZ ? unpack_xz(&k) : unpack_gzip(&k))) {
        free(k.out);
        return false;
    }
    *out = (char *)k.out;
    *n_out = k.n_out;
    return true;
}

/* Little-endian numbers in saved states. */
#include "engine/study/study.h"
#include <string.h>

static void add_u64(struct strbuf *b, uint64_t v, size_t n)
{
    char p[8];
    for (size_t i = 0; i < n; i++)
        p[i] = (char)(unsigned char)(v >> (8 * i));
    strbuf_add(b, p, n);
}

void blob_add_u32(struct strbuf *b, uint32_t v)
{
    add_u64(b, v, 4);
}

void blob_add_i64(struct strbuf *b, int64_t v)
{
    add_u64(b, (uint64_t)v, 8);
}

void blob_add_f64(struct strbuf *b, double v)
{
    uint64_t u;
    memcpy(&u, &v, sizeof u);
    add_u64(b, u, 8);
}

void blob_bytes(struct blob_reader *r, void *out, size_t n)
{
    if (r->bad || n > r->n) {
        r->bad = true;
        memset(out, 0, n);
        return;
    }
    memcpy(out, r->p, n);
    r->p += n;
    r->n -= n;
}

static uint64_t get_u64(struct blob_reader *r, size_t n)
{
    uint8_t p[8] = {0};
    uint64_t v = 0;
    blob_bytes(r, p, n);
    for (size_t i = 0; i < n; i++)
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

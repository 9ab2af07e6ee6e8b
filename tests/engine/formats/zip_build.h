/* Builds a zip archive of stored entries, piece by piece, as torch.save writes it or with what it
 * should not have. */
#ifndef GLIMT_TESTS_FORMATS_ZIP_BUILD_H
#define GLIMT_TESTS_FORMATS_ZIP_BUILD_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct bytes {
    uint8_t p[16384];
    size_t n;
};
struct entry {
    const char *name;
    const void *p;
    size_t n;
    uint16_t method, flags;
};
struct options {
    bool zip64;
    const char *comment;
    size_t more_entries; /* claimed in the end record and not there */
};

static inline void put(struct bytes *b, const void *p, size_t n)
{
    if (n > sizeof b->p - b->n)
        abort();
    if (n > 0)
        memcpy(b->p + b->n, p, n);
    b->n += n;
}
static inline void put_le(struct bytes *b, uint64_t x, int n_bytes)
{
    for (int i = 0; i < n_bytes; i++)
        put(b, &(uint8_t){i < 8 ? (uint8_t)(x >> 8 * i) : 0}, 1);
}

static inline void put_local(struct bytes *b, const struct entry *e)
{
    put_le(b, 0x04034b50, 4);
    put_le(b, 20, 2), put_le(b, e->flags, 2), put_le(b, e->method, 2);
    put_le(b, 0, 4 + 4); /* time, CRC-32 */
    put_le(b, e->n, 4), put_le(b, e->n, 4);
    put_le(b, strlen(e->name), 2), put_le(b, 6, 2);
    put(b, e->name, strlen(e->name));
    put(b, "FB\2\0ZZ", 6); /* torch pads with an extra field */
    put(b, e->p, e->n);
}

static inline void put_central(struct bytes *b, const struct entry *e, size_t at, bool zip64)
{
    put_le(b, 0x02014b50, 4);
    put_le(b, 20, 2), put_le(b, 20, 2), put_le(b, e->flags, 2), put_le(b, e->method, 2);
    put_le(b, 0, 4 + 4);
    put_le(b, zip64 ? UINT32_MAX : e->n, 4), put_le(b, zip64 ? UINT32_MAX : e->n, 4);
    put_le(b, strlen(e->name), 2), put_le(b, zip64 ? 34 : 0, 2), put_le(b, 0, 2 + 2 + 2 + 4);
    put_le(b, zip64 ? UINT32_MAX : at, 4);
    put(b, e->name, strlen(e->name));
    if (zip64) {
        put(b, "XX\2\0ab", 6); /* another extra field before */
        put_le(b, 1, 2), put_le(b, 24, 2);
        put_le(b, e->n, 8), put_le(b, e->n, 8), put_le(b, at, 8);
    }
}

static inline void zip_build(struct bytes *b, const struct entry *e, size_t n,
                             const struct options *o)
{
    size_t at[16];
    b->n = 0;
    for (size_t i = 0; i < n; i++) {
        at[i] = b->n;
        put_local(b, &e[i]);
    }
    const size_t central = b->n, count = n + o->more_entries;
    for (size_t i = 0; i < n; i++)
        put_central(b, &e[i], at[i], o->zip64);
    const size_t n_central = b->n - central;
    if (o->zip64) {
        const size_t end64 = b->n;
        put_le(b, 0x06064b50, 4), put_le(b, 44, 8), put_le(b, 45, 2), put_le(b, 45, 2),
            put_le(b, 0, 8);
        put_le(b, count, 8), put_le(b, count, 8), put_le(b, n_central, 8), put_le(b, central, 8);
        put_le(b, 0x07064b50, 4), put_le(b, 0, 4), put_le(b, end64, 8), put_le(b, 1, 4);
    }
    const char *comment = o->comment != NULL ? o->comment : "";
    put_le(b, 0x06054b50, 4), put_le(b, 0, 4);
    put_le(b, o->zip64 ? UINT16_MAX : count, 2), put_le(b, o->zip64 ? UINT16_MAX : count, 2);
    put_le(b, o->zip64 ? UINT32_MAX : n_central, 4), put_le(b, o->zip64 ? UINT32_MAX : central, 4);
    put_le(b, strlen(comment), 2);
    put(b, comment, strlen(comment));
}
#endif

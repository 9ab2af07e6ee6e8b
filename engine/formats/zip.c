#include "engine/formats/zip.h"
#include "engine/base/memory.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define LOCAL 0x04034b50U
#define CENTRAL 0x02014b50U
#define END 0x06054b50U
#define END64 0x06064b50U
#define LOCATOR64 0x07064b50U

enum { DEFLATED = 8 }; /* compression method */
enum { LOCAL_SIZE = 30, CENTRAL_SIZE = 46, END_SIZE = 22, END64_SIZE = 56, LOCATOR64_SIZE = 20 };

struct archive {
    const uint8_t *p;
    size_t n;
    const char *path;
    struct error *e;
};
struct directory {
    uint64_t at, n_bytes, n_entries;
};

static uint64_t read_le(const uint8_t *p, int n_bytes)
{
    uint64_t x = 0;
    for (int i = n_bytes - 1; i >= 0; i--)
        x = x << 8 | p[i];
    return x;
}
static uint32_t u16(const uint8_t *p)
{
    return (uint32_t)read_le(p, 2);
}
static uint32_t u32(const uint8_t *p)
{
    return (uint32_t)read_le(p, 4);
}
static uint64_t u64(const uint8_t *p)
{
    return read_le(p, 8);
}

/* n bytes at `at` with this signature; NULL: outside or another. */
static const uint8_t *record(const struct archive *a, uint64_t at, size_t n, uint32_t signature)
{
    if (at > a->n || n > a->n - at || u32(a->p + at) != signature)
        return NULL;
    return a->p + at;
}

/* The end record is the last thing in the file but for a comment of up to 65535 bytes. */
static bool find_directory(const struct archive *a, struct directory *d)
{
    for (size_t back = END_SIZE; back <= a->n && back <= END_SIZE + 65535; back++) {
        const uint64_t at = a->n - back;
        const uint8_t *end = record(a, at, END_SIZE, END);
        if (end == NULL || u16(end + 20) != back - END_SIZE)
            continue;
        *d = (struct directory){
            .at = u32(end + 16), .n_bytes = u32(end + 12), .n_entries = u16(end + 10)};
        const uint8_t *locator =
            at >= LOCATOR64_SIZE ? record(a, at - LOCATOR64_SIZE, LOCATOR64_SIZE, LOCATOR64) : NULL;
        if (locator != NULL) {
            const uint8_t *end64 = record(a, u64(locator + 8), END64_SIZE, END64);
            if (end64 == NULL)
                return error_set(a->e, ERROR_INPUT, "%s: broken zip archive: no ZIP64 end record",
                                 a->path);
            *d = (struct directory){
                .at = u64(end64 + 48), .n_bytes = u64(end64 + 40), .n_entries = u64(end64 + 32)};
        }
        return true;
    }
    return error_set(a->e, ERROR_INPUT,
                     "%s: zip archive without its directory at the end (is the file cut off?)",
                     a->path);
}

/* Sizes and offset that do not fit 32 bits stand in an extra field, in this order, only those that
 * are all ones. */
static bool widen(const struct archive *a, const uint8_t *extra, size_t n, uint64_t *value[3])
{
    bool any = false;
    for (int i = 0; i < 3; i++)
        any = any || *value[i] == UINT32_MAX;
    if (!any)
        return true;
    while (n >= 4) {
        const uint32_t id = u16(extra), len = u16(extra + 2);
        if (len > n - 4)
            break;
        if (id == 1) {
            const uint8_t *p = extra + 4;
            uint32_t left = len;
            for (int i = 0; i < 3; i++)
                if (*value[i] == UINT32_MAX && left >= 8) {
                    *value[i] = u64(p);
                    p += 8, left -= 8;
                }
            return true;
        }
        extra += 4 + len, n -= 4 + len;
    }
    return error_set(a->e, ERROR_INPUT, "%s: broken zip archive: no ZIP64 sizes", a->path);
}

static bool compressed(const char *path, const char *name, size_t n_name, struct error *e)
{
    return error_set(e, ERROR_INPUT,
                     "%s: entry '%.*s' is compressed or encrypted, expected stored or deflated",
                     path, (int)n_name, name);
}

/* One entry of the directory at `at`; *length: bytes to the next. */
static bool read_entry(const struct archive *a, uint64_t at, struct zip_entry *out, size_t *length)
{
    const uint8_t *c = record(a, at, CENTRAL_SIZE, CENTRAL);
    if (c == NULL)
        return error_set(a->e, ERROR_INPUT, "%s: broken zip directory at byte %" PRIu64, a->path,
                         at);
    const size_t n_name = u16(c + 28), n_extra = u16(c + 30), n_comment = u16(c + 32);
    *length = CENTRAL_SIZE + n_name + n_extra + n_comment;
    if (*length > a->n - at)
        return error_set(a->e, ERROR_INPUT, "%s: broken zip directory at byte %" PRIu64, a->path,
                         at);
    const char *name = (const char *)c + CENTRAL_SIZE;
    uint64_t n = u32(c + 24), packed = u32(c + 20), local = u32(c + 42);
    if (!widen(a, c + CENTRAL_SIZE + n_name, n_extra, (uint64_t *[3]){&n, &packed, &local}))
        return false;
    const uint32_t method = u16(c + 10);
    const bool deflated = method == DEFLATED;
    if ((method != 0 && !deflated) || (u16(c + 8) & 1) != 0 || (!deflated && n != packed))
        return compressed(a->path, name, n_name, a->e);
    const uint8_t *l = record(a, local, LOCAL_SIZE, LOCAL);
    const uint64_t skip = l != NULL ? LOCAL_SIZE + (uint64_t)u16(l + 26) + u16(l + 28) : 0;
    if (l == NULL || skip > a->n - local || packed > a->n - local - skip)
        return error_set(a->e, ERROR_INPUT,
                         "%s: entry '%.*s' lies outside the file (is it cut off?)", a->path,
                         (int)n_name, name);
    *out = (struct zip_entry){.name = name, .n_name = n_name, .p = l + skip, .n = (size_t)packed};
    if (deflated)
        out->n_inflated = n > 0 ? (size_t)n : 1;
    return true;
}

/* Deflate makes at most 1032 bytes of one: what says more lies. */
uint8_t *zip_inflate(const struct zip_entry *z, const char *path, struct error *e)
{
    const size_t n = z->n_inflated;
    uint8_t *out = n / 1032 <= z->n && z->n <= UINT32_MAX && n <= UINT32_MAX ? malloc(n) : NULL;
    z_stream s = {0};
    if (!out || inflateInit2(&s, -MAX_WBITS) != Z_OK) {
        error_set(
            e, out ? ERROR_SYSTEM : ERROR_INPUT,
            "%s: entry '%.*s': no memory for the %zu bytes that %zu deflated ones say they are",
            path, (int)z->n_name, z->name, n, z->n);
        free(out);
        return NULL;
    }
    s.next_in = (Bytef *)(uintptr_t)z->p;
    s.avail_in = (uInt)z->n;
    s.next_out = out;
    s.avail_out = (uInt)n;
    const int status = inflate(&s, Z_FINISH);
    const bool whole = status == Z_STREAM_END && s.avail_out == 0 && s.avail_in == 0;
    inflateEnd(&s);
    if (whole)
        return out;
    free(out);
    error_set(e, ERROR_INPUT, "%s: entry '%.*s': its deflated data are damaged", path,
              (int)z->n_name, z->name);
    return NULL;
}

static int compare(const char *a, size_t n_a, const char *b, size_t n_b)
{
    const int order = memcmp(a, b, n_a < n_b ? n_a : n_b);
    return order != 0 ? order : n_a < n_b ? -1 : n_a > n_b;
}

static int by_name(const void *a, const void *b)
{
    const struct zip_entry *s = a, *t = b;
    return compare(s->name, s->n_name, t->name, t->n_name);
}

bool zip_read(struct zip *z, const uint8_t *p, size_t n, const char *path, struct error *e)
{
    *z = (struct zip){0};
    const struct archive a = {.p = p, .n = n, .path = path, .e = e};
    struct directory d = {0};
    if (!find_directory(&a, &d))
        return false;
    if (d.at > n || d.n_bytes > n - d.at || d.n_entries > d.n_bytes / CENTRAL_SIZE)
        return error_set(e, ERROR_INPUT,
                         "%s: zip directory of %" PRIu64 " entries lies outside the file", path,
                         d.n_entries);
    z->entry = xcalloc((size_t)d.n_entries, sizeof *z->entry);
    uint64_t at = d.at;
    for (uint64_t i = 0; i < d.n_entries; i++) {
        size_t length = 0;
        if (!read_entry(&a, at, &z->entry[z->n], &length))
            return false;
        z->n++;
        at += length;
    }
    qsort(z->entry, z->n, sizeof *z->entry, by_name);
    for (size_t i = 1; i < z->n; i++)
        if (by_name(&z->entry[i - 1], &z->entry[i]) == 0)
            return error_set(e, ERROR_INPUT, "%s: zip entry '%.*s' is there twice", path,
                             (int)z->entry[i].n_name, z->entry[i].name);
    return true;
}

void zip_release(struct zip *z)
{
    free(z->entry);
    *z = (struct zip){0};
}

const struct zip_entry *zip_find(const struct zip *z, const char *name, size_t n_name)
{
    const struct zip_entry key = {.name = name, .n_name = n_name};
    return z->n > 0 ? bsearch(&key, z->entry, z->n, sizeof key, by_name) : NULL;
}

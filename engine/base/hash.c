#include "engine/base/hash.h"
#include <errno.h>
#include <fcntl.h>
#include <nettle/sha2.h>
#include <string.h>
#include <unistd.h>

struct sha256 sha256_bytes(const void *p, size_t n)
{
    struct sha256 out;
    struct sha256_ctx ctx;
    sha256_init(&ctx);
    if (n > 0)
        sha256_update(&ctx, n, p);
    sha256_digest(&ctx, sizeof out.byte, out.byte);
    return out;
}

bool sha256_file(const char *path, struct sha256 *out, struct error *e)
{
    return sha256_file_in_pieces(path, NULL, NULL, out, e);
}

bool sha256_file_in_pieces(const char *path, bool (*go_on)(void *, int64_t done), void *arg,
                           struct sha256 *out, struct error *e)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error_set(e, ERROR_SYSTEM, "hashing %s: %s", path, strerror(errno));
    struct sha256_ctx ctx;
    sha256_init(&ctx);
    uint8_t part[1 << 16];
    ssize_t n = 0;
    int64_t done = 0, told = 0;
    bool stopped = false;
    while (!stopped && (n = read(fd, part, sizeof part)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            break;
        sha256_update(&ctx, (size_t)n, part);
        done += n;
        if (!go_on || done - told < SHA256_PIECE)
            continue;
        told = done;
        stopped = !go_on(arg, done);
    }
    const int failed = n < 0 ? errno : 0;
    close(fd);
    if (failed != 0)
        return error_set(e, ERROR_SYSTEM, "hashing %s: %s", path, strerror(failed));
    if (stopped)
        return error_set(e, ERROR_CANCELLED, "hashing %s: interrupted", path);
    sha256_digest(&ctx, sizeof out->byte, out->byte);
    return true;
}

void sha256_hex(const struct sha256 *h, char out[65])
{
    static const char digit[] = "0123456789abcdef";
    for (size_t i = 0; i < sizeof h->byte; i++) {
        out[2 * i] = digit[h->byte[i] >> 4];
        out[2 * i + 1] = digit[h->byte[i] & 15];
    }
    out[64] = '\0';
}

static int nibble(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

bool sha256_from_hex(const char *hex, struct sha256 *out)
{
    if (strlen(hex) != 64)
        return false;
    struct sha256 h;
    for (size_t i = 0; i < sizeof h.byte; i++) {
        const int high = nibble(hex[2 * i]), low = nibble(hex[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        h.byte[i] = (uint8_t)(high << 4 | low);
    }
    *out = h;
    return true;
}

uint64_t hash_bytes(uint64_t seed, const void *p, size_t n)
{
    const uint8_t *byte = p;
    for (size_t i = 0; i < n; i++)
        seed = (seed ^ byte[i]) * UINT64_C(0x100000001b3);
    return seed;
}

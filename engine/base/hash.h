/* Content hashes (SHA-256) and a fast 64-bit one for tables in memory. */
#ifndef GLIMT_BASE_HASH_H
#define GLIMT_BASE_HASH_H
#include "engine/base/error.h"
#include <stddef.h>
#include <stdint.h>

struct sha256 {
    uint8_t byte[32];
};

/* SHA-256 of n bytes; of a whole file (ERROR_SYSTEM when it can't be read). */
struct sha256 sha256_bytes(const void *p, size_t n);
bool sha256_file(const char *path, struct sha256 *out, struct error *e);
/* The same in pieces of SHA256_PIECE bytes: go_on hears after each how many are done; false stops
 * with ERROR_CANCELLED. */
#define SHA256_PIECE (1 << 20)
bool sha256_file_in_pieces(const char *path, bool (*go_on)(void *, int64_t done), void *arg,
                           struct sha256 *out, struct error *e);
/* 64 lower-case hex digits and a NUL. */
void sha256_hex(const struct sha256 *h, char out[65]);
bool sha256_from_hex(const char *hex, struct sha256 *out);

/* 64-bit FNV-1a, continued from `seed` (use HASH_SEED to begin); never stored, never for untrusted
 * keys' identity. */
#define HASH_SEED UINT64_C(0xcbf29ce484222325)
uint64_t hash_bytes(uint64_t seed, const void *p, size_t n);
#endif

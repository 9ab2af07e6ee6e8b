/* gzip (RFC 1952) and xz files, unpacked in memory. What is packed is untrusted. */
#ifndef GLIMT_FORMATS_UNPACK_H
#define GLIMT_FORMATS_UNPACK_H
#include "engine/base/error.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum packing { PACKING_NONE, PACKING_GZIP, PACKING_XZ };

/* By the first bytes. */
enum packing packing_of(const void *p, size_t n);
/* Who waits: told what share of the bytes is done, every few megabytes; false ends it with
 * ERROR_CANCELLED. */
struct unpack_watch {
    bool (*step)(void *arg, double share);
    void *arg;
};
/* What n packed bytes hold, several members one after the other as one; zeros behind the last are
 * padding. *out is malloc'd, the caller frees it. ERROR_INPUT, with `name` for people: data that
 * end too early or are damaged, that hold more than `limit` bytes, other bytes behind them. watch:
 * NULL, nobody's. */
bool unpack(const char *name, enum packing, const void *p, size_t n, size_t limit,
            const struct unpack_watch *watch, char **out, size_t *n_out, struct error *e);
#endif

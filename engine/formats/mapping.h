/* A read-only mapping of a file, reference-free: the owner unmaps. `done` lets the kernel take
 * pages back. */
#ifndef GLIMT_FORMATS_MAPPING_H
#define GLIMT_FORMATS_MAPPING_H
#include "engine/base/error.h"
#include <stddef.h>
#include <stdint.h>

struct mapping {
    const uint8_t *p;
    size_t n;
};

bool mapping_open(struct mapping *, const char *path,
                  struct error *e); /* an empty file: p NULL, n 0, true */
void mapping_close(struct mapping *);
/* The bytes [p, p+n) will not be read soon: their pages are dropped from memory (still readable
 * afterwards). */
void mapping_done(const struct mapping *, const void *p, size_t n);
/* A whole small file as a NUL-terminated string (limit in bytes, ERROR_INPUT beyond); caller frees.
 */
bool file_read(const char *path, size_t limit, char **out, size_t *n, struct error *e);
/* Writes beside and renames, so that a full disk or a crash leaves the old file. */
bool file_write(const char *path, const void *p, size_t n, struct error *e);
#endif

/* A study's state as bytes, little-endian, in pieces: what saves writes to a blob_writer, what
 * loads reads from a blob_reader, and neither ever sees more than one piece. Where pieces go to and
 * come from (a cache, another process, memory) is the caller's. */
#ifndef GLIMT_STUDY_BLOB_H
#define GLIMT_STUDY_BLOB_H
#include "engine/base/error.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { BLOB_PIECE = 256 * 1024 }; /* about a millisecond to hash and write */

struct blob_writer {
    /* Takes a piece: BLOB_PIECE bytes, the last one fewer. False and *e: nothing more is handed on.
     */
    bool (*take)(void *arg, const void *p, size_t n, struct error *e);
    void *arg;
    struct error error; /* sticky */
    size_t n;           /* bytes of the piece at hand */
    uint8_t *piece;
};
void blob_writer_init(struct blob_writer *,
                      bool (*take)(void *, const void *, size_t, struct error *), void *arg);
/* Hands on the last piece, if it has any bytes, and frees the memory. False and *e: take's. */
bool blob_writer_end(struct blob_writer *, struct error *e);
void blob_add(struct blob_writer *, const void *, size_t n);
void blob_add_u32(struct blob_writer *, uint32_t);
void blob_add_i64(struct blob_writer *, int64_t);
void blob_add_f64(struct blob_writer *, double);

struct blob_reader {
    /* The next piece, until the next call; NULL: there is none, or it can't be read. */
    const void *(*next)(void *arg, size_t *n);
    void *arg;
    const uint8_t *p; /* of the piece at hand, not read */
    size_t n;
    uint64_t
        left; /* of all pieces, not read: what counts are held against before memory is taken */
    bool bad; /* sticky: something did not fit, or could not be read */
};
/* size: of all pieces together, known and not what they say of themselves. */
void blob_reader_init(struct blob_reader *, const void *(*next)(void *, size_t *), void *arg,
                      uint64_t size);
struct blob_reader blob_in_memory(const void *p, size_t n); /* of memory, borrowed */
/* All was read, and nothing was bad. */
bool blob_end(const struct blob_reader *);
/* Zeros where it is bad. */
void blob_bytes(struct blob_reader *, void *out, size_t n);
uint32_t blob_u32(struct blob_reader *);
int64_t blob_i64(struct blob_reader *);
double blob_f64(struct blob_reader *);
#endif

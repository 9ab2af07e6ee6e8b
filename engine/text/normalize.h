/* Unicode normal form C, and SentencePiece's marks for spaces, with the way back: which bytes of
 * the input each byte of the result came from. Bytes that are no UTF-8 become U+FFFD on the way. */
#ifndef GLIMT_TEXT_NORMALIZE_H
#define GLIMT_TEXT_NORMALIZE_H
#include "engine/base/strbuf.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* SentencePiece writes a space as U+2581; here the mark is written as a space, so that the common
 * text stays as it is: a one-to-one change, since no normalised text of theirs has spaces. */
#define NORMAL_MARK 0x2581

struct normal_how {
    bool nfc;
    bool marks;   /* spaces and U+2581 are the same */
    bool prepend; /* a space before the text, unless that is empty */
};

/* A stretch of the result. `same`: byte for byte the input's; else all of it stands for all n_in
 * bytes of the input. */
struct normal_run {
    size_t out, in, n_in;
    bool same;
};

/* Invariant: n_run == 0 ⇔ s is the input itself. Runs are in order and cover the result. Reusable.
 */
struct normal {
    const char *s; /* valid UTF-8, n bytes; borrowed from the input or from text */
    size_t n;
    struct strbuf text;
    struct normal_run *run;
    size_t n_run, cap_run, cursor;
    uint32_t *code; /* one base character with its marks, and room to sort them */
    size_t cap_code;
};

void normal_init(struct normal *);
void normal_release(struct normal *);
/* bmp: of unicode_fill_bmp. Invalid bytes are replaced whatever `how` says. The input must outlive
 * the use of s. */
void normal_set(struct normal *, const char *in, size_t n, struct normal_how how,
                const uint8_t *bmp);
/* The bytes [*start, *end) of the input that [a, b) of the result stand for; a == b gives an empty
 * range. Amortised constant time when called from left to right. */
void normal_range(struct normal *, size_t a, size_t b, size_t *start, size_t *end);
#endif

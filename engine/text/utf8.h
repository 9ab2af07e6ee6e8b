/* UTF-8 as bytes come: decoding that never reads past the end and makes progress on anything. */
#ifndef GLIMT_TEXT_UTF8_H
#define GLIMT_TEXT_UTF8_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The code point at s (n > 0 bytes left) and its length in *len (1 … 4). Invalid: U+FFFD and the
 * length of the maximal subpart (Unicode 3.9, best practice), *valid (may be NULL) false. */
uint32_t utf8_decode(const char *s, size_t n, size_t *len, bool *valid);
size_t utf8_encode(uint32_t c, char out[4]);
bool utf8_is_valid(const char *s, size_t n);
/* A copy with every invalid part replaced by U+FFFD, NUL-terminated; caller frees. *n_bad (may be
 * NULL): how many. */
char *utf8_repair(const char *s, size_t n, size_t *n_out, size_t *n_bad);
#endif

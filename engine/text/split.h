/* GPT-2's pre-tokeniser: cuts text into words, between which BPE never merges.
 * Radford et al. 2019, encoder.py: 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+|
 * ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+ */
#ifndef GLIMT_TEXT_SPLIT_H
#define GLIMT_TEXT_SPLIT_H
#include <stddef.h>
#include <stdint.h>

/* The end of the word that begins at `at` < n. s: valid UTF-8; bmp: of unicode_fill_bmp. */
size_t split_next(const uint8_t *bmp, const char *s, size_t n, size_t at);
#endif

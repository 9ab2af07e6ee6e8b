/* What tokenizers 0.23 thinks of a code point: GPT-2's character classes and canonical composition
 * (NFC).
 *
 * The library mixes Unicode versions (classes from a recent one, canonical data from Unicode 9), so
 * no system library agrees with it; the generated table does. Constant; any thread. */
#ifndef GLIMT_TEXT_UNICODE_H
#define GLIMT_TEXT_UNICODE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum unicode_flags {
    UNICODE_CLASS = 3, /* mask of the four classes of GPT-2's expression */
    UNICODE_OTHER = 0,
    UNICODE_LETTER = 1,      /* \p{L} */
    UNICODE_NUMBER = 2,      /* \p{N} */
    UNICODE_SPACE = 3,       /* \s */
    UNICODE_JOINS = 4,       /* NFC may move or merge it with what stands before it */
    UNICODE_CHANGES = 8,     /* NFC changes it standing alone */
    UNICODE_DECOMPOSES = 16, /* has a canonical decomposition that the library knows */
    UNICODE_WORD = 32,       /* \w of the expressions around added tokens */
};

/* The flags of each code point below U+10000, for quick look-up: 65,536 bytes filled by
 * unicode_fill_bmp. */
void unicode_fill_bmp(uint8_t bmp[0x10000]);
/* The flags of any code point, by binary search. */
unsigned unicode_search(uint32_t c);
static inline unsigned unicode_flags(const uint8_t bmp[0x10000], uint32_t c)
{
    return c < 0x10000 ? bmp[c] : unicode_search(c);
}

/* The rank of its canonical combining class among all classes; 0: a starter. */
unsigned unicode_order(uint32_t c);
/* The canonical decomposition of c (c itself where there is none): 1 to 4 code points, the number
 * returned. */
size_t unicode_decompose(uint32_t c, uint32_t out[4]);
/* The primary composite of a and b; 0: none. */
uint32_t unicode_compose(uint32_t a, uint32_t b);
#endif

/* Added tokens: strings that become one token wherever they stand, found before BPE sees the text.
 * The longest that begins at a place wins, from left to right. Constant after building; any thread.
 */
#ifndef GLIMT_TEXT_ADDED_H
#define GLIMT_TEXT_ADDED_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ADDED_MAX_BYTES = 1024 }; /* of one token's content */

struct added_token {
    char *s; /* as it is looked for: normalised where the token is matched in normalised text; owned
              */
    size_t n;
    int32_t id;
    uint32_t order; /* of two equal contents the one with the lower order counts */
    bool special, lstrip, rstrip, single_word;
};

/* Two code points that stand side by side in a token; the second as the first of its canonical
 * decomposition. */
struct added_pair {
    uint32_t left, right;
};

struct added_set {
    struct added_token *token; /* sorted by content once finished */
    size_t n, cap;
    uint8_t *begins; /* 65,536 bits: some token begins with these two bytes */
    struct added_pair *pair;
    size_t n_pair, cap_pair;
    bool strips, single; /* some token has lstrip or rstrip; single_word */
};

struct added_match {
    size_t start, stop; /* what becomes the token, with the spaces that it strips */
    size_t resume;      /* where the search goes on */
    int32_t id;
    bool special;
};

void added_init(struct added_set *);
void added_release(struct added_set *);
/* Takes s (malloc'd, n > 0 bytes of UTF-8). */
void added_add(struct added_set *, struct added_token token);
void added_finish(struct added_set *);
/* The first match that counts in s from `from` on; covered: up to where s is already tokens.
 * Special tokens are passed over when `special` is false. bmp: of unicode_fill_bmp. */
bool added_find(const struct added_set *, const uint8_t *bmp, const char *s, size_t n, size_t from,
                size_t covered, bool special, struct added_match *out);
/* Could a token reach over the place between these two neighbours (or be kept from matching by one
 * of them), whatever follows? `right` is the first of its canonical decomposition. May say yes
 * wrongly, never no. */
bool added_may_span(const struct added_set *, const uint8_t *bmp, uint32_t left, uint32_t right);
#endif

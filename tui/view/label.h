/* Tokens and numbers as people read them in narrow columns. */
#ifndef GLIMT_VIEW_LABEL_H
#define GLIMT_VIEW_LABEL_H
#include <stdbool.h>
#include <stddef.h>

#define LABEL_MAX 96

/* The bytes of a token with its leading space as ·, newline as ⏎, tab as ⇥ (ASCII: _ ^J ^I); other
 * bytes stay, the grid shows what is no UTF-8 as ‹C3›. NUL-terminated, cut at a character where it
 * is too long. */
void token_label(const char *bytes, size_t n, bool ascii, char out[LABEL_MAX]);
/* "+0.45", "−0.45" with a real minus sign outside ASCII; NaN and infinity: "–". */
void signed_number(double v, int decimals, bool ascii, char *out, size_t n);
/* The same without the plus. */
void plain_number(double v, int decimals, bool ascii, char *out, size_t n);
#endif

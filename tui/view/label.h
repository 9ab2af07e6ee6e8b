/* Tokens and numbers as people read them in narrow columns. */
#ifndef GLIMT_VIEW_LABEL_H
#define GLIMT_VIEW_LABEL_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LABEL_MAX 96

/* The bytes of a token with its leading space as ·, newline as ⏎, tab as ⇥ (ASCII: _ ^J ^I); other
 * bytes stay, the grid shows what is no UTF-8 as ‹C3›. NUL-terminated; ends in … (ASCII: ..) where
 * it is too long. */
void token_label(const char *bytes, size_t n, bool ascii, char out[LABEL_MAX]);
/* "padding id 50277": an id of the model that no token of the tokenizer has. */
void padding_label(int64_t id, char out[LABEL_MAX]);
/* "+0.45", "−0.45" with a real minus sign outside ASCII; NaN and infinity: "–". */
void signed_number(double v, int decimals, bool ascii, char *out, size_t n);
/* The same without the plus. */
void plain_number(double v, int decimals, bool ascii, char *out, size_t n);
/* What stands behind a ±: "0.45", or "<.01" where it would show as 0, which no uncertainty is. */
void half_width(double half, int decimals, char *out, size_t n);
/* "2.87…2.95"; "±<.01" where both ends would show alike; "" where there is no interval (NaN). */
void interval_label(double lo, double hi, int decimals, bool sign, bool ascii, char *out, size_t n);
#endif

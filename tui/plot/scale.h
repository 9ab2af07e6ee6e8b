/* Numbers on an axis: from value to share of its length, nice ticks, and their text. All text is
 * written digit by digit: no locale, the same bytes everywhere. */
#ifndef GLIMT_PLOT_SCALE_H
#define GLIMT_PLOT_SCALE_H
#include <stdbool.h>
#include <stddef.h>

#define NUMBER_MAX 40 /* bytes of any number's text */
#define TICKS_MAX 24

struct extent { /* of finite values; lo > hi: none yet */
    double lo, hi;
    double least; /* the least value > 0; INFINITY: none */
};
void extent_init(struct extent *);
void extent_add(struct extent *, double v); /* NaN and infinities don't count */

struct scale { /* lo < hi, finite; log: 0 < lo */
    double lo, hi;
    bool log;
};
/* A scale over the extent, widened by `pad` of its length at both ends; never empty. */
void scale_fit(struct scale *, const struct extent *, double pad);
/* log10 over the extent; what is not positive lies at the floor, below the least positive value. */
void scale_fit_log(struct scale *, const struct extent *);
/* 0 … 1, clamped; v must not be NaN. */
double scale_share(const struct scale *, double v);
double scale_value(const struct scale *, double share);

struct ticks {
    int n;
    double at[TICKS_MAX];
    int decimals;  /* −1: with an exponent */
    int thousands; /* 1: written in k, 2: in M */
    bool percent;  /* shares: written × 100 with a % */
};
/* About `want` nice values (1, 2, 5 × 10^k; decades of a log scale), at least one. */
void ticks_make(struct ticks *, const struct scale *, int want, bool percent);
/* Multiples of a step (> 0) that lie on a linear scale; false when they are too many. */
bool ticks_every(struct ticks *, const struct scale *, double step, bool percent);
/* The text of a value to a tick's digits; its length. */
size_t tick_text(const struct ticks *, double v, bool ascii, char out[NUMBER_MAX]);

/* v with a fixed number of decimals (0 … 9), or with an exponent where that gets too long. ascii: a
 * hyphen for the minus sign. */
size_t number_fixed(double v, int decimals, bool ascii, char out[NUMBER_MAX]);
/* Decimals that show the largest value to so many significant digits. */
int number_decimals(double largest, int digits);
/* v to so many significant digits (1 … 15), trailing zeros left out. */
size_t number_text(double v, int digits, bool ascii, char out[NUMBER_MAX]);
#endif

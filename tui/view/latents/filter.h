/* The filter of the table of latents: what is typed in one line, parted by blanks; a row is shown
 * when all of it holds.
 *
 *   41                 the latent's number has these digits in a row
 *   400..500           numbers from 400 to 500
 *   da                 the class with the highest mean (column "higher") begins so
 *   da>0.2 en<5%       conditions: COLUMN OPERATOR VALUE, blanks around the operator allowed
 *
 * Operators: < <= > >= = !=. COLUMN is a column's name, a class (its fire share), pre.CLASS (its
 * mean), or what only one column begins with (diff, overlap, density). A number before % is divided
 * by 100, as is one beyond ±1 for a column that is a share (da>20: no share is more than 1). `=`
 * holds for what reads as the value at its digits, two at least (0.2: 0.195 … 0.205); =0 for 0
 * alone. A row where the value is missing is not shown. What makes no sense is kept aside with its
 * reason and holds for every row. Plain data; no function fails. */
#ifndef GLIMT_VIEW_LATENTS_FILTER_H
#define GLIMT_VIEW_LATENTS_FILTER_H
#include "engine/base/table.h"
#include <stdbool.h>
#include <stddef.h>

#define FILTER_MAX 32 /* terms; the last one stands for all beyond */
#define FILTER_WORD 64

enum filter_kind {
    FILTER_BAD,
    FILTER_DIGITS, /* word */
    FILTER_RANGE,  /* lo … hi */
    FILTER_NUMBER, /* column, op, lo … hi: the values that count as equal */
    FILTER_STRING  /* column, op, word: begins so, letter case aside */
};
enum filter_op { FILTER_LT, FILTER_LE, FILTER_GT, FILTER_GE, FILTER_EQ, FILTER_NE };

struct filter_term {
    size_t start, end; /* its bytes in the line */
    enum filter_kind kind;
    enum filter_op op;
    int32_t col;
    double value, lo, hi;
    char word[FILTER_WORD];
    char why[96]; /* BAD */
};
struct filter {
    int n;
    struct filter_term term[FILTER_MAX];
};

/* The line (n bytes of UTF-8) against the table's columns; NULL: an empty filter. */
void filter_parse(const char *line, size_t n, const struct table *, struct filter *out);
/* The table is the one it was parsed for. */
bool filter_holds(const struct filter *, const struct table *, int64_t row);
/* The first term that makes no sense; NULL: none. */
const struct filter_term *filter_bad(const struct filter *);
#endif

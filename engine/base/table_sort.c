#include "engine/base/memory.h"
#include "engine/base/table.h"
#include <stdlib.h>
#include <string.h>

struct keyed {
    uint64_t key;
    int64_t row;
};

#define SIGN (UINT64_C(1) << 63)

/* Unsigned keys in the order of the values: two's complement with the sign turned; of a double the
 * other bits too when it is negative (IEEE 754 orders magnitudes as integers). */
static uint64_t key_of(const struct column *c, int64_t row)
{
    if (c->type == COLUMN_BOOL)
        return c->u.b[row];
    if (c->type == COLUMN_I64)
        return (uint64_t)c->u.i[row] ^ SIGN;
    const double v = c->u.f[row] + 0.0; /* −0 equals 0 */
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits & SIGN ? ~bits : bits | SIGN;
}

/* Stable, a byte at a time from the least; a byte that all keys share needs no pass. */
static void radix_sort(struct keyed *a, int64_t n)
{
    struct keyed *from = a, *room = xmalloc((size_t)n * sizeof *room), *to = room;
    for (int shift = 0; shift < 64; shift += 8) {
        int64_t start[257] = {0};
        for (int64_t i = 0; i < n; i++)
            start[1 + (from[i].key >> shift & 255)]++;
        if (n > 0 && start[1 + (from[0].key >> shift & 255)] == n)
            continue;
        for (int b = 0; b < 256; b++)
            start[b + 1] += start[b];
        for (int64_t i = 0; i < n; i++)
            to[start[from[i].key >> shift & 255]++] = from[i];
        struct keyed *swap = from;
        from = to, to = swap;
    }
    if (from != a)
        memcpy(a, from, (size_t)n * sizeof *a);
    free(room);
}

static void sort_numbers(const struct column *c, bool descending, int64_t *order, int64_t n)
{
    struct keyed *a = xmalloc((size_t)n * sizeof *a);
    for (int64_t i = 0; i < n; i++) {
        const uint64_t key = key_of(c, order[i]);
        a[i] = (struct keyed){descending ? ~key : key, order[i]};
    }
    radix_sort(a, n);
    for (int64_t i = 0; i < n; i++)
        order[i] = a[i].row;
    free(a);
}

struct named {
    const char *s;
    int64_t row;
};

static int by_row(const struct named *a, const struct named *b)
{
    return (a->row > b->row) - (a->row < b->row);
}

static int ascending(const void *a, const void *b)
{
    const struct named *x = a, *y = b;
    const int d = strcmp(x->s, y->s);
    return d != 0 ? d : by_row(x, y);
}

static int falling(const void *a, const void *b)
{
    const struct named *x = a, *y = b;
    const int d = strcmp(y->s, x->s);
    return d != 0 ? d : by_row(x, y);
}

static void sort_strings(const struct column *c, bool descending, int64_t *order, int64_t n)
{
    struct named *a = xmalloc((size_t)n * sizeof *a);
    for (int64_t i = 0; i < n; i++)
        a[i] = (struct named){c->u.s[order[i]], order[i]};
    qsort(a, (size_t)n, sizeof *a, descending ? falling : ascending);
    for (int64_t i = 0; i < n; i++)
        order[i] = a[i].row;
    free(a);
}

void table_sort(const struct table *t, int32_t col, bool descending, int64_t *order)
{
    int64_t n = 0, missing = 0;
    for (int64_t r = 0; r < t->n_rows; r++)
        if (table_has(t, r, col))
            order[n++] = r;
    for (int64_t r = 0; n + missing < t->n_rows; r++)
        if (!table_has(t, r, col))
            order[n + missing++] = r;
    if (n < 2)
        return;
    if (t->cols[col].type == COLUMN_STR)
        sort_strings(&t->cols[col], descending, order, n);
    else
        sort_numbers(&t->cols[col], descending, order, n);
}

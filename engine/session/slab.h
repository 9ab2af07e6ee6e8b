/* Rows on the device for what comes and goes: a few matrices side by side, of which whoever holds
 * the number of a row has that row in each. Numbers are given out one at a time, from a stack on
 * the host: lines of any length share the matrices without gaps, a line that grows takes more rows
 * and copies none, and many lines are gathered or kept by one operation (rows_get, rows_set). The
 * matrices are doubled when they are full and stay, so what is warm allocates nothing. At a quiet
 * moment those of which three quarters are free are halved at least: between one and the other as
 * many rows come or go as are held, so it never goes to and fro. */
#ifndef GLIMT_SESSION_SLAB_H
#define GLIMT_SESSION_SLAB_H
#include "engine/run.h"

enum { SLAB_PARTS = 7 };
struct slab { /* zeroed, then slab_shape */
    struct queue *queue;
    struct tensor part[SLAB_PARTS]; /* [cap, cols]; cols 0: absent */
    int32_t cap, n_free;
    int32_t *number; /* [cap] the free ones come first */
    size_t room;
};

/* Columns of each part, 0 for none; all rows must have been given back where that is a change,
 * which frees the matrices. */
void slab_shape(struct slab *, struct queue *, const int32_t cols[SLAB_PARTS], enum dtype);
/* A part with at least so many columns: what it held is lost where it had fewer. */
bool slab_widen(struct slab *, int part, int32_t cols, struct error *);
/* n numbers into row[]; `most`: as many rows as will ever be held at once, as far as that is known
 * (0: it is not). False and *e when the device has no room: nothing is taken. */
bool slab_take(struct slab *, int32_t *row, int32_t n, int32_t most, struct error *);
void slab_give(struct slab *, const int32_t *row, int32_t n);
/* Three quarters and more than a few rows are free. */
bool slab_is_sparse(const struct slab *);
/* Fewer rows, twice as many as are held. row[0 … n − 1] are the numbers of all of these: what
 * number row[i] stood for number i does afterwards. False where the device has no room for both, or
 * the run is not well: nothing has changed then. */
bool slab_shrink(struct slab *, struct run *, const int32_t *row, int32_t n);
size_t slab_row_bytes(const struct slab *);
static inline int32_t slab_held(const struct slab *s)
{
    return s->cap - s->n_free;
}
void slab_release(struct slab *); /* whoever holds rows; ready for slab_shape */
#endif

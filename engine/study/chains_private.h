/* What the files of the study of chains share. */
#ifndef GLIMT_CHAINS_PRIVATE_H
#define GLIMT_CHAINS_PRIVATE_H
#include "engine/study/chains.h"
#include "engine/study/doc_means.h"
#include "engine/study/runs.h"

enum { CHAINS_ON, CHAINS_OFF, N_BASES }; /* what the other units are, while one is moved */

struct chains_step { /* where later units are read and moved */
    struct point at;
    int32_t place, n, index[CHAINS_MOST], column[CHAINS_MOST];
};

struct study {
    struct doc_means docs;
    struct study_in in;
    int32_t n; /* later units, in the order of execution */
    struct unit_id unit[CHAINS_MOST];
    double shift[CHAINS_MOST];
    struct two_runs whole;                       /* on and off */
    struct two_runs moved[CHAINS_MOST][N_BASES]; /* its second run */
    int32_t n_steps, step_of[CHAINS_MOST];
    struct chains_step step[CHAINS_MOST];
    int32_t bos, from, last, top;
    uint64_t seed;
};
DOC_MEANS_FIRST(docs);

/* ---- columns: of a document sums over the positions asked for, as means over its losses */

/* Losses of the runs: on, off; with a later unit moved. */
static inline int32_t chains_loss(int32_t base)
{
    return base;
}
static inline int32_t chains_moved_loss(int32_t i, int32_t base)
{
    return N_BASES + N_BASES * i + base;
}
/* Positions that count. */
static inline int32_t chains_counted(const struct study *s)
{
    return N_BASES * (1 + s->n);
}
/* What a later unit changes by, off minus on; and with another moved. */
static inline int32_t chains_whole(const struct study *s, int32_t k)
{
    return chains_counted(s) + 1 + k;
}
static inline int32_t chains_link(const struct study *s, int32_t i, int32_t k, int32_t base)
{
    return chains_whole(s, s->n) + (base * s->n + i) * s->n + k;
}
static inline int32_t chains_columns(const struct study *s)
{
    return chains_whole(s, s->n) + N_BASES * s->n * s->n;
}
struct table_set *chains_tables(struct study *);
#endif

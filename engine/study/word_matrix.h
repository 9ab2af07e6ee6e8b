/* Words as rows of a matrix that probes are fitted to, the words' split into training and test, and
 * labels permuted for control tasks. */
#ifndef GLIMT_STUDY_WORD_MATRIX_H
#define GLIMT_STUDY_WORD_MATRIX_H
#include "engine/base/rng.h"
#include "engine/base/statistics.h"
#include "engine/study/words.h"

/* Columns standardised on the training words (mean 0, variance 1, of n); those that are alike on
 * all of them are left out. */
struct word_matrix {
    int32_t n, p;    /* words of the list; columns */
    double *x;       /* [n, p] */
    int32_t *column; /* [p] of the word_columns; NULL: turned */
};
/* train [n]: which words the columns are standardised on. pick: columns to take, NULL: all. */
void word_matrix_init(struct word_matrix *, const struct word_columns *, const struct word_list *,
                      const uint8_t *train, const int32_t *pick, int32_t n_pick);
/* The same, and where there are more columns than training words, the rows turned into coordinates
 * of an orthonormal basis of what the training words span: a probe with an L2 penalty has no weight
 * beyond it, and gives each word the same. Pivoted Cholesky of the training words' products, for
 * which no more than one row is ever standardised. column is NULL. go_on (NULL: always) is asked
 * between directions, and told the share of them that are found; false: the matrix is of no use. */
void word_matrix_turned(struct word_matrix *, const struct word_columns *, const struct word_list *,
                        const uint8_t *train, const int32_t *pick, int32_t n_pick,
                        bool (*go_on)(void *arg, double share), void *arg);
/* The rows whose flag is `is`, one below the other, into x [count, p] and y [count] (labels by
 * word); how many. */
int32_t word_matrix_rows(const struct word_matrix *, const uint8_t *flag, bool is,
                         const uint8_t *label, double *x, uint8_t *y);
void word_matrix_release(struct word_matrix *);

/* Each class's words that are in the list, in an order drawn from the generator: folds > 1: the
 * k-th of them is tested in fold k mod folds; folds 1: the first fifth (rounded, at least one) is
 * tested.
 */
struct word_split {
    int32_t folds;
    int32_t *fold; /* [n] in which a word is tested; −1: in none */
};
/* False and *e: a label has fewer words than folds, or too few for any to train on. */
bool word_split_init(struct word_split *, const struct corpus *, const struct word_list *,
                     int32_t folds, struct rng *, struct error *e);
/* train [n]: 1 for the words that a fold trains on. */
void word_split_train(const struct word_split *, int32_t n, int32_t fold, uint8_t *train);
void word_split_release(struct word_split *);

/* 95 % interval of a share of n trials (Wilson 1927). */
struct interval share_interval(int64_t hits, int64_t n);
#endif

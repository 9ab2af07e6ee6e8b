/* Logistic regression, to the minimum of
 *
 *     C·Σᵢ −log p(yᵢ | xᵢ) + ½‖W‖²      (with l1: ‖W‖₁ in place of ½‖W‖²)
 *
 * the objective of scikit-learn's LogisticRegression; biases are not penalised. Of two classes p is
 * the logistic function of one row, x·w + b, above 0 for class 1; of more it is the softmax of a
 * row a class. By L-BFGS, with l1 by OWL-QN (Andrew & Gao 2007), both of liblbfgs. The same numbers
 * each time: it starts at 0 and draws nothing. */
#ifndef GLIMT_BASE_LOGISTIC_H
#define GLIMT_BASE_LOGISTIC_H
#include <stdbool.h>
#include <stdint.h>

struct logistic {
    int32_t classes, rows, p; /* rows: 1 of two classes, else one a class */
    double *w, *bias;         /* [rows, p], [rows] */
    double *z;                /* [rows] where logistic_class adds up */
};
/* Zeroes; 2 classes or more. */
void logistic_init(struct logistic *, int32_t classes, int32_t p);
void logistic_release(struct logistic *);
/* The likeliest class of the rows' values z, of equal ones the lower; of two: whether z > 0. */
int32_t logistic_likeliest(const struct logistic *, const double *z);
/* That of x [p]. */
int32_t logistic_class(const struct logistic *, const double *x);

struct logistic_spec {
    double C;
    bool l1;
    int32_t max_iterations;   /* 0: 1000 */
    bool (*go_on)(void *arg); /* asked after each iteration; NULL: to the end */
    void *arg;
};
struct logistic_fit {
    int32_t iterations;
    double gradient_norm; /* of the whole objective over (W, b); with l1 of its least subgradient */
    bool converged;       /* it is at most 1e-5·max(1, ‖(W, b)‖) */
};
/* x [n, p], y [n] classes from 0; fills w and bias. False: stopped by go_on, or no memory for the
 * history (then gradient_norm is NaN). */
bool logistic_fit(struct logistic *, const double *x, int32_t n, const uint8_t *y,
                  const struct logistic_spec *, struct logistic_fit *);
#endif

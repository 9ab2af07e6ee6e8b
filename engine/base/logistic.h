/* Logistic regression of two classes, to the minimum of
 *
 *     C·Σᵢ log(1 + exp(−sᵢ·(xᵢ·w + b))) + ½‖w‖²      (s = ±1; with l1: ‖w‖₁ in place of ½‖w‖²)
 *
 * (the objective of scikit-learn's LogisticRegression; the bias is not penalised) by L-BFGS, with
 * l1 by OWL-QN (Andrew & Gao 2007), both of liblbfgs. The same numbers each time: it starts at 0
 * and draws nothing. */
#ifndef GLIMT_BASE_LOGISTIC_H
#define GLIMT_BASE_LOGISTIC_H
#include <stdbool.h>
#include <stdint.h>

struct logistic_spec {
    double C;
    bool l1;
    int32_t max_iterations;   /* 0: 1000 */
    bool (*go_on)(void *arg); /* asked after each iteration; NULL: to the end */
    void *arg;
};
struct logistic_fit {
    double bias;
    int32_t iterations;
    double gradient_norm; /* of the whole objective over (w, b); with l1 of its least subgradient */
    bool converged;       /* it is at most 1e-5·max(1, ‖(w, b)‖) */
};
/* x [n, p], y [n] 0 or 1 (1: s = +1); w [p] is set. False: stopped by go_on, or no memory for the
 * history (then gradient_norm is NaN). */
bool logistic_fit(const double *x, int32_t n, int32_t p, const uint8_t *y,
                  const struct logistic_spec *, double *w, struct logistic_fit *);
#endif

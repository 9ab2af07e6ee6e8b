#include "engine/base/logistic.h"
#include "engine/base/memory.h"
#include "engine/base/statistics.h"
#include <lbfgs.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct problem {
    const double *x;
    int32_t n, p;
    const uint8_t *y;
    const struct logistic_spec *spec;
    int32_t iterations;
    bool stopped;
};

/* Loss and penalty at v = (w, b); their gradient, of the L1 penalty nothing. */
static double objective(const struct problem *q, const double *v, double *g)
{
    const size_t p = (size_t)q->p;
    const double C = q->spec->C;
    double loss = 0, penalty = 0;
    for (size_t j = 0; j <= p; j++)
        g[j] = 0;
    for (int32_t i = 0; i < q->n; i++) {
        const double *x = q->x + (size_t)i * p;
        const double z = dot_product(x, v, q->p) + v[p];
        const double s = q->y[i] ? 1 : -1, m = s * z; /* margin */
        loss += m > 0 ? log1p(exp(-m)) : log1p(exp(m)) - m;
        const double r = -C * s / (1 + exp(m));
        for (size_t j = 0; j < p; j++)
            g[j] += r * x[j];
        g[p] += r;
    }
    for (size_t j = 0; j < p && !q->spec->l1; j++) {
        penalty += v[j] * v[j] / 2;
        g[j] += v[j];
    }
    return C * loss + penalty;
}

/* n may be rounded up by the library: what is beyond the bias stays 0. */
static lbfgsfloatval_t evaluate(void *arg, const lbfgsfloatval_t *v, lbfgsfloatval_t *g,
                                const int n, const lbfgsfloatval_t step)
{
    const struct problem *q = arg;
    (void)step;
    for (int j = q->p + 1; j < n; j++)
        g[j] = 0;
    return objective(q, v, g);
}

static int progress(void *arg, const lbfgsfloatval_t *v, const lbfgsfloatval_t *g,
                    const lbfgsfloatval_t f, const lbfgsfloatval_t v_norm,
                    const lbfgsfloatval_t g_norm, const lbfgsfloatval_t step, int n, int k, int ls)
{
    struct problem *q = arg;
    (void)v, (void)g, (void)f, (void)v_norm, (void)g_norm, (void)step, (void)n, (void)ls;
    q->iterations = k;
    q->stopped = q->spec->go_on && !q->spec->go_on(q->spec->arg);
    return q->stopped;
}

/* The least subgradient of |w|: where w is 0 the penalty takes up to 1 off. */
static double with_l1(double w, double g)
{
    if (w != 0)
        return g + (w > 0 ? 1 : -1);
    return g > 1 ? g - 1 : g < -1 ? g + 1 : 0;
}

static void finish(const struct problem *q, const double *v, double *w, struct logistic_fit *fit)
{
    const size_t p = (size_t)q->p;
    double *g = xcalloc(p + 1, sizeof *g), g2 = 0, v2 = 0;
    objective(q, v, g);
    for (size_t j = 0; j <= p; j++) {
        const double d = q->spec->l1 && j < p ? with_l1(v[j], g[j]) : g[j];
        g2 += d * d;
        v2 += v[j] * v[j];
    }
    free(g);
    memcpy(w, v, p * sizeof *w);
    *fit =
        (struct logistic_fit){.bias = v[p], .iterations = q->iterations, .gradient_norm = sqrt(g2)};
    fit->converged = sqrt(g2) <= 1e-5 * (v2 > 1 ? sqrt(v2) : 1);
}

bool logistic_fit(const double *x, int32_t n, int32_t p, const uint8_t *y,
                  const struct logistic_spec *spec, double *w, struct logistic_fit *fit)
{
    struct problem q = {.x = x, .n = n, .p = p, .y = y, .spec = spec};
    lbfgs_parameter_t how;
    lbfgs_parameter_init(&how);
    how.m = 10;
    how.epsilon = 1e-7;
    how.max_iterations = spec->max_iterations > 0 ? spec->max_iterations : 1000;
    if (spec->l1 && p > 0) {
        how.linesearch = LBFGS_LINESEARCH_BACKTRACKING;
        how.orthantwise_c = 1;
        how.orthantwise_start = 0;
        how.orthantwise_end = p;
    }
    *fit = (struct logistic_fit){.gradient_norm = NAN};
    lbfgsfloatval_t *v = lbfgs_malloc(p + 1);
    if (!v)
        return false;
    memset(v, 0, ((size_t)p + 1) * sizeof *v);
    const int status = lbfgs(p + 1, v, NULL, evaluate, progress, &q, &how);
    const bool ok = !q.stopped && status != LBFGSERR_OUTOFMEMORY;
    if (ok)
        finish(&q, v, w, fit);
    lbfgs_free(v);
    return ok;
}

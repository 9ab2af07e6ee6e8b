#include "engine/base/logistic.h"
#include "engine/base/memory.h"
#include "engine/base/statistics.h"
#include <lbfgs.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

void logistic_init(struct logistic *m, int32_t classes, int32_t p)
{
    *m = (struct logistic){.classes = classes, .rows = classes > 2 ? classes : 1, .p = p};
    m->w = xcalloc((size_t)m->rows * (size_t)p + 1, sizeof *m->w);
    m->bias = xcalloc((size_t)m->rows, sizeof *m->bias);
    m->z = xcalloc((size_t)m->rows, sizeof *m->z);
}

void logistic_release(struct logistic *m)
{
    free(m->w);
    free(m->bias);
    free(m->z);
    *m = (struct logistic){0};
}

int32_t logistic_likeliest(const struct logistic *m, const double *z)
{
    int32_t best = 0;
    if (m->rows == 1)
        return z[0] > 0;
    for (int32_t r = 1; r < m->rows; r++)
        best = z[r] > z[best] ? r : best;
    return best;
}

int32_t logistic_class(const struct logistic *m, const double *x)
{
    for (int32_t r = 0; r < m->rows; r++) {
        const double *w = m->w + (size_t)r * (size_t)m->p;
        m->z[r] = m->bias[r];
        for (int32_t j = 0; j < m->p; j++)
            m->z[r] += x[j] * w[j];
    }
    return logistic_likeliest(m, m->z);
}

/* ---- the objective; v = (W, b), row by row */
struct problem {
    const double *x;
    int32_t n, p, rows;
    const uint8_t *y;
    const struct logistic_spec *spec;
    double *z; /* [rows] */
    int32_t iterations;
    bool stopped;
};

static size_t weights(const struct problem *q)
{
    return (size_t)q->rows * (size_t)q->p;
}

/* Loss of row i of x; C times its derivatives by the values in q->z, which they replace. */
static double of_two(const struct problem *q, int32_t i)
{
    const double s = q->y[i] ? 1 : -1, m = s * q->z[0]; /* margin */
    q->z[0] = -q->spec->C * s / (1 + exp(m));
    return m > 0 ? log1p(exp(-m)) : log1p(exp(m)) - m;
}

static double of_several(const struct problem *q, int32_t i)
{
    double most = q->z[0], sum = 0;
    for (int32_t r = 1; r < q->rows; r++)
        most = q->z[r] > most ? q->z[r] : most;
    for (int32_t r = 0; r < q->rows; r++)
        sum += exp(q->z[r] - most);
    const double loss = most + log(sum) - q->z[q->y[i]];
    for (int32_t r = 0; r < q->rows; r++)
        q->z[r] = q->spec->C * (exp(q->z[r] - most) / sum - (r == q->y[i]));
    return loss;
}

/* Loss and penalty at v; their gradient, of the L1 penalty nothing. */
static double objective(const struct problem *q, const double *v, double *g)
{
    const size_t p = (size_t)q->p, n_w = weights(q);
    double loss = 0, penalty = 0;
    for (size_t j = 0; j < n_w + (size_t)q->rows; j++)
        g[j] = 0;
    for (int32_t i = 0; i < q->n; i++) {
        const double *x = q->x + (size_t)i * p;
        for (int32_t r = 0; r < q->rows; r++)
            q->z[r] = dot_product(x, v + (size_t)r * p, q->p) + v[n_w + (size_t)r];
        loss += (q->rows == 1 ? of_two : of_several)(q, i);
        for (int32_t r = 0; r < q->rows; r++) {
            double *of = g + (size_t)r * p;
            for (size_t j = 0; j < p; j++)
                of[j] += q->z[r] * x[j];
            g[n_w + (size_t)r] += q->z[r];
        }
    }
    for (size_t j = 0; j < n_w && !q->spec->l1; j++) {
        penalty += v[j] * v[j] / 2;
        g[j] += v[j];
    }
    return q->spec->C * loss + penalty;
}

/* n may be rounded up by the library: what is beyond the biases stays 0. */
static lbfgsfloatval_t evaluate(void *arg, const lbfgsfloatval_t *v, lbfgsfloatval_t *g,
                                const int n, const lbfgsfloatval_t step)
{
    const struct problem *q = arg;
    (void)step;
    for (size_t j = weights(q) + (size_t)q->rows; j < (size_t)n; j++)
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

static void finish(const struct problem *q, const double *v, struct logistic *m,
                   struct logistic_fit *fit)
{
    const size_t n_w = weights(q), n = n_w + (size_t)q->rows;
    double *g = xcalloc(n, sizeof *g), g2 = 0, v2 = 0;
    objective(q, v, g);
    for (size_t j = 0; j < n; j++) {
        const double d = q->spec->l1 && j < n_w ? with_l1(v[j], g[j]) : g[j];
        g2 += d * d;
        v2 += v[j] * v[j];
    }
    free(g);
    memcpy(m->w, v, n_w * sizeof *m->w);
    memcpy(m->bias, v + n_w, (size_t)q->rows * sizeof *m->bias);
    *fit = (struct logistic_fit){.iterations = q->iterations, .gradient_norm = sqrt(g2)};
    fit->converged = sqrt(g2) <= 1e-5 * (v2 > 1 ? sqrt(v2) : 1);
}

bool logistic_fit(struct logistic *m, const double *x, int32_t n, const uint8_t *y,
                  const struct logistic_spec *spec, struct logistic_fit *fit)
{
    struct problem q = {.x = x, .n = n, .p = m->p, .rows = m->rows, .y = y, .spec = spec};
    lbfgs_parameter_t how;
    const int n_w = m->rows * m->p;
    lbfgs_parameter_init(&how);
    how.m = 10;
    how.epsilon = 1e-7;
    how.max_iterations = spec->max_iterations > 0 ? spec->max_iterations : 1000;
    if (spec->l1 && n_w > 0) {
        how.linesearch = LBFGS_LINESEARCH_BACKTRACKING;
        how.orthantwise_c = 1;
        how.orthantwise_start = 0;
        how.orthantwise_end = n_w;
    }
    *fit = (struct logistic_fit){.gradient_norm = NAN};
    lbfgsfloatval_t *v = lbfgs_malloc(n_w + m->rows);
    if (!v)
        return false;
    q.z = xcalloc((size_t)m->rows, sizeof *q.z);
    memset(v, 0, ((size_t)n_w + (size_t)m->rows) * sizeof *v);
    const int status = lbfgs(n_w + m->rows, v, NULL, evaluate, progress, &q, &how);
    const bool ok = !q.stopped && status != LBFGSERR_OUTOFMEMORY;
    if (ok)
        finish(&q, v, m, fit);
    lbfgs_free(v);
    free(q.z);
    return ok;
}

/* Logistic regression: at its minimum nothing nearby is better, and what one variable's has in
 * closed form it finds. Against scikit-learn: tests/engine/study/test_contrast.c. */
#include "engine/base/logistic.h"
#include "engine/base/memory.h"
#include "engine/base/rng.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { N = 40, P = 7 };
struct data {
    double x[N * 3 * N];
    uint8_t y[N];
    int32_t p;
};

static void make(struct data *d, int32_t p)
{
    struct rng r;
    rng_seed(&r, 5);
    d->p = p;
    for (int i = 0; i < N; i++) {
        double z = 0;
        for (int32_t j = 0; j < p; j++) {
            d->x[i * p + j] = 4 * rng_unit(&r) - 2;
            z += j < 3 ? d->x[i * p + j] : 0;
        }
        d->y[i] = z + 4 * rng_unit(&r) - 2 > .3;
    }
}

static double objective(const struct data *d, const double *w, double b, double C, bool l1)
{
    double f = 0;
    for (int i = 0; i < N; i++) {
        double z = b;
        for (int32_t j = 0; j < d->p; j++)
            z += d->x[i * d->p + j] * w[j];
        f += C * log(1 + exp(d->y[i] ? -z : z));
    }
    for (int32_t j = 0; j < d->p; j++)
        f += l1 ? fabs(w[j]) : w[j] * w[j] / 2;
    return f;
}

static void check_minimum(int32_t p, double C, bool l1)
{
    struct data *d = xcalloc(1, sizeof *d);
    double *w = xcalloc((size_t)p + 1, sizeof *w);
    struct logistic_fit fit;
    const struct logistic_spec spec = {.C = C, .l1 = l1};
    make(d, p);
    assert_true(logistic_fit(d->x, N, p, d->y, &spec, w, &fit));
    assert_true(fit.converged && fit.iterations > 0 && fit.gradient_norm < 1e-4);
    const double least = objective(d, w, fit.bias, C, l1);
    int32_t zeros = 0;
    for (int32_t j = 0; j <= p; j++)
        for (int sign = -1; sign <= 1; sign += 2)
            for (double step = 1e-4; step < 2; step *= 10) {
                const double before = j < p ? w[j] : 0;
                double b = fit.bias;
                *(j < p ? &w[j] : &b) += sign * step;
                assert_true(objective(d, w, b, C, l1) > least - 1e-10);
                if (j < p)
                    w[j] = before;
            }
    for (int32_t j = 0; j < p; j++)
        zeros += w[j] == 0;
    assert_true(l1 ? zeros > 0 : zeros == 0);
    free(w);
    free(d);
}

static void test_minimum(void **state)
{
    (void)state;
    check_minimum(P, 1, false);
    check_minimum(P, 100, false);
    check_minimum(2 * N, 1, false); /* more columns than rows, and classes that can be parted */
    check_minimum(2 * N, .2, true);
    check_minimum(P, .1, true);
}

/* Without columns the bias is the logit of the share. */
static void test_bias_alone(void **state)
{
    (void)state;
    const uint8_t y[5] = {1, 0, 1, 1, 1};
    struct logistic_fit fit;
    double w = 7;
    for (int l1 = 0; l1 < 2; l1++) {
        const struct logistic_spec spec = {.C = 3, .l1 = l1};
        assert_true(logistic_fit(NULL, 5, 0, y, &spec, &w, &fit));
        assert_true(fit.converged && fabs(fit.bias - log(4)) < 1e-6);
    }
}

static bool stop_at_once(void *arg)
{
    return --*(int *)arg > 0;
}

static void test_stopped(void **state)
{
    (void)state;
    struct data *d = xcalloc(1, sizeof *d);
    double w[P];
    struct logistic_fit fit;
    int left = 2;
    make(d, P);
    struct logistic_spec spec = {.C = 1, .go_on = stop_at_once, .arg = &left};
    assert_false(logistic_fit(d->x, N, P, d->y, &spec, w, &fit));
    assert_true(isnan(fit.gradient_norm) && !fit.converged);
    /* too few iterations are said */
    spec = (struct logistic_spec){.C = 1000, .max_iterations = 2};
    assert_true(logistic_fit(d->x, N, P, d->y, &spec, w, &fit));
    assert_true(!fit.converged && fit.gradient_norm > 1e-3 && fit.iterations <= 2);
    free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_minimum),
        cmocka_unit_test(test_bias_alone),
        cmocka_unit_test(test_stopped),
    };
    return cmocka_run_group_tests_name("logistic regression", tests, NULL, NULL);
}

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
    int32_t p, classes;
};

static void make(struct data *d, int32_t p, int32_t classes)
{
    struct rng r;
    rng_seed(&r, 5);
    d->p = p;
    d->classes = classes;
    for (int i = 0; i < N; i++) {
        double z = 0;
        for (int32_t j = 0; j < p; j++) {
            d->x[i * p + j] = 4 * rng_unit(&r) - 2;
            z += j < 3 ? d->x[i * p + j] : 0;
        }
        z += 4 * rng_unit(&r) - 2;
        d->y[i] = (uint8_t)((z > .3) + (classes > 2 && z > 1.5) + (classes > 3 && z > 2.5));
    }
}

/* By the definition, class by class. */
static double objective(const struct data *d, const struct logistic *m, double C, bool l1)
{
    double f = 0;
    for (int i = 0; i < N; i++) {
        double z[8] = {0}, sum = 0;
        for (int32_t r = 0; r < m->rows; r++) {
            const int32_t at = m->rows == 1 ? 1 : r; /* of two classes the first has 0 */
            z[at] = m->bias[r];
            for (int32_t j = 0; j < d->p; j++)
                z[at] += d->x[i * d->p + j] * m->w[r * d->p + j];
        }
        for (int32_t k = 0; k < d->classes; k++)
            sum += exp(z[k]);
        f -= C * log(exp(z[d->y[i]]) / sum);
    }
    for (int32_t j = 0; j < m->rows * d->p; j++)
        f += l1 ? fabs(m->w[j]) : m->w[j] * m->w[j] / 2;
    return f;
}

static void check_minimum(int32_t p, int32_t classes, double C, bool l1)
{
    struct data *d = xcalloc(1, sizeof *d);
    struct logistic m;
    struct logistic_fit fit;
    const struct logistic_spec spec = {.C = C, .l1 = l1};
    make(d, p, classes);
    logistic_init(&m, classes, p);
    assert_int_equal(m.rows, classes > 2 ? classes : 1);
    assert_true(logistic_fit(&m, d->x, N, d->y, &spec, &fit));
    assert_true(fit.converged && fit.iterations > 0 && fit.gradient_norm < 1e-4);
    const double least = objective(d, &m, C, l1);
    int32_t zeros = 0, hits = 0;
    for (int32_t j = 0; j < m.rows * (p + 1); j++)
        for (int sign = -1; sign <= 1; sign += 2)
            for (double step = 1e-4; step < 2; step *= 10) {
                double *at = j < m.rows * p ? &m.w[j] : &m.bias[j - m.rows * p];
                const double before = *at;
                *at += sign * step;
                assert_true(objective(d, &m, C, l1) > least - 1e-10);
                *at = before;
            }
    for (int32_t j = 0; j < m.rows * p; j++)
        zeros += m.w[j] == 0;
    assert_true(l1 ? zeros > 0 : zeros == 0);
    for (int i = 0; i < N; i++)
        hits += logistic_class(&m, d->x + i * p) == d->y[i];
    assert_true(hits > N * 3 / 5);
    logistic_release(&m);
    free(d);
}

static void test_minimum(void **state)
{
    (void)state;
    check_minimum(P, 2, 1, false);
    check_minimum(P, 2, 100, false);
    check_minimum(2 * N, 2, 1, false); /* more columns than rows, and classes that can be parted */
    check_minimum(2 * N, 2, .2, true);
    check_minimum(P, 2, .1, true);
    check_minimum(P, 3, 1, false);
    check_minimum(P, 4, 10, false);
    check_minimum(2 * N, 3, 1, false);
    check_minimum(P, 4, .5, true);
}

/* Without columns the biases are the logits of the shares. */
static void test_bias_alone(void **state)
{
    (void)state;
    const uint8_t y[6] = {1, 0, 1, 1, 1, 2};
    struct logistic_fit fit;
    for (int l1 = 0; l1 < 2; l1++) {
        const struct logistic_spec spec = {.C = 3, .l1 = l1};
        struct logistic two, three;
        logistic_init(&two, 2, 0);
        assert_true(logistic_fit(&two, NULL, 5, y, &spec, &fit));
        assert_true(fit.converged && fabs(two.bias[0] - log(4)) < 1e-6);
        logistic_init(&three, 3, 0);
        assert_true(logistic_fit(&three, NULL, 6, y, &spec, &fit));
        assert_true(fit.converged && fabs(three.bias[1] - three.bias[0] - log(4)) < 1e-6);
        assert_true(fabs(three.bias[2] - three.bias[0]) < 1e-6);
        assert_int_equal(logistic_class(&three, NULL), 1);
        logistic_release(&two);
        logistic_release(&three);
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
    struct logistic m;
    struct logistic_fit fit;
    int left = 2;
    make(d, P, 2);
    logistic_init(&m, 2, P);
    struct logistic_spec spec = {.C = 1, .go_on = stop_at_once, .arg = &left};
    assert_false(logistic_fit(&m, d->x, N, d->y, &spec, &fit));
    assert_true(isnan(fit.gradient_norm) && !fit.converged);
    /* too few iterations are said */
    spec = (struct logistic_spec){.C = 1000, .max_iterations = 2};
    assert_true(logistic_fit(&m, d->x, N, d->y, &spec, &fit));
    assert_true(!fit.converged && fit.gradient_norm > 1e-3 && fit.iterations <= 2);
    logistic_release(&m);
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

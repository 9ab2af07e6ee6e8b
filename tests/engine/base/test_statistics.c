/* Statistics against mpmath, scipy and numpy (tests/reference/statistics.py). */
#include "engine/base/memory.h"
#include "engine/base/statistics.h"
#include "tests/support/testdata.h"
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka.h wants the headers above it. */
#include <cmocka.h>

enum { MOST = 3000 };

static void near(const char *line, double found, double expected, double tol)
{
    if (!(fabs(found - expected) <= tol * fabs(expected)))
        fail_msg("%.17g, expected %.17g: %s", found, expected, line);
}

/* The reference script makes the same numbers. */
static double item(int64_t i, int64_t step, int64_t modulus, double divisor)
{
    return (double)(step * i % modulus) / divisor;
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Calls `check` on every line of the expected values that begins with `kind`. */
static void each_line(const char *kind, int at_least, void (*check)(const char *line))
{
    char *all = golden_read("statistics/expected.txt", NULL), *save = NULL;
    int n = 0;
    const size_t len = strlen(kind);
    for (char *line = strtok_r(all, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
        if (strncmp(line, kind, len) == 0 && line[len] == ' ')
            check(line + len + 1), n++;
    assert_true(n >= at_least);
    free(all);
}

static void check_two_sided(const char *line)
{
    double t, df, p;
    assert_int_equal(sscanf(line, "%lf %lf %lf", &t, &df, &p), 3);
    near(line, student_two_sided(t, df), p, 1e-12);
    near(line, student_two_sided(-t, df), p, 1e-12);
    if (p < 0.999 && p > 1e-200)
        near(line, student_quantile(p / 2, df), -t, 1e-9);
}

static void test_two_sided(void **state)
{
    (void)state;
    each_line("two_sided", 170, check_two_sided);
    assert_true(student_two_sided(0, 5) == 1);
    assert_true(student_two_sided(INFINITY, 5) == 0 && student_two_sided(-INFINITY, 5) == 0);
    assert_true(isnan(student_two_sided(NAN, 5)) && isnan(student_two_sided(1, 0)) &&
                isnan(student_two_sided(1, -3)) && isnan(student_two_sided(1, NAN)));
    near("normal", student_two_sided(1.959963984540054, INFINITY), 0.05, 1e-14);
    near("normal", student_two_sided(1.959963984540054, 1e17), 0.05, 1e-12);
    assert_true(student_two_sided(1e200, 3) >= 0);
}

static void check_log_two_sided(const char *line)
{
    double t, df, log_p;
    assert_int_equal(sscanf(line, "%lf %lf %lf", &t, &df, &log_p), 3);
    near(line, student_log_two_sided(t, df), log_p, 1e-12);
    near(line, student_log_two_sided(-t, df), log_p, 1e-12);
}

static void test_log_two_sided(void **state)
{
    (void)state;
    each_line("log_two_sided", 38, check_log_two_sided);
    assert_true(student_log_two_sided(0, 5) == 0 && student_log_two_sided(INFINITY, 5) < -DBL_MAX);
    assert_true(isnan(student_log_two_sided(NAN, 5)) && isnan(student_log_two_sided(1, 0)));
    near("normal", student_log_two_sided(1.959963984540054, INFINITY), log(0.05), 1e-13);
    near("normal", student_log_two_sided(29.999999, INFINITY),
         student_log_two_sided(30.000001, INFINITY) + 6e-5 + 1e-7, 1e-9);
    /* A p that is a double is printed, however small. */
    assert_true(student_two_sided(36.9, 99999) > 0 && student_two_sided(40, 99999) == 0);
    assert_true(student_log_two_sided(40, 99999) < -700);
}

static void check_welch(const char *line)
{
    int na, nb;
    double lift, t, df, p, a[MOST], b[MOST];
    assert_int_equal(sscanf(line, "%d %d %lf %lf %lf %lf", &na, &nb, &lift, &t, &df, &p), 6);
    for (int i = 0; i < na; i++)
        a[i] = item(i, 7919, 101, 10) + lift;
    for (int i = 0; i < nb; i++)
        b[i] = item(i, 104729, 97, 25);
    struct t_test w = welch_test(a, na, b, nb);
    near(line, w.t, t, 1e-12);
    near(line, w.df, df, 1e-12);
    near(line, w.p, p, 1e-10);
    w = welch_test(b, nb, a, na);
    near(line, w.t, -t, 1e-12);
    near(line, w.p, p, 1e-10);
}

static void check_pooled(const char *line)
{
    int na, nb;
    double lift, t, df, p, log_p, a[MOST], b[MOST];
    assert_int_equal(
        sscanf(line, "%d %d %lf %lf %lf %lf %lf", &na, &nb, &lift, &t, &df, &p, &log_p), 7);
    for (int i = 0; i < na; i++)
        a[i] = item(i, 7919, 101, 10) + lift;
    for (int i = 0; i < nb; i++)
        b[i] = item(i, 104729, 97, 25);
    struct t_test s = pooled_test(a, na, b, nb);
    near(line, s.t, t, 1e-12);
    near(line, s.df, df, 0);
    near(line, s.p, p, 1e-10);
    near(line, s.log_p, log_p, 1e-10);
    s = pooled_test(b, nb, a, na);
    near(line, s.t, -t, 1e-12);
    near(line, s.log_p, log_p, 1e-10);
}

static void test_pooled(void **state)
{
    (void)state;
    each_line("pooled", 5, check_pooled);
    const double a[3] = {1, 2, 4}, one[3] = {1, 1, 1}, two[3] = {2, 2, 2};
    assert_true(isnan(pooled_test(a, 1, a, 3).p) && isnan(pooled_test(a, 3, a, 1).t));
    assert_true(pooled_test(one, 3, one, 2).t == 0 && pooled_test(one, 3, one, 2).p == 1);
    struct t_test s = pooled_test(one, 3, two, 2);
    assert_true(isinf(s.t) && s.t < 0 && s.p == 0 && isinf(s.log_p) && s.df == 3);
    near("a constant against values", pooled_test(a, 3, one, 2).df, 3, 0);
    const double tiny[3] = {1e-170, 2e-170, 4e-170};
    assert_true(isnan(pooled_test(tiny, 3, tiny, 3).p));
}

/* Of two groups F is t²; of more what scipy's f_oneway gives. */
static void test_anova(void **state)
{
    (void)state;
    const double a[4] = {1, 2, 4, 9}, b[3] = {3, 5, 8}, c[5] = {0, 1, 1, 2, .5}, one[3] = {1, 1, 1};
    const struct moments of[3] = {moments_of(a, 4), moments_of(b, 3), moments_of(c, 5)};
    const double t = pooled_test(a, 4, b, 3).t;
    near("two groups", anova_f(of, 2), t * t, 1e-12);
    near("three groups", anova_f(of, 3), 3.605887452711223, 1e-12);
    const struct moments flat[3] = {
        moments_of(one, 3), moments_of(one, 2), {.n = 3, .mean = 2, .constant = true}};
    assert_true(isnan(anova_f(flat, 2)) && moments_alike(flat, 2));
    assert_true(isinf(anova_f(flat, 3)) && !moments_alike(flat, 3));
    assert_true(isnan(anova_f(of, 1)));
}

static void check_welch_flat(const char *line)
{
    int na, nb;
    double flat, t, df, p, a[MOST], b[MOST];
    assert_int_equal(sscanf(line, "%d %d %lf %lf %lf %lf", &na, &nb, &flat, &t, &df, &p), 6);
    for (int i = 0; i < na; i++)
        a[i] = item(i, 7919, 101, 10);
    for (int i = 0; i < nb; i++)
        b[i] = flat;
    const struct t_test w = welch_test(a, na, b, nb);
    near(line, w.t, t, 1e-12);
    near(line, w.df, df, 1e-12);
    near(line, w.p, p, 1e-10);
}

static void test_welch(void **state)
{
    (void)state;
    each_line("welch", 5, check_welch);
    each_line("welch_flat", 1, check_welch_flat);
    const double a[3] = {1, 2, 4};
    assert_true(isnan(welch_test(a, 1, a, 3).p) && isnan(welch_test(a, 3, a, 1).t));
    assert_true(isnan(welch_test(a, 3, a, 0).df));
    const double tiny[3] = {1e-170, 2e-170, 4e-170}; /* variances whose squares are no numbers */
    assert_true(isnan(welch_test(tiny, 3, tiny, 3).p));
    const double small[3] = {1e-100, 2e-100, 4e-100};
    near("equal variances", welch_test(small, 3, small, 3).df, 4, 1e-14);
}

/* Constants part perfectly, or not at all; .86 and .1 are no doubles: sums of them round. */
static void test_welch_of_constants(void **state)
{
    (void)state;
    double high[MOST], low[MOST] = {0}, tenth[MOST];
    for (int i = 0; i < MOST; i++)
        high[i] = 0.86, tenth[i] = 0.1;
    struct t_test w = welch_test(high, 77, low, 1000);
    assert_true(isinf(w.t) && w.t > 0 && w.p == 0 && isinf(w.log_p) && isnan(w.df));
    w = welch_test(low, 77, high, 1000);
    assert_true(isinf(w.t) && w.t < 0 && w.p == 0);
    w = welch_test(tenth, 30, tenth, 999);
    assert_true(w.t == 0 && w.p == 1 && w.log_p == 0);
    w = welch_test(high, 1, low, 1000);
    assert_true(isnan(w.t) && isnan(w.p) && isnan(w.log_p));
    high[3] = 0.85; /* one side varies */
    w = welch_test(high, 77, low, 1000);
    near("df of the side that varies", w.df, 76, 1e-12);
    assert_true(isfinite(w.t) && w.p < 1e-100 && w.log_p < -200);
}

static void test_mean_and_sd(void **state)
{
    (void)state;
    const double x[4] = {1, 2, 4, 9};
    double mean, sd;
    mean_and_sd(x, 4, &mean, &sd);
    assert_true(mean == 4);
    near("sd", sd, sqrt(38.0 / 3), 1e-15);
    mean_and_sd(x, 1, &mean, &sd);
    assert_true(mean == 1 && isnan(sd));
    mean_and_sd(x, 0, &mean, &sd);
    assert_true(isnan(mean) && isnan(sd));
    const double tenth[3] = {0.1, 0.1, 0.1}; /* their sum is no three tenths */
    mean_and_sd(tenth, 3, &mean, &sd);
    assert_true(mean == 0.1 && sd == 0);
}

static void check_quantile(const char *line)
{
    int n;
    double q, value, x[MOST];
    assert_int_equal(sscanf(line, "%d %lf %lf", &n, &q, &value), 3);
    for (int i = 0; i < n; i++)
        x[i] = item(i, 7919, 1013, 7);
    qsort(x, (size_t)n, sizeof *x, by_value);
    near(line, quantile_sorted(x, n, q), value, 1e-15);
}

static void test_quantile(void **state)
{
    (void)state;
    each_line("quantile", 30, check_quantile);
    const double x[2] = {1, 2};
    assert_true(isnan(quantile_sorted(x, 0, 0.5)) && isnan(quantile_sorted(x, 2, -0.1)) &&
                isnan(quantile_sorted(x, 2, 1.1)) && isnan(quantile_sorted(x, 2, NAN)));
}

static void check_bootstrap(const char *line)
{
    int n, draws, ratio;
    uint64_t seed;
    double lo, hi, num[MOST], den[MOST];
    assert_int_equal(
        sscanf(line, "%d %d %" SCNu64 " %d %lf %lf", &n, &draws, &seed, &ratio, &lo, &hi), 6);
    for (int i = 0; i < n; i++) {
        num[i] = item(i, 7919, 101, 10);
        den[i] = item(i, 104729, 97, 25) + 1;
    }
    const struct interval v = bootstrap_ratio(num, ratio ? den : NULL, n, draws, seed);
    near(line, v.lo, lo, 1e-14);
    near(line, v.hi, hi, 1e-14);
}

static void test_bootstrap(void **state)
{
    (void)state;
    each_line("bootstrap", 6, check_bootstrap);
    const double same[3] = {0.1, 0.1, 0.1}, part[3] = {3, 6, 12}, of[3] = {5, 10, 20};
    const double less[3] = {0, 3, 7}, nothing[3] = {0, 5, 10};
    assert_true(isnan(bootstrap_ratio(same, NULL, 1, 2000, 1).lo));
    assert_true(isnan(bootstrap_ratio(same, NULL, 3, 2000, 1).lo));
    assert_true(isnan(bootstrap_ratio(part, of, 3, 2000, 1).hi));
    assert_true(!isnan(bootstrap_ratio(part, NULL, 3, 2000, 1).hi));
    assert_true(!isnan(bootstrap_ratio(less, nothing, 3, 1, 1).hi));
    const double one[2] = {1, 2}, none[2] = {0, 0}, bad[2] = {1, NAN};
    assert_true(isnan(bootstrap_ratio(one, NULL, 0, 10, 1).lo));
    assert_true(isnan(bootstrap_ratio(one, NULL, 2, 0, 1).hi));
    assert_true(isnan(bootstrap_ratio(none, none, 2, 10, 1).lo));
    assert_true(isnan(bootstrap_ratio(bad, NULL, 2, 100, 1).hi));
}

/* One draw of one unit tells the index that was drawn: rng_below's, whatever n. */
static void test_bootstrap_draws_as_the_generator(void **state)
{
    (void)state;
    static const int64_t size[] = {2, 3, 5, 64, 1000, 2047, 2048, 2049, MOST};
    static double place[MOST];
    for (int i = 0; i < MOST; i++)
        place[i] = i * i;
    for (size_t s = 0; s < sizeof size / sizeof *size; s++) {
        struct rng r;
        rng_seed(&r, s);
        double sum = 0;
        for (int64_t i = 0; i < size[s]; i++)
            sum += place[rng_below(&r, (uint64_t)size[s])];
        const struct interval v = bootstrap_ratio(place, NULL, size[s], 1, s);
        assert_true(v.lo == sum / (double)size[s] && v.hi == v.lo);
    }
}

static void check_histogram(const char *line)
{
    int n, n_bins, at;
    int64_t step, modulus, found[128];
    double divisor, lo, hi;
    float x[MOST];
    assert_int_equal(sscanf(line, "%d %" SCNd64 " %" SCNd64 " %lf %lf %lf %d%n", &n, &step,
                            &modulus, &divisor, &lo, &hi, &n_bins, &at),
                     7);
    for (int i = 0; i < n; i++)
        x[i] = (float)item(i, step, modulus, divisor);
    histogram_count(x, n, lo, hi, n_bins, found);
    char *rest = (char *)line + at;
    for (int i = 0; i < n_bins; i++)
        if (found[i] != strtoll(rest, &rest, 10))
            fail_msg("bin %d holds %" PRId64 ": %s", i, found[i], line);
}

static void test_histogram(void **state)
{
    (void)state;
    each_line("histogram", 6, check_histogram);
    const float x[6] = {NAN, INFINITY, -INFINITY, 0, 1, 2};
    int64_t count[2] = {7, 7};
    histogram_count(x, 6, 0, 2, 2, count);
    assert_int_equal(count[0], 1);
    assert_int_equal(count[1], 2); /* the last takes hi */
    histogram_count(x, 6, 2, 0, 2, count);
    assert_int_equal(count[0] + count[1], 0);
    histogram_count(x, 6, 0, INFINITY, 2, count);
    assert_int_equal(count[0] + count[1], 0);
    histogram_count(x, 6, 0, NAN, 2, count);
    assert_int_equal(count[0] + count[1], 0);
}

static void check_overlap(const char *line)
{
    int n, at;
    double expected, count[128], flat[128], scaled[128];
    assert_int_equal(sscanf(line, "%d %lf%n", &n, &expected, &at), 2);
    char *rest = (char *)line + at;
    for (int i = 0; i < n; i++) {
        count[i] = strtod(rest, &rest);
        flat[i] = i + 1;
        scaled[i] = 3 * flat[i];
    }
    near(line, histogram_overlap(count, flat, n), expected, 1e-14);
    near(line, histogram_overlap(flat, count, n), expected, 1e-14);
    near(line, histogram_overlap(flat, scaled, n), 1, 1e-14);
}

static void test_overlap(void **state)
{
    (void)state;
    each_line("overlap", 6, check_overlap);
    const double a[3] = {1, 0, 0}, b[3] = {0, 2, 5}, none[3] = {0, 0, 0};
    assert_true(histogram_overlap(a, b, 3) == 0);
    assert_true(isnan(histogram_overlap(a, none, 3)) && isnan(histogram_overlap(none, a, 3)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_anova),
        cmocka_unit_test(test_log_two_sided),
        cmocka_unit_test(test_welch_of_constants),
        cmocka_unit_test(test_two_sided),
        cmocka_unit_test(test_pooled),
        cmocka_unit_test(test_welch),
        cmocka_unit_test(test_mean_and_sd),
        cmocka_unit_test(test_quantile),
        cmocka_unit_test(test_bootstrap),
        cmocka_unit_test(test_bootstrap_draws_as_the_generator),
        cmocka_unit_test(test_histogram),
        cmocka_unit_test(test_overlap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

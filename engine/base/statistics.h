/* Statistics that several studies share. All in double. */
#ifndef GLIMT_BASE_STATISTICS_H
#define GLIMT_BASE_STATISTICS_H
#include "engine/base/rng.h"
#include <stdbool.h>
#include <stdint.h>

/* The p-quantile of Student's t with df > 0 degrees of freedom (0 < p < 1), to about 1e-9. */
double student_quantile(double p, double df);
/* P(|T| ≥ |t|) for df > 0 (regularised incomplete beta), relative error about 1e-12 where > 1e-300.
 */
double student_two_sided(double t, double df);
/* Its natural logarithm, also where the probability is below every double. */
double student_log_two_sided(double t, double df);
/* Σ aᵢ·bᵢ in four sums side by side, which are added at the end. */
double dot_product(const double *a, const double *b, int64_t n);
/* Mean and standard deviation (n − 1; NaN for n < 2). Of equal values exactly the value and 0. */
void mean_and_sd(const double *x, int64_t n, double *mean, double *sd);

struct t_test {
    double t, df, p, log_p; /* p two-sided, log_p its natural logarithm */
};
/* Student's t of a against b, with the pooled variance and na + nb − 2 degrees of freedom; where
 * there is none, as Welch's (two constants have a df). */
struct t_test pooled_test(const double *a, int64_t na, const double *b, int64_t nb);
/* Welch's t of a against b. All NaN where either side has fewer than two values or no variance
 * that a double can hold. Two constants have no df (NaN): alike t = 0 and p = 1, else t = ±∞ and p
 * = 0. */
struct t_test welch_test(const double *a, int64_t na, const double *b, int64_t nb);

struct moments { /* all that such tests need of a group */
    int64_t n;
    double mean, sd; /* mean_and_sd */
    bool constant;   /* all its values are equal; at least one is there */
};
struct moments moments_of(const double *x, int64_t n);
/* All values of all groups are equal. */
bool moments_alike(const struct moments *group, int32_t n_groups);
/* The tests above, of the groups' moments; pooled_t: t alone. */
double pooled_t(struct moments a, struct moments b);
struct t_test pooled_test_of(struct moments a, struct moments b);
struct t_test welch_test_of(struct moments a, struct moments b);
/* F of a one-way analysis of variance: the groups' means against what varies within them; of two
 * groups t² (pooled). Constants that differ: ∞. NaN: nothing varies, or there is no freedom left.
 */
double anova_f(const struct moments *group, int32_t n_groups);

/* The q-quantile (0 … 1) of sorted values, linear between order statistics (numpy's default). */
double quantile_sorted(const double *sorted, int64_t n, double q);

struct interval {
    double lo, hi;
};
/* Percentile bootstrap (2.5 %, 97.5 %) of Σnum/Σden over units i drawn with replacement; den NULL:
 * of the mean. `draws` resamples from a generator seeded by `seed`: draw d takes indices
 * rng_below(n) one after the other. NaN where no two units differ (so for n < 2): an interval of no
 * width would claim to know what nothing was learnt of. */
struct interval bootstrap_ratio(const double *num, const double *den, int64_t n, int32_t draws,
                                uint64_t seed);

/* Σ min of two histograms, each normalised to sum 1; NaN when either is empty. */
double histogram_overlap(const double *a, const double *b, int32_t n);
/* Counts of values in n_bins equal bins from lo to hi; the last takes hi (numpy.histogram). hi =
 * lo: widened by 0.5 on both sides, as numpy does. Values outside are not counted. The counts
 * are set, not added to. */
void histogram_count(const float *x, int64_t n, double lo, double hi, int32_t n_bins,
                     int64_t *count);
#endif

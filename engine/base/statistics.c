#include "engine/base/statistics.h"
#include "engine/base/memory.h"
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- Student's t */

/* I_x(a, ½) over x^a·√y/B(a, ½), y = 1 − x, for λ = a − (a + ½)·x > 0: the continued fraction of
 * Didonato & Morris 1992 (ACM TOMS 18, eq. 9). λ comes from y, so that nothing cancels where a is
 * large and x next to 1. */
static double beta_fraction(double a, double x, double y)
{
    const double b = 0.5, lambda = (a + b) * y - b, c1 = 1 + 1 / a;
    double above[2] = {0, 1}, below[2] = {1, (1 + lambda) / c1}; /* the last two convergents */
    double r = c1 / (1 + lambda);
    for (int n = 1; n <= 10000; n++) {
        const double t = n / a, w = n * (b - n) * x, s = a + 2 * n - 1, e = a / s;
        const double p = 1 + (n - 1) / a;
        const double alpha = p * (p + b / a) * e * e * w * x;
        const double beta = n + w / s + (1 + t) / (c1 + 2 * t) * (1 + lambda + n * (1 + y));
        const double next_above = alpha * above[0] + beta * above[1];
        const double next_below = alpha * below[0] + beta * below[1];
        const double before = r;
        r = next_above / next_below;
        if (fabs(r - before) <= 1e-16 * r)
            break;
        above[0] = above[1] / next_below, above[1] = r;
        below[0] = below[1] / next_below, below[1] = 1;
    }
    return r;
}

/* I_y(½, a) over √y·x^a/B(½, a): all terms are positive, and each is less than the one before. */
static double beta_series(double a, double y)
{
    double term = 2, sum = 2;
    for (int n = 0; n < 1000 && term > 1e-17 * sum; n++) {
        term *= y * (a + 0.5 + n) / (1.5 + n);
        sum += term;
    }
    return sum;
}

/* Γ(a + ½)/Γ(a): the difference of two log-gammas would lose what p-values need. The asymptotic
 * series in 1/a (Tricomi & Erdélyi 1951) from a = 25 on, below it Γ(a + 1) = a·Γ(a). */
static double gamma_ratio(double a)
{
    static const double c[] = {1,
                               -1.0 / 8,
                               1.0 / 128,
                               5.0 / 1024,
                               -21.0 / 32768,
                               -399.0 / 262144,
                               869.0 / 4194304,
                               39325.0 / 33554432};
    double factor = 1;
    for (; a < 25; a++)
        factor *= a / (a + 0.5);
    double sum = 0;
    for (int i = (int)(sizeof c / sizeof *c) - 1; i >= 0; i--)
        sum = sum / a + c[i];
    return factor * sqrt(a) * sum;
}

/* P(|T| ≥ t) = I_x(df/2, ½) with x = df/(df + t²), t > 0; *log_p: its logarithm. */
static double two_sided(double t, double df, double *log_p)
{
    const double a = df / 2, ratio = t * (t / df);
    const double x = 1 / (1 + ratio), y = isinf(ratio) ? 1 : ratio / (1 + ratio); /* 1 − x */
    /* x^a·√y/B(a, ½) */
    const double front = exp(-a * log1p(ratio)) * sqrt(y) * gamma_ratio(a) / sqrt(M_PI);
    if (!(y > 1.5 / (a + 2.5))) {
        const double p = 1 - front * beta_series(a, y);
        *log_p = log(p);
        return p;
    }
    const double fraction = beta_fraction(a, x, y);
    *log_p = log(sqrt(y) * gamma_ratio(a) / sqrt(M_PI) * fraction) -
             a * (isinf(ratio) ? 2 * log(t) - log(df) : log1p(ratio));
    return front * fraction;
}

/* 2·P(N > t) for t > 0; far out erfc's asymptotic series, whose logarithm does not underflow. */
static double normal_two_sided(double t, double *log_p)
{
    const double p = erfc(t / M_SQRT2), r = 1 / (t * t);
    *log_p =
        t < 30 ? log(p) : -t * t / 2 - log(t * sqrt(M_PI / 2)) + log1p(-r * (1 - r * (3 - 15 * r)));
    return p;
}

/* P(|T| ≥ |t|) and, in *log_p, its logarithm. */
static double student_both(double t, double df, double *log_p)
{
    *log_p = NAN;
    if (isnan(t) || !(df > 0))
        return NAN;
    *log_p = t == 0 ? 0 : -INFINITY;
    if (t == 0 || isinf(t))
        return t == 0;
    if (df > 1e18) /* no longer told from the normal distribution */
        return normal_two_sided(fabs(t), log_p);
    return two_sided(fabs(t), df, log_p);
}

double student_log_two_sided(double t, double df)
{
    double log_p;
    student_both(t, df, &log_p);
    return log_p;
}

double student_two_sided(double t, double df)
{
    double log_p;
    const double p = student_both(t, df, &log_p);
    return p < DBL_MIN ? exp(log_p) : p; /* a factor of it may be 0 before it is */
}

double student_quantile(double p, double df)
{
    if (!(p > 0 && p < 1) || !(df > 0))
        return NAN;
    double tail = p < 0.5 ? p : 1 - p, lo = 0, hi = 1;
    while (0.5 * student_two_sided(hi, df) > tail && hi < 1e300)
        hi *= 2;
    for (int i = 0; i < 200 && hi - lo > 1e-13 * hi; i++) {
        double mid = lo + (hi - lo) / 2;
        *(0.5 * student_two_sided(mid, df) > tail ? &lo : &hi) = mid;
    }
    double t = lo + (hi - lo) / 2;
    return p < 0.5 ? -t : t;
}

/* Rounding gives the mean of equal values an error, and them a deviation from it. */
static bool all_equal(const double *x, int64_t n)
{
    for (int64_t i = 1; i < n; i++)
        if (x[i] != x[0])
            return false;
    return n > 0 && !isnan(x[0]);
}

void mean_and_sd(const double *x, int64_t n, double *mean, double *sd)
{
    double sum = 0, sq = 0;
    if (all_equal(x, n)) {
        *mean = x[0];
        *sd = n > 1 ? 0 : NAN;
        return;
    }
    for (int64_t i = 0; i < n; i++)
        sum += x[i];
    *mean = n > 0 ? sum / (double)n : NAN;
    for (int64_t i = 0; i < n; i++)
        sq += (x[i] - *mean) * (x[i] - *mean);
    *sd = n > 1 ? sqrt(sq / (double)(n - 1)) : NAN;
}

struct moments moments_of(const double *x, int64_t n)
{
    struct moments m = {.n = n, .constant = all_equal(x, n)};
    mean_and_sd(x, n, &m.mean, &m.sd);
    return m;
}

/* Two constants: nothing is left to chance. */
static struct t_test constants(double a, double b, double df)
{
    if (a == b)
        return (struct t_test){0, df, 1, 0};
    return (struct t_test){a > b ? INFINITY : -INFINITY, df, 0, -INFINITY};
}

bool moments_alike(const struct moments *group, int32_t n_groups)
{
    bool alike = true;
    for (int32_t g = 0; g < n_groups; g++)
        alike = alike && group[g].constant && group[g].mean == group[0].mean;
    return alike;
}

double pooled_t(struct moments a, struct moments b)
{
    const double df = (double)(a.n + b.n - 2);
    if (a.n < 2 || b.n < 2)
        return NAN;
    if (a.constant && b.constant)
        return constants(a.mean, b.mean, df).t;
    const double pooled = ((double)(a.n - 1) * a.sd * a.sd + (double)(b.n - 1) * b.sd * b.sd) / df;
    if (!(pooled > 0))
        return NAN;
    return (a.mean - b.mean) / sqrt(pooled * (1 / (double)a.n + 1 / (double)b.n));
}

struct t_test pooled_test_of(struct moments a, struct moments b)
{
    const double df = (double)(a.n + b.n - 2), t = pooled_t(a, b);
    if (isnan(t))
        return (struct t_test){NAN, NAN, NAN, NAN};
    if (a.constant && b.constant)
        return constants(a.mean, b.mean, df);
    return (struct t_test){t, df, student_two_sided(t, df), student_log_two_sided(t, df)};
}

struct t_test pooled_test(const double *a, int64_t na, const double *b, int64_t nb)
{
    return pooled_test_of(moments_of(a, na), moments_of(b, nb));
}

double dot_product(const double *a, const double *b, int64_t n)
{
    double sum[4] = {0};
    int64_t i = 0;
    for (; i + 4 <= n; i += 4)
        for (int k = 0; k < 4; k++)
            sum[k] += a[i + k] * b[i + k];
    for (; i < n; i++)
        sum[0] += a[i] * b[i];
    return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

struct t_test welch_test_of(struct moments a, struct moments b)
{
    const double va = a.sd * a.sd / (double)a.n, vb = b.sd * b.sd / (double)b.n;
    if (a.n < 2 || b.n < 2)
        return (struct t_test){NAN, NAN, NAN, NAN};
    if (a.constant && b.constant)
        return constants(a.mean, b.mean, NAN);
    if (!(va + vb > 0))
        return (struct t_test){NAN, NAN, NAN, NAN};
    /* Welch–Satterthwaite, of shares of the variance: squares of small variances underflow. */
    const double sa = va / (va + vb), sb = vb / (va + vb);
    const double df = 1 / (sa * sa / (double)(a.n - 1) + sb * sb / (double)(b.n - 1));
    const double t = (a.mean - b.mean) / sqrt(va + vb);
    return (struct t_test){t, df, student_two_sided(t, df), student_log_two_sided(t, df)};
}

struct t_test welch_test(const double *a, int64_t na, const double *b, int64_t nb)
{
    return welch_test_of(moments_of(a, na), moments_of(b, nb));
}

double anova_f(const struct moments *group, int32_t n_groups)
{
    double n = 0, sum = 0, between = 0, within = 0;
    bool constant = true, differ = false;
    for (int32_t g = 0; g < n_groups; g++) {
        n += (double)group[g].n;
        sum += (double)group[g].n * group[g].mean;
        constant = constant && group[g].constant;
        differ = differ || group[g].mean != group[0].mean;
    }
    for (int32_t g = 0; g < n_groups; g++) {
        const double d = group[g].mean - sum / n;
        between += (double)group[g].n * d * d;
        if (group[g].n > 1)
            within += (double)(group[g].n - 1) * group[g].sd * group[g].sd;
    }
    if (constant && differ && n > n_groups)
        return INFINITY;
    if (n_groups < 2 || !(n > n_groups) || !(within > 0))
        return NAN;
    return between / (n_groups - 1) / (within / (n - n_groups));
}

/* ---- quantiles and the bootstrap */

double quantile_sorted(const double *sorted, int64_t n, double q)
{
    if (n < 1 || !(q >= 0 && q <= 1))
        return NAN;
    const double at = q * (double)(n - 1);
    const int64_t i = (int64_t)at < n - 1 ? (int64_t)at : n - 1;
    const double lo = sorted[i], hi = sorted[i + 1 < n ? i + 1 : i], part = at - (double)i;
    /* From the nearer end, as numpy does: monotone, and exact at both. */
    return part < 0.5 ? lo + (hi - lo) * part : hi - (hi - lo) * (1 - part);
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

__extension__ typedef unsigned __int128 u128;

/* rng_below(n) over and over: the same numbers with the two divisions made once. */
struct below {
    uint64_t n, reject, inverse; /* ⌊(2^64 − 1)/n⌋ */
};

static struct below below_of(uint64_t n)
{
    return (struct below){n, (0 - n) % n, UINT64_MAX / n};
}

static uint64_t draw(struct rng *r, const struct below *d)
{
    uint64_t x = rng_u64(r);
    while (x < d->reject)
        x = rng_u64(r);
    /* x·inverse/2^64 is ⌊x/n⌋ or one less. */
    const uint64_t rest = x - (uint64_t)((u128)x * d->inverse >> 64) * d->n;
    return rest >= d->n ? rest - d->n : rest;
}

/* Resamples of units that are all alike say nothing of how far others may lie. */
static bool units_differ(const double *num, const double *den, int64_t n)
{
    int64_t first = 0;
    while (den && first < n && num[first] == 0 && den[first] == 0)
        first++;
    for (int64_t i = first + 1; i < n; i++)
        if (num[i] * (den ? den[first] : 1) != num[first] * (den ? den[i] : 1))
            return true;
    return false;
}

struct interval bootstrap_ratio(const double *num, const double *den, int64_t n, int32_t draws,
                                uint64_t seed)
{
    if (draws < 1 || !units_differ(num, den, n))
        return (struct interval){NAN, NAN};
    double *value = xmalloc((size_t)draws * sizeof *value);
    const struct below units = below_of((uint64_t)n);
    struct rng r;
    rng_seed(&r, seed);
    bool defined = true;
    for (int32_t d = 0; d < draws; d++) {
        double above = 0, under = 0;
        for (int64_t i = 0; i < n; i++) {
            const uint64_t unit = draw(&r, &units);
            above += num[unit];
            under += den ? den[unit] : 1;
        }
        value[d] = above / under;
        defined = defined && !isnan(value[d]);
    }
    qsort(value, (size_t)draws, sizeof *value, by_value);
    const struct interval out = {quantile_sorted(value, draws, 0.025),
                                 quantile_sorted(value, draws, 0.975)};
    free(value);
    return defined ? out : (struct interval){NAN, NAN};
}

/* ---- histograms */

double histogram_overlap(const double *a, const double *b, int32_t n)
{
    double sum_a = 0, sum_b = 0, overlap = 0;
    for (int32_t i = 0; i < n; i++)
        sum_a += a[i], sum_b += b[i];
    if (!(sum_a > 0 && sum_b > 0))
        return NAN;
    for (int32_t i = 0; i < n; i++)
        overlap += fmin(a[i] / sum_a, b[i] / sum_b);
    return overlap;
}

void histogram_count(const float *x, int64_t n, double lo, double hi, int32_t n_bins,
                     int64_t *count)
{
    if (n_bins < 1)
        return;
    memset(count, 0, (size_t)n_bins * sizeof *count);
    if (lo == hi)
        lo -= 0.5, hi += 0.5;
    if (!(hi > lo) || !isfinite(hi - lo))
        return;
    const double width = (hi - lo) / n_bins;
    for (int64_t i = 0; i < n; i++) {
        const double v = (double)x[i];
        if (!(v >= lo && v <= hi))
            continue;
        int32_t bin = (int32_t)((v - lo) / (hi - lo) * n_bins);
        bin = bin < n_bins ? bin : n_bins - 1;
        /* The quotient may round across an edge; the edges decide, those of numpy.linspace. */
        if (bin > 0 && v < lo + bin * width)
            bin--;
        else if (bin < n_bins - 1 && v >= lo + (bin + 1) * width)
            bin++;
        count[bin]++;
    }
}

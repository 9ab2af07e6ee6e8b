#include "engine/session/estimate.h"
#include <math.h>

/* Continued fraction of the incomplete beta function (Lentz's method; Abramowitz & Stegun 26.5.8).
 */
static double beta_fraction(double a, double b, double x)
{
    const double tiny = 1e-300;
    double c = 1, d = 1 - (a + b) * x / (a + 1);
    d = 1 / (fabs(d) < tiny ? tiny : d);
    double h = d;
    for (int m = 1; m <= 500; m++) {
        double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
        d = 1 + even * d, c = 1 + even / c;
        d = 1 / (fabs(d) < tiny ? tiny : d), c = fabs(c) < tiny ? tiny : c;
        h *= d * c;
        double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
        d = 1 + odd * d, c = 1 + odd / c;
        d = 1 / (fabs(d) < tiny ? tiny : d), c = fabs(c) < tiny ? tiny : c;
        h *= d * c;
        if (fabs(d * c - 1) < 1e-15)
            break;
    }
    return h;
}

static double log_gamma(double x)
{
    int sign; /* plain lgamma writes a global */
    return lgamma_r(x, &sign);
}

/* I_x(a, b) */
static double incomplete_beta(double a, double b, double x)
{
    if (x <= 0)
        return 0;
    if (x >= 1)
        return 1;
    double front = exp(log_gamma(a + b) - log_gamma(a) - log_gamma(b) + a * log(x) + b * log1p(-x));
    return x < (a + 1) / (a + b + 2) ? front * beta_fraction(a, b, x) / a
                                     : 1 - front * beta_fraction(b, a, 1 - x) / b;
}

/* P(T > t), t ≥ 0 */
static double student_tail(double t, double df)
{
    return 0.5 * incomplete_beta(df / 2, 0.5, df / (df + t * t));
}

double student_quantile(double p, double df)
{
    if (!(p > 0 && p < 1) || !(df > 0))
        return NAN;
    double tail = p < 0.5 ? p : 1 - p, lo = 0, hi = 1;
    while (student_tail(hi, df) > tail && hi < 1e300)
        hi *= 2;
    for (int i = 0; i < 200 && hi - lo > 1e-13 * hi; i++) {
        double mid = lo + (hi - lo) / 2;
        *(student_tail(mid, df) > tail ? &lo : &hi) = mid;
    }
    double t = lo + (hi - lo) / 2;
    return p < 0.5 ? -t : t;
}

static const int32_t look_at[] = {16, 64, 256};
enum { N_LOOKS = sizeof look_at / sizeof *look_at };

int32_t look_reached(int32_t n, int32_t N)
{
    if (n >= N)
        return N;
    int32_t look = 0;
    for (int i = 0; i < N_LOOKS; i++)
        if (n >= look_at[i])
            look = look_at[i];
    return look;
}

int32_t looks_of(int32_t N)
{
    int32_t n = 1;
    for (int i = 0; i < N_LOOKS; i++)
        n += look_at[i] < N;
    return n;
}

double sampling_half(double sd, int32_t n)
{
    return n < 2 ? NAN : student_quantile(0.975, n - 1) * sd / sqrt(n);
}

double partial_half(double sd, int32_t n, int32_t N)
{
    if (n < 2)
        return NAN;
    double p = 1 - 0.05 / looks_of(N) / 2;
    return student_quantile(p, n - 1) * sd / sqrt(n) * sqrt(1 - (double)n / N);
}

void mean_and_sd(const double *x, int32_t n, double *mean, double *sd)
{
    double sum = 0, sq = 0;
    for (int32_t i = 0; i < n; i++)
        sum += x[i];
    *mean = n > 0 ? sum / n : NAN;
    for (int32_t i = 0; i < n; i++)
        sq += (x[i] - *mean) * (x[i] - *mean);
    *sd = n > 1 ? sqrt(sq / (n - 1)) : NAN;
}

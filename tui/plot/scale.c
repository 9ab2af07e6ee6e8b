#include "tui/plot/scale.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Beyond this a difference of two values could overflow. */
#define LARGEST 1e300

void extent_init(struct extent *e)
{
    *e = (struct extent){INFINITY, -INFINITY, INFINITY};
}

void extent_add(struct extent *e, double v)
{
    if (!isfinite(v))
        return;
    e->lo = fmin(e->lo, v);
    e->hi = fmax(e->hi, v);
    if (v > 0)
        e->least = fmin(e->least, v);
}

static double bounded(double v)
{
    return fmax(-LARGEST, fmin(LARGEST, v));
}

void scale_fit(struct scale *s, const struct extent *e, double pad)
{
    double lo = 0, hi = 1;
    if (e->lo <= e->hi) {
        lo = bounded(e->lo);
        hi = bounded(e->hi);
    }
    double largest = fmax(fabs(lo), fabs(hi)), length = hi - lo;
    if (length <= largest * 1e-9 || length < 1e-290) { /* one value: room around it */
        double room = largest > 1e-290 ? largest * .1 : 1;
        lo -= room;
        hi += room;
    } else {
        lo -= length * pad;
        hi += length * pad;
    }
    *s = (struct scale){lo, hi, false};
}

void scale_fit_log(struct scale *s, const struct extent *e)
{
    double lo = 1, hi = 10;
    if (isfinite(e->least)) {
        hi = fmax(1e-290, bounded(e->hi));
        /* The least value shall stand above the floor; more than 15 decades nobody can read. */
        lo = fmax(fmin(hi, e->least) * .5, hi * 1e-15);
        hi = fmax(hi, lo * 10);
    }
    *s = (struct scale){lo, hi, true};
}

double scale_share(const struct scale *s, double v)
{
    double share;
    if (s->log)
        share = v <= s->lo ? 0 : (log10(v) - log10(s->lo)) / (log10(s->hi) - log10(s->lo));
    else
        share = (bounded(v) - s->lo) / (s->hi - s->lo);
    return fmax(0, fmin(1, share));
}

double scale_value(const struct scale *s, double share)
{
    if (s->log)
        return pow(10, log10(s->lo) + share * (log10(s->hi) - log10(s->lo)));
    return s->lo + share * (s->hi - s->lo);
}

/* ---- ticks */
static void add_tick(struct ticks *t, double v)
{
    if (t->n < TICKS_MAX)
        t->at[t->n++] = v;
}

static double nice_step(double raw)
{
    double power = pow(10, floor(log10(raw))), f = raw / power;
    return power * (f <= 1.0001 ? 1 : f <= 2.0001 ? 2 : f <= 5.0001 ? 5 : 10);
}

static bool multiples(const struct ticks *t, double of)
{
    for (int i = 0; i < t->n; i++)
        if (fabs(remainder(t->at[i], of)) > of * 1e-6)
            return false;
    return true;
}

static void choose_digits(struct ticks *t, double step, double largest)
{
    double factor = t->percent ? 100 : 1;
    t->decimals = (int)-floor(log10(step * factor) + 1e-9);
    t->decimals = t->decimals > 0 ? t->decimals : 0;
    if (t->decimals > 5 || largest * factor >= 1e10)
        t->decimals = -1;
    else if (largest >= 1e7 && multiples(t, 1e5))
        t->thousands = 2;
    else if (largest >= 1e4 && multiples(t, 100))
        t->thousands = 1;
    if (t->thousands)
        t->decimals = multiples(t, t->thousands == 2 ? 1e6 : 1e3) ? 0 : 1;
}

static void linear_ticks(struct ticks *t, const struct scale *s, double step)
{
    double first = ceil(s->lo / step - 1e-6), largest = fmax(fabs(s->lo), fabs(s->hi));
    for (int i = 0; i < TICKS_MAX; i++) {
        double v = (first + i) * step;
        if (v > s->hi + step * 1e-6)
            break;
        add_tick(t, fabs(v) < step * 1e-6 ? 0 : v);
    }
    if (!t->n)
        add_tick(t, s->lo + (s->hi - s->lo) / 2);
    choose_digits(t, step, largest);
}

bool ticks_every(struct ticks *t, const struct scale *s, double step, bool percent)
{
    *t = (struct ticks){.percent = percent};
    if (s->log || !(step > 0) || (s->hi - s->lo) / step > TICKS_MAX - 1)
        return false;
    linear_ticks(t, s, step);
    return true;
}

static void log_ticks(struct ticks *t, const struct scale *s, int want)
{
    int first = (int)ceil(log10(s->lo) - 1e-9), last = (int)floor(log10(s->hi) + 1e-9);
    int stride = 1 + (last - first) / (want > 1 ? want : 1);
    for (int k = first; k <= last; k += stride) {
        add_tick(t, pow(10, k));
        for (double m = 2; last - first < 2 && want > 3 && m < 6; m += 3)
            if (pow(10, k) * m <= s->hi)
                add_tick(t, pow(10, k) * m);
    }
    if (!t->n)
        add_tick(t, s->hi);
    t->decimals = -2; /* each decade to its own digits */
}

void ticks_make(struct ticks *t, const struct scale *s, int want, bool percent)
{
    *t = (struct ticks){.percent = percent};
    want = want < 1 ? 1 : want > TICKS_MAX / 2 ? TICKS_MAX / 2 : want;
    if (s->log)
        log_ticks(t, s, want);
    else
        for (int finer = want; t->n < 2 && finer <= 3 * want + 3; finer++) {
            t->n = 0; /* one tick shows no scale */
            linear_ticks(t, s, nice_step((s->hi - s->lo) / finer));
        }
}

size_t tick_text(const struct ticks *t, double v, bool ascii, char out[NUMBER_MAX])
{
    static const char *const suffix[] = {"", "k", "M"};
    double factor = t->percent ? 100 : 1;
    int thousands = t->thousands;
    if (t->decimals == -2 && !t->percent && v >= 1e3 && v < 1e9)
        thousands = v >= 1e6 ? 2 : 1;
    if (v == 0)
        thousands = 0;
    double shown = v * factor / (thousands == 2 ? 1e6 : thousands ? 1e3 : 1);
    size_t n = t->decimals >= 0 ? number_fixed(shown, t->decimals, ascii, out)
                                : number_text(shown, 4, ascii, out);
    const char *end = t->percent ? "%" : suffix[thousands];
    if (n + strlen(end) < NUMBER_MAX)
        n += (size_t)snprintf(out + n, NUMBER_MAX - n, "%s", end);
    return n;
}

/* ---- text of numbers */
static size_t add_minus(double v, bool ascii, char *out)
{
    const char *minus = v < 0 ? (ascii ? "-" : "−") : "";
    return (size_t)snprintf(out, NUMBER_MAX, "%s", minus);
}

/* |v| < 9e15 / 10^decimals */
static size_t write_fixed(double v, int decimals, bool ascii, char *out)
{
    double scaled = round(fabs(v) * pow(10, decimals));
    long long digits = (long long)scaled, unit = 1;
    for (int i = 0; i < decimals; i++)
        unit *= 10;
    size_t n = add_minus(digits ? v : 0, ascii, out);
    n += (size_t)snprintf(out + n, NUMBER_MAX - n, "%lld", digits / unit);
    if (decimals > 0)
        n += (size_t)snprintf(out + n, NUMBER_MAX - n, ".%0*lld", decimals, digits % unit);
    return n;
}

static size_t cut_zeros(char *out, size_t n)
{
    if (!strchr(out, '.'))
        return n;
    while (out[n - 1] == '0')
        n--;
    if (out[n - 1] == '.')
        n--;
    out[n] = 0;
    return n;
}

static size_t write_exponent(double v, int digits, bool ascii, char *out)
{
    int e = (int)floor(log10(fabs(v)));
    /* In two steps: 10^−e alone may be beyond the largest double. */
    double m = fabs(v) / pow(10, e / 2) / pow(10, e - e / 2);
    int decimals = digits > 1 ? digits - 1 : 0;
    double unit = pow(10, decimals);
    if (round(m * unit) >= 10 * unit) {
        m /= 10;
        e++;
    }
    size_t n = write_fixed(v < 0 ? -m : m, decimals, ascii, out);
    n = cut_zeros(out, n);
    return n + (size_t)snprintf(out + n, NUMBER_MAX - n, "e%s%d", e < 0 ? ascii ? "-" : "−" : "",
                                e < 0 ? -e : e);
}

static bool write_special(double v, bool ascii, char *out, size_t *n)
{
    if (isfinite(v))
        return false;
    *n = isnan(v) ? 0 : add_minus(v, ascii, out);
    *n += (size_t)snprintf(out + *n, NUMBER_MAX - *n, "%s", isnan(v) ? "" : ascii ? "inf" : "∞");
    return true;
}

size_t number_fixed(double v, int decimals, bool ascii, char out[NUMBER_MAX])
{
    size_t n;
    out[0] = 0;
    if (write_special(v, ascii, out, &n))
        return n;
    if (fabs(v) * pow(10, decimals) < 1e12)
        return write_fixed(v, decimals, ascii, out);
    return write_exponent(v, 6, ascii, out);
}

int number_decimals(double largest, int digits)
{
    if (!(largest > 0) || !isfinite(largest))
        return 0;
    double decimals = digits - 1 - floor(log10(largest) + 1e-12);
    return decimals < 0 ? 0 : decimals > 9 ? 9 : (int)decimals;
}

size_t number_text(double v, int digits, bool ascii, char out[NUMBER_MAX])
{
    size_t n;
    out[0] = 0;
    if (write_special(v, ascii, out, &n))
        return n;
    if (v == 0)
        return write_fixed(0, 0, ascii, out);
    int e = (int)floor(log10(fabs(v)) + 1e-12), decimals = digits - 1 - e;
    if (e < -4 || e >= 12 || e - digits > 2)
        return write_exponent(v, digits, ascii, out);
    decimals = decimals < 0 ? 0 : decimals > 15 ? 15 : decimals;
    n = write_fixed(v, decimals, ascii, out);
    return cut_zeros(out, n);
}

/* Later units that change when others are switched. */
#include "engine/study/shift.h"
#include "engine/base/best.h"
#include "engine/base/memory.h"
#include "engine/base/statistics.h"
#include <math.h>
#include <stdlib.h>

enum { BINS = 30, EVERYWHERE = -1 /* no class: all of them are pooled */ };

static double score_of(struct activity a)
{
    return fabs(a.mean) - a.sd;
}

/* best_release it. */
static void rank(const struct study *s, int32_t most, struct best *best)
{
    best_init(best, most);
    for (int32_t j = 0; j < activity_n_units(s); j++)
        best_offer(best, score_of(activity_others(s, j, EVERYWHERE)), j);
    best_sort(best);
}

int32_t downstream_best(const struct study *s, int32_t most, struct unit_id *out)
{
    struct best best;
    rank(s, most, &best);
    const int32_t n = best.n;
    for (int32_t i = 0; i < n; i++)
        out[i] = activity_unit(s, best.item[i].id);
    best_release(&best);
    return n;
}

struct table *downstream_rows(const struct study *s, int32_t top)
{
    enum { UNIT, MEAN, LO, HI, SD, SCORE };
    struct table *t = table_new("rows", "Later units that change", MARK_BAR);
    const int32_t J = activity_n_units(s);
    struct best best;
    table_column(t, "unit", "", "neuron or latent", COLUMN_STR, COLUMN_KEY);
    table_column(t, "mean", "", "of the change over all tokens, on minus off", COLUMN_F64,
                 COLUMN_Y);
    table_column(t, "range.lo", "", "mean minus sd", COLUMN_F64, COLUMN_LO);
    table_column(t, "range.hi", "", "mean plus sd", COLUMN_F64, COLUMN_HI);
    table_column(t, "sd", "", "standard deviation over tokens (n − 1)", COLUMN_F64, COLUMN_TEXT);
    table_column(t, "score", "", "absolute mean minus sd", COLUMN_F64, COLUMN_TEXT);
    rank(s, top > 0 && top < J ? top : J, &best);
    for (int32_t i = 0; i < best.n; i++) {
        const struct activity a = activity_others(s, best.item[i].id, EVERYWHERE);
        const int64_t row = table_row(t);
        char name[UNIT_NAME_MAX];
        activity_name(s, best.item[i].id, name);
        table_set_str(t, row, UNIT, name);
        table_set_f64(t, row, MEAN, a.mean);
        table_set_f64(t, row, LO, a.mean - a.sd);
        table_set_f64(t, row, HI, a.mean + a.sd);
        table_set_f64(t, row, SD, a.sd);
        table_set_f64(t, row, SCORE, score_of(a));
    }
    best_release(&best);
    table_note(t, "%lld tokens; the best %lld of %d units",
               (long long)activity_others(s, 0, EVERYWHERE).tokens, (long long)t->n_rows, (int)J);
    return t;
}

/* ---- shift */
static void add_shift(struct table *t, const struct study *s[2], int32_t j, int32_t cls)
{
    enum { UNIT, CLASS, SHIFT, ON, OFF, TOKENS };
    struct activity a[2];
    const int64_t row = table_row(t);
    char name[UNIT_NAME_MAX];
    for (int i = 0; i < 2; i++)
        a[i] = cls < 0 ? activity_others(s[i], j, EVERYWHERE) : activity_of(s[i], j, cls);
    activity_name(s[0], j, name);
    table_set_str(t, row, UNIT, name);
    if (cls >= 0)
        table_set_str(t, row, CLASS, activity_class(s[0], cls));
    table_set_f64(t, row, SHIFT, a[1].mean - a[0].mean);
    table_set_f64(t, row, ON, a[0].mean);
    table_set_f64(t, row, OFF, a[1].mean);
    table_set_i64(t, row, TOKENS, a[0].tokens);
}

struct table *shift_rows(const struct study *on, const struct study *off)
{
    const struct study *s[2] = {on, off};
    struct table *t = table_new("rows", "Shift of later units", MARK_BAR);
    table_column(t, "unit", "", "neuron or latent", COLUMN_STR, COLUMN_KEY);
    table_column(t, "class", "", "class of the text; missing: all", COLUMN_STR, COLUMN_SERIES);
    table_column(t, "shift", "", "mean with the others off minus on", COLUMN_F64, COLUMN_Y);
    table_column(t, "on", "", "mean with them on", COLUMN_F64, COLUMN_TEXT);
    table_column(t, "off", "", "mean with them off", COLUMN_F64, COLUMN_TEXT);
    table_column(t, "tokens", "", "positions that count", COLUMN_I64, COLUMN_TEXT);
    for (int32_t j = 0; j < activity_n_units(on); j++) {
        for (int32_t c = 0; c < activity_n_classes(on); c++)
            add_shift(t, s, j, c);
        add_shift(t, s, j, -1);
    }
    return t;
}

/* The kept values of a unit, all classes; how many. */
static int64_t values_of(const struct study *s, int32_t j, float **x)
{
    int64_t n = 0, total = 0;
    for (int32_t c = 0; c < activity_n_classes(s); c++) {
        activity_values(s, c, &n);
        total += n;
    }
    *x = xcalloc((size_t)total + 1, sizeof **x);
    total = 0;
    for (int32_t c = 0; c < activity_n_classes(s); c++) {
        const float *value = activity_values(s, c, &n);
        for (int64_t i = 0; i < n; i++)
            (*x)[total++] = value[i * activity_n_units(s) + j];
    }
    return total;
}

static void add_histogram(struct table *t, const struct study *s[2], int32_t j)
{
    enum { UNIT, RUN, LO, HI, SHARE, COUNT };
    double lo = (double)INFINITY, hi = -(double)INFINITY;
    float *x[2];
    int64_t n[2];
    char name[UNIT_NAME_MAX];
    for (int i = 0; i < 2; i++) {
        n[i] = values_of(s[i], j, &x[i]);
        for (int64_t k = 0; k < n[i]; k++)
            lo = fmin(lo, (double)x[i][k]), hi = fmax(hi, (double)x[i][k]);
    }
    if (!(lo < hi)) /* as numpy does: a bin needs a width */
        lo -= 0.5, hi += 0.5;
    activity_name(s[0], j, name);
    for (int i = 0; i < 2; i++) {
        int64_t count[BINS] = {0};
        histogram_count(x[i], n[i], lo, hi, BINS, count);
        for (int32_t b = 0; n[i] > 0 && b < BINS; b++) {
            const int64_t row = table_row(t);
            table_set_str(t, row, UNIT, name);
            table_set_str(t, row, RUN, i ? "off" : "on");
            table_set_f64(t, row, LO, lo + (hi - lo) / BINS * b);
            table_set_f64(t, row, HI, b + 1 == BINS ? hi : lo + (hi - lo) / BINS * (b + 1));
            table_set_f64(t, row, SHARE, (double)count[b] / (double)n[i]);
            table_set_i64(t, row, COUNT, count[b]);
        }
        free(x[i]);
    }
}

struct table *shift_histogram(const struct study *on, const struct study *off, int32_t most)
{
    const struct study *s[2] = {on, off};
    struct table *t = table_new("histogram", "Values with the others on and off", MARK_HIST);
    table_column(t, "unit", "", "neuron or latent", COLUMN_STR, COLUMN_FACET);
    table_column(t, "run", "", "the others on, off", COLUMN_STR, COLUMN_SERIES);
    table_column(t, "lo", "", "lower bound of the bin", COLUMN_F64, COLUMN_LO);
    table_column(t, "hi", "", "upper bound of the bin", COLUMN_F64, COLUMN_HI);
    table_column(t, "share", "share", "of the tokens that are kept", COLUMN_F64, COLUMN_Y);
    table_column(t, "count", "", "tokens in the bin", COLUMN_I64, COLUMN_TEXT);
    table_note(t, "%d bins over the joint range", BINS);
    for (int32_t j = 0; j < activity_n_units(on) && j < most; j++)
        add_histogram(t, s, j);
    return t;
}

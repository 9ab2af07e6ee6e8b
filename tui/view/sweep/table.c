#include "tui/view/sweep/table.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *const source_name[N_SWEEP_SHOWS] = {"rows", "differences", "pairs"};
static const char *const y_name[N_SWEEP_SHOWS] = {"loss_sentence_mean", "difference", "difference"};

struct columns {
    int32_t value, insert, unit, cls, y, lo, hi, n;
};

const struct table *sweep_source(const struct table_set *set, enum sweep_shows shows)
{
    const struct table *t = set ? table_set_find(set, source_name[shows]) : NULL;
    return t && t->mark == MARK_LINE ? t : NULL;
}

static struct columns columns_of(const struct table *t, enum sweep_shows shows)
{
    return (struct columns){.value = column_number(t, "value"),
                            .insert = column_text(t, "insert"),
                            .unit = column_unit(t),
                            .cls = column_text(t, "class"),
                            .y = column_number(t, y_name[shows]),
                            .lo = column_number(t, "ci95.lo"),
                            .hi = column_number(t, "ci95.hi"),
                            .n = column_number(t, shows == SWEEP_PAIRED ? "pairs" : "sentences")};
}

static bool picked(const struct table *t, const struct columns *c, int64_t row,
                   struct sweep_pick pick)
{
    if (strcmp(column_str(t, row, c->insert), pick.insert) != 0)
        return false;
    if (pick.unit.dict < 0)
        return c->unit < 0 || !table_has(t, row, c->unit);
    return unit_same(unit_in(pick.dicts, t, row, c->unit), pick.unit);
}

static struct sweep_number number_of(const struct table *t, const struct columns *c, int64_t row)
{
    double n = column_f64(t, row, c->n);
    return (struct sweep_number){.y = column_f64(t, row, c->y),
                                 .lo = column_f64(t, row, c->lo),
                                 .hi = column_f64(t, row, c->hi),
                                 .n = n > 0 && n < 1e15 ? (int64_t)n : 0};
}

static bool same_value(double a, double b)
{
    return isnan(a) ? isnan(b) : fabs(a - b) < 1e-9;
}

static struct sweep_number nothing(void)
{
    return (struct sweep_number){(double)NAN, (double)NAN, (double)NAN, 0};
}

static bool of_class(const struct table *t, const struct columns *c, int64_t row, const char *cls)
{
    return !cls || strcmp(column_str(t, row, c->cls), cls) == 0;
}

struct sweep_number sweep_at(const struct table_set *set, enum sweep_shows shows,
                             struct sweep_pick pick, double value, const char *cls)
{
    const struct table *t = sweep_source(set, shows);
    if (!t)
        return nothing();
    struct columns c = columns_of(t, shows);
    if (isnan(value))
        pick.unit = UNIT_NONE;
    for (int64_t i = 0; i < t->n_rows; i++)
        if (picked(t, &c, i, pick) && same_value(column_f64(t, i, c.value), value) &&
            of_class(t, &c, i, cls))
            return number_of(t, &c, i);
    return nothing();
}

struct sweep_number sweep_plain(const struct table_set *set, const char *cls)
{
    const struct table *t = sweep_source(set, SWEEP_LOSS);
    struct columns c = columns_of(t, SWEEP_LOSS);
    for (int64_t i = 0; t && i < t->n_rows; i++)
        if (strcmp(column_str(t, i, c.insert), "none") == 0 && of_class(t, &c, i, cls))
            return number_of(t, &c, i);
    return nothing();
}

int sweep_values(const struct table_set *set, double out[STUDY_MAX_VALUES])
{
    const struct table *t = sweep_source(set, SWEEP_LOSS);
    int32_t col = column_number(t, "value");
    int n = 0;
    for (int64_t i = 0; t && i < t->n_rows; i++) {
        double v = column_f64(t, i, col);
        int at = 0;
        while (at < n && out[at] < v - 1e-9)
            at++;
        if (!isfinite(v) || n == STUDY_MAX_VALUES || (at < n && same_value(out[at], v)))
            continue;
        memmove(out + at + 1, out + at, (size_t)(n - at) * sizeof *out);
        out[at] = v;
        n++;
    }
    return n;
}

static struct table *curve_new(enum sweep_shows shows, struct sweep_pick pick, const char *what)
{
    static const char *const title[N_SWEEP_SHOWS] = {"Loss", "Change of loss",
                                                     "Change of loss, first class minus second"};
    char all[200];
    snprintf(all, sizeof all, "%s, %s, %s", title[shows], what,
             strcmp(pick.insert, "sae") == 0     ? "SAE"
             : strcmp(pick.insert, "error") == 0 ? "SAE + error"
                                                 : pick.insert);
    struct table *t = table_new("rows", all, MARK_LINE);
    table_column(t, "value", "", "what the units are fixed at", COLUMN_F64, COLUMN_X);
    if (shows != SWEEP_PAIRED)
        table_column(t, "class", "", "class of the sentences", COLUMN_STR, COLUMN_SERIES);
    table_column(t, y_name[shows], "nats", "mean over sentences", COLUMN_F64, COLUMN_Y);
    table_column(t, "ci95.lo", "nats", "bootstrap over sentences", COLUMN_F64, COLUMN_LO);
    table_column(t, "ci95.hi", "nats", "bootstrap over sentences", COLUMN_F64, COLUMN_HI);
    return t;
}

struct table *sweep_curve(const struct table_set *set, enum sweep_shows shows,
                          struct sweep_pick pick, const char *what)
{
    const struct table *from = sweep_source(set, shows);
    struct table *t = NULL;
    struct columns c = columns_of(from, shows);
    for (int64_t i = 0; from && i < from->n_rows; i++) {
        double value = column_f64(from, i, c.value);
        struct sweep_number y = number_of(from, &c, i);
        if (!picked(from, &c, i, pick) || !isfinite(value) || !isfinite(y.y))
            continue;
        if (!t)
            t = curve_new(shows, pick, what);
        int64_t row = table_row(t);
        int32_t col = 0;
        table_set_f64(t, row, col++, value);
        if (shows != SWEEP_PAIRED)
            table_set_str(t, row, col++, column_str(from, i, c.cls));
        table_set_f64(t, row, col++, y.y);
        if (isfinite(y.lo) && isfinite(y.hi)) {
            table_set_f64(t, row, col, y.lo);
            table_set_f64(t, row, col + 1, y.hi);
        }
    }
    return t;
}

/* Tables of the stream study. */
#include "engine/base/memory.h"
#include "engine/study/stream_private.h"
#include <math.h>
#include <stdlib.h>

/* ---- of each class the means, and differences with their intervals */
struct of_class {
    struct sample mean, difference;
};

static void samples(const struct study *s, const int32_t *less, struct of_class *of)
{
    for (int32_t c = 0; c < s->in.corpus->n_classes; c++) {
        sample_of_class(&of[c].mean, &s->docs, c, NULL, s->seed);
        sample_of_class(&of[c].difference, &s->docs, c, less, s->seed);
    }
}

static void samples_release(const struct study *s, struct of_class *of)
{
    for (int32_t c = 0; c < s->in.corpus->n_classes; c++) {
        sample_release(&of[c].mean);
        sample_release(&of[c].difference);
    }
}

static void ci_columns(struct table *t, const char *name, const char *unit)
{
    char *lo = xasprintf("%s.lo", name), *hi = xasprintf("%s.hi", name);
    table_column(t, lo, unit, "bootstrap of the paired differences", COLUMN_F64, COLUMN_LO);
    table_column(t, hi, unit, "its upper end", COLUMN_F64, COLUMN_HI);
    free(lo);
    free(hi);
}

static void set_ci(struct table *t, int64_t row, int32_t col, const struct sample *q, int32_t l)
{
    table_set_f64(t, row, col, q->ci[l].lo);
    table_set_f64(t, row, col + 1, q->ci[l].hi);
}

static const char *class_name(const struct study *s, int32_t c)
{
    return s->in.corpus->cls[c].name;
}

/* ---- one a measure; less: what each column's difference is to */
static struct table *attribution(const struct study *s, const struct of_class *of)
{
    enum { POINT, CLASS, ON, OFF, DIFFERENCE, LO, TEXTS = LO + 2, LAYER };
    struct table *t =
        table_new("rows", "What the residual stream says of the next token", MARK_LINE);
    table_column(t, "point", "", "stream that enters a layer; the last one", COLUMN_STR,
                 COLUMN_TEXT);
    table_column(t, "class", "", "class of the texts", COLUMN_STR, COLUMN_SERIES);
    table_column(t, "on", "", "of the next token's logit, the units as they are", COLUMN_F64,
                 COLUMN_TEXT);
    table_column(t, "off", "", "with the units off", COLUMN_F64, COLUMN_TEXT);
    table_column(t, "difference", "", "on minus off, mean over texts", COLUMN_F64, COLUMN_Y);
    ci_columns(t, "ci95", "");
    table_column(t, "texts", "", "with a next token", COLUMN_I64, COLUMN_TEXT);
    table_column(t, "layer", "", "layers before it", COLUMN_I64, COLUMN_X);
    for (int32_t p = 0; p < s->n_points; p++)
        for (int32_t c = 0; c < s->in.corpus->n_classes; c++) {
            char name[POINT_NAME_MAX];
            const int64_t row = table_row(t);
            point_name(s->point[p], name);
            table_set_str(t, row, POINT, name);
            table_set_str(t, row, CLASS, class_name(s, c));
            table_set_f64(t, row, ON, sample_mean(&of[c].mean, p));
            table_set_f64(t, row, OFF, sample_mean(&of[c].mean, s->n_points + p));
            table_set_f64(t, row, DIFFERENCE, sample_mean(&of[c].difference, p));
            set_ci(t, row, LO, &of[c].difference, p);
            table_set_i64(t, row, TEXTS, of[c].mean.n);
            table_set_i64(t, row, LAYER, p);
        }
    table_note(t, "the final norm's scale is that %s",
               s->frozen ? "of the run with the units on" : "of the same run");
    return t;
}

static struct table *patched(const struct study *s, const struct of_class *of)
{
    enum { COMPONENT, CLASS, PLAIN, LOSS, DIFFERENCE, LO, PERCENT = LO + 2, TEXTS };
    struct table *t = table_new("rows", "Loss with one component as with the units off", MARK_BAR);
    table_column(t, "component", "", "whose output is as in the run with the units off", COLUMN_STR,
                 COLUMN_KEY);
    table_column(t, "class", "", "class of the texts", COLUMN_STR, COLUMN_SERIES);
    table_column(t, "plain", "nats", "loss with nothing patched", COLUMN_F64, COLUMN_TEXT);
    table_column(t, "loss", "nats", "mean over texts of each text's mean", COLUMN_F64, COLUMN_TEXT);
    table_column(t, "difference", "nats", "loss minus plain", COLUMN_F64, COLUMN_Y);
    ci_columns(t, "ci95", "nats");
    table_column(t, "percent", "%", "of the plain loss", COLUMN_F64, COLUMN_TEXT);
    table_column(t, "texts", "", "with a loss", COLUMN_I64, COLUMN_TEXT);
    for (int32_t p = 0; p < s->n_points; p++)
        for (int32_t c = 0; c < s->in.corpus->n_classes; c++) {
            char name[POINT_NAME_MAX];
            const int64_t row = table_row(t);
            const double plain = sample_mean(&of[c].mean, 0),
                         difference = sample_mean(&of[c].difference, 1 + p);
            point_name(s->point[p], name);
            table_set_str(t, row, COMPONENT, name);
            table_set_str(t, row, CLASS, class_name(s, c));
            table_set_f64(t, row, PLAIN, plain);
            table_set_f64(t, row, LOSS, sample_mean(&of[c].mean, 1 + p));
            table_set_f64(t, row, DIFFERENCE, difference);
            set_ci(t, row, LO, &of[c].difference, 1 + p);
            table_set_f64(t, row, PERCENT, 100 * difference / plain);
            table_set_i64(t, row, TEXTS, of[c].mean.n);
        }
    return t;
}

static struct table *effects(const struct study *s, const struct of_class *of)
{
    enum { CLASS, PLAIN, TOTAL, EACH = 3, REMAINDER = TOTAL + 3 * EACH, TEXTS };
    static const char *const name[] = {"total", "direct", "indirect"},
                             *const doc[] = {"units off minus on",
                                             "by what the units themselves write",
                                             "by what the components behind them make of it"};
    const char *unit = s->metric == 0 ? "nats" : "";
    struct table *t = table_new(
        "rows", s->metric == 0 ? "Effects on the loss" : "Effects on the logit", MARK_BAR);
    table_column(t, "class", "", "class of the texts", COLUMN_STR, COLUMN_KEY);
    table_column(t, "plain", unit, "with the units as they are", COLUMN_F64, COLUMN_TEXT);
    for (int i = 0; i < EACH; i++) {
        char *ci = xasprintf("%s_ci95", name[i]);
        table_column(t, name[i], unit, doc[i], COLUMN_F64, i ? COLUMN_TEXT : COLUMN_Y);
        ci_columns(t, ci, unit);
        free(ci);
    }
    table_column(t, "remainder", unit, "total minus direct minus indirect", COLUMN_F64,
                 COLUMN_TEXT);
    table_column(t, "texts", "", "with a next token", COLUMN_I64, COLUMN_TEXT);
    for (int32_t c = 0; c < s->in.corpus->n_classes; c++) {
        const struct sample *d = &of[c].difference;
        const int64_t row = table_row(t);
        double left = sample_mean(d, END_B);
        table_set_str(t, row, CLASS, class_name(s, c));
        table_set_f64(t, row, PLAIN, sample_mean(&of[c].mean, END_A));
        for (int i = 0; i < EACH; i++) {
            table_set_f64(t, row, TOTAL + EACH * i, sample_mean(d, END_B + i));
            set_ci(t, row, TOTAL + EACH * i + 1, d, END_B + i);
            left -= i > 0 ? sample_mean(d, END_B + i) : 0;
        }
        table_set_f64(t, row, REMAINDER, left);
        table_set_i64(t, row, TEXTS, d->n);
    }
    return t;
}

struct table_set *stream_tables(struct study *s)
{
    struct table_set *set = table_set_new();
    struct of_class of[CORPUS_MAX_CLASSES];
    int32_t *less = xcalloc((size_t)s->docs.n + 1, sizeof *less); /* the first column */
    for (int32_t i = 0; i < s->docs.n && s->measure == STREAM_ATTRIBUTION; i++)
        less[i] = s->n_points + i % s->n_points;
    samples(s, less, of);
    table_set_add(set, s->measure == STREAM_ATTRIBUTION ? attribution(s, of)
                       : s->measure == STREAM_PATCH     ? patched(s, of)
                                                        : effects(s, of));
    samples_release(s, of);
    free(less);
    return set;
}

/* The list of units: of which class, in which order, with the losses as they are measured. */
#include "engine/base/memory.h"
#include "tui/unit_words.h"
#include "tui/view/neurons/neurons_private.h"
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BESIDE = 16 }; /* rows of a whole layer whose losses are measured at a time */

static const struct table *rows_of(const struct neurons *v)
{
    return v->classified ? table_set_find(v->classified, "rows") : NULL;
}

/* ---- classes */
static int32_t mean_column(const struct table *t, int c)
{
    for (int32_t i = 0, seen = 0; t && i < t->n_cols; i++)
        if (strncmp(t->cols[i].name, "mean.", 5) == 0 && seen++ == c)
            return i;
    return -1;
}

static int n_classes(const struct table *t)
{
    int n = 0;
    while (mean_column(t, n) >= 0)
        n++;
    return n;
}

static const char *name_of(const struct table *t, int c)
{
    const int32_t col = mean_column(t, c);
    return col < 0 ? "" : t->cols[col].name + 5;
}

static int target_of(const struct neurons *v, const struct table *t)
{
    for (int c = 0; v->target && *name_of(t, c); c++)
        if (strcmp(name_of(t, c), v->target) == 0)
            return c;
    return 0;
}

const char *neurons_class(const struct neurons *v, int c)
{
    const struct table *t = rows_of(v);
    const int n = n_classes(t);
    return c < n ? name_of(t, (target_of(v, t) + c) % n) : "";
}

int neurons_class_number(const struct neurons *v, int c)
{
    const struct table *t = rows_of(v);
    const int n = n_classes(t);
    return n > 0 ? (target_of(v, t) + c) % n : 0;
}

void neurons_next_class(struct neurons *v)
{
    const char *next = neurons_class(v, 1);
    if (!*next)
        return;
    char *to = xstrdup(next);
    free(v->target);
    v->target = to;
}

/* ---- rows */
bool neurons_row(const struct neurons *v, const struct view_in *in, int at, struct neuron_row *r)
{
    const struct table *t = rows_of(v);
    if (!t || !in->workbench || at < 0 || at >= t->n_rows)
        return false;
    const int64_t row = v->order[at];
    const int n = n_classes(t), c = target_of(v, t);
    *r = (struct neuron_row){.unit = unit_in(&in->workbench->dicts, t, row, column_unit(t)),
                             .name = column_str(t, row, column_text(t, "unit")),
                             .f1 = column_f64(t, row, column_number(t, "f1")),
                             .accuracy = column_f64(t, row, column_number(t, "test_accuracy"))};
    const int32_t others = column_number(t, "mean_others");
    r->mean[0] = column_f64(t, row, mean_column(t, c));
    r->mean[1] = column_f64(t, row, others >= 0 ? others : mean_column(t, (c + 1) % (n ? n : 1)));
    memcpy(r->change, v->change[row], sizeof r->change);
    if (r->unit.dict < 0)
        return false;
    unit_label(in->workbench, r->unit, r->label);
    return true;
}

static int find(const struct neurons *v, const struct view_in *in, struct unit_id unit)
{
    struct neuron_row r;
    for (int i = 0; i < v->units.n; i++)
        if (neurons_row(v, in, i, &r) && unit_same(r.unit, unit))
            return i;
    return -1;
}

/* ---- order */
static double change_of(const struct neurons *v, int64_t row, int which)
{
    const double x = v->change[row][which];
    return isnan(x) ? -(double)INFINITY : v->ascending ? -x : x;
}

/* Those that are not measured last. */
static void sort_by_change(struct neurons *v, int64_t n, int which)
{
    for (int64_t i = 0; i < n; i++) {
        int64_t at = i;
        for (; at > 0 && change_of(v, v->order[at - 1], which) < change_of(v, i, which); at--)
            v->order[at] = v->order[at - 1];
        v->order[at] = i;
    }
}

static void arrange(struct neurons *v)
{
    const struct table *t = rows_of(v);
    const int c = target_of(v, t), n = n_classes(t);
    const int32_t others = column_number(t, "mean_others");
    const int32_t column[] = {column_number(t, "f1"),
                              mean_column(t, c),
                              others >= 0 ? others : mean_column(t, n ? (c + 1) % n : 0),
                              -1,
                              -1,
                              column_text(t, "unit")};
    if (!t)
        return;
    if (v->sort == BY_CHANGE_ON || v->sort == BY_CHANGE_OFF)
        sort_by_change(v, t->n_rows, v->sort == BY_CHANGE_OFF);
    else if (column[v->sort] >= 0)
        table_sort(t, column[v->sort], (v->sort != BY_UNIT) != v->ascending, v->order);
}

void neurons_sort_by(struct neurons *v, const struct view_in *in, enum neurons_sort by)
{
    v->ascending = by == v->sort && !v->ascending;
    v->sort = by;
    arrange(v);
    const int at = find(v, in, v->unit);
    list_select(&v->units, at < 0 ? 0 : at);
}

/* ---- what comes */
static void take_changes(struct neurons *v)
{
    const struct table *t = rows_of(v), *a = watch_table(&v->ablate, "rows");
    const int32_t units = column_text(a, "units"), cls = column_text(a, "class"),
                  percent = column_number(a, "percent"), unit = column_text(t, "unit");
    for (int64_t i = 0; t && a && i < a->n_rows; i++)
        for (int c = 0; c < 2; c++)
            for (int64_t row = 0; strcmp(column_str(a, i, cls), neurons_class(v, c)) == 0 &&
                                  *neurons_class(v, c) && row < t->n_rows;
                 row++)
                if (strcmp(column_str(t, row, unit), column_str(a, i, units)) == 0)
                    v->change[row][c] = column_f64(a, i, percent);
}

void neurons_take_rows(struct neurons *v, const struct view_in *in)
{
    struct table_set *set = watch_table(&v->classify, "rows") ? v->classify.job.tables : NULL;
    if (set && set != v->classified) {
        table_set_unref(v->classified);
        v->classified = table_set_ref(set);
        const size_t n = (size_t)rows_of(v)->n_rows;
        free(v->order);
        free(v->change);
        v->order = xcalloc(n + 1, sizeof *v->order);
        v->change = xcalloc(n + 1, sizeof *v->change);
        for (size_t i = 0; i < n; i++)
            v->change[i][0] = v->change[i][1] = NAN;
        arrange(v);
        list_resize(&v->units, n > INT_MAX ? INT_MAX : (int)n, v->units.height);
        const int at = find(v, in, v->unit);
        list_select(&v->units, at < 0 ? 0 : at);
    }
    if (!v->classified)
        return;
    take_changes(v);
    if (v->sort == BY_CHANGE_ON || v->sort == BY_CHANGE_OFF) {
        arrange(v);
        const int at = find(v, in, v->unit);
        list_select(&v->units, at < 0 ? 0 : at);
    }
}

/* Of a layer there are thousands of rows, and a frame is drawn often. */
void neurons_take_histogram(struct neurons *v, const char *unit)
{
    const struct table *t = v->classified ? table_set_find(v->classified, "histogram") : NULL;
    const int32_t col = column_text(t, "unit");
    table_free(v->histogram);
    v->histogram = NULL;
    if (!t)
        return;
    int64_t *row = xcalloc((size_t)t->n_rows + 1, sizeof *row), n = 0;
    for (int64_t i = 0; i < t->n_rows; i++)
        if (strcmp(column_str(t, i, col), unit) == 0)
            row[n++] = i;
    v->histogram = n > 0 ? table_select(t, row, n) : NULL;
    free(row);
}

int32_t neurons_beside(const struct neurons *v, const struct view_in *in, int at,
                       struct unit_id unit[UNITS_MAX])
{
    struct neuron_row r;
    int32_t n = 0;
    const int from = v->layer ? at / BESIDE * BESIDE : 0, to = v->layer ? from + BESIDE : UNITS_MAX;
    for (int i = from; i < to && n < UNITS_MAX && neurons_row(v, in, i, &r); i++)
        unit[n++] = r.unit;
    return n;
}

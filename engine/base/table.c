#include "engine/base/table.h"
#include "engine/base/memory.h"
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct table *table_new(const char *name, const char *title, enum mark mark)
{
    struct table *t = xcalloc(1, sizeof *t);
    t->name = xstrdup(name ? name : "");
    t->title = xstrdup(title ? title : "");
    t->note = xstrdup("");
    t->mark = mark;
    return t;
}

void table_free(struct table *t)
{
    if (!t)
        return;
    for (int32_t c = 0; c < t->n_cols; c++) {
        struct column *col = &t->cols[c];
        for (int64_t r = 0; col->type == COLUMN_STR && r < t->n_rows; r++)
            free(col->u.s[r]);
        free(col->u.i);
        free(col->valid);
        free(col->name);
        free(col->unit);
        free(col->doc);
    }
    free(t->cols);
    free(t->name);
    free(t->title);
    free(t->note);
    free(t);
}

void table_note(struct table *t, const char *format, ...)
{
    char *note = NULL;
    va_list args;
    va_start(args, format);
    const int n = vasprintf(&note, format, args);
    va_end(args);
    if (n < 0)
        panic("out of memory: the note of table %s", t->name);
    free(t->note);
    t->note = note;
}

/* ---- building. Cells between n_rows and cap_rows are zero, so that a new row costs nothing. */

static size_t cell_size(enum column_type type)
{
    return type == COLUMN_BOOL ? sizeof(uint8_t) : sizeof(int64_t);
}
_Static_assert(sizeof(char *) == sizeof(int64_t) && sizeof(double) == sizeof(int64_t),
               "cells of 8 bytes");

static void *grow_zeroed(void *p, int64_t from, int64_t to, size_t size)
{
    char *q = xreallocarray(p, (size_t)to, size);
    memset(q + (size_t)from * size, 0, (size_t)(to - from) * size);
    return q;
}

static void column_grow(struct column *c, int64_t from, int64_t to)
{
    c->u.i = grow_zeroed(c->u.i, from, to, cell_size(c->type));
    c->valid = grow_zeroed(c->valid, from, to, 1);
}

int32_t table_column(struct table *t, const char *name, const char *unit, const char *doc,
                     enum column_type type, enum column_role role)
{
    if (t->n_cols == INT32_MAX)
        panic("table %s: too many columns", t->name);
    t->cols = xreallocarray(t->cols, (size_t)t->n_cols + 1, sizeof *t->cols);
    struct column *c = &t->cols[t->n_cols];
    *c = (struct column){.name = xstrdup(name ? name : ""),
                         .unit = xstrdup(unit ? unit : ""),
                         .doc = xstrdup(doc ? doc : ""),
                         .type = type,
                         .role = role};
    if (t->cap_rows > 0)
        column_grow(c, 0, t->cap_rows);
    return t->n_cols++;
}

void table_reserve(struct table *t, int64_t rows)
{
    if (rows <= t->cap_rows)
        return;
    for (int32_t c = 0; c < t->n_cols; c++)
        column_grow(&t->cols[c], t->cap_rows, rows);
    t->cap_rows = rows;
}

int64_t table_row(struct table *t)
{
    if (t->n_rows == t->cap_rows) {
        if (t->cap_rows > INT64_MAX / 2)
            panic("table %s: too many rows", t->name);
        table_reserve(t, t->cap_rows < 8 ? 16 : 2 * t->cap_rows);
    }
    return t->n_rows++;
}

static struct column *cell_to_set(struct table *t, int64_t row, int32_t col, enum column_type type)
{
    if (row < 0 || row >= t->n_rows || col < 0 || col >= t->n_cols)
        panic("table %s: no cell in row %lld, column %d", t->name, (long long)row, (int)col);
    struct column *c = &t->cols[col];
    if (c->type != type)
        panic("table %s: column %s is of another type", t->name, c->name);
    c->valid[row] = 1;
    return c;
}

void table_set_i64(struct table *t, int64_t row, int32_t col, int64_t v)
{
    cell_to_set(t, row, col, COLUMN_I64)->u.i[row] = v;
}

void table_set_f64(struct table *t, int64_t row, int32_t col, double v)
{
    cell_to_set(t, row, col, COLUMN_F64)->u.f[row] = v;
}

void table_set_bool(struct table *t, int64_t row, int32_t col, bool v)
{
    cell_to_set(t, row, col, COLUMN_BOOL)->u.b[row] = v;
}

void table_set_strn(struct table *t, int64_t row, int32_t col, const char *utf8, size_t n)
{
    struct column *c = cell_to_set(t, row, col, COLUMN_STR);
    char *s = utf8 ? xstrndup(utf8, n) : NULL; /* before free: it may be the cell's own */
    free(c->u.s[row]);
    c->u.s[row] = s;
    c->valid[row] = s != NULL;
}

void table_set_str(struct table *t, int64_t row, int32_t col, const char *utf8)
{
    table_set_strn(t, row, col, utf8, utf8 ? strlen(utf8) : 0);
}

/* ---- access */

int32_t table_find(const struct table *t, const char *column)
{
    for (int32_t c = 0; c < t->n_cols; c++)
        if (strcmp(t->cols[c].name, column) == 0)
            return c;
    return -1;
}

int32_t table_with_role(const struct table *t, enum column_role role)
{
    for (int32_t c = 0; c < t->n_cols; c++)
        if (t->cols[c].role == role)
            return c;
    return -1;
}

/* A cell outside counts as missing: tables read from a file may lack what table_find looked for. */
bool table_has(const struct table *t, int64_t row, int32_t col)
{
    if (row < 0 || row >= t->n_rows || col < 0 || col >= t->n_cols)
        return false;
    const struct column *c = &t->cols[col];
    return c->valid[row] && !(c->type == COLUMN_F64 && isnan(c->u.f[row]));
}

double table_f64(const struct table *t, int64_t row, int32_t col)
{
    if (!table_has(t, row, col))
        return NAN;
    const struct column *c = &t->cols[col];
    switch (c->type) {
    case COLUMN_I64: return (double)c->u.i[row];
    case COLUMN_F64: return c->u.f[row];
    case COLUMN_BOOL: return c->u.b[row];
    case COLUMN_STR: break;
    }
    return NAN;
}

int64_t table_i64(const struct table *t, int64_t row, int32_t col)
{
    if (!table_has(t, row, col))
        return 0;
    const struct column *c = &t->cols[col];
    return c->type == COLUMN_I64 ? c->u.i[row] : c->type == COLUMN_BOOL ? c->u.b[row] : 0;
}

const char *table_str(const struct table *t, int64_t row, int32_t col)
{
    return table_has(t, row, col) && t->cols[col].type == COLUMN_STR ? t->cols[col].u.s[row] : NULL;
}

static bool cell_equal(const struct column *a, const struct column *b, int64_t row)
{
    if (a->valid[row] != b->valid[row])
        return false;
    if (!a->valid[row])
        return true;
    switch (a->type) {
    case COLUMN_I64:
    case COLUMN_F64: return a->u.i[row] == b->u.i[row]; /* the bits: NaN and −0 too */
    case COLUMN_BOOL: return a->u.b[row] == b->u.b[row];
    case COLUMN_STR: return strcmp(a->u.s[row], b->u.s[row]) == 0;
    }
    return false;
}

static bool column_equal(const struct column *a, const struct column *b, int64_t n_rows)
{
    if (strcmp(a->name, b->name) != 0 || strcmp(a->unit, b->unit) != 0 ||
        strcmp(a->doc, b->doc) != 0 || a->type != b->type || a->role != b->role)
        return false;
    for (int64_t r = 0; r < n_rows; r++)
        if (!cell_equal(a, b, r))
            return false;
    return true;
}

bool table_equal(const struct table *a, const struct table *b)
{
    if (strcmp(a->name, b->name) != 0 || strcmp(a->title, b->title) != 0 ||
        strcmp(a->note, b->note) != 0 || a->mark != b->mark || a->n_cols != b->n_cols ||
        a->n_rows != b->n_rows)
        return false;
    for (int32_t c = 0; c < a->n_cols; c++)
        if (!column_equal(&a->cols[c], &b->cols[c], a->n_rows))
            return false;
    return true;
}

/* ---- a set */

struct table_set *table_set_new(void)
{
    struct table_set *set = xcalloc(1, sizeof *set);
    atomic_init(&set->refs, 1);
    return set;
}

void table_set_add(struct table_set *set, struct table *t)
{
    if (set->n == TABLE_SET_MAX)
        panic("table %s: a set holds %d tables", t->name, TABLE_SET_MAX);
    set->table[set->n++] = t;
}

struct table_set *table_set_ref(struct table_set *set)
{
    atomic_fetch_add_explicit(&set->refs, 1, memory_order_relaxed);
    return set;
}

void table_set_unref(struct table_set *set)
{
    if (!set || atomic_fetch_sub_explicit(&set->refs, 1, memory_order_acq_rel) > 1)
        return;
    for (int32_t i = 0; i < set->n; i++)
        table_free(set->table[i]);
    free(set);
}

const struct table *table_set_find(const struct table_set *set, const char *name)
{
    for (int32_t i = 0; i < set->n; i++)
        if (strcmp(set->table[i]->name, name) == 0)
            return set->table[i];
    return NULL;
}

/* Rows and columns of tables taken together or apart. */
#include "engine/base/memory.h"
#include "engine/base/table.h"
#include <stdlib.h>
#include <string.h>

static void copy_row(struct table *to, const struct table *from, int64_t i)
{
    int64_t row = table_row(to);
    for (int32_t c = 0; c < from->n_cols; c++) {
        const struct column *col = &from->cols[c];
        if (!col->valid[i])
            continue;
        switch (col->type) {
        case COLUMN_STR: table_set_str(to, row, c, col->u.s[i]); break;
        case COLUMN_F64: table_set_f64(to, row, c, col->u.f[i]); break;
        case COLUMN_I64: table_set_i64(to, row, c, col->u.i[i]); break;
        case COLUMN_BOOL: table_set_bool(to, row, c, col->u.b[i] != 0); break;
        }
    }
}

static struct table *like(const struct table *t)
{
    struct table *s = table_new(t->name, t->title, t->mark);
    if (t->note && *t->note)
        table_note(s, "%s", t->note);
    for (int32_t c = 0; c < t->n_cols; c++) {
        const struct column *col = &t->cols[c];
        table_column(s, col->name, col->unit, col->doc, col->type, col->role);
    }
    return s;
}

struct table *table_select(const struct table *t, const int64_t *rows, int64_t n)
{
    struct table *s = like(t);
    table_reserve(s, n);
    for (int64_t i = 0; i < n; i++)
        copy_row(s, t, rows[i]);
    return s;
}

void table_rename(struct table *t, const char *name)
{
    free(t->name);
    t->name = xstrdup(name);
}

void table_rename_column(struct table *t, int32_t col, const char *name)
{
    free(t->cols[col].name);
    t->cols[col].name = xstrdup(name);
}

struct table *table_copy(const struct table *t)
{
    struct table *s = like(t);
    table_reserve(s, t->n_rows);
    table_append(s, t);
    return s;
}

void table_append(struct table *to, const struct table *from)
{
    for (int64_t i = 0; i < from->n_rows; i++)
        copy_row(to, from, i);
}

void table_move_column(struct table *t, int32_t from, int32_t to)
{
    const struct column moved = t->cols[from];
    memmove(t->cols + from, t->cols + from + 1, (size_t)(t->n_cols - 1 - from) * sizeof moved);
    memmove(t->cols + to + 1, t->cols + to, (size_t)(t->n_cols - 1 - to) * sizeof moved);
    t->cols[to] = moved;
}

void table_drop_column(struct table *t, int32_t col)
{
    struct column *c = &t->cols[col];
    for (int64_t i = 0; c->type == COLUMN_STR && i < t->n_rows; i++)
        free(c->u.s[i]);
    free(c->u.i);
    free(c->valid);
    free(c->name);
    free(c->unit);
    free(c->doc);
    t->n_cols--;
    memmove(c, c + 1, (size_t)(t->n_cols - col) * sizeof *c);
}

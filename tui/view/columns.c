#include "tui/view/columns.h"
#include <string.h>

int32_t column_number(const struct table *t, const char *name)
{
    int32_t c = t ? table_find(t, name) : -1;
    return c >= 0 && (t->cols[c].type == COLUMN_I64 || t->cols[c].type == COLUMN_F64) ? c : -1;
}

int32_t column_text(const struct table *t, const char *name)
{
    int32_t c = t ? table_find(t, name) : -1;
    return c >= 0 && t->cols[c].type == COLUMN_STR ? c : -1;
}

int32_t column_unit(const struct table *t)
{
    int32_t c = t ? table_find(t, "unit") : -1;
    if (c >= 0 && t->cols[c].type != COLUMN_I64 && t->cols[c].type != COLUMN_STR)
        c = -1;
    return c >= 0 ? c : column_number(t, "latent");
}

struct unit_id unit_in(const struct dict_set *dicts, const struct table *t, int64_t row,
                       int32_t col)
{
    struct unit_id u;
    if (col < 0 || !table_has(t, row, col))
        return UNIT_NONE;
    if (t->cols[col].type == COLUMN_STR)
        return dicts && unit_parse(dicts, table_str(t, row, col), &u, NULL) ? u : UNIT_NONE;
    return (struct unit_id){0, (int32_t)table_i64(t, row, col)};
}

int names_find(const struct names *n, const char *name)
{
    for (int i = 0; i < n->n; i++)
        if (strcmp(n->name[i], name) == 0)
            return i;
    return -1;
}

void names_of(const struct table *t, const char *column, struct names *out)
{
    int32_t col = column_text(t, column);
    *out = (struct names){0};
    for (int64_t i = 0; col >= 0 && i < t->n_rows; i++) {
        const char *s = table_str(t, i, col);
        if (s && out->n < CORPUS_MAX_CLASSES && names_find(out, s) < 0)
            out->name[out->n++] = s;
    }
}

/* Columns of a table that may come from a file: −1 unless there with this type. */
#ifndef GLIMT_VIEW_COLUMNS_H
#define GLIMT_VIEW_COLUMNS_H
#include "engine/base/table.h"
#include "engine/dict/unit.h"
#include "engine/formats/corpus.h"
#include <math.h>

int32_t column_number(const struct table *, const char *name); /* I64 or F64 */
int32_t column_text(const struct table *, const char *name);
/* The column that says which unit a row is of, by its number in a set of one or by its name; and
 * the unit: UNIT_NONE where the cell is missing, or of no unit there. */
int32_t column_unit(const struct table *);
struct unit_id unit_in(const struct dict_set *, const struct table *, int64_t row, int32_t col);
static inline double column_f64(const struct table *t, int64_t row, int32_t col)
{
    return col < 0 ? (double)NAN : table_f64(t, row, col); /* NaN: missing */
}
static inline const char *column_str(const struct table *t, int64_t row, int32_t col)
{
    const char *s = col < 0 ? NULL : table_str(t, row, col);
    return s ? s : ""; /* missing */
}

/* The names in a text column in the order they come in; how many. Borrowed from the table. */
struct names {
    int n;
    const char *name[CORPUS_MAX_CLASSES];
};
void names_of(const struct table *, const char *column, struct names *out);
int names_find(const struct names *, const char *name); /* −1 */
#endif

#include "engine/base/memory.h"
#include "engine/base/table.h"
#include "engine/base/table_private.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct place {    /* of a column in a row's object */
    char *whole;  /* the name; of a pair of bounds without .lo */
    char *parts;  /* the same, each '.' a NUL */
    size_t n;     /* bytes of both without the last NUL */
    bool pair;    /* this column and the next: [lo, hi] */
    bool skipped; /* the second of a pair */
};

static bool ends_with(const char *s, const char *end)
{
    const size_t n = strlen(s), m = strlen(end);
    return n > m && strcmp(s + n - m, end) == 0;
}

/* Bounds, NAME.lo with NAME.hi behind it? By role too: Lao and Hindi are classes "lo" and "hi". */
static bool is_pair(const struct table *t, int32_t col)
{
    if (col < 0 || col + 1 >= t->n_cols)
        return false;
    const char *lo = t->cols[col].name, *hi = t->cols[col + 1].name;
    return t->cols[col].role == COLUMN_LO && t->cols[col + 1].role == COLUMN_HI &&
           ends_with(lo, ".lo") && ends_with(hi, ".hi") && strlen(lo) == strlen(hi) &&
           memcmp(lo, hi, strlen(lo) - 3) == 0;
}

static struct place place_of(const struct table *t, int32_t col)
{
    struct place p = {.pair = is_pair(t, col), .skipped = is_pair(t, col - 1)};
    const char *name = t->cols[col].name;
    struct strbuf key;
    strbuf_init(&key);
    utf8_write(&key, name, strlen(name) - (p.pair ? 3 : 0));
    p.n = key.len;
    p.whole = strbuf_detach(&key);
    p.parts = xstrdup(p.whole);
    for (size_t i = 0; i < p.n; i++)
        if (p.parts[i] == '.')
            p.parts[i] = '\0';
    return p;
}

static void put(json_t *object, const char *key, json_t *value)
{
    if (json_object_set_new(object, key, value) != 0)
        panic("writing JSON: out of memory");
}

/* Where a plain value stands in the way of nesting, what is left of the name is one key. */
static void put_at(json_t *row, const struct place *p, json_t *value)
{
    size_t at = 0;
    while (at + strlen(p->parts + at) < p->n) {
        const char *part = p->parts + at;
        json_t *inner = json_object_get(row, part);
        if (inner == NULL) {
            inner = json_object();
            put(row, part, inner);
        }
        if (!json_is_object(inner))
            break;
        row = inner;
        at += strlen(part) + 1;
    }
    put(row, p->whole + at, value);
}

static json_t *cell_value(const struct table *t, int64_t row, int32_t col)
{
    json_t *value = NULL;
    if (!table_has(t, row, col))
        return json_null();
    switch (t->cols[col].type) {
    case COLUMN_I64: value = json_integer(table_i64(t, row, col)); break;
    case COLUMN_F64: value = json_real(table_f64(t, row, col)); break; /* NULL: infinite */
    case COLUMN_BOOL: value = json_boolean(table_i64(t, row, col)); break;
    case COLUMN_STR: value = json_string(table_str(t, row, col)); break; /* NULL: no UTF-8 */
    }
    return value ? value : json_null();
}

static json_t *row_object(const struct table *t, int64_t row, const struct place *places)
{
    json_t *object = json_object();
    for (int32_t c = 0; c < t->n_cols; c++) {
        if (places[c].skipped)
            continue;
        json_t *value = cell_value(t, row, c);
        if (places[c].pair) {
            json_t *pair = json_array();
            if (json_array_append_new(pair, value) != 0 ||
                json_array_append_new(pair, cell_value(t, row, c + 1)) != 0)
                panic("writing JSON: out of memory");
            value = pair;
        }
        put_at(object, &places[c], value);
    }
    return object;
}

json_t *table_json(const struct table *t)
{
    struct place *places = xcalloc((size_t)t->n_cols, sizeof *places);
    for (int32_t c = 0; c < t->n_cols; c++)
        places[c] = place_of(t, c);
    json_t *rows = json_array();
    for (int64_t r = 0; r < t->n_rows; r++)
        if (json_array_append_new(rows, row_object(t, r, places)) != 0)
            panic("writing JSON: out of memory");
    for (int32_t c = 0; c < t->n_cols; c++) {
        free(places[c].whole);
        free(places[c].parts);
    }
    free(places);
    return rows;
}

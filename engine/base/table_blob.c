/* A table as bytes, all numbers little-endian:
 *
 *   "glimttab", u32 version, u32 mark, u32 columns, u64 rows, name, title, note
 *   each column: name, unit, doc, u8 type, u8 role, u8 whole
 *                whole 0: a bit a row, from the lowest, 1: there; else none is missing
 *                the cells: I64 and F64 8 bytes, BOOL 1 byte, STR u32 length and bytes
 *
 * A string is u32 length and bytes without a NUL. Missing cells are zero. */
#include "engine/base/memory.h"
#include "engine/base/table.h"
#include <stdlib.h>
#include <string.h>

static const char magic[8] = "glimttab";
enum { VERSION = 1, LEAST_COLUMN = 3 * 4 + 3 };

static void add_number(struct strbuf *out, uint64_t v, size_t n_bytes)
{
    char le[8];
    for (size_t i = 0; i < n_bytes; i++)
        le[i] = (char)(v >> (8 * i) & 255);
    strbuf_add(out, le, n_bytes);
}

static void add_string(struct strbuf *out, const char *s)
{
    const size_t n = s ? strlen(s) : 0;
    if (n > UINT32_MAX)
        panic("a table's text of %zu bytes", n);
    add_number(out, n, 4);
    strbuf_add(out, s ? s : "", n);
}

static void add_valid(struct strbuf *out, const struct column *c, int64_t n_rows)
{
    const bool whole = n_rows == 0 || memchr(c->valid, 0, (size_t)n_rows) == NULL;
    add_number(out, whole, 1);
    for (int64_t r = 0; r < n_rows && !whole; r += 8) {
        uint64_t bits = 0;
        for (int64_t i = r; i < n_rows && i < r + 8; i++)
            bits |= (uint64_t)(c->valid[i] != 0) << (i - r);
        add_number(out, bits, 1);
    }
}

static void add_cell(struct strbuf *out, const struct column *c, int64_t row)
{
    switch (c->type) {
    case COLUMN_I64:
    case COLUMN_F64: add_number(out, c->valid[row] ? (uint64_t)c->u.i[row] : 0, 8); break;
    case COLUMN_BOOL: add_number(out, c->valid[row] ? c->u.b[row] : 0, 1); break;
    case COLUMN_STR: add_string(out, c->u.s[row]); break;
    }
}

void table_write_blob(const struct table *t, struct strbuf *out)
{
    const int64_t n_rows = t->n_cols > 0 ? t->n_rows : 0; /* without columns nothing bounds them */
    strbuf_add(out, magic, sizeof magic);
    add_number(out, VERSION, 4);
    add_number(out, (uint64_t)t->mark, 4);
    add_number(out, (uint64_t)t->n_cols, 4);
    add_number(out, (uint64_t)n_rows, 8);
    add_string(out, t->name);
    add_string(out, t->title);
    add_string(out, t->note);
    for (int32_t i = 0; i < t->n_cols; i++) {
        const struct column *c = &t->cols[i];
        add_string(out, c->name);
        add_string(out, c->unit);
        add_string(out, c->doc);
        add_number(out, (uint64_t)c->type, 1);
        add_number(out, (uint64_t)c->role, 1);
        add_valid(out, c, n_rows);
        for (int64_t r = 0; r < n_rows; r++)
            add_cell(out, c, r);
    }
}

/* ---- reading what nobody vouches for */

struct cursor {
    const uint8_t *p;
    size_t n; /* left */
};

static bool take(struct cursor *in, size_t n, const uint8_t **p)
{
    if (n > in->n)
        return false;
    *p = in->p;
    in->p += n, in->n -= n;
    return true;
}

static bool take_number(struct cursor *in, size_t n_bytes, uint64_t *v)
{
    const uint8_t *p;
    if (!take(in, n_bytes, &p))
        return false;
    *v = 0;
    for (size_t i = 0; i < n_bytes; i++)
        *v |= (uint64_t)p[i] << (8 * i);
    return true;
}

static bool take_string(struct cursor *in, char **s)
{
    const uint8_t *p;
    uint64_t n;
    if (!take_number(in, 4, &n) || !take(in, n, &p) || memchr(p, 0, n) != NULL)
        return false;
    *s = xstrndup((const char *)p, n);
    return true;
}

static bool replace_string(struct cursor *in, char **s)
{
    char *new = NULL;
    if (!take_string(in, &new))
        return false;
    free(*s);
    *s = new;
    return true;
}

/* The cells' least size stands in what is left before any room is made for them. */
static bool rows_fit(const struct cursor *in, enum column_type type, bool whole, uint64_t n_rows)
{
    const uint64_t each = type == COLUMN_BOOL ? 1 : type == COLUMN_STR ? 4 : 8;
    size_t cells, least;
    return size_mul(n_rows, each, &cells) &&
           size_add(cells, whole ? 0 : n_rows / 8 + (n_rows % 8 != 0), &least) && least <= in->n;
}

static bool take_cell(struct cursor *in, struct column *c, int64_t row)
{
    uint64_t v;
    switch (c->type) {
    case COLUMN_I64:
    case COLUMN_F64:
        if (!take_number(in, 8, &v))
            return false;
        c->u.i[row] = (int64_t)v;
        return c->valid[row] || v == 0;
    case COLUMN_BOOL:
        if (!take_number(in, 1, &v) || v > c->valid[row])
            return false;
        c->u.b[row] = (uint8_t)v;
        return true;
    case COLUMN_STR:
        if (c->valid[row])
            return take_string(in, &c->u.s[row]);
        return take_number(in, 4, &v) && v == 0;
    }
    return false;
}

/* rows_fit has found that the bits are there. */
static void take_valid(struct cursor *in, struct column *c, bool whole, uint64_t n_rows)
{
    const uint8_t *bits = NULL;
    if (!whole)
        take(in, n_rows / 8 + (n_rows % 8 != 0), &bits);
    for (uint64_t r = 0; r < n_rows; r++) {
        const bool there = whole || (bits[r / 8] >> (r % 8) & 1) != 0;
        c->valid[r] = there;
    }
}

/* The header of a column and its validity; its cells are zero yet. */
static bool take_column(struct cursor *in, struct table *t, uint64_t n_rows, struct error *e)
{
    char *text[3] = {NULL, NULL, NULL}; /* name, unit, doc */
    uint64_t type = 0, role = 0, whole = 0;
    bool ok = true;
    for (int i = 0; i < 3 && ok; i++)
        ok = take_string(in, &text[i]);
    ok = ok && take_number(in, 1, &type) && take_number(in, 1, &role) && take_number(in, 1, &whole);
    if (!ok)
        error_set(e, ERROR_INPUT, "reading a table: column %d ends early or holds a NUL",
                  (int)t->n_cols);
    else if (type > COLUMN_BOOL || role > COLUMN_FACET || whole > 1)
        ok = error_set(e, ERROR_INPUT,
                       "reading a table: column %d is of type %u, role %u, whole %u, unknown here",
                       (int)t->n_cols, (unsigned)type, (unsigned)role, (unsigned)whole);
    else if (!rows_fit(in, (enum column_type)type, whole, n_rows))
        ok = error_set(e, ERROR_INPUT,
                       "reading a table: column %d of %llu rows does not fit in %zu bytes",
                       (int)t->n_cols, (unsigned long long)n_rows, in->n);
    if (ok) {
        table_reserve(t, (int64_t)n_rows);
        const int32_t col = table_column(t, text[0], text[1], text[2], (enum column_type)type,
                                         (enum column_role)role);
        t->n_rows = (int64_t)n_rows;
        take_valid(in, &t->cols[col], whole, n_rows);
    }
    for (int i = 0; i < 3; i++)
        free(text[i]);
    return ok;
}

static bool take_head(struct cursor *in, struct table *t, uint64_t *n_cols, uint64_t *n_rows,
                      struct error *e)
{
    const uint8_t *p;
    uint64_t version, mark;
    if (!take(in, sizeof magic, &p) || memcmp(p, magic, sizeof magic) != 0 ||
        !take_number(in, 4, &version))
        return error_set(e, ERROR_INPUT, "reading a table: it does not begin as one");
    if (version != VERSION)
        return error_set(e, ERROR_INPUT, "reading a table: version %u, expected %d",
                         (unsigned)version, VERSION);
    if (!take_number(in, 4, &mark) || !take_number(in, 4, n_cols) || !take_number(in, 8, n_rows) ||
        !replace_string(in, &t->name) || !replace_string(in, &t->title) ||
        !replace_string(in, &t->note))
        return error_set(e, ERROR_INPUT, "reading a table: its head ends early or holds a NUL");
    if (mark >= N_MARKS)
        return error_set(e, ERROR_INPUT, "reading a table: mark %u is unknown", (unsigned)mark);
    if (*n_cols > INT32_MAX || *n_cols > in->n / LEAST_COLUMN || *n_rows > INT64_MAX / 8 ||
        (*n_cols == 0 && *n_rows > 0))
        return error_set(e, ERROR_INPUT,
                         "reading a table: %llu columns of %llu rows do not fit in %zu bytes",
                         (unsigned long long)*n_cols, (unsigned long long)*n_rows, in->n);
    t->mark = (enum mark)mark;
    return true;
}

struct table *table_read_blob(const void *p, size_t n, struct error *e)
{
    struct cursor in = {p, n};
    struct table *t = table_new("", "", MARK_LIST);
    uint64_t n_cols = 0, n_rows = 0;
    if (!take_head(&in, t, &n_cols, &n_rows, e))
        goto bad;
    for (uint64_t i = 0; i < n_cols; i++) {
        if (!take_column(&in, t, n_rows, e))
            goto bad;
        for (int64_t r = 0; r < t->n_rows; r++)
            if (!take_cell(&in, &t->cols[i], r)) {
                error_set(e, ERROR_INPUT, "reading a table: column %s, row %lld makes no value",
                          t->cols[i].name, (long long)r);
                goto bad;
            }
    }
    if (in.n == 0)
        return t;
    error_set(e, ERROR_INPUT, "reading a table: %zu bytes too many", in.n);
bad:
    table_free(t);
    return NULL;
}

/* The one form of a result: typed, named columns with units and plot roles, and a mark that says
 * how it is drawn. One text, JSON, CSV, blob and plot writer serves every experiment.
 *
 * A table is built by one owner (table_new, table_column, table_row, table_set_…), then handed on
 * inside a table_set, which is immutable and shared by reference count. */
#ifndef GLIMT_BASE_TABLE_H
#define GLIMT_BASE_TABLE_H
#include "engine/base/error.h"
#include "engine/base/strbuf.h"
#include <jansson.h>
#include <stdatomic.h>
#include <stdint.h>

enum column_type { COLUMN_I64, COLUMN_F64, COLUMN_STR, COLUMN_BOOL };
enum column_role { /* what a column is to a plot */
                   COLUMN_TEXT,
                   COLUMN_KEY,
                   COLUMN_X,
                   COLUMN_Y,
                   COLUMN_LO, /* bounds of the column before it (Y), or of a bin (X) */
                   COLUMN_HI,
                   COLUMN_SERIES,
                   COLUMN_FACET /* one panel a value */
};
enum mark {
    MARK_LIST,
    MARK_LINE,
    MARK_BAR,
    MARK_HIST,
    MARK_HEAT,
    MARK_SCATTER,
    MARK_GRAPH,
    MARK_TEXT, /* a token a row: running text, coloured by Y */
    N_MARKS
};

struct column {
    char *name; /* "fire_share.da": nests in JSON; NAME.lo (LO) and NAME.hi (HI) side by side:
                 * "NAME":[lo, hi] */
    char *unit; /* "nats", "" */
    char *doc;  /* one line */
    enum column_type type;
    enum column_role role;
    union {
        int64_t *i;
        double *f; /* NaN counts as missing in every writer */
        char **s;  /* NULL: missing */
        uint8_t *b;
    } u;            /* [cap_rows] */
    uint8_t *valid; /* [cap_rows]; 0: missing */
};

struct table {
    char *name;  /* its key in JSON: "rows", "promoted" */
    char *title; /* for people and plots */
    char *note;  /* small print below; "" */
    enum mark mark;
    int32_t n_cols;
    int64_t n_rows, cap_rows;
    struct column *cols;
};

struct table *table_new(const char *name, const char *title, enum mark);
void table_free(struct table *);
void table_note(struct table *, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Adds a column (to all rows there are: missing); its index. */
int32_t table_column(struct table *, const char *name, const char *unit, const char *doc,
                     enum column_type, enum column_role);
/* Adds a row in which everything is missing; its index. Amortised constant. */
int64_t table_row(struct table *);
void table_reserve(struct table *, int64_t rows);
void table_set_i64(struct table *, int64_t row, int32_t col, int64_t v);
void table_set_f64(struct table *, int64_t row, int32_t col, double v);
void table_set_str(struct table *, int64_t row, int32_t col, const char *utf8); /* copied */
void table_set_strn(struct table *, int64_t row, int32_t col, const char *utf8, size_t n);
void table_set_bool(struct table *, int64_t row, int32_t col, bool v);

int32_t table_find(const struct table *, const char *column); /* −1: none */
/* The first column with a role; −1: none. */
int32_t table_with_role(const struct table *, enum column_role);
/* There, no NaN; a cell outside the table is missing, for these four. */
bool table_has(const struct table *, int64_t row, int32_t col);
double table_f64(const struct table *, int64_t row, int32_t col); /* I64, F64, BOOL; NaN: missing */
int64_t table_i64(const struct table *, int64_t row, int32_t col);     /* I64, BOOL; 0: missing */
const char *table_str(const struct table *, int64_t row, int32_t col); /* STR; NULL: missing */
bool table_equal(const struct table *, const struct table *);          /* bit for bit */

/* Row numbers in the order of a column: missing last, equal ones in row order (stable). order:
 * [n_rows], the caller's. 65,536 rows of numbers take a few ms. */
void table_sort(const struct table *, int32_t col, bool descending, int64_t *order);

/* A new table of the n rows given, in that order. */
struct table *table_select(const struct table *, const int64_t *rows, int64_t n);
void table_rename(struct table *, const char *name);
void table_rename_column(struct table *, int32_t col, const char *name);
struct table *table_copy(const struct table *);
/* The column at `from` is then at `to`; the others keep their order. */
void table_move_column(struct table *, int32_t from, int32_t to);
void table_drop_column(struct table *, int32_t col);
/* Adds all rows of a table with the same columns. */
void table_append(struct table *to, const struct table *from);

/* ---- writers. Numbers never depend on the locale. */
struct table_text { /* how a table is printed for people */
    int columns;    /* of the screen: the last TEXT column is cut, numbers never; 0: no limit */
    /* What still does not fit is left out, and named below: columns of these names ("mean_pre.*":
     * all of a group) in this order, NULL-terminated, then from the right; never the first, KEY,
     * SERIES and X. NULL: nothing is left out. */
    const char *const *least;
    const char *elsewhere; /* where it is to be had: " (wider terminal, …)"; NULL: unsaid */
    int64_t rows;          /* at most so many, then "… N more"; 0: all */
    const int64_t *order;  /* NULL: row order */
    bool ascii;
};
/* Headings with units, numbers right-aligned to their significant digits, shares as per cent when
 * the unit is "share"; strings with control characters escaped. */
void table_write_text(const struct table *, const struct table_text *, struct strbuf *);
/* RFC 4180, LF, a header row of names; missing: empty; floats with 9 significant digits. */
void table_write_csv(const struct table *, struct strbuf *);
/* An array of row objects, keyed by column (glimt.1, JSON OF THE STUDIES); a new reference. */
json_t *table_json(const struct table *);
/* Column-wise, little-endian, versioned. table_read_blob takes untrusted bytes: every size is
 * checked; NULL and *e (ERROR_INPUT) when they make no table. */
void table_write_blob(const struct table *, struct strbuf *);
struct table *table_read_blob(const void *p, size_t n, struct error *e);

/* ---- a set: what a study gives */
#define TABLE_SET_MAX 16
struct table_set {
    atomic_int refs;
    int32_t n;
    struct table *table[TABLE_SET_MAX]; /* owned */
};
struct table_set *table_set_new(void); /* one reference */
void table_set_add(struct table_set *,
                   struct table *); /* takes it over; before it is shared only */
struct table_set *table_set_ref(struct table_set *);
void table_set_unref(struct table_set *); /* frees with the last; NULL is fine */
const struct table *table_set_find(const struct table_set *, const char *name); /* NULL: none */
#endif

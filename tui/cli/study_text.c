/* Results of studies in forms of their own: examples as a concordance, lists for a spreadsheet. */
#include "engine/base/memory.h"
#include "tui/cli/study.h"
#include "tui/term/grid.h"
#include <stdlib.h>
#include <string.h>

/* ---- examples: one below the other, the tokens in one column */
enum { MOST_BEFORE = 36 }; /* columns of text before the token */

struct context { /* what stands before and behind the token, and the token */
    const char *text;
    size_t start, end, n;
};

static struct context context_of(const struct table *t, int64_t row)
{
    const char *text = table_str(t, row, table_find(t, "text"));
    struct context c = {.text = text ? text : ""};
    c.n = strlen(c.text);
    int64_t start = table_i64(t, row, table_find(t, "start"));
    int64_t end = table_i64(t, row, table_find(t, "end"));
    c.end = end < 0 || (uint64_t)end > c.n ? c.n : (size_t)end;
    c.start = start < 0 || (uint64_t)start > c.end ? c.end : (size_t)start;
    return c;
}

/* From where the text before the token fits; its columns. */
static size_t from_where(const struct context *c, int *columns)
{
    size_t from = 0;
    *columns = text_columns(c->text, c->start);
    while (*columns > MOST_BEFORE) {
        char glyph[GRID_GLYPH_MAX];
        int width;
        from += text_cluster(c->text + from, c->start - from, &width, glyph);
        *columns -= width;
    }
    return from;
}

static void add_context(struct strbuf *out, const struct context *c, int before)
{
    int columns;
    size_t from = from_where(c, &columns);
    for (int i = columns + (from > 0); i < before; i++)
        strbuf_addc(out, ' ');
    if (from > 0)
        strbuf_adds(out, "…");
    strbuf_add(out, c->text + from, c->start - from);
    strbuf_adds(out, "‹");
    strbuf_add(out, c->text + c->start, c->end - c->start);
    strbuf_adds(out, "›");
    strbuf_add(out, c->text + c->end, c->n - c->end);
}

static int columns_before(const struct table *t)
{
    int most = 0;
    for (int64_t i = 0; i < t->n_rows; i++) {
        struct context c = context_of(t, i);
        int columns;
        size_t from = from_where(&c, &columns);
        most = columns + (from > 0) > most ? columns + (from > 0) : most;
    }
    return most;
}

static void note_silent(const struct inquiry *q, const struct table *from, struct table *t)
{
    const struct unit_id *unit;
    int32_t n = request_units(&q->request, &unit);
    if (n == 0) {
        unit = q->wb->chosen;
        n = q->wb->n_chosen;
    }
    const int32_t named = table_find(from, "unit");
    struct strbuf ids;
    strbuf_init(&ids);
    for (int32_t i = 0; i < n; i++) {
        bool fires = false;
        char name[UNIT_NAME_MAX];
        unit_name(&q->wb->dicts, unit[i], name);
        for (int64_t r = 0; r < from->n_rows && !fires; r++)
            fires = named >= 0 ? strcmp(table_str(from, r, named), name) == 0
                               : table_i64(from, r, table_find(from, "latent")) == unit[i].index;
        if (!fires)
            strbuf_addf(&ids, "%s%s", ids.len > 0 ? ", " : "", name);
    }
    if (ids.len > 0)
        table_note(t, "never active on this corpus: %s", ids.s);
    strbuf_release(&ids);
}

struct table *examples_text(const struct inquiry *q)
{
    const struct table *from = inquiry_table(q, "rows");
    struct table *t = table_new("rows", from->title, MARK_LIST);
    int before = columns_before(from);
    struct strbuf line;
    const int32_t named = table_find(from, "unit");
    if (named >= 0)
        table_column(t, "unit", "", "name", COLUMN_STR, COLUMN_KEY);
    else
        table_column(t, "latent", "", "index", COLUMN_I64, COLUMN_KEY);
    table_column(t, "class", "", "of the sentence", COLUMN_STR, COLUMN_TEXT);
    table_column(t, "quantile", "", "of the activation", COLUMN_STR, COLUMN_TEXT);
    table_column(t, "value", "", "activation", COLUMN_F64, COLUMN_TEXT);
    table_column(t, "text", "", "with the token marked", COLUMN_STR, COLUMN_TEXT);
    strbuf_init(&line);
    for (int64_t i = 0; i < from->n_rows; i++) {
        struct context c = context_of(from, i);
        int64_t row = table_row(t);
        strbuf_clear(&line);
        add_context(&line, &c, before);
        if (named >= 0)
            table_set_str(t, row, 0, table_str(from, i, named));
        else
            table_set_i64(t, row, 0, table_i64(from, i, table_find(from, "latent")));
        table_set_str(t, row, 1, table_str(from, i, table_find(from, "class")));
        char quantile[16];
        snprintf(quantile, sizeof quantile, "%s%.3f",
                 table_i64(from, i, table_find(from, "exact")) ? "" : "≈",
                 table_f64(from, i, table_find(from, "quantile")));
        table_set_str(t, row, 2, quantile);
        table_set_f64(t, row, 3, table_f64(from, i, table_find(from, "value")));
        table_set_str(t, row, 4, line.s);
    }
    strbuf_release(&line);
    note_silent(q, from, t);
    return t;
}

/* ---- the logit lens: one table */
static void copy_cell(const struct table *from, int64_t i, const char *name, struct table *t,
                      int64_t row, int32_t col)
{
    int32_t c = table_find(from, name);
    if (!table_has(from, i, c))
        return;
    switch (from->cols[c].type) {
    case COLUMN_I64:
    case COLUMN_BOOL: table_set_i64(t, row, col, table_i64(from, i, c)); break;
    case COLUMN_F64: table_set_f64(t, row, col, table_f64(from, i, c)); break;
    case COLUMN_STR: table_set_str(t, row, col, table_str(from, i, c)); break;
    }
}

struct table *lens_csv(const struct inquiry *q)
{
    static const char *const lists[] = {"promoted", "suppressed", "neighbours"};
    static const struct {
        const char *name;
        enum column_type type;
    } columns[] = {{"list", COLUMN_STR},  {"unit", COLUMN_STR},  {"latent", COLUMN_I64},
                   {"id", COLUMN_I64},    {"text", COLUMN_STR},  {"bytes", COLUMN_STR},
                   {"logit", COLUMN_F64}, {"other", COLUMN_I64}, {"cosine", COLUMN_F64}};
    struct table *t = table_new("lists", "Logit lens", MARK_LIST);
    const bool named = table_find(inquiry_table(q, lists[0]), "unit") >= 0;
    for (size_t c = 0; c < sizeof columns / sizeof *columns; c++)
        if (named || strcmp(columns[c].name, "unit") != 0)
            table_column(t, columns[c].name, "", "", columns[c].type, COLUMN_TEXT);
    for (size_t l = 0; l < sizeof lists / sizeof *lists; l++) {
        const struct table *from = inquiry_table(q, lists[l]);
        for (int64_t i = 0; from && i < from->n_rows; i++) {
            int64_t row = table_row(t);
            table_set_str(t, row, 0, lists[l]);
            for (int32_t c = 1; c < t->n_cols; c++)
                copy_cell(from, i, t->cols[c].name, t, row, c);
        }
    }
    return t;
}

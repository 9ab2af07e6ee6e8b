#include "engine/base/table.h"
#include "engine/base/table_private.h"
#include <string.h>

/* An empty string is quoted: nothing at all is a missing one. */
static void write_field(struct strbuf *out, const char *s)
{
    if (*s != '\0' && strpbrk(s, ",\"\r\n") == NULL) {
        utf8_write(out, s, strlen(s));
        return;
    }
    strbuf_addc(out, '"');
    for (const char *quote; (quote = strchr(s, '"')) != NULL; s = quote + 1) {
        utf8_write(out, s, (size_t)(quote - s));
        strbuf_adds(out, "\"\"");
    }
    utf8_write(out, s, strlen(s));
    strbuf_addc(out, '"');
}

static void write_cell(const struct table *t, int64_t row, int32_t col, struct strbuf *out)
{
    if (!table_has(t, row, col))
        return;
    switch (t->cols[col].type) {
    case COLUMN_I64: strbuf_addf(out, "%lld", (long long)table_i64(t, row, col)); break;
    case COLUMN_F64: number_write(out, NUMBER_SHORTEST, 9, table_f64(t, row, col)); break;
    case COLUMN_BOOL: strbuf_adds(out, table_i64(t, row, col) ? "true" : "false"); break;
    case COLUMN_STR: write_field(out, table_str(t, row, col)); break;
    }
}

void table_write_csv(const struct table *t, struct strbuf *out)
{
    for (int32_t c = 0; c < t->n_cols; c++) {
        if (c > 0)
            strbuf_addc(out, ',');
        write_field(out, t->cols[c].name);
    }
    if (t->n_cols > 0)
        strbuf_addc(out, '\n');
    for (int64_t r = 0; r < t->n_rows && t->n_cols > 0; r++) {
        for (int32_t c = 0; c < t->n_cols; c++) {
            if (c > 0)
                strbuf_addc(out, ',');
            write_cell(t, r, c, out);
        }
        strbuf_addc(out, '\n');
    }
}

#include "engine/base/memory.h"
#include "engine/base/table.h"
#include "engine/base/table_private.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

enum {
    GAP = 2,            /* blanks between columns */
    MOST_WHOLE = 9,     /* digits before the point; more, or a value below 1e-4: scientific */
    LEAST_TEXT = 12,    /* columns that a cut text keeps */
    HEADING_LINES = 4,  /* that a heading may be broken into when the screen is narrow */
    DIGITS = 3,         /* significant ones */
    DIGITS_OF_LOSS = 4, /* differences of losses are in the third and fourth */
};

/* ---- text in columns of the screen */

/* Columns that terminals agree on; −1: shown as an escape (controls, directions, unassigned). */
static int code_width(int32_t code)
{
    const int width = utf8proc_charwidth(code);
    switch (utf8proc_category(code)) {
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP: return -1;
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_ME: return 0;
    case UTF8PROC_CATEGORY_MC: return width == 0 ? 1 : width;
    default: return width > 0 ? width : -1;
    }
}

/* One code point or invalid byte at s as it is shown, its bytes in *len; its columns. */
static int add_shown(struct strbuf *out, const char *s, size_t n, bool ascii, size_t *len)
{
    const char *open = ascii ? "<" : "‹", *close = ascii ? ">" : "›";
    const size_t from = out->len;
    const int32_t code = code_at(s, n, len);
    const int width = code < 0 ? -1 : code_width(code);
    if (width >= 0) {
        strbuf_add(out, s, *len);
        return width;
    }
    if (code < 0x80)
        strbuf_addf(out, "%s%02X%s", open, (unsigned)(unsigned char)*s, close);
    else
        strbuf_addf(out, "%sU+%04X%s", open, (unsigned)code, close);
    return (int)(out->len - from - strlen(open) - strlen(close)) + 2;
}

/* At most `room` columns of a string (0: all), the rest a "…"; the columns used. */
static int add_text(struct strbuf *out, const char *s, int room, bool ascii)
{
    const char *dots = ascii ? "..." : "…";
    const int n_dots = ascii ? 3 : 1;
    const size_t n = strlen(s);
    size_t len, fits = out->len;
    int used = 0, used_fits = 0;
    for (size_t i = 0; i < n; i += len) {
        used += add_shown(out, s + i, n - i, ascii, &len);
        if (room > 0 && used > room) {
            out->s[fits] = '\0';
            out->len = fits;
            strbuf_adds(out, dots);
            return used_fits + n_dots;
        }
        if (used <= room - n_dots)
            used_fits = used, fits = out->len;
    }
    return used;
}

static int text_width(const char *s, bool ascii)
{
    struct strbuf b;
    strbuf_init(&b);
    const int width = add_text(&b, s, 0, ascii);
    strbuf_release(&b);
    return width;
}

static void add_blanks(struct strbuf *out, int n)
{
    for (; n > 0; n--)
        strbuf_addc(out, ' ');
}

/* ---- numbers */

struct shape { /* how a column is shown */
    int width;
    int digits;     /* significant ones of a F64 */
    int decimals;   /* at most so many: zeros that all cells end in say nothing */
    int behind;     /* columns from the point on, of the cell with most */
    bool right;     /* numbers */
    bool floating;  /* F64 that is no share: its points stand below each other … */
    bool unaligned; /* … unless a value is scientific */
    bool cut;       /* to width */
    bool hidden;    /* no room for it */
    char *heading[HEADING_LINES];
    int n_heading;
};

struct picture {
    const struct table *t;
    const struct table_text *how;
    int64_t n_rows; /* shown */
    struct shape *shape;
};

static bool is_share(const struct column *c)
{
    return c->type == COLUMN_F64 && strcmp(c->unit, "share") == 0;
}

/* Decimals that show `digits` significant ones; −1: scientific. */
static int decimals_of(double v, int digits)
{
    if (v == 0)
        return 0;
    struct strbuf b;
    strbuf_init(&b);
    number_write(&b, NUMBER_SCIENTIFIC, digits - 1, v); /* rounds: 9.999 has the exponent 1 */
    const int exponent = atoi(strchr(b.s, 'e') + 1);
    strbuf_release(&b);
    if (exponent < -4 || exponent >= MOST_WHOLE)
        return -1;
    return exponent < digits - 1 ? digits - 1 - exponent : 0;
}

/* Without the zeros it ends in. */
static int decimals_needed(double v, int decimals)
{
    struct strbuf b;
    strbuf_init(&b);
    number_write(&b, NUMBER_FIXED, decimals, v);
    while (decimals > 0 && b.s[--b.len] == '0')
        decimals--;
    strbuf_release(&b);
    return decimals;
}

static void add_share(struct strbuf *out, double v)
{
    const size_t from = out->len;
    number_write(out, NUMBER_FIXED, 1, 100 * v);
    if (strcmp(out->s + from, "-0.0") == 0) {
        out->len = from;
        strbuf_adds(out, "0.0");
    }
}

static void add_float(struct strbuf *out, const struct shape *s, double v)
{
    if (!isfinite(v)) {
        strbuf_adds(out, v < 0 ? "-inf" : "inf");
        return;
    }
    const int decimals = decimals_of(v, s->digits);
    if (decimals < 0)
        number_write(out, NUMBER_SCIENTIFIC, s->digits - 1, v);
    else if (v == 0)
        strbuf_addc(out, '0'); /* exactly; what rounds to it never looks so */
    else
        number_write(out, NUMBER_FIXED, decimals < s->decimals ? decimals : s->decimals, v);
}

static int64_t row_at(const struct picture *p, int64_t i)
{
    return p->how->order ? p->how->order[i] : i;
}

/* A cell as it is shown, not yet padded; its columns. */
static int add_cell(struct strbuf *out, const struct picture *p, int64_t row, int32_t col)
{
    const struct column *c = &p->t->cols[col];
    const struct shape *s = &p->shape[col];
    const size_t from = out->len;
    if (!table_has(p->t, row, col)) {
        strbuf_adds(out, p->how->ascii ? "-" : "–");
        return 1;
    }
    switch (c->type) {
    case COLUMN_I64: strbuf_addf(out, "%lld", (long long)c->u.i[row]); break;
    case COLUMN_BOOL: strbuf_adds(out, c->u.b[row] ? "yes" : "no"); break;
    case COLUMN_STR: return add_text(out, c->u.s[row], s->cut ? s->width : 0, p->how->ascii);
    case COLUMN_F64:
        if (is_share(c) && isfinite(c->u.f[row]))
            add_share(out, c->u.f[row]);
        else
            add_float(out, s, c->u.f[row]);
        break;
    }
    return (int)(out->len - from);
}

/* Columns from the point on, of a number that has a place in the alignment. */
static int behind_point(const char *cell)
{
    const char *point = strchr(cell, '.');
    return point ? (int)strlen(point) : 0;
}

/* ---- headings */

enum { NO_BREAK = 0x1f }; /* in a heading: a blank that is no place to break at */

/* "fire_share.da" of unit share: "fire_share da %". */
static char *heading_of(const struct column *c, bool ascii)
{
    struct strbuf b;
    strbuf_init(&b);
    add_text(&b, c->name, 0, ascii);
    for (char *dot = b.s; (dot = strchr(dot, '.')) != NULL;)
        *dot = ' ';
    if (*c->unit != '\0') {
        strbuf_addc(&b, NO_BREAK);
        add_text(&b, is_share(c) ? "%" : c->unit, 0, ascii);
    }
    return strbuf_detach(&b);
}

/* The first n bytes of a heading as a line. */
static char *heading_line(const char *s, size_t n)
{
    char *line = xstrndup(s, n);
    for (char *blank = line; (blank = strchr(blank, NO_BREAK)) != NULL;)
        *blank = ' ';
    return line;
}

/* Behind the next place to break at, which stays on the line unless it is a blank. */
static size_t word_end(const char *s, const char *places)
{
    const size_t end = strcspn(s, places);
    return s[end] == '\0' || s[end] == ' ' ? end : end + 1;
}

/* Where a line of at most `room` columns ends: at a place to break, or at the end of the first
 * word. */
static size_t line_end(const char *s, int room, const char *places, bool ascii)
{
    size_t end = word_end(s, places);
    while (s[end] != '\0') {
        const size_t from = end + (s[end] == ' '), next = from + word_end(s + from, places);
        char *line = heading_line(s, next);
        const bool fits = text_width(line, ascii) <= room;
        free(line);
        if (!fits)
            break;
        end = next;
    }
    return end;
}

/* Breaks the heading at these places into lines of at most `room` columns where words allow; 0: one
 * line. Widens the column to it. */
static void break_heading(struct shape *s, const struct column *c, int room, const char *places,
                          bool ascii)
{
    char *whole = heading_of(c, ascii);
    const char *at = whole;
    for (int i = 0; i < s->n_heading; i++)
        free(s->heading[i]);
    s->n_heading = 0;
    do {
        const bool last = s->n_heading == HEADING_LINES - 1 || room == 0;
        const size_t end = last ? strlen(at) : line_end(at, room, places, ascii);
        char *line = heading_line(at, end);
        const int width = text_width(line, ascii);
        s->heading[s->n_heading++] = line;
        s->width = width > s->width ? width : s->width;
        at += end + (at[end] == ' ');
    } while (*at != '\0');
    free(whole);
}

/* The first is always shown. */
static int32_t next_shown(const struct picture *p, int32_t col)
{
    do
        col++;
    while (col < p->t->n_cols && p->shape[col].hidden);
    return col;
}

static void add_headings(struct strbuf *out, const struct picture *p)
{
    int lines = 0;
    for (int32_t c = 0; c < p->t->n_cols; c = next_shown(p, c))
        lines = p->shape[c].n_heading > lines ? p->shape[c].n_heading : lines;
    for (int line = 0; line < lines; line++) {
        int pending = 0; /* blanks not written: no line ends in them */
        for (int32_t c = 0; c < p->t->n_cols; c = next_shown(p, c)) {
            const struct shape *s = &p->shape[c];
            const int i = line - (lines - s->n_heading); /* they end on the lowest line */
            const char *text = i >= 0 ? s->heading[i] : "";
            const int blanks = s->width - text_width(text, p->how->ascii);
            pending += (c > 0 ? GAP : 0) + (s->right ? blanks : 0);
            if (*text != '\0') {
                add_blanks(out, pending);
                strbuf_adds(out, text);
                pending = 0;
            }
            pending += s->right ? 0 : blanks;
        }
        strbuf_addc(out, '\n');
    }
}

/* ---- the whole */

static void measure_numbers(const struct picture *p, int32_t col)
{
    struct shape *s = &p->shape[col];
    for (int64_t i = 0; i < p->n_rows; i++) {
        const double v = table_f64(p->t, row_at(p, i), col);
        if (!isfinite(v))
            continue;
        const int decimals = decimals_of(v, s->digits);
        const int needed = decimals > 0 ? decimals_needed(v, decimals) : 0;
        s->decimals = needed > s->decimals ? needed : s->decimals;
        s->unaligned = s->unaligned || decimals < 0;
    }
}

/* A number has as many columns before the point as the widest, and as many behind. */
static void measure_cells(const struct picture *p, int32_t col)
{
    struct shape *s = &p->shape[col];
    struct strbuf cell;
    strbuf_init(&cell);
    int before = 0, whole = 0;
    for (int64_t i = 0; i < p->n_rows; i++) {
        const int64_t row = row_at(p, i);
        strbuf_clear(&cell);
        const int width = add_cell(&cell, p, row, col);
        const bool aligned = s->floating && !s->unaligned && isfinite(table_f64(p->t, row, col));
        const int behind = aligned ? behind_point(cell.s) : 0;
        s->behind = behind > s->behind ? behind : s->behind;
        before = aligned && width - behind > before ? width - behind : before;
        whole = width > whole ? width : whole;
    }
    s->width = before + s->behind > whole ? before + s->behind : whole;
    strbuf_release(&cell);
}

static int total_width(const struct picture *p)
{
    int total = 0;
    for (int32_t c = 0; c < p->t->n_cols; c = next_shown(p, c))
        total += p->shape[c].width + (c > 0 ? GAP : 0);
    return total;
}

static bool can_go(const struct picture *p, int32_t col)
{
    const enum column_role role = p->t->cols[col].role;
    return col > 0 && !p->shape[col].hidden && role != COLUMN_KEY && role != COLUMN_SERIES &&
           role != COLUMN_X;
}

/* A bound says nothing without its fellow and what it bounds. */
static bool is_bound(const struct picture *p, int32_t col)
{
    return p->t->cols[col].role == COLUMN_LO || p->t->cols[col].role == COLUMN_HI;
}

static bool is_named(const struct column *c, const char *name)
{
    const char *star = strchr(name, '*');
    return star ? strncmp(c->name, name, (size_t)(star - name)) == 0 : strcmp(c->name, name) == 0;
}

/* Of a bound goes the other one too. */
static void hide(const struct picture *p, int32_t col)
{
    p->shape[col].hidden = true;
    const int32_t other = p->t->cols[col].role == COLUMN_LO ? col + 1 : col - 1;
    if (is_bound(p, col) && other > 0 && other < p->t->n_cols && is_bound(p, other))
        p->shape[other].hidden = true;
}

static void leave_out(const struct picture *p)
{
    const int columns = p->how->columns;
    for (const char *const *name = p->how->least; *name && total_width(p) > columns; name++)
        for (int32_t c = p->t->n_cols - 1; c > 0; c--)
            if (can_go(p, c) && is_named(&p->t->cols[c], *name))
                hide(p, c);
    for (int32_t c = p->t->n_cols - 1; c > 0 && total_width(p) > columns; c--)
        if (can_go(p, c))
            hide(p, c);
}

static void add_left_out(struct strbuf *out, const struct picture *p)
{
    bool any = false;
    for (int32_t c = 0; c < p->t->n_cols; c++) {
        if (!p->shape[c].hidden)
            continue;
        strbuf_adds(out, any ? ", " : "not shown: ");
        add_text(out, p->t->cols[c].name, 0, p->how->ascii);
        any = true;
    }
    if (any)
        strbuf_addf(out, "%s\n", p->how->elsewhere ? p->how->elsewhere : "");
}

static void break_headings(const struct picture *p, const char *places)
{
    for (int32_t c = 0; c < p->t->n_cols; c++) {
        struct shape *s = &p->shape[c];
        measure_cells(p, c);
        break_heading(s, &p->t->cols[c], s->width > 0 ? s->width : 1, places, p->how->ascii);
    }
}

static void cut_last_text(const struct picture *p, int over)
{
    int32_t last = p->t->n_cols - 1;
    while (last >= 0 &&
           !(p->t->cols[last].type == COLUMN_STR && p->t->cols[last].role == COLUMN_TEXT))
        last--;
    if (last < 0)
        return;
    struct shape *s = &p->shape[last];
    const int least = s->width < LEAST_TEXT ? s->width : LEAST_TEXT;
    s->width = s->width - over > least ? s->width - over : least;
    s->cut = true;
}

/* On a screen that is too narrow, headings are broken first, between words, then within; then the
 * last text is cut, then columns are left out. */
static void fit(const struct picture *p)
{
    const int columns = p->how->columns;
    if (columns <= 0 || total_width(p) <= columns)
        return;
    break_headings(p, " ");
    if (total_width(p) > columns && p->how->least)
        break_headings(p, " _");
    const int over = total_width(p) - columns;
    if (over > 0)
        cut_last_text(p, over);
    if (p->how->least)
        leave_out(p);
}

static void measure(const struct picture *p)
{
    for (int32_t c = 0; c < p->t->n_cols; c++) {
        const struct column *col = &p->t->cols[c];
        struct shape *s = &p->shape[c];
        s->right = col->type == COLUMN_I64 || col->type == COLUMN_F64;
        s->floating = col->type == COLUMN_F64 && !is_share(col);
        s->digits = strcmp(col->unit, "nats") == 0 || strcmp(col->unit, "bits") == 0
                        ? DIGITS_OF_LOSS
                        : DIGITS;
        if (s->floating)
            measure_numbers(p, c);
        measure_cells(p, c);
        break_heading(s, col, 0, " ", p->how->ascii);
    }
    fit(p);
}

static void add_row(struct strbuf *out, const struct picture *p, int64_t row)
{
    struct strbuf cell;
    strbuf_init(&cell);
    int pending = 0;
    for (int32_t c = 0; c < p->t->n_cols; c = next_shown(p, c)) {
        const struct shape *s = &p->shape[c];
        strbuf_clear(&cell);
        const int width = add_cell(&cell, p, row, c);
        const bool aligned = s->floating && !s->unaligned && isfinite(table_f64(p->t, row, c));
        const int after = !s->right ? s->width - width
                          : aligned ? s->behind - behind_point(cell.s)
                                    : 0;
        pending += (c > 0 ? GAP : 0) + s->width - width - after;
        if (cell.len > 0) {
            add_blanks(out, pending);
            strbuf_add(out, cell.s, cell.len);
            pending = 0;
        }
        pending += after;
    }
    strbuf_addc(out, '\n');
    strbuf_release(&cell);
}

/* A title or note: of several lines where it says so. */
static void add_lines(struct strbuf *out, const char *s, bool ascii)
{
    while (*s != '\0') {
        char *line = xstrndup(s, strcspn(s, "\n"));
        s += strlen(line) + (s[strlen(line)] == '\n');
        add_text(out, line, 0, ascii);
        strbuf_addc(out, '\n');
        free(line);
    }
}

void table_write_text(const struct table *t, const struct table_text *how, struct strbuf *out)
{
    const bool some = how->rows > 0 && how->rows < t->n_rows;
    const struct picture p = {.t = t,
                              .how = how,
                              .n_rows = some ? how->rows : t->n_rows,
                              .shape = xcalloc((size_t)t->n_cols, sizeof *p.shape)};
    measure(&p);
    add_lines(out, t->title, how->ascii);
    if (t->n_cols > 0)
        add_headings(out, &p);
    for (int64_t i = 0; i < p.n_rows && t->n_cols > 0; i++)
        add_row(out, &p, row_at(&p, i));
    if (t->n_rows == 0)
        strbuf_adds(out, "(no rows)\n");
    if (some)
        strbuf_addf(out, "%s %lld more\n", how->ascii ? "..." : "…",
                    (long long)(t->n_rows - p.n_rows));
    add_left_out(out, &p);
    add_lines(out, t->note, how->ascii);
    for (int32_t c = 0; c < t->n_cols; c++)
        for (int i = 0; i < p.shape[c].n_heading; i++)
            free(p.shape[c].heading[i]);
    free(p.shape);
}

#include "tui/plot/data.h"
#include "engine/base/hash.h"
#include "engine/base/memory.h"
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAX_LABEL_COLUMNS 8

/* ---- names */
static size_t slot_of(const struct names *names, const char *s)
{
    size_t at = (size_t)hash_bytes(HASH_SEED, s, strlen(s)) & (names->n_slots - 1);
    while (names->slot[at] && strcmp(names->s[names->slot[at] - 1], s) != 0)
        at = (at + 1) & (names->n_slots - 1);
    return at;
}

static void rehash(struct names *names)
{
    free(names->slot);
    names->n_slots = names->n_slots ? names->n_slots * 2 : 64;
    names->slot = xcalloc(names->n_slots, sizeof *names->slot);
    for (int32_t i = 0; i < names->n; i++)
        names->slot[slot_of(names, names->s[i])] = i + 1;
}

int32_t names_add(struct names *names, const char *s)
{
    if ((size_t)names->n * 2 >= names->n_slots)
        rehash(names);
    size_t at = slot_of(names, s);
    if (!names->slot[at]) {
        names->s = grow(names->s, &names->cap, (size_t)names->n + 1, sizeof *names->s);
        names->s[names->n] = xstrdup(s);
        names->slot[at] = ++names->n;
    }
    return names->slot[at] - 1;
}

void names_release(struct names *names)
{
    for (int32_t i = 0; i < names->n; i++)
        free(names->s[i]);
    free(names->s);
    free(names->slot);
    *names = (struct names){0};
}

/* ---- columns */
size_t cell_text(const struct table *t, int64_t row, int32_t col, struct strbuf *out)
{
    size_t before = out->len;
    char number[NUMBER_MAX];
    if (col < 0 || !table_has(t, row, col))
        return 0;
    switch (t->cols[col].type) {
    case COLUMN_STR: strbuf_adds(out, table_str(t, row, col)); break;
    case COLUMN_I64: strbuf_addf(out, "%" PRId64, table_i64(t, row, col)); break;
    case COLUMN_BOOL: strbuf_adds(out, table_i64(t, row, col) ? "true" : "false"); break;
    case COLUMN_F64:
        strbuf_add(out, number, number_text(table_f64(t, row, col), 9, true, number));
        break;
    }
    return out->len - before;
}

struct roles { /* columns by what they are to the plot; −1: none */
    int32_t x, y, lo, hi, key, facet, only;
    int32_t label[MAX_LABEL_COLUMNS]; /* whose values name a series */
    int n_labels, first_key;          /* labels from first_key on are keys */
};

static bool is_number(const struct table *t, int32_t col)
{
    return col >= 0 && t->cols[col].type != COLUMN_STR;
}

static int32_t chosen(const struct table *t, const char *name, enum column_role role)
{
    int32_t col = name ? table_find(t, name) : -1;
    return col >= 0 ? col : table_with_role(t, role);
}

static int32_t with_role_at(const struct table *t, int32_t col, enum column_role role)
{
    return col >= 0 && col < t->n_cols && t->cols[col].role == role ? col : -1;
}

static void find_interval(struct roles *r, const struct table *t)
{
    if (t->mark == MARK_HIST) {
        r->lo = table_with_role(t, COLUMN_LO);
        r->hi = table_with_role(t, COLUMN_HI);
        if (r->lo < 0 || r->hi < 0)
            r->lo = r->hi = r->x;
        return;
    }
    r->lo = with_role_at(t, r->y + 1, COLUMN_LO); /* the bounds follow their value */
    r->hi = with_role_at(t, r->y + 2, COLUMN_HI);
    if (r->y < 0 || r->lo < 0 || r->hi < 0)
        r->lo = r->hi = -1;
}

static void add_labels(struct roles *r, const struct table *t, enum column_role role)
{
    for (int32_t i = 0; i < t->n_cols && r->n_labels < MAX_LABEL_COLUMNS; i++)
        if (t->cols[i].role == role && i != r->x && i != r->y)
            r->label[r->n_labels++] = i;
}

static struct roles find_roles(const struct table *t, const struct plot_options *o)
{
    struct roles r = {.x = chosen(t, o->x, COLUMN_X), .y = chosen(t, o->y, COLUMN_Y)};
    r.key = table_with_role(t, COLUMN_KEY);
    r.facet = table_with_role(t, COLUMN_FACET);
    r.only = o->only_key && o->only_value ? table_find(t, o->only_key) : -1;
    find_interval(&r, t);
    add_labels(&r, t, COLUMN_SERIES);
    r.first_key = r.n_labels;
    if (t->mark == MARK_LINE || t->mark == MARK_SCATTER)
        add_labels(&r, t, COLUMN_KEY);
    if (r.key < 0 && (t->mark == MARK_BAR || t->mark == MARK_HEAT))
        r.key = t->mark == MARK_BAR && r.x >= 0 ? r.x : table_with_role(t, COLUMN_TEXT);
    return r;
}

/* ---- rows */
struct reader {
    const struct table *t;
    const struct plot_options *o;
    struct roles r;
    bool varies[MAX_LABEL_COLUMNS];
    struct strbuf text;
    struct names colors;
};

static const char *text_of(struct reader *in, int64_t row, int32_t col)
{
    strbuf_clear(&in->text);
    cell_text(in->t, row, col, &in->text);
    return in->text.s;
}

static bool is_wanted(struct reader *in, int64_t row)
{
    if (in->r.only >= 0 && strcmp(text_of(in, row, in->r.only), in->o->only_value) != 0)
        return false;
    return !in->o->facet || in->r.facet < 0 ||
           strcmp(text_of(in, row, in->r.facet), in->o->facet) == 0;
}

/* A key that is the same in all rows tells no lines apart. */
static void find_varying(struct reader *in)
{
    for (int i = 0; i < in->r.n_labels; i++) {
        struct names seen = {0};
        in->varies[i] = i < in->r.first_key;
        for (int64_t row = 0; row < in->t->n_rows && !in->varies[i]; row++)
            if (is_wanted(in, row))
                in->varies[i] = names_add(&seen, text_of(in, row, in->r.label[i])) > 0;
        names_release(&seen);
    }
}

static int32_t series_of(struct reader *in, int64_t row, struct plot_data *p)
{
    strbuf_clear(&in->text);
    for (int i = 0; i < in->r.n_labels; i++) {
        size_t before = in->text.len;
        if (!in->varies[i] || !table_has(in->t, row, in->r.label[i]))
            continue;
        if (before > 0)
            strbuf_addc(&in->text, ' ');
        cell_text(in->t, row, in->r.label[i], &in->text);
    }
    int32_t before = p->series.n, at = names_add(&p->series, in->text.s);
    if (p->series.n > before) {
        p->look = xreallocarray(p->look, (size_t)p->series.n, sizeof *p->look);
        int32_t first = in->r.first_key > 0 ? in->r.label[0] : -1;
        int color = first >= 0 ? names_add(&in->colors, text_of(in, row, first)) : at;
        /* 16 series before one looks like another */
        p->look[at] = (struct series_look){(in->o->first_color + color) % 4, (at + at / 4) % 4};
    }
    return at;
}

static double number_of(const struct reader *in, int64_t row, int32_t col)
{
    double v = is_number(in->t, col) ? table_f64(in->t, row, col) : NAN;
    return isfinite(v) ? v : NAN;
}

static bool has_place(const struct plot_data *p, const struct datum *d)
{
    switch (p->mark) {
    case MARK_HIST: return !isnan(d->y) && !isnan(d->lo) && !isnan(d->hi);
    case MARK_SCATTER: return !isnan(d->x) && !isnan(d->y);
    case MARK_LINE: return !isnan(d->y) || !d->reference;
    default: return true;
    }
}

static bool read_row(struct reader *in, struct plot_data *p, int64_t row, struct datum *d)
{
    const struct roles *r = &in->r;
    *d = (struct datum){.x = number_of(in, row, r->x),
                        .y = number_of(in, row, r->y),
                        .lo = number_of(in, row, r->lo),
                        .hi = number_of(in, row, r->hi),
                        .row = row};
    /* A value of infinity has a place of its own nowhere; only a missing one is a reference. */
    d->reference = p->mark == MARK_LINE && r->x >= 0 && !table_has(in->t, row, r->x);
    if (p->mark == MARK_LINE && isnan(d->x) && !d->reference)
        return false;
    if (!has_place(p, d))
        return false;
    if (!isnan(d->lo) && !isnan(d->hi) && d->lo > d->hi) {
        double swap = d->lo;
        d->lo = d->hi;
        d->hi = swap;
    }
    if (p->mark != MARK_HIST && (isnan(d->lo) || isnan(d->hi)))
        d->lo = d->hi = NAN;
    d->panel = names_add(&p->panels, text_of(in, row, r->facet));
    d->series = series_of(in, row, p);
    if (p->mark == MARK_BAR || p->mark == MARK_HEAT)
        d->key = names_add(&p->keys, text_of(in, row, r->key));
    if (p->mark == MARK_HEAT)
        d->column = names_add(&p->columns, text_of(in, row, r->x));
    return true;
}

static int order(double a, double b)
{
    return isnan(a) || isnan(b) ? isnan(a) - isnan(b) : (a > b) - (a < b);
}

static int by_place(const void *a, const void *b)
{
    const struct datum *p = a, *q = b;
    if (p->panel != q->panel)
        return p->panel < q->panel ? -1 : 1;
    if (p->series != q->series)
        return p->series < q->series ? -1 : 1;
    int by = order(p->x, q->x);
    by = by ? by : order(p->lo, q->lo);
    return by ? by : (p->row > q->row) - (p->row < q->row);
}

static int by_panel(const void *a, const void *b)
{
    const struct datum *p = a, *q = b;
    if (p->panel != q->panel)
        return p->panel < q->panel ? -1 : 1;
    return (p->row > q->row) - (p->row < q->row);
}

static const char *column_word(const struct table *t, int32_t col, bool unit)
{
    if (col < 0)
        return "";
    const char *s = unit ? t->cols[col].unit : t->cols[col].name;
    return s ? s : "";
}

static void name_axes(struct plot_data *p, const struct table *t, const struct roles *r)
{
    int32_t x = p->mark == MARK_HIST && r->x < 0 ? r->lo : r->x;
    p->x_name = column_word(t, x, false);
    p->x_unit = column_word(t, x, true);
    if (x == r->lo && p->mark == MARK_HIST)
        p->x_name = ""; /* "lo" says nothing */
    p->y_name = column_word(t, r->y, false);
    p->y_unit = column_word(t, r->y, true);
    p->facet_name = column_word(t, r->facet, false);
    p->percent_x = strcmp(p->x_unit, "share") == 0;
    p->percent_y = strcmp(p->y_unit, "share") == 0;
}

void plot_data_init(struct plot_data *p, const struct table *t, const struct plot_options *o)
{
    struct reader in = {.t = t, .o = o, .r = find_roles(t, o)};
    strbuf_init(&in.text);
    *p = (struct plot_data){.mark = t->mark};
    p->title = o->title ? o->title : t->title ? t->title : "";
    p->note = t->note ? t->note : "";
    name_axes(p, t, &in.r);
    find_varying(&in);
    p->d = xcalloc((size_t)t->n_rows + 1, sizeof *p->d);
    for (int64_t row = 0; row < t->n_rows; row++)
        if (is_wanted(&in, row) && read_row(&in, p, row, &p->d[p->n])) {
            p->references = p->references || p->d[p->n].reference;
            p->n++;
        }
    bool rows = p->mark == MARK_BAR || p->mark == MARK_HEAT;
    qsort(p->d, (size_t)p->n, sizeof *p->d, rows ? by_panel : by_place);
    strbuf_release(&in.text);
    names_release(&in.colors);
}

void plot_data_release(struct plot_data *p)
{
    names_release(&p->panels);
    names_release(&p->series);
    names_release(&p->keys);
    names_release(&p->columns);
    free(p->look);
    free(p->d);
}

/* The first row not before (panel, series). */
static int64_t lower_bound(const struct plot_data *p, int32_t panel, int32_t series)
{
    int64_t lo = 0, hi = p->n;
    while (lo < hi) {
        int64_t mid = lo + (hi - lo) / 2;
        const struct datum *d = &p->d[mid];
        if (d->panel < panel || (d->panel == panel && d->series < series))
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

int64_t plot_data_rows(const struct plot_data *p, int32_t panel, int32_t series, int64_t *first)
{
    if (series < 0) {
        *first = lower_bound(p, panel, 0);
        return lower_bound(p, panel + 1, 0) - *first;
    }
    *first = lower_bound(p, panel, series);
    return lower_bound(p, panel, series + 1) - *first;
}

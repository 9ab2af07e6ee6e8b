/* The rows of the Latents view: sorted, filtered, one selected. */
#include "engine/base/memory.h"
#include "tui/view/latents/latents_private.h"
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char share_prefix[] = "fire_share.";

/* ---- classes */
const char *latents_class(const struct latents *v, int32_t c)
{
    return v->rows && c >= 0 && c < v->n_classes
               ? v->rows->cols[v->share_col[c]].name + strlen(share_prefix)
               : "";
}

int32_t latents_class_of(const struct latents *v, const char *name)
{
    for (int32_t c = 0; name && c < v->n_classes; c++)
        if (strcmp(latents_class(v, c), name) == 0)
            return c;
    return -1;
}

int32_t latents_target(const struct latents *v)
{
    int32_t c = latents_class_of(v, v->target);
    return c < 0 ? 0 : c;
}

static void find_classes(struct latents *v)
{
    v->n_classes = 0;
    v->latent_col = v->rows ? column_number(v->rows, "latent") : -1;
    v->name_col = v->latent_col >= 0 ? column_text(v->rows, "unit") : -1;
    for (int32_t c = 0; v->rows && c < v->rows->n_cols && v->n_classes < CORPUS_MAX_CLASSES; c++)
        if (strncmp(v->rows->cols[c].name, share_prefix, strlen(share_prefix)) == 0)
            v->share_col[v->n_classes++] = c;
}

/* ---- rows */
int64_t latents_row(const struct latents *v, int at)
{
    return at >= 0 && at < v->n_shown ? v->shown[at] : -1;
}

static int32_t unit_of(const struct latents *v, int64_t row)
{
    int64_t id = row < 0 ? -1 : v->latent_col >= 0 ? table_i64(v->rows, row, v->latent_col) : row;
    return id < 0 || id > INT32_MAX ? -1 : (int32_t)id;
}

int latents_find(const struct latents *v, int32_t unit)
{
    for (int i = 0; i < v->n_shown; i++)
        if (unit_of(v, v->shown[i]) == unit)
            return i;
    return -1;
}

double latents_value(const struct latents *v, int32_t unit)
{
    char name[160];
    int64_t row = latents_row(v, latents_find(v, unit));
    snprintf(name, sizeof name, "mean_pre.%s", latents_class(v, latents_target(v)));
    double mean = row < 0 ? (double)NAN : column_f64(v->rows, row, column_number(v->rows, name));
    return isfinite(mean) ? round(mean * 100) / 100 : 2.0;
}

/* The selected latent keeps its place only when it was chosen by hand: while a table grows, the top
 * is what is looked at. */
static void reselect(struct latents *v, int32_t unit)
{
    int at = v->moved && unit >= 0 ? latents_find(v, unit) : 0;
    list_resize(&v->list, v->n_shown, v->list.height);
    list_select(&v->list, at < 0 ? 0 : at);
}

static int32_t selected_unit(const struct latents *v)
{
    return unit_of(v, latents_row(v, v->list.selected));
}

void latents_refilter(struct latents *v)
{
    int32_t unit = selected_unit(v);
    filter_parse(v->prompt.s, v->prompt.n, v->rows, &v->filter);
    v->n_shown = 0;
    v->arrangement++;
    for (int64_t i = 0; v->rows && i < v->rows->n_rows && v->n_shown < INT_MAX; i++)
        if (filter_holds(&v->filter, v->rows, v->order[i]))
            v->shown[v->n_shown++] = v->order[i];
    reselect(v, unit);
}

void latents_arrange(struct latents *v)
{
    if (v->rows && v->rows->n_rows > 0)
        table_sort(v->rows, v->sort_col, v->descending, v->order);
    latents_refilter(v);
}

/* What one wants to see on top first. */
static bool largest_first(const struct column *c)
{
    return c->type == COLUMN_F64 && strcmp(c->name, "overlap") != 0;
}

void latents_sort_by(struct latents *v, int32_t col)
{
    if (!v->rows || col < 0 || col >= v->rows->n_cols)
        return;
    v->descending = v->sort_col == col ? !v->descending : largest_first(&v->rows->cols[col]);
    v->sort_col = v->column = col;
    free(v->sort_name);
    v->sort_name = xstrdup(v->rows->cols[col].name);
    latents_arrange(v);
}

/* The column sorted by, of a table that may have others. */
static void find_sort(struct latents *v)
{
    int32_t col = v->sort_name ? table_find(v->rows, v->sort_name) : -1;
    if (col < 0) {
        col = column_number(v->rows, "difference");
        col = col >= 0 ? col : v->latent_col >= 0 ? v->latent_col : 0;
        v->descending = largest_first(&v->rows->cols[col]);
        free(v->sort_name);
        v->sort_name = xstrdup(v->rows->cols[col].name);
    }
    v->sort_col = col;
}

void latents_take(struct latents *v, struct table_set *set)
{
    int32_t unit = selected_unit(v), n_cols = v->rows ? v->rows->n_cols : 0;
    set = set ? table_set_ref(set) : NULL;
    table_set_unref(v->set);
    v->set = set;
    v->rows = set ? table_set_find(set, "rows") : NULL;
    if (v->rows && v->rows->n_cols == 0)
        v->rows = NULL;
    find_classes(v);
    v->n_shown = 0;
    free(v->order);
    free(v->shown);
    v->order = v->shown = NULL;
    if (v->rows) {
        size_t n = (size_t)v->rows->n_rows + 1;
        v->order = xreallocarray(NULL, n, sizeof *v->order);
        v->shown = xreallocarray(NULL, n, sizeof *v->shown);
        find_sort(v);
        if (v->rows->n_cols != n_cols) {
            v->column = v->n_classes > 0 ? v->share_col[0] : v->sort_col;
            v->left = 0;
        }
    }
    latents_arrange(v);
    reselect(v, unit);
    latents_bounds(v);
}

/* ---- the table in the order shown */
static void copy_cell(const struct table *from, int64_t row, struct table *to, int64_t at,
                      int32_t c)
{
    if (!table_has(from, row, c))
        return;
    switch (from->cols[c].type) {
    case COLUMN_I64: table_set_i64(to, at, c, table_i64(from, row, c)); break;
    case COLUMN_F64: table_set_f64(to, at, c, table_f64(from, row, c)); break;
    case COLUMN_STR: table_set_str(to, at, c, table_str(from, row, c)); break;
    case COLUMN_BOOL: table_set_bool(to, at, c, table_i64(from, row, c) != 0); break;
    }
}

static struct table *make(const struct latents *v)
{
    const struct table *t = v->rows;
    struct table *out = table_new(t->name, t->title, t->mark);
    if (t->note && *t->note)
        table_note(out, "%s", t->note);
    for (int32_t c = 0; c < t->n_cols; c++)
        table_column(out, t->cols[c].name, t->cols[c].unit, t->cols[c].doc, t->cols[c].type,
                     t->cols[c].role);
    table_reserve(out, v->n_shown);
    for (int i = 0; i < v->n_shown; i++) {
        int64_t at = table_row(out);
        for (int32_t c = 0; c < t->n_cols; c++)
            copy_cell(t, v->shown[i], out, at, c);
    }
    return out;
}

const struct table *latents_made_table(const struct latents *v)
{
    struct latents_made *m = v->made;
    if (!v->rows)
        return NULL;
    if (!m->table || m->of != v->rows || m->arrangement != v->arrangement) {
        table_free(m->table);
        *m = (struct latents_made){make(v), v->rows, v->arrangement};
    }
    return m->table;
}

/* ---- columns on the screen */
static bool prefixed(const char *s, const char *prefix)
{
    return strncmp(s, prefix, strlen(prefix)) == 0;
}

int32_t latents_n_columns(const struct latents *v)
{
    return !v->rows ? 0 : v->rows->n_cols - (v->name_col >= 0);
}

/* At most n columns of a name from outside. */
static void head_name(const char *name, int n, char out[32])
{
    size_t at = 0, len = strlen(name);
    int used = 0, columns;
    char glyph[GRID_GLYPH_MAX];
    out[0] = 0;
    for (size_t i = 0; i < len;) {
        size_t k = text_cluster(name + i, len - i, &columns, glyph);
        if (used + columns > n || at + strlen(glyph) + 1 > 24)
            break;
        at += (size_t)snprintf(out + at, 24 - at, "%s", glyph);
        used += columns;
        i += k;
    }
}

static void describe(const struct latents *v, int32_t col, struct shown_column *out)
{
    const struct column *c = &v->rows->cols[col];
    char name[32];
    *out = (struct shown_column){.col = col, .cls = -1, .kind = CELL_PLAIN};
    int w = 6;
    if (prefixed(c->name, share_prefix)) {
        const char *cls = c->name + strlen(share_prefix);
        head_name(cls, 8, name);
        snprintf(out->head, sizeof out->head, "%s %%", name);
        out->kind = CELL_SHARE;
        out->cls = latents_class_of(v, cls);
        out->bar = 3;
        w = 5 + 3;
    } else if (prefixed(c->name, "mean_pre.")) {
        head_name(c->name + strlen("mean_pre."), 6, name);
        snprintf(out->head, sizeof out->head, "pre %s", name);
        out->kind = CELL_SIGNED;
        out->cls = latents_class_of(v, c->name + strlen("mean_pre."));
    } else if (col == v->latent_col) {
        snprintf(out->head, sizeof out->head, "latent");
        out->kind = CELL_LATENT;
    } else if (c->type == COLUMN_STR) {
        head_name(c->name, 10, out->head);
        out->kind = CELL_TEXT;
    } else if (strcmp(c->name, "difference") == 0) {
        snprintf(out->head, sizeof out->head, "diff %%");
        out->kind = CELL_SIGNED;
    } else if (strcmp(c->unit, "share") == 0 && strcmp(c->name, "overlap") != 0) {
        head_name(c->name, 10, name);
        snprintf(out->head, sizeof out->head, "%s %%", name);
        out->kind = CELL_PERCENT;
    } else {
        head_name(c->name, 12, out->head);
        if (strcmp(c->name, "overlap") == 0)
            snprintf(out->head, sizeof out->head, "overlap ≈");
    }
    int head = text_width(out->head);
    out->w = w > head ? w : head;
}

/* ▸●, then the number. */
enum { MARKS = 2 };

int latents_natural_width(const struct latents *v)
{
    int w = MARKS;
    for (int32_t c = 0; v->rows && c < v->rows->n_cols && c < LATENTS_COLUMNS; c++) {
        struct shown_column s;
        if (c == v->name_col)
            continue;
        describe(v, c, &s);
        w += s.w + 2 + (s.kind == CELL_SHARE ? 5 : 0);
    }
    return v->rows ? w + 2 : 1 << 14; /* with the frame */
}

/* What is left over: a wider gap behind numbers, the rest to the bars. */
static void widen(struct shown_column *out, int n, int spare)
{
    int bars = 0, more = 0;
    for (int i = 0; i < n; i++)
        bars += out[i].bar > 0;
    int gap = spare >= n - bars - 1 ? 1 : 0;
    if (bars > 0)
        more = (spare - gap * (n - bars - 1)) / bars;
    more = more > 9 ? 9 : more;
    for (int i = 0, shift = 0; i < n; i++) {
        int by = out[i].bar > 0 ? more : gap;
        out[i].x += shift;
        shift += by;
        if (out[i].bar > 0) {
            out[i].bar += by;
            out[i].w += by;
        }
    }
}

int latents_columns(const struct latents *v, int w, struct shown_column out[LATENTS_COLUMNS])
{
    int n = 0, x = MARKS, skip = v->left;
    w--; /* the mark of the order stands behind a heading */
    if (!v->rows)
        return 0;
    if (v->latent_col >= 0) {
        describe(v, v->latent_col, &out[n]);
        out[n].x = x;
        x += out[n++].w + 1;
    }
    int frozen = n;
    for (int32_t c = 0; c < v->rows->n_cols && n < LATENTS_COLUMNS; c++) {
        if (c == v->latent_col || c == v->name_col || skip-- > 0)
            continue;
        describe(v, c, &out[n]);
        if (x + out[n].w > w && n > frozen)
            break;
        out[n].x = x;
        x += out[n++].w + 1;
    }
    if (x - 1 < w)
        widen(out, n, w - x + 1);
    return n;
}

static bool column_shown(const struct latents *v, int w)
{
    struct shown_column c[LATENTS_COLUMNS];
    int n = latents_columns(v, w, c);
    for (int i = 0; i < n; i++)
        if (c[i].col == v->column)
            return true;
    return n == 0;
}

/* The place of the chosen column after the frozen one; −1: it is the frozen one. */
static int column_place(const struct latents *v)
{
    if (v->column == v->latent_col)
        return -1;
    return v->column - (v->latent_col >= 0 && v->column > v->latent_col) -
           (v->name_col >= 0 && v->column > v->name_col);
}

static void scroll_columns(struct latents *v, int w)
{
    if (!v->rows || w <= 0)
        return;
    if (v->column < 0 || v->column >= v->rows->n_cols)
        v->column = 0;
    int place = column_place(v);
    v->left = v->left > place && place >= 0 ? place : v->left < 0 ? 0 : v->left;
    while (v->left < place && !column_shown(v, w))
        v->left++;
    while (v->left > 0) { /* no empty room on the right */
        struct shown_column c[LATENTS_COLUMNS];
        v->left--;
        int n = latents_columns(v, w, c);
        int last = v->rows->n_cols - 1;
        while (last == v->latent_col || (last >= 0 && last == v->name_col))
            last--;
        if (n > 0 && c[n - 1].col >= last && column_shown(v, w))
            continue;
        v->left++;
        break;
    }
}

/* ---- geometry and bounds */
void latents_layout_of(const struct latents *v, struct rect r, struct latents_layout *out)
{
    latents_layout(r, v->focus, v->last, v->zoom, latents_natural_width(v), out);
}

struct table_area latents_table_area(const struct latents *v, struct rect inner)
{
    struct table_area a = {.rows = inner};
    bool line = v->typing || v->prompt.n > 0;
    if (inner.w <= 0 || inner.h <= 0)
        return (struct table_area){.rows = {inner.x, inner.y, 0, 0}};
    if (line && (inner.h >= 2 || v->typing)) {
        a.prompt = (struct rect){inner.x, inner.y + inner.h - 1, inner.w, 1};
        a.rows.h--;
    }
    if (a.rows.h >= 3) {
        a.heads = (struct rect){inner.x, inner.y, inner.w, 1};
        a.rows.y++;
        a.rows.h--;
    }
    return a;
}

static int rows_in(const struct latents *v, int detail, const char *name)
{
    const struct table *t = latents_detail_table(v, detail, name);
    return !t ? 0 : t->n_rows > INT_MAX ? INT_MAX : (int)t->n_rows;
}

void latents_bounds(struct latents *v)
{
    struct latents_layout l;
    latents_layout_of(v, v->area, &l);
    struct rect inner = latents_inner(&l, PART_TABLE);
    struct table_area a = latents_table_area(v, inner);
    list_resize(&v->list, v->n_shown, a.rows.h);
    scroll_columns(v, a.rows.w);
    inner = latents_inner(&l, PART_EXAMPLES);
    list_resize(&v->examples, rows_in(v, DETAIL_EXAMPLES, "rows"),
                latents_examples_rows(v, inner).h);
    struct lens_area lens = latents_lens_area(latents_inner(&l, PART_LENS));
    int n = 0;
    for (int i = 0; i < 3; i++) {
        int rows = rows_in(v, DETAIL_LENS, lens_table[i]);
        n = rows > n ? rows : n;
    }
    list_resize(&v->lens, n, lens.list[0].h);
}

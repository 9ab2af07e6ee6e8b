/* The t-tests as a list of units, and all of them counted in one table. */
#include "engine/base/memory.h"
#include "tui/view/contrast/contrast_private.h"
#include "tui/view/label.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- what is there */
static int32_t mean_column(const struct table *t, int c)
{
    const int32_t others = t && c == 1 ? column_number(t, "mean_others") : -1;
    if (others >= 0)
        return others;
    for (int32_t i = 0, seen = 0; t && i < t->n_cols; i++)
        if (strncmp(t->cols[i].name, "mean.", 5) == 0 && seen++ == c)
            return i;
    return -1;
}

const char *contrast_class(const struct contrast *v, int c)
{
    const int32_t col = mean_column(v->rows, c);
    return col < 0 ? "" : v->rows->cols[col].name + strlen("mean.");
}

bool contrast_has_latents(const struct contrast *v)
{
    return v->test_set && table_set_find(v->test_set, "neurons");
}

static bool is_true(const struct table *t, int64_t row, const char *name)
{
    return column_f64(t, row, table_find(t, name)) > 0;
}

/* −1: none. */
static int32_t unit_of(const struct contrast *v, int64_t row)
{
    const struct table *t = v->rows;
    const int32_t col = column_unit(t);
    if (v->hooked && t->cols[col].type == COLUMN_STR)
        return table_has(t, row, col) ? unit_coordinate_parse(table_str(t, row, col)) : -1;
    const struct unit_id u = unit_in(v->test.job.dicts, t, row, col);
    return u.dict < 0 ? -1 : u.index;
}

struct unit_row contrast_unit(const struct contrast *v, int at)
{
    const struct table *t = v->rows;
    if (!t || at < 0 || at >= t->n_rows)
        return (struct unit_row){.unit = -1, .t = NAN, .log_p = NAN, .mean = {NAN, NAN}};
    const int64_t row = v->order[at];
    return (struct unit_row){
        .unit = unit_of(v, row),
        .t = column_f64(t, row, column_number(t, "t")),
        .log_p = column_f64(t, row, column_number(t, "log_p")),
        .mean = {column_f64(t, row, mean_column(t, 0)), column_f64(t, row, mean_column(t, 1))},
        .significant = is_true(t, row, "significant"),
        .bonferroni = is_true(t, row, "bonferroni"),
        .bh = is_true(t, row, "bh")};
}

int contrast_find(const struct contrast *v, int32_t unit)
{
    for (int i = 0; v->rows && i < v->rows->n_rows; i++)
        if (contrast_unit(v, i).unit == unit)
            return i;
    return -1;
}

static int32_t sort_column(const struct contrast *v)
{
    switch (v->sort) {
    case BY_T: return table_find(v->rows, "t");
    case BY_TARGET: return mean_column(v->rows, 0);
    case BY_OTHER: return mean_column(v->rows, 1);
    case BY_UNIT: return column_unit(v->rows);
    default: return table_find(v->rows, "log_p");
    }
}

/* By number, whatever they are called. */
static void sort_units(struct contrast *v)
{
    struct table *t = table_new("units", "", MARK_LIST);
    table_column(t, "unit", "", "", COLUMN_I64, COLUMN_KEY);
    table_reserve(t, v->rows->n_rows);
    for (int64_t i = 0; i < v->rows->n_rows; i++)
        table_set_i64(t, table_row(t), 0, unit_of(v, i));
    table_sort(t, 0, v->descending, v->order);
    table_free(t);
}

static void sort(struct contrast *v)
{
    const int32_t col = sort_column(v);
    if (v->sort == BY_UNIT)
        sort_units(v);
    else if (col >= 0)
        table_sort(v->rows, col, v->descending, v->order);
    for (int64_t i = 0; col < 0 && i < v->rows->n_rows; i++)
        v->order[i] = i;
}

/* The first two that have a p, where the axes are not of these units. */
static void choose_axes(struct contrast *v)
{
    if (!v->moved || contrast_find(v, v->x) < 0)
        v->x = contrast_unit(v, 0).unit;
    if (!v->moved || contrast_find(v, v->y) < 0)
        v->y = contrast_unit(v, 1).unit;
    if (v->x == v->y)
        v->y = contrast_unit(v, contrast_unit(v, 0).unit == v->x).unit;
}

void contrast_take_test(struct contrast *v)
{
    const struct table *main = watch_table(&v->test, "rows"),
                       *neurons = watch_table(&v->test, "neurons");
    if (main && v->test.job.tables != v->test_set) {
        table_set_unref(v->test_set);
        v->test_set = table_set_ref(v->test.job.tables);
    }
    main = v->test_set ? table_set_find(v->test_set, "rows") : NULL;
    neurons = v->test_set ? table_set_find(v->test_set, "neurons") : NULL;
    v->hooked = v->hooked && (neurons || !main);
    v->rows = v->hooked ? neurons : main;
    if (column_unit(v->rows) < 0)
        v->rows = NULL;
    free(v->order);
    v->order = xcalloc(v->rows ? (size_t)v->rows->n_rows + 1 : 1, sizeof *v->order);
    list_resize(&v->units, v->rows ? (int)v->rows->n_rows : 0, v->units.height);
    if (!v->rows)
        return;
    sort(v);
    choose_axes(v);
    list_select(&v->units, contrast_find(v, v->x));
}

void contrast_sort(struct contrast *v, enum unit_column by)
{
    v->descending = v->sort == by ? !v->descending : by != BY_P && by != BY_UNIT;
    v->sort = by;
    if (!v->rows)
        return;
    sort(v);
    list_select(&v->units, contrast_find(v, v->x));
}

/* ---- drawing the list */
void p_text(double log_p, bool ascii, char *out, size_t n)
{
    const double ten = log_p / log(10);
    if (!isfinite(log_p)) {
        snprintf(out, n, "%s", ascii ? "-" : "–");
    } else if (ten > -3) {
        char number[16];
        snprintf(number, sizeof number, "%.3f", exp(log_p));
        snprintf(out, n, "%s", number[0] == '0' ? number + 1 : number);
    } else {
        const double e = floor(ten + 5e-3); /* 9.99e-6 would be written 10.0e-6 */
        snprintf(out, n, "%.*fe%.0f", e > -100, pow(10, ten - e), e);
    }
}

enum { ROOMY = 39 };

/* From the left what tells most; w: of the rows, without the mark of the axes. */
struct unit_columns contrast_columns(int w)
{
    static const struct {
        enum unit_column col;
        int w;
    } wish[] = {{BY_UNIT, 5}, {BY_T, 7}, {BY_P, 8}, {BY_TARGET, 6}, {BY_OTHER, 6}};
    struct unit_columns c = {{0}, 0};
    int at = 1;
    for (size_t i = 0; i < sizeof wish / sizeof *wish; i++) {
        const int own = wish[i].w + (w >= ROOMY && wish[i].col != BY_T);
        if (at + own > w)
            break;
        at += own;
        c.right[wish[i].col] = at;
        if (wish[i].col == BY_P && at + 2 <= w)
            c.sign = at += 2;
    }
    return c;
}

static void draw_heads(const struct contrast_drawing *d, struct rect r)
{
    const struct contrast *v = d->v;
    const struct unit_columns c = contrast_columns(r.w);
    char text[40];
    for (int i = 0; i < N_UNIT_COLUMNS; i++) {
        static const char *const name[N_UNIT_COLUMNS] = {
            [BY_P] = "p", [BY_T] = "t", [BY_UNIT] = "unit"};
        const char *own = i == BY_TARGET  ? contrast_class(v, 0)
                          : i == BY_OTHER ? contrast_class(v, 1)
                                          : name[i];
        if (!c.right[i])
            continue;
        const bool sorted = (int)v->sort == i;
        snprintf(text, sizeof text, "%.5s%s", own,
                 !sorted         ? ""
                 : v->descending ? (d->in->ascii ? "v" : "▾")
                                 : (d->in->ascii ? "^" : "▴"));
        enum theme_role role = i == BY_TARGET  ? class_role(names_find(&v->shown.classes, own))
                               : i == BY_OTHER ? class_role(names_find(&v->shown.classes, own))
                                               : ROLE_DIM;
        contrast_right(d, r, r.x + c.right[i], r.y, contrast_style(d, role), text);
    }
}

/* Whose words have more of it. */
static enum theme_role leaning(const struct contrast *v, double t)
{
    if (!isfinite(t))
        return ROLE_DIM;
    return class_role(names_find(&v->shown.classes, contrast_class(v, t < 0)));
}

static void draw_unit(const struct contrast_drawing *d, struct rect r, int y, int at)
{
    const struct contrast *v = d->v;
    const struct unit_row u = contrast_unit(v, at);
    const struct unit_columns c = contrast_columns(r.w);
    const bool selected = at == v->units.selected, ascii = d->in->ascii;
    const struct style plain = contrast_style(d, selected ? ROLE_SELECTION : ROLE_TEXT);
    char text[40];
    if (selected)
        grid_fill(d->g, (struct rect){r.x, y, r.w, 1}, plain);
    const char *axis = u.unit == v->x ? "x" : u.unit == v->y ? "y" : " ";
    grid_text(d->g, r, r.x, y, selected ? plain : contrast_style(d, ROLE_KEY), axis, 1);
    snprintf(text, sizeof text, "%d", (int)u.unit);
    contrast_right(d, r, r.x + c.right[BY_UNIT], y, plain, c.right[BY_UNIT] ? text : "");
    const struct style lean = selected ? plain : contrast_style(d, leaning(v, u.t));
    signed_number(u.t, 2, ascii, text, sizeof text);
    contrast_right(d, r, r.x + c.right[BY_T], y, lean, c.right[BY_T] ? text : "");
    p_text(u.log_p, ascii, text, sizeof text);
    const struct style p =
        selected ? plain : contrast_style(d, u.significant ? ROLE_HEADING : ROLE_TEXT);
    contrast_right(d, r, r.x + c.right[BY_P], y, p, c.right[BY_P] ? text : "");
    if (c.sign && (u.significant || u.bh))
        contrast_right(d, r, r.x + c.sign, y, p,
                       u.significant ? (ascii ? "*" : "★") : (ascii ? "+" : "☆"));
    for (int i = 0; i < 2; i++) {
        const int right = c.right[i ? BY_OTHER : BY_TARGET];
        plain_number(u.mean[i], 2, ascii, text, sizeof text);
        contrast_right(d, r, r.x + right, y, plain, right ? text : "");
    }
}

void contrast_draw_units(const struct contrast_drawing *d, struct rect r)
{
    const struct contrast *v = d->v;
    if (!v->rows) {
        contrast_waiting(d, &v->test, r);
        return;
    }
    if (r.h > 2) {
        draw_heads(d, r);
        r.y++;
        r.h--;
    }
    for (int i = 0; i < r.h && v->units.top + i < v->rows->n_rows; i++)
        draw_unit(d, r, r.y + i, v->units.top + i);
    if (v->focus == PART_UNITS && !v->typing && r.h > 0) {
        const int at = v->units.selected - v->units.top;
        d->g->cursor_x = r.x;
        d->g->cursor_y = r.y + (at >= 0 && at < r.h ? at : 0);
    }
}

void contrast_units_note(const struct contrast_drawing *d, int w, char *out, size_t n)
{
    const struct contrast *v = d->v;
    const struct table *sets = v->test_set ? table_set_find(v->test_set, "sets") : NULL;
    const int64_t row = v->hooked ? 1 : 0;
    const double significant = column_f64(sets, row, sets ? table_find(sets, "significant") : -1),
                 tested = column_f64(sets, row, sets ? table_find(sets, "tested") : -1),
                 bh = column_f64(sets, row, sets ? table_find(sets, "bh") : -1);
    out[0] = 0;
    if (!sets || !isfinite(significant) || !isfinite(tested) || !isfinite(bh))
        return;
    const double alpha = params_real(&v->test.request.params, "alpha");
    const char *dot = d->in->ascii ? " - " : " · ";
    snprintf(out, n, "%s p<%g: %.0f of %.0f%sBH %.0f", d->in->ascii ? "*" : "★", alpha, significant,
             tested, dot, bh);
    if (text_width(out) + 4 > w)
        snprintf(out, n, "%s %.0f of %.0f", d->in->ascii ? "*" : "★", significant, tested);
}

/* ---- neurons against latents */
static const struct compared {
    const char *column, *name, *head;
    int decimals; /* −1: a whole number; −2: per cent */
    int rank;     /* what goes last where there is little room */
} compared[] = {{"count", "units", "units", -1, 5},
                {"significant", "significant", "signif.", -1, 4},
                {"bh", "BH", "BH", -1, 6},
                {"accuracy", "accuracy", "acc.", -2, 0},
                {"selectivity", "selectivity", "select.", 3, 1},
                {"localisation", "localisation", "local.", -1, 2},
                {"information_loss", "inform. lost", "inf.lost", -2, 3},
                {"mse", "MSE", "MSE", 2, 7},
                {"l0", "L0", "L0", 1, 8},
                {"delta_selectivity", "select. lost", "sel.lost", 3, 9},
                {"l1", "L1", "L1", 1, 10}};
enum { N_COMPARED = sizeof compared / sizeof *compared };

static void compared_text(double x, int decimals, bool ascii, char *out, size_t n)
{
    plain_number(decimals == -2 ? 100 * x : x, decimals < 0 ? 0 : decimals, ascii, out, n);
    if (decimals == -2 && isfinite(x) && strlen(out) + 3 < n)
        strcat(out, " %");
}

static void set_name(const struct table *t, int64_t row, char *out, size_t n)
{
    snprintf(out, n, "%s %s", column_str(t, row, column_text(t, "dict")),
             column_str(t, row, column_text(t, "units")));
}

/* Of several dictionaries a row each set of units, with the columns that have room. */
static void draw_sets(const struct contrast_drawing *d, struct rect r, const struct table *t)
{
    enum { STEP = 9 };
    static const int order[] = {3, 4, 9, 5, 6, 7, 8, 1, 2, 0, 10};
    const int shown = t->n_rows < r.h ? (int)t->n_rows : r.h - 2;
    char text[UNIT_NAME_MAX + 32];
    int name = 0;
    for (int64_t i = 0; i < t->n_rows; i++) {
        set_name(t, i, text, sizeof text);
        name = text_width(text) > name ? text_width(text) : name;
    }
    name = name < r.w - STEP ? name : r.w - STEP;
    for (int i = 0; i < shown; i++) {
        const struct rect line = {r.x, r.y + 1 + i, name, 1};
        const bool latents = strcmp(column_str(t, i, column_text(t, "units")), "latents") == 0;
        set_name(t, i, text, sizeof text);
        grid_text(d->g, rect_clip(line, r), r.x, line.y,
                  contrast_style(d, class_role(latents ? 2 : 3)), text, strlen(text));
    }
    if (shown < t->n_rows && r.h > 1) {
        snprintf(text, sizeof text, "%lld more", (long long)t->n_rows - (shown > 0 ? shown : 0));
        grid_text(d->g, r, r.x, r.y + r.h - 1, contrast_style(d, ROLE_DIM), text, strlen(text));
    }
    for (int k = 0, x = r.x + name + STEP; k < N_COMPARED && x <= r.x + r.w; k++) {
        const struct compared *c = &compared[order[k]];
        const int32_t col = column_number(t, c->column);
        if (col < 0)
            continue;
        contrast_right(d, r, x, r.y, contrast_style(d, ROLE_DIM), c->head);
        for (int i = 0; i < shown; i++) {
            compared_text(column_f64(t, i, col), c->decimals, d->in->ascii, text, sizeof text);
            contrast_right(d, r, x, r.y + 1 + i, contrast_style(d, ROLE_TEXT), text);
        }
        x += STEP;
    }
}

void contrast_draw_compare(const struct contrast_drawing *d, struct rect r)
{
    const struct table *t = contrast_table(d->v, PART_COMPARE);
    if (!t) {
        contrast_waiting(d, &d->v->compare, r);
        return;
    }
    if (t->n_rows > 2) {
        draw_sets(d, r, t);
        return;
    }
    const int n = (int)t->n_rows, step = r.w >= 32 ? 10 : 8;
    const int first = r.w - step * (n - 1) < 13 + step ? r.w - step * (n - 1) : 13 + step;
    for (int c = 0; c < n; c++)
        contrast_right(d, r, r.x + first + c * step, r.y, contrast_style(d, class_role(2 + c)),
                       column_str(t, c, column_text(t, "units")));
    int y = r.y + 1;
    for (int i = 0; i < N_COMPARED; i++) {
        const int32_t col = column_number(t, compared[i].column);
        if (compared[i].rank >= r.h - 1 || y >= r.y + r.h || col < 0)
            continue;
        grid_text(d->g, r, r.x, y, contrast_style(d, ROLE_DIM), compared[i].name,
                  strlen(compared[i].name));
        for (int c = 0; c < n; c++) {
            char text[32];
            compared_text(column_f64(t, c, col), compared[i].decimals, d->in->ascii, text,
                          sizeof text);
            contrast_right(d, r, r.x + first + c * step, y, contrast_style(d, ROLE_TEXT), text);
        }
        y++;
    }
}

/* Sweep: the loss of each class with the chosen latents fixed at one value after the other,
 * all together and each alone; live while it runs. */
#include "engine/base/memory.h"
#include "tui/plot/plot.h"
#include "tui/unit_words.h"
#include "tui/view/findings.h"
#include "tui/view/label.h"
#include "tui/view/sweep/table.h"
#include "tui/widget/list.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct sweep {
    struct watch watch;
    struct list rows; /* 0: all units; then each alone */
    enum sweep_shows shows;
    bool error, log, zoom;
    double at; /* the selected value */
    bool at_chosen;
    int n_values;
    double value[STUDY_MAX_VALUES];
    struct names classes; /* of the tables at hand */
    struct table *curve;  /* NULL: nothing yet */
    struct rect r;
};

static void init(void *view, const struct view_in *in)
{
    (void)in;
    struct sweep *v = view;
    *v = (struct sweep){0};
}

static void release(void *view)
{
    struct sweep *v = view;
    watch_release(&v->watch);
    table_free(v->curve);
    *v = (struct sweep){0};
}

/* ---- what is there */
static int n_units(const struct sweep *v)
{
    const struct unit_id *unit;
    return v->watch.asked ? request_units(&v->watch.request, &unit) : 0;
}

static struct unit_id unit_at(const struct sweep *v, int i)
{
    const struct unit_id *unit;
    return i < request_units(&v->watch.request, &unit) ? unit[i] : UNIT_NONE;
}

static const struct table_set *tables(const struct sweep *v)
{
    return v->watch.job.id ? v->watch.job.tables : NULL;
}

/* Row 0 of the list is all units; a sweep of one has that row only. */
static int n_rows(const struct sweep *v)
{
    return n_units(v) > 1 ? n_units(v) + 1 : n_units(v);
}

/* What is inserted at places one by one; NULL: sae and error were asked about. */
static const char *by_places(const struct sweep *v)
{
    const char *places = NULL;
    if (v->watch.asked)
        params_insert(&v->watch.request.params, "insert", &places);
    return places;
}

static const char *insert_of(const struct sweep *v)
{
    const char *places = by_places(v);
    return places ? places : insert_name[v->error ? INSERT_ERROR : INSERT_SAE];
}

static struct sweep_pick pick_of(const struct sweep *v, int row)
{
    return (struct sweep_pick){insert_of(v), row > 0 ? unit_at(v, row - 1) : UNIT_NONE,
                               v->watch.job.dicts};
}

static void row_name(const struct sweep *v, int row, char out[UNIT_NAME_MAX])
{
    if (row > 0 || n_units(v) == 1)
        unit_name(v->watch.job.dicts, unit_at(v, row > 0 ? row - 1 : 0), out);
    else
        snprintf(out, UNIT_NAME_MAX, "all %d", n_units(v));
}

static void what_is_fixed(const struct sweep *v, char out[UNIT_NAME_MAX + 16])
{
    char name[UNIT_NAME_MAX];
    row_name(v, v->rows.selected, name);
    snprintf(out, UNIT_NAME_MAX + 16, "%.60s%s fixed", name, v->rows.selected > 0 ? " alone" : "");
}

/* Value nearest to the selected one, as an index. */
static int value_index(const struct sweep *v)
{
    int best = 0;
    for (int i = 1; i < v->n_values; i++)
        if (fabs(v->value[i] - v->at) < fabs(v->value[best] - v->at))
            best = i;
    return best;
}

static bool has_pairs(const struct sweep *v)
{
    const struct table *t = sweep_source(tables(v), SWEEP_PAIRED);
    return t && t->n_rows > 0;
}

/* The curve and all that depends on the tables, the pick, or what is shown of it. */
static void derive(struct sweep *v)
{
    char what[UNIT_NAME_MAX + 16];
    const struct table *rows = sweep_source(tables(v), SWEEP_LOSS);
    if (v->shows == SWEEP_PAIRED && tables(v) && !has_pairs(v))
        v->shows = SWEEP_LOSS;
    list_resize(&v->rows, n_rows(v), v->rows.height);
    names_of(rows, "class", &v->classes);
    v->n_values = sweep_values(tables(v), v->value);
    if (v->n_values > 0)
        v->at = v->value[value_index(v)];
    table_free(v->curve);
    what_is_fixed(v, what);
    v->curve = sweep_curve(tables(v), v->shows, pick_of(v, v->rows.selected), what);
}

static void enter(void *view, const struct view_in *in)
{
    struct sweep *v = view;
    struct request r;
    struct unit_id unit[UNITS_MAX];
    if (pane_request(in, &sweep_query, NULL, &r)) {
        sweep_lanes(&r, &in->workbench->dicts,
                    in->shared ? sliders_insert(&in->shared->sliders) : insertion_of(INSERT_SAE));
        watch_ask(&v->watch, in->host, &r);
    } else if (in->workbench) {
        watch_release(&v->watch);
    }
    if (!v->at_chosen) { /* where the sliders are, else where an effect is to be expected */
        double fixed = in->shared && pane_units(in, unit) > 0
                           ? shared_fixed_value(in->shared, unit[0])
                           : (double)NAN;
        v->at = isfinite(fixed) ? fixed : 2;
    }
    derive(v);
}

static bool update(void *view, const struct view_in *in)
{
    struct sweep *v = view;
    if (!watch_update(&v->watch, in->host))
        return false;
    derive(v);
    return true;
}

/* ---- where things stand */
struct areas { /* h 0: not drawn */
    struct rect plot, list, numbers, line;
};

enum { MOST_CLASSES = 4 }; /* that have room for certain; of more what there is room for */

static int numbers_rows(const struct sweep *v, int most)
{
    int n = v->classes.n > 0 ? v->classes.n : 2;
    return 2 + (n < most ? n : most) + (has_pairs(v) ? 1 : 0);
}

static struct areas areas(const struct sweep *v, struct rect r)
{
    struct areas a = {.plot = r};
    if (r.h > 3 && watch_shows_line(&v->watch) && v->curve) {
        a.line = (struct rect){r.x, r.y + r.h - 1, r.w, 1};
        r.h--;
        a.plot.h--;
    }
    /* of many classes as many as the other half of the height has room for */
    int want = numbers_rows(v, CORPUS_MAX_CLASSES) + 2, least = numbers_rows(v, MOST_CLASSES) + 2;
    if (want > r.h / 2)
        want = least > r.h / 2 ? least : want == least ? want : r.h / 2;
    if (v->zoom || r.h < 8) {
        return a;
    } else if (r.w >= 76) {
        int w = r.w * 2 / 5 > 48 ? 48 : r.w * 2 / 5, list = n_rows(v) + 3;
        a.plot.w = r.w - w;
        if (list > r.h - want)
            list = r.h - want;
        a.list = (struct rect){r.x + a.plot.w, r.y, w, list < 4 ? r.h : list};
        a.numbers = (struct rect){a.list.x, r.y + a.list.h, w, r.h - a.list.h};
    } else if (r.h >= 8 + want && r.w >= 30) {
        a.plot.h = r.h - want;
        a.numbers = (struct rect){r.x, r.y + a.plot.h, r.w, want};
    }
    return a;
}

static struct rect inside(struct rect r)
{
    return r.h < 3 || r.w < 6 ? r : rect_inner(r, 1, 1);
}

static struct rect list_rows(struct rect list)
{
    struct rect r = inside(list);
    if (r.h > 2) { /* headings */
        r.y++;
        r.h--;
    }
    return r;
}

static void arrange(void *view, const struct view_in *in, struct rect r)
{
    struct sweep *v = view;
    (void)in;
    v->r = r;
    list_resize(&v->rows, n_rows(v), list_rows(areas(v, r).list).h);
}

/* ---- drawing */
struct sweep_drawing {
    const struct sweep *v;
    const struct view_in *in;
    struct grid *g;
};

static struct style look(const struct sweep_drawing *d, enum theme_role role)
{
    return theme_style(d->in->theme, role);
}

static void right_aligned(const struct sweep_drawing *d, struct rect r, int right, int y,
                          struct style s, const char *text)
{
    grid_text(d->g, r, right - text_width(text), y, s, text, strlen(text));
}

static void number_right(const struct sweep_drawing *d, struct rect r, int right, int y,
                         struct style s, double v, bool sign)
{
    char number[32];
    (sign ? signed_number : plain_number)(v, 2, d->in->ascii, number, sizeof number);
    right_aligned(d, r, right, y, s, number);
}

static void value_text(double value, bool ascii, char out[32])
{
    plain_number(value, fabs(value - round(value)) < 1e-9 ? 0 : 2, ascii, out, 32);
}

enum { LEAST_NAME = 10 }; /* columns in which a corpus is told from another */

static void plot_title(const struct sweep *v, const struct view_in *in, int w, char *out, size_t n)
{
    static const char *const name[N_SWEEP_SHOWS] = {"Loss", "Change of loss", "Paired changes"},
                             *const unit[N_SWEEP_SHOWS] = {"nats a token", "nats", "nats"},
                             *const brief[N_SWEEP_SHOWS] = {"Loss", "Change", "Paired"};
    char what[UNIT_NAME_MAX + 16], corpus[96];
    what_is_fixed(v, what);
    if (n_units(v) == 0) {
        snprintf(out, n, "Sweep");
        return;
    }
    int room = w >= 60 ? w / 3 : w - 14 - text_width(what);
    corpus_label(&v->watch.request.corpus, in->ascii, room, corpus, sizeof corpus);
    snprintf(out, n, "%s of %s, %s: %s, %s", name[v->shows], corpus, unit[v->shows], what,
             by_places(v) ? by_places(v) : unit_words(in->workbench)->lane[v->error]);
    if (room < LEAST_NAME)
        snprintf(out, n, "%s: %s", brief[v->shows], what);
    else if (text_width(out) + 4 > w)
        snprintf(out, n, "%s of %s: %s", brief[v->shows], corpus, what);
}

/* Behind a title where it fits, so that numbers stand with the corpus that they are of. */
static void add_corpus(const struct sweep *v, bool ascii, int w, char *title, size_t n)
{
    char corpus[96];
    int room = w - 7 - text_width(title);
    if (!v->watch.asked || room < LEAST_NAME)
        return;
    corpus_label(&v->watch.request.corpus, ascii, room, corpus, sizeof corpus);
    size_t at = strlen(title);
    snprintf(title + at, n - at, "%s%s", ascii ? " - " : " · ", corpus);
}

static void set_options(const struct sweep *v, struct plot_options *o)
{
    o->log_y = v->log;
}

static void curve_options(const struct sweep *v, bool ascii, struct plot_options *o)
{
    plot_options_init(o);
    set_options(v, o);
    o->glyphs = ascii ? PLOT_ASCII : PLOT_BRAILLE;
    o->title = "";
    if (v->n_values > 0)
        o->at[o->n_at++] = v->at;
}

static void plot_note(const struct sweep_drawing *d, int w, char *out, size_t n)
{
    char value[32];
    const char *dot = d->in->ascii ? "-" : "·", *arrows = d->in->ascii ? "<>" : "←→";
    const bool kinds = !by_places(d->v);
    value_text(d->v->at, d->in->ascii, value);
    if (d->v->n_values == 0)
        out[0] = 0;
    else if (w >= 66)
        snprintf(out, n, "%s value %s %s Enter fixes it %s d %s%s%s%s%s", arrows, value, dot, dot,
                 d->v->shows == SWEEP_LOSS                        ? "change"
                 : d->v->shows == SWEEP_CHANGE && has_pairs(d->v) ? "paired"
                                                                  : "loss",
                 kinds ? " " : "", kinds ? dot : "", kinds ? " e " : "",
                 !kinds        ? ""
                 : d->v->error ? unit_words(d->in->workbench)->alone
                               : "error kept");
    else
        snprintf(out, n, "%s %s", arrows, value);
}

static void draw_plot(const struct sweep_drawing *d, struct rect r)
{
    char title[240], note[160];
    struct rect in = inside(r);
    plot_title(d->v, d->in, r.w, title, sizeof title);
    if (r.h >= 3 && r.w >= 6)
        grid_box(d->g, r, title, true, d->in->theme);
    if (!d->v->curve) {
        in = r.h >= 3 && r.w >= 6 ? rect_inner(r, 2, 1) : r;
        if (!tables(d->v) || watch_shows_line(&d->v->watch))
            pane_waiting(d->in, &d->v->watch, d->g, in);
        else
            grid_printf(d->g, in, in.x, in.y, look(d, ROLE_DIM), "no such curve in this sweep");
        return;
    }
    struct plot_options o;
    curve_options(d->v, d->in->ascii, &o);
    o.bare = in.h < 4 || in.w < 16;
    plot_cells(d->v->curve, &o, d->in->theme, d->g, in, NULL);
    plot_note(d, r.w, note, sizeof note);
    pane_edge(d->g, d->in->theme, r, note);
}

/* ---- the list: how much each does at the selected value */
enum { NAME_COLUMNS = 10, NUMBER_COLUMNS = 7, WIDE_COLUMNS = 9 };

struct class_columns { /* behind names of that width; of many classes as many as have room */
    int from, w, n;
};

static struct class_columns class_columns(const struct sweep *v, struct rect r, int names)
{
    struct class_columns c = {.from = r.x + names};
    int room = r.w - names;
    c.n = v->classes.n < room / NUMBER_COLUMNS ? v->classes.n : room / NUMBER_COLUMNS;
    c.n = c.n > 0 ? c.n : v->classes.n > 0;
    c.w = c.n > 0 && room / c.n < WIDE_COLUMNS ? room / c.n : WIDE_COLUMNS;
    return c;
}

static int class_right(const struct class_columns *c, int cls)
{
    return c->from + c->w * (cls + 1);
}

/* Names of several dictionaries are longer than numbers. */
static struct class_columns list_columns(const struct sweep *v, struct rect r)
{
    int names = NAME_COLUMNS;
    char name[UNIT_NAME_MAX];
    for (int row = 0; row < n_rows(v); row++) {
        row_name(v, row, name);
        names = text_width(name) + 2 > names ? text_width(name) + 2 : names;
    }
    return class_columns(v, r,
                         names < r.w / 2          ? names
                         : r.w / 2 > NAME_COLUMNS ? r.w / 2
                                                  : NAME_COLUMNS);
}

static void draw_list_row(const struct sweep_drawing *d, struct rect r,
                          const struct class_columns *columns, int y, int row)
{
    const struct sweep *v = d->v;
    bool selected = row == v->rows.selected;
    struct style s = look(d, selected ? ROLE_SELECTION : ROLE_TEXT);
    char name[UNIT_NAME_MAX];
    if (selected)
        grid_fill(d->g, (struct rect){r.x, y, r.w, 1}, s);
    grid_text(d->g, r, r.x, y, s, selected ? (d->in->ascii ? ">" : "▸") : " ",
              selected && !d->in->ascii ? strlen("▸") : 1);
    row_name(v, row, name);
    struct rect names = {r.x, y, columns->from - r.x, 1};
    grid_text(d->g, names, r.x + 1, y, s, name, strlen(name));
    for (int c = 0; c < columns->n; c++) {
        struct sweep_number n =
            sweep_at(tables(v), SWEEP_CHANGE, pick_of(v, row), v->at, v->classes.name[c]);
        bool clear = n.lo > 0 || n.hi < 0; /* the interval leaves nothing out */
        number_right(d, r, class_right(columns, c), y,
                     selected ? s : look(d, clear ? ROLE_TEXT : ROLE_DIM), n.y, true);
    }
}

static void draw_class_names(const struct sweep_drawing *d, struct rect r,
                             const struct class_columns *columns, int y)
{
    for (int c = 0; c < columns->n; c++) {
        char name[12];
        snprintf(name, sizeof name, "%.*s", columns->w > 8 ? 8 : columns->w - 1,
                 d->v->classes.name[c]);
        right_aligned(d, r, class_right(columns, c), y, look(d, class_role(c)), name);
    }
}

/* That a pane shows fewer classes than there are. */
static void say_some(const struct sweep_drawing *d, struct rect frame, int shown)
{
    char text[48];
    if (shown >= d->v->classes.n)
        return;
    snprintf(text, sizeof text, "%d of %d classes", shown, d->v->classes.n);
    pane_edge(d->g, d->in->theme, frame, text);
}

static void draw_list(const struct sweep_drawing *d, struct rect r)
{
    const struct sweep *v = d->v;
    char title[200], value[32];
    if (r.h <= 0 || r.w <= 0)
        return;
    value_text(v->at, d->in->ascii, value);
    snprintf(title, sizeof title, "Change at %s", value);
    add_corpus(v, d->in->ascii, r.w, title, sizeof title);
    grid_box(d->g, r, v->n_values > 0 ? title : "Change", false, d->in->theme);
    struct rect rows = list_rows(r), in = inside(r);
    const struct class_columns columns = list_columns(v, in);
    if (rows.y > in.y)
        draw_class_names(d, in, &columns, in.y);
    for (int i = 0; i < rows.h && v->rows.top + i < n_rows(v); i++)
        draw_list_row(d, rows, &columns, rows.y + i, v->rows.top + i);
    say_some(d, r, columns.n);
}

/* ---- the numbers at the selected value */
struct number_columns { /* right edges; 0: not drawn */
    int loss, interval, change, change_interval;
};

static struct number_columns number_columns(struct rect r)
{
    struct number_columns c = {.loss = r.x + 13};
    c.interval = r.w >= 46 ? r.x + 25 : 0;
    c.change = (c.interval ? c.interval : c.loss) + 7;
    c.change_interval = c.change + 14 <= r.x + r.w ? c.change + 14 : 0;
    if (c.change > r.x + r.w)
        c.change = 0;
    return c;
}

static void interval(const struct sweep_drawing *d, struct rect r, int right, int y,
                     struct sweep_number n, bool sign)
{
    char both[80];
    if (right == 0)
        return;
    interval_label(n.lo, n.hi, 2, sign, d->in->ascii, both, sizeof both);
    right_aligned(d, r, right, y, look(d, ROLE_DIM), both);
}

static void draw_class(const struct sweep_drawing *d, struct rect r, int y, int cls)
{
    const struct sweep *v = d->v;
    const char *name = v->classes.name[cls];
    struct sweep_pick pick = pick_of(v, v->rows.selected);
    struct number_columns c = number_columns(r);
    struct sweep_number loss = sweep_at(tables(v), SWEEP_LOSS, pick, v->at, name),
                        change = sweep_at(tables(v), SWEEP_CHANGE, pick, v->at, name);
    grid_printf(d->g, (struct rect){r.x, y, 7, 1}, r.x, y, look(d, class_role(cls)), "%.20s", name);
    number_right(d, r, c.loss, y, look(d, ROLE_TEXT), loss.y, false);
    interval(d, r, c.interval, y, loss, false);
    if (c.change)
        number_right(d, r, c.change, y, look(d, ROLE_HEADING), change.y, true);
    interval(d, r, c.change_interval, y, change, true);
}

static void draw_unmodified(const struct sweep_drawing *d, struct rect r, int y)
{
    const struct sweep *v = d->v;
    char number[32];
    int x =
        grid_printf(d->g, r, r.x, y, look(d, ROLE_DIM), r.w >= 36 ? "nothing fixed  " : "free ");
    for (int c = 0; c < v->classes.n; c++) {
        struct sweep_number n =
            sweep_at(tables(v), SWEEP_LOSS, pick_of(v, 0), (double)NAN, v->classes.name[c]);
        plain_number(n.y, 2, d->in->ascii, number, sizeof number);
        if (c > 0 && x + 13 > r.x + r.w) {
            grid_printf(d->g, r, x, y, look(d, ROLE_DIM), "+%d", v->classes.n - c);
            return;
        }
        x = grid_printf(d->g, r, x, y, look(d, class_role(c)), "%.8s", v->classes.name[c]);
        x = grid_printf(d->g, r, x, y, look(d, ROLE_DIM), " %s  ", number);
    }
}

static void draw_pairs(const struct sweep_drawing *d, struct rect r, int y)
{
    const struct sweep *v = d->v;
    struct sweep_number n =
        sweep_at(tables(v), SWEEP_PAIRED, pick_of(v, v->rows.selected), v->at, NULL);
    char number[32], both[80];
    signed_number(n.y, 2, d->in->ascii, number, sizeof number);
    interval_label(n.lo, n.hi, 2, true, d->in->ascii, both, sizeof both);
    int x = grid_printf(d->g, r, r.x, y, look(d, ROLE_DIM),
                        r.w >= 36 ? "paired difference " : "paired ");
    x = grid_printf(d->g, r, x, y, look(d, ROLE_HEADING), "%s", number);
    if (*both)
        x = grid_printf(d->g, r, x, y, look(d, ROLE_DIM), "  %s", both);
    if (n.n > 0 && x + 16 <= r.x + r.w)
        grid_printf(d->g, r, x, y, look(d, ROLE_DIM), "  %lld pairs", (long long)n.n);
}

static void draw_headings(const struct sweep_drawing *d, struct rect r, int y)
{
    struct number_columns c = number_columns(r);
    struct style dim = look(d, ROLE_DIM);
    right_aligned(d, r, c.loss, y, dim, "loss");
    if (c.interval)
        right_aligned(d, r, c.interval, y, dim, "95 %");
    if (c.change)
        right_aligned(d, r, c.change, y, dim, "change");
    if (c.change_interval)
        right_aligned(d, r, c.change_interval, y, dim, "95 %");
}

/* Where there is room: the curve as numbers, the selected value marked. */
static void draw_values(const struct sweep_drawing *d, struct rect r)
{
    const struct sweep *v = d->v;
    bool paired = v->shows == SWEEP_PAIRED, sign = v->shows != SWEEP_LOSS;
    struct class_columns columns = class_columns(v, r, NAME_COLUMNS);
    int n = paired ? 1 : columns.n, y = r.y;
    if (r.h < v->n_values + 1 || v->n_values == 0)
        return;
    grid_printf(d->g, r, r.x, y, look(d, ROLE_DIM), "  value");
    if (paired)
        right_aligned(d, r, class_right(&columns, 0), y, look(d, ROLE_DIM), "paired");
    else
        draw_class_names(d, r, &columns, y);
    for (int i = 0; i < v->n_values; i++) {
        bool selected = i == value_index(v);
        struct style s = look(d, selected ? ROLE_HEADING : ROLE_DIM);
        y++;
        if (selected)
            grid_printf(d->g, r, r.x, y, look(d, ROLE_FOCUS), "%s", d->in->ascii ? ">" : "▸");
        char value[32];
        value_text(v->value[i], d->in->ascii, value);
        right_aligned(d, r, r.x + 7, y, s, value);
        for (int c = 0; c < n; c++)
            number_right(d, r, class_right(&columns, c), y, s,
                         sweep_at(tables(v), v->shows, pick_of(v, v->rows.selected), v->value[i],
                                  paired ? NULL : v->classes.name[c])
                             .y,
                         sign);
    }
}

static void draw_numbers(const struct sweep_drawing *d, struct rect r)
{
    const struct sweep *v = d->v;
    char title[240], what[UNIT_NAME_MAX + 16], value[32];
    if (r.h <= 0 || r.w <= 0)
        return;
    what_is_fixed(v, what);
    value_text(v->at, d->in->ascii, value);
    snprintf(title, sizeof title, "%s at %s", what, value);
    add_corpus(v, d->in->ascii, r.w, title, sizeof title);
    grid_box(d->g, r, v->n_values > 0 && n_units(v) > 0 ? title : "At a value", false,
             d->in->theme);
    struct rect in = inside(r), rows = in;
    if (v->n_values == 0 || in.h <= 0)
        return;
    int y = in.y, bottom = in.y + in.h;
    const bool many = v->classes.n > MOST_CLASSES && in.h > MOST_CLASSES &&
                      in.h <= v->classes.n + 1 + has_pairs(v);
    const int end = bottom - (many ? 1 + has_pairs(v) : 0); /* what follows them has its rows */
    int n = 0;
    if (in.h > v->classes.n || many)
        draw_headings(d, rows, y++);
    for (; n < v->classes.n && y < end; n++)
        draw_class(d, rows, y++, n);
    say_some(d, r, n);
    if (has_pairs(v) && y < bottom)
        draw_pairs(d, rows, y++);
    if (y < bottom)
        draw_unmodified(d, rows, y++);
    draw_values(d, (struct rect){in.x, y + 1, in.w, bottom - y - 1});
}

static void draw(const void *view, const struct view_in *in, struct grid *g, struct rect r)
{
    const struct sweep *v = view;
    struct sweep_drawing d = {v, in, g};
    if (r.w <= 0 || r.h <= 0)
        return;
    struct areas a = areas(v, r);
    draw_plot(&d, a.plot);
    draw_list(&d, a.list);
    draw_numbers(&d, a.numbers);
    pane_progress(in, &v->watch, g, a.line);
    struct rect at = a.list.h > 0 ? list_rows(a.list) : inside(a.plot);
    int row = a.list.h > 0 ? v->rows.selected - v->rows.top : 0;
    g->cursor_x = at.x;
    g->cursor_y = at.y + (row < at.h && row >= 0 ? row : 0);
}

/* ---- events */
static void select_row(struct sweep *v, int row)
{
    if (list_select(&v->rows, row))
        derive(v);
}

static void select_value(struct sweep *v, int index)
{
    if (v->n_values == 0)
        return;
    v->at = v->value[index < 0 ? 0 : index >= v->n_values ? v->n_values - 1 : index];
    v->at_chosen = true;
}

/* The sliders get what the selected curve has fixed. */
static void fix(const struct sweep *v, const struct view_in *in)
{
    int row = v->rows.selected;
    if (!in->shared || v->n_values == 0)
        return;
    for (int i = 0; i < n_units(v); i++)
        if (row == 0 || row == i + 1)
            shared_set_value(in->shared, unit_at(v, i), v->at);
}

/* The x value under a cell of the plot; the layout is found by drawing again. */
static double value_at(const struct sweep *v, const struct view_in *in, struct rect plot, int x)
{
    struct grid scratch;
    struct plot_options o;
    struct plot_layout l = {0};
    if (!v->curve || plot.w < 6 || plot.h < 3)
        return NAN;
    grid_init(&scratch, plot.x + plot.w, plot.y + plot.h, theme_style(in->theme, ROLE_TEXT));
    curve_options(v, in->ascii, &o);
    o.bare = inside(plot).h < 4 || inside(plot).w < 16;
    plot_cells(v->curve, &o, in->theme, &scratch, inside(plot), &l);
    grid_release(&scratch);
    return l.n_panels > 0 ? plot_value_at(&l.panel[0], x) : (double)NAN;
}

static bool mouse(struct sweep *v, const struct view_in *in, const struct event *e)
{
    struct areas a = areas(v, v->r);
    bool in_plot = rect_has(a.plot, e->x, e->y);
    if (e->mouse == MOUSE_WHEEL_UP || e->mouse == MOUSE_WHEEL_DOWN) {
        int by = e->mouse == MOUSE_WHEEL_UP ? -1 : 1;
        if (in_plot)
            select_value(v, value_index(v) - by);
        else
            select_row(v, v->rows.selected + by);
        return true;
    }
    if (e->mouse != MOUSE_PRESS || e->button != 1)
        return false;
    struct rect rows = list_rows(a.list);
    if (a.list.h > 0 && rect_has(rows, e->x, e->y)) {
        if (v->rows.top + e->y - rows.y < n_rows(v))
            select_row(v, v->rows.top + e->y - rows.y);
        return true;
    }
    double value = in_plot ? value_at(v, in, a.plot, e->x) : (double)NAN;
    if (!isfinite(value) || v->n_values == 0)
        return in_plot;
    v->at = value;
    select_value(v, value_index(v));
    if (e->clicks >= 2)
        fix(v, in);
    return true;
}

static bool event(void *view, const struct view_in *in, const struct event *e)
{
    return e->kind == EVENT_MOUSE && mouse(view, in, e);
}

static bool act(void *view, const struct view_in *in, enum action_id action, bool extend)
{
    struct sweep *v = view;
    int row;
    (void)extend;
    if (list_key(&v->rows, action, &row)) {
        select_row(v, row);
        return true;
    }
    switch (action) {
    case ACTION_NEXT_PANE:
        select_row(v, v->rows.selected + 1 < n_rows(v) ? v->rows.selected + 1 : 0);
        break;
    case ACTION_PREVIOUS_PANE:
        select_row(v, v->rows.selected > 0 ? v->rows.selected - 1 : n_rows(v) - 1);
        break;
    case ACTION_VIEW_LEFT: select_value(v, value_index(v) - 1); break;
    case ACTION_VIEW_RIGHT: select_value(v, value_index(v) + 1); break;
    case ACTION_VIEW_ENTER:
    case ACTION_VIEW_TAKE: fix(v, in); break;
    case ACTION_SWEEP_KIND:
        v->error = !v->error;
        derive(v);
        break;
    case ACTION_SWEEP_CHANGE:
        v->shows = (v->shows + 1) % (has_pairs(v) ? N_SWEEP_SHOWS : SWEEP_PAIRED);
        derive(v);
        break;
    case ACTION_LOG: v->log = !v->log; break;
    case ACTION_ZOOM: v->zoom = !v->zoom; break;
    case ACTION_VIEW_BACK:
        if (!v->zoom)
            return false;
        v->zoom = false;
        break;
    default: return false;
    }
    return true;
}

static const struct table *table(const void *view)
{
    const struct sweep *v = view;
    return v->curve;
}

static void plot(const void *view, struct plot_options *o)
{
    const struct sweep *v = view;
    set_options(v, o);
}

static bool request(const void *view, const struct view_in *in, struct request *out)
{
    const struct sweep *v = view;
    (void)in;
    return watch_request(&v->watch, out);
}

const struct view_ops sweep_view = {.name = "sweep",
                                    .title = "Sweep",
                                    .where = IN_SWEEP_VIEW,
                                    .size = sizeof(struct sweep),
                                    .init = init,
                                    .release = release,
                                    .enter = enter,
                                    .update = update,
                                    .draw = draw,
                                    .arrange = arrange,
                                    .act = act,
                                    .event = event,
                                    .table = table,
                                    .plot = plot,
                                    .request = request};

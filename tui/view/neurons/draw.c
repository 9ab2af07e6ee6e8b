/* The Neurons view on the screen. */
#include "tui/unit_words.h"
#include "tui/view/job_line.h"
#include "tui/view/label.h"
#include "tui/view/neurons/neurons_private.h"
#include "tui/view/token_paint.h"
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- where things stand */
enum { WIDE = 76, HIGH = 19, LEAST_OPEN = 6 };

static void grid_of(struct neurons_layout *l, struct rect r)
{
    const int text = 5, left = r.w * 54 / 100, right = r.w - left;
    const int below = r.h - text, units = below / 2, y = r.y + text,
              histogram = (below - 4) * 3 / 5;
    l->part[PART_TEXT] = (struct rect){r.x, r.y, r.w, text};
    l->part[PART_UNITS] = (struct rect){r.x, y, left, units};
    l->part[PART_LISTS] = (struct rect){r.x, y + units, left, below - units};
    l->part[PART_VALUES] = (struct rect){r.x + left, y, right, 4};
    l->part[PART_HISTOGRAM] = (struct rect){r.x + left, y + 4, right, histogram};
    l->part[PART_BOOSTS] =
        (struct rect){r.x + left, y + 4 + histogram, right, below - 4 - histogram};
}

static void accordion(struct neurons_layout *l, struct rect r, enum neurons_part open)
{
    if (r.h < N_PARTS - 1 + LEAST_OPEN) {
        l->part[open] = r;
        return;
    }
    for (int p = 0, y = r.y; p < N_PARTS; p++) {
        const int h = p == (int)open ? r.h - N_PARTS + 1 : 1;
        l->part[p] = (struct rect){r.x, y, r.w, h};
        l->folded[p] = p != (int)open;
        y += h;
    }
}

void neurons_layout(struct rect r, enum neurons_part focus, bool zoom, struct neurons_layout *out)
{
    *out = (struct neurons_layout){.frame = r.w >= 24 && r.h >= 6};
    if (r.w <= 0 || r.h <= 0)
        return;
    if (zoom || r.h < 6)
        out->part[focus] = r;
    else if (r.w >= WIDE && r.h >= HIGH)
        grid_of(out, r);
    else
        accordion(out, r, focus);
}

struct rect neurons_inner(const struct neurons_layout *l, enum neurons_part p)
{
    return pane_inner(l->part[p], l->frame, l->folded[p]);
}

/* ---- drawing */
struct drawing {
    const struct neurons *v;
    const struct view_in *in;
    struct grid *g;
};

static struct style look(const struct drawing *d, enum theme_role role)
{
    return theme_style(d->in->theme, role);
}

static void right(const struct drawing *d, struct rect r, int at, int y, struct style s,
                  const char *text)
{
    grid_text(d->g, r, at - text_width(text), y, s, text, strlen(text));
}

static void waiting(const struct drawing *d, const struct watch *w, struct rect r)
{
    const struct job *j = &w->job;
    if (r.w <= 0 || r.h <= 0)
        return;
    if (j->id && j->status == JOB_FAILED)
        pane_say(d->g, r, look(d, ROLE_ERROR), j->error.text);
    else if (j->id && j->status == JOB_CANCELLED)
        pane_say(d->g, r, look(d, ROLE_WARNING), "cancelled: 8 asks again");
    else
        pane_waiting(d->in, w, d->g, r);
}

/* Red: worse with the unit off. */
static struct style shade(const struct drawing *d, double difference, double full)
{
    if (!isfinite(difference))
        return look(d, ROLE_TEXT);
    return theme_diverging(d->in->theme, theme_level(d->in->theme, difference / full, INT_MIN));
}

/* ---- the text */
/* What byte `at` of the line loses with the unit off, as far as the text that was read says: what
 * stands before and behind an edit is what it was. */
static double lost_at(const struct table *t, const struct text_map *map, size_t at)
{
    for (int64_t i = 0; t && i < t->n_rows; i++) {
        const double start = column_f64(t, i, column_number(t, "start")),
                     end = column_f64(t, i, column_number(t, "end"));
        size_t from, to;
        if (start >= 0 && end > start && map_to_new(map, (size_t)start, (size_t)end, &from, &to) &&
            from <= at && at < to)
            return column_f64(t, i, column_number(t, "difference"));
    }
    return NAN;
}

static void draw_text(const struct drawing *d, struct rect r)
{
    size_t n, cursor;
    const char *line = neurons_line(d->in, &n, &cursor), *read = d->v->shown_text;
    const struct table *t = neurons_table(d->v, "tokens");
    int x = r.x, y = r.y;
    if (r.w <= 0 || r.h <= 0)
        return;
    if (n == 0) {
        pane_say(d->g, r, look(d, ROLE_DIM), "no text: i types one");
        d->g->cursor_x = d->v->typing ? r.x : d->g->cursor_x;
        d->g->cursor_y = d->v->typing ? r.y : d->g->cursor_y;
        return;
    }
    const struct text_map map = text_map(read ? read : "", read ? strlen(read) : 0, line, n);
    for (size_t at = 0; at <= n && y < r.y + r.h;) {
        char glyph[GRID_GLYPH_MAX];
        int w = 0;
        const size_t k = at < n ? text_cluster(line + at, n - at, &w, glyph) : 1;
        if (x + w > r.x + r.w) {
            x = r.x;
            y++;
        }
        struct style s = shade(d, lost_at(t, &map, at), PAINT_DELTA_SCALE);
        if (at == cursor && d->v->focus == PART_TEXT) {
            d->g->cursor_x = x < r.x + r.w ? x : r.x + r.w - 1;
            d->g->cursor_y = y < r.y + r.h ? y : r.y + r.h - 1;
            s.attr ^= ATTR_UNDERLINE;
        }
        if (at < n)
            x = grid_text(d->g, r, x, y, s, line + at, k);
        at += k;
    }
}

/* Mean loss in both runs. */
static void text_note(const struct drawing *d, int w, char *out, size_t n)
{
    const struct table *t = neurons_table(d->v, "tokens");
    double a = 0, b = 0;
    int64_t k = 0;
    for (int64_t i = 0; t && i < t->n_rows; i++) {
        const double one = column_f64(t, i, column_number(t, "loss_a")),
                     two = column_f64(t, i, column_number(t, "loss_b"));
        if (isfinite(one) && isfinite(two))
            a += one, b += two, k++;
    }
    char change[32];
    out[0] = 0;
    if (k == 0)
        return;
    signed_number((b - a) / (double)k, 2, d->in->ascii, change, sizeof change);
    snprintf(out, n, "loss on %.2f, off %.2f, %s%s", a / (double)k, b / (double)k, change,
             w < 60         ? ""
             : d->in->ascii ? " - i types"
                            : " · i types");
}

/* ---- the units */
enum unit_column { U_F1, U_MEAN_ON, U_MEAN_OFF, U_CHANGE_ON, U_CHANGE_OFF, N_UNIT_COLUMNS };

static int name_width(int w)
{
    return w < 50 ? 13 : 15;
}

static int column_right(struct rect r, int column)
{
    const int first = name_width(r.w), step = r.w >= 50 ? 8 : 6;
    return r.x + first + 4 + column * step + (r.w >= 50);
}

static void draw_unit(const struct drawing *d, struct rect r, int y, int at)
{
    struct neuron_row u;
    char text[32];
    if (!neurons_row(d->v, d->in, at, &u))
        return;
    const bool selected = at == d->v->units.selected;
    const struct style s = look(d, selected ? ROLE_SELECTION : ROLE_TEXT);
    if (selected)
        grid_fill(d->g, (struct rect){r.x, y, r.w, 1}, s);
    const struct rect name = rect_clip((struct rect){r.x, y, name_width(r.w) - 1, 1}, r);
    grid_text_cut(d->g, name, r.x, y, s, u.name, strlen(u.name), d->in->ascii);
    const double number[N_UNIT_COLUMNS] = {u.f1, u.mean[0], u.mean[1], u.change[0], u.change[1]};
    for (int c = 0; c < N_UNIT_COLUMNS && column_right(r, c) <= r.x + r.w; c++) {
        (c < U_CHANGE_ON ? plain_number : signed_number)(number[c], 2, d->in->ascii, text,
                                                         sizeof text);
        right(d, r, column_right(r, c), y, s, text);
    }
}

static void draw_units(const struct drawing *d, struct rect r)
{
    const struct neurons *v = d->v;
    if (!watch_table(&v->classify, "rows")) {
        waiting(d, &v->classify, r);
        return;
    }
    if (r.h > 2) {
        grid_text(d->g, r, r.x, r.y, look(d, ROLE_DIM), "unit", 4);
        for (int c = 0; c < N_UNIT_COLUMNS && column_right(r, c) <= r.x + r.w; c++) {
            char head[24];
            const int cls = c == U_MEAN_OFF || c == U_CHANGE_OFF;
            snprintf(head, sizeof head, "%s%.3s", c >= U_CHANGE_ON ? "%" : "",
                     c == U_F1 ? "F1" : neurons_class(v, cls));
            right(d, r, column_right(r, c), r.y, look(d, c == U_F1 ? ROLE_DIM : class_role(cls)),
                  head);
        }
        r.y++;
        r.h--;
    }
    for (int i = 0; i < r.h; i++)
        draw_unit(d, r, r.y + i, v->units.top + i);
    if (v->focus == PART_UNITS && !v->typing && r.h > 0) {
        d->g->cursor_x = r.x;
        d->g->cursor_y = r.y + (v->units.selected - v->units.top);
        if (d->g->cursor_y >= r.y + r.h || d->g->cursor_y < r.y)
            d->g->cursor_y = r.y;
    }
}

static void units_note(const struct drawing *d, int w, char *out, size_t n)
{
    const struct watch *a = &d->v->ablate;
    out[0] = 0;
    if (a->job.id && job_is_pending(&a->job))
        job_working_text(&a->job, d->in->ascii, w - 6, out, n);
    else if (a->job.id && a->job.status == JOB_FAILED)
        snprintf(out, n, "%s", a->job.error.text);
    else if (watch_table(a, "rows"))
        snprintf(out, n, w < 50 ? "%%: loss, ablated" : "%%: change of the loss, unit ablated");
}

/* ---- the two sliders */
double neurons_range(const struct neurons *v)
{
    return fmax(SLIDER_RANGE, ceil(fmax(fabs(v->at[AT_ON]), fabs(v->at[AT_OFF]))));
}

struct rect neurons_track(struct rect r, int which)
{
    return (struct rect){r.x + 12, r.y + which, r.w - 12 > 0 ? r.w - 12 : 0, which < r.h};
}

static void draw_values(const struct drawing *d, struct rect r)
{
    const struct neurons *v = d->v;
    for (int i = 0; i < 2 && i < r.h; i++) {
        const struct rect t = neurons_track(r, i);
        const bool chosen = v->slider == i && v->focus == PART_VALUES;
        char number[32];
        plain_number(v->at[i], 2, d->in->ascii, number, sizeof number);
        grid_text(d->g, r, r.x, r.y + i, look(d, chosen ? ROLE_HEADING : ROLE_TEXT),
                  i ? "off" : "on", i ? 3 : 2);
        right(d, r, r.x + 10, r.y + i, look(d, ROLE_FIXED), number);
        for (int x = 0; x < t.w; x++)
            grid_put(d->g, t, t.x + x, t.y, look(d, ROLE_TRACK), d->in->ascii ? "-" : "─", 1);
        if (t.w > 0 && isfinite(v->at[i])) {
            const struct slider_track track = {t.w, neurons_range(v)};
            grid_put(d->g, t, t.x + track_cell(track, v->at[i]), t.y,
                     look(d, chosen ? ROLE_FOCUS : ROLE_KNOB), d->in->ascii ? "o" : "●", 1);
        }
        if (chosen)
            d->g->cursor_x = r.x, d->g->cursor_y = r.y + i;
    }
}

/* ---- the histogram */
void neurons_plot(const struct neurons *v, bool ascii, struct plot_options *o)
{
    o->glyphs = ascii ? PLOT_ASCII : PLOT_BLOCKS;
    o->mirrored = !v->overlaid;
    o->log_y = v->log;
}

static void draw_histogram(const struct drawing *d, struct rect r)
{
    const struct table *t = watch_table(&d->v->classify, "histogram");
    struct plot_options o;
    struct neuron_row u;
    if (!t || !neurons_row(d->v, d->in, d->v->units.selected, &u)) {
        waiting(d, &d->v->classify, r);
        return;
    }
    plot_options_init(&o);
    neurons_plot(d->v, d->in->ascii, &o);
    o.title = "";
    o.facet = u.name;
    o.bare = r.h < 4 || r.w < 16;
    for (int i = 0; i < 2; i++)
        if (isfinite(d->v->at[i])) {
            o.at_label[o.n_at] = i ? "off" : "on";
            o.at[o.n_at++] = d->v->at[i];
        }
    plot_cells(t, &o, d->in->theme, d->g, r, NULL);
}

/* ---- lists of tokens */
static void token_text(const struct drawing *d, const struct table *t, int64_t row, char *out)
{
    const char *hex = column_str(t, row, column_text(t, "bytes"));
    char bytes[LABEL_MAX];
    size_t n = 0;
    unsigned byte;
    for (; n < sizeof bytes && sscanf(hex + 2 * n, "%2x", &byte) == 1; n++)
        bytes[n] = (char)byte;
    if (n > 0) /* of a part of a character, too */
        token_label(bytes, n, d->in->ascii, out);
    else
        snprintf(out, LABEL_MAX, "id %.0f", column_f64(t, row, column_number(t, "id")));
}

static void draw_token(const struct drawing *d, struct rect cell, const struct table *t,
                       int64_t row, double value, double full)
{
    char label[LABEL_MAX], number[24];
    token_text(d, t, row, label);
    signed_number(value, fabs(value) >= 10 ? 0 : 1, d->in->ascii, number, sizeof number);
    const int w = text_width(number);
    right(d, cell, cell.x + cell.w, cell.y, look(d, ROLE_DIM), number);
    cell.w -= w + 1;
    grid_text_cut(d->g, cell, cell.x, cell.y, shade(d, value, full), label, strlen(label),
                  d->in->ascii);
}

static void draw_lists(const struct drawing *d, struct rect r)
{
    static const char *const list[] = {"a", "b", "boosted", "reduced"}, *const head[] = {
                                                                            "on", "off", "boosted",
                                                                            "reduced"};
    const struct table *t = neurons_table(d->v, "rows");
    const int w = r.w / 4;
    if (!t) {
        size_t n, cursor;
        neurons_line(d->in, &n, &cursor);
        if (n == 0)
            pane_say(d->g, r, look(d, ROLE_DIM), "no text: i types one");
        else
            waiting(d, d->v->position.job.id ? &d->v->position : &d->v->classify, r);
        return;
    }
    for (int c = 0; c < 4 && r.h > 0; c++) {
        int y = r.y + 1;
        grid_text(d->g, r, r.x + c * w, r.y, look(d, ROLE_DIM), head[c], strlen(head[c]));
        for (int64_t i = 0; i < t->n_rows && y < r.y + r.h; i++)
            if (strcmp(column_str(t, i, column_text(t, "list")), list[c]) == 0)
                draw_token(d, (struct rect){r.x + c * w, y++, w - 1, 1}, t, i,
                           column_f64(t, i, column_number(t, "difference")), 5);
    }
}

static void draw_boosts(const struct drawing *d, struct rect r)
{
    static const char *const name[] = {"boosted", "inhibited"};
    const int w = r.w / 2;
    if (!watch_table(&d->v->boosts, "boosted")) {
        waiting(d, d->v->boosts.job.id ? &d->v->boosts : &d->v->classify, r);
        return;
    }
    for (int c = 0; c < 2; c++) {
        const struct table *t = watch_table(&d->v->boosts, name[c]);
        for (int64_t i = 0; t && i < t->n_rows && i < r.h; i++) {
            const double v = column_f64(t, i, column_number(t, "boost"));
            draw_token(d, (struct rect){r.x + c * w, r.y + (int)i, w - 1, 1}, t, i, v, 20);
        }
    }
}

/* ---- all of it */
static void title_of(const struct drawing *d, enum neurons_part p, char *out, size_t n)
{
    struct neuron_row u;
    const char *name = neurons_row(d->v, d->in, d->v->units.selected, &u) ? u.name : "",
               *dot = d->in->ascii ? " - " : " · ";
    const bool two = *neurons_class(d->v, 1) != 0;
    switch (p) {
    case PART_TEXT: snprintf(out, n, "Loss, %s off against on", *name ? name : "a unit"); break;
    case PART_UNITS:
        snprintf(out, n, "%s%s%s%s%s", unit_words(d->in->workbench)->title, two ? dot : "",
                 neurons_class(d->v, 0), two ? " against " : "", neurons_class(d->v, 1));
        break;
    case PART_VALUES: snprintf(out, n, "On and off"); break;
    case PART_HISTOGRAM: snprintf(out, n, "Activation%s%s", *name ? " of " : "", name); break;
    case PART_LISTS: snprintf(out, n, "The next token at the cursor"); break;
    default: snprintf(out, n, "What %s boosts, and inhibits", *name ? name : "it"); break;
    }
}

static void draw_part(const struct drawing *d, const struct neurons_layout *l, enum neurons_part p)
{
    static void (*const inner[N_PARTS])(const struct drawing *, struct rect) = {
        draw_text, draw_units, draw_values, draw_histogram, draw_lists, draw_boosts};
    const struct rect r = l->part[p];
    char title[160], note[sizeof((struct error *)0)->text];
    if (r.w <= 0 || r.h <= 0)
        return;
    title_of(d, p, title, sizeof title);
    if (l->folded[p]) {
        int x = grid_text(d->g, r, r.x, r.y, look(d, ROLE_FRAME), d->in->ascii ? "> " : "▸ ",
                          d->in->ascii ? 2 : 4);
        grid_text(d->g, r, x, r.y, look(d, ROLE_DIM), title, strlen(title));
        return;
    }
    if (d->v->focus == p)
        d->g->cursor_x = r.x, d->g->cursor_y = r.y;
    if (l->frame && r.h >= 3) {
        note[0] = 0;
        if (p == PART_TEXT)
            text_note(d, r.w, note, sizeof note);
        else if (p == PART_UNITS)
            units_note(d, r.w, note, sizeof note);
        grid_box(d->g, r, title, d->v->focus == p, d->in->theme);
        pane_edge(d->g, d->in->theme, r, note);
    }
    inner[p](d, neurons_inner(l, p));
}

void neurons_draw(const void *view, const struct view_in *in, struct grid *g, struct rect r)
{
    const struct drawing d = {view, in, g};
    struct neurons_layout l;
    grid_fill(g, r, theme_style(in->theme, ROLE_TEXT));
    neurons_layout(r, d.v->focus, d.v->zoom, &l);
    for (int p = 0; p < N_PARTS; p++)
        draw_part(&d, &l, (enum neurons_part)p);
}

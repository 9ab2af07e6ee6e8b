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
    l->part[PART_STUDY] =
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
struct style neurons_style(const struct neurons_drawing *d, enum theme_role role)
{
    return theme_style(d->in->theme, role);
}

void neurons_right(const struct neurons_drawing *d, struct rect r, int at, int y, struct style s,
                   const char *text)
{
    grid_text(d->g, r, at - text_width(text), y, s, text, strlen(text));
}

void neurons_waiting(const struct neurons_drawing *d, const struct watch *w, struct rect r)
{
    const struct job *j = &w->job;
    if (r.w <= 0 || r.h <= 0)
        return;
    if (j->id && j->status == JOB_FAILED)
        pane_say(d->g, r, neurons_style(d, ROLE_ERROR), j->error.text);
    else if (j->id && j->status == JOB_CANCELLED)
        pane_say(d->g, r, neurons_style(d, ROLE_WARNING), "cancelled: its key asks again");
    else
        pane_waiting(d->in, w, d->g, r);
}

struct style neurons_shade(const struct neurons_drawing *d, double difference, double full)
{
    if (!isfinite(difference))
        return neurons_style(d, ROLE_TEXT);
    return theme_diverging(d->in->theme, theme_level(d->in->theme, difference / full, INT_MIN));
}

/* ---- the text */
static void no_text(const struct neurons_drawing *d, struct rect r)
{
    pane_say(d->g, r, neurons_style(d, ROLE_DIM), "no text: i types one");
    d->g->cursor_x = d->v->typing ? r.x : d->g->cursor_x;
    d->g->cursor_y = d->v->typing ? r.y : d->g->cursor_y;
}

static void draw_text(const struct neurons_drawing *d, struct rect r)
{
    size_t n, cursor, until = 0;
    const char *line = neurons_line(d->in, &n, &cursor);
    const struct pair_view *p = neurons_pair(d->v, d->in);
    int x = r.x, y = r.y;
    int32_t token = 0;
    double lost = NAN;
    if (r.w <= 0 || r.h <= 0)
        return;
    if (n == 0) {
        no_text(d, r);
        return;
    }
    const size_t first = (size_t)(line - d->in->shared->editor.text.s);
    for (size_t at = 0; at <= n && y < r.y + r.h;) {
        char glyph[GRID_GLYPH_MAX];
        int w = 0;
        const size_t k = at < n ? text_cluster(line + at, n - at, &w, glyph) : 1;
        if (x + w > r.x + r.w) {
            x = r.x;
            y++;
        }
        if (first + at >= until)
            until = neurons_lost(d->in, p, first + at, &token, &lost);
        struct style s = neurons_shade(d, lost, PAINT_DELTA_SCALE);
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

/* Mean loss in both runs, with the values that it belongs to where the sliders are elsewhere. */
static void text_note(const struct neurons_drawing *d, int w, char *out, size_t n)
{
    const struct pair_view *p = neurons_pair(d->v, d->in);
    double mean[2];
    char change[32], at[80] = "";
    out[0] = 0;
    if (!p || neurons_losses(p, mean) == 0)
        return;
    for (int i = 0; i < 2; i++)
        if ((float)d->v->at[i] < p->of.at[i] || (float)d->v->at[i] > p->of.at[i])
            snprintf(at, sizeof at, " (at %.2f, %.2f)", (double)p->of.at[0], (double)p->of.at[1]);
    signed_number(mean[1] - mean[0], 2, d->in->ascii, change, sizeof change);
    snprintf(out, n, "loss on %.2f, off %.2f, %s%s%s", mean[0], mean[1], change, at,
             w < 60 || at[0] ? ""
             : d->in->ascii  ? " - i types"
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

int neurons_column_at(struct rect r, int x)
{
    if (x < r.x + name_width(r.w))
        return BY_UNIT;
    for (int c = 0; c < N_UNIT_COLUMNS && column_right(r, c) <= r.x + r.w; c++)
        if (x < column_right(r, c))
            return c;
    return -1;
}

static void draw_unit(const struct neurons_drawing *d, struct rect r, int y, int at)
{
    struct neuron_row u;
    char text[32];
    if (!neurons_row(d->v, d->in, at, &u))
        return;
    const bool selected = at == d->v->units.selected;
    const struct style s = neurons_style(d, selected ? ROLE_SELECTION : ROLE_TEXT);
    if (selected)
        grid_fill(d->g, (struct rect){r.x, y, r.w, 1}, s);
    const struct rect name = rect_clip((struct rect){r.x, y, name_width(r.w) - 1, 1}, r);
    grid_text_cut(d->g, name, r.x, y, s, u.label, strlen(u.label), d->in->ascii);
    const double number[N_UNIT_COLUMNS] = {u.f1, u.mean[0], u.mean[1], u.change[0], u.change[1]};
    for (int c = 0; c < N_UNIT_COLUMNS && column_right(r, c) <= r.x + r.w; c++) {
        (c < U_CHANGE_ON ? plain_number : signed_number)(number[c], 2, d->in->ascii, text,
                                                         sizeof text);
        neurons_right(d, r, column_right(r, c), y, s, text);
    }
}

/* The column that it is sorted by is marked. */
static void head(const struct neurons_drawing *d, struct rect r, enum neurons_sort by, int at,
                 struct style s, const char *text)
{
    char marked[40];
    if (d->v->sort == by)
        s.attr ^= ATTR_UNDERLINE;
    snprintf(marked, sizeof marked, "%s", text);
    if (by == BY_UNIT)
        grid_text(d->g, r, r.x, r.y, s, marked, strlen(marked));
    else
        neurons_right(d, r, at, r.y, s, marked);
}

static void draw_heads(const struct neurons_drawing *d, struct rect r)
{
    const struct table *t = table_set_find(d->v->classified, "rows");
    const bool others = column_number(t, "mean_others") >= 0;
    head(d, r, BY_UNIT, 0, neurons_style(d, ROLE_DIM), "unit");
    for (int c = 0; c < N_UNIT_COLUMNS && column_right(r, c) <= r.x + r.w; c++) {
        char text[24];
        const int cls = c == U_MEAN_OFF || c == U_CHANGE_OFF;
        snprintf(text, sizeof text, "%s%.3s", c >= U_CHANGE_ON ? "%" : "",
                 c == U_F1                   ? "F1"
                 : c == U_MEAN_OFF && others ? "rest"
                                             : neurons_class(d->v, cls));
        head(d, r, (enum neurons_sort)c, column_right(r, c),
             neurons_style(d, c == U_F1 ? ROLE_DIM : class_role(neurons_class_number(d->v, cls))),
             text);
    }
}

static void draw_units(const struct neurons_drawing *d, struct rect r)
{
    const struct neurons *v = d->v;
    if (!v->classified || watch_shows_line(&v->classify)) {
        neurons_waiting(d, &v->classify, r);
        return;
    }
    if (r.h > 2) {
        draw_heads(d, r);
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

static void units_note(const struct neurons_drawing *d, int w, char *out, size_t n)
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

static void draw_values(const struct neurons_drawing *d, struct rect r)
{
    const struct neurons *v = d->v;
    for (int i = 0; i < 2 && i < r.h; i++) {
        const struct rect t = neurons_track(r, i);
        const bool chosen = v->slider == i && v->focus == PART_VALUES;
        char number[32];
        plain_number(v->at[i], 2, d->in->ascii, number, sizeof number);
        grid_text(d->g, r, r.x, r.y + i, neurons_style(d, chosen ? ROLE_HEADING : ROLE_TEXT),
                  i ? "off" : "on", i ? 3 : 2);
        neurons_right(d, r, r.x + 10, r.y + i, neurons_style(d, ROLE_FIXED), number);
        for (int x = 0; x < t.w; x++)
            grid_put(d->g, t, t.x + x, t.y, neurons_style(d, ROLE_TRACK), d->in->ascii ? "-" : "─",
                     1);
        if (t.w > 0 && isfinite(v->at[i])) {
            const struct slider_track track = {t.w, neurons_range(v)};
            grid_put(d->g, t, t.x + track_cell(track, v->at[i]), t.y,
                     neurons_style(d, chosen ? ROLE_FOCUS : ROLE_KNOB), d->in->ascii ? "o" : "●",
                     1);
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

static void draw_histogram(const struct neurons_drawing *d, struct rect r)
{
    const struct table *t = d->v->histogram;
    struct plot_options o;
    struct neuron_row u;
    if (!t || !neurons_row(d->v, d->in, d->v->units.selected, &u)) {
        neurons_waiting(d, &d->v->classify, r);
        return;
    }
    plot_options_init(&o);
    neurons_plot(d->v, d->in->ascii, &o);
    o.title = "";
    o.bare = r.h < 4 || r.w < 16;
    for (int i = 0; i < 2; i++)
        if (isfinite(d->v->at[i])) {
            o.at_label[o.n_at] = i ? "off" : "on";
            o.at[o.n_at++] = d->v->at[i];
        }
    plot_cells(t, &o, d->in->theme, d->g, r, NULL);
}

/* ---- lists of tokens */
void neurons_token(const struct neurons_drawing *d, struct rect cell, const char *label,
                   double value, double full)
{
    char number[24];
    signed_number(value, fabs(value) >= 10 ? 0 : 1, d->in->ascii, number, sizeof number);
    const int w = text_width(number);
    neurons_right(d, cell, cell.x + cell.w, cell.y, neurons_style(d, ROLE_DIM), number);
    cell.w -= w + 1;
    grid_text_cut(d->g, cell, cell.x, cell.y, neurons_shade(d, value, full), label, strlen(label),
                  d->in->ascii);
}

static void id_text(const struct neurons_drawing *d, int32_t id, char out[LABEL_MAX])
{
    const struct workbench *wb = d->in->workbench;
    size_t n = 0;
    const char *bytes = wb && wb->tokenizer ? tokenizer_bytes(wb->tokenizer, id, &n) : NULL;
    if (bytes && n > 0)
        token_label(bytes, n, d->in->ascii, out);
    else
        padding_label(id, out);
}

static void draw_lists(const struct neurons_drawing *d, struct rect r)
{
    static const char *const head[N_LIKELY] = {"on", "off", "boosted", "reduced"};
    const struct pair_view *p = &d->v->listed;
    const int w = r.w / N_LIKELY;
    size_t n, cursor;
    neurons_line(d->in, &n, &cursor);
    if (n == 0) {
        pane_say(d->g, r, neurons_style(d, ROLE_DIM), "no text: i types one");
        return;
    }
    if (!p->listed && !d->v->classified) {
        neurons_waiting(d, &d->v->classify, r);
        return;
    }
    if (p->listed && p->n[0] + p->n[1] + p->n[2] + p->n[3] == 0) {
        pane_say(d->g, r, neurons_style(d, ROLE_DIM), "no token is likely in either run");
        return;
    }
    for (int l = 0; l < N_LIKELY && r.h > 0 && p->listed; l++) {
        grid_text(d->g, r, r.x + l * w, r.y, neurons_style(d, ROLE_DIM), head[l], strlen(head[l]));
        for (int32_t i = 0; i < p->n[l] && i + 1 < r.h; i++) {
            const struct likely_token *t = &p->token[l * p->top + i];
            char label[LABEL_MAX];
            id_text(d, t->id, label);
            neurons_token(d, (struct rect){r.x + l * w, r.y + 1 + i, w - 1, 1}, label,
                          (double)t->a - (double)t->b, 5);
        }
    }
}

/* ---- all of it */
static void title_of(const struct neurons_drawing *d, enum neurons_part p, char *out, size_t n)
{
    struct neuron_row u;
    const char *name = neurons_row(d->v, d->in, d->v->units.selected, &u) ? u.label : "a unit",
               *dot = d->in->ascii ? " - " : " · ";
    const bool two = *neurons_class(d->v, 1) != 0;
    switch (p) {
    case PART_TEXT: snprintf(out, n, "Loss, %s off against on", name); break;
    case PART_UNITS:
        snprintf(out, n, "%s%s%s%s%s", unit_words(d->in->workbench)->title, two ? dot : "",
                 neurons_class(d->v, 0), two ? " against " : "", neurons_class(d->v, 1));
        break;
    case PART_VALUES: snprintf(out, n, "On and off"); break;
    case PART_HISTOGRAM: snprintf(out, n, "Activation of %s", name); break;
    case PART_LISTS: snprintf(out, n, "The next token at the cursor"); break;
    default: neurons_study_title(d, name, out, n); break;
    }
}

static void draw_part(const struct neurons_drawing *d, const struct neurons_layout *l,
                      enum neurons_part p)
{
    static void (*const inner[N_PARTS])(const struct neurons_drawing *, struct rect) = {
        draw_text, draw_units, draw_values, draw_histogram, draw_lists, neurons_draw_study};
    const struct rect r = l->part[p];
    char title[160], note[sizeof((struct error *)0)->text];
    if (r.w <= 0 || r.h <= 0)
        return;
    title_of(d, p, title, sizeof title);
    if (l->folded[p]) {
        int x = grid_text(d->g, r, r.x, r.y, neurons_style(d, ROLE_FRAME),
                          d->in->ascii ? "> " : "▸ ", d->in->ascii ? 2 : 4);
        grid_text(d->g, r, x, r.y, neurons_style(d, ROLE_DIM), title, strlen(title));
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
        else if (p == PART_STUDY)
            neurons_study_note(d, note, sizeof note);
        grid_box(d->g, r, title, d->v->focus == p, d->in->theme);
        pane_edge(d->g, d->in->theme, r, note);
    }
    inner[p](d, neurons_inner(l, p));
}

void neurons_draw(const void *view, const struct view_in *in, struct grid *g, struct rect r)
{
    const struct neurons_drawing d = {view, in, g};
    struct neurons_layout l;
    grid_fill(g, r, theme_style(in->theme, ROLE_TEXT));
    neurons_layout(r, d.v->focus, d.v->zoom, &l);
    for (int p = 0; p < N_PARTS; p++)
        draw_part(&d, &l, (enum neurons_part)p);
}

/* The sliders. */
#include "tui/unit_words.h"
#include "tui/view/explore/explore_private.h"
#include "tui/view/label.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *mark_of(const struct drawing *d, int row)
{
    const struct sliders *s = &d->in_force;
    int fixed = 0, n = 0;
    for (int i = 0; i < s->n; i++)
        if (row == SLIDER_ALL || row == i) {
            n++;
            fixed += s->unit[i].fixed;
        }
    if (fixed == n && n > 0)
        return d->ascii ? "*" : "●";
    return fixed == 0 ? (d->ascii ? "o" : "○") : (d->ascii ? "+" : "◐");
}

struct loss_change { /* of the loss at a value, for the class that suffers most */
    int cls;
    double nats;
};

struct swept { /* the curves of a row, one a class */
    int n;
    const struct findings_curve *curve[CORPUS_MAX_CLASSES];
    double base[CORPUS_MAX_CLASSES];
};

static void sweep_of(const struct drawing *d, struct unit_id unit, struct swept *out)
{
    const struct explore *ex = d->ex;
    struct insertion insert = sliders_insert(&ex->sh->sliders);
    if (!insertion_any(insert))
        insert = insertion_of(INSERT_SAE);
    out->n = findings_curves(&ex->sh->findings, insert, unit, out->curve);
    for (int i = 0; i < out->n; i++)
        out->base[i] = findings_base(&ex->sh->findings, insert, out->curve[i]->cls);
}

static struct loss_change change_at(const struct swept *s, double v)
{
    struct loss_change worst = {-1, NAN};
    for (int i = 0; i < s->n; i++) {
        double c = findings_curve_loss(s->curve[i], v) - s->base[i];
        if (isfinite(c) && (worst.cls < 0 || c > worst.nats))
            worst = (struct loss_change){i, c};
    }
    return worst;
}

/* The track is its sweep: how much the class that suffers most loses at each value. */
static bool draw_curve(const struct drawing *d, struct rect r, struct slider_track t, int x, int y,
                       int row)
{
    static const char *const block[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    static const char ascii[] = "_.-~=+*#";
    const struct explore *ex = d->ex;
    struct unit_id chosen[UNITS_MAX];
    int32_t n = shared_units(ex->sh, chosen);
    struct unit_id unit = row == SLIDER_ALL ? UNIT_NONE : ex->sh->sliders.unit[row].id;
    double most = .05; /* nats: less is flat */
    struct swept swept;
    if (!findings_apply(&ex->sh->findings, sliders_insert(&ex->sh->sliders), chosen, n))
        return false;
    sweep_of(d, unit, &swept);
    for (int i = 0; i < t.w; i++)
        most = fmax(most, change_at(&swept, track_value(t, i)).nats);
    for (int i = 0; i < t.w; i++) {
        struct loss_change c = change_at(&swept, track_value(t, i));
        if (c.cls < 0)
            continue;
        int k = c.nats <= 0 ? 0 : (int)(sqrt(c.nats / most) * 7 + .5);
        const char one[2] = {ascii[k > 7 ? 7 : k], 0};
        grid_put(d->grid, r, x + i, y, draw_style(d, class_role(c.cls)),
                 d->ascii ? one : block[k > 7 ? 7 : k], 1);
    }
    return true;
}

/* True: a curve. Else the latent's usual values: inside ± the 99th percentile the track is a line,
 * outside it is broken; ┴ the median. */
static bool draw_track(const struct drawing *d, struct rect r, struct slider_track t, int x, int y,
                       int row)
{
    const struct sliders *s = &d->ex->sh->sliders;
    const struct unit_id id = row == SLIDER_ALL ? UNIT_NONE : s->unit[row].id;
    const struct bundle_statistics *is = workbench_statistics(d->wb, id);
    double usual = is ? (double)is->abs_pre_p99[id.index] : INFINITY;
    struct style style = draw_style(d, ROLE_TRACK);
    if (draw_curve(d, r, t, x, y, row))
        return true;
    for (int i = 0; i < t.w; i++) {
        bool inside = fabs(track_value(t, i)) <= usual;
        grid_put(d->grid, r, x + i, y, style,
                 inside ? (d->ascii ? "-" : "─") : (d->ascii ? "." : "┄"), 1);
    }
    if (row == SLIDER_ALL ? sliders_any_fixed(s) : s->unit[row].fixed) { /* how far from nothing */
        int zero = track_cell(t, 0), knob = track_cell(t, sliders_value(s, row, NULL));
        for (int i = knob < zero ? knob : zero; i <= (knob < zero ? zero : knob); i++)
            grid_put(d->grid, r, x + i, y, draw_style(d, d->lifted ? ROLE_DIM : ROLE_FIXED),
                     d->ascii ? "=" : "━", 1);
    }
    grid_put(d->grid, r, x + track_cell(t, 0), y, style, d->ascii ? "+" : "┼", 1);
    if (is && track_cell(t, (double)is->pre_median[id.index]) != track_cell(t, 0))
        grid_put(d->grid, r, x + track_cell(t, (double)is->pre_median[id.index]), y, style,
                 d->ascii ? "^" : "┴", 1);
    return false;
}

/* A block one cell wide whose edges lie on eighths: the right part of one cell, the left part of
 * the next. */
static void draw_knob(const struct drawing *d, struct rect r, struct slider_track t, int x, int y,
                      double v, struct style s)
{
    static const char *const left[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    int e = track_eighths(t, v), cell = x + e / 8;
    if (d->ascii) {
        grid_put(d->grid, r, x + track_cell(t, v), y, s, "O", 1);
    } else if (e % 8 == 0) {
        grid_put(d->grid, r, cell, y, s, "█", 1);
    } else {
        struct style turned = s;
        turned.attr ^= ATTR_REVERSE;
        grid_put(d->grid, r, cell, y, turned, left[e % 8], 1);
        grid_put(d->grid, r, cell + 1, y, s, left[e % 8], 1);
    }
}

/* A knob among the blocks of a curve stands apart, in one colour too. */
static void draw_air(const struct drawing *d, struct rect r, struct slider_track t, int x, int y,
                     double v, bool knob)
{
    int e = track_eighths(t, v), first = track_cell(t, v), last = first;
    if (knob && !d->ascii) {
        first = e / 8;
        last = first + (e % 8 != 0);
    }
    for (int i = first - 1; i <= last + 1; i++)
        if (i >= 0 && i < t.w)
            grid_put(d->grid, r, x + i, y, draw_style(d, ROLE_TEXT), " ", 1);
}

static void draw_value(const struct drawing *d, struct slider_columns c, int y, int row,
                       struct style s)
{
    const struct sliders *sl = &d->ex->sh->sliders;
    bool same, fixed = row == SLIDER_ALL ? sliders_any_fixed(sl) : sl->unit[row].fixed;
    double v = sliders_value(sl, row, &same);
    char number[32];
    plain_number(v, 1, d->ascii, number, sizeof number);
    const char *text = row == SLIDER_ALL && !same ? "mixed" : fixed ? number : "free";
    int x = c.value_x + 5 - text_columns(text, strlen(text));
    grid_text(d->grid, c.rows, x < c.value_x ? c.value_x : x, y, s, text, strlen(text));
}

/* Of one that is too long the end is seen: which unit it is. Names are ASCII. */
static void draw_name(const struct drawing *d, struct slider_columns c, int y, struct style s,
                      const char *name)
{
    int room = c.mark_x - c.label_x - 2, n = (int)strlen(name);
    bool cut = n > room && room > 1;
    int x = c.label_x + 1;
    if (cut)
        x = grid_text(d->grid, c.rows, x, y, s, d->ascii ? "." : "…", d->ascii ? 1 : 3);
    grid_printf(d->grid, c.rows, x, y, s, "%s", cut ? name + n - room + 1 : name);
}

static void draw_row(const struct drawing *d, struct slider_columns c, int at, int y)
{
    const struct explore *ex = d->ex;
    int row = slider_of_row(at), x, ty;
    bool fixed =
        row == SLIDER_ALL ? sliders_any_fixed(&ex->sh->sliders) : ex->sh->sliders.unit[row].fixed;
    bool selected = ex->sh->rows.selected == at, focused = selected && ex->focus == PANE_SLIDERS;
    struct style s = draw_style(d, focused              ? ROLE_FOCUS
                                   : fixed && d->lifted ? ROLE_DIM
                                   : fixed              ? ROLE_FIXED
                                                        : ROLE_TEXT);
    struct slider_track t;
    char name[UNIT_NAME_MAX];
    grid_text(d->grid, c.rows, c.label_x, y, s, selected ? (d->ascii ? ">" : "▸") : " ",
              selected && !d->ascii ? 3 : 1);
    if (row == SLIDER_ALL)
        grid_printf(d->grid, c.rows, c.label_x + 1, y, s,
                    c.mark_x - c.label_x >= 8 ? "all %d" : "all", ex->sh->sliders.n);
    else
        draw_name(d, c, y, s, unit_label(d->wb, ex->sh->sliders.unit[row].id, name));
    const char *mark = mark_of(d, row);
    grid_text(d->grid, c.rows, c.mark_x, y, s, mark, strlen(mark));
    if (explore_track(ex, row, &t, &x, &ty)) {
        bool same, curve = draw_track(d, c.rows, t, x, y, row);
        double v = sliders_value(&ex->sh->sliders, row, &same);
        if (curve)
            draw_air(d, c.rows, t, x, y, v, fixed || row == SLIDER_ALL);
        if (fixed || row == SLIDER_ALL)
            draw_knob(d, c.rows, t, x, y, v,
                      draw_style(d, d->lifted ? ROLE_DIM
                                    : focused ? ROLE_FOCUS
                                              : ROLE_KNOB));
        else
            grid_put(d->grid, c.rows, x + track_cell(t, v), y, draw_style(d, ROLE_DIM),
                     d->ascii ? "o" : "○", 1);
    }
    if (focused && !d->covered) { /* on the knob a block cursor would be a hole */
        d->grid->cursor_x = c.label_x;
        d->grid->cursor_y = y;
    }
    draw_value(d, c, y, row, s);
}

/* Tracks without curves have marks from the bundle's statistics. */
static bool has_medians(const struct drawing *d)
{
    struct unit_id unit[UNITS_MAX];
    int32_t n = shared_units(d->ex->sh, unit);
    return n > 0 && workbench_statistics(d->wb, unit[0]) &&
           !findings_apply(&d->ex->sh->findings, sliders_insert(&d->ex->sh->sliders), unit, n);
}

/* How many rows are beyond the pane; in place of all else where there is no room beside it. */
static void add_beyond(const struct drawing *d, char *text, size_t n)
{
    char beyond[32];
    int more = d->ex->sh->rows.n - slider_columns(d->ex).rows.h;
    size_t before = strlen(text);
    if (more <= 0)
        return;
    snprintf(beyond, sizeof beyond, "+%d more", more);
    edge_add(d, PANE_SLIDERS, text, n, beyond);
    if (strlen(text) == before && !d->lifted && !d->ex->drag.active)
        snprintf(text, n, "%s", beyond);
}

static void draw_lower_edge(const struct drawing *d)
{
    const struct explore *ex = d->ex;
    char text[96], inserted[64];
    insertion_words(d->wb, sliders_insert(&ex->sh->sliders), inserted, sizeof inserted);
    double range = sliders_range(&ex->sh->sliders);
    bool roomy = ex->layout.pane[PANE_SLIDERS].w >= 34;
    if (d->lifted)
        snprintf(text, sizeof text, roomy ? "without them: Space puts back" : "Space puts back");
    else if (ex->drag.active)
        snprintf(text, sizeof text, "dragging%s · Esc puts back", ex->drag.fine ? ", fine" : "");
    else if (roomy)
        snprintf(text, sizeof text, "%s%.0f %s %.0f %s %s", d->ascii ? "-" : "−", range,
                 d->ascii ? "to" : "…", range, d->ascii ? "-" : "·", inserted);
    else
        snprintf(text, sizeof text, "%s", inserted);
    add_beyond(d, text, sizeof text);
    if (!d->lifted && !ex->drag.active && has_medians(d)) {
        size_t before = strlen(text);
        edge_add(d, PANE_SLIDERS, text, sizeof text,
                 d->ascii ? "^ median, bundle" : "┴ median, bundle");
        if (strlen(text) == before)
            edge_add(d, PANE_SLIDERS, text, sizeof text, d->ascii ? "^ bundle" : "┴ bundle");
    }
    draw_edge(d, PANE_SLIDERS, text);
}

/* Curves lie under the knobs: the losses of a corpus. */
static void title_of(const struct drawing *d, char *out, size_t n)
{
    static const char *const title = "Fixed values";
    const struct findings *f = &d->ex->sh->findings;
    struct unit_id unit[UNITS_MAX];
    int w = d->ex->layout.pane[PANE_SLIDERS].w - 4;
    char corpus[96];
    int k = snprintf(out, n, "%s", title);
    if (!findings_apply(f, sliders_insert(&d->ex->sh->sliders), unit,
                        shared_units(d->ex->sh, unit)))
        return;
    const char *loss = w >= 36 ? "loss of " : "";
    corpus_label(&f->sweep.request.corpus, d->ascii, w - k - 3 - (int)strlen(loss), corpus,
                 sizeof corpus);
    snprintf(out + k, n - (size_t)k, "%s%s%s", d->ascii ? " - " : " · ", loss, corpus);
}

void draw_sliders_pane(const struct drawing *d)
{
    const struct explore *ex = d->ex;
    char title[128];
    title_of(d, title, sizeof title);
    draw_frame(d, PANE_SLIDERS, title);
    struct slider_columns c = slider_columns(ex);
    if (c.rows.h <= 0)
        return;
    if (ex->sh->sliders.n == 0) {
        char take[40];
        snprintf(take, sizeof take, "take a %s with f",
                 unit_words_of(d->wb, shared_dict(ex->sh))->one);
        grid_printf(d->grid, c.rows, c.rows.x, c.rows.y, draw_style(d, ROLE_DIM), "%s",
                    !d->wb        ? waiting(d)
                    : d->wb->dict ? take
                                  : "no SAE");
        return;
    }
    for (int i = 0; i < c.rows.h && ex->sh->rows.top + i <= ex->sh->sliders.n; i++)
        draw_row(d, c, ex->sh->rows.top + i, c.rows.y + i);
    draw_lower_edge(d);
}

/* Losses of the text and of the reference sentences, without and with the fixed values.
 *
 * A number never stands beside a knob that it does not describe: what belongs to other slider
 * values says so
 * ("3.41 at 1.8"), what belongs to another text is drawn stale. */
#include "tui/view/explore/explore_private.h"
#include "tui/view/label.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

struct loss_row {
    const char *name;
    double without, fixed, diff, half; /* NaN: not there */
    bool stale, other_text;            /* stale: fixed belongs to `at` */
    bool about;                        /* fixed lies between measured values of a sweep */
    char at[32];
    int n, n_total; /* sentences; 0: not a reference set */
    enum theme_role role;
};

/* Alike as far as losses go: the same insertion, the same fixed units at the same values. */
static bool same_effect(const struct sliders *a, const struct sliders *b)
{
    if (!insertion_same(sliders_insert(a), sliders_insert(b)))
        return false;
    for (int side = 0; side < 2; side++) {
        const struct sliders *p = side ? b : a, *q = side ? a : b;
        for (int i = 0; i < p->n; i++) {
            int j = sliders_find(q, p->unit[i].id);
            if (p->unit[i].fixed &&
                (j < 0 || !q->unit[j].fixed || fabsf(q->unit[j].value - p->unit[i].value) > 1e-6f))
                return false;
        }
    }
    return true;
}

/* "at 1.8": which value `of` had where `now` has another. */
static void at_label(const struct sliders *of, const struct sliders *now, bool ascii, char *out,
                     size_t n)
{
    int differ = 0, fixed = 0;
    const struct chosen_unit *one = NULL;
    bool alike = true;
    float value = 0;
    for (int i = 0; i < of->n; i++) {
        const struct chosen_unit *u = &of->unit[i];
        int j = sliders_find(now, u->id);
        bool same = j >= 0 && now->unit[j].fixed == u->fixed &&
                    (!u->fixed || now->unit[j].value == u->value);
        if (!same) {
            differ++;
            one = u;
        }
        if (u->fixed) {
            alike = alike && (fixed == 0 || u->value == value);
            value = u->value;
            fixed++;
        }
    }
    if (fixed == 0)
        snprintf(out, n, "at free");
    else if (differ == 1 || alike)
        snprintf(out, n, one && differ == 1 && !one->fixed ? "at free" : "at %s%.1f",
                 (double)(differ == 1 ? one->value : value) < 0 ? (ascii ? "-" : "−") : "",
                 fabs((double)(differ == 1 ? one->value : value)));
    else
        snprintf(out, n, "at others");
}

/* Loss of a class with the sliders as they are, from the sweep of the chosen latents; NaN: not
 * known. */
static double sweep_now(const struct explore *ex, const char *cls)
{
    struct unit_id unit[UNITS_MAX];
    int32_t n = shared_units(ex->sh, unit);
    const struct insertion insert = sliders_insert(&ex->sh->sliders);
    int32_t fixed = 0, which = -1;
    bool same, references = !ex->sh->corpus.path && ex->sh->corpus.n_files == 0;
    double v = sliders_value(&ex->sh->sliders, SLIDER_ALL, &same);
    if (!references || shared_lifted(ex->sh) || !findings_apply(&ex->sh->findings, insert, unit, n))
        return NAN;
    for (int i = 0; i < n; i++)
        if (ex->sh->sliders.unit[i].fixed) {
            fixed++;
            which = i;
        }
    if (fixed == 1)
        v = (double)ex->sh->sliders.unit[which].value;
    else if (fixed != n || !same)
        return NAN;
    return findings_loss(&ex->sh->findings, insert, fixed == 1 && n > 1 ? unit[which] : UNIT_NONE,
                         cls, v);
}

/* Digits finer than the standard error are dimmed: they may well be others on other sentences. */
static void draw_estimate(const struct drawing *d, struct rect r, int right, int y, struct style s,
                          double v, double half, bool sign)
{
    char number[32];
    (sign ? signed_number : plain_number)(v, 2, d->ascii, number, sizeof number);
    int w = text_columns(number, strlen(number)), sure = w;
    double error = half / 1.96;
    if (isfinite(v) && isfinite(error) && error > .01)
        sure = w - (error > .1 ? 2 : 1);
    int x = right - w;
    grid_text(d->grid, r, x, y, s, number, strlen(number));
    if (sure < w) {
        struct style dim = draw_style(d, ROLE_DIM);
        for (int i = sure; i < w; i++) {
            int at = x + i;
            if (rect_has(r, at, y))
                grid_style(d->grid, (struct rect){at, y, 1, 1}, dim);
        }
    }
}

static void set_means(const struct drawing *d, struct loss_row *r, const struct sliders *of,
                      const double mean[N_LANES])
{
    r->without = mean[insertion_any(sliders_insert(of)) ? LANE_BASE : LANE_PLAIN];
    r->stale = !same_effect(of, &d->in_force);
    if (sliders_any_fixed(of)) {
        r->fixed = mean[LANE_FIXED];
        r->diff = r->fixed - r->without;
    } else if (d->lifted && !r->stale) { /* in the place of the fixed one, to compare */
        r->fixed = r->without;
    }
    at_label(of, &d->in_force, d->ascii, r->at, sizeof r->at);
}

static struct loss_row text_row(const struct drawing *d)
{
    const struct explore *ex = d->ex;
    struct loss_row r = {.name = "this text",
                         .without = NAN,
                         .fixed = NAN,
                         .diff = NAN,
                         .half = NAN,
                         .role = ROLE_TEXT};
    if (!ex->sh->loss.valid)
        return r;
    const struct sliders *of = &ex->sh->loss.of;
    r.other_text = ex->sh->loss.version != ex->sh->editor.version;
    set_means(d, &r, of, ex->sh->loss.mean);
    return r;
}

/* A line of a pair. */
static struct loss_row line_row(const struct drawing *d, int i, char name[16])
{
    const struct explore *ex = d->ex;
    const struct pair_shown *p = &ex->pair;
    bool own = p->line[i] == textbuf_line_of(&ex->sh->editor.text, ex->sh->editor.cursor);
    struct loss_row r = {.name = name,
                         .without = NAN,
                         .fixed = NAN,
                         .diff = NAN,
                         .half = NAN,
                         .role = own ? ROLE_HEADING : ROLE_TEXT,
                         .other_text = p->other_text};
    snprintf(name, 16, "line %zu", p->line[i] + 1);
    if (p->valid)
        set_means(d, &r, &p->of, p->mean[i]);
    return r;
}

static struct loss_row refset_row(const struct drawing *d, int i)
{
    const struct explore *ex = d->ex;
    const struct refset_shown *s = &ex->sh->refset[i];
    const struct refset_view *v = s->valid                            ? &s->view
                                  : d->snap && i < d->snap->n_refsets ? &d->snap->refset[i]
                                                                      : NULL;
    struct loss_row r = {
        .without = NAN, .fixed = NAN, .diff = NAN, .half = NAN, .role = class_role(i)};
    r.name = v ? v->label : d->wb && i < d->wb->n_live ? d->wb->set[i].label : "";
    if (!v || !s->valid)
        return r;
    r.n_total = v->n_total;
    r.n = v->n;
    if (v->base_valid)
        r.without = v->base.mean;
    if (v->fixed_valid && sliders_any_fixed(&s->of)) {
        r.fixed = v->fixed.mean;
        r.diff = v->diff.mean;
        r.half = v->diff.half;
    }
    r.stale = !same_effect(&s->of, &d->in_force);
    if (d->lifted && !r.stale)
        r.fixed = r.without;
    double about = r.stale ? sweep_now(ex, v->name) : NAN;
    double base = findings_base(&ex->sh->findings, sliders_insert(&d->in_force), v->name);
    if (isfinite(about) && isfinite(base)) { /* at once, until it is measured */
        r.about = true;
        r.stale = false;
        r.without = base; /* of the same sweep and insertion */
        r.fixed = about;
        r.diff = about - base;
        r.half = NAN;
    }
    at_label(&s->of, &d->in_force, d->ascii, r.at, sizeof r.at);
    return r;
}

struct loss_columns {
    bool wide;
    int without, fixed, diff; /* right edges */
};

static void draw_numbers(const struct drawing *d, struct rect r, int y, const struct loss_row *row,
                         struct loss_columns c)
{
    struct style s = draw_style(d, row->other_text ? ROLE_STALE : ROLE_TEXT),
                 dim = draw_style(d, ROLE_STALE);
    bool any = sliders_any_fixed(&d->in_force);
    draw_estimate(d, r, c.without, y, s, row->without, NAN, false);
    if (!any && !row->stale && !d->lifted) /* nothing is fixed: there is nothing to compare */
        return;
    if (!c.wide)
        grid_text(d->grid, r, c.without + 1, y, dim, d->ascii ? ">" : "→",
                  d->ascii ? 1 : strlen("→"));
    draw_estimate(d, r, c.fixed, y, row->stale ? dim : s, row->fixed, NAN, false);
    if (row->about) {
        grid_text(d->grid, r, c.wide ? c.fixed - 6 : c.without + 1, y, dim, d->ascii ? "~" : "≈",
                  d->ascii ? 1 : 3);
        draw_estimate(d, r, c.diff, y, dim, row->diff, NAN, true);
        return;
    }
    if (row->stale && isfinite(row->fixed)) {
        grid_printf(d->grid, r, c.fixed + 1, y, dim, "%s", row->at);
        return;
    }
    if (!any || !isfinite(row->diff))
        return;
    draw_estimate(d, r, c.diff, y, row->other_text ? dim : draw_style(d, ROLE_HEADING), row->diff,
                  row->half, true);
    if (isfinite(row->half)) {
        char half[32];
        half_width(row->half, 2, half, sizeof half);
        grid_printf(d->grid, r, c.diff + (c.wide ? 1 : 0), y, dim,
                    d->ascii ? "+-%s"
                    : c.wide ? "± %s"
                             : "±%s",
                    half);
    }
}

static void draw_count(const struct drawing *d, struct rect r, int x, int y,
                       const struct loss_row *row)
{
    if (row->n_total > 0 && row->n < row->n_total && sliders_any_fixed(&d->in_force) &&
        x + 7 <= r.x + r.w)
        grid_printf(d->grid, r, x, y, draw_style(d, ROLE_DIM), "%d/%d", row->n, row->n_total);
}

static void draw_wide(const struct drawing *d, struct rect r, const struct loss_row *row, int n)
{
    struct loss_columns c = {true, r.x + 17, r.x + 25, r.x + 33};
    bool inserted = insertion_any(sliders_insert(&d->in_force));
    struct style heading = draw_style(d, ROLE_DIM);
    const char *without = inserted ? "inserted" : "plain";
    int y = r.y;
    if (r.h > n) {
        grid_text(d->grid, r, c.without - (int)strlen(without), y, heading, without,
                  strlen(without));
        if (d->lifted)
            grid_text(d->grid, r, c.fixed - 4, y, heading, "free", 4);
        if (sliders_any_fixed(&d->in_force)) {
            grid_text(d->grid, r, c.fixed - 5, y, heading, "fixed", 5);
            grid_text(d->grid, r, c.diff - (d->ascii ? 4 : 1), y, heading, d->ascii ? "diff" : "Δ",
                      d->ascii ? 4 : 2);
        }
        y++;
    }
    for (int i = 0; i < n && y < r.y + r.h; i++, y++) {
        grid_printf(d->grid, r, r.x, y, draw_style(d, row[i].role), "%.10s", row[i].name);
        draw_numbers(d, r, y, &row[i], c);
        if (!(row[i].stale && isfinite(row[i].fixed)))
            draw_count(d, r, c.diff + 8, y, &row[i]);
    }
    if (inserted && d->ex->sh->loss.valid && y + 1 < r.y + r.h &&
        isfinite(d->ex->sh->loss.mean[LANE_PLAIN]))
        grid_printf(d->grid, r, r.x, y + 1, heading, "plain model, this text %.2f",
                    d->ex->sh->loss.mean[LANE_PLAIN]);
}

static void draw_narrow(const struct drawing *d, struct rect r, const struct loss_row *row, int n)
{
    struct loss_columns c = {false, r.x + 5, r.x + 11, r.x + 17};
    int y = r.y, each = r.h >= 2 * n ? 2 : 1;
    for (int i = 0; i < n && y < r.y + r.h; i++) {
        if (each == 2) {
            int x =
                grid_printf(d->grid, r, r.x, y, draw_style(d, row[i].role), "%.10s", row[i].name);
            draw_count(d, r, x + 1, y++, &row[i]);
        }
        draw_numbers(d, r, y++, &row[i], c);
    }
}

static bool is_wide(const struct explore *ex)
{
    return layout_inner(&ex->layout, PANE_LOSS).w >= 41;
}

static const struct pair_shown *pair_of(const struct explore *ex)
{
    return ex->twin && ex->sh->snapshot ? &ex->pair : NULL;
}

static int n_refsets(const struct explore *ex)
{
    const struct workbench *wb = ex->sh->workbench;
    return ex->sh->snapshot ? ex->sh->snapshot->n_refsets : wb ? wb->n_live : 0;
}

int loss_rows(const struct explore *ex)
{
    const struct pair_shown *pair = pair_of(ex);
    return (is_wide(ex) || !pair) + (pair ? pair->n : 0) + n_refsets(ex);
}

/* Row i of those of the pane. */
static struct loss_row row_at(const struct drawing *d, int i, char name[16])
{
    const struct pair_shown *pair = pair_of(d->ex);
    if (is_wide(d->ex) || !pair) {
        if (i == 0)
            return text_row(d);
        i--;
    }
    if (pair && i < pair->n)
        return line_row(d, i, name);
    return refset_row(d, i - (pair ? pair->n : 0));
}

/* Where there is nothing to compare the text with. */
static void draw_no_refsets(const struct drawing *d, struct rect r)
{
    static const char *const line[] = {"no reference sentences:", "--bundle FILE has them"};
    const int below = loss_rows(d->ex) * (is_wide(d->ex) ? 1 : 2) + is_wide(d->ex) + 1;
    for (int i = 0; i < 2 && below + i < r.h; i++)
        grid_printf(d->grid, r, r.x, r.y + below + i, draw_style(d, ROLE_DIM), "%s", line[i]);
}

void draw_loss_pane(const struct drawing *d)
{
    draw_frame(d, PANE_LOSS, d->ex->layout.pane[PANE_LOSS].w >= 26 ? "Loss, nats a token" : "Loss");
    struct rect r = layout_inner(&d->ex->layout, PANE_LOSS);
    struct loss_row row[3 + CORPUS_MAX_CLASSES];
    char edge[64] = "", more[32], name[3 + CORPUS_MAX_CLASSES][16];
    const struct pair_shown *pair = pair_of(d->ex);
    const int all = loss_rows(d->ex), top = all > r.h ? d->ex->losses.top : 0, n = all - top;
    if (r.h <= 0)
        return;
    for (int i = 0; i < n; i++)
        row[i] = row_at(d, top + i, name[i]);
    if (is_wide(d->ex))
        draw_wide(d, r, row, n);
    else
        draw_narrow(d, r, row, n);
    const bool none = d->wb && n_refsets(d->ex) == 0;
    if (none)
        draw_no_refsets(d, r);
    if (pair && pair->n == 1)
        snprintf(edge, sizeof edge, "line %zu has no twin", pair->line[0] + 1);
    else if (d->snap && d->snap->refset_progress < 1 && sliders_any_fixed(&d->in_force))
        snprintf(edge, sizeof edge, "measuring %.0f %%", 100 * d->snap->refset_progress);
    else if (!none && d->ex->layout.pane[PANE_LOSS].w >= 45)
        snprintf(edge, sizeof edge, "reference sentences: mean of means");
    if (all > r.h) {
        snprintf(more, sizeof more, "+%d more", all - r.h);
        if (!edge[0] || edge[0] == 'r')
            snprintf(edge, sizeof edge, "%s", more);
        else
            edge_add(d, PANE_LOSS, edge, sizeof edge, more);
    }
    draw_edge(d, PANE_LOSS, d->ex->sh->refsets_paused ? "stopped: any key goes on" : edge);
    if (d->ex->focus == PANE_LOSS && !d->covered) {
        d->grid->cursor_x = r.x;
        d->grid->cursor_y = r.y;
    }
}

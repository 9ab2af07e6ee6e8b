/* Words as points on two units. */
#include "engine/base/memory.h"
#include "tui/view/contrast/contrast_private.h"
#include "tui/view/label.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- what is there */
void contrast_forget_points(struct contrast *v)
{
    table_set_unref(v->shown.set);
    v->shown = (struct contrast_points){.x = -1, .y = -1, .typed = -1};
    v->at = -1;
}

double contrast_value(const struct contrast_points *p, int64_t row, bool y)
{
    return column_f64(p->rows, row, y ? p->value_y : p->value_x);
}

void contrast_take_points(struct contrast *v)
{
    const struct table *t = watch_table(&v->points, "rows");
    struct contrast_points *p = &v->shown;
    if (!t || v->points.job.status != JOB_DONE || v->points.job.tables == p->set)
        return;
    const int64_t at = v->at;
    const struct params *asked = &v->points.request.params;
    contrast_forget_points(v);
    p->set = table_set_ref(v->points.job.tables);
    p->rows = t;
    p->x = (int32_t)params_int(asked, "x");
    p->y = (int32_t)params_int(asked, "y");
    p->word = column_text(t, "word");
    p->cls = column_text(t, "class");
    p->value_x = table_with_role(t, COLUMN_X);
    p->value_y = table_with_role(t, COLUMN_Y);
    names_of(t, "class", &p->classes);
    p->n = t->n_rows;
    if (p->n > 0 && params_text(asked, "word"))
        p->typed = --p->n;
    v->at = at < p->n ? at : -1;
}

/* ---- where things stand */
struct rect contrast_prompt_row(const struct contrast *v, struct rect r)
{
    if (r.h < 2 || (!v->typing && v->prompt.n == 0))
        return (struct rect){r.x, r.y + r.h, r.w, 0};
    return (struct rect){r.x, r.y + r.h - 1, r.w, 1};
}

static struct rect plot_of(const struct contrast *v, struct rect r)
{
    r.h -= contrast_prompt_row(v, r).h;
    return r;
}

/* The axes are named by their units. */
static void draw_plot(const struct contrast *v, const struct view_in *in, struct grid *g,
                      struct rect r, struct plot_layout *layout)
{
    const struct contrast_points *p = &v->shown;
    struct column cols[12];
    struct table named = *p->rows;
    struct plot_options o;
    char x[32], y[32];
    const char *one = contrast_has_latents(v) && !v->hooked ? "latent" : "neuron";
    plot_options_init(&o);
    contrast_plot(v, PART_POINTS, in->ascii, &o);
    o.title = "";
    o.bare = r.h < 5 || r.w < 20;
    if (named.n_cols > (int32_t)(sizeof cols / sizeof *cols) || p->value_x < 0 || p->value_y < 0)
        return;
    memcpy(cols, named.cols, (size_t)named.n_cols * sizeof *cols);
    snprintf(x, sizeof x, "%s %d", one, (int)p->x);
    snprintf(y, sizeof y, "%s %d", one, (int)p->y);
    cols[p->value_x].name = x;
    cols[p->value_y].name = y;
    named.cols = cols;
    plot_cells(&named, &o, in->theme, g, r, layout);
}

static bool layout_of(const struct contrast *v, const struct view_in *in, struct rect r,
                      struct plot_area *out)
{
    struct grid scratch;
    struct plot_layout l = {0};
    if (!v->shown.rows || r.w <= 0 || r.h <= 0)
        return false;
    grid_init(&scratch, r.x + r.w, r.y + r.h, theme_style(in->theme, ROLE_TEXT));
    draw_plot(v, in, &scratch, r, &l);
    grid_release(&scratch);
    *out = l.panel[0];
    return l.n_panels > 0;
}

/* Of several in one cell the one behind that which was looked at. */
int64_t contrast_nearest(const struct contrast *v, const struct view_in *in, struct rect r, int x,
                         int y)
{
    struct plot_area a;
    int64_t best = -1;
    int least = 0;
    if (!layout_of(v, in, plot_of(v, r), &a))
        return -1;
    for (int64_t i = 0; i < v->shown.n; i++) {
        const int64_t row = (v->at + 1 + i) % v->shown.n;
        int cx, cy;
        plot_cell_of(&a, contrast_value(&v->shown, row, false),
                     contrast_value(&v->shown, row, true), &cx, &cy);
        const int far = (cx - x) * (cx - x) + 4 * (cy - y) * (cy - y);
        if (best < 0 || far < least)
            best = row, least = far;
    }
    return best;
}

/* Along one axis, then the other, then as in the list. */
static int order(const struct contrast_points *p, int64_t a, int64_t b, bool y)
{
    for (int i = 0; i < 2; i++) {
        const double va = contrast_value(p, a, y != (i > 0)),
                     vb = contrast_value(p, b, y != (i > 0));
        if (va < vb || va > vb)
            return va < vb ? -1 : 1;
    }
    return (a > b) - (a < b);
}

int64_t contrast_step(const struct contrast *v, bool y, int by)
{
    const struct contrast_points *p = &v->shown;
    int64_t best = -1;
    for (int64_t i = 0; i < p->n; i++) {
        if (v->at >= 0 && by * order(p, i, v->at, y) <= 0)
            continue;
        if (best < 0 || by * order(p, i, best, y) < 0)
            best = i;
    }
    return best < 0 ? v->at : best;
}

/* ---- drawing */
static void label(const struct contrast_drawing *d, const struct plot_area *a, int64_t row,
                  struct style style, const char *sign)
{
    const struct contrast_points *p = &d->v->shown;
    const char *word = column_str(p->rows, row, p->word);
    int x, y;
    plot_cell_of(a, contrast_value(p, row, false), contrast_value(p, row, true), &x, &y);
    const int w = text_width(word);
    const struct rect clip = a->inner;
    if (sign)
        grid_put(d->g, clip, x, y, style, sign, 1);
    else
        grid_style(d->g, rect_clip((struct rect){x, y, 1, 1}, clip), style);
    const int at = x + 2 + w <= clip.x + clip.w ? x + 2 : x - 1 - w;
    grid_text(d->g, clip, at < clip.x ? clip.x : at, y, style, word, strlen(word));
}

static void draw_prompt(const struct contrast_drawing *d, struct rect r)
{
    const struct contrast *v = d->v;
    if (r.h <= 0)
        return;
    int x = grid_text(d->g, r, r.x, r.y, contrast_style(d, ROLE_KEY), "word ", 5);
    grid_text(d->g, r, x, r.y, contrast_style(d, v->typing ? ROLE_TEXT : ROLE_FIXED), v->prompt.s,
              v->prompt.n);
    if (v->typing) {
        d->g->cursor_x = x + text_columns(v->prompt.s, v->prompt.cursor);
        d->g->cursor_x = d->g->cursor_x >= r.x + r.w ? r.x + r.w - 1 : d->g->cursor_x;
        d->g->cursor_y = r.y;
    }
}

void contrast_draw_points(const struct contrast_drawing *d, struct rect r)
{
    const struct contrast *v = d->v;
    const struct contrast_points *p = &v->shown;
    struct plot_layout l = {0};
    const struct rect plot = plot_of(v, r);
    if (!p->rows) {
        contrast_waiting(d, v->rows || !v->test.job.id ? &v->points : &v->test, plot);
    } else if (plot.w > 0 && plot.h > 0) {
        draw_plot(v, d->in, d->g, plot, &l);
        if (l.n_panels > 0 && v->at >= 0)
            label(d, &l.panel[0], v->at, contrast_style(d, ROLE_SELECTION), NULL);
        if (l.n_panels > 0 && p->typed >= 0)
            label(d, &l.panel[0], p->typed, contrast_style(d, ROLE_FIXED),
                  d->in->ascii ? "@" : "◆");
    }
    if (v->focus == PART_POINTS && l.n_panels > 0) {
        d->g->cursor_x = l.panel[0].inner.x;
        d->g->cursor_y = l.panel[0].inner.y;
        if (v->at >= 0)
            plot_cell_of(&l.panel[0], contrast_value(p, v->at, false),
                         contrast_value(p, v->at, true), &d->g->cursor_x, &d->g->cursor_y);
    }
    draw_prompt(d, contrast_prompt_row(v, r));
}

static bool same_place(const struct contrast_points *p, int64_t a, int64_t b)
{
    return fabs(contrast_value(p, a, false) - contrast_value(p, b, false)) <= 0 &&
           fabs(contrast_value(p, a, true) - contrast_value(p, b, true)) <= 0;
}

void contrast_points_note(const struct contrast_drawing *d, int w, char *out, size_t n)
{
    const struct contrast *v = d->v;
    const struct contrast_points *p = &v->shown;
    const int64_t row = p->typed >= 0 && (v->typing || v->at < 0) ? p->typed : v->at;
    char x[32], y[32];
    out[0] = 0;
    if (!p->rows)
        return;
    if (row < 0) {
        const char *dot = d->in->ascii ? " - " : " · ";
        snprintf(out, n, "%lld words%si places yours%s", (long long)p->n, dot,
                 w < 44 || v->focus != PART_POINTS ? ""
                 : d->in->ascii                    ? " - arrows choose one"
                                                   : " · arrows choose one");
        return;
    }
    plain_number(contrast_value(p, row, false), 2, d->in->ascii, x, sizeof x);
    plain_number(contrast_value(p, row, true), 2, d->in->ascii, y, sizeof y);
    const int k = snprintf(out, n, "%s%s%s: %s, %s", column_str(p->rows, row, p->word),
                           row == p->typed ? "" : " ", column_str(p->rows, row, p->cls), x, y);
    int64_t others = 0;
    for (int64_t i = 0; i < p->n; i++)
        others += i != row && same_place(p, i, row);
    if (others > 0 && k > 0 && (size_t)k < n)
        snprintf(out + k, n - (size_t)k, ", %lld more there", (long long)others);
}

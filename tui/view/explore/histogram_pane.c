/* The histogram of the latent looked at, by class, with the current token's value and the slider's.
 */
#include "tui/plot/plot.h"
#include "tui/unit_words.h"
#include "tui/view/explore/explore_private.h"
#include "tui/view/job_line.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

struct unit_id histogram_unit(const struct explore *ex)
{
    int row = shared_slider(ex->sh);
    if (ex->sh->colour_unit.dict >= 0)
        return ex->sh->colour_unit;
    if (ex->sh->sliders.n == 0)
        return UNIT_NONE;
    return ex->sh->sliders.unit[row == SLIDER_ALL ? 0 : row].id;
}

void histogram_plot(const struct explore *ex, struct plot_options *o)
{
    struct unit_id unit = histogram_unit(ex);
    plot_options_init(o);
    o->title = "";
    o->mirrored = !ex->histogram_overlaid;
    o->log_y = ex->histogram_log;
    o->glyphs = ex->sh->theme && theme_ascii(ex->sh->theme) ? PLOT_ASCII : PLOT_BLOCKS;
    double here = shared_value_here(ex->sh, unit), fixed = shared_fixed_value(ex->sh, unit);
    if (isfinite(here)) {
        o->at[o->n_at] = here;
        o->at_label[o->n_at++] = "token";
    }
    if (isfinite(fixed) && !shared_lifted(ex->sh)) {
        o->at[o->n_at] = fixed;
        o->at_label[o->n_at++] = "fixed";
    }
}

const struct table *histogram_table(const struct explore *ex)
{
    return watch_table(&ex->sh->findings.bins, "rows");
}

/* One latent, which the frame names: no panel title. */
struct plain_table {
    struct table table;
    struct column cols[12];
};

static const struct table *without_facet(const struct table *t, struct plain_table *plain)
{
    int32_t facet = table_with_role(t, COLUMN_FACET);
    if (facet < 0 || t->n_cols > (int32_t)(sizeof plain->cols / sizeof *plain->cols))
        return t;
    plain->table = *t;
    memcpy(plain->cols, t->cols, (size_t)t->n_cols * sizeof *t->cols);
    plain->cols[facet].role = COLUMN_TEXT;
    plain->table.cols = plain->cols;
    return &plain->table;
}

bool histogram_value_at(const struct explore *ex, int x, int y, double *v)
{
    struct rect r = layout_inner(&ex->layout, PANE_HISTOGRAM);
    const struct table *t = histogram_table(ex);
    struct plot_options o;
    struct plot_layout l = {0};
    struct plain_table plain;
    struct grid scratch;
    if (!t || !ex->sh->theme || r.h <= 0)
        return false;
    histogram_plot(ex, &o);
    grid_init(&scratch, ex->layout.w, ex->layout.h, theme_style(ex->sh->theme, ROLE_TEXT));
    plot_cells(without_facet(t, &plain), &o, ex->sh->theme, &scratch, r,
               &l); /* where things stand depends on the labels */
    grid_release(&scratch);
    if (l.n_panels == 0 || !rect_has(l.panel[0].inner, x, y))
        return false;
    *v = plot_value_at(&l.panel[0], x);
    return isfinite(*v);
}

/* Two marks so near that one would hide the other's label: the left one goes without. */
static bool make_room(struct plot_options *o, const struct plot_layout *l)
{
    const struct plot_area *a = &l->panel[0];
    if (o->n_at != 2 || l->n_panels == 0 || !(a->x1 > a->x0))
        return false;
    int left = o->at[0] <= o->at[1] ? 0 : 1;
    double cells = fabs(o->at[1] - o->at[0]) / (a->x1 - a->x0) * a->inner.w;
    if (cells >= (double)strlen(o->at_label[left]) + 3)
        return false;
    o->at_label[left] = NULL;
    return true;
}

static void title_of(const struct drawing *d, struct unit_id unit, char *out, size_t n)
{
    char corpus[96];
    const char *dot = d->ascii ? " - " : " · ";
    int w = d->ex->layout.pane[PANE_HISTOGRAM].w;
    char name[UNIT_NAME_MAX];
    int k = snprintf(out, n, "Histogram");
    if (unit.dict < 0)
        return;
    unit_label(d->wb, unit, name);
    k = snprintf(out, n, "Histogram %s", name);
    if (w - k - 7 < 10) /* which latent and which corpus; the picture says what it is */
        k = snprintf(out, n, "%s", name);
    corpus_label(&d->ex->sh->corpus, d->ascii, w - k - 7, corpus, sizeof corpus);
    snprintf(out + k, n - (size_t)k, "%s%s", dot, corpus);
}

static void what_is_missing(const struct drawing *d, struct unit_id unit, int columns, char *out,
                            size_t n)
{
    const struct job *j = &d->ex->sh->findings.bins.job;
    if (!d->wb)
        snprintf(out, n, "%s", waiting(d));
    else if (unit.dict < 0)
        snprintf(out, n, "no %s", unit_words(d->wb)->one);
    else if (j->id && job_is_pending(j))
        job_working_text(j, d->ascii, columns, out, n);
    else
        snprintf(out, n, "not known");
}

void draw_histogram_pane(const struct drawing *d)
{
    const struct explore *ex = d->ex;
    char title[128];
    struct unit_id unit = histogram_unit(ex);
    title_of(d, unit, title, sizeof title);
    draw_frame(d, PANE_HISTOGRAM, title);
    struct rect r = layout_inner(&ex->layout, PANE_HISTOGRAM);
    const struct table *t = histogram_table(ex);
    if (r.h <= 0)
        return;
    if (t) {
        struct plot_options o;
        struct plain_table plain;
        struct plot_layout l = {0};
        const struct table *shown = without_facet(t, &plain);
        histogram_plot(ex, &o);
        plot_cells(shown, &o, d->theme, d->grid, r, &l);
        if (make_room(&o, &l)) {
            grid_fill(d->grid, r, draw_style(d, ROLE_TEXT));
            plot_cells(shown, &o, d->theme, d->grid, r, NULL);
        }
    } else {
        char text[256];
        what_is_missing(d, unit, r.w, text, sizeof text);
        grid_text(d->grid, r, r.x, r.y, draw_style(d, ROLE_DIM), text, strlen(text));
    }
    if (ex->focus == PANE_HISTOGRAM && !d->covered) {
        d->grid->cursor_x = r.x;
        d->grid->cursor_y = r.y;
    }
}

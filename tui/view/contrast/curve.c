/* The histogram of p and the kept curve: what is plotted, and what lies under the pointer. */
#include "tui/view/contrast/contrast_private.h"
#include "tui/view/label.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { WITH_INTERVALS = 36 }; /* columns: below they are all one sees */

const struct table *contrast_table(const struct contrast *v, enum contrast_part p)
{
    switch (p) {
    case PART_POINTS: return v->shown.rows;
    case PART_UNITS: return v->rows;
    case PART_P: return v->test_set ? table_set_find(v->test_set, "histogram") : NULL;
    case PART_KEPT: return watch_table(&v->kept, "rows");
    default: return watch_table(&v->compare, "rows");
    }
}

void contrast_plot(const struct contrast *v, enum contrast_part p, bool ascii,
                   struct plot_options *o)
{
    o->glyphs = ascii ? PLOT_ASCII : p == PART_KEPT ? PLOT_BRAILLE : PLOT_BLOCKS;
    if (p == PART_P) {
        o->mirrored = !v->overlaid;
        o->log_y = v->log;
        o->first_color = 2; /* the first two are the classes' */
    } else if (p == PART_KEPT) {
        o->log_x = true;
        o->first_color = 2;
    }
}

static void draw(const struct contrast *v, const struct view_in *in, enum contrast_part p,
                 struct grid *g, struct rect r, struct plot_layout *layout)
{
    const struct table *t = contrast_table(v, p);
    struct plot_options o;
    double s[S_MAX];
    plot_options_init(&o);
    contrast_plot(v, p, in->ascii, &o);
    o.title = ""; /* the frame has it */
    o.bare = r.h < 4 || r.w < 16;
    if (p == PART_KEPT && v->s < contrast_sizes(v, s))
        o.at[o.n_at++] = s[v->s];
    struct column cols[12];
    struct table plain = *t;
    if (p == PART_KEPT && r.w < WITH_INTERVALS &&
        t->n_cols <= (int32_t)(sizeof cols / sizeof *cols)) {
        memcpy(cols, t->cols, (size_t)t->n_cols * sizeof *cols);
        for (int32_t i = 0; i < t->n_cols; i++)
            if (cols[i].role == COLUMN_LO || cols[i].role == COLUMN_HI)
                cols[i].role = COLUMN_TEXT;
        plain.cols = cols;
    }
    plot_cells(&plain, &o, in->theme, g, r, layout);
}

void contrast_draw_p(const struct contrast_drawing *d, struct rect r)
{
    if (contrast_table(d->v, PART_P))
        draw(d->v, d->in, PART_P, d->g, r, NULL);
    else
        contrast_waiting(d, &d->v->test, r);
}

void contrast_draw_kept(const struct contrast_drawing *d, struct rect r)
{
    if (contrast_table(d->v, PART_KEPT))
        draw(d->v, d->in, PART_KEPT, d->g, r, NULL);
    else
        contrast_waiting(d, &d->v->kept, r);
}

/* ---- the curve's numbers of units */
int contrast_sizes(const struct contrast *v, double s[S_MAX])
{
    const struct table *t = contrast_table(v, PART_KEPT);
    const int32_t col = t ? column_number(t, "s") : -1;
    int n = 0;
    for (int64_t i = 0; col >= 0 && i < t->n_rows; i++) {
        const double x = column_f64(t, i, col);
        int at = 0;
        while (at < n && s[at] < x)
            at++;
        if (!isfinite(x) || n == S_MAX || (at < n && !(s[at] > x)))
            continue;
        memmove(&s[at + 1], &s[at], (size_t)(n++ - at) * sizeof *s);
        s[at] = x;
    }
    return n;
}

/* What a cell of a plot is of; the layout is found by drawing again. */
static double value_at(const struct contrast *v, const struct view_in *in, enum contrast_part p,
                       struct rect r, int x)
{
    struct grid scratch;
    struct plot_layout l = {0};
    if (!contrast_table(v, p) || r.w <= 0 || r.h <= 0)
        return NAN;
    grid_init(&scratch, r.x + r.w, r.y + r.h, theme_style(in->theme, ROLE_TEXT));
    draw(v, in, p, &scratch, r, &l);
    grid_release(&scratch);
    return l.n_panels > 0 ? plot_value_at(&l.panel[0], x) : (double)NAN;
}

double contrast_p_at(const struct contrast *v, const struct view_in *in, struct rect r, int x)
{
    return value_at(v, in, PART_P, r, x);
}

int contrast_size_at(const struct contrast *v, const struct view_in *in, struct rect r, int x)
{
    double s[S_MAX];
    const double at = value_at(v, in, PART_KEPT, r, x);
    const int n = contrast_sizes(v, s);
    int best = v->s;
    for (int i = 0; i < n && at > 0; i++)
        if (best >= n || fabs(log(s[i] / at)) < fabs(log(s[best] / at)))
            best = i;
    return best;
}

/* "4: latents 63 % (.90), neurons 62 %": accuracy, and what is kept where it is known. */
void contrast_kept_note(const struct contrast_drawing *d, int w, char *out, size_t n)
{
    const struct contrast *v = d->v;
    const struct table *t = contrast_table(v, PART_KEPT);
    double s[S_MAX];
    size_t at;
    out[0] = 0;
    if (!t || v->s >= contrast_sizes(v, s))
        return;
    at = (size_t)snprintf(out, n, "s %.0f:", s[v->s]);
    for (int64_t i = 0; i < t->n_rows && at < n; i++) {
        const double x = column_f64(t, i, column_number(t, "s")),
                     accuracy = column_f64(t, i, column_number(t, "accuracy")),
                     kept = column_f64(t, i, column_number(t, "kept"));
        if (!(x <= s[v->s] && x >= s[v->s]) || !isfinite(accuracy))
            continue;
        at += (size_t)snprintf(out + at, n - at, "%s%.0f %%", i > 0 && at > 8 ? ", " : " ",
                               100 * accuracy);
        if (w >= 34 && at < n)
            at += (size_t)snprintf(out + at, n - at, " %s",
                                   column_str(t, i, column_text(t, "units")));
        if (isfinite(kept) && at < n && w >= 60)
            at += (size_t)snprintf(out + at, n - at, " (kept %.2f)", kept);
    }
}

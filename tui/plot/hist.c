/* Histograms: overlaid (the first filled, the others as outlines; SVG: all faint with an outline),
 * or mirrored about one axis. */
#include "engine/base/memory.h"
#include "tui/plot/draw.h"
#include <math.h>
#include <stdlib.h>

struct step {
    double x0, x1; /* in cells */
    double height; /* value; ≤ 0: nothing */
    const struct datum *d;
};

/* How many equal bins all series of the panel share; 0: they don't. */
static int shared_bins(const struct plot *p, int32_t panel)
{
    int64_t first, all = plot_data_rows(p->data, panel, -1, &first), bins = 0;
    double width = 0;
    for (int32_t s = 0; s < p->data->series.n && all; s++) {
        int64_t n = plot_data_rows(p->data, panel, s, &first);
        const struct datum *d = p->data->d + first;
        if (!n)
            continue;
        double w = (d[n - 1].hi - d[0].lo) / (double)n;
        if (bins && (n != bins || fabs(w - width) > width * 1e-3))
            return 0;
        bins = n;
        width = w;
        for (int64_t i = 0; i < n; i++)
            if (fabs(d[i].hi - d[i].lo - w) > w * 1e-3)
                return 0;
    }
    return bins < 10000 ? (int)bins : 0;
}

static struct frame_wish wish_of(const struct plot *p, int32_t panel)
{
    struct frame_wish w = {.mirrored = p->o->mirrored && p->data->series.n > 1};
    struct extent x, y;
    int64_t first, n = plot_data_rows(p->data, panel, -1, &first);
    extent_init(&x);
    extent_init(&y);
    for (int64_t i = first; i < first + n; i++) {
        extent_add(&x, p->data->d[i].lo);
        extent_add(&x, p->data->d[i].hi);
        extent_add(&y, p->data->d[i].y);
    }
    scale_fit(&w.x, &x, 0);
    if (p->o->log_y) {
        scale_fit_log(&w.y, &y);
    } else {
        y.hi = y.hi > 0 ? y.hi : 1;
        y.lo = 0;
        scale_fit(&w.y, &y, 0);
    }
    w.n_bins = x.lo < x.hi ? shared_bins(p, panel) : 0;
    return w;
}

/* Cells: a column shows the highest bin whose middle it holds, else the bin that holds its own
 * middle. */
static int columns_of(const struct frame *f, const struct datum *d, int64_t n, struct step *step)
{
    for (int c = 0; c < f->inner.w; c++)
        step[c] = (struct step){f->inner.x + c, f->inner.x + c + 1, 0, NULL};
    for (int64_t i = 0; i < n; i++) {
        double x0 = frame_x(f, d[i].lo) - f->inner.x, x1 = frame_x(f, d[i].hi) - f->inner.x;
        int middle = (int)fmin(floor((x0 + x1) / 2), f->inner.w - 1);
        int from = (int)ceil(x0 - .5 - 1e-9), to = (int)ceil(x1 - .5 - 1e-9) - 1;
        from = from < middle ? from : middle;
        to = to > middle ? to : middle;
        for (int c = from > 0 ? from : 0; c <= to && c < f->inner.w; c++)
            if (d[i].y > step[c].height) {
                step[c].height = d[i].y;
                step[c].d = &d[i];
            }
    }
    return f->inner.w;
}

static int steps_of(const struct plot *p, const struct frame *f, const struct datum *d, int64_t n,
                    struct step *step)
{
    if (!p->c->exact)
        return columns_of(f, d, n, step);
    for (int64_t i = 0; i < n; i++)
        step[i] = (struct step){frame_x(f, d[i].lo), frame_x(f, d[i].hi), d[i].y, &d[i]};
    return (int)n;
}

struct shape {
    const struct plot *p;
    const struct frame *f;
    const struct step *step;
    int n;
    bool down;
    struct pen pen;
};

static void fill(const struct shape *s, bool faint)
{
    struct strbuf title;
    strbuf_init(&title);
    double base = frame_base(s->f, s->down);
    for (int i = 0; i < s->n; i++) {
        double y = frame_y(s->f, s->step[i].height, s->down);
        if (s->step[i].height <= 0)
            continue;
        struct box b = {s->step[i].x0, fmin(y, base), s->step[i].x1, fmax(y, base)};
        s->p->c->ops->bar(s->p->c, s->f->inner, b, s->down ? SIDE_DOWN : SIDE_UP, faint, s->pen,
                          row_title(s->p, s->step[i].d, &title));
    }
    strbuf_release(&title);
}

/* From the base over the steps and down again, where there is anything. */
static void outline(const struct shape *s)
{
    struct xy *at = xcalloc((size_t)s->n * 2 + 2, sizeof *at);
    double base = frame_base(s->f, s->down) - (s->down ? 0 : 1e-6); /* inside the half */
    size_t n = 0;
    for (int i = 0; i <= s->n; i++) {
        bool there = i < s->n && s->step[i].height > 0;
        bool joined = there && n > 0 && s->step[i].x0 <= at[n - 1].x + 1e-6;
        if (n > 0 && !joined) {
            at[n] = (struct xy){at[n - 1].x, base};
            s->p->c->ops->line(s->p->c, s->f->inner, at, n + 1, s->pen, NULL);
            n = 0;
        }
        if (!there)
            continue;
        double y = frame_y(s->f, s->step[i].height, s->down);
        if (n == 0)
            at[n++] = (struct xy){s->step[i].x0, base};
        at[n++] = (struct xy){s->step[i].x0, y};
        at[n++] = (struct xy){s->step[i].x1, y};
    }
    free(at);
}

/* Filled or outlined tells the first two apart; only further outlines need a pattern. */
struct pen hist_pen(const struct plot *p, int32_t series)
{
    struct pen pen = series_pen(p, series);
    int outlines_from = p->o->mirrored ? 2 : 1;
    const int32_t at = series - outlines_from;
    pen.dash = at < 0 ? DASH_SOLID : (enum dash)((at + at / 4) % 4);
    return pen;
}

static void draw_series(const struct plot *p, const struct frame *f, int32_t panel, int32_t series,
                        bool over)
{
    int64_t first, n = plot_data_rows(p->data, panel, series, &first);
    int64_t room = n > f->inner.w ? n : f->inner.w;
    if (!n || f->inner.w <= 0)
        return;
    struct step *step = xcalloc((size_t)room + 1, sizeof *step);
    int rivals = f->mirrored ? 2 : 1; /* series that have a side to themselves */
    struct shape s = {p, f, step, 0, f->mirrored && series % 2, hist_pen(p, series)};
    s.n = steps_of(p, f, p->data->d + first, n, step);
    bool alone = p->data->series.n <= rivals;
    if (over && !alone && (p->c->exact || series >= rivals))
        outline(&s);
    if (!over && (p->c->exact || series < rivals))
        fill(&s, !alone);
    free(step);
}

void hist_draw(const struct plot *p, int32_t panel, struct rect r, struct plot_area *area)
{
    struct frame f;
    struct frame_wish wish = wish_of(p, panel);
    frame_lay(&f, p, r, &wish);
    *area = frame_area(&f);
    frame_draw(&f, p);
    for (int over = 0; over < 2; over++)
        for (int32_t s = 0; s < p->data->series.n; s++)
            draw_series(p, &f, panel, s, over);
}

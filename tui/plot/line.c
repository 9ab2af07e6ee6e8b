/* Lines with intervals, and clouds of points. */
#include "engine/base/memory.h"
#include "tui/plot/draw.h"
#include <math.h>
#include <stdlib.h>

#define MAX_VERTICES 400 /* of a line that get a dot and a value each */

static void fit(struct scale *s, const struct extent *e, bool log, double pad)
{
    if (log)
        scale_fit_log(s, e);
    else
        scale_fit(s, e, pad);
}

/* The distance of neighbouring values of x where all are multiples of it (a sweep); else 0. */
static double grain_of(const struct plot_data *data)
{
    double grain = INFINITY;
    for (int64_t i = 1; i < data->n; i++) {
        const struct datum *a = &data->d[i - 1], *b = &data->d[i];
        if (a->panel == b->panel && a->series == b->series && b->x > a->x)
            grain = fmin(grain, b->x - a->x);
    }
    for (int64_t i = 0; i < data->n && isfinite(grain); i++)
        if (!isnan(data->d[i].x) && fabs(remainder(data->d[i].x, grain)) > grain * 1e-6)
            return 0;
    return isfinite(grain) ? grain : 0;
}

/* The same scales in all panels: that is what small multiples are for. */
static struct frame_wish wish_of(const struct plot *p)
{
    struct frame_wish w = {0};
    struct extent x, y;
    extent_init(&x);
    extent_init(&y);
    for (int64_t i = 0; i < p->data->n; i++) {
        const struct datum *d = &p->data->d[i];
        extent_add(&x, d->x);
        extent_add(&y, d->y);
        extent_add(&y, d->lo);
        extent_add(&y, d->hi);
    }
    scale_fit(&w.x, &x, p->data->mark == MARK_SCATTER ? .02 : 0);
    if (p->o->log_x && p->data->mark == MARK_LINE && x.lo > 0 && x.lo < x.hi)
        w.x = (struct scale){x.lo, x.hi, true};
    fit(&w.y, &y, p->o->log_y, p->o->bare ? 0 : .04);
    w.grain = p->data->mark == MARK_LINE && !w.x.log ? grain_of(p->data) : 0;
    return w;
}

struct pencil { /* one series in one panel */
    const struct plot *p;
    const struct frame *f;
    const struct datum *d;
    int64_t n;
    struct pen pen;
    struct xy *a, *b; /* [n] scratch */
    struct strbuf title;
};

static struct xy place(const struct pencil *t, const struct datum *d, double y)
{
    return (struct xy){frame_x(t->f, d->x), frame_y(t->f, y, false)};
}

static void draw_bands(const struct pencil *t)
{
    for (int64_t i = 0, n = 0; i <= t->n; i++) {
        const struct datum *d = &t->d[i];
        if (i < t->n && !d->reference && !isnan(d->y) && !isnan(d->lo)) {
            t->a[n] = place(t, d, d->lo);
            t->b[n++] = place(t, d, d->hi);
        } else if (n > 0) {
            t->p->c->ops->band(t->p->c, t->f->inner, t->a, t->b, (size_t)n, t->pen);
            n = 0;
        }
    }
}

static void draw_references(struct pencil *t)
{
    struct pen pen = t->pen;
    pen.dash = DASH_REFERENCE;
    for (int64_t i = 0; i < t->n; i++) {
        const struct datum *d = &t->d[i];
        if (!d->reference || isnan(d->y))
            continue;
        double y = frame_y(t->f, d->y, false);
        struct xy ends[2] = {{t->f->inner.x, y}, {t->f->inner.x + t->f->inner.w, y}};
        t->p->c->ops->line(t->p->c, t->f->inner, ends, 2, pen, row_title(t->p, d, &t->title));
    }
}

static void draw_run(struct pencil *t, const struct datum *d, int64_t n)
{
    bool vertices = t->n <= MAX_VERTICES && !(t->p->o->bare && n > 1);
    for (int64_t i = 0; i < n; i++)
        t->a[i] = place(t, &d[i], d[i].y);
    if (n > 1)
        t->p->c->ops->line(t->p->c, t->f->inner, t->a, (size_t)n, t->pen,
                           t->p->c->exact ? t->p->data->series.s[d->series] : NULL);
    for (int64_t i = 0; i < n && (vertices || n == 1); i++)
        t->p->c->ops->dot(t->p->c, t->f->inner, t->a[i], n == 1 ? DOT_ALONE : DOT_VERTEX, t->pen,
                          row_title(t->p, &d[i], &t->title));
}

static void draw_lines(struct pencil *t)
{
    for (int64_t i = 0, n = 0; i <= t->n; i++) {
        if (i < t->n && !t->d[i].reference && !isnan(t->d[i].y)) {
            n++;
        } else if (n > 0) { /* what is missing breaks the line */
            draw_run(t, &t->d[i - n], n);
            n = 0;
        }
    }
}

enum dot cloud_dot(const struct plot *p)
{
    return !p->c->exact && p->o->glyphs == PLOT_BLOCKS ? DOT_SIGN : DOT_SMALL;
}

static void draw_cloud(struct pencil *t)
{
    const bool few = t->p->data->n < 40 && !t->p->c->exact && t->p->data->series.n == 1;
    enum dot kind = cloud_dot(t->p);
    kind = kind == DOT_SMALL && few ? DOT_ALONE : kind;
    for (int64_t i = 0; i < t->n; i++)
        t->p->c->ops->dot(t->p->c, t->f->inner, place(t, &t->d[i], t->d[i].y), kind, t->pen,
                          row_title(t->p, &t->d[i], &t->title));
}

/* One thing of each series after the other, so that no band covers a line. */
static void each_series(const struct plot *p, const struct frame *f, int32_t panel,
                        void (*draw)(struct pencil *))
{
    for (int32_t s = 0; s < p->data->series.n; s++) {
        int64_t first, n = plot_data_rows(p->data, panel, s, &first);
        if (!n)
            continue;
        struct pencil t = {.p = p, .f = f, .d = p->data->d + first, .n = n};
        t.pen = series_pen(p, s);
        t.a = xcalloc((size_t)n, sizeof *t.a);
        t.b = xcalloc((size_t)n, sizeof *t.b);
        strbuf_init(&t.title);
        draw(&t);
        strbuf_release(&t.title);
        free(t.a);
        free(t.b);
    }
}

static void draw_intervals(struct pencil *t)
{
    draw_bands(t);
    draw_references(t);
}

void line_draw(const struct plot *p, int32_t panel, struct rect r, struct plot_area *area)
{
    struct frame f;
    struct frame_wish wish = wish_of(p);
    frame_lay(&f, p, r, &wish);
    *area = frame_area(&f);
    frame_draw(&f, p);
    each_series(p, &f, panel, draw_intervals);
    each_series(p, &f, panel, draw_lines);
}

void scatter_draw(const struct plot *p, int32_t panel, struct rect r, struct plot_area *area)
{
    struct frame f;
    struct frame_wish wish = wish_of(p);
    frame_lay(&f, p, r, &wish);
    *area = frame_area(&f);
    frame_draw(&f, p);
    each_series(p, &f, panel, draw_cloud);
}

#include "tui/plot/draw.h"
#include <math.h>
#include <string.h>

#define LEAST_INNER 8 /* columns below which a gutter is not worth its room */

static int widest_tick(const struct ticks *t, bool ascii)
{
    int widest = 0;
    char s[NUMBER_MAX];
    for (int i = 0; i < t->n; i++) {
        int w = text_columns(s, tick_text(t, t->at[i], ascii, s));
        widest = w > widest ? w : widest;
    }
    return widest;
}

static void take_rows(struct frame *f, const struct plot *p)
{
    int h = f->room.h;
    bool named = p->c->exact && p->data->x_name[0];
    f->marker_row = f->tick_row = f->name_row = -1;
    if (p->o->bare)
        return;
    int ticks = h >= 3, edge = h >= 5, markers = h >= 6 && p->o->n_at > 0;
    f->below = edge;
    edge = edge && !p->c->exact; /* a row of its own in cells, a line in SVG */
    f->inner.h = h - ticks - edge - markers - named;
    if (f->mirrored && f->inner.h > 1) { /* both halves alike; a line between them needs a row */
        f->axis = !p->c->exact && (f->inner.h >= 8 || f->inner.h == 7 || f->inner.h == 5);
        f->inner.h -= (f->inner.h - f->axis) % 2;
    }
    int row = f->inner.y + f->inner.h + edge;
    if (markers)
        f->marker_row = row++;
    if (ticks)
        f->tick_row = row++;
    if (named)
        f->name_row = row;
}

/* Rows that values have. */
static int half_of(const struct frame *f)
{
    return f->mirrored ? (f->inner.h - f->axis) / 2 : f->inner.h;
}

static void take_gutter(struct frame *f, const struct plot *p)
{
    int h = half_of(f);
    int rows = h < 12 ? 2 : 3; /* a tick */
    ticks_make(&f->y_ticks, &f->y, h / rows > 2 ? h / rows : 2, p->data->percent_y);
    if (p->o->bare || h < 2) /* in one row all values stand alike */
        return;
    int gutter = widest_tick(&f->y_ticks, p->c->ascii) + 1 + p->c->exact;
    if (f->room.w - gutter < LEAST_INNER)
        return;
    f->left = true;
    f->inner.x += gutter;
    f->inner.w -= gutter + 1; /* the last label of x needs a little */
}

static bool ticks_fit(const struct frame *f, const struct plot *p)
{
    const double *at = f->x_ticks.at;
    double step = f->x_ticks.n > 1 ? frame_x(f, at[1]) - frame_x(f, at[0]) : f->inner.w;
    return step >= widest_tick(&f->x_ticks, p->c->ascii) + 2;
}

static void choose_x_ticks(struct frame *f, const struct plot *p)
{
    static const int times[] = {1, 2, 4, 5, 10, 20, 50, 100};
    for (size_t i = 0; i < sizeof times / sizeof *times && f->grain > 0; i++)
        if (ticks_every(&f->x_ticks, &f->x, f->grain * times[i], p->data->percent_x) &&
            ticks_fit(f, p))
            return;
    for (int want = f->inner.w / 5; want >= 1; want--) {
        ticks_make(&f->x_ticks, &f->x, want, p->data->percent_x);
        if (ticks_fit(f, p))
            return;
    }
    ticks_make(&f->x_ticks, &f->x, 1, p->data->percent_x);
    f->x_ticks.n = f->x_ticks.n > 1 ? 1 : f->x_ticks.n;
}

void frame_lay(struct frame *f, const struct plot *p, struct rect r, const struct frame_wish *wish)
{
    *f = (struct frame){
        .room = r, .inner = r, .x = wish->x, .y = wish->y, .mirrored = wish->mirrored};
    f->grain = wish->grain;
    take_rows(f, p);
    take_gutter(f, p);
    /* Columns that some bins have and others don't would look like data. */
    int snapped = wish->n_bins > 0 ? f->inner.w / wish->n_bins * wish->n_bins : 0;
    if (!p->c->exact && snapped * 3 >= f->inner.w * 2)
        f->inner.w = snapped;
    if (f->mirrored && f->inner.h < 2)
        f->mirrored = false;
    choose_x_ticks(f, p);
}

double frame_x(const struct frame *f, double v)
{
    return f->inner.x + scale_share(&f->x, v) * f->inner.w;
}

double frame_base(const struct frame *f, bool down)
{
    return f->inner.y + half_of(f) + (down ? f->axis : 0);
}

double frame_y(const struct frame *f, double v, bool down)
{
    double length = scale_share(&f->y, v) * half_of(f);
    down = down && f->mirrored;
    return frame_base(f, down) + (down ? length : -length);
}

struct plot_area frame_area(const struct frame *f)
{
    return (struct plot_area){f->inner, f->x.lo, f->x.hi, f->mirrored ? -f->y.hi : f->y.lo,
                              f->y.hi,  f->x.log};
}

/* ---- drawing */
/* Room for the tick marks of SVG. */
static double drop(const struct plot *p)
{
    return p->c->exact ? p->o->n_at > 0 ? .2 : .35 : 0;
}

static void draw_x_ticks(const struct frame *f, const struct plot *p)
{
    struct rect clip = {f->room.x, f->tick_row, f->room.w, 1};
    for (int i = 0; i < f->x_ticks.n; i++) {
        char s[NUMBER_MAX];
        size_t n = tick_text(&f->x_ticks, f->x_ticks.at[i], p->c->ascii, s);
        double x = fmin(frame_x(f, f->x_ticks.at[i]), f->inner.x + f->inner.w - !p->c->exact);
        p->c->ops->text(p->c, clip, x, f->tick_row + drop(p), ANCHOR_MIDDLE,
                        (struct pen){.ink = INK_DIM}, s, n);
    }
}

/* The row of cells that has a value's label: that of the line where it is one's value, else the row
 * that a bar of the value reaches; −1: the value lies between two rows. */
static int tick_row(const struct frame *f, double v, bool down)
{
    double y = frame_y(f, v, down);
    int end = f->inner.y + f->inner.h, row = down ? (int)ceil(y) - 1 : (int)floor(y);
    if (fabs(y - frame_base(f, down)) > 1e-6)
        return row < f->inner.y ? f->inner.y : row >= end ? end - 1 : row;
    if (f->mirrored)
        return f->axis ? f->inner.y + half_of(f) : -1;
    return f->below ? end : end - 1;
}

static void draw_y_ticks(const struct frame *f, const struct plot *p)
{
    struct rect clip = f->room;
    int taken = -1; /* a row has one label */
    clip.w = f->inner.x - clip.x;
    for (int i = 0; i < f->y_ticks.n * (f->mirrored ? 2 : 1); i++) {
        char s[NUMBER_MAX];
        bool down = i >= f->y_ticks.n;
        double v = f->y_ticks.at[i % f->y_ticks.n];
        int row = tick_row(f, v, down);
        if ((down && v <= f->y.lo) || (!p->c->exact && (row < 0 || row == taken)))
            continue;
        taken = row;
        size_t n = tick_text(&f->y_ticks, v, p->c->ascii, s);
        p->c->ops->text(p->c, clip, f->inner.x - 1, p->c->exact ? frame_y(f, v, down) - .5 : row,
                        ANCHOR_RIGHT, (struct pen){.ink = INK_DIM}, s, n);
    }
}

/* Where w columns stand on the lower edge between a tick and the `apart`-th after it, as far to the
 * right as can be; −1: nowhere. */
static int free_edge(const struct frame *f, int w, int apart)
{
    int best = -1, end = f->inner.x + f->inner.w - 1, n = f->x_ticks.n;
    for (int i = -1; i + apart <= n; i++) {
        int from = i < 0 ? f->inner.x : (int)floor(frame_x(f, f->x_ticks.at[i])) + 1;
        int to = i + apart < n ? (int)floor(frame_x(f, f->x_ticks.at[i + apart])) : end;
        to = to < end ? to : end;
        if (to - from >= w)
            best = from + (to - from - w + 1) / 2;
    }
    return best < 0 ? -1 : best + (apart == 1);
}

/* The name of x: below the ticks, or on the edge between two ticks, as a pane carries its title. */
static void draw_x_name(const struct frame *f, const struct plot *p)
{
    struct strbuf name;
    strbuf_init(&name);
    axis_words(p->data->x_name, p->data->x_unit, false, &name);
    int w = text_columns(name.s, name.len);
    struct rect clip = {f->inner.x, f->name_row, f->inner.w, 1};
    if (f->name_row >= 0) {
        put_text(p, clip, f->inner.x + f->inner.w / 2., f->name_row + drop(p), ANCHOR_MIDDLE,
                 INK_DIM, name.s);
    } else if (f->below && w > 0) {
        int best = free_edge(f, w + 2, 1);
        best = best < 0 ? free_edge(f, w, 2) : best;
        clip.y = f->inner.y + f->inner.h;
        if (best >= 0)
            put_text(p, clip, best, clip.y, ANCHOR_LEFT, INK_DIM, name.s);
    }
    strbuf_release(&name);
}

static void draw_markers(const struct frame *f, const struct plot *p)
{
    struct rect clip = {f->room.x, f->marker_row, f->room.w, 1};
    int free_from = clip.x, row = f->marker_row;
    for (int i = 0; i < p->o->n_at && i < PLOT_MAX_MARKS && row >= 0; i++) {
        double v = p->o->at[i];
        if (!isfinite(v) || v < f->x.lo || v > f->x.hi)
            continue;
        double x = frame_x(f, v);
        p->c->ops->marker(p->c, clip, x, row + drop(p), f->inner);
        const char *label = p->o->at_label[i];
        if (!label)
            continue;
        int columns, end = clip.x + clip.w, at = (int)floor(x) + 2;
        size_t n = text_fit(label, strlen(label), end, &columns);
        if (at + columns > end) /* no room to the right */
            at = (int)floor(x) - 1 - columns;
        if (!n || at < free_from)
            continue;
        p->c->ops->text(p->c, clip, at, row + drop(p), ANCHOR_LEFT, (struct pen){.ink = INK_MARKER},
                        label, n);
        free_from = at + columns + 1;
    }
}

/* A row of values, not a line. */
static bool has_tick(const struct frame *f, int row)
{
    return row >= f->inner.y && row < f->inner.y + f->inner.h &&
           (!f->axis || row != f->inner.y + half_of(f));
}

void frame_draw(const struct frame *f, const struct plot *p)
{
    double x[TICKS_MAX], y[2 * TICKS_MAX];
    int n_y = 0;
    if (p->o->bare)
        return;
    for (int i = 0; i < f->x_ticks.n; i++)
        x[i] = frame_x(f, f->x_ticks.at[i]);
    for (int i = 0; i < f->y_ticks.n; i++)
        for (int down = 0; down <= f->mirrored; down++) {
            double v = f->y_ticks.at[i];
            int row = tick_row(f, v, down);
            if (p->c->exact ? !down || v > f->y.lo : has_tick(f, row))
                y[n_y++] = p->c->exact ? frame_y(f, v, down) : row;
        }
    p->c->ops->axes(p->c, f->inner, x, f->x_ticks.n, y, n_y, f->left, f->below,
                    f->axis ? f->inner.y + half_of(f) : -1);
    if (f->tick_row >= 0)
        draw_x_ticks(f, p);
    if (f->left)
        draw_y_ticks(f, p);
    draw_x_name(f, p);
    draw_markers(f, p);
}

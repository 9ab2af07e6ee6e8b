/* Bars: a row each, label to the left, value to the right; rows of one key stand together. */
#include "engine/base/memory.h"
#include "tui/plot/draw.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct bars { /* columns of a panel */
    struct rect r;
    int key, series, value; /* their columns, with a blank behind; 0: not shown */
    int x, w;               /* of the bars */
    struct scale scale;
    bool gaps;      /* a blank row between keys */
    bool intervals; /* beside the values */
    int decimals;
};

static int widest(const struct names *names)
{
    int widest = 0;
    for (int32_t i = 0; i < names->n; i++) {
        int w = text_columns(names->s[i], strlen(names->s[i]));
        widest = w > widest ? w : widest;
    }
    return widest;
}

static void add_value(const struct bars *b, const struct plot *p, double v, struct strbuf *out)
{
    char s[NUMBER_MAX];
    size_t n = number_fixed(p->data->percent_y ? v * 100 : v, b->decimals, p->c->ascii, s);
    strbuf_add(out, s, n);
}

/* "71.9%" or "71.9% [69.9, 74.9]" */
static void value_text(const struct bars *b, const struct plot *p, const struct datum *d,
                       struct strbuf *out)
{
    strbuf_clear(out);
    if (isnan(d->y))
        return;
    add_value(b, p, d->y, out);
    if (p->data->percent_y)
        strbuf_addc(out, '%');
    if (!b->intervals || isnan(d->lo))
        return;
    strbuf_adds(out, " [");
    add_value(b, p, d->lo, out);
    strbuf_adds(out, ", ");
    add_value(b, p, d->hi, out);
    strbuf_addc(out, ']');
}

static int widest_value(const struct bars *b, const struct plot *p, const struct datum *d,
                        int64_t n)
{
    struct strbuf s;
    int widest_so_far = 0;
    strbuf_init(&s);
    for (int64_t i = 0; i < n; i++) {
        value_text(b, p, &d[i], &s);
        int w = text_columns(s.s, s.len);
        widest_so_far = w > widest_so_far ? w : widest_so_far;
    }
    strbuf_release(&s);
    return widest_so_far;
}

static void fit_scale(struct bars *b, const struct plot *p, const struct datum *d, int64_t n)
{
    struct extent e;
    extent_init(&e);
    for (int64_t i = 0; i < n; i++) {
        extent_add(&e, d[i].y);
        extent_add(&e, d[i].lo);
        extent_add(&e, d[i].hi);
    }
    if (p->o->log_y) {
        scale_fit_log(&b->scale, &e);
        return;
    }
    e.lo = fmin(e.lo, 0);
    e.hi = e.hi > 0 || e.lo < 0 ? fmax(e.hi, 0) : 1;
    scale_fit(&b->scale, &e, 0);
}

static int groups_of(const struct datum *d, int64_t n)
{
    int groups = n > 0;
    for (int64_t i = 1; i < n; i++)
        groups += d[i].key != d[i - 1].key;
    return groups;
}

static void lay(struct bars *b, const struct plot *p, struct rect r, const struct datum *d,
                int64_t n)
{
    *b = (struct bars){.r = r};
    bool bare = p->o->bare, many = p->data->series.n > 1;
    fit_scale(b, p, d, n);
    b->intervals = r.w >= 56;
    b->decimals = number_decimals(
        fmax(fabs(b->scale.lo), fabs(b->scale.hi)) * (p->data->percent_y ? 99 : 1), 3);
    if (!bare) {
        int key = widest(&p->data->keys), series = many ? widest(&p->data->series) : 0;
        key = key < r.w / 3 ? key : r.w / 3;
        series = series < r.w / 6 ? series : r.w / 6;
        b->key = key > 0 ? key + 1 : 0;
        b->series = series > 0 ? series + 1 : 0;
        b->value = widest_value(b, p, d, n) + 1;
        if (b->key + b->series + b->value + 4 > r.w)
            b->value = 0;
    }
    b->x = r.x + b->key + b->series;
    b->w = r.w - b->key - b->series - b->value;
    b->gaps = many && !bare && n + groups_of(d, n) - 1 <= r.h;
}

static void draw_row(const struct bars *b, const struct plot *p, const struct datum *d, int row,
                     bool first_of_key)
{
    struct rect bar = {b->x, row, b->w, 1}, key = {b->r.x, row, b->key - 1, 1};
    struct strbuf s;
    strbuf_init(&s);
    if (first_of_key && b->key)
        put_text(p, key, key.x, row, ANCHOR_LEFT, INK_TEXT, p->data->keys.s[d->key]);
    struct rect series = {b->r.x + b->key, row, b->series - 1, 1};
    if (b->series)
        put_text(p, series, series.x, row, ANCHOR_LEFT, INK_DIM, p->data->series.s[d->series]);
    double zero = b->x + scale_share(&b->scale, b->scale.log ? b->scale.lo : 0) * b->w;
    if (!p->c->exact)
        zero = round(zero); /* bars of both signs meet at a cell's edge */
    if (!isnan(d->y)) {
        double x = b->x + scale_share(&b->scale, d->y) * b->w;
        struct box box = {fmin(x, zero), row, fmax(x, zero), row + 1};
        p->c->ops->bar(p->c, bar, box, x < zero ? SIDE_LEFT : SIDE_RIGHT, false,
                       series_pen(p, d->series), row_title(p, d, &s));
    }
    if (!isnan(d->lo))
        p->c->ops->whisker(p->c, bar, b->x + scale_share(&b->scale, d->lo) * b->w,
                           b->x + scale_share(&b->scale, d->hi) * b->w, row,
                           (struct pen){.ink = INK_TEXT});
    value_text(b, p, d, &s);
    struct rect value = {b->x + b->w, row, b->value, 1};
    if (b->value)
        p->c->ops->text(p->c, value, b->r.x + b->r.w, row, ANCHOR_RIGHT,
                        (struct pen){.ink = INK_TEXT}, s.s, s.len);
    strbuf_release(&s);
}

void bar_draw(const struct plot *p, int32_t panel, struct rect r, struct plot_area *area)
{
    int64_t first, n = plot_data_rows(p->data, panel, -1, &first);
    const struct datum *d = p->data->d + first;
    struct bars b;
    lay(&b, p, r, d, n);
    int row = r.y, end = r.y + r.h;
    for (int64_t i = 0; i < n && row < end; i++) {
        bool first_of_key = i == 0 || d[i].key != d[i - 1].key;
        if (row == end - 1 && i < n - 1 && r.h > 1 && !p->o->bare) {
            more_text(p, r, row, n - i);
            break;
        }
        draw_row(&b, p, &d[i], row++, first_of_key);
        row += b.gaps && i + 1 < n && d[i + 1].key != d[i].key;
    }
    *area = (struct plot_area){{b.x, r.y, b.w > 0 ? b.w : 0, row - r.y < r.h ? row - r.y : r.h},
                               b.scale.lo,
                               b.scale.hi,
                               0,
                               (double)n,
                               false};
}

struct rect bar_wish(const struct plot_data *data, int32_t panel)
{
    int64_t first, n = plot_data_rows(data, panel, -1, &first);
    int64_t rows = n + (data->series.n > 1 ? groups_of(data->d + first, n) - 1 : 0);
    return (struct rect){0, 0, 88, (int)(rows < 1 ? 1 : rows > 80 ? 80 : rows)};
}

/* Heat maps: a row a key, a column a value of x; the number where there is room, else a shade. */
#include "tui/plot/draw.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

#define TILE_MAX_W 12 /* wider says no more */

struct heat {
    struct rect r;
    int label; /* columns of the keys, with a blank behind */
    int tile_w, tile_h;
    int n_rows, n_columns; /* that fit */
    double scale;
    bool diverging, numbers;
    int decimals;
};

static int longest(const struct names *names)
{
    int longest_so_far = 0;
    for (int32_t i = 0; i < names->n; i++) {
        int w = text_columns(names->s[i], strlen(names->s[i]));
        longest_so_far = w > longest_so_far ? w : longest_so_far;
    }
    return longest_so_far;
}

static size_t number_of(const struct heat *h, const struct plot *p, double v, char out[NUMBER_MAX])
{
    return number_fixed(p->data->percent_y ? v * 100 : v, h->decimals, p->c->ascii, out);
}

static int widest_number(const struct heat *h, const struct plot *p)
{
    int widest = 1;
    for (int64_t i = 0; i < p->data->n; i++) {
        char s[NUMBER_MAX];
        int w = text_columns(s, number_of(h, p, p->data->d[i].y, s));
        widest = w > widest ? w : widest;
    }
    return widest;
}

static void find_scale(struct heat *h, const struct plot *p)
{
    struct extent e;
    extent_init(&e);
    for (int64_t i = 0; i < p->data->n; i++)
        extent_add(&e, p->data->d[i].y);
    h->diverging = e.lo < 0;
    h->scale = e.lo <= e.hi ? fmax(fabs(e.lo), fabs(e.hi)) : 0;
    if (!(h->scale > 1e-290))
        h->scale = 1;
}

/* As many as there is room for. */
static void choose_digits(struct heat *h, const struct plot *p)
{
    for (int digits = 3; digits >= 1 && !h->numbers; digits--) {
        h->decimals = number_decimals(h->scale * (p->data->percent_y ? 100 : 1), digits);
        h->numbers = h->tile_w > widest_number(h, p);
    }
}

static void lay(struct heat *h, const struct plot *p, struct rect r)
{
    *h = (struct heat){.r = r};
    find_scale(h, p);
    int keys = p->data->keys.n, columns = p->data->columns.n;
    int heading = !p->o->bare && r.h >= 3;
    int label = p->o->bare ? 0 : longest(&p->data->keys);
    label = label < r.w / 3 ? label : r.w / 3;
    h->label = label > 0 ? label + 1 : 0;
    h->r = (struct rect){r.x + h->label, r.y + heading, r.w - h->label, r.h - heading};
    if (columns < 1 || keys < 1 || h->r.w < 1 || h->r.h < 1)
        return;
    h->tile_w = h->r.w / columns;
    h->tile_w = h->tile_w < 1 ? 1 : h->tile_w > TILE_MAX_W ? TILE_MAX_W : h->tile_w;
    choose_digits(h, p);
    h->tile_h = h->r.h / keys;
    h->tile_h = h->tile_h < 1 ? 1 : h->tile_h > 2 ? 2 : h->tile_h;
    h->n_columns = h->r.w / h->tile_w < columns ? h->r.w / h->tile_w : columns;
    h->n_rows = h->r.h / h->tile_h < keys ? h->r.h / h->tile_h : keys;
    if (h->n_rows < keys && h->n_rows > 1)
        h->n_rows--; /* for the line that says so */
}

static void draw_tile(const struct heat *h, const struct plot *p, const struct datum *d)
{
    char s[NUMBER_MAX];
    struct strbuf title;
    if (d->key >= h->n_rows || d->column >= h->n_columns)
        return;
    number_of(h, p, d->y, s);
    strbuf_init(&title);
    struct tile tile = {d->y / h->scale, h->diverging, h->numbers ? s : NULL};
    struct rect at = {h->r.x + d->column * h->tile_w, h->r.y + d->key * h->tile_h, h->tile_w,
                      h->tile_h};
    p->c->ops->tile(p->c, at, &tile, row_title(p, d, &title));
    strbuf_release(&title);
}

static void draw_labels(const struct heat *h, const struct plot *p, struct rect r)
{
    for (int i = 0; i < h->n_rows && h->label; i++) {
        double row = h->r.y + i * h->tile_h + (h->tile_h - 1) / 2.;
        struct rect clip = {r.x, (int)floor(row), h->label - 1, 1};
        put_text(p, clip, r.x, row, ANCHOR_LEFT, INK_TEXT, p->data->keys.s[i]);
    }
    int free_from = h->r.x;
    for (int i = 0; i < h->n_columns && h->r.y > r.y; i++) {
        char minus[NUMBER_MAX + 4];
        const char *s = p->data->columns.s[i];
        if (s[0] == '-' && !p->c->ascii && strlen(s) < NUMBER_MAX) { /* as the axes write it */
            snprintf(minus, sizeof minus, "−%s", s + 1);
            s = minus;
        }
        int w = text_columns(s, strlen(s)), x = h->r.x + i * h->tile_w + (h->tile_w - w) / 2;
        struct rect clip = {h->r.x, r.y, h->r.w, 1};
        x = x < h->r.x ? h->r.x : x;
        if (x < free_from || x + w > h->r.x + h->r.w)
            continue;
        if (p->c->exact)
            put_text(p, clip, h->r.x + (i + .5) * h->tile_w, r.y, ANCHOR_MIDDLE, INK_DIM, s);
        else
            put_text(p, clip, x, r.y, ANCHOR_LEFT, INK_DIM, s);
        free_from = x + w + 1;
    }
    if (h->n_rows < p->data->keys.n && h->n_rows * h->tile_h < h->r.h)
        more_text(p, r, h->r.y + h->n_rows * h->tile_h, p->data->keys.n - h->n_rows);
}

void heat_draw(const struct plot *p, int32_t panel, struct rect r, struct plot_area *area)
{
    int64_t first, n = plot_data_rows(p->data, panel, -1, &first);
    struct heat h;
    lay(&h, p, r);
    for (int64_t i = first; i < first + n; i++)
        draw_tile(&h, p, &p->data->d[i]);
    if (!p->o->bare)
        draw_labels(&h, p, r);
    struct rect inner = {h.r.x, h.r.y, h.n_columns * h.tile_w, h.n_rows * h.tile_h};
    *area = (struct plot_area){inner, 0, h.n_columns, h.n_rows, 0, false};
}

struct rect heat_wish(const struct plot_data *data)
{
    int64_t w = 10 + (int64_t)longest(&data->keys) + (int64_t)data->columns.n * 8;
    int64_t h = 1 + (int64_t)data->keys.n * 2;
    return (struct rect){0, 0, (int)(w < 60 ? 60 : w > 200 ? 200 : w), (int)(h > 160 ? 160 : h)};
}

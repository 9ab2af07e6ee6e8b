/* Words and legend. */
#include "engine/base/memory.h"
#include "tui/plot/draw.h"
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define GAP 2

size_t text_fit(const char *utf8, size_t n, int limit, int *columns)
{
    size_t used = 0;
    *columns = 0;
    while (used < n) {
        int w;
        char glyph[GRID_GLYPH_MAX];
        size_t len = text_cluster(utf8 + used, n - used, &w, glyph);
        if (*columns + w > limit)
            break;
        *columns += w;
        used += len;
    }
    return used;
}

struct pen series_pen(const struct plot *p, int32_t series)
{
    struct series_look look = p->data->look[series];
    return (struct pen){INK_SERIES, look.color, (enum dash)look.dash};
}

void put_text(const struct plot *p, struct rect clip, double x, double row, enum anchor anchor,
              enum ink ink, const char *s)
{
    p->c->ops->text(p->c, clip, x, row, anchor, (struct pen){.ink = ink}, s, strlen(s));
}

void more_text(const struct plot *p, struct rect clip, int row, int64_t n)
{
    char *s = xasprintf("%s %" PRId64 " more", p->c->ascii ? "..." : "…", n);
    put_text(p, clip, clip.x, row, ANCHOR_LEFT, INK_DIM, s);
    free(s);
}

static bool is_share(const char *unit)
{
    return strcmp(unit, "share") == 0;
}

void axis_words(const char *name, const char *unit, bool brief, struct strbuf *out)
{
    if (brief && unit[0] && !is_share(unit)) {
        strbuf_adds(out, unit);
        return;
    }
    for (const char *s = name; *s; s++)
        strbuf_addc(out, *s == '_' ? ' ' : *s);
    if (unit[0] && !is_share(unit))
        strbuf_addf(out, " (%s)", unit);
}

static void add_number(const struct plot *p, double v, bool percent, struct strbuf *out)
{
    char s[NUMBER_MAX];
    strbuf_add(out, s, number_text(percent ? v * 100 : v, 4, p->c->ascii, s));
}

void value_words(const struct plot *p, double v, bool is_x, struct strbuf *out)
{
    bool percent = is_x ? p->data->percent_x : p->data->percent_y;
    const char *unit = percent ? "%" : is_x ? p->data->x_unit : p->data->y_unit;
    add_number(p, v, percent, out);
    if (unit[0])
        strbuf_addf(out, " %s", unit);
}

static void add_place(const struct plot *p, const struct datum *d, struct strbuf *out)
{
    const struct plot_data *data = p->data;
    if (data->mark == MARK_HIST) {
        add_number(p, d->lo, data->percent_x, out);
        strbuf_adds(out, " … ");
        value_words(p, d->hi, true, out);
    } else if (data->mark == MARK_BAR || data->mark == MARK_HEAT) {
        strbuf_adds(out, data->keys.s[d->key]);
        if (data->mark == MARK_HEAT)
            strbuf_addf(out, ", %s %s", data->x_name, data->columns.s[d->column]);
    } else if (d->reference) {
        strbuf_adds(out, "unmodified");
    } else {
        strbuf_addf(out, "%s ", data->x_name);
        value_words(p, d->x, true, out);
    }
}

const char *row_title(const struct plot *p, const struct datum *d, struct strbuf *out)
{
    if (!p->c->exact)
        return NULL;
    strbuf_clear(out);
    const char *series = p->data->series.s[d->series];
    if (series[0])
        strbuf_addf(out, "%s · ", series);
    add_place(p, d, out);
    strbuf_adds(out, ": ");
    if (!isnan(d->y))
        value_words(p, d->y, false, out);
    else
        strbuf_adds(out, "missing");
    if (p->data->mark != MARK_HIST && !isnan(d->lo)) {
        strbuf_adds(out, " [");
        add_number(p, d->lo, p->data->percent_y, out);
        strbuf_adds(out, ", ");
        add_number(p, d->hi, p->data->percent_y, out);
        strbuf_addc(out, ']');
    }
    return out->s;
}

/* ---- legend */
struct entry {
    int32_t series; /* −1: all unmodified ones together */
    bool reference;
    char *label;
    int w; /* columns with its swatch */
};
struct legend {
    struct entry *entry;
    size_t n, cap;
};

static void add_entry(struct legend *l, int32_t series, bool reference, char *label)
{
    l->entry = grow(l->entry, &l->cap, l->n + 1, sizeof *l->entry);
    l->entry[l->n++] =
        (struct entry){series, reference, label, SWATCH + 1 + text_columns(label, strlen(label))};
}

static void add_series(const struct plot *p, struct legend *l, int32_t s, bool line, bool reference,
                       bool together, bool alone)
{
    const char *name = p->data->series.s[s];
    const char *way = "";
    if (p->data->mark == MARK_HIST && p->o->mirrored && p->data->series.n > 1)
        way = p->c->ascii ? (s % 2 ? " (down)" : " (up)") : s % 2 ? " ↓" : " ↑";
    if (line && name[0])
        add_entry(l, s, false, xasprintf("%s%s", name, way));
    if (reference && !line && !alone)
        add_entry(l, s, true, xstrdup(name));
    else if (reference && (!together || alone))
        add_entry(l, s, true, xasprintf("%s%sunmodified", name, name[0] ? " " : ""));
}

/* What there is to tell apart; together: the unmodified lines share one entry. */
static struct legend legend_of(const struct plot *p, bool together)
{
    struct legend l = {0};
    int32_t n = p->data->series.n;
    uint8_t *has = xcalloc((size_t)n + 1, 1);
    int lines = 0, references = 0;
    for (int64_t i = 0; i < p->data->n; i++)
        has[p->data->d[i].series] |= p->data->d[i].reference ? 2 : 1;
    for (int32_t s = 0; s < n; s++) {
        lines += has[s] & 1;
        references += has[s] == 3;
    }
    together = together && references > 1;
    for (int32_t s = 0; s < n; s++)
        add_series(p, &l, s, has[s] & 1, has[s] & 2, together && has[s] == 3, !lines);
    if (together)
        add_entry(&l, -1, true, xstrdup("unmodified"));
    free(has);
    if (p->data->mark == MARK_HEAT || (n == 1 && p->data->mark == MARK_BAR)) {
        for (size_t i = 0; i < l.n; i++)
            free(l.entry[i].label);
        l.n = 0;
    }
    return l;
}

static void legend_release(struct legend *l)
{
    for (size_t i = 0; i < l->n; i++)
        free(l->entry[i].label);
    free(l->entry);
}

static int all_columns(const struct legend *l)
{
    int w = 0;
    for (size_t i = 0; i < l->n && w < 100000; i++)
        w += l->entry[i].w + (i ? GAP : 0);
    return w;
}

int legend_columns(const struct plot *p, int limit)
{
    struct legend l = legend_of(p, false);
    int w = all_columns(&l);
    legend_release(&l);
    if (w <= limit)
        return w;
    l = legend_of(p, true);
    w = all_columns(&l);
    legend_release(&l);
    return w;
}

static void draw_swatch(const struct plot *p, const struct entry *e, int x, int y)
{
    struct rect clip = {x, y, SWATCH, 1};
    struct pen pen = e->series >= 0 ? series_pen(p, e->series) : (struct pen){.ink = INK_DIM};
    bool overlaid = p->data->mark == MARK_HIST && !p->o->mirrored && p->data->series.n > 1;
    double at = overlaid && p->c->exact ? .15 : .5;
    const struct xy ends[] = {{x, y + at}, {x + SWATCH, y + at}},
                    middle = {x + SWATCH / 2., y + .5};
    enum mark mark = p->data->mark;
    if (mark == MARK_HIST)
        pen = hist_pen(p, e->series);
    bool outline =
        mark == MARK_HIST && (e->series > (p->o->mirrored ? 1 : 0) || (overlaid && p->c->exact));
    if (e->reference)
        pen.dash = DASH_REFERENCE;
    if (mark == MARK_SCATTER) {
        p->c->ops->dot(p->c, clip, middle, cloud_dot(p), pen, NULL);
        return;
    }
    if (mark == MARK_BAR || (mark == MARK_HIST && (!outline || p->c->exact))) {
        struct box b = {x, y + (p->c->exact ? .15 : 0), x + SWATCH, y + 1 - (p->c->exact ? .2 : 0)};
        p->c->ops->bar(p->c, clip, b, SIDE_UP, overlaid, pen, NULL);
    }
    if (mark == MARK_LINE || outline)
        p->c->ops->line(p->c, clip, ends, 2, pen, NULL);
    if (mark == MARK_LINE && !e->reference)
        p->c->ops->dot(p->c, clip, middle, DOT_VERTEX, pen, NULL);
}

struct laying { /* where the next entry goes */
    struct rect r;
    int x, row;
};

/* Where an entry of w columns stands; false: below the last row. */
static bool lay(struct laying *a, int w, int *x)
{
    if (a->x > a->r.x && a->x + w > a->r.x + a->r.w) {
        a->x = a->r.x;
        a->row++;
    }
    *x = a->x;
    a->x += w + GAP;
    return a->row < a->r.h;
}

/* How many of the entries stand in r, behind them "+N" of those that don't. */
static size_t entries_in(const struct legend *l, struct rect r, char more[24])
{
    more[0] = 0;
    for (size_t n = l->n; n > 0; n--) {
        struct laying a = {r, r.x, 0};
        int x;
        bool all = true;
        for (size_t i = 0; i < n && all; i++)
            all = lay(&a, l->entry[i].w, &x);
        if (n < l->n)
            snprintf(more, 24, "+%zu", l->n - n);
        if (all && (n == l->n || lay(&a, (int)strlen(more), &x)))
            return n;
    }
    return l->n > 0 && r.h > 0 ? 1 : 0; /* cut off */
}

int legend_lay(const struct plot *p, struct rect r, bool draw)
{
    struct legend l = legend_of(p, false);
    char more[24];
    int x;
    if (all_columns(&l) > r.w) {
        legend_release(&l);
        l = legend_of(p, true);
    }
    struct laying a = {r, r.x, 0};
    size_t n = entries_in(&l, r, more);
    for (size_t i = 0; i < n; i++) {
        lay(&a, l.entry[i].w, &x);
        if (draw) {
            draw_swatch(p, &l.entry[i], x, r.y + a.row);
            put_text(p, r, x + SWATCH + 1, r.y + a.row, ANCHOR_LEFT, INK_TEXT, l.entry[i].label);
        }
    }
    if (n < l.n && lay(&a, (int)strlen(more), &x) && draw)
        put_text(p, r, x, r.y + a.row, ANCHOR_LEFT, INK_DIM, more);
    int rows = n > 0 ? (a.row < r.h ? a.row + 1 : r.h) : 0;
    legend_release(&l);
    return rows;
}

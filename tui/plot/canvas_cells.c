/* Cells. Lines and dots are collected in a raster of motes (braille 2 × 4 a cell, quadrants 2 × 2,
 * ASCII 1 × 1) and drawn last, so that a line over a filled bar can be cut out of it. */
#include "engine/base/memory.h"
#include "engine/text/utf8.h"
#include "tui/plot/canvas.h"
#include "tui/term/glyph.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct mote {
    uint8_t bits; /* dots set; ASCII: the character */
    uint8_t fill; /* eighths of the cell that a bar fills, from below */
    uint8_t vertex;
    struct pen pen, fill_pen;
};

struct canvas_cells {
    struct canvas canvas;
    struct grid *grid;
    struct rect view; /* what is seen of the rect */
    const struct theme *theme;
    enum plot_glyphs glyphs;
    int mx, my;        /* dots a cell */
    struct mote *mote; /* [view.h, view.w] */
};

static struct canvas_cells *cells_of(struct canvas *c)
{
    return (struct canvas_cells *)c;
}

static struct style pen_style(const struct canvas_cells *c, struct pen pen)
{
    static const enum theme_role role[] = {ROLE_TEXT, ROLE_HEADING, ROLE_DIM, ROLE_FRAME,
                                           ROLE_FIXED};
    enum theme_role r = pen.ink == INK_SERIES
                            ? (enum theme_role)(ROLE_CLASS_1 + pen.color % CANVAS_COLORS)
                            : role[pen.ink];
    return theme_style(c->theme, r);
}

static struct mote *mote_at(const struct canvas_cells *c, int x, int y)
{
    if (!rect_has(c->view, x, y))
        return NULL;
    return &c->mote[(size_t)(y - c->view.y) * (size_t)c->view.w + (size_t)(x - c->view.x)];
}

static struct rect common(struct rect a, struct rect b)
{
    int x0 = a.x > b.x ? a.x : b.x, y0 = a.y > b.y ? a.y : b.y;
    int x1 = a.x + a.w < b.x + b.w ? a.x + a.w : b.x + b.w;
    int y1 = a.y + a.h < b.y + b.h ? a.y + a.h : b.y + b.h;
    return (struct rect){x0, y0, x1 > x0 ? x1 - x0 : 0, y1 > y0 ? y1 - y0 : 0};
}

static struct rect seen(const struct canvas_cells *c, struct rect clip)
{
    return common(c->view, clip);
}

static int floor_div(int a, int b)
{
    return a >= 0 ? a / b : -((b - 1 - a) / b);
}

/* ---- text */
static void cells_text(struct canvas *canvas, struct rect clip, double x, double row,
                       enum anchor anchor, struct pen pen, const char *utf8, size_t n)
{
    struct canvas_cells *c = cells_of(canvas);
    int w = text_columns(utf8, n);
    int at = (int)floor(x) - (anchor == ANCHOR_MIDDLE ? w / 2 : anchor == ANCHOR_RIGHT ? w : 0);
    if (anchor == ANCHOR_MIDDLE && at + w > clip.x + clip.w)
        at = clip.x + clip.w - w;
    if (anchor == ANCHOR_MIDDLE && at < clip.x)
        at = clip.x;
    grid_text(c->grid, seen(c, clip), at, (int)floor(row), pen_style(c, pen), utf8, n);
}

/* ---- dots */
static bool dash_on(enum dash dash, int phase, bool coarse)
{
    switch (dash) {
    case DASH_DOTTED: return coarse || phase % 2 == 0;
    case DASH_DASHED: return phase % 6 < 4;
    case DASH_DASHDOT: return phase % 6 < 3 || phase % 6 == 4;
    case DASH_REFERENCE: return phase % (coarse ? 2 : 4) == 0;
    default: return true;
    }
}

static unsigned dot_bit(const struct canvas_cells *c, int dx, int dy)
{
    static const uint8_t braille[4][2] = {{1, 8}, {2, 16}, {4, 32}, {64, 128}};
    int x = dx - floor_div(dx, c->mx) * c->mx, y = dy - floor_div(dy, c->my) * c->my;
    unsigned bit = c->glyphs == PLOT_BRAILLE ? braille[y][x] : 1U << (2 * y + x);
    return bit;
}

static void set_dot(struct canvas_cells *c, struct rect clip, int dx, int dy, struct pen pen,
                    char ch)
{
    int x = floor_div(dx, c->mx), y = floor_div(dy, c->my);
    struct mote *m = mote_at(c, x, y);
    if (!m || !rect_has(clip, x, y))
        return;
    if (c->glyphs != PLOT_ASCII)
        m->bits = (uint8_t)((m->bits | dot_bit(c, dx, dy)) & 255);
    else if (m->vertex && ch != m->vertex)
        return; /* values stand above what joins them */
    else
        m->bits = (uint8_t)ch;
    m->pen = pen;
}

/* The dot at p, within the clip's own dots; what is far outside stays outside. */
static void dot_of(const struct canvas_cells *c, struct rect clip, struct xy p, int *dx, int *dy)
{
    double x = floor(p.x * c->mx), y = floor(p.y * c->my);
    int x0 = clip.x * c->mx, x1 = (clip.x + clip.w) * c->mx - 1;
    int y0 = clip.y * c->my, y1 = (clip.y + clip.h) * c->my - 1;
    *dx = x <= x0 ? x0 : x >= x1 ? x1 : (int)x;
    *dy = y <= y0 ? y0 : y >= y1 ? y1 : (int)y;
}

static char joint(struct pen pen, int dx, int dy)
{
    static const char other[N_DASHES] = {'-', '.', '~', ':', '.'};
    if (pen.dash != DASH_SOLID)
        return other[pen.dash];
    int ax = abs(dx), ay = abs(dy);
    if (ax >= 3 * ay)
        return '-';
    if (ay >= 3 * ax)
        return '|';
    return (dx > 0) == (dy > 0) ? '\\' : '/';
}

static void segment(struct canvas_cells *c, struct rect clip, struct xy a, struct xy b,
                    struct pen pen, int *phase)
{
    int x, y, x1, y1;
    dot_of(c, clip, a, &x, &y);
    dot_of(c, clip, b, &x1, &y1);
    int dx = abs(x1 - x), dy = abs(y1 - y), sx = x < x1 ? 1 : -1, sy = y < y1 ? 1 : -1;
    char ch = joint(pen, x1 - x, y1 - y);
    for (int error = dx - dy;;) {
        if (dash_on(pen.dash, *phase, c->mx == 1))
            set_dot(c, clip, x, y, pen, ch);
        if (x == x1 && y == y1)
            break;
        ++*phase;
        int twice = 2 * error;
        if (twice > -dy) {
            error -= dy;
            x += sx;
        }
        if (twice < dx) {
            error += dx;
            y += sy;
        }
    }
}

static void cells_line(struct canvas *canvas, struct rect clip, const struct xy *p, size_t n,
                       struct pen pen, const char *title)
{
    (void)title;
    int phase = 0;
    for (size_t i = 1; i < n; i++)
        segment(cells_of(canvas), clip, p[i - 1], p[i], pen, &phase);
}

static void cells_band(struct canvas *canvas, struct rect clip, const struct xy *lo,
                       const struct xy *hi, size_t n, struct pen pen)
{
    struct canvas_cells *c = cells_of(canvas);
    double spacing = n > 1 ? (lo[n - 1].x - lo[0].x) / (double)(n - 1) : 10;
    if (spacing < 1.5) { /* bars would make one block: the edges alone */
        pen.dash = DASH_REFERENCE;
        cells_line(canvas, clip, lo, n, pen, NULL);
        cells_line(canvas, clip, hi, n, pen, NULL);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        int x, y0, y1;
        dot_of(c, clip, hi[i], &x, &y0);
        dot_of(c, clip, lo[i], &x, &y1);
        /* The ends always, between them every other dot: an interval, not a line. */
        for (int y = y0; y <= y1; y++)
            if (c->my == 1 || y == y1 || (y - y0) % 2 == 0)
                set_dot(c, clip, x, y, pen, ':');
    }
}

/* Where two series meet neither hides the other. */
static void put_sign(struct canvas_cells *c, struct rect clip, int x, int y, struct pen pen)
{
    static const char *const sign[CANVAS_COLORS] = {"●", "○", "◆", "◇"};
    struct mote *m = mote_at(c, x, y);
    const uint8_t own = (uint8_t)(pen.dash % CANVAS_COLORS + 1);
    if (!m || !rect_has(clip, x, y))
        return;
    const bool shared = m->vertex != 0 && m->vertex != own;
    m->vertex = shared ? UINT8_MAX : own;
    grid_put(c->grid, seen(c, clip), x, y,
             pen_style(c, shared ? (struct pen){.ink = INK_TEXT} : pen),
             shared ? "◐" : sign[own - 1], 1);
}

static void cells_dot(struct canvas *canvas, struct rect clip, struct xy p, enum dot kind,
                      struct pen pen, const char *title)
{
    static const char vertex[CANVAS_COLORS] = {'*', 'o', '+', 'x'};
    struct canvas_cells *c = cells_of(canvas);
    int x, y;
    (void)title;
    dot_of(c, clip, p, &x, &y);
    if (kind == DOT_SIGN && c->glyphs != PLOT_ASCII) {
        put_sign(c, clip, floor_div(x, c->mx), floor_div(y, c->my), pen);
        return;
    }
    if (c->glyphs == PLOT_ASCII) {
        struct mote *m = mote_at(c, x, y);
        char ch = vertex[pen.dash % CANVAS_COLORS];
        if (m && rect_has(clip, x, y))
            m->vertex = (uint8_t)ch;
        set_dot(c, clip, x, y, pen, ch);
        return;
    }
    if (kind == DOT_VERTEX)
        return;
    /* Clouds: one dot, a pair side by side, a pair on each other, four: colour is not all. */
    int shape = kind == DOT_ALONE ? 3 : pen.dash % CANVAS_COLORS;
    set_dot(c, clip, x, y, pen, 0);
    if (shape & 1)
        set_dot(c, clip, x ^ 1, y, pen, 0);
    if (shape & 2)
        set_dot(c, clip, x, y ^ 1, pen, 0);
    if (shape == 3)
        set_dot(c, clip, x ^ 1, y ^ 1, pen, 0);
}

/* ---- bars */
static const char *const upper[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
static const char *const wider[] = {" ", "▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"};

static const char *ascii_bar(const struct pen *pen, enum side side, int eighths)
{
    static const char *const full[] = {"#", "=", "+", "%"};
    static const char *const part[][3] = {
        {".", ":", "#"}, {"'", "\"", "="}, {" ", "#", "#"}, {" ", "#", "#"}};
    if (eighths >= 8)
        return full[pen->color % CANVAS_COLORS];
    const char *s = part[side][eighths < 3 ? 0 : eighths < 6 ? 1 : 2];
    return *s == '#' || *s == '=' ? full[pen->color % CANVAS_COLORS] : s;
}

/* Glyphs grow from below and from the left only: the other two are the rest of the cell in
 * reverse. */
static void put_eighths(struct canvas_cells *c, struct rect clip, int x, int y, enum side side,
                        int eighths, struct pen pen)
{
    struct style style = pen_style(c, pen);
    const char *glyph;
    if (c->glyphs == PLOT_ASCII) {
        glyph = ascii_bar(&pen, side, eighths);
    } else if (eighths >= 8 || side == SIDE_UP || side == SIDE_RIGHT) {
        glyph = (side == SIDE_UP || side == SIDE_DOWN ? upper : wider)[eighths];
    } else {
        glyph = (side == SIDE_DOWN ? upper : wider)[8 - eighths];
        style.attr ^= ATTR_REVERSE;
    }
    grid_put(c->grid, seen(c, clip), x, y, style, glyph, 1);
    struct mote *m = mote_at(c, x, y);
    if (m && rect_has(clip, x, y)) {
        m->fill = (uint8_t)eighths;
        m->fill_pen = pen;
    }
}

/* Eighths from a base at a cell's edge. A bar along a row is never nothing; upright ones may be, or
 * a tail would look like an axis. */
static int eighths_of(double length, bool upright)
{
    int n = (int)fmin(1e6, round(length * 8));
    return !upright && length > 0 && n < 1 ? 1 : n;
}

static void cells_bar(struct canvas *canvas, struct rect clip, struct box b, enum side side,
                      bool faint, struct pen pen, const char *title)
{
    struct canvas_cells *c = cells_of(canvas);
    bool upright = side == SIDE_UP || side == SIDE_DOWN;
    (void)title;
    (void)faint;
    int from = (int)round(upright ? b.x0 : b.y0), to = (int)round(upright ? b.x1 : b.y1);
    to = to > from ? to : from + 1;
    int left = eighths_of(upright ? b.y1 - b.y0 : b.x1 - b.x0, upright);
    int at = (int)round(side == SIDE_UP     ? b.y1
                        : side == SIDE_DOWN ? b.y0
                        : side == SIDE_LEFT ? b.x1
                                            : b.x0);
    int step = side == SIDE_UP || side == SIDE_LEFT ? -1 : 1;
    for (at = step < 0 ? at - 1 : at; left > 0; at += step, left -= 8)
        for (int i = from; i < to; i++)
            put_eighths(c, clip, upright ? i : at, upright ? at : i, side, left < 8 ? left : 8,
                        pen);
}

static void cells_whisker(struct canvas *canvas, struct rect clip, double x0, double x1, int row,
                          struct pen pen)
{
    struct canvas_cells *c = cells_of(canvas);
    bool ascii = c->glyphs == PLOT_ASCII;
    int from = (int)floor(x0), to = (int)ceil(x1) - 1;
    from = from < clip.x ? clip.x : from;
    to = to < from ? from : to >= clip.x + clip.w ? clip.x + clip.w - 1 : to;
    for (int x = from; x <= to; x++) {
        const struct mote *m = mote_at(c, x, row);
        struct style style = pen_style(c, pen);
        if (m && m->fill >= 4 && !ascii)
            style.attr ^= ATTR_REVERSE;
        const char *glyph = from == to  ? ascii ? "|" : "┼"
                            : x == from ? ascii ? "|" : "├"
                            : x == to   ? ascii ? "|" : "┤"
                            : ascii     ? "-"
                                        : "─";
        grid_put(c->grid, seen(c, clip), x, row, style, glyph, 1);
    }
}

/* ---- heat */
static void cells_tile(struct canvas *canvas, struct rect r, const struct tile *t,
                       const char *title)
{
    static const char *const shade[2][6] = {{" ", "░", "▒", "▓", "█", "█"},
                                            {" ", "╌", "─", "═", "≡", "▤"}};
    static const char *const ascii_shade[2][6] = {{" ", ".", ":", "+", "*", "#"},
                                                  {" ", "-", "~", "=", "%", "@"}};
    struct canvas_cells *c = cells_of(canvas);
    (void)title;
    const struct rect clip = seen(c, r);
    if (isnan(t->share)) {
        grid_put(c->grid, clip, r.x + (r.w - 1) / 2, r.y + (r.h - 1) / 2,
                 pen_style(c, (struct pen){.ink = INK_DIM}), c->glyphs == PLOT_ASCII ? " " : "·",
                 1);
        return;
    }
    int level = theme_level(c->theme, t->share, INT32_MIN);
    struct style style =
        t->diverging ? theme_diverging(c->theme, level) : theme_sequential(c->theme, abs(level));
    int step = (int)fmin(5, ceil(fabs(t->share) * 4.999));
    const char *glyph = " ";
    if (!t->text) { /* no room for the number: a shade, lines for what is negative */
        glyph = (c->glyphs == PLOT_ASCII ? ascii_shade : shade)[t->share < 0][step];
        style.attr = 0;
        if (t->share > 0 && style.bg >= 0)
            style = (struct style){style.bg, COLOR_DEFAULT, 0};
    }
    for (int y = r.y; y < r.y + r.h; y++)
        for (int x = r.x; x < r.x + r.w; x++)
            grid_put(c->grid, clip, x, y, style, glyph, 1);
    if (t->text) {
        int n = text_columns(t->text, strlen(t->text));
        grid_text(c->grid, clip, r.x + (r.w - n) / 2, r.y + (r.h - 1) / 2, style, t->text,
                  strlen(t->text));
    }
}

/* ---- frame */
static void cells_axes(struct canvas *canvas, struct rect inner, const double *x_tick, int n_x,
                       const double *y_tick, int n_y, bool left, bool below, int middle)
{
    struct canvas_cells *c = cells_of(canvas);
    struct style style = pen_style(c, (struct pen){.ink = INK_AXIS});
    bool ascii = c->glyphs == PLOT_ASCII;
    int x = inner.x - 1, y = inner.y + inner.h;
    for (int i = 0; left && i < inner.h; i++)
        grid_put(c->grid, c->view, x, inner.y + i, style, ascii ? "|" : "│", 1);
    for (int i = 0; left && i < n_y; i++) {
        int row = (int)floor(y_tick[i]);
        row = row >= y ? y - 1 : row;
        grid_put(c->grid, c->view, x, row, style, ascii ? "+" : "┤", 1);
    }
    for (int i = 0; below && i < inner.w; i++)
        grid_put(c->grid, c->view, inner.x + i, y, style, ascii ? "-" : "─", 1);
    for (int i = 0; below && i < n_x; i++) {
        int column = (int)floor(x_tick[i]);
        column = column >= inner.x + inner.w ? inner.x + inner.w - 1 : column;
        grid_put(c->grid, c->view, column, y, style, ascii ? "+" : "┬", 1);
    }
    if (left && below)
        grid_put(c->grid, c->view, x, y, style, ascii ? "+" : "└", 1);
    for (int i = 0; middle >= 0 && i < inner.w; i++)
        grid_put(c->grid, c->view, inner.x + i, middle, style, ascii ? "-" : "─", 1);
    if (left && middle >= 0)
        grid_put(c->grid, c->view, x, middle, style, ascii ? "+" : "├", 1);
}

static void cells_marker(struct canvas *canvas, struct rect clip, double x, double row,
                         struct rect over)
{
    struct canvas_cells *c = cells_of(canvas);
    int column = (int)floor(x);
    column = column >= over.x + over.w ? over.x + over.w - 1 : column;
    grid_put(c->grid, seen(c, clip), column, (int)row,
             pen_style(c, (struct pen){.ink = INK_MARKER}), c->glyphs == PLOT_ASCII ? "^" : "▲", 1);
}

/* ---- the raster into cells */
static void put_mote(struct canvas_cells *c, int x, int y, const struct mote *m)
{
    static const char *const quadrant[] = {" ", "▘", "▝", "▀", "▖", "▌", "▞", "▛",
                                           "▗", "▚", "▐", "▜", "▄", "▙", "▟", "█"};
    char glyph[5] = {0};
    struct style style = pen_style(c, m->pen);
    if (c->glyphs == PLOT_BRAILLE)
        utf8_encode(0x2800 + (uint32_t)m->bits, glyph);
    else if (c->glyphs == PLOT_BLOCKS)
        memcpy(glyph, quadrant[m->bits & 15], strlen(quadrant[m->bits & 15]));
    else
        glyph[0] = (char)m->bits;
    if (m->fill >= 4 && c->glyphs != PLOT_ASCII) { /* cut out of the bar behind it */
        style = pen_style(c, m->fill_pen);
        style.attr ^= ATTR_REVERSE;
    }
    grid_put(c->grid, c->view, x, y, style, glyph, 1);
}

static void put_ascii(struct canvas_cells *c, int x, int y)
{
    const struct cell *cell = &c->grid->cell[(size_t)y * (size_t)c->grid->w + (size_t)x];
    const char *s = cell->glyph;
    while (*s && !((unsigned char)*s & 0x80))
        s++;
    if (!*s)
        return;
    char glyph[2] = {glyph_ascii(cell->glyph), 0};
    grid_put(c->grid, c->view, x, y, cell->style, glyph, 1);
}

void canvas_cells_free(struct canvas_cells *c)
{
    for (int y = c->view.y; y < c->view.y + c->view.h; y++)
        for (int x = c->view.x; x < c->view.x + c->view.w; x++) {
            const struct mote *m = mote_at(c, x, y);
            if (m->bits)
                put_mote(c, x, y, m);
            if (c->glyphs == PLOT_ASCII)
                put_ascii(c, x, y);
        }
    free(c->mote);
    free(c);
}

static const struct canvas_ops cells_ops = {
    .text = cells_text,
    .line = cells_line,
    .band = cells_band,
    .dot = cells_dot,
    .bar = cells_bar,
    .whisker = cells_whisker,
    .tile = cells_tile,
    .axes = cells_axes,
    .marker = cells_marker,
};

struct canvas_cells *canvas_cells_new(struct grid *g, struct rect r, const struct theme *theme,
                                      enum plot_glyphs glyphs)
{
    struct canvas_cells *c = xcalloc(1, sizeof *c);
    *c = (struct canvas_cells){
        .canvas = {.ops = &cells_ops, .ascii = glyphs == PLOT_ASCII},
        .grid = g,
        .view = common((struct rect){0, 0, g->w, g->h}, r),
        .theme = theme,
        .glyphs = glyphs,
        .mx = glyphs == PLOT_ASCII ? 1 : 2,
        .my = glyphs == PLOT_ASCII    ? 1
              : glyphs == PLOT_BLOCKS ? 2
                                      : 4,
    };
    c->mote = xcalloc((size_t)c->view.w * (size_t)c->view.h + 1, sizeof *c->mote);
    return c;
}

struct canvas *canvas_of_cells(struct canvas_cells *c)
{
    return &c->canvas;
}

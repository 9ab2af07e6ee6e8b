#include "tui/term/grid.h"
#include "engine/base/memory.h"
#include "engine/base/strbuf.h"
#include "engine/text/utf8.h"
#include "tui/term/glyph.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct rect intersect(struct rect a, struct rect b)
{
    int64_t x0 = a.x > b.x ? a.x : b.x, y0 = a.y > b.y ? a.y : b.y;
    int64_t ax = (int64_t)a.x + a.w, bx = (int64_t)b.x + b.w, ay = (int64_t)a.y + a.h,
            by = (int64_t)b.y + b.h;
    int64_t x1 = ax < bx ? ax : bx, y1 = ay < by ? ay : by;
    if (a.w <= 0 || a.h <= 0 || b.w <= 0 || b.h <= 0 || x1 <= x0 || y1 <= y0)
        return (struct rect){(int)x0, (int)y0, 0, 0};
    return (struct rect){(int)x0, (int)y0, (int)(x1 - x0), (int)(y1 - y0)};
}

static struct rect grid_clip(const struct grid *g, struct rect r)
{
    return intersect((struct rect){0, 0, g->w, g->h}, r);
}

static void cell_set(struct cell *c, const char *glyph, size_t n, struct style style)
{
    if (n >= GRID_GLYPH_MAX)
        n = 0;
    memset(c->glyph, 0, sizeof c->glyph);
    memcpy(c->glyph, glyph, n);
    c->style = style;
}

/* Half of a wide cluster can't stay: what covers the other half leaves a blank. */
static void break_wide(struct grid *g, int x, int y)
{
    struct cell *row = g->cell + (size_t)y * (size_t)g->w;
    if (!row[x].glyph[0] && x > 0)
        cell_set(&row[x - 1], " ", 1, row[x - 1].style);
    if (x + 1 < g->w && !row[x + 1].glyph[0])
        cell_set(&row[x + 1], " ", 1, row[x + 1].style);
}

void grid_init(struct grid *g, int w, int h, struct style style)
{
    *g = (struct grid){.cursor_x = -1, .cursor_y = -1};
    grid_resize(g, w, h, style);
}

void grid_release(struct grid *g)
{
    free(g->cell);
    *g = (struct grid){.cursor_x = -1, .cursor_y = -1};
}

void grid_resize(struct grid *g, int w, int h, struct style style)
{
    w = w > 0 ? w : 0;
    h = h > 0 ? h : 0;
    if (w != g->w || h != g->h || !g->cell) {
        free(g->cell);
        g->cell = xcalloc((size_t)w * (size_t)h + 1, sizeof *g->cell);
    }
    g->w = w;
    g->h = h;
    g->cursor_x = g->cursor_y = -1;
    grid_fill(g, (struct rect){0, 0, w, h}, style);
}

void grid_fill(struct grid *g, struct rect r, struct style style)
{
    r = grid_clip(g, r);
    for (int y = r.y; y < r.y + r.h; y++) {
        if (r.w > 0) {
            break_wide(g, r.x, y);
            break_wide(g, r.x + r.w - 1, y);
        }
        for (int x = r.x; x < r.x + r.w; x++)
            cell_set(&g->cell[(size_t)y * (size_t)g->w + (size_t)x], " ", 1, style);
    }
}

/* A piece of a cluster that is one base and its marks; `clip` lies within the grid. */
static void put_piece(struct grid *g, struct rect clip, int x, int y, struct style style,
                      const char *glyph, size_t n, int width)
{
    bool left = x >= clip.x && x < clip.x + clip.w;
    bool right = width == 2 && x + 1 >= clip.x && x + 1 < clip.x + clip.w;
    if (y < clip.y || y >= clip.y + clip.h || (!left && !right))
        return;
    bool whole = left && (width == 1 || right);
    struct cell *row = g->cell + (size_t)y * (size_t)g->w;
    if (left)
        break_wide(g, x, y);
    if (right)
        break_wide(g, x + 1, y);
    if (left)
        cell_set(&row[x], whole ? glyph : " ", whole ? n : 1, style);
    if (right)
        cell_set(&row[x + 1], whole ? "" : " ", whole ? 0 : 1, style);
}

void grid_put(struct grid *g, struct rect clip, int x, int y, struct style style, const char *glyph,
              int width)
{
    clip = grid_clip(g, clip);
    size_t n = strlen(glyph), begin = 0;
    int column = 0;
    while (begin < n && column < width) {
        size_t len, end;
        int piece = glyph_code_width(utf8_decode(glyph + begin, n - begin, &len, NULL));
        piece = piece < 1 ? 1 : piece;
        for (end = begin + len; end < n; end += len)
            if (glyph_code_width(utf8_decode(glyph + end, n - end, &len, NULL)) != 0)
                break;
        if (piece <= width - column && x <= g->w - column)
            put_piece(g, clip, x + column, y, style, glyph + begin, end - begin, piece);
        column += piece;
        begin = end;
    }
}

int grid_text(struct grid *g, struct rect clip, int x, int y, struct style style, const char *utf8,
              size_t n)
{
    clip = grid_clip(g, clip);
    int64_t column = x, edge = (int64_t)clip.x + clip.w;
    while (n && column < edge) {
        int columns;
        char glyph[GRID_GLYPH_MAX];
        size_t len = text_cluster(utf8, n, &columns, glyph);
        if (column + columns > clip.x)
            grid_put(g, clip, (int)column, y, style, glyph, columns);
        column += columns;
        utf8 += len;
        n -= len;
    }
    return (int)(column < edge || edge < x ? column : edge);
}

int grid_text_cut(struct grid *g, struct rect clip, int x, int y, struct style style,
                  const char *utf8, size_t n, bool ascii)
{
    const char *mark = ascii ? ".." : "…";
    int room = clip.x + clip.w - x, end = room - text_columns(mark, strlen(mark)), used = 0,
        columns;
    char glyph[GRID_GLYPH_MAX];
    size_t kept = 0;
    if (text_columns(utf8, n) <= room)
        return grid_text(g, clip, x, y, style, utf8, n);
    for (size_t len; kept < n; kept += len, used += columns) {
        len = text_cluster(utf8 + kept, n - kept, &columns, glyph);
        if (used + columns > end)
            break;
    }
    x = grid_text(g, clip, x, y, style, utf8, kept);
    return grid_text(g, clip, x, y, style, mark, strlen(mark));
}

int grid_printf(struct grid *g, struct rect clip, int x, int y, struct style style,
                const char *format, ...)
{
    char line[512];
    va_list ap, again;
    va_start(ap, format);
    va_copy(again, ap);
    int n = vsnprintf(line, sizeof line, format, ap);
    va_end(ap);
    if (n >= (int)sizeof line) {
        char *all = xmalloc((size_t)n + 1);
        vsnprintf(all, (size_t)n + 1, format, again);
        x = grid_text(g, clip, x, y, style, all, (size_t)n);
        free(all);
    } else if (n > 0) {
        x = grid_text(g, clip, x, y, style, line, (size_t)n);
    }
    va_end(again);
    return x;
}

void grid_style(struct grid *g, struct rect r, struct style style)
{
    r = grid_clip(g, r);
    for (int y = r.y; y < r.y + r.h; y++)
        for (int x = r.x; x < r.x + r.w; x++)
            g->cell[(size_t)y * (size_t)g->w + (size_t)x].style = style;
}

struct rect rect_inner(struct rect r, int dx, int dy)
{
    struct rect inner = {r.x + dx, r.y + dy, r.w - 2 * dx, r.h - 2 * dy};
    if (r.w <= 2 * dx || r.h <= 2 * dy)
        inner.w = inner.h = 0;
    return inner;
}

bool rect_has(struct rect r, int x, int y)
{
    return x >= r.x && y >= r.y && r.w > 0 && r.h > 0 && x - r.x < r.w && y - r.y < r.h;
}

/* horizontal, vertical, then the corners ┌ ┐ └ ┘ */
static const char *const frame_glyph[2][2][6] = {
    {{"─", "│", "┌", "┐", "└", "┘"}, {"━", "┃", "┏", "┓", "┗", "┛"}},
    {{"-", "|", "+", "+", "+", "+"}, {"=", "!", "#", "#", "#", "#"}},
};

struct rect grid_box(struct grid *g, struct rect r, const char *title, bool focused,
                     const struct theme *theme)
{
    const char *const *line = frame_glyph[theme_ascii(theme)][focused];
    struct style style = theme_style(theme, focused ? ROLE_FOCUS : ROLE_FRAME);
    struct style title_style = theme_style(theme, focused ? ROLE_FOCUS : ROLE_TITLE);
    int right = r.x + r.w - 1, bottom = r.y + r.h - 1;
    if (r.w <= 0 || r.h <= 0)
        return rect_inner(r, 1, 1);
    for (int x = r.x; x <= right; x++) {
        grid_put(g, r, x, r.y, style, x == r.x ? line[2] : x == right ? line[3] : line[0], 1);
        if (bottom > r.y)
            grid_put(g, r, x, bottom, style,
                     x == r.x     ? line[4]
                     : x == right ? line[5]
                                  : line[0],
                     1);
    }
    for (int y = r.y + 1; y < bottom; y++) {
        grid_put(g, r, r.x, y, style, line[1], 1);
        if (right > r.x)
            grid_put(g, r, right, y, style, line[1], 1);
    }
    if (title && *title && r.w > 4) {
        struct rect room = {r.x + 1, r.y, r.w - 2, 1};
        int x = grid_text(g, room, r.x + 1, r.y, style, " ", 1);
        room.w -= 1;
        x = grid_text_cut(g, room, x, r.y, title_style, title, strlen(title), theme_ascii(theme));
        room.w += 1;
        grid_text(g, room, x, r.y, style, " ", 1);
    }
    return rect_inner(r, 1, 1);
}

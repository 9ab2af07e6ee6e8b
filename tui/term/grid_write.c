#include "engine/base/strbuf.h"
#include "tui/term/grid.h"
#include "tui/term/shapes.h"
#include <string.h>

#define CELL_W 9 /* pixels of a cell in a picture */
#define CELL_H 19
#define BASELINE 14
#define FONT_SIZE 15

static const struct style plain = {COLOR_DEFAULT, COLOR_DEFAULT, 0};

static const struct cell *row_of(const struct grid *g, int y)
{
    return g->cell + (size_t)y * (size_t)g->w;
}

/* Columns up to the last that shows anything; `styles`: a background shows too. */
static int used_columns(const struct grid *g, int y, bool styles)
{
    const struct cell *row = row_of(g, y);
    int n = g->w;
    while (n > 0) {
        const struct cell *c = &row[n - 1];
        if (strcmp(c->glyph, " ") != 0 ||
            (styles && (c->style.bg >= 0 || c->style.attr & (ATTR_REVERSE | ATTR_UNDERLINE))))
            break;
        n--;
    }
    return n;
}

void grid_write_text(const struct grid *g, struct strbuf *out)
{
    for (int y = 0; y < g->h; y++) {
        const struct cell *row = row_of(g, y);
        int n = used_columns(g, y, false);
        for (int x = 0; x < n; x++)
            strbuf_adds(out, row[x].glyph);
        if (y + 1 < g->h)
            strbuf_addc(out, '\n');
    }
}

static void add_color(struct strbuf *out, int32_t color, int base)
{
    if (color < 0)
        return;
    if (color < 8)
        strbuf_addf(out, ";%d", base + color);
    else if (color < 16)
        strbuf_addf(out, ";%d", base + 60 + color - 8);
    else if (color < 256)
        strbuf_addf(out, ";%d;5;%d", base + 8, color);
    else
        strbuf_addf(out, ";%d;2;%d;%d;%d", base + 8, color >> 16 & 255, color >> 8 & 255,
                    color & 255);
}

static void add_sgr(struct strbuf *out, struct style s)
{
    static const struct {
        uint8_t attr;
        const char *code;
    } attr[] = {{ATTR_BOLD, ";1"},
                {ATTR_DIM, ";2"},
                {ATTR_ITALIC, ";3"},
                {ATTR_UNDERLINE, ";4"},
                {ATTR_REVERSE, ";7"}};
    strbuf_adds(out, "\033[0");
    for (size_t i = 0; i < sizeof attr / sizeof *attr; i++)
        if (s.attr & attr[i].attr)
            strbuf_adds(out, attr[i].code);
    add_color(out, s.fg, 30);
    add_color(out, s.bg, 40);
    strbuf_addc(out, 'm');
}

void grid_write_ansi(const struct grid *g, struct strbuf *out)
{
    for (int y = 0; y < g->h; y++) {
        const struct cell *row = row_of(g, y);
        struct style now = plain;
        int n = used_columns(g, y, true);
        for (int x = 0; x < n; x++) {
            if (!style_equal(row[x].style, now))
                add_sgr(out, row[x].style);
            now = row[x].style;
            strbuf_adds(out, row[x].glyph);
        }
        if (!style_equal(now, plain))
            strbuf_adds(out, "\033[0m");
        strbuf_addc(out, '\n');
    }
}

/* --- SVG --- */

static void add_escaped(struct strbuf *out, const char *s)
{
    for (; *s; s++) {
        switch (*s) {
        case '&': strbuf_adds(out, "&amp;"); break;
        case '<': strbuf_adds(out, "&lt;"); break;
        case '>': strbuf_adds(out, "&gt;"); break;
        case '"': strbuf_adds(out, "&quot;"); break;
        default: strbuf_addc(out, (unsigned char)*s < ' ' ? ' ' : *s);
        }
    }
}

struct look {
    uint32_t fg, bg;
};

static struct look look_of(const struct theme *theme, struct style s)
{
    struct look l = {theme_rgb(theme, s.fg, false), theme_rgb(theme, s.bg, true)};
    return s.attr & ATTR_REVERSE ? (struct look){l.bg, l.fg} : l;
}

/* One past the last column from x on with the same background, or (`text`) the same style. */
static int run_end(const struct grid *g, const struct theme *theme, int x, int y, bool text)
{
    const struct cell *row = row_of(g, y);
    uint32_t bg = look_of(theme, row[x].style).bg;
    int end = x + 1;
    while (end < g->w && (text ? style_equal(row[end].style, row[x].style)
                               : look_of(theme, row[end].style).bg == bg))
        end++;
    return end;
}

static void add_backgrounds(const struct grid *g, const struct theme *theme, int y,
                            struct strbuf *out)
{
    const struct cell *row = row_of(g, y);
    uint32_t page = theme_rgb(theme, COLOR_DEFAULT, true);
    for (int x = 0; x < g->w;) {
        int end = run_end(g, theme, x, y, false);
        uint32_t bg = look_of(theme, row[x].style).bg;
        if (bg != page)
            strbuf_addf(out,
                        "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"#%06x\"/>\n",
                        x * CELL_W, y * CELL_H, (end - x) * CELL_W, CELL_H, (unsigned)bg);
        x = end;
    }
}

static bool is_shape(const char *glyph)
{
    struct shape_rect r[SHAPE_MAX];
    return (unsigned char)glyph[0] >= 0xe2 && shape_rects(glyph, 0, 0, 8, 8, r) > 0;
}

/* Neighbours of the same glyph and style are one rectangle, where the glyph fills its cell's width.
 */
static int alike(const struct grid *g, int x, int y)
{
    const struct cell *row = row_of(g, y);
    struct shape_rect r[SHAPE_MAX];
    int end = x + 1;
    bool wide =
        shape_rects(row[x].glyph, 0, 0, CELL_W, CELL_H, r) >= 1 && r[0].x <= 0 &&
        (r[0].w >= CELL_W || strcmp(row[x].glyph, "─") == 0 || strcmp(row[x].glyph, "━") == 0);
    while (wide && end < g->w && strcmp(row[end].glyph, row[x].glyph) == 0 &&
           style_equal(row[end].style, row[x].style))
        end++;
    return end;
}

static void add_shapes(const struct grid *g, const struct theme *theme, int y, struct strbuf *out)
{
    const struct cell *row = row_of(g, y);
    for (int x = 0, end; x < g->w; x = end) {
        struct shape_rect r[SHAPE_MAX];
        end = alike(g, x, y);
        int n = is_shape(row[x].glyph) ? shape_rects(row[x].glyph, x * CELL_W, y * CELL_H,
                                                     (end - x) * CELL_W, CELL_H, r)
                                       : 0;
        for (int i = 0; i < n; i++)
            strbuf_addf(out,
                        "<rect x=\"%.6g\" y=\"%.6g\" width=\"%.6g\" height=\"%.6g\" "
                        "fill=\"#%06x\"%s/>\n",
                        r[i].x, r[i].y, r[i].w, r[i].h, (unsigned)look_of(theme, row[x].style).fg,
                        row[x].style.attr & ATTR_DIM ? " fill-opacity=\"0.6\"" : "");
    }
}

static void add_run(const struct grid *g, const struct theme *theme, int x, int end, int y,
                    struct strbuf *out)
{
    const struct cell *row = row_of(g, y);
    struct style s = row[x].style;
    /* textLength keeps columns in line whatever font is found. */
    strbuf_addf(out, "<tspan x=\"%d\" textLength=\"%d\" fill=\"#%06x\"", x * CELL_W,
                (end - x) * CELL_W, (unsigned)look_of(theme, s).fg);
    if (s.attr & ATTR_BOLD)
        strbuf_adds(out, " font-weight=\"bold\"");
    if (s.attr & ATTR_ITALIC)
        strbuf_adds(out, " font-style=\"italic\"");
    if (s.attr & ATTR_UNDERLINE)
        strbuf_adds(out, " text-decoration=\"underline\"");
    if (s.attr & ATTR_DIM)
        strbuf_adds(out, " fill-opacity=\"0.6\"");
    strbuf_addc(out, '>');
    for (; x < end; x++)
        add_escaped(out, is_shape(row[x].glyph) ? " " : row[x].glyph);
    strbuf_adds(out, "</tspan>");
}

static void add_text(const struct grid *g, const struct theme *theme, int y, struct strbuf *out)
{
    int n = used_columns(g, y, false);
    const struct cell *row = row_of(g, y);
    if (!n)
        return;
    strbuf_addf(out, "<text y=\"%d\">", y * CELL_H + BASELINE);
    for (int x = 0; x < n;) {
        int end = run_end(g, theme, x, y, true);
        end = end < n ? end : n;
        if (end < g->w && !row[end].glyph[0])
            end++; /* the right half of a wide cluster */
        add_run(g, theme, x, end, y, out);
        x = end;
    }
    strbuf_adds(out, "</text>\n");
}

void grid_write_svg(const struct grid *g, const struct theme *theme, const char *title,
                    struct strbuf *out)
{
    int w = g->w * CELL_W, h = g->h * CELL_H;
    strbuf_addf(out,
                "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 "
                "0 %d %d\" "
                "font-family=\"DejaVu Sans Mono, Menlo, Consolas, monospace\" font-size=\"%d\" "
                "xml:space=\"preserve\">\n",
                w, h, w, h, FONT_SIZE);
    strbuf_adds(out, "<title>");
    add_escaped(out, title ? title : "");
    strbuf_addf(out, "</title>\n<rect width=\"%d\" height=\"%d\" fill=\"#%06x\"/>\n", w, h,
                (unsigned)theme_rgb(theme, COLOR_DEFAULT, true));
    for (int y = 0; y < g->h; y++)
        add_backgrounds(g, theme, y, out);
    for (int y = 0; y < g->h; y++)
        add_shapes(g, theme, y, out);
    for (int y = 0; y < g->h; y++)
        add_text(g, theme, y, out);
    strbuf_adds(out, "</svg>\n");
}

/* SVG. Colours are classes of one style sheet, each with a plain value before the variable for
 * viewers that know no variables. */
#include "tui/plot/canvas.h"
#include "tui/plot/scale.h"
#include <math.h>
#include <string.h>

static struct canvas_svg *svg_of(struct canvas *c)
{
    return (struct canvas_svg *)c;
}

/* ---- the sheet */
static const struct {
    const char *name, *light, *dark;
} variable[] = {
    {"bg", "#fafafa", "#121212"},   {"fg", "#262626", "#d0d0d0"},   {"dim", "#666666", "#999999"},
    {"axis", "#8c8c8c", "#6c6c6c"}, {"grid", "#e6e6e6", "#2a2a2a"}, {"c1", "#d55e00", "#e69f00"},
    {"c2", "#0072b2", "#56b4e9"},   {"c3", "#00785a", "#2fbf92"},   {"c4", "#a8457f", "#d88bb5"},
    {"p1", "#fce4d5", "#3e2c20"},   {"p2", "#f4c9ac", "#63422a"},   {"p3", "#eaad84", "#8b5834"},
    {"p4", "#df915a", "#b6703c"},   {"p5", "#d37527", "#e28845"},   {"n1", "#daecff", "#233241"},
    {"n2", "#b4d7fb", "#314d69"},   {"n3", "#90c1f4", "#3e6995"},   {"n4", "#6aabed", "#4b87c3"},
    {"n5", "#3f95e6", "#58a6f3"},   {"on", "#000000", "#ffffff"},   {"over", "#000000", "#000000"},
};
#define N_VARIABLES (sizeof variable / sizeof *variable)

static void add_rule(struct strbuf *out, const char *selector, const char *property,
                     const char *name)
{
    for (size_t i = 0; i < N_VARIABLES; i++)
        if (strcmp(variable[i].name, name) == 0)
            strbuf_addf(out, "%s{%s:%s;%s:var(--%s)}\n", selector, property, variable[i].light,
                        property, name);
}

static void add_sheet(struct strbuf *out)
{
    strbuf_adds(out, "<style>\nsvg{");
    for (size_t i = 0; i < N_VARIABLES; i++)
        strbuf_addf(out, "--%s:%s;", variable[i].name, variable[i].light);
    strbuf_adds(out, "color-scheme:light dark}\n@media (prefers-color-scheme: dark){svg{");
    for (size_t i = 0; i < N_VARIABLES; i++)
        strbuf_addf(out, "--%s:%s;", variable[i].name, variable[i].dark);
    strbuf_adds(out, "}}\ntext{font-family:ui-monospace,monospace;font-size:13px;white-space:pre}\n"
                     ".title{font-weight:bold}\n");
    add_rule(out, ".bg", "fill", "bg");
    add_rule(out, "text", "fill", "fg");
    add_rule(out, ".dim", "fill", "dim");
    add_rule(out, ".axis", "stroke", "axis");
    add_rule(out, ".grid", "stroke", "grid");
    add_rule(out, ".mark", "fill", "fg");
    add_rule(out, ".ink", "stroke", "fg");
    add_rule(out, ".over", "fill", "over");
    add_rule(out, ".on", "fill", "on");
    for (int i = 1; i <= CANVAS_COLORS; i++) {
        char selector[8] = {'.', 's', (char)('0' + i)}, name[4] = {'c', (char)('0' + i)};
        add_rule(out, selector, "fill", name);
        selector[1] = 'l';
        add_rule(out, selector, "stroke", name);
    }
    for (int i = 1; i <= 10; i++) {
        char name[3] = {i > 5 ? 'n' : 'p', (char)('0' + (i > 5 ? i - 5 : i))};
        char selector[4] = {'.', name[0], name[1]};
        add_rule(out, selector, "fill", name);
    }
    strbuf_adds(out, ".line{fill:none;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}\n"
                     ".thin{fill:none;stroke-width:1}\n.band{fill-opacity:.16}\n"
                     ".faint{fill-opacity:.3}\n.cloud{fill-opacity:.6}\n</style>\n");
}

void svg_escape(struct strbuf *out, const char *utf8, size_t n)
{
    while (n) {
        int columns;
        char glyph[GRID_GLYPH_MAX];
        size_t len = text_cluster(utf8, n, &columns, glyph);
        for (const char *s = glyph; *s; s++) {
            switch (*s) {
            case '&': strbuf_adds(out, "&amp;"); break;
            case '<': strbuf_adds(out, "&lt;"); break;
            case '>': strbuf_adds(out, "&gt;"); break;
            case '"': strbuf_adds(out, "&quot;"); break;
            default: strbuf_addc(out, *s);
            }
        }
        utf8 += len;
        n -= len;
    }
}

void svg_begin(struct strbuf *out, int w, int h, const char *title)
{
    strbuf_addf(out,
                "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 "
                "0 %d %d\" role=\"img\" xml:space=\"preserve\">\n<title>",
                w, h, w, h);
    svg_escape(out, title, strlen(title));
    strbuf_adds(out, "</title>\n");
    add_sheet(out);
    strbuf_addf(out, "<rect class=\"bg\" width=\"%d\" height=\"%d\"/>\n", w, h);
}

void svg_end(struct strbuf *out)
{
    strbuf_adds(out, "</svg>\n");
}

/* ---- pieces */
static void add_px(struct strbuf *out, double v)
{
    char s[NUMBER_MAX];
    size_t n = number_fixed(v, 1, true, s);
    if (n > 2 && strcmp(s + n - 2, ".0") == 0)
        n -= 2;
    strbuf_add(out, s, n);
}

static void attribute(struct strbuf *out, const char *name, double px)
{
    strbuf_addf(out, " %s=\"", name);
    add_px(out, px);
    strbuf_addc(out, '"');
}

static double px_x(const struct canvas_svg *c, double x)
{
    return c->left + x * CANVAS_CELL_W;
}

static double px_y(const struct canvas_svg *c, double y)
{
    return c->top + y * CANVAS_CELL_H;
}

static struct xy inside(const struct canvas_svg *c, struct rect clip, struct xy p)
{
    return (struct xy){px_x(c, fmax(clip.x, fmin(clip.x + clip.w, p.x))),
                       px_y(c, fmax(clip.y, fmin(clip.y + clip.h, p.y)))};
}

static const char *text_class(struct pen pen)
{
    static const char *const name[] = {"", "title", "dim", "dim", "mark"};
    static const char *const series[] = {"s1", "s2", "s3", "s4"};
    return pen.ink == INK_SERIES ? series[pen.color % CANVAS_COLORS] : name[pen.ink];
}

static void end_element(struct strbuf *out, const char *element, const char *title)
{
    if (!title) {
        strbuf_adds(out, "/>\n");
        return;
    }
    strbuf_adds(out, "><title>");
    svg_escape(out, title, strlen(title));
    strbuf_addf(out, "</title></%s>\n", element);
}

static void path_to(struct strbuf *out, char command, struct xy p)
{
    strbuf_addc(out, command);
    add_px(out, p.x);
    strbuf_addc(out, ' ');
    add_px(out, p.y);
}

/* ---- marks */
static void svg_text(struct canvas *canvas, struct rect clip, double x, double row,
                     enum anchor anchor, struct pen pen, const char *utf8, size_t n)
{
    static const char *const names[] = {"start", "middle", "end"};
    struct canvas_svg *c = svg_of(canvas);
    double room = anchor == ANCHOR_LEFT ? clip.x + clip.w - x : clip.w;
    int columns;
    n = text_fit(utf8, n, (int)floor(room), &columns);
    if (!n || row < clip.y - 1 || row >= clip.y + clip.h)
        return;
    const char *class = text_class(pen);
    strbuf_adds(c->out, "<text");
    attribute(c->out, "x", px_x(c, x));
    attribute(c->out, "y", px_y(c, row) + 13);
    if (*class)
        strbuf_addf(c->out, " class=\"%s\"", class);
    if (anchor)
        strbuf_addf(c->out, " text-anchor=\"%s\"", names[anchor]);
    strbuf_addc(c->out, '>');
    svg_escape(c->out, utf8, n);
    strbuf_adds(c->out, "</text>\n");
}

static void svg_line(struct canvas *canvas, struct rect clip, const struct xy *p, size_t n,
                     struct pen pen, const char *title)
{
    static const char *const dashes[N_DASHES] = {"", "7 5", "2 4", "9 4 1.5 4", "1 5"};
    struct canvas_svg *c = svg_of(canvas);
    if (n < 2)
        return;
    if (pen.ink == INK_SERIES)
        strbuf_addf(c->out, "<path class=\"line l%d\"", pen.color % CANVAS_COLORS + 1);
    else
        strbuf_adds(c->out, "<path class=\"line axis\"");
    if (pen.dash != DASH_SOLID)
        strbuf_addf(c->out, " stroke-dasharray=\"%s\"", dashes[pen.dash]);
    if (pen.dash == DASH_REFERENCE)
        strbuf_adds(c->out, " style=\"stroke-width:1.5\"");
    strbuf_adds(c->out, " d=\"");
    for (size_t i = 0; i < n; i++)
        path_to(c->out, i ? 'L' : 'M', inside(c, clip, p[i]));
    strbuf_addc(c->out, '"');
    end_element(c->out, "path", title);
}

static void svg_whisker_upright(struct canvas_svg *c, struct xy lo, struct xy hi, struct pen pen)
{
    strbuf_addf(c->out, "<path class=\"line l%d\" d=\"", pen.color % CANVAS_COLORS + 1);
    path_to(c->out, 'M', (struct xy){lo.x - 4, lo.y});
    path_to(c->out, 'L', (struct xy){lo.x + 4, lo.y});
    path_to(c->out, 'M', lo);
    path_to(c->out, 'L', hi);
    path_to(c->out, 'M', (struct xy){hi.x - 4, hi.y});
    path_to(c->out, 'L', (struct xy){hi.x + 4, hi.y});
    strbuf_adds(c->out, "\"/>\n");
}

static void svg_band(struct canvas *canvas, struct rect clip, const struct xy *lo,
                     const struct xy *hi, size_t n, struct pen pen)
{
    struct canvas_svg *c = svg_of(canvas);
    if (n == 1)
        svg_whisker_upright(c, inside(c, clip, lo[0]), inside(c, clip, hi[0]), pen);
    if (n < 2)
        return;
    strbuf_addf(c->out, "<path class=\"band s%d\" d=\"", pen.color % CANVAS_COLORS + 1);
    for (size_t i = 0; i < n; i++)
        path_to(c->out, i ? 'L' : 'M', inside(c, clip, hi[i]));
    for (size_t i = n; i-- > 0;)
        path_to(c->out, 'L', inside(c, clip, lo[i]));
    strbuf_adds(c->out, "Z\"/>\n");
}

static void svg_dot(struct canvas *canvas, struct rect clip, struct xy p, enum dot kind,
                    struct pen pen, const char *title)
{
    struct canvas_svg *c = svg_of(canvas);
    struct xy at = inside(c, clip, p);
    double r = kind == DOT_SMALL ? 2.5 : 4;
    int shape = pen.dash % CANVAS_COLORS;
    const char *element = shape == 0 ? "circle" : "path";
    strbuf_addf(c->out, "<%s class=\"s%d%s\"", element, pen.color % CANVAS_COLORS + 1,
                kind == DOT_SMALL ? " cloud" : "");
    if (shape == 0) {
        attribute(c->out, "cx", at.x);
        attribute(c->out, "cy", at.y);
        attribute(c->out, "r", r);
    } else {
        static const double corner[][4][2] = {
            {{-.9, -.9}, {.9, -.9}, {.9, .9}, {-.9, .9}},
            {{0, -1.3}, {1.3, 0}, {0, 1.3}, {-1.3, 0}},
            {{0, -1.2}, {1.2, .9}, {-1.2, .9}, {0, -1.2}},
        };
        strbuf_adds(c->out, " d=\"");
        for (int i = 0; i < 4; i++)
            path_to(c->out, i ? 'L' : 'M',
                    (struct xy){at.x + r * corner[shape - 1][i][0],
                                at.y + r * corner[shape - 1][i][1]});
        strbuf_adds(c->out, "Z\"");
    }
    end_element(c->out, element, title);
}

static void add_rect(struct canvas_svg *c, struct xy a, struct xy b)
{
    attribute(c->out, "x", a.x);
    attribute(c->out, "y", a.y);
    attribute(c->out, "width", fmax(.5, b.x - a.x));
    attribute(c->out, "height", fmax(.5, b.y - a.y));
}

static void svg_bar(struct canvas *canvas, struct rect clip, struct box b, enum side side,
                    bool faint, struct pen pen, const char *title)
{
    struct canvas_svg *c = svg_of(canvas);
    struct xy from = inside(c, clip, (struct xy){b.x0, b.y0});
    struct xy to = inside(c, clip, (struct xy){b.x1, b.y1});
    if (side == SIDE_RIGHT || side == SIDE_LEFT) {
        from.y += 2;
        to.y -= 2;
    } else if (to.x - from.x > 4) {
        from.x += .5;
        to.x -= .5;
    }
    strbuf_addf(c->out, "<rect class=\"s%d%s\"", pen.color % CANVAS_COLORS + 1,
                faint ? " faint" : "");
    add_rect(c, from, to);
    end_element(c->out, "rect", title);
}

static void svg_whisker(struct canvas *canvas, struct rect clip, double x0, double x1, int row,
                        struct pen pen)
{
    struct canvas_svg *c = svg_of(canvas);
    struct xy a = inside(c, clip, (struct xy){x0, row + .5});
    struct xy b = inside(c, clip, (struct xy){x1, row + .5});
    (void)pen;
    strbuf_adds(c->out, "<path class=\"thin ink\" d=\"");
    for (int i = 0; i < 2; i++) {
        struct xy end = i ? b : a;
        path_to(c->out, 'M', (struct xy){end.x, end.y - 3});
        path_to(c->out, 'L', (struct xy){end.x, end.y + 3});
    }
    path_to(c->out, 'M', a);
    path_to(c->out, 'L', b);
    strbuf_adds(c->out, "\"/>\n");
}

static void svg_tile(struct canvas *canvas, struct rect r, const struct tile *t, const char *title)
{
    struct canvas_svg *c = svg_of(canvas);
    if (isnan(t->share))
        return;
    int level = (int)round(fabs(t->share) * 5);
    level = level > 5 ? 5 : level;
    strbuf_adds(c->out, "<rect");
    if (level > 0)
        strbuf_addf(c->out, " class=\"%c%d\"", t->share < 0 ? 'n' : 'p', level);
    else
        strbuf_adds(c->out, " fill-opacity=\"0\"");
    add_rect(c, (struct xy){px_x(c, r.x) + .5, px_y(c, r.y) + .5},
             (struct xy){px_x(c, r.x + r.w) - .5, px_y(c, r.y + r.h) - .5});
    end_element(c->out, "rect", title);
    if (!t->text)
        return;
    strbuf_addf(c->out, "<text class=\"%s\" text-anchor=\"middle\"",
                level == 0  ? "dim"
                : level > 3 ? "over"
                            : "on");
    attribute(c->out, "x", px_x(c, r.x + r.w / 2.));
    attribute(c->out, "y", px_y(c, r.y + r.h / 2.) + 4.5);
    strbuf_addc(c->out, '>');
    svg_escape(c->out, t->text, strlen(t->text));
    strbuf_adds(c->out, "</text>\n");
}

/* ---- frame */
static void stroke(struct canvas_svg *c, const char *class, struct xy a, struct xy b)
{
    strbuf_addf(c->out, "<path class=\"thin %s\" d=\"", class);
    path_to(c->out, 'M', a);
    path_to(c->out, 'L', b);
    strbuf_adds(c->out, "\"/>\n");
}

static void svg_axes(struct canvas *canvas, struct rect inner, const double *x_tick, int n_x,
                     const double *y_tick, int n_y, bool left, bool below, int middle)
{
    (void)middle;
    struct canvas_svg *c = svg_of(canvas);
    double x0 = px_x(c, inner.x), x1 = px_x(c, inner.x + inner.w);
    double y0 = px_y(c, inner.y), y1 = px_y(c, inner.y + inner.h);
    for (int i = 0; left && i < n_y; i++) {
        double y = px_y(c, y_tick[i]);
        stroke(c, "grid", (struct xy){x0, y}, (struct xy){x1, y});
    }
    for (int i = 0; below && i < n_x; i++) {
        double x = px_x(c, x_tick[i]);
        stroke(c, "axis", (struct xy){x, y1}, (struct xy){x, y1 + 5});
    }
    if (left)
        stroke(c, "axis", (struct xy){x0, y0}, (struct xy){x0, y1});
    if (below)
        stroke(c, "axis", (struct xy){x0, y1}, (struct xy){x1, y1});
}

static void svg_marker(struct canvas *canvas, struct rect clip, double x, double row,
                       struct rect over)
{
    struct canvas_svg *c = svg_of(canvas);
    (void)clip;
    double px = px_x(c, x), y = px_y(c, row) + 5;
    strbuf_adds(c->out, "<path class=\"thin axis\" stroke-dasharray=\"3 3\" d=\"");
    path_to(c->out, 'M', (struct xy){px, px_y(c, over.y)});
    path_to(c->out, 'L', (struct xy){px, px_y(c, over.y + over.h)});
    strbuf_adds(c->out, "\"/>\n<path class=\"mark\" d=\"");
    path_to(c->out, 'M', (struct xy){px, y});
    path_to(c->out, 'L', (struct xy){px + 5, y + 9});
    path_to(c->out, 'L', (struct xy){px - 5, y + 9});
    strbuf_adds(c->out, "Z\"/>\n");
}

static const struct canvas_ops svg_ops = {
    .text = svg_text,
    .line = svg_line,
    .band = svg_band,
    .dot = svg_dot,
    .bar = svg_bar,
    .whisker = svg_whisker,
    .tile = svg_tile,
    .axes = svg_axes,
    .marker = svg_marker,
};

void canvas_svg_init(struct canvas_svg *c, struct strbuf *out, double left, double top)
{
    *c = (struct canvas_svg){{.ops = &svg_ops, .exact = true}, out, left, top};
}

#include "tui/term/shapes.h"
#include <string.h>

struct block { /* in eighths of the cell */
    const char *glyph;
    int x0, y0, x1, y1;
};
static const struct block blocks[] = {
    {"▁", 0, 7, 8, 8}, {"▂", 0, 6, 8, 8}, {"▃", 0, 5, 8, 8}, {"▄", 0, 4, 8, 8},
    {"▅", 0, 3, 8, 8}, {"▆", 0, 2, 8, 8}, {"▇", 0, 1, 8, 8}, {"█", 0, 0, 8, 8},
    {"▏", 0, 0, 1, 8}, {"▎", 0, 0, 2, 8}, {"▍", 0, 0, 3, 8}, {"▌", 0, 0, 4, 8},
    {"▋", 0, 0, 5, 8}, {"▊", 0, 0, 6, 8}, {"▉", 0, 0, 7, 8}, {"▕", 7, 0, 8, 8},
};

struct line { /* arms from the middle: 0 none, 1 light, 2 heavy */
    const char *glyph;
    int left, right, up, down;
};
static const struct line lines[] = {
    {"─", 1, 1, 0, 0}, {"━", 2, 2, 0, 0}, {"│", 0, 0, 1, 1}, {"┃", 0, 0, 2, 2}, {"┌", 0, 1, 0, 1},
    {"┐", 1, 0, 0, 1}, {"└", 0, 1, 1, 0}, {"┘", 1, 0, 1, 0}, {"┏", 0, 2, 0, 2}, {"┓", 2, 0, 0, 2},
    {"┗", 0, 2, 2, 0}, {"┛", 2, 0, 2, 0}, {"├", 0, 1, 1, 1}, {"┤", 1, 0, 1, 1}, {"┬", 1, 1, 0, 1},
    {"┴", 1, 1, 1, 0}, {"┼", 1, 1, 1, 1},
};

static int line_rects(const struct line *l, double x, double y, double w, double h,
                      struct shape_rect out[SHAPE_MAX])
{
    static const double thick[] = {0, 1, 3};
    double cx = x + w / 2, cy = y + h / 2;
    int n = 0;
    if (l->left) /* to beyond the middle, so that corners close */
        out[n++] = (struct shape_rect){x, cy - thick[l->left] / 2, w / 2 + thick[l->left] / 2,
                                       thick[l->left]};
    if (l->right)
        out[n++] = (struct shape_rect){cx - thick[l->right] / 2, cy - thick[l->right] / 2,
                                       w / 2 + thick[l->right] / 2, thick[l->right]};
    if (l->up)
        out[n++] =
            (struct shape_rect){cx - thick[l->up] / 2, y, thick[l->up], h / 2 + thick[l->up] / 2};
    if (l->down)
        out[n++] = (struct shape_rect){cx - thick[l->down] / 2, cy - thick[l->down] / 2,
                                       thick[l->down], h / 2 + thick[l->down] / 2};
    return n;
}

int shape_rects(const char *glyph, double x, double y, double w, double h,
                struct shape_rect out[SHAPE_MAX])
{
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
        if (strcmp(blocks[i].glyph, glyph) == 0) {
            const struct block *b = &blocks[i];
            out[0] = (struct shape_rect){x + w * b->x0 / 8, y + h * b->y0 / 8,
                                         w * (b->x1 - b->x0) / 8, h * (b->y1 - b->y0) / 8};
            return 1;
        }
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        if (strcmp(lines[i].glyph, glyph) == 0)
            return line_rects(&lines[i], x, y, w, h, out);
    return 0;
}

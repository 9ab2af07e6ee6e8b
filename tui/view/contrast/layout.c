/* Where the parts of the Contrast view stand. */
#include "tui/view/contrast/contrast_private.h"

enum { WIDE = 76, HIGH = 18, LEAST_OPEN = 7, LEAST_UNITS = 37, ALL_COLUMNS = 42 };

static void place(struct contrast_layout *l, enum contrast_part p, struct rect r)
{
    l->part[p] = r;
}

/* Points beside the units; below them the other three. */
static void grid_of(struct contrast_layout *l, struct rect r)
{
    const int low = r.h * 2 / 5 < 9 ? 9 : r.h * 2 / 5, top = r.h - low;
    const int units = r.w * 46 / 100 < LEAST_UNITS   ? LEAST_UNITS
                      : r.w * 46 / 100 > ALL_COLUMNS ? ALL_COLUMNS
                                                     : r.w * 46 / 100;
    const int left = r.w - units, third = r.w / 3;
    place(l, PART_POINTS, (struct rect){r.x, r.y, left, top});
    place(l, PART_UNITS, (struct rect){r.x + left, r.y, r.w - left, top});
    place(l, PART_P, (struct rect){r.x, r.y + top, third, low});
    place(l, PART_KEPT, (struct rect){r.x + third, r.y + top, third, low});
    place(l, PART_COMPARE, (struct rect){r.x + 2 * third, r.y + top, r.w - 2 * third, low});
}

/* One open part, the others one line each. */
static void accordion(struct contrast_layout *l, struct rect r, enum contrast_part open)
{
    if (r.h < N_PARTS - 1 + LEAST_OPEN) {
        place(l, open, r);
        return;
    }
    for (int p = 0, y = r.y; p < N_PARTS; p++) {
        const int h = p == (int)open ? r.h - N_PARTS + 1 : 1;
        place(l, (enum contrast_part)p, (struct rect){r.x, y, r.w, h});
        l->folded[p] = p != (int)open;
        y += h;
    }
}

void contrast_layout(struct rect r, enum contrast_part focus, bool zoom,
                     struct contrast_layout *out)
{
    *out = (struct contrast_layout){.frame = r.w >= 24 && r.h >= 6};
    if (r.w <= 0 || r.h <= 0)
        return;
    if (zoom || r.h < 6)
        place(out, focus, r);
    else if (r.w >= WIDE && r.h >= HIGH)
        grid_of(out, r);
    else
        accordion(out, r, focus);
}

struct rect contrast_inner(const struct contrast_layout *l, enum contrast_part p)
{
    return pane_inner(l->part[p], l->frame, l->folded[p]);
}

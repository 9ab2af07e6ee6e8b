/* Where the parts of the Latents view stand. */
#include "tui/view/latents/latents_private.h"

enum { SIDE_BY_SIDE = 70, LEAST_TABLE = 40, LEAST_DETAIL = 36, ALL_DETAILS = 26 };

static int at_most(int v, int max)
{
    return v > max ? max : v;
}

static int at_least(int v, int min)
{
    return v < min ? min : v;
}

static void place(struct latents_layout *l, enum latents_part p, struct rect *left, int h,
                  bool folded)
{
    h = at_most(h, left->h);
    l->part[p] = (struct rect){left->x, left->y, left->w, h};
    l->folded[p] = folded;
    left->y += h;
    left->h -= h;
}

/* One open part, the others one line each. */
static void accordion(struct latents_layout *l, struct rect r, enum latents_part open,
                      enum latents_part first)
{
    int others = N_PARTS - 1 - (int)first;
    if (r.h < others + 8) {
        l->part[open] = r;
        return;
    }
    int h = r.h - others;
    for (enum latents_part p = first; p < N_PARTS; p++)
        place(l, p, &r, p == open ? h : 1, p != open);
}

/* Histogram, examples and lens below each other: all, or the histogram and one more. */
static void details(struct latents_layout *l, struct rect r, enum latents_part last)
{
    bool lens = last == PART_LENS;
    if (r.h >= ALL_DETAILS) {
        int histogram = at_most(r.h * 34 / 100, 18), writes = at_most(r.h * 30 / 100, 14);
        place(l, PART_HISTOGRAM, &r, histogram, false);
        place(l, PART_EXAMPLES, &r, r.h - writes, false);
        place(l, PART_LENS, &r, r.h, false);
    } else if (r.h >= 14) {
        place(l, PART_HISTOGRAM, &r, at_least(r.h * 45 / 100, 7), false);
        place(l, PART_EXAMPLES, &r, lens ? 1 : r.h - 1, lens);
        place(l, PART_LENS, &r, r.h, !lens);
    } else {
        accordion(l, r, last == PART_TABLE ? PART_HISTOGRAM : last, PART_HISTOGRAM);
    }
}

void latents_layout(struct rect r, enum latents_part focus, enum latents_part last, bool zoom,
                    int natural, struct latents_layout *out)
{
    *out = (struct latents_layout){.frame = r.w >= 24 && r.h >= 6};
    last = focus != PART_TABLE ? focus : last;
    if (r.w <= 0 || r.h <= 0)
        return;
    if (zoom || r.h < 6) {
        out->part[focus] = r;
    } else if (r.w >= SIDE_BY_SIDE) {
        int w = at_most(natural, r.w * 54 / 100);
        w = at_most(at_least(w, LEAST_TABLE), r.w - LEAST_DETAIL);
        out->part[PART_TABLE] = (struct rect){r.x, r.y, w, r.h};
        details(out, (struct rect){r.x + w, r.y, r.w - w, r.h}, last);
    } else if (r.h >= 24) {
        struct rect rest = r;
        place(out, PART_TABLE, &rest, r.h / 2, false);
        accordion(out, rest, last == PART_TABLE ? PART_HISTOGRAM : last, PART_HISTOGRAM);
    } else {
        accordion(out, r, focus, PART_TABLE);
    }
}

bool latents_open(const struct latents_layout *l, enum latents_part p)
{
    return l->part[p].w > 0 && l->part[p].h > 0 && !l->folded[p];
}

struct rect latents_inner(const struct latents_layout *l, enum latents_part p)
{
    return pane_inner(l->part[p], l->frame, l->folded[p]);
}

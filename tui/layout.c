#include "tui/layout.h"

static int at_most(int a, int b)
{
    return a < b ? a : b;
}

/* Title above, status and keys below; what is left between them. */
static struct rect bars(struct layout *l, bool title)
{
    int y = 0, below = 2;
    if (title)
        l->title = (struct rect){0, y++, l->w, 1};
    l->status = (struct rect){0, l->h - 2, l->w, 1};
    l->keys = (struct rect){0, l->h - 1, l->w, 1};
    return (struct rect){0, y, l->w, l->h - y - below};
}

/* Text and latents above; histogram, sliders and loss below. Predictions stand below the latents
 * where there is height, else beside the histogram. */
static void full(struct layout *l)
{
    struct rect r = bars(l, true);
    int lower = l->h >= 50 ? 14 : l->h >= 30 ? 11 : 10, upper = r.h - lower;
    int text = l->w >= 120 ? l->w * 3 / 5 : l->w * 56 / 100;
    bool next = l->w >= 120, below = next && upper >= 15;
    int next_h = below ? at_most(upper * 2 / 5, 12) : 0;
    l->pane[PANE_TEXT] = (struct rect){0, r.y, text, upper};
    l->pane[PANE_LATENTS] = (struct rect){text, r.y, l->w - text, upper - next_h};
    if (below)
        l->pane[PANE_NEXT] = (struct rect){text, r.y + upper - next_h, l->w - text, next_h};
    int more = l->w - 80, y = r.y + upper, x = 0; /* the sliders get what the others don't need */
    int loss = at_most(25 + more / 2, 60), histogram = at_most(25 + more / 4, 48);
    if (next && !below) {
        loss = 41;
        l->pane[PANE_NEXT] = (struct rect){0, y, 23, lower};
        x = 23;
        histogram = 26;
    }
    l->pane[PANE_HISTOGRAM] = (struct rect){x, y, histogram, lower};
    x += histogram;
    l->pane[PANE_SLIDERS] = (struct rect){x, y, l->w - loss - x, lower};
    l->pane[PANE_LOSS] = (struct rect){l->w - loss, y, loss, lower};
    l->frame = true;
}

static void accordion(struct layout *l, enum pane focus)
{
    struct rect r = bars(l, l->h >= 14);
    int y = r.y, open = r.h - (N_PANES - 1);
    if (open < 3) { /* too low even for one-line titles */
        l->pane[focus] = r;
        l->frame = r.h >= 3;
        return;
    }
    for (int p = 0; p < N_PANES; p++) {
        int h = p == (int)focus ? open : 1;
        l->pane[p] = (struct rect){0, y, l->w, h};
        l->folded[p] = p != (int)focus;
        y += h;
    }
    l->frame = open >= 3;
}

void layout_compute(struct layout *l, int w, int h, enum pane focus, bool zoom)
{
    *l = (struct layout){.w = w < 1 ? 1 : w, .h = h < 1 ? 1 : h};
    if (l->w < 24 || l->h < 6) {
        l->mode = LAYOUT_TINY;
        int text = l->h > 1 ? l->h - 1 : 1;
        l->pane[PANE_TEXT] = (struct rect){0, 0, l->w, text};
        l->status = (struct rect){0, text, l->w, l->h - text};
    } else if (l->w < 40 || l->h < 8) {
        l->mode = LAYOUT_SINGLE;
        l->pane[focus] = (struct rect){0, 0, l->w, l->h - 1};
        l->status = (struct rect){0, l->h - 1, l->w, 1};
    } else if (l->w < 80 || l->h < 24) {
        l->mode = LAYOUT_ACCORDION;
        accordion(l, focus);
    } else if (zoom) {
        l->mode = LAYOUT_FULL;
        l->pane[focus] = bars(l, true);
        l->frame = true;
    } else {
        l->mode = LAYOUT_FULL;
        full(l);
        if (l->pane[focus].h == 0) { /* the predictions, where there is no room for them */
            struct rect below = l->pane[PANE_HISTOGRAM];
            l->pane[PANE_HISTOGRAM] = (struct rect){0};
            l->pane[focus] = below;
        }
    }
}

bool layout_open(const struct layout *l, enum pane p)
{
    return l->pane[p].h > 0 && l->pane[p].w > 0 && !l->folded[p];
}

bool layout_reachable(const struct layout *l, enum pane p)
{
    if (l->mode == LAYOUT_TINY)
        return p == PANE_TEXT;
    return true;
}

int layout_pane_at(const struct layout *l, int x, int y)
{
    for (int p = 0; p < N_PANES; p++)
        if (l->pane[p].h > 0 && rect_has(l->pane[p], x, y))
            return p;
    return -1;
}

struct rect layout_inner(const struct layout *l, enum pane p)
{
    struct rect r = l->pane[p];
    if (!layout_open(l, p))
        return (struct rect){r.x, r.y, 0, 0};
    return l->frame ? rect_inner(r, 1, 1) : r;
}

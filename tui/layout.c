#include "tui/layout.h"

static int at_most(int a, int b)
{
    return a < b ? a : b;
}

/* Title above, status and keys below; what is left between them. */
void bars_compute(struct bars *b, int w, int h)
{
    *b = (struct bars){.w = w < 1 ? 1 : w, .h = h < 1 ? 1 : h};
    if (b->w < 24 || b->h < 6) {
        b->mode = LAYOUT_TINY;
        int text = b->h > 1 ? b->h - 1 : 1;
        b->inside = (struct rect){0, 0, b->w, text};
        b->status = (struct rect){0, text, b->w, b->h - text};
    } else if (b->w < 40 || b->h < 8) {
        b->mode = LAYOUT_SINGLE;
        b->inside = (struct rect){0, 0, b->w, b->h - 1};
        b->status = (struct rect){0, b->h - 1, b->w, 1};
    } else {
        b->mode = b->w < 80 || b->h < 24 ? LAYOUT_ACCORDION : LAYOUT_FULL;
        int title = b->h >= 14;
        b->title = (struct rect){0, 0, b->w, title};
        b->inside = (struct rect){0, title, b->w, b->h - title - 2};
        b->status = (struct rect){0, b->h - 2, b->w, 1};
        b->keys = (struct rect){0, b->h - 1, b->w, 1};
    }
}

static int at_least(int a, int b)
{
    return a > b ? a : b;
}

static int between(int low, int v, int high)
{
    return at_least(low, at_most(v, high));
}

/* Screen rows of framed panes when all of their rows are seen. */
struct heights {
    int latents, next, sliders, loss;
};

static struct heights heights_of(struct layout_rows want)
{
    return (struct heights){.latents = at_least(want.latents > 0 ? want.latents : 32, 4) + 2,
                            .next = (want.next > 0 ? want.next : 20) + 3,
                            .sliders = (want.sliders > 0 ? want.sliders : 7) + 2,
                            .loss = 13};
}

/* Histogram, sliders and loss side by side; predictions before them unless they have a place. The
 * sliders have what they need to be precise, the histogram what is left. */
static void lower_band(struct layout *l, int y, int h, bool next, struct heights want)
{
    if (!next && h >= want.sliders + want.loss - 4) { /* high enough for one above the other */
        int left = l->pane[PANE_TEXT].w, right = l->w - left;
        l->pane[PANE_HISTOGRAM] = (struct rect){0, y, left, h};
        l->pane[PANE_SLIDERS] = (struct rect){left, y, right, want.sliders};
        l->pane[PANE_LOSS] = (struct rect){left, y + want.sliders, right, h - want.sliders};
        return;
    }
    int more = l->w - 80, x = 0, loss = at_most(25 + more / 2, 60);
    int histogram = at_least(25 + more / 4, l->w - loss - 60);
    if (next) {
        loss = at_most(loss, 41);
        l->pane[PANE_NEXT] = (struct rect){0, y, 23, h};
        x = 23;
        histogram = at_least(26, l->w - loss - x - 60);
    }
    l->pane[PANE_HISTOGRAM] = (struct rect){x, y, histogram, h};
    x += histogram;
    l->pane[PANE_SLIDERS] = (struct rect){x, y, l->w - loss - x, h};
    l->pane[PANE_LOSS] = (struct rect){l->w - loss, y, loss, h};
}

/* Text and latents above; histogram, sliders and loss below. Predictions stand below the latents
 * where there is height, else beside the histogram. */
static void bands(struct layout *l, struct rect r, struct heights want)
{
    int lower = l->h >= 30 ? 11 : 10;
    if (l->h >= 50) /* what the lists don't need */
        lower = between(14, r.h - want.latents - want.next, 24);
    lower = at_least(lower, at_most(want.sliders, r.h * 2 / 5));
    int upper = r.h - lower, text = l->w >= 120 ? l->w * 3 / 5 : l->w * 56 / 100;
    bool next = l->w >= 120 || upper >= 26, below = next && upper >= 15;
    int least = at_most(upper * 2 / 5, 12);
    int next_h = below ? between(least, upper - want.latents, at_least(least, want.next)) : 0;
    l->pane[PANE_TEXT] = (struct rect){0, r.y, text, upper};
    l->pane[PANE_LATENTS] = (struct rect){text, r.y, l->w - text, upper - next_h};
    if (below)
        l->pane[PANE_NEXT] = (struct rect){text, r.y + upper - next_h, l->w - text, next_h};
    lower_band(l, r.y + upper, lower, next && !below, want);
}

enum { LEAST_HISTOGRAM = 14 };

/* Two columns: text, over the histogram if need be, and on the right all that is listed. */
static void columns(struct layout *l, struct rect r, struct heights want)
{
    int left = l->w * 55 / 100, y = r.y, right = l->w - left;
    int sliders = at_most(want.sliders, r.h / 3), rest = r.h - sliders - want.loss;
    int histogram = rest - want.latents - want.next;
    bool beside = histogram >= LEAST_HISTOGRAM;
    int next = between(at_most(rest / 3, want.next), rest - want.latents, want.next),
        latents = rest - next;
    if (beside) { /* the text is what grows without end */
        histogram = at_most(histogram, r.h * 2 / 5);
        next = want.next;
        latents = rest - next - histogram;
        l->pane[PANE_TEXT] = (struct rect){0, r.y, left, r.h};
    } else {
        histogram = between(LEAST_HISTOGRAM, r.h * 2 / 5, 26);
        l->pane[PANE_TEXT] = (struct rect){0, r.y, left, r.h - histogram};
        l->pane[PANE_HISTOGRAM] = (struct rect){0, r.y + r.h - histogram, left, histogram};
    }
    l->pane[PANE_LATENTS] = (struct rect){left, y, right, latents};
    y += latents;
    l->pane[PANE_NEXT] = (struct rect){left, y, right, next};
    y += next;
    if (beside) {
        l->pane[PANE_HISTOGRAM] = (struct rect){left, y, right, histogram};
        y += histogram;
    }
    l->pane[PANE_SLIDERS] = (struct rect){left, y, right, sliders};
    y += sliders;
    l->pane[PANE_LOSS] = (struct rect){left, y, right, r.y + r.h - y};
}

static void full(struct layout *l, struct rect r, struct layout_rows rows)
{
    if (l->w >= 160 && l->h >= 48)
        columns(l, r, heights_of(rows));
    else
        bands(l, r, heights_of(rows));
    l->frame = true;
}

static void accordion(struct layout *l, struct rect r, enum pane focus)
{
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

void layout_compute(struct layout *l, int w, int h, enum pane focus, bool zoom,
                    struct layout_rows rows)
{
    struct bars b;
    bars_compute(&b, w, h);
    *l = (struct layout){
        .w = b.w, .h = b.h, .mode = b.mode, .title = b.title, .status = b.status, .keys = b.keys};
    if (b.mode == LAYOUT_TINY) {
        l->pane[PANE_TEXT] = b.inside;
    } else if (b.mode == LAYOUT_SINGLE) {
        l->pane[focus] = b.inside;
    } else if (b.mode == LAYOUT_ACCORDION) {
        accordion(l, b.inside, focus);
    } else if (zoom) {
        l->pane[focus] = b.inside;
        l->frame = true;
    } else {
        full(l, b.inside, rows);
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

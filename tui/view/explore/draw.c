/* The Explore view drawn. */
#include "tui/view/explore/explore_private.h"
#include <string.h>

/* Underlined, reversed where it is underlined already; a full block hides both, so it is shaded. */
static void draw_changes(const struct drawing *d)
{
    const struct blink *b = &d->ex->blink;
    struct grid *g = d->grid;
    if (!b->changed || b->w != g->w || b->h != g->h)
        return;
    for (int i = 0; i < g->w * g->h; i++) {
        struct cell *c = &g->cell[i];
        if (!b->changed[i])
            continue;
        if (strcmp(c->glyph, "█") == 0)
            memcpy(c->glyph, "▓", sizeof "▓");
        c->style.attr ^= c->style.attr & ATTR_UNDERLINE ? ATTR_REVERSE : ATTR_UNDERLINE;
    }
}

struct drawing explore_drawing(const struct explore *ex, struct grid *g, bool covered)
{
    const struct shared *sh = ex->sh;
    return (struct drawing){.ex = ex,
                            .snap = sh->snapshot,
                            .wb = sh->workbench,
                            .theme = sh->theme,
                            .grid = g,
                            .ascii = theme_ascii(sh->theme),
                            .covered = covered,
                            .here = shared_here(sh, sh->snapshot),
                            .in_force = shared_in_force(sh),
                            .lifted = shared_lifted(sh)};
}

void draw_panes(const struct drawing *d)
{
    draw_text_pane(d);
    draw_latents_pane(d);
    draw_next_pane(d);
    draw_sliders_pane(d);
    draw_histogram_pane(d);
    draw_loss_pane(d);
    draw_changes(d);
}

void explore_draw(const void *view, const struct view_in *in, struct grid *g, struct rect r)
{
    struct drawing d = explore_drawing(view, g, in->covered);
    (void)r; /* the panes stand where the layout has them, for the mouse alike */
    draw_panes(&d);
}

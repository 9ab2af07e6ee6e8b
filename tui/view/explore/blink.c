/* Blink compare: Space lifts the fixed values and puts them back; when the numbers have come, what
 * changed between the two pictures is marked until the next event. */
#include "engine/base/memory.h"
#include "tui/view/explore/explore_private.h"
#include <stdlib.h>
#include <string.h>

static void draw_picture(const struct explore *ex, struct grid *g)
{
    grid_init(g, ex->layout.w, ex->layout.h, theme_style(ex->sh->theme, ROLE_TEXT));
    struct drawing d = explore_drawing(ex, g, false);
    draw_panes(&d);
}

static void release_grid(struct grid *g)
{
    if (g->cell)
        grid_release(g);
    *g = (struct grid){0};
}

void blink_forget(struct explore *ex)
{
    struct blink *b = &ex->blink;
    if (b->changed)
        ex->sh->redraw = true;
    release_grid(&b->before);
    free(b->changed);
    b->changed = NULL;
    b->waiting = false;
}

void blink_flip(struct explore *ex)
{
    struct blink *b = &ex->blink;
    bool lifted = shared_lifted(ex->sh);
    blink_forget(ex);
    if (!lifted && !sliders_any_fixed(&ex->sh->sliders)) {
        shared_message(ex->sh, false, "nothing is fixed: there is nothing to look at without it");
        return;
    }
    if (ex->sh->theme && ex->sh->snapshot) {
        draw_picture(ex, &b->before);
        b->waiting = true;
        b->generation = ex->sh->generation + 1;
        b->event = ex->sh->n_events;
    }
    ex->sh->lift.off = !lifted;
    ex->sh->lift.of = ex->sh->sliders;
    ex->sh->wish_changed = ex->sh->redraw = true;
}

static bool is_complete(const struct explore *ex)
{
    const struct snapshot *s = ex->sh->snapshot;
    return s->generation >= ex->blink.generation && s->tokens.valid && s->latents.valid &&
           s->loss.valid && s->next.valid &&
           (s->refsets.valid || s->n_refsets == 0 || ex->sh->refsets_paused);
}

static bool cell_equal(const struct cell *a, const struct cell *b)
{
    return strcmp(a->glyph, b->glyph) == 0 && style_equal(a->style, b->style);
}

/* Of the sliders only how they look has changed: that is no news. */
static void compare(struct blink *b, struct rect r, const struct grid *after)
{
    for (int y = r.y; y < r.y + r.h && y < b->h; y++)
        for (int x = r.x; x < r.x + r.w && x < b->w; x++) {
            int at = y * b->w + x;
            b->changed[at] = !cell_equal(&b->before.cell[at], &after->cell[at]);
        }
}

void blink_follow(struct explore *ex)
{
    if (ex->blink.event != ex->sh->n_events)
        blink_forget(ex);
}

void blink_compare(struct explore *ex, bool shown)
{
    struct blink *b = &ex->blink;
    struct grid after;
    blink_follow(ex);
    if (!b->waiting || !is_complete(ex))
        return;
    b->waiting = false;
    if (b->before.w == ex->layout.w && b->before.h == ex->layout.h && shown) {
        draw_picture(ex, &after);
        b->w = after.w;
        b->h = after.h;
        b->changed = xcalloc((size_t)after.w * (size_t)after.h, 1);
        for (int p = 0; p < N_PANES; p++)
            if (p != PANE_SLIDERS)
                compare(b, layout_inner(&ex->layout, (enum pane)p), &after);
        grid_release(&after);
        ex->sh->redraw = true;
    }
    release_grid(&b->before);
}

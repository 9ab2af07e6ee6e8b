/* Blink compare: Space lifts the fixed values and puts them back; when the numbers have come, what
 * changed between the two pictures is marked until the next event. */
#include "engine/base/memory.h"
#include "tui/view/explore/explore.h"
#include <stdlib.h>
#include <string.h>

bool explore_lifted(const struct explore *ex)
{
    return ex->blink.off && sliders_equal(&ex->blink.of, &ex->sliders);
}

/* The insertion stays, so that the fixed values are all that changes. */
struct sliders explore_in_force(const struct explore *ex)
{
    struct sliders s = ex->sliders;
    if (!explore_lifted(ex))
        return s;
    s.insert = sliders_insert(&ex->sliders);
    for (int i = 0; i < s.n; i++)
        s.unit[i].fixed = false;
    return s;
}

static void draw_picture(const struct explore *ex, struct grid *g)
{
    grid_init(g, ex->layout.w, ex->layout.h, theme_style(ex->theme, ROLE_TEXT));
    explore_draw(ex, ex->snapshot, ex->workbench, ex->theme, g);
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
        ex->redraw = true;
    release_grid(&b->before);
    free(b->changed);
    b->changed = NULL;
    b->waiting = false;
}

void blink_flip(struct explore *ex)
{
    struct blink *b = &ex->blink;
    bool lifted = explore_lifted(ex);
    blink_forget(ex);
    if (!lifted && !sliders_any_fixed(&ex->sliders)) {
        explore_message(ex, false, "nothing is fixed: there is nothing to look at without it");
        return;
    }
    if (ex->theme && ex->snapshot) {
        draw_picture(ex, &b->before);
        b->waiting = true;
        b->generation = 0;
    }
    b->off = !lifted;
    b->of = ex->sliders;
    ex->wish_changed = ex->redraw = true;
}

void blink_wished(struct explore *ex, uint64_t generation)
{
    if (ex->blink.waiting && ex->blink.generation == 0)
        ex->blink.generation = generation;
}

static bool is_complete(const struct explore *ex)
{
    const struct snapshot *s = ex->snapshot;
    return s->generation >= ex->blink.generation && s->tokens.valid && s->latents.valid &&
           s->loss.valid && s->next.valid &&
           (s->refsets.valid || s->n_refsets == 0 || ex->refsets_paused);
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

void blink_compare(struct explore *ex)
{
    struct blink *b = &ex->blink;
    struct grid after;
    if (!b->waiting || b->generation == 0 || !is_complete(ex))
        return;
    b->waiting = false;
    if (b->before.w == ex->layout.w && b->before.h == ex->layout.h &&
        ex->views.now == VIEW_EXPLORE) {
        draw_picture(ex, &after);
        b->w = after.w;
        b->h = after.h;
        b->changed = xcalloc((size_t)after.w * (size_t)after.h, 1);
        for (int p = 0; p < N_PANES; p++)
            if (p != PANE_SLIDERS)
                compare(b, layout_inner(&ex->layout, (enum pane)p), &after);
        if (ex->layout.mode == LAYOUT_TINY)
            compare(b, ex->layout.status, &after);
        grid_release(&after);
        ex->redraw = true;
    }
    release_grid(&b->before);
}

/* Underlined, reversed where it is underlined already; a full block hides both, so it is shaded. */
void draw_changes(const struct drawing *d)
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

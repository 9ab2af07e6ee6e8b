/* What the model expects to come next, without and with the fixed values. */
#include "tui/view/explore_parts.h"
#include "tui/view/label.h"
#include <stdio.h>
#include <string.h>

static void prediction_label(const struct drawing *d, int32_t id, char out[LABEL_MAX])
{
    size_t n = 0;
    const char *bytes =
        d->wb && d->wb->tokenizer ? tokenizer_bytes(d->wb->tokenizer, id, &n) : NULL;
    if (bytes && n > 0)
        token_label(bytes, n, d->ascii, out);
    else
        snprintf(out, LABEL_MAX, "#%d", id);
}

static void draw_column(const struct drawing *d, struct rect r, const struct next_list *l,
                        bool selectable, bool stale)
{
    const struct list *rows = &d->ex->next;
    int label = r.w >= 20 ? 12 : r.w - 4, bar = r.w - label - 6;
    for (int i = 0; i < r.h && rows->top + i < l->n; i++) {
        int at = rows->top + i, y = r.y + i;
        bool selected = selectable && d->ex->focus == PANE_NEXT && rows->selected == at;
        struct style s = draw_style(d, selected ? ROLE_SELECTION : stale ? ROLE_STALE : ROLE_TEXT);
        char text[LABEL_MAX];
        double p = (double)l->p[at];
        prediction_label(d, l->id[at], text);
        if (selected)
            grid_fill(d->grid, (struct rect){r.x, y, r.w, 1}, s);
        grid_text(d->grid, (struct rect){r.x, y, label, 1}, r.x, y, s, text, strlen(text));
        if (bar >= 3)
            draw_bar(d, r, r.x + label, y, bar, p, selected ? s : draw_style(d, ROLE_BAR));
        if (p >= .005)
            grid_printf(d->grid, r, r.x + r.w - 4, y, s, "%3.0f%%", 100 * p);
        else
            grid_printf(d->grid, r, r.x + r.w - 4, y, s, " <1%%");
    }
}

void draw_next_pane(const struct drawing *d)
{
    char title[160], label[LABEL_MAX] = "";
    const struct snapshot *s = d->snap;
    here_label(d, label);
    snprintf(title, sizeof title,
             d->ex->layout.pane[PANE_NEXT].w >= 28 ? "Next token after %s" : "After %s", label);
    draw_frame(d, PANE_NEXT, d->here.valid ? title : "Next token");
    struct rect all = layout_inner(&d->ex->layout, PANE_NEXT), r = pane_rows(d->ex, PANE_NEXT);
    if (r.h <= 0)
        return;
    if (d->ex->focus == PANE_NEXT && d->ex->overlay == OVERLAY_NONE) {
        d->grid->cursor_x = r.x;
        d->grid->cursor_y = r.y + d->ex->next.selected - d->ex->next.top;
    }
    if (!s || (s->next_plain.n == 0 && s->next_base.n == 0)) {
        bool nothing = s && s->next.valid && s->next_token < 0;
        grid_text(d->grid, r, r.x, r.y, draw_style(d, ROLE_DIM), missing(d, nothing),
                  strlen(missing(d, nothing)));
        return;
    }
    const struct next_list *without = s->next_base.n > 0 ? &s->next_base : &s->next_plain;
    bool fixed = s->any_fixed && s->next_fixed.n > 0, two = fixed || d->lifted,
         stale = !s->next.valid || d->here.token != s->next_token;
    bool heading = r.h < all.h;
    struct style dim = draw_style(d, ROLE_DIM);
    int half = two ? (r.w - 1) / 2 : r.w;
    struct rect left = {r.x, r.y, half, r.h}, right = {r.x + half + 1, r.y, r.w - half - 1, r.h};
    if (heading)
        grid_printf(d->grid, all, all.x, all.y, dim, "%s",
                    s->insert != INSERT_NONE && half >= 8 ? "inserted" : "plain");
    if (heading && two)
        grid_printf(d->grid, all, right.x, all.y, dim, "%s", fixed ? "fixed" : "free");
    draw_column(d, left, without, !two, stale);
    if (two) /* lifted: in the place of the fixed ones, so that the eye can compare */
        draw_column(d, right, fixed ? &s->next_fixed : without, true, stale);
}

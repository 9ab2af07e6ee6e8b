/* What the model expects to come next, without and with the fixed values. */
#include "tui/view/explore/explore_private.h"
#include "tui/view/label.h"
#include <math.h>
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
        padding_label(id, out);
}

enum {
    NUMBER_W = 5,   /* " 58%" and the blank before it */
    LEAST_BAR = 10, /* of a shorter one only hairs are seen */
    BARS_FROM = 28  /* columns; the width alone decides, so that nothing comes and goes */
};

struct columns { /* of both lists alike */
    int label, bar;
    double most; /* probability of the longest bar */
};

static int widest_label(const struct drawing *d, const struct next_list *l, int rows)
{
    char text[LABEL_MAX];
    int widest = 0;
    for (int i = d->ex->next.top; i < d->ex->next.top + rows && i < l->n; i++) {
        prediction_label(d, l->id[i], text);
        int w = text_columns(text, strlen(text));
        widest = w > widest ? w : widest;
    }
    return widest;
}

static struct columns columns_of(const struct drawing *d, int w, int rows,
                                 const struct next_list *one, const struct next_list *other)
{
    struct columns c = {.label = w - NUMBER_W, .most = 1e-9};
    const struct next_list *list[] = {one, other};
    int widest = 10;
    for (int i = 0; i < 2; i++) {
        int label = list[i] ? widest_label(d, list[i], rows) : 0;
        widest = label > widest ? label : widest;
        if (list[i] && list[i]->n > 0)
            c.most = fmax(c.most, (double)list[i]->p[0]);
    }
    if (w < BARS_FROM)
        return c;
    c.label = widest < w - NUMBER_W - LEAST_BAR - 1 ? widest : w - NUMBER_W - LEAST_BAR - 1;
    c.bar = w - NUMBER_W - c.label - 1;
    return c;
}

static void draw_column(const struct drawing *d, struct rect r, const struct next_list *l,
                        struct columns c, bool selectable, bool stale)
{
    const struct list *rows = &d->ex->next;
    for (int i = 0; i < r.h && rows->top + i < l->n; i++) {
        int at = rows->top + i, y = r.y + i;
        bool selected = selectable && d->ex->focus == PANE_NEXT && rows->selected == at;
        struct style s = draw_style(d, selected ? ROLE_SELECTION : stale ? ROLE_STALE : ROLE_TEXT);
        char text[LABEL_MAX];
        double p = (double)l->p[at];
        prediction_label(d, l->id[at], text);
        if (selected)
            grid_fill(d->grid, (struct rect){r.x, y, r.w, 1}, s);
        grid_text_cut(d->grid, (struct rect){r.x, y, c.label, 1}, r.x, y, s, text, strlen(text),
                      d->ascii);
        if (c.bar > 0)
            draw_bar(d, r, r.x + c.label + 1, y, c.bar, p / c.most,
                     selected ? s : draw_style(d, ROLE_BAR));
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
    if (d->ex->focus == PANE_NEXT && !d->covered) {
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
                    insertion_any(s->insert) && half >= 8 ? "inserted" : "plain");
    if (heading && two)
        grid_printf(d->grid, all, right.x, all.y, dim, "%s", fixed ? "fixed" : "free");
    /* lifted: in the place of the fixed ones, so that the eye can compare */
    const struct next_list *with = !two ? NULL : fixed ? &s->next_fixed : without;
    struct columns c = columns_of(d, half, r.h, without, with);
    draw_column(d, left, without, c, !two, stale);
    if (with)
        draw_column(d, right, with, c, true, stale);
}

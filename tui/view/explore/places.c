/* Where things stand in the Explore view and what its lists hold, for drawing and for the mouse
 * alike. */
#include "tui/unit_words.h"
#include "tui/view/explore/explore_private.h"

struct text_area text_area(const struct explore *ex)
{
    struct rect r = layout_inner(&ex->layout, PANE_TEXT);
    struct text_area a = {.step = ex->rail ? 2 : 1};
    int legend = ex->legend && r.h >= 7 ? 2 : 0, info = r.h >= 5 ? 1 : 0, pad = r.w >= 40 ? 1 : 0;
    if (r.h < 2)
        a.step = 1;
    a.rows = (struct rect){r.x + pad, r.y, r.w - 2 * pad, r.h - legend - info};
    a.legend = (struct rect){r.x + pad, r.y + a.rows.h, r.w - 2 * pad, legend};
    a.info = (struct rect){r.x + pad, r.y + a.rows.h + legend, r.w - 2 * pad, info};
    return a;
}

/* Names of several dictionaries are longer than numbers; a track of some cells stays. */
static int label_width(const struct explore *ex, int room)
{
    const struct workbench *wb = ex->sh->workbench;
    char name[UNIT_NAME_MAX];
    int w = room >= 30 ? 9 : 7, most = room - 6 - 2 - 8;
    if (!wb || wb->dicts.n < 2)
        return w;
    for (int i = 0; i < ex->sh->sliders.n; i++) {
        int need = 2 + text_width(unit_label(wb, ex->sh->sliders.unit[i].id, name));
        w = need > w && need <= most ? need : need > most && most > w ? most : w;
    }
    return w;
}

struct slider_columns slider_columns(const struct explore *ex)
{
    struct rect r = layout_inner(&ex->layout, PANE_SLIDERS);
    struct slider_columns c = {.rows = r};
    int label = label_width(ex, r.w), value = r.w >= 18 ? 6 : 0;
    c.label_x = r.x;
    c.mark_x = r.x + label;
    c.track_x = c.mark_x + 2;
    c.track_w = r.w - label - 2 - value;
    if (c.track_w > 161) /* a tenth an eighth is as fine as values are */
        c.track_w = 161;
    if (c.track_w < 4)
        c.track_w = 0;
    c.value_x = c.track_x + c.track_w + 1;
    return c;
}

int slider_of_row(int row)
{
    return row <= 0 ? SLIDER_ALL : row - 1;
}

struct rect pane_rows(const struct explore *ex, enum pane p)
{
    struct rect r = layout_inner(&ex->layout, p);
    if (p == PANE_NEXT && r.h > 2) { /* the heading */
        r.y++;
        r.h--;
    }
    return r;
}

bool explore_track(const void *view, int row, struct slider_track *t, int *x, int *y)
{
    const struct explore *ex = view;
    struct slider_columns c = slider_columns(ex);
    int at = (row == SLIDER_ALL ? 0 : row + 1) - ex->sh->rows.top;
    if (!layout_open(&ex->layout, PANE_SLIDERS) || at < 0 || at >= c.rows.h || c.track_w == 0)
        return false;
    *t = ex->drag.active ? ex->drag.track
                         : (struct slider_track){c.track_w, sliders_range(&ex->sh->sliders)};
    *x = c.track_x;
    *y = c.rows.y + at;
    return true;
}

int32_t explore_n_latents(const struct explore *ex, const struct here *h)
{
    return ex->brush.n > 0 ? ex->brush.n : here_n_active(h);
}

bool explore_latent(const struct explore *ex, const struct here *h, int32_t row, struct unit_id *id,
                    float *value)
{
    if (ex->brush.n == 0)
        return here_active(h, row, id, value);
    if (row < 0 || row >= ex->brush.n)
        return false;
    *id = (struct unit_id){ex->brush.dict, ex->brush.row[row].latent};
    *value = ex->brush.row[row].value;
    return true;
}

bool explore_next_item(const struct explore *ex, int row, int32_t *id)
{
    const struct snapshot *s = ex->sh->snapshot;
    if (!s)
        return false;
    const struct next_list *l = s->any_fixed && s->next_fixed.n > 0 ? &s->next_fixed
                                : s->next_base.n > 0                ? &s->next_base
                                                                    : &s->next_plain;
    if (row < 0 || row >= l->n)
        return false;
    *id = l->id[row];
    return true;
}

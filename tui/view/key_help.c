/* The keys of the focused pane and those that hold everywhere, from the table of actions. */
#include "tui/view/explore_parts.h"
#include <stdio.h>
#include <string.h>

static const char *const where_name[N_PANES] = {
    "the text, not typing", "latents", "predictions", "histogram", "sliders", "losses"};

/* First what only this context has, then what others share. */
static int row_action(enum where where, int row)
{
    for (int pass = 0; pass < 2; pass++)
        for (int a = 0; a < N_ACTIONS; a++) {
            unsigned in = actions[a].where;
            bool own = (in & ~(unsigned)where) == 0;
            if (!(in & (unsigned)where) || own != (pass == 0))
                continue;
            if (row-- == 0)
                return a;
        }
    return ACTION_NONE;
}

int help_rows(enum where where)
{
    int n = 0;
    while (row_action(where, n) != ACTION_NONE)
        n++;
    return n;
}

static void all_keys(enum action_id a, bool typing, char *out, size_t n)
{
    char key[32];
    size_t w = 0;
    out[0] = 0;
    for (int i = 0; action_key_at(a, i, key, sizeof key) && w < n; i++)
        if (!typing || strlen(key) > 1)
            w += (size_t)snprintf(out + w, n - w, "%s%s", w > 0 ? ", " : "", key);
}

/* Wide enough for the longest keys, so that what they do has the rest. */
static int key_column(enum where where, bool typing)
{
    char keys[96];
    int w = 0, a;
    for (int i = 0; (a = row_action(where, i)) != ACTION_NONE; i++) {
        all_keys((enum action_id)a, typing, keys, sizeof keys);
        int n = text_columns(keys, strlen(keys));
        w = n > w ? n : w;
    }
    return w + 3;
}

void draw_help(const struct drawing *d)
{
    const struct explore *ex = d->ex;
    enum where where = explore_where(ex);
    int n = help_rows(where), w = ex->layout.w < 84 ? ex->layout.w : 84,
        h = n + 2 < ex->layout.h ? n + 2 : ex->layout.h;
    struct rect box = {(ex->layout.w - w) / 2, (ex->layout.h - h) / 2, w, h};
    char title[80], keys[96];
    const struct view_ops *view = view_table[ex->views.now];
    snprintf(title, sizeof title, "Keys: %s",
             view         ? view->title
             : ex->typing ? "typing"
                          : where_name[ex->focus]);
    grid_fill(d->grid, box, draw_style(d, ROLE_TEXT));
    struct rect r = w >= 3 && h >= 3 ? grid_box(d->grid, box, title, true, d->theme) : box;
    int top = ex->help.top > n - r.h ? n - r.h : ex->help.top,
        column = key_column(where, ex->typing);
    top = top < 0 ? 0 : top;
    if (r.w < 60)
        column = r.w / 3;
    for (int i = 0; i < r.h && top + i < n; i++) {
        enum action_id a = (enum action_id)row_action(where, top + i);
        all_keys(a, ex->typing, keys, sizeof keys);
        struct rect left = {r.x, r.y + i, column - 1, 1};
        grid_text(d->grid, left, r.x + (r.w >= 30), r.y + i, draw_style(d, ROLE_KEY), keys,
                  strlen(keys));
        grid_text(d->grid, r, r.x + column, r.y + i, draw_style(d, ROLE_TEXT), actions[a].help,
                  strlen(actions[a].help));
    }
    if (n > r.h && h >= 3)
        grid_printf(d->grid, box, box.x + 2, box.y + h - 1, draw_style(d, ROLE_DIM),
                    " %d of %d, arrows scroll ", top + r.h, n);
    d->grid->cursor_x = r.x;
    d->grid->cursor_y = r.y;
}

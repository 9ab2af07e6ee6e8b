/* The title: what is open, and the views' tabs. */
#include "tui/shell/shell_private.h"
#include <stdio.h>
#include <string.h>

#define TABS_FROM 110 /* columns from which the title has the views' names */

static int columns(const char *s)
{
    return text_columns(s, strlen(s));
}

int tabs_place(const struct shell *shell, int x[VIEWS_MAX], int w[VIEWS_MAX])
{
    struct rect r = shell->bars.title;
    int total = 0;
    for (int i = 0; i < shell->views.n; i++) {
        w[i] =
            columns(shell->views.table[i]->title) + 2; /* neurons' title is as long as latents' */
        total += w[i] + 1;
    }
    for (int i = 0, at = r.x + r.w - total; i < shell->views.n; i++) {
        x[i] = at;
        at += w[i] + 1;
    }
    return total;
}

static void draw_tabs(const struct painting *d, struct rect r, int from)
{
    int x[VIEWS_MAX], w[VIEWS_MAX];
    tabs_place(d->shell, x, w);
    if (x[0] < from) /* a long name of a model */
        grid_fill(d->grid, (struct rect){x[0] - 1, r.y, r.w, 1}, paint_style(d, ROLE_TEXT));
    for (int i = 0; i < d->shell->views.n; i++) {
        char title[64];
        view_title(d->shell, i, title, sizeof title);
        grid_printf(d->grid, r, x[i], r.y, paint_style(d, ROLE_KEY), "%d", i + 1);
        grid_printf(d->grid, r, x[i] + 2, r.y,
                    paint_style(d, d->shell->views.now == i ? ROLE_SELECTION : ROLE_DIM), "%s",
                    title);
    }
}

static void where_one_is(const struct painting *d, char *out, size_t n)
{
    const struct views *v = &d->shell->views;
    const char *dot = d->ascii ? "-" : "·", *to = d->ascii ? "-" : "–";
    char title[64];
    view_title(d->shell, v->now, title, sizeof title);
    if (v->now != HOME)
        snprintf(out, n, "%s %s 1%s%d", title, dot, to, v->n);
    else if (shell_where(d->shell) == IN_TYPING)
        snprintf(out, n, "typing %s Esc for commands", dot);
    else
        snprintf(out, n, "1%s%d views %s ? keys", to, v->n, dot);
}

void draw_title(const struct painting *d)
{
    struct rect r = d->shell->bars.title;
    struct style s = paint_style(d, ROLE_TITLE), dim = paint_style(d, ROLE_DIM);
    if (r.h <= 0)
        return;
    int x = grid_text(d->grid, r, r.x + 1, r.y, s, "glimt", 5);
    const char *title = d->shell->title[0]           ? d->shell->title
                        : d->shell->sh.status.failed ? ""
                        : d->ascii                   ? "loading"
                                                     : "loading …";
    x = grid_text(d->grid, r, x + 2, r.y, dim, title, strlen(title));
    if (r.w >= TABS_FROM) {
        draw_tabs(d, r, x + 2);
        return;
    }
    char state[96];
    where_one_is(d, state, sizeof state);
    int w = columns(state);
    if (r.x + r.w - w - 1 > x + 1)
        grid_text(d->grid, r, r.x + r.w - w - 1, r.y, dim, state, strlen(state));
}

bool tabs_press(struct shell *shell, const struct event *e)
{
    struct rect r = shell->bars.title;
    int x[VIEWS_MAX], w[VIEWS_MAX];
    if (e->mouse != MOUSE_PRESS || r.h <= 0 || e->y != r.y || shell->bars.w < TABS_FROM)
        return false;
    tabs_place(shell, x, w);
    for (int i = 0; i < shell->views.n; i++)
        if (e->x >= x[i] && e->x < x[i] + w[i]) {
            views_go(shell, i);
            return true;
        }
    return false;
}

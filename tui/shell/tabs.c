/* The title: what is open, and the views' tabs. */
#include "tui/shell/shell_private.h"
#include <stdio.h>
#include <string.h>

enum {
    TABS_FROM = 110, /* columns from which the title has the views' names */
    KEYS = 9,        /* views have the digits; more are named at any width */
    LEAST = 24,      /* columns that tabs have at least; on a wide screen two thirds */
    MARK = 2         /* of more tabs beside those shown */
};

static int columns(const char *s)
{
    return text_columns(s, strlen(s));
}

static const char *what_is_open(const struct shell *shell, bool ascii)
{
    return shell->title[0]           ? shell->title
           : shell->sh.status.failed ? ""
           : ascii                   ? "loading"
                                     : "loading …";
}

/* Digit and name; neurons' title is as long as latents'. */
static int tab_columns(const struct shell *shell, int view)
{
    return columns(shell->views.table[view]->title) + (view < KEYS ? 2 : 0);
}

static int sum(const struct shell *shell, int first, int end)
{
    int w = 0;
    for (int i = first; i < end; i++)
        w += tab_columns(shell, i) + 1;
    return w;
}

/* Those that have room, the one shown among them. */
static void choose(const struct shell *shell, struct tabs *t, int room)
{
    int n = shell->views.n, now = shell->views.now;
    t->first = 0;
    t->end = n;
    if (sum(shell, 0, n) <= room)
        return;
    while (t->first < now && sum(shell, t->first, now + 1) > room - 2 * MARK)
        t->first++;
    t->end = now + 1;
    while (t->end < n && sum(shell, t->first, t->end + 1) <= room - 2 * MARK)
        t->end++;
}

bool tabs_place(const struct shell *shell, struct tabs *t)
{
    struct rect r = shell->bars.title;
    int left = r.x + 10 + columns(what_is_open(shell, false)), right = r.x + r.w,
        least = r.w >= TABS_FROM ? r.w * 2 / 3 : LEAST;
    *t = (struct tabs){.before = -1, .after = -1};
    if (r.h <= 0 || (r.w < TABS_FROM && shell->views.n <= KEYS))
        return false;
    choose(shell, t, right - left > least ? right - left : least);
    if (t->end < shell->views.n)
        t->after = right -= MARK;
    int at = right - sum(shell, t->first, t->end);
    if (t->first > 0)
        t->before = at - MARK;
    t->x = t->first > 0 ? t->before : at;
    for (int i = t->first; i < t->end; i++) {
        t->tab_x[i] = at;
        t->tab_w[i] = tab_columns(shell, i);
        at += t->tab_w[i] + 1;
    }
    return true;
}

/* end: of what stands before them. */
static void draw_tabs(const struct painting *d, const struct tabs *t, int end)
{
    struct rect r = d->shell->bars.title;
    struct style key = theme_style(d->theme, ROLE_KEY);
    if (t->x <= end) { /* a long name of a model: that it is cut is seen */
        grid_fill(d->grid, (struct rect){t->x - 2, r.y, r.w, 1}, theme_style(d->theme, ROLE_TEXT));
        grid_printf(d->grid, r, t->x - 2, r.y, theme_style(d->theme, ROLE_DIM), "%s",
                    d->ascii ? "." : "…");
    }
    if (t->before >= 0)
        grid_printf(d->grid, r, t->before, r.y, key, "%s", d->ascii ? "<" : "‹");
    if (t->after >= 0)
        grid_printf(d->grid, r, t->after, r.y, key, "%s", d->ascii ? ">" : "›");
    for (int i = t->first; i < t->end; i++) {
        char title[64];
        int x = t->tab_x[i];
        view_title(d->shell, i, title, sizeof title);
        if (i < KEYS) {
            grid_printf(d->grid, r, x, r.y, key, "%d", i + 1);
            x += 2;
        }
        grid_printf(d->grid, r, x, r.y,
                    theme_style(d->theme, d->shell->views.now == i ? ROLE_SELECTION : ROLE_DIM),
                    "%s", title);
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

/* Bytes of the title that have room: whole parts, all of it where not even the first has. */
static size_t fitting(const char *title, int room)
{
    static const char dot[] = " · ";
    size_t n = strlen(title), fits = n;
    const char *at = strstr(title, dot);
    if (text_columns(title, n) <= room || !at || text_columns(title, (size_t)(at - title)) > room)
        return n;
    for (; at && text_columns(title, (size_t)(at - title)) <= room; at = strstr(at + 1, dot))
        fits = (size_t)(at - title);
    return fits;
}

void draw_title(const struct painting *d)
{
    struct rect r = d->shell->bars.title;
    struct style s = theme_style(d->theme, ROLE_TITLE), dim = theme_style(d->theme, ROLE_DIM);
    if (r.h <= 0)
        return;
    int x = grid_text(d->grid, r, r.x + 1, r.y, s, "glimt", 5);
    const char *title = what_is_open(d->shell, d->ascii);
    struct tabs tabs;
    const bool tabbed = tabs_place(d->shell, &tabs);
    const int room = (tabbed ? tabs.x - 1 : r.x + r.w) - x - 2;
    x = grid_text(d->grid, r, x + 2, r.y, dim, title, fitting(title, room));
    if (tabbed) {
        draw_tabs(d, &tabs, x);
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
    struct tabs t;
    int view = -1;
    if (e->mouse != MOUSE_PRESS || e->y != shell->bars.title.y || !tabs_place(shell, &t))
        return false;
    if (e->x == t.before)
        view = t.first - 1;
    if (e->x == t.after)
        view = t.end;
    for (int i = t.first; i < t.end; i++)
        if (e->x >= t.tab_x[i] && e->x < t.tab_x[i] + t.tab_w[i])
            view = i;
    if (view >= 0)
        views_go(shell, view);
    return view >= 0;
}

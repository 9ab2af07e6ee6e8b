/* Keys and mouse of the Latents view. */
#include "engine/base/memory.h"
#include "tui/unit_words.h"
#include "tui/view/latents/latents_private.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WHEEL_ROWS = 3 };

/* ---- the filter */
static void refiltered(struct latents *v, const struct view_in *in)
{
    latents_refilter(v);
    latents_bounds(v);
    latents_look(v, in);
}

static void clear_filter(struct latents *v, const struct view_in *in)
{
    prompt_set(&v->prompt, "");
    v->typing = false;
    refiltered(v, in);
}

static void move(struct latents *v, const struct view_in *in, int rows)
{
    v->moved = true;
    if (list_select(&v->list, v->list.selected + rows))
        latents_look(v, in);
}

static bool typing_event(struct latents *v, const struct view_in *in, const struct event *e)
{
    int page = v->list.height > 1 ? v->list.height : 1;
    if (e->kind != EVENT_KEY) {
        if (!prompt_event(&v->prompt, e))
            return false;
        refiltered(v, in);
        return true;
    }
    switch (e->key) {
    case KEYS_ESC: clear_filter(v, in); return true;
    case KEYS_ENTER:
    case KEYS_TAB:
    case KEYS_BACKTAB:
        v->typing = false;
        refiltered(v, in);
        return true;
    case KEYS_UP: move(v, in, -1); return true;
    case KEYS_DOWN: move(v, in, 1); return true;
    case KEYS_PAGE_UP: move(v, in, -page); return true;
    case KEYS_PAGE_DOWN: move(v, in, page); return true;
    default: break;
    }
    if (!prompt_event(&v->prompt, e))
        return false;
    refiltered(v, in);
    return true;
}

/* ---- panes */
static void focus(struct latents *v, const struct view_in *in, enum latents_part p)
{
    v->focus = p;
    v->last = p != PART_TABLE ? p : v->last;
    latents_bounds(v);
    latents_look(v, in);
}

static struct list *list_of(struct latents *v)
{
    return v->focus == PART_EXAMPLES ? &v->examples : v->focus == PART_LENS ? &v->lens : &v->list;
}

static void select_row(struct latents *v, const struct view_in *in, int row)
{
    struct list *l = list_of(v);
    v->moved = v->moved || l == &v->list;
    if (list_select(l, row) && l == &v->list)
        latents_look(v, in);
}

static void sideways(struct latents *v, int by)
{
    if (v->focus == PART_LENS) {
        int to = v->lens_column + by;
        v->lens_column = to < 0 ? 0 : to > 2 ? 2 : to;
    } else if (v->focus == PART_TABLE && v->rows) {
        int32_t to = v->column + by;
        if (to == v->name_col)
            to += by;
        v->column = to >= 0 && to < v->rows->n_cols ? to : v->column;
    }
    latents_bounds(v);
}

static void sort_by(struct latents *v, const struct view_in *in, int32_t col)
{
    v->moved = false; /* what comes first now is what one wants to see */
    latents_sort_by(v, col);
    latents_bounds(v);
    latents_look(v, in);
}

static void next_target(struct latents *v, const struct view_in *in)
{
    if (v->n_classes < 2)
        return;
    int32_t c = (latents_target(v) + 1) % v->n_classes;
    free(v->target);
    v->target = c == 0 ? NULL : xstrdup(latents_class(v, c));
    latents_ask_table(v, in);
    latents_hear_table(v, in);
    latents_look(v, in);
}

/* ---- the selected latent */
static void take(const struct latents *v, const struct view_in *in)
{
    if (in->shared && v->unit >= 0)
        shared_take(in->shared, latents_unit(v, v->unit), latents_value(v, v->unit));
}

static void colour(const struct latents *v, const struct view_in *in)
{
    if (!in->shared || v->unit < 0)
        return;
    shared_colour_by(in->shared, latents_unit(v, v->unit));
    shared_go(in->shared, VIEW_EXPLORE);
}

static void show_example(const struct latents *v, const struct view_in *in)
{
    const struct table *t = latents_detail_table(v, DETAIL_EXAMPLES, "rows");
    int row = v->examples.selected;
    if (!t || row < 0 || row >= t->n_rows || !in->shared)
        return;
    const char *text = column_str(t, row, column_text(t, "text"));
    double start = column_f64(t, row, column_number(t, "start"));
    size_t n = strlen(text), at = start >= 0 && start <= (double)n ? (size_t)start : 0;
    char *copy = xmemdup(text, n + 1); /* leaving may take the table away */
    shared_colour_by(in->shared, latents_unit(v, v->unit));
    shared_show_text(in->shared, copy, n, at);
    free(copy);
}

static void go_to(struct latents *v, const struct view_in *in)
{
    const struct table *t = latents_detail_table(v, DETAIL_LENS, lens_table[2]);
    double other = t && v->lens.selected < t->n_rows
                       ? column_f64(t, v->lens.selected, column_number(t, "other"))
                       : (double)NAN;
    if (!(other >= 0 && other <= INT32_MAX))
        return;
    if (latents_find(v, (int32_t)other) < 0 && v->prompt.n > 0)
        clear_filter(v, in);
    int at = latents_find(v, (int32_t)other);
    if (at >= 0)
        move(v, in, at - v->list.selected);
    else if (in->shared)
        shared_message(in->shared, false, "%s %d is not in the table: it never fired",
                       unit_words_of(in->workbench, v->place)->one, (int)other);
}

static void enter(struct latents *v, const struct view_in *in)
{
    if (v->focus == PART_EXAMPLES)
        show_example(v, in);
    else if (v->focus == PART_LENS && v->lens_column == 2)
        go_to(v, in);
    else
        colour(v, in);
}

/* ---- keys */
static bool moving(struct latents *v, const struct view_in *in, enum action_id a)
{
    int row;
    if (list_key(list_of(v), a, &row)) {
        select_row(v, in, row);
        return true;
    }
    switch (a) {
    case ACTION_VIEW_LEFT: sideways(v, -1); return true;
    case ACTION_VIEW_RIGHT: sideways(v, 1); return true;
    default: return false;
    }
}

bool latents_act(void *view, const struct view_in *in, enum action_id a, bool extend)
{
    struct latents *v = view;
    (void)extend;
    switch (a) {
    case ACTION_NEXT_PANE: focus(v, in, (v->focus + 1) % N_PARTS); return true;
    case ACTION_PREVIOUS_PANE: focus(v, in, (v->focus + N_PARTS - 1) % N_PARTS); return true;
    case ACTION_ZOOM:
        v->zoom = !v->zoom;
        focus(v, in, v->focus);
        return true;
    case ACTION_SORT: sort_by(v, in, v->column); return true;
    case ACTION_FILTER:
        v->typing = true;
        focus(v, in, PART_TABLE);
        return true;
    case ACTION_VIEW_BACK:
        if (v->prompt.n > 0)
            clear_filter(v, in);
        else if (in->shared)
            shared_go(in->shared, VIEW_EXPLORE);
        return true;
    case ACTION_TARGET: next_target(v, in); return true;
    case ACTION_LOG: v->log = !v->log; return true;
    case ACTION_MIRROR: v->overlaid = !v->overlaid; return true;
    case ACTION_VIEW_TAKE: take(v, in); return true;
    case ACTION_VIEW_ENTER: enter(v, in); return true;
    default: return moving(v, in, a);
    }
}

/* ---- the mouse */
static void press_table(struct latents *v, const struct view_in *in, const struct event *e,
                        struct rect inner)
{
    struct table_area a = latents_table_area(v, inner);
    struct shown_column c[LATENTS_COLUMNS];
    if (rect_has(a.heads, e->x, e->y)) {
        int n = latents_columns(v, a.heads.w, c), x = e->x - a.heads.x;
        for (int i = 0; i < n; i++)
            if (x >= c[i].x && x <= c[i].x + c[i].w) {
                sort_by(v, in, c[i].col);
                return;
            }
    } else if (rect_has(a.prompt, e->x, e->y)) {
        v->typing = true;
    } else if (rect_has(a.rows, e->x, e->y) && e->y - a.rows.y + v->list.top < v->n_shown) {
        select_row(v, in, e->y - a.rows.y + v->list.top);
        if (e->button == 3)
            take(v, in);
        else if (e->clicks == 2)
            colour(v, in);
    }
}

static void press_histogram(struct latents *v, const struct view_in *in, const struct event *e,
                            struct rect inner)
{
    struct plot_layout layout = {.n_panels = 0};
    struct grid scratch;
    if (!in->theme || !in->shared)
        return;
    grid_init(&scratch, inner.x + inner.w, inner.y + inner.h, theme_style(in->theme, ROLE_TEXT));
    latents_draw_histogram(v, in, &scratch, inner, &layout);
    grid_release(&scratch);
    for (int i = 0; i < layout.n_panels; i++)
        if (rect_has(layout.panel[i].inner, e->x, e->y)) {
            double x = plot_value_at(&layout.panel[i], e->x);
            if (isfinite(x))
                shared_set_value(in->shared, latents_unit(v, v->unit), round(10 * x) / 10);
            return;
        }
}

static void press_lens(struct latents *v, const struct view_in *in, const struct event *e,
                       struct rect inner)
{
    struct lens_area a = latents_lens_area(inner);
    int first = v->lens_column >= a.n ? v->lens_column - a.n + 1 : 0;
    for (int i = 0; i < a.n; i++)
        if (e->x >= a.list[i].x && e->x < a.list[i].x + a.list[i].w) {
            v->lens_column = first + i;
            if (!rect_has(a.list[i], e->x, e->y))
                return;
            list_select(&v->lens, e->y - a.list[i].y + v->lens.top);
            if (v->lens_column == 2 && e->clicks == 2)
                go_to(v, in);
            return;
        }
}

static void press(struct latents *v, const struct view_in *in, const struct event *e,
                  enum latents_part p, const struct latents_layout *before)
{
    bool open = latents_open(before, p), had = v->focus == p;
    struct rect inner = latents_inner(before, p);
    v->typing = false;
    focus(v, in, p);
    if (!open || !rect_has(inner, e->x, e->y))
        return;
    if (p == PART_TABLE) {
        press_table(v, in, e, inner);
    } else if (p == PART_HISTOGRAM && had) { /* a click for the focus sets no value */
        press_histogram(v, in, e, inner);
    } else if (p == PART_EXAMPLES) {
        struct rect rows = latents_examples_rows(v, inner);
        list_select(&v->examples, e->y - rows.y + v->examples.top);
        if (e->clicks == 2)
            show_example(v, in);
    } else if (p == PART_LENS) {
        press_lens(v, in, e, inner);
    }
}

static void wheel(struct latents *v, const struct view_in *in, enum latents_part p, int rows)
{
    if (p == PART_TABLE) {
        v->moved = true;
        list_scroll(&v->list, rows);
        latents_look(v, in);
    } else if (p == PART_EXAMPLES) {
        list_scroll(&v->examples, rows);
    } else if (p == PART_LENS) {
        list_scroll(&v->lens, rows);
    }
}

static bool mouse(struct latents *v, const struct view_in *in, const struct event *e)
{
    struct latents_layout l;
    latents_layout_of(v, v->area, &l);
    for (int p = 0; p < N_PARTS; p++) {
        if (!rect_has(l.part[p], e->x, e->y))
            continue;
        if (e->mouse == MOUSE_WHEEL_UP || e->mouse == MOUSE_WHEEL_DOWN)
            wheel(v, in, (enum latents_part)p,
                  e->mouse == MOUSE_WHEEL_UP ? -WHEEL_ROWS : WHEEL_ROWS);
        else if (e->mouse == MOUSE_PRESS && (e->button == 1 || e->button == 3))
            press(v, in, e, (enum latents_part)p, &l);
        break;
    }
    return rect_has(v->area, e->x, e->y); /* nothing of Explore's lies below it */
}

bool latents_event(void *view, const struct view_in *in, const struct event *e)
{
    struct latents *v = view;
    if (e->kind == EVENT_MOUSE)
        return mouse(v, in, e);
    return v->typing && typing_event(v, in, e);
}

void latents_end_typing(void *view, const struct view_in *in)
{
    struct latents *v = view;
    v->typing = false;
    refiltered(v, in);
}

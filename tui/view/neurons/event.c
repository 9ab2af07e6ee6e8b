/* Keys and mouse of the Neurons view. */
#include "engine/text/utf8.h"
#include "tui/view/neurons/neurons_private.h"
#include <math.h>

/* ---- the text: what is typed is the explorer's text */
static bool edit(const struct view_in *in, enum action_id a, bool extend)
{
    /* what is shown is one line, without the explorer's rows and pages */
    switch (a) {
    case ACTION_EDIT_PAGE_UP:
    case ACTION_EDIT_PAGE_DOWN: return false;
    case ACTION_EDIT_ROW_START: a = ACTION_EDIT_LINE_START; break;
    case ACTION_EDIT_ROW_END: a = ACTION_EDIT_LINE_END; break;
    default: break;
    }
    return shared_edit_action(in->shared, a, extend);
}

static bool typed(const struct view_in *in, const struct event *e)
{
    char c[5] = {0};
    if (e->kind == EVENT_PASTE)
        shared_insert(in->shared, e->paste, e->n_paste, false);
    else if (e->kind == EVENT_TEXT)
        shared_insert(in->shared, c, utf8_encode(e->code, c), true);
    else
        return false;
    return true;
}

/* ---- keys */
static void focus(struct neurons *v, const struct view_in *in, int p)
{
    v->focus = (enum neurons_part)((p + N_PARTS) % N_PARTS);
    v->typing = false;
    neurons_bounds(v, in);
}

static void take(const struct neurons *v, const struct view_in *in)
{
    if (in->shared && v->unit.dict >= 0)
        shared_take(in->shared, v->unit, slider_snap(v->at[AT_OFF]));
}

static void colour(const struct neurons *v, const struct view_in *in)
{
    if (!in->shared || v->unit.dict < 0)
        return;
    shared_colour_by(in->shared, v->unit);
    shared_go(in->shared, VIEW_EXPLORE);
}

static void step(struct neurons *v, const struct view_in *in, double by)
{
    neurons_hold_at(v, in, v->slider, slider_snap(v->at[v->slider] + by));
}

static bool moving(struct neurons *v, const struct view_in *in, enum action_id a)
{
    int row;
    if (a == ACTION_VIEW_LEFT || a == ACTION_VIEW_RIGHT) {
        if (v->focus == PART_TEXT) {
            shared_edit(in->shared, a == ACTION_VIEW_LEFT ? EDIT_LEFT : EDIT_RIGHT, false);
        } else {
            step(v, in, a == ACTION_VIEW_LEFT ? -.5 : .5);
        }
        return true;
    }
    if (v->focus == PART_VALUES && (a == ACTION_VIEW_UP || a == ACTION_VIEW_DOWN)) {
        v->slider = a == ACTION_VIEW_UP ? AT_ON : AT_OFF;
        return true;
    }
    if (v->focus == PART_TEXT && (a == ACTION_VIEW_UP || a == ACTION_VIEW_DOWN)) {
        shared_edit(in->shared, a == ACTION_VIEW_UP ? EDIT_UP : EDIT_DOWN, false);
        return true;
    }
    if (v->focus == PART_STUDY && list_key(&v->rows, a, &row)) {
        list_select(&v->rows, row);
        return true;
    }
    if (!list_key(&v->units, a, &row))
        return false;
    neurons_select(v, in, row);
    return true;
}

/* All neurons of the layer, or the chosen units. */
static void whole_layer(struct neurons *v, const struct view_in *in)
{
    struct unit_id unit[UNITS_MAX];
    const struct workbench *wb = in->workbench;
    const int32_t place = in->shared ? shared_dict(in->shared) : 0;
    if (!wb || !wb->dict || !wb->dicts.place[place].neurons || pane_units(in, unit) == 0) {
        if (in->shared)
            shared_message(in->shared, false,
                           v->layer ? "no unit is chosen: f takes one"
                                    : "these are latents: a layer is one of neurons");
        return;
    }
    v->layer = !v->layer;
    neurons_ask_units(v, in);
}

bool neurons_act(void *view, const struct view_in *in, enum action_id a, bool extend)
{
    struct neurons *v = view;
    switch (a) {
    case ACTION_NEXT_PANE: focus(v, in, (int)v->focus + 1); return true;
    case ACTION_PREVIOUS_PANE: focus(v, in, (int)v->focus - 1); return true;
    case ACTION_ZOOM:
        v->zoom = !v->zoom;
        neurons_bounds(v, in);
        return true;
    case ACTION_LEAVE: v->typing = false; return true;
    case ACTION_NEURONS_TYPE:
        focus(v, in, PART_TEXT);
        v->typing = true;
        return true;
    case ACTION_NEURONS_OFF: v->slider = v->slider == AT_ON ? AT_OFF : AT_ON; return true;
    case ACTION_NEURONS_MEANS:
        v->by_hand = false;
        neurons_select(v, in, v->units.selected);
        return true;
    case ACTION_NEURONS_LAYER: whole_layer(v, in); return true;
    case ACTION_TARGET:
        neurons_next_class(v);
        v->by_hand = false;
        neurons_ask_units(v, in);
        return true;
    case ACTION_SORT:
        neurons_sort_by(v, in, v->ascending ? (v->sort + 1) % N_SORTS : v->sort);
        return true;
    case ACTION_NEURONS_BOOSTS: neurons_ask_study(v, in, SHOWS_BOOSTS); return true;
    case ACTION_NEURONS_ATTRIBUTION: neurons_ask_study(v, in, SHOWS_ATTRIBUTION); return true;
    case ACTION_NEURONS_PATCH: neurons_ask_study(v, in, SHOWS_PATCH); return true;
    case ACTION_NEURONS_EFFECTS: neurons_ask_study(v, in, SHOWS_EFFECTS); return true;
    case ACTION_NEURONS_DOWNSTREAM: neurons_ask_study(v, in, SHOWS_DOWNSTREAM); return true;
    case ACTION_NEURONS_SHIFT: neurons_ask_study(v, in, SHOWS_SHIFT); return true;
    case ACTION_NEURONS_EXAMPLES: neurons_ask_study(v, in, SHOWS_EXAMPLES); return true;
    case ACTION_NEURONS_CHAINS: neurons_ask_study(v, in, SHOWS_CHAINS); return true;
    case ACTION_NEURONS_SIMILAR: neurons_ask_study(v, in, SHOWS_SIMILAR); return true;
    case ACTION_LOG: v->log = !v->log; return true;
    case ACTION_MIRROR: v->overlaid = !v->overlaid; return true;
    case ACTION_VIEW_ENTER: colour(v, in); return true;
    case ACTION_VIEW_TAKE: take(v, in); return true;
    default: break;
    }
    if (v->typing && in->shared)
        return edit(in, a, extend);
    return in->shared && moving(v, in, a);
}

/* ---- the mouse */
static void slide(struct neurons *v, const struct view_in *in, struct rect inner, int x)
{
    const struct rect t = neurons_track(inner, v->slider);
    const struct slider_track track = {t.w, neurons_range(v)};
    if (t.w > 0)
        neurons_hold_at(v, in, v->slider, slider_snap(track_value(track, x - t.x)));
}

static void press(struct neurons *v, const struct view_in *in, const struct event *e,
                  struct rect inner)
{
    const int head = inner.h > 2;
    if (v->focus == PART_UNITS && head && e->y == inner.y) {
        const int by = neurons_column_at(inner, e->x);
        if (by >= 0)
            neurons_sort_by(v, in, (enum neurons_sort)by);
    } else if (v->focus == PART_STUDY && e->y - inner.y >= 0) {
        list_select(&v->rows, v->rows.top + e->y - inner.y);
    } else if (v->focus == PART_UNITS && e->y - inner.y >= head) {
        neurons_select(v, in, v->units.top + e->y - inner.y - head);
        if (e->clicks == 2)
            colour(v, in);
    } else if (v->focus == PART_TEXT) {
        v->typing = true;
    } else if (v->focus == PART_VALUES && e->y - inner.y < 2) {
        v->slider = e->y - inner.y;
        if (rect_has(neurons_track(inner, v->slider), e->x, e->y)) {
            v->holds = true;
            slide(v, in, inner, e->x);
        }
    }
}

static bool mouse(struct neurons *v, const struct view_in *in, const struct event *e)
{
    struct neurons_layout l;
    neurons_layout(v->area, v->focus, v->zoom, &l);
    if (e->mouse == MOUSE_MOVE || e->mouse == MOUSE_RELEASE) {
        if (v->holds && e->mouse == MOUSE_MOVE)
            slide(v, in, neurons_inner(&l, PART_VALUES), e->x);
        v->holds = v->holds && e->mouse == MOUSE_MOVE;
        return true;
    }
    for (int p = 0; p < N_PARTS; p++) {
        const int by = e->mouse == MOUSE_WHEEL_UP ? -1 : e->mouse == MOUSE_WHEEL_DOWN ? 1 : 0;
        if (!rect_has(l.part[p], e->x, e->y))
            continue;
        if (by && p == PART_STUDY) {
            list_scroll(&v->rows, 3 * by);
        } else if (by && p == PART_UNITS) {
            neurons_select(v, in, v->units.selected + by);
        } else if (by && p == PART_VALUES) {
            v->slider = e->y - neurons_inner(&l, PART_VALUES).y == 1 ? AT_OFF : AT_ON;
            step(v, in, by * -.5);
        } else if (e->mouse == MOUSE_PRESS && e->button == 1) {
            const struct rect inner = neurons_inner(&l, (enum neurons_part)p);
            focus(v, in, p);
            if (rect_has(inner, e->x, e->y))
                press(v, in, e, inner);
        }
        break;
    }
    return rect_has(v->area, e->x, e->y);
}

bool neurons_event(void *view, const struct view_in *in, const struct event *e)
{
    struct neurons *v = view;
    if (e->kind == EVENT_MOUSE)
        return mouse(v, in, e);
    return v->typing && in->shared && typed(in, e);
}

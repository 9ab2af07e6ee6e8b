/* What keys and the palette do in the Explore view. */
#include "engine/base/memory.h"
#include "engine/text/utf8.h"
#include "tui/unit_words.h"
#include "tui/view/explore/explore_private.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- sliders */
static void step(struct explore *ex, enum action_id a, double by)
{
    int row = shared_slider(ex->sh);
    struct sliders before = ex->sh->sliders;
    if (!shared_sliders_known(ex->sh))
        return;
    sliders_set(&ex->sh->sliders, row, sliders_value(&ex->sh->sliders, row, NULL) + by);
    shared_repeatable(ex->sh, a, 0);
    shared_changed_sliders(ex->sh, &before, true);
}

static void repeat(struct explore *ex)
{
    if (ex->sh->last.action == ACTION_NONE)
        shared_message(ex->sh, false, "nothing to repeat: no slider was changed yet");
    else if (ex->sh->last.action != ACTION_VALUE)
        explore_do(ex, ex->sh->last.action);
    else if (shared_sliders_known(ex->sh))
        shared_set_selected(ex->sh, ex->sh->last.value);
}

static double median_of(const struct explore *ex, int row)
{
    const struct unit_id id = ex->sh->sliders.unit[row].id;
    const struct bundle_statistics *is = workbench_statistics(ex->sh->workbench, id);
    return is ? (double)is->pre_median[id.index] : NAN;
}

static void to_median(struct explore *ex, int row)
{
    struct sliders before = ex->sh->sliders;
    bool known = false;
    for (int i = 0; i < ex->sh->sliders.n; i++)
        if ((row == SLIDER_ALL || row == i) && isfinite(median_of(ex, i))) {
            known = true;
            if (shared_value_fits(ex->sh, ex->sh->sliders.unit[i].id, median_of(ex, i)))
                sliders_set(&ex->sh->sliders, i, median_of(ex, i));
        }
    if (!known)
        shared_message(ex->sh, false,
                       "the bundle has no statistics: the median of this %s is not known",
                       unit_words_of(ex->sh->workbench, shared_dict(ex->sh))->one);
    shared_repeatable(ex->sh, ACTION_MEDIAN, 0);
    shared_changed_sliders(ex->sh, &before, false);
}

static void take_latent(struct explore *ex)
{
    struct here h = shared_here(ex->sh, ex->sh->snapshot);
    struct unit_id id;
    float value;
    if (explore_latent(ex, &h, ex->latents.selected, &id, &value))
        shared_take(ex->sh, id, (double)value);
}

static void change_row(struct explore *ex, void (*change)(struct sliders *, int))
{
    struct sliders before = ex->sh->sliders;
    if (!shared_sliders_known(ex->sh))
        return;
    change(&ex->sh->sliders, shared_slider(ex->sh));
    shared_repeatable(ex->sh, change == sliders_reset ? ACTION_RESET : ACTION_FIX, 0);
    shared_changed_sliders(ex->sh, &before, false);
}

static void sweep_chosen(struct explore *ex)
{
    struct unit_id unit[UNITS_MAX];
    int32_t n = shared_units(ex->sh, unit);
    if (!shared_sliders_known(ex->sh) || !ex->sh->workbench)
        return;
    findings_sweep(&ex->sh->findings, &ex->sh->host, &ex->sh->corpus,
                   sliders_insert(&ex->sh->sliders), unit, n);
    shared_message(ex->sh, false, "measuring the loss along the value; view 4 shows the curves");
}

/* ---- the mouse lets go */
void explore_end_drag(struct explore *ex)
{
    if (!ex->drag.active)
        return;
    ex->drag.active = false;
    if (!sliders_equal(&ex->drag.before, &ex->sh->sliders))
        shared_repeatable(ex->sh, ACTION_VALUE,
                          sliders_value(&ex->sh->sliders, ex->drag.row, NULL));
    shared_changed_sliders(ex->sh, &ex->drag.before, false);
}

/* ---- colours */
static void colour_by_selected(struct explore *ex)
{
    struct here h = shared_here(ex->sh, ex->sh->snapshot);
    struct unit_id id;
    float value;
    int row = shared_slider(ex->sh);
    if (ex->focus == PANE_LATENTS && explore_latent(ex, &h, ex->latents.selected, &id, &value))
        shared_colour_by(ex->sh, id);
    else if (ex->focus == PANE_SLIDERS)
        shared_colour_by(ex->sh, row == SLIDER_ALL ? UNIT_ALL : ex->sh->sliders.unit[row].id);
}

/* ---- history */
/* ---- text */
/* Moves from token to token, also inside a character that several tokens share. */
static void step_token(struct explore *ex, int by)
{
    struct here h = shared_here(ex->sh, ex->sh->snapshot);
    const struct snapshot *s = ex->sh->snapshot;
    size_t from = 0, to = 0;
    int32_t token = h.valid ? h.token : -1;
    bool found = false;
    while (h.valid && !h.stale && !found && token + by >= 0 && token + by < s->n_tokens) {
        int32_t i;
        token += by;
        const struct line_view *l = snapshot_line_of(s, token, &i);
        if (!l || !l->tokens)
            break;
        const struct token *t = &l->tokens->token[i];
        size_t start = l->start + (size_t)t->start;
        found = t->end > t->start && start != h.start &&
                map_to_new(&ex->sh->map, start, start + 1, &from, &to);
    }
    if (!found) {
        shared_edit(ex->sh, by < 0 ? EDIT_LEFT : EDIT_RIGHT, false);
        return;
    }
    editor_goto(&ex->sh->editor, from, false);
    shared_moved(ex->sh);
    ex->sh->token_at = from;
}

/* The first token of the text, or the last: empty lines have none. */
static void text_end(struct explore *ex, bool first)
{
    const struct textbuf *t = &ex->sh->editor.text;
    size_t at = first ? 0 : t->n;
    while (first && at < t->n && t->s[at] == '\n')
        at++;
    while (!first && at > 0 && t->s[at - 1] == '\n')
        at--;
    editor_goto(&ex->sh->editor, at, false);
    shared_moved(ex->sh);
}

static void accept_prediction(struct explore *ex)
{
    int32_t id;
    size_t n, from, to;
    const struct snapshot *s = ex->sh->snapshot;
    if (!ex->sh->workbench || !ex->sh->workbench->tokenizer ||
        !explore_next_item(ex, ex->next.selected, &id))
        return;
    const char *bytes = tokenizer_bytes(ex->sh->workbench->tokenizer, id, &n);
    if (n == 0 || !utf8_is_valid(bytes, n) ||
        !map_to_new(&ex->sh->map, s->next_at, s->next_at, &from, &to)) {
        shared_message(ex->sh, true,
                       n == 0 ? "this is padding of the vocabulary, it has no text: not appended"
                       : !utf8_is_valid(bytes, n)
                           ? "this token is no whole character: not appended"
                           : "the text has changed: wait for new predictions");
        return;
    }
    editor_goto(&ex->sh->editor, from, false);
    shared_insert(ex->sh, bytes, n, false);
}

/* ---- panes and lists */
static struct list *focused_list(struct explore *ex)
{
    return ex->focus == PANE_LATENTS   ? &ex->latents
           : ex->focus == PANE_SLIDERS ? &ex->sh->rows
           : ex->focus == PANE_NEXT    ? &ex->next
           : ex->focus == PANE_LOSS    ? &ex->losses
                                       : NULL;
}

static void move_in_list(struct explore *ex, int rows)
{
    struct list *l = focused_list(ex);
    if (l == &ex->losses) /* nothing in it is chosen */
        list_scroll(l, rows);
    else if (l)
        list_select(l, l->selected + rows);
    ex->sh->redraw = true;
}

static void half_page(struct explore *ex, int sign)
{
    struct list *l = focused_list(ex);
    if (l)
        move_in_list(ex, sign * (l->height > 1 ? l->height / 2 : 1));
    for (int i = 0; ex->focus == PANE_TEXT && i < (ex->sh->editor.height + 1) / 2; i++)
        shared_edit(ex->sh, sign < 0 ? EDIT_UP : EDIT_DOWN, false);
}

static void next_pane(struct explore *ex, int by)
{
    int p = (int)ex->focus;
    for (int i = 0; i < N_PANES; i++) {
        p = (p + by + N_PANES) % N_PANES;
        if (layout_reachable(&ex->layout, (enum pane)p))
            break;
    }
    explore_focus(ex, (enum pane)p, false);
}

/* ---- one action */
static bool editing(struct explore *ex, enum action_id a, bool select)
{
    static const struct {
        enum action_id action;
        enum editor_op op;
    } of[] = {/* with the text in front, keys of lists move in it */
              {ACTION_ROW_UP, EDIT_UP},
              {ACTION_ROW_DOWN, EDIT_DOWN},
              {ACTION_ROW_HOME, EDIT_ROW_START},
              {ACTION_ROW_END, EDIT_ROW_END},
              {ACTION_LINE_FIRST, EDIT_LINE_START},
              {ACTION_LINE_LAST, EDIT_LINE_END}};
    for (size_t i = 0; i < sizeof of / sizeof *of; i++)
        if (of[i].action == a) {
            shared_edit(ex->sh, of[i].op, select);
            return true;
        }
    return shared_edit_action(ex->sh, a, select);
}

static bool looking(struct explore *ex, enum action_id a)
{
    switch (a) {
    case ACTION_COLOURING:
        if (!shared_dict_known(ex->sh)) /* the loss alone */
            return true;
        ex->sh->colouring = (ex->sh->colouring + 1) % N_COLOURINGS;
        ex->sh->state_changed = true;
        explore_recolour(ex);
        return true;
    case ACTION_COLOUR_BY: colour_by_selected(ex); return true;
    case ACTION_COLOUR_ALL: shared_colour_by(ex->sh, UNIT_ALL); return true;
    case ACTION_LEGEND: ex->legend = !ex->legend; break;
    case ACTION_RAIL: ex->rail = !ex->rail; break;
    case ACTION_ZOOM: ex->zoom = !ex->zoom; break;
    case ACTION_LOG: ex->histogram_log = !ex->histogram_log; break;
    case ACTION_MIRROR: ex->histogram_overlaid = !ex->histogram_overlaid; break;
    default: return false;
    }
    ex->sh->follow = true;
    explore_arrange(ex);
    return true;
}

/* After what is said of the places one by one: nothing anywhere. */
static void next_insert(struct insertion *in)
{
    enum insert how = INSERT_ERROR;
    insertion_everywhere(*in, &how);
    *in = insertion_of((how + 1) % (INSERT_ERROR + 1));
}

static bool sliding(struct explore *ex, enum action_id a)
{
    int row = shared_slider(ex->sh);
    struct sliders before = ex->sh->sliders;
    switch (a) {
    case ACTION_UP:
    case ACTION_SLIDE_RIGHT: step(ex, ACTION_UP, .5); return true;
    case ACTION_DOWN:
    case ACTION_SLIDE_LEFT: step(ex, ACTION_DOWN, -.5); return true;
    case ACTION_UP_FINE:
    case ACTION_SLIDE_RIGHT_FINE: step(ex, ACTION_UP_FINE, .1); return true;
    case ACTION_DOWN_FINE:
    case ACTION_SLIDE_LEFT_FINE: step(ex, ACTION_DOWN_FINE, -.1); return true;
    case ACTION_FIX: change_row(ex, sliders_toggle); return true;
    case ACTION_RESET: change_row(ex, sliders_reset); return true;
    case ACTION_MEDIAN: to_median(ex, row); return true;
    case ACTION_TAKE: take_latent(ex); return true;
    case ACTION_REPEAT: repeat(ex); return true;
    case ACTION_REMOVE:
        if (row != SLIDER_ALL)
            sliders_remove(&ex->sh->sliders, row);
        break;
    case ACTION_INSERT: next_insert(&ex->sh->sliders.insert); break;
    case ACTION_CONTEXT: ex->sh->sliders.join = !ex->sh->sliders.join; break;
    default: return false;
    }
    shared_changed_sliders(ex->sh, &before, false);
    return true;
}

static bool moving(struct explore *ex, enum action_id a)
{
    switch (a) {
    case ACTION_TOKEN_LEFT: step_token(ex, -1); break;
    case ACTION_TOKEN_RIGHT: step_token(ex, 1); break;
    case ACTION_TEXT_FIRST: text_end(ex, true); break;
    case ACTION_TEXT_LAST: text_end(ex, false); break;
    case ACTION_LIST_UP: move_in_list(ex, -1); break;
    case ACTION_LIST_DOWN: move_in_list(ex, 1); break;
    case ACTION_LIST_HOME: move_in_list(ex, -10000); break;
    case ACTION_LIST_END: move_in_list(ex, 10000); break;
    case ACTION_HALF_UP: half_page(ex, -1); break;
    case ACTION_HALF_DOWN: half_page(ex, 1); break;
    default: return false;
    }
    return true;
}

bool explore_do(struct explore *ex, enum action_id a)
{
    ex->sh->redraw = true;
    ex->sh->message[0] = 0;
    if (editing(ex, a, false) || sliding(ex, a) || looking(ex, a) || moving(ex, a))
        return true;
    switch (a) {
    case ACTION_LEAVE: ex->typing = false; break;
    case ACTION_TYPE:
    case ACTION_TYPE_HERE: explore_focus(ex, PANE_TEXT, true); break;
    case ACTION_SWEEP: sweep_chosen(ex); break;
    case ACTION_BLINK: blink_flip(ex); break;
    case ACTION_TWIN: twin_switch(ex, !ex->twin); break;
    case ACTION_ACCEPT: accept_prediction(ex); break;
    default: return false;
    }
    return true;
}

bool explore_act(void *view, const struct view_in *in, enum action_id a, bool extend)
{
    struct explore *ex = view;
    explore_end_drag(ex);
    if (extend && ex->typing && editing(ex, a, true)) {
        ex->sh->message[0] = 0;
        return true;
    }
    if (in->shown && (a == ACTION_NEXT_PANE || a == ACTION_PREVIOUS_PANE)) {
        ex->sh->message[0] = 0;
        next_pane(ex, a == ACTION_NEXT_PANE ? 1 : -1);
        return true;
    }
    return explore_do(ex, a);
}

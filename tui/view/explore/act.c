/* Keys of the Explore view. */
#include "engine/base/memory.h"
#include "engine/text/utf8.h"
#include "tui/unit_words.h"
#include "tui/view/explore/explore.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- sliders */
void explore_changed_sliders(struct explore *ex, const struct sliders *before, bool more_may_join)
{
    if (sliders_equal(before, &ex->sliders))
        return;
    history_sliders(&ex->history, before, &ex->sliders, more_may_join);
    ex->wish_changed = ex->state_changed = ex->redraw = true;
    explore_arrange(ex);
}

static bool sliders_known(struct explore *ex)
{
    if (ex->sliders.n > 0)
        return true;
    if (!explore_dict_known(ex))
        return false;
    explore_message(ex, false,
                    ex->status.loading ? "still loading"
                                       : "no sliders: take a %s in its pane with f",
                    unit_words(ex->workbench)->one);
    return false;
}

void explore_repeatable(struct explore *ex, enum action_id a, double value)
{
    ex->last = (struct last_change){a, value};
}

static void step(struct explore *ex, enum action_id a, double by)
{
    int row = slider_of_row(ex->rows.selected);
    struct sliders before = ex->sliders;
    if (!sliders_known(ex))
        return;
    sliders_set(&ex->sliders, row, sliders_value(&ex->sliders, row, NULL) + by);
    explore_repeatable(ex, a, 0);
    explore_changed_sliders(ex, &before, true);
}

static void set_value(struct explore *ex, double v)
{
    struct sliders before = ex->sliders;
    int row = slider_of_row(ex->rows.selected);
    if (!explore_value_fits(ex, ex->sliders.unit[row == SLIDER_ALL ? 0 : row].index, v))
        return;
    sliders_set(&ex->sliders, row, v);
    explore_repeatable(ex, ACTION_VALUE, v);
    explore_changed_sliders(ex, &before, false);
}

static void repeat(struct explore *ex)
{
    if (ex->last.action == ACTION_NONE)
        explore_message(ex, false, "nothing to repeat: no slider was changed yet");
    else if (ex->last.action != ACTION_VALUE)
        explore_do(ex, ex->last.action);
    else if (sliders_known(ex))
        set_value(ex, ex->last.value);
}

static double median_of(const struct explore *ex, int row)
{
    const struct bundle *b =
        ex->workbench && ex->workbench->bundle_is_ours ? ex->workbench->bundle : NULL;
    int32_t unit = ex->sliders.unit[row].index;
    return b && b->pre_median && unit < b->n_latents ? (double)b->pre_median[unit] : NAN;
}

static void to_median(struct explore *ex, int row)
{
    struct sliders before = ex->sliders;
    bool known = false;
    for (int i = 0; i < ex->sliders.n; i++)
        if ((row == SLIDER_ALL || row == i) && isfinite(median_of(ex, i))) {
            known = true;
            if (explore_value_fits(ex, ex->sliders.unit[i].index, median_of(ex, i)))
                sliders_set(&ex->sliders, i, median_of(ex, i));
        }
    if (!known)
        explore_message(ex, false,
                        "the bundle has no statistics: the median of this %s is not known",
                        unit_words(ex->workbench)->one);
    explore_repeatable(ex, ACTION_MEDIAN, 0);
    explore_changed_sliders(ex, &before, false);
}

static void take_latent(struct explore *ex)
{
    struct here h = explore_here(ex, ex->snapshot);
    int32_t id;
    float value;
    if (explore_latent(ex, &h, ex->latents.selected, &id, &value))
        explore_take(ex, id, (double)value);
}

static void change_row(struct explore *ex, void (*change)(struct sliders *, int))
{
    struct sliders before = ex->sliders;
    if (!sliders_known(ex))
        return;
    change(&ex->sliders, slider_of_row(ex->rows.selected));
    explore_repeatable(ex, change == sliders_reset ? ACTION_RESET : ACTION_FIX, 0);
    explore_changed_sliders(ex, &before, false);
}

static void sweep_chosen(struct explore *ex)
{
    int32_t unit[SESSION_MAX_UNITS], n = explore_units(ex, unit);
    if (!sliders_known(ex) || !ex->workbench)
        return;
    findings_sweep(&ex->findings, &ex->views.host, &ex->views.corpus, unit, n);
    explore_message(ex, false, "measuring the loss along the value; view 4 shows the curves");
}

/* ---- colours */
static void colour_by_selected(struct explore *ex)
{
    struct here h = explore_here(ex, ex->snapshot);
    int32_t id;
    float value;
    int row = slider_of_row(ex->rows.selected);
    if (ex->focus == PANE_LATENTS && explore_latent(ex, &h, ex->latents.selected, &id, &value))
        explore_colour_by(ex, id);
    else if (ex->focus == PANE_SLIDERS)
        explore_colour_by(ex, row == SLIDER_ALL ? UNIT_ALL : ex->sliders.unit[row].index);
}

/* ---- history */
static bool edit_fits(const struct textbuf *t, const struct edit *e, bool undo)
{
    return textbuf_has(t, e->at, undo ? e->inserted : e->removed,
                       undo ? e->n_inserted : e->n_removed);
}

static void apply_change(struct explore *ex, const struct change *c, bool undo)
{
    if (c && c->kind == CHANGE_TEXT && !edit_fits(&ex->editor.text, &c->edit, undo)) {
        explore_message(ex, true, "this change is of another text");
    } else if (!c) {
        explore_message(ex, false, undo ? "nothing to take back" : "nothing to do again");
    } else if (c->kind == CHANGE_TEXT) {
        editor_apply(&ex->editor, &c->edit, undo);
        explore_moved(ex);
    } else {
        ex->sliders = undo ? c->sliders.before : c->sliders.after;
        ex->wish_changed = ex->state_changed = ex->redraw = true;
        explore_arrange(ex);
    }
}

/* ---- text */
static void edit(struct explore *ex, enum editor_op op, bool select)
{
    editor_do(&ex->editor, op, select);
    explore_moved(ex);
}

static void insert_text(struct explore *ex, const char *s, size_t n, bool typed)
{
    size_t lost = editor_insert(&ex->editor, s, n, typed);
    if (lost > 0)
        explore_message(ex, true, "the text ends at 2 MiB: %zu bytes were left out", lost);
    explore_moved(ex);
}

void explore_replace_text(struct explore *ex, const char *s, size_t n)
{
    editor_do(&ex->editor, EDIT_SELECT_ALL, false);
    insert_text(ex, s, n, false);
    editor_goto(&ex->editor, 0, false);
    explore_moved(ex);
    explore_arrange(ex);
}

/* Moves from token to token, also inside a character that several tokens share. */
static void step_token(struct explore *ex, int by)
{
    struct here h = explore_here(ex, ex->snapshot);
    const struct snapshot *s = ex->snapshot;
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
                map_to_new(&ex->map, start, start + 1, &from, &to);
    }
    if (!found) {
        edit(ex, by < 0 ? EDIT_LEFT : EDIT_RIGHT, false);
        return;
    }
    editor_goto(&ex->editor, from, false);
    explore_moved(ex);
    ex->token_at = from;
}

/* The first token of the text, or the last: empty lines have none. */
static void text_end(struct explore *ex, bool first)
{
    const struct textbuf *t = &ex->editor.text;
    size_t at = first ? 0 : t->n;
    while (first && at < t->n && t->s[at] == '\n')
        at++;
    while (!first && at > 0 && t->s[at - 1] == '\n')
        at--;
    editor_goto(&ex->editor, at, false);
    explore_moved(ex);
}

static void accept_prediction(struct explore *ex)
{
    int32_t id;
    size_t n, from, to;
    const struct snapshot *s = ex->snapshot;
    if (!ex->workbench || !ex->workbench->tokenizer ||
        !explore_next_item(ex, ex->next.selected, &id))
        return;
    const char *bytes = tokenizer_bytes(ex->workbench->tokenizer, id, &n);
    if (n == 0 || !utf8_is_valid(bytes, n) ||
        !map_to_new(&ex->map, s->next_at, s->next_at, &from, &to)) {
        explore_message(ex, true,
                        n == 0 ? "this is padding of the vocabulary, it has no text: not appended"
                        : !utf8_is_valid(bytes, n)
                            ? "this token is no whole character: not appended"
                            : "the text has changed: wait for new predictions");
        return;
    }
    editor_goto(&ex->editor, from, false);
    insert_text(ex, bytes, n, false);
}

/* ---- panes and lists */
static struct list *focused_list(struct explore *ex)
{
    return ex->focus == PANE_LATENTS   ? &ex->latents
           : ex->focus == PANE_SLIDERS ? &ex->rows
           : ex->focus == PANE_NEXT    ? &ex->next
                                       : NULL;
}

static void move_in_list(struct explore *ex, int rows)
{
    struct list *l = focused_list(ex);
    if (l && list_select(l, l->selected + rows))
        ex->redraw = true;
}

static void half_page(struct explore *ex, int sign)
{
    struct list *l = focused_list(ex);
    if (l)
        move_in_list(ex, sign * (l->height > 1 ? l->height / 2 : 1));
    for (int i = 0; ex->focus == PANE_TEXT && i < (ex->editor.height + 1) / 2; i++)
        edit(ex, sign < 0 ? EDIT_UP : EDIT_DOWN, false);
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

void explore_prompt(struct explore *ex, enum overlay overlay, const char *text)
{
    explore_end_drag(ex);
    ex->overlay = overlay;
    prompt_set(&ex->prompt, text);
    file_prompt_end(ex);
    ex->recall.walking = false;
    ex->choices = (struct list){0};
    ex->redraw = true;
}

/* What runs longest goes first: a study. What it has done is kept. */
static bool cancel_job(struct explore *ex)
{
    const struct job_host *host = &ex->views.host;
    uint64_t id[32];
    bool cancelled = false;
    int n = host->jobs ? host->jobs(host->arg, id, 32) : 0;
    for (int i = 0; i < n && i < 32 && !cancelled; i++) {
        struct job job;
        if (!host->job(host->arg, id[i], &job))
            continue;
        cancelled = job.status == JOB_RUNNING;
        if (cancelled) {
            host->cancel(host->arg, id[i]);
            explore_message(ex, false, "%s cancelled; what it has done is kept",
                            request_name[job.request.kind]);
        }
        job_release(&job);
    }
    return cancelled;
}

static void cancel(struct explore *ex)
{
    bool running = ex->workbench && !ex->status.idle && !ex->refsets_paused;
    if (cancel_job(ex))
        return;
    if (running) {
        ex->refsets_paused = true;
        ex->wish_changed = true;
        explore_message(ex, false, "stopped; the next change goes on. Ctrl-C again asks to quit");
    } else {
        explore_ask(ex, &(struct question){.wants = WANT_QUIT,
                                           .text = "Quit? Text and sliders are there next time.",
                                           .narrow = "Quit?"});
    }
}

/* ---- one action */
static bool editing(struct explore *ex, enum action_id a, bool select)
{
    static const struct {
        enum action_id action;
        enum editor_op op;
    } of[] = {{ACTION_EDIT_LEFT, EDIT_LEFT},
              {ACTION_EDIT_RIGHT, EDIT_RIGHT},
              {ACTION_EDIT_UP, EDIT_UP},
              {ACTION_EDIT_DOWN, EDIT_DOWN},
              {ACTION_EDIT_WORD_LEFT, EDIT_WORD_LEFT},
              {ACTION_EDIT_WORD_RIGHT, EDIT_WORD_RIGHT},
              {ACTION_EDIT_ROW_START, EDIT_ROW_START},
              {ACTION_EDIT_ROW_END, EDIT_ROW_END},
              {ACTION_EDIT_LINE_START, EDIT_LINE_START},
              {ACTION_EDIT_LINE_END, EDIT_LINE_END},
              {ACTION_EDIT_TEXT_START, EDIT_TEXT_START},
              {ACTION_EDIT_TEXT_END, EDIT_TEXT_END},
              {ACTION_EDIT_PAGE_UP, EDIT_PAGE_UP},
              {ACTION_EDIT_PAGE_DOWN, EDIT_PAGE_DOWN},
              {ACTION_EDIT_BACKSPACE, EDIT_BACKSPACE},
              {ACTION_EDIT_DELETE, EDIT_DELETE},
              {ACTION_EDIT_KILL_WORD_LEFT, EDIT_KILL_WORD_LEFT},
              {ACTION_EDIT_KILL_WORD_RIGHT, EDIT_KILL_WORD_RIGHT},
              {ACTION_EDIT_KILL_TO_START, EDIT_KILL_TO_START},
              {ACTION_EDIT_KILL_TO_END, EDIT_KILL_TO_END},
              {ACTION_EDIT_YANK, EDIT_YANK},
              {ACTION_ROW_UP, EDIT_UP},
              {ACTION_ROW_DOWN, EDIT_DOWN},
              {ACTION_ROW_HOME, EDIT_ROW_START},
              {ACTION_ROW_END, EDIT_ROW_END},
              {ACTION_LINE_FIRST, EDIT_LINE_START},
              {ACTION_LINE_LAST, EDIT_LINE_END}};
    for (size_t i = 0; i < sizeof of / sizeof *of; i++)
        if (of[i].action == a) {
            edit(ex, of[i].op, select);
            return true;
        }
    if (a == ACTION_EDIT_NEWLINE)
        insert_text(ex, "\n", 1, true);
    return a == ACTION_EDIT_NEWLINE;
}

static bool looking(struct explore *ex, enum action_id a)
{
    switch (a) {
    case ACTION_COLOURING:
        if (!explore_dict_known(ex)) /* the loss alone */
            return true;
        ex->colouring = (ex->colouring + 1) % N_COLOURINGS;
        ex->state_changed = true;
        explore_recolour(ex);
        return true;
    case ACTION_COLOUR_BY: colour_by_selected(ex); return true;
    case ACTION_COLOUR_ALL: explore_colour_by(ex, UNIT_ALL); return true;
    case ACTION_LEGEND: ex->legend = !ex->legend; break;
    case ACTION_RAIL: ex->rail = !ex->rail; break;
    case ACTION_ZOOM: ex->zoom = !ex->zoom; break;
    case ACTION_LOG: ex->histogram_log = !ex->histogram_log; break;
    case ACTION_MIRROR: ex->histogram_overlaid = !ex->histogram_overlaid; break;
    case ACTION_MOUSE:
        ex->mouse = !ex->mouse;
        ex->wants |= WANT_MOUSE;
        explore_message(ex, false,
                        ex->mouse ? "mouse on"
                                  : "mouse off: the terminal selects text; m takes it back");
        return true;
    case ACTION_HELP: page_open(ex, OVERLAY_HELP); return true;
    case ACTION_MESSAGES: page_open(ex, OVERLAY_MESSAGES); return true;
    case ACTION_PALETTE: explore_prompt(ex, OVERLAY_PALETTE, ""); return true;
    case ACTION_COPY: explore_prompt(ex, OVERLAY_COPY, ""); return true;
    case ACTION_QUIT: ex->wants |= WANT_QUIT; return true;
    case ACTION_SUSPEND: ex->wants |= WANT_SUSPEND; return true;
    case ACTION_REPAINT: ex->wants |= WANT_REPAINT; return true;
    case ACTION_CANCEL: cancel(ex); return true;
    default: return false;
    }
    ex->follow = true;
    explore_arrange(ex);
    return true;
}

static bool sliding(struct explore *ex, enum action_id a)
{
    int row = slider_of_row(ex->rows.selected);
    struct sliders before = ex->sliders;
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
    case ACTION_VALUE:
        if (sliders_known(ex))
            explore_prompt(ex, OVERLAY_VALUE, "");
        return true;
    case ACTION_REMOVE:
        if (row != SLIDER_ALL)
            sliders_remove(&ex->sliders, row);
        break;
    case ACTION_INSERT: ex->sliders.insert = (ex->sliders.insert + 1) % (INSERT_ERROR + 1); break;
    case ACTION_CONTEXT: ex->sliders.join = !ex->sliders.join; break;
    default: return false;
    }
    explore_changed_sliders(ex, &before, false);
    return true;
}

void explore_do(struct explore *ex, enum action_id a)
{
    ex->redraw = true;
    if (a != ACTION_CANCEL)
        ex->message[0] = 0;
    if (editing(ex, a, false) || sliding(ex, a) || looking(ex, a))
        return;
    switch (a) {
    case ACTION_LEAVE: ex->typing = false; break;
    case ACTION_TYPE:
    case ACTION_TYPE_HERE:
        if (ex->views.now != VIEW_EXPLORE) /* by its name */
            views_go(ex, VIEW_EXPLORE);
        explore_focus(ex, PANE_TEXT, true);
        break;
    case ACTION_NEXT_PANE:
    case ACTION_PREVIOUS_PANE:
        if (ex->views.now == VIEW_EXPLORE)
            next_pane(ex, a == ACTION_NEXT_PANE ? 1 : -1);
        break;
    case ACTION_SWEEP: sweep_chosen(ex); break;
    case ACTION_HARVEST: explore_harvest(ex); break;
    case ACTION_BLINK: blink_flip(ex); break;
    case ACTION_TWIN: twin_switch(ex, !ex->twin); break;
    case ACTION_VIEW_BACK: views_go(ex, VIEW_EXPLORE); break;
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
    case ACTION_VIEW_EXPLORE:
    case ACTION_VIEW_LATENTS:
    case ACTION_VIEW_HISTOGRAMS:
    case ACTION_VIEW_SWEEP:
    case ACTION_VIEW_CORPUS:
    case ACTION_VIEW_JOBS: views_go(ex, (enum view_id)(a - ACTION_VIEW_EXPLORE)); break;
    case ACTION_ACCEPT: accept_prediction(ex); break;
    case ACTION_UNDO: apply_change(ex, history_undo(&ex->history), true); break;
    case ACTION_REDO: apply_change(ex, history_redo(&ex->history), false); break;
    default: break;
    }
}

/* ---- overlays */
static void set_typed_value(struct explore *ex)
{
    char *end, *p = ex->prompt.s;
    for (char *c = p; *c; c++)
        *c = *c == ',' ? '.' : *c;
    if (strncmp(p, "−", strlen("−")) == 0) { /* as the screen shows it */
        p += strlen("−") - 1;
        *p = '-';
    }
    double v = strtod(p, &end);
    ex->overlay = OVERLAY_NONE;
    if (end == p || *end || !isfinite(v)) {
        explore_message(ex, true, "%s is no number", ex->prompt.s);
        return;
    }
    set_value(ex, v);
}

static bool is_ctrl(const struct event *e, uint32_t c)
{
    return e->kind == EVENT_KEY && e->key == KEYS_CHAR && e->mods == MOD_CTRL && e->code == c;
}

static void copy_event(struct explore *ex, const struct event *e)
{
    if (e->kind != EVENT_TEXT && e->kind != EVENT_KEY)
        return;
    ex->overlay = OVERLAY_NONE;
    if (e->kind == EVENT_TEXT && (e->code == 'y' || e->code == 't'))
        ex->wants |= WANT_COPY;
    else if (e->kind == EVENT_TEXT && e->code == 'c')
        ex->wants |= WANT_COMMAND;
    else if (e->kind == EVENT_TEXT && e->code == 'l')
        ex->wants |= WANT_STATE;
}

/* Lines typed before: behind a command and in the empty line; else the arrows choose a command. */
static bool recalls(const struct explore *ex)
{
    const struct prompt *p = &ex->prompt;
    return ex->recall.walking || strchr(p->s, ' ') ||
           (p->n == 0 && ex->choices.selected == 0 && ex->recall.n > 0);
}

static void palette_step(struct explore *ex, int by)
{
    if (recalls(ex) && (by < 0 || ex->recall.walking)) {
        file_prompt_end(ex);
        recall_step(&ex->recall, &ex->prompt, by);
        ex->choices.selected = ex->choices.top = 0;
    } else {
        list_select(&ex->choices, ex->choices.selected + by);
    }
}

static void prompt_keys(struct explore *ex, const struct event *e)
{
    bool palette = ex->overlay == OVERLAY_PALETTE;
    bool erases_nothing = e->kind == EVENT_KEY && e->key == KEYS_BACKSPACE && ex->prompt.n == 0;
    if ((e->kind == EVENT_KEY && e->key == KEYS_ESC) || is_ctrl(e, 'c') || erases_nothing)
        ex->overlay = OVERLAY_NONE;
    else if (e->kind == EVENT_KEY && e->key == KEYS_ENTER && palette)
        palette_run(ex);
    else if (e->kind == EVENT_KEY && e->key == KEYS_ENTER)
        set_typed_value(ex);
    else if (palette && e->kind == EVENT_KEY && (e->key == KEYS_UP || is_ctrl(e, 'p')))
        palette_step(ex, -1);
    else if (palette && e->kind == EVENT_KEY && (e->key == KEYS_DOWN || is_ctrl(e, 'n')))
        palette_step(ex, 1);
    else if (palette && e->kind == EVENT_KEY && (e->key == KEYS_TAB || e->key == KEYS_BACKTAB))
        palette_complete(ex, e->key == KEYS_TAB ? 1 : -1);
    else if (prompt_event(&ex->prompt, e)) {
        file_prompt_end(ex);
        ex->recall.walking = false;
        ex->choices.selected = ex->choices.top = 0;
    }
    if (ex->overlay == OVERLAY_PALETTE) {
        struct palette_item items[PALETTE_MAX];
        list_resize(&ex->choices, palette_find(ex->prompt.s, palette_where(ex), items),
                    ex->layout.h > 16 ? 10 : ex->layout.h / 2);
    }
}

static bool overlay_event(struct explore *ex, const struct event *e)
{
    if (is_ctrl(e, 'z') || is_ctrl(e, 'l')) {
        ex->wants |= is_ctrl(e, 'z') ? WANT_SUSPEND : WANT_REPAINT;
        return true;
    }
    switch (ex->overlay) {
    case OVERLAY_NONE: return false;
    case OVERLAY_ASK: question_event(ex, e); break;
    case OVERLAY_COPY: copy_event(ex, e); break;
    case OVERLAY_HELP:
    case OVERLAY_MESSAGES: page_event(ex, e); break;
    default: prompt_keys(ex, e); break;
    }
    return true;
}

/* ---- events */

/* Esc is pressed to be on the safe side; what has no name is the terminal's noise. */
static void say_unbound(struct explore *ex, const struct event *e)
{
    char name[32];
    event_name(e, name, sizeof name);
    if (name[0] && e->key != KEYS_ESC)
        explore_hint(ex, "%s is not bound here; %s shows the keys", name, ex->typing ? "F1" : "?");
}

static void key_event(struct explore *ex, const struct event *e)
{
    if (ex->drag.active && e->kind == EVENT_KEY && e->key == KEYS_ESC) {
        drag_cancel(&ex->drag, &ex->sliders);
        ex->wish_changed = true;
        return;
    }
    explore_end_drag(ex);
    if (ex->refsets_paused && !is_ctrl(e, 'c')) {
        ex->refsets_paused = false;
        ex->wish_changed = true;
    }
    if (ex->views.now != VIEW_EXPLORE && views_event(ex, e))
        return;
    if (views_typing(ex))
        return;
    enum action_id a = action_for(e, explore_where(ex));
    bool select = (e->mods & MOD_SHIFT) && ex->typing;
    ex->message[0] = 0;
    if (a != ACTION_NONE && !(select && editing(ex, a, true)))
        explore_do(ex, a);
    else if (a == ACTION_NONE && ex->typing && e->kind == EVENT_TEXT) {
        char s[4];
        insert_text(ex, s, utf8_encode(e->code, s), true);
    } else if (a == ACTION_NONE) {
        say_unbound(ex, e);
    }
}

static bool press_tab(struct explore *ex, const struct event *e)
{
    struct rect r = ex->layout.title;
    int x[N_VIEWS], w[N_VIEWS];
    if (e->mouse != MOUSE_PRESS || r.h <= 0 || e->y != r.y || ex->layout.w < TABS_FROM)
        return false;
    views_tabs(r, x, w);
    for (int i = 0; i < N_VIEWS; i++)
        if (e->x >= x[i] && e->x < x[i] + w[i]) {
            views_go(ex, (enum view_id)i);
            return true;
        }
    return false;
}

static void mouse_event(struct explore *ex, const struct event *e)
{
    if (press_tab(ex, e))
        ex->message[0] = 0;
    else if (!ex->drag.active && !ex->selecting && key_bar_press(ex, e))
        return;
    else if (ex->views.now != VIEW_EXPLORE)
        views_event(ex, e);
    else
        explore_mouse(ex, e);
}

void explore_event(struct explore *ex, const struct event *e)
{
    if (e->kind == EVENT_FOCUS_IN)
        return; /* changes nothing, so nothing is sent */
    ex->redraw = true;
    blink_forget(ex);
    if (e->kind == EVENT_FOCUS_OUT) {
        explore_end_drag(ex);
        ex->selecting = false;
    } else if (ex->overlay != OVERLAY_NONE && (e->kind == EVENT_KEY || e->kind == EVENT_TEXT ||
                                               e->kind == EVENT_PASTE || e->kind == EVENT_MOUSE)) {
        overlay_event(ex, e);
    } else if (e->kind == EVENT_MOUSE) {
        mouse_event(ex, e);
    } else if (e->kind == EVENT_PASTE && ex->views.now != VIEW_EXPLORE) {
        views_event(ex, e);
    } else if (e->kind == EVENT_PASTE) {
        explore_end_drag(ex);
        if (ex->focus != PANE_TEXT || !ex->typing)
            explore_focus(ex, PANE_TEXT, true);
        insert_text(ex, e->paste, e->n_paste, false);
    } else if (e->kind == EVENT_KEY || e->kind == EVENT_TEXT) {
        key_event(ex, e);
    }
    explore_arrange(ex);
    views_sync(ex);
}

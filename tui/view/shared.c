#include "tui/view/shared.h"
#include "tui/unit_words.h"
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- beginning and end */
static void text_changed(void *arg, size_t at, size_t n_removed, size_t n_inserted)
{
    struct shared *sh = arg;
    if (sh->edited)
        sh->edited(sh->edited_arg, at, n_removed, n_inserted);
    if (sh->snapshot)
        sh->map = text_map(sh->snapshot->text, sh->snapshot->n_text, sh->editor.text.s,
                           sh->editor.text.n);
    sh->wish_changed = sh->state_changed = sh->redraw = true;
}

void shared_init(struct shared *sh, const struct options *o)
{
    *sh = (struct shared){.options = o,
                          .bos = o->bos == SAID_YES,
                          .last.action = ACTION_NONE,
                          .status.loading = true,
                          .follow = true,
                          .redraw = true,
                          .wish_changed = true,
                          .go = -1,
                          .then = ACTION_NONE};
    history_init(&sh->history);
    editor_init(&sh->editor, &sh->history);
    sh->editor.changed = text_changed;
    sh->editor.changed_arg = sh;
}

void shared_release(struct shared *sh)
{
    editor_release(&sh->editor);
    history_release(&sh->history);
    snapshot_unref(sh->snapshot);
    sh->snapshot = NULL;
    findings_release(&sh->findings);
    corpus_choice_release(&sh->corpus);
}

/* ---- messages */
__attribute__((format(printf, 3, 0))) static void say(struct shared *sh, bool error,
                                                      const char *format, va_list args)
{
    vsnprintf(sh->message, sizeof sh->message, format, args);
    sh->message_is_error = error;
    sh->redraw = true;
}

void shared_message(struct shared *sh, bool error, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(sh, error, format, args);
    va_end(args);
    messages_add(&sh->messages, error, sh->message, time(NULL));
}

void shared_hint(struct shared *sh, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(sh, false, format, args);
    va_end(args);
}

/* ---- views */
void shared_go(struct shared *sh, enum view_id id)
{
    sh->go = (int)id;
}

void shared_show_text(struct shared *sh, const char *utf8, size_t n, size_t cursor)
{
    shared_replace_text(sh, utf8, n);
    editor_goto(&sh->editor, cursor < n ? cursor : n, false);
    shared_moved(sh);
    sh->to_text = true;
    shared_go(sh, VIEW_EXPLORE);
}

/* ---- dictionaries */
int32_t shared_dict(const struct shared *sh)
{
    return sh->sliders.dict;
}

const struct dict *shared_listed(const struct shared *sh)
{
    const struct workbench *wb = sh->workbench;
    return !wb ? NULL : wb->dicts.n < 2 ? wb->dict : wb->dicts.place[shared_dict(sh)].dict;
}

/* The colour goes along where it was of the dictionary listed before: to what it was of when this
 * one was listed last, else to the first slider of this one. */
static void dict_changed(struct shared *sh, int32_t before)
{
    const int32_t now = shared_dict(sh);
    if (now == before)
        return;
    findings_of_dict(&sh->findings, now);
    sh->colour_of[before] = (struct colour_kept){true, sh->colour_unit};
    if (sh->colour_unit.dict == before && sh->colour_of[now].kept) {
        sh->colour_unit = sh->colour_of[now].unit;
    } else if (sh->colour_unit.dict == before) {
        for (int i = sh->sliders.n - 1; i >= 0; i--)
            if (sh->sliders.unit[i].id.dict == now)
                sh->colour_unit = sh->sliders.unit[i].id;
    }
    sh->wish_changed = sh->state_changed = sh->recolour = sh->redraw = true;
}

void shared_show_dict(struct shared *sh, int32_t place)
{
    const struct sliders before = sh->sliders;
    const bool lifted = shared_lifted(sh);
    sh->sliders.dict = place;
    if (lifted)
        sh->lift.of.dict = place;
    shared_changed_sliders(sh, &before, false);
    dict_changed(sh, before.dict);
}

bool shared_find_unit(const struct shared *sh, const struct unit_word *w, struct unit_id *out,
                      struct error *e)
{
    const struct dict_set *set = sh->workbench ? &sh->workbench->dicts : NULL;
    if (!set || set->n < 2 || !unit_word_alone(w))
        return unit_find(set, w, out, e);
    *out = (struct unit_id){shared_dict(sh), w->index};
    return w->index < 0 || unit_check(set, *out, e);
}

/* ---- sliders and colours */
bool shared_dict_known(struct shared *sh)
{
    if (!sh->workbench || sh->workbench->dict)
        return true;
    shared_message(sh, true, "no SAE: start with --sae, or with --neurons");
    return false;
}

bool shared_value_fits(struct shared *sh, struct unit_id unit, double v)
{
    char name[UNIT_NAME_MAX];
    if (slider_holds(v))
        return true;
    shared_message(sh, true, "%s = %g: a slider goes from −%.0f to %.0f",
                   unit_label(sh->workbench, unit, name), v, SLIDER_LIMIT, SLIDER_LIMIT);
    return false;
}

int32_t shared_units(const struct shared *sh, struct unit_id out[UNITS_MAX])
{
    for (int i = 0; i < sh->sliders.n; i++)
        out[i] = sh->sliders.unit[i].id;
    return sh->sliders.n;
}

int shared_slider(const struct shared *sh)
{
    return sh->rows.selected <= 0 ? SLIDER_ALL : sh->rows.selected - 1;
}

void shared_changed_sliders(struct shared *sh, const struct sliders *before, bool more_may_join)
{
    if (sliders_equal(before, &sh->sliders))
        return;
    history_sliders(&sh->history, before, &sh->sliders, more_may_join);
    list_resize(&sh->rows, sh->sliders.n + 1, sh->rows.height);
    sh->wish_changed = sh->state_changed = sh->redraw = true;
}

bool shared_sliders_known(struct shared *sh)
{
    if (sh->sliders.n > 0)
        return true;
    if (!shared_dict_known(sh))
        return false;
    shared_message(sh, false,
                   sh->status.loading ? "still loading"
                                      : "no sliders: take a %s in its pane with f",
                   unit_words_of(sh->workbench, shared_dict(sh))->one);
    return false;
}

void shared_repeatable(struct shared *sh, enum action_id a, double value)
{
    sh->last = (struct last_change){a, value};
}

void shared_set_selected(struct shared *sh, double v)
{
    struct sliders before = sh->sliders;
    int row = shared_slider(sh);
    if (!shared_value_fits(sh, sh->sliders.unit[row == SLIDER_ALL ? 0 : row].id, v))
        return;
    sliders_set(&sh->sliders, row, v);
    shared_repeatable(sh, ACTION_VALUE, v);
    shared_changed_sliders(sh, &before, false);
}

static void say_taken(struct shared *sh, const struct sliders *before, struct unit_id unit)
{
    char name[UNIT_NAME_MAX];
    int row = sliders_find(&sh->sliders, unit);
    shared_message(
        sh, false,
        sliders_find(before, unit) < 0 ? "%s %s is a slider now; f fixes it" : "%s %s %s",
        unit_words_of(sh->workbench, unit.dict)->one, unit_label(sh->workbench, unit, name),
        sh->sliders.unit[row].fixed ? "fixed" : "freed");
}

void shared_take(struct shared *sh, struct unit_id unit, double value)
{
    struct sliders before = sh->sliders;
    int row = sliders_find(&sh->sliders, unit);
    if (row >= 0)
        sliders_toggle(&sh->sliders, row);
    else
        row = sliders_take(&sh->sliders, unit, value);
    if (row < 0) {
        shared_message(sh, true, "all %d sliders are taken: x removes one", UNITS_MAX);
        return;
    }
    shared_changed_sliders(sh, &before, false);
    list_select(&sh->rows, row + 1);
    say_taken(sh, &before, unit);
}

void shared_colour_by(struct shared *sh, struct unit_id unit)
{
    sh->colour_unit = unit;
    if (sh->colouring != COLOUR_PRE && sh->colouring != COLOUR_ACT)
        sh->colouring = COLOUR_PRE;
    sh->wish_changed = sh->state_changed = sh->recolour = sh->redraw = true;
}

void shared_set_value(struct shared *sh, struct unit_id unit, double value)
{
    struct sliders before = sh->sliders;
    int row = sliders_find(&sh->sliders, unit);
    if (row < 0)
        row = sliders_take(&sh->sliders, unit, value);
    if (row < 0) {
        shared_message(sh, true, "all %d sliders are taken: x removes one", UNITS_MAX);
        return;
    }
    sliders_set(&sh->sliders, row, value);
    shared_changed_sliders(sh, &before, false);
}

double shared_fixed_value(const struct shared *sh, struct unit_id unit)
{
    int row = sliders_find(&sh->sliders, unit);
    return row >= 0 && sh->sliders.unit[row].fixed ? (double)sh->sliders.unit[row].value : NAN;
}

bool shared_lifted(const struct shared *sh)
{
    return sh->lift.off && sliders_equal(&sh->lift.of, &sh->sliders);
}

/* The insertion stays, so that the fixed values are all that changes. */
struct sliders shared_in_force(const struct shared *sh)
{
    struct sliders s = sh->sliders;
    if (!shared_lifted(sh))
        return s;
    s.insert = sliders_insert(&sh->sliders);
    for (int i = 0; i < s.n; i++)
        s.unit[i].fixed = false;
    return s;
}

/* ---- the text */
void shared_moved(struct shared *sh)
{
    sh->token_at = sh->editor.cursor;
    sh->follow = true;
    sh->wish_changed = sh->redraw = sh->state_changed = true;
}

void shared_edit(struct shared *sh, enum editor_op op, bool select)
{
    editor_do(&sh->editor, op, select);
    shared_moved(sh);
}

void shared_insert(struct shared *sh, const char *s, size_t n, bool typed)
{
    size_t lost = editor_insert(&sh->editor, s, n, typed);
    if (lost > 0)
        shared_message(sh, true, "the text ends at 2 MiB: %zu bytes were left out", lost);
    shared_moved(sh);
}

bool shared_edit_action(struct shared *sh, enum action_id a, bool select)
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
              {ACTION_EDIT_YANK, EDIT_YANK}};
    for (size_t i = 0; i < sizeof of / sizeof *of; i++)
        if (of[i].action == a) {
            shared_edit(sh, of[i].op, select);
            return true;
        }
    if (a == ACTION_EDIT_NEWLINE)
        shared_insert(sh, "\n", 1, true);
    return a == ACTION_EDIT_NEWLINE;
}

void shared_replace_text(struct shared *sh, const char *s, size_t n)
{
    editor_do(&sh->editor, EDIT_SELECT_ALL, false);
    shared_insert(sh, s, n, false);
    editor_goto(&sh->editor, 0, false);
    shared_moved(sh);
    editor_show_cursor(&sh->editor);
}

static bool edit_fits(const struct textbuf *t, const struct edit *e, bool undo)
{
    return textbuf_has(t, e->at, undo ? e->inserted : e->removed,
                       undo ? e->n_inserted : e->n_removed);
}

static void apply_change(struct shared *sh, const struct change *c, bool undo)
{
    if (c && c->kind == CHANGE_TEXT && !edit_fits(&sh->editor.text, &c->edit, undo)) {
        shared_message(sh, true, "this change is of another text");
    } else if (!c) {
        shared_message(sh, false, undo ? "nothing to take back" : "nothing to do again");
    } else if (c->kind == CHANGE_TEXT) {
        editor_apply(&sh->editor, &c->edit, undo);
        shared_moved(sh);
    } else {
        const int32_t dict = shared_dict(sh);
        sh->sliders = undo ? c->sliders->before : c->sliders->after;
        dict_changed(sh, dict);
        list_resize(&sh->rows, sh->sliders.n + 1, sh->rows.height);
        sh->wish_changed = sh->state_changed = sh->redraw = true;
    }
}

void shared_undo(struct shared *sh)
{
    apply_change(sh, history_undo(&sh->history), true);
}

void shared_redo(struct shared *sh)
{
    apply_change(sh, history_redo(&sh->history), false);
}

/* ---- the token looked at */
static const struct line_view *line_at(const struct snapshot *s, size_t at)
{
    int32_t lo = 0, hi = s->n_lines;
    while (hi - lo > 1) {
        int32_t mid = lo + (hi - lo) / 2;
        if (s->line[mid].start <= at)
            lo = mid;
        else
            hi = mid;
    }
    return s->n_lines > 0 ? &s->line[lo] : NULL;
}

/* A byte of the token looked at, in the present text; of a line without any: where it is. */
static size_t byte_looked_at(const struct shared *sh)
{
    const struct textbuf *t = &sh->editor.text;
    size_t at = sh->token_at;
    if (at > 0 && at == textbuf_line_end(t, textbuf_line_of(t, at)) && t->s[at - 1] != '\n')
        at--; /* behind the last token of a line: that token */
    return at;
}

struct here shared_here(const struct shared *sh, const struct snapshot *s)
{
    struct here h = {0};
    if (!s)
        return h;
    size_t at = byte_looked_at(sh);
    bool exact;
    at = map_to_old(&sh->map, at, &exact);
    if (!exact && at > 0 && s->text[at - 1] != '\n')
        at--; /* what was just typed is not known yet: the token before it */
    h.line = line_at(s, at);
    if (!h.line || !h.line->tokens || h.line->tokens->n == 0)
        return h;
    const struct line_tokens *tokens = h.line->tokens;
    size_t in_line = at - h.line->start;
    int32_t lo = 0, hi = tokens->n;
    while (lo < hi) {
        int32_t mid = lo + (hi - lo) / 2;
        if ((size_t)tokens->token[mid].end <= in_line)
            lo = mid + 1;
        else
            hi = mid;
    }
    h.i = lo < tokens->n ? lo : tokens->n - 1;
    h.token = h.line->first_token + h.i;
    h.start = h.line->start + (size_t)tokens->token[h.i].start;
    h.end = h.line->start + (size_t)tokens->token[h.i].end;
    h.stale = !exact;
    h.valid = true;
    return h;
}

static const struct line_latents *here_latents(const struct here *h)
{
    return h->valid && h->line->latents && h->i < h->line->latents->n ? h->line->latents : NULL;
}

int32_t here_n_active(const struct here *h)
{
    const struct line_latents *l = here_latents(h);
    return l ? l->list[h->i].n : 0;
}

bool here_active(const struct here *h, int32_t rank, struct unit_id *id, float *value)
{
    const struct line_latents *l = here_latents(h);
    const struct active_latent *active;
    if (!l || rank < 0 || rank >= latents_of_token(l, h->i, &active))
        return false;
    *id = (struct unit_id){h->line->latents->dict, active[rank].id};
    *value = active[rank].value;
    return true;
}

bool here_unit(const struct here *h, struct unit_id unit, float *pre, float *act)
{
    const struct line_latents *l = here_latents(h);
    for (int32_t w = 0; l && w < l->n_watch; w++)
        if (unit_same(l->watch[w], unit)) {
            size_t at = (size_t)h->i * (size_t)l->n_watch + (size_t)w;
            *pre = l->pre[at];
            *act = l->act[at];
            return true;
        }
    return false;
}

double shared_value_here(const struct shared *sh, struct unit_id unit)
{
    struct here h = shared_here(sh, sh->snapshot);
    float pre, act;
    return h.valid && here_unit(&h, unit, &pre, &act) ? (double)pre : NAN;
}

/* Behind a byte of the token looked at, so that predictions follow it, whether its bounds are known
 * yet or not. */
size_t shared_cursor(const struct shared *sh)
{
    const struct textbuf *t = &sh->editor.text;
    size_t at = byte_looked_at(sh),
           end = sh->sliders.join ? t->n : textbuf_line_end(t, textbuf_line_of(t, at));
    return at < end ? at + 1 : at;
}

/* ---- what has come */
bool snapshot_is_cut(const struct snapshot *s)
{
    for (int32_t i = 0; s && i < s->n_lines; i++)
        if (s->line[i].tokens && s->line[i].tokens->n_windows > 1)
            return true;
    return false;
}

static struct sliders sliders_of(const struct snapshot *s)
{
    struct sliders r = {.n = s->n_units < UNITS_MAX ? s->n_units : UNITS_MAX, .insert = s->insert};
    memcpy(r.unit, s->unit, (size_t)r.n * sizeof r.unit[0]);
    return r;
}

static void name_lane(struct shared *sh, uint64_t key, const struct sliders *of)
{
    for (int i = 0; i < sh->n_lanes; i++)
        if (sh->lane[i].key == key) {
            sh->lane[i].of = *of;
            return;
        }
    if (sh->n_lanes == LANES_KEPT) {
        memmove(sh->lane, sh->lane + 1, (LANES_KEPT - 1) * sizeof sh->lane[0]);
        sh->n_lanes--;
    }
    sh->lane[sh->n_lanes++] = (struct lane_name){key, *of};
}

static void keep_numbers(struct shared *sh, const struct snapshot *s)
{
    struct sliders of = sliders_of(s);
    name_lane(sh, s->lane_key[LANE_FIXED], &of);
    bool same_text = s->n_text == sh->editor.text.n && sh->map.prefix == s->n_text;
    if (s->loss.valid) {
        sh->loss = (struct loss_shown){
            .valid = true, .of = of, .version = same_text ? sh->editor.version : 0};
        memcpy(sh->loss.mean, s->loss_mean, sizeof sh->loss.mean);
    }
    for (int i = 0; i < s->n_refsets && i < CORPUS_MAX_CLASSES; i++) {
        const struct refset_view *v = &s->refset[i];
        struct refset_shown *r = &sh->refset[i];
        if (!v->base_valid && !v->fixed_valid)
            continue;
        if (s->any_fixed && !v->fixed_valid && r->valid && r->view.fixed_valid)
            continue; /* an older difference with its values beside it says more than nothing */
        *r = (struct refset_shown){.valid = true, .view = *v, .of = of};
        for (int k = 0; k < sh->n_lanes; k++)
            if (sh->lane[k].key == v->key)
                r->of = sh->lane[k].of;
    }
}

void shared_snapshot(struct shared *sh, struct snapshot *s)
{
    snapshot_ref(s);
    snapshot_unref(sh->snapshot);
    sh->snapshot = s;
    sh->map = text_map(s->text, s->n_text, sh->editor.text.s, sh->editor.text.n);
    keep_numbers(sh, s);
    sh->redraw = true;
}

void shared_harvest(struct shared *sh)
{
    char name[96];
    corpus_choice_name(&sh->corpus, name, sizeof name);
    if (!sh->workbench || !sh->host.ask || !sh->workbench->dict) {
        shared_message(sh, false, sh->workbench ? "no SAE: start with --sae" : "still loading");
        return;
    }
    shared_message(sh, false,
                   sh->findings.shares.n_classes > 0 ? "%s: harvested already" : "harvesting %s",
                   name);
    findings_harvest(&sh->findings, &sh->host, &sh->corpus);
}

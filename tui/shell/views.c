#include "tui/shell/views.h"
#include "engine/base/memory.h"
#include "tui/plot/plot.h"
#include "tui/unit_words.h"
#include "tui/view/explore/explore.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

const struct view_ops *const view_table[N_VIEWS] = {
    [VIEW_EXPLORE] = NULL,
    [VIEW_LATENTS] = &latents_view,
    [VIEW_HISTOGRAMS] = &histograms_view,
    [VIEW_SWEEP] = &sweep_view,
    [VIEW_CORPUS] = &corpus_view,
    [VIEW_JOBS] = &jobs_view,
};

static const struct view_ops *shown(const struct explore *ex)
{
    return view_table[ex->views.now];
}

/* Drawing and asking a view change nothing around it; the pointer to Explore is for its events. */
static struct view_in around(const struct explore *ex, const struct workbench *wb,
                             const struct theme *theme)
{
    return (struct view_in){.workbench = wb,
                            .theme = theme,
                            .host = &ex->views.host,
                            .corpus = &ex->views.corpus,
                            .options = ex->options,
                            .explore = (struct explore *)(uintptr_t)ex,
                            .ascii = theme && theme_ascii(theme)};
}

void views_release(struct views *v)
{
    for (int i = 0; i < N_VIEWS; i++)
        if (v->state[i]) {
            view_table[i]->release(v->state[i]);
            free(v->state[i]);
        }
    corpus_choice_release(&v->corpus);
    *v = (struct views){0};
}

static struct rect view_area(const struct layout *l)
{
    int y = l->title.h, bottom = l->h;
    if (l->status.h > 0 && l->status.y < bottom)
        bottom = l->status.y;
    return (struct rect){0, y, l->w, bottom - y};
}

void views_go(struct explore *ex, enum view_id id)
{
    struct views *v = &ex->views;
    const struct view_ops *ops = view_table[id];
    explore_end_drag(ex);
    v->now = id;
    v->entered = false;
    ex->redraw = ex->state_changed = true;
    if (!ops)
        return;
    ex->typing = false;
    if (!v->state[id]) {
        v->state[id] = xcalloc(1, ops->size);
        ops->init(v->state[id]);
    }
    views_sync(ex);
}

/* True once after the chosen latents changed or another view was gone to. */
static bool units_are_new(struct explore *ex)
{
    struct views *v = &ex->views;
    int32_t unit[SESSION_MAX_UNITS], n = explore_units(ex, unit);
    if (v->entered && n == v->n_units && memcmp(unit, v->unit, (size_t)n * sizeof *unit) == 0)
        return false;
    v->entered = true;
    v->n_units = n;
    memcpy(v->unit, unit, (size_t)n * sizeof *unit);
    return true;
}

/* What was asked of another corpus, or of this one read otherwise, is nobody's any longer. */
static void ask_anew(struct explore *ex)
{
    findings_release(&ex->findings);
    ex->views.entered = false;
}

void views_sync(struct explore *ex)
{
    struct views *v = &ex->views;
    const struct view_ops *ops = shown(ex);
    if (v->corpus.special != ex->sliders.special) {
        v->corpus.special = ex->sliders.special;
        ask_anew(ex);
    }
    if (!ops) {
        bool ready = ex->workbench && ex->workbench->dict && v->host.ask;
        if (findings_look_at(&ex->findings, &v->host, &v->corpus, ready ? histogram_unit(ex) : -1))
            ex->redraw = true;
        if (ready && units_are_new(ex)) {
            bool shares = findings_seek_shares(&ex->findings, &v->host, &v->corpus);
            if (findings_recall(&ex->findings, &v->host, &v->corpus, v->unit, v->n_units) || shares)
                ex->redraw = true;
        }
        return;
    }
    struct view_in in = around(ex, ex->workbench, ex->theme);
    struct rect area = view_area(&ex->layout);
    if (ex->workbench && v->host.ask && units_are_new(ex)) {
        ops->enter(v->state[v->now], &in);
        ops->update(v->state[v->now], &in);
        ex->redraw = true;
    }
    if (memcmp(&area, &v->area, sizeof area) != 0)
        ex->redraw = true;
    v->area = area;
    if (ops->resize)
        ops->resize(v->state[v->now], &in, area);
}

void views_news(struct explore *ex)
{
    const struct view_ops *ops = shown(ex);
    if (!ops || !ex->views.entered)
        return;
    struct view_in in = around(ex, ex->workbench, ex->theme);
    if (ops->update(ex->views.state[ex->views.now], &in))
        ex->redraw = true;
}

void views_draw(const struct explore *ex, const struct workbench *wb, const struct theme *theme,
                struct grid *g)
{
    const struct view_ops *ops = shown(ex);
    struct view_in in = around(ex, wb, theme);
    struct rect r = view_area(&ex->layout);
    if (r.w > 0 && r.h > 0)
        ops->draw(ex->views.state[ex->views.now], &in, g, r);
    if (!rect_has(r, g->cursor_x, g->cursor_y)) /* a cursor is somewhere for who follows it */
        g->cursor_x = r.x, g->cursor_y = r.y;
}

bool views_typing(const struct explore *ex)
{
    const struct view_ops *ops = shown(ex);
    return ops && ops->typing && ops->typing(ex->views.state[ex->views.now]);
}

void views_end_typing(struct explore *ex)
{
    if (views_typing(ex))
        views_event(ex, &(struct event){.kind = EVENT_KEY, .key = KEYS_ENTER});
}

bool views_event(struct explore *ex, const struct event *e)
{
    const struct view_ops *ops = shown(ex);
    struct view_in in = around(ex, ex->workbench, ex->theme);
    enum action_id a = views_typing(ex) ? ACTION_NONE : action_for(e, ops->where);
    return ops->event(ex->views.state[ex->views.now], &in, e, a);
}

bool views_do(struct explore *ex, enum action_id a)
{
    const struct view_ops *ops = shown(ex);
    struct event e;
    char key[32];
    action_key(a, key, sizeof key);
    if (!ops || !(actions[a].where & (unsigned)ops->where) || !event_parse(key, &e))
        return false;
    struct view_in in = around(ex, ex->workbench, ex->theme);
    return ops->event(ex->views.state[ex->views.now], &in, &e, a);
}

enum where explore_where(const struct explore *ex)
{
    const struct view_ops *ops = shown(ex);
    return ops ? ops->where : action_where(ex->focus, ex->typing);
}

/* ---- tabs */
const char *view_title(enum view_id id, const struct workbench *wb)
{
    if (id == VIEW_LATENTS)
        return unit_words(wb)->title;
    return view_table[id] ? view_table[id]->title : "Explore";
}

int views_tabs(struct rect r, int x[N_VIEWS], int w[N_VIEWS])
{
    int total = 0;
    for (int i = 0; i < N_VIEWS; i++) {
        const char *title = view_title((enum view_id)i, NULL); /* the longest are equally long */
        w[i] = text_columns(title, strlen(title)) + 2;
        total += w[i] + 1;
    }
    int at = r.x + r.w - total;
    for (int i = 0; i < N_VIEWS; i++) {
        x[i] = at;
        at += w[i] + 1;
    }
    return total;
}

/* ---- what is shown, taken home */
const struct table *views_table(const struct explore *ex, struct plot_options *plot)
{
    const struct view_ops *ops = shown(ex);
    plot_options_init(plot);
    if (!ops && ex->focus == PANE_HISTOGRAM)
        histogram_plot(ex, plot);
    if (!ops)
        return NULL;
    const void *state = ex->views.state[ex->views.now];
    if (ops->plot)
        ops->plot(state, plot);
    return ops->table ? ops->table(state) : NULL;
}

bool views_request(const struct explore *ex, struct request *out)
{
    const struct view_ops *ops = shown(ex);
    struct view_in in = around(ex, ex->workbench, ex->theme);
    return ops && ops->request && ops->request(ex->views.state[ex->views.now], &in, out);
}

/* ---- what views may do to Explore */
int32_t explore_units(const struct explore *ex, int32_t out[SESSION_MAX_UNITS])
{
    for (int i = 0; i < ex->sliders.n; i++)
        out[i] = ex->sliders.unit[i].index;
    return ex->sliders.n;
}

static void say_taken(struct explore *ex, const struct sliders *before, int32_t unit)
{
    int row = sliders_find(&ex->sliders, unit);
    explore_message(
        ex, false,
        sliders_find(before, unit) < 0 ? "%s %d is a slider now; f fixes it" : "%s %d %s",
        unit_words(ex->workbench)->one, (int)unit, ex->sliders.unit[row].fixed ? "fixed" : "freed");
}

void explore_take(struct explore *ex, int32_t unit, double value)
{
    struct sliders before = ex->sliders;
    int row = sliders_find(&ex->sliders, unit);
    if (row >= 0)
        sliders_toggle(&ex->sliders, row);
    else
        row = sliders_take(&ex->sliders, unit, value);
    if (row < 0) {
        explore_message(ex, true, "all %d sliders are fixed: free one first", SESSION_MAX_UNITS);
        return;
    }
    explore_changed_sliders(ex, &before, false);
    list_select(&ex->rows, row + 1);
    say_taken(ex, &before, unit);
}

void explore_colour_by(struct explore *ex, int32_t unit)
{
    ex->colour_unit = unit;
    if (ex->colouring != COLOUR_PRE && ex->colouring != COLOUR_ACT)
        ex->colouring = COLOUR_PRE;
    ex->wish_changed = ex->state_changed = true;
    explore_recolour(ex);
}

void explore_set_value(struct explore *ex, int32_t unit, double value)
{
    struct sliders before = ex->sliders;
    int row = sliders_find(&ex->sliders, unit);
    if (row < 0)
        row = sliders_take(&ex->sliders, unit, value);
    if (row < 0) {
        explore_message(ex, true, "all %d sliders are fixed: free one first", SESSION_MAX_UNITS);
        return;
    }
    sliders_set(&ex->sliders, row, value);
    explore_changed_sliders(ex, &before, false);
}

double explore_value_here(const struct explore *ex, int32_t unit)
{
    struct here h = explore_here(ex, ex->snapshot);
    float pre, act;
    return h.valid && here_unit(&h, unit, &pre, &act) ? (double)pre : NAN;
}

double explore_fixed_value(const struct explore *ex, int32_t unit)
{
    int row = sliders_find(&ex->sliders, unit);
    return row >= 0 && ex->sliders.unit[row].fixed ? (double)ex->sliders.unit[row].value : NAN;
}

void explore_show_text(struct explore *ex, const char *utf8, size_t n, size_t cursor)
{
    explore_replace_text(ex, utf8, n);
    editor_goto(&ex->editor, cursor < n ? cursor : n, false);
    explore_moved(ex);
    views_go(ex, VIEW_EXPLORE);
    explore_focus(ex, PANE_TEXT, false);
}

void explore_go(struct explore *ex, enum view_id id)
{
    views_go(ex, id);
}

void explore_harvest(struct explore *ex)
{
    struct views *v = &ex->views;
    char name[96];
    corpus_choice_name(&v->corpus, name, sizeof name);
    if (!ex->workbench || !v->host.ask || !ex->workbench->dict) {
        explore_message(ex, false, ex->workbench ? "no SAE: start with --sae" : "still loading");
        return;
    }
    explore_message(ex, false,
                    ex->findings.shares.n_classes > 0 ? "%s: harvested already" : "harvesting %s",
                    name);
    findings_harvest(&ex->findings, &v->host, &v->corpus);
    if (v->now != VIEW_EXPLORE)
        v->entered = false; /* a view whose job was cancelled asks again */
    views_sync(ex);
}

bool explore_use_corpus(struct explore *ex, const char *path)
{
    struct corpus_choice *c = &ex->views.corpus;
    char *kept = xstrdup(path); /* it may be the one that goes */
    corpus_choice_release(c);
    c->special = ex->sliders.special;
    if (*kept && strcmp(kept, "references") != 0) {
        c->path = kept;
        c->encoding = ex->encoding[0] ? xstrdup(ex->encoding) : NULL;
        c->header = ex->header;
    } else {
        free(kept);
    }
    ask_anew(ex);
    views_sync(ex);
    return true;
}

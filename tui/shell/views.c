#include "tui/shell/views.h"
#include "engine/base/memory.h"
#include "tui/plot/plot.h"
#include "tui/shell/shell_private.h"
#include "tui/unit_words.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct view_ops *const view_table[N_VIEWS] = {
#define VIEW_ROW(X, id, name, key, help) &name##_view,
    VIEWS(VIEW_ROW, )
#undef VIEW_ROW
};

int view_named(const struct view_ops *const *table, int n, const char *name)
{
    for (int i = 0; i < n; i++)
        if (strcmp(table[i]->name, name) == 0)
            return i;
    return -1;
}

static const struct view_ops *shown(const struct shell *shell)
{
    return shell->views.table[shell->views.now];
}

static void *state(const struct shell *shell)
{
    return shell->views.state[shell->views.now];
}

/* Drawing and asking a view change nothing around it; the pointer to what views share is for its
 * events. */
static struct view_in around(const struct shell *shell, int view)
{
    const struct shared *sh = &shell->sh;
    return (struct view_in){.workbench = sh->workbench,
                            .theme = sh->theme,
                            .host = &sh->host,
                            .corpus = &sh->corpus,
                            .options = sh->options,
                            .shared = (struct shared *)(uintptr_t)sh,
                            .ascii = sh->theme && theme_ascii(sh->theme),
                            .shown = view == shell->views.now,
                            .covered = shell->overlay != OVERLAY_NONE,
                            .w = shell->bars.w,
                            .h = shell->bars.h};
}

/* ---- which */
static void open_view(struct shell *shell, int view)
{
    struct views *v = &shell->views;
    struct view_in in = around(shell, view);
    if (v->state[view])
        return;
    v->state[view] = xcalloc(1, v->table[view]->size + 1);
    if (v->table[view]->init)
        v->table[view]->init(v->state[view], &in);
}

void views_init(struct shell *shell, const struct view_ops *const *table, int n)
{
    shell->views = (struct views){.table = table, .n = n < VIEWS_MAX ? n : VIEWS_MAX};
    for (int i = 0; i < shell->views.n; i++)
        shell->views.name[i] = table[i]->name;
    open_view(shell, HOME);
}

void views_release(struct views *v)
{
    for (int i = 0; i < v->n; i++)
        if (v->state[i]) {
            if (v->table[i]->release)
                v->table[i]->release(v->state[i]);
            free(v->state[i]);
        }
    *v = (struct views){0};
}

void views_go(struct shell *shell, int view)
{
    struct views *v = &shell->views;
    views_let_go(shell);
    if (view != v->now && shown(shell)->leave) {
        struct view_in in = around(shell, v->now);
        shown(shell)->leave(state(shell), &in);
    }
    v->now = view;
    v->entered = false;
    shell->sh.redraw = shell->sh.state_changed = true;
    open_view(shell, view);
    views_sync(shell);
}

/* ---- told of what has changed */

/* True once after the chosen latents, the dictionary listed or what is inserted at single places
 * changed, or another view was gone to. */
static bool units_are_new(struct shell *shell)
{
    struct views *v = &shell->views;
    struct unit_id unit[UNITS_MAX];
    int32_t n = shared_units(&shell->sh, unit);
    const int32_t dict = shared_dict(&shell->sh);
    struct insertion insert = sliders_insert(&shell->sh.sliders);
    if (insertion_everywhere(insert, NULL))
        insert = insertion_of(INSERT_NONE);
    if (v->entered && n == v->n_units && dict == v->dict && insertion_same(insert, v->insert) &&
        memcmp(unit, v->unit, (size_t)n * sizeof *unit) == 0)
        return false;
    v->dict = dict;
    v->insert = insert;
    v->entered = true;
    v->n_units = n;
    memcpy(v->unit, unit, (size_t)n * sizeof *unit);
    return true;
}

void views_ask_anew(struct shell *shell)
{
    findings_release(&shell->sh.findings);
    shell->views.entered = false;
}

void views_sync(struct shell *shell)
{
    struct views *v = &shell->views;
    struct shared *sh = &shell->sh;
    const struct view_ops *ops = shown(shell);
    struct view_in in = around(shell, v->now);
    struct rect area = shell->bars.inside;
    if (sh->corpus.special != sh->sliders.special) {
        sh->corpus.special = sh->sliders.special;
        views_ask_anew(shell);
    }
    if (sh->workbench && sh->host.ask && units_are_new(shell)) {
        if (ops->enter)
            ops->enter(state(shell), &in);
        if (ops->update)
            ops->update(state(shell), &in);
        sh->redraw = true;
    }
    if (memcmp(&area, &v->area, sizeof area) != 0)
        sh->redraw = true;
    v->area = area;
    if (ops->arrange)
        ops->arrange(state(shell), &in, area);
}

void views_news(struct shell *shell)
{
    if (!shell->views.entered || !shown(shell)->update)
        return;
    struct view_in in = around(shell, shell->views.now);
    if (shown(shell)->update(state(shell), &in))
        shell->sh.redraw = true;
}

void views_heard(struct shell *shell, enum view_news news)
{
    struct views *v = &shell->views;
    for (int i = 0; i < v->n; i++) {
        struct view_in in = around(shell, i);
        if (v->state[i] && v->table[i]->heard)
            v->table[i]->heard(v->state[i], &in, news);
    }
}

void views_draw(const struct shell *shell, struct grid *g)
{
    struct view_in in = around(shell, shell->views.now);
    struct rect r = shell->bars.inside;
    if (r.w > 0 && r.h > 0)
        shown(shell)->draw(state(shell), &in, g, r);
    if (!rect_has(r, g->cursor_x, g->cursor_y)) /* a cursor is somewhere for who follows it */
        g->cursor_x = r.x, g->cursor_y = r.y;
}

/* ---- keys, mouse, commands */
bool views_typing(const struct shell *shell)
{
    return shown(shell)->typing && shown(shell)->typing(state(shell));
}

void views_end_typing(struct shell *shell)
{
    struct view_in in = around(shell, shell->views.now);
    if (views_typing(shell))
        shown(shell)->end_typing(state(shell), &in);
}

bool views_grabs(const struct shell *shell)
{
    return shown(shell)->grabs && shown(shell)->grabs(state(shell));
}

void views_let_go(struct shell *shell)
{
    struct view_in in = around(shell, shell->views.now);
    if (shown(shell)->let_go)
        shown(shell)->let_go(state(shell), &in);
}

bool views_event(struct shell *shell, const struct event *e)
{
    struct view_in in = around(shell, shell->views.now);
    return shown(shell)->event && shown(shell)->event(state(shell), &in, e);
}

/* The home view's are done from wherever they are named. */
bool views_act(struct shell *shell, enum action_id a, bool extend)
{
    struct views *v = &shell->views;
    struct view_in in = around(shell, v->now);
    if (v->now != HOME && !(actions[a].where & shown(shell)->where))
        return false;
    return shown(shell)->act && shown(shell)->act(state(shell), &in, a, extend);
}

bool views_home_act(struct shell *shell, enum action_id a)
{
    struct views *v = &shell->views;
    struct view_in in = around(shell, HOME);
    return v->now != HOME && v->table[HOME]->act &&
           v->table[HOME]->act(v->state[HOME], &in, a, false);
}

static const struct view_command *command_of(const struct view_ops *view, const char *name,
                                             size_t n)
{
    for (const struct view_command *c = view->commands; c && c->name; c++)
        if (strlen(c->name) == n && strncmp(c->name, name, n) == 0)
            return c;
    return NULL;
}

const struct view_command *views_command(const struct shell *shell, const char *name, size_t n,
                                         int *view)
{
    const struct views *v = &shell->views;
    const int of[] = {v->now, HOME};
    for (int i = 0; i < 2; i++) {
        const struct view_command *c = command_of(v->table[of[i]], name, n);
        *view = of[i];
        if (c)
            return c;
    }
    return NULL;
}

int views_with_command(const struct shell *shell, const char *name, size_t n)
{
    for (int i = 0; i < shell->views.n; i++)
        if (command_of(shell->views.table[i], name, n))
            return i;
    return -1;
}

bool views_run(struct shell *shell, const struct view_command *c, int view, const char *arg)
{
    struct view_in in = around(shell, view);
    return c->run(shell->views.state[view], &in, arg);
}

enum where shell_where(const struct shell *shell)
{
    const struct view_ops *ops = shown(shell);
    return ops->context ? ops->context(state(shell)) : (enum where)ops->where;
}

bool shell_track(const struct shell *shell, int row, struct slider_track *t, int *x, int *y)
{
    const struct view_ops *ops = shown(shell);
    return ops->track && ops->track(state(shell), row, t, x, y);
}

/* ---- names */
void view_title(const struct shell *shell, int view, char *out, size_t n)
{
    snprintf(out, n, "%s", shell->views.table[view]->title);
    unit_words_in(shell->sh.workbench, out);
}

/* ---- what is shown, taken home */
const struct table *views_table(const struct shell *shell, struct plot_options *plot,
                                struct table **own)
{
    const struct view_ops *ops = shown(shell);
    plot_options_init(plot);
    *own = NULL;
    if (ops->plot)
        ops->plot(state(shell), plot);
    const struct view_in in = around(shell, shell->views.now);
    if (ops->make_table)
        *own = ops->make_table(state(shell), &in);
    return *own ? *own : ops->table ? ops->table(state(shell)) : NULL;
}

bool views_request(const struct shell *shell, struct request *out)
{
    const struct view_ops *ops = shown(shell);
    struct view_in in = around(shell, shell->views.now);
    return ops->request && ops->request(state(shell), &in, out);
}

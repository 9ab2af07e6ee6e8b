/* The Explore view: what is coloured and by what; how it hears of the rest. */
#include "tui/unit_words.h"
#include "tui/view/explore/explore_private.h"
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void edited(void *arg, size_t at, size_t n_removed, size_t n_inserted)
{
    struct explore *ex = arg;
    paint_edit(&ex->paint, &ex->sh->editor.text, at, n_removed, n_inserted, ex->sh->sliders.join);
}

static void init(void *view, const struct view_in *in)
{
    struct explore *ex = view;
    *ex = (struct explore){.sh = in->shared, .typing = true};
    layout_compute(&ex->layout, in->w, in->h, ex->focus, false, (struct layout_rows){0});
    ex->sh->edited = edited;
    ex->sh->edited_arg = ex;
}

static void release(void *view)
{
    struct explore *ex = view;
    ex->sh->edited = NULL;
    paint_release(&ex->paint);
    blink_forget(ex);
}

/* Asks for the histogram of the latent looked at; what comes, here and below, is for
 * shared->findings to hear. */
static bool look(struct explore *ex)
{
    struct shared *sh = ex->sh;
    bool ready = sh->workbench && sh->workbench->dict && sh->host.ask;
    if (findings_look_at(&sh->findings, &sh->host, &sh->corpus,
                         ready ? histogram_unit(ex) : UNIT_NONE))
        sh->redraw = true;
    return ready;
}

static void enter(void *view, const struct view_in *in)
{
    struct explore *ex = view;
    struct shared *sh = ex->sh;
    struct unit_id unit[UNITS_MAX];
    int32_t n = shared_units(sh, unit);
    (void)in;
    if (!look(ex))
        return;
    findings_seek_shares(&sh->findings, &sh->host, &sh->corpus);
    findings_recall(&sh->findings, &sh->host, &sh->corpus, sliders_insert(&sh->sliders), unit, n);
}

static void leave(void *view, const struct view_in *in)
{
    struct explore *ex = view;
    (void)in;
    ex->typing = false;
}

static void heard(void *view, const struct view_in *in, enum view_news news)
{
    struct explore *ex = view;
    if (news == NEWS_SNAPSHOT) {
        explore_measure(ex, ex->sh->snapshot);
        explore_recolour(ex);
        explore_arrange(ex);
        blink_compare(ex, in->shown);
    } else {
        free(ex->paint.token); /* levels are the theme's */
        ex->paint = (struct paint){0};
        if (theme_depth(in->theme) == DEPTH_MONO)
            ex->rail = true;
        explore_recolour(ex);
    }
}

static void arrange(void *view, const struct view_in *in, struct rect r)
{
    struct explore *ex = view;
    struct shared *sh = ex->sh;
    (void)r;
    blink_follow(ex);
    if (in->w != ex->layout.w || in->h != ex->layout.h)
        explore_resize(ex, in->w, in->h);
    if (sh->to_text) {
        explore_arrange(ex);
        explore_focus(ex, PANE_TEXT, false);
    }
    if (sh->recolour)
        explore_recolour(ex);
    sh->to_text = sh->recolour = false;
    explore_arrange(ex);
    look(ex);
}

static enum where context(const void *view)
{
    const struct explore *ex = view;
    return action_where(ex->focus, ex->typing);
}

static bool grabs(const void *view)
{
    const struct explore *ex = view;
    return ex->drag.active || ex->selecting;
}

static void let_go(void *view, const struct view_in *in)
{
    struct explore *ex = view;
    (void)in;
    explore_end_drag(ex);
    ex->selecting = false;
}

static void plot(const void *view, struct plot_options *o)
{
    const struct explore *ex = view;
    if (ex->focus == PANE_HISTOGRAM)
        histogram_plot(ex, o);
}

/* ---- its commands */
static const char *const switch_names[] = {"on", "off", NULL};

/* "on": 1; "off": 0; "": −1; else −2. */
static int switched(const char *arg)
{
    return strcmp(arg, "on") == 0 ? 1 : strcmp(arg, "off") == 0 ? 0 : *arg ? -2 : -1;
}

static bool run_rail(void *view, const struct view_in *in, const char *arg)
{
    struct explore *ex = view;
    int to = switched(arg);
    (void)in;
    if (to == -2)
        return false;
    if (to < 0 || ex->rail != (to == 1))
        explore_do(ex, ACTION_RAIL);
    return true;
}

static bool run_twin(void *view, const struct view_in *in, const char *arg)
{
    struct explore *ex = view;
    int to = switched(arg);
    char *end;
    (void)in;
    if (to > -2) {
        twin_switch(ex, to < 0 ? !ex->twin : to == 1);
        return true;
    }
    errno = 0;
    long n = strtol(arg, &end, 10);
    return end > arg && !*end && !errno && twin_reference(ex, n);
}

static const struct view_command commands[] = {
    {"rail", "on|off", "values as a rail below each line", ACTION_RAIL, switch_names, run_rail,
     NULL},
    {"twin", "on|off|N", "a line and its twin; N: reference pair N as the text", ACTION_TWIN,
     switch_names, run_twin, NULL},
    {.name = NULL},
};

const struct view_ops explore_view = {.name = "explore",
                                      .title = "Explore",
                                      .where = IN_COMMAND,
                                      .size = sizeof(struct explore),
                                      .commands = commands,
                                      .init = init,
                                      .release = release,
                                      .enter = enter,
                                      .leave = leave,
                                      .heard = heard,
                                      .draw = explore_draw,
                                      .arrange = arrange,
                                      .context = context,
                                      .act = explore_act,
                                      .event = explore_event,
                                      .grabs = grabs,
                                      .let_go = let_go,
                                      .make_table = explore_make_table,
                                      .plot = plot,
                                      .command_line = explore_command_line,
                                      .track = explore_track};

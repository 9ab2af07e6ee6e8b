/* The Explore view: what is coloured and by what; how it hears of the rest. */
#include "tui/unit_words.h"
#include "tui/view/explore/explore_private.h"
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- what is looked at */
int32_t explore_n_latents(const struct explore *ex, const struct here *h)
{
    return ex->brush.n > 0 ? ex->brush.n : here_n_active(h);
}

bool explore_latent(const struct explore *ex, const struct here *h, int32_t row, int32_t *id,
                    float *value)
{
    if (ex->brush.n == 0)
        return here_active(h, row, id, value);
    if (row < 0 || row >= ex->brush.n)
        return false;
    *id = ex->brush.row[row].latent;
    *value = ex->brush.row[row].value;
    return true;
}

bool explore_next_item(const struct explore *ex, int row, int32_t *id)
{
    const struct snapshot *s = ex->sh->snapshot;
    if (!s)
        return false;
    const struct next_list *l = s->any_fixed && s->next_fixed.n > 0 ? &s->next_fixed
                                : s->next_base.n > 0                ? &s->next_base
                                                                    : &s->next_plain;
    if (row < 0 || row >= l->n)
        return false;
    *id = l->id[row];
    return true;
}

/* ---- scales */
float explore_scale(const struct explore *ex, const struct workbench *wb, int32_t unit,
                    bool *from_bundle)
{
    const struct bundle *b = wb && wb->bundle_is_ours ? wb->bundle : NULL;
    if (from_bundle)
        *from_bundle = false;
    if (b && b->abs_pre_p99 && unit >= 0 && unit < b->n_latents && b->abs_pre_p99[unit] > 0) {
        if (from_bundle)
            *from_bundle = true;
        return b->abs_pre_p99[unit];
    }
    for (int i = 0; i < ex->n_scales; i++)
        if (ex->scale[i].unit == unit)
            return ex->scale[i].p99;
    return 1;
}

struct paint_rule explore_rule(const struct explore *ex, const struct workbench *wb)
{
    struct paint_rule r = {.colouring = ex->sh->colouring};
    if (ex->sh->colouring == COLOUR_LOSS || ex->sh->colouring == COLOUR_DELTA)
        return r;
    if (ex->sh->colour_unit >= 0)
        r.unit[r.n_units++] = ex->sh->colour_unit;
    for (int i = 0; ex->sh->colour_unit == UNIT_ALL && i < ex->sh->sliders.n; i++)
        r.unit[r.n_units++] = ex->sh->sliders.unit[i].index;
    for (int i = 0; i < r.n_units; i++)
        r.scale[i] = explore_scale(ex, wb, r.unit[i], NULL);
    return r;
}

static int by_size(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* The 99th percentile of |pre| over (at most) the first 4,096 tokens of the text; 0: nothing known.
 */
static float measured_p99(const struct snapshot *s, int32_t unit)
{
    static const int most = 4096;
    float *v = malloc((size_t)most * sizeof *v);
    int n = 0;
    for (int32_t l = 0; v && l < s->n_lines && n < most; l++) {
        const struct line_latents *a = s->line[l].latents;
        for (int32_t w = 0; a && w < a->n_watch; w++)
            if (a->watch[w] == unit)
                for (int32_t i = 0; i < a->n && n < most; i++) {
                    float pre = a->pre[(size_t)i * (size_t)a->n_watch + (size_t)w];
                    if (isfinite(pre))
                        v[n++] = fabsf(pre);
                }
    }
    if (n > 0)
        qsort(v, (size_t)n, sizeof *v, by_size);
    float p99 = n > 0 ? v[(n - 1) * 99 / 100] : 0;
    free(v);
    return p99;
}

/* Scales move only when they are far off, so that typing does not recolour the text. */
static void measure_scales(struct explore *ex, const struct snapshot *s)
{
    struct paint_rule rule = explore_rule(ex, ex->sh->workbench);
    for (int u = 0; u < rule.n_units; u++) {
        bool from_bundle;
        float old = explore_scale(ex, ex->sh->workbench, rule.unit[u], &from_bundle);
        float p99 = from_bundle ? 0 : measured_p99(s, rule.unit[u]);
        if (!(p99 > 0) || !isfinite(p99))
            continue;
        int i = 0;
        while (i < ex->n_scales && ex->scale[i].unit != rule.unit[u])
            i++;
        if (i < ex->n_scales && p99 < 1.5f * old && p99 > old / 3)
            continue;
        if (i == ex->n_scales && ex->n_scales < 2 * SESSION_MAX_UNITS)
            ex->n_scales++;
        if (i < ex->n_scales)
            ex->scale[i] = (struct measured_scale){rule.unit[u], p99};
        else /* the oldest goes */
            ex->scale[(unsigned)rule.unit[u] % (2 * SESSION_MAX_UNITS)] =
                (struct measured_scale){rule.unit[u], p99};
    }
}

void explore_recolour(struct explore *ex)
{
    if (!ex->sh->snapshot || !ex->sh->theme)
        return;
    struct paint_rule rule = explore_rule(ex, ex->sh->workbench);
    paint_snapshot(&ex->paint, ex->sh->snapshot, &ex->sh->editor.text, &rule, ex->sh->theme);
}

/* ---- effects of sliders on losses */
bool same_effect(const struct sliders *a, const struct sliders *b)
{
    if (sliders_insert(a) != sliders_insert(b))
        return false;
    for (int side = 0; side < 2; side++) {
        const struct sliders *p = side ? b : a, *q = side ? a : b;
        for (int i = 0; i < p->n; i++) {
            int j = sliders_find(q, p->unit[i].index);
            if (p->unit[i].fixed &&
                (j < 0 || !q->unit[j].fixed || fabsf(q->unit[j].value - p->unit[i].value) > 1e-6f))
                return false;
        }
    }
    return true;
}

void at_label(const struct sliders *of, const struct sliders *now, bool ascii, char *out, size_t n)
{
    int differ = 0, fixed = 0;
    const struct chosen_unit *one = NULL;
    bool alike = true;
    float value = 0;
    for (int i = 0; i < of->n; i++) {
        const struct chosen_unit *u = &of->unit[i];
        int j = sliders_find(now, u->index);
        bool same = j >= 0 && now->unit[j].fixed == u->fixed &&
                    (!u->fixed || now->unit[j].value == u->value);
        if (!same) {
            differ++;
            one = u;
        }
        if (u->fixed) {
            alike = alike && (fixed == 0 || u->value == value);
            value = u->value;
            fixed++;
        }
    }
    if (fixed == 0)
        snprintf(out, n, "at free");
    else if (differ == 1 || alike)
        snprintf(out, n, one && differ == 1 && !one->fixed ? "at free" : "at %s%.1f",
                 (double)(differ == 1 ? one->value : value) < 0 ? (ascii ? "-" : "−") : "",
                 fabs((double)(differ == 1 ? one->value : value)));
    else
        snprintf(out, n, "at others");
}

/* ---- from the sweep */
double explore_sweep_now(const struct explore *ex, const char *cls)
{
    int32_t unit[SESSION_MAX_UNITS], n = shared_units(ex->sh, unit);
    int32_t fixed = 0, which = -1;
    bool same, references = !ex->sh->corpus.path && ex->sh->corpus.n_files == 0;
    double v = sliders_value(&ex->sh->sliders, SLIDER_ALL, &same);
    if (!references || shared_lifted(ex->sh) || !findings_apply(&ex->sh->findings, unit, n))
        return NAN;
    for (int i = 0; i < n; i++)
        if (ex->sh->sliders.unit[i].fixed) {
            fixed++;
            which = i;
        }
    if (fixed == 1)
        v = (double)ex->sh->sliders.unit[which].value;
    else if (fixed != n || !same)
        return NAN;
    return findings_loss(&ex->sh->findings, sliders_insert(&ex->sh->sliders),
                         fixed == 1 && n > 1 ? unit[which] : -1, cls, v);
}

/* ---- the view */
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

/* The histogram of the latent looked at. */
static bool look(struct explore *ex)
{
    struct shared *sh = ex->sh;
    bool ready = sh->workbench && sh->workbench->dict && sh->host.ask;
    if (findings_look_at(&sh->findings, &sh->host, &sh->corpus, ready ? histogram_unit(ex) : -1))
        sh->redraw = true;
    return ready;
}

static void enter(void *view, const struct view_in *in)
{
    struct explore *ex = view;
    struct shared *sh = ex->sh;
    int32_t unit[SESSION_MAX_UNITS], n = shared_units(sh, unit);
    (void)in;
    if (!look(ex))
        return;
    findings_seek_shares(&sh->findings, &sh->host, &sh->corpus);
    findings_recall(&sh->findings, &sh->host, &sh->corpus, unit, n);
}

static void leave(void *view, const struct view_in *in)
{
    struct explore *ex = view;
    (void)in;
    ex->typing = false;
}

/* What it asks for stands in shared->findings, which hears of it. */
static bool update(void *view, const struct view_in *in)
{
    (void)view;
    (void)in;
    return false;
}

static void heard(void *view, const struct view_in *in, enum view_news news)
{
    struct explore *ex = view;
    if (news == NEWS_SNAPSHOT) {
        measure_scales(ex, ex->sh->snapshot);
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
    {"rail", "on|off", "values as a rail below each line", ACTION_RAIL, switch_names, run_rail},
    {"twin", "on|off|N", "a line and its twin; N: reference pair N as the text", ACTION_TWIN,
     switch_names, run_twin},
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
                                      .update = update,
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

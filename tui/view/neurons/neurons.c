/* Context neurons: units that tell a class by themselves, what they do to the loss, and a text with
 * one of them on and off while one types. */
#include "engine/base/memory.h"
#include "tui/view/neurons/neurons_private.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void init(void *view, const struct view_in *in)
{
    (void)in;
    struct neurons *v = view;
    v->focus = PART_UNITS;
    v->unit = UNIT_NONE;
    v->log = true; /* most tokens have nothing of a latent */
    v->at[AT_ON] = v->at[AT_OFF] = NAN;
}

static void release(void *view)
{
    struct neurons *v = view;
    watch_release(&v->classify);
    watch_release(&v->ablate);
    for (int k = 0; k < N_SHOWN; k++)
        watch_release(&v->study[k]);
    table_set_unref(v->classified);
    table_free(v->histogram);
    free(v->order);
    free(v->change);
    free(v->target);
    *v = (struct neurons){0};
}

/* ---- what the worker computes beside the explorer's text */
static bool same_pair(const struct pair *a, const struct pair *b)
{
    return a->wanted == b->wanted &&
           (!a->wanted || (unit_same(a->unit, b->unit) && memcmp(a->at, b->at, sizeof a->at) == 0));
}

static void set_pair(const struct view_in *in, const struct pair *p)
{
    if (!in->shared || same_pair(&in->shared->pair, p))
        return;
    in->shared->pair = *p;
    in->shared->wish_changed = true;
}

/* The bounds of the lists as `glimt neuron position` has them. */
static void set_bounds(struct pair *p)
{
    struct params q;
    query_params(&position_query, &q);
    p->least = params_real(&q, "min-logp");
    p->max_norm = params_real(&q, "max-norm");
    p->min_embed = params_real(&q, "min-embed");
    params_release(&q);
}

void neurons_wish(struct neurons *v, const struct view_in *in)
{
    struct pair p = {.wanted = v->unit.dict >= 0 && !isnan(v->at[AT_ON]) && !isnan(v->at[AT_OFF]),
                     .unit = v->unit};
    for (int i = 0; i < 2 && p.wanted; i++)
        p.at[i] = (float)v->at[i];
    if (p.wanted)
        set_bounds(&p);
    set_pair(in, &p);
}

/* ---- asking */
static const struct query *query_of(const struct neurons *v, enum neurons_part p)
{
    return p == PART_TEXT || p == PART_LISTS || p == PART_VALUES ? &position_query
           : p == PART_STUDY                                     ? neurons_shown[v->shown].query
                                                                 : &classify_query;
}

/* The position that the lists are of, in its line; −1: the last. */
static int64_t position_of(const struct neurons *v, const struct view_in *in)
{
    const struct pair_view *p = &v->listed;
    const struct snapshot *s = in->shared->snapshot;
    return p->listed && s && p->line < s->n_lines ? p->next_token - s->line[p->line].first_token
                                                  : -1;
}

static void set_text(const struct neurons *v, const struct view_in *in, struct request *r)
{
    size_t n, cursor;
    const char *line = neurons_line(in, &n, &cursor);
    char *text = xstrndup(line, n);
    params_set_text(&r->params, "text", text);
    params_set_int(&r->params, "at", position_of(v, in));
    params_set_values(&r->params, "on-at", &v->at[AT_ON], 1);
    params_set_values(&r->params, "off-at", &v->at[AT_OFF], 1);
    r->passing = true;
    free(text);
}

/* The later unit that is selected in the list of those, by name. */
static const char *later_of(const struct neurons *v)
{
    const struct table *t = watch_table(&v->study[SHOWS_DOWNSTREAM], "rows");
    const int64_t row = v->shown == SHOWS_DOWNSTREAM ? v->rows.selected : 0;
    return t && neurons_study_fits(v, SHOWS_DOWNSTREAM) && row < t->n_rows
               ? column_str(t, row, column_text(t, "unit"))
               : "";
}

/* Of a layer, or about one unit. */
static bool of_corpus(const struct view_in *in, const struct query *q, struct request *r)
{
    const struct workbench *wb = in->workbench;
    if (!wb || !wb->dict)
        return false;
    request_init(r, q);
    if (in->corpus) {
        corpus_choice_release(&r->corpus);
        corpus_choice_copy(&r->corpus, in->corpus);
    }
    return true;
}

static bool of_layer(const struct view_in *in, struct request *r)
{
    const struct workbench *wb = in->workbench;
    const int32_t place = in->shared ? shared_dict(in->shared) : 0;
    if (!wb || !wb->dict || !wb->dicts.place[place].neurons ||
        wb->dicts.place[place].at.site != SITE_MLP_ACT || !of_corpus(in, &classify_query, r))
        return false;
    params_set_int(&r->params, "layer", wb->dicts.place[place].at.layer);
    params_set_flag(&r->params, "histograms", true);
    return true;
}

/* What the sliders hold, where they were moved. */
static void set_values(const struct neurons *v, struct request *r)
{
    static const char *const name[] = {"on-at", "off-at"};
    for (int i = 0; i < 2 && v->by_hand; i++)
        if (params_know(&r->params, name[i]))
            params_set_values(&r->params, name[i], &v->at[i], 1);
}

static bool about_unit(const struct neurons *v, const struct view_in *in, const struct query *q,
                       struct request *r)
{
    size_t n, cursor;
    if (v->unit.dict < 0 || isnan(v->at[AT_ON]) || isnan(v->at[AT_OFF]))
        return false;
    if ((q == &position_query && (neurons_line(in, &n, &cursor), n == 0)) ||
        (q == &shift_query && !*later_of(v)))
        return false;
    if (!of_corpus(in, q, r))
        return false;
    request_set_units(r, &v->unit, 1);
    if (q == &position_query)
        set_text(v, in, r);
    else
        set_values(v, r);
    if (q == &shift_query)
        params_set_text(&r->params, "later", later_of(v));
    if (q == &boosts_query)
        r->passing = true;
    return true;
}

static bool make(const struct neurons *v, const struct view_in *in, const struct query *q,
                 struct request *r)
{
    enum { HISTOGRAMS = 16 }; /* unasked */
    struct unit_id unit[UNITS_MAX];
    int32_t n;
    if (q == &classify_query) {
        if (!(v->layer ? of_layer(in, r) : pane_request(in, q, NULL, r)))
            return false;
        if (!v->layer && pane_units(in, unit) > HISTOGRAMS)
            params_set_flag(&r->params, "histograms", true);
    } else if (q == &ablate_query) {
        if ((n = neurons_beside(v, in, v->units.selected, unit)) == 0 || !of_corpus(in, q, r))
            return false;
        request_set_units(r, unit, n);
    } else if (!about_unit(v, in, q, r)) {
        return false;
    }
    if (v->target && params_know(&r->params, "target")) /* what writes alike is of no class */
        params_set_text(&r->params, "target", v->target);
    if (!r->corpus.limit)
        r->corpus.limit = q->limit;
    return true;
}

bool neurons_request(const struct neurons *v, const struct view_in *in, enum neurons_part p,
                     struct request *r)
{
    return in->host && in->host->ask && make(v, in, query_of(v, p), r);
}

static void ask(struct neurons *v, const struct view_in *in, const struct query *q,
                struct watch *watch)
{
    struct request r;
    if (!in->host || !in->host->ask || !make(v, in, q, &r))
        return;
    if (watch->job.id && job_is_pending(&watch->job) && !request_equal(&watch->request, &r))
        in->host->cancel(in->host->arg, watch->job.id); /* nobody waits for it any more */
    watch_ask(watch, in->host, &r);
}

void neurons_ask_study(struct neurons *v, const struct view_in *in, enum neurons_study k)
{
    ask(v, in, neurons_shown[k].query, &v->study[k]); /* a shift: of the row of the one before */
    v->shown = k;
    neurons_bounds(v, in);
}

/* Where nothing has to be read: of others a key asks. */
static void look(struct neurons *v, const struct view_in *in)
{
    struct neuron_row r;
    if (!neurons_row(v, in, v->units.selected, &r))
        return;
    if (!unit_same(r.unit, v->unit)) {
        v->unit = r.unit;
        v->by_hand = v->listed.listed = false;
    }
    if (!v->by_hand) {
        v->at[AT_ON] = r.mean[0];
        v->at[AT_OFF] = r.mean[1];
    }
    neurons_take_histogram(v, r.name);
    if (v->shown == SHOWS_BOOSTS)
        ask(v, in, &boosts_query, &v->study[SHOWS_BOOSTS]);
    if (isnan(r.change[0]))
        ask(v, in, &ablate_query, &v->ablate);
    neurons_wish(v, in);
    neurons_bounds(v, in);
}

void neurons_select(struct neurons *v, const struct view_in *in, int at)
{
    list_select(&v->units, at);
    look(v, in);
}

void neurons_hold_at(struct neurons *v, const struct view_in *in, int which, double x)
{
    if (!slider_holds(x) || isnan(v->at[which]))
        return;
    v->at[which] = x;
    v->by_hand = true;
    neurons_wish(v, in);
}

void neurons_ask_units(struct neurons *v, const struct view_in *in)
{
    const uint64_t before = v->classify.job.id;
    ask(v, in, &classify_query, &v->classify);
    if (v->classify.job.id != before && v->ablate.job.id && job_is_pending(&v->ablate.job))
        in->host->cancel(in->host->arg, v->ablate.job.id); /* of a list that is gone */
    neurons_take_rows(v, in);
    neurons_bounds(v, in);
    look(v, in);
}

static void enter(void *view, const struct view_in *in)
{
    struct neurons *v = view;
    struct unit_id unit[UNITS_MAX];
    if (pane_units(in, unit) == 0)
        v->layer = true;
    neurons_ask_units(v, in);
}

static bool update(void *view, const struct view_in *in)
{
    struct neurons *v = view;
    const bool classified = watch_update(&v->classify, in->host),
               ablated = watch_update(&v->ablate, in->host);
    bool news = classified || ablated;
    if (news)
        neurons_take_rows(v, in);
    neurons_bounds(v, in);
    if (classified)
        look(v, in);
    for (int k = 0; k < N_SHOWN; k++)
        news = watch_update(&v->study[k], in->host) || news;
    neurons_bounds(v, in);
    return news;
}

/* The text changed, here or elsewhere. */
static void heard(void *view, const struct view_in *in, enum view_news news)
{
    struct neurons *v = view;
    const struct pair_view *p = neurons_pair(v, in);
    if (news != NEWS_SNAPSHOT || !p || !p->listed)
        return;
    v->listed = *p;
    v->listed.loss[0] = v->listed.loss[1] = NULL;
}

void neurons_bounds(struct neurons *v, const struct view_in *in)
{
    struct neurons_layout l;
    const struct table *t = v->classified ? table_set_find(v->classified, "rows") : NULL;
    (void)in;
    neurons_layout(v->area, v->focus, v->zoom, &l);
    const int h = neurons_inner(&l, PART_UNITS).h;
    list_resize(&v->units, t ? (int)t->n_rows : 0, h > 2 ? h - 1 : h);
    list_resize(&v->rows, neurons_study_rows(v), neurons_inner(&l, PART_STUDY).h);
}

static void arrange(void *view, const struct view_in *in, struct rect r)
{
    struct neurons *v = view;
    v->area = r;
    neurons_bounds(v, in);
}

/* ---- what is taken home */
static bool typing(const void *view)
{
    (void)view;
    return false; /* keys come as actions of typing */
}

static enum where context(const void *view)
{
    return ((const struct neurons *)view)->typing ? IN_TYPING : IN_NEURONS_VIEW;
}

static bool grabs(const void *view)
{
    return ((const struct neurons *)view)->holds;
}

static void let_go(void *view, const struct view_in *in)
{
    (void)in;
    ((struct neurons *)view)->holds = false;
}

static void leave(void *view, const struct view_in *in)
{
    ((struct neurons *)view)->typing = false;
    set_pair(in, &(struct pair){.wanted = false});
}

static const struct table *table(const void *view)
{
    const struct neurons *v = view;
    switch (v->focus) {
    case PART_UNITS: return v->classified ? table_set_find(v->classified, "rows") : NULL;
    case PART_HISTOGRAM: return v->histogram;
    case PART_STUDY: return watch_table(&v->study[v->shown], neurons_shown[v->shown].table);
    default: return NULL;
    }
}

static struct table *make_table(const void *view, const struct view_in *in)
{
    const struct neurons *v = view;
    if (v->focus == PART_LISTS)
        return neurons_list_table(v, in);
    return v->focus == PART_TEXT || v->focus == PART_VALUES ? neurons_text_table(v, in) : NULL;
}

static void plot(const void *view, struct plot_options *o)
{
    neurons_plot(view, false, o);
}

static bool request(const void *view, const struct view_in *in, struct request *out)
{
    const struct neurons *v = view;
    return neurons_request(v, in, v->focus, out);
}

const struct view_ops neurons_view = {.name = "neurons",
                                      .title = "Neurons",
                                      .where = IN_NEURONS_VIEW | IN_TYPING,
                                      .size = sizeof(struct neurons),
                                      .init = init,
                                      .release = release,
                                      .enter = enter,
                                      .leave = leave,
                                      .update = update,
                                      .heard = heard,
                                      .draw = neurons_draw,
                                      .arrange = arrange,
                                      .context = context,
                                      .act = neurons_act,
                                      .event = neurons_event,
                                      .typing = typing,
                                      .grabs = grabs,
                                      .let_go = let_go,
                                      .table = table,
                                      .make_table = make_table,
                                      .plot = plot,
                                      .request = request};

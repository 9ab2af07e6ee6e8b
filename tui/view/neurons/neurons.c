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
    watch_release(&v->boosts);
    watch_release(&v->position);
    table_set_unref(v->shown);
    free(v->shown_text);
    *v = (struct neurons){0};
}

/* ---- what is there */
static int32_t mean_column(const struct table *t, int c)
{
    for (int32_t i = 0, seen = 0; t && i < t->n_cols; i++)
        if (strncmp(t->cols[i].name, "mean.", 5) == 0 && seen++ == c)
            return i;
    return -1;
}

const char *neurons_class(const struct neurons *v, int c)
{
    const struct table *t = watch_table(&v->classify, "rows");
    const int32_t col = mean_column(t, c);
    return col < 0 ? "" : t->cols[col].name + 5;
}

/* The loss of a class with this unit alone held. */
static double change_of(const struct neurons *v, const char *unit, const char *cls)
{
    const struct table *t = watch_table(&v->ablate, "rows");
    for (int64_t i = 0; t && i < t->n_rows; i++)
        if (strcmp(column_str(t, i, column_text(t, "units")), unit) == 0 &&
            strcmp(column_str(t, i, column_text(t, "class")), cls) == 0)
            return column_f64(t, i, column_number(t, "percent"));
    return NAN;
}

bool neurons_row(const struct neurons *v, const struct view_in *in, int at, struct neuron_row *r)
{
    const struct table *t = watch_table(&v->classify, "rows");
    if (!t || !in->workbench || at < 0 || at >= t->n_rows)
        return false;
    *r = (struct neuron_row){.unit = unit_in(&in->workbench->dicts, t, at, column_unit(t)),
                             .name = column_str(t, at, column_text(t, "unit")),
                             .f1 = column_f64(t, at, column_number(t, "f1")),
                             .accuracy = column_f64(t, at, column_number(t, "test_accuracy"))};
    for (int c = 0; c < 2; c++) {
        r->mean[c] = column_f64(t, at, mean_column(t, c));
        r->change[c] = change_of(v, r->name, neurons_class(v, c));
    }
    return r->unit.dict >= 0;
}

const struct table *neurons_table(const struct neurons *v, const char *name)
{
    return v->shown ? table_set_find(v->shown, name) : NULL;
}

const char *neurons_line(const struct view_in *in, size_t *n, size_t *cursor)
{
    const struct editor *ed = in->shared ? &in->shared->editor : NULL;
    const char *s = ed ? ed->text.s : "";
    size_t from = ed ? ed->cursor : 0, to = from, end = ed ? ed->text.n : 0;
    while (from > 0 && s[from - 1] != '\n')
        from--;
    while (to < end && s[to] != '\n')
        to++;
    *n = to - from;
    *cursor = ed ? ed->cursor - from : 0;
    return s + from;
}

/* ---- asking */
/* The position behind which the cursor stands, as the last answer numbers it. */
static int64_t position_of(const struct neurons *v, size_t n, size_t cursor)
{
    const struct table *t = neurons_table(v, "tokens");
    if (cursor >= n || !t)
        return -1;
    for (int64_t i = 0; i < t->n_rows; i++)
        if (column_f64(t, i, column_number(t, "end")) >= (double)cursor)
            return (int64_t)column_f64(t, i, column_number(t, "position"));
    return -1;
}

static const struct query *query_of(enum neurons_part p)
{
    return p == PART_TEXT || p == PART_LISTS || p == PART_VALUES ? &position_query
           : p == PART_BOOSTS                                    ? &boosts_query
                                                                 : &classify_query;
}

static void set_text(const struct neurons *v, const struct view_in *in, struct request *r)
{
    size_t n, cursor;
    const char *line = neurons_line(in, &n, &cursor);
    char *text = xstrndup(line, n);
    params_set_text(&r->params, "text", text);
    params_set_int(&r->params, "at", position_of(v, n, cursor));
    params_set_values(&r->params, "on-at", &v->at[AT_ON], 1);
    params_set_values(&r->params, "off-at", &v->at[AT_OFF], 1);
    r->passing = true;
    free(text);
}

/* All neurons of a layer where none is chosen. */
static bool of_layer(const struct view_in *in, struct request *r)
{
    const struct workbench *wb = in->workbench;
    const int32_t place = in->shared ? shared_dict(in->shared) : 0;
    if (!wb || !wb->dict || !wb->dicts.place[place].neurons)
        return false;
    request_init(r, &classify_query);
    if (in->corpus)
        corpus_choice_copy(&r->corpus, in->corpus);
    params_set_int(&r->params, "layer", wb->dicts.place[place].at.layer);
    return true;
}

static bool make(const struct neurons *v, const struct view_in *in, const struct query *q,
                 struct request *r)
{
    size_t n, cursor;
    const bool one = q == &position_query || q == &boosts_query;
    if (one && v->unit.dict < 0)
        return false;
    if (q == &position_query &&
        (isnan(v->at[AT_ON]) || isnan(v->at[AT_OFF]) || !(neurons_line(in, &n, &cursor), n)))
        return false;
    if (!pane_request(in, q, NULL, r)) {
        if (!of_layer(in, r))
            return false;
        if (q != &classify_query) { /* the same corpus, another question */
            struct request of = *r;
            request_init(r, q);
            corpus_choice_copy(&r->corpus, &of.corpus);
            request_release(&of);
        }
    }
    if (one)
        request_set_units(r, &v->unit, 1);
    if (!r->corpus.limit)
        r->corpus.limit = q->limit;
    if (q == &boosts_query)
        r->passing = true;
    if (q == &position_query)
        set_text(v, in, r);
    return true;
}

bool neurons_request(const struct neurons *v, const struct view_in *in, enum neurons_part p,
                     struct request *r)
{
    return in->host && in->host->ask && make(v, in, query_of(p), r);
}

static void ask(struct neurons *v, const struct view_in *in, const struct query *q,
                struct watch *watch)
{
    struct request r;
    if (!in->host || !in->host->ask || !make(v, in, q, &r))
        return;
    if (r.passing && watch->job.id && job_is_pending(&watch->job) &&
        !request_equal(&watch->request, &r))
        in->host->cancel(in->host->arg, watch->job.id); /* nobody waits for it any more */
    watch_ask(watch, in->host, &r);
}

static void take_text(struct neurons *v)
{
    const struct job *j = &v->position.job;
    if (!j->id || j->status != JOB_DONE || j->tables == v->shown ||
        !watch_table(&v->position, "tokens"))
        return;
    table_set_unref(v->shown);
    v->shown = table_set_ref(j->tables);
    free(v->shown_text);
    v->shown_text = xstrdup(params_text(&v->position.request.params, "text"));
}

void neurons_ask_text(struct neurons *v, const struct view_in *in)
{
    ask(v, in, &position_query, &v->position);
    take_text(v);
}

static void look(struct neurons *v, const struct view_in *in)
{
    struct neuron_row r;
    if (!neurons_row(v, in, v->units.selected, &r))
        return;
    if (!unit_same(r.unit, v->unit)) {
        v->unit = r.unit;
        v->by_hand = false;
    }
    if (!v->by_hand) {
        v->at[AT_ON] = r.mean[0];
        v->at[AT_OFF] = r.mean[1];
    }
    ask(v, in, &boosts_query, &v->boosts);
    neurons_ask_text(v, in);
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
    neurons_ask_text(v, in);
}

static void enter(void *view, const struct view_in *in)
{
    struct neurons *v = view;
    struct unit_id unit[UNITS_MAX];
    ask(v, in, &classify_query, &v->classify);
    neurons_bounds(v, in);
    look(v, in);
    if (pane_units(in, unit) > 0)
        ask(v, in, &ablate_query, &v->ablate);
}

static bool update(void *view, const struct view_in *in)
{
    struct neurons *v = view;
    const bool classified = watch_update(&v->classify, in->host);
    neurons_bounds(v, in);
    if (classified)
        look(v, in);
    const bool ablated = watch_update(&v->ablate, in->host),
               boosted = watch_update(&v->boosts, in->host),
               read = watch_update(&v->position, in->host);
    if (read)
        neurons_ask_text(v, in); /* the cursor's position is known by its numbers */
    return classified || ablated || boosted || read;
}

/* The text changed, here or elsewhere. */
static void heard(void *view, const struct view_in *in, enum view_news news)
{
    if (in->shown && news == NEWS_SNAPSHOT)
        neurons_ask_text(view, in);
}

void neurons_bounds(struct neurons *v, const struct view_in *in)
{
    struct neurons_layout l;
    const struct table *t = watch_table(&v->classify, "rows");
    (void)in;
    neurons_layout(v->area, v->focus, v->zoom, &l);
    const int h = neurons_inner(&l, PART_UNITS).h;
    list_resize(&v->units, t ? (int)t->n_rows : 0, h > 2 ? h - 1 : h);
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
    (void)in;
    ((struct neurons *)view)->typing = false;
}

static const struct table *table(const void *view)
{
    const struct neurons *v = view;
    switch (v->focus) {
    case PART_UNITS: return watch_table(&v->classify, "rows");
    case PART_HISTOGRAM: return watch_table(&v->classify, "histogram");
    case PART_BOOSTS: return watch_table(&v->boosts, "boosted");
    case PART_LISTS: return neurons_table(v, "rows");
    default: return neurons_table(v, "tokens");
    }
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
                                      .plot = plot,
                                      .request = request};

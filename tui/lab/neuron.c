/* Answers about context neurons: which means hold what, and what is measured then. */
#include "engine/base/memory.h"
#include "engine/study/ablate.h"
#include "engine/study/boosts.h"
#include "engine/study/classify.h"
#include "engine/study/hidden.h"
#include "tui/lab/neuron_private.h"
#include <stdlib.h>
#include <string.h>

/* ---- units */
/* A number alone is of what is open. */
static bool find(const struct answer *a, const struct unit_word *w, struct unit_id *out)
{
    const struct lab *lab = a->lab;
    return unit_find(unit_word_alone(w) ? &lab->wb->dicts : &lab->dicts, w, out, a->e);
}

int32_t neuron_named(struct answer *a, const char *param, struct unit_id unit[UNITS_MAX])
{
    const char *s = params_text(&a->request->params, param);
    int32_t n = 0;
    for (; s && *s; s += *s == ',') {
        struct unit_word w;
        if (n == UNITS_MAX) {
            error_set(a->e, ERROR_INPUT, "--%s: found more than %d units, expected at most so many",
                      param, UNITS_MAX);
            return -1;
        }
        if (!unit_word_read(&s, &w, a->e) || !find(a, &w, &unit[n]) ||
            !unit_check(&a->lab->dicts, unit[n++], a->e)) {
            error_prefix(a->e, "--%s", param);
            return -1;
        }
    }
    return n;
}

dict_places neuron_places(const struct unit_id *unit, int32_t n)
{
    dict_places places = 0;
    for (int32_t i = 0; i < n; i++)
        places |= dict_bit(unit[i].dict);
    return places;
}

void neuron_own(const struct study_call *call, const struct unit_id *unit, int32_t n,
                struct unit_id *own)
{
    for (int32_t i = 0; i < n; i++)
        own[i] = (struct unit_id){dict_set_within(&call->lab->dicts, call->places, unit[i].dict),
                                  unit[i].index};
}

/* ---- SAEs that are inserted */
bool neuron_need_inserted(struct answer *a)
{
    const struct dict_set *dicts = &a->lab->wb->dicts;
    const char *places;
    if (!units_take_inserted(dicts, &a->request->params, &a->inserted, a->e))
        return error_prefix(a->e, "--insert");
    return dict_set_saes(dicts) > 0 ||
           !(params_insert(&a->request->params, "insert", &places) & 1u << INSERT_SAE) ||
           error_set(a->e, ERROR_INPUT,
                     "--insert: found neurons alone, expected an SAE (--sae PATH)");
}

bool neuron_need_units(struct answer *a)
{
    return answer_need_units(a) && neuron_need_inserted(a);
}

void neuron_call_inserted(const struct answer *a, const struct study_call *call, struct params *p)
{
    struct insertion own = {0};
    struct strbuf text;
    for (int32_t i = 0; i < a->lab->wb->dicts.n; i++)
        if (a->inserted & dict_bit(i))
            insertion_put(&own, dict_set_within(&call->lab->dicts, call->places, i), INSERT_SAE);
    strbuf_init(&text);
    insertion_print(call->in.dicts, own, &text);
    params_parse(p, "insert", a->inserted ? text.s : NULL, NULL);
    strbuf_release(&text);
}

/* ---- activity */
void neuron_call_held(const struct answer *a, struct study_call *call, const struct wanted *w)
{
    struct unit_id own[UNITS_MAX];
    neuron_call_inserted(a, call, &call->params);
    neuron_own(call, w->held, w->n_held, own);
    params_set_units(&call->params, "held", own, w->n_held);
    params_set_values(&call->params, "held-at", w->value, w->n_held);
}

/* The same as before; the call is released then. */
static bool take_recent(struct answer *a, struct study_call *call, struct finished *f)
{
    for (int i = 0; i < LAB_RECENT; i++) {
        struct lab_recent *r = &a->lab->recent[i];
        if (!r->study || r->corpus != call->corpus || r->places != call->places ||
            !params_equal(&r->params, &call->params))
            continue;
        r->users++;
        r->used = ++a->lab->n_recent;
        *f = (struct finished){.ops = call->ops, .study = r->study, .cached = true, .recent = r};
        lab_call_release(call);
        answer_facts(a, &(struct lab_facts){.cached = true});
        return true;
    }
    return false;
}

/* In place of the one that was asked for longest ago and that nobody reads; not what takes much. */
static void keep_recent(struct lab *lab, struct lab_recent *now, struct finished *f, bool large)
{
    struct lab_recent *r = NULL;
    for (int i = 0; i < LAB_RECENT && !large; i++)
        if (lab->recent[i].users == 0 && (!r || lab->recent[i].used < r->used))
            r = &lab->recent[i];
    if (!r) {
        params_release(&now->params);
        return;
    }
    lab_recent_release(r);
    *r = *now;
    r->study = f->study;
    r->users = 1;
    r->used = ++lab->n_recent;
    f->recent = r;
}

enum { MANY = 1 << 20 }; /* values of a class */

bool neuron_activity(struct answer *a, const struct open_corpus *corpus, const struct wanted *w,
                     struct finished *f)
{
    struct study_call call;
    lab_call_init(a->lab, &call, &activity_study, corpus, "reading activations",
                  &a->request->params, w->places | a->inserted);
    lab_call_units(&call, w->unit, w->n);
    neuron_call_held(a, &call, w);
    if (w->minus)
        params_set_values(&call.params, "minus-at", w->minus, w->n_held);
    params_set_flag(&call.params, "whole", w->whole);
    params_set_flag(&call.params, "pre", w->pre);
    params_set_int(&call.params, "tokens", w->tokens);
    if (w->everywhere) {
        params_set_int(&call.params, "from", 0);
        params_set_int(&call.params, "to", NEURON_LAST);
    }
    if (take_recent(a, &call, f))
        return true;
    struct lab_recent r = {.corpus = corpus, .places = call.places};
    params_copy(&r.params, &call.params);
    if (!answer_run(a, &call, f)) {
        params_release(&r.params);
        return false;
    }
    keep_recent(a->lab, &r, f, w->whole || w->tokens * w->n > MANY);
    return true;
}

/* Where a unit stands among n; n: it does not. */
static int32_t stands_at(const struct unit_id *unit, int32_t n, struct unit_id u)
{
    int32_t i = 0;
    while (i < n && !unit_same(unit[i], u))
        i++;
    return i;
}

/* Activity of units with nothing held, together with all that the answer asks this of: its own
 * units and those of --off. at [n]: where the study has them. */
static bool plain_activity(struct answer *a, const struct open_corpus *corpus,
                           const struct unit_id *unit, int32_t n, int32_t *at, struct finished *f)
{
    struct unit_id all[2 * UNITS_MAX], held[UNITS_MAX];
    const int32_t n_held =
        params_know(&a->request->params, "off") ? neuron_named(a, "off", held) : 0;
    int32_t n_all = 0;
    if (n_held < 0)
        return false;
    for (int32_t i = 0; i < a->n_units + n_held; i++) {
        const struct unit_id u = i < a->n_units ? a->unit[i] : held[i - a->n_units];
        if (stands_at(all, n_all, u) == n_all)
            all[n_all++] = u;
    }
    bool together = n_all <= UNITS_MAX;
    for (int32_t i = 0; i < n; i++) {
        at[i] = stands_at(all, n_all, unit[i]);
        together = together && at[i] < n_all;
    }
    for (int32_t i = 0; i < n && !together; i++)
        at[i] = i;
    const struct wanted w = {.n = together ? n_all : n,
                             .unit = together ? all : unit,
                             .places = neuron_places(together ? all : unit, together ? n_all : n)};
    return neuron_activity(a, corpus, &w, f);
}

/* Means of units over the classes that are not the target, as a unit holds them; with nothing else
 * held. */
static bool off_means(struct answer *a, const struct open_corpus *corpus,
                      const struct unit_id *unit, int32_t n, double *value)
{
    struct finished f;
    int32_t at[UNITS_MAX];
    bool ok = true;
    if (!answer_need_classes(a, 2) || !plain_activity(a, corpus, unit, n, at, &f))
        return false;
    for (int32_t i = 0; i < n; i++) {
        const struct activity others = activity_others(f.study, at[i], a->target);
        value[i] = (double)(float)others.mean;
        ok = ok && others.tokens > 0;
    }
    finished_release(&f);
    return ok || error_set(a->e, ERROR_INPUT,
                           "%s: the other classes have no token at these positions, expected some "
                           "to take a mean of",
                           a->request->query->command);
}

bool neuron_hold(struct answer *a, const struct open_corpus *corpus, struct wanted *w)
{
    w->n_held = neuron_named(a, "off", w->held);
    w->places =
        neuron_places(w->unit, w->n) | neuron_places(w->held, w->n_held > 0 ? w->n_held : 0);
    if (w->n_held <= 0)
        return w->n_held == 0;
    if (w->n_held > STUDY_MAX_VALUES)
        return error_set(a->e, ERROR_INPUT, "--off: found %d units, expected at most %d",
                         (int)w->n_held, STUDY_MAX_VALUES);
    return off_means(a, corpus, w->held, w->n_held, w->value);
}

void neuron_note_held(const struct answer *a, const struct wanted *w, struct table *t)
{
    struct strbuf list;
    char name[UNIT_NAME_MAX];
    strbuf_init(&list);
    for (int32_t i = 0; i < a->lab->wb->dicts.n; i++)
        if (a->inserted & dict_bit(i)) {
            unit_place_name(&a->lab->dicts, i, name);
            strbuf_addf(&list, "%s%s", list.len > 0 ? ", " : "inserted: ", name);
        }
    for (int32_t i = 0; w && i < w->n_held; i++) {
        unit_full_name(&a->lab->dicts, w->held[i], name);
        strbuf_addf(&list, "%s%s = %.4g",
                    i > 0          ? ", "
                    : list.len > 0 ? "; held at the other classes' mean: "
                                   : "held at the other classes' mean: ",
                    name, w->value[i]);
    }
    if (list.len > 0)
        table_note(t, "%s%s%s", t->note, *t->note ? "; " : "", list.s);
    strbuf_release(&list);
}

bool answer_means(struct answer *a)
{
    struct finished f;
    struct wanted w = {.tokens = 0};
    if (!neuron_need_units(a) || !answer_open_corpus(a, CORPUS_ALL))
        return false;
    w.n = a->n_units, w.unit = a->unit;
    if (!neuron_hold(a, a->corpus, &w) || !neuron_activity(a, a->corpus, &w, &f))
        return false;
    struct table_set *set = activity_study.tables(f.study);
    struct table *rows = table_copy(table_set_find(set, "rows"));
    neuron_note_held(a, &w, rows);
    table_set_unref(set);
    answer_add_table(a, rows, w.places);
    finished_release(&f);
    return true;
}

/* The dictionary of the neurons of a layer that `param` names; −1 and the answer's error. */
static int32_t neurons_of_layer(struct answer *a, const char *param, double layer)
{
    const struct dict_set *dicts = &a->lab->dicts;
    for (int32_t p = 0; p < dicts->n; p++)
        if (dicts->place[p].neurons && dicts->place[p].at.site == SITE_MLP_ACT &&
            !(dicts->place[p].at.layer < layer) && !(dicts->place[p].at.layer > layer))
            return p;
    error_set(a->e, ERROR_INPUT,
              "--%s: found no neurons of layer %.9g here, expected a layer of the model's %d",
              param, layer, (int)model_config(a->lab->wb->model)->n_layers);
    return -1;
}

static bool layer_units(struct answer *a, struct wanted *w)
{
    const double layer = (double)params_int(&a->request->params, "layer");
    a->found[0] = (struct unit_id){neurons_of_layer(a, "layer", layer), 0};
    w->whole = true;
    w->n = 1, w->unit = a->found;
    return a->found[0].dict >= 0;
}

static bool classify_units(struct answer *a, struct wanted *w)
{
    const struct unit_id *named_units;
    if (!neuron_need_inserted(a))
        return false;
    if (params_has(&a->request->params, "layer"))
        return request_units(a->request, &named_units) == 0
                   ? layer_units(a, w)
                   : error_set(a->e, ERROR_INPUT,
                               "--layer: found units too, expected one or the "
                               "other");
    if (!answer_need_units(a))
        return false;
    w->n = a->n_units, w->unit = a->unit;
    return true;
}

bool answer_classify(struct answer *a)
{
    enum { HISTOGRAMS = 16 };
    struct finished f;
    struct wanted w = {.tokens = params_int(&a->request->params, "tokens")};
    const struct study_loop loop = {
        .cancel = a->loop->cancel, .poll = a->loop->poll, .poll_arg = a->loop->poll_arg};
    if (!classify_units(a, &w) || !answer_open_corpus(a, CORPUS_ALL) ||
        !answer_need_classes(a, 2) || !neuron_hold(a, a->corpus, &w) ||
        !neuron_activity(a, a->corpus, &w, &f))
        return false;
    struct table *rows = classify_rows(f.study, a->target, a->lab->options->seed, &loop, a->e);
    if (rows) {
        neuron_note_held(a, &w, rows);
        answer_add_table(a, rows, w.places);
        const bool all = params_flag(&a->request->params, "histograms");
        if (all || !w.whole)
            answer_add_table(a, classify_histogram(f.study, all ? INT32_MAX : HISTOGRAMS),
                             w.places);
    }
    finished_release(&f);
    return rows != NULL;
}

/* ---- ablation */
const struct open_corpus *neuron_mean_corpus(struct answer *a)
{
    struct corpus_choice choice;
    corpus_choice_copy(&choice, &a->request->corpus);
    choice.limit = params_int(&a->request->params, "texts");
    const struct open_corpus *c = lab_open_corpus(a->lab, &choice, CORPUS_ALL, a->loop, a->e);
    corpus_choice_release(&choice);
    return c;
}

/* Of the published code: at each place of the units the mean of every unit's index. */
static bool cross(struct answer *a, const struct open_corpus *corpus, const struct wanted *w,
                  struct study_call *call)
{
    const int32_t n_places = call->in.dicts->n, n = n_places * w->n;
    struct unit_id unit[STUDY_MAX_VALUES];
    double value[STUDY_MAX_VALUES];
    if (n > STUDY_MAX_VALUES)
        return error_set(a->e, ERROR_INPUT,
                         "--as-published: found %d units of %d layers, expected at most %d values",
                         (int)w->n, (int)n_places, STUDY_MAX_VALUES);
    for (int32_t p = 0; p < n_places; p++)
        for (int32_t i = 0; i < w->n; i++) {
            unit[p * w->n + i] =
                (struct unit_id){dict_set_outside(&a->lab->dicts, w->places, p), w->unit[i].index};
            for (int32_t k = 0; k < i; k++)
                if (w->unit[k].index == w->unit[i].index)
                    return error_set(a->e, ERROR_INPUT,
                                     "--as-published: found two units of index %d, expected "
                                     "different ones",
                                     (int)w->unit[i].index);
            if (!unit_check(&a->lab->dicts, unit[p * w->n + i], a->e))
                return error_prefix(a->e, "--as-published");
        }
    if (!off_means(a, corpus, unit, n, value))
        return false;
    params_set_values(&call->params, "crossed", value, n);
    return true;
}

static bool run_ablation(struct answer *a, const struct open_corpus *means, const struct wanted *w,
                         struct finished *f)
{
    struct study_call call;
    double at[UNITS_MAX];
    if (!off_means(a, means, w->unit, w->n, at))
        return false;
    lab_call_init(a->lab, &call, &ablate_study, a->corpus, "ablating", &a->request->params,
                  w->places | a->inserted);
    lab_call_units(&call, w->unit, w->n);
    params_set_values(&call.params, "at", at, w->n);
    neuron_call_held(a, &call, w);
    if (params_flag(&a->request->params, "as-published") && !cross(a, means, w, &call)) {
        lab_call_release(&call);
        return false;
    }
    return answer_run(a, &call, f);
}

bool answer_ablate(struct answer *a)
{
    struct finished f;
    struct wanted w = {.tokens = 0};
    const struct open_corpus *means;
    if (!neuron_need_units(a) || !answer_open_corpus(a, CORPUS_ALL) || !answer_need_classes(a, 2) ||
        !(means = neuron_mean_corpus(a)))
        return false;
    w.n = a->n_units, w.unit = a->unit;
    if (w.n > STUDY_MAX_VALUES)
        return error_set(a->e, ERROR_INPUT, "neuron ablate: found %d units, expected at most %d",
                         (int)w.n, STUDY_MAX_VALUES);
    if (!neuron_hold(a, means, &w))
        return false;
    if ((w.n_held > 0 || a->inserted) && params_flag(&a->request->params, "as-published"))
        return error_set(a->e, ERROR_INPUT, "--as-published: found --%s too, expected one of them",
                         a->inserted ? "insert" : "off");
    if (!run_ablation(a, means, &w, &f))
        return false;
    struct table_set *set = ablate_study.tables(f.study);
    for (int32_t i = 0; i < set->n; i++) {
        struct table *t = table_copy(set->table[i]);
        if (i == 0)
            neuron_note_held(a, &w, t);
        answer_add_table(a, t, w.places);
    }
    table_set_unref(set);
    finished_release(&f);
    return true;
}

/* ---- later units */
/* The place of the first of the units. */
static int32_t first_place(const struct answer *a)
{
    const struct dict_set *dicts = &a->lab->dicts;
    int32_t first = a->unit[0].dict;
    for (int32_t i = 1; i < a->n_units; i++)
        if (point_compare(dicts->place[a->unit[i].dict].at, dicts->place[first].at) < 0)
            first = a->unit[i].dict;
    return first;
}

static dict_places neurons_behind(const struct answer *a)
{
    const struct dict_set *dicts = &a->lab->dicts;
    const struct point first = dicts->place[first_place(a)].at;
    dict_places places = 0;
    for (int32_t p = 0; p < dicts->n; p++)
        if (dicts->place[p].neurons && point_compare(dicts->place[p].at, first) > 0)
            places |= dict_bit(p);
    return places;
}

static dict_places neurons_of(struct answer *a, const double *layer, int32_t n)
{
    dict_places places = 0;
    for (int32_t i = 0; i < n; i++) {
        const int32_t p = neurons_of_layer(a, "layers", layer[i]);
        if (p < 0)
            return 0;
        places |= dict_bit(p);
    }
    return places;
}

bool neuron_names_places(const struct request *r)
{
    const double *layer;
    return params_text(&r->params, "dict") || params_values(&r->params, "layers", &layer) > 0;
}

dict_places neuron_named_places(struct answer *a)
{
    const struct params *p = &a->request->params;
    const double *layer;
    const int32_t n = params_values(p, "layers", &layer);
    int32_t place;
    if (params_text(p, "dict") && n > 0) {
        error_set(a->e, ERROR_INPUT, "--layers: found --dict too, expected one of them");
        return 0;
    }
    if (n > 0)
        return neurons_of(a, layer, n);
    return answer_need_dict(a, &place) ? dict_bit(place) : 0;
}

/* Nothing that comes before a unit changes by it, nor do the other neurons of its layer. */
static bool are_behind(struct answer *a, dict_places places)
{
    const struct dict_set *dicts = &a->lab->dicts;
    const int32_t first = first_place(a);
    char found[UNIT_NAME_MAX], name[UNIT_NAME_MAX];
    for (int32_t p = 0; p < dicts->n; p++) {
        const int order = point_compare(dicts->place[p].at, dicts->place[first].at);
        if (!(places & dict_bit(p)) || order > 0 || (order == 0 && !dicts->place[p].neurons))
            continue;
        unit_place_name(dicts, p, found);
        unit_place_name(dicts, first, name);
        return error_set(a->e, ERROR_INPUT, "--%s: found %s, expected what lies behind %s",
                         params_text(&a->request->params, "dict") ? "dict" : "layers", found, name);
    }
    return true;
}

dict_places neuron_later_places(struct answer *a)
{
    if (neuron_names_places(a->request)) {
        const dict_places named = neuron_named_places(a);
        return are_behind(a, named) ? named : 0;
    }
    const dict_places places = neurons_behind(a);
    if (places == 0)
        error_set(a->e, ERROR_INPUT,
                  "%s: found no neurons behind these units, expected --layers or --dict",
                  a->request->query->command);
    return places;
}

/* ---- tokens boosted and inhibited */
struct boosting { /* N on and off, and what is asked about */
    struct on_off v;
    int32_t n;
    struct unit_id unit[UNITS_MAX];
    double change[UNITS_MAX];
};

struct study_loop neuron_loop(const struct answer *a)
{
    return (struct study_loop){
        .cancel = a->loop->cancel, .poll = a->loop->poll, .poll_arg = a->loop->poll_arg};
}

/* --on-at and --off-at, where they are given. */
static bool given_values(struct answer *a, const char *name, double *to, bool *given)
{
    const struct params *p = &a->request->params;
    const double *value = NULL;
    const int32_t n = params_know(p, name) ? params_values(p, name, &value) : 0;
    *given = n > 0;
    if (n != 0 && n != a->n_units)
        return error_set(a->e, ERROR_INPUT,
                         "--%s: found %d values of %d units, expected one of each", name, (int)n,
                         (int)a->n_units);
    for (int32_t i = 0; i < n; i++)
        to[i] = (double)(float)value[i];
    return true;
}

bool neuron_on_and_off(struct answer *a, struct on_off *v)
{
    struct finished f;
    int32_t at[UNITS_MAX];
    bool ok = true, on_given, off_given;
    v->means = NULL;
    if (a->n_units > STUDY_MAX_VALUES)
        return error_set(a->e, ERROR_INPUT, "%s: found %d units, expected at most %d",
                         a->request->query->command, (int)a->n_units, STUDY_MAX_VALUES);
    if (!given_values(a, "on-at", v->on, &on_given) ||
        !given_values(a, "off-at", v->off, &off_given))
        return false;
    if (off_given && (on_given || !params_know(&a->request->params, "on-at")))
        return true;
    if (!answer_need_classes(a, 2) || !(v->means = neuron_mean_corpus(a)) ||
        !plain_activity(a, v->means, a->unit, a->n_units, at, &f))
        return false;
    for (int32_t i = 0; i < a->n_units; i++) {
        const struct activity on = activity_of(f.study, at[i], a->target),
                              off = activity_others(f.study, at[i], a->target);
        v->on[i] = on_given ? v->on[i] : (double)(float)on.mean;
        v->off[i] = off_given ? v->off[i] : (double)(float)off.mean;
        ok = ok && on.tokens > 0 && off.tokens > 0;
    }
    finished_release(&f);
    return ok || error_set(a->e, ERROR_INPUT,
                           "%s: a class has no token at these positions, expected some to take a "
                           "mean of",
                           a->request->query->command);
}

/* Mean activation of later units over all classes while N is held; added with a sign. */
static bool add_later(struct answer *a, struct boosting *q, const double *held, double sign)
{
    struct finished f;
    struct wanted w = {.n = q->n, .unit = q->unit, .n_held = a->n_units};
    w.pre = params_flag(&a->request->params, "as-published");
    memcpy(w.held, a->unit, (size_t)a->n_units * sizeof *w.held);
    memcpy(w.value, held, (size_t)a->n_units * sizeof *w.value);
    w.places = neuron_places(q->unit, q->n) | neuron_places(a->unit, a->n_units);
    if (!neuron_activity(a, q->v.means, &w, &f))
        return false;
    for (int32_t i = 0; i < q->n; i++)
        q->change[i] += sign * activity_others(f.study, i, -1).mean;
    finished_release(&f);
    return true;
}

/* The units whose boosts are asked about and how far their activation changes: N itself, or later
 * ones that change with it. */
static bool what_changes(struct answer *a, struct boosting *q)
{
    q->n = params_know(&a->request->params, "later") ? neuron_named(a, "later", q->unit) : 0;
    if (q->n < 0)
        return false;
    if (q->n > 0)
        return add_later(a, q, q->v.on, 1) && add_later(a, q, q->v.off, -1);
    q->n = a->n_units;
    for (int32_t i = 0; i < q->n; i++)
        q->unit[i] = a->unit[i], q->change[i] = q->v.on[i] - q->v.off[i];
    return true;
}

static bool begin_boosts(struct answer *a, struct boosting *q)
{
    *q = (struct boosting){.n = 0};
    if (!neuron_need_units(a) || !answer_open_corpus(a, CORPUS_ALL))
        return false;
    return neuron_on_and_off(a, &q->v);
}

static bool direct_boosts(struct answer *a, struct boosting *q, struct boosts_in *in,
                          bool (*run)(const struct answer *, const struct study_in *,
                                      const struct boosts_in *))
{
    struct study_call call;
    struct unit_id own[UNITS_MAX];
    if (!what_changes(a, q))
        return false;
    lab_call_init(a->lab, &call, &activity_study, a->corpus, "boosts", NULL,
                  neuron_places(q->unit, q->n));
    neuron_own(&call, q->unit, q->n, own);
    in->n = q->n, in->unit = own, in->change = q->change;
    const bool ok = run(a, &call.in, in);
    lab_call_release(&call);
    return ok;
}

/* What the layer of N says, by the final norm. */
static bool lens_boosts(struct answer *a, const struct boosting *q, struct boosts_in *in, bool back)
{
    struct study_call call;
    struct finished f;
    const struct study_loop loop = neuron_loop(a);
    int64_t texts;
    const int32_t d = model_config(a->lab->wb->model)->d_model;
    const dict_places places = neuron_places(a->unit, a->n_units) | a->inserted;
    lab_call_init(a->lab, &call, &hidden_study, a->corpus, "reading the layer", &a->request->params,
                  places);
    lab_call_units(&call, a->unit, a->n_units);
    neuron_call_inserted(a, &call, &call.params);
    params_set_values(&call.params, "at", back ? q->v.off : q->v.on, a->n_units);
    params_set_values(&call.params, "off-at", back ? q->v.on : q->v.off, a->n_units);
    const struct study_in of = call.in;
    if (!answer_run(a, &call, &f))
        return false;
    const double *change = hidden_change(f.study, a->target, &texts);
    double *hidden = change ? xmemdup(change, (size_t)d * sizeof *hidden) : NULL;
    finished_release(&f);
    in->hidden = hidden;
    const bool ok = hidden ? boosts_run(&of, in, &loop, a->set, a->e)
                           : error_set(a->e, ERROR_INPUT, "neuron boosts: found no text");
    free(hidden);
    return ok;
}

/* Below the tables of the answer from `first` on. */
static bool note_all(struct answer *a, int32_t first)
{
    for (int32_t i = first; i < a->set->n; i++)
        neuron_note_held(a, NULL, a->set->table[i]);
    return true;
}

static bool run_boosts(const struct answer *a, const struct study_in *in, const struct boosts_in *b)
{
    const struct study_loop loop = neuron_loop(a);
    return boosts_run(in, b, &loop, a->set, a->e);
}

enum { BY_DIRECT, BY_LENS };

bool answer_boosts(struct answer *a)
{
    const struct params *p = &a->request->params;
    struct boosting q;
    struct boosts_in in = {.centred = a->lab->options->tl_weights != SAID_NO,
                           .max_norm = params_real(p, "max-norm"),
                           .min_embed = params_real(p, "min-embed"),
                           .top = (int32_t)params_int(p, "top")};
    const unsigned by = params_set(p, "by");
    if (by != 1u << BY_DIRECT && by != 1u << BY_LENS)
        return error_set(a->e, ERROR_INPUT, "--by: found both, expected direct or lens");
    if (by == 1u << BY_LENS && params_has(p, "later"))
        return error_set(a->e, ERROR_INPUT, "--by lens: found --later too, expected --by direct");
    const int32_t first = a->set->n;
    if (!begin_boosts(a, &q))
        return false;
    return (by == 1u << BY_LENS ? lens_boosts(a, &q, &in, params_flag(p, "as-published"))
                                : direct_boosts(a, &q, &in, run_boosts)) &&
           note_all(a, first);
}

static bool run_unigrams(const struct answer *a, const struct study_in *in,
                         const struct boosts_in *b)
{
    const struct study_loop loop = neuron_loop(a);
    return unigrams_run(in, b, params_flag(&a->request->params, "by-tokens"), &loop, a->set, a->e);
}

bool answer_unigrams(struct answer *a)
{
    const struct params *p = &a->request->params;
    struct boosting q;
    struct boosts_in in = {.centred = a->lab->options->tl_weights != SAID_NO,
                           .top = (int32_t)params_int(p, "top")};
    const int32_t first = a->set->n;
    return begin_boosts(a, &q) && direct_boosts(a, &q, &in, run_unigrams) && note_all(a, first);
}

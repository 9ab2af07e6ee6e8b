/* Answers about context neurons that compare two runs. */
#include "engine/base/memory.h"
#include "engine/study/chains.h"
#include "engine/study/losses.h"
#include "engine/study/position.h"
#include "engine/study/runs.h"
#include "engine/study/shift.h"
#include "engine/study/similar.h"
#include "engine/study/stream.h"
#include "tui/lab/neuron_private.h"
#include <stdlib.h>
#include <string.h>

/* ---- what the runs are */
/* What is asked of later units, with the others at the given values. */
static bool hold_too(struct answer *a, const struct runs_asked *q, const double *at,
                     struct wanted *w)
{
    *w = q->held;
    if (w->n_held + a->n_units > STUDY_MAX_VALUES)
        return error_set(a->e, ERROR_INPUT, "%s: found %d units to hold, expected at most %d",
                         a->request->query->command, (int)(w->n_held + a->n_units),
                         STUDY_MAX_VALUES);
    w->n = q->n_later, w->unit = q->later, w->pre = true, w->places = q->places;
    memcpy(w->held + w->n_held, a->unit, (size_t)a->n_units * sizeof *w->held);
    memcpy(w->value + w->n_held, at, (size_t)a->n_units * sizeof *w->value);
    w->n_held += a->n_units;
    if (params_know(&a->request->params, "tokens"))
        w->tokens = params_int(&a->request->params, "tokens");
    return true;
}

/* Mean value of the later units over all classes, units at the given values. */
static bool later_means(struct answer *a, const struct runs_asked *q, const double *at,
                        double *mean)
{
    struct finished f;
    struct wanted w;
    if (!hold_too(a, q, at, &w) || !neuron_activity(a, a->corpus, &w, &f))
        return false;
    bool ok = true;
    for (int32_t i = 0; i < q->n_later; i++) {
        const struct activity all = activity_others(f.study, i, -1);
        mean[i] = all.mean;
        ok = ok && all.tokens > 0;
    }
    finished_release(&f);
    return ok || error_set(a->e, ERROR_INPUT,
                           "%s: the texts have no token at these positions, expected some to "
                           "measure a shift on",
                           a->request->query->command);
}

/* What the later units lose when the others are off: --shift, else measured. */
static bool take_shift(struct answer *a, struct runs_asked *q)
{
    const struct params *p = &a->request->params;
    const double *given;
    double on[UNITS_MAX];
    const int32_t n = params_know(p, "shift") ? params_values(p, "shift", &given) : 0;
    if (n == 0 && !(later_means(a, q, q->v.on, on) && later_means(a, q, q->v.off, q->shift)))
        return false;
    if (n != 0 && n != q->n_later)
        return error_set(a->e, ERROR_INPUT,
                         "--shift: found %d values of %d later units, expected "
                         "one of each",
                         (int)n, (int)q->n_later);
    for (int32_t i = 0; i < q->n_later; i++)
        q->shift[i] = n ? given[i] : (double)(float)(q->shift[i] - on[i]);
    return true;
}

static bool take_later(struct answer *a, struct runs_asked *q)
{
    const struct params *p = &a->request->params;
    q->n_later = params_know(p, "later") ? neuron_named(a, "later", q->later) : 0;
    q->n_later_at = q->n_later > 0 && params_know(p, "later-at")
                        ? params_values(p, "later-at", &q->later_at)
                        : 0;
    if (q->n_later < 0)
        return false;
    if (q->n_later > STUDY_MAX_VALUES || (q->n_later_at != 0 && q->n_later_at != q->n_later))
        return error_set(a->e, ERROR_INPUT,
                         "--later: found %d units with %d values, expected at most %d and one of "
                         "each",
                         (int)q->n_later, (int)q->n_later_at, STUDY_MAX_VALUES);
    return true;
}

/* Everything but what later units are shifted by. */
static bool begin_runs(struct answer *a, struct runs_asked *q, bool plain)
{
    const struct open_corpus *means = NULL;
    *q = (struct runs_asked){.plain = plain};
    if (!neuron_on_and_off(a, &q->v) || !take_later(a, q))
        return false;
    q->held.n = a->n_units, q->held.unit = a->unit;
    if (params_text(&a->request->params, "off") && !(means = neuron_mean_corpus(a)))
        return false;
    if (!neuron_hold(a, means, &q->held))
        return false;
    q->places = q->held.places | neuron_places(q->later, q->n_later) | a->inserted;
    return true;
}

bool neuron_runs(struct answer *a, struct runs_asked *q, bool plain)
{
    return begin_runs(a, q, plain) && (q->n_later == 0 || take_shift(a, q));
}

void neuron_runs_say(const struct answer *a, const struct runs_asked *q,
                     const struct study_call *call, struct params *p)
{
    struct unit_id own[UNITS_MAX];
    const bool later = q->n_later > 0;
    neuron_call_inserted(a, call, p);
    neuron_own(call, a->unit, a->n_units, own);
    params_set_units(p, "units", own, a->n_units);
    params_set_values(p, "at", q->v.on, q->plain ? 0 : a->n_units);
    params_set_values(p, "off-at", later && !q->chained ? q->v.on : q->v.off, a->n_units);
    neuron_own(call, q->held.held, q->held.n_held, own);
    params_set_units(p, "held", own, q->held.n_held);
    params_set_values(p, "held-at", q->held.value, q->held.n_held);
    neuron_own(call, q->later, q->n_later, own);
    params_set_units(p, "shifted", own, q->n_later);
    params_set_values(p, "shift", q->shift, q->n_later);
    params_set_values(p, "shifted-at", q->later_at, q->n_later_at);
}

void neuron_runs_note(const struct answer *a, const struct runs_asked *q, struct table *t)
{
    struct strbuf b;
    strbuf_init(&b);
    for (int32_t i = 0; i < a->n_units; i++) {
        char name[UNIT_NAME_MAX];
        unit_full_name(&a->lab->dicts, a->unit[i], name);
        if (q->chained)
            strbuf_addf(&b, i ? ", %s %.4g and %.4g" : "on and off: %s %.4g and %.4g", name,
                        q->v.on[i], q->v.off[i]);
        else if (!q->plain)
            strbuf_addf(&b, i ? ", %s %.4g" : "a: %s %.4g", name, q->v.on[i]);
    }
    for (int32_t i = 0; i < (q->n_later > 0 ? q->n_later : a->n_units) && !q->chained; i++) {
        char name[UNIT_NAME_MAX];
        const bool later = q->n_later > 0;
        unit_full_name(&a->lab->dicts, later ? q->later[i] : a->unit[i], name);
        strbuf_adds(&b, i ? ", " : q->plain ? "off: " : later ? "; b: as a, but " : "; b: ");
        strbuf_addf(&b, later ? "%s %+.4g" : "%s %.4g", name, later ? q->shift[i] : q->v.off[i]);
    }
    table_note(t, "%s%s%s", t->note, *t->note ? "; " : "", b.s);
    strbuf_release(&b);
    neuron_note_held(a, &q->held, t);
}

/* ---- at one position */
bool answer_position(struct answer *a)
{
    struct runs_asked q;
    struct study_call call;
    struct finished f;
    if (!params_text(&a->request->params, "text"))
        return error_set(a->e, ERROR_INPUT, "neuron position: found no text, expected TEXT");
    if (!neuron_need_units(a) ||
        (request_reads_corpus(a->request) && !answer_open_corpus(a, CORPUS_ALL)) ||
        !neuron_runs(a, &q, false))
        return false;
    lab_call_init(a->lab, &call, &position_study, NULL, "position", &a->request->params, q.places);
    params_set_int(&call.params, "position", params_int(&a->request->params, "at"));
    call.in.special = a->request->corpus.special;
    neuron_runs_say(a, &q, &call, &call.params);
    if (!answer_run(a, &call, &f))
        return false;
    struct table_set *set = position_study.tables(f.study);
    for (int32_t i = 0; i < set->n; i++) {
        struct table *t = table_copy(set->table[i]);
        neuron_runs_note(a, &q, t);
        table_set_add(a->set, t);
    }
    table_set_unref(set);
    finished_release(&f);
    return true;
}

/* ---- what the stream is made of */
static bool stream(struct answer *a, int measure)
{
    struct runs_asked q;
    struct study_call call;
    struct finished f;
    if (!neuron_need_units(a) || !answer_open_corpus(a, CORPUS_ALL) || !neuron_runs(a, &q, true))
        return false;
    lab_call_init(a->lab, &call, &stream_study, a->corpus, a->request->query->name,
                  &a->request->params, q.places);
    neuron_runs_say(a, &q, &call, &call.params);
    params_parse(&call.params, "measure", stream_measures[measure], NULL);
    if (!answer_run(a, &call, &f))
        return false;
    struct table_set *set = stream_study.tables(f.study);
    struct table *rows = table_copy(table_set_find(set, "rows"));
    neuron_runs_note(a, &q, rows);
    answer_add_table(a, rows, q.places);
    table_set_unref(set);
    finished_release(&f);
    return true;
}

bool answer_attribution(struct answer *a)
{
    return stream(a, STREAM_ATTRIBUTION);
}

bool answer_patch(struct answer *a)
{
    return stream(a, STREAM_PATCH);
}

bool answer_effects(struct answer *a)
{
    return stream(a, STREAM_EFFECTS);
}

/* ---- later units that change */
/* How all units behind change, and in which dictionaries the study has them. */
static bool changes_behind(struct answer *a, const struct runs_asked *q, dict_places *places,
                           struct finished *f)
{
    struct wanted w;
    struct unit_id whole[DICT_SET_MAX];
    double minus[UNITS_MAX];
    const dict_places behind = neuron_later_places(a);
    if (!behind || !hold_too(a, q, q->v.on, &w))
        return false;
    memcpy(minus, w.value, sizeof minus);
    memcpy(minus + w.n_held - a->n_units, q->v.off, (size_t)a->n_units * sizeof *minus);
    w.n = 0, w.unit = whole, w.whole = w.everywhere = true, w.minus = minus;
    w.tokens = 0;
    for (int32_t p = 0; p < DICT_SET_MAX; p++)
        if (behind & dict_bit(p))
            whole[w.n++] = (struct unit_id){p, 0};
    w.places |= behind;
    *places = w.places;
    return neuron_activity(a, a->corpus, &w, f);
}

bool answer_downstream(struct answer *a)
{
    struct runs_asked q;
    struct finished f;
    dict_places places;
    if (!neuron_need_units(a) || !answer_open_corpus(a, CORPUS_ALL) || !neuron_runs(a, &q, false) ||
        !changes_behind(a, &q, &places, &f))
        return false;
    struct table *t = downstream_rows(f.study, (int32_t)params_int(&a->request->params, "top"));
    neuron_runs_note(a, &q, t);
    answer_add_table(a, t, places);
    finished_release(&f);
    return true;
}

/* ---- chains */
static bool is_held(const struct runs_asked *q, struct unit_id u)
{
    for (int32_t i = 0; i < q->held.n_held; i++)
        if (unit_same(q->held.held[i], u))
            return true;
    return false;
}

/* Those that change most and most consistently; one that is held does not. */
static bool best_behind(struct answer *a, struct runs_asked *q)
{
    struct finished f;
    dict_places places;
    struct unit_id found[CHAINS_MOST + UNITS_MAX];
    const int32_t most = (int32_t)params_int(&a->request->params, "best");
    if (!changes_behind(a, q, &places, &f))
        return false;
    const int32_t n = downstream_best(f.study, most + q->held.n_held, found);
    for (int32_t i = 0; i < n && q->n_later < most; i++) {
        const struct unit_id u = {dict_set_outside(&a->lab->dicts, places, found[i].dict),
                                  found[i].index};
        if (!is_held(q, u))
            q->later[q->n_later++] = u;
    }
    finished_release(&f);
    q->places |= neuron_places(q->later, q->n_later);
    return true;
}

bool answer_chains(struct answer *a)
{
    struct runs_asked q;
    struct study_call call;
    struct finished f;
    if (!neuron_need_units(a) || !answer_open_corpus(a, CORPUS_ALL) || !begin_runs(a, &q, false))
        return false;
    q.chained = true;
    if (q.n_later > CHAINS_MOST)
        return error_set(a->e, ERROR_INPUT, "--later: found %d units, expected at most %d",
                         (int)q.n_later, CHAINS_MOST);
    if ((q.n_later == 0 && !best_behind(a, &q)) || !take_shift(a, &q))
        return false;
    lab_call_init(a->lab, &call, &chains_study, a->corpus, "following chains", &a->request->params,
                  q.places);
    neuron_runs_say(a, &q, &call, &call.params);
    if (!answer_run(a, &call, &f))
        return false;
    struct table_set *set = chains_study.tables(f.study);
    for (int32_t i = 0; i < set->n; i++) {
        struct table *t = table_copy(set->table[i]);
        if (i == 0)
            neuron_runs_note(a, &q, t);
        table_set_add(a->set, t); /* units have their full names */
    }
    table_set_unref(set);
    finished_release(&f);
    return true;
}

/* Each later unit by itself, shifted: the losses of each class. */
static bool shifted_losses(struct answer *a, const struct runs_asked *all)
{
    for (int32_t i = 0; i < all->n_later; i++) {
        struct runs_asked q = *all;
        struct study_call call;
        struct finished f;
        char name[UNIT_NAME_MAX];
        q.n_later = 1, q.n_later_at = 0;
        q.later[0] = all->later[i], q.shift[0] = all->shift[i];
        lab_call_init(a->lab, &call, &losses_study, a->corpus, "losses", &a->request->params,
                      q.places);
        neuron_runs_say(a, &q, &call, &call.params);
        if (!answer_run(a, &call, &f))
            return false;
        struct table_set *set = losses_study.tables(f.study);
        struct table *t = table_copy(table_set_find(set, "rows"));
        table_rename(t, "losses");
        const int32_t col = table_column(t, "unit", "", "that is shifted", COLUMN_STR, COLUMN_KEY);
        unit_full_name(&a->lab->dicts, q.later[0], name);
        for (int64_t row = 0; row < t->n_rows; row++)
            table_set_str(t, row, col, name);
        t->cols[0].role = COLUMN_SERIES;
        table_move_column(t, col, 0);
        answer_add_table(a, t, q.places);
        table_set_unref(set);
        finished_release(&f);
    }
    return true;
}

bool answer_shift(struct answer *a)
{
    enum { HISTOGRAMS = 16 };
    const struct params *p = &a->request->params;
    struct runs_asked q;
    struct wanted w;
    struct finished on, off;
    if (!params_text(p, "later"))
        return error_set(a->e, ERROR_INPUT, "neuron shift: found no later units, expected --later");
    if (!neuron_need_units(a) || !answer_open_corpus(a, CORPUS_ALL) || !neuron_runs(a, &q, false) ||
        !hold_too(a, &q, q.v.on, &w))
        return false;
    if (!neuron_activity(a, a->corpus, &w, &on))
        return false;
    bool ok = hold_too(a, &q, q.v.off, &w) && neuron_activity(a, a->corpus, &w, &off);
    if (ok) {
        struct table *rows = shift_rows(on.study, off.study);
        neuron_note_held(a, &q.held, rows);
        answer_add_table(a, rows, q.places);
        answer_add_table(a, shift_histogram(on.study, off.study, HISTOGRAMS), q.places);
        finished_release(&off);
    }
    finished_release(&on);
    return ok && (!params_flag(p, "losses") || shifted_losses(a, &q));
}

bool answer_neuron_examples(struct answer *a)
{
    const struct params *p = &a->request->params;
    struct runs_asked q;
    struct study_call call;
    struct finished f;
    if (!neuron_need_units(a) || !answer_open_corpus(a, CORPUS_ALL) || !neuron_runs(a, &q, false))
        return false;
    lab_call_init(a->lab, &call, &losses_study, a->corpus, "losses", p, q.places);
    neuron_runs_say(a, &q, &call, &call.params);
    if (!answer_run(a, &call, &f))
        return false;
    const int32_t first = a->set->n;
    losses_examples(f.study, a->target, params_real(p, "weight"), (int32_t)params_int(p, "top"),
                    a->set);
    for (int32_t i = first; i < a->set->n; i++)
        neuron_runs_note(a, &q, a->set->table[i]);
    finished_release(&f);
    return true;
}

/* ---- units that write alike */
/* What the units are compared with: those of --layers or --dict, else of their own places. */
static bool begin_similar(struct answer *a, struct study_call *call, struct unit_id own[UNITS_MAX],
                          struct similar_in *in)
{
    const dict_places places = neuron_places(a->unit, a->n_units),
                      with = neuron_names_places(a->request) ? neuron_named_places(a) : places;
    if (with == 0)
        return false;
    lab_call_init(a->lab, call, &activity_study, NULL, "similar", NULL, places | with);
    neuron_own(call, a->unit, a->n_units, own);
    *in = (struct similar_in){
        .n = a->n_units, .unit = own, .centred = a->lab->options->tl_weights != SAID_NO};
    for (int32_t i = 0; i < DICT_SET_MAX; i++)
        if (with & dict_bit(i))
            in->among |= dict_bit(dict_set_within(&a->lab->dicts, call->places, i));
    return true;
}

bool answer_similar(struct answer *a)
{
    const struct study_loop loop = neuron_loop(a);
    struct study_call call;
    struct unit_id own[UNITS_MAX];
    struct similar_in in;
    if (!answer_need_units(a) || !begin_similar(a, &call, own, &in))
        return false;
    in.top = (int32_t)params_int(&a->request->params, "top");
    const bool ok = similar_run(&call.in, &in, &loop, a->set, a->e);
    lab_call_release(&call);
    return ok;
}

static void tell_groups(void *arg, const struct study_progress *p)
{
    const struct lab_loop *loop = arg;
    loop->progress(loop->progress_arg, p, "groups");
}

/* Units that are asked about, or all groups of --layers and --dict. */
bool answer_groups(struct answer *a)
{
    const struct params *p = &a->request->params;
    struct study_loop loop = neuron_loop(a);
    struct study_call call;
    struct unit_id own[UNITS_MAX];
    struct similar_in in;
    const struct unit_id *named;
    const bool all = request_units(a->request, &named) == 0 && neuron_names_places(a->request);
    if ((!all && !answer_need_units(a)) || !begin_similar(a, &call, own, &in))
        return false;
    struct lab_loop to = *a->loop;
    if (to.progress)
        loop.progress = tell_groups, loop.progress_arg = &to;
    const bool ok =
        similar_groups(&call.in, &in, params_real(p, "min-cosine"), &loop, a->set, a->e);
    lab_call_release(&call);
    return ok;
}

/* What a request means, the studies it needs of which dictionaries, and naming what comes out. */
#include "engine/base/memory.h"
#include "engine/study/units.h"
#include "engine/study/words.h"
#include "tui/lab/answer_private.h"
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- what a request means */
static bool find_target(struct answer *a)
{
    const struct corpus *c = a->corpus->corpus;
    const struct params *p = &a->request->params;
    const char *name = params_know(p, "target") ? params_text(p, "target") : NULL;
    a->target = name ? corpus_class_need(c, "target", name, a->e) : 0;
    return a->target >= 0;
}

bool answer_open_corpus(struct answer *a, enum corpus_split split)
{
    a->corpus = lab_open_corpus(a->lab, &a->request->corpus, split, a->loop, a->e);
    return a->corpus && find_target(a);
}

bool answer_need_classes(struct answer *a, int32_t n)
{
    const struct corpus *c = a->corpus->corpus;
    if (c->n_classes >= n)
        return true;
    return error_set(a->e, ERROR_INPUT,
                     "%s: found one class (%s), expected two or more to compare; name others by "
                     "--class NAME=FILE",
                     c->name, c->cls[0].name);
}

bool answer_need_dict(struct answer *a, int32_t *place)
{
    const struct dict_set *dicts = &a->lab->wb->dicts;
    const struct params *p = &a->request->params;
    const char *command = a->request->query->command, *name = NULL;
    char first[2][UNIT_NAME_MAX];
    *place = 0;
    if (dicts->n == 0)
        return error_set(a->e, ERROR_INPUT,
                         "%s: the model %s has no SAE here, expected --sae PATH or --neurons A,B,…",
                         command, a->lab->wb->model_name);
    if (params_know(p, "dict"))
        name = params_text(p, "dict");
    if (name) {
        *place = unit_place_find(dicts, name, a->e);
        return *place >= 0 || error_prefix(a->e, "--dict");
    }
    if (dicts->n == 1)
        return true;
    unit_place_name(dicts, 0, first[0]);
    unit_place_name(dicts, 1, first[1]);
    return error_set(a->e, ERROR_INPUT,
                     "%s: found %d dictionaries (%s, %s%s), expected --dict NAME to say which",
                     command, (int)dicts->n, first[0], first[1], dicts->n > 2 ? " …" : "");
}

bool answer_need_dicts(struct answer *a, dict_places *places)
{
    const struct dict_set *dicts = &a->lab->wb->dicts;
    const struct params *p = &a->request->params;
    int32_t place;
    *places = dict_set_all(dicts);
    if (dicts->n > 1 && !(params_know(p, "dict") && params_text(p, "dict")))
        return true;
    if (!answer_need_dict(a, &place))
        return false;
    *places = dict_bit(place);
    return true;
}

bool answer_need_units(struct answer *a)
{
    const struct workbench *wb = a->lab->wb;
    const char *command = a->request->query->command;
    a->n_units = request_units(a->request, &a->unit);
    if (a->n_units == 0) {
        a->n_units = wb->n_chosen;
        a->unit = wb->chosen;
    }
    if (wb->dicts.n == 0)
        return answer_need_dict(a, &(int32_t){0});
    if (a->n_units == 0)
        return error_set(a->e, ERROR_INPUT, "%s: found no latents, expected numbers or --latents",
                         command);
    for (int32_t i = 0; i < a->n_units; i++)
        if (!unit_check(&wb->dicts, a->unit[i], a->e))
            return error_prefix(a->e, "%s", command);
    return true;
}

/* ---- studies */
void answer_call(struct answer *a, struct study_call *call, const struct study_ops *ops,
                 const struct open_corpus *corpus, const char *what, dict_places places)
{
    lab_call_init(a->lab, call, ops, corpus, what, &a->request->params, places);
    if (params_know(&call->params, "units"))
        lab_call_units(call, a->unit, a->n_units);
}

void answer_facts(struct answer *a, const struct lab_facts *f)
{
    a->facts.cached = f->cached && (!a->ran || a->facts.cached);
    a->facts.resumed = a->facts.resumed || f->resumed;
    a->ran = true;
}

bool answer_run(struct answer *a, struct study_call *call, struct finished *f)
{
    struct finished needed;
    bool ok = lab_need(a->lab, call, a->loop, &needed, a->e) &&
              lab_study(a->lab, call, a->loop, false, f, a->e);
    finished_release(&needed);
    lab_call_release(call);
    if (ok)
        answer_facts(a, &(struct lab_facts){.cached = f->cached, .resumed = f->resumed});
    return ok;
}

bool answer_each_place(struct answer *a, bool (*of)(struct answer *, int32_t place))
{
    dict_places done = 0;
    for (int32_t i = 0; i < a->n_units; i++) {
        const int32_t place = a->unit[i].dict;
        if (!(done & dict_bit(place)) && !of(a, place))
            return false;
        done |= dict_bit(place);
    }
    return true;
}

int32_t answer_units_of(const struct answer *a, int32_t place, int32_t index[UNITS_MAX])
{
    int32_t n = 0;
    for (int32_t i = 0; i < a->n_units; i++)
        if (a->unit[i].dict == place)
            index[n++] = a->unit[i].index;
    return n;
}

/* The places of one run. */
static bool run_by(struct answer *a, dict_places places)
{
    struct study_call call;
    struct finished f;
    answer_call(a, &call, a->by, a->corpus, a->what, places);
    call.only_kept = a->request->only_kept;
    call.partial = a->growing;
    call.partial_arg = a;
    a->places = places;
    if (!answer_run(a, &call, &f))
        return false;
    answer_add(a, a->by->tables(f.study), places);
    finished_release(&f);
    return true;
}

static bool run_place(struct answer *a, int32_t place)
{
    return run_by(a, dict_bit(place));
}

bool answer_by(struct answer *a, const struct study_ops *ops, const char *what,
               answer_growing *growing)
{
    struct params all;
    a->by = ops, a->what = what, a->growing = growing;
    if (!ops->places)
        return answer_each_place(a, run_place);
    params_init(&all, ops->params);
    params_take(&all, &a->request->params);
    if (params_know(&all, "units"))
        params_set_units(&all, "units", a->unit, a->n_units);
    const dict_places places = ops->places(&a->lab->wb->dicts, &all);
    params_release(&all);
    return run_by(a, places);
}

struct table_set *answer_growing_tables(void *answer, struct study *study)
{
    const struct answer *a = answer;
    return answer_so_far(a, a->by->tables(study), a->places);
}

/* ---- tables */
/* What a row says of its unit, in the lab's places; UNIT_NONE: nothing. */
static struct unit_id unit_of(const struct answer *a, const struct table *t, int64_t row,
                              int32_t col, dict_places places)
{
    struct unit_id u = {0, 0};
    if (!table_has(t, row, col))
        return UNIT_NONE;
    if (t->cols[col].type == COLUMN_I64)
        u.index = (int32_t)table_i64(t, row, col);
    else if (t->cols[col].type != COLUMN_STR ||
             !unit_parse(lab_dicts(a->lab, places), table_str(t, row, col), &u, NULL))
        return UNIT_NONE;
    u.dict = dict_set_outside(&a->lab->dicts, places, u.dict);
    return u;
}

/* The row is of a coordinate of what its dictionary reads, and of no unit. */
static bool is_coordinate(const struct dict_set *dicts, const struct table *t, int64_t row,
                          int32_t dict)
{
    const int32_t units = table_find(t, "units");
    const char *of =
        units >= 0 && t->cols[units].type == COLUMN_STR ? table_str(t, row, units) : t->name;
    return !dicts->place[dict].neurons && of && strcmp(of, word_units_name[WORD_NEURONS]) == 0;
}

/* The table with its units named: a column "unit" in front, or one that is there in names. */
static struct table *named(const struct answer *a, struct table *t, dict_places places)
{
    const struct dict_set *dicts = &a->lab->dicts;
    const int32_t own = table_find(t, "unit"), from = own >= 0 ? own : table_find(t, "latent");
    if (a->lab->wb->dicts.n < 2 || from < 0)
        return t;
    const enum column_role role = t->cols[from].role;
    const int32_t col = table_column(
        t, "unit", "", own >= 0 ? t->cols[own].doc : "name of the unit", COLUMN_STR, role);
    for (int64_t i = 0; i < t->n_rows; i++) {
        char name[UNIT_NAME_MAX];
        const struct unit_id u = unit_of(a, t, i, from, places);
        if (u.dict < 0)
            continue;
        (is_coordinate(dicts, t, i, u.dict) ? unit_coordinate_name : unit_name)(dicts, u, name);
        table_set_str(t, i, col, name);
    }
    t->cols[from].role = COLUMN_TEXT; /* the names are what tells rows apart */
    table_move_column(t, col, own >= 0 ? own : 0);
    if (own >= 0)
        table_drop_column(t, own + 1);
    return t;
}

static void add_to(struct table_set *set, struct table *t)
{
    for (int32_t i = 0; i < set->n; i++)
        if (strcmp(set->table[i]->name, t->name) == 0) {
            table_append(set->table[i], t);
            table_free(t);
            return;
        }
    table_set_add(set, t);
}

void answer_add_table(struct answer *a, struct table *t, dict_places places)
{
    add_to(a->set, named(a, t, places));
}

/* Of one dictionary a first set is the answer as it is. */
static bool is_plain(const struct answer *a)
{
    return a->lab->wb->dicts.n < 2 && a->set->n == 0;
}

void answer_add(struct answer *a, struct table_set *set, dict_places places)
{
    if (is_plain(a)) {
        table_set_unref(a->set);
        a->set = set;
        return;
    }
    for (int32_t i = 0; i < set->n; i++)
        answer_add_table(a, table_copy(set->table[i]), places);
    table_set_unref(set);
}

struct table_set *answer_so_far(const struct answer *a, struct table_set *set, dict_places places)
{
    if (is_plain(a))
        return set;
    struct table_set *all = table_set_new();
    for (int32_t i = 0; i < a->set->n; i++)
        table_set_add(all, table_copy(a->set->table[i]));
    for (int32_t i = 0; i < set->n; i++)
        add_to(all, named(a, table_copy(set->table[i]), places));
    table_set_unref(set);
    return all;
}

/* ---- requests */
bool answer_keeps_activations(const struct params *p)
{
    return (params_know(p, "keep-activations") && params_flag(p, "keep-activations")) ||
           (params_know(p, "all") && params_flag(p, "all"));
}

/* What the units of a request would read is in memory or in the cache. */
static bool is_harvested(struct lab *lab, const struct request *r, const struct open_corpus *c,
                         int32_t place)
{
    struct study_call call;
    struct store_run run;
    if (!(lab->known & dict_bit(place)))
        return false;
    lab_call_init(lab, &call, &harvest_study, c, "", NULL, dict_bit(place));
    params_set_flag(&call.params, "keep-activations", answer_keeps_activations(&r->params));
    const struct sha256 key = lab_key(lab, &call);
    lab_call_release(&call);
    return (lab->harvest.study && memcmp(&key, &lab->harvest.key, sizeof key) == 0) ||
           (lab->store && store_look(lab->store, &key, &run, NULL) == CLAIM_DONE);
}

/* The units' dictionaries need no hashing: it was done, or nothing is looked up. */
static bool are_known(const struct lab *lab, const struct request *r)
{
    const struct unit_id *unit;
    int32_t n = request_units(r, &unit);
    if (n == 0)
        n = lab->wb->n_chosen, unit = lab->wb->chosen;
    bool known = !lab->store || lab->identified;
    for (int32_t i = 0; known && lab->store && i < n; i++)
        known = unit[i].dict < 0 || lab->known & dict_bit(unit[i].dict);
    return known;
}

/* The vectors of the words are in the cache. */
static bool are_kept(struct lab *lab, const struct request *r, const struct open_corpus *c)
{
    struct answer a = {.lab = lab, .request = r, .e = &(struct error){0}};
    struct study_call call;
    struct store_run run;
    int32_t place;
    if (!lab->store || !answer_need_dict(&a, &place) || !(lab->known & dict_bit(place)))
        return false;
    lab_call_init(lab, &call, &words_study, c, "", &r->params, dict_bit(place));
    const struct sha256 key = lab_key(lab, &call);
    lab_call_release(&call);
    return store_look(lab->store, &key, &run, NULL) == CLAIM_DONE;
}

bool lab_is_quick(struct lab *lab, const struct request *r)
{
    const struct unit_id *unit;
    if (lab->writing || !(r->query->quick || r->only_kept))
        return false;
    if (!request_reads_corpus(r))
        return !r->query->study || are_known(lab, r);
    if (!lab->identified || !lab_corpus_is_open(lab, &r->corpus, CORPUS_ALL))
        return false;
    if (r->only_kept) /* what is not there is not computed */
        return true;
    const struct open_corpus *c = lab_open_corpus(lab, &r->corpus, CORPUS_ALL, NULL, NULL);
    if (r->query->words)
        return are_kept(lab, r, c);
    const int32_t n = request_units(r, &unit);
    bool there = lab->wb->dicts.n > 0;
    for (int32_t i = 0; there && i < n; i++)
        there = unit[i].dict >= 0 && unit[i].dict < lab->wb->dicts.n &&
                (i > 0 && unit[i].dict == unit[i - 1].dict ? true
                                                           : is_harvested(lab, r, c, unit[i].dict));
    return there && (n > 0 || is_harvested(lab, r, c, 0));
}

bool lab_run(struct lab *lab, const struct request *r, const struct lab_loop *loop,
             struct table_set **out, struct lab_facts *facts, struct error *e)
{
    static const struct lab_loop quiet;
    struct timespec from, to;
    struct answer a = {.lab = lab, .request = r, .loop = loop ? loop : &quiet, .e = e};
    clock_gettime(CLOCK_MONOTONIC, &from);
    lab_store(lab, NULL);
    lab->depth++;
    lab_heal(lab); /* another process, or a person, may have moved it */
    bool ok = false, again = true;
    /* A second damage, in the file that was just begun, is more than chance: it is told. */
    for (int i = 0; !ok && again; i++) {
        struct error why = {0};
        int heals = lab->heals;
        a.set = table_set_new();
        a.e = &why;
        a.facts = (struct lab_facts){0};
        a.ran = false;
        ok = r->query->answer(&a);
        lab_heal(lab);
        again = i == 0 && lab->heals != heals;
        if (!ok)
            table_set_unref(a.set);
        if (!ok && !again && e)
            *e = why;
    }
    lab->depth--;
    clock_gettime(CLOCK_MONOTONIC, &to);
    a.facts.seconds =
        (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) * 1e-9;
    if (facts)
        *facts = a.facts;
    if (ok)
        *out = a.set;
    return ok;
}

bool lab_cut(struct lab *lab, const struct corpus_choice *choice, const struct lab_loop *loop,
             struct pass_cut *out, struct error *e)
{
    struct study_call call;
    const struct open_corpus *c = lab_open_corpus(lab, choice, CORPUS_ALL, loop, e);
    if (!c)
        return false;
    lab_call_init(lab, &call, &harvest_study, c, "", NULL, 0);
    bool ok = pass_cut(&call.in, loop ? loop->cancel : NULL, out);
    lab_call_release(&call);
    return ok || error_set(e, ERROR_CANCELLED, "interrupted");
}

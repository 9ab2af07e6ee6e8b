#include "engine/study/units.h"
#include "engine/base/memory.h"
#include <stdlib.h>

static bool check_place(const char *name, const struct study_in *in, const struct dict_place *p,
                        struct error *e)
{
    return model_check_dict(in->model, p->dict, p->at, e) || error_prefix(e, "%s", name);
}

bool units_check_places(const char *name, const struct study_in *in, struct error *e)
{
    struct dict_place one;
    const struct dict_set set = units_set(in, &one);
    if (set.n == 0)
        return error_set(e, ERROR_INPUT, "%s: there is no SAE, expected one or neurons", name);
    for (int32_t i = 0; i < set.n; i++)
        if (!check_place(name, in, &set.place[i], e))
            return false;
    return true;
}

bool units_check_in(const char *name, const struct study_in *in, struct error *e)
{
    if (!in->corpus || in->corpus->n_docs < 1)
        return error_set(e, ERROR_INPUT, "%s: there is no text, expected a corpus", name);
    if (in->corpus->n_docs > INT32_MAX)
        return error_set(e, ERROR_INPUT, "%s: %lld sentences, expected at most %d", name,
                         (long long)in->corpus->n_docs, INT32_MAX);
    return units_check_places(name, in, e);
}

struct dict_set units_set(const struct study_in *in, struct dict_place *one)
{
    if (in->dicts)
        return *in->dicts;
    if (!in->dict)
        return (struct dict_set){0};
    const struct dict_spec *d = dict_spec(in->dict);
    /* it is only read, as what a study is given */
    *one = (struct dict_place){(struct dict *)(uintptr_t)in->dict, in->at, d->identity, d->m};
    return (struct dict_set){.n = 1, .place = one};
}

dict_places units_places(const struct dict_set *set, const struct params *params)
{
    return units_places_of(set, params, "units");
}

dict_places units_places_of(const struct dict_set *set, const struct params *params,
                            const char *param)
{
    const struct unit_id *unit;
    dict_places places = 0;
    const int32_t n = params_units(params, param, &unit);
    for (int32_t i = 0; i < n; i++)
        if (unit[i].dict >= 0 && unit[i].dict < set->n)
            places |= dict_bit(unit[i].dict);
    return places;
}

bool units_take_inserted(const struct dict_set *set, const struct params *params,
                         dict_places *inserted, struct error *e)
{
    const char *places;
    const unsigned how = params_insert(params, "insert", &places);
    struct insertion in = insertion_of(how & 1u << INSERT_SAE ? INSERT_SAE : INSERT_NONE);
    *inserted = 0;
    if (how & (how - 1))
        return error_set(e, ERROR_INPUT, "found several ways to insert, expected one");
    if (places && !insertion_parse(set, places, &in, e))
        return false;
    for (int32_t i = 0; i < set->n; i++)
        if (!set->place[i].neurons)
            *inserted |= in.sae & dict_bit(i);
    return true;
}

dict_places units_places_held(const struct dict_set *set, const struct params *params)
{
    dict_places inserted;
    units_take_inserted(set, params, &inserted, NULL); /* open says why */
    return units_places_of(set, params, "held") | inserted;
}

int32_t units_take(const char *name, const struct study_in *in, const struct params *params,
                   struct unit_id unit[UNITS_MAX], struct error *e)
{
    struct dict_place one;
    const struct dict_set set = units_set(in, &one);
    const struct unit_id *asked;
    const int32_t n = params_units(params, "units", &asked);
    bool ok = n <= UNITS_MAX || error_set(e, ERROR_INPUT, "%s: %d units, expected at most %d", name,
                                          (int)n, UNITS_MAX);
    for (int32_t i = 0; ok && i < n; i++) {
        unit[i] = asked[i];
        ok = unit_check(&set, unit[i], e) || error_prefix(e, "%s", name);
        for (int32_t j = 0; ok && j < i; j++)
            if (unit_same(unit[i], unit[j])) {
                char twice[UNIT_NAME_MAX];
                unit_name(&set, unit[i], twice);
                ok = error_set(e, ERROR_INPUT, "%s: unit %s is given twice", name, twice);
            }
    }
    return ok ? n : -1;
}

static bool check_held(const char *name, const struct dict_set *set, const struct unit_id *unit,
                       int32_t n, struct error *e)
{
    char twice[UNIT_NAME_MAX];
    for (int32_t i = 0; i < n; i++) {
        if (!unit_check(set, unit[i], e))
            return error_prefix(e, "%s", name);
        for (int32_t k = 0; k < i; k++)
            if (unit_same(unit[i], unit[k])) {
                unit_name(set, unit[i], twice);
                return error_set(e, ERROR_INPUT, "%s: unit %s is held twice", name, twice);
            }
    }
    return true;
}

int32_t units_take_held(const char *name, const struct dict_set *set, const struct params *params,
                        struct unit held[STUDY_MAX_VALUES], struct error *e)
{
    const struct unit_id *unit;
    const double *value;
    const int32_t n = params_units(params, "held", &unit);
    int32_t taken = 0;
    if (n > STUDY_MAX_VALUES || params_values(params, "held-at", &value) != n) {
        error_set(e, ERROR_INPUT, "%s: %d units are held, expected a value for each and at most %d",
                  name, n, STUDY_MAX_VALUES);
        return -1;
    }
    if (!check_held(name, set, unit, n, e))
        return -1;
    for (int32_t d = 0; d < set->n; d++)
        for (int32_t i = 0; i < n; i++)
            if (unit[i].dict == d)
                held[taken++] = (struct unit){unit[i], (float)value[i], UNIT_FIX};
    return taken;
}

int32_t units_column(struct table *t, const struct study_in *in, const char *name, const char *doc,
                     enum column_role role)
{
    const bool several = in->dicts && in->dicts->n > 1;
    return table_column(t, name, "", doc, several ? COLUMN_STR : COLUMN_I64, role);
}

void units_cell(struct table *t, int64_t row, int32_t col, const struct study_in *in,
                struct unit_id unit)
{
    char name[UNIT_NAME_MAX];
    if (t->cols[col].type == COLUMN_I64) {
        table_set_i64(t, row, col, unit.index);
        return;
    }
    unit_name(in->dicts, unit, name);
    table_set_str(t, row, col, name);
}

bool units_init(struct units *u, const char *name, const struct study_in *in,
                const struct params *params, struct error *e)
{
    struct unit_id unit[UNITS_MAX];
    *u = (struct units){0};
    if (!units_check_in(name, in, e))
        return false;
    const int32_t n = units_take(name, in, params, unit, e);
    if (n < 0)
        return false;
    const struct dict_spec *d = dict_spec(in->dict);
    u->n = n;
    u->identity = d->identity;
    u->column = xmalloc((size_t)d->m * sizeof *u->column);
    for (int32_t i = 0; i < d->m; i++)
        u->column[i] = -1;
    for (int32_t i = 0; i < n; i++) {
        u->id[i] = unit[i].index;
        u->column[u->id[i]] = i;
    }
    return true;
}

void units_release(struct units *u)
{
    free(u->column);
    u->column = NULL;
}

void units_act(struct run *run, const struct units *u, const struct study_in *in,
               const struct code *f, float *act)
{
    if (u->n < 1)
        return;
    struct arena_mark mark = arena_mark(run->arena);
    struct tensor v = dict_values(run, in->dict, f, u->id, u->n);
    run_get(run, act, v);
    if (u->identity)
        dict_check_values(run, in->dict, act, v.rows, u->id, u->n);
    arena_reset(run->arena, mark);
}

bool units_active(const struct units *u, float act)
{
    return u->identity ? act > 0.0f : act != 0.0f;
}

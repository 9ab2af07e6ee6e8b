#include "engine/study/units.h"
#include "engine/base/memory.h"
#include <stdlib.h>

bool units_check_in(const char *name, const struct study_in *in, struct error *e)
{
    if (!in->corpus || in->corpus->n_docs < 1)
        return error_set(e, ERROR_INPUT, "%s: there is no text, expected a corpus", name);
    if (in->corpus->n_docs > INT32_MAX)
        return error_set(e, ERROR_INPUT, "%s: %lld sentences, expected at most %d", name,
                         (long long)in->corpus->n_docs, INT32_MAX);
    if (!in->dict)
        return error_set(e, ERROR_INPUT, "%s: there is no SAE, expected one or neurons", name);
    if (!model_check_point(in->model, in->at, e))
        return error_prefix(e, "%s", name);
    int32_t n = dict_spec(in->dict)->n, width = model_width(in->model, in->at);
    if (n == width)
        return true;
    char at[POINT_NAME_MAX];
    point_name(in->at, at);
    return error_set(e, ERROR_INPUT, "%s: the dictionary has width %d, the model %d at %s", name, n,
                     width, at);
}

bool units_init(struct units *u, const char *name, const struct study_in *in,
                const struct params *params, struct error *e)
{
    const struct unit_id *unit;
    *u = (struct units){.n = params_units(params, "units", &unit)};
    if (!units_check_in(name, in, e))
        return false;
    if (u->n < 0 || u->n > UNITS_MAX)
        return error_set(e, ERROR_INPUT, "%s: %d units, expected at most %d", name, u->n,
                         UNITS_MAX);
    const struct dict_spec *d = dict_spec(in->dict);
    u->identity = d->identity;
    u->column = xmalloc((size_t)d->m * sizeof *u->column);
    for (int32_t i = 0; i < d->m; i++)
        u->column[i] = -1;
    for (int32_t i = 0; i < u->n; i++) {
        int32_t id = u->id[i] = unit[i].index;
        if (id < 0 || id >= d->m)
            error_set(e, ERROR_INPUT, "%s: there is no unit %d, expected 0 to %d", name, id,
                      d->m - 1);
        else if (u->column[id] >= 0)
            error_set(e, ERROR_INPUT, "%s: unit %d is given twice", name, id);
        else {
            u->column[id] = i;
            continue;
        }
        units_release(u);
        return false;
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

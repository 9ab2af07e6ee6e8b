/* What units do in two runs, as hooks. */
#include "engine/study/runs.h"
#include "engine/base/memory.h"
#include <stdlib.h>
#include <string.h>

struct point pre_activation(const struct dict_place *p)
{
    struct point at = p->at;
    if (p->neurons && at.site == SITE_MLP_ACT)
        at.site = SITE_MLP_PRE;
    return at;
}

struct point pre_activation_read(const struct dict_place *p)
{
    const struct point at = pre_activation(p);
    return point_compare(at, p->at) == 0 ? dict_reads(p->dict, at) : at;
}

dict_places two_runs_places(const struct dict_set *set, const struct params *p)
{
    return units_places(set, p) | units_places_held(set, p) | units_places_of(set, p, "shifted");
}

/* ---- what is asked for */
struct asked {
    const char *name;
    int32_t n, n_held, n_shifted;
    const double *at, *off_at; /* [n]; at NULL: as they are */
    struct unit held[STUDY_MAX_VALUES];
    const struct unit_id *shifted;
    const double *shift, *shifted_at; /* [n_shifted]; shifted_at NULL */
};

static bool take_units(struct two_runs *r, struct asked *q, const struct study_in *in,
                       const struct params *p, struct error *e)
{
    struct unit_id unit[UNITS_MAX];
    q->n = units_take(q->name, in, p, unit, e);
    if (q->n < 0)
        return false;
    const int32_t n_at = params_values(p, "at", &q->at),
                  n_off = params_values(p, "off-at", &q->off_at);
    if (q->n < 1 || q->n > STUDY_MAX_VALUES || n_off != q->n || (n_at != 0 && n_at != q->n))
        return error_set(e, ERROR_INPUT,
                         "%s: found %d units, expected 1 to %d and two values for each", q->name,
                         (int)q->n, STUDY_MAX_VALUES);
    q->at = n_at ? q->at : NULL;
    r->n_units = q->n;
    memcpy(r->unit, unit, (size_t)q->n * sizeof *unit);
    return true;
}

static bool among(const struct two_runs *r, struct unit_id u)
{
    for (int32_t i = 0; i < r->n_units; i++)
        if (unit_same(r->unit[i], u))
            return true;
    return false;
}

static bool not_twice(const struct two_runs *r, const struct asked *q, struct unit_id u,
                      const char *how, struct error *e)
{
    char name[UNIT_NAME_MAX];
    if (!among(r, u))
        return true;
    unit_full_name(&r->set, u, name);
    return error_set(e, ERROR_INPUT, "%s: unit %s is %s too, expected another", q->name, name, how);
}

static bool take_held(struct two_runs *r, struct asked *q, const struct params *p, struct error *e)
{
    if (!units_take_inserted(&r->set, p, &r->inserted, e))
        return error_prefix(e, "%s", q->name);
    q->n_held = units_take_held(q->name, &r->set, p, q->held, e);
    for (int32_t i = 0; i < q->n_held; i++)
        if (!not_twice(r, q, q->held[i].id, "held all the time", e))
            return false;
    return q->n_held >= 0;
}

static bool is_held(const struct asked *q, struct unit_id u)
{
    for (int32_t i = 0; i < q->n_held; i++)
        if (unit_same(q->held[i].id, u))
            return true;
    return false;
}

static bool take_shifted(struct two_runs *r, struct asked *q, const struct params *p,
                         struct error *e)
{
    q->n_shifted = params_units(p, "shifted", &q->shifted);
    const int32_t n = params_values(p, "shift", &q->shift),
                  n_at = params_values(p, "shifted-at", &q->shifted_at);
    if (q->n_shifted > STUDY_MAX_VALUES || n != q->n_shifted || (n_at != 0 && n_at != n))
        return error_set(e, ERROR_INPUT,
                         "%s: found %d later units, expected a shift for each and at most %d",
                         q->name, (int)q->n_shifted, STUDY_MAX_VALUES);
    q->shifted_at = n_at ? q->shifted_at : NULL;
    for (int32_t i = 0; i < q->n_shifted; i++) {
        char name[UNIT_NAME_MAX];
        bool again = false;
        if (!unit_check(&r->set, q->shifted[i], e))
            return error_prefix(e, "%s", q->name);
        for (int32_t k = 0; k < i; k++)
            again = again || unit_same(q->shifted[i], q->shifted[k]);
        unit_full_name(&r->set, q->shifted[i], name);
        if (again || is_held(q, q->shifted[i]))
            return error_set(e, ERROR_INPUT, "%s: unit %s is shifted and given again", q->name,
                             name);
        if (!not_twice(r, q, q->shifted[i], "shifted", e))
            return false;
    }
    return true;
}

/* ---- as hooks */
static bool is_early(const struct two_runs *r, int32_t place)
{
    return point_compare(pre_activation(&r->set.place[place]), r->set.place[place].at) < 0;
}

/* Those of a place that are shifted in a run. */
static int32_t shifted_units(const struct asked *q, int32_t place, int which, struct unit *out)
{
    int32_t n = 0;
    for (int32_t i = 0; i < q->n_shifted; i++) {
        const double at = q->shifted_at ? q->shifted_at[i] : 0,
                     shift = which == RUN_B ? q->shift[i] : 0;
        if (q->shifted[i].dict == place && (q->shifted_at || which == RUN_B))
            out[n++] = (struct unit){q->shifted[i], (float)(at + shift),
                                     q->shifted_at ? UNIT_FIX : UNIT_ADD};
    }
    return n;
}

/* What is held or changed at a place itself. */
static int32_t units_at(const struct two_runs *r, const struct asked *q, int32_t place, int which,
                        struct unit *out)
{
    const double *value = which == RUN_A ? q->at : q->off_at;
    int32_t n = 0;
    for (int32_t i = 0; i < q->n_held; i++)
        if (q->held[i].id.dict == place)
            out[n++] = q->held[i];
    for (int32_t i = 0; value && i < q->n; i++)
        if (r->unit[i].dict == place)
            out[n++] = (struct unit){r->unit[i], (float)value[i], UNIT_FIX};
    if (!is_early(r, place))
        n += shifted_units(q, place, which, out + n);
    return n;
}

static void add_early(struct two_runs *r, const struct asked *q, int which, struct unit *unit)
{
    struct lane_hooks *h = &r->run[which].hooks;
    for (int32_t p = 0; p < r->set.n; p++) {
        const int32_t n = is_early(r, p) ? shifted_units(q, p, which, unit) : 0;
        if (n == 0)
            continue;
        h->hook = grow(h->hook, &h->cap, (size_t)h->n + 1, sizeof *h->hook);
        h->hook[h->n++] = (struct hook){.at = pre_activation(&r->set.place[p]),
                                        .op = HOOK_INSERT,
                                        .dict = r->set.place[p].dict,
                                        .keep_error = true,
                                        .units = unit,
                                        .n_units = n};
        unit += n;
    }
}

static void make_run(struct two_runs *r, const struct asked *q, int which)
{
    struct run_changes *c = &r->run[which];
    const struct lane_place from_the_start = {.model = NULL, .set = &r->set, .first = -1};
    struct lane lane = {.inserted = r->inserted};
    c->unit = xcalloc((size_t)(q->n + q->n_held + q->n_shifted) + 1, sizeof *c->unit);
    lane.units = c->unit;
    for (int32_t p = 0; p < r->set.n; p++)
        lane.n_units += units_at(r, q, p, which, c->unit + lane.n_units);
    lane_hooks_add(&c->hooks, &from_the_start, &lane, NULL, 0);
    add_early(r, q, which, c->unit + lane.n_units);
}

static void find_first(struct two_runs *r)
{
    bool any = false;
    for (int w = 0; w < TWO_RUNS; w++)
        for (int32_t i = 0; i < r->run[w].hooks.n; i++) {
            const struct hook *h = &r->run[w].hooks.hook[i];
            const struct point at = dict_reads(h->dict, h->at);
            if (!any || point_compare(at, r->first) < 0)
                r->first = at;
            any = true;
        }
}

bool two_runs_take(struct two_runs *r, const char *name, const struct study_in *in,
                   const struct params *p, struct error *e)
{
    struct asked q = {.name = name};
    *r = (struct two_runs){.n_units = 0};
    r->set = units_set(in, &r->one);
    if (!take_units(r, &q, in, p, e) || !take_held(r, &q, p, e) || !take_shifted(r, &q, p, e))
        return false;
    make_run(r, &q, RUN_A);
    make_run(r, &q, RUN_B);
    find_first(r);
    return true;
}

void two_runs_release(struct two_runs *r)
{
    for (int w = 0; w < TWO_RUNS; w++) {
        lane_hooks_release(&r->run[w].hooks);
        free(r->run[w].unit);
    }
}

void two_runs_forward(const struct two_runs *r, int which, struct run *run,
                      const struct study_in *in, const struct batch *batch,
                      const struct state *from, struct point to, const struct hook *more,
                      int32_t n_more, struct state *out)
{
    const struct lane_hooks *own = &r->run[which].hooks;
    struct hook *all = xcalloc((size_t)own->n + (size_t)n_more + 1, sizeof *all);
    if (own->n > 0)
        memcpy(all, own->hook, (size_t)own->n * sizeof *all);
    if (n_more > 0)
        memcpy(all + own->n, more, (size_t)n_more * sizeof *all);
    model_forward(run, in->model, batch, from, to, all, own->n + n_more, out);
    free(all);
}

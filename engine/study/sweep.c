/* Sweep: its lanes. What they cost: laned.c; intervals and tables: sweep_tables.c. */
#include "engine/study/sweep.h"
#include "engine/base/memory.h"
#include "engine/study/pass.h"
#include "engine/study/sweep_private.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ALL_UNITS (-1)

/* ---- lanes */
enum { NO_VALUE = -1 };

/* insert NULL: the plain model's. */
static void add_lane(struct study *s, const struct sweep_insert *insert, int32_t unit,
                     int32_t value, int32_t same_as, int32_t base)
{
    struct lane lane = {.inserted = insert ? insert->at.sae : 0};
    struct sweep_lane *is = &s->is[s->by.n_lanes];
    *is = (struct sweep_lane){insert ? insert->name : insert_name[INSERT_NONE], unit, (double)NAN};
    if (value >= 0) {
        is->value = s->value[value];
        lane.n_units = unit == ALL_UNITS ? s->n_units : 1;
        lane.units = s->fixed + value * s->n_units + (unit == ALL_UNITS ? 0 : unit);
    }
    laned_add(&s->by, &lane, same_as, base);
}

static void add_insertion(struct study *s, const struct sweep_insert *insert)
{
    int32_t base = s->by.n_lanes, all = base + 1;
    /* with the error kept an unmodified reconstruction is the plain value again */
    add_lane(s, insert, ALL_UNITS, NO_VALUE, insert->at.sae ? -1 : 0, base);
    for (int32_t v = 0; v < s->n_values; v++)
        add_lane(s, insert, ALL_UNITS, v, -1, base);
    for (int32_t j = 0; j < s->n_units && s->each; j++)
        for (int32_t v = 0; v < s->n_values; v++)
            add_lane(s, insert, j, v, s->n_units == 1 ? all + v : -1, base);
}

static void make_lanes(struct study *s)
{
    size_t n_values = (size_t)s->n_values, J = (size_t)s->n_units;
    s->is = xcalloc(1 + 2 * (1 + n_values * (1 + J)), sizeof *s->is);
    s->fixed = xcalloc(n_values * J + 1, sizeof *s->fixed);
    for (size_t i = 0; i < n_values * J; i++)
        s->fixed[i] = (struct unit){.id = s->unit[i % J], .value = (float)s->value[i / J]};
    add_lane(s, NULL, ALL_UNITS, NO_VALUE, -1, 0);
    for (int32_t i = 0; i < s->n_inserts; i++)
        add_insertion(s, &s->insert[i]);
}

/* ---- opening */
static void sweep_free(struct study *s)
{
    if (!s)
        return;
    laned_release(&s->by);
    for (int32_t i = 0; i < s->n_inserts; i++)
        free(s->insert[i].name);
    free(s->is);
    free(s->fixed);
    free(s);
}

static const char *const inserts[] = {"sae", "error", "sae,error", NULL};
static const struct param params[] = {
    {"values", "LIST", "FROM:TO:STEP or a list", PARAM_VALUES, "-8:8:2", .in_key = true},
    {"insert", "sae|error|sae,error|NAME=MODE[,…]", "what the values are set in", PARAM_INSERT,
     "sae", .choices = inserts, .in_key = true},
    {"each", NULL, "also every latent alone", PARAM_FLAG, .in_key = true},
    {"seed", "N", "of the intervals", PARAM_SEED, "0", .in_key = true},
    STUDY_UNITS_ROW,
    {.name = NULL},
};

static bool take_params(struct study *s, const struct params *p, struct error *e)
{
    const double *value;
    s->n_values = params_values(p, "values", &value);
    if (s->n_values > STUDY_MAX_VALUES)
        return error_set(e, ERROR_INPUT, "sweep: %d values, expected at most %d", s->n_values,
                         STUDY_MAX_VALUES);
    for (int32_t v = 0; v < s->n_values; v++) {
        if (!isfinite((float)value[v]))
            return error_set(e, ERROR_INPUT, "sweep: value %d is %g, expected a finite number",
                             v + 1, value[v]);
        s->value[v] = value[v];
    }
    if (s->n_values > 0 && !params_has(p, "units"))
        return error_set(e, ERROR_INPUT, "sweep: values but no unit to fix, expected 1 to %d units",
                         UNITS_MAX);
    s->each = params_flag(p, "each");
    s->seed = params_seed(p, "seed");
    return true;
}

static void take_insert(struct study *s, struct insertion at, const char *name)
{
    s->insert[s->n_inserts++] = (struct sweep_insert){at, xstrdup(name)};
}

static bool take_inserts(struct study *s, const struct params *p, struct error *e)
{
    const char *places;
    const unsigned in = params_insert(p, "insert", &places);
    struct insertion at;
    if (places && !insertion_parse(&s->by.set, places, &at, e))
        return error_prefix(e, "sweep");
    if (places)
        take_insert(s, at, places);
    for (enum insert how = INSERT_SAE; how <= INSERT_ERROR; how++)
        if (in & 1u << how)
            take_insert(s, insertion_of(how), insert_name[how]);
    return s->n_inserts > 0 ||
           error_set(e, ERROR_INPUT, "sweep: found no insertion, expected sae, error or both");
}

/* Where nothing is inserted no latent can be fixed. */
static bool check_inserts(const struct study *s, struct error *e)
{
    for (int32_t i = 0; i < s->n_inserts; i++)
        for (int32_t j = 0; s->n_values > 0 && j < s->n_units; j++)
            if (!insertion_holds(&s->by.set, s->insert[i].at, s->unit[j], e))
                return error_prefix(e, "sweep");
    return true;
}

/* A lane wants the units of a place side by side, places in order; in each as they were given. */
static bool take_units(struct study *s, const struct params *p, struct error *e)
{
    s->n_units = units_take("sweep", &s->by.in, p, s->unit, e);
    for (int32_t i = 1; i < s->n_units; i++) {
        const struct unit_id u = s->unit[i];
        int32_t at = i;
        for (; at > 0 && s->unit[at - 1].dict > u.dict; at--)
            s->unit[at] = s->unit[at - 1];
        s->unit[at] = u;
    }
    return s->n_units >= 0;
}

/* Reconstructions are of every SAE there is, or of those that are named, whichever units are fixed.
 */
static dict_places sweep_places(const struct dict_set *set, const struct params *p)
{
    const char *named;
    const unsigned in = params_insert(p, "insert", &named);
    struct insertion at = insertion_of(in & 1u << INSERT_SAE ? INSERT_SAE : INSERT_NONE);
    dict_places places = units_places(set, p);
    if (named && !insertion_parse(set, named, &at, NULL))
        at = insertion_of(INSERT_NONE); /* open says why */
    for (int32_t i = 0; i < set->n; i++)
        if (!set->place[i].neurons)
            places |= (at.sae | at.error) & dict_bit(i);
    return places;
}

static bool sweep_open(const struct study_in *in, const struct params *p, struct study **out,
                       struct error *e)
{
    struct study *s = xcalloc(1, sizeof *s);
    bool ok = take_params(s, p, e) && laned_init(&s->by, "sweep", in, e) && take_inserts(s, p, e) &&
              take_units(s, p, e) && check_inserts(s, e);
    if (ok) {
        make_lanes(s);
        ok = laned_ready(&s->by, e);
    }
    if (ok)
        *out = s;
    else
        sweep_free(s);
    return ok;
}

/* ---- looking */
int32_t sweep_n_lanes(const struct study *s)
{
    return s->by.n_lanes;
}

struct sweep_lane sweep_lane(const struct study *s, int32_t lane)
{
    return s->is[lane];
}

double sweep_loss(const struct study *s, int32_t lane, int64_t doc)
{
    return laned_loss(&s->by, lane, doc);
}

const struct study_ops sweep_study = {.name = "sweep",
                                      .params = params,
                                      .places = sweep_places,
                                      .open = sweep_open,
                                      .free = sweep_free,
                                      LANED_OPS,
                                      .tables = sweep_tables};

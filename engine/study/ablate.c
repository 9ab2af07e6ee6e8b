/* Ablation of units: its lanes and its tables. What lanes cost: laned.c. */
#include "engine/study/ablate.h"
#include "engine/base/memory.h"
#include "engine/study/laned.h"
#include "engine/study/pass.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SETS_ALL, SETS_ALL_BUT_ONE, SETS_PAIRS };
const char *const ablate_sets[] = {"all", "all-but-one", "pairs", NULL};

enum kind { ONE, ALL, ALL_BUT_ONE, PAIR };

struct ablated { /* a set of the units, lane by lane behind the first */
    enum kind kind;
    int32_t a, b;      /* ONE: a; ALL_BUT_ONE: all but a; PAIR: a and b */
    struct unit *unit; /* what is held in the lane; owned */
};

struct study {
    struct laned by;
    dict_places inserted; /* places, a bit each */
    int32_t n_units, n_held, n_sets;
    struct unit_id unit[STUDY_MAX_VALUES];
    double value[STUDY_MAX_VALUES];
    struct unit held[STUDY_MAX_VALUES];
    double *crossed; /* [places, n_units]; NULL: each at its own value */
    struct ablated *set;
    uint64_t seed;
};
DOC_MEANS_FIRST(by);

/* ---- what is in a set */
static bool in_set(const struct ablated *x, int32_t j)
{
    return x->kind == ALL || (x->kind == ALL_BUT_ONE ? j != x->a : j == x->a) ||
           (x->kind == PAIR && j == x->b);
}

/* The published code takes, at each layer that has a unit of the set, the indices of them all, and
 * puts one value there: their mean. */
static int32_t crossed_units(const struct study *s, const struct ablated *x, int32_t place,
                             struct unit *out)
{
    const double *value = s->crossed + (size_t)place * (size_t)s->n_units;
    double sum = 0;
    int32_t n = 0, members = 0;
    bool there = false;
    for (int32_t j = 0; j < s->n_units; j++) {
        bool again = false;
        if (!in_set(x, j))
            continue;
        for (int32_t i = 0; i < n; i++)
            again = again || out[i].id.index == s->unit[j].index;
        there = there || s->unit[j].dict == place;
        sum += value[j];
        members++;
        if (!again)
            out[n++] = (struct unit){{place, s->unit[j].index}, 0, UNIT_FIX};
    }
    for (int32_t i = 0; i < n; i++)
        out[i].value = (float)(sum / members);
    return there ? n : 0;
}

static int32_t own_units(const struct study *s, const struct ablated *x, int32_t place,
                         struct unit *out)
{
    int32_t n = 0;
    for (int32_t j = 0; x && j < s->n_units; j++)
        if (s->unit[j].dict == place && in_set(x, j))
            out[n++] = (struct unit){s->unit[j], (float)s->value[j], UNIT_FIX};
    return n;
}

/* A lane with what is held and with a set (NULL: none), by place. */
static void add_lane(struct study *s, struct ablated *x, struct unit *unit)
{
    struct lane lane = {.inserted = s->inserted, .units = unit};
    for (int32_t p = 0; p < s->by.set.n; p++) {
        for (int32_t i = 0; i < s->n_held; i++)
            if (s->held[i].id.dict == p)
                unit[lane.n_units++] = s->held[i];
        lane.n_units += x && x->kind != ONE && s->crossed
                            ? crossed_units(s, x, p, unit + lane.n_units)
                            : own_units(s, x, p, unit + lane.n_units);
    }
    laned_add(&s->by, &lane, -1, 0);
}

static void add_set(struct study *s, enum kind kind, int32_t a, int32_t b)
{
    const size_t most = (size_t)(s->n_held + s->n_units * (s->crossed ? s->by.set.n : 1)) + 1;
    struct ablated *x = &s->set[s->n_sets++];
    *x = (struct ablated){kind, a, b, xcalloc(most, sizeof *x->unit)};
    add_lane(s, x, x->unit);
}

static void make_lanes(struct study *s, unsigned sets)
{
    const int32_t n = s->n_units;
    s->set = xcalloc((size_t)(2 + 2 * n + n * n), sizeof *s->set);
    add_lane(s, NULL, s->held);
    for (int32_t j = 0; j < n; j++)
        add_set(s, ONE, j, 0);
    if ((sets & 1u << SETS_ALL) && n > 1)
        add_set(s, ALL, 0, 0);
    for (int32_t j = 0; (sets & 1u << SETS_ALL_BUT_ONE) && n > 2 && j < n; j++)
        add_set(s, ALL_BUT_ONE, j, 0);
    for (int32_t a = 0; (sets & 1u << SETS_PAIRS) && a < n; a++)
        for (int32_t b = a + 1; b < n; b++)
            add_set(s, PAIR, a, b);
}

/* ---- opening */
static void ablate_free(struct study *s)
{
    if (!s)
        return;
    for (int32_t i = 0; i < s->n_sets; i++)
        free(s->set[i].unit);
    laned_release(&s->by);
    free(s->set);
    free(s->crossed);
    free(s);
}

static const struct param params[] = {
    STUDY_UNITS_ROW,
    {"at", "LIST", "what each unit is held at", PARAM_VALUES, .in_key = true},
    {"crossed", "LIST", "as published: at each place the value of each unit's index", PARAM_VALUES,
     .in_key = true},
    STUDY_HELD_ROWS,
    ABLATE_SETS_ROW,
    {"seed", "N", "of the intervals", PARAM_SEED, "0", .in_key = true},
    {.name = NULL},
};

static dict_places ablate_places(const struct dict_set *set, const struct params *p)
{
    return units_places(set, p) | units_places_held(set, p);
}

static bool take_units(struct study *s, const struct params *p, struct error *e)
{
    struct unit_id unit[UNITS_MAX];
    const double *value;
    s->n_units = units_take("ablate", &s->by.in, p, unit, e);
    if (s->n_units < 0)
        return false;
    if (s->n_units < 1 || s->n_units > STUDY_MAX_VALUES ||
        params_values(p, "at", &value) != s->n_units)
        return error_set(e, ERROR_INPUT,
                         "ablate: found %d units, expected 1 to %d and a value for each",
                         s->n_units, STUDY_MAX_VALUES);
    for (int32_t j = 0; j < s->n_units; j++)
        s->unit[j] = unit[j], s->value[j] = value[j];
    return true;
}

static bool take_held(struct study *s, const struct params *p, struct error *e)
{
    if (!units_take_inserted(&s->by.set, p, &s->inserted, e))
        return error_prefix(e, "ablate");
    s->n_held = units_take_held("ablate", &s->by.set, p, s->held, e);
    for (int32_t i = 0; i < s->n_held; i++)
        for (int32_t j = 0; j < s->n_units; j++)
            if (unit_same(s->held[i].id, s->unit[j])) {
                char name[UNIT_NAME_MAX];
                unit_full_name(&s->by.set, s->unit[j], name);
                return error_set(e, ERROR_INPUT,
                                 "ablate: unit %s is held all the time, expected another", name);
            }
    return s->n_held >= 0;
}

static bool take_crossed(struct study *s, const struct params *p, struct error *e)
{
    const double *value;
    const int32_t n = params_values(p, "crossed", &value);
    if (n == 0)
        return true;
    if (n != s->n_units * s->by.set.n)
        return error_set(e, ERROR_INPUT,
                         "ablate: found %d values of %d units at %d places, expected one of each",
                         n, s->n_units, s->by.set.n);
    for (int32_t place = 0; place < s->by.set.n; place++)
        for (int32_t j = 0; j < s->n_units; j++)
            if (!unit_check(&s->by.set, (struct unit_id){place, s->unit[j].index}, e))
                return error_prefix(e, "ablate");
    s->crossed = xmemdup(value, (size_t)n * sizeof *value);
    return true;
}

static bool ablate_open(const struct study_in *in, const struct params *p, struct study **out,
                        struct error *e)
{
    struct study *s = xcalloc(1, sizeof *s);
    bool ok = laned_init(&s->by, "ablate", in, e) && take_units(s, p, e) && take_held(s, p, e) &&
              take_crossed(s, p, e);
    if (ok) {
        s->by.first_window = true;
        s->seed = params_seed(p, "seed");
        make_lanes(s, params_set(p, "sets"));
        ok = laned_ready(&s->by, e);
    }
    if (ok)
        *out = s;
    else
        ablate_free(s);
    return ok;
}

/* ---- tables */
struct of_class {
    struct sample loss, difference;
};

static void name_units(const struct study *s, const struct ablated *x, struct strbuf *out)
{
    strbuf_clear(out);
    for (int32_t j = 0; j < s->n_units; j++) {
        char name[UNIT_NAME_MAX];
        if (!in_set(x, j))
            continue;
        unit_full_name(&s->by.set, s->unit[j], name);
        strbuf_addf(out, "%s%s", out->len > 0 ? "," : "", name);
    }
}

static void name_set(const struct study *s, const struct ablated *x, struct strbuf *out)
{
    static const char *const word[] = {"one", "all", "all but ", "pair"};
    char name[UNIT_NAME_MAX] = "";
    strbuf_clear(out);
    if (x->kind == ALL_BUT_ONE)
        unit_full_name(&s->by.set, s->unit[x->a], name);
    strbuf_addf(out, "%s%s", word[x->kind], name);
}

enum { UNITS, SET, CLASS, LOSS, ABLATED, DIFFERENCE, LO, HI, PERCENT, TEXTS };

static struct table *rows_new(const struct study *s)
{
    struct table *t = table_new("rows", "Loss with units ablated", MARK_BAR);
    table_column(t, "units", "", "those held at their value", COLUMN_STR, COLUMN_KEY);
    table_column(t, "set", "", "which of them these are", COLUMN_STR, COLUMN_TEXT);
    table_column(t, "class", "", "class of the texts", COLUMN_STR, COLUMN_SERIES);
    table_column(t, "loss", "nats", "mean over texts of each text's mean", COLUMN_F64, COLUMN_TEXT);
    table_column(t, "loss_ablated", "nats", "the same with the units held", COLUMN_F64,
                 COLUMN_TEXT);
    table_column(t, "difference", "nats", "mean over texts", COLUMN_F64, COLUMN_Y);
    table_column(t, "ci95.lo", "nats", "bootstrap of the paired differences", COLUMN_F64,
                 COLUMN_LO);
    table_column(t, "ci95.hi", "nats", "its upper end", COLUMN_F64, COLUMN_HI);
    table_column(t, "percent", "%", "of the loss", COLUMN_F64, COLUMN_TEXT);
    table_column(t, "texts", "", "with a loss", COLUMN_I64, COLUMN_TEXT);
    if (s->crossed)
        table_note(t, "as published: sets take the indices of all their units at each of their "
                      "layers, at one value a layer");
    return t;
}

static void add_row(struct table *t, const struct study *s, int32_t set, int32_t cls,
                    const struct of_class *of)
{
    const int32_t lane = set + 1;
    const double loss = sample_mean(&of->loss, 0), difference = sample_mean(&of->difference, lane);
    const int64_t row = table_row(t);
    struct strbuf name;
    strbuf_init(&name);
    name_units(s, &s->set[set], &name);
    table_set_str(t, row, UNITS, name.s);
    name_set(s, &s->set[set], &name);
    table_set_str(t, row, SET, name.s);
    table_set_str(t, row, CLASS, s->by.in.corpus->cls[cls].name);
    table_set_f64(t, row, LOSS, loss);
    table_set_f64(t, row, ABLATED, sample_mean(&of->loss, lane));
    table_set_f64(t, row, DIFFERENCE, difference);
    table_set_f64(t, row, LO, of->difference.ci[lane].lo);
    table_set_f64(t, row, HI, of->difference.ci[lane].hi);
    table_set_f64(t, row, PERCENT, 100 * difference / loss);
    table_set_i64(t, row, TEXTS, of->loss.n);
    strbuf_release(&name);
}

static void add_backup(struct table *t, const struct study *s, int32_t a, int32_t b, double both,
                       int32_t cls, const struct of_class *of)
{
    char name[UNIT_NAME_MAX];
    const double da = sample_mean(&of->difference, 1 + a), db = sample_mean(&of->difference, 1 + b);
    const int64_t row = table_row(t);
    unit_full_name(&s->by.set, s->unit[a], name);
    table_set_str(t, row, 0, name);
    unit_full_name(&s->by.set, s->unit[b], name);
    table_set_str(t, row, 1, name);
    table_set_str(t, row, 2, s->by.in.corpus->cls[cls].name);
    table_set_f64(t, row, 3, db == 0 ? (double)NAN : (both - da - db) / db);
}

static struct table *backup_table(const struct study *s, const struct of_class *of)
{
    struct table *t = table_new("backup", "Units that back each other up", MARK_LIST);
    table_column(t, "unit", "", "A", COLUMN_STR, COLUMN_KEY);
    table_column(t, "by", "", "B, which backs A up", COLUMN_STR, COLUMN_KEY);
    table_column(t, "class", "", "class of the texts", COLUMN_STR, COLUMN_SERIES);
    table_column(t, "backup", "", "what both cost beyond the sum of each, over what B costs",
                 COLUMN_F64, COLUMN_Y);
    for (int32_t i = 0; i < s->n_sets; i++)
        for (int32_t c = 0; s->set[i].kind == PAIR && c < s->by.in.corpus->n_classes; c++) {
            const double both = sample_mean(&of[c].difference, i + 1);
            add_backup(t, s, s->set[i].a, s->set[i].b, both, c, &of[c]);
            add_backup(t, s, s->set[i].b, s->set[i].a, both, c, &of[c]);
        }
    return t;
}

static struct table_set *ablate_tables(struct study *s)
{
    struct table_set *set = table_set_new();
    struct table *t = rows_new(s);
    struct of_class of[CORPUS_MAX_CLASSES];
    const int32_t n_classes = s->by.in.corpus->n_classes;
    for (int32_t c = 0; c < n_classes; c++) {
        laned_sample(&of[c].loss, &s->by, c, false, s->seed);
        laned_sample(&of[c].difference, &s->by, c, true, s->seed);
    }
    for (int32_t i = 0; i < s->n_sets; i++)
        for (int32_t c = 0; c < n_classes; c++)
            add_row(t, s, i, c, &of[c]);
    table_set_add(set, t);
    if (s->n_sets > 0 && s->set[s->n_sets - 1].kind == PAIR)
        table_set_add(set, backup_table(s, of));
    for (int32_t c = 0; c < n_classes; c++) {
        sample_release(&of[c].loss);
        sample_release(&of[c].difference);
    }
    return set;
}

const struct study_ops ablate_study = {.name = "ablate",
                                       .params = params,
                                       .places = ablate_places,
                                       .open = ablate_open,
                                       .free = ablate_free,
                                       LANED_OPS,
                                       .tables = ablate_tables};

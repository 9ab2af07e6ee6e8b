/* Groups of units that write alike. */
#include "engine/base/best.h"
#include "engine/base/memory.h"
#include "engine/base/statistics.h"
#include "engine/device.h"
#include "engine/study/similar_private.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    ROWS = 64,              /* units whose products with all others are made at a time */
    NAMED = 8,              /* members that a group is shown by */
    MOST_NUMBERS = 1 << 27, /* of what all write: 1 GiB */
};

struct stretch { /* units of a place that are read together */
    int32_t at, place, first, n;
};

struct study { /* chunks: first what each stretch writes, then ROWS rows with all */
    const struct study_in *in;
    const struct similar_in *of;
    double least;
    int32_t n, d, n_stretches;
    struct stretch *stretch;
    size_t cap;
    struct unit_id *unit; /* [n] */
    double *row;          /* [n, d] of length 1, or 0 */
    float *about;         /* the same, for the device */
    struct weight *all;   /* of these */
    float *product;       /* [ROWS, n] */
    int32_t *up;          /* [n] another of the group; itself: its root */
    int32_t *near;        /* [n] the nearest in the group; −1: none */
    double *cosine;       /* [n] with that */
    double *with_group;   /* [n] with the group's mean direction */
};

struct partial { /* pairs near enough */
    int32_t n;
    size_t cap;
    struct near_pair {
        int32_t i, k;
        double cosine;
    } * pair;
};

static const double *row_of(const struct study *g, int32_t i)
{
    return g->row + (size_t)i * (size_t)g->d;
}

/* ---- which belong together */
static int32_t root_of(struct study *g, int32_t i)
{
    while (g->up[i] != i)
        i = g->up[i] = g->up[g->up[i]];
    return i;
}

static void join(struct study *g, int32_t i, int32_t k, double cosine)
{
    const int32_t a = root_of(g, i), b = root_of(g, k);
    const int32_t pair[2] = {i, k};
    for (int p = 0; p < 2; p++)
        if (g->near[pair[p]] < 0 || cosine > g->cosine[pair[p]]) {
            g->near[pair[p]] = pair[1 - p];
            g->cosine[pair[p]] = cosine;
        }
    if (a < b)
        g->up[b] = a;
    else
        g->up[a] = b;
}

/* Products of floats, of 16 bits on some devices, are off by less than this. */
static double slack(int32_t d)
{
    return 0x1p-7 + 1.01 * (d + 1) * 0x1p-24;
}

static void add_pair(struct partial *p, int32_t i, int32_t k, double cosine)
{
    p->pair = grow(p->pair, &p->cap, (size_t)p->n + 1, sizeof *p->pair);
    p->pair[p->n++] = (struct near_pair){i, k, cosine};
}

static void compare_rows(struct study *g, int32_t first, struct partial *to, struct run *run)
{
    const int32_t n = g->n - first < ROWS ? g->n - first : (int32_t)ROWS;
    const struct linear all = {.w = g->all,
                               .out = g->n,
                               .in = g->d,
                               .reads = device_weight_reads(run->queue->backend, g->all)};
    struct tensor x = run_put(run, n, g->d, g->about + (size_t)first * (size_t)g->d);
    run_get(run, g->product, op_linear(run, x, &all, EPILOGUE_NONE));
    for (int32_t i = 0; i < n && run_ok(run); i++)
        for (int32_t k = first + i + 1; k < g->n; k++) {
            if ((double)g->product[(size_t)i * (size_t)g->n + (size_t)k] < g->least - slack(g->d))
                continue;
            const double cosine = dot_product(row_of(g, first + i), row_of(g, k), g->d);
            if (cosine >= g->least)
                add_pair(to, first + i, k, cosine);
        }
}

/* All rows as a matrix of the device, once they are read. */
static void make_matrix(struct study *g, struct run *run)
{
    const size_t cells = (size_t)g->n * (size_t)g->d;
    g->about = xcalloc(cells + 1, sizeof *g->about);
    for (size_t i = 0; i < cells; i++)
        g->about[i] = (float)g->row[i];
    g->product = xcalloc((size_t)ROWS * (size_t)g->n, sizeof *g->product);
    const struct weight_source source = {
        .type = DTYPE_F32, .out = g->n, .in = g->d, .data = g->about};
    g->all = device_weight_new(run->queue->backend, &source, USE_PRODUCT, &run->err);
}

/* ---- what they write */
static bool is_among(const struct study *g, int32_t place)
{
    return g->of->among & dict_bit(place);
}

static void plan_stretch(struct study *g, int32_t place, int32_t first, int32_t n)
{
    g->stretch = grow(g->stretch, &g->cap, (size_t)g->n_stretches + 1, sizeof *g->stretch);
    g->stretch[g->n_stretches++] = (struct stretch){g->n, place, first, n};
    for (int32_t i = 0; i < n; i++)
        g->unit[g->n++] = (struct unit_id){place, first + i};
}

/* All units of the places, and those asked about that are of others. */
static bool plan(struct study *g, struct error *e)
{
    int64_t n = g->of->n;
    const struct dict_set *set = g->in->dicts;
    for (int32_t p = 0; p < set->n; p++)
        n += is_among(g, p) ? set->place[p].m : 0;
    if (n * g->d > MOST_NUMBERS)
        return error_set(e, ERROR_INPUT,
                         "groups: found %lld units of width %d, expected at most %d of these "
                         "(--layers, --dict)",
                         (long long)n, (int)g->d, MOST_NUMBERS / g->d);
    g->unit = xcalloc((size_t)n + 1, sizeof *g->unit);
    g->row = xcalloc((size_t)n * (size_t)g->d + 1, sizeof *g->row);
    for (int32_t p = 0; p < set->n; p++)
        for (int32_t from = 0; is_among(g, p) && from < set->place[p].m; from += SIMILAR_AT_ONCE) {
            const int32_t left = set->place[p].m - from;
            plan_stretch(g, p, from, left < SIMILAR_AT_ONCE ? left : (int32_t)SIMILAR_AT_ONCE);
        }
    for (int32_t u = 0; u < g->of->n; u++)
        if (!is_among(g, g->of->unit[u].dict))
            plan_stretch(g, g->of->unit[u].dict, g->of->unit[u].index, 1);
    return true;
}

static void read_rows(struct study *g, const struct stretch *s, struct run *run)
{
    int32_t index[SIMILAR_AT_ONCE];
    for (int32_t i = 0; i < s->n; i++)
        index[i] = s->first + i;
    similar_written(run, g->in, g->of->centred, s->place, index, s->n,
                    g->row + (size_t)s->at * (size_t)g->d);
}

/* ---- the work, chunk by chunk */
static int64_t groups_chunks(const struct study *g)
{
    return g->n_stretches + (g->n + ROWS - 1) / ROWS;
}

static void partial_free(struct partial *p)
{
    free(p->pair);
    free(p);
}

static int64_t partial_tokens(const struct partial *p)
{
    (void)p;
    return 0;
}

static struct partial *groups_chunk(struct study *g, int64_t i, struct run *run)
{
    struct partial *p = xcalloc(1, sizeof *p);
    if (i < g->n_stretches) {
        read_rows(g, &g->stretch[i], run);
    } else {
        if (!g->all)
            make_matrix(g, run);
        if (g->all)
            compare_rows(g, (int32_t)(i - g->n_stretches) * ROWS, p, run);
    }
    if (run_ok(run))
        return p;
    partial_free(p);
    return NULL;
}

static void groups_fold(struct study *g, int64_t i, const struct partial *p)
{
    (void)i;
    for (int32_t j = 0; j < p->n; j++)
        join(g, p->pair[j].i, p->pair[j].k, p->pair[j].cosine);
}

static const struct study_ops groups_study = {.name = "groups",
                                              .n_chunks = groups_chunks,
                                              .chunk = groups_chunk,
                                              .partial_free = partial_free,
                                              .partial_tokens = partial_tokens,
                                              .fold = groups_fold};

/* ---- groups */
struct group {
    int32_t root, units;
    double cosine; /* mean of with_group */
};

/* The mean direction of each group, and the units' cosines with it. */
static void measure(struct study *g, struct group *of)
{
    const size_t d = (size_t)g->d;
    double *mean = xcalloc(d, sizeof *mean);
    double sq = 0;
    for (int32_t i = 0; i < g->n; i++)
        for (size_t k = 0; root_of(g, i) == of->root && k < d; k++)
            mean[k] += row_of(g, i)[k];
    for (size_t k = 0; k < d; k++)
        sq += mean[k] * mean[k];
    for (int32_t i = 0; i < g->n; i++)
        if (root_of(g, i) == of->root) {
            g->with_group[i] = dot_product(row_of(g, i), mean, g->d) / sqrt(sq);
            of->cosine += g->with_group[i] / of->units;
        }
    free(mean);
}

static bool is_asked(struct study *g, int32_t root)
{
    for (int32_t u = 0; u < g->of->n; u++)
        for (int32_t i = 0; i < g->n; i++)
            if (unit_same(g->unit[i], g->of->unit[u]) && root_of(g, i) == root)
                return true;
    return g->of->n == 0;
}

static int larger_first(const void *a, const void *b)
{
    const struct group *x = a, *y = b;
    return x->units != y->units ? (x->units < y->units) - (x->units > y->units)
                                : (x->root > y->root) - (x->root < y->root);
}

/* Those of two and more; the caller's. */
static struct group *find_groups(struct study *g, int32_t *n)
{
    int32_t *units = xcalloc((size_t)g->n + 1, sizeof *units);
    struct group *group = xcalloc((size_t)g->n + 1, sizeof *group);
    *n = 0;
    for (int32_t i = 0; i < g->n; i++)
        units[root_of(g, i)]++;
    for (int32_t i = 0; i < g->n; i++)
        if (units[i] > 1 && is_asked(g, i))
            group[(*n)++] = (struct group){.root = i, .units = units[i]};
    qsort(group, (size_t)*n, sizeof *group, larger_first);
    free(units);
    return group;
}

static void add_members(struct study *g, const struct group *of, int64_t number, struct table *rows,
                        struct strbuf *names)
{
    struct best best;
    best_init(&best, of->units);
    for (int32_t i = 0; i < g->n; i++)
        if (root_of(g, i) == of->root)
            best_offer(&best, g->with_group[i], i);
    best_sort(&best);
    for (int32_t i = 0; i < best.n; i++) {
        enum { GROUP, UNIT, OTHER, COSINE, WITH_GROUP };
        const int32_t id = best.item[i].id;
        const int64_t row = table_row(rows);
        char name[UNIT_NAME_MAX];
        unit_full_name(g->in->dicts, g->unit[id], name);
        table_set_i64(rows, row, GROUP, number);
        table_set_str(rows, row, UNIT, name);
        if (i < NAMED)
            strbuf_addf(names, "%s%s", i ? "," : "", name);
        unit_full_name(g->in->dicts, g->unit[g->near[id]], name);
        table_set_str(rows, row, OTHER, name);
        table_set_f64(rows, row, COSINE, g->cosine[id]);
        table_set_f64(rows, row, WITH_GROUP, g->with_group[id]);
    }
    if (best.n > NAMED)
        strbuf_adds(names, " …");
    best_release(&best);
}

static void add_tables(struct study *g, struct table_set *set)
{
    struct table *rows = table_new("rows", "Units of groups", MARK_LIST),
                 *groups = table_new("groups", "Units that write alike", MARK_LIST);
    struct strbuf names;
    int32_t n, in_groups = 0;
    table_column(rows, "group", "", "its number", COLUMN_I64, COLUMN_KEY);
    table_column(rows, "unit", "", "neuron or latent", COLUMN_STR, COLUMN_TEXT);
    table_column(rows, "other", "", "the nearest in the group", COLUMN_STR, COLUMN_TEXT);
    table_column(rows, "cosine", "", "with that one", COLUMN_F64, COLUMN_Y);
    table_column(rows, "with_group", "", "cosine with the group's mean direction", COLUMN_F64,
                 COLUMN_TEXT);
    table_column(groups, "group", "", "its number", COLUMN_I64, COLUMN_KEY);
    table_column(groups, "units", "", "how many", COLUMN_I64, COLUMN_TEXT);
    table_column(groups, "cosine", "", "mean of the units with the group's mean direction",
                 COLUMN_F64, COLUMN_Y);
    table_column(groups, "members", "", "those nearest to it", COLUMN_STR, COLUMN_TEXT);
    struct group *group = find_groups(g, &n);
    strbuf_init(&names);
    for (int32_t i = 0; i < n; i++) {
        const int64_t row = table_row(groups);
        measure(g, &group[i]);
        strbuf_clear(&names);
        add_members(g, &group[i], i + 1, rows, &names);
        table_set_i64(groups, row, 0, i + 1);
        table_set_i64(groups, row, 1, group[i].units);
        table_set_f64(groups, row, 2, group[i].cosine);
        table_set_str(groups, row, 3, names.s);
        in_groups += group[i].units;
    }
    table_note(groups, "a cosine of %g joins two; %d of %d units are in %s", g->least,
               (int)in_groups, (int)g->n,
               g->of->n > 0 ? "groups with those asked about" : "groups");
    strbuf_release(&names);
    free(group);
    table_set_add(set, groups);
    table_set_add(set, rows);
}

static void release(struct study *g)
{
    if (g->all)
        device_weight_free(g->in->queue->backend, g->all);
    free(g->stretch);
    free(g->unit);
    free(g->row);
    free(g->about);
    free(g->product);
    free(g->up);
    free(g->near);
    free(g->cosine);
    free(g->with_group);
}

bool similar_groups(const struct study_in *in, const struct similar_in *of, double least,
                    const struct study_loop *loop, struct table_set *set, struct error *e)
{
    struct study g = {.in = in, .of = of, .least = least, .d = model_config(in->model)->d_model};
    if (!similar_check(in, of, e) || !plan(&g, e))
        return false;
    g.up = xcalloc((size_t)g.n + 1, sizeof *g.up);
    g.near = xcalloc((size_t)g.n + 1, sizeof *g.near);
    g.cosine = xcalloc((size_t)g.n + 1, sizeof *g.cosine);
    g.with_group = xcalloc((size_t)g.n + 1, sizeof *g.with_group);
    for (int32_t i = 0; i < g.n; i++)
        g.up[i] = i, g.near[i] = -1;
    const bool ok = study_run(&groups_study, &g, in->queue, 0, loop, e);
    if (ok)
        add_tables(&g, set);
    release(&g);
    return ok;
}

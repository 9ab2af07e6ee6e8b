/* Units that write alike. */
#include "engine/base/best.h"
#include "engine/base/memory.h"
#include "engine/base/statistics.h"
#include "engine/study/similar_private.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct comparing {
    struct run run;
    const struct study_in *in;
    const struct similar_in *of;
    int32_t d;
    double *own;       /* [n, d] of length 1, or 0 */
    struct best *best; /* [n] by what the unit is numbered among all compared with */
    int32_t first;     /* number of the place's first unit */
};

bool similar_check(const struct study_in *in, const struct similar_in *of, struct error *e)
{
    dict_places places = of->among;
    for (int32_t i = 0; i < of->n; i++)
        places |= dict_bit(of->unit[i].dict);
    for (int32_t p = 0; p < in->dicts->n; p++) {
        char name[POINT_NAME_MAX];
        const struct point at = in->dicts->place[p].at;
        if (!(places & dict_bit(p)) || model_writes_stream(in->model, at))
            continue;
        point_name(at, name);
        return error_set(e, ERROR_INPUT,
                         "similar: what %s writes to the residual stream depends on the text, "
                         "expected another hook point",
                         name);
    }
    return true;
}

bool similar_written(struct run *run, const struct study_in *in, bool centred, int32_t place,
                     const int32_t *index, int32_t n, double *to)
{
    const struct dict_place *p = &in->dicts->place[place];
    const size_t d = (size_t)model_config(in->model)->d_model;
    float *u = xcalloc((size_t)n * d, sizeof *u);
    struct arena_mark mark = arena_mark(run->arena);
    run_get(run, u, dict_push(run, p->dict, model_linear_behind(in->model, p->at), index, n));
    arena_reset(run->arena, mark);
    for (size_t i = 0; i < (size_t)n && run_ok(run); i++) {
        double sq = 0;
        for (size_t k = 0; k < d; k++)
            to[i * d + k] = (double)u[i * d + k];
        if (centred)
            model_tl_row(in->model, to + i * d);
        for (size_t k = 0; k < d; k++)
            sq += to[i * d + k] * to[i * d + k];
        for (size_t k = 0; k < d; k++)
            to[i * d + k] = sq > 0 ? to[i * d + k] / sqrt(sq) : 0;
    }
    free(u);
    return run_ok(run);
}

static bool written(struct comparing *q, int32_t place, const int32_t *index, int32_t n, double *to)
{
    return similar_written(&q->run, q->in, q->of->centred, place, index, n, to);
}

static bool is_zero(const double *a, int32_t d)
{
    return !(dot_product(a, a, d) > 0);
}

static bool compare_with(struct comparing *q, int32_t place)
{
    const int32_t m = q->in->dicts->place[place].m;
    double *other = xcalloc((size_t)SIMILAR_AT_ONCE * (size_t)q->d, sizeof *other);
    int32_t index[SIMILAR_AT_ONCE];
    for (int32_t from = 0; from < m && run_ok(&q->run); from += SIMILAR_AT_ONCE) {
        const int32_t n = m - from < SIMILAR_AT_ONCE ? m - from : (int32_t)SIMILAR_AT_ONCE;
        for (int32_t i = 0; i < n; i++)
            index[i] = from + i;
        if (!written(q, place, index, n, other))
            break;
        for (int32_t j = 0; j < q->of->n; j++)
            for (int32_t i = 0; i < n; i++) {
                const double *a = q->own + (size_t)j * (size_t)q->d,
                             *b = other + (size_t)i * (size_t)q->d;
                const bool itself = unit_same(q->of->unit[j], (struct unit_id){place, from + i});
                if (!itself && !is_zero(a, q->d) && !is_zero(b, q->d))
                    best_offer(&q->best[j], dot_product(a, b, q->d), q->first + from + i);
            }
    }
    free(other);
    q->first += m;
    return run_ok(&q->run);
}

/* ---- tables */
static struct table *cosines_new(const char *name, const char *title)
{
    struct table *t = table_new(name, title, MARK_LIST);
    table_column(t, "unit", "", "neuron or latent", COLUMN_STR, COLUMN_KEY);
    table_column(t, "other", "", "another", COLUMN_STR, COLUMN_TEXT);
    table_column(t, "cosine", "", "of what the two write to the residual stream", COLUMN_F64,
                 COLUMN_Y);
    return t;
}

static void add_cosine(struct table *t, const struct comparing *q, struct unit_id a,
                       struct unit_id b, double cosine)
{
    char name[UNIT_NAME_MAX];
    const int64_t row = table_row(t);
    unit_full_name(q->in->dicts, a, name);
    table_set_str(t, row, 0, name);
    unit_full_name(q->in->dicts, b, name);
    table_set_str(t, row, 1, name);
    table_set_f64(t, row, 2, cosine);
}

/* Which unit has a number among those of the places compared with. */
static struct unit_id numbered(const struct comparing *q, int32_t number)
{
    struct unit_id u = {0, number};
    for (;; u.dict++) {
        const int32_t m = q->of->among & dict_bit(u.dict) ? q->in->dicts->place[u.dict].m : 0;
        if (u.index < m)
            return u;
        u.index -= m;
    }
}

static void add_tables(struct comparing *q, struct table_set *set)
{
    struct table *rows = cosines_new("rows", "Units that write alike"),
                 *pairs = cosines_new("pairs", "The units with each other");
    for (int32_t j = 0; j < q->of->n; j++) {
        const double *a = q->own + (size_t)j * (size_t)q->d;
        best_sort(&q->best[j]);
        for (int32_t i = 0; i < q->best[j].n; i++)
            add_cosine(rows, q, q->of->unit[j], numbered(q, q->best[j].item[i].id),
                       q->best[j].item[i].value);
        for (int32_t i = j + 1; i < q->of->n; i++)
            add_cosine(pairs, q, q->of->unit[j], q->of->unit[i],
                       dot_product(a, q->own + (size_t)i * (size_t)q->d, q->d));
    }
    table_set_add(set, rows);
    table_set_add(set, pairs);
}

static bool compare(struct comparing *q)
{
    for (int32_t j = 0; j < q->of->n; j++) {
        best_init(&q->best[j], q->of->top);
        if (!written(q, q->of->unit[j].dict, &q->of->unit[j].index, 1,
                     q->own + (size_t)j * (size_t)q->d))
            return false;
    }
    for (int32_t p = 0; p < q->in->dicts->n; p++)
        if (q->of->among & dict_bit(p) && !compare_with(q, p))
            return false;
    return true;
}

bool similar_run(const struct study_in *in, const struct similar_in *of,
                 const struct study_loop *loop, struct table_set *set, struct error *e)
{
    struct comparing q = {.run = {.queue = in->queue}, .in = in, .of = of};
    if (!similar_check(in, of, e))
        return false;
    q.d = model_config(in->model)->d_model;
    q.run.arena = arena_new(in->queue);
    if (loop)
        q.run.cancel = loop->cancel, q.run.poll = loop->poll, q.run.poll_arg = loop->poll_arg;
    q.own = xcalloc((size_t)of->n * (size_t)q.d + 1, sizeof *q.own);
    q.best = xcalloc((size_t)of->n + 1, sizeof *q.best);
    const bool ok = compare(&q);
    if (ok)
        add_tables(&q, set);
    else
        error_set(e, q.run.err.kind, "%s", q.run.err.text);
    for (int32_t j = 0; j < of->n; j++)
        best_release(&q.best[j]);
    free(q.best);
    free(q.own);
    arena_free(q.run.arena);
    return ok;
}

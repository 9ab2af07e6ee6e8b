/* Which latents write in nearly the same direction. Products in floats on the device leave few that
 * may be among the nearest; those are computed in double. */
#include "engine/base/best.h"
#include "engine/base/memory.h"
#include "engine/dict/dict_private.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    GROUP = 64,        /* units in one pass over the decoder, */
    NUMBERS = 1 << 24, /* of so many products at most */
    BLOCK = 1 << 18    /* elements of the decoder between two polls */
};

struct search {
    struct run *run;
    const struct dict *d;
    int32_t step;             /* rows at a time */
    const double *norm;       /* of the decoder's rows, about */
    float *rows;              /* [step, width] */
    int32_t *ids;             /* [step] */
    struct best *near, *best; /* about, and exactly */
};

static void get_rows(struct search *s, const int32_t *unit, int32_t n, float *host)
{
    struct arena_mark mark = arena_mark(s->run->arena);
    run_get(s->run, host, dict_push(s->run, s->d, NULL, unit, n));
    arena_reset(s->run->arena, mark);
}

static double norm_of(const float *row, size_t n)
{
    double s[4] = {0};
    size_t i = 0;
    for (; i + 4 <= n; i += 4)
        for (size_t j = 0; j < 4; j++)
            s[j] += (double)row[i + j] * (double)row[i + j];
    for (; i < n; i++)
        s[0] += (double)row[i] * (double)row[i];
    return sqrt(s[0] + s[1] + (s[2] + s[3]));
}

static double dot_of(const float *a, const float *b, size_t n)
{
    double s = 0;
    for (size_t i = 0; i < n; i++)
        s += (double)a[i] * (double)b[i];
    return s;
}

/* Ids from `first` on, at most a step of them; how many. */
static int32_t next_ids(struct search *s, int32_t first)
{
    const int32_t m = s->d->spec.m, n = m - first < s->step ? m - first : s->step;
    for (int32_t i = 0; i < n; i++)
        s->ids[i] = first + i;
    return n;
}

/* Of all rows, once for a dictionary. NULL: the run is not ok. */
static const double *norms(struct search *s)
{
    const int32_t m = s->d->spec.m;
    double *had = atomic_load(s->d->row_norms), *of = NULL, *two = NULL;
    if (had)
        return had;
    of = xcalloc((size_t)m, sizeof *of), two = xcalloc((size_t)s->step, 2 * sizeof *two);
    for (int32_t first = 0; first < m && run_ok(s->run); first += s->step) {
        const int32_t n = next_ids(s, first);
        struct arena_mark mark = arena_mark(s->run->arena);
        struct tensor rows = dict_push(s->run, s->d, NULL, s->ids, n);
        run_get_f64(s->run, two, op_row_stats(s->run, rows, (struct tensor){0}));
        arena_reset(s->run->arena, mark);
        for (int32_t i = 0; i < n; i++)
            of[first + i] = sqrt(two[2 * i]);
    }
    free(two);
    if (!run_well(s->run)) {
        free(of);
        return NULL;
    }
    if (atomic_compare_exchange_strong(s->d->row_norms, &had, of))
        return of;
    free(of); /* another thread was first */
    return had;
}

/* Products of n units with all rows: about [n, m]. */
static void products(struct search *s, const int32_t *unit, int32_t n, float *about)
{
    const int32_t m = s->d->spec.m;
    float *part = xcalloc((size_t)n * (size_t)s->step, sizeof *part);
    for (int32_t first = 0; first < m && run_ok(s->run); first += s->step) {
        const int32_t k = next_ids(s, first);
        struct arena_mark mark = arena_mark(s->run->arena);
        struct tensor x = dict_push(s->run, s->d, NULL, unit, n);
        run_get(s->run, part,
                op_dot_rows(s->run, x, s->d->decoder, run_put_ids(s->run, k, 1, s->ids),
                            (struct tensor){0}));
        arena_reset(s->run->arena, mark);
        for (int32_t i = 0; i < n; i++)
            memcpy(about + (size_t)i * (size_t)m + first, part + (size_t)i * (size_t)k,
                   (size_t)k * sizeof *part);
    }
    free(part);
}

/* A sum of floats is off by this at most, in units of the lengths, in whatever order (Higham 2002,
 * 3.1; doubled: of two cosines that are compared). */
static double slack(int32_t width)
{
    return 2 * 1.01 * (width + 1) * 0x1p-24;
}

/* The cosine, about; infinite where floats, or squares of them, can't say: it is looked at then. */
static double cosine_about(const struct search *s, int32_t unit, int32_t id, float product)
{
    const double lengths = s->norm[unit] * s->norm[id];
    return unit == id                                                  ? (double)NAN
           : isfinite(product) && isfinite(lengths) && lengths > 1e-30 ? (double)product / lengths
                                                                       : (double)INFINITY;
}

/* A row of zeros has no direction: it is nobody's neighbour. */
static void offer_rows(struct search *s, const float *of_unit, int32_t n)
{
    const size_t width = (size_t)s->d->spec.n_out;
    const double own = norm_of(of_unit, width);
    if (!(own > 0))
        return;
    get_rows(s, s->ids, n, s->rows);
    for (int32_t i = 0; i < n && run_ok(s->run); i++) {
        const float *row = s->rows + (size_t)i * width;
        const double norm = norm_of(row, width);
        if (norm > 0)
            best_offer(s->best, dot_of(row, of_unit, width) / norm / own, s->ids[i]);
    }
}

/* Those that are near enough, exactly. */
static void find(struct search *s, int32_t unit, const float *about, float *of_unit)
{
    const int32_t m = s->d->spec.m;
    best_clear(s->near);
    best_clear(s->best);
    for (int32_t i = 0; i < m; i++) {
        const double cosine = cosine_about(s, unit, i, about[i]);
        if (isfinite(cosine))
            best_offer(s->near, cosine, i);
    }
    const double least = s->near->n < s->near->cap
                             ? -(double)INFINITY
                             : s->near->item[0].value - slack(s->d->spec.n_out);
    int32_t n = 0;
    get_rows(s, &unit, 1, of_unit);
    for (int32_t i = 0; i < m && run_ok(s->run); i++) {
        if (cosine_about(s, unit, i, about[i]) >= least)
            s->ids[n++] = i;
        if (n == s->step || (n > 0 && i == m - 1))
            offer_rows(s, of_unit, n), n = 0;
    }
    best_sort(s->best);
}

bool dict_neighbours(struct run *run, const struct dict *d, const int32_t *unit, int32_t n_units,
                     int32_t rows, int32_t *ids, double *cosine)
{
    const struct dict_spec *is = dict_spec(d);
    const int32_t fit = BLOCK / is->n_out, m = is->m, most = NUMBERS / m;
    const int32_t group = most < 1 ? 1 : most > GROUP ? GROUP : most;
    for (size_t i = 0; i < (size_t)n_units * (size_t)rows; i++)
        ids[i] = -1, cosine[i] = (double)NAN;
    if (is->identity || n_units < 1 || rows < 1)
        return run_ok(run);
    struct best near, best;
    struct search s = {run, d,
                       fit < 16     ? 16
                       : fit > 1024 ? 1024
                                    : fit,
                       .near = &near, .best = &best};
    s.rows = xcalloc((size_t)s.step * (size_t)is->n_out, sizeof *s.rows);
    s.ids = xcalloc((size_t)s.step, sizeof *s.ids);
    float *about = xcalloc((size_t)group * (size_t)m, sizeof *about),
          *of_unit = xcalloc((size_t)is->n_out, sizeof *of_unit);
    best_init(&near, rows < m ? rows : m);
    best_init(&best, rows < m ? rows : m);
    s.norm = norms(&s);
    for (int32_t first = 0; s.norm && first < n_units && run_ok(run); first += group) {
        const int32_t n = n_units - first < group ? n_units - first : group;
        products(&s, unit + first, n, about);
        for (int32_t i = 0; i < n && run_well(run); i++) {
            find(&s, unit[first + i], about + (size_t)i * (size_t)m, of_unit);
            for (int32_t r = 0; r < best.n && run_ok(run); r++) {
                const size_t at = (size_t)(first + i) * (size_t)rows + (size_t)r;
                ids[at] = best.item[r].id, cosine[at] = best.item[r].value;
            }
        }
    }
    best_release(&best);
    best_release(&near);
    free(of_unit);
    free(about);
    free(s.ids);
    free(s.rows);
    return run_ok(run);
}

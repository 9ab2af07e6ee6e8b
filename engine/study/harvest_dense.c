/* Histograms and moments of pre-activations: the device counts (struct hist), a copy comes to the
 * host when it is read. */
#include "engine/base/memory.h"
#include "engine/study/harvest_private.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { HALF = HARVEST_BINS / 2 };
static size_t cells_of(const struct dense *d)
{
    return (size_t)d->m * (size_t)d->n_classes;
}

void dense_forget(struct dense *d)
{
    const size_t cells = cells_of(d);
    memset(d->n, 0, sizeof d->n);
    memset(d->sum, 0, 2 * cells * sizeof *d->sum);
    memset(d->closed, 0, 2 * cells * sizeof *d->closed);
    memset(d->bin, 0, cells * HARVEST_BINS * sizeof *d->bin);
    for (int32_t j = 0; j < d->m; j++)
        d->exponent[j] = HIST_LEAST;
    for (size_t i = 0; i < cells; i++) {
        d->min[i] = INFINITY;
        d->max[i] = -INFINITY;
    }
    d->newer = d->there = false;
}

struct dense *dense_new(struct queue *q, int32_t m, int32_t n_classes)
{
    struct dense *d = xcalloc(1, sizeof *d);
    const size_t cells = (size_t)m * (size_t)n_classes;
    d->m = m, d->n_classes = n_classes;
    d->run = (struct run){.queue = q, .arena = arena_new(q)};
    d->exponent = xreallocarray(NULL, (size_t)m, sizeof *d->exponent);
    d->sum = xreallocarray(NULL, cells, 2 * sizeof *d->sum);
    d->closed = xreallocarray(NULL, cells, 2 * sizeof *d->closed);
    d->min = xreallocarray(NULL, cells, 2 * sizeof *d->min);
    d->bin = xreallocarray(NULL, cells, HARVEST_BINS * sizeof *d->bin);
    d->sum_sq = d->sum + cells, d->closed_sq = d->closed + cells, d->max = d->min + cells;
    dense_forget(d);
    return d;
}

void dense_free(struct dense *d)
{
    if (!d)
        return;
    arena_free(d->run.arena);
    free(d->exponent);
    free(d->sum);
    free(d->closed);
    free(d->min);
    free(d->bin);
    free(d);
}

/* ---- on the device */
struct hist dense_part(struct dense *d)
{
    struct hist h = run_hist(&d->run, d->m, d->n_classes);
    h.what = "latent";
    op_hist_clear(&d->run, &h);
    return h;
}

void dense_clear(struct dense *d, const struct hist *h)
{
    op_hist_clear(&d->run, h);
}

static struct hist_host host_of(const struct dense *d)
{
    return (struct hist_host){d->bin, d->exponent, d->sum, d->min};
}

void dense_take(struct dense *d, const struct hist *from)
{
    if (!d->total.bins.buf)
        d->total = dense_part(d);
    if (!d->there)
        run_put_hist(&d->run, &d->total, host_of(d));
    d->there = true;
    op_hist_move(&d->run, &d->total, from);
    d->newer = true;
}

void dense_read(struct dense *d)
{
    if (!d->newer)
        return;
    run_get_hist(&d->run, host_of(d), &d->total);
    d->newer = false;
}

void dense_leave(struct dense *d)
{
    dense_read(d);
    arena_free(d->run.arena);
    d->run.arena = arena_new(d->run.queue);
    d->total = (struct hist){0};
    d->there = false;
}

/* Only sums of floating-point numbers depend on the order. */
void dense_end_segment(struct dense *d)
{
    dense_read(d);
    for (size_t i = 0; i < 2 * cells_of(d); i++) {
        d->closed[i] += d->sum[i];
        d->sum[i] = 0;
    }
    d->there = false;
}

void dense_merge(struct dense *to, const struct dense *from)
{
    struct arena_mark mark = arena_mark(to->run.arena);
    dense_end_segment(to);
    if (!to->total.bins.buf)
        to->total = dense_part(to), mark = arena_mark(to->run.arena);
    struct hist part = dense_part(to);
    run_put_hist(&to->run, &part, host_of(from));
    dense_take(to, &part);
    for (int32_t c = 0; c < to->n_classes; c++)
        to->n[c] += from->n[c];
    arena_reset(to->run.arena, mark);
}

/* ---- widths */
int32_t bins_exponent(int32_t e, float v)
{
    while (e < HIST_MOST) {
        float x = ldexpf(v, -e);
        if (x >= (float)-HALF && x < (float)HALF)
            break;
        e++;
    }
    return e;
}

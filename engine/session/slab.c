#include "engine/session/slab.h"
#include "engine/base/memory.h"
#include "engine/device.h"
#include <stdlib.h>
#include <string.h>

enum { LEAST = 128 }; /* rows */

static void free_part(struct slab *s, int i)
{
    if (s->part[i].buf)
        device_buf_free(s->queue, s->part[i].buf);
    s->part[i].buf = NULL, s->part[i].rows = 0;
}

void slab_release(struct slab *s)
{
    for (int i = 0; i < SLAB_PARTS; i++)
        free_part(s, i);
    free(s->number);
    *s = (struct slab){0};
}

void slab_shape(struct slab *s, struct queue *q, const int32_t cols[SLAB_PARTS], enum dtype type)
{
    bool same = s->queue == q;
    for (int i = 0; i < SLAB_PARTS; i++)
        same = same && s->part[i].ld == cols[i] && s->part[i].dtype == type;
    if (same)
        return;
    slab_release(s);
    s->queue = q;
    for (int i = 0; i < SLAB_PARTS; i++)
        s->part[i] = (struct tensor){.cols = cols[i], .ld = cols[i], .dtype = type};
}

/* A part of so many rows, with the first `keep` of what it held. */
static bool remake(struct slab *s, int i, int32_t rows, int32_t cols, int32_t keep, struct error *e)
{
    struct tensor *old = &s->part[i], new = tensor_new(s->queue, rows, cols, old->dtype, e);
    if (!new.buf)
        return false;
    if (keep > 0)
        device_copy(s->queue, tensor_rows(new, 0, keep), tensor_rows(*old, 0, keep));
    free_part(s, i);
    *old = new;
    return true;
}

bool slab_widen(struct slab *s, int i, int32_t cols, struct error *e)
{
    if (s->part[i].cols >= cols)
        return true;
    if (s->cap > 0)
        return remake(s, i, s->cap, cols, 0, e);
    s->part[i].cols = s->part[i].ld = cols;
    return true;
}

static bool grow_to(struct slab *s, int32_t rows, struct error *e)
{
    for (int i = 0; i < SLAB_PARTS; i++)
        if (s->part[i].cols > 0 && s->part[i].rows < rows &&
            !remake(s, i, rows, s->part[i].cols, s->cap, e))
            return false;
    s->number = grow(s->number, &s->room, (size_t)rows, sizeof *s->number);
    for (int32_t r = rows - 1; r >= s->cap; r--)
        s->number[s->n_free++] = r;
    s->cap = rows;
    return true;
}

bool slab_take(struct slab *s, int32_t *row, int32_t n, int32_t most, struct error *e)
{
    if (n > s->n_free) {
        const int64_t need = (int64_t)slab_held(s) + n;
        int64_t rows = need + s->cap;
        rows = rows < LEAST ? LEAST : rows;
        rows = most > 0 && rows > most ? most : rows;
        rows = rows < need ? need : rows;
        if (rows > INT32_MAX)
            return error_set(e, ERROR_SYSTEM, "%lld rows can't be kept", (long long)rows);
        if (!grow_to(s, (int32_t)rows, e))
            return false;
    }
    for (int32_t i = 0; i < n; i++)
        row[i] = s->number[--s->n_free];
    return true;
}

void slab_give(struct slab *s, const int32_t *row, int32_t n)
{
    for (int32_t i = n - 1; i >= 0; i--)
        s->number[s->n_free++] = row[i];
}

/* ---- giving memory back */
static int32_t fewer_rows(const struct slab *s)
{
    const int32_t held = slab_held(s);
    return held > LEAST / 2 ? 2 * held : LEAST;
}

bool slab_is_sparse(const struct slab *s)
{
    return s->cap / 4 >= slab_held(s) && s->cap / 2 >= fewer_rows(s);
}

/* The rows of a part, gathered in a matrix of its own. */
static bool gather(struct slab *s, int i, struct run *run, struct tensor numbers, int32_t rows,
                   struct tensor *new)
{
    struct error none = {0}; /* it stays as it is */
    const struct tensor *old = &s->part[i];
    *new = tensor_new(s->queue, rows, old->cols, old->dtype, &none);
    if (new->buf && numbers.rows > 0)
        op_rows_get_to(run, tensor_rows(*new, 0, numbers.rows), *old, numbers);
    return new->buf != NULL;
}

bool slab_shrink(struct slab *s, struct run *run, const int32_t *row, int32_t n)
{
    const int32_t rows = fewer_rows(s);
    struct tensor new[SLAB_PARTS] = {0};
    struct arena_mark mark = arena_mark(run->arena);
    const struct tensor numbers = run_put_ids(run, n, 1, row);
    bool ok = run_ok(run);
    for (int i = 0; i < SLAB_PARTS; i++)
        if (ok && s->part[i].cols > 0)
            ok = gather(s, i, run, numbers, rows, &new[i]);
    ok = ok && run_well(run);
    arena_reset(run->arena, mark);
    for (int i = 0; i < SLAB_PARTS; i++) {
        if (ok && new[i].buf) {
            free_part(s, i);
            s->part[i] = new[i];
        } else if (new[i].buf) {
            device_buf_free(s->queue, new[i].buf);
        }
    }
    if (!ok)
        return false;
    s->cap = rows, s->n_free = 0;
    for (int32_t r = rows - 1; r >= n; r--)
        s->number[s->n_free++] = r;
    return true;
}

size_t slab_row_bytes(const struct slab *s)
{
    size_t bytes = 0;
    for (int i = 0; i < SLAB_PARTS; i++)
        bytes += (size_t)s->part[i].cols * dtype_size(s->part[i].dtype);
    return bytes;
}

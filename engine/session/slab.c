#include "engine/session/slab.h"
#include "engine/base/memory.h"
#include "engine/device.h"
#include <stdlib.h>
#include <string.h>

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
    enum { LEAST = 128 };
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

size_t slab_row_bytes(const struct slab *s)
{
    size_t bytes = 0;
    for (int i = 0; i < SLAB_PARTS; i++)
        bytes += (size_t)s->part[i].cols * dtype_size(s->part[i].dtype);
    return bytes;
}

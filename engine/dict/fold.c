#include "engine/dict/fold.h"
#include "engine/base/memory.h"
#include "engine/base/parallel.h"
#include <stdlib.h>

#define GRAIN_ELEMENTS (1 << 18) /* of a range of rows: a quarter of a millisecond */
#define GRAIN_COLUMNS 1024       /* of a source that lies transposed: a page of each of its rows */

struct fold {
    const char *w;
    enum dtype type;
    int64_t rows, cols; /* of the source */
    const float *bp;
    float *bias;
};

static double dot(const float *a, const float *b, size_t n)
{
    double s[4] = {0};
    size_t i = 0;
    for (; i + 4 <= n; i += 4)
        for (size_t j = 0; j < 4; j++)
            s[j] += (double)a[i + j] * (double)b[i + j];
    for (; i < n; i++)
        s[0] += (double)a[i] * (double)b[i];
    return s[0] + s[1] + (s[2] + s[3]);
}

/* Elements col … col + n − 1 of a row, in place where the file has floats at an address of theirs.
 */
static const float *floats(const struct fold *f, int64_t row, int64_t col, size_t n, float *room)
{
    const char *p = f->w + (size_t)(row * f->cols + col) * dtype_size(f->type);
    if (f->type == DTYPE_F32 && (uintptr_t)p % _Alignof(float) == 0)
        return (const float *)(const void *)p;
    tensor_to_f32(room, p, f->type, n);
    return room;
}

static void fold_rows(void *arg, int64_t first, int64_t end)
{
    const struct fold *f = arg;
    const size_t n = (size_t)f->cols;
    float *room = xreallocarray(NULL, n, sizeof *room);
    for (int64_t r = first; r < end; r++)
        f->bias[r] = (float)((double)f->bias[r] - dot(floats(f, r, 0, n, room), f->bp, n));
    free(room);
}

static void fold_columns(void *arg, int64_t first, int64_t end)
{
    const struct fold *f = arg;
    const size_t n = (size_t)(end - first);
    float room[GRAIN_COLUMNS];
    double sum[GRAIN_COLUMNS] = {0};
    for (int64_t r = 0; r < f->rows; r++) {
        const float *row = floats(f, r, first, n, room);
        for (size_t c = 0; c < n; c++)
            sum[c] += (double)row[c] * (double)f->bp[r];
    }
    for (size_t c = 0; c < n; c++)
        f->bias[first + (int64_t)c] = (float)((double)f->bias[first + (int64_t)c] - sum[c]);
}

void fold_bias(const struct named_tensor *w, enum order order, const float *bp, float *bias)
{
    struct fold f = {.w = w->data,
                     .type = (enum dtype)w->type,
                     .rows = w->dim[0],
                     .cols = w->dim[1],
                     .bp = bp,
                     .bias = bias};
    if (order == ORDER_OUT_IN)
        parallel_for(f.rows, GRAIN_ELEMENTS / f.cols + 1, fold_rows, &f);
    else
        parallel_for(f.cols, GRAIN_COLUMNS, fold_columns, &f);
}

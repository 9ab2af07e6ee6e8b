/* Which latents write in nearly the same direction. */
#include "engine/base/best.h"
#include "engine/base/memory.h"
#include "engine/dict/dict.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    TILE = 8,       /* units whose products with a row are summed side by side */
    GROUP = 64,     /* units in one pass over the decoder */
    BLOCK = 1 << 18 /* elements of the decoder between two polls */
};

struct group { /* the units of one pass */
    int32_t n, n_tiles;
    const int32_t *unit;
    double *row;  /* [n_tiles, width, TILE], zeros behind the last unit */
    double *norm; /* [n_tiles · TILE] */
    struct best best[GROUP];
};

static void get_rows(struct run *run, const struct dict *d, const int32_t *unit, int32_t n,
                     float *host)
{
    struct arena_mark mark = arena_mark(run->arena);
    run_get(run, host, dict_push(run, d, NULL, unit, n));
    arena_reset(run->arena, mark);
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

static void group_set(struct group *g, const float *rows, size_t width)
{
    for (int32_t i = 0; i < g->n_tiles * TILE; i++) {
        double *tile = g->row + (size_t)(i / TILE) * width * TILE;
        const float *row = rows + (size_t)i * width;
        g->norm[i] = i < g->n ? norm_of(row, width) : 0;
        for (size_t c = 0; c < width; c++)
            tile[c * TILE + (size_t)(i % TILE)] = i < g->n ? (double)row[c] : 0;
    }
}

/* Two rows side by side hide the latency of the additions. */
static void products(const double *restrict tile, const float *restrict a, const float *restrict b,
                     size_t width, double out[2][TILE])
{
    double s[TILE] = {0}, t[TILE] = {0};
    for (size_t c = 0; c < width; c++) {
        const double x = (double)a[c], y = (double)b[c];
        const double *u = tile + c * TILE;
        for (size_t j = 0; j < TILE; j++)
            s[j] += x * u[j];
        for (size_t j = 0; j < TILE; j++)
            t[j] += y * u[j];
    }
    memcpy(out[0], s, sizeof s);
    memcpy(out[1], t, sizeof t);
}

/* A row of zeros has no direction: it is nobody's neighbour. */
static void offer(struct group *g, int32_t tile, const double dot[TILE], double norm, int32_t id)
{
    for (int32_t j = 0, i = tile * TILE; norm > 0 && j < TILE && i < g->n; j++, i++)
        if (g->norm[i] > 0 && g->unit[i] != id)
            best_offer(&g->best[i], dot[j] / norm / g->norm[i], id);
}

/* Rows id and, with n = 2, id + 1. */
static void offer_rows(struct group *g, const float *row, int32_t n, size_t width, int32_t id)
{
    const float *other = row + (size_t)(n - 1) * width;
    const double norm[2] = {norm_of(row, width), norm_of(other, width)};
    for (int32_t t = 0; t < g->n_tiles; t++) {
        double dot[2][TILE];
        products(g->row + (size_t)t * width * TILE, row, other, width, dot);
        for (int32_t i = 0; i < n; i++)
            offer(g, t, dot[i], norm[i], id + i);
    }
}

static void group_run(struct run *run, const struct dict *d, struct group *g, float *host,
                      int32_t step)
{
    const struct dict_spec *s = dict_spec(d);
    const size_t width = (size_t)s->n_out;
    int32_t *ids = xreallocarray(NULL, (size_t)step, sizeof *ids);
    get_rows(run, d, g->unit, g->n, host);
    if (run_ok(run))
        group_set(g, host, width);
    for (int32_t first = 0; first < s->m && run_ok(run); first += step) {
        const int32_t n = s->m - first < step ? s->m - first : step;
        for (int32_t i = 0; i < n; i++)
            ids[i] = first + i;
        get_rows(run, d, ids, n, host);
        for (int32_t i = 0; i < n && run_ok(run); i += 2)
            offer_rows(g, host + (size_t)i * width, n - i < 2 ? 1 : 2, width, first + i);
    }
    free(ids);
}

static void group_result(struct group *g, int32_t rows, int32_t *ids, double *cosine)
{
    for (int32_t i = 0; i < g->n; i++) {
        struct best *b = &g->best[i];
        best_sort(b);
        for (int32_t r = 0; r < b->n; r++) {
            ids[(size_t)i * (size_t)rows + (size_t)r] = b->item[r].id;
            cosine[(size_t)i * (size_t)rows + (size_t)r] = b->item[r].value;
        }
    }
}

bool dict_neighbours(struct run *run, const struct dict *d, const int32_t *unit, int32_t n_units,
                     int32_t rows, int32_t *ids, double *cosine)
{
    const struct dict_spec *s = dict_spec(d);
    const size_t width = (size_t)s->n_out;
    const int32_t fit = BLOCK / s->n_out, step = fit < 16 ? 16 : fit > 1024 ? 1024 : fit;
    for (size_t i = 0; i < (size_t)n_units * (size_t)rows; i++)
        ids[i] = -1, cosine[i] = (double)NAN;
    if (s->identity || n_units < 1 || rows < 1)
        return run_ok(run);
    struct group g = {0};
    g.row = xcalloc(width * GROUP, sizeof *g.row);
    g.norm = xcalloc(GROUP, sizeof *g.norm);
    float *host = xcalloc((size_t)(step < GROUP ? GROUP : step) * width, sizeof *host);
    for (int32_t i = 0; i < GROUP; i++)
        best_init(&g.best[i], rows < s->m ? rows : s->m);
    for (int32_t first = 0; first < n_units && run_ok(run); first += GROUP) {
        g.unit = unit + first;
        g.n = n_units - first < GROUP ? n_units - first : GROUP;
        g.n_tiles = (g.n + TILE - 1) / TILE;
        for (int32_t i = 0; i < GROUP; i++)
            best_clear(&g.best[i]);
        group_run(run, d, &g, host, step);
        if (run_ok(run))
            group_result(&g, rows, ids + (size_t)first * (size_t)rows,
                         cosine + (size_t)first * (size_t)rows);
    }
    for (int32_t i = 0; i < GROUP; i++)
        best_release(&g.best[i]);
    free(host);
    free(g.norm);
    free(g.row);
    return run_ok(run);
}

/* Weights: packed into panels for the product, borrowed row by row for gathering. */
#include "engine/base/memory.h"
#include "engine/cpu/device.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PACK_DEPTH                                                                                 \
    64 /* columns of the source packed at a time: 32 lines of it stay in the first cache */

#define PACK_GROUP                                                                                 \
    16 /* panels that go through a transposed source together: a kilobyte of each of its rows */

#define PACK_STEP ((size_t)32 << 20) /* bytes of the source between two words about it */

#define WIDEST 32      /* of all panels */
#define SHARE_BYTES 64 /* behind the sizes of rows in planes */

#define NOT_FINITE                                                                                 \
    "the value at [%d, %d] is no finite number, expected weights without NaNs and infinities"

struct pack {
    const struct kernels *k;
    const struct weight *w;
    const char *src;
    const int32_t *rows; /* as in struct weight_source */
    int32_t first, end;  /* rows of the source, of this step */
    atomic_int *bad;     /* panel */
    char *whole;         /* of planes: a panel of floats for each thread, */
    float *share;        /* and of each panel the greatest part of sizes that is error */
};

static int32_t source_row(const struct pack *p, int32_t row)
{
    return p->rows ? p->rows[row] : row;
}

/* Element by element of a size known at compile time, so that a copy is one move. */
#define PACK_OUT_IN(NAME, TYPE)                                                                    \
    static void NAME(const struct pack *p, char *panel, int32_t first, int32_t n)                  \
    {                                                                                              \
        const struct weight *w = p->w;                                                             \
        for (int32_t from = 0; from < w->in; from += PACK_DEPTH) {                                 \
            int32_t to = w->in - from < PACK_DEPTH ? w->in : from + PACK_DEPTH;                    \
            for (int32_t j = 0; j < n; j++) {                                                      \
                const char *row =                                                                  \
                    p->src + (size_t)source_row(p, first + j) * (size_t)w->in * sizeof(TYPE);      \
                for (int32_t k = from; k < to; k++)                                                \
                    memcpy(panel + ((size_t)k * (size_t)w->width + (size_t)j) * sizeof(TYPE),      \
                           row + (size_t)k * sizeof(TYPE), sizeof(TYPE));                          \
            }                                                                                      \
        }                                                                                          \
    }
PACK_OUT_IN(pack_out_in_16, uint16_t)
PACK_OUT_IN(pack_out_in_32, uint32_t)

/* Row k of the source has k of every panel: a group of panels goes through the step's rows
 * together, so that what is read lies together. */
static void pack_in_out(const struct pack *p, int32_t panel, int32_t n_panels)
{
    const struct weight *w = p->w;
    const size_t size = dtype_size(w->type), step = (size_t)w->width * size;
    char *to = w->packed + (size_t)panel * w->panel_bytes;
    const int32_t first = panel * w->width,
                  n = w->out - first < n_panels * w->width ? w->out - first : n_panels * w->width;
    for (int32_t k = p->first; k < p->end; k++) {
        const char *from = p->src + (size_t)k * (size_t)w->out * size;
        for (int32_t j = 0; !p->rows && j < n; j += w->width)
            memcpy(to + (size_t)(j / w->width) * w->panel_bytes + (size_t)k * step,
                   from + (size_t)(first + j) * size,
                   (size_t)(n - j < w->width ? n - j : w->width) * size);
        for (int32_t j = 0; p->rows && j < n; j++)
            memcpy(to + (size_t)(j / w->width) * w->panel_bytes + (size_t)k * step +
                       (size_t)(j % w->width) * size,
                   from + (size_t)p->rows[first + j] * size, size);
    }
}

static void pack_panel(const struct pack *p, int32_t panel)
{
    const struct weight *w = p->w;
    const int32_t first = panel * w->width,
                  n = w->out - first < w->width ? w->out - first : w->width;
    char *to = w->packed + (size_t)panel * w->panel_bytes;
    if (dtype_size(w->type) == 2)
        pack_out_in_16(p, to, first, n);
    else
        pack_out_in_32(p, to, first, n);
}

static float *sizes_of(const struct weight *w)
{
    return (float *)(void *)(w->packed + (size_t)w->n_panels * w->panel_bytes);
}

static void split_panel(const struct pack *p, int thread, int32_t panel)
{
    const struct weight *w = p->w;
    char *at = w->packed + (size_t)panel * w->panel_bytes,
         *whole = p->whole + (size_t)thread * w->panel_bytes;
    float *size = sizes_of(w) + (size_t)panel * (size_t)w->width;
    double square[WIDEST], square_left[WIDEST];
    memcpy(whole, at, w->panel_bytes);
    p->k->split(at, at + w->panel_bytes / 2, (const float *)(const void *)whole, w->in, square,
                square_left);
    for (int32_t j = 0; j < w->width; j++) {
        const double error = 1.0001 * sqrt(square_left[j]); /* sums of floats lose a little */
        size[j] = nextafterf((float)(1.0001 * sqrt(square[j]) + error), INFINITY);
        p->share[panel] = fmaxf(p->share[panel], (float)(error / (double)size[j]));
    }
}

/* Rows from … to − 1 of a panel, while they are near. */
static bool check_panel(const struct pack *p, int32_t panel, int32_t from, int32_t to)
{
    const struct weight *w = p->w;
    const size_t step = (size_t)w->width * dtype_size(w->type);
    if (p->k->all_finite(w->packed + (size_t)panel * w->panel_bytes + (size_t)from * step, w->type,
                         (size_t)(to - from) * (size_t)w->width))
        return true;
    row_is_bad(p->bad, panel);
    return false;
}

static bool is_ragged(const struct weight *w, int32_t panel)
{
    return panel == w->n_panels - 1 && w->out % w->width != 0;
}

static void pack_rows(void *arg, int thread, int64_t i)
{
    const struct pack *p = arg;
    const struct weight *w = p->w;
    const int32_t panel = p->first / w->width + (int32_t)i;
    if (is_ragged(w, panel))
        memset(w->packed + (size_t)panel * w->panel_bytes, 0, w->panel_bytes);
    pack_panel(p, panel);
    if (check_panel(p, panel, 0, w->in) && w->planes)
        split_panel(p, thread, panel);
}

static void pack_columns(void *arg, int thread, int64_t i)
{
    (void)thread;
    const struct pack *p = arg;
    const struct weight *w = p->w;
    const int32_t first = (int32_t)i * PACK_GROUP,
                  end = w->n_panels - first < PACK_GROUP ? w->n_panels : first + PACK_GROUP;
    const size_t step = (size_t)w->width * dtype_size(w->type);
    if (is_ragged(w, end - 1))
        memset(w->packed + (size_t)(end - 1) * w->panel_bytes + (size_t)p->first * step, 0,
               (size_t)(p->end - p->first) * step);
    pack_in_out(p, first, end - first);
    for (int32_t panel = first; panel < end; panel++)
        check_panel(p, panel, p->first, p->end);
}

static void split_later(void *arg, int thread, int64_t panel)
{
    split_panel(arg, thread, (int32_t)panel);
}

/* Step by step from the source's start on, and says so, so that what lies behind may leave memory:
 * an SAE's encoder and its panels are gigabytes each. */
static void pack_all(struct cpu *c, struct pack *p)
{
    const struct weight *w = p->w;
    const bool turned = w->order == ORDER_IN_OUT;
    const int32_t rows = turned ? w->in : w->out, unit = turned ? 1 : w->width;
    const size_t row = (size_t)(turned ? w->out : w->in) * dtype_size(w->type),
                 units = PACK_STEP / (row * (size_t)unit) + 1;
    const int32_t at_once = units < (size_t)(rows / unit + 1) ? (int32_t)units * unit : rows;
    for (p->first = 0; p->first < rows; p->first = p->end) {
        p->end = rows - p->first < at_once ? rows : p->first + at_once;
        if (turned)
            pool_run(c->pool, (w->n_panels - 1) / PACK_GROUP + 1, pack_columns, p);
        else
            pool_run(c->pool, (p->end - p->first - 1) / w->width + 1, pack_rows, p);
        if (c->backend.loaded)
            c->backend.loaded(c->backend.loaded_arg, (uint64_t)(p->end - p->first) * row);
    }
    if (turned && w->planes && *p->bad == INT32_MAX)
        pool_run(c->pool, w->n_panels, split_later, p);
}

/* Names the first value of the panel that is not finite, by its place in the source. */
static bool refuse_panel(const struct pack *p, int32_t panel, struct error *e)
{
    const struct weight *w = p->w;
    const char *at = w->packed + (size_t)panel * w->panel_bytes;
    size_t size = dtype_size(w->type), width = (size_t)w->width;
    for (int32_t j = 0; j < w->width; j++)
        for (int32_t k = 0; k < w->in; k++) {
            if (p->k->all_finite(at + ((size_t)k * width + (size_t)j) * size, w->type, 1))
                continue;
            int32_t row = source_row(p, panel * w->width + j);
            return error_set(e, ERROR_INPUT, NOT_FINITE, w->order == ORDER_IN_OUT ? k : row,
                             w->order == ORDER_IN_OUT ? row : k);
        }
    return true;
}

static size_t behind_planes(const struct weight *w)
{
    return (size_t)w->n_panels * (size_t)w->width * sizeof(float) + SHARE_BYTES;
}

/* Fills in the shape of the panels. */
static bool plan(const struct cpu *c, struct weight *w, struct error *e)
{
    w->width = c->k->width;
    w->n_panels = (w->out - 1) / w->width + 1;
    const bool fits =
        size_mul((size_t)w->width * dtype_size(w->type), (size_t)w->in, &w->panel_bytes) &&
        size_mul(w->panel_bytes, (size_t)w->n_panels, &w->packed_bytes);
    w->planes = (w->uses & USE_ENCODE) && w->type == DTYPE_F32 && w->in % 2 == 0 &&
                w->packed_bytes >= c->least_planes;
    return (fits &&
            size_add(w->packed_bytes, w->planes ? behind_planes(w) : 0, &w->packed_bytes)) ||
           error_set(e, ERROR_INPUT, "cpu: a weight [%d, %d] is too large", w->out, w->in);
}

/* What stands behind the sizes; false where it can't be right. */
static bool look_behind(struct weight *w)
{
    const size_t rows = (size_t)w->n_panels * (size_t)w->width;
    w->size = sizes_of(w);
    w->largest = 0;
    memcpy(&w->share, w->size + rows, sizeof w->share);
    for (size_t j = 0; j < rows; j++)
        w->largest = w->size[j] >= 0 ? fmaxf(w->largest, w->size[j]) : -INFINITY;
    w->doubt = xcalloc(1, sizeof *w->doubt);
    return w->share >= 0 && w->largest >= 0;
}

static void sum_up(struct pack *p, struct weight *w)
{
    float share = 0;
    for (int32_t i = 0; i < w->n_panels; i++)
        share = nextafterf(fmaxf(share, p->share[i]), INFINITY);
    char *behind = w->packed + w->packed_bytes - SHARE_BYTES;
    memset(behind, 0, SHARE_BYTES);
    memcpy(behind, &share, sizeof share);
    look_behind(w);
}

static bool pack(struct cpu *c, struct weight *w, const struct weight_source *src, struct error *e)
{
    w->own = w->packed = cpu_alloc(w->packed_bytes);
    if (w->packed == NULL)
        return error_set(e, ERROR_MEMORY, "cpu: no memory for a weight [%d, %d], %zu bytes", w->out,
                         w->in, w->packed_bytes);
    atomic_int bad = INT32_MAX;
    struct pack p = {.k = c->k, .w = w, .src = src->data, .rows = src->rows, .bad = &bad};
    if (w->planes) {
        p.whole = xreallocarray(NULL, (size_t)pool_threads(c->pool), w->panel_bytes);
        p.share = xcalloc((size_t)w->n_panels, sizeof *p.share);
    }
    pack_all(c, &p);
    if (w->planes && bad == INT32_MAX)
        sum_up(&p, w);
    free(p.whole);
    free(p.share);
    return bad == INT32_MAX || refuse_panel(&p, bad, e);
}

/* Panels that were packed before, in memory that is not the weight's. */
static bool take(struct weight *w, const void *packed, size_t n, struct error *e)
{
    if (n != w->packed_bytes || (uintptr_t)packed % 64 != 0)
        return error_set(e, ERROR_INPUT, "cpu: %zu packed bytes of a weight [%d, %d], expected %zu",
                         n, w->out, w->in, w->packed_bytes);
    w->packed = (char *)(uintptr_t)packed;
    return !w->planes || look_behind(w) ||
           error_set(e, ERROR_INPUT, "cpu: what is kept of a packed weight's rows is wrong");
}

static bool check_source(const struct weight_source *src, unsigned uses, struct error *e)
{
    if (src->out <= 0 || src->in <= 0 || src->type == DTYPE_I32 || src->type == DTYPE_F64 ||
        src->data == NULL || uses == 0 || (src->rows && uses != USE_PRODUCT))
        return error_set(e, ERROR_INPUT, "cpu: a weight [%d, %d] of dtype %d can't be used",
                         src->out, src->in, (int)src->type);
    for (int32_t i = 0; src->rows && i < src->out; i++)
        if (src->rows[i] < 0 || src->rows[i] >= src->out)
            return error_set(e, ERROR_SYSTEM, "cpu: row %d of a weight is row %d of %d", i,
                             src->rows[i], src->out);
    return true;
}

static struct weight *weight_of(struct backend *b, const struct weight_source *src, unsigned uses,
                                const void *packed, size_t n, struct error *e)
{
    if (!check_source(src, uses, e))
        return NULL;
    struct cpu *c = (struct cpu *)b;
    struct weight *w = xcalloc(1, sizeof *w);
    w->out = src->out, w->in = src->in, w->type = src->type, w->order = src->order;
    w->uses = uses;
    if (uses & USE_ROWS)
        w->rows = src->data;
    if ((uses & USE_PRODUCT) &&
        !(plan(c, w, e) && (packed ? take(w, packed, n, e) : pack(c, w, src, e)))) {
        cpu_weight_free(b, w);
        return NULL;
    }
    return w;
}

struct weight *cpu_weight_new(struct backend *b, const struct weight_source *src, unsigned uses,
                              struct error *e)
{
    return weight_of(b, src, uses, NULL, 0, e);
}

struct weight *cpu_weight_take(struct backend *b, const struct weight_source *src, unsigned uses,
                               const void *packed, size_t n, struct error *e)
{
    return weight_of(b, src, uses, packed, n, e);
}

const void *cpu_weight_packed(const struct weight *w, size_t *n)
{
    *n = w->packed ? w->packed_bytes : 0;
    return w->packed;
}

void cpu_weight_free(struct backend *b, struct weight *w)
{
    (void)b;
    if (w) {
        free(w->own);
        free(w->doubt);
    }
    free(w);
}

size_t cpu_weight_bytes(const struct weight *w)
{
    return w->packed_bytes;
}
uint64_t cpu_weight_need(const struct backend *b, const struct weight_source *src, unsigned uses)
{
    struct weight w = {.out = src->out, .in = src->in, .type = src->type, .uses = uses};
    return !(uses & USE_PRODUCT)                   ? 0
           : plan((const struct cpu *)b, &w, NULL) ? w.packed_bytes
                                                   : UINT64_MAX;
}
int32_t cpu_weight_in(const struct weight *w)
{
    return w->in;
}
enum dtype cpu_weight_reads(const struct weight *w)
{
    (void)w;
    return DTYPE_F32;
}

/* ---- rows of a borrowed source */

struct gather {
    struct cpu *cpu;
    const struct weight *w;
    float *y;
    size_t ldy;
    const int32_t *start, *ids; /* of row t: start[t] … start[t+1] − 1; NULL: one, t·ld_ids */
    size_t ld_ids;
    const float *vals, *bias;
    atomic_int *bad;
};

static float element(const struct gather *g, int32_t row, int32_t col)
{
    size_t size = dtype_size(g->w->type);
    float v;
    g->cpu->k->widen(&v, g->w->rows + ((size_t)col * (size_t)g->w->out + (size_t)row) * size,
                     g->w->type, 1);
    return v;
}

static void decode_strided(const struct gather *g, float *y, const int32_t *ids, const float *vals,
                           int32_t k)
{
    for (int32_t j = 0; j < g->w->in; j++) {
        float sum = g->bias ? g->bias[j] : 0.0f;
        for (int32_t i = 0; i < k; i++)
            sum += vals[i] * element(g, ids[i], j);
        y[j] = sum;
    }
}

static void decode_rows(void *arg, int thread, int32_t first, int32_t n)
{
    (void)thread;
    const struct gather *g = arg;
    for (int32_t t = first; t < first + n; t++) {
        float *y = g->y + (size_t)t * g->ldy;
        const int32_t *ids = g->ids + g->start[t], k = g->start[t + 1] - g->start[t];
        const float *vals = g->vals + g->start[t];
        if (g->w->order == ORDER_IN_OUT)
            decode_strided(g, y, ids, vals, k);
        else
            g->cpu->k->gather_sum(y, g->bias, g->w->rows, g->w->type, ids, vals, k, g->w->in);
        if (!g->cpu->k->all_finite(y, DTYPE_F32, (size_t)g->w->in))
            row_is_bad(g->bad, t);
    }
}

static void widen_row(const struct gather *g, float *y, int32_t id)
{
    const size_t row = (size_t)g->w->in * dtype_size(g->w->type);
    if (g->w->order == ORDER_IN_OUT)
        for (int32_t j = 0; j < g->w->in; j++)
            y[j] = element(g, id, j);
    else
        g->cpu->k->widen(y, g->w->rows + (size_t)id * row, g->w->type, g->w->in);
}

static void widen_rows(void *arg, int thread, int32_t first, int32_t n)
{
    (void)thread;
    const struct gather *g = arg;
    for (int32_t t = first; t < first + n; t++) {
        float *y = g->y + (size_t)t * g->ldy;
        widen_row(g, y, g->ids[(size_t)t * g->ld_ids]);
        if (!g->cpu->k->all_finite(y, DTYPE_F32, (size_t)g->w->in))
            row_is_bad(g->bad, t);
    }
}

/* The row of W among those gathered into row t that is not finite; what the sum alone made so has
 * none. y is written over. */
static void tell_bad_row(struct queue *q, const struct gather *g, int32_t t)
{
    float *y = g->y + (size_t)t * g->ldy;
    size_t from = g->start ? (size_t)g->start[t] : (size_t)t * g->ld_ids,
           end = g->start ? (size_t)g->start[t + 1] : from + 1;
    for (; from < end; from++) {
        int32_t id = g->ids[from], j = 0;
        widen_row(g, y, id);
        while (j < g->w->in && isfinite(y[j]))
            j++;
        if (j < g->w->in) {
            error_set(&q->err, ERROR_INPUT, NOT_FINITE, id, j);
            return;
        }
    }
    error_set(&q->err, ERROR_INPUT, "a sum of rows is too large for float32");
}

static bool has_rows(struct queue *q, const char *op, const struct weight *w)
{
    return (w->uses & USE_ROWS) ||
           error_set(&q->err, ERROR_SYSTEM, "cpu %s: the weight was not opened for its rows", op);
}

static bool check_ids(struct queue *q, const char *op, const struct weight *w, const int32_t *ids,
                      size_t ld, int32_t n)
{
    for (int32_t i = 0; i < n; i++) {
        int32_t id = ids[(size_t)i * ld];
        if (id < 0 || id >= w->out)
            return error_set(&q->err, ERROR_INPUT, "cpu %s: row %d asked of %d", op, id, w->out);
    }
    return true;
}

void cpu_weight_rows(struct queue *q, struct tensor y, const struct weight *w, struct tensor ids)
{
    if (cpu_failed(q) || ids.rows == 0)
        return;
    atomic_int bad = INT32_MAX;
    struct gather g = {
        .cpu = cpu_of(q), .w = w, .ldy = (size_t)y.ld, .ld_ids = (size_t)ids.ld, .bad = &bad};
    if (!has_rows(q, "weight_rows", w) ||
        !(g.ids = cpu_view(q, "weight_rows", "ids", ids, DTYPE_I32, -1, 1)) ||
        !(g.y = cpu_f32(q, "weight_rows", "y", y, ids.rows, w->in)) ||
        !check_ids(q, "weight_rows", w, g.ids, g.ld_ids, ids.rows))
        return;
    cpu_for_rows(q, ids.rows, w->in, widen_rows, &g);
    if (bad != INT32_MAX)
        tell_bad_row(q, &g, bad);
}

void cpu_decode(struct queue *q, struct tensor y, const struct csr *f, const struct weight *w,
                struct tensor bias)
{
    if (cpu_failed(q) || f->n_rows == 0)
        return;
    atomic_int bad = INT32_MAX;
    struct gather g = {.cpu = cpu_of(q), .w = w, .bad = &bad, .ldy = (size_t)y.ld};
    if (!has_rows(q, "decode", w) ||
        !cpu_codes(q, "decode", f, w->out, &g.start, &g.ids, &g.vals) ||
        !(g.y = cpu_f32(q, "decode", "y", y, f->n_rows, w->in)) ||
        (bias.buf && !(g.bias = cpu_f32(q, "decode", "bias", bias, 1, w->in))))
        return;
    int32_t entries = g.start[f->n_rows] - g.start[0];
    cpu_for_rows(q, f->n_rows, (int64_t)w->in * (entries / f->n_rows + 1), decode_rows, &g);
    if (bad != INT32_MAX)
        tell_bad_row(q, &g, bad);
}

/* ---- a product with few rows: they are packed as a weight of their own */
static void pack_few(struct weight *few, const struct weight *w, const int32_t *ids, size_t ld)
{
    const size_t size = dtype_size(w->type), width = (size_t)few->width;
    const bool turned = w->order == ORDER_IN_OUT;
    const size_t row = turned ? size : (size_t)w->in * size,
                 step = turned ? (size_t)w->out * size : size;
    memset(few->packed, 0, few->panel_bytes * (size_t)few->n_panels);
    for (int32_t j = 0; j < few->out; j++) {
        const char *src = w->rows + (size_t)ids[(size_t)j * ld] * row;
        char *to = few->packed + (size_t)(j / few->width) * few->panel_bytes +
                   (size_t)(j % few->width) * size;
        if (size == 2)
            for (size_t k = 0; k < (size_t)w->in; k++)
                memcpy(to + k * width * 2, src + k * step, 2);
        else
            for (size_t k = 0; k < (size_t)w->in; k++)
                memcpy(to + k * width * 4, src + k * step, 4);
    }
}

void cpu_dot_rows(struct queue *q, struct tensor y, struct tensor x, const struct weight *w,
                  struct tensor ids, struct tensor bias)
{
    const int32_t *id;
    const float *all = NULL;
    if (cpu_failed(q) || x.rows == 0 || ids.rows == 0 || !has_rows(q, "dot_rows", w) ||
        !(id = cpu_view(q, "dot_rows", "ids", ids, DTYPE_I32, -1, 1)) ||
        (bias.buf && !(all = cpu_f32(q, "dot_rows", "bias", bias, 1, w->out))) ||
        !check_ids(q, "dot_rows", w, id, (size_t)ids.ld, ids.rows))
        return;
    struct weight few = {.out = ids.rows, .in = w->in, .type = w->type, .uses = USE_PRODUCT};
    few.width = cpu_of(q)->k->width, few.n_panels = (few.out - 1) / few.width + 1;
    few.panel_bytes = (size_t)few.width * dtype_size(w->type) * (size_t)w->in;
    size_t panels = (few.panel_bytes * (size_t)few.n_panels + 63) / 64 * 64;
    few.packed = cpu_scratch(q, SCRATCH_FEW, panels + (size_t)few.out * sizeof(float));
    if (!few.packed)
        return;
    pack_few(&few, w, id, (size_t)ids.ld);
    float *own = (float *)(void *)(few.packed + panels);
    struct buf own_buf = {(char *)own, (size_t)few.out * sizeof *own};
    for (int32_t j = 0; j < few.out && all; j++)
        own[j] = all[id[(size_t)j * (size_t)ids.ld]];
    struct tensor own_bias = {.buf = all ? &own_buf : NULL,
                              .rows = 1,
                              .cols = few.out,
                              .ld = few.out,
                              .dtype = DTYPE_F32};
    cpu_linear(q, y, x, &few, own_bias, EPILOGUE_NONE);
}

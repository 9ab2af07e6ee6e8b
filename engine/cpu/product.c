#include "engine/cpu/product.h"
#include <string.h>

/* Measured on an AVX-512 machine with 1 MiB of second-level cache a core. */
#define ROW_BLOCK 96           /* rows that go through a panel while it is near */
#define DEPTH 1024             /* columns of x that go through at a time */
#define TASK_FMAS (512 << 10)  /* least work of a task when there is enough for all threads */
#define ALONE_FMAS (192 << 10) /* below, the caller is done before another thread has begun */

/* Panels become floats a part of their depth at a time: of so many, in so many bytes of the first
 * cache each. */
#define SPREAD_PANELS 4
#define SPREAD_BYTES 16384

static int32_t spread_depth(const struct kernels *k)
{
    return SPREAD_BYTES / (k->width * (int32_t)sizeof(float));
}
size_t panels_room(void)
{
    return SPREAD_PANELS * SPREAD_BYTES;
}

static size_t block_bytes(const struct sweep *s)
{
    return (size_t)ROW_BLOCK * SWEEP_GROUP * (size_t)cpu_of(s->q)->k->width * sizeof(float);
}

/* Whether panels become floats before they are multiplied. */
static bool spreads(const struct kernels *k, const struct weight *w, enum sweep_how how,
                    int32_t rows)
{
    return how == SWEEP_EXACT && (w->planes || (w->type == DTYPE_BF16 && rows >= k->spread_rows));
}

static size_t room_bytes(const struct sweep *s)
{
    return spreads(cpu_of(s->q)->k, s->w, s->how, s->rows) ? panels_room() : 0;
}

static size_t thread_bytes(const struct sweep *s)
{
    return block_bytes(s) + room_bytes(s) + s->extra;
}

void *sweep_extra(const struct sweep *s, int thread)
{
    return (char *)cpu_scratch_of(cpu_of(s->q), thread, thread_bytes(s)) + block_bytes(s) +
           room_bytes(s);
}

bool sweep_check(struct queue *q, const char *op, const struct weight *w, int32_t in)
{
    if (!(w->uses & USE_PRODUCT))
        return error_set(&q->err, ERROR_SYSTEM, "cpu %s: the weight was not packed for products",
                         op);
    if (w->in != in)
        return error_set(&q->err, ERROR_SYSTEM, "cpu %s: x has %d columns, the weight [%d, %d]", op,
                         in, w->out, w->in);
    return true;
}

static int32_t choose_group(const struct sweep *s)
{
    int64_t threads = pool_threads(cpu_of(s->q)->pool), panels = s->w->n_panels;
    int64_t fair = panels * s->n_row_blocks / (threads * 4),
            per_panel = (int64_t)s->row_block * s->w->in * s->w->width;
    int64_t least = TASK_FMAS / per_panel;
    if (least > panels * s->n_row_blocks / threads)
        least = panels * s->n_row_blocks / threads;
    int64_t group = fair > least ? fair : least;
    /* Products of few rows take four panels at a time. */
    if (s->rows <= 2)
        group = (group + 3) / 4 * 4;
    return group < 1 ? 1 : group > SWEEP_GROUP ? SWEEP_GROUP : (int32_t)group;
}

bool sweep_plan(struct sweep *s)
{
    s->n_row_blocks = (s->rows + ROW_BLOCK - 1) / ROW_BLOCK;
    s->row_block = (s->rows + s->n_row_blocks - 1) / s->n_row_blocks;
    if (s->group == 0)
        s->group = choose_group(s);
    s->n_groups = (s->w->n_panels + s->group - 1) / s->group;
    size_t each = (thread_bytes(s) + 63) / 64 * 64;
    return cpu_scratch(s->q, SCRATCH_THREADS, each * (size_t)pool_threads(cpu_of(s->q)->pool)) !=
           NULL;
}

struct part { /* of a panel: near and left of floats in planes; bf16 are one plane */
    const char *at[2];
};
static struct part part_of(const struct weight *w, const char *panel, int32_t from)
{
    const char *at = panel + (size_t)from * (size_t)w->width * 2;
    return (struct part){{at, w->planes ? at + w->panel_bytes / 2 : at}};
}

static void spread(const struct kernels *k, const struct weight *w, struct part p, int32_t depth,
                   float *to, bool fetch)
{
    if (w->planes)
        k->join(to, p.at[0], p.at[1], depth, fetch);
    else
        k->spread(to, p.at[0], depth);
}

/* Floats of a part of the panels' depth, and the product with them. Of many rows the part that
 * follows is fetched during the product, which reads nothing else. */
static void product_parts(const struct kernels *k, const struct panels *p,
                          const struct product *all)
{
    const int32_t most = spread_depth(k);
    const bool few = all->panels > 1 || all->rows <= 2;
    struct product g = *all;
    g.type = DTYPE_F32, g.w = (const char *)p->room, g.stride = SPREAD_BYTES;
    for (int32_t from = 0; from < all->depth; from += most, g.first = false) {
        g.depth = all->depth - from < most ? all->depth - from : most;
        g.x = all->x + from;
        for (int32_t i = 0; i < g.panels; i++)
            spread(k, p->w, part_of(p->w, all->w + (size_t)i * all->stride, from), g.depth,
                   p->room + (size_t)i * SPREAD_BYTES / sizeof *p->room, few);
        const struct part next = from + most < all->depth ? part_of(p->w, all->w, from + most)
                                                          : part_of(p->w, all->w + all->stride, 0);
        memcpy(g.ahead, few ? (const char *[2]){0} : next.at, sizeof g.ahead);
        k->product(&g);
    }
}

/* Of few rows several panels at once, as the kernel takes them. */
static void product_spread(const struct kernels *k, const struct panels *p,
                           const struct product *all)
{
    const int32_t at_once = all->rows <= 2 ? SPREAD_PANELS : 1;
    struct product g = *all;
    for (int32_t i = 0; i < all->panels; i += at_once) {
        g.panels = all->panels - i < at_once ? all->panels - i : at_once;
        g.w = all->w + (size_t)i * all->stride;
        g.c = all->c + (size_t)i * (size_t)k->width;
        product_parts(k, p, &g);
    }
}

static void product_depths(const struct kernels *k, const struct product *all, enum sweep_how how)
{
    const size_t size = how == SWEEP_EXACT ? dtype_size(all->type) : 2;
    const int32_t of_x = how == SWEEP_DOTS ? 2 : 1;
    struct product g = *all;
    for (int32_t from = 0; from < all->depth; from += DEPTH, g.first = false) {
        g.depth = (all->depth - from < DEPTH ? all->depth - from : DEPTH) / of_x;
        g.x = all->x + from / of_x;
        g.w = all->w + (size_t)from * (size_t)k->width * size;
        how == SWEEP_DOTS ? k->dots(&g) : how == SWEEP_ROUGH ? k->rough(&g) : k->product(&g);
    }
}

void panels_product(const struct kernels *k, const struct panels *p)
{
    const struct weight *w = p->w;
    const struct product g = {.type = w->type,
                              .rows = p->rows,
                              .panels = p->n,
                              .depth = w->in,
                              .x = p->x,
                              .ldx = p->ldx,
                              .w = w->packed + (size_t)p->first * w->panel_bytes,
                              .stride = w->panel_bytes,
                              .c = p->c,
                              .ldc = (size_t)p->n * (size_t)w->width,
                              .first = true};
    if (spreads(k, w, p->how, p->rows))
        product_spread(k, p, &g);
    else
        product_depths(k, &g, p->how);
}

static void sweep_task(void *arg, int thread, int64_t i)
{
    const struct sweep *s = arg;
    const struct weight *w = s->w;
    int32_t row = (int32_t)(i % s->n_row_blocks) * s->row_block;
    float *memory = cpu_scratch_of(cpu_of(s->q), thread, thread_bytes(s));
    struct panels p = {.w = w, .ldx = s->ldx, .how = s->how, .c = memory};
    p.first = (int32_t)(i / s->n_row_blocks) * s->group;
    p.n = w->n_panels - p.first < s->group ? w->n_panels - p.first : s->group;
    p.rows = s->rows - row < s->row_block ? s->rows - row : s->row_block;
    if (p.rows <= 0)
        return;
    p.x = s->x + (size_t)row * s->ldx;
    p.room = memory + block_bytes(s) / sizeof *memory;
    panels_product(cpu_of(s->q)->k, &p);
    struct block b = {.row = row,
                      .rows = p.rows,
                      .col = p.first * w->width,
                      .c = memory,
                      .ldc = (size_t)p.n * (size_t)w->width};
    b.cols = w->out - b.col < (int32_t)b.ldc ? w->out - b.col : (int32_t)b.ldc;
    s->sink(s->arg, thread, &b);
}

void sweep_run(struct sweep *s)
{
    int64_t n = (int64_t)s->n_groups * s->n_row_blocks;
    if ((int64_t)s->rows * s->w->in * s->w->out >= ALONE_FMAS)
        pool_run(cpu_of(s->q)->pool, n, sweep_task, s);
    else
        for (int64_t i = 0; i < n; i++)
            sweep_task(s, 0, i);
}

struct linear_out {
    const struct kernels *k;
    float *y;
    size_t ldy;
    const float *bias;
    enum epilogue epilogue;
};

static void linear_sink(void *arg, int thread, const struct block *b)
{
    (void)thread;
    const struct linear_out *o = arg;
    const float *bias = o->bias ? o->bias + b->col : NULL;
    for (int32_t r = 0; r < b->rows; r++)
        o->k->epilogue(o->y + (size_t)(b->row + r) * o->ldy + (size_t)b->col,
                       b->c + (size_t)r * b->ldc, bias, b->cols, o->epilogue);
}

void cpu_linear(struct queue *q, struct tensor y, struct tensor x, const struct weight *w,
                struct tensor bias, enum epilogue epilogue)
{
    if (cpu_failed(q) || x.rows == 0 || !sweep_check(q, "linear", w, x.cols))
        return;
    struct linear_out o = {.k = cpu_of(q)->k, .ldy = (size_t)y.ld, .epilogue = epilogue};
    struct sweep s = {
        .q = q, .w = w, .ldx = (size_t)x.ld, .rows = x.rows, .sink = linear_sink, .arg = &o};
    if (!(s.x = cpu_f32(q, "linear", "x", x, -1, w->in)) ||
        !(o.y = cpu_f32(q, "linear", "y", y, x.rows, w->out)) ||
        (bias.buf && !(o.bias = cpu_f32(q, "linear", "bias", bias, 1, w->out))) || !sweep_plan(&s))
        return;
    sweep_run(&s);
}

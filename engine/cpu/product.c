#include "engine/cpu/product.h"

/* Measured on an AVX-512 machine with 1 MiB of second-level cache a core. */
#define ROW_BLOCK 96           /* rows that go through a panel while it is near */
#define DEPTH 1024             /* columns of x that go through at a time */
#define TASK_FMAS (512 << 10)  /* least work of a task when there is enough for all threads */
#define ALONE_FMAS (192 << 10) /* below, the caller is done before another thread has begun */

static size_t block_bytes(const struct sweep *s)
{
    return (size_t)ROW_BLOCK * SWEEP_GROUP * (size_t)cpu_of(s->q)->k->width * sizeof(float);
}

static size_t thread_bytes(const struct sweep *s)
{
    return block_bytes(s) + s->extra;
}

void *sweep_extra(const struct sweep *s, int thread)
{
    return (char *)cpu_scratch_of(cpu_of(s->q), thread, thread_bytes(s)) + block_bytes(s);
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

static void sweep_task(void *arg, int thread, int64_t i)
{
    const struct sweep *s = arg;
    const struct weight *w = s->w;
    const struct kernels *k = cpu_of(s->q)->k;
    int32_t panel = (int32_t)(i / s->n_row_blocks) * s->group,
            row = (int32_t)(i % s->n_row_blocks) * s->row_block;
    struct product g = {
        .type = w->type, .x = NULL, .ldx = s->ldx, .stride = w->panel_bytes, .first = true};
    g.panels = w->n_panels - panel < s->group ? w->n_panels - panel : s->group;
    g.rows = s->rows - row < s->row_block ? s->rows - row : s->row_block;
    if (g.rows <= 0)
        return;
    g.c = cpu_scratch_of(cpu_of(s->q), thread, thread_bytes(s));
    g.ldc = (size_t)g.panels * (size_t)w->width;
    for (int32_t from = 0; from < w->in; from += DEPTH, g.first = false) {
        g.depth = w->in - from < DEPTH ? w->in - from : DEPTH;
        g.x = s->x + (size_t)row * s->ldx + (size_t)from;
        g.w = w->packed + (size_t)panel * w->panel_bytes +
              (size_t)from * (size_t)w->width * dtype_size(w->type);
        k->product(&g);
    }
    struct block b = {.row = row, .rows = g.rows, .col = panel * w->width, .c = g.c, .ldc = g.ldc};
    b.cols = w->out - b.col < (int32_t)g.ldc ? w->out - b.col : (int32_t)g.ldc;
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

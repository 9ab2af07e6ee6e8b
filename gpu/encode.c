/* The largest pre-activations without all of them: which they may be is seen by products of rounded
 * numbers, what they are is computed as it is by products of few rows. */
#include "gpu/gpu_private.h"

enum { ENCODE_BYTES = 256 << 20, AGAIN_STEP = 8192 };

struct places { /* of working space, for so many rows; bytes from its start */
    size_t pre, rounded, scale, margin, most_bias, ids, n_ids, again, n_again, select, n;
};

static size_t take(size_t *at, size_t n)
{
    const size_t was = *at;
    *at += (n + 255) / 256 * 256;
    return was;
}

static struct places places_for(const struct encode_kernel *k, const struct select_kernel *by,
                                size_t rows)
{
    struct places p = {0};
    p.pre = take(&p.n, rows * (size_t)k->w.out * sizeof(float));
    p.rounded = take(&p.n, rows * k->w.ld * 2);
    p.scale = take(&p.n, rows * sizeof(float));
    p.margin = take(&p.n, rows * sizeof(float));
    p.most_bias = take(&p.n, sizeof(float));
    p.ids = take(&p.n, rows * (size_t)k->room * sizeof(int32_t));
    p.n_ids = take(&p.n, rows * sizeof(int32_t));
    p.again = take(&p.n, rows * sizeof(int32_t));
    p.n_again = take(&p.n, sizeof(int32_t));
    p.select = take(&p.n, gpu_select_bytes(by, (int32_t)rows, k->w.out));
    return p;
}

/* The products of rounded numbers. */
static bool rounded_product(struct gpu_queue *q, const struct encode_kernel *k, struct wmat rounded)
{
    if (k->type != DTYPE_F32)
        return queue_multiply(q, k->pre, k->rounded, k->w.ld, rounded);
    gpu_gemv(acts_of(k->pre), acts_of(k->x), rounded,
             (struct product_end){.epilogue = EPILOGUE_NONE}, &q->stream);
    return true;
}

static bool encode_rows(struct gpu_queue *q, const struct codes *c, int32_t first,
                        const struct encode_kernel *all, const struct weight *w, struct mat x,
                        const struct select_kernel *by, const char *what)
{
    const struct places p = places_for(all, by, (size_t)x.rows);
    char *memory = queue_room(q, ROOM_OP, p.n);
    if (!memory)
        return false;
    struct encode_kernel k = *all;
    int32_t *count = (int32_t *)(void *)(memory + p.select), *top = count + x.rows;
    k.x = x;
    k.pre = (struct mat){(float *)(void *)(memory + p.pre), (size_t)k.w.out, x.rows, k.w.out};
    k.rounded = memory + p.rounded;
    k.scale = (float *)(void *)(memory + p.scale);
    k.margin = (float *)(void *)(memory + p.margin);
    k.most_bias = (float *)(void *)(memory + p.most_bias);
    k.ids = (int32_t *)(void *)(memory + p.ids);
    k.n_ids = (int32_t *)(void *)(memory + p.n_ids);
    k.again = (int32_t *)(void *)(memory + p.again);
    k.n_again = (int32_t *)(void *)(memory + p.n_again);
    const struct faults f = queue_faults(q, OP_SELECT, what);
    if (!queue_fill(q, k.n_again, 0, sizeof(int32_t)))
        return false;
    gpu_encode_round(&k, &q->stream);
    if (!rounded_product(q, &k, w->rounded))
        return false;
    gpu_encode_candidates(&k, &q->stream);
    for (int32_t o = 0; o < k.w.out; o += AGAIN_STEP)
        gpu_encode_again(&k, o, k.w.out - o < AGAIN_STEP ? k.w.out - o : AGAIN_STEP, &q->stream);
    gpu_encode_top(top, &k, &q->stream);
    gpu_select_ids(*c, first, k.pre, by, count, top, f, &q->stream);
    return true;
}

/* The product as linear has it, and what is selected of it. */
static bool plain_rows(struct gpu_queue *q, const struct codes *c, int32_t first, struct acts x,
                       const struct weight *w, const float *bias, const struct select_kernel *by,
                       const char *what)
{
    const size_t pre = (size_t)x.rows * (size_t)w->w.out * sizeof(float);
    char *memory = queue_room(q, ROOM_OP, pre + 256 + gpu_select_bytes(by, x.rows, w->w.out));
    if (!memory)
        return false;
    const struct mat y = {(float *)(void *)memory, (size_t)w->w.out, x.rows, w->w.out};
    queue_product(q, acts_of(y), x, w->w,
                  (struct product_end){.bias = bias, .epilogue = EPILOGUE_NONE});
    gpu_select(*c, first, y, by, memory + (pre + 255) / 256 * 256, queue_faults(q, OP_SELECT, what),
               &q->stream);
    return !error_is_set(&q->base.err);
}

void cuda_encode(struct queue *on, struct csr *f, int32_t first, struct tensor x,
                 const struct weight *w, struct tensor bias, const struct select *by)
{
    struct gpu_queue *q = queue_of(on);
    struct codes c;
    struct acts from;
    struct select_kernel s;
    struct encode_kernel k = {.w = w->w, .of = w->of, .by_size = by->kind == SELECT_ABSTOPK};
    if (queue_failed(q) || !arg_product(q, "encode", w) ||
        !arg_factor(q, "encode", "x", x, w, &from) ||
        !arg_vector(q, "encode", "bias", bias, w->w.out, &k.bias) ||
        !arg_selected(q, "encode", f, first, x.rows, w->w.out, by, &c, &s) || x.rows == 0)
        return;
    /* One batch or another: x of 16 bits loses nothing in a product, and few rows of floats are
     * read from 16-bit weights at no cost. */
    const bool few = x.rows <= GEMV_ROWS, plain = !w->rounded.at || from.type != DTYPE_F32 ||
                                                  (few && w->rounded.at == w->w.at) ||
                                                  s.k > ENCODE_MOST;
    k.k = s.k, k.redone = &q->fault->redone;
    k.type = few ? DTYPE_F32 : w->rounded.type;
    k.room = 4 * s.k < ENCODE_LEAST ? ENCODE_LEAST : 4 * s.k < ENCODE_HELD ? 4 * s.k : ENCODE_HELD;
    const size_t fit = (size_t)ENCODE_BYTES / ((size_t)w->w.out * sizeof(float));
    const int32_t at_once = fit < 64 ? 64 : fit < (size_t)x.rows ? (int32_t)fit : x.rows;
    for (int32_t t = 0; t < x.rows; t += at_once) {
        const int32_t n = x.rows - t < at_once ? x.rows - t : at_once;
        const struct acts some = acts_rows(from, t, n);
        if (!(plain ? plain_rows(q, &c, first + t, some, w, k.bias, &s, by->what)
                    : encode_rows(q, &c, first + t, &k, w,
                                  (struct mat){some.at, some.ld, n, some.cols}, &s, by->what)))
            return;
    }
}

/* Products through cuBLASLt, and what is read from the logits of a vocabulary.
 *
 * A 16-bit weight stays as it is stored. x of its own type goes into the product so; floats are
 * split into 16-bit rows whose products add up (gpu_split), so that the product is exact up to the
 * order of its sums. */
#include "gpu/gpu_private.h"

enum { PARTS_BYTES = 64 << 20, CHUNK_BYTES = 24 << 20, TOPN_ROWS = 512, SLICE_STEP = 256 };

/* ---- plans */
static void plan_release(struct lt *lt, struct plan *p)
{
    if (p->desc)
        lt->MatmulDescDestroy(p->desc);
    if (p->w)
        lt->MatrixLayoutDestroy(p->w);
    if (p->x)
        lt->MatrixLayoutDestroy(p->x);
    if (p->y)
        lt->MatrixLayoutDestroy(p->y);
    *p = (struct plan){0};
}

void plans_free(struct gpu *g)
{
    for (int i = 0; i < N_PLANS; i++)
        plan_release(&g->lt, &g->plan[i]);
}

static cudaDataType_t lt_type(enum dtype t)
{
    return t == DTYPE_F16 ? CUDA_R_16F : t == DTYPE_BF16 ? CUDA_R_16BF : CUDA_R_32F;
}

static bool plan_algorithm(struct gpu_queue *q, struct plan *p)
{
    struct lt *lt = &q->gpu->lt;
    cublasLtMatmulPreference_t pref = NULL;
    static const cublasLtMatmulPreferenceAttributes_t align[] = {
        CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
        CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES};
    const size_t most = LT_BYTES;
    cublasLtMatmulHeuristicResult_t found = {0};
    int n = 0;
    if (!queue_lt_check(q, "a preference", lt->MatmulPreferenceCreate(&pref)))
        return false;
    bool ok =
        queue_lt_check(q, "a workspace",
                       lt->MatmulPreferenceSetAttribute(
                           pref, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &most, sizeof most));
    for (int i = 0; i < 4 && ok; i++) {
        const uint32_t bytes = (uint32_t)p->key.align[i < 2 ? i : 2];
        ok = queue_lt_check(q, "an alignment",
                            lt->MatmulPreferenceSetAttribute(pref, align[i], &bytes, sizeof bytes));
    }
    ok = ok && queue_lt_check(q, "a product",
                              lt->MatmulAlgoGetHeuristic(q->gpu->handle, p->desc, p->w, p->x, p->y,
                                                         p->y, pref, 1, &found, &n));
    if (ok && n < 1)
        ok = error_set(&q->base.err, ERROR_SYSTEM,
                       "cuda: cuBLASLt knows no product [%d, %d]·[%d, %d]ᵀ", p->key.rows, p->key.in,
                       p->key.out, p->key.in);
    p->algo = found.algo;
    lt->MatmulPreferenceDestroy(pref);
    return ok;
}

/* In cuBLASLt's column-major words: Yᵀ [out, rows] = W (as it lies, transposed) · Xᵀ. */
static bool plan_new(struct gpu_queue *q, struct plan *p, const struct plan_key *k)
{
    struct lt *lt = &q->gpu->lt;
    const int32_t turned = CUBLAS_OP_T, bias = CUBLASLT_EPILOGUE_BIAS;
    plan_release(lt, p);
    p->key = *k;
    if (queue_lt_check(q, "a product",
                       lt->MatmulDescCreate(&p->desc, CUBLAS_COMPUTE_32F, CUDA_R_32F)) &&
        queue_lt_check(q, "a transposed weight",
                       lt->MatmulDescSetAttribute(p->desc, CUBLASLT_MATMUL_DESC_TRANSA, &turned,
                                                  sizeof turned)) &&
        (!k->bias ||
         queue_lt_check(q, "a bias",
                        lt->MatmulDescSetAttribute(p->desc, CUBLASLT_MATMUL_DESC_EPILOGUE, &bias,
                                                   sizeof bias))) &&
        queue_lt_check(q, "a weight",
                       lt->MatrixLayoutCreate(&p->w, lt_type(k->type), (uint64_t)k->in,
                                              (uint64_t)k->out, k->ldw)) &&
        queue_lt_check(q, "activations",
                       lt->MatrixLayoutCreate(&p->x, lt_type(k->type), (uint64_t)k->in,
                                              (uint64_t)k->rows, k->ldx)) &&
        queue_lt_check(q, "a result",
                       lt->MatrixLayoutCreate(&p->y, CUDA_R_32F, (uint64_t)k->out,
                                              (uint64_t)k->rows, k->ldy)) &&
        plan_algorithm(q, p))
        return true;
    plan_release(lt, p);
    return false;
}

static struct plan *plan_for(struct gpu_queue *q, const struct plan_key *k)
{
    struct plan *oldest = &q->gpu->plan[0];
    for (int i = 0; i < N_PLANS; i++) {
        struct plan *p = &q->gpu->plan[i];
        if (p->desc && memcmp(&p->key, k, sizeof *k) == 0) {
            p->used = ++q->gpu->n_products;
            return p;
        }
        oldest = p->used < oldest->used ? p : oldest;
    }
    if (!plan_new(q, oldest, k))
        return NULL;
    oldest->used = ++q->gpu->n_products;
    return oldest;
}

static int32_t alignment(const void *p, size_t step)
{
    const uintptr_t bits = (uintptr_t)p | step | 16;
    return (int32_t)(bits & (~bits + 1));
}

struct product_call {
    struct call call;
    struct plan_key key;
    const void *w, *x;
    float *y;
    const float *bias;
    uint64_t unused;
};
static void issue_product(const struct call *call, struct gpu_queue *q, cudaStream_t s)
{
    const struct product_call *c = (const struct product_call *)(const void *)call;
    const struct lt *lt = &q->gpu->lt;
    const float one = 1, keep = c->key.sum ? 1 : 0;
    struct plan *p = plan_for(q, &c->key);
    if (p && (!c->bias ||
              queue_lt_check(q, "a bias",
                             lt->MatmulDescSetAttribute(p->desc, CUBLASLT_MATMUL_DESC_BIAS_POINTER,
                                                        &c->bias, sizeof c->bias))))
        queue_lt_check(q, "a product",
                       lt->Matmul(q->gpu->handle, p->desc, &one, c->w, p->w, c->x, p->x, &keep,
                                  c->y, p->y, c->y, p->y, &p->algo, q->lt_memory, LT_BYTES, s));
}

/* y (+)= x·Wᵀ (+ bias) in one launch; x in the weight's own type, rows apart by ldx. */
static bool multiply_slice(struct gpu_queue *q, struct mat y, const void *x, size_t ldx,
                           struct wmat w, const float *bias, bool sum)
{
    const size_t size = dtype_size(w.type);
    struct product_call c;
    memset(&c, 0, sizeof c); /* also between its members: it is compared as bytes */
    c.call.issue = issue_product, c.call.n = sizeof c;
    c.w = w.at, c.x = x, c.y = y.at, c.bias = bias;
    struct plan_key *k = &c.key;
    k->out = w.out, k->in = w.in, k->rows = y.rows;
    k->align[0] = alignment(w.at, w.ld * size);
    k->align[1] = alignment(x, ldx * size);
    k->align[2] = alignment(y.at, y.ld * sizeof(float));
    k->ldw = (int64_t)w.ld, k->ldx = (int64_t)ldx, k->ldy = (int64_t)y.ld;
    k->type = w.type, k->bias = bias != NULL, k->sum = sum;
    if (!q->lt_memory && !queue_check(q, "memory", cudaMalloc(&q->lt_memory, LT_BYTES)))
        return false;
    stream_call(&q->stream, q, &c.call);
    return !error_is_set(&q->base.err);
}
_Static_assert(sizeof(struct product_call) % 16 == 0, "calls are of whole sixteens");

static struct wmat columns(struct wmat w, int32_t first, int32_t n)
{
    w.at = (const char *)w.at + (size_t)first * w.ld * dtype_size(w.type);
    w.out = n;
    return w;
}

/* How many of `out` columns a product of so many rows computes at a time. */
static int32_t slice_for(const struct gpu_queue *q, int32_t rows, int32_t out, int32_t in)
{
    const int64_t fit = q->gpu->job_flop / (2 * (int64_t)rows * in) / SLICE_STEP * SLICE_STEP;
    if (q->base.kind != QUEUE_JOB || fit >= out)
        return out;
    return fit < SLICE_STEP ? SLICE_STEP : (int32_t)fit;
}

/* The same a slice of the columns at a time: priority does not stop a launch that runs, so what is
 * live gets in between two. */
static bool multiply(struct gpu_queue *q, struct mat y, const void *x, size_t ldx, struct wmat w,
                     const float *bias, bool sum)
{
    const int32_t step = slice_for(q, y.rows, w.out, w.in);
    for (int32_t o = 0; o < w.out; o += step) {
        const int32_t n = w.out - o < step ? w.out - o : step;
        const struct mat some = {y.at + o, y.ld, y.rows, n};
        if (!multiply_slice(q, some, x, ldx, columns(w, o, n), bias ? bias + o : NULL, sum))
            return false;
    }
    return true;
}

/* What of a batch comes through the room for parts at a time. */
static struct mat rows_of(struct mat m, int32_t first, int32_t n)
{
    m.at += (size_t)first * m.ld, m.rows = n;
    return m;
}

struct acts acts_rows(struct acts h, int32_t first, int32_t n)
{
    h.at = (char *)h.at + (size_t)first * h.ld * dtype_size(h.type), h.rows = n;
    return h;
}

/* Through floats of their own: of as many parts as x needs, or before the end of the product. */
static bool product_of_parts(struct gpu_queue *q, struct acts y, struct acts x, struct wmat w,
                             struct product_end end)
{
    const enum dtype parted = x.type == w.type ? DTYPE_F32 : w.type;
    const size_t n_parts = parted == DTYPE_F16    ? 2
                           : parted == DTYPE_BF16 ? 3
                                                  : 1,
                 split = n_parts == 1 ? 0 : n_parts * w.ld * 2,
                 row = n_parts * (size_t)w.out * sizeof(float) + split + sizeof(float);
    const size_t fit = PARTS_BYTES / row;
    const int32_t at_once = fit < 1 ? 1 : fit < (size_t)x.rows ? (int32_t)fit : x.rows;
    char *memory = queue_room(q, ROOM_PRODUCT, (size_t)at_once * row + 64);
    if (!memory)
        return false;
    for (int32_t t = 0; t < x.rows; t += at_once) {
        const int32_t n = x.rows - t < at_once ? x.rows - t : at_once;
        const struct acts some = acts_rows(x, t, n), to = acts_rows(y, t, n);
        float *scale = (float *)(void *)(memory + (size_t)n * split),
              *parts = scale + ((size_t)n + 15) / 16 * 16;
        struct mat all = {parts, (size_t)w.out, (int32_t)n_parts * n, w.out};
        if (n_parts > 1)
            gpu_split(memory, w.ld, scale, w.type,
                      (struct mat){some.at, some.ld, some.rows, some.cols}, &q->stream);
        if (!multiply(q, all, n_parts > 1 ? (const void *)memory : some.at,
                      n_parts > 1 ? w.ld : some.ld, w, NULL, false))
            return false;
        gpu_join(to, parts, scale, parted, end, &q->stream);
    }
    return true;
}

bool queue_multiply(struct gpu_queue *q, struct mat y, const void *x, size_t ldx, struct wmat w)
{
    return multiply(q, y, x, ldx, w, NULL, false);
}

void queue_product(struct gpu_queue *q, struct acts y, struct acts x, struct wmat w,
                   struct product_end end)
{
    const bool plain = end.epilogue == EPILOGUE_NONE || end.epilogue == EPILOGUE_ADD;
    if (x.rows <= GEMV_ROWS)
        gpu_gemv(y, x, w, end, &q->stream);
    else if (x.type == w.type && y.type == DTYPE_F32 && plain && (uintptr_t)end.bias % 16 == 0)
        multiply(q, (struct mat){y.at, y.ld, y.rows, y.cols}, x.at, x.ld, w, end.bias,
                 end.epilogue == EPILOGUE_ADD);
    else
        product_of_parts(q, y, x, w, end);
}

bool arg_product(struct gpu_queue *q, const char *op, const struct weight *w)
{
    return (w->uses & USE_PRODUCT) ||
           error_set(&q->base.err, ERROR_SYSTEM, "cuda %s: the weight was not opened for products",
                     op);
}

bool arg_factor(struct gpu_queue *q, const char *op, const char *arg, struct tensor t,
                const struct weight *w, struct acts *x)
{
    if (t.dtype != DTYPE_F32 && t.dtype != w->reads)
        return error_set(&q->base.err, ERROR_SYSTEM,
                         "cuda %s: %s is of dtype %d, the weight reads floats or %d", op, arg,
                         (int)t.dtype, (int)w->reads);
    return arg_acts(q, op, arg, t, -1, w->w.in, x);
}

void cuda_linear(struct queue *on, struct tensor y, struct tensor x, const struct weight *w,
                 struct tensor bias, enum epilogue epilogue)
{
    struct gpu_queue *q = queue_of(on);
    struct acts to, from;
    struct product_end end = {.epilogue = epilogue};
    if (!queue_failed(q) && x.rows != 0 && arg_product(q, "linear", w) &&
        arg_factor(q, "linear", "x", x, w, &from) &&
        arg_acts(q, "linear", "y", y, x.rows, w->w.out, &to) &&
        arg_vector(q, "linear", "bias", bias, w->w.out, &end.bias))
        queue_product(q, to, from, w->w, end);
}

/* ---- the vocabulary, some of its columns at a time */
static int32_t chunks_for(int32_t rows, int32_t vocab, int32_t least)
{
    const int64_t bytes = (int64_t)rows * vocab * (int64_t)sizeof(float),
                  most = vocab / (least > 128 ? least : 128);
    int64_t n = (bytes + CHUNK_BYTES - 1) / CHUNK_BYTES;
    n = n < most ? n : most;
    return n > 1 ? (int32_t)n : 1;
}
/* Where chunk i of n begins: sizes differ by 1 at most. */
static int32_t chunk_first(int32_t vocab, int32_t i, int32_t n)
{
    return (int32_t)((int64_t)vocab * i / n);
}

static void logits(struct gpu_queue *q, struct mat z, struct acts h, struct wmat w, float soft_cap)
{
    queue_product(q, acts_of(z), h, w, (struct product_end){.epilogue = EPILOGUE_NONE});
    if (soft_cap > 0)
        gpu_soft_cap(z, soft_cap, &q->stream);
}

void cuda_xent(struct queue *on, struct tensor loss, struct tensor h, const struct weight *w,
               struct tensor target, float soft_cap)
{
    struct gpu_queue *q = queue_of(on);
    struct acts x;
    struct mat to;
    struct ints goal;
    if (queue_failed(q) || h.rows == 0 || !arg_product(q, "xent", w) ||
        !arg_factor(q, "xent", "h", h, w, &x) ||
        !arg_mat(q, "xent", "loss", loss, h.rows, 1, &to) ||
        !arg_ints(q, "xent", "target", target, h.rows, &goal))
        return;
    const int32_t n = chunks_for(x.rows, w->w.out, 1), widest = w->w.out / n + 1;
    const size_t states = ((size_t)x.rows * sizeof(struct vocab_state) + 255) / 256 * 256;
    char *memory = queue_room(q, ROOM_OP, states + (size_t)x.rows * (size_t)widest * sizeof(float));
    struct vocab_state *state = (struct vocab_state *)(void *)memory;
    for (int32_t i = 0; i < n && memory && !error_is_set(&q->base.err); i++) {
        const int32_t first = chunk_first(w->w.out, i, n),
                      cols = chunk_first(w->w.out, i + 1, n) - first;
        struct mat z = {(float *)(void *)(memory + states), (size_t)cols, x.rows, cols};
        logits(q, z, x, columns(w->w, first, cols), soft_cap);
        gpu_vocab_fold(state, z, first, goal, w->w.out, queue_faults(q, OP_XENT, NULL), &q->stream);
    }
    if (memory)
        gpu_vocab_loss(to.at, to.ld, state, goal, &q->stream);
}

/* The best of each chunk are candidates; of equal ones the first is that of the lower index. */
static void topn_rows(struct gpu_queue *q, struct ints ids, struct mat logp, struct acts x,
                      const struct wmat *w, float soft_cap)
{
    const int32_t k = logp.cols, n = chunks_for(x.rows, w->out, k), widest = w->out / n + 1;
    const size_t rows = (size_t)x.rows, wide = (size_t)n * (size_t)k,
                 states = (rows * sizeof(struct vocab_state) + 255) / 256 * 256,
                 top = gpu_top_bytes(x.rows, k);
    char *memory =
        queue_room(q, ROOM_OP, states + top + rows * (2 * wide + (size_t)k + (size_t)widest) * 4);
    if (!memory)
        return;
    struct vocab_state *state = (struct vocab_state *)(void *)memory;
    int32_t *candidate = (int32_t *)(void *)(memory + states + top);
    float *value = (float *)(void *)(candidate + rows * wide);
    int32_t *at = (int32_t *)(void *)(value + rows * wide);
    struct mat z = {(float *)(void *)(at + rows * (size_t)k), 0, x.rows, 0};
    for (int32_t i = 0; i < n && !error_is_set(&q->base.err); i++) {
        const int32_t first = chunk_first(w->out, i, n);
        z.cols = chunk_first(w->out, i + 1, n) - first, z.ld = (size_t)z.cols;
        logits(q, z, x, columns(*w, first, z.cols), soft_cap);
        gpu_vocab_fold(state, z, first, (struct ints){0}, w->out,
                       (struct faults){.to = q->fault, .op = OP_XENT}, &q->stream);
        gpu_top(candidate + (size_t)i * (size_t)k, wide, value + (size_t)i * (size_t)k, wide, z, k,
                false, memory + states, &q->stream);
        gpu_shift_ids(candidate + (size_t)i * (size_t)k, wide, x.rows, k, first, &q->stream);
    }
    gpu_top(at, (size_t)k, logp.at, logp.ld, (struct mat){value, wide, x.rows, (int32_t)wide}, k,
            false, memory + states, &q->stream);
    gpu_vocab_best(ids, logp, candidate, wide, at, state, &q->stream);
}

void cuda_topn(struct queue *on, struct tensor ids, struct tensor logp, struct tensor h,
               const struct weight *w, float soft_cap)
{
    struct gpu_queue *q = queue_of(on);
    struct acts x;
    struct mat to;
    int32_t *at;
    if (queue_failed(q) || h.rows == 0 || ids.cols == 0 || !arg_product(q, "topn", w) ||
        !arg_factor(q, "topn", "h", h, w, &x) ||
        !(at = arg_view(q, "topn", "ids", ids, DTYPE_I32, h.rows, -1)) ||
        !arg_mat(q, "topn", "logp", logp, h.rows, ids.cols, &to))
        return;
    if (ids.cols > w->w.out) {
        error_set(&q->base.err, ERROR_INPUT, "cuda topn: %d of %d tokens asked", ids.cols,
                  w->w.out);
        return;
    }
    const size_t ld = (size_t)(ids.ld > 0 ? ids.ld : 0);
    for (int32_t t = 0; t < x.rows && !error_is_set(&q->base.err); t += TOPN_ROWS) {
        const int32_t n = x.rows - t < TOPN_ROWS ? x.rows - t : TOPN_ROWS;
        topn_rows(q, (struct ints){.at = at + (size_t)t * ld, .ld = ld, .n = n}, rows_of(to, t, n),
                  acts_rows(x, t, n), &w->w, soft_cap);
    }
}

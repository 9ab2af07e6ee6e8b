/* Operations: arguments are looked at, then a kernel is queued. */
#include "gpu/gpu_private.h"

static bool arg_rows(struct gpu_queue *q, const char *op, const struct weight *w)
{
    return (w->uses & USE_ROWS) || error_set(&q->base.err, ERROR_SYSTEM,
                                             "cuda %s: the weight was not opened for its rows", op);
}

static bool arg_optional(struct gpu_queue *q, const char *op, const char *arg, struct tensor t,
                         int32_t rows, int32_t cols, struct mat *m)
{
    *m = (struct mat){0};
    return !t.buf || arg_mat(q, op, arg, t, rows, cols, m);
}

static void weight_rows(struct queue *on, struct tensor y, const struct weight *w,
                        struct tensor ids)
{
    struct gpu_queue *q = queue_of(on);
    struct mat to;
    struct ints id;
    if (!queue_failed(q) && ids.rows != 0 && arg_rows(q, "weight_rows", w) &&
        arg_ints(q, "weight_rows", "ids", ids, -1, &id) &&
        arg_mat(q, "weight_rows", "y", y, ids.rows, w->w.in, &to))
        gpu_weight_rows(to, w->w, id, queue_faults(q, OP_WEIGHT_ROWS, NULL), &q->stream);
}

static void norm(struct queue *on, struct tensor y, struct tensor x, struct tensor gamma,
                 struct tensor beta, float eps, enum norm_kind kind, struct tensor scale_out,
                 struct tensor scale_in)
{
    struct gpu_queue *q = queue_of(on);
    struct norm_kernel k = {.centre = kind != NORM_RMS,
                            .scale = kind != NORM_CENTRE,
                            .sample = kind == NORM_SAMPLE,
                            .eps = eps};
    struct acts to;
    struct mat from, in, out;
    if (queue_failed(q) || x.rows == 0 || !arg_mat(q, "norm", "x", x, -1, -1, &from) ||
        !arg_acts(q, "norm", "y", y, x.rows, x.cols, &to) ||
        !arg_vector(q, "norm", "gamma", gamma, x.cols, &k.gamma) ||
        !arg_vector(q, "norm", "beta", beta, x.cols, &k.beta) ||
        !arg_optional(q, "norm", "scale_in", scale_in, x.rows, 1, &in) ||
        !arg_optional(q, "norm", "scale_out", scale_out, x.rows, 1, &out))
        return;
    k.scale_in = in.at, k.ld_scale_in = in.ld, k.scale_out = out.at, k.ld_scale_out = out.ld;
    const enum op op = kind == NORM_LAYER    ? OP_NORM_LAYER
                       : kind == NORM_RMS    ? OP_NORM_RMS
                       : kind == NORM_SAMPLE ? OP_NORM_SAMPLE
                                             : OP_NORM_CENTRE;
    gpu_norm(to, from, &k, queue_faults(q, op, NULL), &q->stream);
}

static void rows_unscale(struct queue *on, struct tensor y, struct tensor scale, float eps)
{
    struct gpu_queue *q = queue_of(on);
    struct mat to, by;
    if (!queue_failed(q) && y.rows != 0 && arg_mat(q, "rows_unscale", "y", y, -1, -1, &to) &&
        arg_mat(q, "rows_unscale", "scale", scale, y.rows, 1, &by))
        gpu_rows_unscale(to, by, eps, &q->stream);
}

static void act(struct queue *on, struct tensor y, struct tensor x, struct tensor mul,
                enum activation f)
{
    struct gpu_queue *q = queue_of(on);
    struct acts to, by = {0};
    struct mat from;
    if (!queue_failed(q) && x.rows != 0 && arg_mat(q, "act", "x", x, -1, -1, &from) &&
        (!mul.buf || arg_acts(q, "act", "mul", mul, x.rows, x.cols, &by)) &&
        arg_acts(q, "act", "y", y, x.rows, x.cols, &to))
        gpu_act(to, from, by, f, &q->stream);
}

/* ---- codes */
static bool check_kind(struct gpu_queue *q, const char *op, const struct select *by, int32_t rows,
                       int32_t m, const struct codes *c, struct select_kernel *k)
{
    *k = (struct select_kernel){.kind = by->kind, .relu = by->relu, .k = by->k};
    if (select_is_bounded(by) && (by->k < 1 || by->k > m))
        return error_set(&q->base.err, ERROR_INPUT, "cuda %s: %d of %d values asked", op, by->k, m);
    if (by->kind == SELECT_GROUPMAX && m % by->k != 0)
        return error_set(&q->base.err, ERROR_INPUT, "cuda %s: %d groups of %d values", op, by->k,
                         m);
    if (select_is_bounded(by) && (int64_t)rows * by->k > c->capacity)
        return error_set(&q->base.err, ERROR_SYSTEM, "cuda %s: room for %d entries, expected %lld",
                         op, c->capacity, (long long)rows * by->k);
    k->each_threshold = by->threshold.cols > 1;
    if (by->kind == SELECT_THRESHOLD)
        return (k->threshold = arg_view(q, op, "threshold", by->threshold, DTYPE_F32, 1,
                                        k->each_threshold ? m : 1)) != NULL;
    return by->kind != SELECT_GATED ||
           ((k->scale = arg_view(q, op, "scale", by->scale, DTYPE_F32, 1, m)) &&
            (k->shift = arg_view(q, op, "shift", by->shift, DTYPE_F32, 1, m)));
}

bool arg_selected(struct gpu_queue *q, const char *op, const struct csr *f, int32_t first,
                  int32_t rows, int32_t m, const struct select *by, struct codes *c,
                  struct select_kernel *k)
{
    if (!arg_codes(q, op, f, c))
        return false;
    if (first < 0 || first > f->n_rows || rows > f->n_rows - first)
        return error_set(&q->base.err, ERROR_SYSTEM, "cuda %s: %d rows from %d of %d", op, rows,
                         first, f->n_rows);
    if (rows > 0)
        return check_kind(q, op, by, rows, m, c, k);
    return first > 0 || queue_fill(q, c->start, 0, sizeof *c->start);
}

static void select_codes(struct queue *on, struct csr *f, int32_t first, struct tensor pre,
                         const struct select *by)
{
    struct gpu_queue *q = queue_of(on);
    struct codes c;
    struct mat x;
    struct select_kernel k;
    if (queue_failed(q) || !arg_mat(q, "select", "pre", pre, -1, -1, &x) ||
        !arg_selected(q, "select", f, first, pre.rows, pre.cols, by, &c, &k) || pre.rows == 0)
        return;
    void *memory = queue_room(q, ROOM_OP, gpu_select_bytes(&k, x.rows, x.cols));
    if (!memory)
        return;
    gpu_select(c, first, x, &k, memory, queue_faults(q, OP_SELECT, by->what), &q->stream);
}

static void decode(struct queue *on, struct tensor y, const struct csr *f, const struct weight *w,
                   struct tensor bias)
{
    struct gpu_queue *q = queue_of(on);
    struct codes c;
    struct mat to;
    const float *add;
    if (!queue_failed(q) && f->n_rows != 0 && arg_rows(q, "decode", w) &&
        arg_codes(q, "decode", f, &c) && arg_mat(q, "decode", "y", y, f->n_rows, w->w.in, &to) &&
        arg_vector(q, "decode", "bias", bias, w->w.in, &add))
        gpu_decode(to, c, w->w, add, queue_faults(q, OP_DECODE, NULL), &q->stream);
}

static void csr_get(struct queue *on, struct tensor y, const struct csr *f, struct tensor ids)
{
    struct gpu_queue *q = queue_of(on);
    struct codes c;
    struct mat to;
    struct ints id;
    if (!queue_failed(q) && f->n_rows != 0 && ids.rows != 0 && arg_codes(q, "csr_get", f, &c) &&
        arg_ints(q, "csr_get", "ids", ids, -1, &id) &&
        arg_mat(q, "csr_get", "y", y, f->n_rows, ids.rows, &to))
        gpu_csr_get(to, c, id, queue_faults(q, OP_CSR_GET, NULL), &q->stream);
}

static void dot_rows(struct queue *on, struct tensor y, struct tensor x, const struct weight *w,
                     struct tensor ids, struct tensor bias)
{
    struct gpu_queue *q = queue_of(on);
    struct mat to, from;
    struct ints id;
    const float *add;
    if (!queue_failed(q) && x.rows != 0 && ids.rows != 0 && arg_rows(q, "dot_rows", w) &&
        arg_ints(q, "dot_rows", "ids", ids, -1, &id) &&
        arg_mat(q, "dot_rows", "x", x, -1, w->w.in, &from) &&
        arg_mat(q, "dot_rows", "y", y, x.rows, ids.rows, &to) &&
        arg_vector(q, "dot_rows", "bias", bias, w->w.out, &add))
        gpu_dot_rows(to, from, w->w, id, add, queue_faults(q, OP_DOT_ROWS, NULL), &q->stream);
}

static void unit_change(struct queue *on, struct tensor change, struct tensor f,
                        struct tensor value, struct tensor mode)
{
    struct gpu_queue *q = queue_of(on);
    struct mat to, from;
    const float *v;
    const int32_t *how;
    if (!queue_failed(q) && f.rows != 0 && f.cols != 0 &&
        arg_mat(q, "unit_change", "f", f, -1, -1, &from) &&
        arg_mat(q, "unit_change", "c", change, f.rows, f.cols, &to) &&
        (v = arg_view(q, "unit_change", "value", value, DTYPE_F32, 1, f.cols)) &&
        (how = arg_view(q, "unit_change", "mode", mode, DTYPE_I32, 1, f.cols)))
        gpu_unit_change(to, from, v, how, &q->stream);
}

/* ---- sums and rows */
static void add(struct queue *on, struct tensor y, struct tensor x, float a)
{
    struct gpu_queue *q = queue_of(on);
    struct mat to, from;
    if (!queue_failed(q) && y.rows != 0 && arg_mat(q, "add", "y", y, -1, -1, &to) &&
        arg_mat(q, "add", "x", x, x.rows == 1 ? 1 : y.rows, y.cols, &from))
        gpu_add(to, from, a, &q->stream);
}

static void add_outer(struct queue *on, struct tensor y, struct tensor C, struct tensor U)
{
    struct gpu_queue *q = queue_of(on);
    struct mat to, c, u;
    if (!queue_failed(q) && y.rows != 0 && C.cols != 0 &&
        arg_mat(q, "add_outer", "y", y, -1, -1, &to) &&
        arg_mat(q, "add_outer", "C", C, y.rows, -1, &c) &&
        arg_mat(q, "add_outer", "U", U, C.cols, y.cols, &u))
        gpu_add_outer(to, c, u, &q->stream);
}

/* Of any type; rows < 0: any number. */
static bool arg_move(struct gpu_queue *q, const char *op, struct tensor y, int32_t y_rows,
                     struct tensor x, int32_t x_rows, struct move *m)
{
    *m = (struct move){.ldy = (size_t)(y.ld > 0 ? y.ld : 0),
                       .ldx = (size_t)(x.ld > 0 ? x.ld : 0),
                       .size = dtype_size(y.dtype),
                       .y_rows = y.rows,
                       .x_rows = x.rows,
                       .cols = y.cols};
    return (m->x = arg_view(q, op, "x", x, y.dtype, x_rows, -1)) &&
           (m->y = arg_view(q, op, "y", y, y.dtype, y_rows, x.cols));
}

static void rows_get(struct queue *on, struct tensor y, struct tensor x, struct tensor rows)
{
    struct gpu_queue *q = queue_of(on);
    struct move m;
    struct ints row;
    if (!queue_failed(q) && rows.rows != 0 && arg_ints(q, "rows_get", "rows", rows, -1, &row) &&
        arg_move(q, "rows_get", y, rows.rows, x, -1, &m))
        gpu_rows_get(&m, row, queue_faults(q, OP_ROWS_GET, NULL), &q->stream);
}

static void rows_set(struct queue *on, struct tensor y, struct tensor x, struct tensor rows)
{
    struct gpu_queue *q = queue_of(on);
    struct move m;
    struct ints row;
    if (!queue_failed(q) && rows.rows != 0 && arg_ints(q, "rows_set", "rows", rows, -1, &row) &&
        arg_move(q, "rows_set", y, -1, x, rows.rows, &m))
        gpu_rows_set(&m, row, queue_faults(q, OP_ROWS_SET, NULL), &q->stream);
}

static void rows_add(struct queue *on, struct tensor y, struct tensor x, struct tensor rows)
{
    struct gpu_queue *q = queue_of(on);
    struct mat to, from;
    struct ints row;
    if (!queue_failed(q) && rows.rows != 0 && arg_ints(q, "rows_add", "rows", rows, -1, &row) &&
        arg_mat(q, "rows_add", "x", x, rows.rows, -1, &from) &&
        arg_mat(q, "rows_add", "y", y, -1, x.cols, &to))
        gpu_rows_add(to, from, row, queue_faults(q, OP_ROWS_ADD, NULL), &q->stream);
}

static void cols_get(struct queue *on, struct tensor y, struct tensor x, struct tensor cols)
{
    struct gpu_queue *q = queue_of(on);
    struct mat to, from;
    struct ints col;
    if (!queue_failed(q) && x.rows != 0 && cols.rows != 0 &&
        arg_ints(q, "cols_get", "cols", cols, -1, &col) &&
        arg_mat(q, "cols_get", "x", x, -1, -1, &from) &&
        arg_mat(q, "cols_get", "y", y, x.rows, cols.rows, &to))
        gpu_cols_get(to, from, col, queue_faults(q, OP_COLS_GET, NULL), &q->stream);
}

static bool is_real(enum dtype t)
{
    return t == DTYPE_F32 || t == DTYPE_F16 || t == DTYPE_BF16;
}

static void copy(struct queue *on, struct tensor y, struct tensor x)
{
    struct gpu_queue *q = queue_of(on);
    struct move m;
    struct acts to, from;
    if (x.dtype != y.dtype && is_real(x.dtype) && is_real(y.dtype)) {
        if (!queue_failed(q) && x.rows != 0 && arg_acts(q, "copy", "x", x, -1, -1, &from) &&
            arg_acts(q, "copy", "y", y, x.rows, x.cols, &to))
            gpu_round(to, from, &q->stream);
        return;
    }
    if (!queue_failed(q) && x.rows != 0 && arg_move(q, "copy", y, x.rows, x, -1, &m))
        gpu_copy(&m, &q->stream);
}

/* ---- sums in double */
static bool arg_reals(struct gpu_queue *q, const char *op, const char *arg, struct tensor t,
                      int32_t rows, int32_t cols, struct reals *x)
{
    x->wide = t.dtype == DTYPE_F64;
    x->at = arg_view(q, op, arg, t, x->wide ? DTYPE_F64 : DTYPE_F32, rows, cols);
    x->ld = (size_t)(t.ld > 0 ? t.ld : 0), x->rows = t.rows, x->cols = t.cols;
    return x->at != NULL;
}

static void row_stats(struct queue *on, struct tensor y, struct tensor x, struct tensor z)
{
    struct gpu_queue *q = queue_of(on);
    struct reals from, other = {0};
    double *to;
    if (!queue_failed(q) && x.rows != 0 && arg_reals(q, "row_stats", "x", x, -1, -1, &from) &&
        (!z.buf || arg_reals(q, "row_stats", "z", z, x.rows, x.cols, &other)) &&
        (to = arg_view(q, "row_stats", "y", y, DTYPE_F64, x.rows, 2)))
        gpu_row_stats(to, (size_t)(y.ld > 0 ? y.ld : 0), from, other, &q->stream);
}

static void col_sums(struct queue *on, struct tensor y, struct tensor x, double a)
{
    struct gpu_queue *q = queue_of(on);
    struct reals from;
    double *to;
    if (!queue_failed(q) && x.rows != 0 && arg_reals(q, "col_sums", "x", x, -1, -1, &from) &&
        (to = arg_view(q, "col_sums", "y", y, DTYPE_F64, 1, x.cols)))
        gpu_col_sums(to, from, a, &q->stream);
}

/* ---- histograms */
static bool arg_hist(struct gpu_queue *q, const char *op, const struct hist *h, int32_t m,
                     struct hist_kernel *k)
{
    const int32_t n = h->n_classes;
    *k = (struct hist_kernel){.m = h->exponent.cols,
                              .n_classes = n,
                              .ld_bin = (size_t)h->bins.ld,
                              .ld_sum = (size_t)h->sums.ld,
                              .ld_range = (size_t)h->range.ld};
    return (k->exponent = arg_view(q, op, "exponent", h->exponent, DTYPE_I32, 1, m)) &&
           (k->bin = arg_view(q, op, "bins", h->bins, DTYPE_I32, n * k->m, HIST_BINS)) &&
           (k->sum = arg_view(q, op, "sums", h->sums, DTYPE_F64, 2 * n, k->m)) &&
           (k->range = arg_view(q, op, "range", h->range, DTYPE_F32, 2 * n, k->m));
}

static void hist(struct queue *on, const struct hist *to, struct tensor pre, struct tensor cls)
{
    struct gpu_queue *q = queue_of(on);
    struct hist_kernel k;
    struct mat x;
    struct ints of;
    if (queue_failed(q) || pre.rows == 0 || !arg_hist(q, "hist", to, pre.cols, &k) ||
        !arg_mat(q, "hist", "pre", pre, -1, -1, &x) ||
        !arg_ints(q, "hist", "cls", cls, pre.rows, &of))
        return;
    gpu_hist(&k, x, of, queue_faults(q, OP_HIST, to->what), &q->stream);
}

static void hist_move(struct queue *on, const struct hist *to, const struct hist *from)
{
    struct gpu_queue *q = queue_of(on);
    struct hist_kernel k, l;
    if (queue_failed(q) || !arg_hist(q, "hist_move", to, -1, &k) ||
        !arg_hist(q, "hist_move", from, k.m, &l))
        return;
    if (k.n_classes != l.n_classes)
        error_set(&q->base.err, ERROR_SYSTEM, "cuda hist_move: %d classes to %d", l.n_classes,
                  k.n_classes);
    else
        gpu_hist_move(&k, &l, &q->stream);
}

static void hist_clear(struct queue *on, const struct hist *h)
{
    struct gpu_queue *q = queue_of(on);
    struct hist_kernel k;
    if (!queue_failed(q) && arg_hist(q, "hist_clear", h, -1, &k))
        gpu_hist_clear(&k, &q->stream);
}

void ops_fill(struct backend *b)
{
    b->queue_new = cuda_queue_new;
    b->queue_free = cuda_queue_free;
    b->queue_status = cuda_queue_status;
    b->queue_sync = cuda_queue_sync;
    b->queue_mark = cuda_queue_mark;
    b->queue_pending = cuda_queue_pending;
    b->queue_wait = cuda_queue_wait;
    b->alloc = cuda_alloc;
    b->buf_free = cuda_buf_free;
    b->put = cuda_put;
    b->fetch = cuda_fetch;
    b->fetch_f64 = cuda_fetch_f64;
    b->weight_new = cuda_weight_new;
    b->weight_free = cuda_weight_free;
    b->weight_bytes = cuda_weight_bytes;
    b->weight_need = cuda_weight_need;
    b->weight_in = cuda_weight_in;
    b->weight_reads = cuda_weight_reads;
    b->kv_new = cuda_kv_new;
    b->kv_free = cuda_kv_free;
    b->kv_copy = cuda_kv_copy;
    b->linear = cuda_linear;
    b->weight_rows = weight_rows;
    b->norm = norm;
    b->rows_unscale = rows_unscale;
    b->act = act;
    b->attn = cuda_attn;
    b->xent = cuda_xent;
    b->topn = cuda_topn;
    b->select = select_codes;
    b->encode = cuda_encode;
    b->decode = decode;
    b->csr_get = csr_get;
    b->dot_rows = dot_rows;
    b->unit_change = unit_change;
    b->add = add;
    b->add_outer = add_outer;
    b->rows_get = rows_get;
    b->rows_set = rows_set;
    b->rows_add = rows_add;
    b->cols_get = cols_get;
    b->copy = copy;
    b->row_stats = row_stats;
    b->col_sums = col_sums;
    b->hist = hist;
    b->hist_move = hist_move;
    b->hist_clear = hist_clear;
}

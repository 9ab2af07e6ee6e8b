/* The operations: look whether to go on, find room, execute, record. */
#include "engine/run.h"
#include "engine/base/memory.h"
#include "engine/device.h"
#include <stdlib.h>
#include <time.h>

/* ---- errors, and whose they are */
static void prefix(struct run *r, const struct run_name *n)
{
    char text[sizeof r->err.text];
    if (r->err.kind != ERROR_INPUT ||
        (r->failed > 0 && (r->failed < n->first || r->failed > n->last)))
        return;
    n->name(n->of, n->a, n->b, text, sizeof text);
    error_prefix(&r->err, "%s", text);
}

static bool learn(struct run *r)
{
    r->failed = 0;
    if (device_status(r->queue, &r->err))
        return true;
    r->failed = r->queue->failed;
    for (int32_t i = 0; i < r->n_names; i++)
        prefix(r, &r->name[i]);
    r->n_names = 0;
    return false;
}

bool run_ok(struct run *r)
{
    if (error_is_set(&r->err))
        return false;
    if (r->cancel && atomic_load_explicit(r->cancel, memory_order_relaxed)) {
        struct error left = {0}; /* not the next run's */
        device_well(r->queue, &left);
        return error_set(&r->err, ERROR_CANCELLED, "cancelled");
    }
    return learn(r);
}

uint64_t run_mark(struct run *r)
{
    return device_mark(r->queue);
}

/* A live request gets in meanwhile. */
bool run_reach(struct run *r, uint64_t mark)
{
    const struct timespec nap = {.tv_nsec = 50000};
    while (!error_is_set(&r->err) && device_pending(r->queue, mark)) {
        if (r->poll)
            r->poll(r->poll_arg);
        nanosleep(&nap, NULL);
    }
    return run_ok(r);
}

bool run_wait(struct run *r)
{
    if (r->poll)
        run_reach(r, run_mark(r));
    device_sync(r->queue);
    return run_ok(r);
}

bool run_well(struct run *r)
{
    return run_ok(r) && (!r->queue->unsure || run_wait(r));
}

void run_name(struct run *r, uint64_t from, run_namer *name, const void *of, int64_t a, int64_t b)
{
    const struct run_name n = {from + 1, r->queue->number, name, of, a, b};
    if (n.last < n.first)
        return;
    if (error_is_set(&r->err) || !run_ok(r)) {
        prefix(r, &n);
        return;
    }
    if (r->n_names == RUN_NAMES && !run_well(r))
        prefix(r, &n);
    else if (r->queue->unsure)
        r->name[r->n_names++] = n;
    if (!r->queue->unsure)
        r->n_names = 0;
}

static bool begin(struct run *r)
{
    if (r->poll && !error_is_set(&r->err))
        r->poll(r->poll_arg);
    if (!run_ok(r))
        return false;
    r->queue->number++;
    return true;
}

static struct tensor take(struct run *r, int32_t rows, int32_t cols, enum dtype type)
{
    struct tensor t = {.rows = rows, .cols = cols, .ld = cols, .dtype = type};
    size_t n = 0;
    if (error_is_set(&r->err))
        return t;
    if (rows < 0 || cols < 0 || !size_mul((size_t)rows, (size_t)cols, &n) ||
        !size_mul(n, dtype_size(type), &n))
        error_set(&r->err, ERROR_SYSTEM, "run: a result of [%d, %d] can't be held", rows, cols);
    else
        arena_take(r->arena, n, &t.buf, &t.off, &r->err);
    return t;
}

static enum dtype real(const struct run *r)
{
    return r->queue->backend->caps.real;
}

/* Of a result that is to be `as`. */
static enum dtype type_of(const struct run *r, enum dtype as)
{
    return as == DTYPE_F16 || as == DTYPE_BF16 ? as : real(r);
}

struct tensor run_tensor(struct run *r, int32_t rows, int32_t cols)
{
    run_ok(r);
    return take(r, rows, cols, real(r));
}

struct tensor run_ids(struct run *r, int32_t rows, int32_t cols)
{
    run_ok(r);
    return take(r, rows, cols, DTYPE_I32);
}

static struct tensor filled(struct run *r, struct tensor t, const void *host)
{
    if (t.buf)
        r->queue->backend->put(r->queue, t, host);
    return t;
}

struct tensor run_put(struct run *r, int32_t rows, int32_t cols, const float *host)
{
    return filled(r, run_tensor(r, rows, cols), host);
}

struct tensor run_put_ids(struct run *r, int32_t rows, int32_t cols, const int32_t *host)
{
    return filled(r, run_ids(r, rows, cols), host);
}

void run_fetch(struct run *r, void *host, struct tensor t)
{
    if (run_ok(r))
        r->queue->backend->fetch(r->queue, host, t);
}

void run_get(struct run *r, void *host, struct tensor t)
{
    run_fetch(r, host, t);
    if (!error_is_set(&r->err))
        run_wait(r);
}

/* ---- codes */
struct csr run_csr(struct run *r, int32_t n_rows, int64_t capacity)
{
    struct csr f = {.n_rows = n_rows};
    if (run_ok(r) && (capacity < 0 || capacity > INT32_MAX || n_rows == INT32_MAX))
        error_set(&r->err, ERROR_SYSTEM, "run: codes of %d rows with %lld entries can't be held",
                  n_rows, (long long)capacity);
    bool ok = run_ok(r);
    f.start = run_ids(r, n_rows + ok, 1);
    f.ids = run_ids(r, ok ? (int32_t)capacity : 0, 1);
    f.vals = run_tensor(r, ok ? (int32_t)capacity : 0, 1);
    return f;
}

struct csr run_put_csr(struct run *r, int32_t n_rows, const int32_t *start, const int32_t *ids,
                       const float *vals)
{
    struct csr f = {.n_rows = n_rows};
    f.start = run_put_ids(r, n_rows + 1, 1, start);
    f.ids = run_put_ids(r, start[n_rows], 1, ids);
    f.vals = run_put(r, start[n_rows], 1, vals);
    return f;
}

bool run_get_csr(struct run *r, struct csr_host *to, const struct csr *f)
{
    to->n_rows = 0;
    to->start = grow(to->start, &to->cap_start, (size_t)f->n_rows + 1, sizeof *to->start);
    to->start[0] = 0;
    run_get(r, to->start, f->start);
    if (!run_ok(r))
        return false;
    const int32_t n = to->start[f->n_rows];
    to->ids = grow(to->ids, &to->cap_ids, (size_t)n + 1, sizeof *to->ids);
    to->vals = grow(to->vals, &to->cap_vals, (size_t)n + 1, sizeof *to->vals);
    r->queue->backend->fetch(r->queue, to->ids, tensor_rows(f->ids, 0, n));
    r->queue->backend->fetch(r->queue, to->vals, tensor_rows(f->vals, 0, n));
    if (!run_wait(r))
        return false;
    to->n_rows = f->n_rows;
    return true;
}

bool run_fetch_csr(struct run *r, struct csr_host *to, const struct csr *f)
{
    enum { FEW = 256 }; /* entries a row that are no matter */
    const int32_t n = f->ids.rows;
    if (n > (int64_t)f->n_rows * FEW)
        return false;
    to->n_rows = 0;
    to->start = grow(to->start, &to->cap_start, (size_t)f->n_rows + 1, sizeof *to->start);
    to->ids = grow(to->ids, &to->cap_ids, (size_t)n + 1, sizeof *to->ids);
    to->vals = grow(to->vals, &to->cap_vals, (size_t)n + 1, sizeof *to->vals);
    run_fetch(r, to->start, f->start);
    run_fetch(r, to->ids, f->ids);
    run_fetch(r, to->vals, f->vals);
    to->n_rows = run_ok(r) ? f->n_rows : 0;
    return true;
}

void csr_host_release(struct csr_host *h)
{
    free(h->start);
    free(h->ids);
    free(h->vals);
    *h = (struct csr_host){0};
}

void run_fetch_f64(struct run *r, double *host, struct tensor t)
{
    if (run_ok(r))
        r->queue->backend->fetch_f64(r->queue, host, t);
}

void run_get_f64(struct run *r, double *host, struct tensor t)
{
    run_fetch_f64(r, host, t);
    if (!error_is_set(&r->err))
        run_wait(r);
}

static void record(struct run *r, struct op_record op)
{
    if (r->tape && !error_is_set(&r->err))
        tape_add(r->tape, &op);
}

/* Room for an operation's result, or false when it must not run. */
static bool begin_into(struct run *r, struct tensor *y, int32_t rows, int32_t cols, enum dtype type)
{
    bool go = begin(r);
    *y = take(r, rows, cols, type);
    return go && y->buf;
}

static const struct tensor absent;

/* The activation of an epilogue. */
static enum activation act_of(enum epilogue e)
{
    return e == EPILOGUE_GELU || e == EPILOGUE_GELU_MUL ? ACT_GELU
           : e == EPILOGUE_SILU_MUL                     ? ACT_SILU
                                                        : ACT_GELU_TANH;
}

struct tensor op_as(struct run *r, struct tensor x, enum dtype as)
{
    struct tensor y;
    if (x.dtype == type_of(r, as) || !begin_into(r, &y, x.rows, x.cols, type_of(r, as)))
        return x.dtype == type_of(r, as) ? x : y;
    r->queue->backend->copy(r->queue, y, x);
    record(r, (struct op_record){.kind = OP_COPY, .out = y, .in = {x}});
    return y;
}

/* What the product reads of x. */
static struct tensor read_by(struct run *r, struct tensor x, const struct linear *l)
{
    return l->reads == DTYPE_F32 ? x : op_as(r, x, l->reads);
}

struct tensor op_linear(struct run *r, struct tensor x, const struct linear *l, enum epilogue e)
{
    return op_linear_as(r, x, l, e, DTYPE_F32);
}

struct tensor op_linear_as(struct run *r, struct tensor x, const struct linear *l, enum epilogue e,
                           enum dtype as)
{
    struct tensor y;
    if (r->tape && e != EPILOGUE_NONE)
        return op_act(r, op_linear(r, x, l, EPILOGUE_NONE), absent, act_of(e), as);
    x = read_by(r, x, l);
    if (!begin_into(r, &y, x.rows, l->out, type_of(r, as)))
        return y;
    r->queue->backend->linear(r->queue, y, x, l->w, l->bias, e);
    record(r, (struct op_record){.kind = OP_LINEAR, .out = y, .in = {x, l->bias}, .w = l->w});
    return y;
}

void op_linear_add(struct run *r, struct tensor y, struct tensor x, const struct linear *l)
{
    x = read_by(r, x, l);
    if (!begin(r))
        return;
    r->queue->backend->linear(r->queue, y, x, l->w, l->bias, EPILOGUE_ADD);
    record(r, (struct op_record){.kind = OP_LINEAR,
                                 .out = y,
                                 .in = {x, l->bias},
                                 .w = l->w,
                                 .p.epilogue = EPILOGUE_ADD});
}

struct tensor op_linear_mul(struct run *r, struct tensor up, struct tensor x,
                            const struct linear *l, enum epilogue e)
{
    if (r->tape)
        return op_act(r, op_linear(r, x, l, EPILOGUE_NONE), up, act_of(e), up.dtype);
    x = read_by(r, x, l);
    if (begin(r))
        r->queue->backend->linear(r->queue, up, x, l->w, l->bias, e);
    return up;
}

/* scale absent: nobody asks for it. */
static struct tensor norm(struct run *r, struct tensor x, const struct norm *n,
                          struct tensor frozen, struct tensor scale)
{
    struct tensor y;
    if (!begin_into(r, &y, x.rows, x.cols, type_of(r, n->as)))
        return y;
    if (r->tape && !frozen.buf && !scale.buf && !(scale = take(r, x.rows, 1, real(r))).buf)
        return y;
    r->queue->backend->norm(r->queue, y, x, n->gamma, n->beta, n->eps, n->kind, scale, frozen);
    record(r, (struct op_record){.kind = OP_NORM,
                                 .out = y,
                                 .in = {x, n->gamma, n->beta, frozen.buf ? frozen : scale},
                                 .p.norm = {n->kind, n->eps, frozen.buf != NULL}});
    return y;
}

struct tensor op_norm(struct run *r, struct tensor x, const struct norm *n, struct tensor frozen)
{
    return norm(r, x, n, frozen, absent);
}

struct tensor op_norm_scaled(struct run *r, struct tensor x, const struct norm *n,
                             struct tensor *scale)
{
    *scale = run_tensor(r, x.rows, 1);
    return norm(r, x, n, absent, *scale);
}

void op_rows_unscale(struct run *r, struct tensor y, struct tensor scale, float eps)
{
    if (!begin(r))
        return;
    r->queue->backend->rows_unscale(r->queue, y, scale, eps);
    record(r, (struct op_record){.kind = OP_ROWS_UNSCALE, .out = y, .in = {scale}, .p.a = eps});
}

struct tensor op_act(struct run *r, struct tensor x, struct tensor mul, enum activation act,
                     enum dtype as)
{
    struct tensor y;
    if (!begin_into(r, &y, x.rows, x.cols, type_of(r, as)))
        return y;
    r->queue->backend->act(r->queue, y, x, mul, act);
    record(r, (struct op_record){.kind = OP_ACT, .out = y, .in = {x, mul}, .p.act = act});
    return y;
}

static bool tape_takes(struct run *r, const struct seqs *s, int32_t layer)
{
    for (int32_t i = 0; r->tape && s->past && i < s->n; i++)
        if (s->past[i] != 0)
            return error_set(&r->err, ERROR_SYSTEM,
                             "tape: attention of layer %d goes on from %d kept positions; "
                             "gradients need whole sequences",
                             layer, s->past[i]);
    return true;
}

struct tensor op_attn(struct run *r, struct tensor Q, struct tensor K, struct tensor V,
                      const struct attn_shape *shape, int32_t layer, const struct seqs *s,
                      enum dtype as)
{
    struct tensor y;
    if (!begin_into(r, &y, Q.rows, Q.cols, type_of(r, as)))
        return y;
    if (!tape_takes(r, s, layer))
        return (struct tensor){.rows = y.rows, .cols = y.cols, .ld = y.ld};
    r->queue->backend->attn(r->queue, y, Q, K, V, shape, layer, s);
    if (r->tape) {
        struct op_record op = {.kind = OP_ATTN, .out = y, .in = {Q, K, V}};
        op.p.attn.shape = *shape, op.p.attn.layer = layer, op.p.attn.n_seqs = s->n;
        op.p.attn.start = tape_keep(r->tape, s->start, (size_t)s->n + 1);
        record(r, op);
    }
    return y;
}

struct tensor op_rows(struct run *r, const struct weight *w, struct tensor ids)
{
    struct tensor y;
    if (!begin_into(r, &y, ids.rows, r->queue->backend->weight_in(w), real(r)))
        return y;
    r->queue->backend->weight_rows(r->queue, y, w, ids);
    record(r, (struct op_record){.kind = OP_ROWS, .out = y, .in = {ids}, .w = w});
    return y;
}

struct tensor op_xent(struct run *r, struct tensor h, const struct weight *U, struct tensor target,
                      float soft_cap)
{
    struct tensor y;
    if (!begin_into(r, &y, h.rows, 1, real(r)))
        return y;
    r->queue->backend->xent(r->queue, y, h, U, target, soft_cap);
    record(r, (struct op_record){
                  .kind = OP_XENT, .out = y, .in = {h, target}, .w = U, .p.a = soft_cap});
    return y;
}

void op_topn(struct run *r, struct tensor h, const struct weight *U, float soft_cap,
             struct tensor ids, struct tensor logp)
{
    if (begin(r))
        r->queue->backend->topn(r->queue, ids, logp, h, U, soft_cap);
}

void op_select(struct run *r, struct csr *f, int32_t first, struct tensor pre,
               const struct select *by)
{
    if (!begin(r))
        return;
    r->queue->backend->select(r->queue, f, first, pre, by);
    record(r, (struct op_record){.kind = OP_SELECT,
                                 .out = f->vals,
                                 .in = {pre, f->ids, f->start},
                                 .p.select = {*by, first}});
}

bool op_encodes(const struct backend *b, const struct select *by)
{
    return (b->caps.encodes >> by->kind & 1) && (!select_is_bounded(by) || by->k <= ENCODE_MOST) &&
           (by->kind != SELECT_ALL || by->relu);
}

bool op_encode(struct run *r, struct csr *f, struct tensor x, const struct linear *l,
               const struct select *by)
{
    const struct backend *b = r->queue->backend;
    if (r->tape || !op_encodes(b, by))
        return false;
    x = read_by(r, x, l);
    if (begin(r))
        b->encode(r->queue, f, 0, x, l->w, l->bias, by);
    return true;
}

struct tensor op_decode(struct run *r, const struct csr *f, const struct weight *W,
                        struct tensor bias, int32_t n)
{
    struct tensor y;
    if (!begin_into(r, &y, f->n_rows, n, real(r)))
        return y;
    r->queue->backend->decode(r->queue, y, f, W, bias);
    record(r, (struct op_record){
                  .kind = OP_DECODE, .out = y, .in = {f->ids, f->vals, bias, f->start}, .w = W});
    return y;
}

struct tensor op_csr_get(struct run *r, const struct csr *f, struct tensor ids)
{
    struct tensor y;
    if (!begin_into(r, &y, f->n_rows, ids.rows, real(r)))
        return y;
    r->queue->backend->csr_get(r->queue, y, f, ids);
    record(r, (struct op_record){
                  .kind = OP_CSR_GET, .out = y, .in = {f->ids, f->vals, ids, f->start}});
    return y;
}

struct tensor op_dot_rows(struct run *r, struct tensor x, const struct weight *W, struct tensor ids,
                          struct tensor bias)
{
    struct tensor y;
    if (!begin_into(r, &y, x.rows, ids.rows, real(r)))
        return y;
    r->queue->backend->dot_rows(r->queue, y, x, W, ids, bias);
    record(r, (struct op_record){.kind = OP_DOT_ROWS, .out = y, .in = {x, ids, bias}, .w = W});
    return y;
}

struct tensor op_unit_change(struct run *r, struct tensor f, struct tensor value,
                             struct tensor mode)
{
    struct tensor c;
    if (!begin_into(r, &c, f.rows, f.cols, real(r)))
        return c;
    r->queue->backend->unit_change(r->queue, c, f, value, mode);
    record(r, (struct op_record){.kind = OP_UNIT_CHANGE, .out = c, .in = {f, value, mode}});
    return c;
}

void op_add(struct run *r, struct tensor y, struct tensor x, float a)
{
    if (!begin(r))
        return;
    r->queue->backend->add(r->queue, y, x, a);
    record(r, (struct op_record){.kind = OP_ADD, .out = y, .in = {x}, .p.a = a});
}

void op_add_outer(struct run *r, struct tensor y, struct tensor C, struct tensor U)
{
    if (!begin(r))
        return;
    r->queue->backend->add_outer(r->queue, y, C, U);
    record(r, (struct op_record){.kind = OP_ADD_OUTER, .out = y, .in = {C, U}});
}

/* Doubles go as pairs of I32. */
static struct tensor as_bits(struct tensor t)
{
    if (t.dtype == DTYPE_F64)
        t.cols *= 2, t.ld *= 2, t.dtype = DTYPE_I32;
    return t;
}

static void rows_get(struct run *r, struct tensor y, struct tensor x, struct tensor rows)
{
    r->queue->backend->rows_get(r->queue, as_bits(y), as_bits(x), rows);
    record(r, (struct op_record){.kind = OP_ROWS_GET, .out = y, .in = {x, rows}});
}

struct tensor op_rows_get(struct run *r, struct tensor x, struct tensor rows)
{
    struct tensor y;
    if (begin_into(r, &y, rows.rows, x.cols, x.dtype))
        rows_get(r, y, x, rows);
    return y;
}

void op_rows_get_to(struct run *r, struct tensor y, struct tensor x, struct tensor rows)
{
    if (begin(r))
        rows_get(r, y, x, rows);
}

void op_rows_set(struct run *r, struct tensor y, struct tensor x, struct tensor rows)
{
    if (!begin(r))
        return;
    r->queue->backend->rows_set(r->queue, y, x, rows);
    record(r, (struct op_record){.kind = OP_ROWS_SET, .out = y, .in = {x, rows}});
}

struct tensor op_row_stats(struct run *r, struct tensor x, struct tensor z)
{
    struct tensor y;
    if (begin_into(r, &y, x.rows, 2, DTYPE_F64))
        r->queue->backend->row_stats(r->queue, y, x, z);
    return y;
}

static struct tensor filled_f64(struct run *r, struct tensor t, const double *host)
{
    filled(r, as_bits(t), host);
    return t;
}

struct tensor run_sums(struct run *r, int32_t n)
{
    double *zero = xcalloc((size_t)n + 1, sizeof *zero);
    run_ok(r);
    struct tensor y = filled_f64(r, take(r, 1, n, DTYPE_F64), zero);
    free(zero);
    return y;
}

void op_col_sums(struct run *r, struct tensor y, struct tensor x, double a)
{
    if (begin(r))
        r->queue->backend->col_sums(r->queue, y, x, a);
}

struct hist run_hist(struct run *r, int32_t m, int32_t n_classes)
{
    run_ok(r);
    return (struct hist){.n_classes = n_classes,
                         .bins = take(r, n_classes * m, HIST_BINS, DTYPE_I32),
                         .exponent = take(r, 1, m, DTYPE_I32),
                         .sums = take(r, 2 * n_classes, m, DTYPE_F64),
                         .range = take(r, 2 * n_classes, m, real(r))};
}

void run_get_hist(struct run *r, struct hist_host to, const struct hist *h)
{
    run_get(r, to.bins, h->bins);
    run_get(r, to.exponent, h->exponent);
    run_get_f64(r, to.sums, h->sums);
    run_get(r, to.range, h->range);
}

void run_put_hist(struct run *r, const struct hist *h, struct hist_host from)
{
    if (!run_ok(r))
        return;
    filled(r, h->bins, from.bins);
    filled(r, h->exponent, from.exponent);
    filled_f64(r, h->sums, from.sums);
    filled(r, h->range, from.range);
}

void op_hist(struct run *r, const struct hist *h, struct tensor pre, struct tensor cls)
{
    if (begin(r))
        r->queue->backend->hist(r->queue, h, pre, cls);
}

void op_hist_move(struct run *r, const struct hist *to, const struct hist *from)
{
    if (begin(r))
        r->queue->backend->hist_move(r->queue, to, from);
}

void op_hist_clear(struct run *r, const struct hist *h)
{
    if (begin(r))
        r->queue->backend->hist_clear(r->queue, h);
}

void op_rows_add(struct run *r, struct tensor y, struct tensor x, struct tensor rows)
{
    if (!begin(r))
        return;
    r->queue->backend->rows_add(r->queue, y, x, rows);
    record(r, (struct op_record){.kind = OP_ROWS_ADD, .out = y, .in = {x, rows}});
}

struct tensor op_cols_get(struct run *r, struct tensor x, struct tensor cols)
{
    struct tensor y;
    if (!begin_into(r, &y, x.rows, cols.rows, x.dtype))
        return y;
    r->queue->backend->cols_get(r->queue, y, x, cols);
    record(r, (struct op_record){.kind = OP_COLS_GET, .out = y, .in = {x, cols}});
    return y;
}

struct tensor op_copy(struct run *r, struct tensor x)
{
    struct tensor y;
    if (!begin_into(r, &y, x.rows, x.cols, x.dtype))
        return y;
    r->queue->backend->copy(r->queue, y, x);
    record(r, (struct op_record){.kind = OP_COPY, .out = y, .in = {x}});
    return y;
}

void op_copy_to(struct run *r, struct tensor y, struct tensor x)
{
    if (!begin(r))
        return;
    r->queue->backend->copy(r->queue, y, x);
    record(r, (struct op_record){.kind = OP_COPY, .out = y, .in = {x}});
}

/* Encoding, decoding and what single units do. */
#include "engine/base/memory.h"
#include "engine/device.h"
#include "engine/dict/dict_private.h"
#include "engine/dict/pack.h"
#include <math.h>
#include <stdlib.h>

static bool check_width(struct run *run, const struct dict *d, struct tensor x)
{
    return run_ok(run) &&
           (x.cols == d->spec.n ||
            error_set(&run->err, ERROR_INPUT, "dictionary: activations have width %d, expected %d",
                      x.cols, d->spec.n));
}

static bool check_unit(struct run *run, const struct dict *d, int32_t unit)
{
    return run_ok(run) &&
           ((unit >= 0 && unit < d->spec.m) ||
            error_set(&run->err, ERROR_INPUT, "dictionary: there is no unit %d, expected 0 to %d",
                      unit, d->spec.m - 1));
}

static struct tensor absent(int32_t rows, int32_t cols, enum dtype type)
{
    return (struct tensor){.rows = rows, .cols = cols, .ld = cols, .dtype = type};
}

/* ---- values that are no numbers */
bool dict_check_values(struct run *run, const struct dict *d, const float *v, int32_t rows,
                       const int32_t *unit, int32_t n_units)
{
    size_t n = (size_t)rows * (size_t)n_units;
    for (size_t i = 0; run_ok(run) && i < n; i++) {
        int32_t column = (int32_t)(i % (size_t)n_units), id = unit ? unit[column] : column;
        if (id >= 0 && !isfinite(v[i]))
            error_set(&run->err, ERROR_INPUT,
                      "%s %d has a value that is no finite number, or too large for float32",
                      d->spec.identity ? "neuron" : "latent", id);
    }
    return run_ok(run);
}

/* ---- encode */
/* Rows whose pre-activations take at most 32 MiB, at least 128: all rows of a long text at 65,536
 * latents would not fit a small machine. */
static int32_t chunk_rows(const struct dict *d)
{
    int32_t fit = (int32_t)((INT64_C(32) << 20) / ((int64_t)d->spec.m * 4) / 64 * 64);
    return fit < 128 ? 128 : fit > 1024 ? 1024 : fit;
}

/* Room for the codes of so many rows: what a bounded kind can take, else half as many again as were
 * active lately. */
static int64_t room_for(const struct dict *d, const struct select *by, int32_t rows)
{
    int32_t per_row = select_is_bounded(by) ? by->k : atomic_load(d->per_row) * 3 / 2 + 16;
    return (int64_t)rows * (per_row < d->spec.m ? per_row : d->spec.m);
}

/* How many entries rows 0 … n − 1 have, whether or not there was room. */
static int32_t entries(struct run *run, const struct csr *f, int32_t n)
{
    int32_t end = 0;
    run_get(run, &end, tensor_rows(f->start, n, 1));
    return end;
}

static void remember(const struct dict *d, int32_t n, int32_t rows)
{
    if (rows > 0)
        atomic_store(d->per_row, n / rows + 1);
}

/* Selects rows `first` … of pre; false when there was no room for all of them. */
static bool select_fits(struct run *run, const struct dict *d, const struct select *by,
                        struct csr *f, int32_t first, struct tensor pre, int32_t *need)
{
    op_select(run, f, first, pre, by);
    if (select_is_bounded(by) || !run_ok(run))
        return true;
    *need = entries(run, f, first + pre.rows);
    if (run_ok(run) && *need > f->ids.rows)
        return false;
    remember(d, *need, first + pre.rows);
    return true;
}

static void select_all(struct run *run, const struct dict *d, struct csr *f, struct tensor pre)
{
    int32_t need = 0;
    *f = run_csr(run, pre.rows, room_for(d, &d->by, pre.rows));
    if (select_fits(run, d, &d->by, f, 0, pre, &need))
        return;
    *f = run_csr(run, pre.rows, need);
    op_select(run, f, 0, pre, &d->by);
    remember(d, need, pre.rows);
}

/* The codes so far in a larger place. */
static void move_codes(struct run *run, struct csr *f, int32_t rows, int64_t capacity)
{
    struct csr to = run_csr(run, f->n_rows, capacity);
    int32_t n = entries(run, f, rows);
    if (!run_ok(run))
        return;
    device_copy(run->queue, tensor_rows(to.start, 0, rows + 1), tensor_rows(f->start, 0, rows + 1));
    device_copy(run->queue, tensor_rows(to.ids, 0, n), tensor_rows(f->ids, 0, n));
    device_copy(run->queue, tensor_rows(to.vals, 0, n), tensor_rows(f->vals, 0, n));
    *f = to;
}

/* Of a row of zeros the length is this small: it is one of zeros afterwards, too. */
#define LEAST_SQUARE 1e-30f

struct norm norm_of_input(enum norm_in n)
{
    return n == NORM_IN_LAYER    ? (struct norm){.kind = NORM_SAMPLE, .eps = 1e-5f}
           : n == NORM_IN_LENGTH ? (struct norm){.kind = NORM_RMS, .eps = LEAST_SQUARE}
                                 : (struct norm){0};
}

/* What the encoder's product reads of x. f, unless it is NULL, gets what the decoder needs. */
static struct tensor normed(struct run *run, const struct dict *d, enum norm_in n, struct tensor x,
                            struct code *f)
{
    const struct norm norm = norm_of_input(n);
    const bool undone = f && n != NORM_IN_NONE && !d->spec.transcodes;
    if (f && (d->skip.w || undone))
        f->x = x;
    return n == NORM_IN_NONE ? x
           : undone          ? op_norm_scaled(run, x, &norm, &f->scale)
                             : op_norm(run, x, &norm, (struct tensor){0});
}

/* Once more, when there was no room for all that is active. */
static void encode_rest(struct run *run, const struct dict *d, struct tensor x,
                        const struct select *by, struct csr *f)
{
    if (select_is_bounded(by) || !run_ok(run))
        return;
    const int32_t need = entries(run, f, x.rows);
    if (run_ok(run) && need > f->ids.rows) {
        *f = run_csr(run, x.rows, need);
        op_encode(run, f, x, &d->encode, by);
    }
    remember(d, need, x.rows);
}

static void encode_chunks(struct run *run, const struct dict *d, struct tensor x,
                          const struct select *by, struct csr *f)
{
    const int32_t step = chunk_rows(d);
    *f = run_csr(run, x.rows, room_for(d, by, x.rows));
    if (op_encode(run, f, x, &d->encode, by)) {
        encode_rest(run, d, x, by, f);
        return;
    }
    for (int32_t i = 0; i < x.rows && run_ok(run);) {
        const int32_t n = x.rows - i < step ? x.rows - i : step;
        int32_t need = 0;
        struct arena_mark mark = arena_mark(run->arena);
        struct tensor pre = op_linear(run, tensor_rows(x, i, n), &d->encode, EPILOGUE_NONE);
        bool fits = select_fits(run, d, by, f, i, pre, &need);
        arena_reset(run->arena, mark);
        if (fits)
            i += n;
        else
            move_codes(run, f, i, (int64_t)need * x.rows / (i + n) * 5 / 4 + need);
    }
}

void dict_encode(struct run *run, const struct dict *d, struct tensor x, struct code *f,
                 struct tensor *pre)
{
    *f = (struct code){.sparse.n_rows = x.rows};
    if (d->spec.identity) {
        f->dense = x;
        if (pre)
            *pre = x;
        return;
    }
    if (pre)
        *pre = absent(x.rows, d->spec.m, DTYPE_F32);
    if (!check_width(run, d, x))
        return;
    x = normed(run, d, d->spec.norm, x, f);
    if (!pre && !run->tape) {
        encode_chunks(run, d, x, &d->by, &f->sparse);
        return;
    }
    struct tensor all = op_linear(run, x, &d->encode, EPILOGUE_NONE);
    select_all(run, d, &f->sparse, all);
    if (pre)
        *pre = all;
}

/* Of a smaller encoder all pre-activations take no longer than a second look at a few. */
#define LARGE_ENCODER (INT64_C(2) << 20)

bool dict_encodes_largest(const struct dict *d)
{
    return !d->spec.identity && (int64_t)d->spec.n * d->spec.m >= LARGE_ENCODER &&
           op_encodes(d->queue->backend, &d->by);
}

unsigned dict_other_readings(const struct dict *d)
{
    const struct dict_spec *s = &d->spec;
    return s->identity ? 0
                       : (d->shifts && s->n == s->n_out ? READ_CENTRE : 0u) |
                             (s->select == SELECT_TOPK ? READ_RELU : 0u) | READ_NORM;
}

void dict_encode_as(struct run *run, const struct dict *d, struct tensor x, unsigned reading,
                    struct code *f)
{
    enum norm_in norm = d->spec.norm;
    struct select by = d->by;
    *f = (struct code){.sparse.n_rows = x.rows};
    if (!check_width(run, d, x))
        return;
    if (reading & READ_NORM)
        norm = norm == NORM_IN_NONE ? NORM_IN_LENGTH : NORM_IN_NONE;
    x = normed(run, d, norm, x, f);
    if (reading & READ_CENTRE) {
        x = op_copy(run, x);
        op_add(run, x, d->decoder_bias, d->spec.centre ? 1.0f : -1.0f);
    }
    if (reading & READ_RELU)
        by.relu = !by.relu;
    encode_chunks(run, d, x, &by, &f->sparse);
}

struct csr dict_active(struct run *run, const struct dict *d, const struct code *f, int32_t most)
{
    if (!d->spec.identity)
        return f->sparse;
    int32_t T = f->dense.rows, n = most > 0 && most < d->spec.n ? most : d->spec.n;
    struct select by = {
        .kind = most > 0 ? SELECT_TOPK : SELECT_ALL, .relu = true, .k = n, .what = "neuron"};
    struct csr active = run_csr(run, T, (int64_t)T * n);
    op_select(run, &active, 0, f->dense, &by);
    return active;
}

struct tensor dict_encode_units(struct run *run, const struct dict *d, struct tensor x,
                                const int32_t *unit, int32_t n_units)
{
    struct tensor y = absent(x.rows, n_units, DTYPE_F32);
    bool ok = check_width(run, d, x);
    for (int32_t i = 0; i < n_units; i++)
        ok = ok && check_unit(run, d, unit[i]);
    if (!ok || n_units < 1)
        return y;
    struct tensor ids = run_put_ids(run, n_units, 1, unit);
    return d->spec.identity ? op_cols_get(run, x, ids)
                            : op_dot_rows(run, normed(run, d, d->spec.norm, x, NULL), d->encoder,
                                          ids, d->encode.bias);
}

struct tensor dict_values(struct run *run, const struct dict *d, const struct code *f,
                          const int32_t *unit, int32_t n_units)
{
    int32_t T = d->spec.identity ? f->dense.rows : f->sparse.n_rows;
    bool ok = n_units > 0 && run_ok(run);
    for (int32_t i = 0; i < n_units; i++)
        ok = ok && check_unit(run, d, unit[i]);
    if (!ok)
        return absent(T, n_units, DTYPE_F32);
    struct tensor ids = run_put_ids(run, n_units, 1, unit);
    return d->spec.identity ? op_cols_get(run, f->dense, ids) : op_csr_get(run, &f->sparse, ids);
}

/* ---- decode */
/* ·σ + μ, or ·‖x‖/√n. What centring takes off x is μ. */
static void undo_norm(struct run *run, const struct dict *d, struct tensor y, const struct code *f)
{
    static const struct norm centred = {.kind = NORM_CENTRE};
    dict_scale_change(run, d, y, f->scale);
    if (d->spec.norm != NORM_IN_LAYER)
        return;
    op_add(run, y, f->x, 1.0f);
    op_add(run, y, op_norm(run, f->x, &centred, (struct tensor){0}), -1.0f);
}

struct tensor dict_decode(struct run *run, const struct dict *d, const struct code *f)
{
    if (d->spec.identity)
        return f->dense;
    const uint64_t from = run_at(run);
    struct tensor y = op_decode(run, &f->sparse, d->decoder, d->decoder_bias, d->spec.n_out);
    run_name(run, from, pack_name, &d->decoder_source, 0, 0);
    if (f->scale.rows)
        undo_norm(run, d, y, f);
    if (d->skip.w)
        op_linear_add(run, y, f->x, &d->skip);
    return y;
}

/* ---- single units */
static struct tensor unit_vectors(struct run *run, int32_t n, const int32_t *unit, int32_t n_units)
{
    float *rows = xcalloc((size_t)n * (size_t)n_units, sizeof *rows);
    for (int32_t i = 0; i < n_units; i++)
        rows[(size_t)i * (size_t)n + (size_t)unit[i]] = 1.0f;
    struct tensor y = run_put(run, n_units, n, rows);
    free(rows);
    return y;
}

static struct tensor decoder_rows(struct run *run, const struct dict *d, const int32_t *unit,
                                  int32_t n_units)
{
    if (d->spec.identity)
        return unit_vectors(run, d->spec.n, unit, n_units);
    const uint64_t from = run_at(run);
    struct tensor rows = op_rows(run, d->decoder, run_put_ids(run, n_units, 1, unit));
    run_name(run, from, pack_name, &d->decoder_source, 0, 0);
    return rows;
}

struct tensor dict_push(struct run *run, const struct dict *d, const struct linear *behind,
                        const int32_t *unit, int32_t n_units)
{
    int32_t width = behind ? behind->out : d->spec.n_out;
    if (n_units < 1)
        return absent(0, width, DTYPE_F32);
    for (int32_t i = 0; i < n_units; i++)
        if (!check_unit(run, d, unit[i]))
            return absent(n_units, width, DTYPE_F32);
    if (behind && behind->in != d->spec.n_out)
        error_set(&run->err, ERROR_INPUT,
                  "dictionary: directions of width %d, what lies behind takes %d", d->spec.n_out,
                  behind->in);
    struct tensor rows = decoder_rows(run, d, unit, n_units);
    if (!behind)
        return rows;
    struct linear without_bias = {.w = behind->w, .out = behind->out, .in = behind->in};
    return op_linear(run, rows, &without_bias, EPILOGUE_NONE);
}

struct tensor units_change(struct run *run, struct tensor f, const struct unit *units, int32_t n)
{
    int32_t *mode = xreallocarray(NULL, (size_t)n + 1, sizeof *mode);
    float *value = xreallocarray(NULL, (size_t)n + 1, sizeof *value);
    for (int32_t j = 0; j < n; j++)
        mode[j] = (int32_t)units[j].mode, value[j] = units[j].value;
    struct tensor c =
        op_unit_change(run, f, run_put(run, 1, n, value), run_put_ids(run, 1, n, mode));
    free(mode);
    free(value);
    return c;
}

void dict_scale_change(struct run *run, const struct dict *d, struct tensor c, struct tensor scale)
{
    if (scale.rows > 0 && c.cols > 0)
        op_rows_unscale(run, c, scale, d->spec.norm == NORM_IN_LAYER ? d->norm.eps : 0);
}

struct tensor dict_unit_change(struct run *run, const struct dict *d, const struct code *f,
                               const struct unit *units, int32_t n_units)
{
    int32_t *index = xreallocarray(NULL, (size_t)n_units + 1, sizeof *index);
    for (int32_t j = 0; j < n_units; j++)
        index[j] = units[j].id.index;
    struct tensor c = dict_values(run, d, f, index, n_units);
    free(index);
    if (n_units < 1)
        return c;
    c = units_change(run, c, units, n_units);
    dict_scale_change(run, d, c, f->scale);
    return c;
}

struct tensor dict_insert(struct run *run, const struct dict *d, struct tensor x, struct tensor was,
                          bool keep_error, const struct unit *units, int32_t n_units)
{
    struct tensor y = absent(x.rows, d->spec.n_out, DTYPE_F32);
    if (!check_width(run, d, x))
        return y;
    /* with the error kept ŷ + (y − ŷ) is y itself: only the units' change needs the code */
    bool plain = keep_error || d->spec.identity;
    struct code f = {0};
    if (!plain || n_units > 0)
        dict_encode(run, d, x, &f, NULL);
    y = plain ? op_copy(run, was) : dict_decode(run, d, &f);
    if (n_units < 1)
        return y;
    int32_t *index = xreallocarray(NULL, (size_t)n_units, sizeof *index);
    for (int32_t j = 0; j < n_units; j++)
        index[j] = units[j].id.index;
    struct tensor c = dict_unit_change(run, d, &f, units, n_units);
    op_add_outer(run, y, c, dict_push(run, d, NULL, index, n_units));
    free(index);
    return y;
}

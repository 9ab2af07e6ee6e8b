/* Encoding, decoding and what single units do. */
#include "engine/base/memory.h"
#include "engine/device.h"
#include "engine/dict/dict_private.h"
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

/* Column `unit` of x, without arithmetic: a copy between one-column views. */
static void copy_column(struct run *run, struct tensor y, int32_t column, struct tensor x,
                        int32_t unit)
{
    if (run_ok(run))
        device_copy(run->backend, tensor_cols(y, column, 1), tensor_cols(x, unit, 1));
}

/* ---- values that are no numbers */
static bool refuse_value(struct run *run, const struct dict *d, int32_t unit)
{
    return error_set(&run->err, ERROR_INPUT,
                     "%s %d has a value that is no finite number, or too large for float32",
                     d->spec.identity ? "neuron" : "latent", unit);
}

/* Columns of values [T, n], of the units `unit` (NULL: column j is unit j). */
static void check_columns(struct run *run, const struct dict *d, struct tensor x,
                          const int32_t *unit)
{
    size_t n = (size_t)x.rows * (size_t)x.cols;
    float *v = xcalloc(n + 1, sizeof *v);
    run_get(run, v, x);
    for (size_t i = 0; run_ok(run) && i < n; i++)
        if (!isfinite(v[i])) {
            int32_t column = (int32_t)(i % (size_t)x.cols);
            refuse_value(run, d, unit ? unit[column] : column);
        }
    free(v);
}

/* NaNs are selected last and infinities at an end: the first and the last of the k tell. */
static void check_selected(struct run *run, const struct dict *d, struct tensor ids,
                           struct tensor vals)
{
    const int32_t end[2] = {0, vals.cols - 1};
    size_t n = (size_t)vals.rows;
    int32_t *id = xcalloc(n + 1, sizeof *id);
    float *v = xcalloc(n + 1, sizeof *v);
    for (int side = 0; side < 2; side++) {
        run_get(run, id, tensor_cols(ids, end[side], 1));
        run_get(run, v, tensor_cols(vals, end[side], 1));
        for (size_t i = 0; run_ok(run) && i < n; i++)
            if (!isfinite(v[i]))
                refuse_value(run, d, id[i]);
    }
    free(id);
    free(v);
}

/* ---- encode */
static void select_rows(struct run *run, const struct dict *d, struct tensor pre, struct tensor ids,
                        struct tensor vals)
{
    if (d->spec.relu == RELU_BEFORE)
        pre = op_act(run, pre, ACT_RELU);
    op_select(run, pre, ids, vals);
    check_selected(run, d, ids, vals);
}

/* Rows whose pre-activations take at most 32 MiB, at least 128: all rows of a long text at 65,536
 * latents would not fit a small machine. */
static int32_t chunk_rows(const struct dict *d)
{
    int32_t fit = (int32_t)((INT64_C(32) << 20) / ((int64_t)d->spec.m * 4) / 64 * 64);
    return fit < 128 ? 128 : fit > 1024 ? 1024 : fit;
}

static void encode_chunks(struct run *run, const struct dict *d, struct tensor x,
                          const struct sparse *f)
{
    int32_t step = chunk_rows(d);
    for (int32_t i = 0; i < x.rows && run_ok(run); i += step) {
        int32_t n = x.rows - i < step ? x.rows - i : step;
        struct arena_mark mark = arena_mark(run->arena);
        struct tensor pre = op_linear(run, tensor_rows(x, i, n), &d->encode, EPILOGUE_NONE);
        select_rows(run, d, pre, tensor_rows(f->ids, i, n), tensor_rows(f->vals, i, n));
        if (!run->tape)
            arena_reset(run->arena, mark);
    }
}

void dict_encode(struct run *run, const struct dict *d, struct tensor x, struct sparse *f,
                 struct tensor *pre)
{
    if (d->spec.identity) {
        *f = (struct sparse){.vals = x};
        if (pre)
            *pre = x;
        check_columns(run, d, x, NULL);
        return;
    }
    f->ids = absent(x.rows, d->spec.k, DTYPE_I32);
    f->vals = absent(x.rows, d->spec.k, DTYPE_F32);
    if (pre)
        *pre = absent(x.rows, d->spec.m, DTYPE_F32);
    if (!check_width(run, d, x))
        return;
    f->ids = run_ids(run, x.rows, d->spec.k);
    f->vals = run_tensor(run, x.rows, d->spec.k);
    if (pre) {
        *pre = op_linear(run, x, &d->encode, EPILOGUE_NONE);
        select_rows(run, d, *pre, f->ids, f->vals);
    } else {
        encode_chunks(run, d, x, f);
    }
    if (d->spec.relu == RELU_AFTER)
        f->vals = op_act(run, f->vals, ACT_RELU);
}

/* Encoder rows gathered as a small weight of their own, used once. */
static struct tensor encode_gathered(struct run *run, const struct dict *d, struct tensor x,
                                     const int32_t *unit, int32_t n_units)
{
    size_t n = (size_t)d->spec.n;
    struct backend *b = run->backend;
    struct tensor y = run_tensor(run, x.rows, n_units);
    struct arena_mark mark = arena_mark(run->arena);
    float *rows = xreallocarray(NULL, n * (size_t)n_units, sizeof *rows);
    float *bias = xreallocarray(NULL, (size_t)n_units, sizeof *bias);
    for (int32_t i = 0; i < n_units; i++)
        bias[i] = d->bias[unit[i]];
    run_get(run, rows, op_rows(run, d->encoder, run_put_ids(run, n_units, 1, unit)));
    struct linear few = {.out = n_units, .in = d->spec.n, .bias = run_put(run, 1, n_units, bias)};
    struct weight *w = run_ok(run) ? device_weight_new(b, DTYPE_F32, n_units, d->spec.n,
                                                       ORDER_OUT_IN, rows, USE_PRODUCT, &run->err)
                                   : NULL;
    few.w = w;
    if (w) {
        device_linear(b, y, x, w, few.bias, EPILOGUE_NONE);
        device_sync(b); /* the weight goes before anyone else would wait for the product */
        device_weight_free(b, w);
    }
    free(rows);
    free(bias);
    arena_reset(run->arena, mark);
    return y;
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
    if (d->spec.identity) {
        y = run_tensor(run, x.rows, n_units);
        for (int32_t i = 0; i < n_units; i++)
            copy_column(run, y, i, x, unit[i]);
    } else {
        y = encode_gathered(run, d, x, unit, n_units);
    }
    check_columns(run, d, y, unit);
    return y;
}

/* ---- decode */
static void name_decoder(struct run *run, bool before, const struct dict *d)
{
    run_name(run, before, "%s: %s", d->decoder_source->file, d->decoder_source->name);
}

struct tensor dict_decode(struct run *run, const struct dict *d, const struct sparse *f)
{
    if (d->spec.identity)
        return f->vals;
    bool before = run_ok(run);
    struct tensor y = op_decode(run, f->ids, f->vals, d->decoder, d->decoder_bias, d->spec.n);
    name_decoder(run, before, d);
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
    bool before = run_ok(run);
    struct tensor rows = op_rows(run, d->decoder, run_put_ids(run, n_units, 1, unit));
    name_decoder(run, before, d);
    return rows;
}

struct tensor dict_push(struct run *run, const struct dict *d, const struct linear *behind,
                        const int32_t *unit, int32_t n_units)
{
    int32_t width = behind ? behind->out : d->spec.n;
    if (n_units < 1)
        return absent(0, width, DTYPE_F32);
    for (int32_t i = 0; i < n_units; i++)
        if (!check_unit(run, d, unit[i]))
            return absent(n_units, width, DTYPE_F32);
    if (behind && behind->in != d->spec.n)
        error_set(&run->err, ERROR_INPUT,
                  "dictionary: directions of width %d, what lies behind takes %d", d->spec.n,
                  behind->in);
    struct tensor rows = decoder_rows(run, d, unit, n_units);
    if (!behind)
        return rows;
    struct linear without_bias = {.w = behind->w, .out = behind->out, .in = behind->in};
    return op_linear(run, rows, &without_bias, EPILOGUE_NONE);
}

static float change(const struct unit *u, float f)
{
    switch (u->mode) {
    case UNIT_FIX: return u->value - f;
    case UNIT_SCALE: return (u->value - 1.0f) * f;
    case UNIT_ADD: return u->value;
    case UNIT_ZERO: return -f;
    }
    return 0.0f;
}

/* Activations of the units to the host, [T, n_units]: the selected value, or 0. */
static void selected(struct run *run, const struct dict *d, const struct sparse *f,
                     const struct unit *units, int32_t J, float *out)
{
    int32_t T = f->vals.rows, k = f->vals.cols;
    if (d->spec.identity) {
        struct tensor y = run_tensor(run, T, J);
        for (int32_t j = 0; j < J; j++)
            copy_column(run, y, j, f->vals, units[j].index);
        run_get(run, out, y);
        return;
    }
    size_t n = (size_t)T * (size_t)k;
    int32_t *ids = xcalloc(n, sizeof *ids);
    float *vals = xcalloc(n, sizeof *vals);
    run_get(run, ids, f->ids);
    run_get(run, vals, f->vals);
    for (size_t i = 0; i < n; i++)
        for (int32_t j = 0; j < J; j++)
            if (ids[i] == units[j].index)
                out[i / (size_t)k * (size_t)J + (size_t)j] = vals[i];
    free(ids);
    free(vals);
}

struct tensor dict_unit_change(struct run *run, const struct dict *d, const struct sparse *f,
                               const struct unit *units, int32_t n_units)
{
    int32_t T = f->vals.rows;
    bool ok = T > 0 && n_units > 0;
    for (int32_t j = 0; j < n_units; j++)
        ok = ok && check_unit(run, d, units[j].index);
    if (!ok)
        return absent(T, n_units, DTYPE_F32);
    size_t J = (size_t)n_units, n = (size_t)T * J;
    float *c = xcalloc(n, sizeof *c);
    struct tensor y = run_tensor(run, T, n_units);
    struct arena_mark mark = arena_mark(run->arena);
    selected(run, d, f, units, n_units, c);
    arena_reset(run->arena, mark);
    for (size_t i = 0; i < n; i++)
        c[i] = change(&units[i % J], c[i]);
    if (run_ok(run))
        device_put(run->backend, y, c);
    free(c);
    return y;
}

struct tensor dict_insert(struct run *run, const struct dict *d, struct tensor x, bool keep_error,
                          const struct unit *units, int32_t n_units)
{
    struct tensor y = absent(x.rows, d->spec.n, DTYPE_F32);
    if (!check_width(run, d, x))
        return y;
    /* with the error kept x̂ + (x − x̂) is x itself: only the units' change needs the code */
    bool plain = keep_error || d->spec.identity;
    struct sparse f = {0};
    if (!plain || n_units > 0)
        dict_encode(run, d, x, &f, NULL);
    y = plain ? op_copy(run, x) : dict_decode(run, d, &f);
    if (n_units < 1)
        return y;
    int32_t *index = xreallocarray(NULL, (size_t)n_units, sizeof *index);
    for (int32_t j = 0; j < n_units; j++)
        index[j] = units[j].index;
    struct tensor c = dict_unit_change(run, d, &f, units, n_units);
    op_add_outer(run, y, c, dict_push(run, d, NULL, index, n_units));
    free(index);
    return y;
}

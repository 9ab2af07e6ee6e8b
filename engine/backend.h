/* The contract of a compute device: plain data and function pointers, also the ABI of the CUDA
 * plugin.
 *
 * Activations are matrices [rows, cols] of caps.real, row-major with leading dimension `ld`
 * (elements).
 * Operations are queued in order and may be asynchronous; `get` and `sync` wait. An operation that
 * fails remembers the first error in the device
 * (`status`); after that operations do nothing. Calls come from one thread at a time.
 * Weights are opaque, packed once for their product; what is only gathered by row stays in the
 * file's dtype. */
#ifndef GLIMT_ENGINE_BACKEND_H
#define GLIMT_ENGINE_BACKEND_H
#include "engine/base/error.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BACKEND_ABI 2

enum dtype { DTYPE_F32, DTYPE_F16, DTYPE_BF16, DTYPE_I32, DTYPE_F64 };
static inline size_t dtype_size(enum dtype t)
{
    return t == DTYPE_F16 || t == DTYPE_BF16 ? 2 : t == DTYPE_F64 ? 8 : 4;
}

struct backend;
struct buf;    /* device memory */
struct weight; /* [out, in], packed */
struct kv;     /* keys and values of one sequence, all layers */

struct tensor { /* a view; owns nothing. buf NULL: absent */
    struct buf *buf;
    size_t off;             /* bytes from the start of buf */
    int32_t rows, cols, ld; /* elements */
    enum dtype dtype;       /* caps.real, I32, or F64 for sums */
};

/* Packed sequences: rows start[i] … start[i+1]-1 of the batch are sequence i, whose first past[i]
 * positions are already in kv[i]. kv NULL or kv[i] NULL: nothing is kept (past[i] must be 0).
 * Arrays are host memory. */
struct seqs {
    int32_t n;
    const int32_t *start; /* n + 1 */
    const int32_t *past;  /* n; NULL: all 0 */
    struct kv *const *kv; /* n; NULL: none */
};

/* Rotary embedding (Su et al. 2021): pairs (u, v) of the leading `rot` dimensions of a head turn by
 * the angle position·inv_freq_i. A table of frequencies covers every scaling of them. */
enum rope_style {
    ROPE_NEOX, /* u, v are dimensions i and i + rot/2 */
    ROPE_GPTJ, /* 2i and 2i + 1 */
};
struct rope {
    int32_t rot; /* even; 0: nothing is rotated */
    enum rope_style style;
    struct tensor inv_freq; /* [1, rot/2]; each rounded to float, as the models' own code has it */
};

/* Sparse codes: the entries of row t are start[t] … start[t+1]−1 of ids and vals, which may have
 * room for more. Within a row no id stands twice. */
struct csr {
    int32_t n_rows;
    struct tensor start;     /* [n_rows + 1, 1] I32, from 0 upwards */
    struct tensor ids, vals; /* [capacity, 1], ld 1 */
};

/* Which values of a row of pre-activations p [m] are active, and what they are. A value of 0 is not
 * active under any of them. */
enum select_kind {
    SELECT_TOPK,      /* the k largest, signed, largest first, ties to the lower index */
    SELECT_ABSTOPK,   /* the k largest by |p|, signed, largest |p| first, ties to the lower index */
    SELECT_THRESHOLD, /* p > threshold; here and below in rising index */
    SELECT_GATED,     /* p > 0, with the value max(0, scale·p + shift) */
    SELECT_GROUPMAX,  /* the largest of each of k groups of m/k consecutive, ties to the lower */
    SELECT_ALL
};
struct select {
    enum select_kind kind;
    bool relu;                  /* values are max(0, ·) */
    int32_t k;                  /* TOPK, ABSTOPK: at most m; GROUPMAX: divides m */
    struct tensor threshold;    /* THRESHOLD: [1, 1] or [1, m] */
    struct tensor scale, shift; /* GATED: [1, m] */
    const char *what;           /* of a column, for errors: "latent", "neuron" */
};
static inline bool select_is_bounded(const struct select *s) /* at most k a row */
{
    return s->kind == SELECT_TOPK || s->kind == SELECT_ABSTOPK || s->kind == SELECT_GROUPMAX;
}

/* What is done to one unit's activation f, and so the change of it. */
enum unit_mode { UNIT_FIX /* v − f */, UNIT_SCALE /* (v − 1)·f */, UNIT_ADD /* v */, UNIT_ZERO };

/* Histograms and moments of m columns, by class of the row. Bin i of column j counts the values in
 * [(i − 32)·2^e, (i − 31)·2^e), where e = exponent[j] is the smallest from HIST_LEAST on at which
 * the column's values of all classes lie inside: bins are merged in pairs when it grows, so counts
 * are exact and do not depend on the order of the rows. */
enum { HIST_BINS = 64, HIST_LEAST = -8, HIST_MOST = 123 /* 32·2^123 is beyond every float */ };
struct hist {
    int32_t n_classes;
    struct tensor bins;     /* [n_classes·m, HIST_BINS] I32 without a sign, class by class */
    struct tensor exponent; /* [1, m] I32 */
    struct tensor sums;     /* [2·n_classes, m] F64: Σ v of each class, then Σ v² */
    struct tensor range; /* [2·n_classes, m] smallest of each class, then largest; +∞, −∞: none */
    const char *what; /* of a column, for errors: "latent", "neuron" */
};

struct attn_shape {
    int32_t n_heads, n_kv_heads; /* query head h reads keys and values of head h·n_kv/n */
    int32_t head_dim;
    int32_t window; /* a row sees itself and the window − 1 positions before it; 0: all */
    float scale;    /* of scores, q·k */
    float soft_cap; /* scores become cap·tanh(score/cap); 0: they stay */
    struct rope rope;
};

enum norm_kind {
    NORM_LAYER, /* (x − mean)·s, s = 1/√(mean (x − mean)² + eps)  (Ba et al. 2016) */
    NORM_RMS,   /* x·s, s = 1/√(mean x² + eps)  (Zhang, Sennrich 2019); a checkpoint's 1 + γ is
                   folded when it is opened */
    NORM_CENTRE, /* x − mean: s is 1 */
};

/* f of …_MUL (gated MLPs, Shazeer 2020) is SiLU, the exact GELU, or its tanh form. */
enum epilogue {
    EPILOGUE_NONE,
    EPILOGUE_GELU, /* exact, erf */
    EPILOGUE_GELU_TANH,
    EPILOGUE_ADD,      /* y += x·Wᵀ + b */
    EPILOGUE_SILU_MUL, /* y = f(x·Wᵀ + b) ⊙ y */
    EPILOGUE_GELU_MUL,
    EPILOGUE_GELU_TANH_MUL,
};
enum activation { ACT_GELU, ACT_GELU_TANH, ACT_RELU, ACT_SILU };
enum order { ORDER_OUT_IN, ORDER_IN_OUT }; /* of the source: [out, in] (nn.Linear), or [in, out] */
enum weight_use { USE_PRODUCT = 1, USE_ROWS = 2 }; /* linear, xent, topn · weight_rows, decode */

struct weight_source { /* host memory; W is [out, in] */
    enum dtype type;
    int32_t out, in;
    enum order order;
    const void *data;    /* out × in elements, at any address */
    const int32_t *rows; /* [out]: row o of W is row rows[o] of the source (its column with
                            ORDER_IN_OUT), NULL: in order. With USE_PRODUCT alone */
};

struct backend_caps {
    const char *device;   /* "cpu AVX-512, 2 threads" */
    const char *layout;   /* of packed weights, with its version: what one device packed another of
                             the same layout can take; NULL: weights are packed each time */
    enum dtype real;      /* of activations: F32; F64 on the device that others are compared with */
    int32_t rows_per_job; /* sub-batch that keeps one operation under about 10 ms */
};

struct backend {
    uint32_t abi, size; /* BACKEND_ABI, sizeof(struct backend) */
    const char *name;   /* "cpu", "cuda:0" */
    struct backend_caps caps;

    void (*free)(struct backend *);
    /* false and *e filled if any operation since the last call failed; clears it. */
    bool (*status)(struct backend *, struct error *e);
    void (*sync)(struct backend *);

    /* ---- memory. alloc: NULL and *e when there is none; contents undefined, 64-byte aligned. */
    struct buf *(*alloc)(struct backend *, size_t n, struct error *e);
    void (*buf_free)(struct backend *, struct buf *);
    /* Host memory: rows × cols, contiguous, of floats (whatever caps.real is) or of I32. */
    void (*put)(struct backend *, struct tensor dst, const void *src);
    void (*get)(struct backend *, void *dst, struct tensor src);
    /* The same as doubles, of caps.real or F64. */
    void (*get_f64)(struct backend *, double *dst, struct tensor src);

    /* ---- weights. With USE_ROWS the CPU borrows the source's data, which must outlive the weight
     * (a mapping); with USE_PRODUCT alone all of the source may go after the call. What is packed
     * for products is looked at: a value that is not finite is an error that names its place in the
     * source. */
    struct weight *(*weight_new)(struct backend *, const struct weight_source *, unsigned uses,
                                 struct error *e);
    /* The same without packing (NULL where caps.layout is): `packed` is what weight_packed gave for
     * an equal source and uses, n bytes at a multiple of 64, borrowed like rows. Its values are not
     * looked at; a wrong n is an error. */
    struct weight *(*weight_take)(struct backend *, const struct weight_source *, unsigned uses,
                                  const void *packed, size_t n, struct error *e);
    /* What was packed, *n bytes, the weight's own; NULL: nothing. */
    const void *(*weight_packed)(const struct weight *, size_t *n);
    void (*weight_free)(struct backend *, struct weight *);
    size_t (*weight_bytes)(const struct weight *); /* packed size */
    int32_t (*weight_in)(const struct weight *);   /* elements of a row */

    /* ---- keys and values: `cap` positions of `n_layers` layers (layers first_layer …), `width` =
     * n_kv_heads × head_dim */
    struct kv *(*kv_new)(struct backend *, int32_t first_layer, int32_t n_layers, int32_t width,
                         int32_t cap, struct error *e);
    void (*kv_free)(struct backend *, struct kv *);

    /* ---- operations. Shapes: x [T, in], y [T, out]; y and x do not overlap unless said. */
    /* y = x·Wᵀ + bias (bias [1, out] or absent), then the epilogue. */
    void (*linear)(struct backend *, struct tensor y, struct tensor x, const struct weight *,
                   struct tensor bias, enum epilogue);
    /* y[t] = W[ids[t]], rows of W as f32; ids [T, 1] I32. A row that is not finite is an error that
     * names it, here and in `decode`. */
    void (*weight_rows)(struct backend *, struct tensor y, const struct weight *,
                        struct tensor ids);
    /* Over each row, by kind: gamma ⊙ (what the kind makes of x) + beta; gamma, beta [1, n] or
     * absent. y may be x. scale_out [T, 1] (or absent) ← the rows' s; scale_in [T, 1], where it is
     * there, stands in for s (a frozen norm). A row that is not finite, or whose sum of squares
     * overflows, is an error. */
    void (*norm)(struct backend *, struct tensor y, struct tensor x, struct tensor gamma,
                 struct tensor beta, float eps, enum norm_kind, struct tensor scale_out,
                 struct tensor scale_in);
    /* y = f(x), or f(x) ⊙ mul where mul is there; y may be x or mul. */
    void (*act)(struct backend *, struct tensor y, struct tensor x, struct tensor mul,
                enum activation);
    /* Causal attention. Q, y [T, n_heads·head_dim], K, V [T, n_kv_heads·head_dim], head by head;
     * rotates Q and K on the way, appends K and V to the sequence's kv at its past. Position of a
     * row: past + its index. */
    void (*attn)(struct backend *, struct tensor y, struct tensor Q, struct tensor K,
                 struct tensor V, const struct attn_shape *, int32_t layer, const struct seqs *);
    /* loss[t] = logsumexp z − z[target[t]], logits z = h[t]·Uᵀ or, with a soft_cap that is not 0,
     * cap·tanh(h[t]·Uᵀ/cap); target [T, 1] I32, −1: loss NaN; h already normalised. Columns of U at
     * and beyond n_vocab (padding) stay in the sum, as in the reference. loss [T, 1]. */
    void (*xent)(struct backend *, struct tensor loss, struct tensor h, const struct weight *U,
                 struct tensor target, float soft_cap);
    /* The n most likely next tokens of each row, best first: ids [T, n] I32, logp [T, n] (natural
     * log); logits as in xent. */
    void (*topn)(struct backend *, struct tensor ids, struct tensor logp, struct tensor h,
                 const struct weight *U, float soft_cap);
    /* Rows first … first + T − 1 of f from pre [T, m]; start[first] is there already (start[0] is
     * set to 0). Bounded kinds need room for k a row. The others write as many whole rows as there
     * is room for, and every start, so that start[first + T] beyond the capacity asks for as much.
     * A value that is no finite number is an error that names its column: of what is selected under
     * TOPK and ABSTOPK, of all of pre under the others. */
    void (*select)(struct backend *, struct csr *f, int32_t first, struct tensor pre,
                   const struct select *);
    /* y[t] = bias + Σ_i vals[i]·W[ids[i]] over the entries of row t, in their order (W rows [m,
     * n]).
     */
    void (*decode)(struct backend *, struct tensor y, const struct csr *, const struct weight *W,
                   struct tensor bias);
    /* y[t, j] = the value of ids[j] in row t, or 0; y [T, J], ids [J, 1]. */
    void (*csr_get)(struct backend *, struct tensor y, const struct csr *, struct tensor ids);
    /* y[t, j] = x[t]·W[ids[j]] + bias[ids[j]]: a product with few rows of W (USE_ROWS). y [T, J],
     * ids [J, 1], bias [1, m] or absent. */
    void (*dot_rows)(struct backend *, struct tensor y, struct tensor x, const struct weight *W,
                     struct tensor ids, struct tensor bias);
    /* c[t, j] = what `mode[j]` with value[j] changes in f[t, j]; c may be f. c, f [T, J]; value
     * [1, J]; mode [1, J] I32 of enum unit_mode. */
    void (*unit_change)(struct backend *, struct tensor c, struct tensor f, struct tensor value,
                        struct tensor mode);
    /* y += a·x, same shape; a row vector x [1, n] is added to every row. */
    void (*add)(struct backend *, struct tensor y, struct tensor x, float a);
    /* y += C·U: C [T, J], U [J, n], J small (units fixed by sliders). */
    void (*add_outer)(struct backend *, struct tensor y, struct tensor C, struct tensor U);
    /* y[i] = x[rows[i]], y[rows[i]] = x[i], y[rows[i]] += x[i] (one after the other where a row is
     * named twice); y[t, j] = x[t, cols[j]]; rows, cols [R, 1] I32. copy: same shape. */
    void (*rows_get)(struct backend *, struct tensor y, struct tensor x, struct tensor rows);
    void (*rows_set)(struct backend *, struct tensor y, struct tensor x, struct tensor rows);
    void (*rows_add)(struct backend *, struct tensor y, struct tensor x, struct tensor rows);
    void (*cols_get)(struct backend *, struct tensor y, struct tensor x, struct tensor cols);
    void (*copy)(struct backend *, struct tensor y, struct tensor x);
    /* Sums in double, y of F64, x of caps.real or F64. row_stats: y[t] = ‖x[t]‖², ‖x[t] − z[t]‖² (0
     * where z is absent), y [T, 2]. col_sums: y += a·Σ_t x[t], y [1, n]. */
    void (*row_stats)(struct backend *, struct tensor y, struct tensor x, struct tensor z);
    void (*col_sums)(struct backend *, struct tensor y, struct tensor x, double a);
    /* Adds the rows of pre [T, m], each to its class; cls [T, 1] I32, −1: not counted. Sums run in
     * the order of the rows. A counted value that is no finite number is an error that names its
     * column, after which the histogram is good for nothing but hist_clear. */
    void (*hist)(struct backend *, const struct hist *, struct tensor pre, struct tensor cls);
    /* Adds `from`, of as many columns and classes, and empties it. */
    void (*hist_move)(struct backend *, const struct hist *to, const struct hist *from);
    void (*hist_clear)(struct backend *, const struct hist *); /* whatever it held */
};

/* f32 vector or any host matrix as a tensor of its own buffer: owner frees t.buf with buf_free. */
static inline struct tensor tensor_new(struct backend *b, int32_t rows, int32_t cols,
                                       enum dtype type, struct error *e)
{
    struct tensor t = {0};
    t.buf = b->alloc(
        b, (size_t)(rows > 0 ? rows : 1) * (size_t)(cols > 0 ? cols : 1) * dtype_size(type), e);
    t.rows = rows, t.cols = cols, t.ld = cols, t.dtype = type;
    return t;
}
static inline struct tensor tensor_rows(struct tensor t, int32_t first, int32_t n)
{
    t.off += (size_t)first * (size_t)t.ld * dtype_size(t.dtype);
    t.rows = n;
    return t;
}
static inline struct tensor tensor_cols(struct tensor t, int32_t first, int32_t n)
{
    t.off += (size_t)first * dtype_size(t.dtype);
    t.cols = n;
    return t;
}
#endif

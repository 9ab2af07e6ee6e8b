/* The contract of a compute device: plain data and function pointers, also the ABI of the CUDA
 * plugin.
 *
 * Activations are matrices [rows, cols] of caps.real, row-major with leading dimension `ld`
 * (elements). What only products read may be of 16 bits: where an operation says half, a tensor may
 * also be of F16 or BF16 on a device whose weights read them (weight_reads). Sums are floats all
 * the same; a finite result beyond the dtype's range becomes its largest value and is counted.
 *
 * Operations go into a queue, are done in its order, and may be asynchronous. What goes wrong with
 * one is the queue's error, the first one: once it is known the queue's operations do nothing,
 * until queue_status has told it. A device that looks at values where they lie learns of it later
 * than at the call, when it is waited for (queue_sync) or a mark is reached; operations that were
 * queued meanwhile may have run, on values that mean nothing: what they wrote is lost, and no more
 * than that. Queues know nothing of each other: live work has one and jobs another, so that neither
 * finds the other's error; what one needs of another it waits for (queue_wait). Calls come from one
 * thread at a time. Too little memory is ERROR_MEMORY. A device that is gone (ERROR_LOST) stays so:
 * every queue says it at every question, and freeing what was made on it asks nothing of it.
 *
 * Lifetimes. Host memory that an operation reads (the source of put; of struct seqs, struct select
 * and the like the structs and all arrays) may go when the call returns. Host memory that fetch
 * writes must stay until the queue is waited for. Buffers, keys and values belong to the queue that
 * they were made on: freeing one behind queued operations is safe, they still find it. Before
 * another queue reads them it waits, and they go when it has no more work with them.
 * Weights are the backend's: complete when the call returns, read by every queue.
 * They are opaque, packed once for their product; what is only gathered by row stays in the file's
 * dtype. */
#ifndef GLIMT_ENGINE_BACKEND_H
#define GLIMT_ENGINE_BACKEND_H
#include "engine/base/error.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BACKEND_ABI 9

enum dtype { DTYPE_F32, DTYPE_F16, DTYPE_BF16, DTYPE_I32, DTYPE_F64 };
static inline size_t dtype_size(enum dtype t)
{
    return t == DTYPE_F16 || t == DTYPE_BF16 ? 2 : t == DTYPE_F64 ? 8 : 4;
}

struct backend;
struct buf;    /* device memory */
struct weight; /* [out, in], packed */
struct kv;     /* keys and values of one sequence, all layers */

enum queue_kind {
    QUEUE_LIVE, /* of what somebody waits for: first where there is a choice */
    QUEUE_JOB,
    QUEUE_LOAD, /* of what comes with weights */
};
struct queue { /* the beginning of what a device makes; read only, but for `number` */
    struct backend *backend;
    enum queue_kind kind;
    struct error err; /* as far as it is known: queue_status */
    bool unsure;      /* something that is queued may yet turn out to be wrong */
    uint64_t number; /* of the operation asked for last: whoever asks counts, if it wants to know */
    uint64_t failed; /* `number` at the operation whose error was told last */
    uint64_t saturated; /* results of 16 bits that were too large for them, as far as it is known */
    uint64_t redone;    /* rows that encode had to compute in full, likewise */
};

struct tensor { /* a view; owns nothing. buf NULL: absent */
    struct buf *buf;
    size_t off;             /* bytes from the start of buf */
    int32_t rows, cols, ld; /* elements */
    enum dtype dtype;       /* caps.real, I32, F64 for sums, F16 and BF16 where it says half */
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
 * the angle position·inv_freq_i, and become `length` times as long. A table of frequencies covers
 * every scaling of them. */
enum rope_style {
    ROPE_NEOX, /* u, v are dimensions i and i + rot/2 */
    ROPE_GPTJ, /* 2i and 2i + 1 */
};
struct rope {
    int32_t rot; /* even; 0: nothing is rotated */
    enum rope_style style;
    struct tensor inv_freq; /* [1, rot/2]; each rounded to float, as the models' own code has it */
    float length;           /* 0: 1 */
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
enum { ENCODE_MOST = 1024 };
static inline bool select_is_top(const struct select *s)
{
    return s->kind == SELECT_TOPK || s->kind == SELECT_ABSTOPK;
}
static inline bool select_is_bounded(const struct select *s) /* at most k a row */
{
    return select_is_top(s) || s->kind == SELECT_GROUPMAX;
}

/* Kinds of caps.encodes. */
enum {
    ENCODES_TOP = 1 << SELECT_TOPK | 1 << SELECT_ABSTOPK,
    ENCODES_SOME = 1 << SELECT_THRESHOLD | 1 << SELECT_ALL /* those above 0, with relu */
};

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
    NORM_SAMPLE, /* (x − mean)·s, s = 1/(σ + eps), σ² = Σ (x − mean)²/(n − 1): of some dictionaries'
                    inputs */
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
enum weight_use {
    USE_PRODUCT = 1, /* linear, xent, topn */
    USE_ROWS = 2,    /* weight_rows, decode, dot_rows */
    USE_ENCODE = 4,  /* encode */
};

struct weight_source { /* host memory; W is [out, in] */
    enum dtype type;
    int32_t out, in;
    enum order order;
    const void *data;    /* out × in elements, at any address */
    const int32_t *rows; /* [out]: row o of W is row rows[o] of the source (its column with
                            ORDER_IN_OUT), NULL: in order. With USE_PRODUCT alone */
};

struct backend_caps {
    const char *device; /* "cpu AVX-512, 2 threads", "cuda:0 NVIDIA H100 80GB HBM3" */
    const char *kind; /* whose numbers they are, for keys of what is kept: "cpu", "cuda NVIDIA H100
                         80GB HBM3" */
    const char *precision; /* likewise: what products are of, as --dtype has it: "f32" … ; "auto":
                              what the file holds */
    const char *capability; /* of a card: "9.0"; NULL: it has none */
    const char *layout;   /* of packed weights, with its version: what one device packed another of
                             the same layout can take; NULL: weights are packed each time */
    unsigned encodes;     /* kinds of selection that `encode` has, a bit each: 1 << SELECT_… */
    enum dtype real;      /* of activations: F32; F64 on the device that others are compared with */
    int32_t rows_per_job; /* sub-batch that keeps one operation under about 10 ms */
    int32_t chunk_docs;   /* documents of a study's chunk, which every study's key holds */
    bool backward;        /* the entries from linear_dx on are there; false: they are NULL */
};

/* What products are of, besides floats. */
enum precision {
    PRECISION_FILE, /* F16 and BF16 weights by activations of the same; F32 ones by floats */
    PRECISION_F32,  /* every weight by floats, as they are */
    PRECISION_F16,  /* every weight becomes F16, or BF16; one with a value out of its range is an */
    PRECISION_BF16, /* error that names it */
};
struct backend_want {
    int32_t ordinal;
    enum precision precision;
};

struct device_memory { /* bytes; 0: not known */
    uint64_t total, free;
    uint64_t work; /* what computing takes beside weights */
};

struct adam { /* Kingma, Ba 2015; decay of weights apart from the gradient: Loshchilov, Hutter 2019
               */
    float rate, beta1, beta2, eps, decay;
    int32_t step; /* from 1 */
};

struct backend {
    uint32_t abi, size; /* BACKEND_ABI, sizeof(struct backend) */
    const char *name;   /* "cpu", "cuda:0" */
    struct backend_caps caps;
    /* Not NULL: may hear how many more bytes of a weight's source were taken in, from its start on,
     * while weight_new is at it (where `rows` has them out of order, of how many that is). Whoever
     * opens something sets it, and takes it back. */
    void (*loaded)(void *, uint64_t n);
    void *loaded_arg;

    void (*free)(struct backend *);
    /* Of the device, now: what it has, and what buffers and weights could still take. */
    struct device_memory (*memory)(const struct backend *);

    /* ---- queues. queue_free (NULL: nothing) waits for what is queued; all that was made on it
     * must have been freed. */
    struct queue *(*queue_new)(struct backend *, enum queue_kind, struct error *e);
    void (*queue_free)(struct queue *);
    /* False and *e filled if an operation queued since the last call is known to have failed;
     * clears it. Waits only where it has an error to tell, for one of an earlier operation. After
     * queue_sync, and for what lies before a mark that is not pending, all is known. */
    bool (*queue_status)(struct queue *, struct error *e);
    void (*queue_sync)(struct queue *); /* all is done, and what was fetched is there */
    /* What has been queued so far; and whether any of that may be unfinished. Never blocks. Once
     * it is false, what was fetched before the mark is there, and what went wrong before it known.
     */
    uint64_t (*queue_mark)(struct queue *);
    bool (*queue_pending)(struct queue *, uint64_t mark);
    /* What is queued from now on begins when `other`, of the same backend, has reached the mark. */
    void (*queue_wait)(struct queue *, struct queue *other, uint64_t mark);

    /* ---- memory. alloc: NULL and *e (ERROR_MEMORY) when there is none; contents undefined,
     * 64-byte aligned. */
    struct buf *(*alloc)(struct queue *, size_t n, struct error *e);
    void (*buf_free)(struct queue *, struct buf *);
    /* Host memory: rows × cols, contiguous, of floats (whatever caps.real is) or of I32. */
    void (*put)(struct queue *, struct tensor dst, const void *src);
    void (*fetch)(struct queue *, void *dst, struct tensor src);
    /* The same as doubles, of caps.real or F64. */
    void (*fetch_f64)(struct queue *, double *dst, struct tensor src);

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
    /* What weight_bytes of a weight like this will be. */
    uint64_t (*weight_need)(const struct backend *, const struct weight_source *, unsigned uses);
    int32_t (*weight_in)(const struct weight *); /* elements of a row */
    /* The dtype of a half x that its products take; F32: none. x of caps.real is taken as it is:
     * whoever wants products of 16 bits by 16 bits rounds x first (copy). */
    enum dtype (*weight_reads)(const struct weight *);

    /* ---- keys and values: `cap` positions of `n_layers` layers (layers first_layer …), `width` =
     * n_kv_heads × head_dim; as: F16 or BF16 where attn's y is of it, F32: caps.real */
    struct kv *(*kv_new)(struct queue *, int32_t first_layer, int32_t n_layers, int32_t width,
                         int32_t cap, enum dtype as, struct error *e);
    void (*kv_free)(struct queue *, struct kv *);
    /* The first n positions of all layers; both of the same layers, width and dtype. */
    void (*kv_copy)(struct queue *, struct kv *to, const struct kv *from, int32_t n);

    /* ---- operations. Shapes: x [T, in], y [T, out]; y and x do not overlap unless said. */
    /* y = x·Wᵀ + bias (bias [1, out] or absent), then the epilogue. x half: of weight_reads; y half
     * but under ADD. */
    void (*linear)(struct queue *, struct tensor y, struct tensor x, const struct weight *,
                   struct tensor bias, enum epilogue);
    /* y[t] = W[ids[t]], rows of W as f32; ids [T, 1] I32. A row that is not finite is an error that
     * names it, here and in `decode`. */
    void (*weight_rows)(struct queue *, struct tensor y, const struct weight *, struct tensor ids);
    /* Over each row, by kind: gamma ⊙ (what the kind makes of x) + beta; gamma, beta [1, n] or
     * absent. y may be x. scale_out [T, 1] (or absent) ← the rows' s; scale_in [T, 1], where it is
     * there, stands in for s (a frozen norm). A row that is not finite, or whose sum of squares
     * overflows, is an error. y half. */
    void (*norm)(struct queue *, struct tensor y, struct tensor x, struct tensor gamma,
                 struct tensor beta, float eps, enum norm_kind, struct tensor scale_out,
                 struct tensor scale_in);
    /* y[t] = (1/scale[t] − eps)·y[t]: times what a norm's s (scale_out) stands for without its eps.
     * scale [T, 1]. */
    void (*rows_unscale)(struct queue *, struct tensor y, struct tensor scale, float eps);
    /* y = f(x), or f(x) ⊙ mul where mul is there; y may be x or mul. y, mul half. */
    void (*act)(struct queue *, struct tensor y, struct tensor x, struct tensor mul,
                enum activation);
    /* Causal attention. Q, y [T, n_heads·head_dim], K, V [T, n_kv_heads·head_dim], head by head;
     * rotates Q and K on the way, appends K and V to the sequence's kv at its past. Position of a
     * row: past + its index. y half: keys and values are rounded to it, too. */
    void (*attn)(struct queue *, struct tensor y, struct tensor Q, struct tensor K, struct tensor V,
                 const struct attn_shape *, int32_t layer, const struct seqs *);
    /* loss[t] = logsumexp z − z[target[t]], logits z = h[t]·Uᵀ or, with a soft_cap that is not 0,
     * cap·tanh(h[t]·Uᵀ/cap); target [T, 1] I32, −1: loss NaN; h already normalised. Columns of U at
     * and beyond n_vocab (padding) stay in the sum, as in the reference. loss [T, 1]. h half: of
     * weight_reads. */
    void (*xent)(struct queue *, struct tensor loss, struct tensor h, const struct weight *U,
                 struct tensor target, float soft_cap);
    /* The n most likely next tokens of each row, best first: ids [T, n] I32, logp [T, n] (natural
     * log); logits as in xent. */
    void (*topn)(struct queue *, struct tensor ids, struct tensor logp, struct tensor h,
                 const struct weight *U, float soft_cap);
    /* Rows first … first + T − 1 of f from pre [T, m]; start[first] is there already (start[0] is
     * set to 0). Bounded kinds need room for k a row. The others write as many whole rows as there
     * is room for, and every start, so that start[first + T] beyond the capacity asks for as much.
     * A value that is no finite number is an error that names its column: of what is selected under
     * TOPK and ABSTOPK, of all of pre under the others. */
    void (*select)(struct queue *, struct csr *f, int32_t first, struct tensor pre,
                   const struct select *);
    /* The same from x: pre = x·Wᵀ + bias, of which only what is selected need ever be computed to
     * float's own precision. The codes are those of such values, to the bit; of float x they are
     * what linear has of a batch of one row, unless a weight is beyond the range of F16. by: of the
     * kinds in caps.encodes (of others linear and select are as good), bounded ones of at most
     * ENCODE_MOST. Room as in select. */
    void (*encode)(struct queue *, struct csr *f, int32_t first, struct tensor x,
                   const struct weight *W, struct tensor bias, const struct select *);
    /* y[t] = bias + Σ_i vals[i]·W[ids[i]] over the entries of row t, in their order (W rows [m,
     * n]).
     */
    void (*decode)(struct queue *, struct tensor y, const struct csr *, const struct weight *W,
                   struct tensor bias);
    /* y[t, j] = the value of ids[j] in row t, or 0; y [T, J], ids [J, 1]. */
    void (*csr_get)(struct queue *, struct tensor y, const struct csr *, struct tensor ids);
    /* y[t, j] = x[t]·W[ids[j]] + bias[ids[j]]: a product with few rows of W (USE_ROWS). y [T, J],
     * ids [J, 1], bias [1, m] or absent. */
    void (*dot_rows)(struct queue *, struct tensor y, struct tensor x, const struct weight *W,
                     struct tensor ids, struct tensor bias);
    /* c[t, j] = what `mode[j]` with value[j] changes in f[t, j]; c may be f. c, f [T, J]; value
     * [1, J]; mode [1, J] I32 of enum unit_mode. */
    void (*unit_change)(struct queue *, struct tensor c, struct tensor f, struct tensor value,
                        struct tensor mode);
    /* y += a·x, same shape; a row vector x [1, n] is added to every row. */
    void (*add)(struct queue *, struct tensor y, struct tensor x, float a);
    /* y += C·U: C [T, J], U [J, n], J small (units fixed by sliders). */
    void (*add_outer)(struct queue *, struct tensor y, struct tensor C, struct tensor U);
    /* y[i] = x[rows[i]], y[rows[i]] = x[i], y[rows[i]] += x[i] (one after the other where a row is
     * named twice); y[t, j] = x[t, cols[j]]; rows, cols [R, 1] I32. copy: same shape; where one of
     * caps.real and the other half, or one F16 and the other BF16, it rounds or widens. */
    void (*rows_get)(struct queue *, struct tensor y, struct tensor x, struct tensor rows);
    void (*rows_set)(struct queue *, struct tensor y, struct tensor x, struct tensor rows);
    void (*rows_add)(struct queue *, struct tensor y, struct tensor x, struct tensor rows);
    void (*cols_get)(struct queue *, struct tensor y, struct tensor x, struct tensor cols);
    void (*copy)(struct queue *, struct tensor y, struct tensor x);
    /* Sums in double, y of F64, x of caps.real or F64. row_stats: y[t] = ‖x[t]‖², ‖x[t] − z[t]‖² (0
     * where z is absent), y [T, 2]. col_sums: y += a·Σ_t x[t], y [1, n]. */
    void (*row_stats)(struct queue *, struct tensor y, struct tensor x, struct tensor z);
    void (*col_sums)(struct queue *, struct tensor y, struct tensor x, double a);
    /* Adds the rows of pre [T, m], each to its class; cls [T, 1] I32, −1: not counted. Sums run in
     * the order of the rows. A counted value that is no finite number is an error that names its
     * column, after which the histogram is good for nothing but hist_clear. */
    void (*hist)(struct queue *, const struct hist *, struct tensor pre, struct tensor cls);
    /* Adds `from`, of as many columns and classes, and empties it. */
    void (*hist_move)(struct queue *, const struct hist *to, const struct hist *from);
    void (*hist_clear)(struct queue *, const struct hist *); /* whatever it held */

    /* ---- backward: d… are gradients of what the name says, shaped like it; they are added to, and
     * one that is absent is not computed. Inputs are the forward's. Gradients of rows_get are
     * rows_add, of rows_set and rows_add rows_get, of weight_rows rows_add; of unit_change
     * unit_change with (SCALE, 0) for FIX and ZERO, (SCALE, v) for SCALE, (SCALE, 1) for ADD. */
    /* dx += dy·W. */
    void (*linear_dx)(struct queue *, struct tensor dx, struct tensor dy, const struct weight *W);
    /* dW += dyᵀ·x [out, in], dbias += Σ_t dy[t] [1, out]. */
    void (*linear_dw)(struct queue *, struct tensor dW, struct tensor dbias, struct tensor dy,
                      struct tensor x);
    /* With g = gamma ⊙ dy, s = scale [T, 1] (scale_out, or what was frozen), m = mean x (RMS: 0)
     * and z = s·(x − m): dx += s·(g − mean g [not RMS] − z·mean (g ⊙ z) [not frozen]); CENTRE: dx
     * += g − mean g, scale absent; SAMPLE, not frozen: the last term is z·Σ (g ⊙ z)/((n − 1)·σ·s).
     * dgamma += Σ_t dy ⊙ z, dbeta += Σ_t dy; both [1, n]. rows_unscale with a frozen scale:
     * rows_unscale. */
    void (*norm_bwd)(struct queue *, struct tensor dx, struct tensor dgamma, struct tensor dbeta,
                     struct tensor dy, struct tensor x, struct tensor gamma, enum norm_kind,
                     struct tensor scale, bool frozen);
    /* dx += dy ⊙ mul ⊙ f′(x), dmul += dy ⊙ f(x); mul absent: 1. */
    void (*act_bwd)(struct queue *, struct tensor dx, struct tensor dmul, struct tensor dy,
                    struct tensor x, struct tensor mul, enum activation);
    /* Of whole sequences (past 0, no kv); Q, K, V before they are rotated, as in attn, and their
     * gradients too. With p the softmax of the scores s: dV += pᵀ·dy, ds = p ⊙ (dy·Vᵀ − Σ_j p_j
     * (dy·Vᵀ)_j), times 1 − (s/cap)² where scores are capped, dQ += scale·ds·K, dK += scale·dsᵀ·Q,
     * turned back; heads that share keys add up. */
    void (*attn_bwd)(struct queue *, struct tensor dQ, struct tensor dK, struct tensor dV,
                     struct tensor dy, struct tensor Q, struct tensor K, struct tensor V,
                     const struct attn_shape *, const struct seqs *);
    /* dz[t] = dloss[t]·(softmax z − onehot target[t]), times 1 − (z/cap)² where logits are capped;
     * 0 where target is −1. dh += dz·U; dU += dzᵀ·h [out, in]. */
    void (*xent_bwd)(struct queue *, struct tensor dh, struct tensor dU, struct tensor dloss,
                     struct tensor h, const struct weight *U, struct tensor target, float soft_cap);
    /* Codes: gradients of vals are [capacity, 1], entry by entry.
     * decode: dvals[i] += dy[t]·W[ids[i]], dW[ids[i]] += vals[i]·dy[t] [m, n], dbias += Σ_t dy[t].
     */
    void (*decode_bwd)(struct queue *, struct tensor dvals, struct tensor dW, struct tensor dbias,
                       struct tensor dy, const struct csr *, const struct weight *W);
    /* csr_get: dvals[i] += dy[t, j] where ids[j] is the entry's. */
    void (*csr_bwd)(struct queue *, struct tensor dvals, struct tensor dy, const struct csr *,
                    struct tensor ids);
    /* select of rows first …: dpre[t, ids[i]] += dvals[i], times scale[ids[i]] under GATED; what
     * was not selected, or was at 0, has none, and thresholds have none. */
    void (*select_bwd)(struct queue *, struct tensor dpre, struct tensor dvals, const struct csr *,
                       int32_t first, const struct select *);
    /* dot_rows: dx[t] += Σ_j dy[t, j]·W[ids[j]], dW[ids[j]] += Σ_t dy[t, j]·x[t] [out, in],
     * dbias[ids[j]] += Σ_t dy[t, j] [1, out]. */
    void (*dot_rows_bwd)(struct queue *, struct tensor dx, struct tensor dW, struct tensor dbias,
                         struct tensor dy, struct tensor x, const struct weight *W,
                         struct tensor ids);
    /* add_outer: dC += dy·Uᵀ, dU += Cᵀ·dy. */
    void (*outer_bwd)(struct queue *, struct tensor dC, struct tensor dU, struct tensor dy,
                      struct tensor C, struct tensor U);
    /* y[t, cols[j]] += x[t, j]: of cols_get. */
    void (*cols_add)(struct queue *, struct tensor y, struct tensor x, struct tensor cols);
    /* m = β₁·m + (1 − β₁)·g, v = β₂·v + (1 − β₂)·g²; w −= rate·(m / (1 − β₁^step) / (√(v / (1 −
     * β₂^step)) + eps) + decay·w). All of one shape. */
    void (*adam)(struct queue *, struct tensor w, struct tensor m, struct tensor v, struct tensor g,
                 const struct adam *);
    /* A weight's values become those of w [out, in], rounded to its dtype, in all its uses; it must
     * have been made of data that is its own (USE_PRODUCT alone). */
    void (*weight_set)(struct queue *, struct weight *, struct tensor w);
};

/* f32 vector or any host matrix as a tensor of its own buffer: the owner frees t.buf with buf_free.
 */
static inline struct tensor tensor_new(struct queue *q, int32_t rows, int32_t cols, enum dtype type,
                                       struct error *e)
{
    struct tensor t = {0};
    t.buf = q->backend->alloc(
        q, (size_t)(rows > 0 ? rows : 1) * (size_t)(cols > 0 ? cols : 1) * dtype_size(type), e);
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

/* ---- what a plugin exports, found by these names (engine/devices.c) */
#define BACKEND_EXPORT __attribute__((visibility("default")))
BACKEND_EXPORT uint32_t glimt_backend_abi(void); /* BACKEND_ABI of its build */
/* How well device `ordinal` would serve; 0: it can't, or the first of them can't be reached; −1:
 * there is none, or no driver; and why. */
BACKEND_EXPORT int glimt_backend_score(int ordinal, char *why, size_t n);
BACKEND_EXPORT struct backend *glimt_backend_new(const struct backend_want *, struct error *);
#endif

/* Launches of the kernels: memory of the device, on a stream. Shapes as in engine/backend.h;
 * whoever calls has checked the arguments, but not what lies in the device's memory: ids out of
 * range, values that are no finite numbers are faults, of which the first one stays. */
#ifndef GLIMT_GPU_KERNELS_H
#define GLIMT_GPU_KERNELS_H
#include "engine/backend.h"
#include "engine/backend/margin.h"
#include "gpu/cuda.h"
#include <stdbool.h>
#ifdef __cplusplus
extern "C" {
#endif

/* ---- where work goes */
struct gpu_queue;
struct replay;
struct stream {
    cudaStream_t at;
    struct replay *replay; /* NULL: what is asked for begins at once */
};
/* Something asked of a stream, as it is kept: a multiple of 16 bytes, n of them with what follows.
 */
struct call {
    void (*issue)(const struct call *, struct gpu_queue *, cudaStream_t);
    size_t n;
};
void replay_add(struct replay *, const struct call *); /* gpu/replay.c */

/* Kernels' arguments are kept and compared as bytes (struct stream): none may be left undefined, so
 * what the compiler would put between or behind members has a name. */
#pragma GCC diagnostic push
#pragma GCC diagnostic error "-Wpadded"
struct mat { /* rows apart by ld elements */
    float *at;
    size_t ld;
    int32_t rows, cols;
};
struct acts { /* the same of floats, F16 or BF16 */
    void *at;
    size_t ld;
    uint32_t *saturated; /* counts finite values that were too large for it */
    int32_t rows, cols;
    enum dtype type;
    int32_t unused;
};
static inline struct acts acts_of(struct mat m)
{
    const struct acts h = {m.at, m.ld, NULL, m.rows, m.cols, DTYPE_F32, 0};
    return h;
}
struct ints {
    int32_t *at;
    size_t ld;
    int32_t n, unused;
};
struct wmat { /* [out, in], ld a multiple of 8, the columns from `in` on are 0; rows aligned to 16
                 bytes */
    const void *at;
    size_t ld;
    int32_t out, in;
    enum dtype type;
    int32_t unused;
};
struct codes { /* struct csr */
    int32_t *start, *ids;
    float *vals;
    int32_t n_rows, capacity;
};

enum fault_kind {
    FAULT_NONE,
    FAULT_NORM,     /* a row that can't be normalised */
    FAULT_ID,       /* id a, of b */
    FAULT_WEIGHT,   /* the weight's [a, b] is not finite */
    FAULT_SUM,      /* a sum of rows overflows */
    FAULT_VALUE,    /* column a of what is selected from is not finite */
    FAULT_STARTS,   /* row a of codes has the entries b to c */
    FAULT_CAPACITY, /* a selection of more than INT32_MAX entries */
};
struct fault {
    int32_t kind, a, b, c, op, what;
    uint64_t number;
    uint32_t saturated; /* counted on, whatever is found: values that were too large for 16 bits */
    uint32_t redone;    /* likewise: rows encoded in full */
};
struct faults { /* where they go, and whose they are */
    struct fault *to;
    int32_t op, what; /* what: of the columns, a word of the queue's */
    uint64_t number;  /* the queue's, of the operation */
};

/* x → y, for each row: gamma ⊙ ((x − mean)·s) + beta, with the mean and s as asked for. */
struct norm_kernel {
    const float *gamma, *beta; /* NULL: 1, 0 */
    const float *scale_in;     /* NULL: none; else it stands for s */
    float *scale_out;          /* NULL: not told */
    size_t ld_scale_in, ld_scale_out;
    float eps;
    bool centre, scale; /* x − mean, or x; s = 1/√(mean square + eps), or 1 */
    bool sample;        /* s = 1/(√(sum of squares/(n − 1)) + eps) */
    bool unused;
};
void gpu_norm(struct acts y, struct mat x, const struct norm_kernel *, struct faults,
              struct stream *);
void gpu_rows_unscale(struct mat y, struct mat scale, float eps, struct stream *);
/* y = f(x) ⊙ mul; mul.at NULL: 1. */
void gpu_act(struct acts y, struct mat x, struct acts mul, enum activation, struct stream *);
void gpu_round(struct acts y, struct acts x, struct stream *); /* y = x */

void gpu_add(struct mat y, struct mat x, float a, struct stream *); /* x of one row: to each */
void gpu_add_outer(struct mat y, struct mat c, struct mat u, struct stream *);
void gpu_unit_change(struct mat c, struct mat f, const float *value, const int32_t *mode,
                     struct stream *);
/* Elements of 2, 4 or 8 bytes; ld in elements. */
struct move {
    void *y;
    const void *x;
    size_t ldy, ldx, size;
    int32_t y_rows, x_rows, cols, unused;
};
void gpu_copy(const struct move *, struct stream *);
void gpu_rows_get(const struct move *, struct ints rows, struct faults, struct stream *);
void gpu_rows_set(const struct move *, struct ints rows, struct faults, struct stream *);
void gpu_rows_add(struct mat y, struct mat x, struct ints rows, struct faults, struct stream *);
void gpu_cols_get(struct mat y, struct mat x, struct ints cols, struct faults, struct stream *);
struct reals { /* floats, or doubles (wide) */
    const void *at;
    size_t ld;
    int32_t rows, cols;
    bool wide, unused[7];
};
void gpu_row_stats(double *stats, size_t ld, struct reals x, struct reals z, struct stream *);
void gpu_col_sums(double *sums, struct reals x, double a, struct stream *);
struct hist_kernel { /* struct hist */
    int32_t m, n_classes;
    int32_t *bin, *exponent;
    double *sum;
    float *range;
    size_t ld_bin, ld_sum, ld_range;
};
void gpu_hist(const struct hist_kernel *, struct mat pre, struct ints cls, struct faults,
              struct stream *);
void gpu_hist_move(const struct hist_kernel *to, const struct hist_kernel *from, struct stream *);
void gpu_hist_clear(const struct hist_kernel *, struct stream *);

/* ---- weights */
void gpu_weight_rows(struct mat y, struct wmat, struct ints ids, struct faults, struct stream *);
void gpu_decode(struct mat y, struct codes, struct wmat, const float *bias, struct faults,
                struct stream *);
void gpu_dot_rows(struct mat y, struct mat x, struct wmat, struct ints ids, const float *bias,
                  struct faults, struct stream *);
/* W [out, in] ← src [in, n] where row o is column map[o] (NULL: o); columns first … of W. */
void gpu_transpose(struct wmat to, const void *src, size_t ld_src, int32_t first, int32_t n_in,
                   const int32_t *map, struct stream *);
/* *where ← the least row·in + column of what is not finite, if it is less. */
void gpu_find_bad(struct wmat, uint64_t *where, struct stream *);
/* The same values in `to`'s type, of the same shape; *where as above, of what is out of its range.
 */
void gpu_convert(struct wmat to, struct wmat from, uint64_t *where, struct stream *);

/* How a product ends: v = x·Wᵀ + bias, then by the epilogue. */
struct product_end {
    const float *bias; /* NULL: 0 */
    enum epilogue epilogue;
    int32_t unused;
};
enum { GEMV_ROWS = 8 };
void gpu_gemv(struct acts y, struct acts x, struct wmat, struct product_end, struct stream *);
/* x in 16-bit rows whose products with 16-bit weights add up to a float's: F16 2 (with a power of
 * two a row, in `scale`), BF16 3; parts [n_parts, rows, ld], columns from cols on 0. */
void gpu_split(void *parts, size_t ld, float *scale, enum dtype type, struct mat x,
               struct stream *);
/* y from the products of the parts [n_parts, rows, out]; type F32: of one part. */
void gpu_join(struct acts y, const float *parts, const float *scale, enum dtype type,
              struct product_end, struct stream *);

/* ---- codes */
struct select_kernel {
    enum select_kind kind;
    int32_t k;
    const float *threshold, *scale, *shift;
    bool relu, each_threshold, unused[6];
};
/* Bytes of working space for T rows of m. */
size_t gpu_select_bytes(const struct select_kernel *, int32_t rows, int32_t m);
void gpu_select(struct codes, int32_t first, struct mat pre, const struct select_kernel *,
                void *memory, struct faults, struct stream *);
/* What of the ids [T, k] of each row is taken goes into the codes, with the values of x there; ids
 * NULL: what passes. count: working space, T. */
void gpu_select_ids(struct codes, int32_t first, struct mat x, const struct select_kernel *,
                    int32_t *count, int32_t *ids, struct faults, struct stream *);
/* The k largest of each row, NaN as −∞, ties to the lower index: ids, vals [T, k]. */
size_t gpu_top_bytes(int32_t rows, int32_t k);
void gpu_top(int32_t *ids, size_t ld_ids, float *vals, size_t ld_vals, struct mat x, int32_t k,
             bool by_size, void *memory, struct stream *);
void gpu_csr_get(struct mat y, struct codes, struct ints ids, struct faults, struct stream *);

/* ---- codes from products of rounded numbers (engine/backend/margin.h) */
/* to[2] ← the greatest norms, as float's bits: of the rows of `rounded`, and of what they are off.
 */
void gpu_row_norms(uint32_t *to, struct wmat rounded, struct wmat exact, struct stream *);
struct encode_kernel {
    struct mat x, pre; /* [T, in]; [T, m]: first products of rounded numbers, then values */
    struct wmat w;
    const float *bias;        /* NULL: 0 */
    struct rounded_rows of;   /* of w */
    void *rounded;            /* [T, ld of w] */
    float *scale, *margin;    /* [T]: what pre is to be multiplied by; */
    float *most_bias;         /* [1] */
    int32_t *ids, *n_ids;     /* [T, room], [T]: who may be among the largest; −1: all */
    int32_t *again, *n_again; /* [T], [1]: rows that are computed in full */
    uint32_t *redone;         /* counted on */
    enum dtype type;          /* what x is rounded to; F32: it is not */
    int32_t room, k;
    bool by_size, unused[3];
};
enum { ENCODE_LEAST = 256, ENCODE_HELD = 2048 }; /* of room: at most what a block can sort */
void gpu_encode_round(const struct encode_kernel *, struct stream *);
/* Finds them, and puts their values where the products were. */
void gpu_encode_candidates(const struct encode_kernel *, struct stream *);
/* The same for columns first … of the rows that are computed in full. */
void gpu_encode_again(const struct encode_kernel *, int32_t first, int32_t n, struct stream *);
void gpu_encode_top(int32_t *top, const struct encode_kernel *, struct stream *); /* [T, k] */

/* ---- the vocabulary, a chunk of its columns at a time */
struct vocab_state {
    double sum;
    float max, target;
};
void gpu_soft_cap(struct mat z, float cap, struct stream *);
/* Folds columns first … of the logits into the rows' states; first 0 begins them. */
void gpu_vocab_fold(struct vocab_state *, struct mat z, int32_t first, struct ints target,
                    int32_t vocab, struct faults, struct stream *);
void gpu_vocab_loss(float *loss, size_t ld, const struct vocab_state *, struct ints target,
                    struct stream *);
/* logp −= lse of the row; ids[t, i] = candidate[t, at[t, i]]. */
void gpu_vocab_best(struct ints ids, struct mat logp, const int32_t *candidate, size_t ld_candidate,
                    const int32_t *at, const struct vocab_state *, struct stream *);
void gpu_shift_ids(int32_t *ids, size_t ld, int32_t rows, int32_t n, int32_t by, struct stream *);

/* ---- attention */
struct attn_seq {        /* of the device: one sequence */
    void *keys, *values; /* position 0 of layer `first_layer`, of attn_kernel.kept */
    size_t layer_step;   /* elements from a layer's keys to the next's; 0: there is one */
    int32_t row, n, past, first_layer;
};
struct attn_task {
    int32_t seq, first, n; /* rows of the sequence, at most ATTN_ROWS */
    int32_t begin, end;    /* positions looked at */
    int32_t part;          /* −1: all of them are; else where the partial sums go */
};
struct attn_whole {                /* rows whose keys were split */
    int32_t row, n, part, n_parts; /* n ≤ ATTN_ROWS; parts follow each other */
};
enum { ATTN_ROWS = 16, ATTN_KEYS = 64, ATTN_SPLIT = 256, ATTN_DIM = 256 };
struct attn_kernel {
    struct mat q, k, v;
    struct acts y;
    float *turned; /* [T, n_heads · dim]: room for the rotated queries */
    const float *inv_freq;
    const struct attn_seq *seq;
    const struct attn_task *task;
    const struct attn_whole *whole;
    float *part;     /* [n_parts, n_heads, ATTN_ROWS, 2 + dim]: max, sum, Σ p·v */
    enum dtype kept; /* what keys and values are */
    int32_t n_seqs, n_tasks, n_wholes;
    int32_t n_heads, n_kv_heads, dim, window, layer, rot;
    float scale, soft_cap, length; /* length: of (cos, sin) */
    bool neighbours, unused[3];    /* pairs are 2i, 2i + 1 */
};
#pragma GCC diagnostic pop
void gpu_attn(const struct attn_kernel *, struct stream *);

#ifdef __cplusplus
}
#endif
#endif

/* The CPU device behind struct backend. Private to engine/cpu. */
#ifndef GLIMT_ENGINE_CPU_DEVICE_H
#define GLIMT_ENGINE_CPU_DEVICE_H
#include "engine/backend.h"
#include "engine/backend/margin.h"
#include "engine/cpu/kernels.h"
#include "engine/cpu/pool.h"
#include <stdatomic.h>

struct buf {
    char *bytes;
    size_t n;
};

#define PANELS_VERSION 1 /* of `packed` below, which is kept on disk: count up when it changes */
struct weight {
    int32_t out, in;
    enum dtype type;
    enum order order;
    unsigned uses;
    const char *rows; /* USE_ROWS: the source, borrowed */
    char *own;        /* the memory of `packed`; NULL where that is borrowed */
    char *packed; /* USE_PRODUCT: panels of `width` rows of W, each [in, width], zeros beyond the
                     last row */
    int32_t width, n_panels;
    size_t panel_bytes, packed_bytes;
    bool planes; /* panels are in two planes (kernels.h), behind the last of them is what follows;
                    USE_ENCODE of floats */
    const float *size;    /* [n_panels·width], as in margin.h; */
    float share, largest; /* what it says of them */
    atomic_int *doubt;    /* calls in which candidates were too many, one after the other */
};

struct kv { /* keys as in struct attend, values row by row; [layer][keys, values] */
    int32_t first_layer, n_layers, width, cap;
    int32_t n_kv_heads; /* 0 until the first attention: the layout depends on it */
    size_t side;        /* floats of the keys (or values) of one layer */
    float *data;
    void *memory;
};

enum scratch {
    SCRATCH_THREADS,
    SCRATCH_SEQS,
    SCRATCH_PARTS,
    SCRATCH_FEW,
    SCRATCH_ENCODE,
    SCRATCH_N
};

struct rope_table { /* [2: cos, sin][n positions][half], times length */
    float *inv_freq, *angle, length;
    int32_t half, n;
    uint64_t used; /* by which attention it was asked for last */
};
#define ROPE_TABLES 4 /* models have one, or one for local and one for global attention */

struct cpu {
    struct backend backend; /* first: struct backend * is struct cpu * */
    const struct kernels *k;
    struct pool *pool;
    bool dots;           /* k->dots may be called */
    size_t least_planes; /* bytes of a weight that lies in planes */
    char device[64], layout[32];
    struct {
        char *bytes;
        size_t n;
    } scratch[SCRATCH_N];
    struct rope_table rope[ROPE_TABLES];
    uint64_t n_attns;
};

static inline struct cpu *cpu_of(const struct queue *q)
{
    return (struct cpu *)q->backend;
}
static inline bool cpu_failed(const struct queue *q)
{
    return error_is_set(&q->err);
}

/* The first row that a loop over rows, on several threads, found bad; INT32_MAX: none. */
static inline void row_is_bad(atomic_int *first, int32_t row)
{
    int was = atomic_load_explicit(first, memory_order_relaxed);
    while (row < was && !atomic_compare_exchange_weak(first, &was, row))
        ;
}

/* 64-byte aligned; large blocks ask for huge pages. NULL when there is none. */
void *cpu_alloc(size_t n);

/* Memory of the device that lives until it is freed: at least n bytes, contents undefined. NULL and
 * the queue's error set when there is none. SCRATCH_THREADS: n for each thread. */
void *cpu_scratch(struct queue *, enum scratch, size_t n);
void *cpu_scratch_of(struct cpu *, int thread, size_t n);

/* The elements of a tensor argument; NULL and the queue's error set when its shape, type or room
 * is wrong. rows or cols −1: any. */
void *cpu_view(struct queue *, const char *op, const char *arg, struct tensor, enum dtype,
               int32_t rows, int32_t cols);
static inline float *cpu_f32(struct queue *q, const char *op, const char *arg, struct tensor t,
                             int32_t rows, int32_t cols)
{
    return cpu_view(q, op, arg, t, DTYPE_F32, rows, cols);
}

/* The entries of codes whose ids are below `out`; false and the queue's error set when something
 * is wrong with them. */
bool cpu_codes(struct queue *, const char *op, const struct csr *, int32_t out,
               const int32_t **start, const int32_t **ids, const float **vals);

/* Calls fn(arg, first, n) over the rows, on several threads when rows × cost (elements) is worth
 * it. */
typedef void rows_fn(void *arg, int thread, int32_t first, int32_t n);
void cpu_for_rows(struct queue *, int32_t rows, int64_t cost, rows_fn *, void *arg);

/* ---- the operations, by file */
/* weight.c */
struct weight *cpu_weight_new(struct backend *, const struct weight_source *, unsigned uses,
                              struct error *);
struct weight *cpu_weight_take(struct backend *, const struct weight_source *, unsigned uses,
                               const void *packed, size_t n, struct error *);
const void *cpu_weight_packed(const struct weight *, size_t *n);
void cpu_weight_free(struct backend *, struct weight *);
size_t cpu_weight_bytes(const struct weight *);
uint64_t cpu_weight_need(const struct backend *, const struct weight_source *, unsigned uses);
int32_t cpu_weight_in(const struct weight *);
enum dtype cpu_weight_reads(const struct weight *);
void cpu_weight_rows(struct queue *, struct tensor y, const struct weight *, struct tensor ids);
void cpu_decode(struct queue *, struct tensor y, const struct csr *, const struct weight *,
                struct tensor bias);
void cpu_dot_rows(struct queue *, struct tensor y, struct tensor x, const struct weight *,
                  struct tensor ids, struct tensor bias);
/* product.c */
void cpu_linear(struct queue *, struct tensor y, struct tensor x, const struct weight *,
                struct tensor bias, enum epilogue);
/* vocab.c */
void cpu_xent(struct queue *, struct tensor loss, struct tensor h, const struct weight *U,
              struct tensor target, float soft_cap);
void cpu_topn(struct queue *, struct tensor ids, struct tensor logp, struct tensor h,
              const struct weight *U, float soft_cap);
/* attn.c */
struct kv *cpu_kv_new(struct queue *, int32_t first_layer, int32_t n_layers, int32_t width,
                      int32_t cap, enum dtype as, struct error *);
void cpu_kv_free(struct queue *, struct kv *);
void cpu_kv_copy(struct queue *, struct kv *to, const struct kv *from, int32_t n);
void cpu_attn(struct queue *, struct tensor y, struct tensor Q, struct tensor K, struct tensor V,
              const struct attn_shape *, int32_t layer, const struct seqs *);
void cpu_rope_free(struct cpu *);
/* encode.c */
void cpu_encode(struct queue *, struct csr *, int32_t first, struct tensor x, const struct weight *,
                struct tensor bias, const struct select *);
/* codes.c */
void cpu_select(struct queue *, struct csr *, int32_t first, struct tensor pre,
                const struct select *);
void cpu_csr_get(struct queue *, struct tensor y, const struct csr *, struct tensor ids);
/* rows.c */
void cpu_rows_unscale(struct queue *, struct tensor y, struct tensor scale, float eps);
void cpu_norm(struct queue *, struct tensor y, struct tensor x, struct tensor gamma,
              struct tensor beta, float eps, enum norm_kind, struct tensor scale_out,
              struct tensor scale_in);
void cpu_act(struct queue *, struct tensor y, struct tensor x, struct tensor mul, enum activation);
void cpu_add(struct queue *, struct tensor y, struct tensor x, float a);
void cpu_add_outer(struct queue *, struct tensor y, struct tensor C, struct tensor U);
void cpu_rows_get(struct queue *, struct tensor y, struct tensor x, struct tensor rows);
void cpu_rows_set(struct queue *, struct tensor y, struct tensor x, struct tensor rows);
void cpu_rows_add(struct queue *, struct tensor y, struct tensor x, struct tensor rows);
void cpu_cols_get(struct queue *, struct tensor y, struct tensor x, struct tensor cols);
void cpu_unit_change(struct queue *, struct tensor c, struct tensor f, struct tensor value,
                     struct tensor mode);
void cpu_copy(struct queue *, struct tensor y, struct tensor x);
/* sums.c */
void cpu_row_stats(struct queue *, struct tensor y, struct tensor x, struct tensor z);
void cpu_col_sums(struct queue *, struct tensor y, struct tensor x, double a);
void cpu_fetch_f64(struct queue *, double *dst, struct tensor src);
/* hist.c */
void cpu_hist(struct queue *, const struct hist *, struct tensor pre, struct tensor cls);
void cpu_hist_move(struct queue *, const struct hist *to, const struct hist *from);
void cpu_hist_clear(struct queue *, const struct hist *);
#endif

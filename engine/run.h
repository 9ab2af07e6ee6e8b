/* What every operation gets: a device's queue, an arena for results, the tape, and a sticky error.
 *
 * Numeric code has no error branches: after an error or a cancel, operations do nothing and return
 * tensors of the right shape. Look at run_ok() at the end. Between operations `poll` lets a live
 * request overtake a job. One run belongs to one thread. */
#ifndef GLIMT_ENGINE_RUN_H
#define GLIMT_ENGINE_RUN_H
#include "engine/arena.h"
#include "engine/tape.h"
#include <stdatomic.h>

/* Writes who was at work, for an error; a, b: what `of` does not say. */
typedef void run_namer(const void *of, int64_t a, int64_t b, char *to, size_t n);
enum { RUN_NAMES = 96 };

struct run {
    struct queue *queue;
    struct arena *arena;
    struct tape *tape;         /* NULL: nothing is recorded */
    const atomic_bool *cancel; /* may be NULL */
    void (*poll)(void *);      /* may be NULL; called before each operation, and while one waits;
                                  what it does on the device it does in another queue */
    void *poll_arg;
    void (*told)(void *, double share); /* may be NULL: hears how much of the work is done, 0 to 1;
                                           run_tell */
    void *told_arg;
    double told_from,
        told_part; /* what run_tell speaks of, shares of the work; part 0: all of it */
    struct error err;
    uint64_t failed; /* the queue's number of the operation that `err` is of; 0: of none */
    struct run_name {
        uint64_t first, last; /* of operations that may yet turn out to be wrong */
        run_namer *name;
        const void *of;
        int64_t a, b;
    } name[RUN_NAMES]; /* n_names of them, in the order given */
    int32_t n_names;
};

/* How much is done of what the run is at. */
static inline void run_tell(struct run *r, double share)
{
    if (r->told)
        r->told(r->told_arg, r->told_from + share * (r->told_part > 0 ? r->told_part : 1));
}

/* True while neither an error, as far as the queue knows, nor a cancel has happened; turns a raised
 * `cancel` into ERROR_CANCELLED, and drops what the queue has found wrong meanwhile. */
bool run_ok(struct run *);
/* The same of all that is queued: waits where it is not known yet. Before what was made on the
 * device is relied on. */
bool run_well(struct run *);
/* Names the operations since run_at() was `from`: what is found wrong with their values
 * (ERROR_INPUT), now or later, gets "name: " before it, the name given last in front. `of` stays
 * until the run was waited for. */
static inline uint64_t run_at(const struct run *r)
{
    return r->queue->number;
}
void run_name(struct run *, uint64_t from, run_namer *, const void *of, int64_t a, int64_t b);
/* Room from the arena, for numbers of the device's own type or for ids (I32); contents undefined.
 * On failure an absent tensor (buf NULL) with its shape set. */
struct tensor run_tensor(struct run *, int32_t rows, int32_t cols);
struct tensor run_ids(struct run *, int32_t rows, int32_t cols);
/* The same, filled from host memory (rows × cols, contiguous). */
struct tensor run_put(struct run *, int32_t rows, int32_t cols, const float *host);
struct tensor run_put_ids(struct run *, int32_t rows, int32_t cols, const int32_t *host);
/* Room for codes of n_rows rows with at most `capacity` entries. */
struct csr run_csr(struct run *, int32_t n_rows, int64_t capacity);
/* Copies to host memory (floats, or int32_t of ids) and waits; does nothing after an error. */
void run_get(struct run *, void *host, struct tensor);

void run_get_f64(struct run *, double *host, struct tensor); /* as doubles */

/* The same without waiting: host memory is filled, and must stay, until run_wait; or until
 * run_reach of a mark made behind it. */
void run_fetch(struct run *, void *host, struct tensor);
void run_fetch_f64(struct run *, double *host, struct tensor);
/* Until all that is queued is done, whatever has happened; false after an error. */
bool run_wait(struct run *);
/* What is queued so far; and until that is done, and known to be well. Behind an error nothing is
 * waited for: run_wait before host memory goes. */
uint64_t run_mark(struct run *);
bool run_reach(struct run *, uint64_t mark);

struct csr_host { /* codes on the host; zero: nothing yet */
    int32_t n_rows;
    int32_t *start, *ids; /* the entries of row t: start[t] … start[t+1] − 1 */
    float *vals;
    size_t cap_start, cap_ids, cap_vals;
};
/* Copies codes, growing what is there; no rows after an error (false). */
bool run_get_csr(struct run *, struct csr_host *, const struct csr *);
/* The same without waiting, with all of the room that codes have: where that is little more than
 * they are, and not so that they are known first. False: it is not, and nothing is done. */
bool run_fetch_csr(struct run *, struct csr_host *, const struct csr *);
/* Codes of the host on the device (arena). */
struct csr run_put_csr(struct run *, int32_t n_rows, const int32_t *start, const int32_t *ids,
                       const float *vals);
void csr_host_release(struct csr_host *);

struct linear { /* weight [out, in] and its bias [1, out] or absent */
    const struct weight *w;
    struct tensor bias;
    int32_t out, in;
    enum dtype reads; /* x is rounded to: F16, BF16 (the weight's weight_reads); F32: not at all */
};
struct norm {
    enum norm_kind kind;
    float eps;
    enum dtype as; /* of the result, where only products read it: F16, BF16; F32: caps.real */
    struct tensor gamma, beta; /* [1, n] or absent */
};

/* Each executes on the run's device and records itself if there is a tape. Results live in the
 * arena. Formulas: engine/backend.h. Under a tape no epilogue swallows a value that a backward pass
 * needs: the product and the activation are two operations then, with the same numbers. */
struct tensor op_linear(struct run *, struct tensor x, const struct linear *,
                        enum epilogue /* NONE, GELU, GELU_TANH */);
/* The same for products alone to read, of F16 or BF16; F32: caps.real. */
struct tensor op_linear_as(struct run *, struct tensor x, const struct linear *, enum epilogue,
                           enum dtype as);
void op_linear_add(struct run *, struct tensor y, struct tensor x,
                   const struct linear *); /* y += x·Wᵀ + b */
/* f(x·Wᵀ + b) ⊙ up, in the memory of `up` unless there is a tape. */
struct tensor op_linear_mul(struct run *, struct tensor up, struct tensor x, const struct linear *,
                            enum epilogue /* …_MUL */);
/* frozen: [T, 1], what stands in for the rows' scale; or absent. */
struct tensor op_norm(struct run *, struct tensor x, const struct norm *, struct tensor frozen);
/* The same with the rows' scale [T, 1]. */
struct tensor op_norm_scaled(struct run *, struct tensor x, const struct norm *,
                             struct tensor *scale);
void op_rows_unscale(struct run *, struct tensor y, struct tensor scale, float eps);
struct tensor op_act(struct run *, struct tensor x, struct tensor mul /* or absent */,
                     enum activation, enum dtype as);
struct tensor op_attn(struct run *, struct tensor Q, struct tensor K, struct tensor V,
                      const struct attn_shape *, int32_t layer, const struct seqs *, enum dtype as);
/* x as F16, BF16, or (F32) caps.real: itself where it is that already. */
struct tensor op_as(struct run *, struct tensor x, enum dtype);
struct tensor op_rows(struct run *, const struct weight *, struct tensor ids);
struct tensor op_xent(struct run *, struct tensor h, const struct weight *U, struct tensor target,
                      float soft_cap);
void op_topn(struct run *, struct tensor h, const struct weight *U, float soft_cap,
             struct tensor ids, struct tensor logp);
void op_select(struct run *, struct csr *f, int32_t first, struct tensor pre,
               const struct select *);
/* Whether the device has an operation for such codes. */
bool op_encodes(const struct backend *, const struct select *);
/* The codes of x's rows, as select has them of op_linear; false: not done, since the device has no
 * quicker way than those two, or a tape records. */
bool op_encode(struct run *, struct csr *f, struct tensor x, const struct linear *,
               const struct select *);
struct tensor op_decode(struct run *, const struct csr *, const struct weight *W,
                        struct tensor bias, int32_t n);
struct tensor op_csr_get(struct run *, const struct csr *, struct tensor ids);
struct tensor op_dot_rows(struct run *, struct tensor x, const struct weight *W, struct tensor ids,
                          struct tensor bias);
struct tensor op_unit_change(struct run *, struct tensor f, struct tensor value,
                             struct tensor mode);
void op_add(struct run *, struct tensor y, struct tensor x, float a);
void op_add_outer(struct run *, struct tensor y, struct tensor C, struct tensor U);
struct tensor op_rows_get(struct run *, struct tensor x, struct tensor rows);
void op_rows_get_to(struct run *, struct tensor y, struct tensor x, struct tensor rows);
void op_rows_set(struct run *, struct tensor y, struct tensor x, struct tensor rows);
void op_rows_add(struct run *, struct tensor y, struct tensor x, struct tensor rows);
struct tensor op_cols_get(struct run *, struct tensor x, struct tensor cols);
struct tensor op_copy(struct run *, struct tensor x);
/* Statistics, F64; no tape records them. run_sums: [1, n] zeros, for col_sums: y += a·Σ rows. */
struct tensor run_sums(struct run *, int32_t n);
struct tensor op_row_stats(struct run *, struct tensor x, struct tensor z);
void op_col_sums(struct run *, struct tensor y, struct tensor x, double a);
/* A histogram of m columns in the arena, its contents undefined (op_hist_clear). */
struct hist run_hist(struct run *, int32_t m, int32_t n_classes);
struct hist_host { /* its arrays on the host, contiguous, in the shapes of struct hist */
    uint32_t *bins;
    int32_t *exponent;
    double *sums;
    float *range;
};
void run_get_hist(struct run *, struct hist_host, const struct hist *);
void run_put_hist(struct run *, const struct hist *, struct hist_host); /* to the bit */
void op_hist(struct run *, const struct hist *, struct tensor pre, struct tensor cls);
void op_hist_move(struct run *, const struct hist *to, const struct hist *from);
void op_hist_clear(struct run *, const struct hist *);
void op_copy_to(struct run *, struct tensor y, struct tensor x); /* the same shape */
#endif

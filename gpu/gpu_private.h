/* What the files of the plugin share: the device, its queue, arguments as the kernels take them.
 *
 * The plugin is plain C over CUDA's runtime; cuBLASLt, half a gigabyte, is opened only when a
 * device is. Nothing of glimt's is linked: errors are filled through engine/base/error_inline.h. */
#ifndef GLIMT_GPU_PRIVATE_H
#define GLIMT_GPU_PRIVATE_H
#include "engine/backend.h"
#include "gpu/kernels.h"
#include <stdbool.h>

#define LT_FUNCTIONS(F)                                                                            \
    F(Create)                                                                                      \
    F(Destroy)                                                                                     \
    F(GetVersion)                                                                                  \
    F(MatmulDescCreate)                                                                            \
    F(MatmulDescDestroy)                                                                           \
    F(MatmulDescSetAttribute)                                                                      \
    F(MatrixLayoutCreate)                                                                          \
    F(MatrixLayoutDestroy)                                                                         \
    F(MatmulPreferenceCreate)                                                                      \
    F(MatmulPreferenceDestroy)                                                                     \
    F(MatmulPreferenceSetAttribute)                                                                \
    F(MatmulAlgoGetHeuristic)                                                                      \
    F(Matmul)
struct lt {
#define MEMBER(name) __typeof__(cublasLt##name) *name;
    LT_FUNCTIONS(MEMBER)
#undef MEMBER
};
bool lt_load(struct lt *, struct error *); /* false and the reason */

struct plan { /* of one product; the layouts and the algorithm that the heuristics gave */
    struct plan_key {
        int32_t out, in, rows, align[3];
        int64_t ldw, ldx, ldy;
        enum dtype type;
        bool bias, sum;
    } key;
    cublasLtMatmulDesc_t desc;
    cublasLtMatrixLayout_t w, x, y;
    cublasLtMatmulAlgo_t algo;
    uint64_t used;
};
enum { N_PLANS = 128, RING = 8, RING_BYTES = 256 << 10, DOWN_BYTES = 1 << 20 };
enum { JOB_DOWN_BYTES = 8 << 20 /* of two sub-batches */, LT_BYTES = 32 << 20 };
enum { DELIVERIES = 32, MARKS = 16, WORDS = 8, WORD_BYTES = 24 };
enum room { ROOM_OP, ROOM_PRODUCT, ROOM_N };

struct gpu;
struct gpu_queue {
    struct queue base; /* first: struct queue * is struct gpu_queue * */
    struct gpu *gpu;
    struct stream stream;
    cudaMemPool_t pool;
    char
        *ring; /* pinned: what `put` copies from, RING pieces in turn, each filled from its start */
    cudaEvent_t ring_free[RING];
    unsigned ring_at;
    size_t ring_used;
    char *down; /* pinned: where what is fetched arrives, on its way to the host's memory */
    size_t down_bytes, down_at;
    struct delivery {
        void *to;
        size_t from, n; /* bytes of down */
        bool widen;     /* floats become doubles */
        uint64_t mark;  /* there once it is reached */
    } delivery[DELIVERIES];
    int n_deliveries;
    uint64_t marks; /* how many were made: the last MARKS have their events */
    cudaEvent_t marked[MARKS];
    struct fault *fault;  /* the device's: the first that was found */
    struct fault *known;  /* pinned: what it was at each mark that has its event, and at a wait */
    uint64_t suspect;     /* the first mark behind all that may find a fault */
    uint64_t settled;     /* what marks up to here know of was told, and wiped */
    uint64_t failed;      /* number of the operation that base.err is of; 0: the host's own */
    uint64_t number_from; /* kernels count operations from here: from the last wait */
    char word[WORDS][WORD_BYTES]; /* what columns were called */
    int n_words;
    void *lt_memory; /* cuBLASLt's working space; NULL until a product */
    struct {
        void *at;
        size_t n;
    } room[ROOM_N];
    struct {
        void *host, *at; /* the last sequences' table, and on the device */
        size_t n, room;
    } table;
};

struct gpu {
    struct backend backend; /* first: struct backend * is struct gpu * */
    char name[16], device[320], kind[272], capability[16];
    char lost[96]; /* why no call works any more; "": all is well */
    int ordinal;
    struct gpu_queue *load; /* of weights on their way */
    struct gpu_queue *last; /* who launched last: what a launch went wrong with is its error */
    struct lt lt;
    cublasLtHandle_t handle;
    struct plan plan[N_PLANS];
    uint64_t n_products;
    enum precision precision;
    int64_t job_flop; /* the most that one launch of a job computes */
    char *stage[2];   /* pinned: weights on their way */
    cudaEvent_t staged[2];
    size_t stage_bytes;
};
struct buf {
    char *at;
    size_t n;
};
struct weight {
    struct wmat w;
    unsigned uses;
    enum dtype reads;    /* F16, BF16: products take x of it, too; F32: not */
    struct wmat rounded; /* USE_ENCODE: as 16 bits, w itself where it is that; at NULL: not */
    struct rounded_rows of;
};
struct kv { /* keys, then values, of each layer: [position, width] */
    char *at;
    size_t side; /* elements */
    enum dtype type;
    int32_t first_layer, n_layers, width, cap;
};

static inline struct gpu *gpu_of(struct backend *b)
{
    return (struct gpu *)(void *)b;
}
static inline struct gpu_queue *queue_of(struct queue *q)
{
    return (struct gpu_queue *)(void *)q;
}

/* ---- fail.c: false and *e when a call failed */
bool gpu_check(struct gpu *, struct error *e, const char *what, cudaError_t);
bool gpu_lost(const struct gpu *, struct error *e); /* true and *e: nothing is asked of it again */
/* Makes the device the calling thread's. */
bool gpu_begin(struct gpu *, struct error *e);
/* Likewise, with the queue's error. */
bool queue_check(struct gpu_queue *, const char *what, cudaError_t);
bool queue_lt_check(struct gpu_queue *, const char *what, cublasStatus_t);

/* ---- queue.c */
struct queue *cuda_queue_new(struct backend *, enum queue_kind, struct error *);
void cuda_queue_free(struct queue *);
/* Whether operations do nothing; makes the device the calling thread's. */
bool queue_failed(struct gpu_queue *);
void *queue_room(struct gpu_queue *, enum room,
                 size_t); /* working space; NULL and the error: none */
bool queue_upload(struct gpu_queue *, void *to, const void *from, size_t);
bool queue_ring(struct gpu_queue *); /* pinned memory of both ways is there */
/* Rows of `width` bytes, queued like a kernel; and n times the same byte. */
bool queue_copy(struct gpu_queue *, void *to, size_t to_step, const void *from, size_t from_step,
                size_t width, size_t height, enum cudaMemcpyKind);
bool queue_fill(struct gpu_queue *, void *to, int byte, size_t n);
void queue_give_back(struct gpu_queue *, void *); /* what the pool gave; behind what is queued */
bool cuda_queue_status(struct queue *, struct error *);
void cuda_queue_sync(struct queue *);
uint64_t cuda_queue_mark(struct queue *);
bool cuda_queue_pending(struct queue *, uint64_t mark);
void cuda_queue_wait(struct queue *, struct queue *other, uint64_t mark);
struct buf *cuda_alloc(struct queue *, size_t, struct error *);
void cuda_buf_free(struct queue *, struct buf *);
void cuda_put(struct queue *, struct tensor, const void *);
void cuda_fetch(struct queue *, void *, struct tensor);
void cuda_fetch_f64(struct queue *, double *, struct tensor);

/* What may be wrong with an operation's values, for words. */
enum op {
    OP_NORM_LAYER,
    OP_NORM_RMS,
    OP_NORM_CENTRE,
    OP_NORM_SAMPLE,
    OP_WEIGHT_ROWS,
    OP_DECODE,
    OP_DOT_ROWS,
    OP_CSR_GET,
    OP_SELECT,
    OP_XENT,
    OP_ROWS_GET,
    OP_ROWS_SET,
    OP_ROWS_ADD,
    OP_COLS_GET,
    OP_HIST,
};
/* To be given to a kernel that reports. what: of its columns, or NULL. */
struct faults queue_faults(struct gpu_queue *, enum op, const char *what);

/* ---- arguments; rows, cols < 0: any. False and the queue's error set when they are not what the
 * operation takes. */
void *arg_view(struct gpu_queue *, const char *op, const char *arg, struct tensor, enum dtype,
               int32_t rows, int32_t cols);
bool arg_mat(struct gpu_queue *, const char *op, const char *arg, struct tensor, int32_t rows,
             int32_t cols, struct mat *);
/* Of floats, F16 or BF16; what is stored there may saturate. */
bool arg_acts(struct gpu_queue *, const char *op, const char *arg, struct tensor, int32_t rows,
              int32_t cols, struct acts *);
bool arg_ints(struct gpu_queue *, const char *op, const char *arg, struct tensor, int32_t rows,
              struct ints *);
bool arg_vector(struct gpu_queue *, const char *op, const char *arg, struct tensor, int32_t cols,
                const float **); /* absent: NULL */
bool arg_codes(struct gpu_queue *, const char *op, const struct csr *, struct codes *);
/* Of `rows` rows of m, selected into codes from row `first` on. */
bool arg_selected(struct gpu_queue *, const char *op, const struct csr *, int32_t first,
                  int32_t rows, int32_t m, const struct select *, struct codes *,
                  struct select_kernel *);

/* ---- weight.c */
struct weight *cuda_weight_new(struct backend *, const struct weight_source *, unsigned,
                               struct error *);
void cuda_weight_free(struct backend *, struct weight *);
size_t cuda_weight_bytes(const struct weight *);
uint64_t cuda_weight_need(const struct backend *, const struct weight_source *, unsigned);
int32_t cuda_weight_in(const struct weight *);
enum dtype cuda_weight_reads(const struct weight *);
void stage_close(struct gpu *);

/* ---- product.c */
/* y = x·Wᵀ + bias and its end; y, x on the device, x of floats or of the weight's own type. */
void queue_product(struct gpu_queue *, struct acts y, struct acts x, struct wmat,
                   struct product_end);
/* y = x·Wᵀ, x in the weight's own type, rows apart by ldx; of jobs a slice at a time. */
bool queue_multiply(struct gpu_queue *, struct mat y, const void *x, size_t ldx, struct wmat);
struct acts acts_rows(struct acts, int32_t first, int32_t n);
void plans_free(struct gpu *);
bool arg_product(struct gpu_queue *, const char *op, const struct weight *);
/* x of a product with w. */
bool arg_factor(struct gpu_queue *, const char *op, const char *arg, struct tensor,
                const struct weight *w, struct acts *);
void cuda_linear(struct queue *, struct tensor y, struct tensor x, const struct weight *,
                 struct tensor bias, enum epilogue);
void cuda_xent(struct queue *, struct tensor loss, struct tensor h, const struct weight *,
               struct tensor target, float soft_cap);
void cuda_topn(struct queue *, struct tensor ids, struct tensor logp, struct tensor h,
               const struct weight *, float soft_cap);

/* ---- encode.c */
void cuda_encode(struct queue *, struct csr *, int32_t first, struct tensor x,
                 const struct weight *, struct tensor bias, const struct select *);

/* ---- replay.c */
struct replay *replay_new(struct gpu_queue *); /* NULL: none is wanted, or there is no memory */
void replay_free(struct replay *);             /* NULL: nothing; and below */
/* The list is done: what was held back is asked for. Before anything is asked of the stream that is
 * no call, and before memory of the device is given back. */
void replay_end(struct replay *);
void stream_call(struct stream *, struct gpu_queue *, const struct call *);

/* ---- attention.c */
struct kv *cuda_kv_new(struct queue *, int32_t first_layer, int32_t n_layers, int32_t width,
                       int32_t cap, enum dtype as, struct error *);
void cuda_kv_free(struct queue *, struct kv *);
void cuda_kv_copy(struct queue *, struct kv *to, const struct kv *from, int32_t n);
void cuda_attn(struct queue *, struct tensor y, struct tensor Q, struct tensor K, struct tensor V,
               const struct attn_shape *, int32_t layer, const struct seqs *);

/* ---- ops.c */
void ops_fill(struct backend *);
#endif

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
enum { N_PLANS = 128, RING = 8, RING_BYTES = 256 << 10, DOWN_BYTES = 1 << 20, LT_BYTES = 32 << 20 };
enum room { ROOM_OP, ROOM_PRODUCT, ROOM_N };

struct gpu;
struct queue {
    struct gpu *gpu;
    cudaStream_t stream;
    cudaMemPool_t pool;
    struct error err;
    char *ring; /* pinned: what `put` copies from, RING pieces in turn */
    cudaEvent_t ring_free[RING];
    unsigned ring_at;
    char *down;                    /* pinned: what `get` copies to */
    struct fault *fault, *faulted; /* the device's; pinned */
    bool may_fault;                /* something was queued that looks at its values */
    const char *what;              /* of the columns that were selected from last */
    void *lt_memory;
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
    char name[16], device[320];
    int ordinal;
    struct queue queue;
    struct lt lt;
    cublasLtHandle_t handle;
    struct plan plan[N_PLANS];
    uint64_t n_products;
    char *stage[2]; /* pinned: weights on their way */
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
};
struct kv { /* keys, then values, of each layer: [position, width] */
    float *at;
    size_t side;
    int32_t first_layer, n_layers, width, cap;
};

static inline struct queue *queue_of(struct backend *b)
{
    return &((struct gpu *)(void *)b)->queue;
}

/* ---- queue.c */
bool queue_open(struct queue *, struct gpu *, struct error *);
void queue_close(struct queue *);
/* Whether operations do nothing; makes the device the calling thread's. */
bool queue_failed(struct queue *);
/* False, and the queue's error set, when a call of the runtime failed. */
bool queue_check(struct queue *, const char *what, cudaError_t);
void *queue_room(struct queue *, enum room, size_t); /* working space; NULL and the error: none */
bool queue_upload(struct queue *, void *to, const void *from, size_t);
bool cuda_status(struct backend *, struct error *);
void cuda_sync(struct backend *);
struct buf *cuda_alloc(struct backend *, size_t, struct error *);
void cuda_buf_free(struct backend *, struct buf *);
void cuda_put(struct backend *, struct tensor, const void *);
void cuda_get(struct backend *, void *, struct tensor);
void cuda_get_f64(struct backend *, double *, struct tensor);

/* What may be wrong with an operation's values, for words. */
enum op {
    OP_NORM_LAYER,
    OP_NORM_RMS,
    OP_NORM_CENTRE,
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
/* To be given to a kernel that reports. */
static inline struct fault *queue_fault(struct queue *q)
{
    q->may_fault = true;
    return q->fault;
}
void fault_tell(const struct fault *, const char *what, struct error *);

/* ---- arguments; rows, cols < 0: any. False and the queue's error set when they are not what the
 * operation takes. */
void *arg_view(struct queue *, const char *op, const char *arg, struct tensor, enum dtype,
               int32_t rows, int32_t cols);
bool arg_mat(struct queue *, const char *op, const char *arg, struct tensor, int32_t rows,
             int32_t cols, struct mat *);
bool arg_ints(struct queue *, const char *op, const char *arg, struct tensor, int32_t rows,
              struct ints *);
bool arg_vector(struct queue *, const char *op, const char *arg, struct tensor, int32_t cols,
                const float **); /* absent: NULL */
bool arg_codes(struct queue *, const char *op, const struct csr *, struct codes *);

/* ---- weight.c */
struct weight *cuda_weight_new(struct backend *, const struct weight_source *, unsigned,
                               struct error *);
void cuda_weight_free(struct backend *, struct weight *);
size_t cuda_weight_bytes(const struct weight *);
int32_t cuda_weight_in(const struct weight *);
void stage_close(struct gpu *);

/* ---- product.c */
/* y = x·Wᵀ + bias and its end; y, x on the device. */
void queue_product(struct queue *, struct mat y, struct mat x, struct wmat, struct product_end);
void plans_free(struct gpu *);
bool arg_product(struct queue *, const char *op, const struct weight *);
void cuda_linear(struct backend *, struct tensor y, struct tensor x, const struct weight *,
                 struct tensor bias, enum epilogue);
void cuda_xent(struct backend *, struct tensor loss, struct tensor h, const struct weight *,
               struct tensor target, float soft_cap);
void cuda_topn(struct backend *, struct tensor ids, struct tensor logp, struct tensor h,
               const struct weight *, float soft_cap);

/* ---- attention.c */
struct kv *cuda_kv_new(struct backend *, int32_t first_layer, int32_t n_layers, int32_t width,
                       int32_t cap, struct error *);
void cuda_kv_free(struct backend *, struct kv *);
void cuda_attn(struct backend *, struct tensor y, struct tensor Q, struct tensor K, struct tensor V,
               const struct attn_shape *, int32_t layer, const struct seqs *);

/* ---- ops.c */
void ops_fill(struct backend *);
#endif

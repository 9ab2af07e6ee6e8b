/* X·Wᵀ block by block, on all threads. Private to engine/cpu. */
#ifndef GLIMT_ENGINE_CPU_PRODUCT_H
#define GLIMT_ENGINE_CPU_PRODUCT_H
#include "engine/cpu/device.h"

struct block { /* of X·Wᵀ, without bias; columns beyond the weight's rows are not part of it */
    int32_t row, rows, col, cols;
    float *c;
    size_t ldc;
};
/* Takes what it needs from a block, which is gone afterwards. Several threads, one block each. */
typedef void block_sink(void *arg, int thread, const struct block *);

/* Of a weight in planes: with all digits, or with the nearest bf16 alone, x as floats or as pairs
 * of bf16 in their place (kernels.h). */
enum sweep_how { SWEEP_EXACT, SWEEP_ROUGH, SWEEP_DOTS };

struct sweep {
    struct queue *q;
    const struct weight *w;
    const float *x;
    size_t ldx;
    enum sweep_how how;
    int32_t rows;
    int32_t group; /* panels of a block; 0: chosen for speed */
    size_t extra;  /* bytes of memory for the sink, on each thread: sweep_extra() */
    block_sink *sink;
    void *arg;

    int32_t row_block, n_row_blocks, n_groups; /* filled by sweep_plan */
};

#define SWEEP_GROUP 16 /* most panels of a block */

/* Chooses the blocks and finds the memory; false and the device's error set when there is none. */
bool sweep_plan(struct sweep *);
void sweep_run(struct sweep *);
void *sweep_extra(const struct sweep *, int thread);
/* Some panels of a weight, on one thread: c [rows, n·width] = X·Wᵀ, x [rows, in] of few enough rows
 * to stay near. room: panels_room bytes, where panels become floats. */
struct panels {
    const struct weight *w;
    int32_t first, n, rows;
    const float *x;
    size_t ldx;
    enum sweep_how how;
    float *c, *room;
};
size_t panels_room(void);
void panels_product(const struct kernels *, const struct panels *);
/* False and the device's error set unless w was packed for products with rows of `in` elements. */
bool sweep_check(struct queue *, const char *op, const struct weight *w, int32_t in);
#endif

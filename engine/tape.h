/* The tape: the operations of a forward pass in order, with their inputs and outputs (views, so the
 * arena must not be reset while it is in use), for a later backward pass. A sequence with a KV past
 * can't be recorded: the run's error says so. */
#ifndef GLIMT_ENGINE_TAPE_H
#define GLIMT_ENGINE_TAPE_H
#include "engine/backend.h"

enum op_kind {
    OP_LINEAR,
    OP_NORM,
    OP_ROWS_UNSCALE,
    OP_ACT,
    OP_ATTN,
    OP_ROWS,
    OP_XENT,
    OP_SELECT,
    OP_DECODE,
    OP_CSR_GET,
    OP_DOT_ROWS,
    OP_UNIT_CHANGE,
    OP_ADD,
    OP_ADD_OUTER,
    OP_ROWS_GET,
    OP_ROWS_SET,
    OP_ROWS_ADD,
    OP_COLS_GET,
    OP_COPY
};
struct op_record {
    enum op_kind kind;
    struct tensor out, in[4]; /* absent where unused */
    const struct weight *w;
    union {
        enum epilogue epilogue;
        enum activation act;
        float a; /* add: factor; rows_unscale: eps; xent: soft cap */
        struct {
            struct select by;
            int32_t first; /* row of the codes */
        } select;
        struct {
            enum norm_kind kind;
            float eps;
            bool frozen; /* in[3], the rows' scale, was given */
        } norm;
        struct {
            struct attn_shape shape;
            int32_t layer, n_seqs;
            const int32_t *start;
        } attn;
    } p;
};

struct tape;
struct tape *tape_new(void);
void tape_free(struct tape *);
size_t tape_length(const struct tape *);
const struct op_record *tape_at(const struct tape *, size_t i);
/* Written by run.c: */
void tape_add(struct tape *, const struct op_record *);
/* A copy of n numbers that lives as long as the tape. */
const int32_t *tape_keep(struct tape *, const int32_t *, size_t n);
#endif

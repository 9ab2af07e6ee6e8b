/* What the two instances of the reference device share. */
#ifndef GLIMT_ENGINE_REFERENCE_PRIVATE_H
#define GLIMT_ENGINE_REFERENCE_PRIVATE_H
#include "engine/reference/reference.h"

struct buf {
    char *bytes;
    size_t n;
};

struct weight {
    int32_t out, in;
    unsigned uses;
    double *w; /* [out, in] */
};

struct kv { /* [layer][keys, values][position, width] */
    int32_t first_layer, n_layers, width, cap;
    double *data;
};

/* Elements of an argument; NULL and the device's error set when its type, shape or room is wrong.
 * rows or cols −1: any. */
void *reference_view(struct queue *, const char *op, struct tensor, enum dtype, int32_t rows,
                     int32_t cols);
/* True when no operation has failed and no id of [rows, k] lies outside least … out − 1. */
bool reference_ids(struct queue *, const char *op, struct tensor ids, int32_t least, int32_t out);
/* Columns of x, best first (value, then lower index; NaN counts as −∞): the first n of them. */
void reference_best(const double *x, int32_t m, int32_t n, int32_t *ids);

/* False and *e (an error of weights) when a value of row `row` is not finite. */
bool reference_row_is_finite(const struct weight *, int32_t row, struct error *e);

void reference_ops_f32(struct backend *);
void reference_ops_f64(struct backend *);
#endif

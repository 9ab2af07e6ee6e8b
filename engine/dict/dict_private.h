/* What the files of engine/dict share. */
#ifndef GLIMT_DICT_PRIVATE_H
#define GLIMT_DICT_PRIVATE_H
#include "engine/dict/dict.h"
#include "engine/formats/tensors.h"

struct dict {
    struct dict_spec spec;
    struct backend *backend; /* NULL: neurons */
    char *path;
    struct tensors *tensors; /* rows are gathered from its mapping */
    const struct named_tensor *decoder_source;
    size_t bytes;
    struct weight *encoder;     /* [m, n], products and rows */
    struct weight *decoder;     /* [m, n], rows; the encoder itself when tied */
    struct linear encode;       /* pre = x·W_eᵀ + bias, b_p folded into the bias when centring */
    float *bias;                /* the same bias on the host, [m] */
    struct tensor decoder_bias; /* [1, n]; absent: none */
};

/* What a format has learnt about a file before its weights are packed. */
struct dict_parts {
    const struct named_tensor *encoder; /* in `order` */
    enum order order;
    const struct named_tensor *decoder; /* [m, n]; NULL: tied to the encoder */
    const char *encoder_bias;           /* name of a tensor [m] */
    const char *decoder_bias;           /* name of a tensor [n]; NULL: none */
};

/* Formats: fill spec and parts from an open file, or refuse. */
bool dict_read_glimt(const struct tensors *, const char *path, const struct dict_hint *,
                     struct dict_spec *, struct dict_parts *, struct error *e);
bool dict_read_sibbesen(const struct tensors *, const char *path, const struct dict_hint *,
                        struct dict_spec *, struct dict_parts *, struct error *e);
#endif

/* What the files of engine/dict share. */
#ifndef GLIMT_DICT_PRIVATE_H
#define GLIMT_DICT_PRIVATE_H
#include "engine/dict/dict.h"
#include "engine/formats/tensors.h"
#include <stdatomic.h>

struct dict {
    struct dict_spec spec;
    struct queue *queue; /* of the vectors; NULL: neurons */
    char *path;
    struct tensors *tensors; /* rows are gathered from its mapping */
    struct packs *packs;     /* the user's; NULL: none */
    const struct named_tensor *decoder_source;
    size_t bytes;
    struct weight *encoder;     /* [m, n], products and rows */
    struct weight *decoder;     /* [m, n], rows; the encoder itself when tied */
    struct linear encode;       /* pre = x·W_eᵀ + bias, b_p folded into the bias when centring */
    float *bias;                /* the same bias on the host, [m] */
    struct tensor decoder_bias; /* [1, n]; absent: none */
    struct select by;           /* owns its tensors */
    atomic_int *per_row;        /* active latents a row lately, of kinds without a bound */
};

/* What a format has learnt about a file before its weights are packed. */
struct dict_parts {
    const struct named_tensor *encoder; /* in `order` */
    enum order order;
    const struct named_tensor *decoder; /* [m, n]; NULL: tied to the encoder */
    const char *encoder_bias;           /* name of a tensor [m]; GATED: the gate's */
    const char *decoder_bias;           /* name of a tensor [n]; NULL: none */
    const char *threshold;              /* THRESHOLD: of a tensor [spec.n_thresholds] */
    const char *log_scale, *value_bias; /* GATED: r_mag and mag_bias [m] */
};

/* Formats: fill spec and parts from an open file, or refuse. */
bool dict_read_glimt(const struct tensors *, const char *path, const struct dict_hint *,
                     struct dict_spec *, struct dict_parts *, struct error *e);
bool dict_read_sibbesen(const struct tensors *, const char *path, const struct dict_hint *,
                        struct dict_spec *, struct dict_parts *, struct error *e);
#endif

/* What model.c opens and forward.c runs. */
#ifndef GLIMT_MODEL_PRIVATE_H
#define GLIMT_MODEL_PRIVATE_H
#include "engine/formats/tensors.h"
#include "engine/model/model.h"

struct layer {
    struct norm attn_norm, mlp_norm;
    struct norm attn_post_norm, mlp_post_norm; /* gamma absent: there is none */
    struct norm q_norm, k_norm;                /* likewise; of each head */
    struct attn_shape attn;
    struct linear q, k, v;  /* k.w NULL: q holds all of q, then of k, then of v */
    struct linear proj;     /* [d, heads · head width] */
    struct linear gate;     /* w NULL: the MLP is not gated */
    struct linear up, down; /* [d_mlp, d], [d, d_mlp] */
};

struct model {
    struct queue *queue; /* of the vectors */
    struct model_config config;
    char *dir;
    struct tensors *tensors; /* the embedding is read from its mapping */
    enum dtype file_dtype;
    size_t bytes;
    const struct weight *embed, *unembed; /* one where they are tied */
    bool unembed_bias;                    /* the unembedding has its bias as one column more */
    enum dtype unembed_reads;             /* as in struct linear */
    const struct weight *positions;       /* NULL: they are rotated in */
    const struct named_tensor *embed_source, *positions_source;
    struct norm final_norm;
    struct tensor
        head_shift; /* added to rows of final_norm in front of the unembedding; absent: none */
    int32_t tl_tokens;
    void *own[3];              /* embedding, unembedding, positions that are not the file's */
    struct tensor inv_freq[2]; /* of the layers' rotation; of those with a window, if another */
    struct layer *layer;
};

#endif

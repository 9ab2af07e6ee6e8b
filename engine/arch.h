/* Architectures: an architecture is a row of facts and a table of names (of tensors in its files,
 * which are also the paths of transformers' modules); one model of it is the facts of its
 * config.json. Plain data: formats reads it, hook points are named by it, the forward runs by it.
 */
#ifndef GLIMT_ENGINE_ARCH_H
#define GLIMT_ENGINE_ARCH_H
#include "engine/backend.h"

/* Names within a model or a layer, without ".weight"; NULL: there is no such part. */
struct arch_names {
    const char *prefix; /* of all but the unembedding; files and users may leave it out */
    const char *layers; /* "layers": layer 3 is PREFIXlayers.3 */
    const char *embed, *positions, *final_norm;
    const char *unembed[2];           /* under either name */
    const char *attn_norm, *mlp_norm; /* one: both read it */
    const char *attn,
        *attn_inner; /* modules with the attention's output; inner: of the same value */
    const char *qkv; /* all in one, else q, k, v */
    const char *q, *k, *v, *proj;
    const char *q_norm, *k_norm; /* of each head, before the rotation */
    const char *attn_post_norm;
    const char *mlp, *act; /* modules */
    const char *gate, *up,
        *down; /* "NAME[1]": the second half of the rows of NAME, [0] the first */
    const char *mlp_post_norm;
};

enum qkv_order {            /* of the rows of one tensor */
                 QKV_HEADS, /* a head's q, k, v beside each other */
                 QKV_PARTS, /* all of q, then k, then v */
};

struct arch {
    const char *model_type; /* in config.json */
    const char *title;      /* for people: "GPT-NeoX (Pythia)" */
    struct arch_names names;
    enum norm_kind norm;
    bool gain_is_1_plus; /* files hold the gain less 1 */
    bool learned_positions;
    bool gated;        /* MLP: act(gate) ⊙ up */
    bool post_norms;   /* a norm also behind attention and MLP, before they are added */
    bool embed_scaled; /* the embedding counts √d_model times */
    bool needs_bos;    /* the model is not itself without */
    bool unembed_bias;
    enum rope_style rope_style;
    enum qkv_order qkv_order;
    enum order order; /* of the layers' matrices in the file */
};

/* NULL: none of this type. */
const struct arch *arch_find(const char *model_type);
/* The i-th, NULL behind the last. */
const struct arch *arch_at(size_t i);

enum rope_scaling_kind {
    ROPE_PLAIN,
    ROPE_LINEAR,  /* all frequencies divided by the factor (Chen et al. 2023) */
    ROPE_LLAMA3,  /* the low ones only, the middle ones partly (Llama 3.1) */
    ROPE_YARN,    /* the same along the pairs' numbers, and cos and sin longer (Peng et al. 2023) */
    ROPE_FACTORS, /* each divided by its own, and longer (LongRoPE, Ding et al. 2024, of text within
                     the context before) */
};
enum { ROPE_PAIRS_MAX = 256 };
struct rope_scaling {
    enum rope_scaling_kind kind;
    float factor, low, high;  /* low, high: wavelengths in units of the context before, inverted */
    float length;             /* of (cos, sin); 0: 1 */
    int32_t context;          /* that the model was first trained with */
    bool whole;               /* YARN: from and to whole pairs */
    float by[ROPE_PAIRS_MAX]; /* FACTORS: a pair's */
};

enum { MODEL_LAYERS_MAX = 1024 };

#define BOS_OUTSIDE (-2)
struct model_config { /* one model, from config.json */
    const struct arch *arch;
    int32_t n_layers, d_model, d_mlp, n_vocab, n_ctx;
    int32_t n_heads, n_kv_heads, head_dim;
    float norm_eps;
    float rotary_pct, rotary_base; /* 0 with learned positions */
    struct rope_scaling rope;
    float rotary_local_base;   /* of layers with a window, which scale nothing; 0: as the others */
    float attn_scale;          /* of scores */
    bool scale_by_layer;       /* attn_scale is divided by the layer's number from 1 */
    float attn_cap, logit_cap; /* soft caps of scores and logits; 0: none */
    int32_t window; /* of layers whose `local` bit is set: a row sees so many positions */
    uint64_t local[MODEL_LAYERS_MAX / 64];
    bool parallel_residual; /* attention and MLP read the same stream */
    bool tied;              /* the unembedding is the embedding */
    bool qkv_bias, proj_bias, mlp_bias;
    enum activation act;
    int32_t bos_id; /* −1: none; BOS_OUTSIDE: one that the vocabulary does not have */
};
static inline bool config_is_local(const struct model_config *c, int32_t layer)
{
    return c->local[layer / 64] >> layer % 64 & 1;
}
#endif

/* The facts of config.json that the forward needs; plain data (formats reads it, model runs by it).
 */
#ifndef GLIMT_FORMATS_MODEL_CONFIG_H
#define GLIMT_FORMATS_MODEL_CONFIG_H
#include "engine/backend.h"

struct model_config {
    int32_t n_layers, d_model, d_mlp, n_heads, n_vocab, n_ctx;
    float rotary_pct, rotary_base, norm_eps;
    bool parallel_residual, tied, attention_bias;
    enum activation act;
    int32_t bos_id; /* −1: none */
};
#endif

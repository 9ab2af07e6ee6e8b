/* Keys and values of sequences, as a model has them. */
#include "engine/device.h"
#include "engine/model/model_private.h"

/* What attention gives in all of these layers. */
static enum dtype kept_as(const struct model *m, int32_t first_layer)
{
    const enum dtype as =
        first_layer < m->config.n_layers ? m->layer[first_layer].proj.reads : DTYPE_F32;
    for (int32_t i = first_layer; i < m->config.n_layers; i++)
        if (m->layer[i].proj.reads != as)
            return DTYPE_F32;
    return as;
}

struct kv *model_kv_new(const struct model *m, struct queue *q, int32_t first_layer, int32_t cap,
                        struct error *e)
{
    return device_kv_new(q, first_layer, m->config.n_layers - first_layer,
                         m->config.n_kv_heads * m->config.head_dim, cap, kept_as(m, first_layer),
                         e);
}

size_t model_kv_bytes(const struct model *m, int32_t first_layer, int32_t cap)
{
    const struct model_config *c = &m->config;
    return 2 * (size_t)(c->n_layers - first_layer) * (size_t)c->n_kv_heads * (size_t)c->head_dim *
           (size_t)cap * dtype_size(kept_as(m, first_layer));
}

void model_kv_free(struct queue *q, struct kv *kv)
{
    if (kv)
        device_kv_free(q, kv);
}

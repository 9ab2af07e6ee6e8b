#include "engine/base/memory.h"
#include "engine/device.h"
#include "engine/dict/pack.h"
#include "engine/formats/hf.h"
#include "engine/model/model_private.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_MAX_LEN = 128 };

struct opening { /* what the steps of model_open share */
    struct model *m;
    int32_t *qkv_rows;  /* where rows of q, of k, of v stand among those of the file */
    const char *prefix; /* "gpt_neox." or "" */
    struct error *e;
    const struct model_how *how;
};

static void full_name(const struct opening *o, int32_t layer, const char *part, const char *kind,
                      char out[NAME_MAX_LEN])
{
    if (layer < 0)
        snprintf(out, NAME_MAX_LEN, "%s%s.%s", o->prefix, part, kind);
    else
        snprintf(out, NAME_MAX_LEN, "%slayers.%d.%s.%s", o->prefix, (int)layer, part, kind);
}

static bool open_vector(struct opening *o, int32_t layer, const char *part, const char *kind,
                        int32_t n, const int32_t *order, struct tensor *out)
{
    char name[NAME_MAX_LEN];
    full_name(o, layer, part, kind, name);
    if (!pack_vector(o->m->queue, o->m->tensors, name, n, order, out, o->e))
        return false;
    o->m->bytes += (size_t)n * sizeof(float);
    return true;
}

static bool open_norm(struct opening *o, int32_t layer, const char *part, struct norm *out)
{
    int32_t n = o->m->config.d_model;
    out->kind = NORM_LAYER, out->eps = o->m->config.norm_eps;
    return open_vector(o, layer, part, "weight", n, NULL, &out->gamma) &&
           open_vector(o, layer, part, "bias", n, NULL, &out->beta);
}

static struct weight *open_weight(struct opening *o, const char *name, int32_t out, int32_t in,
                                  const int32_t *rows, unsigned uses)
{
    const struct named_tensor *t =
        tensors_need(o->m->tensors, name, 2, (const int64_t[]){out, in}, o->e);
    struct weight *w = t ? pack_weight(o->m->queue->backend, o->m->tensors, t, ORDER_OUT_IN, rows,
                                       uses, o->how->packs, o->e)
                         : NULL;
    if (w)
        o->m->bytes += device_weight_bytes(o->m->queue->backend, w);
    return w;
}

static bool open_linear(struct opening *o, int32_t layer, const char *part, int32_t out, int32_t in,
                        bool bias, const int32_t *rows, struct linear *l)
{
    char name[NAME_MAX_LEN];
    full_name(o, layer, part, "weight", name);
    l->out = out, l->in = in;
    l->w = open_weight(o, name, out, in, rows, USE_PRODUCT);
    return l->w && (!bias || open_vector(o, layer, part, "bias", out, rows, &l->bias));
}

/* A head's q, k and v stand beside each other in the file; attention wants all of each. */
static int32_t *qkv_rows(const struct model_config *c)
{
    const int32_t d = c->d_model, dim = d / c->n_heads;
    int32_t *rows = xreallocarray(NULL, (size_t)d * 3, sizeof *rows);
    for (int32_t part = 0; part < 3; part++)
        for (int32_t i = 0; i < d; i++)
            rows[part * d + i] = (i / dim * 3 + part) * dim + i % dim;
    return rows;
}

/* inv_freq_i = base^(−2i/rot), in float as transformers has it. */
static bool open_rotation(struct opening *o)
{
    const struct model_config *c = &o->m->config;
    const int32_t dim = c->d_model / c->n_heads;
    /* the share is a decimal in config.json: 0.7 · 10 must be 7 also in float */
    struct rope rope = {.rot = (int32_t)(dim * (double)c->rotary_pct + 1e-4), .style = ROPE_NEOX};
    struct queue *q = o->m->queue;
    float *host = xcalloc((size_t)rope.rot / 2 + 1, sizeof *host);
    for (int32_t i = 0; i < rope.rot / 2; i++)
        host[i] = (float)(1.0 / pow((double)c->rotary_base, 2.0 * i / rope.rot));
    rope.inv_freq = o->m->inv_freq = tensor_new(q, 1, rope.rot / 2, q->backend->caps.real, o->e);
    if (rope.inv_freq.buf)
        device_put(q, rope.inv_freq, host);
    free(host);
    for (int32_t i = 0; i < c->n_layers; i++)
        o->m->layer[i].attn = (struct attn_shape){.n_heads = c->n_heads,
                                                  .n_kv_heads = c->n_heads,
                                                  .head_dim = dim,
                                                  .scale = 1.0f / sqrtf((float)dim),
                                                  .rope = rope};
    return rope.inv_freq.buf != NULL;
}

static bool open_layer(struct opening *o, int32_t i)
{
    const struct model_config *c = &o->m->config;
    struct layer *l = &o->m->layer[i];
    bool bias = c->attention_bias;
    return open_norm(o, i, "input_layernorm", &l->attn_norm) &&
           open_norm(o, i, "post_attention_layernorm", &l->mlp_norm) &&
           open_linear(o, i, "attention.query_key_value", 3 * c->d_model, c->d_model, bias,
                       o->qkv_rows, &l->qkv) &&
           open_linear(o, i, "attention.dense", c->d_model, c->d_model, bias, NULL, &l->proj) &&
           open_linear(o, i, "mlp.dense_h_to_4h", c->d_mlp, c->d_model, true, NULL, &l->up) &&
           open_linear(o, i, "mlp.dense_4h_to_h", c->d_model, c->d_mlp, true, NULL, &l->down);
}

/* The embedding stays in the mapping; the unembedding is packed. The largest product comes first,
 * so that its source and its packed form are never both in memory together with all the rest. */
static bool open_vocabulary(struct opening *o)
{
    struct model *m = o->m;
    const struct model_config *c = &m->config;
    char embed[NAME_MAX_LEN];
    full_name(o, -1, "embed_in", "weight", embed);
    const char *unembed = "embed_out.weight";
    if (!tensors_find(m->tensors, unembed) && tensors_find(m->tensors, "lm_head.weight"))
        unembed = "lm_head.weight"; /* what transformers 5 calls it in memory */
    if (!tensors_find(m->tensors, unembed) && c->tied)
        unembed = embed;
    m->unembed = open_weight(o, unembed, c->n_vocab, c->d_model, NULL, USE_PRODUCT);
    if (!m->unembed)
        return false;
    m->embed = open_weight(o, embed, c->n_vocab, c->d_model, NULL, USE_ROWS);
    if (!m->embed)
        return false;
    m->embed_source = tensors_find(m->tensors, embed);
    m->file_dtype = (enum dtype)m->embed_source->type;
    return true;
}

/* What the forward relies on beyond the ranges that reading the file checked. */
static bool check_config(const struct model_config *c, const char *dir, struct error *e)
{
    if (c->n_layers < 1 || c->n_layers >= INT16_MAX || c->d_model < 1 ||
        c->d_model > INT32_MAX / 3 || c->d_mlp < 1 || c->n_vocab < 1 || c->n_ctx < 1)
        return error_set(
            e, ERROR_INPUT,
            "%s/config.json: sizes out of range: %d layers, width %d, MLP %d, vocabulary %d", dir,
            c->n_layers, c->d_model, c->d_mlp, c->n_vocab);
    if (c->n_heads < 1 || c->d_model % c->n_heads != 0)
        return error_set(e, ERROR_INPUT,
                         "%s/config.json: hidden_size %d is no multiple of num_attention_heads %d",
                         dir, c->d_model, c->n_heads);
    return true;
}

static void said(const struct opening *o, double share)
{
    if (o->how->progress)
        o->how->progress(o->how->progress_arg, share);
}

static bool open_all(struct opening *o)
{
    struct model *m = o->m;
    if (!hf_config_read(m->dir, &m->config, o->e) || !check_config(&m->config, m->dir, o->e) ||
        !tensors_open(m->dir, &m->tensors, o->e) ||
        (o->how->packs && !packs_add(o->how->packs, m->tensors, o->e)))
        return false;
    if (!tensors_find(m->tensors, "gpt_neox.embed_in.weight") &&
        tensors_find(m->tensors, "embed_in.weight"))
        o->prefix = "";
    m->layer = xcalloc((size_t)m->config.n_layers, sizeof *m->layer);
    o->qkv_rows = qkv_rows(&m->config);
    if (!open_vocabulary(o) || !open_rotation(o))
        return false;
    /* the unembedding counts as two layers, about its share in small models */
    double steps = m->config.n_layers + 2;
    said(o, 2 / steps);
    for (int32_t i = 0; i < m->config.n_layers; i++) {
        if (!open_layer(o, i))
            return false;
        said(o, (i + 3) / steps);
    }
    return open_norm(o, -1, "final_layer_norm", &m->final_norm);
}

bool model_open(struct backend *b, const char *dir, const struct model_how *how, struct model **out,
                struct error *e)
{
    static const struct model_how nothing;
    struct model *m = xcalloc(1, sizeof *m);
    m->queue = device_queue(b, QUEUE_LOAD, e);
    m->dir = xstrdup(dir);
    struct opening o = {.m = m, .prefix = "gpt_neox.", .e = e, .how = how ? how : &nothing};
    const bool ok = m->queue && open_all(&o) && device_well(m->queue, e);
    free(o.qkv_rows);
    if (!ok) {
        packs_stop(o.how->packs);
        model_free(m);
        return error_prefix(e, "opening model %s", dir);
    }
    *out = m;
    return true;
}

static void free_tensor(struct queue *q, struct tensor t)
{
    if (t.buf)
        device_buf_free(q, t.buf);
}

static void free_norm(struct queue *q, struct norm *n)
{
    free_tensor(q, n->gamma);
    free_tensor(q, n->beta);
}

static void free_weight(struct queue *q, const struct weight *w)
{
    if (w)
        device_weight_free(q->backend, (struct weight *)w);
}

static void free_linear(struct queue *q, struct linear *l)
{
    free_weight(q, l->w);
    free_tensor(q, l->bias);
}

void model_free(struct model *m)
{
    if (!m)
        return;
    struct queue *q = m->queue;
    for (int32_t i = 0; m->layer && i < m->config.n_layers; i++) {
        struct layer *l = &m->layer[i];
        free_norm(q, &l->attn_norm);
        free_norm(q, &l->mlp_norm);
        free_linear(q, &l->qkv);
        free_linear(q, &l->proj);
        free_linear(q, &l->up);
        free_linear(q, &l->down);
    }
    free_norm(q, &m->final_norm);
    free_tensor(q, m->inv_freq);
    free_weight(q, m->embed);
    free_weight(q, m->unembed);
    device_queue_free(q);
    free(m->layer);
    tensors_close(m->tensors);
    free(m->dir);
    free(m);
}

const struct model_config *model_config(const struct model *m)
{
    return &m->config;
}
const char *model_dir(const struct model *m)
{
    return m->dir;
}
size_t model_bytes(const struct model *m)
{
    return m->bytes;
}
enum dtype model_file_dtype(const struct model *m)
{
    return m->file_dtype;
}

int32_t model_width(const struct model *m, struct point p)
{
    return p.site == SITE_MLP_PRE || p.site == SITE_MLP_ACT ? m->config.d_mlp : m->config.d_model;
}

bool model_check_point(const struct model *m, struct point p, struct error *e)
{
    int32_t n = m->config.n_layers;
    bool there = p.site == SITE_EMBED ? p.layer == -1
                 : p.site == SITE_FINAL_NORM
                     ? p.layer == n
                     : p.site < SITE_FINAL_NORM && p.layer >= 0 && p.layer < n;
    if (there)
        return true;
    char name[POINT_NAME_MAX];
    point_name(p, name);
    return error_set(e, ERROR_INPUT, "hook point %s: the model %s has %d layers, 0 to %d", name,
                     m->dir, n, n - 1);
}

struct point model_landing(const struct model *m, struct point at)
{
    bool linear = at.site == SITE_MLP_ACT || at.site == SITE_MLP_OUT ||
                  (at.site == SITE_ATTN_OUT && m->config.parallel_residual);
    return linear ? (struct point){at.layer, SITE_RESID_POST} : at;
}

const struct linear *model_linear_behind(const struct model *m, struct point at)
{
    if (at.site != SITE_MLP_ACT || at.layer < 0 || at.layer >= m->config.n_layers)
        return NULL;
    return &m->layer[at.layer].down;
}

struct point model_end(const struct model *m)
{
    return (struct point){(int16_t)m->config.n_layers, SITE_FINAL_NORM};
}

struct kv *model_kv_new(const struct model *m, struct queue *q, int32_t first_layer, int32_t cap,
                        struct error *e)
{
    return device_kv_new(q, first_layer, m->config.n_layers - first_layer, m->config.d_model, cap,
                         e);
}

void model_kv_free(struct queue *q, struct kv *kv)
{
    if (kv)
        device_kv_free(q, kv);
}

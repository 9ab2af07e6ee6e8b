#include "engine/base/memory.h"
#include "engine/device.h"
#include "engine/dict/pack.h"
#include "engine/formats/hf.h"
#include "engine/model/biased.h"
#include "engine/model/model_private.h"
#include "engine/model/tl_weights.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_MAX_LEN = 128 };

struct opening { /* what the steps of model_open share */
    struct model *m;
    const struct arch *arch;
    int32_t
        *qkv_rows; /* where rows of q, of k, of v stand among those of the file; NULL: in order */
    const char *prefix; /* the architecture's, or "" */
    struct error *e;
    const struct model_how *how;
    struct packs *packs;
    uint64_t total;  /* bytes that all of it takes */
    uint64_t beside; /* … that will be loaded later */
    bool not_ours;   /* the error is that of what is beside */
    uint64_t *need;  /* NULL: open; else only what that will take is added up */
    char embed[NAME_MAX_LEN], unembed[NAME_MAX_LEN]; /* names in the file */
};

static void full_name(const struct opening *o, int32_t layer, const char *part, const char *kind,
                      char out[NAME_MAX_LEN])
{
    if (layer < 0)
        snprintf(out, NAME_MAX_LEN, "%s%s.%s", o->prefix, part, kind);
    else
        snprintf(out, NAME_MAX_LEN, "%s%s.%d.%s.%s", o->prefix, o->arch->names.layers, (int)layer,
                 part, kind);
}

/* The matrix of that full name, [out, in] or as `order` has it. "….mlp.gate_up_proj[1].weight" is
 * half of one of the file's ([0]: the first): its rows are then taken out of that, under the name
 * as it is given. */
static bool find_matrix(struct opening *o, const char *name, int32_t out, int32_t in,
                        enum order order, struct named_tensor *t)
{
    const char *open = strchr(name, '[');
    const int64_t rows = open ? 2 * (int64_t)out : out,
                  dim[] = {order == ORDER_OUT_IN ? rows : in, order == ORDER_OUT_IN ? in : rows};
    char whole[NAME_MAX_LEN];
    snprintf(whole, sizeof whole, "%.*s%s", open ? (int)(open - name) : (int)strlen(name), name,
             open ? strchr(open, ']') + 1 : "");
    const struct named_tensor *found = tensors_need(o->m->tensors, whole, 2, dim, o->e);
    if (!found)
        return false;
    *t = *found;
    if (!open)
        return true;
    t->name = name, t->dim[0] = out, t->n_bytes /= 2;
    t->data = (const char *)t->data + (open[1] == '1' ? t->n_bytes : 0);
    return true;
}

static bool open_vector(struct opening *o, int32_t layer, const char *part, const char *kind,
                        int32_t n, const int32_t *order, float plus, struct tensor *out)
{
    char name[NAME_MAX_LEN];
    full_name(o, layer, part, kind, name);
    if (o->need) {
        *o->need += (uint64_t)n * dtype_size(o->m->queue->backend->caps.real);
        return tensors_need(o->m->tensors, name, 1, (const int64_t[]){n}, o->e) != NULL;
    }
    if (!pack_vector(o->m->queue, o->m->tensors, name, n, order, plus, out, o->e))
        return false;
    o->m->bytes += (size_t)n * sizeof(float);
    return true;
}

/* part NULL: the architecture has none. Of n columns: of the stream, or of a head. */
static bool open_norm_of(struct opening *o, int32_t layer, const char *part, int32_t n,
                         struct norm *out)
{
    out->kind = o->arch->norm, out->eps = o->m->config.norm_eps;
    return !part ||
           (open_vector(o, layer, part, "weight", n, NULL, o->arch->gain_is_1_plus ? 1.0f : 0.0f,
                        &out->gamma) &&
            (out->kind == NORM_RMS || open_vector(o, layer, part, "bias", n, NULL, 0, &out->beta)));
}

static bool open_norm(struct opening *o, int32_t layer, const char *part, struct norm *out)
{
    return open_norm_of(o, layer, part, o->m->config.d_model, out);
}

static bool open_head_norms(struct opening *o, int32_t i)
{
    const struct arch_names *n = &o->arch->names;
    struct layer *l = &o->m->layer[i];
    return open_norm_of(o, i, n->q_norm, o->m->config.head_dim, &l->q_norm) &&
           open_norm_of(o, i, n->k_norm, o->m->config.head_dim, &l->k_norm);
}

/* ---- TransformerLens' weights */
static bool is_tl(const struct opening *o)
{
    return o->how->tl_tokens > 0 && !o->need;
}

static bool is_layer_norm(const struct opening *o)
{
    return o->arch->norm != NORM_RMS;
}

/* A vector of the file in host memory, new; NULL and the error. */
static float *host_vector(struct opening *o, int32_t layer, const char *part, const char *kind,
                          int32_t n, const int32_t *rows, float plus)
{
    char name[NAME_MAX_LEN];
    full_name(o, layer, part, kind, name);
    const struct named_tensor *t = tensors_need(o->m->tensors, name, 1, (const int64_t[]){n}, o->e);
    if (!t || !tensor_check_finite(t, o->e))
        return NULL;
    float *v = xcalloc((size_t)n, sizeof *v), *in_order = xcalloc((size_t)n, sizeof *v);
    tensor_to_f32(v, t->data, (enum dtype)t->type, (size_t)n);
    for (int32_t i = 0; i < n; i++)
        in_order[i] = v[rows ? rows[i] : i] + plus;
    free(v);
    return in_order;
}

static bool put_vector(struct opening *o, const float *v, int32_t n, struct tensor *out)
{
    *out = tensor_new(o->m->queue, 1, n, o->m->queue->backend->caps.real, o->e);
    if (!out->buf)
        return false;
    device_put(o->m->queue, *out, v);
    o->m->bytes += (size_t)n * sizeof(float);
    return true;
}

static bool read_norm(struct opening *o, int32_t layer, const char *part, struct tl_norm *out)
{
    const int32_t n = o->m->config.d_model;
    out->gamma =
        host_vector(o, layer, part, "weight", n, NULL, o->arch->gain_is_1_plus ? 1.0f : 0.0f);
    out->beta =
        out->gamma && is_layer_norm(o) ? host_vector(o, layer, part, "bias", n, NULL, 0) : NULL;
    return out->gamma && (out->beta || !is_layer_norm(o));
}

static void release_norm(struct tl_norm *n)
{
    free(n->gamma);
    free(n->beta);
}

/* A norm whose gain and bias are elsewhere. */
static bool open_bare_norm(struct opening *o, struct norm *out)
{
    const int32_t n = o->m->config.d_model;
    float *v = xcalloc((size_t)n, sizeof *v);
    out->kind = o->arch->norm, out->eps = o->m->config.norm_eps;
    bool ok = !is_layer_norm(o) || put_vector(o, v, n, &out->beta);
    for (int32_t i = 0; i < n; i++)
        v[i] = 1;
    ok = ok && put_vector(o, v, n, &out->gamma);
    free(v);
    return ok;
}

/* What products of a weight round x to; none is there while needs are added up. */
static enum dtype reads_of(const struct opening *o, const struct weight *w)
{
    return w ? device_weight_reads(o->m->queue->backend, w) : DTYPE_F32;
}

/* w [out, in] in float32; with USE_ROWS it stays the caller's to keep. */
static struct weight *own_weight(struct opening *o, const float *w, int32_t out, int32_t in,
                                 unsigned uses)
{
    struct backend *b = o->m->queue->backend;
    struct weight *made = device_weight_new(
        b, &(struct weight_source){.type = DTYPE_F32, .out = out, .in = in, .data = w}, uses, o->e);
    if (made)
        o->m->bytes += device_weight_bytes(b, made);
    return made;
}

struct tl_linear {               /* what happens to a linear before it is packed */
    const struct tl_norm *reads; /* NULL: from no norm */
    bool writes;                 /* to the residual stream */
    float *value_bias;           /* where a part of the bias goes in place; NULL: nowhere */
    int32_t value_from;          /* the part, to the end */
    const float *values;         /* biases of the values, to be taken up; NULL: none */
};

static bool open_tl_linear(struct opening *o, int32_t layer, const char *part, int32_t out,
                           int32_t in, bool has_bias, const int32_t *rows,
                           const struct tl_linear *tl, struct linear *l)
{
    struct named_tensor t;
    char name[NAME_MAX_LEN];
    full_name(o, layer, part, "weight", name);
    float *bias = !find_matrix(o, name, out, in, o->arch->order, &t) ? NULL
                  : has_bias ? host_vector(o, layer, part, "bias", out, rows, 0)
                             : xcalloc((size_t)out, sizeof *bias);
    if (!bias)
        return false;
    float *w = tl_matrix(&t, o->arch->order, rows, out, in);
    tensors_done(o->m->tensors, &t);
    if (tl->reads)
        tl_fold(tl->reads, w, bias, out, in, is_layer_norm(o));
    if (tl->writes && is_layer_norm(o))
        tl_centre_written(w, bias, out, in);
    if (tl->values)
        tl_fold_values(&o->m->config, w, bias, tl->values);
    for (int32_t i = tl->value_from; tl->value_bias && i < out; i++) {
        tl->value_bias[i - tl->value_from] = bias[i];
        bias[i] = 0;
    }
    l->out = out, l->in = in;
    l->w = own_weight(o, w, out, in, USE_PRODUCT);
    l->reads = reads_of(o, l->w);
    const bool ok = l->w && put_vector(o, bias, out, &l->bias);
    free(w);
    free(bias);
    return ok || error_prefix(o->e, "%s: %s", t.file, t.name);
}

static bool open_tl_attention(struct opening *o, int32_t i, const struct tl_norm *norm)
{
    const struct model_config *c = &o->m->config;
    const struct arch_names *n = &o->arch->names;
    struct layer *l = &o->m->layer[i];
    const int32_t d = c->n_heads * c->head_dim, kv = c->n_kv_heads * c->head_dim;
    float *values = xcalloc((size_t)kv, sizeof *values);
    const struct tl_linear plain = {.reads = norm};
    struct tl_linear with = {
        .reads = norm, .value_bias = values, .value_from = n->qkv ? d + kv : 0};
    bool ok =
        n->qkv ? open_tl_linear(o, i, n->qkv, d + 2 * kv, c->d_model, c->qkv_bias, o->qkv_rows,
                                &with, &l->q)
               : open_tl_linear(o, i, n->q, d, c->d_model, c->qkv_bias, NULL, &plain, &l->q) &&
                     open_tl_linear(o, i, n->k, kv, c->d_model, c->qkv_bias, NULL, &plain, &l->k) &&
                     open_tl_linear(o, i, n->v, kv, c->d_model, c->qkv_bias, NULL, &with, &l->v);
    ok = ok && open_tl_linear(o, i, n->proj, c->d_model, d, c->proj_bias, NULL,
                              &(struct tl_linear){.writes = true, .values = values}, &l->proj);
    free(values);
    return ok;
}

static bool open_tl_mlp(struct opening *o, int32_t i, const struct tl_norm *norm)
{
    const struct model_config *c = &o->m->config;
    const struct arch_names *n = &o->arch->names;
    struct layer *l = &o->m->layer[i];
    const struct tl_linear reads = {.reads = norm}, writes = {.writes = true};
    return (!o->arch->gated || open_tl_linear(o, i, n->gate, c->d_mlp, c->d_model, c->mlp_bias,
                                              NULL, &reads, &l->gate)) &&
           open_tl_linear(o, i, n->up, c->d_mlp, c->d_model, c->mlp_bias, NULL, &reads, &l->up) &&
           open_tl_linear(o, i, n->down, c->d_model, c->d_mlp, c->mlp_bias, NULL, &writes,
                          &l->down);
}

static bool open_tl_layer(struct opening *o, int32_t i)
{
    const struct arch_names *n = &o->arch->names;
    struct layer *l = &o->m->layer[i];
    struct tl_norm attn = {0}, mlp = {0};
    const bool ok = read_norm(o, i, n->attn_norm, &attn) && read_norm(o, i, n->mlp_norm, &mlp) &&
                    open_bare_norm(o, &l->attn_norm) && open_bare_norm(o, &l->mlp_norm) &&
                    open_norm(o, i, n->attn_post_norm, &l->attn_post_norm) &&
                    open_norm(o, i, n->mlp_post_norm, &l->mlp_post_norm) && open_head_norms(o, i) &&
                    open_tl_attention(o, i, &attn) && open_tl_mlp(o, i, &mlp);
    release_norm(&attn);
    release_norm(&mlp);
    return ok;
}

/* Of an embedding, which is gathered by row. */
static struct weight *open_tl_rows(struct opening *o, const struct named_tensor *t, int32_t rows,
                                   void **out)
{
    const int32_t d = o->m->config.d_model;
    float *own = tl_matrix(t, ORDER_OUT_IN, NULL, rows, d);
    *out = own;
    if (is_layer_norm(o))
        tl_centre_rows(own, rows, d);
    tensors_done(o->m->tensors, t);
    return own_weight(o, own, rows, d, USE_ROWS);
}

/* The final norm's bias can't stand in the matrix: rows of final_norm get β/γ in front of it. Rows
 * of the matrix are therefore not centred over the width, of which nobody can tell: what LayerNorm
 * gives sums to 0, and directions are centred by model_direct_hidden. */
static bool open_tl_unembed(struct opening *o, const struct named_tensor *t)
{
    struct model *m = o->m;
    const int32_t d = m->config.d_model, n = m->config.n_vocab;
    struct tl_norm norm = {0};
    float *shift = xcalloc((size_t)d, sizeof *shift);
    bool ok = read_norm(o, -1, o->arch->names.final_norm, &norm);
    for (int32_t i = 0; ok && norm.beta && i < d; i++) {
        ok = norm.gamma[i] != 0 || norm.beta[i] == 0 ||
             error_set(o->e, ERROR_INPUT,
                       "--tl-weights: weight %d of the final norm is 0 and its bias is not", i);
        shift[i] = norm.beta[i] == 0 ? 0 : norm.beta[i] / norm.gamma[i];
    }
    if (ok) {
        m->own[1] = tl_matrix(t, ORDER_OUT_IN, NULL, n, d);
        tl_fold(&(struct tl_norm){.gamma = norm.gamma}, m->own[1], NULL, n, d, false);
        const int32_t all = o->how->tl_tokens < n ? o->how->tl_tokens : n,
                      tokens = m->config.logit_cap == 0 ? all : 0;
        if (tokens > 0)
            tl_centre_vocabulary(m->own[1], n, d, tokens);
        float *both = o->arch->unembed_bias
                          ? biased_own(m->tensors, o->unembed, m->own[1], n, d, tokens, o->e)
                          : m->own[1];
        if (both != m->own[1])
            free(m->own[1]);
        m->own[1] = both;
        ok = both != NULL;
    }
    if (ok) {
        m->unembed = own_weight(o, m->own[1], n, d + o->arch->unembed_bias, USE_PRODUCT | USE_ROWS);
        m->unembed_reads = reads_of(o, m->unembed);
        ok = m->unembed && open_bare_norm(o, &m->final_norm) &&
             (!norm.beta || put_vector(o, shift, d, &m->head_shift));
    }
    release_norm(&norm);
    free(shift);
    return ok;
}

static bool open_tl_vocabulary(struct opening *o, const char *embed, const char *unembed)
{
    struct model *m = o->m;
    const struct model_config *c = &m->config;
    const int64_t dim[] = {c->n_vocab, c->d_model}, places[] = {c->n_ctx, c->d_model};
    const struct named_tensor *u = tensors_need(m->tensors, unembed, 2, dim, o->e);
    m->embed_source = u ? tensors_need(m->tensors, embed, 2, dim, o->e) : NULL;
    if (!m->embed_source || !open_tl_unembed(o, u))
        return false;
    m->file_dtype = (enum dtype)m->embed_source->type;
    m->embed = open_tl_rows(o, m->embed_source, c->n_vocab, &m->own[0]);
    if (!m->embed || !o->arch->learned_positions)
        return m->embed != NULL;
    char name[NAME_MAX_LEN];
    full_name(o, -1, o->arch->names.positions, "weight", name);
    m->positions_source = tensors_need(m->tensors, name, 2, places, o->e);
    if (m->positions_source)
        m->positions = open_tl_rows(o, m->positions_source, c->n_ctx, &m->own[2]);
    return m->positions != NULL;
}

/* ---- the file's */
static bool open_weight(struct opening *o, const char *name, int32_t out, int32_t in,
                        enum order order, const int32_t *rows, unsigned uses,
                        const struct weight **w)
{
    struct named_tensor t;
    struct backend *b = o->m->queue->backend;
    if (!find_matrix(o, name, out, in, order, &t))
        return false;
    if (o->need) { /* what TransformerLens changes is of our own, in float32 */
        const struct weight_source own = {.type = DTYPE_F32, .out = out, .in = in};
        *o->need += o->how->tl_tokens < 1 ? pack_need(b, &t, order, rows, uses, o->packs)
                    : b->caps.capability  ? device_weight_need(b, &own, uses)
                                          : (uint64_t)out * (uint64_t)in * sizeof(float);
        return true;
    }
    *w = pack_weight(b, o->m->tensors, &t, order, rows, uses, o->packs, o->e);
    if (*w)
        o->m->bytes += device_weight_bytes(b, *w);
    return *w != NULL;
}

static bool open_linear(struct opening *o, int32_t layer, const char *part, int32_t out, int32_t in,
                        bool bias, const int32_t *rows, struct linear *l)
{
    char name[NAME_MAX_LEN];
    full_name(o, layer, part, "weight", name);
    l->out = out, l->in = in;
    if (!open_weight(o, name, out, in, o->arch->order, rows, USE_PRODUCT, &l->w))
        return false;
    l->reads = reads_of(o, l->w);
    return !bias || open_vector(o, layer, part, "bias", out, rows, 0, &l->bias);
}

/* Where a head's q, k and v stand beside each other in the file: attention wants all of each. */
static int32_t *qkv_rows(const struct model_config *c)
{
    if (!c->arch->names.qkv || c->arch->qkv_order == QKV_PARTS)
        return NULL;
    const int32_t d = c->n_heads * c->head_dim, dim = c->head_dim;
    int32_t *rows = xreallocarray(NULL, (size_t)d * 3, sizeof *rows);
    for (int32_t part = 0; part < 3; part++)
        for (int32_t i = 0; i < d; i++)
            rows[part * d + i] = (i / dim * 3 + part) * dim + i % dim;
    return rows;
}

/* YaRN: of pair i of rot/2, how far it is from keeping its frequency, 0, to having it divided, 1:
 * a ramp between the pairs that turn `high` and `low` times in the context before. */
static double yarn_ramp(const struct rope_scaling *s, double base, int32_t rot, int32_t i)
{
    const double turns = (double)s->context / (2 * 3.14159265358979323846), per = 2 * log(base);
    double from = rot * log(turns / (double)s->high) / per,
           to = rot * log(turns / (double)s->low) / per;
    if (s->whole)
        from = floor(from), to = ceil(to);
    from = fmax(from, 0), to = fmin(to, rot - 1);
    if (!(from < to) && !(from > to))
        to += 0.001;
    return fmin(fmax((i - from) / (to - from), 0), 1);
}

/* Frequencies with their scaling, as transformers has them (modeling_rope_utils). */
static double scaled_frequency(const struct rope_scaling *s, double base, int32_t rot, int32_t i)
{
    const double f = 1.0 / pow(base, 2.0 * i / rot), divided = f / (double)s->factor;
    if (s->kind == ROPE_PLAIN)
        return f;
    if (s->kind == ROPE_LINEAR)
        return divided;
    if (s->kind == ROPE_FACTORS)
        return f / (double)s->by[i];
    if (s->kind == ROPE_YARN) {
        const double ramp = yarn_ramp(s, base, rot, i);
        return ramp * divided + (1 - ramp) * f;
    }
    const double low = (double)s->low, high = (double)s->high,
                 turns = (double)s->context * f / (2 * 3.14159265358979323846);
    if (turns > high)
        return f;
    if (turns < low)
        return divided;
    const double smooth = (turns - low) / (high - low);
    return (1 - smooth) * divided + smooth * f;
}

/* inv_freq_i = base^(−2i/rot), in float as transformers has it. */
static bool open_rotation(struct opening *o, const struct rope_scaling *scaling, float base,
                          struct tensor *inv_freq, struct rope *rope)
{
    const struct model_config *c = &o->m->config;
    /* the share is a decimal in config.json: 0.7 · 10 must be 7 also in float */
    *rope = (struct rope){.rot = (int32_t)(c->head_dim * (double)c->rotary_pct + 1e-4),
                          .style = o->arch->rope_style,
                          .length = scaling->length};
    struct queue *q = o->m->queue;
    float *host = xcalloc((size_t)rope->rot / 2 + 1, sizeof *host);
    for (int32_t i = 0; i < rope->rot / 2; i++)
        host[i] = (float)scaled_frequency(scaling, (double)base, rope->rot, i);
    rope->inv_freq = *inv_freq = tensor_new(q, 1, rope->rot / 2, q->backend->caps.real, o->e);
    if (rope->inv_freq.buf)
        device_put(q, rope->inv_freq, host);
    free(host);
    return rope->inv_freq.buf != NULL;
}

static bool open_rotations(struct opening *o, struct rope rope[2])
{
    static const struct rope_scaling plain = {.kind = ROPE_PLAIN};
    struct model *m = o->m;
    const struct model_config *c = &m->config;
    if (o->need || o->arch->learned_positions)
        return true;
    if (!open_rotation(o, &c->rope, c->rotary_base, &m->inv_freq[0], &rope[0]))
        return false;
    rope[1] = rope[0];
    return !(c->rotary_local_base > 0) ||
           open_rotation(o, &plain, c->rotary_local_base, &m->inv_freq[1], &rope[1]);
}

static bool open_attention(struct opening *o)
{
    const struct model_config *c = &o->m->config;
    struct rope rope[2] = {{0}};
    if (!open_rotations(o, rope))
        return false;
    for (int32_t i = 0; i < c->n_layers; i++)
        o->m->layer[i].attn = (struct attn_shape){
            .n_heads = c->n_heads,
            .n_kv_heads = c->n_kv_heads,
            .head_dim = c->head_dim,
            .window = config_is_local(c, i) ? c->window : 0,
            .scale = c->scale_by_layer ? c->attn_scale / (float)(i + 1) : c->attn_scale,
            .soft_cap = c->attn_cap,
            .rope = rope[config_is_local(c, i)]};
    return true;
}

static bool open_qkv(struct opening *o, int32_t i)
{
    const struct model_config *c = &o->m->config;
    const struct arch_names *n = &o->arch->names;
    struct layer *l = &o->m->layer[i];
    const int32_t d = c->n_heads * c->head_dim, kv = c->n_kv_heads * c->head_dim;
    if (n->qkv)
        return open_linear(o, i, n->qkv, d + 2 * kv, c->d_model, c->qkv_bias, o->qkv_rows, &l->q);
    return open_linear(o, i, n->q, d, c->d_model, c->qkv_bias, NULL, &l->q) &&
           open_linear(o, i, n->k, kv, c->d_model, c->qkv_bias, NULL, &l->k) &&
           open_linear(o, i, n->v, kv, c->d_model, c->qkv_bias, NULL, &l->v);
}

/* What both read, where it is the same. */
static enum dtype read_alike(const struct linear *a, const struct linear *b)
{
    return !b->w || a->reads == b->reads ? a->reads : DTYPE_F32;
}

/* A norm's result is kept in the dtype that the products behind it read. */
static void round_norms(struct layer *l)
{
    const enum dtype kv = l->k.w ? read_alike(&l->k, &l->v) : l->q.reads;
    l->attn_norm.as = kv == l->q.reads ? kv : DTYPE_F32;
    l->mlp_norm.as = read_alike(&l->up, &l->gate);
}

static bool open_layer(struct opening *o, int32_t i)
{
    const struct model_config *c = &o->m->config;
    const struct arch_names *n = &o->arch->names;
    struct layer *l = &o->m->layer[i];
    return open_norm(o, i, n->attn_norm, &l->attn_norm) &&
           open_norm(o, i, n->mlp_norm, &l->mlp_norm) &&
           open_norm(o, i, n->attn_post_norm, &l->attn_post_norm) &&
           open_norm(o, i, n->mlp_post_norm, &l->mlp_post_norm) && open_head_norms(o, i) &&
           open_qkv(o, i) &&
           open_linear(o, i, n->proj, c->d_model, c->n_heads * c->head_dim, c->proj_bias, NULL,
                       &l->proj) &&
           (!o->arch->gated ||
            open_linear(o, i, n->gate, c->d_mlp, c->d_model, c->mlp_bias, NULL, &l->gate)) &&
           open_linear(o, i, n->up, c->d_mlp, c->d_model, c->mlp_bias, NULL, &l->up) &&
           open_linear(o, i, n->down, c->d_model, c->d_mlp, c->mlp_bias, NULL, &l->down);
}

/* The unembedding's name in the file. One that is said to be the embedding but stands there with
 * other values would have to be read one way or the other: refused. */
static bool find_unembed(struct opening *o)
{
    const struct tensors *ts = o->m->tensors;
    const struct named_tensor *u = NULL, *e = tensors_find(ts, o->embed);
    char *out = o->unembed;
    for (int i = 0; i < 2 && !u && o->arch->names.unembed[i]; i++) {
        snprintf(out, NAME_MAX_LEN, "%s.weight", o->arch->names.unembed[i]);
        u = tensors_find(ts, out);
    }
    if (!u && o->m->config.tied)
        snprintf(out, NAME_MAX_LEN, "%s", o->embed);
    else if (!u)
        snprintf(out, NAME_MAX_LEN, "%s.weight", o->arch->names.unembed[0]);
    if (!u || !o->m->config.tied || !e)
        return true;
    if (u->type == e->type && u->n_bytes == e->n_bytes && memcmp(u->data, e->data, e->n_bytes) == 0)
        return true;
    return error_set(o->e, ERROR_INPUT,
                     "%s: %s differs from %s, expected the same since %s/config.json says "
                     "tie_word_embeddings",
                     u->file, u->name, e->name, o->m->dir);
}

static bool open_biased_unembed(struct opening *o)
{
    struct model *m = o->m;
    const int32_t d = m->config.d_model, n = m->config.n_vocab;
    enum dtype type;
    if (o->need) { /* packed, and the rows */
        *o->need += (uint64_t)n * (uint64_t)(d + 1) * 2 * sizeof(float);
        return tensors_need(m->tensors, o->unembed, 2, (const int64_t[]){n, d}, o->e) != NULL;
    }
    m->own[1] = biased_unembed(m->tensors, o->unembed, n, d, &type, o->e);
    if (!m->own[1])
        return false;
    m->unembed = device_weight_new(
        m->queue->backend,
        &(struct weight_source){.type = type, .out = n, .in = d + 1, .data = m->own[1]},
        USE_PRODUCT | USE_ROWS, o->e);
    if (!m->unembed)
        return error_prefix(o->e, "%s", o->unembed);
    m->bytes += device_weight_bytes(m->queue->backend, m->unembed);
    return true;
}

static bool open_unembed(struct opening *o)
{
    const struct model_config *c = &o->m->config;
    return o->arch->unembed_bias ? open_biased_unembed(o)
                                 : open_weight(o, o->unembed, c->n_vocab, c->d_model, ORDER_OUT_IN,
                                               NULL, USE_PRODUCT | USE_ROWS, &o->m->unembed);
}

/* The embedding stays in the mapping; the unembedding is packed. The largest product comes first,
 * so that its source and its packed form are never both in memory together with all the rest. */
static bool open_vocabulary(struct opening *o)
{
    struct model *m = o->m;
    const struct model_config *c = &m->config;
    m->unembed_bias = o->arch->unembed_bias;
    if (is_tl(o))
        return open_tl_vocabulary(o, o->embed, o->unembed);
    if (!open_unembed(o))
        return false;
    m->unembed_reads = reads_of(o, m->unembed);
    if (!m->unembed_bias && strcmp(o->unembed, o->embed) == 0)
        m->embed = m->unembed;
    else if (!open_weight(o, o->embed, c->n_vocab, c->d_model, ORDER_OUT_IN, NULL, USE_ROWS,
                          &m->embed))
        return false;
    m->embed_source = tensors_find(m->tensors, o->embed);
    m->file_dtype = (enum dtype)m->embed_source->type;
    if (!o->arch->learned_positions)
        return true;
    char name[NAME_MAX_LEN];
    full_name(o, -1, o->arch->names.positions, "weight", name);
    m->positions_source = tensors_find(m->tensors, name);
    return open_weight(o, name, c->n_ctx, c->d_model, ORDER_OUT_IN, NULL, USE_ROWS, &m->positions);
}

static void said(const struct opening *o, uint64_t done)
{
    if (o->how->progress && !o->need)
        o->how->progress(o->how->progress_arg, done < o->total ? done : o->total, o->total);
}

static bool open_tensors(struct opening *o)
{
    struct model *m = o->m;
    if (!open_vocabulary(o) || !open_attention(o))
        return false;
    said(o, m->bytes);
    for (int32_t i = 0; i < m->config.n_layers; i++) {
        if (!(is_tl(o) ? open_tl_layer(o, i) : open_layer(o, i)))
            return false;
        round_norms(&m->layer[i]);
        said(o, m->bytes);
    }
    if (!is_tl(o) && !open_norm(o, -1, o->arch->names.final_norm, &m->final_norm))
        return false;
    said(o, o->total);
    return true;
}

/* Before anything is packed: is there room for all of it? Hashing the files, which finding what is
 * kept of them needs, takes long: it is asked for before only where there is none without. */
static bool look_for_room(struct opening *o, bool with_packs, struct error *e)
{
    uint64_t need = 0;
    o->need = &need, o->packs = with_packs ? o->how->packs : NULL;
    const bool ok = open_tensors(o);
    o->need = NULL, o->packs = o->how->packs;
    if (!with_packs)
        o->total = need;
    return ok && device_room(o->m->queue->backend, need + o->beside, e);
}

static bool find_room(struct opening *o)
{
    struct packs *packs = o->how->packs;
    const bool fits = look_for_room(o, false, NULL), ok = !error_is_set(o->e);
    if (ok && !fits && !(packs && pack_may_fit(o->m->queue->backend, o->total + o->beside, packs)))
        return look_for_room(o, false, o->e);
    return ok && (!packs || packs_add(packs, o->m->tensors, o->e)) &&
           (fits || look_for_room(o, true, o->e));
}

static bool ask_beside(struct opening *o)
{
    const struct model_how *how = o->how;
    o->not_ours = how->beside && !how->beside(how->beside_arg, &o->m->config, &o->beside, o->e);
    return !o->not_ours;
}

static bool open_all(struct opening *o)
{
    struct model *m = o->m;
    if (!hf_config_read(m->dir, &m->config, o->e) || !tensors_open(m->dir, &m->tensors, o->e))
        return false;
    o->arch = m->config.arch, o->prefix = "";
    full_name(o, -1, o->arch->names.embed, "weight", o->embed);
    if (!tensors_find(m->tensors, o->embed)) {
        o->prefix = o->arch->names.prefix;
        full_name(o, -1, o->arch->names.embed, "weight", o->embed);
    }
    m->layer = xcalloc((size_t)m->config.n_layers, sizeof *m->layer);
    o->qkv_rows = qkv_rows(&m->config);
    return find_unembed(o) && ask_beside(o) && find_room(o) && open_tensors(o);
}

bool model_open(struct backend *b, const char *dir, const struct model_how *how, struct model **out,
                struct error *e)
{
    static const struct model_how nothing;
    struct model *m = xcalloc(1, sizeof *m);
    m->queue = device_queue(b, QUEUE_LOAD, e);
    m->dir = xstrdup(dir);
    struct opening o = {.m = m, .e = e, .how = how ? how : &nothing};
    m->tl_tokens = o.how->tl_tokens;
    const bool ok = m->queue && open_all(&o) && device_well(m->queue, e);
    free(o.qkv_rows);
    if (!ok) {
        packs_stop(o.how->packs);
        model_free(m);
        return !o.not_ours && error_prefix(e, "opening model %s", dir);
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
        free_norm(q, &l->attn_post_norm);
        free_norm(q, &l->mlp_post_norm);
        free_norm(q, &l->q_norm);
        free_norm(q, &l->k_norm);
        free_linear(q, &l->q);
        free_linear(q, &l->k);
        free_linear(q, &l->v);
        free_linear(q, &l->gate);
        free_linear(q, &l->proj);
        free_linear(q, &l->up);
        free_linear(q, &l->down);
    }
    free_norm(q, &m->final_norm);
    free_tensor(q, m->inv_freq[0]);
    free_tensor(q, m->inv_freq[1]);
    free_tensor(q, m->head_shift);
    if (m->embed != m->unembed)
        free_weight(q, m->embed);
    free_weight(q, m->positions);
    free_weight(q, m->unembed);
    device_queue_free(q);
    for (int i = 0; i < 3; i++)
        free(m->own[i]);
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
int32_t model_tl_tokens(const struct model *m)
{
    return m->tl_tokens;
}
enum dtype model_file_dtype(const struct model *m)
{
    return m->file_dtype;
}

const char *model_precision(const struct model *m)
{
    const enum dtype reads = m->config.n_layers > 0 ? m->layer[0].q.reads : m->unembed_reads;
    return reads == DTYPE_F16 ? "f16" : reads == DTYPE_BF16 ? "bf16" : "f32";
}

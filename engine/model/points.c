/* What a model has at its hook points, and what reads it there. */
#include "engine/model/model_private.h"

static int32_t width_at(const struct model_config *c, struct point p)
{
    return p.site == SITE_MLP_PRE || p.site == SITE_MLP_ACT ? c->d_mlp
           : p.site == SITE_ATTN_Z                          ? c->n_heads * c->head_dim
                                                            : c->d_model;
}

int32_t model_width(const struct model *m, struct point p)
{
    return width_at(&m->config, p);
}

int32_t model_base_width(const struct model *m, struct point p)
{
    const bool in_block = p.site >= SITE_ATTN_Z && p.site <= SITE_MLP_OUT;
    return !in_block || p.site == SITE_RESID_MID             ? 0
           : p.site == SITE_MLP_PRE && m->config.arch->gated ? m->config.d_model + m->config.d_mlp
                                                             : m->config.d_model;
}

static bool is_module_point(struct point p)
{
    return p.site == SITE_ATTN_MODULE || p.site == SITE_MLP_MODULE;
}

static bool check_point(const struct model_config *c, const char *dir, struct point p,
                        struct error *e)
{
    int32_t n = c->n_layers;
    bool there = p.site == SITE_EMBED ? p.layer == -1
                 : p.site == SITE_FINAL_NORM
                     ? p.layer == n
                     : p.site < SITE_FINAL_NORM && p.layer >= 0 && p.layer < n;
    char name[POINT_NAME_MAX];
    point_name(p, name);
    if (!there)
        return error_set(e, ERROR_INPUT, "hook point %s: the model %s has %d layers, 0 to %d", name,
                         dir, n, n - 1);
    if (p.site == SITE_RESID_MID && c->parallel_residual)
        return error_set(
            e, ERROR_INPUT,
            "hook point %s: in the model %s attention and MLP run in parallel, nothing "
            "lies between them",
            name, dir);
    if (is_module_point(p) && !c->arch->post_norms)
        return error_set(e, ERROR_INPUT,
                         "hook point %s: the model %s has no norm behind it, expected attn.out or "
                         "mlp.out",
                         name, dir);
    return true;
}

bool model_check_point(const struct model *m, struct point p, struct error *e)
{
    return check_point(&m->config, m->dir, p, e);
}

bool model_could_hook(const struct model_config *c, const char *dir, const struct dict *d,
                      struct point at, struct error *e)
{
    const struct dict_spec *s = dict_spec(d);
    const struct point in = dict_reads(d, at);
    const char *name = dict_path(d) ? dict_path(d) : s->format;
    char there[POINT_NAME_MAX], before[POINT_NAME_MAX];
    point_name(at, there);
    point_name(in, before);
    if (!check_point(c, dir, at, e) || !check_point(c, dir, in, e))
        return false;
    if (s->transcodes && point_compare(in, at) >= 0)
        return error_set(e, ERROR_INPUT,
                         "the transcoder %s reads %s and is hooked at %s, expected a later point",
                         name, before, there);
    if (s->n != width_at(c, in))
        return error_set(e, ERROR_INPUT,
                         "the SAE %s reads a width of %d, the model %s has %d at %s", name, s->n,
                         dir, width_at(c, in), before);
    return s->n_out == width_at(c, at) ||
           error_set(e, ERROR_INPUT,
                     "the transcoder %s gives a width of %d, the model %s has %d at %s", name,
                     s->n_out, dir, width_at(c, at), there);
}

bool model_check_dict(const struct model *m, const struct dict *d, struct point at, struct error *e)
{
    return model_could_hook(&m->config, m->dir, d, at, e);
}

struct point model_landing(const struct model *m, struct point at)
{
    const bool post = m->config.arch->post_norms, parallel = m->config.parallel_residual;
    const uint8_t added = parallel ? SITE_RESID_POST : SITE_RESID_MID;
    switch ((enum site)at.site) {
    case SITE_ATTN_Z: at.site = post ? SITE_ATTN_MODULE : added; break;
    case SITE_ATTN_OUT: at.site = added; break;
    case SITE_MLP_ACT: at.site = post ? SITE_MLP_MODULE : SITE_RESID_POST; break;
    case SITE_MLP_OUT: at.site = SITE_RESID_POST; break;
    default: break;
    }
    return at;
}

const struct linear *model_linear_behind(const struct model *m, struct point at)
{
    if (at.layer < 0 || at.layer >= m->config.n_layers)
        return NULL;
    return at.site == SITE_MLP_ACT  ? &m->layer[at.layer].down
           : at.site == SITE_ATTN_Z ? &m->layer[at.layer].proj
                                    : NULL;
}

enum dtype model_reads(const struct model *m, struct point at)
{
    const struct linear *behind = model_linear_behind(m, at);
    if (behind)
        return behind->reads;
    return at.site == SITE_MLP_IN && at.layer >= 0 && at.layer < m->config.n_layers
               ? m->layer[at.layer].mlp_norm.as
               : DTYPE_F32;
}

bool model_writes_stream(const struct model *m, struct point at)
{
    return model_base_width(m, model_landing(m, at)) == 0;
}

struct point model_end(const struct model *m)
{
    return (struct point){(int16_t)m->config.n_layers, SITE_FINAL_NORM};
}

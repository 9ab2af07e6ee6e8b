/* Names of hook points. Our own spelling and TransformerLens' stand in one table; transformers' are
 * the architecture's table of names. */
#include "engine/hook.h"
#include <stdio.h>
#include <string.h>

static const struct site_name {
    enum site site;
    const char *ours, *lens; /* behind the layer; NULL: none */
} in_layer[] = {
    {SITE_RESID_PRE, "resid.pre", "hook_resid_pre"},
    {SITE_ATTN_Z, "attn.z", "attn.hook_z"},
    {SITE_ATTN_OUT, "attn.out", "hook_attn_out"},
    {SITE_RESID_MID, "resid.mid", "hook_resid_mid"},
    {SITE_MLP_NORMALIZED, "mlp.normalized", NULL},
    {SITE_MLP_IN, "mlp.in", "mlp.hook_in"},
    {SITE_MLP_PRE, "mlp.pre", "mlp.hook_pre"},
    {SITE_MLP_ACT, "mlp.act", "mlp.hook_post"},
    {SITE_MLP_OUT, "mlp.out", "hook_mlp_out"},
    {SITE_RESID_POST, "resid.post", "hook_resid_post"},
};
#define N(a) (sizeof(a) / sizeof *(a))

int point_compare(struct point a, struct point b)
{
    if (a.layer != b.layer)
        return a.layer < b.layer ? -1 : 1;
    return a.site < b.site ? -1 : a.site > b.site;
}

static bool after(const char **s, const char *prefix)
{
    size_t n = strlen(prefix);
    if (strncmp(*s, prefix, n) != 0)
        return false;
    *s += n;
    return true;
}

static bool is(const char *name, const char *s)
{
    return name && strcmp(name, s) == 0;
}

/* A decimal number without sign or leading zeros, at most 5 digits. */
static bool parse_layer(const char **s, int32_t *layer)
{
    const char *p = *s;
    int32_t v = 0;
    int n = 0;
    for (; p[n] >= '0' && p[n] <= '9'; n++) {
        if (n == 5)
            return false;
        v = v * 10 + (p[n] - '0');
    }
    if (n == 0 || (n > 1 && p[0] == '0') || v > INT16_MAX - 1)
        return false;
    *s = p + n;
    *layer = v;
    return true;
}

struct parsing {
    const char *name; /* all of it */
    const struct model_config *model;
    struct error *e;
    enum { NO, YES, REFUSED } found;
    struct point p;
    const char *part; /* behind the layer, or the whole name; once a layer was read */
};

/* NULL: not known. */
static const struct arch *arch_of(const struct parsing *p)
{
    return p->model ? p->model->arch : NULL;
}

static void found(struct parsing *p, enum site site)
{
    p->found = YES;
    p->p.site = (uint8_t)site;
}

static void refuse(struct parsing *p, const char *why)
{
    p->found = REFUSED;
    error_set(p->e, ERROR_INPUT, "hook point '%.80s': %s", p->name, why);
}

/* The number behind "layers." or its like, and what comes then ("" at the end). */
static bool layer_and_part(struct parsing *p, const char *s, const char **part)
{
    int32_t layer = 0;
    if (!parse_layer(&s, &layer) || (*s == '.' ? s[1] == '\0' : *s != '\0'))
        return false;
    p->p.layer = (int16_t)layer;
    *part = *s == '.' ? s + 1 : s;
    p->part = *part;
    return true;
}

static void at_end(struct parsing *p)
{
    int32_t n = p->model ? p->model->n_layers : 0;
    found(p, SITE_FINAL_NORM);
    p->p.layer = n > 0 && n <= INT16_MAX ? (int16_t)n : INT16_MAX;
}

static void at_embed(struct parsing *p)
{
    found(p, SITE_EMBED);
    p->p.layer = -1;
}

static void parse_ours(struct parsing *p)
{
    const char *s = p->name, *part;
    if (is("embed", s))
        at_embed(p);
    else if (is("final_norm", s))
        at_end(p);
    else if (after(&s, "layers.") && layer_and_part(p, s, &part))
        for (size_t i = 0; i < N(in_layer); i++)
            if (is(in_layer[i].ours, part))
                found(p, in_layer[i].site);
    /* what point_name gives */
    if (!arch_of(p) && after(&s, "model.layers.") && layer_and_part(p, s, &part)) {
        if (is("self_attn", part))
            found(p, SITE_ATTN_MODULE);
        else if (is("mlp", part))
            found(p, SITE_MLP_MODULE);
    }
}

/* What TransformerLens calls normalized lies before the gain where norms are RMS norms, in all of
 * its releases; where they are layer norms in the last one only. */
static bool is_rms(const struct parsing *p)
{
    return arch_of(p) && arch_of(p)->norm == NORM_RMS;
}

/* Names that move from architecture to architecture. */
static bool lens_moves(struct parsing *p, const char *part)
{
    if (is("ln2.hook_normalized", part)) {
        found(p, is_rms(p) ? SITE_MLP_NORMALIZED : SITE_MLP_IN);
    } else if (is("hook_mlp_in", part)) {
        found(p, p->model && p->model->parallel_residual ? SITE_RESID_PRE : SITE_RESID_MID);
    } else
        return false;
    if (!arch_of(p))
        refuse(p, "what it means depends on the model");
    return true;
}

static void parse_lens(struct parsing *p)
{
    const char *s = p->name, *part;
    if (is("hook_embed", s))
        at_embed(p);
    else if (is("ln_final.hook_normalized", s)) {
        if (is_rms(p))
            refuse(p, "lies before the gain of an RMS norm, expected final_norm");
        else
            at_end(p);
    } else if (after(&s, "blocks.") && layer_and_part(p, s, &part) && !lens_moves(p, part))
        for (size_t i = 0; i < N(in_layer); i++)
            if (is(in_layer[i].lens, part))
                found(p, in_layer[i].site);
}

/* A module's path in a layer of the architecture: what it gives. */
static void parse_module(struct parsing *p, const struct arch *a, const char *part)
{
    const struct arch_names *n = &a->names;
    if (!*part)
        found(p, SITE_RESID_POST);
    else if (is(n->attn, part) || is(n->attn_inner, part) || is(n->proj, part))
        found(p, a->post_norms ? SITE_ATTN_MODULE : SITE_ATTN_OUT);
    else if (is(n->mlp, part) || is(n->down, part))
        found(p, a->post_norms ? SITE_MLP_MODULE : SITE_MLP_OUT);
    else if (is(n->attn_post_norm, part))
        found(p, SITE_ATTN_OUT);
    else if (is(n->mlp_post_norm, part))
        found(p, SITE_MLP_OUT);
    else if (is(n->mlp_norm, part))
        found(p, SITE_MLP_IN);
    else if (is(a->gated ? n->gate : n->up, part))
        found(p, SITE_MLP_PRE);
    else if (a->gated && is(n->act, part))
        refuse(p, "is the gate alone, expected mlp.pre (before the activation) or mlp.act (times "
                  "the other half)");
    else if (is(n->act, part))
        found(p, SITE_MLP_ACT);
}

/* The same: what it reads. */
static void parse_reader(struct parsing *p, const struct arch *a, const char *part)
{
    const struct arch_names *n = &a->names;
    const bool parallel = p->model && p->model->parallel_residual;
    if (!*part || is(n->attn_norm, part))
        found(p, SITE_RESID_PRE);
    else if (is(n->proj, part))
        found(p, SITE_ATTN_Z);
    else if (is(n->attn_post_norm, part))
        found(p, SITE_ATTN_MODULE);
    else if (is(n->mlp_norm, part))
        found(p, parallel ? SITE_RESID_PRE : SITE_RESID_MID);
    else if (is(n->mlp, part) || is(n->gate, part) || is(n->up, part))
        found(p, SITE_MLP_IN);
    else if (is(n->act, part))
        found(p, SITE_MLP_PRE);
    else if (is(n->down, part))
        found(p, SITE_MLP_ACT);
    else if (is(n->mlp_post_norm, part))
        found(p, SITE_MLP_MODULE);
    else if (is(n->attn, part) || is(n->attn_inner, part))
        refuse(p, "what the attention reads is no hook point");
}

static void parse_path(struct parsing *p, const struct arch *a, bool reads)
{
    const struct arch_names *n = &a->names;
    const char *s = p->name, *part;
    after(&s, n->prefix);
    if (reads && after(&s, n->layers) && after(&s, ".") && layer_and_part(p, s, &part)) {
        parse_reader(p, a, part);
        return;
    }
    if (reads)
        return;
    if (is(n->embed, s))
        at_embed(p);
    else if (is(n->final_norm, s))
        at_end(p);
    else if (after(&s, n->layers) && after(&s, ".") && layer_and_part(p, s, &part))
        parse_module(p, a, part);
}

static void parse_paths(struct parsing *p, bool reads)
{
    const struct arch *a;
    if (arch_of(p))
        parse_path(p, arch_of(p), reads);
    else
        for (size_t i = 0; !p->found && (a = arch_at(i)) != NULL; i++)
            parse_path(p, a, reads);
}

/* Names to expect, of the architecture. */
static void not_known(struct parsing *p)
{
    const struct arch *a = arch_of(p) ? arch_of(p) : arch_at(0);
    const struct arch_names *n = &a->names;
    char examples[200];
    snprintf(examples, sizeof examples,
             "layers.3.mlp.act, %s%s.3.%s, blocks.3.mlp.hook_post, embed or final_norm", n->prefix,
             n->layers, n->mlp);
    if (p->part)
        error_set(p->e, ERROR_INPUT,
                  "hook point '%.80s': '%.60s' is no part of a layer, expected for example %s",
                  p->name, p->part, examples);
    else
        error_set(p->e, ERROR_INPUT, "hook point '%.80s' is not known, expected for example %s",
                  p->name, examples);
}

static bool parsed(struct parsing *p, struct point *out)
{
    int32_t n_layers = p->model ? p->model->n_layers : 0;
    if (n_layers > 0 && p->part && p->p.layer >= n_layers)
        return error_set(p->e, ERROR_INPUT,
                         "hook point '%.80s': layer %d of a model with layers 0 to %d", p->name,
                         p->p.layer, n_layers - 1);
    if (!p->found)
        not_known(p);
    if (p->found == YES)
        *out = p->p;
    return p->found == YES;
}

bool point_parse(const char *name, const struct model_config *model, struct point *out,
                 struct error *e)
{
    struct parsing p = {.name = name, .model = model, .e = e};
    parse_ours(&p);
    if (!p.found)
        parse_lens(&p);
    if (!p.found)
        parse_paths(&p, false);
    return parsed(&p, out);
}

bool point_read_by(const char *module, const struct model_config *model, struct point *out,
                   struct error *e)
{
    struct parsing p = {.name = module, .model = model, .e = e};
    parse_paths(&p, true);
    return parsed(&p, out);
}

void point_name(struct point p, char out[POINT_NAME_MAX])
{
    const char *site = "?";
    for (size_t i = 0; i < N(in_layer); i++)
        if (in_layer[i].site == p.site)
            site = in_layer[i].ours;
    if (p.site == SITE_EMBED || p.site == SITE_FINAL_NORM)
        snprintf(out, POINT_NAME_MAX, p.site == SITE_EMBED ? "embed" : "final_norm");
    else if (p.site == SITE_ATTN_MODULE || p.site == SITE_MLP_MODULE)
        snprintf(out, POINT_NAME_MAX, "model.layers.%d.%s", p.layer,
                 p.site == SITE_MLP_MODULE ? "mlp" : "self_attn");
    else
        snprintf(out, POINT_NAME_MAX, "layers.%d.%s", p.layer, site);
}

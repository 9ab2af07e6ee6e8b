/* Names of hook points. One table holds the three spellings of every site; the parts in front of it
 * (layers.L., gpt_neox.layers.L., blocks.L.) say whose spelling it is. */
#include "engine/hook.h"
#include <stdio.h>
#include <string.h>

static const struct site_name {
    enum site site;
    const char *ours, *module,
        *lens; /* behind the layer; NULL: none. module: transformers' path (its output) */
} in_layer[] = {
    {SITE_RESID_PRE, "resid.pre", NULL, "hook_resid_pre"},
    {SITE_ATTN_OUT, "attn.out", "attention", "hook_attn_out"},
    {SITE_ATTN_OUT, "attn.out", "attention.dense", NULL},
    {SITE_MLP_PRE, "mlp.pre", "mlp.dense_h_to_4h", "mlp.hook_pre"},
    {SITE_MLP_ACT, "mlp.act", "mlp.act", "mlp.hook_post"},
    {SITE_MLP_OUT, "mlp.out", "mlp", "hook_mlp_out"},
    {SITE_MLP_OUT, "mlp.out", "mlp.dense_4h_to_h", NULL},
    {SITE_RESID_POST, "resid.post", "", "hook_resid_post"},
};
static const struct site_name alone[] = {
    {SITE_EMBED, "embed", "embed_in", "hook_embed"},
    {SITE_FINAL_NORM, "final_norm", "final_layer_norm", "ln_final.hook_normalized"},
};
#define N(a) (sizeof(a) / sizeof *(a))
#define EXAMPLES                                                                                   \
    "layers.3.mlp.act, gpt_neox.layers.3.mlp.act, blocks.3.mlp.hook_post, embed or final_norm"

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

static bool parse_alone(const char *s, bool theirs, int32_t n_layers, struct point *out)
{
    for (size_t i = 0; i < N(alone); i++) {
        bool found =
            is(alone[i].module, s) || (!theirs && (is(alone[i].ours, s) || is(alone[i].lens, s)));
        if (!found)
            continue;
        int32_t end = n_layers > 0 && n_layers <= INT16_MAX ? n_layers : INT16_MAX;
        out->site = (uint8_t)alone[i].site;
        out->layer = alone[i].site == SITE_EMBED ? (int16_t)-1 : (int16_t)end;
        return true;
    }
    return false;
}

static bool parse_site(const char *s, bool lens, bool theirs, uint8_t *site)
{
    for (size_t i = 0; i < N(in_layer); i++)
        if (lens ? is(in_layer[i].lens, s)
                 : is(in_layer[i].module, s) || (!theirs && is(in_layer[i].ours, s))) {
            *site = (uint8_t)in_layer[i].site;
            return true;
        }
    return false;
}

bool point_parse(const char *name, int32_t n_layers, struct point *out, struct error *e)
{
    const char *s = name;
    struct point p = {0};
    int32_t layer = 0;
    bool theirs = after(&s, "gpt_neox."), lens = false;
    if (parse_alone(s, theirs, n_layers, &p)) {
        *out = p;
        return true;
    }
    if (!after(&s, "layers.")) {
        lens = !theirs && after(&s, "blocks.");
        if (!lens)
            return error_set(e, ERROR_INPUT,
                             "hook point '%.80s' is not known, expected for example " EXAMPLES,
                             name);
    }
    if (!parse_layer(&s, &layer) || (*s == '.' ? s[1] == '\0' : *s != '\0' || lens))
        return error_set(e, ERROR_INPUT,
                         "hook point '%.80s' has no layer number, expected for example " EXAMPLES,
                         name);
    if (n_layers > 0 && layer >= n_layers)
        return error_set(e, ERROR_INPUT,
                         "hook point '%.80s': layer %d of a model with layers 0 to %d", name, layer,
                         n_layers - 1);
    if (!parse_site(*s == '.' ? s + 1 : s, lens, theirs, &p.site))
        return error_set(
            e, ERROR_INPUT,
            "hook point '%.80s': '%.60s' is no part of a layer, expected for example " EXAMPLES,
            name, s);
    p.layer = (int16_t)layer;
    *out = p;
    return true;
}

void point_name(struct point p, char out[POINT_NAME_MAX])
{
    for (size_t i = 0; i < N(alone); i++)
        if (alone[i].site == p.site) {
            snprintf(out, POINT_NAME_MAX, "%s", alone[i].ours);
            return;
        }
    for (size_t i = 0; i < N(in_layer); i++)
        if (in_layer[i].site == p.site) {
            snprintf(out, POINT_NAME_MAX, "layers.%d.%s", p.layer, in_layer[i].ours);
            return;
        }
    snprintf(out, POINT_NAME_MAX, "layers.%d.?", p.layer);
}

/* Hook points and interventions: plain data, no call-backs. Spellings: transformers' module paths,
 * TransformerLens' names, and our own ("layers.3.mlp.act"); a module's path means its output. */
#ifndef GLIMT_ENGINE_HOOK_H
#define GLIMT_ENGINE_HOOK_H
#include "engine/arch.h"

enum site {
    SITE_EMBED, /* before positions are added; scaled where the architecture scales it */
    SITE_RESID_PRE,
    SITE_ATTN_Z,         /* what the heads read, side by side: [T, heads · head width] */
    SITE_ATTN_MODULE,    /* before a post-norm; in architectures that have one */
    SITE_ATTN_OUT,       /* what is added to the residual stream */
    SITE_RESID_MID,      /* between attention and MLP; not in parallel blocks */
    SITE_MLP_NORMALIZED, /* in the norm, before its gain and bias */
    SITE_MLP_IN,         /* behind the norm */
    SITE_MLP_PRE,        /* gated: the gate */
    SITE_MLP_ACT,        /* gated: act(gate) ⊙ up */
    SITE_MLP_MODULE,     /* as ATTN_MODULE */
    SITE_MLP_OUT,
    SITE_RESID_POST,
    SITE_FINAL_NORM
};

struct point { /* totally ordered by execution: embed has layer −1, final_norm layer n_layers */
    int16_t layer;
    uint8_t site;
};

/* <0, 0, >0 as a comes before, is, comes after b. */
int point_compare(struct point a, struct point b);
/* Parses any of the three spellings. The model says which paths are its modules', what a name means
 * that moves from architecture to architecture, bounds the layer and gives final_norm its own;
 * NULL: not known, what is no other architecture's name is then taken as GPT-NeoX's. */
bool point_parse(const char *name, const struct model_config *, struct point *out, struct error *e);
#define POINT_NAME_MAX 40
/* Our spelling: "embed", "layers.3.mlp.act", "final_norm"; of the points before a post-norm the
 * module's path, "model.layers.3.mlp". */
void point_name(struct point, char out[POINT_NAME_MAX]);
/* The point that a module (a path of transformers' within a layer) reads. */
bool point_read_by(const char *module, const struct model_config *, struct point *out,
                   struct error *e);

struct dict;

struct unit_id {   /* which latent or neuron; no padding, so that its bytes can be hashed */
    int32_t dict;  /* the dictionary's place in its set (engine/dict/set.h); −1: no unit */
    int32_t index; /* in it; −1: the error term, x − x̂ */
};
#define UNIT_NONE ((struct unit_id){-1, -1})
#define UNITS_MAX 256 /* chosen, fixed or asked about at a time */

static inline bool unit_same(struct unit_id a, struct unit_id b)
{
    return a.dict == b.dict && a.index == b.index;
}

struct unit { /* what happens to one latent (or neuron) at every position */
    struct unit_id id;
    float value; /* FIX: the activation; SCALE: factor; ADD: offset; ZERO: unused */
    enum unit_mode mode;
};

enum hook_op {
    HOOK_GET,    /* io ← the value here (an arena tensor) */
    HOOK_SET,    /* the value here ← io */
    HOOK_ADD,    /* the value here += io; a [1, n] io is added to every row */
    HOOK_INSERT, /* the value here ← the dictionary's reconstruction of it (of a transcoder: from
                    what was at dict_reads), with `units` changed; with keep_error plus what the
                    reconstruction had missed */
};

struct hook {
    struct point at;
    enum hook_op op;
    const int32_t *rows; /* host: the rows of the batch that it acts on; NULL: all */
    int32_t n_rows;
    struct tensor *io;        /* GET, SET, ADD: of these rows, in their order */
    const struct dict *dict;  /* INSERT */
    bool keep_error;          /* INSERT */
    const struct unit *units; /* INSERT; of this dictionary */
    int32_t n_units;
};
#endif

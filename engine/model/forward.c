/* The resumable forward: a walk over the ordered hook points that computes no more than somebody
 * looks at. */
#include "engine/base/memory.h"
#include "engine/dict/pack.h"
#include "engine/model/model_private.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

struct held { /* a tensor and whether somebody else may still read its memory */
    struct tensor t;
    bool shared;
};

struct walk {
    struct run *run;
    const struct model *m;
    const struct batch *batch;
    const struct hook *hook;
    int32_t n_hooks;
    struct point at, to;
    bool want_state;
    struct held value, base;
    struct tensor *read;  /* [n_hooks] what the dictionaries of insertions read, once it is there */
    struct tensor mlp_in; /* of a gated MLP while the gate is looked at */
    struct tensor up;     /* what the gate will be multiplied with, once it is there */
    bool release;         /* the layer's scratch may go at its end */
    struct arena_mark mark;
};

static bool same_point(struct point a, struct point b)
{
    return point_compare(a, b) == 0;
}

/* Where a hook takes in what it is made of: for a transcoder's insertion before the hook itself. */
static struct point reads(const struct hook *h)
{
    return dict_reads(h->op == HOOK_INSERT ? h->dict : NULL, h->at);
}

/* True when a hook or the caller looks at the layer's site, so that its value must exist by itself.
 */
static bool observed(const struct walk *w, enum site site)
{
    struct point p = {w->at.layer, (uint8_t)site};
    if (same_point(w->to, p))
        return true;
    for (int32_t i = 0; i < w->n_hooks; i++)
        if (same_point(w->hook[i].at, p) || same_point(reads(&w->hook[i]), p))
            return true;
    return false;
}

static void own(struct walk *w, struct held *h)
{
    if (h->shared)
        *h = (struct held){op_copy(w->run, h->t), false};
}

static struct point here(const struct walk *w, enum site site)
{
    return (struct point){w->at.layer, (uint8_t)site};
}

/* The residual stream in front of the layer, by the point that it was computed at. */
static struct point before_layer(const struct walk *w)
{
    if (w->at.layer == 0)
        return (struct point){-1, SITE_EMBED};
    return (struct point){(int16_t)(w->at.layer - 1), SITE_RESID_POST};
}

static void place_name(const void *of, int64_t layer, int64_t site, char *to, size_t n)
{
    char name[POINT_NAME_MAX];
    (void)of;
    point_name((struct point){(int16_t)layer, (uint8_t)site}, name);
    snprintf(to, n, "%s", name);
}

/* The tape keeps what an operation read, so under one the residual must not change in place
 * afterwards. `of`: what x is, for errors. */
static struct tensor norm(struct walk *w, struct point of, struct held *x, const struct norm *n)
{
    const uint64_t from = run_at(w->run);
    if (w->run->tape)
        x->shared = true;
    struct tensor y = op_norm(w->run, x->t, n, (struct tensor){0});
    run_name(w->run, from, place_name, NULL, of.layer, of.site);
    return y;
}

/* A norm that has done its part but for gain and bias. */
static struct tensor gained(struct walk *w, struct tensor x, const struct norm *n)
{
    const struct norm rest = {
        .kind = NORM_RMS, .gamma = n->gamma, .beta = n->beta, .eps = n->eps, .as = n->as};
    float *one = xreallocarray(NULL, (size_t)x.rows, sizeof *one);
    for (int32_t i = 0; i < x.rows; i++)
        one[i] = 1;
    struct tensor y = op_norm(w->run, x, &rest, run_put(w->run, x.rows, 1, one));
    free(one);
    return y;
}

/* ---- hooks */
static bool io_fits(struct walk *w, const struct hook *h)
{
    struct tensor v = w->value.t, io = *h->io;
    if (h->rows)
        v.rows = h->n_rows;
    if (io.cols == v.cols && (io.rows == v.rows || (h->op == HOOK_ADD && io.rows == 1)))
        return true;
    char name[POINT_NAME_MAX];
    point_name(w->at, name);
    return error_set(&w->run->err, ERROR_INPUT,
                     "intervention at %s: value has shape [%d, %d], expected [%d, %d]", name,
                     io.rows, io.cols, v.rows, v.cols);
}

static bool rows_fit(struct walk *w, const struct hook *h)
{
    char name[POINT_NAME_MAX];
    for (int32_t i = 0; h->rows && i < h->n_rows; i++)
        if (h->rows[i] < 0 || h->rows[i] >= w->value.t.rows) {
            point_name(w->at, name);
            return error_set(&w->run->err, ERROR_INPUT,
                             "intervention at %s: found row %d, expected 0 to %d", name, h->rows[i],
                             w->value.t.rows - 1);
        }
    return !h->rows || h->n_rows > 0;
}

/* The rows that a hook acts on: a copy where they are not all. */
static struct tensor rows_of(struct walk *w, const struct hook *h)
{
    if (!h->rows)
        return w->value.t;
    return op_rows_get(w->run, w->value.t, run_put_ids(w->run, h->n_rows, 1, h->rows));
}

static void take_read(struct walk *w, int32_t i)
{
    if (!rows_fit(w, &w->hook[i]))
        return;
    w->read[i] = rows_of(w, &w->hook[i]);
    if (!w->hook[i].rows)
        w->value.shared = true;
}

static void put_rows(struct walk *w, const struct hook *h, struct tensor x)
{
    own(w, &w->value);
    op_rows_set(w->run, w->value.t, x, run_put_ids(w->run, h->n_rows, 1, h->rows));
}

static void insert(struct walk *w, const struct hook *h, struct tensor read)
{
    const struct dict_spec *s = dict_spec(h->dict);
    char name[POINT_NAME_MAX];
    point_name(w->at, name);
    if (s->n_out != w->value.t.cols) {
        error_set(&w->run->err, ERROR_INPUT,
                  "inserting at %s: the dictionary has width %d, the model %d there", name,
                  s->n_out, w->value.t.cols);
        return;
    }
    struct tensor was = rows_of(w, h);
    if (s->transcodes && !read.rows) {
        error_set(&w->run->err, ERROR_INPUT,
                  "inserting at %s: the forward begins behind what the transcoder reads", name);
        return;
    }
    struct tensor y = dict_insert(w->run, h->dict, s->transcodes ? read : was, was, h->keep_error,
                                  h->units, h->n_units);
    if (h->rows)
        put_rows(w, h, y);
    else
        w->value = (struct held){y, false};
}

static void set(struct walk *w, const struct hook *h)
{
    if (!io_fits(w, h))
        return;
    if (h->rows)
        put_rows(w, h, *h->io);
    else
        w->value = (struct held){*h->io, true};
}

static void add(struct walk *w, const struct hook *h)
{
    if (!io_fits(w, h))
        return;
    if (h->rows) {
        struct tensor y = rows_of(w, h);
        op_add(w->run, y, *h->io, 1.0f);
        put_rows(w, h, y);
        return;
    }
    own(w, &w->value);
    op_add(w->run, w->value.t, *h->io, 1.0f);
}

static void apply_hook(struct walk *w, const struct hook *h, struct tensor read)
{
    if (!rows_fit(w, h))
        return;
    switch (h->op) {
    case HOOK_GET:
        *h->io = rows_of(w, h);
        if (!h->rows)
            w->value.shared = true;
        break;
    case HOOK_SET: set(w, h); break;
    case HOOK_ADD: add(w, h); break;
    case HOOK_INSERT: insert(w, h, read); break;
    }
}

static void apply_hooks(struct walk *w)
{
    for (int32_t i = 0; i < w->n_hooks; i++)
        if (same_point(w->hook[i].at, w->at))
            apply_hook(w, &w->hook[i], w->read[i]);
    /* what is read is what hooks have made of it */
    for (int32_t i = 0; i < w->n_hooks; i++)
        if (!same_point(reads(&w->hook[i]), w->hook[i].at) && same_point(reads(&w->hook[i]), w->at))
            take_read(w, i);
}

/* ---- from one point to the next that is looked at */
static const struct layer *layer_of(const struct walk *w)
{
    return &w->m->layer[w->at.layer];
}

/* Scratch of a layer that is run to its end goes back to the arena: nothing of it is read later,
 * unless a hook took a value out, or put another residual in its middle, or a tape holds views. The
 * residual is written in place, in memory from before the mark. */
static void layer_begin(struct walk *w)
{
    w->release = !w->run->tape && point_compare(w->to, here(w, SITE_RESID_POST)) >= 0;
    for (int32_t i = 0; i < w->n_hooks; i++) {
        const struct point at = w->hook[i].at;
        const bool layer = at.layer == w->at.layer,
                   within = layer && at.site > SITE_RESID_PRE && at.site < SITE_RESID_POST;
        if ((within && (w->hook[i].op == HOOK_GET || at.site == SITE_RESID_MID)) ||
            (layer && !same_point(reads(&w->hook[i]), at)))
            w->release = false;
    }
    if (w->release) {
        own(w, &w->value);
        w->mark = arena_mark(w->run->arena);
    }
}

static void layer_end(struct walk *w)
{
    w->value = w->base;
    w->base = (struct held){0};
    if (w->release)
        arena_reset(w->run->arena, w->mark);
    w->release = false;
    w->at.site = SITE_RESID_POST;
}

/* What only products read may be of 16 bits; whoever looks gets the same values as floats. */
static void arrive(struct walk *w, enum site site, struct tensor value)
{
    if (observed(w, site))
        value = op_as(w->run, value, DTYPE_F32);
    w->value = (struct held){value, false};
    w->at.site = (uint8_t)site;
}

/* Each head of x [T, heads · head width] by itself. */
static struct tensor head_norm(struct walk *w, struct tensor x, const struct norm *n)
{
    const int32_t cols = x.cols, dim = layer_of(w)->attn.head_dim;
    if (!n->gamma.buf)
        return x;
    x.rows *= cols / dim, x.cols = x.ld = dim;
    const uint64_t from = run_at(w->run);
    x = op_norm(w->run, x, n, (struct tensor){0});
    run_name(w->run, from, place_name, NULL, w->at.layer, SITE_ATTN_Z);
    x.rows /= cols / dim, x.cols = x.ld = cols;
    return x;
}

static struct tensor attention(struct walk *w, struct held *resid)
{
    const struct layer *l = layer_of(w);
    const int32_t d = l->attn.n_heads * l->attn.head_dim,
                  kv = l->attn.n_kv_heads * l->attn.head_dim;
    struct tensor x = norm(w, before_layer(w), resid, &l->attn_norm), q, k, v;
    q = op_linear(w->run, x, &l->q, EPILOGUE_NONE);
    if (l->k.w) {
        k = op_linear(w->run, x, &l->k, EPILOGUE_NONE);
        v = op_linear(w->run, x, &l->v, EPILOGUE_NONE);
    } else {
        k = tensor_cols(q, d, kv);
        v = tensor_cols(q, d + kv, kv);
        q = tensor_cols(q, 0, d);
    }
    q = head_norm(w, q, &l->q_norm);
    k = head_norm(w, k, &l->k_norm);
    return op_attn(w->run, q, k, v, &l->attn, w->at.layer, &w->batch->seqs, l->proj.reads);
}

/* In a parallel block the MLP doesn't see the attention: when the walk ends inside the MLP, nobody
 * asked for the residual and no keys are kept, there is no need for it. */
static bool attention_unseen(const struct walk *w)
{
    return w->m->config.parallel_residual && !w->want_state && !w->batch->seqs.kv &&
           !observed(w, SITE_ATTN_Z) && !observed(w, SITE_ATTN_OUT) && w->to.layer == w->at.layer &&
           w->to.site >= SITE_MLP_NORMALIZED && w->to.site <= SITE_MLP_OUT;
}

/* What the MLP reads of the stream x, or what is that but for the norm's gain where somebody looks
 * there. The stream is read before anything is added to it. */
struct mlp_input {
    enum site site;
    struct tensor t;
};
static struct mlp_input mlp_input(struct walk *w, struct point of, struct held *x)
{
    const struct norm *n = &layer_of(w)->mlp_norm, bare = {.kind = n->kind, .eps = n->eps};
    return observed(w, SITE_MLP_NORMALIZED)
               ? (struct mlp_input){SITE_MLP_NORMALIZED, norm(w, of, x, &bare)}
               : (struct mlp_input){SITE_MLP_IN, norm(w, of, x, n)};
}

static void from_resid_pre(struct walk *w)
{
    layer_begin(w);
    w->base = w->value;
    if (!attention_unseen(w)) {
        arrive(w, SITE_ATTN_Z, attention(w, &w->base));
        return;
    }
    const struct mlp_input in = mlp_input(w, before_layer(w), &w->base);
    arrive(w, in.site, in.t);
}

/* The residual has got the attention's output, `add` (absent: it is added by a product of the
 * heads' values z). In a parallel block the MLP reads what was there before. */
static void add_attention(struct walk *w, struct tensor z, struct tensor add)
{
    const struct layer *l = layer_of(w);
    const bool parallel = w->m->config.parallel_residual;
    struct mlp_input in = {SITE_MLP_IN, {0}};
    if (parallel)
        in = mlp_input(w, before_layer(w), &w->base);
    own(w, &w->base);
    if (add.rows)
        op_add(w->run, w->base.t, add, 1.0f);
    else
        op_linear_add(w->run, w->base.t, z, &l->proj);
    if (parallel) {
        arrive(w, in.site, in.t);
        return;
    }
    w->value = w->base;
    w->base = (struct held){0};
    w->at.site = SITE_RESID_MID;
}

static void from_attn_z(struct walk *w)
{
    const bool post = w->m->config.arch->post_norms;
    if (post || observed(w, SITE_ATTN_OUT))
        arrive(w, post ? SITE_ATTN_MODULE : SITE_ATTN_OUT,
               op_linear(w->run, w->value.t, &layer_of(w)->proj, EPILOGUE_NONE));
    else
        add_attention(w, w->value.t, (struct tensor){0});
}

static void from_resid_mid(struct walk *w)
{
    w->base = w->value;
    const struct mlp_input in = mlp_input(w, here(w, SITE_RESID_MID), &w->base);
    arrive(w, in.site, in.t);
}

static const struct {
    enum epilogue alone, times; /* NONE: no epilogue computes it */
} epilogue_of[] = {
    [ACT_GELU] = {EPILOGUE_GELU, EPILOGUE_GELU_MUL},
    [ACT_GELU_TANH] = {EPILOGUE_GELU_TANH, EPILOGUE_GELU_TANH_MUL},
    [ACT_RELU] = {EPILOGUE_NONE, EPILOGUE_NONE},
    [ACT_SILU] = {EPILOGUE_NONE, EPILOGUE_SILU_MUL},
};

/* What a gate is multiplied with; absent where there is none. */
static struct tensor other_half(struct walk *w)
{
    const struct layer *l = layer_of(w);
    if (l->gate.w && !w->up.rows)
        w->up = op_linear_as(w->run, w->mlp_in, &l->up, EPILOGUE_NONE, l->down.reads);
    return w->up;
}

static void from_mlp_in(struct walk *w)
{
    const struct layer *l = layer_of(w);
    const bool gated = l->gate.w != NULL;
    const struct tensor x = w->value.t;
    const enum activation act = w->m->config.act;
    const enum epilogue e = gated ? epilogue_of[act].times : epilogue_of[act].alone;
    const bool fused = e != EPILOGUE_NONE && !observed(w, SITE_MLP_PRE);
    w->up = (struct tensor){0}, w->mlp_in = x;
    if (!fused)
        arrive(w, SITE_MLP_PRE, op_linear(w->run, x, gated ? &l->gate : &l->up, EPILOGUE_NONE));
    else if (!gated)
        arrive(w, SITE_MLP_ACT, op_linear_as(w->run, x, &l->up, e, l->down.reads));
    else
        arrive(w, SITE_MLP_ACT, op_linear_mul(w->run, other_half(w), x, &l->gate, e));
}

static void from_mlp_pre(struct walk *w)
{
    struct tensor up = other_half(w);
    arrive(w, SITE_MLP_ACT,
           op_act(w->run, w->value.t, up, w->m->config.act, layer_of(w)->down.reads));
}

static void from_mlp_act(struct walk *w)
{
    const struct layer *l = layer_of(w);
    const bool post = w->m->config.arch->post_norms;
    if (post || observed(w, SITE_MLP_OUT)) {
        arrive(w, post ? SITE_MLP_MODULE : SITE_MLP_OUT,
               op_linear(w->run, w->value.t, &l->down, EPILOGUE_NONE));
        return;
    }
    own(w, &w->base);
    op_linear_add(w->run, w->base.t, w->value.t, &l->down);
    layer_end(w);
}

static void from_mlp_out(struct walk *w)
{
    own(w, &w->base);
    op_add(w->run, w->base.t, w->value.t, 1.0f);
    layer_end(w);
}

/* Where a token stands in its sequence, learned. */
static void add_positions(struct walk *w)
{
    const struct seqs *s = &w->batch->seqs;
    int32_t *pos = xreallocarray(NULL, (size_t)w->batch->n_rows, sizeof *pos);
    for (int32_t i = 0; i < s->n; i++)
        for (int32_t t = s->start[i]; t < s->start[i + 1]; t++)
            pos[t] = (s->past ? s->past[i] : 0) + t - s->start[i];
    struct tensor ids = run_put_ids(w->run, w->batch->n_rows, 1, pos);
    const uint64_t from = run_at(w->run);
    struct tensor rows = op_rows(w->run, w->m->positions, ids);
    run_name(w->run, from, pack_name, w->m->positions_source, 0, 0);
    own(w, &w->value);
    op_add(w->run, w->value.t, rows, 1.0f);
    free(pos);
}

static void from_embed(struct walk *w)
{
    if (w->m->positions)
        add_positions(w);
    w->at = (struct point){0, SITE_RESID_PRE};
}

static void from_resid_post(struct walk *w)
{
    w->at.layer++;
    if (w->at.layer < w->m->config.n_layers) {
        w->at.site = SITE_RESID_PRE;
        return;
    }
    arrive(w, SITE_FINAL_NORM, norm(w, before_layer(w), &w->value, &w->m->final_norm));
}

static void advance(struct walk *w)
{
    const struct layer *l =
        w->at.layer >= 0 && w->at.layer < w->m->config.n_layers ? layer_of(w) : NULL;
    switch ((enum site)w->at.site) {
    case SITE_EMBED: from_embed(w); break;
    case SITE_RESID_PRE: from_resid_pre(w); break;
    case SITE_ATTN_Z: from_attn_z(w); break;
    case SITE_ATTN_MODULE:
        arrive(w, SITE_ATTN_OUT, norm(w, w->at, &w->value, &l->attn_post_norm));
        break;
    case SITE_ATTN_OUT: add_attention(w, (struct tensor){0}, w->value.t); break;
    case SITE_RESID_MID: from_resid_mid(w); break;
    case SITE_MLP_NORMALIZED: arrive(w, SITE_MLP_IN, gained(w, w->value.t, &l->mlp_norm)); break;
    case SITE_MLP_IN: from_mlp_in(w); break;
    case SITE_MLP_PRE: from_mlp_pre(w); break;
    case SITE_MLP_ACT: from_mlp_act(w); break;
    case SITE_MLP_MODULE:
        arrive(w, SITE_MLP_OUT, norm(w, w->at, &w->value, &l->mlp_post_norm));
        break;
    case SITE_MLP_OUT: from_mlp_out(w); break;
    case SITE_RESID_POST: from_resid_post(w); break;
    case SITE_FINAL_NORM: break;
    }
}

/* ---- what comes in */
static bool check_batch(const struct model *m, const struct batch *batch, struct error *e)
{
    const struct seqs *s = &batch->seqs;
    if (batch->n_rows < 1 || s->n < 1 || s->start[0] != 0 || s->start[s->n] != batch->n_rows)
        return error_set(
            e, ERROR_INPUT,
            "forward: %d rows in %d sequences, expected at least one row and sequences that "
            "cover all rows",
            batch->n_rows, s->n);
    for (int32_t i = 0; i < s->n; i++) {
        int32_t n = s->start[i + 1] - s->start[i], past = s->past ? s->past[i] : 0;
        if (n < 0 || past < 0 || n > m->config.n_ctx - past)
            return error_set(
                e, ERROR_INPUT,
                "forward: sequence %d has %d tokens after %d, the model's context is %d", i, n,
                past, m->config.n_ctx);
        if (past > 0 && (!s->kv || !s->kv[i]))
            return error_set(
                e, ERROR_INPUT,
                "forward: sequence %d goes on after %d tokens but its keys and values are "
                "not there",
                i, past);
    }
    return true;
}

static bool check_ids(const struct model *m, const struct batch *batch, struct error *e)
{
    if (!batch->ids)
        return error_set(e, ERROR_INPUT, "forward: neither token ids nor a state to start from");
    for (int32_t i = 0; i < batch->n_rows; i++)
        if (batch->ids[i] < 0 || batch->ids[i] >= m->config.n_vocab)
            return error_set(e, ERROR_INPUT,
                             "forward: token id %d at row %d, the model's vocabulary is 0 to %d",
                             batch->ids[i], i, m->config.n_vocab - 1);
    return true;
}

static bool check_state(const struct model *m, const struct batch *batch, const struct state *s,
                        struct error *e)
{
    if (!model_check_point(m, s->at, e))
        return error_prefix(e, "forward from a state");
    const int32_t width = model_width(m, s->at), base = model_base_width(m, s->at);
    bool ok = s->value.rows == batch->n_rows && s->value.cols == width;
    if (ok && base)
        ok = s->base.rows == batch->n_rows && s->base.cols == base;
    if (ok)
        return true;
    char name[POINT_NAME_MAX];
    point_name(s->at, name);
    return error_set(
        e, ERROR_INPUT, "forward from %s: state [%d, %d] with residual [%d, %d], expected [%d, %d]",
        name, s->value.rows, s->value.cols, s->base.rows, s->base.cols, batch->n_rows, width);
}

static void begin_from(struct walk *w, const struct state *from)
{
    const int32_t base = model_base_width(w->m, from->at), d = w->m->config.d_model;
    w->value = (struct held){from->value, true};
    if (base > 0)
        w->base = (struct held){base > d ? tensor_cols(from->base, 0, d) : from->base, true};
    if (base > d)
        w->up = tensor_cols(from->base, d, base - d);
}

static void begin_with_ids(struct walk *w)
{
    const struct model *m = w->m;
    struct tensor ids = run_put_ids(w->run, w->batch->n_rows, 1, w->batch->ids);
    const uint64_t from = run_at(w->run);
    struct tensor x = op_rows(w->run, m->embed, ids);
    run_name(w->run, from, pack_name, m->embed_source, 0, 0);
    if (m->config.arch->embed_scaled) {
        struct tensor scaled = op_copy(w->run, x);
        op_add(w->run, scaled, x, sqrtf((float)m->config.d_model) - 1);
        x = scaled;
    }
    w->value = (struct held){x, false};
}

/* Checks everything and puts the walk at its first point; false after filling the run's error. */
static bool walk_begin(struct walk *w, const struct state *from)
{
    struct error *e = &w->run->err;
    const struct batch *batch = w->batch;
    if (!check_batch(w->m, batch, e) || !model_check_point(w->m, w->to, e))
        return false;
    if (!(from ? check_state(w->m, batch, from, e) : check_ids(w->m, batch, e)))
        return false;
    w->at = from ? from->at : (struct point){-1, SITE_EMBED};
    if (point_compare(w->at, w->to) > 0) {
        char a[POINT_NAME_MAX], b[POINT_NAME_MAX];
        point_name(w->at, a);
        point_name(w->to, b);
        return error_set(e, ERROR_INPUT, "forward from %s to %s: the end comes before the start", a,
                         b);
    }
    if (from)
        begin_from(w, from);
    else
        begin_with_ids(w);
    return true;
}

/* The state where the walk ended. */
static void give_state(struct walk *w, struct state *out)
{
    const int32_t base = model_base_width(w->m, w->at), d = w->m->config.d_model;
    out->value = w->value.t;
    out->base = w->base.t;
    if (base <= d)
        return;
    struct tensor up = other_half(w);
    out->base = run_tensor(w->run, w->batch->n_rows, base);
    op_copy_to(w->run, tensor_cols(out->base, 0, d), w->base.t);
    op_copy_to(w->run, tensor_cols(out->base, d, base - d), up);
    if (!run_ok(w->run))
        out->value.buf = out->base.buf = NULL;
}

void model_forward(struct run *run, const struct model *m, const struct batch *batch,
                   const struct state *from, struct point to, const struct hook *hooks,
                   int32_t n_hooks, struct state *out)
{
    struct walk w = {.run = run,
                     .m = m,
                     .batch = batch,
                     .hook = hooks,
                     .n_hooks = n_hooks,
                     .to = to,
                     .want_state = out != NULL};
    if (out) {
        *out = (struct state){.at = to};
        out->value.rows = batch->n_rows;
        out->value.cols = out->value.ld = model_width(m, to);
        out->base.cols = out->base.ld = model_base_width(m, to);
        if (out->base.cols)
            out->base.rows = batch->n_rows;
    }
    if (!run_ok(run) || !walk_begin(&w, from))
        return;
    w.read = xcalloc((size_t)n_hooks + 1, sizeof *w.read);
    for (;;) {
        apply_hooks(&w);
        if (same_point(w.at, to) || !run_ok(run))
            break;
        advance(&w);
    }
    free(w.read);
    if (out && run_ok(run))
        give_state(&w, out);
}

/* The resumable forward: a walk over the ordered hook points that computes no more than somebody
 * looks at. */
#include "engine/model/model_private.h"
#include <stdio.h>

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
    bool release; /* the layer's scratch may go at its end */
    struct arena_mark mark;
};

static bool same_point(struct point a, struct point b)
{
    return point_compare(a, b) == 0;
}

/* True when a hook or the caller looks at the layer's site, so that its value must exist by itself.
 */
static bool observed(const struct walk *w, enum site site)
{
    struct point p = {w->at.layer, (uint8_t)site};
    if (same_point(w->to, p))
        return true;
    for (int32_t i = 0; i < w->n_hooks; i++)
        if (same_point(w->hook[i].at, p))
            return true;
    return false;
}

static void own(struct walk *w, struct held *h)
{
    if (h->shared)
        *h = (struct held){op_copy(w->run, h->t), false};
}

enum residual { BEFORE_THE_LAYER, BETWEEN_ATTENTION_AND_MLP };

/* The residual stream that a norm reads, by the point that it was computed at. */
static void residual_name(const struct walk *w, enum residual which, char out[POINT_NAME_MAX])
{
    struct point before = {(int16_t)(w->at.layer - 1), SITE_RESID_POST};
    if (before.layer < 0)
        before.site = SITE_EMBED;
    if (which == BETWEEN_ATTENTION_AND_MLP)
        snprintf(out, POINT_NAME_MAX, "layers.%d.resid.mid", w->at.layer);
    else
        point_name(before, out);
}

/* The tape keeps what an operation read, so under one the residual must not change in place
 * afterwards. */
static struct tensor norm(struct walk *w, enum residual which, struct held *x, const struct norm *n)
{
    char name[POINT_NAME_MAX];
    bool before = run_ok(w->run);
    if (w->run->tape)
        x->shared = true;
    struct tensor y = op_norm(w->run, x->t, n, (struct tensor){0});
    if (!run_ok(w->run)) {
        residual_name(w, which, name);
        run_name(w->run, before, "%s", name);
    }
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

static void put_rows(struct walk *w, const struct hook *h, struct tensor x)
{
    own(w, &w->value);
    op_rows_set(w->run, w->value.t, x, run_put_ids(w->run, h->n_rows, 1, h->rows));
}

static void insert(struct walk *w, const struct hook *h)
{
    const struct dict_spec *s = dict_spec(h->dict);
    if (s->n != w->value.t.cols) {
        char name[POINT_NAME_MAX];
        point_name(w->at, name);
        error_set(&w->run->err, ERROR_INPUT,
                  "inserting at %s: the dictionary has width %d, the model %d there", name, s->n,
                  w->value.t.cols);
        return;
    }
    struct tensor y =
        dict_insert(w->run, h->dict, rows_of(w, h), h->keep_error, h->units, h->n_units);
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

static void apply_hook(struct walk *w, const struct hook *h)
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
    case HOOK_INSERT: insert(w, h); break;
    }
}

static void apply_hooks(struct walk *w)
{
    for (int32_t i = 0; i < w->n_hooks; i++)
        if (same_point(w->hook[i].at, w->at))
            apply_hook(w, &w->hook[i]);
}

/* ---- from one point to the next that is looked at */
static const struct layer *layer_of(const struct walk *w)
{
    return &w->m->layer[w->at.layer];
}

/* Scratch of a layer that is run to its end goes back to the arena: nothing of it is read later,
 * unless a hook took a value out or a tape holds views. The residual is written in place, in memory
 * from before the mark. */
static void layer_begin(struct walk *w)
{
    struct point end = {w->at.layer, SITE_RESID_POST};
    w->release = !w->run->tape && point_compare(w->to, end) >= 0;
    for (int32_t i = 0; i < w->n_hooks; i++)
        if (w->hook[i].op == HOOK_GET && w->hook[i].at.layer == w->at.layer &&
            w->hook[i].at.site > SITE_RESID_PRE && w->hook[i].at.site < SITE_RESID_POST)
            w->release = false;
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

static struct tensor attention(struct walk *w, struct held *resid)
{
    const struct layer *l = layer_of(w);
    const int32_t d = w->m->config.d_model;
    struct tensor qkv =
        op_linear(w->run, norm(w, BEFORE_THE_LAYER, resid, &l->attn_norm), &l->qkv, EPILOGUE_NONE);
    return op_attn(w->run, tensor_cols(qkv, 0, d), tensor_cols(qkv, d, d),
                   tensor_cols(qkv, 2 * d, d), &l->attn, w->at.layer, &w->batch->seqs);
}

static void enter_mlp(struct walk *w, struct tensor x)
{
    const struct layer *l = layer_of(w);
    const enum activation act = w->m->config.act;
    bool fused = (act == ACT_GELU || act == ACT_GELU_TANH) && !observed(w, SITE_MLP_PRE);
    enum epilogue e = !fused ? EPILOGUE_NONE : act == ACT_GELU ? EPILOGUE_GELU : EPILOGUE_GELU_TANH;
    w->value = (struct held){op_linear(w->run, x, &l->up, e), false};
    w->at.site = fused ? SITE_MLP_ACT : SITE_MLP_PRE;
}

/* In a parallel block the MLP doesn't see the attention: when the walk ends inside the MLP, nobody
 * asked for the residual and no keys are kept, there is no need for it. */
static bool attention_unseen(const struct walk *w)
{
    return w->m->config.parallel_residual && !w->want_state && !w->batch->seqs.kv &&
           w->to.layer == w->at.layer && w->to.site >= SITE_MLP_PRE && w->to.site <= SITE_MLP_OUT;
}

static void from_resid_pre(struct walk *w)
{
    const struct layer *l = layer_of(w);
    layer_begin(w);
    w->base = w->value;
    if (observed(w, SITE_ATTN_OUT)) {
        w->value = (struct held){op_linear(w->run, attention(w, &w->base), &l->proj, EPILOGUE_NONE),
                                 false};
        w->at.site = SITE_ATTN_OUT;
        return;
    }
    struct tensor x = {0};
    if (w->m->config.parallel_residual)
        x = norm(w, BEFORE_THE_LAYER, &w->base, &l->mlp_norm);
    if (!attention_unseen(w)) {
        struct tensor mixed = attention(w, &w->base);
        own(w, &w->base);
        op_linear_add(w->run, w->base.t, mixed, &l->proj);
    }
    if (!w->m->config.parallel_residual)
        x = norm(w, BETWEEN_ATTENTION_AND_MLP, &w->base, &l->mlp_norm);
    enter_mlp(w, x);
}

static void from_attn_out(struct walk *w)
{
    const struct layer *l = layer_of(w);
    struct tensor x = {0};
    if (w->m->config.parallel_residual)
        x = norm(w, BEFORE_THE_LAYER, &w->base, &l->mlp_norm);
    own(w, &w->base);
    op_add(w->run, w->base.t, w->value.t, 1.0f);
    if (!w->m->config.parallel_residual)
        x = norm(w, BETWEEN_ATTENTION_AND_MLP, &w->base, &l->mlp_norm);
    enter_mlp(w, x);
}

static void from_mlp_act(struct walk *w)
{
    const struct layer *l = layer_of(w);
    if (observed(w, SITE_MLP_OUT)) {
        w->value = (struct held){op_linear(w->run, w->value.t, &l->down, EPILOGUE_NONE), false};
        w->at.site = SITE_MLP_OUT;
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

static void from_resid_post(struct walk *w)
{
    w->at.layer++;
    if (w->at.layer < w->m->config.n_layers) {
        w->at.site = SITE_RESID_PRE;
        return;
    }
    w->at.site = SITE_FINAL_NORM;
    w->value = (struct held){norm(w, BEFORE_THE_LAYER, &w->value, &w->m->final_norm), false};
}

static void advance(struct walk *w)
{
    switch ((enum site)w->at.site) {
    case SITE_EMBED: w->at = (struct point){0, SITE_RESID_PRE}; break;
    case SITE_RESID_PRE: from_resid_pre(w); break;
    case SITE_ATTN_OUT: from_attn_out(w); break;
    case SITE_MLP_PRE:
        w->value =
            (struct held){op_act(w->run, w->value.t, (struct tensor){0}, w->m->config.act), false};
        w->at.site = SITE_MLP_ACT;
        break;
    case SITE_MLP_ACT: from_mlp_act(w); break;
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

static bool has_base(struct point p)
{
    return p.site >= SITE_ATTN_OUT && p.site <= SITE_MLP_OUT;
}

static bool check_state(const struct model *m, const struct batch *batch, const struct state *s,
                        struct error *e)
{
    if (!model_check_point(m, s->at, e))
        return error_prefix(e, "forward from a state");
    int32_t width = model_width(m, s->at);
    bool ok = s->value.rows == batch->n_rows && s->value.cols == width;
    if (ok && has_base(s->at))
        ok = s->base.rows == batch->n_rows && s->base.cols == m->config.d_model;
    if (ok)
        return true;
    char name[POINT_NAME_MAX];
    point_name(s->at, name);
    return error_set(
        e, ERROR_INPUT, "forward from %s: state [%d, %d] with residual [%d, %d], expected [%d, %d]",
        name, s->value.rows, s->value.cols, s->base.rows, s->base.cols, batch->n_rows, width);
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
    if (from) {
        w->value = (struct held){from->value, true};
        w->base = has_base(from->at) ? (struct held){from->base, true} : (struct held){0};
    } else {
        struct tensor ids = run_put_ids(w->run, batch->n_rows, 1, batch->ids);
        bool before = run_ok(w->run);
        w->value = (struct held){op_rows(w->run, w->m->embed, ids), false};
        run_name(w->run, before, "%s: %s", w->m->embed_source->file, w->m->embed_source->name);
    }
    return true;
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
        if (has_base(to))
            out->base.rows = batch->n_rows, out->base.cols = out->base.ld = m->config.d_model;
    }
    if (!run_ok(run) || !walk_begin(&w, from))
        return;
    for (;;) {
        apply_hooks(&w);
        if (same_point(w.at, to) || !run_ok(run))
            break;
        advance(&w);
    }
    if (out && run_ok(run)) {
        out->value = w.value.t;
        out->base = w.base.t;
    }
}

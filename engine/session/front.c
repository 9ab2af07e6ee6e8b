/* From tokens to the hook and on to the landing point, with the dictionary: what a colour needs,
 * and what every lane starts from. */
#include "engine/base/memory.h"
#include "engine/device.h"
#include "engine/session/session_private.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { X, XHAT, VALS, PRE }; /* host scratch */
enum {
    PRE_MAX = 1 << 23
}; /* pre-activations that are worth writing for the few that are watched */

struct front { /* a pack on its way */
    struct session *s;
    struct pack *pack;
    bool reference;
    struct state hook, landing, inserted;
    struct sparse f;
    struct tensor xhat;
    struct tensor pre; /* [R, m]; absent: too large, or nothing is watched */
};

/* Keys and values are worth their memory where the line is being edited, and needed where a window
 * is computed in several pieces. */
static bool wants_kv(const struct session *s, const struct piece *p)
{
    if (p->line->reference)
        return false;
    return p->row > 0 || p->n < p->window->n || p->window->n > s->rows_per_job ||
           (s->n_lines > 0 && p->line == s->line[s->cursor_line]);
}

static bool prepare(struct session *s, struct pack *pack, bool reference)
{
    for (int32_t i = 0; i < pack->n; i++) {
        struct piece *p = &pack->piece[i];
        if (!rows_reserve(s, p->line, p->window, reference))
            return false;
        if (wants_kv(s, p) && !rows_reserve_kv(s, p->window, TRACK_PLAIN))
            return false;
        struct rows *r = p->window->rows;
        r->front_rows = r->front_rows < p->row ? r->front_rows : p->row;
        r->front_kv = r->front_kv < p->row ? r->front_kv : p->row;
    }
    return true;
}

/* Pre-activations of the watched units [R, n_watch]: columns of all of them where those are at
 * hand. */
static struct tensor watch_columns(struct front *f)
{
    struct session *s = f->s;
    if (!f->pre.buf) {
        int32_t unit[SESSION_MAX_WATCH];
        for (int32_t i = 0; i < s->n_watch; i++)
            unit[i] = s->watch[i] < 0 ? 0 : s->watch[i];
        return dict_encode_units(&s->run, s->dict, f->hook.value, unit, s->n_watch);
    }
    struct tensor y = run_tensor(&s->run, f->hook.value.rows, s->n_watch);
    for (int32_t i = 0; i < s->n_watch && run_ok(&s->run); i++)
        if (s->watch[i] >= 0)
            device_copy(s->backend, tensor_cols(y, i, 1), tensor_cols(f->pre, s->watch[i], 1));
    return y;
}

static void fetch(struct front *f)
{
    struct session *s = f->s;
    struct run *r = &s->run;
    size_t rows = (size_t)f->pack->rows;
    if (!f->reference && s->dict)
        run_get(r, scratch_f32(s, X, rows * (size_t)s->n_in), f->hook.value);
    if (!s->sae)
        return;
    if (!f->reference)
        run_get(r, scratch_f32(s, XHAT, rows * (size_t)s->n_in), f->xhat);
    run_get(r, scratch_i32(s, rows * (size_t)s->top), f->f.ids);
    run_get(r, scratch_f32(s, VALS, rows * (size_t)s->top), f->f.vals);
    if (!f->reference && s->n_watch > 0)
        run_get(r, scratch_f32(s, PRE, rows * (size_t)s->n_watch), watch_columns(f));
}

/* What neither a norm nor the dictionary has looked at: neurons, and watched units that were not
 * selected. */
static void check_fetched(struct front *f)
{
    struct session *s = f->s;
    const int32_t columns = s->identity ? s->n_in : s->sae ? s->n_watch : 0;
    const float *v = s->scratch[s->identity ? X : PRE];
    size_t n = f->reference ? 0 : (size_t)f->pack->rows * (size_t)columns;
    for (size_t i = 0; i < n && run_ok(&s->run); i++) {
        int32_t unit = (int32_t)(i % (size_t)columns);
        if (s->sae)
            unit = s->watch[unit];
        if (unit >= 0 && !isfinite(v[i]))
            error_set(&s->run.err, ERROR_INPUT,
                      "%s %d has a value that is no finite number, or too large for float32",
                      s->sae ? "latent" : "neuron", unit);
    }
}

static void keep_rows(struct front *f)
{
    struct session *s = f->s;
    int32_t at = 0;
    for (int32_t i = 0; i < f->pack->n; i++) {
        struct piece *p = &f->pack->piece[i];
        struct rows *r = p->window->rows;
        copy_rows(s, tensor_rows(r->value, p->row, p->n), tensor_rows(f->landing.value, at, p->n));
        if (s->has_resid)
            copy_rows(s, tensor_rows(r->resid, p->row, p->n),
                      tensor_rows(f->landing.base, at, p->n));
        if (s->sae)
            copy_rows(s, tensor_rows(r->inserted, p->row, p->n),
                      tensor_rows(f->inserted.value, at, p->n));
        if (r->with_x)
            copy_rows(s, tensor_rows(r->x, p->row, p->n), tensor_rows(f->hook.value, at, p->n));
        at += p->n;
    }
}

static void run_batch(struct front *f)
{
    struct session *s = f->s;
    struct run *r = &s->run;
    int32_t start[MAX_PIECES + 1], past[MAX_PIECES], at = 0;
    struct kv *kv[MAX_PIECES];
    int32_t *ids = scratch_i32(s, (size_t)f->pack->rows);
    for (int32_t i = 0; i < f->pack->n; i++) {
        const struct piece *p = &f->pack->piece[i];
        start[i] = at;
        kv[i] = p->window->rows->kv[TRACK_PLAIN];
        past[i] = p->row;
        memcpy(ids + at, p->line->seq.ids + p->window->first + p->row, (size_t)p->n * sizeof *ids);
        at += p->n;
    }
    start[f->pack->n] = at;
    struct batch batch = {.n_rows = at, .ids = ids, .seqs = {f->pack->n, start, past, kv}};
    model_forward(r, s->model, &batch, NULL, s->at, NULL, 0, &f->hook);
    model_forward(r, s->model, &batch, &f->hook, s->landing, NULL, 0, &f->landing);
    if (s->sae) {
        bool all =
            !f->reference && s->n_watch > 0 && (int64_t)at * dict_spec(s->dict)->m <= PRE_MAX;
        dict_encode(r, s->dict, f->hook.value, &f->f, all ? &f->pre : NULL);
        f->xhat = dict_decode(r, s->dict, &f->f);
        struct state from = f->hook;
        from.value = f->xhat;
        model_forward(r, s->model, &batch, &from, s->landing, NULL, 0, &f->inserted);
    }
    keep_rows(f);
    fetch(f);
    check_fetched(f);
}

/* ---- to the host */
/* A neuron is active above 0, as in every study. */
static void dense_top(const float *x, int32_t n, int32_t k, int32_t *id, float *val)
{
    int32_t have = 0;
    for (int32_t i = 0; i < n; i++) {
        if (!(x[i] > 0) || (have == k && x[i] <= val[k - 1]))
            continue;
        int32_t at = have < k ? have++ : k - 1;
        while (at > 0 && val[at - 1] < x[i]) {
            id[at] = id[at - 1];
            val[at] = val[at - 1];
            at--;
        }
        id[at] = i;
        val[at] = x[i];
    }
    for (; have < k; have++)
        id[have] = -1, val[have] = 0;
}

static float selected(const int32_t *id, const float *val, int32_t k, int32_t unit)
{
    for (int32_t i = 0; i < k; i++)
        if (id[i] == unit)
            return val[i];
    return 0.0f;
}

static void row_latents(struct front *f, struct line_latents *p, int32_t token, int32_t row)
{
    struct session *s = f->s;
    size_t k = (size_t)s->top, t = (size_t)token, r = (size_t)row;
    int32_t *id = p->top_id + t * k;
    float *val = p->top_val + t * k;
    const float *x = s->scratch[X] + r * (size_t)s->n_in;
    if (s->sae) {
        memcpy(id, s->scratch_ids + r * k, k * sizeof *id);
        memcpy(val, s->scratch[VALS] + r * k, k * sizeof *val);
    } else if (!f->reference) {
        dense_top(x, s->n_in, s->top, id, val);
    }
    if (f->reference)
        return;
    for (int32_t i = 0; i < p->n_watch; i++) {
        int32_t unit = p->watch[i];
        size_t cell = t * (size_t)p->n_watch + (size_t)i;
        p->pre[cell] = unit < 0 ? NAN
                       : s->sae ? s->scratch[PRE][r * (size_t)s->n_watch + (size_t)i]
                                : x[unit];
        p->act[cell] = unit < 0 ? 0.0f : s->sae ? selected(id, val, s->top, unit) : x[unit];
    }
}

static void row_sums(struct session *s, const struct piece *p, int32_t token, int32_t row)
{
    struct window *w = p->window;
    const float *x = s->scratch[X] + (size_t)row * (size_t)s->n_in, *y = s->scratch[XHAT];
    y = s->sae ? y + (size_t)row * (size_t)s->n_in : x;
    double sq = 0, sse = 0;
    for (int32_t i = 0; i < s->n_in; i++) {
        double e = (double)x[i] - (double)y[i];
        sq += (double)x[i] * (double)x[i];
        sse += e * e;
    }
    p->line->sq[w->first + token] = sq;
    p->line->sse[w->first + token] = sse;
    if (token < w->sum_rows)
        return;
    if (!w->sum_x)
        w->sum_x = xcalloc((size_t)s->n_in, sizeof *w->sum_x);
    w->sum_rows = token + 1;
    if (!token_is_bos(p->line, w->first + token))
        for (int32_t i = 0; i < s->n_in; i++)
            w->sum_x[i] += (double)x[i];
}

static void commit(struct front *f)
{
    struct session *s = f->s;
    int32_t row = 0;
    for (int32_t i = 0; i < f->pack->n; i++) {
        struct piece *p = &f->pack->piece[i];
        struct window *w = p->window;
        struct line *l = p->line;
        if (!l->latents) {
            l->latents =
                line_latents_new(l->tokens->n, s->dict ? s->top : 0, f->reference ? 0 : s->n_watch);
            memcpy(l->latents->watch, s->watch, (size_t)l->latents->n_watch * sizeof *s->watch);
        }
        line_latents_own(&l->latents);
        l->latents->complete = false;
        for (int32_t t = p->row; s->dict && t < p->row + p->n; t++, row++) {
            row_latents(f, l->latents, w->first + t, row);
            if (!f->reference)
                row_sums(s, p, t, row);
        }
        int32_t end = p->row + p->n;
        w->front_done = w->front_done > end ? w->front_done : end;
        w->rows->front_rows = end;
        w->rows->front_kv = w->rows->kv[TRACK_PLAIN] ? end : 0;
        if (!s->dict)
            w->sum_rows = w->front_done;
    }
}

bool front_run(struct session *s, struct pack *pack, bool reference)
{
    struct front f = {.s = s, .pack = pack, .reference = reference};
    if (!prepare(s, pack, reference))
        return false;
    run_batch(&f);
    if (!step_ok(s))
        return false;
    commit(&f);
    return true;
}

/* ---- watched columns */
static void watch_block(struct session *s, struct line_latents *p, const struct window *w,
                        int32_t from, int32_t n)
{
    int32_t unit[SESSION_MAX_WATCH], column[SESSION_MAX_WATCH], n_units = 0;
    for (int32_t i = 0; i < s->n_watch; i++)
        if (s->watch[i] >= 0) {
            column[n_units] = i;
            unit[n_units++] = s->watch[i];
        }
    bool pre = w->rows && w->rows->with_x && n_units > 0;
    if (pre) {
        struct tensor x = tensor_rows(w->rows->x, from, n);
        struct tensor y = dict_encode_units(&s->run, s->dict, x, unit, n_units);
        run_get(&s->run, scratch_f32(s, PRE, (size_t)n * (size_t)n_units), y);
    }
    for (int32_t t = 0; t < n; t++) {
        size_t token = (size_t)w->first + (size_t)from + (size_t)t, k = (size_t)p->k;
        for (int32_t j = 0; j < n_units; j++) {
            size_t cell = token * (size_t)p->n_watch + (size_t)column[j];
            if (pre && run_ok(&s->run))
                p->pre[cell] = s->scratch[PRE][(size_t)t * (size_t)n_units + (size_t)j];
            p->act[cell] =
                s->sae ? selected(p->top_id + token * k, p->top_val + token * k, p->k, unit[j])
                       : p->pre[cell];
        }
    }
}

bool front_watch_run(struct session *s, struct line *l)
{
    enum { BLOCK = 256 };
    struct line_latents *old = l->latents;
    struct line_latents *p = line_latents_new(old->n, old->k, s->n_watch);
    memcpy(p->watch, s->watch, (size_t)s->n_watch * sizeof *p->watch);
    memcpy(p->top_id, old->top_id, (size_t)old->n * (size_t)old->k * sizeof *p->top_id);
    memcpy(p->top_val, old->top_val, (size_t)old->n * (size_t)old->k * sizeof *p->top_val);
    for (int32_t i = 0; i < l->n_windows; i++) {
        const struct window *w = &l->window[i];
        for (int32_t at = 0; at < w->front_done && run_ok(&s->run); at += BLOCK) {
            struct arena_mark mark = arena_mark(s->run.arena);
            watch_block(s, p, w, at, w->front_done - at < BLOCK ? w->front_done - at : BLOCK);
            arena_reset(s->run.arena, mark);
        }
    }
    if (!step_ok(s)) {
        line_latents_unref(p);
        return false;
    }
    line_latents_unref(old);
    l->latents = p;
    return true;
}

/* ---- Σx */
static bool add_kept(struct session *s, struct window *w, int32_t from, int32_t to, double sign)
{
    enum { BLOCK = 64 };
    const atomic_bool *cancel = s->run.cancel;
    s->run.cancel = NULL; /* a sum half mended would be worse than a millisecond */
    bool ok = w->rows != NULL;
    for (int32_t at = from; at < to && ok; at += BLOCK) {
        int32_t n = to - at < BLOCK ? to - at : BLOCK;
        float *x = scratch_f32(s, X, (size_t)n * (size_t)s->n_in);
        run_get(&s->run, x, tensor_rows(w->rows->x, at, n));
        ok = run_ok(&s->run);
        for (int32_t t = 0; t < n && ok; t++)
            for (int32_t i = 0; i < s->n_in && !(at + t == 0 && s->cut.bos >= 0); i++)
                w->sum_x[i] += sign * (double)x[(size_t)t * (size_t)s->n_in + (size_t)i];
    }
    s->run.cancel = cancel;
    return ok;
}

void front_sum_fix(struct session *s, struct window *w, int32_t keep)
{
    if (!w->sum_x || w->sum_rows <= keep) {
        if (!s->dict && w->sum_rows > keep)
            w->sum_rows = keep;
        return;
    }
    int32_t gone = w->sum_rows - keep, have = w->rows && w->rows->with_x ? w->rows->front_rows : 0;
    bool ok = false;
    if (keep > 0 && have >= w->sum_rows && gone <= keep) {
        ok = add_kept(s, w, keep, w->sum_rows, -1.0);
    } else {
        memset(w->sum_x, 0, (size_t)s->n_in * sizeof *w->sum_x);
        ok = keep == 0 || (have >= keep && add_kept(s, w, 0, keep, 1.0));
    }
    w->sum_rows = ok ? keep : 0;
    if (!ok)
        memset(w->sum_x, 0, (size_t)s->n_in * sizeof *w->sum_x);
}

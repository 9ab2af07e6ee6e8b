/* From tokens to the hook and on to the landing point, with the dictionary: what a colour needs,
 * and what every lane starts from. */
#include "engine/base/memory.h"
#include "engine/device.h"
#include "engine/session/session_private.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ACT = 2, PRE }; /* host scratch */
enum {
    PRE_MAX = 1 << 23
}; /* pre-activations that are worth writing for the few that are watched */

struct front { /* a pack on its way */
    struct session *s;
    struct pack *pack;
    bool reference;
    struct landed landed;
    struct tensor f; /* [R, n_watch] activations of the watched units; absent: nothing is watched */
};

static bool prepare(struct session *s, struct pack *pack, bool reference)
{
    for (int32_t i = 0; i < pack->n; i++) {
        struct piece *p = &pack->piece[i];
        if (!rows_reserve(s, p->line, p->window, reference))
            return false;
        if (rows_wants_kv(s, p) && !rows_reserve_kv(s, p->window, TRACK_PLAIN))
            return false;
        struct rows *r = p->window->rows;
        r->front_rows = r->front_rows < p->row ? r->front_rows : p->row;
        r->front_kv = r->front_kv < p->row ? r->front_kv : p->row;
    }
    return true;
}

/* The watched units in their dictionary, and what stands for one that doesn't exist. */
static void watched(const struct session *s, int32_t missing, int32_t unit[WATCH_MAX])
{
    for (int32_t i = 0; i < s->n_watch; i++)
        unit[i] = s->watch[i].dict < 0 ? missing : s->watch[i].index;
}

/* Pre-activations of the watched units [R, n_watch]: columns of all of them where those are at
 * hand. */
static struct tensor watch_columns(struct front *f)
{
    struct session *s = f->s;
    int32_t unit[WATCH_MAX];
    watched(s, 0, unit);
    if (!f->landed.pre.buf)
        return dict_encode_units(&s->run, s->dict, f->landed.hook.value, unit, s->n_watch);
    return op_cols_get(&s->run, f->landed.pre, run_put_ids(&s->run, s->n_watch, 1, unit));
}

static void fetch(struct front *f)
{
    struct session *s = f->s;
    struct run *r = &s->run;
    size_t rows = (size_t)f->pack->rows, cells = rows * (size_t)s->n_watch;
    if (!s->dict)
        return;
    if (!f->reference) {
        s->stats = grow(s->stats, &s->cap_stats, 2 * rows + 1, sizeof *s->stats);
        run_get_f64(r, s->stats, op_row_stats(r, f->landed.hook.value, f->landed.xhat));
    }
    if (s->sae || !f->reference) {
        struct csr active = dict_active(r, s->dict, &f->landed.codes, TOP_MAX_DENSE);
        run_get_csr(r, &s->codes, &active);
    }
    if (f->reference || s->n_watch == 0)
        return;
    run_get(r, scratch_f32(s, ACT, cells), f->f);
    run_get(r, scratch_f32(s, PRE, cells), s->sae ? watch_columns(f) : f->f);
}

/* What neither a norm nor the dictionary has looked at: neurons, and watched units that were not
 * selected. */
static void check_fetched(struct front *f)
{
    struct session *s = f->s;
    int32_t unit[WATCH_MAX];
    if (f->reference || !s->dict)
        return;
    watched(s, -1, unit);
    for (int32_t t = 0; s->identity && t < f->pack->rows && run_ok(&s->run); t++)
        if (!isfinite(s->stats[2 * t])) {
            float *x = xcalloc((size_t)s->n_in, sizeof *x);
            run_get(&s->run, x, tensor_rows(f->landed.hook.value, t, 1));
            dict_check_values(&s->run, s->dict, x, 1, NULL, s->n_in);
            free(x);
        }
    if (s->sae && s->n_watch > 0)
        dict_check_values(&s->run, s->dict, s->scratch[PRE], f->pack->rows, unit, s->n_watch);
}

static void keep_rows(struct front *f)
{
    struct session *s = f->s;
    int32_t at = 0;
    for (int32_t i = 0; i < f->pack->n; i++) {
        struct piece *p = &f->pack->piece[i];
        struct rows *r = p->window->rows;
        op_copy_to(&s->run, tensor_rows(r->value, p->row, p->n),
                   tensor_rows(f->landed.plain.value, at, p->n));
        if (s->place.has_base)
            op_copy_to(&s->run, tensor_rows(r->resid, p->row, p->n),
                       tensor_rows(f->landed.plain.base, at, p->n));
        if (s->sae)
            op_copy_to(&s->run, tensor_rows(r->inserted, p->row, p->n),
                       tensor_rows(f->landed.inserted.value, at, p->n));
        if (r->with_x)
            op_copy_to(&s->run, tensor_rows(r->x, p->row, p->n),
                       tensor_rows(f->landed.hook.value, at, p->n));
        if (f->f.buf)
            op_copy_to(&s->run, tensor_cols(tensor_rows(r->f, p->row, p->n), 0, s->n_watch),
                       tensor_rows(f->f, at, p->n));
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
    unsigned want = s->sae ? LAND_INSERTED : s->identity ? LAND_CODES : 0;
    /* all pre-activations where they are not too many and one is watched */
    if (s->sae && !f->reference && s->n_watch > 0 && (int64_t)at * dict_spec(s->dict)->m <= PRE_MAX)
        want |= LAND_PRE;
    lane_front(r, &s->place, &batch, NULL, want, &f->landed);
    if (s->n_watch > 0) {
        int32_t unit[WATCH_MAX];
        watched(s, 0, unit);
        f->f = dict_values(r, s->dict, &f->landed.codes, unit, s->n_watch);
    }
    keep_rows(f);
    fetch(f);
    check_fetched(f);
}

/* ---- to the host */
static int by_value(const void *a, const void *b)
{
    const struct active_latent *x = a, *y = b;
    if (x->value > y->value || x->value < y->value)
        return x->value > y->value ? -1 : 1;
    return (x->id > y->id) - (x->id < y->id);
}

/* The active latents of a row of the codes that were brought here, largest first. */
static int32_t row_active(struct session *s, int32_t row)
{
    const struct csr_host *c = &s->codes;
    const enum select_kind kind = dict_spec(s->dict)->select;
    int32_t n = c->start[row + 1] - c->start[row];
    s->active = grow(s->active, &s->cap_active, (size_t)n + 1, sizeof *s->active);
    for (int32_t i = 0; i < n; i++)
        s->active[i] =
            (struct active_latent){c->ids[c->start[row] + i], c->vals[c->start[row] + i]};
    if (s->sae && kind != SELECT_TOPK && kind != SELECT_ABSTOPK)
        qsort(s->active, (size_t)n, sizeof *s->active, by_value);
    return n;
}

static void row_latents(struct front *f, struct line_latents *p, int32_t token, int32_t row)
{
    struct session *s = f->s;
    size_t t = (size_t)token, r = (size_t)row;
    if (s->sae || !f->reference) {
        int32_t n = row_active(s, row);
        line_latents_set(p, token, s->active, n);
    }
    if (f->reference)
        return;
    for (int32_t i = 0; i < p->n_watch; i++) {
        size_t cell = t * (size_t)p->n_watch + (size_t)i, from = r * (size_t)s->n_watch + (size_t)i;
        p->pre[cell] = p->watch[i].dict < 0 ? NAN : s->scratch[PRE][from];
        p->act[cell] = p->watch[i].dict < 0 ? 0.0f : s->scratch[ACT][from];
    }
}

/* Σx of the window's rows from … to − 1, without BOS, times `sign` on top of what is there. */
static bool add_rows(struct session *s, struct window *w, struct tensor x, int32_t from,
                     double sign)
{
    const atomic_bool *cancel = s->run.cancel;
    s->run.cancel = NULL; /* a sum half mended would be worse than a millisecond */
    int32_t skip = from == 0 && s->cut.bos >= 0 && x.rows > 0 ? 1 : 0;
    op_col_sums(&s->run, w->sum_x, tensor_rows(x, skip, x.rows - skip), sign);
    bool ok = run_ok(&s->run);
    s->run.cancel = cancel;
    return ok;
}

static bool clear_sum(struct session *s, struct window *w)
{
    if (!w->sum_x.buf)
        w->sum_x = tensor_new(s->run.queue, 1, s->n_in, DTYPE_F64, &s->run.err);
    if (!w->sum_x.buf)
        return error_prefix(&s->run.err, "keeping the sums of a line");
    double *zero = xcalloc((size_t)s->n_in, sizeof *zero);
    device_put(s->run.queue, w->sum_x, zero);
    free(zero);
    return true;
}

/* The sums of a piece, whose rows of x begin at `at` in the batch. */
static void piece_sums(struct front *f, const struct piece *p, int32_t at)
{
    struct session *s = f->s;
    struct window *w = p->window;
    for (int32_t t = 0; t < p->n; t++) {
        p->line->sq[w->first + p->row + t] = s->stats[2 * (at + t)];
        p->line->sse[w->first + p->row + t] = s->sae ? s->stats[2 * (at + t) + 1] : 0;
    }
    int32_t from = w->sum_rows > p->row ? w->sum_rows : p->row, end = p->row + p->n;
    if (from >= end)
        return;
    struct tensor x = tensor_rows(f->landed.hook.value, at + from - p->row, end - from);
    bool ok = (w->sum_x.buf || clear_sum(s, w)) && add_rows(s, w, x, from, 1);
    w->sum_rows = ok ? end : 0;
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
            l->latents = line_latents_new(l->tokens->n, f->reference ? 0 : s->n_watch);
            memcpy(l->latents->watch, s->watch, (size_t)l->latents->n_watch * sizeof *s->watch);
        }
        line_latents_own(&l->latents);
        l->latents->complete = false;
        if (s->dict && !f->reference)
            piece_sums(f, p, row);
        for (int32_t t = p->row; s->dict && t < p->row + p->n; t++, row++)
            row_latents(f, l->latents, w->first + t, row);
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
/* Activations of the watched units [n, n_watch] of rows `from` … of a window: neurons from the kept
 * rows (absent where there are none), latents from the lists that the line has. */
static struct tensor watch_values(struct session *s, const struct line_latents *p,
                                  const struct window *w, int32_t from, int32_t n)
{
    struct code code = {.sparse.n_rows = n};
    int32_t unit[WATCH_MAX];
    watched(s, 0, unit);
    if (s->identity) {
        if (!w->rows || !w->rows->with_x)
            return (struct tensor){0};
        code.dense = tensor_rows(w->rows->x, from, n);
        return dict_values(&s->run, s->dict, &code, unit, s->n_watch);
    }
    const struct latent_list *list = p->list + w->first + from;
    size_t total = 0;
    for (int32_t t = 0; t < n; t++)
        total += (size_t)list[t].n;
    int32_t *start = xcalloc((size_t)n + 1 + total, sizeof *start), *id = start + n + 1;
    float *value = xcalloc(total + 1, sizeof *value);
    for (int32_t t = 0; t < n; t++) {
        start[t + 1] = start[t] + list[t].n;
        for (int32_t i = 0; i < list[t].n; i++) {
            id[start[t] + i] = p->active[list[t].at + i].id;
            value[start[t] + i] = p->active[list[t].at + i].value;
        }
    }
    code.sparse = run_put_csr(&s->run, n, start, id, value);
    free(start);
    free(value);
    return dict_values(&s->run, s->dict, &code, unit, s->n_watch);
}

static void watch_block(struct session *s, struct line_latents *p, const struct window *w,
                        int32_t from, int32_t n)
{
    size_t cells = (size_t)n * (size_t)s->n_watch;
    int32_t unit[WATCH_MAX];
    struct run *r = &s->run;
    struct tensor f = watch_values(s, p, w, from, n);
    float *pre = NULL, *act = f.buf ? scratch_f32(s, ACT, cells) : NULL;
    watched(s, 0, unit);
    if (act)
        run_get(r, act, f);
    if (w->rows && w->rows->with_x) {
        struct tensor x = tensor_rows(w->rows->x, from, n);
        pre = scratch_f32(s, PRE, cells);
        run_get(r, pre, dict_encode_units(r, s->dict, x, unit, s->n_watch));
        watched(s, -1, unit);
        dict_check_values(r, s->dict, pre, n, unit, s->n_watch);
    }
    if (f.buf && w->rows && w->rows->cap >= w->n)
        op_copy_to(&s->run, tensor_cols(tensor_rows(w->rows->f, from, n), 0, s->n_watch), f);
    for (int32_t t = 0; t < n && run_ok(r); t++)
        for (int32_t j = 0; j < s->n_watch; j++) {
            size_t cell = (size_t)(w->first + from + t) * (size_t)p->n_watch + (size_t)j,
                   at = (size_t)t * (size_t)s->n_watch + (size_t)j;
            if (s->watch[j].dict >= 0 && pre)
                p->pre[cell] = pre[at];
            if (s->watch[j].dict >= 0)
                p->act[cell] = act ? act[at] : p->pre[cell];
        }
}

bool front_watch_run(struct session *s, struct line *l)
{
    enum { BLOCK = 256 };
    struct line_latents *old = l->latents;
    struct line_latents *p = line_latents_new(old->n, s->n_watch);
    memcpy(p->watch, s->watch, (size_t)s->n_watch * sizeof *p->watch);
    for (int32_t t = 0; t < old->n; t++) {
        const struct active_latent *active;
        int32_t n = latents_of_token(old, t, &active);
        line_latents_set(p, t, active, n);
    }
    for (int32_t i = 0; i < l->n_windows; i++) {
        const struct window *w = &l->window[i];
        if (w->rows && !rows_reserve_watch(s, w->rows))
            break;
        for (int32_t at = 0; at < w->front_done && s->n_watch > 0 && run_ok(&s->run); at += BLOCK) {
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
void front_sum_fix(struct session *s, struct window *w, int32_t keep)
{
    if (!w->sum_x.buf || w->sum_rows <= keep) {
        if (!s->dict && w->sum_rows > keep)
            w->sum_rows = keep;
        return;
    }
    int32_t gone = w->sum_rows - keep, have = w->rows && w->rows->with_x ? w->rows->front_rows : 0;
    bool ok = false;
    if (keep > 0 && have >= w->sum_rows && gone <= keep)
        ok = add_rows(s, w, tensor_rows(w->rows->x, keep, gone), keep, -1);
    else
        ok =
            clear_sum(s, w) &&
            (keep == 0 || (have >= keep && add_rows(s, w, tensor_rows(w->rows->x, 0, keep), 0, 1)));
    w->sum_rows = ok ? keep : 0;
    if (!ok)
        clear_sum(s, w);
}

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

struct front { /* a microbatch on its way */
    struct session *s;
    struct microbatch *micro;
    bool reference;
    struct landed landed;
    struct place { /* what a place of the set was looked at for, in the plain text */
        bool wanted;
        struct tensor x, y, yhat; /* what is read, what is reconstructed (of an SAE x) */
        struct tensor pre;        /* absent where it is too large, or nothing is watched */
        struct code codes;
        double *stats;          /* of a further place: ‖y‖², ‖y − ŷ‖² of each row, */
        struct csr_host active; /* and its active latents */
    } place[DICT_SET_MAX];
    struct tensor f; /* [R, n_watch] activations of the watched units where lanes part; absent:
                        nothing is watched */
};

static bool prepare(struct session *s, struct microbatch *micro, bool reference)
{
    for (int32_t i = 0; i < micro->n; i++) {
        struct piece *p = &micro->piece[i];
        if (!rows_reserve(s, p->window, reference))
            return false;
        struct rows *r = p->window->rows;
        if ((rows_wants_kv(s, p) || r->kv[TRACK_PLAIN].kv) &&
            !rows_reserve_kv(s, p->window, TRACK_PLAIN))
            return false;
        if (!reference && !further_begin(s, p->line))
            return false;
        r->front_rows = r->front_rows < p->row ? r->front_rows : p->row;
        r->front_kv = r->front_kv < p->row ? r->front_kv : p->row;
    }
    return true;
}

/* The watched units of a place, and what stands for others and for one that doesn't exist. */
static void watched(const struct session *s, int32_t place, int32_t missing,
                    int32_t unit[WATCH_MAX])
{
    for (int32_t i = 0; i < s->n_watch; i++)
        unit[i] = s->watch[i].dict == place ? s->watch[i].index : missing;
}

struct columns { /* those of the watched units that are read at one place */
    int32_t n, column[WATCH_MAX], unit[WATCH_MAX];
};
static struct columns columns_of(const struct session *s, int32_t place)
{
    struct columns c = {.n = 0};
    for (int32_t i = 0; i < s->n_watch; i++)
        if (watch_place(s, i, s->shown) == place) {
            c.column[c.n] = i;
            c.unit[c.n++] = s->watch[i].dict < 0 ? 0 : s->watch[i].index;
        }
    return c;
}

/* Pre-activations of units of a place [R, n]: columns of all of them where those are at hand. */
static struct tensor pre_columns(struct session *s, int32_t place, const struct place *p,
                                 const struct columns *c)
{
    const struct dict *d = s->set->place[place].dict;
    if (!p->pre.buf)
        return dict_encode_units(&s->run, d, p->x, c->unit, c->n);
    return op_cols_get(&s->run, p->pre, run_put_ids(&s->run, c->n, 1, c->unit));
}

/* [R, c->n] to its columns of host rows [R, n_watch]; all of them come without waiting. */
static void fetch_columns(struct session *s, const struct columns *c, struct tensor t, float *to)
{
    if (c->n == s->n_watch) {
        run_fetch(&s->run, to, t);
        return;
    }
    float *part = xreallocarray(NULL, (size_t)t.rows * (size_t)c->n, sizeof *part);
    run_get(&s->run, part, t);
    for (size_t r = 0; r < (size_t)t.rows && run_ok(&s->run); r++)
        for (int32_t i = 0; i < c->n; i++)
            to[r * (size_t)s->n_watch + (size_t)c->column[i]] = part[r * (size_t)c->n + (size_t)i];
    free(part);
}

static void fetch_watched(struct front *f)
{
    struct session *s = f->s;
    const size_t cells = (size_t)f->micro->rows * (size_t)s->n_watch;
    float *act = scratch_f32(s, ACT, cells), *pre = scratch_f32(s, PRE, cells);
    for (int32_t i = 0; i < s->set->n; i++) {
        const struct columns c = columns_of(s, i);
        const struct place *p = &f->place[i];
        const struct dict *d = s->set->place[i].dict;
        if (c.n == 0)
            continue;
        struct tensor values = i == s->place.first && c.n == s->n_watch
                                   ? f->f
                                   : dict_values(&s->run, d, &p->codes, c.unit, c.n);
        fetch_columns(s, &c, values, act);
        fetch_columns(s, &c, dict_spec(d)->identity ? values : pre_columns(s, i, p, &c), pre);
    }
}

static bool is_further(const struct front *f, int32_t place)
{
    return !f->reference && f->s->further & dict_bit(place);
}

static void fetch_codes(struct run *r, struct csr_host *to, const struct csr *f)
{
    if (!run_fetch_csr(r, to, f))
        run_get_csr(r, to, f);
}

static void fetch_further(struct front *f)
{
    struct run *r = &f->s->run;
    for (int32_t i = 0; i < f->s->set->n; i++) {
        struct place *p = &f->place[i];
        if (!is_further(f, i))
            continue;
        p->stats = xcalloc(2 * (size_t)f->micro->rows + 1, sizeof *p->stats);
        run_fetch_f64(r, p->stats, op_row_stats(r, p->y, p->yhat));
        struct csr active = dict_active(r, f->s->set->place[i].dict, &p->codes, TOP_MAX_DENSE);
        fetch_codes(r, &p->active, &active);
    }
}

/* All that is wanted of the batch comes at once: each wait for it would take as long as small
 * operations. */
static void fetch(struct front *f)
{
    struct session *s = f->s;
    struct run *r = &s->run;
    const struct dict *d = line_dict(s, f->reference);
    const size_t rows = (size_t)f->micro->rows;
    if (!d)
        return;
    const struct place *p = &f->place[line_place(s, f->reference)];
    if (!f->reference) {
        s->stats = grow(s->stats, &s->cap_stats, 2 * rows + 1, sizeof *s->stats);
        run_fetch_f64(r, s->stats, op_row_stats(r, p->y, p->yhat));
    }
    if (!dict_spec(d)->identity || !f->reference) {
        struct csr active = dict_active(r, d, &p->codes, TOP_MAX_DENSE);
        fetch_codes(r, &s->codes, &active);
    }
    if (!f->reference && s->n_watch > 0)
        fetch_watched(f);
    fetch_further(f);
    run_wait(r);
}

/* What neither a norm nor the dictionary has looked at: neurons, and watched units that were not
 * selected. */
static void check_neurons(struct front *f, int32_t place, const double *stats)
{
    struct session *s = f->s;
    const struct dict *dict = s->set->place[place].dict;
    const struct dict_spec *d = dict_spec(dict);
    for (int32_t t = 0; d->identity && t < f->micro->rows && run_ok(&s->run); t++)
        if (!isfinite(stats[2 * t])) {
            float *x = xcalloc((size_t)d->n, sizeof *x);
            run_get(&s->run, x, tensor_rows(f->place[place].x, t, 1));
            dict_check_values(&s->run, dict, x, 1, NULL, d->n);
            free(x);
        }
}

static void check_fetched(struct front *f)
{
    struct session *s = f->s;
    int32_t unit[WATCH_MAX];
    if (f->reference || !s->dict)
        return;
    for (int32_t i = 0; i < s->set->n; i++)
        if (i == s->shown || is_further(f, i))
            check_neurons(f, i, i == s->shown ? s->stats : f->place[i].stats);
    for (int32_t i = 0; i < s->set->n && s->n_watch > 0; i++) {
        watched(s, i, -1, unit);
        if (!dict_spec(s->set->place[i].dict)->identity)
            dict_check_values(&s->run, s->set->place[i].dict, s->scratch[PRE], f->micro->rows, unit,
                              s->n_watch);
    }
}

static void keep_rows(struct front *f)
{
    struct session *s = f->s;
    struct slab *slab = f->reference ? &s->of_references : &s->of_text;
    int32_t *number = scratch_i32(s, (size_t)f->micro->rows), n = 0;
    for (int32_t i = 0; i < f->micro->n; i++) {
        const struct piece *p = &f->micro->piece[i];
        memcpy(number + n, p->window->rows->row.at + p->row, (size_t)p->n * sizeof *number);
        n += p->n;
    }
    const struct tensor rows = run_put_ids(&s->run, n, 1, number);
    op_rows_set(&s->run, slab->part[ROW_VALUE], f->landed.plain.value, rows);
    if (s->place.base)
        op_rows_set(&s->run, slab->part[ROW_RESID], f->landed.plain.base, rows);
    if (s->sae)
        op_rows_set(&s->run, slab->part[ROW_INSERTED], f->landed.inserted.value, rows);
    if (slab->part[ROW_X].cols > 0)
        op_rows_set(&s->run, slab->part[ROW_X], f->place[line_place(s, f->reference)].x, rows);
    if (slab->part[ROW_Y].cols > 0)
        op_rows_set(&s->run, slab->part[ROW_Y], f->place[s->shown].y, rows);
    if (f->f.buf)
        op_rows_set(&s->run, tensor_cols(slab->part[ROW_F], 0, s->n_watch), f->f, rows);
    if (slab->part[ROW_SCALE].cols > 0)
        op_rows_set(&s->run, slab->part[ROW_SCALE], f->landed.codes.scale, rows);
}

static bool pre_wanted(const struct front *f, int32_t place)
{
    const struct dict *d = f->s->set->place[place].dict;
    return !f->reference && !dict_spec(d)->identity && columns_of(f->s, place).n > 0 &&
           !dict_encodes_largest(d) && (int64_t)f->micro->rows * dict_spec(d)->m <= PRE_MAX;
}

static bool transcodes(const struct session *s, int32_t place)
{
    return dict_spec(s->set->place[place].dict)->transcodes;
}

/* Takes x at the wanted places first … last − 1 out, and y where that is something else. */
static int32_t hooks_at(struct front *f, int32_t first, int32_t last, struct hook *hook)
{
    int32_t n = 0;
    for (int32_t i = first; i < last; i++) {
        const struct dict_place *p = &f->s->set->place[i];
        if (!f->place[i].wanted)
            continue;
        hook[n++] =
            (struct hook){.at = dict_reads(p->dict, p->at), .op = HOOK_GET, .io = &f->place[i].x};
        if (transcodes(f->s, i))
            hook[n++] = (struct hook){.at = p->at, .op = HOOK_GET, .io = &f->place[i].y};
    }
    return n;
}

/* Places that are looked at before lanes part, on the way to there. */
static bool to_the_hook(struct front *f, const struct batch *batch, struct state *out)
{
    struct hook hook[2 * DICT_SET_MAX];
    struct session *s = f->s;
    int32_t n = hooks_at(f, 0, s->place.first, hook);
    if (n > 0)
        model_forward(&s->run, s->model, batch, NULL, s->place.reads, hook, n, out);
    return n > 0;
}

/* Those behind it: the plain text goes on, further than lanes need it. */
static void beyond(struct front *f, const struct batch *batch)
{
    struct hook hook[2 * DICT_SET_MAX];
    struct session *s = f->s;
    const struct state *from = &f->landed.plain;
    int32_t n = hooks_at(f, s->place.first + 1, s->set->n, hook);
    if (n == 0)
        return;
    if (point_compare(hook[0].at, from->at) < 0)
        from = &f->landed.hook;
    model_forward(&s->run, s->model, batch, from, hook[n - 1].at, hook, n, NULL);
}

static void encode_places(struct front *f)
{
    struct session *s = f->s;
    for (int32_t i = 0; i < s->set->n; i++) {
        struct place *p = &f->place[i];
        const struct dict *d = s->set->place[i].dict;
        if (i == s->place.first) {
            p->x = f->landed.x, p->y = f->landed.hook.value, p->yhat = f->landed.yhat;
            p->pre = f->landed.pre, p->codes = f->landed.codes;
        } else if (p->wanted) {
            if (!transcodes(s, i))
                p->y = p->x;
            dict_encode(&s->run, d, p->x, &p->codes, pre_wanted(f, i) ? &p->pre : NULL);
            if ((i == s->shown || is_further(f, i)) && !dict_spec(d)->identity)
                p->yhat = dict_decode(&s->run, d, &p->codes);
        }
    }
}

static void choose_places(struct front *f)
{
    const struct session *s = f->s;
    if (s->set->n == 0)
        return;
    f->place[s->place.first].wanted = true;
    for (int32_t i = 0; i < s->set->n && !f->reference; i++)
        if (i == s->shown || is_further(f, i) || columns_of(s, i).n > 0)
            f->place[i].wanted = true;
}

static void run_batch(struct front *f)
{
    struct session *s = f->s;
    struct run *r = &s->run;
    int32_t start[MAX_PIECES + 1], past[MAX_PIECES], at = 0;
    struct kv *kv[MAX_PIECES];
    int32_t *ids = scratch_i32(s, (size_t)f->micro->rows);
    for (int32_t i = 0; i < f->micro->n; i++) {
        const struct piece *p = &f->micro->piece[i];
        start[i] = at;
        kv[i] = p->window->rows->kv[TRACK_PLAIN].kv;
        past[i] = p->row;
        memcpy(ids + at, p->line->seq.ids + p->window->first + p->row, (size_t)p->n * sizeof *ids);
        at += p->n;
    }
    start[f->micro->n] = at;
    struct batch batch = {.n_rows = at, .ids = ids, .seqs = {f->micro->n, start, past, kv}};
    unsigned want = s->sae ? LAND_INSERTED : s->dict ? LAND_CODES : 0;
    /* all pre-activations where they are not too many and one is watched */
    if (s->sae && pre_wanted(f, s->place.first))
        want |= LAND_PRE;
    struct state hook;
    choose_places(f);
    bool there = to_the_hook(f, &batch, &hook);
    lane_front(r, &s->place, &batch, there ? &hook : NULL, want, &f->landed);
    beyond(f, &batch);
    encode_places(f);
    if (s->n_watch > 0) {
        int32_t unit[WATCH_MAX];
        watched(s, s->place.first, 0, unit);
        f->f = dict_values(r, s->place.dict, &f->landed.codes, unit, s->n_watch);
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
static int32_t row_active(struct session *s, const struct dict_spec *d, const struct csr_host *c,
                          int32_t row)
{
    int32_t n = c->start[row + 1] - c->start[row];
    s->active = grow(s->active, &s->cap_active, (size_t)n + 1, sizeof *s->active);
    for (int32_t i = 0; i < n; i++)
        s->active[i] =
            (struct active_latent){c->ids[c->start[row] + i], c->vals[c->start[row] + i]};
    if (!d->identity && d->select != SELECT_TOPK && d->select != SELECT_ABSTOPK)
        qsort(s->active, (size_t)n, sizeof *s->active, by_value);
    return n;
}

static void row_latents(struct front *f, struct line_latents *p, int32_t token, int32_t row)
{
    struct session *s = f->s;
    size_t t = (size_t)token, r = (size_t)row;
    const struct dict_spec *d = dict_spec(line_dict(s, f->reference));
    if (!d->identity || !f->reference) {
        int32_t n = row_active(s, d, &s->codes, row);
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

/* Σy of the window's rows from `from` on, without BOS, times `sign` on top of `sum`; y absent:
 * those that are kept. */
static bool add_rows(struct session *s, struct window *w, struct tensor sum, struct tensor y,
                     int32_t from, int32_t n, double sign)
{
    const struct tensor *kept = w->rows ? w->rows->slab->part : NULL;
    const atomic_bool *cancel = s->run.cancel;
    struct arena_mark mark = arena_mark(s->run.arena);
    s->run.cancel = NULL; /* a sum half mended would be worse than a millisecond */
    int32_t skip = from == 0 && s->cut.bos >= 0 && n > 0 ? 1 : 0;
    if (!y.buf && n > skip)
        y = op_rows_get(&s->run, kept[kept[ROW_Y].cols > 0 ? ROW_Y : ROW_X],
                        rows_numbers(s, &w->rows->row, from + skip, n - skip));
    else if (n > skip)
        y = tensor_rows(y, skip, n - skip);
    if (n > skip)
        op_col_sums(&s->run, sum, y, sign);
    bool ok = run_ok(&s->run);
    s->run.cancel = cancel;
    arena_reset(s->run.arena, mark);
    return ok;
}

static bool clear_sum(struct session *s, struct window *w)
{
    if (!rows_reserve_sum(s, w))
        return false;
    rows_clear_sums(s, rows_sum(s, w));
    return true;
}

/* The sums of a piece, whose rows of y begin at `at` in the batch. False: the device failed, and
 * those of the window begin anew. */
static bool piece_sums(struct front *f, const struct piece *p, int32_t at)
{
    struct session *s = f->s;
    struct window *w = p->window;
    const bool sae = !dict_spec(s->dict)->identity;
    for (int32_t t = 0; t < p->n; t++) {
        p->line->sq[w->first + p->row + t] = s->stats[2 * (at + t)];
        p->line->sse[w->first + p->row + t] = sae ? s->stats[2 * (at + t) + 1] : 0;
    }
    int32_t from = w->sum_rows > p->row ? w->sum_rows : p->row, end = p->row + p->n;
    if (from >= end)
        return true;
    const bool anew = !w->summed;
    bool ok = !anew || clear_sum(s, w);
    for (int32_t i = 0; ok && i < s->set->n; i++)
        if (i == s->shown || is_further(f, i)) {
            struct tensor y = tensor_rows(f->place[i].y, at + from - p->row, end - from);
            struct tensor sum = i == s->shown ? rows_sum(s, w) : further_sum(p->line, i, w);
            if (anew && i != s->shown)
                rows_clear_sums(s, sum);
            ok = add_rows(s, w, sum, y, from, end - from, 1);
        }
    if (ok)
        w->sum_rows = end;
    else
        rows_drop_sum(s, w); /* half of it may be there */
    return ok;
}

/* What the further places have of a piece. */
static void commit_further(struct front *f, const struct piece *p, int32_t at)
{
    struct session *s = f->s;
    for (int32_t i = 0; i < s->set->n; i++) {
        struct further *k = &p->line->further[i];
        const struct dict_spec *d = dict_spec(s->set->place[i].dict);
        if (!is_further(f, i))
            continue;
        line_latents_own(&k->latents);
        k->latents->complete = false;
        for (int32_t t = 0; t < p->n; t++) {
            const int32_t token = p->window->first + p->row + t;
            const double *stats = f->place[i].stats + 2 * (size_t)(at + t);
            const int32_t n = row_active(s, d, &f->place[i].active, at + t);
            line_latents_set(k->latents, token, s->active, n);
            k->stats[token][0] = stats[0];
            k->stats[token][1] = d->identity ? 0 : stats[1];
        }
    }
}

static void commit(struct front *f)
{
    struct session *s = f->s;
    int32_t row = 0;
    for (int32_t i = 0; i < f->micro->n; i++) {
        struct piece *p = &f->micro->piece[i];
        struct window *w = p->window;
        struct line *l = p->line;
        if (!l->latents) {
            l->latents = line_latents_new(l->tokens->n, f->reference ? 0 : s->n_watch);
            l->latents->dict = line_place(s, f->reference);
            memcpy(l->latents->watch, s->watch, (size_t)l->latents->n_watch * sizeof *s->watch);
        }
        line_latents_own(&l->latents);
        l->latents->complete = false;
        const bool summed = !s->dict || f->reference || piece_sums(f, p, row);
        if (l->further && !f->reference)
            commit_further(f, p, row);
        for (int32_t t = p->row; s->dict && t < p->row + p->n; t++, row++)
            row_latents(f, l->latents, w->first + t, row);
        int32_t end = summed ? p->row + p->n : 0;
        w->front_done = !summed ? 0 : w->front_done > end ? w->front_done : end;
        w->rows->front_rows = end;
        w->rows->front_kv = w->rows->kv[TRACK_PLAIN].kv ? end : 0;
        if (!s->dict)
            w->sum_rows = w->front_done;
    }
}

bool front_run(struct session *s, struct microbatch *micro, bool reference)
{
    struct front f = {.s = s, .micro = micro, .reference = reference};
    if (!prepare(s, micro, reference))
        return false;
    run_batch(&f);
    const bool ok = step_ok(s);
    if (ok)
        commit(&f);
    for (int32_t i = 0; i < s->set->n; i++) {
        free(f.place[i].stats);
        csr_host_release(&f.place[i].active);
    }
    return ok;
}

/* ---- watched columns */
/* Activations of the watched units [n, n_watch] of rows `from` … of a window: neurons from the kept
 * rows (absent where there are none), latents from the lists that the line has. */
static struct tensor watch_values(struct session *s, const struct line_latents *p,
                                  const struct window *w, struct tensor x, int32_t from, int32_t n)
{
    const struct dict *d = s->set->place[p->dict].dict;
    struct code code = {.sparse.n_rows = n};
    int32_t unit[WATCH_MAX];
    watched(s, p->dict, 0, unit);
    if (dict_spec(d)->identity) {
        if (!x.buf)
            return x;
        code.dense = x;
        return dict_values(&s->run, d, &code, unit, s->n_watch);
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
    return dict_values(&s->run, d, &code, unit, s->n_watch);
}

static void watch_block(struct session *s, struct line_latents *p, const struct window *w,
                        int32_t from, int32_t n)
{
    size_t cells = (size_t)n * (size_t)s->n_watch;
    int32_t unit[WATCH_MAX];
    struct run *r = &s->run;
    struct tensor rows = {0}, x = {0};
    if (w->rows && w->rows->row.n >= from + n)
        rows = rows_numbers(s, &w->rows->row, from, n);
    if (rows.buf && rows_hold_x(w))
        x = op_rows_get(r, w->rows->slab->part[ROW_X], rows);
    struct tensor f = watch_values(s, p, w, x, from, n);
    float *pre = NULL, *act = f.buf ? scratch_f32(s, ACT, cells) : NULL;
    const struct dict *d = s->set->place[p->dict].dict;
    watched(s, p->dict, 0, unit);
    if (act)
        run_get(r, act, f);
    if (x.buf) {
        pre = scratch_f32(s, PRE, cells);
        run_get(r, pre, dict_encode_units(r, d, x, unit, s->n_watch));
        watched(s, p->dict, -1, unit);
        dict_check_values(r, d, pre, n, unit, s->n_watch);
    }
    if (f.buf && rows.buf)
        op_rows_set(r, tensor_cols(w->rows->slab->part[ROW_F], 0, s->n_watch), f, rows);
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
    p->dict = old->dict;
    memcpy(p->watch, s->watch, (size_t)s->n_watch * sizeof *p->watch);
    for (int32_t t = 0; t < old->n; t++) {
        const struct active_latent *active;
        int32_t n = latents_of_token(old, t, &active);
        line_latents_set(p, t, active, n);
    }
    for (int32_t i = 0; i < l->n_windows; i++) {
        const struct window *w = &l->window[i];
        if (w->rows && !rows_reserve_watch(s, w->rows->slab))
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

/* ---- Σy */
void front_sum_fix(struct session *s, struct window *w, int32_t keep)
{
    if (!w->summed || w->sum_rows <= keep) {
        if (!s->dict && w->sum_rows > keep)
            w->sum_rows = keep;
        return;
    }
    const struct tensor kept = {0};
    int32_t gone = w->sum_rows - keep, have = rows_hold_x(w) ? w->rows->front_rows : 0;
    bool ok = false;
    if (keep > 0 && have >= w->sum_rows && gone <= keep)
        ok = add_rows(s, w, rows_sum(s, w), kept, keep, gone, -1);
    else
        ok = clear_sum(s, w) &&
             (keep == 0 || (have >= keep && add_rows(s, w, rows_sum(s, w), kept, 0, keep, 1)));
    w->sum_rows = ok ? keep : 0;
    if (!ok)
        rows_drop_sum(s, w);
}

/* From the landing point to the losses: every lane is more rows of one batch. */
#include "engine/base/memory.h"
#include "engine/dict/unit.h"
#include "engine/session/session_private.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Final rows serve predictions, and losses of a window that goes on. */
static bool wants_h(const struct session *s, const struct piece *p)
{
    return p->near || rows_wants_kv(s, p);
}

/* Track by track, so that the rows of a track are gathered and changed at once. */
static void by_track(struct microbatch *micro)
{
    struct piece sorted[MAX_PIECES];
    int32_t n = 0;
    for (int t = 0; t < N_TRACKS; t++)
        for (int32_t i = 0; i < micro->n; i++)
            if (micro->piece[i].track == (enum track)t)
                sorted[n++] = micro->piece[i];
    memcpy(micro->piece, sorted, (size_t)n * sizeof *sorted);
}

static bool prepare(struct session *s, struct microbatch *micro, bool keep)
{
    by_track(micro);
    for (int32_t i = 0; i < micro->n && keep; i++) {
        struct piece *p = &micro->piece[i];
        enum track t = p->track;
        struct rows *r = p->window->rows;
        r->used = s->tick;
        if (!wants_h(s, p))
            rows_drop_h(s, r, t);
        if ((wants_h(s, p) && !rows_reserve_h(s, p->window, t)) ||
            ((rows_wants_kv(s, p) || r->kv[t].kv) && !rows_reserve_kv(s, p->window, t)))
            return false;
        r->back_rows[t] = r->back_rows[t] < p->row ? r->back_rows[t] : p->row;
        r->back_kv[t] = r->back_kv[t] < p->row ? r->back_kv[t] : p->row;
    }
    return true;
}

/* ---- u_j */
bool back_push_units(struct session *s)
{
    int32_t unit[UNITS_MAX + 1], n = s->wish.n_units;
    for (int32_t i = 0; i < n; i++)
        unit[i] = s->watch[i].dict == s->place.first
                      ? s->watch[i].index
                      : 0; /* one that doesn't exist is never fixed, others are behind */
    if (s->paired)
        unit[n++] = s->pair->id.dict == s->place.first ? s->pair->id.index : 0;
    return directions_set(&s->run, &s->place, &s->directions, unit, n);
}

/* ---- rows at the landing */
struct tracks { /* of a microbatch: row numbers of its rows, those of track t from first[t] on */
    const struct slab *slab;
    int32_t *number, first[N_TRACKS + 1];
};

static struct tracks tracks_of(struct session *s, const struct microbatch *micro)
{
    struct tracks k = {.number = scratch_i32(s, (size_t)micro->rows)};
    int32_t n = 0;
    for (int32_t i = 0; i < micro->n; i++) {
        const struct piece *p = &micro->piece[i];
        memcpy(k.number + n, p->window->rows->row.at + p->row, (size_t)p->n * sizeof *k.number);
        k.slab = p->window->rows->slab;
        n += p->n;
        k.first[p->track + 1] = n;
    }
    for (int t = 0; t < N_TRACKS; t++)
        if (k.first[t + 1] < k.first[t])
            k.first[t + 1] = k.first[t];
    return k;
}

static void add_changes(struct session *s, const struct tracks *k, enum track t,
                        struct tensor value)
{
    const int32_t first = k->first[t], rows = k->first[t + 1] - first,
                  *watch = t == TRACK_FIXED ? s->fixed_column : &s->pair_column,
                  *direction = t == TRACK_FIXED ? s->fixed_column : &s->wish.n_units;
    const struct lane *lane = &s->lane[t];
    int32_t n;
    lane_units(lane, s->place.first, &n); /* they are the first */
    if (rows == 0 || n == 0)
        return;
    struct tensor number = run_put_ids(&s->run, rows, 1, k->number + first), scale = {0};
    struct tensor watched =
        op_rows_get(&s->run, tensor_cols(k->slab->part[ROW_F], 0, s->n_watch), number);
    if (k->slab->part[ROW_SCALE].cols > 0)
        scale = op_rows_get(&s->run, k->slab->part[ROW_SCALE], number);
    lane_change(&s->run, &s->place, lane, tensor_rows(value, first, rows),
                op_cols_get(&s->run, watched, run_put_ids(&s->run, n, 1, watch)), scale,
                op_rows_get(&s->run, s->directions.u, run_put_ids(&s->run, n, 1, direction)));
}

static struct state gather(struct session *s, const struct tracks *k)
{
    struct lane_rows from[N_TRACKS];
    int32_t n = 0;
    for (int t = 0; t < N_TRACKS; t++)
        if (k->first[t + 1] > k->first[t])
            from[n++] = (struct lane_rows){.lane = &s->lane[t],
                                           .plain = k->slab->part[ROW_VALUE],
                                           .inserted = k->slab->part[ROW_INSERTED],
                                           .base = k->slab->part[ROW_RESID],
                                           .row = k->number + k->first[t],
                                           .n = k->first[t + 1] - k->first[t]};
    struct state st = lane_pack(&s->run, &s->place, from, n);
    for (int t = TRACK_FIXED; t < N_TRACKS; t++)
        add_changes(s, k, (enum track)t, st.value);
    return st;
}

/* What the tracks do behind where they part, each at its own rows of the microbatch. */
static void add_hooks(struct session *s, const struct microbatch *micro, struct lane_hooks *hooks)
{
    int32_t *row = scratch_i32(s, (size_t)micro->rows), n = 0;
    for (int t = TRACK_SAE; t < N_TRACKS; t++) {
        int32_t first = n, at = 0;
        for (int32_t i = 0; i < micro->n; i++) {
            for (int32_t j = 0; micro->piece[i].track == (enum track)t && j < micro->piece[i].n;
                 j++)
                row[n++] = at + j;
            at += micro->piece[i].n;
        }
        if (n > first)
            lane_hooks_add(hooks, &s->place, &s->lane[t], row + first, n - first);
    }
}

static struct tensor forward(struct session *s, const struct microbatch *micro, bool keep)
{
    int32_t start[MAX_PIECES + 1], past[MAX_PIECES], at = 0;
    struct kv *kv[MAX_PIECES];
    for (int32_t i = 0; i < micro->n; i++) {
        const struct piece *p = &micro->piece[i];
        start[i] = at;
        kv[i] = keep ? p->window->rows->kv[p->track].kv : NULL;
        past[i] = kv[i] ? p->row : 0; /* without keys no layer attends any more */
        at += p->n;
    }
    start[micro->n] = at;
    struct batch batch = {.n_rows = at, .seqs = {micro->n, start, past, kv}};
    const struct tracks tracks = tracks_of(s, micro);
    struct state from = gather(s, &tracks), end = {0};
    struct lane_hooks hooks = {0};
    if (s->set->n > 1)
        add_hooks(s, micro, &hooks);
    model_forward(&s->run, s->model, &batch, &from, model_end(s->model), hooks.hook, hooks.n, &end);
    lane_hooks_release(&hooks);
    return end.value;
}

/* The losses of tokens `eval` … come from the rows before them: of this batch, and for a piece that
 * goes on where an earlier one ended the last row that was kept. */
static void losses(struct session *s, const struct microbatch *micro, struct tensor h, float *loss)
{
    int32_t n = 0, n_kept = 0, at = 0, done = 0;
    for (int32_t i = 0; i < micro->n; i++)
        n += micro->piece[i].n_eval;
    if (n == 0)
        return;
    int32_t *from = scratch_i32(s, 3 * (size_t)n), *target = from + n, *number = target + n,
            place[MAX_PIECES];
    for (int32_t i = 0; i < micro->n; i++) {
        const struct piece *p = &micro->piece[i];
        const bool kept = p->n_eval > 0 && p->eval == p->row;
        if (kept) {
            place[n_kept] = at;
            number[n_kept++] = p->window->rows->h[p->track].at[p->row - 1];
        }
        for (int32_t j = 0; j < p->n_eval; j++) {
            from[at] = kept && j == 0 ? 0 : done + p->eval + j - 1 - p->row;
            target[at++] = p->line->seq.target[p->window->first + p->eval + j - 1];
        }
        done += p->n;
    }
    struct tensor rows = op_rows_get(&s->run, h, run_put_ids(&s->run, n, 1, from));
    if (n_kept > 0)
        op_rows_set(
            &s->run, rows,
            op_rows_get(&s->run, s->finals.part[0], run_put_ids(&s->run, n_kept, 1, number)),
            run_put_ids(&s->run, n_kept, 1, place));
    model_loss(&s->run, s->model, rows, target, loss);
}

/* Final rows of the pieces that have a place for them. */
static void keep_finals(struct session *s, const struct microbatch *micro, struct tensor h)
{
    int32_t *number = scratch_i32(s, 2 * (size_t)micro->rows), *row = number + micro->rows, n = 0,
            at = 0;
    for (int32_t i = 0; i < micro->n; i++) {
        const struct piece *p = &micro->piece[i];
        const struct row_numbers *k = &p->window->rows->h[p->track];
        for (int32_t j = 0; k->n > 0 && j < p->n; j++) {
            number[n] = k->at[p->row + j];
            row[n++] = at + j;
        }
        at += p->n;
    }
    if (n == 0)
        return;
    if (n < micro->rows)
        h = op_rows_get(&s->run, h, run_put_ids(&s->run, n, 1, row));
    op_rows_set(&s->run, s->finals.part[0], h, run_put_ids(&s->run, n, 1, number));
}

/* Tokens of the lines before this one. */
static int32_t tokens_before(const struct session *s, int32_t line)
{
    int32_t n = 0;
    for (int32_t i = 0; i < line; i++)
        n += s->line[i]->tokens->n;
    return n;
}

static void tell(struct session *s, const struct microbatch *micro, struct tensor h)
{
    int32_t n_tokens = tokens_before(s, s->n_lines);
    for (int32_t i = 0, at = 0; i < micro->n && run_ok(&s->run); i++) {
        const struct piece *p = &micro->piece[i];
        if (p->track == s->lane_track[LANE_FIXED])
            s->hear(s->hear_arg, &s->run, tokens_before(s, p->at) + p->window->first + p->row,
                    n_tokens, tensor_rows(h, at, p->n));
        at += p->n;
    }
}

bool back_run(struct session *s, struct microbatch *micro, bool keep, float *loss)
{
    if (!prepare(s, micro, keep))
        return false;
    struct tensor h = forward(s, micro, keep);
    if (keep)
        keep_finals(s, micro, h);
    losses(s, micro, h, loss);
    if (keep && s->hear)
        tell(s, micro, h);
    return step_ok(s);
}

void back_commit(struct session *s, const struct microbatch *micro, const float *loss)
{
    bool attends = s->place.layer < model_config(s->model)->n_layers;
    for (int32_t i = 0; i < micro->n; i++) {
        const struct piece *p = &micro->piece[i];
        enum track t = p->track;
        struct window *w = p->window;
        struct line_losses **part = &p->line->loss[t];
        if (*part && (*part)->key != s->key[t]) {
            line_losses_unref(*part);
            *part = NULL;
        }
        if (!*part)
            *part = line_losses_new(p->line->tokens->n, s->key[t]);
        line_losses_own(part);
        (*part)->complete = false;
        memcpy((*part)->loss + w->first + p->eval, loss, (size_t)p->n_eval * sizeof *loss);
        loss += p->n_eval;
        int32_t end = p->row + p->n;
        w->loss_done[t] = w->loss_done[t] > end ? w->loss_done[t] : end;
        w->rows->back_rows[t] = w->rows->h[t].n > 0 ? end : 0;
        w->rows->back_kv[t] = w->rows->kv[t].kv || !attends ? end : 0;
    }
}

/* ---- fixed values that are too large */
struct microbatch back_of_tracks(const struct microbatch *micro, unsigned tracks)
{
    struct microbatch some = {.n = 0};
    for (int32_t i = 0; i < micro->n; i++)
        if (tracks & 1u << micro->piece[i].track) {
            some.piece[some.n++] = micro->piece[i];
            some.rows += micro->piece[i].n;
        }
    return some;
}

void back_blame(struct session *s, unsigned tracks)
{
    char list[160] = "", name[UNIT_NAME_MAX];
    int32_t at = 0;
    for (int t = TRACK_FIXED; t < N_TRACKS; t++)
        for (int32_t i = 0; tracks & 1u << t && i < s->lane[t].n_units; i++) {
            const struct unit *u = &s->lane[t].units[i];
            if (at >= (int32_t)sizeof list - 32)
                break;
            unit_name(s->set, u->id, name);
            at += snprintf(list + at, sizeof list - (size_t)at, "%s%s = %g", at ? ", " : "", name,
                           (double)u->value);
        }
    if (s->run.err.kind == ERROR_INPUT)
        error_prefix(&s->run.err, "float32 can't carry the fixed %s through the model", list);
}

/* ---- predictions */
static const struct window *window_of(const struct line *l, int32_t token)
{
    const struct window *w = l->window;
    while (token >= w->first + w->n)
        w++;
    return w;
}

bool back_next_run(struct session *s, struct line *l, int32_t token)
{
    const struct window *w = window_of(l, token);
    int32_t n = s->wish.n_next, n_vocab = model_config(s->model)->n_vocab,
            ids[TRACK_ON * SESSION_MAX_NEXT];
    float logp[TRACK_ON * SESSION_MAX_NEXT];
    n = n < n_vocab ? n : n_vocab;
    int32_t row_of[TRACK_ON] = {-1, -1, -1}, number[TRACK_ON], rows = 0;
    for (int t = 0; t < TRACK_ON; t++)
        if (s->want[t]) {
            number[rows] = w->rows->h[t].at[token - w->first];
            row_of[t] = rows++;
        }
    struct tensor h =
        op_rows_get(&s->run, s->finals.part[0], run_put_ids(&s->run, rows, 1, number));
    model_topn(&s->run, s->model, h, n, ids, logp);
    if (!step_ok(s))
        return false;
    for (int lane = 0; lane < N_LANES; lane++) {
        int32_t at = row_of[s->lane_track[lane]] * n;
        s->next[lane].n = n;
        memcpy(s->next[lane].id, ids + at, (size_t)n * sizeof *ids);
        for (int32_t i = 0; i < n; i++)
            s->next[lane].p[i] = expf(logp[at + i]);
    }
    return true;
}

bool back_pair_run(struct session *s, struct line *l, int32_t token)
{
    const struct window *w = window_of(l, token);
    const int32_t n_logits = model_config(s->model)->n_vocab,
                  n = min32(tokenizer_n_vocab(s->tokenizer), n_logits);
    const struct pair *p = &s->wish.pair;
    const struct likely_in in = {.n = n,
                                 .top = min32(s->wish.n_next, n),
                                 .least = p->least,
                                 .max_norm = p->max_norm,
                                 .min_embed = p->min_embed,
                                 .norms = s->norms};
    float *z = scratch_f32(s, 1, 2 * (size_t)n_logits);
    int32_t number[2];
    for (int i = 0; i < 2; i++)
        number[i] = w->rows->h[TRACK_ON + i].at[token - w->first];
    model_logits(&s->run, s->model,
                 op_rows_get(&s->run, s->finals.part[0], run_put_ids(&s->run, 2, 1, number)), z);
    if (!step_ok(s))
        return false;
    likely_logp(z, n_logits);
    likely_logp(z + n_logits, n_logits);
    likely_lists(&in, z, z + n_logits, s->listed, s->n_listed);
    s->listed_top = in.top;
    return true;
}

/* What a view sees: immutable, built by the worker from what there is, read and released by any
 * thread. */
#include "engine/base/memory.h"
#include "engine/device.h"
#include "engine/session/session_private.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

void snapshot_ref(struct snapshot *p)
{
    atomic_fetch_add(&p->refs, 1);
}

void snapshot_unref(struct snapshot *p)
{
    if (!p || atomic_fetch_sub(&p->refs, 1) != 1)
        return;
    for (int32_t i = 0; i < p->n_lines; i++) {
        const struct line_view *v = &p->line[i];
        line_tokens_unref((struct line_tokens *)v->tokens);
        line_latents_unref((struct line_latents *)v->latents);
        for (int lane = 0; lane < N_LANES; lane++)
            line_losses_unref((struct line_losses *)v->loss[lane]);
    }
    for (int32_t k = 0; k < DICT_SET_MAX; k++) {
        for (int32_t i = 0; p->further[k].line && i < p->n_lines; i++)
            line_latents_unref((struct line_latents *)p->further[k].line[i]);
        free(p->further[k].line);
    }
    for (int i = 0; i < 2; i++)
        line_losses_unref((struct line_losses *)p->pair.loss[i]);
    free(p->line);
    free(p->text);
    free(p);
}

const struct line_view *snapshot_line_of(const struct snapshot *p, int32_t token, int32_t *in_line)
{
    if (token < 0)
        return NULL;
    int32_t lo = 0, hi = p->n_lines; /* the last line that begins at or before the token */
    while (hi - lo > 1) {
        int32_t mid = lo + (hi - lo) / 2;
        *(p->line[mid].first_token <= token ? &lo : &hi) = mid;
    }
    for (; lo < p->n_lines; lo++) { /* empty lines begin at the same token */
        const struct line_view *v = &p->line[lo];
        if (v->tokens && token < v->first_token + v->tokens->n && token >= v->first_token) {
            if (in_line)
                *in_line = token - v->first_token;
            return v;
        }
        if (v->first_token > token)
            break;
    }
    return NULL;
}

/* ---- parts that have become complete */
static void finish_latents(struct session *s, struct line *l)
{
    if (!line_front_done(l) || (l->latents && l->latents->complete))
        return;
    if (!l->latents) { /* a line without tokens */
        l->latents = line_latents_new(l->tokens->n, s->n_watch);
        l->latents->dict = s->shown;
        memcpy(l->latents->watch, s->watch, (size_t)s->n_watch * sizeof *s->watch);
    }
    line_latents_own(&l->latents);
    struct line_latents *p = l->latents;
    p->complete = true;
    p->sse = p->sum_sq = 0;
    for (int32_t i = 0; i < l->tokens->n; i++)
        if (!token_is_bos(l, i)) {
            p->sse += l->sse[i];
            p->sum_sq += l->sq[i];
        }
}

static void finish_losses(struct session *s, struct line *l, enum track t)
{
    if (!line_track_done(s, l, t) ||
        (l->loss[t] && l->loss[t]->complete && l->loss[t]->key == s->key[t]))
        return;
    if (!l->loss[t] || l->loss[t]->key != s->key[t]) { /* a line without tokens */
        line_losses_unref(l->loss[t]);
        l->loss[t] = line_losses_new(l->tokens->n, s->key[t]);
    }
    line_losses_own(&l->loss[t]);
    l->loss[t]->complete = true;
}

enum { SUMS_AT_ONCE = 64 };

/* Rows of the session's sums on top of `sum`; returns 0. */
static int32_t add_sums(struct session *s, struct run *run, struct tensor sum, const int32_t *row,
                        int32_t n)
{
    struct arena_mark mark = arena_mark(run->arena);
    if (n > 0)
        op_col_sums(run, sum, op_rows_get(run, s->sums.part[0], run_put_ids(run, n, 1, row)), 1);
    arena_reset(run->arena, mark);
    return 0;
}

/* ‖Σy‖² over the windows of the text; NaN and false with the run's error set. */
static bool square_of_sum(struct session *s, double *out)
{
    struct run *run = &s->run;
    struct arena_mark mark = arena_mark(run->arena);
    struct tensor sum = run_sums(run, dict_spec(s->dict)->n_out);
    double square[2] = {NAN, 0};
    int32_t row[SUMS_AT_ONCE], n = 0;
    for (int32_t i = 0; i < s->n_lines; i++)
        for (int32_t w = 0; w < s->line[i]->n_windows; w++) {
            if (s->line[i]->window[w].summed)
                row[n++] = s->line[i]->window[w].sum;
            if (n == SUMS_AT_ONCE)
                n = add_sums(s, run, sum, row, n);
        }
    add_sums(s, run, sum, row, n);
    run_get_f64(run, square, op_row_stats(run, sum, (struct tensor){0}));
    arena_reset(run->arena, mark);
    *out = square[0];
    return run_ok(run);
}

double session_unexplained(const struct session *s, double sse, double sum_sq, double square)
{
    int64_t n = 0;
    for (int32_t i = 0; i < s->n_lines; i++) {
        const struct line *l = s->line[i];
        for (int32_t w = 0; w < l->n_windows; w++)
            n += l->window[w].n - (l->window[w].n > 0 && token_is_bos(l, l->window[w].first));
    }
    if (n < 2)
        return NAN;
    const double all = sum_sq - square / (double)n;
    /* below that it is rounding: all tokens are alike */
    return all > 1e-10 * sum_sq ? sse / all : NAN;
}

/* Σ‖y − ŷ‖² / Σ‖y − ȳ‖²; false: the device failed, it is asked again. */
static bool variance_unexplained(struct session *s)
{
    double sse = 0, sq = 0, square = 0;
    for (int32_t i = 0; i < s->n_lines; i++) {
        sse += s->line[i]->latents->sse;
        sq += s->line[i]->latents->sum_sq;
    }
    const bool ok = square_of_sum(s, &square);
    s->fvu = session_unexplained(s, sse, sq, square);
    return ok;
}

/* ---- building */
static void view_line(struct session *s, struct snapshot *p, int32_t i)
{
    struct line_view *v = &p->line[i];
    struct line *l = s->line[i];
    *v = (struct line_view){
        .start = s->span[i].start, .end = s->span[i].end, .first_token = p->n_tokens};
    if (!line_is_coded(s, l))
        return;
    if (l->special_end > l->special_start && p->special_end == 0) {
        p->special_start = v->start + l->special_start;
        p->special_end = v->start + l->special_end;
    }
    finish_latents(s, l);
    v->tokens = l->tokens;
    atomic_fetch_add(&l->tokens->refs, 1);
    p->n_tokens += l->tokens->n;
    if (l->latents) {
        v->latents = l->latents;
        atomic_fetch_add(&l->latents->refs, 1);
    }
    for (int lane = 0; lane < N_LANES; lane++) {
        enum track t = s->lane_track[lane];
        if (s->wish.losses)
            finish_losses(s, l, t);
        if (l->loss[t]) {
            v->loss[lane] = l->loss[t];
            atomic_fetch_add(&l->loss[t]->refs, 1);
        }
    }
}

static void view_means(const struct session *s, struct snapshot *p)
{
    for (int lane = 0; lane < N_LANES; lane++) {
        double sum = 0;
        int64_t n = 0;
        bool all = p->loss.valid;
        for (int32_t i = 0; i < s->n_lines && all; i++) {
            all = line_track_done(s, s->line[i], s->lane_track[lane]);
            line_loss_sum(s->line[i], s->lane_track[lane], &sum, &n);
        }
        p->loss_mean[lane] = all && n > 0 ? sum / (double)n : NAN;
    }
}

static double progress(const struct session *s)
{
    double done = 0, all = 0;
    for (int32_t i = 0; i < s->n_lines; i++) {
        const struct line *l = s->line[i];
        if (!l->coded_valid) {
            all += (double)l->n_text;
            continue;
        }
        for (int32_t w = 0; w < l->n_windows; w++) {
            done += l->window[w].front_done;
            all += l->window[w].n;
            for (int t = 0; t < N_TRACKS && s->wish.losses; t++)
                if (!track_wanted(s, l, (enum track)t)) {
                    continue;
                } else if (t == TRACK_PLAIN || l->key[t] == s->key[t]) {
                    done += l->window[w].loss_done[t];
                    all += l->window[w].n;
                } else {
                    all += l->window[w].n;
                }
        }
    }
    return all > 0 ? done / all : 1.0;
}

static struct part part_of(struct session *s, int which, bool valid)
{
    if (valid) {
        s->done_generation[which] = s->wish.generation;
        if (s->ms_new[which] > 0)
            s->ms[which] = s->ms_new[which];
    }
    return (struct part){
        .generation = s->done_generation[which], .valid = valid, .ms = s->ms[which]};
}

static void view_next(struct session *s, struct snapshot *p, bool valid)
{
    int32_t token = cursor_token(s);
    p->next_token = -1;
    p->next_at = s->wish.cursor;
    p->next = part_of(s, 3, valid);
    const struct line_tokens *tokens = token < 0 ? NULL : p->line[s->cursor_line].tokens;
    if (!tokens)
        return;
    p->next_token = p->line[s->cursor_line].first_token + token;
    p->next_at = s->span[s->cursor_line].start + (size_t)tokens->token[token].end;
    p->next_plain = s->next[LANE_PLAIN];
    p->next_base = s->next[LANE_BASE];
    p->next_fixed = s->next[LANE_FIXED];
}

/* What the device fails in here is told as of a step; it is asked again for the next one. */
static void view_unexplained(struct session *s, struct snapshot *p)
{
    s->run.cancel = NULL;
    s->run.err = (struct error){0};
    const bool known = s->fvu_valid || variance_unexplained(s);
    p->fvu = s->fvu;
    s->fvu_valid = known && further_view(s, p);
    if (error_is_set(&s->run.err) && !error_is_set(&s->error))
        s->error = s->run.err;
}

static void view_pair(struct session *s, struct snapshot *p, bool listed)
{
    struct pair_view *v = &p->pair;
    struct line *l = s->n_lines > 0 ? s->line[s->cursor_line] : NULL;
    v->next_token = -1;
    if (!s->paired || !l)
        return;
    v->of = s->wish.pair;
    v->line = s->cursor_line;
    for (int i = 0; i < 2; i++) {
        const enum track t = (enum track)(TRACK_ON + i);
        v->key[i] = s->key[t];
        if (!line_is_coded(s, l))
            continue;
        if (s->wish.losses)
            finish_losses(s, l, t);
        if (l->loss[t]) {
            v->loss[i] = l->loss[t];
            atomic_fetch_add(&l->loss[t]->refs, 1);
        }
    }
    v->listed = listed;
    if (!listed)
        return;
    v->next_token = p->line[v->line].first_token + s->made[LISTS_PAIR].token;
    v->top = s->listed_top;
    memcpy(v->n, s->n_listed, sizeof v->n);
    memcpy(v->token, s->listed, sizeof v->token);
}

struct snapshot *session_snapshot(struct session *s)
{
    struct snapshot *p = xcalloc(1, sizeof *p);
    struct progress_of_parts done = session_parts(s);
    atomic_init(&p->refs, 1);
    p->generation = s->wish.generation;
    p->n_text = s->wish.n_text;
    p->text = s->text ? xmemdup(s->text, s->wish.n_text + 1) : xstrdup("");
    p->n_lines = s->n_lines;
    p->line = xcalloc((size_t)s->n_lines + 1, sizeof *p->line);
    for (int32_t i = 0; i < s->n_lines; i++)
        view_line(s, p, i);
    p->tokens = part_of(s, 0, done.tokens);
    p->latents = part_of(s, 1, done.latents);
    p->loss = part_of(s, 2, done.loss);
    p->refsets = part_of(s, 4, s->wish.refsets && refsets_done(s));
    p->insert = s->wish.insert;
    p->n_units = s->wish.n_units;
    memcpy(p->unit, s->wish.unit, sizeof p->unit);
    p->any_fixed = s->n_fixed > 0;
    for (int lane = 0; lane < N_LANES; lane++)
        p->lane_key[lane] = s->key[s->lane_track[lane]];
    view_means(s, p);
    p->dict = s->shown;
    p->fvu = NAN;
    if (done.latents && s->dict)
        view_unexplained(s, p);
    refsets_view(s, p);
    view_next(s, p, done.next);
    view_pair(s, p, done.pair);
    p->progress = progress(s);
    p->saturated = s->run.queue->saturated;
    s->marks = 0;
    s->chunks = 0;
    return p;
}

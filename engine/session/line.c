/* One line: its tokens, the windows they make, and what of older results still holds after an edit.
 */
#include "engine/base/hash.h"
#include "engine/base/memory.h"
#include "engine/session/session_private.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void set_text(struct line *l, const char *text, size_t n)
{
    free(l->text);
    l->text = xmalloc(n + 1);
    memcpy(l->text, text, n);
    l->text[n] = '\0';
    l->n_text = n;
    l->hash = hash_bytes(HASH_SEED, text, n);
    l->coded_valid = false;
}

struct line *line_new(const char *text, size_t n)
{
    struct line *l = xcalloc(1, sizeof *l);
    set_text(l, text, n);
    return l;
}

void line_edit(struct line *l, const char *text, size_t n)
{
    set_text(l, text, n);
}

static void windows_free(struct session *s, struct window *w, int32_t n)
{
    for (int32_t i = 0; i < n; i++) {
        rows_free(s, w[i].rows);
        rows_drop_sum(s, &w[i]);
    }
    free(w);
}

void line_free(struct session *s, struct line *l)
{
    if (!l)
        return;
    windows_free(s, l->window, l->n_windows);
    line_tokens_unref(l->tokens);
    line_latents_unref(l->latents);
    further_free(s, l);
    for (int t = 0; t < N_TRACKS; t++)
        line_losses_unref(l->loss[t]);
    free(l->text);
    free(l->coded);
    free(l->raw);
    sequences_release(&l->seq);
    free(l->sq);
    free(l->sse);
    free(l);
}

void line_forget(struct session *s, struct line *l, bool codes)
{
    if (codes) {
        line_latents_unref(l->latents);
        l->latents = NULL;
        further_free(s, l);
    }
    for (int32_t i = 0; i < l->n_windows; i++) {
        struct window *w = &l->window[i];
        rows_free(s, w->rows);
        w->rows = NULL;
        if (!codes)
            continue;
        rows_drop_sum(s, w);
        w->front_done = 0;
    }
}

/* ---- tokens */
/* Where tokenising may begin again after the first difference between the old text and the new one.
 */
static size_t restart_at(const struct session *s, const struct line *l)
{
    enum { SHORT = 256 }; /* bytes that are tokenised anew faster than it takes to think about it */
    if (!l->coded || l->n_text < SHORT)
        return 0;
    size_t n = l->n_text < l->n_coded ? l->n_text : l->n_coded, at = 0;
    while (at < n && l->text[at] == l->coded[at])
        at++;
    return tokenizer_safe_boundary(s->tokenizer, l->text, l->n_text, at);
}

/* Looks on from `from`: what was found before it stays. */
static void find_special(const struct session *s, struct line *l, size_t from)
{
    if (l->special_end > l->special_start && l->special_end <= from && !s->wish.special)
        return;
    if (s->wish.special || !tokenizer_find_special(s->tokenizer, l->text, l->n_text, from,
                                                   &l->special_start, &l->special_end))
        l->special_start = l->special_end = 0;
}

static void encode(const struct session *s, struct line *l)
{
    size_t from = l->coded_special == s->wish.special ? restart_at(s, l) : 0, keep = 0;
    while (from > 0 && keep < l->n_raw && (size_t)l->raw[keep].start < from)
        keep++;
    l->n_raw = keep;
    tokenizer_encode(s->tokenizer, l->text + from, l->n_text - from, s->wish.special, &l->raw,
                     &l->n_raw, &l->cap_raw);
    for (size_t i = keep; i < l->n_raw; i++) {
        l->raw[i].start += (int32_t)from;
        l->raw[i].end += (int32_t)from;
    }
    find_special(s, l, from);
    free(l->coded);
    l->coded = xmemdup(l->text, l->n_text + 1);
    l->n_coded = l->n_text;
}

/* The rows of its windows as tokens; BOS stands where the first token of its window does. */
static struct line_tokens *lay_out(const struct line *l, const struct sequences *seq)
{
    struct line_tokens *p = line_tokens_new(seq->n_rows, seq->n);
    for (int32_t i = seq->n_rows - 1, here = 0; i >= 0; i--) {
        bool bos = seq->pos[i] < 0;
        p->token[i] = bos ? (struct token){seq->ids[i], here, here} : l->raw[seq->pos[i]];
        here = p->token[i].start;
    }
    memcpy(p->window_start, seq->start, ((size_t)seq->n + 1) * sizeof *p->window_start);
    return p;
}

bool token_is_bos(const struct line *l, int32_t token)
{
    return l->seq.pos[token] < 0;
}

/* ---- what stays */
static int32_t same_ids(const struct line *l, const struct window *old, const int32_t *ids,
                        const struct window *new)
{
    int32_t n = min32(old->n, new->n), i = 0;
    while (i < n && l->seq.ids[old->first + i] == ids[new->first + i])
        i++;
    return i;
}

static void keep_window(struct session *s, struct window *old, struct window *new, int32_t same)
{
    if (same < old->n)
        front_sum_fix(s, old, same);
    new->front_done = min32(old->front_done, same);
    for (int t = 0; t < N_TRACKS; t++)
        new->loss_done[t] = min32(old->loss_done[t], same);
    new->summed = old->summed, new->sum = old->sum;
    new->sum_rows = min32(old->sum_rows, same);
    old->summed = false;
    /* Σy can't be mended without its rows: then the latents are computed again, and the sum with
     * them. */
    if (new->sum_rows < new->front_done)
        new->front_done = new->sum_rows;
    new->rows = old->rows;
    old->rows = NULL;
    rows_truncate(new->rows, same);
}

static void keep_latents(struct line_latents *to, const struct line_latents *from, int32_t at,
                         int32_t was, int32_t n)
{
    size_t w = (size_t)to->n_watch, rows = (size_t)n, a = (size_t)at, b = (size_t)was;
    for (int32_t i = 0; i < n; i++) {
        const struct active_latent *active;
        int32_t n_active = latents_of_token(from, was + i, &active);
        line_latents_set(to, at + i, active, n_active);
    }
    memcpy(to->pre + a * w, from->pre + b * w, rows * w * sizeof(float));
    memcpy(to->act + a * w, from->act + b * w, rows * w * sizeof(float));
}

struct kept { /* the line as it will be */
    struct line_tokens *tokens;
    struct sequences seq;
    double *sq, *sse;
    struct window *window;
    int32_t n_windows;
};

static void keep_results(struct session *s, struct line *l, struct kept *k)
{
    struct line_latents *latents = NULL;
    struct line_losses *loss[N_TRACKS] = {0};
    if (l->latents) {
        latents = line_latents_new(k->tokens->n, l->latents->n_watch);
        latents->dict = l->latents->dict;
        memcpy(latents->watch, l->latents->watch,
               (size_t)latents->n_watch * sizeof *latents->watch);
    }
    for (int t = 0; t < N_TRACKS; t++)
        if (l->loss[t] && (t == TRACK_PLAIN || l->loss[t]->key == l->key[t]))
            loss[t] = line_losses_new(k->tokens->n, l->loss[t]->key);
    for (int32_t i = 0; i < k->n_windows && i < l->n_windows; i++) {
        struct window *old = &l->window[i], *new = &k->window[i];
        keep_window(s, old, new, same_ids(l, old, k->seq.ids, new));
        size_t rows = (size_t) new->front_done;
        if (latents)
            keep_latents(latents, l->latents, new->first, old->first, new->front_done);
        memcpy(k->sq + new->first, l->sq + old->first, rows * sizeof *k->sq);
        memcpy(k->sse + new->first, l->sse + old->first, rows * sizeof *k->sse);
        for (int t = 0; t < N_TRACKS; t++) {
            if (!loss[t])
                new->loss_done[t] = 0;
            else
                memcpy(loss[t]->loss + new->first, l->loss[t]->loss + old->first,
                       (size_t) new->loss_done[t] * sizeof(float));
        }
    }
    line_latents_unref(l->latents);
    l->latents = latents;
    for (int t = 0; t < N_TRACKS; t++) {
        line_losses_unref(l->loss[t]);
        l->loss[t] = loss[t];
    }
}

void line_code(struct session *s, struct line *l)
{
    if (line_is_coded(s, l))
        return;
    if (!l->coded_valid || l->coded_special != s->wish.special)
        encode(s, l);
    if (l->further)
        line_forget(s, l, true);
    l->coded_valid = true;
    l->coded_bos = s->wish.bos;
    l->coded_special = s->wish.special;
    struct kept k = {.sq = NULL};
    lane_sequences(&k.seq, l->raw, (int32_t)l->n_raw, s->cut);
    k.tokens = lay_out(l, &k.seq);
    size_t n = (size_t)k.tokens->n;
    k.n_windows = k.tokens->n_windows;
    k.sq = xcalloc(n + 1, sizeof *k.sq);
    k.sse = xcalloc(n + 1, sizeof *k.sse);
    k.window = xcalloc((size_t)k.n_windows, sizeof *k.window);
    for (int32_t i = 0; i < k.n_windows; i++) {
        k.window[i].first = k.tokens->window_start[i];
        k.window[i].n = k.tokens->window_start[i + 1] - k.window[i].first;
    }
    keep_results(s, l, &k);
    windows_free(s, l->window, l->n_windows);
    line_tokens_unref(l->tokens);
    sequences_release(&l->seq);
    free(l->sq);
    free(l->sse);
    l->tokens = k.tokens, l->seq = k.seq, l->sq = k.sq, l->sse = k.sse;
    l->window = k.window, l->n_windows = k.n_windows;
    l->version = ++s->versions;
}

/* ---- how far it is */
bool line_front_done(const struct line *l)
{
    if (!l->coded_valid)
        return false;
    for (int32_t i = 0; i < l->n_windows; i++)
        if (l->window[i].front_done < l->window[i].n)
            return false;
    return true;
}

bool line_watch_is(const struct session *s, const struct line *l)
{
    const struct line_latents *p = l->latents;
    return !p || (p->n_watch == s->n_watch &&
                  memcmp(p->watch, s->watch, (size_t)s->n_watch * sizeof *p->watch) == 0);
}

bool line_track_done(const struct session *s, const struct line *l, enum track t)
{
    if (!l->coded_valid || (t != TRACK_PLAIN && l->key[t] != s->key[t]))
        return false;
    for (int32_t i = 0; i < l->n_windows; i++)
        if (l->window[i].loss_done[t] < l->window[i].n)
            return false;
    return true;
}

void line_sync(const struct session *s, struct line *l, enum track t)
{
    if (l->key[t] == s->key[t])
        return;
    l->key[t] = s->key[t];
    for (int32_t i = 0; i < l->n_windows; i++) {
        struct window *w = &l->window[i];
        w->loss_done[t] = 0;
        if (w->rows)
            w->rows->back_rows[t] = w->rows->back_kv[t] = 0;
    }
}

void line_loss_sum(const struct line *l, enum track t, double *sum, int64_t *count)
{
    const struct line_losses *p = l->loss[t];
    for (int32_t i = 0; p && i < p->n; i++)
        if (!isnan(p->loss[i])) {
            *sum += (double)p->loss[i];
            ++*count;
        }
}

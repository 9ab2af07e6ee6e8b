/* The immutable parts that snapshots share: each has a reference count.
 *
 * Only the worker makes references (a snapshot takes its own while the worker builds it), so a part
 * whose count is one is the worker's alone and may be written in place; otherwise it is cloned
 * first. */
#include "engine/base/memory.h"
#include "engine/session/session_private.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct line_tokens *line_tokens_new(int32_t n, int32_t n_windows)
{
    size_t tokens = (size_t)n * sizeof(struct token),
           windows = ((size_t)n_windows + 1) * sizeof(int32_t);
    struct line_tokens *p = xcalloc(1, sizeof *p + tokens + windows);
    atomic_init(&p->refs, 1);
    p->n = n;
    p->n_windows = n_windows;
    p->token = (struct token *)(p + 1);
    p->window_start = (int32_t *)(p->token + n);
    return p;
}

static void latents_lay(struct line_latents *p)
{
    size_t rows = (size_t)p->n;
    p->list = (struct latent_list *)(p + 1);
    p->watch = (struct unit_id *)(p->list + rows);
    p->pre = (float *)(p->watch + p->n_watch);
    p->act = p->pre + rows * (size_t)p->n_watch;
}

static size_t latents_size(int32_t n, int32_t n_watch)
{
    size_t rows = (size_t)n, cells = 2 * rows * (size_t)n_watch;
    return sizeof(struct line_latents) + rows * sizeof(struct latent_list) + cells * sizeof(float) +
           (size_t)n_watch * sizeof(struct unit_id);
}

struct line_latents *line_latents_new(int32_t n, int32_t n_watch)
{
    struct line_latents *p = xcalloc(1, latents_size(n, n_watch));
    atomic_init(&p->refs, 1);
    p->n = n, p->n_watch = n_watch;
    latents_lay(p);
    for (size_t i = 0; i < (size_t)n * (size_t)n_watch; i++)
        p->pre[i] = NAN;
    return p;
}

/* Lists that were replaced leave gaps: they go when they are more than what is in use. */
static void close_gaps(struct line_latents *p)
{
    if (p->n_active <= 2 * p->n_used + 1024)
        return;
    struct active_latent *all = xreallocarray(NULL, p->n_used + 1, sizeof *all);
    size_t at = 0;
    for (int32_t i = 0; i < p->n; i++) {
        struct latent_list *l = &p->list[i];
        if (l->n > 0)
            memcpy(all + at, p->active + l->at, (size_t)l->n * sizeof *all);
        l->at = (int32_t)at;
        at += (size_t)l->n;
    }
    free(p->active);
    p->active = all;
    p->n_active = at, p->cap_active = p->n_used + 1;
}

void line_latents_set(struct line_latents *p, int32_t token, const struct active_latent *active,
                      int32_t n)
{
    p->n_used -= (size_t)p->list[token].n;
    p->list[token] = (struct latent_list){0};
    close_gaps(p);
    p->active = grow(p->active, &p->cap_active, p->n_active + (size_t)n, sizeof *p->active);
    if (n > 0)
        memcpy(p->active + p->n_active, active, (size_t)n * sizeof *active);
    p->list[token] = (struct latent_list){(int32_t)p->n_active, n};
    p->n_active += (size_t)n;
    p->n_used += (size_t)n;
}

struct line_losses *line_losses_new(int32_t n, uint64_t key)
{
    struct line_losses *p = xmalloc(sizeof *p + (size_t)n * sizeof(float));
    *p = (struct line_losses){.key = key, .n = n, .loss = (float *)(p + 1)};
    atomic_init(&p->refs, 1);
    for (int32_t i = 0; i < n; i++)
        p->loss[i] = NAN;
    return p;
}

void line_tokens_unref(struct line_tokens *p)
{
    if (p && atomic_fetch_sub(&p->refs, 1) == 1)
        free(p);
}

void line_latents_unref(struct line_latents *p)
{
    if (!p || atomic_fetch_sub(&p->refs, 1) != 1)
        return;
    free(p->active);
    free(p);
}

void line_losses_unref(struct line_losses *p)
{
    if (p && atomic_fetch_sub(&p->refs, 1) == 1)
        free(p);
}

void line_latents_own(struct line_latents **part)
{
    struct line_latents *p = *part;
    if (atomic_load(&p->refs) == 1)
        return;
    struct line_latents *q = line_latents_new(p->n, p->n_watch);
    q->dict = p->dict, q->sse = p->sse, q->sum_sq = p->sum_sq, q->complete = p->complete;
    memcpy(q + 1, p + 1, latents_size(p->n, p->n_watch) - sizeof *p);
    q->active = grow(NULL, &q->cap_active, p->n_active + 1, sizeof *q->active);
    if (p->n_active > 0)
        memcpy(q->active, p->active, p->n_active * sizeof *q->active);
    q->n_active = p->n_active, q->n_used = p->n_used;
    line_latents_unref(p);
    *part = q;
}

void line_losses_own(struct line_losses **part)
{
    struct line_losses *p = *part;
    if (atomic_load(&p->refs) == 1)
        return;
    struct line_losses *q = line_losses_new(p->n, p->key);
    q->complete = p->complete;
    memcpy(q->loss, p->loss, (size_t)p->n * sizeof *q->loss);
    line_losses_unref(p);
    *part = q;
}

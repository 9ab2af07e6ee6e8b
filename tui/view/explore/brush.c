#include "tui/view/explore/brush.h"
#include "engine/base/memory.h"
#include <stdlib.h>
#include <string.h>

struct tally { /* of one latent */
    int32_t latent, inside, rest;
    float sum;
};
struct tallies {
    struct tally *t; /* open addressing; latent −1: free */
    size_t n, cap;   /* cap a power of two */
};

static struct tally *slot(struct tallies *a, int32_t latent)
{
    size_t i = (size_t)(uint32_t)latent * 2654435761u & (a->cap - 1);
    while (a->t[i].latent >= 0 && a->t[i].latent != latent)
        i = (i + 1) & (a->cap - 1);
    return &a->t[i];
}

static void clear(struct tallies *a, size_t cap)
{
    a->cap = cap;
    a->n = 0;
    a->t = xmalloc(cap * sizeof *a->t);
    for (size_t i = 0; i < cap; i++)
        a->t[i] = (struct tally){.latent = -1};
}

static struct tally *tally(struct tallies *a, int32_t latent)
{
    if (2 * (a->n + 1) > a->cap) {
        struct tallies larger;
        clear(&larger, a->cap * 2);
        for (size_t i = 0; i < a->cap; i++)
            if (a->t[i].latent >= 0) {
                *slot(&larger, a->t[i].latent) = a->t[i];
                larger.n++;
            }
        free(a->t);
        *a = larger;
    }
    struct tally *t = slot(a, latent);
    if (t->latent < 0) {
        t->latent = latent;
        a->n++;
    }
    return t;
}

static void count_token(struct tallies *a, const struct line_latents *l, int32_t i, bool inside)
{
    const struct active_latent *active;
    int32_t n = latents_of_token(l, i, &active);
    for (int32_t k = 0; k < n; k++) {
        struct tally *t = tally(a, active[k].id);
        t->inside += inside;
        t->rest += !inside;
        t->sum += inside ? active[k].value : 0;
    }
}

static void count(struct brush *b, struct tallies *a, const struct snapshot *s)
{
    for (int32_t n = 0; n < s->n_lines; n++) {
        const struct line_view *v = &s->line[n];
        for (int32_t i = 0; v->tokens && v->latents && i < v->tokens->n && i < v->latents->n; i++) {
            const struct token *t = &v->tokens->token[i];
            size_t start = v->start + (size_t)t->start, end = v->start + (size_t)t->end;
            bool inside = start < b->to && end > b->from;
            if (start == end)
                continue; /* BOS */
            b->n_inside += inside;
            b->n_rest += !inside;
            b->dict = v->latents->dict;
            count_token(a, v->latents, i, inside);
        }
    }
}

static int by_difference(const void *a, const void *b)
{
    const struct brush_row *x = a, *y = b;
    float dx = x->inside - x->rest, dy = y->inside - y->rest;
    if (dx > dy || dx < dy)
        return dx > dy ? -1 : 1;
    if (x->value > y->value || x->value < y->value)
        return x->value > y->value ? -1 : 1;
    return (x->latent > y->latent) - (x->latent < y->latent);
}

static void rank(struct brush *b, const struct tallies *a)
{
    struct brush_row *row = xcalloc(a->n + 1, sizeof *row);
    int32_t n = 0;
    for (size_t i = 0; i < a->cap; i++) {
        const struct tally *t = &a->t[i];
        if (t->latent < 0 || t->inside == 0)
            continue;
        row[n++] = (struct brush_row){t->latent, (float)t->inside / (float)b->n_inside,
                                      b->n_rest > 0 ? (float)t->rest / (float)b->n_rest : 0,
                                      t->sum / (float)t->inside};
    }
    qsort(row, (size_t)n, sizeof *row, by_difference);
    b->n = n < BRUSH_ROWS ? n : BRUSH_ROWS;
    memcpy(b->row, row, (size_t)b->n * sizeof *row);
    free(row);
}

bool brush_update(struct brush *b, const struct snapshot *s, size_t from, size_t to)
{
    if (b->of == s && b->from == from && b->to == to)
        return false;
    struct tallies a;
    *b = (struct brush){.of = s, .from = from, .to = to};
    if (!s || from >= to)
        return true;
    clear(&a, 1024);
    count(b, &a, s);
    if (b->n_inside > 0)
        rank(b, &a);
    free(a.t);
    return true;
}

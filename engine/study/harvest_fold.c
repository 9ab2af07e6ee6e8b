/* Best examples and samples of the others: what stays is independent of order. */
#include "engine/base/memory.h"
#include "engine/base/rng.h"
#include "engine/study/harvest_private.h"
#include <stdlib.h>
#include <string.h>

enum { PAGE = 256 }; /* cells */
#define SAMPLE_KEY UINT64_C(0x6578616d706c6573)

void pool_init(struct example_pool *p, int32_t m, int32_t n_classes)
{
    *p = (struct example_pool){.m = m, .n_classes = n_classes};
    p->slot = xcalloc((size_t)m * (size_t)n_classes, sizeof *p->slot);
}

void pool_release(struct example_pool *p)
{
    for (size_t i = 0; i < p->n_pages; i++)
        free(p->page[i]);
    free(p->page);
    free(p->slot);
    *p = (struct example_pool){0};
}

struct examples *pool_index(const struct example_pool *p, uint32_t i)
{
    return &p->page[i / PAGE][i % PAGE];
}

void pool_clear(struct example_pool *p)
{
    for (uint32_t i = 0; i < p->n; i++)
        p->slot[pool_index(p, i)->cell] = 0;
    p->n = 0;
}

struct examples *pool_find(const struct example_pool *p, uint32_t cell)
{
    return p->slot[cell] ? pool_index(p, p->slot[cell] - 1) : NULL;
}

struct examples *pool_take(struct example_pool *p, uint32_t cell)
{
    if (p->slot[cell])
        return pool_index(p, p->slot[cell] - 1);
    if (p->n == p->n_pages * PAGE) {
        p->page = grow(p->page, &p->cap_pages, p->n_pages + 1, sizeof(void *));
        p->page[p->n_pages++] = xreallocarray(NULL, PAGE, sizeof **p->page);
    }
    struct examples *x = pool_index(p, p->n);
    p->slot[cell] = ++p->n;
    x->cell = cell;
    x->n_top = x->n_sample = 0;
    x->fired = 0;
    x->last_hash = 0;
    levels_clear(&x->levels);
    return x;
}

/* ---- one token more */
static uint64_t hash_of(int32_t latent, struct example x)
{
    return rng_at(rng_at(SAMPLE_KEY + (uint64_t)latent, (uint64_t)x.doc), (uint64_t)x.pos);
}

static int order_of(struct example a, struct example b)
{
    return a.doc != b.doc ? (a.doc > b.doc) - (a.doc < b.doc) : (a.pos > b.pos) - (a.pos < b.pos);
}

bool example_better(struct example a, struct example b)
{
    return a.value > b.value || (a.value >= b.value && order_of(a, b) < 0);
}

static void add_top(struct examples *x, struct example new)
{
    uint16_t at = x->n_top;
    if (at == HARVEST_TOP) {
        if (!example_better(new, x->top[--at]))
            return;
    } else {
        x->n_top++;
    }
    for (; at > 0 && example_better(new, x->top[at - 1]); at--)
        x->top[at] = x->top[at - 1];
    x->top[at] = new;
}

static bool earlier(uint64_t hash, struct example new, uint64_t other_hash, struct example other)
{
    return hash < other_hash || (hash == other_hash && order_of(new, other) < 0);
}

static void add_sample(struct examples *x, int32_t latent, struct example new)
{
    uint64_t hash = hash_of(latent, new);
    uint16_t at = x->n_sample;
    if (at == HARVEST_TOP) {
        if (!earlier(hash, new, x->last_hash, x->sample[--at]))
            return;
    } else {
        x->n_sample++;
    }
    for (; at > 0; at--) {
        struct example other = x->sample[at - 1];
        if (!earlier(hash, new, hash_of(latent, other), other))
            break;
        x->sample[at] = other;
    }
    x->sample[at] = new;
    x->last_hash = hash_of(latent, x->sample[x->n_sample - 1]);
}

void examples_add(struct examples *x, int32_t latent, struct example new)
{
    add_top(x, new);
    add_sample(x, latent, new);
    levels_add(&x->levels, new.value);
}

void pool_fold(struct example_pool *p, const struct example_pool *from)
{
    for (uint32_t i = 0; i < from->n; i++) {
        const struct examples *x = pool_index(from, i);
        struct examples *to = pool_take(p, x->cell);
        int32_t latent = (int32_t)(x->cell / (uint32_t)p->n_classes);
        to->fired += x->fired;
        levels_fold(&to->levels, &x->levels);
        for (uint16_t k = 0; k < x->n_top; k++)
            add_top(to, x->top[k]);
        for (uint16_t k = 0; k < x->n_sample; k++)
            add_sample(to, latent, x->sample[k]);
    }
}

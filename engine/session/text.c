/* From one text to the next: which lines stay, move, change. */
#include "engine/base/hash.h"
#include "engine/base/memory.h"
#include "engine/device.h"
#include "engine/session/session_private.h"
#include <stdlib.h>
#include <string.h>

static struct span *split(const char *text, size_t n, bool join, int32_t *n_out)
{
    size_t cap = 0, count = 0, at = 0;
    struct span *span = NULL, next;
    while (count < INT32_MAX && line_next(text, n, join, &at, &next.start, &next.end)) {
        span = grow(span, &cap, count + 1, sizeof *span);
        span[count++] = next;
    }
    *n_out = (int32_t)count;
    return span;
}

static bool line_is(const struct line *l, const char *text, struct span at)
{
    return l->n_text == at.end - at.start && memcmp(l->text, text + at.start, l->n_text) == 0;
}

/* ---- lines that are free to be taken again, found by content */
struct pool {
    struct line **line; /* NULL: taken */
    int32_t n;
    int32_t *slot; /* open addressing by hash; −1: empty */
    size_t mask;
};

static void pool_index(struct pool *p)
{
    size_t size = 16;
    while (size < (size_t)p->n * 2)
        size *= 2;
    p->mask = size - 1;
    p->slot = xmalloc(size * sizeof *p->slot);
    memset(p->slot, 0xff, size * sizeof *p->slot);
    for (int32_t i = 0; i < p->n; i++) {
        size_t at = (size_t)p->line[i]->hash & p->mask;
        while (p->slot[at] >= 0)
            at = (at + 1) & p->mask;
        p->slot[at] = i;
    }
}

static struct line *pool_take(struct pool *p, const char *text, struct span span)
{
    uint64_t hash = hash_bytes(HASH_SEED, text + span.start, span.end - span.start);
    for (size_t at = (size_t)hash & p->mask; p->slot[at] >= 0; at = (at + 1) & p->mask) {
        int32_t i = p->slot[at];
        struct line *l = p->line[i];
        if (l && l->hash == hash && line_is(l, text, span)) {
            p->line[i] = NULL;
            return l;
        }
    }
    return NULL;
}

static size_t common_prefix(const char *a, size_t na, const char *b, size_t nb)
{
    size_t n = na < nb ? na : nb, i = 0;
    while (i < n && a[i] == b[i])
        i++;
    return i;
}

/* The free line that begins most like the new one: it was edited into it, so its first rows can
 * stay. With `any` also one that begins otherwise: its memory can be used again. */
static struct line *pool_take_edited(struct pool *p, int32_t n_old, const char *text,
                                     struct span span, bool any)
{
    enum { TRIES = 32 };
    int32_t best = -1, tried = 0;
    size_t most = 0;
    for (int32_t i = 0; i < n_old && tried < TRIES; i++) {
        if (!p->line[i])
            continue;
        tried++;
        size_t n = common_prefix(p->line[i]->text, p->line[i]->n_text, text + span.start,
                                 span.end - span.start);
        if (n > most || (any && best < 0))
            most = n, best = i;
    }
    if (best < 0)
        return NULL;
    struct line *l = p->line[best];
    p->line[best] = NULL;
    line_edit(l, text + span.start, span.end - span.start);
    return l;
}

static void forget_oldest(struct session *s)
{
    s->retired_bytes -= s->retired[0]->n_text;
    line_free(s, s->retired[0]);
    memmove(s->retired, s->retired + 1, (size_t)--s->n_retired * sizeof(void *));
}

static void retire(struct session *s, struct line *l)
{
    if (l->n_text == 0 || l->n_text > RETIRED_BYTES) {
        line_free(s, l);
        return;
    }
    while (s->n_retired == RETIRED_MAX ||
           (s->n_retired > 0 && s->retired_bytes + l->n_text > RETIRED_BYTES))
        forget_oldest(s);
    s->retired_bytes += l->n_text;
    s->retired[s->n_retired++] = l;
}

/* Fills new[first … last) from the old lines [first, old_last) and the retired ones. */
static void match_middle(struct session *s, struct line **new, int32_t first, int32_t last,
                         int32_t old_last, const char *text, const struct span *span)
{
    int32_t n_old = old_last - first;
    struct pool p = {.n = n_old + s->n_retired};
    p.line = xmalloc(((size_t)p.n + 1) * sizeof(void *));
    if (n_old > 0)
        memcpy(p.line, s->line + first, (size_t)n_old * sizeof(void *));
    memcpy(p.line + n_old, s->retired, (size_t)s->n_retired * sizeof(void *));
    pool_index(&p);
    for (int32_t i = first; i < last; i++)
        new[i] = pool_take(&p, text, span[i]);
    for (int any = 0; any < 2; any++)
        for (int32_t i = first; i < last; i++)
            if (!new[i])
                new[i] = pool_take_edited(&p, n_old, text, span[i], any);
    for (int32_t i = first; i < last; i++)
        if (!new[i])
            new[i] = line_new(text + span[i].start, span[i].end - span[i].start);
    int32_t kept = 0;
    s->retired_bytes = 0;
    for (int32_t i = n_old; i < p.n; i++)
        if (p.line[i]) {
            s->retired_bytes += p.line[i]->n_text;
            s->retired[kept++] = p.line[i];
        }
    s->n_retired = kept;
    for (int32_t i = 0; i < n_old; i++)
        if (p.line[i])
            retire(s, p.line[i]);
    free(p.line);
    free(p.slot);
}

void text_set(struct session *s, const char *text, size_t n, bool join)
{
    int32_t n_new;
    struct span *span = split(text, n, join, &n_new);
    int32_t shorter = n_new < s->n_lines ? n_new : s->n_lines, head = 0, tail = 0;
    while (head < shorter && line_is(s->line[head], text, span[head]))
        head++;
    while (tail < shorter - head &&
           line_is(s->line[s->n_lines - 1 - tail], text, span[n_new - 1 - tail]))
        tail++;
    struct line **new = xcalloc((size_t)n_new, sizeof(void *));
    if (head > 0)
        memcpy(new, s->line, (size_t)head * sizeof(void *));
    if (tail > 0)
        memcpy(new + n_new - tail, s->line + s->n_lines - tail, (size_t)tail * sizeof(void *));
    match_middle(s, new, head, n_new - tail, s->n_lines - tail, text, span);
    free(s->line);
    free(s->span);
    s->line = new;
    s->span = span;
    s->n_lines = n_new;
    free(s->text);
    s->text = xmalloc(n + 1);
    memcpy(s->text, text, n);
    s->text[n] = '\0';
    s->wish.text = s->text;
    s->wish.n_text = n;
}

void text_clear(struct session *s)
{
    for (int32_t i = 0; i < s->n_lines; i++)
        line_free(s, s->line[i]);
    for (int32_t i = 0; i < s->n_retired; i++)
        line_free(s, s->retired[i]);
    free(s->line);
    free(s->span);
    free(s->text);
    s->line = NULL, s->span = NULL, s->text = NULL;
    s->n_lines = s->n_retired = 0;
}

void text_forget(struct session *s, bool codes)
{
    for (int32_t i = 0; i < s->n_lines; i++)
        line_forget(s, s->line[i], codes);
    for (int32_t i = 0; i < s->n_retired; i++)
        line_forget(s, s->retired[i], codes);
}

int32_t text_line_at(const struct session *s, int32_t rank)
{
    int32_t c = s->cursor_line, above = c, below = s->n_lines - 1 - c;
    int32_t both = above < below ? above : below;
    if (rank <= 2 * both)
        return rank % 2 ? c + (rank + 1) / 2 : c - rank / 2;
    return below > above ? c + rank - both : c - (rank - both);
}

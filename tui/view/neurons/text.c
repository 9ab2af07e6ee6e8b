/* The line that is typed, with the unit on and off: what the worker has of it. */
#include "engine/base/memory.h"
#include "engine/study/position.h"
#include "tui/view/neurons/neurons_private.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *neurons_line(const struct view_in *in, size_t *n, size_t *cursor)
{
    const struct editor *ed = in->shared ? &in->shared->editor : NULL;
    const char *s = ed ? ed->text.s : "";
    size_t from = ed ? ed->cursor : 0, to = from, end = ed ? ed->text.n : 0;
    while (from > 0 && s[from - 1] != '\n')
        from--;
    while (to < end && s[to] != '\n')
        to++;
    *n = to - from;
    *cursor = ed ? ed->cursor - from : 0;
    return s + from;
}

const struct pair_view *neurons_pair(const struct neurons *v, const struct view_in *in)
{
    const struct snapshot *s = in->shared ? in->shared->snapshot : NULL;
    return s && s->pair.of.wanted && unit_same(s->pair.of.unit, v->unit) ? &s->pair : NULL;
}

static bool both(const struct pair_view *p, int32_t token)
{
    for (int i = 0; i < 2; i++)
        if (!p->loss[i] || p->loss[i]->key != p->key[i] || token >= p->loss[i]->n ||
            isnan(p->loss[i]->loss[token]))
            return false;
    return true;
}

int32_t neurons_losses(const struct pair_view *p, double mean[2])
{
    int32_t n = 0;
    mean[0] = mean[1] = 0;
    for (int32_t t = 0; p && p->loss[0] && t < p->loss[0]->n; t++)
        if (both(p, t)) {
            for (int i = 0; i < 2; i++)
                mean[i] += (double)p->loss[i]->loss[t];
            n++;
        }
    for (int i = 0; i < 2; i++)
        mean[i] = n > 0 ? mean[i] / n : NAN;
    return n;
}

size_t neurons_lost(const struct view_in *in, const struct pair_view *p, size_t at, int32_t *token,
                    double *lost)
{
    const struct shared *sh = in->shared;
    const struct line_view *l = p ? &sh->snapshot->line[p->line] : NULL;
    *lost = NAN;
    for (; l && l->tokens && *token < l->tokens->n; ++*token) {
        const struct token *t = &l->tokens->token[*token];
        size_t from, to;
        if (t->end <= t->start || !map_to_new(&sh->map, l->start + (size_t)t->start,
                                              l->start + (size_t)t->end, &from, &to))
            continue;
        if (at < from)
            return from;
        if (at >= to)
            continue;
        if (both(p, *token))
            *lost = (double)p->loss[1]->loss[*token] - (double)p->loss[0]->loss[*token];
        return to;
    }
    return SIZE_MAX;
}

/* ---- taken home */
static const struct tokenizer *tokenizer_of(const struct view_in *in)
{
    return in->workbench ? in->workbench->tokenizer : NULL;
}

struct table *neurons_text_table(const struct neurons *v, const struct view_in *in)
{
    const struct pair_view *p = neurons_pair(v, in);
    const struct line_view *l = p ? &in->shared->snapshot->line[p->line] : NULL;
    if (!l || !l->tokens || !p->loss[0] || !p->loss[1] || !tokenizer_of(in))
        return NULL;
    const int32_t n = l->tokens->n;
    const bool bos = n > 0 && l->tokens->token[0].end == l->tokens->token[0].start;
    float *none = xcalloc((size_t)n + 1, sizeof *none);
    for (int32_t i = 0; i < n; i++)
        none[i] = NAN;
    const float *a = p->loss[0]->n == n ? p->loss[0]->loss : none,
                *b = p->loss[1]->n == n ? p->loss[1]->loss : none;
    struct table *t =
        position_tokens(tokenizer_of(in), l->tokens->token + bos, n - bos, bos, a + bos, b + bos);
    free(none);
    return t;
}

struct table *neurons_list_table(const struct neurons *v, const struct view_in *in)
{
    const struct pair_view *p = &v->listed;
    return p->listed && tokenizer_of(in) ? position_rows(tokenizer_of(in), p->token, p->top, p->n)
                                         : NULL;
}

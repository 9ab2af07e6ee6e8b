#include "engine/lane/sequences.h"
#include "engine/base/memory.h"
#include <stdlib.h>
#include <string.h>

bool line_next(const char *text, size_t n, bool join, size_t *at, size_t *start, size_t *end)
{
    if (*at > n)
        return false;
    const char *nl = join || *at == n ? NULL : memchr(text + *at, '\n', n - *at);
    *start = *at;
    *end = nl ? (size_t)(nl - text) : n;
    *at = nl ? *end + 1 : n + 1;
    if (nl && *end > *start && text[*end - 1] == '\r')
        --*end;
    return true;
}

size_t text_without_end(const char *text, size_t n)
{
    if (n == 0 || text[n - 1] != '\n')
        return n;
    return n > 1 && text[n - 2] == '\r' ? n - 2 : n - 1;
}

int32_t config_bos(const struct model_config *c, const struct tokenizer *t)
{
    return c->bos_id >= 0 ? c->bos_id : c->bos_id == BOS_OUTSIDE ? -1 : tokenizer_eot(t);
}

bool config_bos_check(const struct model_config *c, const char *dir, struct error *e)
{
    return c->bos_id != BOS_OUTSIDE ||
           error_set(e, ERROR_INPUT,
                     "%s/config.json: bos_token_id is outside the vocabulary, expected an id below "
                     "vocab_size %d; --no-bos goes without",
                     dir, c->n_vocab);
}

struct cut model_cut(const struct model *m, const struct tokenizer *t, bool bos)
{
    const struct model_config *c = model_config(m);
    struct cut cut = {.context = c->n_ctx, .bos = -1};
    if (bos && c->n_ctx > 1)
        cut.bos = config_bos(c, t);
    return cut;
}

int32_t cut_room(struct cut cut)
{
    return cut.bos >= 0 ? cut.context - 1 : cut.context;
}

static void reserve(struct sequences *s, int32_t rows)
{
    size_t need = (size_t)s->n_rows + (size_t)rows;
    if (need > s->cap_rows) {
        size_t cap = need > 2 * s->cap_rows ? need : 2 * s->cap_rows;
        s->ids = xreallocarray(s->ids, cap, sizeof *s->ids);
        s->target = xreallocarray(s->target, cap, sizeof *s->target);
        s->pos = xreallocarray(s->pos, cap, sizeof *s->pos);
        s->cap_rows = cap;
    }
    s->start = grow(s->start, &s->cap_start, (size_t)s->n + 2, sizeof *s->start);
    s->start[s->n] = s->n_rows;
}

static void add_row(struct sequences *s, int32_t id, int32_t pos)
{
    if (s->n_rows > s->start[s->n])
        s->target[s->n_rows - 1] = id;
    s->ids[s->n_rows] = id;
    s->target[s->n_rows] = -1;
    s->pos[s->n_rows++] = pos;
}

int32_t lane_sequences(struct sequences *s, const struct token *token, int32_t n, struct cut cut)
{
    int32_t room = cut_room(cut), made = n > 0 ? (n - 1) / room + 1 : 1, at = 0;
    for (int32_t i = 0; i < made; i++) {
        int32_t end = n - at < room ? n : at + room;
        reserve(s, end - at + 1);
        if (cut.bos >= 0)
            add_row(s, cut.bos, -1);
        for (; at < end; at++)
            add_row(s, token[at].id, at);
        s->start[++s->n] = s->n_rows;
    }
    return made;
}

void sequences_add(struct sequences *s, const struct sequences *from, int32_t i)
{
    int32_t first = from->start[i], n = from->start[i + 1] - first;
    size_t bytes = (size_t)n * sizeof(int32_t);
    reserve(s, n);
    if (n > 0) {
        memcpy(s->ids + s->n_rows, from->ids + first, bytes);
        memcpy(s->target + s->n_rows, from->target + first, bytes);
        memcpy(s->pos + s->n_rows, from->pos + first, bytes);
    }
    s->n_rows += n;
    s->start[++s->n] = s->n_rows;
}

struct batch sequences_batch(const struct sequences *s)
{
    return (struct batch){
        .n_rows = s->n_rows, .ids = s->ids, .seqs = {.n = s->n, .start = s->start}};
}

int32_t sequences_losses(const struct sequences *s)
{
    int32_t n = 0;
    for (int32_t i = 0; i < s->n_rows; i++)
        n += s->target[i] >= 0;
    return n;
}

void sequences_clear(struct sequences *s)
{
    s->n = s->n_rows = 0;
}

void sequences_release(struct sequences *s)
{
    free(s->start);
    free(s->ids);
    free(s->target);
    free(s->pos);
    *s = (struct sequences){0};
}

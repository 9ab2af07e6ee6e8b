#include "tui/view/corpus/text.h"
#include "engine/base/memory.h"
#include "engine/text/utf8.h"
#include "tui/widget/wrap.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

/* A document of more bytes is shown up to there: a row of the screen never costs more. */
#define TEXT_MAX ((size_t)1 << 20)

/* ---- the index */
static void find_columns(struct corpus_index *x, const struct dict_set *dicts,
                         const struct unit_id *unit, int32_t n_units)
{
    x->col_class = column_text(x->tokens, "class");
    x->col_doc = column_number(x->tokens, "doc");
    x->col_pos = column_number(x->tokens, "pos");
    x->col_start = column_number(x->tokens, "start");
    x->col_end = column_number(x->tokens, "end");
    x->col_text = column_text(x->tokens, "text");
    for (int32_t i = 0; i < n_units && x->n_units < UNITS_MAX; i++) {
        char own[UNIT_NAME_MAX], name[UNIT_NAME_MAX + 4];
        unit_name(dicts, unit[i], own);
        snprintf(name, sizeof name, "pre.%s", own);
        int32_t pre = column_number(x->tokens, name);
        snprintf(name, sizeof name, "act.%s", own);
        int32_t act = column_number(x->tokens, name);
        if (pre < 0 && act < 0)
            continue;
        x->unit[x->n_units] = unit[i];
        x->col_pre[x->n_units] = pre;
        x->col_act[x->n_units++] = act;
    }
}

static int class_of(struct corpus_index *x, int64_t row, int guess)
{
    const char *s = column_str(x->tokens, row, x->col_class);
    if (guess >= 0 && strcmp(x->classes.name[guess], s) == 0)
        return guess;
    int found = names_find(&x->classes, s);
    if (found < 0 && *s && x->classes.n < CORPUS_MAX_CLASSES) {
        found = x->classes.n;
        x->classes.name[x->classes.n++] = s;
    }
    return found;
}

/* Documents of several files can have the same number: their tokens are counted anew. */
static bool begins_doc(const struct corpus_index *x, int64_t row,
                       const struct corpus_doc_rows *last)
{
    return !last || last->number != table_i64(x->tokens, row, x->col_doc) || last->n == INT32_MAX ||
           (x->col_pos >= 0 &&
            table_i64(x->tokens, row, x->col_pos) <= table_i64(x->tokens, row - 1, x->col_pos));
}

static void index_docs(struct corpus_index *x)
{
    size_t cap = 0;
    int64_t largest = 0;
    for (int64_t i = 0; x->col_doc >= 0 && i < x->tokens->n_rows; i++) {
        int64_t number = table_i64(x->tokens, i, x->col_doc);
        struct corpus_doc_rows *last = x->n_docs > 0 ? &x->doc[x->n_docs - 1] : NULL;
        if (begins_doc(x, i, last)) {
            int cls = class_of(x, i, last ? last->cls : -1);
            x->doc = grow(x->doc, &cap, (size_t)x->n_docs + 1, sizeof *x->doc);
            last = &x->doc[x->n_docs++];
            *last = (struct corpus_doc_rows){.first = i, .number = number, .cls = cls};
        }
        last->n++;
        largest = number > largest ? number : largest;
    }
    for (x->digits = 1; largest >= 10; largest /= 10)
        x->digits++;
}

static void measure(struct corpus_extent *e, double pre, bool active)
{
    e->min = pre < e->min ? pre : e->min;
    e->max = pre > e->max ? pre : e->max;
    e->active += active;
}

static void measure_all(struct corpus_index *x)
{
    for (int64_t d = 0; d < x->n_docs; d++) {
        const struct corpus_doc_rows *doc = &x->doc[d];
        if (doc->cls < 0)
            continue;
        x->class_tokens[doc->cls] += doc->n;
        for (int64_t row = doc->first; row < doc->first + doc->n; row++)
            for (int s = 0; s <= x->n_units; s++)
                measure(&x->extent[doc->cls][s], corpus_pre(x, row, s),
                        corpus_active(x, row, s) > 0);
    }
}

void corpus_index_make(struct corpus_index *x, const struct table *tokens,
                       const struct dict_set *dicts, const struct unit_id *unit, int32_t n_units)
{
    *x = (struct corpus_index){.tokens = tokens};
    if (!tokens)
        return;
    find_columns(x, dicts, unit, n_units);
    index_docs(x);
    x->extent = xcalloc(CORPUS_MAX_CLASSES, sizeof *x->extent);
    measure_all(x);
}

void corpus_index_release(struct corpus_index *x)
{
    free(x->doc);
    free(x->extent);
    *x = (struct corpus_index){0};
}

static bool is_active(double act)
{
    return act < 0 || act > 0;
}

double corpus_pre(const struct corpus_index *x, int64_t row, int subject)
{
    if (subject > 0)
        return subject <= x->n_units ? column_f64(x->tokens, row, x->col_pre[subject - 1])
                                     : (double)NAN;
    double largest = NAN;
    for (int32_t u = 0; u < x->n_units; u++) {
        double v = column_f64(x->tokens, row, x->col_pre[u]);
        if (!(v <= largest) && !isnan(v))
            largest = v;
    }
    return largest;
}

int corpus_active(const struct corpus_index *x, int64_t row, int subject)
{
    int n = 0;
    for (int32_t u = 0; u < x->n_units; u++)
        if (subject == 0 || subject == u + 1)
            n += is_active(column_f64(x->tokens, row, x->col_act[u]));
    return n;
}

/* ---- the text of a document */
static int64_t offset(const struct corpus_index *x, int64_t row, int32_t col)
{
    return col >= 0 ? table_i64(x->tokens, row, col) : 0;
}

/* What of a token's bytes is new: tokens may share bytes, then the text has them once. */
static void add_token(const struct corpus_index *x, int64_t row, int64_t *at, size_t *cap,
                      struct corpus_text *t, struct corpus_token *token)
{
    const char *s = column_str(x->tokens, row, x->col_text);
    int64_t start = offset(x, row, x->col_start), end = offset(x, row, x->col_end);
    size_t n = strlen(s), skip = 0;
    if (start > *at && t->n > 0 && t->n < TEXT_MAX) { /* bytes that no token stands for */
        t->s = grow(t->s, cap, t->n + 2, 1);
        t->s[t->n++] = ' ';
    }
    if (start < *at && start >= 0)
        skip = (uint64_t)(*at - start) < n ? (size_t)(*at - start) : n;
    token->start = t->n - (skip < t->n ? skip : t->n);
    n = n - skip < TEXT_MAX - t->n ? n - skip : TEXT_MAX - t->n;
    t->s = grow(t->s, cap, t->n + n + 1, 1);
    memcpy(t->s + t->n, s + skip, n);
    t->n += n;
    token->end = t->n;
    *at = end > *at ? end : *at;
}

void corpus_text_make(const struct corpus_index *x, int64_t doc, struct corpus_text *t)
{
    const struct corpus_doc_rows *d = &x->doc[doc];
    size_t cap = 0;
    int64_t at = 0;
    *t = (struct corpus_text){.n_tokens = d->n};
    t->token = xcalloc((size_t)d->n + 1, sizeof *t->token);
    t->s = grow(t->s, &cap, 1, 1);
    for (int32_t i = 0; i < d->n; i++)
        add_token(x, d->first + i, &at, &cap, t, &t->token[i]);
    t->s[t->n] = 0;
}

void corpus_text_release(struct corpus_text *t)
{
    free(t->s);
    free(t->token);
    *t = (struct corpus_text){0};
}

/* ---- finding */
static uint32_t folded(const char *s, size_t n, size_t *len)
{
    if ((unsigned char)*s < 0x80) {
        *len = 1;
        return (uint32_t)(*s >= 'A' && *s <= 'Z' ? *s + 32 : *s);
    }
    uint32_t c = utf8_decode(s, n, len, NULL);
    return (uint32_t)utf8proc_tolower((utf8proc_int32_t)c);
}

static bool matches(const struct corpus_text *t, size_t at, const char *words, size_t *end)
{
    size_t n = strlen(words), i = 0, a, b;
    for (; i < n; i += a, at += b)
        if (at >= t->n || folded(words + i, n - i, &a) != folded(t->s + at, t->n - at, &b))
            return false;
    *end = at;
    return true;
}

bool corpus_find(const struct corpus_text *t, const char *words, size_t from, size_t to, bool last,
                 size_t *start, size_t *end)
{
    bool found = false;
    size_t k;
    if (!*words)
        return false;
    for (size_t at = from; at < to && at < t->n; at += k) {
        size_t stop;
        folded(t->s + at, t->n - at, &k);
        if (!matches(t, at, words, &stop))
            continue;
        found = true;
        *start = at;
        *end = stop;
        if (!last)
            return true;
    }
    return found;
}

/* The unembedding row by row. */
#include "engine/study/vocabulary.h"
#include "engine/base/memory.h"
#include "engine/text/utf8.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

bool vocabulary_init(struct vocabulary *v, struct run *run, const struct study_in *in, bool norms)
{
    const int32_t n = tokenizer_n_vocab(in->tokenizer), d = model_config(in->model)->d_model;
    if (n < 1 || n > model_config(in->model)->n_vocab)
        return error_set(
            &run->err, ERROR_INPUT,
            "vocabulary: the tokenizer has %d tokens, expected 1 to %d as the model %s "
            "has",
            n, model_config(in->model)->n_vocab, model_dir(in->model));
    *v = (struct vocabulary){.n = n, .d = d, .mean = xcalloc((size_t)d, sizeof *v->mean)};
    v->norms = norms ? xcalloc(2 * (size_t)n, sizeof *v->norms) : NULL;
    const bool ok = model_tl_vocabulary(run, in->model, n, v->mean, v->norms);
    if (!ok)
        vocabulary_release(v);
    return ok;
}

void vocabulary_release(struct vocabulary *v)
{
    free(v->mean);
    free(v->norms);
    *v = (struct vocabulary){0};
}

/* ---- logits */
struct products {
    int32_t d;
    const double *w;
    double *out;
};

static void add_products(void *arg, int32_t first, int32_t n, const float *unembed,
                         const float *embed)
{
    const struct products *p = arg;
    (void)embed;
    for (int32_t i = 0; i < n; i++) {
        double sum = 0;
        for (int32_t k = 0; k < p->d; k++)
            sum += p->w[k] * (double)unembed[(size_t)i * (size_t)p->d + (size_t)k];
        p->out[first + i] = sum;
    }
}

bool vocabulary_logits(const struct vocabulary *v, struct run *run, const struct study_in *in,
                       const double *w, bool centred, double *out)
{
    struct products p = {v->d, w, out};
    double mean = 0;
    if (!model_each_row(run, in->model, &(struct model_rows){v->n, false, add_products, &p}))
        return false;
    for (int32_t k = 0; k < v->d && centred; k++)
        mean += w[k] * v->mean[k];
    for (int32_t i = 0; i < v->n; i++)
        out[i] -= mean;
    return true;
}

void vocabulary_direct(struct run *run, const struct study_in *in, struct tensor u, float *out)
{
    struct arena_mark mark = arena_mark(run->arena);
    run_get(run, out, model_direct_hidden(run, in->model, u));
    arena_reset(run->arena, mark);
}

/* ---- tokens */
int32_t token_columns(struct table *t)
{
    const int32_t first = table_column(t, "id", "", "token id", COLUMN_I64, COLUMN_KEY);
    table_column(t, "text", "", "the token; missing where it is no UTF-8 by itself", COLUMN_STR,
                 COLUMN_TEXT);
    table_column(t, "bytes", "", "the token's bytes in hex", COLUMN_STR, COLUMN_TEXT);
    return first;
}

void token_cells(struct table *t, int64_t row, int32_t first, const struct tokenizer *tokenizer,
                 int32_t id)
{
    static const char digit[] = "0123456789abcdef";
    size_t n = 0;
    const char *bytes = tokenizer_bytes(tokenizer, id, &n);
    char *hex = xmalloc(2 * n + 1);
    for (size_t i = 0; i < n; i++) {
        hex[2 * i] = digit[(uint8_t)bytes[i] >> 4];
        hex[2 * i + 1] = digit[bytes[i] & 15];
    }
    table_set_i64(t, row, first, id);
    if (n > 0 && utf8_is_valid(bytes, n))
        table_set_strn(t, row, first + 1, bytes, n);
    table_set_strn(t, row, first + 2, hex, 2 * n);
    free(hex);
}

/* The list of the published code: a lone replacement character or parts of mojibake. */
bool token_is_garbled(const struct tokenizer *tokenizer, int32_t id)
{
    static const char *const garbled[] = {"ÃÂ", "14514500", "{¶", "\xef\xbf\xbd"};
    size_t n = 0, from = 0;
    const char *bytes = tokenizer_bytes(tokenizer, id, &n);
    while (from < n && isspace((unsigned char)bytes[from]))
        from++;
    if (from == n || !utf8_is_valid(bytes, n))
        return true;
    for (size_t i = 0; i < sizeof garbled / sizeof *garbled; i++) {
        const size_t k = strlen(garbled[i]);
        size_t at = from;
        while (at + k <= n && memcmp(bytes + at, garbled[i], k) == 0)
            at += k;
        if (at > from && at == n)
            return true;
    }
    return false;
}

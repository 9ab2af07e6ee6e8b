/* The unembedding row by row. */
#include "engine/study/vocabulary.h"
#include "engine/base/memory.h"
#include "engine/text/utf8.h"
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS_AT_ONCE = 512 };

/* Calls `each` for the rows of the unembedding and, where asked for, of the embedding. */
struct walk {
    struct run *run;
    const struct study_in *in;
    bool embedding;
    void (*each)(void *arg, int32_t first, int32_t n, const float *unembed, const float *embed);
    void *arg;
};

static bool walk(const struct walk *w, int32_t n_tokens, int32_t d)
{
    const size_t cells = (size_t)ROWS_AT_ONCE * (size_t)d;
    float *unembed = xcalloc(2 * cells, sizeof *unembed), *embed = unembed + cells;
    int32_t id[ROWS_AT_ONCE];
    for (int32_t first = 0; first < n_tokens && run_ok(w->run); first += ROWS_AT_ONCE) {
        const int32_t n =
            n_tokens - first < ROWS_AT_ONCE ? n_tokens - first : (int32_t)ROWS_AT_ONCE;
        struct arena_mark mark = arena_mark(w->run->arena);
        for (int32_t i = 0; i < n; i++)
            id[i] = first + i;
        run_get(w->run, unembed, model_unembed_rows(w->run, w->in->model, id, n));
        if (w->embedding)
            run_get(w->run, embed, model_embed_rows(w->run, w->in->model, id, n));
        arena_reset(w->run->arena, mark);
        if (run_ok(w->run))
            w->each(w->arg, first, n, unembed, embed);
    }
    free(unembed);
    return run_ok(w->run);
}

/* ---- mean and norms */
static void add_mean(void *arg, int32_t first, int32_t n, const float *unembed, const float *embed)
{
    struct vocabulary *v = arg;
    (void)first, (void)embed;
    for (int32_t i = 0; i < n; i++)
        for (int32_t k = 0; k < v->d; k++)
            v->mean[k] += (double)unembed[(size_t)i * (size_t)v->d + (size_t)k] / v->n;
}

struct norming {
    struct vocabulary *v;
    const float *gamma; /* [d] */
    bool centres;       /* the final norm takes the mean over the width off */
};

static double centred_norm(const double *x, int32_t d, bool centres)
{
    double mean = 0, sq = 0;
    for (int32_t k = 0; k < d && centres; k++)
        mean += x[k] / d;
    for (int32_t k = 0; k < d; k++)
        sq += (x[k] - mean) * (x[k] - mean);
    return sqrt(sq);
}

static void add_norms(void *arg, int32_t first, int32_t n, const float *unembed, const float *embed)
{
    const struct norming *q = arg;
    struct vocabulary *v = q->v;
    double *x = xcalloc((size_t)v->d, sizeof *x);
    for (int32_t i = 0; i < n; i++) {
        const float *u = unembed + (size_t)i * (size_t)v->d, *e = embed + (size_t)i * (size_t)v->d;
        for (int32_t k = 0; k < v->d; k++)
            x[k] = (double)q->gamma[k] * ((double)u[k] - v->mean[k]);
        v->norms[first + i] = centred_norm(x, v->d, q->centres);
        for (int32_t k = 0; k < v->d; k++)
            x[k] = (double)e[k];
        v->norms[v->n + first + i] = centred_norm(x, v->d, q->centres);
    }
    free(x);
}

bool vocabulary_init(struct vocabulary *v, struct run *run, const struct study_in *in, bool norms)
{
    const int32_t n = tokenizer_n_vocab(in->tokenizer), d = model_config(in->model)->d_model;
    const struct norm *final = model_final_norm(in->model);
    if (n < 1 || n > model_config(in->model)->n_vocab)
        return error_set(
            &run->err, ERROR_INPUT,
            "vocabulary: the tokenizer has %d tokens, expected 1 to %d as the model %s "
            "has",
            n, model_config(in->model)->n_vocab, model_dir(in->model));
    *v = (struct vocabulary){.n = n, .d = d, .mean = xcalloc((size_t)d, sizeof *v->mean)};
    struct walk w = {run, in, norms, add_mean, v};
    bool ok = walk(&w, n, d);
    if (ok && norms) {
        float *gamma = xcalloc((size_t)d, sizeof *gamma);
        for (int32_t k = 0; k < d; k++)
            gamma[k] = 1;
        if (final->gamma.buf)
            run_get(run, gamma, final->gamma);
        v->norms = xcalloc(2 * (size_t)n, sizeof *v->norms);
        w.each = add_norms;
        w.arg = &(struct norming){v, gamma, final->kind != NORM_RMS};
        ok = walk(&w, n, d);
        free(gamma);
    }
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
    if (!walk(&(struct walk){run, in, false, add_products, &p}, v->n, v->d))
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

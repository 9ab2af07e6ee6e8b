/* Logit lens and neighbours of latents. */
#include "engine/study/lens.h"
#include "engine/base/best.h"
#include "engine/base/memory.h"
#include "engine/study/units.h"
#include "engine/text/utf8.h"
#include <math.h>
#include <stdlib.h>

enum { UNITS_AT_A_TIME = 8 }; /* keeps one product with a large unembedding short */

struct lens {
    const struct study_in *in;
    struct run run;
    int32_t n_vocab, n_tokens; /* of the model; ids that stand for a token */
    int32_t rows;
    struct table *promoted, *suppressed, *neighbours;
};

/* ---- tables */
enum { LATENT, ID, TEXT, BYTES, LOGIT };
enum { OTHER = 1, COSINE };

static struct table *token_table(const char *name, const char *title, int32_t n_tokens)
{
    struct table *t = table_new(name, title, MARK_LIST);
    table_column(t, "latent", "", "the latent asked about", COLUMN_I64, COLUMN_FACET);
    table_column(t, "id", "", "token id", COLUMN_I64, COLUMN_KEY);
    table_column(t, "text", "", "the token; missing where it is no UTF-8 by itself", COLUMN_STR,
                 COLUMN_TEXT);
    table_column(t, "bytes", "", "the token's bytes in hex", COLUMN_STR, COLUMN_TEXT);
    table_column(t, "logit", "", "what a unit of activation adds to the logit, mean removed",
                 COLUMN_F64, COLUMN_Y);
    table_note(t,
               "decoder row centred and scaled by the final norm's weight, through the unembedding;"
               " no LayerNorm scale; minus the mean over %d tokens",
               n_tokens);
    return t;
}

static struct table *neighbour_table(bool neurons)
{
    struct table *t = table_new("neighbours", "Nearest decoder rows", MARK_LIST);
    table_column(t, "latent", "", "the latent asked about", COLUMN_I64, COLUMN_FACET);
    table_column(t, "other", "", "its neighbour", COLUMN_I64, COLUMN_KEY);
    table_column(t, "cosine", "", "of the two decoder rows", COLUMN_F64, COLUMN_Y);
    if (neurons)
        table_note(t, "neurons have no neighbours: their directions are orthogonal");
    return t;
}

static void add_token(const struct lens *l, struct table *t, int32_t unit, int32_t id, double logit)
{
    static const char digit[] = "0123456789abcdef";
    size_t n = 0;
    const char *bytes = tokenizer_bytes(l->in->tokenizer, id, &n);
    char *hex = xmalloc(2 * n + 1);
    for (size_t i = 0; i < n; i++) {
        hex[2 * i] = digit[(uint8_t)bytes[i] >> 4];
        hex[2 * i + 1] = digit[bytes[i] & 15];
    }
    const int64_t row = table_row(t);
    table_set_i64(t, row, LATENT, unit);
    table_set_i64(t, row, ID, id);
    if (n > 0 && utf8_is_valid(bytes, n))
        table_set_strn(t, row, TEXT, bytes, n);
    table_set_strn(t, row, BYTES, hex, 2 * n);
    table_set_f64(t, row, LOGIT, logit);
    free(hex);
}

/* The tokens with the largest sign · logit; ids without a token are left out of mean and ranks. */
static void rank(const struct lens *l, struct table *t, int32_t unit, const float *logits,
                 double sign, struct best *best)
{
    double mean = 0;
    for (int32_t i = 0; i < l->n_tokens; i++)
        mean += (double)logits[i] / l->n_tokens;
    best_clear(best);
    for (int32_t i = 0; i < l->n_tokens; i++)
        best_offer(best, sign * ((double)logits[i] - mean), i);
    best_sort(best);
    for (int32_t i = 0; i < best->n; i++)
        add_token(l, t, unit, best->item[i].id, sign * best->item[i].value);
}

/* ---- what is computed */
static void lens_tokens(struct lens *l, const int32_t *unit, int32_t n_units)
{
    const struct study_in *in = l->in;
    const struct linear *behind = model_linear_behind(in->model, in->at);
    const size_t width = (size_t)l->n_vocab;
    struct best best;
    best_init(&best, l->rows < l->n_tokens ? l->rows : l->n_tokens);
    float *logits = xcalloc(width * UNITS_AT_A_TIME, sizeof *logits);
    for (int32_t first = 0; first < n_units && run_ok(&l->run); first += UNITS_AT_A_TIME) {
        const int32_t n =
            n_units - first < UNITS_AT_A_TIME ? n_units - first : (int32_t)UNITS_AT_A_TIME;
        struct arena_mark mark = arena_mark(l->run.arena);
        struct tensor u = dict_push(&l->run, in->dict, behind, unit + first, n);
        /* behind the final norm there is nothing left but the unembedding */
        if (in->at.site == SITE_FINAL_NORM)
            model_logits(&l->run, in->model, u, logits);
        else
            model_direct_logits(&l->run, in->model, u, logits);
        arena_reset(l->run.arena, mark);
        for (int32_t i = 0; i < n && run_ok(&l->run); i++) {
            rank(l, l->promoted, unit[first + i], logits + (size_t)i * width, 1, &best);
            rank(l, l->suppressed, unit[first + i], logits + (size_t)i * width, -1, &best);
        }
    }
    free(logits);
    best_release(&best);
}

static void lens_neighbours(struct lens *l, const int32_t *unit, int32_t n_units)
{
    const int32_t m = dict_spec(l->in->dict)->m, rows = l->rows < m ? l->rows : m;
    const size_t n = (size_t)n_units * (size_t)rows;
    int32_t *ids = xcalloc(n + 1, sizeof *ids);
    double *cosine = xcalloc(n + 1, sizeof *cosine);
    if (dict_neighbours(&l->run, l->in->dict, unit, n_units, rows, ids, cosine))
        for (size_t i = 0; i < n; i++)
            if (ids[i] >= 0) {
                const int64_t row = table_row(l->neighbours);
                table_set_i64(l->neighbours, row, LATENT, unit[i / (size_t)rows]);
                table_set_i64(l->neighbours, row, OTHER, ids[i]);
                table_set_f64(l->neighbours, row, COSINE, cosine[i]);
            }
    free(cosine);
    free(ids);
}

static bool check(const struct study_in *in, const int32_t *unit, int32_t n_units, int32_t rows,
                  struct error *e)
{
    char name[POINT_NAME_MAX];
    struct dict_place one;
    const struct dict_set set = units_set(in, &one);
    point_name(in->at, name);
    if (in->dict == NULL)
        return error_set(e, ERROR_INPUT, "logit lens: needs an SAE or neurons, found none");
    if (!model_check_point(in->model, in->at, e))
        return false;
    const struct dict_spec *s = dict_spec(in->dict);
    if (s->n != model_width(in->model, in->at))
        return error_set(e, ERROR_INPUT,
                         "logit lens: the latents have a width of %d, %s of the model has %d", s->n,
                         name, model_width(in->model, in->at));
    if (in->at.site == SITE_MLP_PRE)
        return error_set(e, ERROR_INPUT,
                         "logit lens: what %s writes to the residual stream depends on the text "
                         "(an activation function is between), expected another hook point",
                         name);
    if (!model_writes_stream(in->model, in->at))
        return error_set(e, ERROR_INPUT,
                         "logit lens: what %s writes to the residual stream depends on the text (a "
                         "norm is between), expected another hook point",
                         name);
    if (n_units < 1 || rows < 0)
        return error_set(e, ERROR_INPUT,
                         "logit lens: %d latents and %d rows, expected 1 latent or more", n_units,
                         rows);
    for (int32_t i = 0; i < n_units; i++)
        if (!unit_check(&set, (struct unit_id){0, unit[i]}, e))
            return error_prefix(e, "logit lens");
    const int32_t n_vocab = model_config(in->model)->n_vocab,
                  n_tokens = tokenizer_n_vocab(in->tokenizer);
    if (n_tokens < 1 || n_tokens > n_vocab)
        return error_set(
            e, ERROR_INPUT,
            "logit lens: the tokenizer has %d tokens, expected 1 to %d as the model %s has",
            n_tokens, n_vocab, model_dir(in->model));
    return true;
}

bool lens_run(const struct study_in *in, const int32_t *unit, int32_t n_units, int32_t rows,
              const struct study_loop *loop, struct table_set **out, struct error *e)
{
    if (!check(in, unit, n_units, rows, e))
        return false;
    struct lens l = {.in = in,
                     .run = {.queue = in->queue, .arena = arena_new(in->queue)},
                     .n_vocab = model_config(in->model)->n_vocab,
                     .n_tokens = tokenizer_n_vocab(in->tokenizer),
                     .rows = rows};
    if (loop != NULL) {
        l.run.cancel = loop->cancel;
        l.run.poll = loop->poll;
        l.run.poll_arg = loop->poll_arg;
    }
    l.promoted = token_table("promoted", "Tokens made more likely", l.n_tokens);
    l.suppressed = token_table("suppressed", "Tokens made less likely", l.n_tokens);
    l.neighbours = neighbour_table(dict_spec(in->dict)->identity);
    lens_tokens(&l, unit, n_units);
    if (run_ok(&l.run))
        lens_neighbours(&l, unit, n_units);
    struct table_set *set = table_set_new();
    table_set_add(set, l.promoted);
    table_set_add(set, l.suppressed);
    table_set_add(set, l.neighbours);
    const bool ok = run_ok(&l.run);
    if (ok)
        *out = set;
    else
        table_set_unref(set);
    if (!ok)
        error_set(e, l.run.err.kind, "%s", l.run.err.text);
    arena_free(l.run.arena);
    return ok;
}

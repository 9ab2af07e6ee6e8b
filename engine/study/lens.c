/* Logit lens: what a latent writes, without any text: the tokens it promotes and suppresses, and
 * the latents whose decoder rows are nearest.
 *
 * For each unit: γ ⊙ (u − mean u) through the unembedding, u = its decoder row pushed to the
 * residual stream, no LayerNorm scale, minus the mean over the vocabulary (padding rows left out).
 * Tables: "promoted", "suppressed" (latent, id, text, bytes, logit; `rows` each, strongest first),
 * "neighbours" (latent, other, cosine; the `rows` nearest decoder rows; none for neurons). A token
 * that is no UTF-8: text missing. */
#include "engine/base/best.h"
#include "engine/base/memory.h"
#include "engine/study/units.h"
#include "engine/study/vocabulary.h"
#include <stdlib.h>
#include <string.h>

enum {
    TOKENS_CHUNK = 8, /* units: keeps one product with a large unembedding short */
    NEAR_CHUNK = 64   /* units in one pass over the decoder */
};
enum { PROMOTED, SUPPRESSED, NEIGHBOURS, N_LISTS };

struct list {  /* strongest first */
    int32_t n; /* −1: not yet known */
    int32_t *id;
    double *value;
};

struct study {
    struct study_in in;
    int32_t n_units, unit[UNITS_MAX];
    int32_t n_vocab, n_tokens; /* of the model; ids that stand for a token */
    int32_t m, rows;
    struct list (*of)[N_LISTS]; /* [n_units] */
};

struct partial { /* lists of some units */
    int32_t first, n;
    struct list (*of)[N_LISTS]; /* [n]; those of another chunk: n −1 */
};

/* ---- lists */
static struct list (*lists_new(int32_t n))[N_LISTS]
{
    struct list(*of)[N_LISTS] = xcalloc((size_t)n, sizeof *of);
    for (int32_t i = 0; i < n; i++)
        for (int k = 0; k < N_LISTS; k++)
            of[i][k].n = -1;
    return of;
}

static void lists_free(struct list (*of)[N_LISTS], int32_t n)
{
    for (int32_t i = 0; of && i < n; i++)
        for (int k = 0; k < N_LISTS; k++) {
            free(of[i][k].id);
            free(of[i][k].value);
        }
    free(of);
}

static void list_resize(struct list *l, int32_t n)
{
    l->n = n;
    l->id = xreallocarray(l->id, (size_t)n + 1, sizeof *l->id);
    l->value = xreallocarray(l->value, (size_t)n + 1, sizeof *l->value);
}

/* Those of `from` that are known. */
static void lists_take(struct list (*to)[N_LISTS], struct list (*from)[N_LISTS], int32_t n)
{
    for (int32_t i = 0; i < n; i++)
        for (int k = 0; k < N_LISTS; k++) {
            const struct list *l = &from[i][k];
            if (l->n < 0)
                continue;
            list_resize(&to[i][k], l->n);
            memcpy(to[i][k].id, l->id, (size_t)l->n * sizeof *l->id);
            memcpy(to[i][k].value, l->value, (size_t)l->n * sizeof *l->value);
        }
}

/* ---- opening */
static bool check_point(const struct study_in *in, struct error *e)
{
    char name[POINT_NAME_MAX];
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
    return true;
}

/* The same unit may be asked about twice. */
static bool take_units(struct study *s, const struct params *params, struct error *e)
{
    struct dict_place one;
    const struct dict_set set = units_set(&s->in, &one);
    const struct unit_id *asked;
    const int32_t n = params_units(params, "units", &asked);
    if (n < 1 || n > UNITS_MAX)
        return error_set(e, ERROR_INPUT, "logit lens: %d latents, expected 1 to %d", n, UNITS_MAX);
    for (int32_t i = 0; i < n; i++) {
        if (asked[i].dict != 0 || !unit_check(&set, asked[i], e))
            return error_prefix(e, "logit lens");
        s->unit[i] = asked[i].index;
    }
    s->n_units = n;
    return true;
}

static void lens_free(struct study *s)
{
    if (!s)
        return;
    lists_free(s->of, s->n_units);
    free(s);
}

static bool lens_open(const struct study_in *in, const struct params *params, struct study **out,
                      struct error *e)
{
    if (!check_point(in, e))
        return false;
    struct study *s = xcalloc(1, sizeof *s);
    s->in = *in;
    s->rows = (int32_t)params_int(params, "rows");
    s->m = dict_spec(in->dict)->m;
    s->n_vocab = model_config(in->model)->n_vocab;
    s->n_tokens = tokenizer_n_vocab(in->tokenizer);
    bool ok = take_units(s, params, e);
    if (ok && (s->n_tokens < 1 || s->n_tokens > s->n_vocab))
        ok = error_set(
            e, ERROR_INPUT,
            "logit lens: the tokenizer has %d tokens, expected 1 to %d as the model %s has",
            s->n_tokens, s->n_vocab, model_dir(in->model));
    if (!ok) {
        lens_free(s);
        return false;
    }
    s->of = lists_new(s->n_units);
    *out = s;
    return true;
}

/* ---- a chunk: the tokens of some units, then the neighbours of some units */
static int64_t chunks_of(const struct study *s, int32_t at_a_time)
{
    return (s->n_units + at_a_time - 1) / at_a_time;
}

static int64_t lens_chunks(const struct study *s)
{
    return chunks_of(s, TOKENS_CHUNK) + chunks_of(s, NEAR_CHUNK);
}

static void partial_free(struct partial *p)
{
    if (!p)
        return;
    lists_free(p->of, p->n);
    free(p);
}

static int64_t partial_tokens(const struct partial *p)
{
    (void)p;
    return 0; /* reads no text */
}

/* The tokens with the largest sign · logit; ids without a token are left out of mean and ranks. */
static void rank(const struct study *s, const float *logits, double sign, struct best *best,
                 struct list *out)
{
    double mean = 0;
    for (int32_t i = 0; i < s->n_tokens; i++)
        mean += (double)logits[i] / s->n_tokens;
    best_clear(best);
    for (int32_t i = 0; i < s->n_tokens; i++)
        best_offer(best, sign * ((double)logits[i] - mean), i);
    best_sort(best);
    list_resize(out, best->n);
    for (int32_t i = 0; i < best->n; i++) {
        out->id[i] = best->item[i].id;
        out->value[i] = sign * best->item[i].value;
    }
}

static void take_tokens(const struct study *s, struct run *run, struct partial *p)
{
    const struct study_in *in = &s->in;
    const size_t width = (size_t)s->n_vocab;
    const struct linear *behind = model_linear_behind(in->model, in->at);
    struct best best;
    float *logits = xcalloc(width * TOKENS_CHUNK, sizeof *logits);
    struct tensor u = dict_push(run, in->dict, behind, s->unit + p->first, p->n);
    /* behind the final norm there is nothing left but the unembedding */
    if (in->at.site == SITE_FINAL_NORM)
        model_logits(run, in->model, u, logits);
    else
        model_direct_logits(run, in->model, u, logits);
    best_init(&best, s->rows < s->n_tokens ? s->rows : s->n_tokens);
    for (int32_t i = 0; i < p->n && run_ok(run); i++) {
        rank(s, logits + (size_t)i * width, 1, &best, &p->of[i][PROMOTED]);
        rank(s, logits + (size_t)i * width, -1, &best, &p->of[i][SUPPRESSED]);
    }
    best_release(&best);
    free(logits);
}

static void take_neighbours(const struct study *s, struct run *run, struct partial *p)
{
    const int32_t rows = s->rows < s->m ? s->rows : s->m;
    const size_t n = (size_t)p->n * (size_t)rows;
    int32_t *ids = xcalloc(n + 1, sizeof *ids);
    double *cosine = xcalloc(n + 1, sizeof *cosine);
    dict_neighbours(run, s->in.dict, s->unit + p->first, p->n, rows, ids, cosine);
    for (int32_t i = 0; i < p->n; i++) {
        struct list *l = &p->of[i][NEIGHBOURS];
        const size_t at = (size_t)i * (size_t)rows;
        int32_t there = 0; /* what is not there stands at the end */
        while (there < rows && ids[at + (size_t)there] >= 0)
            there++;
        list_resize(l, there);
        memcpy(l->id, ids + at, (size_t)there * sizeof *ids);
        memcpy(l->value, cosine + at, (size_t)there * sizeof *cosine);
    }
    free(cosine);
    free(ids);
}

static struct partial *lens_chunk(struct study *s, int64_t i, struct run *run)
{
    const int64_t n_tokens = chunks_of(s, TOKENS_CHUNK);
    const int32_t step = i < n_tokens ? TOKENS_CHUNK : NEAR_CHUNK,
                  first = (int32_t)(i < n_tokens ? i : i - n_tokens) * step;
    struct partial *p = xcalloc(1, sizeof *p);
    p->first = first;
    p->n = s->n_units - first < step ? s->n_units - first : step;
    p->of = lists_new(p->n);
    if (i < n_tokens)
        take_tokens(s, run, p);
    else
        take_neighbours(s, run, p);
    if (run_ok(run))
        return p;
    partial_free(p);
    return NULL;
}

static void lens_fold(struct study *s, int64_t i, const struct partial *p)
{
    (void)i;
    lists_take(s->of + p->first, p->of, p->n);
}

static void lens_merge(struct study *to, const struct study *from)
{
    lists_take(to->of, from->of, to->n_units);
}

/* ---- checkpoints */
static void lens_save(const struct study *s, struct blob_writer *b)
{
    blob_add_i64(b, s->n_units);
    blob_add_i64(b, s->rows);
    for (int32_t i = 0; i < s->n_units; i++)
        for (int k = 0; k < N_LISTS; k++) {
            const struct list *l = &s->of[i][k];
            blob_add_i64(b, l->n);
            for (int32_t j = 0; j < l->n; j++) {
                blob_add_u32(b, (uint32_t)l->id[j]);
                blob_add_f64(b, l->value[j]);
            }
        }
}

static bool load_list(struct list *l, struct blob_reader *r, int32_t rows, int32_t n_ids)
{
    const int64_t n = blob_i64(r);
    if (r->bad || n < -1 || n > rows || n > n_ids || (n > 0 && (uint64_t)n > r->left / 12))
        return false;
    l->n = -1;
    if (n < 0)
        return true;
    list_resize(l, (int32_t)n);
    for (int32_t j = 0; j < l->n; j++) {
        const uint32_t id = blob_u32(r);
        l->value[j] = blob_f64(r);
        if (id >= (uint32_t)n_ids)
            return false;
        l->id[j] = (int32_t)id;
    }
    return true;
}

static bool lens_load(struct study *s, struct blob_reader *r, struct error *e)
{
    const int64_t n_units = blob_i64(r), rows = blob_i64(r);
    bool ok = !r->bad && n_units == s->n_units && rows == s->rows;
    for (int32_t i = 0; ok && i < s->n_units; i++)
        for (int k = 0; ok && k < N_LISTS; k++)
            ok = load_list(&s->of[i][k], r, s->rows, k == NEIGHBOURS ? s->m : s->n_tokens);
    return (ok && blob_end(r)) ||
           error_set(e, ERROR_INPUT,
                     "logit lens: a checkpoint does not hold lists of %d units, expected that",
                     s->n_units);
}

/* ---- tables */
enum { LATENT, ID, LOGIT = ID + 3 };
enum { OTHER = 1, COSINE };

static struct table *token_table(const char *name, const char *title, int32_t n_tokens)
{
    struct table *t = table_new(name, title, MARK_LIST);
    table_column(t, "latent", "", "the latent asked about", COLUMN_I64, COLUMN_FACET);
    token_columns(t);
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

static void add_tokens(const struct study *s, struct table *t, int32_t unit, const struct list *l)
{
    for (int32_t i = 0; i < l->n; i++) {
        const int64_t row = table_row(t);
        table_set_i64(t, row, LATENT, unit);
        token_cells(t, row, ID, s->in.tokenizer, l->id[i]);
        table_set_f64(t, row, LOGIT, l->value[i]);
    }
}

static void add_neighbours(struct table *t, int32_t unit, const struct list *l)
{
    for (int32_t i = 0; i < l->n; i++) {
        const int64_t row = table_row(t);
        table_set_i64(t, row, LATENT, unit);
        table_set_i64(t, row, OTHER, l->id[i]);
        table_set_f64(t, row, COSINE, l->value[i]);
    }
}

static struct table_set *lens_tables(struct study *s)
{
    struct table_set *set = table_set_new();
    struct table *promoted = token_table("promoted", "Tokens made more likely", s->n_tokens),
                 *suppressed = token_table("suppressed", "Tokens made less likely", s->n_tokens),
                 *neighbours = neighbour_table(dict_spec(s->in.dict)->identity);
    for (int32_t i = 0; i < s->n_units; i++) {
        add_tokens(s, promoted, s->unit[i], &s->of[i][PROMOTED]);
        add_tokens(s, suppressed, s->unit[i], &s->of[i][SUPPRESSED]);
        add_neighbours(neighbours, s->unit[i], &s->of[i][NEIGHBOURS]);
    }
    table_set_add(set, promoted);
    table_set_add(set, suppressed);
    table_set_add(set, neighbours);
    return set;
}

static const struct param params[] = {
    STUDY_UNITS_ROW,
    {"rows", "N", "tokens and neighbours of each latent", .type = PARAM_INT, .preset = "10",
     .min = 1, .max = 1000, .in_key = true},
    {.name = NULL},
};

const struct study_ops lens_study = {.name = "lens",
                                     .params = params,
                                     .open = lens_open,
                                     .free = lens_free,
                                     .n_chunks = lens_chunks,
                                     .chunk = lens_chunk,
                                     .partial_free = partial_free,
                                     .partial_tokens = partial_tokens,
                                     .fold = lens_fold,
                                     .segment = STUDY_SEGMENT,
                                     .merge = lens_merge,
                                     .save = lens_save,
                                     .load = lens_load,
                                     .tables = lens_tables};

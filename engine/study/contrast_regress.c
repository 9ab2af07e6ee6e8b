/* Logistic regression of the class on all units, or on those with the largest |t|: one fit of four
 * fifths of the words, tested on the others, with its coefficients. */
#include "engine/base/memory.h"
#include "engine/study/contrast_private.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct fitted { /* one set of units */
    bool there;
    struct logistic_fit fit;
    int64_t train_hits, hits, carry, p;
    int32_t *column; /* [p] */
    double *w;       /* [p] of standardised columns, for the first class */
};

struct study {
    struct probe_words words;
    bool l1;
    int32_t top; /* 0: all */
    struct fitted of[WORD_N_UNITS];
};

struct partial {
    int unit;
    struct fitted fitted;
};

static void fitted_release(struct fitted *f)
{
    free(f->column);
    free(f->w);
    *f = (struct fitted){0};
}

static void regress_free(struct study *s)
{
    if (!s)
        return;
    for (int u = 0; u < WORD_N_UNITS; u++)
        fitted_release(&s->of[u]);
    probe_words_release(&s->words);
    free(s);
}

static bool regress_open(const struct study_in *in, const struct params *params, struct study **out,
                         struct error *e)
{
    struct study *s = xcalloc(1, sizeof *s);
    if (!probe_words_init(&s->words, "regress", in, params, 1, e)) {
        free(s);
        return false;
    }
    s->l1 = params_flag(params, "l1");
    s->top = params_has(params, "top") ? (int32_t)params_int(params, "top") : 0;
    *out = s;
    return true;
}

static int64_t regress_chunks(const struct study *s)
{
    return s->words.n_units;
}

static void partial_free(struct partial *p)
{
    if (!p)
        return;
    fitted_release(&p->fitted);
    free(p);
}

static int64_t partial_tokens(const struct partial *p)
{
    (void)p;
    return 0;
}

/* ---- a fit */
static int64_t hits_of(const struct word_matrix *x, const struct fitted *f,
                       const struct word_list *l, const uint8_t *flag, bool is)
{
    int64_t hits = 0;
    for (int32_t i = 0; i < x->n; i++) {
        double z = f->fit.bias;
        for (int32_t j = 0; j < x->p; j++)
            z += x->x[(size_t)i * (size_t)x->p + (size_t)j] * f->w[j];
        hits += (flag[i] != 0) == is && (z > 0) == (l->target[i] != 0);
    }
    return hits;
}

struct heavy {
    double w;
    int32_t j;
};

static int by_weight(const void *a, const void *b)
{
    const struct heavy *x = a, *y = b;
    const double v = fabs(x->w), w = fabs(y->w);
    return v < w ? 1 : v > w ? -1 : (x->j > y->j) - (x->j < y->j);
}

static struct heavy *heaviest(const double *w, int32_t p)
{
    struct heavy *h = xcalloc((size_t)p + 1, sizeof *h);
    for (int32_t j = 0; j < p; j++)
        h[j] = (struct heavy){w[j], j};
    qsort(h, (size_t)p, sizeof *h, by_weight);
    return h;
}

/* The least number of largest weights that alone, with the bias, get as many of all words right
 * beyond chance as .9 of what all weights do; 0: the bias alone does. */
static int64_t carry_of(const struct word_matrix *x, const struct fitted *f,
                        const struct word_list *l)
{
    const int32_t larger = l->n_of[0] > l->n_of[1] ? l->n_of[0] : l->n_of[1];
    const double need = larger + .9 * (double)(f->train_hits + f->hits - larger);
    struct heavy *h = heaviest(f->w, x->p);
    double *z = xcalloc((size_t)x->n + 1, sizeof *z);
    int64_t carry = x->p;
    for (int32_t i = 0; i < x->n; i++)
        z[i] = f->fit.bias;
    for (int32_t s = 0; s <= x->p; s++) {
        int64_t hits = 0;
        for (int32_t i = 0; i < x->n; i++) {
            if (s > 0)
                z[i] += x->x[(size_t)i * (size_t)x->p + (size_t)h[s - 1].j] * h[s - 1].w;
            hits += (z[i] > 0) == (l->target[i] != 0);
        }
        if ((double)hits >= need) {
            carry = s;
            break;
        }
    }
    free(h);
    free(z);
    return carry;
}

static struct partial *regress_chunk(struct study *s, int64_t i, struct run *run)
{
    const struct probe_words *p = &s->words;
    const struct word_columns *c = words_columns(p->words, p->units[i]);
    const size_t n = (size_t)p->l.n + 1;
    const struct logistic_spec spec = {.C = p->C, .l1 = s->l1, .go_on = probe_go_on, .arg = run};
    struct partial *part = xcalloc(1, sizeof *part);
    struct fitted *f = &part->fitted;
    struct word_matrix x;
    uint8_t *train = xcalloc(n, 1), *y = xcalloc(n, 1);
    int32_t *order = xcalloc((size_t)c->n_cols + 1, sizeof *order);
    part->unit = (int)i;
    word_split_train(&p->split, p->l.n, 0, train);
    const int32_t live = s->top > 0 ? rank_columns(c, &p->l, train, order) : 0;
    word_matrix_init(&x, c, &p->l, train, s->top > 0 ? order : NULL, s->top < live ? s->top : live);
    double *rows = xcalloc((size_t)x.n * (size_t)x.p + 1, sizeof *rows);
    const int32_t n_train = word_matrix_rows(&x, train, true, p->l.target, rows, y);
    f->w = xcalloc((size_t)x.p + 1, sizeof *f->w);
    f->there = logistic_fit(rows, n_train, x.p, y, &spec, f->w, &f->fit);
    if (f->there) {
        f->train_hits = hits_of(&x, f, &p->l, train, true);
        f->hits = hits_of(&x, f, &p->l, train, false);
        f->carry = carry_of(&x, f, &p->l);
    }
    f->p = x.p;
    f->column = x.column;
    x.column = NULL;
    word_matrix_release(&x);
    free(rows);
    free(order);
    free(train);
    free(y);
    if (run_ok(run))
        return part;
    partial_free(part);
    return NULL;
}

static void regress_fold(struct study *s, int64_t i, const struct partial *p)
{
    (void)i;
    struct fitted *f = &s->of[p->unit];
    const size_t n = (size_t)p->fitted.p + 1;
    fitted_release(f);
    *f = p->fitted;
    f->column = xmemdup(p->fitted.column, n * sizeof *f->column);
    f->w = xmemdup(p->fitted.w, n * sizeof *f->w);
}

/* ---- checkpoints */
static void regress_save(const struct study *s, struct blob_writer *b)
{
    blob_add_i64(b, s->words.l.n);
    blob_add_i64(b, s->words.n_units);
    for (int u = 0; u < s->words.n_units; u++) {
        const struct fitted *f = &s->of[u];
        const int64_t numbers[] = {
            f->there, f->p, f->train_hits, f->hits, f->carry, f->fit.iterations, f->fit.converged};
        for (size_t k = 0; k < sizeof numbers / sizeof *numbers; k++)
            blob_add_i64(b, numbers[k]);
        blob_add_f64(b, f->fit.bias);
        blob_add_f64(b, f->fit.gradient_norm);
        for (int64_t j = 0; j < f->p; j++) {
            blob_add_u32(b, (uint32_t)f->column[j]);
            blob_add_f64(b, f->w[j]);
        }
    }
}

static bool read_fitted(const struct study *s, int u, struct blob_reader *r, struct fitted *f)
{
    const int32_t n_cols = words_columns(s->words.words, s->words.units[u])->n_cols;
    fitted_release(f);
    const int64_t there = blob_i64(r), p = blob_i64(r);
    f->train_hits = blob_i64(r);
    f->hits = blob_i64(r);
    f->carry = blob_i64(r);
    f->fit.iterations = (int32_t)blob_i64(r);
    f->fit.converged = blob_i64(r) == 1;
    f->fit.bias = blob_f64(r);
    f->fit.gradient_norm = blob_f64(r);
    if (r->bad || there < 0 || there > 1 || p < 0 || p > n_cols || r->left < (uint64_t)p * 12 ||
        f->train_hits < 0 || f->hits < 0 || f->carry < 0 || f->carry > p ||
        f->train_hits + f->hits > s->words.l.n)
        return false;
    f->there = there == 1;
    f->p = p;
    f->column = xcalloc((size_t)p + 1, sizeof *f->column);
    f->w = xcalloc((size_t)p + 1, sizeof *f->w);
    for (int64_t j = 0; j < p; j++) {
        const uint32_t column = blob_u32(r);
        f->column[j] = (int32_t)column;
        f->w[j] = blob_f64(r);
        if (column >= (uint32_t)n_cols)
            return false;
    }
    return !r->bad;
}

static bool regress_load(struct study *s, struct blob_reader *r, struct error *e)
{
    bool ok = blob_i64(r) == s->words.l.n && blob_i64(r) == s->words.n_units;
    for (int u = 0; ok && u < s->words.n_units; u++)
        ok = read_fitted(s, u, r, &s->of[u]);
    return (ok && blob_end(r)) ||
           error_set(e, ERROR_INPUT, "regress: a checkpoint does not hold the weights of %d words",
                     s->words.l.n);
}

/* ---- tables */
enum {
    R_UNITS,
    R_COLUMNS,
    R_TRAINED,
    R_TESTED,
    R_ACCURACY,
    R_LO,
    R_HI,
    R_TRAIN_ACCURACY,
    R_CHANCE,
    R_ITERATIONS,
    R_GRADIENT,
    R_CONVERGED,
    R_NONZERO,
    R_CARRY
};

static struct table *rows_new(void)
{
    struct table *t = table_new("rows", "Logistic regression", MARK_LIST);
    table_column(t, "units", "", "neurons or latents", COLUMN_STR, COLUMN_SERIES);
    table_column(t, "columns", "", "units that differ among the training words", COLUMN_I64,
                 COLUMN_TEXT);
    table_column(t, "trained", "", "training words", COLUMN_I64, COLUMN_TEXT);
    table_column(t, "tested", "", "test words", COLUMN_I64, COLUMN_TEXT);
    table_column(t, "accuracy", "share", "of the test words right", COLUMN_F64, COLUMN_Y);
    table_column(t, "ci95.lo", "share", "Wilson's interval", COLUMN_F64, COLUMN_LO);
    table_column(t, "ci95.hi", "share", "", COLUMN_F64, COLUMN_HI);
    table_column(t, "train_accuracy", "share", "of the training words right", COLUMN_F64,
                 COLUMN_TEXT);
    table_column(t, "chance", "share", "the larger class", COLUMN_F64, COLUMN_TEXT);
    table_column(t, "iterations", "", "", COLUMN_I64, COLUMN_TEXT);
    table_column(t, "gradient_norm", "", "at the end", COLUMN_F64, COLUMN_TEXT);
    table_column(t, "converged", "", "the gradient is small enough", COLUMN_BOOL, COLUMN_TEXT);
    table_column(t, "nonzero", "", "coefficients that are not 0", COLUMN_I64, COLUMN_TEXT);
    table_column(t, "carry", "", "so many of the largest alone keep 0.9 of the prediction",
                 COLUMN_I64, COLUMN_TEXT);
    return t;
}

static void add_row(struct table *t, const struct study *s, int u)
{
    const struct fitted *f = &s->of[u];
    const int64_t row = table_row(t), tested = probe_words_tested(&s->words, 0),
                  trained = s->words.l.n - tested;
    const struct interval ci = share_interval(f->hits, tested);
    int64_t nonzero = 0;
    for (int64_t j = 0; j < f->p; j++)
        nonzero += f->w[j] < 0 || f->w[j] > 0;
    table_set_str(t, row, R_UNITS, word_units_name[s->words.units[u]]);
    table_set_i64(t, row, R_COLUMNS, f->p);
    table_set_i64(t, row, R_TRAINED, trained);
    table_set_i64(t, row, R_TESTED, tested);
    table_set_f64(t, row, R_ACCURACY, (double)f->hits / (double)tested);
    table_set_f64(t, row, R_LO, ci.lo);
    table_set_f64(t, row, R_HI, ci.hi);
    table_set_f64(t, row, R_TRAIN_ACCURACY, (double)f->train_hits / (double)trained);
    table_set_f64(t, row, R_CHANCE, probe_words_chance(&s->words));
    table_set_i64(t, row, R_ITERATIONS, f->fit.iterations);
    table_set_f64(t, row, R_GRADIENT, f->fit.gradient_norm);
    table_set_bool(t, row, R_CONVERGED, f->fit.converged);
    table_set_i64(t, row, R_NONZERO, nonzero);
    table_set_i64(t, row, R_CARRY, f->carry);
    if (!f->fit.converged)
        table_note(t, "%s: not converged after %d iterations", word_units_name[s->words.units[u]],
                   f->fit.iterations);
}

static void add_coefficients(struct table *t, const struct study *s, int u)
{
    const struct fitted *f = &s->of[u];
    struct heavy *h = heaviest(f->w, (int32_t)f->p);
    for (int64_t k = 0; k < f->p && (h[k].w < 0 || h[k].w > 0); k++) {
        const int64_t row = table_row(t);
        table_set_str(t, row, 0, word_units_name[s->words.units[u]]);
        table_set_i64(t, row, 1, f->column[h[k].j]);
        table_set_f64(t, row, 2, h[k].w);
    }
    free(h);
}

static struct table_set *regress_tables(struct study *s)
{
    struct table_set *set = table_set_new();
    struct table *rows = rows_new(), *c = table_new("coefficients", "Coefficients", MARK_LIST);
    char *doc =
        xasprintf("of the standardised unit; above 0: for %s", s->words.corpus->cls[0].name);
    table_column(c, "units", "", "neurons or latents", COLUMN_STR, COLUMN_SERIES);
    table_column(c, "unit", "", "latent or neuron", COLUMN_I64, COLUMN_KEY);
    table_column(c, "weight", "", doc, COLUMN_F64, COLUMN_Y);
    free(doc);
    for (int u = 0; u < s->words.n_units; u++)
        if (s->of[u].there) {
            add_row(rows, s, u);
            add_coefficients(c, s, u);
        }
    table_set_add(set, rows);
    table_set_add(set, c);
    return set;
}

static const struct param params[] = {
    STUDY_PROBE_ROWS,
    {"l1", NULL, "an L1 penalty, which leaves few coefficients; default: L2", PARAM_FLAG,
     .in_key = true},
    {"top", "S", "only the S units with the largest |t|; default: all", PARAM_INT, .min = 1,
     .max = INT32_MAX, .in_key = true},
    {.name = NULL},
};

const struct study_ops regress_study = {.name = "regress",
                                        .params = params,
                                        .needs = &words_study,
                                        .open = regress_open,
                                        .free = regress_free,
                                        .n_chunks = regress_chunks,
                                        .chunk = regress_chunk,
                                        .partial_free = partial_free,
                                        .partial_tokens = partial_tokens,
                                        .fold = regress_fold,
                                        .save = regress_save,
                                        .load = regress_load,
                                        .tables = regress_tables};

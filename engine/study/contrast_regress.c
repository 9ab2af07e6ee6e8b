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
    struct logistic model; /* of standardised columns */
    int64_t train_hits, hits, carry;
    int32_t *column; /* [model.p] */
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
    logistic_release(&f->model);
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
    for (int32_t i = 0; i < x->n; i++)
        hits += (flag[i] != 0) == is &&
                logistic_class(&f->model, x->x + (size_t)i * (size_t)x->p) == l->label[i];
    return hits;
}

struct heavy {
    double w;
    int64_t at; /* a column, or a coefficient */
};

static int by_weight(const void *a, const void *b)
{
    const struct heavy *x = a, *y = b;
    const double v = fabs(x->w), w = fabs(y->w);
    return v < w ? 1 : v > w ? -1 : (x->at > y->at) - (x->at < y->at);
}

/* Columns by their largest coefficient. New. */
static struct heavy *heaviest_columns(const struct logistic *m)
{
    struct heavy *h = xcalloc((size_t)m->p + 1, sizeof *h);
    for (int32_t j = 0; j < m->p; j++) {
        h[j].at = j;
        for (int32_t r = 0; r < m->rows; r++)
            h[j].w = fmax(h[j].w, fabs(m->w[(size_t)r * (size_t)m->p + (size_t)j]));
    }
    qsort(h, (size_t)m->p, sizeof *h, by_weight);
    return h;
}

/* All coefficients, row by row, by their size. New. */
static struct heavy *heaviest(const struct logistic *m)
{
    const int64_t n = (int64_t)m->rows * m->p;
    struct heavy *h = xcalloc((size_t)n + 1, sizeof *h);
    for (int64_t i = 0; i < n; i++)
        h[i] = (struct heavy){m->w[i], i};
    qsort(h, (size_t)n, sizeof *h, by_weight);
    return h;
}

/* The least number of units with the largest weights that alone, with the bias, get as many of all
 * words right beyond chance as .9 of what all weights do; 0: the bias alone does. */
static int64_t carry_of(const struct word_matrix *x, const struct fitted *f,
                        const struct word_list *l)
{
    const struct logistic *m = &f->model;
    const size_t rows = (size_t)m->rows, p = (size_t)x->p;
    int32_t largest = 0;
    for (int32_t i = 0; i < l->n_labels; i++)
        largest = l->n_of[i] > largest ? l->n_of[i] : largest;
    const double need = largest + .9 * (double)(f->train_hits + f->hits - largest);
    struct heavy *h = heaviest_columns(m);
    double *z = xcalloc((size_t)x->n * rows + 1, sizeof *z);
    int64_t carry = x->p;
    for (int32_t i = 0; i < x->n; i++)
        memcpy(z + (size_t)i * rows, m->bias, rows * sizeof *z);
    for (int32_t s = 0; s <= x->p; s++) {
        int64_t hits = 0;
        for (int32_t i = 0; i < x->n; i++) {
            double *of = z + (size_t)i * rows;
            for (size_t r = 0; r < rows && s > 0; r++)
                of[r] +=
                    x->x[(size_t)i * p + (size_t)h[s - 1].at] * m->w[r * p + (size_t)h[s - 1].at];
            hits += logistic_likeliest(m, of) == l->label[i];
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
    const int32_t live = s->top > 0 ? rank_columns(c, p->corpus, &p->l, train, order) : 0;
    word_matrix_init(&x, c, &p->l, train, s->top > 0 ? order : NULL, s->top < live ? s->top : live);
    double *rows = xcalloc((size_t)x.n * (size_t)x.p + 1, sizeof *rows);
    const int32_t n_train = word_matrix_rows(&x, train, true, p->l.label, rows, y);
    logistic_init(&f->model, p->l.n_labels, x.p);
    f->there = logistic_fit(&f->model, rows, n_train, y, &spec, &f->fit);
    if (f->there) {
        f->train_hits = hits_of(&x, f, &p->l, train, true);
        f->hits = hits_of(&x, f, &p->l, train, false);
        f->carry = carry_of(&x, f, &p->l);
    }
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
    const struct logistic *m = &p->fitted.model;
    fitted_release(f);
    *f = p->fitted;
    f->column = xmemdup(p->fitted.column, ((size_t)m->p + 1) * sizeof *f->column);
    logistic_init(&f->model, m->classes, m->p);
    memcpy(f->model.w, m->w, (size_t)m->rows * (size_t)m->p * sizeof *m->w);
    memcpy(f->model.bias, m->bias, (size_t)m->rows * sizeof *m->bias);
}

/* ---- checkpoints */
static void regress_save(const struct study *s, struct blob_writer *b)
{
    blob_add_i64(b, s->words.l.n);
    blob_add_i64(b, s->words.n_units);
    for (int u = 0; u < s->words.n_units; u++) {
        const struct fitted *f = &s->of[u];
        const struct logistic none = {0}, *m = f->there ? &f->model : &none;
        const int64_t numbers[] = {
            f->there, m->p, f->train_hits, f->hits, f->carry, f->fit.iterations, f->fit.converged};
        for (size_t k = 0; k < sizeof numbers / sizeof *numbers; k++)
            blob_add_i64(b, numbers[k]);
        blob_add_f64(b, f->fit.gradient_norm);
        for (int32_t r = 0; r < m->rows; r++)
            blob_add_f64(b, m->bias[r]);
        for (int32_t j = 0; j < m->p; j++) {
            blob_add_u32(b, (uint32_t)f->column[j]);
            for (int32_t r = 0; r < m->rows; r++)
                blob_add_f64(b, m->w[(size_t)r * (size_t)m->p + (size_t)j]);
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
    f->fit.gradient_norm = blob_f64(r);
    if (r->bad || there < 0 || there > 1 || p < 0 || p > n_cols || r->left < (uint64_t)p * 12 ||
        f->train_hits < 0 || f->hits < 0 || f->carry < 0 || f->carry > p ||
        f->train_hits + f->hits > s->words.l.n)
        return false;
    if (there == 0) /* not fitted yet */
        return p == 0;
    f->there = true;
    struct logistic *m = &f->model;
    logistic_init(m, s->words.l.n_labels, (int32_t)p);
    f->column = xcalloc((size_t)p + 1, sizeof *f->column);
    for (int32_t k = 0; k < m->rows; k++)
        m->bias[k] = blob_f64(r);
    for (int32_t j = 0; j < m->p; j++) {
        const uint32_t column = blob_u32(r);
        f->column[j] = (int32_t)column;
        for (int32_t k = 0; k < m->rows; k++)
            m->w[(size_t)k * (size_t)m->p + (size_t)j] = blob_f64(r);
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
    table_column(t, "chance", "share", "the largest class", COLUMN_F64, COLUMN_TEXT);
    table_column(t, "iterations", "", "", COLUMN_I64, COLUMN_TEXT);
    table_column(t, "gradient_norm", "", "at the end", COLUMN_F64, COLUMN_TEXT);
    table_column(t, "converged", "", "the gradient is small enough", COLUMN_BOOL, COLUMN_TEXT);
    table_column(t, "nonzero", "", "units with a coefficient that is not 0", COLUMN_I64,
                 COLUMN_TEXT);
    table_column(t, "carry", "", "so many of the heaviest alone keep 0.9 of the prediction",
                 COLUMN_I64, COLUMN_TEXT);
    return t;
}

static void add_row(struct table *t, const struct study *s, int u)
{
    const struct fitted *f = &s->of[u];
    const int64_t row = table_row(t), tested = probe_words_tested(&s->words, 0),
                  trained = s->words.l.n - tested;
    const struct interval ci = share_interval(f->hits, tested);
    struct heavy *h = heaviest_columns(&f->model);
    int64_t nonzero = 0;
    while (nonzero < f->model.p && h[nonzero].w > 0)
        nonzero++;
    free(h);
    table_set_str(t, row, R_UNITS, word_units_name[s->words.units[u]]);
    table_set_i64(t, row, R_COLUMNS, f->model.p);
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
        table_note(t, "%s%s%s: not converged after %d iterations", t->note, *t->note ? "; " : "",
                   word_units_name[s->words.units[u]], f->fit.iterations);
}

enum { C_UNITS, C_UNIT, C_CLASS, C_WEIGHT };

static struct table *coefficients_new(void)
{
    struct table *t = table_new("coefficients", "Coefficients", MARK_LIST);
    table_column(t, "units", "", "neurons or latents", COLUMN_STR, COLUMN_SERIES);
    table_column(t, "unit", "", "latent or neuron", COLUMN_I64, COLUMN_KEY);
    table_column(t, "class", "", "that it speaks for", COLUMN_STR, COLUMN_KEY);
    table_column(t, "weight", "", "of the standardised unit", COLUMN_F64, COLUMN_Y);
    return t;
}

static void add_coefficients(struct table *t, const struct study *s, int u)
{
    const struct fitted *f = &s->of[u];
    const struct word_list *l = &s->words.l;
    struct heavy *h = heaviest(&f->model);
    const int64_t n = (int64_t)f->model.rows * f->model.p;
    for (int64_t k = 0; k < n && (h[k].w < 0 || h[k].w > 0); k++) {
        const int64_t row = table_row(t), r = h[k].at / f->model.p;
        const int32_t cls = l->cls[f->model.rows == 1 ? 1 : r];
        table_set_str(t, row, C_UNITS, word_units_name[s->words.units[u]]);
        table_set_i64(t, row, C_UNIT, f->column[h[k].at % f->model.p]);
        table_set_str(t, row, C_CLASS, s->words.corpus->cls[cls].name);
        table_set_f64(t, row, C_WEIGHT, h[k].w);
    }
    free(h);
}

static struct table_set *regress_tables(struct study *s)
{
    struct table_set *set = table_set_new();
    struct table *rows = rows_new(), *c = coefficients_new();
    for (int u = 0; u < s->words.n_units; u++)
        if (s->of[u].there) {
            add_row(rows, s, u);
            add_coefficients(c, s, u);
        }
    probe_words_note(&s->words, rows);
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

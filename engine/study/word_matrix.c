#include "engine/study/word_matrix.h"
#include "engine/base/memory.h"
#include "engine/base/statistics.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- columns */
struct spread {
    double sum, square; /* over the training words; the square about the mean */
    int32_t n;          /* of them that are not 0 */
};

/* Two passes over the values that are not 0; the others count by their number. */
static struct spread *spreads_of(const struct word_columns *c, const struct word_list *l,
                                 const uint8_t *train, int32_t n_train)
{
    struct spread *m = xcalloc((size_t)c->n_cols + 1, sizeof *m);
    for (int pass = 0; pass < 2; pass++)
        for (int32_t w = 0; w < l->n; w++)
            for (int64_t i = c->start[l->doc[w]]; train[w] && i < c->start[l->doc[w] + 1]; i++) {
                struct spread *of = &m[c->id[i]];
                const double v = (double)c->value[i], d = v - of->sum / n_train;
                if (pass == 0)
                    of->sum += v, of->n++;
                else
                    of->square += d * d;
            }
    for (int32_t j = 0; j < c->n_cols; j++) {
        const double mean = m[j].sum / n_train;
        m[j].square += (double)(n_train - m[j].n) * mean * mean;
    }
    return m;
}

/* Place of each column in the matrix, −1: none; those alike on all training words have no spread
 * but rounding's. */
static int32_t *places(struct word_matrix *x, const struct word_columns *c, const struct spread *m,
                       int32_t n_train, const int32_t *pick, int32_t n_pick)
{
    int32_t *place = xmalloc(((size_t)c->n_cols + 1) * sizeof *place);
    const int32_t n = pick ? n_pick : c->n_cols;
    for (int32_t j = 0; j < c->n_cols; j++)
        place[j] = -1;
    x->column = xcalloc((size_t)n + 1, sizeof *x->column);
    for (int32_t i = 0; i < n; i++) {
        const int32_t j = pick ? pick[i] : i;
        const double mean = m[j].sum / n_train;
        if (!(m[j].square > 1e-12 * n_train * mean * mean))
            continue;
        place[j] = x->p;
        x->column[x->p++] = j;
    }
    return place;
}

struct standard { /* how a column is standardised; sd 0: it is left out */
    double mean, sd;
};

static struct standard *standards_of(struct word_matrix *x, const struct word_columns *c,
                                     const struct word_list *l, const uint8_t *train,
                                     int32_t n_train, const int32_t *pick, int32_t n_pick,
                                     int32_t **place)
{
    struct spread *m = spreads_of(c, l, train, n_train);
    struct standard *of = xcalloc((size_t)c->n_cols + 1, sizeof *of);
    *x = (struct word_matrix){.n = l->n};
    *place = places(x, c, m, n_train, pick, n_pick);
    for (int32_t k = 0; k < x->p; k++) {
        const int32_t j = x->column[k];
        of[j] = (struct standard){m[j].sum / n_train, sqrt(m[j].square / n_train)};
    }
    free(m);
    return of;
}

static void fill(struct word_matrix *x, const struct word_columns *c, const struct word_list *l,
                 const struct standard *of, const int32_t *place)
{
    const size_t p = (size_t)x->p;
    x->x = xcalloc((size_t)l->n * p + 1, sizeof *x->x);
    double *zero = xcalloc(p + 1, sizeof *zero);
    for (size_t k = 0; k < p; k++)
        zero[k] = -of[x->column[k]].mean / of[x->column[k]].sd;
    for (int32_t w = 0; w < l->n; w++) {
        double *row = x->x + (size_t)w * p;
        memcpy(row, zero, p * sizeof *row);
        for (int64_t i = c->start[l->doc[w]]; i < c->start[l->doc[w] + 1]; i++)
            if (place[c->id[i]] >= 0)
                row[place[c->id[i]]] = ((double)c->value[i] - of[c->id[i]].mean) / of[c->id[i]].sd;
    }
    free(zero);
}

static int32_t count(const uint8_t *train, int32_t n)
{
    int32_t n_train = 0;
    for (int32_t w = 0; w < n; w++)
        n_train += train[w];
    return n_train;
}

void word_matrix_init(struct word_matrix *x, const struct word_columns *c,
                      const struct word_list *l, const uint8_t *train, const int32_t *pick,
                      int32_t n_pick)
{
    int32_t *place;
    struct standard *of = standards_of(x, c, l, train, count(train, l->n), pick, n_pick, &place);
    fill(x, c, l, of, place);
    free(of);
    free(place);
}

void word_matrix_release(struct word_matrix *x)
{
    free(x->x);
    free(x->column);
    *x = (struct word_matrix){0};
}

/* ---- turning */
/* Rows of all words against the directions found so far. The rows are read where they lie, most of
 * them sparse: all of them standardised are gigabytes of an SAE's latents. */
struct turning {
    const struct word_columns *c;
    const struct word_list *l;
    const struct standard *of;
    double *to;   /* [n, most] coordinates */
    double *rest; /* [n] what is left of ‖row‖², of training words */
    double *row;  /* [n_cols] of one word: x/sd, which a value less its mean is multiplied with */
    double zero;  /* Σ mean·row: what a word without a value has less */
    int32_t most, r;
};

static void take_row(struct turning *t, int32_t k)
{
    const struct word_columns *c = t->c;
    const int32_t doc = t->l->doc[k];
    int64_t i = c->start[doc];
    double zero = 0;
    for (int32_t j = 0; j < c->n_cols; j++) {
        const struct standard *of = &t->of[j];
        const bool there = i < c->start[doc + 1] && c->id[i] == j;
        const double v = there ? (double)c->value[i++] : 0;
        t->row[j] = of->sd > 0 ? (v - of->mean) / of->sd / of->sd : 0;
        zero += of->mean * t->row[j];
    }
    t->zero = zero;
}

/* A word's row times the one that was taken. One with a value in every column is centred value by
 * value: nothing cancels then. */
static double times_row(const struct turning *t, int32_t w)
{
    const struct word_columns *c = t->c;
    const int64_t from = c->start[t->l->doc[w]], n = c->start[t->l->doc[w] + 1] - from;
    const int32_t *id = c->id + from;
    const float *value = c->value + from;
    double sum[4] = {0};
    int64_t i = 0;
    if (n == c->n_cols) {
        for (; i + 4 <= n; i += 4)
            for (int k = 0; k < 4; k++)
                sum[k] += ((double)value[i + k] - t->of[i + k].mean) * t->row[i + k];
        for (; i < n; i++)
            sum[0] += ((double)value[i] - t->of[i].mean) * t->row[i];
        return (sum[0] + sum[1]) + (sum[2] + sum[3]);
    }
    for (; i < n; i++)
        sum[0] += (double)value[i] * t->row[id[i]];
    return sum[0] - t->zero;
}

/* Takes in the direction of training word k: what is left of it beyond the directions before. */
static void take_direction(struct turning *t, int32_t k)
{
    const size_t most = (size_t)t->most, r = (size_t)t->r;
    const double *at = t->to + (size_t)k * most, length = sqrt(t->rest[k]);
    take_row(t, k);
    for (int32_t w = 0; w < t->l->n; w++) {
        double *to = t->to + (size_t)w * most;
        const double along =
            w == k ? length : (times_row(t, w) - dot_product(to, at, t->r)) / length;
        to[r] = along;
        t->rest[w] -= along * along;
    }
    t->rest[k] = 0;
    t->r++;
}

static void take_directions(struct turning *t, const uint8_t *train, bool (*go_on)(void *, double),
                            void *arg)
{
    double largest = 0;
    for (int32_t w = 0; w < t->l->n; w++) {
        if (!train[w])
            continue;
        take_row(t, w);
        t->rest[w] = times_row(t, w);
        largest = t->rest[w] > largest ? t->rest[w] : largest;
    }
    while (t->r < t->most && (!go_on || go_on(arg, (double)t->r / t->most))) {
        int32_t best = -1;
        for (int32_t w = 0; w < t->l->n; w++)
            if (train[w] && (best < 0 || t->rest[w] > t->rest[best]))
                best = w;
        if (best < 0 || !(t->rest[best] > 1e-12 * largest))
            break;
        take_direction(t, best);
    }
}

void word_matrix_turned(struct word_matrix *x, const struct word_columns *c,
                        const struct word_list *l, const uint8_t *train, const int32_t *pick,
                        int32_t n_pick, bool (*go_on)(void *, double), void *arg)
{
    const int32_t n_train = count(train, l->n);
    int32_t *place;
    struct standard *of = standards_of(x, c, l, train, n_train, pick, n_pick, &place);
    if (x->p <= n_train) {
        fill(x, c, l, of, place);
    } else {
        struct turning t = {.c = c,
                            .l = l,
                            .of = of,
                            .most = n_train,
                            .to = xcalloc((size_t)l->n * (size_t)n_train + 1, sizeof *t.to),
                            .rest = xcalloc((size_t)l->n + 1, sizeof *t.rest),
                            .row = xcalloc((size_t)c->n_cols + 1, sizeof *t.row)};
        take_directions(&t, train, go_on, arg);
        x->p = t.r;
        x->x = t.to; /* [n, r] with rows of n_train: closed up */
        for (int32_t w = 1; w < x->n; w++)
            memmove(x->x + (size_t)w * (size_t)t.r, x->x + (size_t)w * (size_t)n_train,
                    (size_t)t.r * sizeof *x->x);
        free(t.rest);
        free(t.row);
    }
    free(x->column);
    x->column = NULL;
    free(of);
    free(place);
}

int32_t word_matrix_rows(const struct word_matrix *m, const uint8_t *flag, bool is,
                         const uint8_t *label, double *x, uint8_t *y)
{
    int32_t n = 0;
    const size_t p = (size_t)m->p;
    for (int32_t w = 0; w < m->n; w++)
        if ((flag[w] != 0) == is) {
            memcpy(x + (size_t)n * p, m->x + (size_t)w * p, p * sizeof *x);
            y[n++] = label[w];
        }
    return n;
}

/* ---- splits */
bool word_split_init(struct word_split *s, const struct corpus *c, const struct word_list *l,
                     int32_t folds, struct rng *rng, struct error *e)
{
    *s = (struct word_split){.folds = folds};
    if (!word_list_check(l, c, folds > 2 ? folds : 2, e))
        return false;
    s->fold = xcalloc((size_t)l->n + 1, sizeof *s->fold);
    int32_t *order = xcalloc((size_t)l->n + 1, sizeof *order);
    for (int32_t cls = 0; cls < c->n_classes; cls++) {
        int32_t n = 0;
        for (int32_t w = 0; w < l->n; w++)
            if (c->doc[l->doc[w]].cls == cls)
                order[n++] = w;
        const int32_t test = (int32_t)lround(.2 * n) > 0 ? (int32_t)lround(.2 * n) : 1;
        rng_shuffle(rng, order, (size_t)n);
        for (int32_t k = 0; k < n; k++)
            s->fold[order[k]] = folds > 1 ? k % folds : k < test ? 0 : -1;
    }
    free(order);
    return true;
}

void word_split_train(const struct word_split *s, int32_t n, int32_t fold, uint8_t *train)
{
    for (int32_t w = 0; w < n; w++)
        train[w] = s->fold[w] != fold;
}

void word_split_release(struct word_split *s)
{
    free(s->fold);
    *s = (struct word_split){0};
}

struct interval share_interval(int64_t hits, int64_t n)
{
    if (n < 1)
        return (struct interval){(double)NAN, (double)NAN};
    const double z = 1.959963984540054, N = (double)n, p = (double)hits / N, zz = z * z;
    const double middle = (p + zz / (2 * N)) / (1 + zz / N),
                 half = z / (1 + zz / N) * sqrt(p * (1 - p) / N + zz / (4 * N * N));
    return (struct interval){middle - half, middle + half};
}

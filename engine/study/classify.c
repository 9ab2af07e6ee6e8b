/* One-feature logistic regression of many units on the same tokens. */
#include "engine/study/classify.h"
#include "engine/base/memory.h"
#include "engine/base/parallel.h"
#include "engine/base/rng.h"
#include "engine/base/statistics.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { BINS = 30, UNITS_AT_ONCE = 256 };

struct score {
    double f1, train, test;
};

struct split { /* tokens of both sides, shuffled: the first n_train to learn from */
    int32_t n, n_train;
    int32_t *token; /* below `positive`: the target's */
    int32_t positive;
    const float **row; /* [n] values of all units */
};

/* ---- the tokens */
/* Rows of the classes that are not the target, as many of each. */
static int32_t take_others(const struct study *s, int32_t n_classes, int32_t target, int64_t each,
                           const float **row)
{
    const size_t J = (size_t)activity_n_units(s);
    int32_t n = 0;
    for (int32_t c = 0; c < n_classes; c++) {
        int64_t have;
        const float *value = activity_values(s, c, &have);
        for (int64_t i = 0; c != target && i < each; i++)
            row[n++] = value + (size_t)i * J;
    }
    return n;
}

static bool split_init(struct split *q, const struct study *s, int32_t target, uint64_t seed,
                       struct error *e)
{
    const int32_t n_classes = activity_n_classes(s);
    const size_t J = (size_t)activity_n_units(s);
    int64_t mine, each = INT64_MAX;
    const float *value = activity_values(s, target, &mine);
    *q = (struct split){0};
    for (int32_t c = 0; c < n_classes; c++) {
        int64_t have;
        activity_values(s, c, &have);
        if (c != target && have < each)
            each = have;
    }
    if (n_classes < 2 || mine < n_classes - 1 || each < 1)
        return error_set(e, ERROR_INPUT,
                         "classify: %lld tokens of the class asked about, %lld of another one, "
                         "expected some of each at these positions",
                         (long long)mine, (long long)(n_classes < 2 ? 0 : each));
    if (each > mine / (n_classes - 1))
        each = mine / (n_classes - 1);
    q->row = xcalloc((size_t)(2 * each * (n_classes - 1)), sizeof *q->row);
    q->positive = (int32_t)(each * (n_classes - 1));
    for (int32_t i = 0; i < q->positive; i++)
        q->row[i] = value + (size_t)i * J;
    q->n = q->positive + take_others(s, n_classes, target, each, q->row + q->positive);
    q->n_train = q->n - (q->n + 4) / 5; /* a fifth to test on, rounded up */
    q->token = xcalloc((size_t)q->n, sizeof *q->token);
    for (int32_t i = 0; i < q->n; i++)
        q->token[i] = i;
    struct rng r;
    rng_seed(&r, seed);
    rng_shuffle(&r, q->token, (size_t)q->n);
    return true;
}

static void split_release(struct split *q)
{
    free(q->row);
    free(q->token);
}

/* ---- one unit */
struct fit {
    double w, b;
};

/* log(1 + e^z) */
static double softplus(double z)
{
    return z > 0 ? z + log1p(exp(-z)) : log1p(exp(z));
}

struct step { /* of the objective at a point */
    double value, gw, gb, hww, hwb, hbb;
};

static struct step look(const double *x, const double *y, int32_t n, struct fit at)
{
    struct step s = {.value = 0.5 * at.w * at.w, .gw = at.w, .hww = 1};
    for (int32_t i = 0; i < n; i++) {
        const double z = at.w * x[i] + at.b, p = z >= 0 ? 1 / (1 + exp(-z)) : exp(z) / (1 + exp(z));
        const double g = p - (y[i] > 0 ? 1 : 0), h = p * (1 - p);
        s.value += softplus(-y[i] * z);
        s.gw += g * x[i], s.gb += g;
        s.hww += h * x[i] * x[i], s.hwb += h * x[i], s.hbb += h;
    }
    return s;
}

/* Newton's method; a step that does not lead down is halved. x: centred, which the bias takes up.
 */
static struct fit fit_logistic(const double *x, const double *y, int32_t n)
{
    enum { STEPS = 100, HALVES = 40 };
    struct fit at = {0, 0};
    struct step s = look(x, y, n, at);
    for (int i = 0; i < STEPS && fmax(fabs(s.gw), fabs(s.gb)) > 1e-9; i++) {
        const double det = s.hww * s.hbb - s.hwb * s.hwb;
        if (!(det > 0))
            break;
        const double dw = (s.hbb * s.gw - s.hwb * s.gb) / det,
                     db = (s.hww * s.gb - s.hwb * s.gw) / det;
        double a = 1;
        struct step next = s;
        struct fit to = at;
        for (int h = 0; h < HALVES; h++, a /= 2) {
            to = (struct fit){at.w - a * dw, at.b - a * db};
            next = look(x, y, n, to);
            if (next.value < s.value)
                break;
        }
        if (!(next.value < s.value))
            break;
        at = to, s = next;
    }
    return at;
}

static struct score score_of(const struct split *q, const double *x, const double *y,
                             struct fit fit)
{
    int64_t right[2] = {0}, n[2] = {q->n_train, q->n - q->n_train}, hit = 0, wrong = 0;
    for (int32_t i = 0; i < q->n; i++) {
        const bool says = fit.w * x[i] + fit.b > 0, is = y[i] > 0, test = i >= q->n_train;
        right[test] += says == is;
        hit += test && says && is;
        wrong += test && says != is;
    }
    return (struct score){.f1 = hit > 0 ? 2.0 * (double)hit / (double)(2 * hit + wrong) : 0,
                          .train = (double)right[0] / (double)n[0],
                          .test = (double)right[1] / (double)n[1]};
}

struct job {
    const struct split *q;
    struct score *score;
    int32_t first;
};

static void score_units(void *arg, int64_t first, int64_t end)
{
    const struct job *job = arg;
    const struct split *q = job->q;
    double *x = xcalloc(2 * (size_t)q->n, sizeof *x), *y = x + q->n;
    for (int64_t j = first + job->first; j < end + job->first; j++) {
        double mean = 0;
        for (int32_t i = 0; i < q->n; i++) {
            x[i] = (double)q->row[q->token[i]][j];
            y[i] = q->token[i] < q->positive ? 1 : -1;
            mean += i < q->n_train ? x[i] / q->n_train : 0;
        }
        for (int32_t i = 0; i < q->n; i++)
            x[i] -= mean;
        job->score[j] = score_of(q, x, y, fit_logistic(x, y, q->n_train));
    }
    free(x);
}

static bool score_all(const struct split *q, int32_t J, const struct study_loop *loop,
                      struct score *score, struct error *e)
{
    for (int32_t first = 0; first < J; first += UNITS_AT_ONCE) {
        struct job job = {q, score, first};
        const int32_t n = J - first < UNITS_AT_ONCE ? J - first : (int32_t)UNITS_AT_ONCE;
        parallel_for(n, 4, score_units, &job);
        if (loop && loop->poll)
            loop->poll(loop->poll_arg);
        if (loop && loop->cancel && atomic_load(loop->cancel))
            return error_set(e, ERROR_CANCELLED, "interrupted");
    }
    return true;
}

/* ---- tables */
static struct table *rows_new(const struct study *s, const struct split *q)
{
    struct table *t = table_new("rows", "Classification by one unit", MARK_LIST);
    table_column(t, "unit", "", "neuron or latent", COLUMN_STR, COLUMN_KEY);
    table_column(t, "f1", "", "of the class asked about, on tokens that were not learnt from",
                 COLUMN_F64, COLUMN_Y);
    table_column(t, "train_accuracy", "share", "of the tokens learnt from", COLUMN_F64,
                 COLUMN_TEXT);
    table_column(t, "test_accuracy", "share", "of the others", COLUMN_F64, COLUMN_TEXT);
    for (int32_t c = 0; c < activity_n_classes(s); c++) {
        char name[300];
        snprintf(name, sizeof name, "mean.%.250s", activity_class(s, c));
        table_column(t, name, "", "mean activation, of all positions that count", COLUMN_F64,
                     COLUMN_TEXT);
    }
    if (activity_n_classes(s) > 2)
        table_column(t, "mean_others", "", "of all classes but the one asked about", COLUMN_F64,
                     COLUMN_TEXT);
    table_note(t,
               "logistic regression (C = 1) on %d tokens drawn at random, tested on %d; half of "
               "them of the class asked about",
               q->n_train, q->n - q->n_train);
    return t;
}

struct table *classify_rows(const struct study *s, int32_t target, uint64_t seed,
                            const struct study_loop *loop, struct error *e)
{
    struct split q;
    struct table *t = NULL, *sorted = NULL;
    const int32_t J = activity_n_units(s);
    if (!split_init(&q, s, target, seed, e))
        return NULL;
    struct score *score = xcalloc((size_t)J, sizeof *score);
    if (score_all(&q, J, loop, score, e)) {
        t = rows_new(s, &q);
        for (int32_t j = 0; j < J; j++) {
            char name[UNIT_NAME_MAX];
            const int64_t row = table_row(t);
            activity_name(s, j, name);
            table_set_str(t, row, 0, name);
            table_set_f64(t, row, 1, score[j].f1);
            table_set_f64(t, row, 2, score[j].train);
            table_set_f64(t, row, 3, score[j].test);
            for (int32_t c = 0; c < activity_n_classes(s); c++)
                table_set_f64(t, row, 4 + c, activity_of(s, j, c).mean);
            if (activity_n_classes(s) > 2)
                table_set_f64(t, row, 4 + activity_n_classes(s),
                              activity_others(s, j, target).mean);
        }
        int64_t *order = xcalloc((size_t)J, sizeof *order);
        table_sort(t, 1, true, order);
        sorted = table_select(t, order, J);
        free(order);
        table_free(t);
    }
    free(score);
    split_release(&q);
    return sorted;
}

static void range_of(const struct study *s, int32_t j, double *lo, double *hi)
{
    *lo = (double)INFINITY, *hi = -(double)INFINITY;
    for (int32_t c = 0; c < activity_n_classes(s); c++) {
        int64_t n;
        const float *value = activity_values(s, c, &n);
        for (int64_t i = 0; i < n; i++) {
            const double x = (double)value[i * activity_n_units(s) + j];
            *lo = fmin(*lo, x), *hi = fmax(*hi, x);
        }
    }
    if (!(*lo < *hi)) /* as numpy does: a bin needs a width */
        *lo -= 0.5, *hi += 0.5;
}

static void histogram_rows(struct table *t, const struct study *s, int32_t j, int32_t cls,
                           double lo, double hi)
{
    enum { UNIT, CLASS, LO, HI, SHARE, COUNT };
    int64_t n, count[BINS] = {0};
    const float *value = activity_values(s, cls, &n);
    char name[UNIT_NAME_MAX];
    float *x = xcalloc((size_t)n + 1, sizeof *x);
    for (int64_t i = 0; i < n; i++)
        x[i] = value[i * activity_n_units(s) + j];
    activity_name(s, j, name);
    histogram_count(x, n, lo, hi, BINS, count);
    for (int32_t i = 0; n > 0 && i < BINS; i++) {
        const int64_t row = table_row(t);
        table_set_str(t, row, UNIT, name);
        table_set_str(t, row, CLASS, activity_class(s, cls));
        table_set_f64(t, row, LO, lo + (hi - lo) / BINS * i);
        table_set_f64(t, row, HI, i + 1 == BINS ? hi : lo + (hi - lo) / BINS * (i + 1));
        table_set_f64(t, row, SHARE, (double)count[i] / (double)n);
        table_set_i64(t, row, COUNT, count[i]);
    }
    free(x);
}

struct table *classify_histogram(const struct study *s, int32_t most)
{
    struct table *t = table_new("histogram", "Activations by class", MARK_HIST);
    table_column(t, "unit", "", "neuron or latent", COLUMN_STR, COLUMN_FACET);
    table_column(t, "class", "", "class of the text", COLUMN_STR, COLUMN_SERIES);
    table_column(t, "lo", "", "lower bound of the bin", COLUMN_F64, COLUMN_LO);
    table_column(t, "hi", "", "upper bound of the bin", COLUMN_F64, COLUMN_HI);
    table_column(t, "share", "share", "of the class's tokens", COLUMN_F64, COLUMN_Y);
    table_column(t, "count", "", "tokens in the bin", COLUMN_I64, COLUMN_TEXT);
    table_note(t, "%d bins over the joint range", BINS);
    for (int32_t j = 0; j < activity_n_units(s) && j < most; j++) {
        double lo, hi;
        range_of(s, j, &lo, &hi);
        for (int32_t c = 0; c < activity_n_classes(s); c++)
            histogram_rows(t, s, j, c, lo, hi);
    }
    return t;
}

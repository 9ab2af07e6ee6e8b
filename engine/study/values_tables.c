/* What is made of values: exact histograms, overlaps, running text, verification. */
#include "engine/base/memory.h"
#include "engine/base/statistics.h"
#include "engine/study/values_private.h"
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int32_t class_of(const struct study *s, int64_t row)
{
    return s->in.corpus->doc[s->doc[row]].cls;
}

/* ---- values by class */
struct by_class { /* one unit's pre-activations, class after class */
    float *x;
    int64_t first[CORPUS_MAX_CLASSES + 1];
};

static void by_class_init(struct by_class *g, const struct study *s)
{
    *g = (struct by_class){.x = xcalloc((size_t)s->n + 1, sizeof *g->x)};
    for (int64_t t = 0; t < s->n; t++)
        g->first[class_of(s, t) + 1]++;
    for (int32_t c = 0; c < s->in.corpus->n_classes; c++)
        g->first[c + 1] += g->first[c];
}

static void by_class_take(struct by_class *g, const struct study *s, int32_t unit)
{
    int64_t at[CORPUS_MAX_CLASSES + 1];
    for (int32_t c = 0; c <= s->in.corpus->n_classes; c++)
        at[c] = g->first[c];
    for (int64_t t = 0; t < s->n; t++)
        g->x[at[class_of(s, t)]++] = s->pre[unit][t];
}

static void range(const float *x, int64_t n, double *lo, double *hi)
{
    *lo = *hi = NAN;
    for (int64_t i = 0; i < n; i++) {
        if (!(*lo <= (double)x[i]))
            *lo = (double)x[i];
        if (!(*hi >= (double)x[i]))
            *hi = (double)x[i];
    }
    if (*lo == *hi) /* as numpy does: a bin needs a width */
        *lo -= 0.5, *hi += 0.5;
}

/* numpy.linspace(lo, hi, n_bins + 1)[i] */
static double edge(double lo, double hi, int32_t n_bins, int32_t i)
{
    return i == n_bins ? hi : (double)i * ((hi - lo) / (double)n_bins) + lo;
}

/* ---- histograms */
enum { H_LATENT, H_CLASS, H_LO, H_HI, H_DENSITY, H_COUNT };

static struct table *histogram_new(bool own_range)
{
    struct table *t = table_new("rows", "Pre-activations by class", MARK_HIST);
    table_column(t, "latent", "", "latent or neuron", COLUMN_I64, COLUMN_FACET);
    table_column(t, "class", "", "class of the sentence", COLUMN_STR, COLUMN_SERIES);
    table_column(t, "lo", "", "lower bound of the bin", COLUMN_F64, COLUMN_LO);
    table_column(t, "hi", "", "upper bound of the bin", COLUMN_F64, COLUMN_HI);
    table_column(t, "density", "", "share of the class's tokens by width of the bin", COLUMN_F64,
                 COLUMN_Y);
    table_column(t, "count", "", "tokens in the bin", COLUMN_I64, COLUMN_TEXT);
    if (own_range)
        table_note(t, "%d bins over each class's own range", HISTOGRAM_EDGES);
    else
        table_note(t, "%d bins over the joint range", HISTOGRAM_EDGES - 1);
    return t;
}

static void histogram_rows(struct table *t, int32_t latent, const char *cls, const float *x,
                           int64_t n, double lo, double hi, int32_t n_bins)
{
    int64_t count[HISTOGRAM_EDGES] = {0}, sum = 0;
    histogram_count(x, n, lo, hi, n_bins, count);
    for (int32_t i = 0; i < n_bins; i++)
        sum += count[i];
    for (int32_t i = 0; i < n_bins; i++) {
        int64_t row = table_row(t);
        double a = edge(lo, hi, n_bins, i), b = edge(lo, hi, n_bins, i + 1);
        table_set_i64(t, row, H_LATENT, latent);
        table_set_str(t, row, H_CLASS, cls);
        table_set_f64(t, row, H_LO, a);
        table_set_f64(t, row, H_HI, b);
        table_set_f64(t, row, H_DENSITY,
                      sum > 0 ? (double)count[i] / (b - a) / (double)sum : (double)NAN);
        table_set_i64(t, row, H_COUNT, count[i]);
    }
}

struct table *values_histogram(const struct study *s, bool own_range)
{
    struct table *t = histogram_new(own_range);
    struct by_class g;
    by_class_init(&g, s);
    for (int32_t j = 0; j < s->units.n; j++) {
        double lo, hi;
        by_class_take(&g, s, j);
        range(g.x, s->n, &lo, &hi);
        for (int32_t c = 0; c < s->in.corpus->n_classes; c++) {
            const float *x = g.x + g.first[c];
            int64_t n = g.first[c + 1] - g.first[c];
            if (n < 1)
                continue;
            if (own_range)
                range(x, n, &lo, &hi);
            histogram_rows(t, s->units.id[j], s->in.corpus->cls[c].name, x, n, lo, hi,
                           own_range ? HISTOGRAM_EDGES : HISTOGRAM_EDGES - 1);
        }
    }
    free(g.x);
    return t;
}

static double overlap(const struct by_class *g, int32_t n_classes, int32_t target)
{
    enum { BINS = HISTOGRAM_EDGES - 1 };
    double lo, hi, mine[BINS] = {0}, others[BINS] = {0};
    range(g->x, g->first[n_classes], &lo, &hi);
    for (int32_t c = 0; c < n_classes; c++) {
        int64_t count[BINS] = {0};
        histogram_count(g->x + g->first[c], g->first[c + 1] - g->first[c], lo, hi, BINS, count);
        for (int32_t i = 0; i < BINS; i++)
            (c == target ? mine : others)[i] += (double)count[i];
    }
    return histogram_overlap(mine, others, BINS);
}

/* The class with the highest mean; −1: no tokens. */
static int32_t highest(const struct by_class *g, int32_t n_classes)
{
    int32_t best = -1;
    double best_mean = 0;
    for (int32_t c = 0; c < n_classes; c++) {
        int64_t n = g->first[c + 1] - g->first[c];
        double sum = 0;
        for (int64_t i = g->first[c]; i < g->first[c + 1]; i++)
            sum += (double)g->x[i];
        if (n > 0 && (best < 0 || sum / (double)n > best_mean))
            best = c, best_mean = sum / (double)n;
    }
    return best;
}

struct table *values_overlap(const struct study *s, int32_t target)
{
    const struct corpus *corpus = s->in.corpus;
    struct table *t = table_new("latents", "Overlap of pre-activations", MARK_LIST);
    table_column(t, "latent", "", "latent or neuron", COLUMN_I64, COLUMN_KEY);
    table_column(t, "overlap", "",
                 "common area of the histograms (29 bins), the target's and the others' pooled",
                 COLUMN_F64, COLUMN_Y);
    table_column(t, "higher", "", "class with the highest mean", COLUMN_STR, COLUMN_TEXT);
    struct by_class g;
    by_class_init(&g, s);
    for (int32_t j = 0; j < s->units.n; j++) {
        by_class_take(&g, s, j);
        int64_t row = table_row(t);
        int32_t best = highest(&g, corpus->n_classes);
        table_set_i64(t, row, 0, s->units.id[j]);
        table_set_f64(t, row, 1, overlap(&g, corpus->n_classes, target));
        if (best >= 0)
            table_set_str(t, row, 2, corpus->cls[best].name);
    }
    free(g.x);
    return t;
}

/* ---- running text */
enum { T_DOC, T_CLASS, T_POS, T_START, T_END, T_TEXT, T_UNITS };

static struct table *tokens_new(const struct study *s)
{
    struct table *t = table_new("tokens", "Tokens", MARK_LIST);
    table_column(t, "doc", "", "place in its file, from 0", COLUMN_I64, COLUMN_KEY);
    table_column(t, "class", "", "class of the sentence", COLUMN_STR, COLUMN_TEXT);
    table_column(t, "pos", "", "token of the sentence, counted from 0", COLUMN_I64, COLUMN_KEY);
    table_column(t, "start", "bytes", "first byte in the sentence", COLUMN_I64, COLUMN_TEXT);
    table_column(t, "end", "bytes", "byte behind it", COLUMN_I64, COLUMN_TEXT);
    table_column(t, "text", "", "the token", COLUMN_STR, COLUMN_TEXT);
    for (int32_t j = 0; j < s->units.n; j++) {
        char name[32];
        snprintf(name, sizeof name, "pre.%d", s->units.id[j]);
        table_column(t, name, "", "pre-activation", COLUMN_F64, COLUMN_TEXT);
        snprintf(name, sizeof name, "act.%d", s->units.id[j]);
        table_column(t, name, "", "activation; 0: not active", COLUMN_F64, COLUMN_TEXT);
    }
    table_reserve(t, s->n);
    return t;
}

struct table *values_tokens(const struct study *s)
{
    const struct corpus *corpus = s->in.corpus;
    struct table *t = tokens_new(s);
    for (int64_t i = 0; i < s->n; i++) {
        const struct corpus_doc *d = &corpus->doc[s->doc[i]];
        int64_t row = table_row(t);
        table_set_i64(t, row, T_DOC, corpus_doc_number(d));
        table_set_str(t, row, T_CLASS, corpus->cls[d->cls].name);
        table_set_i64(t, row, T_POS, s->pos[i]);
        table_set_i64(t, row, T_START, s->start[i]);
        table_set_i64(t, row, T_END, s->end[i]);
        table_set_strn(t, row, T_TEXT, d->text + s->start[i], (size_t)(s->end[i] - s->start[i]));
        for (int32_t j = 0; j < s->units.n; j++) {
            table_set_f64(t, row, T_UNITS + 2 * j, (double)s->pre[j][i]);
            table_set_f64(t, row, T_UNITS + 2 * j + 1, (double)s->act[j][i]);
        }
    }
    return t;
}

/* ---- verification: sentences are the units of the tests */
struct sentences {
    int32_t n;
    int32_t *cls;
    double *active, *tokens; /* [n] */
};

static void sentences_init(struct sentences *q, const struct study *s)
{
    size_t n = (size_t)s->n + 1; /* no more sentences than tokens */
    *q = (struct sentences){.cls = xcalloc(n, sizeof *q->cls),
                            .active = xcalloc(n, sizeof *q->active),
                            .tokens = xcalloc(n, sizeof *q->tokens)};
    for (int64_t t = 0; t < s->n; t++) {
        if (t == 0 || s->doc[t] != s->doc[t - 1])
            q->cls[q->n++] = class_of(s, t);
        q->tokens[q->n - 1]++;
    }
}

static void sentences_release(struct sentences *q)
{
    free(q->cls);
    free(q->active);
    free(q->tokens);
}

static void sentences_take(struct sentences *q, const struct study *s, int32_t unit)
{
    int32_t i = -1;
    for (int64_t t = 0; t < s->n; t++) {
        if (t == 0 || s->doc[t] != s->doc[t - 1])
            q->active[++i] = 0;
        q->active[i] += units_active(&s->units, s->act[unit][t]) ? 1 : 0;
    }
}

struct verified {
    double share[CORPUS_MAX_CLASSES], other; /* of tokens; NaN: there are none */
    struct interval ci;
    struct t_test welch;
};

static double ratio(double a, double b)
{
    return b > 0 ? a / b : (double)NAN;
}

static void shares(const struct sentences *q, const struct verify_in *in, int32_t n_classes,
                   struct verified *v)
{
    double active[CORPUS_MAX_CLASSES] = {0}, tokens[CORPUS_MAX_CLASSES] = {0}, a = 0, n = 0;
    for (int32_t i = 0; i < q->n; i++) {
        active[q->cls[i]] += q->active[i];
        tokens[q->cls[i]] += q->tokens[i];
    }
    for (int32_t c = 0; c < n_classes; c++) {
        v->share[c] = ratio(active[c], tokens[c]);
        if (c != in->target)
            a += active[c], n += tokens[c];
    }
    v->other = ratio(a, n);
}

static void test_unit(const struct sentences *q, const struct verify_in *in, int32_t n_classes,
                      struct verified *v)
{
    enum { DRAWS = 2000 };
    size_t n = (size_t)q->n + 1;
    double *mine = xcalloc(n, sizeof *mine), *others = xcalloc(n, sizeof *others);
    double *num = xcalloc(n, sizeof *num), *den = xcalloc(n, sizeof *den);
    int64_t n_mine = 0, n_others = 0;
    for (int32_t i = 0; i < q->n; i++) {
        double share = q->active[i] / q->tokens[i];
        if (q->cls[i] == in->target) {
            num[n_mine] = q->active[i], den[n_mine] = q->tokens[i];
            mine[n_mine++] = share;
        } else {
            others[n_others++] = share;
        }
    }
    shares(q, in, n_classes, v);
    v->ci = bootstrap_ratio(num, den, n_mine, DRAWS, in->seed);
    v->welch = welch_test(mine, n_mine, others, n_others);
    if (v->welch.t < 0)
        v->welch.p = 1, v->welch.log_p = 0;
    free(mine);
    free(others);
    free(num);
    free(den);
}

struct table *values_verified_none(const struct corpus *corpus)
{
    struct table *t = table_new("rows", "Found and verified on other sentences", MARK_LIST);
    char name[300];
    table_column(t, "latent", "", "latent or neuron", COLUMN_I64, COLUMN_KEY);
    for (int32_t c = 0; c < corpus->n_classes; c++) {
        snprintf(name, sizeof name, "fire_share.%.250s", corpus->cls[c].name);
        table_column(t, name, "share", "tokens on which it is active, where it was found",
                     COLUMN_F64, COLUMN_TEXT);
    }
    for (int32_t c = 0; c < corpus->n_classes; c++) {
        snprintf(name, sizeof name, "verified_share.%.250s", corpus->cls[c].name);
        table_column(t, name, "share", "the same on the other half", COLUMN_F64, COLUMN_TEXT);
    }
    table_column(t, "ci95.lo", "share", "of the target's verified share, bootstrap over sentences",
                 COLUMN_F64, COLUMN_LO);
    table_column(t, "ci95.hi", "share", "its upper end", COLUMN_F64, COLUMN_HI);
    table_column(t, "t", "", "Welch's t of the sentences' shares, target against the others",
                 COLUMN_F64, COLUMN_TEXT);
    table_column(t, "p", "", "two-sided; 1 where the target's is smaller", COLUMN_F64, COLUMN_TEXT);
    table_column(t, "p_adjusted", "", "times the number of latents, at most 1", COLUMN_F64,
                 COLUMN_TEXT);
    table_column(t, "verified", "", "the rule holds again and p_adjusted < .05", COLUMN_BOOL,
                 COLUMN_TEXT);
    return t;
}

static void note_untested(struct table *t, const struct sentences *q, int32_t target)
{
    int32_t mine = 0;
    for (int32_t i = 0; i < q->n; i++)
        mine += q->cls[i] == target;
    if (q->n > 0 && (mine < 2 || q->n - mine < 2))
        table_note(t, "no test: it takes two sentences of the target and two of the others");
}

/* The finding half may hold its classes in another order. */
static double found_share(const struct harvest_view *v, int32_t latent, const char *cls)
{
    const struct latent_detail *d =
        latent >= 0 && latent < v->n_latents ? v->detail(v->arg, latent) : NULL;
    for (int32_t c = 0; d && c < v->n_classes && c < d->n_classes; c++) {
        if (strcmp(v->cls[c], cls) == 0)
            return ratio((double)d->cls[c].fired, (double)v->counts[c].tokens);
    }
    return (double)NAN;
}

struct table *values_verify(const struct study *s, const struct verify_in *in)
{
    const struct corpus *corpus = s->in.corpus;
    int32_t n_classes = corpus->n_classes;
    struct table *t = values_verified_none(corpus);
    struct sentences q;
    sentences_init(&q, s);
    note_untested(t, &q, in->target);
    for (int32_t j = 0; j < s->units.n; j++) {
        struct verified v;
        sentences_take(&q, s, j);
        test_unit(&q, in, n_classes, &v);
        int64_t row = table_row(t);
        int32_t col = 0;
        /* The product in logarithms: p may be below every double where p·m is not. */
        double log_p = fmin(v.welch.log_p + log((double)in->m), 0);
        double p = v.welch.p < DBL_MIN ? exp(log_p) : fmin(v.welch.p * (double)in->m, 1);
        if (isnan(v.welch.p))
            log_p = p = (double)NAN;
        table_set_i64(t, row, col++, s->units.id[j]);
        for (int32_t c = 0; c < n_classes; c++)
            table_set_f64(t, row, col++,
                          found_share(in->found_on, s->units.id[j], corpus->cls[c].name));
        for (int32_t c = 0; c < n_classes; c++)
            table_set_f64(t, row, col++, v.share[c]);
        table_set_f64(t, row, col++, v.ci.lo);
        table_set_f64(t, row, col++, v.ci.hi);
        table_set_f64(t, row, col++, v.welch.t);
        table_set_f64(t, row, col++, v.welch.p);
        table_set_f64(t, row, col++, p);
        table_set_bool(t, row, col,
                       rule_holds(in->rule, v.share[in->target], v.other) && log_p < log(0.05));
    }
    sentences_release(&q);
    return t;
}

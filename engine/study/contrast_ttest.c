/* A t-test a unit. */
#include "engine/base/memory.h"
#include "engine/study/contrast_private.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- columns */
struct turned {     /* the values of each column, by word of a list */
    int64_t *start; /* [n_cols + 1] */
    int32_t *word;
    float *value;
};

static struct turned turn(const struct word_columns *c, const struct word_list *l)
{
    struct turned t = {.start = xcalloc((size_t)c->n_cols + 2, sizeof *t.start)};
    for (int32_t w = 0; w < l->n; w++)
        for (int64_t i = c->start[l->doc[w]]; i < c->start[l->doc[w] + 1]; i++)
            t.start[c->id[i] + 2]++;
    for (int32_t j = 0; j < c->n_cols; j++)
        t.start[j + 2] += t.start[j + 1];
    const size_t n = (size_t)t.start[c->n_cols + 1] + 1;
    t.word = xcalloc(n, sizeof *t.word);
    t.value = xcalloc(n, sizeof *t.value);
    for (int32_t w = 0; w < l->n; w++)
        for (int64_t i = c->start[l->doc[w]]; i < c->start[l->doc[w] + 1]; i++) {
            const int64_t at = t.start[c->id[i] + 1]++;
            t.word[at] = w;
            t.value[at] = c->value[i];
        }
    return t;
}

static void turned_release(struct turned *t)
{
    free(t->start);
    free(t->word);
    free(t->value);
}

/* place [n]: where each word stands, ordered by label and class. */
static void order_words(const struct corpus *c, const struct word_list *l, int32_t *place)
{
    int32_t next = 0;
    for (int32_t label = 0; label < l->n_labels; label++)
        for (int32_t cls = 0; cls < c->n_classes; cls++)
            for (int32_t w = 0; w < l->n && (l->cls[label] < 0 || l->cls[label] == cls); w++)
                if (l->label[w] == label && c->doc[l->doc[w]].cls == cls)
                    place[w] = next++;
}

void each_column(const struct word_columns *columns, const struct corpus *c,
                 const struct word_list *l,
                 void (*each)(void *arg, int32_t column, const double *x), void *arg)
{
    struct turned t = turn(columns, l);
    int32_t *place = xcalloc((size_t)l->n + 1, sizeof *place);
    double *x = xcalloc((size_t)l->n + 1, sizeof *x);
    order_words(c, l, place);
    for (int32_t j = 0; j < columns->n_cols; j++) {
        memset(x, 0, (size_t)l->n * sizeof *x);
        for (int64_t i = t.start[j]; i < t.start[j + 1]; i++)
            x[place[t.word[i]]] = (double)t.value[i];
        each(arg, j, x);
    }
    free(place);
    free(x);
    turned_release(&t);
}

/* ---- one set of units */
struct group { /* words of one class that stand behind each other in each_column's x */
    int32_t cls, from, n;
};

struct tested {
    enum word_units units;
    int32_t n, dead, n_significant, n_bonferroni, n_bh;
    const struct word_list *l;
    bool welch;
    int32_t n_groups; /* the target's is the last */
    struct group group[CORPUS_MAX_CLASSES];
    struct t_test *t;
    double *mean;          /* [n, n_groups] */
    double *others;        /* [n] where several classes are taken as one; else NULL */
    int32_t *order;        /* smallest p first, dead ones last */
    double bonferroni, bh; /* the greatest log p that passes; −∞: none */
};

static void find_groups(struct tested *s, const struct corpus *c)
{
    int32_t from = 0;
    for (int32_t label = 0; label < 2; label++)
        for (int32_t cls = 0; cls < c->n_classes; cls++) {
            int32_t n = 0;
            for (int32_t w = 0; w < s->l->n; w++)
                n += s->l->label[w] == label && c->doc[s->l->doc[w]].cls == cls;
            if (n > 0)
                s->group[s->n_groups++] = (struct group){cls, from, n};
            from += n;
        }
}

static void test_column(void *arg, int32_t j, const double *x)
{
    struct tested *s = arg;
    struct moments of[CORPUS_MAX_CLASSES];
    for (int32_t g = 0; g < s->n_groups; g++) {
        of[g] = moments_of(x + s->group[g].from, s->group[g].n);
        s->mean[(size_t)j * (size_t)s->n_groups + (size_t)g] = of[g].mean;
    }
    const struct moments target = of[s->n_groups - 1],
                         others = s->others ? moments_of(x, s->l->n_of[0]) : of[0];
    if (s->others)
        s->others[j] = others.mean;
    s->t[j] = moments_alike(of, s->n_groups)
                  ? (struct t_test){NAN, NAN, NAN, NAN}
                  : (s->welch ? welch_test_of : pooled_test_of)(target, others);
}

struct ranked {
    double log_p, t;
    int32_t unit;
};

static int by_p(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    if (isnan(x->log_p) != isnan(y->log_p))
        return isnan(x->log_p) ? 1 : -1;
    if (x->log_p < y->log_p || x->log_p > y->log_p)
        return x->log_p < y->log_p ? -1 : 1;
    return (x->unit > y->unit) - (x->unit < y->unit);
}

static void rank(struct tested *s, double alpha)
{
    struct ranked *r = xcalloc((size_t)s->n + 1, sizeof *r);
    for (int32_t j = 0; j < s->n; j++) {
        r[j] = (struct ranked){s->t[j].log_p, s->t[j].t, j};
        s->dead += isnan(s->t[j].t);
    }
    qsort(r, (size_t)s->n, sizeof *r, by_p);
    const int32_t M = s->n - s->dead;
    const double log_alpha = log(alpha);
    s->bh = -INFINITY;
    s->bonferroni = log_alpha - log(M > 0 ? M : 1);
    for (int32_t i = 0; i < s->n; i++) {
        s->order[i] = r[i].unit;
        if (i >= M)
            continue;
        s->n_significant += r[i].log_p < log_alpha;
        s->n_bonferroni += r[i].log_p < s->bonferroni;
        if (r[i].log_p <= log(i + 1) + s->bonferroni) {
            s->bh = r[i].log_p;
            s->n_bh = i + 1;
        }
    }
    free(r);
}

static void tested_init(struct tested *s, const struct study *words, enum word_units u,
                        const struct word_list *l, const struct ttest_in *in)
{
    const struct word_columns *c = words_columns(words, u);
    const size_t n = (size_t)c->n_cols + 1;
    *s = (struct tested){.units = u,
                         .n = c->n_cols,
                         .l = l,
                         .welch = in->welch,
                         .t = xcalloc(n, sizeof *s->t),
                         .order = xcalloc(n, sizeof *s->order)};
    find_groups(s, words_corpus(words));
    s->mean = xcalloc(n * (size_t)s->n_groups, sizeof *s->mean);
    s->others = s->n_groups > 2 ? xcalloc(n, sizeof *s->others) : NULL;
    each_column(c, words_corpus(words), l, test_column, s);
    rank(s, in->alpha);
}

static void tested_release(struct tested *s)
{
    free(s->t);
    free(s->order);
    free(s->mean);
    free(s->others);
}

/* ---- the tables */
enum { R_UNIT, R_T, R_DF, R_LOG_P, R_P, R_MEANS };
enum { R_SIGNIFICANT, R_BONFERRONI, R_BH }; /* behind the means */

/* The target's group, then the others. */
static int32_t group_at(const struct tested *s, int32_t i)
{
    return i == 0 ? s->n_groups - 1 : i - 1;
}

static int32_t mean_columns(struct table *t, const struct tested *s, const struct corpus *c)
{
    for (int32_t i = 0; i < s->n_groups; i++) {
        char *name = xasprintf("mean.%s", c->cls[s->group[group_at(s, i)].cls].name);
        table_column(t, name, "", "mean over the words of the class", COLUMN_F64, COLUMN_TEXT);
        free(name);
    }
    if (s->others)
        table_column(t, "mean_others", "", "mean over the words of all other classes", COLUMN_F64,
                     COLUMN_TEXT);
    return t->n_cols;
}

static void set_means(struct table *t, int64_t row, const struct tested *s, int32_t j)
{
    for (int32_t i = 0; i < s->n_groups; i++)
        table_set_f64(t, row, R_MEANS + i,
                      s->mean[(size_t)j * (size_t)s->n_groups + (size_t)group_at(s, i)]);
    if (s->others)
        table_set_f64(t, row, R_MEANS + s->n_groups, s->others[j]);
}

static struct table *rows_table(const struct tested *s, const char *name, const struct corpus *c,
                                const struct ttest_in *in)
{
    struct table *t = table_new(name,
                                s->units == WORD_LATENTS ? "Latents that part the classes"
                                                         : "Neurons that part the classes",
                                MARK_LIST);
    table_column(t, "unit", "", "latent or neuron", COLUMN_I64, COLUMN_KEY);
    table_column(t, "t", "", in->welch ? "Welch's t" : "t with the pooled variance", COLUMN_F64,
                 COLUMN_Y);
    table_column(t, "df", "", "degrees of freedom", COLUMN_F64, COLUMN_TEXT);
    table_column(t, "log_p", "", "natural logarithm of p", COLUMN_F64, COLUMN_TEXT);
    table_column(t, "p", "", "two-sided", COLUMN_F64, COLUMN_TEXT);
    const int32_t behind = mean_columns(t, s, c);
    table_column(t, "significant", "", "p < alpha", COLUMN_BOOL, COLUMN_TEXT);
    table_column(t, "bonferroni", "", "p < alpha / units with a p", COLUMN_BOOL, COLUMN_TEXT);
    table_column(t, "bh", "", "by Benjamini and Hochberg", COLUMN_BOOL, COLUMN_TEXT);
    table_reserve(t, s->n);
    for (int32_t i = 0; i < s->n; i++) {
        const int32_t j = s->order[i];
        const struct t_test *r = &s->t[j];
        const int64_t row = table_row(t);
        table_set_i64(t, row, R_UNIT, j);
        set_means(t, row, s, j);
        if (isnan(r->t))
            continue;
        table_set_f64(t, row, R_T, r->t);
        table_set_f64(t, row, R_DF, r->df);
        table_set_f64(t, row, R_LOG_P, r->log_p);
        table_set_f64(t, row, R_P, r->p);
        table_set_bool(t, row, behind + R_SIGNIFICANT, r->log_p < log(in->alpha));
        table_set_bool(t, row, behind + R_BONFERRONI, r->log_p < s->bonferroni);
        table_set_bool(t, row, behind + R_BH, r->log_p <= s->bh);
    }
    return t;
}

enum {
    S_UNITS,
    S_COUNT,
    S_DEAD,
    S_TESTED,
    S_SIGNIFICANT,
    S_BONFERRONI,
    S_BH,
    S_EXPECTED,
    S_PUBLISHED,
    S_CONFIDENCE,
    S_LEAST
};

static struct table *sets_table(void)
{
    struct table *t = table_new("sets", "All units together", MARK_LIST);
    table_column(t, "units", "", "neurons or latents", COLUMN_STR, COLUMN_SERIES);
    table_column(t, "count", "", "units", COLUMN_I64, COLUMN_TEXT);
    table_column(t, "dead", "", "units alike on all words, which have no p", COLUMN_I64,
                 COLUMN_TEXT);
    table_column(t, "tested", "", "units with a p", COLUMN_I64, COLUMN_TEXT);
    table_column(t, "significant", "", "p < alpha", COLUMN_I64, COLUMN_TEXT);
    table_column(t, "bonferroni", "", "p < alpha / tested", COLUMN_I64, COLUMN_TEXT);
    table_column(t, "bh", "", "by Benjamini and Hochberg", COLUMN_I64, COLUMN_TEXT);
    table_column(t, "expected", "", "significant by chance alone: alpha · tested", COLUMN_F64,
                 COLUMN_TEXT);
    table_column(t, "confidence_published", "share", "(1 − alpha)^count", COLUMN_F64, COLUMN_TEXT);
    table_column(t, "confidence", "share", "(1 − alpha)^tested: were they independent", COLUMN_F64,
                 COLUMN_TEXT);
    table_column(t, "confidence_least", "share", "1 − alpha · tested: whatever depends on what",
                 COLUMN_F64, COLUMN_TEXT);
    return t;
}

static void add_set(struct table *t, const struct tested *s, double alpha)
{
    const int64_t row = table_row(t);
    const int32_t M = s->n - s->dead;
    table_set_str(t, row, S_UNITS, word_units_name[s->units]);
    table_set_i64(t, row, S_COUNT, s->n);
    table_set_i64(t, row, S_DEAD, s->dead);
    table_set_i64(t, row, S_TESTED, M);
    table_set_i64(t, row, S_SIGNIFICANT, s->n_significant);
    table_set_i64(t, row, S_BONFERRONI, s->n_bonferroni);
    table_set_i64(t, row, S_BH, s->n_bh);
    table_set_f64(t, row, S_EXPECTED, alpha * M);
    table_set_f64(t, row, S_PUBLISHED, exp(s->n * log1p(-alpha)));
    table_set_f64(t, row, S_CONFIDENCE, exp(M * log1p(-alpha)));
    table_set_f64(t, row, S_LEAST, alpha * M < 1 ? 1 - alpha * M : 0);
}

enum { BINS = 20 };
enum { H_UNITS, H_LO, H_HI, H_COUNT, H_SHARE };

static struct table *histogram_table(void)
{
    struct table *t = table_new("histogram", "p of the units", MARK_HIST);
    table_column(t, "units", "", "neurons or latents", COLUMN_STR, COLUMN_SERIES);
    table_column(t, "lo", "", "lower bound of the bin", COLUMN_F64, COLUMN_LO);
    table_column(t, "hi", "", "upper bound of the bin", COLUMN_F64, COLUMN_HI);
    table_column(t, "count", "", "units in the bin", COLUMN_I64, COLUMN_TEXT);
    table_column(t, "share", "share", "of the units with a p", COLUMN_F64, COLUMN_Y);
    return t;
}

static void add_histogram(struct table *t, const struct tested *s)
{
    int64_t count[BINS] = {0};
    const int64_t n = s->n - s->dead;
    for (int32_t j = 0; j < s->n; j++)
        if (!isnan(s->t[j].t))
            count[s->t[j].p < 1 ? (int)(s->t[j].p * BINS) : BINS - 1]++;
    for (int i = 0; i < BINS && n > 0; i++) {
        const int64_t row = table_row(t);
        table_set_str(t, row, H_UNITS, word_units_name[s->units]);
        table_set_f64(t, row, H_LO, (double)i / BINS);
        table_set_f64(t, row, H_HI, (double)(i + 1) / BINS);
        table_set_i64(t, row, H_COUNT, count[i]);
        table_set_f64(t, row, H_SHARE, (double)count[i] / (double)n);
    }
}

void contrast_ttest(const struct study *words, const struct ttest_in *in, struct table_set *out)
{
    const struct corpus *c = words_corpus(words);
    struct table *sets = sets_table(), *histogram = histogram_table();
    struct word_question of = in->of;
    struct word_list l;
    struct strbuf asked;
    of.target = of.target < 0 ? 0 : of.target;
    word_list_init(&l, c, of);
    for (int u = WORD_LATENTS; u >= WORD_NEURONS; u--) {
        struct tested s;
        if (!words_columns(words, (enum word_units)u))
            continue;
        tested_init(&s, words, (enum word_units)u, &l, in);
        const bool first = (int)words_main(words) == u;
        table_set_add(out, rows_table(&s, first ? "rows" : "neurons", c, in));
        add_set(sets, &s, in->alpha);
        add_histogram(histogram, &s);
        tested_release(&s);
    }
    if (c->n_classes > 2) {
        strbuf_init(&asked);
        word_list_name(&l, c, &asked);
        table_note(sets, "%s", asked.s);
        strbuf_release(&asked);
    }
    word_list_release(&l);
    table_set_add(out, sets);
    table_set_add(out, histogram);
}

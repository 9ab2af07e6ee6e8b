/* The sweep's tables: means, intervals over sentences, paired differences. */
#include "engine/base/memory.h"
#include "engine/study/sweep_private.h"
#include <math.h>
#include <stdlib.h>

static bool has_difference(const struct study *s, int32_t lane)
{
    return !isnan(s->is[lane].value);
}

/* ---- columns that all tables share */
enum { C_VALUE, C_INSERT, C_UNIT, C_REST };

static void lane_columns(struct table *t, const struct study *s)
{
    table_column(t, "value", "", "what the units are fixed at; missing: unmodified", COLUMN_F64,
                 COLUMN_X);
    table_column(t, "insert", "", "what replaces the value at the hook", COLUMN_STR, COLUMN_KEY);
    units_column(t, &s->by.in, "unit", "the only one fixed; missing: all of them", COLUMN_KEY);
}

static int64_t lane_row(struct table *t, const struct study *s, int32_t lane)
{
    const struct sweep_lane l = s->is[lane];
    int64_t row = table_row(t);
    if (!isnan(l.value))
        table_set_f64(t, row, C_VALUE, l.value);
    table_set_str(t, row, C_INSERT, l.insert);
    if (l.unit >= 0)
        units_cell(t, row, C_UNIT, &s->by.in, s->unit[l.unit]);
    return row;
}

static void ci_columns(struct table *t, const char *doc)
{
    table_column(t, "ci95.lo", "nats", doc, COLUMN_F64, COLUMN_LO);
    table_column(t, "ci95.hi", "nats", doc, COLUMN_F64, COLUMN_HI);
}

static void set_estimate(struct table *t, int64_t row, int32_t col, const struct sample *q,
                         int32_t lane)
{
    table_set_f64(t, row, col, sample_mean(q, lane));
    table_set_f64(t, row, col + 1, q->ci[lane].lo);
    table_set_f64(t, row, col + 2, q->ci[lane].hi);
}

/* ---- losses, and differences of the same sentences */
static double token_mean(const struct study *s, int32_t lane, int32_t cls, int64_t *tokens)
{
    double sum = 0;
    *tokens = 0;
    for (int64_t d = s->by.docs.from; d < s->by.docs.done; d++)
        if (doc_counts(&s->by.docs, d, cls)) {
            sum += laned_loss(&s->by, lane, d) * s->by.docs.count[d];
            *tokens += s->by.docs.count[d];
        }
    return *tokens > 0 ? sum / (double)*tokens : (double)NAN;
}

static struct table *rows_table(const struct study *s, const struct sample *by_class)
{
    enum { CLASS = C_REST, LOSS, LO, HI, TOKEN_MEAN, SENTENCES, TOKENS };
    struct table *t = table_new("rows", "Loss with units fixed", MARK_LINE);
    lane_columns(t, s);
    table_column(t, "class", "", "class of the sentences", COLUMN_STR, COLUMN_SERIES);
    table_column(t, "loss_sentence_mean", "nats", "mean over sentences of each sentence's mean",
                 COLUMN_F64, COLUMN_Y);
    ci_columns(t, "bootstrap over sentences");
    table_column(t, "loss_token_mean", "nats", "mean over all tokens", COLUMN_F64, COLUMN_TEXT);
    table_column(t, "sentences", "", "sentences with a loss", COLUMN_I64, COLUMN_TEXT);
    table_column(t, "tokens", "", "tokens with a loss", COLUMN_I64, COLUMN_TEXT);
    for (int32_t l = 0; l < s->by.n_lanes; l++)
        for (int32_t c = 0; c < s->by.in.corpus->n_classes; c++) {
            int64_t row = lane_row(t, s, l), tokens;
            table_set_str(t, row, CLASS, s->by.in.corpus->cls[c].name);
            set_estimate(t, row, LOSS, &by_class[c], l);
            table_set_f64(t, row, TOKEN_MEAN, token_mean(s, l, c, &tokens));
            table_set_i64(t, row, SENTENCES, by_class[c].n);
            table_set_i64(t, row, TOKENS, tokens);
        }
    return t;
}

static struct table *differences_table(const struct study *s, const struct sample *by_class)
{
    enum { CLASS = C_REST, DIFFERENCE };
    struct table *t = table_new("differences", "Change of loss with units fixed", MARK_LINE);
    lane_columns(t, s);
    table_column(t, "class", "", "class of the sentences", COLUMN_STR, COLUMN_SERIES);
    table_column(t, "difference", "nats",
                 "mean over sentences, against the same insertion unmodified", COLUMN_F64,
                 COLUMN_Y);
    ci_columns(t, "bootstrap of the paired differences");
    for (int32_t l = 0; l < s->by.n_lanes; l++)
        for (int32_t c = 0; c < s->by.in.corpus->n_classes && has_difference(s, l); c++) {
            int64_t row = lane_row(t, s, l);
            table_set_str(t, row, CLASS, s->by.in.corpus->cls[c].name);
            set_estimate(t, row, DIFFERENCE, &by_class[c], l);
        }
    return t;
}

/* ---- differences of differences */
/* doc_of[pair·2 + class], −1: not measured or without a loss */
static int64_t *pair_docs(const struct study *s, int64_t *n_pairs)
{
    const struct corpus *corpus = s->by.in.corpus;
    int32_t last = -1;
    for (int64_t d = s->by.docs.from; d < s->by.docs.done; d++)
        last = corpus->doc[d].pair > last ? corpus->doc[d].pair : last;
    *n_pairs = (int64_t)last + 1;
    int64_t *doc_of = xcalloc((size_t)*n_pairs * 2 + 1, sizeof *doc_of);
    for (int64_t i = 0; i < *n_pairs * 2; i++)
        doc_of[i] = -1;
    for (int64_t d = s->by.docs.from; d < s->by.docs.done; d++)
        if (corpus->doc[d].pair >= 0 && s->by.docs.count[d] > 0)
            doc_of[(int64_t)corpus->doc[d].pair * 2 + corpus->doc[d].cls] = d;
    return doc_of;
}

static void pairs_of(const struct study *s, struct sample *q)
{
    int64_t n, *doc_of = pair_docs(s, &n);
    sample_init(q, n, s->by.n_lanes);
    for (int64_t i = 0; i < n; i++) {
        int64_t a = doc_of[2 * i], b = doc_of[2 * i + 1];
        if (a < 0 || b < 0)
            continue;
        for (int32_t l = 0; l < q->L; l++)
            q->x[q->n * q->L + l] = laned_difference(&s->by, l, a) - laned_difference(&s->by, l, b);
        q->n++;
    }
    free(doc_of);
    sample_intervals(q, s->seed);
}

static struct table *pairs_table(const struct study *s)
{
    enum { DIFFERENCE = C_REST, LO, HI, PAIRS };
    struct table *t = table_new("pairs", "Change of loss, first class minus second", MARK_LINE);
    struct sample q;
    lane_columns(t, s);
    table_column(t, "difference", "nats",
                 "mean over pairs of the first's change minus the second's", COLUMN_F64, COLUMN_Y);
    ci_columns(t, "bootstrap over pairs");
    table_column(t, "pairs", "", "pairs of which both have a loss", COLUMN_I64, COLUMN_TEXT);
    pairs_of(s, &q);
    for (int32_t l = 0; l < s->by.n_lanes; l++)
        if (has_difference(s, l)) {
            int64_t row = lane_row(t, s, l);
            set_estimate(t, row, DIFFERENCE, &q, l);
            table_set_i64(t, row, PAIRS, q.n);
        }
    sample_release(&q);
    return t;
}

struct table_set *sweep_tables(struct study *s)
{
    struct table_set *set = table_set_new();
    int32_t n_classes = s->by.in.corpus->n_classes;
    struct sample by_class[CORPUS_MAX_CLASSES];
    for (int32_t c = 0; c < n_classes; c++)
        laned_sample(&by_class[c], &s->by, c, false, s->seed);
    table_set_add(set, rows_table(s, by_class));
    for (int32_t c = 0; c < n_classes; c++) {
        sample_release(&by_class[c]);
        laned_sample(&by_class[c], &s->by, c, true, s->seed);
    }
    table_set_add(set, differences_table(s, by_class));
    for (int32_t c = 0; c < n_classes; c++)
        sample_release(&by_class[c]);
    if (s->by.in.corpus->paired && n_classes == 2)
        table_set_add(set, pairs_table(s));
    return set;
}

/* How few units carry a contrast: accuracy of a probe on the best s of them, s = 1, 2, 4 …, all.
 *
 * The best are those with the largest |t| (pooled; of more than two classes F) on the words that a
 * fold trains on, so that no test word has a say in which are taken. kept(s) = (accuracy of the
 * best s − chance)/(accuracy of all neurons − chance); localisation is the least s with kept ≥ .9;
 * information loss is 1 − kept of all latents. All of them are missing where the neurons' accuracy
 * is within its 95 % interval of chance: then there is nothing to keep. */
#include "engine/base/memory.h"
#include "engine/study/contrast_private.h"
#include <math.h>
#include <stdlib.h>

enum { STEPS_MAX = 32 };

struct study {
    struct tallied by;                     /* by step */
    int32_t step[WORD_N_UNITS][STEPS_MAX]; /* s */
    struct ready {                         /* the fold that was looked at last */
        bool there;
        int unit;
        int32_t fold, live; /* columns ranked */
        uint8_t *train;
        int32_t *order;
        int32_t columns, hits; /* of the probe fitted last: the next one may be of as many */
    } ready;
};
_Static_assert(offsetof(struct study, by) == 0, "what is tallied stands first");

static void forget(struct ready *r)
{
    free(r->train);
    free(r->order);
    *r = (struct ready){0};
}

static void kept_free(struct study *s)
{
    if (!s)
        return;
    forget(&s->ready);
    probe_words_release(&s->by.words);
    free(s);
}

static bool kept_open(const struct study_in *in, const struct params *params, struct study **out,
                      struct error *e)
{
    struct study *s = xcalloc(1, sizeof *s);
    if (!probe_words_init(&s->by.words, "kept", in, params, (int32_t)params_int(params, "folds"),
                          e)) {
        free(s);
        return false;
    }
    s->by.name = "kept", s->by.what = "folds", s->by.varied = s->by.words.split.folds;
    for (int u = 0; u < s->by.words.n_units; u++) {
        const int32_t n = words_columns(s->by.words.words, s->by.words.units[u])->n_cols;
        for (int32_t step = 1; step < n && step > 0; step *= 2)
            s->step[u][s->by.tally.n[u]++] = step;
        s->step[u][s->by.tally.n[u]++] = n;
    }
    *out = s;
    return true;
}

static void prepare(struct study *s, const struct probe_at *at)
{
    const struct probe_words *p = &s->by.words;
    struct ready *r = &s->ready;
    if (r->there && r->unit == at->unit && r->fold == at->fold)
        return;
    const struct word_columns *c = words_columns(p->words, p->units[at->unit]);
    forget(r);
    *r = (struct ready){.there = true, .unit = at->unit, .fold = at->fold, .columns = -1};
    r->train = xcalloc((size_t)p->l.n + 1, 1);
    r->order = xcalloc((size_t)c->n_cols + 1, sizeof *r->order);
    word_split_train(&p->split, p->l.n, at->fold, r->train);
    r->live = rank_columns(c, p->corpus, &p->l, r->train, r->order);
}

static struct partial *kept_chunk(struct study *s, int64_t i, struct run *run)
{
    const struct probe_words *p = &s->by.words;
    const struct probe_at at = tallied_at(&s->by, i);
    const int32_t most = s->step[at.unit][at.at];
    struct ready *r = &s->ready;
    prepare(s, &at);
    const int32_t columns = most < r->live ? most : r->live;
    if (columns != r->columns) {
        struct word_matrix x;
        struct prober prober;
        word_matrix_turned(&x, words_columns(p->words, p->units[at.unit]), &p->l, r->train,
                           r->order, columns, probe_turning, run);
        prober_init(&prober, run, &x, r->train, p->l.n_labels, p->C);
        r->hits = prober_hits(&prober, p->l.label);
        r->columns = columns;
        prober_release(&prober);
        word_matrix_release(&x);
    }
    if (!run_ok(run)) {
        forget(r);
        return NULL;
    }
    return tallied_part(&at, probe_words_tested(p, at.fold), r->hits);
}

/* ---- tables */
static int neurons_of(const struct study *s)
{
    return s->by.words.units[0] == WORD_NEURONS ? 0 : 1;
}

/* What the neurons know beyond chance; NaN: nothing that chance does not. */
static double known(const struct study *s)
{
    const int u = neurons_of(s), all = s->by.tally.n[u] - 1;
    const double chance = probe_words_chance(&s->by.words);
    const struct interval ci = share_interval(s->by.tally.hits[u][all], s->by.tally.tested[u]);
    return ci.lo > chance ? tally_accuracy(&s->by.tally, u, all) - chance : (double)NAN;
}

static double kept(const struct study *s, int u, int k)
{
    return (tally_accuracy(&s->by.tally, u, k) - probe_words_chance(&s->by.words)) / known(s);
}

enum { R_UNITS, R_S, R_ACCURACY, R_LO, R_HI, R_KEPT };

static struct table *rows_table(const struct study *s)
{
    struct table *t = table_new("rows", "Kept by the best units", MARK_LINE);
    table_column(t, "units", "", "neurons or latents", COLUMN_STR, COLUMN_SERIES);
    table_column(t, "s", "", "the best of them, by |t| or F on the training words", COLUMN_I64,
                 COLUMN_X);
    table_column(t, "accuracy", "share", "test words right", COLUMN_F64, COLUMN_Y);
    table_column(t, "ci95.lo", "share", "Wilson's interval", COLUMN_F64, COLUMN_LO);
    table_column(t, "ci95.hi", "share", "", COLUMN_F64, COLUMN_HI);
    table_column(t, "kept", "", "of what all neurons know beyond chance", COLUMN_F64, COLUMN_TEXT);
    for (int u = 0; u < s->by.words.n_units; u++)
        for (int k = 0; k < s->by.tally.n[u]; k++) {
            const int64_t row = table_row(t);
            const struct interval ci =
                share_interval(s->by.tally.hits[u][k], s->by.tally.tested[u]);
            table_set_str(t, row, R_UNITS, word_units_name[s->by.words.units[u]]);
            table_set_i64(t, row, R_S, s->step[u][k]);
            table_set_f64(t, row, R_ACCURACY, tally_accuracy(&s->by.tally, u, k));
            table_set_f64(t, row, R_LO, ci.lo);
            table_set_f64(t, row, R_HI, ci.hi);
            table_set_f64(t, row, R_KEPT, kept(s, u, k));
        }
    return t;
}

enum { S_UNITS, S_TESTED, S_ACCURACY, S_CHANCE, S_LOCALISATION, S_LOSS };

static struct table *sets_table(const struct study *s)
{
    struct table *t = table_new("sets", "All units together", MARK_LIST);
    table_column(t, "units", "", "neurons or latents", COLUMN_STR, COLUMN_SERIES);
    table_column(t, "tested", "", "test words", COLUMN_I64, COLUMN_TEXT);
    table_column(t, "accuracy", "share", "of them right, by all units", COLUMN_F64, COLUMN_TEXT);
    table_column(t, "chance", "share", "the largest class", COLUMN_F64, COLUMN_TEXT);
    table_column(t, "localisation", "", "the least s with kept ≥ 0.9", COLUMN_I64, COLUMN_TEXT);
    table_column(t, "information_loss", "", "1 − kept of all", COLUMN_F64, COLUMN_TEXT);
    for (int u = 0; u < s->by.words.n_units; u++) {
        const int64_t row = table_row(t);
        const int all = s->by.tally.n[u] - 1;
        table_set_str(t, row, S_UNITS, word_units_name[s->by.words.units[u]]);
        table_set_i64(t, row, S_TESTED, s->by.tally.tested[u]);
        table_set_f64(t, row, S_ACCURACY, tally_accuracy(&s->by.tally, u, all));
        table_set_f64(t, row, S_CHANCE, probe_words_chance(&s->by.words));
        table_set_f64(t, row, S_LOSS, 1 - kept(s, u, all));
        for (int k = all; k >= 0; k--)
            if (kept(s, u, k) >= .9)
                table_set_i64(t, row, S_LOCALISATION, s->step[u][k]);
    }
    if (isnan(known(s)))
        table_note(t, "all neurons are within their interval of chance: there is nothing to keep");
    probe_words_note(&s->by.words, t);
    return t;
}

static struct table_set *kept_tables(struct study *s)
{
    struct table_set *set = table_set_new();
    table_set_add(set, rows_table(s));
    table_set_add(set, sets_table(s));
    return set;
}

static const struct param params[] = {
    STUDY_PROBE_ROWS,
    {"folds", "N", "each word is tested once, in one of so many", PARAM_INT, "5", .min = 2,
     .max = 100, .in_key = true},
    {.name = NULL},
};

const struct study_ops kept_study = {.name = "kept",
                                     .params = params,
                                     .needs = &words_study,
                                     .open = kept_open,
                                     .free = kept_free,
                                     .chunk = kept_chunk,
                                     TALLIED_OPS,
                                     .tables = kept_tables};

/* Linear probes of classes of words, with control tasks (Hewitt & Liang 2019): the labels
 * permuted over the words, once a task, with the same split and the probe fitted anew. */
#include "engine/base/memory.h"
#include "engine/study/contrast_private.h"
#include <math.h>
#include <stdlib.h>

enum { CONTROLS_MAX = TALLY_MAX - 1 };

struct study {
    struct tallied by; /* the true labels, then by control task */
    int32_t n_controls;
    uint8_t *label[1 + CONTROLS_MAX]; /* [n]; 0: the true ones */
    struct ready { /* the fold that was looked at last: its probes are fitted to one matrix */
        bool there;
        int unit;
        int32_t fold;
        uint8_t *train;
        struct word_matrix x;
        struct prober prober;
    } ready;
};
_Static_assert(offsetof(struct study, by) == 0, "what is tallied stands first");

static void forget(struct ready *r)
{
    if (r->there) {
        prober_release(&r->prober);
        word_matrix_release(&r->x);
        free(r->train);
    }
    *r = (struct ready){0};
}

static void probe_free(struct study *s)
{
    if (!s)
        return;
    forget(&s->ready);
    for (int32_t c = 0; c <= s->n_controls; c++)
        free(s->label[c]);
    probe_words_release(&s->by.words);
    free(s);
}

static void permute_labels(struct study *s)
{
    const size_t n = (size_t)s->by.words.l.n;
    int32_t *from = xcalloc(n + 1, sizeof *from);
    for (int32_t c = 0; c <= s->n_controls; c++) {
        s->label[c] = xcalloc(n + 1, 1);
        for (size_t w = 0; w < n; w++)
            from[w] = (int32_t)w;
        if (c > 0)
            rng_shuffle(&s->by.words.rng, from, n);
        for (size_t w = 0; w < n; w++)
            s->label[c][w] = s->by.words.l.label[from[w]];
    }
    free(from);
}

static bool probe_open(const struct study_in *in, const struct params *params, struct study **out,
                       struct error *e)
{
    struct study *s = xcalloc(1, sizeof *s);
    const int32_t folds = params_has(params, "folds") ? (int32_t)params_int(params, "folds") : 1;
    if (!probe_words_init(&s->by.words, "probe", in, params, folds, e)) {
        free(s);
        return false;
    }
    s->n_controls = (int32_t)params_int(params, "controls");
    s->by.name = "probe", s->by.what = "control tasks", s->by.varied = s->n_controls;
    for (int u = 0; u < s->by.words.n_units; u++)
        s->by.tally.n[u] = 1 + s->n_controls;
    permute_labels(s);
    *out = s;
    return true;
}

/* False: interrupted. */
static bool prepare(struct study *s, const struct probe_at *at, struct run *run)
{
    const struct probe_words *p = &s->by.words;
    struct ready *r = &s->ready;
    if (r->there && r->unit == at->unit && r->fold == at->fold)
        return true;
    forget(r);
    *r = (struct ready){.there = true, .unit = at->unit, .fold = at->fold};
    r->train = xcalloc((size_t)p->l.n + 1, 1);
    word_split_train(&p->split, p->l.n, at->fold, r->train);
    word_matrix_turned(&r->x, words_columns(p->words, p->units[at->unit]), &p->l, r->train, NULL, 0,
                       probe_turning, run);
    prober_init(&r->prober, run, &r->x, r->train, p->l.n_labels, p->C);
    if (!run_ok(run))
        forget(r);
    return r->there;
}

static struct partial *probe_chunk(struct study *s, int64_t i, struct run *run)
{
    const struct probe_at at = tallied_at(&s->by, i);
    if (!prepare(s, &at, run))
        return NULL;
    s->ready.prober.run = run;
    const int32_t hits = prober_hits(&s->ready.prober, s->label[at.at]);
    return run_ok(run) ? tallied_part(&at, s->ready.prober.n_test, hits) : NULL;
}

/* ---- tables */
static double selectivity(const struct study *s, int u, int32_t control)
{
    return tally_accuracy(&s->by.tally, u, 0) - tally_accuracy(&s->by.tally, u, control);
}

enum { R_UNITS, R_CONTROL, R_ACCURACY, R_CONTROL_ACCURACY, R_SELECTIVITY };

static struct table *rows_table(const struct study *s)
{
    struct table *t = table_new("rows", "Probes and control tasks", MARK_LINE);
    table_column(t, "units", "", "neurons or latents", COLUMN_STR, COLUMN_SERIES);
    table_column(t, "control", "", "control task", COLUMN_I64, COLUMN_X);
    table_column(t, "accuracy", "share", "test words right", COLUMN_F64, COLUMN_TEXT);
    table_column(t, "control_accuracy", "share", "the same of the control task", COLUMN_F64,
                 COLUMN_TEXT);
    table_column(t, "selectivity", "", "accuracy − control_accuracy", COLUMN_F64, COLUMN_Y);
    for (int u = 0; u < s->by.words.n_units; u++)
        for (int32_t c = 1; c <= s->n_controls; c++) {
            const int64_t row = table_row(t);
            table_set_str(t, row, R_UNITS, word_units_name[s->by.words.units[u]]);
            table_set_i64(t, row, R_CONTROL, c);
            table_set_f64(t, row, R_ACCURACY, tally_accuracy(&s->by.tally, u, 0));
            table_set_f64(t, row, R_CONTROL_ACCURACY, tally_accuracy(&s->by.tally, u, c));
            table_set_f64(t, row, R_SELECTIVITY, selectivity(s, u, c));
        }
    return t;
}

enum { S_UNITS, S_TESTED, S_ACCURACY, S_LO, S_HI, S_CHANCE, S_SELECTIVITY, S_SD, S_WINS };

/* Control tasks in which these units are more selective than the others. */
static int32_t wins(const struct study *s, int u)
{
    int32_t n = 0;
    for (int32_t c = 1; c <= s->n_controls; c++)
        n += selectivity(s, u, c) > selectivity(s, 1 - u, c);
    return n;
}

static struct table *sets_table(const struct study *s)
{
    struct table *t = table_new("sets", "All units together", MARK_LIST);
    table_column(t, "units", "", "neurons or latents", COLUMN_STR, COLUMN_SERIES);
    table_column(t, "tested", "", "test words", COLUMN_I64, COLUMN_TEXT);
    table_column(t, "accuracy", "share", "of them right", COLUMN_F64, COLUMN_Y);
    table_column(t, "ci95.lo", "share", "Wilson's interval", COLUMN_F64, COLUMN_LO);
    table_column(t, "ci95.hi", "share", "", COLUMN_F64, COLUMN_HI);
    table_column(t, "chance", "share", "the largest class", COLUMN_F64, COLUMN_TEXT);
    table_column(t, "selectivity", "", "mean over the control tasks", COLUMN_F64, COLUMN_TEXT);
    table_column(t, "sd", "", "standard deviation over them", COLUMN_F64, COLUMN_TEXT);
    table_column(t, "wins", "", "control tasks in which they beat the other units", COLUMN_I64,
                 COLUMN_TEXT);
    double of_control[CONTROLS_MAX + 1], mean, sd;
    for (int u = 0; u < s->by.words.n_units; u++) {
        const int64_t row = table_row(t);
        const struct interval ci = share_interval(s->by.tally.hits[u][0], s->by.tally.tested[u]);
        for (int32_t c = 1; c <= s->n_controls; c++)
            of_control[c - 1] = selectivity(s, u, c);
        mean_and_sd(of_control, s->n_controls, &mean, &sd);
        table_set_str(t, row, S_UNITS, word_units_name[s->by.words.units[u]]);
        table_set_i64(t, row, S_TESTED, s->by.tally.tested[u]);
        table_set_f64(t, row, S_ACCURACY, tally_accuracy(&s->by.tally, u, 0));
        table_set_f64(t, row, S_LO, ci.lo);
        table_set_f64(t, row, S_HI, ci.hi);
        table_set_f64(t, row, S_CHANCE, probe_words_chance(&s->by.words));
        table_set_f64(t, row, S_SELECTIVITY, mean);
        table_set_f64(t, row, S_SD, sd);
        if (s->by.words.n_units > 1)
            table_set_i64(t, row, S_WINS, wins(s, u));
    }
    probe_words_note(&s->by.words, t);
    return t;
}

static struct table_set *probe_tables(struct study *s)
{
    struct table_set *set = table_set_new();
    table_set_add(set, rows_table(s));
    table_set_add(set, sets_table(s));
    return set;
}

static const struct param params[] = {
    STUDY_PROBE_ROWS,
    {"folds", "N", "each word is tested once, in one of so many; default: one fifth is", PARAM_INT,
     .min = 2, .max = 100, .in_key = true},
    {"controls", "N", "control tasks", PARAM_INT, "10", .min = 1, .max = CONTROLS_MAX,
     .in_key = true},
    {.name = NULL},
};

const struct study_ops probe_study = {.name = "probe",
                                      .params = params,
                                      .needs = &words_study,
                                      .open = probe_open,
                                      .free = probe_free,
                                      .chunk = probe_chunk,
                                      TALLIED_OPS,
                                      .tables = probe_tables};

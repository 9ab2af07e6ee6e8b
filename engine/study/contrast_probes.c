/* What the studies of words share: splits, probes, ranks. */
#include "engine/base/memory.h"
#include "engine/study/contrast_private.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

bool probe_words_init(struct probe_words *p, const char *name, const struct study_in *in,
                      const struct params *params, int32_t folds, struct error *e)
{
    if (!in->needed)
        return error_set(e, ERROR_INPUT, "%s: there are no vectors of words", name);
    *p = (struct probe_words){
        .words = in->needed, .corpus = in->corpus, .C = params_real(params, "C")};
    struct word_question of;
    if (!word_question_read(&of, in->corpus, params, e))
        return error_prefix(e, "%s", name);
    rng_seed(&p->rng, params_seed(params, "seed"));
    p->units[p->n_units++] = words_main(in->needed);
    if (words_main(in->needed) == WORD_LATENTS)
        p->units[p->n_units++] = WORD_NEURONS;
    word_list_init(&p->l, in->corpus, of);
    if (word_split_init(&p->split, in->corpus, &p->l, folds, &p->rng, e))
        return true;
    word_list_release(&p->l);
    return false;
}

void probe_words_release(struct probe_words *p)
{
    word_list_release(&p->l);
    word_split_release(&p->split);
}

int32_t probe_words_tested(const struct probe_words *p, int32_t fold)
{
    int32_t n = 0;
    for (int32_t w = 0; w < p->l.n; w++)
        n += p->split.fold[w] == fold;
    return n;
}

double probe_words_chance(const struct probe_words *p)
{
    int32_t n[CORPUS_MAX_CLASSES] = {0}, all = 0, largest = 0;
    for (int32_t w = 0; w < p->l.n; w++)
        if (p->split.fold[w] >= 0) {
            n[p->l.label[w]]++;
            all++;
        }
    for (int32_t i = 0; i < p->l.n_labels; i++)
        largest = n[i] > largest ? n[i] : largest;
    return (double)largest / (double)all;
}

void probe_words_note(const struct probe_words *p, struct table *t)
{
    struct strbuf asked;
    if (p->corpus->n_classes < 3)
        return;
    strbuf_init(&asked);
    word_list_name(&p->l, p->corpus, &asked);
    table_note(t, "%s%s%s", t->note, *t->note ? "; " : "", asked.s);
    strbuf_release(&asked);
}

bool probe_go_on(void *arg)
{
    struct run *run = arg;
    if (run->poll)
        run->poll(run->poll_arg);
    return run_ok(run);
}

bool probe_turning(void *run, double share)
{
    run_tell(run, share / 2);
    return probe_go_on(run);
}

/* ---- probes */
void prober_init(struct prober *p, struct run *run, const struct word_matrix *x,
                 const uint8_t *train, int32_t n_labels, double C)
{
    const size_t n = (size_t)x->n + 1, cols = (size_t)x->p;
    *p = (struct prober){.run = run, .C = C, .x = x, .train = train};
    logistic_init(&p->model, n_labels, x->p);
    p->y_train = xcalloc(n, 1);
    p->y_test = xcalloc(n, 1);
    for (int32_t w = 0; w < x->n; w++)
        *(train[w] ? &p->n_train : &p->n_test) += 1;
    p->x_train = xcalloc((size_t)p->n_train * cols + 1, sizeof *p->x_train);
    p->x_test = xcalloc((size_t)p->n_test * cols + 1, sizeof *p->x_test);
}

int32_t prober_hits(struct prober *p, const uint8_t *label)
{
    const struct logistic_spec spec = {.C = p->C, .go_on = probe_go_on, .arg = p->run};
    struct logistic_fit fit;
    int32_t hits = 0;
    word_matrix_rows(p->x, p->train, true, label, p->x_train, p->y_train);
    word_matrix_rows(p->x, p->train, false, label, p->x_test, p->y_test);
    if (!logistic_fit(&p->model, p->x_train, p->n_train, p->y_train, &spec, &fit))
        return 0;
    for (int32_t i = 0; i < p->n_test; i++)
        hits += logistic_class(&p->model, p->x_test + (size_t)i * (size_t)p->x->p) == p->y_test[i];
    return hits;
}

void prober_release(struct prober *p)
{
    free(p->x_train);
    free(p->x_test);
    free(p->y_train);
    free(p->y_test);
    logistic_release(&p->model);
}

/* ---- what they get right */
struct partial { /* one probe: of one fold of one set of units */
    struct probe_at at;
    int32_t tested, hits;
};

static struct tallied *tallied_of(struct study *s)
{
    return (struct tallied *)(void *)s;
}

static const struct tallied *the_tallied_of(const struct study *s)
{
    return (const struct tallied *)(const void *)s;
}

double tally_accuracy(const struct tally *t, int unit, int32_t i)
{
    return t->tested[unit] > 0 ? (double)t->hits[unit][i] / (double)t->tested[unit] : (double)NAN;
}

int64_t tallied_chunks(const struct study *s)
{
    const struct tallied *by = the_tallied_of(s);
    int64_t n = 0;
    for (int u = 0; u < by->words.n_units; u++)
        n += (int64_t)by->tally.n[u] * by->words.split.folds;
    return n;
}

struct probe_at tallied_at(const struct tallied *by, int64_t chunk)
{
    const struct tally *t = &by->tally;
    struct probe_at at = {0};
    while (chunk >= (int64_t)t->n[at.unit] * by->words.split.folds)
        chunk -= (int64_t)t->n[at.unit++] * by->words.split.folds;
    at.fold = (int32_t)(chunk / t->n[at.unit]);
    at.at = (int32_t)(chunk % t->n[at.unit]);
    return at;
}

struct partial *tallied_part(const struct probe_at *at, int32_t tested, int32_t hits)
{
    struct partial *p = xcalloc(1, sizeof *p);
    *p = (struct partial){*at, tested, hits};
    return p;
}

void tallied_partial_free(struct partial *p)
{
    free(p);
}

int64_t tallied_partial_tokens(const struct partial *p)
{
    (void)p;
    return 0;
}

void tallied_fold(struct study *s, int64_t chunk, const struct partial *p)
{
    struct tally *t = &tallied_of(s)->tally;
    (void)chunk;
    t->tested[p->at.unit] += p->at.at == 0 ? p->tested : 0;
    t->hits[p->at.unit][p->at.at] += p->hits;
}

void tallied_save(const struct study *s, struct blob_writer *b)
{
    const struct tallied *by = the_tallied_of(s);
    blob_add_i64(b, by->varied);
    blob_add_i64(b, by->words.l.n);
    for (int u = 0; u < by->words.n_units; u++) {
        blob_add_i64(b, by->tally.tested[u]);
        for (int32_t i = 0; i < by->tally.n[u]; i++)
            blob_add_i64(b, by->tally.hits[u][i]);
    }
}

static bool load_counts(struct tally *t, int n_units, int32_t n_words, struct blob_reader *r)
{
    bool ok = true;
    for (int u = 0; ok && u < n_units; u++) {
        t->tested[u] = blob_i64(r);
        ok = t->tested[u] >= 0 && t->tested[u] <= n_words;
        for (int32_t i = 0; i < t->n[u]; i++) {
            t->hits[u][i] = blob_i64(r);
            ok = ok && t->hits[u][i] >= 0 && t->hits[u][i] <= t->tested[u];
        }
    }
    return ok;
}

bool tallied_load(struct study *s, struct blob_reader *r, struct error *e)
{
    struct tallied *by = tallied_of(s);
    const bool ok = blob_i64(r) == by->varied && blob_i64(r) == by->words.l.n &&
                    load_counts(&by->tally, by->words.n_units, by->words.l.n, r);
    return (ok && blob_end(r)) ||
           error_set(e, ERROR_INPUT, "%s: a checkpoint does not hold the counts of %lld %s",
                     by->name, (long long)by->varied, by->what);
}

/* ---- ranks */
struct ranked {
    float by; /* columns that differ in rounding alone are equal: latents of one word each */
    int32_t column;
};

static int by_rank(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    if (x->by < y->by || x->by > y->by)
        return x->by < y->by ? 1 : -1;
    return (x->column > y->column) - (x->column < y->column);
}

struct ranking {
    const struct word_list *l;
    struct ranked *r;
    int32_t n;
};

static void rank_column(void *arg, int32_t j, const double *x)
{
    struct ranking *k = arg;
    struct moments of[CORPUS_MAX_CLASSES];
    double by;
    for (int32_t i = 0, from = 0; i < k->l->n_labels; from += k->l->n_of[i++])
        of[i] = moments_of(x + from, k->l->n_of[i]);
    if (k->l->n_labels == 2)
        by = fabs(pooled_t(of[1], of[0]));
    else
        by = anova_f(of, k->l->n_labels);
    if (!isnan(by) && !moments_alike(of, k->l->n_labels))
        k->r[k->n++] = (struct ranked){(float)by, j};
}

int32_t rank_columns(const struct word_columns *columns, const struct corpus *c,
                     const struct word_list *l, const uint8_t *train, int32_t *order)
{
    struct word_list part = *l;
    part.doc = xcalloc((size_t)l->n + 1, sizeof *part.doc);
    part.label = xcalloc((size_t)l->n + 1, 1);
    part.n = 0;
    memset(part.n_of, 0, sizeof part.n_of);
    for (int32_t w = 0; w < l->n; w++)
        if (train[w]) {
            part.doc[part.n] = l->doc[w];
            part.label[part.n++] = l->label[w];
            part.n_of[l->label[w]]++;
        }
    struct ranking k = {.l = &part, .r = xcalloc((size_t)columns->n_cols + 1, sizeof *k.r)};
    each_column(columns, c, &part, rank_column, &k);
    qsort(k.r, (size_t)k.n, sizeof *k.r, by_rank);
    for (int32_t i = 0; i < k.n; i++)
        order[i] = k.r[i].column;
    free(k.r);
    word_list_release(&part);
    return k.n;
}

/* What the studies of words share: splits, probes, ranks. */
#include "engine/base/memory.h"
#include "engine/study/contrast_private.h"
#include <math.h>
#include <stdlib.h>

bool probe_words_init(struct probe_words *p, const char *name, const struct study_in *in,
                      const struct params *params, int32_t folds, struct error *e)
{
    if (!in->needed)
        return error_set(e, ERROR_INPUT, "%s: there are no vectors of words", name);
    *p = (struct probe_words){
        .words = in->needed, .corpus = in->corpus, .C = params_real(params, "C")};
    rng_seed(&p->rng, params_seed(params, "seed"));
    p->units[p->n_units++] = words_main(in->needed);
    if (words_main(in->needed) == WORD_LATENTS)
        p->units[p->n_units++] = WORD_NEURONS;
    word_list_init(&p->l, in->corpus, 0);
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
    int32_t n[2] = {0};
    for (int32_t w = 0; w < p->l.n; w++)
        if (p->split.fold[w] >= 0)
            n[p->l.target[w]]++;
    return (double)(n[0] > n[1] ? n[0] : n[1]) / (double)(n[0] + n[1]);
}

bool probe_go_on(void *arg)
{
    struct run *run = arg;
    if (run->poll)
        run->poll(run->poll_arg);
    return run_ok(run);
}

/* ---- probes */
void prober_init(struct prober *p, struct run *run, const struct word_matrix *x,
                 const uint8_t *train, double C)
{
    const size_t n = (size_t)x->n + 1, cols = (size_t)x->p;
    *p = (struct prober){.run = run, .C = C, .x = x, .train = train};
    p->y_train = xcalloc(n, 1);
    p->y_test = xcalloc(n, 1);
    p->w = xcalloc(cols + 1, sizeof *p->w);
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
    if (!logistic_fit(p->x_train, p->n_train, p->x->p, p->y_train, &spec, p->w, &fit))
        return 0;
    for (int32_t i = 0; i < p->n_test; i++) {
        double z = fit.bias;
        for (int32_t j = 0; j < p->x->p; j++)
            z += p->x_test[(size_t)i * (size_t)p->x->p + (size_t)j] * p->w[j];
        hits += (z > 0) == (p->y_test[i] != 0);
    }
    return hits;
}

void prober_release(struct prober *p)
{
    free(p->x_train);
    free(p->x_test);
    free(p->y_train);
    free(p->y_test);
    free(p->w);
}

/* ---- what they get right */
void tally_add(struct tally *t, const struct tally_part *p)
{
    t->tested[p->unit] += p->tested;
    for (int32_t i = 0; i < t->n[p->unit]; i++)
        t->hits[p->unit][i] += p->hits[i];
}

double tally_accuracy(const struct tally *t, int unit, int32_t i)
{
    return t->tested[unit] > 0 ? (double)t->hits[unit][i] / (double)t->tested[unit] : (double)NAN;
}

void tally_save(const struct tally *t, int n_units, struct blob_writer *b)
{
    for (int u = 0; u < n_units; u++) {
        blob_add_i64(b, t->tested[u]);
        for (int32_t i = 0; i < t->n[u]; i++)
            blob_add_i64(b, t->hits[u][i]);
    }
}

bool tally_load(struct tally *t, int n_units, int32_t n_words, struct blob_reader *r)
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

/* ---- ranks */
struct ranked {
    float t; /* columns that differ in rounding alone are equal: latents of one word each */
    int32_t column;
};

static int by_t(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    if (x->t < y->t || x->t > y->t)
        return x->t < y->t ? 1 : -1;
    return (x->column > y->column) - (x->column < y->column);
}

int32_t rank_columns(const struct word_columns *c, const struct word_list *l, const uint8_t *train,
                     int32_t *order)
{
    struct word_list part = {.doc = xcalloc((size_t)l->n + 1, sizeof *part.doc),
                             .target = xcalloc((size_t)l->n + 1, 1)};
    for (int32_t w = 0; w < l->n; w++)
        if (train[w]) {
            part.doc[part.n] = l->doc[w];
            part.target[part.n++] = l->target[w];
            part.n_of[l->target[w]]++;
        }
    struct t_test *t = xcalloc((size_t)c->n_cols + 1, sizeof *t);
    struct ranked *r = xcalloc((size_t)c->n_cols + 1, sizeof *r);
    int32_t n = 0;
    contrast_t(c, &part, false, t);
    for (int32_t j = 0; j < c->n_cols; j++)
        if (!isnan(t[j].t))
            r[n++] = (struct ranked){(float)fabs(t[j].t), j};
    qsort(r, (size_t)n, sizeof *r, by_t);
    for (int32_t i = 0; i < n; i++)
        order[i] = r[i].column;
    free(t);
    free(r);
    word_list_release(&part);
    return n;
}

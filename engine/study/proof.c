/* Proof of an SAE: what was assumed about its file and from where, how well it rebuilds the values
 * at its hook over a corpus, what its reconstruction costs the model, and, where the values of a
 * chunk look wrongly rebuilt (more than LOOKS_WRONG of their variance is missed), whether the file
 * fits better when it is read another way.
 *
 * FVU = Σ‖y − ŷ‖² / Σ‖y − ȳ‖² over the tokens of the text, y what is reconstructed (of an SAE what
 * it reads); loss recovered = (zero − sae)/(zero − plain) of the mean losses a token, zero: y
 * replaced by zeros (Gao et al. 2024).
 *
 * Tables: "facts": fact (KEY), value, source. "readings": reading (KEY: as_read, centre, relu,
 * centre_and_relu, norm: which facts are read the other way), says, fvu (Y; missing where this
 * reading means nothing, or none was tried: the fvu as it is read times this reading's error over
 * that one's, in the chunks where it was). "numbers", one row: sentences, tokens, fvu, l0 (mean
 * number of active latents), loss_plain, loss_sae, loss_zero (nats a token), loss_recovered,
 * better_reading (the reading that fits better by more than 1 %; missing: none). */
#include "engine/base/memory.h"
#include "engine/study/pass.h"
#include "engine/study/units.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* SAEs that are read as they were trained miss less: 5 to 20 % (Gao et al. 2024, Lieberum et al.
 * 2024). */
#define LOOKS_WRONG 0.25

enum { AS_IS, N_READINGS = 5 };
static const unsigned readings[N_READINGS] = {
    [AS_IS] = 0, READ_CENTRE, READ_RELU, READ_CENTRE | READ_RELU, READ_NORM};
enum { PLAIN, SAE, ZERO, N_LOSSES };

static const char *const reading_name[N_READINGS] = {"as_read", "centre", "relu", "centre_and_relu",
                                                     "norm"};
static const char *const reading_says[N_READINGS] = {"as it is", "with the centring the other way",
                                                     "with the ReLU the other way",
                                                     "with centring and ReLU the other way", NULL};

struct partial { /* sums over rows of the text, of some documents */
    int64_t sentences, tokens, active, n_losses;
    double sq, sse[N_READINGS], loss[N_LOSSES];
    double tried; /* sse[AS_IS] of the chunks in which others were tried */
    double y[];   /* [n_out] */
};
struct study {
    struct study_in in;
    const struct dict_spec *spec;
    struct lane_place place;
    struct partial *before, *sums; /* of the segments before; of the one that is folded */
};

/* ---- opening */
static struct partial *partial_new(const struct study *s)
{
    return xcalloc(1, sizeof(struct partial) + (size_t)s->spec->n_out * sizeof(double));
}

static void proof_free(struct study *s)
{
    if (!s)
        return;
    free(s->before);
    free(s->sums);
    free(s);
}

static bool proof_open(const struct study_in *in, const struct params *p, struct study **out,
                       struct error *e)
{
    (void)p;
    if (!units_check_in("proof", in, e))
        return false;
    if (dict_spec(in->dict)->identity)
        return error_set(e, ERROR_INPUT, "proof: found neurons, expected an SAE");
    struct study *s = xcalloc(1, sizeof *s);
    s->in = *in;
    s->spec = dict_spec(in->dict);
    s->place = lane_place(in->model, in->dict, in->at);
    s->before = partial_new(s);
    s->sums = partial_new(s);
    *out = s;
    return true;
}

static int64_t proof_chunks(const struct study *s)
{
    return pass_chunks(&s->in);
}

/* ---- a sub-batch */
struct work {
    struct study *s;
    struct partial *p;
    struct run *run;
    const struct pass_batch *b;
    struct tensor sums; /* [1, n_out] F64 of y */
    double *stats;      /* [rows, 2] */
};

static bool reading_applies(const struct study *s, int r)
{
    return !(readings[r] & ~dict_other_readings(s->in.dict));
}

static void count_active(struct work *w, const struct code *f)
{
    int32_t n = f->sparse.n_rows, *start = xcalloc((size_t)n + 1, sizeof *start);
    run_get(w->run, start, f->sparse.start);
    for (int32_t t = 0; t < n; t++)
        w->p->active += w->b->row[t].pos >= 0 ? start[t + 1] - start[t] : 0;
    free(start);
}

/* ‖y − ŷ‖² of the rows of the text, and the first time ‖y‖². */
static void add_rebuilt(struct work *w, const struct landed *landed, int r, struct tensor yhat)
{
    run_get_f64(w->run, w->stats, op_row_stats(w->run, landed->hook.value, yhat));
    for (int32_t t = 0; t < w->b->n_rows && run_ok(w->run); t++) {
        if (w->b->row[t].pos < 0)
            continue;
        w->p->sq += r == AS_IS ? w->stats[2 * t] : 0;
        w->p->sse[r] += w->stats[2 * t + 1];
    }
}

static void add_values(struct work *w, struct tensor y)
{
    const int32_t n = w->b->n_rows;
    int32_t *text = xreallocarray(NULL, (size_t)n, sizeof *text), count = 0;
    for (int32_t t = 0; t < n; t++)
        if (w->b->row[t].pos >= 0)
            text[count++] = t;
    w->p->tokens += count;
    if (count > 0)
        op_col_sums(w->run, w->sums,
                    count == n ? y : op_rows_get(w->run, y, run_put_ids(w->run, count, 1, text)),
                    1);
    free(text);
}

/* As many zeros. */
static struct tensor nothing_of(struct run *run, struct tensor x)
{
    struct tensor y = op_copy(run, x);
    op_add(run, y, x, -1.0f);
    return y;
}

/* Plain, with the reconstruction, with zeros in its place. */
static void add_losses(struct work *w, const struct landed *landed)
{
    struct study *s = w->s;
    const struct sequences *seq = w->b->seq;
    struct batch batch = sequences_batch(seq);
    struct state end[N_LOSSES] = {[PLAIN] = landed->plain, [SAE] = landed->inserted};
    float *loss = xcalloc((size_t)seq->n_rows + 1, sizeof *loss);
    lane_land(w->run, &s->place, &batch, &landed->hook, nothing_of(w->run, landed->hook.value),
              &end[ZERO]);
    int32_t n = sequences_losses(seq);
    for (int kind = 0; kind < N_LOSSES && n > 0; kind++) {
        struct arena_mark mark = arena_mark(w->run->arena);
        lane_losses(w->run, s->in.model, seq, &end[kind], NULL, loss);
        for (int32_t i = 0; i < n && run_ok(w->run); i++)
            w->p->loss[kind] += (double)loss[i];
        arena_reset(w->run->arena, mark);
    }
    w->p->n_losses += n;
    free(loss);
}

static void begin_batch(struct work *w, struct run *run, const struct pass_batch *b, unsigned want,
                        struct landed *landed)
{
    struct batch batch = sequences_batch(b->seq);
    w->run = run, w->b = b;
    w->stats = xreallocarray(w->stats, (size_t)b->n_rows + 1, 2 * sizeof *w->stats);
    lane_front(run, &w->s->place, &batch, &b->state, want, landed);
}

static void take_batch(void *arg, struct run *run, const struct pass_batch *b)
{
    struct work *w = arg;
    struct landed landed;
    begin_batch(w, run, b, LAND_INSERTED, &landed);
    add_values(w, landed.hook.value);
    count_active(w, &landed.codes);
    add_rebuilt(w, &landed, AS_IS, landed.yhat);
    add_losses(w, &landed);
}

/* The same rows read the other ways. */
static void try_batch(void *arg, struct run *run, const struct pass_batch *b)
{
    struct work *w = arg;
    struct study *s = w->s;
    struct landed landed;
    begin_batch(w, run, b, 0, &landed);
    for (int r = AS_IS + 1; r < N_READINGS; r++) {
        struct arena_mark mark = arena_mark(run->arena);
        struct code f;
        if (!reading_applies(s, r))
            continue;
        dict_encode_as(run, s->in.dict, landed.x, readings[r], &f);
        add_rebuilt(w, &landed, r, dict_decode(run, s->in.dict, &f));
        arena_reset(run->arena, mark);
    }
}

/* ---- a chunk */
static double spread_of(const struct study *s, const struct partial *p)
{
    double of_sum = 0;
    for (int32_t j = 0; j < s->spec->n_out; j++)
        of_sum += p->y[j] * p->y[j];
    return p->sq - of_sum / (double)p->tokens;
}

/* Also where there is no variance to hold it against. */
static bool looks_wrong(const struct study *s, const struct partial *p)
{
    return !(p->sse[AS_IS] <= LOOKS_WRONG * spread_of(s, p));
}

static void partial_free(struct partial *p)
{
    free(p);
}

static int64_t partial_tokens(const struct partial *p)
{
    return p->tokens;
}

static struct partial *proof_chunk(struct study *s, int64_t i, struct run *run)
{
    struct work w = {.s = s, .p = partial_new(s), .run = run};
    w.sums = run_sums(run, s->spec->n_out);
    pass_chunk(run, &s->in, i, take_batch, &w);
    run_get_f64(run, w.p->y, w.sums);
    w.p->sentences = pass_range(&s->in, i).n;
    if (run_ok(run) && looks_wrong(s, w.p)) {
        pass_chunk(run, &s->in, i, try_batch, &w);
        w.p->tried = w.p->sse[AS_IS];
    }
    free(w.stats);
    if (run_ok(run))
        return w.p;
    partial_free(w.p);
    return NULL;
}

static void add(const struct study *s, struct partial *to, const struct partial *p)
{
    to->sentences += p->sentences;
    to->tokens += p->tokens;
    to->active += p->active;
    to->n_losses += p->n_losses;
    to->sq += p->sq;
    to->tried += p->tried;
    for (int r = 0; r < N_READINGS; r++)
        to->sse[r] += p->sse[r];
    for (int kind = 0; kind < N_LOSSES; kind++)
        to->loss[kind] += p->loss[kind];
    for (int32_t j = 0; j < s->spec->n_out; j++)
        to->y[j] += p->y[j];
}

static void proof_fold(struct study *s, int64_t i, const struct partial *p)
{
    (void)i;
    add(s, s->sums, p);
}

static void proof_end_segment(struct study *s)
{
    add(s, s->before, s->sums);
    free(s->sums);
    s->sums = partial_new(s);
}

static void proof_merge(struct study *to, const struct study *from)
{
    proof_end_segment(to);
    add(to, to->sums, from->sums);
}

/* ---- checkpoints */
static void save(const struct study *s, const struct partial *p, struct blob_writer *b)
{
    const int64_t counts[] = {N_READINGS, p->sentences, p->tokens, p->active, p->n_losses};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        blob_add_i64(b, counts[i]);
    blob_add_f64(b, p->sq);
    blob_add_f64(b, p->tried);
    for (int r = 0; r < N_READINGS; r++)
        blob_add_f64(b, p->sse[r]);
    for (int kind = 0; kind < N_LOSSES; kind++)
        blob_add_f64(b, p->loss[kind]);
    for (int32_t j = 0; j < s->spec->n_out; j++)
        blob_add_f64(b, p->y[j]);
}

static void proof_save(const struct study *s, struct blob_writer *b)
{
    save(s, s->sums, b);
    save(s, s->before, b);
}

static bool load(const struct study *s, struct partial *p, struct blob_reader *r)
{
    const int64_t n_readings = blob_i64(r);
    p->sentences = blob_i64(r);
    p->tokens = blob_i64(r);
    p->active = blob_i64(r);
    p->n_losses = blob_i64(r);
    p->sq = blob_f64(r);
    p->tried = blob_f64(r);
    for (int i = 0; i < N_READINGS; i++)
        p->sse[i] = blob_f64(r);
    for (int i = 0; i < N_LOSSES; i++)
        p->loss[i] = blob_f64(r);
    for (int32_t j = 0; j < s->spec->n_out; j++)
        p->y[j] = blob_f64(r);
    return !r->bad && n_readings == N_READINGS && p->sentences >= 0 &&
           p->sentences <= s->in.corpus->n_docs && p->tokens >= 0 && p->active >= 0 &&
           p->n_losses >= 0 && p->n_losses <= p->tokens;
}

static bool proof_load(struct study *s, struct blob_reader *r, struct error *e)
{
    const unsigned long long n = r->left;
    bool ok = load(s, s->sums, r) && load(s, s->before, r) && blob_end(r) &&
              s->sums->sentences + s->before->sentences <= s->in.corpus->n_docs;
    return ok || error_set(e, ERROR_INPUT,
                           "proof: a checkpoint of %llu bytes does not hold sums of %d columns", n,
                           s->spec->n_out);
}

/* ---- tables */
static const char *relu_name(enum relu_kind r)
{
    return r == RELU_NEVER ? "never" : r == RELU_BEFORE ? "before selection" : "after selection";
}

static const char *bos_name(enum dict_bos b)
{
    return b == DICT_BOS_UNSAID ? "not said" : b == DICT_BOS_YES ? "yes" : "no";
}

static struct table *facts_table(const struct study *study)
{
    const struct dict_spec *s = study->spec;
    static const char *const names[DICT_N_FACTS] = {
        [DICT_FACT_CENTRE] = "centre", [DICT_FACT_NORM] = "norm",
        [DICT_FACT_RELU] = "relu",     [DICT_FACT_SELECT] = "select",
        [DICT_FACT_K] = "k",           [DICT_FACT_RESCALE] = "norm_rescale",
        [DICT_FACT_SKIP] = "skip",     [DICT_FACT_TRANSCODES] = "transcoder",
        [DICT_FACT_HOOK] = "hook",     [DICT_FACT_BOS] = "bos"};
    const char *norm = dict_is_whitened(s)       ? "whitening, folded in"
                       : s->fold > 0             ? "folded in"
                       : s->norm != NORM_IN_NONE ? norm_in_name(s->norm)
                                                 : NULL;
    char k[16], hook[POINT_NAME_MAX], from[POINT_NAME_MAX + 8] = "of ";
    point_name(study->in.at, hook);
    point_name(dict_reads(study->in.dict, study->in.at), from + 3);
    snprintf(k, sizeof k, "%d", s->k);
    const char *const value[DICT_N_FACTS] = {[DICT_FACT_CENTRE] = s->centre ? "yes" : "no",
                                             [DICT_FACT_NORM] = norm,
                                             [DICT_FACT_RELU] = relu_name(s->relu),
                                             [DICT_FACT_SELECT] = select_name(s->select),
                                             [DICT_FACT_K] = s->k > 0 ? k : NULL,
                                             [DICT_FACT_RESCALE] = s->norm_rescale ? "yes" : NULL,
                                             [DICT_FACT_SKIP] = s->skip ? "yes" : NULL,
                                             [DICT_FACT_TRANSCODES] = s->transcodes ? from : NULL,
                                             [DICT_FACT_HOOK] = hook,
                                             [DICT_FACT_BOS] = bos_name(s->bos)};
    struct table *t = table_new("facts", "What was assumed of the SAE", MARK_LIST);
    int32_t fact = table_column(t, "fact", "", "what", COLUMN_STR, COLUMN_KEY),
            is = table_column(t, "value", "", "how it is read", COLUMN_STR, COLUMN_TEXT),
            source =
                table_column(t, "source", "", "where that comes from", COLUMN_STR, COLUMN_TEXT);
    for (int i = 0; i < DICT_N_FACTS; i++) {
        int64_t row = table_row(t);
        table_set_str(t, row, fact, names[i]);
        table_set_str(t, row, is, value[i] ? value[i] : "none");
        const bool bundle = i == DICT_FACT_HOOK && s->at.layer == -2;
        table_set_str(t, row, source, bundle ? "bundle" : s->source[i] ? s->source[i] : "default");
    }
    return t;
}

/* NaN: this reading means nothing here, or was not tried. */
static double fvu_of(const struct study *s, const struct partial *p, int r)
{
    const double spread = spread_of(s, p), as_is = p->sse[AS_IS];
    if (!reading_applies(s, r) || !(spread > 0) || (r != AS_IS && !(p->tried > 0)))
        return (double)NAN;
    return r == AS_IS ? as_is / spread : p->sse[r] * (as_is / p->tried) / spread;
}

/* The one that fits best, and by more than 1 %. */
static int best_reading(const double fvu[N_READINGS])
{
    int best = AS_IS;
    for (int r = AS_IS + 1; r < N_READINGS; r++)
        if (fvu[r] < 0.99 * fvu[AS_IS] && !(fvu[r] >= fvu[best]))
            best = r;
    return best;
}

static const char *says(const struct study *s, int r)
{
    return reading_says[r]                 ? reading_says[r]
           : s->spec->norm == NORM_IN_NONE ? "with the input scaled to one length"
                                           : "without the norm of the input";
}

static struct table *readings_table(const struct study *s, const double fvu[N_READINGS])
{
    struct table *t = table_new("readings", "The SAE read this way and others", MARK_LIST);
    int32_t reading = table_column(t, "reading", "", "what is read the other way", COLUMN_STR,
                                   COLUMN_KEY),
            in_words = table_column(t, "says", "", "in words", COLUMN_STR, COLUMN_TEXT),
            col = table_column(t, "fvu", "", "share of the variance that is not rebuilt",
                               COLUMN_F64, COLUMN_Y);
    for (int r = AS_IS; r < N_READINGS; r++) {
        int64_t row = table_row(t);
        table_set_str(t, row, reading, reading_name[r]);
        table_set_str(t, row, in_words, says(s, r));
        if (isfinite(fvu[r]))
            table_set_f64(t, row, col, fvu[r]);
    }
    return t;
}

static struct table *numbers_table(const struct study *s, const struct partial *p,
                                   const double fvu[N_READINGS])
{
    double n = (double)p->n_losses, plain = p->loss[PLAIN] / n, sae = p->loss[SAE] / n,
           zero = p->loss[ZERO] / n;
    const struct {
        const char *name, *unit, *doc;
        double value;
    } cell[] = {
        {"fvu", "", "share of the variance that is not rebuilt", fvu[AS_IS]},
        {"l0", "", "latents that are active, mean over tokens",
         (double)p->active / (double)p->tokens},
        {"loss_plain", "nats", "mean over tokens, nothing replaced", plain},
        {"loss_sae", "nats", "the reconstruction in place of the activation", sae},
        {"loss_zero", "nats", "zeros in place of the activation", zero},
        {"loss_recovered", "", "(zero − reconstruction)/(zero − plain)",
         (zero - sae) / (zero - plain)},
    };
    struct table *t = table_new("numbers", "How well the SAE rebuilds the text", MARK_LIST);
    table_row(t);
    table_set_i64(t, 0, table_column(t, "sentences", "", "of the corpus", COLUMN_I64, COLUMN_Y),
                  p->sentences);
    table_set_i64(t, 0, table_column(t, "tokens", "", "of them", COLUMN_I64, COLUMN_Y), p->tokens);
    for (size_t i = 0; i < sizeof cell / sizeof *cell; i++) {
        int32_t c = table_column(t, cell[i].name, cell[i].unit, cell[i].doc, COLUMN_F64, COLUMN_Y);
        if (isfinite(cell[i].value))
            table_set_f64(t, 0, c, cell[i].value);
    }
    int32_t better = table_column(t, "better_reading", "", "which facts to read the other way",
                                  COLUMN_STR, COLUMN_TEXT);
    const int best = best_reading(fvu);
    if (best == AS_IS)
        return t;
    table_set_str(t, 0, better, reading_name[best]);
    table_note(t, "the file fits better %s: FVU %.4f instead of %.4f", says(s, best), fvu[best],
               fvu[AS_IS]);
    return t;
}

static struct table_set *proof_tables(struct study *s)
{
    double fvu[N_READINGS];
    struct table_set *set = table_set_new();
    struct partial *all = partial_new(s);
    add(s, all, s->before);
    add(s, all, s->sums);
    for (int r = AS_IS; r < N_READINGS; r++)
        fvu[r] = fvu_of(s, all, r);
    table_set_add(set, facts_table(s));
    table_set_add(set, readings_table(s, fvu));
    table_set_add(set, numbers_table(s, all, fvu));
    free(all);
    return set;
}

const struct study_ops proof_study = {.name = "proof",
                                      .version = 4,
                                      .open = proof_open,
                                      .free = proof_free,
                                      .n_chunks = proof_chunks,
                                      .chunk = proof_chunk,
                                      .partial_free = partial_free,
                                      .partial_tokens = partial_tokens,
                                      .fold = proof_fold,
                                      .segment = STUDY_SEGMENT,
                                      .end_segment = proof_end_segment,
                                      .merge = proof_merge,
                                      .save = proof_save,
                                      .load = proof_load,
                                      .tables = proof_tables};

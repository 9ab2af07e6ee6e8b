/* The proof panel: facts, reconstruction, loss recovered, and whether another reading of the file
 * fits better. */
#include "tui/cli/proof.h"
#include "engine/base/memory.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const reading_name[N_READINGS] = {"as_read", "centre", "relu",
                                                     "centre_and_relu"};
static const char *const reading_says[N_READINGS] = {"as it is", "with the centring the other way",
                                                     "with the ReLU the other way",
                                                     "with centring and ReLU the other way"};

enum { BATCH_ROWS = 256 };

struct sums {
    double *x; /* [n] */
    double sq, sse[N_READINGS], active, loss[3];
    int64_t n_tokens, n_losses;
};

struct proving {
    const struct workbench *wb;
    const struct dict_spec *spec;
    struct run run;
    struct tensor shift; /* [1, n] b_p, of its own memory until the arena goes */
    bool has_shift;
    struct sums sums;
    float *host, *rebuilt; /* room for one batch, [rows, n] */
};

static const char *relu_name(enum relu_kind r)
{
    return r == RELU_NEVER ? "never" : r == RELU_BEFORE ? "before selection" : "after selection";
}

static void facts_fill(struct proof *p, const struct dict_spec *s)
{
    static const char *const names[DICT_N_FACTS] = {
        [DICT_FACT_CENTRE] = "centre", [DICT_FACT_NORM] = "norm",
        [DICT_FACT_RELU] = "relu",     [DICT_FACT_SELECT] = "select",
        [DICT_FACT_K] = "k",           [DICT_FACT_RESCALE] = "norm_rescale",
        [DICT_FACT_SKIP] = "skip"};
    for (int i = 0; i < DICT_N_FACTS; i++) {
        struct fact *f = &p->fact[i];
        f->name = names[i];
        f->source = s->source[i] ? s->source[i] : "default";
        f->value = "none";
    }
    p->fact[DICT_FACT_CENTRE].value = s->centre ? "yes" : "no";
    p->fact[DICT_FACT_RELU].value = relu_name(s->relu);
    p->fact[DICT_FACT_SELECT].value = s->select == SELECT_TOPK ? "topk" : "all";
    if (s->k > 0) {
        snprintf(p->fact[DICT_FACT_K].number, sizeof p->fact[DICT_FACT_K].number, "%d", s->k);
        p->fact[DICT_FACT_K].value = p->fact[DICT_FACT_K].number;
    }
}

/* b_p is what decodes from nothing: ids below 0 contribute nothing. */
static void shift_find(struct proving *p, struct tensor x)
{
    int32_t none = -1;
    float zero = 0;
    struct sparse f = {run_put_ids(&p->run, 1, 1, &none), run_put(&p->run, 1, 1, &zero)};
    float *b = xcalloc((size_t)x.cols, sizeof *b);
    if (p->spec->select == SELECT_TOPK) {
        p->shift = dict_decode(&p->run, p->wb->dict, &f);
        run_get(&p->run, b, p->shift);
    }
    for (int32_t i = 0; i < x.cols; i++)
        p->has_shift |= b[i] != 0;
    free(b);
}

/* The codes with the ReLU read the other way: cut at 0, or the k largest as they are. */
static void relu_flip(struct proving *p, struct sparse *f, struct tensor pre)
{
    if (p->spec->relu == RELU_NEVER) {
        size_t n = (size_t)f->vals.rows * (size_t)f->vals.cols;
        float *v = xcalloc(n + 1, sizeof *v);
        run_get(&p->run, v, f->vals);
        for (size_t i = 0; i < n; i++)
            v[i] = v[i] > 0 ? v[i] : 0;
        f->vals = run_put(&p->run, f->vals.rows, f->vals.cols, v);
        free(v);
        return;
    }
    f->ids = run_ids(&p->run, pre.rows, p->spec->k);
    f->vals = run_tensor(&p->run, pre.rows, p->spec->k);
    op_select(&p->run, pre, f->ids, f->vals);
}

static void count_active(struct proving *p, const struct sparse *f)
{
    size_t n = (size_t)f->vals.rows * (size_t)f->vals.cols;
    float *v = xcalloc(n + 1, sizeof *v);
    run_get(&p->run, v, f->vals);
    for (size_t i = 0; i < n; i++)
        p->sums.active += v[i] != 0;
    free(v);
}

static bool reading_applies(const struct proving *p, enum reading r)
{
    bool centre = r == READ_CENTRE || r == READ_BOTH, relu = r == READ_RELU || r == READ_BOTH;
    return (!centre || p->has_shift) && (!relu || p->spec->select == SELECT_TOPK);
}

/* Σ‖x − x̂‖² of the batch under every reading. The codes of the other centring are those of x ± b_p.
 */
static void rebuild(struct proving *p, struct tensor x)
{
    size_t n = (size_t)x.rows * (size_t)x.cols;
    for (enum reading r = READ_AS_IS; r < N_READINGS; r++) {
        if (!reading_applies(p, r))
            continue;
        struct arena_mark mark = arena_mark(p->run.arena);
        struct tensor in = x, pre;
        struct sparse f;
        if (r == READ_CENTRE || r == READ_BOTH) {
            in = op_copy(&p->run, x);
            op_add(&p->run, in, p->shift, p->spec->centre ? 1.0f : -1.0f);
        }
        bool flip = r == READ_RELU || r == READ_BOTH;
        dict_encode(&p->run, p->wb->dict, in, &f,
                    flip && p->spec->relu != RELU_NEVER ? &pre : NULL);
        if (flip)
            relu_flip(p, &f, pre);
        if (r == READ_AS_IS)
            count_active(p, &f);
        run_get(&p->run, p->rebuilt, dict_decode(&p->run, p->wb->dict, &f));
        for (size_t i = 0; run_ok(&p->run) && i < n; i++) {
            double d = (double)p->host[i] - (double)p->rebuilt[i];
            p->sums.sse[r] += d * d;
        }
        arena_reset(p->run.arena, mark);
    }
}

/* The batch's losses: plain, with the reconstruction, with zeros. */
static void losses(struct proving *p, const struct batch *batch, const struct state *at,
                   const int32_t *target)
{
    const struct model *model = p->wb->model;
    size_t n = (size_t)batch->n_rows;
    float *loss = xcalloc(n + 1, sizeof *loss),
          *zeros = xcalloc(n * (size_t)at->value.cols + 1, sizeof *zeros);
    for (int lane = 0; lane < 3; lane++) {
        struct arena_mark mark = arena_mark(p->run.arena);
        struct state end;
        struct tensor zero;
        struct hook hook = {.at = p->wb->at, .op = HOOK_INSERT, .dict = p->wb->dict};
        if (lane == 2) {
            zero = run_put(&p->run, batch->n_rows, at->value.cols, zeros);
            hook = (struct hook){.at = p->wb->at, .op = HOOK_SET, .io = &zero};
        }
        model_forward(&p->run, model, batch, at, model_end(model), &hook, lane > 0, &end);
        model_loss(&p->run, model, end.value, target, loss);
        for (size_t i = 0; run_ok(&p->run) && i < n; i++)
            if (target[i] >= 0) {
                p->sums.loss[lane] += (double)loss[i];
                p->sums.n_losses += lane == 0;
            }
        arena_reset(p->run.arena, mark);
    }
    free(loss);
    free(zeros);
}

static bool batch_prove(struct proving *p, const int32_t *ids, const int32_t *target,
                        const int32_t *start, int32_t n_seqs)
{
    struct batch batch = {
        .n_rows = start[n_seqs], .ids = ids, .seqs = {.n = n_seqs, .start = start}};
    struct state at;
    struct arena_mark mark = arena_mark(p->run.arena);
    model_forward(&p->run, p->wb->model, &batch, NULL, p->wb->at, NULL, 0, &at);
    if (!run_ok(&p->run))
        return false;
    struct tensor x = at.value;
    size_t n = (size_t)x.rows * (size_t)x.cols;
    p->host = xrealloc(p->host, (n + 1) * sizeof *p->host);
    p->rebuilt = xrealloc(p->rebuilt, (n + 1) * sizeof *p->rebuilt);
    if (!p->sums.x)
        p->sums.x = xcalloc((size_t)x.cols, sizeof *p->sums.x);
    shift_find(p, x);
    run_get(&p->run, p->host, x);
    for (size_t i = 0; run_ok(&p->run) && i < n; i++) {
        p->sums.x[i % (size_t)x.cols] += (double)p->host[i];
        p->sums.sq += (double)p->host[i] * (double)p->host[i];
    }
    p->sums.n_tokens += x.rows;
    rebuild(p, x);
    losses(p, &batch, &at, target);
    arena_reset(p->run.arena, mark);
    return run_ok(&p->run);
}

struct packing { /* sentences on their way into a batch */
    int32_t *ids, *target, *start;
    int32_t n_rows, n_seqs;
    size_t cap_ids, cap_target, cap_start;
};

static void pack_sentence(struct packing *b, const struct workbench *wb, const char *sentence)
{
    struct token *token = NULL;
    size_t n = 0, cap = 0, n_ctx = (size_t)model_config(wb->model)->n_ctx;
    tokenizer_encode(wb->tokenizer, sentence, strlen(sentence), false, &token, &n, &cap);
    n = n < n_ctx ? n : n_ctx;
    size_t rows = (size_t)b->n_rows + n;
    b->ids = grow(b->ids, &b->cap_ids, rows + 1, sizeof *b->ids);
    b->target = grow(b->target, &b->cap_target, rows + 1, sizeof *b->target);
    b->start = grow(b->start, &b->cap_start, (size_t)b->n_seqs + 2, sizeof *b->start);
    for (size_t i = 0; i < n; i++) {
        b->ids[b->n_rows] = token[i].id;
        b->target[b->n_rows++] = i + 1 < n ? token[i + 1].id : -1;
    }
    free(token);
    if (n == 0)
        return;
    b->start[0] = 0;
    b->start[++b->n_seqs] = b->n_rows;
}

static bool prove_sets(struct proving *p, struct proof *out, struct progress *progress)
{
    struct packing b = {0};
    int32_t total = 0;
    bool ok = true;
    for (int32_t c = 0; c < p->wb->n_sets; c++)
        total += p->wb->set[c].n;
    for (int32_t c = 0; c < p->wb->n_sets; c++)
        for (int32_t i = 0; ok && i < p->wb->set[c].n; i++) {
            pack_sentence(&b, p->wb, p->wb->set[c].sentence[i]);
            out->n_sentences++;
            if (b.n_seqs > 0 && (b.n_rows >= BATCH_ROWS || out->n_sentences == total)) {
                ok = batch_prove(p, b.ids, b.target, b.start, b.n_seqs);
                b.n_rows = b.n_seqs = 0;
            }
            progress_show(progress, (double)out->n_sentences / total, "proving the SAE");
        }
    progress_clear(progress);
    free(b.ids);
    free(b.target);
    free(b.start);
    return ok;
}

static void conclude(const struct proving *p, struct proof *out)
{
    const struct sums *s = &p->sums;
    double square_of_sum = 0, n = (double)s->n_tokens, n_losses = (double)s->n_losses;
    for (int32_t i = 0; s->x && i < p->spec->n; i++)
        square_of_sum += s->x[i] * s->x[i];
    double spread = s->sq - square_of_sum / n;
    for (enum reading r = READ_AS_IS; r < N_READINGS; r++) {
        out->fvu[r] = reading_applies(p, r) && spread > 0 ? s->sse[r] / spread : NAN;
        if (out->fvu[r] < 0.99 * out->fvu[READ_AS_IS] && !(out->fvu[r] >= out->fvu[out->best]))
            out->best = r;
    }
    out->n_tokens = s->n_tokens;
    out->l0 = s->active / n;
    out->loss_plain = s->loss[0] / n_losses;
    out->loss_sae = s->loss[1] / n_losses;
    out->loss_zero = s->loss[2] / n_losses;
    out->recovered = (out->loss_zero - out->loss_sae) / (out->loss_zero - out->loss_plain);
}

bool proof_run(struct cli *cli, const struct workbench *wb, struct proof *out, struct error *e)
{
    struct proving p = {.wb = wb,
                        .spec = dict_spec(wb->dict),
                        .run = {.backend = wb->backend,
                                .arena = arena_new(wb->backend),
                                .cancel = interrupt_flag()}};
    *out = (struct proof){0};
    facts_fill(out, p.spec);
    bool ok = wb->n_sets > 0 && prove_sets(&p, out, &cli->progress);
    if (ok)
        conclude(&p, out);
    else if (wb->n_sets == 0)
        error_set(e, ERROR_INPUT,
                  "proving %s: found no reference sentences, expected a bundle with some",
                  wb->sae_name);
    else
        *e = p.run.err;
    free(p.host);
    free(p.rebuilt);
    free(p.sums.x);
    arena_free(p.run.arena);
    return ok;
}

void proof_text(const struct proof *p, struct strbuf *out)
{
    for (int i = 0; i < DICT_N_FACTS; i++) {
        strbuf_addf(out, "  %-14s%-18s(", p->fact[i].name, p->fact[i].value);
        text_add(out, p->fact[i].source, strlen(p->fact[i].source), 0);
        strbuf_adds(out, ")\n");
    }
    strbuf_addf(out, "  on %d reference sentences, %lld tokens:\n", p->n_sentences,
                (long long)p->n_tokens);
    strbuf_addf(out, "  FVU           %.4f\n  L0            %.2f\n", p->fvu[READ_AS_IS], p->l0);
    strbuf_addf(out, "  loss          plain %.4f, reconstruction %.4f, zeros %.4f nats a token\n",
                p->loss_plain, p->loss_sae, p->loss_zero);
    strbuf_addf(out, "  recovered     %.1f %% of the loss\n", 100 * p->recovered);
    for (enum reading r = READ_CENTRE; r < N_READINGS; r++)
        if (isfinite(p->fvu[r]))
            strbuf_addf(out, "  FVU           %.4f %s\n", p->fvu[r], reading_says[r]);
    if (p->best != READ_AS_IS)
        strbuf_addf(out, "  warning: the file fits better %s: FVU %.4f instead of %.4f\n",
                    reading_says[p->best], p->fvu[p->best], p->fvu[READ_AS_IS]);
}

json_t *proof_json(const struct proof *p)
{
    json_t *facts = json_object(), *readings = json_object();
    for (int i = 0; i < DICT_N_FACTS; i++)
        json_object_set_new(facts, p->fact[i].name,
                            json_pack("{s:o, s:o}", "value", json_text(p->fact[i].value), "source",
                                      json_text(p->fact[i].source)));
    for (enum reading r = READ_AS_IS; r < N_READINGS; r++)
        json_object_set_new(readings, reading_name[r], json_number(p->fvu[r]));
    return json_pack("{s:o, s:i, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "facts", facts,
                     "sentences", (int)p->n_sentences, "tokens", (json_int_t)p->n_tokens, "fvu",
                     json_number(p->fvu[READ_AS_IS]), "l0", json_number(p->l0), "loss_plain",
                     json_number(p->loss_plain), "loss_sae", json_number(p->loss_sae), "loss_zero",
                     json_number(p->loss_zero), "loss_recovered", json_number(p->recovered),
                     "fvu_readings", readings, "better_reading",
                     p->best == READ_AS_IS ? json_null() : json_string(reading_name[p->best]));
}

#include "tests/support/session_oracle.h"
#include "engine/base/hash.h"
#include "engine/base/memory.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka.h wants the headers above it. */
#include <cmocka.h>

void session_run_to_idle(struct session *s)
{
    int64_t steps = 0;
    while (session_step(s, NULL) != STAGE_IDLE)
        if (++steps > 2000000)
            fail_msg("the session never comes to rest");
    if (error_is_set(session_error(s)))
        fail_msg("session: %s", session_error(s)->text);
}

static void near(double a, double b, double tol, const char *what, long i)
{
    if (isnan(a) && isnan(b))
        return;
    double scale = fabs(b) > 1 ? fabs(b) : 1;
    if (!(fabs(a - b) <= tol * scale))
        fail_msg("%s %ld: %.9g, expected %.9g", what, i, a, b);
}

static void same(int64_t a, int64_t b, const char *what, long i)
{
    if (a != b)
        fail_msg("%s %ld: %lld, expected %lld", what, i, (long long)a, (long long)b);
}

/* ---- snapshot against snapshot */
static void same_latents(const struct line_latents *a, const struct line_latents *b, double tol)
{
    assert_true(a->complete && b->complete);
    same(a->n, b->n, "rows of latents", 0);
    same(a->n_watch, b->n_watch, "watched units", 0);
    for (int32_t j = 0; j < a->n_watch; j++)
        same(a->watch[j].index, b->watch[j].index, "watched unit", j);
    for (int32_t t = 0; t < a->n; t++) {
        const struct active_latent *x, *y;
        int32_t n = latents_of_token(a, t, &x);
        same(n, latents_of_token(b, t, &y), "active latents of token", t);
        for (int32_t i = 0; i < n; i++) {
            near((double)x[i].value, (double)y[i].value, tol, "top value", i);
            if (x[i].id != y[i].id) /* only a tie may be told the other way */
                near((double)x[i].value, (double)y[i].value, 1e-5, "value of another top latent",
                     i);
        }
    }
    for (int32_t i = 0; i < a->n * a->n_watch; i++) {
        near((double)a->pre[i], (double)b->pre[i], tol, "pre-activation", i);
        near((double)a->act[i], (double)b->act[i], tol, "activation", i);
    }
    near(a->sse, b->sse, tol, "sse", 0);
    near(a->sum_sq, b->sum_sq, tol, "sum of squares", 0);
}

static void same_refset(const struct refset_view *a, const struct refset_view *b, double tol,
                        long c)
{
    same(a->n, b->n, "measured sentences of class", c);
    same(a->n_total, b->n_total, "sentences of class", c);
    same(a->base_valid, b->base_valid, "base valid of class", c);
    same(a->fixed_valid, b->fixed_valid, "fixed valid of class", c);
    same(a->key == b->key, 1, "key of class", c);
    near(a->base.mean, b->base.mean, tol, "base mean of class", c);
    near(a->base.half, b->base.half, tol, "base half width of class", c);
    near(a->fixed.mean, b->fixed.mean, tol, "fixed mean of class", c);
    near(a->fixed.half, b->fixed.half, tol, "fixed half width of class", c);
    near(a->diff.mean, b->diff.mean, tol, "difference of class", c);
    near(a->diff.half, b->diff.half, tol, "half width of the difference of class", c);
}

static void same_next(const struct next_list *a, const struct next_list *b, double tol)
{
    same(a->n, b->n, "predictions", 0);
    for (int32_t i = 0; i < a->n; i++)
        near((double)a->p[i], (double)b->p[i], tol, "probability of prediction", i);
}

static void same_pair(const struct pair_view *a, const struct pair_view *b, double tol)
{
    same(a->of.wanted, b->of.wanted, "a unit on and off", 0);
    same(a->listed, b->listed, "lists", 0);
    same(a->next_token, b->next_token, "token of the lists", 0);
    if (!a->of.wanted)
        return;
    same(a->line, b->line, "line of the pair", 0);
    for (int i = 0; i < 2; i++) {
        same(a->loss[i] && a->loss[i]->key == a->key[i] && a->loss[i]->complete,
             b->loss[i] && b->loss[i]->key == b->key[i] && b->loss[i]->complete, "losses of a pair",
             i);
        for (int32_t t = 0; a->loss[i] && b->loss[i] && t < a->loss[i]->n; t++)
            near((double)a->loss[i]->loss[t], (double)b->loss[i]->loss[t], tol,
                 "loss of token in a pair", t);
    }
    for (int l = 0; l < N_LIKELY && a->listed; l++)
        for (int32_t i = 0; i < a->n[l] && i < b->n[l]; i++) {
            const struct likely_token *x = &a->token[l * a->top + i],
                                      *y = &b->token[l * b->top + i];
            if (x->id == y->id) {
                near((double)x->a, (double)y->a, tol, "token of a list", i);
                near((double)x->b, (double)y->b, tol, "token of a list", i);
            }
        }
}

void snapshot_check_same(const struct snapshot *a, const struct snapshot *b, double tol)
{
    same(a->n_lines, b->n_lines, "lines", 0);
    same(a->n_tokens, b->n_tokens, "tokens", 0);
    same(a->tokens.valid && a->latents.valid, 1, "complete", 0);
    same(a->loss.valid, b->loss.valid, "losses complete", 0);
    same(a->next.valid, b->next.valid, "predictions complete", 0);
    same(a->next_token, b->next_token, "token predicted from", 0);
    same((int64_t)a->next_at, (int64_t)b->next_at, "byte predicted from", 0);
    for (int32_t i = 0; i < a->n_lines; i++) {
        const struct line_view *v = &a->line[i], *w = &b->line[i];
        same((int64_t)v->start, (int64_t)w->start, "start of line", i);
        same((int64_t)v->end, (int64_t)w->end, "end of line", i);
        same(v->first_token, w->first_token, "first token of line", i);
        same(v->tokens->n, w->tokens->n, "tokens of line", i);
        same(v->tokens->n_windows, w->tokens->n_windows, "windows of line", i);
        for (int32_t t = 0; t < v->tokens->n; t++)
            same(memcmp(&v->tokens->token[t], &w->tokens->token[t], sizeof(struct token)), 0,
                 "token", t);
        same_latents(v->latents, w->latents, tol);
        for (int lane = 0; lane < N_LANES; lane++) {
            if (!a->loss.valid)
                continue;
            assert_true(v->loss[lane]->complete && v->loss[lane]->key == a->lane_key[lane]);
            same(v->loss[lane]->n, w->loss[lane]->n, "losses of line", i);
            for (int32_t t = 0; t < v->tokens->n; t++)
                near((double)v->loss[lane]->loss[t], (double)w->loss[lane]->loss[t], tol,
                     "loss of token", t);
        }
    }
    for (int lane = 0; lane < N_LANES; lane++) {
        same(a->lane_key[lane] == b->lane_key[lane], 1, "key of lane", lane);
        near(a->loss_mean[lane], b->loss_mean[lane], tol, "mean loss of lane", lane);
    }
    near(a->fvu, b->fvu, tol, "fvu", 0);
    for (int32_t k = 0; k < DICT_SET_MAX; k++) {
        same(!a->further[k].line, !b->further[k].line, "codes of a further place", k);
        for (int32_t i = 0; a->further[k].line && i < a->n_lines; i++)
            same_latents(a->further[k].line[i], b->further[k].line[i], tol);
        if (a->further[k].line)
            near(a->further[k].fvu, b->further[k].fvu, tol, "fvu of a further place", k);
    }
    for (int32_t c = 0; c < a->n_refsets && a->refsets.valid; c++)
        same_refset(&a->refset[c], &b->refset[c], tol, c);
    if (a->loss.valid)
        same_pair(&a->pair, &b->pair, tol);
    if (a->next.valid && a->next_token >= 0) {
        same_next(&a->next_plain, &b->next_plain, tol);
        same_next(&a->next_base, &b->next_base, tol);
        same_next(&a->next_fixed, &b->next_fixed, tol);
    }
}

static uint64_t digest_latents(uint64_t h, const struct line_latents *l)
{
    size_t n = (size_t)l->n;
    for (int32_t t = 0; t < l->n; t++) {
        const struct active_latent *active;
        int32_t n_active = latents_of_token(l, t, &active);
        h = hash_bytes(h, active, (size_t)n_active * sizeof *active);
    }
    h = hash_bytes(h, l->watch, (size_t)l->n_watch * sizeof *l->watch);
    h = hash_bytes(h, l->pre, n * (size_t)l->n_watch * sizeof *l->pre);
    h = hash_bytes(h, l->act, n * (size_t)l->n_watch * sizeof *l->act);
    h = hash_bytes(h, &l->complete, sizeof l->complete);
    return hash_bytes(h, &l->sse, sizeof l->sse);
}

uint64_t snapshot_digest(const struct snapshot *p)
{
    uint64_t h = hash_bytes(HASH_SEED, p->text, p->n_text);
    for (int32_t i = 0; i < p->n_lines; i++) {
        const struct line_view *v = &p->line[i];
        if (v->tokens)
            h = hash_bytes(h, v->tokens->token, (size_t)v->tokens->n * sizeof(struct token));
        if (v->latents)
            h = digest_latents(h, v->latents);
        for (int32_t k = 0; k < DICT_SET_MAX; k++)
            if (p->further[k].line)
                h = digest_latents(h, p->further[k].line[i]);
        for (int lane = 0; lane < N_LANES; lane++)
            if (v->loss[lane]) {
                h = hash_bytes(h, v->loss[lane]->loss, (size_t)v->loss[lane]->n * sizeof(float));
                h = hash_bytes(h, &v->loss[lane]->key, sizeof v->loss[lane]->key);
                h = hash_bytes(h, &v->loss[lane]->complete, sizeof(bool));
            }
    }
    for (int i = 0; i < 2; i++)
        if (p->pair.loss[i])
            h = hash_bytes(h, p->pair.loss[i]->loss, (size_t)p->pair.loss[i]->n * sizeof(float));
    return h;
}

/* ---- the long way */
struct direct {
    const struct tiny_model *t;
    const struct wish *wish;
    struct run run;
    const struct dict *dict; /* the shown one; NULL: none */
    struct unit unit[UNITS_MAX];
    int32_t n_units;
    double tol, *sum_x, sum_sq, sse;
    int64_t n_x;
};

enum { SEQ_MAX = 4096, LANE_ON = N_LANES, LANE_OFF, ALL_LANES };
struct sequence { /* one window, all of it */
    int32_t ids[SEQ_MAX], n;
    float loss[ALL_LANES][SEQ_MAX];
    struct tensor h[ALL_LANES], x[DICT_SET_MAX], y[DICT_SET_MAX], pre[DICT_SET_MAX]; /* by place */
    struct code f[DICT_SET_MAX];
};

/* The hooks of a lane, place by place; of the plain one those that look. */
static int32_t lane_hooks(struct direct *d, struct sequence *q, int lane, struct hook *hook,
                          struct unit *unit)
{
    const struct dict_set *set = &d->t->set;
    int32_t n = 0;
    for (int32_t i = 0; i < set->n; i++) {
        const struct dict_place *p = &set->place[i];
        bool inserted =
            !p->neurons && lane < N_LANES && insertion_at(d->wish->insert, i) == INSERT_SAE;
        struct hook h = {.at = p->at, .op = HOOK_GET, .io = &q->y[i]};
        if (lane == LANE_PLAIN)
            hook[n++] =
                (struct hook){.at = dict_reads(p->dict, p->at), .op = HOOK_GET, .io = &q->x[i]};
        if (lane != LANE_PLAIN)
            h = (struct hook){
                .at = p->at, .op = HOOK_INSERT, .dict = p->dict, .keep_error = !inserted};
        h.units = unit;
        for (int32_t u = 0; lane == LANE_FIXED && u < d->n_units; u++)
            if (d->unit[u].id.dict == i)
                *unit++ = d->unit[u], h.n_units++;
        if (lane >= LANE_ON && d->wish->pair.unit.dict == i)
            *unit++ = (struct unit){d->wish->pair.unit, d->wish->pair.at[lane - LANE_ON], UNIT_FIX},
            h.n_units++;
        if (lane == LANE_PLAIN || inserted || h.n_units > 0)
            hook[n++] = h;
    }
    return n;
}

static bool has_pair(const struct direct *d)
{
    const struct pair *p = &d->wish->pair;
    return p->wanted && d->t->set.n > 0 && p->unit.index < d->t->set.place[p->unit.dict].m;
}

static void compute(struct direct *d, struct sequence *q)
{
    const struct tiny_model *t = d->t;
    struct run *r = &d->run;
    int32_t target[SEQ_MAX];
    for (int32_t i = 0; i < q->n; i++)
        target[i] = i + 1 < q->n ? q->ids[i + 1] : -1;
    int32_t start[2] = {0, q->n};
    struct batch batch = {.n_rows = q->n, .ids = q->ids, .seqs = {.n = 1, .start = start}};
    for (int lane = 0; lane < (has_pair(d) ? ALL_LANES : N_LANES); lane++) {
        struct hook hook[2 * DICT_SET_MAX];
        struct unit unit[UNITS_MAX];
        struct state end = {0};
        int32_t n_hooks = lane_hooks(d, q, lane, hook, unit);
        model_forward(r, t->model, &batch, NULL, model_end(t->model), hook, n_hooks, &end);
        q->h[lane] = end.value;
        float shifted[SEQ_MAX];
        model_loss(r, t->model, end.value, target, shifted);
        q->loss[lane][0] = NAN;
        memcpy(q->loss[lane] + 1, shifted, (size_t)(q->n - 1) * sizeof(float));
    }
    for (int32_t i = 0; i < t->set.n; i++)
        dict_encode(r, t->set.place[i].dict, q->x[i], &q->f[i], &q->pre[i]);
    if (!run_ok(r))
        fail_msg("the long way: %s", r->err.text);
}

static bool is_identity(const struct direct *d)
{
    return dict_spec(d->dict)->identity;
}

static void check_sums(struct direct *d, const struct sequence *q, bool bos)
{
    int32_t n = dict_spec(d->dict)->n_out;
    float *x = xcalloc((size_t)q->n * (size_t)n, sizeof *x),
          *y = xcalloc((size_t)q->n * (size_t)n, sizeof *y);
    run_get(&d->run, x, q->y[d->wish->dict]);
    run_get(&d->run, y, dict_decode(&d->run, d->dict, &q->f[d->wish->dict]));
    for (int32_t i = bos ? 1 : 0; i < q->n; i++, d->n_x++)
        for (int32_t j = 0; j < n; j++) {
            double a = (double)x[i * n + j], b = (double)y[i * n + j];
            d->sum_x[j] += a;
            d->sum_sq += a * a;
            d->sse += (a - b) * (a - b);
        }
    free(x);
    free(y);
}

/* The watched units, at whatever place. */
static void check_watched(struct direct *d, const struct sequence *q, const struct line_latents *l,
                          int32_t first)
{
    for (int32_t j = 0; j < l->n_watch; j++) {
        const struct unit_id u = l->watch[j];
        if (u.dict < 0)
            continue;
        const int32_t index = u.index;
        float *pre = xcalloc((size_t)q->n, sizeof *pre), *act = xcalloc((size_t)q->n, sizeof *act);
        run_get(&d->run, pre,
                op_cols_get(&d->run, q->pre[u.dict], run_put_ids(&d->run, 1, 1, &index)));
        run_get(&d->run, act,
                dict_values(&d->run, d->t->set.place[u.dict].dict, &q->f[u.dict], &index, 1));
        for (int32_t i = 0; i < q->n; i++) {
            size_t cell = (size_t)(first + i) * (size_t)l->n_watch + (size_t)j;
            near((double)l->pre[cell], (double)pre[i], d->tol, "watched pre-activation of row", i);
            near((double)l->act[cell], (double)act[i], d->tol, "watched activation of row", i);
        }
        free(pre);
        free(act);
    }
}

static void check_latents(struct direct *d, const struct sequence *q, const struct line_latents *l,
                          int32_t first)
{
    const int32_t m = dict_spec(d->dict)->m, place = d->wish->dict;
    struct csr_host c = {0};
    float *pre = xcalloc((size_t)q->n * (size_t)m, sizeof *pre);
    run_get(&d->run, pre, q->pre[place]);
    if (!is_identity(d))
        assert_true(run_get_csr(&d->run, &c, &q->f[place].sparse));
    for (int32_t i = 0; i < q->n; i++) {
        const struct active_latent *active;
        int32_t n = latents_of_token(l, first + i, &active), above = 0;
        for (int32_t u = 0; u < m; u++)
            above += pre[i * m + u] > 0;
        if (!is_identity(d))
            same(n, c.start[i + 1] - c.start[i], "active latents of row", i);
        else if (n < 32) /* but for rounding */
            assert_in_range(above, n > 0 ? n - 1 : 0, n + 1);
        for (int32_t j = 0; j < n; j++) {
            float v = active[j].value;
            near((double)v, (double)pre[i * m + active[j].id], d->tol,
                 "value of a top latent of row", i);
            if (!is_identity(d))
                near((double)v, (double)c.vals[c.start[i] + j], d->tol, "ranked value of row", i);
            else
                assert_true(v > 0 && (j == 0 || v <= active[j - 1].value));
        }
    }
    free(pre);
    csr_host_release(&c);
    same(l->dict, place, "dictionary of the latents", 0);
    check_watched(d, q, l, first);
}

static void check_next(struct direct *d, const struct sequence *q, const struct snapshot *p,
                       int32_t row)
{
    const struct next_list *list[] = {&p->next_plain, &p->next_base, &p->next_fixed};
    for (int lane = 0; lane < N_LANES; lane++) {
        int32_t n = list[lane]->n, id[SESSION_MAX_NEXT];
        float logp[SESSION_MAX_NEXT];
        same(n, d->wish->n_next, "number of predictions of lane", lane);
        model_topn(&d->run, d->t->model, tensor_rows(q->h[lane], row, 1), n, id, logp);
        for (int32_t i = 0; i < n; i++)
            near((double)list[lane]->p[i], exp((double)logp[i]), d->tol,
                 "probability of prediction", i);
    }
}

/* The values of a list, largest first, of the tokens that are kept. */
static int32_t best_of(const struct direct *d, const float *a, const float *b, int list,
                       double *out)
{
    const int32_t n = tokenizer_n_vocab(d->t->tokenizer), top = d->wish->n_next;
    int32_t found = 0;
    for (int32_t id = 0; id < n; id++) {
        const double x = (double)a[id], y = (double)b[id],
                     by = list == LIKELY_A         ? x
                          : list == LIKELY_B       ? y
                          : list == LIKELY_BOOSTED ? x - y
                                                   : y - x;
        int32_t at = found;
        if (x <= d->wish->pair.least && y <= d->wish->pair.least)
            continue;
        for (; at > 0 && out[at - 1] < by; at--)
            if (at < top)
                out[at] = out[at - 1];
        if (at < top)
            out[at] = by;
        found += found < top;
    }
    return found;
}

static void check_lists(struct direct *d, const struct sequence *q, const struct pair_view *v,
                        int32_t row)
{
    const size_t n = (size_t)model_config(d->t->model)->n_vocab;
    float *logp[2];
    for (int i = 0; i < 2; i++) {
        double sum = 0;
        logp[i] = xcalloc(n, sizeof *logp[i]);
        model_logits(&d->run, d->t->model, tensor_rows(q->h[LANE_ON + i], row, 1), logp[i]);
        for (size_t id = 0; id < n; id++)
            sum += exp((double)logp[i][id]);
        for (size_t id = 0; id < n; id++)
            logp[i][id] = (float)((double)logp[i][id] - log(sum));
    }
    for (int list = 0; list < N_LIKELY; list++) {
        double by[SESSION_MAX_NEXT + 1];
        const int32_t m = best_of(d, logp[0], logp[1], list, by);
        if (d->wish->pair.least < -100) /* with a bound a token at it may be told either way */
            same(v->n[list], m, "tokens of a list", list);
        for (int32_t i = 0; i < m && i < v->n[list]; i++) {
            const struct likely_token *t = &v->token[list * v->top + i];
            const double a = (double)t->a, b = (double)t->b;
            near((double)logp[0][t->id], a, d->tol, "log-probability with the unit on", i);
            near((double)logp[1][t->id], b, d->tol, "log-probability with the unit off", i);
            near(list == LIKELY_A         ? a
                 : list == LIKELY_B       ? b
                 : list == LIKELY_BOOSTED ? a - b
                                          : b - a,
                 by[i], 2 * d->tol, "value of a list's token", i);
        }
    }
    free(logp[0]);
    free(logp[1]);
}

static void check_pair(struct direct *d, const struct sequence *q, const struct snapshot *p,
                       int32_t first)
{
    const struct pair_view *v = &p->pair;
    for (int i = 0; i < 2 && p->loss.valid; i++) {
        assert_true(v->loss[i] && v->loss[i]->complete && v->loss[i]->key == v->key[i]);
        for (int32_t t = 0; t < q->n; t++)
            near((double)v->loss[i]->loss[first + t], (double)q->loss[LANE_ON + i][t], d->tol,
                 "loss of token with the unit on or off", first + t);
    }
    const int32_t row = v->next_token - p->line[v->line].first_token - first;
    same(v->listed, p->loss.valid && d->wish->n_next > 0 && p->next_token >= 0, "lists", 0);
    if (v->listed && row >= 0 && row < q->n)
        check_lists(d, q, v, row);
}

static void check_line(struct direct *d, const struct snapshot *p, int32_t line)
{
    const struct line_view *v = &p->line[line];
    struct token *raw = NULL;
    size_t n_raw = 0, cap = 0;
    tokenizer_encode(d->t->tokenizer, d->wish->text + v->start, v->end - v->start, d->wish->special,
                     &raw, &n_raw, &cap);
    int32_t bos = d->wish->bos ? 1 : 0, n_ctx = model_config(d->t->model)->n_ctx, next = 0, at = 0;
    struct sequence *q = xcalloc(1, sizeof *q);
    while (next < (int32_t)n_raw || (at == 0 && bos)) {
        arena_reset(d->run.arena, (struct arena_mark){0, 0});
        q->n = 0;
        if (bos)
            q->ids[q->n++] = tokenizer_eot(d->t->tokenizer);
        while (q->n < n_ctx && next < (int32_t)n_raw)
            q->ids[q->n++] = raw[next++].id;
        assert_true(at + q->n <= v->tokens->n);
        for (int32_t i = 0; i < q->n; i++)
            same(v->tokens->token[at + i].id, q->ids[i], "id of token", at + i);
        compute(d, q);
        for (int lane = 0; lane < N_LANES && p->loss.valid; lane++)
            for (int32_t i = 0; i < q->n; i++)
                near((double)v->loss[lane]->loss[at + i], (double)q->loss[lane][i], d->tol,
                     "loss of token", at + i);
        if (d->dict) {
            check_latents(d, q, v->latents, at);
            check_sums(d, q, bos);
        }
        int32_t row = p->next_token - v->first_token - at;
        if (p->next.valid && p->next_token >= 0 && row >= 0 && row < q->n)
            check_next(d, q, p, row);
        if (has_pair(d) && p->pair.line == line)
            check_pair(d, q, p, at);
        at += q->n;
    }
    same(v->tokens->n, at, "tokens of line", line);
    free(q);
    free(raw);
}

/* Mean loss of a sentence under a lane; NaN when it has none. */
static void sentence_means(struct direct *d, const char *text, double mean[N_LANES])
{
    struct token *raw = NULL;
    size_t n = 0, cap = 0;
    tokenizer_encode(d->t->tokenizer, text, strlen(text), d->wish->special, &raw, &n, &cap);
    struct sequence *q = xcalloc(1, sizeof *q);
    arena_reset(d->run.arena, (struct arena_mark){0, 0});
    if (d->wish->bos)
        q->ids[q->n++] = tokenizer_eot(d->t->tokenizer);
    for (size_t i = 0; i < n; i++)
        q->ids[q->n++] = raw[i].id;
    free(raw);
    assert_true(q->n <= model_config(d->t->model)->n_ctx);
    for (int lane = 0; lane < N_LANES; lane++)
        mean[lane] = NAN;
    if (q->n > 1) {
        compute(d, q);
        for (int lane = 0; lane < N_LANES; lane++) {
            mean[lane] = 0;
            for (int32_t i = 1; i < q->n; i++)
                mean[lane] += (double)q->loss[lane][i] / (q->n - 1);
        }
    }
    free(q);
}

static void check_refset(struct direct *d, const struct reference_set *set,
                         const struct refset_view *v)
{
    double sum[N_LANES] = {0};
    int32_t n = 0;
    for (int32_t i = 0; i < set->n; i++) {
        double mean[N_LANES];
        sentence_means(d, set->sentence[i], mean);
        if (isnan(mean[LANE_PLAIN]))
            continue;
        n++;
        for (int lane = 0; lane < N_LANES; lane++)
            sum[lane] += mean[lane];
    }
    same(v->n_total, n, "sentences with a loss", 0);
    same(v->n, n, "measured sentences", 0);
    assert_true(v->base_valid && v->fixed_valid);
    near(v->base.mean, sum[LANE_BASE] / n, d->tol, "reference base", 0);
    near(v->fixed.mean, sum[LANE_FIXED] / n, d->tol, "reference fixed", 0);
    near(v->diff.mean, (sum[LANE_FIXED] - sum[LANE_BASE]) / n, d->tol, "reference difference", 0);
}

void session_check_direct(const struct tiny_model *t, const struct reference_set *set,
                          int32_t n_sets, const struct wish *wish, const struct snapshot *p,
                          double tol)
{
    struct direct d = {.t = t, .wish = wish, .tol = tol};
    d.run = (struct run){.queue = t->queue, .arena = arena_new(t->queue)};
    d.sum_x = xcalloc(1 << 12, sizeof *d.sum_x);
    d.dict = t->set.n > 0 ? t->set.place[wish->dict].dict : NULL;
    for (int32_t i = 0; i < wish->n_units && d.dict; i++)
        if (wish->unit[i].fixed && wish->unit[i].id.index >= 0 &&
            wish->unit[i].id.index < t->set.place[wish->unit[i].id.dict].m)
            d.unit[d.n_units++] = (struct unit){wish->unit[i].id, wish->unit[i].value, UNIT_FIX};
    same(p->pair.of.wanted, has_pair(&d), "a unit on and off", 0);
    for (int32_t i = 0; i < p->n_lines; i++)
        check_line(&d, p, i);
    if (d.dict) {
        double mean_sq = 0;
        for (int32_t j = 0; j < dict_spec(d.dict)->n_out; j++)
            mean_sq += d.sum_x[j] * d.sum_x[j];
        double total = d.n_x > 0 ? d.sum_sq - mean_sq / (double)d.n_x : 0;
        near(p->fvu, d.n_x > 1 && total > 1e-10 * d.sum_sq ? d.sse / total : NAN, tol, "fvu", 0);
    }
    for (int32_t c = 0; c < n_sets && p->refsets.valid; c++)
        check_refset(&d, &set[c], &p->refset[c]);
    free(d.sum_x);
    arena_free(d.run.arena);
}
